//! The one table of gateway events.
//!
//! A row declares an event once: its subcommand, the hook that it reaches, its documentation and its fields. The
//! content structs (what a gateway sends), the dispatch to hooks and the reference come from it. What arrives is read
//! by name and tolerantly, never through these structs: see [`super::Event`].

use std::collections::BTreeMap;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::damage::{Damage, Damages};
use super::hooks::Hook;
use super::line::events::LINE_EVENTS;
use super::mend::mend;
use super::mid::is_group;
use super::scalar::{Damaged, scalar};
use super::tolerant::{Metadata, Millis, Text};

/// The JSON type of an event field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventFieldKind {
    /// A string.
    Str,
    /// A string, or null where there is none.
    NullableStr,
    /// A string that is JSON itself.
    Json,
    /// A whole number.
    Int,
    /// An object whose values are strings.
    StrMap,
}

/// One field of an event's content.
#[derive(Clone, Copy, Debug)]
pub struct EventField {
    /// The name on the wire, to the letter.
    pub name: &'static str,
    /// The JSON type.
    pub kind: EventFieldKind,
    /// Whether it can be missing.
    pub optional: bool,
    /// What it means.
    pub doc: &'static str,
}

/// How a repetition of an event is told from the same thing happening again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repetition {
    /// By the id of its message.
    Id,
    /// By the id under which it was delivered: the field `delivery` of its content.
    Delivery,
    /// Not at all: its content names nothing that would tell the one from the other.
    Never,
    /// By its content.
    Same,
    /// By its content, until another event of the same topic is about the same subject, and so has undone it.
    Until {
        /// What the events that undo each other have in common.
        topic: &'static str,
        /// The fields that name the subject. One that is missing could be any.
        subject: &'static [&'static str],
    },
}

/// How the chat that an event belongs to is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChatRule {
    /// It belongs to none.
    None,
    /// A field names it.
    Field(&'static str),
    /// The content is a message, and its chat is where an answer goes: see [`Message::chat`].
    Message,
}

/// One row of the event table.
#[derive(Debug)]
pub struct EventSpec {
    /// The name on the wire.
    pub subcommand: &'static str,
    /// The hook that it reaches, besides `on_notify`.
    pub hook: Option<Hook>,
    /// Whether the event is about this account itself by its very name.
    pub me: bool,
    /// Whether it is about this account where it names nobody.
    pub me_unnamed: bool,
    /// How the chat that it belongs to is found.
    pub chat: ChatRule,
    /// How one that a gateway repeats after a reconnect is told from the same thing happening again.
    pub repetition: Repetition,
    /// When it is sent.
    pub doc: &'static str,
    /// The content's fields.
    pub fields: &'static [EventField],
}

impl EventSpec {
    /// The row of a subcommand.
    pub fn named(subcommand: &str) -> Option<&'static Self> {
        // Most of what arrives is messages, and they are the first row.
        Self::all().find(|row| row.subcommand == subcommand)
    }

    /// The rows of every network; no two have the same name.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        EVENTS.iter().chain(LINE_EVENTS)
    }

    /// The field that names the person whom it is about, where it has one. What one person does to another is about the other.
    pub fn person(&self) -> Option<&'static EventField> {
        let field = |name| self.fields.iter().find(|field| field.name == name);
        field("target").or_else(|| field("mid"))
    }

    /// Whether its content is a [`Message`].
    pub fn is_message(&self) -> bool {
        self.chat == ChatRule::Message
    }

    /// The id by which an event is told from others, where its row goes by one: that of its message, or of its delivery.
    pub fn id_of<'a>(subcommand: &str, content: &'a str) -> Option<Cow<'a, str>> {
        match Self::named(subcommand)?.repetition {
            Repetition::Id => Message::id_of(content),
            Repetition::Delivery => delivery_of(content).map(Cow::Owned),
            Repetition::Never | Repetition::Same | Repetition::Until { .. } => None,
        }
    }
}

/// The id under which an event was delivered.
pub(super) fn delivery_of(content: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Delivered {
        delivery: String,
    }
    let Delivered { delivery } = serde_json::from_str(content).ok()?;
    Some(delivery).filter(|id| !id.is_empty())
}

