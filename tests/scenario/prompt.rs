//! `hotline repl`, at a terminal and behind a pipe.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use tempfile::TempDir;

use crate::scenario::sandbox::sandbox;

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// The prompt on a pseudo-terminal.
struct Terminal {
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    /// What was shown and not yet expected.
    shown: String,
    program: Child,
    _home: TempDir,
}

impl Terminal {
    fn open(arguments: &[&str]) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
        grantpt(&master).expect("it is ours");
        unlockpt(&master).expect("it opens");
        tcsetwinsize(&master, Winsize { ws_row: 40, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 }).expect("a size");
        let name = ptsname(&master, Vec::new()).expect("a name").into_string().expect("text");
        let slave = OpenOptions::new().read(true).write(true).open(name).expect("the other end");
        let again = || Stdio::from(slave.try_clone().expect("another handle"));
        let program = crate::wire::written_by(&mut Command::new(env!("CARGO_BIN_EXE_hotline")))
            .arg("repl")
            .args(arguments)
            .current_dir(home.path())
            .env("HOME", home.path())
            .env("TERM", "xterm")
            .env("NO_COLOR", "1")
            .env_remove("XDG_STATE_HOME")
            .env_remove("RUST_LOG")
            .stdin(again())
            .stdout(again())
            .stderr(again())
            .spawn()
            .expect("the binary starts");
        let keyboard = File::from(master);
        let mut reading = keyboard.try_clone().expect("another handle");
        let (sender, screen) = mpsc::channel();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = reading.read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { keyboard, screen, shown: String::new(), program, _home: home }
    }

    fn type_keys(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("the terminal takes keys");
    }

    /// Waits until a text is shown, and takes everything up to its end away.
    fn expects(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let plain = without_escapes(&self.shown);
            if let Some(index) = plain.find(text) {
                self.shown = plain[index + text.len()..].to_owned();
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.screen.recv_timeout(left) {
                Ok(bytes) => self.shown.push_str(&String::from_utf8_lossy(&bytes)),
                Err(_) => panic!("{text:?} is not shown, but this:\n{plain}"),
            }
        }
    }

    /// Types a line at the prompt and waits for what it shows.
    fn answers(&mut self, line: &str, expected: &str) {
        self.type_keys(&format!("{line}\r"));
        self.expects(expected);
        self.expects("> ");
    }

    fn interrupts(&self) {
        let pid = Pid::from_child(&self.program);
        kill_process(pid, Signal::INT).expect("it runs");
    }

    /// Waits for the end and gives the exit status.
    fn ends(mut self) -> i32 {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.program.try_wait().expect("it can be waited for") {
                return status.code().expect("it ended by itself");
            }
            // The terminal has to be read, or the program cannot write.
            if let Ok(bytes) = self.screen.recv_timeout(Duration::from_millis(20)) {
                self.shown.push_str(&String::from_utf8_lossy(&bytes));
            }
        }
        self.program.kill().expect("it runs");
        panic!("the prompt does not end; it shows:\n{}", without_escapes(&self.shown));
    }
}

/// The text without what moves the cursor and sets modes.
fn without_escapes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\x1b' => {
                if letters.next() == Some('[') {
                    for letter in letters.by_ref() {
                        if letter.is_ascii_alphabetic() {
                            break;
                        }
                    }
                }
            }
            '\r' => {}
            letter => plain.push(letter),
        }
    }
    plain
}

#[test]
fn lines_are_evaluated_on_the_session_and_what_they_define_stays() {
    let mut terminal = Terminal::open(&[]);
    terminal.expects("hotline chat --gateway ws://127.0.0.1:");
    terminal.expects("> ");
    terminal.answers("1 + 2", "\n3");
    terminal.answers("let who = get_profile()", "");
    terminal.answers("who.displayName", "\n\"bot\"");
    terminal.answers("fn twice(n) { n * 2 }", "");
    terminal.answers("twice(21)", "\n42");
    terminal.answers("import \"std/words\" as words;", "");
    terminal.answers("words::number(\"no 7\")", "\n7");
    terminal.answers(":sessions", "main: live (bot, u");
    terminal.answers(":help", ":quit");
    terminal.answers(":quti", "there is no :quti; did you mean :quit?");
    terminal.type_keys(":quit\r");
    assert_eq!(terminal.ends(), 0);
}

#[test]
fn open_brackets_go_on_and_tab_completes_from_the_registry() {
    let mut terminal = Terminal::open(&[]);
    terminal.expects("> ");
    terminal.type_keys("fn sum(a, b) {\ra + b\r}\r");
    terminal.expects("> ");
    terminal.answers("sum(40,\r2)", "\n42");
    terminal.answers("get_prof\t).displayName", "\n\"bot\"");
    terminal.answers(":se\t", "main: live");
    terminal.type_keys("\x04");
    assert_eq!(terminal.ends(), 0);
}

