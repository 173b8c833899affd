//! The wire, pure: the tables of commands, events and hooks, frames, failures, mids and structures.
//!
//! There is no I/O here, no tokio and no Rhai: every function maps text to values or back. `frame` is the client's side
//! of the wire, `request` the gateway's.

#[macro_use]
pub mod commands;
mod content;
mod damage;
#[macro_use]
mod events;
mod example;
mod failure;
mod frame;
mod hooks;
pub mod line;
mod mend;
mod mention;
mod mid;
mod network;
mod plain;
mod request;
mod scalar;
mod tolerant;
mod types;

pub use commands::{COMMANDS, Call, Command, Family, Field, FieldKind, Presence, Provenance, Request, Safety};
pub use content::Content;
pub use damage::{Damage, Damages};
pub use events::{ChatRule, EVENTS, EventField, EventFieldKind, EventSpec, Message, Repetition};
pub use example::{Example, Proof};
pub(crate) use example::{answers, plays, shows};
pub use failure::{Failure, FailureCode};
pub use frame::{
    DecodeError, EncodeError, Event, HEARTBEAT, Incoming, MAX_FRAME, check_field_names, decode, decode_noting,
    encode_fields, fields_of, find_text,
};
pub use hooks::{Argument, HOOKS, Hook, HookSpec};
pub use mend::{MAX_DEPTH, Mended, mend, read_value};
pub(crate) use mention::Mention;
pub use mid::{MidKind, is_group, mid_kind};
pub use network::{GATEWAY, LINE, Lack, NETWORKS, Network};
pub use request::{
    Envelope, Received, RequestError, check_fields, encode_event, encode_login, encode_pin, encode_reply, found,
    receive,
};
pub use tolerant::{integer, structure, whole};
pub use types::{Chat, Contact, GroupExtra, Profile, STRUCTURES, Settings, Structure, StructureField};
