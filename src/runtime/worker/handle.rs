//! The owner's end of workers: how they are asked for anything.
//!
//! What a worker does with it is in `serve`.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::orders::{Assignment, Order, Update, WorkerContext};
use super::prompt::{PROMPT, PromptRequest};
use super::serve::{serve, work};
use crate::language::fault::Fault;
use crate::language::names::Names;
use crate::runtime::context::drain::DrainMode;
use crate::runtime::view::rows::WorkerView;
use crate::session::{Media, Signal};
use crate::store::RunId;

/// How many orders may wait for a worker. When there are as many, whoever gives the next one waits: orders are given by people
/// and their editors.
const ORDERS: usize = 256;

/// The owner's end of a worker.
pub struct WorkerHandle {
    orders: mpsc::Sender<Order>,
    /// None where the worker has no thread of its own.
    thread: Option<thread::JoinHandle<()>>,
}

impl WorkerHandle {
    /// Starts a worker's thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn spawn(name: String, shared: WorkerContext) -> std::io::Result<Self> {
        let (orders, inbox) = mpsc::channel(ORDERS);
        let stack = shared.limits.thread_stack();
        let thread = thread::Builder::new().name(name).stack_size(stack).spawn(move || serve(shared, inbox))?;
        Ok(Self { orders, thread: Some(thread) })
    }

    /// A worker without a thread of its own: the future is to be run on a `LocalSet` of the caller's thread.
    ///
    /// Dropping that set ends the worker as a crash would: nothing is finished, and no `on_stop` runs.
    pub fn local(shared: WorkerContext) -> (Self, impl Future<Output = ()> + 'static) {
        let (orders, inbox) = mpsc::channel(ORDERS);
        (Self { orders, thread: None }, work(shared, inbox))
    }

    /// Gives the worker a session to run.
    pub async fn attach(&self, assignment: Assignment) {
        self.order(Order::Attach(Box::new(assignment))).await;
    }

    /// Changes what carries a session's files and which scripts it runs, while it goes on.
    ///
    /// Scripts that are new to it start, and those that it no longer runs stop, as if their files came and went.
    pub async fn alter(&self, session: String, media: Arc<Media>, scripts: Option<Vec<String>>) {
        self.order(Order::Alter(session, media, scripts)).await;
    }

    /// Takes a session away: its scripts' `on_stop` runs, then it closes.
    ///
    /// The answer comes, or fails, when it is gone and what it left behind is on disk.
    pub async fn detach(&self, session: String, mode: DrainMode) -> oneshot::Receiver<()> {
        let (done, gone) = oneshot::channel();
        self.order(Order::Detach(session, mode, done)).await;
        gone
    }

    /// The part of this handle that changes what the worker runs.
    pub fn updater(&self) -> Updater {
        Updater(self.orders.clone())
    }

    /// Waits until everything that this worker has recorded so far is on disk.
    pub async fn flush(&self) {
        self.updater().flush().await;
    }

    /// Ends the worker: no more events are taken, and runs have `grace` to finish or park. Wait for it with [`join`](Self::join).
    pub async fn stop(&self, grace: Duration) {
        self.order(Order::Stop(grace)).await;
    }

    async fn order(&self, order: Order) {
        // A worker that has ended has nothing that an order could be about.
        let _ = self.orders.send(order).await;
    }

    /// Waits for the worker's thread to end.
    pub fn join(self) {
        if self.thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("a worker panicked");
        }
    }
}

/// Changes what a worker runs: hands it new versions of scripts, kills its runs.
#[derive(Clone)]
pub struct Updater(mpsc::Sender<Order>);

impl Updater {
    /// Has the worker take over new versions of scripts, all between two events.
    ///
    /// The answer comes when that is done. It is the fault of a script that does not load there; then nothing was taken over.
    pub async fn update(&self, update: Update) -> oneshot::Receiver<Result<(), Fault>> {
        let (done, result) = oneshot::channel();
        let _ = self.0.send(Order::Update(update, done)).await;
        result
    }

    /// As [`update`](Self::update), on a thread that may be blocked.
    pub fn update_blocking(&self, update: Update) -> oneshot::Receiver<Result<(), Fault>> {
        let (done, result) = oneshot::channel();
        let _ = self.0.blocking_send(Order::Update(update, done));
        result
    }

    /// Says which scripts are there and have no version that loads: what waits for them goes on waiting.
    pub async fn unloaded(&self, scripts: Vec<String>) {
        let _ = self.0.send(Order::Unloaded(scripts)).await;
    }

    /// Says which scripts are missing of which something is kept: it waits for them.
    pub async fn hold(&self, scripts: Vec<String>) {
        let _ = self.0.send(Order::Hold(scripts)).await;
    }

    /// Ends a run, whatever it does, or has it not rebuilt; whether this worker has such a run.
    pub async fn kill(&self, run: RunId) -> bool {
        let (done, is_there) = oneshot::channel();
        let _ = self.0.send(Order::Kill(run, done)).await;
        is_there.await.unwrap_or(false)
    }

    /// Waits until everything that the worker has recorded so far is on disk.
    pub async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        let _ = self.0.send(Order::Flush(done)).await;
        let _ = flushed.await;
    }

    /// What can be seen of the worker now; `None` when it has ended.
    pub async fn look(&self) -> Option<WorkerView> {
        let (done, seen) = oneshot::channel();
        let _ = self.0.send(Order::Look(done)).await;
        seen.await.ok()
    }
}

/// A prompt's end of a worker, for one session.
pub struct PromptHandle<'a> {
    worker: &'a WorkerHandle,
    session: String,
    folder: PathBuf,
}

impl<'a> PromptHandle<'a> {
    /// A prompt for a session of a worker; `folder` is where imports are looked for.
    pub fn new(worker: &'a WorkerHandle, session: impl Into<String>, folder: PathBuf) -> Self {
        Self { worker, session: session.into(), folder }
    }

    /// Evaluates a line and gives its value as text, empty for `()`. Dropping the future ends the line.
    ///
    /// # Errors
    /// With what is wrong with the line, or what it threw.
    pub async fn evaluate(&self, text: String) -> Result<String, Fault> {
        let (done, result) = oneshot::channel();
        let (session, folder) = (self.session.clone(), self.folder.clone());
        self.ask(PromptRequest::Line { session, text, folder, done }).await;
        result.await.unwrap_or_else(|_| Err(Fault::of_file(PROMPT, "the worker has ended")))
    }

    /// What can be written now.
    pub async fn names(&self) -> Names {
        let (done, names) = oneshot::channel();
        self.ask(PromptRequest::Names { session: self.session.clone(), done }).await;
        names.await.unwrap_or_default()
    }

    /// Has everything told that happens to the session from now on; what finds the channel full is left out.
    pub async fn listen(&self, heard: mpsc::Sender<Signal>) {
        self.ask(PromptRequest::Listen { session: self.session.clone(), heard }).await;
    }

    async fn ask(&self, request: PromptRequest) {
        self.worker.order(Order::Prompt(request)).await;
    }
}
