//! How far a worker is in leaving a session, for what asks whether it may still begin or go on.
//!
//! First nothing begins any more, while runs finish or park; then what still runs is cut off where it waits, which leaves its
//! record as a crash would. Who goes through these steps, and what becomes of the connection, is in `worker::sessions`.

use std::cell::Cell;
use std::rc::Rc;

use tokio::sync::Notify;

/// What becomes of the runs and events of a session that is taken away from its worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrainMode {
    /// They end with it.
    End,
    /// They stay in the record, for the session of this name that comes next.
    Keep,
}

/// How far the leaving of one session is.
#[derive(Debug, Default)]
pub(crate) struct Drain {
    mode: Cell<Option<DrainMode>>,
    is_cut_off: Cell<bool>,
    active: Cell<usize>,
    idle: Notify,
}

impl Drain {
    /// From now on nothing begins.
    pub(crate) fn begin(&self, mode: DrainMode) {
        self.mode.set(Some(mode));
    }

    /// How the session is left, if it is.
    pub(crate) fn mode(&self) -> Option<DrainMode> {
        self.mode.get()
    }

    /// Counts a run that is in the middle of something.
    pub(crate) fn enter(self: &Rc<Self>) -> ActiveRun {
        self.active.set(self.active.get() + 1);
        ActiveRun(Rc::clone(self))
    }

    /// Waits until no run is in the middle of something.
    pub(crate) async fn settled(&self) {
        while self.active.get() > 0 {
            self.idle.notified().await;
        }
    }

    /// Cuts off what is still in the middle of something, as soon as it is looked at again.
    pub(crate) fn cut_off(&self) {
        self.is_cut_off.set(true);
    }

    /// Whether what is in the middle of something is to end where it waits.
    pub(crate) fn is_cut_off(&self) -> bool {
        self.is_cut_off.get()
    }
}

/// A run that is in the middle of something, until this is dropped.
#[derive(Debug)]
pub(crate) struct ActiveRun(Rc<Drain>);

impl Drop for ActiveRun {
    fn drop(&mut self) {
        let left = self.0.active.get() - 1;
        self.0.active.set(left);
        if left == 0 {
            self.0.idle.notify_one();
        }
    }
}
