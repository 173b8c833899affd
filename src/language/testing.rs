//! The API of scenario tests: people, groups, the bot, the clock, the gateway, the web, assertions.
//!
//! One table for `check`, the editor definitions, the documentation of tests and the proposals in their cards, which are in `suggest`. What the
//! functions *do* is the business of whoever runs tests; a test there compares both.

use super::functions::{HostFunction, HostProperty, Reach};

/// The names that every test sees, with their types.
pub static GLOBALS: &[(&str, &str)] = &[("bot", "Bot"), ("clock", "Clock"), ("gateway", "Gateway"), ("web", "Web")];

/// The types of objects, in the order of the documentation, and what they are; nothing is what belongs to none.
pub static OBJECTS: &[(Option<&str>, &str)] = &[
    (Some("Person"), "people: `person(\"alice\")`"),
    (Some("Group"), "groups: `group(name, [people])`"),
    (Some("Bot"), "the bot: `bot`"),
    (Some("Clock"), "the clock: `clock`"),
    (Some("Gateway"), "the gateway: `gateway`"),
    (Some("Web"), "the web: `web`"),
    (None, "everything else"),
];

const fn row(
    of: Option<&'static str>,
    name: &'static str,
    parameters: &'static [(&'static str, &'static str)],
    result: &'static str,
    doc: &'static str,
) -> HostFunction {
    HostFunction { of, name, parameters, result, doc, reach: Reach::Tests }
}

const fn property(of: &'static str, name: &'static str, kind: &'static str, doc: &'static str) -> HostProperty {
    HostProperty { of, name, kind, doc }
}

