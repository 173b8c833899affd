//! `http`, `http_get` and `http_post`: what a script asks of the web, and how its run waits for the answer. How their options are
//! read is not here.

use std::collections::BTreeMap;
use std::rc::Rc;

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use rhai::{Dynamic, Engine, ImmutableString, Map, NativeCallContext};

use super::http_options::{self, JSON, TEXT};
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
use crate::runtime::web::{WebRefusal, WebRequest, answer, parse};

/// Registers the functions.
pub(crate) fn register(engine: &mut Engine, services: &Rc<Services>) {
    let own = Rc::clone(services);
    engine.register_fn("http", move |context: NativeCallContext, options: Map| {
        request(&own, &options, CallSite::of(&context))
    });
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
    let url = parse(url).map_err(|refusal| refusal.thrown("http_get"))?;
    let headers = http_options::headers_alone(options).map_err(|refusal| refusal.thrown("http_get"))?;
    send(services, &WebRequest { headers, ..WebRequest::new("http_get", Method::GET, url) }, place)
}

fn post(services: &Services, url: &str, body: &Dynamic, options: &Map, place: CallSite<'_>) -> ScriptResult {
    let thrown = |refusal: WebRefusal| refusal.thrown("http_post");
    let url = parse(url).map_err(thrown)?;
    let mut headers = http_options::headers_alone(options).map_err(thrown)?;
    let (body, kind) = match body.as_immutable_string_ref() {
        Ok(text) => (text.to_string(), TEXT),
        Err(_) if body.is_unit() => (String::new(), TEXT),
        Err(_) => {
            let json =
                values::to_json(body).map_err(|error| thrown(WebRefusal::malformed(format!("the body: {error}"))))?;
            (json, JSON)
        }
    };
    headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(kind));
    send(services, &WebRequest { headers, body, ..WebRequest::new("http_post", Method::POST, url) }, place)
}

fn request(services: &Services, options: &Map, place: CallSite<'_>) -> ScriptResult {
    let request = http_options::request(options).map_err(|refusal| refusal.thrown("http"))?;
    send(services, &request, place)
}

fn send(services: &Services, request: &WebRequest, place: CallSite<'_>) -> ScriptResult {
    let function = request.function;
    let impact = if request.only_looks() { Impact::Wait } else { Impact::Effect(Safety::Effect) };
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
