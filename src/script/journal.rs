//! One worker's side of the journal: gathers what has to be recorded and hands it to the store in cuts.
//!
//! Invariant: a cut is taken between two steps of the worker's runs, or right after a call of one was taken down, so it holds
//! everything that they had observed and caused by then, and the states and timers as they were. What the rows look like is the store's business.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::rc::{Rc, Weak};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use super::generation::Generation;
use super::live::Live;
use super::record::FORMAT;
use super::run::{self, Run};
use super::value;
use crate::clock::Timestamp;
use crate::protocol::Event;
use crate::store::{BundleRow, Cut, EventRow, RunRow, Store};

/// How long a relaxed journal gathers before it writes.
const GATHER: Duration = Duration::from_millis(10);

/// How much is recorded, and how safely.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JournalMode {
    /// Nothing is recorded.
    Off,
    /// What happened within the last 10 ms can be lost or repeated by a crash of the process.
    #[default]
    Relaxed,
    /// An event is on disk before its handler starts, an effect before it is sent.
    Strict,
}

/// Gathers what one worker has to record.
pub(crate) struct Journal {
    mode: JournalMode,
    store: Store,
    pending: RefCell<Pending>,
    changed: Notify,
}

#[derive(Default)]
struct Pending {
    events: BTreeMap<i64, EventRow>,
    handled: Vec<i64>,
    runs: Vec<Rc<Run>>,
    closed: Vec<RunRow>,
    lives: Vec<Weak<Live>>,
    bundles: Vec<BundleRow>,
    pinned: HashSet<[u8; 32]>,
    waiting: Vec<oneshot::Sender<()>>,
}

impl Journal {
    pub(crate) fn new(mode: JournalMode, store: Store) -> Rc<Self> {
        Rc::new(Self { mode, store, pending: RefCell::default(), changed: Notify::new() })
    }

    /// Whether anything is recorded.
    pub(crate) fn is_on(&self) -> bool {
        self.mode != JournalMode::Off
    }

    /// Records the states and timers of a session from now on.
    pub(crate) fn follow(&self, live: &Rc<Live>) {
        self.pending.borrow_mut().lives.push(Rc::downgrade(live));
    }

    /// Takes an event down; it counts as handled when the last clone of what this gives is dropped.
    pub(crate) fn arrived(self: &Rc<Self>, session: &str, event: &Event, at: Timestamp) -> Arrival {
        let id = run::next_id();
        if !self.is_on() {
            return Arrival(Rc::new(Taken { id, journal: None }));
        }
        let row = EventRow {
            id: id.cast_signed(),
            session: session.to_owned(),
            subcommand: event.subcommand.clone(),
            content: event.content.as_str().to_owned(),
            at,
            done: false,
        };
        self.pending.borrow_mut().events.insert(row.id, row);
        self.changed.notify_one();
        Arrival(Rc::new(Taken { id, journal: Some(Rc::clone(self)) }))
    }

    /// An event that an earlier process took down and did not see through.
    pub(crate) fn arrived_before(self: &Rc<Self>, id: i64) -> Arrival {
        Arrival(Rc::new(Taken { id: id.cast_unsigned(), journal: Some(Rc::clone(self)) }))
    }

    /// Notes that a run is new or has changed.
    pub(crate) fn note(&self, run: &Rc<Run>) {
        if self.is_on() && !run.record.noted.replace(true) {
            self.pending.borrow_mut().runs.push(Rc::clone(run));
            self.changed.notify_one();
        }
    }

    /// Ends a run of an earlier process that nobody takes up any more.
    pub(crate) fn close(&self, row: &RunRow, at: Timestamp) {
        if self.is_on() {
            let row =
                RunRow { waiting: None, ended: Some(at), outcome: "its script is gone".to_owned(), ..row.clone() };
            self.pending.borrow_mut().closed.push(row);
            self.changed.notify_one();
        }
    }

    /// Notes that something else has changed: a state, a timer, a value of the store.
    pub(crate) fn note_data(&self) {
        if self.is_on() {
            self.changed.notify_one();
        }
    }

    /// Keeps a generation's sources, for the runs that are pinned to it.
    pub(crate) fn pin(&self, generation: &Generation) {
        let bundle = &generation.bundle;
        let mut pending = self.pending.borrow_mut();
        if self.is_on() && pending.pinned.insert(bundle.hash) {
            let sources = serde_json::to_string(&**bundle).expect("a bundle holds only texts");
            let row = BundleRow { hash: bundle.hash.to_vec(), script: bundle.name.clone(), sources };
            pending.bundles.push(row);
            self.changed.notify_one();
        }
    }

