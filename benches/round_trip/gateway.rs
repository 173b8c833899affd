//! The load gateway: many people write to each session, and write again as soon as they are answered, or when it is time.
//!
//! It understands as little of the protocol as the load needs, so that the bot and not the gateway is what is measured.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::{FutureExt, SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// The people who write to each session at least; while some wait for an answer, the others are silent.
const PEOPLE: usize = 64;
/// Where one writes so soon after the other, there are so many: a pause in which nobody is answered must not silence all of them.
const CLOSE: Duration = Duration::from_millis(100);
const CROWD: usize = 1_000;
/// How long the sessions may take to log in.
const LOGIN: Duration = Duration::from_secs(120);
/// How long the last messages may wait for an answer before they count as lost.
const PATIENCE: Duration = Duration::from_secs(30);

/// When people write.
#[derive(Clone, Copy)]
pub(crate) enum Pace {
    /// So many are always waiting for an answer in each session.
    Window(usize),
    /// One writes to each session once in so long, whether others were answered or not.
    Every(Duration),
    /// So many write to each session whenever the load is told to begin, and no more.
    Batch(usize),
}

/// What people and the gateway do.
#[derive(Clone, Copy)]
pub(crate) struct Conduct {
    /// When people write.
    pub(crate) pace: Pace,
    /// Whether they write `ping 7`, with a number of its own in each message, or `ping`.
    pub(crate) numbered: bool,
    /// Whether the gateway tells the bot that what it sent has arrived.
    pub(crate) answering: bool,
}

/// What all connections share.
pub(crate) struct Load {
    conduct: Conduct,
    sessions: usize,
    logged_in: Cell<usize>,
    ended: Cell<usize>,
    /// Whether latencies are kept.
    pub(crate) measuring: Cell<bool>,
    silenced: Cell<bool>,
    /// Who is told of the first answer with a text in it.
    expected: RefCell<Option<(String, oneshot::Sender<Instant>)>>,
    /// The messages that were written.
    pub(crate) written: Cell<u64>,
    /// Those that were answered.
    pub(crate) trips: Cell<u64>,
    /// What the bot sent to people who did not wait for it.
    pub(crate) unexpected: Cell<u64>,
    /// By how much a message was written too late at most, which is part of its latency.
    pub(crate) late: Cell<Duration>,
    /// The latencies of measured round trips in microseconds.
    pub(crate) latencies: RefCell<Vec<u32>>,
}

/// A gateway that listens, and whose connections are tasks of the same thread.
pub(crate) struct Gateway {
    /// Where it listens.
    pub(crate) url: String,
    /// What its connections share.
    pub(crate) load: Rc<Load>,
    begin: watch::Sender<()>,
}

