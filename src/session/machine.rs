//! Every decision of a session, without I/O: inputs and `now` go in, outputs come out.
//!
//! `now` is the clock's elapsed time. Which socket carries the frames is not known here: a connection is a number, and
//! whatever still arrives from an earlier one is passed over.

mod login;
#[cfg(test)]
mod scenes;
mod sending;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::calls::{CallError, Calls, Completion};
use super::config::SessionConfig;
use super::dedup::Dedup;
use super::rate_limit::{CallQueues, Restraint};
use super::redact::Secrets;
use super::signal::{Ended, Signal};
use super::status::{Phase, Status};
use crate::protocol::commands::GetProfile;
use crate::protocol::{Call, Content, Damages, Event, Failure, HEARTBEAT, Incoming, decode_noting, encode_fields};

/// A connection takes no longer than this to come about, proxies and TLS included.
pub(super) const CONNECT: Duration = Duration::from_secs(30);
/// A login that needs no PIN is answered within this, else the connection is given up.
pub(super) const LOGIN: Duration = Duration::from_secs(120);
/// A person has this long to type the PIN.
pub(super) const PIN: Duration = Duration::from_secs(600);
/// That sign of life comes within this, else the connection is dead.
pub(super) const PROBE: Duration = Duration::from_secs(20);
/// Attempts at a connection are at least this far apart.
pub(super) const BACKOFF_MIN: Duration = Duration::from_secs(1);
/// Attempts at a connection are at most this far apart.
pub(super) const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// A session that was live this long is well: its next attempts begin at the shortest delay again.
pub(super) const HEALTHY: Duration = Duration::from_secs(60);
/// So many events, of so many bytes together, are kept between login and readiness.
const KEPT: usize = 50_000;
const KEPT_BYTES: usize = 32 * 1024 * 1024;

/// The number of a connection; each attempt has a new one.
pub(super) type Connection = u64;

/// What the machine wants done, in this order.
#[derive(Debug)]
pub(super) enum Output<T> {
    /// Make a connection and report it by its number.
    Connect(Connection),
    /// Send a text frame.
    Send(Connection, String),
    /// Give the connection up, also one that is being made.
    Close,
    /// The same, with a goodbye where it is open.
    Leave,
    /// A call has its slot: its caller sends it now.
    Grant(T),
    /// A call is over.
    Complete(T, Result<Content, CallError>),
    /// Tell the owner.
    Signal(Signal),
}

#[derive(Debug)]
enum State {
    Connecting {
        deadline: Duration,
    },
    LoggingIn {
        deadline: Duration,
        pin: Option<String>,
        notices: usize,
    },
    /// Logged in without a mid: the profile has to give it.
    Identifying {
        question: Option<i64>,
        due: Duration,
        /// How often it could not be had.
        refusals: u32,
        display_name: Option<String>,
    },
    Live {
        since: Duration,
        probe: Option<Probe>,
    },
    Lost {
        retry: Duration,
    },
    Refused(Failure),
    /// What answers at the gateway's place is none, and never was.
    Unusable(String),
    Stopped,
}

#[derive(Debug)]
struct Probe {
    task_id: i64,
    deadline: Duration,
}

/// One session.
///
/// Invariants: each call is completed exactly once, or dropped when its caller gave it up. Each connection carries at
/// most one login. Nothing is signalled for a frame of a connection that was given up.
pub(super) struct Machine<T> {
    config: SessionConfig,
    certificate: Option<String>,
    secrets: Secrets,
    state: State,
    connection: Connection,
    attempts: u32,
    /// When the latest attempt at a connection began.
    began: Duration,
    heard: Duration,
    is_reading: bool,
    beat: Duration,
    queues: CallQueues<T>,
    calls: Calls<T>,
    dedup: Dedup,
    kept: VecDeque<Event>,
    kept_bytes: usize,
    /// What was wrong with the frames since it was asked for last.
    damages: Damages,
    /// When calls that have passed their queues go on that a pause holds back.
    resume_at: Option<Duration>,
    is_overfull: bool,
    /// Whether no new connection is made.
    is_held: bool,
    rng: StdRng,
    outputs: VecDeque<Output<T>>,
    counts: Status,
}

