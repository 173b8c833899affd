//! From the body of a webhook to events, and the signature that it carries.
//!
//! An event's content has the fields of its row, and beside them `event`, LINE's own object as it came, and `delivery`, the id by which a
//! repetition is known. Several members who join or leave at once are an event each. What says `standby` is another module's to
//! answer: it is the event `standby` with LINE's own object as its content, which no hook but `on_notify` is called for.

use std::borrow::Cow;
use std::collections::BTreeMap;

use data_encoding::BASE64;
use hmac::{Hmac, Mac};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use sha2::Sha256;

use super::events::LINE_EVENTS;
use crate::protocol::content::Content;
use crate::protocol::frame::Event;

/// The header that carries a body's signature.
pub const SIGNATURE_HEADER: &str = "x-line-signature";

/// The event of a chat that another module answers.
const STANDBY: &str = "standby";

/// The right to answer in a chat once, at no cost, within about a minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyToken {
    /// Where the answer goes.
    pub chat: String,
    /// What the answer is sent with.
    pub token: String,
    /// When its event happened, in milliseconds since 1970.
    pub since: i64,
}

impl ReplyToken {
    /// The token that the content of an event brings, where it brings one.
    pub fn of(content: &Content) -> Option<Self> {
        #[derive(Deserialize)]
        struct Wire<'a> {
            #[serde(borrow)]
            event: &'a RawValue,
        }
        let wire: Wire<'_> = serde_json::from_str(content.as_str()).ok()?;
        let value: Value = serde_json::from_str(wire.event.get()).ok()?;
        let chat = WireEvent { me: "", value: &value }.chat()?.to_owned();
        let token = value["replyToken"].as_str().filter(|token| !token.is_empty())?.to_owned();
        Some(Self { chat, token, since: value["timestamp"].as_i64().unwrap_or_default() })
    }
}

/// LINE's own object in the content of an event, where it is one of LINE's.
pub fn original(content: &str) -> Option<&str> {
    #[derive(Deserialize)]
    struct Wire<'a> {
        #[serde(borrow)]
        event: &'a RawValue,
        #[serde(rename = "delivery")]
        _delivery: String,
    }
    // Most contents are no such, and are looked through for it instead of read.
    let wire: Wire<'_> = content.contains(r#""delivery":"#).then(|| serde_json::from_str(content).ok())??;
    Some(wire.event.get())
}

/// What a webhook brings.
#[derive(Clone, Debug, PartialEq)]
pub struct Callback {
    /// The account that it is for: its user id.
    pub destination: String,
    /// What happened, in LINE's order.
    pub events: Vec<Event>,
}

/// Why a body is no webhook.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// It is no JSON.
    #[error("the body is no JSON: {0}")]
    NoJson(serde_json::Error),
    /// It is not what a webhook carries.
    #[error("the body is no webhook of LINE, an object with \"destination\" and an array \"events\": {0}")]
    NoCallback(serde_json::Error),
}

/// The signature of a body under a channel's secret, as its header has it.
pub fn sign(secret: &[u8], body: &[u8]) -> String {
    BASE64.encode(&authenticated(secret, body).finalize().into_bytes())
}

/// Whether a signature is that of a body, in a time that says nothing of how much of it is right.
pub fn verify(secret: &[u8], body: &[u8], signature: &[u8]) -> bool {
    BASE64.decode(signature).is_ok_and(|signature| authenticated(secret, body).verify_slice(&signature).is_ok())
}

fn authenticated(secret: &[u8], body: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("a secret of any length is taken");
    mac.update(body);
    mac
}

