//! Host calls: the one path from scripts to the world. Everything that a script can observe or cause passes through here.
//!
//! Limits, the ban on acting at a script's top level, the trace, the record and its replay stand at this place only. What
//! a call *does* is the business of whoever makes it.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use rhai::{Dynamic, EvalAltResult, Position};

use super::answer::{Answer, came_of, thrown_outcome};
use super::call::{Begun, CallTicket, HostCall, Impact, begin, microseconds_since};
use super::long_wait::{detach, pause};
use super::pending::{AnswerFuture, Awaited, PendingCall, ReadResult};
use super::wait::{CallSite, check, wait, wait_for_result};
use crate::protocol::{Content, Damages, Hook};
use crate::runtime::context::lane::LaneKey;
use crate::runtime::engine::objects::ScriptMessage;
use crate::runtime::engine::thrown::{self, ScriptError, ScriptResult};
use crate::runtime::engine::unused::ValueUse;
use crate::runtime::engine::values;
use crate::runtime::journal::history::Recorded;
use crate::runtime::run::{self, Run};
use crate::store::{CallKind, CallOutcome};

/// Why a run waits that would do something which cannot be recorded.
const NO_DISK: &str = "the record cannot be written";

/// What a host call does, once the run may make it.
trait Act {
    /// Prepares it, which may take long. What it is given tells people that the run waits, and why.
    fn prepare(&mut self, run: &Rc<Run>, waits: &dyn Fn(Option<&str>)) -> Result<(), ScriptError>;

    /// Does it. Where nobody waits for the answer here, it may come later.
    fn act(&mut self, run: &Rc<Run>, is_awaited: bool) -> Result<Acted, ScriptError>;
}

/// What comes of a call.
enum Acted {
    /// Its answer.
    Done(Answer),
    /// It has been made, and its answer is still to come.
    Later(Awaited),
}

/// A call that does what it does in two steps, or in one.
struct Steps<T, Prepare, Do> {
    prepare: Option<Prepare>,
    prepared: Option<T>,
    act: Option<Do>,
}

impl<T, Prepare, Do> Act for Steps<T, Prepare, Do>
where
    Prepare: FnOnce(&Rc<Run>, &dyn Fn(Option<&str>)) -> Result<T, ScriptError>,
    Do: FnOnce(&Rc<Run>, T, bool) -> Result<Acted, ScriptError>,
{
    fn prepare(&mut self, run: &Rc<Run>, waits: &dyn Fn(Option<&str>)) -> Result<(), ScriptError> {
        let prepare = self.prepare.take().expect("a call is prepared once");
        self.prepared = Some(prepare(run, waits)?);
        Ok(())
    }

    fn act(&mut self, run: &Rc<Run>, is_awaited: bool) -> Result<Acted, ScriptError> {
        let prepared = self.prepared.take().expect("a call acts when it is prepared");
        self.act.take().expect("a call acts once")(run, prepared, is_awaited)
    }
}

/// Makes a host call of the current run.
///
/// # Errors
/// When the run may not make it, and whatever `act` answers with.
pub(crate) fn pass(
    call: HostCall<'_>,
    place: CallSite<'_>,
    act: impl FnOnce(&Rc<Run>) -> Result<Answer, ScriptError>,
) -> ScriptResult {
    pass_prepared(call, place, |_, _| Ok(()), |run, ()| act(run))
}

/// Makes a host call that has to `prepare`, and may wait for it, before it acts.
///
/// An effect is recorded as begun between the two: what is only prepared has not happened, and a run that is rebuilt makes
/// the call anew. What `prepare` is given tells people that the run waits, and why.
///
/// # Errors
/// When the run may not make it, and whatever `prepare` and `act` answer with.
pub(crate) fn pass_prepared<T>(
    call: HostCall<'_>,
    place: CallSite<'_>,
    prepare: impl FnOnce(&Rc<Run>, &dyn Fn(Option<&str>)) -> Result<T, ScriptError>,
    act: impl FnOnce(&Rc<Run>, T) -> Result<Answer, ScriptError>,
) -> ScriptResult {
    let act = |run: &Rc<Run>, prepared, _| act(run, prepared).map(Acted::Done);
    make(&call, place, &mut Steps { prepare: Some(prepare), prepared: None, act: Some(act) })
}

/// Something that is ready to be sent.
pub(crate) trait Sending: Sized {
    /// Sends it to the run's own session, which gives the answer to the run; gives it back where that cannot be.
    fn post(self, run: &Run) -> Result<ReadResult, Self>;

    /// Hears that it may have been sent before: nothing is known of what came of that.
    fn may_have_been_sent(&mut self);

    /// Sends it, and waits for its answer.
    fn send(self, run: &Run) -> impl Future<Output = Result<Answer, ScriptError>> + 'static;
}

