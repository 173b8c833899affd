//! What the journal takes down: events, runs, their host calls, timers; and batches, the unit in which it is taken down.
//!
//! A **batch** is everything that one worker has to record, taken at one moment between two steps of its runs. A batch is
//! written whole or not at all, with the scripts' values as they were then, so what is on disk is always a moment that was.
//! Where it is written is not known here, nor what it means to a run.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::ids::{EventId, RunId, TimerId};
use crate::clock::Timestamp;
use crate::protocol::{Content, Event};

/// An event as it arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRow {
    /// Its id, ascending in the order of arrival.
    pub id: EventId,
    /// The session that it arrived at.
    pub session: Arc<str>,
    /// The gateway's name for it, or that of an [`InternalKind`](super::InternalKind).
    pub subcommand: Cow<'static, str>,
    /// Its content as it came.
    pub content: Content,
    /// When it arrived.
    pub at: Timestamp,
    /// Whether every script has had it.
    pub done: bool,
    /// The run that took it as the answer that it waited for.
    pub answered: Option<RunId>,
}

/// What a run is, which never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRow {
    /// Its id.
    pub id: RunId,
    /// The event that it handles.
    pub event: EventId,
    /// The session that it acts on.
    pub session: Arc<str>,
    /// The script.
    pub script: Arc<str>,
    /// The function that was called.
    pub function: Arc<str>,
    /// The number of the script's generation, within its process.
    pub generation: i64,
    /// The sources that it runs.
    pub bundle: BundleHash,
    /// When it started.
    pub started: Timestamp,
    /// Whether it is rebuilt after a restart.
    pub rebuild: bool,
    /// The format of its entries.
    pub format: i64,
}

/// How far a run is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// What it waits for, while it waits.
    pub waiting: Option<Waiting>,
    /// When it ended, once it has.
    pub ended: Option<Timestamp>,
    /// How it ended.
    pub outcome: RunOutcome,
    /// What went wrong, where it failed.
    pub fault: Option<String>,
}

/// How a run ended; in the journal and wherever people read it, a few words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RunOutcome {
    /// It has not: it goes on.
    #[default]
    Open,
    /// Its script handled the event.
    Handled,
    /// Its script left the event to others.
    PassedOn,
    /// It had a fault.
    Failed,
    /// Somebody asked for its end.
    Killed,
    /// It was none to go on in another process.
    EndedWithProcess,
    /// Its session became another account's, or does not run its script any more.
    EndedWithSession,
    /// It waited at a question at which a newer version of its script takes over.
    GaveWay,
    /// Its script was forgotten.
    EndedWithScript,
    /// It waited, and no version of its script was left to go on with.
    ScriptGone,
    /// It waited, and its session was in no configuration for longer than the retention.
    SessionGone,
    /// What another version of Hotline wrote, and this one does not know.
    Other(Box<str>),
}

impl RunOutcome {
    const TEXTS: [(Self, &str); 11] = [
        (Self::Open, ""),
        (Self::Handled, "handled"),
        (Self::PassedOn, "passed on"),
        (Self::Failed, "failed"),
        (Self::Killed, "killed"),
        (Self::EndedWithProcess, "ended with its process"),
        (Self::EndedWithSession, "ended with its session"),
        (Self::GaveWay, "gave way to a newer version"),
        (Self::EndedWithScript, "ended with its script"),
        (Self::ScriptGone, "its script is gone"),
        (Self::SessionGone, "its session is gone"),
    ];

    /// The words.
    pub fn text(&self) -> &str {
        match self {
            Self::Other(text) => text,
            known => Self::TEXTS.iter().find(|(outcome, _)| outcome == known).map_or("", |(_, text)| text),
        }
    }
}

impl From<&str> for RunOutcome {
    fn from(text: &str) -> Self {
        let known = Self::TEXTS.into_iter().find(|(_, known)| *known == text);
        known.map_or_else(|| Self::Other(text.into()), |(outcome, _)| outcome)
    }
}

impl fmt::Display for RunOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl Serialize for RunOutcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text())
    }
}

impl<'de> Deserialize<'de> for RunOutcome {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from(&*String::deserialize(deserializer)?))
    }
}

/// What a run waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// The host call: `ask`, `sleep`, or a command's name.
    pub call: Cow<'static, str>,
    /// The file and line of the call, where they are known.
    pub place: Arc<str>,
    /// Since when.
    pub since: Timestamp,
    /// When it ends by itself, where it does.
    pub deadline: Option<Timestamp>,
}

