//! Runs as scripts see them: `run_id`, `is_running`, `wait_for_run`. A turn at something, as `std/turns` has it, is the id of the run that has it.

use std::rc::Rc;
use std::sync::Arc;

use rhai::{Dynamic, Engine, NativeCallContext};

use crate::runtime::context::SessionContext;
use crate::runtime::engine::thrown::{self, ScriptError, ScriptResult};
use crate::runtime::run::Run;
use crate::runtime::run::answer::Answer;
use crate::runtime::run::call::{HostCall, Impact};
use crate::runtime::run::host_call;
use crate::runtime::run::long_wait::detach;
use crate::runtime::run::suspension::EventVerdict;
use crate::runtime::run::wait::CallSite;
use crate::store::RunId;

/// Registers the functions.
pub(crate) fn register(engine: &mut Engine) {
    engine.register_fn("run_id", |context: NativeCallContext| {
        host_call::pass(HostCall::new(Impact::Pure, "run_id"), CallSite::of(&context), |run| {
            session_of(run)?.followed.follow(run.id());
            Ok(Answer::Value(run.id().number().into()))
        })
    });
    engine.register_fn("is_running", |context: NativeCallContext, id: i64| {
        let call = HostCall::new(Impact::Pure, "is_running").with(id.to_string());
        host_call::pass(call, CallSite::of(&context), |run| {
            Ok(Answer::Value(session_of(run)?.goes_on(RunId::new(id)).into()))
        })
    });
    engine.register_fn("wait_for_run", |context: NativeCallContext, id: i64| {
        wait_for_run(RunId::new(id), CallSite::of(&context))
    });
}

fn session_of(run: &Run) -> Result<&Rc<SessionContext>, ScriptError> {
    run.session.as_ref().ok_or_else(|| thrown::misplaced("runs are those of a session, and there is none here"))
}

fn wait_for_run(id: RunId, place: CallSite<'_>) -> ScriptResult {
    let call = HostCall::new(Impact::Wait, "wait_for_run").with(id.to_string()).letting_go(EventVerdict::PassedOn);
    host_call::pass_waiting(call, place, |run| {
        if id == run.id() {
            return Err(thrown::error("wait_for_run: a run cannot wait for its own end"));
        }
        let session = Rc::clone(session_of(run)?);
        let script = Arc::clone(&run.generation.bundle.name);
        let over = detach(run, EventVerdict::PassedOn, async move {
            session.followed.until(|| !session.goes_on(id)).await;
            session.released(&script).await;
            ((), None)
        });
        Ok(async move {
            over.await;
            Ok(Answer::Value(Dynamic::UNIT))
        })
    })
}
