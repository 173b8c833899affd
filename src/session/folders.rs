//! The folders whose files Hotline may open for scripts. What is done with the files is not known here.

use std::path::{Path, PathBuf};

use tokio::fs::{self, File, OpenOptions};
use tokio::io::AsyncWriteExt;

/// Why a file may not be opened, or cannot be.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It lies elsewhere.
    #[error("{} is in none of the folders that the configuration allows for files{}", .path.display(), listed(.folders))]
    Outside {
        /// The path as given.
        path: PathBuf,
        /// The folders.
        folders: Vec<PathBuf>,
    },
    /// The operating system refuses.
    #[error("cannot use the file {}: {reason}", .path.display())]
    File {
        /// The path.
        path: PathBuf,
        /// What is wrong.
        reason: std::io::Error,
    },
    /// A configured folder is not there.
    #[error("cannot use the folder {}: {reason}", .folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What is wrong.
        reason: std::io::Error,
    },
}

fn listed(folders: &[PathBuf]) -> String {
    if folders.is_empty() {
        return ", which are none yet: name some with files = [\"FOLDER\"]".to_owned();
    }
    let names: Vec<_> = folders.iter().map(|folder| folder.display().to_string()).collect();
    format!(": {}", names.join(", "))
}

/// Some folders, as they really are: without symbolic links.
#[derive(Clone, Debug)]
pub(super) struct Folders(Vec<PathBuf>);

/// A file to be read.
#[derive(Debug)]
pub(super) struct UploadSource {
    pub(super) file: File,
    /// Where it really is.
    pub(super) path: PathBuf,
    pub(super) size: u64,
    pub(super) name: String,
}

impl Folders {
    pub(super) fn new(folders: &[PathBuf]) -> Result<Self, FolderError> {
        let real = |folder: &PathBuf| {
            std::fs::canonicalize(folder).map_err(|reason| FolderError::Folder { folder: folder.clone(), reason })
        };
        folders.iter().map(real).collect::<Result<_, _>>().map(Self)
    }

    /// Opens a file for reading. A relative path is looked for in the folders, in their order.
    ///
    /// Invariant: what is opened lies in one of the folders after all symbolic links are followed.
    pub(super) async fn open(&self, path: &str) -> Result<UploadSource, FolderError> {
        let mut missing = None;
        for candidate in self.candidates(path) {
            let failed = |reason| FolderError::File { path: candidate.clone(), reason };
            let real = match fs::canonicalize(&candidate).await {
                Ok(real) => real,
                Err(error) => {
                    // Whether a file exists elsewhere is not told.
                    if self.holds(&candidate) {
                        missing.get_or_insert(failed(error));
                    }
                    continue;
                }
            };
            if !self.holds(&real) {
                return Err(self.outside(path));
            }
            let metadata = fs::metadata(&real).await.map_err(failed)?;
            if !metadata.is_file() {
                return Err(failed(std::io::Error::other("it is no regular file")));
            }
            let file = File::open(&real).await.map_err(failed)?;
            let size = file.metadata().await.map_err(failed)?.len();
            let name = candidate.file_name().unwrap_or_default().to_string_lossy().into_owned();
            return Ok(UploadSource { file, path: real, size, name });
        }
        Err(missing.unwrap_or_else(|| self.outside(path)))
    }

    /// Begins a file that appears under its name only when it is finished. A relative path is in the first folder.
    pub(super) async fn create(&self, path: &str) -> Result<DownloadTarget, FolderError> {
        let candidate = self.candidates(path).next().ok_or_else(|| self.outside(path))?;
        let (Some(parent), Some(name)) = (candidate.parent(), candidate.file_name()) else {
            return Err(self.outside(path));
        };
        let failed = |reason| FolderError::File { path: candidate.clone(), reason };
        let parent = match fs::canonicalize(parent).await {
            Ok(parent) => parent,
            Err(error) if self.holds(parent) => return Err(failed(error)),
            Err(_) => return Err(self.outside(path)),
        };
        if !self.holds(&parent) {
            return Err(self.outside(path));
        }
        let partial = parent.join(format!(".{:016x}.part", rand::random::<u64>()));
        let file = OpenOptions::new().write(true).create_new(true).open(&partial).await.map_err(failed)?;
        Ok(DownloadTarget { file, partial, path: parent.join(name), is_finished: false })
    }

    /// Which of the folders a file is in that was opened, and the parts of its path below that.
    pub(super) fn place_of(&self, real: &Path) -> Option<(usize, Vec<String>)> {
        let below = |folder: &PathBuf| real.strip_prefix(folder).ok();
        let (index, relative) = self.0.iter().enumerate().find_map(|(index, folder)| Some((index, below(folder)?)))?;
        let parts = relative.components().map(|part| Some(part.as_os_str().to_str()?.to_owned()));
        Some((index, parts.collect::<Option<_>>()?))
    }

