//! Why a system does not start, in words.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::language::Fault;
use crate::language::diagnostic::plain_card;
use crate::session::MediaError;
use crate::store::StoreError;

/// Why a system does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system gives no further thread.
    #[error("a worker's thread cannot start: {0}")]
    Thread(std::io::Error),
    /// A session's files cannot be carried.
    #[error("session {0}: {1}")]
    Media(String, MediaError),
    /// Webhooks cannot be taken.
    #[error("webhooks cannot be taken at {0}: {1}; choose another address: [webhook] listen = \"127.0.0.1:PORT\"")]
    Webhook(SocketAddr, std::io::Error),
    /// A bug.
    #[error("the thread that reads the scripts panicked: this is a bug of Hotline")]
    Panic,
    /// A script or folder that was named is not there.
    #[error("there is no script or folder {}; create it, or name others: hotline run SCRIPT or FOLDER", .0.display())]
    Missing(PathBuf),
    /// A script is faulty, and `strict` asks for none to be.
    #[error("faulty scripts\n\n{}", list(.0))]
    Faulty(Vec<Fault>),
}

fn list(faults: &[Fault]) -> String {
    let mut lines: Vec<_> = faults.iter().map(|fault| plain_card(fault) + "\n").collect();
    lines.push("with --strict nothing runs until this is mended".to_owned());
    lines.join("\n")
}
