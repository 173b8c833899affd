//! Runs: one call of one function, on a fiber of its own.
//!
//! How it is driven is in `driven`; what a run may do through the host is decided in `host_call`; how it waits, in `wait`,
//! `long_wait` and `web_wait`; what it may use, in `meter`.

pub(crate) mod answer;
pub(crate) mod at_work;
pub(crate) mod call;
pub(crate) mod driven;
pub(crate) mod host_call;
pub(crate) mod loading;
pub(crate) mod long_wait;
mod meter;
pub(crate) mod pending;
pub(crate) mod suspension;
pub(crate) mod tokens;
pub(crate) mod wait;
pub(crate) mod web_wait;

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use rhai::{Dynamic, EvalAltResult, ImmutableString, Position};

use crate::clock::Timestamp;
use crate::language::fault::Fault;
use crate::protocol::{Content, Hook};
use crate::store::{CallRecord, EventId, RunId, RunOutcome, RunRow};

use self::answer::{Answer, came_of};
use self::call::microseconds_since;
use self::meter::{Meter, Progress};
use self::pending::{Awaited, PendingCall, Within};
use self::suspension::Suspension;
use self::tokens::ReplyTokens;
use crate::runtime::context::SessionContext;
use crate::runtime::context::lane::{Guard, Lane};
use crate::runtime::engine::body::failed;
use crate::runtime::engine::stages::Waiter;
use crate::runtime::engine::thrown::{self, ScriptError, ScriptResult};
use crate::runtime::engine::unused::ValueUse;
use crate::runtime::fiber::{Panic, yield_now};
use crate::runtime::generation::{Declared, Generation};
use crate::runtime::ids;
use crate::runtime::journal::Arrival;
use crate::runtime::journal::history::{FORMAT, History, RunEnd};
use crate::runtime::limits::Limits;
use crate::runtime::view::event::{Happening, RunName};
use crate::runtime::view::rows::WaitView;
use crate::session::CallError;

/// From so many recorded calls on, and again after as many more, a run is told of that has asked and got an answer.
const LONG_RECORD: u32 = 10_000;

thread_local! {
    static CURRENT: RefCell<Option<Rc<Run>>> = const { RefCell::new(None) };

    /// What the run is known by that was looked at last, where it waits for a result.
    static AWAITED: Cell<Option<u64>> = const { Cell::new(None) };

    /// Whether a run has used up a slice since this was asked last.
    static YIELDED: Cell<bool> = const { Cell::new(false) };
}

/// Takes what the run is known by that was looked at last on this thread, where it waits for a result that its session gives to it.
pub(crate) fn forget_awaited() -> Option<u64> {
    AWAITED.take()
}

/// Forgets what was noted of the runs that were looked at before on this thread.
pub(crate) fn forget_steps() {
    AWAITED.take();
    YIELDED.take();
}

/// Whether a run of this thread has used up its slice since this was asked last.
pub(crate) fn has_yielded() -> bool {
    YIELDED.take()
}

/// The run whose code executes on this thread right now.
pub(crate) fn current() -> Option<Rc<Run>> {
    CURRENT.with_borrow(Clone::clone)
}

/// Whether this function is the last that a script does for a session, which comes when everything else was cut off.
pub(crate) fn is_last_word(function: &str) -> bool {
    function == Hook::Stop.name()
}

/// What a run's calls do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// It is the dry run of a script's top level, which may cause nothing.
    TopLevel,
    /// It does again what its record says, without causing anything.
    Replay,
    /// It acts.
    Live,
}

