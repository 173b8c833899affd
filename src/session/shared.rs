//! What the handles and the task of a session share beside the way of calls: what is seen of it, what is asked of it, and the slots
//! for calls.
//!
//! Who gets a slot when is decided in `machine`; where nothing holds calls up, callers take one by themselves.

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::task::AtomicWaker;

use super::status::Status;
use crate::protocol::Damages;

thread_local! {
    /// The session whose task this thread is in, by the address of what it shares.
    static AT_WORK: Cell<*const SessionShared> = const { Cell::new(ptr::null()) };
}

/// What the handles and the socket task share beside the way of calls.
#[derive(Debug, Default)]
pub(super) struct SessionShared {
    status: Mutex<Status>,
    stop: AtomicBool,
    resume: AtomicBool,
    hold: AtomicBool,
    pub(super) slots: Slots,
    pub(super) is_paced: bool,
    pub(super) waker: AtomicWaker,
}

impl SessionShared {
    pub(super) fn new(is_paced: bool) -> Self {
        Self { is_paced, ..Self::default() }
    }

    /// Marks this thread as being in the session's task, until what it gives is dropped.
    pub(super) fn at_work(&self) -> AtWork {
        AtWork { before: AT_WORK.replace(self) }
    }

    /// Wakes the task for a call. It looks for more before each pass of it ends: whoever is called from it need not wake it.
    pub(super) fn wake_for_call(&self) {
        if !ptr::eq(AT_WORK.get(), self) {
            self.waker.wake();
        }
    }

    pub(super) fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts something that arrived damaged, and warns of each kind of damage once.
    pub(super) fn note_damages(&self, session: &str, what: &str, damages: Damages) {
        if damages.is_empty() {
            return;
        }
        let mut status = self.status();
        let new = damages.without(status.damages);
        status.damages.extend(damages);
        status.damaged += 1;
        drop(status);
        for damage in new.iter() {
            tracing::warn!(
                session,
                "the gateway sent {} in {what}: {}, and the rest is read; what follows of this kind is only counted",
                damage.found(),
                damage.becomes()
            );
        }
    }

    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.waker.wake();
    }

    pub(super) fn resume(&self) {
        self.resume.store(true, Ordering::Release);
        self.waker.wake();
    }

    pub(super) fn hold(&self, is_held: bool) {
        if self.hold.swap(is_held, Ordering::AcqRel) != is_held {
            self.waker.wake();
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    pub(super) fn is_held(&self) -> bool {
        self.hold.load(Ordering::Acquire)
    }

    /// Whether reading was resumed since this was asked last.
    pub(super) fn take_resume(&self) -> bool {
        self.resume.swap(false, Ordering::AcqRel)
    }
}

/// A thread is in a session's task.
#[derive(Debug)]
pub(super) struct AtWork {
    before: *const SessionShared,
}

impl Drop for AtWork {
    fn drop(&mut self) {
        AT_WORK.set(self.before);
    }
}

/// The slots of a session, shared by its callers and its task.
///
/// The numbers are only hints for each other: a race lets a call or two more go than may be unanswered, and loses none.
#[derive(Debug, Default)]
pub(super) struct Slots {
    /// How many may be taken without asking.
    room: AtomicUsize,
    /// How many are given and not yet used.
    given: AtomicUsize,
}

impl Slots {
    pub(super) fn set_room(&self, room: usize) {
        self.room.store(room, Ordering::Relaxed);
    }

    pub(super) fn given(&self) -> usize {
        self.given.load(Ordering::Relaxed)
    }
}

/// A slot that is given: the right to send one call now. Dropped unused, it goes to the next one.
#[derive(Debug)]
pub(super) struct Slot(Option<Arc<SessionShared>>);

impl Slot {
    /// Gives a slot.
    pub(super) fn new(shared: &Arc<SessionShared>) -> Self {
        shared.slots.given.fetch_add(1, Ordering::Relaxed);
        Self(Some(Arc::clone(shared)))
    }

    /// Takes a slot without asking, where that is possible.
    pub(super) fn take(shared: &Arc<SessionShared>) -> Option<Self> {
        let taken = shared.slots.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |room| room.checked_sub(1));
        taken.is_ok().then(|| Self::new(shared))
    }

    /// Uses the slot, in the session's own task, which needs no waking.
    pub(super) fn spend(mut self) {
        if let Some(shared) = self.0.take() {
            shared.slots.given.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(shared) = self.0.take() {
            shared.slots.given.fetch_sub(1, Ordering::Relaxed);
            shared.waker.wake();
        }
    }
}
