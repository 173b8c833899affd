//! The bot of a world while it runs, and its sessions. Which there are, and when it runs, is the world's affair.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{AbortHandle, LocalSet, spawn_local};
use url::Url;

use super::error::WorldError;
use super::stillness::Stillness;
use crate::clock::Clock;
use crate::host::WebhookListener;
use crate::language::Setup;
use crate::protocol::{LINE, Network};
use crate::runtime::{
    Announcer, Assignment, Chance, Coverage, Directory, JournalMode, Limits, Updater, WebAccess, WorkerContext,
    WorkerHandle,
};
use crate::sandbox::{DEMO_DOMAIN, DEMO_PASSWORD, LINE_CHANNEL, Sandbox};
use crate::session::{
    self, ChannelToken, Credentials, Handle, Media, MediaMode, Outbound, Pacing, Publisher, Secret, SessionConfig,
    Status, Webhooks,
};
use crate::store::Store;

/// How long a bot that is stopped may take to finish, in real time.
const GRACE: Duration = Duration::from_secs(2);

/// A session of the world.
#[derive(Clone, Debug)]
pub(super) struct WorldSession {
    pub(super) name: String,
    pub(super) network: &'static Network,
    /// The name of its account.
    pub(super) account: String,
    /// The scripts that it runs; none means all.
    pub(super) scripts: Option<Vec<String>>,
}

impl WorldSession {
    pub(super) fn is_on(&self, network: &'static Network) -> bool {
        std::ptr::eq(self.network, network)
    }
}

/// The bot while it runs.
pub(super) struct RunningBot {
    worker: WorkerHandle,
    directory: Directory,
    /// Its sessions, by name.
    handles: RefCell<BTreeMap<String, Handle>>,
    /// The requests to LINE of all its sessions.
    outbound: Outbound,
    webhooks: Webhooks,
    /// Takes webhooks, once a session has any.
    listener: RefCell<Option<WebhookListener>>,
    task: AbortHandle,
    done: Rc<Cell<bool>>,
}

/// What a bot has around it.
pub(super) struct Surroundings<'a> {
    pub(super) sandbox: &'a Sandbox,
    pub(super) clock: &'a Clock,
    pub(super) setup: Arc<Setup>,
    pub(super) store: &'a Store,
    pub(super) limits: &'a Limits,
    /// A scenario decides everything that its bot meets, also what the web answers.
    pub(super) web: WebAccess,
    /// What scripts draw from.
    pub(super) chance: &'a Chance,
    /// Where the lines of scripts that are run are counted.
    pub(super) coverage: Option<&'a Coverage>,
}

impl RunningBot {
    /// Starts it, without a script or a session.
    pub(super) fn start(around: &Surroundings<'_>, stillness: Stillness) -> Self {
        let directory = Directory::default();
        // Whether a session ended is seen by its status.
        let (ended, _) = tokio::sync::mpsc::channel(1);
        let shared = WorkerContext {
            clock: around.clock.clone(),
            setup: Arc::clone(&around.setup),
            store: around.store.clone(),
            limits: *around.limits,
            directory: directory.clone(),
            web: around.web.clone(),
            chance: around.chance.clone(),
            coverage: around.coverage.cloned(),
            dry_run: false,
            journal: JournalMode::Relaxed,
            resend_in_doubt: false,
            events: Announcer::new(around.clock.clone()),
            ended,
        };
        let (worker, work) = WorkerHandle::local(shared);
        // Its own set, so that everything that it spawned goes with it.
        let local = LocalSet::new();
        let done = Rc::new(Cell::new(false));
        let is_done = Rc::clone(&done);
        let task = spawn_local(stillness.within(async move {
            local.run_until(work).await;
            is_done.set(true);
        }));
        Self {
            worker,
            directory,
            handles: RefCell::default(),
            outbound: Outbound::default(),
            webhooks: Webhooks::default(),
            listener: RefCell::default(),
            task: task.abort_handle(),
            done,
        }
    }

