//! The record of events, runs and what runs observed: its rows, how they are written in cuts, and how they are read back.
//!
//! A **cut** is everything that one worker has to record, taken at one moment between two steps of its runs. A cut is
//! written whole or not at all, with the scripts' values as they were then, so what is on disk is always a moment that was.
//! What the rows mean to a run is not known here.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde::{Deserialize, Serialize};

use super::error::StoreError;
use crate::clock::Timestamp;

/// How many message ids of a session are remembered over a restart.
const REMEMBERED: u32 = 50_000;

/// An event as it arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventRow {
    /// Its id, ascending in the order of arrival.
    pub id: i64,
    /// The session that it arrived at.
    pub session: String,
    /// The gateway's name for it; `@timer` for a timer that was due.
    pub subcommand: String,
    /// Its content as it came.
    pub content: String,
    /// When it arrived.
    pub at: Timestamp,
    /// Whether every script has had it.
    pub done: bool,
}

/// A run as it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RunRow {
    /// Its id.
    pub id: i64,
    /// The event that it handles.
    pub event: i64,
    /// The session that it acts on.
    pub session: String,
    /// The script.
    pub script: String,
    /// The function that was called.
    pub function: String,
    /// The number of the script's generation, within its process.
    pub generation: i64,
    /// The hash of the sources that it runs.
    #[serde(skip)]
    pub bundle: Vec<u8>,
    /// When it started.
    pub started: Timestamp,
    /// Whether it is rebuilt after a restart.
    pub rebuild: bool,
    /// The format of its entries.
    pub format: i64,
    /// What it waits for, while it waits.
    pub waiting: Option<Waiting>,
    /// When it ended, once it has.
    pub ended: Option<Timestamp>,
    /// How it ended: `handled`, `passed on`, `failed`, `killed`; empty while it goes on.
    pub outcome: String,
    /// What went wrong, where it failed.
    pub fault: Option<String>,
}

/// What a run waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// The host call: `ask`, `sleep`, or a command's name.
    pub call: String,
    /// The file and line of the call, where they are known.
    pub place: String,
    /// Since when.
    pub since: Timestamp,
    /// When it ends by itself, where it does.
    pub deadline: Option<Timestamp>,
}

/// One host call of a run, as it was observed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// `pure`, `wait` or `effect`.
    pub kind: String,
    /// What was called.
    pub name: String,
    /// What it was called with.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// The file and line of the call, where they are known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub place: String,
    /// When it was made.
    pub at: Timestamp,
    /// How long it took, in microseconds.
    #[serde(default)]
    pub took: u64,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a host call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was begun, and nothing is known yet.
    Pending,
    /// A value, as JSON text.
    Value(String),
    /// A gateway's content, as it came.
    Content(String),
    /// A message's content, as it came.
    Message(String),
    /// A session's name, for a handle on it.
    Session(String),
    /// The names of all sessions, for handles on them.
    Sessions(Vec<String>),
    /// What was thrown, as JSON text.
    Thrown(String),
}

/// A timer that waits for its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimerRow {
    /// Its id.
    pub id: i64,
    /// The session.
    pub session: String,
    /// The script.
    pub script: String,
    /// What is called with what, and when, as JSON text.
    pub timer: String,
    /// When it is due next.
    pub due: Timestamp,
    /// Whether the script's top level declares it.
    pub declared: bool,
}

/// A script's sources, pinned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleRow {
    /// Their hash.
    pub hash: Vec<u8>,
    /// The script's name.
    pub script: String,
    /// The sources, as JSON text.
    pub sources: String,
}

/// Everything that a worker has to record at one moment.
#[derive(Clone, Debug, Default)]
pub struct Cut {
    /// Events that are new, or have been handled since.
    pub events: Vec<EventRow>,
    /// Events that were written before and have been handled since.
    pub handled: Vec<i64>,
    /// Runs that are new or have changed, each with its new entries. An entry's number replaces the one of that number.
    pub runs: Vec<(RunRow, Vec<(u32, Entry)>)>,
    /// Timers that are new or have changed.
    pub timers: Vec<TimerRow>,
    /// Timers that are gone.
    pub gone_timers: Vec<i64>,
    /// Scripts' states that have changed: session, script, JSON text.
    pub states: Vec<(String, String, String)>,
    /// Sources that runs are pinned to.
    pub bundles: Vec<BundleRow>,
}

