//! What can be seen of a worker: its sessions, its runs and their waits, its timers.
//!
//! What other workers have of it, and the scripts on disk, are put beside it by the host.

use super::state::Worker;
use crate::runtime::context::SessionContext;
use crate::runtime::run::Run;
use crate::runtime::timers::timer::{Scheduled, Spec};
use crate::runtime::view::rows::{ROWS, RunView, SessionView, TimerView, WorkerCounters, WorkerView};

impl Worker {
    /// Everything that can be seen of it now.
    pub(super) fn look(&self) -> WorkerView {
        let (sessions, parked, listed) = (self.sessions.borrow(), self.parked.borrow(), self.listing.those(|_| true));
        let sessions = || sessions.values().map(|attached| &*attached.session);
        let running = listed.iter().map(|run| row_of(run, false));
        let runs = running.chain(parked.values().map(|(run, _)| row_of(run, true)));
        let timers = sessions().flat_map(|session| {
            let row = |scheduled| timer_of(session, scheduled);
            session.schedule.upcoming(ROWS).into_iter().map(row)
        });
        WorkerView {
            sessions: sessions().map(session_of).collect(),
            runs: runs.flatten().take(ROWS).collect(),
            timers: timers.take(ROWS).collect(),
            counters: WorkerCounters {
                running: listed.len(),
                parked: parked.len(),
                left_behind: sessions().map(|session| session.past_runs.len()).sum(),
                timers: sessions().map(|session| session.schedule.len()).sum(),
                free: self.slots.available_permits(),
            },
        }
    }
}

fn session_of(session: &SessionContext) -> SessionView {
    let scripts = session.scripts.borrow().clone();
    SessionView::new(&session.name, session.handle.status(), scripts, session.pending.get())
}

/// A run's row; a script's top level, which belongs to no session, has none.
fn row_of(run: &Run, is_parked: bool) -> Option<RunView> {
    let session = run.session.as_ref()?;
    Some(RunView {
        id: run.id(),
        event: run.event(),
        session: session.name.to_string(),
        script: run.generation.name().to_owned(),
        function: run.function.to_string(),
        generation: run.generation.number,
        is_parked,
        waits: run.waits(),
    })
}

fn timer_of(session: &SessionContext, scheduled: Scheduled) -> TimerView {
    let Scheduled { id, script, timer, due, .. } = scheduled;
    TimerView {
        id,
        session: session.name.to_string(),
        script,
        function: timer.function,
        due,
        repeats: !matches!(timer.spec, Spec::After(_)),
    }
}
