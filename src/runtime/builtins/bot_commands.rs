//! Commands of scripts: how they are declared, and what a run does for one before its function is called.
//!
//! Which message is whose command is decided by the worker.

use std::rc::Rc;
use std::time::Duration;

use jiff::civil::Time;
use rhai::{Array, Dynamic, Engine, ImmutableString, Map, NativeCallContext};
use serde_json::{Value, json};

use super::{calendar, delivery, outgoing};
use crate::clock::Timestamp;
use crate::language::bot_command::{self, Addressee, BotCommand, OPTIONS, comparable};
use crate::language::duration::parse_duration;
use crate::language::moment::Reckoning;
use crate::language::spelling::{closest, did_you_mean};
use crate::protocol::commands::GetProfile;
use crate::protocol::{Call, is_group};
use crate::runtime::context::services::Services;
use crate::runtime::engine::objects::{Person, ScriptMessage, field};
use crate::runtime::engine::stages::Waiter;
use crate::runtime::engine::thrown::{self, ScriptError, ScriptResult};
use crate::runtime::engine::values;
use crate::runtime::fiber::OutOfStacks;
use crate::runtime::generation::{Course, Generation};
use crate::runtime::run::answer::Answer;
use crate::runtime::run::call::{HostCall, Impact};
use crate::runtime::run::driven::Driven;
use crate::runtime::run::host_call;
use crate::runtime::run::wait::CallSite;
use crate::runtime::run::{self, Run};

/// The command that is there wherever others are.
pub(crate) const HELP: &str = "help";

/// Under which name the store keeps who has to wait; no script has one like it.
const COOLDOWNS: &str = "/cooldowns";

/// Registers `bot_command`.
pub(crate) fn register(engine: &mut Engine) {
    engine.register_fn("bot_command", |context: NativeCallContext, name: &str, function: Dynamic| {
        declare(&context, name, &function, &Map::new())
    });
    engine.register_fn("bot_command", |context: NativeCallContext, name: &str, function: Dynamic, options: Map| {
        declare(&context, name, &function, &options)
    });
}

fn declare(context: &NativeCallContext<'_>, name: &str, function: &Dynamic, options: &Map) -> ScriptResult {
    if !run::current().is_some_and(|run| run.is_top_level()) {
        return Err(thrown::misplaced(
            "bot_command declares a command when a script is loaded; write it at the script's top level, outside of every function",
        ));
    }
    let command = declared(name, function, options)?;
    host_call::pass(HostCall::new(Impact::Declare, "bot_command").with(name), CallSite::of(context), |run| {
        let mut declared = run.declared.borrow_mut();
        let is_taken = |name: &String| declared.commands.iter().any(|other| other.is_called(name));
        let taken = command.names().map(comparable).find(is_taken);
        if let Some(taken) = taken {
            return Err(thrown::error(format!("bot_command: this script declares /{taken} twice")));
        }
        declared.commands.push(command);
        Ok(Answer::Value(Dynamic::UNIT))
    })
}

/// Reads a declaration.
fn declared(name: &str, function: &Dynamic, options: &Map) -> Result<BotCommand, ScriptError> {
    let wrong = |message: String| thrown::error(format!("bot_command: {message}"));
    if let Some(unknown) = options.keys().find(|name| !OPTIONS.contains(&name.as_str())) {
        let meant = did_you_mean(unknown, OPTIONS);
        return Err(wrong(format!("there is no option {unknown}; it has {}{meant}", OPTIONS.join(", "))));
    }
    let text = |option: &str, expected: &str| match options.get(option) {
        None => Ok(None),
        Some(value) => match value.as_immutable_string_ref() {
            Ok(text) => Ok(Some(text.to_string())),
            Err(_) => Err(wrong(format!("{option} needs {expected}; found {}", values::noun(value)))),
        },
    };
    let texts = |option: &str, expected: &str| match options.get(option) {
        None => Ok(None),
        Some(value) => match texts_of(value) {
            Some(texts) => Ok(Some(texts)),
            None => Err(wrong(format!("{option} needs {expected}; found {}", found(value)))),
        },
    };
    let aliases = texts("aliases", "names such as [\"o\", \"buy\"]")?.unwrap_or_default();
    for name in std::iter::once(name).chain(aliases.iter().map(String::as_str)) {
        bot_command::check_name(name).map_err(|error| wrong(error.to_string()))?;
    }
    let spec = text("args", "a text such as \"item count:int=1 note:text?\"")?;
    let cooldown = text("cooldown", "a duration such as \"10s\"")?;
    Ok(BotCommand {
        name: name.to_owned(),
        aliases,
        function: function_name(function)?,
        help: text("help", "a text")?,
        parameters: spec
            .map(|spec| bot_command::parameters(&spec))
            .transpose()
            .map_err(|error| wrong(error.to_string()))?,
        who: texts("who", "the mids of those who may use it")?,
        cooldown: cooldown
            .map(|text| parse_duration(&text))
            .transpose()
            .map_err(|error| wrong(format!("cooldown: {error}")))?,
    })
}

