//! A running system: workers, their sessions, and the library that keeps their scripts up to date.
//!
//! What a configuration says is read in `config`; how it is shown to a person is the command line's business.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::config::{self, Config, Session};
use super::reconfigure::{Following, Plan, plan};
use crate::clock::Clock;
use crate::host::keeping::{Keeper, Keeping};
use crate::script::check::Finding;
use crate::script::diagnostic::{self, Severity};
use crate::script::{
    Assignment, Changes, Directory, Fault, JournalMode, Library, Limits, Look, Notice, Parting, Script, Shared, Update,
    Updater, WebAccess, WorkerHandle, continue_ids_after, watch,
};
use crate::session::{self, Ended, Media, MediaError, SessionConfig};
use crate::store::{Durability, Store, StoreError};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;

/// How long runs may take to finish or park when the system stops.
const GRACE: Duration = Duration::from_secs(5);

/// Why a system does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system gives no further thread.
    #[error("a worker's thread cannot start: {0}")]
    Thread(std::io::Error),
    /// A session's files cannot be carried.
    #[error("session {0}: {1}")]
    Media(String, MediaError),
    /// A bug.
    #[error("the thread that reads the scripts panicked: this is a bug of Hotline")]
    Panic,
    /// A script or folder that was named is not there.
    #[error("there is no script or folder {}; create it, or name others: hotline run SCRIPT or FOLDER", .0.display())]
    Missing(PathBuf),
    /// A script is faulty, and `strict` asks for none to be.
    #[error("faulty scripts\n\n{}", list(.0))]
    Faulty(Vec<Fault>),
}

fn list(faults: &[Fault]) -> String {
    let mut lines: Vec<_> = faults.iter().map(|fault| format!("{fault:#}\n")).collect();
    lines.push("with --strict nothing runs until this is mended".to_owned());
    lines.join("\n")
}

/// What to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The configuration.
    pub config: Config,
    /// Whether a faulty script stops the start.
    pub strict: bool,
    /// Whether effects are only logged and not sent.
    pub dry_run: bool,
    /// The one clock.
    pub clock: Clock,
}

/// A running system.
pub struct Host {
    /// The configuration that it was started with: what a later one cannot change is as it says.
    config: Config,
    workers: Vec<WorkerHandle>,
    store: Store,
    /// Every session by its name.
    directory: Directory,
    /// The workers that run them, by their names.
    assigned: BTreeMap<String, usize>,
    /// The sessions that are over by themselves.
    ends: BTreeMap<String, Ended>,
    scripts: Vec<Script>,
    faults: Vec<Fault>,
    findings: Vec<Finding>,
    ended: UnboundedReceiver<(String, Ended)>,
    watching: Watching,
    keeper: Option<Keeper>,
    following: Option<(Config, Following)>,
}

/// A session with everything that can be wrong with it behind it.
pub(super) struct Prepared {
    settings: SessionConfig,
    media: Arc<Media>,
    scripts: Option<Vec<String>>,
}

impl Host {
    /// Loads the scripts, then starts every session.
    ///
    /// # Errors
    /// When the data folder, a named script or a thread is not to be had, or a script is faulty and that is not allowed.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let Options { config, strict, dry_run, clock } = options;
        if let Some(missing) = config.scripts.iter().find(|path| !path.exists()) {
            return Err(StartError::Missing(missing.clone()));
        }
        let durability = match config.journal {
            JournalMode::Strict => Durability::Strict,
            JournalMode::Relaxed | JournalMode::Off => Durability::Relaxed,
        };
        let store = Store::open(&config.data, durability)?;
        store.check()?;
        // A rehearsal records nothing, and takes up nothing that waits: the next real run is to find it as it was.
        let journal = if dry_run { JournalMode::Off } else { config.journal };
        if dry_run {
            store.forget_changes();
        }
        if journal != JournalMode::Off {
            store.write_with_cuts();
        }
        continue_ids_after(store.highest_id()?.cast_unsigned());
        let (watching, first) = Watching::start(config.scripts.clone(), config.limits)?;
        let First { update, scripts, faults, findings } = first.await.map_err(|_| StartError::Panic)??;
        if strict {
            let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
            let all: Vec<_> = faults.iter().chain(errors.map(|finding| &finding.fault)).cloned().collect();
            if !all.is_empty() {
                return Err(StartError::Faulty(all));
            }
        }