/// What a host call is to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CallKind {
    /// It only looks at something: the time, chance, what is stored.
    Pure,
    /// It changes what Hotline itself keeps, which is recorded together with the call: the store, timers.
    Keep,
    /// It waits for something: a person, a delay, an answer that changes nothing.
    Wait,
    /// It changes something outside.
    Effect,
}

/// One host call of a run, as it was observed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRecord {
    /// What it is to the world.
    pub kind: CallKind,
    /// What was called.
    pub name: Cow<'static, str>,
    /// What it was called with.
    #[serde(default)]
    pub detail: Arc<str>,
    /// The file and line of the call, where they are known.
    #[serde(default)]
    pub place: Arc<str>,
    /// When it was made.
    pub at: Timestamp,
    /// How long it took, in microseconds.
    #[serde(default)]
    pub took: u64,
    /// What came of it.
    pub outcome: CallOutcome,
}

impl CallRecord {
    /// Adds what came of it.
    pub(super) fn answer(&mut self, CallAnswer { outcome, took, .. }: CallAnswer) {
        (self.outcome, self.took) = (outcome, took);
    }
}

/// What came of a host call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallOutcome {
    /// It was begun, and nothing is known yet.
    Pending,
    /// A value, as JSON text.
    Value(String),
    /// A gateway's content, as it came.
    Content(String),
    /// A message's content, as it came.
    Message(String),
    /// A session's name, for a handle on it.
    Session(String),
    /// The names of all sessions, for handles on them.
    Sessions(Vec<String>),
    /// What was thrown, as JSON text.
    Thrown(String),
    /// The value that the run's call of this number gave, or was given: a long one is written once.
    Same(u32),
    /// A secret: a run that is rebuilt asks for it again.
    Withheld,
}

/// The hash of a script's sources; hexadecimal digits where people read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BundleHash(pub [u8; 32]);

impl Serialize for BundleHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(&data_encoding::HEXLOWER.encode(&self.0))
        } else {
            serializer.serialize_bytes(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for BundleHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            let bytes = <&[u8]>::deserialize(deserializer)?.try_into();
            return bytes.map(Self).map_err(|_| serde::de::Error::custom("a hash has 32 bytes"));
        }
        let text = String::deserialize(deserializer)?;
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| serde::de::Error::custom("a hash has 64 hexadecimal digits"))
    }
}

/// A run with everything that is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunRecord {
    /// What it is.
    #[serde(flatten)]
    pub run: RunRow,
    /// How far it is.
    #[serde(flatten)]
    pub standing: Standing,
    /// Its host calls, in order.
    #[serde(rename = "calls")]
    pub entries: Vec<CallRecord>,
}

/// An event with the runs that handled it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Handling {
    /// The event.
    #[serde(flatten)]
    pub event: EventRow,
    /// Its runs, in the order in which they started.
    pub runs: Vec<RunRecord>,
}

/// An event that every script has had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handled {
    /// The event.
    pub event: EventId,
    /// The run that took it as the answer that it waited for.
    pub answered: Option<RunId>,
}

/// What is new about a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunChange {
    /// The run.
    pub id: RunId,
    /// The event that it handles.
    pub event: EventId,
    /// What it is, unless an earlier batch of this process said so.
    pub begun: Option<Box<RunRow>>,
    /// How far it is now.
    pub standing: Standing,
    /// Its new host calls. An entry's number replaces the one of that number.
    pub entries: Vec<(u32, CallRecord)>,
    /// What came of calls that earlier changes told of.
    pub answers: Vec<CallAnswer>,
}

/// What came of a host call that has been taken down before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallAnswer {
    /// The call's number in its run.
    pub number: u32,
    /// What came of it.
    pub outcome: CallOutcome,
    /// How long it took, in microseconds.
    pub took: u64,
}

/// A timer that waits for its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimerRow {
    /// Its id.
    pub id: TimerId,
    /// The session.
    pub session: String,
    /// The script.
    pub script: String,
    /// What is called with what, and when, as JSON text.
    pub timer: String,
    /// When it is due next.
    pub due: Timestamp,
    /// Who asked for it.
    pub origin: TimerOrigin,
}

/// Who asked for a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerOrigin {
    /// A handler.
    Made,
    /// The script's top level, so that it goes when the declaration goes.
    Declared,
    /// Both: a handler's call stays when the declaration goes.
    Both,
}

impl TimerOrigin {
    /// Who asked for it when somebody else asks too.
    pub fn and(self, other: Self) -> Self {
        if self == other { self } else { Self::Both }
    }

    /// Whether the script's top level asks for it.
    pub fn is_declared(self) -> bool {
        self != Self::Made
    }
}

