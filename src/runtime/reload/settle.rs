//! When files that change are to be read: once it has been quiet for a moment, and again later where what was read may be half of
//! a save. What has changed is not known here, and neither is a clock.

use std::time::{Duration, Instant};

/// How long it must be quiet after a change before it is looked at.
const QUIET: Duration = Duration::from_millis(40);

/// How long changes that go on and on can put off the look.
const AT_MOST: Duration = Duration::from_millis(400);

/// How much longer a version is held that may be half of a save: it is empty, or faulty, or gone.
const HOLD: Duration = Duration::from_millis(250);

/// Changes that are on their way, and what was read too early.
///
/// Invariants: each burst of changes is due once, with the time of its first, no later than [`AT_MOST`] after it. What is held
/// is due once, when no change is on its way.
#[derive(Debug, Default)]
pub(crate) struct Settle {
    /// The first and the last change of a burst that is not due yet.
    burst: Option<(Instant, Instant)>,
    /// When what may be half of a save is to be read again, and when it was saved.
    held: Option<(Instant, Instant)>,
}

/// What is to be read now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// What changed, first at this time.
    Changed(Instant),
    /// What was held, as it was saved at this time: it counts now, whatever it is.
    Held(Instant),
}

impl Settle {
    /// Something has changed.
    pub(crate) fn on_change(&mut self, now: Instant) {
        let first = self.burst.map_or(now, |(first, _)| first);
        self.burst = Some((first, now));
    }

    /// What was saved at that time may be half of a save: it is to be read again. Whatever was held before is held no more.
    pub(crate) fn hold(&mut self, saved: Instant, now: Instant) {
        self.held = Some((now + HOLD, saved));
    }

    /// What was held is in order.
    pub(crate) fn release(&mut self) {
        self.held = None;
    }

    /// Whether changes are on their way.
    pub(crate) fn is_settling(&self) -> bool {
        self.burst.is_some()
    }

    /// When to ask [`due`](Self::due) next.
    pub(crate) fn next(&self) -> Option<Instant> {
        match self.burst {
            Some((first, last)) => Some((last + QUIET).min(first + AT_MOST)),
            None => self.held.map(|(until, _)| until),
        }
    }

    /// Takes what is to be read now.
    pub(crate) fn due(&mut self, now: Instant) -> Option<Due> {
        if self.next()? > now {
            return None;
        }
        let changed = self.burst.take().map(|(first, _)| Due::Changed(first));
        changed.or_else(|| self.held.take().map(|(_, saved)| Due::Held(saved)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Wait(u64),
        Change,
        Hold,
        Release,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => (0..120_u64).prop_map(Step::Wait),
            1 => (120..1_000_u64).prop_map(Step::Wait),
            4 => Just(Step::Change),
            1 => Just(Step::Hold),
            1 => Just(Step::Release),
        ];
        prop::collection::vec(step, 0..200)
    }

    /// Does steps with somebody who asks whenever that is wanted; gives what was due, with when it was.
    fn play(steps: &[Step], start: Instant, mut check: impl FnMut(&Step, Instant)) -> Vec<(Instant, Due)> {
        let (mut settle, mut now, mut due) = (Settle::default(), start, Vec::new());
        for step in steps.iter().chain([&Step::Wait(10_000)]) {
            check(step, now);
            match step {
                Step::Change => settle.on_change(now),
                Step::Hold => settle.hold(now, now),
                Step::Release => settle.release(),
                Step::Wait(by) => {
                    let end = now + Duration::from_millis(*by);
                    while let Some(next) = settle.next().filter(|next| *next <= end) {
                        // What was held is due at once where changes have put it off.
                        let next = next.max(now);
                        assert!(next == now || settle.due(next - Duration::from_nanos(1)).is_none(), "it is due early");
                        due.push((next, settle.due(next).expect("what was announced is due")));
                        now = next;
                    }
                    now = end;
                }
            }
        }
        assert!(settle.next().is_none() && !settle.is_settling(), "something is left");
        due
    }

    proptest! {
        #[test]
        fn every_change_is_read_after_it_was_quiet_or_at_last(steps in steps()) {
            let start = Instant::now();
            let mut changes = Vec::new();
            let due = play(&steps, start, |step, now| {
                if matches!(step, Step::Change) {
                    changes.push(now);
                }
            });
            let mut changes = changes.into_iter().peekable();
            for (at, first) in due.iter().filter_map(|(at, due)| match due {
                Due::Changed(first) => Some((*at, *first)),
                Due::Held(_) => None,
            }) {
                prop_assert_eq!(changes.peek(), Some(&first), "a burst has the time of its first change");
                let mut last = first;
                while let Some(change) = changes.next_if(|change| *change < at) {
                    prop_assert!(change < last + QUIET, "it was quiet before");
                    last = change;
                }
                prop_assert_eq!(at, (last + QUIET).min(first + AT_MOST));
            }
            prop_assert_eq!(changes.next(), None, "a change is never read");
        }

        #[test]
        fn what_is_held_is_read_once_unless_it_is_held_anew_or_released(steps in steps()) {
            let start = Instant::now();
            let mut holds = Vec::new();
            let due = play(&steps, start, |step, now| match step {
                Step::Hold => holds.push((now, Some(now))),
                Step::Release => holds.push((now, None)),
                _ => {}
            });
            let held: Vec<_> = due.iter().filter(|(_, due)| matches!(due, Due::Held(_))).collect();
            for (at, due) in &held {
                let latest = holds.iter().rev().find(|(when, _)| when < at).and_then(|(_, saved)| *saved);
                let Due::Held(saved) = due else { unreachable!("others are left out") };
                prop_assert_eq!(latest, Some(*saved));
                prop_assert!(*at >= *saved + HOLD && *at <= *saved + HOLD + AT_MOST);
            }
            let mut times: Vec<_> = held.iter().map(|(_, due)| *due).collect();
            times.dedup();
            prop_assert_eq!(times.len(), held.len());
        }
    }
}