macro_rules! event_kind {
    (str) => {
        (EventFieldKind::Str, false)
    };
    (optional) => {
        (EventFieldKind::Str, true)
    };
    (json) => {
        (EventFieldKind::Json, false)
    };
    (nullable) => {
        (EventFieldKind::NullableStr, false)
    };
    (int) => {
        (EventFieldKind::Int, false)
    };
    (map) => {
        (EventFieldKind::StrMap, false)
    };
}

macro_rules! me {
    (me) => {
        true
    };
    ($other:ident) => {
        false
    };
}

macro_rules! me_unnamed {
    (other) => {
        false
    };
    ($me:ident) => {
        true
    };
}

macro_rules! chat {
    () => {
        ChatRule::None
    };
    (message) => {
        ChatRule::Message
    };
    ($field:literal) => {
        ChatRule::Field($field)
    };
}

macro_rules! repetition {
    (id) => {
        Repetition::Id
    };
    (delivery) => {
        Repetition::Delivery
    };
    (never) => {
        Repetition::Never
    };
    (same) => {
        Repetition::Same
    };
    (until $topic:ident $($field:literal)+) => {
        Repetition::Until { topic: stringify!($topic), subject: &[$($field),+] }
    };
}

macro_rules! events {
    ($table:ident $table_doc:literal $(
        $(#[doc = $doc:literal])+
        $subcommand:ident $subject:ident ($($hook:ident)?) ($($chat:tt)?) ($($repetition:tt)+) {
            $( $kind:ident $wire:literal $field_doc:literal; )*
        }
    )+) => {
        #[doc = $table_doc]
        pub static $table: &[EventSpec] = &[$( EventSpec {
            subcommand: stringify!($subcommand),
            hook: optional!($(Hook::$hook)?),
            me: me!($subject),
            me_unnamed: me_unnamed!($subject),
            chat: chat!($($chat)?),
            repetition: repetition!($($repetition)+),
            doc: concat!($($doc),+).trim_ascii(),
            fields: &[$( EventField {
                name: $wire,
                kind: event_kind!($kind).0,
                optional: event_kind!($kind).1,
                doc: $field_doc,
            } ),*],
        } ),+];
    };
}

macro_rules! optional {
    () => {
        None
    };
    ($value:expr) => {
        Some($value)
    };
}

// subcommand, whom it is about (`nobody`: this account where it names nobody), (hook), (field of its chat, or that its content is a
// message), (how it is repeated) { type "wire name" "documentation"; }
events! {
    EVENTS "Every event of the vendor's gateway, the most frequent first."
    /// A message for this account.
    RECEIVE_MESSAGE other (Message) (message) (id) {
        str "id" "the message's id";
        str "from" "who wrote it";
        str "to" "the person or group that it was written to";
        nullable "text" "the text, of a vCard its display name, null where there is none";
        int "timestamp" "when it was sent, in milliseconds";
        str "contentType" "NONE (text), IMAGE, VIDEO, AUDIO, STICKER, CONTACT, FILE, LOCATION, CALL, GIFT, LINK, POSTNOTIFICATION, CHATEVENT, MUSIC or FLEX";
        map "contentMetadata" "what else belongs to this content type, all values strings";
    }
    /// A message that this account sent from another device.
    SEND_MESSAGE me (OwnMessage) (message) (id) {
        str "id" "the message's id";
        str "from" "this account";
        str "to" "the person or group that it was written to";
        nullable "text" "the text, null where there is none";
        int "timestamp" "when it was sent, in milliseconds";
        str "contentType" "as in RECEIVE_MESSAGE";
        map "contentMetadata" "as in RECEIVE_MESSAGE";
    }
    /// This account is invited into a group.
    NOTIFIED_INVITE_INTO_CHAT other (Invite) ("group_id") (until membership "group_id") {
        str "group_id" "the group";
        str "mid" "who invites";
        int "created_time" "when, in seconds";
    }
    /// An invitation of this account was withdrawn.
    NOTIFIED_CANCEL_CHAT_INVITATION other (InviteCancelled) ("group_id") (until membership "group_id") {
        str "group_id" "the group";
        optional "mid" "who withdrew it";
    }
    /// This account joined a group by accepting an invitation.
    ACCEPT_CHAT_INVITATION me (Join) ("group_id") (until membership "group_id") {
        str "group_id" "the group";
        optional "mid" "this account";
    }
    /// Someone joined a group by accepting an invitation.
    NOTIFIED_ACCEPT_CHAT_INVITATION other (Join) ("group_id") (until membership "group_id" "mid") {
        str "group_id" "the group";
        str "mid" "who joined";
    }
    /// Someone joined a group by its url.
    NOTIFIED_JOIN_CHAT other (Join) ("group_id") (until membership "group_id" "mid") {
        str "group_id" "the group";
        str "mid" "who joined";
    }
    /// This account left a group, where the event names nobody; else someone left it.
    NOTIFIED_LEAVE_CHAT nobody (Leave) ("group_id") (until membership "group_id" "mid") {
        str "group_id" "the group";
        optional "mid" "who left";
    }
    /// This account left a group.
    DELETE_SELF_FROM_CHAT me (Leave) ("group_id") (until membership "group_id") {
        str "group_id" "the group";
        optional "mid" "this account";
    }
    /// Someone left a group.
    NOTIFIED_DELETE_SELF_FROM_CHAT other (Leave) ("group_id") (until membership "group_id" "mid") {
        str "group_id" "the group";
        str "mid" "who left";
    }
    /// Someone was removed from a group.
    NOTIFIED_DELETE_OTHER_FROM_CHAT other (Kick) ("group_id") (until membership "group_id" "target") {
        str "group_id" "the group";
        str "mid" "who removed them";
        str "target" "who was removed";
    }
    /// A group's name, picture or join link changed.
    NOTIFIED_UPDATE_CHAT other (GroupUpdate) ("group_id") (never) {
        str "group_id" "the group";
        str "mid" "who changed it";
        str "type" "`1` name, `2` picture, `4` join link";
    }
    /// A contact changed their profile.
    NOTIFIED_UPDATE_PROFILE other (ProfileUpdate) () (until profile "mid" "type") {
        str "mid" "the contact";
        str "type" "`2` name, `8` picture, `16` status message";
        json "params" "JSON text with the new value, such as {\"DISPLAY_NAME\": \"…\"}";
    }
    /// Someone added this account to their contacts.
    NOTIFIED_ADD_CONTACT other (ContactAdded) () (same) {
        str "mid" "who added it";
    }
    /// Someone read a message.
    NOTIFIED_READ_MESSAGE other (Read) ("chat") (same) {
        str "chat" "the chat";
        str "mid" "who read it";
        str "msg_id" "the last message that was read";
    }
    /// A message was taken back.
    NOTIFIED_DESTROY_MESSAGE other (Unsend) ("chat") (same) {
        str "chat" "the chat";
        str "msg_id" "the message";
    }
    /// Someone reacted to a message.
    NOTIFIED_SEND_REACTION other (Reaction) ("chat") (never) {
        str "chat" "the chat";
        str "mid" "who reacted";
        str "msg_id" "the message";
    }
    /// This account added a contact from another device.
    ADD_CONTACT me () () (until contact "mid") {
        str "mid" "the contact";
    }
    /// This account blocked a person from another device.
    BLOCK_CONTACT me () () (until contact "mid") {
        str "mid" "the person";
    }
    /// This account unblocked a person from another device.
    UNBLOCK_CONTACT me () () (until contact "mid") {
        str "mid" "the person";
    }
    /// A contact closed their account.
    NOTIFIED_UNREGISTER_USER other () () (same) {
        str "mid" "the contact";
    }
    /// This account's own profile changed.
    UPDATE_PROFILE me () () (never) {
        optional "mid" "this account";
    }
    /// This account's own settings changed.
    UPDATE_SETTINGS me () () (never) {
        optional "mid" "this account";
    }
}

/// The content of RECEIVE_MESSAGE and SEND_MESSAGE.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// The message's id.
    pub id: String,
    /// The mid of who wrote it.
    pub from: String,
    /// The mid of the person or group that it was written to.
    pub to: String,
    /// The text, where there is one.
    pub text: Option<String>,
    /// When it was sent, in milliseconds since 1970.
    pub timestamp: i64,
    /// The content type, `NONE` for text.
    pub content_type: String,
    /// What else belongs to the content type.
    pub content_metadata: BTreeMap<String, String>,
}

