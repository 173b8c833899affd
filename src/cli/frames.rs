//! Writes down every frame of the sandboxes that this process starts, for tests that check them.
//!
//! It is in no help text: the frames hold passwords, and only a test has any use for them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Mutex;

use serde_json::json;

use crate::sandbox::{Tap, Way};

/// The variable that names the folder to write to.
const FOLDER: &str = "HOTLINE_TEST_FRAMES";

/// A tap that writes to the folder where one is named: one JSON line for each frame.
pub(super) fn tap() -> Option<Tap> {
    let folder = std::env::var_os(FOLDER)?;
    let file = open(Path::new(&folder)).inspect_err(|error| tracing::error!("frames cannot be written: {error}"));
    let file = Mutex::new(file.ok()?);
    Some(Tap::new(move |heard| {
        let way = if heard.way == Way::In { "in" } else { "out" };
        let line = format!("{}\n", json!([heard.sandbox, heard.connection, way, heard.text]));
        if let Ok(mut file) = file.lock() {
            // A frame that is missing shows in the test as an answer without a question.
            let _ = file.write_all(line.as_bytes());
        }
    }))
}

fn open(folder: &Path) -> io::Result<File> {
    fs::create_dir_all(folder)?;
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(folder.join(format!("{}.jsonl", std::process::id())))
}