/// Reads the body of a webhook for the account `me`, tolerantly: an event that lacks something has the rest.
///
/// # Errors
/// When the body is no JSON, or not the object that a webhook carries.
pub fn read_callback(body: &[u8]) -> Result<Callback, WebhookError> {
    let wrong = |error: serde_json::Error| match error.classify() {
        serde_json::error::Category::Data => WebhookError::NoCallback(error),
        _ => WebhookError::NoJson(error),
    };
    let wire: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_slice(body).map_err(wrong)?;
    let field = |name: &str| wire.get(name).map(|value| value.get());
    let destination: String = field("destination").map_or(Ok(String::new()), serde_json::from_str).map_err(wrong)?;
    let all: Vec<&RawValue> = field("events").map_or(Ok(Vec::new()), serde_json::from_str).map_err(wrong)?;
    let events = all.into_iter().flat_map(|event| events(&destination, event.get())).collect();
    Ok(Callback { destination, events })
}

/// The events of one of LINE's.
fn events(me: &str, text: &str) -> Vec<Event> {
    let value: Value = serde_json::from_str(text).unwrap_or(Value::Null);
    let kind = value["type"].as_str().unwrap_or_default();
    let raw = |subcommand: &str| vec![Event::new(subcommand.to_owned(), Content::new(text))];
    if value["mode"] == STANDBY {
        return raw(STANDBY);
    }
    let Some(row) = LINE_EVENTS.iter().find(|row| row.subcommand == kind) else { return raw(kind) };
    let wire = WireEvent { me, value: &value };
    let all = match row.subcommand {
        "message" => vec![wire.message()],
        "memberJoined" => wire.members("joined"),
        "memberLeft" => wire.members("left"),
        "join" | "leave" => vec![json!({ "group_id": wire.chat() })],
        "follow" => {
            let unblocked = value["follow"]["isUnblocked"].as_bool().unwrap_or_default();
            let mut fields = wire.by();
            insert(&mut fields, "unblocked", unblocked.then(|| "true".into()));
            vec![fields]
        }
        "unfollow" => vec![json!({ "mid": wire.user() })],
        "unsend" => vec![wire.with("msg_id", value["unsend"]["messageId"].clone())],
        "postback" => {
            let mut fields = wire.with("data", value["postback"]["data"].clone());
            insert(&mut fields, "params", value["postback"].get("params").map(|params| params.to_string().into()));
            vec![fields]
        }
        "videoPlayComplete" => vec![wire.with("tracking_id", value["videoPlayComplete"]["trackingId"].clone())],
        "beacon" | "accountLink" | "membership" => {
            let inner = value.get(if kind == "accountLink" { "link" } else { kind });
            let mut fields = wire.by();
            for (name, found) in inner.and_then(Value::as_object).into_iter().flatten() {
                let name = if name == "membershipId" { "membership_id" } else { name };
                insert(&mut fields, name, Some(found.clone()));
            }
            vec![fields]
        }
        "module" => vec![json!({ "type": value["module"]["type"] })],
        "activated" | "deactivated" => vec![wire.by()],
        "delivery" => vec![json!({ "data": value["delivery"]["data"] })],
        _ => vec![json!({})],
    };
    let id = value["webhookEventId"].as_str().unwrap_or_default();
    let content = |(place, fields): (usize, Value)| {
        let delivery = match place {
            0 => id.to_owned(),
            place => format!("{id}/{place}"),
        };
        Event::new(row.subcommand, Content::new(beside(fields, &delivery, text)))
    };
    all.into_iter().enumerate().map(content).collect()
}

