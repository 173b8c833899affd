//! `hotline docs`: the reference, rendered from the tables. Nothing about a single command, function, hook or network is
//! written here.

use std::fmt::Write;

use super::exit::Exit;
use super::output;
use crate::language::definitions::library_functions;
use crate::language::errors::{self, CAUGHT_FIELDS};
use crate::language::functions::{ERROR_FIELDS, FUNCTIONS, HostFunction, OBJECTS, PROPERTIES, Reach};
use crate::language::types::Type;
use crate::protocol::line::ApiOperation;
use crate::protocol::{
    COMMANDS, Command, EventField, EventFieldKind, EventSpec, Example, Family, Field, FieldKind, HOOKS, Hook, NETWORKS,
    Network, Presence, Provenance, Repetition, STRUCTURES, Safety,
};

/// The arguments of `docs`.
#[derive(Debug, clap::Args)]
pub(super) struct DocsArgs {}

impl DocsArgs {
    #[expect(clippy::unused_self, reason = "every subcommand is run in the same way")]
    pub(super) fn run(self) -> Result<(), Exit> {
        output::painted(&reference())?;
        Ok(())
    }
}

/// The whole reference as Markdown: commands, the networks' own operations, functions, objects, hooks and events.
pub fn reference() -> String {
    let mut page = String::from(
        "# Reference\n\n\
         Written by `hotline docs` from the tables of commands, functions, hooks and events; a test keeps it fresh.\n\n\
         - [Commands](#commands): what a script can have its account do, on any network\n\
         - [Structures](#structures): what is in the maps that commands give\n\
         - [Networks](#networks): which network has which of them, and what each has besides\n\
         - [Functions](#functions): what else it can call\n\
         - [Objects](#objects): what hooks and functions give it\n\
         - [The standard library](#the-standard-library): what it can import\n\
         - [Hooks](#hooks): what a script can be called for\n\
         - [Events](#events): what a network tells, and the hook that each reaches\n\n\
         A test runs every example. Lines that define no function are what `on_message(msg)` does, and `// \"hi\" → \"hello\"` is what is \
         said to the bot and what it answers.\n\n\
         ## Commands\n\n\
         Every command is a function with its fields in this order. It also takes one map with the fields' names, which is \
         the only way to give an optional one: `send_text(#{to: chat, content: \"hello\"})`. `command(name, #{…})` \
         sends a command by its name on the wire, known or not. A refusal throws `#{code, name, message, command}`.\n\n\
         *Again after a lost connection* tells what happens to a command whose reply is missing: one that only reads, or that \
         sets a value, is sent again; one with an effect fails, and nothing is done twice.\n",
    );
    for family in Family::ALL {
        let _ = write!(page, "\n### {}\n", family_title(family));
        for command in COMMANDS.iter().filter(|command| command.family == family) {
            render_command(&mut page, command);
        }
    }
    render_structures(&mut page);
    render_networks(&mut page);
    render_functions(&mut page);
    render_objects(&mut page);
    render_library(&mut page);
    page.push_str(
        "\n## Hooks\n\n\
         A hook is a function of a script with one of these names and as many parameters; what they are called is free.\n\n",
    );
    page.push_str(&hook_table());
    for network in NETWORKS {
        let silent = HOOKS.iter().filter(|row| !network.calls(row.hook)).map(|row| format!("`{}`", row.name));
        let silent: Vec<_> = silent.collect();
        if !silent.is_empty() {
            let _ = writeln!(page, "\nNever called on {}: {}.", network.title, silent.join(", "));
        }
    }
    for hook in HOOKS {
        render_example(&mut page, &hook.signature(), &hook.example);
    }
    page.push_str(
        "\n## Events\n\n\
         Every event also reaches `on_notify(subcommand, content)`, known or not, before its own hook. `event.raw`, and the \
         content that `on_notify` gets, is the event as its network sent it.\n",
    );
    for network in NETWORKS {
        let _ = writeln!(page, "\n### Events of {}", network.title);
        network.events.iter().for_each(|event| render_event(&mut page, event));
    }
    page
}

