//! The listener for webhooks: one for all sessions on LINE, a path for each, `/webhook/NAME`.
//!
//! A body's signature is checked over its bytes before anything is read of it. LINE is answered once the session's journal has the
//! events; what an event causes is not waited for. Anybody can ask: what of their requests is held is bounded here, and their
//! connections in `door`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::StreamExt;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tower::ServiceExt;
use tower_http::services::ServeFile;

use super::config::Session;
use super::door::{Bounds, answer_all};
use crate::clock::Clock;
use crate::protocol::line::{Callback, SIGNATURE_HEADER, read_callback, verify};
use crate::session::{Credentials, Door, PUBLISHED, WebhookDelivery, Webhooks};

/// The most bytes of a webhook: LINE's have a hundred events at most.
const BODY: usize = 4 * 1024 * 1024;
/// The most bytes of all webhooks together that are being read, or wait to be taken.
const BODIES: usize = 64 * 1024 * 1024;
/// How long the body of a webhook may take to come.
const COMING: Duration = Duration::from_secs(5);
/// LINE waits for two seconds.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether what happens to a session's account comes by webhooks.
pub(super) fn takes_webhooks(session: &Session) -> bool {
    matches!(session.login, Credentials::Channel { .. })
}

/// The running listener. It ends when this is dropped.
pub(crate) struct WebhookListener {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl WebhookListener {
    /// Listens for the webhooks of these sessions.
    ///
    /// # Errors
    /// When the address is not to be had.
    pub(crate) async fn start(listen: SocketAddr, webhooks: Webhooks) -> std::io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let reception = Reception { webhooks, room: Arc::new(Semaphore::new(BODIES)) };
        let routes = Router::new()
            .route("/webhook/{session}", post(take).get(explain))
            .route(&format!("/{PUBLISHED}/{{code}}/{{until}}/{{folder}}/{{*file}}"), get(serve))
            .fallback(async || Turned(StatusCode::NOT_FOUND, "there is nothing here".to_owned()))
            .layer(map_response(close_if_refused))
            .with_state(reception);
        let task = tokio::spawn(answer_all(listener, routes, Bounds::default()));
        Ok(Self { address, task })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for WebhookListener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What all requests share.
#[derive(Clone)]
struct Reception {
    webhooks: Webhooks,
    /// The bytes that may still be held.
    room: Arc<Semaphore>,
}

/// An answer other than that everything is kept.
struct Turned(StatusCode, String);

impl IntoResponse for Turned {
    fn into_response(self) -> Response {
        (self.0, format!("{}\n", self.1)).into_response()
    }
}

/// A connection is kept open for those alone who know a secret or a url: others may need it.
async fn close_if_refused(mut response: Response) -> Response {
    if response.status().is_client_error() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn explain(State(reception): State<Reception>, Path(session): Path<String>) -> Turned {
    match reception.webhooks.find(&session) {
        Some(_) => {
            Turned(StatusCode::METHOD_NOT_ALLOWED, "this url is for LINE's webhooks, which are posted".to_owned())
        }
        None => unknown(),
    }
}

async fn take(
    State(reception): State<Reception>,
    Path(session): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Turned> {
    let (secret, door) = reception.webhooks.find(&session).ok_or_else(unknown)?;
    let turned_away = |status, message| turned_away(&session, status, message);
    let Some(signature) = headers.get(SIGNATURE_HEADER) else {
        return Err(turned_away(StatusCode::UNAUTHORIZED, format!("the header {SIGNATURE_HEADER} is missing")));
    };
    let read = timeout(COMING, reception.read(body)).await.unwrap_or_else(|_| {
        let message = format!("the body does not come to its end within {} seconds", COMING.as_secs());
        Err(Unread::Broken(StatusCode::REQUEST_TIMEOUT, message))
    });
    let (body, _room) = read.map_err(|unread| match unread {
        Unread::Broken(status, message) => turned_away(status, message),
        Unread::NoRoom => put_off(&session, "too many webhooks come at once"),
    })?;
    let until = Instant::now() + PATIENCE;
    if !verify(secret.expose().as_bytes(), &body, signature.as_bytes()) {
        let message = "the signature is not that of this body under the channel secret of this session".to_owned();
        return Err(turned_away(StatusCode::UNAUTHORIZED, message));
    }
    let callback = read_callback(&body);
    let Callback { destination, events } =
        callback.map_err(|error| turned_away(StatusCode::BAD_REQUEST, error.to_string()))?;
    // So the console's button "Verify" asks whether somebody is there.
    if events.is_empty() {
        return Ok(StatusCode::OK);
    }
    let Some(Door { account, deliveries }) = door else {
        return Err(put_off(&session, "the session is not connected"));
    };
    if !destination.is_empty() && destination != account {
        let message = format!("this webhook is for {destination}, and the account of this session is {account}");
        return Err(turned_away(StatusCode::BAD_REQUEST, message));
    }
    let (kept, is_kept) = oneshot::channel();
    match timeout_at(until, deliveries.send(WebhookDelivery { events, kept })).await {
        Ok(Ok(())) => {}
        Ok(Err(_)) => return Err(put_off(&session, "the session is not connected")),
        Err(_) => return Err(put_off(&session, "too many events wait in the session")),
    }
    match timeout_at(until, is_kept).await {
        Ok(Ok(())) => Ok(StatusCode::OK),
        Ok(Err(_)) => Err(put_off(&session, "the session has ended")),
        Err(_) => Err(put_off(&session, "the events could not be recorded within a second")),
    }
}

/// Gives a file to whoever has its url, in pieces where they ask for one.
async fn serve(
    State(Reception { webhooks, .. }): State<Reception>,
    Path((code, until, folder, file)): Path<(String, String, String, String)>,
    request: Request,
) -> Result<Response, Turned> {
    let now = Clock::system().now();
    let found = webhooks.publisher().and_then(|publisher| publisher.find(&code, &until, &folder, &file, now));
    let gone = || Turned(StatusCode::NOT_FOUND, "this url is over, or never was".to_owned());
    match ServeFile::new(found.ok_or_else(gone)?).oneshot(request).await {
        Ok(response) => {
            let mut response = response.into_response();
            // A browser takes no picture for a page that it is asked to show.
            response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
            Ok(response)
        }
        Err(never) => match never {},
    }
}

/// Why a body is not read to its end.
enum Unread {
    Broken(StatusCode, String),
    /// Others hold too many bytes.
    NoRoom,
}

impl Reception {
    /// The bytes of a body, and the room that they take.
    async fn read(&self, body: Body) -> Result<(Vec<u8>, Option<OwnedSemaphorePermit>), Unread> {
        let mut pieces = body.into_data_stream();
        let (mut bytes, mut room) = (Vec::new(), None::<OwnedSemaphorePermit>);
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| {
                Unread::Broken(StatusCode::BAD_REQUEST, format!("the body does not come to its end: {error}"))
            })?;
            if bytes.len() + piece.len() > BODY {
                let message = format!("the body has more than {BODY} bytes");
                return Err(Unread::Broken(StatusCode::PAYLOAD_TOO_LARGE, message));
            }
            let count = u32::try_from(piece.len()).map_err(|_| Unread::NoRoom)?;
            let more = Arc::clone(&self.room).try_acquire_many_owned(count).map_err(|_| Unread::NoRoom)?;
            match &mut room {
                Some(room) => room.merge(more),
                None => room = Some(more),
            }
            bytes.extend_from_slice(&piece);
        }
        Ok((bytes, room))
    }
}

/// What is wrong with the webhook itself.
fn turned_away(session: &str, status: StatusCode, message: String) -> Turned {
    tracing::warn!(session, "a webhook is turned away: {message}");
    Turned(status, message)
}

fn unknown() -> Turned {
    Turned(StatusCode::NOT_FOUND, "no session of this name takes webhooks here".to_owned())
}

/// LINE delivers it again, where its redelivery is switched on.
fn put_off(session: &str, reason: &str) -> Turned {
    tracing::warn!(
        session,
        "a webhook is answered 503, since {reason}: LINE delivers it again if redelivery is switched on"
    );
    Turned(StatusCode::SERVICE_UNAVAILABLE, reason.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reception(room: usize) -> Reception {
        Reception { webhooks: Webhooks::default(), room: Arc::new(Semaphore::new(room)) }
    }

    #[tokio::test]
    async fn the_bytes_that_all_bodies_hold_are_bounded() {
        let reception = reception(5);
        let Ok((first, room)) = reception.read(Body::from("abc")).await else { panic!("there is room") };
        assert_eq!(first, b"abc");
        assert!(matches!(reception.read(Body::from("abc")).await, Err(Unread::NoRoom)));
        drop(room);
        assert!(reception.read(Body::from("abcde")).await.is_ok());
        assert!(reception.read(Body::empty()).await.is_ok());
    }
}
