//! How a running system is now, as rows.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::language::diagnostic::plain_card;
use crate::language::fault::Fault;
use crate::session::{Phase, Status};
use crate::store::{EventId, RunId, TimerId, Waiting};

/// How many runs and how many timers a worker shows at most: it handles no events meanwhile. The counters count all of them.
pub(crate) const ROWS: usize = 10_000;

/// One worker's part of what can be seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkerView {
    /// Its sessions.
    pub sessions: Vec<SessionView>,
    /// Its runs that go on, at most 10,000, those first that have their event wait for them.
    pub runs: Vec<RunView>,
    /// Its timers, at most 10,000, those first that are due first in their session.
    pub timers: Vec<TimerView>,
    /// How much there is of all.
    pub counters: WorkerCounters,
}

/// How much a worker has to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerCounters {
    /// Runs that their events wait for.
    pub running: usize,
    /// Runs that go on by themselves.
    pub parked: usize,
    /// Runs of earlier processes that have not been taken up yet.
    pub left_behind: usize,
    /// Timers that wait for their time.
    pub timers: usize,
    /// Further runs that may begin before events wait for one to end.
    pub free: usize,
}

impl WorkerCounters {
    /// Adds those of another worker.
    pub(crate) fn add(&mut self, other: &Self) {
        self.running += other.running;
        self.parked += other.parked;
        self.left_behind += other.left_behind;
        self.timers += other.timers;
        self.free += other.free;
    }
}

/// A session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionView {
    /// Its name.
    pub name: String,
    /// How far it is.
    #[serde(flatten)]
    pub phase: PhaseView,
    /// The account's mid, once known.
    pub mid: Option<String>,
    /// The account's display name, once known.
    pub display_name: Option<String>,
    /// The scripts that it runs; none means all.
    pub scripts: Option<Vec<String>>,
    /// What waits.
    pub queues: SessionQueues,
    /// How long the latest answer took, in milliseconds; none where nothing was answered yet.
    pub latency: Option<u64>,
    /// What there was since it began.
    pub counters: SessionCounters,
}

impl SessionView {
    /// What its handle shows of it, beside the events that wait on its worker.
    pub(crate) fn new(name: &str, status: Status, scripts: Option<Vec<String>>, events: usize) -> Self {
        Self {
            name: name.to_owned(),
            phase: PhaseView::from(&status.phase),
            scripts,
            queues: SessionQueues { events, calls: status.queued, paced: status.paced, unanswered: status.outstanding },
            counters: SessionCounters {
                logins: status.logins,
                events: status.events,
                repeated: status.repeated,
                ignored: status.ignored,
                damaged: status.damaged,
            },
            latency: status.latency.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
            mid: status.mid,
            display_name: status.display_name,
        }
    }
}

/// How far a session is, and why where it is not live.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum PhaseView {
    /// A connection is being made.
    Connecting,
    /// The login is sent.
    LoggingIn,
    /// A PIN is to be typed on the phone.
    AwaitingPin,
    /// Commands go out and events come in.
    Live,
    /// There is no connection; one is tried again.
    Lost {
        /// How many attempts have failed since the session was last well.
        attempts: u32,
    },
    /// The login was refused; nothing is tried again.
    Refused {
        /// What the gateway said.
        reason: String,
    },
    /// There is no gateway; nothing is tried again.
    Unusable {
        /// Why.
        reason: String,
    },
    /// The session was stopped.
    Stopped,
}

impl From<&Phase> for PhaseView {
    fn from(phase: &Phase) -> Self {
        match phase {
            Phase::Connecting => Self::Connecting,
            Phase::LoggingIn => Self::LoggingIn,
            Phase::AwaitingPin => Self::AwaitingPin,
            Phase::Live => Self::Live,
            Phase::Lost { attempts } => Self::Lost { attempts: *attempts },
            Phase::Refused(failure) => Self::Refused { reason: failure.to_string() },
            Phase::Unusable(reason) => Self::Unusable { reason: reason.clone() },
            Phase::Stopped => Self::Stopped,
        }
    }
}