    /// The file of such a place, where it is still one of these folders' own.
    pub(super) fn file(&self, folder: usize, relative: &Path) -> Option<PathBuf> {
        let path = self.0.get(folder)?.join(relative);
        std::fs::canonicalize(&path).ok().filter(|real| self.holds(real))
    }

    fn candidates(&self, path: &str) -> impl Iterator<Item = PathBuf> {
        let path = Path::new(path);
        let bases: Vec<&Path> =
            if path.is_absolute() { vec![Path::new("")] } else { self.0.iter().map(PathBuf::as_path).collect() };
        bases.into_iter().map(move |base| base.join(path))
    }

    fn holds(&self, path: &Path) -> bool {
        let climbs = path.components().any(|part| part == std::path::Component::ParentDir);
        !climbs && self.0.iter().any(|folder| path.starts_with(folder))
    }

    pub(super) fn outside(&self, path: &str) -> FolderError {
        FolderError::Outside { path: path.into(), folders: self.0.clone() }
    }
}

/// A file that is being written; dropped before its end, it leaves nothing behind.
#[derive(Debug)]
pub(super) struct DownloadTarget {
    file: File,
    partial: PathBuf,
    path: PathBuf,
    is_finished: bool,
}

impl DownloadTarget {
    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), FolderError> {
        let written = self.file.write_all(bytes).await;
        written.map_err(|reason| FolderError::File { path: self.path.clone(), reason })
    }

    /// Gives the file its name, in the place of an earlier one, and tells it.
    pub(super) async fn finish(mut self) -> Result<PathBuf, FolderError> {
        let failed = |reason| FolderError::File { path: self.path.clone(), reason };
        self.file.flush().await.map_err(failed)?;
        fs::rename(&self.partial, &self.path).await.map_err(failed)?;
        self.is_finished = true;
        Ok(self.path.clone())
    }
}

impl Drop for DownloadTarget {
    fn drop(&mut self) {
        if !self.is_finished {
            // Nothing more can be done about it than to leave the partial file.
            let _ = std::fs::remove_file(&self.partial);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_files_within_the_folders_are_opened() {
        let base = tempfile::tempdir().expect("a folder");
        let inside = base.path().join("media");
        std::fs::create_dir(&inside).expect("a folder");
        std::fs::write(inside.join("cat.png"), "cat").expect("a file");
        std::fs::write(base.path().join("secret"), "secret").expect("a file");
        let folders = Folders::new(std::slice::from_ref(&inside)).expect("it is there");
        let cat = folders.open("cat.png").await.expect("it may be opened");
        assert_eq!((cat.size, cat.name.as_str()), (3, "cat.png"));
        folders.open(&inside.join("cat.png").to_string_lossy()).await.expect("an absolute path may be, too");
        let secret = base.path().join("secret").to_string_lossy().into_owned();
        for outside in ["../secret", &secret, "/etc/passwd", "/nowhere/at/all", "../media2/x"] {
            let error = folders.open(outside).await.expect_err("it is outside");
            assert!(matches!(error, FolderError::Outside { .. }), "{outside}: {error}");
        }
        assert!(matches!(folders.open("dog.png").await, Err(FolderError::File { .. })));
        assert!(matches!(folders.open(".").await, Err(FolderError::File { .. })), "a folder is no file");
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(base.path().join("secret"), inside.join("link")).expect("a link");
            assert!(matches!(folders.open("link").await, Err(FolderError::Outside { .. })));
            std::os::unix::fs::symlink(base.path(), inside.join("up")).expect("a link");
            assert!(matches!(folders.create("up/new").await, Err(FolderError::Outside { .. })));
        }
        assert!(matches!(folders.create("../new").await, Err(FolderError::Outside { .. })));
        assert!(matches!(folders.create("..").await, Err(FolderError::Outside { .. })));
    }

    #[tokio::test]
    async fn an_unfinished_file_leaves_nothing_behind() {
        let base = tempfile::tempdir().expect("a folder");
        let folders = Folders::new(&[base.path().to_owned()]).expect("it is there");
        let mut target = folders.create("cat.png").await.expect("it may be created");
        target.write(b"ca").await.expect("it is written");
        drop(target);
        assert_eq!(std::fs::read_dir(base.path()).expect("a folder").count(), 0);
        let mut target = folders.create("cat.png").await.expect("it may be created");
        target.write(b"cat").await.expect("it is written");
        let path = target.finish().await.expect("it is finished");
        assert_eq!(std::fs::read(path).expect("a file"), b"cat");
        assert_eq!(std::fs::read_dir(base.path()).expect("a folder").count(), 1);
    }
}
