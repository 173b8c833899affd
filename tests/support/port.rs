//! Ports of this machine for programs that are started again and again under the same one.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the ports that the system gives to those who ask for any: while a program is down, nobody else gets its port.
const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;

/// How many were given.
static GIVEN: AtomicU16 = AtomicU16::new(0);

/// A port that is free, and that this process gives nobody else.
pub(crate) fn port() -> u16 {
    // Test programs that run at the same time begin elsewhere.
    let begin = u16::try_from(std::process::id().wrapping_mul(97) % u32::from(COUNT)).expect("it is below 10,000");
    loop {
        let given = GIVEN.fetch_add(1, Ordering::Relaxed);
        assert!(given < COUNT, "no port is free");
        let port = FIRST + (begin + given) % COUNT;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
