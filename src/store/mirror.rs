//! The scripts' values in memory: they decide what a `get` gives, and the disk follows. No I/O happens here.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::error::StoreError;
use crate::clock::Timestamp;

/// The most bytes of one value, its key included.
pub const VALUE_LIMIT: usize = 1024 * 1024;
/// The most bytes of a key. A message of any network is shorter, so that its text can be one.
pub(super) const KEY_LIMIT: usize = 16 * 1024;
/// The most bytes of one script's values, their keys included.
pub const SCRIPT_LIMIT: usize = 64 * 1024 * 1024;

/// How many letters of a key that is too long tell which it is.
const KEY_START: usize = 40;

/// What a store that scripts share by this name is called where scripts are: no script's name has a slash.
pub fn shared_store(name: &str) -> String {
    format!("{SHARED}{name}")
}

const SHARED: &str = "shared/";

/// Whose store that is, in words.
fn described(script: &str) -> String {
    match script.strip_prefix(SHARED) {
        Some(name) => format!("the shared store \"{name}\""),
        None => format!("the store of {script}"),
    }
}

/// A value and when it ends.
#[derive(Clone, Debug)]
pub(super) struct StoredValue {
    pub(super) json: Arc<str>,
    pub(super) expiry: Option<Timestamp>,
}

impl StoredValue {
    fn is_over(&self, now: Timestamp) -> bool {
        self.expiry.is_some_and(|expiry| expiry <= now)
    }
}

/// What the disk has to learn: a key, and its value unless it is gone.
pub(super) type Change = (Arc<str>, String, Option<StoredValue>);

/// The values of every script that has been used.
#[derive(Debug, Default)]
pub(super) struct Mirror {
    scripts: HashMap<Arc<str>, Values>,
    /// Invariant: names every key whose value in memory is not the one on disk.
    dirty: HashSet<(Arc<str>, String)>,
    /// The keys whose next value somebody is making of the present one.
    updating: Vec<(Arc<str>, String)>,
}

#[derive(Debug, Default)]
struct Values {
    entries: BTreeMap<String, StoredValue>,
    /// Invariant: the bytes of all keys and texts in `entries`.
    size: usize,
}

impl Mirror {
    pub(super) fn holds(&self, script: &str) -> bool {
        self.scripts.contains_key(script)
    }

    /// Takes over what is on disk; what is over already goes from there too.
    pub(super) fn load(&mut self, script: &str, rows: Vec<(String, StoredValue)>, now: Timestamp) {
        let name: Arc<str> = script.into();
        let mut values = Values::default();
        for (key, entry) in rows {
            if entry.is_over(now) {
                self.dirty.insert((Arc::clone(&name), key));
            } else {
                values.size += key.len() + entry.json.len();
                values.entries.insert(key, entry);
            }
        }
        self.scripts.insert(name, values);
    }

    pub(super) fn get(&self, script: &str, key: &str, now: Timestamp) -> Option<Arc<str>> {
        let entry = self.scripts.get(script)?.entries.get(key)?;
        (!entry.is_over(now)).then(|| Arc::clone(&entry.json))
    }

    pub(super) fn set(
        &mut self,
        script: &str,
        key: &str,
        json: &str,
        expiry: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if key.len() > KEY_LIMIT {
            let start = key.chars().take(KEY_START).collect();
            return Err(StoreError::KeyTooLong { start, size: key.len(), limit: KEY_LIMIT });
        }
        let size = key.len() + json.len();
        if size > VALUE_LIMIT {
            return Err(StoreError::ValueTooLarge { key: key.to_owned(), size, limit: VALUE_LIMIT });
        }
        let mut total = self.size_without(script, key) + size;
        if total > SCRIPT_LIMIT {
            self.remove_expired(script, now);
            total = self.size_without(script, key) + size;
        }
        if total > SCRIPT_LIMIT {
            return Err(StoreError::StoreFull { whose: described(script), size: total, limit: SCRIPT_LIMIT });
        }
        let values = self.scripts.entry(script.into()).or_default();
        values.entries.insert(key.to_owned(), StoredValue { json: json.into(), expiry });
        values.size = total;
        self.mark(script, key);
        Ok(())
    }

    pub(super) fn expiry(&self, script: &str, key: &str, now: Timestamp) -> Option<Timestamp> {
        let entry = self.scripts.get(script)?.entries.get(key)?;
        entry.expiry.filter(|_| !entry.is_over(now))
    }

    pub(super) fn begin_update(&mut self, script: &str, key: &str) {
        self.updating.push((self.name(script), key.to_owned()));
    }

    pub(super) fn end_update(&mut self, script: &str, key: &str) {
        self.updating.retain(|(whose, which)| (&**whose, &**which) != (script, key));
    }

    pub(super) fn is_updating(&self, script: &str, key: &str) -> bool {
        self.updating.iter().any(|(whose, which)| (&**whose, &**which) == (script, key))
    }

