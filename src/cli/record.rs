//! Where the record of a bot lies, and how its rows are written for people. What the rows mean, the journal knows.

use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::{Local, TimeZone};
use unicode_width::UnicodeWidthStr;

use super::account::DEFAULT_CONFIG;
use super::exit::Exit;
use super::output::plain;
use crate::clock::Timestamp;
use crate::host::config::Config;
use crate::store::{JournalReader, Standing};

/// The folder where everything durable lies when nothing else is said.
const DEFAULT_DATA: &str = "data";

/// Where the record lies.
#[derive(Debug, clap::Args)]
pub(super) struct Flags {
    /// The configuration [default: hotline.toml where it exists]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Where everything durable lives [default: data]
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl Flags {
    /// Opens the record, whether a bot is running or not.
    pub(super) fn open(&self) -> Result<JournalReader, Exit> {
        let journal = JournalReader::open(&self.folder()?);
        Ok(journal.context("the record cannot be read; --data FOLDER or --config FILE says where it lies")?)
    }

    /// Asks for a run to be killed.
    pub(super) fn kill(&self, run: i64) -> Result<(), Exit> {
        let asked = JournalReader::kill(&self.folder()?, run);
        Ok(asked.with_context(|| format!("run {run} cannot be killed"))?)
    }

    fn folder(&self) -> Result<PathBuf, Exit> {
        if let Some(folder) = &self.data {
            return Ok(folder.clone());
        }
        let path = self.config.as_deref().unwrap_or(Path::new(DEFAULT_CONFIG));
        if self.config.is_none() && !path.exists() {
            return Ok(PathBuf::from(DEFAULT_DATA));
        }
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("the configuration {} cannot be read", path.display()))
            .map_err(Exit::Usage)?;
        // Secrets may be set for the bot alone, and are not needed to read its record.
        let env = |name: &str| Some(std::env::var(name).unwrap_or_else(|_| format!("the value of {name}")));
        Ok(Config::parse(&text, path, env).map_err(Exit::usage)?.data)
    }
}

/// A time of day as people write it, in local time.
pub(super) fn time(at: Timestamp) -> String {
    match Local.timestamp_millis_opt(at).single() {
        Some(time) => time.format("%Y-%m-%d %H:%M:%S%.3f").to_string(),
        None => at.to_string(),
    }
}

/// What a run is doing, or how it ended.
pub(super) fn standing(standing: &Standing) -> String {
    match (&standing.waiting, standing.ended) {
        (_, Some(_)) => match &standing.fault {
            Some(fault) => format!("{}: {}", standing.outcome, plain(fault.lines().next().unwrap_or_default())),
            None => standing.outcome.clone(),
        },
        (Some(waiting), None) => {
            let until = waiting.deadline.map(|deadline| format!(", until {}", time(deadline))).unwrap_or_default();
            format!("waits in {}{until}", waiting.call)
        }
        (None, None) => "goes on".to_owned(),
    }
}

/// At most so many characters of a text, on one line.
pub(super) fn short(text: &str, most: usize) -> String {
    let mut line: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    if let Some((end, _)) = line.char_indices().nth(most) {
        line.truncate(end);
        line.push('…');
    }
    line
}

/// Rows below a heading, each column as wide as it needs to be.
pub(super) fn table<const COLUMNS: usize>(heading: [&str; COLUMNS], rows: &[[String; COLUMNS]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].width());
        cells.chain([heading[column].width()]).max().unwrap_or_default()
    };
    let widths: [usize; COLUMNS] = std::array::from_fn(width);
    let line = |cells: [&str; COLUMNS]| {
        let padded =
            cells.iter().zip(widths).map(|(cell, width)| format!("{cell}{}", " ".repeat(width - cell.width())));
        format!("{}\n", padded.collect::<Vec<_>>().join("  ").trim_end())
    };
    let body = rows.iter().map(|row| line(std::array::from_fn(|column| row[column].as_str())));
    std::iter::once(line(heading)).chain(body).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_as_wide_as_its_cells() {
        let rows = [["7".to_owned(), "茶 tea".to_owned()], ["12".to_owned(), String::new()]];
        assert_eq!(table(["id", "what"], &rows), "id  what\n7   茶 tea\n12\n");
    }

    #[test]
    fn a_long_text_is_cut_and_stays_on_its_line() {
        assert_eq!(short("one\ntwo", 20), "one two");
        assert_eq!(short("größer", 3), "grö…");
    }

    #[test]
    fn what_a_script_threw_does_not_steer_the_terminal() {
        let fault = Some("bot.rhai:1: \u{1b}[31mred\u{7}\nmore".to_owned());
        let failed = Standing { ended: Some(0), outcome: "failed".to_owned(), fault, ..Standing::default() };
        assert_eq!(standing(&failed), "failed: bot.rhai:1: \u{fffd}[31mred\u{fffd}");
    }
}
