//! The log on standard error. What is logged is decided where it happens.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use chrono::{SecondsFormat, Utc};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FormatFields, MakeWriter};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use super::gather::{Again, Gathering, Repeatable};
use crate::language::diagnostic::paint;
use crate::visible;

/// How the log looks: lines for people, or JSON objects for tools.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum LogFormat {
    #[default]
    Text,
    Json,
}

impl LogFormat {
    /// What an unfinished command line asks for: one that is wrong is complained about in this format too.
    pub(super) fn of(arguments: impl Iterator<Item = std::ffi::OsString>) -> Self {
        let mut before = None;
        for argument in arguments {
            let is_value = before.as_deref() == Some("--log-format".as_ref());
            if argument == "--log-format=json" || (is_value && argument == "json") {
                return Self::Json;
            }
            before = Some(argument);
        }
        Self::Text
    }
}

/// Where whole log lines go while a prompt is on the terminal, so that they do not tear it.
type Printer = Box<dyn FnMut(String) -> bool + Send>;

static PROMPT: Mutex<Option<Printer>> = Mutex::new(None);

/// What is logged: our own lines from `info` on and warnings of everyone else. What the watcher of files warns of is a folder
/// that went, which is no trouble.
const FILTER: &str = "warn,hotline=info,notify=error";

static IS_JSON: AtomicBool = AtomicBool::new(false);

/// Chooses how everything on standard error looks, the log and what is said beside it.
pub(super) fn choose(format: LogFormat) {
    IS_JSON.store(format == LogFormat::Json, Ordering::Relaxed);
    if format == LogFormat::Json {
        std::panic::set_hook(Box::new(|panic| say(Level::ERROR, &panic.to_string())));
    }
}

/// Whether standard error is for tools.
pub(super) fn is_json() -> bool {
    IS_JSON.load(Ordering::Relaxed)
}

/// Says something that is no part of the log in the form of its JSON lines. No filter keeps it back.
pub(super) fn say(level: Level, message: &str) {
    let timestamp = Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true);
    let line = serde_json::json!({
        "timestamp": timestamp, "level": level.as_str(), "message": message.trim_end(), "target": "hotline",
    });
    // Nobody could be told that standard error is closed.
    let _ = writeln!(Stderr.make_writer(), "{line}");
}

/// Starts logging, as much as [`FILTER`] says unless `RUST_LOG` says otherwise.
pub(super) fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(FILTER));
    let terminal = io::stderr().is_terminal();
    let colour = super::output::is_coloured(&io::stderr());
    let log = tracing_subscriber::registry().with(filter).with(Gather);
    let lines = tracing_subscriber::fmt::layer().with_writer(Stderr).with_target(false).with_ansi(colour);
    // A second start would only be refused; tests of the library set up their own.
    let _ = match terminal {
        _ if is_json() => log.with(lines.json().flatten_event(true).with_target(true)).try_init(),
        // Whoever watches the log come needs no time in front of each line.
        true => log.with(lines.compact().without_time().fmt_fields(People)).try_init(),
        false => log.with(lines.compact().fmt_fields(People)).try_init(),
    };
    // It ends with the process: what it has not told by then, `finish` tells.
    let teller = std::thread::Builder::new().name("log".to_owned()).spawn(tell_repetitions);
    if let Ok(teller) = teller {
        let _ = TELLER.set(teller.thread().clone());
    }
}

/// Tells what was counted last.
pub(super) fn finish() {
    let rest = gathering().rest(Instant::now());
    rest.iter().for_each(tell);
}

static GATHERING: LazyLock<Mutex<Gathering>> = LazyLock::new(Mutex::default);

/// How long the thread that tells what was counted rests at least.
const TOGETHER: Duration = Duration::from_millis(250);

/// The thread that tells what was counted.
static TELLER: OnceLock<Thread> = OnceLock::new();

fn gathering() -> MutexGuard<'static, Gathering> {
    GATHERING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn tell_repetitions() {
    loop {
        let now = Instant::now();
        let (due, next) = {
            let mut gathering = gathering();
            (gathering.due(now), gathering.next())
        };
        due.iter().for_each(tell);
        match next {
            // Those that are due at about the same time are told together.
            Some(next) => std::thread::park_timeout(next.saturating_duration_since(now).max(TOGETHER)),
            None => std::thread::park(),
        }
    }
}

fn tell(again: &Again) {
    let (times, text, seconds) = (grouped(again.times), &again.text, again.over.as_secs_f64().round().max(1.0));
    let told = match (again.is_same, again.times) {
        (true, 1) => format!("the same once more in {seconds} s: {text}"),
        (true, _) => format!("the same {times} times more in {seconds} s: {text}"),
        (false, _) => format!("{times} more of the kind in {seconds} s, such as: {text}"),
    };
    // The target is none of those that are gathered.
    match again.level {
        Level::ERROR => tracing::error!(target: "hotline::again", "{told}"),
        Level::WARN => tracing::warn!(target: "hotline::again", "{told}"),
        Level::INFO => tracing::info!(target: "hotline::again", "{told}"),
        _ => tracing::debug!(target: "hotline::again", "{told}"),
    }
}

/// A number with commas.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let is_start = |at: usize| at > 0 && (digits.len() - at).is_multiple_of(3);
    digits.chars().enumerate().flat_map(|(at, digit)| is_start(at).then_some(',').into_iter().chain([digit])).collect()
}

/// Counts lines that others can repeat without bound: a gateway, whoever writes to a bot, a script, a disk.
struct Gather;

