//! A gateway that records every frame and answers as a test says. It knows nothing of accounts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;
use url::Url;

use super::soon;
use crate::wire;

/// The mid of every bot.
const ME: &str = "ume";

/// What a command is answered with.
pub(crate) enum Answer {
    /// Success.
    Content(Value),
    /// Success with a content that is sent as it is.
    Raw(&'static str),
    /// A whole frame as it is, but for `"TASK"`, which stands for the request's number.
    Frame(String),
    /// A failure.
    Refuse(i64, &'static str),
    /// Nothing until the test says so, then success.
    Hold,
}

type Answering = Box<dyn FnMut(&Value) -> Answer + Send>;

/// The gateway of one session.
pub(crate) struct Gateway {
    url: Url,
    state: Arc<State>,
    serving: JoinHandle<()>,
}

struct State {
    answer: Mutex<Answering>,
    traffic: Mutex<Traffic>,
    changed: Notify,
    pin: Option<&'static str>,
    refusal: Option<(i64, &'static str)>,
}

/// Message ids are unique, also over a restart of the bot.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

#[derive(Default)]
struct Traffic {
    logins: Vec<Value>,
    /// Every other frame but heartbeats, with whether a test has taken it.
    frames: Vec<(Value, bool)>,
    held: Vec<Value>,
    /// What is wrong with frames that the protocol does not know.
    unknown: Vec<String>,
    connection: Option<mpsc::UnboundedSender<Message>>,
}

impl Gateway {
    /// Listens on a free port and takes every login, with a PIN if there is one.
    pub(crate) async fn listen(pin: Option<&'static str>) -> Self {
        Self::listen_as(pin, None).await
    }

    /// Listens on a free port and refuses every login.
    pub(crate) async fn refusing(code: i64, content: &'static str) -> Self {
        Self::listen_as(None, Some((code, content))).await
    }

    async fn listen_as(pin: Option<&'static str>, refusal: Option<(i64, &'static str)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("ws://{}", listener.local_addr().expect("it listens"));
        let state = Arc::new(State {
            answer: Mutex::new(Box::new(usual)),
            traffic: Mutex::default(),
            changed: Notify::new(),
            pin,
            refusal,
        });
        let serving = tokio::spawn(serve(listener, Arc::clone(&state)));
        Self { url: url.parse().expect("a url"), state, serving }
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> Url {
        self.url.clone()
    }

    /// Answers commands in another way from now on.
    pub(crate) fn answers(&self, answer: impl FnMut(&Value) -> Answer + Send + 'static) {
        *self.state.answer.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(answer);
    }

    /// Waits until a session is logged in.
    pub(crate) async fn logged_in(&self) {
        self.logged_in_times(1).await;
    }

    /// Waits for a session's login of this number.
    pub(crate) async fn logged_in_times(&self, logins: usize) {
        self.until("a login", |traffic| (traffic.logins.len() >= logins).then_some(())).await;
    }

    /// How often a session has logged in.
    pub(crate) fn logins(&self) -> usize {
        self.state.traffic().logins.len()
    }

    /// Sends a text as it is.
    pub(crate) fn push_text(&self, text: impl Into<String>) {
        self.push_frame(Message::text(text.into()));
    }

    /// Sends any WebSocket message.
    pub(crate) fn push_frame(&self, message: Message) {
        let traffic = self.state.traffic();
        traffic.connection.as_ref().expect("a session is connected").send(message).expect("a session is connected");
    }

    /// Sends an event.
    pub(crate) fn push(&self, subcommand: &str, content: &Value) {
        let frame = json!({"command": "OnNotify", "subcommand": subcommand, "content": content.to_string()});
        self.push_text(frame.to_string());
    }

    /// Has a person write to the bot; gives the message's id.
    pub(crate) fn says(&self, person: &str, text: &str) -> String {
        self.says_in(ME, person, text)
    }

    /// Has a person write in a group; gives the message's id.
    pub(crate) fn says_in(&self, group: &str, person: &str, text: &str) -> String {
        let id = format!("m{}", NEXT_ID.fetch_add(1, Ordering::Relaxed));
        let content = json!({
            "id": id, "from": person, "to": group, "text": text, "timestamp": 1_700_000_000_000_i64,
            "contentType": "NONE", "contentMetadata": {},
        });
        self.push("RECEIVE_MESSAGE", &content);
        id
    }

    /// Waits for the next frame that no test has taken and that is as wanted, and takes it.
    pub(crate) async fn next(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let take = |traffic: &mut Traffic| {
            let (frame, taken) = traffic.frames.iter_mut().find(|(frame, taken)| !taken && wanted(frame))?;
            *taken = true;
            Some(frame.clone())
        };
        self.until(what, take).await
    }

    /// Waits for the next frame of any kind and takes it.
    pub(crate) async fn next_frame(&self) -> Value {
        self.next("a frame", |_| true).await
    }

    /// Waits for the next text to a person or group and takes it.
    pub(crate) async fn text_to(&self, chat: &str) -> String {
        let frame = self.next(&format!("a text to {chat}"), |frame| is_text_to(frame, chat)).await;
        frame["content"].as_str().expect("a text is a string").to_owned()
    }

    /// Waits until as many frames as this have come that are as wanted, taken or not.
    pub(crate) async fn count(&self, what: &str, count: usize, wanted: impl Fn(&Value) -> bool) {
        let come = |traffic: &mut Traffic| {
            (traffic.frames.iter().filter(|(frame, _)| wanted(frame)).count() >= count).then_some(())
        };
        self.until(what, come).await;
    }

    /// Every frame so far, taken or not.
    pub(crate) fn frames(&self) -> Vec<Value> {
        self.state.traffic().frames.iter().map(|(frame, _)| frame.clone()).collect()
    }

    /// What is wrong with the frames that came and that the protocol does not know; every test must ask for them that
    /// causes such frames on purpose.
    pub(crate) fn unknown_frames(&self) -> Vec<String> {
        std::mem::take(&mut self.state.traffic().unknown)
    }

    /// The texts to a person or group so far, taken or not.
    pub(crate) fn texts_to(&self, chat: &str) -> Vec<String> {
        let texts = self.frames().into_iter().filter(|frame| is_text_to(frame, chat));
        texts.map(|frame| frame["content"].as_str().expect("a text is a string").to_owned()).collect()
    }

    /// Waits until so many commands are held back at once.
    pub(crate) async fn holds(&self, count: usize) {
        self.until("held commands", |traffic| (traffic.held.len() >= count).then_some(())).await;
    }

    /// Answers what was held back, in the order of its arrival, and answers as usual from now on.
    pub(crate) fn release(&self) {
        self.answers(usual);
        let held = std::mem::take(&mut self.state.traffic().held);
        for request in held {
            self.push_text(reply(&request, usual(&request)).expect("nothing is held any more"));
        }
    }

    /// Cuts the connection without a word.
    pub(crate) fn cut(&self) {
        self.state.traffic().connection = None;
    }

    async fn until<T>(&self, what: &str, mut look: impl FnMut(&mut Traffic) -> Option<T>) -> T {
        let waiting = async {
            loop {
                let changed = self.state.changed.notified();
                if let Some(found) = look(&mut self.state.traffic()) {
                    return found;
                }
                changed.await;
            }
        };
        soon(what, waiting).await
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.serving.abort();
        if !std::thread::panicking() {
            assert_eq!(self.unknown_frames(), Vec::<String>::new());
        }
    }
}

impl State {
    fn traffic(&self) -> MutexGuard<'_, Traffic> {
        self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a frame sends a text to a person or group.
pub(crate) fn is_text_to(frame: &Value, chat: &str) -> bool {
    frame["command"] == "SendText" && frame["to"] == chat
}

/// How commands are answered where a test says nothing else.
fn usual(request: &Value) -> Answer {
    let text = |name: &str| request[name].as_str().unwrap_or_default();
    match text("command") {
        "SendText" => Answer::Content(json!({"id": "s1", "to": text("to"), "timestamp": 1_700_000_000_000_i64})),
        "GetContacts" => {
            let mids = request["mids"].as_array().expect("a list").iter();
            let contacts = mids
                .map(|mid| json!({"mid": mid, "displayName": format!("Name of {}", mid.as_str().unwrap_or_default())}));
            Answer::Content(contacts.collect())
        }
        _ => Answer::Content(json!({})),
    }
}

fn reply(request: &Value, answer: Answer) -> Option<String> {
    let (code, content) = match answer {
        Answer::Content(content) => (0, content.to_string()),
        Answer::Raw(content) => (0, content.to_owned()),
        Answer::Refuse(code, content) => (code, content.to_owned()),
        Answer::Frame(frame) => return Some(frame.replace("\"TASK\"", &request["task_id"].to_string())),
        Answer::Hold => return None,
    };
    let reply = json!({"command": request["command"], "task_id": request["task_id"], "code": code, "content": content});
    Some(reply.to_string())
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        serve_one(stream, &state).await;
    }
}

async fn serve_one(stream: TcpStream, state: &State) {
    let _ = stream.set_nodelay(true);
    let Ok(socket) = accept_async(stream).await else { return };
    let (mut write, mut read) = socket.split();
    let (connection, mut outgoing) = mpsc::unbounded_channel();
    state.traffic().connection = Some(connection);
    loop {
        let message = tokio::select! {
            message = read.next() => message,
            message = outgoing.recv() => match message {
                Some(message) => match write.send(message).await {
                    Ok(()) => continue,
                    Err(_) => return,
                },
                None => return,
            },
        };
        let text = match message {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(_)) => continue,
            _ => return,
        };
        if let Err(wrong) = wire::check_sent(&text) {
            state.traffic().unknown.push(wrong);
        }
        let request: Value = serde_json::from_str(&text).expect("the engine sends JSON");
        take(request, state);
    }
}

fn take(request: Value, state: &State) {
    let send = |text: String| {
        if let Some(connection) = &state.traffic().connection {
            let _ = connection.send(Message::text(text));
        }
    };
    match request["command"].as_str().expect("a command") {
        "HeartBeat" => return,
        "Login" | "LoginWithToken" => {
            if let Some(pin) = state.pin {
                let content = json!({"pin": pin}).to_string();
                send(json!({"command": "OnPinCode", "code": 0, "content": content}).to_string());
            }
            state.traffic().logins.push(request);
            let (code, content) = match state.refusal {
                Some((code, reason)) => (code, reason.to_owned()),
                None => (0, json!({"mid": ME, "displayName": "Bot"}).to_string()),
            };
            send(json!({"command": "OnLogin", "code": code, "content": content}).to_string());
        }
        _ => {
            let answer = (state.answer.lock().unwrap_or_else(PoisonError::into_inner))(&request);
            match reply(&request, answer) {
                Some(text) => send(text),
                None => state.traffic().held.push(request.clone()),
            }
            state.traffic().frames.push((request, false));
        }
    }
    state.changed.notify_waiters();
}
