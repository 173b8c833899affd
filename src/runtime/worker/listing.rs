//! The runs that their events wait for, and the events that wait for nothing but a result which such a run gets.
//!
//! How these go on is decided in `ending`.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::mem::take;
use std::pin::Pin;
use std::rc::Rc;

use slab::Slab;

use crate::runtime::context::SessionContext;
use crate::runtime::context::lane::Hold;
use crate::runtime::engine::thrown::ScriptResult;
use crate::runtime::fiber::Panic;
use crate::runtime::journal::Arrival;
use crate::runtime::run::Run;
use crate::runtime::run::driven::Driven;
use crate::store::RunId;

/// How many events of a session may wait before its socket is no longer read.
pub(super) const EVENTS: usize = 200_000;

/// What a call is about, for messages: the event's subcommand, or what takes its place.
pub(super) type About = Cow<'static, str>;

/// The runs of a worker that their events wait for.
#[derive(Default)]
pub(crate) struct Listing {
    entries: RefCell<Slab<Entry>>,
    /// How many were ever listed, so that nothing is taken for what was listed before in its place.
    count: Cell<u32>,
}

struct Entry {
    run: Rc<Run>,
    rest: Rest,
}

/// What is left to do for a run's event, where that waits for nothing but a result which the session gives to the run.
#[derive(Default)]
pub(super) enum Rest {
    /// The event waits in a task of its own, if it does.
    #[default]
    Elsewhere,
    /// The run goes on with it.
    Paused(PausedEvent),
    /// The run is the last of it.
    Ending(Ending),
}

/// The handling of an event, as far as it has come.
pub(super) type PausedEvent = Pin<Box<dyn Future<Output = ()>>>;

/// What is left of an event whose last function waits for a result, and for nothing else, without a stack.
pub(super) struct Ending {
    pub(super) last: LastRun,
    pub(super) about: About,
    pub(super) hold: Hold,
    pub(super) arrival: Arrival,
    pub(super) counted: CountedEvent,
}

/// The last function of an event.
pub(super) struct LastRun {
    pub(super) listed: Listed,
    pub(super) course: LastCourse,
}

/// How far it has come.
pub(super) enum LastCourse {
    /// To its end, but for an answer that it went on without.
    Ended(Result<ScriptResult, Panic>),
    /// To a call whose result it goes on with.
    Paused(Driven),
}

/// Where the last run of an event puts itself that waits for a result without a stack; there is none where its event goes on
/// after it.
pub(super) type LastPlace<'a> = Option<&'a Cell<Option<LastRun>>>;

/// A run that can be found, until this is dropped.
pub(crate) struct Listed {
    listing: Rc<Listing>,
    key: u64,
}

impl Listed {
    /// What it is found by.
    pub(super) fn key(&self) -> u64 {
        self.key
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        let entry = self.listing.entries.borrow_mut().try_remove(index(self.key));
        // The last clone of a run may be the last of much else.
        if let Some(entry) = entry {
            entry.run.listing.set(None);
        }
    }
}

impl Listing {
    /// Lists a run.
    pub(crate) fn add(self: &Rc<Self>, run: &Rc<Run>) -> Listed {
        let mut entries = self.entries.borrow_mut();
        let count = self.count.get().wrapping_add(1);
        self.count.set(count);
        let index = entries.insert(Entry { run: Rc::clone(run), rest: Rest::Elsewhere });
        let key = u64::from(count) << 32 | u64::try_from(index).expect("fewer than four billion runs");
        run.listing.set(Some(key));
        Listed { listing: Rc::clone(self), key }
    }

    /// The run of a key, if it is still listed.
    pub(super) fn run(&self, key: u64) -> Option<Rc<Run>> {
        let entries = self.entries.borrow();
        entries.get(index(key)).filter(|entry| entry.run.listing.get() == Some(key)).map(|entry| Rc::clone(&entry.run))
    }

    /// The runs of which this is so.
    pub(super) fn those(&self, are: impl Fn(&Run) -> bool) -> Vec<Rc<Run>> {
        let entries = self.entries.borrow();
        entries.iter().filter(|(_, entry)| are(&entry.run)).map(|(_, entry)| Rc::clone(&entry.run)).collect()
    }

    /// The run of an id.
    pub(super) fn named(&self, id: RunId) -> Option<Rc<Run>> {
        self.those(|run| run.id() == id).pop()
    }

    /// Keeps what is left to do for a run's event.
    pub(super) fn keep(&self, key: u64, rest: Rest) {
        if let Some(entry) = self.entries.borrow_mut().get_mut(index(key)) {
            entry.rest = rest;
        }
    }

    /// Takes what is left to do for a run's event.
    pub(super) fn take_rest(&self, key: u64) -> Rest {
        self.entries.borrow_mut().get_mut(index(key)).map(|entry| take(&mut entry.rest)).unwrap_or_default()
    }

    /// Drops what is left of every event. What is kept of them holds on to this listing.
    pub(super) fn clear(&self) {
        let rest: Vec<_> = self.entries.borrow_mut().iter_mut().map(|(_, entry)| take(&mut entry.rest)).collect();
        drop(rest);
    }
}

fn index(key: u64) -> usize {
    usize::try_from(key & u64::from(u32::MAX)).unwrap_or(usize::MAX)
}

/// An event that counts as one that waits or is being handled, until this is dropped.
pub(super) struct CountedEvent(Rc<SessionContext>);

impl CountedEvent {
    pub(super) fn new(session: &Rc<SessionContext>) -> Self {
        session.pending.set(session.pending.get() + 1);
        Self(Rc::clone(session))
    }
}

impl Drop for CountedEvent {
    fn drop(&mut self) {
        let Self(session) = self;
        session.pending.set(session.pending.get() - 1);
        if session.pending.get() == EVENTS / 2 {
            session.handle.resume_reading();
        }
    }
}
