//! The one thread that touches the database. What a value is at a moment, the mirror decides.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::body::Packed;
use super::error::StoreError;
use super::health::{DatabaseFiles, Health};
use super::log::{self, Log, Sorted};
use super::messages::Unwritten;
use super::mirror::{Change, Mirror, StoredValue};
use super::prune::{self, Pruning};
use super::record::{MOMENT, Recovered, Tenant};
use super::rows;
use crate::clock::Timestamp;
use tokio::sync::oneshot;

/// So many requests wait for the writer; the next caller waits for its turn to enter.
const JOBS: usize = 256;
/// A disk that takes no writes is spoken of this often.
const COMPLAIN: Duration = Duration::from_secs(60);
/// Writes that failed are tried again after this.
const RETRY: Duration = Duration::from_millis(250);
/// How often it is looked whether the files are still there, where nothing is written.
const LOOK: Duration = Duration::from_secs(1);

/// Where the answer to a request goes.
pub(super) type Responder<T> = SyncSender<Result<T, StoreError>>;

/// A piece of work on the database that answers by itself.
pub(super) struct Query(Box<dyn FnOnce(&Connection) + Send>);

impl std::fmt::Debug for Query {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Query")
    }
}

/// A gateway, an account there, and its certificate.
type CertificateRow = [String; 3];

/// A batch on its way to the disk.
type QueuedBatch = (Sorted, Vec<Change>, Option<oneshot::Sender<()>>);

/// What the writer is asked for.
#[derive(Debug)]
pub(super) enum Job {
    Load {
        script: String,
        reply: Responder<Vec<(String, StoredValue)>>,
    },
    Certificate {
        gateway: String,
        account: String,
        reply: Responder<Option<String>>,
    },
    SaveCertificate {
        gateway: String,
        account: String,
        certificate: String,
        reply: Responder<()>,
    },
    Secret {
        reply: Responder<Vec<u8>>,
    },
    Flush {
        reply: Responder<()>,
    },
    /// A batch of the journal, with the values that go with it.
    Record {
        batch: Box<Packed>,
        changes: Vec<Change>,
        done: Option<oneshot::Sender<()>>,
    },
    /// What a session left behind is to be read.
    Recover {
        session: String,
        tenant: Tenant,
        reply: Responder<Recovered>,
    },
    /// A part of what is over for long is to go.
    Prune {
        pruning: Pruning,
        reply: Responder<Option<Pruning>>,
    },
    /// Something to be read.
    Query(Query),
    /// The mirror has something to write.
    Changed,
    Finish,
}

/// What the callers and the writer share.
#[derive(Debug)]
pub(super) struct StoreShared {
    jobs: SyncSender<Job>,
    mirror: Mutex<Mirror>,
    /// Tells whoever waits for the update of a key that one has ended.
    updated: Condvar,
    loading: Mutex<()>,
    recording: Mutex<()>,
    is_announced: AtomicBool,
    /// Whether changes wait for the next batch instead of being written by themselves.
    with_batches: AtomicBool,
    /// Whether changes are never written.
    is_forgetful: AtomicBool,
    is_finishing: AtomicBool,
    pub(super) health: Health,
    /// The database's file, for whoever has to mend it.
    file: PathBuf,
}

impl StoreShared {
    pub(super) fn new(file: PathBuf) -> (Arc<Self>, Receiver<Job>) {
        let (jobs, receiver) = sync_channel(JOBS);
        let shared = Self {
            jobs,
            mirror: Mutex::default(),
            updated: Condvar::new(),
            loading: Mutex::default(),
            recording: Mutex::default(),
            is_announced: AtomicBool::new(false),
            with_batches: AtomicBool::new(false),
            is_forgetful: AtomicBool::new(false),
            is_finishing: AtomicBool::new(false),
            health: Health::default(),
            file,
        };
        (Arc::new(shared), receiver)
    }

