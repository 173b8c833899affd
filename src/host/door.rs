//! Connections from the world: how many there may be at a time, and how long each may take. What is said on them is not known here.
//!
//! Whoever is in the way of others is cut off: a connection has to begin a request soon, and to take its answers. One that is kept open
//! between requests may be idle for long, since a proxy that uses it again must not find it closed; whose requests come to nothing is
//! told to close it (`Connection: close`, by the routes).

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt;

/// The most bytes of the head of a request.
const HEAD: usize = 32 * 1024;

/// What the connections of a listener may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// How many there are; more wait until one ends.
    pub(super) connections: usize,
    /// How long the head of a connection's first request may take.
    pub(super) first: Duration,
    /// How long the head of another one may take, from the answer before on: the connection is idle meanwhile.
    pub(super) next: Duration,
    /// How long a peer may take none of its answer.
    pub(super) stall: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: 512,
            first: Duration::from_secs(10),
            // Longer than proxies keep a connection that they might use again.
            next: Duration::from_secs(150),
            stall: Duration::from_secs(30),
        }
    }
}

/// Answers every connection by these routes; dropped, it ends them all.
pub(super) async fn answer_all(listener: TcpListener, routes: Router, bounds: Bounds) {
    let mut connections = JoinSet::new();
    let mut was_full = false;
    loop {
        let is_full = connections.len() >= bounds.connections;
        if is_full && !was_full {
            tracing::warn!(
                "{} connections are open where webhooks are taken, which is the limit: more wait until one ends",
                bounds.connections
            );
        }
        was_full = is_full;
        tokio::select! {
            accepted = listener.accept(), if !is_full => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(answer(stream, routes.clone(), bounds));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted where webhooks are taken");
                    // Out of file descriptors, most likely: the next one may find some again.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn answer(stream: TcpStream, routes: Router, bounds: Bounds) {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(bounds.stall));
    let begun = Notify::new();
    let service = service_fn(|request: Request<Incoming>| {
        begun.notify_one();
        routes.clone().oneshot(request.map(Body::new))
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(bounds.next).max_buf_size(HEAD);
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(Box::pin(stream)), service));
    // How a peer ends a connection is its own affair.
    tokio::select! {
        _ = connection.as_mut() => return,
        begun = timeout(bounds.first, begun.notified()) => if begun.is_err() {
            return;
        },
    }
    let _ = connection.await;
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::task::JoinHandle;

    use super::*;

    /// Longer than any of these tests takes.
    const NEVER: Duration = Duration::from_secs(3_600);
    const SOON: Duration = Duration::from_millis(50);

    fn bounds() -> Bounds {
        Bounds { connections: 2, first: NEVER, next: NEVER, stall: NEVER }
    }

    async fn listen(bounds: Bounds) -> (SocketAddr, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let large = || async { vec![0_u8; 64 * 1024 * 1024] };
        let routes = Router::new().route("/", get(|| async { "here" })).route("/large", get(large));
        (address, tokio::spawn(answer_all(listener, routes, bounds)))
    }

    async fn says(address: SocketAddr, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        stream.write_all(text.as_bytes()).await.expect("it is read");
        stream
    }

    /// Everything that still comes, until the connection is closed.
    async fn rest(mut stream: TcpStream) -> String {
        let mut bytes = Vec::new();
        // One that is cut off in the middle of something is reset.
        let _ = stream.read_to_end(&mut bytes).await;
        String::from_utf8_lossy(&bytes).into_owned()
    }

    #[tokio::test]
    async fn a_head_that_does_not_come_to_its_end_ends_the_connection() {
        let (address, door) = listen(Bounds { first: SOON, ..bounds() }).await;
        assert_eq!(rest(says(address, "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ").await).await, "");
        assert_eq!(rest(says(address, "").await).await, "");
        door.abort();
        let (address, door) = listen(Bounds { next: SOON, ..bounds() }).await;
        let said = rest(says(address, "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HT").await).await;
        assert!(said.ends_with("here") && said.matches("200 OK").count() == 1, "{said}");
        door.abort();
    }

    #[tokio::test]
    async fn a_head_that_is_too_large_is_refused() {
        let (address, door) = listen(bounds()).await;
        let said = rest(says(address, &format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(4 * HEAD))).await).await;
        // Closing with unread bytes may take the answer back.
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 431 "), "{said}");
        door.abort();
    }

    #[tokio::test]
    async fn one_more_than_there_may_be_waits_until_one_ends() {
        let (address, door) = listen(bounds()).await;
        let request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        let mut kept = Vec::new();
        for _ in 0..2 {
            let mut stream = says(address, request).await;
            stream.read_exact(&mut [0; 8]).await.expect("it is answered");
            kept.push(stream);
        }
        let mut third = says(address, request).await;
        let mut first = [0; 8];
        assert!(timeout(SOON, third.read_exact(&mut first)).await.is_err(), "there is no room yet");
        kept.pop();
        third.read_exact(&mut first).await.expect("now there is");
        assert_eq!(&first, b"HTTP/1.1");
        door.abort();
    }

    #[tokio::test]
    async fn whoever_takes_no_answer_is_cut_off() {
        let (address, door) = listen(Bounds { connections: 1, stall: SOON, ..bounds() }).await;
        let stalled = says(address, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n").await;
        // There is room for this one only once the other is cut off.
        let said = rest(says(address, "GET / HTTP/1.1\r\nConnection: close\r\n\r\n").await).await;
        assert!(said.ends_with("here"), "{said}");
        drop(stalled);
        door.abort();
    }
}
