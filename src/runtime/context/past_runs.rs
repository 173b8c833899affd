//! The runs that earlier processes left open, until each is taken up; and which of them somebody has killed meanwhile.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use crate::store::RunId;

/// The runs of one session that an earlier process left open and that nobody has taken up yet, by their ids, each with whether
/// somebody has killed it.
#[derive(Debug, Default)]
pub(crate) struct PastRuns(RefCell<HashMap<RunId, bool>>);

impl PastRuns {
    /// Takes it that these are open, and that somebody has killed some.
    pub(crate) fn set(&self, open: Vec<RunId>, killed: HashSet<RunId>) {
        self.0.replace(open.into_iter().map(|run| (run, killed.contains(&run))).collect());
    }

    /// Has a run not taken up; whether it is one of these.
    pub(crate) fn kill(&self, run: RunId) -> bool {
        let mut runs = self.0.borrow_mut();
        runs.get_mut(&run).map(|is_killed| *is_killed = true).is_some()
    }

    /// Whether somebody has killed a run of these.
    pub(crate) fn is_killed(&self, run: RunId) -> bool {
        self.0.borrow().get(&run) == Some(&true)
    }

    /// Whether a run is one of these.
    pub(crate) fn has(&self, run: RunId) -> bool {
        self.0.borrow().contains_key(&run)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.borrow().len()
    }

    /// Takes a run out, since it is taken up or ends; whether somebody has killed it.
    pub(crate) fn take(&self, run: RunId) -> bool {
        self.0.borrow_mut().remove(&run).unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_killed_is_remembered_until_it_is_taken_up() {
        let runs = PastRuns::default();
        let [one, two, three, other] = [1, 2, 3, 9].map(RunId::new);
        runs.set(vec![one, two, three], HashSet::from([two, other]));
        assert!(runs.kill(three) && !runs.kill(other), "nothing is remembered of what is not there");
        assert_eq!([one, two, three, other].map(|run| runs.is_killed(run)), [false, true, true, false]);
        assert_eq!([one, two, three].map(|run| runs.take(run)), [false, true, true]);
        assert_eq!(runs.len(), 0);
        assert!(!runs.kill(three));
    }
}
