//! One session on a worker, without scripts, for a person at a prompt. How lines come and go is the command line's business.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::config::{Config, Session};
use super::prepared::prepare;
use super::start_error::StartError;
use crate::clock::Clock;
use crate::runtime::{
    Announcer, Assignment, Chance, Directory, JournalMode, PromptHandle, WebAccess, WorkerContext, WorkerHandle,
};
use crate::session::Webhooks;
use crate::session::{Ended, Handle};
use crate::store::{Durability, Store};

/// How long what a line began may take to finish when the prompt ends.
const GRACE: std::time::Duration = std::time::Duration::from_secs(1);

/// Where certificates and the store of the prompt are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptStorage {
    /// In the configuration's data folder, which is made if it is missing.
    DataFolder,
    /// In memory, unless there is a data folder already.
    Memory,
    /// In memory.
    Nothing,
}

/// A session and the worker that runs it.
pub struct PromptHost {
    worker: WorkerHandle,
    store: Store,
    handle: Handle,
    directory: Directory,
    folder: PathBuf,
    ended: mpsc::Receiver<(String, Ended)>,
}

impl PromptHost {
    /// Starts one session of a configuration. It logs in by itself.
    ///
    /// # Errors
    /// When the data folder or a thread is not to be had.
    pub async fn start(config: &Config, session: &Session, storage: PromptStorage) -> Result<Self, StartError> {
        let store = match storage {
            PromptStorage::Nothing => Store::in_memory()?,
            PromptStorage::Memory if !config.data.is_dir() => Store::in_memory()?,
            _ => Store::open(&config.data, Durability::Relaxed)?,
        };
        let directory = Directory::default();
        let (ending, ended) = mpsc::channel(1);
        let shared = WorkerContext {
            clock: Clock::system(),
            setup: Arc::new(config.setup()),
            store: store.clone(),
            limits: config.limits,
            directory: directory.clone(),
            chance: Chance::default(),
            coverage: None,
            dry_run: false,
            web: WebAccess::Hosts(config.http_allow.clone()),
            // What a person types is not taken up again by the next process.
            journal: JournalMode::Off,
            resend_in_doubt: false,
            events: Announcer::new(Clock::system()),
            ended: ending,
        };
        let worker = WorkerHandle::spawn("prompt".to_owned(), shared).map_err(StartError::Thread)?;
        // No scripts: what they would answer is not what the person at the prompt asked for.
        let assignment = Assignment {
            scripts: Some(Vec::new()),
            ..prepare(session, config, &store, &Webhooks::default()).await?.assign(&directory)
        };
        let handle = assignment.handle.clone();
        worker.attach(assignment).await;
        let folder = config.scripts.first().filter(|path| path.is_dir()).cloned().unwrap_or_else(|| PathBuf::from("."));
        Ok(Self { worker, store, handle, directory, folder, ended })
    }

    /// The prompt itself.
    pub fn prompt(&self) -> PromptHandle<'_> {
        PromptHandle::new(&self.worker, self.handle.name(), self.folder.clone())
    }

    /// The session.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Every session by its name.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Waits until the session is over by itself, and gives why.
    pub async fn over(&mut self) -> Option<Ended> {
        self.ended.recv().await.map(|(_, ended)| ended)
    }

    /// Closes the session.
    pub async fn stop(self) {
        self.worker.stop(GRACE).await;
        let Self { worker, store, .. } = self;
        let closing = tokio::task::spawn_blocking(move || {
            worker.join();
            if let Err(error) = store.flush() {
                tracing::error!("the last writes did not reach the disk: {error}");
            }
        });
        let _ = closing.await;
    }
}
