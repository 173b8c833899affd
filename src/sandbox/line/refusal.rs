//! What the API answers where it does not do what it was asked: a status, and LINE's shape of an error.

use axum::http::StatusCode;
use serde_json::{Value, json};

/// One thing that is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// What is wrong.
    pub(crate) message: String,
    /// Where, such as `messages[0].text`.
    pub(crate) property: String,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refused {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
    pub(crate) flaws: Vec<Flaw>,
    /// The request that was accepted under the same retry key, and what it was answered.
    pub(crate) accepted: Option<(String, Value)>,
}

impl Refused {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), flaws: Vec::new(), accepted: None }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not found")
    }

    /// A field whose value cannot be understood at all.
    pub(crate) fn property(name: &str) -> Self {
        Self::bad_request(format!("The property, '{name}', in the request body is invalid (line: -, column: -)"))
    }

    /// A request with flaws.
    pub(crate) fn flawed(flaws: Vec<Flaw>) -> Self {
        let message = format!("The request body has {} error(s)", flaws.len());
        Self { flaws, ..Self::bad_request(message) }
    }

    pub(crate) fn body(&self) -> Value {
        let mut body = json!({ "message": self.message });
        if !self.flaws.is_empty() {
            let detail = |flaw: &Flaw| json!({ "message": flaw.message, "property": flaw.property });
            body["details"] = self.flaws.iter().map(detail).collect();
        }
        if let Some(sent) = self.accepted.as_ref().and_then(|(_, answer)| answer.get("sentMessages")) {
            body["sentMessages"] = sent.clone();
        }
        body
    }
}

/// Collects flaws, each with where it is.
#[derive(Debug, Default)]
pub(crate) struct Flaws(Vec<Flaw>);

impl Flaws {
    pub(crate) fn add(&mut self, property: impl Into<String>, message: impl Into<String>) {
        self.0.push(Flaw { message: message.into(), property: property.into() });
    }

    pub(crate) fn done(self) -> Result<(), Refused> {
        if self.0.is_empty() { Ok(()) } else { Err(Refused::flawed(self.0)) }
    }
}
