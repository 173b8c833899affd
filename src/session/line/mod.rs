//! LINE's Messaging API as a session's connection: commands go out as http requests, webhooks come in as events.
//!
//! | file | what lives there |
//! |---|---|
//! | `api` | one operation as an http request: the token, the answer, what may be tried again |
//! | `common` | what the common commands are here: several operations, or one under another name |
//! | `connection` | what stands in the place of a socket |
//!
//! When a connection is made and what its answers mean is decided in `machine`, as for every network.

mod api;
mod common;
mod connection;

pub(super) use api::{ApiError, LineApi};
pub(super) use connection::{LineConnection, LineNews};
