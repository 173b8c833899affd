//! Host calls as data, and the record's part in each: what it says of a call before it is made, and what it takes down of one
//! that is. Nothing here waits or acts.
//!
//! A call [begins](begin): the record has what came of it, or it is in doubt, or it is made now, with a [ticket](CallTicket). An effect is
//! taken down as [open](CallTicket::open) before it happens, so that it is known to have begun; the ticket is [closed](CallTicket::close)
//! with what came of it.

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::Arc;
use std::time::Instant;

use super::suspension::EventVerdict;
use crate::clock::Timestamp;
use crate::protocol::Safety;
use crate::runtime::journal::history::{self, History, Recorded};
use crate::store::{CallKind, CallOutcome, CallRecord, Waiting};

/// What a host call does to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Impact {
    /// It only looks at something: the time, chance, what is stored.
    Pure,
    /// It declares something at a script's top level, which the host reads when that is done.
    Declare,
    /// It changes the script's map, which is recorded with the run.
    State,
    /// It changes what Hotline itself keeps, which is recorded together with the call: the store, timers.
    Keep,
    /// It waits for something: a person, a delay, an answer that changes nothing.
    Wait,
    /// It changes something outside, and is safe or not to be made again.
    Effect(Safety),
}

impl Impact {
    /// How it is recorded.
    const fn recorded(self) -> CallKind {
        match self {
            Self::Pure | Self::Declare | Self::State => CallKind::Pure,
            Self::Keep => CallKind::Keep,
            Self::Wait => CallKind::Wait,
            Self::Effect(_) => CallKind::Effect,
        }
    }

    /// Whether a run may be away for a while when it makes such a call.
    pub(super) const fn waits(self) -> bool {
        matches!(self, Self::Wait | Self::Effect(_))
    }

    /// Whether it changes something outside.
    pub(super) const fn is_effect(self) -> bool {
        matches!(self, Self::Effect(_))
    }

    /// Whether it must not be made while it cannot be recorded.
    pub(super) const fn needs_the_record(self) -> bool {
        !matches!(self, Self::Pure | Self::Declare)
    }

    /// Whether it can be made again by itself when nobody knows whether it was made.
    pub(super) const fn is_repeatable(self) -> bool {
        !matches!(self, Self::Effect(Safety::Effect))
    }

    /// Whether it can be made at a script's top level.
    pub(super) const fn is_for_top_level(self) -> bool {
        matches!(self, Self::Pure | Self::Declare)
    }
}

/// What a call is called with, as a text that is shared by whoever keeps it.
#[derive(Clone)]
pub(crate) enum Detail<'a> {
    Lent(&'a str),
    Shared(Arc<str>),
}

impl Detail<'_> {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Lent(text) => text,
            Self::Shared(text) => text,
        }
    }

    /// The text by itself.
    fn share(&self) -> Arc<str> {
        match self {
            Self::Lent(text) => (*text).into(),
            Self::Shared(text) => Arc::clone(text),
        }
    }
}

impl<'a> From<&'a str> for Detail<'a> {
    fn from(text: &'a str) -> Self {
        Self::Lent(text)
    }
}

impl From<String> for Detail<'_> {
    fn from(text: String) -> Self {
        Self::Shared(text.into())
    }
}

impl From<Arc<str>> for Detail<'_> {
    fn from(text: Arc<str>) -> Self {
        Self::Shared(text)
    }
}

/// A host call.
pub(crate) struct HostCall<'a> {
    pub(super) impact: Impact,
    pub(super) name: Cow<'static, str>,
    pub(super) detail: Detail<'a>,
    value: Option<Cow<'a, str>>,
    /// What the run tells its event with it, where it lets go of it.
    pub(super) verdict: Option<EventVerdict>,
    /// Whether an earlier process began it, and nothing is known of what came of that.
    was_begun_before: Cell<bool>,
    /// Whether what comes of it is not to be taken down.
    is_secret: bool,
}

