//! Standard output, for results alone. A reader that went away (`hotline docs | head`) is no failure.

use std::io::{self, ErrorKind, Write};

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
