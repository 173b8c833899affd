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
//! | `faults` | troubles on demand |
//! | `control` | the handle for tests, the console and scenario scripts |
//!
//! The client's side of the wire is not here: the sandbox knows sessions only by their frames.

mod control;
mod disk;
mod faults;
mod handshake;
mod http;
mod hub;
mod pace;
mod persist;
mod reception;
mod server;
mod tally;
mod world;

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::disk::Disk;
use self::hub::{Hub, OutboxLimits};
use self::persist::{DataFile, beside};
use self::world::{FileNeed, Mid, StoredFile, World};
use crate::access::Access;
use crate::clock::Clock;
use crate::protocol::{Failure, Request};

pub use self::control::{Control, Person, Sent, Watcher};
pub use self::faults::{Fault, FaultId, Refusal, Traffic, Trouble, When};
pub use self::hub::{Counts, PinEntry};
pub use self::tally::Carried;
pub use self::world::{Body, ContentType, DEMO_ACCOUNTS, DEMO_DOMAIN, DEMO_PASSWORD, NewAccount, Operation, Proxy};

/// Where the sandbox listens unless it is told otherwise.
pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 16_089);

/// How many were started in this process.
static SANDBOXES: AtomicU64 = AtomicU64::new(0);

/// How a sandbox is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Who may connect besides programs of this machine.
    pub access: Access,
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
    /// Who hears every text frame of every connection, such as a test that checks them all.
    pub tap: Option<Tap>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: DEFAULT_LISTEN,
            access: Access::default(),
            data: None,
            files: None,
            seed: 1,
            clock: Clock::system(),
            pin_entry: PinEntry::After(Duration::from_secs(2)),
            limits: Limits::default(),
            tap: None,
        }
    }
}

/// Which way a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From a client to the sandbox.
    In,
    /// From the sandbox to a client.
    Out,
}

/// A text frame as it stands on the wire.
#[derive(Clone, Copy, Debug)]
pub struct Heard<'a> {
    /// The number of the sandbox within this process.
    pub sandbox: u64,
    /// The number of the connection at that sandbox.
    pub connection: u64,
    /// Which way it goes.
    pub way: Way,
    /// The frame.
    pub text: &'a str,
}

/// Hears text frames, but not what faults add. It is called on the connection's own task and must not wait.
#[derive(Clone)]
pub struct Tap(Arc<Hear>);

type Hear = dyn Fn(Heard<'_>) + Send + Sync;

impl Tap {
    /// A tap that calls `hear` for each frame.
    pub fn new(hear: impl Fn(Heard<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hear))
    }
}

impl std::fmt::Debug for Tap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tap")
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

