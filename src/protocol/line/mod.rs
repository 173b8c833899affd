//! LINE's official Messaging API, pure: its table of operations and how a request of one is written, its events and how they are
//! brought into the shape that every network's events have here.
//!
//! | file | what lives there |
//! |---|---|
//! | `messages` | messages as operations take them |
//! | `operations` | the one table of operations |
//! | `request` | from an operation's fields to an http request |
//! | `events` | the one table of events |
//! | `webhook` | from the body of a webhook to events; its signature |
//!
//! Its description is public: <https://github.com/line/line-openapi>. Sockets, clocks and tokens are not here.

pub mod events;
mod messages;
mod operations;
mod request;
mod webhook;

pub use messages::{
    MESSAGES, endpoint, push, quota, quota_of, reply, set_endpoint, show_work, text_messages, text_pieces,
};
pub use operations::{AnswerKind, ApiOperation, BodyKind, Method, OPERATIONS, Server};
pub use request::{HttpRequest, RETRY_KEY_HEADER, RequestFault, request};
pub use webhook::{Callback, ReplyToken, SIGNATURE_HEADER, WebhookError, original, read_callback, sign, verify};
