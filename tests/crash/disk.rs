//! A small disk of a test's own, which fills and empties.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::system;

/// A disk in memory; dropped, it is taken out.
pub(crate) struct Disk(TempDir);

impl Disk {
    /// Mounts a disk of so many MiB; says so and gives none where that is not allowed.
    pub(crate) fn of(size: u32) -> Option<Self> {
        let place = tempfile::tempdir().expect("a temporary folder");
        let options = format!("size={size}m,mode=0700");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(place.path()).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(place));
        }
        system::skipped("a disk cannot be mounted here, so nobody sees what a full one does (run as root)");
        None
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }

    /// Fills it but for so many bytes.
    pub(crate) fn fill_but(&self, room: u64) {
        let mut filler = File::options().create(true).append(true).open(self.filler()).expect("an empty file fits");
        while filler.write_all(&[1; 4096]).is_ok() {}
        let size = filler.metadata().expect("it is open").len();
        filler.set_len(size.saturating_sub(room)).expect("it is ours");
    }

    /// Fills it.
    pub(crate) fn fill(&self) {
        self.fill_but(0);
    }

    /// Whether something fills it.
    pub(crate) fn is_filled(&self) -> bool {
        self.filler().exists()
    }

    /// Makes room again.
    pub(crate) fn clear(&self) {
        if self.filler().exists() {
            fs::remove_file(self.filler()).expect("it is ours");
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a process that failed a test may still have it.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}
