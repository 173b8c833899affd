//! The journal as people read it, from outside the process that writes it. Nothing is decided here.

use std::path::Path;

use rusqlite::Connection;

use super::error::StoreError;
use super::record::{BundleHash, Handling, RunRecord};
use super::{folder, log, rows, writer};

/// The journal of a data folder, read from outside the process that writes it.
#[derive(Debug)]
pub struct JournalReader(Connection);

impl JournalReader {
    /// Opens the database of a data folder for reading, also while a process writes it.
    ///
    /// # Errors
    /// When there is none, or it was made by a newer version.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        Ok(Self(folder::existing_database(folder)?))
    }

    /// The latest events with their runs, the newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn events(&self, most: u32) -> Result<Vec<Handling>, StoreError> {
        // One transaction sees one moment: what settles meanwhile would be seen twice, or not at all.
        let moment = self.0.unchecked_transaction()?;
        let mut handlings = log::latest(&moment, most)?;
        let settled = rows::events(&moment, "ORDER BY id DESC LIMIT ?1", [most])?;
        let ids: std::collections::HashSet<_> = settled.iter().map(|event| event.id).collect();
        handlings.retain(|handling| !ids.contains(&handling.event.id));
        for event in settled {
            let runs = rows::runs(&moment, "WHERE event = ?1 ORDER BY id", [event.id])?;
            handlings.push(Handling { event, runs });
        }
        handlings.sort_by_key(|handling| std::cmp::Reverse(handling.event.id));
        handlings.truncate(most as usize);
        Ok(handlings)
    }

    /// An event with its runs.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn event(&self, id: i64) -> Result<Option<Handling>, StoreError> {
        let moment = self.0.unchecked_transaction()?;
        match rows::handling(&moment, id)? {
            Some(handling) => Ok(Some(handling)),
            None => log::handling(&moment, id),
        }
    }

    /// The runs that go on, the longest-running first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn open_runs(&self) -> Result<Vec<RunRecord>, StoreError> {
        let moment = self.0.unchecked_transaction()?;
        let mut runs: Vec<_> = log::open(&moment)?.into_iter().flat_map(|handling| handling.runs).collect();
        runs.retain(|run| run.standing.ended.is_none());
        runs.extend(rows::runs(&moment, "WHERE ended IS NULL", [])?);
        runs.sort_by_key(|run| run.run.id);
        Ok(runs)
    }

    /// A run.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn run(&self, id: i64) -> Result<Option<RunRecord>, StoreError> {
        let moment = self.0.unchecked_transaction()?;
        match rows::runs(&moment, "WHERE id = ?1", [id])?.pop() {
            Some(run) => Ok(Some(run)),
            None => log::run(&moment, id),
        }
    }

    /// The certificate that an account got at its last login to a gateway.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn certificate(&self, gateway: &str, account: &str) -> Result<Option<String>, StoreError> {
        writer::certificate(&self.0, gateway, account)
    }

    /// The sources of a hash, as JSON text.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn sources(&self, hash: &BundleHash) -> Result<Option<String>, StoreError> {
        rows::bundle(&self.0, hash)
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
