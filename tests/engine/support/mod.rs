//! The one way in which these tests speak of bots: scripts as text, an engine in this process, a gateway that records.

mod gateway;
mod log;

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use hotline::clock::Clock;
use hotline::host::config::{BotOwner, Config, DEFAULT_RETENTION, Session};
use hotline::host::control::{self, ControlReply, ControlRequest};
use hotline::host::{Host, HostStatus, KillOutcome, RunOptions, StartError};
use hotline::runtime::{AllowedHost, Limits};
use hotline::session::{Credentials, MediaMode, Pacing, Secret};
use hotline::store::RunId;
use serde::de::DeserializeOwned;
use tempfile::TempDir;

use crate::site::Site;

pub(crate) use gateway::{Answer, Gateway, is_text_to};
use log::logged_beyond;
pub(crate) use log::{logged, logged_lines};

/// Real time that no test comes near unless something hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Awaits something that a test expects to happen.
pub(crate) async fn soon<T>(what: &str, happens: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, happens).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// What a test wants to run.
pub(crate) struct Setup {
    folder: TempDir,
    sessions: Vec<(&'static str, Option<Vec<String>>)>,
    limits: Limits,
    workers: usize,
    clock: Clock,
    dry_run: bool,
    answers: Option<fn(&serde_json::Value) -> Answer>,
    further: Vec<PathBuf>,
    pin: Option<&'static str>,
    data: Option<PathBuf>,
    allowed: Vec<AllowedHost>,
    retention: Option<Duration>,
    owner: Option<BotOwner>,
}

impl Setup {
    /// One session `main` on one worker, with the default limits and no script.
    pub(crate) fn new() -> Self {
        log::start();
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("scripts")).expect("the folder is ours");
        Self {
            folder,
            sessions: Vec::new(),
            limits: Limits::default(),
            workers: 1,
            clock: Clock::system(),
            dry_run: false,
            answers: None,
            further: Vec::new(),
            pin: None,
            data: None,
            allowed: Vec::new(),
            retention: None,
            owner: None,
        }
    }

    /// Adds a script or a module by its path without `.rhai`.
    pub(crate) fn script(self, path: &str, text: impl AsRef<str>) -> Self {
        save(&self.scripts(), path, text.as_ref());
        self
    }

    /// Has the gateway ask for a PIN before it takes a login.
    pub(crate) fn with_pin(mut self, pin: &'static str) -> Self {
        self.pin = Some(pin);
        self
    }

    /// Keeps what is durable in this folder.
    pub(crate) fn data(mut self, folder: &Path) -> Self {
        self.data = Some(folder.to_owned());
        self
    }

    /// Lets scripts reach a place on the web.
    pub(crate) fn allow(self, site: &Site) -> Self {
        self.allow_host(&site.host())
    }

    /// Lets scripts reach a host.
    pub(crate) fn allow_host(mut self, host: &str) -> Self {
        self.allowed.push(host.parse().expect("a host"));
        self
    }

    /// Has somebody told of troubles.
    pub(crate) fn owner(mut self, mid: &str, session: Option<&str>) -> Self {
        self.owner = Some(BotOwner { mid: mid.to_owned(), session: session.map(str::to_owned) });
        self
    }

    /// Forgets a missing script when it has run for so long without it.
    pub(crate) fn retention(mut self, retention: Duration) -> Self {
        self.retention = Some(retention);
        self
    }

    /// Runs the scripts of a further folder too.
    pub(crate) fn also(mut self, folder: PathBuf) -> Self {
        self.further.push(folder);
        self
    }

    /// The folder of the scripts.
    pub(crate) fn scripts(&self) -> PathBuf {
        self.folder.path().join("scripts")
    }

    /// Changes the limits.
    pub(crate) fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    /// Adds a session that runs all scripts.
    pub(crate) fn session(mut self, name: &'static str) -> Self {
        self.sessions.push((name, None));
        self
    }

    /// Adds a session that runs some scripts only.
    pub(crate) fn session_with(mut self, name: &'static str, scripts: &[&str]) -> Self {
        self.sessions.push((name, Some(scripts.iter().map(|&name| name.to_owned()).collect())));
        self
    }

