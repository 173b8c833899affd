//! What the parts of the engine cost: decoding an event, dispatching it to a handler, parking and resuming a run, how long a saved
//! script takes to be live, and what a long conversation leaves on disk and takes to be rebuilt.
//!
//! `cargo bench --bench engine`. All but the decoding goes through a real connection to a gateway in this process, so the
//! figures hold what an event or a command costs on its whole way. How many round trips a bot makes beside a hard-coded
//! one is measured in `round_trip`.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod timing;

use std::hint::black_box;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use hotline::clock::Clock;
use hotline::host::config::{Config, Session};
use hotline::host::{Host, RunOptions};
use hotline::protocol::{self, Incoming, Message};
use hotline::session::{Credentials, MediaMode, Pacing, Secret};
use serde::Deserialize;
use serde_json::json;
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::{self, WebSocket};

use timing::{time, time_by};

/// The messages that are written before the clock is looked at.
const CHUNK: u64 = 500;
/// The people who write in turn.
const PEOPLE: u64 = 64;
/// The saves that are timed.
const SAVES: usize = 100;
/// The turns of a conversation after which it is measured.
const TURNS: [u64; 4] = [0, 100, 1_000, 5_000];

fn main() {
    decoding();
    dispatch();
    waiting();
    reload();
    conversation();
}

fn decoding() {
    let frame = message(1, "u0123456789abcdef0123456789abcdef", "two teas, please");
    time("decode/frame", || protocol::decode(black_box(&frame)));
    time("decode/frame_and_message", || match protocol::decode(black_box(&frame)) {
        Ok(Incoming::Event(event)) => Message::read(event.content.as_str()),
        other => panic!("{other:?}"),
    });
}

fn dispatch() {
    // What tells that everything before it is handled.
    let end = "fn on_contact_added(event) { send_text(event.mid, \"\"); }\n";
    for (name, script) in [
        ("no_handler", ""),
        ("short_handler", "fn on_message(msg) { if msg.text == \"ping\" { msg.reply(\"pong\"); } }"),
        (
            "handler_with_a_module",
            "import \"std/commands\" as commands;\n\
             fn on_message(msg) { if wants(msg, \"order\") { msg.reply(\"What?\"); } }\n\
             fn wants(msg, name) { commands::matches(msg.text, name) }",
        ),
    ] {
        let mut bot = Bot::start(&format!("{end}{script}"), Run::Live);
        time_by(&format!("dispatch/{name}"), |count| in_chunks(count, |count| bot.dispatches(count)));
    }
}

fn waiting() {
    let script = "fn on_message(msg) { for i in 0..parse_int(msg.text) { command(\"Count\"); } get_settings(); }";
    for (name, run) in [("command_that_is_not_sent", Run::Dry), ("command_and_its_reply", Run::Live)] {
        let mut bot = Bot::start(script, run);
        time_by(&format!("wait/{name}"), |count| in_chunks(count, |count| bot.commands(count)));
    }
    let script = "fn on_message(msg) { let answer = msg.ask(\"?\"); msg.reply(answer.text); }";
    let mut bot = Bot::start(script, Run::Live);
    time_by("wait/ask_and_answer", |count| in_chunks(count, |count| bot.conversations(count)));
}

/// Saves a script again and again while messages come in, and prints how long each save takes to answer one of them.
fn reload() {
    let version = |number: usize| {
        format!(
            "import \"std/commands\" as commands;\nimport \"std/words\" as words;\n\
             fn on_message(msg) {{ if commands::matches(msg.text, \"help\") {{ return; }} msg.reply(\"{number}\"); }}\n"
        )
    };
    let mut bot = Bot::start(&version(0), Run::Live);
    let mut number = 0;
    let mut save = |bot: &mut Bot| {
        number += 1;
        let saved = Instant::now();
        std::fs::write(bot.script(), version(number)).expect("the folder is ours");
        bot.until_answers(&number.to_string());
        saved.elapsed()
    };
    let mut times: Vec<_> = (0..SAVES).map(|_| save(&mut bot)).collect();
    times.sort();
    let at = |percent: usize| times[(times.len() * percent).div_ceil(100) - 1];
    println!("save to live, {SAVES} saves under traffic: median {:?}, p99 {:?}, worst {:?}", at(50), at(99), at(100));
}

