//! What scenario tests can call: people, groups, the bot, the clock, the gateway, assertions.
//!
//! Each function acts on the world of the test that runs on this thread: see `context`.

use std::path::Path;
use std::time::Duration;

use rhai::{Array, Dynamic, Engine, ImmutableString, Map, Module};
use serde_json::Value;

use super::context::{Gateway, TestBot, TestOutcome, TestPerson, act, error, refused, wait, world};
use super::error::WorldError;
use super::web::TestWeb;
use super::world::TestGroup;
use super::{expectations, faults, line, mentions, snapshot, unmet, web};
use crate::language::Bundle;
use crate::language::calendar;
use crate::language::dialect::for_reading;
use crate::language::disk::Disk;
use crate::language::duration::parse_duration;
use crate::language::settings::{SecretText, Section, SettingValue};
use crate::protocol::commands::{
    AcceptGroupInvitation, CreateGroup, InviteIntoGroup, LeaveGroup, RejectGroupInvitation, SearchAndAddContactsByMid,
    SendFile, SetNickName, UpdateGroupName,
};
use crate::protocol::{self, Failure, FailureCode, LINE, NETWORKS, Network, Received, Request};
use crate::runtime::guest;
use crate::sandbox::{ContentType, Draft, Membership, Operation};

/// The names that every function of a test sees.
pub(super) const GLOBALS: &[&str] = &["bot", "clock", "gateway", "web"];

/// Stands for the world's clock.
#[derive(Clone)]
struct ClockRef;

/// Registers everything.
pub(super) fn register(engine: &mut Engine) {
    let mut globals = Module::new();
    globals.set_var("bot", Dynamic::from(TestBot::default()));
    globals.set_var("clock", Dynamic::from(ClockRef));
    globals.set_var("gateway", Dynamic::from(Gateway));
    globals.set_var("web", Dynamic::from(TestWeb));
    engine.register_global_module(globals.into());
    register_person(engine);
    expectations::register(engine);
    register_deeds(engine);
    register_group(engine);
    register_bot(engine);
    register_surroundings(engine);
    faults::register(engine);
    line::register(engine);
    web::register(engine);
    register_assertions(engine);
}

fn register_person(engine: &mut Engine) {
    engine.register_type_with_name::<TestPerson>("Person");
    engine.register_fn("person", |name: ImmutableString| -> TestOutcome<TestPerson> {
        let world = world()?;
        world.person(&name).map_err(|reason| error(format!("person(\"{name}\"): {reason}")))?;
        Ok(TestPerson { name, with: TestBot::default() })
    });
    engine.register_fn("to", |person: &mut TestPerson, bot: TestBot| -> TestOutcome<TestPerson> {
        bot.session()?;
        Ok(TestPerson { name: person.name.clone(), with: bot })
    });
    engine.register_get("name", |person: &mut TestPerson| person.name.clone());
    engine.register_get("mid", |person: &mut TestPerson| -> TestOutcome<String> {
        let (world, session) = (world()?, person.with.session()?);
        Ok(world.mid_on(session.network, &person.name))
    });
    engine.register_fn("==", |one: TestPerson, other: TestPerson| one.name == other.name);

    engine.register_fn("says", |person: &mut TestPerson, text: &str| {
        say(person, &person.with.account()?, Draft::text(text))
    });
    engine.register_fn("says_in", |person: &mut TestPerson, group: TestGroup, text: &str| {
        say(person, &group.mid, mentions::draft(text, &mentionable(&group)?))
    });
    engine.register_fn("sends_image", |person: &mut TestPerson| {
        say(person, &person.with.account()?, Draft::new(ContentType::Image))
    });
    engine.register_fn("sends_sticker", |person: &mut TestPerson| say(person, &person.with.account()?, sticker()));
    engine.register_fn("sends_file", |person: &mut TestPerson, name: &str| {
        say(person, &person.with.account()?, file(name))
    });
    engine.register_fn("sends_file", |person: &mut TestPerson, name: &str, text: &str| {
        send_file(person, &world()?.mid(&person.with.account()?), name, text)
    });
    engine.register_fn("sends_file_in", |person: &mut TestPerson, group: TestGroup, name: &str, text: &str| {
        send_file(person, &group.mid, name, text)
    });
    engine.register_fn("sends_image_in", |person: &mut TestPerson, group: TestGroup| {
        say(person, &group.mid, Draft::new(ContentType::Image))
    });
    engine.register_fn("sends_sticker_in", |person: &mut TestPerson, group: TestGroup| {
        say(person, &group.mid, sticker())
    });
    engine.register_fn("sends_file_in", |person: &mut TestPerson, group: TestGroup, name: &str| {
        say(person, &group.mid, file(name))
    });
}

