//! What hooks get: messages, invitations, events, people, sessions. Everything they *do* goes through the door.

use std::rc::Rc;
use std::time::Duration;

use rhai::{Dynamic, Engine, ImmutableString, Map, NativeCallContext};

use super::command;
use super::door::{self, Answer, Call, Kind, Place, ScriptResult, Thrown};
use super::hours;
use super::lane::Entry;
use super::live::{Member, Reply, Services};
use super::run::{Run, Stage};
use super::value;
use crate::language::duration::parse_duration;
use crate::language::functions::PROPERTIES;
use crate::protocol::commands::{AcceptGroupInvitation, GetContacts, RejectGroupInvitation};
use crate::protocol::{self, Content, Damage, Damages, EVENTS, EventFieldKind, EventSpec, fields_of, integer, whole};

/// A message, as `on_message` gets it.
#[derive(Clone)]
pub(crate) struct Message(Rc<MessageData>);

struct MessageData {
    wire: protocol::Message,
    content: Content,
    chat: ImmutableString,
    text: Option<ImmutableString>,
}

impl Message {
    /// Reads the content of a message event for the account `me`, and notes what was wrong with it. `None` means that it is no
    /// JSON object.
    pub(crate) fn read(content: Content, me: &str, damages: &mut Damages) -> Option<Self> {
        let mut wire = protocol::Message::read_noting(content.as_str(), damages)?;
        let chat = wire.chat(me).into();
        let text = wire.text.take().map(Into::into);
        Some(Self(Rc::new(MessageData { wire, content, chat, text })))
    }

    /// The wire's content.
    pub(crate) fn content(&self) -> &Content {
        &self.0.content
    }

    /// The mid of the chat.
    pub(crate) fn chat(&self) -> &str {
        &self.0.chat
    }

    /// The mid of who wrote it.
    pub(crate) fn sender(&self) -> &str {
        &self.0.wire.from
    }

    fn text(&mut self) -> Dynamic {
        self.0.text.clone().map_or(Dynamic::UNIT, Dynamic::from)
    }

    fn metadata(&mut self) -> Map {
        self.0.wire.content_metadata.iter().map(|(name, text)| (name.into(), text.into())).collect()
    }
}

/// A person, named by their mid.
#[derive(Clone)]
pub(crate) struct Person(ImmutableString);

/// An invitation into a group.
#[derive(Clone)]
pub(crate) struct Invite(Event);

/// Any other event.
#[derive(Clone)]
pub(crate) struct Event(Rc<EventData>);

struct EventData {
    spec: &'static EventSpec,
    raw: Dynamic,
    /// The mid of whom it is about, where that is known.
    person: Option<ImmutableString>,
    me: bool,
}

