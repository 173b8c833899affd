//! The journal's housekeeping while a system runs: what is over for long goes, and runs that somebody asked to kill end.
//!
//! What is pruned, and how a run ends, is decided below.

use std::collections::BTreeSet;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::clock::{Clock, Timestamp};
use crate::script::{Directory, Updater};
use crate::store::{RunRow, Store, StoreError};

/// How often it is looked whether somebody asked for a run to be killed. Wall time, as people's terminals have it.
const KILL_CHECK: Duration = Duration::from_secs(1);

/// How often what is over for long is removed.
const PRUNE: Duration = Duration::from_secs(3_600);

/// What the housekeeping needs.
pub(super) struct Keeping {
    pub(super) store: Store,
    pub(super) clock: Clock,
    /// How long what is over is kept.
    pub(super) retention: Duration,
    /// The workers that may have a run that is to be killed.
    pub(super) workers: Vec<Updater>,
    /// The sessions that the configuration named at the start.
    pub(super) configured: BTreeSet<String>,
    /// The sessions that there are now.
    pub(super) directory: Directory,
}

/// The thread that does it; it ends when this is dropped.
pub(super) struct Keeper {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Keeping {
    /// Does everything once, then again and again on a thread of its own.
    ///
    /// Sessions that start after this do not rebuild the runs that were to be killed.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(self) -> std::io::Result<Keeper> {
        self.prune();
        self.kill();
        let (stop, stopped) = mpsc::channel();
        let thread = thread::Builder::new().name("keeping".to_owned()).spawn(move || self.keep(&stopped))?;
        Ok(Keeper { stop: Some(stop), thread: Some(thread) })
    }

    fn keep(&self, stopped: &mpsc::Receiver<()>) {
        let mut pruned = Instant::now();
        while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(KILL_CHECK) {
            self.kill();
            if pruned.elapsed() >= PRUNE {
                self.prune();
                pruned = Instant::now();
            }
        }
    }

    fn prune(&self) {
        let retention = Timestamp::try_from(self.retention.as_millis()).unwrap_or(Timestamp::MAX);
        let now = self.clock.now();
        let before = now.saturating_sub(retention);
        let sessions = self.configured.iter().cloned().chain(self.directory.names()).collect();
        let pruned = self.store.abandon(sessions, before, now).and_then(|()| self.store.prune(before, now));
        if let Err(error) = pruned {
            tracing::warn!("the journal could not be pruned, which is tried again in an hour: {error}");
        }
    }

    fn kill(&self) {
        if let Err(error) = self.store.kills().and_then(|runs| runs.iter().try_for_each(|run| self.kill_one(run))) {
            tracing::warn!(target: "hotline::store", "runs that are to be killed could not be read, or ended: {error}");
        }
    }

    fn kill_one(&self, run: &RunRow) -> Result<(), StoreError> {
        let session = &*run.session;
        if self.configured.contains(session) || self.directory.get(session).is_some() {
            self.workers.iter().for_each(|worker| worker.kill(run.id));
            return Ok(());
        }
        // No worker has a run of a session that there is not.
        tracing::info!(run = run.id, session, "killed");
        self.store.end_run(run.id, self.clock.now())
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.stop.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that keeps the journal in order panicked");
        }
    }
}
