//! The sandbox as its clients meet it: over real WebSockets, frame by frame.

mod accounts;
mod client;
mod groups;
mod media;
mod messages;
mod table;
#[path = "../support/wire.rs"]
mod wire;
