//! The content of a frame: its text, and what was read of it already.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::damage::Damages;
use super::events::{Message, chat};
use super::mend::read_value;
use super::plain::{Plain, PlainObject, unescaped};
use super::tolerant::integer;

/// The content of a frame: JSON text, or plain text where a gateway sends some. Clones share it.
#[derive(Clone)]
pub struct Content(Shared);

#[derive(Clone)]
enum Shared {
    /// What most answers are.
    Usual(&'static Parts),
    Own(Arc<Parts>),
}

struct Parts {
    text: Cow<'static, str>,
    /// Where the fields of the message stand that it is, once somebody has asked; `None` where it is none that is plain.
    outline: OnceLock<Option<Outline>>,
    /// The message that it is, and what was wrong with that, once somebody has asked for all of it.
    message: OnceLock<Box<(Option<Message>, Damages)>>,
}

/// What is asked of every message, borrowed from its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Brief<'a> {
    /// The message's id, empty where it has none.
    pub(crate) id: &'a str,
    /// The mid of who wrote it.
    pub(crate) from: &'a str,
    /// The mid of the person or group that it was written to.
    pub(crate) to: &'a str,
    /// The text, where there is one.
    pub(crate) text: Option<Cow<'a, str>>,
}

/// Where the fields of a message stand in a content that has no damage.
#[derive(Debug, Default)]
struct Outline {
    id: Span,
    from: Span,
    to: Span,
    text: Option<Span>,
    has_escapes: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Span {
    start: u32,
    end: u32,
}

static EMPTY: Parts = Parts::new(Cow::Borrowed(""));
static NO_FIELDS: Parts = Parts::new(Cow::Borrowed("{}"));

impl Content {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self::from(Cow::Owned(text.into()))
    }

    /// The text as it came, one level of JSON string quoting removed.
    pub fn as_str(&self) -> &str {
        &self.parts().text
    }

    /// The value: parsed where the text is JSON, damaged or not, else the text as a JSON string.
    pub fn value(&self) -> Value {
        read_value(self.as_str(), &mut Damages::default()).unwrap_or_else(|| Value::String(self.as_str().to_owned()))
    }

    /// The message that it is, as [`Message::read`] reads it; read once, however often it is asked for.
    pub fn message(&self) -> Option<&Message> {
        self.message_and_damages().0.as_ref()
    }

    /// The id of the message that it is, where that has one.
    pub(crate) fn message_id(&self) -> Option<&str> {
        let id = match self.outline() {
            Some(outline) => self.at(outline.id),
            None => &self.message()?.id,
        };
        Some(id).filter(|id| !id.is_empty())
    }

    /// Who wrote the message that it is.
    pub(crate) fn message_sender(&self) -> Option<&str> {
        match self.outline() {
            Some(outline) => Some(self.at(outline.from)),
            None => self.message().map(|message| message.from.as_str()),
        }
    }

    /// The message that it is in brief, with what was wrong with all of it noted. What is left out is read when
    /// [`message`](Self::message) is asked for.
    pub(crate) fn brief_noting(&self, damages: &mut Damages) -> Option<Brief<'_>> {
        let Some(outline) = self.outline() else {
            let (message, found) = self.message_and_damages();
            damages.extend(*found);
            return message.as_ref().map(Brief::of);
        };
        let text = outline.text.map(|span| match self.at(span) {
            text if outline.has_escapes => Cow::Owned(unescaped(text).expect("the escapes of an outline are plain")),
            text => Cow::Borrowed(text),
        });
        Some(Brief { id: self.at(outline.id), from: self.at(outline.from), to: self.at(outline.to), text })
    }

    fn parts(&self) -> &Parts {
        match &self.0 {
            Shared::Usual(parts) => parts,
            Shared::Own(parts) => parts,
        }
    }

    fn outline(&self) -> Option<&Outline> {
        let parts = self.parts();
        parts.outline.get_or_init(|| Outline::of(&parts.text)).as_ref()
    }

    fn at(&self, span: Span) -> &str {
        &self.as_str()[span.start as usize..span.end as usize]
    }

    fn message_and_damages(&self) -> &(Option<Message>, Damages) {
        self.parts().message.get_or_init(|| {
            let mut damages = Damages::default();
            Box::new((Message::read_noting(self.as_str(), &mut damages), damages))
        })
    }
}

impl Parts {
    const fn new(text: Cow<'static, str>) -> Self {
        Self { text, outline: OnceLock::new(), message: OnceLock::new() }
    }
}

impl Brief<'_> {
    /// The mid of the chat, as [`Message::chat`] tells it.
    pub(crate) fn chat(&self, me: &str) -> &str {
        chat(self.from, self.to, me)
    }
}

impl<'a> Brief<'a> {
    fn of(message: &'a Message) -> Self {
        let text = message.text.as_deref().map(Cow::Borrowed);
        Self { id: &message.id, from: &message.from, to: &message.to, text }
    }
}