impl Gateway {
    /// Listens on a free port for so many sessions.
    pub(crate) async fn open(sessions: usize, conduct: Conduct) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("ws://{}", listener.local_addr()?);
        let load = Rc::new(Load {
            conduct,
            sessions,
            logged_in: Cell::default(),
            ended: Cell::default(),
            measuring: Cell::default(),
            silenced: Cell::default(),
            expected: RefCell::default(),
            written: Cell::default(),
            trips: Cell::default(),
            unexpected: Cell::default(),
            late: Cell::default(),
            latencies: RefCell::default(),
        });
        let (begin, begun) = watch::channel(());
        tokio::task::spawn_local({
            let load = Rc::clone(&load);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::task::spawn_local(serve(stream, Rc::clone(&load), begun.clone()));
                }
            }
        });
        Ok(Self { url, load, begin })
    }

    /// Waits until all sessions have logged in.
    ///
    /// # Errors
    /// Those of `bot_lives`, which is asked all the time, and when it takes too long.
    pub(crate) async fn until_logged_in(
        &self,
        mut bot_lives: impl FnMut() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let (begun, sessions) = (Instant::now(), self.load.sessions);
        while self.load.logged_in.get() < sessions {
            bot_lives()?;
            if begun.elapsed() > LOGIN {
                bail!("only {} of {sessions} sessions logged in within {LOGIN:?}", self.load.logged_in.get());
            }
            sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// Has people write, or another batch of them.
    pub(crate) fn begin(&self) -> anyhow::Result<()> {
        self.begin.send(()).context("no session is left")
    }

    /// Has people write no more, and waits for the last answers; what is not answered then is lost.
    pub(crate) async fn silence(&self) {
        self.load.silenced.set(true);
        let silenced = Instant::now();
        while self.load.trips.get() < self.load.written.get() && silenced.elapsed() < PATIENCE {
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Says so when a connection has ended, which none may while a bot is measured.
    pub(crate) fn is_whole(&self) -> anyhow::Result<()> {
        match self.load.ended.get() {
            0 => Ok(()),
            ended => bail!("{ended} of {} connections ended under load", self.load.sessions),
        }
    }
}

impl Load {
    /// Gives the time of the first answer with this text in it.
    pub(crate) fn expect(&self, text: String) -> oneshot::Receiver<Instant> {
        let (told, when) = oneshot::channel();
        self.expected.replace(Some((text, told)));
        when
    }

    fn look_for_expected(&self, answer: &str) {
        let mut expected = self.expected.borrow_mut();
        if let Some((_, told)) = expected.take_if(|(text, _)| answer.contains(&**text)) {
            // Whoever does not wait any more has given up.
            let _ = told.send(Instant::now());
        }
    }
}

async fn serve(stream: TcpStream, load: Rc<Load>, begun: watch::Receiver<()>) {
    // An address without delay: both bots flush whole batches.
    let _ = stream.set_nodelay(true);
    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
    // Why a connection ends is the bot's to say; that it does is counted.
    let _ = converse(&mut socket, &load, begun).await;
    load.ended.set(load.ended.get() + 1);
}

async fn converse(
    socket: &mut WebSocketStream<TcpStream>,
    load: &Load,
    mut begun: watch::Receiver<()>,
) -> anyhow::Result<()> {
    let mut session = Session::new(load);
    loop {
        let due = session.due;
        tokio::select! {
            frame = socket.next() => {
                let Some(frame) = frame else { return Ok(()) };
                session.take(frame?)?;
            }
            begun = begun.changed() => {
                begun?;
                session.begin();
                if matches!(load.conduct.pace, Pace::Window(_)) {
                    break;
                }
            }
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => session.speak_in_time(),
        }
        session.send(socket).await?;
    }
    // From here on the bot's answers are all that has to be waited for.
    session.send(socket).await?;
    loop {
        let Some(frame) = socket.next().await else { return Ok(()) };
        session.take(frame?)?;
        while let Some(Some(frame)) = socket.next().now_or_never() {
            session.take(frame?)?;
        }
        session.send(socket).await?;
    }
}

/// The people of one session and what goes out to it.
struct Session<'a> {
    load: &'a Load,
    number: usize,
    me: String,
    next_message: u64,
    silent: VecDeque<usize>,
    /// Since when each person waits for an answer.
    waiting: Vec<Option<Instant>>,
    /// When the next one writes, where it is a matter of time.
    due: Option<Instant>,
    out: Vec<String>,
}

impl<'a> Session<'a> {
    fn new(load: &'a Load) -> Self {
        let people = match load.conduct.pace {
            Pace::Window(messages) | Pace::Batch(messages) => PEOPLE.max(messages * 2),
            Pace::Every(interval) if interval < CLOSE => CROWD,
            Pace::Every(_) => PEOPLE,
        };
        Self {
            load,
            number: 0,
            me: String::new(),
            next_message: 1,
            silent: (0..people).collect(),
            waiting: vec![None; people],
            due: None,
            out: Vec::new(),
        }
    }

    fn begin(&mut self) {
        match self.load.conduct.pace {
            Pace::Window(messages) | Pace::Batch(messages) => {
                for _ in 0..messages {
                    self.speak(Instant::now());
                }
            }
            // Not all sessions at the same moment.
            Pace::Every(interval) => {
                #[expect(clippy::cast_precision_loss, reason = "a moment within the interval")]
                let part = self.number as f64 / self.load.sessions as f64;
                self.due = Some(Instant::now() + interval.mul_f64(part));
            }
        }
    }

    /// Somebody writes whose time it was; a gateway that is late does not make the bot look faster.
    fn speak_in_time(&mut self) {
        let (Pace::Every(interval), Some(due)) = (self.load.conduct.pace, self.due.take()) else { return };
        if !self.load.silenced.get() {
            self.load.late.set(self.load.late.get().max(due.elapsed()));
            self.speak(due);
            self.due = Some(due + interval);
        }
    }

    /// Whoever has been silent longest writes; where all wait for answers, the message counts as one without an answer.
    fn speak(&mut self, since: Instant) {
        self.load.written.set(self.load.written.get() + 1);
        let Some(person) = self.silent.pop_front() else { return };
        let id = self.next_message;
        self.next_message += 1;
        self.waiting[person] = Some(since);
        let text = if self.load.conduct.numbered { format!("ping {id}") } else { "ping".to_owned() };
        self.out.push(format!(
            r#"{{"command":"OnNotify","subcommand":"RECEIVE_MESSAGE","content":"{{\"id\":\"{id}\",\"from\":\"u{person:032x}\",\"to\":\"{}\",\"text\":\"{text}\",\"timestamp\":1700000000000,\"contentType\":\"NONE\",\"contentMetadata\":{{}}}}"}}"#,
            self.me,
        ));
    }

    fn take(&mut self, frame: Message) -> anyhow::Result<()> {
        let Message::Text(text) = frame else { return Ok(()) };
        if let Some((task, person)) = answer(&text) {
            self.load.look_for_expected(&text);
            self.answered(task, person);
            return Ok(());
        }
        self.understand(&text)
    }

    fn answered(&mut self, task: &str, person: usize) {
        if self.load.conduct.answering {
            let id = self.next_message;
            self.out.push(format!(
                r#"{{"command":"SendText","task_id":{task},"code":0,"content":"{{\"id\":\"s{id}\",\"to\":\"u{person:032x}\",\"timestamp\":1700000000000}}"}}"#
            ));
        }
        let Some(since) = self.waiting.get_mut(person).and_then(Option::take) else {
            self.load.unexpected.set(self.load.unexpected.get() + 1);
            return;
        };
        self.load.trips.set(self.load.trips.get() + 1);
        if self.load.measuring.get() {
            let micros = u32::try_from(since.elapsed().as_micros()).unwrap_or(u32::MAX);
            self.load.latencies.borrow_mut().push(micros);
        }
        self.silent.push_back(person);
        if matches!(self.load.conduct.pace, Pace::Window(_)) {
            self.speak(Instant::now());
        }
    }

    /// Everything but the answers, which are rare: the login and what a bot asks around it.
    fn understand(&mut self, text: &str) -> anyhow::Result<()> {
        let frame: Value = serde_json::from_str(text)?;
        let command = frame["command"].as_str().unwrap_or_default();
        let reply = match command {
            "HeartBeat" => return Ok(()),
            "Login" => {
                self.number = self.load.logged_in.get();
                self.load.logged_in.set(self.number + 1);
                self.me = format!("u{:032x}", 0x1_0000_0000_u64 + self.number as u64);
                let content = json!({"mid": self.me, "cert": "c", "displayName": "bot"});
                json!({"command": "OnLogin", "code": 0, "content": content.to_string()})
            }
            _ => {
                let content = if command == "GetProfile" { json!({"mid": self.me}) } else { json!([]) };
                json!({"command": command, "task_id": frame["task_id"], "code": 0, "content": content.to_string()})
            }
        };
        self.out.push(reply.to_string());
        Ok(())
    }

    async fn send(&mut self, socket: &mut WebSocketStream<TcpStream>) -> anyhow::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        for frame in self.out.drain(..) {
            socket.feed(Message::Text(Utf8Bytes::from(frame))).await?;
        }
        timeout(Duration::from_secs(30), socket.flush()).await.context("the bot does not read")??;
        Ok(())
    }
}

/// The number and the addressee of a SendText frame, found without reading it as JSON.
fn answer(text: &str) -> Option<(&str, usize)> {
    let after = |mark: &str| text.find(mark).map(|at| &text[at + mark.len()..]);
    after(r#""command":"SendText""#)?;
    let task = after(r#""task_id":"#)?;
    let task = &task[..task.find(|letter: char| !letter.is_ascii_digit())?];
    let person = after(r#""to":"u"#)?.get(..32)?;
    Some((task, usize::from_str_radix(person, 16).ok()?))
}
