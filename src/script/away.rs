//! How a run waits for the web: without its lane, so that its chat goes on meanwhile, and back in it before its script is.
//!
//! Its event waits for it all the same, so that its outcome counts. What is asked of the web is not known here.

use std::future::Future;
use std::rc::Rc;

use super::door::{self, Place, Thrown};
use super::lane::Seat;
use super::record;
use super::run::Run;
use crate::protocol::Hook;

/// Why a run does not go to the web yet, as people read it.
const FULL: &str = "as many of its chat as may be are in the web";

/// Gets the right to go to the web, with the lane: while too many are there, nothing else of the lane begins.
///
/// # Errors
/// When the run is to end.
pub(super) fn seat(run: &Rc<Run>, call: &str, wait: &dyn Fn(Option<&str>)) -> Result<Seat, Thrown> {
    if let Some(seat) = run.lane.seat_now() {
        return Ok(seat);
    }
    wait(Some(FULL));
    let seat = run.lane.seat();
    // What is recorded can wait in the next process too.
    if run.is_recorded() { door::wait(call, run.aside(seat)) } else { door::wait(call, seat) }
}

/// Waits for an answer of the web, without the lane where the run may let go of it.
///
/// # Errors
/// When the run is to end.
pub(super) fn fetch<T>(run: &Rc<Run>, seat: Seat, call: &str, answer: impl Future<Output = T>) -> Result<T, Thrown> {
    if !keeps_its_lane(run) {
        run.guard.take();
    }
    let answer = door::wait(call, answer);
    // Whoever waits for the seat has the lane that this run is to come back to.
    drop(seat);
    answer
}

/// Whether what comes later must not overtake the run: a hook that sees everything sees it in order, and what a person says
/// next may be the answer to the next question.
fn keeps_its_lane(run: &Run) -> bool {
    let is_first_to_see = &*run.function == Hook::Notify.name() && !run.has_let_go.get();
    is_first_to_see || run.has_answer.get() || run.lane.is_kept()
}

/// Enters the lane again at its head, where the run has let go of it.
///
/// # Errors
/// When the run is to end.
pub(super) fn come_back(run: &Rc<Run>, call: &str, place: Place<'_>) -> Result<(), Thrown> {
    if run.guard.borrow().is_some() || run.is_condemned() {
        return Ok(());
    }
    let entry = run.lane.enter_head();
    run.record.set_waiting(Some(door::waiting(run, record::taken(call), place)));
    run.note();
    let guard = door::wait(call, entry);
    run.record.set_waiting(None);
    run.note();
    run.guard.replace(Some(guard?));
    Ok(())
}