/// One call of one function.
pub(crate) struct Run {
    /// The function that it calls.
    pub(crate) function: Arc<str>,
    /// The code that it runs.
    pub(crate) generation: Rc<Generation>,
    /// The session that it acts on; none at a script's top level.
    pub(crate) session: Option<Rc<SessionContext>>,
    /// The lane that it runs in: its event's, or from an answer on that of the answer's chat.
    lane: RefCell<Lane>,
    /// How it stands to its event and its lane.
    pub(crate) suspension: Suspension,
    /// What it observed.
    pub(crate) history: Rc<History>,
    /// How many calls were recorded when it got its last answer.
    recorded: Cell<u32>,
    /// Whether it is rebuilt when its process ends before it does.
    pub(crate) rebuild: bool,
    /// What it answers with, where that is free for a while.
    pub(crate) tokens: ReplyTokens,
    /// What a script's top level declares.
    pub(crate) declared: RefCell<Declared>,
    /// The events of answers that it got and has not taken down yet.
    answers: RefCell<Vec<Arrival>>,
    /// The call whose answer is waited for before the next one, or at the end.
    pending: RefCell<Option<PendingCall>>,
    /// What came of such a call, as far as it changes how the run ends.
    came_late: RefCell<Option<ScriptResult>>,
    /// Where the call stands that it need not wait for on its stack, while that is evaluated.
    expected: Cell<Option<Position>>,
    /// What came of such a call.
    kept: RefCell<Option<ScriptResult>>,
    /// Why it was condemned, where that lies at one place of its code.
    sentence: RefCell<Option<Box<Fault>>>,
    /// The functions that its function has called, each by the one before, as far as they need no stack to wait.
    within: RefCell<Vec<Within>>,
    mode: Cell<Mode>,
    /// Whether code of it runs that may make no host call.
    is_undivided: Cell<bool>,
    meter: Meter,
    /// What came of the call that it has posted and waits for.
    result: RefCell<PostedResult>,
    /// Whoever drives it, as of its last wait.
    driver: RefCell<Option<Waker>>,
    /// How its worker finds it while it is not parked: what its posted calls are known by.
    pub(crate) listing: Cell<Option<u64>>,
}

/// What came of a call that a run has posted and waits for on its fiber.
#[derive(Default)]
enum PostedResult {
    /// There is no such call.
    #[default]
    Nothing,
    Awaited,
    Came(Result<Content, CallError>),
}

impl PostedResult {
    fn take(&mut self) -> Poll<Result<Content, CallError>> {
        match std::mem::take(self) {
            Self::Came(result) => Poll::Ready(result),
            other => {
                *self = other;
                Poll::Pending
            }
        }
    }
}

/// What a new run needs to know.
pub(crate) struct Start {
    pub(crate) event: EventId,
    pub(crate) function: Arc<str>,
    pub(crate) generation: Rc<Generation>,
    pub(crate) lane: Lane,
    pub(crate) limits: Rc<Limits>,
    pub(crate) rebuild: bool,
}

impl Run {
    /// A run of a session that begins now.
    pub(crate) fn new(session: &Rc<SessionContext>, start: Start) -> Rc<Self> {
        let Start { event, function, generation, rebuild, .. } = &start;
        let id = ids::next_id();
        let begun = session.journal.is_on().then(|| RunRow {
            id,
            event: *event,
            session: Arc::clone(&session.name),
            script: Arc::clone(&generation.bundle.name),
            function: Arc::clone(function),
            generation: generation.number,
            bundle: generation.pin(),
            started: session.clock.now(),
            rebuild: *rebuild,
            format: FORMAT,
        });
        let history = History::new(id, *event, begun);
        Self::build(start, Some(Rc::clone(session)), history, Mode::Live)
    }

    /// A run of a session that an earlier process began: it goes on where its record ends.
    pub(crate) fn again(session: &Rc<SessionContext>, start: Start, history: History) -> Rc<Self> {
        let mode = if history.is_replaying() { Mode::Replay } else { Mode::Live };
        // It may have told its id.
        session.followed.follow(history.id());
        Self::build(start, Some(Rc::clone(session)), history, mode)
    }

    /// The run of a script's top level, which observes again what an earlier one observed.
    pub(crate) fn of_top_level(
        generation: &Rc<Generation>,
        limits: &Rc<Limits>,
        observed: Vec<CallRecord>,
    ) -> Rc<Self> {
        let (id, event) = (ids::next_id(), ids::next_id());
        let start = Start {
            event,
            function: "the top level".into(),
            generation: Rc::clone(generation),
            lane: Lane::default(),
            limits: Rc::clone(limits),
            rebuild: false,
        };
        Self::build(start, None, History::replaying(id, event, observed, None), Mode::TopLevel)
    }

