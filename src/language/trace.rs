//! From what ended a run to the fault that people see: its place, the calls that led there, the line of source, a proposal.

use rhai::{Dynamic, EvalAltResult, Map, Position};

use super::bundle::Bundle;
use super::fault::{Fault, MissingFunction, Race, Thrown};
use super::functions::arguments;
use super::headers::{Header, headers};
use super::kind::{Kind, SECRET_TYPE, script_type};
use super::settings::VEIL;
use super::source::Source;
use super::suggest::{in_tests, proposal};
use super::{errors, explain, parse};

/// How many characters of a thrown value are shown.
const LONGEST: usize = 2_000;

/// A call that led to a fault.
struct Call {
    name: String,
    file: String,
    position: Position,
}

/// A fault that ended a run which began in `file`.
pub(crate) fn of_run(file: &str, error: &EvalAltResult) -> Fault {
    let mut fault = Fault { file: file.to_owned(), ..Fault::default() };
    let mut calls = Vec::new();
    descend(&mut fault, error, &mut calls);
    calls.reverse();
    let shown = |call: &Call| {
        let name = if call.name.starts_with("anon$") { "a closure" } else { &call.name };
        format!("{name} ({})", call.file)
    };
    fault.calls = calls.iter().map(shown).collect();
    if let Some(race) = &mut fault.race {
        race.calls = calls.into_iter().map(|call| (call.name, call.position)).collect();
    }
    if let Some((end, _)) = fault.message.char_indices().nth(LONGEST) {
        fault.message.truncate(end);
        fault.message.push('…');
    }
    fault
}

/// The fault with the line of source that it lies in, and with a proposal where something was looked for in vain.
#[must_use]
pub(crate) fn with_source(fault: Fault, bundle: &Bundle) -> Fault {
    with_source_by(fault, bundle, proposal)
}

/// As [`with_source`], for a scenario test.
#[must_use]
pub(crate) fn with_test_source(fault: Fault, bundle: &Bundle) -> Fault {
    with_source_by(fault, bundle, |missing, text, place| {
        in_tests::proposal(missing).or_else(|| proposal(missing, text, place))
    })
}

fn with_source_by(
    mut fault: Fault,
    bundle: &Bundle,
    propose: impl Fn(&MissingFunction, &str, Option<(usize, usize)>) -> Option<String>,
) -> Fault {
    let Some(source) = bundle.source(&fault.file) else { return fault };
    match fault.race.take() {
        Some(race) => point_at_holder(&mut fault, &race, source),
        None => point_at_name(&mut fault, &source.text),
    }
    if let (Some(missing), None) = (fault.missing.take(), &fault.help) {
        fault.help = propose(&missing, &source.text, fault.line.zip(fault.column));
    }
    fault.with_excerpt(&source.text)
}

/// Moves the place to the call that holds the value which a closure reaches for.
fn point_at_holder(fault: &mut Fault, race: &Race, source: &Source) {
    let holders = race.holders(source);
    match holders.as_slice() {
        [] => {}
        [holder] => {
            (fault.line, fault.column) = (holder.position.line(), holder.position.position());
            fault.message = explain::in_use(&format!("`{}`", holder.root), &format!("`{}`", holder.method));
        }
        [first, ..] => {
            let lines = holders.iter().filter_map(|holder| holder.position.line()).map(|line| line.to_string());
            let lines = lines.collect::<Vec<_>>().join(" or ");
            fault.message = explain::in_use("a value", &format!("`{}` in line {lines}", first.method));
        }
    }
}

/// Moves the place from the brace of a function's body, which is all that Rhai keeps, to the function's name.
fn point_at_name(fault: &mut Fault, text: &str) {
    let (Some(line), Some(column)) = (fault.line, fault.column) else { return };
    let letter = text.lines().nth(line - 1).and_then(|text| text.chars().nth(column - 1));
    let before = |header: &Header| header.place <= (line, column);
    if letter == Some('{')
        && let Some(header) = headers(text).into_iter().rfind(before)
        // A brace further on is a loop's or a block's, and the place itself.
        && !between(text, header.place, (line, column)).contains('{')
    {
        (fault.line, fault.column) = (Some(header.place.0), Some(header.place.1));
    }
}

