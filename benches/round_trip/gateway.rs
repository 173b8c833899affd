//! The load gateway: many people write to each session, and write again as soon as they are answered.
//!
//! It understands as little of the protocol as the load needs, so that the bot and not the gateway is what is measured.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::process::Child;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use futures_util::{FutureExt, SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::measure::{Figures, Usage};

/// The unanswered messages of each session.
pub(crate) const OUTSTANDING: usize = 16;
/// The people who write to each session; while some wait for an answer, the others are silent.
const PEOPLE: usize = 64;
/// How long the sessions may take to log in.
const LOGIN: Duration = Duration::from_secs(60);

/// What all connections share.
#[derive(Default)]
struct Load {
    logged_in: Cell<usize>,
    measuring: Cell<bool>,
    trips: Cell<u64>,
    /// The latencies of measured round trips in microseconds.
    latencies: RefCell<Vec<u32>>,
}

/// A gateway that listens.
pub(crate) struct Listener(TcpListener);

impl Listener {
    /// Listens on a free port.
    pub(crate) async fn bind() -> anyhow::Result<Self> {
        Ok(Self(TcpListener::bind("127.0.0.1:0").await?))
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        let address = self.0.local_addr().expect("a listening socket has an address");
        format!("ws://{address}")
    }

    /// Lets `sessions` log in, warms up, and measures for `duration`.
    pub(crate) async fn measure(self, sessions: usize, duration: Duration, bot: &mut Child) -> anyhow::Result<Figures> {
        let load = Rc::new(Load::default());
        let (start, started) = watch::channel(false);
        let accepting = tokio::task::spawn_local({
            let load = Rc::clone(&load);
            async move {
                while let Ok((stream, _)) = self.0.accept().await {
                    tokio::task::spawn_local(serve(stream, Rc::clone(&load), started.clone()));
                }
            }
        });
        let begun = Instant::now();
        while load.logged_in.get() < sessions {
            if let Some(status) = bot.try_wait()? {
                bail!("the bot ended with {status} before all sessions had logged in");
            }
            if begun.elapsed() > LOGIN {
                bail!("only {} of {sessions} sessions logged in within {LOGIN:?}", load.logged_in.get());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let idle = Usage::of(bot.id())?;
        start.send(true).context("no session is left")?;
        tokio::time::sleep(duration / 5).await;
        let (before, own_before) = (Usage::of(bot.id())?, Usage::of(std::process::id())?);
        let (trips, from) = (load.trips.get(), Instant::now());
        load.measuring.set(true);
        tokio::time::sleep(duration).await;
        load.measuring.set(false);
        let elapsed = from.elapsed();
        let after = Usage::of(bot.id()).context("the bot ended under load")?;
        let own = Usage::of(std::process::id())?.cpu.saturating_sub(own_before.cpu);
        accepting.abort();
        let trips = load.trips.get() - trips;
        if trips == 0 {
            bail!("the bot answered nothing");
        }
        Ok(Figures {
            sessions,
            trips,
            elapsed,
            latencies: load.latencies.take(),
            cpu: after.cpu.saturating_sub(before.cpu),
            gateway_cpu: own,
            idle_memory: idle.memory,
            memory: after.memory,
            answered: load.trips.get(),
            written: after.written,
            disk: 0,
        })
    }
}

async fn serve(stream: TcpStream, load: Rc<Load>, started: watch::Receiver<bool>) {
    // An address without delay: both bots flush whole batches.
    let _ = stream.set_nodelay(true);
    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
    // A connection that ends shows in the figures; there is nobody to tell.
    let _ = converse(&mut socket, &load, started).await;
}

async fn converse(
    socket: &mut WebSocketStream<TcpStream>,
    load: &Load,
    mut started: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let mut session = Session::new(load);
    loop {
        // Until the load begins, what the bot asks is answered as it comes.
        let frame = tokio::select! {
            frame = socket.next() => frame,
            _ = started.wait_for(|started| *started) => break,
        };
        let Some(frame) = frame else { return Ok(()) };
        session.take(frame?)?;
        session.send(socket).await?;
    }
    session.begin();
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
    me: String,
    next_message: u64,
    silent: VecDeque<usize>,
    /// Since when each person waits for an answer.
    waiting: Vec<Option<Instant>>,
    out: Vec<String>,
}

impl<'a> Session<'a> {
    fn new(load: &'a Load) -> Self {
        Self {
            load,
            me: String::new(),
            next_message: 1,
            silent: (0..PEOPLE).collect(),
            waiting: vec![None; PEOPLE],
            out: Vec::new(),
        }
    }

    fn begin(&mut self) {
        for _ in 0..OUTSTANDING {
            self.speak();
        }
    }

    /// Whoever has been silent longest writes.
    fn speak(&mut self) {
        let person = self.silent.pop_front().expect("there are more people than outstanding messages");
        let id = self.next_message;
        self.next_message += 1;
        self.waiting[person] = Some(Instant::now());
        self.out.push(format!(
            r#"{{"command":"OnNotify","subcommand":"RECEIVE_MESSAGE","content":"{{\"id\":\"{id}\",\"from\":\"u{person:032x}\",\"to\":\"{}\",\"text\":\"ping\",\"timestamp\":1700000000000,\"contentType\":\"NONE\",\"contentMetadata\":{{}}}}"}}"#,
            self.me,
        ));
    }

    fn take(&mut self, frame: Message) -> anyhow::Result<()> {
        let Message::Text(text) = frame else { return Ok(()) };
        if let Some((task, person)) = answer(&text) {
            self.answered(task, person);
            return Ok(());
        }
        self.understand(&text)
    }

    fn answered(&mut self, task: &str, person: usize) {
        let id = self.next_message;
        self.out.push(format!(
            r#"{{"command":"SendText","task_id":{task},"code":0,"content":"{{\"id\":\"s{id}\",\"to\":\"u{person:032x}\",\"timestamp\":1700000000000}}"}}"#
        ));
        let Some(since) = self.waiting.get_mut(person).and_then(Option::take) else { return };
        self.load.trips.set(self.load.trips.get() + 1);
        if self.load.measuring.get() {
            let micros = u32::try_from(since.elapsed().as_micros()).unwrap_or(u32::MAX);
            self.load.latencies.borrow_mut().push(micros);
        }
        self.silent.push_back(person);
        self.speak();
    }

    /// Everything but the answers, which are rare: the login and what a bot asks around it.
    fn understand(&mut self, text: &str) -> anyhow::Result<()> {
        let frame: Value = serde_json::from_str(text)?;
        let command = frame["command"].as_str().unwrap_or_default();
        let reply = match command {
            "HeartBeat" => return Ok(()),
            "Login" => {
                let number = self.load.logged_in.get();
                self.load.logged_in.set(number + 1);
                self.me = format!("u{:032x}", 0x1_0000_0000_u64 + number as u64);
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
