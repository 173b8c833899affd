//! `http`, `http_get` and `http_post`: what a script asks of the web, and how its run waits for the answer. How their options are
//! read is not here.

use std::collections::BTreeMap;
use std::rc::Rc;

use rhai::{Dynamic, Engine, Map, NativeCallContext};

use super::http_options;
use crate::protocol::Safety;
use crate::runtime::context::services::Services;
use crate::runtime::engine::thrown::ScriptResult;
use crate::runtime::run::answer::Answer;
use crate::runtime::run::call::{HostCall, Impact};
use crate::runtime::run::host_call;
use crate::runtime::run::wait::CallSite;
use crate::runtime::run::web_wait;
use crate::runtime::run::{self, Run};
use crate::runtime::web::{WebRefusal, WebRequest, answer};

/// Registers the functions.
pub(crate) fn register(engine: &mut Engine, services: &Rc<Services>) {
    let own = Rc::clone(services);
    engine.register_fn("http", move |context: NativeCallContext, options: Map| {
        send(&own, "http", http_options::request(&options), CallSite::of(&context))
    });
    let own = Rc::clone(services);
    engine.register_fn("http_get", move |context: NativeCallContext, url: Dynamic| {
        send(&own, "http_get", http_options::get(url, Map::new()), CallSite::of(&context))
    });
    let own = Rc::clone(services);
    engine.register_fn("http_get", move |context: NativeCallContext, url: Dynamic, options: Map| {
        send(&own, "http_get", http_options::get(url, options), CallSite::of(&context))
    });
    let own = Rc::clone(services);
    engine.register_fn("http_post", move |context: NativeCallContext, url: Dynamic, body: Dynamic| {
        send(&own, "http_post", http_options::post(url, body, Map::new()), CallSite::of(&context))
    });
    let own = Rc::clone(services);
    engine.register_fn("http_post", move |context: NativeCallContext, url: Dynamic, body: Dynamic, options: Map| {
        send(&own, "http_post", http_options::post(url, body, options), CallSite::of(&context))
    });
}

/// Sends what a function was given, and waits for the answer.
fn send(
    services: &Services,
    function: &'static str,
    request: Result<WebRequest, WebRefusal>,
    place: CallSite<'_>,
) -> ScriptResult {
    let thrown = |refusal: WebRefusal| refusal.thrown(function);
    let request = &request.map_err(thrown)?;
    let impact = if request.only_looks() { Impact::Wait } else { Impact::Effect(Safety::Effect) };
    let prepare = |run: &Rc<Run>, wait: &dyn Fn(Option<&str>)| {
        services.web.admit(request).map_err(thrown)?;
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
