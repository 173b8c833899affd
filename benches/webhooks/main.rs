//! The benchmark of webhooks: LINE delivers a message, the bot answers it with its reply token, the answer arrives at LINE's API.
//!
//! `cargo bench --bench webhooks -- --seconds 10` runs the engine and a bot with LINE's own SDK for Node in turn against the same
//! side of LINE's, which signs webhooks, sends them over connections that stay open and takes the answers. Each bot is a process of its
//! own; where there are two cores, the bot has one and LINE's side the other. `--rate` tells the latency at a load that does not depend on
//! the bot.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "../round_trip/measure.rs"]
#[expect(dead_code, reason = "the other benchmark measures more")]
mod measure;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use clap::Parser;
use hotline::protocol::line::sign;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, interval, sleep, timeout};

/// The channel's secret, and its token.
const SECRET: &str = "sandbox";
/// How long a bot has to start, and an answer to come.
const PATIENCE: Duration = Duration::from_secs(20);
/// What the engine runs.
const SCRIPT: &str = "fn on_message(msg) {\n    if msg.text != () { msg.reply(msg.text); }\n}\n";

/// Compares the engine with a bot of LINE's own SDK, end to end.
#[derive(Parser)]
struct Arguments {
    /// How many messages are unanswered at a time, each of another person
    #[arg(long, default_value_t = 64)]
    window: usize,
    /// How long each bot is measured
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How often the bots take turns; the medians are told at the end
    #[arg(long, default_value_t = 1)]
    rounds: usize,
    /// The engine
    #[arg(long, default_value = env!("CARGO_BIN_EXE_hotline"))]
    engine: PathBuf,
    /// How much the engine records: off, relaxed, strict; one run for each
    #[arg(long, value_delimiter = ',', default_value = "off,relaxed,strict")]
    journal: Vec<String>,
    /// Send so many webhooks a second, answered or not, and tell how long answers take
    #[arg(long)]
    rate: Option<u32>,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

/// A bot that takes part.
enum Bot {
    Engine(String),
    Node,
}

/// What became of a run.
struct Outcome {
    answered: u64,
    seconds: f64,
    cpu: Duration,
    memory: u64,
    latencies: Vec<Duration>,
}

/// LINE's side.
struct Line {
    api: SocketAddr,
    answers: Arc<Answers>,
}

/// Where answers arrive, by the number in their reply tokens.
struct Answers {
    slots: Vec<Notify>,
    answered: AtomicU64,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    measure::pin(std::process::id(), 0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut bots: Vec<_> = arguments.journal.iter().cloned().map(Bot::Engine).collect();
    if node().join("node_modules/@line/bot-sdk").exists() {
        bots.push(Bot::Node);
    } else {
        println!("Node is left out: npm ci --prefix benches/webhooks/peers/node");
    }
    let mut figures = vec![Vec::new(); bots.len()];
    for _ in 0..arguments.rounds {
        for (bot, figures) in bots.iter().zip(&mut figures) {
            let outcome = runtime.block_on(measured(bot, &arguments)).with_context(|| bot.name())?;
            println!("{:<24} {}", bot.name(), outcome.line());
            figures.push(outcome.rate());
        }
    }
    let medians: Vec<_> = figures.iter_mut().map(|rates| median(rates)).collect();
    let of_node = bots.iter().position(|bot| matches!(bot, Bot::Node)).map(|index| medians[index]);
    for (bot, rate) in bots.iter().zip(&medians) {
        let ratio = of_node.map_or(String::new(), |node| format!(", {:.2} times Node's", rate / node));
        println!("{:<24} {rate:.0} a second{ratio}", bot.name());
    }
    Ok(())
}

fn median(rates: &mut [f64]) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or_default()
}

fn node() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/webhooks/peers/node")
}

impl Bot {
    fn name(&self) -> String {
        match self {
            Self::Engine(journal) => format!("hotline, journal {journal}"),
            Self::Node => "Node (@line/bot-sdk)".to_owned(),
        }
    }

    fn start(&self, engine: &Path, folder: &Path, api: SocketAddr, port: u16) -> anyhow::Result<Child> {
        let mut command = match self {
            Self::Engine(journal) => {
                std::fs::create_dir(folder.join("scripts"))?;
                std::fs::write(folder.join("scripts/echo.rhai"), SCRIPT)?;
                let configuration = format!(
                    "journal = \"{journal}\"\nworkers = 1\n[webhook]\nlisten = \"127.0.0.1:{port}\"\n[[session]]\n\
                     network = \"line\"\nchannel_secret = \"{SECRET}\"\nchannel_token = \"{SECRET}\"\napi = \"http://{api}\"\n"
                );
                std::fs::write(folder.join("hotline.toml"), configuration)?;
                let mut command = Command::new(engine);
                command.args(["run", "--console", "off"]);
                command
            }
            Self::Node => {
                let mut command = Command::new("node");
                command.arg(node().join("bot.mjs")).args([format!("http://{api}"), port.to_string()]);
                command
            }
        };
        let log = std::fs::File::create(folder.join("log"))?;
        command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = command.spawn()?;
        measure::pin(child.id(), 1);
        Ok(child)
    }