impl<T: Completion> Machine<T> {
    /// A session that connects at once, unless the one before it had to wait.
    pub(super) fn new(config: SessionConfig, seed: u64, now: Duration) -> Self {
        let mut machine = Self {
            certificate: config.certificate.clone(),
            secrets: Secrets::of(&config),
            queues: CallQueues::new(&config.pacing, config.max_outstanding.max(1)),
            calls: Calls::new(config.max_outstanding.max(1)),
            state: State::Lost { retry: config.restraint.retry },
            attempts: config.restraint.attempts,
            config,
            connection: 0,
            began: now,
            heard: now,
            is_reading: true,
            beat: now,
            dedup: Dedup::default(),
            kept: VecDeque::new(),
            kept_bytes: 0,
            damages: Damages::default(),
            resume_at: None,
            is_overfull: false,
            is_held: false,
            rng: StdRng::seed_from_u64(seed),
            outputs: VecDeque::new(),
            counts: Status::default(),
        };
        machine.queues.take_over(&machine.config.restraint);
        if machine.config.restraint.retry <= now {
            machine.connect(now);
        }
        machine
    }

    /// What is to be done next.
    pub(super) fn output(&mut self) -> Option<Output<T>> {
        self.outputs.pop_front()
    }

    /// When [`tick`](Self::tick) should be called next; earlier is harmless.
    pub(super) fn next_wake(&self) -> Option<Duration> {
        let state = match &self.state {
            State::Connecting { deadline } => Some(*deadline),
            State::LoggingIn { deadline, .. } => Some(*deadline.min(&self.beat)),
            State::Identifying { due, .. } => Some(*due.min(&self.beat)),
            State::Live { probe: Some(probe), .. } => Some(probe.deadline.min(self.beat)),
            State::Live { .. } if !self.is_reading => Some(self.beat),
            State::Live { probe: None, .. } => Some(self.silent().min(self.beat)),
            State::Lost { retry } if !self.is_held => Some(*retry),
            State::Lost { .. } | State::Refused(_) | State::Unusable(_) | State::Stopped => None,
        };
        [state, self.calls.next_deadline(), self.queues.next_wake(), self.resume_at].into_iter().flatten().min()
    }

    /// The owner takes no events for a while, or takes them again: meanwhile no new connection is made.
    pub(super) fn set_held(&mut self, is_held: bool, now: Duration) {
        self.is_held = is_held;
        if !is_held {
            self.tick(now);
        }
    }

    /// The owner takes no events, and more wait than can be kept. Whether there was a connection to leave.
    ///
    /// That is no failure: the next attempt may begin as soon as the owner takes events again.
    pub(super) fn leave(&mut self, now: Duration) -> bool {
        if !self.has_connection() {
            return false;
        }
        let was_live = self.is_live();
        let retry = self.began.saturating_add(BACKOFF_MIN).max(now);
        self.state = State::Lost { retry };
        self.outputs.push_back(Output::Leave);
        for reply in self.calls.connection_lost() {
            self.complete(reply, Err(CallError::Disconnected { sent: true }));
        }
        let reason = "more events waited to be recorded than could be kept".to_owned();
        self.signal(Signal::Disconnected { reason, was_live, retry: retry.saturating_sub(now) });
        true
    }

    /// How many calls are unanswered.
    pub(super) fn outstanding(&self) -> usize {
        self.calls.outstanding()
    }

    /// Whether commands go out.
    pub(super) fn is_live(&self) -> bool {
        matches!(self.state, State::Live { .. })
    }

    /// Whether the session is over, and all its outputs are taken.
    pub(super) fn is_over(&self) -> bool {
        self.is_ending() && self.outputs.is_empty()
    }

    /// Whether the session is over but for its last outputs.
    pub(super) fn is_ending(&self) -> bool {
        matches!(self.state, State::Refused(_) | State::Unusable(_) | State::Stopped)
    }

    /// Writes what changes from frame to frame; the texts only when they differ.
    pub(super) fn write_status(&self, status: &mut Status) {
        status.outstanding = self.calls.outstanding();
        status.queued = self.calls.queued();
        status.latency = self.calls.latency();
        status.paced = self.queues.waiting();
        status.logins = self.counts.logins;
        status.events = self.counts.events;
        status.repeated = self.counts.repeated;
        status.ignored = self.counts.ignored;
        status.sent = self.counts.sent;
        status.received = self.counts.received;
        status.restraint = self.restraint();
        let phase = self.phase();
        if status.phase != phase {
            status.phase = phase;
            status.mid.clone_from(&self.counts.mid);
            status.display_name.clone_from(&self.counts.display_name);
        }
    }

    /// Why the session is over, once it is.
    pub(super) fn end(&self) -> Ended {
        match &self.state {
            State::Refused(failure) => Ended::Refused(failure.clone()),
            State::Unusable(reason) => Ended::Unusable(reason.clone()),
            _ => Ended::Stopped,
        }
    }

