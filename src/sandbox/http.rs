//! The HTTP listener for media: uploads and downloads at urls that were handed out, and pictures.
//!
//! Files are streamed, never held in memory. Which urls there are is the world's affair.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Multipart, Path, State};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutStream;
use tower_http::cors::{AllowOrigin, Any, CorsLayer};

use super::reception;
use super::shared::{SandboxShared, stopped};
use super::world::{Deed, Errand, StoredFile, TICKET_HEADER, Ticket};
use crate::protocol::{Failure, FailureCode};

/// How long a transfer may stand still.
const IDLE: Duration = Duration::from_secs(60);

/// How much of a file is read at a time, in bytes.
const CHUNK: usize = 64 * 1024;

/// The picture of those who have none of their own: one grey pixel.
const DEFAULT_PICTURE: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00, 0x00, 0x00,
    0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x00, 0x00, 0x00, 0x3a, 0x7e, 0x9b, 0x55, 0x00, 0x00, 0x00, 0x0a, 0x49,
    0x44, 0x41, 0x54, 0x78, 0xda, 0x63, 0x68, 0x00, 0x00, 0x00, 0x82, 0x00, 0x81, 0xda, 0x45, 0x08, 0x3b, 0x00, 0x00,
    0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
];

/// Serves until the sandbox stops.
pub(super) async fn listen(shared: Arc<SandboxShared>, listener: TcpListener) {
    let listed = Arc::clone(&shared);
    // A page that is let in has to be told that it may read the answers.
    let pages = CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |_, head| listed.access.check_origin(&head.headers).is_ok()))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(Any)
        .allow_private_network(true);
    let routes = Router::new()
        .route("/upload/{token}", post(upload))
        .route("/download/{token}", post(download))
        .route("/pictures/{key}", get(picture))
        // The sandbox's own limit counts while the file streams.
        .layer(DefaultBodyLimit::disable())
        .layer(pages)
        .with_state(Arc::clone(&shared));
    let connections =
        reception::accept(&shared, listener, |shared, stream| serve(shared, stream, routes.clone())).await;
    reception::last_words(connections).await;
}

pub(super) async fn serve(shared: Arc<SandboxShared>, stream: TcpStream, routes: Router) {
    let here = stream.local_addr().ok().map(|address| address.ip());
    let mut stopping = shared.stopping.subscribe();
    let routes = TowerToHyperService::new(routes);
    let answer = |request: Request<Incoming>| {
        let answered = reception::check(&shared, here, &request).map(|()| routes.call(request));
        async {
            match answered {
                Ok(answer) => answer.await,
                Err(stranger) => Ok(stranger.into_response()),
            }
        }
    };
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(IDLE));
    let stream = TokioIo::new(Box::pin(stream));
    let mut connection = std::pin::pin!(reception::requests(&shared).serve_connection(stream, service_fn(answer)));
    tokio::select! {
        // How a client ends a connection is its own affair.
        _ = connection.as_mut() => return,
        () = stopped(&mut stopping) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

async fn upload(
    State(shared): State<Arc<SandboxShared>>,
    Path(token): Path<String>,
    headers: HeaderMap,
    parts: Multipart,
) -> Result<Response, Refusal> {
    check_head(&token, &headers)?;
    let mut stopping = shared.stopping.subscribe();
    tokio::select! {
        uploaded = take_upload(&shared, &token, parts) => uploaded,
        () = stopped(&mut stopping) => Err(Refusal(StatusCode::SERVICE_UNAVAILABLE, "the sandbox stops".to_owned())),
    }
}

/// Reads the parts `params`, then `files`, and sends the message. Until the file begins, the url can be used again.
async fn take_upload(shared: &Arc<SandboxShared>, token: &str, mut parts: Multipart) -> Result<Response, Refusal> {
    let ticket = shared.with(|hub| hub.world.ticket(token).cloned()).ok_or_else(gone)?;
    let Errand::Upload { name, params, .. } = &ticket.errand else {
        return Err(Refusal(StatusCode::METHOD_NOT_ALLOWED, "this url is for a download".to_owned()));
    };
    let mut params_seen = false;
    while let Some(mut part) = in_time(shared, parts.next_field()).await? {
        match part.name() {
            Some("params") => {
                let mut text = Vec::new();
                while let Some(piece) = in_time(shared, part.chunk()).await? {
                    text.extend_from_slice(&piece);
                    if text.len() > params.len() {
                        break;
                    }
                }
                if text != params.as_bytes() {
                    return Err(bad_request("the part \"params\" is not what was handed out with the url"));
                }
                params_seen = true;
            }
            Some("files") if !params_seen => {
                return Err(bad_request("the part \"params\" is missing: it comes before the part \"files\""));
            }
            Some("files") if part.file_name().is_none() => {
                return Err(bad_request("the part \"files\" needs a file name"));
            }
            Some("files") => {
                let ticket = redeem(shared, token)?;
                let mut arriving = shared.disk.receive(name.clone(), shared.limits.file_bytes).await?;
                while let Some(piece) = in_time(shared, part.chunk()).await? {
                    arriving.write(&piece).await?;
                }
                let file = arriving.finish(&shared.disk).await?;
                return send(shared, &ticket, file);
            }
            other => {
                let found = other.unwrap_or("without a name");
                return Err(bad_request(&format!("a part is \"params\" or \"files\"; found \"{found}\"")));
            }
        }
    }
    Err(bad_request("the part \"files\" is missing"))
}

fn send(shared: &Arc<SandboxShared>, ticket: &Ticket, file: StoredFile) -> Result<Response, Refusal> {
    let deed = Deed::Uploaded { ticket: ticket.clone(), file };
    let content = shared.with(|hub| {
        let outcome = hub.enact(ticket.device, &deed);
        hub.deliver(&outcome.deliveries, ticket.device);
        outcome.reply
    })?;
    Ok(([(header::CONTENT_TYPE, "application/json")], content.to_string()).into_response())
}

async fn download(
    State(shared): State<Arc<SandboxShared>>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    check_head(&token, &headers)?;
    let ticket = redeem(&shared, &token)?;
    let Errand::Download { file } = ticket.errand else {
        return Err(Refusal(StatusCode::METHOD_NOT_ALLOWED, "this url is for an upload".to_owned()));
    };
    stream(&shared, &file.key, Some(file.size), "application/octet-stream").await
}

async fn picture(State(shared): State<Arc<SandboxShared>>, Path(key): Path<String>) -> Result<Response, Refusal> {
    if key == "default" {
        return Ok(([(header::CONTENT_TYPE, "image/png")], DEFAULT_PICTURE).into_response());
    }
    if key.len() != 64 || !key.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(Refusal(StatusCode::NOT_FOUND, "there is no such picture".to_owned()));
    }
    stream(&shared, &key, None, "image/jpeg").await
}

