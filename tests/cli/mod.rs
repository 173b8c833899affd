//! The command line, driven as a user drives it: the real binary, its output and its exit status.

mod changes;
mod ending;
mod fresh;
mod hostile;
mod live;
mod person;
mod prompts;
mod run;
mod terminal;
mod usage;
mod web;

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::wire;

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
    let mut command = binary();
    command.args(arguments);
    within(command, folder)
}

/// The binary, which hears that its terminal closes also where whoever runs the tests does not, as under `nohup`.
fn binary() -> Command {
    let binary = env!("CARGO_BIN_EXE_hotline");
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // The lowest bit is that of the first signal, SIGHUP.
    if ignored.is_none_or(|mask| mask & 1 == 0) {
        return Command::new(binary);
    }
    let mut command = Command::new("env");
    command.args(["--default-signal=HUP", binary]);
    command
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
