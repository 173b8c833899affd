//! The functions that scripts have beside the gateway's commands: every host function, method and property, documented.
//!
//! One table for the editor definitions, the reference, `check` and the proposals in error cards, which are in `suggest`. What the
//! functions *do* is not here: whoever runs scripts registers it, and a test there compares both.

use super::types::Type;
use crate::protocol::{COMMANDS, Command, Example, NETWORKS, Proof, answers, plays, shows};

/// A function or method that the host gives to scripts.
#[derive(Debug)]
pub struct HostFunction {
    /// The type that it is a method of; nothing for a free function.
    pub of: Option<Type>,
    /// Its name.
    pub name: &'static str,
    /// The names of its parameters and their types, in order.
    pub parameters: &'static [(&'static str, Type)],
    /// The type of what it gives.
    pub result: Type,
    /// What it does.
    pub doc: &'static str,
    /// A script, or a test, that uses it.
    pub example: Example,
    /// Where it can be used.
    pub reach: Reach,
}

/// Where a function can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// In scripts and in scenario tests: it needs nothing but its arguments.
    Anywhere,
    /// In scripts, also while one is loaded, at its top level.
    Scripts,
    /// In scripts, but not while one is loaded.
    Hooks,
    /// In scenario tests.
    Tests,
}

/// A property of an object that the host gives to scripts.
#[derive(Debug)]
pub struct HostProperty {
    /// The type of the object.
    pub of: Type,
    /// Its name.
    pub name: &'static str,
    /// The type of its value.
    pub kind: Type,
    /// What it means.
    pub doc: &'static str,
    /// A script, or a test, that uses it.
    pub example: Example,
}

impl HostFunction {
    /// The signature for people, such as `reply(text)`.
    pub fn signature(&self) -> String {
        let names: Vec<_> = self.parameters.iter().map(|(name, _)| *name).collect();
        format!("{}({})", self.name, names.join(", "))
    }

    /// The signature with its types, such as `reply(text: string)`.
    pub(crate) fn typed(&self) -> String {
        let parameters: Vec<_> = self.parameters.iter().map(|(name, kind)| format!("{name}: {kind}")).collect();
        format!("{}({})", self.name, parameters.join(", "))
    }
}

const fn function(
    name: &'static str,
    parameters: &'static [(&'static str, Type)],
    result: Type,
    doc: &'static str,
    example: Example,
) -> HostFunction {
    HostFunction { of: None, name, parameters, result, doc, example, reach: Reach::Scripts }
}

const fn pure(
    name: &'static str,
    parameters: &'static [(&'static str, Type)],
    result: Type,
    doc: &'static str,
    example: Example,
) -> HostFunction {
    HostFunction { of: None, name, parameters, result, doc, example, reach: Reach::Anywhere }
}

const fn effect(
    name: &'static str,
    parameters: &'static [(&'static str, Type)],
    result: Type,
    doc: &'static str,
    example: Example,
) -> HostFunction {
    HostFunction { of: None, name, parameters, result, doc, example, reach: Reach::Hooks }
}

const fn lasting(
    of: Type,
    name: &'static str,
    parameters: &'static [(&'static str, Type)],
    result: Type,
    doc: &'static str,
    example: Example,
) -> HostFunction {
    HostFunction { of: Some(of), name, parameters, result, doc, example, reach: Reach::Scripts }
}

const fn method(
    of: Type,
    name: &'static str,
    parameters: &'static [(&'static str, Type)],
    result: Type,
    doc: &'static str,
    example: Example,
) -> HostFunction {
    HostFunction { of: Some(of), name, parameters, result, doc, example, reach: Reach::Hooks }
}

const fn property(of: Type, name: &'static str, kind: Type, doc: &'static str, example: Example) -> HostProperty {
    HostProperty { of, name, kind, doc, example }
}

/// The largest number of arguments for which a wrong call of a command is answered with its signature.
pub(crate) const MAX_ARGUMENTS: usize = 8;

/// How many parts `secret` joins.
pub(crate) const JOINED: std::ops::RangeInclusive<usize> = 2..=5;

/// The most choices of a question: so many buttons LINE has below a message.
pub(crate) const MOST_CHOICES: usize = 13;

/// The options of a question.
pub(crate) const ASK_OPTIONS: [&str; 9] =
    ["timeout", "choices", "check", "retry", "attempts", "cancel", "ended", "newest", FROM];

/// The option of a question in a group that says whose answer counts.
pub(crate) const FROM: &str = "from";

/// The options of a search for a point in time.
pub(crate) const FIND_OPTIONS: [&str; 3] = ["after", "time", "zone"];

/// How a hash can be written.
pub(crate) const HASH_FORMS: [&str; 2] = ["hex", "base64"];

