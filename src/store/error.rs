//! Why the store fails. How a message reaches a person is not known here.

use std::path::PathBuf;

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
    /// The database is damaged.
    #[error("the database is damaged: {0}; move hotline.db away to begin anew, or restore a copy")]
    Damaged(String),
    /// The database was made by a newer version of the program.
    #[error(
        "the database has schema version {found}, at most {known} is known: it was made by a newer version of hotline"
    )]
    Newer {
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
    /// SQLite refuses.
    #[error("the database refuses: {0}")]
    Sqlite(#[from] rusqlite::Error),
}
