//! A session against a gateway that does what each test says, over real connections.

#[path = "../support/certificate.rs"]
mod certificate;
mod faults;
#[path = "../support/files.rs"]
mod files;
#[path = "../support/gateway.rs"]
mod gateway;
mod life;
mod pace;
#[path = "../support/proxy.rs"]
mod proxy;
mod transfers;
#[path = "../support/watch.rs"]
mod watch;
mod ways;
#[path = "../support/wire.rs"]
mod wire;
