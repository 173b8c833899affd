//! Scripts as text: what they are made of, what they may call, what is wrong with them, and what can be known of them without
//! running them. What runs them is not here: nothing waits, and nothing reaches a session or the store.
//!
//! | module | what lives there |
//! |---|---|
//! | `disk`, `source`, `bundle` | what is there, unreadable or missing; a file's text; a script's pinned sources |
//! | `dialect`, `parse`, `headers` | what Rhai brings; compiling, and syntax errors in plain words; where a file's functions stand |
//! | `functions`, `errors`, `testing`, `types` | the tables: every host function and property, documented; the errors that can be caught; the API of scenario tests |
//! | `hook`, `kind`, `chain` | the functions that the host calls; what is known of a value; what Rhai's tree spreads over several nodes |
//! | `zone`, `calendar`, `moment`, `cron`, `duration`, `web` | time zones; dates and times of day; points in time as people say them; when a pattern is due; how long something lasts; what can be said of a request |
//! | `settings` | what the configuration gives to scripts |
//! | `fault`, `diagnostic` | what is wrong with a script, and where; the card that shows it |
//! | `trace`, `explain`, `race` | from what ended a run to a fault; its words; which call holds a value that is in use |
//! | `bot_command`, `plain_text`, `numeral` | commands that people type, with their arguments; texts as they are meant, however they were typed; numbers written out |
//! | `suggest`, `spelling` | what may have been meant; the known name that is closest to a mistyped one |
//! | `check` | what can be known about a script without running it |
//! | `names`, `definitions` | what can be written at a prompt; everything that scripts can use as files for editors |

pub(crate) mod bot_command;
pub(crate) mod bundle;
pub(crate) mod calendar;
mod chain;
pub mod check;
pub(crate) mod cron;
pub mod definitions;
pub mod diagnostic;
pub(crate) mod dialect;
pub(crate) mod disk;
pub mod duration;
pub mod errors;
pub(crate) mod explain;
pub(crate) mod fault;
pub mod functions;
pub(crate) mod headers;
pub(crate) mod hook;
pub(crate) mod kind;
pub(crate) mod moment;
pub(crate) mod names;
pub(crate) mod numeral;
pub(crate) mod parse;
pub(crate) mod plain_text;
mod race;
pub mod settings;
pub(crate) mod source;
pub mod spelling;
pub(crate) mod suggest;
pub mod testing;
pub(crate) mod trace;
pub mod types;
pub(crate) mod web;
pub mod zone;

pub use bundle::{Bundle, script_name, stdlib_modules};
pub use fault::{Excerpt, Fault, MissingFunction, Thrown};
pub use names::{Name, Names};
pub use settings::Setup;
pub use source::Source;
