//! Watching the scripts' folders: when to look again, and for how long to let a save settle.

use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::library::{Changes, Library, Look};

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
    let mut watched: Vec<PathBuf> = Vec::new();
    let notify = move |event: notify::Result<notify::Event>| {
        // Looking at a file is an event too.
        if event.is_ok_and(|event| !matches!(event.kind, EventKind::Access(_))) {
            // The receiver is gone only when the watch has ended.
            let _ = sender.send(Notice::Changed(Instant::now()));
        }
    };
    let mut watcher = notify::recommended_watcher(notify)
        .inspect_err(|error| {
            tracing::warn!("changes of scripts cannot be watched ({error}); they are looked for every {POLL:?}")
        })
        .ok();
    let mut look_again: Option<Instant> = None;
    // What was saved between the first reading and the watching is seen by the first look.
    let mut saved = Some(Instant::now());
    loop {
        follow(&mut watcher, &mut watched, library);
        if saved.is_none() {
            let wait = look_again.map_or(POLL, |at| at.saturating_duration_since(Instant::now()).min(POLL));
            match receiver.recv_timeout(wait) {
                Ok(Notice::Changed(at)) => saved = Some(at),
                Err(RecvTimeoutError::Timeout) if watcher.is_none() => saved = Some(Instant::now()),
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
                look_again.get_or_insert(Instant::now() + HOLD);
            }
            apply(library, changes, at);
        }
        if look_again.is_some_and(|at| at <= Instant::now()) {
            look_again = None;
            let changes = library.look(Look::Settled);
            apply(library, changes, Instant::now());
        }
    }
}

/// Watches the folders that the library's scripts come from now.
fn follow(watcher: &mut Option<RecommendedWatcher>, watched: &mut Vec<PathBuf>, library: &Library) {
    let Some(watcher) = watcher else { return };
    for folder in library.folders() {
        if watched.contains(&folder) {
            continue;
        }
        match watcher.watch(&folder, RecursiveMode::Recursive) {
            Ok(()) => {}
            Err(error) => tracing::warn!("changes in {} are not seen: {error}", folder.display()),
        }
        watched.push(folder);
    }
}
