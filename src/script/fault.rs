//! Faults: what is wrong with a script, and where.

use std::fmt;

use rhai::{Dynamic, EvalAltResult, Map, ParseError, ParseErrorType, Position};

use super::bundle::{Bundle, Source};
use super::caught;
use super::check::{Header, Kind, arguments, headers};
use super::diagnostic::{Excerpt, Look, Severity, card};
use super::proposal::{Missing, proposal};
use super::{plain, stage, syntax};

/// How many characters of a thrown value are shown.
const LONGEST: usize = 2_000;

/// A fault of a script, found while it was loaded or run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fault {
    /// The file that the place lies in, as it was named on the command line or in the configuration.
    pub file: String,
    /// The line, counted from 1, where one is known.
    pub line: Option<usize>,
    /// The column, counted from 1, where one is known.
    pub column: Option<usize>,
    /// What was found, and what was expected.
    pub message: String,
    /// The functions that led there, the innermost first, each with its file.
    pub calls: Vec<String>,
    /// What a script threw or a gateway refused, where it was more than text.
    pub thrown: Option<Thrown>,
    /// How to mend it, where that is known.
    pub help: Option<String>,
    /// The line of source that the place lies in, where it is at hand.
    pub excerpt: Option<Excerpt>,
    /// What was being handled: the event's subcommand, or what takes its place.
    pub event: Option<String>,
    /// The generation that ran.
    pub generation: Option<u64>,
    /// The function that a run looked for in vain, for the proposal of another one.
    pub missing: Option<Box<Missing>>,
}

/// A thrown `#{code, name, message, command}`, as plain values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thrown {
    /// The failure's code.
    pub code: Option<i64>,
    /// The failure's name, such as `NOT_FOUND`.
    pub name: Option<String>,
    /// The command that was refused.
    pub command: Option<String>,
}

