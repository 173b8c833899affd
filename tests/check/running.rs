//! The card of a running script: what `hotline run` shows of it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::wire;

/// How long a line of the log is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// `hotline run` in a folder with these scripts, and the lines of its log.
struct Running {
    process: Child,
    lines: mpsc::Receiver<String>,
}

impl Running {
    fn start(folder: &Path, scripts: &[(&str, &str)], arguments: &[&str]) -> Self {
        for (name, text) in scripts {
            let path = folder.join("scripts").join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("a script");
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_hotline"));
        command.arg("run").args(arguments).current_dir(folder).env_remove("RUST_LOG");
        wire::written_by(&mut command);
        let mut process =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
        let log = process.stderr.take().expect("it is piped");
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(log).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self { process, lines }
    }

    /// The log from a line that begins so up to a line that ends so.
    fn part(&self, begins: &str, ends: &str) -> String {
        let mut part = String::new();
        loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no more lines after:\n{part}"));
            if !part.is_empty() || line.starts_with(begins) {
                part.push_str(&line);
                part.push('\n');
                if line.ends_with(ends) {
                    return part;
                }
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if !thread::panicking() {
            wire::check_frames();
        }
    }
}

const TALK: &str = "fn say(word) {\n    \"世界 世界\"; send_txt(word, \"hi\");\n}\n";
const CALLER: &str = "import \"lib/talk\" as talk;\n\nfn on_start() { deep(\"日本\"); }\n\nfn deep(word) { [1].for_each(|x| talk::say(word)); }\n";

#[test]
fn a_failing_run_shows_its_card_with_the_calls_that_led_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), &[("a.rhai", CALLER), ("lib/talk.rhai", TALK)], &[]);
    let expected = "\
error: no function `send_txt` takes (string, string)
 --> scripts/lib/talk.rhai:2:14
  |
2 |     \"世界 世界\"; send_txt(word, \"hi\");
  |                  ^^^^^^^^
  = in: say (scripts/lib/talk.rhai)
  = called by: a closure (scripts/a.rhai)
  = called by: for_each (scripts/a.rhai)
  = called by: deep (scripts/a.rhai)
  = called by: on_start (scripts/a.rhai)
  = while handling: on_start
  = generation: 1
  = help: did you mean `send_text(to, content)`?
";
    assert_eq!(running.part("error: no function `send_txt` takes", "content)`?"), expected);
}

#[test]
fn the_card_of_a_data_race_points_at_the_call_that_holds_the_value() {
    let several =
        "let list = [1];\n    if list.is_empty() { list.map(|x| list.len()); }\n    list.map(|x| list.len());";
    for (body, message, place) in [
        (
            "let list = [1];\n    list.map(|x| {\n        x + list.len()\n    });",
            "`list` is in use: `map` has",
            ":3:10",
        ),
        (
            "let list = [1];\n    let f = || list.push(1);\n    list.sort(\n        f);",
            "`list` is in use: `sort` has",
            ":4:10",
        ),
        (
            "let list = [1];\n    let f = || { list = []; };\n    list.for_each(|i|\n        f.call());",
            "`list` is in use: `for_each` has",
            ":4:10",
        ),
        (
            "let o = #{ items: [1], n: 0 };\n    let f = || o.n += 1;\n    o.items.filter(f);",
            "`o` is in use: `filter` has",
            ":4:13",
        ),
        (several, "a value is in use: `map` in line 3 or 4 has", ""),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let running = Running::start(folder.path(), &[("a.rhai", &format!("fn on_start() {{\n    {body}\n}}\n"))], &[]);
        let card = running.part(&format!("error: {message}"), "place of the closure");
        let is_placed = card.lines().any(|line| line.trim() == format!("--> scripts/a.rhai{place}"));
        assert!(is_placed, "{body}:\n{card}");
        assert!(card.contains("= help: before the call, keep in another variable"), "{card}");
    }
}

#[test]
fn a_script_that_does_not_load_shows_its_card() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), &[("b.rhai", "fn on_mesage(msg) {\n    msg.reply(\"hi\");\n}\n")], &[]);
    let expected = "\
error: there is no hook `on_mesage`
 --> scripts/b.rhai:1:4
  |
1 | fn on_mesage(msg) {
  |    ^^^^^^^^^
  = help: did you mean `on_message(msg)`?
";
    assert_eq!(running.part("error: ", "(msg)`?"), expected);
}

#[test]
fn what_check_finds_in_a_script_that_works_is_said_at_the_start_and_at_a_save() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = "fn on_message(msg) {\n    msg.replly(\"hi\");\n}\n";
    let running = Running::start(folder.path(), &[("b.rhai", script)], &[]);
    let expected = "\
error: a message has no method `replly`
 --> scripts/b.rhai:2:9
  |
2 |     msg.replly(\"hi\");
  |         ^^^^^^
  = help: did you mean `reply(text)`?
";
    assert_eq!(running.part("error: ", "(text)`?"), expected);
    fs::write(folder.path().join("scripts/b.rhai"), "fn helper() { send_txt(1, 2); }\n").expect("a script");
    let live = running.part("2", "nothing ever calls it generation=2");
    assert!(live.contains("WARN scripts/b.rhai is live"), "{live}");
    assert!(running.part("error: no function `send_txt`", "content)`?").contains("scripts/b.rhai:1:15"));
}

#[test]
fn strict_refuses_a_script_that_check_calls_faulty() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = "fn on_message(msg) {\n    msg.replly(\"hi\");\n}\n";
    let running = Running::start(folder.path(), &[("b.rhai", script)], &["--strict"]);
    let refused = running.part("hotline: faulty scripts", "mended");
    assert!(refused.contains("error: a message has no method `replly`"), "{refused}");
}

#[test]
fn a_log_for_tools_has_the_fault_in_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), &[("b.rhai", "fn on_start() { 1 +; }\n")], &["--log-format", "json"]);
    let line = loop {
        let line = running.lines.recv_timeout(PATIENCE).expect("a line");
        let line: serde_json::Value = serde_json::from_str(&line).expect("every line is JSON");
        if line["level"] == "ERROR" {
            break line;
        }
    };
    let message = line["message"].as_str().expect("a message");
    assert!(message.starts_with("scripts/b.rhai:1:20: ") && !message.contains('\n'), "{message}");
}
