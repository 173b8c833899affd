//! The one door: everything that a script can observe or cause passes through here.
//!
//! Limits, the ban on acting at a script's top level and the trace stand at this place only; recording and replay will too. What a call
//! *does* is the business of whoever brings it to the door.

use std::future::Future;
use std::rc::Rc;

use rhai::{Dynamic, EvalAltResult, Map, Position};

use super::fiber;
use super::object::Message;
use super::run::{self, Run};
use super::value;
use crate::protocol::Content;

/// An error on its way through a script.
pub(crate) type Thrown = Box<EvalAltResult>;

/// What a function that scripts call gives back.
pub(crate) type ScriptResult = Result<Dynamic, Thrown>;

/// What a host call is to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It only looks at something: the time, chance, what is stored.
    Pure,
    /// It waits for something: a person, a delay, an answer that changes nothing.
    Wait,
    /// It changes something outside the run.
    Effect,
}

/// What a host call gives back: data only, so that it can be recorded.
pub(crate) enum Answer {
    /// A plain value.
    Value(Dynamic),
    /// A gateway's content, parsed when it reaches the script.
    Content(Content),
    /// A message that somebody wrote.
    Message(Message),
}

/// Takes a host call of the current run through the door.
///
/// # Errors
/// When the run may not make it, and whatever `act` answers with.
pub(crate) fn pass(kind: Kind, name: &str, act: impl FnOnce(&Rc<Run>) -> Result<Answer, Thrown>) -> ScriptResult {
    let run = run::current().ok_or_else(|| error(format!("{name} only works inside a running script")))?;
    if run.is_top_level() && kind != Kind::Pure {
        return Err(error(format!(
            "{name} cannot be used at a script's top level: it runs once when the script is loaded; call it in a hook such as on_start()"
        )));
    }
    run.count_call();
    check(&run)?;
    let outcome = act(&run);
    tracing::trace!(run = run.id, event = run.event, ?kind, name, ok = outcome.is_ok(), "host call");
    check(&run)?;
    match outcome? {
        Answer::Value(value) => Ok(value),
        Answer::Content(content) => Ok(value::from_content(content.as_str())),
        Answer::Message(message) => Ok(Dynamic::from(message)),
    }
}

/// Waits for a future in the middle of a host call. The lane stays held.
///
/// # Errors
/// When the code does not run on a fiber.
pub(crate) fn wait<F: Future>(name: &str, future: F) -> Result<F::Output, Thrown> {
    fiber::park(future).ok_or_else(|| error(format!("{name} cannot wait here")))
}

/// An error with a text, to be caught as that text.
pub(crate) fn error(message: impl Into<String>) -> Thrown {
    EvalAltResult::ErrorRuntime(Dynamic::from(message.into()), Position::NONE).into()
}

/// A failure, to be caught as `#{code, name, message, command}`.
pub(crate) fn failure(code: i64, name: &str, message: &str, command: &str) -> Thrown {
    let mut map = Map::new();
    map.insert("code".into(), code.into());
    map.insert("name".into(), name.into());
    map.insert("message".into(), message.into());
    map.insert("command".into(), command.into());
    EvalAltResult::ErrorRuntime(map.into(), Position::NONE).into()
}

/// Ends a condemned run. A host call that such a run makes must not take effect.
fn check(run: &Run) -> Result<(), Thrown> {
    match run.condemned() {
        Some(reason) => Err(EvalAltResult::ErrorTerminated(reason.into(), Position::NONE).into()),
        None => Ok(()),
    }
}
