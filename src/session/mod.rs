//! One live session with a gateway: it logs in, stays connected, carries commands out and hands events on.
//!
//! | file | what lives there |
//! |---|---|
//! | `secret` | texts that are never shown |
//! | `webhooks` | where the webhooks of a process's sessions are handed over |
//! | `outbound` | the requests to LINE that are under way |
//! | `config` | what a session is told at its start |
//! | `loopback` | what is on this machine |
//! | `handle` | the cloneable side that callers hold |
//! | `shared` | what the handles and the session's task share, the slots for calls among it |
//! | `orders` | the calls on their way from the handles to the session's task |
//! | `status` | what can be seen of a session from outside |
//! | `signal` | what a session tells its owner |
//! | `machine` | every decision, without I/O: inputs and `now` in, outputs out |
//! | `calls` | the calls of a session: waiting, sent, due; and why one fails |
//! | `rate_limit` | how fast calls go out |
//! | `dedup` | which events are repetitions |
//! | `numbers` | how numbers are hashed that nobody outside chooses |
//! | `redact` | what must not be shown |
//! | `backlog` | when a queue is worth a line in the log |
//! | `socket` | the task that owns the connection and drives the machine |
//! | `transport` | the way to a gateway, and whom a session trusts |
//! | `line` | LINE's Messaging API in the place of a socket |
//! | `media` | files over HTTP: what goes up and down, and from which folders |
//!
//! What an event means to a script is not known here, and nothing is written to disk: a certificate is handed to the owner.

mod backlog;
mod calls;
mod config;
mod dedup;
mod folders;
mod handle;
mod line;
mod loopback;
mod machine;
mod media;
mod numbers;
mod orders;
mod outbound;
mod published;
mod rate_limit;
mod redact;
mod secret;
mod shared;
mod signal;
mod socket;
mod status;
mod transport;
mod webhooks;

pub use calls::CallError;
pub use config::{ChannelToken, ConnectVia, Credentials, Proxy, ProxyError, ProxyKind, SessionConfig};
pub use dedup::Dedup;
pub use folders::FolderError;
pub use handle::{Handle, Inbox, Owner, Permit, channel};
pub use media::{Media, MediaError, MediaMode, Ready};
pub use outbound::Outbound;
pub use published::{PUBLISHED, Publisher};
pub use rate_limit::{Pacing, Rate, RateError, Restraint};
pub use redact::without_credentials;
pub use secret::Secret;
pub use signal::{Ended, Flow, Signal};
pub use socket::run;
pub use status::{Holdup, Phase, Status};
pub use transport::{TlsError, media_config};
pub use webhooks::{Door, WebhookDelivery, Webhooks};
