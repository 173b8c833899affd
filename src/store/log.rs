//! The log: what comes and goes within a moment, written batch by batch and never touched again.
//!
//! Most events are handled at once. To give each its rows, and to change them when a reply comes, costs many times what the
//! event itself is worth; so a batch's events and runs are one row together. What is not over when it is [`SETTLE`] old
//! **settles**: it moves into the tables of `rows` with all that is known of it, and everything that is learnt of it later
//! goes there.
//!
//! Invariant: an event is in the tables with everything that belongs to it, or in the log with everything that belongs to it.
//! The **horizon** of a batch is the earliest one that still has something open when the batch has been written: what is open in
//! an earlier one has settled, what is open in it or in a later one has not.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::mem::take;

use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};

use super::body::{self, BatchBody, COMPRESSED, FORMAT, Mark, Packed, READ};
use super::error::StoreError;
use super::ids::{EventId, Id, RunId};
use super::internal::is_internal;
use super::messages::{self, Unwritten};
use super::record::{Batch, BundleHash, EventRow, Handling, MessageRow, RunChange, RunRecord, Standing};
use super::rows;
use crate::clock::Timestamp;
use crate::protocol::{Content, Event, EventSpec};

/// What is not over after this many milliseconds settles.
const SETTLE: Timestamp = 1_000;
/// So many batches earlier may an event be that comes later by its id.
const OVERLAP: i32 = 64;
/// How many message ids of a session are remembered over a restart, and of all sessions together.
const REMEMBERED: usize = 50_000;
const REMEMBERED_IN_ALL: usize = 200_000;

/// The table of the log, in which a batch is called a `cut`: data folders keep the name. `low` to `high` are the ids of the
/// events and runs that begin in a batch.
pub(super) const SCHEMA: &str = "
    CREATE TABLE cut (
        id INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        low INTEGER NOT NULL,
        high INTEGER NOT NULL,
        events INTEGER NOT NULL,
        horizon INTEGER NOT NULL,
        format INTEGER NOT NULL,
        body BLOB NOT NULL
    );
    CREATE INDEX cut_ids ON cut (high, low);
";

/// A batch's row.
#[derive(Debug)]
struct CutRow {
    id: i64,
    low: i64,
    high: i64,
    events: usize,
    horizon: i64,
    body: Vec<u8>,
}

/// A batch, sorted into what belongs in the log and what belongs in the tables.
#[derive(Debug)]
pub(super) struct Sorted {
    row: Option<CutRow>,
    rows: Batch,
    /// The runs that end as killed: with their ends, the wishes for these are fulfilled.
    killed: Vec<RunId>,
}

impl Sorted {
    /// The messages that the batch tells of, which are written with those of others.
    pub(super) fn take_messages(&mut self) -> Vec<MessageRow> {
        take(&mut self.rows.messages)
    }
}

/// The writer's side of the log.
#[derive(Debug)]
pub(super) struct Log {
    next: i64,
    open: BTreeMap<EventId, Open>,
    /// The sources that this process runs, or has run.
    pinned: HashSet<BundleHash>,
}

/// An event that is not over and has not settled.
#[derive(Debug)]
struct Open {
    /// The batch that it arrived in, and the time of that batch.
    batch: i64,
    at: Timestamp,
    is_done: bool,
    /// Its run that goes on, and further ones: few events have any.
    run: Option<RunId>,
    further: Vec<RunId>,
}

impl Open {
    fn begin(&mut self, run: RunId) {
        match self.run {
            Some(_) => self.further.push(run),
            None => self.run = Some(run),
        }
    }

    fn end(&mut self, run: RunId) {
        self.further.retain(|other| *other != run);
        if self.run == Some(run) {
            self.run = self.further.pop();
        }
    }

    fn is_over(&self) -> bool {
        self.is_done && self.run.is_none()
    }
}