impl Event {
    /// Reads the content of an event for the account `me`, and notes what was wrong with it.
    pub(crate) fn read(spec: &'static EventSpec, content: &Content, me: &str, damages: &mut Damages) -> Self {
        let raw = value::from_content_noting(content.as_str(), damages);
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
    fn get(&self, name: &str) -> ScriptResult {
        let person = |mid: Option<ImmutableString>| mid.map_or(Dynamic::UNIT, |mid| Dynamic::from(Person(mid)));
        match name {
            "me" => return Ok(self.0.me.into()),
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
        if EVENTS.iter().any(|spec| spec.fields.iter().any(|field| field.name == name)) {
            return Ok(Dynamic::UNIT);
        }
        let own = PROPERTIES.iter().filter(|row| row.of == "Event").map(|row| row.name);
        let known = self.0.spec.fields.iter().map(|field| field.name).chain(own);
        Err(door::error(format!(
            "an event {} has no {name}; it has {}",
            self.0.spec.subcommand,
            known.collect::<Vec<_>>().join(", ")
        )))
    }

    fn group(&self) -> Result<String, Thrown> {
        let group = self.get("group_id")?.into_immutable_string();
        group.map(|group| group.to_string()).map_err(|_| door::error("this event names no group"))
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

    /// What sends its commands.
    ///
    /// # Errors
    /// When there is no session of that name any more.
    pub(crate) fn member(&self, services: &Services) -> Result<Member, Thrown> {
        services.directory.get(&self.0).ok_or_else(|| no_session(&self.0, services))
    }
}

fn no_session(name: &str, services: &Services) -> Thrown {
    let names = services.directory.names();
    let known = if names.is_empty() { "there are none".to_owned() } else { format!("there are {}", names.join(", ")) };
    door::error(format!("there is no session \"{name}\"; {known}"))
}

fn field(raw: &Dynamic, name: &str) -> Option<Dynamic> {
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
            Err(_) => value::to_json(&value).ok().map(Dynamic::from),
        },
    }
}

/// Registers the types and what they can do.
pub(crate) fn register(engine: &mut Engine, services: &Rc<Services>) {
    register_message(engine, services);
    register_events(engine, services);
    register_sessions(engine, services);
}

fn register_message(engine: &mut Engine, services: &Rc<Services>) {
    engine.register_type_with_name::<Message>("Message");
    engine.register_get("id", |msg: &mut Message| given(&msg.0.wire.id));
    engine.register_get("chat", |msg: &mut Message| given(&msg.0.chat));
    engine.register_get("text", Message::text);
    engine.register_get("to", |msg: &mut Message| given(&msg.0.wire.to));
    engine.register_get("timestamp", |msg: &mut Message| match msg.0.wire.timestamp {
        0 => Dynamic::UNIT,
        timestamp => timestamp.into(),
    });
    engine.register_get("content_type", |msg: &mut Message| msg.0.wire.content_type.clone());
    engine.register_get("metadata", Message::metadata);
    engine.register_get("is_group", |msg: &mut Message| protocol::is_group(&msg.0.chat));
    engine.register_get("raw", |msg: &mut Message| value::from_content(msg.0.content.as_str()));
    engine.register_get("sender", |msg: &mut Message| Person(msg.0.wire.from.as_str().into()));

    let own = Rc::clone(services);
    engine.register_fn("reply", move |context: NativeCallContext, msg: &mut Message, text: ImmutableString| {
        command::send_text(&own, &msg.0.chat, &text, Place::of(&context))
    });
    engine.register_fn("reply", |_: &mut Message, other: Dynamic| -> ScriptResult {
        Err(door::error(format!("msg.reply(text) needs a string; found {}", value::noun(&other))))
    });
    let own = Rc::clone(services);
    engine.register_fn("ask", move |context: NativeCallContext, msg: &mut Message, text: ImmutableString| {
        ask(&own, msg, &text, None, Place::of(&context))
    });
    let own = Rc::clone(services);
    engine.register_fn(
        "ask",
        move |context: NativeCallContext, msg: &mut Message, text: ImmutableString, options: Map| {
            ask(&own, msg, &text, Some(&options), Place::of(&context))
        },
    );

    engine.register_type_with_name::<Person>("Person");
    engine.register_get("mid", |person: &mut Person| given(&person.0));
    engine.register_get("name", |context: NativeCallContext, person: &mut Person| {
        if person.0.is_empty() { Ok(Dynamic::UNIT) } else { name_of(&person.0, Place::of(&context)) }
    });
    engine.register_fn("==", |a: &mut Person, b: Person| a.0 == b.0);
}

/// A text that a message always has, unless it was lost on its way.
fn given(text: &str) -> Dynamic {
    if text.is_empty() { Dynamic::UNIT } else { text.into() }
}

fn register_events(engine: &mut Engine, services: &Rc<Services>) {
    engine.register_type_with_name::<Event>("Event");
    engine.register_indexer_get(|event: &mut Event, name: &str| event.get(name));
    engine.register_type_with_name::<Invite>("Invite");
    engine.register_indexer_get(|invite: &mut Invite, name: &str| match name {
        "inviter" => invite.0.get("person"),
        _ => invite.0.get(name),
    });
    let own = Rc::clone(services);
    engine.register_fn("accept", move |context: NativeCallContext, invite: &mut Invite| {
        let request = AcceptGroupInvitation { group_id: invite.0.group()? };
        command::call(
            &own,
            None,
            <AcceptGroupInvitation as protocol::Call>::COMMAND,
            fields_of(&request),
            Place::of(&context),
        )
    });
    let own = Rc::clone(services);
    engine.register_fn("reject", move |context: NativeCallContext, invite: &mut Invite| {
        let request = RejectGroupInvitation { group_id: invite.0.group()? };
        command::call(
            &own,
            None,
            <RejectGroupInvitation as protocol::Call>::COMMAND,
            fields_of(&request),
            Place::of(&context),
        )
    });
}

fn register_sessions(engine: &mut Engine, services: &Rc<Services>) {
    engine.register_type_with_name::<SessionRef>("Session");
    let own = Rc::clone(services);
    engine.register_fn("session", move |context: NativeCallContext, name: ImmutableString| {
        door::pass(Call::new(Kind::Pure, "session").with(name.as_str()).at(Place::of(&context)), |_| {
            match own.directory.get(&name) {
                Some(_) => Ok(Answer::Session(name.to_string())),
                None => Err(no_session(&name, &own)),
            }
        })
    });
    engine.register_fn("session", |context: NativeCallContext| {
        door::pass(Call::new(Kind::Pure, "session").at(Place::of(&context)), |run| {
            let live = run.live.as_ref().ok_or_else(|| door::misplaced("no session's event is being handled"))?;
            Ok(Answer::Session(live.name.to_string()))
        })
    });
    let own = Rc::clone(services);
    engine.register_fn("sessions", move |context: NativeCallContext| {
        door::pass(Call::new(Kind::Pure, "sessions").at(Place::of(&context)), |_| {
            Ok(Answer::Sessions(own.directory.names()))
        })
    });
    engine.register_get("name", |session: &mut SessionRef| session.0.clone());
    let own = Rc::clone(services);
    engine.register_get("mid", move |context: NativeCallContext, session: &mut SessionRef| {
        let session = session.clone();
        door::pass(Call::new(Kind::Pure, "session.mid").with(session.0.to_string()).at(Place::of(&context)), |_| {
            let mid = session.member(&own)?.handle.status().mid;
            Ok(Answer::Value(mid.map_or(Dynamic::UNIT, Dynamic::from)))
        })
    });
}

/// Looks a person's name up, once per session; their mid where the gateway does not know them.
fn name_of(mid: &ImmutableString, place: Place<'_>) -> ScriptResult {
    door::pass(Call::new(Kind::Wait, "name").with(mid.as_str()).at(place), |run| {
        let live = run.live.as_ref().ok_or_else(|| door::misplaced("no session's event is being handled"))?;
        if let Some(name) = live.known_name(mid) {
            return Ok(Answer::Value(name.into()));
        }
        let request = GetContacts { mids: vec![mid.to_string()] };
        let contacts = command::ask_gateway(live, &request)?;
        let contact = contacts.read_lock::<rhai::Array>().and_then(|all| all.first().cloned()).unwrap_or(contacts);
        let shown = |name: &str| {
            let name = field(&contact, name)?.into_immutable_string().ok()?;
            (!name.is_empty()).then_some(name)
        };
        let name = shown("displayNameOverridden").or_else(|| shown("displayName")).unwrap_or_else(|| mid.clone());
        live.remember_name(mid, name.clone());
        Ok(Answer::Value(name.into()))
    })
}

/// So long after the disk takes writes again every event that was held has come to its lane.
const HELD: Duration = Duration::from_secs(1);

/// Sends a question and waits for the same person's next message in that chat.
fn ask(services: &Services, msg: &Message, text: &str, options: Option<&Map>, place: Place<'_>) -> ScriptResult {
    let timeout = match options {
        Some(options) => timeout_of(options)?,
        None => None,
    };
    let _receipt = command::send_text(services, &msg.0.chat, text, place)?;
    door::pass(Call::new(Kind::Wait, "ask").with(text).at(place), |run| {
        let live = run.live.clone().ok_or_else(|| door::misplaced("there is no session to ask in"))?;
        let timeout = timeout.unwrap_or(run.limits().ask);
        let remaining = until(services, run, "ask", timeout);
        let since = run.record.waiting().map_or_else(|| services.clock.now(), |waiting| waiting.since);
        let asking = live.ask(&msg.0.chat, msg.sender(), &run.generation.bundle.name, since);
        let too_late = async {
            services.clock.sleep(remaining).await;
            // An answer that came in time may be among the events that are held.
            while live.journal.is_held() {
                live.journal.released().await;
                services.clock.sleep(HELD).await;
            }
        };
        let answer = detach(run, Stage::Asked, "ask", async {
            match asking.wait(too_late).await {
                Some(Reply { message, entry, arrival }) => {
                    // The answer counts as handled when the record that this run has it is in the same cut.
                    run.answers.borrow_mut().push(arrival);
                    (Some(message), Some(entry))
                }
                None => {
                    live.released(run.generation.name()).await;
                    (None, None)
                }
            }
        })?;
        run.has_answer.set(answer.is_some());
        Ok(answer.map_or(Answer::Value(Dynamic::UNIT), Answer::Message))
    })
}

/// How long a wait still lasts that was to last `duration`: a rebuilt run goes on with what its process left it.
pub(crate) fn until(services: &Services, run: &Run, call: &str, duration: Duration) -> Duration {
    let now = services.clock.now();
    let length = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    let Some(deadline) = run.record.interrupted_deadline(call) else {
        run.record.set_deadline(now.saturating_add(length));
        return duration;
    };
    let left = hours::left(deadline, length, now, run.live.as_ref().and_then(|live| live.last.get()));
    run.record.set_deadline(now.saturating_add(left));
    Duration::from_millis(u64::try_from(left).unwrap_or(0))
}

/// Lets go of the run's event and lane, waits for something long, and enters the lane again: at the place that it comes back
/// with, or else at the head.
pub(crate) fn detach<T>(
    run: &Run,
    stage: Stage,
    name: &str,
    future: impl Future<Output = (T, Option<Entry>)>,
) -> Result<T, Thrown> {
    run.stage.set(stage);
    run.has_answer.set(false);
    let was_on_its_own = run.has_let_go.replace(true);
    if run.lane.is_kept() {
        return Ok(door::wait(name, run.aside(future))?.0);
    }
    // The first time the event has use for the lane, and takes it.
    if was_on_its_own {
        run.guard.take();
    }
    let woken = async {
        let (result, entry) = future.await;
        (result, entry.unwrap_or_else(|| run.lane.enter_head()).await)
    };
    let (result, guard) = door::wait(name, run.aside(woken))?;
    run.guard.replace(Some(guard));
    Ok(result)
}

fn timeout_of(options: &Map) -> Result<Option<Duration>, Thrown> {
    if let Some(unknown) = options.keys().find(|name| *name != "timeout") {
        return Err(door::error(format!("ask has no option {unknown}; it has timeout")));
    }
    let Some(timeout) = options.get("timeout") else { return Ok(None) };
    let text = timeout.as_immutable_string_ref().map_err(|_| {
        door::error(format!("ask needs timeout, a duration such as \"10m\"; found {}", value::noun(timeout)))
    })?;
    parse_duration(&text).map(Some).map_err(|error| door::error(format!("ask: timeout: {error}")))
}
