//! `hotline run`: the scripts against live sessions. How they run is the host's business.

use std::path::PathBuf;

use super::account;
use super::exit::Exit;
use super::later;

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
        let _config = self.account.configuration()?;
        Err(later::missing("run"))
    }
}
