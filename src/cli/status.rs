//! `hotline status`: a running bot at a glance. What there is to see, the bot itself tells.

use anyhow::{Context, anyhow};

use super::exit::Exit;
use super::output;
use super::record::{JournalFlags, TableStyle};
use crate::clock::Timestamp;
use crate::host::control::{self, ControlRequest};
use crate::host::{HostStatus, RecentTrouble};
use crate::runtime::{PhaseView, RunView, ScriptState, ScriptView, SessionView, TimerView};
use crate::visible;

/// The arguments of `status`.
#[derive(Debug, clap::Args)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    record: JournalFlags,
}

impl StatusArgs {
    pub(super) fn run(self) -> Result<(), Exit> {
        let data = self.record.folder()?;
        let answer =
            control::ask::<HostStatus>(&data, &ControlRequest::Status).context("the running bot cannot be asked")?;
        let Some(status) = answer else {
            let message = "no bot runs on the data folder {}; --data FOLDER or --config FILE names another one";
            return Err(Exit::Failed(anyhow!(message.replace("{}", &data.display().to_string()))));
        };
        let status = status.map_err(|reason| anyhow!(reason))?;
        if self.record.json {
            output::painted(&format!("{}\n", visible::json(&serde_json::to_string(&status)?)))?;
        } else {
            let zone = self.record.zone()?;
            output::write(&text(&status, TableStyle::of_output(&zone)))?;
        }
        Ok(())
    }
}

fn text(status: &HostStatus, look: TableStyle<'_>) -> String {
    let HostStatus { version, process, started, snapshot, troubles, data, bytes } = status;
    let counters = &snapshot.counters;
    let mut text = format!(
        "hotline {version}, process {process}, since {} ({})\nrecord: {}, {}\n",
        look.time(*started),
        ago(snapshot.at - started),
        visible::line(&data.display().to_string()),
        size(*bytes),
    );
    let sessions: Vec<_> = snapshot.sessions.iter().map(session).collect();
    text += &section("sessions", &look.table(&["session", "phase", "account", "latency", "waiting"], &sessions));
    let scripts: Vec<_> = snapshot.scripts.iter().map(script).collect();
    text += &section("scripts", &look.table(&["script", "state", "generation", "hooks"], &scripts));
    let title =
        format!("runs: {} at work, {} parked, {} left behind", counters.running, counters.parked, counters.left_behind);
    let runs: Vec<_> = snapshot.runs.iter().map(|it| run(it, look)).collect();
    text += &rows(&title, look, &["run", "session", "script", "where", "since", "waits for"], &runs);
    let timers: Vec<_> = snapshot.timers.iter().map(|it| timer(it, look)).collect();
    text += &rows(&format!("timers: {}", counters.timers), look, &["due", "session", "script", "function"], &timers);
    let troubles: Vec<_> = troubles.iter().rev().map(|it| trouble(it, look)).collect();
    let title = if troubles.is_empty() { "troubles: none since it runs" } else { "troubles, the latest first" };
    text += &rows(title, look, &["at", "what"], &troubles);
    text
}

/// A title, with a table below where it has rows.
fn rows(title: &str, look: TableStyle<'_>, heading: &[&str], rows: &[Vec<String>]) -> String {
    section(title, &if rows.is_empty() { String::new() } else { look.table(heading, rows) })
}

fn section(title: &str, table: &str) -> String {
    let table: String = table.lines().map(|line| format!("  {line}\n")).collect();
    format!("\n{title}\n{table}")
}

fn session(it: &SessionView) -> Vec<String> {
    let phase = match &it.phase {
        PhaseView::Connecting => "connecting".to_owned(),
        PhaseView::LoggingIn => "logging in".to_owned(),
        PhaseView::AwaitingPin => "waits for its PIN".to_owned(),
        PhaseView::Live => "live".to_owned(),
        PhaseView::Lost { attempts } => format!("lost, {attempts} attempts"),
        PhaseView::Refused { reason } => format!("refused: {reason}"),
        PhaseView::Unusable { reason } => format!("unusable: {reason}"),
        PhaseView::Stopped => "stopped".to_owned(),
    };
    let queues = &it.queues;
    let waiting = [
        (queues.events, "events"),
        (queues.calls, "calls for the connection"),
        (queues.paced, "calls for their turn"),
        (queues.unanswered, "unanswered"),
    ];
    let waiting = waiting.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    let waiting = waiting.collect::<Vec<_>>().join(", ");
    let account = it.display_name.clone().or_else(|| it.mid.clone()).unwrap_or_default();
    let latency = it.latency.map(|milliseconds| format!("{milliseconds} ms")).unwrap_or_default();
    vec![it.name.clone(), phase, account, latency, waiting]
}

fn script(it: &ScriptView) -> Vec<String> {
    let state = match (it.state, &it.fault) {
        (_, Some(fault)) => format!("faulty: {}", fault.text.lines().next().unwrap_or_default()),
        (ScriptState::Live, None) => "live".to_owned(),
        (ScriptState::Faulty, None) => "faulty".to_owned(),
        (ScriptState::Missing, None) => "missing, held".to_owned(),
        (ScriptState::Empty, None) => "empty".to_owned(),
    };
    let generation = it.generation.map(|generation| generation.to_string()).unwrap_or_default();
    vec![it.name.clone(), state, generation, it.hooks.join(", ")]
}

fn run(it: &RunView, look: TableStyle<'_>) -> Vec<String> {
    let waits = it.waits.as_ref();
    let place = waits.map(|waits| waits.place.as_str()).filter(|place| !place.is_empty()).unwrap_or(&it.function);
    let until = waits.and_then(|waits| waits.until).map(|until| format!(", until {}", look.time(until)));
    let what = waits.map(|waits| format!("{}{}", waits.call, until.unwrap_or_default()));
    let since = waits.map(|waits| look.time(waits.since)).unwrap_or_default();
    vec![it.id.to_string(), it.session.clone(), it.script.clone(), place.to_owned(), since, what.unwrap_or_default()]
}

fn timer(it: &TimerView, look: TableStyle<'_>) -> Vec<String> {
    vec![look.time(it.due), it.session.clone(), it.script.clone(), it.function.clone()]
}

fn trouble(it: &RecentTrouble, look: TableStyle<'_>) -> Vec<String> {
    let times = if it.count > 1 { format!(" ({} times)", it.count) } else { String::new() };
    vec![look.time(it.at), format!("{}{times}", it.text)]
}

/// How long something goes on, in its two greatest units.
fn ago(milliseconds: Timestamp) -> String {
    let minutes = milliseconds / 60_000;
    match (minutes / 1_440, minutes / 60, minutes) {
        (0, 0, 0) => format!("{} s", milliseconds / 1_000),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {} min", minutes % 60),
        (days, hours, _) => format!("{days} d {} h", hours % 24),
    }
}

/// How much room something takes, as people say it.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_024 => format!("{bytes} bytes"),
        1_024..1_048_576 => format!("{} KiB", bytes / 1_024),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_sizes_read_as_people_say_them() {
        let second = 1_000;
        let times = [59 * second, 61 * second, 3_600 * second + 60 * second, 50 * 3_600 * second].map(ago);
        assert_eq!(times, ["59 s", "1 min", "1 h 1 min", "2 d 2 h"]);
        assert_eq!([512, 2_048, 5_767_168].map(size), ["512 bytes", "2 KiB", "5.5 MiB"]);
    }
}
