//! Configuration and supervision: what wires the lower floors into a running system.

pub mod config;
mod keeping;
mod prompt;
mod reconfigure;
mod run;
pub mod scenario;

pub use prompt::{Keeping, PromptHost};
pub use run::{Host, Options, StartError, report};

pub use crate::script::suggest;
