//! `hotline trace EVENT`: why an event was handled as it was, as a timeline with the lines of the scripts.

use anyhow::anyhow;
use data_encoding::HEXLOWER;

use super::exit::Exit;
use super::record::{self, TableStyle};
use super::{journal, output};
use crate::clock::Timestamp;
use crate::language::Bundle;
use crate::protocol::{EventSpec, Hook};
use crate::store::{
    CallOutcome, EventId, Handling, JournalReader, LinedUp, Lineup, RunOutcome, RunRecord, RunRow, is_internal,
};
use crate::visible;

/// How much of a call's arguments, and of what came of it, is shown.
const EXCERPT: usize = 100;

/// The arguments of `trace`.
#[derive(Debug, clap::Args)]
pub(super) struct TraceArgs {
    /// The event's id, as the log and `hotline journal` show it
    event: EventId,

    #[command(flatten)]
    record: record::JournalFlags,
}

/// A run with the sources that it ran.
struct Traced<'a> {
    record: &'a RunRecord,
    /// None where they are not kept any more.
    sources: Option<Bundle>,
}

impl TraceArgs {
    pub(super) fn run(self) -> Result<(), Exit> {
        let journal = self.record.open()?;
        let Some(handling) = journal.event(self.event)? else {
            return Err(Exit::Failed(anyhow!(
                "there is no event {}; `hotline journal` lists the latest ones",
                self.event
            )));
        };
        let asker = handling.event.answered.map(|run| journal.run(run)).transpose()?.flatten();
        let runs = handling.runs.iter().map(|record| traced(&journal, record));
        let runs = runs.collect::<Result<Vec<_>, Exit>>()?;
        let lineup = journal.lineup(handling.event.at)?.unwrap_or_default();
        let absent = absent(&handling, &lineup, journal.scripts_of(&handling.event.session)?.as_deref());
        if self.record.json {
            output::json(&json(&handling, &runs, &absent))?;
        } else {
            let (zone, asker) = (self.record.zone()?, asker.as_ref().map(|asker| &asker.run));
            output::write(&timeline(&handling, &runs, &absent, asker, TableStyle::whole(&zone)))?;
        }
        Ok(())
    }
}

fn traced<'a>(journal: &JournalReader, record: &'a RunRecord) -> Result<Traced<'a>, Exit> {
    let sources = journal.sources(&record.run.bundle)?.and_then(|text| serde_json::from_str(&text).ok());
    Ok(Traced { record, sources })
}

impl Traced<'_> {
    /// The line of source that a place such as `order.rhai:7` means.
    fn line(&self, place: &str) -> Option<&str> {
        let (file, line) = place.rsplit_once(':')?;
        let line: usize = line.parse().ok()?;
        self.sources.as_ref()?.source(file)?.text.lines().nth(line.checked_sub(1)?)
    }
}

/// A script that did not run, and why.
#[derive(Debug, PartialEq, serde::Serialize)]
struct Absent {
    script: String,
    reason: String,
}

/// The scripts that did not run for an event, as far as its record tells.
fn absent(handling: &Handling, lineup: &Lineup, scripts: Option<&[String]>) -> Vec<Absent> {
    let Handling { event, runs } = handling;
    // What is no event of the gateway concerns one script; and what is not seen through may reach every script yet.
    if is_internal(&event.subcommand) || !event.done {
        return Vec::new();
    }
    let has = |script: &LinedUp, is_it: fn(&RunRecord) -> bool| {
        runs.iter().any(|run| *run.run.script == *script.name && is_it(run))
    };
    let stopper = lineup.scripts.iter().position(|script| has(script, stops));
    let is_absent = |(_, script): &(usize, &LinedUp)| !has(script, |_| true);
    let reason = |(place, script): (usize, &LinedUp)| {
        let name = &script.name;
        let reason = match (stopper.filter(|stopper| *stopper < place), &script.fault) {
            _ if scripts.is_some_and(|scripts| !scripts.contains(name)) => {
                "it does not run for this session".to_owned()
            }
            _ if script.held => "it was held: its file was missing".to_owned(),
            (_, Some(fault)) => format!("it did not load: {}", fault.lines().next().unwrap_or_default()),
            _ if !has_hook(script, &event.subcommand) => "it has no hook for this".to_owned(),
            (Some(stopper), None) => format!("it comes after {}, which handled it", lineup.scripts[stopper].name),
            (None, None) if event.answered.is_some() => "it was an answer".to_owned(),
            (None, None) => "it was not live when this was handled".to_owned(),
        };
        Absent { script: name.clone(), reason }
    };
    lineup.scripts.iter().enumerate().filter(is_absent).map(reason).collect()
}

/// Whether a run keeps its event from the scripts that come after its own.
fn stops(RunRecord { run, standing, entries }: &RunRecord) -> bool {
    let has_asked = || entries.iter().any(|entry| entry.name == "ask");
    let asks = standing.waiting.as_ref().is_some_and(|waiting| waiting.call == "ask");
    &*run.function != Hook::Notify.name() && (standing.outcome == RunOutcome::Handled || asks || has_asked())
}

