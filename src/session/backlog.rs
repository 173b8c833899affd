//! When it is worth a line in the log that calls wait to be sent. Why each of them waits is decided in `machine`.

use std::time::Duration;

/// A queue that was empty for less than this is still the same one.
const QUIET: Duration = Duration::from_secs(30);

/// What is to be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BacklogChange {
    /// Calls have begun to wait.
    Builds,
    /// None has been waiting for a while.
    Gone,
}

/// Whether calls have been waiting of late.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    /// When one was seen to wait last, while that counts.
    seen: Option<Duration>,
}

impl Backlog {
    /// Sees how many wait now.
    pub(super) fn look(&mut self, waiting: usize, now: Duration) -> Option<BacklogChange> {
        match (waiting, self.seen) {
            (0, Some(seen)) if now >= seen + QUIET => {
                self.seen = None;
                Some(BacklogChange::Gone)
            }
            (0, _) => None,
            (_, seen) => {
                self.seen = Some(now);
                seen.is_none().then_some(BacklogChange::Builds)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_named_when_it_builds_and_when_it_has_gone_for_good() {
        let mut backlog = Backlog::default();
        let second = Duration::from_secs(1);
        assert_eq!(backlog.look(0, second), None);
        assert_eq!(backlog.look(1, 2 * second), Some(BacklogChange::Builds));
        assert_eq!(backlog.look(9, 3 * second), None);
        assert_eq!(backlog.look(0, 4 * second), None, "it may come again at once");
        assert_eq!(backlog.look(1, 20 * second), None);
        assert_eq!(backlog.look(0, 49 * second), None);
        assert_eq!(backlog.look(0, 50 * second), Some(BacklogChange::Gone));
        assert_eq!(backlog.look(0, 90 * second), None);
        assert_eq!(backlog.look(2, 91 * second), Some(BacklogChange::Builds));
    }
}
