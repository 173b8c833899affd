//! Standard output, for results alone, and what is said beside them on standard error; the log is not here. A reader of
//! either that went away (`hotline docs | head`) is no failure.

use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Write};

/// Whether what goes there is coloured: a terminal that can, unless `NO_COLOR` holds something.
pub(super) fn is_coloured(stream: &impl IsTerminal) -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
    stream.is_terminal() && !refused && !is_dumb
}

/// A text without what would steer the terminal: other people may have written it.
pub(super) fn plain(text: &str) -> String {
    let is_harmless = |letter: char| !letter.is_control() || matches!(letter, '\n' | '\t');
    text.chars().map(|letter| if is_harmless(letter) { letter } else { '\u{fffd}' }).collect()
}

/// Writes a text, which brings its own line ends.
pub(super) fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}

/// Writes one line.
pub(super) fn line(text: &str) -> io::Result<()> {
    write(&format!("{text}\n"))
}

/// Says something on standard error, in a text that brings its own line ends.
pub(super) fn remark(text: &str) {
    // Nobody could be told that standard error is closed.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Says one line on standard error in the program's own name.
pub(super) fn note(text: impl Display) {
    remark(&format!("hotline: {text}\n"));
}
