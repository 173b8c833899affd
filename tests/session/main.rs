//! A session against a gateway that does what each test says, over real connections.

mod faults;
#[path = "../support/files.rs"]
mod files;
#[path = "../support/gateway.rs"]
mod gateway;
mod life;
#[path = "../support/proxy.rs"]
mod proxy;
mod transfers;
mod watch;
mod ways;
