//! The real binary: what its commands do, and what is left when it ends or is killed.

mod cli;
mod crash;
mod line;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/site.rs"]
mod site;
#[path = "support/system.rs"]
mod system;
#[path = "support/wire.rs"]
mod wire;