impl Outline {
    /// Finds the fields of a message in its content. `None` where there could be any damage, or a field stands there otherwise than
    /// it reads.
    fn of(content: &str) -> Option<Self> {
        let mut object = PlainObject::open(content)?;
        let mut outline = Self::default();
        while let Some(key) = object.key()? {
            match key {
                b"id" => {
                    object.once(0)?;
                    outline.id = match object.value()? {
                        Plain::Whole(digits) => Span::of(digits)?,
                        other => Span::of_text(other)?,
                    };
                }
                b"from" => {
                    object.once(1)?;
                    outline.from = Span::of_text(object.value()?)?;
                }
                b"to" => {
                    object.once(2)?;
                    outline.to = Span::of_text(object.value()?)?;
                }
                b"text" => {
                    object.once(3)?;
                    outline.text = match object.value()? {
                        Plain::Null => None,
                        Plain::Text { inner, has_escapes } => {
                            outline.has_escapes = has_escapes;
                            Some(Span::of(inner)?)
                        }
                        _ => return None,
                    };
                }
                b"timestamp" => {
                    object.once(4)?;
                    let is_number = match object.value()? {
                        Plain::Null | Plain::Whole(_) => true,
                        Plain::Text { inner, .. } => integer(&content[inner]).is_some(),
                        Plain::Empty => false,
                    };
                    is_number.then_some(())?;
                }
                b"contentType" => {
                    object.once(5)?;
                    matches!(object.value()?, Plain::Null | Plain::Text { .. }).then_some(())?;
                }
                b"contentMetadata" => {
                    object.once(6)?;
                    matches!(object.value()?, Plain::Null | Plain::Empty).then_some(())?;
                }
                _ => {
                    object.value()?;
                }
            }
        }
        Some(outline)
    }
}

impl Span {
    fn of(range: Range<usize>) -> Option<Self> {
        Some(Self { start: u32::try_from(range.start).ok()?, end: u32::try_from(range.end).ok()? })
    }

    /// A text that stands there as it reads; null is an empty one.
    fn of_text(value: Plain) -> Option<Self> {
        match value {
            Plain::Null => Some(Self::default()),
            Plain::Text { inner, has_escapes: false } => Self::of(inner),
            _ => None,
        }
    }
}

impl Default for Content {
    fn default() -> Self {
        Self(Shared::Usual(&EMPTY))
    }
}

impl From<Cow<'_, str>> for Content {
    fn from(text: Cow<'_, str>) -> Self {
        Self(match &*text {
            "" => Shared::Usual(&EMPTY),
            "{}" => Shared::Usual(&NO_FIELDS),
            _ => Shared::Own(Arc::new(Parts::new(Cow::Owned(text.into_owned())))),
        })
    }
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Content {}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Content").field(&self.as_str()).finish()
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Content {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::plain::tests::objects;

    /// Whether a content has an outline, by which it reads as the whole message does.
    fn reads_by_its_outline(text: &str) -> bool {
        let content = Content::new(text);
        let (mut damages, mut found) = (Damages::default(), Damages::default());
        let message = Message::read_noting(text, &mut found);
        assert_eq!(content.brief_noting(&mut damages), message.as_ref().map(Brief::of), "{text}");
        assert_eq!(damages, found, "{text}");
        assert_eq!(content.message_id(), message.as_ref().map(|message| &*message.id).filter(|id| !id.is_empty()));
        assert_eq!(content.message_sender(), message.as_ref().map(|message| &*message.from));
        assert_eq!(content.message(), message.as_ref());
        content.outline().is_some()
    }

    #[test]
    fn a_usual_message_is_read_by_its_outline() {
        for text in [
            r#"{"id":"7","from":"u1","to":"u2","text":"hi","timestamp":"5","contentType":"NONE","contentMetadata":{}}"#,
            r#"{ "id": 7, "from": "u1", "to": "c2", "text": "a \"b\"\nü", "timestamp": 5 }"#,
            r#"{"id":"7","text":null,"contentType":"STICKER","contentMetadata":null,"new":0}"#,
            "{}",
        ] {
            assert!(reads_by_its_outline(text), "{text}");
        }
        for text in [
            r#"{"id":"7","text":"\ud83d"}"#,
            r#"{"id":"7","from":"a\nb"}"#,
            r#"{"id":"7","timestamp":"soon"}"#,
            r#"{"id":"7","contentMetadata":{"A":"b"}}"#,
            r#"{"id":"7","id":"8"}"#,
            r#"{"id":"7"} x"#,
            "[]",
            "",
        ] {
            assert!(!reads_by_its_outline(text), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_message_is_the_same_by_its_outline(
            text in objects(&["id", "from", "to", "text", "timestamp", "contentType", "contentMetadata"]),
        ) {
            reads_by_its_outline(&text);
        }
    }
}
