//! The right to send a call now, which its caller holds while it notes what it is about to do.
//!
//! Who gets it when is decided in `machine`; where nothing holds calls up, callers take it by themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::handle::Shared;

/// The turns of a session, shared by its callers and its task.
///
/// The numbers are only hints for each other: a race lets a call or two more go than may be unanswered, and loses none.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// How many may be taken without asking.
    room: AtomicUsize,
    /// How many are given and not yet used.
    given: AtomicUsize,
}

impl Turns {
    pub(super) fn set_room(&self, room: usize) {
        self.room.store(room, Ordering::Relaxed);
    }

    pub(super) fn given(&self) -> usize {
        self.given.load(Ordering::Relaxed)
    }
}

/// A turn that is given; dropped unused, it goes to the next one.
#[derive(Debug)]
pub(super) struct Permit(Option<Arc<Shared>>);

impl Permit {
    /// Gives a turn.
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        shared.turns.given.fetch_add(1, Ordering::Relaxed);
        Self(Some(Arc::clone(shared)))
    }

    /// Takes a turn without asking, where that is possible.
    pub(super) fn take(shared: &Arc<Shared>) -> Option<Self> {
        let taken = shared.turns.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |room| room.checked_sub(1));
        taken.is_ok().then(|| Self::new(shared))
    }

    /// Uses the turn, in the session's own task, which needs no waking.
    pub(super) fn spend(mut self) {
        if let Some(shared) = self.0.take() {
            shared.turns.given.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(shared) = self.0.take() {
            shared.turns.given.fetch_sub(1, Ordering::Relaxed);
            shared.waker.wake();
        }
    }
}
