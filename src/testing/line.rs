//! What tests can do on LINE alone: buttons, followers, what messages cost, and the troubles of its servers.

use rhai::Engine;
use serde_json::json;

use super::bot::WorldSession;
use super::context::{TestBot, TestOutcome, TestPerson, act, error, refused, wait, world};
use super::faults::next;
use super::world::TestGroup;
use crate::language::spelling::did_you_mean;
use crate::protocol::commands::{BlockContact, SearchAndAddContactsByMid};
use crate::protocol::line::OPERATIONS;
use crate::protocol::{GATEWAY, LINE, Request};
use crate::sandbox::{ApiFault, ApiTrouble, Official, SentBy, WebhookFault, WebhookTrouble};

/// Stands for LINE's servers, as a session of the bot has to do with them.
#[derive(Clone)]
struct TestLine(TestBot);

/// Registers everything.
pub(super) fn register(engine: &mut Engine) {
    engine.register_fn("presses", |person: &mut TestPerson, name: &str| press(person, None, name, None));
    engine.register_fn("presses", |person: &mut TestPerson, name: &str, picked: &str| {
        press(person, None, name, Some(picked))
    });
    engine.register_fn("presses_in", |person: &mut TestPerson, group: TestGroup, name: &str| {
        press(person, Some(&group), name, None)
    });
    engine.register_fn("presses_in", |person: &mut TestPerson, group: TestGroup, name: &str, picked: &str| {
        press(person, Some(&group), name, Some(picked))
    });
    engine.register_fn("follows", |person: &mut TestPerson, bot: TestBot| follow(person, &bot));
    engine.register_fn("blocks", |person: &mut TestPerson, bot: TestBot| -> TestOutcome<()> {
        let mid = world()?.mid(&bot.account()?);
        act(&person.name, Request::BlockContact(BlockContact { mid, block: true })).map(drop)
    });
    engine.register_get("pushes", |bot: &mut TestBot| {
        use SentBy::{Broadcast, Multicast, Narrowcast, Phone, Push};
        count(bot, &[Push, Multicast, Narrowcast, Broadcast, Phone])
    });
    engine.register_get("replies", |bot: &mut TestBot| count(bot, &[SentBy::Reply]));
    engine.register_get("line", |bot: &mut TestBot| -> TestOutcome<TestLine> {
        on_line(bot)?;
        Ok(TestLine(bot.clone()))
    });
    register_troubles(engine);
}

/// The account of a session, which has to be on LINE.
fn on_line(bot: &TestBot) -> TestOutcome<Official> {
    let WorldSession { name, network, .. } = bot.session()?;
    match std::ptr::eq(network, &LINE) {
        true => Ok(world()?.control.official()),
        false => Err(error(format!("session \"{name}\" is on {}, and this is of {} alone", network.title, LINE.title))),
    }
}

fn count(bot: &TestBot, ways: &[SentBy]) -> TestOutcome<i64> {
    let official = on_line(bot)?;
    wait(world()?.settle())?;
    let count = ways.iter().map(|by| official.count(*by)).sum::<u64>();
    Ok(i64::try_from(count).unwrap_or(i64::MAX))
}

/// Somebody adds the account of a session, or unblocks it. On LINE the bot is told of it whoever they were before.
fn follow(person: &TestPerson, bot: &TestBot) -> TestOutcome<()> {
    let (world, session) = (world()?, bot.session()?);
    if session.is_on(&GATEWAY) {
        let mid = world.mid(&session.account);
        let unblock = Request::BlockContact(BlockContact { mid: mid.clone(), block: false });
        let add = Request::SearchAndAddContactsByMid(SearchAndAddContactsByMid { mid });
        return [unblock, add].into_iter().try_for_each(|request| act(&person.name, request).map(drop));
    }
    let official = world.control.official();
    match official.is_follower(&person.name) {
        true => official.tell("follow", &person.name, None, json!({ "follow": { "isUnblocked": false } })).map(drop),
        false => official.follow(&person.name),
    }
    .map_err(refused)
}

