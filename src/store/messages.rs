//! The ids of the messages that sessions have taken, which are not handled again: on the disk, for as long as the retention.
//!
//! The log has them anyway, with the events that brought them; so they come here many at a time. A session's numbers, which
//! most ids are, are one row then, a **span**; other ids have rows of their own, in `seen`.
//! Which of them a process remembers by itself is not known here.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::error::StoreError;
use super::record::{MessageId, MessageRow};
use crate::clock::Timestamp;

/// So many stay in any case, however old they are.
const KEPT: i64 = 200_000;

/// So many wait to be written together. Invariant: a session remembers more of its latest by itself.
const TOGETHER: usize = 16_384;

/// So many rows are forgotten at once.
const SLICE: usize = 2_000;
/// So many spans are.
const SPANS: usize = 100;

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

/// The ids that came together, and the last batch of the log whose ids are here.
pub(super) const SCHEMA_8: &str = "
    CREATE TABLE span (
        id INTEGER PRIMARY KEY,
        session TEXT NOT NULL,
        low INTEGER NOT NULL,
        high INTEGER NOT NULL,
        at INTEGER NOT NULL,
        count INTEGER NOT NULL,
        steps BLOB NOT NULL
    );
    CREATE INDEX span_ids ON span (session, high, low);
    CREATE INDEX span_at ON span (at, count);
    CREATE TABLE seen_until (cut INTEGER NOT NULL);
    INSERT INTO seen_until SELECT coalesce(max(id), 0) FROM cut;
";

/// The number that an id is, where it is one.
pub fn number(id: &str) -> Option<i64> {
    id.parse().ok()
}

/// Messages that only the log has yet.
#[derive(Debug, Default)]
pub(super) struct Unwritten {
    by_session: BTreeMap<Arc<str>, Taken>,
    count: usize,
    is_wanted: bool,
}

/// What one session has taken.
#[derive(Debug, Default)]
struct Taken {
    numbers: Vec<i64>,
    texts: Vec<(Box<str>, Timestamp)>,
    highest: Option<i64>,
    /// When the latest came.
    at: Timestamp,
}

impl Unwritten {
    pub(super) fn add(&mut self, messages: &[MessageRow]) {
        // Those of a session come many at a time.
        for together in messages.chunk_by(|one, next| Arc::ptr_eq(&one.session, &next.session)) {
            let taken = self.by_session.entry(Arc::clone(&together[0].session)).or_default();
            together.iter().for_each(|message| taken.add(message));
        }
        self.count += messages.len();
    }

    /// Asks for them to be written, however few they are.
    pub(super) fn want(&mut self) {
        self.is_wanted = self.count > 0;
    }

    /// Whether it is time to write them.
    pub(super) fn are_due(&self) -> bool {
        self.is_wanted || self.count >= TOGETHER
    }

    /// Writes them, which are those of the batches up to `last`.
    pub(super) fn write(&self, transaction: &Transaction<'_>, last: i64) -> rusqlite::Result<()> {
        for (session, taken) in &self.by_session {
            taken.write(transaction, session)?;
        }
        transaction.execute("UPDATE seen_until SET cut = ?1", [last])?;
        Ok(())
    }
}

impl Taken {
    fn add(&mut self, MessageRow { id, at, .. }: &MessageRow) {
        self.at = self.at.max(*at);
        self.highest = self.highest.max(id.number());
        match id {
            MessageId::Number(number) => self.numbers.push(*number),
            MessageId::Text(text) => self.texts.push((text.clone(), *at)),
        }
    }

    fn write(&self, transaction: &Transaction<'_>, session: &str) -> rusqlite::Result<()> {
        let mut numbers = self.numbers.clone();
        numbers.sort_unstable();
        numbers.dedup();
        if let (Some(low), Some(high)) = (numbers.first(), numbers.last()) {
            let sql = "INSERT INTO span (session, low, high, at, count, steps) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            transaction.prepare_cached(sql)?.execute(params![
                session,
                low,
                high,
                self.at,
                i64::try_from(numbers.len()).unwrap_or(i64::MAX),
                steps(&numbers)
            ])?;
        }
        for (text, at) in &self.texts {
            let sql = "INSERT OR IGNORE INTO seen VALUES (?1, ?2, ?3)";
            transaction.prepare_cached(sql)?.execute(params![session, text, at])?;
        }
        if let Some(highest) = self.highest {
            let sql = "INSERT INTO highest_message VALUES (?1, ?2)
                       ON CONFLICT (session) DO UPDATE SET number = max(number, ?2)";
            transaction.prepare_cached(sql)?.execute(params![session, highest])?;
        }
        Ok(())
    }
}

/// Ascending numbers as what each is beyond the one before.
fn steps(numbers: &[i64]) -> Vec<u8> {
    let steps: Vec<u64> = numbers.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]).cast_unsigned()).collect();
    postcard::to_allocvec(&steps).expect("they are plain numbers")
}

