//! Text, JSON, regular expressions and the log, for scripts. All of it is a pure function of its arguments, or only heard
//! by whoever runs the bot.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use regex::{Regex, RegexBuilder};
use rhai::{Array, Dynamic, Engine, EvalAltResult, Position};

use super::door::{self, ScriptResult};
use super::run;
use super::value;

/// How many compiled patterns a worker keeps.
const PATTERNS: usize = 256;

/// The size that a compiled pattern may take, in bytes.
const PATTERN_SIZE: usize = 1 << 20;

/// Registers the functions.
pub(crate) fn register(engine: &mut Engine) {
    engine.on_print(|text| log(tracing::Level::INFO, text));
    engine.on_debug(|text, source, position| log(tracing::Level::DEBUG, &place(text, source, position)));
    engine.register_fn("log_debug", |value: Dynamic| log(tracing::Level::DEBUG, &value.to_string()));
    engine.register_fn("log_info", |value: Dynamic| log(tracing::Level::INFO, &value.to_string()));
    engine.register_fn("log_warn", |value: Dynamic| log(tracing::Level::WARN, &value.to_string()));
    engine.register_fn("log_error", |value: Dynamic| log(tracing::Level::ERROR, &value.to_string()));

    engine.register_fn("parse_json", |text: &str| -> ScriptResult {
        value::from_json(text).map_err(|error| door::error(format!("parse_json: the text is no JSON: {error}")))
    });
    engine.register_fn("to_json", |value: Dynamic| -> Result<String, Box<EvalAltResult>> {
        value::to_json(&value).map_err(|error| door::error(format!("to_json: {error}")))
    });

    engine.register_fn("is_match", |text: &str, pattern: &str| {
        with_pattern(pattern, |regex| regex.is_match(text).into())
    });
    engine.register_fn("captures", |text: &str, pattern: &str| {
        with_pattern(pattern, |regex| match regex.captures(text) {
            Some(captures) => captures
                .iter()
                .map(|group| group.map_or(Dynamic::UNIT, |group| group.as_str().into()))
                .collect::<Array>()
                .into(),
            None => Dynamic::UNIT,
        })
    });
    engine.register_fn("find_all", |text: &str, pattern: &str| {
        with_pattern(pattern, |regex| {
            regex.find_iter(text).map(|found| found.as_str().into()).collect::<Array>().into()
        })
    });
    engine.register_fn("replace_all", |text: &str, pattern: &str, with: &str| {
        with_pattern(pattern, |regex| regex.replace_all(text, with).into_owned().into())
    });
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
        // Whoever reads the log is as easily flooded as a gateway.
        run.count_call();
        if run.condemned().is_some() {
            return;
        }
        // What a rebuilt run logged the first time has been read.
        if run.record.is_replaying() {
            return;
        }
    }
    let script = run.as_ref().map_or("", |run| run.generation.name());
    let session = run.as_ref().and_then(|run| run.live.as_ref()).map_or("", |live| &*live.name);
    match level {
        tracing::Level::ERROR => tracing::error!(target: "hotline::script", script, session, "{text}"),
        tracing::Level::WARN => tracing::warn!(target: "hotline::script", script, session, "{text}"),
        tracing::Level::INFO => tracing::info!(target: "hotline::script", script, session, "{text}"),
        _ => tracing::debug!(target: "hotline::script", script, session, "{text}"),
    }
}

fn with_pattern(pattern: &str, use_it: impl FnOnce(&Regex) -> Dynamic) -> ScriptResult {
    thread_local! {
        static COMPILED: RefCell<HashMap<String, Rc<Regex>>> = RefCell::default();
    }
    let known = COMPILED.with_borrow(|compiled| compiled.get(pattern).cloned());
    if let Some(regex) = known {
        return Ok(use_it(&regex));
    }
    let regex = RegexBuilder::new(pattern)
        .size_limit(PATTERN_SIZE)
        .build()
        .map_err(|error| door::error(format!("the regular expression does not compile: {error}")))?;
    let regex = Rc::new(regex);
    COMPILED.with_borrow_mut(|compiled| {
        if compiled.len() >= PATTERNS {
            compiled.clear();
        }
        compiled.insert(pattern.to_owned(), Rc::clone(&regex));
    });
    Ok(use_it(&regex))
}
