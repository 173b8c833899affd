//! How fast a session sends: a limit for each family of commands, and a pause when the gateway complains.
//!
//! Calls wait here in the order in which they came, each family for itself, before they are counted as waiting for the
//! connection. The logins have a policy of their own, in `machine`.

use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU32;
use std::rc::Rc;
use std::str::FromStr;
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use super::calls::{CallError, CallOrder, Completion};
use crate::protocol::{Failure, FailureCode, Family};

/// How fast a session sends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Pacing {
    /// As fast as calls come. A complaint of the gateway is reported and changes nothing.
    Off,
    /// As fast as calls come, until the network complains: then everything pauses, longer each time.
    Eager,
    /// At rates that a careful person would choose: in a minute at most 240 reads, 30 texts, 12 files, 10 changes each to
    /// groups and to contacts, 6 searches and 6 changes to the account's own profile.
    #[default]
    Gentle,
    /// At rates of one's own; families that are not named keep the gentle ones.
    Custom(BTreeMap<Family, Rate>),
}

impl Pacing {
    /// The rate of a family; `None` where it is not limited.
    pub fn rate(&self, family: Family) -> Option<Rate> {
        match self {
            Self::Off | Self::Eager => None,
            Self::Gentle => gentle(family),
            Self::Custom(rates) => rates.get(&family).copied().or_else(|| gentle(family)),
        }
    }
}

const MINUTE: Duration = Duration::from_secs(60);

/// What a busy person with a phone would do, and no more.
fn gentle(family: Family) -> Option<Rate> {
    let per_minute = |count| NonZeroU32::new(count).map(|count| Rate { count, per: MINUTE });
    match family {
        Family::Login => None,
        Family::Read => per_minute(240),
        Family::Text => per_minute(30),
        Family::Media => per_minute(12),
        Family::Group | Family::Contact => per_minute(10),
        Family::Search | Family::Profile => per_minute(6),
    }
}

/// So many commands in so much time, for as long as there are some to send.
///
/// They go evenly spread. After a quiet time a sixth of them may go at once, over and above that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: NonZeroU32,
    /// In how much time.
    pub per: Duration,
}

impl Rate {
    fn quota(self) -> Quota {
        let count = self.count.get();
        let burst = NonZeroU32::new(count / 6).unwrap_or(NonZeroU32::MIN);
        let period = (self.per / count).max(Duration::from_nanos(1));
        Quota::with_period(period).expect("the period is not zero").allow_burst(burst)
    }
}

/// Why a text is no rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a rate is given as a number from 1 on, a slash, and s, min or h, such as 30/min; found \"{0}\"")]
pub struct RateError(String);

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let error = || RateError(text.to_owned());
        let (count, unit) = text.split_once('/').ok_or_else(error)?;
        let count = count.trim().parse().map_err(|_| error())?;
        let per = match unit.trim() {
            "s" | "sec" | "second" => Duration::from_secs(1),
            "m" | "min" | "minute" => MINUTE,
            "h" | "hour" => 60 * MINUTE,
            "d" | "day" => 24 * 60 * MINUTE,
            _ => return Err(error()),
        };
        Ok(Self { count, per })
    }
}

/// What holds a session back, for the session that takes its place. Times are the clock's elapsed time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restraint {
    /// Until when nothing is sent, because the gateway complained.
    pub pause_until: Duration,
    /// How many complaints there were, each of which made the pause longer.
    pub complaints: u32,
    /// How many attempts at a connection have failed since the session was last well.
    pub attempts: u32,
    /// When the next attempt may begin.
    pub retry: Duration,
}

/// The first pause after EXCESSIVE_ACCESS, and the longest.
const EXCESSIVE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(600));
/// The first pause after ABUSE_BLOCK, and the longest.
const ABUSE: (Duration, Duration) = (Duration::from_secs(300), Duration::from_secs(3_600));
/// After this long without a complaint the next pause is a first one again.
const FORGIVEN: Duration = Duration::from_secs(3_600);

type Limiter = RateLimiter<NotKeyed, InMemoryState, Now, NoOpMiddleware<Duration>>;

/// The calls of a session that wait for their turn.
pub(super) struct CallQueues<T> {
    now: Now,
    queues: BTreeMap<Family, CallQueue<T>>,
    limit: usize,
    waiting: usize,
    pause_until: Duration,
    complaints: u32,
    is_off: bool,
}