impl Message {
    /// Reads the content of a message event, tolerantly.
    ///
    /// Fields that are missing or of another type are taken as empty, or 0; a timestamp may be a numeric string. `None` means
    /// that the text is no JSON object.
    pub fn read(content: &str) -> Option<Self> {
        Self::read_noting(content, &mut Damages::default())
    }

    /// Reads the content of a message event as [`read`](Self::read) does, and notes what was wrong with it.
    pub fn read_noting(content: &str, damages: &mut Damages) -> Option<Self> {
        if let Some(message) = Self::read_legal(content, damages) {
            return Some(message);
        }
        let mended = mend(content)?;
        damages.extend(mended.damages);
        Self::read_legal(&mended.text, damages)
    }

    /// The id in a message's content, as written; a number and its numeric string are the same id.
    pub fn id_of(content: &str) -> Option<Cow<'_, str>> {
        #[derive(Deserialize)]
        struct Id<'a> {
            #[serde(borrow)]
            id: Option<&'a RawValue>,
        }
        fn read(content: &str) -> Option<Result<Option<Cow<'_, str>>, Damaged>> {
            content.trim_start().starts_with('{').then(|| {
                let id: Id<'_> = serde_json::from_str(content).map_err(|_| Damaged)?;
                id.id.map_or(Ok(None), scalar)
            })
        }
        let id = match read(content)? {
            Ok(id) => id,
            Err(Damaged) => read(&mend(content)?.text)?.ok()?.map(|id| Cow::Owned(id.into_owned())),
        };
        id.filter(|id| !id.is_empty())
    }

    fn read_legal(content: &str, damages: &mut Damages) -> Option<Self> {
        // Serde would also fill a struct from an array.
        let wire: WireMessage<'_> =
            content.trim_start().starts_with('{').then(|| serde_json::from_str(content).ok())??;
        let id = wire.id.map_or(Ok(None), scalar).ok()?;
        for found in [&wire.from, &wire.to, &wire.text, &wire.content_type].map(|text| text.damages) {
            damages.extend(found);
        }
        damages.extend(wire.timestamp.damages);
        damages.extend(wire.content_metadata.damages);
        if id.is_none() && wire.id.is_some() {
            damages.insert(Damage::WrongType);
        }
        Some(Self {
            id: id.unwrap_or_default().into_owned(),
            from: wire.from.text.unwrap_or_default(),
            to: wire.to.text.unwrap_or_default(),
            text: wire.text.text,
            timestamp: wire.timestamp.millis,
            content_type: wire.content_type.text.unwrap_or_else(|| "NONE".to_owned()),
            content_metadata: wire.content_metadata.entries,
        })
    }

    /// The mid of the chat, which is where an answer goes.
    ///
    /// It is `to` in a group or room and for one's own messages, else the person who wrote.
    pub fn chat(&self, me: &str) -> &str {
        chat(&self.from, &self.to, me)
    }
}

