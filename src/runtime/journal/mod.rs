//! One worker's side of the journal: gathers what has to be recorded and hands it to the store in batches.
//!
//! Invariant: a batch is taken between two steps of the worker's runs, or right after a call of one was taken down, so it holds
//! everything that they had observed and caused by then, and the states and timers as they were. What the rows look like is
//! the store's business.

pub(crate) mod history;
pub(crate) mod states;

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::mem::{replace, take};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use self::history::History;
use self::states::States;
use crate::clock::{Clock, Timestamp};
use crate::protocol::Event;
use crate::runtime::engine::values;
use crate::runtime::ids;
use crate::runtime::timers::schedule::Schedule;
use crate::session::Handle;
use crate::store::{
    Batch, BundleHash, BundleRow, EventId, Handled, MessageRow, Packer, RunChange, RunId, RunOutcome, RunRow, Standing,
    Store,
};

/// How long a relaxed journal gathers before it writes.
const GATHER: Duration = Duration::from_millis(10);

/// The same where somebody waits to be told that it is written.
const GATHER_TOLD: Duration = Duration::from_millis(2);

/// How many bytes of events may wait to be written before sessions are read no further.
const BEHIND: usize = 32 * 1024 * 1024;
/// What an event costs beside its content.
const EVENT: usize = 256;

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
    clock: Clock,
    pending: RefCell<Pending>,
    /// What has been packed of the next batch.
    packer: RefCell<Packer>,
    followed: RefCell<Vec<Followed>>,
    pinned: RefCell<HashSet<BundleHash>>,
    /// Those who wait until what is pending is on disk.
    waiting: RefCell<Vec<oneshot::Sender<()>>>,
    /// Those who are told when what is pending is on disk, and for whom nothing is hurried.
    told: RefCell<Vec<oneshot::Sender<()>>>,
    changed: Notify,
    /// Whether that has been told since the writer heard it last.
    is_told: Cell<bool>,
    urgent: Notify,
    /// Rings for those who are told.
    hurried: Notify,
}

#[derive(Default)]
struct Pending {
    /// What the events' contents and the events themselves take.
    bytes: usize,
    messages: Vec<MessageRow>,
    /// Runs that have changed, and the places of those that have been taken down since.
    runs: Vec<Option<Rc<History>>>,
    closed: Vec<RunChange>,
    bundles: Vec<BundleRow>,
}

impl Journal {
    pub(crate) fn new(mode: JournalMode, store: Store, clock: Clock) -> Rc<Self> {
        Rc::new(Self {
            mode,
            store,
            clock,
            pending: RefCell::default(),
            packer: RefCell::default(),
            followed: RefCell::default(),
            pinned: RefCell::default(),
            waiting: RefCell::default(),
            told: RefCell::default(),
            changed: Notify::new(),
            is_told: Cell::default(),
            urgent: Notify::new(),
            hurried: Notify::new(),
        })
    }

    /// The store that it writes to.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Tells the writer that there is something to record.
    fn has_changed(&self) {
        if !self.is_told.replace(true) {
            self.changed.notify_one();
        }
    }

    /// Whether anything is recorded.
    pub(crate) fn is_on(&self) -> bool {
        self.mode != JournalMode::Off
    }

    /// Records the states and timers of a session from now on, for as long as there are any, and holds it while the disk takes no
    /// writes.
    pub(crate) fn follow(&self, handle: &Handle, states: &Rc<States>, schedule: &Rc<Schedule>) {
        let (states, schedule) = (Rc::clone(states), Rc::clone(schedule));
        self.followed.borrow_mut().push(Followed { handle: handle.clone(), states, schedule });
        handle.hold(self.is_held());
    }

    /// Takes an event down, and remembers that the session takes the `message` of this id with it.
    pub(crate) fn arrived(self: &Rc<Self>, session: &Arc<str>, event: &Event, message: Option<&str>) -> Arrival {
        let id = ids::next_id();
        if !self.is_on() {
            return Arrival { id, journal: None };
        }
        let at = self.clock.now();
        self.packer.borrow_mut().add_arrival(id, session, event, at);
        let mut pending = self.pending.borrow_mut();
        pending.bytes += EVENT + event.content.as_str().len();
        pending.messages.extend(message.map(|id| MessageRow { session: Arc::clone(session), id: id.into(), at }));
        drop(pending);
        self.has_changed();
        Arrival { id, journal: Some(Rc::clone(self)) }
    }

    /// Whether a session has taken a message that it does not remember by itself.
    pub(crate) fn has_message(&self, session: &str, id: &str) -> bool {
        self.is_on()
            && self.store.has_message(session, id).unwrap_or_else(|error| {
                tracing::warn!(session, id, "whether a message was handled before cannot be read: {error}");
                false
            })
    }

    /// An event that an earlier process took down and did not see through.
    pub(crate) fn arrived_before(self: &Rc<Self>, id: EventId) -> Arrival {
        Arrival { id, journal: Some(Rc::clone(self)) }
    }

