//! A sandbox in memory, each frame of which is checked.

use hotline::sandbox::{Sandbox, SandboxConfig};

use crate::wire;

/// Starts it on a free port. A frame that is not the protocol's ends the test process.
pub(crate) async fn sandbox() -> Sandbox {
    let listen = "127.0.0.1:0".parse().expect("an address");
    let config = SandboxConfig { listen, tap: Some(wire::tap()), ..SandboxConfig::default() };
    Sandbox::start(config).await.expect("a free port")
}
