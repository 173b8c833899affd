//! The way of calls from the handles of a session to its task. What a call is, and when it is sent, is not known here.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

/// A channel of many callers to the one task. It takes no memory before something is in it, and wakes nobody: whoever calls does.
#[derive(Debug)]
pub(super) struct Orders<C> {
    /// A place for each call that may be on its way; when all are taken, callers wait for their turn to enter.
    places: Semaphore,
    queue: Mutex<Queue<C>>,
    /// Whether the task has something to look at here.
    is_news: AtomicBool,
}

#[derive(Debug)]
struct Queue<C> {
    calls: VecDeque<C>,
    /// Whether the task takes no calls any more.
    is_closed: bool,
    /// Whether no handle is left.
    is_left: bool,
}

impl<C> Orders<C> {
    pub(super) fn new(places: usize) -> Self {
        let queue = Queue { calls: VecDeque::new(), is_closed: false, is_left: false };
        Self { places: Semaphore::new(places), queue: Mutex::new(queue), is_news: AtomicBool::new(false) }
    }

    /// Puts a call in when there is a place for it.
    ///
    /// # Errors
    /// Where the task takes none any more.
    pub(super) async fn enter(&self, call: C) -> Result<(), C> {
        match self.places.acquire().await {
            Ok(place) => place.forget(),
            Err(_) => return Err(call),
        }
        self.push(call)
    }

    /// Puts a call in.
    ///
    /// # Errors
    /// With the call, where there is no place for it, or the task takes none any more.
    pub(super) fn try_enter(&self, call: C) -> Result<(), C> {
        match self.places.try_acquire() {
            Ok(place) => place.forget(),
            Err(_) => return Err(call),
        }
        self.push(call)
    }

    /// Notes that no handle is left.
    pub(super) fn leave(&self) {
        self.queue().is_left = true;
        self.is_news.store(true, Ordering::Release);
    }

    /// Takes at most so many calls; false means that none can come any more.
    pub(super) fn take(&self, calls: &mut Vec<C>, most: usize) -> bool {
        if !self.is_news() {
            return true;
        }
        let mut queue = self.queue();
        let count = queue.calls.len().min(most);
        calls.extend(queue.calls.drain(..count));
        let is_empty = queue.calls.is_empty();
        self.is_news.store(!is_empty, Ordering::Release);
        let is_over = is_empty && queue.is_left;
        drop(queue);
        self.places.add_permits(count);
        !is_over
    }

    /// Whether there are calls to take, or the last handle went since that was asked.
    pub(super) fn is_news(&self) -> bool {
        self.is_news.load(Ordering::Acquire)
    }

    /// Takes no calls any more; those that are in it are dropped.
    pub(super) fn close(&self) {
        self.places.close();
        let mut queue = self.queue();
        queue.is_closed = true;
        let calls = std::mem::take(&mut queue.calls);
        drop(queue);
        drop(calls);
    }

    fn push(&self, call: C) -> Result<(), C> {
        let mut queue = self.queue();
        if queue.is_closed {
            return Err(call);
        }
        queue.calls.push_back(call);
        self.is_news.store(true, Ordering::Release);
        Ok(())
    }

    fn queue(&self) -> MutexGuard<'_, Queue<C>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
