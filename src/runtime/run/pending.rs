//! An answer that its script does not wait for where it asked: it is waited for before the run's next host call, or at its end, or
//! where the script goes on with it.

use std::borrow::Cow;
use std::pin::Pin;
use std::time::Instant;

use rhai::{ImmutableString, Position};

use super::answer::Answer;
use super::call::CallRest;
use crate::protocol::Content;
use crate::runtime::context::SessionContext;
use crate::runtime::engine::thrown::ScriptError;
use crate::runtime::engine::unused::ValueUse;
use crate::session::CallError;

/// What comes of a call, some time, whoever it was made by.
pub(crate) type AnswerFuture = Pin<Box<dyn Future<Output = Result<Answer, ScriptError>>>>;

/// What reads what came of a call that was posted to a run's own session.
pub(crate) type ReadResult = fn(&SessionContext, &str, Result<Content, CallError>) -> Result<Answer, ScriptError>;

/// An answer that is still to come.
pub(crate) enum Awaited {
    /// The future gives it.
    Future(AnswerFuture),
    /// The session gives it to the run, by [`Run::take_result`](super::Run::take_result).
    Posted(ReadResult),
}

/// A function of the script that is under way.
#[derive(Clone)]
pub(crate) struct Within {
    pub(super) function: ImmutableString,
    /// Where it was called.
    pub(super) place: Position,
    /// What becomes of what it gives.
    pub(super) value: ValueUse,
}

/// A call that was made, and whose answer nobody has waited for yet.
pub(crate) struct PendingCall {
    pub(super) name: Cow<'static, str>,
    pub(super) answer: Awaited,
    /// What takes its answer down, where it is recorded, and when it began.
    pub(super) record: Option<(CallRest, Instant)>,
    /// Where it stands in the body of the run's function, or of the last of those that this calls.
    pub(super) place: Position,
    pub(super) within: Vec<Within>,
    /// What becomes of its value.
    pub(super) value: ValueUse,
}
