//! Standard output, for results alone. A reader that went away (`hotline docs | head`) is no failure.

use std::io::{self, ErrorKind, IsTerminal, Write};

/// Whether what goes there is coloured: a terminal that can, unless `NO_COLOR` holds something.
pub(super) fn is_coloured(stream: &impl IsTerminal) -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
    stream.is_terminal() && !refused && !is_dumb
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
