//! Lanes: what happens in one chat happens in order, one thing at a time.
//!
//! A lane is a lock with two ends. Events queue at the tail in the order of their arrival; runs that wake up from a
//! long wait enter at the head in the order in which they wake, before any event. What runs in a lane, and when it lets go
//! of it, is not its business.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use rhai::ImmutableString;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many lanes a session keeps before it looks for idle ones.
const LANES: usize = 64;

/// How many runs of a lane may be in the web at once. The next one waits with the lane, so that events stay queued as events,
/// which are small, and a slow server is not asked ever more.
const IN_THE_WEB: usize = 64;

/// Which lane something happens in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum LaneKey {
    /// The events of one chat.
    Chat(ImmutableString),
    /// One script's share of the events that have no chat.
    Script(String),
    /// The beats of one repeating timer, by what tells it from every other one.
    Timer(String),
}

impl LaneKey {
    /// Whether a run of such a lane keeps it to its end, whatever it waits for: a timer never overlaps itself.
    const fn is_kept(&self) -> bool {
        matches!(self, Self::Timer(..))
    }
}

/// The lanes of one session.
#[derive(Debug)]
pub(crate) struct Lanes {
    by_key: HashMap<LaneKey, Lane, foldhash::fast::RandomState>,
    sweep_at: usize,
}

impl Default for Lanes {
    fn default() -> Self {
        Self { by_key: HashMap::default(), sweep_at: LANES }
    }
}

impl Lanes {
    /// The lane of a key.
    ///
    /// Invariant: a lane stays as long as anybody has it: a run that is parked comes back to the one that it left.
    pub(crate) fn get(&mut self, key: LaneKey) -> Lane {
        if let Some(lane) = self.by_key.get(&key) {
            return lane.clone();
        }
        if self.by_key.len() >= self.sweep_at {
            self.by_key.retain(|_, lane| Rc::strong_count(&lane.0) > 1);
            self.sweep_at = LANES.max(self.by_key.len() * 2);
        }
        let lane = Lane::new(key.is_kept());
        self.by_key.insert(key, lane.clone());
        lane
    }
}

/// One lane; clones are the same lane.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lane(Rc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    is_held: Cell<bool>,
    /// Those who wait for it. Most lanes never have any.
    queue: RefCell<Option<Box<Queue>>>,
    is_kept: bool,
    /// The right to be in the web. Most lanes never need it.
    web: OnceCell<Arc<Semaphore>>,
}

#[derive(Debug, Default)]
struct Queue {
    waking: VecDeque<Rc<RefCell<Place>>>,
    waiting: VecDeque<Rc<RefCell<Place>>>,
}

#[derive(Debug)]
enum Place {
    Waiting(Option<Waker>),
    Granted,
    Taken,
}

impl Lane {
    fn new(is_kept: bool) -> Self {
        Self(Rc::new(Inner { is_kept, ..Inner::default() }))
    }

    /// A lane for something that happens once.
    pub(crate) fn of_its_own() -> Self {
        Self::new(true)
    }

    /// Whether both are the same lane.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// Whether whoever acts in it keeps it to the end, whatever it waits for.
    pub(crate) fn is_kept(&self) -> bool {
        self.0.is_kept
    }

    /// Queues behind everything that waits. The place counts from this call, not from the first poll.
    pub(crate) fn enter_tail(&self) -> LaneEntry {
        self.enter(|queue| &mut queue.waiting)
    }

    /// Queues before every event that waits, behind those who woke up before.
    pub(crate) fn enter_head(&self) -> LaneEntry {
        self.enter(|queue| &mut queue.waking)
    }

    fn enter(&self, side: impl FnOnce(&mut Queue) -> &mut VecDeque<Rc<RefCell<Place>>>) -> LaneEntry {
        // Invariant: a lane that nobody holds has nobody waiting, so a free lane is granted at once.
        if !self.0.is_held.replace(true) {
            return LaneEntry::Free(Guard(self.clone()));
        }
        let place = Rc::new(RefCell::new(Place::Waiting(None)));
        side(self.0.queue.borrow_mut().get_or_insert_default()).push_back(Rc::clone(&place));
        LaneEntry::Queued(Queued { lane: self.clone(), place })
    }

    /// The right to be in the web, where it can be had at once.
    pub(crate) fn seat_now(&self) -> Option<Seat> {
        Arc::clone(self.seats()).try_acquire_owned().ok().map(Seat)
    }

    /// Waits for the right to be in the web.
    pub(crate) async fn seat(&self) -> Seat {
        let seats = Arc::clone(self.seats());
        Seat(seats.acquire_owned().await.expect("it is never closed"))
    }

    fn seats(&self) -> &Arc<Semaphore> {
        self.0.web.get_or_init(|| Arc::new(Semaphore::new(IN_THE_WEB)))
    }

    fn release(&self) {
        let next = self
            .0
            .queue
            .borrow_mut()
            .as_mut()
            .and_then(|queue| queue.waking.pop_front().or_else(|| queue.waiting.pop_front()));
        let Some(next) = next else { return self.0.is_held.set(false) };
        if let Place::Waiting(Some(waker)) = next.replace(Place::Granted) {
            waker.wake();
        }
    }
}

