//! What survives when the process is killed: the real binary against a sandbox in this process, ended by SIGKILL.

mod bot;
mod campaign;
mod person;
mod rebuild;
mod record;
mod scene;

use std::time::Duration;

use hotline::sandbox::{Config, Sandbox};

/// Real time that no test comes near unless something hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A sandbox on a free port.
async fn sandbox() -> Sandbox {
    let listen = "127.0.0.1:0".parse().expect("an address");
    Sandbox::start(Config { listen, ..Config::default() }).await.expect("the sandbox starts")
}
