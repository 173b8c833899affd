//! The world of one test: a gateway with its people, a bot, and a clock that stands still until it is advanced.
//!
//! All of it lives on one thread. What tests call is in `functions`; which tests there are is in `find`.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::task::{AbortHandle, LocalSet, spawn_local};

use super::log::TestLog;
use super::stillness::Stillness;
use super::{Snapshots, allowance};
use crate::clock::{Clock, Timestamp};
use crate::language::{Bundle, Fault};
use crate::protocol::{Failure, Message, Request};
use crate::runtime::web::stub::Stubs;
use crate::runtime::{
    Announcer, Assignment, Directory, JournalMode, Limits, Update, WebAccess, WorkerContext, WorkerHandle,
};
use crate::sandbox::{
    Carried, Control, DEMO_DOMAIN, DEMO_PASSWORD, NewAccount, PinEntry, Sandbox, SandboxConfig, SandboxStartError, Tap,
};
use crate::session::{
    self, Credentials, Handle, Media, MediaError, MediaMode, Pacing, Phase, Secret, SessionConfig, Status,
};
use crate::store::{Store, StoreError};

/// When a world's clock begins: a Monday morning.
const START: Timestamp = 1_767_603_600_000;

/// The name of the bot's account.
pub(super) const BOT: &str = "bot";

/// The name of the bot's session.
const SESSION: &str = "main";

/// How long a bot that is stopped may take to finish, in real time.
const GRACE: Duration = Duration::from_secs(2);

/// How long a bot may take to come to rest after its start at least, in real time.
const LOGIN: Duration = Duration::from_secs(10);

/// How often a socket that must hold something is looked at before the thread rests in between.
const LOOKS: u32 = 100;

/// What every test of one folder shares.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    /// The folder that the scripts come from.
    pub(super) folder: PathBuf,
    /// Its scripts.
    pub(super) scripts: Vec<Arc<Bundle>>,
    /// The bounds of scripts.
    pub(super) limits: Limits,
    /// How long a test may go on without coming to rest, and how long by itself, in real time.
    pub(super) patience: Duration,
    /// What becomes of snapshots.
    pub(super) snapshots: Snapshots,
    /// Who hears every frame.
    pub(super) tap: Option<Tap>,
}

/// Why something in a world did not work.
#[derive(Debug, thiserror::Error)]
pub(super) enum WorldError {
    /// The gateway does not start.
    #[error(transparent)]
    Sandbox(#[from] SandboxStartError),
    /// The store does not start.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The gateway refused what somebody did.
    #[error("the gateway refuses it: {0}")]
    Refused(Failure),
    /// Files cannot be carried.
    #[error(transparent)]
    Media(MediaError),
    /// A file of the gateway's folder cannot be read.
    #[error("the gateway's folder: {0}")]
    Files(std::io::Error),
    /// A script does not load.
    #[error("{0}")]
    Script(Box<Fault>),
    /// The worker that was to answer is gone.
    #[error("the bot is not running; bot.start() starts it")]
    Down,
    /// Something goes on and on.
    #[error("the bot was still busy after {} s: {busy}", patience.as_secs())]
    Busy {
        /// How long it was waited for.
        patience: Duration,
        /// What was not done.
        busy: String,
    },
}

/// The world of one test.
pub(super) struct TestWorld {
    pub(super) clock: Clock,
    pub(super) control: Control,
    pub(super) log: TestLog,
    /// What answers in the web's place; it outlives the bot.
    pub(super) web: Stubs,
    pub(super) setting: Rc<Setting>,
    /// The test's file, beside which snapshots lie.
    pub(super) file: PathBuf,
    url: String,
    store: Store,
    stillness: Stillness,
    /// The scripts as they are now, by name, each with its generation.
    scripts: RefCell<BTreeMap<String, (Arc<Bundle>, i64)>>,
    generations: Cell<i64>,
    /// The scripts that the bot runs; none means all.
    only: RefCell<Option<Vec<String>>>,
    /// The scripts that were taken away.
    missing: RefCell<BTreeSet<String>>,
    bot: RefCell<Option<RunningBot>>,
    /// Which messages were expected already, by who expected them.
    seen: RefCell<HashSet<(String, String)>>,
    /// Those whom the test named, in that order.
    people: RefCell<Vec<String>>,
    groups: RefCell<Vec<TestGroup>>,
    sandbox: Sandbox,
}

/// The bot while it runs.
struct RunningBot {
    worker: WorkerHandle,
    handle: Handle,
    task: AbortHandle,
    done: Rc<Cell<bool>>,
}

/// A group of the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TestGroup {
    pub(super) mid: String,
    pub(super) name: String,
    /// A member through whose eyes the test looks at it.
    pub(super) member: String,
}

