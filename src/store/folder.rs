//! The data folder: made if missing, closed to others, locked, with its database file. What is in the file is not known
//! here.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::error::StoreError;

/// The database's file name.
const DATABASE: &str = "hotline.db";
/// The name of the file that is locked.
const LOCK: &str = "hotline.lock";
/// The name of the socket that a running bot listens on.
const SOCKET: &str = "hotline.sock";

/// A data folder that this process has for itself until the value is dropped.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    pub(super) fn take(path: &Path) -> Result<Self, StoreError> {
        let failed = |reason| StoreError::of_folder(path, reason);
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
        if file.is_dir() {
            let reason = Error::new(ErrorKind::IsADirectory, format!("{DATABASE} in it is a folder, and no database"));
            return Err(StoreError::Folder { folder: self.path.clone(), reason });
        }
        private()
            .create(true)
            .truncate(false)
            .open(&file)
            .map_err(|reason| StoreError::of_folder(&self.path, reason))?;
        let connection = Connection::open(&file)?;
        // SQLite reads the file only now.
        match connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())) {
            Ok(()) => Ok(connection),
            Err(reason) => Err(StoreError::from(reason).in_file(&file)),
        }
    }

    /// Where the database is.
    pub(super) fn database_file(&self) -> PathBuf {
        database_file(&self.path)
    }
}

/// Whether a process has a data folder for itself now. Nothing is made where there is none.
pub(super) fn is_in_use(folder: &Path) -> bool {
    let lock = File::open(folder.join(LOCK));
    lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Whether a file of this name is one of a data folder's.
pub fn is_data_file(name: &str) -> bool {
    name == LOCK || name == SOCKET || name.starts_with(DATABASE)
}

/// Where the socket of a data folder is.
pub fn socket_file(folder: &Path) -> PathBuf {
    folder.join(SOCKET)
}

/// Where the database of a data folder is.
pub(super) fn database_file(folder: &Path) -> PathBuf {
    folder.join(DATABASE)
}

/// What is done with a database that another process may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OpenMode {
    /// It is only read, so that its file may lie where nothing can be written.
    Read,
    /// Something is written into it.
    Write,
}

/// Opens the database of a data folder that another process may have, without taking the folder.
pub(super) fn existing_database(folder: &Path, access: OpenMode) -> Result<Connection, StoreError> {
    let file = database_file(folder);
    if !file.exists() {
        let reason = Error::new(ErrorKind::NotFound, format!("there is no {DATABASE} in it"));
        return Err(StoreError::Folder { folder: folder.to_owned(), reason });
    }
    let opened = match access {
        OpenMode::Read => {
            open(&file, OpenFlags::SQLITE_OPEN_READ_ONLY).or_else(|error| match error.sqlite_error_code() {
                // Where the files beside it can neither be found nor made, nobody writes it.
                Some(
                    ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::SystemIoFailure | ErrorCode::DiskFull,
                ) => open_alone(&file).or_else(|_| open_unchanging(&file)),
                _ => Err(error),
            })
        }
        OpenMode::Write => open(&file, OpenFlags::SQLITE_OPEN_READ_WRITE),
    };
    let connection = opened.map_err(|reason| StoreError::from(reason).in_file(&file))?;
    super::schema::check(&connection, &file)?;
    Ok(connection)
}

fn open(file: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(file, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    // SQLite reads the file only now.
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(connection)
}

/// Opens a database that no other process has, without the file beside it for which a full disk has no room. What its last
/// process left is seen, and is left where it is.
fn open_alone(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(connection)
}

/// Opens a database that nobody writes. What its last process left beside it and did not bring home is not seen.
fn open_unchanging(file: &Path) -> rusqlite::Result<Connection> {
    let path = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let mut address = String::from("file://");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => address.push(char::from(*byte)),
            other => address.push_str(&format!("%{other:02X}")),
        }
    }
    address.push_str("?immutable=1");
    let beside = format!("{}-wal", file.display());
    if std::fs::metadata(&beside).is_ok_and(|beside| beside.len() > 0) {
        tracing::warn!("{beside} cannot be read here, so the latest moments of the record are missing");
    }
    open(Path::new(&address), OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI)
}

/// Creates the folder and those above it; only the folder itself is closed to others.
fn create(path: &Path) -> std::io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if path.exists() {
        return Err(Error::new(ErrorKind::NotADirectory, "it is a file, and no folder"));
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

/// How a file is opened that only its owner can read.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_cannot_change_is_read_whatever_its_path() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a b%3f?#ü.db");
        Connection::open(&file).and_then(|made| made.execute("CREATE TABLE t (x)", [])).expect("it is written");
        let connection = open_unchanging(&file).expect("it opens");
        assert!(connection.prepare("SELECT x FROM t").is_ok());
        assert!(connection.execute("INSERT INTO t VALUES (1)", []).is_err());
    }

    #[test]
    fn a_place_that_is_no_data_folder_says_what_it_is() {
        let place = tempfile::tempdir().expect("a folder");
        let data = place.path().join("data");
        fs::write(&data, "").expect("a file");
        let refused = Folder::take(&data).expect_err("it is a file").to_string();
        assert!(refused.ends_with("data: it is a file, and no folder"), "{refused}");
        fs::create_dir(place.path().join(DATABASE)).expect("a folder");
        let refused = Folder::take(place.path()).and_then(|folder| folder.database()).expect_err("it is a folder");
        assert!(refused.to_string().ends_with("hotline.db in it is a folder, and no database"), "{refused}");
    }
}