/// Why a sandbox does not start. What the system says is in the text, so it is no source besides.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {cause} (`--listen ADDR` chooses another address)")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        cause: std::io::Error,
    },
    /// The data file cannot be read or written.
    #[error("cannot keep the world in {}: {cause}", path.display())]
    Data {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// The data file belongs to another sandbox that runs.
    #[error("{} is in use by another sandbox; stop that one, or name another file with `--data FILE`", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The data file holds something else than a world.
    #[error("{} cannot be understood at line {line}: {reason}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where.
        line: usize,
        /// What is wrong there.
        reason: String,
    },
    /// The folder for files cannot be used.
    #[error("cannot keep files in {}: {cause}", path.display())]
    Files {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
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
        let refused = |cause| StartError::Listen { address: config.listen, cause };
        let listener = server::bind(config.listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let media_listener = server::bind(SocketAddr::new(config.listen.ip(), 0)).await.map_err(refused)?;
        let media_port = media_listener.local_addr().map_err(refused)?.port();
        let outbox = OutboxLimits { frames: config.limits.outbox_frames.max(1), bytes: config.limits.outbox_bytes };
        let (world, data) = match &config.data {
            Some(path) => {
                let (data, world) = DataFile::open(path, || World::demo(config.seed))?;
                (world, Some(data))
            }
            None => (World::demo(config.seed), None),
        };
        let disk = disk_for(config.files, config.data.as_deref(), &world)?;
        // One that listens everywhere is reached by each client at an address of its own.
        let media_host = if address.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { address.ip() };
        let media = media_url(media_host, media_port);
        let shared = Arc::new(Shared {
            hub: Mutex::new(Hub::new(world, data, config.clock.clone(), media, outbox)),
            disk: Arc::new(disk),
            access: config.access,
            listen: address.ip(),
            media_port,
            clock: config.clock,
            limits: config.limits,
            number: SANDBOXES.fetch_add(1, Ordering::Relaxed),
            tap: config.tap,
            pin_entry: config.pin_entry,
            runtime: Handle::current(),
            stopping: watch::Sender::new(false),
            tasks: Mutex::new(JoinSet::new()),
            carried: tally::Tallies::default(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(server::listen(Arc::clone(&shared), listener));
        tasks.spawn(http::listen(Arc::clone(&shared), media_listener));
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

/// What the tasks of a sandbox share.
struct Shared {
    hub: Mutex<Hub>,
    disk: Arc<Disk>,
    access: Access,
    listen: IpAddr,
    media_port: u16,
    clock: Clock,
    limits: Limits,
    /// Its number within this process, for the tap.
    number: u64,
    tap: Option<Tap>,
    pin_entry: PinEntry,
    runtime: Handle,
    stopping: watch::Sender<bool>,
    /// What was begun on the side, such as a PIN that is to be typed; it ends with the sandbox.
    tasks: Mutex<JoinSet<()>>,
    carried: tally::Tallies,
}

impl Shared {
    /// Works on the hub. The lock is held for this call only, never across an await.
    fn with<T>(self: &Arc<Self>, work: impl FnOnce(&mut Hub) -> T) -> T {
        let (done, alarms) = {
            let mut hub = lock(&self.hub);
            (work(&mut hub), hub.take_alarms())
        };
        alarms.into_iter().for_each(|due| self.set_alarm(due));
        done
    }

    fn set_alarm(self: &Arc<Self>, due: Duration) {
        let shared = Arc::clone(self);
        self.spawn(async move {
            shared.clock.sleep_until(due).await;
            let elapsed = shared.clock.elapsed();
            shared.with(|hub| hub.release(elapsed));
        });
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = lock(&self.tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn_on(task, &self.runtime);
    }

    fn tapped(&self, connection: hub::ConnectionId, way: Way, text: &str) {
        if let Some(Tap(hear)) = &self.tap {
            hear(Heard { sandbox: self.number, connection, way, text });
        }
    }

    /// Brings the file that a command names into the store, or puts a stored one where it wants it.
    async fn stage(self: &Arc<Self>, by: &Mid, request: &Request) -> Result<Option<StoredFile>, Failure> {
        let disk = Arc::clone(&self.disk);
        match FileNeed::of(request) {
            FileNeed::Nothing => Ok(None),
            FileNeed::Taken(path) => {
                self.with(|hub| hub.world.allows_file(by, request))?;
                disk.take_in(path.to_owned(), self.limits.file_bytes).await.map(Some)
            }
            FileNeed::Saved { msg_id, path } => {
                let file = self.with(|hub| hub.world.file_of(by, msg_id).cloned())?;
                disk.save(file, path.to_owned()).await.map(|()| None)
            }
        }
    }

    /// The base of the urls for a client that reaches the sandbox at `host`, where that is another than usual.
    fn media_at(&self, host: IpAddr) -> Option<Arc<str>> {
        self.listen.is_unspecified().then(|| media_url(host, self.media_port).into())
    }
}

fn media_url(host: IpAddr, port: u16) -> String {
    format!("http://{}", SocketAddr::new(host, port))
}

/// The folder for files: the one asked for, else one beside the data file, else a temporary one.
fn disk_for(folder: Option<PathBuf>, data: Option<&std::path::Path>, world: &World) -> Result<Disk, StartError> {
    let Some(folder) = folder.or_else(|| data.map(|data| beside(data, "files"))) else {
        return Ok(Disk::new(None));
    };
    let failed = |cause| StartError::Files { path: folder.clone(), cause };
    let disk = Disk::new(Some(folder.clone()));
    disk.root().map_err(failed)?;
    disk.sweep(&world.stored_keys().map(str::to_owned).collect()).map_err(failed)?;
    Ok(disk)
}

/// A panic elsewhere does not make the world unusable: every deed leaves it whole.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
