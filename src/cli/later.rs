//! The commands whose arguments are settled and whose work is not done yet. They say so, and fail.

use std::path::PathBuf;

use anyhow::anyhow;

use super::exit::Exit;

/// The failure of a command that does nothing yet.
pub(super) fn missing(command: &str) -> Exit {
    Exit::Failed(anyhow!("\"hotline {command}\" is not part of this version yet"))
}

/// Where the record lies.
#[derive(Debug, clap::Args)]
struct Record {
    /// The configuration [default: hotline.toml where it exists]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Where everything durable lives [default: data]
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The arguments of `runs`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Runs {
    #[command(subcommand)]
    action: Option<RunsAction>,

    #[command(flatten)]
    record: Record,
}

#[derive(Debug, clap::Subcommand)]
enum RunsAction {
    /// End a parked run
    Kill {
        /// The run's id, as `hotline runs` lists it
        id: String,

        #[command(flatten)]
        record: Record,
    },
}

/// The arguments of `trace`.
#[derive(Debug, clap::Args)]
pub(super) struct Trace {
    /// The event's id, as the log and `hotline journal` show it
    event: String,

    #[command(flatten)]
    record: Record,
}

/// The arguments of `journal`.
#[derive(Debug, clap::Args)]
pub(super) struct Journal {
    #[command(flatten)]
    record: Record,
}