/// Every function and method.
pub static FUNCTIONS: &[HostFunction] = &[
    row(
        None,
        "person",
        &[("name", "string")],
        "Person",
        "Someone who has the bot as a contact; made if there is nobody of that name.",
    ),
    row(
        None,
        "group",
        &[("name", "string"), ("members", "array")],
        "Group",
        "A group whose members, people and `bot`, are in it at once.",
    ),
    row(None, "settle", &[], "()", "Waits until the world is at rest."),
    row(
        None,
        "snapshot",
        &[("name", "string")],
        "()",
        "The conversation so far is the one in `FILE.NAME.txt` beside the test; `hotline test --update` writes it.",
    ),
    row(None, "assert", &[("condition", "bool")], "()", "Fails where the condition does not hold."),
    row(
        None,
        "assert",
        &[("condition", "bool"), ("message", "string")],
        "()",
        "The same with a message of the test's own.",
    ),
    row(
        None,
        "assert_eq",
        &[("found", "any"), ("expected", "any")],
        "()",
        "Fails where two values differ, and shows how.",
    ),
    row(
        None,
        "assert_eq",
        &[("found", "any"), ("expected", "any"), ("message", "string")],
        "()",
        "The same with a message of the test's own.",
    ),
    row(None, "fail", &[("message", "string")], "()", "Fails."),
    row(Some("Person"), "says", &[("text", "string")], "string", "Writes to the bot; gives the message's id."),
    row(
        Some("Person"),
        "says_in",
        &[("group", "Group"), ("text", "string")],
        "string",
        "Writes in a group; gives the message's id.",
    ),
    row(
        Some("Person"),
        "sends_image",
        &[],
        "string",
        "Sends the bot a message about a picture that cannot be fetched; gives its id.",
    ),
    row(Some("Person"), "sends_sticker", &[], "string", "Sends the bot a sticker; gives the message's id."),
    row(
        Some("Person"),
        "sends_file",
        &[("name", "string")],
        "string",
        "Sends the bot a message about a file that cannot be fetched; gives its id.",
    ),
    row(
        Some("Person"),
        "sends_file",
        &[("name", "string"), ("text", "string")],
        "string",
        "Sends the bot a file that it can fetch with `download_file`; gives the message's id.",
    ),
    row(Some("Person"), "sends_image_in", &[("group", "Group")], "string", "The same in a group."),
    row(Some("Person"), "sends_sticker_in", &[("group", "Group")], "string", "The same in a group."),
    row(Some("Person"), "sends_file_in", &[("group", "Group"), ("name", "string")], "string", "The same in a group."),
    row(
        Some("Person"),
        "sends_file_in",
        &[("group", "Group"), ("name", "string"), ("text", "string")],
        "string",
        "The same in a group.",
    ),
    row(Some("Person"), "expects", &[("text", "string")], "()", "The bot's next message to this person is this text."),
    row(
        Some("Person"),
        "expects_match",
        &[("pattern", "string")],
        "array",
        "It matches a regular expression; gives the captures.",
    ),
    row(
        Some("Person"),
        "expects_kind",
        &[("kind", "string")],
        "map",
        "It is of this content type, such as `\"IMAGE\"`; gives the message.",
    ),
    row(Some("Person"), "expects_file", &[("name", "string")], "map", "It is a file of this name; gives the message."),
    row(
        Some("Person"),
        "expects_file",
        &[("name", "string"), ("text", "string")],
        "map",
        "It is a file of this name that holds this text; gives the message.",
    ),
    row(Some("Person"), "expects_nothing", &[], "()", "There is none."),
    row(
        Some("Person"),
        "receives",
        &[],
        "map",
        "Gives it, whatever it is: `#{id, text, content_type, timestamp, metadata}`.",
    ),
    row(
        Some("Person"),
        "expects_in",
        &[("group", "Group"), ("text", "string")],
        "()",
        "The bot's next message in a group, as this person sees it, is this text.",
    ),
    row(
        Some("Person"),
        "expects_match_in",
        &[("group", "Group"), ("pattern", "string")],
        "array",
        "It matches a regular expression; gives the captures.",
    ),
    row(Some("Person"), "expects_nothing_in", &[("group", "Group")], "()", "There is none."),
    row(
        Some("Person"),
        "creates_group",
        &[("name", "string"), ("invited", "array")],
        "Group",
        "Makes a group and invites people, `bot` among them.",
    ),
    row(
        Some("Person"),
        "invites",
        &[("who", "any"), ("group", "Group")],
        "any",
        "Invites a person or `bot` into a group.",
    ),
    row(Some("Person"), "joins", &[("group", "Group")], "any", "Accepts an invitation."),
    row(Some("Person"), "rejects", &[("group", "Group")], "any", "Turns an invitation down."),
    row(Some("Person"), "leaves", &[("group", "Group")], "any", "Leaves a group."),
    row(Some("Person"), "renames", &[("group", "Group"), ("name", "string")], "any", "Gives a group another name."),
    row(
        Some("Person"),
        "kicks",
        &[("who", "any"), ("group", "Group")],
        "()",
        "Takes a person or `bot` out of a group.",
    ),
    row(Some("Person"), "cancels_invitation", &[("who", "any"), ("group", "Group")], "()", "Takes an invitation back."),
    row(Some("Person"), "reads", &[("message", "string")], "()", "Has read the message of this id."),
    row(Some("Person"), "unsends", &[("message", "string")], "()", "Takes their own message of this id back."),
    row(Some("Person"), "reacts_to", &[("message", "string")], "()", "Reacts to the message of this id."),
    row(Some("Person"), "is_now_called", &[("name", "string")], "any", "Takes another name."),
    row(Some("Person"), "adds_bot", &[], "any", "Makes the bot a contact."),
    row(
        Some("Person"),
        "does",
        &[("command", "string"), ("fields", "map")],
        "any",
        "Sends any command of the gateway as this person.",
    ),
    row(Some("Group"), "members", &[], "array", "The names of those in it."),
    row(Some("Group"), "invited", &[], "array", "The names of those invited into it."),
    row(Some("Group"), "has", &[("who", "any")], "bool", "Whether a person or `bot` is a member."),
    row(Some("Group"), "expects", &[("text", "string")], "()", "The bot's next message in the group is this text."),
    row(
        Some("Group"),
        "expects_match",
        &[("pattern", "string")],
        "array",
        "It matches a regular expression; gives the captures.",
    ),
    row(Some("Group"), "expects_kind", &[("kind", "string")], "map", "It is of this content type; gives the message."),
    row(Some("Group"), "expects_file", &[("name", "string")], "map", "It is a file of this name; gives the message."),
    row(
        Some("Group"),
        "expects_file",
        &[("name", "string"), ("text", "string")],
        "map",
        "It is a file of this name that holds this text; gives the message.",
    ),
    row(Some("Group"), "expects_nothing", &[], "()", "There is none."),
    row(Some("Group"), "receives", &[], "map", "Gives it, whatever it is."),
    row(
        Some("Bot"),
        "kill",
        &[],
        "()",
        "Ends the bot as a crash would, once what was on its way to it has arrived. The store stays.",
    ),
    row(Some("Bot"), "start", &[], "()", "Starts it again."),
    row(Some("Bot"), "stop", &[], "()", "Ends it in order: `on_stop` runs."),
    row(
        Some("Bot"),
        "reload",
        &[("script", "string"), ("text", "string")],
        "()",
        "As saving the script's file would; a fault is thrown.",
    ),
    row(
        Some("Bot"),
        "remove",
        &[("script", "string")],
        "()",
        "As deleting the script's file would: it is held until `reload` brings it back.",
    ),
    row(Some("Bot"), "forget", &[("script", "string")], "()", "As `hotline forget`, of a script that was removed."),
    row(
        Some("Bot"),
        "runs",
        &[("scripts", "array")],
        "()",
        "Has it run only these scripts from now on, after a new start.",
    ),
    row(Some("Bot"), "logged", &[("text", "string")], "bool", "Whether its log holds a text."),
    row(
        Some("Bot"),
        "expects_error",
        &[("text", "string")],
        "string",
        "A run of the bot has failed with a message that holds this text; gives the message.",
    ),
    row(
        Some("Bot"),
        "notices",
        &[("subcommand", "string"), ("content", "any")],
        "()",
        "An event of any kind reaches it from the gateway.",
    ),
    row(
        Some("Clock"),
        "advance",
        &[("by", "string")],
        "()",
        "Time passes step by step, such as `\"10m\"`: everything happens at its time.",
    ),
    row(Some("Clock"), "now", &[], "integer", "The time in milliseconds since 1970."),
    row(
        Some("Gateway"),
        "holds",
        &[("name", "string")],
        "()",
        "Puts a file into the gateway's folder, where the paths of `send_file` and the like begin.",
    ),
    row(
        Some("Gateway"),
        "holds",
        &[("name", "string"), ("text", "string")],
        "()",
        "The same with a text of the test's own.",
    ),
    row(Some("Gateway"), "drop", &[], "()", "The bot's connection is lost; it comes back when the clock is advanced."),
    row(
        Some("Gateway"),
        "refuses",
        &[("family", "string"), ("failure", "string")],
        "()",
        "The bot's next command of a family (`\"text\"`, `\"group\"`, …, `\"login\"`, `\"all\"`) fails with `\"ABUSE_BLOCK\"` or another failure.",
    ),
    row(
        Some("Gateway"),
        "refuses",
        &[("family", "string"), ("failure", "string"), ("times", "integer")],
        "()",
        "The next so many.",
    ),
    row(
        Some("Gateway"),
        "delays",
        &[("what", "string"), ("by", "string")],
        "()",
        "The next frame of the `\"replies\"`, `\"events\"` or `\"all\"` comes late, such as by `\"2s\"`.",
    ),
    row(
        Some("Gateway"),
        "delays",
        &[("what", "string"), ("by", "string"), ("times", "integer")],
        "()",
        "The next so many.",
    ),
    row(Some("Gateway"), "repeats", &[("what", "string")], "()", "The next frame of these comes twice."),
    row(Some("Gateway"), "repeats", &[("what", "string"), ("times", "integer")], "()", "The next so many."),
    row(Some("Gateway"), "reorders", &[("what", "string")], "()", "It comes after the one that follows it."),
    row(Some("Gateway"), "reorders", &[("what", "string"), ("times", "integer")], "()", "The next so many."),
    row(Some("Gateway"), "swallows", &[("what", "string")], "()", "It never comes."),
    row(Some("Gateway"), "swallows", &[("what", "string"), ("times", "integer")], "()", "The next so many."),
    row(Some("Gateway"), "garbles", &[("what", "string")], "()", "It comes after nonsense."),
    row(Some("Gateway"), "garbles", &[("what", "string"), ("times", "integer")], "()", "The next so many."),
    row(Some("Gateway"), "drops_at", &[("what", "string")], "()", "It costs the connection."),
    row(Some("Gateway"), "drops_at", &[("what", "string"), ("times", "integer")], "()", "The next so many."),
    row(Some("Gateway"), "recovers", &[], "()", "No trouble any more."),
    row(
        Some("Web"),
        "answers",
        &[("url", "string"), ("answer", "any")],
        "()",
        "What `http_get` and `http_post` get for a url: a text, a map or array as JSON, or `#{status, headers, body}`. The url may end in `*`, and begin with a method: `\"POST https://…\"`. The latest rule wins.",
    ),
    row(
        Some("Web"),
        "answers",
        &[("url", "string"), ("answer", "any"), ("times", "integer")],
        "()",
        "Only so many times; then the rule before it counts again.",
    ),
    row(Some("Web"), "refuses", &[("url", "string")], "()", "There is no connection."),
    row(Some("Web"), "refuses", &[("url", "string"), ("times", "integer")], "()", "Only so many times."),
    row(
        Some("Web"),
        "delays",
        &[("url", "string"), ("by", "string")],
        "()",
        "The answer comes late, such as by `\"40s\"`, when the clock is advanced.",
    ),
    row(
        Some("Web"),
        "expects",
        &[("url", "string")],
        "map",
        "The next request to this url that was not asked for yet: `#{method, url, headers, body}`.",
    ),
    row(Some("Web"), "expects_nothing", &[], "()", "There was no other request."),
];

