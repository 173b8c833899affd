//! The Rhai host: what runs scripts.
//!
//! | module | what lives there |
//! |---|---|
//! | `fiber` | functions that can be suspended anywhere; the only unsafe code |
//! | `run`, `door` | one call of one handler with its limits; the one path from scripts to the world |
//! | `dialect`, `engine` | the language by itself; the Rhai engine, with what is taken out of the language and what the host puts in |
//! | `command`, `object`, `data`, `time`, `text`, `http` | what scripts can call |
//! | `stub` | what answers `http` in scenario tests |
//! | `source`, `bundle`, `generation`, `body`, `hook` | a file's text; a script's pinned sources; compiled on one worker; the functions that the host calls |
//! | `lane`, `away` | order within a chat; how a run waits for the web |
//! | `dispatch`, `subject`, `own` | from events to runs; what an event is about; events that are our own |
//! | `rebuild`, `live`, `leaving`, `holding` | what an earlier process left behind; what is kept for one session; how one is left; scripts whose files are missing |
//! | `errors`, `caught` | the errors that can be caught; how `catch` and `on_error` get them in one shape |
//! | `timer`, `cron`, `hours` | timers; their patterns; the time of day as they see it |
//! | `record`, `journal` | what a run observed, to be fed back; what a worker hands to the store in cuts |
//! | `prompt`, `names` | lines that a person types, evaluated on a worker; what can be written there |
//! | `worker`, `handle` | the thread that owns all of these, and its owner's end |
//! | `disk`, `outlook` | what is there, unreadable or missing; noticing that it may have changed |
//! | `settle` | when what changes is to be read |
//! | `library`, `dry_start`, `watch` | the scripts on disk; whether one loads; when they are looked at again |
//! | `fault`, `diagnostic` | what is wrong with a script, and where; the card that shows it |
//! | `syntax`, `trace` | from the parser's errors to faults, and from what ended a run |
//! | `headers`, `kind` | where a file's functions stand; what is known of a value |
//! | `surface`, `stage`, `definitions` | every host function and property, documented; those of scenario tests; the same as editor definitions |
//! | `check` | what can be known about a script without running it |
//! | `plain`, `proposal`, `suggest` | what ended a run in plain words; what may have been meant; the known name that is closest to a mistyped one |

mod away;
mod body;
mod bundle;
mod caught;
pub mod check;
mod command;
mod cron;
mod data;
pub mod definitions;
pub mod diagnostic;
mod dialect;
mod disk;
mod dispatch;
mod door;
mod dry_start;
pub mod duration;
mod engine;
pub mod errors;
mod fault;
mod fiber;
mod generation;
mod handle;
mod headers;
mod holding;
mod hook;
mod hours;
mod http;
mod journal;
mod kind;
mod lane;
mod leaving;
mod library;
pub mod limits;
mod live;
mod names;
mod object;
pub(crate) mod outlook;
mod own;
mod plain;
mod prompt;
pub(crate) mod proposal;
mod rebuild;
mod record;
mod run;
mod settle;
mod source;
pub mod stage;
pub mod stub;
mod subject;
pub mod suggest;
pub mod surface;
pub(crate) mod syntax;
mod text;
mod time;
mod timer;
pub(crate) mod trace;
mod value;
pub(crate) mod watch;
mod worker;

pub use bundle::{Bundle, script_name, stdlib_modules};
pub use dry_start::DryStart;
pub use fault::{Excerpt, Fault, Missing, Thrown};
pub use handle::{Assignment, Shared, Update, Updater, WorkerHandle};
pub use hook::signature;
pub use http::{AllowedHost, NoHost, WebAccess};
pub use journal::JournalMode;
pub use leaving::Parting;
pub use library::{Changes, Library, Look, Script, Unforgettable};
pub use limits::Limits;
pub use live::{Directory, Member};
pub use names::{Name, Names};
pub use prompt::{PROMPT, PromptHandle};
pub use run::continue_ids_after;
pub use source::Source;

/// What the host needs to run Rhai code that belongs to no bot, such as a scenario test.
pub(crate) mod guest {
    pub(crate) use super::caught::thrown;
    pub(crate) use super::dialect::for_reading;
    pub(crate) use super::disk::{Disk, Seen, Stamp, is_script_name, read_error};
    pub(crate) use super::engine::guest as language;
    pub(crate) use super::fiber::{Fiber, StackBounds, park};
    pub(crate) use super::value::{from_json, noun, to_value};
}

/// Every allocation is counted, for the memory limit of scripts.
#[global_allocator]
static ALLOCATOR: fiber::CountingAllocator = fiber::CountingAllocator;