/// Those who can be mentioned in a group.
fn mentionable(group: &TestGroup) -> TestOutcome<Vec<mentions::Mentionable>> {
    let world = world()?;
    let members = world.control.membership(&group.mid).members;
    let people = world.control.people().into_iter().filter(|person| members.contains(&person.mid));
    Ok(people.map(|person| (person.name, person.mid)).collect())
}

/// Sends a message and gives its id.
fn say(person: &TestPerson, to: &str, body: Draft) -> TestOutcome<String> {
    let sent = world()?.control.post(&person.name, to, body).map_err(refused)?;
    Ok(sent.id)
}

/// Sends a file that can be fetched, and gives the message's id.
fn send_file(person: &TestPerson, to: &str, name: &str, text: &str) -> TestOutcome<String> {
    let world = world()?;
    world.hold(name, text).map_err(|reason| error(reason.to_string()))?;
    let sent = act(&person.name, Request::SendFile(SendFile { to: to.to_owned(), path: name.to_owned() }))?;
    let id = sent.read_lock::<Map>().and_then(|sent| sent.get("id").map(ToString::to_string));
    Ok(id.unwrap_or_default())
}

fn sticker() -> Draft {
    let metadata = [("STKID", "1"), ("STKPKGID", "1"), ("STKVER", "100")];
    let metadata = metadata.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
    Draft { metadata, ..Draft::new(ContentType::Sticker) }
}

fn file(name: &str) -> Draft {
    let metadata = [("FILE_NAME", name), ("FILE_SIZE", "1024")];
    let metadata = metadata.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
    Draft { metadata, ..Draft::new(ContentType::File) }
}

/// The mid of a person, or of the bot.
fn mid_of(who: &Dynamic) -> TestOutcome<String> {
    Ok(world()?.mid(&name_of(who)?))
}

/// The name of a person, or of the bot.
fn name_of(who: &Dynamic) -> TestOutcome<String> {
    if let Some(person) = who.read_lock::<TestPerson>() {
        return Ok(person.name.to_string());
    }
    if let Some(bot) = who.read_lock::<TestBot>() {
        return bot.account();
    }
    Err(error(format!("a person or bot was expected here; found {}", guest::noun(who))))
}

