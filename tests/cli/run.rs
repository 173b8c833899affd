//! `run` as a whole: scripts in a folder, a bot in a process of its own, a person who talks to it.

use std::cell::RefCell;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Instant;

use tempfile::TempDir;

use crate::cli::person::Person;
use crate::cli::{PATIENCE, command, hotline};
use crate::sandbox::sandbox;

/// A folder with these scripts.
pub(crate) fn folder(scripts: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("scripts")).expect("the folder is writable");
    for (name, text) in scripts {
        save(folder.path(), name, text);
    }
    folder
}

/// Saves a script as many editors do: written beside it and renamed.
fn save(folder: &Path, name: &str, text: &str) {
    let path = folder.join("scripts").join(name);
    let draft = path.with_extension("draft");
    fs::write(&draft, text).expect("the folder is writable");
    fs::rename(draft, path).expect("the folder is writable");
}

/// A script that answers "ping" like this.
pub(crate) fn answering(answer: &str) -> String {
    format!("fn on_message(msg) {{\n    if msg.text == \"ping\" {{ msg.reply(\"{answer}\"); }}\n}}\n")
}

/// A running `hotline`, and what it logs.
pub(crate) struct Bot {
    child: Child,
    log: mpsc::Receiver<String>,
    /// Lines that nobody has waited for yet.
    seen: RefCell<Vec<String>>,
}

impl Bot {
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Self {
        Self::of(command(folder, arguments))
    }

    pub(crate) fn of(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the binary starts");
        let (sender, log) = mpsc::channel();
        let err = BufReader::new(child.stderr.take().expect("a pipe"));
        std::thread::spawn(move || err.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, log, seen: RefCell::default() }
    }

