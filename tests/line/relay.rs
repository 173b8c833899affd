//! What stands between a bot and whatever plays LINE for it: it passes everything on, and remembers it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use reqwest::Client;
use serde_json::Value;
use tokio::sync::Notify;

use crate::line::scene::client;

/// How long a request that must come is waited for; reached only when a test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A request as it came, and what it was answered.
#[derive(Clone, Debug)]
pub(crate) struct Passed {
    pub(crate) method: String,
    /// Its path and query.
    pub(crate) target: String,
    pub(crate) body: Bytes,
    pub(crate) status: StatusCode,
    /// What a judge finds wrong with it.
    pub(crate) violations: Option<String>,
}

impl Passed {
    /// The JSON that it carries.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// Passes requests on. Clones share what it remembers.
#[derive(Clone)]
pub(crate) struct Relay {
    to: String,
    http: Client,
    passed: Arc<Mutex<Vec<Passed>>>,
    came: Arc<Notify>,
}

impl Relay {
    /// One to this base url, and the base url of its own.
    pub(crate) async fn listen(to: String) -> (Self, String) {
        let relay = Self { to, http: client(), passed: Arc::default(), came: Arc::default() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let routes = Router::new().fallback(pass).with_state(relay.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (relay, format!("http://{address}"))
    }

    /// What comes first, once it is answered.
    pub(crate) async fn first(&self) -> Passed {
        tokio::time::timeout(PATIENCE, self.came.notified()).await.expect("something comes");
        self.passed().swap_remove(0)
    }

    /// What came, in its order.
    pub(crate) fn passed(&self) -> Vec<Passed> {
        self.passed.lock().expect("nobody panics").clone()
    }
}

async fn pass(State(relay): State<Relay>, request: Request) -> Response {
    let (mut head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.expect("it comes in full");
    let target = head.uri.to_string();
    // The connection's own.
    for name in [header::HOST, header::CONTENT_LENGTH, header::CONNECTION] {
        head.headers.remove(name);
    }
    let url = format!("{}{target}", relay.to);
    let request = relay.http.request(head.method.clone(), url).headers(head.headers).body(body.clone());
    let answer = request.send().await.expect("it is there");
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    let content = answer.bytes().await.expect("it comes in full");
    let violations = headers.get("sl-violations").map(|found| String::from_utf8_lossy(found.as_bytes()).into_owned());
    let method = head.method.to_string();
    relay.passed.lock().expect("nobody panics").push(Passed { method, target, body, status, violations });
    relay.came.notify_one();
    for name in [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION] {
        headers.remove(name);
    }
    let mut response = Response::new(Body::from(content));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
