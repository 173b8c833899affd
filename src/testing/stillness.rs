//! Stillness: the moment at which nothing on a world's thread can go on by itself.
//!
//! A world runs on one thread, with a runtime of its own. Right before that thread would sleep, no task is ready: what
//! then still happens comes from outside, from a socket or the clock. Whether a socket holds something is not known
//! here; the world compares what its two ends have counted.
//!
//! Another thread, such as the store's, may be in the middle of waking somebody: it has taken the waker of a set of tasks
//! and not used it yet, and whoever wakes another task of that set meanwhile finds no waker. So every set is polled once
//! more before it is believed that nothing is ready.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;
use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinError, JoinHandle, LocalSet};

/// Tells when a thread has nothing left to do; clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Stillness(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Whether a local task was woken since the local tasks were last polled.
    stirring: AtomicBool,
    root: AtomicWaker,
    /// Wakes the set of tasks that is a task itself.
    inner: Mutex<Option<Waker>>,
    /// Whether that set was polled since stillness seemed to have come.
    is_inner_polled: AtomicBool,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
enum Waiting {
    #[default]
    Nobody,
    For(Waker),
    /// It seems to have come; every set is polled once more.
    Doubting(Waker),
    /// They were.
    Sure(Waker),
    Come,
}

impl Stillness {
    /// A runtime on the current thread that notices when it is still.
    ///
    /// # Errors
    /// When the system gives no runtime.
    pub(super) fn runtime(&self) -> io::Result<Runtime> {
        let inner = Arc::clone(&self.0);
        Builder::new_current_thread().enable_all().on_thread_park(move || inner.parking()).build()
    }

    /// Runs local tasks until `task`, which is one of them, is done.
    ///
    /// # Errors
    /// When the task panicked.
    pub(super) async fn drive<T>(&self, local: &mut LocalSet, mut task: JoinHandle<T>) -> Result<T, JoinError> {
        let waker = Waker::from(Arc::clone(&self.0));
        poll_fn(|context| {
            self.0.root.register(context.waker());
            self.0.stirring.store(false, Ordering::SeqCst);
            // It is never ready before the task is done, which is one of its own.
            let _ = pin!(&mut *local).poll(&mut Context::from_waker(&waker));
            self.0.polled();
            pin!(&mut task).poll(context)
        })
        .await
    }

    /// A local task that holds a set of tasks of its own. There is one at a time.
    pub(super) async fn within<T>(self, set: impl Future<Output = T>) -> T {
        let _there = There(&self.0);
        let mut set = pin!(set);
        poll_fn(|context| {
            *self.0.inner() = Some(context.waker().clone());
            let polled = set.as_mut().poll(context);
            self.0.is_inner_polled.store(true, Ordering::SeqCst);
            polled
        })
        .await
    }

    /// Waits until nothing is ready to go on. One at a time waits.
    pub(super) async fn come(&self) {
        let mut has_asked = false;
        poll_fn(|context| {
            let mut waiting = self.0.waiting();
            if has_asked && matches!(*waiting, Waiting::Come) {
                *waiting = Waiting::Nobody;
                return Poll::Ready(());
            }
            has_asked = true;
            *waiting = Waiting::For(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

impl Inner {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn inner(&self) -> MutexGuard<'_, Option<Waker>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The local tasks have been polled. That of the inner set may not have been among them, where another thread wakes it
    /// right now.
    fn polled(&self) {
        let mut waiting = self.waiting();
        if self.inner().is_some() && !self.is_inner_polled.load(Ordering::SeqCst) {
            return;
        }
        *waiting = match std::mem::take(&mut *waiting) {
            Waiting::Doubting(waker) => Waiting::Sure(waker),
            other => other,
        };
    }

    /// The thread is about to sleep: no task of the runtime is ready.
    fn parking(&self) {
        if self.stirring.load(Ordering::SeqCst) {
            return;
        }
        let mut waiting = self.waiting();
        match std::mem::take(&mut *waiting) {
            Waiting::For(waker) => {
                *waiting = Waiting::Doubting(waker);
                drop(waiting);
                self.is_inner_polled.store(false, Ordering::SeqCst);
                if let Some(inner) = &*self.inner() {
                    inner.wake_by_ref();
                }
                self.root.wake();
            }
            Waiting::Sure(waker) => {
                *waiting = Waiting::Come;
                drop(waiting);
                waker.wake();
            }
            other => *waiting = other,
        }
    }
}

/// There is an inner set until this is dropped.
struct There<'a>(&'a Inner);

impl Drop for There<'_> {
    fn drop(&mut self) {
        *self.0.inner() = None;
    }
}

impl Wake for Inner {
    fn wake(self: Arc<Self>) {
        self.stirring.store(true, Ordering::SeqCst);
        self.root.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    #[test]
    fn stillness_comes_after_everything_that_can_go_on_has_gone_on() {
        let stillness = Stillness::default();
        let runtime = stillness.runtime().expect("a runtime");
        let mut local = LocalSet::new();
        let steps = Rc::new(Cell::new(0));
        let watching = stillness.clone();
        let counted = Rc::clone(&steps);
        let task = local.spawn_local(async move {
            let (sender, receiver) = tokio::sync::oneshot::channel();
            let inner = Rc::clone(&counted);
            tokio::task::spawn_local(async move {
                for _ in 0..200 {
                    tokio::task::yield_now().await;
                    inner.set(inner.get() + 1);
                }
                let _ = sender.send(());
            });
            let last = Rc::clone(&counted);
            tokio::task::spawn_local(async move {
                let _ = receiver.await;
                last.set(last.get() + 1);
            });
            watching.come().await;
            counted.get()
        });
        let seen = runtime.block_on(stillness.drive(&mut local, task)).expect("no panic");
        assert_eq!(seen, 201);
    }

    #[test]
    fn a_set_of_tasks_is_polled_though_its_waker_is_still_on_its_way() {
        let stillness = Stillness::default();
        let runtime = stillness.runtime().expect("a runtime");
        let mut local = LocalSet::new();
        let (is_ready, is_done) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)));
        let set = {
            let (is_ready, is_done) = (Rc::clone(&is_ready), Rc::clone(&is_done));
            poll_fn(move |_| {
                is_done.set(is_ready.get());
                Poll::<()>::Pending
            })
        };
        local.spawn_local(stillness.clone().within(set));
        let watching = stillness.clone();
        let task = local.spawn_local(async move {
            watching.come().await;
            is_ready.set(true);
            watching.come().await;
            is_done.get()
        });
        assert!(runtime.block_on(stillness.drive(&mut local, task)).expect("no panic"));
    }
}
