//! Messages, the chats that keep them, and the commands that send text, places and contacts.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ids::Mid;
use super::{
    Act, Audience, CommandReply, Delivery, EventContent, MAX_PLACE, MAX_TEXT, StoredFile, World, check_length,
    malformed, own_mid, quoted,
};
use crate::clock::Timestamp;
use crate::protocol::commands::{SendContact, SendLocation, SendText};
use crate::protocol::{Failure, FailureCode, Message, MidKind, mid_kind};

/// The message ids of a millisecond begin at so many times its number: as many digits as LINE's. A world that is begun anew
/// gives out later ones than the last did, so that a client which remembers those takes none of them for a repetition.
const IDS_PER_MILLISECOND: u64 = 100_000;

/// How many messages a chat keeps; the oldest go first.
const KEPT: usize = 10_000;

/// What kind of message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the variants are LINE's own names")]
pub enum ContentType {
    /// Text, or a vCard.
    None,
    Image,
    Video,
    Audio,
    Sticker,
    Contact,
    File,
    Location,
    Call,
    Gift,
    Link,
    PostNotification,
    ChatEvent,
    Music,
    Flex,
}

impl ContentType {
    /// The name on the wire, such as `NONE`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Image => "IMAGE",
            Self::Video => "VIDEO",
            Self::Audio => "AUDIO",
            Self::Sticker => "STICKER",
            Self::Contact => "CONTACT",
            Self::File => "FILE",
            Self::Location => "LOCATION",
            Self::Call => "CALL",
            Self::Gift => "GIFT",
            Self::Link => "LINK",
            Self::PostNotification => "POSTNOTIFICATION",
            Self::ChatEvent => "CHATEVENT",
            Self::Music => "MUSIC",
            Self::Flex => "FLEX",
        }
    }
}

/// A message before it is sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Draft {
    /// What kind of message it is.
    pub kind: ContentType,
    /// The text, where there is one.
    pub text: Option<String>,
    /// What else belongs to the kind.
    pub metadata: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) file: Option<StoredFile>,
}

impl Draft {
    /// A message of a kind with nothing in it.
    pub fn new(kind: ContentType) -> Self {
        Self { kind, text: None, metadata: BTreeMap::new(), file: None }
    }

    /// A text message.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: Some(text.into()), ..Self::new(ContentType::None) }
    }

    /// Adds to the metadata.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(name.into(), value.into());
        self
    }
}

/// A message that was sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Post {
    pub(crate) id: u64,
    pub(crate) from: Mid,
    pub(crate) to: Mid,
    pub(crate) at: Timestamp,
    pub(crate) body: Draft,
    /// It went to someone who has blocked its author, and never reached them.
    pub(crate) withheld: bool,
}

impl Post {
    pub(crate) fn wire(&self) -> Message {
        Message {
            id: self.id.to_string(),
            from: self.from.to_string(),
            to: self.to.to_string(),
            text: self.body.text.clone(),
            timestamp: self.at,
            content_type: self.body.kind.name().to_owned(),
            content_metadata: self.body.metadata.clone(),
        }
    }
}

/// The messages of one chat, ascending by id.
pub(crate) type Posts = VecDeque<Post>;

impl World {
    pub(super) fn send_text(&mut self, act: &mut Act<'_>, request: &SendText) -> CommandReply {
        let to = self.destination(act, &request.to)?;
        check_length("content", &request.content, 1, MAX_TEXT)?;
        Ok(self.post(act, &to, Draft::text(request.content.as_str())))
    }

    pub(super) fn send_location(&mut self, act: &mut Act<'_>, request: &SendLocation) -> CommandReply {
        let to = self.destination(act, &request.to)?;
        let SendLocation { title, address, latitude, longitude, .. } = request;
        check_length("title", title, 0, MAX_PLACE)?;
        check_length("address", address, 0, MAX_PLACE)?;
        for (field, value, bound) in [("latitude", *latitude, 90.0), ("longitude", *longitude, 180.0)] {
            if !(-bound..=bound).contains(&value) {
                return Err(malformed(format!("\"{field}\" takes degrees from -{bound} to {bound}; found {value}")));
            }
        }
        let metadata = BTreeMap::from([
            ("title".to_owned(), title.clone()),
            ("address".to_owned(), address.clone()),
            ("latitude".to_owned(), latitude.to_string()),
            ("longitude".to_owned(), longitude.to_string()),
        ]);
        Ok(self.post(act, &to, Draft { metadata, ..Draft::new(ContentType::Location) }))
    }

