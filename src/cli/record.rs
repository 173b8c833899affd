//! Where the record of a bot lies, and how its rows are written for people. What the rows mean, the journal knows.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::exit::Exit;
use super::{account, output};
use crate::clock::{Clock, Timestamp};
use crate::host::config::Config;
use crate::language::zone::Zone;
use crate::runtime::Limits;
use crate::store::{Held, JournalReader, RunId, Standing};
use crate::visible;

/// Where the record lies.
#[derive(Debug, clap::Args)]
pub(super) struct JournalFlags {
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

impl JournalFlags {
    /// Opens the record, whether a bot is running or not.
    pub(super) fn open(&self) -> Result<JournalReader, Exit> {
        let journal = JournalReader::open(&self.folder()?);
        Ok(journal.context("the record cannot be read; --data FOLDER or --config FILE says where it lies")?)
    }

    /// Asks the next bot for a run to be killed.
    pub(super) fn kill(&self, run: RunId) -> Result<(), Exit> {
        let asked = JournalReader::kill(&self.folder()?, run);
        Ok(asked.with_context(|| format!("run {run} cannot be killed"))?)
    }

    /// The folder where the record lies.
    pub(super) fn folder(&self) -> Result<PathBuf, Exit> {
        match &self.data {
            Some(folder) => Ok(folder.clone()),
            None => Ok(self.configuration()?.data),
        }
    }

    /// What scripts may hold.
    pub(super) fn limits(&self) -> Result<Limits, Exit> {
        Ok(self.configuration()?.limits)
    }

    /// The scripts, and folders of scripts, that the configuration names.
    pub(super) fn scripts(&self) -> Result<Vec<PathBuf>, Exit> {
        Ok(self.configuration()?.scripts)
    }

    /// Where times are written.
    pub(super) fn zone(&self) -> Result<Zone, Exit> {
        Ok(self.configuration()?.zone())
    }

    fn configuration(&self) -> Result<Config, Exit> {
        Ok(account::file(self.config.as_deref())?.unwrap_or_else(|| Config::without_file(Path::new(""))))
    }
}

/// How rows are written.
#[derive(Clone, Copy, Debug)]
pub(super) struct TableStyle<'a> {
    /// Where times are written.
    pub(super) zone: &'a Zone,
    /// How wide a table may be; `None` where nobody looks at it: then nothing in it is cut.
    pub(super) columns: Option<usize>,
}

impl<'a> TableStyle<'a> {
    /// For whoever reads standard output.
    pub(super) fn of_output(zone: &'a Zone) -> Self {
        Self { zone, columns: output::columns() }
    }

    /// With everything.
    pub(super) const fn whole(zone: &'a Zone) -> Self {
        Self { zone, columns: None }
    }

    /// Whether a column of sessions is worth its room: where room is scarce, a session that is the only one is not named.
    pub(super) fn names<'s>(self, mut sessions: impl Iterator<Item = &'s str>) -> bool {
        let first = sessions.next();
        self.columns.is_none() || sessions.any(|session| Some(session) != first)
    }

    /// A time of day as people write it; where there is little room, what a person needs of it.
    pub(super) fn time(self, at: Timestamp) -> String {
        let Some(time) = self.zone.at(at) else { return at.to_string() };
        let format = match self.columns {
            None => "%Y-%m-%d %H:%M:%S.%3f",
            Some(_) if self.zone.at(Clock::system().now()).is_some_and(|now| now.date() == time.date()) => "%H:%M:%S",
            Some(_) => "%m-%d %H:%M",
        };
        time.strftime(format).to_string()
    }

    /// What a run is doing, or how it ended.
    pub(super) fn standing(self, standing: &Standing) -> String {
        let text = match (&standing.waiting, standing.ended) {
            (_, Some(_)) => match &standing.fault {
                Some(fault) => format!("{}: {}", standing.outcome, fault.lines().next().unwrap_or_default()),
                None => standing.outcome.to_string(),
            },
            (Some(waiting), None) => {
                let until = waiting.deadline.map(|deadline| format!(", until {}", self.time(deadline)));
                format!("waits in {}{}", waiting.call, until.unwrap_or_default())
            }
            (None, None) => "goes on".to_owned(),
        };
        visible::line(&text)
    }

    /// Rows below a heading, each column as wide as it needs to be, and the widest ones cut where there is no room.
    pub(super) fn table(self, heading: &[&str], rows: &[Vec<String>]) -> String {
        let heading: Vec<_> = heading.iter().map(|&cell| cell.to_owned()).collect();
        let lines: Vec<Vec<String>> = std::iter::once(&heading)
            .chain(rows)
            .map(|row| row.iter().map(|cell| visible::line(cell)).collect())
            .collect();
        let width = |column: usize| lines.iter().map(|row| visible::width(&row[column])).max().unwrap_or_default();
        let mut widths: Vec<usize> = (0..heading.len()).map(width).collect();
        if self.columns.is_none() {
            // One long cell must not widen all the others: it stands whole, and out of line.
            widths.iter_mut().for_each(|width| *width = (*width).min(WIDEST));
        }
        let gaps = GAP.len() * heading.len().saturating_sub(1);
        while self.columns.is_some_and(|columns| widths.iter().sum::<usize>() + gaps > columns)
            && let Some(widest) = widths.iter_mut().max().filter(|widest| **widest > NARROWEST)
        {
            *widest -= 1;
        }
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).map(|(cell, &width)| {
                let cell = if self.columns.is_some() { visible::cut(cell, width) } else { cell.clone() };
                let padding = " ".repeat(width.saturating_sub(visible::width(&cell)));
                format!("{cell}{padding}")
            });
            format!("{}\n", cells.collect::<Vec<_>>().join(GAP).trim_end())
        };
        lines.iter().map(line).collect()
    }
}