    /// Changes what is kept and takes the call down that does it.
    ///
    /// In a strict journal both are in the same cut, on disk together or not at all, whatever other workers record at the same
    /// time: their cuts would take the change along and leave the call behind.
    pub(crate) fn keep<T>(&self, change: impl FnOnce() -> T) -> T {
        if self.mode != JournalMode::Strict {
            return change();
        }
        let cuts = self.store.hold_cuts();
        let value = change();
        let cut = self.take();
        cuts.record(cut, None);
        value
    }

    /// Waits until everything so far is on disk, where the journal is strict.
    pub(crate) async fn sync(&self) {
        if self.mode == JournalMode::Strict {
            self.flush().await;
        }
    }

    /// Waits until everything so far is on disk.
    pub(crate) async fn flush(&self) {
        if self.is_on() {
            let (done, written) = oneshot::channel();
            self.pending.borrow_mut().waiting.push(done);
            self.changed.notify_one();
            let _ = written.await;
        }
    }

    /// Whether what a call causes must be on disk before the run goes on.
    pub(crate) fn is_strict(&self) -> bool {
        self.mode == JournalMode::Strict
    }

    /// Hands cuts to the store, one after the other, for as long as it is polled.
    pub(crate) async fn write(self: Rc<Self>) {
        loop {
            self.changed.notified().await;
            if self.pending.borrow().waiting.is_empty() {
                // Wall time: the disk does not wait for the clock of tests.
                tokio::select! {
                    () = tokio::time::sleep(GATHER) => {}
                    () = self.someone_waits() => {}
                }
            } else {
                // Those who are about to wait as well share the commit.
                tokio::task::yield_now().await;
            }
            let waiting = std::mem::take(&mut self.pending.borrow_mut().waiting);
            let cut = self.take();
            let (done, written) = oneshot::channel();
            self.store.record(cut, Some(done));
            // What happens meanwhile gathers for the next cut.
            let _ = written.await;
            for waiter in waiting {
                let _ = waiter.send(());
            }
        }
    }

    async fn someone_waits(&self) {
        while self.pending.borrow().waiting.is_empty() {
            self.changed.notified().await;
        }
    }

    /// Takes everything that has to be recorded, as it is at this moment.
    fn take(&self) -> Cut {
        let mut pending = self.pending.borrow_mut();
        let mut cut = Cut {
            events: std::mem::take(&mut pending.events).into_values().collect(),
            handled: std::mem::take(&mut pending.handled),
            runs: pending.runs.drain(..).map(|run| row_of(&run)).collect(),
            bundles: std::mem::take(&mut pending.bundles),
            ..Cut::default()
        };
        cut.runs.extend(pending.closed.drain(..).map(|row| (row, Vec::new())));
        pending.lives.retain(|live| live.strong_count() > 0);
        for live in pending.lives.iter().filter_map(Weak::upgrade) {
            live.schedule.take_changes(&live.name, &mut cut);
            for script in live.take_changed_states() {
                let state = value::map_to_json(&live.state(&script).borrow());
                cut.states.push((live.name.to_string(), script, state));
            }
        }
        cut
    }
}

fn row_of(run: &Run) -> (RunRow, Vec<(u32, crate::store::Entry)>) {
    run.record.noted.set(false);
    let end = run.record.end();
    let (outcome, fault) = end.as_ref().map(|end| (end.outcome.to_owned(), end.fault.clone())).unwrap_or_default();
    let row = RunRow {
        id: run.id.cast_signed(),
        event: run.event.cast_signed(),
        session: run.live.as_ref().map(|live| live.name.to_string()).unwrap_or_default(),
        script: run.generation.name().to_owned(),
        function: run.function.to_string(),
        generation: run.generation.number.cast_signed(),
        bundle: run.generation.bundle.hash.to_vec(),
        started: run.started,
        rebuild: run.rebuild,
        format: FORMAT,
        waiting: run.record.waiting(),
        ended: end.map(|end| end.at),
        outcome,
        fault,
    };
    (row, run.record.take_fresh())
}

/// An event that has been taken; clones share it. When the last one is dropped, the event counts as handled.
#[derive(Clone)]
pub(crate) struct Arrival(Rc<Taken>);

struct Taken {
    id: u64,
    journal: Option<Rc<Journal>>,
}

impl Arrival {
    /// The event's id.
    pub(crate) fn id(&self) -> u64 {
        self.0.id
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let Some(journal) = self.journal.take() else { return };
        // A fiber that is unwound while its process ends has not handled its event.
        if std::thread::panicking() {
            return;
        }
        let id = self.id.cast_signed();
        let mut pending = journal.pending.borrow_mut();
        match pending.events.get_mut(&id) {
            Some(event) => event.done = true,
            None => pending.handled.push(id),
        }
        drop(pending);
        journal.changed.notify_one();
    }
}
