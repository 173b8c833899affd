//! The world, its connections and its log under one lock: where a frame becomes a deed and a deed becomes frames.
//!
//! Logins and sending have files of their own. Sockets are not touched; a connection is an outbox that its own task empties.

mod logins;
mod pressing;
mod sending;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use self::logins::PendingPin;
use self::sending::Late;
use super::faults::{Faults, Traffic};
use super::line::{LineAccount, LineEvent, Press};
use super::persist::DataFile;
use super::play::PlayedDeed;
use super::world::{CommandReply, Deed, DeedOutcome, Mid, Scene, StoredFile, World, Written};
use crate::clock::{Clock, Timestamp};
use crate::protocol::commands::SendText;
use crate::protocol::{Envelope, Failure, FailureCode, MAX_FRAME, Request, encode_reply};

pub use self::logins::PinEntry;

/// The number of a connection; none is used twice.
pub(super) type ConnectionId = u64;

/// Why the sandbox ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CloseReason {
    /// It did not read what it was sent.
    Overflow,
    /// A fault was asked for: it ends without a word, after what was sent before.
    Dropped,
    /// The sandbox stops.
    Stopping,
}

/// How much may wait for one connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct OutboxLimits {
    pub(super) frames: usize,
    pub(super) bytes: usize,
}

/// A frame in an outbox.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    /// `None` stands for one that a fault has swallowed, so that it counts as sent.
    pub(super) text: Option<Utf8Bytes>,
    /// The number of the event in it, 0 where it is none that is kept.
    pub(super) number: u64,
    /// Whether a fault has added it to what the sandbox says.
    pub(super) is_trouble: bool,
}

impl Outgoing {
    fn plain(text: impl Into<Utf8Bytes>) -> Self {
        Self { text: Some(text.into()), number: 0, is_trouble: false }
    }
}

/// A connection as its own task sees it.
pub(super) struct Entrance {
    pub(super) id: ConnectionId,
    pub(super) outbox: mpsc::Receiver<Outgoing>,
    /// The bytes that wait in the outbox.
    pub(super) waiting: Arc<AtomicUsize>,
    /// The greatest number of an event that the socket has taken.
    pub(super) told: Arc<AtomicU64>,
    pub(super) end: oneshot::Receiver<CloseReason>,
}

/// What is at the other end of an outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Peer {
    /// A client of the gateway.
    Client,
    /// Someone in this process who watches an account; no login, and out of reach of faults.
    Watcher,
}

struct Connection {
    peer: Peer,
    outbox: mpsc::Sender<Outgoing>,
    waiting: Arc<AtomicUsize>,
    told: Arc<AtomicU64>,
    /// The greatest number of an event in the outbox or beyond it.
    promised: u64,
    end: oneshot::Sender<CloseReason>,
    account: Option<Mid>,
    /// The account of a login that has no answer yet.
    knocking: Option<Mid>,
    /// A login that waits for its PIN.
    pin: Option<PendingPin>,
    /// The base of the urls for this client, where it reaches the sandbox by an address of its own.
    media: Option<Arc<str>>,
}

/// What was counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Frames that were no JSON object with a command, or no text: ignored.
    pub ignored: u64,
    /// Heartbeats.
    pub heartbeats: u64,
    /// Requests that were answered.
    pub answered: u64,
    /// Events that were queued for a connection.
    pub events: u64,
    /// Connections that were ended because they did not read.
    pub overflowed: u64,
}

pub(super) struct Hub {
    pub(super) world: World,
    pub(super) line: LineAccount,
    pub(super) counts: Counts,
    pub(super) faults: Faults,
    data: Option<DataFile>,
    /// The sandbox has stopped: its data file may be another one's by now.
    is_closed: bool,
    clock: Clock,
    /// The base of the urls under which files are served.
    pub(super) media: String,
    /// The frames that come later, by when and in which order.
    late: BTreeMap<(Duration, u64), Late>,
    last_late: u64,
    /// When someone has to look at the late frames again, since the last time it was asked.
    alarms: Vec<Duration>,
    outbox: OutboxLimits,
    connections: HashMap<ConnectionId, Connection>,
    /// Invariant: the connections of an account, in the order of their logins; no list is empty.
    devices: HashMap<Mid, Vec<ConnectionId>>,
    last_connection: ConnectionId,
}

impl Hub {
    pub(super) fn new(
        world: World,
        line: LineAccount,
        data: Option<DataFile>,
        clock: Clock,
        media: String,
        outbox: OutboxLimits,
    ) -> Self {
        Self {
            world,
            line,
            counts: Counts::default(),
            faults: Faults::default(),
            data,
            is_closed: false,
            clock,
            media,
            late: BTreeMap::new(),
            last_late: 0,
            alarms: Vec::new(),
            outbox,
            connections: HashMap::new(),
            devices: HashMap::new(),
            last_connection: 0,
        }
    }

