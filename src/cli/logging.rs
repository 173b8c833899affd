//! The log on standard error. What is logged is decided where it happens.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FormatFields, MakeWriter};

use super::output::plain;
use crate::script::diagnostic::paint;

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

/// What is logged: our own lines from `info` on and warnings of everyone else. What the watcher of files warns of is a folder
/// that went, which is no trouble.
const FILTER: &str = "warn,hotline=info,notify=error";

/// Starts logging, as much as [`FILTER`] says unless `RUST_LOG` says otherwise.
pub(super) fn start(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(FILTER));
    let terminal = io::stderr().is_terminal();
    let colour = super::output::is_coloured(&io::stderr());
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(Stderr);
    let log = log.with_target(false).with_ansi(colour);
    // A second start would only be refused; tests of the library set up their own.
    let _ = match format {
        // Whoever watches the log come needs no time in front of each line.
        LogFormat::Text if terminal => log.compact().without_time().fmt_fields(People).try_init(),
        LogFormat::Text => log.compact().fmt_fields(People).try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
}

/// The fields of a line as people read them: the message first, then the rest by name. A line that brings an error card
/// has it below, instead of the message.
struct People;

impl<'writer> FormatFields<'writer> for People {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut found = Fields::default();
        fields.record(&mut found);
        let Fields { message, card, rest } = found;
        let separator = if message.is_empty() || rest.is_empty() { "" } else { " " };
        match card {
            None => write!(writer, "{message}{separator}{}", rest.join(" ")),
            Some(card) => {
                let card = if writer.has_ansi_escapes() { paint(&card) } else { card };
                write!(writer, "{}\n{}", rest.join(" "), card.trim_end())
            }
        }
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    card: Option<String>,
    rest: Vec<String>,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "card" => self.card = Some(plain(value)),
            _ => self.record_debug(field, &value),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            // A line that goes on is no line of its own.
            "message" => self.message = plain(&format!("{value:?}")).replace('\n', "\n    "),
            name => self.rest.push(plain(&format!("{name}={value:?}"))),
        }
    }
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
