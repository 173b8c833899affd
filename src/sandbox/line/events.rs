//! What happens in the world as LINE's webhooks tell it. When and how they are sent is not here.

use serde_json::{Value, json};

use super::draft::QUOTED;
use super::ids::line_id;
use crate::protocol::{Message, MidKind, mid_kind};
use crate::sandbox::world::{Delivery, EventContent, Mid, World};

/// An event before it has its ids and tokens.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LineEvent {
    /// Its type.
    pub(crate) kind: String,
    /// The chat that it happens in.
    pub(crate) chat: Option<Mid>,
    /// Who causes it.
    pub(crate) by: Option<Mid>,
    /// What belongs to it.
    pub(crate) fields: Value,
}

impl LineEvent {
    /// An event in the chat with `chat`, which is a person, a group or a room.
    pub(crate) fn new(kind: &str, chat: &Mid, by: Option<&Mid>, fields: Value) -> Self {
        Self { kind: kind.to_owned(), chat: Some(chat.clone()), by: by.cloned(), fields }
    }

    /// Whether it can be answered by a reply token.
    pub(crate) fn can_be_answered(&self) -> bool {
        let answered = [
            "message",
            "postback",
            "follow",
            "join",
            "memberJoined",
            "videoPlayComplete",
            "beacon",
            "accountLink",
            "membership",
        ];
        self.chat.is_some() && answered.contains(&self.kind.as_str())
    }

    /// LINE's object of where it happens.
    pub(crate) fn source(&self) -> Option<Value> {
        let chat = self.chat.as_ref()?;
        let mut source = match mid_kind(chat) {
            Some(MidKind::Group) => json!({ "type": "group", "groupId": line_id(chat) }),
            Some(MidKind::Room) => json!({ "type": "room", "roomId": line_id(chat) }),
            _ => json!({ "type": "user", "userId": line_id(chat) }),
        };
        if let Some(by) = &self.by {
            source["userId"] = line_id(by).into();
        }
        Some(source)
    }
}

/// What an official account is told of a delivery, where that is anything.
pub(crate) fn event_of(world: &World, official: &Mid, delivery: &Delivery) -> Option<LineEvent> {
    let is_told = delivery.to.contains(official);
    let fields = match &delivery.content {
        EventContent::Message(message) if is_told && delivery.subcommand == "RECEIVE_MESSAGE" => {
            return message_event(official, message);
        }
        EventContent::Message(_) => return None,
        EventContent::Fields(fields) => fields,
    };
    let mid = |name: &str| fields[name].as_str().map(Mid::from);
    let members = |mid: &Mid| json!({ "members": [{ "type": "user", "userId": line_id(mid) }] });
    match &*delivery.subcommand {
        // Whoever blocks or unblocks is told alone; the account learns of it by its webhook.
        kind @ ("BLOCK_CONTACT" | "UNBLOCK_CONTACT") if mid("mid").as_ref() == Some(official) => {
            let person = delivery.to.first().filter(|person| world.has_contact(person, official))?;
            let event = |kind, fields| Some(LineEvent::new(kind, person, None, fields));
            match kind {
                "BLOCK_CONTACT" => event("unfollow", json!({})),
                _ => event("follow", json!({ "follow": { "isUnblocked": true } })),
            }
        }
        _ if !is_told => None,
        "NOTIFIED_ADD_CONTACT" => {
            let fields = json!({ "follow": { "isUnblocked": false } });
            Some(LineEvent::new("follow", &mid("mid")?, None, fields))
        }
        "NOTIFIED_DESTROY_MESSAGE" => {
            let fields = json!({ "unsend": { "messageId": fields["msg_id"] } });
            Some(LineEvent::new("unsend", &mid("chat")?, Some(&delivery.by), fields))
        }
        "ACCEPT_CHAT_INVITATION" => Some(LineEvent::new("join", &mid("group_id")?, None, json!({}))),
        "NOTIFIED_ACCEPT_CHAT_INVITATION" | "NOTIFIED_JOIN_CHAT" => {
            let fields = json!({ "joined": members(&mid("mid")?) });
            Some(LineEvent::new("memberJoined", &mid("group_id")?, None, fields))
        }
        "NOTIFIED_LEAVE_CHAT" => Some(LineEvent::new("leave", &mid("group_id")?, None, json!({}))),
        "NOTIFIED_DELETE_SELF_FROM_CHAT" => {
            let fields = json!({ "left": members(&mid("mid")?) });
            Some(LineEvent::new("memberLeft", &mid("group_id")?, None, fields))
        }
        "NOTIFIED_DELETE_OTHER_FROM_CHAT" => {
            let (group, target) = (mid("group_id")?, mid("target")?);
            Some(if target == *official {
                LineEvent::new("leave", &group, None, json!({}))
            } else {
                LineEvent::new("memberLeft", &group, None, json!({ "left": members(&target) }))
            })
        }
        _ => None,
    }
}

