//! What one run observed, call by call: recorded while it goes on, and fed back to it when it is rebuilt.
//!
//! When and how records reach the disk is the journal's business.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use sha2::{Digest, Sha256};

use crate::clock::Timestamp;
use crate::runtime::engine::values;
use crate::store::{
    CallAnswer, CallKind, CallOutcome, CallRecord, EventId, RunChange, RunId, RunOutcome, RunRow, Standing, Waiting,
};

/// The format of entries. A record of another format is not rebuilt.
pub(crate) const FORMAT: i64 = 2;

/// A value from this many bytes on is written once in a record, and elsewhere by what tells it apart.
const LONG: usize = 256;

/// What a run waits for that has its answer and not its lane.
pub(crate) fn taken(call: &str) -> String {
    format!("{call}{TAKEN}")
}

const TAKEN: &str = ": it is answered, and the chat is taken";

/// A value as it stands among the details of a call: itself, or what tells it apart where it is long.
pub(crate) fn in_short(text: &str) -> String {
    if text.len() < LONG {
        return text.to_owned();
    }
    format!("{} ({} bytes)", values::digest(text), text.len())
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RunEnd {
    pub(crate) at: Timestamp,
    pub(crate) outcome: RunOutcome,
    pub(crate) fault: Option<String>,
}

/// The record of one run.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// The run's id.
    id: RunId,
    /// The id of the event that it handles.
    event: EventId,
    /// What the journal has not been told yet: that the run has begun.
    begun: RefCell<Option<Box<RunRow>>>,
    /// Entries that the journal has not taken yet, by their numbers.
    fresh: RefCell<Vec<(u32, CallRecord)>>,
    /// What came of entries that it has taken, and has not been told yet.
    answers: RefCell<Vec<CallAnswer>>,
    /// The number of the next entry.
    next: Cell<u32>,
    /// What most runs have nothing of.
    rare: RefCell<Option<Box<Rare>>>,
    waiting: RefCell<Option<Waiting>>,
    end: RefCell<Option<RunEnd>>,
    /// Where the journal has noted that there is something to take.
    noted: Cell<Option<usize>>,
}

/// What only a run has that is rebuilt, or that has long values.
#[derive(Debug, Default)]
struct Rare {
    /// What is still to be fed back.
    replay: VecDeque<CallRecord>,
    /// Which call has a long value, by the value's hash.
    values: HashMap<[u8; 32], u32>,
    /// The long values of the calls that have been fed back, while later ones may mean them.
    fed: HashMap<u32, Rc<str>>,
    /// What the run waited for when its process ended.
    interrupted: Option<Waiting>,
}

/// What the record says of a call.
pub(crate) enum Recorded {
    /// Nothing: the call is made now.
    Nothing,
    /// The call was made, and this came of it.
    Done(CallRecord),
    /// The call was begun under this number, and nothing is known of what came of it.
    InDoubt(u32),
}

impl History {
    /// The record of a run that begins; without its row, nothing of it is kept.
    pub(crate) fn new(id: RunId, event: EventId, begun: Option<RunRow>) -> Self {
        Self { id, event, begun: RefCell::new(begun.map(Box::new)), ..Self::default() }
    }

    /// The record of a run that is to be rebuilt, whose beginning an earlier process has told.
    pub(crate) fn replaying(id: RunId, event: EventId, entries: Vec<CallRecord>, waiting: Option<Waiting>) -> Self {
        // What has its answer in the record does not wait again.
        let interrupted = waiting.filter(|waiting| !waiting.call.ends_with(TAKEN));
        let rare = Rare { replay: entries.into(), interrupted, ..Rare::default() };
        Self { id, event, rare: RefCell::new(Some(Box::new(rare))), ..Self::default() }
    }

    /// What is so of what few runs have.
    fn rarely<T: Default>(&self, look: impl FnOnce(&mut Rare) -> T) -> T {
        self.rare.borrow_mut().as_deref_mut().map(look).unwrap_or_default()
    }

    /// Whether the run is being fed its record.
    pub(crate) fn is_replaying(&self) -> bool {
        self.rarely(|rare| !rare.replay.is_empty())
    }

    /// Whether the run has not come back yet to where its process ended: there is more to feed, or it waited for something.
    pub(crate) fn is_catching_up(&self) -> bool {
        self.rarely(|rare| !rare.replay.is_empty() || rare.interrupted.is_some())
    }

