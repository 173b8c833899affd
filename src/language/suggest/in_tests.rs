//! What somebody may have meant who called a function in vain in a scenario test.

use crate::language::dialect;
use crate::language::fault::MissingFunction;
use crate::language::functions::{self, HostFunction, Reach, names, ticked};
use crate::language::kind::script_type;
use crate::language::spelling::closest;
use crate::language::testing::{FUNCTIONS, has, noun, rows};
use crate::language::types::Type;

/// What whoever called a function or method in vain may have meant: `of` is the type of a method's object.
pub(crate) fn meant(of: Option<Type>, name: &str) -> Option<String> {
    let same: Vec<_> = rows(of, name).map(HostFunction::typed).collect();
    if !same.is_empty() {
        return Some(format!("it is {}", ticked(&same)));
    }
    let names = FUNCTIONS.iter().filter(|row| row.of == of).map(|row| row.name);
    let meant = synonym(of, name).or_else(|| closest(name, names));
    if let Some(meant) = meant {
        let known: Vec<_> = rows(of, meant).map(HostFunction::signature).collect();
        return Some(format!("did you mean {}?", ticked(&known)));
    }
    let owner = FUNCTIONS.iter().find(|row| row.name == name).and_then(|row| row.of)?;
    Some(format!("`{name}` belongs to {}", noun(owner)))
}

/// What whoever called a function of a test in vain may have meant.
pub(crate) fn proposal(missing: &MissingFunction) -> Option<String> {
    let first = missing.types.first().map(|name| script_type(name));
    let of = first.and_then(|name| Type::named(name.strip_suffix("Ref").unwrap_or(name))).filter(|of| has(*of));
    match of {
        Some(of) => meant(Some(of), &missing.name),
        None => meant(None, &missing.name).or_else(|| instead(&missing.name).map(str::to_owned)),
    }
}

/// How time passes in a test.
pub(crate) const NO_SLEEP: &str = "time stands still in a test: `clock.advance(\"5s\")` lets it pass";

/// What a test does instead of calling a function that scripts alone have.
pub(crate) fn instead(name: &str) -> Option<&'static str> {
    if name == "sleep" {
        return Some(NO_SLEEP);
    }
    let is_of_language = dialect::functions().iter().any(|(known, _)| known == name);
    let is_of_tests = functions::FUNCTIONS.iter().any(|row| row.name == name && row.reach == Reach::Anywhere);
    let is_of_scripts = names().any(|known| known == name) && !is_of_language && !is_of_tests;
    is_of_scripts.then_some("that is the bot's: a test acts through people, `bot`, `clock`, `gateway` and `web`")
}

/// What tests of other tools call it.
fn synonym(of: Option<Type>, name: &str) -> Option<&'static str> {
    Some(match (of, name) {
        (Some(Type::Person), "say" | "sends" | "send" | "writes" | "tells") => "says",
        (Some(Type::Person | Type::Group), "expect" | "gets" | "hears" | "expects_text" | "sees") => "expects",
        (Some(Type::Person | Type::Group), "expects_regex" | "matches") => "expects_match",
        (Some(Type::Person | Type::Group), "expects_none" | "expects_silence") => "expects_nothing",
        (Some(Type::Clock), "wait" | "sleep" | "pass" | "tick" | "forward") => "advance",
        (Some(Type::Clock), "jump" | "goto" | "travel" | "advance_to" | "until") => "set",
        (Some(Type::Bot), "restart" | "run" | "begin") => "start",
        (Some(Type::Bot), "crash") => "kill",
        (Some(Type::Web), "returns" | "responds" | "replies" | "stub" | "mock") => "answers",
        (None, "assert_equal" | "assert_equals" | "expect") => "assert_eq",
        (None, "user" | "people") => "person",
        (Some(Type::Person), "press" | "clicks" | "taps" | "chooses") => "presses",
        (Some(Type::Person), "speaks_to" | "with" | "at") => "to",
        _ => return None,
    })
}
