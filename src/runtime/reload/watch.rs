//! Watching the scripts: when to look at them again, for how long a save that may be half of one is held, and what else their
//! library is asked for.

use std::sync::mpsc;
use std::time::Instant;

use tokio::sync::oneshot;

use super::library::{Changes, Library, Look, Unforgettable};
use super::outlook::{End, Outlook, Wake};

/// What a library is asked for while it is watched.
pub(crate) enum Wish {
    /// Scripts of these names are missing from the start.
    Miss(Vec<String>),
    /// What a missing script of this name was at is to end.
    Forget(String, oneshot::Sender<Result<(), Unforgettable>>),
}

/// Asks a library that is watched.
#[derive(Clone)]
pub(crate) struct Asker {
    wishes: mpsc::Sender<Wish>,
    end: End,
}

impl Asker {
    /// What asks a library, and what [`watch`] takes its wishes from.
    pub(crate) fn new(end: End) -> (Self, mpsc::Receiver<Wish>) {
        // Unbounded, since people ask, and a clock once a second.
        let (wishes, receiver) = mpsc::channel();
        (Self { wishes, end }, receiver)
    }

    /// Takes it that scripts of these names are missing.
    pub(crate) fn miss(&self, scripts: Vec<String>) {
        self.ask(Wish::Miss(scripts));
    }

    /// Has a missing script forgotten; the answer comes when that is done.
    pub(crate) fn forget(&self, script: String) -> oneshot::Receiver<Result<(), Unforgettable>> {
        let (done, answer) = oneshot::channel();
        self.ask(Wish::Forget(script, done));
        answer
    }

    fn ask(&self, wish: Wish) {
        // Once nobody watches any more, nothing is held either.
        let _ = self.wishes.send(wish);
        self.end.wake();
    }
}

/// Looks at the library whenever something of it may have changed, and does what it is asked for; hands on what came of it,
/// with the time of the save.
///
/// It ends with the outlook.
pub(crate) fn watch(
    library: &mut Library,
    mut outlook: Outlook,
    wishes: &mpsc::Receiver<Wish>,
    mut apply: impl FnMut(&Library, Changes, Instant),
) {
    loop {
        outlook.follow(library.seen());
        let woken = outlook.wait();
        for wish in wishes.try_iter() {
            grant(library, wish, &mut apply);
        }
        let (look, saved) = match woken {
            Wake::Over => return,
            Wake::Changed(at) => (Look::First, at),
            Wake::Doubtful => (Look::First, Instant::now()),
            Wake::Held(saved) => (Look::Settled, saved),
            Wake::Asked => continue,
        };
        let changes = library.look(look);
        if changes.unsettled {
            outlook.hold(saved);
        }
        apply(library, changes, saved);
    }
}

fn grant(library: &mut Library, wish: Wish, apply: &mut impl FnMut(&Library, Changes, Instant)) {
    match wish {
        Wish::Miss(scripts) => library.miss(scripts),
        Wish::Forget(script, done) => {
            let outcome = library.forget(&script).map(|changes| apply(library, changes, Instant::now()));
            // Whoever asked may have gone.
            let _ = done.send(outcome);
        }
    }
}
