//! `hotline forget`: ends what a script was at that is missing, whether a bot runs or not. What that is, the store and the
//! running bot know.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use super::exit::Exit;
use super::{output, record};
use crate::clock::Clock;
use crate::host::control::{self, Request};
use crate::script::guest::Disk;
use crate::script::script_name;
use crate::script::suggest::did_you_mean;
use crate::store::{Durability, JournalReader, Store, StoreError};

/// The arguments of `forget`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The script's name, or where its file was
    script: PathBuf,

    #[command(flatten)]
    record: record::Flags,
}

impl Args {
    pub(super) fn run(self) -> Result<(), Exit> {
        let script = name(&self.script);
        let data = self.record.folder()?;
        let request = Request::Forget { script: script.clone() };
        match control::ask(&data, &request).context("the running bot cannot be asked")? {
            Some(reply) => reply.map_err(|reason| anyhow!(reason))?,
            None => forget(&data, &script, &self.record.scripts()?)?,
        }
        if self.record.json {
            output::line(&serde_json::json!({ "forgotten": script }).to_string())?;
        } else {
            output::note(format_args!("{script} is forgotten: its runs, timers and state have ended"));
        }
        Ok(())
    }
}

/// The name that a person means by a name or a file.
fn name(given: &Path) -> String {
    match given.extension() {
        Some(extension) if extension == "rhai" => script_name(given),
        _ => given.display().to_string(),
    }
}

/// Forgets a script while no bot runs.
fn forget(data: &Path, script: &str, roots: &[PathBuf]) -> Result<(), Exit> {
    if let Some(file) = files(roots).into_iter().find(|file| script_name(file) == script) {
        let file = file.display();
        return Err(Exit::Failed(anyhow!("{script} is there, in {file}: only a script without a file is forgotten")));
    }
    // Nothing is made where there is no data.
    JournalReader::open(data)?;
    let store = Store::open(data, Durability::Strict).map_err(|error| match error {
        StoreError::InUse(_) => anyhow!("{error}, which listens on no socket there; stop it, and ask again"),
        other => other.into(),
    })?;
    let kept: BTreeSet<_> = store.kept()?.into_iter().map(|kept| kept.script).collect();
    let held: BTreeSet<_> = store.held()?.into_iter().map(|held| held.script).collect();
    if !kept.contains(script) && !held.contains(script) {
        let suggestion = did_you_mean(script, kept.union(&held).map(String::as_str));
        return Err(Exit::Failed(anyhow!("nothing is kept of a script {script}{suggestion}")));
    }
    store.forget(script, Vec::new(), Clock::system().now())?;
    Ok(store.flush()?)
}

/// The files of the scripts at these places.
pub(super) fn files(roots: &[PathBuf]) -> Vec<PathBuf> {
    let files = |root: &PathBuf| {
        if root.is_dir() { Disk::default().scripts_in(root).read().unwrap_or_default() } else { vec![root.clone()] }
    };
    roots.iter().flat_map(files).filter(|file| file.exists()).collect()
}
