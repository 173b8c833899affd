//! Whether the database takes writes, as the writer found it last, and whether its files are still those that were opened.
//!
//! What waits meanwhile, and what becomes of it, is the business of whoever records.

use std::path::{Path, PathBuf};

use tokio::sync::watch;

use super::error::StoreError;

/// What keeps the database from being written, for all who wait for it.
#[derive(Debug)]
pub(super) struct Health(watch::Sender<Option<String>>);

impl Default for Health {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Health {
    pub(super) fn is_stuck(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// What keeps it from being written.
    pub(super) fn trouble(&self) -> Option<String> {
        self.0.borrow().clone()
    }

    pub(super) fn set(&self, trouble: Option<String>) {
        self.0.send_if_modified(|old| {
            let has_changed = old.is_some() != trouble.is_some();
            *old = trouble;
            has_changed
        });
    }

    /// What changes whenever writing begins or ceases to be possible.
    pub(super) fn follow(&self) -> watch::Receiver<Option<String>> {
        self.0.subscribe()
    }
}

/// The files of an open database, to be told from others that take their names.
///
/// Whoever moves, deletes or replaces one leaves the writer with a file that nobody finds again: what it writes is lost.
#[derive(Debug, Default)]
pub(super) struct DatabaseFiles(Vec<(PathBuf, Identity)>);

impl DatabaseFiles {
    /// The files of the database as they are now.
    pub(super) fn of(database: &Path) -> Self {
        let beside = |end: &str| {
            let mut name = database.as_os_str().to_owned();
            name.push(end);
            PathBuf::from(name)
        };
        let files = [database.to_owned(), beside("-wal"), beside("-shm")];
        Self(files.into_iter().filter_map(|file| identity(&file).map(|identity| (file, identity))).collect())
    }

    /// Looks whether each still has its name.
    ///
    /// # Errors
    /// With the first that has not.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        for (file, known) in &self.0 {
            match identity(file) {
                Some(found) if found == *known => {}
                Some(_) => return Err(StoreError::Replaced(file.clone())),
                None => return Err(StoreError::Gone(file.clone())),
            }
        }
        Ok(())
    }
}

/// The device and the number of a file.
type Identity = (u64, u64);

#[cfg(unix)]
fn identity(file: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    let found = std::fs::metadata(file).ok()?;
    Some((found.dev(), found.ino()))
}

/// Elsewhere a file that is open keeps its name.
#[cfg(not(unix))]
fn identity(_: &Path) -> Option<Identity> {
    None
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_that_is_moved_away_or_replaced_is_missed_until_it_is_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let (database, aside) = (folder.path().join("hotline.db"), folder.path().join("aside"));
        fs::write(&database, "").expect("the folder is ours");
        fs::write(folder.path().join("hotline.db-wal"), "").expect("the folder is ours");
        let files = DatabaseFiles::of(&database);
        assert!(files.check().is_ok());
        fs::rename(&database, &aside).expect("the folder is ours");
        assert!(matches!(files.check(), Err(StoreError::Gone(_))));
        fs::write(&database, "").expect("the folder is ours");
        assert!(matches!(files.check(), Err(StoreError::Replaced(_))));
        fs::rename(&aside, &database).expect("the folder is ours");
        assert!(files.check().is_ok());
        fs::remove_file(folder.path().join("hotline.db-wal")).expect("the folder is ours");
        assert!(matches!(files.check(), Err(StoreError::Gone(_))));
    }
}
