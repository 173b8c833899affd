//! The runs that an event had in an earlier process, and what each means for a call that is offered again.

use std::cell::RefCell;
use std::sync::Arc;

use crate::store::{RunOutcome, RunRecord, RunRow};

/// The runs that an event had in an earlier process; none for an event that is new.
#[derive(Default)]
pub(super) struct Earlier(RefCell<Vec<RunRecord>>);

/// How a function is called for an event.
pub(super) enum Beginning {
    /// It has not been called yet.
    Anew,
    /// It was called, and its run has ended; whether it handled the event.
    Over(bool),
    /// It was called, and its run goes on.
    Again(Box<RunRecord>),
}

impl Earlier {
    pub(super) fn new(runs: Vec<RunRecord>) -> Self {
        Self(RefCell::new(runs))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// Takes the run that called a function of a script.
    pub(super) fn take(&self, script: &str, function: &str) -> Beginning {
        let found = self.0.borrow().iter().position(|run| is_of(run, script, function));
        match found.map(|found| self.0.borrow_mut().swap_remove(found)) {
            None => Beginning::Anew,
            Some(RunRecord { standing, .. }) if standing.ended.is_some() => {
                Beginning::Over(standing.outcome == RunOutcome::Handled)
            }
            Some(run) => Beginning::Again(Box::new(run)),
        }
    }

    /// A run of a script that goes on.
    pub(super) fn open_of(&self, script: &str) -> Option<RunRow> {
        let runs = self.0.borrow();
        let open = runs.iter().find(|run| run.standing.ended.is_none() && &*run.run.script == script);
        open.map(|run| run.run.clone())
    }

    /// A script that has a run which goes on, and of which this is so.
    pub(super) fn open_script(&self, is_so: impl Fn(&str) -> bool) -> Option<Arc<str>> {
        let runs = self.0.borrow();
        let open = runs.iter().filter(|run| run.standing.ended.is_none());
        open.map(|run| &run.run.script).find(|script| is_so(script)).cloned()
    }

    /// The run of which this is so of its function.
    pub(super) fn find(&self, is_so: impl Fn(&str) -> bool) -> Option<RunRow> {
        let runs = self.0.borrow();
        runs.iter().find(|run| is_so(&run.run.function)).map(|run| run.run.clone())
    }

    /// Whether a function of any script had a run.
    pub(super) fn has_called(&self, function: &str) -> bool {
        self.0.borrow().iter().any(|run| &*run.run.function == function)
    }

    /// Whether a function of a script had a run.
    pub(super) fn has(&self, script: &str, function: &str) -> bool {
        self.0.borrow().iter().any(|run| is_of(run, script, function))
    }

    /// The runs that go on and that nobody has taken.
    pub(super) fn into_open(self) -> impl Iterator<Item = RunRecord> {
        self.0.into_inner().into_iter().filter(|run| run.standing.ended.is_none())
    }
}

fn is_of(RunRecord { run, .. }: &RunRecord, script: &str, function: &str) -> bool {
    (&*run.script, &*run.function) == (script, function)
}
