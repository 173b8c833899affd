//! Tests that need Debian packages: `.ci/run` installs them and sets `HOTLINE_SYSTEM_TESTS`.

use std::io::Write;

/// Whether such a test is to run; where it is not, that is said, past what keeps a passing test's output from the screen.
pub(crate) fn is_there(programs: &str) -> bool {
    if std::env::var_os("HOTLINE_SYSTEM_TESTS").is_some() {
        return true;
    }
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    let _ =
        writeln!(std::io::stderr(), "SKIPPED: {test} needs {programs}, which HOTLINE_SYSTEM_TESTS=1 says are there");
    false
}
