//! Watching the scripts' folders: when to look again, and for how long to let a save settle.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::library::{Changes, Library, Look};
use crate::store::is_data_file;

/// How long it must be quiet after a change before it is looked at.
const SETTLE: Duration = Duration::from_millis(40);

/// How long changes that go on and on can put off the look.
const SETTLE_AT_MOST: Duration = Duration::from_millis(400);

/// How much longer a version is held that is empty, or does not compile, or is gone.
const HOLD: Duration = Duration::from_millis(250);

/// How often folders are looked at that cannot be watched.
const POLL: Duration = Duration::from_secs(1);

/// What a [`watch`] listens to.
#[derive(Clone, Copy, Debug)]
pub enum Notice {
    /// Something changed in a watched folder, at this time.
    Changed(Instant),
    /// Watching is over.
    Stop,
}

/// Looks at the library whenever its folders change and hands on what was found, with the time of the save.
///
/// It ends when `receiver` gets [`Notice::Stop`]; `sender` is the other end of the same channel.
pub fn watch(
    library: &mut Library,
    sender: mpsc::Sender<Notice>,
    receiver: &mpsc::Receiver<Notice>,
    mut apply: impl FnMut(&Library, Changes, Instant),
) {
    let mut watched = Watched::new();
    let notify = move |event: notify::Result<notify::Event>| {
        // Looking at a file is an event too, and the journal may lie beside the scripts.
        let concerns = |event: notify::Event| {
            let is_data = |path: &PathBuf| path.file_name().is_some_and(|name| is_data_file(&name.to_string_lossy()));
            let is_of_data = !event.paths.is_empty() && event.paths.iter().all(is_data);
            !matches!(event.kind, EventKind::Access(_)) && !is_of_data
        };
        if event.is_ok_and(concerns) {
            // The receiver is gone only when the watch has ended.
            let _ = sender.send(Notice::Changed(Instant::now()));
        }
    };
    let mut watcher = notify::recommended_watcher(notify)
        .inspect_err(|error| {
            tracing::warn!("changes of scripts cannot be watched ({error}); they are looked for every {POLL:?}")
        })
        .ok();
    // When to look again at what did not count at first, and when that was saved.
    let mut look_again: Option<(Instant, Instant)> = None;
    // What was saved between the first reading and the watching is seen by the first look.
    let mut saved = Some(Instant::now());
    loop {
        if follow(&mut watcher, &mut watched, library) {
            saved.get_or_insert_with(Instant::now);
        }
        if saved.is_none() {
            let wait = look_again.map_or(POLL, |(at, _)| at.saturating_duration_since(Instant::now()).min(POLL));
            match receiver.recv_timeout(wait) {
                Ok(Notice::Changed(at)) => saved = Some(at),
                Err(RecvTimeoutError::Timeout) if library.has_moved() => saved = Some(Instant::now()),
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Notice::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
        if let Some(at) = saved.take() {
            while at.elapsed() < SETTLE_AT_MOST {
                match receiver.recv_timeout(SETTLE) {
                    Ok(Notice::Changed(_)) => {}
                    Ok(Notice::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                    Err(RecvTimeoutError::Timeout) => break,
                }
            }
            let changes = library.look(Look::First);
            if changes.unsettled {
                look_again = Some((Instant::now() + HOLD, at));
            }
            apply(library, changes, at);
        }
        if let Some((_, at)) = look_again.filter(|(at, _)| *at <= Instant::now()) {
            let changes = library.look(Look::Settled);
            look_again = changes.unsettled.then(|| (Instant::now() + HOLD, at));
            apply(library, changes, at);
        }
    }
}

/// Watches the folders that the library's scripts come from now; true means that one has taken the place of another, so that
/// what is in it has not been seen.
fn follow(watcher: &mut Option<RecommendedWatcher>, watched: &mut Watched, library: &Library) -> bool {
    let Some(watcher) = watcher else { return false };
    let mut has_replaced = false;
    for folder in library.folders() {
        let identity = Identity::of(&folder);
        let before = watched.insert(folder.clone(), identity);
        if before == Some(identity) {
            continue;
        }
        if before.is_some() {
            has_replaced = true;
            // The system has forgotten the folder that was watched, or watches it where it is now.
            let _ = watcher.unwatch(&folder);
        }
        if identity.is_some()
            && let Err(error) = watcher.watch(&folder, RecursiveMode::Recursive)
        {
            tracing::warn!("changes in {} are not seen: {error}", folder.display());
        }
    }
    has_replaced
}

/// The folders that are watched; those that are not there have no identity.
type Watched = BTreeMap<PathBuf, Option<Identity>>;

/// What tells a folder apart from another one of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity(u64, u64);

impl Identity {
    #[cfg(unix)]
    fn of(folder: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        folder.metadata().ok().map(|folder| Self(folder.dev(), folder.ino()))
    }

    /// A folder cannot be replaced unseen while a program watches it.
    #[cfg(not(unix))]
    fn of(folder: &Path) -> Option<Self> {
        folder.is_dir().then_some(Self(0, 0))
    }
}