/// What waits in a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionQueues {
    /// Events that wait or are being handled.
    pub events: usize,
    /// Calls that wait for the connection.
    pub calls: usize,
    /// Calls that wait for their turn, so that the session does not send too fast.
    pub paced: usize,
    /// Calls that are sent and not answered.
    pub unanswered: usize,
}

/// What there was in a session since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionCounters {
    /// Logins that were sent.
    pub logins: u64,
    /// Events that were handed on.
    pub events: u64,
    /// Events that were repetitions.
    pub repeated: u64,
    /// Frames that meant nothing.
    pub ignored: u64,
    /// Frames, contents and answers that were damaged, and read all the same.
    pub damaged: u64,
}

/// A run that goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunView {
    /// Its id.
    pub id: RunId,
    /// The id of the event that it handles.
    pub event: EventId,
    /// Its session's name.
    pub session: String,
    /// Its script's name.
    pub script: String,
    /// The function that it calls.
    pub function: String,
    /// The generation that it runs.
    pub generation: i64,
    /// Whether it goes on by itself: its event does not wait for it.
    pub is_parked: bool,
    /// What it waits for, where it waits.
    pub waits: Option<WaitView>,
}

/// What a run waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitView {
    /// The call, such as `ask`, and why it waits where that is not for its own sake.
    pub call: String,
    /// Where it stands, as `file:line`; empty where nothing is known.
    pub place: String,
    /// Since when.
    pub since: Timestamp,
    /// When it goes on by itself, where it does.
    pub until: Option<Timestamp>,
    /// The chat in which somebody is asked.
    pub chat: Option<String>,
    /// The person who is asked; none where anyone may answer.
    pub person: Option<String>,
}

impl WaitView {
    /// What the record says of a wait, with the chat and the person who is asked.
    pub(crate) fn new(waiting: Waiting, asked: Option<(String, Option<String>)>) -> Self {
        let Waiting { call, place, since, deadline } = waiting;
        let (chat, person) = asked.map_or((None, None), |(chat, person)| (Some(chat), person));
        Self { call: call.to_string(), place: place.to_string(), since, until: deadline, chat, person }
    }
}

/// A timer that waits for its time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimerView {
    /// Its id.
    pub id: TimerId,
    /// Its session's name.
    pub session: String,
    /// Its script's name.
    pub script: String,
    /// The function that it calls.
    pub function: String,
    /// When it is due next.
    pub due: Timestamp,
    /// Whether it is due again after that.
    pub repeats: bool,
}

/// A script.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScriptView {
    /// Its name.
    pub name: String,
    /// Its file; none where it has been missing since the start.
    pub file: Option<String>,
    /// How it is.
    pub state: ScriptState,
    /// The number of the live generation; none where nothing of it is live.
    pub generation: Option<i64>,
    /// The hooks that the live generation defines, and the commands that it declares, such as `/order`.
    pub hooks: Vec<String>,
    /// How many timers its top level declares.
    pub timers: usize,
    /// What is wrong with its newest version, which is then not the live one.
    pub fault: Option<FaultView>,
}

/// How a script is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScriptState {
    /// Its newest version is live.
    Live,
    /// Its newest version does not load; one before it may be live.
    Faulty,
    /// Its file is missing: it is held.
    Missing,
    /// It has no text yet.
    Empty,
}

/// What is wrong with a script or a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultView {
    /// The file that the place lies in.
    pub file: String,
    /// The line, where one is known.
    pub line: Option<usize>,
    /// The column, where one is known.
    pub column: Option<usize>,
    /// What was found, and what was expected.
    pub message: String,
    /// All of it on one line, with the calls that led there below.
    pub text: String,
    /// It as it is shown to people.
    pub card: String,
}

impl From<&Fault> for FaultView {
    fn from(fault: &Fault) -> Self {
        let Fault { file, line, column, message, .. } = fault;
        Self {
            file: file.clone(),
            line: *line,
            column: *column,
            message: message.clone(),
            text: fault.to_string(),
            card: plain_card(fault),
        }
    }
}