fn register_deeds(engine: &mut Engine) {
    engine.register_fn(
        "creates_group",
        |person: &mut TestPerson, name: &str, invited: Array| -> TestOutcome<TestGroup> {
            let mids = invited.iter().map(mid_of).collect::<TestOutcome<Vec<_>>>()?;
            let chat = act(&person.name, Request::CreateGroup(CreateGroup { name: name.to_owned(), mids }))?;
            let mid = chat.read_lock::<Map>().and_then(|chat| chat.get("chatMid").map(ToString::to_string));
            let group =
                TestGroup { mid: mid.unwrap_or_default(), name: name.to_owned(), member: person.name.to_string() };
            world()?.know_group(group.clone());
            Ok(group)
        },
    );
    engine.register_fn("invites", |person: &mut TestPerson, who: Dynamic, group: TestGroup| {
        act(&person.name, Request::InviteIntoGroup(InviteIntoGroup { group_id: group.mid, mids: vec![mid_of(&who)?] }))
    });
    engine.register_fn("joins", |person: &mut TestPerson, group: TestGroup| {
        act(&person.name, Request::AcceptGroupInvitation(AcceptGroupInvitation { group_id: group.mid }))
    });
    engine.register_fn("rejects", |person: &mut TestPerson, group: TestGroup| {
        act(&person.name, Request::RejectGroupInvitation(RejectGroupInvitation { group_id: group.mid }))
    });
    engine.register_fn("leaves", |person: &mut TestPerson, group: TestGroup| {
        act(&person.name, Request::LeaveGroup(LeaveGroup { group_id: group.mid }))
    });
    engine.register_fn("renames", |person: &mut TestPerson, group: TestGroup, name: &str| {
        act(&person.name, Request::UpdateGroupName(UpdateGroupName { group_id: group.mid, name: name.to_owned() }))
    });
    engine.register_fn("is_now_called", |person: &mut TestPerson, name: &str| {
        act(&person.name, Request::SetNickName(SetNickName { nickname: name.to_owned() }))
    });
    engine.register_fn("adds_bot", |person: &mut TestPerson| {
        act(
            &person.name,
            Request::SearchAndAddContactsByMid(SearchAndAddContactsByMid {
                mid: world()?.mid(&person.with.account()?),
            }),
        )
    });
    engine.register_fn("does", |person: &mut TestPerson, command: &str, fields: Map| {
        let fields = guest::to_value(&fields.into()).map_err(|reason| error(reason.to_string()))?;
        act(&person.name, request(command, &fields)?)
    });
    engine.register_fn("kicks", |person: &mut TestPerson, who: Dynamic, group: TestGroup| {
        let (by, target) = (world()?.mid(&person.name), mid_of(&who)?);
        operate(Operation::Kick { group: group.mid, by, target })
    });
    engine.register_fn("cancels_invitation", |person: &mut TestPerson, who: Dynamic, group: TestGroup| {
        let (by, target) = (world()?.mid(&person.name), mid_of(&who)?);
        operate(Operation::CancelInvitation { group: group.mid, by, target })
    });
    engine.register_fn("reads", |person: &mut TestPerson, message: &str| {
        operate(Operation::Read { by: world()?.mid(&person.name), msg_id: message.to_owned() })
    });
    engine.register_fn("unsends", |person: &mut TestPerson, message: &str| {
        operate(Operation::Unsend { by: world()?.mid(&person.name), msg_id: message.to_owned() })
    });
    engine.register_fn("reacts_to", |person: &mut TestPerson, message: &str| {
        operate(Operation::React { by: world()?.mid(&person.name), msg_id: message.to_owned() })
    });
}

fn operate(operation: Operation) -> TestOutcome<()> {
    world()?.control.operate(operation).map(|_| ()).map_err(refused)
}

fn register_group(engine: &mut Engine) {
    engine.register_type_with_name::<TestGroup>("Group");
    engine.register_fn("group", |name: &str, members: Array| -> TestOutcome<TestGroup> {
        let world = world()?;
        let names = members.iter().map(name_of).collect::<TestOutcome<Vec<_>>>()?;
        let people = names.iter().map(String::as_str).collect::<Vec<_>>();
        let is_bot = |member: &&Dynamic| member.is::<TestBot>();
        let Some(member) = members.iter().position(|member| !is_bot(&member)).or((!people.is_empty()).then_some(0))
        else {
            return Err(error("group(name, members) needs at least one member"));
        };
        let mid = world.control.create_group(name, &people).map_err(refused)?;
        let group = TestGroup { mid, name: name.to_owned(), member: people[member].to_owned() };
        world.know_group(group.clone());
        Ok(group)
    });
    engine.register_get("name", |group: &mut TestGroup| -> TestOutcome<String> {
        let world = world()?;
        wait(world.settle())?;
        Ok(world.control.membership(&group.mid).name)
    });
    engine.register_get("mid", |group: &mut TestGroup| group.mid.clone());
    engine.register_fn("members", |group: &mut TestGroup| names_in(group, |it| it.members));
    engine.register_fn("invited", |group: &mut TestGroup| names_in(group, |it| it.invited));
    engine.register_fn("has", |group: &mut TestGroup, who: Dynamic| -> TestOutcome<bool> {
        let name = name_of(&who)?;
        Ok(names_in(group, |it| it.members)?.iter().any(|member| member.to_string() == name))
    });
}

/// The request of a command with these fields; the gateway refuses what is none.
fn request(command: &str, fields: &serde_json::Value) -> TestOutcome<Request> {
    let malformed =
        |reason: String| error(WorldError::Refused(Failure::new(FailureCode::Malformed, reason)).to_string());
    let frame = protocol::encode_fields(command, Some(0), &fields.to_string());
    match protocol::receive(&frame.map_err(|error| malformed(error.to_string()))?) {
        Some(Received::Request(_, request)) => Ok(request),
        Some(Received::Malformed(_, error)) => Err(malformed(error.to_string())),
        _ => Err(malformed(format!("{command} is no command"))),
    }
}

