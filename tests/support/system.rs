//! Tests that need more than a compiler: `.ci/run` installs Debian packages for them and sets `HOTLINE_SYSTEM_TESTS`.

use std::io::Write;

/// Whether tests that need these programs are to run; says so where they are not.
pub(crate) fn is_there(programs: &str) -> bool {
    let is_there = std::env::var_os("HOTLINE_SYSTEM_TESTS").is_some();
    if !is_there {
        skipped(&format!("it needs {programs}; HOTLINE_SYSTEM_TESTS=1 says that they are there"));
    }
    is_there
}

/// Says that a test does nothing here, past what keeps the output of one that passes from the screen.
pub(crate) fn skipped(reason: &str) {
    let thread = std::thread::current();
    let _ = writeln!(std::io::stderr(), "SKIPPED: {}: {reason}", thread.name().unwrap_or_default());
}
