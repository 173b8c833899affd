//! A thousand connected accounts chatting on one core, against a plain echo server over the same library.
//!
//! Each server is a process of its own with one thread, so that its memory and its processor time are its own. The load
//! comes from here: every account writes to the next one, a few messages at a time, then to a group, and counts what arrives. A
//! message that is lost, doubled or out of order ends the run, and a file that comes back as another one.
//!
//! `cargo bench --bench sandbox [-- ACCOUNTS MESSAGES]`

#![expect(clippy::print_stdout, reason = "the figures are the output")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use futures_util::{SinkExt, StreamExt};
use hotline::sandbox::{NewAccount, Sandbox, SandboxConfig};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// Tells a process of this program which server it is to be.
const ROLE: &str = "HOTLINE_BENCH_SERVER";

/// How many messages an account has under way at a time.
const WINDOW: usize = 4;

/// How many accounts are in a group.
const GROUP: usize = 10;

/// The ticks of processor time per second, as Linux counts them for programs.
const TICKS: f64 = 100.0;

fn main() -> Result<()> {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let accounts = numbers.first().copied().unwrap_or(1_000);
    let messages = numbers.get(1).copied().unwrap_or(200);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match std::env::var(ROLE).as_deref() {
        Ok("sandbox") => runtime.block_on(serve_sandbox(accounts)),
        Ok("echo") => runtime.block_on(LocalSet::new().run_until(serve_echo())),
        _ => runtime.block_on(LocalSet::new().run_until(compare(accounts, messages))),
    }
}

async fn compare(accounts: usize, messages: usize) -> Result<()> {
    println!("{accounts} accounts, {messages} messages each, {WINDOW} at a time; each server on one thread");
    let echo = measure(Server::start("echo", accounts)?, accounts, messages).await?;
    echo.print("echo server");
    let sandbox = measure(Server::start("sandbox", accounts)?, accounts, messages).await?;
    sandbox.print("sandbox");
    let events = measure_groups(Server::start("sandbox", accounts)?, accounts, messages.div_ceil(GROUP)).await?;
    println!("in groups of {GROUP}: {events:>9.0} messages received per second, beside the answers");
    transfer(Server::start("sandbox", 2)?).await?;
    println!(
        "sandbox / echo: {:.2} of the messages per second, {:.2} per second of processor time, {:.2} of the memory per account",
        sandbox.per_second / echo.per_second,
        sandbox.per_cpu_second / echo.per_cpu_second,
        sandbox.memory_each / echo.memory_each,
    );
    println!("a message is two frames out of the sandbox (answer and event) and one out of the echo server");
    Ok(())
}

/// What was measured.
struct Figures {
    per_second: f64,
    per_cpu_second: f64,
    /// In KiB, connected and logged in.
    memory_each: f64,
}

impl Figures {
    fn print(&self, name: &str) {
        println!(
            "{name:12} {:>9.0} messages/s {:>9.0} messages per second of processor time {:>7.1} KiB per account",
            self.per_second, self.per_cpu_second, self.memory_each
        );
    }
}

#[expect(clippy::cast_precision_loss, reason = "the figures are for people")]
async fn measure(server: Server, accounts: usize, messages: usize) -> Result<Figures> {
    let idle = server.memory()?;
    let mut clients = Vec::with_capacity(accounts);
    for index in 0..accounts {
        clients.push(Account::connect(&server, index).await?);
    }
    let memory_each = (server.memory()? - idle) / accounts as f64;
    let mids: Vec<_> = clients.iter().map(|client| client.mid.clone()).collect();
    let (began, cpu) = (Instant::now(), server.cpu()?);
    let tasks: Vec<_> = clients
        .into_iter()
        .enumerate()
        .map(|(index, client)| tokio::task::spawn_local(client.chat(mids[(index + 1) % accounts].clone(), messages)))
        .collect();
    for task in tasks {
        task.await??;
    }
    let (took, cpu) = (began.elapsed(), server.cpu()? - cpu);
    let total = (accounts * messages) as f64;
    Ok(Figures { per_second: total / took.as_secs_f64(), per_cpu_second: total / cpu.as_secs_f64(), memory_each })
}

/// Chats in groups of [`GROUP`], and gives the events per second.
#[expect(clippy::cast_precision_loss, reason = "the figures are for people")]
async fn measure_groups(server: Server, accounts: usize, messages: usize) -> Result<f64> {
    // Those who would be in a smaller group stay away.
    let accounts = accounts / GROUP * GROUP;
    let mut clients = Vec::with_capacity(accounts);
    for index in 0..accounts {
        clients.push(Account::connect(&server, index).await?);
    }
    let began = Instant::now();
    let chat =
        |(index, client): (usize, Account)| tokio::task::spawn_local(client.chat_in_group(index, messages, GROUP - 1));
    let tasks: Vec<_> = clients.into_iter().enumerate().map(chat).collect();
    for task in tasks {
        task.await??;
    }
    Ok((accounts * messages * (GROUP - 1)) as f64 / began.elapsed().as_secs_f64())
}