fn descend(fault: &mut Fault, error: &EvalAltResult, calls: &mut Vec<Call>) {
    let position = error.position();
    if !position.is_none() {
        (fault.line, fault.column) = (position.line(), position.position());
    }
    if let Some(name) = errors::name(error).filter(|name| *name != "THROWN") {
        fault.thrown = Some(Thrown { code: Some(-1), name: Some(name.to_owned()), command: None });
    }
    match error {
        EvalAltResult::ErrorInFunctionCall(name, source, inner, _) => {
            if !source.is_empty() {
                fault.file.clone_from(source);
            }
            calls.push(Call { name: name.clone(), file: fault.file.clone(), position });
            descend(fault, inner, calls);
        }
        EvalAltResult::ErrorInModule(module, inner, _) => {
            if !module.is_empty() {
                fault.file.clone_from(module);
            }
            descend(fault, inner, calls);
        }
        EvalAltResult::ErrorRuntime(value, _) => take_thrown(fault, value),
        EvalAltResult::ErrorTerminated(reason, _) => fault.message = reason.to_string(),
        EvalAltResult::ErrorParsing(kind, _) => (fault.message, fault.help) = parse::explain(kind),
        EvalAltResult::ErrorFunctionNotFound(signature, _) if signature.contains(" (") => {
            let missing = missing(signature);
            let types: Vec<_> = missing.types.iter().map(|name| plain_type(name)).collect();
            let kinds: Vec<_> = missing.types.iter().map(|name| Kind::of_type(name)).collect();
            fault.message = match (missing.name.as_str(), types.as_slice()) {
                (name, _) if name.starts_with("anon$") => {
                    format!("the closure is called with {}, and has others", arguments(types.len()))
                }
                (name, []) => format!("no function `{name}()`"),
                (name, _) if !name.starts_with(|letter: char| letter.is_alphabetic() || letter == '_') => {
                    explain::operator(name, &kinds)
                }
                (name, types) => format!("no function `{name}` takes ({})", types.join(", ")),
            };
            fault.missing = (!missing.name.starts_with("anon$")).then(|| Box::new(missing));
        }
        EvalAltResult::ErrorFunctionNotFound(reason, _) => fault.message.clone_from(reason),
        EvalAltResult::ErrorStackOverflow(_) => {
            fault.message = "functions call each other too deeply (limits.call_depth)".to_owned();
        }
        EvalAltResult::ErrorDataTooLarge(what, _) => {
            fault.message = format!("{} grows too large (limits.string, limits.array)", what.to_lowercase());
        }
        other => {
            if let EvalAltResult::ErrorDataRace(what, _) = other {
                fault.race = Some(Box::new(Race::of(what)));
            }
            let plain = explain::error(other).unwrap_or_else(|| (message_without_position(other), None));
            (fault.message, fault.help) = plain;
        }
    }
}

fn take_thrown(fault: &mut Fault, value: &Dynamic) {
    let Some(map) = value.read_lock::<Map>() else {
        fault.message = if value.is_variant() { explain::noun(value.type_name()) } else { veiled(value) };
        return;
    };
    let text = |name: &str| map.get(name).and_then(|value| value.clone().into_string().ok());
    let thrown = Thrown {
        code: map.get("code").and_then(|value| value.as_int().ok()),
        name: text("name"),
        command: text("command"),
    };
    fault.message = match (text("message"), &thrown.command) {
        (Some(message), Some(command)) => format!("{command}: {message}"),
        (Some(message), None) => message,
        (None, _) => veiled(value),
    };
    fault.thrown = Some(thrown);
}

/// A value as people may see it.
pub(crate) fn veiled(value: &Dynamic) -> String {
    value.to_string().replace(SECRET_TYPE, VEIL)
}

/// The text from one place up to another.
fn between(text: &str, from: (usize, usize), to: (usize, usize)) -> String {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    let letters =
        lines.flat_map(|(line, text)| text.chars().enumerate().map(move |(index, letter)| ((line, index + 1), letter)));
    letters.filter(|(place, _)| (from..to).contains(place)).map(|(_, letter)| letter).collect()
}

/// What Rhai's `name (type, type)` says.
fn missing(signature: &str) -> MissingFunction {
    let (name, types) = signature.split_once(" (").unwrap_or((signature, ")"));
    // A type can be `()` itself: only the last parenthesis closes the list.
    let types = types.strip_suffix(')').unwrap_or(types);
    let types = types.split(", ").filter(|name| !name.is_empty()).map(str::to_owned).collect();
    MissingFunction { name: name.rsplit("::").next().unwrap_or(name).to_owned(), types }
}

/// A type as scripts know it.
fn plain_type(name: &str) -> &str {
    match name {
        "&str | ImmutableString | String" | "&str" | "ImmutableString" => "string",
        "i64" => "integer",
        "f64" => "float",
        "Fn" => "function",
        other => script_type(other),
    }
}

fn message_without_position(error: &EvalAltResult) -> String {
    let text = error.to_string();
    // Rhai ends its messages with the position, which a fault shows at the front.
    let text = match text.rfind(" (line ") {
        Some(end) if text.ends_with(')') => &text[..end],
        _ => &text,
    };
    parse::lower_first(text)
}