impl<'a> HostCall<'a> {
    /// A call of this name.
    pub(crate) fn new(impact: Impact, name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            impact,
            name: name.into(),
            detail: Detail::Lent(""),
            value: None,
            verdict: None,
            was_begun_before: Cell::default(),
            is_secret: false,
        }
    }

    /// What it is called with. A rebuilt run must call with the same.
    pub(crate) fn with(self, detail: impl Into<Detail<'a>>) -> Self {
        Self { detail: detail.into(), ..self }
    }

    /// What it writes, a value as JSON text, under a name: a long one stands in the record once, however often it is read.
    pub(crate) fn writing(self, name: &str, json: &'a str) -> Self {
        let detail = format!("{name} = {}", history::in_short(json)).into();
        Self { detail, value: Some(json.into()), ..self }
    }

    /// Whether what comes of it is a secret: the parameters of a transfer, for one, authorise whoever has them.
    pub(crate) fn secret(self, is_secret: bool) -> Self {
        Self { is_secret, ..self }
    }

    /// That the run lets go of its event with it.
    pub(crate) fn letting_go(self, verdict: EventVerdict) -> Self {
        Self { verdict: Some(verdict), ..self }
    }

    /// The call by itself, for when what it was made of is gone.
    fn to_owned(&self) -> HostCall<'static> {
        HostCall {
            impact: self.impact,
            name: self.name.clone(),
            detail: Detail::Shared(self.detail.share()),
            value: self.value.as_ref().map(|value| Cow::Owned(value.clone().into_owned())),
            verdict: self.verdict,
            was_begun_before: self.was_begun_before.clone(),
            is_secret: self.is_secret,
        }
    }

    /// Whether an earlier process began it, and nothing is known of what came of that.
    pub(super) fn was_begun_before(&self) -> bool {
        self.was_begun_before.get()
    }

    pub(super) fn note_begun_before(&self, was: bool) {
        self.was_begun_before.set(was);
    }

    /// What is called.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The entry of a call that was made where nothing can wait.
    pub(super) fn entry(&self, place: Arc<str>, outcome: CallOutcome) -> CallRecord {
        let (name, detail) = (self.name.clone(), self.detail.share());
        let outcome = if self.is_secret { withheld(outcome) } else { outcome };
        CallRecord { kind: self.impact.recorded(), name, detail, place, at: 0, took: 0, outcome }
    }
}

/// How a call begins.
#[derive(Debug, PartialEq)]
pub(super) enum Begun {
    /// It was made, and this came of it.
    Replayed(CallOutcome),
    /// It was made, and the record withholds what came of it: it is made again, and not taken down anew.
    Again,
    /// It was begun under this number, nothing is known of what came of it, and it cannot be made again.
    InDoubt(u32),
    /// It is made now; where it was begun before, under this number.
    Live(Option<u32>),
}

/// Begins a call: asks the record for it. `may_repeat` says whether what is in doubt may be made again.
///
/// # Errors
/// When the record has another call at this place, described in words.
pub(super) fn begin(history: &History, call: &HostCall<'_>, may_repeat: bool) -> Result<Begun, String> {
    Ok(match history.look_up(call.impact.recorded(), &call.name, call.detail.as_str(), call.value.as_deref())? {
        Recorded::Done(CallRecord { outcome: CallOutcome::Withheld, .. }) => Begun::Again,
        Recorded::Done(entry) => Begun::Replayed(entry.outcome),
        Recorded::InDoubt(number) if !may_repeat => Begun::InDoubt(number),
        Recorded::InDoubt(number) => Begun::Live(Some(number)),
        Recorded::Nothing => Begun::Live(None),
    })
}

/// What makes a call that the record takes down.
pub(crate) struct CallTicket {
    /// Its number in the record, once it has one.
    number: Option<u32>,
    place: Arc<str>,
    at: Timestamp,
    /// Whether its detail is not to be written down.
    hides_detail: bool,
}

impl CallTicket {
    /// A ticket for a call that begins at a place and a time; where it was begun before, under a number.
    pub(super) fn new(known: Option<u32>, place: Arc<str>, at: Timestamp, hides_detail: bool) -> Self {
        Self { number: known, place, at, hides_detail }
    }

    /// Says that the run waits, and why where it is not for the call's own sake.
    pub(super) fn wait(&self, history: &History, call: &HostCall<'_>, why: Option<&str>) {
        let name = why.map_or_else(|| call.name.clone(), |why| format!("{}: {why}", call.name).into());
        let place = Arc::clone(&self.place);
        history.set_waiting(Some(Waiting { call: name, place, since: self.at, deadline: None }));
    }

