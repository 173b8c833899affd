//! Workers: threads that own an engine, the compiled scripts and the sessions assigned to them.
//!
//! An event travels from its socket to its handler and on to a command without leaving its worker's thread. What is
//! assigned to which worker, and when scripts are loaded again, is decided above.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use rhai::{Engine, Map};
use tokio::runtime;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::{AbortHandle, LocalSet, spawn_local};
use tokio::time::{Instant, timeout, timeout_at};

use super::Limits;
use super::bundle::Bundle;
use super::dispatch;
use super::engine;
use super::fault::Fault;
use super::generation::Generation;
use super::handle::{Assignment, Order, Shared, Update};
use super::http::Web;
use super::journal::Journal;
use super::leaving::Parting;
use super::live::{Live, Services};
use super::prompt::{self, Prompts};
use super::rebuild;
use super::run::Run;
use super::value;
use crate::protocol::{HOOKS, Hook};
use crate::session::{self, Ended, Flow, Login, Media, Signal};
use crate::store::{BundleHash, Tenant, TimerRow};

/// How many runs a worker has going at once, those in `ask` and `sleep` not counted; further events wait.
const RUNS: usize = 8_192;

/// How many events of a session may wait before its socket is no longer read.
const EVENTS: usize = 200_000;

/// How long runs may take to finish or park when their session is taken away.
const GRACE: Duration = Duration::from_secs(5);

/// How long an `on_stop` may take when the grace is over already, and a gateway to close.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How often a timer is looked at while it is not due yet: the time of day can be set anew meanwhile.
const TIMER_CHECK: Duration = Duration::from_secs(30);

/// A worker, on its own thread.
pub(crate) struct Worker {
    pub(crate) services: Rc<Services>,
    /// The right to start a run.
    pub(crate) turns: Semaphore,
    pub(crate) engine: Rc<Engine>,
    pub(crate) prompts: Prompts,
    /// The scripts in the order of their paths, which is the order in which they get events.
    scripts: RefCell<BTreeMap<String, Rc<Generation>>>,
    /// Scripts that are there and have no version that loads.
    unloaded: RefCell<BTreeSet<String>>,
    sessions: RefCell<BTreeMap<String, Attached>>,
    /// Runs that go on by themselves, by their ids.
    parked: RefCell<HashMap<u64, (Rc<Run>, AbortHandle)>>,
    /// Runs that hold their lane, by their ids.
    listed: RefCell<HashMap<u64, Rc<Run>>>,
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
    run: u64,
}

impl Drop for Listed {
    fn drop(&mut self) {
        let run = self.worker.listed.borrow_mut().remove(&self.run);
        // The last clone of a run may be the last of much else.
        drop(run);
    }
}

struct Attached {
    live: Rc<Live>,
    tasks: Vec<AbortHandle>,
    ended: Option<oneshot::Receiver<()>>,
}

impl Worker {
    /// The scripts of a session, in the order in which they get events, as they are now.
    pub(crate) fn scripts_of(&self, live: &Live) -> impl Iterator<Item = Rc<Generation>> + use<> {
        let scripts: Vec<_> =
            self.scripts.borrow().values().filter(|script| live.runs(script.name())).cloned().collect();
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
        let worker = Rc::clone(&self);
        let task = spawn_local(async move {
            rest.await;
            worker.parked.borrow_mut().remove(&id);
        });
        self.parked.borrow_mut().insert(id, (Rc::clone(run), task.abort_handle()));
    }

    /// Whether a script is there that a session runs, and has no version that loads.
    pub(crate) fn is_unloaded(&self, live: &Live, script: &str) -> bool {
        live.runs(script) && self.unloaded.borrow().contains(script)
    }