/// A text or an array of texts, as texts.
fn texts_of(value: &Dynamic) -> Option<Vec<String>> {
    if let Ok(text) = value.as_immutable_string_ref() {
        return Some(vec![text.to_string()]);
    }
    let items = value.read_lock::<Array>()?;
    items.iter().map(|item| Some(item.as_immutable_string_ref().ok()?.to_string())).collect()
}

/// What stands where texts were expected.
fn found(value: &Dynamic) -> String {
    let items = value.read_lock::<Array>();
    let other = items.as_ref().and_then(|items| items.iter().find(|item| !item.is_string()));
    other.map_or_else(|| values::noun(value), |item| format!("an array with {} in it", values::noun(item)))
}

fn function_name(function: &Dynamic) -> Result<String, ScriptError> {
    super::time::function_name("bot_command", function)
}

/// What a command's run goes on with.
enum Prepared {
    /// Its function.
    Function(String, Vec<Dynamic>),
    /// Nothing: the person has an answer, or needs none.
    Nothing,
}

/// Begins the run of a command, or of a text that is none that anybody declares: what it may say of others is said of `scripts`, which are those
/// of the session.
///
/// # Errors
/// When there is no stack for it.
pub(crate) fn start(
    services: &Rc<Services>,
    run: &Rc<Run>,
    message: ScriptMessage,
    scripts: Vec<Rc<Generation>>,
) -> Result<Driven, OutOfStacks> {
    let (services, own) = (Rc::clone(services), Rc::clone(run));
    run.driven(move || match prepare(&services, &own, &message, &scripts) {
        Ok(Prepared::Function(function, arguments)) => own.generation.call(&function, arguments, &*own),
        Ok(Prepared::Nothing) => Course::Ended(Ok(true.into())),
        Err(error) => Course::Ended(Err(own.failed(error))),
    })
}

fn prepare(
    services: &Services,
    run: &Rc<Run>,
    message: &ScriptMessage,
    scripts: &[Rc<Generation>],
) -> Result<Prepared, ScriptError> {
    let name = run.function.trim_start_matches('/');
    let command = run.generation.command(name);
    let (text, mentions) = (message.text().unwrap_or_default(), message.mentions());
    let me = run.session.as_ref().map(|session| session.me.borrow().clone()).unwrap_or_default();
    let Some(written) = bot_command::read(&text, &mentions, &me) else { return Ok(Prepared::Nothing) };
    if let Addressee::Named(found) = &written.addressee
        && is_group(message.chat())
        && !is_own_name(found)?
    {
        return Ok(Prepared::Nothing);
    }
    let sender = message.sender();
    let (now, zone) = calendar::of_script(services);
    let reckoning = Reckoning { now, zone: &zone, time: Time::midnight() };
    let read = || match command {
        Some(command) if !command.may_be_used_by(sender) => {
            json!({ "answer": format!("You may not use /{}.", command.name) })
        }
        Some(command) => match command.arguments(&text, written.rest, &mentions, &reckoning) {
            Ok(arguments) => json!({ "arguments": arguments }),
            Err(error) => json!({ "usage": format!("{error}\nUsage: {}", command.usage()) }),
        },
        None if name == HELP => json!({ "answer": help(scripts, sender) }),
        None => json!({ "answer": unknown(scripts, name) }),
    };
    // What is said of a command may depend on what changes, so a run that is rebuilt reads it from its record.
    let read = host_call::pass(
        HostCall::new(Impact::Pure, "bot_command").with(run.function.as_ref()),
        CallSite::default(),
        |_| Ok(Answer::Value(values::from_content(&read().to_string()))),
    )?;
    if let Some(answer) = field(&read, "answer") {
        return say(services, message, &answer.into_immutable_string().unwrap_or_default());
    }
    let Some(command) = command else { return Ok(Prepared::Nothing) };
    let usage = field(&read, "usage");
    if let Some(cooldown) = command.cooldown {
        // What was typed wrongly begins no wait, and is no way around one.
        let left = cool_down(run, command, sender, Some(cooldown).filter(|_| usage.is_none()))?;
        if left.is_unit() {
            return Ok(Prepared::Nothing);
        }
        if let Some(left) = left.as_int().ok().filter(|left| *left > 0) {
            let answer = format!("Please wait {} before you use /{} again.", in_words(left), command.name);
            return say(services, message, &answer);
        }
    }
    if let Some(usage) = usage {
        return say(services, message, &usage.into_immutable_string().unwrap_or_default());
    }
    let mut arguments = field(&read, "arguments").unwrap_or_default();
    if let Some(mut arguments) = arguments.write_lock::<Map>() {
        for name in command.people() {
            if let Some(mid) = arguments.get_mut(name).filter(|mid| mid.is_string()) {
                *mid = Dynamic::from(Person::new(mid.take().into_immutable_string().unwrap_or_default()));
            }
        }
    }
    let mut given = vec![Dynamic::from(message.clone()), arguments];
    let takes = command.arities().iter().find(|count| run.generation.has_function(&command.function, **count));
    given.truncate(takes.copied().unwrap_or(given.len()));
    Ok(Prepared::Function(command.function.clone(), given))
}

