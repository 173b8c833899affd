//! The commands whose arguments are settled and whose work is not done yet. They say so, and fail.

use std::path::PathBuf;

use anyhow::anyhow;

use super::account;
use super::exit::Exit;

/// The failure of a command that does nothing yet.
pub(super) fn missing(command: &str) -> Exit {
    Exit::Failed(anyhow!("\"hotline {command}\" is not part of this version yet"))
}

/// The arguments of `repl`.
#[derive(Debug, clap::Args)]
pub(super) struct Repl {
    /// The session, where the configuration has several
    #[arg(long, value_name = "NAME")]
    session: Option<String>,

    #[command(flatten)]
    account: account::Flags,
}

/// The arguments of `new`.
#[derive(Debug, clap::Args)]
pub(super) struct New {
    /// The folder to make
    folder: PathBuf,
}

/// The arguments of `definitions`.
#[derive(Debug, clap::Args)]
pub(super) struct Definitions {
    /// Where the `.d.rhai` files go [default: definitions/]
    folder: Option<PathBuf>,
}