/// Makes a host call that sends what was prepared, and whose answer its script may not wait for where it stands.
///
/// # Errors
/// When the run may not make it, and whatever `prepare` and the answer come to.
pub(crate) fn pass_sending<T: Sending>(
    call: HostCall<'_>,
    place: CallSite<'_>,
    prepare: impl FnOnce(&Rc<Run>, &dyn Fn(Option<&str>)) -> Result<T, ScriptError>,
) -> ScriptResult {
    let act = |run: &Rc<Run>, mut prepared: T, is_awaited| {
        if call.was_begun_before() {
            prepared.may_have_been_sent();
        }
        match prepared.post(run) {
            Ok(read) if is_awaited => wait_for_result(run, call.name(), read).map(Acted::Done),
            Ok(read) => Ok(Acted::Later(Awaited::Posted(read))),
            Err(prepared) => send_by_itself(run, call.name(), prepared, is_awaited),
        }
    };
    make(&call, place, &mut Steps { prepare: Some(prepare), prepared: None, act: Some(act) })
}

/// Makes a host call that waits for something long, which `begin` begins.
///
/// # Errors
/// When the run may not make it, and whatever `begin` and the answer come to.
pub(crate) fn pass_waiting<F>(
    call: HostCall<'_>,
    place: CallSite<'_>,
    begin: impl FnOnce(&Rc<Run>) -> Result<F, ScriptError>,
) -> ScriptResult
where
    F: Future<Output = Result<Answer, ScriptError>> + 'static,
{
    let act = |run: &Rc<Run>, (), is_awaited| come(call.name(), Box::pin(begin(run)?), is_awaited);
    make(
        &call,
        place,
        &mut Steps { prepare: Some(|_: &Rc<Run>, _: &dyn Fn(Option<&str>)| Ok(())), prepared: None, act: Some(act) },
    )
}

/// Sends something by a future of its own.
// Out of line, since its frame would lie on the stack of every run that waits for a result.
#[inline(never)]
fn send_by_itself(run: &Run, name: &str, prepared: impl Sending, is_awaited: bool) -> Result<Acted, ScriptError> {
    come(name, Box::pin(prepared.send(run)), is_awaited)
}

/// Waits for an answer, or has what gives it begin.
fn come(name: &str, mut answer: AnswerFuture, is_awaited: bool) -> Result<Acted, ScriptError> {
    if is_awaited {
        return wait(name, answer)?.map(Acted::Done);
    }
    match answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer.map(Acted::Done),
        Poll::Pending => Ok(Acted::Later(Awaited::Future(answer))),
    }
}

/// Waits for the answer that a run has gone on without, if there is one.
///
/// # Errors
/// When that is a refusal, which ends the run, or the run is to end.
pub(crate) fn settle(run: &Rc<Run>) -> Result<(), ScriptError> {
    match run.pending() {
        Some(name) => settle_now(run, &name),
        None => Ok(()),
    }
}

// Out of line, since its frame would lie on the stack of every parked run.
#[inline(never)]
fn settle_now(run: &Rc<Run>, name: &str) -> Result<(), ScriptError> {
    wait(name, poll_fn(|context| run.poll_pending(context)))?;
    if run.is_refused() {
        run.condemn(format!("{name} was refused"));
    }
    check(run)
}

fn make(call: &HostCall<'_>, place: CallSite<'_>, steps: &mut dyn Act) -> ScriptResult {
    let name = call.name();
    let run = run::current().ok_or_else(|| thrown::misplaced(format!("{name} only works inside a running script")))?;
    if run.is_top_level() && !call.impact.is_for_top_level() {
        return Err(thrown::misplaced(format!(
            "{name} cannot be used at a script's top level: it runs once when the script is loaded; call it in a hook such as on_start()"
        )));
    }
    if run.is_undivided() {
        return Err(thrown::misplaced(format!(
            "{name} cannot be used in the closure of an update, for which everybody waits: call it before, and use what it gave"
        )));
    }
    settle(&run)?;
    run.count_call();
    check(&run)?;
    if run.is_top_level() && call.impact == Impact::Pure {
        return at_top_level(&run, call, place, steps);
    }
    pause(&run)?;
    let outcome =
        if run.is_recorded() { recorded(&run, call, place, steps) } else { unrecorded(&run, call, place, steps) };
    pause(&run)?;
    outcome
}

