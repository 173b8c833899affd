//! The time of day as timers see it: how far it was set, what it has shown already, and what an earlier process left of a delay.
//!
//! When a pattern matches on a clock that nobody sets is in `cron`.

use std::collections::VecDeque;

use crate::clock::Timestamp;
use crate::language::cron;
use crate::language::zone::Zone;
use crate::store::TimerId;

/// By how much the time of day must have moved to count as set.
const STEP: Timestamp = 500;

/// A clock that shows an earlier time has not been set since its machine was switched on: 2020.
const UNSET: Timestamp = 1_577_836_800_000;

/// How many stretches of time are remembered.
const STRETCHES: usize = 32;

/// A clock that was set back while no process ran shows again what it showed before, up to so long ago.
const BEFORE: Timestamp = 3 * 3_600 * 1_000;

/// What the clock has shown since a session has timers.
#[derive(Debug, Default)]
pub(crate) struct Hours {
    /// The time of day at which this process's clock began, as it is told now; and at which the present stretch began.
    present: Option<(Timestamp, Timestamp)>,
    past: VecDeque<Stretch>,
}

/// A stretch of time that the clock has shown until it was set.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    from: Timestamp,
    to: Timestamp,
    /// Timers with a higher id came after it.
    newest: TimerId,
}

impl Hours {
    /// Looks at the clock; gives by how much it has been set since the last look. `newest` is the id of the newest timer.
    pub(crate) fn follow(&mut self, began: Timestamp, now: Timestamp, newest: TimerId) -> Option<Timestamp> {
        let Some((before, from)) = self.present else {
            self.present = Some((began, now));
            return None;
        };
        let step = began - before;
        if step.abs() < STEP {
            return None;
        }
        self.remember(Stretch { from, to: now - step, newest });
        self.present = Some((began, now));
        Some(step)
    }

    /// Takes up what an earlier process saw: the clock showed `last` then.
    pub(crate) fn take_up(&mut self, last: Timestamp, newest: TimerId) {
        self.remember(Stretch { from: last - BEFORE, to: last, newest });
    }

    fn remember(&mut self, stretch: Stretch) {
        if self.past.len() >= STRETCHES {
            self.past.pop_front();
        }
        self.past.push_back(stretch);
    }

    /// The next time of a timer's pattern after `now` that the clock has not shown since there is this timer.
    pub(crate) fn next(&self, pattern: &str, timer: TimerId, now: Timestamp, zone: &Zone) -> Option<Timestamp> {
        let mut next = cron::next(pattern, now, zone)?;
        let shown = |next: &Timestamp| {
            let is_its = |stretch: &&Stretch| timer <= stretch.newest && (stretch.from..=stretch.to).contains(next);
            self.past.iter().find(is_its).map(|stretch| stretch.to)
        };
        while let Some(until) = shown(&next) {
            next = cron::next(pattern, until, zone)?;
        }
        Some(next)
    }
}

/// Whether a clock that shows this time has not been set since its machine was switched on.
pub(crate) fn is_unset(now: Timestamp) -> bool {
    now < UNSET
}

/// How many milliseconds are left of a delay of `length` that an earlier process began and that is over at `due`. `last` is the
/// latest time that is known of that process.
///
/// More than the whole delay cannot be left: then the clock was set back in between, or has not been set yet, and the delay goes
/// on where it was when that process ended.
pub(crate) fn left(due: Timestamp, length: Timestamp, now: Timestamp, last: Option<Timestamp>) -> Timestamp {
    let left = due.saturating_sub(now);
    if left <= length {
        return left.max(0);
    }
    last.map_or(length, |last| due.saturating_sub(last).clamp(0, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Timestamp = 60_000;
    const HOUR: Timestamp = 60 * MINUTE;
    /// The newest timer.
    const NEWEST: TimerId = TimerId::new(7);
    /// A full hour.
    const NOON: Timestamp = 1_704_110_400_000;

    #[test]
    fn what_the_clock_shows_again_is_no_time_of_a_pattern_but_for_newer_timers() {
        let mut hours = Hours::default();
        assert_eq!(hours.follow(0, NOON, NEWEST), None);
        assert_eq!(hours.follow(400, NOON + 30 * MINUTE, NEWEST), None, "a clock is adjusted all the time");
        assert_eq!(hours.follow(-HOUR, NOON - 20 * MINUTE, NEWEST), Some(-HOUR));
        let next = |timer, now| hours.next("*/15 * * * *", timer, now, &Zone::default());
        assert_eq!(next(NEWEST, NOON - 20 * MINUTE), Some(NOON - 15 * MINUTE), "it has not been shown yet");
        assert_eq!(next(NEWEST, NOON - 10 * MINUTE), Some(NOON + 45 * MINUTE));
        assert_eq!(next(TimerId::new(8), NOON - 10 * MINUTE), Some(NOON));
    }

    #[test]
    fn a_year_that_the_clock_showed_by_mistake_holds_nothing_up() {
        let mut hours = Hours::default();
        hours.follow(0, NOON, NEWEST);
        let year = 365 * 24 * HOUR;
        assert_eq!(hours.follow(year, NOON + year, NEWEST), Some(year));
        assert_eq!(hours.follow(0, NOON + 20 * MINUTE, NEWEST), Some(-year));
        assert_eq!(hours.next("*/15 * * * *", NEWEST, NOON + 20 * MINUTE, &Zone::default()), Some(NOON + 30 * MINUTE));
    }

    #[test]
    fn what_is_left_of_a_delay_is_never_more_than_the_whole() {
        assert_eq!(left(NOON + 5, 10, NOON, Some(NOON - 3)), 5);
        assert_eq!(left(NOON - 5, 10, NOON, None), 0);
        assert_eq!(left(NOON + 5, 10, 20_000, Some(NOON)), 5, "a clock that has not been set yet");
        assert_eq!(left(NOON + 5, 10, 20_000, None), 10);
        assert_eq!(left(NOON + 5, 10, 20_000, Some(NOON + 9)), 0);
    }
}
