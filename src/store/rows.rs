//! The journal's tables: what lasts longer than a moment, timers, states, sources. What comes and goes at once is in `log`.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};

use super::error::StoreError;
use super::held;
use super::ids::{EventId, RunId};
use super::log;
use super::messages;
use super::record::{
    Batch, BundleHash, CallKind, CallOutcome, CallRecord, EventRow, Handling, Lineup, Recovered, RunChange, RunOutcome,
    RunRecord, RunRow, Standing, Tenant, TimerOrigin, TimerRow,
};
use crate::clock::Timestamp;
use crate::protocol::Content;

/// The tables of the journal's first version.
pub(super) const SCHEMA: &str = "
    CREATE TABLE event (
        id INTEGER PRIMARY KEY,
        session TEXT NOT NULL,
        subcommand TEXT NOT NULL,
        content TEXT NOT NULL,
        at INTEGER NOT NULL,
        done INTEGER NOT NULL
    );
    CREATE INDEX event_open ON event (session, id) WHERE done = 0;
    CREATE TABLE run (
        id INTEGER PRIMARY KEY,
        event INTEGER NOT NULL,
        session TEXT NOT NULL,
        script TEXT NOT NULL,
        function TEXT NOT NULL,
        generation INTEGER NOT NULL,
        bundle BLOB NOT NULL,
        started INTEGER NOT NULL,
        rebuild INTEGER NOT NULL,
        format INTEGER NOT NULL,
        waiting TEXT,
        ended INTEGER,
        outcome TEXT NOT NULL,
        fault TEXT
    );
    CREATE INDEX run_event ON run (event);
    CREATE INDEX run_open ON run (session, id) WHERE ended IS NULL;
    CREATE TABLE entry (
        run INTEGER NOT NULL,
        number INTEGER NOT NULL,
        entry TEXT NOT NULL,
        PRIMARY KEY (run, number)
    ) WITHOUT ROWID;
    CREATE TABLE bundle (
        hash BLOB PRIMARY KEY,
        script TEXT NOT NULL,
        sources TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE timer (
        id INTEGER PRIMARY KEY,
        session TEXT NOT NULL,
        script TEXT NOT NULL,
        timer TEXT NOT NULL,
        due INTEGER NOT NULL,
        declared INTEGER NOT NULL
    );
    CREATE TABLE state (
        session TEXT NOT NULL,
        script TEXT NOT NULL,
        state TEXT NOT NULL,
        PRIMARY KEY (session, script)
    ) WITHOUT ROWID;
    CREATE TABLE kill (
        run INTEGER PRIMARY KEY
    );
";

/// What came with the second version: who took an event as an answer, and since when nobody uses sources any more.
pub(super) const SCHEMA_2: &str = "
    ALTER TABLE event ADD COLUMN answered INTEGER;
    ALTER TABLE bundle ADD COLUMN used INTEGER NOT NULL DEFAULT 0;
";

/// What came with the fifth version: whose a session is, which scripts there were when, and the messages whose events are pruned.
pub(super) const SCHEMA_5: &str = "
    CREATE TABLE session (
        name TEXT PRIMARY KEY,
        gateway TEXT NOT NULL,
        account TEXT NOT NULL,
        scripts TEXT NOT NULL,
        since INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE lineup (
        id INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        lineup TEXT NOT NULL
    );
    CREATE INDEX lineup_at ON lineup (at);
    CREATE TABLE seen (
        session TEXT NOT NULL,
        message TEXT NOT NULL,
        at INTEGER NOT NULL,
        PRIMARY KEY (session, message)
    ) WITHOUT ROWID;
";

/// Sources may have been used for so long after the time that is noted of them, which each pruning does anew.
const BUNDLE_MARGIN: Timestamp = 24 * 3_600 * 1_000;

const EVENT_COLUMNS: &str = "id, session, subcommand, content, at, done, answered";
const RUN_COLUMNS: &str = "id, event, session, script, function, generation, bundle, started, rebuild, format, waiting, \
                           ended, outcome, fault";

impl ToSql for BundleHash {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Blob(&self.0)))
    }
}

impl FromSql for BundleHash {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        <[u8; 32]>::column_result(value).map(Self)
    }
}

impl ToSql for RunOutcome {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.text().into())
    }
}

impl FromSql for RunOutcome {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str().map(Self::from)
    }
}