/// Every host function and method but for the gateway's commands.
pub static FUNCTIONS: &[HostFunction] = &[
    effect(
        "command",
        &[("name", Type::String), ("fields", Type::Map)],
        Type::Any,
        "Sends any command by its name on the wire, known or not.",
        answers(r#"command("SendText", #{ to: msg.chat, content: "hello" });"#, "hi", "hello"),
    ),
    function(
        "state_of",
        &[("id", Type::String)],
        Type::State,
        "What this script remembers of one person or chat, by their mid: a map like `state`, kept by itself.",
        plays(
            r#"let score = state_of(msg.sender.mid);
               score.points = (score.points ?? 0) + 1;
               msg.reply(`${score.points} points.`);"#,
            r#"alice.says("hi");
               alice.expects("1 points.");
               person("bob").says("hi");
               person("bob").expects("1 points.");
               alice.says("hi");
               alice.expects("2 points.");"#,
        ),
    ),
    function(
        "shared_store",
        &[("name", Type::String)],
        Type::Store,
        "A store like `store` that every script has which names it, in every session.",
        plays(
            r#"if msg.text == () { return; }
               let polls = shared_store("polls");
               polls.incr(msg.text);
               msg.reply(`${polls.get(msg.text)} for ${msg.text}.`);"#,
            r#"alice.says("tea");
               alice.expects("1 for tea.");
               person("bob").says("tea");
               person("bob").expects("2 for tea.");"#,
        ),
    ),
    effect(
        "command",
        &[("name", Type::String)],
        Type::Any,
        "Sends a command that has no fields by its name on the wire.",
        answers(
            r#"let profile = command("GetProfile");
               msg.reply(`I am ${profile.displayName}.`);"#,
            "hi",
            "I am bot.",
        ),
    ),
    function(
        "session",
        &[("name", Type::String)],
        Type::Session,
        "A session by its name in the configuration; every command is a method of it.",
        answers(
            r#"session("main").send_text(msg.chat, "hello from the main account");"#,
            "hi",
            "hello from the main account",
        ),
    ),
    effect(
        "session",
        &[],
        Type::Session,
        "The session whose event is being handled.",
        answers("msg.reply(`You have reached ${session().name}.`);", "hi", "You have reached main."),
    ),
    effect(
        "quota",
        &[],
        Type::Any,
        "How many messages LINE still sends at the account's own cost this month, as `#{limit, used, left}`; `()` where nothing is counted. \
         Answers cost none.",
        answers(
            r#"let quota = quota();
               msg.reply(if quota == () { "Nobody counts here." } else { `${quota.left} are left.` });"#,
            "hi",
            "Nobody counts here.",
        ),
    ),
    function(
        "sessions",
        &[],
        Type::Array,
        "Every session.",
        plays(
            "for account in sessions() {
                 log_info(`${account.name} is ${account.mid}`);
             }",
            r#"alice.says("hi"); settle(); assert(bot.logged("main is u"));"#,
        ),
    ),
    effect(
        "sleep",
        &[("duration", Type::String)],
        Type::Unit,
        "Waits, such as `sleep(\"2s\")`; others are served meanwhile.",
        plays(
            r#"msg.reply("One moment.");
               sleep("2s");
               msg.reply("Here you are.");"#,
            r#"alice.says("hi");
               alice.expects("One moment.");
               alice.expects_nothing();
               clock.advance("2s");
               alice.expects("Here you are.");"#,
        ),
    ),
    effect(
        "sleep",
        &[("seconds", Type::Integer)],
        Type::Unit,
        "Waits for whole seconds.",
        plays(
            r#"sleep(3);
               msg.reply("Three seconds later.");"#,
            r#"alice.says("hi");
               clock.advance("2s");
               alice.expects_nothing();
               clock.advance("1s");
               alice.expects("Three seconds later.");"#,
        ),
    ),
    effect(
        "sleep",
        &[("seconds", Type::Float)],
        Type::Unit,
        "Waits for seconds.",
        plays(
            r#"sleep(0.5);
               msg.reply("Half a second later.");"#,
            r#"alice.says("hi");
               alice.expects_nothing();
               clock.advance("500ms");
               alice.expects("Half a second later.");"#,
        ),
    ),
    function(
        "now",
        &[],
        Type::Integer,
        "The time in milliseconds since 1970.",
        plays(
            r#"let before = now();
               let answer = msg.ask("Ready?");
               if answer != () { msg.reply(`That took you ${(now() - before) / 1000} s.`); }"#,
            r#"alice.says("hi");
               alice.expects("Ready?");
               clock.advance("4s");
               alice.says("yes");
               alice.expects("That took you 4 s.");"#,
        ),
    ),
    pure(
        "date",
        &[],
        Type::Map,
        "What a calendar and a clock show now, in the bot's zone: `#{year, month, day, hour, minute, second, weekday, zone}`. Weekdays go from 1, Monday, to 7, Sunday.",
        answers(
            r#"let today = date();
               let is_open = today.weekday <= 5 && today.hour >= 9 && today.hour < 17;
               msg.reply(if is_open { "We are open." } else { "We are closed." });"#,
            "hi",
            "We are open.",
        ),
    ),
    pure(
        "date",
        &[("time", Type::Integer)],
        Type::Map,
        "The same of a time, in milliseconds since 1970.",
        answers(r#"msg.reply(`You wrote this on day ${date(msg.timestamp).day}.`);"#, "hi", "You wrote this on day 5."),
    ),
    pure(
        "date",
        &[("time", Type::Integer), ("zone", Type::String)],
        Type::Map,
        "The same in another time zone.",
        answers(
            r#"msg.reply(`It is ${date(now(), "Asia/Tokyo").hour} o'clock in Tokyo.`);"#,
            "hi",
            "It is 18 o'clock in Tokyo.",
        ),
    ),
    pure(
        "start_of_day",
        &[],
        Type::Integer,
        "When today began, in milliseconds since 1970.",
        answers(
            r#"msg.reply(`The day is ${(now() - start_of_day()) / 3_600_000} hours old.`);"#,
            "hi",
            "The day is 9 hours old.",
        ),
    ),
    pure(
        "start_of_day",
        &[("time", Type::Integer)],
        Type::Integer,
        "When the day of a time began. It is not at midnight everywhere.",
        answers(
            r#"let is_of_today = start_of_day(msg.timestamp) == start_of_day();
               msg.reply(if is_of_today { "That was today." } else { "That was before." });"#,
            "hi",
            "That was today.",
        ),
    ),
    pure(
        "start_of_day",
        &[("time", Type::Integer), ("zone", Type::String)],
        Type::Integer,
        "The same in another time zone.",
        answers(
            r#"msg.reply(format_date(start_of_day(now(), "Asia/Tokyo"), "%d %B, %H:%M"));"#,
            "hi",
            "04 January, 15:00",
        ),
    ),
    pure(
        "date_add",
        &[("time", Type::Integer), ("step", Type::Map)],
        Type::Integer,
        "A time moved by `years`, `months`, `weeks`, `days`, `hours`, `minutes` and `seconds`. A day later the clock shows the same, also where it is changed in between; a month later it is the same day, or the last one of a shorter month.",
        answers(
            r#"let due = date_add(now(), #{ months: 1, days: -1 });
               msg.reply(format_date(due, "%d %B %Y"));"#,
            "hi",
            "04 February 2026",
        ),
    ),
    pure(
        "date_add",
        &[("time", Type::Integer), ("step", Type::Map), ("zone", Type::String)],
        Type::Integer,
        "The same in another time zone.",
        answers(
            r#"let later = date_add(now(), #{ days: 1 }, "America/New_York");
               msg.reply(format_date(later, "%A, %H:%M"));"#,
            "hi",
            "Tuesday, 09:00",
        ),
    ),
    pure(
        "next_time",
        &[("time_of_day", Type::String)],
        Type::Integer,
        "The next time at which clocks show this, such as `\"9:00\"` or `\"21:30:15\"`, in milliseconds since 1970.",
        answers(
            r#"let left = next_time("18:30") - now();
               msg.reply(`Dinner is in ${left / 60_000} minutes.`);"#,
            "hi",
            "Dinner is in 570 minutes.",
        ),
    ),
    pure(
        "next_time",
        &[("time_of_day", Type::String), ("after", Type::Integer)],
        Type::Integer,
        "The first such time after another one. Where clocks skip it, it is as much later.",
        answers(
            r#"let tomorrow = next_time("9:00", date_add(start_of_day(), #{ days: 1 }));
               msg.reply(format_date(tomorrow, "%A, %H:%M"));"#,
            "hi",
            "Tuesday, 09:00",
        ),
    ),
    pure(
        "next_time",
        &[("time_of_day", Type::String), ("after", Type::Integer), ("zone", Type::String)],
        Type::Integer,
        "The same in another time zone.",
        answers(
            r#"let there = next_time("9:00", now(), "America/New_York");
               msg.reply(format_date(there, "%H:%M"));"#,
            "hi",
            "14:00",
        ),
    ),
    pure(
        "format_date",
        &[("time", Type::Integer), ("format", Type::String)],
        Type::String,
        "A time as text, in a format of `strftime`: `%Y-%m-%d %H:%M` is `2026-01-15 09:00`, `%A` the weekday in English, `%B` the month, `%j` the day of the year, `%V` the week, `%I:%M %p` the time by twelve hours, `%Z` the zone.",
        answers(r#"msg.reply(format_date(now(), "%A, %Y-%m-%d %H:%M"));"#, "hi", "Monday, 2026-01-05 09:00"),
    ),
    pure(
        "format_date",
        &[("time", Type::Integer), ("format", Type::String), ("zone", Type::String)],
        Type::String,
        "The same in another time zone.",
        answers(r#"msg.reply(format_date(now(), "%H:%M %Z", "Europe/Berlin"));"#, "hi", "10:00 CET"),
    ),
    pure(
        "parse_date",
        &[("text", Type::String), ("format", Type::String)],
        Type::Integer,
        "Reads a time that is written in such a format, wide letters too; without a time of day it is midnight. What is not written so is an error.",
        answers(
            r#"try {
                   let day = parse_date(msg.text ?? "", "%Y-%m-%d");
                   msg.reply(`That is a ${format_date(day, "%A")}.`);
               } catch {
                   msg.reply("Please write the day like this: 2026-01-15");
               }"#,
            "2026-01-15",
            "That is a Thursday.",
        ),
    ),
    pure(
        "parse_date",
        &[("text", Type::String), ("format", Type::String), ("zone", Type::String)],
        Type::Integer,
        "The same in another time zone. An offset that stands in the text (`%z`) counts more.",
        answers(
            r#"let there = parse_date("2026-01-15 09:00", "%Y-%m-%d %H:%M", "Asia/Tokyo");
               msg.reply(format_date(there, "%H:%M"));"#,
            "hi",
            "00:00",
        ),
    ),
    pure(
        "find_date",
        &[("text", Type::String)],
        Type::Any,
        "The first point in time that a text names as people say it, in English, Chinese or Japanese, as `#{at, rest}` with what the text says besides; `()` where \
         it names none. The [guide](guide.md#timers) says what is read.",
        answers(
            r#"let found = find_date(msg.text ?? "");
               if found == () { msg.reply("When?"); return; }
               msg.reply(`${found.rest}: ${format_date(found.at, "%H:%M")}`);"#,
            "call mum tomorrow at 9",
            "call mum: 09:00",
        ),
    ),
    pure(
        "find_date",
        &[("text", Type::String), ("options", Type::Map)],
        Type::Any,
        "The same with options: `time`, the time of a day that is named without one, such as `\"9:00\"`; `after`, from when on it is counted; `zone`, \
         another time zone.",
        answers(
            r#"let found = find_date("明天", #{ time: "9:00", zone: "Asia/Shanghai" });
               msg.reply(format_date(found.at, "%H:%M", "Asia/Shanghai"));"#,
            "hi",
            "09:00",
        ),
    ),
    function(
        "random",
        &[],
        Type::Float,
        "A random number from 0 up to, and without, 1.",
        plays(
            r#"let side = if random() < 0.5 { "Heads." } else { "Tails." };
               msg.reply(side);"#,
            r#"alice.says("hi"); alice.expects_match("^(Heads|Tails)[.]$");"#,
        ),
    ),
    function(
        "random",
        &[("low", Type::Integer), ("high", Type::Integer)],
        Type::Integer,
        "A random whole number from `low` to `high`, both included.",
        plays(
            "msg.reply(`You rolled ${random(1, 6)}.`);",
            r#"alice.says("hi"); alice.expects_match("^You rolled [1-6][.]$");"#,
        ),
    ),
    effect(
        "after",
        &[("delay", Type::String), ("function", Type::String)],
        Type::Integer,
        "Calls the function of this name once, after a delay such as `\"5m\"`; gives the id for `cancel`.",
        plays(
            r#"fn on_start() {
                   after("1m", "report");
               }

               fn report() {
                   log_info(`${get_all_contact_ids().len} contacts`);
               }"#,
            r#"clock.advance("59s");
               assert(!bot.logged("0 contacts"));
               clock.advance("1s");
               assert(bot.logged("0 contacts"));"#,
        ),
    ),
    effect(
        "after",
        &[("delay", Type::String), ("function", Type::String), ("arguments", Type::Any)],
        Type::Integer,
        "The same with arguments: an array of them, or a single one.",
        plays(
            r#"fn on_message(msg) {
                   after("5m", "remind", [msg.chat, msg.text]);
               }

               fn remind(chat, what) {
                   send_text(chat, `Time for ${what}!`);
               }"#,
            r#"alice.says("tea");
               alice.expects_nothing();
               clock.advance("5m");
               alice.expects("Time for tea!");"#,
        ),
    ),
    function(
        "every",
        &[("period", Type::String), ("function", Type::String)],
        Type::Integer,
        "Calls the function of this name again and again; at the top level it is a declaration.",
        plays(
            r#"every("1h", "tick");

               fn tick() {
                   state.hours = (state.hours ?? 0) + 1;
               }

               fn on_message(msg) {
                   msg.reply(`I have been here for ${state.hours ?? 0} hours.`);
               }"#,
            r#"clock.advance("3h"); alice.says("hi"); alice.expects("I have been here for 3 hours.");"#,
        ),
    ),
    function(
        "every",
        &[("period", Type::String), ("function", Type::String), ("arguments", Type::Any)],
        Type::Integer,
        "The same with arguments: an array of them, or a single one.",
        plays(
            r#"fn on_message(msg) {
                   // Asked for once more, it is still one timer for each chat.
                   every("24h", "greet", [msg.chat]);
               }

               fn greet(chat) {
                   send_text(chat, "Good morning!");
               }"#,
            r#"alice.says("hi");
               alice.says("hi");
               clock.advance("24h");
               alice.expects("Good morning!");
               alice.expects_nothing();"#,
        ),
    ),
    function(
        "cron",
        &[("pattern", Type::String), ("function", Type::String)],
        Type::Integer,
        "Calls the function of this name at the times of a pattern such as `\"0 9 * * 1-5\"` (minute, hour, day, month, weekday).",
        plays(
            r#"cron("0 9 * * 1-5", "open");

               fn open() {
                   log_info("the shop is open");
               }"#,
            r#"clock.advance("24h"); assert(bot.logged("the shop is open"));"#,
        ),
    ),
    function(
        "cron",
        &[("pattern", Type::String), ("function", Type::String), ("arguments", Type::Any)],
        Type::Integer,
        "The same with arguments: an array of them, or a single one.",
        plays(
            r#"cron("30 18 * * *", "announce", ["The kitchen closes."]);

               fn announce(text) {
                   log_info(text);
               }"#,
            r#"clock.advance("24h"); assert(bot.logged("The kitchen closes."));"#,
        ),
    ),
    function(
        "bot_command",
        &[("name", Type::String), ("function", Type::String)],
        Type::Unit,
        "Declares at the top level that a message such as `/order` calls the function of this name with `(msg)`, or with `(msg, args)`, and \
         reaches no `on_message`. What follows the name is `args.text`. `/help` lists all commands.",
        plays(
            r#"bot_command("say", "say");

               fn say(msg, args) {
                   msg.reply(args.text);
               }"#,
            r#"alice.says("/say hello there"); alice.expects("hello there");
               alice.says("/sai hello"); alice.expects("I do not know /sai. Did you mean /say?");"#,
        ),
    ),
    function(
        "bot_command",
        &[("name", Type::String), ("function", Type::String), ("options", Type::Map)],
        Type::Unit,
        "The same with options: `help`, what it is for; `aliases`, other names; `args`, its arguments as in `\"item count:int=1 note:text?\"`, each a \
         `word`, `int`, `number`, `person`, `date` or the rest as `text`, with a default or `?` where it can be left out; `who`, the mids of those who may \
         use it, nobody for `[]`; `cooldown`, how long each person waits in between. Who types it wrongly is told how it goes.",
        plays(
            r#"bot_command("order", "place_order", #{
                   help: "Orders something",
                   args: "item count:int=1 note:text?",
                   aliases: ["o"],
                   cooldown: "10s",
               });

               fn place_order(msg, args) {
                   msg.reply(`${args.count} ${args.item}, ${args.note ?? "as usual"}.`);
               }"#,
            r#"alice.says("/help"); alice.expects("/order item [count] [note] - Orders something");
               alice.says("/order tea many");
               alice.expects("count should be a whole number, not \"many\".\nUsage: /order item [count] [note]");
               alice.says("／ｏ tea ２ no sugar"); alice.expects("2 tea, no sugar.");
               alice.says("/order tea"); alice.expects("Please wait 10 s before you use /order again.");
               clock.advance("10s");
               alice.says("/order tea"); alice.expects("1 tea, as usual.");"#,
        ),
    ),
    effect(
        "cancel",
        &[("id", Type::Integer)],
        Type::Bool,
        "Cancels a timer; tells whether there was one.",
        plays(
            r#"fn on_message(msg) {
                   let waiting = state.remove(msg.chat);
                   if waiting != () { cancel(waiting); }
                   state[msg.chat] = after("10m", "ask_again", [msg.chat]);
               }

               fn ask_again(chat) {
                   send_text(chat, "Are you still there?");
               }"#,
            r#"alice.says("hi");
               clock.advance("9m");
               alice.says("yes");
               clock.advance("9m");
               alice.expects_nothing();
               clock.advance("1m");
               alice.expects("Are you still there?");
               alice.expects_nothing();"#,
        ),
    ),
    effect(
        "http",
        &[("options", Type::Map)],
        Type::Map,
        "Sends a request to a host that the configuration allows, and gives `#{status, headers, body}`, with any status; `json()` reads the body. The \
         chat goes on while it waits. The options: `url`; `method`, GET if none is given; `query`, a map that is encoded; `headers`; `bearer`, a token; \
         one of `json`, any value, `form`, a map, or `body`, a text; `timeout`, at most \"10m\" (`limits.reply` if none is given); `charset`, for answers \
         that name none or a wrong one.",
        plays(
            r#"let answer = http(#{
                   method: "PUT",
                   url: "https://api.example.com/orders",
                   query: #{ shop: "5th & Main" },
                   json: #{ item: msg.text },
                   timeout: "5s",
               });
               if answer.status == 200 { msg.reply(`Ready at ${answer.json().ready}.`); }"#,
            r#"web.answers("PUT https://api.example.com/orders*", #{ ready: "9:30" });
               alice.says("tea");
               alice.expects("Ready at 9:30.");
               let request = web.expects("https://api.example.com/orders?shop=5th+%26+Main");
               assert_eq(request.body, `{"item":"tea"}`);"#,
        ),
    ),
    effect(
        "http_get",
        &[("url", Type::StringOrSecret)],
        Type::Map,
        "Fetches a url of a host that the configuration allows: `#{status, headers, body}`, with any status. The chat goes on while it waits.",
        plays(
            r#"let answer = http_get("https://api.example.com/weather");
               if answer.status == 200 { msg.reply(parse_json(answer.body).today); }"#,
            r#"web.answers("https://api.example.com/weather", #{ today: "sunny" });
               alice.says("hi");
               alice.expects("sunny");"#,
        ),
    ),
    effect(
        "http_get",
        &[("url", Type::StringOrSecret), ("options", Type::Map)],
        Type::Map,
        "The same with headers: `#{headers: #{Authorization: \"Bearer …\"}}`.",
        plays(
            r#"let answer = http_get("https://api.example.com/joke", #{ headers: #{ Accept: "text/plain" } });
               msg.reply(answer.body);"#,
            r#"web.answers("https://api.example.com/joke", "Knock knock.");
               alice.says("hi");
               alice.expects("Knock knock.");
               assert_eq(web.expects("https://api.example.com/joke").headers.accept, "text/plain");"#,
        ),
    ),
    effect(
        "http_post",
        &[("url", Type::StringOrSecret), ("body", Type::Any)],
        Type::Map,
        "Sends a text, or a map or array as JSON, to a url of a host that the configuration allows. The chat goes on while it waits.",
        plays(
            r#"let answer = http_post("https://api.example.com/orders", #{ item: msg.text, by: msg.sender.mid });
               if answer.status == 201 { msg.reply("Ordered."); }"#,
            r#"web.answers("POST https://api.example.com/orders", #{ status: 201 });
               alice.says("tea");
               alice.expects("Ordered.");
               assert_eq(parse_json(web.expects("https://api.example.com/orders").body).item, "tea");"#,
        ),
    ),
    effect(
        "http_post",
        &[("url", Type::StringOrSecret), ("body", Type::Any), ("options", Type::Map)],
        Type::Map,
        "The same with headers, such as `#{headers: #{\"Content-Type\": \"text/csv\"}}`.",
        plays(
            r#"let options = #{ headers: #{ "Content-Type": "text/csv" } };
               http_post("https://api.example.com/log", `${msg.timestamp},${msg.sender.mid}` + "\n", options);"#,
            r#"web.answers("https://api.example.com/log", "");
               alice.says("hi");
               assert(web.expects("https://api.example.com/log").body.contains(alice.mid));"#,
        ),
    ),
    pure(
        "log_debug",
        &[("value", Type::Any)],
        Type::Unit,
        "Writes a line to the log that is usually not shown.",
        answers(
            r#"log_debug(`${msg.sender.mid} wrote ${msg.text}`);
               msg.reply("Noted.");"#,
            "tea",
            "Noted.",
        ),
    ),
    pure(
        "log_info",
        &[("value", Type::Any)],
        Type::Unit,
        "Writes a line to the log.",
        plays(
            r#"log_info(`order ${store.incr("orders")} is taken`);"#,
            r#"alice.says("tea"); settle(); assert(bot.logged("order 1 is taken"));"#,
        ),
    ),
    pure(
        "log_warn",
        &[("value", Type::Any)],
        Type::Unit,
        "Writes a warning to the log.",
        plays(
            r#"let answer = http_get("https://api.example.com/menu");
               if answer.status != 200 { log_warn(`the menu is not to be had: ${answer.status}`); }"#,
            r#"web.answers("https://api.example.com/menu", #{ status: 503 });
               alice.says("menu");
               settle();
               assert(bot.logged("the menu is not to be had: 503"));"#,
        ),
    ),
    pure(
        "log_error",
        &[("value", Type::Any)],
        Type::Unit,
        "Writes an error to the log.",
        plays(
            r#"try {
                   send_file(msg.chat, "menu.pdf");
               } catch (error) {
                   log_error(`the menu is not to be sent: ${error.message}`);
               }"#,
            r#"alice.says("menu"); settle(); assert(bot.logged("the menu is not to be sent: "));"#,
        ),
    ),
    pure(
        "url_encode",
        &[("text", Type::String)],
        Type::String,
        "A text as it can stand in any part of a url. What `http` is given as query or form is encoded by itself.",
        answers(
            r#"msg.reply(`https://maps.example/search/${url_encode(msg.text ?? "")}`);"#,
            "tea & cake",
            "https://maps.example/search/tea%20%26%20cake",
        ),
    ),
    pure(
        "url_decode",
        &[("text", Type::String)],
        Type::String,
        "The text that was encoded for a url; a `+` stays one. Throws where a `%` stands without its two digits.",
        answers(r#"msg.reply(url_decode(msg.text ?? ""));"#, "tea%20%26%20cake", "tea & cake"),
    ),
    pure(
        "base64_encode",
        &[("text", Type::String)],
        Type::String,
        "A text in base64, such as a header wants it.",
        answers(
            r#"let login = "bot:" + msg.text;
               msg.reply("Basic " + base64_encode(login));"#,
            "sesame",
            "Basic Ym90OnNlc2FtZQ==",
        ),
    ),
    pure(
        "base64_decode",
        &[("text", Type::String)],
        Type::String,
        "The text that stands in base64: in the alphabet of urls too, with or without its `=`, in one line or several. Throws where it is no base64, or no text.",
        answers(r#"msg.reply(base64_decode(msg.text ?? ""));"#, "dGVhIPCfjbU", "tea 🍵"),
    ),
    pure(
        "sha256",
        &[("text", Type::String)],
        Type::String,
        "The SHA-256 hash of a text, in hexadecimal digits.",
        answers(
            r#"msg.reply(sha256(msg.text ?? ""));"#,
            "tea",
            "a9f74d1ec36ebdeb2da3f6e5868090cd2a2d20b3dcca7b62f60304b1d3d9ef42",
        ),
    ),
    pure(
        "sha256",
        &[("text", Type::String), ("form", Type::String)],
        Type::String,
        "The same as `\"hex\"` or `\"base64\"`.",
        answers(
            r#"msg.reply(sha256(msg.text ?? "", "base64"));"#,
            "tea",
            "qfdNHsNuvesto/blhoCQzSotILPcynti9gMEsdPZ70I=",
        ),
    ),
    pure(
        "hmac_sha256",
        &[("key", Type::StringOrSecret), ("text", Type::String)],
        Type::String,
        "The HMAC of a text with SHA-256, in hexadecimal digits: what shows a server that a request is from somebody who has the key.",
        answers(
            r#"msg.reply(hmac_sha256("key", msg.text ?? ""));"#,
            "tea",
            "300fb267ae149d11c584ef6523d9e4b45e587714d4af1b5ec882e82c4c8999df",
        ),
    ),
    pure(
        "hmac_sha256",
        &[("key", Type::StringOrSecret), ("text", Type::String), ("form", Type::String)],
        Type::String,
        "The same as `\"hex\"` or `\"base64\"`.",
        answers(
            r#"msg.reply(hmac_sha256("key", msg.text ?? "", "base64"));"#,
            "tea",
            "MA+yZ64UnRHFhO9lI9nktF5YdxTUrxteyILoLEyJmd8=",
        ),
    ),
    function(
        "secret",
        &[("first", Type::Any), ("second", Type::Any)],
        Type::Secret,
        "A secret of the configuration joined with other texts and secrets. Only the web functions, `hmac_sha256` and `secret` take it.",
        plays(
            r#"let answer = http(#{ url: "https://api.example.com/me", headers: #{ "X-Key": secret("key ", settings.key) } });
               msg.reply(answer.json().name);"#,
            r#"bot.secrets(#{ key: "k-77" });
               web.answers("https://api.example.com/me", #{ name: "tea bot" });
               alice.says("hi");
               alice.expects("tea bot");
               assert_eq(web.expects("https://api.example.com/me").headers["x-key"], "key •••");"#,
        ),
    ),
    function(
        "secret",
        &[("first", Type::Any), ("second", Type::Any), ("third", Type::Any)],
        Type::Secret,
        "The same of three parts.",
        plays(
            r#"http_post(secret("https://api.example.com/bot", settings.token, "/notes"), msg.text);"#,
            r#"bot.secrets(#{ token: "77:x" });
               web.answers("https://api.example.com/*", "");
               alice.says("tea");
               assert_eq(web.expects("https://api.example.com/bot•••/notes").body, "tea");"#,
        ),
    ),
    function(
        "secret",
        &[("first", Type::Any), ("second", Type::Any), ("third", Type::Any), ("fourth", Type::Any)],
        Type::Secret,
        "The same of four parts.",
        plays(
            r#"let pair = secret(settings.user, ":", settings.password, "\n");
               http_post("https://api.example.com/login", pair);"#,
            r#"bot.secrets(#{ user: "tea", password: "hush" });
               web.answers("https://api.example.com/login", "");
               alice.says("hi");
               assert_eq(web.expects("https://api.example.com/login").body, "•••:•••\n");"#,
        ),
    ),
    function(
        "secret",
        &[
            ("first", Type::Any),
            ("second", Type::Any),
            ("third", Type::Any),
            ("fourth", Type::Any),
            ("fifth", Type::Any),
        ],
        Type::Secret,
        "The same of five parts.",
        plays(
            r#"http_get(secret("https://api.example.com/", settings.room, "/", settings.token, "/ring"));"#,
            r#"bot.secrets(#{ room: "r1", token: "77" });
               web.answers("https://api.example.com/*", "");
               alice.says("hi");
               web.expects("https://api.example.com/•••/•••/ring");"#,
        ),
    ),
    pure(
        "json",
        &[("answer", Type::Map)],
        Type::Any,
        "The value that the body of an answer of the web stands for, as in `http_get(url).json()`; throws where it is no JSON.",
        plays(
            r#"let answer = http_get("https://api.example.com/weather");
               msg.reply(answer.json().today);"#,
            r#"web.answers("https://api.example.com/weather", #{ today: "sunny" });
               alice.says("hi");
               alice.expects("sunny");"#,
        ),
    ),
    pure(
        "parse_json",
        &[("text", Type::String)],
        Type::Any,
        "The value that JSON text stands for; throws where the text is no JSON.",
        answers(
            r#"let order = parse_json(`{"item": "tea", "count": 2}`);
               msg.reply(`${order.count} × ${order.item}`);"#,
            "hi",
            "2 × tea",
        ),
    ),
    pure(
        "to_json",
        &[("value", Type::Any)],
        Type::String,
        "The JSON text of a value: numbers, texts, arrays, maps, true, false and `()`.",
        plays(
            r#"msg.reply(to_json(#{ item: "tea", sizes: [1, 2] }));"#,
            r#"alice.says("hi"); alice.expects(`{"item":"tea","sizes":[1,2]}`);"#,
        ),
    ),
    pure(
        "plain_text",
        &[("text", Type::String)],
        Type::String,
        "A text as it is meant, however it was typed: the digits of every script are 0 to 9, and wide letters, signs and spaces \
         are narrow.",
        answers(
            r#"let count = parse_int(plain_text(msg.text ?? ""));
               msg.reply(`${count} cups.`);"#,
            "１２",
            "12 cups.",
        ),
    ),
    pure(
        "is_match",
        &[("text", Type::String), ("pattern", Type::String)],
        Type::Bool,
        "Whether a regular expression is found in a text: text.is_match(`^hi\\b`).",
        answers(r#"if (msg.text ?? "").is_match(`(?i)^(hi|hello)\b`) { msg.reply("Hello!"); }"#, "Hi there", "Hello!"),
    ),
    pure(
        "captures",
        &[("text", Type::String), ("pattern", Type::String)],
        Type::ArrayOrUnit,
        "The first match of a regular expression and its groups as an array; `()` without a match.",
        answers(
            r#"let order = (msg.text ?? "").captures(`(\d+) (\w+)`);
              if order != () { msg.reply(`${order[1]} × ${order[2]}`); }"#,
            "2 teas, please",
            "2 × teas",
        ),
    ),
    pure(
        "find_all",
        &[("text", Type::String), ("pattern", Type::String)],
        Type::Array,
        "Every match of a regular expression.",
        answers(
            r##"let tags = (msg.text ?? "").find_all(`#\w+`);
              msg.reply(`${tags.len} tags, the first is ${tags[0]}.`);"##,
            "#tea and #cake",
            "2 tags, the first is #tea.",
        ),
    ),
    pure(
        "replace_all",
        &[("text", Type::String), ("pattern", Type::String), ("with", Type::String)],
        Type::String,
        "The text with every match replaced; `$1` stands for the first group.",
        answers(r#"msg.reply((msg.text ?? "").replace_all(`(\w)\w*@`, "$1…@"));"#, "ann@example.com", "a…@example.com"),
    ),
    method(
        Type::Message,
        "reply",
        &[("text", Type::String)],
        Type::Map,
        "Sends a text to the chat of the message.",
        answers("msg.reply(`Hello, ${msg.sender.name}!`);", "hi", "Hello, alice!"),
    ),
    method(
        Type::Message,
        "reply",
        &[("messages", Type::Array)],
        Type::Map,
        "Sends several, up to five at once on LINE: texts, and there also maps, which are messages as LINE has them.",
        plays(
            r#"msg.reply(["One.", "Two."]);"#,
            r#"alice.says("count"); alice.expects("One."); alice.expects("Two.");"#,
        ),
    ),
    method(
        Type::Message,
        "reply",
        &[("message", Type::Map)],
        Type::Map,
        "On LINE: sends a message as LINE has them, such as a sticker or a Flex message.",
        shows(r#"msg.reply(#{ type: "sticker", packageId: "446", stickerId: "1988" });"#, Proof::Loads),
    ),
    method(
        Type::Message,
        "ask",
        &[("text", Type::String)],
        Type::MessageOrUnit,
        "Sends a question and waits for the same person's next message in this chat; `()` after the configured time.",
        plays(
            r#"let answer = msg.ask("What is your name?");
               if answer == () { msg.reply("Another time, then."); return; }
               msg.reply(`Hello, ${answer.text}!`);"#,
            r#"alice.says("hi");
               alice.expects("What is your name?");
               alice.says("Ally");
               alice.expects("Hello, Ally!");"#,
        ),
    ),
    method(
        Type::Message,
        "ask",
        &[("text", Type::String), ("options", Type::Map)],
        Type::MessageOrUnit,
        "The same with options. `timeout: \"10m\"`: how long each answer is waited for. `choices: [\"tea\", \"coffee\"]`, 1 to 13 of them: buttons on LINE, \
         a numbered list elsewhere, and `.choice` of the answer is the one that was picked. `check: |answer| …`: gives `true` to take an answer, or a \
         text, which is sent before the next one is waited for; `false` sends `retry`, without which the question is put again. `attempts: 3`: so many \
         answers are looked at; with `retry` or `attempts`, choices are insisted on. `cancel: [\"cancel\", \"取消\"]`: words that end the question. \
         `ended: \"Never mind.\"`: what is said when it ends with `()`, or a function of why (`timeout`, `cancel`, `attempts`, \
         `command`) that gives it. `newest: true`: when a newer version of the script comes, the run ends at this question.",
        plays(
            r#"let form = #{ cancel: ["cancel", "取消"], timeout: "10m", ended: "Another time, then." };
               let count = msg.ask("How many?", form + #{
                   check: |answer| answer.text.is_match(`^[1-9]\d?$`),
                   retry: "A number from 1 to 99, please.",
               });
               if count == () { return; }
               msg.reply(`${count.text} it is.`);"#,
            r#"alice.says("hi");
               alice.expects("How many?");
               alice.says("lots");
               alice.expects("A number from 1 to 99, please.");
               alice.says("12");
               alice.expects("12 it is.");
               alice.says("hi");
               alice.expects("How many?");
               alice.says("Cancel!");
               alice.expects("Another time, then.");"#,
        ),
    ),
    function(
        "run_id",
        &[],
        Type::Integer,
        "The id of this run: of the call of a hook, a command or a timer, as `hotline runs` shows it. It stays the same after a crash.",
        plays("msg.reply(`${run_id() == run_id()}`);", r#"alice.says("hi"); alice.expects("true");"#),
    ),
    function(
        "is_running",
        &[("id", Type::Integer)],
        Type::Bool,
        "Whether a run of this session that has asked for its `run_id()` goes on: it works, waits, or is to be rebuilt after a crash.",
        plays(
            r#"if state.thinking != () && is_running(state.thinking) { msg.reply("I am still thinking."); return; }
               state.thinking = run_id();
               sleep("10s");
               msg.reply("42");"#,
            r#"alice.says("What is 6 times 7?");
               alice.says("Well?");
               alice.expects("I am still thinking.");
               clock.advance("10s");
               alice.expects("42");"#,
        ),
    ),
    effect(
        "wait_for_run",
        &[("id", Type::Integer)],
        Type::Unit,
        "Waits until such a run has ended, however it did; meanwhile its chat goes on, as with `sleep`.",
        plays(
            r#"let before = state.latest;
               state.latest = run_id();
               if before != () { wait_for_run(before); }
               sleep("10s");
               msg.reply(`Thought about ${msg.text}.`);"#,
            r#"alice.says("tea");
               alice.says("cake");
               clock.advance("10s");
               alice.expects("Thought about tea.");
               clock.advance("10s");
               alice.expects("Thought about cake.");"#,
        ),
    ),
    effect(
        "ask",
        &[("to", Type::String), ("text", Type::String)],
        Type::MessageOrUnit,
        "Asks from any hook and any timer: a person, by their mid, in the chat with them, or in a group anyone; waits for the next message \
         there, `()` after the configured time. A message answers a question to its writer before one to anyone, and of several the latest.",
        plays(
            r#"fn on_message(msg) { after("1h", "follow_up", [msg.sender.mid]); }

               fn follow_up(mid) {
                   let answer = ask(mid, "Did that help?");
                   if answer != () { answer.reply(`Noted: ${answer.text}`); }
               }"#,
            r#"alice.says("My screen is black.");
               clock.advance("1h");
               alice.expects("Did that help?");
               alice.says("yes");
               alice.expects("Noted: yes");"#,
        ),
    ),
    effect(
        "ask",
        &[("to", Type::String), ("text", Type::String), ("options", Type::Map)],
        Type::MessageOrUnit,
        "The same with options as for `msg.ask`; `from: mid` counts the answer of one person in a group alone.",
        plays(
            r#"fn on_message(msg) {
                   if !msg.is_group { return; }
                   let first = ask(msg.chat, "Who knows the capital of Japan?", #{ timeout: "1m" });
                   if first != () { first.reply(`${first.sender.name} was first.`); }
               }"#,
            r#"let tea = group("tea", [alice, bot]);
               alice.says_in(tea, "quiz");
               tea.expects("Who knows the capital of Japan?");
               alice.says_in(tea, "Tokyo");
               tea.expects("alice was first.");"#,
        ),
    ),
    method(
        Type::Invite,
        "accept",
        &[],
        Type::Map,
        "Joins the group.",
        plays(
            r#"fn on_invite(invite) {
                   invite.accept();
                   send_text(invite.group_id, "Hello everyone!");
               }"#,
            r#"alice.creates_group("tea", [bot]).expects("Hello everyone!");"#,
        ),
    ),
    method(
        Type::Invite,
        "reject",
        &[],
        Type::Map,
        "Turns the invitation down.",
        plays(
            "fn on_invite(invite) {
                 if get_joined_group_ids().len >= 1 { invite.reject(); } else { invite.accept(); }
             }",
            r#"let tea = alice.creates_group("tea", [bot]);
               settle();
               let cake = alice.creates_group("cake", [bot]);
               settle();
               assert(tea.has(bot));
               assert_eq(cake.invited(), []);"#,
        ),
    ),
    method(
        Type::State,
        "contains",
        &[("name", Type::String)],
        Type::Bool,
        "Whether there is an entry of this name.",
        plays(
            r#"if !state.contains(msg.sender.mid) { msg.reply("Nice to meet you!"); }
               state[msg.sender.mid] = true;"#,
            r#"alice.says("hi");
               alice.expects("Nice to meet you!");
               alice.says("hi");
               alice.expects_nothing();"#,
        ),
    ),
    method(
        Type::State,
        "keys",
        &[],
        Type::Array,
        "The names of the entries.",
        plays(
            "state[msg.sender.name] = msg.text;
             msg.reply(`So far: ${state.keys()}`);",
            r#"alice.says("tea"); alice.expects(`So far: ["alice"]`);"#,
        ),
    ),
    method(
        Type::State,
        "remove",
        &[("name", Type::String)],
        Type::Any,
        "Takes an entry out and gives its value.",
        plays(
            r#"let before = state.remove("order");
               if before != () { msg.reply(`Your ${before} is cancelled.`); }
               state.order = msg.text;"#,
            r#"alice.says("tea"); alice.says("cake"); alice.expects("Your tea is cancelled.");"#,
        ),
    ),
    method(
        Type::State,
        "clear",
        &[],
        Type::Unit,
        "Takes every entry out.",
        plays(
            r#"if msg.text == "/reset" { state.clear(); } else { state[msg.sender.mid] = msg.text; }
               msg.reply(`Orders so far: ${state.keys().len}`);"#,
            r#"alice.says("tea");
               alice.expects("Orders so far: 1");
               alice.says("/reset");
               alice.expects("Orders so far: 0");"#,
        ),
    ),
    method(
        Type::State,
        "to_map",
        &[],
        Type::Map,
        "A copy of everything as a map.",
        plays(
            "state.tea = 2;
             msg.reply(to_json(state.to_map()));",
            r#"alice.says("hi"); alice.expects(`{"tea":2}`);"#,
        ),
    ),
    lasting(
        Type::Settings,
        "get",
        &[("name", Type::String), ("default", Type::Any)],
        Type::Any,
        "A setting, or the default where the configuration has none of that name. `settings.name` throws there.",
        plays(
            r#"let greeting = settings.get("greeting", "Hello");
               msg.reply(`${greeting}, ${msg.sender.name}!`);"#,
            r#"alice.says("hi");
               alice.expects("Hello, alice!");
               bot.settings(#{ greeting: "Good day" });
               alice.says("hi");
               alice.expects("Good day, alice!");"#,
        ),
    ),
    lasting(
        Type::Settings,
        "contains",
        &[("name", Type::String)],
        Type::Bool,
        "Whether the configuration has a setting of that name; `\"name\" in settings` says the same.",
        answers(
            r#"msg.reply(if settings.contains("limit") { `At most ${settings.limit}.` } else { "As many as you like." });"#,
            "hi",
            "As many as you like.",
        ),
    ),
    lasting(
        Type::Settings,
        "keys",
        &[],
        Type::Array,
        "The names of the settings.",
        plays(
            "msg.reply(`I know of ${settings.keys()}.`);",
            r#"bot.settings(#{ limit: 3 });
               alice.says("hi");
               alice.expects(`I know of ["limit"].`);"#,
        ),
    ),
    method(
        Type::Store,
        "get",
        &[("key", Type::String)],
        Type::Any,
        "The value of a key; `()` where there is none.",
        answers(
            r#"let name = store.get(msg.sender.mid) ?? "stranger";
               msg.reply(`Hello, ${name}!`);"#,
            "hi",
            "Hello, stranger!",
        ),
    ),
    method(
        Type::Store,
        "set",
        &[("key", Type::String), ("value", Type::Any)],
        Type::Unit,
        "Keeps a value: plain data.",
        plays(
            r#"let before = store.get("latest") ?? "nothing";
               store.set("latest", msg.text);
               msg.reply(`Before that it was ${before}.`);"#,
            r#"alice.says("tea");
               alice.expects("Before that it was nothing.");
               bot.kill();
               bot.start();
               alice.says("cake");
               alice.expects("Before that it was tea.");"#,
        ),
    ),
    method(
        Type::Store,
        "set",
        &[("key", Type::String), ("value", Type::Any), ("options", Type::Map)],
        Type::Unit,
        "Keeps a value for a while: `#{ttl: \"1h\"}`.",
        plays(
            r#"if store.get("greeted") == () { msg.reply("Good day!"); }
               store.set("greeted", true, #{ ttl: "8h" });"#,
            r#"alice.says("hi");
               alice.expects("Good day!");
               alice.says("hi");
               alice.expects_nothing();
               clock.advance("8h");
               alice.says("hi");
               alice.expects("Good day!");"#,
        ),
    ),
    method(
        Type::Store,
        "incr",
        &[("key", Type::String)],
        Type::Integer,
        "Adds 1 to a number, at once for everyone, and gives the sum.",
        answers(
            r#"let visits = store.incr("visits");
               msg.reply(`Visit ${visits}.`);"#,
            "hi",
            "Visit 1.",
        ),
    ),
    method(
        Type::Store,
        "incr",
        &[("key", Type::String), ("by", Type::Integer)],
        Type::Integer,
        "Adds to a number, at once for everyone, and gives the sum.",
        answers(
            r#"let cups = store.incr("cups", parse_int(msg.text ?? ""));
               msg.reply(`${cups} cups so far.`);"#,
            "3",
            "3 cups so far.",
        ),
    ),
    method(
        Type::Store,
        "update",
        &[("key", Type::String), ("change", Type::Function)],
        Type::Any,
        "Keeps what a closure makes of the old value (`()` where there is none), at once for everyone, and gives the new value. The closure only computes: it sends, asks and reads nothing.",
        plays(
            r#"let guests = store.update("guests", |old| {
                   let guests = old ?? [];
                   guests.push(msg.text);
                   guests
               });
               msg.reply(`${guests.len} guests: ${guests}`);"#,
            r#"alice.says("Ann");
               alice.expects(`1 guests: ["Ann"]`);
               bot.kill();
               bot.start();
               alice.says("Ben");
               alice.expects(`2 guests: ["Ann", "Ben"]`);"#,
        ),
    ),
    method(
        Type::Store,
        "update",
        &[("key", Type::String), ("change", Type::Function), ("options", Type::Map)],
        Type::Any,
        "The same, and keeps it for a while: `#{ttl: \"1h\"}`. Without `ttl` an end that it has stays.",
        answers(
            r#"let strikes = store.update(msg.sender.mid, |old| (old ?? 0) + 1, #{ ttl: "1h" });
               msg.reply(`Strike ${strikes}.`);"#,
            "spam",
            "Strike 1.",
        ),
    ),
    method(
        Type::Store,
        "delete",
        &[("key", Type::String)],
        Type::Bool,
        "Deletes a key; tells whether there was one.",
        answers(
            r#"let known = store.delete(msg.sender.mid);
               msg.reply(if known { "You are forgotten." } else { "I knew nothing of you." });"#,
            "/forget",
            "I knew nothing of you.",
        ),
    ),
    method(
        Type::Store,
        "keys",
        &[],
        Type::Array,
        "Every key.",
        plays(
            r#"store.set("motto", msg.text);
               for key in store.keys() { log_info(`${key}: ${store.get(key)}`); }"#,
            r#"alice.says("tea first"); settle(); assert(bot.logged("motto: tea first"));"#,
        ),
    ),
    method(
        Type::Store,
        "keys",
        &[("prefix", Type::String)],
        Type::Array,
        "Every key that begins so.",
        answers(
            r#"store.set(`guest/${msg.sender.mid}`, msg.text);
               msg.reply(`Guests so far: ${store.keys("guest/").len}`);"#,
            "hi",
            "Guests so far: 1",
        ),
    ),
    method(
        Type::Session,
        "command",
        &[("name", Type::String), ("fields", Type::Map)],
        Type::Any,
        "Sends any command in this session.",
        answers(r#"session().command("SendText", #{ to: msg.chat, content: "hello" });"#, "hi", "hello"),
    ),
    method(
        Type::Session,
        "command",
        &[("name", Type::String)],
        Type::Any,
        "Sends a command that has no fields in this session.",
        answers(
            r#"let own = session().command("GetSettings");
               msg.reply(`Notifications are on: ${own.notificationEnable}.`);"#,
            "hi",
            "Notifications are on: true.",
        ),
    ),
];

/// Every property of the objects that hooks and functions give; those of events are in the table of events.
pub static PROPERTIES: &[HostProperty] = &[
    property(
        Type::Message,
        "id",
        Type::String,
        "The message's id.",
        plays(
            r#"if msg.content_type == "FILE" {
                   download_file(msg.id, "inbox/order.txt");
                   msg.reply("I have got it.");
               }"#,
            r#"alice.sends_file("order.txt", "2 teas"); alice.expects("I have got it.");"#,
        ),
    ),
    property(
        Type::Message,
        "chat",
        Type::String,
        "Where an answer goes: the mid of the person or group.",
        answers(r#"send_text(msg.chat, "hello");"#, "hi", "hello"),
    ),
    property(
        Type::Message,
        "text",
        Type::StringOrUnit,
        "The text; `()` where there is none.",
        plays(
            "if msg.text == () { return; }
             msg.reply(`You wrote ${msg.text.len} characters.`);",
            r#"alice.sends_sticker();
               alice.says("tea");
               alice.expects("You wrote 3 characters.");
               alice.expects_nothing();"#,
        ),
    ),
    property(
        Type::Message,
        "sender",
        Type::Person,
        "Who wrote it.",
        answers("msg.reply(`Hello, ${msg.sender.name}!`);", "hi", "Hello, alice!"),
    ),
    property(
        Type::Message,
        "to",
        Type::String,
        "Whom it was written to: a person's or a group's mid.",
        answers(
            r#"if msg.to == session().mid { msg.reply("This stays between us."); }"#,
            "hi",
            "This stays between us.",
        ),
    ),
    property(
        Type::Message,
        "timestamp",
        Type::Integer,
        "When it was sent, in milliseconds since 1970.",
        answers(
            r#"if now() - msg.timestamp > 3_600_000 { return; }    // it waited while the bot was away
               msg.reply("Good to hear from you.");"#,
            "hi",
            "Good to hear from you.",
        ),
    ),
    property(
        Type::Message,
        "content_type",
        Type::String,
        "`NONE` for text, else `IMAGE`, `STICKER` and so on.",
        plays(
            r#"if msg.content_type == "STICKER" { msg.reply("Nice one!"); }"#,
            r#"alice.says("tea");
               alice.sends_sticker();
               alice.expects("Nice one!");
               alice.expects_nothing();"#,
        ),
    ),
    property(
        Type::Message,
        "metadata",
        Type::Map,
        "What else belongs to this content type, all values strings.",
        plays(
            r#"if msg.content_type == "FILE" { msg.reply(`Thank you for ${msg.metadata.FILE_NAME}.`); }"#,
            r#"alice.sends_file("order.txt"); alice.expects("Thank you for order.txt.");"#,
        ),
    ),
    property(
        Type::Message,
        "mentions",
        Type::Array,
        "Who is mentioned, in the order of the text, each as `#{mid, start, end, text}` with its place in letters; the `mid` of `@All` is `()`.",
        plays(
            r#"for mention in msg.mentions { msg.reply(`${mention.text} is ${mention.mid}`); }"#,
            r#"alice.says("hi"); alice.expects_nothing();"#,
        ),
    ),
    property(
        Type::Message,
        "choice",
        Type::StringOrUnit,
        "Of an answer to a question with choices: the one that was picked, by itself or by its number; else `()`.",
        plays(
            r#"let drink = msg.ask("What would you like?", #{ choices: ["tea", "coffee"] });
               if drink != () { msg.reply(`One ${drink.choice}.`); }"#,
            r#"alice.says("hi");
               alice.expects("What would you like?\n1. tea\n2. coffee");
               alice.says("2");
               alice.expects("One coffee.");"#,
        ),
    ),
    property(
        Type::Message,
        "is_group",
        Type::Bool,
        "Whether it was written in a group.",
        answers(r#"if !msg.is_group { msg.reply("Just the two of us."); }"#, "hi", "Just the two of us."),
    ),
    property(
        Type::Message,
        "raw",
        Type::Map,
        "The content as it came from the gateway.",
        plays(
            "log_info(to_json(msg.raw));",
            r#"alice.says("tea"); settle(); assert(bot.logged("\"contentType\":\"NONE\""));"#,
        ),
    ),
    property(
        Type::Person,
        "mid",
        Type::String,
        "The person's mid.",
        answers(r#"send_text(msg.sender.mid, "A word in private.");"#, "hi", "A word in private."),
    ),
    property(
        Type::Person,
        "name",
        Type::String,
        "The person's name; looked up once, which may wait.",
        answers("msg.reply(`Good morning, ${msg.sender.name}.`);", "hi", "Good morning, alice."),
    ),
    property(
        Type::Session,
        "name",
        Type::String,
        "The session's name in the configuration.",
        answers("msg.reply(`This is ${session().name}.`);", "hi", "This is main."),
    ),
    property(
        Type::Session,
        "network",
        Type::String,
        "The network that it is on: `gateway` or `line`.",
        answers("msg.reply(`You are on the ${session().network}.`);", "hi", "You are on the gateway."),
    ),
    property(
        Type::Session,
        "mid",
        Type::StringOrUnit,
        "The account's mid; `()` before its first login.",
        plays(
            "log_info(`this account is ${session().mid}`);",
            r#"alice.says("hi"); settle(); assert(bot.logged(`this account is ${bot.mid}`));"#,
        ),
    ),
    property(
        Type::Event,
        "me",
        Type::Bool,
        "Whether `person` is this account itself.",
        plays(
            r#"fn on_join(event) {
                   if event.me { send_text(event.group_id, "Hello everyone!"); }
               }

               fn on_invite(invite) {
                   invite.accept();
               }"#,
            r#"alice.creates_group("tea", [bot]).expects("Hello everyone!");"#,
        ),
    ),
    property(
        Type::Message,
        "chat_state",
        Type::State,
        "What this script remembers of the chat: short for `state_of(msg.chat)`.",
        plays(
            r#"msg.chat_state.messages = (msg.chat_state.messages ?? 0) + 1;
               if msg.text == "/count" { msg.reply(`${msg.chat_state.messages} messages here.`); }"#,
            r#"let tea = group("tea", [alice, bot]);
               alice.says_in(tea, "hi");
               alice.says_in(tea, "/count");
               tea.expects("2 messages here.");"#,
        ),
    ),
    property(
        Type::Person,
        "state",
        Type::State,
        "What this script remembers of them: short for `state_of(person.mid)`.",
        plays(
            r#"let mine = msg.sender.state;
               if mine.contains("city") { msg.reply(`You live in ${mine.city}.`); }
               mine.city = msg.text;"#,
            r#"alice.says("Oslo");
               alice.expects_nothing();
               bot.kill();
               bot.start();
               alice.says("Rome");
               alice.expects("You live in Oslo.");"#,
        ),
    ),
    property(
        Type::Event,
        "person",
        Type::PersonOrUnit,
        "Whom it is about; in `on_kick`, who was removed.",
        plays(
            "fn on_leave(event) {
                 if !event.me { send_text(event.group_id, `We miss ${event.person.name}.`); }
             }",
            r#"let tea = group("tea", [alice, person("bob"), bot]);
               person("bob").leaves(tea);
               tea.expects("We miss bob.");"#,
        ),
    ),
    property(
        Type::Event,
        "by",
        Type::PersonOrUnit,
        "Who did it; in `on_kick`, who removed the other, else as `person`.",
        plays(
            "fn on_kick(event) {
                 send_text(event.by.mid, `What has ${event.person.name} done?`);
             }",
            r#"let tea = group("tea", [alice, person("bob"), bot]);
               alice.kicks(person("bob"), tea);
               alice.expects("What has bob done?");"#,
        ),
    ),
    property(
        Type::Event,
        "subcommand",
        Type::String,
        "The event's name on the wire.",
        plays(
            r#"fn on_join(event) {
                   let by_link = event.subcommand == "NOTIFIED_JOIN_CHAT";
                   send_text(event.group_id, if by_link { "Found us by the link?" } else { "Welcome!" });
               }"#,
            r#"let tea = group("tea", [alice, bot]);
               let bob = person("bob");
               alice.invites(bob, tea);
               bob.joins(tea);
               tea.expects("Welcome!");"#,
        ),
    ),
    property(
        Type::Event,
        "raw",
        Type::Map,
        "The content as it came from the gateway.",
        plays(
            "fn on_group_update(event) {
                 log_info(to_json(event.raw));
             }",
            r#"let tea = group("tea", [alice, bot]);
               alice.renames(tea, "cake");
               settle();
               assert(bot.logged("\"type\":\"1\""));"#,
        ),
    ),
    property(
        Type::Invite,
        "inviter",
        Type::PersonOrUnit,
        "Who invites.",
        plays(
            "fn on_invite(invite) {
                 let known = get_all_contact_ids().contains(invite.inviter.mid);
                 if known { invite.accept(); } else { invite.reject(); }
             }",
            r#"let tea = alice.creates_group("tea", [bot]);
               settle();
               assert_eq(tea.invited(), []);
               assert(!tea.has(bot));"#,
        ),
    ),
];

