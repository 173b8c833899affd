//! Requests as scripts write them down: the options of `http` and of its short forms. What comes of a request is not here.

use std::str::FromStr;

use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use rhai::{Array, Dynamic, ImmutableString, Map};
use url::form_urlencoded::{Serializer, Target};

use crate::language::spelling::did_you_mean;
use crate::language::web;
use crate::runtime::engine::values;
use crate::runtime::web::{OWN_HEADERS, WebRefusal, WebRequest, parse};

/// What a text is sent as.
pub(super) const TEXT: &str = "text/plain; charset=utf-8";

/// What other values are sent as.
pub(super) const JSON: &str = "application/json";

/// What a form is sent as.
const FORM: &str = "application/x-www-form-urlencoded";

/// Reads the options of `http`.
///
/// # Errors
/// When one is wrong, missing, or one too many. A wrong value that may be a secret is not in the message.
pub(super) fn request(options: &Map) -> Result<WebRequest, WebRefusal> {
    known(options, &web::OPTIONS)?;
    let url = text(options, "url")?.ok_or_else(|| WebRefusal::malformed("the option url is missing: where to?"))?;
    let mut url = parse(&url)?;
    if let Some(query) = options.get("query") {
        pairs("query", query, &mut url.query_pairs_mut())?;
    }
    let method = match text(options, "method")? {
        Some(name) => web::method(&name).map_err(of("method"))?,
        None => "GET",
    };
    let mut headers = headers(options)?;
    if let Some(token) = text(options, "bearer")? {
        if headers.contains_key(AUTHORIZATION) {
            return Err(WebRefusal::malformed("found bearer and the header Authorization, expected one of them"));
        }
        headers.insert(AUTHORIZATION, header_value("bearer", &format!("Bearer {token}"))?);
    }
    let (body, kind) = body(options)?.unzip();
    if let Some(kind) = kind {
        if web::only_looks(method) {
            return Err(WebRefusal::malformed(web::no_body_for(method)));
        }
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(kind));
    }
    let method = Method::from_bytes(method.as_bytes()).expect("the methods of the table can be sent");
    let timeout = text(options, "timeout")?;
    let charset = text(options, "charset")?;
    Ok(WebRequest {
        headers,
        body: body.unwrap_or_default(),
        patience: timeout.map(|timeout| web::timeout(&timeout)).transpose().map_err(of("timeout"))?,
        charset: charset.map(|charset| web::charset(&charset)).transpose().map_err(of("charset"))?,
        ..WebRequest::new("http", method, url)
    })
}

/// Reads the options of the short forms, which are headers.
///
/// # Errors
/// When one is wrong.
pub(super) fn headers_alone(options: &Map) -> Result<HeaderMap, WebRefusal> {
    if let Some(unknown) = options.keys().find(|name| *name != "headers") {
        let more = if web::OPTIONS.contains(&unknown.as_str()) { "; http(#{ … }) has it" } else { "" };
        return Err(WebRefusal::malformed(format!("there is no option {unknown}; there is headers{more}")));
    }
    headers(options)
}

/// The headers that a script gives. A wrong one is named without its value.
fn headers(options: &Map) -> Result<HeaderMap, WebRefusal> {
    let mut headers = HeaderMap::new();
    let Some(given) = options.get("headers") else { return Ok(headers) };
    let wanted = "headers needs a map of strings such as #{Authorization: \"Bearer …\"}";
    let given = given
        .read_lock::<Map>()
        .ok_or_else(|| WebRefusal::malformed(format!("{wanted}; found {}", values::noun(given))))?;
    for (name, value) in given.iter() {
        let header = HeaderName::from_str(name)
            .map_err(|_| WebRefusal::malformed(format!("\"{name}\" cannot be a header's name")))?;
        if OWN_HEADERS.contains(&header.as_str()) {
            return Err(WebRefusal::malformed(format!("the header {name} is set by Hotline itself")));
        }
        let text = value
            .as_immutable_string_ref()
            .map_err(|_| WebRefusal::malformed(format!("{wanted}; {name} is {}", values::noun(value))))?;
        headers.insert(header, header_value(&format!("the header {name}"), &text)?);
    }
    Ok(headers)
}

/// What a header holds, which no log shows.
fn header_value(of: &str, text: &str) -> Result<HeaderValue, WebRefusal> {
    let mut value =
        HeaderValue::from_str(text).map_err(|_| WebRefusal::malformed(format!("the value of {of} cannot be sent")))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The one body that a script gives, and what it is.
fn body(options: &Map) -> Result<Option<(String, &'static str)>, WebRefusal> {
    let given: Vec<_> = web::BODIES.into_iter().filter_map(|name| Some((name, options.get(name)?))).collect();
    Ok(match given.as_slice() {
        [] => None,
        [("json", value)] => {
            let json = values::to_json(value).map_err(|error| of("json")(error.to_string()))?;
            Some((json, JSON))
        }
        [("form", value)] => {
            let mut form = Serializer::new(String::new());
            pairs("form", value, &mut form)?;
            Some((form.finish(), FORM))
        }
        [_] => text(options, "body")?.map(|text| (text.to_string(), TEXT)),
        [(first, _), (second, _), ..] => {
            let message = format!("found {first} and {second}, expected one body: json, form or body");
            return Err(WebRefusal::malformed(message));
        }
    })
}

/// Writes the names and values of a map as urls and forms have them; a list is the same name again for each of its items.
fn pairs<T: Target>(option: &str, given: &Dynamic, output: &mut Serializer<'_, T>) -> Result<(), WebRefusal> {
    let wanted = format!("{option} needs a map such as #{{ city: \"Osaka\", days: 3 }}");
    let given = given
        .read_lock::<Map>()
        .ok_or_else(|| WebRefusal::malformed(format!("{wanted}; found {}", values::noun(given))))?;
    for (name, value) in given.iter() {
        let mut pair = |value: &Dynamic| {
            if !(value.is_string() || value.is_char() || value.is_int() || value.is_float() || value.is_bool()) {
                return Err(WebRefusal::malformed(format!("{wanted}; {name} is {}", values::noun(value))));
            }
            output.append_pair(name, &value.to_string());
            Ok(())
        };
        match value.read_lock::<Array>() {
            Some(items) => items.iter().try_for_each(pair)?,
            None => pair(value)?,
        }
    }
    Ok(())
}

/// An option that is a text.
fn text(options: &Map, name: &str) -> Result<Option<ImmutableString>, WebRefusal> {
    let Some(value) = options.get(name) else { return Ok(None) };
    let text = value.as_immutable_string_ref().map(|text| text.clone());
    text.map(Some).map_err(|_| WebRefusal::malformed(format!("{name} needs a string; found {}", values::noun(value))))
}

/// Refuses options that nobody knows.
fn known(options: &Map, known: &[&'static str]) -> Result<(), WebRefusal> {
    let Some(unknown) = options.keys().find(|name| !known.contains(&name.as_str())) else { return Ok(()) };
    let meant = did_you_mean(unknown, known.iter().copied());
    let message = format!("there is no option {unknown}; there are {}{meant}", known.join(", "));
    Err(WebRefusal::malformed(message))
}

/// What is wrong with an option.
fn of(option: &str) -> impl Fn(String) -> WebRefusal {
    let option = option.to_owned();
    move |reason| WebRefusal::malformed(format!("{option}: {reason}"))
}
