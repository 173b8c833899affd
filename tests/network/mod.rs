//! Networks, as others describe them.

mod description;
