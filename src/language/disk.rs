//! The disk as scripts come from it: what is there, what cannot be read, what is missing, and whether it has moved since.
//!
//! What becomes of a script that is missing or cannot be read is decided where scripts are run.

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
    seen: RefCell<Stamps>,
}

/// Paths that were looked at, and how they were then.
pub(crate) type Stamps = BTreeMap<PathBuf, Stamp>;

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
        stamp.is_missing()
    }

    /// Remembers how a folder is, and what in it has such a name.
    pub(crate) fn note(&self, folder: &Path, has_name: impl Fn(&str) -> bool) {
        self.is_missing(folder);
        // Where it cannot be read, somebody else says so.
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if has_name(&entry.file_name().to_string_lossy()) {
                self.is_missing(&entry.path());
            }
        }
    }

    /// Remembers what somebody else looked at.
    pub(crate) fn add(&self, seen: Stamps) {
        self.seen.borrow_mut().extend(seen);
    }

    /// All that was looked at.
    pub(crate) fn seen(self) -> Stamps {
        self.seen.into_inner()
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let mut scripts = Vec::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if is_script_name(&name_of(&path)) && !self.is_missing(&path) && !path.is_dir() {
                scripts.push(path);
            }
        }
        scripts.sort();
        Ok(scripts)
    }

    fn remember<T>(&self, path: &Path, stamp: Stamp, sight: &Sight<T>) {
        let is_doubtful = stamp.is_doubtful || matches!(sight, Sight::Unreadable(_));
        let stamp = Stamp { is_doubtful, ..stamp };
        self.seen.borrow_mut().insert(path.to_owned(), stamp);
    }
}

/// How a path was at a time, links followed, as far as that shows without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    found: Version,
    /// Whether a change may not show: a further one may have the same times, or only reading tells whether it can be read.
    pub(crate) is_doubtful: bool,
}

/// What tells a version of a file or folder from another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    There {
        /// Device and number.
        identity: (u64, u64),
        is_folder: bool,
        /// In bytes.
        length: u64,
        /// When its content and its description changed last, in nanoseconds since 1970.
        changed: (i128, i128),
    },
    Missing,
    Unreadable,
}

impl Stamp {
    /// How a path is now.
    pub(crate) fn of(path: &Path) -> Self {
        match fs::metadata(path) {
            Ok(found) => {
                let (identity, changed) = identity(&found);
                let version = Version::There { identity, is_folder: found.is_dir(), length: found.len(), changed };
                Self { found: version, is_doubtful: is_recent(changed.0.max(changed.1)) }
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Self { found: Version::Missing, is_doubtful: false },
            Err(_) => Self { found: Version::Unreadable, is_doubtful: true },
        }
    }

    /// Whether a path is another one by now, or shows another content.
    pub(crate) fn has_moved(self, path: &Path) -> bool {
        Self::of(path).found != self.found
    }

    /// The stamp of a path that somebody else saw differently.
    pub(crate) fn or(self, other: Self) -> Self {
        let is_doubtful = self.is_doubtful || other.is_doubtful || self.found != other.found;
        Self { is_doubtful, ..self }
    }

    /// Whether nothing is there.
    pub(crate) fn is_missing(self) -> bool {
        self.found == Version::Missing
    }

    /// Whether a folder is there.
    pub(crate) fn is_folder(self) -> bool {
        matches!(self.found, Version::There { is_folder: true, .. })
    }

    /// What tells what is there from another file or folder of its name.
    pub(crate) fn identity(self) -> Option<(u64, u64)> {
        if let Version::There { identity, .. } = self.found { Some(identity) } else { None }
    }
}

/// Whether a time, in nanoseconds since 1970, is so short ago that a file system may give it again.
fn is_recent(time: i128) -> bool {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
    let age = i128::try_from(now).unwrap_or(i128::MAX).saturating_sub(time);
    u128::try_from(age).is_ok_and(|age| age < COARSE.as_nanos())
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

/// Whether a file of this name is a script.
pub(crate) fn is_script_name(name: &str) -> bool {
    // Editors leave hidden and backup files beside the real ones; `.rhai` must be all there is at the end.
    name.ends_with(".rhai") && !name.ends_with("_test.rhai") && !name.starts_with('.')
}

/// The last part of a path, for people.
pub(crate) fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The folder that a path lies in.
pub(crate) fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
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
