//! The embedded gateway: a world of accounts, chats and messages behind the same wire as the real one.
//!
//! | file | what lives there |
//! |---|---|
//! | `world` | the world itself, pure: what every command does, and what others are told |
//! | `hub` | the world, its connections and its data file under one lock |
//! | `reception` | what both listeners do at their doors |
//! | `handshake`, `server` | the WebSocket listener |
//! | `pace`, `tally` | how many frames a connection may send, and how many it has carried |
//! | `http` | the HTTP listener for uploads, downloads and pictures |
//! | `disk` | the folder that paths name, and the store of files |
//! | `persist` | the data file |
//! | `play` | what people do for which the gateway has no command |
//! | `faults` | troubles on demand |
//! | `config`, `error` | how a sandbox is set up; why one does not start |
//! | `shared` | what the tasks of a sandbox and its handles share |
//! | `tap` | who hears every frame |
//! | `control`, `official` | the handle for tests, the console and scenario scripts; its part for the official account |
//! | `line` | the official account as LINE sees it, pure: webhooks, tokens, quota, message objects |
//! | `api` | the HTTP listener that speaks LINE's Messaging API, and the sender of webhooks |
//!
//! The client's side of the wire is not here: the sandbox knows sessions only by their frames.

mod api;
mod config;
mod control;
mod disk;
mod error;
mod faults;
mod handshake;
mod http;
mod hub;
mod line;
mod official;
mod pace;
mod persist;
mod play;
mod reception;
mod server;
mod shared;
mod tally;
mod tap;
mod world;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::disk::FileStore;
use self::hub::{Hub, OutboxLimits};
use self::line::LineAccount;
use self::persist::{DataFile, beside};
use self::shared::{SandboxShared, lock, media_url};
use self::world::World;
use crate::protocol::Failure;

pub use self::config::{DEFAULT_LISTEN, SandboxConfig, SandboxLimits};
pub use self::control::{AccountStatus, Control, Membership, Sent, Watcher};
pub use self::error::SandboxStartError;
pub use self::faults::{
    ApiFault, ApiTrouble, FaultId, InjectedFault, Refusal, Traffic, Trouble, WebhookFault, WebhookTrouble, When,
};
pub use self::hub::{Counts, PinEntry};
pub use self::line::{BotMessage, DEFAULT_LINE_LISTEN, LINE_CHANNEL, OfficialConfig, SentBy};
pub use self::official::Official;
pub use self::play::{PLAY_COMMAND, PlayedDeed};
pub use self::tally::Carried;
pub use self::tap::{Heard, Tap, Way};
pub use self::world::{
    ContentType, DEMO_ACCOUNTS, DEMO_DOMAIN, DEMO_PASSWORD, Draft, GatewayProxy, NewAccount, OFFICIAL_ACCOUNT,
    Operation,
};

/// How many were started in this process.
static SANDBOXES: AtomicU64 = AtomicU64::new(0);

/// A running sandbox. Dropping it ends it at once; [`stop`](Self::stop) says goodbye first.
pub struct Sandbox {
    address: SocketAddr,
    line_address: Option<SocketAddr>,
    shared: Arc<SandboxShared>,
    tasks: JoinSet<()>,
}

