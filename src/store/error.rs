//! Why the store fails. How a message reaches a person is not known here.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// Why the store cannot do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the data folder.
    #[error("the data folder {} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// The data folder cannot be used.
    #[error("cannot use the data folder {}: {reason}", .folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the operating system says.
        reason: std::io::Error,
    },
    /// The disk takes nothing more, or fails.
    #[error("{fault}: {} cannot be written; {}", .place.display(), .fault.advice())]
    Unwritable {
        /// The file or folder.
        place: PathBuf,
        /// What is the matter.
        fault: DiskFault,
    },
    /// The database, or a file beside it that belongs to it, has lost its name while it was open.
    #[error(
        "{} was deleted or moved away under the running bot; put the same file back, or end the bot and start it again on what \
         there is", .0.display()
    )]
    Gone(PathBuf),
    /// Another file has taken the name of the database, or of a file that belongs to it, while it was open.
    #[error(
        "{} was replaced under the running bot; put the file back that was there, or end the bot and start it again on what \
         there is", .0.display()
    )]
    Replaced(PathBuf),
    /// The database is damaged, or is no database at all.
    #[error(
        "the database {} is damaged: {reason}; restore a copy, or move it away to begin anew: the certificates go with it, so \
         that the next login may need a PIN",
        .file.display()
    )]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What was found.
        reason: String,
    },
    /// Something in the database cannot be understood.
    #[error("{0}")]
    Unreadable(String),
    /// Nobody has come so far as to make the tables: a first start failed, as on a full disk.
    #[error("the database {} is empty: no bot has started on it yet", .0.display())]
    Empty(PathBuf),
    /// The database was made by an older version of the program, and whoever only reads it does not change it.
    #[error(
        "the database {} has schema version {found}, this version of hotline reads {known}: the bot brings it up to date when \
         it starts",
        .file.display()
    )]
    Older {
        /// The file.
        file: PathBuf,
        /// The version in the file.
        found: i64,
        /// The version that this program reads.
        known: i64,
    },
    /// The database was made by a newer version of the program.
    #[error(
        "the database {} has schema version {found}, at most {known} is known: it was made by a newer version of hotline",
        .file.display()
    )]
    Newer {
        /// The file.
        file: PathBuf,
        /// The version in the file.
        found: i64,
        /// The latest version that this program knows.
        known: i64,
    },
    /// A key is too long.
    #[error("the key \"{start}…\" has {size} bytes, at most {limit} are allowed")]
    KeyTooLong {
        /// How it starts.
        start: String,
        /// Its size in bytes.
        size: usize,
        /// The most that is allowed.
        limit: usize,
    },
    /// A value is too large.
    #[error("the value of \"{key}\" would have {size} bytes, at most {limit} are allowed")]
    ValueTooLarge {
        /// The key.
        key: String,
        /// Its size in bytes, key and JSON text together.
        size: usize,
        /// The most that is allowed.
        limit: usize,
    },
    /// A script's values together are too large.
    #[error("{whose} would have {size} bytes, at most {limit} are allowed")]
    StoreFull {
        /// Whose store it is, in words.
        whose: String,
        /// The size in bytes, keys and JSON texts together.
        size: usize,
        /// The most that is allowed.
        limit: usize,
    },
    /// Something else than a whole number cannot be counted up.
    #[error("the value of \"{key}\" is no whole number, so it cannot be counted up")]
    NotANumber {
        /// The key.
        key: String,
    },
    /// The sum does not fit.
    #[error("the value of \"{key}\" would leave the range of whole numbers")]
    OutOfRange {
        /// The key.
        key: String,
    },
    /// The disk takes no writes at present; what was written before is kept and tried again.
    #[error("the database takes no writes at present: {0}")]
    Disk(String),
    /// The writer thread is gone.
    #[error("the store is closed")]
    Closed,
    /// The writer thread cannot be started.
    #[error("cannot start the store's thread: {0}")]
    Thread(std::io::Error),
    /// The database cannot be read or written at present.
    #[error("the database {} refuses: {reason}", .file.display())]
    Refused {
        /// The file.
        file: PathBuf,
        /// What SQLite says.
        reason: String,
    },
    /// A copy cannot be made.
    #[error("the copy {} cannot be made: {reason}", .file.display())]
    Copy {
        /// The file.
        file: PathBuf,
        /// What the operating system says.
        reason: io::Error,
    },
    /// SQLite refuses.
    #[error("the database refuses: {}", words(.0))]
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for StoreError {
    /// What SQLite says is said once: the error has no source of its own.
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// What SQLite says, without its numbers.
fn words(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        other => other.to_string(),
    }
}

/// What is the matter with a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiskFault {
    /// No room is left on it.
    Full,
    /// The user has used up their share of it.
    Quota,
    /// It is mounted so that nothing can be written.
    ReadOnly,
    /// It fails: what the system says.
    Failing(Box<str>),
}

