//! The world, its connections and its log under one lock: where a frame becomes a deed and a deed becomes frames.
//!
//! Sockets are not touched here; a connection is an outbox that its own task empties.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::faults::{Blow, Faults, Traffic};
use super::persist::DataFile;
use super::world::{
    Deed, Delivery, Knock, Mid, Outcome, Presence, Reach, Reply, Scene, SignIn, StoredFile, World, Written,
};
use crate::clock::{Clock, Timestamp};
use crate::protocol::{
    Envelope, Failure, FailureCode, Family, Request, encode_event, encode_login, encode_pin, encode_reply,
};

/// The number of a connection; none is used twice.
pub(super) type ConnectionId = u64;

/// Why the sandbox ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It did not read what it was sent.
    Overflow,
    /// A fault was asked for: it ends without a word.
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

/// A connection as its own task sees it.
pub(super) struct Entrance {
    pub(super) id: ConnectionId,
    pub(super) outbox: mpsc::Receiver<Message>,
    /// The bytes that wait in the outbox.
    pub(super) waiting: Arc<AtomicUsize>,
    pub(super) end: oneshot::Receiver<End>,
}

struct Connection {
    outbox: mpsc::Sender<Message>,
    waiting: Arc<AtomicUsize>,
    end: oneshot::Sender<End>,
    account: Option<Mid>,
    /// A login that waits for its PIN.
    pin: Option<PendingPin>,
    /// The base of the urls for this client, where it reaches the sandbox by an address of its own.
    media: Option<Arc<str>>,
}

struct PendingPin {
    pin: String,
    sign_in: SignIn,
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

/// How long a frame that is to come after the next one waits for that.
const REORDER_PATIENCE: Duration = Duration::from_millis(200);

/// How many frames can be late at a time; what is late beyond that comes at once.
const MAX_LATE: usize = 100_000;

pub(super) struct Hub {
    pub(super) world: World,
    pub(super) counts: Counts,
    pub(super) faults: Faults,
    data: Option<DataFile>,
    /// The sandbox has stopped: its data file may be another one's by now.
    is_closed: bool,
    clock: Clock,
    /// The base of the urls under which files are served.
    media: String,
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
    pub(super) fn new(world: World, data: Option<DataFile>, clock: Clock, media: String, outbox: OutboxLimits) -> Self {
        Self {
            world,
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
        self.last_connection += 1;
        let id = self.last_connection;
        let (sender, outbox) = mpsc::channel(self.outbox.frames);
        let (end_sender, end) = oneshot::channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let connection = Connection {
            outbox: sender,
            waiting: Arc::clone(&waiting),
            end: end_sender,
            account: None,
            pin: None,
            media,
        };
        self.connections.insert(id, connection);
        Entrance { id, outbox, waiting, end }
    }

    pub(super) fn leave(&mut self, id: ConnectionId) {
        self.remove(id);
    }

    /// Lets go of the data file; the world changes no more.
    pub(super) fn close(&mut self) {
        self.is_closed = true;
        self.data = None;
    }

    /// Ends a connection; what waits in its outbox is lost.
    pub(super) fn end(&mut self, id: ConnectionId, why: End) {
        if let Some(connection) = self.remove(id) {
            // The task may be gone already.
            let _ = connection.end.send(why);
        }
    }

    /// Ends the connections of an account, or all.
    pub(super) fn end_all(&mut self, of: Option<&str>, why: End) -> usize {
        let ids = match of {
            Some(mid) => self.devices.get(mid).cloned().unwrap_or_default(),
            None => self.connections.keys().copied().collect(),
        };
        for id in &ids {
            self.end(*id, why);
        }
        ids.len()
    }

    /// How many connections an account has, or all together.
    pub(super) fn connected(&self, of: Option<&str>) -> usize {
        match of {
            Some(mid) => self.devices.get(mid).map_or(0, Vec::len),
            None => self.connections.len(),
        }
    }

    /// The account whose command this is, unless it is to be refused before it is looked at.
    pub(super) fn admit(&mut self, id: ConnectionId, request: &Request) -> Result<Mid, Failure> {
        let account = self.connections.get(&id).and_then(|connection| connection.account.clone());
        let account = account.ok_or_else(|| Failure::new(FailureCode::NotAuthenticated, "log in first"))?;
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
        let outcome = self.enact(Some(id), &Deed::Command { by, request: Written(request), file });
        self.answer(id, envelope, &outcome.reply);
        self.deliver(&outcome.deliveries, Some(id));
    }

    /// Sends the answer to a request.
    pub(super) fn answer(&mut self, id: ConnectionId, envelope: &Envelope, reply: &Reply) {
        let is_login = matches!(envelope.command.as_str(), "Login" | "LoginWithToken");
        if is_login {
            return self.finish_login(id, reply);
        }
        self.counts.answered += 1;
        self.queue(id, Traffic::Replies, encode_reply(envelope, reply).into());
    }

    /// Carries out a login.
    ///
    /// Gives how the login goes on: with a PIN that someone has to type, or not at all.
    pub(super) fn login(&mut self, id: ConnectionId, request: &Request) -> Option<String> {
        let account = match request {
            Request::Login(login) => self.world.mid_of_email(&login.email).cloned(),
            Request::LoginWithToken(login) => self.world.mid_of_phone(&login.phone).cloned(),
            _ => None,
        };
        let presence = self.presence(account.as_deref(), id);
        let waits = self.connections.get(&id).is_some_and(|connection| connection.pin.is_some());
        let knock = match (self.faults.refusal(account.as_deref(), Family::Login), request) {
            (Some(failure), _) => Err(failure),
            (None, _) if waits => Err(Failure::new(FailureCode::InvalidPinCode, "a login waits for its PIN")),
            (None, Request::Login(login)) => self.world.check_login(login, presence),
            (None, Request::LoginWithToken(login)) => self.world.check_token_login(login, presence),
            (None, other) => Err(Failure::new(FailureCode::Malformed, format!("{} is no login", other.command().name))),
        };
        match knock {
            Ok(Knock::Open(sign_in)) => self.sign_in(id, sign_in),
            Ok(Knock::Pin(sign_in)) => {
                let pin = self.world.draw_pin();
                self.queue(id, Traffic::Replies, encode_pin(&pin).into());
                if let Some(connection) = self.connections.get_mut(&id) {
                    connection.pin = Some(PendingPin { pin: pin.clone(), sign_in });
                }
                return Some(pin);
            }
            Err(failure) => self.finish_login(id, &Err(failure)),
        }
        None
    }

    /// Types a PIN on the phone of an account: the login on `id` that showed it goes on, one that showed another fails.
    pub(super) fn type_pin(&mut self, id: ConnectionId, typed: &str) {
        let pending = self.connections.get_mut(&id).and_then(|connection| connection.pin.take());
        match pending {
            Some(pending) if pending.pin == typed => self.sign_in(id, pending.sign_in),
            Some(_) => {
                let failure = Failure::new(FailureCode::InvalidPinCode, "another PIN was typed on the phone");
                self.finish_login(id, &Err(failure));
            }
            None => {}
        }
    }

    /// Gives a login up that still waits for `pin`.
    pub(super) fn expire_pin(&mut self, id: ConnectionId, pin: &str) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if connection.pin.take_if(|pending| pending.pin == pin).is_some() {
            let failure = Failure::new(FailureCode::InvalidPinCode, "the PIN was not typed in time");
            self.finish_login(id, &Err(failure));
        }
    }

