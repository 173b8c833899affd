//! The schema's versions and the steps between them. What the tables hold at run time is the writer's business.

use std::cmp::Ordering;
use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::error::StoreError;

/// The step to each version from the one before; the first makes version 1. A step that has shipped is never changed.
const STEPS: &[&str] = &[
    "
    CREATE TABLE certificate (
        gateway TEXT NOT NULL,
        account TEXT NOT NULL,
        certificate TEXT NOT NULL,
        PRIMARY KEY (gateway, account)
    ) WITHOUT ROWID;
    CREATE TABLE script_store (
        script TEXT NOT NULL,
        key TEXT NOT NULL,
        json TEXT NOT NULL,
        expiry INTEGER,
        PRIMARY KEY (script, key)
    ) WITHOUT ROWID;
",
    super::rows::SCHEMA,
    super::rows::SCHEMA_2,
    super::log::SCHEMA,
    super::rows::SCHEMA_5,
    super::messages::SCHEMA,
    super::held::SCHEMA,
    super::messages::SCHEMA_8,
    // What nobody outside can guess, such as the keys of what is sent.
    "
    CREATE TABLE secret (value BLOB NOT NULL);
    INSERT INTO secret VALUES (randomblob(32));
",
];

/// Brings a database to the latest version, each step whole or not at all.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    migrate_by(connection, STEPS)
}

/// Checks that a database has the latest version, without changing it.
pub(super) fn check(connection: &Connection, file: &Path) -> Result<(), StoreError> {
    let version = connection.pragma_query_value(None, "user_version", |row| row.get(0));
    let found: i64 = version.map_err(|error| StoreError::from(error).in_file(file))?;
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    match found.cmp(&known) {
        Ordering::Less if found == 0 => Err(StoreError::Empty(file.to_owned())),
        Ordering::Less => Err(StoreError::Older { file: file.to_owned(), found, known }),
        Ordering::Equal => Ok(()),
        Ordering::Greater => Err(StoreError::Newer { file: file.to_owned(), found, known }),
    }
}

fn migrate_by(connection: &mut Connection, steps: &[&str]) -> Result<(), StoreError> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = i64::try_from(steps.len()).unwrap_or(i64::MAX);
    if found > known {
        let file = connection.path().map(Into::into).unwrap_or_default();
        return Err(StoreError::Newer { file, found, known });
    }
    for (version, step) in (1_i64..).zip(steps).skip(usize::try_from(found).unwrap_or(0)) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_is_taken_once_and_a_failing_one_not_at_all() {
        let mut connection = Connection::open_in_memory().expect("sqlite");
        let first = "CREATE TABLE a (x)";
        migrate_by(&mut connection, &[first]).expect("the first step");
        let broken = [first, "ALTER TABLE a ADD COLUMN y; SELECT nonsense FROM nowhere"];
        assert!(migrate_by(&mut connection, &broken).is_err());
        migrate_by(&mut connection, &[first, "ALTER TABLE a ADD COLUMN y"]).expect("the second step");
        connection.execute("INSERT INTO a (x, y) VALUES (1, 2)", []).expect("both columns");
    }

    #[test]
    fn a_newer_schema_is_left_alone() {
        let mut connection = Connection::open_in_memory().expect("sqlite");
        connection.pragma_update(None, "user_version", 99).expect("a pragma");
        let error = migrate(&mut connection).expect_err("it is newer");
        assert!(error.to_string().contains("schema version 99"), "{error}");
    }
}