struct CallQueue<T> {
    /// `None` where only the network's complaints hold calls back.
    limiter: Option<Limiter>,
    calls: VecDeque<CallOrder<T>>,
    /// When the first of the queue may go, as far as is known.
    opens: Duration,
}

impl<T: Completion> CallQueues<T> {
    /// Queues in which at most `limit` calls wait.
    pub(super) fn new(pacing: &Pacing, limit: usize) -> Self {
        let now = Now::default();
        let queue = |family| {
            let limiter = pacing.rate(family).map(|rate| RateLimiter::direct_with_clock(rate.quota(), now.clone()));
            (family, CallQueue { limiter, calls: VecDeque::new(), opens: Duration::ZERO })
        };
        let is_off = *pacing == Pacing::Off;
        // A login has pauses of its own, and no rate under any pacing.
        let families = Family::ALL.into_iter().filter(|family| !is_off && *family != Family::Login);
        let queues = families.map(queue).collect();
        Self { now, queues, limit, waiting: 0, pause_until: Duration::ZERO, complaints: 0, is_off }
    }

    /// Gives a call back that may go at once, else keeps it.
    ///
    /// # Errors
    /// Gives its completion back when as many wait as may.
    pub(super) fn enter(&mut self, order: CallOrder<T>, now: Duration) -> Result<Option<CallOrder<T>>, (T, CallError)> {
        // Nothing is known of an unknown command, so it is paced like what is most watched.
        let family = order.row.map_or(Family::Group, |row| row.family);
        let Some(queue) = self.queues.get_mut(&family) else { return Ok(Some(order)) };
        self.now.set(now);
        if queue.calls.is_empty() && queue.try_open(self.pause_until, now) {
            return Ok(Some(order));
        }
        if self.waiting >= self.limit {
            self.sweep();
        }
        let Some(queue) = self.queues.get_mut(&family) else { return Ok(Some(order)) };
        if self.waiting >= self.limit {
            return Err((order.reply, CallError::QueueFull { limit: self.limit }));
        }
        self.waiting += 1;
        queue.calls.push_back(order);
        Ok(None)
    }

    /// Goes on with the pause of the session whose place this one takes.
    pub(super) fn take_over(&mut self, restraint: &Restraint) {
        self.pause_until = restraint.pause_until;
        self.complaints = restraint.complaints;
    }

    /// Adds what is known here.
    pub(super) fn restraint(&self, restraint: Restraint) -> Restraint {
        Restraint { pause_until: self.pause_until, complaints: self.complaints, ..restraint }
    }

    /// Forgets the calls that nobody waits for any more.
    fn sweep(&mut self) {
        for queue in self.queues.values_mut() {
            queue.calls.retain(|order| !order.reply.is_abandoned());
        }
        self.waiting = self.queues.values().map(|queue| queue.calls.len()).sum();
    }

    /// Until when nothing is sent, because the gateway complained; it may be over.
    pub(super) fn pause_until(&self) -> Duration {
        if self.is_off { Duration::ZERO } else { self.pause_until }
    }

    /// Takes a call whose turn has come.
    pub(super) fn next_ready(&mut self, now: Duration) -> Option<CallOrder<T>> {
        if self.waiting == 0 {
            return None;
        }
        self.now.set(now);
        for queue in self.queues.values_mut() {
            while queue.calls.front().is_some_and(|order| order.reply.is_abandoned()) {
                queue.calls.pop_front();
                self.waiting -= 1;
            }
            if !queue.calls.is_empty() && queue.opens <= now && queue.try_open(self.pause_until, now) {
                self.waiting -= 1;
                return queue.calls.pop_front();
            }
        }
        None
    }

    /// When [`next_ready`](Self::next_ready) should be asked again.
    pub(super) fn next_wake(&self) -> Option<Duration> {
        if self.waiting == 0 {
            return None;
        }
        self.queues.values().filter(|queue| !queue.calls.is_empty()).map(|queue| queue.opens).min()
    }