/// What stands between two columns.
const GAP: &str = "  ";

/// How wide a column may become where nothing is cut.
const WIDEST: usize = 100;

/// How narrow a column may become.
const NARROWEST: usize = 8;

/// What becomes of a script that is missing, and how to end it.
pub(super) fn missing(held: &Held, zone: &Zone) -> String {
    let Held { script, file, since, .. } = held;
    let file = if file.is_empty() { "its file" } else { file };
    format!(
        "{script} is held: {file} is missing since {}; `hotline forget {script}` ends what it was at",
        TableStyle::whole(zone).time(*since)
    )
}

/// At most so many columns of a text, on one line.
pub(super) fn short(text: &str, most: usize) -> String {
    visible::cut(&visible::line(text), most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::RunOutcome;

    fn row(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|&cell| cell.to_owned()).collect()
    }

    #[test]
    fn a_time_is_that_of_the_zone() {
        let zone = "Asia/Tokyo".parse().expect("a zone");
        assert_eq!(TableStyle::whole(&zone).time(1_767_603_600_789), "2026-01-05 18:00:00.789");
        assert_eq!(TableStyle { zone: &zone, columns: Some(80) }.time(1_767_603_600_789), "01-05 18:00");
    }

    #[test]
    fn a_long_cell_is_whole_where_nobody_looks_and_widens_no_other() {
        let long = "k".repeat(100_000);
        let rows = [row(&[&long, "1", "x"]), row(&["a", "2", ""])];
        let table = TableStyle::whole(&Zone::default()).table(&["key", "value", "until"], &rows);
        assert!(table.contains(&format!("\n{long}  1      x\na")));
        assert_eq!(table.lines().last().map(str::len), Some(WIDEST + GAP.len() + 1));
    }

    #[test]
    fn a_table_is_as_wide_as_its_cells() {
        let rows = [row(&["7", "茶 tea"]), row(&["12", ""])];
        assert_eq!(TableStyle::whole(&Zone::default()).table(&["id", "what"], &rows), "id  what\n7   茶 tea\n12\n");
    }

    #[test]
    fn a_table_keeps_to_its_room_and_cuts_what_is_widest() {
        let long = "日本語 ".repeat(30);
        let rows = [row(&["1", "12:00:00", "RECEIVE_MESSAGE", &long, "on_message: handled"])];
        let table = TableStyle { zone: &Zone::default(), columns: Some(80) }
            .table(&["event", "time", "what", "content", "outcome"], &rows);
        assert!(table.lines().all(|line| visible::width(line) <= 80), "{table}");
        assert!(table.contains("RECEIVE_MESSAGE") && table.contains("on_message: handled"), "{table}");
        assert!(table.contains("日本語 日本語") && table.contains('…'), "{table}");
        let table = TableStyle { zone: &Zone::default(), columns: Some(10) }
            .table(&["event", "time", "what", "content", "outcome"], &rows);
        assert!(table.contains("12:00:00"), "{table}");
    }

    #[test]
    fn no_cell_of_a_table_steers_the_terminal_or_leaves_its_line() {
        let rows = [row(&["a\u{1b}[2J\u{9b}", "b\n7  forged\u{2028}x", "c\u{202e}d\u{200b}e"])];
        let table = TableStyle::whole(&Zone::default()).table(&["x", "y", "z"], &rows);
        assert_eq!(table.lines().count(), 2);
        assert!(table.chars().all(|letter| letter == '\n' || !visible::steers(letter)), "{table:?}");
    }

    #[test]
    fn a_long_text_is_cut_and_stays_on_its_line() {
        assert_eq!(short("one\ntwo", 20), "one two");
        assert_eq!(short("größer", 4), "grö…");
    }

    #[test]
    fn what_a_script_threw_does_not_steer_the_terminal() {
        let fault = Some("bot.rhai:1: \u{1b}[31mred\u{7}\nmore".to_owned());
        let failed = Standing { ended: Some(0), outcome: RunOutcome::Failed, fault, ..Standing::default() };
        assert_eq!(
            TableStyle::whole(&Zone::default()).standing(&failed),
            "failed: bot.rhai:1: \u{fffd}[31mred\u{fffd}"
        );
    }
}