    fn build(start: Start, session: Option<Rc<SessionContext>>, history: History, mode: Mode) -> Rc<Self> {
        let Start { function, generation, lane, limits, rebuild, .. } = start;
        let meter = Meter::new(limits, !history.is_replaying());
        let run = Rc::new(Self {
            function,
            generation,
            session,
            lane: RefCell::new(lane),
            suspension: Suspension::default(),
            history: Rc::new(history),
            recorded: Cell::default(),
            rebuild,
            tokens: ReplyTokens::default(),
            declared: RefCell::default(),
            answers: RefCell::default(),
            pending: RefCell::default(),
            came_late: RefCell::default(),
            expected: Cell::default(),
            kept: RefCell::default(),
            sentence: RefCell::default(),
            within: RefCell::default(),
            mode: Cell::new(mode),
            is_undivided: Cell::default(),
            meter,
            result: RefCell::default(),
            driver: RefCell::default(),
            listing: Cell::default(),
        });
        run.tell(|run| Happening::RunBegan { run });
        run
    }

    /// The run's id.
    pub(crate) fn id(&self) -> RunId {
        self.history.id()
    }

    /// The id of the event that it handles.
    pub(crate) fn event(&self) -> EventId {
        self.history.event()
    }

    /// Whether this is the dry run of a script's top level, which may cause nothing.
    pub(crate) fn is_top_level(&self) -> bool {
        self.mode.get() == Mode::TopLevel
    }

