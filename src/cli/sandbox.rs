//! `hotline sandbox`: the embedded gateway alone. What it does is in the module `sandbox`.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::exit::Exit;
use super::later;

/// The arguments of `sandbox`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where it listens
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:16089")]
    listen: SocketAddr,

    /// The file that keeps its world; without one it is gone at the end
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
}

impl Args {
    pub(super) fn run(self) -> Result<(), Exit> {
        Err(later::missing("sandbox"))
    }
}
