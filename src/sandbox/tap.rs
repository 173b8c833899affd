//! Who hears every text frame of every connection. What the frames mean is not known here.

use std::sync::Arc;

/// Which way a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From a client to the sandbox.
    In,
    /// From the sandbox to a client.
    Out,
}

/// A text frame as it stands on the wire.
#[derive(Clone, Copy, Debug)]
pub struct Heard<'a> {
    /// The number of the sandbox within this process.
    pub sandbox: u64,
    /// The number of the connection at that sandbox.
    pub connection: u64,
    /// Which way it goes.
    pub way: Way,
    /// The frame.
    pub text: &'a str,
}

/// Hears text frames, but not what faults add. It is called on the connection's own task and must not wait.
#[derive(Clone)]
pub struct Tap(Arc<Hear>);

type Hear = dyn Fn(Heard<'_>) + Send + Sync;

impl Tap {
    /// A tap that calls `hear` for each frame.
    pub fn new(hear: impl Fn(Heard<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hear))
    }

    pub(super) fn hear(&self, heard: Heard<'_>) {
        (self.0)(heard);
    }
}

impl std::fmt::Debug for Tap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tap")
    }
}