/// The types of objects, in the order of the reference, and what they are.
pub static OBJECTS: &[(Type, &str)] = &[
    (Type::Message, "A message, as `on_message`, `on_own_message` and `ask` give it."),
    (Type::Person, "Somebody: `msg.sender`, `event.person`, `invite.inviter`. Two of them are compared with `==`."),
    (Type::Invite, "An invitation into a group, as `on_invite` gives it. It also has what an event has."),
    (
        Type::Event,
        "Any other event. Its fields are properties as well: `event.group_id`, `event.mid` and so on, `()` where this event has none; see [Events](#events).",
    ),
    (
        Type::Session,
        "A session: `session(\"name\")`. Every command is a method of it: `session(\"name\").send_text(to, content)`.",
    ),
    (
        Type::State,
        "What a script remembers for one session, as `state`, or for one person or chat in it, as `state_of(id)`: a map that outlives reloads. `state.count = 1` and `state[\"count\"]` write and read; what is not there is `()`.",
    ),
    (Type::Store, "What a script keeps for good, as `store`, shared by its sessions."),
    (
        Type::Settings,
        "What the configuration sets for a script, as `settings`: `settings.name` and `settings[\"name\"]` read, `\"name\" in settings` asks. It cannot be changed, and what is not there throws `UNKNOWN_SETTING`. A value with `${NAME}` of the environment is a `Secret`: the web functions take it, `hmac_sha256` and `secret(a, b)`, and nothing else.",
    ),
];

