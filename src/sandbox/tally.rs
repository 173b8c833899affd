//! What connections have carried, for somebody who waits until nothing is under way.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What a connection has carried, so that somebody who drives both of its ends can tell when nothing is under way.
///
/// Frames are counted where the socket takes and gives them; what waits in an outbox is not among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carried {
    /// Whether it is still open.
    pub is_open: bool,
    /// Frames that were given to its socket.
    pub sent: u64,
    /// Frames that were taken from its socket and carried out.
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

/// The counters of the newest connection.
#[derive(Debug, Default)]
pub(super) struct Tallies(Mutex<Option<Tally>>);

impl Tallies {
    /// Begins to count for a connection, which is the newest from now on.
    pub(super) fn begin(&self) -> Tally {
        let tally = Tally::default();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(tally.clone());
        tally
    }

    pub(super) fn newest(&self) -> Option<Carried> {
        let newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counters = &newest.as_ref()?.0;
        Some(Carried {
            is_open: !counters.has_ended.load(Ordering::Relaxed),
            sent: counters.sent.load(Ordering::Relaxed),
            received: counters.received.load(Ordering::Relaxed),
        })
    }
}
