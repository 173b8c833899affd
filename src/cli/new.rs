//! `hotline new`: a bot to start from. What stands in its files is beside this one.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use super::definitions;
use super::exit::Exit;
use super::output;

/// The files of a new bot but for its editor definitions; `NAME` in the README is the folder's name.
const FILES: &[(&str, &str)] = &[
    ("hotline.toml", include_str!("new/hotline.toml")),
    ("scripts/bot.rhai", include_str!("new/bot.rhai")),
    ("scripts/bot_test.rhai", include_str!("new/bot_test.rhai")),
    ("README.md", include_str!("new/README.md")),
    (".vscode/tasks.json", include_str!("new/tasks.json")),
    (".gitignore", "/data/\n"),
];

/// The arguments of `new`.
#[derive(Debug, clap::Args)]
pub(super) struct NewArgs {
    /// The folder to make
    folder: PathBuf,
}

impl NewArgs {
    pub(super) fn run(self) -> Result<(), Exit> {
        let folder = self.folder;
        refuse_what_is_there(&folder)?;
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_else(|| "bot".to_owned());
        for (path, text) in FILES {
            let path = folder.join(path);
            let parent = path.parent().unwrap_or(&folder);
            fs::create_dir_all(parent).with_context(|| format!("the folder {} cannot be made", parent.display()))?;
            let text = text.replace("# NAME\n", &format!("# {name}\n"));
            fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
        }
        definitions::write(&folder.join("definitions"))?;
        output::write(&format!(
            "{0} is ready:\n  cd {0}\n  hotline test    runs its tests\n  hotline run     runs it; talk to it with: hotline chat\n",
            folder.display()
        ))?;
        Ok(())
    }
}

/// Nothing is written over what somebody has: the folder must be empty or not there.
fn refuse_what_is_there(folder: &Path) -> Result<(), Exit> {
    if folder.as_os_str().is_empty() {
        return Err(Exit::usage(anyhow!("the new bot needs a folder of a name, such as hotline new demo")));
    }
    if folder.exists() && !folder.is_dir() {
        return Err(Exit::Failed(anyhow!("{} is a file; name a folder that is not there yet", folder.display())));
    }
    let first = fs::read_dir(folder).ok().and_then(|mut entries| entries.next()).and_then(Result::ok);
    match first {
        Some(entry) => Err(Exit::Failed(anyhow!(
            "{} is not empty ({} is there), and nothing is written over; name another folder",
            folder.display(),
            entry.file_name().display()
        ))),
        None => Ok(()),
    }
}
