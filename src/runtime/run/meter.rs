//! What one run has used of its limits, and whether it is to end for that.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::runtime::fiber::{StackBounds, allocated, mark_grown};
use crate::runtime::limits::Limits;

/// How many operations a run may do before other fibers of its thread get their turn.
const SLICE: u64 = 2_000;

/// How long a run may keep its thread before other fibers get their turn, as far as it comes to an operation by then.
const SLICE_TIME: Duration = Duration::from_millis(1);

/// How many operations a run may do while nobody else gets their turn.
const UNDIVIDED: u64 = 1_000_000;

/// How many operations a run may do before it looks at the time. Some of Rhai's take long: each one that changes a large
/// array counts its elements.
const LOOK: u64 = 64;

/// The memory from which on a run's values may be nested so deeply that dropping them takes a good part of its stack.
const DEEP: isize = 64 * 1024;

/// What becomes of a run at an operation.
pub(super) enum Progress {
    /// It goes on.
    GoOn,
    /// It goes on when others have had their turn.
    Yield,
    /// It ends, and this is why.
    End(String),
}

/// The meter of one run.
pub(super) struct Meter {
    limits: Rc<Limits>,
    bounds: Cell<StackBounds>,
    operations: Cell<u64>,
    /// Up to how many operations nobody else gets their turn.
    undivided: Cell<Option<u64>>,
    calls: Cell<u64>,
    condemned: RefCell<Option<String>>,
    /// Whether its time counts: one that is rebuilt does again what was paid for the first time.
    is_charged: Cell<bool>,
    used: Cell<Duration>,
    resumed: Cell<Option<Instant>>,
    memory: Cell<isize>,
    balance: Cell<isize>,
}

impl Meter {
    pub(super) fn new(limits: Rc<Limits>, is_charged: bool) -> Self {
        Self {
            limits,
            bounds: Cell::default(),
            operations: Cell::new(0),
            undivided: Cell::default(),
            calls: Cell::new(0),
            condemned: RefCell::default(),
            is_charged: Cell::new(is_charged),
            used: Cell::new(Duration::ZERO),
            resumed: Cell::default(),
            memory: Cell::new(0),
            balance: Cell::new(0),
        }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// How far its code may reach on its stack.
    pub(super) fn set_bounds(&self, bounds: StackBounds) {
        self.bounds.set(bounds);
    }

    /// From here on its time counts.
    pub(super) fn charge(&self) {
        if !self.is_charged.replace(true) {
            self.used.set(Duration::ZERO);
            self.resumed.set(Some(Instant::now()));
        }
    }

    /// Ends the run at its next operation. The first reason counts.
    pub(super) fn condemn(&self, reason: impl Into<String>) {
        self.condemned.borrow_mut().get_or_insert_with(|| reason.into());
    }

    pub(super) fn is_condemned(&self) -> bool {
        self.condemned.borrow().is_some()
    }

    pub(super) fn condemned(&self) -> Option<String> {
        self.condemned.borrow().clone()
    }

    /// Whether nobody else gets their turn from here on.
    pub(super) fn set_undivided(&self, is_undivided: bool) {
        self.undivided.set(is_undivided.then(|| self.operations.get() + UNDIVIDED));
    }

    /// Counts a host call.
    pub(super) fn count_call(&self) {
        let calls = self.calls.get() + 1;
        self.calls.set(calls);
        if calls > self.limits.calls {
            self.condemn(format!("the run made more than {} host calls (limits.calls)", self.limits.calls));
        }
    }

    /// Its calls and its time count from here on: somebody has answered it, so that it does not go on by itself.
    pub(super) fn begin_anew(&self) {
        self.calls.set(0);
        self.used.set(Duration::ZERO);
    }

    /// How long it has had its thread.
    fn slice(&self) -> Duration {
        self.resumed.get().map(|resumed| resumed.elapsed()).unwrap_or_default()
    }

    /// The run has its thread from here on.
    pub(super) fn resume(&self) {
        self.resumed.set(Some(Instant::now()));
        self.balance.set(allocated());
    }

    /// The run has its thread no more, and goes on later.
    pub(super) fn suspend(&self) {
        self.used.set(self.used.get() + self.slice());
        self.memory.set(self.memory.get() + allocated() - self.balance.get());
    }

    /// Counts what is allocated and freed for the run while it does not have its thread.
    pub(super) fn count_memory<R>(&self, work: impl FnOnce() -> R) -> R {
        let before = allocated();
        let result = work();
        self.memory.set(self.memory.get() + allocated() - before);
        result
    }

    /// So many bytes were freed for it that it had not allocated.
    pub(super) fn add_memory(&self, bytes: usize) {
        self.memory.set(self.memory.get() + bytes.cast_signed());
    }

    /// Counts an operation.
    pub(super) fn step(&self) -> Progress {
        let operations = self.operations.get() + 1;
        self.operations.set(operations);
        if self.bounds.get().exhausted() {
            self.condemn("the run needs more stack than it has: functions or expressions are nested too deeply");
        }
        let memory = self.memory.get() + allocated() - self.balance.get();
        if memory > DEEP {
            mark_grown();
        }
        if memory > self.limits.memory.cast_signed() {
            self.condemn(format!("the run holds more than {} of memory (limits.memory)", Bytes(self.limits.memory)));
        }
        let mut slice_is_over = operations.is_multiple_of(SLICE);
        if operations.is_multiple_of(LOOK) {
            let slice = self.slice();
            slice_is_over |= slice > SLICE_TIME;
            if self.is_charged.get() && self.used.get() + slice > self.limits.cpu {
                self.condemn(format!("the run used more than {:?} of processor time (limits.cpu)", self.limits.cpu));
            }
        }
        if slice_is_over && let Some(last) = self.undivided.get() {
            slice_is_over = false;
            if operations > last {
                self.condemn(format!(
                    "the closure of an update made more than {UNDIVIDED} operations, for which everybody waits"
                ));
            }
        }
        match &*self.condemned.borrow() {
            Some(reason) => Progress::End(reason.clone()),
            None if slice_is_over => Progress::Yield,
            None => Progress::GoOn,
        }
    }
}

/// A size as people write it.
struct Bytes(usize);

impl std::fmt::Display for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            size if size >= 1 << 20 && size.is_multiple_of(1 << 20) => write!(f, "{} MiB", size >> 20),
            size if size >= 1 << 10 && size.is_multiple_of(1 << 10) => write!(f, "{} KiB", size >> 10),
            size => write!(f, "{size} bytes"),
        }
    }
}
