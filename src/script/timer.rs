//! Timers: data that names a function of a script and when to call it. What a call does is up to the script.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::time::Duration;

use chrono::{Local, TimeZone};
use croner::Cron;
use rhai::{Dynamic, Position};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Notify;

use super::check::{Header, arguments as counted, headers};
use super::fault::Fault;
use super::generation::Generation;
use super::run;
use super::surface::ticked;
use crate::clock::Timestamp;
use crate::protocol::{Content, Event};
use crate::store::{Cut, TimerRow};

/// When a timer is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Spec {
    /// Once, after a delay.
    After(Duration),
    /// Again and again, at this distance.
    Every(Duration),
    /// At the times that a cron pattern matches, in local time.
    Cron(String),
}

/// A call to come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Timer {
    /// The name of the function, bound when the timer is due: a newer generation's function is called.
    pub(crate) function: String,
    /// What it is called with.
    pub(crate) arguments: Value,
    /// When.
    pub(crate) spec: Spec,
}

/// A timer that waits for its time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scheduled {
    /// Its id, for `cancel`.
    pub(crate) id: u64,
    /// The script that it belongs to.
    pub(crate) script: String,
    /// What is called, and when.
    pub(crate) timer: Timer,
    /// When it is due next.
    pub(crate) due: Timestamp,
    /// Whether the script's top level declares it, so that it goes when the declaration goes.
    pub(crate) declared: bool,
}

impl Spec {
    /// The next time after `now`; `None` when there is none any more.
    pub(crate) fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let later =
            |delay: &Duration| now.saturating_add(Timestamp::try_from(delay.as_millis()).unwrap_or(Timestamp::MAX));
        match self {
            Self::After(delay) => Some(later(delay)),
            Self::Every(period) => Some(later(period)),
            Self::Cron(pattern) => {
                let time = Local.timestamp_millis_opt(now).single()?;
                let next = Cron::from_str(pattern).ok()?.find_next_occurrence(&time, false).ok()?;
                Some(next.timestamp_millis())
            }
        }
    }

    /// Checks a cron pattern.
    ///
    /// # Errors
    /// With what is wrong about it.
    pub(crate) fn cron(pattern: &str) -> Result<Self, String> {
        Cron::from_str(pattern).map_err(|error| {
            format!(
                "\"{pattern}\" is no cron pattern such as \"0 9 * * 1-5\" (minute, hour, day, month, weekday): {error}"
            )
        })?;
        Ok(Self::Cron(pattern.to_owned()))
    }
}

impl Timer {
    /// The timer as JSON text.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a timer holds only plain data")
    }

    /// The arguments as a script's values: the items of an array, or the one value.
    pub(crate) fn values(&self) -> Vec<Dynamic> {
        let convert = |value: &Value| super::value::from_content(&value.to_string());
        match &self.arguments {
            Value::Null => Vec::new(),
            Value::Array(items) => items.iter().map(convert).collect(),
            other => vec![convert(other)],
        }
    }

    /// Checks that the script has the function that the timer names.
    ///
    /// # Errors
    /// With the functions of that name that it has.
    pub(crate) fn check(&self, generation: &Generation) -> Result<(), Fault> {
        let (name, count) = (&self.function, self.values().len());
        if generation.has_function(name, count) {
            return Ok(());
        }
        let bundle = &generation.bundle;
        let text = &bundle.script.text;
        let known: Vec<_> = headers(text).iter().filter(|header| header.name == *name).map(Header::signature).collect();
        let (message, help) = match known.as_slice() {
            [] => (format!("a timer names the function \"{name}\", which this script does not define"), None),
            known => (
                format!("a timer calls `{name}` with {}, but it is {}", counted(count), ticked(known)),
                Some("a timer's arguments are its third argument: an array of them, or a single one".to_owned()),
            ),
        };
        let quoted = [format!("\"{name}\""), format!("`{name}`")];
        let sources = std::iter::once(&bundle.script).chain(bundle.modules.values());
        let place = sources.filter_map(|source| Some((source, place_of(&source.text, &quoted)?))).next();
        let fault = match place {
            Some((source, place)) => Fault::in_source(source, place, message),
            None => Fault::of_file(&bundle.script.file, message),
        };
        Err(Fault { help, ..fault })
    }
}

/// Where the first of some words stands in a text.
fn place_of(text: &str, words: &[String]) -> Option<Position> {
    text.lines().enumerate().find_map(|(index, line)| {
        let at = words.iter().find_map(|word| line.find(word))?;
        let column = line[..at].chars().count() + 1;
        Some(Position::new(u16::try_from(index + 1).ok()?, u16::try_from(column).ok()?))
    })
}

/// The subcommand under which the journal keeps a timer that was due.
pub(crate) const DUE: &str = "@timer";

impl Scheduled {
    /// The event that it is when it is due.
    pub(crate) fn event(&self) -> Event {
        let content = serde_json::json!({"script": self.script, "timer": self.timer});
        Event { subcommand: DUE.to_owned(), content: Content::new(content.to_string()) }
    }

    /// The script and the timer of such an event.
    pub(crate) fn of_event(event: &Event) -> Option<(String, Timer)> {
        let mut content = event.content.value();
        let script = content.get("script")?.as_str()?.to_owned();
        let timer = serde_json::from_value(content.get_mut("timer")?.take()).ok()?;
        Some((script, timer))
    }
}

/// The timers of one session, in the order in which they are due.
#[derive(Default)]
pub(crate) struct Schedule {
    entries: RefCell<BTreeMap<(Timestamp, u64), Scheduled>>,
    changed: Notify,
    /// Timers that are new, changed or gone since the journal asked last.
    unrecorded: RefCell<BTreeSet<u64>>,
}