/// Which network has which of the common commands, and the operations that only one has.
fn render_networks(page: &mut String) {
    let titles: Vec<_> = NETWORKS.iter().map(|network| network.title).collect();
    let _ = write!(
        page,
        "\n## Networks\n\nA session is on one network: {}. The commands above mean the same on each that has them. On a network that \
         lacks one it throws `UNSUPPORTED`, and `hotline check` says so beforehand.\n\n| | {} |\n|---|{}\n",
        titles.join(", or "),
        titles.join(" | "),
        "---|".repeat(titles.len())
    );
    for command in COMMANDS.iter().filter(|command| !command.is_login()) {
        let of = |network: &&Network| match network.lack(command.function) {
            None => "yes".to_owned(),
            Some(lack) => format!("no: {}", lack.instead),
        };
        let cells: Vec<_> = NETWORKS.iter().map(of).collect();
        let _ = writeln!(page, "| `{}` | {} |", command.function, cells.join(" | "));
    }
    for network in NETWORKS {
        let Some(first) = network.own_commands().next() else { continue };
        let _ = write!(
            page,
            "\n### Operations of {}\n\nFunctions of the namespace `{}`, such as `{}`. They take their fields in order or one map, as commands \
             do; `command(\"{}\", #{{…}})` calls one by its name on the wire. On a session of another network they throw `UNSUPPORTED`.\n",
            network.title,
            network.name,
            first.signature(),
            first.name
        );
        for family in Family::ALL {
            network.own_commands().filter(|row| row.family == family).for_each(|row| render_command(page, row));
        }
    }
}

fn render_functions(page: &mut String) {
    page.push_str(
        "\n## Functions\n\n\
         Everywhere but where *hooks only* is said, a function can also be used at a script's top level.\n\n\
         | function | does | gives |\n|---|---|---|\n",
    );
    for row in FUNCTIONS.iter().filter(|row| row.of.is_none()) {
        let hooks = if row.reach == Reach::Hooks { " *Hooks only.*" } else { "" };
        let _ = writeln!(page, "| `{}` | {}{hooks} | {} |", typed(row), sentence(row.doc), gives(row.result));
    }
    for row in FUNCTIONS.iter().filter(|row| row.of.is_none()) {
        render_example(page, &typed(row), &row.example);
    }
}

fn render_objects(page: &mut String) {
    page.push_str("\n## Objects\n");
    for (of, doc) in OBJECTS {
        let _ = writeln!(page, "\n### {of}\n\n{doc}\n\n| | | |\n|---|---|---|");
        for row in PROPERTIES.iter().filter(|row| row.of == *of) {
            let _ = writeln!(page, "| `.{}` | {} | {} |", row.name, sentence(row.doc), gives(row.kind));
        }
        for row in FUNCTIONS.iter().filter(|row| row.of == Some(*of)) {
            let _ = writeln!(page, "| `.{}` | {} | {} |", typed(row), sentence(row.doc), gives(row.result));
        }
        for row in PROPERTIES.iter().filter(|row| row.of == *of) {
            render_example(page, &format!(".{}", row.name), &row.example);
        }
        for row in FUNCTIONS.iter().filter(|row| row.of == Some(*of)) {
            render_example(page, &format!(".{}", typed(row)), &row.example);
        }
    }
    page.push_str("\n### The error of `on_error`\n\nA map.\n\n| | | |\n|---|---|---|\n");
    for (name, kind, doc) in ERROR_FIELDS {
        let _ = writeln!(page, "| `.{name}` | {} | {} |", sentence(doc), gives(*kind));
    }
    render_caught(page);
}

/// An example below what it is one of.
fn render_example(page: &mut String, of: &str, example: &Example) {
    let _ = writeln!(page, "\n**`{of}`**\n\n```rhai\n{}\n```", example.text());
}

fn render_caught(page: &mut String) {
    page.push_str(
        "\n### The error of `catch`\n\n\
         A map, whatever failed: a command, another function, the language itself. As a text it is its message: `print(e)`, \
         `${e}`. What a script throws itself arrives as it was thrown.\n\n| | | |\n|---|---|---|\n",
    );
    for (name, kind, doc) in CAUGHT_FIELDS {
        let _ = writeln!(page, "| `.{name}` | {} | {} |", sentence(doc), gives(*kind));
    }
    page.push_str("\n| name | code | means |\n|---|---|---|\n");
    for (name, code, doc) in errors::names() {
        let doc = if doc.is_empty() { "The gateway's own words stand in the message." } else { doc };
        let _ = writeln!(page, "| `{name}` | {} | {doc} |", code.unwrap_or(-1));
    }
}

