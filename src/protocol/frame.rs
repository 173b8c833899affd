//! Frames as a client sees them: requests written exactly, everything else read tolerantly.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::commands::Call;
use super::failure::Failure;

/// The largest frame, in bytes. The gateway drops a connection that sends a larger one.
pub const MAX_FRAME: usize = 10 * 1024 * 1024;

/// The heartbeat frame; it carries no `task_id`.
pub const HEARTBEAT: &str = r#"{"command":"HeartBeat"}"#;

/// Why a request cannot be sent.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum EncodeError {
    /// The frame would cost the connection.
    #[error("the frame of {command} has {size} bytes, at most {MAX_FRAME} are allowed")]
    TooLarge {
        /// The command.
        command: String,
        /// The frame's size in bytes.
        size: usize,
    },
    /// The fields are not a JSON object.
    #[error("the fields of {command} are no JSON object")]
    NotAnObject {
        /// The command.
        command: String,
    },
    /// A field bears a name that the frame itself needs.
    #[error("a field of {command} cannot be named \"{field}\": the frame itself uses that name")]
    ReservedField {
        /// The command.
        command: String,
        /// The field's name.
        field: String,
    },
}

/// Why a frame cannot be understood; it is ignored and counted.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DecodeError {
    /// It is no JSON object.
    #[error("the frame is no JSON object: {0}")]
    NotAnObject(String),
    /// It names no command.
    #[error("the frame names no command")]
    NoCommand,
    /// It should answer a request, but no number says which.
    #[error("the reply to {0} carries no task_id")]
    NoTaskId(String),
    /// It is an event without a name.
    #[error("the event carries no subcommand")]
    NoSubcommand,
}

/// The content of a frame: JSON text, or plain text where a gateway sends some.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content(String);

impl Content {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text as it came, one level of JSON string quoting removed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text itself.
    pub fn into_string(self) -> String {
        self.0
    }

    /// The value: parsed where the text is JSON, else the text as a JSON string.
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.0).unwrap_or_else(|_| Value::String(self.0.clone()))
    }
}

/// An event as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// LINE's name of the operation.
    pub subcommand: String,
    /// What belongs to it.
    pub content: Content,
}

/// What a gateway sends to a client.
#[derive(Clone, Debug, PartialEq)]
pub enum Incoming {
    /// The answer to a request.
    Reply {
        /// The request's number.
        task_id: i64,
        /// The result, or the refusal.
        outcome: Result<Content, Failure>,
    },
    /// The final answer to a login.
    Login(Result<Content, Failure>),
    /// Something happened.
    Event(Event),
    /// The answer to a heartbeat, which need not come.
    HeartBeat,
    /// A frame that is none of these; during a login it may carry a PIN.
    Other {
        /// Its command.
        command: String,
        /// The whole frame.
        frame: Content,
    },
}

/// Writes the frame of a request whose fields are given as the text of a JSON object.
///
/// `task_id` is left out where the protocol has none.
///
/// # Errors
/// When the frame would be too large, or the fields are no object.
pub fn encode_fields(command: &str, task_id: Option<i64>, fields: &str) -> Result<String, EncodeError> {
    let not_an_object = || EncodeError::NotAnObject { command: command.to_owned() };
    let inner = fields.trim().strip_prefix('{').and_then(|text| text.strip_suffix('}')).ok_or_else(not_an_object)?;
    let mut frame = String::with_capacity(inner.len() + command.len() + 48);
    frame.push_str(r#"{"command":"#);
    frame.push_str(&Value::from(command).to_string());
    if let Some(task_id) = task_id {
        frame.push_str(r#","task_id":"#);
        frame.push_str(&task_id.to_string());
    }
    if !inner.trim().is_empty() {
        frame.push(',');
        frame.push_str(inner);
    }
    frame.push('}');
    if frame.len() > MAX_FRAME {
        return Err(EncodeError::TooLarge { command: command.to_owned(), size: frame.len() });
    }
    Ok(frame)
}

/// Writes the fields of a typed request as the text of a JSON object.
pub fn fields_of<C: Call>(call: &C) -> String {
    serde_json::to_string(call).expect("a request struct holds only strings, numbers and lists")
}

/// Checks that a script's own fields leave the frame's names alone.
///
/// # Errors
/// When a field is named `command` or `task_id`.
pub fn check_field_names<'a>(command: &str, names: impl IntoIterator<Item = &'a str>) -> Result<(), EncodeError> {
    match names.into_iter().find(|name| matches!(*name, "command" | "task_id")) {
        Some(field) => Err(EncodeError::ReservedField { command: command.to_owned(), field: field.to_owned() }),
        None => Ok(()),
    }
}

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow)]
    command: Option<&'a RawValue>,
    #[serde(borrow)]
    subcommand: Option<&'a RawValue>,
    #[serde(borrow)]
    task_id: Option<&'a RawValue>,
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
}