/// Looks at something for a script's top level. Its constants are the same for a run that goes on in another process, so what
/// they came from belongs to the generation.
fn at_top_level(run: &Rc<Run>, call: &HostCall<'_>, place: CallSite<'_>, steps: &mut dyn Act) -> ScriptResult {
    if let Recorded::Done(entry) =
        run.history.look_up(CallKind::Pure, call.name(), call.detail.as_str(), None).map_err(thrown::error)?
    {
        if entry.outcome != CallOutcome::Withheld {
            return replay(run, call, entry.outcome);
        }
        return steps.prepare(run, &|_| {}).and_then(|()| now(run, steps)).map(Answer::into_value);
    }
    let outcome = steps.prepare(run, &|_| {}).and_then(|()| now(run, steps));
    run.history.add(call.entry(place.describe(run), came_of(&outcome)), None);
    outcome.map(Answer::into_value)
}

fn unrecorded(run: &Rc<Run>, call: &HostCall<'_>, place: CallSite<'_>, steps: &mut dyn Act) -> ScriptResult {
    // What is kept without a journal needs the disk as well.
    if call.impact == Impact::Keep && run.session.as_ref().is_some_and(|session| session.journal.is_stuck()) {
        released(run)?;
    }
    let later = place.value_later(run, call.impact);
    let prepared = steps.prepare(run, &|_| {}).and_then(|()| check(run));
    let outcome = prepared.and_then(|()| steps.act(run, later.is_none()));
    tracing::trace!(
        run = run.id().number(),
        event = run.event().number(),
        kind = ?call.impact,
        name = call.name(),
        ok = outcome.is_ok(),
        "host call"
    );
    check(run)?;
    match (outcome?, later) {
        (Acted::Later(answer), Some((place, value))) => {
            run.set_pending(PendingCall {
                name: call.name.clone(),
                answer,
                record: None,
                place,
                within: run.within(),
                value,
            });
            Ok(Dynamic::UNIT)
        }
        (acted, _) => in_time(acted).map(Answer::into_value),
    }
}

/// Does what a call does, and waits for its answer.
fn now(run: &Rc<Run>, steps: &mut dyn Act) -> Result<Answer, ScriptError> {
    steps.act(run, true).and_then(in_time)
}

/// The answer of a call that was waited for.
fn in_time(acted: Acted) -> Result<Answer, ScriptError> {
    match acted {
        Acted::Done(answer) => Ok(answer),
        Acted::Later(_) => unreachable!("only what nobody waits for comes later"),
    }
}

/// Makes a call that the record already has, or that it is to have.
///
/// Out of line, since its frame would lie on the stack of every parked run that is not recorded.
#[inline(never)]
fn recorded(run: &Rc<Run>, call: &HostCall<'_>, place: CallSite<'_>, steps: &mut dyn Act) -> ScriptResult {
    let resends = run.session.as_ref().is_some_and(|session| session.resend_in_doubt);
    let begun = match begin(&run.history, call, call.impact.is_repeatable() || resends) {
        Ok(begun) => begun,
        Err(reason) => {
            run.condemn(reason);
            return check(run).map(|()| Dynamic::UNIT);
        }
    };
    if matches!(begun, Begun::InDoubt(_) | Begun::Live(_)) || !run.history.is_replaying() {
        run.went_live();
    }
    let ticket = |known| {
        // What is done with the PIN of a login is not written down, and such a run is never rebuilt.
        let hides_detail = &*run.function == Hook::Pin.name();
        CallTicket::new(known, place.describe(run), run.now(), hides_detail)
    };
    match begun {
        Begun::Replayed(outcome) => replay(run, call, outcome),
        Begun::Again => steps.prepare(run, &|_| {}).and_then(|()| now(run, steps)).map(Answer::into_value),
        Begun::InDoubt(number) => in_doubt(run, call, &ticket(Some(number))),
        Begun::Live(known) => {
            call.note_begun_before(known.is_some());
            live(run, call, place.value_later(run, call.impact), ticket(known), steps)
        }
    }
}

/// Ends a call of which nobody knows what came of it.
fn in_doubt(run: &Rc<Run>, call: &HostCall<'_>, ticket: &CallTicket) -> ScriptResult {
    tracing::warn!(
        target: "hotline::script",
        run = run.id().number(),
        command = call.name(),
        "it is in doubt whether this was done before the process ended"
    );
    let message = "it was sent before the process ended, and nothing is known of what came of it";
    let thrown = thrown::failure(-1, "IN_DOUBT", message, call.name());
    ticket.close(&run.history, call, thrown_outcome(&thrown), 0);
    run.note();
    Err(thrown)
}