    /// Takes a connection in; `media` is the base of its urls where it is another one than usual.
    pub(super) fn enter(&mut self, media: Option<Arc<str>>) -> Entrance {
        self.add(Peer::Client, media)
    }

    /// Takes someone in who sees the events of an account as one more device would.
    pub(super) fn watch(&mut self, mid: Mid) -> Entrance {
        let entrance = self.add(Peer::Watcher, None);
        self.bind(entrance.id, mid);
        entrance
    }

    fn add(&mut self, peer: Peer, media: Option<Arc<str>>) -> Entrance {
        self.last_connection += 1;
        let id = self.last_connection;
        let (sender, outbox) = mpsc::channel(self.outbox.frames);
        let (end_sender, end) = oneshot::channel();
        let (waiting, told) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU64::new(0)));
        let connection = Connection {
            peer,
            outbox: sender,
            waiting: Arc::clone(&waiting),
            told: Arc::clone(&told),
            promised: 0,
            end: end_sender,
            account: None,
            knocking: None,
            pin: None,
            media,
        };
        self.connections.insert(id, connection);
        Entrance { id, outbox, waiting, told, end }
    }

    pub(super) fn leave(&mut self, id: ConnectionId) {
        let told = self.connections.get(&id).map(|connection| connection.told.load(Ordering::Relaxed));
        self.remove(id, told.unwrap_or_default());
    }

    /// Lets go of the data file and of everyone; the world changes no more.
    pub(super) fn close(&mut self) {
        self.is_closed = true;
        self.data = None;
        // Their outboxes close with them, which is how watchers learn of the end.
        self.connections.clear();
        self.devices.clear();
    }

    /// Ends a connection. What waits in its outbox still goes out, unless it does not read.
    pub(super) fn end(&mut self, id: ConnectionId, why: CloseReason) {
        let Some(connection) = self.connections.get(&id) else { return };
        let told =
            if why == CloseReason::Dropped { connection.promised } else { connection.told.load(Ordering::Relaxed) };
        if let Some(connection) = self.remove(id, told) {
            // The task may be gone already.
            let _ = connection.end.send(why);
        }
    }

    /// Ends the connections of an account, or all.
    pub(super) fn end_all(&mut self, of: Option<&str>, why: CloseReason) -> usize {
        let ids = self.clients(of);
        for id in &ids {
            self.end(*id, why);
        }
        ids.len()
    }

    /// How many connections an account has, or all together.
    pub(super) fn connected(&self, of: Option<&str>) -> usize {
        self.clients(of).len()
    }

    /// The account that a connection is logged in to.
    fn account(&self, id: ConnectionId) -> Result<Mid, Failure> {
        let account = self.connections.get(&id).and_then(|connection| connection.account.clone());
        account.ok_or_else(|| Failure::new(FailureCode::NotAuthenticated, "log in first"))
    }

    /// Has a person do what there is no command for, and answers.
    pub(super) fn play(&mut self, id: ConnectionId, envelope: &Envelope, deed: Result<PlayedDeed, Failure>) {
        let operation = self.account(id).and_then(|by| Ok(deed?.of(by.to_string())));
        match operation.map(|operation| self.enact(Some(id), &Deed::Operated(operation))) {
            Ok(DeedOutcome { reply, deliveries }) => {
                self.answer(id, envelope, &reply);
                self.deliver(&deliveries, Some(id));
            }
            Err(failure) => self.answer(id, envelope, &Err(failure)),
        }
    }

    /// The account whose command this is, unless it is to be refused before it is looked at.
    pub(super) fn admit(&mut self, id: ConnectionId, request: &Request) -> Result<Mid, Failure> {
        let account = self.account(id)?;
        match self.faults.refusal(Some(&account), request.command().family) {
            Some(failure) => Err(failure),
            None => Ok(account),
        }
    }

    /// Carries out a command of an account and sends its answer, then its events.
    pub(super) fn command(
        &mut self,
        id: ConnectionId,
        by: Mid,
        envelope: &Envelope,
        request: Request,
        file: Option<StoredFile>,
    ) {
        let pressed = self.pressed(&by, &request);
        let request = match (request, &pressed) {
            (Request::SendText(text), Some((_, Press::Says(said) | Press::Posts { shown: Some(said), .. }))) => {
                Request::SendText(SendText { content: said.clone(), ..text })
            }
            (request, _) => request,
        };
        let outcome = self.enact(Some(id), &Deed::Command { by: by.clone(), request: Written(request), file });
        self.answer(id, envelope, &outcome.reply);
        match pressed.filter(|_| outcome.reply.is_ok()) {
            Some((chat, Press::Posts { postback, .. })) => {
                self.show(&outcome.deliveries, Some(id));
                self.line.announce(LineEvent::new("postback", &chat, Some(&by), json!({ "postback": postback })));
            }
            _ => self.deliver(&outcome.deliveries, Some(id)),
        }
    }

    /// Sends the answer to a request.
    pub(super) fn answer(&mut self, id: ConnectionId, envelope: &Envelope, reply: &CommandReply) {
        let is_login = matches!(envelope.command.as_str(), "Login" | "LoginWithToken");
        if is_login {
            return self.finish_login(id, reply);
        }
        let mut answer = encode_reply(envelope, reply);
        if answer.len() > MAX_FRAME {
            let message = format!(
                "the answer would have {} bytes and a frame has at most {MAX_FRAME}; ask for less at a time",
                answer.len()
            );
            answer = encode_reply(envelope, &Err(Failure::new(FailureCode::InvalidLength, message)));
        }
        self.counts.answered += 1;
        self.queue(id, Traffic::Replies, Outgoing::plain(answer));
    }

    /// Carries out a deed of the world and keeps it. Its events are still to be delivered.
    pub(super) fn enact(&mut self, device: Option<ConnectionId>, deed: &Deed) -> DeedOutcome {
        let now: Timestamp = self.clock.now();
        let kept = deed.changes_the_world();
        if kept && self.is_closed {
            return unkept("the sandbox has stopped");
        }
        if kept && let Some(reason) = self.data.as_ref().and_then(DataFile::broken) {
            return unkept(reason);
        }
        let own = device.and_then(|id| self.connections.get(&id)?.media.clone());
        let scene = Scene { now, media: own.as_deref().unwrap_or(&self.media), device };
        let outcome = self.world.apply(&scene, deed);
        if kept
            && outcome.reply.is_ok()
            && let Some(data) = &mut self.data
            && let Err(reason) = data.append(now, deed)
        {
            return unkept(&reason);
        }
        outcome
    }

    /// The time of the world.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn remove(&mut self, id: ConnectionId, told: u64) -> Option<Connection> {
        self.unbind(id, told);
        self.connections.remove(&id)
    }

    fn bind(&mut self, id: ConnectionId, mid: Mid) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.account = Some(mid.clone());
            self.devices.entry(mid).or_default().push(id);
        }
    }

    fn is_client(&self, id: ConnectionId) -> bool {
        self.connections.get(&id).is_some_and(|connection| connection.peer == Peer::Client)
    }

    /// The connections of clients: an account's, or all.
    fn clients(&self, of: Option<&str>) -> Vec<ConnectionId> {
        let mut ids = match of {
            Some(mid) => self.devices.get(mid).cloned().unwrap_or_default(),
            None => self.connections.keys().copied().collect(),
        };
        ids.retain(|id| self.is_client(*id));
        ids
    }

    /// Takes a connection from its account; events up to `told` have reached it.
    fn unbind(&mut self, id: ConnectionId, told: u64) {
        let was_client = self.is_client(id);
        let Some(mid) = self.connections.get_mut(&id).and_then(|connection| connection.account.take()) else { return };
        if let Some(ids) = self.devices.get_mut(&mid) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.devices.remove(&mid);
            }
        }
        if was_client && self.connected(Some(&mid)) == 0 && self.world.is_present(&mid) {
            // Where it cannot be kept, the account is told the last seconds again after a restart.
            self.enact(None, &Deed::Left { mid, told });
        }
    }
}

fn unkept(reason: &str) -> DeedOutcome {
    DeedOutcome { reply: Err(Failure::new(FailureCode::Malformed, reason)), deliveries: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::line::OfficialConfig;

    #[test]
    fn an_answer_beyond_the_largest_frame_is_refused_instead_of_sent() {
        let outbox = OutboxLimits { frames: 10, bytes: 1_000 };
        let clock = Clock::manual(0);
        let line = LineAccount::new(OfficialConfig::default(), 1, clock.clone());
        let mut hub = Hub::new(World::demo(1), line, None, clock, String::new(), outbox);
        let mut entrance = hub.enter(None);
        let envelope = Envelope { command: "GetContacts".into(), task_id: Some(3) };
        hub.answer(entrance.id, &envelope, &Ok(json!("x".repeat(MAX_FRAME))));
        let sent = entrance.outbox.try_recv().expect("an answer").text.expect("nothing is swallowed");
        assert_eq!(
            sent.as_str(),
            r#"{"code":6,"command":"GetContacts","content":"INVALID_LENGTH: the answer would have 10485823 bytes and a frame has at most 10485760; ask for less at a time","task_id":3}"#
        );
    }
}