impl TestWorld {
    /// Makes a world and starts its bot.
    pub(super) async fn open(
        setting: Rc<Setting>,
        file: PathBuf,
        stillness: Stillness,
        log: TestLog,
    ) -> Result<Rc<Self>, WorldError> {
        let clock = Clock::manual(START);
        let config = SandboxConfig {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            clock: clock.clone(),
            pin_entry: PinEntry::After(Duration::from_secs(2)),
            tap: setting.tap.clone(),
            ..SandboxConfig::default()
        };
        let sandbox = Sandbox::start(config).await?;
        let numbered = setting.scripts.iter().zip(1..);
        let scripts: BTreeMap<_, _> =
            numbered.map(|(bundle, number)| (bundle.name.to_string(), (Arc::clone(bundle), number))).collect();
        let world = Rc::new(Self {
            control: sandbox.control(),
            url: sandbox.url(),
            clock,
            log,
            web: Stubs::default(),
            file,
            store: Store::in_memory()?,
            stillness,
            generations: Cell::new(scripts.values().map(|(_, number)| *number).max().unwrap_or(0)),
            scripts: RefCell::new(scripts),
            setting,
            only: RefCell::default(),
            missing: RefCell::default(),
            bot: RefCell::default(),
            seen: RefCell::default(),
            people: RefCell::default(),
            groups: RefCell::default(),
            sandbox,
        });
        world.start().await?;
        Ok(world)
    }

    /// Starts the bot, if it is not running, and waits until it is at rest.
    pub(super) async fn start(&self) -> Result<(), WorldError> {
        if self.bot.borrow().is_some() {
            return Ok(());
        }
        let directory = Directory::default();
        // Whether a session ended is seen by its status.
        let (ended, _) = tokio::sync::mpsc::channel(1);
        let shared = WorkerContext {
            clock: self.clock.clone(),
            store: self.store.clone(),
            limits: self.setting.limits,
            directory: directory.clone(),
            // A scenario decides everything that its bot meets, also what the web answers.
            web: WebAccess::Scripted(self.web.clone()),
            dry_run: false,
            journal: JournalMode::Relaxed,
            resend_in_doubt: false,
            events: Announcer::new(self.clock.clone()),
            ended,
        };
        let (worker, work) = WorkerHandle::local(shared);
        // Its own set, so that everything that it spawned goes with it.
        let local = LocalSet::new();
        let done = Rc::new(Cell::new(false));
        let is_done = Rc::clone(&done);
        let task = spawn_local(self.stillness.clone().within(async move {
            local.run_until(work).await;
            is_done.set(true);
        }));

        let email = format!("{BOT}@{DEMO_DOMAIN}");
        let login = Credentials::Email { email: email.clone(), password: Secret::new(DEMO_PASSWORD) };
        let mut config = SessionConfig::new(SESSION, self.url.clone(), login);
        config.certificate = self.store.certificate(&self.url, &email)?;
        config.reply = self.setting.limits.reply;
        // The embedded sandbox is never paced.
        config.pacing = Pacing::Off;
        // A connection in memory is never dead without a word, and each look at it would be a step of the clock.
        (config.beat, config.silence) = (Duration::MAX, Duration::MAX);
        let (handle, inbox) = session::channel(&config);
        // The sandbox is on this machine, so paths are its own.
        let media = Media::new(MediaMode::Gateway, &config, &[]).await.map_err(WorldError::Media)?;
        let media = Arc::new(media);
        directory.insert(handle.clone(), Arc::clone(&media));
        let loaded = self.scripts.borrow().values().cloned().collect();
        drop(worker.updater().update(Update { loaded, ..Update::default() }).await);
        let missing = self.missing.borrow().iter().cloned().collect();
        worker.updater().hold(missing).await;
        let scripts = self.only.borrow().clone();
        worker.attach(Assignment { config, inbox, handle: handle.clone(), media, scripts, seed: 1 }).await;
        self.bot.replace(Some(RunningBot { worker, handle, task: task.abort_handle(), done }));
        // How soon a machine connects is no matter of the test's.
        self.settle_within(self.setting.patience.max(LOGIN)).await
    }