/// Every property.
pub static PROPERTIES: &[HostProperty] = &[
    property("Person", "name", "string", "The person's name."),
    property("Person", "mid", "string", "The person's mid."),
    property("Group", "name", "string", "The group's name."),
    property("Group", "mid", "string", "The group's mid."),
    property("Bot", "name", "string", "`bot`."),
    property("Bot", "mid", "string", "The bot's mid."),
    property("Bot", "is_live", "bool", "Whether it is logged in."),
];

/// The functions and methods of a name; `of` is the type that a method is called on.
pub(crate) fn rows(of: Option<&str>, name: &str) -> impl Iterator<Item = &'static HostFunction> {
    FUNCTIONS.iter().filter(move |row| row.of == of && row.name == name)
}

/// The type of a name that every test sees.
pub(crate) fn global(name: &str) -> Option<&'static str> {
    GLOBALS.iter().find(|(known, _)| *known == name).map(|(_, of)| *of)
}

/// The name of a type of this API, as it is written in the table.
pub(crate) fn object(name: &str) -> Option<&'static str> {
    OBJECTS.iter().find_map(|(of, _)| of.filter(|of| *of == name))
}

/// What a person would call an object of a test.
pub(crate) fn noun(of: &str) -> &'static str {
    match of {
        "Person" => "a person",
        "Group" => "a group",
        "Bot" => "the bot",
        "Clock" => "the clock",
        "Gateway" => "the gateway",
        _ => "the web",
    }
}

/// The tables of the documentation of tests, as Markdown.
pub fn tables() -> String {
    let mut page = String::new();
    for (of, title) in OBJECTS {
        page.push_str(&format!("\n| {title} | | gives |\n|---|---|---|\n"));
        for row in PROPERTIES.iter().filter(|row| Some(row.of) == *of) {
            page.push_str(&format!("| `.{}` | {} | {} |\n", row.name, row.doc, row.kind));
        }
        for row in FUNCTIONS.iter().filter(|row| row.of == *of) {
            let gives = if row.result == "()" { "" } else { row.result };
            page.push_str(&format!("| `{}` | {} | {gives} |\n", row.signature(), row.doc));
        }
    }
    page
}
