//! The functions that scripts have beside the gateway's commands: every host function, method and property, documented.
//!
//! One table for the editor definitions, the reference, `check` and the proposals in error cards, which are in `suggest`. What the
//! functions *do* is not here: whoever runs scripts registers it, and a test there compares both.

use crate::protocol::{COMMANDS, Command};

/// A function or method that the host gives to scripts.
#[derive(Debug)]
pub struct HostFunction {
    /// The type that it is a method of; nothing for a free function.
    pub of: Option<&'static str>,
    /// Its name.
    pub name: &'static str,
    /// The names of its parameters and their types, in order.
    pub parameters: &'static [(&'static str, &'static str)],
    /// The type of what it gives.
    pub result: &'static str,
    /// What it does.
    pub doc: &'static str,
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
    pub of: &'static str,
    /// Its name.
    pub name: &'static str,
    /// The type of its value.
    pub kind: &'static str,
    /// What it means.
    pub doc: &'static str,
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
    parameters: &'static [(&'static str, &'static str)],
    result: &'static str,
    doc: &'static str,
) -> HostFunction {
    HostFunction { of: None, name, parameters, result, doc, reach: Reach::Scripts }
}

const fn pure(
    name: &'static str,
    parameters: &'static [(&'static str, &'static str)],
    result: &'static str,
    doc: &'static str,
) -> HostFunction {
    HostFunction { of: None, name, parameters, result, doc, reach: Reach::Anywhere }
}

const fn effect(
    name: &'static str,
    parameters: &'static [(&'static str, &'static str)],
    result: &'static str,
    doc: &'static str,
) -> HostFunction {
    HostFunction { of: None, name, parameters, result, doc, reach: Reach::Hooks }
}

const fn method(
    of: &'static str,
    name: &'static str,
    parameters: &'static [(&'static str, &'static str)],
    result: &'static str,
    doc: &'static str,
) -> HostFunction {
    HostFunction { of: Some(of), name, parameters, result, doc, reach: Reach::Hooks }
}

const fn property(of: &'static str, name: &'static str, kind: &'static str, doc: &'static str) -> HostProperty {
    HostProperty { of, name, kind, doc }
}

/// The largest number of arguments for which a wrong call of a command is answered with its signature.
pub(crate) const MAX_ARGUMENTS: usize = 8;

