//! Files that go out by a url: whoever has the url gets the file, until it expires.
//!
//! A url tells nothing that could be guessed: it carries an authentication code, so that none is kept, and each still holds after a
//! restart.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use data_encoding::HEXLOWER;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use url::Url;

use super::folders::{FolderError, Folders};
use crate::clock::Timestamp;

/// How long a url holds: LINE's servers and apps fetch a file when somebody looks at it.
const LIFE: Timestamp = 7 * 24 * 3_600 * 1_000;
/// The first part of the path of every url.
pub const PUBLISHED: &str = "files";

/// What hands urls of files out. Clones share it.
#[derive(Clone, Debug)]
pub struct Publisher(Arc<Published>);

struct Published {
    secret: Vec<u8>,
    base: Url,
    folders: Folders,
}

/// A secret is not shown.
impl std::fmt::Debug for Published {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Published").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

impl Publisher {
    /// What hands out urls below `base` for the files of these folders; `secret` authenticates them.
    ///
    /// # Errors
    /// When a folder is not there.
    pub fn new(secret: Vec<u8>, base: Url, folders: &[PathBuf]) -> Result<Self, FolderError> {
        Ok(Self(Arc::new(Published { secret, base, folders: Folders::new(folders)? })))
    }

    /// The url below which everything stands that this bot serves.
    pub(super) fn base(&self) -> &Url {
        &self.0.base
    }

    /// The url of a file, and its size in bytes.
    ///
    /// # Errors
    /// When the file may not be opened, or cannot be.
    pub(super) async fn publish(&self, path: &str, now: Timestamp) -> Result<(Url, u64), FolderError> {
        let source = self.0.folders.open(path).await?;
        let (folder, relative) = self.0.folders.place_of(&source.path).ok_or_else(|| self.0.folders.outside(path))?;
        let until = now.saturating_add(LIFE);
        let code = self.code(folder, &relative, until);
        let mut url = self.0.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend([PUBLISHED, &code, &until.to_string(), &folder.to_string()]);
            segments.extend(relative.iter());
        }
        Ok((url, source.size))
    }

    /// The file of a url whose path ends with these parts, while it holds.
    pub fn find(&self, code: &str, until: &str, folder: &str, relative: &str, now: Timestamp) -> Option<PathBuf> {
        let (until, folder): (Timestamp, usize) = (until.parse().ok()?, folder.parse().ok()?);
        let parts: Vec<_> = relative.split('/').map(str::to_owned).collect();
        let given = HEXLOWER.decode(code.as_bytes()).ok()?;
        let is_given_out = self.authenticated(folder, &parts, until).verify_slice(&given).is_ok();
        (is_given_out && now < until).then(|| self.0.folders.file(folder, Path::new(relative)))?
    }

    fn code(&self, folder: usize, relative: &[String], until: Timestamp) -> String {
        HEXLOWER.encode(&self.authenticated(folder, relative, until).finalize().into_bytes())
    }

    fn authenticated(&self, folder: usize, relative: &[String], until: Timestamp) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0.secret).expect("a secret of any length is taken");
        mac.update(format!("{PUBLISHED}\n{folder}\n{until}\n{}", relative.join("/")).as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_what_was_handed_out_is_found_and_only_for_a_while() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("cats")).expect("a folder");
        std::fs::write(folder.path().join("cats/a cat.png"), "cat").expect("a file");
        let base = Url::parse("https://bot.example.com/line/").expect("a url");
        let publisher = Publisher::new(b"secret".to_vec(), base, &[folder.path().to_owned()]).expect("a folder");
        let (url, size) = publisher.publish("cats/a cat.png", 1_000).await.expect("it may be opened");
        assert_eq!(size, 3);
        assert!(url.as_str().starts_with("https://bot.example.com/line/files/"), "{url}");
        assert!(url.as_str().ends_with("/0/cats/a%20cat.png"), "{url}");
        let parts: Vec<_> = url.path_segments().expect("a path").skip(2).collect();
        let [code, until, place, ..] = parts[..] else { panic!("{parts:?}") };
        let find = |code: &str, until: &str, relative: &str, now| publisher.find(code, until, place, relative, now);
        assert!(find(code, until, "cats/a cat.png", 1_000 + LIFE - 1).is_some());
        assert_eq!(find(code, until, "cats/a cat.png", 1_000 + LIFE), None);
        assert_eq!(find(code, until, "cats/../cats/a cat.png", 1_000), None);
        assert_eq!(find(code, "99999999999999", "cats/a cat.png", 1_000), None);
        assert_eq!(find(&code.replace(['0', '1'], "2"), until, "cats/a cat.png", 1_000), None);
        assert!(publisher.publish("../secret", 1_000).await.is_err());
    }
}
