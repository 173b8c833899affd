//! The one clock: all time of scripts, sessions, timers and the sandbox goes through it, so that tests can drive it.
//!
//! Measuring how long the processor was busy is not its business: that stays with `std::time::Instant`.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970, UTC.
pub type Timestamp = i64;

/// A source of time; clones share it.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System { origin: Instant },
    Manual(Arc<Mutex<Manual>>),
}

#[derive(Debug)]
struct Manual {
    start: Timestamp,
    elapsed: Duration,
    next_sleeper: u64,
    sleepers: BTreeMap<(Duration, u64), Waker>,
}

impl Clock {
    /// The machine's own time.
    pub fn system() -> Self {
        Self(Source::System { origin: Instant::now() })
    }

    /// A clock that stands still at `start` until it is advanced.
    pub fn manual(start: Timestamp) -> Self {
        let manual = Manual { start, elapsed: Duration::ZERO, next_sleeper: 0, sleepers: BTreeMap::new() };
        Self(Source::Manual(Arc::new(Mutex::new(manual))))
    }

    /// The time of day.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System { .. } => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp::try_from(since.as_millis()).unwrap_or(Timestamp::MAX)
            }
            Source::Manual(manual) => {
                let manual = lock(manual);
                manual.start + Timestamp::try_from(manual.elapsed.as_millis()).unwrap_or(Timestamp::MAX)
            }
        }
    }

    /// The time since this clock began, which never goes backwards: deadlines are counted in it.
    pub fn elapsed(&self) -> Duration {
        match &self.0 {
            Source::System { origin } => origin.elapsed(),
            Source::Manual(manual) => lock(manual).elapsed,
        }
    }

    /// Waits until [`elapsed`](Self::elapsed) has reached `deadline`.
    pub async fn sleep_until(&self, deadline: Duration) {
        match &self.0 {
            Source::System { origin } => match origin.checked_add(deadline) {
                Some(instant) => tokio::time::sleep_until(instant.into()).await,
                None => std::future::pending().await,
            },
            Source::Manual(manual) => Sleeper { manual: Arc::clone(manual), deadline, id: None }.await,
        }
    }

    /// Waits for `duration`.
    pub async fn sleep(&self, duration: Duration) {
        self.sleep_until(self.elapsed().saturating_add(duration)).await;
    }

    /// How long somebody who waits for a time of day may sleep before they look again: the machine's can be set anew.
    pub fn trust(&self) -> Duration {
        match &self.0 {
            Source::System { .. } => Duration::from_secs(30),
            Source::Manual(_) => Duration::MAX,
        }
    }

    /// Moves a manual clock forward and wakes whom that concerns, the earliest first.
    ///
    /// The machine's own time cannot be moved; such a call does nothing.
    pub fn advance(&self, duration: Duration) {
        let Source::Manual(manual) = &self.0 else { return };
        let due = {
            let mut manual = lock(manual);
            manual.elapsed = manual.elapsed.saturating_add(duration);
            let first_later = (manual.elapsed + Duration::from_nanos(1), 0);
            let later = manual.sleepers.split_off(&first_later);
            std::mem::replace(&mut manual.sleepers, later)
        };
        for waker in due.into_values() {
            waker.wake();
        }
    }

    /// When the next sleeper of a manual clock is due, as [`elapsed`](Self::elapsed) time.
    pub fn next_deadline(&self) -> Option<Duration> {
        match &self.0 {
            Source::System { .. } => None,
            Source::Manual(manual) => lock(manual).sleepers.keys().next().map(|(deadline, _)| *deadline),
        }
    }
}

fn lock(manual: &Mutex<Manual>) -> MutexGuard<'_, Manual> {
    manual.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Sleeper {
    manual: Arc<Mutex<Manual>>,
    deadline: Duration,
    id: Option<u64>,
}

impl Future for Sleeper {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let mut manual = lock(&this.manual);
        if manual.elapsed >= this.deadline {
            return Poll::Ready(());
        }
        let id = *this.id.get_or_insert_with(|| {
            manual.next_sleeper += 1;
            manual.next_sleeper
        });
        manual.sleepers.insert((this.deadline, id), context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            lock(&self.manual).sleepers.remove(&(self.deadline, id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_manual_clock_wakes_its_sleepers_when_it_is_advanced() {
        let clock = Clock::manual(1_000);
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move {
                clock.sleep(Duration::from_millis(250)).await;
                clock.now()
            }
        });
        while clock.next_deadline().is_none() {
            tokio::task::yield_now().await;
        }
        clock.advance(Duration::from_millis(249));
        assert_eq!(clock.next_deadline(), Some(Duration::from_millis(250)));
        clock.advance(Duration::from_millis(1));
        assert_eq!(sleeper.await.expect("the sleeper ends"), 1_250);
        assert_eq!(clock.next_deadline(), None);
    }
}
