//! `hotline new`: a bot to start from. What stands in its files is beside this one.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use super::definitions;
use super::exit::Exit;
use super::output;
use crate::protocol::{GATEWAY, LINE, NETWORKS, Network};

/// The files of a new bot on the gateway; `NAME` in the README is the folder's name.
const ON_GATEWAY: &[(&str, &str)] = &[
    ("hotline.toml", include_str!("new/hotline.toml")),
    ("scripts/bot.rhai", include_str!("new/bot.rhai")),
    ("scripts/bot_test.rhai", include_str!("new/bot_test.rhai")),
    ("README.md", include_str!("new/README.md")),
];

/// Those of one on LINE.
const ON_LINE: &[(&str, &str)] = &[
    ("hotline.toml", include_str!("new/line/hotline.toml")),
    ("scripts/bot.rhai", include_str!("new/line/bot.rhai")),
    ("scripts/bot_test.rhai", include_str!("new/line/bot_test.rhai")),
    ("README.md", include_str!("new/line/README.md")),
];

/// The files of every new bot but for its editor definitions.
const ANYWHERE: &[(&str, &str)] = &[(".vscode/tasks.json", include_str!("new/tasks.json")), (".gitignore", "/data/\n")];

/// The arguments of `new`.
#[derive(Debug, clap::Args)]
pub(super) struct NewArgs {
    /// The folder to make
    folder: PathBuf,

    /// The network that the bot is on: gateway or line
    #[arg(long, value_name = "NETWORK", default_value = GATEWAY.name, value_parser = network)]
    network: &'static Network,
}

impl NewArgs {
    pub(super) fn run(self) -> Result<(), Exit> {
        let folder = self.folder;
        refuse_what_is_there(&folder)?;
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_else(|| "bot".to_owned());
        let is_on_line = std::ptr::eq(self.network, &LINE);
        let own = if is_on_line { ON_LINE } else { ON_GATEWAY };
        for (path, text) in own.iter().chain(ANYWHERE) {
            let path = folder.join(path);
            let parent = path.parent().unwrap_or(&folder);
            fs::create_dir_all(parent).with_context(|| format!("the folder {} cannot be made", parent.display()))?;
            let text = text.replace("# NAME\n", &format!("# {name}\n"));
            fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
        }
        definitions::write(&folder.join("definitions"))?;
        let run = match is_on_line {
            true => {
                "hotline sandbox plays LINE, in a terminal of its own\n  hotline run     runs it; talk to it with: hotline chat"
            }
            false => "hotline run     runs it; talk to it with: hotline chat",
        };
        output::write(&format!(
            "{0} is ready:\n  cd {0}\n  hotline test    runs its tests\n  {run}\n",
            folder.display()
        ))?;
        Ok(())
    }
}

fn network(name: &str) -> Result<&'static Network, String> {
    let known = || NETWORKS.iter().map(|network| network.name).collect::<Vec<_>>().join(" and ");
    Network::named(name).ok_or_else(|| format!("there are {}", known()))
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
