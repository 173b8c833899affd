//! `hotline run`: the scripts against live sessions. How they run is the host's business.

use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::blocking::Asked;
use super::exit::Exit;
use super::{account, chat, frames};
use crate::access::Access;
use crate::clock::Clock;
use crate::host::config::{Config, Session};
use crate::host::{self, Host, RunOptions, report};
use crate::language::diagnostic::plain_card;
use crate::sandbox::{self, Sandbox, SandboxConfig, SandboxStartError};
use crate::session::{Credentials, Ended, MediaMode, Pacing, Secret};

/// The arguments of `run`.
#[derive(Debug, Default, clap::Args)]
pub(super) struct RunArgs {
    /// Scripts, and folders of scripts [default: scripts/]
    #[arg(value_name = "SCRIPT or FOLDER")]
    scripts: Vec<PathBuf>,

    /// Where everything durable lives [default: data]
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,

    /// Where the console listens [default: 127.0.0.1:8765]
    #[arg(long, value_name = "ADDR|off", value_parser = parse_console)]
    console: Option<Console>,

    /// Do not start with a faulty script
    #[arg(long)]
    strict: bool,

    /// Send nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    account: account::SessionFlags,
}

/// What `--console` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Console {
    Off,
    Listen(SocketAddr),
}

fn parse_console(text: &str) -> Result<Console, String> {
    match text {
        "off" => Ok(Console::Off),
        address => address
            .parse()
            .map(Console::Listen)
            .map_err(|_| "expected an address such as 127.0.0.1:8765, or off".to_owned()),
    }
}

impl RunArgs {
    pub(super) fn run(self) -> Result<(), Exit> {
        let given = self.account.configuration()?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let outcome = runtime.block_on(self.serve(given));
        // Whoever asked a second time is not kept waiting for the threads that are still being stopped.
        runtime.shutdown_background();
        outcome
    }

    async fn serve(self, given: Option<Config>) -> Result<(), Exit> {
        let mut asked = Asked::listen()?;
        let clock = Clock::system();
        let mut config = given.unwrap_or_else(|| Config::without_file(Path::new("")));
        // A configuration that names no account yet is tried out like none at all, by its own scripts and limits.
        let sandbox =
            if config.sessions.is_empty() { Some(start_sandbox(&clock, &config.access).await?) } else { None };
        let followed = Some(config.clone()).filter(|config| config.file.is_some() && sandbox.is_none());
        if let Some(sandbox) = &sandbox {
            config.sessions.push(demo(&sandbox.url())?);
            config.pacing = Pacing::Off;
        }
        if !self.scripts.is_empty() {
            config.scripts = self.scripts;
        }
        if let Some(data) = self.data {
            config.data = data;
        }
        if let Some(Console::Listen(_)) = self.console {
            tracing::warn!("--console has no effect yet");
        }
        let options = RunOptions { config, strict: self.strict, dry_run: self.dry_run, clock };
        let mut host = Host::start(options).await.map_err(|error| match error {
            host::StartError::Missing(_) => {
                Exit::usage(anyhow::anyhow!("{error}; `hotline new FOLDER` makes a bot to start from"))
            }
            other => other.into(),
        })?;
        announce(&host);
        if let Some(config) = followed {
            host.follow(config)?;
        }
        let mut chat = ChatTerminal::beside(sandbox.as_ref());
        let outcome = tokio::select! {
            () = asked.wait() => {
                tracing::info!("stopping: runs may finish or park; ask again to end at once");
                Ok(())
            }
            ends = host.over() => refused(ends),
            outcome = chat.over() => outcome,
        };
        let stopping = async {
            chat.stop().await;
            let stopped = host.stop().await;
            if let Some(sandbox) = sandbox {
                sandbox.stop().await;
            }
            stopped
        };
        tokio::select! {
            stopped = stopping => {
                stopped.context("what happened last is not recorded")?;
                tracing::info!("stopped");
            }
            () = asked.again() => return Err(Exit::Failed(anyhow::anyhow!("ended at once, as asked: runs were cut off"))),
        }
        outcome
    }
}