impl Schedule {
    /// Adds a timer; `None` when it would never be due.
    pub(crate) fn add(&self, script: &str, timer: Timer, now: Timestamp, declared: bool) -> Option<u64> {
        let due = timer.spec.next(now)?;
        let id = run::next_id();
        let scheduled = Scheduled { id, script: script.to_owned(), timer, due, declared };
        self.entries.borrow_mut().insert((due, id), scheduled);
        self.unrecorded.borrow_mut().insert(id);
        self.changed.notify_one();
        Some(id)
    }

    /// Takes a script's timer out; whether it was there.
    pub(crate) fn cancel(&self, script: &str, id: u64) -> bool {
        let mut entries = self.entries.borrow_mut();
        let before = entries.len();
        entries.retain(|_, entry| entry.id != id || entry.script != script);
        self.unrecorded.borrow_mut().insert(id);
        entries.len() < before
    }

    /// Brings a script's declared timers in line with its newest generation: the same ones keep their due time, new ones
    /// are added, and those that are no longer declared go.
    pub(crate) fn declare(&self, script: &str, declared: &[Timer], now: Timestamp) {
        let mut missing = declared.to_vec();
        self.entries.borrow_mut().retain(|_, entry| {
            if entry.script != script || !entry.declared {
                return true;
            }
            let kept = missing.iter().position(|timer| *timer == entry.timer);
            self.unrecorded.borrow_mut().insert(entry.id);
            kept.map(|index| missing.swap_remove(index)).is_some()
        });
        for timer in missing {
            self.add(script, timer, now, true);
        }
    }

    /// Takes all timers of a script out.
    pub(crate) fn forget(&self, script: &str) {
        self.entries.borrow_mut().retain(|_, entry| {
            self.unrecorded.borrow_mut().insert(entry.id);
            entry.script != script
        });
    }

    /// Takes timers up again that an earlier process left behind.
    pub(crate) fn restore(&self, rows: Vec<TimerRow>) {
        for TimerRow { id, script, timer, due, declared, .. } in rows {
            let Ok(timer) = serde_json::from_str(&timer) else { continue };
            let id = id.cast_unsigned();
            self.entries.borrow_mut().insert((due, id), Scheduled { id, script, timer, due, declared });
        }
        self.changed.notify_one();
    }

    /// Moves what has changed since the last time into a cut.
    pub(crate) fn take_changes(&self, session: &str, cut: &mut Cut) {
        let changed = self.unrecorded.take();
        if changed.is_empty() {
            return;
        }
        let entries = self.entries.borrow();
        let mut gone = changed.clone();
        for entry in entries.values().filter(|entry| changed.contains(&entry.id)) {
            gone.remove(&entry.id);
            cut.timers.push(TimerRow {
                id: entry.id.cast_signed(),
                session: session.to_owned(),
                script: entry.script.clone(),
                timer: entry.timer.to_json(),
                due: entry.due,
                declared: entry.declared,
            });
        }
        cut.gone_timers.extend(gone.into_iter().map(u64::cast_signed));
    }

    /// When the next timer is due.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.entries.borrow().keys().next().map(|(due, _)| *due)
    }

    /// Takes the next timer that is due. A repeating one is due again one period after `now`, however late it was.
    pub(crate) fn take_due(&self, now: Timestamp) -> Option<Scheduled> {
        let mut entries = self.entries.borrow_mut();
        let first = entries.first_entry().filter(|entry| entry.key().0 <= now)?;
        let scheduled = first.remove();
        self.unrecorded.borrow_mut().insert(scheduled.id);
        if !matches!(scheduled.timer.spec, Spec::After(_))
            && let Some(due) = scheduled.timer.spec.next(now)
        {
            entries.insert((due, scheduled.id), Scheduled { due, ..scheduled.clone() });
        }
        Some(scheduled)
    }

    /// Waits until a timer has been added.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timer(function: &str, spec: Spec) -> Timer {
        Timer { function: function.to_owned(), arguments: Value::Null, spec }
    }

    #[test]
    fn a_repeating_timer_is_due_again_and_a_single_one_is_not() {
        let schedule = Schedule::default();
        schedule.add("a", timer("once", Spec::After(Duration::from_millis(5))), 0, false);
        schedule.add("a", timer("tick", Spec::Every(Duration::from_millis(10))), 0, false);
        assert_eq!(schedule.take_due(4), None);
        assert_eq!(schedule.take_due(12).map(|due| due.timer.function), Some("once".to_owned()));
        assert_eq!(schedule.take_due(12).map(|due| due.timer.function), Some("tick".to_owned()));
        assert_eq!(schedule.take_due(12), None);
        assert_eq!(schedule.next_due(), Some(22));
    }

    #[test]
    fn a_declared_timer_keeps_its_due_time_while_it_is_declared() {
        let schedule = Schedule::default();
        let (tick, tock) =
            (timer("tick", Spec::Every(Duration::from_secs(1))), timer("tock", Spec::Every(Duration::from_secs(1))));
        schedule.declare("a", std::slice::from_ref(&tick), 0);
        schedule.declare("a", &[tick, tock.clone()], 500);
        assert_eq!(schedule.next_due(), Some(1_000));
        schedule.declare("a", &[tock], 600);
        assert_eq!(schedule.next_due(), Some(1_500));
    }

    #[test]
    fn a_cron_pattern_names_times_or_is_refused() {
        let spec = Spec::cron("*/5 * * * *").expect("a pattern");
        assert_eq!(spec.next(1_700_000_000_000), Some(1_700_000_100_000));
        assert!(Spec::cron("every monday").is_err());
    }
}
