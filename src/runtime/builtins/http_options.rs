//! Requests as scripts write them down: the options of `http` and of its short forms. What comes of a request is not here.

use std::str::FromStr;

use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use rhai::{Array, Dynamic, Map};
use url::Url;
use url::form_urlencoded::{Serializer, Target};

use crate::language::spelling::did_you_mean;
use crate::language::web;
use crate::runtime::engine::secret::{Reading, ScriptSecret, holds_secret};
use crate::runtime::engine::values;
use crate::runtime::web::{OWN_HEADERS, Veiled, WebContents, WebRefusal, WebRequest, parse};

/// What a text is sent as.
const TEXT: &str = "text/plain; charset=utf-8";

/// What other values are sent as.
const JSON: &str = "application/json";

/// What a form is sent as.
const FORM: &str = "application/x-www-form-urlencoded";

/// What stands for a url of which nothing can be shown, while the rest of its request is read.
const NOWHERE: &str = "http://secret.invalid/";

/// Reads the options of `http`.
///
/// # Errors
/// When one is wrong, missing, or one too many. A wrong value that may be a secret is not in the message.
pub(super) fn request(options: &Map) -> Result<WebRequest, WebRefusal> {
    known(options, &web::OPTIONS)?;
    let method = match text(options, "method", Reading::Plain)? {
        Some(name) => web::method(&name).map_err(of("method"))?,
        None => "GET",
    };
    let request = assembled("http", method, options)?;
    let timeout = text(options, "timeout", Reading::Plain)?;
    let charset = text(options, "charset", Reading::Plain)?;
    Ok(WebRequest {
        patience: timeout.map(|timeout| web::timeout(&timeout)).transpose().map_err(of("timeout"))?,
        charset: charset.map(|charset| web::charset(&charset)).transpose().map_err(of("charset"))?,
        ..request
    })
}

/// Reads what `http_get` is given.
///
/// # Errors
/// When something of it is wrong.
pub(super) fn get(url: Dynamic, options: Map) -> Result<WebRequest, WebRefusal> {
    assembled("http_get", "GET", &short(url, options)?)
}

/// Reads what `http_post` is given.
///
/// # Errors
/// When something of it is wrong.
pub(super) fn post(url: Dynamic, body: Dynamic, options: Map) -> Result<WebRequest, WebRefusal> {
    let mut options = short(url, options)?;
    let is_text = body.is_string() || body.is::<ScriptSecret>();
    match body {
        body if body.is_unit() => options.insert("body".into(), "".into()),
        body => options.insert(if is_text { "body" } else { "json" }.into(), body),
    };
    assembled("http_post", "POST", &options)
}

/// The options of a short form, which are headers, as those of `http`.
fn short(url: Dynamic, mut options: Map) -> Result<Map, WebRefusal> {
    if let Some(unknown) = options.keys().find(|name| *name != "headers") {
        let more = if web::OPTIONS.contains(&unknown.as_str()) { "; http(#{ … }) has it" } else { "" };
        return Err(WebRefusal::malformed(format!("there is no option {unknown}; there is headers{more}")));
    }
    options.insert("url".into(), url);
    Ok(options)
}

/// A request as it is sent, and where it holds secrets, as it is shown.
fn assembled(function: &'static str, method: &'static str, options: &Map) -> Result<WebRequest, WebRefusal> {
    let given = options.get("url").ok_or_else(|| WebRefusal::malformed("the option url is missing: where to?"))?;
    let sent = contents(options, address(given)?, method, Reading::Revealed)?;
    let veiled = match options.values().any(holds_secret) {
        true => {
            // What a secret is a part of need not be a url once that is taken out.
            let shown = text(options, "url", Reading::Veiled)?.and_then(|url| parse(&url).ok());
            // Nor is a host that has a veil in it.
            let shown = shown.filter(|shown| shown.host() == sent.url.host());
            let is_located = shown.is_some();
            let url = shown.unwrap_or_else(|| Url::parse(NOWHERE).expect("it is a url"));
            Some(Box::new(Veiled { contents: contents(options, url, method, Reading::Veiled)?, is_located }))
        }
        false => None,
    };
    let method = Method::from_bytes(method.as_bytes()).expect("the methods of the table can be sent");
    Ok(WebRequest { veiled, ..WebRequest::new(function, method, sent) })
}

/// Where a script says that a request goes. What is wrong with a url that has a secret is not in the message.
fn address(given: &Dynamic) -> Result<Url, WebRefusal> {
    if let Some(text) = Reading::Revealed.of(given) {
        let scheme = Url::parse(&text).is_ok_and(|url| !matches!(url.scheme(), "http" | "https"));
        let unsaid = || WebRefusal::malformed("the url, of which a secret is a part, is none of http or https");
        return parse(&text).map_err(|refusal| if scheme { unsaid() } else { refusal });
    }
    let wanted = |_| WebRefusal::malformed(format!("url needs a string; found {}", values::noun(given)));
    parse(&given.as_immutable_string_ref().map_err(wanted)?)
}