    /// What a run that ends now left over of its record, described in words.
    pub(crate) fn left_over(&self) -> Option<String> {
        let next = self.rarely(|rare| rare.replay.front().map(|next| described(&next.name, &next.detail)))?;
        Some(format!("this run cannot be rebuilt: its record goes on with {next}, the script ends here"))
    }

    /// What the record says of the call that the run makes now. `value` is what is written, where its detail stands for it.
    ///
    /// # Errors
    /// When the record has another call at this place, described in words.
    pub(crate) fn look_up(
        &self,
        kind: CallKind,
        name: &str,
        detail: &str,
        value: Option<&str>,
    ) -> Result<Recorded, String> {
        let Some(mut entry) = self.rarely(|rare| rare.replay.pop_front()) else { return Ok(Recorded::Nothing) };
        if (entry.kind, &*entry.name, &*entry.detail) != (kind, name, detail) {
            return Err(format!(
                "this run cannot be rebuilt: its record has {} here, the script makes {}",
                described(&entry.name, &entry.detail),
                described(name, detail)
            ));
        }
        let number = self.next.get();
        self.next.set(number + 1);
        if let Some(value) = value {
            self.has_fed(number, value);
        }
        match &entry.outcome {
            CallOutcome::Pending => return Ok(Recorded::InDoubt(number)),
            CallOutcome::Value(text) => self.has_fed(number, text),
            CallOutcome::Same(other) => {
                let value = self.rarely(|rare| rare.fed.get(other).map(|value| value.to_string()));
                let missing = || format!("this run cannot be rebuilt: its record has no value for {name}");
                entry.outcome = CallOutcome::Value(value.ok_or_else(missing)?);
            }
            _ => {}
        }
        if !self.is_replaying() {
            self.rarely(|rare| rare.fed = HashMap::new());
        }
        Ok(Recorded::Done(entry))
    }

    fn has_fed(&self, number: u32, value: &str) {
        if self.has_value(number, value) {
            self.rarely(|rare| rare.fed.insert(number, value.into()));
        }
    }

    /// Notes that a call has a value; whether it is a long one that no earlier call has.
    fn has_value(&self, number: u32, value: &str) -> bool {
        if value.len() < LONG {
            return false;
        }
        let mut rare = self.rare.borrow_mut();
        let values = &mut rare.get_or_insert_default().values;
        *values.entry(Sha256::digest(value).into()).or_insert(number) == number
    }

    /// What came of a call, without a long value that an earlier one has.
    fn shortened(&self, number: u32, outcome: CallOutcome) -> CallOutcome {
        let CallOutcome::Value(text) = &outcome else { return outcome };
        if text.len() < LONG {
            return outcome;
        }
        let known = self.rarely(|rare| rare.values.get(<[u8; 32]>::from(Sha256::digest(text)).as_slice()).copied());
        match known {
            Some(first) if first != number => CallOutcome::Same(first),
            _ => {
                self.has_value(number, text);
                outcome
            }
        }
    }

    /// When the wait that the end of the process interrupted was to end, if `call` is that wait.
    pub(crate) fn interrupted_deadline(&self, call: &str) -> Option<Timestamp> {
        let interrupted = self.rarely(|rare| rare.interrupted.take()).filter(|waiting| waiting.call == call)?;
        interrupted.deadline
    }

    /// Takes down a call; gives its number. `value` is what is written, where its detail stands for it.
    pub(crate) fn add(&self, mut entry: CallRecord, value: Option<&str>) -> u32 {
        let number = self.next.get();
        self.next.set(number + 1);
        if let Some(value) = value {
            self.has_value(number, value);
        }
        entry.outcome = self.shortened(number, entry.outcome);
        push_one(&mut self.fresh.borrow_mut(), (number, entry));
        number
    }

    /// Takes down what came of a call that was taken down before.
    pub(crate) fn complete(&self, number: u32, outcome: CallOutcome, took: u64) {
        let outcome = self.shortened(number, outcome);
        match self.fresh.borrow_mut().iter_mut().rev().find(|(other, _)| *other == number) {
            Some((_, pending)) => (pending.outcome, pending.took) = (outcome, took),
            None => push_one(&mut self.answers.borrow_mut(), CallAnswer { number, outcome, took }),
        }
    }

    /// How many calls it has.
    pub(crate) fn length(&self) -> u32 {
        self.next.get()
    }

    /// The run's id.
    pub(crate) fn id(&self) -> RunId {
        self.id
    }