/// Has a conversation under default limits, and prints after so many turns what its record takes on disk, and how long it is from a
/// start of the engine to its next question. The first figure of time is that of a start alone.
fn conversation() {
    let in_one_run = "fn on_message(msg) {
        let turns = 0;
        loop { let answer = msg.ask(`${turns} turns, the last was ${msg.text}`); turns += 1; }
    }";
    let run_by_run = "fn on_message(msg) {
        let mine = msg.sender.state;
        mine.turns = (mine.turns ?? 0) + 1;
        msg.reply(`${mine.turns} turns, the last was ${msg.text}`);
    }";
    for (name, script) in [("in one run", in_one_run), ("run by run", run_by_run)] {
        let mut bot = Bot::start(script, Run::Live);
        bot.talk(1);
        let mut turns = 0;
        for until in TURNS {
            bot.talk(until - turns);
            let began = Instant::now();
            bot = bot.restart();
            bot.talk(1);
            let took = began.elapsed();
            turns = until + 1;
            println!("conversation {name}, {until} turns: {} KiB recorded, {took:.1?} to go on", bot.recorded() / 1024);
        }
    }
}

/// Times so many repetitions, a chunk at a time.
fn in_chunks(count: u64, mut act: impl FnMut(u64) -> Duration) -> Duration {
    let mut left = count;
    let mut total = Duration::ZERO;
    while left > 0 {
        let chunk = left.min(CHUNK);
        total += act(chunk);
        left -= chunk;
    }
    total
}

fn event(subcommand: &str, content: &serde_json::Value) -> String {
    json!({"command": "OnNotify", "subcommand": subcommand, "content": content.to_string()}).to_string()
}

fn message(id: u64, from: &str, text: &str) -> String {
    let content = json!({
        "id": format!("{id:018}"), "from": from, "to": "ume", "text": text, "timestamp": 1_700_000_000_000_i64,
        "contentType": "NONE", "contentMetadata": {},
    });
    event("RECEIVE_MESSAGE", &content)
}

/// Whether commands are sent.
#[derive(Clone, Copy)]
enum Run {
    Live,
    Dry,
}

/// What is looked at of a command.
#[derive(Deserialize)]
struct Request {
    command: String,
    task_id: Option<i64>,
    #[serde(default)]
    content: String,
}

/// The engine with one script, and the gateway's end of its connection.
struct Bot {
    runtime: tokio::runtime::Runtime,
    host: Option<Host>,
    socket: WebSocket<TcpStream>,
    place: Rc<Place>,
    next_id: u64,
}

/// What outlives the engine: its folder, and where its gateway listens.
struct Place {
    folder: TempDir,
    listener: TcpListener,
}

