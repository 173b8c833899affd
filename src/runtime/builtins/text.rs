//! Text, JSON, regular expressions and the log, for scripts. All of it is a pure function of its arguments, or only heard
//! by whoever runs the bot.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use regex::{Regex, RegexBuilder};

use rhai::{Array, Dynamic, Engine, EvalAltResult, ImmutableString, Map, Position};

use crate::language::plain_text::plain_text;
use crate::runtime::engine::caught;
use crate::runtime::engine::thrown::{self, ScriptError, ScriptResult};
use crate::runtime::engine::values;
use crate::runtime::limits::Limits;
use crate::runtime::run::{self, host_call};

/// How many compiled patterns a worker keeps.
const PATTERNS: usize = 256;

/// The size that a compiled pattern may take, in bytes.
const PATTERN_SIZE: usize = 1 << 20;

/// Registers the functions.
pub(crate) fn register(engine: &mut Engine, limits: &Limits) {
    engine.on_print(|text| log(tracing::Level::INFO, text));
    engine.on_debug(|text, source, position| log(tracing::Level::DEBUG, &place(text, source, position)));
    engine.register_fn("log_debug", |value: Dynamic| log(tracing::Level::DEBUG, &caught::text(&value)));
    engine.register_fn("log_info", |value: Dynamic| log(tracing::Level::INFO, &caught::text(&value)));
    engine.register_fn("log_warn", |value: Dynamic| log(tracing::Level::WARN, &caught::text(&value)));
    engine.register_fn("log_error", |value: Dynamic| log(tracing::Level::ERROR, &caught::text(&value)));

    engine.register_fn("parse_json", |text: &str| -> ScriptResult {
        // A byte order mark is what some editors and servers begin a text with.
        values::from_json(text.strip_prefix('\u{feff}').unwrap_or(text))
            .map_err(|error| thrown::named("NOT_JSON", format!("parse_json: the text is no JSON: {error}")))
    });
    engine.register_fn("to_json", |value: Dynamic| to_json(&value));
    // Rhai's own one for maps writes down whatever is in them, and some letters as no JSON has them.
    engine.register_fn("to_json", |map: Map| to_json(&map.into()));

    engine.register_fn("json", |answer: Map| answered_json(&answer));

    engine.register_fn("plain_text", |text: &str| plain_text(text));
    // Rhai's own ones would take the digits of no other script.
    engine.register_fn("parse_int", |text: &str| -> Result<i64, ScriptError> {
        let wrong = |error| no_number("integer number", text, error);
        plain_text(text).trim().parse().map_err(wrong)
    });
    engine.register_fn("parse_float", |text: &str| -> Result<f64, ScriptError> {
        let wrong = |error| no_number("floating-point number", text, error);
        plain_text(text).trim().parse().map_err(wrong)
    });

    engine.register_fn("is_match", |text: &str, pattern: &str| -> ScriptResult {
        Ok(compiled(pattern)?.is_match(text).into())
    });
    engine.register_fn("captures", |text: &str, pattern: &str| -> ScriptResult {
        let Some(captures) = compiled(pattern)?.captures(text) else { return Ok(Dynamic::UNIT) };
        let group = |group: Option<regex::Match<'_>>| group.map_or(Dynamic::UNIT, |group| group.as_str().into());
        Ok(captures.iter().map(group).collect::<Array>().into())
    });
    engine.register_fn("find_all", |text: &str, pattern: &str| -> ScriptResult {
        let mut all = Array::new();
        for found in compiled(pattern)?.find_iter(text) {
            take_turn()?;
            all.push(found.as_str().into());
        }
        Ok(all.into())
    });
    let longest = limits.string;
    engine.register_fn("replace_all", move |text: &str, pattern: &str, with: &str| -> ScriptResult {
        let (mut output, mut copied) = (Output::new(longest), 0);
        for captures in compiled(pattern)?.captures_iter(text) {
            take_turn()?;
            let found = captures.get_match();
            output.push(&text[copied..found.start()])?;
            for part in parts(with) {
                captures.expand(part, &mut output.text);
                output.check()?;
            }
            copied = found.end();
        }
        output.push(&text[copied..])?;
        Ok(output.text.into())
    });
    // Rhai's own ones would look at the size of what they made only when they have made it.
    engine.register_fn("replace", move |text: &mut ImmutableString, find: &str, with: &str| {
        replace(text, find, with, longest)
    });
    engine.register_fn("replace", move |text: &mut ImmutableString, find: &str, with: char| {
        replace(text, find, with.encode_utf8(&mut [0; 4]), longest)
    });
    engine.register_fn("replace", move |text: &mut ImmutableString, find: char, with: &str| {
        replace(text, find.encode_utf8(&mut [0; 4]), with, longest)
    });
}

/// The value that the body of an answer of the web stands for.
fn answered_json(answer: &Map) -> ScriptResult {
    let body = answer.get("body").and_then(|body| body.read_lock::<ImmutableString>());
    let body = body.ok_or_else(|| thrown::error("json: expected an answer of the web, which has a body"))?;
    values::from_json(body.strip_prefix('\u{feff}').unwrap_or(&body)).map_err(|error| {
        let status = answer.get("status").map(|status| format!(" of status {status}")).unwrap_or_default();
        thrown::named("NOT_JSON", format!("json: the answer{status} is no JSON: {error}"))
    })
}

