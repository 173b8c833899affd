//! Data folders that earlier versions wrote: what they hold goes on under this one.
//!
//! Each `.sql` file beside this one is the database of such a folder as text, named after the version or the commit that wrote
//! it. A release adds its own, which nobody changes later:
//!
//! ```sh
//! HOTLINE_FOLDER=0.1.0 cargo test --test engine earlier::
//! ```

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use hotline::clock::{Clock, Timestamp};
use rusqlite::Connection;
use rusqlite::types::Value as Cell;
use serde_json::{Value, json};

use super::support::{self, Bot, Setup};

/// Half past midnight, UTC, on the first of January 2024: when the folders were begun.
const BEGUN: Timestamp = 1_704_069_000_000;
const SECOND: Timestamp = 1_000;
const MINUTE: Timestamp = 60 * SECOND;
const HOUR: Timestamp = 60 * MINUTE;

const DATABASE: &str = "hotline.db";

const SCRIPT: &str = r#"
import "lib/steps" as steps;

every("1h", "tell", "hourly");
cron("*/15 * * * *", "quarter");

fn tell(chat) { send_text(chat, `${now()}`); }
fn quarter() { tell("quarter"); }
fn on_message(msg) {
    if msg.text == "order" {
        state.orders = #{ count: 41, kinds: ["tea", 'c', 0.5, ()] };
        store.set("last", #{ from: msg.sender.mid, at: now() });
        store.incr("served", 7);
        after("5m", "tell", "missed");
        after("3h", "tell", "late");
        every("2h", "tell", "often");
        let order = steps::take(msg, ["What?", "How many?", "When?"]);
        state.orders.count += 1;
        msg.reply(`${order}, order ${state.orders.count}`);
    }
    if msg.text == "nap" {
        let since = now();
        msg.reply("Good night");
        sleep("2h");
        tell(`awake after ${(now() - since) / 60000} minutes`);
    }
    if msg.text == "recall" {
        msg.reply(`${state.orders} ${store.get("last")} ${store.incr("served")}`);
    }
    if msg.text == "probe" { after("0s", "tell", "probe"); }
}
"#;

const STEPS: &str = r#"
fn take(msg, questions) {
    let answers = [];
    for question in questions {
        let answer = msg.ask(`${answers.len + 1}. ${question}`);
        answers.push(answer.text);
    }
    `${answers}`
}
"#;

#[tokio::test]
async fn what_earlier_versions_wrote_goes_on() {
    let files = fs::read_dir(folder()).expect("it is there").map(|file| file.expect("it can be read").path());
    let files: Vec<_> = files.filter(|file| file.extension().is_some_and(|extension| extension == "sql")).collect();
    assert!(!files.is_empty());
    for file in files {
        eprintln!("{}", file.display());
        goes_on(&fs::read_to_string(file).expect("it is text")).await;
    }
}

#[tokio::test]
async fn what_this_version_writes_goes_on() {
    let text = written().await;
    if let Ok(version) = std::env::var("HOTLINE_FOLDER") {
        fs::write(folder().join(format!("{version}.sql")), &text).expect("the sources can be written");
    }
    goes_on(&text).await;
}

/// Writes the data folder that these tests are about; gives its database as text.
async fn written() -> String {
    let clock = Clock::manual(BEGUN);
    let data = tempfile::tempdir().expect("a temporary folder");
    let bot = setup(&clock, data.path()).start().await;
    assert_eq!(bot.host().faults(), []);
    says(&bot, "1", "u1", "order");
    assert_eq!(bot.text_to("u1").await, "1. What?");
    says(&bot, "2", "u1", "tea");
    assert_eq!(bot.text_to("u1").await, "2. How many?");
    // What a process leaves behind settles at the next one's start; what comes now does not.
    let bot = bot.restart_after(|_| clock.advance(Duration::from_secs(2))).await;
    says(&bot, "3", "u1", "2");
    assert_eq!(bot.text_to("u1").await, "3. When?");
    says(&bot, "4", "u2", "nap");
    assert_eq!(bot.text_to("u2").await, "Good night");
    bot.stop().await;
    dump(&database(data.path()))
}

/// Starts this version on such a folder, ten minutes after it was begun, and sees everything in it go on.
async fn goes_on(text: &str) {
    let clock = Clock::manual(BEGUN + 10 * MINUTE);
    let data = tempfile::tempdir().expect("a temporary folder");
    database(data.path()).execute_batch(text).expect("it is SQL");
    let bot = setup(&clock, data.path()).start().await;
    assert_eq!(bot.host().faults(), []);

    let runs: Value = serde_json::from_str(&hotline(data.path(), &["runs", "--json"])).expect("JSON");
    for (run, call, place) in [(0, "ask", "lib/steps.rhai:5"), (1, "sleep", "scripts/bot.rhai:24")] {
        let waiting = &runs[run]["waiting"];
        assert_eq!(waiting["call"], call);
        assert!(waiting["place"].as_str().is_some_and(|found| found.ends_with(place)), "{waiting}");
    }
    let event = runs[0]["event"].to_string();
    let trace = hotline(data.path(), &["trace", &event]);
    assert!(trace.contains("let answer = msg.ask("), "{trace}");

    assert_eq!(bot.text_to("missed").await, (BEGUN + 10 * MINUTE).to_string());
    // The gateway repeats what was handled before.
    for (id, person, text) in [("1", "u1", "order"), ("4", "u2", "nap"), ("5", "u1", "now")] {
        says(&bot, id, person, text);
    }
    assert_eq!(bot.text_to("u1").await, r#"["tea", "2", "now"], order 42"#);
    says(&bot, "6", "u1", "recall");
    let state = r#"{"count": 42, "kinds": ["tea", "c", 0.5, ()]}"#;
    assert_eq!(bot.text_to("u1").await, format!(r##"#{state} #{{"at": {BEGUN}, "from": "u1"}} 8"##));

    for (due, chat) in [
        (15 * MINUTE, "quarter"),
        (HOUR, "hourly"),
        (2 * HOUR, "often"),
        (2 * HOUR + 2 * SECOND, "awake after 120 minutes"),
        (3 * HOUR, "late"),
    ] {
        is_at(&clock, due - SECOND);
        says(&bot, &format!("before {chat}"), "u1", "probe");
        bot.text_to("probe").await;
        assert!(bot.texts_to(chat).is_empty(), "{chat} comes too early");
        is_at(&clock, due);
        assert_eq!(bot.text_to(chat).await, (BEGUN + due).to_string());
    }
    assert_eq!((bot.texts_to("u1").len(), bot.texts_to("u2").len()), (2, 0));
    bot.stop().await;
    let trace = hotline(data.path(), &["trace", &event]);
    assert!(trace.contains("order 42"), "{trace}");
}

/// The folder of this file.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engine/earlier")
}

fn setup(clock: &Clock, data: &Path) -> Setup {
    Setup::new().clock(clock).data(data).script("bot", SCRIPT).script("lib/steps", STEPS)
}

fn database(data: &Path) -> Connection {
    Connection::open(data.join(DATABASE)).expect("the database")
}

/// Has a person write to the bot, in a message of this id.
fn says(bot: &Bot, id: &str, person: &str, text: &str) {
    let content = json!({
        "id": id, "from": person, "to": "ume", "text": text, "timestamp": BEGUN, "contentType": "NONE",
        "contentMetadata": {},
    });
    bot.push("RECEIVE_MESSAGE", &content);
}

/// Moves a clock to a time after the folder was begun.
fn is_at(clock: &Clock, time: Timestamp) {
    let left = BEGUN + time - clock.now();
    clock.advance(Duration::from_millis(left.try_into().expect("it goes forward")));
}

/// What a command of the binary prints about a data folder.
fn hotline(data: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hotline"));
    command.args(arguments).arg("--data").arg(data).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = support::spawn(&mut command);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it is text")
}

/// A database as the text that makes it: its tables, their rows, what else it has, its version.
fn dump(database: &Connection) -> String {
    let column = |sql: &str| -> Vec<String> {
        let mut statement = database.prepare(sql).expect("it is SQL");
        let rows = statement.query_map([], |row| row.get(0)).expect("rows");
        rows.collect::<Result<_, _>>().expect("texts")
    };
    let made =
        |of: &str| column(&format!("SELECT sql || ';' FROM sqlite_schema WHERE sql IS NOT NULL AND type {of} 'table'"));
    let mut text = made("=").join("\n") + "\n";
    for table in column("SELECT name FROM sqlite_schema WHERE type = 'table'") {
        let mut statement = database.prepare(&format!("SELECT * FROM {table}")).expect("a table");
        let count = statement.column_count();
        let mut rows = statement.query([]).expect("rows");
        while let Some(row) = rows.next().expect("a row") {
            let cells = (0..count).map(|at| literal(row.get(at).expect("a cell"))).collect::<Vec<_>>();
            writeln!(text, "INSERT INTO {table} VALUES ({});", cells.join(", ")).expect("a String takes all");
        }
    }
    let version: i64 = database.pragma_query_value(None, "user_version", |row| row.get(0)).expect("a version");
    let rest = made("<>").join("\n");
    format!("{text}{rest}\nPRAGMA user_version = {version};\n")
}

fn literal(cell: Cell) -> String {
    match cell {
        Cell::Null => "NULL".to_owned(),
        Cell::Integer(number) => number.to_string(),
        Cell::Real(number) => format!("{number:?}"),
        Cell::Text(text) => format!("'{}'", text.replace('\'', "''")),
        Cell::Blob(bytes) => format!("X'{}'", data_encoding::HEXUPPER.encode(&bytes)),
    }
}
