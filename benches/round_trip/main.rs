//! The end-to-end benchmark: a message arrives, the bot answers, the answer is on the wire.
//!
//! `cargo bench --bench round_trip -- --sessions 100,1000 --seconds 10` runs two bots in turn against the same load
//! gateway: one that is hard-coded in Rust, and the engine (`hotline run`) with the same bot as a script. Each is a process
//! of its own with one thread at work; where there are two cores, the bot has one and the gateway the other.
//!
//! How fast a single part is (dispatch, parking, decoding) is not measured here.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod bot;
mod gateway;
mod measure;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Parser;
use measure::Figures;

/// Compares the engine with a hard-coded bot, end to end.
#[derive(Parser)]
struct Arguments {
    /// How many sessions, one run for each number
    #[arg(long, value_delimiter = ',', default_value = "100,1000")]
    sessions: Vec<usize>,
    /// How long each bot is measured
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How often the two bots take turns
    #[arg(long, default_value_t = 1)]
    rounds: usize,
    /// The engine
    #[arg(long, default_value = env!("CARGO_BIN_EXE_hotline"))]
    engine: PathBuf,
    /// How much the engine records: off, relaxed, strict; one run for each
    #[arg(long, value_delimiter = ',', default_value = "off")]
    journal: Vec<String>,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
    /// Be the hard-coded bot for the gateway at this url
    #[arg(long, hide = true)]
    bot: Option<String>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if let Some(url) = &arguments.bot {
        return bot::run(url, arguments.sessions.first().copied().unwrap_or(1));
    }
    let pinned = measure::pin(std::process::id(), 0);
    let cores =
        if pinned { "the bot on one core, the gateway on another" } else { "the cores shared by bot and gateway" };
    println!("{} messages outstanding per session, {} s each, {cores}\n", gateway::OUTSTANDING, arguments.seconds);
    println!("{}", Figures::HEAD);
    for &sessions in &arguments.sessions {
        for _ in 0..arguments.rounds.max(1) {
            let baseline = one(&arguments, sessions, |url, _| hard_coded(url, sessions))?;
            println!("{}", baseline.line("hard-coded"));
            for journal in &arguments.journal {
                let start = |url: &str, folder: &Path| run_engine(&arguments.engine, journal, url, sessions, folder);
                let engine = one(&arguments, sessions, start)?;
                println!("{}", engine.line(&format!("hotline, journal {journal}")));
                println!("{}", engine.against(&baseline));
            }
            println!();
        }
    }
    Ok(())
}

/// One bot for one number of sessions, started by `start` and ended afterwards.
fn one(
    arguments: &Arguments,
    sessions: usize,
    start: impl FnOnce(&str, &Path) -> anyhow::Result<Child>,
) -> anyhow::Result<Figures> {
    let folder = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let duration = Duration::from_secs(arguments.seconds);
    let local = tokio::task::LocalSet::new();
    let outcome = local.block_on(&runtime, async {
        let listener = gateway::Listener::bind().await?;
        let mut child = Running(start(&listener.url(), folder.path())?);
        measure::pin(child.0.id(), 1);
        listener.measure(sessions, duration, &mut child.0).await
    });
    let mut figures = outcome.with_context(|| log_of(folder.path()))?;
    figures.disk = measure::size_of(&folder.path().join("data"));
    Ok(figures)
}

/// A bot that is ended when it is not needed any more.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn hard_coded(url: &str, sessions: usize) -> anyhow::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--bot", url, "--sessions", &sessions.to_string()]);
    command.stdin(Stdio::null()).spawn().context("the hard-coded bot does not start")
}

fn run_engine(engine: &Path, journal: &str, url: &str, sessions: usize, folder: &Path) -> anyhow::Result<Child> {
    let script = "fn on_message(msg) {\n    if msg.text == \"ping\" { msg.reply(\"pong\"); }\n}\n";
    std::fs::create_dir(folder.join("scripts"))?;
    std::fs::write(folder.join("scripts/ping.rhai"), script)?;
    let mut configuration =
        format!("workers = 1\npacing = \"off\"\njournal = \"{journal}\"\n[console]\nlisten = \"off\"\n");
    for session in 0..sessions {
        let _ = write!(
            configuration,
            "[[session]]\nname = \"s{session}\"\ngateway = \"{url}\"\nemail = \"bot{session}@bench.test\"\npassword = \"-\"\n"
        );
    }
    std::fs::write(folder.join("hotline.toml"), configuration)?;
    let log = std::fs::File::create(folder.join("log"))?;
    if !engine.exists() {
        bail!("there is no engine at {}", engine.display());
    }
    let mut command = Command::new(engine);
    command.args(["run", "--config", "hotline.toml"]).current_dir(folder).env("RUST_LOG", "warn");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().context("the engine does not start")
}

/// The end of what the engine logged, for an error message.
fn log_of(folder: &Path) -> String {
    let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
    let lines: Vec<_> = log.lines().collect();
    format!("the bot's log ends with:\n{}\n", lines[lines.len().saturating_sub(20)..].join("\n"))
}
