//! `hotline forget`: ends what a script was at that is missing, whether a bot runs or not. What that is, the store and the
//! running bot know.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use super::exit::Exit;
use super::{output, record};
use crate::clock::Clock;
use crate::host::control::{self, ControlRequest};
use crate::language::disk::Disk;
use crate::language::{Fault, script_name};
use crate::runtime::Unforgettable;
use crate::store::{Durability, JournalReader, Store, StoreError};

/// The arguments of `forget`.
#[derive(Debug, clap::Args)]
pub(super) struct ForgetArgs {
    /// The script's name, or where its file was
    script: PathBuf,

    #[command(flatten)]
    record: record::JournalFlags,
}

impl ForgetArgs {
    pub(super) fn run(self) -> Result<(), Exit> {
        let script = name(&self.script);
        let data = self.record.folder()?;
        let request = ControlRequest::Forget { script: script.clone() };
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
    let named = script.to_owned();
    let files =
        files(roots).map_err(|fault| Exit::Failed(Unforgettable::Unseen(named.clone(), Box::new(fault)).into()))?;
    let mut there: BTreeMap<_, _> = files.into_iter().map(|file| (script_name(&file), file)).collect();
    if let Some(file) = there.remove(script) {
        return Err(Exit::Failed(Unforgettable::There(named, file).into()));
    }
    // Nothing is made where there is no data.
    JournalReader::open(data)?;
    let store = Store::open(data, Durability::Strict).map_err(|error| match error {
        StoreError::InUse(_) => anyhow!("{error}, which listens on no socket there; stop it, and ask again"),
        other => other.into(),
    })?;
    let kept = store.kept()?.into_iter().map(|kept| kept.script);
    let held = store.held()?.into_iter().map(|held| held.script);
    let kept: BTreeSet<_> = kept.chain(held).filter(|script| !there.contains_key(script)).collect();
    if !kept.contains(script) {
        return Err(Exit::Failed(Unforgettable::Unknown(named, kept).into()));
    }
    store.forget(script, Vec::new(), Clock::system().now())?;
    Ok(store.flush()?)
}

/// The files of the scripts at these places.
///
/// # Errors
/// When a place cannot be read: nobody knows what is there.
pub(super) fn files(roots: &[PathBuf]) -> Result<Vec<PathBuf>, Fault> {
    let disk = Disk::default();
    let mut files = Vec::new();
    for root in roots {
        match root.metadata() {
            Ok(found) if !found.is_dir() => files.push(root.clone()),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            _ => {
                let listed = disk.scripts_in(root).read();
                files.extend(listed.map_err(|reason| Fault::of_file(root.display().to_string(), reason))?);
            }
        }
    }
    Ok(files)
}
