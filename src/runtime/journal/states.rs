//! The scripts' maps of one session, and which of them the journal has not seen yet.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use rhai::Map;

/// The maps of one session's scripts, by their names.
#[derive(Debug, Default)]
pub(crate) struct States {
    maps: RefCell<HashMap<String, Rc<RefCell<Map>>>>,
    changed: RefCell<BTreeSet<String>>,
}

impl States {
    /// A script's map.
    pub(crate) fn of(&self, script: &str) -> Rc<RefCell<Map>> {
        if let Some(state) = self.maps.borrow().get(script) {
            return Rc::clone(state);
        }
        Rc::clone(self.maps.borrow_mut().entry(script.to_owned()).or_default())
    }

    /// Notes that a script's map is to be recorded.
    pub(crate) fn note(&self, script: &str) {
        self.changed.borrow_mut().insert(script.to_owned());
    }

    /// The scripts whose maps have changed since this was asked last.
    pub(crate) fn take_changed(&self) -> BTreeSet<String> {
        self.changed.take()
    }
}
