//! What a worker has: its engine, the scripts as they are, its sessions, the runs that go on.
//!
//! What happens to these is decided above.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::{Rc, Weak};
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::{AbortHandle, spawn_local};

use super::listing::Listing;
use super::prompt::Prompts;
use crate::language::fault::Fault;
use crate::protocol::{HOOKS, Hook};
use crate::runtime::context::SessionContext;
use crate::runtime::context::holding::Holding;
use crate::runtime::context::services::Services;
use crate::runtime::generation::Generation;
use crate::runtime::journal::Journal;
use crate::runtime::run::loading::Loader;
use crate::runtime::run::{Run, is_last_word};
use crate::runtime::view::event::Happening;
use crate::session::{Ended, Handle};
use crate::store::{BundleHash, RunId, RunOutcome};

/// How many runs a worker has going at once, those that have let go of their lane not counted; further events wait.
const RUNS: usize = 8_192;

/// A worker, on its own thread.
pub(crate) struct Worker {
    pub(crate) services: Rc<Services>,
    /// The right to have a run going.
    pub(crate) slots: Semaphore,
    /// What scripts are loaded with.
    pub(crate) loader: Loader,
    pub(crate) prompts: Rc<Prompts>,
    /// The scripts in the order of their paths, which is the order in which they get events.
    scripts: RefCell<BTreeMap<String, Rc<Generation>>>,
    /// The same scripts, for those who go through them while they may change.
    lineup: RefCell<Rc<[Rc<Generation>]>>,
    /// Whether any of them declares commands.
    pub(crate) has_commands: Cell<bool>,
    /// Scripts that are there and have no version that loads, or one without any text, as a full disk leaves it.
    pub(crate) unloaded: RefCell<BTreeSet<String>>,
    /// Scripts that are missing.
    pub(crate) holding: Rc<Holding>,
    pub(crate) sessions: RefCell<BTreeMap<String, Attached>>,
    /// Sessions that wait until the disk takes writes, by their names.
    pub(crate) coming: RefCell<BTreeMap<String, (Handle, AbortHandle)>>,
    /// Runs that go on by themselves, by their ids.
    pub(crate) parked: RefCell<HashMap<RunId, (Rc<Run>, AbortHandle)>>,
    /// Whether a run has used up its slice in the middle of a session's pass, and other tasks have not had their turn since.
    pub(crate) is_late: Cell<bool>,
    /// Runs that their events wait for.
    pub(crate) listing: Rc<Listing>,
    pub(crate) hook_names: Vec<Arc<str>>,
    pub(crate) journal: Rc<Journal>,
    /// Generations of earlier processes that runs are pinned to, by their hashes.
    pub(crate) pinned: RefCell<HashMap<BundleHash, Weak<Generation>>>,
    pub(crate) ended: mpsc::Sender<(String, Ended)>,
}

/// A session with the tasks that it goes on in.
pub(crate) struct Attached {
    pub(crate) session: Rc<SessionContext>,
    pub(crate) tasks: Vec<AbortHandle>,
    /// Becomes ready when its connection is over.
    pub(crate) ended: Option<oneshot::Receiver<()>>,
}

impl Worker {
    /// A worker without scripts and sessions; `ended` is told which sessions are over.
    pub(crate) fn new(
        services: Rc<Services>,
        loader: Loader,
        journal: Rc<Journal>,
        ended: mpsc::Sender<(String, Ended)>,
    ) -> Rc<Self> {
        Rc::new(Self {
            services,
            slots: Semaphore::new(RUNS),
            loader,
            prompts: Rc::default(),
            scripts: RefCell::default(),
            lineup: RefCell::new(Rc::new([])),
            has_commands: Cell::default(),
            unloaded: RefCell::default(),
            holding: Rc::default(),
            sessions: RefCell::default(),
            coming: RefCell::default(),
            parked: RefCell::default(),
            is_late: Cell::default(),
            listing: Rc::default(),
            hook_names: HOOKS.iter().map(|spec| spec.name.into()).collect(),
            journal,
            pinned: RefCell::default(),
            ended,
        })
    }

    /// The scripts of a session, in the order in which they get events, as they are now; none that is held.
    pub(crate) fn scripts_of(&self, session: &Rc<SessionContext>) -> impl Iterator<Item = Rc<Generation>> + use<> {
        let (lineup, session) = (Rc::clone(&self.lineup.borrow()), Rc::clone(session));
        let scripts = (0..lineup.len()).map(move |index| Rc::clone(&lineup[index]));
        scripts.filter(move |script| session.runs(script.name()) && !session.is_held(script.name()))
    }

    /// Whether a session runs no script that comes after this one.
    pub(crate) fn is_last_of(&self, session: &SessionContext, script: &Rc<Generation>) -> bool {
        let lineup = self.lineup.borrow();
        let last = lineup.iter().rev().find(|script| session.runs(script.name()));
        last.is_some_and(|last| Rc::ptr_eq(last, script))
    }