/// What a request holds, its secrets read so.
fn contents(options: &Map, mut url: Url, method: &str, secrets: Reading) -> Result<WebContents, WebRefusal> {
    if let Some(query) = options.get("query") {
        pairs("query", query, &mut url.query_pairs_mut(), secrets)?;
    }
    let mut headers = headers(options, secrets)?;
    if let Some(token) = text(options, "bearer", secrets)? {
        if headers.contains_key(AUTHORIZATION) {
            return Err(WebRefusal::malformed("found bearer and the header Authorization, expected one of them"));
        }
        headers.insert(AUTHORIZATION, header_value("bearer", &format!("Bearer {token}"), secrets)?);
    }
    let (body, kind) = body(options, secrets)?.unzip();
    if let Some(kind) = kind {
        if web::only_looks(method) {
            return Err(WebRefusal::malformed(web::no_body_for(method)));
        }
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(kind));
    }
    Ok(WebContents { url, headers, body: body.unwrap_or_default() })
}

/// The headers that a script gives. A wrong one is named without its value.
fn headers(options: &Map, secrets: Reading) -> Result<HeaderMap, WebRefusal> {
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
        let text = read(value, secrets)
            .ok_or_else(|| WebRefusal::malformed(format!("{wanted}; {name} is {}", values::noun(value))))?;
        headers.insert(header, header_value(&format!("the header {name}"), &text, secrets)?);
    }
    Ok(headers)
}

/// What a header holds, which no log shows.
fn header_value(of: &str, text: &str, secrets: Reading) -> Result<HeaderValue, WebRefusal> {
    let value = match secrets {
        // It is never sent, and the veil is none of the characters that can be.
        Reading::Veiled => HeaderValue::from_bytes(text.as_bytes()),
        Reading::Plain | Reading::Revealed => HeaderValue::from_str(text),
    };
    let mut value = value.map_err(|_| WebRefusal::malformed(format!("the value of {of} cannot be sent")))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The one body that a script gives, and what it is.
fn body(options: &Map, secrets: Reading) -> Result<Option<(String, &'static str)>, WebRefusal> {
    let given: Vec<_> = web::BODIES.into_iter().filter_map(|name| Some((name, options.get(name)?))).collect();
    Ok(match given.as_slice() {
        [] => None,
        [("json", value)] => {
            let json = values::to_json_reading(value, secrets);
            let json = json.map_err(|error| of("json")(error.to_string()))?;
            Some((json, JSON))
        }
        [("form", value)] => {
            let mut form = Serializer::new(String::new());
            pairs("form", value, &mut form, secrets)?;
            Some((form.finish(), FORM))
        }
        [_] => text(options, "body", secrets)?.map(|text| (text, TEXT)),
        [(first, _), (second, _), ..] => {
            let message = format!("found {first} and {second}, expected one body: json, form or body");
            return Err(WebRefusal::malformed(message));
        }
    })
}

/// Writes the names and values of a map as urls and forms have them; a list is the same name again for each of its items.
fn pairs<T: Target>(
    option: &str,
    given: &Dynamic,
    output: &mut Serializer<'_, T>,
    secrets: Reading,
) -> Result<(), WebRefusal> {
    let wanted = format!("{option} needs a map such as #{{ city: \"Osaka\", days: 3 }}");
    let given = given
        .read_lock::<Map>()
        .ok_or_else(|| WebRefusal::malformed(format!("{wanted}; found {}", values::noun(given))))?;
    for (name, value) in given.iter() {
        let mut pair = |value: &Dynamic| {
            let is_plain = value.is_char() || value.is_int() || value.is_float() || value.is_bool();
            let text = read(value, secrets).or_else(|| is_plain.then(|| value.to_string()));
            let wrong = || WebRefusal::malformed(format!("{wanted}; {name} is {}", values::noun(value)));
            output.append_pair(name, &text.ok_or_else(wrong)?);
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
fn text(options: &Map, name: &str, secrets: Reading) -> Result<Option<String>, WebRefusal> {
    let Some(value) = options.get(name) else { return Ok(None) };
    let wrong = || WebRefusal::malformed(format!("{name} needs a string; found {}", values::noun(value)));
    read(value, secrets).map(Some).ok_or_else(wrong)
}

/// A value that is a text, or a secret where one has its place.
fn read(value: &Dynamic, secrets: Reading) -> Option<String> {
    let text = value.as_immutable_string_ref().ok().map(|text| text.to_string());
    text.or_else(|| secrets.of(value))
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
