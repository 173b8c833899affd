//! Why the store fails. How a message reaches a person is not known here.

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
    /// The file is no database of this program.
    #[error("{} is no database: {reason}", .file.display())]
    NoDatabase {
        /// The file.
        file: PathBuf,
        /// What SQLite says.
        reason: rusqlite::Error,
    },
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
    #[error("the store of {script} would have {size} bytes, at most {limit} are allowed")]
    StoreFull {
        /// The script.
        script: String,
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

impl StoreError {
    /// The same error, with the file named and what to do where it says that the file is damaged.
    pub(super) fn in_file(self, file: &Path) -> Self {
        let reason = match &self {
            Self::Sqlite(error) | Self::NoDatabase { reason: error, .. } => match error.sqlite_error_code() {
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => words(error),
                _ if matches!(self, Self::Sqlite(_)) => {
                    return Self::Refused { file: file.to_owned(), reason: words(error) };
                }
                _ => return self,
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
        assert_eq!(error.to_string(), "the database data/hotline.db refuses: database or disk is full");
        assert!(std::error::Error::source(&error).is_none());
    }
}