    /// A session by its name.
    pub(crate) fn session(&self, name: &str) -> Option<Rc<SessionContext>> {
        self.sessions.borrow().get(name).map(|attached| Rc::clone(&attached.session))
    }

    /// A hook's name, shared.
    pub(crate) fn hook_name(&self, hook: Hook) -> Arc<str> {
        Arc::clone(&self.hook_names[hook as usize])
    }

    /// Lets a run that waits for something long go on by itself, and remembers it meanwhile.
    pub(crate) fn keep(self: Rc<Self>, run: &Rc<Run>, rest: impl Future<Output = ()> + 'static) {
        let id = run.id();
        // Somebody has killed it since it began to wait.
        if run.history.has_ended() {
            return;
        }
        let is_gone = run.session.as_ref().is_some_and(|session| !self.is_there(session, run.generation.name()));
        if is_gone && !is_last_word(&run.function) {
            run.end(RunOutcome::EndedWithScript, None);
            return;
        }
        let worker = Rc::clone(&self);
        let task = spawn_local(async move {
            rest.await;
            worker.parked.borrow_mut().remove(&id);
        });
        self.parked.borrow_mut().insert(id, (Rc::clone(run), task.abort_handle()));
    }

    /// All scripts, in the order of their paths.
    pub(crate) fn lineup(&self) -> Rc<[Rc<Generation>]> {
        Rc::clone(&self.lineup.borrow())
    }

    /// Takes the newest generation of a script out, wherever its file was.
    pub(crate) fn take_out(&self, script: &str) -> Option<Rc<Generation>> {
        let mut scripts = self.scripts.borrow_mut();
        let key = scripts.iter().find(|(_, generation)| generation.name() == script).map(|(key, _)| key.clone())?;
        let gone = scripts.remove(&key);
        self.line_up(&scripts);
        gone
    }

    /// Puts a generation in the place of its script's file.
    pub(crate) fn put_in(&self, generation: &Rc<Generation>) {
        let mut scripts = self.scripts.borrow_mut();
        scripts.insert(generation.bundle.script.file.clone(), Rc::clone(generation));
        self.line_up(&scripts);
    }

    fn line_up(&self, scripts: &BTreeMap<String, Rc<Generation>>) {
        self.has_commands.set(scripts.values().any(|generation| !generation.commands().is_empty()));
        self.lineup.replace(scripts.values().cloned().collect());
    }

    /// Whether a session runs a script that is there, or held, in whatever state it is.
    pub(crate) fn is_there(&self, session: &SessionContext, script: &str) -> bool {
        session.runs(script) && (self.knows(script) || self.holding.has(script))
    }

    /// Whether there is a script of this name, in whatever state it is.
    pub(crate) fn knows(&self, script: &str) -> bool {
        self.generation(script).is_some() || self.unloaded.borrow().contains(script)
    }

    /// The newest generation of a script, also while it is held.
    pub(crate) fn generation(&self, script: &str) -> Option<Rc<Generation>> {
        self.lineup.borrow().iter().find(|generation| generation.name() == script).cloned()
    }

    /// Whether a script is there that a session runs, and has no version that loads, or one without any text: its timers wait.
    pub(crate) fn is_unloaded(&self, session: &SessionContext, script: &str) -> bool {
        session.runs(script) && self.unloaded.borrow().contains(script)
    }

    /// The generation of a hash: the current one, or one that an earlier process ran.
    ///
    /// # Errors
    /// When its sources are not kept any more, or do not load with this version of the program.
    pub(crate) fn pinned(&self, script: &str, hash: BundleHash, number: i64) -> Result<Rc<Generation>, Fault> {
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
        let generation = self
            .loader
            .load_pinned(&sources, number)
            .map_err(|fault| cannot(format!("the sources that it began with do not load any more: {fault}")))?;
        if current.is_some_and(|current| !current.bundle.is_blank()) {
            generation.supersede();
        }
        self.pinned.borrow_mut().insert(hash, Rc::downgrade(&generation));
        Ok(generation)
    }

    /// Says that somebody has killed a run.
    pub(crate) fn tell_killed(&self, run: RunId) {
        self.services.events.tell(Happening::RunKilled { run });
    }

    /// Ends runs that go on by themselves. Without an `outcome` they only end here: the next process takes them up.
    pub(crate) fn end_parked(&self, which: impl Fn(&Run) -> bool, outcome: Option<RunOutcome>) {
        let ending: Vec<_> = {
            let mut parked = self.parked.borrow_mut();
            parked.extract_if(|_, (run, _)| which(run)).map(|(_, run)| run).collect()
        };
        for (run, task) in ending {
            if let Some(outcome) = &outcome {
                run.end(outcome.clone(), None);
            }
            task.abort();
        }
    }
}
