//! Fibers: functions that can be suspended anywhere, as futures.
//!
//! A handler runs on a stack of its own. A host function that must wait [`park`]s: it polls a future on the fiber's stack
//! and suspends the whole stack while the future is pending, so that the thread goes on with other work. This is the one
//! module with `unsafe` code; what a fiber *runs* is not its business.

mod memory;
mod prefetch;
mod stack;

use std::any::Any;
use std::cell::Cell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::ptr::{self, NonNull};
#[cfg(test)]
use std::task::Waker;
use std::task::{Context, Poll};

use corosensei::stack::Stack as _;
use corosensei::{Coroutine, CoroutineResult, Yielder};

pub(crate) use memory::{CountingAllocator, allocated};
use prefetch::prefetch;
use stack::{GROWN, PooledStack, stack_pointer};
pub(crate) use stack::{OutOfStacks, POOLED, StackBounds, mark_grown};

/// A pointer to the `Context` of the poll that resumed the fiber.
type Wakeup = NonNull<Context<'static>>;

/// What a running fiber needs to suspend itself. It lives on the fiber's own stack.
struct Active {
    yielder: NonNull<Yielder<Wakeup, ()>>,
    wakeup: Cell<Wakeup>,
}

thread_local! {
    /// The fiber that runs on this thread right now.
    ///
    /// Invariant: null whenever no fiber runs: it is set after every entry into a fiber and taken before every exit.
    static CURRENT: Cell<*const Active> = const { Cell::new(ptr::null()) };
}

thread_local! {
    /// How far down the stack reached of the fiber that was suspended last on this thread.
    static REACHED: Cell<usize> = const { Cell::new(0) };
}

/// So much of a stack is fetched ahead when a fiber is resumed: as much as most have in use.
const FETCHED: usize = 16 * 1024;

/// How a fiber ended other than by returning.
pub(crate) type Panic = Box<dyn Any + Send>;

/// A function on a stack of its own, driven as a future.
///
/// Dropping a suspended fiber unwinds its stack, which runs the destructors on it.
pub(crate) struct Fiber<R> {
    coroutine: Coroutine<Wakeup, (), R, PooledStack>,
    bounds: StackBounds,
    grown: bool,
    /// What its stack has in use while it is suspended: from the lowest address up to the highest.
    parked: (usize, usize),
}

impl<R: 'static> Fiber<R> {
    /// Prepares `body` on a stack of its own. It starts with the first poll.
    ///
    /// The body may use `usable` bytes before it is condemned, and what it calls `reserve` more; both are address space.
    ///
    /// # Errors
    /// When the system gives no more stacks.
    pub(crate) fn new(usable: usize, reserve: usize, body: impl FnOnce() -> R + 'static) -> Result<Self, OutOfStacks> {
        let stack = PooledStack::take(usable + reserve)?;
        let bounds = stack.bounds(usable);
        let base = stack.base().get();
        let coroutine = Coroutine::with_stack(stack, move |yielder: &Yielder<Wakeup, ()>, wakeup| {
            let active = Active { yielder: NonNull::from(yielder), wakeup: Cell::new(wakeup) };
            CURRENT.set(&raw const active);
            let result = body();
            CURRENT.set(ptr::null());
            result
        });
        Ok(Self { coroutine, bounds, grown: false, parked: (base, base) })
    }

    /// How far code on this fiber may reach; what goes below is condemned before it overflows.
    pub(crate) fn bounds(&self) -> StackBounds {
        self.bounds
    }

    /// Runs the fiber to its end on this thread.
    #[cfg(test)]
    ///
    /// # Errors
    /// With the panic, when the body panicked.
    pub(crate) fn run(mut self) -> Result<R, Panic> {
        let mut context = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(result) = Pin::new(&mut self).poll(&mut context) {
                return result;
            }
        }
    }
}

impl<R: 'static> Future for Fiber<R> {
    type Output = Result<R, Panic>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(CURRENT.get().is_null(), "a fiber is polled from the thread's own stack, never from another fiber");
        // The lifetime is erased while the fiber runs.
        // Invariant: `wakeup` is used by `park` and `yield_now` only, which run before `resume` returns, or after the
        // next `resume` has replaced it: see `suspend`.
        let wakeup: Wakeup = NonNull::from(context).cast();
        let (low, base) = self.parked;
        prefetch(low, base.min(low + FETCHED));
        let resumed = catch_unwind(AssertUnwindSafe(|| self.coroutine.resume(wakeup)));
        CURRENT.set(ptr::null());
        self.grown |= GROWN.take();
        match resumed {
            Ok(CoroutineResult::Yield(())) => {
                self.parked.0 = REACHED.get();
                Poll::Pending
            }
            Ok(CoroutineResult::Return(result)) => Poll::Ready(Ok(result)),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }
}