    /// A connection has come about: the login goes out at once.
    pub(super) fn connected(&mut self, connection: Connection, now: Duration) {
        if connection != self.connection || !matches!(self.state, State::Connecting { .. }) {
            return;
        }
        self.heard = now;
        self.beat = now.saturating_add(self.config.beat);
        (self.counts.sent, self.counts.received) = (0, 0);
        let (command, fields) = self.config.login.request(self.certificate.as_deref(), self.config.proxy.as_ref());
        match encode_fields(command, None, &fields) {
            Ok(frame) => {
                self.counts.logins += 1;
                self.send(frame);
                self.state = State::LoggingIn { deadline: now + self.login_patience(), pin: None, notices: 0 };
            }
            Err(error) => self.refuse(Failure { code: -1, content: error.to_string() }),
        }
    }

    /// A connection, or the attempt at one, has failed.
    pub(super) fn disconnected(&mut self, connection: Connection, reason: &str, now: Duration) {
        if connection == self.connection && self.has_connection() {
            self.lose(reason, now);
        }
    }

    /// An attempt has shown that no gateway is there, or none that can be trusted.
    ///
    /// Where one has been, it will be again; where none ever was, the address is wrong, and trying on would hide that.
    pub(super) fn unusable(&mut self, connection: Connection, reason: &str, now: Duration) {
        if self.counts.logins > 0 {
            return self.disconnected(connection, reason, now);
        }
        if connection == self.connection && self.has_connection() {
            let error = CallError::Unusable(reason.to_owned());
            self.give_up(State::Unusable(reason.to_owned()), &error);
            self.signal(Signal::Unusable(reason.to_owned()));
        }
    }

    /// Something arrived that carries no text, such as a ping: it proves life.
    pub(super) fn heard(&mut self, connection: Connection, now: Duration) {
        if connection != self.connection {
            return;
        }
        self.heard = now;
        if let State::Live { probe, .. } = &mut self.state {
            *probe = None;
        }
    }

    /// The socket is no longer read, so that silence means nothing.
    pub(super) fn reading_stopped(&mut self) {
        self.is_reading = false;
        if let State::Live { probe, .. } = &mut self.state {
            *probe = None;
        }
    }

    /// The socket is read again: silence counts from now on.
    pub(super) fn reading_resumed(&mut self, now: Duration) {
        self.is_reading = true;
        self.heard = now;
    }

    /// A frame arrived that can mean nothing.
    pub(super) fn noise(&mut self, connection: Connection, now: Duration) {
        self.heard(connection, now);
        self.counts.received += 1;
        self.ignore(format_args!("it is binary, and JSON text was expected"));
    }

    /// A text frame arrived.
    pub(super) fn frame(&mut self, connection: Connection, text: &str, now: Duration) {
        if connection != self.connection || !self.has_connection() {
            return;
        }
        self.counts.received += 1;
        let own_reply = match &self.state {
            State::Live { probe: Some(probe), .. } => Some(probe.task_id),
            State::Identifying { question, .. } => *question,
            _ => None,
        };
        self.heard(connection, now);
        if matches!(self.state, State::LoggingIn { .. }) {
            return self.login_frame(text, now);
        }
        match decode_noting(text, &mut self.damages) {
            Ok(Incoming::Reply { task_id, outcome }) => self.reply(task_id, own_reply, outcome, now),
            Ok(Incoming::Unnumbered { command, outcome }) => {
                let own = own_reply.filter(|_| command == GetProfile::COMMAND.name);
                match (self.calls.only_one(&command), own) {
                    (Some(task_id), None) | (None, Some(task_id)) => self.reply(task_id, own, outcome, now),
                    _ => self.ignore(format_args!("the answer to {command} carries no task_id")),
                }
            }
            Ok(Incoming::Event(event)) => self.event(event, now),
            Ok(Incoming::HeartBeat) => {}
            Ok(Incoming::Login(_) | Incoming::Other { .. }) => self.counts.ignored += 1,
            Err(error) => self.ignore(format_args!("{error}")),
        }
        self.send_waiting(now);
    }

