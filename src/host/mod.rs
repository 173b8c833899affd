//! Configuration and supervision: what wires the lower floors into a running system.
