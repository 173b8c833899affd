//! How a run stands to its event and to its lane.
//!
//! A run begins in its lane, with its event waiting for it. With its first long wait it lets go of the event, which takes the lane
//! along; from then on it goes on by itself, and enters the lane anew after each long wait.

use std::cell::RefCell;

use crate::runtime::context::drain::ActiveRun;
use crate::runtime::context::lane::Guard;

/// What a run has told its event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum EventVerdict {
    /// Nothing yet: it says so when it ends.
    #[default]
    Open,
    /// It has slept: the next script goes on with the event.
    PassedOn,
    /// It has asked somebody: it has handled its event.
    Handled,
}

/// Who waits for a run, with the lane while the run has it.
#[derive(Debug)]
enum Standing {
    /// Its event does.
    WithEvent(Option<Guard>),
    /// Nobody: it goes on by itself.
    ByItself(Option<Guard>),
}

impl Standing {
    fn lane(&mut self) -> &mut Option<Guard> {
        match self {
            Self::WithEvent(lane) | Self::ByItself(lane) => lane,
        }
    }
}

/// How one run stands to its event and to its lane.
#[derive(Debug)]
pub(crate) struct Suspension(RefCell<Inner>);

#[derive(Debug)]
struct Inner {
    standing: Standing,
    verdict: EventVerdict,
    /// The lane of a timer, which it keeps to its end wherever it goes on.
    kept: Option<Guard>,
    /// Whether it has the answer of somebody whom it asked, and has not slept or asked again since.
    has_answer: bool,
    /// That it is in the middle of something, while it is.
    active: Option<ActiveRun>,
}

impl Default for Suspension {
    fn default() -> Self {
        let standing = Standing::WithEvent(None);
        Self(RefCell::new(Inner { standing, verdict: EventVerdict::Open, kept: None, has_answer: false, active: None }))
    }
}

impl Suspension {
    /// Its event lends it the lane.
    pub(crate) fn borrow_lane(&self, lane: Option<Guard>) {
        self.0.borrow_mut().standing = Standing::WithEvent(lane);
    }

    /// No event waits for it from here on.
    pub(crate) fn go_alone(&self, lane: Option<Guard>) {
        self.0.borrow_mut().standing = Standing::ByItself(lane);
    }

    /// It waits for something long from here on, and tells its event so. The first time the event has use for the lane, and takes it;
    /// later it is free.
    pub(crate) fn let_go(&self, verdict: EventVerdict, keeps_lane: bool) {
        let mut inner = self.0.borrow_mut();
        inner.tell(verdict, false);
        let freed = match &mut inner.standing {
            Standing::WithEvent(lane) => {
                let lane = lane.take();
                inner.standing = Standing::ByItself(lane);
                None
            }
            Standing::ByItself(lane) if !keeps_lane => lane.take(),
            Standing::ByItself(_) => None,
        };
        drop(inner);
        drop(freed);
    }

    /// It does again what it did in an earlier process: it let go of its event, and has come back.
    pub(crate) fn has_been_away(&self, verdict: EventVerdict) {
        self.0.borrow_mut().tell(verdict, false);
    }

    /// It has the answer of whom it asked.
    pub(crate) fn set_answered(&self) {
        self.0.borrow_mut().has_answer = true;
    }

    /// It has its lane again.
    pub(crate) fn come_back(&self, lane: Guard) {
        *self.0.borrow_mut().standing.lane() = Some(lane);
    }

    /// It goes on in another lane, and keeps the one that it has to its end.
    pub(crate) fn keep_lane(&self) {
        let mut inner = self.0.borrow_mut();
        inner.kept = inner.standing.lane().take();
    }

    /// It is over: it is in no lane any more, and in the middle of nothing.
    pub(crate) fn end(&self) {
        let mut inner = self.0.borrow_mut();
        let left = (inner.standing.lane().take(), inner.kept.take(), inner.active.take());
        drop(inner);
        drop(left);
    }

    /// Takes the lane from it.
    pub(crate) fn take_lane(&self) -> Option<Guard> {
        self.0.borrow_mut().standing.lane().take()
    }

    /// Whether it has its lane.
    pub(crate) fn has_lane(&self) -> bool {
        self.0.borrow_mut().standing.lane().is_some()
    }

    /// Whether no event waits for it.
    pub(crate) fn is_alone(&self) -> bool {
        matches!(self.0.borrow().standing, Standing::ByItself(_))
    }

    /// What it has told its event.
    pub(crate) fn verdict(&self) -> EventVerdict {
        self.0.borrow().verdict
    }

    /// Whether it has the answer of somebody whom it asked, and has not slept or asked again since.
    pub(crate) fn has_answer(&self) -> bool {
        self.0.borrow().has_answer
    }

    /// It is in the middle of something until it is taken out of this.
    pub(crate) fn set_active(&self, active: Option<ActiveRun>) {
        let before = std::mem::replace(&mut self.0.borrow_mut().active, active);
        drop(before);
    }
}

impl Inner {
    /// What has been told once stays: who has asked has handled the event, also if it sleeps later.
    fn tell(&mut self, verdict: EventVerdict, has_answer: bool) {
        self.verdict = self.verdict.max(verdict);
        self.has_answer = has_answer;
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use super::*;
    use crate::runtime::context::lane::Lane;

    fn lane() -> Option<Guard> {
        let mut entry = Lane::default().enter_tail();
        match std::pin::Pin::new(&mut entry).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(guard) => Some(guard),
            Poll::Pending => None,
        }
    }

    #[test]
    fn the_first_wait_leaves_the_lane_to_the_event_and_later_ones_free_it() {
        let run = Suspension::default();
        run.borrow_lane(lane());
        assert!(!run.is_alone());
        run.let_go(EventVerdict::PassedOn, false);
        assert!(run.is_alone() && run.has_lane(), "the event takes it");
        drop(run.take_lane());
        run.come_back(lane().expect("it is free"));
        run.let_go(EventVerdict::PassedOn, false);
        assert!(!run.has_lane());
    }

    #[test]
    fn a_lane_that_is_kept_stays_with_the_run() {
        let run = Suspension::default();
        run.borrow_lane(lane());
        run.let_go(EventVerdict::PassedOn, true);
        run.let_go(EventVerdict::PassedOn, true);
        assert!(run.has_lane());
    }

    #[test]
    fn who_has_asked_has_handled_the_event_whatever_comes_later() {
        let run = Suspension::default();
        run.let_go(EventVerdict::Handled, false);
        run.set_answered();
        assert!(run.has_answer());
        run.let_go(EventVerdict::PassedOn, false);
        assert_eq!((run.verdict(), run.has_answer()), (EventVerdict::Handled, false));
        let again = Suspension::default();
        again.has_been_away(EventVerdict::PassedOn);
        assert!(!again.is_alone(), "its event is offered again, and waits for it");
        assert_eq!(again.verdict(), EventVerdict::PassedOn);
    }
}
