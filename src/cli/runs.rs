//! `hotline runs`: the runs that go on, where they stand and what they wait for; `runs kill` ends one.

use anyhow::anyhow;

use super::exit::Exit;
use super::{output, record};
use crate::store::{RunId, RunRecord};

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
    if runs.is_empty() {
        output::note("no run goes on");
    } else {
        output::write(&table(&runs, is_held, record::TableStyle::of_output()))?;
    }
    held.iter().for_each(|held| output::note(record::missing(held)));
    Ok(())
}

fn table(runs: &[RunRecord], is_held: impl Fn(&RunRecord) -> bool, look: record::TableStyle) -> String {
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
        return Err(Exit::Failed(anyhow!(
            "run {id} has ended already: {}",
            record::TableStyle::WHOLE.standing(&run.standing)
        )));
    }
    flags.kill(id)?;
    if flags.json {
        output::json(&run)?;
    } else {
        output::note(format_args!("run {id} ends within a second, or is not taken up where no bot runs"));
    }
    Ok(())
}
