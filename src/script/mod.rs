//! The Rhai host: what runs scripts.

pub mod duration;
mod limits;

pub use limits::Limits;
