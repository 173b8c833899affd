//! What the test that runs on this thread may use: its stack, and how long it may go on by itself, in real time.

use std::cell::Cell;
use std::time::{Duration, Instant};

use rhai::Dynamic;

use crate::runtime::guest::StackBounds;

/// How many operations pass between two looks at the time.
const TURN: u64 = 10_000;

thread_local! {
    static ALLOWED: Cell<Option<(StackBounds, Instant)>> = const { Cell::new(None) };
}

/// Sets what the next test may use, or that none runs.
pub(super) fn set(allowed: Option<(StackBounds, Instant)>) {
    ALLOWED.set(allowed);
}

/// Gives the test that runs on this thread more time.
pub(super) fn extend(more: Duration) {
    ALLOWED.set(ALLOWED.get().map(|(bounds, deadline)| (bounds, deadline + more)));
}

/// Why the test that runs on this thread is to end now, if it is; to be asked at each of its operations.
pub(super) fn look(operations: u64) -> Option<Dynamic> {
    let (bounds, deadline) = ALLOWED.get()?;
    if bounds.exhausted() {
        return Some("functions or expressions are nested too deeply".into());
    }
    let is_late = operations.is_multiple_of(TURN) && Instant::now() > deadline;
    is_late.then(|| "the test goes on and on".into())
}
