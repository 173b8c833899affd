//! Why a request has no answer, as a script catches it.

use std::error::Error as _;

use crate::runtime::engine::thrown::{self, ScriptError};

/// Why a request has no answer.
#[derive(Debug)]
pub(crate) struct WebRefusal {
    pub(super) name: &'static str,
    pub(super) message: String,
}

impl WebRefusal {
    pub(super) fn new(name: &'static str, message: impl Into<String>) -> Self {
        Self { name, message: message.into() }
    }

    /// What was asked cannot be sent.
    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        Self::new("BAD_ARGUMENT", message)
    }

    /// Nothing came of it.
    pub(super) fn failed(message: impl Into<String>) -> Self {
        WebRefusal::new("HTTP_FAILED", message)
    }

    /// The error that the script gets from a function.
    pub(crate) fn thrown(&self, function: &str) -> ScriptError {
        thrown::failure(-1, self.name, &self.message, function)
    }
}

/// An error with its causes, without the url: its query may hold a secret.
pub(super) fn in_full(error: &reqwest::Error) -> String {
    let mut text = match error {
        error if error.is_connect() => "cannot connect",
        error if error.is_decode() => "the answer cannot be unpacked",
        _ => "the connection failed",
    }
    .to_owned();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