/// The right of one run of a lane to be in the web, until this is dropped.
#[derive(Debug)]
pub(crate) struct Seat(#[expect(dead_code, reason = "it is held, and that is all")] OwnedSemaphorePermit);

/// A lane as an event has it: held between its runs, lent to each of them in turn.
pub(crate) struct Hold {
    lane: Lane,
    guard: Cell<Option<Guard>>,
}

impl Hold {
    /// What holds a lane.
    pub(crate) fn new(guard: Guard) -> Self {
        Self { lane: guard.0.clone(), guard: Cell::new(Some(guard)) }
    }

    /// The lane.
    pub(crate) fn lane(&self) -> &Lane {
        &self.lane
    }

    /// Lends the lane to a run.
    pub(crate) fn lend(&self) -> Option<Guard> {
        self.guard.take()
    }

    /// Takes the lane back from a run, or enters it again where the run ended without it.
    pub(crate) async fn take_back(&self, guard: Option<Guard>) {
        let guard = match guard {
            Some(guard) => guard,
            None => self.lane.enter_head().await,
        };
        self.guard.set(Some(guard));
    }
}

/// A place in a lane's queue; as a future it gives the lane. Dropped, it gives its place up.
#[derive(Debug)]
pub(crate) enum LaneEntry {
    /// The lane was free.
    Free(Guard),
    Queued(Queued),
    /// It has given the lane.
    Over,
}

impl Future for LaneEntry {
    type Output = Guard;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Guard> {
        match std::mem::replace(&mut *self, Self::Over) {
            Self::Free(guard) => Poll::Ready(guard),
            Self::Queued(queued) => match queued.enter(context) {
                Ok(guard) => Poll::Ready(guard),
                Err(queued) => {
                    *self = Self::Queued(queued);
                    Poll::Pending
                }
            },
            Self::Over => unreachable!("an entry is not polled after it gave the lane"),
        }
    }
}

/// A place in a lane's queue; dropped, it is given up.
#[derive(Debug)]
pub(crate) struct Queued {
    lane: Lane,
    place: Rc<RefCell<Place>>,
}

impl Queued {
    /// Enters the lane, if it is this place's turn.
    fn enter(self, context: &mut Context<'_>) -> Result<Guard, Self> {
        let place = self.place.replace(Place::Taken);
        match place {
            Place::Waiting(_) => {
                self.place.replace(Place::Waiting(Some(context.waker().clone())));
                Err(self)
            }
            Place::Granted | Place::Taken => Ok(Guard(self.lane.clone())),
        }
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        match *self.place.borrow() {
            Place::Taken => {}
            Place::Granted => self.lane.release(),
            Place::Waiting(_) => {
                if let Some(queue) = &mut *self.lane.0.queue.borrow_mut() {
                    for side in [&mut queue.waking, &mut queue.waiting] {
                        side.retain(|waiting| !Rc::ptr_eq(waiting, &self.place));
                    }
                }
            }
        }
    }
}

/// The right to act in a lane; dropped, it passes on to the next.
#[derive(Debug)]
pub(crate) struct Guard(Lane);

impl Guard {
    /// The lane.
    pub(crate) fn lane(&self) -> &Lane {
        &self.0
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.release();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    fn granted(entry: &mut LaneEntry) -> Option<Guard> {
        match pin!(entry).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(guard) => Some(guard),
            Poll::Pending => None,
        }
    }

    #[test]
    fn places_are_granted_in_order_and_the_head_comes_first() {
        let lane = Lane::default();
        let mut first = lane.enter_tail();
        let mut second = lane.enter_tail();
        let mut third = lane.enter_tail();
        let guard = granted(&mut first).expect("the lane is free");
        assert!(granted(&mut second).is_none());
        let mut waking = lane.enter_head();
        let mut woken_later = lane.enter_head();
        drop(guard);
        assert!(granted(&mut second).is_none() && granted(&mut woken_later).is_none());
        drop(granted(&mut waking).expect("the head is next"));
        assert!(granted(&mut second).is_none());
        drop(granted(&mut woken_later).expect("then whoever woke up later"));
        drop(second);
        drop(granted(&mut third).expect("who gave up is passed over"));
        assert!(granted(&mut lane.enter_tail()).is_some(), "nobody is left");
    }

    #[test]
    fn a_lane_that_somebody_has_is_found_again_however_many_there_are() {
        let mut lanes = Lanes::default();
        let mut get = |number: usize| lanes.get(LaneKey::Chat(number.to_string().into()));
        let parked = get(0);
        for number in 1..3 * LANES {
            get(number);
        }
        assert!(Rc::ptr_eq(&get(0).0, &parked.0));
        assert!(lanes.by_key.len() <= LANES, "the others have been swept");
    }

    #[test]
    fn a_granted_place_that_is_given_up_passes_on() {
        let lane = Lane::default();
        let first = lane.enter_tail();
        let mut second = lane.enter_tail();
        drop(first);
        assert!(granted(&mut second).is_some());
    }
}
