//! The world of one test: the networks with their people, a bot, and a clock that stands still until it is advanced.
//!
//! All of it lives on one thread. What tests call is in `functions`; which tests there are is in `find`.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::bot::{RunningBot, Surroundings, WorldSession};
use super::error::WorldError;
use super::log::TestLog;
use super::stillness::Stillness;
use super::{Snapshots, TestSession, allowance};
use crate::clock::{Clock, Timestamp};
use crate::language::settings::Section;
use crate::language::{Bundle, Setup};
use crate::protocol::{GATEWAY, LINE, Message, Network, Request};
use crate::runtime::web::stub::Stubs;
use crate::runtime::{AllowedHost, Chance, Coverage, Limits, Update, WebAccess};
use crate::sandbox::{
    Carried, Control, DEMO_ACCOUNTS, NewAccount, OFFICIAL_ACCOUNT, OfficialConfig, PinEntry, Sandbox, SandboxConfig,
    Tap,
};
use crate::session::{Phase, Status};
use crate::store::Store;

/// How many texts that a test printed are kept; the oldest go first.
const PRINTED: usize = 200;

/// When a world's clock begins: a Monday morning.
const START: Timestamp = 1_767_603_600_000;

/// The name of the account of the bot's first session on the gateway.
const BOT: &str = "bot";

/// The name of the bot's session where no configuration names any.
const SESSION: &str = "main";

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
    /// What the configuration gives to scripts.
    pub(super) setup: Arc<Setup>,
    /// How long a test may go on without coming to rest, and how long by itself, in real time.
    pub(super) patience: Duration,
    /// The sessions of the bot at the start; without any, there is one on the gateway.
    pub(super) sessions: Vec<TestSession>,
    /// The hosts that scripts may ask; none is all.
    pub(super) hosts: Option<Vec<AllowedHost>>,
    /// What scripts draw by lot follows from this.
    pub(super) seed: u64,
    /// What becomes of snapshots.
    pub(super) snapshots: Snapshots,
    /// Where the lines of scripts that are run are counted.
    pub(super) coverage: Option<Coverage>,
    /// Who hears every frame.
    pub(super) tap: Option<Tap>,
}

/// The world of one test.
pub(super) struct TestWorld {
    pub(super) clock: Clock,
    pub(super) control: Control,
    pub(super) log: TestLog,
    /// What answers in the web's place; it outlives the bot.
    pub(super) web: Stubs,
    /// What scripts draw from; it outlives the bot too.
    pub(super) chance: Chance,
    pub(super) setting: Rc<Setting>,
    /// The test's file, beside which snapshots lie.
    pub(super) file: PathBuf,
    store: Store,
    stillness: Stillness,
    /// The scripts as they are now, by name, each with its generation.
    scripts: RefCell<BTreeMap<String, (Arc<Bundle>, i64)>>,
    generations: Cell<i64>,
    /// What the scripts are given now.
    setup: RefCell<Arc<Setup>>,
    /// Invariant: there is at least one.
    sessions: RefCell<Vec<WorldSession>>,
    /// The scripts that were taken away.
    missing: RefCell<BTreeSet<String>>,
    bot: RefCell<Option<Rc<RunningBot>>>,
    /// Which messages were expected already, by who expected them.
    seen: RefCell<HashSet<(String, String)>>,
    /// Those whom the test named, in that order.
    people: RefCell<Vec<String>>,
    groups: RefCell<Vec<TestGroup>>,
    /// What the test printed last.
    printed: RefCell<VecDeque<String>>,
    sandbox: Sandbox,
}

