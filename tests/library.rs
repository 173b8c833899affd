//! The library's parts, each in a folder of its own. They are one program, so that the crate is linked once.
//!
//! Not here: the engine, whose tests read the one log of their process.

#[path = "support/certificate.rs"]
mod certificate;
mod check;
#[path = "support/description.rs"]
mod description;
#[path = "support/files.rs"]
mod files;
#[path = "support/gateway.rs"]
mod gateway;
mod network;
#[path = "support/packages.rs"]
mod packages;
mod proxies;
#[path = "support/proxy.rs"]
mod proxy;
mod sandbox;
mod scenario;
mod session;
mod store;
#[path = "support/system.rs"]
mod system;
#[path = "support/watch.rs"]
mod watch;
#[path = "support/wire.rs"]
mod wire;