/// The error that Rhai's own functions give, so that it is explained alike.
fn no_number(what: &str, text: &str, error: impl std::fmt::Display) -> ScriptError {
    EvalAltResult::ErrorArithmetic(format!("Error parsing {what} '{text}': {error}"), Position::NONE).into()
}

/// A text that is being put together, which may not become longer than a script's texts may be.
struct Output {
    text: String,
    longest: usize,
}

impl Output {
    fn new(longest: usize) -> Self {
        Self { text: String::new(), longest }
    }

    fn push(&mut self, text: &str) -> Result<(), ScriptError> {
        self.text.push_str(text);
        self.check()
    }

    fn check(&self) -> Result<(), ScriptError> {
        if self.text.len() <= self.longest {
            return Ok(());
        }
        Err(EvalAltResult::ErrorDataTooLarge("Length of string".to_owned(), Position::NONE).into())
    }
}

/// Counts one step of a function that takes many: other runs get their turn, and a run past its limits ends.
fn take_turn() -> Result<(), ScriptError> {
    match run::on_progress() {
        Some(reason) => Err(EvalAltResult::ErrorTerminated(reason, Position::NONE).into()),
        None => Ok(()),
    }
}

fn replace(text: &mut ImmutableString, find: &str, with: &str, longest: usize) -> Result<(), ScriptError> {
    let (mut output, mut copied) = (Output::new(longest), 0);
    for (at, found) in text.match_indices(find) {
        take_turn()?;
        output.push(&text[copied..at])?;
        output.push(with)?;
        copied = at + found.len();
    }
    output.push(&text[copied..])?;
    *text = output.text.into();
    Ok(())
}

/// What stands for a match, cut so that each part names a group once at most.
fn parts(mut with: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let start = match with.as_bytes() {
            [] => return None,
            // Two of them stand for one, which names nothing.
            [b'$', b'$', ..] => 2,
            [b'$', ..] => 1,
            _ => 0,
        };
        let end = with[start..].find('$').map_or(with.len(), |at| start + at);
        let (part, rest) = with.split_at(end);
        with = rest;
        Some(part)
    })
}

fn to_json(value: &Dynamic) -> Result<String, ScriptError> {
    values::to_json(value).map_err(|error| thrown::error(format!("to_json: {error}")))
}

fn place(text: &str, source: Option<&str>, position: Position) -> String {
    match (source, position.line()) {
        (Some(source), Some(line)) => format!("{source}:{line}: {text}"),
        _ => text.to_owned(),
    }
}

/// Writes a line to the log, with the script and the session that it comes from.
fn log(level: tracing::Level, text: &str) {
    let run = run::current();
    if let Some(run) = &run {
        // What comes after a refusal is not logged.
        if host_call::settle(run).is_err() {
            return;
        }
        // Whoever reads the log is as easily flooded as a gateway.
        run.count_call();
        if run.condemned().is_some() {
            return;
        }
        // What a rebuilt run logged the first time has been read.
        if run.history.is_catching_up() {
            return;
        }
    }
    let script = run.as_ref().map_or("", |run| run.generation.name());
    let session = run.as_ref().and_then(|run| run.session.as_ref()).map_or("", |session| &*session.name);
    match level {
        tracing::Level::ERROR => tracing::error!(target: "hotline::script", script, session, "{text}"),
        tracing::Level::WARN => tracing::warn!(target: "hotline::script", script, session, "{text}"),
        tracing::Level::INFO => tracing::info!(target: "hotline::script", script, session, "{text}"),
        _ => tracing::debug!(target: "hotline::script", script, session, "{text}"),
    }
}

/// The compiled form of a pattern.
fn compiled(pattern: &str) -> Result<Rc<Regex>, ScriptError> {
    thread_local! {
        static COMPILED: RefCell<HashMap<String, Rc<Regex>>> = RefCell::default();
    }
    if let Some(regex) = COMPILED.with_borrow(|compiled| compiled.get(pattern).cloned()) {
        return Ok(regex);
    }
    let regex = RegexBuilder::new(pattern)
        .size_limit(PATTERN_SIZE)
        .build()
        .map_err(|error| thrown::named("BAD_PATTERN", format!("the regular expression does not compile: {error}")))?;
    let regex = Rc::new(regex);
    COMPILED.with_borrow_mut(|compiled| {
        if compiled.len() >= PATTERNS {
            compiled.clear();
        }
        compiled.insert(pattern.to_owned(), Rc::clone(&regex));
    });
    Ok(regex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_a_match_is_cut_before_each_group() {
        let cut = |with| parts(with).collect::<Vec<_>>();
        assert_eq!(cut("é$1 and ${name}!"), ["é", "$1 and ", "${name}!"]);
        assert_eq!(cut("$$1$2$"), ["$$1", "$2", "$"]);
        assert!(cut("").is_empty());
    }
}