/// Checks the header that a transfer must carry.
fn check_head(token: &str, headers: &HeaderMap) -> Result<(), Refusal> {
    if headers.get(TICKET_HEADER).is_none_or(|value| value.as_bytes() != token.as_bytes()) {
        let message = format!("the header {TICKET_HEADER} must be as it was handed out with the url");
        return Err(Refusal(StatusCode::FORBIDDEN, message));
    }
    Ok(())
}

/// Takes a url back that was handed out: each can be used once.
fn redeem(shared: &Arc<SandboxShared>, token: &str) -> Result<Ticket, Refusal> {
    let now = shared.clock.now();
    shared.with(|hub| hub.world.redeem(token, now)).ok_or_else(gone)
}

fn gone() -> Refusal {
    Refusal(StatusCode::GONE, "this url was used already, has expired, or never was".to_owned())
}

/// The bytes of a stored file as an answer; `None` where it is gone.
pub(super) async fn file(shared: &Arc<SandboxShared>, key: &str, size: u64, kind: &str) -> Option<Response> {
    stream(shared, key, Some(size), kind).await.ok()
}

async fn stream(
    shared: &Arc<SandboxShared>,
    key: &str,
    size: Option<u64>,
    kind: impl Into<String>,
) -> Result<Response, Refusal> {
    let missing = |_| Refusal(StatusCode::NOT_FOUND, "the file is gone".to_owned());
    let file = shared.disk.open(key).await.map_err(missing)?;
    let size = match size {
        Some(size) => size,
        None => file.metadata().await.map_err(missing)?.len(),
    };
    let stopping = shared.stopping.subscribe();
    let pieces = futures_util::stream::try_unfold((file, stopping), |(mut file, mut stopping)| async move {
        let mut piece = vec![0; CHUNK];
        let read = tokio::select! {
            read = file.read(&mut piece) => read?,
            () = stopped(&mut stopping) => return Err(std::io::Error::other("the sandbox stops")),
        };
        piece.truncate(read);
        Ok((read > 0).then(|| (Bytes::from(piece), (file, stopping))))
    });
    let headers = [(header::CONTENT_TYPE, kind.into()), (header::CONTENT_LENGTH, size.to_string())];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// Waits for the next piece of a transfer that does not stand still.
async fn in_time<T>(
    shared: &SandboxShared,
    piece: impl Future<Output = Result<T, axum::extract::multipart::MultipartError>>,
) -> Result<T, Refusal> {
    tokio::select! {
        piece = piece => piece.map_err(|error| Refusal(error.status(), error.body_text())),
        () = shared.clock.sleep(IDLE) => {
            Err(Refusal(StatusCode::REQUEST_TIMEOUT, "the transfer stood still for a minute".to_owned()))
        }
    }
}

/// An answer other than success.
struct Refusal(StatusCode, String);

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        let status = match FailureCode::of(failure.code) {
            Some(FailureCode::ExceedFileMaxSize) => StatusCode::PAYLOAD_TOO_LARGE,
            Some(FailureCode::Malformed) => StatusCode::BAD_REQUEST,
            _ => StatusCode::FORBIDDEN,
        };
        Self(status, failure.content)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, self.1).into_response()
    }
}

fn bad_request(message: &str) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, message.to_owned())
}