fn render_library(page: &mut String) {
    page.push_str(
        "\n## The standard library\n\nModules written in Rhai: `import \"std/words\" as words;`, then `words::is_yes(text)`.\n",
    );
    let mut module = String::new();
    for function in library_functions() {
        if function.module != module {
            let _ = writeln!(page, "\n### `{}`\n", function.module);
            module.clone_from(&function.module);
        }
        let doc = function.doc.split_whitespace().collect::<Vec<_>>().join(" ");
        let _ = writeln!(page, "- `{}`: {doc}", function.signature);
    }
}

/// A function with the types of its parameters.
fn typed(row: &HostFunction) -> String {
    let parameters: Vec<_> = row.parameters.iter().map(|(name, kind)| format!("{name}: {kind}")).collect();
    format!("{}({})", row.name, parameters.join(", "))
}

/// A type in a table; a function that gives nothing leaves its place empty.
fn gives(kind: Type) -> String {
    match kind {
        Type::Unit => String::new(),
        kind => kind.text().replace("()", "`()`"),
    }
}

/// The commands as a table of one line each.
pub fn command_table() -> String {
    let mut table = String::from("| function | does | gives |\n|---|---|---|\n");
    for command in COMMANDS.iter().filter(|command| !command.is_login()) {
        let _ = writeln!(table, "| `{}` | {} | `{}` |", command.signature(), sentence(command.doc), command.result);
    }
    table
}

/// The hooks as a table of one line each.
pub fn hook_table() -> String {
    let mut table = String::from("| hook | when |\n|---|---|\n");
    for hook in HOOKS {
        let _ = writeln!(table, "| `{}` | {} |", hook.signature(), hook.doc);
    }
    table
}

/// Puts `content` between the marks `<!-- name -->` and `<!-- /name -->` of a page; `None` where it lacks them.
pub fn between_marks(page: &str, name: &str, content: &str) -> Option<String> {
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let start = page.find(&open)? + open.len();
    let end = start + page[start..].find(&close)?;
    Some(format!("{}{content}{}", &page[..start], &page[end..]))
}

fn render_structures(page: &mut String) {
    page.push_str("\n## Structures\n\nMaps that commands give. A gateway may add entries of its own.\n");
    for structure in STRUCTURES {
        let _ = writeln!(page, "\n### {}\n\n{}\n\n| entry | type | |\n|---|---|---|", structure.name, structure.doc);
        for field in structure.fields {
            let _ = writeln!(page, "| `{}` | {} | {} |", field.name, field.kind, field.doc);
        }
    }
}

fn render_command(page: &mut String, command: &Command) {
    let title = if command.is_login() { command.name.to_owned() } else { command.signature() };
    let _ = writeln!(page, "\n#### `{title}`\n\n{}\n", sentence(command.doc));
    if command.is_login() {
        page.push_str("The session sends it by itself, with the account of its configuration; scripts cannot.\n\n");
    } else {
        let request = ApiOperation::named(command.name).map(|row| format!(", `{} {}`", row.method.name(), row.path));
        let _ = writeln!(page, "- On the wire: `{}`{}", command.name, request.unwrap_or_default());
    }
    let _ = writeln!(page, "- Gives: `{}`", command.result);
    let _ = writeln!(page, "- Again after a lost connection: {}", safety(command.safety));
    if command.origin == Provenance::Proven {
        page.push_str("- Known from the vendor's own programs; their documentation does not have it\n");
    }
    if !command.fields.is_empty() {
        page.push_str("\n| field | type | |\n|---|---|---|\n");
        for field in command.fields {
            let _ = writeln!(page, "| `{}` | {}{} | {} |", field.name, kind(field.kind), presence(field), field.doc);
        }
    }
    if let Some(example) = &command.example {
        let _ = writeln!(page, "\n```rhai\n{}\n```", example.text());
    }
}

fn render_event(page: &mut String, event: &EventSpec) {
    let _ = writeln!(page, "\n#### `{}`\n\n{}", event.subcommand, sentence(event.doc));
    match event.hook {
        Some(hook) => {
            let _ = writeln!(page, "It reaches `{}`.", hook.spec().signature());
        }
        None => page.push_str("It has no hook besides `on_notify`.\n"),
    }
    if let Some(line) = about(event) {
        let _ = writeln!(page, "{line}");
    }
    let _ = writeln!(page, "{}", repetition(event.repetition));
    if event.fields.is_empty() {
        return;
    }
    page.push_str("\n| field | type | |\n|---|---|---|\n");
    for field in event.fields {
        let _ = writeln!(page, "| `{}` | {} | {} |", field.name, event_kind(field), field.doc);
    }
}

