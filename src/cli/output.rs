//! Standard output, for results alone, and what is said beside them on standard error; the log is not here. A reader of
//! either that went away (`hotline docs | head`) is no failure.
//!
//! Invariant: what goes out passes `visible`, but for what is painted, which passed it before it got its colours.

use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Write};

use tracing::Level;

use super::logging;
use crate::visible;

/// Whether what goes there is coloured: a terminal that can, unless `NO_COLOR` holds something.
pub(super) fn is_coloured(stream: &impl IsTerminal) -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
    stream.is_terminal() && !refused && !is_dumb
}

/// How many columns there are for a table: those of the terminal, or what `COLUMNS` says; `None` where nobody looks.
pub(super) fn columns() -> Option<usize> {
    let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    said.filter(|columns| *columns > 0).or_else(terminal_columns)
}

#[cfg(unix)]
fn terminal_columns() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    Some(if size.ws_col == 0 { crate::language::diagnostic::COLUMNS } else { usize::from(size.ws_col) })
}

#[cfg(not(unix))]
fn terminal_columns() -> Option<usize> {
    io::stdout().is_terminal().then_some(crate::language::diagnostic::COLUMNS)
}

/// Writes a text that is painted, or all our own, and brings its own line ends.
pub(super) fn painted(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}

/// Writes a text, which brings its own line ends.
pub(super) fn write(text: &str) -> io::Result<()> {
    painted(&visible::text(text))
}

/// Writes one line.
pub(super) fn line(text: &str) -> io::Result<()> {
    write(&format!("{text}\n"))
}

/// Writes JSON over several lines, for people and for tools.
pub(super) fn json(value: &impl serde::Serialize) -> io::Result<()> {
    painted(&format!("{}\n", visible::json(&serde_json::to_string_pretty(value)?)))
}

/// Says something on standard error, as the log is to look.
pub(super) fn remark(level: Level, text: &str) {
    painted_remark(level, &visible::text(text));
}

/// As [`remark`], for what is visible already and may be painted.
pub(super) fn painted_remark(level: Level, text: &str) {
    if logging::is_json() {
        return logging::say(level, text);
    }
    // Nobody could be told that standard error is closed.
    let _ = io::stderr().lock().write_all(format!("{}\n", text.trim_end()).as_bytes());
}

/// Says something on standard error in the program's own name.
pub(super) fn note(text: impl Display) {
    told(Level::INFO, &text.to_string());
}

/// Says on standard error what went wrong.
pub(super) fn complaint(text: impl Display) {
    told(Level::ERROR, &text.to_string());
}

fn told(level: Level, text: &str) {
    if logging::is_json() {
        return logging::say(level, text);
    }
    // A line that goes on is no line of its own.
    remark(level, &format!("hotline: {}", visible::text(text).trim_end().replace('\n', "\n    ")));
}
