//! Frames as a gateway sees them: requests read strictly, field by field, and answers written exactly.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::commands::{Command, Field, FieldKind, Presence, Request};
use super::failure::{Failure, FailureCode};
use super::mend::mend;

/// What is known of a request before its fields are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The command's name, known or not.
    pub command: String,
    /// The number that the answer carries; logins and heartbeats may come without.
    pub task_id: Option<i64>,
}

/// What a client sends to a gateway.
#[derive(Clone, Debug, PartialEq)]
pub enum Received {
    /// A heartbeat.
    HeartBeat,
    /// A request of a known command with well-formed fields.
    Request(Envelope, Request),
    /// A request that cannot be carried out as it stands.
    Malformed(Envelope, RequestError),
}

/// Why a request cannot be carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// No row of the table has this name.
    #[error("no command is named \"{0}\"")]
    UnknownCommand(String),
    /// The request names no command.
    #[error("a request needs \"command\", a string; found {found}")]
    Command {
        /// What stood there.
        found: String,
    },
    /// The request has no usable number.
    #[error("{command} needs \"task_id\", an integer; found {found}")]
    TaskId {
        /// The command.
        command: String,
        /// What stood there.
        found: String,
    },
    /// A field is missing or of another type.
    #[error("{command} needs \"{field}\", {expected}; found {found}")]
    Field {
        /// The command.
        command: String,
        /// The field's name.
        field: String,
        /// The type that the table gives it.
        expected: String,
        /// What stood there.
        found: String,
    },
    /// The fields pass the table's check and are unreadable all the same.
    #[error("the request cannot be read: {0}")]
    Unreadable(String),
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        Self::new(FailureCode::Malformed, error)
    }
}

/// Reads a frame that a client sent.
///
/// `None` means that no answer could be matched to it, since it is no JSON object, or has neither a `command` nor a `task_id`
/// that can be read: it is ignored and counted. A number may be written as a numeric string. Damaged JSON is an error that
/// names the field: what was meant is not guessed.
pub fn receive(text: &str) -> Option<Received> {
    let mut damage = None;
    let mut frame = match serde_json::from_str(text) {
        Ok(Value::Object(frame)) => frame,
        Ok(_) => return None,
        Err(_) => {
            let mended = mend(text)?;
            // Without a field it is something beside the object, which is no request.
            damage = Some(mended.first.map(|(field, damage)| (field, damage.found()))?);
            serde_json::from_str(&mended.text).ok()?
        }
    };
    let number = frame.remove("task_id");
    let task_id = number.as_ref().and_then(numbered);
    let command = match (frame.remove("command"), &damage) {
        (Some(_), Some((field, found))) if field == "command" => return Some(without_command(task_id?, found)),
        (Some(Value::String(command)), _) => command,
        (other, _) => return Some(without_command(task_id?, &found(other.as_ref()))),
    };
    if command == "HeartBeat" {
        return Some(Received::HeartBeat);
    }
    let envelope = Envelope { command, task_id };
    let Some(row) = Command::named(&envelope.command) else {
        let error = RequestError::UnknownCommand(start_of(&envelope.command));
        return Some(Received::Malformed(envelope, error));
    };
    if let Some((field, found)) = damage {
        let error = damaged(row, &field, found);
        return Some(Received::Malformed(envelope, error));
    }
    if task_id.is_none() && !(row.is_login() && number.is_none()) {
        let error = RequestError::TaskId { command: row.name.to_owned(), found: found(number.as_ref()) };
        return Some(Received::Malformed(envelope, error));
    }
    Some(match check_fields(row, &frame).and_then(|()| Request::from_fields(row, Value::Object(frame))) {
        Ok(request) => Received::Request(envelope, request),
        Err(error) => Received::Malformed(envelope, error),
    })
}

fn damaged(row: &Command, field: &str, found: &str) -> RequestError {
    let (command, found) = (row.name.to_owned(), found.to_owned());
    if field == "task_id" {
        return RequestError::TaskId { command, found };
    }
    let kind = row.fields.iter().find(|row| row.name == field).map(|row| row.kind.noun());
    RequestError::Field {
        command,
        field: start_of(field),
        expected: kind.unwrap_or("well-formed text").to_owned(),
        found,
    }
}

fn without_command(task_id: i64, found: &str) -> Received {
    let error = RequestError::Command { found: found.to_owned() };
    Received::Malformed(Envelope { command: String::new(), task_id: Some(task_id) }, error)
}

