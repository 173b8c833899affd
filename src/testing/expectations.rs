//! What people and groups expect of the bot: its next message, as they see it.

use rhai::{Array, Dynamic, Engine, Map};

use super::context::{TestBot, TestOutcome, TestPerson, act, error, wait, world};
use super::unmet;
use super::world::{TestGroup, describe};
use crate::protocol::commands::DownloadFile;
use crate::protocol::{Message, Request};

/// Whose eyes look at which chat.
struct View {
    /// Who has seen which message is kept by this name.
    reader: String,
    eyes: String,
    chat: String,
    /// The session that is waited for.
    with: TestBot,
}

impl View {
    fn of_person(person: &TestPerson) -> TestOutcome<Self> {
        let (eyes, with) = (person.name.to_string(), person.with.clone());
        Ok(Self { reader: eyes.clone(), eyes, chat: with.account()?, with })
    }

    fn of_person_in(person: &TestPerson, group: &TestGroup) -> TestOutcome<Self> {
        Ok(Self { chat: group.mid.clone(), ..Self::of_person(person)? })
    }

    fn of_group(group: &TestGroup) -> TestOutcome<Self> {
        let (eyes, chat, with) = (group.member.clone(), group.mid.clone(), TestBot::default());
        Ok(Self { reader: format!("the group {}", group.name), eyes, chat, with })
    }

    /// Why nothing may come.
    fn why(&self) -> TestOutcome<String> {
        Ok(world()?.why_silent(&self.with.session()?.name))
    }

    /// The bot's next message, once nothing more is under way.
    fn next(&self) -> TestOutcome<Option<Message>> {
        let world = world()?;
        wait(world.settle())?;
        Ok(world.next_from_bot(&self.reader, &self.eyes, &self.chat))
    }

    fn expect(&self, text: &str) -> TestOutcome<()> {
        match self.next()? {
            Some(message) if message.text.as_deref() == Some(text) => Ok(()),
            came => Err(unmet::message(&self.reader, text, came.as_ref().map(describe), &self.why()?)),
        }
    }

    fn expect_match(&self, pattern: &str) -> TestOutcome<Array> {
        let regex = regex::Regex::new(pattern)
            .map_err(|reason| error(format!("the regular expression does not compile: {reason}")))?;
        let came = self.next()?;
        let text = came.as_ref().and_then(|message| message.text.as_deref());
        if let Some(captures) = text.and_then(|text| regex.captures(text)) {
            let group = |group: Option<regex::Match<'_>>| group.map_or(Dynamic::UNIT, |group| group.as_str().into());
            return Ok(captures.iter().map(group).collect());
        }
        let expected = format!("a match of {pattern}");
        Err(unmet::message(&self.reader, &expected, came.as_ref().map(describe), &self.why()?))
    }

    fn expect_kind(&self, kind: &str) -> TestOutcome<Map> {
        match self.next()? {
            Some(message) if message.content_type == kind => Ok(message_map(&message)),
            came => {
                let expected = format!("({kind})");
                Err(unmet::message(&self.reader, &expected, came.as_ref().map(describe), &self.why()?))
            }
        }
    }

    /// A file of this name, and where it is given of this text.
    fn expect_file(&self, name: &str, text: Option<&str>) -> TestOutcome<Map> {
        let named = |message: &Message| message.content_metadata.get("FILE_NAME").cloned().unwrap_or_default();
        let came = match self.next()? {
            Some(message) if message.content_type == "FILE" && named(&message) == name => message,
            came => {
                let came = came.as_ref().map(|message| match message.content_type.as_str() {
                    "FILE" => format!("(FILE) {}", named(message)),
                    _ => describe(message),
                });
                return Err(unmet::message(&self.reader, &format!("(FILE) {name}"), came, &self.why()?));
            }
        };
        if let Some(text) = text {
            // What was sent is asked of the gateway, as the person's own client would.
            let fetched = format!("fetched-{}", came.id);
            let _ = act(
                &self.eyes,
                Request::DownloadFile(DownloadFile { msg_id: came.id.clone(), path: fetched.clone() }),
            )?;
            let held = world()?.held(&fetched).map_err(|reason| error(reason.to_string()))?;
            if held != text {
                return Err(unmet::text(format!("{name} has another text than expected"), text, held));
            }
        }
        Ok(message_map(&came))
    }

    fn expect_nothing(&self) -> TestOutcome<()> {
        match self.next()? {
            None => Ok(()),
            Some(message) => Err(unmet::message(&self.reader, "no message", Some(describe(&message)), "")),
        }
    }

    fn receive(&self) -> TestOutcome<Map> {
        match self.next()? {
            Some(message) => Ok(message_map(&message)),
            None => Err(unmet::message(&self.reader, "a message", None, &self.why()?)),
        }
    }
}

fn message_map(message: &Message) -> Map {
    let metadata: Map =
        message.content_metadata.iter().map(|(name, text)| (name.as_str().into(), text.as_str().into())).collect();
    let text = message.text.as_deref().map_or(Dynamic::UNIT, Into::into);
    Map::from_iter([
        ("id".into(), message.id.as_str().into()),
        ("text".into(), text),
        ("content_type".into(), message.content_type.as_str().into()),
        ("timestamp".into(), message.timestamp.into()),
        ("metadata".into(), metadata.into()),
    ])
}

/// Registers what people and groups can expect of the bot.
pub(super) fn register(engine: &mut Engine) {
    let of = View::of_person;
    engine.register_fn("expects", move |person: &mut TestPerson, text: &str| of(person)?.expect(text));
    engine
        .register_fn("expects_match", move |person: &mut TestPerson, pattern: &str| of(person)?.expect_match(pattern));
    engine.register_fn("expects_kind", move |person: &mut TestPerson, kind: &str| of(person)?.expect_kind(kind));
    engine.register_fn("expects_file", move |person: &mut TestPerson, name: &str| of(person)?.expect_file(name, None));
    engine.register_fn("expects_file", move |person: &mut TestPerson, name: &str, text: &str| {
        of(person)?.expect_file(name, Some(text))
    });
    engine.register_fn("expects_nothing", move |person: &mut TestPerson| of(person)?.expect_nothing());
    engine.register_fn("receives", move |person: &mut TestPerson| of(person)?.receive());
    let of = View::of_person_in;
    engine.register_fn("expects_in", move |person: &mut TestPerson, group: TestGroup, text: &str| {
        of(person, &group)?.expect(text)
    });
    engine.register_fn("expects_match_in", move |person: &mut TestPerson, group: TestGroup, pattern: &str| {
        of(person, &group)?.expect_match(pattern)
    });
    engine.register_fn("expects_nothing_in", move |person: &mut TestPerson, group: TestGroup| {
        of(person, &group)?.expect_nothing()
    });
    let of = View::of_group;
    engine.register_fn("expects", move |group: &mut TestGroup, text: &str| of(group)?.expect(text));
    engine.register_fn("expects_match", move |group: &mut TestGroup, pattern: &str| of(group)?.expect_match(pattern));
    engine.register_fn("expects_kind", move |group: &mut TestGroup, kind: &str| of(group)?.expect_kind(kind));
    engine.register_fn("expects_file", move |group: &mut TestGroup, name: &str| of(group)?.expect_file(name, None));
    engine.register_fn("expects_file", move |group: &mut TestGroup, name: &str, text: &str| {
        of(group)?.expect_file(name, Some(text))
    });
    engine.register_fn("expects_nothing", move |group: &mut TestGroup| of(group)?.expect_nothing());
    engine.register_fn("receives", move |group: &mut TestGroup| of(group)?.receive());
}
