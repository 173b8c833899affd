//! `hotline definitions`: `.d.rhai` files for editors. What stands in them comes from `language::definitions`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::exit::Exit;
use super::output;
use crate::language::definitions;

/// The arguments of `definitions`.
#[derive(Debug, clap::Args)]
pub(super) struct DefinitionsArgs {
    /// Where the `.d.rhai` files go [default: definitions/]
    folder: Option<PathBuf>,
}

impl DefinitionsArgs {
    pub(super) fn run(self) -> Result<(), Exit> {
        let folder = self.folder.unwrap_or_else(|| PathBuf::from("definitions"));
        let count = write(&folder)?;
        output::line(&format!("{count} files are in {}", folder.display()))?;
        Ok(())
    }
}

/// Writes every definition file into a folder, over those that are there; gives how many.
pub(super) fn write(folder: &Path) -> anyhow::Result<usize> {
    let files = definitions::files();
    for (name, text) in &files {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).with_context(|| format!("the folder {} cannot be made", parent.display()))?;
        fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(files.len())
}
