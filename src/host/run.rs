//! A running system: workers, their sessions, and the library that keeps their scripts up to date.
//!
//! What a configuration says is read in `config`; how it is shown to a person is the command line's business.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::Instant;

use super::config::{self, BotOwner, Config};
#[cfg(unix)]
use super::control::ControlSocket;
use super::control::{ControlAnswer, ControlRequest};
use super::descriptors;
use super::keeper::Keeper;
use super::kill::Killer;
use super::missing::MissingScripts;
use super::owner::{FollowedTroubles, OwnerPost};
use super::prepared::{CurrentScripts, prepare};
use super::reconfigure::Following;
use super::start_error::StartError;
use super::status::StatusReporter;
use super::trouble::RecentTroubles;
use super::view::{Snapshot, Viewer};
use super::webhook::{WebhookListener, takes_webhooks};
use futures_util::future::join_all;

use crate::clock::Clock;
use crate::host::maintenance::{Maintenance, MaintenanceThread};
use crate::language::Fault;
use crate::language::Setup;
use crate::language::check::{Finding, SessionNetworks};
use crate::language::diagnostic::{self, Severity};
use crate::language::disk::is_script_name;
use crate::language::zone::Zone;
use crate::runtime::reload::outlook::{End, Outlook};
use crate::runtime::reload::watch::{Asker, watch};
use crate::runtime::{
    Announcer, Chance, Changes, Directory, EventStream, FaultView, Happening, JournalMode, Library, Limits, Look,
    NewGeneration, Script, Update, Updater, WebAccess, WorkerContext, WorkerHandle, continue_ids_after,
};
use crate::session::{Ended, Publisher, Webhooks};
use crate::store::{Durability, Held, LinedUp, Lineup, Store, StoreError};
use tokio::sync::mpsc::Receiver;
use tokio::sync::oneshot;

/// What to run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// The configuration.
    pub config: Config,
    /// Whether a faulty script stops the start.
    pub strict: bool,
    /// Whether effects are only logged and not sent.
    pub dry_run: bool,
    /// The one clock.
    pub clock: Clock,
}

/// How many ends of sessions may wait to be noted.
const ENDS: usize = 1_024;

/// A running system.
pub struct Host {
    /// The configuration that it was started with: what a later one cannot change is as it says.
    pub(super) config: Config,
    pub(super) workers: Vec<WorkerHandle>,
    pub(super) store: Store,
    /// Every session by its name.
    pub(super) directory: Directory,
    /// The workers that run them, by their names.
    pub(super) assigned: BTreeMap<String, usize>,
    /// The sessions that are over by themselves.
    pub(super) ends: BTreeMap<String, Ended>,
    faults: Vec<Fault>,
    findings: Vec<Finding>,
    pub(super) ended: Receiver<(String, Ended)>,
    pub(super) watching: Watching,
    maintenance: MaintenanceThread,
    /// None where the data folder takes no socket.
    #[cfg(unix)]
    control: Option<ControlSocket>,
    pub(super) missing: MissingScripts,
    pub(super) following: Option<(Config, Following)>,
    /// Whether sessions came, went or changed since the start.
    pub(super) has_changed: bool,
    pub(super) scripts: CurrentScripts,
    /// The sessions that take webhooks, and what listens for them once there is one.
    pub(super) webhooks: Webhooks,
    pub(super) listener: Option<WebhookListener>,
    viewer: Viewer,
    /// Whoever is asked from outside has it weakly: the data folder is free once this is gone.
    killer: Arc<Killer>,
    reporter: Arc<StatusReporter>,
    _troubles: FollowedTroubles,
    keeper: Arc<Keeper>,
    events: Announcer,
}