    /// Notes that the record of a run is new or has changed.
    pub(crate) fn note(&self, history: &Rc<History>) {
        if self.is_on() {
            let runs = &mut self.pending.borrow_mut().runs;
            if history.note(runs.len()) {
                runs.push(Some(Rc::clone(history)));
                self.has_changed();
            }
        }
    }

    /// Takes down at once what is new in the record of a run that is not to change for a while: it is at hand now, and will not be
    /// when the batch is taken.
    pub(crate) fn take_down(&self, history: &History) {
        if self.is_on() {
            if let Some(place) = history.take_noted() {
                self.pending.borrow_mut().runs[place] = None;
            }
            self.packer.borrow_mut().add_run(&history.take_change());
            self.has_changed();
        }
    }

    /// Ends a run of an earlier process that nobody takes up any more.
    pub(crate) fn close(
        &self,
        run: &RunRow,
        standing: Standing,
        at: Timestamp,
        outcome: RunOutcome,
        fault: Option<String>,
    ) {
        if self.is_on() {
            let standing = Standing { ended: Some(at), outcome, fault, ..standing };
            let closed = RunChange {
                id: run.id,
                event: run.event,
                begun: None,
                standing,
                entries: Vec::new(),
                answers: Vec::new(),
            };
            self.pending.borrow_mut().closed.push(closed);
            self.has_changed();
        }
    }

    /// Notes that something else has changed: a state, a timer, a value of the store.
    pub(crate) fn note_data(&self) {
        if self.is_on() {
            self.has_changed();
        }
    }

    /// Keeps the sources of a generation of a script, for the runs that are pinned to it.
    pub(crate) fn pin(&self, hash: BundleHash, script: &str, sources: impl FnOnce() -> String) {
        if self.is_on() && self.pinned.borrow_mut().insert(hash) {
            let row = BundleRow { hash, script: script.to_owned(), sources: sources() };
            self.pending.borrow_mut().bundles.push(row);
            self.has_changed();
        }
    }

    /// Changes what is kept and takes the call down that does it.
    ///
    /// In a strict journal both are in the same batch, on disk together or not at all, whatever other workers record at the same
    /// time: their batches would take the change along and leave the call behind.
    pub(crate) fn keep<T>(&self, change: impl FnOnce() -> T) -> T {
        if self.mode != JournalMode::Strict {
            return change();
        }
        let batches = self.store.hold_batches();
        let value = change();
        let batch = self.take();
        batches.record_by(&mut self.packer.borrow_mut(), batch, None);
        value
    }

    /// Waits until everything so far is on disk, where the journal is strict.
    pub(crate) async fn sync(&self) {
        if self.mode == JournalMode::Strict {
            self.flush().await;
        }
    }

    /// Whether what happens now could not be recorded, so that nothing is to happen.
    pub(crate) fn is_held(&self) -> bool {
        self.is_on() && self.store.is_stuck()
    }

    /// Whether the disk takes no writes, be anything recorded or not.
    pub(crate) fn is_stuck(&self) -> bool {
        self.store.is_stuck()
    }

    /// Waits until the disk takes writes.
    pub(crate) async fn released(&self) {
        if self.is_stuck() {
            // The store outlives its workers, so there is always somebody to say it.
            let _ = self.store.follow_disk().wait_for(Option::is_none).await;
        }
    }

    /// Waits until a handler may begin: what it is about is on disk where the journal is strict, and what it will do can be
    /// recorded.
    pub(crate) async fn ready(&self) {
        self.sync().await;
        if self.is_held() {
            self.released().await;
        }
    }

    /// Holds the sessions whenever the disk takes no writes, for as long as it is polled.
    pub(crate) async fn follow_disk(self: Rc<Self>) {
        let mut disk = self.store.follow_disk();
        loop {
            let is_held = disk.borrow_and_update().is_some();
            for followed in self.followed.borrow().iter() {
                followed.handle.hold(is_held);
                followed.schedule.wake();
            }
            if disk.changed().await.is_err() {
                return;
            }
        }
    }

    /// Waits until everything so far is on disk.
    pub(crate) async fn flush(&self) {
        if self.is_on() {
            let (done, written) = oneshot::channel();
            self.waiting.borrow_mut().push(done);
            self.has_changed();
            self.urgent.notify_one();
            let _ = written.await;
        }
    }

    /// Tells somebody when everything so far is on disk; at once, where nothing is recorded.
    pub(crate) fn tell_kept(&self, kept: oneshot::Sender<()>) {
        if self.is_on() {
            self.told.borrow_mut().push(kept);
            self.hurried.notify_one();
            self.has_changed();
        } else {
            // Whoever waited may have given up.
            let _ = kept.send(());
        }
    }

    /// Whether what a call causes must be on disk before the run goes on.
    pub(crate) fn is_strict(&self) -> bool {
        self.mode == JournalMode::Strict
    }

