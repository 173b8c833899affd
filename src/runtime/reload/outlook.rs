//! Noticing that files may have changed, by whatever road: the system's events, and a look at each of them every second.
//!
//! What has changed, and what that means, is for whoever reads them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::settle::{Due, Settle};
use crate::language::disk::{Stamp, Stamps, name_of, parent};

/// How often every file is looked at, since there are changes that the system does not report: a link in the middle of a
/// chain, a file on a mount, and every one where its watches are used up.
const POLL: Duration = Duration::from_secs(1);

/// How many notices may wait; they come as fast as files are saved, and are taken in one go.
const NOTICES: usize = 1_024;

/// What an outlook listens to.
enum Notice {
    /// Something happened to these paths; without any, to whatever is watched.
    Changed(Vec<PathBuf>),
    Asked,
    Stop,
}

/// What a wait ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// Something may have changed, at this time, and it has been quiet since.
    Changed(Instant),
    /// It does not show whether something has changed: only reading tells.
    Doubtful,
    /// What was held, saved at this time, is to be read again: it counts now, whatever it is.
    Held(Instant),
    /// Somebody wants the wait to end, and nothing of it.
    Asked,
    /// The outlook has been ended.
    Over,
}

/// Ends an outlook, or what it waits for.
#[derive(Clone)]
pub(crate) struct End(SyncSender<Notice>);

impl End {
    /// Has the next wait be over.
    pub(crate) fn now(&self) {
        // An outlook that is gone needs no end.
        let _ = self.0.send(Notice::Stop);
    }

    /// Has the wait end that goes on now, or the next one.
    pub(crate) fn wake(&self) {
        // What there is no room for need not come: the notices that fill it end the wait.
        let _ = self.0.try_send(Notice::Asked);
    }
}

/// Reports what happened to files, on the thread of the system's watcher.
struct Reporter {
    sender: SyncSender<Notice>,
    has_missed: Arc<AtomicBool>,
}

impl Reporter {
    /// Says what happened to these paths, and does not wait: an outlook may itself wait for the watcher.
    fn report(&self, paths: Vec<PathBuf>) {
        // The receiver is gone only when the outlook has ended.
        if let Err(TrySendError::Full(_)) = self.sender.try_send(Notice::Changed(paths)) {
            self.has_missed.store(true, Ordering::Relaxed);
        }
    }
}

/// Folders without links in their paths, and what tells each from another one of its name.
type Folders = BTreeMap<PathBuf, (u64, u64)>;

/// Watches files and folders, wherever links lead, whether they are there or not.
pub(crate) struct Outlook {
    /// Whether a file of this name that comes into a folder that is followed is a change.
    is_news: fn(&str) -> bool,
    receiver: Receiver<Notice>,
    /// Whether there was no room for a notice: then whatever is watched may have changed.
    has_missed: Arc<AtomicBool>,
    watcher: Option<RecommendedWatcher>,
    /// The folders that are watched.
    folders: Folders,
    /// How the system names what is followed, and the folders among it.
    names: BTreeSet<PathBuf>,
    listings: BTreeSet<PathBuf>,
    /// What is followed, and how it was when it was read.
    seen: Stamps,
    /// Whether a watched folder has been moved or replaced, so that the system may have ceased to watch it.
    is_stale: bool,
    /// Whether it was said that something cannot be watched.
    is_warned: bool,
    settle: Settle,
    next_poll: Instant,
}

impl Outlook {
    /// An outlook on nothing yet, and what ends it. A folder that is followed has changed when a file comes whose name is news.
    pub(crate) fn new(is_news: fn(&str) -> bool) -> (Self, End) {
        let (sender, receiver) = sync_channel(NOTICES);
        let (end, has_missed) = (End(sender.clone()), Arc::<AtomicBool>::default());
        let reporter = Reporter { sender, has_missed: Arc::clone(&has_missed) };
        let notify = move |event: notify::Result<notify::Event>| {
            // Looking at a file is an event too.
            if let Ok(event) = event
                && !matches!(event.kind, EventKind::Access(_))
            {
                reporter.report(event.paths);
            }
        };
        let watcher = notify::recommended_watcher(notify);
        let watcher = watcher.map_err(|error| warn("changes of files", error)).ok();
        let outlook = Self {
            is_news,
            receiver,
            has_missed,
            watcher,
            folders: Folders::new(),
            names: BTreeSet::new(),
            listings: BTreeSet::new(),
            seen: Stamps::new(),
            is_stale: false,
            is_warned: false,
            settle: Settle::default(),
            next_poll: Instant::now() + POLL,
        };
        (outlook, end)
    }

