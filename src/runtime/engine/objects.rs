//! What hooks get: messages, invitations, events, people, sessions; what `on_error` gets is in `caught`. These are data; what
//! scripts can do with them is registered elsewhere.

use std::rc::Rc;

use rhai::{Dynamic, ImmutableString, Map};

use super::thrown::{self, ScriptError, ScriptResult};
use super::values;
use crate::language::functions::PROPERTIES;
use crate::language::types::Type;
use crate::protocol::{self, Content, Damage, Damages, EventFieldKind, EventSpec, Mention, Repetition, integer, whole};

/// A message, as `on_message` gets it.
#[derive(Clone)]
pub(crate) struct ScriptMessage(Rc<MessageData>);

struct MessageData {
    /// Invariant: it is a message.
    content: Content,
    chat: ImmutableString,
    text: Option<ImmutableString>,
}

impl ScriptMessage {
    /// Reads the content of a message event for the account `me`, and notes what was wrong with it. `None` means that it is no
    /// JSON object.
    pub(crate) fn read(content: Content, me: &str, damages: &mut Damages) -> Option<Self> {
        let brief = content.brief_noting(damages)?;
        let chat = brief.chat(me).into();
        let text = brief.text.as_deref().map(Into::into);
        Some(Self(Rc::new(MessageData { content, chat, text })))
    }

    /// The same message with another content.
    pub(crate) fn with_content(&self, content: Content) -> Self {
        Self(Rc::new(MessageData { content, chat: self.0.chat.clone(), text: self.0.text.clone() }))
    }

    /// The wire's content.
    pub(crate) fn content(&self) -> &Content {
        &self.0.content
    }

    /// The mid of the chat.
    pub(crate) fn chat(&self) -> &ImmutableString {
        &self.0.chat
    }

    /// The mid of who wrote it.
    pub(crate) fn sender(&self) -> &str {
        self.0.content.message_sender().expect("it was a message when it was read")
    }

    /// What it says, where it says something.
    pub(crate) fn text(&self) -> Option<ImmutableString> {
        self.0.text.clone()
    }

    /// Who is mentioned in its text.
    pub(crate) fn mentions(&self) -> Vec<Mention> {
        Mention::all_of(self.wire())
    }

    /// The message as the gateway sent it.
    pub(crate) fn wire(&self) -> &protocol::Message {
        self.0.content.message().expect("it was a message when it was read")
    }
}

/// A person, named by their mid.
#[derive(Clone)]
pub(crate) struct Person(ImmutableString);

impl Person {
    /// The person of a mid.
    pub(crate) fn new(mid: impl Into<ImmutableString>) -> Self {
        Self(mid.into())
    }

    /// Their mid, empty where it was lost on its way.
    pub(crate) fn mid(&self) -> &ImmutableString {
        &self.0
    }
}

/// An invitation into a group.
#[derive(Clone)]
pub(crate) struct Invite(ScriptEvent);

impl Invite {
    /// The event that it is.
    pub(crate) fn event(&self) -> &ScriptEvent {
        &self.0
    }
}

/// Any other event.
#[derive(Clone)]
pub(crate) struct ScriptEvent(Rc<EventData>);

struct EventData {
    spec: &'static EventSpec,
    raw: Dynamic,
    /// The mid of whom it is about, where that is known.
    person: Option<ImmutableString>,
    me: bool,
}

impl ScriptEvent {
    /// Reads the content of an event for the account `me`, and notes what was wrong with it.
    pub(crate) fn read(spec: &'static EventSpec, content: &Content, me: &str, damages: &mut Damages) -> Self {
        let raw = values::from_content_noting(content.as_str(), damages);
        if !raw.is_map() && spec.fields.iter().any(|row| !row.optional) {
            damages.insert(Damage::NoObject);
        }
        for row in spec.fields {
            if field(&raw, row.name).is_some_and(|found| typed(row.kind, found).is_none()) {
                damages.insert(Damage::WrongType);
            }
        }
        let found = spec.person().and_then(|row| Some((row, field(&raw, row.name)?)));
        // A name that was lost on its way is none of nobody.
        let is_unnamed = found.as_ref().is_none_or(|(_, found)| found.is_unit());
        let named = found.and_then(|(row, found)| typed(row.kind, found)?.into_immutable_string().ok());
        let is_me = spec.me || (is_unnamed && spec.me_unnamed) || named.as_ref().is_some_and(|mid| mid == me);
        let person = named.or_else(|| is_me.then(|| me.into()));
        Self(Rc::new(EventData { spec, raw, person, me: is_me }))
    }

