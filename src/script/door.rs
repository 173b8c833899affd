//! The one door: everything that a script can observe or cause passes through here.
//!
//! Limits, the ban on acting at a script's top level, the trace, the record and its replay stand at this place only. What
//! a call *does* is the business of whoever brings it to the door.

use std::borrow::Cow;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use rhai::{Dynamic, EvalAltResult, NativeCallContext, Position};

use super::caught;
use super::fiber;
use super::holding::pause;
use super::object::{Message, SessionRef};
use super::record::{self, Recorded};
use super::run::{self, Run};
use super::value;
use crate::protocol::{Content, Damages, Hook, Safety};
use crate::store::{CallKind, Entry, Outcome, Waiting};

/// Why a run waits that would do something which cannot be recorded.
const NO_DISK: &str = "the record cannot be written";

/// An error on its way through a script.
pub(crate) type Thrown = Box<EvalAltResult>;

/// What a function that scripts call gives back.
pub(crate) type ScriptResult = Result<Dynamic, Thrown>;

/// What a host call is to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It only looks at something: the time, chance, what is stored.
    Pure,
    /// It declares something at a script's top level, which the host reads when that is done.
    Declare,
    /// It changes what Hotline itself keeps, which is recorded together with the call: the store, timers.
    Keep,
    /// It waits for something: a person, a delay, an answer that changes nothing.
    Wait,
    /// It changes something outside, and is safe or not to be made again.
    Effect(Safety),
}

impl Kind {
    /// How it is recorded.
    const fn recorded(self) -> CallKind {
        match self {
            Self::Pure | Self::Declare => CallKind::Pure,
            Self::Keep => CallKind::Keep,
            Self::Wait => CallKind::Wait,
            Self::Effect(_) => CallKind::Effect,
        }
    }

    /// Whether a run may be away for a while when it makes such a call.
    const fn waits(self) -> bool {
        matches!(self, Self::Wait | Self::Effect(_))
    }
}

/// A host call on its way through the door.
pub(crate) struct Call<'a> {
    kind: Kind,
    name: Cow<'static, str>,
    detail: Cow<'a, str>,
    value: Option<Cow<'a, str>>,
    place: Place<'a>,
    changes_state: bool,
}

/// Where a call stands in the sources.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place<'a> {
    file: Option<&'a str>,
    line: Option<usize>,
}

impl<'a> Place<'a> {
    /// The place of the call that a context belongs to.
    pub(crate) fn of(context: &'a NativeCallContext<'_>) -> Self {
        Self { file: context.call_source(), line: context.call_position().line() }
    }

    fn describe(&self, run: &Run) -> Arc<str> {
        self.line.map(|line| run.generation.place(self.file, line)).unwrap_or_default()
    }
}

impl<'a> Call<'a> {
    /// A call of this name.
    pub(crate) fn new(kind: Kind, name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            name: name.into(),
            detail: Cow::Borrowed(""),
            value: None,
            place: Place::default(),
            changes_state: false,
        }
    }

    /// What is called.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What it is called with. A rebuilt run must call with the same.
    pub(crate) fn with(self, detail: impl Into<Cow<'a, str>>) -> Self {
        Self { detail: detail.into(), ..self }
    }

    /// What it writes, a value as JSON text, under a name: a long one stands in the record once, however often it is read.
    pub(crate) fn writing(self, name: &str, json: &'a str) -> Self {
        let detail = format!("{name} = {}", record::in_short(json)).into();
        Self { detail, value: Some(json.into()), ..self }
    }

    /// That it changes the script's state, which is recorded with the run.
    pub(crate) fn changing_state(self) -> Self {
        Self { changes_state: true, ..self }
    }

    /// Whether it must not be made while it cannot be recorded.
    fn is_held_with_the_record(&self) -> bool {
        self.changes_state || !matches!(self.kind, Kind::Pure | Kind::Declare)
    }

    /// Where it stands.
    pub(crate) fn at(self, place: Place<'a>) -> Self {
        Self { place, ..self }
    }
}

/// What a host call gives back: data only, so that it can be recorded.
pub(crate) enum Answer {
    /// A plain value.
    Value(Dynamic),
    /// A gateway's content, and what scripts see of it.
    Content(Content, Dynamic),
    /// A message that somebody wrote.
    Message(Message),
    /// A handle on a session.
    Session(String),
    /// Handles on sessions.
    Sessions(Vec<String>),
}