/// The fields of the map that `on_error` gets.
pub static ERROR_FIELDS: &[(&str, Type, &str)] = &[
    ("message", Type::String, "What went wrong."),
    ("file", Type::String, "The file that the place lies in."),
    ("line", Type::IntegerOrUnit, "The line, counted from 1."),
    ("column", Type::IntegerOrUnit, "The column, counted from 1."),
    ("help", Type::StringOrUnit, "How to mend it, where that is known."),
    ("source", Type::StringOrUnit, "The line of the source, where it is at hand."),
    ("card", Type::String, "All of it as a text of several lines, as it stands in the log."),
    ("calls", Type::Array, "The functions that led there, the innermost first."),
    (
        "code",
        Type::IntegerOrUnit,
        "The gateway's code, where a command was refused; -1 of other errors that can be caught.",
    ),
    ("name", Type::StringOrUnit, "What kind of error it is, such as NOT_FOUND: see the error of catch."),
    ("command", Type::StringOrUnit, "The command that was refused, or the function of the web."),
    ("script", Type::String, "This script."),
    ("session", Type::String, "The session."),
    ("hook", Type::String, "The function that was called."),
    ("event", Type::String, "The event that was being handled."),
    ("generation", Type::Integer, "The generation of the script that ran."),
];

/// The signatures of everything called `name`, as people write them.
pub(crate) fn signatures(name: &str) -> Vec<String> {
    let commands = COMMANDS.iter().filter(|row| !row.is_login() && row.function == name).map(Command::signature);
    let functions = FUNCTIONS.iter().filter(|row| row.name == name).map(HostFunction::signature);
    let mut signatures: Vec<_> = commands.chain(functions).collect();
    signatures.dedup();
    signatures
}