/// Starts the embedded sandbox where it is expected, or on a free port where that one is taken.
async fn start_sandbox(clock: &Clock, access: &Access) -> Result<Sandbox, SandboxStartError> {
    let (clock, access) = (clock.clone(), access.clone());
    let config = SandboxConfig { clock, access, tap: frames::tap(), ..SandboxConfig::default() };
    match Sandbox::start(config.clone()).await {
        Err(SandboxStartError::Listen { address, cause }) if cause.kind() == io::ErrorKind::AddrInUse => {
            let listen = SocketAddr::new(address.ip(), 0);
            let sandbox = Sandbox::start(SandboxConfig { listen, ..config }).await?;
            tracing::warn!("{address} is taken: the embedded sandbox listens on {} instead", sandbox.addr());
            Ok(sandbox)
        }
        outcome => outcome,
    }
}

/// The session of the embedded sandbox's demo bot. Files are uploaded: by path the sandbox reads only its own folder.
fn demo(gateway: &str) -> anyhow::Result<Session> {
    let login = Credentials::Email {
        email: format!("bot@{}", sandbox::DEMO_DOMAIN),
        password: Secret::new(sandbox::DEMO_PASSWORD),
    };
    Ok(Session { media: MediaMode::Upload, ..account::by_flags(gateway, login)? })
}

/// Says in a few lines what runs where, and what to type.
fn announce(host: &Host) {
    for fault in host.faults() {
        let headline = format!("{} does not load: nothing of it is live", fault.file);
        tracing::error!(card = plain_card(fault), headline, "{fault}");
    }
    for script in host.scripts().iter().filter(|script| script.live.is_some()) {
        match script.is_called() {
            true => tracing::info!("{} is live: {}", script.name, script.hook_names()),
            false => tracing::warn!("{} is live: {}", script.name, script.hook_names()),
        }
    }
    report(host.findings());
    if let Some(owner) = host.owner() {
        let by = owner.session.as_ref().map_or("any session that is up".to_owned(), |name| format!("session {name}"));
        tracing::info!("troubles are told to the owner, {}, through {by}", owner.mid);
    }
    if host.scripts().iter().all(|script| script.live.is_none()) {
        tracing::warn!("no script is live; save one as *.rhai and it will be");
    }
}

/// The chat with the demo bot in this terminal, where there are both.
struct ChatTerminal {
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<Result<(), Exit>>>,
}

impl ChatTerminal {
    /// Opens it, or says how to chat from another terminal.
    fn beside(sandbox: Option<&Sandbox>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let Some(sandbox) = sandbox else { return Self { stop, task: None } };
        tracing::info!("the embedded sandbox listens on {}", sandbox.url());
        if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
            let elsewhere = sandbox.addr() != sandbox::DEFAULT_LISTEN;
            let gateway = if elsewhere { format!(" --gateway {}", sandbox.url()) } else { String::new() };
            tracing::info!("talk to the bot in another terminal: hotline chat{gateway}");
            return Self { stop, task: None };
        }
        let options = chat::ChatOptions::demo(sandbox.url(), chat::DEFAULT_PERSON);
        Self { stop, task: Some(tokio::task::spawn_blocking(|| chat::run(options, stopped))) }
    }

    /// Waits until the person ends it; without a chat, for ever.
    async fn over(&mut self) -> Result<(), Exit> {
        match &mut self.task {
            Some(task) => {
                let outcome = task.await;
                self.task = None;
                outcome.map_err(anyhow::Error::from)?
            }
            None => std::future::pending().await,
        }
    }

    async fn stop(self) {
        let Some(task) = self.task else { return };
        self.stop.send_replace(true);
        // How it ended matters no more.
        let _ = task.await;
    }
}

fn refused(ends: Vec<(String, Ended)>) -> Result<(), Exit> {
    let refusals: Vec<_> = ends
        .into_iter()
        .filter_map(|(name, end)| match end {
            Ended::Refused(failure) => Some(format!("session {name}: the login was refused: {failure}")),
            Ended::Unusable(reason) => Some(format!("session {name}: {reason}")),
            Ended::Stopped => None,
        })
        .collect();
    if refusals.is_empty() { Ok(()) } else { Err(Exit::Failed(anyhow::anyhow!(refusals.join("; ")))) }
}