impl Answer {
    /// A gateway's content.
    pub(crate) fn content(content: Content) -> Self {
        let value = value::from_content(content.as_str());
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
            Self::Value(value) => Outcome::Value(value::to_json(value).unwrap_or_default()),
            Self::Content(content, _) => Outcome::Content(content.as_str().to_owned()),
            Self::Message(message) => Outcome::Message(message.content().as_str().to_owned()),
            Self::Session(name) => Outcome::Session(name.clone()),
            Self::Sessions(names) => Outcome::Sessions(names.clone()),
        }
    }
}

/// Takes a host call of the current run through the door.
///
/// # Errors
/// When the run may not make it, and whatever `act` answers with.
pub(crate) fn pass(call: Call<'_>, act: impl FnOnce(&Rc<Run>) -> Result<Answer, Thrown>) -> ScriptResult {
    pass_in_turn(call, |_, _| Ok(()), |run, ()| act(run))
}

/// Takes a host call through the door that has to wait for its `turn` before it acts.
///
/// An effect is recorded as begun between the two: what has not had its turn has not happened, and a run that is rebuilt makes
/// the call anew. What `turn` is given tells people that the run waits, and why.
///
/// # Errors
/// When the run may not make it, and whatever `turn` and `act` answer with.
pub(crate) fn pass_in_turn<T>(
    call: Call<'_>,
    turn: impl FnOnce(&Rc<Run>, &dyn Fn(Option<&str>)) -> Result<T, Thrown>,
    act: impl FnOnce(&Rc<Run>, T) -> Result<Answer, Thrown>,
) -> ScriptResult {
    let run = run::current().ok_or_else(|| misplaced(format!("{} only works inside a running script", call.name)))?;
    if run.is_top_level() && !matches!(call.kind, Kind::Pure | Kind::Declare) {
        return Err(misplaced(format!(
            "{} cannot be used at a script's top level: it runs once when the script is loaded; call it in a hook such as on_start()",
            call.name
        )));
    }
    run.count_call();
    check(&run)?;
    if run.is_top_level() && call.kind == Kind::Pure {
        return at_top_level(&run, &call, |run| turn(run, &|_| {}).and_then(|turn| act(run, turn)));
    }
    pause(&run)?;
    let outcome = make(&run, &call, turn, act);
    pause(&run)?;
    outcome
}

/// Makes a call that the run may make.
fn make<T>(
    run: &Rc<Run>,
    call: &Call<'_>,
    turn: impl FnOnce(&Rc<Run>, &dyn Fn(Option<&str>)) -> Result<T, Thrown>,
    act: impl FnOnce(&Rc<Run>, T) -> Result<Answer, Thrown>,
) -> ScriptResult {
    if !run.is_recorded() {
        // What is kept without a journal needs the disk as well.
        if call.kind == Kind::Keep && run.live.as_ref().is_some_and(|live| live.journal.is_stuck()) {
            released(run)?;
        }
        let outcome = turn(run, &|_| {}).and_then(|turn| check(run).and_then(|()| act(run, turn)));
        tracing::trace!(
            run = run.id,
            event = run.event,
            kind = ?call.kind,
            name = &*call.name,
            ok = outcome.is_ok(),
            "host call"
        );
        check(run)?;
        return outcome.map(Answer::into_value);
    }
    recorded(run, call, turn, act)
}

/// Looks at something for a script's top level. Its constants are the same for a run that goes on in another process, so what
/// they came from belongs to the generation.
fn at_top_level(run: &Rc<Run>, call: &Call<'_>, act: impl FnOnce(&Rc<Run>) -> Result<Answer, Thrown>) -> ScriptResult {
    if let Recorded::Done(entry) = run.record.look_up(CallKind::Pure, &call.name, &call.detail, None).map_err(error)? {
        return replay(run, entry);
    }
    let outcome = act(run);
    let (name, detail, place) = (call.name.clone(), call.detail.clone().into_owned(), call.place.describe(run));
    let came = came_of(&outcome);
    run.record.add(Entry { kind: CallKind::Pure, name, detail, place, at: 0, took: 0, outcome: came }, None);
    outcome.map(Answer::into_value)
}

fn came_of(outcome: &Result<Answer, Thrown>) -> Outcome {
    match outcome {
        Ok(answer) => answer.outcome(),
        Err(thrown) => thrown_outcome(thrown),
    }
}

