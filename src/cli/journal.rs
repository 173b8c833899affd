//! `hotline journal`: the latest events and what became of them. How one was handled in detail, `hotline trace` tells.

use super::exit::Exit;
use super::{output, record};
use crate::store::{EventRow, JournalReader, RunRow};

/// How much of an event's content is shown.
const EXCERPT: usize = 60;

/// The arguments of `journal`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How many events, the latest ones
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    last: u32,

    #[command(flatten)]
    record: record::Flags,
}

impl Args {
    pub(super) fn run(self) -> Result<(), Exit> {
        let journal = self.record.open()?;
        let mut events = journal.events(self.last)?;
        events.reverse();
        if self.record.json {
            let listed = events.iter().map(|event| json(&journal, event)).collect::<Result<Vec<_>, Exit>>()?;
            output::line(&format!("{:#}", serde_json::json!(listed)))?;
            return Ok(());
        }
        if events.is_empty() {
            eprintln!("hotline: no event is recorded");
            return Ok(());
        }
        let rows = events.iter().map(|event| row(&journal, event)).collect::<Result<Vec<_>, Exit>>()?;
        output::write(&record::table(["event", "time", "session", "what", "content", "outcome"], &rows))?;
        Ok(())
    }
}

fn json(journal: &JournalReader, event: &EventRow) -> Result<serde_json::Value, Exit> {
    let mut value = serde_json::json!(event);
    value["runs"] = serde_json::json!(journal.runs_of(event.id)?);
    value["answered"] = serde_json::json!(journal.asked_by(event)?.map(|run| run.id));
    Ok(value)
}

fn row(journal: &JournalReader, event: &EventRow) -> Result<[String; 6], Exit> {
    Ok([
        event.id.to_string(),
        record::time(event.at),
        event.session.clone(),
        event.subcommand.clone(),
        record::short(&excerpt(event), EXCERPT),
        outcome(event, &journal.runs_of(event.id)?, journal.asked_by(event)?.as_ref()),
    ])
}

/// What a person recognises an event by: a message's text, else its content.
fn excerpt(event: &EventRow) -> String {
    match event.subcommand.as_str() {
        "RECEIVE_MESSAGE" | "SEND_MESSAGE" => {
            crate::protocol::Message::read(&event.content).and_then(|message| message.text)
        }
        _ => None,
    }
    .unwrap_or_else(|| event.content.clone())
}

/// What became of an event, in a few words.
pub(super) fn outcome(event: &EventRow, runs: &[RunRow], asked_by: Option<&RunRow>) -> String {
    let mut parts: Vec<_> = asked_by.map(|run| format!("answers run {}", run.id)).into_iter().collect();
    parts.extend(runs.iter().map(|run| format!("{}.{}: {}", run.script, run.function, record::standing(run))));
    if !event.done {
        parts.push("not seen through yet".to_owned());
    } else if parts.is_empty() {
        parts.push("no script has a hook for it".to_owned());
    }
    parts.join("; ")
}