        let directory = Directory::default();
        let (ending, ended) = tokio::sync::mpsc::unbounded_channel();
        let shared = Shared {
            clock: clock.clone(),
            store: store.clone(),
            limits: config.limits,
            directory: directory.clone(),
            web: WebAccess::Hosts(config.http_allow.clone()),
            dry_run,
            journal,
            resend_in_doubt: config.in_doubt == config::InDoubt::Resend,
            ended: ending,
        };
        let count = config.workers.or_else(|| thread::available_parallelism().ok().map(usize::from)).unwrap_or(1);
        let workers = (0..count.clamp(1, config.sessions.len().max(1)))
            .map(|number| WorkerHandle::spawn(format!("worker-{number}"), shared.clone()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(StartError::Thread)?;
        take_over(&workers, &update);
        let updaters: Vec<_> = workers.iter().map(WorkerHandle::updater).collect();
        let keeping = Keeping { store: store.clone(), clock, retention: config.retention, workers: updaters.clone() };
        let keeper = (journal != JournalMode::Off).then(|| keeping.start()).transpose();
        let keeper = keeper.map_err(StartError::Thread)?;
        let (assigned, ends) = (BTreeMap::new(), BTreeMap::new());
        let sessions = config.sessions.clone();
        let following = None;
        let mut host = Self {
            config,
            workers,
            store,
            directory,
            assigned,
            ends,
            scripts,
            faults,
            findings,
            ended,
            watching,
            keeper,
            following,
        };
        for session in &sessions {
            let prepared = prepare(session, &host.config, &host.store).await?;
            host.attach(prepared);
        }
        host.watching.begin(updaters);
        Ok(host)
    }

    /// Gives a session to the worker that has the fewest.
    fn attach(&mut self, prepared: Prepared) {
        let load = |worker: &usize| self.assigned.values().filter(|assigned| *assigned == worker).count();
        let worker = (0..self.workers.len()).min_by_key(load).unwrap_or(0);
        self.assigned.insert(prepared.settings.name.clone(), worker);
        self.workers[worker].attach(prepared.assign(&self.directory));
    }

    /// Follows the file of a configuration: whoever waits in [`over`](Self::over) takes up what changes in it.
    ///
    /// `config` is what the file says, whatever else the system was started with.
    ///
    /// # Errors
    /// When the system gives no further thread.
    pub fn follow(&mut self, config: Config) -> Result<(), StartError> {
        let Some(file) = config.file.clone() else { return Ok(()) };
        let following = Following::start(file).map_err(StartError::Thread)?;
        self.following = Some((config, following));
        Ok(())
    }

    /// Takes up a new version of the configuration.
    async fn take_up(&mut self, new: &Config) {
        let Some((old, _)) = &mut self.following else { return };
        let Plan { removed, added, changed, fixed } = plan(old, new);
        old.clone_from(new);
        for key in fixed {
            tracing::warn!("the configuration: \"{key}\" has changed, which counts from the next start on");
        }
        for name in removed {
            tracing::info!(session = name, "it is not configured any more and closes");
            self.detach(&name, Parting::End).await;
        }
        let changed = changed.into_iter().map(|(session, parting)| (session, Some(parting)));
        for (session, parting) in changed.chain(added.into_iter().map(|session| (session, None))) {
            // What cannot run takes the place of nothing that does.
            let prepared = match prepare(&session, &self.config, &self.store).await {
                Ok(prepared) => prepared,
                Err(error) => {
                    tracing::error!("{error}; it is left as it was");
                    continue;
                }
            };
            match parting {
                Some(parting) => {
                    tracing::info!(session = session.name, "its configuration has changed: it connects anew");
                    self.detach(&session.name, parting).await;
                }
                None => tracing::info!(session = session.name, "it is new in the configuration"),
            }
            self.attach(prepared);
        }
    }

    /// Ends a session, and forgets how it may have ended by itself.
    async fn detach(&mut self, name: &str, parting: Parting) {
        let Some(worker) = self.assigned.remove(name) else { return };
        // A worker that is gone has no sessions either.
        let _ = self.workers[worker].detach(name.to_owned(), parting).await;
        while let Ok((name, end)) = self.ended.try_recv() {
            self.note_end(name, end);
        }
        self.ends.remove(name);
    }

    /// Remembers a session that is over by itself; one that was taken away is not.
    fn note_end(&mut self, name: String, end: Ended) {
        if end != Ended::Stopped && self.assigned.contains_key(&name) {
            self.ends.insert(name, end);
        }
    }

    /// The scripts as they were at the start, in the order in which they get events.
    pub fn scripts(&self) -> &[Script] {
        &self.scripts
    }

    /// What was wrong with scripts at the start.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// What the check found in the scripts that were loaded at the start.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Every session by its name.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Waits until every session is over by itself, and takes up changes of the configuration meanwhile; gives the ways
    /// in which they ended.
    pub async fn over(&mut self) -> Vec<(String, Ended)> {
        while self.ends.len() < self.assigned.len() || self.assigned.is_empty() && self.following.is_some() {
            let news = async {
                match &mut self.following {
                    Some((_, following)) => following.next().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                end = self.ended.recv() => match end {
                    Some((name, end)) => self.note_end(name, end),
                    None => break,
                },
                config = news => self.take_up(&config).await,
            }
        }
        std::mem::take(&mut self.ends).into_iter().collect()
    }

    /// Takes no more events, lets runs finish or park, closes the sessions.
    pub async fn stop(self) {
        for worker in &self.workers {
            worker.stop(GRACE);
        }
        let Self { workers, store, watching, keeper, following, .. } = self;
        let closing = tokio::task::spawn_blocking(move || {
            drop(keeper);
            for worker in workers {
                worker.join();
            }
            watching.stop();
            if let Some((_, following)) = following {
                following.stop();
            }
            if let Err(error) = store.flush() {
                tracing::error!("the last writes did not reach the disk: {error}");
            }
        });
        let _ = closing.await;
    }
}

/// What the first look at the scripts found.
struct First {
    update: Update,
    scripts: Vec<Script>,
    faults: Vec<Fault>,
    findings: Vec<Finding>,
}

/// The thread that owns the library: an engine cannot change threads.
struct Watching {
    notices: mpsc::Sender<Notice>,
    begin: mpsc::Sender<Vec<Updater>>,
    thread: thread::JoinHandle<()>,
}

impl Watching {
    fn start(
        roots: Vec<PathBuf>,
        limits: Limits,
    ) -> Result<(Self, oneshot::Receiver<Result<First, StoreError>>), StartError> {
        let (notices, receiver) = mpsc::channel();
        let (begin, updaters) = mpsc::channel::<Vec<Updater>>();
        let (looked, first) = oneshot::channel();
        let sender = notices.clone();
        let body = move || {
            let mut library = match Library::new(roots, limits) {
                Ok(library) => library,
                Err(error) => {
                    let _ = looked.send(Err(error));
                    return;
                }
            };
            let Changes { update, .. } = library.look(Look::Settled);
            let scripts = library.scripts().cloned().collect();
            let faults = library.faults().cloned().collect();
            let findings = check(&library, &update);
            let _ = looked.send(Ok(First { update, scripts, faults, findings }));
            // Where the system does not start, the other end is dropped.
            let Ok(updaters) = updaters.recv() else { return };
            let apply = |library: &Library, changes, saved| apply(&updaters, library, &changes, saved);
            watch(&mut library, sender, &receiver, apply);
        };
        let thread = thread::Builder::new().name("watch".to_owned()).stack_size(limits.thread_stack()).spawn(body);
        Ok((Self { notices, begin, thread: thread.map_err(StartError::Thread)? }, first))
    }

    /// Hands every further change on to these workers.
    fn begin(&self, workers: Vec<Updater>) {
        let _ = self.begin.send(workers);
    }

    fn stop(self) {
        let Self { notices, begin, thread } = self;
        let _ = notices.send(Notice::Stop);
        drop(begin);
        if thread.join().is_err() {
            tracing::error!("the thread that watches the scripts panicked");
        }
    }
}

/// Sets up what a session needs, without starting anything.
///
/// # Errors
/// When its certificate cannot be read, or its files cannot be carried.
pub(super) async fn prepare(session: &Session, config: &Config, store: &Store) -> Result<Prepared, StartError> {
    let certificate = store.certificate(session.gateway.as_str(), session.login.account())?;
    let settings = session.settings(&config.limits, &config.pacing, certificate);
    let media = Media::new(session.media, &settings, &config.files)
        .await
        .map_err(|error| StartError::Media(session.name.clone(), error))?;
    Ok(Prepared { settings, media: Arc::new(media), scripts: session.scripts.clone() })
}

impl Prepared {
    /// Enters the session in the directory and makes it ready for a worker.
    pub(super) fn assign(self, directory: &Directory) -> Assignment {
        let Self { settings: config, media, scripts } = self;
        let (handle, inbox) = session::channel(&config);
        directory.insert(handle.clone(), Arc::clone(&media));
        Assignment { config, inbox, handle, media, scripts, seed: rand::random() }
    }
}

fn take_over(workers: &[WorkerHandle], update: &Update) {
    let waiting: Vec<_> = workers.iter().map(|worker| worker.updater().update(update.clone())).collect();
    for fault in waiting.into_iter().filter_map(|result| result.recv().ok()?.err()) {
        tracing::error!("a script that was in order a moment ago does not load: {fault}");
    }
}

/// Hands a change on to every worker, and says what came of it.
fn apply(workers: &[Updater], library: &Library, changes: &Changes, saved: Instant) {
    for fault in &changes.faults {
        tracing::error!(card = format!("{fault:#}"), live = "the version before it", "{fault}");
    }
    if changes.update.loaded.is_empty() && changes.update.removed.is_empty() {
        return;
    }
    let waiting: Vec<_> = workers.iter().map(|worker| worker.update(changes.update.clone())).collect();
    for fault in waiting.into_iter().filter_map(|result| result.recv().ok()?.err()) {
        tracing::error!("{fault}");
    }
    let took = saved.elapsed();
    for (bundle, generation) in &changes.update.loaded {
        let Some(script) = library.scripts().find(|script| script.name == bundle.name) else { continue };
        let (file, took, hooks) = (&bundle.script.file, took.as_millis(), script.hook_names());
        match script.is_called() {
            true => tracing::info!(generation, "{file} is live, {took} ms after it was saved: {hooks}"),
            false => tracing::warn!(generation, "{file} is live, {took} ms after it was saved: {hooks}"),
        }
    }
    for name in &changes.update.removed {
        tracing::info!("{name} is gone");
    }
    // Only now: what is saved is live as soon as it loads.
    report(&check(library, &changes.update));
}

/// Checks the scripts of an update. What two of them have in common is found once.
fn check(library: &Library, update: &Update) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for finding in update.loaded.iter().flat_map(|(bundle, _)| library.check(bundle)) {
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
    findings
}

/// Writes what a check found to the log.
pub fn report(findings: &[Finding]) {
    for finding in findings {
        let card = finding.card(diagnostic::Look::PLAIN);
        match finding.severity {
            Severity::Error => tracing::error!(card, check = finding.rule, "{}", finding.line()),
            Severity::Warning => tracing::warn!(card, check = finding.rule, "{}", finding.line()),
        }
    }
}
