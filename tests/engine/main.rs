//! The engine as its scripts and its gateway meet it: scripts as strings, real WebSocket connections, no sleeping.

mod commands;
mod damage;
mod data;
mod events;
mod facts;
mod lanes;
mod life;
mod limits;
mod modules;
mod reload;
mod start;
mod support;
mod timers;
#[cfg(unix)]
mod unreadable;
#[cfg(unix)]
mod watching;
#[path = "../support/wire.rs"]
mod wire;