impl fmt::Display for DiskFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("the disk is full"),
            Self::Quota => f.write_str("the disk quota is used up"),
            Self::ReadOnly => f.write_str("the disk is read-only"),
            Self::Failing(reason) => write!(f, "the disk fails ({reason})"),
        }
    }
}

impl DiskFault {
    /// What a person can do.
    const fn advice(&self) -> &'static str {
        match self {
            Self::Full => {
                "make room on it (`df -h` shows it); what is recorded is whole, so delete nothing of the data folder"
            }
            Self::Quota => "make room, or have the quota raised; what is recorded is whole",
            Self::ReadOnly => "mount it for writing, or name another place with `data` or --data",
            Self::Failing(_) => "the system's log (`dmesg`) may say more; copy the data folder while it can be read",
        }
    }

    /// What an error of the system says of a disk, where it is about one.
    fn of_io(error: &io::Error) -> Option<Self> {
        match error.kind() {
            ErrorKind::StorageFull => Some(Self::Full),
            ErrorKind::QuotaExceeded => Some(Self::Quota),
            ErrorKind::ReadOnlyFilesystem => Some(Self::ReadOnly),
            // EIO has no kind of its own.
            _ => (error.raw_os_error() == Some(5)).then(|| Self::Failing(error.to_string().into())),
        }
    }

    /// What an error of SQLite says of the disk that a file is on, where it is about the disk.
    ///
    /// SQLite calls much an I/O error, so the disk is tried.
    fn of_sqlite(error: &rusqlite::Error, file: &Path) -> Option<Self> {
        match error.sqlite_error_code()? {
            ErrorCode::DiskFull => Some(Self::Full),
            ErrorCode::SystemIoFailure => {
                let tried = try_disk(file).err().and_then(|error| Self::of_io(&error));
                // There was no room for the index of the log, which is larger than what was tried.
                let extended = error.sqlite_error().map(|error| error.extended_code);
                let has_no_room = extended == Some(rusqlite::ffi::SQLITE_IOERR_SHMSIZE);
                Some(tried.unwrap_or_else(|| if has_no_room { Self::Full } else { Self::Failing(words(error).into()) }))
            }
            ErrorCode::CannotOpen | ErrorCode::ReadOnly => try_disk(file).err().and_then(|error| Self::of_io(&error)),
            _ => None,
        }
    }
}

/// Writes something beside a file and takes it away again.
fn try_disk(file: &Path) -> io::Result<()> {
    let mut name = file.as_os_str().to_owned();
    name.push("-try");
    let tried = File::create(&name).and_then(|mut made| {
        made.write_all(&[1; 16 * 1024])?;
        made.sync_all()
    });
    // It may not have come about.
    let _ = fs::remove_file(&name);
    tried
}

impl StoreError {
    /// Whether it may be over as soon as the disk takes writes.
    pub fn is_of_disk(&self) -> bool {
        matches!(self, Self::Unwritable { .. } | Self::Disk(_))
    }

    /// What the system says of a data folder.
    pub(super) fn of_folder(folder: &Path, reason: io::Error) -> Self {
        match DiskFault::of_io(&reason) {
            Some(fault) => Self::Unwritable { place: folder.to_owned(), fault },
            None => Self::Folder { folder: folder.to_owned(), reason },
        }
    }

    /// The same error, with the file named, and what to do where the file is damaged or the disk takes nothing more.
    pub(super) fn in_file(self, file: &Path) -> Self {
        let reason = match &self {
            Self::Sqlite(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => words(error),
                _ => {
                    return match DiskFault::of_sqlite(error, file) {
                        Some(fault) => Self::Unwritable { place: file.to_owned(), fault },
                        None => Self::Refused { file: file.to_owned(), reason: words(error) },
                    };
                }
            },
            Self::Unreadable(reason) => reason.clone(),
            _ => return self,
        };
        Self::Damaged { file: file.to_owned(), reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sqlite_says_is_said_once_and_with_the_file() {
        let full = rusqlite::ffi::Error { code: ErrorCode::DiskFull, extended_code: 13 };
        let error = rusqlite::Error::SqliteFailure(full, Some("database or disk is full".to_owned()));
        let error = StoreError::from(error).in_file(Path::new("data/hotline.db"));
        let said = error.to_string();
        assert!(said.starts_with("the disk is full: data/hotline.db cannot be written; make room on it"), "{said}");
        assert!(std::error::Error::source(&error).is_none());
    }

    #[test]
    fn an_io_error_of_a_disk_that_takes_writes_is_not_called_a_full_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("hotline.db");
        let failed = |extended_code| {
            let error = rusqlite::ffi::Error { code: ErrorCode::SystemIoFailure, extended_code };
            let error = rusqlite::Error::SqliteFailure(error, Some("disk I/O error".to_owned()));
            StoreError::from(error).in_file(&file).to_string()
        };
        assert!(failed(rusqlite::ffi::SQLITE_IOERR_READ).starts_with("the disk fails (disk I/O error)"));
        assert!(failed(rusqlite::ffi::SQLITE_IOERR_SHMSIZE).starts_with("the disk is full"));
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0, "nothing is left behind");
    }
}
