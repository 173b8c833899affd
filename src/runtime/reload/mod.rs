//! The scripts on disk: what became of them, noticing that they may have changed, and when they are looked at again.

pub(crate) mod library;
pub(crate) mod outlook;
mod settle;
pub(crate) mod watch;
