//! The real binary: what its commands do, and what is left when it ends or is killed.

mod cli;
mod crash;
#[path = "support/description.rs"]
mod description;
mod line;
#[path = "support/packages.rs"]
mod packages;
#[path = "support/port.rs"]
mod port;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/site.rs"]
mod site;
#[path = "support/system.rs"]
mod system;
#[path = "support/wire.rs"]
mod wire;
