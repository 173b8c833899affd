//! The Rhai host: what runs scripts. What they are as texts is in `language`.
//!
//! | module | what lives there |
//! |---|---|
//! | `fiber` | functions that can be suspended anywhere; the only unsafe code |
//! | `run`, `door` | one call of one handler with its limits; the one path from scripts to the world |
//! | `engine` | the Rhai engine, with what is taken out of the language and what the host puts in |
//! | `command`, `object`, `data`, `time`, `text`, `http` | what scripts can call |
//! | `stub` | what answers `http` in scenario tests |
//! | `generation`, `body` | a script's pinned sources, compiled on one worker; code that a run goes through |
//! | `lane`, `away` | order within a chat; how a run waits for the web |
//! | `dispatch`, `subject`, `own` | from events to runs; what an event is about; events that are our own |
//! | `rebuild`, `live`, `leaving`, `holding` | what an earlier process left behind; what is kept for one session; how one is left; scripts whose files are missing |
//! | `caught` | what `catch` and `on_error` get: one shape for every error |
//! | `timer`, `hours` | timers; the time of day as they see it |
//! | `record`, `journal` | what a run observed, to be fed back; what a worker hands to the store in cuts |
//! | `prompt` | lines that a person types, evaluated on a worker |
//! | `worker`, `handle` | the thread that owns all of these, and its owner's end |
//! | `outlook` | noticing that the disk may have changed |
//! | `settle` | when what changes is to be read |
//! | `library`, `dry_start`, `watch` | the scripts on disk; whether one loads; when they are looked at again |

mod away;
mod body;
mod caught;
mod command;
mod data;
mod dispatch;
mod door;
mod dry_start;
mod engine;
mod fiber;
mod generation;
mod handle;
mod holding;
mod hours;
mod http;
mod journal;
mod lane;
mod leaving;
mod library;
pub mod limits;
mod live;
mod object;
pub(crate) mod outlook;
mod own;
mod prompt;
mod rebuild;
mod record;
mod run;
mod settle;
pub mod stub;
mod subject;
mod text;
mod time;
mod timer;
mod value;
pub(crate) mod watch;
mod worker;

pub use dry_start::DryStart;
pub use handle::{Assignment, Shared, Update, Updater, WorkerHandle};
pub use http::{AllowedHost, NoHost, WebAccess};
pub use journal::JournalMode;
pub use leaving::Parting;
pub use library::{Changes, Library, Look, Script, Unforgettable};
pub use limits::Limits;
pub use live::{Directory, Member};
pub use prompt::{PROMPT, PromptHandle};
pub use run::continue_ids_after;

/// What the host needs to run Rhai code that belongs to no bot, such as a scenario test.
pub(crate) mod guest {
    pub(crate) use super::caught::thrown;
    pub(crate) use super::engine::guest as language;
    pub(crate) use super::fiber::{Fiber, StackBounds, park};
    pub(crate) use super::value::{from_json, noun, to_value};
}

/// Every allocation is counted, for the memory limit of scripts.
#[global_allocator]
static ALLOCATOR: fiber::CountingAllocator = fiber::CountingAllocator;