    pub(super) fn mirror(&self) -> MutexGuard<'_, Mirror> {
        self.mirror.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The mirror, once none of its updates is one that is waited for.
    ///
    /// Invariant: the writer never waits here, and whoever updates a key waits for nothing.
    pub(super) fn updated<'a>(
        &self,
        mirror: MutexGuard<'a, Mirror>,
        is_awaited: impl Fn(&Mirror) -> bool,
    ) -> MutexGuard<'a, Mirror> {
        let waited = self.updated.wait_while(mirror, |mirror| is_awaited(mirror));
        waited.unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn has_updated(&self) {
        self.updated.notify_all();
    }

    /// Held by the one thread that loads a script's values.
    ///
    /// Invariant: whoever waits for the writer does not hold the mirror, which the writer needs.
    pub(super) fn loading(&self) -> MutexGuard<'_, ()> {
        self.loading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Held by whoever takes changes for a batch, until the batch is handed over.
    ///
    /// Invariant: the writer never needs it, so that it may be held while there is no room in the writer's queue.
    pub(super) fn recording(&self) -> MutexGuard<'_, ()> {
        self.recording.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the writer and waits for its answer.
    pub(super) fn ask<T>(&self, job: impl FnOnce(Responder<T>) -> Job) -> Result<T, StoreError> {
        let (reply, answer) = sync_channel(1);
        self.jobs.send(job(reply)).map_err(|_| StoreError::Closed)?;
        let answer = answer.recv().map_err(|_| StoreError::Closed)?;
        answer.map_err(|error| error.in_file(&self.file))
    }

    /// Runs `read` on the writer's connection and waits for what it gives.
    pub(super) fn query<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.ask(|reply: Responder<T>| {
            Job::Query(Query(Box::new(move |connection| drop(reply.send(read(connection))))))
        })
    }

    /// Gives the writer something to do without waiting for it, but for room in its queue.
    pub(super) fn hand_over(&self, job: Job) {
        // A writer that is gone writes nothing more, and has said why.
        let _ = self.jobs.send(job);
    }

    pub(super) fn write_with_batches(&self) {
        self.with_batches.store(true, Ordering::Release);
    }

    pub(super) fn forget_changes(&self) {
        self.is_forgetful.store(true, Ordering::Release);
    }

    /// Tells the writer that the mirror has something to write.
    pub(super) fn announce(&self) {
        if self.with_batches.load(Ordering::Acquire) || self.is_announced.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Err(TrySendError::Full(_)) = self.jobs.try_send(Job::Changed) {
            // It is awake then, and looks at the mirror after each request.
            self.is_announced.store(false, Ordering::Release);
        }
    }

    /// Refuses what needs the disk while it takes no writes.
    fn check_disk(&self) -> Result<(), StoreError> {
        self.health.trouble().map_or(Ok(()), |reason| Err(StoreError::Disk(reason)))
    }

    /// The bytes of the database's file.
    pub(super) fn size(&self) -> u64 {
        std::fs::metadata(&self.file).map_or(0, |file| file.len())
    }

    pub(super) fn finish(&self) {
        // The writer is gone already if this fails.
        let _ = self.jobs.send(Job::Finish);
    }

    /// Has the writer finish after what it is at; for the writer itself, which must not wait for room in its own queue.
    fn finish_soon(&self) {
        self.is_finishing.store(true, Ordering::Release);
    }

    fn is_finishing(&self) -> bool {
        self.is_finishing.load(Ordering::Acquire)
    }
}

/// The writer thread's state.
pub(super) struct Writer {
    connection: Connection,
    gather: Duration,
    shared: Arc<StoreShared>,
    jobs: Receiver<Job>,
    log: Log,
    /// The ids of messages that only the log has yet.
    unwritten: Unwritten,
    /// The latest time that is known of the process before.
    last: Option<Timestamp>,
    /// The sessions of which somebody has asked what they left behind.
    recovered: HashSet<String>,
    /// The time of the latest batch.
    latest: Timestamp,
    /// The files that it was opened on.
    files: DatabaseFiles,
    /// When it was looked last whether they are still there.
    looked: Instant,
    /// Batches that are not on disk yet, in their order.
    records: Vec<QueuedBatch>,
    /// Certificates that are not on disk yet.
    certificates: Vec<CertificateRow>,
    /// When it was said last that nothing can be written.
    complained: Option<Instant>,
}

