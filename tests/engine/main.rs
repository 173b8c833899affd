//! The engine as its scripts and its gateway meet it: scripts as strings, real WebSocket connections, no sleeping.

mod answers;
mod bot_commands;
mod caught;
mod commands;
mod damage;
mod data;
mod earlier;
mod events;
mod facts;
mod held;
mod lanes;
mod life;
mod limits;
mod memory;
mod modules;
mod networks;
mod operations;
mod owner;
mod reload;
mod requests;
#[path = "../support/site.rs"]
mod site;
mod start;
mod support;
mod timers;
#[cfg(unix)]
mod unreadable;
mod view;
#[cfg(unix)]
mod watching;
mod web;
#[path = "../support/wire.rs"]
mod wire;
