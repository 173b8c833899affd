//! Host calls: the one path from scripts to the world. Everything that a script can observe or cause passes through here.
//!
//! Limits, the ban on acting at a script's top level, the trace, the record and its replay stand at this place only. What
//! a call *does* is the business of whoever makes it.

use std::rc::Rc;
use std::time::Instant;

use rhai::{Dynamic, EvalAltResult, Position};

use super::call::{Begun, CallTicket, HostCall, Impact, begin};
use super::long_wait::pause;
use super::wait::{CallSite, check, wait};
use crate::protocol::{Content, Damages, Hook};
use crate::runtime::engine::objects::{ScriptMessage, SessionRef};
use crate::runtime::engine::thrown::{self, ScriptError, ScriptResult};
use crate::runtime::engine::values;
use crate::runtime::journal::history::Recorded;
use crate::runtime::run::{self, Run};
use crate::store::{CallKind, Outcome};

/// Why a run waits that would do something which cannot be recorded.
const NO_DISK: &str = "the record cannot be written";

/// What a host call gives back: data only, so that it can be recorded.
pub(crate) enum Answer {
    /// A plain value.
    Value(Dynamic),
    /// A gateway's content, and what scripts see of it.
    Content(Content, Dynamic),
    /// A message that somebody wrote.
    Message(ScriptMessage),
    /// A handle on a session.
    Session(String),
    /// Handles on sessions.
    Sessions(Vec<String>),
}

impl Answer {
    /// A gateway's content.
    pub(crate) fn content(content: Content) -> Self {
        let value = values::from_content(content.as_str());
        Self::Content(content, value)
    }

    fn into_value(self) -> Dynamic {
        let session = |name: String| Dynamic::from(SessionRef::new(&name));
        match self {
            Self::Value(value) => value,
            Self::Content(_, value) => value,
            Self::Message(message) => Dynamic::from(message),
            Self::Session(name) => session(name),
            Self::Sessions(names) => names.into_iter().map(session).collect::<rhai::Array>().into(),
        }
    }

    fn outcome(&self) -> Outcome {
        match self {
            Self::Value(value) => Outcome::Value(values::to_json(value).unwrap_or_default()),
            Self::Content(content, _) => Outcome::Content(content.as_str().to_owned()),
            Self::Message(message) => Outcome::Message(message.content().as_str().to_owned()),
            Self::Session(name) => Outcome::Session(name.clone()),
            Self::Sessions(names) => Outcome::Sessions(names.clone()),
        }
    }
}

/// What a host call does, once the run may make it.
trait Act {
    /// Prepares it, which may take long. What it is given tells people that the run waits, and why.
    fn prepare(&mut self, run: &Rc<Run>, waits: &dyn Fn(Option<&str>)) -> Result<(), ScriptError>;

