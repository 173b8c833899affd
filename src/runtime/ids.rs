//! Ids of events, runs and timers: they ascend, also over restarts where there is a journal.

use std::sync::atomic::{AtomicU64, Ordering};

static NEXT: AtomicU64 = AtomicU64::new(1);

/// A new id for an event, a run or a timer.
pub(crate) fn next_id() -> u64 {
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The newest of these ids.
pub(crate) fn newest_id() -> u64 {
    NEXT.load(Ordering::Relaxed) - 1
}

/// Has every further id come after this one.
pub fn continue_ids_after(id: u64) {
    NEXT.fetch_max(id.saturating_add(1), Ordering::Relaxed);
}