impl<S: Subscriber> Layer<S> for Gather {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let Some(source) = Source::of(event.metadata()) else { return true };
        let mut found = Fields::default();
        event.record(&mut found);
        let line = source.repeatable(event.metadata(), &found);
        let about = move || {
            if let Some(teller) = TELLER.get() {
                teller.unpark();
            }
            // How a fault came about was said the first time.
            let message = found.message.lines().next().unwrap_or_default().to_owned();
            (*event.metadata().level(), Fields { message, ..found }.line())
        };
        gathering().admits(&line, Instant::now(), about)
    }
}

/// Where a line comes from that may repeat.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    /// A script says it, or would send it: what differs is all said, and the same a few times.
    Script,
    /// What comes and goes, such as a connection: each turn is said, unless there are many; numbers make no difference.
    Turns,
    /// What others do, and faults: said once.
    Others,
}

impl Source {
    fn of(metadata: &Metadata<'_>) -> Option<Self> {
        let is_in = |part: &str| {
            metadata.target().strip_prefix(part).is_some_and(|rest| matches!(rest.get(..2), None | Some("::")))
        };
        match metadata.target() {
            "hotline::script" if metadata.module_path() == Some("hotline::runtime::builtins::text") => {
                Some(Self::Script)
            }
            "hotline::script" => Some(Self::Others),
            // What a dry run does not send.
            "hotline::runtime::builtins::commands" | "hotline::runtime::builtins::http" => Some(Self::Script),
            _ if is_in("hotline::runtime::worker::sessions") || is_in("hotline::session::socket") => Some(Self::Turns),
            // A disk that fills and empties.
            _ if is_in("hotline::store") => Some(Self::Turns),
            _ if is_in("hotline::session") || is_in("hotline::sandbox") => Some(Self::Others),
            // Anybody can have a webhook turned away.
            _ if is_in("hotline::host::webhook") || is_in("hotline::host::door") => Some(Self::Others),
            _ if is_in("hotline") => None,
            _ => Some(Self::Others),
        }
    }

    fn repeatable(self, metadata: &Metadata<'_>, found: &Fields) -> Repeatable {
        let mut kind = DefaultHasher::new();
        (metadata.callsite(), found.of(&["session", "script"])).hash(&mut kind);
        let mut identity = kind.clone();
        let line = found.identity();
        match self {
            Self::Turns => line.split(|letter: char| letter.is_ascii_digit()).for_each(|part| part.hash(&mut identity)),
            Self::Script | Self::Others => line.hash(&mut identity),
        }
        Repeatable {
            kind: kind.finish(),
            identity: identity.finish(),
            burst: match self {
                Self::Script => 10,
                Self::Turns => 5,
                Self::Others => 1,
            },
            has_variants: self != Self::Script,
        }
    }
}

/// The fields of a line as people read them: the message first, then the rest by name. A line that brings an error card
/// has it below, instead of the message.
struct People;

impl<'writer> FormatFields<'writer> for People {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut found = Fields::default();
        fields.record(&mut found);
        match &found.card {
            None => write!(writer, "{}", found.line()),
            Some(card) => {
                let painted = if writer.has_ansi_escapes() { paint(card) } else { card.clone() };
                write!(writer, "{}\n{}", found.rest(), painted.trim_end())
            }
        }
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    card: Option<String>,
    rest: Vec<(&'static str, String)>,
}

impl Fields {
    /// What tells a line from others: not which event or run it is about.
    fn identity(&self) -> String {
        let is_passing = |name: &str| matches!(name, "event" | "run" | "id");
        let rest = self.rest.iter().filter(|(name, _)| !is_passing(name)).map(|(_, shown)| shown.as_str());
        [self.message.as_str()].into_iter().chain(rest).collect::<Vec<_>>().join(" ")
    }

    fn of(&self, names: &[&str]) -> Vec<&str> {
        self.rest.iter().filter(|(name, _)| names.contains(name)).map(|(_, shown)| shown.as_str()).collect()
    }

    fn rest(&self) -> String {
        self.rest.iter().map(|(_, shown)| shown.as_str()).collect::<Vec<_>>().join(" ")
    }

    fn line(&self) -> String {
        let separator = if self.message.is_empty() || self.rest.is_empty() { "" } else { " " };
        format!("{}{separator}{}", self.message, self.rest())
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "card" => self.card = Some(visible::text(value).into_owned()),
            "headline" => self.rest.insert(0, ("headline", visible::text(value).into_owned())),
            _ => self.record_debug(field, &value),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            // A line that goes on is no line of its own.
            "message" => self.message = visible::text(&format!("{value:?}")).replace('\n', "\n    "),
            name => self.rest.push((name, visible::line(&format!("{name}={value:?}")))),
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
        let text = String::from_utf8_lossy(&self.0);
        // Lines for people were made visible before they were painted.
        let text = if is_json() { visible::json(&text) } else { text };
        let mut prompt = PROMPT.lock().unwrap_or_else(PoisonError::into_inner);
        if prompt.as_mut().is_some_and(|print| print(text.clone().into_owned())) {
            return;
        }
        // Nobody could be told that standard error is closed.
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_a_comma_before_every_third_digit() {
        for (number, expected) in
            [(0, "0"), (999, "999"), (1_000, "1,000"), (99_999, "99,999"), (1_234_567, "1,234,567")]
        {
            assert_eq!(grouped(number), expected);
        }
    }

    #[test]
    fn the_format_is_read_off_a_command_line_that_is_wrong() {
        let of = |arguments: &[&str]| LogFormat::of(arguments.iter().map(std::ffi::OsString::from));
        assert_eq!(of(&["hotline", "--log-format", "json", "rnu"]), LogFormat::Json);
        assert_eq!(of(&["hotline", "rnu", "--log-format=json"]), LogFormat::Json);
        assert_eq!(of(&["hotline", "--log-format", "xml", "json"]), LogFormat::Text);
    }
}
