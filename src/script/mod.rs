//! The Rhai host: what runs scripts.
//!
//! | module | what lives there |
//! |---|---|
//! | `fiber` | functions that can be suspended anywhere; the only unsafe code |
//! | `run`, `door` | one call of one handler with its limits; the one path from scripts to the world |
//! | `engine` | the Rhai engine, and what is taken out of the language |
//! | `command`, `object`, `data`, `time`, `text` | what scripts can call |
//! | `bundle`, `generation`, `body`, `hook` | a script's pinned sources; compiled on one worker; the functions that the host calls |
//! | `lane`, `dispatch`, `timer`, `live` | order within a chat; from events to runs; timers; what is kept for one session |
//! | `record`, `journal` | what a run observed, to be fed back; what a worker hands to the store in cuts |
//! | `worker` | the thread that owns all of these |
//! | `library`, `watch` | the scripts on disk, and when they are looked at again |
//! | `fault` | what is wrong with a script, and where |

mod body;
mod bundle;
mod command;
mod data;
mod dispatch;
mod door;
pub mod duration;
mod engine;
mod fault;
mod fiber;
mod generation;
mod hook;
mod journal;
mod lane;
mod library;
pub mod limits;
mod live;
mod object;
mod record;
mod run;
mod text;
mod time;
mod timer;
mod value;
mod watch;
mod worker;

pub use bundle::{Bundle, Source, script_name, scripts_in, stdlib_modules};
pub use fault::{Fault, Thrown};
pub use hook::signature;
pub use journal::JournalMode;
pub use library::{Changes, Library, Look, Script};
pub use limits::Limits;
pub use live::{Directory, Member};
pub use run::continue_ids_after;
pub use watch::{Notice, watch};
pub use worker::{Assignment, Shared, Update, Updater, WorkerHandle};

/// Every allocation is counted, for the memory limit of scripts.
#[global_allocator]
static ALLOCATOR: fiber::CountingAllocator = fiber::CountingAllocator;