/// A message that a session has taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRow {
    /// The session.
    pub session: Arc<str>,
    /// Its id.
    pub id: MessageId,
    /// When it arrived.
    pub at: Timestamp,
}

/// The id of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageId {
    /// A number, written as numbers are.
    Number(i64),
    /// Any other text.
    Text(Box<str>),
}

impl MessageId {
    /// The number that it is, however it is written.
    pub fn number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
        }
    }
}

impl From<&str> for MessageId {
    fn from(text: &str) -> Self {
        let is_plain = text == "0" || text.trim_start_matches('-').starts_with(|first| ('1'..='9').contains(&first));
        match text.parse() {
            Ok(number) if is_plain => Self::Number(number),
            _ => Self::Text(text.into()),
        }
    }
}

/// A script's sources, pinned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleRow {
    /// Their hash.
    pub hash: BundleHash,
    /// The script's name.
    pub script: String,
    /// The sources, as JSON text.
    pub sources: String,
}

/// Everything that a worker has to record at one moment.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The moment.
    pub at: Timestamp,
    /// Events that are new.
    pub events: Vec<EventRow>,
    /// Messages that are new, which are remembered for longer than their events.
    pub messages: Vec<MessageRow>,
    /// Events of earlier batches that have been handled since.
    pub handled: Vec<Handled>,
    /// Runs that are new or have changed.
    pub runs: Vec<RunChange>,
    /// Timers that are new or have changed.
    pub timers: Vec<TimerRow>,
    /// Timers that are gone.
    pub gone_timers: Vec<TimerId>,
    /// Sessions and scripts whose states of people and chats are forgotten; this comes before the states that have changed.
    pub gone_states: Vec<(String, String)>,
    /// States that have changed: session, script or [the state of a person or a chat](super::state_of), JSON text.
    pub states: Vec<(String, String, String)>,
    /// Sources that runs are pinned to.
    pub bundles: Vec<BundleRow>,
}

/// Whose a session is, and what it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// The gateway's url.
    pub gateway: String,
    /// The account's email or phone number.
    pub account: String,
    /// The scripts that it runs; none means all.
    pub scripts: Option<Vec<String>>,
    /// The time at which it is so.
    pub now: Timestamp,
}

/// The scripts that there were at a time, in the order in which they got events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineup {
    /// The scripts.
    pub scripts: Vec<LinedUp>,
}

/// A script as it was at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinedUp {
    /// Its name.
    pub name: String,
    /// The hooks that it defined.
    pub hooks: Vec<String>,
    /// Why it did not load, where it did not.
    pub fault: Option<String>,
    /// Whether its file was missing, so that it was held.
    #[serde(default)]
    pub held: bool,
}

/// How long before the end of a process an event may have come to come again, in milliseconds.
pub(super) const MOMENT: Timestamp = 10_000;

/// What a session left behind when its process ended.
#[derive(Clone, Debug, Default)]
pub struct Recovered {
    /// Events that not every script has had, in the order of their arrival, each with the runs that it had.
    pub events: Vec<Handling>,
    /// Events that every script has had, each with the runs of it that wait.
    pub waiting: Vec<Handling>,
    /// The timers.
    pub timers: Vec<TimerRow>,
    /// The scripts' states as JSON text, by script.
    pub states: HashMap<String, String>,
    /// What came within the last ten seconds of that time, in the order of arrival.
    pub latest: Vec<Event>,
    /// The ids of the latest messages, which are not handled again.
    pub messages: HashSet<String>,
    /// The highest number that the id of a message was.
    pub highest_message: Option<i64>,
    /// The latest time that the record knows of.
    pub last: Option<Timestamp>,
    /// Whether the session was another account's until now, so that what it left behind has ended.
    pub has_moved: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_kept_as_its_words_also_one_of_another_version() {
        let words = [
            (RunOutcome::Open, ""),
            (RunOutcome::PassedOn, "passed on"),
            (RunOutcome::EndedWithScript, "ended with its script"),
            (RunOutcome::Other("went fishing".into()), "went fishing"),
        ];
        for (outcome, text) in words {
            let json = serde_json::to_string(&outcome).expect("it is a text");
            assert_eq!(json, format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<RunOutcome>(&json).expect("it is read"), outcome);
            let bytes = postcard::to_allocvec(&outcome).expect("it is a text");
            assert_eq!(bytes, postcard::to_allocvec(text).expect("it is a text"));
            assert_eq!(postcard::from_bytes::<RunOutcome>(&bytes).expect("it is read"), outcome);
        }
    }
}
