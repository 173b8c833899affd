//! Configuration and supervision: what wires the lower floors into a running system.

pub mod config;
pub mod control;
pub(crate) mod descriptors;
mod door;
mod keeper;
mod kill;
mod maintenance;
mod missing;
mod owner;
mod prepared;
mod prompt;
mod reconfigure;
mod run;
mod sessions;
mod start_error;
mod status;
mod trouble;
mod view;
mod webhook;

pub use kill::KillOutcome;
pub use prompt::{PromptHost, PromptStorage};
pub use run::{Host, RunOptions, report};
pub use start_error::StartError;
pub use status::HostStatus;
pub use trouble::RecentTrouble;
pub use view::Snapshot;
pub(crate) use webhook::WebhookListener;