    /// Takes the call down as begun.
    pub(super) fn open(&mut self, history: &History, call: &HostCall<'_>) {
        if self.number.is_none() {
            self.number = Some(history.add(self.entry(call, CallOutcome::Pending, 0), call.value.as_deref()));
        }
    }

    /// What takes down what comes of the call once that is gone.
    pub(super) fn rest(self, call: &HostCall<'_>) -> CallRest {
        match self.stub(call) {
            Some(stub) => CallRest::Open(stub),
            None => CallRest::Unopened(Box::new((call.to_owned(), self))),
        }
    }

    fn stub(&self, call: &HostCall<'_>) -> Option<CallStub> {
        self.number.map(|number| CallStub { number, is_secret: call.is_secret })
    }

    /// Takes down what came of the call, which took so many microseconds.
    pub(super) fn close(&self, history: &History, call: &HostCall<'_>, outcome: CallOutcome, took: u64) {
        match self.stub(call) {
            Some(stub) => stub.close(history, outcome, took),
            None => {
                history.set_waiting(None);
                let outcome = if call.is_secret { withheld(outcome) } else { outcome };
                history.add(self.entry(call, outcome, took), call.value.as_deref());
            }
        }
    }

    fn entry(&self, call: &HostCall<'_>, outcome: CallOutcome, took: u64) -> CallRecord {
        let detail = if self.hides_detail { "".into() } else { call.detail.share() };
        let (kind, name, place) = (call.impact.recorded(), call.name.clone(), Arc::clone(&self.place));
        CallRecord { kind, name, detail, place, at: self.at, took, outcome }
    }
}

