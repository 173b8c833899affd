//! What somebody may have meant who called a function in vain: by a slip of the pen, by another language's name, or of
//! another value than they thought.
//!
//! What is known without running is in `check`; here only the name and the types of the arguments are at hand.

pub(crate) mod in_tests;
mod operator;

use std::any::TypeId;

pub(crate) use self::operator::{SECRET_HELP, operator_help};

use crate::language::dialect;
use crate::language::fault::MissingFunction;
use crate::language::functions::{FUNCTIONS, HostFunction, names, signatures, ticked};
use crate::language::headers::{Header, headers};
use crate::language::kind::Kind;
use crate::language::spelling::closest;
use crate::language::types::Type;
use crate::protocol::{COMMANDS, Command, NETWORKS};

/// What whoever made a call may have meant; `text` is the file that it stands in, `place` where.
pub(crate) fn proposal(missing: &MissingFunction, text: &str, place: Option<(usize, usize)>) -> Option<String> {
    let name = missing.name.as_str();
    let kinds: Vec<Kind> = missing.types.iter().map(|name| Kind::of_type(name)).collect();
    if !name.starts_with(|letter: char| letter.is_alphabetic() || letter == '_') {
        return operator_help(name, &kinds, text, place);
    }
    let own: Vec<_> = headers(text).into_iter().filter(|header| header.name == name).collect();
    if !own.is_empty() {
        let own: Vec<_> = own.iter().map(Header::signature).collect();
        return Some(format!("this file defines {}", ticked(&own)));
    }
    let of = kinds.first().copied().unwrap_or_default();
    if let Some(help) = of_object(of, name, kinds.get(1..).unwrap_or_default()) {
        return Some(help);
    }
    let free = free_signatures(name);
    if !free.is_empty() {
        return Some(format!("it is {}", ticked(&free)));
    }
    let owners = owners(name);
    if of == Kind::Unit && !owners.is_empty() {
        return Some(NOTHING_THERE.to_owned());
    }
    if let Some(owner) = FUNCTIONS.iter().find(|row| row.name == name).and_then(|row| row.of) {
        return Some(format!("`{name}` belongs to {}; this is {}", Kind::of(owner).noun(), of.noun()));
    }
    if let (Kind::String, Some(meant)) = (of, method_synonym(of, name)) {
        return Some(format!("did you mean `{meant}`?"));
    }
    if !owners.is_empty() {
        let same = owners.contains(&of);
        let owners: Vec<_> = owners.iter().map(|kind| kind.noun()).collect();
        // What else it is called with is at fault then, and Rhai's registry has no words for it.
        return (!same).then(|| format!("`{name}` works on {}", owners.join(" or ")));
    }
    if let Some(help) = foreign(name) {
        return Some(help);
    }
    if let Some(row) = operation(name) {
        return Some(format!("it is `{}`", row.signature()));
    }
    let own: Vec<String> = headers(text).into_iter().map(|header| header.name).collect();
    let standard = dialect::functions().iter().map(|(name, _)| name.as_str());
    let candidates = own.iter().map(String::as_str).chain(standard).chain(names());
    let of_networks = || closest(name, operations().map(|row| row.function));
    let meant = method_synonym(of, name)
        .or_else(|| closest(name, candidates))
        .or_else(|| synonym(name))
        .or_else(of_networks)?;
    let known = match operation(meant) {
        Some(row) if signatures(meant).is_empty() => vec![row.signature()],
        _ => signatures(meant),
    };
    Some(format!("did you mean {}?", if known.is_empty() { format!("`{meant}`") } else { ticked(&known) }))
}

/// The operations that only one network has.
fn operations() -> impl Iterator<Item = &'static Command> {
    NETWORKS.iter().flat_map(|network| network.own_commands())
}

/// The operation of a network that has a name, as a function or on the wire, whatever its namespace.
pub(crate) fn operation(name: &str) -> Option<&'static Command> {
    operations().find(|row| row.function == name || row.name == name)
}

