//! The task that owns a session's connection and drives its machine.
//!
//! One pass takes everything that is ready (calls, frames, time), carries the machine's outputs out and ends with one
//! flush, so that a burst costs one write. No decision is made here.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{Sink, Stream};
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::{Error as WebSocketError, Message};

use super::backlog::{Backlog, BacklogChange};
use super::calls::Completion;
use super::config::{Credentials, SessionConfig};
use super::handle::{Inbox, Owner, QueuedCall, ReplyTo};
use super::line::{ApiError, LineConnection, LineNews};
use super::machine::{Connection, Machine, Output};
use super::signal::{Ended, Flow, Signal};
use super::transport::{ConnectError, GatewaySocket, connect};
use super::webhooks::WebhookDelivery;
use crate::clock::Clock;

/// So many frames, and so many calls, are taken in one pass; then the other tasks of the thread have theirs.
const BATCH: usize = 256;
/// While the owner pauses, signals are held back; at so many, or so many bytes, the socket is read no further.
const HELD: usize = 8_192;
const HELD_BYTES: usize = 32 * 1024 * 1024;
/// What a signal takes beside the content of its event.
const SIGNAL: usize = 256;
/// A gateway has this long to take the last frames and to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

impl Completion for ReplyTo {
    fn is_abandoned(&self) -> bool {
        match self {
            Self::Content(sender) => sender.is_closed(),
            Self::Slot(sender) => sender.is_closed(),
            Self::Owner(_) => false,
        }
    }
}

/// Runs a session until it is stopped, its login is refused or no gateway is found at its address.
///
/// It is to be spawned on a `LocalSet` or awaited on a current-thread runtime: `owner` is told of it on the same
/// thread and need not be `Send`. `rng_seed` determines the delays between attempts. Dropping the future ends the
/// session at once; pending calls then fail with [`CallError::Stopped`](super::CallError::Stopped).
pub async fn run(
    config: SessionConfig,
    clock: Clock,
    rng_seed: u64,
    inbox: Inbox,
    owner: impl Owner + 'static,
) -> Ended {
    if config.exposes_login() {
        let name = &config.name;
        tracing::warn!(
            "session {name}: the login goes unencrypted to another machine; use wss:// where the gateway can"
        );
    }
    let mut driver = Driver {
        machine: Machine::new(config.clone(), rng_seed, clock.elapsed()),
        config: Arc::new(config),
        clock,
        inbox,
        orders: Vec::new(),
        wire: Wire::None,
        outgoing: VecDeque::new(),
        must_flush: false,
        timer: None,
        owner,
        is_paused: false,
        is_held: false,
        held: VecDeque::new(),
        held_bytes: 0,
        is_reading: true,
        goodbye: None,
        deliveries: Vec::new(),
        backlog: Backlog::default(),
    };
    let ended = poll_fn(|context| driver.poll(context)).await;
    if let Wire::Leaving(link) = std::mem::replace(&mut driver.wire, Wire::None) {
        // Boxed: it is said once, and every session would have room for it all its life.
        Box::pin(bounded_goodbye(link, driver.outgoing)).await;
    }
    ended
}

/// A future that is polled in turn with the others.
type Waiting<T> = Pin<Box<dyn Future<Output = T>>>;

struct Timer {
    due: Duration,
    sleep: Waiting<()>,
}

enum Wire {
    None,
    Connecting(Connection, Waiting<Result<Link, LinkError>>),
    Open(Connection, Link),
    /// The session is over; what is still to be written is written after the last pass.
    Leaving(Link),
}