    /// What brings it other scripts.
    pub(super) fn updater(&self) -> Updater {
        self.worker.updater()
    }

    /// Ends it as a crash of its process would, when what it recorded has reached the disk.
    pub(super) async fn kill(&self) {
        self.worker.flush().await;
        self.task.abort();
    }

    /// Begins to stop it.
    pub(super) async fn stop(&self) {
        self.worker.stop(GRACE).await;
    }

    /// Whether it has stopped.
    pub(super) fn is_done(&self) -> bool {
        self.done.get()
    }

    /// How its sessions are, by their names.
    pub(super) fn statuses(&self) -> BTreeMap<String, Status> {
        self.handles.borrow().iter().map(|(name, handle)| (name.clone(), handle.status())).collect()
    }

    /// How many of its requests to LINE are under way.
    pub(super) fn requests(&self) -> usize {
        self.outbound.count()
    }

    /// Begins a session.
    pub(super) async fn attach(&self, around: &Surroundings<'_>, session: &WorldSession) -> Result<(), WorldError> {
        let (config, files) = match session.is_on(&LINE) {
            true => self.config_on_line(around, session).await?,
            false => (around.config_on_gateway(session)?, Vec::new()),
        };
        let (handle, inbox) = session::channel(&config);
        // The sandbox is on this machine, so paths are its own.
        let media = Media::new(MediaMode::Gateway, &config, &files).await.map_err(WorldError::Media)?;
        let media = Arc::new(media.timed_by(around.clock.clone()));
        self.directory.insert(handle.clone(), Arc::clone(&media));
        self.handles.borrow_mut().insert(session.name.clone(), handle.clone());
        let scripts = session.scripts.clone();
        self.worker.attach(Assignment { config, inbox, handle, media, scripts, seed: 1 }).await;
        Ok(())
    }

    /// With the folder of the files that it sends.
    async fn config_on_line(
        &self,
        around: &Surroundings<'_>,
        session: &WorldSession,
    ) -> Result<(SessionConfig, Vec<PathBuf>), WorldError> {
        let files = vec![around.sandbox.files().map_err(WorldError::Files)?];
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = WebhookListener::start(listen, self.webhooks.clone()).await.map_err(WorldError::Webhooks)?;
        let base = Url::parse(&format!("http://{}/", listener.address())).expect("an address makes a url");
        self.webhooks.set_publisher(Publisher::new(around.store.secret()?, base, &files)?);
        self.webhooks.expect(&session.name, Secret::new(LINE_CHANNEL));
        self.listener.replace(Some(listener));
        let login = Credentials::channel(Secret::new(LINE_CHANNEL), ChannelToken::Given(Secret::new(LINE_CHANNEL)));
        let url = around.sandbox.line_url().expect("every world serves it");
        let config = SessionConfig {
            webhooks: Some(self.webhooks.clone()),
            outbound: self.outbound.clone(),
            ..around.config(session, url, login)
        };
        Ok((config, files))
    }
}

impl Surroundings<'_> {
    fn config_on_gateway(&self, session: &WorldSession) -> Result<SessionConfig, WorldError> {
        let (url, email) = (self.sandbox.url(), format!("{}@{DEMO_DOMAIN}", session.account));
        let login = Credentials::Email { email: email.clone(), password: Secret::new(DEMO_PASSWORD) };
        let certificate = self.store.certificate(&url, &email)?;
        Ok(SessionConfig { certificate, ..self.config(session, url, login) })
    }

    fn config(&self, session: &WorldSession, url: String, login: Credentials) -> SessionConfig {
        SessionConfig {
            reply: self.limits.reply,
            // The embedded sandbox is never paced.
            pacing: Pacing::Off,
            // A connection in memory is never dead without a word, and each look at it would be a step of the clock.
            beat: Duration::MAX,
            silence: Duration::MAX,
            ..SessionConfig::new(&session.name, url, login)
        }
    }
}