/// What is left of a call that is made and not answered yet.
pub(super) enum CallRest {
    /// It has been taken down as begun.
    Open(CallStub),
    /// Nothing of it has been taken down.
    Unopened(Box<(HostCall<'static>, CallTicket)>),
}

impl CallRest {
    /// As [`CallTicket::close`].
    pub(super) fn close(self, history: &History, outcome: CallOutcome, took: u64) {
        match self {
            Self::Open(stub) => stub.close(history, outcome, took),
            Self::Unopened(unopened) => unopened.1.close(history, &unopened.0, outcome, took),
        }
    }
}

/// What is left of the ticket of an open call once the call itself is gone.
#[derive(Clone, Copy)]
pub(super) struct CallStub {
    number: u32,
    is_secret: bool,
}

impl CallStub {
    /// As [`CallTicket::close`].
    pub(super) fn close(self, history: &History, outcome: CallOutcome, took: u64) {
        history.set_waiting(None);
        history.complete(self.number, if self.is_secret { withheld(outcome) } else { outcome }, took);
    }
}

/// How long something has taken that began then.
pub(super) fn microseconds_since(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// What is recorded of the outcome of a call that gives a secret.
fn withheld(outcome: CallOutcome) -> CallOutcome {
    match outcome {
        thrown @ CallOutcome::Thrown(_) => thrown,
        _ => CallOutcome::Withheld,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{CallAnswer, EventId, RunId};

    const EFFECT: Impact = Impact::Effect(Safety::Effect);

    fn ticket(known: Option<u32>) -> CallTicket {
        CallTicket::new(known, "bot.rhai:3".into(), 7, false)
    }

    fn recorded(call: &HostCall<'_>, outcome: CallOutcome) -> History {
        History::replaying(RunId::new(2), EventId::new(1), vec![call.entry("".into(), outcome)], None)
    }

    #[test]
    fn what_a_call_begins_with_is_what_the_record_has_of_it() {
        let value = || CallOutcome::Value("1".into());
        let idempotent = Impact::Effect(Safety::Idempotent);
        for (kind, name, outcome, may_repeat, expected) in [
            (Impact::Pure, "now", Some(value()), false, Begun::Replayed(value())),
            (Impact::Wait, "GetDownloadParam", Some(CallOutcome::Withheld), false, Begun::Again),
            (EFFECT, "SendText", Some(CallOutcome::Pending), false, Begun::InDoubt(0)),
            (EFFECT, "SendText", Some(CallOutcome::Pending), true, Begun::Live(Some(0))),
            (idempotent, "LeaveGroup", Some(CallOutcome::Pending), true, Begun::Live(Some(0))),
            (Impact::State, "state", None, false, Begun::Live(None)),
        ] {
            let call = HostCall::new(kind, name).with("x");
            let history = outcome.map_or_else(History::default, |outcome| recorded(&call, outcome));
            assert_eq!(begin(&history, &call, may_repeat), Ok(expected), "{name}");
        }
    }

    #[test]
    fn another_call_than_the_recorded_one_is_an_error() {
        let now = HostCall::new(Impact::Pure, "now");
        for call in [
            HostCall::new(Impact::Pure, "random"),
            HostCall::new(Impact::Pure, "now").with("x"),
            HostCall::new(EFFECT, "now"),
        ] {
            assert!(begin(&recorded(&now, CallOutcome::Value("1".into())), &call, true).is_err());
        }
    }

    #[test]
    fn a_write_to_the_state_is_recorded_as_older_versions_recorded_it() {
        let history = History::default();
        ticket(None).close(
            &history,
            &HostCall::new(Impact::State, "state").writing("n", "1"),
            CallOutcome::Value("null".into()),
            5,
        );
        let (_, entry) = history.take_fresh().remove(0);
        assert_eq!((entry.kind, &*entry.name, &*entry.detail), (CallKind::Pure, "state", "n = 1"));
    }

    #[test]
    fn an_effect_is_known_to_have_begun_before_anything_comes_of_it() {
        let (history, call) = (History::default(), HostCall::new(EFFECT, "SendText").with("hi"));
        let mut ticket = ticket(None);
        ticket.wait(&history, &call, Some("too fast"));
        assert_eq!(history.waiting().map(|waiting| waiting.call), Some("SendText: too fast".into()));
        ticket.open(&history, &call);
        let begun = history.take_fresh();
        assert_eq!(
            begun.iter().map(|(number, entry)| (*number, &entry.outcome)).collect::<Vec<_>>(),
            [(0, &CallOutcome::Pending)]
        );
        ticket.close(&history, &call, CallOutcome::Content("{}".into()), 12);
        let answer = CallAnswer { number: 0, outcome: CallOutcome::Content("{}".into()), took: 12 };
        assert_eq!(history.take_change().answers, [answer]);
        let begun = &begun[0].1;
        assert_eq!((&*begun.detail, &*begun.place, begun.at), ("hi", "bot.rhai:3", 7));
        assert_eq!(history.waiting(), None);
    }

    #[test]
    fn what_comes_of_a_call_that_was_not_taken_down_as_begun_is_taken_down_with_it() {
        let (history, call) = (History::default(), HostCall::new(Impact::Wait, "GetProfile").with("u1"));
        ticket(None).rest(&call).close(&history, CallOutcome::Content("{}".into()), 12);
        let change = history.take_change();
        assert_eq!((&*change.entries[0].1.name, change.entries[0].1.took), ("GetProfile", 12));
        assert!(change.answers.is_empty());
    }

    #[test]
    fn what_was_begun_before_keeps_its_number() {
        let call = HostCall::new(EFFECT, "SendText");
        let history = recorded(&call, CallOutcome::Pending);
        let Ok(Begun::Live(known)) = begin(&history, &call, true) else { panic!("it may be made again") };
        let mut ticket = ticket(known);
        ticket.open(&history, &call);
        assert!(history.take_fresh().is_empty(), "the journal has it");
        ticket.close(&history, &call, CallOutcome::Content("{}".into()), 1);
        assert_eq!(history.take_change().answers[0].number, 0);
    }

    #[test]
    fn secrets_are_not_taken_down() {
        let history = History::default();
        let call = HostCall::new(Impact::Wait, "get").secret(true);
        ticket(None).close(&history, &call, CallOutcome::Content("secret".into()), 1);
        let refused = CallOutcome::Thrown("\"no\"".into());
        ticket(None).close(&history, &call, refused.clone(), 1);
        let pin = CallTicket::new(None, "".into(), 0, true);
        pin.close(&history, &HostCall::new(EFFECT, "SendText").with("123456"), CallOutcome::Content("{}".into()), 1);
        let entries: Vec<_> = history.take_fresh().into_iter().map(|(_, entry)| entry).collect();
        assert_eq!((&entries[0].outcome, &entries[1].outcome), (&CallOutcome::Withheld, &refused));
        assert_eq!(&*entries[2].detail, "");
    }
}
