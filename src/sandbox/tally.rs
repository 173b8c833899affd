//! What connections have carried, for somebody who waits until nothing is under way.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the connections that are open have carried, so that somebody who drives both ends of them can tell when nothing is under way.
///
/// Frames are counted where the sockets take and give them; what waits in an outbox is not among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// How many are open.
    pub connections: usize,
    /// Frames that were given to their sockets.
    pub sent: u64,
    /// Frames that were taken from their sockets and carried out.
    pub received: u64,
}

/// The counters of one connection; clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    has_ended: AtomicBool,
    sent: AtomicU64,
    received: AtomicU64,
}

impl Tally {
    pub(super) fn count_sent(&self) {
        self.0.sent.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_received(&self) {
        self.0.received.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn end(&self) {
        self.0.has_ended.store(true, Ordering::Relaxed);
    }
}

/// How many requests a fault keeps without an answer.
#[derive(Debug, Default)]
pub(super) struct Unanswered(AtomicUsize);

/// A request without an answer, until it is given up.
pub(super) struct KeptWaiting<'a>(&'a Unanswered);

impl Unanswered {
    pub(super) fn begin(&self) -> KeptWaiting<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        KeptWaiting(self)
    }

    pub(super) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for KeptWaiting<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The counters of the connections that are open.
#[derive(Debug, Default)]
pub(super) struct Tallies(Mutex<Vec<Tally>>);

impl Tallies {
    /// Begins to count for a connection.
    pub(super) fn begin(&self) -> Tally {
        let tally = Tally::default();
        self.open().push(tally.clone());
        tally
    }

    /// What they have carried together.
    pub(super) fn sum(&self) -> Carried {
        self.open().iter().fold(Carried::default(), |sum, Tally(counters)| Carried {
            connections: sum.connections + 1,
            sent: sum.sent + counters.sent.load(Ordering::Relaxed),
            received: sum.received + counters.received.load(Ordering::Relaxed),
        })
    }

    fn open(&self) -> MutexGuard<'_, Vec<Tally>> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|Tally(counters)| !counters.has_ended.load(Ordering::Relaxed));
        open
    }
}
