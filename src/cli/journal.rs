//! `hotline journal`: the latest events and what became of them. How one was handled in detail, `hotline trace` tells.

use super::exit::Exit;
use super::{output, record};
use crate::protocol::{EventSpec, Hook, Message};
use crate::store::{EventRow, Handling, RunRecord};

/// How much of an event's content is shown on a terminal, in columns.
const EXCERPT: usize = 60;

/// The arguments of `journal`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The table is as wide as the terminal. Elsewhere, as in a pipe, each event is whole on its line."
)]
pub(super) struct JournalArgs {
    /// How many events, the latest ones
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    last: u32,

    #[command(flatten)]
    record: record::JournalFlags,
}

impl JournalArgs {
    pub(super) fn run(self) -> Result<(), Exit> {
        let journal = self.record.open()?;
        let mut events = journal.events(self.last)?;
        events.reverse();
        if self.record.json {
            output::json(&events)?;
            return Ok(());
        }
        if events.is_empty() {
            output::note("no event is recorded");
            return Ok(());
        }
        let zone = self.record.zone()?;
        output::write(&table(&events, record::TableStyle::of_output(&zone)))?;
        Ok(())
    }
}

fn table(events: &[Handling], look: record::TableStyle<'_>) -> String {
    let has_session = look.names(events.iter().map(|handling| &*handling.event.session));
    let row = |handling: &Handling| {
        let event = &handling.event;
        let excerpt = excerpt(event);
        let content = if look.columns.is_some() { record::short(&excerpt, EXCERPT) } else { excerpt };
        let session = has_session.then(|| event.session.to_string());
        let start = [event.id.to_string(), look.time(event.at)].into_iter().chain(session);
        start.chain([event.subcommand.to_string(), content, outcome(handling, look)]).collect()
    };
    let heading = ["event", "time"].into_iter().chain(has_session.then_some("session"));
    let heading: Vec<_> = heading.chain(["what", "content", "outcome"]).collect();
    look.table(&heading, &events.iter().map(row).collect::<Vec<_>>())
}

/// What a person recognises an event by: a message's text, else its content.
fn excerpt(event: &EventRow) -> String {
    let is_message = EventSpec::named(&event.subcommand).is_some_and(EventSpec::is_message);
    let message = is_message.then(|| Message::read(event.content.as_str())).flatten();
    message.and_then(|message| message.text).unwrap_or_else(|| event.content.to_string())
}

/// What became of an event, in a few words.
pub(super) fn outcome(Handling { event, runs }: &Handling, look: record::TableStyle<'_>) -> String {
    let mut parts: Vec<_> = event.answered.map(|run| format!("answers run {run}")).into_iter().collect();
    let own_hook = EventSpec::named(&event.subcommand).and_then(|spec| spec.hook).map(Hook::name);
    let standing = |run: &RunRecord| {
        let function = format!(".{}", run.run.function);
        // Where room is scarce, the hook that everybody expects is not named.
        let is_told = look.columns.is_none() || Some(&*run.run.function) != own_hook;
        let function = if is_told { function.as_str() } else { "" };
        format!("{}{function}: {}", run.run.script, look.standing(&run.standing))
    };
    parts.extend(runs.iter().map(standing));
    if !event.done {
        parts.push("not seen through yet".to_owned());
    } else if parts.is_empty() {
        parts.push("no script has a hook for it".to_owned());
    }
    parts.join("; ")
}
