//! What survives when the process is killed, or asked to end: the real binary against a sandbox in this process.

mod absence;
mod bot;
mod campaign;
mod disk;
mod full;
mod held;
mod leaving;
mod person;
mod rebuild;
mod record;
#[path = "../support/sandbox.rs"]
mod sandbox;
mod scene;
#[path = "../support/site.rs"]
mod site;
mod web;
#[path = "../support/wire.rs"]
mod wire;

use std::time::Duration;

/// Real time that no test comes near unless something hangs.
const PATIENCE: Duration = Duration::from_secs(60);
