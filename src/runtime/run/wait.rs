//! How code on a fiber waits, and where in the sources it does.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use rhai::{EvalAltResult, NativeCallContext, Position};

use super::answer::Answer;
use super::call::Impact;
use super::pending::ReadResult;
use crate::runtime::engine::thrown::{self, ScriptError};
use crate::runtime::engine::unused::ValueUse;
use crate::runtime::fiber;
use crate::runtime::run::{self, Run};
use crate::store::Waiting;

/// Where a call stands in the sources.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CallSite<'a> {
    file: Option<&'a str>,
    place: Position,
    /// How deep the call is in others; none where it is only a part of what stands there.
    level: Option<usize>,
}

impl<'a> CallSite<'a> {
    /// The place of the call that a context belongs to.
    pub(crate) fn of(context: &'a NativeCallContext<'_>) -> Self {
        Self { file: context.call_source(), place: context.call_position(), level: Some(context.call_level()) }
    }

    /// It in words; empty where nothing is known.
    pub(crate) fn describe(&self, run: &Run) -> Arc<str> {
        self.place.line().map(|line| run.generation.place(self.file, line)).unwrap_or_default()
    }

    /// The same place, for a call that is only a part of what stands there.
    pub(crate) fn in_part(self) -> Self {
        Self { level: None, ..self }
    }

    /// What becomes of the value of a call of this kind, with its place, where nothing waits for it there.
    pub(super) fn value_later(&self, run: &Run, impact: Impact) -> Option<(Position, ValueUse)> {
        // What a body itself calls is one level deeper than that.
        let is_in_body = self.level.is_some_and(|level| level <= run.depth() + 1);
        let value = match is_in_body {
            false => return None,
            true if run.expects(self.place) => ValueUse::Kept,
            true => run.value_outside(run.generation.unused_call(self.place).filter(|_| impact.is_effect())?)?,
        };
        Some((self.place, value))
    }
}

/// That a run waits for something from now on.
pub(crate) fn waiting(run: &Run, call: String, place: CallSite<'_>) -> Waiting {
    Waiting { call: call.into(), place: place.describe(run), since: run.now(), deadline: None }
}

/// Waits for a future in the middle of a host call. The lane stays held.
///
/// # Errors
/// When the code does not run on a fiber.
pub(crate) fn wait<F: Future>(name: &str, future: F) -> Result<F::Output, ScriptError> {
    let cannot = || thrown::misplaced(format!("{name} cannot wait here"));
    let run = run::current().ok_or_else(cannot)?;
    let mut future = pin!(future);
    let mut is_told = false;
    let outcome = fiber::park(poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Pending if run.is_condemned() => Poll::Ready(None),
        Poll::Pending => {
            if !std::mem::replace(&mut is_told, true) {
                run.tell_wait();
            }
            Poll::Pending
        }
        polled => polled.map(Some),
    }));
    match outcome.ok_or_else(cannot)? {
        Some(outcome) => Ok(outcome),
        None => Err(check(&run).err().unwrap_or_else(|| thrown::error(format!("{name} was interrupted")))),
    }
}

/// Waits for what comes of a call that a run has posted to its own session.
///
/// # Errors
/// With the refusal, or when the run is to end.
// Out of line, so that what is done before leaves nothing on the stack.
#[inline(never)]
pub(super) fn wait_for_result(run: &Run, name: &str, read: ReadResult) -> Result<Answer, ScriptError> {
    let misplaced = || thrown::misplaced(format!("{name} cannot wait here"));
    let session = run.session.as_ref().ok_or_else(misplaced)?;
    run.expect_result();
    let result = wait(name, poll_fn(|_| run.poll_result()));
    run.forget_result();
    read(session, name, result?)
}

/// Ends a condemned run. A host call that such a run makes must not take effect.
///
/// # Errors
/// With why it is to end.
pub(crate) fn check(run: &Run) -> Result<(), ScriptError> {
    match run.condemned() {
        Some(reason) => Err(EvalAltResult::ErrorTerminated(reason.into(), Position::NONE).into()),
        None => Ok(()),
    }
}