/// A message's event; `None` for one that LINE does not pass on, such as a contact.
fn message_event(official: &Mid, message: &Message) -> Option<LineEvent> {
    let data = |name: &str| message.content_metadata.get(name).map(String::as_str).filter(|text| !text.is_empty());
    let number = |name: &str| data(name).and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
    let whole = |name: &str| data(name).and_then(|text| text.parse::<i64>().ok());
    let provider = || json!({ "type": "line" });
    let mut content = match message.content_type.as_str() {
        "NONE" if data("ORGCONTP").is_some() => return None,
        "NONE" => json!({ "type": "text", "text": message.text.as_deref().unwrap_or_default() }),
        "IMAGE" => json!({ "type": "image", "contentProvider": provider() }),
        "VIDEO" => json!({ "type": "video", "contentProvider": provider() }),
        "AUDIO" => json!({ "type": "audio", "contentProvider": provider() }),
        "FILE" => json!({
            "type": "file",
            "fileName": data("FILE_NAME").unwrap_or("file"),
            "fileSize": whole("FILE_SIZE").unwrap_or_default(),
        }),
        "LOCATION" => json!({ "type": "location", "latitude": number("latitude"), "longitude": number("longitude") }),
        "STICKER" => json!({
            "type": "sticker",
            "stickerId": data("STKID").unwrap_or("1"),
            "packageId": data("STKPKGID").unwrap_or("1"),
            "stickerResourceType": "STATIC",
        }),
        _ => return None,
    };
    content["id"] = message.id.as_str().into();
    let kind = content["type"].as_str().unwrap_or_default().to_owned();
    let mut note = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            content[name] = value;
        }
    };
    match kind.as_str() {
        "text" => {
            note("mention", data("MENTION").and_then(|text| mention(text, official)));
            note("quotedMessageId", data(QUOTED).map(Value::from));
        }
        "video" | "audio" => note("duration", whole("DURATION").map(Value::from)),
        "location" => ["title", "address"].iter().for_each(|name| note(name, data(name).map(Value::from))),
        _ => {}
    }
    let is_group = matches!(mid_kind(&message.to), Some(MidKind::Group | MidKind::Room));
    let (chat, by) = (if is_group { &message.to } else { &message.from }, Mid::from(message.from.as_str()));
    Some(LineEvent::new("message", &Mid::from(chat.as_str()), Some(&by), json!({ "message": content })))
}

/// LINE's object of the mentions that a person wrote.
fn mention(text: &str, official: &Mid) -> Option<Value> {
    let written: Value = serde_json::from_str(text).ok()?;
    let offset = |value: &Value| value.as_str().and_then(|text| text.parse().ok()).or_else(|| value.as_i64());
    let mentionee = |one: &Value| {
        let (start, end) = (offset(&one["S"])?, offset(&one["E"])?);
        let mut mentionee = json!({ "index": start, "length": end - start, "type": "all" });
        if let Some(mid) = one["M"].as_str() {
            mentionee["type"] = "user".into();
            mentionee["userId"] = line_id(mid).into();
            mentionee["isSelf"] = (mid == &**official).into();
        }
        Some(mentionee)
    };
    let mentionees: Vec<_> = written["MENTIONEES"].as_array()?.iter().filter_map(mentionee).collect();
    (!mentionees.is_empty()).then(|| json!({ "mentionees": mentionees }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mention_says_whether_it_is_of_the_account_itself() {
        let text =
            r#"{"MENTIONEES":[{"S":"0","E":"5","M":"u1"},{"S":6,"E":10,"M":"u2"},{"S":"11","E":"15","A":"1"},{}]}"#;
        assert_eq!(
            mention(text, &"u2".into()),
            Some(json!({ "mentionees": [
            { "index": 0, "length": 5, "type": "user", "userId": "U1", "isSelf": false },
            { "index": 6, "length": 4, "type": "user", "userId": "U2", "isSelf": true },
            { "index": 11, "length": 4, "type": "all" },
        ] }))
        );
        assert_eq!(mention("no json", &"u2".into()), None);
    }
}
