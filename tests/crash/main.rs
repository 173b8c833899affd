//! What survives when the process is killed: the real binary against a sandbox in this process, ended by SIGKILL.

mod bot;
mod campaign;
mod person;
mod rebuild;
mod record;
#[path = "../support/sandbox.rs"]
mod sandbox;
mod scene;
#[path = "../support/wire.rs"]
mod wire;

use std::time::Duration;

/// Real time that no test comes near unless something hangs.
const PATIENCE: Duration = Duration::from_secs(60);