    /// The id of the event that the run handles.
    pub(crate) fn event(&self) -> EventId {
        self.event
    }

    /// Notes where the journal has noted that there is something to take, unless it has already; whether that is new.
    pub(crate) fn note(&self, place: usize) -> bool {
        let is_new = self.noted.get().is_none();
        if is_new {
            self.noted.set(Some(place));
        }
        is_new
    }

    /// Where the journal has noted that there is something to take, which it takes now.
    pub(crate) fn take_noted(&self) -> Option<usize> {
        self.noted.take()
    }

    /// What is new since this was asked last.
    pub(crate) fn take_change(&self) -> RunChange {
        let end = self.end();
        let (outcome, fault) = end.as_ref().map(|end| (end.outcome.clone(), end.fault.clone())).unwrap_or_default();
        RunChange {
            id: self.id,
            event: self.event,
            begun: self.begun.take(),
            standing: Standing { waiting: self.waiting(), ended: end.map(|end| end.at), outcome, fault },
            entries: self.take_fresh(),
            answers: self.answers.take(),
        }
    }

    /// The entries that the journal has not taken yet.
    pub(crate) fn take_fresh(&self) -> Vec<(u32, CallRecord)> {
        self.fresh.take()
    }

    /// Says what the run waits for from now on, or that it waits no more. The wait that the end of the process interrupted
    /// goes on as one: it has lasted since it began.
    pub(crate) fn set_waiting(&self, waiting: Option<Waiting>) {
        let since = self.rarely(|Rare { interrupted, .. }| {
            interrupted.take_if(|old| waiting.as_ref().is_none_or(|new| new.call != old.call));
            interrupted.as_ref().map(|old| old.since)
        });
        let began = |new: Waiting| Waiting { since: since.unwrap_or(new.since), ..new };
        *self.waiting.borrow_mut() = waiting.map(began);
    }

    /// Says when the present wait ends by itself.
    pub(crate) fn set_deadline(&self, deadline: Timestamp) {
        if let Some(waiting) = &mut *self.waiting.borrow_mut() {
            waiting.deadline = Some(deadline);
        }
    }

    /// Moves the end of the present wait by as many milliseconds as the time of day was set: it lasts as long as it was to.
    pub(crate) fn move_deadline(&self, step: Timestamp) {
        if let Some(deadline) = self.waiting.borrow_mut().as_mut().and_then(|waiting| waiting.deadline.as_mut()) {
            *deadline = deadline.saturating_add(step);
        }
    }

    /// What the run waits for. One that is being rebuilt still waits for what it did: were the process to end again before it
    /// is there, its deadline must not be lost.
    pub(crate) fn waiting(&self) -> Option<Waiting> {
        self.waiting.borrow().clone().or_else(|| self.rarely(|rare| rare.interrupted.clone()))
    }

    /// Says that the run is over. Only the first end counts; what it waited for then tells where it ended.
    pub(crate) fn set_end(&self, end: RunEnd) {
        self.end.borrow_mut().get_or_insert(end);
    }

    /// How the run ended.
    pub(crate) fn end(&self) -> Option<RunEnd> {
        self.end.borrow().clone()
    }

    /// Whether the run is over.
    pub(crate) fn has_ended(&self) -> bool {
        self.end.borrow().is_some()
    }
}

/// Adds to a list of which most have one item: it begins with room for that, and not for four.
fn push_one<T>(list: &mut Vec<T>, item: T) {
    if list.is_empty() {
        list.reserve_exact(1);
    }
    list.push(item);
}