impl Cut {
    /// Whether there is nothing to record.
    pub fn is_empty(&self) -> bool {
        let Self { events, handled, runs, timers, gone_timers, states, bundles } = self;
        events.is_empty()
            && handled.is_empty()
            && runs.is_empty()
            && timers.is_empty()
            && gone_timers.is_empty()
            && states.is_empty()
            && bundles.is_empty()
    }
}

/// What a session left behind when its process ended.
#[derive(Clone, Debug, Default)]
pub struct Recovered {
    /// Events that not every script has had, in the order of their arrival.
    pub events: Vec<EventRow>,
    /// The runs of those events, and the runs that wait, each with its entries in order.
    pub runs: Vec<(RunRow, Vec<Entry>)>,
    /// The events of runs that wait.
    pub waiting_events: Vec<EventRow>,
    /// The timers.
    pub timers: Vec<TimerRow>,
    /// The scripts' states as JSON text, by script.
    pub states: HashMap<String, String>,
    /// The contents of the latest messages, which are not handled again.
    pub messages: Vec<String>,
}

/// The tables of the journal.
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

const EVENT_COLUMNS: &str = "id, session, subcommand, content, at, done";
const RUN_COLUMNS: &str = "id, event, session, script, function, generation, bundle, started, rebuild, format, waiting, \
                           ended, outcome, fault";

/// Writes a cut within a transaction.
pub(super) fn write(transaction: &Transaction<'_>, cut: &Cut) -> rusqlite::Result<()> {
    for event in &cut.events {
        transaction
            .prepare_cached("INSERT OR REPLACE INTO event VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute(params![event.id, event.session, event.subcommand, event.content, event.at, event.done])?;
    }
    for id in &cut.handled {
        transaction.prepare_cached("UPDATE event SET done = 1 WHERE id = ?1")?.execute([id])?;
    }
    for (run, entries) in &cut.runs {
        write_run(transaction, run)?;
        for (number, entry) in entries {
            let text =
                serde_json::to_string(entry).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
            transaction
                .prepare_cached("INSERT OR REPLACE INTO entry VALUES (?1, ?2, ?3)")?
                .execute(params![run.id, number, text])?;
        }
    }
    for timer in &cut.timers {
        transaction
            .prepare_cached("INSERT OR REPLACE INTO timer VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute(params![timer.id, timer.session, timer.script, timer.timer, timer.due, timer.declared])?;
    }
    for id in &cut.gone_timers {
        transaction.prepare_cached("DELETE FROM timer WHERE id = ?1")?.execute([id])?;
    }
    for (session, script, state) in &cut.states {
        transaction
            .prepare_cached("INSERT OR REPLACE INTO state VALUES (?1, ?2, ?3)")?
            .execute(params![session, script, state])?;
    }
    for bundle in &cut.bundles {
        transaction.prepare_cached("INSERT OR IGNORE INTO bundle VALUES (?1, ?2, ?3)")?.execute(params![
            bundle.hash,
            bundle.script,
            bundle.sources
        ])?;
    }
    Ok(())
}

fn write_run(transaction: &Transaction<'_>, run: &RunRow) -> rusqlite::Result<usize> {
    let waiting = run.waiting.as_ref().map(|waiting| serde_json::to_string(waiting).unwrap_or_default());
    transaction
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
            run.ended,
            run.outcome,
            run.fault
        ])
}

fn event_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<EventRow> {
    Ok(EventRow {
        id: row.get(0)?,
        session: row.get(1)?,
        subcommand: row.get(2)?,
        content: row.get(3)?,
        at: row.get(4)?,
        done: row.get(5)?,
    })
}

fn run_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<RunRow> {
    let waiting: Option<String> = row.get(10)?;
    Ok(RunRow {
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
        waiting: waiting.and_then(|text| serde_json::from_str(&text).ok()),
        ended: row.get(11)?,
        outcome: row.get(12)?,
        fault: row.get(13)?,
    })
}