    /// The generation of a hash: the current one, or one that an earlier process ran.
    ///
    /// # Errors
    /// When its sources are not kept any more, or do not load with this version of the program.
    pub(crate) fn pinned(&self, script: &str, hash: BundleHash, number: u64) -> Result<Rc<Generation>, Fault> {
        let current = self.scripts.borrow().values().find(|generation| generation.name() == script).cloned();
        if let Some(current) = current.as_ref().filter(|current| current.bundle.hash == hash.0) {
            return Ok(Rc::clone(current));
        }
        if let Some(generation) = self.pinned.borrow().get(&hash).and_then(Weak::upgrade) {
            return Ok(generation);
        }
        let file = current.as_ref().map_or(script, |current| &current.bundle.script.file);
        let cannot = |reason: String| Fault::of_file(file, format!("a run that waited cannot go on: {reason}"));
        let sources = self.services.store.bundle(&hash).map_err(|error| cannot(error.to_string()))?;
        let sources =
            sources.ok_or_else(|| cannot("the sources that it began with are not kept any more".to_owned()))?;
        let bundle: Bundle = serde_json::from_str(&sources)
            .map_err(|error| cannot(format!("the sources that it began with cannot be read: {error}")))?;
        let generation = Generation::load(&self.engine, &self.services.limits, &Arc::new(bundle), number)
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
        self.listed.borrow_mut().insert(run.id, Rc::clone(run));
        Listed { worker: Rc::clone(self), run: run.id }
    }

