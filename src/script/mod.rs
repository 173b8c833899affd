//! The Rhai host: what runs scripts.
