//! Why something in a world does not work. What tests are told when they expect in vain is in `unmet`.

use std::time::Duration;

use crate::language::Fault;
use crate::protocol::Failure;
use crate::sandbox::SandboxStartError;
use crate::session::{FolderError, MediaError};
use crate::store::StoreError;

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
    /// A folder of files is not there.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Webhooks cannot be taken.
    #[error("webhooks cannot be taken: {0}")]
    Webhooks(std::io::Error),
    /// There is no such session, or it cannot be added.
    #[error("{0}")]
    Session(String),
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
