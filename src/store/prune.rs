//! Takes what is over for long out of the database, slice by slice: between two of them the writer does what is more urgent.
//!
//! When it is time to, and what counts as long, is not known here.

use rusqlite::{Connection, Transaction, params};

use super::error::StoreError;
use super::ids::{EventId, RunId};
use super::record::BundleHash;
use super::{log, messages, rows};
use crate::clock::Timestamp;

/// So many runs, or events of the tables, are looked at in one slice.
const ROWS: usize = 500;
/// So many batches, each of which holds what a worker did in a moment.
const BATCHES: usize = 20;

/// A pruning and how far it is.
#[derive(Clone, Copy, Debug)]
pub struct Pruning {
    before: Timestamp,
    now: Timestamp,
    stage: Stage,
}

/// What is looked at next: rows beyond an id.
#[derive(Clone, Copy, Debug)]
enum Stage {
    Runs(RunId),
    Events(EventId),
    Batches(i64),
    Messages,
    Rest,
}

impl Pruning {
    /// One that removes what was done before a time.
    pub fn before(before: Timestamp, now: Timestamp) -> Self {
        Self { before, now, stage: Stage::Runs(RunId::MIN) }
    }
}

/// Takes a slice out; gives what is left to do. Sources that are `pinned` are in use now.
pub(super) fn prune(
    connection: &Connection,
    pinned: impl IntoIterator<Item = BundleHash>,
    pruning: Pruning,
) -> Result<Option<Pruning>, StoreError> {
    let Pruning { before, now, stage } = pruning;
    let transaction = connection.unchecked_transaction()?;
    let next = match stage {
        Stage::Runs(from) => Some(runs(&transaction, before, from)?.map_or(Stage::Events(EventId::MIN), Stage::Runs)),
        Stage::Events(from) => {
            Some(events(&transaction, before, from)?.map_or(Stage::Batches(i64::MIN), Stage::Events))
        }
        Stage::Batches(from) => Some(batches(&transaction, before, from)?.map_or(Stage::Messages, Stage::Batches)),
        Stage::Messages if messages::prune(&transaction, before)? => Some(Stage::Messages),
        Stage::Messages => Some(Stage::Rest),
        Stage::Rest => {
            rows::prune(&transaction, pinned, before, now)?;
            None
        }
    };
    transaction.commit()?;
    Ok(next.map(|stage| Pruning { stage, ..pruning }))
}

/// Where the next slice begins, if there is one: ids ascend with time, so that behind a young row there are no old ones.
fn beyond<T>(seen: usize, most: usize, last: Option<(T, Timestamp)>, before: Timestamp) -> Option<T> {
    last.filter(|(_, at)| seen == most && *at < before).map(|(id, _)| id)
}

/// Ended runs, with their entries.
fn runs(transaction: &Transaction<'_>, before: Timestamp, from: RunId) -> Result<Option<RunId>, StoreError> {
    let sql = format!("SELECT id, started, ended FROM run WHERE id > ?1 ORDER BY id LIMIT {ROWS}");
    let found: Vec<(RunId, Timestamp, Option<Timestamp>)> = transaction
        .prepare_cached(&sql)?
        .query_map([from], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    for (id, ..) in found.iter().filter(|(.., ended)| ended.is_some_and(|ended| ended < before)) {
        transaction.prepare_cached("DELETE FROM entry WHERE run = ?1")?.execute([id])?;
        transaction.prepare_cached("DELETE FROM run WHERE id = ?1")?.execute([id])?;
    }
    Ok(beyond(found.len(), ROWS, found.last().map(|(id, started, _)| (*id, *started)), before))
}

/// Handled events without runs: a run is not shown without its event, and ended later than that came.
fn events(transaction: &Transaction<'_>, before: Timestamp, from: EventId) -> Result<Option<EventId>, StoreError> {
    let sql = format!(
        "SELECT id, at, done = 1 AND at < ?2 AND NOT EXISTS (SELECT 1 FROM run WHERE run.event = event.id),
                session, subcommand, content FROM event WHERE id > ?1 ORDER BY id LIMIT {ROWS}"
    );
    let mut statement = transaction.prepare_cached(&sql)?;
    let mut found = statement.query(params![from, before])?;
    let (mut seen, mut last) = (0, None);
    while let Some(event) = found.next()? {
        let (id, at) = (event.get(0)?, event.get(1)?);
        (seen, last) = (seen + 1, Some((id, at)));
        if event.get(2)? {
            let text = |column| event.get_ref(column).and_then(|text| text.as_str().map_err(rusqlite::Error::from));
            log::keep_message(transaction, text(3)?, text(4)?, text(5)?, at)?;
            transaction.prepare_cached("DELETE FROM event WHERE id = ?1")?.execute([id])?;
        }
    }
    Ok(beyond(seen, ROWS, last, before))
}

/// Batches in which nothing is open, but for the ids of their messages.
fn batches(transaction: &Transaction<'_>, before: Timestamp, from: i64) -> Result<Option<i64>, StoreError> {
    let sql = format!("SELECT id, at FROM cut WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT {BATCHES}");
    let horizon = log::horizon(transaction)?;
    let found: Vec<(i64, Timestamp)> = transaction
        .prepare_cached(&sql)?
        .query_map(params![from, horizon], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (id, _) in found.iter().filter(|(_, at)| *at < before) {
        log::keep_messages_of(transaction, *id)?;
        transaction.prepare_cached("DELETE FROM cut WHERE id = ?1")?.execute([id])?;
    }
    Ok(beyond(found.len(), BATCHES, found.last().copied(), before))
}
