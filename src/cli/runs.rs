//! `hotline runs`: the runs that go on, where they stand and what they wait for; `runs kill` ends one.

use anyhow::{Context, anyhow};

use super::exit::Exit;
use super::{output, record};
use crate::host::KillOutcome;
use crate::host::control::{self, ControlRequest};
use crate::language::zone::Zone;
use crate::store::{RunId, RunRecord, Store};

/// The arguments of `runs`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct RunsArgs {
    #[command(subcommand)]
    action: Option<Action>,

    #[command(flatten)]
    record: record::JournalFlags,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// End a parked run
    Kill {
        /// The run's id, as `hotline runs` lists it
        id: RunId,

        #[command(flatten)]
        record: record::JournalFlags,
    },
}

impl RunsArgs {
    pub(super) fn run(self) -> Result<(), Exit> {
        match self.action {
            None => list(&self.record),
            Some(Action::Kill { id, record }) => kill(id, &record),
        }
    }
}

fn list(flags: &record::JournalFlags) -> Result<(), Exit> {
    let journal = flags.open()?;
    let (runs, held) = (journal.open_runs()?, journal.held()?);
    let is_held = |run: &RunRecord| held.iter().any(|held| held.script == *run.run.script);
    if flags.json {
        let with_hold = |run: &RunRecord| {
            let mut value = serde_json::json!(run);
            value["held"] = is_held(run).into();
            value
        };
        let runs: Vec<_> = runs.iter().map(with_hold).collect();
        output::json(&runs)?;
        return Ok(());
    }
    let zone = flags.zone()?;
    if runs.is_empty() {
        output::note("no run goes on");
    } else {
        output::write(&table(&runs, is_held, record::TableStyle::of_output(&zone)))?;
    }
    held.iter().for_each(|held| output::note(record::missing(held, &zone)));
    Ok(())
}

fn table(runs: &[RunRecord], is_held: impl Fn(&RunRecord) -> bool, look: record::TableStyle<'_>) -> String {
    let has_session = look.names(runs.iter().map(|record| &*record.run.session));
    let row = |record: &RunRecord| {
        let RunRecord { run, standing, .. } = record;
        let hold = if is_held(record) { "held: " } else { "" };
        let waiting = standing.waiting.as_ref();
        let place = waiting.map(|waiting| &waiting.place).filter(|place| !place.is_empty());
        let start = [run.id.to_string(), run.event.to_string()].into_iter();
        let end = [
            run.script.to_string(),
            place.unwrap_or(&run.function).to_string(),
            look.time(waiting.map_or(run.started, |waiting| waiting.since)),
            format!("{hold}{}", look.standing(standing)),
        ];
        start.chain(has_session.then(|| run.session.to_string())).chain(end).collect()
    };
    let heading = ["run", "event"].into_iter().chain(has_session.then_some("session"));
    let heading: Vec<_> = heading.chain(["script", "where", "since", "what"]).collect();
    look.table(&heading, &runs.iter().map(row).collect::<Vec<_>>())
}

fn kill(id: RunId, flags: &record::JournalFlags) -> Result<(), Exit> {
    let journal = flags.open()?;
    let Some(run) = journal.run(id)? else {
        return Err(Exit::Failed(anyhow!("there is no run {id}; `hotline runs` lists those that go on")));
    };
    if run.standing.ended.is_some() {
        return Err(has_ended(&run));
    }
    let is_heard = match ask_to_kill(id, flags)? {
        Some(KillOutcome::Over) => return Err(journal.run(id)?.as_ref().map_or_else(|| has_ended(&run), has_ended)),
        answer => answer.is_some(),
    };
    if flags.json {
        output::json(&run)?;
    } else if !is_heard && Store::is_in_use(&flags.folder()?) {
        // A system without such sockets, or a folder that takes none.
        output::note(format_args!(
            "run {id} is not taken up by the next bot; the one that runs listens on no socket, and goes on with it"
        ));
    } else {
        output::note(format_args!("run {id} ends within a second, or is not taken up where no bot runs"));
    }
    Ok(())
}

fn has_ended(run: &RunRecord) -> Exit {
    // Of one that has ended no time is told.
    let how = record::TableStyle::whole(&Zone::default()).standing(&run.standing);
    Exit::Failed(anyhow!("run {} has ended already: {how}", run.run.id))
}

/// Asks the bot that runs, or where none can be asked, the next one.
fn ask_to_kill(run: RunId, flags: &record::JournalFlags) -> Result<Option<KillOutcome>, Exit> {
    let (data, request) = (flags.folder()?, ControlRequest::Kill { run });
    let ask = || -> anyhow::Result<Option<KillOutcome>> {
        let reply = control::ask(&data, &request).context("the running bot cannot be asked")?;
        reply.transpose().map_err(|reason: String| anyhow!(reason))
    };
    if let Some(answer) = ask()? {
        return Ok(Some(answer));
    }
    flags.kill(run)?;
    // One that has begun to listen meanwhile may have looked before that was written.
    Ok(ask()?)
}
