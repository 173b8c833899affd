//! Runs: one call of one handler, with its ids, its limits and what it has used of them.
//!
//! What a run may do through the host is decided in `door`, not here.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use rhai::Dynamic;

use crate::clock::Timestamp;
use crate::protocol::{Hook, Safety};

use super::Limits;
use super::door::{Kind, ScriptResult};
use super::fiber::{Fiber, Panic, StackBounds, allocated, mark_grown, yield_now};
use super::generation::Generation;
use super::journal::Arrival;
use super::lane::{Guard, Lane};
use super::leaving::Active;
use super::live::Live;
use super::record::Record;
use super::timer::Timer;

/// How many operations a run may do before other fibers of its thread get their turn.
const TURN: u64 = 2_000;

/// How long a run may keep its thread before other fibers get their turn, as far as it comes to an operation by then.
const TURN_TIME: Duration = Duration::from_millis(1);

/// How many operations a run may do before it looks at the time. Some of Rhai's take long: each one that changes a large
/// array counts its elements.
const LOOK: u64 = 64;

/// The memory from which on a run's values may be nested so deeply that dropping them takes a good part of its stack.
const DEEP: isize = 64 * 1024;

thread_local! {
    static CURRENT: RefCell<Option<Rc<Run>>> = const { RefCell::new(None) };
}

/// The run whose code executes on this thread right now.
pub(crate) fn current() -> Option<Rc<Run>> {
    CURRENT.with_borrow(Clone::clone)
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// A new id for an event, a run or a timer, ascending also over restarts where there is a journal.
pub(crate) fn next_id() -> u64 {
    NEXT_ID.fetch_add(1, Ordering::Relaxed)
}

/// The newest of these ids.
pub(crate) fn newest_id() -> u64 {
    NEXT_ID.load(Ordering::Relaxed) - 1
}

/// Has every further id come after this one.
pub fn continue_ids_after(id: u64) {
    NEXT_ID.fetch_max(id.saturating_add(1), Ordering::Relaxed);
}

/// Whether this function is the last that a script does for a session, which comes when everything else was cut off.
pub(crate) fn is_last_word(function: &str) -> bool {
    function == Hook::Stop.name()
}

/// Where a run stands, as those see it who wait for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It runs, or waits for a command or the web: its event waits for it.
    #[default]
    Attached,
    /// It waits in `sleep`: the next script goes on with the event.
    Slept,
    /// It waits in `ask`: it has handled its event.
    Asked,
}

/// One call of one handler.
pub(crate) struct Run {
    /// The run's id.
    pub(crate) id: u64,
    /// The id of the event that it handles.
    pub(crate) event: u64,
    /// The function that it calls.
    pub(crate) function: Arc<str>,
    /// The code that it runs.
    pub(crate) generation: Rc<Generation>,
    /// The session that it acts on; none at a script's top level.
    pub(crate) live: Option<Rc<Live>>,
    /// The lane that it runs in.
    pub(crate) lane: Lane,
    /// Where it stands.
    pub(crate) stage: Cell<Stage>,
    /// Whether it has let go of its event, and goes on by itself.
    pub(crate) has_let_go: Cell<bool>,
    /// Whether it has the answer of somebody whom it asked, and has not slept or asked again since.
    pub(crate) has_answer: Cell<bool>,
    /// The lane's guard, while the run is in its lane.
    pub(crate) guard: RefCell<Option<Guard>>,
    /// That it is in the middle of something, while it is.
    pub(crate) active: RefCell<Option<Active>>,
    /// The events of answers that it got and has not taken down yet.
    pub(crate) answers: RefCell<Vec<Arrival>>,
    /// What it observed.
    pub(crate) record: Record,
    /// When it started.
    pub(crate) started: Timestamp,
    /// Whether it is rebuilt when its process ends before it does.
    pub(crate) rebuild: bool,
    /// The timers that a script's top level declares.
    pub(crate) declared: RefCell<Vec<Timer>>,
    limits: Rc<Limits>,
    bounds: Cell<StackBounds>,
    operations: Cell<u64>,
    calls: Cell<u64>,
    is_rebuilding: Cell<bool>,
    condemned: RefCell<Option<String>>,
    /// Whoever drives it, as of its last wait.
    driver: RefCell<Option<Waker>>,
    used: Cell<Duration>,
    resumed: Cell<Instant>,
    memory: Cell<isize>,
    balance: Cell<isize>,
}

