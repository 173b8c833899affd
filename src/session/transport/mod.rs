//! How a session reaches its gateway: the way there, and whom it trusts. What is said over it is decided in `machine`.
//!
//! | file | what lives there |
//! |---|---|
//! | `connect` | how a connection comes about |
//! | `words` | what went wrong with an http request |
//! | `tls` | whom a session trusts |

mod connect;
mod tls;
mod words;

pub(super) use connect::{ConnectError, GatewaySocket, connect};
pub use tls::{TlsError, media_config};
pub(super) use words::in_full;