    /// The path of its webhook.
    fn path(&self) -> &'static str {
        match self {
            Self::Engine(_) => "/webhook/main",
            Self::Node => "/",
        }
    }
}

impl Outcome {
    #[expect(clippy::cast_precision_loss, reason = "counts of a benchmark are small")]
    fn rate(&self) -> f64 {
        self.answered as f64 / self.seconds
    }

    fn line(&self) -> String {
        let Self { cpu, memory, .. } = self;
        let each = cpu.as_secs_f64() * 1e6 / self.rate() / self.seconds;
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        let at = |part: usize| sorted.get(sorted.len() * part / 1_000).copied().unwrap_or_default();
        let latency = match sorted.len() {
            0 => String::new(),
            _ => format!(", p50 {:.1?}, p99 {:.1?}", at(500), at(990)),
        };
        let mebibytes = memory / 1024 / 1024;
        format!("{:>7.0} a second, {each:>5.0} µs of its core each, {mebibytes} MiB{latency}", self.rate())
    }
}

async fn measured(bot: &Bot, arguments: &Arguments) -> anyhow::Result<Outcome> {
    let slots = match arguments.rate {
        // So many can be unanswered at the most.
        Some(rate) => usize::try_from(rate)?,
        None => arguments.window,
    };
    let line = Line::open(slots).await?;
    let folder = tempfile::tempdir()?;
    let port = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
    let mut child = bot.start(&arguments.engine, folder.path(), line.api, port)?;
    let outcome = async {
        let webhooks: SocketAddr = ([127, 0, 0, 1], port).into();
        line.until_answered(webhooks, bot.path()).await?;
        match arguments.rate {
            Some(rate) => line.at_rate(webhooks, bot.path(), rate, arguments.seconds, child.id()).await,
            None => line.as_fast_as_possible(webhooks, bot.path(), arguments.seconds, child.id()).await,
        }
    };
    let outcome = outcome.await;
    child.kill()?;
    child.wait()?;
    outcome.with_context(|| std::fs::read_to_string(folder.path().join("log")).unwrap_or_default())
}

impl Line {
    /// Opens LINE's API.
    async fn open(slots: usize) -> anyhow::Result<Self> {
        let slots = (0..slots).map(|_| Notify::new()).collect();
        let answers = Arc::new(Answers { slots, answered: AtomicU64::new(0) });
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let api = listener.local_addr()?;
        let routes = Router::new()
            .route("/v2/bot/message/reply", post(take_reply))
            .route("/v2/bot/info", get(async || axum_json(&json!({ "userId": "Ubot", "displayName": "bot" }))))
            .fallback(async || axum_json(&json!({})))
            .with_state(Arc::clone(&answers));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Ok(Self { api, answers })
    }