/// The mid of a message's chat, for the account `me`.
pub(super) fn chat<'a>(from: &'a str, to: &'a str, me: &str) -> &'a str {
    if from == me || is_group(to) { to } else { from }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireMessage<'a> {
    /// A number of any size is an id to the last digit.
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(default)]
    from: Text,
    #[serde(default)]
    to: Text,
    #[serde(default)]
    text: Text,
    #[serde(default)]
    timestamp: Millis,
    #[serde(default)]
    content_type: Text,
    #[serde(default)]
    content_metadata: Metadata,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_goes_by_the_id_of_a_message_has_one() {
        for row in EVENTS {
            assert_eq!(row.is_message(), row.repetition == Repetition::Id, "{}", row.subcommand);
            let expected = row.is_message().then_some("7");
            assert_eq!(EventSpec::id_of(row.subcommand, r#"{"id":7}"#).as_deref(), expected, "{}", row.subcommand);
        }
        assert_eq!(EventSpec::id_of("NEW", r#"{"id":7}"#), None);
    }

    #[test]
    fn a_chat_is_where_an_answer_goes() {
        let message = |from: &str, to: &str| Message { from: from.into(), to: to.into(), ..Message::default() };
        assert_eq!(message("u1", "u2").chat("u2"), "u1");
        assert_eq!(message("u1", "u2").chat("u1"), "u2");
        assert_eq!(message("u1", "c9").chat("u2"), "c9");
        assert_eq!(message("u1", "r9").chat("u2"), "r9");
    }

    #[test]
    fn a_message_of_odd_types_is_still_read() {
        let message = Message::read(
            r#"{"id": 12, "from": "u1", "to": ["x"], "text": null, "timestamp": "1700000000000", "contentMetadata": {"DURATION": 5}, "new": [{}]}"#,
        )
        .expect("an object is a message");
        assert_eq!((message.id.as_str(), message.to.as_str(), message.text), ("12", "", None));
        assert_eq!((message.timestamp, message.content_type.as_str()), (1_700_000_000_000, "NONE"));
        assert_eq!(message.content_metadata["DURATION"], "5");
        assert_eq!(Message::read("[]").map(|message| message.id), None);
    }

    #[test]
    fn a_damaged_field_of_a_message_costs_that_field() {
        let whole = r#"{"id":"7","from":"u1","to":"c1","text":"hi","timestamp":5,"contentType":"NONE","contentMetadata":{"A":"b"}}"#;
        let read = |from: &str, to: &str| {
            let mut damages = Damages::default();
            let content = whole.replacen(from, to, 1);
            assert_ne!(content, whole);
            let message = Message::read_noting(&content, &mut damages).expect("an object");
            (message, damages.iter().collect::<Vec<_>>())
        };
        let expected = Message::read(whole).expect("an object");
        let text = |text: &str| Message { text: Some(text.to_owned()), ..expected.clone() };
        assert_eq!(read("hi", r"\ud83d!"), (text("\u{fffd}!"), vec![Damage::HalfCharacter]));
        assert_eq!(read(r#""text":"hi""#, r#""text":"a","text":"b""#), (text("b"), vec![Damage::RepeatedKey]));
        assert_eq!(read(r#""hi""#, "[]"), (Message { text: None, ..expected.clone() }, vec![Damage::WrongType]));
        assert_eq!(read(":5", ":NaN"), (Message { timestamp: 0, ..expected.clone() }, vec![Damage::NoNumber]));
        assert_eq!(read(":5", r#":"soon""#), (Message { timestamp: 0, ..expected.clone() }, vec![Damage::WrongType]));
        assert_eq!(read(r#""7""#, "123456789012345678901").0.id, "123456789012345678901");
        let metadata = |entries: &[(&str, &str)]| Message {
            content_metadata: entries.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect(),
            ..expected.clone()
        };
        let mention = (r#""A":"b""#, r#""A":"b","MENTION":{"MENTIONEES":[]},"C":null"#);
        assert_eq!(read(mention.0, mention.1), (metadata(&[("A", "b"), ("MENTION", r#"{"MENTIONEES":[]}"#)]), vec![]));
        assert_eq!(read(r#"{"A":"b"}"#, r#""{\"A\":\"b\"}""#), (expected.clone(), vec![]));
        assert_eq!(read(r#"{"A":"b"}"#, "7"), (metadata(&[]), vec![Damage::WrongType]));
        assert_eq!(read(r#""A":"b""#, r#""A":1,"A":"b""#), (expected.clone(), vec![Damage::RepeatedKey]));
    }

    #[test]
    fn an_id_is_found_however_its_message_is_damaged() {
        for (content, expected) in [
            (r#"{"id":"7","text":"\ud83d"}"#, Some("7")),
            (r#"{"id":7,"text":NaN}"#, Some("7")),
            (r#"{"id":"6","id":"7"}"#, Some("7")),
            (r#"{"id":"\u0037"}"#, Some("7")),
            (r#"{"id":null}"#, None),
            (r#"{"id":""}"#, None),
            (r#"{"id":1e400}"#, None),
            (r#"{"id":{}}"#, None),
            ("[7]", None),
            ("what?", None),
        ] {
            assert_eq!(Message::id_of(content).as_deref(), expected, "{content}");
        }
    }
}