#[test]
fn a_mistake_is_marked_and_the_prompt_goes_on() {
    let mut terminal = Terminal::open(&[]);
    terminal.expects("> ");
    terminal.answers("1 + nothing", "1 | 1 + nothing\n  |     ^^^^^^^");
    terminal.answers("send_text(\"nobody\", \"x\")", "^^^^^^^^^");
    terminal.answers("throw \"by hand\"", "^^^^^");
    terminal.answers("loop { }", "1 | loop { }");
    // A function that was typed before is marked where it stands, and a text that is not closed is no open end.
    terminal.answers("fn late() { nothing_so() }", "");
    terminal.answers("late()", "--> prompt:5:1:13\n  |\n1 | fn late() { nothing_so() }");
    terminal.answers("print(\"half)", "does not end on its line");
    terminal.answers("2 + 2", "\n4");
    terminal.type_keys("\x04");
    assert_eq!(terminal.ends(), 0);
}

#[test]
fn events_are_shown_as_they_come_also_while_a_line_waits_and_ctrl_c_gives_it_up() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let sandbox = runtime.block_on(sandbox());
    let url = sandbox.url();
    let mut terminal = Terminal::open(&["--gateway", &url, "--email", "bot@sandbox.test", "--password", "sandbox"]);
    terminal.expects("> ");
    terminal.answers("get_profile().displayName", "\n\"bot\"");
    let control = sandbox.control();
    control.say("alice", "bot", "psst").expect("it is said");
    terminal.expects("← RECEIVE_MESSAGE ");
    terminal.expects("\"psst\"");
    terminal.type_keys("log_warn(\"begun\"); sleep(\"1h\")\r");
    terminal.expects("begun");
    // The first one is the line as it was typed.
    terminal.expects("begun");
    control.say("alice", "bot", "still here?").expect("it is said");
    terminal.expects("still here?");
    terminal.interrupts();
    terminal.expects("given up");
    terminal.answers(":events off", "events are not shown");
    terminal.answers("6 * 7", "\n42");
    terminal.type_keys("\x04");
    assert_eq!(terminal.ends(), 0);
    runtime.block_on(sandbox.stop());
}

#[test]
fn behind_a_pipe_results_alone_are_printed_and_a_failure_gives_status_one() {
    let run = |input: &str| {
        let home = tempfile::tempdir().expect("a folder");
        let mut program = crate::wire::written_by(&mut Command::new(env!("CARGO_BIN_EXE_hotline")))
            .arg("repl")
            .current_dir(home.path())
            .env("RUST_LOG", "error")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        program.stdin.take().expect("its input").write_all(input.as_bytes()).expect("it reads");
        let output = program.wait_with_output().expect("it ends");
        crate::wire::check_frames();
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (status, out, err) = run("let a = [1,\n  2];\na\n\nget_profile().displayName\n");
    assert_eq!((status, out.as_str(), err.as_str()), (Some(0), "[1, 2]\n\"bot\"\n", ""));
    let (status, out, err) = run("send_txt(1)\n5\n");
    assert_eq!((status, out.as_str()), (Some(1), "5\n"));
    assert!(
        err.contains("1 | send_txt(1)\n  | ^^^^^^^^\n") && err.contains("did you mean `send_text(to, content)`?"),
        "{err}"
    );
}

#[test]
fn a_refused_login_ends_the_prompt() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let sandbox = runtime.block_on(sandbox());
    let url = sandbox.url();
    let mut terminal = Terminal::open(&["--gateway", &url, "--email", "bot@sandbox.test", "--password", "wrong"]);
    terminal.expects("the login was refused");
    assert_eq!(terminal.ends(), 1);
}

#[test]
fn a_configuration_without_an_account_is_tried_out_in_the_sandbox() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("scripts")).expect("a folder");
    std::fs::write(folder.path().join("hotline.toml"), "scripts = [\"scripts\"]\n").expect("a file");
    let mut program = Command::new(env!("CARGO_BIN_EXE_hotline"))
        .arg("repl")
        .current_dir(folder.path())
        .env("RUST_LOG", "error")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let lines = b":functions send_text\n:functions to_upper\n:functions sessions\nget_profile().displayName\n";
    program.stdin.take().expect("its input").write_all(lines).expect("it reads");
    let output = program.wait_with_output().expect("it ends");
    let out = String::from_utf8(output.stdout).expect("text");
    assert_eq!(
        out,
        "send_text(to, content)  Sends a text message.\nto_upper()\nsessions()  Every session.\n\"bot\"\n",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
