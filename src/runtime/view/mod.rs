//! What can be seen of a running system: rows of how it is now, and events of what happens. All of it is plain data.
//!
//! Who gathers the rows is not known here; a console's way to them is the host's business.

pub(crate) mod event;
mod log;
pub(crate) mod rows;
pub(crate) mod stream;