    /// Follows these from now on, and nothing else.
    pub(crate) fn follow(&mut self, seen: Stamps) {
        if seen == self.seen && !self.is_stale {
            return;
        }
        let mut folders = BTreeSet::new();
        self.names.clear();
        self.listings.clear();
        for (path, stamp) in &seen {
            let real = fs::canonicalize(path).ok();
            if let (true, Some(real)) = (stamp.is_folder(), &real) {
                folders.insert(real.clone());
                self.listings.insert(real.clone());
            }
            for name in reported(path).into_iter().chain(real) {
                folders.extend(watchable(&name).map(Path::to_owned));
                self.names.insert(name);
            }
        }
        self.seen = seen;
        let identified = |folder: PathBuf| Some((Stamp::of(&folder).identity()?, folder));
        let folders = folders.into_iter().filter_map(identified).map(|(identity, folder)| (folder, identity));
        if self.watch(folders.collect()) && self.has_moved() {
            // It happened between the reading and the watching.
            self.settle.on_change(Instant::now());
        }
    }

    /// Has the files read again after a while: what was saved at that time may be half of a save.
    pub(crate) fn hold(&mut self, saved: Instant) {
        self.settle.hold(saved, Instant::now());
    }

    /// What was held is in order.
    pub(crate) fn release(&mut self) {
        self.settle.release();
    }

    /// Waits until something may have changed, or what is held is to be read again.
    pub(crate) fn wait(&mut self) -> Wake {
        loop {
            let now = Instant::now();
            match self.settle.due(now) {
                Some(Due::Changed(at)) => return Wake::Changed(at),
                Some(Due::Held(saved)) => return Wake::Held(saved),
                None => {}
            }
            let is_settling = self.settle.is_settling();
            if !is_settling && self.next_poll <= now {
                self.next_poll = now + POLL;
                if self.has_moved() {
                    self.settle.on_change(now);
                } else if self.seen.values().any(|stamp| stamp.is_doubtful) {
                    return Wake::Doubtful;
                }
                continue;
            }
            let next = match self.settle.next() {
                Some(settled) if is_settling => settled,
                Some(held) => held.min(self.next_poll),
                None => self.next_poll,
            };
            let notice = self.receiver.recv_timeout(next.saturating_duration_since(now));
            if self.has_missed.swap(false, Ordering::Relaxed) {
                self.settle.on_change(Instant::now());
            }
            match notice {
                // What happens beside it all the time puts nothing off.
                Ok(Notice::Changed(paths)) if self.concern(&paths) => self.settle.on_change(Instant::now()),
                // A wait for quiet ends soon, for another reason.
                Ok(Notice::Asked) if !is_settling => return Wake::Asked,
                Ok(Notice::Changed(_) | Notice::Asked) | Err(RecvTimeoutError::Timeout) => {}
                Ok(Notice::Stop) | Err(RecvTimeoutError::Disconnected) => return Wake::Over,
            }
        }
    }

    /// Whether what happened to these paths may have changed what is followed.
    fn concern(&mut self, paths: &[PathBuf]) -> bool {
        for path in paths {
            if self.folders.contains_key(path) {
                self.folders.retain(|folder, _| !folder.starts_with(path));
                self.is_stale = true;
            }
        }
        let is_followed = |path: &PathBuf| {
            // What happens to a folder happens to all that is in it.
            let mut inside = self.names.range::<PathBuf, _>(path..);
            inside.next().is_some_and(|name| name.starts_with(path)) || self.is_listed(path)
        };
        paths.is_empty() || paths.iter().any(is_followed)
    }

    fn is_listed(&self, path: &Path) -> bool {
        self.listings.contains(parent(path)) && (self.is_news)(&name_of(path))
    }

    fn has_moved(&mut self) -> bool {
        let (moved, other): (Vec<_>, Vec<_>) =
            self.seen.iter().filter(|(path, stamp)| stamp.has_moved(path)).partition(|(path, stamp)| {
                let is_same = stamp.is_folder() && Stamp::of(path).identity() == stamp.identity();
                !is_same || self.has_news(path)
            });
        if !moved.is_empty() {
            return true;
        }
        // What came into these folders, or went, concerns nobody.
        let other: Vec<_> = other.into_iter().map(|(path, _)| (path.clone(), Stamp::of(path))).collect();
        self.seen.extend(other);
        false
    }

    /// Whether a file has come into a folder whose name is news. One that went is missed by itself.
    fn has_news(&self, folder: &Path) -> bool {
        let is_new = |entry: fs::DirEntry| {
            (self.is_news)(&entry.file_name().to_string_lossy()) && !self.seen.contains_key(&entry.path())
        };
        fs::read_dir(folder).map_or(true, |mut entries| entries.any(|entry| entry.is_ok_and(is_new)))
    }

