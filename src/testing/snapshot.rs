//! Snapshots: the conversation of a test, compared with a file beside it.

use std::fs;
use std::path::{Path, PathBuf};

use super::Snapshots;
use super::context::error;
use super::unmet::{self, TestError};
use super::world::TestWorld;

/// Compares the conversation so far with the snapshot of this name, or writes it.
pub(super) fn compare(world: &TestWorld, name: &str) -> Result<(), TestError> {
    let plain = !name.is_empty() && name.chars().all(|letter| letter.is_alphanumeric() || "-_ ".contains(letter));
    if !plain {
        return Err(error(format!("a snapshot's name has letters, digits, spaces, - and _; found \"{name}\"")));
    }
    let path = path_of(&world.file, name);
    let mut came = world.conversation().join("\n");
    came.push('\n');
    let kept = fs::read_to_string(&path);
    if world.setting.snapshots == Snapshots::Write {
        if kept.as_ref().is_ok_and(|kept| *kept == came) {
            return Ok(());
        }
        return fs::write(&path, came)
            .map_err(|reason| error(format!("{} cannot be written: {reason}", path.display())));
    }
    match kept {
        Ok(kept) if kept.replace("\r\n", "\n") == came => Ok(()),
        Ok(kept) => {
            let message =
                format!("the conversation is not the one of {}; hotline test --update takes it over", path.display());
            Err(unmet::text(message, &kept, came))
        }
        Err(reason) if reason.kind() == std::io::ErrorKind::NotFound => {
            let message = format!("there is no {} yet; hotline test --update writes it", path.display());
            Err(unmet::text(message, "", came))
        }
        Err(reason) => Err(error(format!("{} cannot be read: {reason}", path.display()))),
    }
}

/// `order_test.rhai` keeps its snapshot `tea` in `order_test.tea.txt`.
fn path_of(file: &Path, name: &str) -> PathBuf {
    file.with_extension(format!("{}.txt", name.replace(' ', "_")))
}