/// The entries of a run, in order. Where one is missing or cannot be read, another stands that no call makes, and ends them:
/// what comes after it means nothing.
pub(super) fn entries(connection: &Connection, run: i64) -> Result<Vec<Entry>, StoreError> {
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

fn unreadable() -> Entry {
    Entry {
        kind: String::new(),
        name: "a call that cannot be read".to_owned(),
        detail: String::new(),
        place: String::new(),
        at: 0,
        took: 0,
        outcome: Outcome::Pending,
    }
}

/// The highest id that is in use.
pub(super) fn highest_id(connection: &Connection) -> Result<i64, StoreError> {
    let sql = "SELECT max(coalesce((SELECT max(id) FROM event), 0), coalesce((SELECT max(id) FROM run), 0),
               coalesce((SELECT max(id) FROM timer), 0))";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

/// What a session left behind.
pub(super) fn recover(connection: &Connection, session: &str) -> Result<Recovered, StoreError> {
    // Runs of hooks that are called anew at every start are not rebuilt.
    let close = "UPDATE run SET ended = started, outcome = 'ended with its process' WHERE session = ?1 AND ended IS NULL AND rebuild = 0";
    connection.execute(close, [session])?;
    let events = select_events(connection, "WHERE session = ?1 AND done = 0 ORDER BY id", session)?;
    let waiting_events = select_events(
        connection,
        "WHERE done = 1 AND id IN (SELECT event FROM run WHERE session = ?1 AND ended IS NULL) ORDER BY id",
        session,
    )?;
    let sql = format!(
        "SELECT {RUN_COLUMNS} FROM run WHERE session = ?1 AND
         (ended IS NULL OR event IN (SELECT id FROM event WHERE session = ?1 AND done = 0)) ORDER BY id"
    );
    let rows = connection.prepare(&sql)?.query_map([session], run_of)?.collect::<Result<Vec<_>, _>>()?;
    let runs = rows
        .into_iter()
        .map(|run| {
            let entries = entries(connection, run.id)?;
            Ok((run, entries))
        })
        .collect::<Result<_, StoreError>>()?;
    let sql = "SELECT id, session, script, timer, due, declared FROM timer WHERE session = ?1 ORDER BY id";
    let timer_of = |row: &rusqlite::Row<'_>| {
        Ok(TimerRow {
            id: row.get(0)?,
            session: row.get(1)?,
            script: row.get(2)?,
            timer: row.get(3)?,
            due: row.get(4)?,
            declared: row.get(5)?,
        })
    };
    let timers = connection.prepare(sql)?.query_map([session], timer_of)?.collect::<Result<_, _>>()?;
    let sql = "SELECT script, state FROM state WHERE session = ?1";
    let states = connection
        .prepare(sql)?
        .query_map([session], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let sql = "SELECT content FROM event WHERE session = ?1 AND subcommand IN ('RECEIVE_MESSAGE', 'SEND_MESSAGE')
               ORDER BY id DESC LIMIT ?2";
    let messages = connection
        .prepare(sql)?
        .query_map(params![session, REMEMBERED], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(Recovered { events, runs, waiting_events, timers, states, messages })
}

fn select_events(connection: &Connection, condition: &str, session: &str) -> Result<Vec<EventRow>, StoreError> {
    let sql = format!("SELECT {EVENT_COLUMNS} FROM event {condition}");
    Ok(connection.prepare(&sql)?.query_map([session], event_of)?.collect::<Result<_, _>>()?)
}

/// Pinned sources, as JSON text.
pub(super) fn bundle(connection: &Connection, hash: &[u8]) -> Result<Option<String>, StoreError> {
    let sql = "SELECT sources FROM bundle WHERE hash = ?1";
    Ok(connection.query_row(sql, [hash], |row| row.get(0)).optional()?)
}

/// Takes the runs that someone asked to kill.
pub(super) fn take_kills(connection: &Connection) -> Result<Vec<i64>, StoreError> {
    let kills: Vec<i64> = connection
        .prepare_cached("SELECT run FROM kill")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    if !kills.is_empty() {
        connection.execute("DELETE FROM kill", [])?;
    }
    Ok(kills)
}

/// Removes what was done before `before`: handled events, ended runs with their entries, sources that no run needs.
pub(super) fn prune(connection: &Connection, before: Timestamp) -> Result<(), StoreError> {
    connection.execute("DELETE FROM entry WHERE run IN (SELECT id FROM run WHERE ended < ?1)", [before])?;
    connection.execute("DELETE FROM run WHERE ended < ?1", [before])?;
    connection.execute(
        "DELETE FROM event WHERE done = 1 AND at < ?1 AND id NOT IN (SELECT event FROM run WHERE ended IS NULL)",
        [before],
    )?;
    connection.execute("DELETE FROM bundle WHERE hash NOT IN (SELECT bundle FROM run)", [])?;
    Ok(())
}

/// The journal of a data folder, read from outside the process that writes it.
#[derive(Debug)]
pub struct JournalReader(Connection);

impl JournalReader {
    /// Opens the database of a data folder for reading, also while a process writes it.
    ///
    /// # Errors
    /// When there is none, or it was made by a newer version.
    pub fn open(folder: &std::path::Path) -> Result<Self, StoreError> {
        Ok(Self(super::folder::existing_database(folder)?))
    }

    /// The latest events, the newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn events(&self, most: u32) -> Result<Vec<EventRow>, StoreError> {
        let sql = format!("SELECT {EVENT_COLUMNS} FROM event ORDER BY id DESC LIMIT ?1");
        Ok(self.0.prepare(&sql)?.query_map([most], event_of)?.collect::<Result<_, _>>()?)
    }

    /// An event.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn event(&self, id: i64) -> Result<Option<EventRow>, StoreError> {
        let sql = format!("SELECT {EVENT_COLUMNS} FROM event WHERE id = ?1");
        Ok(self.0.query_row(&sql, [id], event_of).optional()?)
    }

    /// The runs of an event, in the order in which they started.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn runs_of(&self, event: i64) -> Result<Vec<RunRow>, StoreError> {
        let sql = format!("SELECT {RUN_COLUMNS} FROM run WHERE event = ?1 ORDER BY id");
        Ok(self.0.prepare(&sql)?.query_map([event], run_of)?.collect::<Result<_, _>>()?)
    }

    /// The run that took an event as the answer that it waited for.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn asked_by(&self, event: &EventRow) -> Result<Option<RunRow>, StoreError> {
        let sql = format!(
            "SELECT {RUN_COLUMNS} FROM run WHERE session = ?1 AND started <= ?2 AND coalesce(ended, ?2) >= ?2 AND EXISTS
             (SELECT 1 FROM entry WHERE entry.run = run.id AND
              CASE WHEN json_valid(entry) THEN json_extract(entry, '$.outcome.message') END = ?3)"
        );
        Ok(self.0.query_row(&sql, params![event.session, event.at, event.content], run_of).optional()?)
    }

    /// The runs that wait, the longest-waiting first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn open_runs(&self) -> Result<Vec<RunRow>, StoreError> {
        let sql = format!("SELECT {RUN_COLUMNS} FROM run WHERE ended IS NULL ORDER BY id");
        Ok(self.0.prepare(&sql)?.query_map([], run_of)?.collect::<Result<_, _>>()?)
    }

    /// A run.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn run(&self, id: i64) -> Result<Option<RunRow>, StoreError> {
        let sql = format!("SELECT {RUN_COLUMNS} FROM run WHERE id = ?1");
        Ok(self.0.query_row(&sql, [id], run_of).optional()?)
    }

    /// The host calls of a run, in order.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn entries(&self, run: i64) -> Result<Vec<Entry>, StoreError> {
        entries(&self.0, run)
    }

    /// The sources that a run is pinned to, as JSON text.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn sources(&self, run: &RunRow) -> Result<Option<String>, StoreError> {
        bundle(&self.0, &run.bundle)
    }

    /// Asks for a run to be killed: by the process that runs it, or by the next one, which then does not rebuild it.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn kill(&self, run: i64) -> Result<(), StoreError> {
        self.0.execute("INSERT OR IGNORE INTO kill VALUES (?1)", [run])?;
        Ok(())
    }
}
