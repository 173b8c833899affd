//! Someone who chats through two pipes.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc;

use crate::cli::{PATIENCE, command};

/// A person at the other end of two pipes.
pub(crate) struct Person {
    child: Child,
    input: Option<ChildStdin>,
    lines: mpsc::Receiver<String>,
}

impl Person {
    pub(crate) fn chats(url: &str, arguments: &[&str]) -> Self {
        Self::chats_in(&std::env::temp_dir(), &[&["--gateway", url], arguments].concat())
    }

    /// Chats with the bot of the configuration that lies in a folder.
    pub(crate) fn chats_in(folder: &Path, arguments: &[&str]) -> Self {
        let mut chat = command(folder, &["chat", "--wait", "500ms"]);
        chat.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = chat.spawn().expect("the binary starts");
        let (sender, lines) = mpsc::channel();
        let out = BufReader::new(child.stdout.take().expect("a pipe"));
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { input: child.stdin.take(), child, lines }
    }

    pub(crate) fn types(&mut self, line: &str) {
        let input = self.input.as_mut().expect("the input is open");
        writeln!(input, "{line}").expect("the chat reads");
    }

    pub(crate) fn sees(&self, expected: &str) {
        assert_eq!(self.lines.recv_timeout(PATIENCE).as_deref(), Ok(expected));
    }

    /// Ends the input and gives the exit status and what went to standard error.
    pub(crate) fn leaves(mut self) -> (i32, String) {
        drop(self.input.take());
        let output = self.child.wait_with_output().expect("it ends");
        crate::wire::check_frames();
        (output.status.code().expect("by itself"), String::from_utf8(output.stderr).expect("text"))
    }
}