impl Log {
    /// Takes the log up where the last process left it: what it left open settles.
    ///
    /// # Errors
    /// When the database cannot be read or written, or a batch that is needed cannot be understood.
    pub(super) fn open(connection: &mut Connection) -> Result<Self, StoreError> {
        settle(connection, None)?;
        let last = last_batch(connection)?.map_or(0, |(last, _)| last);
        // The batches that are gone were not the last to be written, or their numbers would come again.
        let next = last.max(messages::written_until(connection)?) + 1;
        Ok(Self { next, open: BTreeMap::new(), pinned: HashSet::new() })
    }

    /// The last batch that has been sorted.
    pub(super) fn last(&self) -> i64 {
        self.next - 1
    }

    /// The sources that this process runs, or has run.
    pub(super) fn pinned(&self) -> impl Iterator<Item = BundleHash> {
        self.pinned.iter().copied()
    }

    /// Sorts a batch into log and tables.
    ///
    /// # Errors
    /// When a body cannot be understood that was packed a moment ago, which is a bug.
    pub(super) fn sort(&mut self, packed: Packed) -> Result<Sorted, StoreError> {
        let Packed { marks, killed, body, rest: mut rows } = packed;
        self.pinned.extend(rows.bundles.iter().map(|bundle| bundle.hash));
        let id = self.next;
        let settled = self.note(&marks, id, rows.at);
        let is_for_log = marks.iter().any(|mark| !settled.contains(&mark.event()));
        if !settled.is_empty() {
            let body = unpack(id, FORMAT, &body)?;
            rows.handled = body.handled.into_iter().filter(|handled| settled.contains(&handled.event)).collect();
            rows.runs = body.runs.into_iter().filter(|run| settled.contains(&run.event)).collect();
        }
        let row = is_for_log.then(|| {
            self.next += 1;
            let new = marks.iter().filter_map(|mark| match *mark {
                Mark::Arrived { event, .. } => Some(event.number()),
                Mark::Run { run, begins: true, .. } => Some(run.number()),
                _ => None,
            });
            let (low, high) = new.fold((i64::MAX, 0), |(low, high), id| (low.min(id), high.max(id)));
            let events = marks.iter().filter(|mark| matches!(mark, Mark::Arrived { .. })).count();
            CutRow { id, low, high, events, horizon: self.horizon(), body }
        });
        Ok(Sorted { row, rows, killed })
    }

    /// Notes what becomes of events; gives those that have settled, or were never in the log.
    fn note(&mut self, marks: &[Mark], batch: i64, at: Timestamp) -> HashSet<EventId> {
        let (mut settled, mut over) = (HashSet::new(), Vec::new());
        for of_event in marks.chunk_by(|one, next| one.event() == next.event()) {
            let event = of_event[0].event();
            if let Mark::Arrived { is_done, .. } = of_event[0] {
                self.open.insert(event, Open { batch, at, is_done, run: None, further: Vec::new() });
            }
            let Some(open) = self.open.get_mut(&event) else {
                settled.insert(event);
                continue;
            };
            for mark in of_event {
                match *mark {
                    Mark::Handled { .. } => open.is_done = true,
                    Mark::Run { run, has_ended: true, .. } => open.end(run),
                    Mark::Run { run, begins: true, .. } => open.begin(run),
                    Mark::Arrived { .. } | Mark::Run { .. } => {}
                }
            }
            if open.is_over() {
                over.push(event);
            }
        }
        // Further on, the batch may have told of a run of it that goes on.
        for event in over {
            if self.open.get(&event).is_some_and(Open::is_over) {
                self.open.remove(&event);
            }
        }
        settled
    }

    fn horizon(&self) -> i64 {
        self.open.values().map(|open| open.batch).min().unwrap_or(self.next)
    }