/// Sends a file of a gibibyte through the sandbox and back, and tells what that costs in memory.
#[expect(clippy::cast_precision_loss, reason = "the figures are for people")]
async fn transfer(server: Server) -> Result<()> {
    const PIECE: usize = 1024 * 1024;
    const PIECES: usize = 1024;
    let (mut from, mut to) = (Account::connect(&server, 0).await?, Account::connect(&server, 1).await?);
    let (before, began) = (server.memory()?, Instant::now());
    let ask = json!({"command": "GetSendFileParam", "task_id": 1, "to": to.mid, "path": "large.bin", "msg_id": "1"});
    let param = from.ask(&ask).await?;
    let sent = Arc::new(Mutex::new(Sha256::new()));
    let hash = Arc::clone(&sent);
    let pieces = futures_util::stream::iter((0..PIECES).map(move |number| {
        let piece: Vec<_> = number.to_le_bytes().repeat(PIECE / size_of::<usize>());
        hash.lock().map_err(|_| std::io::Error::other("a thread has failed"))?.update(&piece);
        Ok::<_, std::io::Error>(piece)
    }));
    let file = Part::stream(reqwest::Body::wrap_stream(pieces)).file_name("large.bin");
    let params = param["params"].as_str().context("no params")?.to_owned();
    let answer = post(&param)?.multipart(Form::new().text("params", params).part("files", file)).send().await?;
    ensure!(answer.status().is_success(), "the upload failed: {}", answer.text().await?);
    let event: Value = serde_json::from_str(&next(&mut to.socket).await?)?;
    let message: Value = serde_json::from_str(event["content"].as_str().context("no content")?)?;
    let ask = json!({"command": "GetDownloadFileParam", "task_id": 1, "msg_id": message["id"], "path": "x"});
    let param = to.ask(&ask).await?;
    let mut answer = post(&param)?.send().await?;
    let (mut size, mut received) = (0, Sha256::new());
    while let Some(piece) = answer.chunk().await? {
        size += piece.len();
        received.update(&piece);
    }
    ensure!(size == PIECE * PIECES, "{size} bytes came back");
    let sent = sent.lock().map_err(|_| anyhow!("a thread has failed"))?.clone().finalize();
    ensure!(sent == received.finalize(), "other bytes came back than were sent");
    let (took, peak) = (began.elapsed().as_secs_f64(), server.peak_memory()?);
    println!(
        "a file of 1 GiB, up and down: {:.0} MiB/s, and {:.1} MiB more in memory at the most",
        2.0 * PIECES as f64 / took,
        (peak - before) / 1024.0
    );
    Ok(())
}

fn post(param: &Value) -> Result<reqwest::RequestBuilder> {
    let url = param["url"].as_str().context("no url")?;
    let heads = param["heads"].as_object().context("no heads")?;
    // A second provider would be refused, and there is only this one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let start = reqwest::Client::new().post(url);
    Ok(heads.iter().fold(start, |request, (name, value)| request.header(name, value.as_str().unwrap_or_default())))
}

/// One connection of the load.
struct Account {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    mid: String,
    echoes: bool,
}

