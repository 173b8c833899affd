//! The log on standard error. What is logged is decided where it happens.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// How the log looks: lines for people, or JSON objects for tools.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum LogFormat {
    #[default]
    Text,
    Json,
}

/// Where whole log lines go while a prompt is on the terminal, so that they do not tear it.
type Printer = Box<dyn FnMut(String) -> bool + Send>;

static PROMPT: Mutex<Option<Printer>> = Mutex::new(None);

/// Starts logging: our own lines from `info` on and warnings of everyone else, unless `RUST_LOG` says otherwise.
pub(super) fn start(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,hotline=info"));
    let terminal = io::stderr().is_terminal();
    let colour = terminal && std::env::var_os("NO_COLOR").is_none();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(Stderr);
    let log = log.with_target(false).with_ansi(colour);
    // A second start would only be refused; tests of the library set up their own.
    let _ = match format {
        // Whoever watches the log come needs no time in front of each line.
        LogFormat::Text if terminal => log.compact().without_time().try_init(),
        LogFormat::Text => log.compact().try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
}

/// Sends log lines to `printer` until the guard is dropped, or `printer` answers `false`.
pub(super) fn above_prompt(printer: Printer) -> AbovePrompt {
    *PROMPT.lock().unwrap_or_else(PoisonError::into_inner) = Some(printer);
    AbovePrompt
}

/// Keeps log lines above the prompt while it lives.
pub(super) struct AbovePrompt;

impl Drop for AbovePrompt {
    fn drop(&mut self) {
        *PROMPT.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

struct Stderr;

impl<'a> MakeWriter<'a> for Stderr {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line(Vec::new())
    }
}

/// One log line, written whole when it is complete.
struct Line(Vec<u8>);

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let mut prompt = PROMPT.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&self.0);
        if prompt.as_mut().is_some_and(|print| print(text.into_owned())) {
            return;
        }
        // Nobody could be told that standard error is closed.
        let _ = io::stderr().write_all(&self.0);
    }
}