impl Host {
    /// Loads the scripts, then starts every session.
    ///
    /// # Errors
    /// When the data folder, a named script or a thread is not to be had, or a script is faulty and that is not allowed.
    pub async fn start(options: RunOptions) -> Result<Self, StartError> {
        let RunOptions { config, strict, dry_run, clock } = options;
        if let Some(missing) = config.scripts.iter().find(|path| matches!(path.try_exists(), Ok(false))) {
            return Err(StartError::Missing(missing.clone()));
        }
        let durability = match config.journal {
            JournalMode::Strict => Durability::Strict,
            JournalMode::Relaxed | JournalMode::Off => Durability::Relaxed,
        };
        let store = Store::open(&config.data, durability)?;
        // A large one is checked when the sessions are logged in: nobody's start is to take longer with every day.
        if store.is_checked_soon() {
            store.check()?;
        }
        // A rehearsal records nothing, and takes up nothing that waits: the next real run is to find it as it was.
        let journal = if dry_run { JournalMode::Off } else { config.journal };
        if dry_run {
            store.forget_changes();
        }
        if journal != JournalMode::Off {
            store.write_with_batches();
        }
        continue_ids_after(store.highest_id()?);
        let scripts = CurrentScripts::default();
        scripts.set_sessions(&config.sessions);
        let setup = Arc::new(setup_of(&config));
        let (roots, limits) = (config.scripts.clone(), config.limits);
        let (watching, first) = Watching::start(roots, limits, Arc::clone(&setup), scripts.clone())?;
        let First { update, faults, findings } = first.await.map_err(|_| StartError::Panic)?;
        if strict {
            let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
            let all: Vec<_> = faults.iter().chain(errors.map(|finding| &finding.fault)).cloned().collect();
            if !all.is_empty() {
                return Err(StartError::Faulty(all));
            }
        }

        descriptors::check(config.sessions.len());
        let directory = Directory::default();
        let events = Announcer::new(clock.clone());
        let (ending, ended) = tokio::sync::mpsc::channel(ENDS);
        let shared = WorkerContext {
            clock: clock.clone(),
            setup: Arc::clone(&setup),
            store: store.clone(),
            limits: config.limits,
            directory: directory.clone(),
            web: WebAccess::Hosts(config.http_allow.clone()),
            events: events.clone(),
            chance: Chance::default(),
            coverage: None,
            dry_run,
            journal,
            resend_in_doubt: config.in_doubt == config::InDoubt::Resend,
            ended: ending,
        };
        // More sessions may come while it runs: a number of one's own counts whatever there is at the start.
        let cores = || thread::available_parallelism().map_or(1, usize::from);
        let count = config.workers.unwrap_or_else(|| cores().min(config.sessions.len())).max(1);
        let workers = (0..count)
            .map(|number| WorkerHandle::spawn(format!("worker-{number}"), shared.clone()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(StartError::Thread)?;
        let updaters: Vec<_> = workers.iter().map(WorkerHandle::updater).collect();
        take_over(&updaters, &update).await;
        let found = scripts.all();
        let unloaded = found.iter().filter(|(_, script)| script.live.is_none());
        let unloaded: Vec<_> = unloaded.map(|(_, script)| script.name.clone()).collect();
        for worker in &updaters {
            worker.unloaded(unloaded.clone()).await;
        }
        let records = journal != JournalMode::Off;
        let recording = records.then(|| Recording { store: store.clone(), clock: clock.clone() });
        let missing = MissingScripts::new(records.then(|| store.clone()), clock.clone(), config.retention)?;
        let configured: BTreeSet<_> = config.sessions.iter().map(|session| session.name.clone()).collect();
        let viewer = Viewer {
            clock: clock.clone(),
            workers: updaters.clone(),
            scripts: scripts.clone(),
            missing: missing.clone(),
            directory: directory.clone(),
        };
        let refused = |fault| Happening::ScriptRefused { fault: FaultView::from(fault), is_survived: false };
        let refused = faults.iter().map(refused).collect();
        let post = config.owner.clone().filter(|_| !dry_run).map(|owner| OwnerPost::new(owner, directory.clone()));
        let troubles = RecentTroubles::default();
        let reporter = StatusReporter {
            viewer: viewer.clone(),
            troubles: troubles.clone(),
            started: clock.now(),
            data: config.data.clone(),
        };
        let followed = FollowedTroubles::follow(&events, &clock, troubles, post, refused);
        let killer = Killer {
            store: store.clone(),
            clock: clock.clone(),
            workers: updaters.clone(),
            configured: configured.clone(),
            directory: directory.clone(),
            records,
        };
        let keeper = Keeper {
            store: store.clone(),
            clock: clock.clone(),
            workers: updaters.clone(),
            records,
            is_rehearsal: dry_run,
        };
        let maintenance = Maintenance {
            store: store.clone(),
            data: config.data.clone(),
            clock,
            retention: config.retention,
            configured,
            directory: directory.clone(),
            records,
            missing: missing.clone(),
            library: watching.library.clone(),
        };
        let maintenance = maintenance.start().map_err(StartError::Thread)?;
        recording.iter().for_each(|recording| recording.line_up(found.iter().map(|(_, script)| script)));
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
            faults,
            findings,
            ended,
            watching,
            maintenance,
            #[cfg(unix)]
            control: None,
            missing: missing.clone(),
            following,
            has_changed: false,
            scripts,
            webhooks: Webhooks::default(),
            listener: None,
            viewer,
            killer: Arc::new(killer),
            reporter: Arc::new(reporter),
            _troubles: followed,
            keeper: Arc::new(keeper),
            events: events.clone(),
        };
        // All of them first: no session is to log in beside another one that stops the start.
        if sessions.iter().any(takes_webhooks) {
            host.listen_for_webhooks().await?;
        }
        host.scripts.check_settings(&setup.settings);
        let mut prepared = Vec::new();
        for session in &sessions {
            prepared.push(prepare(session, &host.config, &host.store, &host.webhooks).await?);
            host.scripts.check(session);
        }
        let missed = missing.begin(&sessions, &host.scripts.names())?;
        host.miss(missed).await;
        for prepared in prepared {
            host.attach(prepared).await;
        }
        host.watching.begin(Followers {
            workers: updaters,
            recording,
            missing,
            directory: host.directory.clone(),
            scripts: host.scripts.clone(),
            events,
        });
        #[cfg(unix)]
        host.listen();
        host.killer.take_up().await;
        Ok(host)
    }

    /// Begins to take webhooks, unless they are taken already.
    ///
    /// # Errors
    /// When the address is not to be had.
    pub(super) async fn listen_for_webhooks(&mut self) -> Result<(), StartError> {
        if self.listener.is_none() {
            let listen = self.config.webhook.listen;
            let listener = WebhookListener::start(listen, self.webhooks.clone()).await;
            let listener = listener.map_err(|error| StartError::Webhook(listen, error))?;
            let url = self.config.webhook.url(listener.address());
            let publisher = Publisher::new(self.store.secret()?, url.clone(), &self.config.files);
            self.webhooks
                .set_publisher(publisher.map_err(|error| StartError::Media("webhook".to_owned(), error.into()))?);
            tracing::info!("webhooks are taken at {url}webhook/NAME, one for each session on LINE");
            self.listener = Some(listener);
        }
        Ok(())
    }

    /// Has scripts held of which something is kept, and that are not there.
    pub(super) async fn miss(&self, missed: Vec<Held>) {
        if missed.is_empty() {
            return;
        }
        missed.iter().for_each(|held| self.events.tell(missing_event(&held.script, Path::new(&held.file))));
        let names: Vec<_> = missed.iter().map(|held| held.script.clone()).collect();
        for worker in &self.workers {
            worker.updater().hold(names.clone()).await;
        }
        self.watching.library.miss(names);
    }

    /// Listens for other commands.
    #[cfg(unix)]
    fn listen(&mut self) {
        let library = self.watching.library.clone();
        let (killer, keeper) = (Arc::downgrade(&self.killer), Arc::downgrade(&self.keeper));
        let reporter = Arc::downgrade(&self.reporter);
        let take =
            move |request| take(library.clone(), killer.upgrade(), keeper.upgrade(), reporter.upgrade(), request);
        let control = ControlSocket::listen(&self.config.data, take);
        self.control = control
            .inspect_err(|error| {
                tracing::warn!("other commands, such as `hotline status`, cannot reach this bot: no socket: {error}")
            })
            .ok();
    }

    /// The scripts as they are now, in the order in which they get events.
    pub fn scripts(&self) -> Vec<Script> {
        self.scripts.all().into_iter().map(|(_, script)| script).collect()
    }

    /// How the system is now.
    pub async fn view(&self) -> Snapshot {
        self.viewer.look().await
    }

    /// What happens from now on. Whoever reads it too slowly is told how much it missed; nobody waits for it.
    pub fn events(&self) -> EventStream {
        self.events.read()
    }

    /// What was wrong with scripts at the start.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// What the check found in the scripts that were loaded at the start.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Who is told of troubles.
    pub fn owner(&self) -> Option<&BotOwner> {
        self.config.owner.as_ref()
    }

    /// Every session by its name.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Takes no more events, lets runs finish or park, closes the sessions.
    ///
    /// # Errors
    /// When what happened last could not be written to the disk.
    pub async fn stop(mut self) -> Result<(), StoreError> {
        // Nobody notes it any more, and nobody is to wait for that.
        self.ended.close();
        for worker in &self.workers {
            worker.stop(self.config.limits.grace).await;
        }
        let Self { workers, store, watching, maintenance, missing, following, .. } = self;
        let closing = tokio::task::spawn_blocking(move || {
            drop(maintenance);
            for worker in workers {
                worker.join();
            }
            watching.stop();
            missing.save();
            if let Some((_, following)) = following {
                following.stop();
            }
            store.flush()
        });
        closing.await.unwrap_or(Err(StoreError::Closed))
    }
}

/// What the first look at the scripts found.
struct First {
    update: Update,
    faults: Vec<Fault>,
    findings: Vec<Finding>,
}

/// The thread that owns the library: an engine cannot change threads.
pub(super) struct Watching {
    end: End,
    pub(super) library: Asker,
    begin: SyncSender<Followers>,
    thread: thread::JoinHandle<()>,
}

impl Watching {
    fn start(
        roots: Vec<PathBuf>,
        limits: Limits,
        setup: Arc<Setup>,
        scripts: CurrentScripts,
    ) -> Result<(Self, oneshot::Receiver<First>), StartError> {
        let (outlook, end) = Outlook::new(is_script_name);
        let (asker, wishes) = Asker::new(end.clone());
        let (begin, updaters) = sync_channel::<Followers>(1);
        let (looked, first) = oneshot::channel();
        let body = move || {
            let mut library = Library::new(roots, limits, setup);
            let Changes { update, .. } = library.look(Look::Start);
            scripts.set(library.files());
            let faults = library.faults().cloned().collect();
            let findings = check(&library, &update, &scripts.sessions());
            let _ = looked.send(First { update, faults, findings });
            // Where the system does not start, the other end is dropped.
            let Ok(followers) = updaters.recv() else { return };
            let apply = |library: &Library, changes, saved| apply(&followers, library, &changes, saved);
            watch(&mut library, outlook, &wishes, apply);
        };
        let thread = thread::Builder::new().name("watch".to_owned()).stack_size(limits.thread_stack()).spawn(body);
        Ok((Self { end, library: asker, begin, thread: thread.map_err(StartError::Thread)? }, first))
    }

