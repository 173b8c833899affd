//! The WebSocket listener: one task per connection, frames in, answers and events out.
//!
//! What a frame does is the hub's and the world's affair. Pongs are not waited for, and heartbeats are not answered.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::handshake::{self, ServerSocket};
use super::hub::{CloseReason, ConnectionId, Entrance, Outgoing, PinEntry};
use super::pace::{Allowance, Pace};
use super::play::{PLAY_COMMAND, PlayedDeed};
use super::reception::{self, LINGER, linger};
use super::shared::SandboxShared;
use super::tally::Tally;
use super::tap::Way;
use super::world::FileNeed;

use crate::protocol::{Envelope, Failure, FailureCode, MAX_FRAME, Received, Request, receive};

/// How long a login waits for its PIN to be typed.
const PIN_LIFE: Duration = Duration::from_secs(180);

/// Accepts connections until the sandbox stops; its connections end with it.
pub(super) async fn listen(shared: Arc<SandboxShared>, listener: TcpListener) {
    let connections = reception::accept(&shared, listener, serve).await;
    shared.with(|hub| hub.end_all(None, CloseReason::Stopping));
    reception::last_words(connections).await;
}

async fn serve(shared: Arc<SandboxShared>, stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let here = stream.local_addr().ok().map(|address| address.ip());
    let Some(socket) = handshake::socket(&shared, stream).await else { return };
    let mut entrance = shared.with(|hub| hub.enter(here.and_then(|here| shared.media_at(here))));
    let id = entrance.id;
    let (mut sink, mut stream) = socket.split();
    let carried = shared.carried.begin();
    let ended = carry(&shared, &mut entrance, &carried, &mut sink, &mut stream).await;
    shared.with(|hub| hub.leave(id));
    carried.end();
    let Ok(socket) = sink.reunite(stream) else { return };
    close(&shared, socket, ended).await;
}

/// Carries frames both ways until the connection ends.
async fn carry(
    shared: &Arc<SandboxShared>,
    entrance: &mut Entrance,
    carried: &Tally,
    sink: &mut SplitSink<ServerSocket, Message>,
    stream: &mut SplitStream<ServerSocket>,
) -> Ended {
    let id = entrance.id;
    let writing = write(shared, id, &mut entrance.outbox, &entrance.waiting, &entrance.told, carried, sink);
    tokio::pin!(writing);
    let ended = tokio::select! {
        biased;
        end = &mut entrance.end => Ended::ByUs(end.unwrap_or(CloseReason::Dropped)),
        ended = read(shared, id, carried, stream) => ended,
        () = &mut writing => Ended::ByPeer,
    };
    match ended {
        // Whoever does not read would keep it for ever, and whoever is gone gets nothing any more.
        Ended::ByPeer | Ended::ByUs(CloseReason::Overflow) => return ended,
        Ended::ByUs(CloseReason::Dropped | CloseReason::Stopping) => {}
        Ended::Breach(..) => shared.with(|hub| hub.end(id, CloseReason::Dropped)),
    }
    // The outbox has no more senders: the writer ends after what was sent before.
    tokio::select! {
        () = writing => {}
        () = shared.clock.sleep(LINGER) => {}
    }
    ended
}

/// How a connection ended.
enum Ended {
    ByPeer,
    ByUs(CloseReason),
    /// The client broke a rule: which code says so, and what the rule is.
    Breach(CloseCode, String),
}

async fn close(shared: &SandboxShared, mut socket: ServerSocket, ended: Ended) {
    let (code, reason) = match ended {
        Ended::ByPeer | Ended::ByUs(CloseReason::Dropped) => return,
        Ended::ByUs(CloseReason::Stopping) => (CloseCode::Away, "the sandbox stops".to_owned()),
        Ended::ByUs(CloseReason::Overflow) => {
            let limits = &shared.limits;
            let reason = format!(
                "it reads too slowly: at most {} frames and {} bytes wait for a connection",
                limits.outbox_frames, limits.outbox_bytes
            );
            tracing::warn!("the sandbox ended a connection: {reason}");
            (CloseCode::Policy, reason)
        }
        Ended::Breach(code, reason) => {
            tracing::info!(code = u16::from(code), "the sandbox ended a connection: {reason}");
            (code, reason)
        }
    };
    let is_last_word = code != CloseCode::Away;
    let frame = CloseFrame { code, reason: reason.into() };
    let goodbye = async {
        if socket.close(Some(frame)).await.is_ok() && is_last_word {
            linger(shared, socket.get_mut()).await;
        }
    };
    tokio::select! {
        () = goodbye => {}
        () = shared.clock.sleep(LINGER) => {}
    }
}

/// The start of a text, as much as a closing frame has room for.
fn short(text: &str) -> String {
    text.chars().take(100).collect()
}

