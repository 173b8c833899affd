//! How a connection becomes a WebSocket, or is told why it does not. What frames do is not here.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Body;
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::reception::{self, linger};
use super::shared::SandboxShared;
use crate::protocol::MAX_FRAME;

/// A connection that carries frames.
pub(super) type ServerSocket = WebSocketStream<TcpStream>;

/// Makes a WebSocket of a connection, if that is what it asks for and it may.
pub(super) async fn socket(shared: &SandboxShared, stream: TcpStream) -> Option<ServerSocket> {
    let is_open = AtomicBool::new(false);
    let answer = async |request: Request<Incoming>| {
        let answer = open(shared, request);
        is_open.store(answer.is_ok(), Ordering::Relaxed);
        Ok::<_, Infallible>(answer.unwrap_or_else(|mut refused| {
            refused.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            refused
        }))
    };
    let connection = reception::requests(shared).serve_connection(TokioIo::new(stream), service_fn(answer));
    let failed = |error: &hyper::Error| tracing::debug!(%error, "a connection to the sandbox was no WebSocket");
    let parts = connection.without_shutdown().await.inspect_err(failed).ok()?;
    let (mut stream, begun) = (parts.io.into_inner(), parts.read_buf);
    if !is_open.into_inner() {
        linger(shared, &mut stream).await;
        return None;
    }
    let config = WebSocketConfig::default()
        .read_buffer_size(8 * 1024)
        .write_buffer_size(32 * 1024)
        .max_message_size(Some(MAX_FRAME))
        .max_frame_size(Some(MAX_FRAME));
    Some(WebSocketStream::from_partially_read(stream, begun.into(), Role::Server, Some(config)).await)
}

/// The answer that makes a WebSocket of a connection, or the one that says why it becomes none.
///
/// By which name a program calls the gateway is its own affair: a page is known by its origin.
fn open(shared: &SandboxShared, request: Request<Incoming>) -> Result<Response, Response> {
    shared.access.check_origin(request.headers()).map_err(IntoResponse::into_response)?;
    let asks = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"websocket");
    if !request.headers().get(header::UPGRADE).is_some_and(asks) {
        let body = "this is a gateway that speaks WebSocket: connect with ws:// instead of http://\n";
        return Err((StatusCode::UPGRADE_REQUIRED, [(header::UPGRADE, "websocket")], body).into_response());
    }
    match create_response(&request.map(|_| ())) {
        Ok(opened) => Ok(opened.map(|()| Body::empty())),
        Err(error) => Err((StatusCode::BAD_REQUEST, format!("{error}\n")).into_response()),
    }
}
