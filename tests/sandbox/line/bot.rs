//! A bot of the tests: takes webhooks, checks their signatures, and calls the API. It decides nothing by itself.

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use hotline::clock::Clock;
use hotline::protocol::line::{ApiOperation, SIGNATURE_HEADER, verify};
use hotline::sandbox::{Control, LINE_CHANNEL, Official, OfficialConfig, Sandbox, SandboxConfig};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::sandbox::client::sandbox_with;

/// How long a webhook that must come is waited for; reached only when a test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// The time at which the worlds of these tests begin: noon of 2026-01-15 in Japan.
pub(crate) const START: i64 = 1_768_446_000_000;

/// A sandbox, and the bot of its official account.
pub(crate) struct Bot {
    pub(crate) sandbox: Sandbox,
    pub(crate) clock: Clock,
    /// What the next webhooks are answered.
    status: Arc<AtomicU16>,
    webhooks: mpsc::UnboundedReceiver<Signed>,
    /// The webhooks that were read.
    pub(crate) read: Vec<Signed>,
    pub(crate) client: Client,
    server: JoinHandle<()>,
    answers: Mutex<Vec<Answer>>,
}

/// A webhook as it came.
#[derive(Clone, Debug)]
pub(crate) struct Signed {
    pub(crate) signature: String,
    pub(crate) body: String,
}

/// What an operation was answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// LINE's name of the operation.
    pub(crate) operation: &'static str,
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) body: Vec<u8>,
}

#[derive(Clone)]
struct Receiver {
    status: Arc<AtomicU16>,
    // The test reads all of them, or ends.
    webhooks: mpsc::UnboundedSender<Signed>,
}

impl Bot {
    /// Starts both; the bot has set its webhook.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts both, set up further.
    pub(crate) async fn start_with(change: impl FnOnce(&mut SandboxConfig)) -> Self {
        let clock = Clock::manual(START);
        let time = clock.clone();
        let sandbox = sandbox_with(move |config| {
            config.clock = time;
            config.official = OfficialConfig {
                listen: Some("127.0.0.1:0".parse().expect("an address")),
                ..OfficialConfig::default()
            };
            change(config);
        })
        .await;
        let (sender, webhooks) = mpsc::unbounded_channel();
        let status = Arc::new(AtomicU16::new(200));
        let receiver = Receiver { status: Arc::clone(&status), webhooks: sender };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let routes = Router::new().route("/callback", post(receive)).with_state(receiver);
        let server = tokio::spawn(async move { axum::serve(listener, routes).await.expect("it serves") });
        let bot = Self {
            sandbox,
            clock,
            status,
            webhooks,
            read: Vec::new(),
            client: client(),
            server,
            answers: Mutex::default(),
        };
        let endpoint = json!({ "endpoint": format!("http://{address}/callback") });
        bot.ok(Method::PUT, "/v2/bot/channel/webhook/endpoint", endpoint).await;
        bot
    }

    pub(crate) fn control(&self) -> Control {
        self.sandbox.control()
    }

    pub(crate) fn official(&self) -> Official {
        self.control().official()
    }

    /// The id of a person as the API writes it.
    pub(crate) fn id(&self, who: &str) -> String {
        line_id(&self.control().mid(who).expect("a person"))
    }

    /// Answers webhooks with this status from now on.
    pub(crate) fn answers(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// A request, with the channel's token.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = self.sandbox.line_url().expect("it is served");
        self.client.request(method, format!("{url}{path}")).bearer_auth(LINE_CHANNEL)
    }

