//! One file of a script, with its text. Where it comes from is the business of `bundle`.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rhai::Position;
use serde::{Deserialize, Serialize};

use super::fault::Fault;

/// One file of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// How the file is named in messages: its path, or `std/…`.
    pub file: String,
    /// Where it was read from; the standard library's own modules have no place.
    pub path: Option<PathBuf>,
    /// What stood in it.
    pub text: Arc<str>,
}

impl Source {
    /// A fault at a place in this file.
    pub(crate) fn fault(&self, position: Position, message: impl fmt::Display) -> Fault {
        Fault::at(&self.file, position, message).with_excerpt(&self.text)
    }
}