    /// Whether every call may pass at once, whatever the network complains of.
    pub(super) fn are_none(&self) -> bool {
        self.is_off
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Takes every call that waits.
    pub(super) fn take_all(&mut self) -> Vec<T> {
        self.waiting = 0;
        let queues = self.queues.values_mut().flat_map(|queue| queue.calls.drain(..));
        queues.map(|order| order.reply).collect()
    }

    /// Hears why a login is refused; gives how long to wait with the next one when it was a complaint of haste. Logins wait
    /// under every pacing.
    pub(super) fn login_pause(&mut self, failure: &Failure, now: Duration) -> Option<Duration> {
        matches!(FailureCode::of(failure.code), Some(FailureCode::ExcessiveAccess | FailureCode::AbuseBlock)).then(
            || {
                self.complained(failure, now);
                self.pause_until.saturating_sub(now)
            },
        )
    }

    /// Hears a refusal: when the gateway complains of haste, everything pauses, longer each time.
    ///
    /// Gives the length of a pause that begins now. Complaints during a pause are about what was sent before it.
    pub(super) fn complained(&mut self, failure: &Failure, now: Duration) -> Option<Duration> {
        let (first, longest) = match FailureCode::of(failure.code) {
            Some(FailureCode::ExcessiveAccess) => EXCESSIVE,
            Some(FailureCode::AbuseBlock) => ABUSE,
            _ => return None,
        };
        if now < self.pause_until {
            return None;
        }
        if now >= self.pause_until + FORGIVEN {
            self.complaints = 0;
        }
        let pause = first.saturating_mul(1 << self.complaints.min(10)).min(longest);
        self.complaints += 1;
        self.pause_until = now + pause;
        Some(if self.is_off { Duration::ZERO } else { pause })
    }
}

impl<T> CallQueue<T> {
    /// Lets one call through if it may go now; else notes when to try again.
    fn try_open(&mut self, pause_until: Duration, now: Duration) -> bool {
        if now < pause_until {
            self.opens = pause_until;
            return false;
        }
        match self.limiter.as_ref().map_or(Ok(()), RateLimiter::check) {
            Ok(()) => true,
            Err(too_early) => {
                self.opens = now + too_early.wait_time_from(now).max(Duration::from_millis(1));
                false
            }
        }
    }
}

/// The moment that the limiters take for now: the session's own clock decides.
#[derive(Clone, Debug, Default)]
struct Now(Rc<Cell<Duration>>);

impl Now {
    fn set(&self, now: Duration) {
        self.0.set(now);
    }
}

impl Clock for Now {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.get()
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::protocol::Command;
    use crate::session::calls::CallStep;

    /// A call that was withdrawn.
    const ABANDONED: u32 = u32::MAX;

    impl Completion for u32 {
        fn is_abandoned(&self) -> bool {
            *self == ABANDONED
        }
    }

    fn order(command: &'static str, reply: u32) -> CallOrder<u32> {
        CallOrder {
            step: CallStep::Whole,
            command: Cow::Borrowed(command),
            row: Command::named(command),
            fields: "{}".into(),
            reply,
        }
    }

    #[test]
    fn a_rate_is_kept_and_a_sixth_of_it_may_go_at_once() {
        let rate: Rate = "30/min".parse().expect("a rate");
        let mut queues = CallQueues::new(&Pacing::Custom([(Family::Text, rate)].into()), 1_000);
        let mut sent = Vec::new();
        for reply in 0..100 {
            if queues.enter(order("SendText", reply), Duration::ZERO).expect("it fits").is_some() {
                sent.push(Duration::ZERO);
            }
        }
        assert_eq!((sent.len(), queues.waiting()), (5, 95));
        let mut expected = 5;
        while let Some(now) = queues.next_wake() {
            while let Some(order) = queues.next_ready(now) {
                assert_eq!(order.reply, expected, "the order is kept");
                expected += 1;
                sent.push(now);
            }
        }
        assert_eq!(sent.len(), 100);
        for start in &sent {
            let within = sent.iter().filter(|at| *at >= start && **at < *start + MINUTE).count();
            assert!(within < 30 + 5, "{within} within a minute");
        }
        assert_eq!(sent[99].as_millis(), 95 * 2_000, "30 in each minute after the first five");
    }

