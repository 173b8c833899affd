//! The one clock: all time of scripts, sessions, timers and the sandbox goes through it, so that tests can drive it.
//!
//! Measuring how long the processor was busy is not its business: that stays with `std::time::Instant`.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

/// How long a sleeper of the machine's time may sleep before they look again: while the machine sleeps, so do its timers.
const RECHECK: Duration = Duration::from_secs(10);

/// How often it is looked whether the machine's time of day has been set.
const SET_CHECK: Duration = Duration::from_secs(1);

/// Milliseconds since 1970, UTC.
pub type Timestamp = i64;

/// A source of time; clones share it.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System { origin: Duration },
    Manual(Arc<Mutex<Manual>>),
}

#[derive(Debug)]
struct Manual {
    /// The time of day at which it began, as it is told now.
    start: Timestamp,
    was_set: watch::Sender<()>,
    elapsed: Duration,
    next_sleeper: u64,
    sleepers: BTreeMap<(Duration, u64), Waker>,
}

impl Clock {
    /// The machine's own time.
    pub fn system() -> Self {
        Self(Source::System { origin: steady() })
    }

    /// A clock that stands still at `start` until it is advanced.
    pub fn manual(start: Timestamp) -> Self {
        let (was_set, elapsed) = (watch::Sender::new(()), Duration::ZERO);
        let manual = Manual { start, was_set, elapsed, next_sleeper: 0, sleepers: BTreeMap::new() };
        Self(Source::Manual(Arc::new(Mutex::new(manual))))
    }

    /// The time of day, which can be set: what a person means by a time.
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

    /// The time since this clock began, which nobody sets: deadlines are counted in it. The machine's own goes on while the
    /// machine sleeps, as far as the system tells.
    pub fn elapsed(&self) -> Duration {
        match &self.0 {
            Source::System { origin } => steady().saturating_sub(*origin),
            Source::Manual(manual) => lock(manual).elapsed,
        }
    }

    /// The time of day at which this clock began, as it is told now: it moves exactly when the time of day is set.
    pub fn began(&self) -> Timestamp {
        self.now() - Timestamp::try_from(self.elapsed().as_millis()).unwrap_or(Timestamp::MAX)
    }

    /// Waits until [`elapsed`](Self::elapsed) has reached `deadline`.
    pub async fn sleep_until(&self, deadline: Duration) {
        match &self.0 {
            Source::System { .. } => loop {
                let left = deadline.saturating_sub(self.elapsed());
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left.min(RECHECK)).await;
            },
            Source::Manual(manual) => Sleeper { manual: Arc::clone(manual), deadline, id: None }.await,
        }
    }

    /// Waits for `duration`.
    pub async fn sleep(&self, duration: Duration) {
        self.sleep_until(self.elapsed().saturating_add(duration)).await;
    }

    /// Tells when to look whether the time of day has been set.
    pub fn looks(&self) -> Looks {
        match &self.0 {
            Source::System { .. } => Looks(None),
            Source::Manual(manual) => Looks(Some(lock(manual).was_set.subscribe())),
        }
    }

    /// Sets the time of day of a manual clock; no time passes.
    ///
    /// The machine's own cannot be set; such a call does nothing.
    pub fn set(&self, now: Timestamp) {
        let Source::Manual(manual) = &self.0 else { return };
        let mut manual = lock(manual);
        manual.start = now - Timestamp::try_from(manual.elapsed.as_millis()).unwrap_or(Timestamp::MAX);
        manual.was_set.send_replace(());
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

/// When to look whether the time of day has been set.
#[derive(Debug)]
pub struct Looks(Option<watch::Receiver<()>>);

impl Looks {
    /// Waits until the next look is due: soon on the machine's time, which says nothing of itself.
    pub async fn next(&mut self) {
        match &mut self.0 {
            None => tokio::time::sleep(SET_CHECK).await,
            Some(was_set) => {
                if was_set.changed().await.is_err() {
                    std::future::pending().await
                }
            }
        }
    }
}

/// The time since the machine started, asleep or not.
#[cfg(target_os = "linux")]
fn steady() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::try_from(time).expect("it begins at zero and never goes back")
}

/// The time since the first call.
#[cfg(not(target_os = "linux"))]
fn steady() -> Duration {
    static FIRST: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    FIRST.get_or_init(std::time::Instant::now).elapsed()
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

    #[tokio::test]
    async fn the_time_of_day_is_set_apart_from_the_time_that_passes() {
        let clock = Clock::manual(1_000);
        let mut looks = clock.looks();
        clock.advance(Duration::from_millis(250));
        clock.set(500);
        looks.next().await;
        assert_eq!((clock.now(), clock.elapsed(), clock.began()), (500, Duration::from_millis(250), 250));
        clock.advance(Duration::from_millis(5));
        assert_eq!((clock.now(), clock.began()), (505, 250));
    }
}