/// The fields of an event with LINE's own object beside them.
fn beside(fields: Value, delivery: &str, event: &str) -> String {
    let mut content = fields.to_string();
    content.pop();
    if content.len() > 1 {
        content.push(',');
    }
    content.push_str(r#""delivery":"#);
    content.push_str(&Value::from(delivery).to_string());
    content.push_str(r#","event":"#);
    content.push_str(event);
    content.push('}');
    content
}

fn insert(fields: &mut Value, name: &str, value: Option<Value>) {
    if let (Some(fields), Some(value)) = (fields.as_object_mut(), value.filter(|value| !value.is_null())) {
        fields.insert(name.to_owned(), value);
    }
}

/// One of LINE's events, and the account that it came to.
struct WireEvent<'a> {
    me: &'a str,
    value: &'a Value,
}

impl WireEvent<'_> {
    fn source(&self, field: &str) -> Option<&str> {
        self.value["source"][field].as_str().filter(|id| !id.is_empty())
    }

    fn user(&self) -> Option<&str> {
        self.source("userId")
    }

    /// The group or room.
    fn group(&self) -> Option<&str> {
        self.source("groupId").or_else(|| self.source("roomId"))
    }

    /// The group or room, else the person.
    fn chat(&self) -> Option<&str> {
        self.group().or_else(|| self.user())
    }

    /// Where it happened, and by whom.
    fn by(&self) -> Value {
        let mut fields = json!({});
        insert(&mut fields, "chat", self.chat().map(Into::into));
        insert(&mut fields, "mid", self.user().map(Into::into));
        fields
    }

    fn with(&self, name: &str, value: Value) -> Value {
        let mut fields = self.by();
        insert(&mut fields, name, Some(value));
        fields
    }

    /// One for each member of a change.
    fn members(&self, change: &str) -> Vec<Value> {
        let members = self.value[change]["members"].as_array().map(Vec::as_slice).unwrap_or_default();
        members.iter().map(|member| json!({ "group_id": self.chat(), "mid": member["userId"] })).collect()
    }

    fn message(&self) -> Value {
        let message = &self.value["message"];
        let text = |value: &Value| match value {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
        let mut metadata = Map::new();
        let mut note = |name: &str, value: &Value| {
            metadata.extend(text(value).map(|text| (name.to_owned(), Value::from(text))));
        };
        let kind = message["type"].as_str().unwrap_or_default();
        let content_type = match kind {
            "text" => "NONE".to_owned(),
            other => other.to_ascii_uppercase(),
        };
        match kind {
            "text" => note("MENTION", &message["mention"]),
            "video" | "audio" => note("DURATION", &message["duration"]),
            "file" => {
                note("FILE_NAME", &message["fileName"]);
                note("FILE_SIZE", &message["fileSize"]);
            }
            "location" => {
                ["title", "address", "latitude", "longitude"].iter().for_each(|name| note(name, &message[*name]))
            }
            "sticker" => {
                note("STKID", &message["stickerId"]);
                note("STKPKGID", &message["packageId"]);
            }
            _ => {}
        }
        note("QUOTED_MESSAGE_ID", &message["quotedMessageId"]);
        json!({
            "id": message["id"],
            "from": self.user().unwrap_or_default(),
            "to": self.group().unwrap_or(self.me),
            "text": if kind == "text" { message["text"].clone() } else { Value::Null },
            "timestamp": self.value["timestamp"].as_i64().unwrap_or_default(),
            "contentType": content_type,
            "contentMetadata": metadata,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(events: &Value) -> Vec<(String, Value)> {
        let body = json!({ "destination": "Ubot", "events": events }).to_string();
        let callback = read_callback(body.as_bytes()).expect("a webhook");
        callback.events.into_iter().map(|event| (event.subcommand.to_string(), event.content.value())).collect()
    }

    #[test]
    fn a_signature_is_checked_over_the_whole_body() {
        let signature = sign(b"secret", b"{}");
        assert!(verify(b"secret", b"{}", signature.as_bytes()));
        for (secret, body, signature) in [
            (&b"other"[..], &b"{}"[..], signature.as_str()),
            (b"secret", b"{} ", &signature),
            (b"secret", b"{}", &signature[1..]),
            (b"secret", b"{}", ""),
            (b"secret", b"{}", "not base64!"),
        ] {
            assert!(!verify(secret, body, signature.as_bytes()));
        }
    }

    #[test]
    fn a_message_has_the_fields_that_every_network_s_have() {
        let event = json!({
            "type": "message", "timestamp": 5, "mode": "active", "webhookEventId": "01H", "replyToken": "r",
            "source": { "type": "group", "groupId": "C1", "userId": "U1" },
            "message": { "type": "file", "id": "7", "fileName": "a.txt", "fileSize": 3 },
        });
        let [(subcommand, content)] = &read(&json!([event]))[..] else { panic!("one event") };
        assert_eq!(subcommand, "message");
        assert_eq!((&content["from"], &content["to"], &content["id"]), (&json!("U1"), &json!("C1"), &json!("7")));
        assert_eq!(content["contentMetadata"], json!({ "FILE_NAME": "a.txt", "FILE_SIZE": "3" }));
        assert_eq!((&content["contentType"], &content["text"]), (&json!("FILE"), &Value::Null));
        assert_eq!((&content["event"], &content["delivery"]), (&event, &json!("01H")));
        assert_eq!(original(&content.to_string()), Some(event.to_string().as_str()));
        assert_eq!(original(&event.to_string()), None);
    }

    #[test]
    fn somebody_whom_line_does_not_name_is_nobody() {
        let event = json!({ "type": "message", "source": { "type": "group", "groupId": "C1" }, "message": { "type": "text", "text": "hi" } });
        assert_eq!(read(&json!([event]))[0].1["from"], "");
        let alone = json!({ "type": "message", "source": { "type": "user", "userId": "U1" }, "message": { "type": "text", "text": "hi" } });
        assert_eq!(read(&json!([alone]))[0].1["to"], "Ubot");
    }

    #[test]
    fn members_who_come_at_once_are_an_event_each() {
        let members = json!([{ "type": "user", "userId": "U1" }, { "type": "user", "userId": "U2" }]);
        let event = json!({
            "type": "memberJoined", "webhookEventId": "01H", "source": { "type": "group", "groupId": "C1" },
            "joined": { "members": members },
        });
        let found = read(&json!([event]));
        let brief = |(_, content): &(String, Value)| (content["mid"].clone(), content["delivery"].clone());
        assert_eq!(
            found.iter().map(brief).collect::<Vec<_>>(),
            [(json!("U1"), json!("01H")), (json!("U2"), json!("01H/1"))]
        );
    }

    #[test]
    fn what_is_not_known_or_not_ours_to_answer_comes_as_it_is() {
        let new = json!({ "type": "novelty", "mode": "active", "what": 1 });
        let theirs = json!({ "type": "message", "mode": "standby", "message": { "type": "text", "text": "hi" } });
        assert_eq!(read(&json!([new, theirs])), [("novelty".to_owned(), new), ("standby".to_owned(), theirs)]);
        assert_eq!(read(&json!([5])), [(String::new(), json!(5))]);
    }

    #[test]
    fn a_token_is_for_the_chat_of_its_event() {
        let event = json!({
            "type": "postback", "timestamp": 5, "replyToken": "r",
            "source": { "type": "room", "roomId": "R1", "userId": "U1" }, "postback": { "data": "x" },
        });
        let callback = read_callback(json!({ "destination": "U", "events": [event] }).to_string().as_bytes());
        let content = callback.expect("a webhook").events.remove(0).content;
        let expected = ReplyToken { chat: "R1".to_owned(), token: "r".to_owned(), since: 5 };
        assert_eq!(ReplyToken::of(&content), Some(expected));
        assert_eq!(ReplyToken::of(&Content::new(r#"{"event":{"type":"unfollow"}}"#)), None);
        assert_eq!(ReplyToken::of(&Content::new(r#"{"replyToken":"r"}"#)), None);
    }

    #[test]
    fn a_body_that_is_no_webhook_says_so() {
        assert!(matches!(read_callback(b"{"), Err(WebhookError::NoJson(_))));
        assert!(matches!(read_callback(b"[]"), Err(WebhookError::NoCallback(_))));
        assert!(matches!(read_callback(br#"{"events":5}"#), Err(WebhookError::NoCallback(_))));
        let empty = read_callback(br#"{"destination":"U","events":[]}"#).expect("a verification");
        assert!(empty.events.is_empty());
    }
}
