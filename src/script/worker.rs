//! Workers: threads that own an engine, the compiled scripts and the sessions assigned to them.
//!
//! An event travels from its socket to its handler and on to a command without leaving its worker's thread. What is
//! assigned to which worker, and when scripts are loaded again, is decided above.

mod attached;
mod swap;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::{Rc, Weak};
use std::sync::Arc;

use rhai::Engine;
use slab::Slab;
use tokio::runtime;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{AbortHandle, LocalSet, spawn_local};
use tokio::time::timeout;

use self::attached::Attached;
use super::dispatch;
use super::engine;
use super::generation::Generation;
use super::handle::{Order, Shared};
use super::holding::Holding;
use super::hours::Hours;
use super::http::Web;
use super::journal::Journal;
use super::leaving::Parting;
use super::live::{Live, Services};
use super::prompt::{self, Prompts};
use super::run::{Run, is_last_word};
use crate::language::fault::Fault;
use crate::protocol::{HOOKS, Hook};
use crate::session::{Ended, Handle};
use crate::store::BundleHash;

/// How many runs a worker has going at once, those that have let go of their lane not counted; further events wait.
const RUNS: usize = 8_192;

/// How many events of a session may wait before its socket is no longer read.
const EVENTS: usize = 200_000;

/// How a run is recorded whose script has been taken away.
const ENDED_WITH_SCRIPT: &str = "ended with its script";

/// A worker, on its own thread.
pub(crate) struct Worker {
    pub(crate) services: Rc<Services>,
    /// The right to start a run.
    pub(crate) turns: Semaphore,
    pub(crate) engine: Rc<Engine>,
    pub(crate) prompts: Prompts,
    /// The scripts in the order of their paths, which is the order in which they get events.
    scripts: RefCell<BTreeMap<String, Rc<Generation>>>,
    /// Scripts that are there and have no version that loads, or one without any text, as a full disk leaves it.
    unloaded: RefCell<BTreeSet<String>>,
    /// Scripts that are missing.
    holding: Rc<Holding>,
    sessions: RefCell<BTreeMap<String, Attached>>,
    /// Sessions that wait until the disk takes writes, by their names.
    coming: RefCell<BTreeMap<String, (Handle, AbortHandle)>>,
    /// Runs that go on by themselves, by their ids.
    parked: RefCell<HashMap<u64, (Rc<Run>, AbortHandle)>>,
    /// Runs that their events wait for.
    listed: RefCell<Slab<Rc<Run>>>,
    hook_names: Vec<Arc<str>>,
    journal: Rc<Journal>,
    /// Generations of earlier processes that runs are pinned to, by their hashes.
    pinned: RefCell<HashMap<BundleHash, Weak<Generation>>>,
    /// Runs that somebody asked to kill: they end, or are not taken up.
    killed: RefCell<HashSet<i64>>,
    ended: mpsc::UnboundedSender<(String, Ended)>,
}

/// A run that can be found by its id.
pub(crate) struct Listed {
    worker: Rc<Worker>,
    key: usize,
}

impl Drop for Listed {
    fn drop(&mut self) {
        let run = self.worker.listed.borrow_mut().remove(self.key);
        // The last clone of a run may be the last of much else.
        drop(run);
    }
}

impl Worker {
    /// The scripts of a session, in the order in which they get events, as they are now; none that is held.
    pub(crate) fn scripts_of(&self, live: &Live) -> impl Iterator<Item = Rc<Generation>> + use<> {
        let gets_events = |script: &&Rc<Generation>| live.runs(script.name()) && !live.is_held(script.name());
        let scripts: Vec<_> = self.scripts.borrow().values().filter(gets_events).cloned().collect();
        scripts.into_iter()
    }

    /// A session by its name.
    pub(crate) fn live(&self, name: &str) -> Option<Rc<Live>> {
        self.sessions.borrow().get(name).map(|attached| Rc::clone(&attached.live))
    }

    /// A hook's name, shared.
    pub(crate) fn hook_name(&self, hook: Hook) -> Arc<str> {
        Arc::clone(&self.hook_names[hook as usize])
    }

    /// Runs the handling of an event of a session.
    pub(crate) fn handle(&self, live: &Rc<Live>, handling: impl Future<Output = ()> + 'static) {
        live.pending.set(live.pending.get() + 1);
        let live = Rc::clone(live);
        spawn_local(async move {
            handling.await;
            live.pending.set(live.pending.get() - 1);
            if live.pending.get() == EVENTS / 2 {
                live.handle.resume_reading();
            }
        });
    }

