//! The requests to LINE that are under way, counted for somebody who waits until there are none.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many requests of a session are under way; clones count together.
///
/// From its preparation until its answer is read a request is one of them; while it waits to be tried again it is none.
#[derive(Clone, Debug, Default)]
pub struct Outbound(Arc<AtomicUsize>);

/// A request that is under way until this is dropped.
#[derive(Debug)]
pub(super) struct Underway(Outbound);

impl Outbound {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }

    /// Counts one more.
    pub(super) fn begin(&self) -> Underway {
        self.0.fetch_add(1, Ordering::AcqRel);
        Underway(self.clone())
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}