    /// Hands batches to the store, one after the other, for as long as it is polled and the store takes them.
    pub(crate) async fn write(self: Rc<Self>) {
        loop {
            self.changed.notified().await;
            self.is_told.set(false);
            if self.waiting.borrow().is_empty() {
                self.gather().await;
            } else {
                // Those who are about to wait as well share the commit.
                tokio::task::yield_now().await;
            }
            let waiting = [self.waiting.take(), self.told.take()];
            let was_behind = self.is_behind();
            let written = self.record();
            let taken: Vec<_> = self.followed.borrow().iter().filter_map(Followed::states_taken).collect();
            // What happens meanwhile gathers for the next batch.
            if written.await.is_err() {
                tracing::error!("the store's thread has ended, so nothing can be recorded: this is a bug of Hotline");
                return;
            }
            taken.iter().for_each(|(states, takes)| states.is_on_disk(*takes));
            for waiter in waiting.into_iter().flatten() {
                let _ = waiter.send(());
            }
            if was_behind {
                self.followed.borrow().iter().for_each(|followed| followed.handle.resume_reading());
            }
        }
    }

    /// Waits for more to record: the less, the more somebody waits for it.
    async fn gather(&self) {
        let gather = if self.told.borrow().is_empty() { GATHER } else { GATHER_TOLD };
        // Wall time: the disk does not wait for the clock of tests.
        let mut gathered = pin!(tokio::time::sleep(gather));
        loop {
            tokio::select! {
                () = &mut gathered => return,
                () = self.urgent.notified() => return,
                () = self.hurried.notified() => {
                    let soon = Instant::now() + GATHER_TOLD;
                    if soon < gathered.deadline() {
                        gathered.as_mut().reset(soon);
                    }
                }
            }
        }
    }

    /// Hands everything over that has to be recorded; what this gives is told when it is on disk.
    fn record(&self) -> oneshot::Receiver<()> {
        let (done, written) = oneshot::channel();
        let batch = self.take();
        self.store.record_by(&mut self.packer.borrow_mut(), batch, Some(done));
        written
    }

    /// Takes everything that has to be recorded and is not packed yet, as it is at this moment.
    fn take(&self) -> Batch {
        let mut pending = self.pending.borrow_mut();
        let messages = Vec::with_capacity(pending.messages.len());
        let mut batch = Batch {
            at: self.clock.now(),
            messages: replace(&mut pending.messages, messages),
            bundles: take(&mut pending.bundles),
            ..Batch::default()
        };
        for run in pending.runs.drain(..).flatten() {
            run.take_noted();
            batch.runs.push(run.take_change());
        }
        batch.runs.append(&mut pending.closed);
        pending.bytes = 0;
        drop(pending);
        self.followed.borrow_mut().retain(|followed| followed.take_changes(&mut batch));
        batch
    }

    /// Whether so much waits to be written that nothing further is to come.
    pub(crate) fn is_behind(&self) -> bool {
        self.pending.borrow().bytes >= BEHIND
    }
}

/// A session whose states and timers are recorded, also those that it leaves behind.
struct Followed {
    handle: Handle,
    states: Rc<States>,
    schedule: Rc<Schedule>,
}

impl Followed {
    /// Its states, and how often changes of theirs have been taken, where it matters when they are on disk.
    fn states_taken(&self) -> Option<(Rc<States>, u64)> {
        self.states.has_people().then(|| (Rc::clone(&self.states), self.states.takes()))
    }

    /// Moves what has changed since the last time into a batch; whether there can be more to come.
    fn take_changes(&self, batch: &mut Batch) -> bool {
        let session = self.handle.name();
        self.schedule.take_changes(session, batch);
        let changed = self.states.take_changed();
        batch.gone_states.extend(changed.forgotten.into_iter().map(|script| (session.to_owned(), script)));
        for (name, map) in changed.maps {
            batch.states.push((session.to_owned(), name, values::map_to_json(&map.borrow())));
        }
        // Once the session is gone, nobody else has them.
        Rc::strong_count(&self.states) > 1 && Rc::strong_count(&self.schedule) > 1
    }
}

/// An event that has been taken. What is neither handed on nor [finished](Self::finish) is taken up by the next process.
pub(crate) struct Arrival {
    id: EventId,
    journal: Option<Rc<Journal>>,
}

impl Arrival {
    /// The event's id.
    pub(crate) fn id(&self) -> EventId {
        self.id
    }

    /// Every script has had the event.
    pub(crate) fn finish(self) {
        self.done(None);
    }

    /// The event is the answer that a run waited for, and the run has taken it down.
    pub(crate) fn answers(self, run: RunId) {
        self.done(Some(run));
    }

    fn done(self, answered: Option<RunId>) {
        let Some(journal) = self.journal else { return };
        journal.packer.borrow_mut().add_handled(Handled { event: self.id, answered });
        journal.has_changed();
    }
}
