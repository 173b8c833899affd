//! The lines of scripts that tests ran and that they missed: as a table, as JSON, as LCOV. How they are counted is in the runtime.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};

use crate::runtime::Coverage;

/// The lines of all scripts that the tests were about, and of their modules.
#[derive(Clone, Debug, Default)]
pub struct LineReport {
    /// The files, in the order of their names.
    pub files: Vec<LinesOfFile>,
}

/// The lines of a file.
#[derive(Clone, Debug)]
pub struct LinesOfFile {
    /// Its path.
    pub file: String,
    /// How often each line was run on which something begins that can be run, from 1.
    pub lines: BTreeMap<usize, u64>,
}

impl LineReport {
    /// What was counted so far.
    pub(super) fn of(coverage: &Coverage) -> Self {
        let counted = coverage.files().filter(|(_, lines)| !lines.is_empty());
        Self { files: counted.map(|(file, lines)| LinesOfFile { file: file.to_owned(), lines }).collect() }
    }

    /// A line for each file, with the lines that were missed, and one for all.
    pub fn table(&self) -> String {
        let (run, all) = self.files.iter().fold((0, 0), |(run, all), it| (run + it.run(), all + it.lines.len()));
        let mut rows = vec![["lines run".to_owned(), String::new(), String::new(), "missed".to_owned()]];
        rows.extend(self.files.iter().map(|it| {
            [it.file.clone(), share(it.run(), it.lines.len()), percent(it.run(), it.lines.len()), it.missed()]
        }));
        rows.push(["all".to_owned(), share(run, all), percent(run, all), String::new()]);
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let (first, second, third) = (width(0), width(1), width(2));
        let mut table = String::new();
        for [name, share, percent, missed] in &rows {
            let line = format!("{name:<first$}  {share:>second$}  {percent:>third$}  {missed}");
            let _ = writeln!(table, "{}", line.trim_end());
        }
        table
    }

    /// The report as JSON.
    pub fn to_json(&self) -> Value {
        let file = |it: &LinesOfFile| {
            let missed = it.lines.iter().filter(|(_, count)| **count == 0).map(|(line, _)| *line).collect::<Vec<_>>();
            json!({ "file": it.file, "lines": it.lines.len(), "run": it.run(), "missed": missed })
        };
        self.files.iter().map(file).collect()
    }

    /// The report in the format of LCOV, which editors and continuous integration read.
    pub fn to_lcov(&self) -> String {
        let mut text = String::new();
        for it in &self.files {
            let _ = writeln!(text, "TN:\nSF:{}", it.file);
            for (line, count) in &it.lines {
                let _ = writeln!(text, "DA:{line},{count}");
            }
            let _ = writeln!(text, "LF:{}\nLH:{}\nend_of_record", it.lines.len(), it.run());
        }
        text
    }
}

impl LinesOfFile {
    /// How many of its lines were run.
    fn run(&self) -> usize {
        self.lines.values().filter(|count| **count > 0).count()
    }

    /// The lines that were not run, as in `3, 7-9`: from one such line to the next one, where nothing between them was run.
    fn missed(&self) -> String {
        let mut ranges: Vec<(usize, usize)> = Vec::new();
        let mut goes_on = false;
        for (line, count) in &self.lines {
            match ranges.last_mut() {
                Some((_, last)) if goes_on && *count == 0 => *last = *line,
                _ if *count == 0 => ranges.push((*line, *line)),
                _ => {}
            }
            goes_on = *count == 0;
        }
        let range = |(first, last): (usize, usize)| match first == last {
            true => first.to_string(),
            false => format!("{first}-{last}"),
        };
        ranges.into_iter().map(range).collect::<Vec<_>>().join(", ")
    }
}

fn share(run: usize, all: usize) -> String {
    format!("{run} of {all}")
}

/// Rounded down, so that nothing but all is 100 %.
fn percent(run: usize, all: usize) -> String {
    format!("{} %", (run * 100).checked_div(all).unwrap_or(100))
}
