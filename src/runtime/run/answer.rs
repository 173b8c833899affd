//! What host calls give back, and how it is recorded.

use rhai::{Dynamic, EvalAltResult};

use crate::protocol::Content;
use crate::runtime::engine::objects::{ScriptMessage, SessionRef};
use crate::runtime::engine::thrown::ScriptError;
use crate::runtime::engine::values;
use crate::store::CallOutcome;

/// What a host call gives back: data only, so that it can be recorded.
pub(crate) enum Answer {
    /// A plain value.
    Value(Dynamic),
    /// A gateway's content, and what scripts see of it.
    Content(Content, Dynamic),
    /// A message that somebody wrote.
    Message(ScriptMessage),
    /// A handle on a session.
    Session(String),
    /// Handles on sessions.
    Sessions(Vec<String>),
}

impl Answer {
    /// A gateway's content.
    pub(crate) fn content(content: Content) -> Self {
        let value = values::from_content(content.as_str());
        Self::Content(content, value)
    }

    /// The value that the script gets.
    pub(crate) fn into_value(self) -> Dynamic {
        let session = |name: String| Dynamic::from(SessionRef::new(&name));
        match self {
            Self::Value(value) => value,
            Self::Content(_, value) => value,
            Self::Message(message) => Dynamic::from(message),
            Self::Session(name) => session(name),
            Self::Sessions(names) => names.into_iter().map(session).collect::<rhai::Array>().into(),
        }
    }

    /// What is recorded of it.
    fn outcome(&self) -> CallOutcome {
        match self {
            Self::Value(value) => CallOutcome::Value(values::to_json(value).unwrap_or_default()),
            Self::Content(content, _) => CallOutcome::Content(content.as_str().to_owned()),
            Self::Message(message) => CallOutcome::Message(message.content().as_str().to_owned()),
            Self::Session(name) => CallOutcome::Session(name.clone()),
            Self::Sessions(names) => CallOutcome::Sessions(names.clone()),
        }
    }
}

/// What is recorded of an answer, or of what was thrown in its place.
pub(super) fn came_of(outcome: &Result<Answer, ScriptError>) -> CallOutcome {
    match outcome {
        Ok(answer) => answer.outcome(),
        Err(thrown) => thrown_outcome(thrown),
    }
}

/// What is recorded of an error.
pub(super) fn thrown_outcome(thrown: &EvalAltResult) -> CallOutcome {
    let value = match thrown {
        EvalAltResult::ErrorRuntime(value, _) => values::to_json(value).unwrap_or_else(|_| value.to_string()),
        other => serde_json::Value::from(other.to_string()).to_string(),
    };
    CallOutcome::Thrown(value)
}