/// Reads a frame that a gateway sent.
///
/// `content` may be text, an object or an array; numbers may be numeric strings; unknown fields are passed over.
///
/// # Errors
/// When it is no object, or lacks the one field that would tell what it is.
pub fn decode(text: &str) -> Result<Incoming, DecodeError> {
    if !text.trim_start().starts_with('{') {
        return Err(DecodeError::NotAnObject("it does not start with {".to_owned()));
    }
    let frame: Frame<'_> = serde_json::from_str(text).map_err(|error| DecodeError::NotAnObject(error.to_string()))?;
    let command = frame.command.and_then(string).ok_or(DecodeError::NoCommand)?;
    match command.as_ref() {
        "OnNotify" => {
            let subcommand = frame.subcommand.and_then(string).ok_or(DecodeError::NoSubcommand)?;
            Ok(Incoming::Event(Event { subcommand: subcommand.into_owned(), content: content(frame.content) }))
        }
        "OnLogin" => Ok(Incoming::Login(outcome(&frame))),
        "HeartBeat" => Ok(Incoming::HeartBeat),
        _ => match (frame.task_id.and_then(integer), frame.code) {
            (Some(task_id), _) => Ok(Incoming::Reply { task_id, outcome: outcome(&frame) }),
            (None, Some(_)) if super::Command::named(&command).is_some_and(|row| !row.is_login()) => {
                Err(DecodeError::NoTaskId(command.into_owned()))
            }
            (None, _) => Ok(Incoming::Other { command: command.into_owned(), frame: Content(text.to_owned()) }),
        },
    }
}

fn outcome(frame: &Frame<'_>) -> Result<Content, Failure> {
    match frame.code.map_or(Some(0), integer) {
        Some(0) => Ok(content(frame.content)),
        code => Err(Failure { code: code.unwrap_or(-1), content: content(frame.content).0 }),
    }
}

fn string(raw: &RawValue) -> Option<Cow<'_, str>> {
    // A borrowed string is only possible without escapes; serde's own Cow would always own.
    let text = raw.get();
    match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(inner) if !inner.contains('\\') => Some(Cow::Borrowed(inner)),
        Some(_) => serde_json::from_str::<String>(text).ok().map(Cow::Owned),
        None => None,
    }
}

fn integer(raw: &RawValue) -> Option<i64> {
    raw.get().trim_matches('"').trim().parse().ok()
}

fn content(raw: Option<&RawValue>) -> Content {
    let Some(raw) = raw else { return Content::default() };
    Content(string(raw).map_or_else(|| raw.get().to_owned(), Cow::into_owned))
}

