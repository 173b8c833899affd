//! What survives when the process is killed, or asked to end: the real binary against a sandbox in this process.

mod absence;
pub(crate) mod bot;
mod campaign;
mod disk;
mod full;
mod held;
mod keeping;
mod leaving;
mod line;
mod person;
mod rebuild;
mod record;
mod scene;
mod settings;
mod web;

use std::time::Duration;

/// Real time that no test comes near unless something hangs.
const PATIENCE: Duration = Duration::from_secs(60);
