//! How much a script may use. What happens to one that goes beyond is not here.

use std::time::Duration;

/// What compiling a script takes of a thread's stack at most, in bytes.
const THREAD_STACK: usize = 64 << 20;

/// The bounds of scripts and their runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The processor time of one run, since the last answer that it was given; waiting does not count.
    pub cpu: Duration,
    /// How long a command waits for its reply.
    pub reply: Duration,
    /// How long an `ask` without a timeout of its own waits.
    pub ask: Duration,
    /// How deep function calls may nest.
    pub call_depth: usize,
    /// The longest string, in bytes.
    pub string: usize,
    /// The most elements of an array, and entries of a map.
    pub array: usize,
    /// The memory of one script, in bytes.
    pub memory: usize,
    /// The host calls of one run, since the last answer that it was given.
    pub calls: u64,
    /// How long runs may take to finish or park when the system stops, or their session is taken away.
    pub grace: Duration,
}

impl Limits {
    /// How much of a stack must be left for work on nested values, in bytes of address space.
    ///
    /// Rhai copies, compares and drops values natively, by recursion, and asks nobody how deep that goes. A value can only be
    /// as deep as its memory allows: the cheapest chain that grows without being copied at every step, closures that
    /// capture each other, takes about 140 bytes a link, and dropping a link about 170 bytes of stack.
    pub(crate) fn nesting_reserve(&self) -> usize {
        self.memory.saturating_mul(2)
    }

    /// The stack of a thread that compiles scripts and drops what their runs leave behind, in bytes of address space.
    pub fn thread_stack(&self) -> usize {
        THREAD_STACK.saturating_add(self.nesting_reserve())
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            cpu: Duration::from_secs(1),
            reply: Duration::from_secs(30),
            ask: Duration::from_secs(10 * 60),
            call_depth: 64,
            string: 1 << 20,
            array: 100_000,
            memory: 64 << 20,
            calls: 10_000,
            grace: Duration::from_secs(5),
        }
    }
}