/// Every name of a command or host function.
pub(crate) fn names<'a>() -> impl Iterator<Item = &'a str> {
    let commands = COMMANDS.iter().filter(|row| !row.is_login()).map(|row| row.function);
    commands.chain(FUNCTIONS.iter().map(|row| row.name))
}

/// Whether there is a command, host function or method of this name, with its namespace where it has one, that acts or waits.
pub(crate) fn may_wait(name: &str, is_method: bool) -> bool {
    let is_it = |row: &HostFunction| row.name == name && row.of.is_some() == is_method && row.reach == Reach::Hooks;
    if let Some((namespace, function)) = name.split_once("::") {
        let mut own = NETWORKS.iter().flat_map(|network| network.own_commands());
        return own.any(|row| row.namespace == Some(namespace) && row.function == function);
    }
    COMMANDS.iter().any(|row| !row.is_login() && row.function == name) || FUNCTIONS.iter().any(is_it)
}

/// Signatures as code, joined by "or".
pub(crate) fn ticked(signatures: &[String]) -> String {
    signatures.iter().map(|signature| format!("`{signature}`")).collect::<Vec<_>>().join(" or ")
}

/// How many arguments, in words.
pub(crate) fn arguments(count: usize) -> String {
    match count {
        0 => "no arguments".to_owned(),
        1 => "1 argument".to_owned(),
        _ => format!("{count} arguments"),
    }
}