    /// Calls an operation and gives its status and its answer.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let request = self.request(method, path);
        let request = if body.is_null() { request } else { with(request, &body) };
        self.send(request).await
    }

    /// Sends a request, and gives its status and its answer.
    pub(crate) async fn send(&self, request: RequestBuilder) -> (u16, Value) {
        let request = request.build().expect("a request");
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let response = self.client.execute(request).await.expect("it is answered");
        let status = response.status().as_u16();
        let content_type = response.headers().get("content-type").map(|kind| kind.to_str().expect("a text").to_owned());
        let body = response.bytes().await.expect("it ends").to_vec();
        let answer = serde_json::from_slice(&body).unwrap_or(Value::Null);
        if let Some((operation, _)) = ApiOperation::at(method.as_str(), &path) {
            let content_type = content_type.unwrap_or_default();
            let answer = Answer { operation: operation.command.name, status, content_type, body };
            self.answers.lock().expect("nobody panics").push(answer);
        }
        (status, answer)
    }

    /// What was answered so far.
    pub(crate) fn answers_so_far(&self) -> Vec<Answer> {
        self.answers.lock().expect("nobody panics").clone()
    }

    /// As [`call`](Self::call), for an operation that must succeed.
    pub(crate) async fn ok(&self, method: Method, path: &str, body: Value) -> Value {
        let (status, answer) = self.call(method, path, body.clone()).await;
        assert!((200..300).contains(&status), "{path} {body} is answered {status} {answer}");
        answer
    }

    /// Reads what must be there.
    pub(crate) async fn get(&self, path: &str) -> Value {
        self.ok(Method::GET, path, Value::Null).await
    }

    /// The next webhook.
    pub(crate) async fn webhook(&mut self) -> Value {
        let webhook = tokio::time::timeout(PATIENCE, self.webhooks.recv()).await.expect("a webhook comes");
        let webhook = webhook.expect("the bot listens");
        let value = serde_json::from_str(&webhook.body).expect("a webhook is JSON");
        self.read.push(webhook);
        value
    }

    /// The event of the next webhook.
    pub(crate) async fn event(&mut self) -> Value {
        let webhook = self.webhook().await;
        assert_eq!(webhook["destination"], self.id("shop"));
        let [event] = webhook["events"].as_array().expect("events").as_slice() else { panic!("one event: {webhook}") };
        event.clone()
    }

    /// The event of the next webhook, which must be of this type.
    pub(crate) async fn event_of(&mut self, kind: &str) -> Value {
        let event = self.event().await;
        assert_eq!(event["type"], kind, "{event}");
        event
    }

    /// Replies with a text and gives the status and the answer.
    pub(crate) async fn reply(&self, event: &Value, text: &str) -> (u16, Value) {
        let body = json!({ "replyToken": event["replyToken"], "messages": [{ "type": "text", "text": text }] });
        self.call(Method::POST, "/v2/bot/message/reply", body).await
    }

    /// Pushes a text and gives the status and the answer.
    pub(crate) async fn push(&self, to: &str, text: &str) -> (u16, Value) {
        self.call(
            Method::POST,
            "/v2/bot/message/push",
            json!({ "to": to, "messages": [{ "type": "text", "text": text }] }),
        )
        .await
    }

    /// The texts between a person and the account, as that person sees them.
    pub(crate) fn texts(&self, who: &str) -> Vec<String> {
        let chat = self.control().chat(who, "shop");
        chat.into_iter().filter_map(|message| message.text).collect()
    }
}

impl Drop for Bot {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Gives a request a JSON body.
pub(crate) fn with(request: RequestBuilder, body: &Value) -> RequestBuilder {
    request.header("content-type", "application/json").body(body.to_string())
}

/// The status and the JSON of an answer, null where it has none.
pub(crate) async fn read(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().await.expect("it ends");
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

/// The id of a mid as the API writes it.
pub(crate) fn line_id(mid: &str) -> String {
    format!("{}{}", mid[..1].to_uppercase(), &mid[1..])
}

fn client() -> Client {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the usual versions")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    // A connection that is kept would end when the clock of the test moves.
    let builder = Client::builder().tls_backend_preconfigured(tls).no_proxy().pool_max_idle_per_host(0);
    builder.build().expect("a client")
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let signature = headers.get(SIGNATURE_HEADER).map_or("", |value| value.to_str().expect("a text")).to_owned();
    if !verify(LINE_CHANNEL.as_bytes(), &body, signature.as_bytes()) {
        return StatusCode::UNAUTHORIZED;
    }
    let status = receiver.status.load(Ordering::SeqCst);
    let body = String::from_utf8(body.to_vec()).expect("a webhook is text");
    receiver.webhooks.send(Signed { signature, body }).expect("the test reads");
    StatusCode::from_u16(status).expect("a status")
}
