//! What outlives the process: certificates and the scripts' stores, in one SQLite file.
//!
//! | file | what lives there |
//! |---|---|
//! | `folder` | the data folder: its permissions, its lock, its database file |
//! | `schema` | the schema's versions and the steps between them |
//! | `mirror` | the scripts' values in memory, which decide what a `get` gives |
//! | `ids` | the ids of events, runs and timers |
//! | `internal` | the names of what is no event of the gateway |
//! | `record` | what the journal takes down, and batches, the unit in which it does |
//! | `held` | the scripts that are missing, and what is kept of scripts |
//! | `body` | what batches say of events and runs, packed |
//! | `log`, `rows` | where batches are written: what comes and goes at once; the tables of what lasts |
//! | `messages` | the ids of the messages that are not handled again |
//! | `prune` | what is over for long goes, slice by slice |
//! | `reader`, `values` | the journal, and the scripts' values, as people read them; copies |
//! | `writer`, `health` | the one thread that touches the database; whether the disk lets it |
//!
//! What a value means is not known here: it is JSON text to the store.
//!
//! The interface is narrow on purpose, and each operation says what it guarantees, so that a store shared by several
//! machines can stand behind it one day.

mod body;
mod error;
mod folder;
mod health;
mod held;
mod ids;
mod internal;
mod log;
mod messages;
mod mirror;
mod prune;
mod reader;
mod record;
mod rows;
mod schema;
mod values;
mod writer;

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::clock::Timestamp;
pub use body::Packer;
pub use error::{DiskFault, StoreError};
use folder::Folder;
pub use folder::{is_data_file, socket_file};
pub use held::{Held, Kept, state_of};
pub use ids::{EventId, Id, RunId, TimerId};
pub use internal::{InternalKind, is_internal};
pub use messages::number as message_number;
use mirror::Mirror;
pub use mirror::{SCRIPT_LIMIT, VALUE_LIMIT, shared_store};
pub use prune::Pruning;
pub use reader::JournalReader;
pub use record::{
    Batch, BundleHash, BundleRow, CallAnswer, CallKind, CallOutcome, CallRecord, EventRow, Handled, Handling, LinedUp,
    Lineup, MessageId, MessageRow, Recovered, RunChange, RunOutcome, RunRecord, RunRow, Standing, Tenant, TimerOrigin,
    TimerRow, Waiting,
};
pub use values::{StoreEntry, StoreSummary};
use writer::{Job, StoreShared, Writer};

/// A database of so many bytes is checked within some tenths of a second.
const CHECKED_SOON: u64 = 64 * 1024 * 1024;

/// When a write is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Within 10 ms, against a crash of the process; a power cut can cost more.
    Relaxed,
    /// As soon as the writer comes to it, synchronized with the disk.
    Strict,
}

impl Durability {
    /// How long writes gather before they are committed together.
    const fn gather(self) -> Duration {
        match self {
            Self::Relaxed => Duration::from_millis(10),
            Self::Strict => Duration::ZERO,
        }
    }

    const fn synchronous(self) -> &'static str {
        match self {
            Self::Relaxed => "NORMAL",
            Self::Strict => "FULL",
        }
    }
}

/// The data of one data folder; clones share it, and any thread may use it.
///
/// The last clone that goes writes what is still to be written.
#[derive(Clone, Debug)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    shared: Arc<StoreShared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    past_messages: Mutex<PastMessages>,
    /// A connection that only reads beside the writer; none where the database is in memory.
    reading: Option<Mutex<Connection>>,
    /// Held for as long as the store is open; the operating system releases it with the process.
    _folder: Option<Folder>,
}

/// The ids of messages that are not handled again, read for all sessions at once.
#[derive(Debug, Default)]
struct PastMessages {
    by_session: Option<BTreeMap<String, HashSet<String>>>,
    given: HashSet<String>,
}

impl Store {
    /// Opens the data folder, which is created if it is missing, and takes it for this process alone.
    ///
    /// # Errors
    /// When another process has it, when it cannot be created or written, or when its database was made by a newer
    /// version.
    pub fn open(folder: &Path, durability: Durability) -> Result<Self, StoreError> {
        let folder = Folder::take(folder)?;
        let (connection, file) = (folder.database()?, folder.database_file());
        Self::start(connection, durability, Some(folder), file.clone()).map_err(|error| error.in_file(&file))
    }