/// Makes a call that the record already has, or that it is to have.
///
/// Out of line, since its frame would lie on the stack of every parked run that is not recorded.
#[inline(never)]
fn recorded<T>(
    run: &Rc<Run>,
    call: &Call<'_>,
    turn: impl FnOnce(&Rc<Run>, &dyn Fn(Option<&str>)) -> Result<T, Thrown>,
    act: impl FnOnce(&Rc<Run>, T) -> Result<Answer, Thrown>,
) -> ScriptResult {
    let value = call.value.as_deref();
    let look_up = run.record.look_up(call.kind.recorded(), &call.name, &call.detail, value);
    let known = match look_up {
        Ok(Recorded::Done(entry)) => {
            if !run.record.is_replaying() {
                run.went_live();
            }
            if entry.outcome == Outcome::Withheld {
                return turn(run, &|_| {}).and_then(|turn| act(run, turn)).map(Answer::into_value);
            }
            return replay(run, entry);
        }
        Ok(Recorded::InDoubt(number)) => Some(number),
        Ok(Recorded::Nothing) => None,
        Err(reason) => {
            run.condemn(reason);
            return check(run).map(|()| Dynamic::UNIT);
        }
    };
    run.went_live();
    let at = run.now();
    let place = call.place.describe(run);
    let entry = |outcome, took| Entry {
        kind: call.kind.recorded(),
        name: call.name.clone(),
        // What is done with the PIN of a login is not written down, and such a run is never rebuilt.
        detail: if &*run.function == Hook::Pin.name() { String::new() } else { call.detail.clone().into_owned() },
        place: Arc::clone(&place),
        at,
        took,
        outcome,
    };
    let waits = |why: Option<&str>| {
        let call = why.map_or_else(|| call.name.clone(), |why| format!("{}: {why}", call.name).into());
        run.record.set_waiting(Some(Waiting { call, place: Arc::clone(&place), since: at, deadline: None }));
    };
    if let Some(number) = known
        && !run.may_send_again(call.kind)
    {
        tracing::warn!(
            target: "hotline::script",
            run = run.id,
            command = &*call.name,
            "it is in doubt whether this was done before the process ended"
        );
        let message = "it was sent before the process ended, and nothing is known of what came of it";
        let thrown = failure(-1, "IN_DOUBT", message, &call.name);
        run.record.complete(number, thrown_outcome(&thrown), 0, entry);
        run.note();
        return Err(thrown);
    }
    let started = Instant::now();
    let is_held = || call.is_held_with_the_record() && run.live.as_ref().is_some_and(|live| live.journal.is_held());
    if is_held() {
        waits(Some(NO_DISK));
        released(run)?;
        run.record.set_waiting(None);
    }
    let turn = turn(run, &|why| {
        waits(why);
        run.note();
    });
    // A turn may be long in coming.
    if is_held() {
        waits(Some(NO_DISK));
        released(run)?;
    }
    if call.kind.waits() {
        waits(None);
    }
    check(run)?;
    let number = match (known, call.kind, &turn) {
        (Some(number), ..) => Some(number),
        // Only what must be known before it is answered is taken down before it is answered.
        (None, Kind::Effect(_), Ok(_)) => Some(run.record.add(entry(Outcome::Pending, 0), value)),
        _ => None,
    };
    run.note();
    if turn.is_ok() && matches!(call.kind, Kind::Effect(_)) {
        sync(run)?;
    }
    let act_and_record = || {
        let outcome = turn.and_then(|turn| act(run, turn));
        run.record.set_waiting(None);
        check(run)?;
        let took = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let came = match &outcome {
            Ok(_) if is_secret(&call.name) => Outcome::Withheld,
            outcome => came_of(outcome),
        };
        match number {
            Some(number) => run.record.complete(number, came, took, entry),
            None => drop(run.record.add(entry(came, took), value)),
        }
        run.settle_answers();
        run.note();
        outcome
    };
    let outcome = match (&run.live, call.kind) {
        (Some(live), Kind::Keep) => {
            let outcome = live.journal.keep(act_and_record);
            sync(run)?;
            outcome
        }
        _ => act_and_record(),
    };
    outcome.map(Answer::into_value)
}

/// Whether a command is answered with a secret: the parameters of a transfer authorise whoever has them.
fn is_secret(command: &str) -> bool {
    command.starts_with("Get") && command.ends_with("Param")
}

