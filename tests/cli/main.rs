//! The command line, driven as a user drives it: the real binary, its output and its exit status.

mod changes;
mod ending;
mod fresh;
mod hostile;
mod live;
mod person;
mod prompts;
mod run;
#[path = "../support/sandbox.rs"]
mod sandbox;
mod usage;
mod web;
#[path = "../support/wire.rs"]
mod wire;

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a call of the binary left behind.
struct Outcome {
    status: i32,
    out: String,
    err: String,
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().expect("it ended by itself"),
            out: String::from_utf8(output.stdout).expect("standard output is text"),
            err: String::from_utf8(output.stderr).expect("standard error is text"),
        }
    }
}

/// The binary, in a folder, without the log settings of whoever runs the tests.
fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hotline"));
    command.args(arguments);
    within(command, folder)
}

/// A command that runs the binary in a folder.
fn within(mut command: Command, folder: &Path) -> Command {
    command.current_dir(folder).env_remove("RUST_LOG").stdin(Stdio::null());
    wire::written_by(&mut command);
    command
}

/// Runs the binary to its end.
fn hotline(folder: &Path, arguments: &[&str]) -> Outcome {
    let output = command(folder, arguments).output().expect("the binary starts");
    wire::check_frames();
    output.into()
}

/// Runs the binary to its end in a folder that is empty.
fn hotline_anywhere(arguments: &[&str]) -> Outcome {
    hotline(tempfile::tempdir().expect("a folder").path(), arguments)
}