/// What a value that is () lacks.
pub(crate) const NOTHING_THERE: &str =
    "the value is (), so nothing is there: ask first, as in `if value != () { … }`, or give another: `value ?? …`";

/// What a host object has that was meant by a method.
fn of_object(of: Kind, name: &str, kinds: &[Kind]) -> Option<String> {
    let own: Vec<&HostFunction> = FUNCTIONS.iter().filter(|row| row.of.is_some() && row.of == of.host_type()).collect();
    let same: Vec<_> = own.iter().filter(|row| row.name == name).map(|row| row.typed()).collect();
    if !same.is_empty() {
        return Some(format!("it is {}", ticked(&same)));
    }
    match (of, name) {
        (Kind::State, "get" | "set") => return Some(LIKE_A_MAP.to_owned()),
        (Kind::Session, "reply" | "send") => return Some(SESSION_SENDS.to_owned()),
        (Kind::Event(_) | Kind::Invite, "reply") => return Some(EVENT_SENDS.to_owned()),
        (Kind::Person, "reply" | "send" | "says") => return Some(PERSON_GETS.to_owned()),
        _ => {}
    }
    of.host_type()?;
    let commands = COMMANDS.iter().filter(|row| of == Kind::Session && !row.is_login()).map(|row| row.function);
    let candidates = own.iter().map(|row| row.name).chain(commands);
    let meant = method_synonym(of, name).or_else(|| closest(name, candidates))?;
    let rows = fitting(own.iter().copied().filter(|row| row.name == meant), kinds);
    let mut known: Vec<_> = rows.into_iter().map(HostFunction::signature).collect();
    known.extend(COMMANDS.iter().filter(|row| row.function == meant).map(Command::signature));
    (!known.is_empty()).then(|| format!("did you mean {}?", ticked(&known)))
}

/// Whether a row of the table takes values of these kinds, as far as that can be told.
pub(crate) fn takes(row: &HostFunction, kinds: &[Kind]) -> bool {
    let fits = |wanted: Type, kind: Kind| {
        matches!((Kind::of(wanted), kind.present()), (Kind::Unknown, _) | (_, Kind::Unknown))
            || Kind::of(wanted) == kind.present().plain()
    };
    row.parameters.len() == kinds.len()
        && row.parameters.iter().zip(kinds).all(|((_, wanted), kind)| fits(*wanted, *kind))
}

/// Of the functions of one name those that take values of these kinds, and all where none does.
pub(crate) fn fitting<'a>(rows: impl IntoIterator<Item = &'a HostFunction>, kinds: &[Kind]) -> Vec<&'a HostFunction> {
    let (fitting, others): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| takes(row, kinds));
    if fitting.is_empty() { others } else { fitting }
}

/// How the state is read and written.
pub(crate) const LIKE_A_MAP: &str = "read and write it like a map: state.name, state[\"name\"] = value";

/// How a session sends.
pub(crate) const SESSION_SENDS: &str = "a session has the commands as methods, such as `send_text(to, content)`";

/// How a person is written to.
pub(crate) const PERSON_GETS: &str = "write to a person with `send_text(person.mid, …)`";

/// How a group is written to.
pub(crate) const EVENT_SENDS: &str = "an event is no message: write to its group with `send_text(event.group_id, …)`";

/// The signatures of the commands and free functions called `name`.
fn free_signatures(name: &str) -> Vec<String> {
    let commands = COMMANDS.iter().filter(|row| !row.is_login() && row.function == name).map(Command::signature);
    let functions = FUNCTIONS.iter().filter(|row| row.of.is_none() && row.name == name).map(HostFunction::typed);
    commands.chain(functions).collect()
}

/// The kinds of values that the language's own functions of a name work on.
fn owners(name: &str) -> Vec<Kind> {
    let known = [Kind::String, Kind::Char, Kind::Array, Kind::Map, Kind::Int, Kind::Float, Kind::Bool, Kind::Function];
    let firsts: Vec<TypeId> =
        dialect::functions().iter().filter(|(known, _)| known == name).map(|(_, first)| *first).collect();
    let mut owners: Vec<_> =
        known.into_iter().filter(|kind| kind.id().is_some_and(|id| firsts.contains(&id))).collect();
    if owners.is_empty() && FUNCTIONS.iter().any(|row| row.of.is_some() && row.name == name) {
        owners.push(Kind::Unknown);
    }
    owners
}