    /// Lets a run that waits for something long go on by itself, and remembers it meanwhile.
    pub(crate) fn keep(self: Rc<Self>, run: &Rc<Run>, rest: impl Future<Output = ()> + 'static) {
        let id = run.id;
        if self.is_killed(id.cast_signed()) {
            tracing::info!(run = id, "killed");
            dispatch::end(run, "killed", None);
            return;
        }
        let is_gone = run.live.as_ref().is_some_and(|live| !self.is_there(live, run.generation.name()));
        if is_gone && !is_last_word(&run.function) {
            dispatch::end(run, ENDED_WITH_SCRIPT, None);
            return;
        }
        let worker = Rc::clone(&self);
        let task = spawn_local(async move {
            rest.await;
            worker.parked.borrow_mut().remove(&id);
        });
        self.parked.borrow_mut().insert(id, (Rc::clone(run), task.abort_handle()));
    }

    /// Whether a session runs a script that is there, or held, in whatever state it is.
    pub(crate) fn is_there(&self, live: &Live, script: &str) -> bool {
        live.runs(script) && (self.knows(script) || self.holding.has(script))
    }

    /// Whether there is a script of this name, in whatever state it is.
    fn knows(&self, script: &str) -> bool {
        self.generation(script).is_some() || self.unloaded.borrow().contains(script)
    }

    /// The newest generation of a script, also while it is held.
    fn generation(&self, script: &str) -> Option<Rc<Generation>> {
        self.scripts.borrow().values().find(|generation| generation.name() == script).cloned()
    }

    /// Whether a script is there that a session runs, and has no version that loads, or one without any text: its timers wait.
    pub(crate) fn is_unloaded(&self, live: &Live, script: &str) -> bool {
        live.runs(script) && self.unloaded.borrow().contains(script)
    }

    /// The generation of a hash: the current one, or one that an earlier process ran.
    ///
    /// # Errors
    /// When its sources are not kept any more, or do not load with this version of the program.
    pub(crate) fn pinned(&self, script: &str, hash: BundleHash, number: u64) -> Result<Rc<Generation>, Fault> {
        let current = self.generation(script);
        if let Some(current) = current.as_ref().filter(|current| current.pin() == hash) {
            return Ok(Rc::clone(current));
        }
        if let Some(generation) = self.pinned.borrow().get(&hash).and_then(Weak::upgrade) {
            return Ok(generation);
        }
        let file = current.as_ref().map_or(script, |current| &current.bundle.script.file);
        let cannot = |reason: String| Fault::of_file(file, format!("a run that waited cannot go on: {reason}"));
        let sources = self.journal.store().bundle(&hash).map_err(|error| cannot(error.to_string()))?;
        let sources =
            sources.ok_or_else(|| cannot("the sources that it began with are not kept any more".to_owned()))?;
        let generation = Generation::load_pinned(&self.engine, &self.services.limits, &sources, number)
            .map_err(|fault| cannot(format!("the sources that it began with do not load any more: {fault}")))?;
        self.pinned.borrow_mut().insert(hash, Rc::downgrade(&generation));
        Ok(generation)
    }

    /// Whether somebody asked for a run to be killed.
    pub(crate) fn is_killed(&self, run: i64) -> bool {
        self.killed.borrow().contains(&run)
    }

    /// Has a run found that waits for something short, until what this gives is dropped.
    pub(crate) fn list(self: &Rc<Self>, run: &Rc<Run>) -> Listed {
        let key = self.listed.borrow_mut().insert(Rc::clone(run));
        Listed { worker: Rc::clone(self), key }
    }

    fn kill(&self, id: i64) {
        // It is asked again and again until the end is on disk.
        if !self.killed.borrow_mut().insert(id) {
            return;
        }
        if self.parked.borrow().contains_key(&id.cast_unsigned()) {
            tracing::info!(run = id, "killed");
            self.end_parked(|run| run.id == id.cast_unsigned(), Some("killed"));
            return;
        }
        let found =
            self.listed.borrow().iter().find(|(_, run)| run.id == id.cast_unsigned()).map(|(_, run)| Rc::clone(run));
        if let Some(run) = found {
            tracing::info!(run = id, "killed");
            dispatch::end(&run, "killed", None);
            run.interrupt("killed");
        }
        // It may be one that is not rebuilt as long as its script is held.
        self.holding.wake();
    }

    /// Ends runs that go on by themselves. Without an `outcome` they only end here: the next process takes them up.
    fn end_parked(&self, which: impl Fn(&Run) -> bool, outcome: Option<&'static str>) {
        let ending: Vec<_> = {
            let mut parked = self.parked.borrow_mut();
            parked.extract_if(|_, (run, _)| which(run)).map(|(_, run)| run).collect()
        };
        for (run, task) in ending {
            if let Some(outcome) = outcome {
                dispatch::end(&run, outcome, None);
            }
            task.abort();
        }
    }
}