    /// Waits until the bot answers a message.
    async fn until_answered(&self, webhooks: SocketAddr, path: &str) -> anyhow::Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Ok(mut sender) = Sender::connect(webhooks, path, 0).await
                && sender.send().await.is_ok()
                && timeout(Duration::from_secs(1), self.answers.slots[0].notified()).await.is_ok()
            {
                return Ok(());
            }
            sleep(Duration::from_millis(50)).await;
        }
        bail!("it answers nothing within {PATIENCE:?}")
    }

    async fn as_fast_as_possible(
        &self,
        webhooks: SocketAddr,
        path: &'static str,
        seconds: u64,
        process: u32,
    ) -> anyhow::Result<Outcome> {
        let mut talks = tokio::task::JoinSet::new();
        for slot in 0..self.answers.slots.len() {
            let answers = Arc::clone(&self.answers);
            let mut sender = Sender::connect(webhooks, path, slot).await?;
            talks.spawn(async move {
                loop {
                    sender.send().await?;
                    timeout(PATIENCE, answers.slots[slot].notified()).await.context("an answer is lost")?;
                }
            });
        }
        // The first second warms both sides.
        sleep(Duration::from_secs(1)).await;
        let (before, answered, begun) = (measure::Usage::of(process)?, self.answered(), Instant::now());
        tokio::select! {
            () = sleep(Duration::from_secs(seconds)) => {}
            Some(lost) = talks.join_next() => return lost?,
        }
        let after = measure::Usage::of(process)?;
        let (cpu, memory) = (after.cpu - before.cpu, after.memory);
        let seconds = begun.elapsed().as_secs_f64();
        Ok(Outcome { answered: self.answered() - answered, seconds, cpu, memory, latencies: Vec::new() })
    }

    async fn at_rate(
        &self,
        webhooks: SocketAddr,
        path: &'static str,
        rate: u32,
        seconds: u64,
        process: u32,
    ) -> anyhow::Result<Outcome> {
        let mut senders = Vec::new();
        for slot in 0..self.answers.slots.len().min(512) {
            senders.push(Sender::connect(webhooks, path, slot).await?);
        }
        let free = Arc::new(Semaphore::new(senders.len()));
        let senders = Arc::new(std::sync::Mutex::new(senders));
        let (before, begun) = (measure::Usage::of(process)?, Instant::now());
        let mut beats = interval(Duration::from_secs(1) / rate);
        let mut talks = tokio::task::JoinSet::new();
        while begun.elapsed() < Duration::from_secs(seconds) {
            beats.tick().await;
            let sent = Instant::now();
            let (free, senders, answers) = (Arc::clone(&free), Arc::clone(&senders), Arc::clone(&self.answers));
            talks.spawn(async move {
                let _turn = free.acquire().await?;
                let sender = senders.lock().ok().and_then(|mut senders| senders.pop());
                let mut sender = sender.context("there is one for each turn")?;
                sender.send().await?;
                timeout(PATIENCE, answers.slots[sender.slot].notified()).await.context("an answer is lost")?;
                if let Ok(mut senders) = senders.lock() {
                    senders.push(sender);
                }
                anyhow::Ok(sent.elapsed())
            });
        }
        let mut latencies = Vec::new();
        while let Some(talk) = talks.join_next().await {
            latencies.push(talk??);
        }
        let after = measure::Usage::of(process)?;
        let (cpu, memory, seconds) = (after.cpu - before.cpu, after.memory, begun.elapsed().as_secs_f64());
        Ok(Outcome { answered: u64::try_from(latencies.len())?, seconds, cpu, memory, latencies })
    }

    fn answered(&self) -> u64 {
        self.answers.answered.load(Ordering::Relaxed)
    }
}

async fn take_reply(State(answers): State<Arc<Answers>>, body: Bytes) -> impl IntoResponse {
    let reply: Value = serde_json::from_slice(&body).unwrap_or_default();
    let slot = reply["replyToken"].as_str().and_then(|token| token.split('-').next()?.parse::<usize>().ok());
    if let Some(slot) = slot.and_then(|slot| answers.slots.get(slot)) {
        answers.answered.fetch_add(1, Ordering::Relaxed);
        slot.notify_one();
    }
    axum_json(&json!({ "sentMessages": [{ "id": "1", "quoteToken": "q" }] }))
}

fn axum_json(value: &Value) -> impl IntoResponse + use<> {
    ([("content-type", "application/json")], value.to_string())
}

/// A connection over which the webhooks of one person come.
struct Sender {
    stream: TcpStream,
    path: String,
    slot: usize,
    number: u64,
    answer: Vec<u8>,
}

impl Sender {
    async fn connect(webhooks: SocketAddr, path: &str, slot: usize) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(webhooks).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, path: path.to_owned(), slot, number: 0, answer: Vec::new() })
    }

    /// Delivers one message, and waits until it is taken.
    async fn send(&mut self) -> anyhow::Result<()> {
        self.number += 1;
        let (slot, number) = (self.slot, self.number);
        let now = hotline::clock::Clock::system().now();
        let id = format!("{slot:08}{number:012}{:06}", now % 1_000_000);
        let event = json!({
            "type": "message", "mode": "active", "timestamp": now, "webhookEventId": id,
            "deliveryContext": { "isRedelivery": false }, "replyToken": format!("{slot}-{number}"),
            "source": { "type": "user", "userId": format!("U{slot:032x}") },
            "message": { "type": "text", "id": id, "quoteToken": "q3Plxr4AgKd", "text": format!("ping {number}") },
        });
        let body = json!({ "destination": "Ubot", "events": [event] }).to_string();
        let (path, signature, length) = (&self.path, sign(SECRET.as_bytes(), body.as_bytes()), body.len());
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nx-line-signature: {signature}\r\n\
             content-length: {length}\r\n\r\n{body}"
        );
        self.stream.write_all(request.as_bytes()).await?;
        self.answer.clear();
        while !self.answer.windows(4).any(|end| end == b"\r\n\r\n") {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                bail!("the bot closes the connection");
            }
        }
        if !self.answer.starts_with(b"HTTP/1.1 200") {
            bail!("the bot answers {}", String::from_utf8_lossy(&self.answer));
        }
        // What Node writes in chunks ends with an empty one.
        let is_chunked = self.answer.windows(7).any(|part| part.eq_ignore_ascii_case(b"chunked"));
        while is_chunked && !self.answer.ends_with(b"0\r\n\r\n") {
            self.stream.read_buf(&mut self.answer).await?;
        }
        Ok(())
    }
}
