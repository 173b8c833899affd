//! What can be wrong with a configuration. Nothing here ever holds a secret: values are quoted as they were written.

use std::fmt;
use std::path::PathBuf;

/// A place in a configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigPosition {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for ConfigPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.path.display(), self.line, self.column)
    }
}

/// Why a configuration cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// It is no TOML.
    #[error("{place}: {message}")]
    Syntax {
        /// Where.
        place: ConfigPosition,
        /// What the parser found and expected.
        message: String,
    },
    /// No key has this name.
    #[error("{place}: unknown key \"{key}\" in {table}{suggestion}")]
    UnknownKey {
        /// Where.
        place: ConfigPosition,
        /// The key.
        key: String,
        /// The table that it stands in.
        table: String,
        /// The end of the message: the known key that is closest, or nothing.
        suggestion: String,
    },
    /// A value is of another type, or not one of those allowed.
    #[error("{place}: \"{key}\" is {found}, expected {expected}")]
    Wrong {
        /// Where.
        place: ConfigPosition,
        /// The key.
        key: String,
        /// What stands there.
        found: String,
        /// What should stand there.
        expected: String,
    },
    /// A key is missing.
    #[error("{place}: {table} lacks \"{key}\", expected {expected}")]
    Missing {
        /// Where the table begins.
        place: ConfigPosition,
        /// The key.
        key: &'static str,
        /// The table that it should stand in.
        table: String,
        /// What should stand there.
        expected: String,
    },
    /// Two keys do not go together.
    #[error("{place}: {message}")]
    Conflict {
        /// Where.
        place: ConfigPosition,
        /// Which keys, and what to do about it.
        message: String,
    },
    /// A `${NAME}` names no environment variable.
    #[error("{place}: \"{key}\" needs the environment variable {name}, which is not set")]
    UnsetVariable {
        /// Where.
        place: ConfigPosition,
        /// The key.
        key: String,
        /// The variable's name.
        name: String,
    },
}
