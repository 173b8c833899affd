//! How a sandbox is set up. How the command line or a test spells it is not known here.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::hub::PinEntry;
use super::line::OfficialConfig;
use super::tap::Tap;
use crate::access::Access;
use crate::clock::Clock;

/// Where the sandbox listens unless it is told otherwise.
pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 16_089);

/// How a sandbox is set up.
#[derive(Clone, Debug)]
pub struct SandboxConfig {
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
    pub limits: SandboxLimits,
    /// Who hears every text frame of every connection, such as a test that checks them all.
    pub tap: Option<Tap>,
    /// The official account, and where LINE's Messaging API is served for its bot.
    pub official: OfficialConfig,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            listen: DEFAULT_LISTEN,
            access: Access::default(),
            data: None,
            files: None,
            seed: 1,
            clock: Clock::system(),
            pin_entry: PinEntry::After(Duration::from_secs(2)),
            limits: SandboxLimits::default(),
            tap: None,
            official: OfficialConfig::default(),
        }
    }
}

/// How much a sandbox takes.
#[derive(Clone, Debug)]
pub struct SandboxLimits {
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

impl Default for SandboxLimits {
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
