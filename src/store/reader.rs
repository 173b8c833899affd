//! The journal as people read it, from outside the process that writes it. Nothing is decided here.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::clock::Timestamp;

use super::error::StoreError;
use super::folder::OpenMode;
use super::held::{Held, Kept};
use super::ids::{EventId, RunId};
use super::record::{BundleHash, Handling, Lineup, RunRecord};
use super::values::{self, StoreEntry, StoreSummary};
use super::{folder, held, log, rows, writer};

/// The journal of a data folder, read from outside the process that writes it.
#[derive(Debug)]
pub struct JournalReader {
    connection: Connection,
    file: PathBuf,
}

impl JournalReader {
    /// Opens the database of a data folder for reading, also while a process writes it, or where nothing can be written.
    ///
    /// # Errors
    /// When there is none, or it was made by an older or a newer version.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let connection = folder::existing_database(folder, OpenMode::Read)?;
        Ok(Self { connection, file: folder::database_file(folder) })
    }

    /// Asks the next process for a run to be killed, which then does not rebuild it.
    ///
    /// # Errors
    /// When the database of the data folder cannot be written, and as [`open`](Self::open).
    pub fn kill(folder: &Path, run: RunId) -> Result<(), StoreError> {
        let connection = folder::existing_database(folder, OpenMode::Write)?;
        rows::ask_to_kill(&connection, run).map_err(|error| error.in_file(&folder::database_file(folder)))
    }

    /// Reads something; one transaction sees one moment.
    fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let read = || read(&*self.connection.unchecked_transaction()?);
        read().map_err(|error| error.in_file(&self.file))
    }

    /// Checks the database from end to end, beside whoever writes it.
    ///
    /// # Errors
    /// With what SQLite found, when it is damaged.
    pub fn check(&self) -> Result<(), StoreError> {
        self.read(check)
    }

    /// The latest events with their runs, the newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn events(&self, most: u32) -> Result<Vec<Handling>, StoreError> {
        // What settles meanwhile would be seen twice, or not at all, were it not one moment.
        self.read(|moment| {
            let mut handlings = log::latest(moment, most)?;
            let settled = rows::events(moment, "ORDER BY id DESC LIMIT ?1", [most])?;
            let ids: std::collections::HashSet<_> = settled.iter().map(|event| event.id).collect();
            handlings.retain(|handling| !ids.contains(&handling.event.id));
            for event in settled {
                let runs = rows::runs(moment, "WHERE event = ?1 ORDER BY id", [event.id])?;
                handlings.push(Handling { event, runs });
            }
            handlings.sort_by_key(|handling| std::cmp::Reverse(handling.event.id));
            handlings.truncate(most as usize);
            Ok(handlings)
        })
    }

    /// An event with its runs.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn event(&self, id: EventId) -> Result<Option<Handling>, StoreError> {
        self.read(|moment| match rows::handling(moment, id)? {
            Some(handling) => Ok(Some(handling)),
            None => log::handling(moment, id),
        })
    }

    /// The runs that go on, the longest-running first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn open_runs(&self) -> Result<Vec<RunRecord>, StoreError> {
        self.read(|moment| {
            let mut runs: Vec<_> = log::open(moment)?.into_iter().flat_map(|handling| handling.runs).collect();
            runs.retain(|run| run.standing.ended.is_none());
            runs.extend(rows::runs(moment, "WHERE ended IS NULL", [])?);
            runs.sort_by_key(|run| run.run.id);
            Ok(runs)
        })
    }

    /// A run.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn run(&self, id: RunId) -> Result<Option<RunRecord>, StoreError> {
        self.read(|moment| match rows::runs(moment, "WHERE id = ?1", [id])?.pop() {
            Some(run) => Ok(Some(run)),
            None => log::run(moment, id),
        })
    }

    /// The certificate that an account got at its last login to a gateway.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn certificate(&self, gateway: &str, account: &str) -> Result<Option<String>, StoreError> {
        self.read(|moment| writer::certificate(moment, gateway, account))
    }

    /// Every store of the scripts that has a value at a time.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn stores(&self, now: Timestamp) -> Result<Vec<StoreSummary>, StoreError> {
        self.read(|moment| values::stores(moment, now))
    }

    /// The values that a store has at a time, by their keys.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn entries(&self, store: &str, now: Timestamp) -> Result<Vec<StoreEntry>, StoreError> {
        self.read(|moment| values::entries(moment, store, now))
    }

    /// A value that a store has at a time.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn entry(&self, store: &str, key: &str, now: Timestamp) -> Result<Option<StoreEntry>, StoreError> {
        self.read(|moment| values::entry(moment, store, key, now))
    }

    /// Copies everything into a file that is not there yet, beside whoever writes it, and gives the bytes of the copy. Only its
    /// owner can read the copy.
    ///
    /// Guarantee: one moment's, on disk when this returns; or there is no file.
    ///
    /// # Errors
    /// When the file is there, or cannot be written, or the database cannot be read.
    pub fn copy(&self, to: &Path) -> Result<u64, StoreError> {
        values::copy(&self.connection, to)
    }

    /// The sources of a hash, as JSON text.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn sources(&self, hash: &BundleHash) -> Result<Option<String>, StoreError> {
        self.read(|moment| rows::bundle(moment, hash))
    }

    /// The scripts that are held, by their names.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn held(&self) -> Result<Vec<Held>, StoreError> {
        self.read(held::all)
    }

    /// What is kept of scripts that runs, timers or a state of theirs could go on with, by session, as far as it has settled.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn kept(&self) -> Result<Vec<Kept>, StoreError> {
        self.read(held::kept)
    }

    /// The timers that handlers have asked for, each with its script and as [`TimerRow::timer`](crate::store::TimerRow::timer) has it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn timers(&self) -> Result<Vec<(String, String)>, StoreError> {
        self.read(rows::timers)
    }

    /// The scripts that there were at a time, as far as that is known.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn lineup(&self, at: Timestamp) -> Result<Option<Lineup>, StoreError> {
        self.read(|moment| rows::lineup(moment, at))
    }

    /// The scripts that a session runs; `None` means all.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn scripts_of(&self, session: &str) -> Result<Option<Vec<String>>, StoreError> {
        self.read(|moment| rows::scripts_of(moment, session))
    }
}

/// Checks a database from end to end.
pub(super) fn check(connection: &Connection) -> Result<(), StoreError> {
    let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if found == "ok" { Ok(()) } else { Err(StoreError::Unreadable(found)) }
}
