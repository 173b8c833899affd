//! Configuration and supervision: what wires the lower floors into a running system.

pub mod config;
pub mod control;
pub(crate) mod descriptors;
mod keeping;
mod missing;
mod prompt;
mod reconfigure;
mod run;
mod sessions;

pub use prompt::{Keeping, PromptHost};
pub use run::{Host, Options, StartError, report};
