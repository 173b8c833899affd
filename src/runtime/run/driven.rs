//! A run on its way: on its fiber, or waiting without one.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use rhai::Dynamic;

use super::{AWAITED, CURRENT, Run};
use crate::runtime::engine::thrown::{self, ScriptResult};
use crate::runtime::fiber::{Fiber, OutOfStacks, Panic};
use crate::runtime::generation::{Course, PausedCall};

/// The address space of a fiber's stack, in bytes, for 64 call levels. Only what is touched costs memory.
const STACK: usize = if cfg!(debug_assertions) { 16 << 20 } else { 4 << 20 };

impl Run {
    /// Prepares the call of its function.
    ///
    /// # Errors
    /// When there is no stack for it.
    pub(crate) fn start(self: &Rc<Self>, arguments: Vec<Dynamic>) -> Result<Driven, OutOfStacks> {
        let run = Rc::clone(self);
        self.driven(move || run.generation.call(&run.function, arguments, &*run))
    }

    /// Prepares code of the run on a fiber.
    ///
    /// # Errors
    /// When there is no stack for it.
    pub(crate) fn drive(self: &Rc<Self>, code: impl FnOnce() -> ScriptResult + 'static) -> Result<Driven, OutOfStacks> {
        self.driven(move || Course::Ended(code()))
    }

    /// Prepares code of the run that may end in the call of a function, on a fiber.
    ///
    /// # Errors
    /// When there is no stack for it.
    pub(crate) fn driven(self: &Rc<Self>, code: impl FnOnce() -> Course + 'static) -> Result<Driven, OutOfStacks> {
        Ok(Driven { run: Rc::clone(self), leg: Leg::OnFiber(self.fiber(code)?) })
    }

    fn fiber(&self, code: impl FnOnce() -> Course + 'static) -> Result<Fiber<Course>, OutOfStacks> {
        let limits = self.limits();
        let fiber = Fiber::new(STACK.max(STACK / 64 * limits.call_depth), limits.nesting_reserve(), code)?;
        self.meter.set_bounds(fiber.bounds());
        Ok(fiber)
    }
}

/// A run on its way, as a future.
pub(crate) struct Driven {
    run: Rc<Run>,
    leg: Leg,
}

/// A part of a run's way.
enum Leg {
    /// On a stack, which is kept while it waits.
    OnFiber(Fiber<Course>),
    /// It waits without one.
    Paused(Option<Box<PausedCall>>),
}

impl Driven {
    /// The run itself.
    pub(crate) fn run(&self) -> &Rc<Run> {
        &self.run
    }

    /// Whether it waits without a stack for what comes of a call that it has posted.
    pub(crate) fn is_paused_for_result(&self) -> bool {
        matches!(self.leg, Leg::Paused(_)) && self.run.waits_for_result()
    }

    /// Runs to the end on this thread, for code that has no reason to wait.
    pub(crate) fn finish(mut self) -> Result<ScriptResult, Panic> {
        let mut context = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(result) = Pin::new(&mut self).poll(&mut context) {
                return result;
            }
        }
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        // What is waited for may hold on to the run.
        if matches!(self.leg, Leg::Paused(Some(_))) {
            let pending = self.run.pending.take();
            drop(pending);
        }
    }
}

impl Future for Driven {
    type Output = Result<ScriptResult, Panic>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { run, leg } = &mut *self;
        // To look on its stack would be slow: it has been left for a while.
        if run.waits_in_vain() {
            AWAITED.set(run.listing.get());
            run.set_driver(context.waker());
            return Poll::Pending;
        }
        AWAITED.set(None);
        loop {
            match leg {
                Leg::OnFiber(fiber) => {
                    let outer = CURRENT.replace(Some(Rc::clone(run)));
                    run.meter.resume();
                    let polled = Pin::new(fiber).poll(context);
                    CURRENT.set(outer);
                    match polled {
                        Poll::Ready(Ok(Course::Ended(result))) => return Poll::Ready(Ok(result)),
                        Poll::Ready(Err(panic)) => return Poll::Ready(Err(panic)),
                        Poll::Ready(Ok(Course::Paused(call))) => {
                            run.meter.suspend();
                            *leg = Leg::Paused(Some(call));
                        }
                        Poll::Pending => {
                            run.meter.suspend();
                            run.set_driver(context.waker());
                            AWAITED.set(run.listing.get().filter(|_| run.waits_in_vain()));
                            return Poll::Pending;
                        }
                    }
                }
                Leg::Paused(call) => {
                    let Poll::Ready(value) = run.meter.count_memory(|| run.poll_kept(context)) else {
                        AWAITED.set(run.listing.get().filter(|_| run.waits_for_result()));
                        return Poll::Pending;
                    };
                    let value = match value {
                        Ok(value) => value,
                        Err(error) => return Poll::Ready(Ok(Err(error))),
                    };
                    let call = call.take().expect("it goes on once");
                    let own = Rc::clone(run);
                    match run.fiber(move || own.generation.go_on(*call, value, &*own)) {
                        Ok(fiber) => *leg = Leg::OnFiber(fiber),
                        Err(error) => return Poll::Ready(Ok(Err(thrown::error(error.to_string())))),
                    }
                }
            }
        }
    }
}
