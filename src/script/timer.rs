//! Timers: data that names a function of a script and when to call it. What a call does is up to the script.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::rc::Rc;
use std::str::FromStr;
use std::time::Duration;

use croner::Cron;
use rhai::{Dynamic, Position};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Notify;

use super::check::{Header, arguments as counted, headers};
use super::cron;
use super::fault::Fault;
use super::generation::Generation;
use super::run;
use super::surface::ticked;
use crate::clock::Timestamp;
use crate::protocol::{Content, Event};
use crate::store::{Cut, TimerRow};

/// How many timers a session holds: a function that sets two of itself would set ever more.
pub(crate) const TIMERS: usize = 100_000;

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
            Self::Cron(pattern) => cron::next(pattern, now),
        }
    }

    /// Checks a cron pattern.
    ///
    /// # Errors
    /// With what is wrong about it.
    pub(crate) fn cron(pattern: &str) -> Result<Self, String> {
        let wrong = |reason: String| {
            let example = "such as \"0 9 * * 1-5\" (minute, hour, day, month, weekday)";
            format!("\"{pattern}\" is no cron pattern {example}: {reason}")
        };
        let fields = pattern.split_whitespace().count();
        // More fields would be seconds and years, and mean something else than they seem to.
        if fields > 5 {
            return Err(wrong(format!("it has {fields} fields, expected 5")));
        }
        Cron::from_str(pattern).map_err(|error| wrong(error.to_string()))?;
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

/// A call of a repeating timer that has not begun, until this is dropped.
pub(crate) struct Beat {
    unbegun: Rc<RefCell<HashSet<u64>>>,
    id: u64,
}

impl Drop for Beat {
    fn drop(&mut self) {
        self.unbegun.borrow_mut().remove(&self.id);
    }
}

impl Scheduled {
    /// Whether it stays when it is due, since its script is held.
    fn waits(&self, is_held: impl Fn(&str) -> bool) -> bool {
        matches!(self.timer.spec, Spec::After(_)) && is_held(&self.script)
    }

    /// When it is due again after `now`.
    fn next(&self, now: Timestamp) -> Option<Timestamp> {
        match &self.timer.spec {
            Spec::After(_) => None,
            Spec::Every(period) => {
                let period = Timestamp::try_from(period.as_millis()).unwrap_or(Timestamp::MAX).max(1);
                let beats = now.saturating_sub(self.due) / period + 1;
                Some(self.due.saturating_add(period.saturating_mul(beats)))
            }
            Spec::Cron(_) => self.timer.spec.next(now),
        }
    }

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
    /// Repeating timers that were due and whose function waits for its lane.
    unbegun: Rc<RefCell<HashSet<u64>>>,
    /// Scripts of which it has been said that a timer waits for them.
    holding: RefCell<BTreeSet<String>>,
}

impl Schedule {
    /// Whether it takes no more timers.
    pub(crate) fn is_full(&self) -> bool {
        self.entries.borrow().len() >= TIMERS
    }

    /// Notes that a timer's function is about to be called.
    pub(crate) fn beat(&self, due: &Scheduled) -> Beat {
        self.unbegun.borrow_mut().insert(due.id);
        Beat { unbegun: Rc::clone(&self.unbegun), id: due.id }
    }

    /// Brings the due times in line with a clock that was set back by `step` milliseconds: a delay is as long as it was, and a
    /// pattern means the new time.
    pub(crate) fn set_back(&self, step: Timestamp, now: Timestamp) {
        let entries = self.entries.take();
        let moved = entries.into_values().filter_map(|entry| {
            self.unrecorded.borrow_mut().insert(entry.id);
            let due = match &entry.timer.spec {
                Spec::After(_) | Spec::Every(_) => entry.due.saturating_sub(step),
                Spec::Cron(_) => entry.timer.spec.next(now)?,
            };
            Some(((due, entry.id), Scheduled { due, ..entry }))
        });
        let moved = moved.collect();
        *self.entries.borrow_mut() = moved;
        self.changed.notify_one();
    }

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
        let was_there = entries.len() < before;
        // The id of another session's timer would take that one off the disk.
        if was_there {
            self.unrecorded.borrow_mut().insert(id);
        }
        was_there
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
        let mut unrecorded = self.unrecorded.borrow_mut();
        self.entries.borrow_mut().retain(|_, entry| {
            let stays = entry.script != script;
            if !stays {
                unrecorded.insert(entry.id);
            }
            stays
        });
    }

    /// The scripts that have timers.
    pub(crate) fn scripts(&self) -> BTreeSet<String> {
        self.entries.borrow().values().map(|entry| entry.script.clone()).collect()
    }

    /// Puts a timer back that was due and could not be called: it is due at once.
    pub(crate) fn put_back(&self, script: &str, timer: Timer, now: Timestamp) {
        let id = run::next_id();
        let scheduled = Scheduled { id, script: script.to_owned(), timer, due: now, declared: false };
        self.entries.borrow_mut().insert((now, id), scheduled);
        self.unrecorded.borrow_mut().insert(id);
        self.changed.notify_one();
    }

    /// Takes timers up again that an earlier process left behind; gives those that cannot be read.
    ///
    /// A repeating one that is due later than it can be was left behind by a clock that has been set back since.
    pub(crate) fn restore(&self, rows: Vec<TimerRow>, now: Timestamp) -> Vec<TimerRow> {
        let mut unread = Vec::new();
        for row in rows {
            let Ok(timer) = serde_json::from_str::<Timer>(&row.timer) else {
                unread.push(row);
                continue;
            };
            let TimerRow { id, script, mut due, declared, .. } = row;
            if !matches!(timer.spec, Spec::After(_)) {
                due = due.min(timer.spec.next(now).unwrap_or(due));
            }
            let id = id.cast_unsigned();
            self.entries.borrow_mut().insert((due, id), Scheduled { id, script, timer, due, declared });
        }
        self.changed.notify_one();
        unread
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

    /// When the next timer is due, but for those that wait for a script which is held.
    pub(crate) fn next_due(&self, is_held: impl Fn(&str) -> bool) -> Option<Timestamp> {
        let entries = self.entries.borrow();
        entries.values().find(|entry| !entry.waits(&is_held)).map(|entry| entry.due)
    }

    /// Takes the next timer that is due. A repeating one keeps its beat, and what it missed is not made up for.
    ///
    /// Where its script is held, one that is due once stays until it is not, and the others miss a beat; so they do while an
    /// earlier beat has not come to its function.
    pub(crate) fn take_due(&self, now: Timestamp, is_held: impl Fn(&str) -> bool) -> Option<Scheduled> {
        let mut entries = self.entries.borrow_mut();
        loop {
            let due = entries.range(..=(now, u64::MAX)).find(|(_, entry)| !entry.waits(&is_held));
            let key = due.map(|(key, _)| *key)?;
            let scheduled = entries.remove(&key).expect("its key was just read");
            self.unrecorded.borrow_mut().insert(scheduled.id);
            if let Some(due) = scheduled.next(now) {
                entries.insert((due, scheduled.id), Scheduled { due, ..scheduled.clone() });
            }
            if !is_held(&scheduled.script) && !self.unbegun.borrow().contains(&scheduled.id) {
                return Some(scheduled);
            }
        }
    }

    /// The scripts that are held and for which a timer begins to wait now.
    pub(crate) fn begin_to_hold(&self, now: Timestamp, is_held: impl Fn(&str) -> bool) -> Vec<String> {
        let mut holding = self.holding.borrow_mut();
        holding.retain(|script| is_held(script));
        let entries = self.entries.borrow();
        let waiting = entries.range(..=(now, u64::MAX)).filter(|(_, entry)| entry.waits(&is_held));
        waiting
            .filter(|(_, entry)| holding.insert(entry.script.clone()))
            .map(|(_, entry)| entry.script.clone())
            .collect()
    }

    /// Has whoever waits for a change look at what is due.
    pub(crate) fn wake(&self) {
        self.changed.notify_one();
    }

    /// Waits until a timer has been added, or somebody is to look.
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

    /// Takes the function of the next timer that is due.
    fn take_due(schedule: &Schedule, now: Timestamp) -> Option<String> {
        schedule.take_due(now, |_| false).map(|due| due.timer.function)
    }

    #[test]
    fn a_repeating_timer_is_due_again_and_a_single_one_is_not() {
        let schedule = Schedule::default();
        schedule.add("a", timer("once", Spec::After(Duration::from_millis(5))), 0, false);
        schedule.add("a", timer("tick", Spec::Every(Duration::from_millis(10))), 0, false);
        assert_eq!(take_due(&schedule, 4), None);
        assert_eq!(take_due(&schedule, 12).as_deref(), Some("once"));
        assert_eq!(take_due(&schedule, 12).as_deref(), Some("tick"));
        assert_eq!(take_due(&schedule, 12), None);
        assert_eq!(schedule.next_due(|_| false), Some(20), "it keeps its beat");
        assert_eq!(take_due(&schedule, 57).as_deref(), Some("tick"));
        assert_eq!(take_due(&schedule, 57), None, "what was missed is not made up for");
        assert_eq!(schedule.next_due(|_| false), Some(60));
    }

    #[test]
    fn a_timer_that_is_due_once_waits_while_its_script_is_held() {
        let schedule = Schedule::default();
        schedule.add("a", timer("once", Spec::After(Duration::from_millis(5))), 0, false);
        schedule.add("a", timer("tick", Spec::Every(Duration::from_millis(10))), 0, false);
        schedule.add("b", timer("other", Spec::After(Duration::from_millis(7))), 0, false);
        let is_held = |script: &str| script == "a";
        assert_eq!(schedule.begin_to_hold(12, is_held), ["a"]);
        assert!(schedule.begin_to_hold(12, is_held).is_empty(), "it is said once");
        assert_eq!(schedule.take_due(12, is_held).map(|due| due.timer.function), Some("other".to_owned()));
        assert_eq!(schedule.take_due(12, is_held), None);
        assert_eq!(schedule.next_due(is_held), Some(20));
        assert_eq!(take_due(&schedule, 13).as_deref(), Some("once"));
    }

    #[test]
    fn what_cannot_be_read_of_an_earlier_process_is_given_back() {
        let schedule = Schedule::default();
        let row = |id, timer: &str| TimerRow {
            id,
            session: "main".to_owned(),
            script: "a".to_owned(),
            timer: timer.to_owned(),
            due: 5,
            declared: false,
        };
        let good = timer("once", Spec::After(Duration::from_millis(5))).to_json();
        assert_eq!(schedule.restore(vec![row(1, &good), row(2, "{")], 0), [row(2, "{")]);
        assert_eq!(take_due(&schedule, 5).as_deref(), Some("once"));
    }

    #[test]
    fn what_was_not_there_to_be_cancelled_is_not_recorded_as_gone() {
        let schedule = Schedule::default();
        let id = schedule.add("a", timer("once", Spec::After(Duration::from_millis(5))), 0, false).expect("it is due");
        schedule.take_changes("main", &mut Cut::default());
        let gone = || {
            let mut cut = Cut::default();
            schedule.take_changes("main", &mut cut);
            cut.gone_timers
        };
        assert!(!schedule.cancel("b", id) && !schedule.cancel("a", 99));
        assert!(gone().is_empty());
        assert!(schedule.cancel("a", id));
        assert_eq!(gone(), [id.cast_signed()]);
    }

    #[test]
    fn a_clock_that_is_set_back_holds_no_timer_up() {
        let schedule = Schedule::default();
        schedule.add("a", timer("once", Spec::After(Duration::from_millis(5))), 1_000, false);
        schedule.add("a", timer("tick", Spec::Every(Duration::from_millis(10))), 1_000, false);
        schedule.set_back(900, 100);
        assert_eq!(take_due(&schedule, 105).as_deref(), Some("once"));
        assert_eq!(take_due(&schedule, 110).as_deref(), Some("tick"));

        let row = TimerRow {
            id: 1,
            session: "main".to_owned(),
            script: "a".to_owned(),
            timer: timer("tick", Spec::Every(Duration::from_millis(10))).to_json(),
            due: 5_000,
            declared: false,
        };
        let schedule = Schedule::default();
        assert!(schedule.restore(vec![row], 100).is_empty());
        assert_eq!(schedule.next_due(|_| false), Some(110), "nor does one that was set back between two processes");
    }

    #[test]
    fn a_script_that_is_gone_takes_its_timers_along() {
        let schedule = Schedule::default();
        schedule.add("a", timer("once", Spec::After(Duration::from_millis(5))), 0, false);
        let kept = schedule.add("b", timer("once", Spec::After(Duration::from_millis(5))), 0, false);
        schedule.take_changes("main", &mut Cut::default());
        schedule.forget("a");
        let mut cut = Cut::default();
        schedule.take_changes("main", &mut cut);
        assert_eq!((cut.gone_timers.len(), cut.timers.len()), (1, 0));
        assert_eq!(schedule.scripts(), BTreeSet::from(["b".to_owned()]));
        assert!(kept.is_some());
    }

    #[test]
    fn a_declared_timer_keeps_its_due_time_while_it_is_declared() {
        let schedule = Schedule::default();
        let (tick, tock) =
            (timer("tick", Spec::Every(Duration::from_secs(1))), timer("tock", Spec::Every(Duration::from_secs(1))));
        schedule.declare("a", std::slice::from_ref(&tick), 0);
        schedule.declare("a", &[tick, tock.clone()], 500);
        assert_eq!(schedule.next_due(|_| false), Some(1_000));
        schedule.declare("a", &[tock], 600);
        assert_eq!(schedule.next_due(|_| false), Some(1_500));
    }

    #[test]
    fn a_cron_pattern_names_times_or_is_refused() {
        let spec = Spec::cron("*/5 * * * *").expect("a pattern");
        assert_eq!(spec.next(1_700_000_000_000), Some(1_700_000_100_000));
        assert!(Spec::cron("every monday").is_err());
        let error = Spec::cron("0 0 9 * * *").expect_err("six fields");
        assert!(error.ends_with("it has 6 fields, expected 5"), "{error}");
    }
}
