//! The ids of the messages that sessions have taken, which are not handled again: on the disk, for as long as the retention.
//!
//! Which of them a process remembers by itself is not known here.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::error::StoreError;
use super::record::MessageRow;
use crate::clock::Timestamp;

/// So many stay in any case, however old they are.
const KEPT: usize = 200_000;

/// So many are forgotten at once.
const SLICE: usize = 2_000;

/// The highest of those that are numbers, by session: a higher one is new, and need not be looked for.
pub(super) const SCHEMA: &str = "
    CREATE INDEX seen_at ON seen (at);
    CREATE TABLE highest_message (
        session TEXT PRIMARY KEY,
        number INTEGER NOT NULL
    ) WITHOUT ROWID;
    INSERT INTO highest_message
        SELECT session, max(CAST(message AS INTEGER)) FROM seen GROUP BY session;
";

/// The number that an id is, where it is one.
pub fn number(id: &str) -> Option<i64> {
    id.parse().ok()
}

/// Writes the messages of a batch.
pub(super) fn write(transaction: &Transaction<'_>, messages: &[MessageRow]) -> rusqlite::Result<()> {
    let mut highest: BTreeMap<&str, i64> = BTreeMap::new();
    for MessageRow { session, id, at } in messages {
        let sql = "INSERT OR IGNORE INTO seen VALUES (?1, ?2, ?3)";
        transaction.prepare_cached(sql)?.execute(params![session, id, at])?;
        if let Some(number) = number(id) {
            let highest = highest.entry(session).or_insert(number);
            *highest = number.max(*highest);
        }
    }
    for (session, number) in highest {
        let sql = "INSERT INTO highest_message VALUES (?1, ?2)
                   ON CONFLICT (session) DO UPDATE SET number = max(number, ?2)";
        transaction.prepare_cached(sql)?.execute(params![session, number])?;
    }
    Ok(())
}

/// The highest number that an id of a session was.
pub(super) fn highest(connection: &Connection, session: &str) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT number FROM highest_message WHERE session = ?1";
    Ok(connection.query_row(sql, [session], |row| row.get(0)).optional()?)
}

/// Whether a session has taken a message.
pub(super) fn has(connection: &Connection, session: &str, id: &str) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM seen WHERE session = ?1 AND message = ?2";
    Ok(connection.prepare_cached(sql)?.exists([session, id])?)
}

/// Forgets some of what was taken before a time, but for the latest; whether there is more of it.
pub(super) fn prune(transaction: &Transaction<'_>, before: Timestamp) -> Result<bool, StoreError> {
    let sql = format!(
        "DELETE FROM seen WHERE (session, message) IN (
             SELECT session, message FROM seen
             WHERE at < ?1 AND at < (SELECT at FROM seen ORDER BY at DESC LIMIT 1 OFFSET {KEPT})
             ORDER BY at LIMIT {SLICE})"
    );
    Ok(transaction.execute(&sql, [before])? == SLICE)
}

/// Forgets what a session has taken.
pub(super) fn forget(transaction: &Transaction<'_>, session: &str) -> Result<(), StoreError> {
    transaction.execute("DELETE FROM seen WHERE session = ?1", [session])?;
    transaction.execute("DELETE FROM highest_message WHERE session = ?1", [session])?;
    Ok(())
}
