//! The stream of what happens: bounded, and nobody waits for those who read it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::event::{Happening, ViewEvent};
use crate::clock::Clock;

/// How many events a reader may be behind. Whoever is further behind is told how many it missed, and goes on with the next one.
const EVENTS: usize = 4_096;

/// Where it is told what happens; clones tell the same.
#[derive(Clone, Debug)]
pub struct Announcer {
    clock: Clock,
    /// Made for the first reader.
    sender: Arc<OnceLock<broadcast::Sender<ViewEvent>>>,
    /// The same for those who are told only what the log has a line for.
    news: Arc<OnceLock<broadcast::Sender<ViewEvent>>>,
    /// How many read, since asking the channel would take its lock.
    readers: Arc<AtomicUsize>,
}

impl Announcer {
    /// A stream that nobody reads yet.
    pub fn new(clock: Clock) -> Self {
        Self { clock, sender: Arc::default(), news: Arc::default(), readers: Arc::default() }
    }

    /// Everything that happens from now on.
    pub fn read(&self) -> EventStream {
        let receiver = self.sender.get_or_init(|| broadcast::Sender::new(EVENTS)).subscribe();
        self.readers.fetch_add(1, Ordering::Relaxed);
        EventStream { receiver, readers: Arc::clone(&self.readers) }
    }

    /// What is seldom, from now on: all but how runs begin, wait and end. It costs nothing where nothing of the kind happens.
    pub(crate) fn read_news(&self) -> EventStream {
        let receiver = self.news.get_or_init(|| broadcast::Sender::new(EVENTS)).subscribe();
        EventStream { receiver, readers: Arc::new(AtomicUsize::new(1)) }
    }

    /// Whether anybody reads: what only readers are told need not be made otherwise.
    pub(crate) fn is_read(&self) -> bool {
        self.readers.load(Ordering::Relaxed) > 0
    }

    /// Tells what happened, the log first.
    pub(crate) fn tell(&self, happening: Happening) {
        happening.log();
        if let Some(news) = self.news.get() {
            // The last reader may be gone by now.
            let _ = news.send(ViewEvent { at: self.clock.now(), happening: happening.clone() });
        }
        self.tell_readers(|| happening);
    }

    /// Tells what happened, where anybody reads; the log has no line for it, or has another one.
    pub(crate) fn tell_readers(&self, happening: impl FnOnce() -> Happening) {
        if let Some(sender) = self.sender.get().filter(|_| self.is_read()) {
            // The last reader may be gone by now.
            let _ = sender.send(ViewEvent { at: self.clock.now(), happening: happening() });
        }
    }
}

/// Reads what happens, from when it was made.
#[derive(Debug)]
pub struct EventStream {
    receiver: broadcast::Receiver<ViewEvent>,
    readers: Arc<AtomicUsize>,
}

/// That a reader was too slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} events were missed")]
pub struct MissedEvents(
    /// How many.
    pub u64,
);

impl EventStream {
    /// Waits for the next event; `None` when there are no more. Dropping the future loses nothing.
    ///
    /// # Errors
    /// When some were missed. The next call goes on after them.
    pub async fn next(&mut self) -> Option<Result<ViewEvent, MissedEvents>> {
        match self.receiver.recv().await {
            Ok(event) => Some(Ok(event)),
            Err(RecvError::Lagged(missed)) => Some(Err(MissedEvents(missed))),
            Err(RecvError::Closed) => None,
        }
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        self.readers.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forgotten(number: usize) -> Happening {
        Happening::ScriptForgotten { script: number.to_string() }
    }

    #[tokio::test]
    async fn who_is_too_slow_is_told_how_much_it_missed_and_holds_up_nobody() {
        let events = Announcer::new(Clock::manual(5));
        let mut stream = events.read();
        for number in 0..EVENTS + 3 {
            events.tell_readers(|| forgotten(number));
        }
        assert_eq!(stream.next().await, Some(Err(MissedEvents(3))));
        assert_eq!(stream.next().await, Some(Ok(ViewEvent { at: 5, happening: forgotten(3) })));
        drop(events);
        let mut rest = 0;
        while let Some(event) = stream.next().await {
            event.expect("it is fast now");
            rest += 1;
        }
        assert_eq!(rest, EVENTS - 1);
    }

    #[test]
    fn what_nobody_reads_is_not_made() {
        let events = Announcer::new(Clock::manual(0));
        drop(events.read());
        events.tell_readers(|| panic!("nobody reads"));
        assert!(!events.is_read());
    }
}
