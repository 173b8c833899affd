//! The stacks of fibers: guarded, pooled per thread, trimmed when they have grown.

use std::cell::{Cell, RefCell};

use corosensei::stack::{DefaultStack, Stack, StackPointer};

/// What stays free at the bottom of a stack, in bytes.
///
/// A run is condemned when it reaches this far. It must hold what one step of the interpreter can need between two looks
/// at the stack pointer, with the error that is made then: up to 65 KiB a call level, in unoptimised builds 213 KiB.
const RESERVE: usize = if cfg!(debug_assertions) { 1024 * 1024 } else { 256 * 1024 };

/// How many bytes of a pooled stack stay resident.
const KEPT_RESIDENT: usize = 64 * 1024;

/// How many unused stacks a thread keeps.
pub(crate) const POOLED: usize = 4096;

thread_local! {
    static POOL: RefCell<Vec<DefaultStack>> = const { RefCell::new(Vec::new()) };

    /// Whether the stack that is used, or dropped next, on this thread has grown past what stays resident.
    pub(super) static GROWN: Cell<bool> = const { Cell::new(false) };
}

/// The system gives no further stack.
#[derive(Debug, thiserror::Error)]
#[error("no stack for another run: {0}; end some of the parked runs or raise vm.max_map_count")]
pub(crate) struct OutOfStacks(std::io::Error);

/// Where a fiber's stack begins to be deep, and where it ends.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StackBounds {
    floor: usize,
    grown: usize,
}

impl StackBounds {
    /// Whether the code that asks has used up its stack, all but the reserve.
    #[inline]
    pub(crate) fn exhausted(self) -> bool {
        let here = stack_pointer();
        if here < self.grown {
            GROWN.set(true);
        }
        here < self.floor
    }
}

/// Notes that the running fiber may have used more of its stack than [`StackBounds::exhausted`] saw.
pub(crate) fn mark_grown() {
    GROWN.set(true);
}

/// A guarded stack that goes back to its thread's pool.
pub(super) struct PooledStack(Option<DefaultStack>);

impl PooledStack {
    /// A stack of at least `size` bytes.
    pub(super) fn take(size: usize) -> Result<Self, OutOfStacks> {
        let pooled = POOL.with_borrow_mut(|pool| {
            let fits = |stack: &DefaultStack| stack.base().get() - stack.limit().get() >= size;
            let found = pool.iter().rposition(fits)?;
            Some(pool.swap_remove(found))
        });
        let stack = pooled.map_or_else(|| DefaultStack::new(size), Ok).map_err(OutOfStacks)?;
        Ok(Self(Some(stack)))
    }

    /// The bounds of code that may use so many bytes of the stack, whatever lies below them.
    pub(super) fn bounds(&self, usable: usize) -> StackBounds {
        let base = self.inner().base().get();
        StackBounds { floor: base - usable + RESERVE.min(usable / 2), grown: base.saturating_sub(KEPT_RESIDENT) }
    }

    fn inner(&self) -> &DefaultStack {
        self.0.as_ref().expect("a stack is taken out only when it is dropped")
    }
}

// SAFETY: both ends are those of the guarded stack inside, which lives as long as this value.
#[expect(unsafe_code, reason = "see SAFETY")]
unsafe impl Stack for PooledStack {
    fn base(&self) -> StackPointer {
        self.inner().base()
    }

    fn limit(&self) -> StackPointer {
        self.inner().limit()
    }

    #[cfg(windows)]
    fn teb_fields(&self) -> corosensei::stack::StackTebFields {
        self.inner().teb_fields()
    }

    #[cfg(windows)]
    fn update_teb_fields(&mut self, stack_limit: usize, guaranteed_stack_bytes: usize) {
        self.0
            .as_mut()
            .expect("it is there until it is dropped")
            .update_teb_fields(stack_limit, guaranteed_stack_bytes);
    }
}

impl Drop for PooledStack {
    fn drop(&mut self) {
        let Some(stack) = self.0.take() else { return };
        // A thread that is ending has no pool any more; the stack is then simply freed.
        let _ = POOL.try_with(|pool| {
            let mut pool = pool.borrow_mut();
            if pool.len() < POOLED {
                if GROWN.take() {
                    trim(&stack);
                }
                pool.push(stack);
            }
        });
    }
}

/// Gives the pages that a deep run touched back to the system.
#[cfg(unix)]
fn trim(stack: &DefaultStack) {
    use rustix::mm::{Advice, madvise};

    let page = rustix::param::page_size();
    let lowest = stack.limit().get() + page;
    let highest = stack.base().get().saturating_sub(KEPT_RESIDENT) & !(page - 1);
    if lowest < highest {
        // SAFETY: the range lies within the stack, above its guard page and page-aligned, and no fiber uses the stack.
        #[expect(unsafe_code, reason = "see SAFETY")]
        let advised = unsafe { madvise(lowest as *mut _, highest - lowest, Advice::LinuxDontNeed) };
        debug_assert!(advised.is_ok(), "{advised:?}");
    }
}

#[cfg(not(unix))]
fn trim(_: &DefaultStack) {}

/// About where the stack pointer is.
#[inline(always)]
pub(super) fn stack_pointer() -> usize {
    let here = 0_u8;
    std::hint::black_box(&raw const here) as usize
}
