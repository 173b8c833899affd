//! `hotline trace EVENT`: why an event was handled as it was, as a timeline with the lines of the scripts.

use anyhow::anyhow;

use super::exit::Exit;
use super::{journal, output, record};
use crate::clock::Timestamp;
use crate::script::Bundle;
use crate::store::{Entry, EventRow, JournalReader, Outcome, RunRow};

/// How much of a call's arguments, and of what came of it, is shown.
const EXCERPT: usize = 100;

/// The arguments of `trace`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The event's id, as the log and `hotline journal` show it
    event: i64,

    #[command(flatten)]
    record: record::Flags,
}

/// A run with everything that it observed.
struct Traced {
    run: RunRow,
    entries: Vec<Entry>,
    /// The sources that it ran, where they are still kept.
    sources: Option<Bundle>,
}

impl Args {
    pub(super) fn run(self) -> Result<(), Exit> {
        let journal = self.record.open()?;
        let Some(event) = journal.event(self.event)? else {
            return Err(Exit::Failed(anyhow!(
                "there is no event {}; `hotline journal` lists the latest ones",
                self.event
            )));
        };
        let asked_by = journal.asked_by(&event)?;
        let runs = journal.runs_of(event.id)?.into_iter().map(|run| traced(&journal, run));
        let runs = runs.collect::<Result<Vec<_>, Exit>>()?;
        if self.record.json {
            output::line(&format!("{:#}", json(&event, &runs, asked_by.as_ref())))?;
        } else {
            output::write(&timeline(&event, &runs, asked_by.as_ref()))?;
        }
        Ok(())
    }
}

fn traced(journal: &JournalReader, run: RunRow) -> Result<Traced, Exit> {
    let entries = journal.entries(run.id)?;
    let sources = journal.sources(&run)?.and_then(|text| serde_json::from_str(&text).ok());
    Ok(Traced { run, entries, sources })
}

impl Traced {
    /// The line of source that a place such as `order.rhai:7` means.
    fn line(&self, place: &str) -> Option<&str> {
        let (file, line) = place.rsplit_once(':')?;
        let line: usize = line.parse().ok()?;
        self.sources.as_ref()?.source(file)?.text.lines().nth(line.checked_sub(1)?)
    }
}

fn json(event: &EventRow, runs: &[Traced], asked_by: Option<&RunRow>) -> serde_json::Value {
    let runs: Vec<_> = runs
        .iter()
        .map(|traced| {
            let calls: Vec<_> = traced
                .entries
                .iter()
                .map(|entry| {
                    let mut call = serde_json::json!(entry);
                    call["source"] = serde_json::json!(traced.line(&entry.place));
                    call
                })
                .collect();
            let mut run = serde_json::json!(traced.run);
            run["calls"] = calls.into();
            run
        })
        .collect();
    let mut value = serde_json::json!(event);
    value["runs"] = runs.into();
    value["answered"] = serde_json::json!(asked_by.map(|run| run.id));
    value
}

fn timeline(event: &EventRow, runs: &[Traced], asked_by: Option<&RunRow>) -> String {
    let rows: Vec<_> = runs.iter().map(|traced| traced.run.clone()).collect();
    let mut text = format!(
        "event {}  {}  {}  session {}\n  {}\n  {}\n",
        event.id,
        record::time(event.at),
        event.subcommand,
        event.session,
        record::short(&event.content, 4 * EXCERPT),
        journal::outcome(event, &rows, asked_by),
    );
    if let Some(run) = asked_by {
        text += &format!(
            "\nit was taken as the answer that run {} of {} waited for: hotline trace {}\n",
            run.id, run.script, run.event
        );
    }
    for traced in runs {
        text += &timeline_of(event.at, traced);
    }
    text
}

fn timeline_of(begin: Timestamp, traced: &Traced) -> String {
    let run = &traced.run;
    let mut text = format!(
        "\nrun {}  {}.{}  generation {}\n{:>10}  it starts\n",
        run.id,
        run.script,
        run.function,
        run.generation,
        offset(begin, run.started)
    );
    let mut place = "";
    let show_place = |text: &mut String, of: &str| {
        if !of.is_empty() {
            let line = traced.line(of).unwrap_or_default().trim();
            *text += &format!("{:>10}  {of}  {line}\n", "");
        }
    };
    for entry in &traced.entries {
        if entry.place != place {
            place = &entry.place;
            show_place(&mut text, place);
        }
        let called = record::short(format!("{} {}", entry.name, entry.detail).trim_end(), EXCERPT);
        let took = duration(entry.took);
        text += &format!("{:>10}    {called} → {}{took}\n", offset(begin, entry.at), came(&entry.outcome));
    }
    match (&run.waiting, run.ended) {
        (_, Some(ended)) => text += &format!("{:>10}  it ends: {}\n", offset(begin, ended), record::standing(run)),
        (Some(waiting), None) => {
            if waiting.place != place {
                show_place(&mut text, &waiting.place);
            }
            text += &format!("{:>10}    it {}\n", offset(begin, waiting.since), record::standing(run));
        }
        (None, None) => {}
    }
    text
}

/// How long after the event something was.
fn offset(begin: Timestamp, at: Timestamp) -> String {
    match at.saturating_sub(begin) {
        millis @ ..10_000 => format!("+{millis} ms"),
        millis @ 10_000..600_000 => format!("+{} s", millis / 1_000),
        millis => format!("+{} min", millis / 60_000),
    }
}

/// How long a call took, where that is worth a word.
fn duration(micros: u64) -> String {
    match micros {
        ..1_000 => String::new(),
        1_000..10_000_000 => format!("  ({} ms)", micros / 1_000),
        _ => format!("  ({} s)", micros / 1_000_000),
    }
}

/// What came of a call, in a few words.
fn came(outcome: &Outcome) -> String {
    let text = match outcome {
        Outcome::Pending => "nothing is known of what came of it".to_owned(),
        Outcome::Value(text) if text == "null" => "()".to_owned(),
        Outcome::Value(text) | Outcome::Content(text) => text.clone(),
        Outcome::Message(content) => {
            let message = crate::protocol::Message::read(content);
            let text = message.and_then(|message| message.text);
            text.map_or_else(|| content.clone(), |text| format!("a message: {text}"))
        }
        Outcome::Session(name) => format!("session {name}"),
        Outcome::Sessions(names) => format!("sessions {}", names.join(", ")),
        Outcome::Thrown(text) => format!("threw {text}"),
    };
    record::short(&text, EXCERPT)
}
