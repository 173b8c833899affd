//! What both listeners do at their doors: accept connections, time their requests, turn strangers away.
//!
//! What is said on a connection that was let in is the affair of `server` and `http`.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::http::Request;
use axum::response::{IntoResponse, Response};
use hyper::rt::{Sleep, Timer};
use hyper::server::conn::http1;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::shared::{SandboxShared, stopped};
use crate::access::Stranger;
use crate::clock::Clock;

/// How long the head of a request may take to come.
const HEAD: Duration = Duration::from_secs(10);

/// How long a connection that is being refused is still read, so that it gets to see why, and one that does not end is
/// waited for when the sandbox stops.
pub(super) const LINGER: Duration = Duration::from_secs(2);

/// How much of a connection that is being refused is still read, in bytes.
const LINGER_BYTES: usize = 64 * 1024 * 1024;

/// Accepts connections, and has each served by `serve`, until the sandbox stops.
pub(super) async fn accept<F>(
    shared: &Arc<SandboxShared>,
    listener: TcpListener,
    serve: impl Fn(Arc<SandboxShared>, TcpStream) -> F,
) -> JoinSet<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    let mut stopping = shared.stopping.subscribe();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if connections.len() >= shared.limits.connections => {
                    connections.spawn(refuse(Arc::clone(shared), stream));
                }
                Ok((stream, _)) => {
                    connections.spawn(serve(Arc::clone(shared), stream));
                }
                Err(error) => {
                    // Out of file descriptors, most likely: the next one may find some again.
                    tracing::warn!(%error, "the sandbox could not accept a connection");
                    shared.clock.sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next() => {}
            () = stopped(&mut stopping) => return connections,
        }
    }
}

/// Waits for connections to end; a peer that does not end its own is not waited for long.
pub(super) async fn last_words(mut connections: JoinSet<()>) {
    let ended = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(LINGER, ended).await;
}

/// How a connection's requests are read: a head that does not come to its end ends the connection.
pub(super) fn requests(shared: &SandboxShared) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.timer(Ticks(shared.clock.clone())).header_read_timeout(HEAD);
    builder
}

/// Checks by whom a request is made, and by which name it calls the listener.
pub(super) fn check<B>(shared: &SandboxShared, here: Option<IpAddr>, request: &Request<B>) -> Result<(), Stranger> {
    shared.access.check_origin(request.headers())?;
    let addresses: Vec<_> = here.into_iter().chain([shared.listen]).collect();
    shared.access.check_host(request.uri(), request.headers(), &addresses)
}

impl IntoResponse for Stranger {
    fn into_response(self) -> Response {
        (self.status(), format!("{self}\n")).into_response()
    }
}

/// Answers a connection that there is no room for.
async fn refuse(shared: Arc<SandboxShared>, mut stream: TcpStream) {
    let body = format!("the sandbox has {} connections, which is its limit", shared.limits.connections);
    let status = "503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8";
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    if stream.write_all(format!("{head}{body}").as_bytes()).await.is_ok() {
        linger(&shared, &mut stream).await;
    }
}

/// Reads what still comes, since closing with unread bytes would take the last words back.
pub(super) async fn linger(shared: &SandboxShared, stream: &mut TcpStream) {
    let discard = async {
        let mut buffer = vec![0; 64 * 1024];
        let mut left = LINGER_BYTES;
        let _ = stream.shutdown().await;
        while let Ok(read @ 1..) = stream.read(&mut buffer).await {
            left = left.saturating_sub(read);
            if left == 0 {
                break;
            }
        }
    };
    tokio::select! {
        () = discard => {}
        () = shared.clock.sleep(LINGER) => {}
    }
}

/// The sandbox's clock, as the HTTP library reads it.
struct Ticks(Clock);

impl Timer for Ticks {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        let clock = self.0.clone();
        Box::pin(Tick(Box::pin(async move { clock.sleep(duration).await })))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.sleep(deadline.saturating_duration_since(Instant::now()))
    }
}

struct Tick(Pin<Box<dyn Future<Output = ()> + Send + Sync>>);

impl Sleep for Tick {}

impl Future for Tick {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(context)
    }
}
