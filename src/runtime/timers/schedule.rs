//! The timers of one session, in the order in which they are due, and which of them the journal has not seen yet.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use tokio::sync::Notify;

use super::hours::{self, Hours};
use super::timer::{Scheduled, Spec, Timer};
use crate::clock::{Clock, Timestamp};
use crate::language::bundle::Bundle;
use crate::language::cron;
use crate::language::fault::Fault;
use crate::language::zone::Zone;
use crate::runtime::ids;
use crate::store::{Batch, TimerId, TimerOrigin, TimerRow};

/// How many timers a session holds: a function that sets two of itself would set ever more.
pub(crate) const TIMERS: usize = 100_000;

/// A call of a repeating timer that has not begun, until this is dropped.
pub(crate) struct Beat {
    unbegun: Rc<RefCell<HashSet<TimerId>>>,
    id: TimerId,
}

impl Drop for Beat {
    fn drop(&mut self) {
        self.unbegun.borrow_mut().remove(&self.id);
    }
}

/// The timers of one session, in the order in which they are due.
///
/// Every time is a time of day. Invariant: whoever gives one has asked [`now`](Self::now) for it, which brings the due times in
/// line with a time of day that was set, so that delays take as long as they are.
#[derive(Default)]
pub(crate) struct Schedule {
    /// Where the times of patterns are read.
    zone: RefCell<Zone>,
    hours: RefCell<Hours>,
    entries: RefCell<BTreeMap<(Timestamp, TimerId), Scheduled>>,
    changed: Notify,
    /// The ids of timers that are not to be there twice, by what they call; some may be gone.
    known: RefCell<HashMap<String, TimerId>>,
    /// Timers that are new, changed or gone since the journal asked last.
    unrecorded: RefCell<BTreeSet<TimerId>>,
    /// Repeating timers that were due and whose function waits for its lane.
    unbegun: Rc<RefCell<HashSet<TimerId>>>,
    /// Scripts of which it has been said that a timer waits for them.
    holding: RefCell<BTreeSet<String>>,
}

impl Schedule {
    /// One without timers, whose patterns follow the clocks of a zone.
    pub(crate) fn new(zone: Zone) -> Self {
        Self { zone: RefCell::new(zone), ..Self::default() }
    }

    /// Whether it takes no more timers.
    pub(crate) fn is_full(&self) -> bool {
        self.len() >= TIMERS
    }