/// What carries frames, on the network that the session is on.
enum Link {
    Gateway(Box<GatewaySocket>),
    Line(Box<LineConnection>),
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
enum LinkError {
    #[error(transparent)]
    Gateway(#[from] ConnectError),
    #[error(transparent)]
    Line(#[from] ApiError),
}

impl LinkError {
    /// Whether trying again would fail in the same way, as far as can be told.
    fn is_lasting(&self) -> bool {
        match self {
            Self::Gateway(error) => error.is_lasting(),
            Self::Line(error) => !matches!(error, ApiError::Unreachable(_)),
        }
    }
}

/// Makes a connection of the kind that the session's network has.
async fn link(config: &SessionConfig, clock: Clock) -> Result<Link, LinkError> {
    Ok(match &config.login {
        Credentials::Email { .. } | Credentials::Token { .. } => Link::Gateway(Box::new(connect(config).await?)),
        Credentials::Channel { .. } => Link::Line(Box::new(LineConnection::open(config, clock).await?)),
    })
}

struct Driver<O> {
    config: Arc<SessionConfig>,
    clock: Clock,
    machine: Machine<ReplyTo>,
    inbox: Inbox,
    orders: Vec<QueuedCall>,
    wire: Wire,
    outgoing: VecDeque<String>,
    must_flush: bool,
    timer: Option<Timer>,
    owner: O,
    /// Whether the owner asked for a pause.
    is_paused: bool,
    /// Whether the owner holds everything back, also what was paused.
    is_held: bool,
    held: VecDeque<Signal>,
    held_bytes: usize,
    is_reading: bool,
    /// What is still said over a connection that the session has left.
    goodbye: Option<Waiting<()>>,
    /// Who waits to hear that the events are kept that came with what was read.
    deliveries: Vec<oneshot::Sender<()>>,
    backlog: Backlog,
}

impl<O: Owner> Driver<O> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Ended> {
        self.inbox.shared.waker.register(context.waker());
        let _at_work = self.inbox.shared.at_work();
        loop {
            let now = self.clock.elapsed();
            self.obey(now);
            let mut is_more = self.poll_connecting(context, now);
            self.take_orders(now);
            is_more |= self.poll_frames(context, now);
            if self.machine.next_wake().is_some_and(|wake| wake <= now) {
                self.machine.tick(now);
            }
            let has_new_wire = self.carry_out();
            // What the events of this pass caused at once goes out with it.
            self.take_orders(now);
            let has_new_wire = self.carry_out() || has_new_wire;
            if self.is_held && self.held_bytes >= HELD_BYTES {
                self.leave(now);
            }
            self.hand_on_deliveries();
            self.poll_write(context, now);
            // A failed write has told the machine something, and so has leaving.
            let has_new_wire = self.carry_out() || has_new_wire;
            if let Some(goodbye) = &mut self.goodbye
                && goodbye.as_mut().poll(context).is_ready()
            {
                self.goodbye = None;
            }
            self.machine.write_status(&mut self.inbox.shared.status());
            self.inbox.shared.slots.set_room(self.machine.room());
            self.tell_backlog(now);
            if self.machine.is_over() {
                return Poll::Ready(self.end());
            }
            if has_new_wire || self.poll_timer(context) {
                continue;
            }
            if is_more || self.inbox.orders.is_news() {
                context.waker().wake_by_ref();
            }
            return Poll::Pending;
        }
    }

    /// Does what the handles ask for beside calls.
    fn obey(&mut self, now: Duration) {
        self.machine.slots_given(self.inbox.shared.slots.given(), now);
        if self.inbox.shared.is_stopped() {
            self.machine.stop();
        }
        let was_held = std::mem::replace(&mut self.is_held, self.inbox.shared.is_held());
        if was_held != self.is_held {
            self.machine.set_held(self.is_held, now);
        }
        // Replies are among what is read.
        if self.is_held && !std::mem::replace(&mut self.is_reading, true) {
            self.machine.reading_resumed(now);
        }
        let is_resumed = self.inbox.shared.take_resume();
        self.is_paused &= !is_resumed;
        if is_resumed || was_held {
            self.deliver_held(now);
        }
    }

    /// Delivers what was held back, as far as the owner takes it.
    fn deliver_held(&mut self, now: Duration) {
        while self.delivers()
            && let Some(signal) = self.held.pop_front()
        {
            self.held_bytes -= size_of(&signal);
            self.is_paused = self.owner.signal(signal) == Flow::Pause;
        }
        if !self.is_reading && self.delivers() {
            self.is_reading = true;
            self.machine.reading_resumed(now);
        }
    }

    fn delivers(&self) -> bool {
        !self.is_paused && !self.is_held
    }

    /// Leaves the gateway, since more is held than can be kept. Replies that are due are waited for, within reason.
    fn leave(&mut self, now: Duration) {
        let is_due = self.machine.outstanding() == 0 || self.held_bytes >= 2 * HELD_BYTES;
        if is_due && self.machine.leave(now) {
            let session = self.config.name.as_str();
            tracing::warn!(
                session,
                "more events wait to be recorded than can be kept; disconnected until they can be, then the session logs in again"
            );
        }
    }

    fn poll_connecting(&mut self, context: &mut Context<'_>, now: Duration) -> bool {
        let Wire::Connecting(connection, connecting) = &mut self.wire else { return false };
        let connection = *connection;
        let Poll::Ready(outcome) = connecting.as_mut().poll(context) else { return false };
        match outcome {
            Ok(link) => {
                self.wire = Wire::Open(connection, link);
                self.machine.connected(connection, now);
            }
            Err(error) => {
                self.wire = Wire::None;
                let reason = error.to_string();
                if error.is_lasting() {
                    self.machine.unusable(connection, &reason, now);
                } else {
                    self.machine.disconnected(connection, &reason, now);
                }
            }
        }
        true
    }

    /// Takes the calls that have come in.
    fn take_orders(&mut self, now: Duration) {
        let is_open = self.inbox.orders.take(&mut self.orders, BATCH);
        for QueuedCall { order, slot } in self.orders.drain(..) {
            if let Some(slot) = slot {
                slot.spend();
            }
            self.machine.call(order, now);
        }
        if !is_open {
            self.machine.stop();
        }
    }

    /// Reads the frames that have arrived; true means that there may be more.
    fn poll_frames(&mut self, context: &mut Context<'_>, now: Duration) -> bool {
        let Wire::Open(connection, link) = &mut self.wire else { return false };
        let connection = *connection;
        let socket = match link {
            Link::Gateway(socket) => socket,
            Link::Line(_) => return self.poll_line(connection, context, now),
        };
        // A login is answered whoever is behind with its events.
        if !self.is_reading && self.machine.is_live() {
            return false;
        }
        for _ in 0..BATCH {
            match Pin::new(&mut **socket).poll_next(context) {
                Poll::Ready(Some(Ok(Message::Text(text)))) => {
                    self.machine.frame(connection, text.as_str(), now);
                    let damages = self.machine.take_damages();
                    self.inbox.shared.note_damages(&self.config.name, "a frame", damages);
                }
                Poll::Ready(Some(Ok(Message::Binary(_)))) => self.machine.noise(connection, now),
                Poll::Ready(Some(Ok(Message::Close(goodbye)))) => {
                    let said = goodbye.filter(|goodbye| !goodbye.reason.is_empty());
                    let said = said.map(|goodbye| format!(": {}", goodbye.reason)).unwrap_or_default();
                    self.machine.disconnected(connection, &format!("the gateway closed the connection{said}"), now);
                    return false;
                }
                Poll::Ready(Some(Ok(_))) => self.machine.heard(connection, now),
                Poll::Ready(Some(Err(error))) => {
                    self.machine.disconnected(connection, &describe(&error), now);
                    return false;
                }
                Poll::Ready(None) => {
                    self.machine.disconnected(connection, "the gateway went away", now);
                    return false;
                }
                Poll::Pending => return false,
            }
        }
        true
    }

    /// Takes what has come from LINE; true means that there may be more.
    fn poll_line(&mut self, connection: Connection, context: &mut Context<'_>, now: Duration) -> bool {
        for _ in 0..BATCH {
            let Wire::Open(_, Link::Line(line)) = &mut self.wire else { return false };
            let Poll::Ready(news) = line.poll_news(context, self.is_reading) else { return false };
            match news {
                LineNews::Frame(frame) => self.machine.frame(connection, &frame, now),
                LineNews::Answer(task_id, outcome) => self.machine.answered(connection, task_id, outcome, now),
                LineNews::WebhookDelivery(WebhookDelivery { events, kept }) => {
                    events.into_iter().for_each(|event| self.machine.happened(connection, event, now));
                    self.deliveries.push(kept);
                }
            }
        }
        true
    }

    /// Hands on who waits to hear that their events are kept, once the owner has these.
    fn hand_on_deliveries(&mut self) {
        if self.held.is_empty() {
            self.deliveries.drain(..).for_each(|kept| self.owner.keep(kept));
        }
    }

    /// Carries the machine's outputs out; true means that there is a connection to be made.
    fn carry_out(&mut self) -> bool {
        let mut has_new_wire = false;
        while let Some(output) = self.machine.output() {
            match output {
                Output::Connect(connection) => {
                    let (config, clock) = (Arc::clone(&self.config), self.clock.clone());
                    self.wire = Wire::Connecting(connection, Box::pin(async move { link(&config, clock).await }));
                    has_new_wire = true;
                }
                Output::Send(connection, frame) => {
                    if matches!(&self.wire, Wire::Open(open, _) if *open == connection) {
                        self.outgoing.push_back(frame);
                    }
                }
                Output::Close => self.close(),
                Output::Leave => {
                    if let Wire::Open(_, link) = std::mem::replace(&mut self.wire, Wire::None) {
                        let outgoing = std::mem::take(&mut self.outgoing);
                        self.goodbye = Some(Box::pin(bounded_goodbye(link, outgoing)));
                    }
                    self.close();
                }
                Output::Grant(reply) => reply.grant(&self.inbox.shared),
                Output::Complete(reply, result) => reply.complete(result, &mut self.owner),
                Output::Signal(signal) => self.deliver(signal),
            }
        }
        has_new_wire
    }

    fn close(&mut self) {
        self.wire = match std::mem::replace(&mut self.wire, Wire::None) {
            Wire::Open(_, link) if self.machine.is_ending() => Wire::Leaving(link),
            Wire::Leaving(link) => Wire::Leaving(link),
            _ => {
                self.outgoing.clear();
                Wire::None
            }
        };
        self.must_flush = false;
    }

    fn deliver(&mut self, signal: Signal) {
        if self.delivers() {
            self.is_paused = self.owner.signal(signal) == Flow::Pause;
            return;
        }
        self.held_bytes += size_of(&signal);
        self.held.push_back(signal);
        if self.is_reading && !self.is_held && (self.held.len() >= HELD || self.held_bytes >= HELD_BYTES) {
            self.is_reading = false;
            self.machine.reading_stopped();
        }
    }

    fn poll_write(&mut self, context: &mut Context<'_>, now: Duration) {
        let Wire::Open(connection, link) = &mut self.wire else { return };
        let connection = *connection;
        let mut socket = match link {
            Link::Gateway(socket) => Pin::new(&mut **socket),
            Link::Line(line) => {
                if !self.outgoing.is_empty() {
                    self.outgoing.drain(..).for_each(|frame| line.send(&frame));
                    // They begin when they are polled.
                    context.waker().wake_by_ref();
                }
                return;
            }
        };
        let written = loop {
            if self.outgoing.is_empty() {
                break if self.must_flush { socket.as_mut().poll_flush(context) } else { Poll::Pending };
            }
            match socket.as_mut().poll_ready(context) {
                Poll::Ready(Ok(())) => {}
                failed_or_full => break failed_or_full,
            }
            let frame = self.outgoing.pop_front().unwrap_or_default();
            self.must_flush = true;
            if let Err(error) = socket.as_mut().start_send(Message::text(frame)) {
                break Poll::Ready(Err(error));
            }
        };
        match written {
            Poll::Ready(Ok(())) => self.must_flush = false,
            Poll::Ready(Err(error)) => self.machine.disconnected(connection, &describe(&error), now),
            Poll::Pending => {}
        }
    }

    /// Sets the timer to the machine's next wish; true means that it has come already.
    fn poll_timer(&mut self, context: &mut Context<'_>) -> bool {
        let Some(wake) = self.machine.next_wake() else { return false };
        // A timer that is set too early costs one pass; setting it anew for every call would cost more.
        if self.timer.as_ref().is_none_or(|timer| timer.due > wake) {
            let clock = self.clock.clone();
            self.timer = Some(Timer { due: wake, sleep: Box::pin(async move { clock.sleep_until(wake).await }) });
        }
        let Some(timer) = &mut self.timer else { return false };
        let is_due = timer.sleep.as_mut().poll(context).is_ready();
        if is_due {
            self.timer = None;
        }
        is_due
    }

    fn tell_backlog(&mut self, now: Duration) {
        let (paced, queued) = self.machine.waiting();
        let session = self.config.name.as_str();
        match self.backlog.look(paced + queued, now) {
            Some(BacklogChange::Builds) if paced > 0 => {
                tracing::info!(session, "scripts send faster than its pacing: calls wait for their turn");
            }
            Some(BacklogChange::Builds) if self.machine.is_live() => {
                tracing::info!(session, "many calls are unanswered: others wait for that");
            }
            Some(BacklogChange::Builds) => tracing::info!(session, "calls wait for the connection"),
            Some(BacklogChange::Gone) => tracing::info!(session, "no call waits to be sent any more"),
            None => {}
        }
    }

    fn end(&mut self) -> Ended {
        let end = self.machine.end();
        // An owner that stopped the session itself wants to hear no more.
        if end != Ended::Stopped {
            for signal in std::mem::take(&mut self.held) {
                self.owner.signal(signal);
            }
        }
        end
    }
}

/// How much memory a signal takes, as far as that varies.
fn size_of(signal: &Signal) -> usize {
    match signal {
        Signal::Event(event) => SIGNAL + event.content.as_str().len(),
        _ => SIGNAL,
    }
}

fn describe(error: &WebSocketError) -> String {
    match error {
        WebSocketError::ConnectionClosed
        | WebSocketError::AlreadyClosed
        | WebSocketError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => "the gateway went away".to_owned(),
        WebSocketError::Io(error) => format!("the connection broke: {error}"),
        WebSocketError::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
            format!("the gateway sent a frame of {size} bytes, at most {max_size} are allowed")
        }
        other => format!("the connection broke: {other}"),
    }
}

/// Says goodbye, for as long as that may take.
async fn bounded_goodbye(link: Link, outgoing: VecDeque<String>) {
    // A bound on the operating system's work, not a behaviour: the clock of the session may stand still.
    let _ = match link {
        Link::Gateway(socket) => tokio::time::timeout(GOODBYE, say_goodbye(*socket, outgoing)).await,
        Link::Line(line) => tokio::time::timeout(GOODBYE, send_last(*line, outgoing)).await,
    };
}

/// Sends what is left, and waits until everything is answered.
async fn send_last(mut line: LineConnection, outgoing: VecDeque<String>) {
    outgoing.iter().for_each(|frame| line.send(frame));
    while !line.is_idle() {
        poll_fn(|context| line.poll_news(context, false)).await;
    }
}

/// Writes what is left, then the closing frame, and waits until the gateway has closed too.
async fn say_goodbye(mut socket: GatewaySocket, outgoing: VecDeque<String>) {
    use futures_util::{SinkExt, StreamExt};
    for frame in outgoing {
        if socket.feed(Message::text(frame)).await.is_err() {
            return;
        }
    }
    if socket.close(None).await.is_ok() {
        while let Some(Ok(_)) = socket.next().await {}
    }
}
