//! `hotline run`: the scripts against live sessions. How they run is the host's business.

use std::path::{Path, PathBuf};

use super::account;
use super::exit::Exit;
use crate::clock::Clock;
use crate::host::config::{Config, Login, Pacing, Secret};
use crate::host::{Host, Options};
use crate::sandbox::{self, Sandbox};
use crate::session::Ended;

/// The arguments of `run`.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Args {
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
    account: account::Flags,
}

/// What `--console` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Console {
    Off,
    Listen(std::net::SocketAddr),
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

impl Args {
    pub(super) fn run(self) -> Result<(), Exit> {
        let given = self.account.configuration()?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        runtime.block_on(self.serve(given))
    }

    async fn serve(self, given: Option<Config>) -> Result<(), Exit> {
        let clock = Clock::system();
        let embedded = given.is_none();
        let sandbox = if embedded { Some(start_sandbox(&clock).await?) } else { None };
        let mut config = match (given, &sandbox) {
            (Some(config), _) => config,
            (None, sandbox) => demo(sandbox.as_ref().map(Sandbox::url).unwrap_or_default())?,
        };
        if !self.scripts.is_empty() {
            config.scripts = self.scripts;
        }
        if let Some(data) = self.data {
            config.data = data;
        }
        if self.console.is_some() {
            tracing::warn!("--console has no effect yet");
        }
        let options = Options { config, strict: self.strict, dry_run: self.dry_run, clock };
        let mut host = Host::start(options).await?;
        announce(&host, sandbox.as_ref());
        let outcome = tokio::select! {
            signal = stop_signal() => signal.map_err(Exit::from),
            ends = host.over() => refused(ends),
        };
        host.stop().await;
        if let Some(sandbox) = sandbox {
            sandbox.stop().await;
        }
        outcome
    }
}

/// Starts the embedded sandbox where it is expected, or on a free port where that one is taken.
async fn start_sandbox(clock: &Clock) -> anyhow::Result<Sandbox> {
    let config = sandbox::Config { clock: clock.clone(), ..sandbox::Config::default() };
    let taken = match Sandbox::start(config.clone()).await {
        Ok(sandbox) => return Ok(sandbox),
        Err(error) => error,
    };
    let listen = std::net::SocketAddr::new(config.listen.ip(), 0);
    let sandbox = Sandbox::start(sandbox::Config { listen, ..config }).await?;
    tracing::warn!("{taken}; the embedded sandbox listens on {} instead", sandbox.addr());
    Ok(sandbox)
}

/// The configuration that the embedded sandbox's demo bot runs with.
fn demo(gateway: String) -> anyhow::Result<Config> {
    let login =
        Login::Email { email: format!("bot@{}", sandbox::DEMO_DOMAIN), password: Secret::new(sandbox::DEMO_PASSWORD) };
    let session = account::by_flags(&gateway, login)?;
    Ok(Config { sessions: vec![session], pacing: Pacing::Off, ..Config::without_file(Path::new("")) })
}

/// Says in a few lines what runs where, and what to type.
fn announce(host: &Host, sandbox: Option<&Sandbox>) {
    for fault in host.faults() {
        tracing::error!(card = format!("{fault:#}"), "{fault}");
    }
    for script in host.scripts().iter().filter(|script| script.live.is_some()) {
        tracing::info!("{} is live: {}", script.name, script.hook_names());
    }
    if host.scripts().iter().all(|script| script.live.is_none()) {
        tracing::warn!("no script is live; save one as *.rhai and it will be");
    }
    if let Some(sandbox) = sandbox {
        let gateway = match sandbox.addr() == sandbox::DEFAULT_LISTEN {
            true => String::new(),
            false => format!(" --gateway {}", sandbox.url()),
        };
        tracing::info!("the embedded sandbox listens on {}", sandbox.url());
        tracing::info!("talk to the bot in another terminal: hotline chat{gateway}");
    }
}

/// Waits for Ctrl-C or SIGTERM.
async fn stop_signal() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminated = signal(SignalKind::terminate())?;
        tokio::select! {
            result = tokio::signal::ctrl_c() => result,
            _ = terminated.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

fn refused(ends: Vec<(String, Ended)>) -> Result<(), Exit> {
    let refusals: Vec<_> = ends
        .into_iter()
        .filter_map(|(name, end)| match end {
            Ended::Refused(failure) => Some(format!("session {name}: the login was refused: {failure}")),
            Ended::Stopped => None,
        })
        .collect();
    if refusals.is_empty() { Ok(()) } else { Err(Exit::Failed(anyhow::anyhow!(refusals.join("; ")))) }
}