    /// Whether something has been open for so long at a time that it is worth while to settle.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.open.values().any(|open| open.at < now.saturating_sub(2 * SETTLE))
    }

    /// Settles what has been open for long at a time, or everything. What has been sorted must be on disk.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub(super) fn settle(&mut self, connection: &mut Connection, now: Option<Timestamp>) -> Result<(), StoreError> {
        let is_old = |open: &&Open| now.is_none_or(|now| open.at < now.saturating_sub(SETTLE));
        // Those of earlier batches too, however late their clocks were: the horizon lies between two batches.
        let Some(last) = self.open.values().filter(is_old).map(|open| open.batch).max() else { return Ok(()) };
        settle(connection, Some(last))?;
        self.open.retain(|_, open| open.batch > last);
        Ok(())
    }
}

/// Writes a batch within a transaction.
pub(super) fn write(transaction: &Transaction<'_>, sorted: &Sorted) -> rusqlite::Result<()> {
    if let Some(CutRow { id, low, high, events, horizon, body }) = &sorted.row {
        let (at, events) = (sorted.rows.at, u32::try_from(*events).unwrap_or(u32::MAX));
        transaction
            .prepare_cached("INSERT INTO cut VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
            .execute(params![id, at, low, high, events, horizon, FORMAT, body])?;
    }
    for run in &sorted.killed {
        transaction.prepare_cached("DELETE FROM kill WHERE run = ?1")?.execute([run])?;
    }
    rows::write(transaction, &sorted.rows)
}

/// Moves what is open in the batches up to `last`, or in all of them, into the tables, with everything that is known of it.
fn settle(connection: &mut Connection, last: Option<i64>) -> Result<(), StoreError> {
    // What is read first could not be written any more if somebody else wrote meanwhile.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let Some((newest, horizon)) = last_batch(&transaction)? else { return Ok(()) };
    let mut recent = Recent::default();
    recent.replay(&transaction, horizon, None)?;
    let last = last.unwrap_or(newest);
    let mut settled = Batch::default();
    let open = recent.events.into_values().filter(|told| told.batch <= last && !told.is_over());
    open.for_each(|told| told.settle(&mut settled));
    rows::write(&transaction, &settled)?;
    // Were they settled once more, what has been learnt of them since would be lost.
    transaction.execute("UPDATE cut SET horizon = max(horizon, ?1) WHERE id = ?2", [last + 1, newest])?;
    transaction.commit()?;
    Ok(())
}

fn unpack(batch: i64, format: i64, body: &[u8]) -> Result<BatchBody, StoreError> {
    body::read(format, body).map_err(|error| StoreError::Unreadable(format!("batch {batch} of the journal: {error}")))
}

/// What a batch of the past says, of its `format` and `body`; nothing where it cannot be understood.
fn past(batch: &Row<'_>) -> rusqlite::Result<BatchBody> {
    let (format, body) = (batch.get(0)?, batch.get_ref(1)?.as_blob()?);
    Ok(READ.contains(&format).then(|| body::read(format, body).ok()).flatten().unwrap_or_default())
}

/// Events and their runs as batches tell of them.
#[derive(Debug, Default)]
struct Recent {
    events: BTreeMap<EventId, Told>,
    /// Runs whose event is in none of the batches.
    strays: BTreeMap<RunId, RunRecord>,
}

#[derive(Debug)]
struct Told {
    handling: Handling,
    /// The batch that it arrived in.
    batch: i64,
}

impl Told {
    fn is_over(&self) -> bool {
        self.handling.event.done && self.handling.runs.iter().all(|run| run.standing.ended.is_some())
    }

    /// Adds everything that is known of it to what is to be written into the tables.
    fn settle(self, batch: &mut Batch) {
        let Handling { event, runs } = self.handling;
        batch.events.push(event);
        batch.runs.extend(runs.into_iter().map(|RunRecord { run, standing, entries }| RunChange {
            id: run.id,
            event: run.event,
            begun: Some(Box::new(run)),
            standing,
            entries: (0..).zip(entries).collect(),
            answers: Vec::new(),
        }));
    }
}

impl Recent {
    fn apply(&mut self, batch: i64, body: BatchBody) {
        for event in body.events {
            self.events.insert(event.id, Told { handling: Handling { event, runs: Vec::new() }, batch });
        }
        for handled in body.handled {
            if let Some(told) = self.events.get_mut(&handled.event) {
                told.handling.event.done = true;
                told.handling.event.answered = handled.answered;
            }
        }
        for RunChange { id, event, begun, standing, entries, answers } in body.runs {
            let runs = self.events.get_mut(&event).map(|told| &mut told.handling.runs);
            let run = match (runs, begun) {
                (Some(runs), Some(run)) => {
                    runs.push(RunRecord { run: *run, standing: Standing::default(), entries: Vec::new() });
                    runs.last_mut()
                }
                (Some(runs), None) => runs.iter_mut().find(|run| run.run.id == id),
                (None, Some(run)) => {
                    let record = RunRecord { run: *run, standing: Standing::default(), entries: Vec::new() };
                    Some(self.strays.entry(id).or_insert(record))
                }
                (None, None) => self.strays.get_mut(&id),
            };
            let Some(run) = run else { continue };
            run.standing = standing;
            for (number, entry) in entries {
                match run.entries.get_mut(number as usize) {
                    Some(old) => *old = entry,
                    None => run.entries.push(entry),
                }
            }
            for answer in answers {
                if let Some(entry) = run.entries.get_mut(answer.number as usize) {
                    entry.answer(answer);
                }
            }
        }
    }

    /// Applies the batches from one on, up to and with the first whose horizon is beyond `until`.
    fn replay(&mut self, connection: &Connection, from: i64, until: Option<i64>) -> Result<(), StoreError> {
        let sql = "SELECT id, horizon, format, body FROM cut WHERE id >= ?1 ORDER BY id";
        let mut statement = connection.prepare_cached(sql)?;
        let mut batches = statement.query([from])?;
        while let Some(batch) = batches.next()? {
            let (id, horizon, format) = (batch.get(0)?, batch.get::<_, i64>(1)?, batch.get::<_, i64>(2)?);
            if READ.contains(&format) {
                let body = batch.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?;
                self.apply(id, unpack(id, format, body)?);
            }
            if until.is_some_and(|until| horizon > until) {
                break;
            }
        }
        Ok(())
    }
}

/// The last batch's id and horizon.
fn last_batch(connection: &Connection) -> Result<Option<(i64, i64)>, StoreError> {
    let sql = "SELECT id, horizon FROM cut ORDER BY id DESC LIMIT 1";
    Ok(connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

/// The time that the last batch was taken at. Earlier ones may tell a later time: the clock was set back since, and what was due
/// was moved with it.
pub(super) fn last_time(connection: &Connection) -> Result<Option<Timestamp>, StoreError> {
    let sql = "SELECT at FROM cut ORDER BY id DESC LIMIT 1";
    Ok(connection.query_row(sql, [], |row| row.get(0)).optional()?)
}

/// What came to a session from a time on, in the order of arrival: what came from its gateway.
pub(super) fn since(connection: &Connection, session: &str, from: Timestamp) -> Result<Vec<Event>, StoreError> {
    let mut events = BTreeMap::new();
    let mut batches = connection.prepare_cached("SELECT format, body, at FROM cut ORDER BY id DESC")?;
    let mut batches = batches.query([])?;
    while let Some(batch) = batches.next()?.filter(|batch| batch.get(2).is_ok_and(|at: Timestamp| at >= from)) {
        let of_session = past(batch)?.events.into_iter().filter(|event| &*event.session == session && event.at >= from);
        events.extend(of_session.map(|EventRow { id, subcommand, content, .. }| (id, Event { subcommand, content })));
    }
    // What waits is in the tables, and is not much.
    let sql = "SELECT id, subcommand, content FROM event WHERE session = ?1 AND at >= ?2";
    let mut settled = connection.prepare_cached(sql)?;
    let settled = settled.query_map(params![session, from], |row| {
        let content = Content::new(row.get::<_, String>(2)?);
        Ok((row.get(0)?, Event { subcommand: row.get::<_, String>(1)?.into(), content }))
    })?;
    events.extend(settled.collect::<Result<Vec<(EventId, Event)>, _>>()?);
    Ok(events.into_values().filter(|event| !is_internal(&event.subcommand)).collect())
}

/// What the log has that is not over and has not settled.
pub(super) fn open(connection: &Connection) -> Result<Vec<Handling>, StoreError> {
    let mut recent = Recent::default();
    if let Some((_, horizon)) = last_batch(connection)? {
        recent.replay(connection, horizon, None)?;
    }
    let open = recent.events.into_values().filter(|told| !told.is_over());
    Ok(open.map(|told| told.handling).collect())
}

/// The latest events of the log, at least `most` where it has so many.
pub(super) fn latest(connection: &Connection, most: u32) -> Result<Vec<Handling>, StoreError> {
    let mut from = i64::MAX;
    {
        let mut statement = connection.prepare_cached("SELECT id, events FROM cut ORDER BY id DESC")?;
        let mut batches = statement.query([])?;
        let (mut found, mut further) = (0_u32, 0);
        // Batches of several workers overlap, so that somewhat earlier ones may have later events.
        while let Some(batch) = batches.next()?.filter(|_| found < most || further < OVERLAP) {
            further += i32::from(found >= most);
            from = batch.get(0)?;
            found = found.saturating_add(batch.get(1)?);
        }
    }
    let mut recent = Recent::default();
    recent.replay(connection, from, None)?;
    Ok(recent.events.into_values().map(|told| told.handling).collect())
}

/// What the log has of an event.
pub(super) fn handling(connection: &Connection, event: EventId) -> Result<Option<Handling>, StoreError> {
    find(connection, event, |recent| recent.events.remove(&event).map(|told| told.handling))
}

/// What the log has of a run.
pub(super) fn run(connection: &Connection, id: RunId) -> Result<Option<RunRecord>, StoreError> {
    find(connection, id, |recent| {
        let of_events = recent.events.values_mut().flat_map(|told| told.handling.runs.drain(..));
        let run = of_events.into_iter().find(|run| run.run.id == id);
        run.or_else(|| recent.strays.remove(&id))
    })
}

/// Looks for what began under an id, with everything that is told of it until it is over.
fn find<K, T>(
    connection: &Connection,
    id: Id<K>,
    mut look: impl FnMut(&mut Recent) -> Option<T>,
) -> Result<Option<T>, StoreError> {
    let sql = "SELECT id FROM cut WHERE high >= ?1 AND low <= ?1 ORDER BY high";
    let batches: Vec<i64> =
        connection.prepare_cached(sql)?.query_map([id], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for batch in batches {
        let mut recent = Recent::default();
        recent.replay(connection, batch, Some(batch))?;
        if let Some(found) = look(&mut recent) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The messages of a process that ended before it wrote them: those of the batches since.
pub(super) fn unwritten_messages(connection: &Connection) -> Result<Unwritten, StoreError> {
    let mut unwritten = Unwritten::default();
    let mut batches = connection.prepare_cached("SELECT format, body FROM cut WHERE id > ?1 ORDER BY id")?;
    let mut batches = batches.query([messages::written_until(connection)?])?;
    while let Some(batch) = batches.next()? {
        for event in past(batch)?.events {
            if let Some(id) = EventSpec::id_of(&event.subcommand, event.content.as_str()) {
                unwritten.add(&[MessageRow { id: (&*id).into(), session: event.session, at: event.at }]);
            }
        }
    }
    Ok(unwritten)
}

/// The ids of the latest messages by session, from log and tables.
pub(super) fn latest_messages(connection: &Connection) -> Result<BTreeMap<String, HashSet<String>>, StoreError> {
    let mut messages = Messages::default();
    // What came before a session was this account's is another one's.
    let since: BTreeMap<String, EventId> = connection
        .prepare_cached("SELECT name, since FROM session")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let mut batches = connection.prepare_cached("SELECT format, body FROM cut ORDER BY id DESC")?;
    let mut batches = batches.query([])?;
    while let Some(batch) = batches.next()?.filter(|_| !messages.is_full()) {
        for event in past(batch)?.events.iter().rev() {
            if since.get(&*event.session).is_none_or(|since| event.id > *since) {
                messages.add(&event.session, &event.subcommand, event.content.as_str());
            }
        }
    }
    let sql = "SELECT session, subcommand, content FROM event
               WHERE id > coalesce((SELECT since FROM session WHERE name = event.session), 0) ORDER BY id DESC LIMIT ?1";
    let mut events = connection.prepare_cached(sql)?;
    let mut events = events.query([i64::try_from(REMEMBERED_IN_ALL).unwrap_or(i64::MAX)])?;
    while let Some(event) = events.next()? {
        let text = |column| event.get_ref(column).and_then(|text| text.as_str().map_err(rusqlite::Error::from));
        messages.add(text(0)?, text(1)?, text(2)?);
    }
    if !messages.is_full() {
        messages::latest(connection, |session, id| {
            messages.add_id(session, id);
            !messages.is_full()
        })?;
    }
    Ok(messages.by_session)
}

#[derive(Default)]
struct Messages {
    by_session: BTreeMap<String, HashSet<String>>,
    seen: usize,
}

impl Messages {
    fn is_full(&self) -> bool {
        self.seen >= REMEMBERED_IN_ALL
    }

    fn add(&mut self, session: &str, subcommand: &str, content: &str) {
        if let Some(id) = message_id(subcommand, content) {
            self.add_id(session, id);
        }
    }

    fn add_id(&mut self, session: &str, id: String) {
        self.seen += 1;
        let ids = match self.by_session.get_mut(session) {
            Some(ids) => ids,
            None => self.by_session.entry(session.to_owned()).or_default(),
        };
        if ids.len() < REMEMBERED {
            ids.insert(id);
        }
    }
}

/// The id of the message that an event brings.
fn message_id(subcommand: &str, content: &str) -> Option<String> {
    EventSpec::id_of(subcommand, content).map(Cow::into_owned)
}

/// The earliest batch in which something is open.
pub(super) fn horizon(connection: &Connection) -> Result<i64, StoreError> {
    Ok(last_batch(connection)?.map_or(i64::MIN, |(_, horizon)| horizon))
}

/// Keeps the ids of the messages of a batch that is to go, where the version that wrote it did not.
pub(super) fn keep_messages_of(transaction: &Transaction<'_>, batch: i64) -> Result<(), StoreError> {
    let sql = "SELECT format, body FROM cut WHERE id = ?1 AND format < ?2";
    let body = transaction.prepare_cached(sql)?.query_row([batch, COMPRESSED], past).optional()?;
    for event in body.into_iter().flat_map(|body| body.events) {
        keep_message(transaction, &event.session, &event.subcommand, event.content.as_str(), event.at)?;
    }
    Ok(())
}

/// Keeps the id of the message that an event which is to go has brought.
pub(super) fn keep_message(
    transaction: &Transaction<'_>,
    session: &str,
    subcommand: &str,
    content: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    if let Some(id) = message_id(subcommand, content)
        && !messages::has(transaction, session, &id)?
    {
        let sql = "INSERT OR IGNORE INTO seen VALUES (?1, ?2, ?3)";
        transaction.prepare_cached(sql)?.execute(params![session, id, at])?;
    }
    Ok(())
}