/// What a new run needs to know.
pub(crate) struct Start {
    pub(crate) event: u64,
    pub(crate) function: Arc<str>,
    pub(crate) generation: Rc<Generation>,
    pub(crate) live: Option<Rc<Live>>,
    pub(crate) lane: Lane,
    pub(crate) limits: Rc<Limits>,
    pub(crate) started: Timestamp,
    pub(crate) rebuild: bool,
    /// The id and the record of the run that is rebuilt.
    pub(crate) past: Option<(u64, Record)>,
}

impl Run {
    pub(crate) fn new(start: Start) -> Rc<Self> {
        let Start { event, function, generation, live, lane, limits, started, rebuild, past } = start;
        let (id, record) = past.unwrap_or_else(|| (next_id(), Record::default()));
        let is_rebuilding = record.is_replaying();
        Rc::new(Self {
            id,
            event,
            function,
            generation,
            live,
            lane,
            stage: Cell::default(),
            has_let_go: Cell::default(),
            has_answer: Cell::default(),
            guard: RefCell::default(),
            active: RefCell::default(),
            answers: RefCell::default(),
            record,
            started,
            rebuild,
            declared: RefCell::default(),
            limits,
            bounds: Cell::default(),
            operations: Cell::new(0),
            calls: Cell::new(0),
            is_rebuilding: Cell::new(is_rebuilding),
            condemned: RefCell::default(),
            driver: RefCell::default(),
            used: Cell::new(Duration::ZERO),
            resumed: Cell::new(Instant::now()),
            memory: Cell::new(0),
            balance: Cell::new(0),
        })
    }

    /// Whether this is the dry run of a script's top level, which may cause nothing.
    pub(crate) fn is_top_level(&self) -> bool {
        self.live.is_none()
    }

    /// Whether its calls are recorded.
    pub(crate) fn is_recorded(&self) -> bool {
        self.live.as_ref().is_some_and(|live| live.journal.is_on())
    }

    /// Counts as being in the middle of something.
    pub(crate) fn enter(&self) {
        self.active.replace(self.live.as_ref().map(|live| live.leaving.enter()));
    }

    /// Waits for something that may last, during which the run is not in the middle of anything.
    ///
    /// A run that wakes up while its session is left stays as its record has it: waiting.
    pub(crate) async fn aside<T>(&self, future: impl Future<Output = T>) -> T {
        // Nobody takes up the last words later.
        if is_last_word(&self.function) {
            return future.await;
        }
        self.active.take();
        let woken = future.await;
        if self.live.as_ref().is_some_and(|live| live.leaving.parting().is_some()) {
            std::future::pending::<()>().await;
        }
        self.enter();
        woken
    }

    /// Says that the answers that it got are taken down: they count as handled in the same cut.
    pub(crate) fn settle_answers(&self) {
        for arrival in self.answers.take() {
            arrival.answers(self.id);
        }
    }

    /// Tells the journal that there is something new to record.
    pub(crate) fn note(self: &Rc<Self>) {
        if let Some(live) = &self.live {
            live.journal.note(self);
        }
    }

    /// The time of day.
    pub(crate) fn now(&self) -> Timestamp {
        self.live.as_ref().map_or(self.started, |live| live.clock.now())
    }

    /// Whether a call whose outcome was lost with its process can be made again.
    pub(crate) fn may_send_again(&self, kind: Kind) -> bool {
        !matches!(kind, Kind::Effect(Safety::Effect)) || self.live.as_ref().is_some_and(|live| live.resend_in_doubt)
    }

    /// The record is at its end: from here on the run's time counts.
    pub(crate) fn went_live(&self) {
        if self.is_rebuilding.replace(false) {
            self.used.set(Duration::ZERO);
            self.resumed.set(Instant::now());
        }
    }

