//! What runs scripts. What they are as texts is in `language`.
//!
//! Lowest floor first; a module imports only from those above it in this table (`tests/layering.rs` reads the sources):
//!
//! | module | what lives there |
//! |---|---|
//! | `fiber` | functions that can be suspended anywhere; the only unsafe code |
//! | `limits`, `ids`, `chance` | how much a script may use; ids of events, runs and timers; what is drawn by lot |
//! | `view` | what can be seen of a running system: rows, and the stream of what happens |
//! | `engine` | what Rhai is to the host: values, errors, what hooks get, bodies of functions |
//! | `timers`, `web` | what timers call and when; the web as scripts reach it |
//! | `journal` | what runs observed, to be fed back, and what a worker hands to the store |
//! | `generation` | a script's pinned sources, compiled on one worker |
//! | `context` | what is kept for one session: lanes, questions, states, how far it is left |
//! | `run` | one call of one function with its limits, how it waits, and the one path from scripts to the world |
//! | `builtins` | what scripts can call; the engine that has all of it |
//! | `dry_start` | whether a script loads |
//! | `worker` | the thread that owns all of these: from events to calls, recovery, the swap of generations, prompts |
//! | `reload` | the scripts on disk, and when they are looked at again |

mod builtins;
mod chance;
mod context;
mod dry_start;
mod engine;
mod fiber;
mod generation;
mod ids;
mod journal;
pub mod limits;
pub(crate) mod reload;
mod run;
mod timers;
mod view;
pub mod web;
mod worker;

pub use chance::Chance;
pub use context::directory::{Directory, Member};
pub use context::drain::DrainMode;
pub use dry_start::{Called, DryStart};
pub use engine::coverage::Coverage;
pub(crate) use engine::values::check_readable;
pub use ids::continue_ids_after;
pub use journal::JournalMode;
pub use limits::Limits;
pub use reload::library::{Changes, Library, Look, Script, Unforgettable};
pub use timers::timer::lost_timer;
pub use view::event::{Happening, NewGeneration, RunName, ViewEvent};
pub use view::rows::{
    FaultView, PhaseView, RunView, ScriptState, ScriptView, SessionCounters, SessionQueues, SessionView, TimerView,
    WaitView, WorkerCounters, WorkerView,
};
pub use view::stream::{Announcer, EventStream, MissedEvents};
pub use web::{AllowedHost, NoHost, WebAccess};
pub use worker::handle::{PromptHandle, Updater, WorkerHandle};
pub use worker::orders::{Assignment, Update, WorkerContext};
pub use worker::prompt::PROMPT;

/// What the host needs to run Rhai code that belongs to no bot, such as a scenario test.
pub(crate) mod guest {
    pub(crate) use super::builtins::calendar::{Timepiece, register as register_calendar};
    pub(crate) use super::builtins::guest as language;
    pub(crate) use super::engine::thrown::thrown;
    pub(crate) use super::engine::values::{from_json, noun, to_value};
    pub(crate) use super::fiber::{Fiber, StackBounds, park};
}

/// Every allocation is counted, for the memory limit of scripts.
#[global_allocator]
static ALLOCATOR: fiber::CountingAllocator = fiber::CountingAllocator;