    /// A call was answered otherwise than by a frame.
    pub(super) fn answered(
        &mut self,
        connection: Connection,
        task_id: i64,
        outcome: Result<Content, CallError>,
        now: Duration,
    ) {
        if connection != self.connection || !self.has_connection() {
            return;
        }
        self.heard(connection, now);
        self.counts.received += 1;
        match (self.calls.answered(task_id, now), outcome) {
            (Some(order), Ok(content)) => self.answer(order, Ok(content), now),
            (Some(order), Err(CallError::Refused(failure))) => self.answer(order, Err(failure), now),
            (Some(order), Err(error)) => self.complete(order.reply, Err(error)),
            (None, Ok(content)) => self.profile(task_id, Ok(content), now),
            (None, Err(_)) => self.counts.ignored += 1,
        }
        self.send_waiting(now);
    }

    /// Something happened, and came otherwise than by a frame.
    pub(super) fn happened(&mut self, connection: Connection, event: Event, now: Duration) {
        if connection == self.connection && self.has_connection() {
            self.heard(connection, now);
            self.counts.received += 1;
            self.event(event, now);
        }
    }

    /// An answer to a request; `own` is the number of one that the session itself has under way.
    fn reply(&mut self, task_id: i64, own: Option<i64>, outcome: Result<Content, Failure>, now: Duration) {
        match self.calls.answered(task_id, now) {
            Some(order) => self.answer(order, outcome, now),
            None if own == Some(task_id) && self.is_live() => {
                if let Err(failure) = &outcome {
                    self.hear(failure, now);
                }
            }
            None => self.profile(task_id, outcome, now),
        }
    }

    /// Passes over a frame that can mean nothing, and says so.
    fn ignore(&mut self, reason: std::fmt::Arguments<'_>) {
        self.counts.ignored += 1;
        tracing::warn!(session = self.config.name, "a frame of the gateway is ignored: {reason}");
    }

    /// What was wrong with the frames since this was asked last.
    pub(super) fn take_damages(&mut self) -> Damages {
        std::mem::take(&mut self.damages)
    }

    /// Time has passed.
    pub(super) fn tick(&mut self, now: Duration) {
        while let Some((reply, error)) = self.calls.expired(now) {
            self.complete(reply, Err(error));
        }
        while let Some(order) = self.queues.next_ready(now) {
            self.admit(order, now);
        }
        let silent = self.silent();
        match &mut self.state {
            State::Connecting { deadline } if now >= *deadline => {
                self.lose(&format!("no connection within {} s", CONNECT.as_secs()), now);
            }
            State::LoggingIn { deadline, pin, .. } if now >= *deadline => {
                let reason = match pin {
                    Some(_) => "the PIN was not typed in time",
                    None => "the login was not answered in time",
                };
                self.lose(reason, now);
            }
            State::Identifying { due, question, .. } if now >= *due => match question {
                Some(_) => self.lose("the profile was not answered in time", now),
                None => self.ask_profile(now),
            },
            State::Live { probe: Some(probe), .. } if now >= probe.deadline => {
                // It may have been dead since then.
                self.dedup.lost(self.heard);
                self.lose("the gateway gave no sign of life", now);
            }
            State::Live { probe: probe @ None, .. } if self.is_reading && now >= silent => {
                let task_id = self.calls.take_task_id();
                *probe = Some(Probe { task_id, deadline: now + PROBE });
                self.send(own_request(task_id));
            }
            State::Lost { retry } if now >= *retry && !self.is_held => self.connect(now),
            _ => {}
        }
        self.beat(now);
        self.send_waiting(now);
    }

    /// The session shall end.
    pub(super) fn stop(&mut self) {
        if self.is_ending() {
            return;
        }
        self.give_up(State::Stopped, &CallError::Stopped);
    }

    /// Ends the session in `state`; whoever waits for a reply gets `error`.
    fn give_up(&mut self, state: State, error: &CallError) {
        if self.has_connection() {
            self.outputs.push_back(Output::Close);
        }
        self.state = state;
        for reply in self.take_all() {
            self.complete(reply, Err(error.clone()));
        }
    }

    fn restraint(&self) -> Restraint {
        let retry = match &self.state {
            State::Lost { retry } => *retry,
            _ => self.began + BACKOFF_MIN,
        };
        // How well it is now is known only later; until then its failures count.
        self.queues.restraint(Restraint { attempts: self.attempts, retry, ..Restraint::default() })
    }

    fn phase(&self) -> Phase {
        match &self.state {
            State::Connecting { .. } => Phase::Connecting,
            State::LoggingIn { pin: Some(_), .. } => Phase::AwaitingPin,
            State::LoggingIn { .. } | State::Identifying { .. } => Phase::LoggingIn,
            State::Live { .. } => Phase::Live,
            State::Lost { .. } => Phase::Lost { attempts: self.attempts },
            State::Refused(failure) => Phase::Refused(failure.clone()),
            State::Unusable(reason) => Phase::Unusable(reason.clone()),
            State::Stopped => Phase::Stopped,
        }
    }