fn say(services: &Services, message: &ScriptMessage, text: &str) -> Result<Prepared, ScriptError> {
    delivery::send_long_text(services, message.chat(), text, CallSite::default())?;
    Ok(Prepared::Nothing)
}

/// Whether this account has a name, as its profile says.
fn is_own_name(name: &str) -> Result<bool, ScriptError> {
    let profile = host_call::pass(HostCall::new(Impact::Wait, GetProfile::COMMAND.name), CallSite::default(), |run| {
        let session = run.session.as_ref().ok_or_else(|| thrown::misplaced("there is no session"))?;
        outgoing::ask_gateway(session, &GetProfile {}).map(Answer::Value)
    })?;
    let own = field(&profile, "displayName").and_then(|name| name.into_immutable_string().ok()).unwrap_or_default();
    let joined = |name: &str| comparable(name).split_whitespace().collect::<String>();
    Ok(joined(&own) == joined(name))
}

/// Lets somebody use a command, `0`, and notes that they have to wait from now on where it is said how long; or gives how many milliseconds
/// they still have to wait, and `()` when they have been told.
fn cool_down(run: &Run, command: &BotCommand, sender: &str, cooldown: Option<Duration>) -> ScriptResult {
    let session = run.session.as_ref().map(|session| session.name.to_string()).unwrap_or_default();
    let key = json!([session, run.generation.name(), command.name, sender]).to_string();
    let call = HostCall::new(Impact::Keep, "cooldown").with(run.function.as_ref());
    host_call::pass(call, CallSite::default(), |run| {
        let session = run.session.as_ref().ok_or_else(|| thrown::misplaced("there is no session"))?;
        let (store, now) = (session.journal.store(), session.clock.now());
        let wait = || -> Result<Dynamic, crate::store::StoreError> {
            let note = |until: Timestamp, told: bool| {
                store.set(COOLDOWNS, &key, &json!([until, told]).to_string(), Some(until), now)
            };
            let before = store.get(COOLDOWNS, &key, now)?;
            let before: Option<(Timestamp, bool)> = before.and_then(|text| serde_json::from_str(&text).ok());
            let length = cooldown.map(|length| Timestamp::try_from(length.as_millis()).unwrap_or(Timestamp::MAX));
            match before.filter(|(until, _)| *until > now) {
                None => length.map_or(Ok(()), |length| note(now.saturating_add(length), false)).map(|()| 0_i64.into()),
                Some((until, false)) => note(until, true).map(|()| (until - now).into()),
                Some((_, true)) => Ok(Dynamic::UNIT),
            }
        };
        let left = wait().map_err(|error| thrown::named("STORE_FAILED", format!("cooldown: {error}")))?;
        session.journal.note_data();
        Ok(Answer::Value(left))
    })
}

/// How long something lasts, for people: no less than it does.
fn in_words(milliseconds: i64) -> String {
    // Of each unit up to two of the next.
    let units = [(120_000, 1_000, "s"), (7_200_000, 60_000, "min"), (172_800_000, 3_600_000, "h")];
    let fitting = units.iter().find(|(most, ..)| milliseconds <= *most);
    let (length, unit) = fitting.map_or((86_400_000, "days"), |(_, length, unit)| (*length, *unit));
    format!("{} {unit}", milliseconds.div_euclid(length) + i64::from(milliseconds.rem_euclid(length) > 0))
}

/// What can be done here, by those commands that somebody may use.
fn help(scripts: &[Rc<Generation>], sender: &str) -> Value {
    let line = |command: &BotCommand| match &command.help {
        Some(help) => format!("{} - {help}", command.usage()),
        None => command.usage(),
    };
    let commands = scripts.iter().flat_map(|script| script.commands());
    let lines: Vec<_> = commands.filter(|command| command.may_be_used_by(sender)).map(line).collect();
    if lines.is_empty() { "There is nothing that you may do here.".into() } else { lines.join("\n").into() }
}

fn unknown(scripts: &[Rc<Generation>], name: &str) -> String {
    match near(scripts, name) {
        Some(meant) => format!("I do not know /{name}. Did you mean /{meant}?"),
        None => format!("I do not know /{name}. /{HELP} says what I can do."),
    }
}

/// The command that was meant by a name that is none.
pub(crate) fn near(scripts: &[Rc<Generation>], name: &str) -> Option<ImmutableString> {
    let names = scripts.iter().flat_map(|script| script.commands()).flat_map(BotCommand::names);
    closest(name, names.chain([HELP])).map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_to_wait_no_less_than_they_have_to() {
        let told = [1, 10_000, 119_001, 120_001, 7_200_000, 7_200_001, 172_800_001].map(in_words);
        assert_eq!(told, ["1 s", "10 s", "120 s", "3 min", "120 min", "3 h", "3 days"]);
    }
}
