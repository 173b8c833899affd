//! A gateway that does what a test says, frame by frame, over real WebSocket connections.
//!
//! It knows nothing of accounts or messages: a test reads what the client sent and writes what it should get.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async};

use crate::wire;

/// Real time that no test comes near unless something hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// What carries a client's frames.
pub(crate) trait Carrier: AsyncRead + AsyncWrite + Unpin {}
impl<S: AsyncRead + AsyncWrite + Unpin> Carrier for S {}

/// Awaits something that a test expects to happen.
pub(crate) async fn soon<T>(what: &str, happens: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, happens).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// The listening side.
pub(crate) struct Gateway {
    listener: TcpListener,
}

impl Gateway {
    /// Listens on a free port.
    pub(crate) async fn listen() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.expect("a free port") }
    }

    /// Listens where an earlier one did.
    pub(crate) async fn listen_on(address: SocketAddr) -> Self {
        let again = async {
            loop {
                // Another process may have it for a moment.
                if let Ok(listener) = TcpListener::bind(address).await {
                    return Self { listener };
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        soon("the port to be free", again).await
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("it listens")
    }

    /// The port on which it listens.
    pub(crate) fn port(&self) -> u16 {
        self.listener.local_addr().expect("it listens").port()
    }

    /// Where it listens, as `ws://…`.
    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.listener.local_addr().expect("it listens"))
    }

    /// Takes the next client.
    pub(crate) async fn accept(&self) -> Client {
        Client::on(self.accept_tcp().await).await
    }

    /// Takes the next connection without speaking WebSocket on it.
    pub(crate) async fn accept_tcp(&self) -> TcpStream {
        soon("a client", self.listener.accept()).await.expect("a client").0
    }

    /// Takes the next client and its login, and answers that it is `mid`.
    pub(crate) async fn accept_login(&self, mid: &str) -> Client {
        let mut client = self.accept().await;
        let login = client.receive().await;
        assert!(login["command"] == "Login" || login["command"] == "LoginWithToken", "{login}");
        client.log_in(&json!({"mid": mid})).await;
        client
    }
}

/// A client's connection.
pub(crate) struct Client {
    socket: WebSocketStream<Box<dyn Carrier>>,
}

impl Client {
    /// Takes a client on a connection that may be encrypted.
    pub(crate) async fn on(stream: impl Carrier + 'static) -> Self {
        Self::try_on(stream).await.expect("a handshake")
    }

    /// Takes a client that may give up before the handshake is done.
    pub(crate) async fn try_on(stream: impl Carrier + 'static) -> Option<Self> {
        let stream: Box<dyn Carrier> = Box::new(stream);
        let socket = soon("a handshake", accept_async(stream)).await.ok()?;
        Some(Self { socket })
    }

    /// The next frame, heartbeats passed over.
    pub(crate) async fn receive(&mut self) -> Value {
        loop {
            let frame = self.receive_any().await;
            if frame["command"] != "HeartBeat" {
                return frame;
            }
        }
    }

    /// The next frame.
    pub(crate) async fn receive_any(&mut self) -> Value {
        known(&self.receive_text().await)
    }

    /// The next frame, which the protocol need not know.
    pub(crate) async fn receive_unknown(&mut self) -> Value {
        serde_json::from_str(&self.receive_text().await).expect("a client sends JSON")
    }

    async fn receive_text(&mut self) -> String {
        loop {
            match soon("a frame", self.socket.next()).await {
                Some(Ok(Message::Text(text))) => return text.to_string(),
                Some(Ok(_)) => {}
                other => panic!("no frame but {other:?}"),
            }
        }
    }

    /// The next frame, or nothing when the client is gone.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            match self.socket.next().await? {
                Ok(Message::Text(text)) => return Some(known(&text)),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }

    /// Sends a frame to a client that may be gone; false means that it is.
    pub(crate) async fn try_send(&mut self, frame: &Value) -> bool {
        self.socket.send(Message::text(frame.to_string())).await.is_ok()
    }

    /// The next message of any kind.
    pub(crate) async fn receive_message(&mut self) -> Message {
        soon("a message", self.socket.next()).await.expect("the client is there").expect("a message")
    }

    /// Waits until the client is gone.
    pub(crate) async fn gone(&mut self) {
        while let Some(Ok(_)) = soon("the client to go", self.socket.next()).await {}
    }

    /// Sends any message.
    pub(crate) async fn send(&mut self, message: Message) {
        self.socket.send(message).await.expect("the client is there");
    }

    /// Sends a text as it is.
    pub(crate) async fn send_text(&mut self, text: impl Into<String>) {
        self.send(Message::text(text.into())).await;
    }

    /// Answers a login with success.
    pub(crate) async fn log_in(&mut self, content: &Value) {
        self.send_text(json!({"command": "OnLogin", "code": 0, "content": content.to_string()}).to_string()).await;
    }

    /// Answers a request.
    pub(crate) async fn reply(&mut self, request: &Value, code: i64, content: &str) {
        let reply =
            json!({"command": request["command"], "task_id": request["task_id"], "code": code, "content": content});
        self.send_text(reply.to_string()).await;
    }

    /// Sends an event.
    pub(crate) async fn event(&mut self, subcommand: &str, content: &Value) {
        let frame = json!({"command": "OnNotify", "subcommand": subcommand, "content": content.to_string()});
        self.send_text(frame.to_string()).await;
    }

    /// Sends a message event.
    pub(crate) async fn message(&mut self, id: &str, text: &str) {
        self.event("RECEIVE_MESSAGE", &json!({"id": id, "from": "u1", "to": "u2", "text": text})).await;
    }

    /// Cuts the connection without a word.
    pub(crate) fn cut(self) {}

    /// Says goodbye and closes.
    pub(crate) async fn close(mut self) {
        let _ = self.socket.close(None).await;
    }
}

/// The frame, which must be one of the protocol's.
fn known(text: &str) -> Value {
    wire::check_sent(text).expect("a client sends what the protocol says");
    serde_json::from_str(text).expect("a client sends JSON")
}