    /// Spreads the sessions over several workers.
    pub(crate) fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Uses another clock than the machine's.
    pub(crate) fn clock(mut self, clock: &Clock) -> Self {
        self.clock = clock.clone();
        self
    }

    /// Sends nothing that has an effect.
    pub(crate) fn dry_run(mut self) -> Self {
        self.dry_run = true;
        self
    }

    /// Answers the commands of every session in this way, from the first one on.
    pub(crate) fn answers(mut self, answer: fn(&serde_json::Value) -> Answer) -> Self {
        self.answers = Some(answer);
        self
    }

    /// Starts the engine and waits until every session has logged in.
    pub(crate) async fn start(self) -> Bot {
        self.start_for_now().await.expect("the engine starts")
    }

    async fn start_for_now(mut self) -> Result<Bot, StartError> {
        if self.sessions.is_empty() {
            self = self.session("main");
        }
        let mut gateways = Vec::new();
        for _ in &self.sessions {
            let gateway = Gateway::listen(self.pin).await;
            if let Some(answer) = self.answers {
                gateway.answers(answer);
            }
            gateways.push(gateway);
        }
        no_spawn_is_under_way();
        let host = Host::start(self.options(&gateways)).await?;
        for gateway in &gateways {
            gateway.logged_in().await;
        }
        Ok(Bot { host, gateways, setup: self })
    }

    /// What the engine is started with.
    pub(crate) fn options(&self, gateways: &[Gateway]) -> RunOptions {
        let folder = self.folder.path();
        let session = |((name, scripts), gateway): (&(&str, Option<Vec<String>>), &Gateway)| Session {
            name: (*name).to_owned(),
            gateway: gateway.url(),
            login: Credentials::Email { email: format!("{name}@bot.test"), password: Secret::new("secret") },
            proxy: None,
            connect_via: None,
            root: None,
            media: MediaMode::default(),
            scripts: scripts.clone(),
        };
        let config = Config {
            scripts: [vec![self.scripts()], self.further.clone()].concat(),
            data: self.data.clone().unwrap_or_else(|| folder.join("data")),
            workers: Some(self.workers),
            pacing: Pacing::Off,
            limits: self.limits,
            http_allow: self.allowed.clone(),
            console: None,
            owner: self.owner.clone(),
            retention: self.retention.unwrap_or(DEFAULT_RETENTION),
            sessions: self.sessions.iter().zip(gateways).map(session).collect(),
            ..Config::without_file(folder)
        };
        RunOptions { config, strict: false, dry_run: self.dry_run, clock: self.clock.clone() }
    }
}

/// Writes a script or a module.
/// Held while a process is started: until it runs its own program, it has a copy of every lock file that is open here.
static STARTING: RwLock<()> = RwLock::new(());

/// Starts a process.
pub(crate) fn spawn(command: &mut Command) -> Child {
    let _starting = STARTING.write().unwrap_or_else(PoisonError::into_inner);
    command.spawn().expect("the binary starts")
}

/// Waits until no process is in the middle of being started, which could have a folder locked that was left a moment ago.
pub(crate) fn no_spawn_is_under_way() {
    drop(STARTING.read().unwrap_or_else(PoisonError::into_inner));
}

fn save(scripts: &Path, path: &str, text: &str) {
    let path = scripts.join(format!("{path}.rhai"));
    std::fs::create_dir_all(path.parent().expect("it is in a folder")).expect("the folder is ours");
    std::fs::write(path, text).expect("the folder is ours");
}

/// A running engine. It speaks for its first session's gateway.
pub(crate) struct Bot {
    host: Host,
    gateways: Vec<Gateway>,
    setup: Setup,
}

impl Deref for Bot {
    type Target = Gateway;

    fn deref(&self) -> &Gateway {
        &self.gateways[0]
    }
}

impl Bot {
    /// One script, one session, one worker.
    pub(crate) async fn start(script: impl AsRef<str>) -> Self {
        Setup::new().script("bot", script).start().await
    }

    /// The engine itself.
    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    /// The gateway of the session with this number.
    pub(crate) fn gateway(&self, number: usize) -> &Gateway {
        &self.gateways[number]
    }