/// Whom the object that its hook gets is about.
fn about(event: &EventSpec) -> Option<String> {
    let is_object = event.hook.is_some_and(|hook| !matches!(hook, Hook::Message | Hook::OwnMessage));
    let person = event.person().filter(|_| is_object)?;
    let unnamed = if event.me_unnamed && !event.me { ", and where the event names nobody" } else { "" };
    Some(match event.me {
        true => "`event.person` is this account; `event.me` is true.".to_owned(),
        false => {
            format!("`event.person` is {}; `event.me` is true where that is this account{unnamed}.", person.doc)
        }
    })
}

fn repetition(repetition: Repetition) -> String {
    const SAME: &str = "Around a reconnect, one with the same content is a repetition";
    match repetition {
        Repetition::Id => "One with the same `id` is a repetition.".to_owned(),
        Repetition::Delivery => "One that was delivered under the same id is a repetition.".to_owned(),
        Repetition::Never => "None is a repetition: its content does not tell one from the next.".to_owned(),
        Repetition::Same => format!("{SAME}."),
        Repetition::Until { topic, subject } => {
            let subject: Vec<_> = subject.iter().map(|field| format!("`{field}`")).collect();
            format!("{SAME}, unless something else about this {topic} ({}) came in between.", subject.join(", "))
        }
    }
}

const fn family_title(family: Family) -> &'static str {
    match family {
        Family::Login => "Logging in",
        Family::Read => "Looking things up",
        Family::Search => "Searching",
        Family::Contact => "Contacts",
        Family::Group => "Groups",
        Family::Text => "Messages",
        Family::Media => "Files",
        Family::Profile => "This account",
    }
}

const fn safety(safety: Safety) -> &'static str {
    match safety {
        Safety::Read => "sent again, it changes nothing",
        Safety::Idempotent => "sent again, twice is as good as once",
        Safety::Effect => "never by itself",
    }
}

const fn kind(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Str => "string",
        FieldKind::Bool => "bool",
        FieldKind::Int => "integer",
        FieldKind::Float => "float",
        FieldKind::List => "array of strings",
        FieldKind::Map => "map",
        FieldKind::Maps => "array of maps",
    }
}

const fn presence(field: &Field) -> &'static str {
    match field.presence {
        Presence::Required => "",
        Presence::Optional => ", optional",
        Presence::Either => ", one of these",
    }
}

fn event_kind(field: &EventField) -> String {
    let kind = match field.kind {
        EventFieldKind::Str | EventFieldKind::Json => "string",
        EventFieldKind::NullableStr => "string or `()`",
        EventFieldKind::Int => "integer",
        EventFieldKind::StrMap => "map of strings",
    };
    if field.optional { format!("{kind}, may be missing") } else { kind.to_owned() }
}

/// The lines of a documentation comment as one.
fn sentence(doc: &str) -> String {
    doc.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_every_table_is_in_the_reference() {
        let page = reference();
        for command in COMMANDS {
            assert!(page.contains(&format!("`{}`", command.name)), "{}", command.name);
        }
        for operation in NETWORKS.iter().flat_map(|network| network.own_commands()) {
            assert!(page.contains(&format!("#### `{}`", operation.signature())), "{}", operation.name);
        }
        for event in EventSpec::all() {
            assert!(page.contains(&format!("#### `{}`", event.subcommand)), "{}", event.subcommand);
        }
        for function in FUNCTIONS {
            assert!(page.contains(&typed(function)), "{}", function.signature());
        }
        for property in PROPERTIES {
            let object = OBJECTS.iter().any(|(of, _)| *of == property.of);
            assert!(object && page.contains(&format!("`.{}`", property.name)), "{}", property.name);
        }
        assert_eq!(
            command_table().lines().count(),
            COMMANDS.len() - 2 + 2,
            "all but the logins, and two lines of head"
        );
        assert_eq!(hook_table().lines().count(), HOOKS.len() + 2);
    }

    #[test]
    fn what_stands_between_the_marks_is_replaced() {
        let page = "a\n<!-- list -->\nold\n<!-- /list -->\nb\n";
        let expected = "a\n<!-- list -->\nnew\n<!-- /list -->\nb\n";
        assert_eq!(between_marks(page, "list", "new\n").as_deref(), Some(expected));
        assert_eq!(between_marks(page, "other", "new\n"), None);
    }
}
