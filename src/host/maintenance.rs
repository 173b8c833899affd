//! The maintenance while a system runs: what is over for long goes from the journal, and scripts that are missing for long are
//! forgotten.
//!
//! What is pruned is decided below.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::missing::MissingScripts;
use crate::clock::{Clock, Timestamp};
use crate::runtime::Directory;
use crate::runtime::reload::watch::Asker;
use crate::session::Phase;
use crate::store::{JournalReader, Pruning, Store, StoreError};

/// How often it is counted for how long scripts have been missing.
const COUNT: Duration = Duration::from_secs(1);

/// How often what is over for long is removed.
const PRUNE: Duration = Duration::from_secs(3_600);

/// Sessions have this long to log in before that begins without them.
const LOGIN: Duration = Duration::from_secs(60);

/// The store has at least this long for others between two slices, and as long as the slice took.
const PAUSE: Duration = Duration::from_millis(5);

/// What the maintenance needs.
pub(super) struct Maintenance {
    pub(super) store: Store,
    /// The data folder.
    pub(super) data: PathBuf,
    pub(super) clock: Clock,
    /// How long what is over is kept.
    pub(super) retention: Duration,
    /// The sessions that the configuration named at the start.
    pub(super) configured: BTreeSet<String>,
    /// The sessions that there are now.
    pub(super) directory: Directory,
    /// Whether there is a journal to keep in order.
    pub(super) records: bool,
    /// The scripts whose files are missing.
    pub(super) missing: MissingScripts,
    /// Where it is said that one is to be forgotten.
    pub(super) library: Asker,
}

/// The thread that does it; it ends when this is dropped.
pub(super) struct MaintenanceThread {
    /// Nothing is sent: it is dropped.
    stop: Option<SyncSender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Maintenance {
    /// Starts the thread. What is over for long goes when the sessions are logged in, slice by slice, so that nobody waits for it.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(self) -> std::io::Result<MaintenanceThread> {
        self.missing.count();
        let (stop, stopped) = sync_channel(1);
        let thread = thread::Builder::new().name("maintenance".to_owned()).spawn(move || self.work(&stopped))?;
        Ok(MaintenanceThread { stop: Some(stop), thread: Some(thread) })
    }

    fn work(&self, stopped: &Receiver<()>) {
        let began = Instant::now();
        let (mut counted, mut pruned, mut pruning) = (began, None::<Instant>, None);
        let mut pause = COUNT;
        while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(pause) {
            if counted.elapsed() >= COUNT {
                counted = Instant::now();
                for script in self.missing.count() {
                    // What comes of it is said by whoever does it.
                    drop(self.library.forget(script));
                }
            }
            let is_due = match pruned {
                Some(pruned) => pruned.elapsed() >= PRUNE,
                None => self.are_logged_in() || began.elapsed() >= LOGIN,
            };
            if is_due && self.records {
                if pruned.is_none() {
                    self.check();
                }
                pruned = Some(Instant::now());
                pruning = self.begin_to_prune();
            }
            let slice = Instant::now();
            pruning = pruning.and_then(|pruning| self.tell(self.store.prune_some(pruning)).flatten());
            pause = if pruning.is_some() { slice.elapsed().max(PAUSE) } else { COUNT };
        }
    }

    /// Whether every session is logged in, or has nothing more to wait for.
    fn are_logged_in(&self) -> bool {
        let is_live = |name: &String| {
            let phase = self.directory.get(name).map(|member| member.handle.status().phase);
            !matches!(phase, Some(Phase::Connecting | Phase::LoggingIn | Phase::AwaitingPin | Phase::Lost { .. }))
        };
        self.directory.names().iter().all(is_live)
    }

    /// Checks a database that was too large to be checked at the start, on a connection of its own: the writer goes on.
    fn check(&self) {
        if self.store.is_checked_soon() {
            return;
        }
        if let Err(error) = JournalReader::open(&self.data).and_then(|reader| reader.check()) {
            tracing::error!("{error}");
        }
    }

    fn begin_to_prune(&self) -> Option<Pruning> {
        let retention = Timestamp::try_from(self.retention.as_millis()).unwrap_or(Timestamp::MAX);
        let now = self.clock.now();
        let before = now.saturating_sub(retention);
        let sessions = self.configured.iter().cloned().chain(self.directory.names()).collect();
        self.tell(self.store.abandon(sessions, before, now)).map(|()| Pruning::before(before, now))
    }

    /// Tells why pruning failed, if it did.
    fn tell<T>(&self, pruned: Result<T, StoreError>) -> Option<T> {
        pruned
            .inspect_err(|error| {
                tracing::warn!("the journal could not be pruned, which is tried again in an hour: {error}");
            })
            .ok()
    }
}

impl Drop for MaintenanceThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that keeps the journal in order panicked");
        }
    }
}
