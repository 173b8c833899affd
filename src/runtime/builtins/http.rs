//! `http_get` and `http_post`: what a script asks of the web, and how its run waits for the answer.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::str::FromStr;

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use rhai::{Dynamic, Engine, ImmutableString, Map, NativeCallContext};

use crate::protocol::Safety;
use crate::runtime::context::services::Services;
use crate::runtime::engine::thrown::ScriptResult;
use crate::runtime::engine::values;
use crate::runtime::run::answer::Answer;
use crate::runtime::run::call::{HostCall, Impact};
use crate::runtime::run::host_call;
use crate::runtime::run::wait::CallSite;
use crate::runtime::run::web_wait;
use crate::runtime::run::{self, Run};
use crate::runtime::web::{OWN_HEADERS, WebRefusal, WebRequest, answer, parse};

/// Registers the functions.
pub(crate) fn register(engine: &mut Engine, services: &Rc<Services>) {
    let own = Rc::clone(services);
    engine.register_fn("http_get", move |context: NativeCallContext, url: ImmutableString| {
        get(&own, &url, &Map::new(), CallSite::of(&context))
    });
    let own = Rc::clone(services);
    engine.register_fn("http_get", move |context: NativeCallContext, url: ImmutableString, options: Map| {
        get(&own, &url, &options, CallSite::of(&context))
    });
    let own = Rc::clone(services);
    engine.register_fn("http_post", move |context: NativeCallContext, url: ImmutableString, body: Dynamic| {
        post(&own, &url, &body, &Map::new(), CallSite::of(&context))
    });
    let own = Rc::clone(services);
    engine.register_fn(
        "http_post",
        move |context: NativeCallContext, url: ImmutableString, body: Dynamic, options: Map| {
            post(&own, &url, &body, &options, CallSite::of(&context))
        },
    );
}

fn get(services: &Services, url: &str, options: &Map, place: CallSite<'_>) -> ScriptResult {
    let thrown = |refusal: WebRefusal| refusal.thrown("http_get");
    let url = parse(url).map_err(thrown)?;
    let headers = headers(options).map_err(thrown)?;
    send(
        services,
        "http_get",
        Impact::Wait,
        &WebRequest { method: Method::GET, url, headers, body: String::new() },
        place,
    )
}

fn post(services: &Services, url: &str, body: &Dynamic, options: &Map, place: CallSite<'_>) -> ScriptResult {
    let thrown = |refusal: WebRefusal| refusal.thrown("http_post");
    let url = parse(url).map_err(thrown)?;
    let mut headers = headers(options).map_err(thrown)?;
    let (body, kind) = match body.as_immutable_string_ref() {
        Ok(text) => (text.to_string(), "text/plain; charset=utf-8"),
        Err(_) if body.is_unit() => (String::new(), "text/plain; charset=utf-8"),
        Err(_) => {
            let json =
                values::to_json(body).map_err(|error| thrown(WebRefusal::malformed(format!("the body: {error}"))))?;
            (json, "application/json")
        }
    };
    headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(kind));
    let request = WebRequest { method: Method::POST, url, headers, body };
    send(services, "http_post", Impact::Effect(Safety::Effect), &request, place)
}

fn send(
    services: &Services,
    function: &'static str,
    impact: Impact,
    request: &WebRequest,
    place: CallSite<'_>,
) -> ScriptResult {
    let thrown = |refusal: WebRefusal| refusal.thrown(function);
    let prepare = |run: &Rc<Run>, wait: &dyn Fn(Option<&str>)| {
        services.web.admit(&request.url).map_err(thrown)?;
        if services.dry_run && impact != Impact::Wait {
            let session = run.session.as_ref().map(|session| session.name.to_string()).unwrap_or_default();
            tracing::info!(session, command = function, host = request.host(), "dry run: not sent");
            return Ok(None);
        }
        web_wait::seat(run, function, wait).map(Some)
    };
    let call = HostCall::new(impact, function).with(request.detail());
    let outcome = host_call::pass_prepared(call, place, prepare, |run, seat| {
        let Some(seat) = seat else { return Ok(Answer::Value(answer(200, BTreeMap::new(), String::new()))) };
        web_wait::fetch(run, seat, function, services.web.fetch(request))?.map(Answer::Value).map_err(thrown)
    });
    // The answer is recorded by now: it is not asked for again while the run waits for its lane.
    if let Some(run) = run::current() {
        web_wait::come_back(&run, function, place)?;
    }
    outcome
}

/// The headers that a script gives. A wrong one is named without its value.
fn headers(options: &Map) -> Result<HeaderMap, WebRefusal> {
    if let Some(unknown) = options.keys().find(|name| *name != "headers") {
        return Err(WebRefusal::malformed(format!("there is no option {unknown}; there is headers")));
    }
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
        let mut text = HeaderValue::from_str(&text)
            .map_err(|_| WebRefusal::malformed(format!("the value of the header {name} cannot be sent")))?;
        text.set_sensitive(true);
        headers.insert(header, text);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    #[test]
    fn the_record_has_no_values_of_headers_query_or_body() {
        let mut given = Map::new();
        given.insert("X-Key".into(), "hush".into());
        let mut options = Map::new();
        options.insert("headers".into(), given.into());
        let url = Url::parse("https://a.example/b?token=hush&n=1#part").expect("a url");
        let headers = headers(&options).expect("headers");
        let request = WebRequest { method: Method::POST, url, headers, body: "hi".into() };
        let detail = request.detail();
        assert!(detail.contains(r#""headers":["x-key"]"#) && detail.contains(r#""query":["token","n"]"#), "{detail}");
        assert!(detail.contains(r#""url":"https://a.example/b""#) && !detail.contains("hush"), "{detail}");
        let other = WebRequest { body: "ho".into(), ..request };
        assert_ne!(other.detail(), detail, "another body is another request");
    }
}
