//! The listener for webhooks: one for all sessions on LINE, a path for each, `/webhook/NAME`.
//!
//! A body's signature is checked over its bytes before anything is read of it. LINE is answered once the session's journal has the
//! events; what an event causes is not waited for.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tower::ServiceExt;
use tower_http::services::ServeFile;

use super::config::Session;
use crate::clock::Clock;
use crate::protocol::line::{Callback, SIGNATURE_HEADER, read_callback, verify};
use crate::session::{Credentials, Door, PUBLISHED, WebhookDelivery, Webhooks};

/// The most bytes of a webhook: LINE's have a hundred events at most.
const BODY: usize = 4 * 1024 * 1024;
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
        let routes = Router::new()
            .route("/webhook/{session}", post(take).get(explain))
            .route(&format!("/{PUBLISHED}/{{code}}/{{until}}/{{folder}}/{{*file}}"), get(serve))
            .layer(DefaultBodyLimit::max(BODY))
            .with_state(webhooks);
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, routes).await {
                tracing::error!("webhooks are taken no more: {error}");
            }
        });
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

/// An answer other than that everything is kept.
struct Turned(StatusCode, String);

impl IntoResponse for Turned {
    fn into_response(self) -> Response {
        (self.0, format!("{}\n", self.1)).into_response()
    }
}

async fn explain(State(webhooks): State<Webhooks>, Path(session): Path<String>) -> Turned {
    match webhooks.find(&session) {
        Some(_) => {
            Turned(StatusCode::METHOD_NOT_ALLOWED, "this url is for LINE's webhooks, which are posted".to_owned())
        }
        None => unknown(),
    }
}

async fn take(
    State(webhooks): State<Webhooks>,
    Path(session): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Turned> {
    let until = Instant::now() + PATIENCE;
    let (secret, door) = webhooks.find(&session).ok_or_else(unknown)?;
    let Some(signature) = headers.get(SIGNATURE_HEADER) else {
        return Err(turned_away(
            &session,
            StatusCode::UNAUTHORIZED,
            format!("the header {SIGNATURE_HEADER} is missing"),
        ));
    };
    if !verify(secret.expose().as_bytes(), &body, signature.as_bytes()) {
        let message = "the signature is not that of this body under the channel secret of this session".to_owned();
        return Err(turned_away(&session, StatusCode::UNAUTHORIZED, message));
    }
    let callback = read_callback(&body);
    let Callback { destination, events } =
        callback.map_err(|error| turned_away(&session, StatusCode::BAD_REQUEST, error.to_string()))?;
    // So the console's button "Verify" asks whether somebody is there.
    if events.is_empty() {
        return Ok(StatusCode::OK);
    }
    let Some(Door { account, deliveries }) = door else {
        return Err(put_off(&session, "the session is not connected"));
    };
    if !destination.is_empty() && destination != account {
        let message = format!("this webhook is for {destination}, and the account of this session is {account}");
        return Err(turned_away(&session, StatusCode::BAD_REQUEST, message));
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
    State(webhooks): State<Webhooks>,
    Path((code, until, folder, file)): Path<(String, String, String, String)>,
    request: Request,
) -> Result<Response, Turned> {
    let now = Clock::system().now();
    let found = webhooks.publisher().and_then(|publisher| publisher.find(&code, &until, &folder, &file, now));
    let gone = || Turned(StatusCode::NOT_FOUND, "this url is over, or never was".to_owned());
    match ServeFile::new(found.ok_or_else(gone)?).oneshot(request).await {
        Ok(response) => Ok(response.into_response()),
        Err(never) => match never {},
    }
}

fn unknown() -> Turned {
    Turned(StatusCode::NOT_FOUND, "no session of this name takes webhooks here".to_owned())
}

/// What is wrong with the webhook itself.
fn turned_away(session: &str, status: StatusCode, message: String) -> Turned {
    tracing::warn!(session, "a webhook is turned away: {message}");
    Turned(status, message)
}

/// LINE delivers it again, where its redelivery is switched on.
fn put_off(session: &str, reason: &str) -> Turned {
    tracing::warn!(
        session,
        "a webhook is answered 503, since {reason}: LINE delivers it again if redelivery is switched on"
    );
    Turned(StatusCode::SERVICE_UNAVAILABLE, reason.to_owned())
}