async fn write(
    shared: &SandboxShared,
    id: ConnectionId,
    outbox: &mut mpsc::Receiver<Outgoing>,
    waiting: &AtomicUsize,
    told: &AtomicU64,
    carried: &Tally,
    sink: &mut SplitSink<ServerSocket, Message>,
) {
    const BATCH: usize = 64;
    let mut batch = Vec::new();
    // All that is ready goes out under one flush.
    while outbox.recv_many(&mut batch, BATCH).await > 0 {
        let mut last = 0;
        for Outgoing { text, number, is_trouble } in batch.drain(..) {
            last = number.max(last);
            let Some(text) = text else { continue };
            let size = text.len();
            if !is_trouble {
                shared.tapped(id, Way::Out, text.as_str());
            }
            if sink.feed(Message::Text(text)).await.is_err() {
                return;
            }
            waiting.fetch_sub(size, Ordering::Relaxed);
            carried.count_sent();
        }
        if sink.flush().await.is_err() {
            return;
        }
        told.fetch_max(last, Ordering::Relaxed);
    }
}

async fn read(
    shared: &Arc<SandboxShared>,
    id: ConnectionId,
    carried: &Tally,
    stream: &mut SplitStream<ServerSocket>,
) -> Ended {
    let mut allowance = Allowance::new();
    while let Some(frame) = stream.next().await {
        match frame {
            Ok(Message::Text(text)) => {
                shared.tapped(id, Way::In, text.as_str());
                let pace = allowance.spend(shared.clock.elapsed(), shared.limits.frames_per_second);
                take(shared, id, text.as_str(), pace).await;
                carried.count_received();
            }
            Ok(Message::Binary(_)) => {
                shared.with(|hub| hub.counts.ignored += 1);
                carried.count_received();
            }
            // The library answers pings and the closing handshake.
            Ok(_) => {}
            Err(Error::Capacity(_)) => {
                return Ended::Breach(CloseCode::Size, format!("a frame has at most {MAX_FRAME} bytes"));
            }
            Err(Error::Utf8(_)) => {
                return Ended::Breach(CloseCode::Invalid, "a text frame holds UTF-8; found other bytes".to_owned());
            }
            // The other end went without saying so, which is not against a rule that anybody could be told.
            Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => return Ended::ByPeer,
            Err(Error::Protocol(error)) => return Ended::Breach(CloseCode::Protocol, short(&error.to_string())),
            Err(_) => return Ended::ByPeer,
        }
    }
    Ended::ByPeer
}

/// Carries out one frame.
async fn take(shared: &Arc<SandboxShared>, id: ConnectionId, text: &str, pace: Pace) {
    match receive(text) {
        None => shared.with(|hub| hub.counts.ignored += 1),
        Some(Received::HeartBeat) => shared.with(|hub| hub.counts.heartbeats += 1),
        Some(Received::Request(envelope, _) | Received::Malformed(envelope, _)) if pace == Pace::TooFast => {
            let limit = shared.limits.frames_per_second;
            let message = format!("a connection sends at most {limit} frames per second");
            let failure = Failure::new(FailureCode::ExcessiveAccess, message);
            shared.with(|hub| hub.answer(id, &envelope, &Err(failure)));
        }
        Some(Received::Malformed(envelope, _)) if envelope.command == PLAY_COMMAND => {
            let deed = PlayedDeed::read(text);
            shared.with(|hub| hub.play(id, &envelope, deed));
        }
        Some(Received::Malformed(envelope, error)) => {
            shared.with(|hub| hub.answer(id, &envelope, &Err(error.into())));
        }
        Some(Received::Request(_, request)) if request.command().is_login() => {
            log_in(shared, id, &request);
        }
        Some(Received::Request(envelope, request)) => command(shared, id, &envelope, request).await,
    }
}

async fn command(shared: &Arc<SandboxShared>, id: ConnectionId, envelope: &Envelope, request: Request) {
    if FileNeed::of(&request) == FileNeed::Nothing {
        return shared.with(|hub| match hub.admit(id, &request) {
            Ok(by) => hub.command(id, by, envelope, request, None),
            Err(failure) => hub.answer(id, envelope, &Err(failure)),
        });
    }
    let admitted = shared.with(|hub| hub.admit(id, &request));
    let staged = match &admitted {
        Ok(by) => shared.stage(by, &request).await,
        Err(failure) => Err(failure.clone()),
    };
    shared.with(|hub| match admitted.and_then(|by| Ok((by, staged?))) {
        Ok((by, file)) => hub.command(id, by, envelope, request, file),
        Err(failure) => hub.answer(id, envelope, &Err(failure)),
    });
}

fn log_in(shared: &Arc<SandboxShared>, id: ConnectionId, request: &Request) {
    let Some(pin) = shared.with(|hub| hub.login(id, request)) else { return };
    let typed = pin.clone();
    let waiter = Arc::clone(shared);
    shared.spawn(async move {
        match waiter.pin_entry {
            PinEntry::After(delay) => {
                waiter.clock.sleep(delay).await;
                waiter.with(|hub| hub.type_pin(id, &typed));
            }
            PinEntry::ByHand => {
                waiter.clock.sleep(PIN_LIFE).await;
                waiter.with(|hub| hub.expire_pin(id, &typed));
            }
        }
    });
}

/// Opens the listener.
pub(super) async fn bind(address: std::net::SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}
