//! Log lines that repeat: the first are said at once, the others are counted and told at intervals.
//!
//! Which lines those are, and where they go, is in `logging`.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tracing::Level;

/// How long lines are counted before it is told how many there were.
const INTERVAL: Duration = Duration::from_secs(10);

/// How many different lines of one kind are said in an interval.
const VARIANTS: u32 = 20;

/// How many lines are remembered at most; beyond them, those that did not come again are forgotten.
const REMEMBERED: usize = 20_000;

/// A line that may repeat.
#[derive(Clone, Debug)]
pub(super) struct Repeatable {
    /// What it has in common with lines that differ in what was sent: where it comes from, and whom it concerns.
    pub(super) kind: u64,
    /// What it has in common with its repetitions alone.
    pub(super) identity: u64,
    /// How often it is said before it is counted.
    pub(super) burst: u32,
    /// Whether lines of its kind that differ are counted too, when there are many.
    pub(super) has_variants: bool,
}

/// A line that was counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Again {
    pub(super) level: Level,
    pub(super) text: String,
    pub(super) times: u64,
    pub(super) over: Duration,
    /// Whether all were this line, or only of its kind.
    pub(super) is_same: bool,
}

/// The lines of the last interval.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    lines: HashMap<u64, Said>,
    kinds: HashMap<u64, Said>,
}

#[derive(Debug)]
struct Said {
    since: Instant,
    said: u32,
    again: u64,
    about: Option<(Level, String)>,
}

impl Said {
    fn new(since: Instant) -> Self {
        Self { since, said: 0, again: 0, about: None }
    }

    /// Begins anew where nothing was counted in an interval that is over.
    fn renew(&mut self, now: Instant) -> &mut Self {
        if self.about.is_none() && self.since + INTERVAL <= now {
            *self = Self::new(now);
        }
        self
    }

    /// Whether it is said once more; else it is counted.
    fn admits(&mut self, most: u32, about: impl FnOnce() -> (Level, String)) -> bool {
        if self.said < most {
            self.said += 1;
            return true;
        }
        self.again += 1;
        self.about.get_or_insert_with(about);
        false
    }

    fn take(&mut self, now: Instant, is_same: bool) -> Option<Again> {
        let (level, text) = self.about.take()?;
        let over = now.saturating_duration_since(self.since);
        self.since = now;
        Some(Again { level, text, times: std::mem::take(&mut self.again), over, is_same })
    }
}

impl Gathering {
    /// Whether a line is to be said now; `about` writes it down where it is counted instead.
    pub(super) fn admits(&mut self, line: &Repeatable, now: Instant, about: impl FnOnce() -> (Level, String)) -> bool {
        let is_known = self.lines.contains_key(&line.identity);
        if !is_known && line.has_variants {
            let kind = self.kinds.entry(line.kind).or_insert_with(|| Said::new(now)).renew(now);
            if kind.said >= VARIANTS {
                return kind.admits(VARIANTS, about);
            }
            kind.said += 1;
        }
        if self.lines.len() >= REMEMBERED {
            self.lines.retain(|_, said| said.about.is_some());
        }
        let said = self.lines.entry(line.identity).or_insert_with(|| Said::new(now));
        said.renew(now).admits(line.burst, about)
    }

    /// What was counted in the intervals that are over. A line that did not come again in its interval is forgotten.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Again> {
        self.taken(now, |said| said.since + INTERVAL <= now)
    }

    /// All that was counted, at the end.
    pub(super) fn rest(&mut self, now: Instant) -> Vec<Again> {
        self.taken(now, |_| true)
    }

    fn taken(&mut self, now: Instant, is_over: impl Fn(&Said) -> bool) -> Vec<Again> {
        let mut told = Vec::new();
        for (lines, is_same) in [(&mut self.lines, true), (&mut self.kinds, false)] {
            lines.retain(|_, said| {
                if !is_over(said) {
                    return true;
                }
                let again = said.take(now, is_same);
                let has_come = again.is_some();
                told.extend(again);
                has_come
            });
        }
        told
    }

    /// When the next interval is over in which something was counted.
    pub(super) fn next(&self) -> Option<Instant> {
        let said = self.lines.values().chain(self.kinds.values());
        said.filter(|said| said.about.is_some()).map(|said| said.since + INTERVAL).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(kind: u64, identity: u64) -> Repeatable {
        Repeatable { kind, identity, burst: 1, has_variants: true }
    }

    fn about() -> (Level, String) {
        (Level::INFO, "it".to_owned())
    }

    #[test]
    fn the_first_is_said_and_the_others_are_counted_until_they_stop() {
        let start = Instant::now();
        let mut gathering = Gathering::default();
        let said = (0..100_000).filter(|_| gathering.admits(&line(1, 1), start, about)).count();
        assert_eq!(said, 1);
        assert_eq!(gathering.due(start), []);
        let mut now = start;
        for times in [99_999, 1] {
            now += INTERVAL;
            let told: Vec<_> = gathering.due(now).into_iter().map(|again| (again.times, again.over)).collect();
            assert_eq!(told, [(times, INTERVAL)]);
            assert!(!gathering.admits(&line(1, 1), now, about), "it goes on");
        }
        now += INTERVAL;
        assert_eq!(gathering.rest(now).len(), 1);
        now += INTERVAL;
        assert_eq!(gathering.next(), None);
        assert!(gathering.admits(&line(1, 1), now, about), "it is news again");
        assert!(!gathering.admits(&line(1, 1), now, about));
        assert_eq!(gathering.next(), Some(now + INTERVAL));
    }

    #[test]
    fn lines_that_differ_are_said_up_to_a_number_of_their_kind() {
        let now = Instant::now();
        let mut gathering = Gathering::default();
        let said = (0..500).filter(|identity| gathering.admits(&line(1, *identity), now, about)).count();
        assert_eq!(said, 20);
        assert!(gathering.admits(&line(2, 1_000), now, about), "another kind is not concerned");
        let told = gathering.rest(now);
        assert_eq!(told.iter().map(|again| (again.times, again.is_same)).collect::<Vec<_>>(), [(480, false)]);
        let free = Repeatable { has_variants: false, burst: 2, ..line(3, 0) };
        let said = (0..500).filter(|identity| {
            gathering.admits(&Repeatable { identity: 5_000 + identity, ..free.clone() }, now, about)
        });
        assert_eq!(said.count(), 500);
        let said = (0..10).filter(|_| gathering.admits(&free, now, about)).count();
        assert_eq!(said, 2);
    }
}
