//! Frames as a client sees them: requests written exactly, everything else read tolerantly.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::commands::Call;
use super::content::Content;
use super::damage::Damages;
use super::events::{EventSpec, Repetition, delivery_of};
use super::failure::Failure;
use super::mend::{mend, read_value};
use super::plain::PlainObject;
use super::scalar::{Damaged, scalar, string};
use super::tolerant::integer;

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
    /// It is an event without a name.
    #[error("the event carries no subcommand")]
    NoSubcommand,
}

/// An event as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// LINE's name of the operation, that of its row where it has one.
    pub subcommand: Cow<'static, str>,
    /// What belongs to it.
    pub content: Content,
}

impl Event {
    /// An event of this name.
    pub fn new(subcommand: impl Into<Cow<'static, str>>, content: Content) -> Self {
        Self { subcommand: subcommand.into(), content }
    }

    /// The id by which it is told from others, where its row goes by one: that of its message, or of its delivery.
    pub fn id(&self) -> Option<Cow<'_, str>> {
        match EventSpec::named(&self.subcommand)?.repetition {
            Repetition::Id => self.content.message_id().map(Cow::Borrowed),
            Repetition::Delivery => delivery_of(self.content.as_str()).map(Cow::Owned),
            Repetition::Never | Repetition::Same | Repetition::Until { .. } => None,
        }
    }
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
    /// The answer to a request of this command whose number is lost.
    Unnumbered {
        /// The request's command.
        command: String,
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
    let mut digits = itoa::Buffer::new();
    let number = task_id.map_or("", |task_id| digits.format(task_id));
    // As a rule to the byte: of a frame with room in it the socket would make another allocation.
    let around = r#"{"command":"","task_id":,}"#;
    let mut frame = String::with_capacity(around.len() + command.len() + number.len() + inner.len());
    frame.push_str(r#"{"command":"#);
    if command.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        frame.extend(["\"", command, "\""]);
    } else {
        frame.push_str(&Value::from(command).to_string());
    }
    if task_id.is_some() {
        frame.extend([r#","task_id":"#, number]);
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

/// Reads a frame that a gateway sent.
///
/// `content` may be text, an object or an array; numbers may be numeric strings; unknown fields are passed over. A frame whose
/// command is lost is told by its other fields; an event whose subcommand is lost has an empty one. What the content holds is
/// looked at by whoever reads it.
///
/// # Errors
/// When it is no object, or lacks what would tell what it is.
pub fn decode(text: &str) -> Result<Incoming, DecodeError> {
    decode_noting(text, &mut Damages::default())
}

/// Reads a frame as [`decode`] does, and notes what was wrong with it.
///
/// # Errors
/// As those of [`decode`].
pub fn decode_noting(text: &str, damages: &mut Damages) -> Result<Incoming, DecodeError> {
    match decode_legal(text) {
        Err(DecodeError::NotAnObject(reason)) => match mend(text) {
            Some(mended) if !mended.damages.is_empty() => {
                damages.extend(mended.damages);
                decode_legal(&mended.text)
            }
            _ => Err(DecodeError::NotAnObject(reason)),
        },
        decoded => decoded,
    }
}

fn decode_legal(text: &str) -> Result<Incoming, DecodeError> {
    let Frame { command, subcommand, task_id, code, content } = match Frame::plain(text) {
        Some(frame) => frame,
        None => Frame::legal(text)?,
    };
    let is_damaged = |command: &str| !command.is_ascii() && command.contains(char::REPLACEMENT_CHARACTER);
    let command = command.filter(|command| !is_damaged(command));
    let has_content = content.is_some();
    let content = content.map(Content::from).unwrap_or_default();
    match command.as_deref() {
        Some("OnNotify") | None if subcommand.is_some() || (command.is_some() && has_content) => {
            let subcommand = subcommand.unwrap_or_default();
            let subcommand = match EventSpec::named(&subcommand) {
                Some(row) => Cow::Borrowed(row.subcommand),
                None => Cow::Owned(subcommand.into_owned()),
            };
            Ok(Incoming::Event(Event { subcommand, content }))
        }
        Some("OnNotify") => Err(DecodeError::NoSubcommand),
        Some("OnLogin") => Ok(Incoming::Login(outcome(code, content))),
        Some("HeartBeat") => Ok(Incoming::HeartBeat),
        _ => match (task_id, code, command) {
            (Some(task_id), ..) => Ok(Incoming::Reply { task_id, outcome: outcome(code, content) }),
            (None, Some(_), None) => Ok(Incoming::Login(outcome(code, content))),
            (None, None, None) => Err(DecodeError::NoCommand),
            (None, Some(_), Some(command)) if super::Command::named(&command).is_some_and(|row| !row.is_login()) => {
                Ok(Incoming::Unnumbered { command: command.into_owned(), outcome: outcome(code, content) })
            }
            (None, _, Some(command)) => {
                Ok(Incoming::Other { command: command.into_owned(), frame: Content::new(text) })
            }
        },
    }
}

/// What a frame says, as far as it is asked for.
#[derive(Debug, Default, PartialEq)]
struct Frame<'a> {
    command: Option<Cow<'a, str>>,
    subcommand: Option<Cow<'a, str>>,
    task_id: Option<i64>,
    code: Option<Code>,
    content: Option<Cow<'a, str>>,
}

/// A code that arrived; inside `None` where it is no number.
type Code = Option<i64>;

impl<'a> Frame<'a> {
    /// Reads a frame that is as it usually is.
    fn plain(text: &'a str) -> Option<Self> {
        let mut object = PlainObject::open(text)?;
        let mut frame = Self::default();
        while let Some(key) = object.key()? {
            match key {
                b"command" => {
                    object.once(0)?;
                    frame.command = object.text()?;
                }
                b"subcommand" => {
                    object.once(1)?;
                    frame.subcommand = object.text()?;
                }
                b"task_id" => {
                    object.once(2)?;
                    frame.task_id = object.number()?;
                }
                b"code" => {
                    object.once(3)?;
                    frame.code = object.number()?.map(Some);
                }
                b"content" => {
                    object.once(4)?;
                    frame.content = object.text()?;
                }
                _ => {
                    object.value()?;
                }
            }
        }
        Some(frame)
    }

    /// Reads any frame that is legal.
    fn legal(text: &'a str) -> Result<Self, DecodeError> {
        #[derive(Deserialize)]
        struct Wire<'a> {
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
        if !text.trim_start().starts_with('{') {
            return Err(DecodeError::NotAnObject("it does not start with {".to_owned()));
        }
        let wire: Wire<'_> = serde_json::from_str(text).map_err(|error| DecodeError::NotAnObject(error.to_string()))?;
        let damaged = |Damaged| DecodeError::NotAnObject("a text in it is damaged".to_owned());
        let content = |raw: &'a RawValue| string(raw).map(|text| text.unwrap_or(Cow::Borrowed(raw.get())));
        let digits = |raw: &'a RawValue| scalar(raw).ok().flatten();
        Ok(Self {
            command: wire.command.map_or(Ok(None), string).map_err(damaged)?,
            subcommand: wire.subcommand.map_or(Ok(None), string).map_err(damaged)?,
            task_id: wire.task_id.and_then(digits).and_then(|text| integer(&text)),
            code: wire.code.map(|raw| digits(raw).and_then(|text| integer(&text).or_else(|| whole_of_any(&text)))),
            content: wire.content.map(content).transpose().map_err(damaged)?,
        })
    }
}

fn outcome(code: Option<Code>, content: Content) -> Result<Content, Failure> {
    let Some(code) = code else { return Ok(content) };
    // On success the content is JSON text, on failure a text for people: so much is known where the code is lost.
    let code = code.unwrap_or_else(|| if content.value().is_string() { -1 } else { 0 });
    if code == 0 { Ok(content) } else { Err(Failure { code, content: content.as_str().to_owned() }) }
}

/// Any number as a whole one that differs from 0 where it does: too large a code is none of a success.
fn whole_of_any(text: &str) -> Option<i64> {
    let float: f64 = text.trim().parse().ok()?;
    (!float.is_nan()).then_some(if float == 0.0 { 0 } else { -1 })
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
            read_value(text, &mut Damages::default()).and_then(|inner| find_text(&inner, names))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::protocol::Message;
    use crate::protocol::commands::{GetProfile, SendLocation};
    use crate::protocol::plain::tests::objects;

    #[test]
    fn a_request_has_its_command_its_number_and_its_fields() {
        let fields = fields_of(&SendLocation { to: "u1".into(), latitude: 35.0, ..SendLocation::default() });
        assert_eq!(
            encode_fields("SendLocation", Some(0), &fields).expect("small"),
            r#"{"command":"SendLocation","task_id":0,"to":"u1","title":"","address":"","latitude":35.0,"longitude":0.0}"#
        );
        let fields = fields_of(&GetProfile {});
        assert_eq!(encode_fields("GetProfile", None, &fields).expect("small"), r#"{"command":"GetProfile"}"#);
        assert_eq!(encode_fields("a \"b\"", None, "{}").expect("small"), r#"{"command":"a \"b\""}"#);
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
    fn what_a_gateway_usually_sends_is_plain() {
        for text in [
            r#"{"command":"OnNotify","subcommand":"RECEIVE_MESSAGE","content":"{\"id\":\"7\",\"text\":\"ü\\n\"}"}"#,
            r#"{ "command": "SendText", "task_id": 7, "code": 0, "content": "{}", "new": "x" }"#,
            r#"{"command":"SendText","task_id":7,"code":5,"content":null}"#,
        ] {
            let plain = Frame::plain(text).expect("plain");
            assert_eq!(Ok(plain), Frame::legal(text), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_plain_frame_is_read_as_serde_reads_it(
            text in objects(&["command", "subcommand", "task_id", "code", "content"]),
        ) {
            if let Some(plain) = Frame::plain(&text) {
                proptest::prop_assert_eq!(Ok(plain), Frame::legal(&text));
            }
        }
    }

    #[test]
    fn a_text_is_read_as_serde_reads_it() {
        for text in [
            r#""""#,
            r#""plain, ünïcode 🦀""#,
            r#""{\"a\":\"b\\\\\"c\",\"d\":\"\/\b\f\n\r\t\"}""#,
            r#""\\ü\"🦀\n""#,
            r#""by number \u00fc \ud83e\udd80, by name \n""#,
            r#""half \ud83e""#,
        ] {
            let raw: &RawValue = serde_json::from_str(text).expect("legal");
            let read = string(raw).ok().map(|text| text.expect("a string").into_owned());
            assert_eq!(read, serde_json::from_str(text).ok(), "{text}");
        }
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
        assert!(matches!(decode(r#"{"command":"SendText","code":0}"#), Ok(Incoming::Unnumbered { .. })));
        assert!(matches!(decode(r#"{"command":"OnPinCode","code":0,"content":"{}"}"#), Ok(Incoming::Other { .. })));
    }

    #[test]
    fn a_damaged_field_of_a_frame_costs_that_field() {
        let event = |subcommand: &str, content: &str| {
            Ok(Incoming::Event(Event { subcommand: subcommand.to_owned().into(), content: Content::new(content) }))
        };
        let reply = |task_id, content: &str| Ok(Incoming::Reply { task_id, outcome: Ok(Content::new(content)) });
        for (frame, expected) in [
            (r#"{"command":"OnNotify","subcommand":"A","content":"x\ud83d"}"#, event("A", "x\u{fffd}")),
            (r#"{"command":"OnNotify","subcommand":"A\udc00","content":"x"}"#, event("A\u{fffd}", "x")),
            (r#"{"command":"OnNotify","subcommand":NaN,"content":"x"}"#, event("", "x")),
            (r#"{"command":"OnNotify","subcommand":"A"}"#, event("A", "")),
            (r#"{"command":null,"subcommand":"A","content":"x"}"#, event("A", "x")),
            (r#"{"command":"On\ud83dNotify","subcommand":"A","content":"x"}"#, event("A", "x")),
            (r#"{"command":"OnNotify","subcommand":"A","content":"y","content":"x"}"#, event("A", "x")),
            ("{\"command\":\"OnNotify\",\"subcommand\":\"A\",\"content\":\"x\ty\"}\0", event("A", "x\ty")),
            (r#"{"command":"A","task_id":7,"code":0,"content":"x","new":1e999}"#, reply(7, "x")),
            (r#"{"command":{},"task_id":" 7 ","code":0,"content":"x"}"#, reply(7, "x")),
            (r#"{"command":"A","task_id":7.0,"code":NaN,"content":"x"}"#, reply(7, "x")),
            (r#"{"command":"A","task_id":7,"code":[],"content":"{}"}"#, reply(7, "{}")),
        ] {
            assert_eq!(decode(frame), expected, "{frame}");
        }
        for (code, content, expected) in [
            (r#""none""#, "no", -1),
            ("{}", "NOT_FOUND: nobody", -1),
            ("1e30", "{}", -1),
            ("\"17\"", "no", 17),
            ("9.0", "no", 9),
        ] {
            let frame = json!({"command": "A", "task_id": 7, "content": content}).to_string();
            let frame = frame.replacen('{', &format!("{{\"code\":{code},"), 1);
            let failure = Failure { code: expected, content: content.into() };
            assert_eq!(decode(&frame), Ok(Incoming::Reply { task_id: 7, outcome: Err(failure) }), "{frame}");
        }
        let login = decode(r#"{"command":NaN,"code":0,"content":"{}"}"#);
        assert_eq!(login, Ok(Incoming::Login(Ok(Content::new("{}")))));
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

    #[test]
    fn a_message_has_the_same_id_whether_all_of_it_is_read_or_its_id_alone() {
        for content in [
            r#"{"id":"7","text":"a"}"#,
            r#"{"id":7,"text":5,"from":[]}"#,
            r#"{"id":123456789012345678901234567890}"#,
            r#"{"id":""}"#,
            r#"{"id":null}"#,
            r#"{"id":[1]}"#,
            r#"{"id":"a\ud800"}"#,
            r#"{"id":7,"id":8}"#,
            r#"{"from":"a","from":"b","id":9}"#,
            r#"{"id":"7","timestamp":NaN}"#,
            r#"x {"id":"7"} y"#,
            "{\"id\":\"7\",\"text\":\"a\nb\"}",
            "{}",
            "[]",
            "no json",
        ] {
            let event = Event { subcommand: "RECEIVE_MESSAGE".into(), content: Content::new(content) };
            assert_eq!(event.id(), Message::id_of(content), "{content}");
        }
    }
}
