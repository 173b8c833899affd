//! `hotline journal`: the latest events and what became of them. How one was handled in detail, `hotline trace` tells.

use super::exit::Exit;
use super::{output, record};
use crate::store::{EventRow, Handling, RunRecord};

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
            output::line(&format!("{:#}", serde_json::json!(events)))?;
            return Ok(());
        }
        if events.is_empty() {
            output::note("no event is recorded");
            return Ok(());
        }
        let rows: Vec<_> = events.iter().map(row).collect();
        output::write(&record::table(["event", "time", "session", "what", "content", "outcome"], &rows))?;
        Ok(())
    }
}

fn row(handling: &Handling) -> [String; 6] {
    let event = &handling.event;
    [
        event.id.to_string(),
        record::time(event.at),
        event.session.to_string(),
        event.subcommand.clone(),
        record::short(&excerpt(event), EXCERPT),
        outcome(handling),
    ]
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
pub(super) fn outcome(Handling { event, runs }: &Handling) -> String {
    let mut parts: Vec<_> = event.answered.map(|run| format!("answers run {run}")).into_iter().collect();
    let standing =
        |run: &RunRecord| format!("{}.{}: {}", run.run.script, run.run.function, record::standing(&run.standing));
    parts.extend(runs.iter().map(standing));
    if !event.done {
        parts.push("not seen through yet".to_owned());
    } else if parts.is_empty() {
        parts.push("no script has a hook for it".to_owned());
    }
    parts.join("; ")
}