/// Every host function and method but for the gateway's commands.
pub static FUNCTIONS: &[HostFunction] = &[
    effect(
        "command",
        &[("name", "string"), ("fields", "map")],
        "any",
        "Sends any command by its name on the wire, known or not.",
    ),
    effect("command", &[("name", "string")], "any", "Sends a command that has no fields by its name on the wire."),
    function(
        "session",
        &[("name", "string")],
        "Session",
        "A session by its name in the configuration; every command is a method of it.",
    ),
    effect("session", &[], "Session", "The session whose event is being handled."),
    function("sessions", &[], "array", "Every session."),
    effect("sleep", &[("duration", "string")], "()", "Waits, such as `sleep(\"2s\")`; others are served meanwhile."),
    effect("sleep", &[("seconds", "integer")], "()", "Waits for whole seconds."),
    effect("sleep", &[("seconds", "float")], "()", "Waits for seconds."),
    function("now", &[], "integer", "The time in milliseconds since 1970."),
    function("random", &[], "float", "A random number from 0 up to, and without, 1."),
    function(
        "random",
        &[("low", "integer"), ("high", "integer")],
        "integer",
        "A random whole number from `low` to `high`, both included.",
    ),
    effect(
        "after",
        &[("delay", "string"), ("function", "string")],
        "integer",
        "Calls the function of this name once, after a delay such as `\"5m\"`; gives the id for `cancel`.",
    ),
    effect(
        "after",
        &[("delay", "string"), ("function", "string"), ("arguments", "any")],
        "integer",
        "The same with arguments: an array of them, or a single one.",
    ),
    function(
        "every",
        &[("period", "string"), ("function", "string")],
        "integer",
        "Calls the function of this name again and again; at the top level it is a declaration.",
    ),
    function(
        "every",
        &[("period", "string"), ("function", "string"), ("arguments", "any")],
        "integer",
        "The same with arguments: an array of them, or a single one.",
    ),
    function(
        "cron",
        &[("pattern", "string"), ("function", "string")],
        "integer",
        "Calls the function of this name at the times of a pattern such as `\"0 9 * * 1-5\"` (minute, hour, day, month, weekday).",
    ),
    function(
        "cron",
        &[("pattern", "string"), ("function", "string"), ("arguments", "any")],
        "integer",
        "The same with arguments: an array of them, or a single one.",
    ),
    effect("cancel", &[("id", "integer")], "bool", "Cancels a timer; tells whether there was one."),
    effect(
        "http_get",
        &[("url", "string")],
        "map",
        "Fetches a url of a host that the configuration allows: `#{status, headers, body}`, with any status. The chat goes on while it waits.",
    ),
    effect(
        "http_get",
        &[("url", "string"), ("options", "map")],
        "map",
        "The same with headers: `#{headers: #{Authorization: \"Bearer …\"}}`.",
    ),
    effect(
        "http_post",
        &[("url", "string"), ("body", "any")],
        "map",
        "Sends a text, or a map or array as JSON, to a url of a host that the configuration allows. The chat goes on while it waits.",
    ),
    effect(
        "http_post",
        &[("url", "string"), ("body", "any"), ("options", "map")],
        "map",
        "The same with headers, such as `#{headers: #{\"Content-Type\": \"text/csv\"}}`.",
    ),
    pure("log_debug", &[("value", "any")], "()", "Writes a line to the log that is usually not shown."),
    pure("log_info", &[("value", "any")], "()", "Writes a line to the log."),
    pure("log_warn", &[("value", "any")], "()", "Writes a warning to the log."),
    pure("log_error", &[("value", "any")], "()", "Writes an error to the log."),
    pure(
        "parse_json",
        &[("text", "string")],
        "any",
        "The value that JSON text stands for; throws where the text is no JSON.",
    ),
    pure(
        "to_json",
        &[("value", "any")],
        "string",
        "The JSON text of a value: numbers, texts, arrays, maps, true, false and `()`.",
    ),
    pure(
        "plain_text",
        &[("text", "string")],
        "string",
        "A text as it is meant, however it was typed: the digits of every script are 0 to 9, and wide letters, signs and spaces \
         are narrow.",
    ),
    pure(
        "is_match",
        &[("text", "string"), ("pattern", "string")],
        "bool",
        "Whether a regular expression is found in a text: text.is_match(`^hi\\b`).",
    ),
    pure(
        "captures",
        &[("text", "string"), ("pattern", "string")],
        "any",
        "The first match of a regular expression and its groups as an array; `()` without a match.",
    ),
    pure("find_all", &[("text", "string"), ("pattern", "string")], "array", "Every match of a regular expression."),
    pure(
        "replace_all",
        &[("text", "string"), ("pattern", "string"), ("with", "string")],
        "string",
        "The text with every match replaced; `$1` stands for the first group.",
    ),
    method("Message", "reply", &[("text", "string")], "map", "Sends a text to the chat of the message."),
    method(
        "Message",
        "ask",
        &[("text", "string")],
        "Message or ()",
        "Sends a question and waits for the same person's next message in this chat; `()` after the configured time.",
    ),
    method(
        "Message",
        "ask",
        &[("text", "string"), ("options", "map")],
        "Message or ()",
        "The same with `#{timeout: \"10m\"}`.",
    ),
    method("Invite", "accept", &[], "map", "Joins the group."),
    method("Invite", "reject", &[], "map", "Turns the invitation down."),
    method("State", "contains", &[("name", "string")], "bool", "Whether there is an entry of this name."),
    method("State", "keys", &[], "array", "The names of the entries."),
    method("State", "remove", &[("name", "string")], "any", "Takes an entry out and gives its value."),
    method("State", "clear", &[], "()", "Takes every entry out."),
    method("State", "to_map", &[], "map", "A copy of everything as a map."),
    method("Store", "get", &[("key", "string")], "any", "The value of a key; `()` where there is none."),
    method("Store", "set", &[("key", "string"), ("value", "any")], "()", "Keeps a value: plain data."),
    method(
        "Store",
        "set",
        &[("key", "string"), ("value", "any"), ("options", "map")],
        "()",
        "Keeps a value for a while: `#{ttl: \"1h\"}`.",
    ),
    method(
        "Store",
        "incr",
        &[("key", "string")],
        "integer",
        "Adds 1 to a number, at once for everyone, and gives the sum.",
    ),
    method(
        "Store",
        "incr",
        &[("key", "string"), ("by", "integer")],
        "integer",
        "Adds to a number, at once for everyone, and gives the sum.",
    ),
    method("Store", "delete", &[("key", "string")], "bool", "Deletes a key; tells whether there was one."),
    method("Store", "keys", &[], "array", "Every key."),
    method("Store", "keys", &[("prefix", "string")], "array", "Every key that begins so."),
    method("Session", "command", &[("name", "string"), ("fields", "map")], "any", "Sends any command in this session."),
    method("Session", "command", &[("name", "string")], "any", "Sends a command that has no fields in this session."),
];