/// The integer in a `task_id`, also where it is written as a string.
fn numbered(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// As much of a text as an error message repeats.
fn start_of(text: &str) -> String {
    text.chars().take(100).collect()
}

/// Checks fields against a row: presence and JSON type, never content. Fields that nobody knows are passed over.
///
/// # Errors
/// For the first field that is missing or of another type.
pub fn check_fields(row: &Command, fields: &Map<String, Value>) -> Result<(), RequestError> {
    let wrong = |field: &Field, expected: String| RequestError::Field {
        command: row.name.to_owned(),
        field: field.name.to_owned(),
        expected,
        found: found(fields.get(field.name)),
    };
    for field in row.fields {
        match (fields.get(field.name), field.presence) {
            (Some(value), _) if field.kind.accepts(value) => {}
            (None | Some(Value::Null), Presence::Optional | Presence::Either) => {}
            // A number without a fraction that is no integer can only be too large.
            (Some(Value::Number(number)), _)
                if field.kind == FieldKind::Int && number.as_f64().is_none_or(|number| number.fract() == 0.0) =>
            {
                return Err(wrong(field, format!("an integer from {} to {}", i64::MIN, i64::MAX)));
            }
            _ => return Err(wrong(field, field.kind.noun().to_owned())),
        }
    }
    let mut choices = row.choices().filter(|field| fields.get(field.name).is_some_and(|value| !value.is_null()));
    let first_choice = row.choices().next();
    match (first_choice, choices.next(), choices.next()) {
        (Some(first), None, _) => {
            let names: Vec<_> = row.choices().map(|f| format!("\"{}\", {}", f.name, f.kind.noun())).collect();
            Err(wrong(first, format!("{} (one of {})", first.kind.noun(), names.join(" or "))))
        }
        (_, Some(first), Some(_)) => Err(wrong(first, format!("{} and no second choice beside it", first.kind.noun()))),
        _ => Ok(()),
    }
}

/// Names what stands in a field, for an error message.
pub fn found(value: Option<&Value>) -> String {
    match value {
        None => "nothing".to_owned(),
        Some(Value::Null) => "null".to_owned(),
        Some(Value::Bool(value)) => value.to_string(),
        Some(Value::Number(number)) => format!("the number {number}"),
        Some(Value::String(_)) => "a string".to_owned(),
        Some(Value::Array(items)) => match items.iter().find(|item| !FieldKind::Str.accepts(item)) {
            Some(item) => format!("an array with {} in it", found(Some(item))),
            None => "an array".to_owned(),
        },
        Some(Value::Object(_)) => "an object".to_owned(),
    }
}

/// Writes the answer to a request. A success's content becomes JSON text inside a string.
pub fn encode_reply(envelope: &Envelope, outcome: &Result<Value, Failure>) -> String {
    let (code, content) = coded(outcome);
    match envelope.task_id {
        Some(task_id) => {
            json!({"command": envelope.command, "task_id": task_id, "code": code, "content": content}).to_string()
        }
        None => json!({"command": envelope.command, "code": code, "content": content}).to_string(),
    }
}

/// Writes the final answer to a login.
pub fn encode_login(outcome: &Result<Value, Failure>) -> String {
    let (code, content) = coded(outcome);
    json!({"command": "OnLogin", "code": code, "content": content}).to_string()
}

/// Writes the frame that shows a PIN during a login.
pub fn encode_pin(pin: &str) -> String {
    json!({"command": "OnPinCode", "code": 0, "content": json!({"pin": pin}).to_string()}).to_string()
}

/// Writes an event.
pub fn encode_event(subcommand: &str, content: &impl Serialize) -> serde_json::Result<String> {
    Ok(json!({"command": "OnNotify", "subcommand": subcommand, "content": serde_json::to_string(content)?}).to_string())
}

fn coded(outcome: &Result<Value, Failure>) -> (i64, String) {
    match outcome {
        Ok(content) => (0, content.to_string()),
        Err(failure) => (failure.code, failure.content.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::commands::SendLocation;
    use crate::protocol::{encode_fields, fields_of};

    fn error(frame: &str) -> String {
        match receive(frame).expect("an object with a command") {
            Received::Malformed(_, error) => error.to_string(),
            other => panic!("{other:?} should have been malformed"),
        }
    }

    #[test]
    fn a_wrong_field_is_named_with_what_was_found_and_expected() {
        assert_eq!(
            error(r#"{"command":"SendText","task_id":1,"to":"u1"}"#),
            r#"SendText needs "content", a string; found nothing"#
        );
        assert_eq!(
            error(r#"{"command":"GetContacts","task_id":1,"mids":["u1",2]}"#),
            r#"GetContacts needs "mids", an array of strings; found an array with the number 2 in it"#
        );
        assert_eq!(
            error(r#"{"command":"SendText","task_id":"one"}"#),
            r#"SendText needs "task_id", an integer; found a string"#
        );
        assert_eq!(
            error(r#"{"command":"SendVideo","task_id":1,"to":"u1","path":"v","duration":9223372036854775808}"#),
            "SendVideo needs \"duration\", an integer from -9223372036854775808 to 9223372036854775807; \
             found the number 9223372036854775808"
        );
        assert_eq!(error(r#"{"command":"Nope","task_id":1}"#), r#"no command is named "Nope""#);
        assert!(error(r#"{"command":"SearchGroupById","task_id":1}"#).contains("one of"));
    }

    #[test]
    fn what_is_no_request_at_all_is_ignored() {
        for frame in ["", "[]", "{", "{}", r#"{"command":5}"#, r#"{"task_id":7"#, r#"{"content":"\ud800"}"#] {
            assert_eq!(receive(frame), None, "{frame}");
        }
    }

    proptest::proptest! {
        #[test]
        fn coordinates_arrive_as_they_were_sent(latitude: f64, longitude: f64) {
            proptest::prop_assume!(latitude.is_finite() && longitude.is_finite());
            let location = SendLocation { to: "u1".into(), latitude, longitude, ..SendLocation::default() };
            let frame = encode_fields("SendLocation", Some(1), &fields_of(&location)).expect("small");
            let received = receive(&frame).expect("a request");
            proptest::prop_assert_eq!(&received, &Received::Request(
                Envelope { command: "SendLocation".into(), task_id: Some(1) },
                Request::SendLocation(location),
            ));
            // The sandbox hands them on as texts.
            proptest::prop_assert_eq!(latitude.to_string().parse(), Ok(latitude));
        }
    }

    #[test]
    fn whatever_has_a_number_is_answered() {
        for (rest, expected) in [
            (r#""x":1"#, r#"a request needs "command", a string; found nothing"#),
            (r#""command":null"#, r#"a request needs "command", a string; found null"#),
            (r#""command":["SendText"]"#, r#"a request needs "command", a string; found an array"#),
            (
                r#""command":"\ud800""#,
                r#"a request needs "command", a string; found half a surrogate pair, such as \ud800 alone"#,
            ),
            (
                r#""command":"SendText","to":"u1","content":"a\udfffb""#,
                r#"SendText needs "content", a string; found half a surrogate pair, such as \ud800 alone"#,
            ),
            (
                r#""command":"GetContacts","mids":["\ud800"]"#,
                r#"GetContacts needs "mids", an array of strings; found half a surrogate pair, such as \ud800 alone"#,
            ),
            (
                r#""command":"SendText","to":NaN,"content":"x""#,
                r#"SendText needs "to", a string; found a number that JSON does not have, such as NaN"#,
            ),
            (
                r#""command":"SendVideo","to":"u1","path":"v","duration":1e400"#,
                r#"SendVideo needs "duration", an integer; found a number that is too large"#,
            ),
            (
                "\"command\":\"SendText\",\"to\":\"u1\",\"content\":\"a\nb\"",
                r#"SendText needs "content", a string; found a control character that is not escaped"#,
            ),
        ] {
            for number in ["7", r#""7""#] {
                let frame = format!(r#"{{"task_id":{number},{rest}}}"#);
                match receive(&frame) {
                    Some(Received::Malformed(Envelope { task_id: Some(7), .. }, error)) => {
                        assert_eq!(error.to_string(), expected, "{frame}");
                    }
                    other => panic!("{frame}: {other:?}"),
                }
            }
        }
        let frame = r#"{"command":"GetProfile","task_id":"12"}"#;
        assert!(matches!(receive(frame), Some(Received::Request(Envelope { task_id: Some(12), .. }, _))));
    }

    #[test]
    fn a_login_may_come_without_a_number() {
        let frame = r#"{"command":"Login","email":"a","password":"b","cert":""}"#;
        assert!(matches!(receive(frame), Some(Received::Request(Envelope { task_id: None, .. }, Request::Login(_)))));
    }

    #[test]
    fn an_answer_carries_json_text_inside_a_string() {
        let envelope = Envelope { command: "GetQrCode".into(), task_id: Some(0) };
        assert_eq!(
            encode_reply(&envelope, &Ok(json!({"url": "x"}))),
            r#"{"code":0,"command":"GetQrCode","content":"{\"url\":\"x\"}","task_id":0}"#
        );
    }
}