    /// Hands every further change on to these.
    fn begin(&self, followers: Followers) {
        let _ = self.begin.send(followers);
    }

    fn stop(self) {
        let Self { end, begin, thread, .. } = self;
        end.now();
        drop(begin);
        if thread.join().is_err() {
            tracing::error!("the thread that watches the scripts panicked");
        }
    }
}

/// Does what another command asks for.
async fn take(
    library: Asker,
    killer: Option<Arc<Killer>>,
    keeper: Option<Arc<Keeper>>,
    reporter: Option<Arc<StatusReporter>>,
    request: ControlRequest,
) -> ControlAnswer {
    let stopping = || "the bot is stopping".to_owned();
    match request {
        ControlRequest::Flush => keeper
            .ok_or_else(stopping)?
            .flush()
            .await
            .map(|()| serde_json::Value::Null)
            .map_err(|error| error.to_string()),
        ControlRequest::Keep { entries } => {
            keeper.ok_or_else(stopping)?.write(entries).await.map(|()| serde_json::Value::Null)
        }
        ControlRequest::Forget { script } => {
            let busy = |_| "the bot is stopping, or asked for too much at once".to_owned();
            let forgotten = library.forget(script).await.map_err(busy)?;
            forgotten.map(|()| serde_json::Value::Null).map_err(|error| error.to_string())
        }
        ControlRequest::Kill { run } => {
            let outcome = killer.ok_or_else(stopping)?.kill(run).await;
            outcome
                .map(|outcome| serde_json::json!(outcome))
                .map_err(|error| format!("run {run} cannot be killed: {error}"))
        }
        ControlRequest::Status => {
            let status = reporter.ok_or_else(stopping)?.look().await;
            Ok(serde_json::to_value(status).expect("a status is plain data"))
        }
    }
}

/// Those who take part in every change of the scripts.
struct Followers {
    workers: Vec<Updater>,
    /// None where nothing is recorded.
    recording: Option<Recording>,
    missing: MissingScripts,
    directory: Directory,
    scripts: CurrentScripts,
    events: Announcer,
}

/// Records which scripts there are, and forgets others.
struct Recording {
    store: Store,
    clock: Clock,
}

impl Recording {
    /// Ends what is kept of a script in sessions that nobody runs now.
    fn forget(&self, script: &str, live: Vec<String>) {
        if let Err(error) = self.store.forget(script, live, self.clock.now()) {
            tracing::warn!("what is kept of {script} for sessions that do not run could not be ended: {error}");
        }
    }

