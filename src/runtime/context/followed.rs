//! The runs of a session that somebody may wait for: those that have asked for their id. Most never do.

use std::cell::RefCell;
use std::collections::HashSet;

use tokio::sync::Notify;

use crate::store::RunId;

/// These runs, while they go on.
#[derive(Debug, Default)]
pub(crate) struct Followed {
    runs: RefCell<HashSet<RunId>>,
    changed: Notify,
}

impl Followed {
    /// Follows a run until it ends.
    pub(crate) fn follow(&self, run: RunId) {
        self.runs.borrow_mut().insert(run);
    }

    /// Whether a run is followed, and has not ended.
    pub(crate) fn has(&self, run: RunId) -> bool {
        self.runs.borrow().contains(&run)
    }

    /// A run has ended.
    pub(crate) fn end(&self, run: RunId) {
        let mut runs = self.runs.borrow_mut();
        // Every run ends here, and most sessions follow none: nothing is looked up for them.
        if !runs.is_empty() && runs.remove(&run) {
            drop(runs);
            self.wake();
        }
    }

    /// Has all who wait look again.
    pub(crate) fn wake(&self) {
        self.changed.notify_waiters();
    }

    /// Waits until something is so, which is looked at whenever such a run ends or somebody [wakes](Self::wake) those who wait.
    pub(crate) async fn until(&self, is_so: impl Fn() -> bool) {
        loop {
            // It hears of what changes from here on, also before it is awaited.
            let changed = self.changed.notified();
            if is_so() {
                return;
            }
            changed.await;
        }
    }
}