/// Finds a value under any of `names`, at any depth of a login frame and of the JSON text within it.
///
/// Numbers count as their text. This is how a certificate, a PIN and the account's mid are found, whose place is not known.
pub fn find_text(value: &Value, names: &[&str]) -> Option<String> {
    match value {
        Value::Object(fields) => {
            let here = names.iter().filter_map(|name| fields.get(*name)).find_map(|value| match value {
                Value::String(text) if !text.is_empty() => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            });
            here.or_else(|| fields.values().find_map(|value| find_text(value, names)))
        }
        Value::Array(items) => items.iter().find_map(|value| find_text(value, names)),
        Value::String(text) if text.trim_start().starts_with(['{', '[']) => {
            serde_json::from_str(text).ok().and_then(|inner: Value| find_text(&inner, names))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::protocol::commands::{GetProfile, SendLocation};

    #[test]
    fn a_request_has_its_command_its_number_and_its_fields() {
        let fields = fields_of(&SendLocation { to: "u1".into(), latitude: 35.0, ..SendLocation::default() });
        assert_eq!(
            encode_fields("SendLocation", Some(0), &fields).expect("small"),
            r#"{"command":"SendLocation","task_id":0,"to":"u1","title":"","address":"","latitude":35.0,"longitude":0.0}"#
        );
        let fields = fields_of(&GetProfile {});
        assert_eq!(encode_fields("GetProfile", None, &fields).expect("small"), r#"{"command":"GetProfile"}"#);
        assert!(matches!(encode_fields("X", None, "[]"), Err(EncodeError::NotAnObject { .. })));
        let large = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_FRAME));
        assert!(matches!(encode_fields("X", None, &large), Err(EncodeError::TooLarge { .. })));
    }

    #[test]
    fn content_may_be_text_or_an_object_and_a_number_a_string() {
        for (content, expected) in [
            (r#""{\"a\":1}""#, r#"{"a":1}"#),
            (r#"{"a":1}"#, r#"{"a":1}"#),
            ("[1]", "[1]"),
            (r#""no json""#, "no json"),
        ] {
            let frame = format!(r#"{{"command":"GetProfile","task_id":"7","code":"0","content":{content},"new":[]}}"#);
            let expected = Incoming::Reply { task_id: 7, outcome: Ok(Content::new(expected)) };
            assert_eq!(decode(&frame), Ok(expected));
        }
        assert_eq!(Content::new("no json").value(), json!("no json"));
    }

    #[test]
    fn whatever_arrives_is_an_error_and_no_panic() {
        let deep = format!(r#"{{"command":{}1{}}}"#, "[".repeat(5000), "]".repeat(5000));
        let noise = "x".repeat(200_000);
        for frame in [
            "",
            " ",
            "[]",
            "1",
            "null",
            "\"x\"",
            "{",
            "{}",
            r#"{"command":1}"#,
            r#"{"command":"OnNotify"}"#,
            &deep,
            &noise,
        ] {
            assert!(decode(frame).is_err(), "{}", &frame[..frame.len().min(40)]);
        }
        assert!(matches!(decode(r#"{"command":"SendText","code":0}"#), Err(DecodeError::NoTaskId(_))));
        assert!(matches!(decode(r#"{"command":"OnPinCode","code":0,"content":"{}"}"#), Ok(Incoming::Other { .. })));
    }

    #[test]
    fn a_failure_keeps_its_code_and_its_text() {
        let decoded = decode(r#"{"command":"OnLogin","code":1,"content":"wrong password"}"#);
        assert_eq!(decoded, Ok(Incoming::Login(Err(Failure { code: 1, content: "wrong password".into() }))));
    }

    #[test]
    fn a_certificate_is_found_wherever_it_stands() {
        let frame = json!({"command": "OnLogin", "content": "{\"session\": {\"certificate\": \"abc\"}}"});
        assert_eq!(find_text(&frame, &["cert", "certificate"]).as_deref(), Some("abc"));
        let pin = json!({"command": "OnPinCode", "content": {"pinCode": 1234}});
        assert_eq!(find_text(&pin, &["pin", "pinCode", "pin_code"]).as_deref(), Some("1234"));
    }
}