    /// The connections of an account that wait for a PIN, with the PIN each shows.
    pub(super) fn pins_of(&self, mid: &str) -> Vec<(ConnectionId, String)> {
        let pending = |connection: &Connection| {
            connection.pin.as_ref().filter(|pending| *pending.sign_in.mid == *mid).map(|pending| pending.pin.clone())
        };
        self.connections.iter().filter_map(|(id, connection)| Some((*id, pending(connection)?))).collect()
    }

    /// Carries out a deed of the world and keeps it. Its events are still to be delivered.
    pub(super) fn enact(&mut self, device: Option<ConnectionId>, deed: &Deed) -> Outcome {
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

    /// Sends events to whom they concern; `from` is the connection that caused them.
    pub(super) fn deliver(&mut self, deliveries: &[Delivery], from: Option<ConnectionId>) {
        for delivery in deliveries {
            let mut frame: Option<Utf8Bytes> = None;
            for mid in &delivery.to {
                let devices = self.devices.get(mid).map_or(0, Vec::len);
                // Backwards, since a full outbox ends its connection, which moves those behind it forward.
                for index in (0..devices).rev() {
                    let Some(id) = self.devices.get(mid).and_then(|ids| ids.get(index)).copied() else { break };
                    if delivery.reach == Reach::OtherDevices && Some(id) == from {
                        continue;
                    }
                    let frame = frame.get_or_insert_with(|| {
                        encode_event(delivery.subcommand, &delivery.content)
                            .expect("an event holds only texts, numbers and maps with text keys")
                            .into()
                    });
                    let frame = frame.clone();
                    self.counts.events += 1;
                    self.queue(id, Traffic::Events, frame);
                }
            }
        }
    }

    /// Sends an event of any name to every connection of an account.
    pub(super) fn notify(&mut self, mid: &str, frame: &str) {
        for id in self.devices.get(mid).cloned().unwrap_or_default() {
            self.counts.events += 1;
            self.queue(id, Traffic::Events, frame.into());
        }
    }

    /// When the late frames have to be looked at that have become late since this was last asked.
    pub(super) fn take_alarms(&mut self) -> Vec<Duration> {
        std::mem::take(&mut self.alarms)
    }

    /// Sends the late frames that are due by now, the earliest first.
    pub(super) fn release(&mut self, elapsed: Duration) {
        while let Some(entry) = self.late.first_entry()
            && entry.key().0 <= elapsed
        {
            let Late { id, frame, .. } = entry.remove();
            self.push(id, frame);
        }
    }

    /// Sends a frame, unless a fault has other plans for it.
    fn queue(&mut self, id: ConnectionId, traffic: Traffic, frame: Utf8Bytes) {
        if !self.faults.strikes_frames() && self.late.is_empty() {
            return self.push(id, frame);
        }
        let account = self.connections.get(&id).and_then(|connection| connection.account.clone());
        match self.faults.strike(account.as_deref(), traffic) {
            None => {
                self.push(id, frame);
                self.release_reordered(id);
            }
            Some(Blow::Drop) => self.end(id, End::Dropped),
            Some(Blow::Swallow) => {}
            Some(Blow::Repeat) => {
                self.push(id, frame.clone());
                self.push(id, frame);
            }
            Some(Blow::Malformed(nonsense)) => {
                self.push(id, nonsense.into());
                self.push(id, frame);
            }
            Some(Blow::Delay(delay)) => self.postpone(id, frame, delay, Until::Due),
            Some(Blow::Reorder) => self.postpone(id, frame, REORDER_PATIENCE, Until::NextFrame),
        }
    }

    fn postpone(&mut self, id: ConnectionId, frame: Utf8Bytes, delay: Duration, until: Until) {
        if self.late.len() >= MAX_LATE {
            return self.push(id, frame);
        }
        self.last_late += 1;
        let due = self.clock.elapsed() + delay;
        self.late.insert((due, self.last_late), Late { id, frame, until });
        self.alarms.push(due);
    }

    fn release_reordered(&mut self, id: ConnectionId) {
        let waits = |(_, late): &(&(Duration, u64), &Late)| late.id == id && late.until == Until::NextFrame;
        let keys: Vec<_> = self.late.iter().filter(waits).map(|(key, _)| *key).collect();
        for key in keys {
            if let Some(late) = self.late.remove(&key) {
                self.push(id, late.frame);
            }
        }
    }

    /// Puts a frame into an outbox. A connection whose outbox is full does not read: it is ended, and only it.
    fn push(&mut self, id: ConnectionId, frame: Utf8Bytes) {
        let Some(connection) = self.connections.get(&id) else { return };
        let size = frame.len();
        let waiting = connection.waiting.fetch_add(size, Ordering::Relaxed) + size;
        // A single frame may be larger than the limit: it must be possible to send it.
        let fits = waiting <= self.outbox.bytes.max(size);
        if !fits || connection.outbox.try_send(Message::Text(frame)).is_err() {
            self.counts.overflowed += 1;
            self.end(id, End::Overflow);
        }
    }

    fn sign_in(&mut self, id: ConnectionId, sign_in: SignIn) {
        let mid = sign_in.mid.clone();
        let outcome = self.enact(Some(id), &Deed::SignedIn(sign_in));
        if outcome.reply.is_ok() {
            self.unbind(id);
            if let Some(connection) = self.connections.get_mut(&id) {
                connection.account = Some(mid.clone());
                self.devices.entry(mid).or_default().push(id);
            }
        }
        self.finish_login(id, &outcome.reply);
        self.deliver(&outcome.deliveries, Some(id));
    }

    fn finish_login(&mut self, id: ConnectionId, reply: &Reply) {
        self.counts.answered += 1;
        self.queue(id, Traffic::Replies, encode_login(reply).into());
    }

    /// Whether an account is connected, other than by `id` itself.
    fn presence(&self, mid: Option<&str>, id: ConnectionId) -> Presence {
        let devices = mid.and_then(|mid| self.devices.get(mid));
        if devices.is_some_and(|ids| ids.iter().any(|other| *other != id)) {
            Presence::Connected
        } else {
            Presence::Away
        }
    }

    fn remove(&mut self, id: ConnectionId) -> Option<Connection> {
        self.unbind(id);
        self.connections.remove(&id)
    }

    fn unbind(&mut self, id: ConnectionId) {
        let Some(mid) = self.connections.get_mut(&id).and_then(|connection| connection.account.take()) else { return };
        if let Some(ids) = self.devices.get_mut(&mid) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.devices.remove(&mid);
            }
        }
    }
}

/// A frame that comes later.
struct Late {
    id: ConnectionId,
    frame: Utf8Bytes,
    until: Until,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    Due,
    /// Or due, whichever is earlier.
    NextFrame,
}

/// Waits until the sandbox is told to stop.
pub(super) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // An error means that the sandbox is gone altogether.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

fn unkept(reason: &str) -> Outcome {
    Outcome { reply: Err(Failure::new(FailureCode::Malformed, reason)), deliveries: Vec::new() }
}

/// Who types the PIN that a login shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinEntry {
    /// The sandbox itself, as if someone held the phone, after this time.
    After(Duration),
    /// [`Control::type_pin`](super::Control::type_pin), within three minutes.
    ByHand,
}
