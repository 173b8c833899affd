//! What ends a run, in plain words: Rhai names its own types and registries, a person wants to know what to write.
//!
//! Syntax errors are in `parse`, functions that do not exist in `suggest`.

use rhai::EvalAltResult;

use super::functions::PROPERTIES;
use super::kind::{Kind, script_type};
use super::parse::foreign_name;
use super::spelling::closest;
use super::suggest::{LIKE_A_MAP, NOTHING_THERE, method_synonym};

/// The message of an error and how to mend it, where Rhai's own words would not do.
pub(crate) fn error(error: &EvalAltResult) -> Option<(String, Option<String>)> {
    let help = |text: &str| Some(text.to_owned());
    Some(match error {
        EvalAltResult::ErrorMismatchDataType(expected, found, _) => mismatch(expected, found),
        EvalAltResult::ErrorIndexingType(what, _) => no_entries(what),
        EvalAltResult::ErrorDotExpr(text, _) => property(text)?,
        EvalAltResult::ErrorPropertyNotFound(name, _) => {
            (format!("the map has no entry `{name}`"), help("ask first, as in `if \"name\" in map { … }`"))
        }
        EvalAltResult::ErrorUnboundThis(_) => (
            "`this` is nothing here: it is the value that a function is called on as a method".to_owned(),
            help("a hook gets what happened as its parameter, such as `msg` in `on_message(msg)`"),
        ),
        EvalAltResult::ErrorFor(_) => (
            "for goes through arrays, ranges and texts, and this is none".to_owned(),
            help("to count, write `for i in 0..10`; go through a map with `map.keys()`"),
        ),
        EvalAltResult::ErrorArrayBounds(size, index, _) => (
            format!("there is no item {index}: the array has {}", items(*size, "item")),
            help("counting begins at 0; ask `list.len()` first"),
        ),
        EvalAltResult::ErrorStringBounds(size, index, _) => (
            format!("there is no character {index}: the text has {}", items(*size, "character")),
            help("counting begins at 0; ask `text.len()` first"),
        ),
        EvalAltResult::ErrorArithmetic(text, _) if text.starts_with("Error parsing") => {
            let found = text.split('\'').nth(1).unwrap_or_default();
            let kind = if text.contains("integer") { "whole number" } else { "number" };
            (format!("\"{found}\" is no {kind}"), help("ask first, as in text.is_match(`^\\d{1,18}$`), or use try"))
        }
        EvalAltResult::ErrorAssignmentToConstant(name, _)
            if matches!(name.as_str(), "state" | "store" | "settings") =>
        {
            (format!("`{name}` itself cannot be replaced"), help("set an entry, as in `state.name = …`"))
        }
        EvalAltResult::ErrorDataRace(..) => (
            in_use("a value", "a method of it"),
            help(
                "before the call, keep in another variable what the closure needs, or write a loop in place of the closure",
            ),
        ),
        EvalAltResult::ErrorVariableNotFound(name, _) => (format!("no variable `{name}`"), foreign_name(name)),
        _ => return None,
    })
}

/// What a data race is.
pub(crate) fn in_use(value: &str, holder: &str) -> String {
    format!("{value} is in use: {holder} has not returned yet, and a closure reaches for it meanwhile")
}

/// What an operator says to kinds that it does not work with.
pub(crate) fn operator(name: &str, kinds: &[Kind]) -> String {
    match kinds {
        [one] if name == "!" => format!("`!` turns true and false around; found {}", one.noun()),
        [left, right] => format!("`{name}` does not work with {} and {}", left.noun(), right.noun()),
        kinds => {
            let nouns: Vec<_> = kinds.iter().map(|kind| kind.noun()).collect();
            format!("`{name}` does not work with {}", nouns.join(", "))
        }
    }
}

fn mismatch(expected: &str, found: &str) -> (String, Option<String>) {
    let (wanted, kind) = (Kind::of_type(expected), Kind::of_type(found));
    let help = match (wanted, kind) {
        (Kind::Bool, Kind::Int | Kind::Float) => {
            Some("only true and false are conditions: compare, as in `count != 0`")
        }
        (Kind::Bool, Kind::String) => Some("only true and false are conditions: compare, as in `text != \"\"`"),
        (Kind::Bool, _) => Some("only true and false are conditions: compare, as in `value != ()`"),
        (Kind::Function, Kind::String) => Some("a function is called by its name with `Fn(name).call(…)`"),
        _ => None,
    };
    let message = format!("expected {}, found {}", noun(expected), noun(found));
    (message, help.map(str::to_owned))
}

/// `what` is Rhai's `of [index]`, or `of [index] = value`.
fn no_entries(what: &str) -> (String, Option<String>) {
    let of = what.split(" [").next().unwrap_or(what);
    let help = match Kind::of_type(of) {
        Kind::Unit if what.contains("] = ") => {
            "nothing is there yet: store an array or a map first, as in `state.list = [];`"
        }
        Kind::Unit => NOTHING_THERE,
        Kind::Store => "read with store.get(key), write with store.set(key, value)",
        _ => "arrays, maps and texts have entries",
    };
    (format!("{} has no entries in brackets", noun(of)), Some(help.to_owned()))
}

/// A property that a value does not have, from Rhai's sentence about it.
fn property(text: &str) -> Option<(String, Option<String>)> {
    let mut quoted = text.split('\'');
    let (start, name) = (quoted.next()?, quoted.next()?);
    quoted.next()?;
    let of = quoted.next()?;
    let (kind, what) = (Kind::of_type(of), noun(of));
    let own: Vec<&str> = PROPERTIES.iter().filter(|row| Some(row.of) == kind.host_type()).map(|row| row.name).collect();
    if start.to_lowercase().starts_with("unknown property") {
        let help = match kind {
            Kind::Unit => {
                format!(
                    "the value is (), so nothing is there: ask first, as in `if value != () {{ … }}`, or write `?.{name}`"
                )
            }
            Kind::Store => format!("read with store.get(\"{name}\"), write with store.set(\"{name}\", value)"),
            _ => match method_synonym(kind, name).or_else(|| closest(name, own.iter().copied())) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None if own.is_empty() => return Some((format!("{what} has no property `{name}`"), None)),
                None => format!("it has {}", own.join(", ")),
            },
        };
        return Some((format!("{what} has no property `{name}`"), Some(help)));
    }
    if !start.to_lowercase().starts_with("no writable property") {
        return None;
    }
    Some(match kind {
        Kind::Unit => (
            format!("`{name}` is set of (), where nothing is"),
            Some("store a map there first, as in `state.people = #{};`".to_owned()),
        ),
        Kind::State => (format!("`{name}` of {what} cannot be changed"), Some(LIKE_A_MAP.to_owned())),
        Kind::Store => {
            (format!("`{name}` of {what} cannot be changed"), Some(format!("write with store.set(\"{name}\", value)")))
        }
        _ => (
            format!("`{name}` of {what} cannot be changed"),
            Some("keep what you need in a variable or in `state`".to_owned()),
        ),
    })
}

/// What a person would call a value of a type.
pub(crate) fn noun(type_name: &str) -> String {
    match Kind::of_type(type_name) {
        Kind::Unknown => format!("a {}", script_type(type_name).to_lowercase()),
        kind => kind.noun().to_owned(),
    }
}

fn items(count: usize, noun: &str) -> String {
    match count {
        0 => format!("no {noun}s"),
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    }
}