    /// How many timers there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.borrow().len()
    }

    /// The timers that are due first, at most so many.
    pub(crate) fn upcoming(&self, most: usize) -> Vec<Scheduled> {
        self.entries.borrow().values().take(most).cloned().collect()
    }

    /// Notes that a timer's function is about to be called.
    pub(crate) fn beat(&self, due: &Scheduled) -> Beat {
        self.unbegun.borrow_mut().insert(due.id);
        Beat { unbegun: Rc::clone(&self.unbegun), id: due.id }
    }

    /// The time of day, with the due times in line with it.
    pub(crate) fn now(&self, clock: &Clock) -> Timestamp {
        let now = clock.now();
        let step = self.hours.borrow_mut().follow(clock.began(), now, ids::newest_id());
        if let Some(step) = step {
            self.shift(step, now);
        }
        now
    }

    /// Moves the due times by as much as the time of day was set: a delay is as long as it was. A pattern means the new time,
    /// once for each time that the clock shows; what was skipped is due once, unless the clock had not been set before.
    fn shift(&self, step: Timestamp, now: Timestamp) {
        let entries = self.entries.take();
        let moved = entries.into_values().filter_map(|entry| {
            self.unrecorded.borrow_mut().insert(entry.id);
            let due = match &entry.timer.spec {
                Spec::Cron(_) if step > 0 && !hours::is_unset(entry.due) => entry.due,
                Spec::Cron(pattern) => self.hours.borrow().next(pattern, entry.id, now, &self.zone.borrow())?,
                _ => entry.due.saturating_add(step),
            };
            Some(((due, entry.id), Scheduled { due, ..entry }))
        });
        let moved = moved.collect();
        *self.entries.borrow_mut() = moved;
        self.changed.notify_one();
    }

    /// Has patterns follow the clocks of another zone.
    pub(crate) fn set_zone(&self, zone: Zone, now: Timestamp) {
        if *self.zone.borrow() == zone {
            return;
        }
        self.zone.replace(zone);
        let entries = self.entries.take();
        let moved = entries.into_values().map(|entry| {
            let due = match &entry.timer.spec {
                spec @ Spec::Cron(_) => self.due_again(entry.id, spec, entry.due, now, None),
                _ => entry.due,
            };
            if due != entry.due {
                self.unrecorded.borrow_mut().insert(entry.id);
            }
            ((due, entry.id), Scheduled { due, ..entry })
        });
        let moved = moved.collect();
        *self.entries.borrow_mut() = moved;
        self.changed.notify_one();
    }

    /// Adds a timer, or finds the same one, which keeps its due time; `None` when it would never be due.
    pub(crate) fn add(&self, script: &str, timer: Timer, now: Timestamp, origin: TimerOrigin) -> Option<TimerId> {
        if let Some(key) = self.find(script, &timer) {
            if let Some(same) = self.entries.borrow_mut().get_mut(&key) {
                same.origin = same.origin.and(origin);
            }
            self.unrecorded.borrow_mut().insert(key.1);
            return Some(key.1);
        }
        let (id, due) = (ids::next_id(), timer.spec.next(now, &self.zone.borrow())?);
        self.know(script, &timer, id);
        self.insert(Scheduled { id, script: script.to_owned(), timer, due, origin });
        Some(id)
    }

    fn insert(&self, scheduled: Scheduled) {
        self.unrecorded.borrow_mut().insert(scheduled.id);
        self.entries.borrow_mut().insert((scheduled.due, scheduled.id), scheduled);
        self.changed.notify_one();
    }

    /// Where the same timer of a script stands.
    pub(crate) fn find(&self, script: &str, timer: &Timer) -> Option<(Timestamp, TimerId)> {
        let id = *self.known.borrow().get(&timer.call_of(script)?)?;
        let entries = self.entries.borrow();
        entries.keys().find(|(_, other)| *other == id).copied()
    }

    /// Notes that this is the timer of a script that is meant when the same one is asked for.
    fn know(&self, script: &str, timer: &Timer, id: TimerId) {
        let Some(call) = timer.call_of(script) else { return };
        let mut known = self.known.borrow_mut();
        // Those that are gone are left behind, and swept out when they are the most.
        if known.len() >= 64 + 2 * self.entries.borrow().len() {
            let there: HashSet<_> = self.entries.borrow().keys().map(|(_, id)| *id).collect();
            known.retain(|_, id| there.contains(id));
        }
        known.insert(call, id);
    }

    /// Takes a script's timer out; whether it was there.
    pub(crate) fn cancel(&self, script: &str, id: TimerId) -> bool {
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
    /// are added, and those that are no longer declared go, unless a handler asked for them too.
    pub(crate) fn declare(&self, script: &str, declared: &[Timer], now: Timestamp) {
        self.entries.borrow_mut().retain(|_, entry| {
            let is_its = entry.script == script && entry.origin.is_declared();
            if !is_its || declared.iter().any(|timer| timer.is_same(&entry.timer)) {
                return true;
            }
            self.unrecorded.borrow_mut().insert(entry.id);
            std::mem::replace(&mut entry.origin, TimerOrigin::Made) == TimerOrigin::Both
        });
        for timer in declared {
            self.add(script, timer.clone(), now, TimerOrigin::Declared);
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

    /// What is wrong with a script's timers that it has no function for, each with how many there are.
    pub(crate) fn astray(&self, bundle: &Bundle, has: impl Fn(&str, usize) -> bool) -> Vec<(Fault, usize)> {
        let mut astray: BTreeMap<_, (Fault, usize)> = BTreeMap::new();
        for Scheduled { timer, .. } in self.entries.borrow().values().filter(|entry| entry.script == *bundle.name) {
            let Err(fault) = timer.check(bundle, &has) else { continue };
            astray.entry((timer.function.clone(), timer.list().len())).or_insert((fault, 0)).1 += 1;
        }
        astray.into_values().collect()
    }

    /// The scripts that have timers.
    pub(crate) fn scripts(&self) -> BTreeSet<String> {
        self.entries.borrow().values().map(|entry| entry.script.clone()).collect()
    }

    /// Puts a timer back that was due and could not be called: it is due at once.
    pub(crate) fn put_back(&self, script: &str, timer: Timer, now: Timestamp) {
        let (id, script) = (ids::next_id(), script.to_owned());
        self.insert(Scheduled { id, script, timer, due: now, origin: TimerOrigin::Made });
    }

    /// Takes timers up again that an earlier process left behind, which was last seen at `last`; gives those that cannot be read.
    ///
    /// Several that are the same become the latest of them, which a script is most likely to remember, due as early as the first.
    pub(crate) fn restore(&self, rows: Vec<TimerRow>, now: Timestamp, last: Option<Timestamp>) -> Vec<TimerRow> {
        if let Some(last) = last.filter(|last| *last > now) {
            self.hours.borrow_mut().take_up(last, ids::newest_id());
        }
        let mut unread = Vec::new();
        for row in rows {
            let Ok(timer) = serde_json::from_str::<Timer>(&row.timer) else {
                unread.push(row);
                continue;
            };
            let TimerRow { id, script, due, mut origin, .. } = row;
            let mut due = self.due_again(id, &timer.spec, due, now, last);
            if let Some(same) = self.find(&script, &timer).and_then(|key| self.entries.borrow_mut().remove(&key)) {
                self.unrecorded.borrow_mut().extend([same.id, id]);
                (due, origin) = (due.min(same.due), origin.and(same.origin));
            }
            self.know(&script, &timer, id);
            self.entries.borrow_mut().insert((due, id), Scheduled { id, script, timer, due, origin });
        }
        self.changed.notify_one();
        unread
    }

    /// When a timer is due that an earlier process left behind to be due at `due`.
    fn due_again(
        &self,
        id: TimerId,
        spec: &Spec,
        due: Timestamp,
        now: Timestamp,
        last: Option<Timestamp>,
    ) -> Timestamp {
        match spec {
            // Soon the clock shows what it showed then.
            Spec::Cron(_) if hours::is_unset(now) && !hours::is_unset(due) => due,
            Spec::Cron(pattern) => {
                let next = self.hours.borrow().next(pattern, id, now, &self.zone.borrow());
                // It was reckoned in another zone where it is no time of the pattern in this one.
                let is_its = due <= now || cron::next(pattern, due - 1, &self.zone.borrow()) == Some(due);
                next.filter(|next| !is_its || *next < due).unwrap_or(due)
            }
            delay => match delay.length() {
                Some(length) if due > now => now.saturating_add(hours::left(due, length, now, last)),
                _ => due,
            },
        }
    }

    /// Moves what has changed since the last time into a batch.
    pub(crate) fn take_changes(&self, session: &str, batch: &mut Batch) {
        let changed = self.unrecorded.take();
        if changed.is_empty() {
            return;
        }
        let entries = self.entries.borrow();
        let mut gone = changed.clone();
        for entry in entries.values().filter(|entry| changed.contains(&entry.id)) {
            gone.remove(&entry.id);
            batch.timers.push(TimerRow {
                id: entry.id,
                session: session.to_owned(),
                script: entry.script.clone(),
                timer: entry.timer.to_json(),
                due: entry.due,
                origin: entry.origin,
            });
        }
        batch.gone_timers.extend(gone);
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
            let due = entries.range(..=(now, TimerId::MAX)).find(|(_, entry)| !entry.waits(&is_held));
            let key = due.map(|(key, _)| *key)?;
            let scheduled = entries.remove(&key).expect("its key was just read");
            self.unrecorded.borrow_mut().insert(scheduled.id);
            if let Some(due) = scheduled.next(now, &self.hours.borrow(), &self.zone.borrow()) {
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
        let waiting = entries.range(..=(now, TimerId::MAX)).filter(|(_, entry)| entry.waits(&is_held));
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
    use std::time::Duration;

    use serde_json::Value;

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
        schedule.add("a", timer("once", Spec::After(Duration::from_millis(5))), 0, TimerOrigin::Made);
        schedule.add("a", timer("tick", Spec::Every(Duration::from_millis(10))), 0, TimerOrigin::Made);
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
        schedule.add("a", timer("once", Spec::After(Duration::from_millis(5))), 0, TimerOrigin::Made);
        schedule.add("a", timer("tick", Spec::Every(Duration::from_millis(10))), 0, TimerOrigin::Made);
        schedule.add("b", timer("other", Spec::After(Duration::from_millis(7))), 0, TimerOrigin::Made);
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
            id: TimerId::new(id),
            session: "main".to_owned(),
            script: "a".to_owned(),
            timer: timer.to_owned(),
            due: 5,
            origin: TimerOrigin::Made,
        };
        let good = timer("once", Spec::After(Duration::from_millis(5))).to_json();
        assert_eq!(schedule.restore(vec![row(1, &good), row(2, "{")], 0, None), [row(2, "{")]);
        assert_eq!(take_due(&schedule, 5).as_deref(), Some("once"));
    }

    #[test]
    fn what_was_not_there_to_be_cancelled_is_not_recorded_as_gone() {
        let schedule = Schedule::default();
        let id = schedule
            .add("a", timer("once", Spec::After(Duration::from_millis(5))), 0, TimerOrigin::Made)
            .expect("it is due");
        schedule.take_changes("main", &mut Batch::default());
        let gone = || {
            let mut batch = Batch::default();
            schedule.take_changes("main", &mut batch);
            batch.gone_timers
        };
        assert!(!schedule.cancel("b", id) && !schedule.cancel("a", TimerId::new(99)));
        assert!(gone().is_empty());
        assert!(schedule.cancel("a", id));
        assert_eq!(gone(), [id]);
    }

    #[test]
    fn a_clock_that_is_set_changes_no_delay() {
        for set in [-900, 1_000_000] {
            let (schedule, clock) = (Schedule::default(), Clock::manual(1_000));
            let now = schedule.now(&clock);
            schedule.add("a", timer("once", Spec::After(Duration::from_millis(5))), now, TimerOrigin::Made);
            schedule.add("a", timer("tick", Spec::Every(Duration::from_millis(10))), now, TimerOrigin::Made);
            clock.set(1_000 + set);
            let now = schedule.now(&clock);
            assert_eq!(take_due(&schedule, now + 4), None);
            assert_eq!(take_due(&schedule, now + 5).as_deref(), Some("once"));
            assert_eq!(take_due(&schedule, now + 10).as_deref(), Some("tick"));
        }
    }

    /// A timer as an earlier process left it.
    fn row(id: i64, timer: &Timer, due: Timestamp) -> TimerRow {
        let (session, script) = ("main".to_owned(), "a".to_owned());
        TimerRow { id: TimerId::new(id), session, script, timer: timer.to_json(), due, origin: TimerOrigin::Made }
    }

    #[test]
    fn a_clock_that_has_not_been_set_yet_fires_no_pattern_twice_and_none_that_it_never_came_to() {
        let (schedule, clock) = (Schedule::default(), Clock::manual(20_000));
        let spec = || Spec::cron("0 9 * * *").expect("a pattern");
        let due = 1_704_099_600_000;
        schedule.restore(vec![row(1, &timer("kept", spec()), due)], schedule.now(&clock), Some(due - 5));
        schedule.add("a", timer("new", spec()), schedule.now(&clock), TimerOrigin::Made);
        clock.set(due - 60_000);
        assert_eq!(take_due(&schedule, schedule.now(&clock)), None);
        assert_eq!(schedule.next_due(|_| false), Some(due));
    }

    #[test]
    fn timers_that_multiplied_are_one_again() {
        let schedule = Schedule::default();
        let tick = |seconds| timer("tick", Spec::Every(Duration::from_secs(seconds)));
        let rows = vec![row(1, &tick(60), 900), row(2, &tick(60), 700), row(3, &tick(60), 800), row(4, &tick(61), 750)];
        assert!(schedule.restore(rows, 0, None).is_empty());
        let mut batch = Batch::default();
        schedule.take_changes("main", &mut batch);
        assert_eq!(batch.gone_timers, [1, 2].map(TimerId::new));
        assert_eq!(batch.timers.iter().map(|row| (row.id, row.due)).collect::<Vec<_>>(), [(TimerId::new(3), 700)]);
        assert_eq!(schedule.add("a", tick(60), 500, TimerOrigin::Made), Some(TimerId::new(3)));
        assert_eq!(schedule.next_due(|_| false), Some(700));
    }

    #[test]
    fn the_same_timer_is_there_once_however_it_is_written() {
        let schedule = Schedule::default();
        let with = |arguments: Value, pattern: &str| {
            let spec = Spec::cron(pattern).expect("a pattern");
            schedule.add("a", Timer { arguments, ..timer("tick", spec) }, 0, TimerOrigin::Made)
        };
        let first = with(Value::Null, "0 9 * * *");
        assert_eq!(with(Value::Array(Vec::new()), "0  9 * * * "), first);
        assert_ne!(with(Value::Null, "0 9 * * 1"), first);
        let other = with("x".into(), "0 9 * * *");
        assert_ne!(other, first);
        assert_eq!(with(vec!["x"].into(), "0 9 * * *"), other);
        let after = || schedule.add("a", timer("once", Spec::After(Duration::from_millis(5))), 0, TimerOrigin::Made);
        assert_ne!(after(), after());
    }

    #[test]
    fn what_is_gone_is_not_the_same_as_what_comes() {
        let schedule = Schedule::default();
        let tick = |number: u64| timer("tick", Spec::Every(Duration::from_secs(number)));
        let add = |number| schedule.add("a", tick(number), 0, TimerOrigin::Made).expect("it is due");
        for number in 1..1_000 {
            let id = add(number);
            assert!(schedule.cancel("a", id));
            assert_ne!(add(number), id);
            assert!(schedule.cancel("a", add(number)));
        }
        assert!(schedule.known.borrow().len() < 100, "they are swept out");
    }

    #[test]
    fn what_a_handler_made_stays_when_its_declaration_goes() {
        let schedule = Schedule::default();
        let tick = timer("tick", Spec::Every(Duration::from_secs(1)));
        schedule.declare("a", std::slice::from_ref(&tick), 0);
        let made = schedule.add("a", tick.clone(), 400, TimerOrigin::Made);
        schedule.declare("a", &[], 500);
        assert_eq!(schedule.next_due(|_| false), Some(1_000));
        schedule.declare("a", std::slice::from_ref(&tick), 600);
        schedule.declare("a", &[], 700);
        assert_eq!(schedule.add("a", tick, 800, TimerOrigin::Made), made);
    }

    #[test]
    fn a_script_that_is_gone_takes_its_timers_along() {
        let schedule = Schedule::default();
        schedule.add("a", timer("once", Spec::After(Duration::from_millis(5))), 0, TimerOrigin::Made);
        let kept = schedule.add("b", timer("once", Spec::After(Duration::from_millis(5))), 0, TimerOrigin::Made);
        schedule.take_changes("main", &mut Batch::default());
        schedule.forget("a");
        let mut batch = Batch::default();
        schedule.take_changes("main", &mut batch);
        assert_eq!((batch.gone_timers.len(), batch.timers.len()), (1, 0));
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
    fn a_pattern_that_waited_in_another_zone_means_the_new_one() {
        let spec = Spec::cron("0 9 * * *").expect("a pattern");
        let (noon, hour) = (1_767_614_400_000, 3_600_000);
        let due_again = |due: Timestamp| {
            let schedule = Schedule::new("Asia/Tokyo".parse().expect("a zone"));
            schedule.due_again(TimerId::new(1), &spec, due, noon, Some(noon - 1))
        };
        assert_eq!(due_again(noon + 12 * hour), noon + 12 * hour, "nine in Tokyo");
        assert_eq!(due_again(noon + 10 * hour), noon + 12 * hour, "nine in Sydney");
        assert_eq!(due_again(noon + 21 * hour), noon + 12 * hour, "nine in London");
        assert_eq!(due_again(noon - 3 * hour), noon - 3 * hour, "it was due while no bot ran");
    }

    #[test]
    fn patterns_follow_another_zone_at_once_and_delays_do_not() {
        let (midnight, hour) = (1_767_571_200_000, 3_600_000);
        let schedule = Schedule::new("Asia/Tokyo".parse().expect("a zone"));
        let pattern = timer("nine", Spec::cron("0 9 * * *").expect("a pattern"));
        schedule.add("a", pattern, midnight + 1, TimerOrigin::Made).expect("it is due");
        schedule.add("a", timer("tick", Spec::Every(Duration::from_secs(7_200))), midnight + 1, TimerOrigin::Made);
        let due = |schedule: &Schedule| schedule.upcoming(2).iter().map(|timer| timer.due).collect::<Vec<_>>();
        assert_eq!(due(&schedule), [midnight + 2 * hour + 1, midnight + 24 * hour], "nine in Tokyo");
        schedule.set_zone("Asia/Bangkok".parse().expect("a zone"), midnight + 2);
        assert_eq!(due(&schedule), [midnight + 2 * hour, midnight + 2 * hour + 1], "nine in Bangkok");
    }
}