/// Somebody presses a button of the bot's messages to them or to a group, or what the gateway has instead: the line of a list.
fn press(person: &TestPerson, group: Option<&TestGroup>, name: &str, picked: Option<&str>) -> TestOutcome<()> {
    let (world, session) = (world()?, person.with.session()?);
    wait(world.settle())?;
    if session.is_on(&LINE) {
        let chat = group.map(|group| group.mid.as_str());
        return world.control.official().choose(&person.name, chat, name, picked).map_err(refused);
    }
    let chat = group.map_or(&session.account, |group| &group.mid);
    let latest = world.bot_messages(&person.name, chat).pop().and_then(|message| message.text);
    let listed: Vec<_> = latest.iter().flat_map(|text| text.lines()).filter_map(choice).collect();
    if !listed.contains(&name) {
        let found = if listed.is_empty() { "none".to_owned() } else { format!("\"{}\"", listed.join("\", \"")) };
        return Err(error(format!("there is no choice \"{name}\"; the latest message has {found}")));
    }
    world.control.say(&person.name, chat, name).map(drop).map_err(refused)
}

/// The choice on a line of a numbered list.
fn choice(line: &str) -> Option<&str> {
    let (number, choice) = line.split_once(". ")?;
    number.parse::<usize>().is_ok().then_some(choice)
}

/// Troubles strike the next request or webhook, or as many as the last argument says.
fn register_troubles(engine: &mut Engine) {
    engine.register_type_with_name::<TestLine>("Line");
    engine
        .register_fn("refuses", |line: &mut TestLine, operation: &str, status: i64| refuse(line, operation, status, 1));
    engine.register_fn("refuses", |line: &mut TestLine, operation: &str, status: i64, times: i64| {
        refuse(line, operation, status, times)
    });
    for (name, trouble) in [("swallows", ApiTrouble::Swallow), ("loses", ApiTrouble::Lose)] {
        engine.register_fn(name, move |line: &mut TestLine, operation: &str| strike(line, operation, trouble, 1));
        engine.register_fn(name, move |line: &mut TestLine, operation: &str, times: i64| {
            strike(line, operation, trouble, times)
        });
    }
    for (name, trouble) in [("repeats", WebhookTrouble::Repeat), ("reorders", WebhookTrouble::Reorder)] {
        engine.register_fn(name, move |line: &mut TestLine, event: &str| strike_webhook(line, event, trouble, 1));
        engine.register_fn(name, move |line: &mut TestLine, event: &str, times: i64| {
            strike_webhook(line, event, trouble, times)
        });
    }
    engine.register_fn("ends_tokens", |line: &mut TestLine| -> TestOutcome<()> {
        wait(world()?.settle())?;
        on_line(&line.0)?.expire_reply_tokens();
        Ok(())
    });
    engine.register_fn("allows", |line: &mut TestLine, messages: i64| -> TestOutcome<()> {
        let quota =
            u64::try_from(messages).map_err(|_| error(format!("a month has 0 messages at least; found {messages}")))?;
        on_line(&line.0)?.set_quota(Some(quota));
        Ok(())
    });
    engine.register_fn("recovers", |line: &mut TestLine| -> TestOutcome<()> {
        on_line(&line.0)?;
        world()?.control.clear_faults();
        Ok(())
    });
}

fn refuse(line: &TestLine, operation: &str, status: i64, times: i64) -> TestOutcome<()> {
    let status = u16::try_from(status).ok().filter(|status| (400..600).contains(status));
    let status = status.ok_or_else(|| error("a request is refused with a status such as 429 or 500"))?;
    strike(line, operation, ApiTrouble::Refuse(status), times)
}

/// Makes trouble with an operation, by the name of its function, or with all.
fn strike(line: &TestLine, operation: &str, trouble: ApiTrouble, times: i64) -> TestOutcome<()> {
    let named = OPERATIONS.iter().find(|row| row.command.function == operation);
    if named.is_none() && operation != "all" {
        let hint = did_you_mean(operation, OPERATIONS.iter().map(|row| row.command.function));
        return Err(error(format!(
            "\"{operation}\" is no operation of LINE's, such as \"push_message\", nor \"all\"{hint}"
        )));
    }
    let operation = named.map(|row| row.command.name.to_owned());
    on_line(&line.0)?.trouble_requests(ApiFault { operation, trouble, when: next(times)? });
    Ok(())
}

/// Makes trouble with the webhooks of an event, by LINE's type, or with all.
fn strike_webhook(line: &TestLine, event: &str, trouble: WebhookTrouble, times: i64) -> TestOutcome<()> {
    let known = || LINE.events.iter().map(|row| row.subcommand);
    if event != "all" && !known().any(|name| name == event) {
        let hint = did_you_mean(event, known());
        return Err(error(format!("\"{event}\" is no event of LINE's, such as \"message\", nor \"all\"{hint}")));
    }
    let event = (event != "all").then(|| event.to_owned());
    on_line(&line.0)?.trouble_webhooks(WebhookFault { event, trouble, when: next(times)? });
    Ok(())
}
