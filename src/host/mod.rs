//! Configuration and supervision: what wires the lower floors into a running system.

pub mod config;
pub mod suggest;
