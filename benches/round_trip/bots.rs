//! The bots that are measured, each a process of its own, and how they are started. What they do for a message is the same.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail};
use clap::ValueEnum;

use crate::gateway::{Conduct, Gateway};
use crate::measure;

/// What a person reads of the project, and the ten-line bot in it.
const README: &str = include_str!("../../README.md");

/// The processor time that the engine gives a run where nothing else is said.
pub(crate) const CPU: &str = "1s";

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

/// What the engine is started with.
pub(crate) struct Setup<'a> {
    /// Its worker threads.
    pub(crate) workers: usize,
    /// How much it records.
    pub(crate) journal: &'a str,
    /// The processor time of one run, such as [`CPU`].
    pub(crate) cpu: &'a str,
    /// The scripts, by their names.
    pub(crate) scripts: &'a [(&'a str, String)],
    /// The gateway's url and the script of each session.
    pub(crate) sessions: Vec<(&'a str, &'a str)>,
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
    apart(&bot.name(), async |folder| {
        let gateway = Gateway::open(sessions, conduct).await?;
        let mut running = Running::start(bot.command(engine, &gateway.url, sessions, folder)?, folder)?;
        measure::pin(running.process.id(), 1);
        gateway.until_logged_in(|| running.lives()).await?;
        act(&gateway, &mut running).await
    })
}

/// Does something with gateways and a bot that has a folder of its own; an error comes with the end of the bot's log.
pub(crate) fn apart<T>(bot: &str, act: impl AsyncFnOnce(&Path) -> anyhow::Result<T>) -> anyhow::Result<T> {
    let folder = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = tokio::task::LocalSet::new().block_on(&runtime, act(folder.path()));
    outcome.with_context(|| format!("{bot}: {}", log_of(folder.path())))
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

    /// What starts it.
    pub(crate) fn command(&self, engine: &Path, url: &str, sessions: usize, folder: &Path) -> anyhow::Result<Command> {
        Ok(match self {
            Self::HardCoded => {
                let mut command = Command::new(std::env::current_exe()?);
                command.args(["--bot", url, "--sessions", &sessions.to_string()]);
                command
            }
            Self::Engine { script, journal } => {
                let sessions = vec![(url, "bot"); sessions];
                Setup { workers: 1, journal, cpu: CPU, scripts: &[("bot", script.text()?)], sessions }
                    .command(engine, folder)?
            }
            Self::Peer(peer) => {
                let mut command = peer.command();
                command.args([url, &sessions.to_string()]);
                command
            }
        })
    }
}

impl Setup<'_> {
    /// Writes it into a folder, and gives the command that runs it there.
    pub(crate) fn command(&self, engine: &Path, folder: &Path) -> anyhow::Result<Command> {
        let Self { workers, journal, cpu, .. } = self;
        std::fs::create_dir(folder.join("scripts"))?;
        for (name, text) in self.scripts {
            std::fs::write(folder.join(format!("scripts/{name}.rhai")), text)?;
        }
        let mut configuration = format!(
            "workers = {workers}\npacing = \"off\"\njournal = \"{journal}\"\n[limits]\ncpu = \"{cpu}\"\n[console]\nlisten = \"off\"\n"
        );
        for (session, (url, script)) in self.sessions.iter().enumerate() {
            let _ = write!(
                configuration,
                "[[session]]\nname = \"s{session}\"\ngateway = \"{url}\"\nemail = \"bot{session}@bench.test\"\npassword = \"-\"\nscripts = [\"{script}\"]\n"
            );
        }
        std::fs::write(folder.join("hotline.toml"), configuration)?;
        let mut command = Command::new(engine);
        command.args(["run", "--config", "hotline.toml"]).env("RUST_LOG", "warn");
        Ok(command)
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

    /// Its source.
    pub(crate) fn text(self) -> anyhow::Result<String> {
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

impl Running {
    /// Starts a bot in a folder.
    pub(crate) fn start(mut command: Command, folder: &Path) -> anyhow::Result<Self> {
        let log = std::fs::File::options().create(true).append(true).open(folder.join("log"))?;
        command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let process = command.spawn();
        let process = process.with_context(|| format!("{} does not start", command.get_program().display()))?;
        Ok(Self { process, folder: folder.to_owned() })
    }

    /// Says so when it has ended by itself.
    pub(crate) fn lives(&mut self) -> anyhow::Result<()> {
        match self.process.try_wait()? {
            Some(status) => bail!("the bot ended with {status} before all sessions had logged in"),
            None => Ok(()),
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

/// The end of what a bot logged, for an error message.
fn log_of(folder: &Path) -> String {
    let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
    let lines: Vec<_> = log.lines().collect();
    format!("the bot's log ends with:\n{}\n", lines[lines.len().saturating_sub(20)..].join("\n"))
}