    pub(super) fn send_contact(&mut self, act: &mut Act<'_>, request: &SendContact) -> CommandReply {
        let to = self.destination(act, &request.to)?;
        check_length("displayName", &request.display_name, 0, MAX_PLACE)?;
        let contact = &request.contact_mid_or_vcard;
        let body = if request.contact_is_mid {
            self.person("contactMidOrVcard", contact)?;
            let name = ("displayName".to_owned(), request.display_name.clone());
            let metadata = BTreeMap::from([("mid".to_owned(), contact.clone()), name]);
            Draft { metadata, ..Draft::new(ContentType::Contact) }
        } else {
            check_length("contactMidOrVcard", contact, 1, MAX_TEXT)?;
            if !is_vcard(contact) {
                let message =
                    "\"contactMidOrVcard\" takes a vCard, BEGIN:VCARD to END:VCARD, while \"contactIsMid\" is false";
                return Err(malformed(message));
            }
            let kind = ("ORGCONTP".to_owned(), "CONTACT".to_owned());
            let metadata = BTreeMap::from([kind, ("vCard".to_owned(), contact.clone())]);
            Draft { metadata, ..Draft::text(request.display_name.as_str()) }
        };
        Ok(self.post(act, &to, body))
    }

    /// Where a message of the acting account may go.
    pub(super) fn destination(&self, act: &Act<'_>, to: &str) -> Result<Mid, Failure> {
        if matches!(mid_kind(to), Some(MidKind::Group | MidKind::Room)) {
            return Ok(self.own_group(act, to)?.mid.clone());
        }
        if mid_kind(to).is_none() {
            let message = format!(
                "\"to\" takes a person's mid, u and 32 hex digits, or a group's, c and 32 hex digits; found {}",
                quoted(to)
            );
            return Err(Failure::new(FailureCode::InvalidMid, message));
        }
        let (me, person) = (self.me(act)?, self.person("to", to)?);
        if person.mid == *act.by {
            return Err(own_mid("to"));
        }
        if me.blocked.contains(&person.mid) {
            return Err(Failure::new(FailureCode::BlockFriend, format!("this account has blocked {to}")));
        }
        if !person.settings.privacy_receive_messages_from_not_friend && !person.contacts.contains_key(act.by) {
            let message = format!("{to} takes messages from their contacts only");
            return Err(Failure::new(FailureCode::NotFriend, message));
        }
        Ok(person.mid.clone())
    }

    /// Sends a message to a destination that has been checked.
    ///
    /// A message to a person who has blocked its author is kept and answered as any other, and reaches nobody: LINE does
    /// not tell the blocked that they are.
    pub(super) fn post(&mut self, act: &mut Act<'_>, to: &Mid, body: Draft) -> Value {
        let first = u64::try_from(act.now).unwrap_or_default().saturating_mul(IDS_PER_MILLISECOND);
        self.last_message = self.last_message.max(first) + 1;
        let by = act.by.clone();
        let group = self.groups.get(to);
        let withheld = group.is_none() && self.blocks(to, &by);
        let post = Post { id: self.last_message, from: by.clone(), to: to.clone(), at: act.now, body, withheld };
        let receivers = match group {
            Some(group) => group.others(&by),
            None if withheld => Vec::new(),
            None => vec![to.clone()],
        };
        let message = Arc::new(post.wire());
        let sent = json!({"id": message.id, "to": message.to, "timestamp": message.timestamp});
        let own = EventContent::Message(Arc::clone(&message));
        act.deliver(Delivery::new(vec![by.clone()], Audience::OtherDevices, "SEND_MESSAGE", own));
        act.tell(receivers, "RECEIVE_MESSAGE", EventContent::Message(message));
        let chat = self.chats.entry(chat_key(&by, to)).or_default();
        if chat.len() == KEPT {
            chat.pop_front();
        }
        chat.push_back(post);
        sent
    }

    /// A message that the acting account sent or received.
    pub(super) fn visible_post(&self, by: &str, msg_id: &str) -> Result<&Post, Failure> {
        let missing = || {
            Failure::new(
                FailureCode::MessageNotFound,
                format!("\"msg_id\" takes a message of this account; found {}", quoted(msg_id)),
            )
        };
        let id: u64 = msg_id.parse().map_err(|_| missing())?;
        let sees = |post: &&Post| {
            *post.from == *by
                || (*post.to == *by && !post.withheld)
                || self.groups.get(&post.to).is_some_and(|group| group.members.contains_key(by))
        };
        let mut found = self.chats.values().filter_map(|chat| {
            let index = chat.binary_search_by_key(&id, |post| post.id).ok()?;
            chat.get(index)
        });
        found.next().filter(sees).ok_or_else(missing)
    }

    /// The messages between an account and a person or group, as that account sees them, oldest first.
    pub(crate) fn history(&self, account: &str, chat: &str) -> Vec<Message> {
        let posts = self.chats.get(&chat_key(account, chat));
        let seen = |post: &&Post| !post.withheld || *post.from == *account;
        posts.into_iter().flatten().filter(seen).map(Post::wire).collect()
    }
}

/// A group's messages lie under its mid, those of two people under both of theirs.
pub(super) fn chat_key(one: &str, other: &str) -> Arc<str> {
    if !other.starts_with(MidKind::User.letter()) {
        return other.into();
    }
    let (first, second) = if one < other { (one, other) } else { (other, one) };
    format!("{first} {second}").into()
}

fn is_vcard(text: &str) -> bool {
    let text = text.trim().to_ascii_uppercase();
    text.starts_with("BEGIN:VCARD") && text.ends_with("END:VCARD")
}
