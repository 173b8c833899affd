//! The prompt in a real terminal: `hotline` alone, driven by tmux, which CI installs.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use crate::{system, wire};

/// A terminal with a server of its own, which ends with the test.
struct Terminal {
    socket: String,
}

impl Terminal {
    /// Runs a shell command in a new terminal of 100 by 40.
    fn run(name: &str, folder: &Path, shell: &str) -> Self {
        let terminal = Self { socket: format!("hotline-{name}-{}", std::process::id()) };
        let folder = folder.to_str().expect("a path that is text");
        let size = ["-x", "100", "-y", "40"];
        let started = terminal.tmux(&[&["new-session", "-d", "-c", folder], &size[..], &[shell]].concat());
        assert!(started.status.success(), "{started:?}");
        terminal
    }

    fn tmux(&self, arguments: &[&str]) -> Output {
        let mut tmux = Command::new("tmux");
        wire::written_by(&mut tmux);
        tmux.args(["-L", &self.socket, "-f", "/dev/null"]).args(arguments).output().expect("tmux is installed")
    }

    /// Presses keys, all at once as a paste does.
    fn types(&self, keys: &[&str]) {
        assert!(self.tmux(&[&["send-keys"], keys].concat()).status.success());
    }

    fn screen(&self) -> String {
        String::from_utf8(self.tmux(&["capture-pane", "-p"]).stdout).expect("a screen is text")
    }

    /// Waits until these lines stand one below the other.
    fn shows(&self, lines: &[&str]) {
        let wanted = lines.join("\n");
        let deadline = Instant::now() + Duration::from_secs(20);
        while !self.screen().contains(&wanted) {
            assert!(Instant::now() < deadline, "expected\n{wanted}\non the screen:\n{}", self.screen());
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
        if !thread::panicking() {
            wire::check_frames();
        }
    }
}

/// A folder with a bot that answers, and the shell command that runs it and tells how it ended.
fn bot() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("scripts")).expect("the folder is writable");
    let script =
        "fn on_message(msg) {\n    msg.reply(if msg.text == \"ping\" { \"pong\" } else { `not ${msg.text}` });\n}\n";
    fs::write(folder.path().join("scripts/auto_reply.rhai"), script).expect("the folder is writable");
    let binary = env!("CARGO_BIN_EXE_hotline");
    (folder, format!("{binary}; echo \"status $?\"; stty -a | grep -o '[ -]icanon'; exec sleep 600"))
}

#[test]
fn a_person_types_and_reads_in_one_terminal() {
    if !system::is_there("tmux and pkill") {
        return;
    }
    let (folder, shell) = bot();
    let terminal = Terminal::run("talk", folder.path(), &shell);
    terminal
        .shows(&["You are alice, and this is your chat with bot. Type a message, /help for more, Ctrl-D to leave."]);
    terminal.types(&["ping", "Enter"]);
    terminal.shows(&["alice> ping", "bot: pong", "alice>"]);
    // What arrives while a line is being typed stands above it, and the line stays as it is.
    terminal.types(&["half a li"]);
    terminal.shows(&["alice> half a li"]);
    let script = folder.path().join("scripts/auto_reply.rhai");
    fs::write(script, "fn on_message(msg) { msg.reply(`now ${msg.text}`); }\n").expect("the folder is writable");
    terminal.shows(&["generation=2", "alice> half a li"]);
    terminal.types(&["ne", "Enter", "and more", "Enter"]);
    terminal.shows(&["bot: now half a line"]);
    terminal.shows(&["bot: now and more"]);
    // A name that nobody has keeps the next lines from whomever one wanted to turn away from.
    terminal.types(&["/to bobb", "Enter"]);
    terminal.shows(&["! nobody here is named \"bobb\"; did you mean \"bob\"?", "alice to nobody>"]);
    terminal.types(&["secret", "Enter"]);
    terminal.shows(&["! nobody was found to write to, so nothing is sent: /to NAME, or /to alone", "alice to nobody>"]);
    terminal.types(&["/to bob", "Enter"]);
    terminal.shows(&["alice to bob>"]);
    terminal.types(&["C-d"]);
    terminal.shows(&["status 0", " icanon"]);
}

#[test]
fn a_signal_leaves_the_terminal_as_it_was() {
    if !system::is_there("tmux and pkill") {
        return;
    }
    let (folder, shell) = bot();
    let terminal = Terminal::run("signal", folder.path(), &format!("echo $$ > shell; {shell}"));
    terminal.shows(&["alice>"]);
    terminal.types(&["half a li"]);
    terminal.shows(&["alice> half a li"]);
    let shell = fs::read_to_string(folder.path().join("shell")).expect("the shell's process id");
    let killed = Command::new("pkill").args(["-TERM", "-P", shell.trim()]).status().expect("there is pkill");
    assert!(killed.success());
    terminal.shows(&["status 0", " icanon"]);
}
