//! The disk as scripts come from it: what is there, what cannot be read, what is missing, and whether it has moved since.
//!
//! What becomes of a script that is missing or cannot be read is decided in `library`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File, FileType, Metadata};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How coarse a file system's time stamps may be: one that is younger does not tell the next save from this one.
const COARSE: Duration = Duration::from_secs(2);

/// What stands at a path.
///
/// Only [`Missing`](Self::Missing) may ever be taken for a deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sight<T> {
    /// It is there and has been read.
    Present(T),
    /// Something is there, or may be there, and cannot be read, in words: no permission, a fault of the device, no free
    /// file descriptor, links in a circle, another thing than a file.
    Unreadable(String),
    /// Nothing is there, or a link that leads to nothing.
    Missing,
}

impl<T> Sight<T> {
    fn of(result: io::Result<T>) -> Self {
        match result {
            Ok(found) => Self::Present(found),
            Err(error) if error.kind() == ErrorKind::NotFound => Self::Missing,
            Err(error) => Self::Unreadable(read_error(&error)),
        }
    }

    /// What was read, or in words why there is nothing.
    ///
    /// # Errors
    /// When it cannot be read or is missing.
    pub(crate) fn read(self) -> Result<T, String> {
        match self {
            Self::Present(found) => Ok(found),
            Self::Unreadable(reason) => Err(reason),
            Self::Missing => Err(read_error(&ErrorKind::NotFound.into())),
        }
    }
}

/// Reads, and remembers how everything was just before it was looked at, also what was not there.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    seen: RefCell<Seen>,
}

/// Paths that were looked at, and how they were then.
pub(crate) type Seen = BTreeMap<PathBuf, Stamp>;

impl Disk {
    /// The text of a file.
    pub(crate) fn text(&self, path: &Path) -> Sight<String> {
        let stamp = Stamp::of(path);
        let text = Sight::of(read_text(path));
        self.remember(path, stamp, &text);
        text
    }

    /// The scripts of a folder: its own `*.rhai` files but for tests, in the order of their paths.
    ///
    /// Those that cannot be read are among them, a link that leads to nothing and a folder are not.
    pub(crate) fn scripts_in(&self, folder: &Path) -> Sight<Vec<PathBuf>> {
        let stamp = Stamp::of(folder);
        let scripts = Sight::of(self.list(folder));
        self.remember(folder, stamp, &scripts);
        scripts
    }

    /// Whether nothing stands at a path.
    pub(crate) fn is_missing(&self, path: &Path) -> bool {
        let stamp = Stamp::of(path);
        self.seen.borrow_mut().insert(path.to_owned(), stamp);
        stamp == Stamp::Missing
    }

    /// All that was looked at.
    pub(crate) fn seen(self) -> Seen {
        self.seen.into_inner()
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let mut scripts = Vec::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            // Editors leave hidden and backup files beside the real ones; `.rhai` must be all there is at the end.
            let is_script = name.ends_with(".rhai") && !name.ends_with("_test.rhai") && !name.starts_with('.');
            if is_script && !self.is_missing(&path) && !path.is_dir() {
                scripts.push(path);
            }
        }
        scripts.sort();
        Ok(scripts)
    }

    fn remember<T>(&self, path: &Path, stamp: Stamp, sight: &Sight<T>) {
        let stamp = if matches!(sight, Sight::Unreadable(_)) { Stamp::Unread } else { stamp };
        self.seen.borrow_mut().insert(path.to_owned(), stamp);
    }
}

/// What tells a version of a file or folder from another one, links followed, without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stamp {
    /// It is there.
    There {
        /// Device and number of the file.
        identity: (u64, u64),
        /// Its length in bytes.
        length: u64,
        /// When its content and its description changed last, in nanoseconds since 1970.
        changed: (i128, i128),
        /// Whether that was so shortly before that a further change may have the same times.
        is_fresh: bool,
    },
    /// Nothing is there.
    Missing,
    /// It could not be read: nobody knows how it is, and whether it can be read now shows only by reading.
    Unread,
}

impl Stamp {
    /// How a path is now.
    pub(crate) fn of(path: &Path) -> Self {
        match fs::metadata(path) {
            Ok(found) => Self::of_metadata(&found),
            Err(error) if error.kind() == ErrorKind::NotFound => Self::Missing,
            Err(_) => Self::Unread,
        }
    }

    /// Whether a path may be another one by now, or have another content.
    pub(crate) fn has_moved(self, path: &Path) -> bool {
        match self {
            Self::Unread | Self::There { is_fresh: true, .. } => true,
            Self::There { .. } | Self::Missing => Self::of(path) != self,
        }
    }

    fn of_metadata(found: &Metadata) -> Self {
        let (identity, changed) = identity(found);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let age = i128::try_from(now).unwrap_or(i128::MAX).saturating_sub(changed.0.max(changed.1));
        let is_fresh = u128::try_from(age).is_ok_and(|age| age < COARSE.as_nanos());
        Self::There { identity, length: found.len(), changed, is_fresh }
    }
}

#[cfg(unix)]
fn identity(found: &Metadata) -> ((u64, u64), (i128, i128)) {
    use std::os::unix::fs::MetadataExt;
    let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
    let changed = nanoseconds(found.mtime(), found.mtime_nsec());
    let described = nanoseconds(found.ctime(), found.ctime_nsec());
    ((found.dev(), found.ino()), (changed, described))
}

#[cfg(not(unix))]
fn identity(found: &Metadata) -> ((u64, u64), (i128, i128)) {
    let since = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_nanos().try_into().ok();
    let changed = found.modified().ok().and_then(since).unwrap_or_default();
    ((0, 0), (changed, changed))
}

/// The text of a file.
///
/// # Errors
/// When it is missing, cannot be read, or is no text.
pub(crate) fn read_text(path: &Path) -> io::Result<String> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // A pipe in a file's place would hold the reader until somebody writes.
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    }
    let mut file = options.open(path).map_err(|error| match fs::metadata(path) {
        // What a socket says of itself helps nobody.
        Ok(found) if !found.is_file() => no_file(found.file_type()),
        _ => error,
    })?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(no_file(found.file_type()));
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    // Some editors begin a file with a byte order mark, which is no part of the script.
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(text)
}

/// Why a file could not be read, in a few words.
pub(crate) fn read_error(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "there is no such file".to_owned(),
        ErrorKind::PermissionDenied => "it cannot be read: permission denied".to_owned(),
        ErrorKind::InvalidData => "it is no text in UTF-8".to_owned(),
        _ => format!("it cannot be read: {error}"),
    }
}

fn no_file(kind: FileType) -> io::Error {
    let found = if kind.is_dir() { "a folder" } else { "no regular file" };
    io::Error::other(format!("found {found}, expected a file"))
}