    /// The limits that it runs under.
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Ends the run at its next operation, whatever it does.
    ///
    /// Invariant: a condemned run never gets well: a script could catch the first error inside a native callback.
    pub(crate) fn condemn(&self, reason: impl Into<String>) {
        self.condemned.borrow_mut().get_or_insert_with(|| reason.into());
    }

    /// Condemns the run, and ends what it waits for.
    pub(crate) fn interrupt(&self, reason: &str) {
        self.condemn(reason);
        self.rouse();
    }

    /// Has whoever drives the run look at it again.
    pub(crate) fn rouse(&self) {
        if let Some(driver) = self.driver.take() {
            driver.wake();
        }
    }

    /// Whether the run is to end.
    pub(crate) fn is_condemned(&self) -> bool {
        self.condemned.borrow().is_some()
    }

    /// Why the run is to end, if it is.
    pub(crate) fn condemned(&self) -> Option<String> {
        self.condemned.borrow().clone()
    }

    /// Counts a host call against the run's limit.
    pub(crate) fn count_call(&self) {
        let calls = self.calls.get() + 1;
        self.calls.set(calls);
        if calls > self.limits.calls {
            self.condemn(format!("the run made more than {} host calls (limits.calls)", self.limits.calls));
        }
    }

    fn resume(&self) {
        self.resumed.set(Instant::now());
        self.balance.set(allocated());
    }

    fn suspend(&self) {
        self.used.set(self.used.get() + self.resumed.get().elapsed());
        self.memory.set(self.memory.get() + allocated() - self.balance.get());
    }

    fn step(&self) -> Step {
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
        let mut turn_is_over = operations.is_multiple_of(TURN);
        if operations.is_multiple_of(LOOK) {
            let turn = self.resumed.get().elapsed();
            turn_is_over |= turn > TURN_TIME;
            // A run that is rebuilt does again what was paid for the first time.
            if !self.is_rebuilding.get() && self.used.get() + turn > self.limits.cpu {
                self.condemn(format!("the run used more than {:?} of processor time (limits.cpu)", self.limits.cpu));
            }
        }
        match &*self.condemned.borrow() {
            Some(reason) => Step::End(reason.clone()),
            None if turn_is_over => Step::Yield,
            None => Step::Go,
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

enum Step {
    Go,
    Yield,
    End(String),
}

/// What the engine calls for every operation: `Some` ends the script with that as its reason.
pub(crate) fn on_progress() -> Option<Dynamic> {
    let step = CURRENT.with_borrow(|run| run.as_ref().map_or(Step::Go, |run| run.step()));
    match step {
        Step::Go => None,
        Step::Yield => {
            yield_now();
            None
        }
        Step::End(reason) => Some(reason.into()),
    }
}

/// A run on its fiber, as a future.
pub(crate) struct Driven {
    run: Rc<Run>,
    fiber: Fiber<ScriptResult>,
}

impl Driven {
    pub(crate) fn new(run: Rc<Run>, fiber: Fiber<ScriptResult>) -> Self {
        run.bounds.set(fiber.bounds());
        Self { run, fiber }
    }

    /// The run itself.
    pub(crate) fn run(&self) -> &Rc<Run> {
        &self.run
    }

    /// Runs to the end on this thread, for code that has no reason to wait.
    pub(crate) fn finish(mut self) -> Result<ScriptResult, Panic> {
        let mut context = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(result) = Pin::new(&mut self).poll(&mut context) {
                return result;
            }
        }
    }
}

impl Future for Driven {
    type Output = Result<ScriptResult, Panic>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let outer = CURRENT.replace(Some(Rc::clone(&this.run)));
        this.run.resume();
        let polled = Pin::new(&mut this.fiber).poll(context);
        this.run.suspend();
        CURRENT.set(outer);
        let mut driver = this.run.driver.borrow_mut();
        if !driver.as_ref().is_some_and(|driver| driver.will_wake(context.waker())) {
            *driver = Some(context.waker().clone());
        }
        polled
    }
}
