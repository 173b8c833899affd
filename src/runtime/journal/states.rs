//! What the scripts of one session remember: their maps, and those that they keep for people and chats; which of them the
//! journal has not seen yet. Where they lie on the disk is the store's business.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use rhai::Map;

use crate::store::state_of;

/// How many maps of people and chats are held at once, but for those that the disk does not have yet.
const HELD: usize = 10_000;

/// A map that runs share.
pub(crate) type SharedMap = Rc<RefCell<Map>>;

/// The maps of one session's scripts.
#[derive(Debug, Default)]
pub(crate) struct States {
    /// Those of the scripts themselves, by their names.
    maps: RefCell<HashMap<String, SharedMap>>,
    /// Those of people and chats that have been used, by what the store calls them.
    personal: RefCell<HashMap<String, Personal>>,
    changed: RefCell<BTreeSet<String>>,
    /// The scripts whose people and chats are forgotten, each with the take that tells the journal so.
    forgotten: RefCell<BTreeMap<String, u64>>,
    /// How often changes have been taken, and the last of these times that is on disk.
    takes: Cell<u64>,
    on_disk: Cell<u64>,
}

#[derive(Debug)]
struct Personal {
    map: SharedMap,
    /// When it was taken last; 0 as long as it is what the disk has.
    taken: u64,
}

/// What has changed since it was asked last.
#[derive(Debug, Default)]
pub(crate) struct ChangedStates {
    /// The scripts whose people and chats are forgotten; this comes first.
    pub(crate) forgotten: Vec<String>,
    /// The maps that have changed, by what the store calls them.
    pub(crate) maps: Vec<(String, SharedMap)>,
}

impl States {
    /// A script's map.
    pub(crate) fn of(&self, script: &str) -> SharedMap {
        if let Some(state) = self.maps.borrow().get(script) {
            return Rc::clone(state);
        }
        Rc::clone(self.maps.borrow_mut().entry(script.to_owned()).or_default())
    }

    /// The map that a script keeps for a person or a chat; at its first use, `load` gives what the disk has.
    ///
    /// # Errors
    /// When that cannot be read.
    pub(crate) fn of_person<E>(
        &self,
        script: &str,
        id: &str,
        load: impl FnOnce(&str) -> Result<Option<Map>, E>,
    ) -> Result<SharedMap, E> {
        let name = state_of(script, id);
        if let Some(Personal { map, .. }) = self.personal.borrow().get(&name) {
            return Ok(Rc::clone(map));
        }
        let is_gone = self.forgotten.borrow().get(script).is_some_and(|take| *take > self.on_disk.get());
        let found = if is_gone { None } else { load(&name)? };
        let map = SharedMap::new(RefCell::new(found.unwrap_or_default()));
        self.make_room();
        self.personal.borrow_mut().insert(name, Personal { map: Rc::clone(&map), taken: 0 });
        Ok(map)
    }

    /// Lets go of what the disk has as well, where much is held.
    fn make_room(&self) {
        let mut personal = self.personal.borrow_mut();
        if personal.len() >= HELD {
            let changed = self.changed.borrow();
            personal.retain(|name, held| held.taken > self.on_disk.get() || changed.contains(name));
        }
    }

    /// Notes that a script's map is to be recorded.
    pub(crate) fn note(&self, script: &str) {
        self.changed.borrow_mut().insert(script.to_owned());
    }

    /// Notes that the map of a person or a chat is to be recorded.
    pub(crate) fn note_person(&self, script: &str, id: &str) {
        self.changed.borrow_mut().insert(state_of(script, id));
    }

    /// Empties what a script keeps for people and chats.
    pub(crate) fn forget_people(&self, script: &str) {
        let prefix = state_of(script, "");
        self.personal.borrow_mut().retain(|name, _| !name.starts_with(&prefix));
        self.changed.borrow_mut().retain(|name| !name.starts_with(&prefix));
        self.forgotten.borrow_mut().insert(script.to_owned(), self.takes.get() + 1);
    }

    /// What has changed since this was asked last.
    pub(crate) fn take_changed(&self) -> ChangedStates {
        let take = self.takes.get() + 1;
        self.takes.set(take);
        let forgotten = self.forgotten.borrow();
        let forgotten = forgotten.iter().filter(|(_, of)| **of == take).map(|(script, _)| script.clone()).collect();
        let mut personal = self.personal.borrow_mut();
        let map = |name: String| match personal.get_mut(&name) {
            Some(held) => {
                held.taken = take;
                (name, Rc::clone(&held.map))
            }
            None => {
                let map = self.of(&name);
                (name, map)
            }
        };
        ChangedStates { forgotten, maps: self.changed.take().into_iter().map(map).collect() }
    }

    /// Whether anything is held of people and chats, or forgotten.
    pub(crate) fn has_people(&self) -> bool {
        !self.personal.borrow().is_empty() || !self.forgotten.borrow().is_empty()
    }

    /// How often changes have been taken.
    pub(crate) fn takes(&self) -> u64 {
        self.takes.get()
    }

    /// What was taken until that time is on disk.
    pub(crate) fn is_on_disk(&self, takes: u64) {
        self.on_disk.set(takes);
        let mut forgotten = self.forgotten.borrow_mut();
        if !forgotten.is_empty() {
            forgotten.retain(|_, take| *take > takes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_person(states: &States, id: &str, found: Option<i64>) -> SharedMap {
        let load = |_: &str| Ok::<_, ()>(found.map(|n| Map::from([("n".into(), n.into())])));
        states.of_person("bot", id, load).expect("it loads")
    }

    #[test]
    fn a_persons_map_is_read_once_and_let_go_of_when_much_is_held_and_the_disk_has_it() {
        let states = States::default();
        of_person(&states, "ann", Some(1)).borrow_mut().insert("n".into(), 2.into());
        states.note_person("bot", "ann");
        assert_eq!(of_person(&states, "ann", None).borrow()["n"].as_int(), Ok(2), "it is held");
        let taken = states.take_changed();
        assert_eq!(taken.maps.iter().map(|(name, _)| &**name).collect::<Vec<_>>(), ["bot/ann"]);
        let fill = |round: usize| (0..HELD).for_each(|n| drop(of_person(&states, &format!("{round} {n}"), None)));
        fill(1);
        assert_eq!(of_person(&states, "ann", Some(3)).borrow()["n"].as_int(), Ok(2), "the disk may not have it yet");
        states.is_on_disk(states.takes());
        fill(2);
        assert_eq!(of_person(&states, "ann", Some(3)).borrow()["n"].as_int(), Ok(3), "it is read again");
        assert!(states.personal.borrow().len() <= HELD);
    }

    #[test]
    fn what_is_forgotten_is_not_read_before_it_is_gone_from_the_disk() {
        let states = States::default();
        of_person(&states, "ann", Some(1));
        states.note_person("bot", "ann");
        states.forget_people("bot");
        assert_eq!(of_person(&states, "ann", Some(1)).borrow().len(), 0);
        let taken = states.take_changed();
        assert_eq!((taken.forgotten, taken.maps.len()), (vec!["bot".to_owned()], 0));
        assert_eq!(of_person(&states, "ben", Some(1)).borrow().len(), 0);
        states.is_on_disk(states.takes());
        assert_eq!(of_person(&states, "cid", Some(1)).borrow().len(), 1, "somebody has kept it since");
        assert!(states.take_changed().forgotten.is_empty());
    }
}