/// What is here under this name, and what other bot engines and languages call it.
const SYNONYMS: &[(&str, &[&str])] = &[
    ("after", &["setTimeout", "set_timeout", "delay", "schedule"]),
    ("every", &["setInterval", "set_interval", "repeat"]),
    ("sleep", &["wait", "pause"]),
    ("log_info", &["println", "puts", "echo", "log", "printf"]),
    ("send_text", &["send", "send_message", "sendMessage", "say", "message"]),
    ("send_image", &["send_picture", "send_photo"]),
    ("search_group_by_id", &["get_group", "get_chat", "get_groups"]),
    ("get_contacts", &["get_contact", "get_user", "get_name"]),
    ("get_joined_group_ids", &["get_groups_ids", "list_groups"]),
    ("random", &["rand", "randint"]),
    ("now", &["time", "timestamp"]),
    ("format_date", &["strftime"]),
    ("parse_date", &["strptime"]),
    ("parse_json", &["json_parse", "from_json", "decode_json"]),
    ("to_json", &["stringify", "encode_json"]),
    ("http", &["request", "http_request", "http_put", "http_patch", "http_delete", "http_head", "axios"]),
    ("http_get", &["fetch", "get_url"]),
    ("url_encode", &["encodeURIComponent", "encode_uri", "urlencode", "percent_encode"]),
    ("url_decode", &["decodeURIComponent", "decode_uri", "urldecode", "percent_decode"]),
    ("base64_encode", &["btoa", "b64encode", "to_base64", "encode_base64"]),
    ("base64_decode", &["atob", "b64decode", "from_base64", "decode_base64"]),
    ("sha256", &["hash", "digest", "sha"]),
    ("hmac_sha256", &["hmac", "sign"]),
    ("to_string", &["str", "string", "toString"]),
    ("parse_int", &["int", "parseInt", "to_number", "to_int"]),
    ("parse_float", &["float", "parseFloat", "to_float"]),
    ("len", &["length", "count", "size"]),
    ("is_match", &["matches", "match_regex", "test"]),
    ("replace_all", &["sub", "gsub", "regex_replace", "replaceAll"]),
    ("to_upper", &["toUpperCase", "upper", "to_uppercase", "uppercase", "upcase"]),
    ("to_lower", &["toLowerCase", "lower", "to_lowercase", "lowercase", "downcase"]),
    ("trim", &["strip"]),
    ("contains", &["includes", "has"]),
    ("starts_with", &["startsWith", "begins_with", "startswith"]),
    ("ends_with", &["endsWith", "endswith"]),
    ("sub_string", &["substring", "substr", "slice"]),
    ("type_of", &["typeof"]),
];

/// The function that others call by this name.
pub(crate) fn synonym(name: &str) -> Option<&'static str> {
    SYNONYMS.iter().find(|(_, names)| names.contains(&name)).map(|(known, _)| *known)
}

/// What takes the place of a function that other languages have and that has no counterpart of its own.
pub(crate) fn foreign(name: &str) -> Option<String> {
    Some(match name {
        // `for_each` exists, and gives its closure the item as `this`: whoever comes from elsewhere wants a loop.
        "forEach" | "foreach" | "each" => "write a loop: `for item in list { … }`".to_owned(),
        "join" | "implode" => "`import \"std/words\" as words;` has it: words::join(list, \", \")".to_owned(),
        "format" | "sprintf" => "write texts in backticks: `Hello ${name}`".to_owned(),
        "exit" | "quit" => "leave a function with return".to_owned(),
        "require" | "include" => "import a module at the top of the file: import \"lib/name\" as name;".to_owned(),
        _ => return None,
    })
}