/// One line for logs, with the calls below it; `{:#}` is the card.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            return f.write_str(card(self, Severity::Error, Look::PLAIN).trim_end());
        }
        write!(f, "{}: {}", self.place(), self.message)?;
        if let Some(help) = &self.help {
            write!(f, "; {help}")?;
        }
        for call in &self.calls {
            write!(f, "\n    in {call}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}

impl Fault {
    /// A fault of a whole file.
    pub fn of_file(file: impl Into<String>, message: impl fmt::Display) -> Self {
        Self { file: file.into(), message: message.to_string(), ..Self::default() }
    }

    /// A fault at a place in a file.
    pub(crate) fn at(file: impl Into<String>, position: Position, message: impl fmt::Display) -> Self {
        Self {
            file: file.into(),
            line: position.line(),
            column: position.position(),
            message: message.to_string(),
            ..Self::default()
        }
    }

    /// A fault at a place in a file whose text is at hand.
    pub(crate) fn in_source(source: &Source, position: Position, message: impl fmt::Display) -> Self {
        Self::at(&source.file, position, message).with_excerpt(&source.text)
    }

    /// A fault that kept a file from compiling.
    pub(crate) fn of_parse(source: &Source, error: &ParseError) -> Self {
        let (message, help) = match error.err_type() {
            ParseErrorType::VariableUndefined(name) => syntax::undefined(name, &source.text),
            other => syntax::explain(other),
        };
        let mut fault = Self { help, ..Self::at(&source.file, error.position(), message) };
        syntax::settle(&mut fault, error.err_type(), &source.text);
        fault.with_excerpt(&source.text)
    }

    /// The fault with the line of its file's text that it lies in.
    #[must_use]
    pub(crate) fn with_excerpt(mut self, text: &str) -> Self {
        self.excerpt = self.line.and_then(|line| Excerpt::of(text, line, self.column));
        self
    }

    /// The place as `file:line:column`, as far as it is known.
    pub fn place(&self) -> String {
        let mut place = self.file.clone();
        for number in [self.line, self.column].into_iter().flatten() {
            place.push_str(&format!(":{number}"));
        }
        place
    }

    /// The fault with the line of source that it lies in, and with a proposal where something was looked for in vain.
    #[must_use]
    pub(crate) fn with_source(self, bundle: &Bundle) -> Self {
        self.with_source_by(bundle, proposal)
    }

    /// As [`with_source`](Self::with_source), for a scenario test.
    #[must_use]
    pub(crate) fn with_test_source(self, bundle: &Bundle) -> Self {
        self.with_source_by(bundle, |missing, text, place| {
            stage::proposal(missing).or_else(|| proposal(missing, text, place))
        })
    }

    fn with_source_by(
        mut self,
        bundle: &Bundle,
        propose: impl Fn(&Missing, &str, Option<(usize, usize)>) -> Option<String>,
    ) -> Self {
        let Some(source) = bundle.source(&self.file) else { return self };
        self.point_at_name(&source.text);
        if let (Some(missing), None) = (self.missing.take(), &self.help) {
            self.help = propose(&missing, &source.text, self.line.zip(self.column));
        }
        self.with_excerpt(&source.text)
    }

    /// Moves the place from the brace of a function's body, which is all that Rhai keeps, to the function's name.
    fn point_at_name(&mut self, text: &str) {
        let (Some(line), Some(column)) = (self.line, self.column) else { return };
        let letter = text.lines().nth(line - 1).and_then(|text| text.chars().nth(column - 1));
        let before = |header: &Header| header.place <= (line, column);
        if letter == Some('{')
            && let Some(header) = headers(text).into_iter().rfind(before)
            // A brace further on is a loop's or a block's, and the place itself.
            && !between(text, header.place, (line, column)).contains('{')
        {
            (self.line, self.column) = (Some(header.place.0), Some(header.place.1));
        }
    }

    /// The fault as one of a run that handled `event` on a generation.
    #[must_use]
    pub(crate) fn while_handling(mut self, event: &str, generation: u64) -> Self {
        self.event = Some(event.to_owned());
        self.generation = Some(generation);
        self
    }

    /// A fault that ended a run which began in `file`.
    pub(crate) fn of_run(file: &str, error: &EvalAltResult) -> Self {
        let mut fault = Self { file: file.to_owned(), ..Self::default() };
        let mut calls = Vec::new();
        fault.descend(error, &mut calls);
        calls.reverse();
        fault.calls = calls;
        if let Some((end, _)) = fault.message.char_indices().nth(LONGEST) {
            fault.message.truncate(end);
            fault.message.push('…');
        }
        fault
    }

    /// The fault as the map that `on_error` gets.
    pub(crate) fn to_map(&self) -> Map {
        let mut map = Map::new();
        let number = |value: Option<usize>| {
            value.and_then(|value| i64::try_from(value).ok()).map_or(Dynamic::UNIT, Dynamic::from_int)
        };
        map.insert("file".into(), self.file.as_str().into());
        map.insert("line".into(), number(self.line));
        map.insert("column".into(), number(self.column));
        map.insert("message".into(), self.message.as_str().into());
        let text = |value: Option<&String>| value.map_or(Dynamic::UNIT, |value| value.as_str().into());
        map.insert("help".into(), text(self.help.as_ref()));
        map.insert("source".into(), text(self.excerpt.as_ref().map(|excerpt| &excerpt.text)));
        map.insert("card".into(), card(self, Severity::Error, Look::PLAIN).into());
        map.insert("calls".into(), self.calls.iter().map(|call| call.as_str().into()).collect::<Vec<Dynamic>>().into());
        let thrown = self.thrown.clone().unwrap_or_default();
        let text = |value: Option<String>| value.map_or(Dynamic::UNIT, Dynamic::from);
        map.insert("code".into(), thrown.code.map_or(Dynamic::UNIT, Dynamic::from_int));
        map.insert("name".into(), text(thrown.name));
        map.insert("command".into(), text(thrown.command));
        map
    }

    fn descend(&mut self, error: &EvalAltResult, calls: &mut Vec<String>) {
        let position = error.position();
        if !position.is_none() {
            (self.line, self.column) = (position.line(), position.position());
        }
        if let Some(name) = caught::name(error).filter(|name| *name != "THROWN") {
            self.thrown = Some(Thrown { code: Some(-1), name: Some(name.to_owned()), command: None });
        }
        match error {
            EvalAltResult::ErrorInFunctionCall(name, source, inner, _) => {
                if !source.is_empty() {
                    self.file.clone_from(source);
                }
                let name = if name.starts_with("anon$") { "a closure" } else { name };
                calls.push(format!("{name} ({})", self.file));
                self.descend(inner, calls);
            }
            EvalAltResult::ErrorInModule(module, inner, _) => {
                if !module.is_empty() {
                    self.file.clone_from(module);
                }
                self.descend(inner, calls);
            }
            EvalAltResult::ErrorRuntime(value, _) => self.take_thrown(value),
            EvalAltResult::ErrorTerminated(reason, _) => self.message = reason.to_string(),
            EvalAltResult::ErrorParsing(kind, _) => (self.message, self.help) = syntax::explain(kind),
            EvalAltResult::ErrorFunctionNotFound(signature, _) => {
                let missing = missing(signature);
                let types: Vec<_> = missing.types.iter().map(|name| plain_type(name)).collect();
                let kinds: Vec<_> = missing.types.iter().map(|name| Kind::of_type(name)).collect();
                self.message = match (missing.name.as_str(), types.as_slice()) {
                    (name, _) if name.starts_with("anon$") => {
                        format!("the closure is called with {}, and has others", arguments(types.len()))
                    }
                    (name, []) => format!("no function `{name}()`"),
                    (name, _) if !name.starts_with(|letter: char| letter.is_alphabetic() || letter == '_') => {
                        plain::operator(name, &kinds)
                    }
                    (name, types) => format!("no function `{name}` takes ({})", types.join(", ")),
                };
                self.missing = (!missing.name.starts_with("anon$")).then(|| Box::new(missing));
            }
            EvalAltResult::ErrorStackOverflow(_) => {
                self.message = "functions call each other too deeply (limits.call_depth)".to_owned();
            }
            EvalAltResult::ErrorDataTooLarge(what, _) => {
                self.message = format!("{} grows too large (limits.string, limits.array)", what.to_lowercase());
            }
            other => {
                let plain = plain::explain(other).unwrap_or_else(|| (message_without_position(other), None));
                (self.message, self.help) = plain;
            }
        }
    }

    fn take_thrown(&mut self, value: &Dynamic) {
        let Some(map) = value.read_lock::<Map>() else {
            self.message = value.to_string();
            return;
        };
        let text = |name: &str| map.get(name).and_then(|value| value.clone().into_string().ok());
        let thrown = Thrown {
            code: map.get("code").and_then(|value| value.as_int().ok()),
            name: text("name"),
            command: text("command"),
        };
        self.message = match (text("message"), &thrown.command) {
            (Some(message), Some(command)) => format!("{command}: {message}"),
            (Some(message), None) => message,
            (None, _) => value.to_string(),
        };
        self.thrown = Some(thrown);
    }
}

/// The text from one place up to another.
fn between(text: &str, from: (usize, usize), to: (usize, usize)) -> String {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    let letters =
        lines.flat_map(|(line, text)| text.chars().enumerate().map(move |(index, letter)| ((line, index + 1), letter)));
    letters.filter(|(place, _)| (from..to).contains(place)).map(|(_, letter)| letter).collect()
}

/// What Rhai's `name (type, type)` says.
fn missing(signature: &str) -> Missing {
    let (name, types) = signature.split_once(" (").unwrap_or((signature, ")"));
    // A type can be `()` itself: only the last parenthesis closes the list.
    let types = types.strip_suffix(')').unwrap_or(types);
    let types = types.split(", ").filter(|name| !name.is_empty()).map(str::to_owned).collect();
    Missing { name: name.rsplit("::").next().unwrap_or(name).to_owned(), types }
}

/// A type as scripts know it.
fn plain_type(name: &str) -> &str {
    match name {
        "&str | ImmutableString | String" | "&str" | "ImmutableString" => "string",
        "i64" => "integer",
        "f64" => "float",
        "Fn" => "function",
        other => other.rsplit("::").next().unwrap_or(other),
    }
}

fn message_without_position(error: &EvalAltResult) -> String {
    let text = error.to_string();
    // Rhai ends its messages with the position, which a fault shows at the front.
    let text = match text.rfind(" (line ") {
        Some(end) if text.ends_with(')') => &text[..end],
        _ => &text,
    };
    syntax::lower_first(text)
}