    /// When the gateway will have been silent for too long.
    fn silent(&self) -> Duration {
        self.heard.saturating_add(self.config.silence)
    }

    fn has_connection(&self) -> bool {
        !matches!(self.state, State::Lost { .. } | State::Refused(_) | State::Unusable(_) | State::Stopped)
    }

    fn connect(&mut self, now: Duration) {
        self.connection += 1;
        self.began = now;
        self.state = State::Connecting { deadline: now + CONNECT };
        self.outputs.push_back(Output::Connect(self.connection));
    }

    fn lose(&mut self, reason: &str, now: Duration) {
        self.lose_until(reason, now, now);
    }

    /// Gives the connection up; the next attempt does not begin before `earliest`.
    fn lose_until(&mut self, reason: &str, now: Duration, earliest: Duration) {
        self.dedup.lost(now);
        let was_live = self.is_live();
        if let State::Live { since, .. } = self.state
            && now >= since + HEALTHY
        {
            self.attempts = 0;
        }
        self.attempts += 1;
        let retry = self.delay().max(earliest.saturating_sub(now));
        self.state = State::Lost { retry: now + retry };
        self.outputs.push_back(Output::Close);
        for reply in self.calls.connection_lost() {
            self.complete(reply, Err(CallError::Disconnected { sent: true }));
        }
        self.signal(Signal::Disconnected { reason: reason.to_owned(), was_live, retry });
    }

    /// Full jitter between the shortest delay and a ceiling that doubles with each failure.
    fn delay(&mut self) -> Duration {
        let ceiling = BACKOFF_MIN.saturating_mul(1 << self.attempts.min(16)).min(BACKOFF_MAX);
        self.rng.random_range(BACKOFF_MIN..=ceiling)
    }

    fn live(&mut self, mid: String, display_name: Option<String>, now: Duration) {
        self.state = State::Live { since: now, probe: None };
        self.dedup.ready(now);
        self.counts.mid = Some(mid.clone());
        self.counts.display_name.clone_from(&display_name);
        self.signal(Signal::LoggedIn { mid, display_name });
        (self.kept_bytes, self.is_overfull) = (0, false);
        for event in std::mem::take(&mut self.kept) {
            self.hand_on(event);
        }
        self.send_waiting(now);
    }

    fn event(&mut self, event: Event, now: Duration) {
        if self.dedup.is_repeated(&event, now) {
            self.counts.repeated += 1;
            tracing::info!(
                session = self.config.name,
                subcommand = &*event.subcommand,
                "the gateway repeated an event; it is not handled twice"
            );
        } else if self.is_live() {
            self.hand_on(event);
        } else {
            self.keep(event);
        }
    }

    /// Keeps an event that comes before the session is ready. A connection that is given up for it would bring more of them.
    fn keep(&mut self, event: Event) {
        let size = event.content.as_str().len();
        if self.kept.len() >= KEPT || self.kept_bytes + size > KEPT_BYTES {
            if !std::mem::replace(&mut self.is_overfull, true) {
                tracing::warn!(
                    session = self.config.name,
                    "the gateway sends more events before the login is done than can be kept: the further ones are lost"
                );
            }
            return;
        }
        self.kept_bytes += size;
        self.kept.push_back(event);
    }

    fn hand_on(&mut self, event: Event) {
        self.counts.events += 1;
        self.signal(Signal::Event(event));
    }

    fn beat(&mut self, now: Duration) {
        let is_connected =
            matches!(self.state, State::LoggingIn { .. } | State::Identifying { .. } | State::Live { .. });
        if is_connected && now >= self.beat {
            self.send(HEARTBEAT.to_owned());
            while self.beat <= now {
                self.beat += self.config.beat;
            }
        }
    }

    fn send(&mut self, frame: String) {
        self.counts.sent += 1;
        self.outputs.push_back(Output::Send(self.connection, frame));
    }

    fn complete(&mut self, reply: T, result: Result<Content, CallError>) {
        self.outputs.push_back(Output::Complete(reply, result));
    }

    fn signal(&mut self, signal: Signal) {
        self.outputs.push_back(Output::Signal(signal));
    }
}

/// The frame of a request of the session itself, which looks at its own profile.
fn own_request(task_id: i64) -> String {
    encode_fields(GetProfile::COMMAND.name, Some(task_id), "{}").expect("a request without fields is small")
}
