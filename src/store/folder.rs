//! The data folder: made if missing, closed to others, locked, with its database file. What is in the file is not known
//! here.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::error::StoreError;

/// The database's file name.
const DATABASE: &str = "hotline.db";
/// The name of the file that is locked.
const LOCK: &str = "hotline.lock";

/// A data folder that this process has for itself until the value is dropped.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    pub(super) fn take(path: &Path) -> Result<Self, StoreError> {
        let failed = |reason| StoreError::Folder { folder: path.to_owned(), reason };
        create(path).map_err(failed)?;
        let lock = private().create(true).truncate(false).open(path.join(LOCK)).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse(path.to_owned())),
            Err(TryLockError::Error(reason)) => Err(failed(reason)),
        }
    }

    /// Opens the database file, which only its owner can read.
    pub(super) fn database(&self) -> Result<Connection, StoreError> {
        let file = self.path.join(DATABASE);
        private()
            .create(true)
            .truncate(false)
            .open(&file)
            .map_err(|reason| StoreError::Folder { folder: self.path.clone(), reason })?;
        let connection = Connection::open(&file)?;
        // SQLite reads the file only now.
        match connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())) {
            Ok(()) => Ok(connection),
            Err(reason) => Err(StoreError::NoDatabase { file, reason }),
        }
    }
}

/// Opens the database of a data folder that another process may have, without taking the folder.
pub(super) fn existing_database(folder: &Path) -> Result<Connection, StoreError> {
    let file = folder.join(DATABASE);
    if !file.exists() {
        let reason = std::io::Error::new(std::io::ErrorKind::NotFound, format!("there is no {DATABASE} in it"));
        return Err(StoreError::Folder { folder: folder.to_owned(), reason });
    }
    let mut connection = Connection::open(&file)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    super::schema::migrate(&mut connection).map_err(|error| match error {
        StoreError::Sqlite(reason) => StoreError::NoDatabase { file, reason },
        other => other,
    })?;
    Ok(connection)
}

/// Creates the folder and those above it; only the folder itself is closed to others.
fn create(path: &Path) -> std::io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(_) if path.is_dir() => Ok(()),
        outcome => outcome,
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