    #[test]
    fn the_rate_that_is_configured_is_what_goes_out_in_the_long_run() {
        for text in ["2/min", "6/min", "7/min", "30/min", "100/h", "1/s"] {
            let rate: Rate = text.parse().expect("a rate");
            let mut queues = CallQueues::new(&Pacing::Custom([(Family::Group, rate)].into()), 10_000);
            let count = rate.count.get();
            for reply in 0..20 * count {
                let _ = queues.enter(order("CreateGroup", reply), Duration::ZERO).expect("it fits");
            }
            let mut late = 0;
            while let Some(now) = queues.next_wake().filter(|now| *now <= 10 * rate.per) {
                while queues.next_ready(now).is_some() {
                    late += 1;
                }
            }
            assert!((10 * count - 1..=10 * count).contains(&late), "{text}: {late} in ten times as long");
        }
    }

    #[test]
    fn calls_that_nobody_waits_for_make_room_for_others() {
        let rate: Rate = "1/h".parse().expect("a rate");
        let mut queues = CallQueues::new(&Pacing::Custom([(Family::Text, rate)].into()), 2);
        assert!(queues.enter(order("SendText", 0), Duration::ZERO).expect("it fits").is_some());
        for reply in [ABANDONED, 1] {
            assert!(queues.enter(order("SendText", reply), Duration::ZERO).expect("it fits").is_none());
        }
        assert!(queues.enter(order("SendText", 2), Duration::ZERO).expect("one has been withdrawn").is_none());
        assert!(queues.enter(order("SendText", 3), Duration::ZERO).is_err());
    }

    #[test]
    fn families_do_not_wait_for_each_other() {
        let mut queues = CallQueues::new(&Pacing::Gentle, 1_000);
        while queues.enter(order("CreateGroup", 0), Duration::ZERO).expect("it fits").is_some() {}
        assert!(queues.enter(order("SendText", 0), Duration::ZERO).expect("it fits").is_some());
    }

    #[test]
    fn a_complaint_pauses_everything_and_a_second_one_longer() {
        let mut queues = CallQueues::new(&Pacing::Gentle, 1_000);
        let excessive = Failure::new(FailureCode::ExcessiveAccess, "slow down");
        let second = Duration::from_secs(1);
        assert_eq!(queues.complained(&excessive, second), Some(10 * second));
        assert_eq!(queues.complained(&excessive, 2 * second), None, "it is about what was sent before");
        assert!(queues.enter(order("GetProfile", 1), 2 * second).expect("it fits").is_none());
        assert_eq!(queues.next_wake(), Some(11 * second));
        assert!(queues.next_ready(11 * second).is_some());
        assert_eq!(queues.complained(&excessive, 12 * second), Some(20 * second));
        let not_found = Failure::new(FailureCode::NotFound, "nobody");
        assert_eq!(queues.complained(&not_found, 40 * second), None);
    }

    #[test]
    fn without_pacing_nothing_waits() {
        let mut queues = CallQueues::new(&Pacing::Off, 1);
        let abuse = Failure::new(FailureCode::AbuseBlock, "enough");
        assert_eq!(queues.complained(&abuse, Duration::ZERO), Some(Duration::ZERO));
        for reply in 0..100 {
            assert!(queues.enter(order("SendText", reply), Duration::ZERO).expect("it fits").is_some());
        }
    }

    #[test]
    fn an_eager_session_is_held_back_by_complaints_alone() {
        let mut queues = CallQueues::new(&Pacing::Eager, 1_000);
        for reply in 0..100 {
            assert!(queues.enter(order("SendText", reply), Duration::ZERO).expect("it fits").is_some());
        }
        queues.complained(&Failure::new(FailureCode::ExcessiveAccess, "slow down"), Duration::ZERO);
        for reply in 0..100 {
            assert!(queues.enter(order("SendText", reply), Duration::ZERO).expect("it fits").is_none());
        }
        assert!(queues.next_ready(Duration::from_secs(9)).is_none());
        let ready = std::iter::from_fn(|| queues.next_ready(Duration::from_secs(10)));
        assert_eq!(ready.count(), 100, "after the pause they go at once");
    }

    #[test]
    fn rates_are_read_and_nonsense_is_quoted() {
        let rate: Rate = " 5 / h".parse().expect("a rate");
        assert_eq!((rate.count.get(), rate.per), (5, 60 * MINUTE));
        for nonsense in ["", "30", "0/min", "-1/s", "3/week"] {
            assert_eq!(nonsense.parse::<Rate>(), Err(RateError(nonsense.to_owned())));
        }
    }
}
