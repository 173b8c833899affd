//! How many frames a connection may send: pure, the time is given. What becomes of one too many is the server's affair.

use std::time::Duration;

/// Whether a frame keeps to the limit of frames per second.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    Within,
    TooFast,
}

/// What a connection has sent of late, in slots: at most the limit in any second.
pub(super) struct Allowance {
    spent: [u32; SLOTS as usize],
    /// The number of the latest slot.
    latest: u64,
}

/// One slot more than a second has, since the oldest one is only partly within it.
const SLOTS: u64 = 11;

/// The length of a slot, in milliseconds.
const SLOT: u128 = 100;

impl Allowance {
    pub(super) const fn new() -> Self {
        Self { spent: [0; SLOTS as usize], latest: 0 }
    }

    /// Takes one frame at this time into account.
    pub(super) fn spend(&mut self, now: Duration, limit: u32) -> Pace {
        let slot = u64::try_from(now.as_millis() / SLOT).unwrap_or(u64::MAX);
        for passed in (self.latest + 1..=slot).take(SLOTS as usize) {
            self.spent[place(passed)] = 0;
        }
        self.latest = self.latest.max(slot);
        if self.spent.iter().sum::<u32>() >= limit {
            return Pace::TooFast;
        }
        self.spent[place(self.latest)] += 1;
        Pace::Within
    }
}

fn place(slot: u64) -> usize {
    usize::try_from(slot % SLOTS).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_second_has_more_than_the_limit() {
        for gap in [1, 7, 30, 99, 101, 250, 1_050] {
            let mut allowance = Allowance::new();
            let taken: Vec<_> = (0..2_000)
                .map(|number| Duration::from_millis(number * gap))
                .filter(|now| allowance.spend(*now, 20) == Pace::Within)
                .collect();
            for (index, began) in taken.iter().enumerate() {
                let within = taken[index..].iter().take_while(|now| **now - *began < Duration::from_secs(1)).count();
                assert!(within <= 20, "{within} within a second from {began:?}, one each {gap} ms");
            }
            // Who keeps to it is never refused.
            assert!(gap < 60 || taken.len() == 2_000, "{} taken, one each {gap} ms", taken.len());
        }
    }
}