impl<R> Drop for Fiber<R> {
    fn drop(&mut self) {
        // Destructors that run during the unwinding see no current fiber, so they cannot park.
        if self.coroutine.started() && !self.coroutine.done() {
            let outer = CURRENT.replace(ptr::null());
            self.coroutine.force_unwind();
            CURRENT.set(outer);
        }
        // The stack goes back to the pool right after this, with the coroutine.
        GROWN.set(self.grown);
    }
}

/// Waits for `future` by suspending the fiber that runs on this thread.
///
/// `None` means that no fiber runs here, so nothing can wait.
///
/// No borrow, lock or guard may be held by the caller, since other fibers of the thread run meanwhile.
pub(crate) fn park<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    loop {
        match with_context(|context| future.as_mut().poll(context))? {
            Poll::Ready(output) => return Some(output),
            Poll::Pending => suspend(),
        }
    }
}

/// Lets the thread's other work go first, then goes on. Does nothing where no fiber runs.
pub(crate) fn yield_now() {
    // Waking at once would not do: the runtime runs what is awake many times over before it looks at its sockets.
    if with_context(|context| pin!(tokio::task::yield_now()).poll(context)).is_some() {
        suspend();
    }
}

fn with_context<R>(use_it: impl FnOnce(&mut Context<'_>) -> R) -> Option<R> {
    let active = CURRENT.get();
    if active.is_null() {
        return None;
    }
    // SAFETY: `CURRENT` is not null, so the fiber that owns `active` runs, further up this very stack: `active` is alive.
    // `wakeup` was given to the `resume` that this code runs under and whose caller still holds the `Context`; only one
    // such reference exists at a time, since `use_it` cannot reach this function again: nested polls happen on no fiber.
    #[expect(unsafe_code, reason = "see SAFETY")]
    let context = unsafe { (*active).wakeup.get().as_mut() };
    // While a future is polled, no fiber is current: what it calls must not suspend in the middle of a poll.
    CURRENT.set(ptr::null());
    let result = use_it(context);
    CURRENT.set(active);
    Some(result)
}

fn suspend() {
    let active = CURRENT.replace(ptr::null());
    assert!(!active.is_null(), "only a running fiber suspends itself");
    REACHED.set(stack_pointer());
    // SAFETY: as in `with_context`, `active` is alive, and it stays so while this stack is suspended because it lies on
    // this stack. The yielder outlives the body that holds it.
    #[expect(unsafe_code, reason = "see SAFETY")]
    unsafe {
        let wakeup = (*active).yielder.as_ref().suspend(());
        (*active).wakeup.set(wakeup);
    }
    CURRENT.set(active);
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    const SIZE: usize = 256 * 1024;

    #[tokio::test(flavor = "current_thread")]
    async fn a_parked_fiber_lets_others_run_and_goes_on_where_it_was() {
        let (answer, question) = tokio::sync::oneshot::channel();
        let asking = Fiber::new(SIZE, 0, move || park(question)).expect("a stack");
        let answering = async { answer.send(7).expect("somebody waits") };
        let (answered, ()) = tokio::join!(asking, answering);
        assert_eq!(answered.expect("no panic"), Some(Ok(7)));
    }

    #[test]
    fn dropping_a_suspended_fiber_runs_its_destructors() {
        let alive = Rc::new(());
        let held = Rc::clone(&alive);
        let mut fiber = Fiber::new(SIZE, 0, move || {
            let held = held;
            park(std::future::pending::<()>());
            drop(held);
        })
        .expect("a stack");
        let mut context = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut fiber).poll(&mut context).is_pending());
        assert_eq!(Rc::strong_count(&alive), 2);
        drop(fiber);
        assert_eq!(Rc::strong_count(&alive), 1);
    }

    #[test]
    fn a_panic_ends_the_fiber_and_not_the_thread() {
        let fiber = Fiber::new(SIZE, 0, || -> u8 { std::panic::resume_unwind(Box::new("no")) }).expect("a stack");
        assert!(fiber.run().is_err());
        assert_eq!(Fiber::new(SIZE, 0, || 3).expect("a stack").run().ok(), Some(3));
    }

    #[test]
    fn nothing_parks_where_no_fiber_runs() {
        assert_eq!(park(async { 1 }), None);
    }

    #[test]
    fn ten_thousand_fibers_are_parked_at_once() {
        let mut context = Context::from_waker(Waker::noop());
        let mut fibers: Vec<_> = (0..10_000)
            .map(|n| {
                Fiber::new(SIZE, 0, move || {
                    yield_now();
                    n
                })
                .expect("a stack")
            })
            .collect();
        assert!(fibers.iter_mut().all(|fiber| Pin::new(fiber).poll(&mut context).is_pending()));
        for (n, fiber) in fibers.into_iter().enumerate() {
            assert_eq!(fiber.run().ok(), Some(n));
        }
    }
}