/// Makes a call now, and takes it down.
fn live(
    run: &Rc<Run>,
    call: &HostCall<'_>,
    later: Option<(Position, ValueUse)>,
    mut ticket: CallTicket,
    steps: &mut dyn Act,
) -> ScriptResult {
    let started = Instant::now();
    wait_for_disk(run, call, &ticket)?;
    let prepared = steps.prepare(run, &|why| {
        ticket.wait(&run.history, call, why);
        run.note();
    });
    // That may have taken long.
    wait_for_disk(run, call, &ticket)?;
    if call.impact.waits() {
        ticket.wait(&run.history, call, None);
    }
    check(run)?;
    // Only what must be known before it is answered is taken down before it is answered.
    let is_effect = call.impact.is_effect() && prepared.is_ok();
    if is_effect {
        ticket.open(&run.history, call);
        run.take_down();
        sync(run)?;
    } else {
        run.note();
    }
    let record = |outcome: Result<Answer, ScriptError>| {
        run.history.set_waiting(None);
        check(run)?;
        ticket.close(&run.history, call, came_of(&outcome), microseconds_since(started));
        run.has_taken_down();
        outcome
    };
    let outcome = match (&run.session, later) {
        (Some(session), _) if call.impact == Impact::Keep => {
            let outcome = session.journal.keep(|| record(prepared.and_then(|()| now(run, steps))));
            sync(run)?;
            outcome
        }
        (_, None) => record(prepared.and_then(|()| now(run, steps))),
        (_, Some((place, value))) => match prepared.and_then(|()| steps.act(run, false)) {
            Ok(Acted::Later(answer)) => {
                check(run)?;
                let (name, record) = (call.name.clone(), Some((ticket.rest(call), started)));
                run.set_pending(PendingCall { name, answer, record, place, within: run.within(), value });
                return Ok(Dynamic::UNIT);
            }
            Ok(Acted::Done(answer)) => record(Ok(answer)),
            Err(error) => record(Err(error)),
        },
    };
    outcome.map(Answer::into_value)
}

/// Gives a rebuilt run what it observed the first time.
fn replay(run: &Rc<Run>, call: &HostCall<'_>, outcome: CallOutcome) -> ScriptResult {
    if let Some(verdict) = call.verdict {
        run.suspension.has_been_away(verdict);
    }
    let answer = match outcome {
        // The record has put values in their places already, and asks for secrets again.
        CallOutcome::Pending | CallOutcome::Same(_) | CallOutcome::Withheld => Answer::Value(Dynamic::UNIT),
        CallOutcome::Value(text) => Answer::Value(values::from_content(&text)),
        CallOutcome::Content(text) => Answer::content(Content::new(text)),
        CallOutcome::Message(text) => {
            run.set_answered();
            let me = run.session.as_ref().map(|session| session.me.borrow().clone()).unwrap_or_default();
            let content = Content::new(text);
            if let Some(session) = &run.session {
                run.tokens.bring(session.handle.network(), &content, None);
            }
            match ScriptMessage::read(content, &me, &mut Damages::default()) {
                Some(message) => {
                    follow(run, call, &message)?;
                    Answer::Message(message)
                }
                None => Answer::Value(Dynamic::UNIT),
            }
        }
        CallOutcome::Session(name) => Answer::Session(name),
        CallOutcome::Sessions(names) => Answer::Sessions(names),
        CallOutcome::Thrown(text) => {
            return Err(EvalAltResult::ErrorRuntime(values::from_content(&text), Position::NONE).into());
        }
    };
    Ok(answer.into_value())
}

/// Has a rebuilt run go on where it went on the first time: in the chat of its answer.
fn follow(run: &Rc<Run>, call: &HostCall<'_>, answer: &ScriptMessage) -> Result<(), ScriptError> {
    let (Some(session), Some(verdict)) = (&run.session, call.verdict) else { return Ok(()) };
    let lane = session.lane(LaneKey::Chat(answer.chat().clone()));
    if lane.is(&run.lane()) {
        return Ok(());
    }
    wait(call.name(), detach(run, verdict, async move { ((), Some(lane.enter_head())) }))?;
    run.suspension.set_answered();
    check(run)
}

/// Waits, where a call needs the record, until it can be written.
fn wait_for_disk(run: &Rc<Run>, call: &HostCall<'_>, ticket: &CallTicket) -> Result<(), ScriptError> {
    if !call.impact.needs_the_record() || !run.session.as_ref().is_some_and(|session| session.journal.is_held()) {
        return Ok(());
    }
    ticket.wait(&run.history, call, Some(NO_DISK));
    released(run)?;
    run.history.set_waiting(None);
    Ok(())
}

/// Waits until what happens now can be recorded.
///
/// Out of line, since it would lie on the stack of every parked run.
#[inline(never)]
fn released(run: &Rc<Run>) -> Result<(), ScriptError> {
    match &run.session {
        Some(session) => {
            wait("the disk", run.aside(session.journal.released()))?;
            check(run)
        }
        None => Ok(()),
    }
}

/// Waits until everything so far is on disk, where the journal is strict.
fn sync(run: &Rc<Run>) -> Result<(), ScriptError> {
    match &run.session {
        Some(session) if session.journal.is_strict() => {
            wait("the journal", session.journal.sync())?;
            check(run)
        }
        _ => Ok(()),
    }
}