    pub(super) fn incr(&mut self, script: &str, key: &str, by: i64, now: Timestamp) -> Result<i64, StoreError> {
        let entry = self.scripts.get(script).and_then(|values| values.entries.get(key));
        let entry = entry.filter(|entry| !entry.is_over(now));
        let (value, expiry) = match entry {
            Some(entry) => {
                let not_a_number = |_| StoreError::NotANumber { key: key.to_owned() };
                (entry.json.trim().parse::<i64>().map_err(not_a_number)?, entry.expiry)
            }
            None => (0, None),
        };
        let sum = value.checked_add(by).ok_or_else(|| StoreError::OutOfRange { key: key.to_owned() })?;
        self.set(script, key, &sum.to_string(), expiry, now)?;
        Ok(sum)
    }

    pub(super) fn delete(&mut self, script: &str, key: &str, now: Timestamp) -> bool {
        let Some(values) = self.scripts.get_mut(script) else { return false };
        let Some(entry) = values.entries.remove(key) else { return false };
        values.size -= key.len() + entry.json.len();
        self.mark(script, key);
        !entry.is_over(now)
    }

    pub(super) fn keys(&self, script: &str, prefix: &str, now: Timestamp) -> Vec<String> {
        let Some(values) = self.scripts.get(script) else { return Vec::new() };
        let from_prefix = values.entries.range(prefix.to_owned()..);
        let with_prefix = from_prefix.take_while(|(key, _)| key.starts_with(prefix));
        with_prefix.filter(|(_, entry)| !entry.is_over(now)).map(|(key, _)| key.clone()).collect()
    }

    /// Takes what the disk has to learn. If it cannot, [`put_back`](Self::put_back) is due.
    pub(super) fn take_changes(&mut self) -> Vec<Change> {
        let dirty = std::mem::take(&mut self.dirty);
        let change = |(script, key): (Arc<str>, String)| {
            let entry = self.scripts.get(&script).and_then(|values| values.entries.get(&key)).cloned();
            (script, key, entry)
        };
        dirty.into_iter().map(change).collect()
    }

    pub(super) fn put_back(&mut self, changes: Vec<Change>) {
        self.dirty.extend(changes.into_iter().map(|(script, key, _)| (script, key)));
    }

    pub(super) fn is_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    fn mark(&mut self, script: &str, key: &str) {
        self.dirty.insert((self.name(script), key.to_owned()));
    }

    fn name(&self, script: &str) -> Arc<str> {
        self.scripts.get_key_value(script).map_or_else(|| script.into(), |(name, _)| Arc::clone(name))
    }

    fn size_without(&self, script: &str, key: &str) -> usize {
        self.scripts
            .get(script)
            .map_or(0, |values| values.size - values.entries.get(key).map_or(0, |entry| key.len() + entry.json.len()))
    }

    fn remove_expired(&mut self, script: &str, now: Timestamp) {
        let Some(values) = self.scripts.get(script) else { return };
        let over = values.entries.iter().filter(|(_, entry)| entry.is_over(now));
        for key in over.map(|(key, _)| key.clone()).collect::<Vec<_>>() {
            self.delete(script, &key, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_ends_with_its_time() {
        let mut mirror = Mirror::default();
        mirror.set("s", "k", "1", Some(100), 0).expect("small");
        assert_eq!(mirror.get("s", "k", 99).as_deref(), Some("1"));
        assert_eq!(mirror.get("s", "k", 100), None);
        assert_eq!(mirror.keys("s", "", 100), Vec::<String>::new());
        assert_eq!(mirror.incr("s", "k", 5, 100).expect("a number"), 5, "it begins anew");
    }

    #[test]
    fn sizes_are_limited_and_what_is_over_makes_room() {
        let mut mirror = Mirror::default();
        let large = "x".repeat(VALUE_LIMIT - 3);
        assert!(matches!(mirror.set("s", "long key", &large, None, 0), Err(StoreError::ValueTooLarge { .. })));
        let long = "長".repeat(KEY_LIMIT / 3 + 1);
        let refused = mirror.set("s", &long, "1", None, 0).map_err(|error| error.to_string());
        let start = "長".repeat(KEY_START);
        let expected = format!("the key \"{start}…\" has {} bytes, at most {KEY_LIMIT} are allowed", long.len());
        assert_eq!(refused, Err(expected));
        mirror.set("s", &long[..long.len() - 3], "1", None, 0).expect("it is short enough");
        assert!(mirror.delete("s", &long[..long.len() - 3], 0));
        for index in 0..64 {
            mirror.set("s", &format!("k{index:02}"), &large, Some(10), 0).expect("it fits");
        }
        assert!(matches!(mirror.set("s", "more", "1", None, 0), Err(StoreError::StoreFull { .. })));
        mirror.set("s", "k00", "1", None, 0).expect("a smaller value in its place fits");
        mirror.set("s", "more", &large[..VALUE_LIMIT - 4], None, 10).expect("the others are over");
        assert_eq!(mirror.keys("s", "", 10), ["k00", "more"]);
        assert_eq!(mirror.scripts["s"].size, 3 + 1 + VALUE_LIMIT);
    }
}
