//! A session against a gateway that does what each test says, over real connections.

#[path = "../support/gateway.rs"]
mod gateway;
mod life;
#[path = "../support/proxy.rs"]
mod proxy;
mod watch;
mod ways;
