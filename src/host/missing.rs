//! The scripts whose files are missing: since when, and which have been missed for so long that they are to be forgotten.
//!
//! What it means to a script that it is held, its workers know.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::config::Session;
use crate::clock::{Clock, Timestamp};
use crate::store::{Held, Kept, Store, StoreError};

/// How often it is written for how long they have been missed.
const SAVE: Duration = Duration::from_secs(10);

/// Clones share it: files come and go on one thread, and time is counted on another.
#[derive(Clone)]
pub(super) struct MissingScripts(Arc<Mutex<Counted>>);

struct Counted {
    held: BTreeMap<String, Held>,
    /// How long the process had run when it was counted last, and when it was written last.
    counted: Duration,
    saved: Duration,
    clock: Clock,
    /// How long a process must have run for a missing script to be forgotten.
    retention: Duration,
    /// None where nothing is recorded.
    store: Option<Store>,
}

impl MissingScripts {
    /// What an earlier process missed, where `store` is one that records.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) fn new(store: Option<Store>, clock: Clock, retention: Duration) -> Result<Self, StoreError> {
        let held = store.as_ref().map_or_else(|| Ok(Vec::new()), Store::held)?;
        let held = held.into_iter().map(|held| (held.script.clone(), held)).collect();
        let now = clock.elapsed();
        Ok(Self(Arc::new(Mutex::new(Counted { held, counted: now, saved: now, clock, retention, store }))))
    }

    /// Misses what sessions keep something of and what is not there, and nothing besides; gives it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) fn begin(&self, sessions: &[Session], there: &BTreeSet<String>) -> Result<Vec<Held>, StoreError> {
        let mut counted = self.counted();
        let missed = counted.missed(sessions, there)?;
        counted.held.retain(|script, _| missed.contains(script));
        missed.iter().for_each(|script| counted.hold(script, String::new()));
        counted.save();
        Ok(counted.held.values().cloned().collect())
    }

    /// Misses also what a session that comes later keeps something of; gives what was not missed before.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) fn look_for(&self, session: &Session, there: &BTreeSet<String>) -> Result<Vec<Held>, StoreError> {
        let mut counted = self.counted();
        let mut missed = counted.missed(std::slice::from_ref(session), there)?;
        missed.retain(|script| !counted.held.contains_key(script));
        missed.iter().for_each(|script| counted.hold(script, String::new()));
        counted.save();
        Ok(missed.iter().filter_map(|script| counted.held.get(script)).cloned().collect())
    }

    /// Notes that scripts are missing from now on, each with where its file was, and that others are not any more.
    pub(super) fn note<'a>(
        &self,
        missing: impl IntoIterator<Item = (&'a str, String)>,
        others: impl IntoIterator<Item = &'a str>,
    ) {
        let mut counted = self.counted();
        let before = counted.held.clone();
        others.into_iter().for_each(|script| drop(counted.held.remove(script)));
        missing.into_iter().for_each(|(script, file)| counted.hold(script, file));
        if counted.held != before {
            counted.save();
        }
    }

    /// The names of the scripts that are missing.
    pub(super) fn names(&self) -> Vec<String> {
        self.counted().held.keys().cloned().collect()
    }

    /// Counts the time that has passed; gives the scripts that have been missed for long enough.
    pub(super) fn count(&self) -> Vec<String> {
        let mut counted = self.counted();
        let now = counted.clock.elapsed();
        let passed = millis(now.saturating_sub(std::mem::replace(&mut counted.counted, now)));
        counted.held.values_mut().for_each(|held| held.ran = held.ran.saturating_add(passed));
        if now.saturating_sub(counted.saved) >= SAVE {
            counted.save();
        }
        let long = millis(counted.retention);
        counted.held.values().filter(|held| held.ran >= long).map(|held| held.script.clone()).collect()
    }

    /// Writes for how long they have been missed.
    pub(super) fn save(&self) {
        self.counted().save();
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counted {
    /// Of the scripts that sessions run and keep something of, those that are not there.
    fn missed(&self, sessions: &[Session], there: &BTreeSet<String>) -> Result<BTreeSet<String>, StoreError> {
        let Some(store) = &self.store else { return Ok(BTreeSet::new()) };
        let runs = |Kept { session, script }: &Kept| {
            let session = sessions.iter().find(|other| other.name == *session);
            session.is_some_and(|session| session.scripts.as_ref().is_none_or(|scripts| scripts.contains(script)))
        };
        let kept = store.kept()?.into_iter().filter(|kept| runs(kept) && !there.contains(&kept.script));
        Ok(kept.map(|kept| kept.script).collect())
    }

    fn hold(&mut self, script: &str, file: String) {
        let (script, since) = (script.to_owned(), self.clock.now());
        self.held.entry(script.clone()).or_insert(Held { script, file, since, ran: 0 });
    }

    fn save(&mut self) {
        self.saved = self.clock.elapsed();
        let Some(store) = &self.store else { return };
        if let Err(error) = store.hold(self.held.values().cloned().collect()) {
            tracing::warn!("which scripts are missing could not be recorded: {error}");
        }
    }
}

fn millis(duration: Duration) -> Timestamp {
    Timestamp::try_from(duration.as_millis()).unwrap_or(Timestamp::MAX)
}