    /// The invitation that the event is.
    pub(crate) fn into_invite(self) -> Invite {
        Invite(self)
    }

    /// A field that is text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.field(name).and_then(|text| text.into_string().ok())
    }

    /// What arrived under a name, as its table says: `()` where it is of another type.
    fn field(&self, name: &str) -> Option<Dynamic> {
        let found = field(&self.0.raw, name)?;
        match self.0.spec.fields.iter().find(|row| row.name == name) {
            Some(row) => Some(typed(row.kind, found).unwrap_or(Dynamic::UNIT)),
            None => Some(found),
        }
    }

    /// A field by name: what arrived under it, `()` for a known field that did not arrive.
    ///
    /// # Errors
    /// When no event has such a field.
    pub(crate) fn get(&self, name: &str) -> ScriptResult {
        let person = |mid: Option<ImmutableString>| mid.map_or(Dynamic::UNIT, |mid| Dynamic::from(Person(mid)));
        match name {
            "me" => return Ok(self.0.me.into()),
            "raw" if self.0.spec.repetition == Repetition::Delivery => {
                return Ok(field(&self.0.raw, "event").unwrap_or_default());
            }
            "raw" => return Ok(self.0.raw.clone()),
            "subcommand" => return Ok(self.0.spec.subcommand.into()),
            "person" => return Ok(person(self.0.person.clone())),
            "by" if self.0.spec.person().is_some_and(|row| row.name != "mid") => {
                return Ok(person(self.text("mid").map(Into::into)));
            }
            "by" => return Ok(person(self.0.person.clone())),
            _ => {}
        }
        if let Some(value) = self.field(name) {
            return Ok(value);
        }
        // A field of any event reads as () where this one lacks it, so that one function can serve several hooks.
        if EventSpec::all().any(|spec| spec.fields.iter().any(|field| field.name == name)) {
            return Ok(Dynamic::UNIT);
        }
        let own = PROPERTIES.iter().filter(|row| row.of == Type::Event).map(|row| row.name);
        let known = self.0.spec.fields.iter().map(|field| field.name).chain(own);
        Err(thrown::error(format!(
            "an event {} has no {name}; it has {}",
            self.0.spec.subcommand,
            known.collect::<Vec<_>>().join(", ")
        )))
    }

    /// The group that it names.
    ///
    /// # Errors
    /// When it names none.
    pub(crate) fn group(&self) -> Result<String, ScriptError> {
        let group = self.get("group_id")?.into_immutable_string();
        group.map(|group| group.to_string()).map_err(|_| thrown::error("this event names no group"))
    }
}

/// A handle on a session: `session("name")`.
#[derive(Clone)]
pub(crate) struct SessionRef(ImmutableString);

impl SessionRef {
    /// A handle on the session of this name.
    pub(crate) fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The session's name.
    pub(crate) fn name(&self) -> &ImmutableString {
        &self.0
    }
}

/// A field of a map.
pub(crate) fn field(raw: &Dynamic, name: &str) -> Option<Dynamic> {
    raw.read_lock::<Map>().and_then(|map| map.get(name).cloned())
}

/// A value that arrived in a field of this kind, where it can stand for one: a number for its text, and a numeric text for its
/// number. `()` stands for itself.
fn typed(kind: EventFieldKind, value: Dynamic) -> Option<Dynamic> {
    if value.is_unit() {
        return Some(value);
    }
    match kind {
        EventFieldKind::StrMap => value.is_map().then_some(value),
        EventFieldKind::Int => {
            let text = || integer(&value.as_immutable_string_ref().ok()?);
            let float = || value.as_float().ok().and_then(whole);
            value.as_int().ok().or_else(float).or_else(text).map(Dynamic::from)
        }
        EventFieldKind::Str | EventFieldKind::NullableStr | EventFieldKind::Json => match value.as_float() {
            // A larger number has lost digits already.
            Ok(float) => whole(float).map(|number| number.to_string().into()),
            Err(_) if value.is_string() => Some(value),
            Err(_) if kind != EventFieldKind::Json && (value.is_array() || value.is_map()) => None,
            Err(_) => values::to_json(&value).ok().map(Dynamic::from),
        },
    }
}