impl ToSql for TimerOrigin {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let number: i64 = match self {
            Self::Made => 0,
            Self::Declared => 1,
            Self::Both => 2,
        };
        Ok(number.into())
    }
}

impl FromSql for TimerOrigin {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Ok(match i64::column_result(value)? {
            0 => Self::Made,
            1 => Self::Declared,
            _ => Self::Both,
        })
    }
}

/// Writes what belongs into the tables, within a transaction.
pub(super) fn write(transaction: &Transaction<'_>, batch: &Batch) -> rusqlite::Result<()> {
    for event in &batch.events {
        transaction.prepare_cached("INSERT OR REPLACE INTO event VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?.execute(
            params![
                event.id,
                event.session,
                event.subcommand,
                event.content.as_str(),
                event.at,
                event.done,
                event.answered
            ],
        )?;
    }
    for handled in &batch.handled {
        transaction
            .prepare_cached("UPDATE event SET done = 1, answered = ?2 WHERE id = ?1")?
            .execute(params![handled.event, handled.answered])?;
    }
    for run in &batch.runs {
        write_run(transaction, run)?;
    }
    for timer in &batch.timers {
        transaction
            .prepare_cached("INSERT OR REPLACE INTO timer VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute(params![timer.id, timer.session, timer.script, timer.timer, timer.due, timer.origin])?;
    }
    for id in &batch.gone_timers {
        transaction.prepare_cached("DELETE FROM timer WHERE id = ?1")?.execute([id])?;
    }
    for (session, script) in &batch.gone_states {
        held::forget_people(transaction, session, script)?;
    }
    for (session, script, state) in &batch.states {
        match &**state {
            "{}" => transaction
                .prepare_cached("DELETE FROM state WHERE session = ?1 AND script = ?2")?
                .execute(params![session, script])?,
            state => transaction
                .prepare_cached("INSERT OR REPLACE INTO state VALUES (?1, ?2, ?3)")?
                .execute(params![session, script, state])?,
        };
    }
    for bundle in &batch.bundles {
        transaction
            .prepare_cached("INSERT INTO bundle VALUES (?1, ?2, ?3, ?4) ON CONFLICT (hash) DO UPDATE SET used = ?4")?
            .execute(params![bundle.hash, bundle.script, bundle.sources, batch.at])?;
    }
    Ok(())
}

fn write_run(transaction: &Transaction<'_>, change: &RunChange) -> rusqlite::Result<()> {
    let Standing { waiting, ended, outcome, fault } = &change.standing;
    let waiting = waiting.as_ref().map(|waiting| serde_json::to_string(waiting).unwrap_or_default());
    match &change.begun {
        Some(run) => transaction
            .prepare_cached(
                "INSERT INTO run VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
                 ON CONFLICT (id) DO UPDATE SET waiting = ?11, ended = ?12, outcome = ?13, fault = ?14",
            )?
            .execute(params![
                run.id,
                run.event,
                run.session,
                run.script,
                run.function,
                run.generation,
                run.bundle,
                run.started,
                run.rebuild,
                run.format,
                waiting,
                ended,
                outcome,
                fault
            ])?,
        None => transaction
            .prepare_cached("UPDATE run SET waiting = ?2, ended = ?3, outcome = ?4, fault = ?5 WHERE id = ?1")?
            .execute(params![change.id, waiting, ended, outcome, fault])?,
    };
    for (number, entry) in &change.entries {
        write_entry(transaction, change.id, *number, entry)?;
    }
    for answer in &change.answers {
        let sql = "SELECT entry FROM entry WHERE run = ?1 AND number = ?2";
        let text: Option<String> = transaction
            .prepare_cached(sql)?
            .query_row(params![change.id, answer.number], |row| row.get(0))
            .optional()?;
        // One that cannot be read ends the run's entries anyway.
        let Some(mut entry) = text.and_then(|text| serde_json::from_str::<CallRecord>(&text).ok()) else { continue };
        entry.answer(answer.clone());
        write_entry(transaction, change.id, answer.number, &entry)?;
    }
    Ok(())
}

fn write_entry(transaction: &Transaction<'_>, run: RunId, number: u32, entry: &CallRecord) -> rusqlite::Result<()> {
    let text = serde_json::to_string(entry).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let sql = "INSERT OR REPLACE INTO entry VALUES (?1, ?2, ?3)";
    transaction.prepare_cached(sql)?.execute(params![run, number, text])?;
    Ok(())
}

fn event_of(row: &Row<'_>) -> rusqlite::Result<EventRow> {
    Ok(EventRow {
        id: row.get(0)?,
        session: row.get(1)?,
        subcommand: row.get::<_, String>(2)?.into(),
        content: Content::new(row.get::<_, String>(3)?),
        at: row.get(4)?,
        done: row.get(5)?,
        answered: row.get(6)?,
    })
}

fn run_of(row: &Row<'_>) -> rusqlite::Result<RunRecord> {
    let run = RunRow {
        id: row.get(0)?,
        event: row.get(1)?,
        session: row.get(2)?,
        script: row.get(3)?,
        function: row.get(4)?,
        generation: row.get(5)?,
        bundle: row.get(6)?,
        started: row.get(7)?,
        rebuild: row.get(8)?,
        format: row.get(9)?,
    };
    let waiting: Option<String> = row.get(10)?;
    let standing = Standing {
        waiting: waiting.and_then(|text| serde_json::from_str(&text).ok()),
        ended: row.get(11)?,
        outcome: row.get(12)?,
        fault: row.get(13)?,
    };
    Ok(RunRecord { run, standing, entries: Vec::new() })
}

/// The events that a condition on the table selects; `parameters` are those of the condition.
pub(super) fn events(
    connection: &Connection,
    condition: &str,
    parameters: impl rusqlite::Params,
) -> Result<Vec<EventRow>, StoreError> {
    let sql = format!("SELECT {EVENT_COLUMNS} FROM event {condition}");
    Ok(connection.prepare_cached(&sql)?.query_map(parameters, event_of)?.collect::<Result<_, _>>()?)
}

/// The runs that a condition on the table selects, with their entries; `parameters` are those of the condition.
pub(super) fn runs(
    connection: &Connection,
    condition: &str,
    parameters: impl rusqlite::Params,
) -> Result<Vec<RunRecord>, StoreError> {
    let sql = format!("SELECT {RUN_COLUMNS} FROM run {condition}");
    let mut runs: Vec<_> = connection.prepare_cached(&sql)?.query_map(parameters, run_of)?.collect::<Result<_, _>>()?;
    for run in &mut runs {
        run.entries = entries(connection, run.run.id)?;
    }
    Ok(runs)
}

/// An event with its runs, where the tables have it.
pub(super) fn handling(connection: &Connection, event: EventId) -> Result<Option<Handling>, StoreError> {
    let Some(event) = events(connection, "WHERE id = ?1", [event])?.pop() else { return Ok(None) };
    let runs = runs(connection, "WHERE event = ?1 ORDER BY id", [event.id])?;
    Ok(Some(Handling { event, runs }))
}

/// The entries of a run, in order. Where one is missing or cannot be read, another stands that no call makes, and ends them:
/// what comes after it means nothing.
fn entries(connection: &Connection, run: RunId) -> Result<Vec<CallRecord>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT number, entry FROM entry WHERE run = ?1 ORDER BY number")?;
    let rows = statement.query_map([run], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
    let mut entries = Vec::new();
    for (expected, row) in (0..).zip(rows) {
        let (number, text) = row?;
        let Some(entry) = serde_json::from_str(&text).ok().filter(|_| number == expected) else {
            entries.push(unreadable());
            break;
        };
        entries.push(entry);
    }
    Ok(entries)
}

fn unreadable() -> CallRecord {
    CallRecord {
        kind: CallKind::Pure,
        name: "a call that cannot be read".into(),
        detail: "".into(),
        place: Arc::default(),
        at: 0,
        took: 0,
        outcome: CallOutcome::Pending,
    }
}

/// The highest id that is in use.
pub(super) fn highest_id(connection: &Connection) -> Result<i64, StoreError> {
    let sql = "SELECT max(coalesce((SELECT max(id) FROM event), 0), coalesce((SELECT max(id) FROM run), 0),
               coalesce((SELECT max(id) FROM timer), 0), coalesce((SELECT max(high) FROM cut), 0))";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

/// Notes whose a session is from now on. What it left behind as another account's ends; whether it did.
pub(super) fn claim(connection: &Connection, session: &str, tenant: &Tenant) -> Result<bool, StoreError> {
    let Tenant { gateway, account, scripts, now } = tenant;
    let scripts = serde_json::json!(scripts).to_string();
    // What is read first could not be written any more if somebody else wrote meanwhile.
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let of_session = "SELECT gateway, account FROM session WHERE name = ?1";
    let before: Option<(String, String)> =
        transaction.query_row(of_session, [session], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let has_moved = before.is_some_and(|(old_gateway, old_account)| (&old_gateway, &old_account) != (gateway, account));
    if has_moved {
        transaction.execute(
            "UPDATE run SET ended = ?2, outcome = ?3 WHERE session = ?1 AND ended IS NULL",
            params![session, now, RunOutcome::EndedWithSession],
        )?;
        transaction.execute("UPDATE event SET done = 1 WHERE session = ?1 AND done = 0", [session])?;
        transaction.execute("DELETE FROM timer WHERE session = ?1", [session])?;
        messages::forget(&transaction, session)?;
    }
    let since = if has_moved { highest_id(&transaction)? } else { 0 };
    transaction.execute(
        "INSERT INTO session VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (name) DO UPDATE SET gateway = ?2, account = ?3, scripts = ?4, since = max(since, ?5)",
        params![session, gateway, account, scripts, since],
    )?;
    transaction.commit()?;
    Ok(has_moved)
}

/// Notes which scripts there are from a time on.
pub(super) fn line_up(connection: &Connection, lineup: &Lineup, at: Timestamp) -> Result<(), StoreError> {
    let text = serde_json::to_string(lineup).expect("a lineup holds only texts");
    let last = "SELECT lineup FROM lineup ORDER BY id DESC LIMIT 1";
    let last: Option<String> = connection.query_row(last, [], |row| row.get(0)).optional()?;
    if last.as_ref() != Some(&text) {
        connection.execute("INSERT INTO lineup (at, lineup) VALUES (?1, ?2)", params![at, text])?;
    }
    Ok(())
}

/// The scripts that there were at a time.
pub(super) fn lineup(connection: &Connection, at: Timestamp) -> Result<Option<Lineup>, StoreError> {
    let sql = "SELECT lineup FROM lineup WHERE at <= ?1 ORDER BY at DESC, id DESC LIMIT 1";
    let text: Option<String> = connection.query_row(sql, [at], |row| row.get(0)).optional()?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

/// The scripts that a session runs; `None` means all.
pub(super) fn scripts_of(connection: &Connection, session: &str) -> Result<Option<Vec<String>>, StoreError> {
    let sql = "SELECT scripts FROM session WHERE name = ?1";
    let text: Option<String> = connection.query_row(sql, [session], |row| row.get(0)).optional()?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()).flatten())
}

/// What a session left behind, but for its messages.
pub(super) fn recover(connection: &Connection, session: &str) -> Result<Recovered, StoreError> {
    // Runs of hooks that are called anew at every start are not rebuilt.
    let close = "UPDATE run SET ended = started, outcome = ?2 WHERE session = ?1 AND ended IS NULL AND rebuild = 0";
    connection.execute(close, params![session, RunOutcome::EndedWithProcess])?;
    let mut open = HashMap::<EventId, Vec<RunRecord>>::new();
    let of_open = "WHERE session = ?1 AND
                   (ended IS NULL OR event IN (SELECT id FROM event WHERE session = ?1 AND done = 0)) ORDER BY id";
    for run in runs(connection, of_open, [session])? {
        open.entry(run.run.event).or_default().push(run);
    }
    let mut with_runs = |event: EventRow| Handling { runs: open.remove(&event.id).unwrap_or_default(), event };
    let new = events(connection, "WHERE session = ?1 AND done = 0 ORDER BY id", [session])?;
    let of_waiting =
        "WHERE done = 1 AND id IN (SELECT event FROM run WHERE session = ?1 AND ended IS NULL) ORDER BY id";
    let waiting = events(connection, of_waiting, [session])?;
    let events = new.into_iter().map(&mut with_runs).collect();
    let waiting = waiting.into_iter().map(with_runs).collect();
    let sql = "SELECT id, session, script, timer, due, declared FROM timer WHERE session = ?1 ORDER BY id";
    let timer_of = |row: &Row<'_>| {
        Ok(TimerRow {
            id: row.get(0)?,
            session: row.get(1)?,
            script: row.get(2)?,
            timer: row.get(3)?,
            due: row.get(4)?,
            origin: row.get(5)?,
        })
    };
    let timers = connection.prepare_cached(sql)?.query_map([session], timer_of)?.collect::<Result<_, _>>()?;
    // Those of people and chats are read when they are used.
    let sql = "SELECT script, state FROM state WHERE session = ?1 AND instr(script, '/') = 0";
    let states = connection
        .prepare_cached(sql)?
        .query_map([session], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let highest_message = messages::highest(connection, session)?;
    Ok(Recovered { events, waiting, timers, states, highest_message, ..Recovered::default() })
}

/// The timers that handlers have asked for, with their scripts, in the order of these.
pub(super) fn timers(connection: &Connection) -> Result<Vec<(String, String)>, StoreError> {
    let sql = "SELECT DISTINCT script, timer FROM timer WHERE declared != ?1 ORDER BY script, timer";
    let mut statement = connection.prepare_cached(sql)?;
    let timers = statement.query_map([TimerOrigin::Declared], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(timers.collect::<Result<_, _>>()?)
}

/// Pinned sources, as JSON text.
pub(super) fn bundle(connection: &Connection, hash: &BundleHash) -> Result<Option<String>, StoreError> {
    let sql = "SELECT sources FROM bundle WHERE hash = ?1";
    Ok(connection.query_row(sql, [hash], |row| row.get(0)).optional()?)
}

/// The runs that someone asked to kill and that have not ended. A wish for any other is fulfilled.
pub(super) fn kills(connection: &Connection) -> Result<Vec<RunRow>, StoreError> {
    let wishes: Vec<RunId> = connection
        .prepare_cached("SELECT run FROM kill")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut open = Vec::new();
    for id in wishes {
        let run = match runs(connection, "WHERE id = ?1", [id])?.pop() {
            Some(run) => Some(run),
            None => log::run(connection, id)?,
        };
        match run {
            Some(run) if run.standing.ended.is_none() => open.push(run.run),
            _ => drop(connection.execute("DELETE FROM kill WHERE run = ?1", [id])?),
        }
    }
    Ok(open)
}

/// Takes it down that someone asked to kill a run.
pub(super) fn ask_to_kill(connection: &Connection, run: RunId) -> Result<(), StoreError> {
    connection.execute("INSERT OR IGNORE INTO kill VALUES (?1)", [run])?;
    Ok(())
}

/// Ends a run of the tables as killed.
pub(super) fn end_run(connection: &Connection, run: RunId, at: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE run SET ended = ?2, outcome = ?3 WHERE id = ?1 AND ended IS NULL";
    connection.execute(sql, params![run, at, RunOutcome::Killed])?;
    Ok(())
}

/// Ends the runs that began before a time in sessions other than these.
pub(super) fn abandon(
    connection: &Connection,
    sessions: &[String],
    before: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sessions = serde_json::json!(sessions).to_string();
    connection.execute(
        "UPDATE run SET ended = ?3, outcome = ?4
         WHERE ended IS NULL AND started < ?2 AND session NOT IN (SELECT value FROM json_each(?1))",
        params![sessions, before, now, RunOutcome::SessionGone],
    )?;
    connection.execute(
        "UPDATE event SET done = 1 WHERE done = 0 AND at < ?2 AND session NOT IN (SELECT value FROM json_each(?1))",
        params![sessions, before],
    )?;
    Ok(())
}

/// Removes sources and lists of scripts that nothing needs any more. Sources that are `pinned` are in use now.
pub(super) fn prune(
    transaction: &Transaction<'_>,
    pinned: impl IntoIterator<Item = BundleHash>,
    before: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    // The latest one from before that time is that of the first events after it.
    let unused = "DELETE FROM lineup WHERE at < (SELECT max(at) FROM lineup WHERE at < ?1)";
    transaction.execute(unused, [before])?;
    for hash in pinned {
        transaction.prepare_cached("UPDATE bundle SET used = ?2 WHERE hash = ?1")?.execute(params![hash, now])?;
    }
    let unused = before.saturating_sub(BUNDLE_MARGIN);
    let old: Vec<BundleHash> = transaction
        .prepare_cached("SELECT hash FROM bundle WHERE used < ?1")?
        .query_map([unused], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    // Without an index, each look reads all runs.
    if !old.is_empty() {
        transaction.execute("DELETE FROM bundle WHERE used < ?1 AND hash NOT IN (SELECT bundle FROM run)", [unused])?;
    }
    Ok(())
}