    /// Ends the bot as a crash of its process would, when what it recorded had reached the disk.
    ///
    /// What was on its way to the bot reaches it first: what a crash interrupts is what the bot waits for.
    pub(super) async fn kill(&self) -> Result<(), WorldError> {
        self.settle().await?;
        if let Some(bot) = self.bot.take() {
            bot.worker.flush().await;
            bot.task.abort();
        }
        self.settle().await
    }

    /// Stops the bot as Ctrl-C would: `on_stop` runs, and what can finish does.
    pub(super) async fn stop(&self) -> Result<(), WorldError> {
        self.settle().await?;
        let Some(bot) = self.bot.take() else { return Ok(()) };
        bot.worker.stop(GRACE).await;
        let began = Instant::now();
        while !bot.done.get() {
            self.check_patience(began, self.setting.patience, "it does not stop")?;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.settle().await
    }

    /// Has the bot run these scripts alone, from a new start.
    pub(super) async fn run_only(&self, names: Vec<String>) -> Result<(), WorldError> {
        self.only.replace(Some(names));
        self.stop().await?;
        self.start().await
    }

    /// The names of the scripts, also of those that the bot does not run.
    pub(super) fn script_names(&self) -> Vec<String> {
        self.scripts.borrow().keys().cloned().collect()
    }

    /// Replaces a script, or adds one, as saving its file would.
    pub(super) async fn reload(&self, bundle: Arc<Bundle>) -> Result<(), WorldError> {
        self.generations.set(self.generations.get() + 1);
        let loaded = (bundle, self.generations.get());
        self.update(Update { loaded: vec![loaded.clone()], ..Update::default() }).await?;
        self.missing.borrow_mut().remove(&*loaded.0.name);
        self.scripts.borrow_mut().insert(loaded.0.name.to_string(), loaded);
        self.settle().await
    }

    /// Takes a script away, as deleting its file would.
    pub(super) async fn remove(&self, name: &str) -> Result<(), WorldError> {
        self.update(Update { missing: vec![name.to_owned()], ..Update::default() }).await?;
        self.scripts.borrow_mut().remove(name);
        self.missing.borrow_mut().insert(name.to_owned());
        self.settle().await
    }

    /// Ends what a script was at that was taken away, as `hotline forget` does; whether it was.
    pub(super) async fn forget(&self, name: &str) -> Result<bool, WorldError> {
        let was_missing = self.missing.borrow_mut().remove(name);
        if was_missing {
            self.update(Update { removed: vec![name.to_owned()], ..Update::default() }).await?;
        }
        self.settle().await?;
        Ok(was_missing)
    }

    async fn update(&self, update: Update) -> Result<(), WorldError> {
        let Some(updater) = self.bot.borrow().as_ref().map(|bot| bot.worker.updater()) else { return Ok(()) };
        let mut result = updater.update(update).await;
        self.settle().await?;
        result.try_recv().map_err(|_| WorldError::Down)?.map_err(|fault| WorldError::Script(Box::new(fault)))
    }

    /// Waits until nothing goes on any more before somebody acts or the clock is advanced.
    pub(super) async fn settle(&self) -> Result<(), WorldError> {
        self.settle_within(self.setting.patience).await
    }

    async fn settle_within(&self, patience: Duration) -> Result<(), WorldError> {
        let began = Instant::now();
        let mut looks = 0;
        loop {
            let left = patience.saturating_sub(began.elapsed());
            let before = self.traffic();
            let came = tokio::time::timeout(left, self.stillness.come()).await;
            // What a frame causes that comes right after stillness, before this goes on, may not have happened yet.
            if came.is_ok() && before == self.traffic() && self.is_at_rest() {
                return Ok(());
            }
            self.check_patience(began, patience, "its runs go on and on")?;
            looks += 1;
            if looks > LOOKS {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }

    fn check_patience(&self, began: Instant, patience: Duration, busy: &str) -> Result<(), WorldError> {
        if began.elapsed() < patience {
            return Ok(());
        }
        let busy = if self.is_at_rest() { busy } else { "frames are under way" };
        Err(WorldError::Busy { patience, busy: busy.to_owned() })
    }

    /// What the two ends of the bot's connection tell of it.
    fn traffic(&self) -> (Option<Carried>, Option<Status>) {
        (self.control.carried(), self.bot.borrow().as_ref().map(|bot| bot.handle.status()))
    }

    /// Whether both ends of the bot's connection have the same frames behind them.
    fn is_at_rest(&self) -> bool {
        let (carried, status) = self.traffic();
        let is_open = carried.is_some_and(|carried| carried.is_open);
        let Some(status) = status else { return !is_open };
        match status.phase {
            Phase::Connecting => false,
            Phase::Lost { .. } | Phase::Refused(_) | Phase::Unusable(_) | Phase::Stopped => !is_open,
            Phase::LoggingIn | Phase::AwaitingPin | Phase::Live => carried.is_some_and(|carried| {
                carried.is_open && carried.sent == status.received && carried.received == status.sent
            }),
        }
    }

    /// Puts a file into the gateway's folder, where paths of commands begin.
    pub(super) fn hold(&self, name: &str, text: &str) -> Result<(), WorldError> {
        self.sandbox.place(name, text.as_bytes()).map_err(WorldError::Refused)
    }

    /// The text of a file of the gateway's folder.
    pub(super) fn held(&self, name: &str) -> Result<String, WorldError> {
        let folder = self.sandbox.files().map_err(WorldError::Files)?;
        let bytes = std::fs::read(folder.join(name)).map_err(WorldError::Files)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Lets time pass, step by step, so that everything happens at its time.
    pub(super) async fn advance(&self, by: Duration) -> Result<(), WorldError> {
        self.settle().await?;
        let end = self.clock.elapsed().saturating_add(by);
        while let Some(next) = self.clock.next_deadline().filter(|next| *next <= end) {
            let began = Instant::now();
            self.clock.advance(next.saturating_sub(self.clock.elapsed()));
            self.settle().await?;
            // Where something happens, the test goes on as it should, however long the clock is advanced by.
            allowance::extend(began.elapsed());
        }
        self.clock.advance(end.saturating_sub(self.clock.elapsed()));
        self.settle().await
    }

    /// Finds a person, or lets them appear, with the bot as their contact.
    pub(super) fn person(&self, name: &str) -> Result<(), WorldError> {
        if self.control.mid(name).is_none() {
            let contacts = self.control.mid(BOT).into_iter().collect();
            let account = NewAccount { contacts, ..NewAccount::named(name) };
            self.control.create_account(account).map_err(WorldError::Refused)?;
        }
        let mut people = self.people.borrow_mut();
        if !people.iter().any(|known| known == name) {
            people.push(name.to_owned());
        }
        Ok(())
    }

    /// Remembers a group, so that it is in snapshots.
    pub(super) fn know_group(&self, group: TestGroup) {
        self.groups.borrow_mut().push(group);
    }

    /// The mid of a person, or what was given where it names nobody.
    pub(super) fn mid(&self, who: &str) -> String {
        self.control.mid(who).unwrap_or_else(|| who.to_owned())
    }

    /// Sends a request as somebody other than the bot's session.
    pub(super) async fn act(&self, who: &str, request: Request) -> Result<Value, WorldError> {
        self.control.act(who, request).await.map_err(WorldError::Refused)
    }

    /// The bot's first message in a chat that `reader` has not been told of, which they now have.
    pub(super) fn next_from_bot(&self, reader: &str, eyes: &str, chat: &str) -> Option<Message> {
        let bot = self.control.mid(BOT)?;
        let mut seen = self.seen.borrow_mut();
        let messages = self.control.chat(eyes, chat).into_iter().filter(|message| message.from == bot);
        let mut unseen = messages.filter(|message| !seen.contains(&(reader.to_owned(), message.id.clone())));
        let next = unseen.next()?;
        drop(unseen);
        seen.insert((reader.to_owned(), next.id.clone()));
        Some(next)
    }

    /// The conversation so far, of everyone whom the test named, in the order in which it was written.
    pub(super) fn conversation(&self) -> Vec<String> {
        let mut messages = BTreeMap::new();
        for person in self.people.borrow().iter() {
            for message in self.control.chat(person, BOT) {
                messages.insert(order(&message), (message, None));
            }
        }
        for group in self.groups.borrow().iter() {
            for message in self.control.chat(&group.member, &group.mid) {
                messages.insert(order(&message), (message, Some(group.name.clone())));
            }
        }
        let people = self.control.people();
        let name =
            |mid: &str| people.iter().find(|person| person.mid == mid).map_or("?", |person| person.name.as_str());
        let line = |(message, group): &(Message, Option<String>)| {
            let place = match group {
                Some(group) => format!("[{group}] "),
                None if message.from == self.mid(BOT) => format!("@{} ", name(&message.to)),
                None => String::new(),
            };
            format!("{place}{}: {}", name(&message.from), describe(message))
        };
        messages.values().map(line).collect()
    }

    /// What a person would want to know who waits for the bot in vain.
    pub(super) fn why_silent(&self) -> String {
        let Some(status) = self.bot.borrow().as_ref().map(|bot| bot.handle.status()) else {
            return "the bot is not running; bot.start() starts it".to_owned();
        };
        let until = self.clock.next_deadline().map(|next| next.saturating_sub(self.clock.elapsed()));
        match (status.phase, until) {
            (Phase::Live, _) => "the bot is at rest".to_owned(),
            (Phase::Refused(failure), _) => format!("the bot's login was refused: {failure}"),
            (Phase::Lost { .. }, Some(until)) => {
                format!("the bot has lost its connection; it tries again when the clock is advanced by {until:.0?}")
            }
            (phase, _) => format!("the bot is not connected: {phase:?}"),
        }
    }

    /// Whether the bot runs and is logged in.
    pub(super) fn is_live(&self) -> bool {
        self.bot.borrow().as_ref().is_some_and(|bot| bot.handle.status().phase == Phase::Live)
    }
}

/// What a message says, on one or more lines.
pub(super) fn describe(message: &Message) -> String {
    match (&message.text, message.content_type.as_str()) {
        (Some(text), _) => text.clone(),
        (None, kind) => match message.content_metadata.get("FILE_NAME") {
            Some(file) => format!("({kind} {file})"),
            None => format!("({kind})"),
        },
    }
}

/// Message ids count up in the order in which the gateway took the messages.
fn order(message: &Message) -> (usize, String) {
    (message.id.len(), message.id.clone())
}
