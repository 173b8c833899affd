//! The bots that are measured, each a process of its own, and how they are started. What they do for a message is the same.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::Context;
use clap::ValueEnum;

use crate::gateway::{Conduct, Gateway};
use crate::measure;

/// What a person reads of the project, and the ten-line bot in it.
const README: &str = include_str!("../../README.md");

/// A bot.
pub(crate) enum Bot {
    /// The one that is written in Rust for this job alone.
    HardCoded,
    /// The engine.
    Engine {
        /// What it runs.
        script: Script,
        /// How much it records.
        journal: String,
    },
    /// One of another language.
    Peer(Peer),
}

/// What the engine runs.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Script {
    /// The same bot as the hard-coded one
    Ping,
    /// The README's ten lines
    Readme,
    /// One that looks at what came of its reply
    Awaits,
    /// One that asks a question and waits.
    #[value(skip)]
    Asks,
    /// One that sleeps.
    #[value(skip)]
    Sleeps,
}

/// A bot of another language.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Peer {
    /// A handler in Lua, run by LuaJIT in a Rust program
    Mlua,
    /// Node and its `ws`
    Node,
}

/// A running bot; it is ended when it is not needed any more.
pub(crate) struct Running {
    /// Its process.
    pub(crate) process: Child,
    /// Where it runs; a bot of the engine has its data here.
    pub(crate) folder: PathBuf,
}

/// Starts a bot at a gateway of its own, and does something with both.
pub(crate) fn with<T>(
    bot: &Bot,
    engine: &Path,
    sessions: usize,
    conduct: Conduct,
    act: impl AsyncFnOnce(&Gateway, &mut Running) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let folder = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    let outcome = local.block_on(&runtime, async {
        let gateway = Gateway::open(sessions, conduct).await?;
        let process = bot.start(engine, &gateway.url, sessions, folder.path())?;
        let mut running = Running { process, folder: folder.path().to_owned() };
        measure::pin(running.process.id(), 1);
        gateway.until_logged_in(&mut running.process).await?;
        act(&gateway, &mut running).await
    });
    outcome.with_context(|| format!("{}: {}", bot.name(), log_of(folder.path())))
}

impl Bot {
    /// How the tables call it.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::HardCoded => "hard-coded".to_owned(),
            Self::Engine { script: Script::Ping, journal } => format!("hotline, journal {journal}"),
            Self::Engine { script, journal } => format!("hotline, {}, journal {journal}", script.name()),
            Self::Peer(Peer::Mlua) => "LuaJIT (mlua)".to_owned(),
            Self::Peer(Peer::Node) => "Node (ws)".to_owned(),
        }
    }

    /// Whether it takes `ping 7` for a ping.
    pub(crate) fn takes_numbers(&self) -> bool {
        !matches!(self, Self::Engine { script: Script::Readme, .. })
    }

    fn start(&self, engine: &Path, url: &str, sessions: usize, folder: &Path) -> anyhow::Result<Child> {
        let mut command = match self {
            Self::HardCoded => {
                let mut command = Command::new(std::env::current_exe()?);
                command.args(["--bot", url, "--sessions", &sessions.to_string()]);
                command
            }
            Self::Engine { script, journal } => {
                configure(*script, journal, url, sessions, folder)?;
                let mut command = Command::new(engine);
                command.args(["run", "--config", "hotline.toml"]).env("RUST_LOG", "warn");
                command
            }
            Self::Peer(peer) => {
                let mut command = peer.command();
                command.args([url, &sessions.to_string()]);
                command
            }
        };
        let log = std::fs::File::create(folder.join("log"))?;
        command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        command.spawn().with_context(|| format!("{} does not start", command.get_program().display()))
    }
}

impl Script {
    /// How the command line and the tables call it.
    fn name(self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::Readme => "readme",
            Self::Awaits => "awaits",
            Self::Asks => "asks",
            Self::Sleeps => "sleeps",
        }
    }

    fn text(self) -> anyhow::Result<String> {
        let handler = match self {
            Self::Readme => {
                let (_, block) = README.split_once("```rhai\n").context("the README has no script")?;
                let (script, _) = block.split_once("```").context("the README's script has no end")?;
                return Ok(script.to_owned());
            }
            Self::Ping => "if msg.text.starts_with(\"ping\") { msg.reply(`pong: ${msg.text}`); }",
            Self::Awaits => {
                "if msg.text.starts_with(\"ping\") {
                     let sent = msg.reply(`pong: ${msg.text}`);
                     if sent.id == \"\" { throw \"it has no id\"; }
                 }"
            }
            Self::Asks => "msg.ask(\"What would you like?\", #{ timeout: \"1h\" });",
            // What it says first tells that it is there.
            Self::Sleeps => "msg.reply(\"pong\"); sleep(\"1h\");",
        };
        Ok(format!("fn on_message(msg) {{\n    {handler}\n}}\n"))
    }
}

impl Peer {
    /// What has to be done before it can be run, where that is not done yet.
    pub(crate) fn missing(self) -> Option<String> {
        let here = |program: &str, argument: &str| {
            Command::new(program).arg(argument).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
        };
        match self {
            Self::Mlua if !lua().exists() => Some(format!(
                "{} is not built: cargo build --release --locked --manifest-path benches/round_trip/peers/lua/Cargo.toml --target-dir target/peers",
                lua().display()
            )),
            Self::Node if !here("node", "--version") => Some("node is not installed".to_owned()),
            Self::Node if !node().join("node_modules/ws").exists() => {
                Some("its packages are not installed: npm ci --prefix benches/round_trip/peers/node".to_owned())
            }
            Self::Mlua | Self::Node => None,
        }
    }

    fn command(self) -> Command {
        match self {
            Self::Mlua => Command::new(lua()),
            Self::Node => {
                let mut command = Command::new("node");
                command.arg(node().join("bot.mjs"));
                command
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn lua() -> PathBuf {
    let program = format!("target/peers/release/round-trip-peer{}", std::env::consts::EXE_SUFFIX);
    Path::new(env!("CARGO_MANIFEST_DIR")).join(program)
}

fn node() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/round_trip/peers/node")
}

/// Writes the engine's script and its configuration, with one worker.
fn configure(script: Script, journal: &str, url: &str, sessions: usize, folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir(folder.join("scripts"))?;
    std::fs::write(folder.join("scripts/bot.rhai"), script.text()?)?;
    let mut configuration =
        format!("workers = 1\npacing = \"off\"\njournal = \"{journal}\"\n[console]\nlisten = \"off\"\n");
    for session in 0..sessions {
        let _ = write!(
            configuration,
            "[[session]]\nname = \"s{session}\"\ngateway = \"{url}\"\nemail = \"bot{session}@bench.test\"\npassword = \"-\"\n"
        );
    }
    std::fs::write(folder.join("hotline.toml"), configuration)?;
    Ok(())
}

/// The end of what a bot logged, for an error message.
fn log_of(folder: &Path) -> String {
    let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
    let lines: Vec<_> = log.lines().collect();
    format!("the bot's log ends with:\n{}\n", lines[lines.len().saturating_sub(20)..].join("\n"))
}
