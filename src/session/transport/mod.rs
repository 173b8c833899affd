//! How a session reaches its gateway: the way there, and whom it trusts. What is said over it is decided in `machine`.
//!
//! | file | what lives there |
//! |---|---|
//! | `connect` | how a connection comes about |
//! | `tls` | whom a session trusts |

mod connect;
mod tls;

pub(super) use connect::{ConnectError, GatewaySocket, connect};
pub use tls::{TlsError, media_config};
