//! How a run lets go of its event and its lane while it waits for something long, and how it comes back.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::suspension::EventVerdict;
use super::wait::wait;
use crate::runtime::context::SessionContext;
use crate::runtime::context::lane::LaneEntry;
use crate::runtime::context::services::Services;
use crate::runtime::engine::thrown::ScriptError;
use crate::runtime::run::{Run, is_last_word};
use crate::runtime::timers::hours;

/// How long a wait still lasts that was to last `duration`: a rebuilt run goes on with what its process left it.
pub(crate) fn until(services: &Services, run: &Run, call: &str, duration: Duration) -> Duration {
    let now = services.clock.now();
    let length = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    let Some(deadline) = run.history.interrupted_deadline(call) else {
        run.history.set_deadline(now.saturating_add(length));
        return duration;
    };
    let left = hours::left(deadline, length, now, run.session.as_ref().and_then(|session| session.last.get()));
    run.history.set_deadline(now.saturating_add(left));
    Duration::from_millis(u64::try_from(left).unwrap_or(0))
}

/// Lets go of the run's event and lane; what it gives waits for something long, and enters the lane again at its head, or the lane of the
/// place that it comes back with. The event is told the verdict, unless it has been told more.
pub(crate) fn detach<T, F>(run: &Rc<Run>, verdict: EventVerdict, future: F) -> impl Future<Output = T> + use<T, F>
where
    F: Future<Output = (T, Option<LaneEntry>)> + 'static,
{
    let keeps_lane = run.lane().is_kept();
    run.suspension.let_go(verdict, keeps_lane);
    // What is awaited lies in each future around it anew, so it is kept apart.
    let (run, future) = (Rc::clone(run), Box::pin(future));
    async move {
        let woken = async {
            let (result, entry) = future.await;
            match entry.or_else(|| (!keeps_lane).then(|| run.lane().enter_head())) {
                Some(entry) => (result, Some(entry.await)),
                None => (result, None),
            }
        };
        let (result, guard) = run.aside(woken).await;
        if let Some(guard) = guard {
            run.come_back(guard);
        }
        result
    }
}

/// Has a run wait, away from its lane, for as long as its script is held.
///
/// # Errors
/// When the run was ended meanwhile.
pub(crate) fn pause(run: &Rc<Run>) -> Result<(), ScriptError> {
    match &run.session {
        Some(session) if session.is_held(run.generation.name()) && !is_last_word(&run.function) => {
            wait_for_script(run, session)
        }
        _ => Ok(()),
    }
}

// Out of line, since its frame would lie on the stack of every parked run.
#[inline(never)]
fn wait_for_script(run: &Rc<Run>, session: &Rc<SessionContext>) -> Result<(), ScriptError> {
    // The other scripts get the event meanwhile, unless this run has handled it.
    let (session, script) = (Rc::clone(session), Arc::clone(&run.generation.bundle.name));
    let released = detach(run, EventVerdict::PassedOn, async move {
        session.released(&script).await;
        ((), None)
    });
    wait("a run whose script is missing", released)
}
