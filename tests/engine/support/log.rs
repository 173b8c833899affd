//! What the engine logs, kept for the tests that read it. All tests of the process write into one log.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use tokio::sync::Notify;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::soon;

static EVENTS: Mutex<Vec<String>> = Mutex::new(Vec::new());
static ADDED: Notify = Notify::const_new();

/// Keeps the log from now on.
pub(crate) fn start() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        let filter = EnvFilter::new("warn,hotline=info,hotline::reload=debug,hotline::runtime::run=trace");
        tracing_subscriber::fmt().with_ansi(false).with_env_filter(filter).with_writer(Memory).init();
    });
}

/// Waits for an entry of the log that contains all of `parts`.
pub(crate) async fn logged(parts: &[&str]) -> String {
    logged_beyond(parts, 0).await
}

/// Waits for one more entry of the log that contains all of `parts` than there were.
pub(crate) async fn logged_beyond(parts: &[&str], before: usize) -> String {
    let is_it = |event: &&String| parts.iter().all(|part| event.contains(part));
    let found = || events().iter().filter(is_it).nth(before).cloned();
    let waiting = async {
        loop {
            let added = ADDED.notified();
            if let Some(event) = found() {
                return event;
            }
            added.await;
        }
    };
    soon(&format!("a log entry with {parts:?}"), waiting).await
}

/// The entries of the log that contain `part`.
pub(crate) fn logged_lines(part: &str) -> Vec<String> {
    events().iter().filter(|event| event.contains(part)).cloned().collect()
}

fn events() -> MutexGuard<'static, Vec<String>> {
    EVENTS.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Memory;

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let event = String::from_utf8_lossy(bytes).into_owned();
        // Shown only for a test that fails.
        eprint!("{event}");
        events().push(event);
        ADDED.notify_waiters();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Memory {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}
