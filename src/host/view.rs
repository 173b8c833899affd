//! What can be seen of a running system: one snapshot of all its workers, its scripts and its sessions.
//!
//! What happens between two snapshots, the stream of events tells.

use std::path::PathBuf;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use super::missing::MissingScripts;
use super::prepared::CurrentScripts;
use crate::clock::{Clock, Timestamp};
use crate::runtime::{
    Directory, FaultView, RunView, Script, ScriptState, ScriptView, SessionView, TimerView, Updater, WorkerCounters,
    WorkerView,
};

/// How a running system is at one moment. Each worker shows its part between two events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// When it was taken, as a time of day.
    pub at: Timestamp,
    /// Every session, by its name.
    pub sessions: Vec<SessionView>,
    /// Every script, in the order in which they get events.
    pub scripts: Vec<ScriptView>,
    /// The runs that go on, the oldest first; at most 10,000 of each worker.
    pub runs: Vec<RunView>,
    /// The timers, those first that are due first; at most 10,000 of each worker.
    pub timers: Vec<TimerView>,
    /// How much there is of all, on all workers.
    pub counters: WorkerCounters,
}

/// Takes snapshots; clones see the same system.
#[derive(Clone)]
pub(super) struct Viewer {
    pub(super) clock: Clock,
    pub(super) workers: Vec<Updater>,
    pub(super) scripts: CurrentScripts,
    pub(super) missing: MissingScripts,
    pub(super) directory: Directory,
}

impl Viewer {
    /// How the system is now. A worker that has ended shows nothing.
    pub(super) async fn look(&self) -> Snapshot {
        let parts = join_all(self.workers.iter().map(Updater::look)).await;
        let mut counters = WorkerCounters::default();
        let (mut sessions, mut runs, mut timers) = (Vec::new(), Vec::new(), Vec::new());
        for part in parts.into_iter().flatten() {
            let WorkerView { sessions: its_sessions, runs: its_runs, timers: its_timers, counters: its_counters } =
                part;
            counters.add(&its_counters);
            sessions.extend(its_sessions);
            runs.extend(its_runs);
            timers.extend(its_timers);
        }
        // One that waits for the disk is on no worker yet.
        for name in self.directory.names() {
            if sessions.iter().all(|session| session.name != name)
                && let Some(member) = self.directory.get(&name)
            {
                sessions.push(SessionView::new(&name, member.handle.status(), None, 0));
            }
        }
        sessions.sort_by(|one, other| one.name.cmp(&other.name));
        runs.sort_by_key(|run| run.id);
        timers.sort_by(|one, other| (one.due, &one.session, one.id).cmp(&(other.due, &other.session, other.id)));
        Snapshot { at: self.clock.now(), sessions, scripts: self.scripts(), runs, timers, counters }
    }

    fn scripts(&self) -> Vec<ScriptView> {
        let mut scripts: Vec<_> = self.scripts.all().iter().map(row_of).collect();
        for name in self.missing.names() {
            if scripts.iter().all(|script| script.name != name) {
                let script = Script::default();
                scripts.push(ScriptView {
                    name,
                    file: None,
                    state: ScriptState::Missing,
                    ..row_of(&(PathBuf::new(), script))
                });
            }
        }
        scripts
    }
}

fn row_of((file, script): &(PathBuf, Script)) -> ScriptView {
    let state = match (&script.fault, &script.live) {
        _ if script.is_missing => ScriptState::Missing,
        (Some(_), _) => ScriptState::Faulty,
        (None, Some(live)) if !live.is_blank() => ScriptState::Live,
        (None, _) => ScriptState::Empty,
    };
    ScriptView {
        name: script.name.clone(),
        file: Some(file.display().to_string()),
        state,
        generation: script.live.as_ref().map(|_| script.generation),
        hooks: script.called.names(),
        timers: script.called.timers,
        fault: script.fault.as_ref().map(FaultView::from),
    }
}