/// The numbers of a span, ascending.
fn numbers(low: i64, steps: &[u8]) -> Result<Vec<i64>, StoreError> {
    let unreadable = |error| StoreError::Unreadable(format!("ids of messages from {low} on: {error}"));
    let steps: Vec<u64> = postcard::from_bytes(steps).map_err(unreadable)?;
    let next = |last: &mut i64, step: u64| {
        *last = last.wrapping_add(step.cast_signed());
        Some(*last)
    };
    Ok(std::iter::once(low).chain(steps.into_iter().scan(low, next)).collect())
}

/// The last batch of the log whose messages are here.
pub(super) fn written_until(connection: &Connection) -> Result<i64, StoreError> {
    Ok(connection.query_row("SELECT cut FROM seen_until", [], |row| row.get(0))?)
}

/// The highest number that an id of a session was.
pub(super) fn highest(connection: &Connection, session: &str) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT number FROM highest_message WHERE session = ?1";
    Ok(connection.query_row(sql, [session], |row| row.get(0)).optional()?)
}

/// Whether a session has taken a message.
pub(super) fn has(connection: &Connection, session: &str, id: &str) -> Result<bool, StoreError> {
    if let MessageId::Number(number) = id.into() {
        let sql = "SELECT low, steps FROM span WHERE session = ?1 AND high >= ?2 AND low <= ?2";
        let mut spans = connection.prepare_cached(sql)?;
        let mut spans = spans.query(params![session, number])?;
        while let Some(span) = spans.next()? {
            let steps = span.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
            if numbers(span.get(0)?, steps)?.binary_search(&number).is_ok() {
                return Ok(true);
            }
        }
    }
    let sql = "SELECT 1 FROM seen WHERE session = ?1 AND message = ?2";
    Ok(connection.prepare_cached(sql)?.exists([session, id])?)
}

/// Gives sessions and their ids to `take`, the latest first, as long as it wants more.
pub(super) fn latest(connection: &Connection, mut take: impl FnMut(&str, String) -> bool) -> Result<(), StoreError> {
    let mut spans = connection.prepare_cached("SELECT session, low, steps FROM span ORDER BY at DESC")?;
    let mut spans = spans.query([])?;
    while let Some(span) = spans.next()? {
        let session: String = span.get(0)?;
        let steps = span.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
        for number in numbers(span.get(1)?, steps)?.into_iter().rev() {
            if !take(&session, number.to_string()) {
                return Ok(());
            }
        }
    }
    let mut seen = connection.prepare_cached("SELECT session, message FROM seen ORDER BY at DESC")?;
    let mut seen = seen.query([])?;
    while let Some(message) = seen.next()? {
        if !take(&message.get::<_, String>(0)?, message.get(1)?) {
            return Ok(());
        }
    }
    Ok(())
}

/// Forgets some of what was taken before a time, but for the latest; whether there is more of it.
pub(super) fn prune(transaction: &Transaction<'_>, before: Timestamp) -> Result<bool, StoreError> {
    let Some(latest) = latest_to_keep(transaction)? else { return Ok(false) };
    let before = before.min(latest);
    let sql = format!("DELETE FROM span WHERE id IN (SELECT id FROM span WHERE at < ?1 ORDER BY at LIMIT {SPANS})");
    let spans = transaction.execute(&sql, [before])?;
    let sql = format!(
        "DELETE FROM seen WHERE (session, message) IN (
             SELECT session, message FROM seen WHERE at < ?1 ORDER BY at LIMIT {SLICE})"
    );
    Ok(transaction.execute(&sql, [before])? == SLICE || spans == SPANS)
}

/// Since when those came that stay in any case, where there are so many.
fn latest_to_keep(connection: &Connection) -> Result<Option<Timestamp>, StoreError> {
    let sql = "SELECT at, count FROM span UNION ALL SELECT at, 1 FROM seen ORDER BY at DESC";
    let mut rows = connection.prepare_cached(sql)?;
    let mut rows = rows.query([])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        count += row.get::<_, i64>(1)?;
        if count >= KEPT {
            return Ok(Some(row.get(0)?));
        }
    }
    Ok(None)
}

/// Forgets what a session has taken.
pub(super) fn forget(transaction: &Transaction<'_>, session: &str) -> Result<(), StoreError> {
    for table in ["seen WHERE session", "span WHERE session", "highest_message WHERE session"] {
        transaction.execute(&format!("DELETE FROM {table} = ?1"), [session])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_they_were_written() {
        for ascending in [&[7][..], &[-5, 0, 3, 1 << 60], &[i64::MIN, -1, i64::MAX]] {
            assert_eq!(numbers(ascending[0], &steps(ascending)).expect("they are whole"), ascending);
        }
        assert!(numbers(1, &[3, 1]).is_err(), "two of three steps are missing");
    }
}
