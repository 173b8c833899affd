//! What other commands have a running bot keep: values of the stores, and what it has not written yet. What they ask for, and how,
//! is decided by them.

use futures_util::future::join_all;

use crate::clock::Clock;
use crate::runtime::Updater;
use crate::store::{Store, StoreEntry, StoreError};

/// Keeps things; clones share all of it.
#[derive(Clone)]
pub(super) struct Keeper {
    pub(super) store: Store,
    pub(super) clock: Clock,
    /// The workers, whose batches take values along.
    pub(super) workers: Vec<Updater>,
    /// Whether anything is recorded.
    pub(super) records: bool,
    /// Whether nothing is kept: it is a rehearsal.
    pub(super) is_rehearsal: bool,
}

impl Keeper {
    /// Gives values to keys, in their order, or takes the keys away; all of it is on disk then.
    ///
    /// # Errors
    /// With the first that cannot be kept, in words; those before it are.
    pub(super) async fn write(&self, entries: Vec<StoreEntry>) -> Result<(), String> {
        if self.is_rehearsal {
            return Err("the bot that runs is a rehearsal (--dry-run), which keeps nothing".to_owned());
        }
        let (store, now) = (self.store.clone(), self.clock.now());
        // Somebody may be in the middle of an update.
        let written = tokio::task::spawn_blocking(move || entries.iter().try_for_each(|entry| store.put(entry, now)));
        let written = written.await.unwrap_or(Err(StoreError::Closed));
        self.flush().await.map_err(|error| error.to_string())?;
        written.map_err(|error| error.to_string())
    }

    /// Waits until everything that has happened so far is on disk.
    ///
    /// # Errors
    /// When the disk takes no writes.
    pub(super) async fn flush(&self) -> Result<(), StoreError> {
        if self.records {
            // Values are written with the batches of what changed them.
            join_all(self.workers.iter().map(Updater::flush)).await;
            return Ok(());
        }
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || store.flush()).await.unwrap_or(Err(StoreError::Closed))
    }
}
