//! A running bot at a glance, for whoever asks it from outside.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::trouble::{RecentTrouble, RecentTroubles};
use super::view::{Snapshot, Viewer};
use crate::clock::Timestamp;
use crate::store::is_data_file;

/// How many runs and how many timers are listed; the counters count all of them.
const ROWS: usize = 20;

/// How a bot is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostStatus {
    /// Its version.
    pub version: String,
    /// The number of its process.
    pub process: u32,
    /// Since when it runs.
    pub started: Timestamp,
    /// Its sessions, its scripts, its first 20 runs and timers, and how much there is of all.
    #[serde(flatten)]
    pub snapshot: Snapshot,
    /// The latest troubles, the last one last.
    pub troubles: Vec<RecentTrouble>,
    /// The data folder.
    pub data: PathBuf,
    /// How much room its files take, in bytes.
    pub bytes: u64,
}

/// Tells how a bot is.
pub(super) struct StatusReporter {
    pub(super) viewer: Viewer,
    pub(super) troubles: RecentTroubles,
    pub(super) started: Timestamp,
    pub(super) data: PathBuf,
}

impl StatusReporter {
    /// How it is now.
    pub(super) async fn look(&self) -> HostStatus {
        let mut snapshot = self.viewer.look().await;
        snapshot.runs.truncate(ROWS);
        snapshot.timers.truncate(ROWS);
        HostStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            process: std::process::id(),
            started: self.started,
            snapshot,
            troubles: self.troubles.all(),
            bytes: size(&self.data),
            data: self.data.clone(),
        }
    }
}

/// What the files of a data folder take. One that cannot be read takes nothing.
fn size(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let of_data = files.filter(|file| file.file_name().to_str().is_some_and(is_data_file));
    of_data.filter_map(|file| file.metadata().ok()).map(|found| found.len()).sum()
}
