//! The data file: the world as it was at the start, then every deed since, one JSON line each.
//!
//! A deed is written before it is answered, so that a kill loses nothing that was answered; a power cut may cost the last
//! ones, since the disk is not waited for. What a deed does is the world's affair.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::SandboxStartError;
use super::world::{Deed, Scene, World};
use crate::clock::Timestamp;

/// The version of the format.
const VERSION: u32 = 1;

/// An open data file, held by this process alone.
pub(super) struct DataFile {
    path: PathBuf,
    file: File,
    /// Why a deed could not be written; from then on the file is behind the world, and nothing more is taken.
    broken: Option<String>,
    lock: File,
}

#[derive(Serialize, Deserialize)]
struct Header {
    #[serde(rename = "hotline sandbox")]
    version: u32,
}

#[derive(Serialize, Deserialize)]
struct Line<D> {
    at: Timestamp,
    deed: D,
}

impl DataFile {
    /// Opens the file and gives the world in it; a missing or empty file begins with `fresh`.
    ///
    /// The file is written anew with what it came to, so that it does not grow over restarts.
    pub(super) fn open(path: &Path, fresh: impl FnOnce() -> World) -> Result<(Self, World), SandboxStartError> {
        let failed = |cause| SandboxStartError::Data { path: path.to_owned(), cause };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        if path.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        let lock =
            private(OpenOptions::new().create(true).truncate(false)).open(beside(path, "lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(SandboxStartError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(cause)) => return Err(failed(cause)),
        }
        let mut world = match read(path)? {
            Some(world) => world,
            None => fresh(),
        };
        world.found_official();
        let file = write_anew(path, &world).map_err(failed)?;
        Ok((Self { path: path.to_owned(), file, broken: None, lock }, world))
    }

    /// Why nothing can be kept any more.
    pub(super) fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// Writes a deed down.
    pub(super) fn append(&mut self, at: Timestamp, deed: &Deed) -> Result<(), String> {
        let written = serde_json::to_vec(&Line { at, deed }).map_err(io::Error::from).and_then(|mut line| {
            line.push(b'\n');
            self.file.write_all(&line)
        });
        written.map_err(|error| {
            let reason = format!("the sandbox cannot write {}: {error}", self.path.display());
            tracing::error!("{reason}");
            self.broken = Some(reason.clone());
            reason
        })
    }
}

impl Drop for DataFile {
    fn drop(&mut self) {
        if let Err(error) = self.file.sync_data() {
            tracing::warn!(%error, path = %self.path.display(), "the sandbox's data file could not be synchronised");
        }
        // By word, since closing alone leaves the lock to a process that is being started from here at this moment.
        let _ = self.lock.unlock();
    }
}

fn read(path: &Path) -> Result<Option<World>, SandboxStartError> {
    let failed = |cause| SandboxStartError::Data { path: path.to_owned(), cause };
    let corrupt = |line: usize, reason: String| SandboxStartError::Corrupt { path: path.to_owned(), line, reason };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut lines = Lines { reader: BufReader::new(file), number: 0 };
    let Some(first) = lines.next().map_err(failed)? else { return Ok(None) };
    let header: Header = serde_json::from_slice(&first.bytes)
        .map_err(|_| corrupt(1, "it does not begin as a sandbox's data file does".to_owned()))?;
    if header.version != VERSION {
        return Err(corrupt(1, format!("it has version {}, and this program reads {VERSION}", header.version)));
    }
    let snapshot = lines.next().map_err(failed)?.ok_or_else(|| corrupt(2, "the world is missing".to_owned()))?;
    let mut world: World = serde_json::from_slice(&snapshot.bytes).map_err(|error| corrupt(2, error.to_string()))?;
    world.wake();
    let mut last = Timestamp::default();
    while let Some(line) = lines.next().map_err(failed)? {
        let Line { at, deed } = match serde_json::from_slice::<Line<Deed>>(&line.bytes) {
            Ok(line) => line,
            // Only a deed that was never answered can be half written: what follows it would have been written after.
            Err(_) if line.is_torn => {
                tracing::warn!(path = %path.display(), line = lines.number, "the last line is torn and left out");
                break;
            }
            Err(error) => return Err(corrupt(lines.number, error.to_string())),
        };
        let scene = Scene { now: at, media: "", device: None };
        if let Err(failure) = world.apply(&scene, &deed).reply {
            return Err(corrupt(lines.number, format!("what it records cannot happen: {}", failure.content)));
        }
        last = last.max(at);
    }
    world.depart_all(last);
    Ok(Some(world))
}

/// Reads lines and tells whether one lacks its end.
struct Lines {
    reader: BufReader<File>,
    number: usize,
}

struct RawLine {
    bytes: Vec<u8>,
    is_torn: bool,
}

impl Lines {
    fn next(&mut self) -> io::Result<Option<RawLine>> {
        let mut bytes = Vec::new();
        if self.reader.read_until(b'\n', &mut bytes)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        let is_torn = bytes.last() != Some(&b'\n');
        Ok(Some(RawLine { bytes, is_torn }))
    }
}

/// Replaces the file by one that holds just the world, and opens it for what follows.
fn write_anew(path: &Path, world: &World) -> io::Result<File> {
    let new = beside(path, "new");
    let file = private(OpenOptions::new().create(true).truncate(true)).open(&new)?;
    let mut writer = BufWriter::new(&file);
    serde_json::to_writer(&mut writer, &Header { version: VERSION })?;
    writer.write_all(b"\n")?;
    serde_json::to_writer(&mut writer, world)?;
    writer.write_all(b"\n")?;
    writer.flush()?;
    drop(writer);
    file.sync_all()?;
    fs::rename(&new, path)?;
    // The handle goes on writing to the renamed file, at its end.
    Ok(file)
}

/// Opens for writing, in a way that only the owner can read what is created.
pub(super) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options.write(true)
}

/// The path of a file beside another one: its name with an ending added.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    path.with_file_name(name)
}
