//! Why a sandbox does not start.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a sandbox does not start. What the system says is in the text, so it is no source besides.
#[derive(Debug, thiserror::Error)]
pub enum SandboxStartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {cause} (`--listen ADDR` chooses another address)")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        cause: std::io::Error,
    },
    /// The address for LINE's Messaging API cannot be listened on.
    #[error("cannot listen on {address}: {cause} (`--line-listen ADDR` chooses another address, `off` none)")]
    LineListen {
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
