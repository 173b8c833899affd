//! The scripts' values as they lie on disk, for whoever looks at them from outside the process that writes them, and copies of the
//! whole database. What a value is at a moment while a bot runs, the mirror decides.

use std::fs::{self, File};
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use super::error::StoreError;
use super::folder;
use crate::clock::Timestamp;

/// A store on disk: a script's, or [one that scripts share](super::shared_store).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoreSummary {
    /// What it is called where scripts are.
    pub store: String,
    /// How many keys it has.
    pub keys: i64,
    /// The bytes of its keys and values.
    pub bytes: i64,
}

/// A value of a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreEntry {
    /// The store.
    pub store: String,
    /// The key.
    pub key: String,
    /// The value, as JSON text; none where it is to go.
    pub json: Option<String>,
    /// When it ends, if it does.
    pub expiry: Option<Timestamp>,
}

/// Every store that has a value at a time.
pub(super) fn stores(connection: &Connection, now: Timestamp) -> Result<Vec<StoreSummary>, StoreError> {
    let sql = "SELECT script, count(*), sum(length(CAST(key AS BLOB)) + length(CAST(json AS BLOB))) FROM script_store
               WHERE expiry IS NULL OR expiry > ?1 GROUP BY script ORDER BY script";
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement
        .query_map([now], |row| Ok(StoreSummary { store: row.get(0)?, keys: row.get(1)?, bytes: row.get(2)? }))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// The values of a store, by their keys.
pub(super) fn entries(connection: &Connection, store: &str, now: Timestamp) -> Result<Vec<StoreEntry>, StoreError> {
    let sql = "SELECT script, key, json, expiry FROM script_store
               WHERE script = ?1 AND (expiry IS NULL OR expiry > ?2) ORDER BY key";
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_map(params![store, now], entry_of)?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// A value.
pub(super) fn entry(
    connection: &Connection,
    store: &str,
    key: &str,
    now: Timestamp,
) -> Result<Option<StoreEntry>, StoreError> {
    let sql = "SELECT script, key, json, expiry FROM script_store
               WHERE script = ?1 AND key = ?2 AND (expiry IS NULL OR expiry > ?3)";
    let mut statement = connection.prepare_cached(sql)?;
    Ok(statement.query_row(params![store, key, now], entry_of).optional()?)
}

fn entry_of(row: &Row<'_>) -> rusqlite::Result<StoreEntry> {
    Ok(StoreEntry { store: row.get(0)?, key: row.get(1)?, json: row.get(2)?, expiry: row.get(3)? })
}

/// Copies a database into a file that is not there yet, and that only its owner can read; gives the bytes of the copy.
///
/// Guarantee: one moment's, and on disk when this returns; or there is no file.
pub(super) fn copy(connection: &Connection, to: &Path) -> Result<u64, StoreError> {
    let failed = |reason| StoreError::Copy { file: to.to_owned(), reason };
    folder::private().create_new(true).open(to).map_err(failed)?;
    let copied = connection
        .execute("VACUUM INTO ?1", [to.to_string_lossy()])
        .map_err(|error| StoreError::from(error).in_file(to));
    let synced = copied.and_then(|_| {
        let file = File::open(to).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        Ok(file.metadata().map_err(failed)?.len())
    });
    if synced.is_err() {
        // A part of a copy is no copy; what went wrong is told.
        let _ = fs::remove_file(to);
    }
    synced
}