    fn line_up<'a>(&self, scripts: impl IntoIterator<Item = &'a Script>) {
        let lined_up = |script: &Script| LinedUp {
            name: script.name.clone(),
            hooks: script.called.hooks.iter().map(|hook| hook.name().to_owned()).collect(),
            fault: script.fault.as_ref().filter(|_| script.live.is_none()).map(ToString::to_string),
            held: script.is_missing,
        };
        let lineup = Lineup { scripts: scripts.into_iter().map(lined_up).collect() };
        if let Err(error) = self.store.line_up(lineup, self.clock.now()) {
            tracing::warn!("which scripts there are could not be recorded: {error}");
        }
    }
}

async fn take_over(workers: &[Updater], update: &Update) {
    let waiting = join_all(workers.iter().map(|worker| worker.update(update.clone()))).await;
    for result in join_all(waiting).await {
        if let Ok(Err(fault)) = result {
            tracing::error!("a script that was in order a moment ago does not load: {fault}");
        }
    }
}

/// Hands a change on to every worker, and says what came of it.
fn apply(followers: &Followers, library: &Library, changes: &Changes, saved: Instant) {
    let before = followers.scripts.set(library.files());
    let events = &followers.events;
    for fault in &changes.faults {
        let (fault, is_survived) = (FaultView::from(fault), library.is_survived(fault));
        events.tell(Happening::ScriptRefused { fault, is_survived });
    }
    for file in &changes.mended {
        events.tell(Happening::ScriptMended { file: file.clone() });
    }
    if changes.update.is_empty() {
        return;
    }
    let waiting: Vec<_> =
        followers.workers.iter().map(|worker| worker.update_blocking(changes.update.clone())).collect();
    for fault in waiting.into_iter().filter_map(|result| result.blocking_recv().ok()?.err()) {
        tracing::error!("{fault}");
    }
    let took = saved.elapsed();
    followers.recording.iter().for_each(|recording| recording.line_up(library.scripts()));
    note_missing(followers, library, changes);
    for (bundle, generation) in &changes.update.loaded {
        let Some(script) = library.scripts().find(|script| script.name == *bundle.name) else { continue };
        let new = NewGeneration {
            script: script.name.clone(),
            file: bundle.script.file.clone(),
            generation: *generation,
            hooks: script.hook_names(),
            is_called: script.is_called(),
            is_blank: bundle.is_blank(),
            took,
        };
        let was_live = before.iter().any(|(_, old)| old.name == script.name && old.live.is_some());
        events.tell(if was_live { Happening::ScriptSwapped(new) } else { Happening::ScriptLoaded(new) });
    }
    // Only now: what is saved is live as soon as it loads.
    report(&check(library, &changes.update, &followers.scripts.sessions()));
}