    /// The folder of the scripts.
    pub(crate) fn scripts(&self) -> PathBuf {
        self.setup.scripts()
    }

    /// The file of a script or module.
    pub(crate) fn file(&self, path: &str) -> PathBuf {
        self.scripts().join(format!("{path}.rhai"))
    }

    /// Saves a script or module in place.
    pub(crate) fn save(&self, path: &str, text: impl AsRef<str>) {
        save(&self.scripts(), path, text.as_ref());
    }

    /// Deletes the file of a script or module, and waits until that counts.
    pub(crate) async fn delete(&self, path: &str) {
        let file = self.file(path);
        std::fs::remove_file(&file).expect("it is there");
        self.logged(&[&format!("{} is missing", file.display())]).await;
    }

    /// Has another command ask the engine to forget a script.
    pub(crate) async fn forget(&self, script: &str) -> ControlReply {
        self.ask(ControlRequest::Forget { script: script.to_owned() }).await
    }

    /// Has another command ask the engine to kill a run.
    pub(crate) async fn kill(&self, run: RunId) -> ControlReply<KillOutcome> {
        self.ask(ControlRequest::Kill { run }).await
    }

    /// How the engine is, as another command is told.
    pub(crate) async fn status(&self) -> HostStatus {
        self.ask(ControlRequest::Status).await.expect("it tells")
    }

    async fn ask<T: DeserializeOwned + Send + 'static>(&self, request: ControlRequest) -> ControlReply<T> {
        let data = self.setup.data.clone().unwrap_or_else(|| self.setup.folder.path().join("data"));
        let asked = tokio::task::spawn_blocking(move || control::ask(&data, &request));
        asked.await.expect("it does not panic").expect("it can be asked").expect("it listens")
    }

    /// Waits for a line of the log that speaks of this bot's folder and contains all of this.
    pub(crate) async fn logged(&self, parts: &[&str]) -> String {
        let folder = self.setup.folder.path().display().to_string();
        logged(&[&[folder.as_str()], parts].concat()).await
    }

    /// Waits for one more line of the log that speaks of this bot's folder and contains `part` than there were.
    pub(crate) async fn logged_beyond(&self, part: &str, before: usize) -> String {
        let folder = self.setup.folder.path().display().to_string();
        logged_beyond(&[&folder, part], before).await
    }

    /// The lines of the log that speak of this bot's folder.
    pub(crate) fn log(&self) -> Vec<String> {
        logged_lines(&self.setup.folder.path().display().to_string())
    }

    /// Stops the engine.
    pub(crate) async fn stop(self) {
        soon("the engine to stop", self.host.stop()).await.expect("the disk takes writes");
    }

    /// Stops the engine; gives every frame of the first session.
    pub(crate) async fn stop_and_see(self) -> Vec<serde_json::Value> {
        self.stop_while(|_| {}).await
    }

    /// Stops the engine and acts on the gateway of the first session meanwhile; gives its frames.
    pub(crate) async fn stop_while(self, act: impl FnOnce(&Gateway)) -> Vec<serde_json::Value> {
        let Self { host, gateways, setup: _kept } = self;
        let stopping = host.stop();
        act(&gateways[0]);
        soon("the engine to stop", stopping).await.expect("the disk takes writes");
        gateways[0].frames()
    }

    /// Stops the engine and starts it again, on the same folder and clock, at the same gateways.
    pub(crate) async fn restart(self) -> Self {
        self.restart_after(|_| {}).await
    }

    /// As [`restart`](Self::restart), with something done while it is down.
    pub(crate) async fn restart_after(self, act: impl FnOnce(&Setup)) -> Self {
        let Self { host, gateways, setup } = self;
        soon("the engine to stop", host.stop()).await.expect("the disk takes writes");
        act(&setup);
        let logins: Vec<_> = gateways.iter().map(Gateway::logins).collect();
        no_spawn_is_under_way();
        let host = Host::start(setup.options(&gateways)).await.expect("the engine starts");
        for (gateway, before) in gateways.iter().zip(logins) {
            gateway.logged_in_times(before + 1).await;
        }
        Self { host, gateways, setup }
    }
}