impl Account {
    async fn connect(server: &Server, index: usize) -> Result<Self> {
        let (mut socket, _) = tokio_tungstenite::connect_async_with_config(&server.url, None, true).await?;
        let echoes = server.role == "echo";
        let mut mid = String::new();
        if !echoes {
            let login =
                format!(r#"{{"command":"Login","email":"p{index}@sandbox.test","password":"sandbox","cert":""}}"#);
            socket.send(Message::text(login)).await?;
            let answer = next(&mut socket).await?;
            let (_, rest) = answer.split_once(r#"\"mid\":\""#).with_context(|| format!("refused: {answer}"))?;
            rest.get(..33).context("a mid has 33 characters")?.clone_into(&mut mid);
        }
        Ok(Self { socket, mid, echoes })
    }

    /// Sends a command and gives its success's content.
    async fn ask(&mut self, frame: &Value) -> Result<Value> {
        self.socket.send(Message::text(frame.to_string())).await?;
        let answer: Value = serde_json::from_str(&next(&mut self.socket).await?)?;
        ensure!(answer["code"] == 0, "refused: {answer}");
        Ok(serde_json::from_str(answer["content"].as_str().context("no content")?)?)
    }

    /// Sends messages to `to`, and checks that as many come from the other side, each once and in order.
    async fn chat(mut self, to: String, messages: usize) -> Result<()> {
        let (mut sent, mut answered, mut heard) = (0, 0, 0);
        while answered < messages || heard < messages {
            let mut is_new = false;
            while sent < messages && sent - answered < WINDOW {
                let text =
                    format!(r#"{{"command":"SendText","task_id":{sent},"to":"{to}","content":"message {sent}."}}"#);
                self.socket.feed(Message::text(text)).await?;
                sent += 1;
                is_new = true;
            }
            if is_new {
                self.socket.flush().await?;
            }
            let frame = next(&mut self.socket).await?;
            if frame.contains("OnNotify") {
                ensure!(frame.contains(&format!("message {heard}.")), "expected message {heard}, came {frame}");
                heard += 1;
            } else {
                ensure!(
                    frame.contains(&format!(r#""task_id":{answered}"#)),
                    "expected answer {answered}, came {frame}"
                );
                ensure!(self.echoes || frame.contains(r#""code":0"#), "refused: {frame}");
                answered += 1;
                heard += usize::from(self.echoes);
            }
        }
        if self.echoes { Ok(()) } else { self.expect_silence(messages).await }
    }

    /// Writes messages to the group that it is in with `others`, and checks that as many come from each of them, once and in
    /// order.
    async fn chat_in_group(mut self, index: usize, messages: usize, others: usize) -> Result<()> {
        let groups = self.ask(&json!({"command": "GetJoinedGroupIds", "task_id": messages + 1})).await?;
        let group = groups[0].as_str().context("no group")?.to_owned();
        let (mut sent, mut answered, mut left) = (0, 0, others * messages);
        let mut heard = vec![0; others + 1];
        while answered < messages || left > 0 {
            while sent < messages && sent - answered < WINDOW {
                let content = format!("from {} message {sent}.", index % (others + 1));
                let text = format!(r#"{{"command":"SendText","task_id":{sent},"to":"{group}","content":"{content}"}}"#);
                self.socket.send(Message::text(text)).await?;
                sent += 1;
            }
            let frame = next(&mut self.socket).await?;
            if !frame.contains("OnNotify") {
                ensure!(
                    frame.contains(&format!(r#""task_id":{answered}"#)) && frame.contains(r#""code":0"#),
                    "expected answer {answered}, came {frame}"
                );
                answered += 1;
                continue;
            }
            let (_, text) = frame.split_once("from ").with_context(|| format!("no text in {frame}"))?;
            let (sender, _) = text.split_once(' ').context("no sender")?;
            let count = heard.get_mut(sender.parse::<usize>()?).context("no such sender")?;
            ensure!(text.contains(&format!("message {count}.")), "expected message {count} of {sender}, came {frame}");
            *count += 1;
            left -= 1;
        }
        self.expect_silence(messages).await
    }

    /// Checks that nothing comes but the answer to one more command.
    async fn expect_silence(&mut self, task_id: usize) -> Result<()> {
        self.socket.send(Message::text(json!({"command": "GetSettings", "task_id": task_id}).to_string())).await?;
        let frame = next(&mut self.socket).await?;
        ensure!(
            frame.contains("GetSettings") && frame.contains(&format!(r#""task_id":{task_id}"#)),
            "one frame too many: {frame}"
        );
        Ok(())
    }
}

async fn next(socket: &mut WebSocketStream<MaybeTlsStream<TcpStream>>) -> Result<String> {
    let frame = tokio::time::timeout(Duration::from_secs(60), socket.next()).await.context("nothing comes any more")?;
    match frame.context("the connection ended")?? {
        Message::Text(text) => Ok(text.to_string()),
        other => bail!("a text was expected, came {other:?}"),
    }
}

/// A server in a process of its own.
struct Server {
    child: Child,
    url: String,
    role: &'static str,
}

impl Server {
    fn start(role: &'static str, accounts: usize) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(accounts.to_string())
            .env(ROLE, role)
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().context("its output is piped")?;
        let mut url = String::new();
        BufReader::new(stdout).read_line(&mut url)?;
        ensure!(!url.is_empty(), "the {role} server did not start");
        Ok(Self { child, url: url.trim().to_owned(), role })
    }

    /// What it has in memory, in KiB.
    fn memory(&self) -> Result<f64> {
        self.status("VmRSS:")
    }

    /// The most that it ever had in memory, in KiB.
    fn peak_memory(&self) -> Result<f64> {
        self.status("VmHWM:")
    }

    fn status(&self, name: &str) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name)).context("no such line")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse()?)
    }

    /// The processor time that it has used.
    fn cpu(&self) -> Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_, fields) = stat.rsplit_once(") ").context("no such format")?;
        let fields: Vec<_> = fields.split(' ').collect();
        let ticks: f64 = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
        Ok(Duration::from_secs_f64(ticks / TICKS))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn serve_sandbox(accounts: usize) -> Result<()> {
    let mut config = SandboxConfig { listen: "127.0.0.1:0".parse()?, ..SandboxConfig::default() };
    config.limits.frames_per_second = u32::MAX;
    let sandbox = Sandbox::start(config).await?;
    for index in 0..accounts {
        sandbox.control().create_account(NewAccount::named(format!("p{index}")))?;
    }
    let names: Vec<_> = (0..accounts).map(|index| format!("p{index}")).collect();
    for members in names.chunks_exact(GROUP) {
        let members: Vec<_> = members.iter().map(String::as_str).collect();
        sandbox.control().create_group("group", &members)?;
    }
    println!("{}", sandbox.url());
    std::future::pending().await
}

async fn serve_echo() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("ws://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::task::spawn_local(async move {
            let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
            while let Some(Ok(frame)) = socket.next().await {
                if frame.is_text() && socket.send(frame).await.is_err() {
                    return;
                }
            }
        });
    }
}