impl Bot {
    fn start(script: &str, run: Run) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("scripts")).expect("the folder is ours");
        std::fs::write(folder.path().join("scripts/bot.rhai"), script).expect("the folder is ours");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        Self::on(Rc::new(Place { folder, listener }), run, 0)
    }

    fn on(place: Rc<Place>, run: Run, next_id: u64) -> Self {
        let Place { folder, listener } = &*place;
        let url = format!("ws://{}", listener.local_addr().expect("it listens"));
        let session = Session {
            name: "main".to_owned(),
            gateway: url.parse().expect("a url"),
            login: Credentials::Email { email: "bot@bench.test".to_owned(), password: Secret::new("-") },
            proxy: None,
            connect_via: None,
            root: None,
            media: MediaMode::default(),
            scripts: None,
        };
        let config = Config {
            workers: Some(1),
            pacing: Pacing::Off,
            console: None,
            sessions: vec![session],
            ..Config::without_file(folder.path())
        };
        let options = RunOptions { config, strict: true, dry_run: matches!(run, Run::Dry), clock: Clock::system() };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let host = runtime.block_on(Host::start(options)).expect("the engine starts");
        let (stream, _) = listener.accept().expect("the engine connects");
        stream.set_nodelay(true).expect("a socket");
        let socket = tungstenite::accept(stream).expect("a handshake");
        let mut bot = Self { runtime, host: Some(host), socket, place, next_id };
        assert_eq!(bot.read().command, "Login");
        bot.write(json!({"command": "OnLogin", "code": 0, "content": "{\"mid\":\"ume\"}"}).to_string());
        bot.flush();
        bot
    }

    fn script(&self) -> PathBuf {
        self.place.folder.path().join("scripts/bot.rhai")
    }

    /// Stops the engine, and starts another one on what it left behind.
    fn restart(self) -> Self {
        let (place, next_id) = (Rc::clone(&self.place), self.next_id);
        drop(self);
        Self::on(place, Run::Live, next_id)
    }

    /// Has one person write so often, each time when they have been answered.
    fn talk(&mut self, times: u64) {
        for _ in 0..times {
            self.next_id += 1;
            self.write(message(self.next_id, "u0123456789abcdef0123456789abcdef", "two teas, please"));
            self.flush();
            self.serve();
        }
    }

    /// The bytes of what is recorded of the runs that go on.
    fn recorded(&self) -> i64 {
        let database =
            rusqlite::Connection::open(self.place.folder.path().join("data/hotline.db")).expect("a database");
        let sql =
            "SELECT coalesce(sum(length(entry)), 0) FROM entry WHERE run IN (SELECT id FROM run WHERE ended IS NULL)";
        database.query_row(sql, [], |row| row.get(0)).expect("a sum")
    }

    fn write(&mut self, text: String) {
        self.socket.write(tungstenite::Message::text(text)).expect("the engine is there");
    }

    fn flush(&mut self) {
        self.socket.flush().expect("the engine is there");
    }

    /// The next command, heartbeats passed over.
    fn read(&mut self) -> Request {
        loop {
            if let tungstenite::Message::Text(text) = self.socket.read().expect("the engine is there") {
                let request: Request = serde_json::from_str(&text).expect("a command");
                if request.command != "HeartBeat" {
                    return request;
                }
            }
        }
    }

    fn answer(&mut self, request: &Request) {
        let task_id = request.task_id.expect("a command has a number");
        self.write(format!(r#"{{"command":"{}","task_id":{task_id},"code":0,"content":"{{}}"}}"#, request.command));
    }

    /// The next command, answered.
    fn serve(&mut self) -> Request {
        let request = self.read();
        self.answer(&request);
        self.flush();
        request
    }

    fn message(&mut self, text: &str) -> String {
        self.next_id += 1;
        message(self.next_id, &format!("u{}", self.next_id % PEOPLE), text)
    }

    /// Sends messages and an event that is answered, and times all of it.
    fn dispatches(&mut self, count: u64) -> Duration {
        let mut frames: Vec<_> = (0..count).map(|_| self.message("two teas, please")).collect();
        frames.push(event("NOTIFIED_ADD_CONTACT", &json!({"mid": "u1"})));
        let began = Instant::now();
        for frame in frames {
            self.write(frame);
        }
        self.flush();
        self.serve();
        began.elapsed()
    }

    /// Has a handler send commands one after the other, and times all of it.
    fn commands(&mut self, count: u64) -> Duration {
        let frame = self.message(&count.to_string());
        let began = Instant::now();
        self.write(frame);
        self.flush();
        while self.serve().command != "GetSettings" {}
        began.elapsed()
    }

    /// Has people asked and answer, all at the same time, and times all of it.
    fn conversations(&mut self, count: u64) -> Duration {
        let mut says = |n: u64| {
            self.next_id += 1;
            message(self.next_id, &format!("u{n}"), "tea")
        };
        let phases: [Vec<_>; 2] = [(0..count).map(&mut says).collect(), (0..count).map(&mut says).collect()];
        let began = Instant::now();
        for frames in phases {
            for frame in frames {
                self.write(frame);
            }
            self.flush();
            for _ in 0..count {
                self.serve();
            }
        }
        began.elapsed()
    }

    /// Has somebody write every millisecond until the answer is as expected.
    fn until_answers(&mut self, expected: &str) {
        loop {
            let frame = self.message("?");
            self.write(frame);
            self.flush();
            if self.serve().content == expected {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Bot {
    fn drop(&mut self) {
        if let Some(host) = self.host.take() {
            let _ = self.socket.close(None);
            let _ = self.socket.flush();
            self.runtime.block_on(host.stop()).expect("the disk takes writes");
        }
    }
}
