//! The wire, pure: the tables of commands and events, frames, failures, mids and structures.
//!
//! There is no I/O here, no tokio and no Rhai: every function maps text to values or back. `frame` is the client's side
//! of the wire, `request` the gateway's.

pub mod commands;
mod events;
mod failure;
mod frame;
mod mid;
mod request;
mod tolerant;
mod types;

pub use commands::{COMMANDS, Call, Command, Family, Field, Kind, Origin, Presence, Request, Safety};
pub use events::{EVENTS, EventField, EventSpec, FieldKind, HOOKS, Hook, HookSpec, Message};
pub use failure::{Failure, FailureCode};
pub use frame::{
    Content, DecodeError, EncodeError, Event, HEARTBEAT, Incoming, MAX_FRAME, check_field_names, decode, encode_fields,
    fields_of, find_text,
};
pub use mid::{MidKind, mid_kind};
pub use request::{
    Envelope, Received, RequestError, check_fields, encode_event, encode_login, encode_pin, encode_reply, found,
    receive,
};
pub use types::{Chat, Contact, GroupExtra, Profile, Settings};
