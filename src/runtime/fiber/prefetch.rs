//! Memory that is needed soon, fetched all at once.
//!
//! What a parked run left on its stack has gone to far caches when it is resumed, and each frame would wait for its own lines
//! in turn.

/// The size of a cache's line.
const LINE: usize = 64;

/// Has the processor fetch the lines from one address up to another. Nothing is read: that they can be is of no account.
#[cfg(target_arch = "x86_64")]
pub(super) fn prefetch(from: usize, to: usize) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

    for line in (from & !(LINE - 1)..to).step_by(LINE) {
        // SAFETY: a prefetch is a hint that reads nothing and never faults, whatever the address.
        #[expect(unsafe_code, reason = "see SAFETY")]
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(line as *const i8);
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) fn prefetch(_: usize, _: usize) {}