    /// Whether its calls are recorded.
    pub(crate) fn is_recorded(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.journal.is_on())
    }

    /// The lane that it runs in.
    pub(crate) fn lane(&self) -> Lane {
        self.lane.borrow().clone()
    }

    /// It has its lane again, or goes on in another one.
    pub(crate) fn come_back(&self, guard: Guard) {
        let before = self.lane.replace(guard.lane().clone());
        if before.is_kept() && !before.is(guard.lane()) {
            self.suspension.keep_lane();
        }
        self.suspension.come_back(guard);
    }

    /// Counts as being in the middle of something.
    pub(crate) fn enter(&self) {
        self.suspension.set_active(self.session.as_ref().map(|session| session.drain.enter()));
    }

    /// Waits for something that may last, during which the run is not in the middle of anything.
    ///
    /// A run that wakes up while its session is left stays as its record has it: waiting.
    pub(crate) async fn aside<T>(&self, future: impl Future<Output = T>) -> T {
        // Nobody takes up the last words later.
        if is_last_word(&self.function) {
            return future.await;
        }
        self.suspension.set_active(None);
        let woken = future.await;
        if self.session.as_ref().is_some_and(|session| session.drain.mode().is_some()) {
            std::future::pending::<()>().await;
        }
        self.enter();
        woken
    }

    /// Takes an answer, whose event counts as handled in the batch in which it is taken down.
    pub(crate) fn take_answer(&self, arrival: Arrival) {
        self.answers.borrow_mut().push(arrival);
    }

    /// Says that the answers that it got are taken down: they count as handled in the same batch.
    pub(crate) fn settle_answers(&self) {
        for arrival in self.answers.take() {
            arrival.answers(self.id());
        }
    }

    /// Goes on without the answer of a call.
    pub(super) fn set_pending(&self, call: PendingCall) {
        if call.value != ValueUse::Kept {
            let line = call.place.line().unwrap_or_default();
            tracing::trace!(run = %self.id(), call = &*call.name, "goes on at {}", self.generation.place(None, line));
        }
        self.pending.replace(Some(call));
        self.tell_wait();
    }

    /// The name of the call whose answer it has gone on without.
    pub(crate) fn pending(&self) -> Option<Cow<'static, str>> {
        self.pending.borrow().as_ref().map(|call| call.name.clone())
    }

    /// Waits for the answer that it has gone on without, if there is one, and takes it down. A refusal ends the run, as if it had been
    /// thrown where the call stands: nothing between there and here could have caught it.
    pub(crate) fn poll_pending(&self, context: &mut Context<'_>) -> Poll<()> {
        self.set_driver(context.waker());
        let mut pending = self.pending.borrow_mut();
        let outcome = match &mut *pending {
            None => return Poll::Ready(()),
            Some(PendingCall { answer: Awaited::Posted(_), .. }) => return Poll::Pending,
            Some(PendingCall { answer: Awaited::Future(answer), .. }) => ready!(answer.as_mut().poll(context)),
        };
        let call = pending.take();
        drop(pending);
        if let Some(call) = call {
            self.came(call, outcome);
        }
        Poll::Ready(())
    }

    /// Whether it has gone on without the result of a call that it has posted, and which has not come yet.
    pub(crate) fn waits_for_result(&self) -> bool {
        matches!(&*self.pending.borrow(), Some(PendingCall { answer: Awaited::Posted(_), .. }))
    }

    /// From here on it waits on its fiber for what comes of a call that it has posted.
    pub(super) fn expect_result(&self) {
        self.result.replace(PostedResult::Awaited);
    }

    /// What has come of that call.
    pub(super) fn poll_result(&self) -> Poll<Result<Content, CallError>> {
        self.result.borrow_mut().take()
    }

    /// It waits for it no more.
    pub(super) fn forget_result(&self) {
        self.result.replace(PostedResult::Nothing);
    }

    /// Takes what came of a call that it has posted.
    pub(crate) fn take_result(&self, result: Result<Content, CallError>) {
        // What it was read from goes, and was not the run's.
        let read = result.as_ref().map_or(0, |content| content.as_str().len());
        self.meter.count_memory(|| self.take_result_now(result));
        self.meter.add_memory(read);
    }

    fn take_result_now(&self, result: Result<Content, CallError>) {
        let Some(session) = &self.session else { return };
        if matches!(&*self.result.borrow(), PostedResult::Awaited) {
            self.result.replace(PostedResult::Came(result));
            return;
        }
        let posted = self.pending.borrow_mut().take_if(|call| matches!(call.answer, Awaited::Posted(_)));
        if let Some(call) = posted
            && let Awaited::Posted(read) = call.answer
        {
            let outcome = read(session, &call.name, result);
            self.came(call, outcome);
        }
    }

    /// Takes down what came of a call that it went on without.
    fn came(&self, call: PendingCall, outcome: Result<Answer, ScriptError>) {
        if let Some((rest, started)) = call.record {
            rest.close(&self.history, came_of(&outcome), microseconds_since(started));
            self.has_taken_down();
        }
        let came = match outcome {
            Ok(_) if call.value == ValueUse::Dropped => return,
            Ok(answer) => Ok(answer.into_value()),
            Err(error) => Err(self.failed_at(call.place, &call.within, error)),
        };
        let place = if call.value == ValueUse::Kept { &self.kept } else { &self.came_late };
        place.replace(Some(came));
    }

    /// An error that is thrown at a place of the last of the functions that are under way, as Rhai gives it.
    fn failed_at(&self, place: Position, within: &[Within], mut error: ScriptError) -> ScriptError {
        let file = &self.generation.bundle.script.file;
        if error.position().is_none() {
            error.set_position(place);
        }
        for Within { function, place, .. } in within.iter().rev() {
            if !error.is_system_exception() {
                error = failed(function, file, error);
            }
            error.set_position(*place);
        }
        failed(&self.function, file, error)
    }

    /// The functions of the script that are under way, but for its own.
    pub(super) fn within(&self) -> Vec<Within> {
        self.within.borrow().clone()
    }

    /// How many these are.
    pub(super) fn depth(&self) -> usize {
        self.within.borrow().len()
    }

    /// What becomes in the end of a value of which this becomes in the function that is under way.
    pub(super) fn value_outside(&self, value: ValueUse) -> Option<ValueUse> {
        let mut value = value;
        for within in self.within.borrow().iter().rev() {
            match within.value {
                ValueUse::Kept => return None,
                ValueUse::Dropped => value = ValueUse::Dropped,
                ValueUse::Given => {}
            }
        }
        Some(value)
    }

    /// Whether the call at this place need not be waited for on the stack.
    pub(super) fn expects(&self, place: Position) -> bool {
        self.expected.get() == Some(place)
    }

    /// Waits without a stack for what its function goes on with.
    fn poll_kept(&self, context: &mut Context<'_>) -> Poll<ScriptResult> {
        if self.is_condemned() {
            let pending = self.pending.take();
            let (place, within) = pending.map_or((Position::NONE, Vec::new()), |call| (call.place, call.within));
            let ended = EvalAltResult::ErrorTerminated(self.condemned().unwrap_or_default().into(), place);
            return Poll::Ready(Err(self.failed_at(place, &within, ended.into())));
        }
        ready!(self.poll_pending(context));
        // What it had gone on without ends it, whatever is given here.
        if self.is_refused() {
            return Poll::Ready(Err(thrown::error("an answer that came late is a refusal")));
        }
        Poll::Ready(self.kept.take().unwrap_or(Ok(Dynamic::UNIT)))
    }

    /// Whether an answer that it had gone on without is a refusal, which ends it.
    pub(crate) fn is_refused(&self) -> bool {
        matches!(&*self.came_late.borrow(), Some(Err(_)))
    }

    /// What came of its function, after the answer that it had gone on without has come.
    pub(crate) fn came_of(&self, result: Result<ScriptResult, Panic>) -> Result<ScriptResult, Panic> {
        match (result, self.came_late.take()) {
            (Ok(_), Some(Err(refusal))) => Ok(Err(refusal)),
            (Ok(Ok(_)), Some(Ok(value))) => Ok(Ok(value)),
            (result, _) => result,
        }
    }

    /// What came of a call is in its record.
    pub(super) fn has_taken_down(&self) {
        self.settle_answers();
        self.note();
    }

    /// Tells the journal that there is something new to record.
    pub(crate) fn note(&self) {
        if let Some(session) = &self.session {
            session.journal.note(&self.history);
        }
    }

    /// Has the journal take down at once what is new, since nothing more is to come for a while.
    pub(super) fn take_down(&self) {
        if let Some(session) = &self.session {
            session.journal.take_down(&self.history);
        }
    }

    /// Takes down how it ended.
    pub(crate) fn end(&self, outcome: RunOutcome, fault: Option<String>) {
        if !self.history.has_ended() {
            self.tell(|run| Happening::RunEnded { run, outcome: outcome.clone() });
        }
        let at = if self.is_recorded() { self.now() } else { 0 };
        self.history.set_end(RunEnd { at, outcome, fault });
        if let Some(session) = &self.session {
            session.followed.end(self.id());
        }
        self.settle_answers();
        self.take_down();
    }

    /// What it waits for, and whom it asks.
    pub(crate) fn waits(&self) -> Option<WaitView> {
        let asked = self.session.as_ref().and_then(|session| session.asks.asked_by(self.id()));
        self.history.waiting().map(|waiting| WaitView::new(waiting, asked))
    }

    /// Tells whoever watches that it waits.
    pub(crate) fn tell_wait(&self) {
        if self.session.as_ref().is_some_and(|session| session.events.is_read())
            && let Some(waits) = self.waits()
        {
            self.tell(|run| Happening::RunWaits { run, waits });
        }
    }

    /// Tells whoever watches what becomes of it. What happens at a script's top level is nobody's business.
    fn tell(&self, happening: impl FnOnce(RunName) -> Happening) {
        let Some(session) = &self.session else { return };
        session.events.tell_readers(|| {
            happening(RunName {
                run: self.id(),
                event: self.event(),
                session: session.name.to_string(),
                script: self.generation.name().to_owned(),
                function: self.function.to_string(),
            })
        });
    }

    /// The time of day; at a script's top level the beginning of time.
    pub(crate) fn now(&self) -> Timestamp {
        self.session.as_ref().map_or(0, |session| session.clock.now())
    }

    /// The record is at its end: from here on the run acts, and its time counts.
    pub(crate) fn went_live(&self) {
        if self.mode.get() == Mode::Replay {
            self.mode.set(Mode::Live);
            self.meter.charge();
        }
    }

    /// The limits that it runs under.
    pub(crate) fn limits(&self) -> &Limits {
        self.meter.limits()
    }

    /// Ends the run at its next operation, whatever it does.
    ///
    /// Invariant: a condemned run never gets well: a script could catch the first error inside a native callback.
    pub(crate) fn condemn(&self, reason: impl Into<String>) {
        self.meter.condemn(reason);
    }

    /// As [`condemn`](Self::condemn), for what stands at a place of its code; a file without a name is its script's.
    pub(crate) fn condemn_at(&self, file: Option<&str>, place: Position, reason: String) {
        if self.is_condemned() {
            return;
        }
        let file = file.filter(|file| !file.is_empty()).unwrap_or(&self.generation.bundle.script.file);
        self.sentence.replace(Some(Box::new(Fault::at(file, place, &reason))));
        self.condemn(reason);
    }

    /// Why it was condemned, where that lies at one place of its code: the run may have come further.
    pub(crate) fn take_sentence(&self) -> Option<Fault> {
        self.sentence.take().map(|fault| *fault)
    }

    /// Whether it waits on its fiber for a result that has not come, and nothing else ends that.
    fn waits_in_vain(&self) -> bool {
        matches!(&*self.result.borrow(), PostedResult::Awaited) && !self.is_condemned()
    }

    fn set_driver(&self, waker: &Waker) {
        let mut driver = self.driver.borrow_mut();
        if !driver.as_ref().is_some_and(|driver| driver.will_wake(waker)) {
            *driver = Some(waker.clone());
        }
    }

    /// Has whoever drives the run look at it again.
    pub(crate) fn rouse(&self) {
        if let Some(driver) = self.driver.take() {
            driver.wake();
        }
    }

    /// Whether the run is to end.
    pub(crate) fn is_condemned(&self) -> bool {
        self.meter.is_condemned()
    }

    /// Why the run is to end, if it is.
    pub(crate) fn condemned(&self) -> Option<String> {
        self.meter.condemned()
    }

    /// Runs code in one go: it may make no host call, and no other run of this thread gets its turn meanwhile.
    pub(crate) fn undivided<R>(&self, code: impl FnOnce() -> R) -> R {
        self.set_undivided(true);
        let result = code();
        self.set_undivided(false);
        result
    }

    fn set_undivided(&self, is_undivided: bool) {
        self.is_undivided.set(is_undivided);
        self.meter.set_undivided(is_undivided);
    }

    /// Whether such code runs.
    pub(super) fn is_undivided(&self) -> bool {
        self.is_undivided.get()
    }

    /// It has the answer of whom it asked.
    pub(crate) fn set_answered(&self) {
        self.suspension.set_answered();
        self.meter.begin_anew();
        let recorded = self.history.length();
        let before = self.recorded.replace(recorded);
        if before / LONG_RECORD != recorded / LONG_RECORD && !self.history.is_replaying() {
            tracing::warn!(
                target: "hotline::script",
                run = self.id().number(),
                "a run of {} in {} has recorded {recorded} calls, all of which it makes again when it goes on after a restart: have it end \
                 now and then, and keep where a conversation stands in `msg.sender.state`",
                self.function,
                self.generation.bundle.script.file
            );
        }
    }

    /// Counts a host call against the run's limit.
    pub(crate) fn count_call(&self) {
        self.meter.count_call();
    }
}

impl Waiter for Run {
    fn expect(&self, place: Option<Position>) {
        self.expected.set(place);
    }

    fn is_waiting(&self) -> bool {
        self.pending.borrow().as_ref().is_some_and(|call| call.value == ValueUse::Kept)
    }

    fn is_ahead(&self) -> bool {
        self.pending.borrow().is_some()
    }

    fn enter(&self, function: ImmutableString, place: Position, value: ValueUse) {
        self.within.borrow_mut().push(Within { function, place, value });
    }

    fn leave(&self) {
        self.within.borrow_mut().pop();
    }

    fn failed(&self, error: ScriptError) -> ScriptError {
        self.failed_at(Position::NONE, &self.within.take(), error)
    }
}

/// What the engine calls for every operation: `Some` ends the script with that as its reason.
pub(crate) fn on_progress() -> Option<Dynamic> {
    let progress = CURRENT.with_borrow(|run| run.as_ref().map_or(Progress::GoOn, |run| run.meter.step()));
    match progress {
        Progress::GoOn => None,
        Progress::Yield => {
            YIELDED.set(true);
            yield_now();
            None
        }
        Progress::End(reason) => Some(reason.into()),
    }
}
