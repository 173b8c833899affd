//! What a fiber's code allocates, counted per thread.
//!
//! Rhai limits the size of each value, never their sum. A worker runs one fiber at a time on its thread, so the thread's
//! balance before and after tells what that fiber holds.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;

use mimalloc::MiMalloc;

thread_local! {
    static BALANCE: Cell<isize> = const { Cell::new(0) };
}

/// The bytes that this thread allocated, less those that it freed.
///
/// Memory that changes threads makes it drift, so only differences over a short time mean something.
pub(crate) fn allocated() -> isize {
    BALANCE.get()
}

/// An allocator that counts. A run makes many small allocations, and the C library's allocator took a third of its time.
pub(crate) struct CountingAllocator;

fn count(bytes: isize) {
    // A thread that is ending has no balance any more, and nobody who would ask for it.
    let _ = BALANCE.try_with(|balance| balance.set(balance.get().wrapping_add(bytes)));
}

// SAFETY: every call is handed on to `MiMalloc` unchanged; counting neither allocates nor panics.
#[expect(unsafe_code, reason = "see SAFETY")]
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: the caller's promises are passed on.
        unsafe { MiMalloc.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: the caller's promises are passed on.
        unsafe { MiMalloc.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: the caller's promises are passed on.
        unsafe { MiMalloc.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size.cast_signed() - layout.size().cast_signed());
        // SAFETY: the caller's promises are passed on.
        unsafe { MiMalloc.realloc(block, layout, size) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_balance_follows_what_is_held() {
        let before = allocated();
        let held = vec![0_u8; 1 << 20];
        assert_eq!(allocated() - before, 1 << 20);
        drop(held);
        assert_eq!(allocated(), before);
    }
}
