//! A client of the tests: sends raw frames and reads what comes back. It decides nothing by itself.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hotline::sandbox::{Sandbox, SandboxConfig};
use serde_json::{Map, Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::wire;

/// How long a frame that must come is waited for; reached only when a test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// A sandbox in memory on a free port.
pub(crate) async fn sandbox() -> Sandbox {
    sandbox_with(|_| {}).await
}

/// A sandbox on a free port, set up further.
pub(crate) async fn sandbox_with(change: impl FnOnce(&mut SandboxConfig)) -> Sandbox {
    let mut config = SandboxConfig { listen: "127.0.0.1:0".parse().expect("an address"), ..SandboxConfig::default() };
    change(&mut config);
    Sandbox::start(config).await.expect("the sandbox starts")
}

/// One connection.
pub(crate) struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next_task: i64,
    events: VecDeque<(String, Value)>,
    pub(crate) mid: String,
    pub(crate) tally: Tally,
}

/// Which commands were answered how.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) succeeded: BTreeSet<String>,
    pub(crate) refused: BTreeSet<String>,
}

impl Client {
    /// Connects without logging in.
    pub(crate) async fn connect(sandbox: &Sandbox) -> Self {
        Self::connect_to(&sandbox.url()).await
    }

    /// Connects to a sandbox of another process.
    pub(crate) async fn connect_to(url: &str) -> Self {
        let (socket, _) = tokio_tungstenite::connect_async(url).await.expect("the sandbox accepts");
        Self { socket, next_task: 0, events: VecDeque::new(), mid: String::new(), tally: Tally::default() }
    }

    /// Connects and logs in as one of the demo accounts.
    pub(crate) async fn login(sandbox: &Sandbox, name: &str) -> Self {
        Self::login_at(&sandbox.url(), name).await
    }

    /// Connects to a sandbox of another process and logs in as one of the demo accounts.
    pub(crate) async fn login_at(url: &str, name: &str) -> Self {
        let mut client = Self::connect_to(url).await;
        let answer = client.try_login(&format!("{name}@sandbox.test"), "sandbox", "").await;
        let content = answer.unwrap_or_else(|(code, text)| panic!("{name} is refused: {code} {text}"));
        client.mid = content["mid"].as_str().expect("a mid").to_owned();
        client
    }

    /// Closes the connection and waits until the sandbox has seen it; it must have been the account's only one.
    pub(crate) async fn leave(mut self, sandbox: &Sandbox, name: &str) {
        self.socket.close(None).await.expect("it is open");
        while sandbox.control().connections(name) > 0 {
            tokio::task::yield_now().await;
        }
    }

    /// Logs in and gives the content of OnLogin, or its code and reason.
    pub(crate) async fn try_login(&mut self, email: &str, password: &str, cert: &str) -> Result<Value, (i64, String)> {
        self.send(&json!({"command": "Login", "email": email, "password": password, "cert": cert})).await;
        let frame = self.frame_named("OnLogin").await;
        outcome(&frame)
    }

    /// Sends a command and gives its success's content, or its code and text.
    pub(crate) async fn call(&mut self, command: &str, fields: Value) -> Result<Value, (i64, String)> {
        let task_id = self.next_task;
        self.next_task += 1;
        let mut frame =
            Map::from_iter([("command".to_owned(), json!(command)), ("task_id".to_owned(), json!(task_id))]);
        frame.extend(fields.as_object().cloned().expect("fields are an object"));
        self.send(&Value::Object(frame)).await;
        loop {
            let frame = self.frame().await;
            match frame["command"].as_str() {
                Some("OnNotify") => self.keep(&frame),
                Some(name) if name == command && frame["task_id"] == json!(task_id) => {
                    let answer = outcome(&frame);
                    let tally = if answer.is_ok() { &mut self.tally.succeeded } else { &mut self.tally.refused };
                    tally.insert(command.to_owned());
                    return answer;
                }
                _ => panic!("{command} {task_id} is answered by {frame}"),
            }
        }
    }

    /// As [`call`](Self::call), for a command that must succeed.
    pub(crate) async fn ok(&mut self, command: &str, fields: Value) -> Value {
        let answer = self.call(command, fields.clone()).await;
        answer.unwrap_or_else(|(code, text)| panic!("{command} {fields} is refused: {code} {text}"))
    }

    /// As [`call`](Self::call), for a command that must be refused; gives the code's name.
    pub(crate) async fn refused(&mut self, command: &str, fields: Value) -> String {
        match self.call(command, fields.clone()).await {
            Ok(content) => panic!("{command} {fields} should be refused, not answered {content}"),
            Err((_, text)) => text.split(':').next().unwrap_or_default().to_owned(),
        }
    }

    /// The next event, which must have this name.
    pub(crate) async fn event(&mut self, subcommand: &str) -> Value {
        let (found, content) = self.any_event().await;
        assert_eq!(found, subcommand, "{content}");
        content
    }

    /// The next event.
    pub(crate) async fn any_event(&mut self) -> (String, Value) {
        if self.events.is_empty() {
            let frame = self.frame().await;
            assert_eq!(frame["command"], "OnNotify", "{frame}");
            self.keep(&frame);
        }
        self.events.pop_front().expect("one was kept")
    }

    /// Checks that nothing has arrived: whatever was caused before lies in front of the answer to a command.
    pub(crate) async fn expect_silence(&mut self) {
        self.ok("GetSettings", json!({})).await;
        assert_eq!(self.events, VecDeque::new());
    }

    /// The next frame, which must have this command; events on the way are kept.
    pub(crate) async fn frame_named(&mut self, command: &str) -> Value {
        loop {
            let frame = self.frame().await;
            if frame["command"] == command {
                return frame;
            }
            assert_eq!(frame["command"], "OnNotify", "{frame}");
            self.keep(&frame);
        }
    }

    /// The next frame.
    pub(crate) async fn frame(&mut self) -> Value {
        let text = self.text().await.expect("the connection lives");
        wire::check_received(&text).expect("the sandbox sends what the protocol says");
        serde_json::from_str(&text).expect("a frame is JSON")
    }

    /// The text of the next frame, `None` when the connection has ended.
    pub(crate) async fn text(&mut self) -> Option<String> {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("something comes in time");
            match next {
                Some(Ok(Message::Text(text))) => return Some(text.to_string()),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(other)) => panic!("the sandbox sends text only, not {other:?}"),
            }
        }
    }

    /// What the sandbox says when it ends the connection.
    pub(crate) async fn goodbye(&mut self) -> Option<CloseFrame> {
        loop {
            match tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("something comes in time") {
                Some(Ok(Message::Close(frame))) => return frame,
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// Sends a frame.
    pub(crate) async fn send(&mut self, frame: &Value) {
        self.send_raw(Message::text(frame.to_string())).await;
    }

    /// Sends anything.
    pub(crate) async fn send_raw(&mut self, message: Message) {
        self.socket.send(message).await.expect("the connection takes it");
    }

    fn keep(&mut self, frame: &Value) {
        let subcommand = frame["subcommand"].as_str().expect("an event has a name").to_owned();
        let content = frame["content"].as_str().expect("content is a string");
        self.events.push_back((subcommand, serde_json::from_str(content).expect("content is JSON text")));
    }
}

fn outcome(frame: &Value) -> Result<Value, (i64, String)> {
    let content = frame["content"].as_str().expect("content is a string");
    match frame["code"].as_i64().expect("code is a number") {
        0 => Ok(serde_json::from_str(content).expect("a success's content is JSON text")),
        code => Err((code, content.to_owned())),
    }
}