    /// Does it.
    fn act(&mut self, run: &Rc<Run>) -> Result<Answer, ScriptError>;
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
    Do: FnOnce(&Rc<Run>, T) -> Result<Answer, ScriptError>,
{
    fn prepare(&mut self, run: &Rc<Run>, waits: &dyn Fn(Option<&str>)) -> Result<(), ScriptError> {
        let prepare = self.prepare.take().expect("a call is prepared once");
        self.prepared = Some(prepare(run, waits)?);
        Ok(())
    }

    fn act(&mut self, run: &Rc<Run>) -> Result<Answer, ScriptError> {
        let prepared = self.prepared.take().expect("a call acts when it is prepared");
        self.act.take().expect("a call acts once")(run, prepared)
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
    make(&call, place, &mut Steps { prepare: Some(prepare), prepared: None, act: Some(act) })
}

fn make(call: &HostCall<'_>, place: CallSite<'_>, steps: &mut dyn Act) -> ScriptResult {
    let name = call.name();
    let run = run::current().ok_or_else(|| thrown::misplaced(format!("{name} only works inside a running script")))?;
    if run.is_top_level() && !call.impact.is_for_top_level() {
        return Err(thrown::misplaced(format!(
            "{name} cannot be used at a script's top level: it runs once when the script is loaded; call it in a hook such as on_start()"
        )));
    }
    run.count_call();
    check(&run)?;
    if run.is_top_level() && call.impact == Impact::Pure {
        return at_top_level(&run, call, place, steps);
    }
    pause(&run)?;
    let outcome = if run.is_recorded() { recorded(&run, call, place, steps) } else { unrecorded(&run, call, steps) };
    pause(&run)?;
    outcome
}

/// Looks at something for a script's top level. Its constants are the same for a run that goes on in another process, so what
/// they came from belongs to the generation.
fn at_top_level(run: &Rc<Run>, call: &HostCall<'_>, place: CallSite<'_>, steps: &mut dyn Act) -> ScriptResult {
    if let Recorded::Done(entry) =
        run.history.look_up(CallKind::Pure, call.name(), &call.detail, None).map_err(thrown::error)?
    {
        return replay(run, call, entry.outcome);
    }
    let outcome = steps.prepare(run, &|_| {}).and_then(|()| steps.act(run));
    run.history.add(call.entry(place.describe(run), came_of(&outcome)), None);
    outcome.map(Answer::into_value)
}

fn unrecorded(run: &Rc<Run>, call: &HostCall<'_>, steps: &mut dyn Act) -> ScriptResult {
    // What is kept without a journal needs the disk as well.
    if call.impact == Impact::Keep && run.session.as_ref().is_some_and(|session| session.journal.is_stuck()) {
        released(run)?;
    }
    let outcome = steps.prepare(run, &|_| {}).and_then(|()| check(run)).and_then(|()| steps.act(run));
    tracing::trace!(
        run = run.id().number(),
        event = run.event().number(),
        kind = ?call.impact,
        name = call.name(),
        ok = outcome.is_ok(),
        "host call"
    );
    check(run)?;
    outcome.map(Answer::into_value)
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
        Begun::Again => steps.prepare(run, &|_| {}).and_then(|()| steps.act(run)).map(Answer::into_value),
        Begun::InDoubt(number) => in_doubt(run, call, &ticket(Some(number))),
        Begun::Live(known) => live(run, call, ticket(known), steps),
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
fn live(run: &Rc<Run>, call: &HostCall<'_>, mut ticket: CallTicket, steps: &mut dyn Act) -> ScriptResult {
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
    }
    run.note();
    if is_effect {
        sync(run)?;
    }
    let act_and_record = || {
        let outcome = prepared.and_then(|()| steps.act(run));
        run.history.set_waiting(None);
        check(run)?;
        let took = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        ticket.close(&run.history, call, came_of(&outcome), took);
        run.settle_answers();
        run.note();
        outcome
    };
    let outcome = match &run.session {
        Some(session) if call.impact == Impact::Keep => {
            let outcome = session.journal.keep(act_and_record);
            sync(run)?;
            outcome
        }
        _ => act_and_record(),
    };
    outcome.map(Answer::into_value)
}

/// Gives a rebuilt run what it observed the first time.
fn replay(run: &Run, call: &HostCall<'_>, outcome: Outcome) -> ScriptResult {
    if let Some(verdict) = call.verdict {
        run.suspension.has_been_away(verdict, matches!(outcome, Outcome::Message(_)));
    }
    let answer = match outcome {
        // The record has put values in their places already, and asks for secrets again.
        Outcome::Pending | Outcome::Same(_) | Outcome::Withheld => Answer::Value(Dynamic::UNIT),
        Outcome::Value(text) => Answer::Value(values::from_content(&text)),
        Outcome::Content(text) => Answer::content(Content::new(text)),
        Outcome::Message(text) => {
            let me = run.session.as_ref().map(|session| session.me.borrow().clone()).unwrap_or_default();
            ScriptMessage::read(Content::new(text), &me, &mut Damages::default())
                .map_or(Answer::Value(Dynamic::UNIT), Answer::Message)
        }
        Outcome::Session(name) => Answer::Session(name),
        Outcome::Sessions(names) => Answer::Sessions(names),
        Outcome::Thrown(text) => {
            return Err(EvalAltResult::ErrorRuntime(values::from_content(&text), Position::NONE).into());
        }
    };
    Ok(answer.into_value())
}

fn came_of(outcome: &Result<Answer, ScriptError>) -> Outcome {
    match outcome {
        Ok(answer) => answer.outcome(),
        Err(thrown) => thrown_outcome(thrown),
    }
}

fn thrown_outcome(thrown: &EvalAltResult) -> Outcome {
    let value = match thrown {
        EvalAltResult::ErrorRuntime(value, _) => values::to_json(value).unwrap_or_else(|_| value.to_string()),
        other => serde_json::Value::from(other.to_string()).to_string(),
    };
    Outcome::Thrown(value)
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