fn described(name: &str, detail: &str) -> String {
    format!("{name} {detail}").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, outcome: CallOutcome) -> CallRecord {
        let (kind, name) = (CallKind::Pure, name.to_owned().into());
        CallRecord { kind, name, detail: "".into(), place: "".into(), at: 0, took: 0, outcome }
    }

    fn rebuilding(entries: Vec<CallRecord>, waiting: Option<Waiting>) -> History {
        History::replaying(RunId::new(2), EventId::new(1), entries, waiting)
    }

    #[test]
    fn a_record_is_fed_back_in_order_and_then_goes_on() {
        let entries = vec![entry("now", CallOutcome::Value("1".into())), entry("SendText", CallOutcome::Pending)];
        let history = rebuilding(entries, None);
        assert!(matches!(history.look_up(CallKind::Pure, "now", "", None), Ok(Recorded::Done(_))));
        assert!(matches!(history.look_up(CallKind::Pure, "SendText", "", None), Ok(Recorded::InDoubt(1))));
        assert!(matches!(history.look_up(CallKind::Pure, "now", "", None), Ok(Recorded::Nothing)));
        assert_eq!(history.add(entry("now", CallOutcome::Pending), None), 2);
    }

    #[test]
    fn another_call_than_the_recorded_one_is_an_error() {
        let history = rebuilding(vec![entry("now", CallOutcome::Value("1".into()))], None);
        assert!(history.look_up(CallKind::Pure, "random", "", None).is_err());
    }

    #[test]
    fn an_interrupted_wait_goes_on_as_one() {
        let wait =
            |call: &str, since, deadline| Waiting { call: call.to_owned().into(), place: "".into(), since, deadline };
        let history = rebuilding(Vec::new(), Some(wait("ask", 5, Some(90))));
        assert_eq!(history.waiting(), Some(wait("ask", 5, Some(90))), "also while the run is being rebuilt");
        history.set_waiting(Some(wait("ask", 50, None)));
        history.set_deadline(history.interrupted_deadline("ask").expect("it was interrupted"));
        assert_eq!(history.waiting(), Some(wait("ask", 5, Some(90))));
        history.set_waiting(None);
        assert_eq!(history.waiting(), None);

        let history = rebuilding(Vec::new(), Some(wait("ask", 5, Some(90))));
        history.set_waiting(Some(wait("sleep", 50, None)));
        assert_eq!(history.interrupted_deadline("sleep"), None);
        assert_eq!(history.waiting(), Some(wait("sleep", 50, None)));
    }

    #[test]
    fn what_is_left_over_of_a_record_is_named() {
        let history = rebuilding(vec![entry("now", CallOutcome::Value("1".into()))], None);
        let reason = history.left_over().expect("an entry");
        assert_eq!(reason, "this run cannot be rebuilt: its record goes on with now, the script ends here");
        assert!(history.look_up(CallKind::Pure, "now", "", None).is_ok());
        assert_eq!(history.left_over(), None);
    }

    #[test]
    fn what_came_of_a_call_takes_its_place() {
        let history = History::default();
        let number = history.add(entry("a", CallOutcome::Pending), None);
        let complete = |text: &str| {
            history.complete(number, CallOutcome::Value(text.into()), 5);
            let change = history.take_change();
            (change.entries, change.answers)
        };
        let done = CallRecord { took: 5, ..entry("a", CallOutcome::Value("1".into())) };
        assert_eq!(complete("1"), (vec![(0, done)], vec![]));
        let answer = CallAnswer { number: 0, outcome: CallOutcome::Value("2".into()), took: 5 };
        assert_eq!(complete("2"), (vec![], vec![answer]), "the journal has the entry already");
    }

    #[test]
    fn a_long_value_is_written_once_and_fed_back_everywhere() {
        let long = |letter: &str| letter.repeat(LONG);
        let value = |letter: &str| CallOutcome::Value(long(letter));
        let history = History::default();
        history.add(entry("read", value("a")), None);
        history.add(entry("read", value("a")), None);
        history.add(entry("write", CallOutcome::Value("null".into())), Some(&long("b")));
        history.add(entry("read", value("b")), None);
        history.add(entry("read", CallOutcome::Value("short".into())), None);
        history.add(entry("read", CallOutcome::Value("short".into())), None);
        let entries: Vec<_> = history.take_fresh().into_iter().map(|(_, entry)| entry).collect();
        let outcomes: Vec<_> = entries.iter().map(|entry| entry.outcome.clone()).collect();
        assert_eq!((&outcomes[1], &outcomes[3]), (&CallOutcome::Same(0), &CallOutcome::Same(2)));
        assert_eq!(outcomes[5], CallOutcome::Value("short".into()));

        let history = rebuilding(entries, None);
        let fed = |name: &str, written: Option<&str>| match history.look_up(CallKind::Pure, name, "", written) {
            Ok(Recorded::Done(entry)) => entry.outcome,
            _ => panic!("the record has it"),
        };
        assert_eq!([fed("read", None), fed("read", None)], [value("a"), value("a")]);
        fed("write", Some(&long("b")));
        assert_eq!(fed("read", None), value("b"));
        fed("read", None);
        fed("read", None);
        assert_eq!(history.add(entry("read", value("b")), None), 6);
        assert_eq!(history.take_fresh()[0].1.outcome, CallOutcome::Same(2), "also by what it goes on with");
    }
}
