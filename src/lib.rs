//! Hotline runs bots, written as plain Rhai scripts, against live chat sessions, and reloads them while they run.
//!
//! The parts, lowest floor first; a module imports only from lower floors (`tests/layering.rs` reads the sources):
//!
//! | floor | module | what lives there |
//! |---|---|---|
//! | 0 | [`protocol`] | the wire, pure: the tables of commands and events, frames, failures, mids |
//! | 0 | [`access`] | who may connect, by what a browser says of the page that asks |
//! | 0 | [`clock`] | the one source of time |
//! | 0 | [`visible`] | what a terminal shows of a text that somebody else wrote |
//! | 1 | [`session`] | one live session: a state machine without I/O, its task with a socket or LINE in its place, the cloneable handle |
//! | 1 | [`sandbox`] | the embedded gateway: a world of accounts, chats and messages behind the same wire, and behind LINE's Messaging API |
//! | 1 | [`language`] | scripts as text: sources, tables of functions, faults and their words, the check |
//! | 1 | [`store`] | SQLite: the journal, certificates and the scripts' stores |
//! | 2 | [`runtime`] | what runs scripts: fibers, runs, host calls, workers, recovery and reload |
//! | 3 | [`host`] | configuration and supervision: wires the lower floors into a running system |
//! | 4 | [`testing`] | scenario tests: people, the networks and a clock around the bot |
//! | 5 | [`cli`] | one file per subcommand |

pub mod access;
pub mod cli;
pub mod clock;
pub mod host;
pub mod language;
pub mod protocol;
pub mod runtime;
pub mod sandbox;
pub mod session;
pub mod store;
pub mod testing;
pub mod visible;
