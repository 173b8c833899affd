//! The owner's end of workers: what they are given to run, and how they are asked for anything.
//!
//! What a worker does with it is in `worker`.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::Limits;
use super::http::WebAccess;
use super::journal::JournalMode;
use super::leaving::Parting;
use super::live::Directory;
use super::prompt;
use super::worker::{serve, work};
use crate::clock::Clock;
use crate::language::bundle::Bundle;
use crate::language::fault::Fault;
use crate::session::{Ended, Handle, Inbox, Media, SessionConfig};
use crate::store::Store;

/// What every worker of a process shares.
#[derive(Clone)]
pub struct Shared {
    /// The one clock.
    pub clock: Clock,
    /// What outlives the process.
    pub store: Store,
    /// The limits of scripts.
    pub limits: Limits,
    /// Every session of the process.
    pub directory: Directory,
    /// What of the web scripts may reach.
    pub web: WebAccess,
    /// Whether effects are only logged and not sent.
    pub dry_run: bool,
    /// How much is recorded, and how safely.
    pub journal: JournalMode,
    /// Whether an effect whose outcome was lost with its process is sent again.
    pub resend_in_doubt: bool,
    /// Where it is told that a session is over, by its name.
    pub ended: mpsc::UnboundedSender<(String, Ended)>,
}

/// A session to be run by a worker.
pub struct Assignment {
    /// How it connects and logs in.
    pub config: SessionConfig,
    /// The session's side of its channel.
    pub inbox: Inbox,
    /// Its handle.
    pub handle: Handle,
    /// What carries the commands that name files.
    pub media: Arc<Media>,
    /// The scripts that it runs; none means all.
    pub scripts: Option<Vec<String>>,
    /// Seeds its backoff.
    pub seed: u64,
}

/// A new version of some scripts, to be taken over at once.
#[derive(Clone, Debug, Default)]
pub struct Update {
    /// Scripts that are new or changed, each with its generation's number.
    pub loaded: Vec<(Arc<Bundle>, u64)>,
    /// The names of scripts whose files are missing: they are held.
    pub missing: Vec<String>,
    /// The names of scripts whose files are back and give no new version: what was live goes on.
    pub returned: Vec<String>,
    /// The names of scripts that are gone for good.
    pub removed: Vec<String>,
}

impl Update {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        let Self { loaded, missing, returned, removed } = self;
        loaded.is_empty() && [missing, returned, removed].into_iter().all(Vec::is_empty)
    }
}

/// What a worker is asked for.
pub(super) enum Order {
    Attach(Box<Assignment>),
    Detach(String, Parting, oneshot::Sender<()>),
    Alter(String, Arc<Media>, Option<Vec<String>>),
    Update(Update, std::sync::mpsc::Sender<Result<(), Fault>>),
    Unloaded(Vec<String>),
    Hold(Vec<String>),
    Kill(i64),
    Flush(oneshot::Sender<()>),
    Stop(Duration),
    Prompt(prompt::Request),
}

/// The owner's end of a worker.
pub struct WorkerHandle {
    orders: mpsc::UnboundedSender<Order>,
    /// None where the worker has no thread of its own.
    thread: Option<thread::JoinHandle<()>>,
}

impl WorkerHandle {
    /// Starts a worker's thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn spawn(name: String, shared: Shared) -> std::io::Result<Self> {
        // Unbounded, since orders are given by people and their editors.
        let (orders, inbox) = mpsc::unbounded_channel();
        let stack = shared.limits.thread_stack();
        let thread = thread::Builder::new().name(name).stack_size(stack).spawn(move || serve(shared, inbox))?;
        Ok(Self { orders, thread: Some(thread) })
    }

    /// A worker without a thread of its own: the future is to be run on a `LocalSet` of the caller's thread.
    ///
    /// Dropping that set ends the worker as a crash would: nothing is finished, and no `on_stop` runs.
    pub fn local(shared: Shared) -> (Self, impl Future<Output = ()> + 'static) {
        let (orders, inbox) = mpsc::unbounded_channel();
        (Self { orders, thread: None }, work(shared, inbox))
    }

    /// Gives the worker a session to run.
    pub fn attach(&self, assignment: Assignment) {
        let _ = self.orders.send(Order::Attach(Box::new(assignment)));
    }

    /// Changes what carries a session's files and which scripts it runs, while it goes on.
    ///
    /// Scripts that are new to it start, and those that it no longer runs stop, as if their files came and went.
    pub fn alter(&self, session: String, media: Arc<Media>, scripts: Option<Vec<String>>) {
        let _ = self.orders.send(Order::Alter(session, media, scripts));
    }

    /// Takes a session away: its scripts' `on_stop` runs, then it closes.
    ///
    /// The answer comes, or fails, when it is gone and what it left behind is on disk.
    pub fn detach(&self, session: String, parting: Parting) -> oneshot::Receiver<()> {
        let (done, gone) = oneshot::channel();
        let _ = self.orders.send(Order::Detach(session, parting, done));
        gone
    }

    /// The part of this handle that changes what the worker runs.
    pub fn updater(&self) -> Updater {
        Updater(self.orders.clone())
    }

    /// Waits until everything that this worker has recorded so far is on disk.
    pub async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        let _ = self.orders.send(Order::Flush(done));
        let _ = flushed.await;
    }

    /// Ends the worker: no more events are taken, and runs have `grace` to finish or park. Wait for it with [`join`](Self::join).
    pub fn stop(&self, grace: Duration) {
        let _ = self.orders.send(Order::Stop(grace));
    }

    /// Waits for the worker's thread to end.
    pub fn join(self) {
        if self.thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("a worker panicked");
        }
    }
}

impl WorkerHandle {
    /// Asks for something on behalf of a prompt.
    pub(super) fn prompt(&self, request: prompt::Request) {
        let _ = self.orders.send(Order::Prompt(request));
    }
}

/// Changes what a worker runs: hands it new versions of scripts, kills its runs.
#[derive(Clone)]
pub struct Updater(mpsc::UnboundedSender<Order>);

impl Updater {
    /// Has the worker take over new versions of scripts, all between two events.
    ///
    /// The answer comes when that is done. It is the fault of a script that does not load there; then nothing was taken over.
    pub fn update(&self, update: Update) -> std::sync::mpsc::Receiver<Result<(), Fault>> {
        let (done, result) = std::sync::mpsc::channel();
        let _ = self.0.send(Order::Update(update, done));
        result
    }

    /// Says which scripts are there and have no version that loads: what waits for them goes on waiting.
    pub fn unloaded(&self, scripts: Vec<String>) {
        let _ = self.0.send(Order::Unloaded(scripts));
    }

    /// Says which scripts are missing of which something is kept: it waits for them.
    pub fn hold(&self, scripts: Vec<String>) {
        let _ = self.0.send(Order::Hold(scripts));
    }

    /// Ends a run, whatever it does, or has it not rebuilt.
    pub fn kill(&self, run: i64) {
        let _ = self.0.send(Order::Kill(run));
    }
}
