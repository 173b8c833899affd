//! Workers: threads that own an engine, the compiled scripts and the sessions assigned to them.
//!
//! An event travels from its socket to its handler and on to a command without leaving its worker's thread. What is
//! assigned to which worker, and when scripts are loaded again, is decided above.
//!
//! | module | what lives there |
//! |---|---|
//! | `orders` | what workers are given to run, and what they are asked for |
//! | `listing`, `state` | the runs that events wait for; what else a worker has |
//! | `routing`, `internal_event` | what an event is about; events that are our own |
//! | `commands` | which messages are commands, and whose |
//! | `invocation`, `ending` | one call of a function for an event, from its slot to its end; events at their end |
//! | `look` | what can be seen of a worker |
//! | `earlier`, `rebuild` | the runs that an event had in an earlier process; how they go on |
//! | `dispatch`, `recovery` | which functions are called for an event; what an earlier process left behind |
//! | `sessions`, `swap` | how sessions come and go; other scripts for sessions that stay |
//! | `prompt` | lines that a person types |
//! | `serve`, `handle` | the worker's loop; its owner's end |

mod commands;
mod dispatch;
mod earlier;
mod ending;
pub(crate) mod handle;
mod internal_event;
mod invocation;
mod listing;
mod look;
pub(crate) mod orders;
pub(crate) mod prompt;
mod rebuild;
mod recovery;
mod routing;
mod serve;
mod sessions;
mod state;
mod swap;