    /// Waits for a line with this in it, in whatever order the lines come; each is found once.
    pub(crate) fn logs(&self, expected: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = self.seen.borrow_mut();
        if let Some(found) = seen.iter().position(|line| line.contains(expected)) {
            return seen.remove(found);
        }
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.log.recv_timeout(left) {
                Ok(line) if line.contains(expected) => return line,
                Ok(line) => seen.push(line),
                Err(_) => panic!("\"{expected}\" is not logged, but:\n{}", seen.join("\n")),
            }
        }
    }

    /// Checks that no line with this in it came before those that were waited for, and was not waited for itself.
    pub(crate) fn has_not_logged(&self, unexpected: &str) {
        let seen = self.seen.borrow();
        assert!(!seen.iter().any(|line| line.contains(unexpected)), "{}", seen.join("\n"));
    }

    /// The url of its embedded sandbox.
    pub(crate) fn url(&self) -> String {
        let line = self.logs("the embedded sandbox listens on ws://");
        line.split_whitespace().last().expect("a url").to_owned()
    }

    /// Asks it to end, and gives the exit status and all that it has logged.
    pub(crate) fn ends_with_its_log(mut self) -> (Option<i32>, String) {
        self.is_asked("-TERM");
        let status = self.child.wait().expect("it ends").code();
        let mut seen = self.seen.take();
        seen.extend(self.log.iter());
        (status, seen.join("\n") + "\n")
    }

    /// Asks it to end, and gives the exit status.
    pub(crate) fn ends(self) -> Option<i32> {
        self.is_asked("-TERM");
        self.ended()
    }

    /// The id of its process.
    #[cfg(target_os = "linux")]
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub(crate) fn is_asked(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().expect("there is kill").success());
    }

    /// Waits until it has ended, and gives the exit status.
    pub(crate) fn ended(mut self) -> Option<i32> {
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Bot {
    fn drop(&mut self) {
        // It has ended already unless a test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_status_shows_the_running_bot_and_is_a_failure_where_none_runs() {
    let folder = folder(&[("bot.rhai", &answering("pong")), ("bad.rhai", "fn on_message(msg) {")]);
    let status = || hotline(folder.path(), &["status"]);
    let none = status();
    let expected = "hotline: no bot runs on the data folder data; --data FOLDER or --config FILE names another one\n";
    assert_eq!((none.status, none.out.as_str(), none.err.as_str()), (1, "", expected));
    let bot = Bot::start(folder.path(), &[]);
    bot.logs("logged in");
    let shown = status();
    assert_eq!(shown.status, 0, "{}", shown.err);
    for part in
        ["hotline ", "record: data, ", "main     live", "bot     live", "faulty: ", "runs: 0 at work", "timers: 0"]
    {
        assert!(shown.out.contains(part), "{part} is missing:\n{}", shown.out);
    }
    assert!(shown.out.contains("bad.rhai does not load, and nothing of it is live: line 1: "), "{}", shown.out);
    let json = hotline(folder.path(), &["status", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json.out).expect("JSON");
    assert_eq!((&json["sessions"][0]["phase"], &json["scripts"][1]["name"]), (&"live".into(), &"bot".into()));
    assert_eq!(bot.ends(), Some(0));
    assert_eq!(status().status, 1, "its socket is gone");
}

#[test]
fn a_start_says_who_the_owner_is() {
    let folder = folder(&[("bot.rhai", &answering("pong"))]);
    let owner = "u0123456789abcdef0123456789abcdef";
    fs::write(folder.path().join("hotline.toml"), format!("owner = \"{owner}\"\n")).expect("the folder is writable");
    let bot = Bot::start(folder.path(), &[]);
    bot.logs(&format!("troubles are told to the owner, {owner}, through any session that is up"));
    assert_eq!(bot.ends(), Some(0));
}

#[test]
fn alone_it_brings_its_sandbox_answers_and_takes_a_saved_script_at_once() {
    let folder = folder(&[("auto_reply.rhai", &answering("pong"))]);
    let bot = Bot::start(folder.path(), &[]);
    let url = bot.url();
    bot.logs("logged in");
    let mut alice = Person::chats(&url, &[]);
    alice.types("ping");
    alice.sees("bot: pong");
    save(folder.path(), "auto_reply.rhai", &answering("PONG"));
    bot.logs("is live, ");
    alice.types("ping");
    alice.sees("bot: PONG");
    save(folder.path(), "auto_reply.rhai", "fn on_message(msg) { let x = ; }");
    bot.logs("auto_reply.rhai:1:30");
    alice.types("ping");
    alice.sees("bot: PONG");
    assert_eq!(alice.leaves(), (0, String::new()));
    assert_eq!(bot.ends(), Some(0));
}

#[test]
fn a_faulty_script_is_shown_with_its_place_and_the_others_run() {
    let folder = folder(&[("good.rhai", &answering("pong")), ("bad.rhai", "fn on_message(msg) { let x = ; }")]);
    let bot = Bot::start(folder.path(), &[]);
    bot.logs("bad.rhai:1:30");
    bot.logs("good is live: on_message");
    let url = bot.url();
    bot.logs("logged in");
    let mut alice = Person::chats(&url, &[]);
    alice.types("ping");
    alice.sees("bot: pong");
    assert_eq!(alice.leaves().0, 0);
    assert_eq!(bot.ends(), Some(0));

    let strict = hotline(folder.path(), &["run", "--strict"]);
    assert_eq!(strict.status, 1);
    assert!(strict.err.contains("bad.rhai:1:30") && strict.err.contains("--strict"), "{}", strict.err);
}

#[test]
fn what_cannot_be_run_is_one_clear_message() {
    let empty = tempfile::tempdir().expect("a folder");
    for (arguments, expected) in [
        (&[][..], "hotline: there is no script or folder scripts; create it"),
        (&["run", "missing.rhai"], "hotline: there is no script or folder missing.rhai; create it"),
    ] {
        let outcome = hotline(empty.path(), arguments);
        assert_eq!((outcome.status, outcome.out.as_str()), (2, ""));
        assert!(outcome.err.lines().any(|line| line.starts_with(expected)), "{}", outcome.err);
    }
}

#[test]
fn two_processes_do_not_share_a_data_folder() {
    let folder = folder(&[("auto_reply.rhai", &answering("pong"))]);
    let bot = Bot::start(folder.path(), &[]);
    bot.logs("logged in");
    let second = hotline(folder.path(), &["run"]);
    assert_eq!(second.status, 1);
    assert!(second.err.contains("hotline: the data folder data is in use"), "{}", second.err);
    assert_eq!(bot.ends(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_a_configuration_is_served() {
    let sandbox = sandbox().await;
    let folder = folder(&[("auto_reply.rhai", &answering("pong")), ("other.rhai", &answering("never"))]);
    let configuration = format!(
        "workers = 1\npacing = \"off\"\n\
         [[session]]\ngateway = \"{}\"\nemail = \"bot@sandbox.test\"\npassword = \"${{HOTLINE_TEST_PASSWORD}}\"\n\
         scripts = [\"auto_reply\"]\n",
        sandbox.url()
    );
    fs::write(folder.path().join("hotline.toml"), configuration).expect("the folder is writable");
    let path = folder.path().to_owned();
    let work = tokio::task::spawn_blocking(move || {
        // The password comes from the environment of the bot alone.
        let start = |password: &str| {
            let mut run = command(&path, &["run"]);
            run.env("HOTLINE_TEST_PASSWORD", password);
            run
        };
        let refused = crate::cli::Outcome::from(start("open sesame").output().expect("the binary starts"));
        assert_eq!(refused.status, 1);
        assert!(refused.err.contains("hotline: session main: the login was refused: AUTHENTICATION_FAILED"));
        assert!(!refused.err.contains("sesame"), "no secret is shown: {}", refused.err);

        let bot = Bot::of(start("sandbox"));
        bot.logs("logged in");
        bot
    });
    let bot = work.await.expect("it logs in");
    let url = sandbox.url();
    let talk = tokio::task::spawn_blocking(move || {
        let mut alice = Person::chats(&url, &[]);
        alice.types("ping");
        alice.sees("bot: pong");
        assert_eq!(alice.leaves(), (0, String::new()));
        assert_eq!(bot.ends(), Some(0));
    });
    talk.await.expect("the bot answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_wait_for_their_turn_are_listed_with_the_reason_and_logged_once() {
    let sandbox = sandbox().await;
    let folder = folder(&[("twice.rhai", "fn on_message(msg) { msg.reply(\"one\"); msg.reply(\"two\"); }")]);
    let configuration = format!(
        "pacing = {{ text = \"1/h\" }}\n[[session]]\ngateway = \"{}\"\nemail = \"bot@sandbox.test\"\npassword = \"sandbox\"\n",
        sandbox.url()
    );
    fs::write(folder.path().join("hotline.toml"), configuration).expect("the folder is writable");
    let bot = Bot::start(folder.path(), &["run", "--console", "off"]);
    bot.logs("logged in");
    bot.has_not_logged("has no effect yet");
    let mut alice = Person::chats(&sandbox.url(), &[]);
    alice.types("go");
    alice.sees("bot: one");
    bot.logs("scripts send faster than its pacing: calls wait for their turn");
    crate::cli::live::until(async || {
        let outcome = hotline(folder.path(), &["runs"]);
        outcome.out.contains("waits in SendText: paced").then_some(())
    })
    .await;
    assert_eq!(alice.leaves().0, 0);
    assert_eq!(bot.ends(), Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn as_many_files_as_the_system_allows_may_be_open_and_too_few_are_said() {
    let folder = folder(&[("bot.rhai", "fn on_start() { log_info(\"hello\"); }")]);
    let run = |limits: &str| {
        let mut shell = std::process::Command::new("sh");
        let run = format!(
            "{limits} && exec {} run --gateway ws://127.0.0.1:1 --email a@b --password p",
            env!("CARGO_BIN_EXE_hotline")
        );
        shell.args(["-c", &run]);
        Bot::of(crate::cli::within(shell, folder.path()))
    };
    let bot = run("ulimit -n 50");
    bot.logs("the system lets this process have 50 files and connections open, and its sessions (1) need about 66: ");
    bot.ends();
    let bot = run("ulimit -Sn 50 && ulimit -Hn 500");
    bot.logs("cannot connect");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", bot.id())).expect("it runs");
    let open = limits.lines().find(|line| line.starts_with("Max open files")).expect("there is a limit");
    assert_eq!(open.split_whitespace().skip(3).take(2).collect::<Vec<_>>(), ["500", "500"]);
    bot.ends();
}

#[test]
fn the_start_says_where_times_are_read_and_written() {
    let folder = folder(&[("bot.rhai", &answering("pong"))]);
    let run = |zone: &str| {
        let mut command = command(folder.path(), &["run"]);
        command.env("TZ", zone);
        Bot::of(command)
    };
    let bot = run("Asia/Tokyo");
    bot.logs("INFO times are those of the system: Asia/Tokyo");
    bot.ends();
    let bot = run("Nowhere/Land");
    bot.logs(
        "WARN times are those of UTC, since the system has no time zone; `timezone = \"Asia/Tokyo\"` in the configuration sets one",
    );
    bot.ends();
    fs::write(folder.path().join("hotline.toml"), "timezone = \"Europe/Berlin\"\n").expect("the folder is writable");
    let bot = run("Nowhere/Land");
    bot.logs("INFO times are those of Europe/Berlin");
    bot.ends();
}
