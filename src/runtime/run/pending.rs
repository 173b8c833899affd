//! An answer that its script does not wait for where it asked: it is waited for before the run's next host call, or at its end.

use std::borrow::Cow;
use std::pin::Pin;
use std::time::Instant;

use rhai::Position;

use super::answer::Answer;
use super::call::{CallTicket, HostCall};
use crate::runtime::engine::thrown::ScriptError;
use crate::runtime::engine::unused::ValueUse;

/// What comes of a call, some time.
pub(crate) type AnswerFuture = Pin<Box<dyn Future<Output = Result<Answer, ScriptError>>>>;

/// A call that was made, and whose answer nobody has waited for yet.
pub(crate) struct PendingCall {
    pub(super) name: Cow<'static, str>,
    pub(super) answer: AnswerFuture,
    /// What takes its answer down, where it is recorded, and when it began.
    pub(super) record: Option<(HostCall<'static>, CallTicket, Instant)>,
    /// Where it stands in the body of the run's function.
    pub(super) place: Position,
    /// What becomes of its value.
    pub(super) value: ValueUse,
}
