//! How a run waits for the web: without its lane, so that its chat goes on meanwhile, and back in it before its script is.
//!
//! Its event waits for it all the same, so that its outcome counts. What is asked of the web is not known here.

use std::future::Future;
use std::rc::Rc;

use super::at_work;
use super::wait::{CallSite, wait, waiting};
use crate::protocol::Hook;
use crate::runtime::context::lane::Seat;
use crate::runtime::engine::thrown::ScriptError;
use crate::runtime::journal::history;
use crate::runtime::run::Run;

/// Why a run does not go to the web yet, as people read it.
const FULL: &str = "as many of its chat as may be are in the web";

/// Gets the right to go to the web, with the lane: while too many are there, nothing else of the lane begins.
///
/// # Errors
/// When the run is to end.
pub(crate) fn seat(run: &Rc<Run>, call: &str, waits: &dyn Fn(Option<&str>)) -> Result<Seat, ScriptError> {
    if let Some(seat) = run.lane().seat_now() {
        return Ok(seat);
    }
    waits(Some(FULL));
    let lane = run.lane();
    let seat = lane.seat();
    // What is recorded can wait in the next process too.
    if run.is_recorded() { wait(call, run.aside(seat)) } else { wait(call, seat) }
}

/// Waits for an answer of the web, without the lane where the run may let go of it.
///
/// # Errors
/// When the run is to end.
pub(crate) fn fetch<T>(
    run: &Rc<Run>,
    seat: Seat,
    call: &str,
    answer: impl Future<Output = T>,
) -> Result<T, ScriptError> {
    if !keeps_its_lane(run) {
        drop(run.suspension.take_lane());
    }
    let shown = at_work::show(run);
    let answer = wait(call, answer);
    drop(shown);
    // Whoever waits for the seat has the lane that this run is to come back to.
    drop(seat);
    answer
}

/// Whether what comes later must not overtake the run: a hook that sees everything sees it in order, and what a person says
/// next may be the answer to the next question.
fn keeps_its_lane(run: &Run) -> bool {
    let is_first_to_see = &*run.function == Hook::Notify.name() && !run.suspension.is_alone();
    is_first_to_see || run.suspension.has_answer() || run.lane().is_kept()
}

/// Enters the lane again at its head, where the run has let go of it.
///
/// # Errors
/// When the run is to end.
pub(crate) fn come_back(run: &Rc<Run>, call: &str, place: CallSite<'_>) -> Result<(), ScriptError> {
    if run.suspension.has_lane() || run.is_condemned() {
        return Ok(());
    }
    let entry = run.lane().enter_head();
    run.history.set_waiting(Some(waiting(run, history::taken(call), place)));
    run.note();
    let guard = wait(call, entry);
    run.history.set_waiting(None);
    run.note();
    run.come_back(guard?);
    Ok(())
}
