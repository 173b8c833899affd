//! The embedded gateway: a world of accounts, chats and messages behind the same wire as the real one.
//!
//! | file | what lives there |
//! |---|---|
//! | `world` | the world itself, pure: what every command does, and what others are told |
//! | `hub` | the world and its connections under one lock |
//! | `server` | the WebSocket listener |
//! | `control` | the handle for tests, the console and scenario scripts |
//!
//! The client's side of the wire is not here: the sandbox knows sessions only by their frames.

mod control;
mod hub;
mod server;
mod world;

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::hub::{Hub, OutboxLimits};
use self::world::{Mid, StoredFile, World};
use crate::clock::Clock;
use crate::protocol::{Failure, FailureCode, Request};

pub use self::control::{Control, Person, Sent};
pub use self::hub::{Counts, PinEntry};
pub use self::server::Carried;
pub use self::world::{Body, ContentType, DEMO_DOMAIN, DEMO_PASSWORD, NewAccount, Operation, Proxy};

/// Where the sandbox listens unless it is told otherwise.
pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 16_089);

/// How a sandbox is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The file that keeps the world; `None` keeps it in memory.
    pub data: Option<PathBuf>,
    /// The folder for files; `None` takes one beside the data file, or a temporary one.
    pub files: Option<PathBuf>,
    /// What all its ids follow from.
    pub seed: u64,
    /// Its time.
    pub clock: Clock,
    /// Who types the PIN that a login shows.
    pub pin_entry: PinEntry,
    /// How much it takes.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: DEFAULT_LISTEN,
            data: None,
            files: None,
            seed: 1,
            clock: Clock::system(),
            pin_entry: PinEntry::After(Duration::from_secs(2)),
            limits: Limits::default(),
        }
    }
}

/// How much a sandbox takes.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at a time; one more is refused with status 503.
    pub connections: usize,
    /// Frames per second and connection; a request beyond is answered with EXCESSIVE_ACCESS.
    pub frames_per_second: u32,
    /// Frames that may wait for a connection to read them; one more ends it.
    pub outbox_frames: usize,
    /// Bytes that may wait for a connection to read them; one more ends it.
    pub outbox_bytes: usize,
    /// Bytes of a file that is sent.
    pub file_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            frames_per_second: 10_000,
            outbox_frames: 16_384,
            outbox_bytes: 32 * 1024 * 1024,
            file_bytes: 1024 * 1024 * 1024,
        }
    }
}

/// Why a sandbox does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source} (`--listen ADDR` chooses another address)")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
}

/// A running sandbox. Dropping it ends it at once; [`stop`](Self::stop) says goodbye first.
pub struct Sandbox {
    address: SocketAddr,
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

impl Sandbox {
    /// Starts one on the current tokio runtime.
    ///
    /// # Errors
    /// When it cannot listen, or cannot read its data file.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let refused = |source| StartError::Listen { address: config.listen, source };
        let listener = server::bind(config.listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let outbox = OutboxLimits { frames: config.limits.outbox_frames.max(1), bytes: config.limits.outbox_bytes };
        let shared = Arc::new(Shared {
            hub: Mutex::new(Hub::new(World::demo(config.seed), String::new(), outbox)),
            clock: config.clock,
            limits: config.limits,
            pin_entry: config.pin_entry,
            runtime: Handle::current(),
            stopping: watch::Sender::new(false),
            tasks: Mutex::new(JoinSet::new()),
            carried: server::Tallies::default(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(server::listen(Arc::clone(&shared), listener));
        Ok(Self { address, shared, tasks })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// The url for clients, `ws://…`.
    pub fn url(&self) -> String {
        format!("ws://{}", self.address)
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
        lock(&self.shared.tasks).abort_all();
    }
}

/// What the tasks of a sandbox share.
struct Shared {
    hub: Mutex<Hub>,
    clock: Clock,
    limits: Limits,
    pin_entry: PinEntry,
    runtime: Handle,
    stopping: watch::Sender<bool>,
    /// What was begun on the side, such as a PIN that is to be typed; it ends with the sandbox.
    tasks: Mutex<JoinSet<()>>,
    carried: server::Tallies,
}

impl Shared {
    /// Works on the hub. The lock is held for this call only, never across an await.
    fn with<T>(&self, work: impl FnOnce(&mut Hub) -> T) -> T {
        work(&mut lock(&self.hub))
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = lock(&self.tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn_on(task, &self.runtime);
    }

    /// Brings the file that a command names, or puts one where it wants it.
    async fn stage(&self, _by: &Mid, _request: &Request) -> Result<Option<StoredFile>, Failure> {
        Err(Failure::new(FailureCode::Malformed, "files are not in the sandbox yet"))
    }
}

/// A panic elsewhere does not make the world unusable: every deed leaves it whole.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
