//! What a world's bot writes to its log, kept for the test that may have to explain itself.
//!
//! Everything of a world happens on one thread, so a subscriber of that thread hears all of it and nothing else.

use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::field::{Field, Visit};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// How many lines are kept; the oldest go first.
const LINES: usize = 200;

/// The log of one world; clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct TestLog(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    lines: Vec<String>,
    failures: Vec<RunFailure>,
}

/// A run of the bot that failed.
#[derive(Clone, Debug)]
pub(super) struct RunFailure {
    /// What was wrong, in one line and the calls below it.
    pub(super) message: String,
    /// Its card.
    pub(super) card: String,
}

impl TestLog {
    /// Listens on this thread until the guard goes.
    pub(super) fn listen(&self) -> DefaultGuard {
        let subscriber = tracing_subscriber::registry().with(Listener(self.clone()));
        tracing::subscriber::set_default(subscriber)
    }

    /// The lines so far.
    pub(super) fn lines(&self) -> Vec<String> {
        self.kept().lines.clone()
    }

    /// The runs that failed, and that no test has asked for yet.
    pub(super) fn failures(&self) -> Vec<RunFailure> {
        self.kept().failures.clone()
    }

    /// Takes the first failed run whose message holds `text`.
    pub(super) fn take_failure(&self, text: &str) -> Option<String> {
        let mut kept = self.kept();
        let index = kept.failures.iter().position(|failure| failure.message.contains(text))?;
        Some(kept.failures.remove(index).message)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Listener(TestLog);

impl<S: Subscriber> Layer<S> for Listener {
    fn enabled(&self, metadata: &tracing::Metadata<'_>, _: Context<'_, S>) -> bool {
        match metadata.target() {
            "hotline::script" => *metadata.level() <= Level::INFO,
            target => *metadata.level() <= Level::WARN && target.starts_with("hotline"),
        }
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let is_of_script = event.metadata().target() == "hotline::script";
        let level = event.metadata().level().as_str().to_lowercase();
        let mut kept = self.0.kept();
        if kept.lines.len() >= LINES {
            kept.lines.remove(0);
        }
        let script =
            if is_of_script && !fields.script.is_empty() { format!("{}: ", fields.script) } else { String::new() };
        // Only a run that failed names its function. It is shown by its card, unless the test expects it.
        let is_failure = is_of_script && *event.metadata().level() == Level::ERROR && fields.has_function;
        kept.lines.push(format!("{level} {script}{}", fields.message));
        if is_failure {
            kept.failures.push(RunFailure { message: fields.message, card: fields.card });
        }
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    script: String,
    card: String,
    has_function: bool,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "script" => value.clone_into(&mut self.script),
            "card" => value.clone_into(&mut self.card),
            name => self.record_debug_of(name, &value),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.record_debug_of(field.name(), value);
    }
}

impl Fields {
    fn record_debug_of(&mut self, name: &str, value: &dyn std::fmt::Debug) {
        match name {
            "message" => {
                let _ = write!(self.message, "{value:?}");
            }
            "function" => self.has_function = true,
            _ => {}
        }
    }
}