fn has_hook(script: &LinedUp, subcommand: &str) -> bool {
    let of_event = EventSpec::named(subcommand).and_then(|spec| spec.hook);
    let is_for_it = |hook: &String| match Hook::named(hook) {
        Some(Hook::Notify) => true,
        Some(Hook::Message | Hook::OwnMessage) => matches!(of_event, Some(Hook::Message | Hook::OwnMessage)),
        hook => hook.is_some() && hook == of_event,
    };
    script.hooks.iter().any(is_for_it)
}

/// The record as it is, each call with the line of source that made it.
fn json(handling: &Handling, runs: &[Traced<'_>], absent: &[Absent]) -> serde_json::Value {
    let mut value = serde_json::json!(handling);
    value["absent"] = serde_json::json!(absent);
    for (run, traced) in runs.iter().enumerate() {
        for (call, entry) in traced.record.entries.iter().enumerate() {
            value["runs"][run]["calls"][call]["source"] = traced.line(&entry.place).into();
        }
    }
    value
}

fn timeline(
    handling: &Handling,
    runs: &[Traced<'_>],
    absent: &[Absent],
    asker: Option<&RunRow>,
    look: TableStyle<'_>,
) -> String {
    let event = &handling.event;
    let mut text = format!(
        "event {}  {}  {}  session {}\n  {}\n  {}\n",
        event.id,
        look.time(event.at),
        visible::line(&event.subcommand),
        visible::line(&event.session),
        record::short(event.content.as_str(), 4 * EXCERPT),
        journal::outcome(handling, look),
    );
    if let Some(run) = asker {
        text += &format!(
            "\nit was taken as the answer that run {} of {} waited for: hotline trace {}\n",
            run.id, run.script, run.event
        );
    }
    for traced in runs {
        text += &timeline_of(event.at, traced, look);
    }
    if event.done
        && let Some(stopper) = runs.iter().find(|traced| stops(traced.record))
    {
        text += &format!("\nhandled by {}: the scripts after it did not get it\n", stopper.record.run.script);
    }
    if !absent.is_empty() {
        text += "\nwhat did not run\n";
        let lines = absent.iter().map(|Absent { script, reason }| format!("  {script}: {reason}\n"));
        text.extend(lines);
    }
    text
}

fn timeline_of(begin: Timestamp, traced: &Traced<'_>, look: TableStyle<'_>) -> String {
    let RunRecord { run, standing, entries } = traced.record;
    let mut text = format!(
        "\nrun {}  {}.{}  generation {} ({})\n{:>10}  it starts\n",
        run.id,
        run.script,
        run.function,
        run.generation,
        // Numbers begin anew with each process; these digits do not.
        &HEXLOWER.encode(&run.bundle.0)[..8],
        offset(begin, run.started)
    );
    let mut place = "";
    let show_place = |text: &mut String, of: &str| {
        if !of.is_empty() {
            let line = traced.line(of).unwrap_or_default().trim();
            *text += &format!("{:>10}  {of}  {line}\n", "");
        }
    };
    for entry in entries {
        if *entry.place != *place {
            place = &entry.place;
            show_place(&mut text, place);
        }
        let called = record::short(format!("{} {}", entry.name, entry.detail).trim_end(), EXCERPT);
        let took = duration(entry.took);
        let outcome = match &entry.outcome {
            CallOutcome::Same(number) => entries.get(*number as usize).map_or(&entry.outcome, |other| &other.outcome),
            outcome => outcome,
        };
        text += &format!("{:>10}    {called} → {}{took}\n", offset(begin, entry.at), came(outcome));
    }
    match (&standing.waiting, standing.ended) {
        (_, Some(ended)) => text += &format!("{:>10}  it ends: {}\n", offset(begin, ended), look.standing(standing)),
        (Some(waiting), None) => {
            if *waiting.place != *place {
                show_place(&mut text, &waiting.place);
            }
            text += &format!("{:>10}    it {}\n", offset(begin, waiting.since), look.standing(standing));
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
fn came(outcome: &CallOutcome) -> String {
    let text = match outcome {
        CallOutcome::Pending => "nothing is known of what came of it".to_owned(),
        CallOutcome::Value(text) if text == "null" => "()".to_owned(),
        CallOutcome::Value(text) | CallOutcome::Content(text) => text.clone(),
        CallOutcome::Message(content) => {
            let message = crate::protocol::Message::read(content);
            let text = message.and_then(|message| message.text);
            text.map_or_else(|| content.clone(), |text| format!("a message: {text}"))
        }
        CallOutcome::Session(name) => format!("session {name}"),
        CallOutcome::Sessions(names) => format!("sessions {}", names.join(", ")),
        CallOutcome::Thrown(text) => format!("threw {text}"),
        CallOutcome::Same(_) => "what was written above".to_owned(),
        CallOutcome::Withheld => "a secret, which is not recorded".to_owned(),
    };
    record::short(&text, EXCERPT)
}