/// Every property of the objects that hooks and functions give; those of events are in the table of events.
pub static PROPERTIES: &[HostProperty] = &[
    property("Message", "id", "string", "The message's id."),
    property("Message", "chat", "string", "Where an answer goes: the mid of the person or group."),
    property("Message", "text", "string or ()", "The text; `()` where there is none."),
    property("Message", "sender", "Person", "Who wrote it."),
    property("Message", "to", "string", "Whom it was written to: a person's or a group's mid."),
    property("Message", "timestamp", "integer", "When it was sent, in milliseconds since 1970."),
    property("Message", "content_type", "string", "`NONE` for text, else `IMAGE`, `STICKER` and so on."),
    property("Message", "metadata", "map", "What else belongs to this content type, all values strings."),
    property("Message", "is_group", "bool", "Whether it was written in a group."),
    property("Message", "raw", "map", "The content as it came from the gateway."),
    property("Person", "mid", "string", "The person's mid."),
    property("Person", "name", "string", "The person's name; looked up once, which may wait."),
    property("Session", "name", "string", "The session's name in the configuration."),
    property("Session", "mid", "string or ()", "The account's mid; `()` before its first login."),
    property("Event", "me", "bool", "Whether `person` is this account itself."),
    property("Event", "person", "Person or ()", "Whom it is about; in `on_kick`, who was removed."),
    property("Event", "by", "Person or ()", "Who did it; in `on_kick`, who removed the other, else as `person`."),
    property("Event", "subcommand", "string", "The event's name on the wire."),
    property("Event", "raw", "map", "The content as it came from the gateway."),
    property("Invite", "inviter", "Person or ()", "Who invites."),
];

/// The types of objects, in the order of the reference, and what they are.
pub static OBJECTS: &[(&str, &str)] = &[
    ("Message", "A message, as `on_message`, `on_own_message` and `ask` give it."),
    ("Person", "Somebody: `msg.sender`, `event.person`, `invite.inviter`. Two of them are compared with `==`."),
    ("Invite", "An invitation into a group, as `on_invite` gives it. It also has what an event has."),
    (
        "Event",
        "Any other event. Its fields are properties as well: `event.group_id`, `event.mid` and so on, `()` where this event has none; see [Events](#events).",
    ),
    (
        "Session",
        "A session: `session(\"name\")`. Every command is a method of it: `session(\"name\").send_text(to, content)`.",
    ),
    (
        "State",
        "What a script remembers for one session, as `state`: a map that outlives reloads. `state.count = 1` and `state[\"count\"]` write and read; what is not there is `()`.",
    ),
    ("Store", "What a script keeps for good, as `store`, shared by its sessions."),
];

/// The fields of the map that `on_error` gets.
pub static ERROR_FIELDS: &[(&str, &str, &str)] = &[
    ("message", "string", "What went wrong."),
    ("file", "string", "The file that the place lies in."),
    ("line", "integer or ()", "The line, counted from 1."),
    ("column", "integer or ()", "The column, counted from 1."),
    ("help", "string or ()", "How to mend it, where that is known."),
    ("source", "string or ()", "The line of the source, where it is at hand."),
    ("card", "string", "All of it as a text of several lines, as it stands in the log."),
    ("calls", "array", "The functions that led there, the innermost first."),
    (
        "code",
        "integer or ()",
        "The gateway's code, where a command was refused; -1 of other errors that can be caught.",
    ),
    ("name", "string or ()", "What kind of error it is, such as NOT_FOUND: see the error of catch."),
    ("command", "string or ()", "The command that was refused, or the function of the web."),
    ("script", "string", "This script."),
    ("session", "string", "The session."),
    ("hook", "string", "The function that was called."),
    ("event", "string", "The event that was being handled."),
    ("generation", "integer", "The generation of the script that ran."),
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