/// What the configuration gives to scripts; says where times are read and written.
fn setup_of(config: &Config) -> Setup {
    let setup = config.setup();
    let zone = &setup.zone;
    match &config.timezone {
        Some(_) => tracing::info!("times are those of {}", zone.name()),
        None if Zone::of_system().is_some() => tracing::info!("times are those of the system: {}", zone.name()),
        None => tracing::warn!(
            "times are those of UTC, since the system has no time zone; `timezone = \"Asia/Tokyo\"` in the configuration sets one"
        ),
    }
    setup
}

/// Takes down which scripts are missing and which are not any more, and says so.
fn note_missing(followers: &Followers, library: &Library, changes: &Changes) {
    let Update { missing, removed, .. } = &changes.update;
    let file = |name: &String| library.files().find(|(_, script)| script.name == *name).map(|(file, _)| file);
    // One whose place another file took at once was missing for no time.
    let missing: Vec<_> = missing.iter().filter(|name| !changes.back.contains(name)).collect();
    let files = missing.iter().filter_map(|name| Some((name.as_str(), file(name)?)));
    let files: Vec<_> = files.collect();
    let shown = files.iter().map(|(name, file)| (*name, file.display().to_string()));
    followers.missing.note(shown, changes.back.iter().chain(removed).map(String::as_str));
    for (name, file) in files {
        followers.events.tell(missing_event(name, file));
        for new in &changes.new {
            tracing::warn!(
                "{new} is new: if it is {name} under another name, `hotline forget {name}` ends what {name} was at"
            );
        }
    }
    for (file, script) in library.files().filter(|(_, script)| changes.back.contains(&script.name)) {
        let (script, file) = (script.name.clone(), file.display().to_string());
        followers.events.tell(Happening::ScriptBack { script, file });
    }
    for name in removed {
        followers.recording.iter().for_each(|recording| recording.forget(name, followers.directory.names()));
        followers.events.tell(Happening::ScriptForgotten { script: name.clone() });
    }
}

fn missing_event(name: &str, file: &Path) -> Happening {
    let file = if file.as_os_str().is_empty() { format!("{name}.rhai") } else { file.display().to_string() };
    Happening::ScriptMissing { script: name.to_owned(), file }
}

/// Checks the scripts of an update. What two of them have in common is found once.
fn check(library: &Library, update: &Update, sessions: &SessionNetworks) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for finding in update.loaded.iter().flat_map(|(bundle, _)| library.check(bundle, sessions)) {
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
    findings
}

/// Writes what a check found to the log.
pub fn report(findings: &[Finding]) {
    for finding in findings {
        let card = finding.card(diagnostic::CardStyle::PLAIN);
        match finding.severity {
            Severity::Error => tracing::error!(card, check = finding.rule, "{}", finding.line()),
            Severity::Warning => tracing::warn!(card, check = finding.rule, "{}", finding.line()),
            Severity::Note => tracing::info!(card, check = finding.rule, "{}", finding.line()),
        }
    }
}
