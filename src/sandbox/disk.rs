//! The sandbox's own folder: what `path` names, and the store of files that were sent.
//!
//! A stored file lies under the hash of what is in it. Nothing outside the folder is read or written. What a file means
//! to a chat is not here.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

use super::persist::private;
use super::world::{StoredFile, file_name, hex};
use crate::protocol::{Failure, FailureCode};

/// The subfolder of stored files; paths of commands cannot reach into it.
const STORE: &str = ".sandbox";

/// How much of a file is in memory at a time, in bytes.
const CHUNK: usize = 256 * 1024;

/// The folder, made when it is first needed.
pub(super) struct FileStore {
    place: FileRoot,
    root: OnceLock<PathBuf>,
    arrivals: AtomicU64,
}

enum FileRoot {
    Kept(PathBuf),
    /// Removed with the sandbox.
    Temporary,
}

impl FileStore {
    pub(super) fn new(folder: Option<PathBuf>) -> Self {
        let place = folder.map_or(FileRoot::Temporary, FileRoot::Kept);
        Self { place, root: OnceLock::new(), arrivals: AtomicU64::new(0) }
    }

    /// The folder that `path` is relative to.
    pub(super) fn root(&self) -> io::Result<&Path> {
        if let Some(root) = self.root.get() {
            return Ok(root);
        }
        let folder = match &self.place {
            FileRoot::Kept(folder) => {
                fs::create_dir_all(folder)?;
                folder.canonicalize()?
            }
            FileRoot::Temporary => temporary_folder()?.canonicalize()?,
        };
        fs::create_dir_all(folder.join(STORE))?;
        let ours = self.root.get_or_init(|| folder.clone());
        if *ours != folder && matches!(self.place, FileRoot::Temporary) {
            // Another thread was faster.
            let _ = fs::remove_dir_all(&folder);
        }
        Ok(ours)
    }

    /// Takes the file at a path of a command into the store.
    pub(super) async fn take_in(self: std::sync::Arc<Self>, path: String, limit: u64) -> Result<StoredFile, Failure> {
        blocking(move || {
            let real = self.existing(&path)?;
            let name = file_name(&path).unwrap_or("file").to_owned();
            let mut source = fs::File::open(&real).map_err(|error| unreadable(&path, &error))?;
            let size = source.metadata().map_err(|error| unreadable(&path, &error))?.len();
            check_size(size, limit)?;
            let unstored = |error: io::Error| broken(&error);
            let (part, mut target) = self.arrival().map_err(unstored)?;
            let (mut hash, mut copied, mut chunk) = (Sha256::new(), 0_u64, vec![0; CHUNK]);
            loop {
                let read = source.read(&mut chunk).map_err(|error| unreadable(&path, &error))?;
                if read == 0 {
                    break;
                }
                copied += read as u64;
                check_size(copied, limit)?;
                hash.update(&chunk[..read]);
                target.write_all(&chunk[..read]).map_err(unstored)?;
            }
            self.settle(part, &hex(&hash.finalize()), name, copied).map_err(unstored)
        })
        .await
    }

    /// Copies a stored file to a path of a command.
    pub(super) async fn save(self: std::sync::Arc<Self>, file: StoredFile, path: String) -> Result<(), Failure> {
        blocking(move || {
            let target = self.writable(&path)?;
            let unwritten = |error: io::Error| unwritable(&path, &error);
            // By way of a file beside it, so that a link at the target is replaced and never followed.
            let (part, _) = self.arrival().map_err(unwritten)?;
            fs::copy(self.stored(&file.key).map_err(unwritten)?, &part.path).map_err(unwritten)?;
            fs::rename(&part.path, &target).map_err(unwritten)?;
            Ok(())
        })
        .await
    }

    /// Puts a file at a path of a command.
    pub(super) fn place(&self, path: &str, bytes: &[u8]) -> Result<(), Failure> {
        let target = self.writable(path)?;
        let placed = self.arrival().and_then(|(part, mut file)| {
            file.write_all(bytes)?;
            fs::rename(&part.path, &target)
        });
        placed.map_err(|error| unwritable(path, &error))
    }

    /// Begins to store a file that arrives bit by bit.
    pub(super) async fn receive(self: &std::sync::Arc<Self>, name: String, limit: u64) -> Result<Arriving, Failure> {
        let disk = std::sync::Arc::clone(self);
        let begun = blocking(move || disk.arrival().map_err(|error| broken(&error))).await;
        let (part, file) = begun?;
        let file = tokio::io::BufWriter::with_capacity(CHUNK, tokio::fs::File::from_std(file));
        Ok(Arriving { part, file, name, limit, hash: Sha256::new(), size: 0 })
    }

    /// Opens a stored file.
    pub(super) async fn open(&self, key: &str) -> io::Result<tokio::fs::File> {
        tokio::fs::File::open(self.stored(key)?).await
    }