    /// Watches these folders and no others; true means that one is watched that was not before.
    fn watch(&mut self, folders: Folders) -> bool {
        self.is_stale = false;
        let Some(watcher) = &mut self.watcher else { return false };
        self.folders.retain(|folder, identity| {
            let keep = folders.get(folder) == Some(identity);
            if !keep {
                // The system has forgotten it, or watches it where it is now.
                let _ = watcher.unwatch(folder);
            }
            keep
        });
        let mut is_new = false;
        for (folder, identity) in folders {
            if self.folders.contains_key(&folder) {
                continue;
            }
            // Where it was moved and came back, the watch of before may be left.
            let _ = watcher.unwatch(&folder);
            match watcher.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.folders.insert(folder, identity);
                    is_new = true;
                }
                // Nobody can read what is in it, and that is said by whoever tries.
                Err(error) if is_of_permission(&error) => {}
                Err(error) if !self.is_warned => {
                    warn(&format!("changes in {}", folder.display()), error);
                    self.is_warned = true;
                }
                Err(_) => {}
            }
        }
        is_new
    }
}

/// How the system names a path in what it reports: with the folder that links lead to, as far as that is there.
fn reported(path: &Path) -> Option<PathBuf> {
    let mut rest = PathBuf::from(path.file_name()?);
    let mut folder = parent(path);
    loop {
        match (fs::canonicalize(folder), folder.file_name()) {
            (Ok(real), _) => return Some(real.join(rest)),
            (Err(_), Some(name)) => rest = Path::new(name).join(rest),
            (Err(_), None) => return None,
        }
        folder = parent(folder);
    }
}

/// The folder whose events tell of a path: its own, or the one around it that is there.
fn watchable(name: &Path) -> Option<&Path> {
    name.ancestors().skip(1).find(|folder| folder.is_dir())
}

fn is_of_permission(error: &notify::Error) -> bool {
    matches!(&error.kind, notify::ErrorKind::Io(error) if error.kind() == std::io::ErrorKind::PermissionDenied)
}

fn warn(what: &str, mut error: notify::Error) {
    // It has been named.
    error.paths.clear();
    tracing::warn!("{what} are not reported by the system ({error}); they are looked for every {POLL:?}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamps(paths: &[&Path]) -> Stamps {
        paths.iter().map(|path| (path.to_path_buf(), Stamp::of(path))).collect()
    }

    fn is_rhai(name: &str) -> bool {
        name.ends_with(".rhai")
    }

    /// What comes next that is no doubt.
    fn next(outlook: &mut Outlook) -> Wake {
        std::iter::repeat_with(|| outlook.wait()).find(|wake| *wake != Wake::Doubtful).expect("it waits for ever")
    }

    #[test]
    fn what_the_system_does_not_report_is_seen_all_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, none) = (folder.path().join("a.rhai"), folder.path().join("none.rhai"));
        fs::write(&file, "1").expect("the folder is ours");
        let (mut outlook, _end) = Outlook::new(is_rhai);
        outlook.watcher = None;
        let changes: [&dyn Fn() -> std::io::Result<()>; 4] =
            [&|| fs::write(&file, "one"), &|| fs::write(&none, ""), &|| fs::remove_file(&none), &|| {
                fs::write(folder.path().join("new.rhai"), "")
            }];
        for change in changes {
            outlook.follow(stamps(&[folder.path(), &file, &none]));
            change().expect("the folder is ours");
            assert!(matches!(next(&mut outlook), Wake::Changed(_)));
        }
    }

    #[test]
    fn a_notice_that_finds_no_room_means_that_anything_may_have_changed() {
        let (mut outlook, end) = Outlook::new(is_rhai);
        outlook.follow(Stamps::new());
        for _ in 0..NOTICES {
            end.wake();
        }
        let reporter = Reporter { sender: end.0.clone(), has_missed: Arc::clone(&outlook.has_missed) };
        reporter.report(vec![PathBuf::from("/nobody/follows/this")]);
        assert_eq!(outlook.wait(), Wake::Asked);
        assert!(matches!(next(&mut outlook), Wake::Changed(_)));
    }

    #[test]
    fn what_happens_beside_it_is_no_change() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.rhai");
        fs::write(&file, "1").expect("the folder is ours");
        let (mut outlook, end) = Outlook::new(is_rhai);
        outlook.follow(stamps(&[folder.path(), &file]));
        fs::write(folder.path().join("a.log"), "much").expect("the folder is ours");
        fs::remove_file(folder.path().join("a.log")).expect("the folder is ours");
        let began = Instant::now();
        while began.elapsed() < POLL + POLL / 2 {
            outlook.hold(began);
            assert_eq!(next(&mut outlook), Wake::Held(began));
        }
        end.now();
        assert_eq!(next(&mut outlook), Wake::Over);
    }
}