/// Gives a rebuilt run what it observed the first time.
fn replay(run: &Run, entry: Entry) -> ScriptResult {
    match &*entry.name {
        "ask" => {
            run.stage.set(run::Stage::Asked);
            run.has_answer.set(matches!(entry.outcome, Outcome::Message(_)));
        }
        "sleep" => {
            run.has_answer.set(false);
            if run.stage.get() == run::Stage::Attached {
                run.stage.set(run::Stage::Slept);
            }
        }
        _ => {}
    }
    let answer = match entry.outcome {
        // The record has put values in their places already, and asks for secrets again.
        Outcome::Pending | Outcome::Same(_) | Outcome::Withheld => Answer::Value(Dynamic::UNIT),
        Outcome::Value(text) => Answer::Value(value::from_content(&text)),
        Outcome::Content(text) => Answer::content(Content::new(text)),
        Outcome::Message(text) => {
            let me = run.live.as_ref().map(|live| live.me.borrow().clone()).unwrap_or_default();
            Message::read(Content::new(text), &me, &mut Damages::default())
                .map_or(Answer::Value(Dynamic::UNIT), Answer::Message)
        }
        Outcome::Session(name) => Answer::Session(name),
        Outcome::Sessions(names) => Answer::Sessions(names),
        Outcome::Thrown(text) => {
            return Err(EvalAltResult::ErrorRuntime(value::from_content(&text), Position::NONE).into());
        }
    };
    Ok(answer.into_value())
}

fn thrown_outcome(thrown: &EvalAltResult) -> Outcome {
    let value = match thrown {
        EvalAltResult::ErrorRuntime(value, _) => value::to_json(value).unwrap_or_else(|_| value.to_string()),
        other => serde_json::Value::from(other.to_string()).to_string(),
    };
    Outcome::Thrown(value)
}

/// Waits until what happens now can be recorded.
///
/// Out of line, since it would lie on the stack of every parked run.
#[inline(never)]
fn released(run: &Rc<Run>) -> Result<(), Thrown> {
    match &run.live {
        Some(live) => {
            wait("the disk", run.aside(live.journal.released()))?;
            check(run)
        }
        None => Ok(()),
    }
}

/// Waits until everything so far is on disk, where the journal is strict.
fn sync(run: &Rc<Run>) -> Result<(), Thrown> {
    match &run.live {
        Some(live) if live.journal.is_strict() => {
            wait("the journal", live.journal.sync())?;
            check(run)
        }
        _ => Ok(()),
    }
}

/// That a run waits for something from now on.
pub(crate) fn waiting(run: &Run, call: String, place: Place<'_>) -> Waiting {
    Waiting { call: call.into(), place: place.describe(run), since: run.now(), deadline: None }
}

/// Waits for a future in the middle of a host call. The lane stays held.
///
/// # Errors
/// When the code does not run on a fiber.
pub(crate) fn wait<F: Future>(name: &str, future: F) -> Result<F::Output, Thrown> {
    let cannot = || misplaced(format!("{name} cannot wait here"));
    let run = run::current().ok_or_else(cannot)?;
    let mut future = pin!(future);
    let outcome = fiber::park(poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Pending if run.is_condemned() => Poll::Ready(None),
        polled => polled.map(Some),
    }));
    match outcome.ok_or_else(cannot)? {
        Some(outcome) => Ok(outcome),
        None => Err(check(&run).err().unwrap_or_else(|| error(format!("{name} was interrupted")))),
    }
}

/// An error of a call that Hotline cannot work with.
pub(crate) fn error(message: impl AsRef<str>) -> Thrown {
    named("BAD_ARGUMENT", message)
}

/// An error of a call that cannot be made where it stands.
pub(crate) fn misplaced(message: impl AsRef<str>) -> Thrown {
    named("WRONG_PLACE", message)
}

/// An error of a name of [`ERROR_NAMES`](caught::ERROR_NAMES).
pub(crate) fn named(name: &str, message: impl AsRef<str>) -> Thrown {
    caught::thrown(-1, name, message.as_ref(), None)
}

/// A failure of a command.
pub(crate) fn failure(code: i64, name: &str, message: &str, command: &str) -> Thrown {
    caught::thrown(code, name, message, Some(command))
}

/// Ends a condemned run. A host call that such a run makes must not take effect.
fn check(run: &Run) -> Result<(), Thrown> {
    match run.condemned() {
        Some(reason) => Err(EvalAltResult::ErrorTerminated(reason.into(), Position::NONE).into()),
        None => Ok(()),
    }
}
