//! Lanes: what happens in one chat happens in order, one thing at a time.
//!
//! A lane is a lock with two ends. Events queue at the tail in the order of their arrival; a run that wakes up from a
//! long wait enters at the head, before any event that came later than its answer. What runs in a lane is not its business.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// How many lanes a session keeps before it looks for idle ones.
const LANES: usize = 1024;

/// Which lane something happens in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum LaneKey {
    /// The events of one chat.
    Chat(String),
    /// One script's timers, and its share of the events that have no chat.
    Script(String),
}

/// The lanes of one session.
#[derive(Debug)]
pub(crate) struct Lanes {
    by_key: HashMap<LaneKey, Lane>,
    sweep_at: usize,
}

impl Default for Lanes {
    fn default() -> Self {
        Self { by_key: HashMap::new(), sweep_at: LANES }
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
        self.by_key.entry(key).or_default().clone()
    }
}

/// One lane; clones are the same lane.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lane(Rc<RefCell<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    held: bool,
    waiting: VecDeque<Rc<RefCell<Place>>>,
}

#[derive(Debug)]
enum Place {
    Waiting(Option<Waker>),
    Granted,
}

impl Lane {
    /// Queues behind everything that waits. The place counts from this call, not from the first poll.
    pub(crate) fn enter_tail(&self) -> Entry {
        self.enter(VecDeque::push_back)
    }

    /// Queues before everything that waits.
    pub(crate) fn enter_head(&self) -> Entry {
        self.enter(VecDeque::push_front)
    }

    fn enter(&self, queue_up: impl FnOnce(&mut VecDeque<Rc<RefCell<Place>>>, Rc<RefCell<Place>>)) -> Entry {
        let mut queue = self.0.borrow_mut();
        // Invariant: a lane that nobody holds has nobody waiting, so a free lane is granted at once.
        let place = if queue.held { Place::Waiting(None) } else { Place::Granted };
        let place = Rc::new(RefCell::new(place));
        if queue.held {
            queue_up(&mut queue.waiting, Rc::clone(&place));
        }
        queue.held = true;
        Entry { lane: self.clone(), place: Some(place) }
    }

    fn release(&self) {
        let mut queue = self.0.borrow_mut();
        let Some(next) = queue.waiting.pop_front() else {
            queue.held = false;
            return;
        };
        drop(queue);
        if let Place::Waiting(Some(waker)) = next.replace(Place::Granted) {
            waker.wake();
        }
    }
}

/// A place in a lane's queue; as a future it gives the lane. Dropped, it gives its place up.
#[derive(Debug)]
pub(crate) struct Entry {
    lane: Lane,
    place: Option<Rc<RefCell<Place>>>,
}

impl Future for Entry {
    type Output = Guard;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Guard> {
        let place = self.place.as_ref().expect("an entry is not polled after it was granted");
        if let Place::Waiting(waker) = &mut *place.borrow_mut() {
            *waker = Some(context.waker().clone());
            return Poll::Pending;
        }
        self.place = None;
        Poll::Ready(Guard(self.lane.clone()))
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let Some(place) = self.place.take() else { return };
        if matches!(*place.borrow(), Place::Granted) {
            self.lane.release();
        } else {
            self.lane.0.borrow_mut().waiting.retain(|waiting| !Rc::ptr_eq(waiting, &place));
        }
    }
}

/// The right to act in a lane; dropped, it passes on to the next.
#[derive(Debug)]
pub(crate) struct Guard(Lane);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.release();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    fn granted(entry: &mut Entry) -> Option<Guard> {
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
        drop(guard);
        assert!(granted(&mut second).is_none());
        drop(granted(&mut waking).expect("the head is next"));
        drop(second);
        drop(granted(&mut third).expect("who gave up is passed over"));
        assert!(granted(&mut lane.enter_tail()).is_some(), "nobody is left");
    }

    #[test]
    fn a_lane_that_somebody_has_is_found_again_however_many_there_are() {
        let mut lanes = Lanes::default();
        let mut get = |number: usize| lanes.get(LaneKey::Chat(number.to_string()));
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
