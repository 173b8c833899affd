//! Watching the scripts: when to look at them again, for how long a save that may be half of one is held, and what else their
//! library is asked for.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Instant;

use tokio::sync::oneshot;

use super::library::{Changes, Library, Look, Unforgettable};
use super::outlook::{End, Outlook, Wake};
use crate::language::settings::Setup;

/// What a library is asked for while it is watched.
pub(crate) enum Wish {
    /// Scripts of these names are missing from the start.
    Miss(Vec<String>),
    /// What a missing script of this name was at is to end.
    Forget(String, oneshot::Sender<Result<(), Unforgettable>>),
    /// The configuration gives this to scripts from now on.
    SetUp(Arc<Setup>),
}

/// How many wishes may wait: people ask, and a clock once a second.
const WISHES: usize = 64;

/// Asks a library that is watched.
#[derive(Clone)]
pub(crate) struct Asker {
    wishes: SyncSender<Wish>,
    end: End,
}

impl Asker {
    /// What asks a library, and what [`watch`] takes its wishes from.
    pub(crate) fn new(end: End) -> (Self, Receiver<Wish>) {
        let (wishes, receiver) = sync_channel(WISHES);
        (Self { wishes, end }, receiver)
    }

    /// Takes it that scripts of these names are missing. Where too many wishes wait, this does too: nobody says it again.
    pub(crate) fn miss(&self, scripts: Vec<String>) {
        // Once nobody watches any more, nothing is held either.
        let _ = self.wishes.send(Wish::Miss(scripts));
        self.end.wake();
    }

    /// Gives scripts what another version of the configuration has for them. Where too many wishes wait, this does too.
    pub(crate) fn set_up(&self, setup: Arc<Setup>) {
        let _ = self.wishes.send(Wish::SetUp(setup));
        self.end.wake();
    }

    /// Has a missing script forgotten; the answer comes when that is done, and never where nobody watches any more or too many
    /// wishes wait.
    pub(crate) fn forget(&self, script: String) -> oneshot::Receiver<Result<(), Unforgettable>> {
        let (done, answer) = oneshot::channel();
        // What is refused is dropped, and with it the answer.
        let _ = self.wishes.try_send(Wish::Forget(script, done));
        self.end.wake();
        answer
    }
}

/// Looks at the library whenever something of it may have changed, and does what it is asked for; hands on what came of it,
/// with the time of the save.
///
/// It ends with the outlook.
pub(crate) fn watch(
    library: &mut Library,
    mut outlook: Outlook,
    wishes: &Receiver<Wish>,
    mut apply: impl FnMut(&Library, Changes, Instant),
) {
    loop {
        outlook.follow(library.seen());
        let woken = outlook.wait();
        let mut is_set_up = false;
        for wish in wishes.try_iter() {
            is_set_up |= matches!(wish, Wish::SetUp(_));
            grant(library, wish, &mut apply);
        }
        let (look, saved) = match woken {
            Wake::Over => return,
            Wake::Changed(at) => (Look::First, at),
            Wake::Doubtful => (Look::First, Instant::now()),
            Wake::Held(saved) => (Look::Settled, saved),
            Wake::Asked if is_set_up => (Look::First, Instant::now()),
            Wake::Asked => continue,
        };
        let mut changes = library.look(look);
        changes.update.setup = is_set_up.then(|| Arc::clone(library.setup()));
        if changes.unsettled {
            outlook.hold(saved);
        }
        apply(library, changes, saved);
    }
}

fn grant(library: &mut Library, wish: Wish, apply: &mut impl FnMut(&Library, Changes, Instant)) {
    match wish {
        Wish::Miss(scripts) => library.miss(scripts),
        Wish::SetUp(setup) => library.set_up(setup),
        Wish::Forget(script, done) => {
            let outcome = library.forget(&script).map(|changes| apply(library, changes, Instant::now()));
            // Whoever asked may have gone.
            let _ = done.send(outcome);
        }
    }
}