    /// A store that is gone with its last clone.
    ///
    /// # Errors
    /// When SQLite cannot be started.
    pub fn in_memory() -> Result<Self, StoreError> {
        Self::start(Connection::open_in_memory()?, Durability::Relaxed, None, PathBuf::from(":memory:"))
    }

    fn start(
        mut connection: Connection,
        durability: Durability,
        folder: Option<Folder>,
        file: PathBuf,
    ) -> Result<Self, StoreError> {
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", durability.synchronous())?;
        schema::migrate(&mut connection)?;
        let reading = match folder {
            Some(_) => Some(Mutex::new(Connection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_ONLY)?)),
            None => None,
        };
        let (shared, jobs) = StoreShared::new(file);
        let writer = Writer::new(connection, durability.gather(), Arc::clone(&shared), jobs)?;
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || writer.run())
            .map_err(StoreError::Thread)?;
        let (thread, past_messages) = (Mutex::new(Some(thread)), Mutex::default());
        Ok(Self(Arc::new(Inner { shared, thread, past_messages, reading, _folder: folder })))
    }

    /// The certificate that an account got at its last login to a gateway.
    ///
    /// Guarantee: the latest [`save_certificate`](Self::save_certificate) of any thread, also before it is on disk.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn certificate(&self, gateway: &str, account: &str) -> Result<Option<String>, StoreError> {
        let (gateway, account) = (gateway.to_owned(), account.to_owned());
        self.0.shared.ask(|reply| Job::Certificate { gateway, account, reply })
    }

    /// What is random in each data folder, and stays the same in it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn secret(&self) -> Result<Vec<u8>, StoreError> {
        self.0.shared.ask(|reply| Job::Secret { reply })
    }

    /// Keeps the certificate of an account at a gateway, instead of an earlier one.
    ///
    /// Guarantee: on disk when this returns, since a lost certificate costs a login with a PIN.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn save_certificate(&self, gateway: &str, account: &str, certificate: &str) -> Result<(), StoreError> {
        let (gateway, account, certificate) = (gateway.to_owned(), account.to_owned(), certificate.to_owned());
        self.0.shared.ask(|reply| Job::SaveCertificate { gateway, account, certificate, reply })
    }

    /// The value of a script's key, as JSON text; `None` where there is none or its time has passed.
    ///
    /// Guarantee: gives the latest `set`, `incr` or `delete` of any thread.
    ///
    /// # Errors
    /// When the script's values cannot be read from disk, which happens once, at its first use.
    pub fn get(&self, script: &str, key: &str, now: Timestamp) -> Result<Option<Arc<str>>, StoreError> {
        self.with_script(script, now, |mirror| Ok(mirror.get(script, key, now)))
    }

    /// Gives a script's key a value, as JSON text, until `expiry` where one is given.
    ///
    /// Guarantee: every later `get` of any thread sees it; it is on disk within the store's [`Durability`].
    ///
    /// # Errors
    /// When the value or the script's values together would be too large.
    pub fn set(
        &self,
        script: &str,
        key: &str,
        json: &str,
        expiry: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(script, key, now, |mirror| mirror.set(script, key, json, expiry, now))
    }

    /// Adds to the whole number under a script's key, where none is one of 0, and gives the sum.
    ///
    /// Guarantee: atomic over all threads; otherwise as [`set`](Self::set). An expiry stays as it is.
    ///
    /// # Errors
    /// When the value is no whole number, when the sum is too large for one, and as [`set`](Self::set).
    pub fn incr(&self, script: &str, key: &str, by: i64, now: Timestamp) -> Result<i64, StoreError> {
        self.write(script, key, now, |mirror| mirror.incr(script, key, by, now))
    }

    /// Gives a script's key the value that `change` makes of the one that is there, as JSON text, until `expiry` where one is given;
    /// `None` leaves everything as it is. An expiry that there was stays, where none is given.
    ///
    /// Guarantee: nobody else writes the key while `change` is under way; whoever wants to waits, and blocks a thread with it. It is
    /// read meanwhile as it was, and so `change` must neither wait nor use the store. Otherwise as [`set`](Self::set).
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn update(
        &self,
        script: &str,
        key: &str,
        expiry: Option<Timestamp>,
        now: Timestamp,
        change: impl FnOnce(Option<&str>) -> Option<String>,
    ) -> Result<(), StoreError> {
        let old = self.with_key(script, key, now, |mirror| {
            mirror.begin_update(script, key);
            Ok(mirror.get(script, key, now))
        })?;
        let _update = Update { store: self, script, key };
        match change(old.as_deref()) {
            Some(json) if expiry.is_some() || old.as_deref() != Some(&json) => {
                let result = self.with_script(script, now, |mirror| {
                    let expiry = expiry.or_else(|| mirror.expiry(script, key, now));
                    mirror.set(script, key, &json, expiry, now)
                });
                self.0.shared.announce();
                result
            }
            _ => Ok(()),
        }
    }

    /// Removes a script's key; false means that there was none.
    ///
    /// Guarantee: as [`set`](Self::set).
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn delete(&self, script: &str, key: &str, now: Timestamp) -> Result<bool, StoreError> {
        self.write(script, key, now, |mirror| Ok(mirror.delete(script, key, now)))
    }

    /// Gives a key its value, or takes it away.
    ///
    /// Guarantee: as [`set`](Self::set).
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn put(&self, entry: &StoreEntry, now: Timestamp) -> Result<(), StoreError> {
        let StoreEntry { store, key, json, expiry } = entry;
        match json {
            Some(json) => self.set(store, key, json, *expiry, now),
            None => self.delete(store, key, now).map(drop),
        }
    }

    /// A script's keys that start with `prefix`, in ascending order.
    ///
    /// Guarantee: one moment's keys, as of the latest write of any thread.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn keys(&self, script: &str, prefix: &str, now: Timestamp) -> Result<Vec<String>, StoreError> {
        self.with_script(script, now, |mirror| Ok(mirror.keys(script, prefix, now)))
    }

    /// Records a batch, together with every value of the scripts that has changed so far.
    ///
    /// Guarantee: written whole or not at all, after all batches that were handed over before, of any thread. `done` is told when
    /// it is on disk; while the disk takes no writes, batches are kept and tried again.
    pub fn record(&self, batch: Batch, done: Option<tokio::sync::oneshot::Sender<()>>) {
        self.record_by(&mut Packer::default(), batch, done);
    }

    /// As [`record`](Self::record), for one who records many batches, with what has been added to the packer.
    pub fn record_by(&self, packer: &mut Packer, batch: Batch, done: Option<tokio::sync::oneshot::Sender<()>>) {
        // Packed before others are kept waiting.
        let packed = packer.pack(batch);
        self.hold_batches().hand_over(packed, done);
    }

    /// Lets no other thread record a batch until what this gives is dropped.
    ///
    /// Guarantee: what the holder writes meanwhile is in no other thread's batch.
    pub fn hold_batches(&self) -> Batches<'_> {
        Batches { store: self, _held: self.0.shared.recording() }
    }

    /// Keeps every further change of the scripts' values in memory only: a rehearsal leaves no traces.
    pub fn forget_changes(&self) {
        self.0.shared.forget_changes();
    }

    /// Leaves the scripts' values to be written with the batches, so that both always belong to the same moment.
    pub fn write_with_batches(&self) {
        self.0.shared.write_with_batches();
    }

    /// What a session left behind when its process ended. From now on it is the `tenant`'s: where it was another account's,
    /// its runs, its timers and the ids of its messages have ended with that.
    ///
    /// Guarantee: everything of all batches that were recorded before, of any thread.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn recover(&self, session: &str, tenant: Tenant) -> Result<Recovered, StoreError> {
        let name = session.to_owned();
        let recovered = self.0.shared.ask(|reply| Job::Recover { session: name, tenant, reply })?;
        let messages = self.past_messages(session)?;
        Ok(if recovered.has_moved { recovered } else { Recovered { messages, ..recovered } })
    }

    /// Whether a session has taken a message, as its batches say.
    ///
    /// Guarantee: everything that is on disk, for as long as nothing prunes it. It waits for no writer.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn has_message(&self, session: &str, id: &str) -> Result<bool, StoreError> {
        match &self.0.reading {
            Some(reading) => messages::has(&reading.lock().unwrap_or_else(PoisonError::into_inner), session, id),
            None => {
                let (session, id) = (session.to_owned(), id.to_owned());
                self.0.shared.query(move |connection| messages::has(connection, &session, &id))
            }
        }
    }

    /// A state that is on disk, as JSON text: a script's, or [the state of a person or a chat](state_of). It waits for no writer.
    ///
    /// Guarantee: everything of all batches that are on disk.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn state(&self, session: &str, name: &str) -> Result<Option<String>, StoreError> {
        match &self.0.reading {
            Some(reading) => held::state(&reading.lock().unwrap_or_else(PoisonError::into_inner), session, name),
            None => {
                let (session, name) = (session.to_owned(), name.to_owned());
                self.0.shared.query(move |connection| held::state(connection, &session, &name))
            }
        }
    }

    /// Notes which scripts there are from a time on, for whoever asks later why one did not run.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn line_up(&self, lineup: Lineup, at: Timestamp) -> Result<(), StoreError> {
        self.0.shared.query(move |connection| rows::line_up(connection, &lineup, at))
    }

    /// What is kept of scripts that runs, timers or a state of theirs could go on with, by session.
    ///
    /// Guarantee: everything of all batches that were recorded before, of any thread, and that has settled.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn kept(&self) -> Result<Vec<Kept>, StoreError> {
        self.0.shared.query(held::kept)
    }

    /// The scripts that are held, by their names.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn held(&self) -> Result<Vec<Held>, StoreError> {
        self.0.shared.query(held::all)
    }

    /// Notes which scripts are held from now on; those that are not named are not.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn hold(&self, held: Vec<Held>) -> Result<(), StoreError> {
        self.0.shared.query(move |connection| held::replace(connection, &held))
    }

    /// Ends what is kept of a script, but for its values: its runs, timers and states in sessions other than these, whose
    /// workers do it.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn forget(&self, script: &str, live: Vec<String>, now: Timestamp) -> Result<(), StoreError> {
        let script = script.to_owned();
        self.0.shared.query(move |connection| held::forget(connection, &script, &live, now))
    }

    fn past_messages(&self, session: &str) -> Result<HashSet<String>, StoreError> {
        let mut past = self.0.past_messages.lock().unwrap_or_else(PoisonError::into_inner);
        // A session that comes again has taken more since.
        if past.by_session.is_none() || !past.given.insert(session.to_owned()) {
            past.by_session = Some(self.0.shared.query(log::latest_messages)?);
            past.given = HashSet::from([session.to_owned()]);
        }
        Ok(past.by_session.as_mut().and_then(|messages| messages.remove(session)).unwrap_or_default())
    }

    /// The sources of a hash, as JSON text.
    ///
    /// Guarantee: those of every run that goes on, and of every script that this process has loaded.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn bundle(&self, hash: &BundleHash) -> Result<Option<String>, StoreError> {
        let hash = *hash;
        self.0.shared.query(move |connection| rows::bundle(connection, &hash))
    }

    /// The highest id of the journal; new ids come after it.
    ///
    /// Guarantee: no id of any batch that was recorded before is higher.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn highest_id(&self) -> Result<i64, StoreError> {
        self.0.shared.query(rows::highest_id)
    }

    /// Whether a process has a data folder for itself now.
    pub fn is_in_use(folder: &Path) -> bool {
        folder::is_in_use(folder)
    }

    /// Takes it down that someone asked to kill a run: its end, however it comes, takes that off the disk.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn kill(&self, run: RunId) -> Result<(), StoreError> {
        self.0.shared.query(move |connection| rows::ask_to_kill(connection, run))
    }

    /// The runs that someone asked to kill.
    ///
    /// Guarantee: each is given again until its end is on disk, also over a crash.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn kills(&self) -> Result<Vec<RunRow>, StoreError> {
        self.0.shared.query(rows::kills)
    }

    /// Ends a run that no process has any more, as killed.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn end_run(&self, run: RunId, at: Timestamp) -> Result<(), StoreError> {
        self.0.shared.query(move |connection| rows::end_run(connection, run, at))
    }

    /// Ends what has waited since before a time for sessions other than these: nobody takes it up any more.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn abandon(&self, sessions: Vec<String>, before: Timestamp, now: Timestamp) -> Result<(), StoreError> {
        self.0.shared.query(move |connection| rows::abandon(connection, &sessions, before, now))
    }

    /// Removes a part of what was done before a time, small enough to hold nobody up; gives what is left to do.
    ///
    /// Guarantee: what still goes on stays, and the sources that it needs.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn prune_some(&self, pruning: Pruning) -> Result<Option<Pruning>, StoreError> {
        self.0.shared.ask(|reply| Job::Prune { pruning, reply })
    }

    /// Removes everything that was done before a time, as [`prune_some`](Self::prune_some).
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn prune(&self, before: Timestamp, now: Timestamp) -> Result<(), StoreError> {
        let mut pruning = Some(Pruning::before(before, now));
        while let Some(next) = pruning {
            pruning = self.prune_some(next)?;
        }
        Ok(())
    }

    /// Checks the database from end to end.
    ///
    /// # Errors
    /// With what SQLite found, when it is damaged.
    pub fn check(&self) -> Result<(), StoreError> {
        self.0.shared.query(reader::check)
    }

    /// Whether it is so small that nobody waits long for a [`check`](Self::check).
    pub fn is_checked_soon(&self) -> bool {
        self.0.shared.size() <= CHECKED_SOON
    }

    /// Whether nothing can be written at present, as far as that has shown: then nothing more is to happen that would have to be
    /// on disk, and writes gather in memory.
    pub fn is_stuck(&self) -> bool {
        self.0.shared.health.is_stuck()
    }

    /// What tells whenever writing begins or ceases to be possible: why it is not.
    pub fn follow_disk(&self) -> tokio::sync::watch::Receiver<Option<String>> {
        self.0.shared.health.follow()
    }

    /// Waits until everything written so far is on disk. It blocks the thread for as long as that takes.
    ///
    /// # Errors
    /// When the disk takes no writes.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.0.shared.ask(|reply| Job::Flush { reply })
    }

    /// Runs `with` on the mirror, which holds the script's values then.
    fn with_script<R>(
        &self,
        script: &str,
        now: Timestamp,
        with: impl FnOnce(&mut Mirror) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        with(&mut *self.holding(script, now)?)
    }

    /// As [`with_script`](Self::with_script), when nobody is in the middle of an update of the key.
    fn with_key<R>(
        &self,
        script: &str,
        key: &str,
        now: Timestamp,
        with: impl FnOnce(&mut Mirror) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        let mirror = self.holding(script, now)?;
        with(&mut self.0.shared.updated(mirror, |mirror| mirror.is_updating(script, key)))
    }

    /// The mirror, which holds the script's values.
    fn holding(&self, script: &str, now: Timestamp) -> Result<MutexGuard<'_, Mirror>, StoreError> {
        let mirror = self.mirror();
        if mirror.holds(script) {
            return Ok(mirror);
        }
        drop(mirror);
        self.load(script, now)?;
        Ok(self.mirror())
    }

    fn load(&self, script: &str, now: Timestamp) -> Result<(), StoreError> {
        let _loading = self.0.shared.loading();
        if self.mirror().holds(script) {
            return Ok(());
        }
        let name = script.to_owned();
        let rows = self.0.shared.ask(|reply| Job::Load { script: name, reply })?;
        self.mirror().load(script, rows, now);
        Ok(())
    }

    fn write<R>(
        &self,
        script: &str,
        key: &str,
        now: Timestamp,
        with: impl FnOnce(&mut Mirror) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        let result = self.with_key(script, key, now, with);
        self.0.shared.announce();
        result
    }

    fn mirror(&self) -> MutexGuard<'_, Mirror> {
        self.0.shared.mirror()
    }
}

/// An update of a key that is under way, until this is dropped.
struct Update<'a> {
    store: &'a Store,
    script: &'a str,
    key: &'a str,
}

impl Drop for Update<'_> {
    fn drop(&mut self) {
        self.store.mirror().end_update(self.script, self.key);
        self.store.0.shared.has_updated();
    }
}

/// The right to record batches, held by one thread.
#[derive(Debug)]
pub struct Batches<'a> {
    store: &'a Store,
    _held: MutexGuard<'a, ()>,
}

impl Batches<'_> {
    /// As [`Store::record_by`].
    pub fn record_by(&self, packer: &mut Packer, batch: Batch, done: Option<tokio::sync::oneshot::Sender<()>>) {
        self.hand_over(packer.pack(batch), done);
    }

    fn hand_over(&self, batch: body::Packed, done: Option<tokio::sync::oneshot::Sender<()>>) {
        let changes = self.store.mirror().take_changes();
        self.store.0.shared.hand_over(Job::Record { batch: Box::new(batch), changes, done });
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.finish();
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A writer that panicked has said so already.
            let _ = thread.join();
        }
    }
}