    fn kill(&self, id: i64) {
        // It is asked again and again until the end is on disk.
        if !self.killed.borrow_mut().insert(id) {
            return;
        }
        if self.parked.borrow().contains_key(&id.cast_unsigned()) {
            tracing::info!(run = id, "killed");
            self.end_parked(|run| run.id == id.cast_unsigned(), Some("killed"));
        } else if let Some(run) = self.listed.borrow().get(&id.cast_unsigned()) {
            tracing::info!(run = id, "killed");
            dispatch::end(run, "killed", None);
            run.interrupt("killed");
        }
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

    fn attach(self: &Rc<Self>, assignment: Assignment) {
        let Assignment { config, inbox, handle, media, scripts, seed } = assignment;
        let live = Live::new(handle, media, scripts, &self.services, &self.journal);
        self.restore(&live, config.residence(), config.login.account());
        let now = self.services.clock.now();
        let loaded: BTreeSet<_> = self.scripts_of(&live).map(|generation| generation.name().to_owned()).collect();
        for gone in live.schedule.scripts() {
            if !loaded.contains(&gone) && !self.is_unloaded(&live, &gone) {
                tracing::info!(session = &*live.name, script = gone, "its script is gone, and so are its timers");
                live.schedule.forget(&gone);
            }
        }
        for generation in self.scripts_of(&live) {
            live.schedule.declare(generation.name(), generation.declared(), now);
        }
        self.journal.note_data();
        let account = match &config.login {
            Login::Email { email, .. } => email.clone(),
            Login::Token { phone, .. } => phone.clone(),
        };
        let gateway = config.gateway.clone();
        let sink = {
            let (worker, live) = (Rc::clone(self), Rc::clone(&live));
            move |signal| worker.signal(&live, signal, &gateway, &account)
        };
        let session = session::run(config, self.services.clock.clone(), seed, inbox, sink);
        let (ending, ended) = oneshot::channel();
        let name = live.name.to_string();
        let (told, told_name) = (self.ended.clone(), name.clone());
        let task = spawn_local(async move {
            let _ = told.send((told_name, session.await));
            let _ = ending.send(());
        });
        let timers = spawn_local(keep_time(Rc::clone(self), Rc::clone(&live)));
        let tasks = vec![task.abort_handle(), timers.abort_handle()];
        self.sessions.borrow_mut().insert(name, Attached { live, tasks, ended: Some(ended) });
    }

    /// Takes up the state and the timers that an earlier process left behind; its events and runs wait for the login.
    fn restore(&self, live: &Rc<Live>, gateway: &str, account: &str) {
        if !self.journal.is_on() {
            return;
        }
        self.journal.follow(live);
        let tenant = Tenant {
            gateway: gateway.to_owned(),
            account: account.to_owned(),
            scripts: live.scripts.borrow().clone(),
            now: self.services.clock.now(),
        };
        let mut recovered = match self.services.store.recover(&live.name, tenant) {
            Ok(recovered) => recovered,
            Err(error) => {
                tracing::error!(session = &*live.name, "what was left behind cannot be read: {error}");
                return;
            }
        };
        if recovered.has_moved {
            tracing::warn!(
                session = &*live.name,
                account,
                gateway,
                "it was another account's, whose conversations and timers have ended"
            );
        }
        for unread in live.schedule.restore(std::mem::take(&mut recovered.timers)) {
            let TimerRow { id, script, timer, .. } = unread;
            tracing::warn!(session = &*live.name, script, id, "a timer cannot be read, so it is not called: {timer}");
        }
        for (script, state) in recovered.states.drain() {
            if let Some(map) = value::from_content(&state).try_cast::<Map>() {
                *live.state(&script).borrow_mut() = map;
            }
        }
        live.past_messages.replace(std::mem::take(&mut recovered.messages));
        let handlings = recovered.events.iter().chain(&recovered.waiting);
        let runs = handlings.flat_map(|handling| &handling.runs).filter(|run| run.standing.ended.is_none()).count();
        let events = recovered.events.len();
        if events + runs > 0 {
            tracing::info!(session = &*live.name, events, runs, "taking up what was left behind");
        }
        *live.recovered.borrow_mut() = Some(recovered);
    }

    /// Takes a session's signal.
    fn signal(self: &Rc<Self>, live: &Rc<Live>, signal: Signal, gateway: &str, account: &str) -> Flow {
        let session = &*live.name;
        self.prompts.tell(session, &signal);
        match signal {
            Signal::Event(event) => {
                dispatch::accept(self, live, event);
                return if live.pending.get() >= EVENTS { Flow::Pause } else { Flow::Continue };
            }
            Signal::LoggedIn { mid, display_name } => {
                tracing::info!(session, mid, name = display_name.as_deref().unwrap_or_default(), "logged in");
                *live.me.borrow_mut() = mid.into();
                spawn_local(Rc::clone(self).logged_in(Rc::clone(live)));
            }
            Signal::Certificate(certificate) => {
                if let Err(error) = self.services.store.save_certificate(gateway, account, &certificate) {
                    tracing::warn!(
                        session,
                        "the certificate could not be kept, so the next login needs a PIN again: {error}"
                    );
                }
            }
            Signal::Pin(pin) => {
                tracing::warn!(session, pin, "type this PIN on the phone of {account}");
                self.hook_everywhere(live, Hook::Pin, vec![pin.into()]);
            }
            Signal::LoginNotice(frame) => tracing::info!(session, "the gateway says while logging in: {frame}"),
            Signal::Disconnected { reason, was_live, retry } => {
                let seconds = retry.as_secs_f64();
                tracing::warn!(session, "{reason}; trying again in {seconds:.1} s");
                if was_live {
                    self.hook_everywhere(live, Hook::Disconnect, vec![reason.into()]);
                }
            }
            Signal::Slowed { failure, pause } if pause.is_zero() => {
                tracing::warn!(
                    session,
                    "the gateway complains: {}; pacing is off, so nothing is held back",
                    failure.content
                );
            }
            Signal::Slowed { failure, pause } => {
                tracing::warn!(session, "the gateway complains: {}; nothing is sent for {pause:?}", failure.content);
            }
            Signal::Unusable(reason) => tracing::error!(session, "{reason}; it is not tried again"),
            Signal::Refused(failure) => {
                tracing::error!(
                    session,
                    code = failure.code,
                    "the login was refused, it is not tried again: {}",
                    failure.content
                );
            }
        }
        Flow::Continue
    }

    fn hook_everywhere(self: &Rc<Self>, live: &Rc<Live>, hook: Hook, arguments: Vec<rhai::Dynamic>) {
        for generation in self.scripts_of(live) {
            spawn_local(dispatch::call_hook(self, live, &generation, hook, arguments.clone()));
        }
    }

    /// Runs what belongs to a login; at the first one, events wait until every script has started.
    async fn logged_in(self: Rc<Self>, live: Rc<Live>) {
        if live.leaving.parting().is_some() {
            return;
        }
        let first = !live.started.replace(true);
        live.schedule.wake();
        if let Some(recovered) = live.recovered.take() {
            rebuild::recover(&self, &live, recovered);
        }
        for generation in self.scripts_of(&live) {
            if first {
                dispatch::call_hook(&self, &live, &generation, Hook::Start, Vec::new()).await;
            }
            dispatch::call_hook(&self, &live, &generation, Hook::Login, Vec::new()).await;
        }
        let kept = live.kept.take();
        for (event, arrival) in kept.into_iter().flatten() {
            dispatch::dispatch_kept(&self, &live, event, arrival);
        }
    }

    fn update(self: &Rc<Self>, update: Update) -> Result<(), Fault> {
        let load = |(bundle, number): &(Arc<Bundle>, u64)| {
            Generation::load(&self.engine, &self.services.limits, bundle, *number)
        };
        let loaded = update.loaded.iter().map(load).collect::<Result<Vec<_>, _>>()?;
        // From here on nothing fails, and nothing else runs on this thread until every script is swapped.
        let lives: Vec<_> = self.sessions.borrow().values().map(|attached| Rc::clone(&attached.live)).collect();
        for name in &update.removed {
            self.unloaded.borrow_mut().remove(name);
            for live in lives.iter().filter(|live| live.runs(name)) {
                live.schedule.forget(name);
            }
            let key =
                self.scripts.borrow().iter().find(|(_, script)| script.name() == name).map(|(key, _)| key.clone());
            let Some(gone) = key.and_then(|key| self.scripts.borrow_mut().remove(&key)) else { continue };
            for live in lives.iter().filter(|live| live.runs(name)) {
                self.hook_later(live, &gone, Hook::Stop, Vec::new());
            }
            self.end_parked(|run| run.generation.name() == name, Some("ended with its script"));
        }
        for generation in loaded {
            self.unloaded.borrow_mut().remove(generation.name());
            self.journal.pin(&generation);
            let key = generation.bundle.script.file.clone();
            let previous = self.scripts.borrow_mut().insert(key, Rc::clone(&generation));
            for live in lives.iter().filter(|live| live.runs(generation.name())) {
                live.schedule.declare(generation.name(), generation.declared(), self.services.clock.now());
                match &previous {
                    Some(previous) => self.hook_later(live, &generation, Hook::Reload, vec![describe(previous)]),
                    None if live.started.get() => self.hook_later(live, &generation, Hook::Start, Vec::new()),
                    None => {}
                }
                // A timer may have waited for this.
                live.schedule.wake();
            }
        }
        self.journal.note_data();
        Ok(())
    }

    /// Gives a session other scripts, and its files another way.
    fn alter(self: &Rc<Self>, name: &str, media: Arc<Media>, scripts: Option<Vec<String>>) {
        let Some(live) = self.live(name) else { return };
        self.services.directory.insert(live.handle.clone(), Arc::clone(&media));
        *live.media.borrow_mut() = media;
        let before: HashSet<_> = self.scripts_of(&live).map(|script| script.name().to_owned()).collect();
        live.scripts.replace(scripts);
        let all: Vec<_> = self.scripts.borrow().values().cloned().collect();
        for generation in all {
            let script = generation.name();
            let hook = match (before.contains(script), live.runs(script)) {
                (true, false) => {
                    live.schedule.forget(script);
                    let is_its = |run: &Run| run.live.as_ref().is_some_and(|of| Rc::ptr_eq(of, &live));
                    self.end_parked(
                        |run| run.generation.name() == script && is_its(run),
                        Some("ended with its script"),
                    );
                    Hook::Stop
                }
                (false, true) => {
                    live.schedule.declare(script, generation.declared(), self.services.clock.now());
                    Hook::Start
                }
                _ => continue,
            };
            // Before the first login nothing has started, and whatever runs then starts with it.
            if live.started.get() {
                self.hook_later(&live, &generation, hook, Vec::new());
            }
        }
    }

    fn hook_later(
        self: &Rc<Self>,
        live: &Rc<Live>,
        generation: &Rc<Generation>,
        hook: Hook,
        arguments: Vec<rhai::Dynamic>,
    ) {
        spawn_local(dispatch::call_hook(self, live, generation, hook, arguments));
    }

    /// Leaves sessions: runs may finish or park, then each script's `on_stop` runs, then the connections close.
    async fn leave(self: Rc<Self>, names: &[String], parting: Parting, grace: Duration) {
        let attached = names.iter().filter_map(|name| self.sessions.borrow_mut().remove(name)).collect::<Vec<_>>();
        let lives: Vec<_> = attached.iter().map(|attached| &attached.live).collect();
        for live in &lives {
            live.leaving.begin(parting);
        }
        // The grace is wall time of the process, not of its scripts.
        let until = Instant::now() + grace;
        let settled = join_all(lives.iter().map(|live| live.leaving.settled()));
        if timeout_at(until, settled).await.is_err() {
            tracing::warn!("some runs did not finish within {grace:?} and are cut off; what is recorded goes on later");
        }
        lives.iter().for_each(|live| live.leaving.cut_off());
        let of_these = |run: &Run| run.live.as_ref().is_some_and(|of| lives.iter().any(|live| Rc::ptr_eq(of, live)));
        self.end_parked(of_these, (parting == Parting::End).then_some(dispatch::ENDED_WITH_SESSION));
        let stopping = join_all(lives.iter().map(|live| self.stop_scripts(live)));
        if timeout_at(until.max(Instant::now() + LAST_WORDS), stopping).await.is_err() {
            tracing::warn!("an on_stop did not finish in time and is cut off");
        }
        for live in &lives {
            self.services.directory.remove(&live.handle);
            live.handle.stop();
        }
        let closing = join_all(attached.into_iter().map(|Attached { tasks, ended, .. }| async {
            if let Some(ended) = ended {
                let _ = ended.await;
            }
            tasks.into_iter().for_each(|task| task.abort());
        }));
        // Each session gives its gateway a second to say goodbye, all at the same time.
        let _ = timeout(LAST_WORDS * 2, closing).await;
    }

    async fn stop_scripts(self: &Rc<Self>, live: &Rc<Live>) {
        if live.started.get() {
            for generation in self.scripts_of(live) {
                dispatch::call_hook(self, live, &generation, Hook::Stop, Vec::new()).await;
            }
        }
    }
}

fn describe(generation: &Generation) -> rhai::Dynamic {
    let mut map = Map::new();
    map.insert("generation".into(), i64::try_from(generation.number).unwrap_or(i64::MAX).into());
    map.insert("script".into(), generation.name().into());
    map.into()
}

/// Calls the timers of a session when they are due.
async fn keep_time(worker: Rc<Worker>, live: Rc<Live>) {
    let clock = worker.services.clock.clone();
    loop {
        // What comes due from here on is the next process's business.
        if live.leaving.parting().is_some() {
            return;
        }
        let now = clock.now();
        let is_held = |script: &str| worker.is_unloaded(&live, script);
        if live.started.get() {
            for script in live.schedule.begin_to_hold(now, is_held) {
                let session = &*live.name;
                tracing::warn!(session, script, "a timer is due and waits until the script loads");
            }
            while let Some(due) = live.schedule.take_due(now, is_held) {
                dispatch::timer_due(&worker, &live, &due);
            }
        }
        let wait = match live.schedule.next_due(is_held) {
            Some(due) if live.started.get() => {
                Duration::from_millis(u64::try_from(due - now).unwrap_or(0)).min(TIMER_CHECK)
            }
            _ => TIMER_CHECK,
        };
        tokio::select! {
            () = clock.sleep(wait) => {}
            () = live.schedule.changed() => {}
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
    let journal = Journal::new(journal, store.clone(), clock.clone());
    let mut writing = spawn_local(Rc::clone(&journal).write());
    let web = Web::new(&web, &limits, clock.clone());
    let services =
        Rc::new(Services { clock, store, limits: Rc::new(limits), directory, web, dry_run, resend_in_doubt });
    let worker = Rc::new(Worker {
        engine: Rc::new(engine::build(&services)),
        services,
        turns: Semaphore::new(RUNS),
        prompts: Prompts::default(),
        scripts: RefCell::default(),
        unloaded: RefCell::default(),
        sessions: RefCell::default(),
        parked: RefCell::default(),
        listed: RefCell::default(),
        hook_names: HOOKS.iter().map(|spec| spec.name.into()).collect(),
        journal,
        pinned: RefCell::default(),
        killed: RefCell::default(),
        ended,
    });
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
            Order::Attach(assignment) => worker.attach(*assignment),
            Order::Detach(name, parting, done) => {
                let worker = Rc::clone(&worker);
                spawn_local(async move {
                    Rc::clone(&worker).leave(&[name], parting, GRACE).await;
                    worker.journal.flush().await;
                    let _ = done.send(());
                });
            }
            Order::Alter(name, media, scripts) => worker.alter(&name, media, scripts),
            Order::Update(update, done) => {
                let _ = done.send(worker.update(update));
            }
            Order::Unloaded(scripts) => worker.unloaded.borrow_mut().extend(scripts),
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
}

/// Checks that a bundle loads, on an engine of the caller's own thread; gives its hooks and how many timers it declares.
pub(crate) fn try_load(
    engine: &Rc<Engine>,
    limits: &Rc<Limits>,
    bundle: &Arc<Bundle>,
) -> Result<(Vec<Hook>, usize), Fault> {
    let generation = Generation::load(engine, limits, bundle, 0)?;
    Ok((generation.hooks.iter().copied().collect(), generation.declared().len()))
}
