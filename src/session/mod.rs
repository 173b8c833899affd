//! One live session with a gateway.
