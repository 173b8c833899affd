//! How a run ends that somebody asked to kill, whoever has it.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::runtime::{Directory, Updater};
use crate::store::{RunId, RunRow, Store, StoreError};

/// What became of a run that was to be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KillOutcome {
    /// It ends, or is not taken up when its turn comes.
    Ends,
    /// It goes on with nobody; when its session comes, it is not taken up.
    Later,
    /// It has ended already, or never was.
    Over,
}

/// Kills runs; clones share all of it.
#[derive(Clone)]
pub(super) struct Killer {
    pub(super) store: Store,
    pub(super) clock: Clock,
    /// The workers that may have the run.
    pub(super) workers: Vec<Updater>,
    /// The sessions that the configuration named at the start.
    pub(super) configured: BTreeSet<String>,
    /// The sessions that there are now.
    pub(super) directory: Directory,
    /// Whether anything is recorded: what a rehearsal finds waits for the next real start.
    pub(super) records: bool,
}

impl Killer {
    /// Kills what somebody asked for while nobody could be asked. Whoever comes later finds a listener.
    pub(super) async fn take_up(&self) {
        if !self.records {
            return;
        }
        let found = match self.wishes().await {
            Ok(runs) => join_all(runs.into_iter().map(|run| self.end(run))).await.into_iter().collect(),
            Err(error) => Err(error),
        };
        if let Err(error) = found.map(|_: Vec<_>| ()) {
            tracing::warn!(target: "hotline::store", "runs that are to be killed could not be read, or ended: {error}");
        }
    }

    /// Kills one run. The wish is on disk before anybody acts on it, so that it outlives a crash.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) async fn kill(&self, run: RunId) -> Result<KillOutcome, StoreError> {
        self.ask(move |store| store.kill(run)).await?;
        if !self.records {
            return Ok(KillOutcome::Later);
        }
        match self.wishes().await?.into_iter().find(|wish| wish.id == run) {
            Some(wish) => match self.end(wish).await? {
                KillOutcome::Later => self.later(run).await,
                outcome => Ok(outcome),
            },
            // Its beginning may still be on its way to the disk.
            None => Ok(if self.is_there(run).await { KillOutcome::Ends } else { KillOutcome::Over }),
        }
    }

    /// What becomes of a run that the disk has and no worker: it may have ended a moment ago.
    async fn later(&self, run: RunId) -> Result<KillOutcome, StoreError> {
        join_all(self.workers.iter().map(Updater::flush)).await;
        let is_open = self.wishes().await?.iter().any(|wish| wish.id == run);
        Ok(if is_open { KillOutcome::Later } else { KillOutcome::Over })
    }

    async fn end(&self, RunRow { id, session, .. }: RunRow) -> Result<KillOutcome, StoreError> {
        if self.is_there(id).await {
            return Ok(KillOutcome::Ends);
        }
        if self.configured.contains(&*session) || self.directory.get(&session).is_some() {
            return Ok(KillOutcome::Later);
        }
        // No worker has a run of a session that there is not.
        tracing::info!(target: "hotline::host::maintenance", run = id.number(), session = &*session, "killed");
        let now = self.clock.now();
        self.ask(move |store| store.end_run(id, now)).await?;
        Ok(KillOutcome::Ends)
    }

    /// Has whichever worker it is kill its run; whether there is one.
    async fn is_there(&self, run: RunId) -> bool {
        join_all(self.workers.iter().map(|worker| worker.kill(run))).await.contains(&true)
    }

    async fn wishes(&self) -> Result<Vec<RunRow>, StoreError> {
        self.ask(Store::kills).await
    }

    /// Asks the store, whose thread may be busy, without holding up this one.
    async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || ask(&store)).await.unwrap_or(Err(StoreError::Closed))
    }
}