/// Runs a worker on this thread until it is told to stop.
pub(super) fn serve(shared: Shared, orders: mpsc::UnboundedReceiver<Order>) {
    let runtime = match runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!("a worker cannot start: {error}");
            return;
        }
    };
    let local = LocalSet::new();
    local.block_on(&runtime, work(shared, orders));
}

/// Does what a worker is asked for, until it is told to stop.
pub(super) async fn work(shared: Shared, mut orders: mpsc::UnboundedReceiver<Order>) {
    let Shared { clock, store, limits, directory, web, dry_run, journal, resend_in_doubt, ended } = shared;
    let journal = Journal::new(journal, store, clock.clone());
    let mut writing = spawn_local(Rc::clone(&journal).write());
    let disk_watch = spawn_local(Rc::clone(&journal).follow_disk());
    let web = Web::new(&web, &limits, clock.clone());
    let services = Rc::new(Services { clock, limits: Rc::new(limits), directory, web, dry_run, resend_in_doubt });
    let worker = Rc::new(Worker {
        engine: Rc::new(engine::build(&services)),
        services,
        turns: Semaphore::new(RUNS),
        prompts: Prompts::default(),
        scripts: RefCell::default(),
        unloaded: RefCell::default(),
        holding: Rc::default(),
        sessions: RefCell::default(),
        coming: RefCell::default(),
        parked: RefCell::default(),
        listed: RefCell::default(),
        hook_names: HOOKS.iter().map(|spec| spec.name.into()).collect(),
        journal,
        pinned: RefCell::default(),
        killed: RefCell::default(),
        ended,
    });
    let clock_watch = spawn_local(watch_clock(Rc::clone(&worker)));
    loop {
        let order = tokio::select! {
            order = orders.recv() => order,
            // What a bot does without a record could be done twice, or be lost.
            _ = &mut writing => {
                tracing::error!("the journal is not written any more; this worker and its sessions end");
                return;
            }
        };
        let Some(order) = order else { break };
        match order {
            Order::Attach(assignment) => worker.attach(assignment),
            Order::Detach(name, parting, done) => {
                worker.give_up(&name);
                let worker = Rc::clone(&worker);
                spawn_local(async move {
                    Rc::clone(&worker).leave(&[name], parting, worker.services.limits.grace).await;
                    worker.journal.flush().await;
                    let _ = done.send(());
                });
            }
            Order::Alter(name, media, scripts) => worker.alter(&name, media, scripts),
            Order::Update(update, done) => {
                // A task of its own, so that it gets its turn as all others do.
                let updating = Rc::clone(&worker);
                let updated = spawn_local(async move { updating.update(update).await });
                // Further orders are about what this one leaves behind. One that panicked drops its answer.
                if let Ok(result) = updated.await {
                    let _ = done.send(result);
                }
            }
            Order::Unloaded(scripts) => worker.unloaded.borrow_mut().extend(scripts),
            Order::Hold(scripts) => {
                // One may have come since it was missed.
                scripts.iter().filter(|script| !worker.knows(script)).for_each(|script| worker.holding.hold(script));
            }
            Order::Kill(run) => worker.kill(run),
            Order::Flush(done) => {
                let journal = Rc::clone(&worker.journal);
                spawn_local(async move {
                    journal.flush().await;
                    let _ = done.send(());
                });
            }
            Order::Prompt(request) => prompt::serve(&worker, request),
            Order::Stop(grace) => {
                let names: Vec<_> = worker.sessions.borrow().keys().cloned().collect();
                Rc::clone(&worker).leave(&names, Parting::Keep, grace).await;
                if timeout(grace, worker.journal.flush()).await.is_err() {
                    tracing::error!("the disk takes no writes: what happened last is not recorded");
                }
                break;
            }
        }
    }
    writing.abort();
    disk_watch.abort();
    clock_watch.abort();
}

/// Looks after what waits when the time of day is set: on the disk, a delay ends at a time of day.
async fn watch_clock(worker: Rc<Worker>) {
    let clock = &worker.services.clock;
    let (mut looks, mut hours) = (clock.looks(), Hours::default());
    loop {
        let step = hours.follow(clock.began(), clock.now(), 0);
        if let Some(step) = step {
            tracing::info!("the time of day was set by {step} ms; delays stay as long as they are, patterns follow it");
            for (run, _) in worker.parked.borrow().values() {
                run.record.move_deadline(step);
                run.note();
            }
        }
        for Attached { live, .. } in worker.sessions.borrow().values().filter(|_| step.is_some()) {
            live.schedule.now(clock);
            live.journal.note_data();
            live.schedule.wake();
        }
        looks.next().await;
    }
}
