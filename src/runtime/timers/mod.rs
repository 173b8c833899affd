//! Timers: what they call and when, and the time of day as they see it.

pub(crate) mod hours;
pub(crate) mod schedule;
pub(crate) mod timer;