impl Writer {
    /// A writer on a database that is up to date.
    ///
    /// # Errors
    /// When what the last process left behind cannot be read or written.
    pub(super) fn new(
        mut connection: Connection,
        gather: Duration,
        shared: Arc<StoreShared>,
        jobs: Receiver<Job>,
    ) -> Result<Self, StoreError> {
        let (log, last) = (Log::open(&mut connection)?, log::last_time(&connection)?);
        let unwritten = log::unwritten_messages(&connection)?;
        let files = DatabaseFiles::of(&shared.file);
        Ok(Self {
            connection,
            gather,
            shared,
            jobs,
            log,
            unwritten,
            last,
            recovered: HashSet::new(),
            latest: 0,
            files,
            looked: Instant::now(),
            records: Vec::new(),
            certificates: Vec::new(),
            complained: None,
        })
    }

    /// Serves requests until it is told to finish.
    pub(super) fn run(mut self) {
        let mut commit_at: Option<Instant> = None;
        loop {
            let received = match commit_at {
                _ if self.shared.is_finishing() => Ok(Job::Finish),
                Some(at) => self.jobs.recv_timeout(at.saturating_duration_since(Instant::now())),
                None => self.jobs.recv_timeout(LOOK),
            };
            match received {
                Ok(Job::Finish) | Err(RecvTimeoutError::Disconnected) => {
                    self.write_all();
                    let unwritten = self.records.len();
                    if let Err(error) = self.shared.check_disk().and_then(|()| self.commit()) {
                        tracing::error!("what happened last is not recorded ({unwritten} batches): {error}");
                    }
                    return;
                }
                Ok(job) => self.serve_all(job),
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.look_when_due();
            commit_at = self.commit_when_due(commit_at);
        }
    }

    /// Serves a request and whatever has queued up behind it, so that many batches share one commit.
    fn serve_all(&mut self, first: Job) {
        let mut next = Some(first);
        while let Some(job) = next {
            match job {
                Job::Record { batch, changes, done } => {
                    self.latest = batch.at();
                    match self.log.sort(*batch) {
                        Ok(mut sorted) => {
                            self.unwritten.add(&sorted.take_messages());
                            self.records.push((sorted, changes, done));
                        }
                        Err(error) => tracing::error!("what happened cannot be recorded: {error}"),
                    }
                }
                Job::Finish => {
                    // Told again, to be found by the loop that ends.
                    self.shared.finish_soon();
                    break;
                }
                other => {
                    self.write_records();
                    self.serve(other);
                }
            }
            next = self.jobs.try_recv().ok();
        }
        self.write_records();
    }

    /// Writes everything that waits, and the ids of messages, however few they are.
    fn write_all(&mut self) {
        self.unwritten.want();
        self.write_records();
    }

    /// Writes the batches and certificates that wait, in one transaction.
    fn write_records(&mut self) {
        let (is_stuck, are_due) = (self.shared.health.is_stuck(), self.unwritten.are_due());
        if self.records.is_empty() && self.certificates.is_empty() && !is_stuck && !are_due {
            return;
        }
        let messages = are_due.then_some((&self.unwritten, self.log.last()));
        let outcome = self.files.check().and_then(|()| {
            let written = write_records(&mut self.connection, &self.records, &self.certificates, messages, is_stuck);
            written.map_err(|error| StoreError::from(error).in_file(&self.shared.file))
        });
        if outcome.is_ok() {
            self.certificates.clear();
            if are_due {
                self.unwritten = Unwritten::default();
            }
            for (.., done) in self.records.drain(..) {
                // Whoever waited may have gone.
                let _ = done.map(|done| done.send(()));
            }
        }
        self.tell(outcome.err());
        if !self.shared.health.is_stuck()
            && self.log.is_due(self.latest)
            && let Err(error) = self.log.settle(&mut self.connection, Some(self.latest))
        {
            let error = error.in_file(&self.shared.file);
            tracing::error!("the journal cannot be brought in order, it is tried again: {error}");
        }
    }

    /// Looks whether the files are still there, however little is written.
    fn look_when_due(&mut self) {
        if self.looked.elapsed() < LOOK {
            return;
        }
        self.looked = Instant::now();
        if let Err(error) = self.files.check() {
            self.tell(Some(error));
        }
    }

    /// Tells everybody whether writing is possible.
    fn tell(&mut self, trouble: Option<StoreError>) {
        match &trouble {
            Some(error) if self.complained.is_none_or(|at| at.elapsed() >= COMPLAIN) => {
                tracing::error!("the record cannot be written, so nothing is handled until it can: {error}");
                self.complained = Some(Instant::now());
            }
            None if self.complained.take().is_some() => {
                tracing::info!("the record can be written again, and what waited goes on");
            }
            _ => {}
        }
        self.shared.health.set(trouble.map(|error| error.to_string()));
    }

    /// Commits if it is time to, and says when it is next.
    fn commit_when_due(&mut self, commit_at: Option<Instant>) -> Option<Instant> {
        // Taken back before looking: a write that comes after the look announces itself.
        self.shared.is_announced.store(false, Ordering::Release);
        if self.shared.health.is_stuck() {
            let now = Instant::now();
            if commit_at.is_some_and(|at| at <= now) {
                self.write_records();
            }
            if self.shared.health.is_stuck() {
                return Some(commit_at.filter(|at| *at > now).unwrap_or(now + RETRY));
            }
        }
        if self.shared.with_batches.load(Ordering::Acquire) || !self.shared.mirror().is_dirty() {
            return None;
        }
        self.shared.is_announced.store(true, Ordering::Release);
        let now = Instant::now();
        let at = commit_at.unwrap_or(now + self.gather);
        if now < at {
            return Some(at);
        }
        self.commit().is_err().then(|| now + RETRY)
    }

    fn serve(&mut self, job: Job) {
        // Whoever asked may have gone: the answer is lost on nobody then.
        match job {
            Job::Load { script, reply } => drop(reply.send(self.load(&script))),
            Job::Certificate { gateway, account, reply } => drop(reply.send(self.certificate(&gateway, &account))),
            Job::SaveCertificate { gateway, account, certificate, reply } => {
                self.certificates.push([gateway, account, certificate]);
                self.write_records();
                drop(reply.send(self.shared.check_disk()));
            }
            Job::Secret { reply } => drop(reply.send(self.secret())),
            Job::Flush { reply } => {
                self.write_all();
                let committed = self.shared.check_disk().and_then(|()| self.commit());
                drop(reply.send(committed));
            }
            Job::Recover { session, tenant, reply } => {
                let recovered = self.recover(&session, &tenant).map_err(|error| error.in_file(&self.shared.file));
                drop(reply.send(recovered));
            }
            Job::Prune { pruning, reply } => {
                // A batch that goes takes them along otherwise.
                self.write_all();
                let pruned = self.shared.check_disk();
                let pruned = pruned.and_then(|()| prune::prune(&self.connection, self.log.pinned(), pruning));
                drop(reply.send(pruned));
            }
            Job::Query(Query(read)) => read(&self.connection),
            Job::Record { .. } | Job::Changed | Job::Finish => {}
        }
    }

    /// Writes everything that the mirror has to write, at once or not at all.
    fn commit(&mut self) -> Result<(), StoreError> {
        self.shared.is_announced.store(false, Ordering::Release);
        let changes = self.shared.mirror().take_changes();
        if changes.is_empty() || self.shared.is_forgetful.load(Ordering::Acquire) {
            return Ok(());
        }
        let written = self.files.check().and_then(|()| {
            write(&mut self.connection, &changes).map_err(|error| StoreError::from(error).in_file(&self.shared.file))
        });
        if written.is_err() {
            self.shared.mirror().put_back(changes);
        }
        self.tell(written.err());
        self.shared.check_disk()
    }

    /// The latest certificate of an account at a gateway, also before it is on disk.
    fn certificate(&self, gateway: &str, account: &str) -> Result<Option<String>, StoreError> {
        let is_its = |kept: &&CertificateRow| kept[0] == gateway && kept[1] == account;
        match self.certificates.iter().rev().find(is_its) {
            Some([.., kept]) => Ok(Some(kept.clone()).filter(|kept| !kept.is_empty())),
            None => certificate(&self.connection, gateway, account),
        }
    }

    fn secret(&self) -> Result<Vec<u8>, StoreError> {
        Ok(self.connection.query_row("SELECT value FROM secret", [], |row| row.get(0))?)
    }

    fn load(&self, script: &str) -> Result<Vec<(String, StoredValue)>, StoreError> {
        let sql = "SELECT key, json, expiry FROM script_store WHERE script = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map([script], |row| {
            let json: String = row.get(1)?;
            Ok((row.get(0)?, StoredValue { json: json.into(), expiry: row.get(2)? }))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// What a session left behind: in an earlier process, or earlier in this one.
    fn recover(&mut self, session: &str, tenant: &Tenant) -> Result<Recovered, StoreError> {
        self.write_all();
        self.shared.check_disk()?;
        self.log.settle(&mut self.connection, None)?;
        let has_moved = rows::claim(&self.connection, session, tenant)?;
        // What this process has recorded of other sessions meanwhile says nothing of the end of the one before.
        let is_first = self.recovered.insert(session.to_owned());
        let last = if is_first { self.last } else { log::last_time(&self.connection)? };
        let latest = match last {
            Some(last) if !has_moved => log::since(&self.connection, session, last.saturating_sub(MOMENT))?,
            _ => Vec::new(),
        };
        Ok(Recovered { has_moved, last, latest, ..rows::recover(&self.connection, session)? })
    }
}

/// The certificate of an account at a gateway.
pub(super) fn certificate(connection: &Connection, gateway: &str, account: &str) -> Result<Option<String>, StoreError> {
    let sql = "SELECT certificate FROM certificate WHERE gateway = ?1 AND account = ?2";
    let kept: Option<String> = connection.query_row(sql, [gateway, account], |row| row.get(0)).optional()?;
    // An empty one says that the one before it counts no more.
    Ok(kept.filter(|certificate| !certificate.is_empty()))
}

/// Writes what waits; with `try_anyway` something, so that it shows whether writing is possible.
fn write_records(
    connection: &mut Connection,
    records: &[QueuedBatch],
    certificates: &[CertificateRow],
    messages: Option<(&Unwritten, i64)>,
    try_anyway: bool,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for kept in certificates {
        let sql = "INSERT OR REPLACE INTO certificate (gateway, account, certificate) VALUES (?1, ?2, ?3)";
        transaction.prepare_cached(sql)?.execute(params![kept[0], kept[1], kept[2]])?;
    }
    if try_anyway {
        let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        transaction.pragma_update(None, "user_version", version)?;
    }
    for (sorted, changes, _) in records {
        for (script, key, entry) in changes {
            write_one(&transaction, script, key, entry.as_ref())?;
        }
        log::write(&transaction, sorted)?;
    }
    if let Some((messages, last)) = messages {
        messages.write(&transaction, last)?;
    }
    transaction.commit()
}

fn write(connection: &mut Connection, changes: &[Change]) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for (script, key, entry) in changes {
        write_one(&transaction, script, key, entry.as_ref())?;
    }
    transaction.commit()
}

fn write_one(
    transaction: &Transaction<'_>,
    script: &str,
    key: &str,
    entry: Option<&StoredValue>,
) -> rusqlite::Result<usize> {
    match entry {
        Some(entry) => transaction
            .prepare_cached("INSERT OR REPLACE INTO script_store (script, key, json, expiry) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![script, key, &*entry.json, entry.expiry]),
        None => transaction
            .prepare_cached("DELETE FROM script_store WHERE script = ?1 AND key = ?2")?
            .execute(params![script, key]),
    }
}
