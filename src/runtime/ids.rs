//! Gives out the ids of events, runs and timers: they ascend, also over restarts where there is a journal.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::store::Id;

static NEXT: AtomicI64 = AtomicI64::new(1);

/// A new id for an event, a run or a timer.
pub(crate) fn next_id<K>() -> Id<K> {
    Id::new(NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The newest of these ids, as one of any kind: they share one count.
pub(crate) fn newest_id<K>() -> Id<K> {
    Id::new(NEXT.load(Ordering::Relaxed) - 1)
}

/// Has every further id come after the one of this number.
pub fn continue_ids_after(number: i64) {
    NEXT.fetch_max(number.saturating_add(1), Ordering::Relaxed);
}
