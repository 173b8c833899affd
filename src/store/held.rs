//! The scripts that are missing, and what is kept of them. When one is forgotten is decided above.

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::error::StoreError;
use super::internal::{InternalKind, LASTING, MARK};
use super::record::RunOutcome;
use crate::clock::Timestamp;

/// The table of the scripts that are held.
pub(super) const SCHEMA: &str = "
    CREATE TABLE held (
        script TEXT PRIMARY KEY,
        file TEXT NOT NULL,
        since INTEGER NOT NULL,
        ran INTEGER NOT NULL
    ) WITHOUT ROWID;
";

/// A script whose file is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its name.
    pub script: String,
    /// Where its file was; empty where that is not known.
    pub file: String,
    /// Since when it is missed.
    pub since: Timestamp,
    /// For how many milliseconds a process ran since then.
    pub ran: Timestamp,
}

/// A script of which a session keeps something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The session.
    pub session: String,
    /// The script.
    pub script: String,
}

/// What the state that a script keeps for a person or a chat is called where scripts are: no script's name has a slash.
pub fn state_of(script: &str, id: &str) -> String {
    format!("{script}/{id}")
}

/// A state, as JSON text.
pub(super) fn state(connection: &Connection, session: &str, name: &str) -> Result<Option<String>, StoreError> {
    let sql = "SELECT state FROM state WHERE session = ?1 AND script = ?2";
    let mut statement = connection.prepare_cached(sql)?;
    Ok(statement.query_row([session, name], |row| row.get(0)).optional()?)
}

/// Forgets what a script keeps for people and chats in a session.
pub(super) fn forget_people(connection: &Connection, session: &str, script: &str) -> rusqlite::Result<()> {
    let sql = "DELETE FROM state WHERE session = ?1 AND substr(script, 1, length(?2) + 1) = ?2 || '/'";
    connection.execute(sql, [session, script])?;
    Ok(())
}

/// The scripts that are held, by their names.
pub(super) fn all(connection: &Connection) -> Result<Vec<Held>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT script, file, since, ran FROM held ORDER BY script")?;
    let held = statement.query_map([], |row| {
        Ok(Held { script: row.get(0)?, file: row.get(1)?, since: row.get(2)?, ran: row.get(3)? })
    })?;
    Ok(held.collect::<Result<_, _>>()?)
}

/// Notes which scripts are held; those that are not named are not.
pub(super) fn replace(connection: &Connection, held: &[Held]) -> Result<(), StoreError> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    transaction.execute("DELETE FROM held", [])?;
    for Held { script, file, since, ran } in held {
        transaction
            .prepare_cached("INSERT INTO held VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![script, file, since, ran])?;
    }
    transaction.commit()?;
    Ok(())
}

/// What runs, timers, calls that were due or a state could go on with.
pub(super) fn kept(connection: &Connection) -> Result<Vec<Kept>, StoreError> {
    let sql = "SELECT session, script FROM run WHERE ended IS NULL AND rebuild = 1
               UNION SELECT session, script FROM timer
               UNION SELECT session, substr(script, 1, instr(script || '/', '/') - 1) FROM state WHERE state <> '{}'
               UNION SELECT session, content ->> 'script' FROM event WHERE done = 0
                     AND subcommand IN (SELECT value FROM json_each(?1)) AND json_valid(content)
                     AND content ->> 'script' IS NOT NULL";
    let mut statement = connection.prepare(sql)?;
    let lasting = serde_json::json!(LASTING.map(InternalKind::subcommand)).to_string();
    let kept = statement.query_map([lasting], |row| Ok(Kept { session: row.get(0)?, script: row.get(1)? }))?;
    Ok(kept.collect::<Result<_, _>>()?)
}

/// Ends what is kept of a script in sessions other than these.
pub(super) fn forget(
    connection: &Connection,
    script: &str,
    sessions: &[String],
    now: Timestamp,
) -> Result<(), StoreError> {
    let sessions = serde_json::json!(sessions).to_string();
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let of_others = "script = ?1 AND session NOT IN (SELECT value FROM json_each(?2))";
    transaction.execute(
        &format!("UPDATE run SET ended = ?3, outcome = ?4 WHERE ended IS NULL AND {of_others}"),
        params![script, sessions, now, RunOutcome::EndedWithScript],
    )?;
    // A timer that was due, or a hook that was to be called: nobody takes it up.
    transaction.execute(
        &format!(
            "UPDATE event SET done = 1 WHERE done = 0 AND subcommand LIKE '{MARK}%' AND json_valid(content)
             AND content ->> 'script' = ?1 AND session NOT IN (SELECT value FROM json_each(?2))"
        ),
        params![script, sessions],
    )?;
    transaction.execute(&format!("DELETE FROM timer WHERE {of_others}"), params![script, sessions])?;
    transaction.execute(&format!("DELETE FROM state WHERE {of_others}"), params![script, sessions])?;
    let of_people = of_others.replacen("script = ?1", "substr(script, 1, length(?1) + 1) = ?1 || '/'", 1);
    transaction.execute(&format!("DELETE FROM state WHERE {of_people}"), params![script, sessions])?;
    transaction.execute("DELETE FROM held WHERE script = ?1", [script])?;
    transaction.commit()?;
    Ok(())
}