/// What is seen of the traffic between the bot and the networks.
#[derive(Clone, Debug, PartialEq)]
struct TrafficSeen {
    carried: Carried,
    statuses: BTreeMap<String, Status>,
    /// The requests to LINE that are under way, and those of them that a fault keeps without an answer.
    requests: (usize, usize),
    webhooks: (usize, usize),
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
            official: OfficialConfig {
                listen: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
                ..OfficialConfig::default()
            },
            ..SandboxConfig::default()
        };
        let sandbox = Sandbox::start(config).await?;
        let numbered = setting.scripts.iter().zip(1..);
        let scripts: BTreeMap<_, _> =
            numbered.map(|(bundle, number)| (bundle.name.to_string(), (Arc::clone(bundle), number))).collect();
        let world = Rc::new(Self {
            control: sandbox.control(),
            clock,
            log,
            web: Stubs::default(),
            chance: Chance::seeded(setting.seed),
            file,
            store: Store::in_memory()?,
            stillness,
            generations: Cell::new(scripts.values().map(|(_, number)| *number).max().unwrap_or(0)),
            scripts: RefCell::new(scripts),
            setup: RefCell::new(Arc::clone(&setting.setup)),
            setting,
            sessions: RefCell::default(),
            missing: RefCell::default(),
            bot: RefCell::default(),
            seen: RefCell::default(),
            people: RefCell::default(),
            groups: RefCell::default(),
            printed: RefCell::default(),
            sandbox,
        });
        match world.setting.sessions.as_slice() {
            [] => world.add(SESSION, &GATEWAY, None)?,
            sessions => {
                // The world has one official account, for the first session on LINE.
                let on_line = sessions.iter().find(|it| std::ptr::eq(it.network, &LINE));
                let has_account = |it: &&TestSession| {
                    !std::ptr::eq(it.network, &LINE) || on_line.is_some_and(|first| std::ptr::eq(*it, first))
                };
                let mut with_account = sessions.iter().filter(has_account);
                with_account.try_for_each(|it| world.add(&it.name, it.network, it.scripts.clone()))?;
            }
        }
        world.start().await?;
        Ok(world)
    }

    /// The session of this name, or the first one.
    pub(super) fn session(&self, name: Option<&str>) -> Result<WorldSession, WorldError> {
        let sessions = self.sessions.borrow();
        let session = name.map_or_else(|| sessions.first(), |name| sessions.iter().find(|it| it.name == name));
        session.cloned().ok_or_else(|| {
            let known = sessions.iter().map(|it| it.name.as_str()).collect::<Vec<_>>().join(", ");
            let name = name.unwrap_or_default();
            WorldError::Session(format!("there is no session \"{name}\"; there are {known}"))
        })
    }

    /// The sessions on a network.
    pub(super) fn sessions_on(&self, network: &'static Network) -> Vec<WorldSession> {
        self.sessions.borrow().iter().filter(|it| it.is_on(network)).cloned().collect()
    }

    /// The account of the bot's first session on the gateway.
    pub(super) fn first_on_gateway(&self) -> Option<String> {
        self.sessions_on(&GATEWAY).into_iter().next().map(|session| session.account)
    }

    /// The bot has this session from now on, if it had none of this name.
    pub(super) async fn connect(&self, name: &str, network: &'static Network) -> Result<(), WorldError> {
        if let Some(known) = self.sessions.borrow().iter().find(|it| it.name == name) {
            return match known.is_on(network) {
                true => Ok(()),
                false => Err(WorldError::Session(format!("session \"{name}\" is on {}", known.network.title))),
            };
        }
        self.settle().await?;
        self.add(name, network, None)?;
        let session = self.session(Some(name))?;
        let Some(running) = self.bot.borrow().clone() else { return Ok(()) };
        running.attach(&self.surroundings(), &session).await?;
        self.settle_within(self.setting.patience.max(LOGIN)).await
    }

    /// Adds a session with its account, which everybody knows.
    fn add(&self, name: &str, network: &'static Network, scripts: Option<Vec<String>>) -> Result<(), WorldError> {
        let account = if std::ptr::eq(network, &LINE) { self.official_for(name)? } else { self.account_for(name)? };
        let session = WorldSession { name: name.to_owned(), network, account, scripts };
        self.sessions.borrow_mut().push(session);
        Ok(())
    }

    fn account_for(&self, name: &str) -> Result<String, WorldError> {
        if self.sessions_on(&GATEWAY).is_empty() {
            return Ok(BOT.to_owned());
        }
        let account = if self.control.mid(name).is_some() { format!("{name}-bot") } else { name.to_owned() };
        self.control.create_account(NewAccount::named(&account)).map_err(WorldError::Refused)?;
        Ok(account)
    }

    /// The one official account. Whoever is there has added it already, so that no bot is told of it.
    fn official_for(&self, name: &str) -> Result<String, WorldError> {
        if let Some(other) = self.sessions_on(&LINE).first() {
            return Err(WorldError::Session(format!(
                "session \"{name}\" cannot be on LINE too: the world has one official account, and session \"{}\" has it",
                other.name
            )));
        }
        let demo = DEMO_ACCOUNTS.map(|(name, _)| name.to_owned());
        let named = self.people.borrow().clone();
        for person in demo.iter().filter(|name| *name != BOT).chain(&named) {
            self.control.official().follow(person).map_err(WorldError::Refused)?;
        }
        Ok(OFFICIAL_ACCOUNT.0.to_owned())
    }

    fn surroundings(&self) -> Surroundings<'_> {
        Surroundings {
            sandbox: &self.sandbox,
            clock: &self.clock,
            setup: Arc::clone(&self.setup.borrow()),
            store: &self.store,
            limits: &self.setting.limits,
            web: WebAccess::Scripted(self.web.clone(), self.setting.hosts.clone()),
            chance: &self.chance,
            coverage: self.setting.coverage.as_ref(),
        }
    }

    /// Starts the bot, if it is not running, and waits until it is at rest.
    pub(super) async fn start(&self) -> Result<(), WorldError> {
        if self.bot.borrow().is_some() {
            return Ok(());
        }
        let surroundings = self.surroundings();
        let running = Rc::new(RunningBot::start(&surroundings, self.stillness.clone()));
        let loaded = self.scripts.borrow().values().cloned().collect();
        drop(running.updater().update(Update { loaded, ..Update::default() }).await);
        let missing = self.missing.borrow().iter().cloned().collect();
        running.updater().hold(missing).await;
        self.bot.replace(Some(Rc::clone(&running)));
        let sessions = self.sessions.borrow().clone();
        for session in &sessions {
            running.attach(&surroundings, session).await?;
        }
        // How soon a machine connects is no matter of the test's.
        self.settle_within(self.setting.patience.max(LOGIN)).await
    }

    /// Ends the bot as a crash of its process would, when what it recorded had reached the disk.
    ///
    /// What was on its way to the bot reaches it first: what a crash interrupts is what the bot waits for.
    pub(super) async fn kill(&self) -> Result<(), WorldError> {
        self.settle().await?;
        if let Some(bot) = self.bot.take() {
            bot.kill().await;
        }
        self.settle().await
    }

    /// Stops the bot as Ctrl-C would: `on_stop` runs, and what can finish does.
    pub(super) async fn stop(&self) -> Result<(), WorldError> {
        self.settle().await?;
        let Some(bot) = self.bot.take() else { return Ok(()) };
        bot.stop().await;
        let began = Instant::now();
        while !bot.is_done() {
            self.check_patience(began, self.setting.patience, "it does not stop")?;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.settle().await
    }

    /// Has a session run these scripts alone, from a new start of the bot.
    pub(super) async fn run_only(&self, session: &str, names: Vec<String>) -> Result<(), WorldError> {
        if let Some(session) = self.sessions.borrow_mut().iter_mut().find(|it| it.name == session) {
            session.scripts = Some(names);
        }
        self.stop().await?;
        self.start().await
    }

    /// The names of the scripts, also of those that the bot does not run.
    pub(super) fn script_names(&self) -> Vec<String> {
        self.scripts.borrow().keys().cloned().collect()
    }

    /// Replaces a script, or adds one, as saving its file would.
    ///
    /// What was on its way to the bot reaches the version before.
    pub(super) async fn reload(&self, bundle: Bundle) -> Result<(), WorldError> {
        self.settle().await?;
        let loaded = self.numbered(bundle);
        self.update(Update { loaded: vec![loaded.clone()], ..Update::default() }).await?;
        self.missing.borrow_mut().remove(&*loaded.0.name);
        self.scripts.borrow_mut().insert(loaded.0.name.to_string(), loaded);
        self.settle().await
    }

    /// A new generation of a script.
    fn numbered(&self, bundle: Bundle) -> (Arc<Bundle>, i64) {
        self.generations.set(self.generations.get() + 1);
        (Arc::new(bundle.set_up(&self.setup.borrow())), self.generations.get())
    }

    /// Gives every script these settings beside those that it has, as saving the configuration would.
    ///
    /// What was on its way to the bot is handled with those before.
    pub(super) async fn set_up(&self, settings: Section) -> Result<(), WorldError> {
        self.settle().await?;
        let mut setup = Setup::clone(&self.setup.borrow());
        for section in setup.settings.own.values_mut() {
            section.retain(|name, _| !settings.contains_key(name));
        }
        setup.settings.general.extend(settings);
        self.setup.replace(Arc::new(setup));
        let before: Vec<_> = self.scripts.borrow().values().map(|(bundle, _)| Bundle::clone(bundle)).collect();
        let loaded: Vec<_> = before.into_iter().map(|bundle| self.numbered(bundle)).collect();
        let setup = Some(Arc::clone(&self.setup.borrow()));
        let named = loaded.iter().map(|loaded| (loaded.0.name.to_string(), loaded.clone()));
        self.scripts.borrow_mut().extend(named);
        self.update(Update { loaded, setup, ..Update::default() }).await?;
        self.settle().await
    }

    /// Takes a script away, as deleting its file would.
    pub(super) async fn remove(&self, name: &str) -> Result<(), WorldError> {
        self.settle().await?;
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
        let Some(updater) = self.bot.borrow().as_ref().map(|bot| bot.updater()) else { return Ok(()) };
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

    /// What the two ends of the bot's connections tell of them.
    fn traffic(&self) -> TrafficSeen {
        let (bot, official) = (self.bot.borrow(), self.control.official());
        TrafficSeen {
            carried: self.control.carried(),
            statuses: bot.as_ref().map(|bot| bot.statuses()).unwrap_or_default(),
            requests: (bot.as_ref().map_or(0, |bot| bot.requests()), official.unanswered()),
            webhooks: official.webhooks_waiting(),
        }
    }

    /// Whether both ends of the bot's connections have the same behind them.
    fn is_at_rest(&self) -> bool {
        let TrafficSeen { carried, mut statuses, requests: (under_way, unanswered), webhooks: (on_their_way, _) } =
            self.traffic();
        let (mut open, mut sent, mut received) = (0, 0, 0);
        for session in self.sessions_on(&GATEWAY) {
            let Some(status) = statuses.remove(&session.name) else { continue };
            match status.phase {
                Phase::Connecting => return false,
                Phase::Lost { .. } | Phase::Refused(_) | Phase::Unusable(_) | Phase::Stopped => {}
                Phase::LoggingIn | Phase::AwaitingPin | Phase::Live => {
                    (open, sent, received) = (open + 1, sent + status.sent, received + status.received);
                }
            }
        }
        // What waits for the clock, such as the next attempt of a request, is no request.
        carried == Carried { connections: open, sent: received, received: sent }
            && under_way == unanswered
            && on_their_way == 0
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
            let accounts: Vec<_> = self.sessions.borrow().iter().map(|it| it.account.clone()).collect();
            let contacts = accounts.iter().filter_map(|account| self.control.mid(account)).collect();
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

    /// Keeps what the test prints.
    pub(super) fn print(&self, text: &str) {
        let mut printed = self.printed.borrow_mut();
        if printed.len() >= PRINTED {
            printed.pop_front();
        }
        printed.push_back(text.to_owned());
    }

    /// What the test printed.
    pub(super) fn printed(&self) -> Vec<String> {
        self.printed.borrow().iter().cloned().collect()
    }

    /// The mid of a person, or what was given where it names nobody.
    pub(super) fn mid(&self, who: &str) -> String {
        self.control.mid(who).unwrap_or_else(|| who.to_owned())
    }

    /// The id of somebody as a network tells it.
    pub(super) fn mid_on(&self, network: &'static Network, who: &str) -> String {
        let official = std::ptr::eq(network, &LINE).then(|| self.control.official().id_of(who));
        official.flatten().unwrap_or_else(|| self.mid(who))
    }

    /// Sends a request as somebody other than the bot's session.
    pub(super) async fn act(&self, who: &str, request: Request) -> Result<Value, WorldError> {
        self.control.act(who, request).await.map_err(WorldError::Refused)
    }

    /// The mids of the bot's accounts.
    fn bots(&self) -> Vec<String> {
        self.sessions.borrow().iter().filter_map(|it| self.control.mid(&it.account)).collect()
    }

    /// The messages of the bot in a chat, as `eyes` sees it, the oldest first.
    pub(super) fn bot_messages(&self, eyes: &str, chat: &str) -> Vec<Message> {
        let bots = self.bots();
        self.control.chat(eyes, chat).into_iter().filter(|message| bots.contains(&message.from)).collect()
    }

    /// The bot's first message in a chat that `reader` has not been told of, which they now have.
    pub(super) fn next_from_bot(&self, reader: &str, eyes: &str, chat: &str) -> Option<Message> {
        let mut seen = self.seen.borrow_mut();
        let messages = self.bot_messages(eyes, chat).into_iter();
        let mut unseen = messages.filter(|message| !seen.contains(&(reader.to_owned(), message.id.clone())));
        let next = unseen.next()?;
        drop(unseen);
        seen.insert((reader.to_owned(), next.id.clone()));
        Some(next)
    }

    /// The conversation so far, of everyone whom the test named, in the order in which it was written.
    pub(super) fn conversation(&self) -> Vec<String> {
        let mut messages = BTreeMap::new();
        for (person, session) in self.people.borrow().iter().flat_map(|person| {
            let sessions = self.sessions.borrow().clone();
            sessions.into_iter().map(move |session| (person, session))
        }) {
            for message in self.control.chat(person, &session.account) {
                messages.insert(order(&message), (message, None));
            }
        }
        for group in self.groups.borrow().iter() {
            for message in self.control.chat(&group.member, &group.mid) {
                messages.insert(order(&message), (message, Some(group.name.clone())));
            }
        }
        let (people, bots) = (self.control.people(), self.bots());
        let name =
            |mid: &str| people.iter().find(|person| person.mid == mid).map_or("?", |person| person.name.as_str());
        let line = |(message, group): &(Message, Option<String>)| {
            let place = match group {
                Some(group) => format!("[{group}] "),
                None if bots.contains(&message.from) => format!("@{} ", name(&message.to)),
                None => String::new(),
            };
            format!("{place}{}: {}", name(&message.from), describe(message))
        };
        messages.values().map(line).collect()
    }

    /// What a person would want to know who waits for a session of the bot in vain.
    pub(super) fn why_silent(&self, session: &str) -> String {
        let Some(status) = self.status(session) else {
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

    /// Whether the bot runs and a session of it is logged in.
    pub(super) fn is_live(&self, session: &str) -> bool {
        self.status(session).is_some_and(|status| status.phase == Phase::Live)
    }

    fn status(&self, session: &str) -> Option<Status> {
        self.bot.borrow().as_ref()?.statuses().remove(session)
    }

    /// The bot's connections to the gateway are lost.
    pub(super) async fn drop_connections(&self) -> Result<(), WorldError> {
        for session in self.sessions_on(&GATEWAY) {
            self.control.drop_connections(&session.account);
        }
        self.settle().await
    }
}

/// What a message says, on one or more lines.
pub(super) fn describe(message: &Message) -> String {
    match (&message.text, message.content_type.as_str()) {
        (Some(text), _) => text.clone(),
        (None, kind) => match ["FILE_NAME", "ALT_TEXT"].iter().find_map(|name| message.content_metadata.get(*name)) {
            Some(name) => format!("({kind} {name})"),
            None => format!("({kind})"),
        },
    }
}

/// Message ids count up in the order in which the gateway took the messages.
fn order(message: &Message) -> (usize, String) {
    (message.id.len(), message.id.clone())
}