/// The names of those in a group, or invited into it, once nothing more is under way.
fn names_in(group: &TestGroup, of: fn(Membership) -> Vec<String>) -> TestOutcome<Array> {
    let world = world()?;
    wait(world.settle())?;
    let people = world.control.people();
    let name = |mid: &String| people.iter().find(|person| person.mid == *mid).map_or(mid.clone(), |it| it.name.clone());
    // As the world has it, since whoever the test looks at the group through may have left it.
    let mut names: Vec<_> = of(world.control.membership(&group.mid)).iter().map(name).collect();
    names.sort();
    Ok(names.into_iter().map(Into::into).collect())
}

fn register_bot(engine: &mut Engine) {
    engine.register_type_with_name::<TestBot>("Bot");
    engine.register_fn("session", |name: ImmutableString| -> TestOutcome<TestBot> {
        let bot = TestBot(Some(name));
        bot.session()?;
        Ok(bot)
    });
    engine.register_fn("session", |name: ImmutableString, network: &str| -> TestOutcome<TestBot> {
        let world = world()?;
        let known = || NETWORKS.iter().map(|network| format!("\"{}\"", network.name)).collect::<Vec<_>>().join(" and ");
        let on = Network::named(network);
        let on = on.ok_or_else(|| error(format!("there is no network \"{network}\"; there are {}", known())))?;
        wait(world.connect(&name, on))?;
        Ok(TestBot(Some(name)))
    });
    engine.register_get("name", |bot: &mut TestBot| bot.account());
    engine.register_get("mid", |bot: &mut TestBot| -> TestOutcome<String> {
        let session = bot.session()?;
        Ok(world()?.mid_on(session.network, &session.account))
    });
    engine.register_get("is_live", |bot: &mut TestBot| -> TestOutcome<bool> {
        let (world, session) = (world()?, bot.session()?);
        wait(world.settle())?;
        Ok(world.is_live(&session.name))
    });
    engine.register_fn("start", |_: &mut TestBot| wait(world()?.start()));
    engine.register_fn("kill", |_: &mut TestBot| wait(world()?.kill()));
    engine.register_fn("stop", |_: &mut TestBot| wait(world()?.stop()));
    engine.register_fn("runs", |bot: &mut TestBot, scripts: Array| -> TestOutcome<()> {
        let (world, session) = (world()?, bot.session()?);
        let known = world.script_names();
        let names: Vec<_> = scripts.iter().map(ToString::to_string).collect();
        if let Some(name) = names.iter().find(|name| !known.contains(name)) {
            return Err(error(format!("there is no script {name}; the folder has {}", known.join(", "))));
        }
        wait(world.run_only(&session.name, names))
    });
    engine.register_fn("reload", |_: &mut TestBot, name: &str, text: &str| -> TestOutcome<()> {
        let world = world()?;
        let bundle = bundle(&world.setting.folder, name, text)?;
        wait(world.reload(bundle))
    });
    engine.register_fn("settings", |_: &mut TestBot, settings: Map| set_up("bot.settings", &settings, setting));
    engine.register_fn("secrets", |_: &mut TestBot, secrets: Map| set_up("bot.secrets", &secrets, secret));
    engine.register_fn("remove", |_: &mut TestBot, name: &str| -> TestOutcome<()> {
        let world = world()?;
        wait(world.remove(name))
    });
    engine.register_fn("forget", |_: &mut TestBot, name: &str| -> TestOutcome<()> {
        let world = world()?;
        if !wait(world.forget(name))? {
            return Err(error(format!("{name} is not missing; bot.remove(\"{name}\") takes it away")));
        }
        Ok(())
    });
    engine.register_fn("notices", |bot: &mut TestBot, subcommand: &str, content: Dynamic| -> TestOutcome<()> {
        let content = guest::to_value(&content).map_err(|reason| error(reason.to_string()))?;
        let (world, session) = (world()?, bot.session()?);
        match session.is_on(&LINE) {
            true => drop(world.control.official().tell_of_account(subcommand, content)),
            false => world.control.notify(&session.account, subcommand, &content),
        }
        Ok(())
    });
    engine.register_fn("expects_error", |_: &mut TestBot, text: &str| -> TestOutcome<String> {
        let world = world()?;
        wait(world.settle())?;
        world.log.take_failure(text).ok_or_else(|| {
            let came = world.log.failures();
            unmet::values(
                &format!("a run of the bot that fails with \"{text}\""),
                if came.is_empty() {
                    "no run has failed".to_owned()
                } else {
                    came.iter().map(|failure| failure.message.as_str()).collect::<Vec<_>>().join("\n")
                },
            )
        })
    });
    engine.register_fn("logged", |_: &mut TestBot, text: &str| -> TestOutcome<bool> {
        let world = world()?;
        wait(world.settle())?;
        Ok(world.log.lines().iter().any(|line| line.contains(text)))
    });
}