    /// Removes stored files that nothing names any more, and half-stored ones of an earlier run.
    pub(super) fn sweep(&self, named: &std::collections::BTreeSet<String>) -> io::Result<()> {
        for entry in fs::read_dir(self.root()?.join(STORE))? {
            let entry = entry?;
            if !entry.file_name().to_str().is_some_and(|name| named.contains(name)) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    fn stored(&self, key: &str) -> io::Result<PathBuf> {
        Ok(self.root()?.join(STORE).join(key))
    }

    /// A new file in the store, which is gone again unless it is settled.
    fn arrival(&self) -> io::Result<(Part, fs::File)> {
        let number = self.arrivals.fetch_add(1, Ordering::Relaxed);
        let path = self.root()?.join(STORE).join(format!("part-{number}"));
        let file = private(fs::OpenOptions::new().create(true).truncate(true)).open(&path)?;
        Ok((Part { path }, file))
    }

    fn settle(&self, part: Part, key: &str, name: String, size: u64) -> io::Result<StoredFile> {
        fs::rename(&part.path, self.stored(key)?)?;
        Ok(StoredFile { key: key.to_owned(), name, size })
    }

    /// The real path of a file that a command names.
    fn existing(&self, path: &str) -> Result<PathBuf, Failure> {
        let root = self.root().map_err(|error| broken(&error))?;
        let missing = |_| {
            refused(
                FailureCode::NotFound,
                path,
                &format!("is no file in the sandbox's folder {}, where paths belong", root.display()),
            )
        };
        let real = root.join(path).canonicalize().map_err(missing)?;
        confine(root, &real, path)?;
        if !real.is_file() {
            return Err(refused(FailureCode::NotFound, path, "is no file"));
        }
        Ok(real)
    }

    /// The real path at which a command may write; the folders on the way are made.
    fn writable(&self, path: &str) -> Result<PathBuf, Failure> {
        let root = self.root().map_err(|error| broken(&error))?;
        let outside = || {
            refused(
                FailureCode::NotFound,
                path,
                &format!("lies outside the sandbox's folder {}, where paths belong", root.display()),
            )
        };
        let relative = match Path::new(path).strip_prefix(root) {
            Ok(relative) => relative,
            Err(_) => Path::new(path),
        };
        if !relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
            return Err(outside());
        }
        let name = relative.file_name().ok_or_else(|| refused(FailureCode::NotFound, path, "names no file"))?;
        let unwritten = |error: io::Error| unwritable(path, &error);
        let mut folder = root.to_path_buf();
        for part in relative.parent().into_iter().flat_map(Path::components) {
            let next = folder.join(part);
            if fs::symlink_metadata(&next).is_err() {
                fs::create_dir(&next).map_err(unwritten)?;
            }
            folder = next.canonicalize().map_err(unwritten)?;
            confine(root, &folder, path)?;
        }
        let target = folder.join(name);
        confine(root, &target, path)?;
        Ok(target)
    }
}

impl Drop for FileStore {
    fn drop(&mut self) {
        if let (FileRoot::Temporary, Some(root)) = (&self.place, self.root.get()) {
            let _ = fs::remove_dir_all(root);
        }
    }
}

/// A file on its way into the store.
pub(super) struct Arriving {
    part: Part,
    file: tokio::io::BufWriter<tokio::fs::File>,
    name: String,
    limit: u64,
    hash: Sha256,
    size: u64,
}

impl Arriving {
    /// Takes the next piece.
    pub(super) async fn write(&mut self, piece: &[u8]) -> Result<(), Failure> {
        self.size += piece.len() as u64;
        check_size(self.size, self.limit)?;
        self.hash.update(piece);
        self.file.write_all(piece).await.map_err(|error| broken(&error))
    }

    /// Takes the end.
    pub(super) async fn finish(mut self, disk: &FileStore) -> Result<StoredFile, Failure> {
        self.file.flush().await.map_err(|error| broken(&error))?;
        let key = hex(&self.hash.finalize());
        disk.settle(self.part, &key, self.name, self.size).map_err(|error| broken(&error))
    }
}

/// A file that is not stored yet; it goes when it is let go of.
struct Part {
    path: PathBuf,
}

impl Drop for Part {
    fn drop(&mut self) {
        // After it was settled there is nothing at this path any more.
        let _ = fs::remove_file(&self.path);
    }
}

/// Refuses a real path outside the folder, or within its store.
fn confine(root: &Path, real: &Path, path: &str) -> Result<(), Failure> {
    if real.starts_with(root) && !real.starts_with(root.join(STORE)) {
        return Ok(());
    }
    Err(refused(
        FailureCode::NotFound,
        path,
        &format!("lies outside the sandbox's folder {}, where paths belong", root.display()),
    ))
}

fn temporary_folder() -> io::Result<PathBuf> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    loop {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("hotline-sandbox-{}-{number}", std::process::id()));
        match fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            // Left behind by a process of the same number.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Failure> + Send + 'static) -> Result<T, Failure> {
    let stopped = |_| Failure::new(FailureCode::Malformed, "the sandbox stops");
    tokio::task::spawn_blocking(work).await.map_err(stopped)?
}

fn check_size(size: u64, limit: u64) -> Result<(), Failure> {
    if size > limit {
        let message = format!("a file has at most {limit} bytes");
        return Err(Failure::new(FailureCode::ExceedFileMaxSize, message));
    }
    Ok(())
}

fn refused(code: FailureCode, path: &str, what: &str) -> Failure {
    Failure::new(code, format!("\"path\" {path} {what}"))
}

fn unreadable(path: &str, error: &io::Error) -> Failure {
    refused(FailureCode::NotFound, path, &format!("cannot be read: {error}"))
}

fn unwritable(path: &str, error: &io::Error) -> Failure {
    refused(FailureCode::NotFound, path, &format!("cannot be written: {error}"))
}

fn broken(error: &io::Error) -> Failure {
    Failure::new(FailureCode::Malformed, format!("the sandbox cannot keep the file: {error}"))
}