/// What other bot engines and languages call something that a value of this kind has.
pub(crate) fn method_synonym(of: Kind, name: &str) -> Option<&'static str> {
    Some(match (of, name) {
        (Kind::Message, "content" | "body" | "message" | "msg") => "text",
        (Kind::Message, "author" | "from" | "user" | "person" | "mid") => "sender",
        (Kind::Message, "group" | "group_id" | "room" | "channel") => "chat",
        (Kind::Message, "time" | "date" | "created_time") => "timestamp",
        (Kind::Message, "type" | "kind") => "content_type",
        (Kind::Message, "answer" | "respond" | "send") => "reply",
        (Kind::Message, "prompt" | "question" | "wait") => "ask",
        (Kind::Event(_) | Kind::Invite, "chat" | "group" | "room") => "group_id",
        (Kind::Event(_), "sender" | "user" | "who") => "person",
        (Kind::Invite, "sender" | "user" | "who" | "from") => "inviter",
        (Kind::Invite, "join" | "approve" | "yes") => "accept",
        (Kind::Invite, "decline" | "refuse" | "ignore" | "no") => "reject",
        (Kind::Person, "id") => "mid",
        (Kind::Person, "display_name" | "nickname") => "name",
        (Kind::Array, "append" | "add") => "push",
        (Kind::Array, "slice") => "extract",
        (Kind::Array | Kind::String, name) => {
            let meant = synonym(name)?;
            let of_arrays = ["len", "contains"].contains(&meant);
            return (of != Kind::Array || of_arrays).then_some(meant).filter(|meant| OF_STRINGS.contains(meant));
        }
        _ => return None,
    })
}

/// The synonyms that are methods of strings.
const OF_STRINGS: &[&str] = &[
    "to_string",
    "parse_int",
    "parse_float",
    "len",
    "is_match",
    "replace_all",
    "to_upper",
    "to_lower",
    "trim",
    "contains",
    "starts_with",
    "ends_with",
    "sub_string",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_proposed_for_a_foreign_name_exists() {
        for (known, _) in SYNONYMS {
            let exists =
                names().any(|name| name == *known) || dialect::functions().iter().any(|(name, _)| name == known);
            assert!(exists || *known == "type_of", "{known}");
        }
        assert!(OF_STRINGS.iter().all(|name| SYNONYMS.iter().any(|(known, _)| known == name)));
    }

    fn of(name: &str, types: &[&str]) -> Option<String> {
        let types = types.iter().map(|name| (*name).to_owned()).collect();
        proposal(&MissingFunction { name: name.to_owned(), types }, "fn greet(a) {}", None)
    }

    #[test]
    fn a_proposal_is_never_the_name_itself_nor_another_objects_method() {
        for (name, types, expected) in [
            ("to_upper", &["()"][..], Some(NOTHING_THERE)),
            ("to_upper", &["i64"], Some("`to_upper` works on a string or a character")),
            ("map", &["array", "i64"], None),
            ("get", &["State", "string"], Some(LIKE_A_MAP)),
            ("get", &["Store", "i64"], Some("it is `get(key: string)`")),
            ("reply", &["Session", "string"], Some(SESSION_SENDS)),
            ("reply", &["i64", "string"], Some("`reply` belongs to a message; this is an integer")),
            ("to_int", &["string"], Some("did you mean `parse_int`?")),
            ("upper", &["string"], Some("did you mean `to_upper`?")),
            ("join", &["array", "string"], foreign("join").as_deref()),
            ("forEach", &["array", "Fn"], Some("write a loop: `for item in list { … }`")),
            ("greet", &["i64", "i64"], Some("this file defines `greet(a)`")),
            ("send_txt", &["string", "string"], Some("did you mean `send_text(to, content)`?")),
            ("pushMessage", &["string", "array"], Some("it is `line::push_message(to, messages)`")),
            ("push_mesage", &["string", "array"], Some("did you mean `line::push_message(to, messages)`?")),
            ("+", &["map", "map"], None),
        ] {
            assert_eq!(of(name, types).as_deref(), expected, "{name}{types:?}");
        }
    }
}