/// Gives scripts other settings.
fn set_up(function: &str, values: &Map, read: impl Fn(&Value) -> Result<SettingValue, String>) -> TestOutcome<()> {
    let entry = |(name, value): (&rhai::Identifier, &Dynamic)| {
        let value = guest::to_value(value).map_err(|error| error.to_string());
        let wrong = |reason| error(format!("{function}: {name}: {reason}"));
        Ok((name.to_string(), value.and_then(|value| read(&value)).map_err(wrong)?))
    };
    let section = values.iter().map(entry).collect::<TestOutcome<Section>>()?;
    wait(world()?.set_up(section))
}

fn setting(value: &Value) -> Result<SettingValue, String> {
    Ok(match value {
        Value::Null => return Err("found (), and a configuration has no such value".to_owned()),
        Value::Bool(value) => SettingValue::Bool(*value),
        Value::Number(number) => match number.as_i64() {
            Some(number) => SettingValue::Integer(number),
            None => SettingValue::Float(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => SettingValue::Text(text.clone()),
        Value::Array(items) => SettingValue::List(items.iter().map(setting).collect::<Result<_, _>>()?),
        Value::Object(entries) => {
            let entry = |(name, value): (&String, &Value)| Ok((name.clone(), setting(value)?));
            SettingValue::Table(entries.iter().map(entry).collect::<Result<_, String>>()?)
        }
    })
}

/// Every text of a value as a secret; the rest as it is.
fn secret(value: &Value) -> Result<SettingValue, String> {
    let mut hidden = setting(value)?;
    let texts = hide(&mut hidden);
    if texts == 0 { Err("a secret is a text, or a text in an array or a map".to_owned()) } else { Ok(hidden) }
}

/// Makes secrets of the texts in a value, and counts them.
fn hide(value: &mut SettingValue) -> usize {
    match value {
        SettingValue::Text(text) => {
            *value = SettingValue::Secret(SecretText::new(text.as_str()));
            1
        }
        SettingValue::List(items) => items.iter_mut().map(hide).sum(),
        SettingValue::Table(entries) => entries.values_mut().map(hide).sum(),
        SettingValue::Bool(_) | SettingValue::Integer(_) | SettingValue::Float(_) | SettingValue::Secret(_) => 0,
    }
}

/// A script of the test's folder, with another text.
fn bundle(folder: &Path, name: &str, text: &str) -> TestOutcome<Bundle> {
    let path = folder.join(format!("{}.rhai", name.strip_suffix(".rhai").unwrap_or(name)));
    let bundle = Bundle::of_text(&for_reading(), &Disk::default(), &path, folder, text);
    bundle.map_err(|fault| error(fault.to_string()))
}

fn register_surroundings(engine: &mut Engine) {
    engine.register_type_with_name::<ClockRef>("Clock");
    engine.register_fn("advance", |_: &mut ClockRef, by: &str| -> TestOutcome<()> {
        let by = parse_duration(by).map_err(|reason| error(format!("clock.advance: {reason}")))?;
        wait(world()?.advance(by))
    });
    engine.register_fn("set", |_: &mut ClockRef, to: &str| -> TestOutcome<()> {
        let world = world()?;
        wait(world.settle())?;
        let now = world.clock.now();
        let to = calendar::moment(to, now, &world.setting.setup.zone);
        let to = to.map_err(|reason| error(format!("clock.set: {reason}")))?;
        wait(world.advance(Duration::from_millis(u64::try_from(to - now).unwrap_or(0))))
    });
    engine.register_fn("now", |_: &mut ClockRef| -> TestOutcome<i64> { Ok(world()?.clock.now()) });
    engine.register_type_with_name::<Gateway>("Gateway");
    engine.register_fn("drop", |_: &mut Gateway| wait(world()?.drop_connections()));
    engine.register_fn("holds", |_: &mut Gateway, name: &str| hold(name, "a file"));
    engine.register_fn("holds", |_: &mut Gateway, name: &str, text: &str| hold(name, text));
    engine.register_fn("settle", || -> TestOutcome<()> { wait(world()?.settle()) });
    engine.register_fn("snapshot", |name: &str| -> TestOutcome<()> {
        let world = world()?;
        wait(world.settle())?;
        snapshot::compare(&world, name)
    });
}

fn hold(name: &str, text: &str) -> TestOutcome<()> {
    world()?.hold(name, text).map_err(|reason| error(reason.to_string()))
}

fn register_assertions(engine: &mut Engine) {
    engine.register_fn("assert", |condition: bool| -> TestOutcome<()> {
        if condition { Ok(()) } else { Err(error("the assertion does not hold")) }
    });
    engine.register_fn("assert", |condition: bool, message: &str| -> TestOutcome<()> {
        if condition { Ok(()) } else { Err(error(message)) }
    });
    engine.register_fn("assert_eq", |found: Dynamic, expected: Dynamic| assert_equal(&found, &expected));
    engine.register_fn("assert_eq", |found: Dynamic, expected: Dynamic, message: &str| {
        assert_equal(&found, &expected).map_err(|thrown| unmet::with_message(thrown, message))
    });
    engine.register_fn("fail", |message: &str| -> TestOutcome<()> { Err(error(message)) });
}

fn assert_equal(found: &Dynamic, expected: &Dynamic) -> TestOutcome<()> {
    let value = |value: &Dynamic| guest::to_value(value).map_err(|reason| error(format!("assert_eq: {reason}")));
    let (found, expected) = (value(found)?, value(expected)?);
    if found == expected {
        return Ok(());
    }
    let show = |value: &serde_json::Value| serde_json::to_string_pretty(value).unwrap_or_default();
    Err(unmet::values(&show(&expected), show(&found)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::language::testing;
    use crate::runtime::Limits;

    /// What an engine has registered: names and numbers of parameters.
    fn registered(engine: &Engine) -> BTreeSet<(String, usize)> {
        let entry =
            |function: rhai::FuncInfo<'_>| Some((function.metadata.name.to_string(), function.metadata.num_params));
        engine.collect_fn_metadata(None, entry, false).into_iter().collect()
    }

    #[test]
    fn every_function_of_tests_is_in_the_table_and_nothing_else() {
        let language = guest::language(&Limits::default());
        let mut engine = guest::language(&Limits::default());
        register(&mut engine);
        let known = registered(&language);
        let found: BTreeSet<_> =
            registered(&engine).difference(&known).filter(|(name, _)| name != "==").cloned().collect();
        let rows = testing::FUNCTIONS.iter();
        let rows = rows.map(|row| (row.name.to_owned(), row.parameters.len() + usize::from(row.of.is_some())));
        let getters = testing::PROPERTIES.iter().map(|row| (format!("get${}", row.name), 1));
        let table: BTreeSet<_> = rows.chain(getters).filter(|entry| !known.contains(entry)).collect();
        let missing: Vec<_> = found.difference(&table).collect();
        let invented: Vec<_> = table.difference(&found).collect();
        assert!(
            missing.is_empty() && invented.is_empty(),
            "not in the table: {missing:?}\nnot registered: {invented:?}"
        );
    }

    #[test]
    fn the_documentation_of_tests_has_the_table() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/testing.md");
        let page = std::fs::read_to_string(&path).expect("the page");
        let (before, rest) = page.split_once("<!-- tables -->\n").expect("its beginning is marked");
        let (_, after) = rest.split_once("<!-- end -->").expect("its end is marked");
        let fresh = format!("{before}<!-- tables -->\n{}\n<!-- end -->{after}", testing::tables());
        if page != fresh {
            std::fs::write(&path, fresh).expect("the page is writable");
            panic!("docs/testing.md was stale and has been written anew: run the tests again");
        }
    }
}