impl Sandbox {
    /// Starts one on the current tokio runtime.
    ///
    /// # Errors
    /// When it cannot listen, or cannot read its data file.
    pub async fn start(config: SandboxConfig) -> Result<Self, SandboxStartError> {
        let refused = |cause| SandboxStartError::Listen { address: config.listen, cause };
        let listener = server::bind(config.listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let media_listener = server::bind(SocketAddr::new(config.listen.ip(), 0)).await.map_err(refused)?;
        let media_port = media_listener.local_addr().map_err(refused)?.port();
        let line_listener = match config.official.listen {
            Some(address) => {
                let refused = |cause| SandboxStartError::LineListen { address, cause };
                let listener = server::bind(address).await.map_err(refused)?;
                Some((listener.local_addr().map_err(refused)?, listener))
            }
            None => None,
        };
        let line_address = line_listener.as_ref().map(|(address, _)| *address);
        let outbox = OutboxLimits { frames: config.limits.outbox_frames.max(1), bytes: config.limits.outbox_bytes };
        let (world, data) = match &config.data {
            Some(path) => {
                let (data, world) = DataFile::open(path, || World::demo(config.seed))?;
                (world, Some(data))
            }
            None => (World::demo(config.seed), None),
        };
        let disk = disk_for(config.files, config.data.as_deref(), &world)?;
        let webhook_patience = config.official.webhook_patience;
        // What is given out is another's than before a restart, on a clock that stands still too.
        let draws = config.seed ^ world.last_event().rotate_left(32);
        let line = LineAccount::new(config.official, draws, config.clock.clone());
        // One that listens everywhere is reached by each client at an address of its own.
        let media_host = if address.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { address.ip() };
        let media = media_url(media_host, media_port);
        let shared = Arc::new(SandboxShared {
            hub: Mutex::new(Hub::new(world, line, data, config.clock.clone(), media, outbox)),
            disk: Arc::new(disk),
            access: config.access,
            listen: address.ip(),
            media_port,
            clock: config.clock,
            limits: config.limits,
            webhook_patience,
            number: SANDBOXES.fetch_add(1, Ordering::Relaxed),
            tap: config.tap,
            pin_entry: config.pin_entry,
            runtime: Handle::current(),
            stopping: watch::Sender::new(false),
            tasks: Mutex::new(JoinSet::new()),
            carried: tally::Tallies::default(),
            unanswered: tally::Unanswered::default(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(server::listen(Arc::clone(&shared), listener));
        tasks.spawn(http::listen(Arc::clone(&shared), media_listener));
        if let Some((_, listener)) = line_listener {
            tasks.spawn(api::listen(Arc::clone(&shared), listener));
            tasks.spawn(api::send_webhooks(Arc::clone(&shared)));
        }
        Ok(Self { address, line_address, shared, tasks })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// The url for clients, `ws://…`.
    pub fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// The base url of LINE's Messaging API, of both its servers, `http://…`; `None` where it is not served.
    pub fn line_url(&self) -> Option<String> {
        self.line_address.map(|address| format!("http://{address}"))
    }

    /// The folder that the `path` of commands is relative to.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn files(&self) -> std::io::Result<PathBuf> {
        self.shared.disk.root().map(std::path::Path::to_path_buf)
    }

    /// Puts a file where the `path` of commands finds it.
    ///
    /// # Errors
    /// As a command whose `path` lies outside the folder, or cannot be written.
    pub fn place(&self, path: &str, bytes: &[u8]) -> Result<(), Failure> {
        self.shared.disk.place(path, bytes)
    }

    /// The handle that looks into the world and changes it.
    pub fn control(&self) -> Control {
        Control::new(Arc::clone(&self.shared))
    }

    /// Ends it: no connection is taken any more, and those that are open are closed.
    pub async fn stop(mut self) {
        self.shared.stopping.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // For transfers that go on in tasks of the HTTP library.
        self.shared.stopping.send_replace(true);
        lock(&self.shared.tasks).abort_all();
        // Handles may outlive the sandbox; its file must not wait for them.
        lock(&self.shared.hub).close();
    }
}

/// The folder for files: the one asked for, else one beside the data file, else a temporary one.
fn disk_for(
    folder: Option<PathBuf>,
    data: Option<&std::path::Path>,
    world: &World,
) -> Result<FileStore, SandboxStartError> {
    let Some(folder) = folder.or_else(|| data.map(|data| beside(data, "files"))) else {
        return Ok(FileStore::new(None));
    };
    let failed = |cause| SandboxStartError::Files { path: folder.clone(), cause };
    let disk = FileStore::new(Some(folder.clone()));
    disk.root().map_err(failed)?;
    disk.sweep(&world.stored_keys().map(str::to_owned).collect()).map_err(failed)?;
    Ok(disk)
}
