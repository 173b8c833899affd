//! Which reply tokens the runs of a session have taken: what an event brings is there for all its runs, and works once.

use std::cell::RefCell;
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use crate::clock::Timestamp;

/// The tokens that were taken lately.
#[derive(Default)]
pub(crate) struct TakenTokens(RefCell<Taken>);

#[derive(Default)]
struct Taken {
    tokens: HashSet<Arc<str>>,
    /// When each was taken, the oldest first.
    times: VecDeque<(Timestamp, Arc<str>)>,
}

/// For so long, in milliseconds, one is remembered: none lives as long.
const REMEMBERED: Timestamp = 120_000;

impl TakenTokens {
    /// Takes a token away from all other runs.
    pub(crate) fn take(&self, token: &str, now: Timestamp) {
        let mut taken = self.0.borrow_mut();
        while taken.times.front().is_some_and(|(at, _)| *at < now.saturating_sub(REMEMBERED)) {
            if let Some((_, token)) = taken.times.pop_front() {
                taken.tokens.remove(&token);
            }
        }
        let token: Arc<str> = token.into();
        if taken.tokens.insert(Arc::clone(&token)) {
            taken.times.push_back((now, token));
        }
    }

    /// Whether a run has taken it.
    pub(crate) fn has(&self, token: &str) -> bool {
        self.0.borrow().tokens.contains(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lives_no_longer_is_forgotten() {
        let taken = TakenTokens::default();
        taken.take("a", 0);
        taken.take("a", 1);
        taken.take("b", REMEMBERED);
        assert!(taken.has("a") && taken.has("b"));
        taken.take("c", REMEMBERED + 1);
        assert!(!taken.has("a") && taken.has("b"));
        assert_eq!(taken.0.borrow().times.len(), 2);
    }
}
