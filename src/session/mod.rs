//! One live session with a gateway: it logs in, stays connected, carries commands out and hands events on.
//!
//! | file | what lives there |
//! |---|---|
//! | `config` | what a session is told at its start |
//! | `handle` | the cloneable side that callers hold, and what a call can fail with |
//! | `machine` | every decision, without I/O: inputs and `now` in, outputs out |
//! | `turn` | the right to send a call now |
//! | `backlog` | when a queue is worth a line in the log |
//! | `calls` | the calls of a session: waiting, sent, due |
//! | `pacing` | how fast calls go out |
//! | `seen` | which events are repetitions |
//! | `signal` | what a session tells its owner |
//! | `socket` | the task that owns the connection and drives the machine |
//! | `dial` | how a connection comes about |
//! | `mask` | what must not be shown |
//! | `media` | files over HTTP: what goes up and down, and from which folders |
//! | `transfer` | one transfer, ready to begin, and how it goes |
//! | `folders` | the folders whose files may be opened |
//! | `tls` | whom a session trusts |
//!
//! What an event means to a script is not known here, and nothing is written to disk: a certificate is handed to the owner.

mod backlog;
mod calls;
mod config;
mod dial;
mod folders;
mod handle;
mod machine;
mod mask;
mod media;
mod pacing;
mod seen;
mod signal;
mod socket;
mod tls;
mod transfer;
mod turn;

pub use config::{ConnectVia, Login, Proxy, ProxyError, ProxyKind, Secret, SessionConfig};
pub use folders::FolderError;
pub use handle::{CallError, Handle, Holdup, Inbox, Phase, Restraint, Status, Turn, channel};
pub use mask::without_credentials;
pub use media::{Media, MediaError, MediaMode};
pub use pacing::{Pacing, Rate, RateError};
pub use seen::Seen;
pub use signal::{Ended, Flow, Signal};
pub use socket::run;
pub use tls::{TlsError, media_config};
pub use transfer::Ready;
