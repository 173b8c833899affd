//! `hotline runs`: the runs that go on, where they stand and what they wait for; `runs kill` ends one.

use anyhow::anyhow;

use super::exit::Exit;
use super::{output, record};
use crate::store::RunRecord;

/// The arguments of `runs`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Option<Action>,

    #[command(flatten)]
    record: record::Flags,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// End a parked run
    Kill {
        /// The run's id, as `hotline runs` lists it
        id: i64,

        #[command(flatten)]
        record: record::Flags,
    },
}

impl Args {
    pub(super) fn run(self) -> Result<(), Exit> {
        match self.action {
            None => list(&self.record),
            Some(Action::Kill { id, record }) => kill(id, &record),
        }
    }
}

fn list(flags: &record::Flags) -> Result<(), Exit> {
    let runs = flags.open()?.open_runs()?;
    if flags.json {
        output::json(&runs)?;
        return Ok(());
    }
    if runs.is_empty() {
        output::note("no run goes on");
        return Ok(());
    }
    output::write(&table(&runs, record::Look::of_output()))?;
    Ok(())
}

fn table(runs: &[RunRecord], look: record::Look) -> String {
    let has_session = look.names(runs.iter().map(|record| &*record.run.session));
    let row = |RunRecord { run, standing, .. }: &RunRecord| {
        let waiting = standing.waiting.as_ref();
        let place = waiting.map(|waiting| &waiting.place).filter(|place| !place.is_empty());
        let start = [run.id.to_string(), run.event.to_string()].into_iter();
        let end = [
            run.script.to_string(),
            place.unwrap_or(&run.function).to_string(),
            look.time(waiting.map_or(run.started, |waiting| waiting.since)),
            look.standing(standing),
        ];
        start.chain(has_session.then(|| run.session.to_string())).chain(end).collect()
    };
    let heading = ["run", "event"].into_iter().chain(has_session.then_some("session"));
    let heading: Vec<_> = heading.chain(["script", "where", "since", "what"]).collect();
    look.table(&heading, &runs.iter().map(row).collect::<Vec<_>>())
}

fn kill(id: i64, flags: &record::Flags) -> Result<(), Exit> {
    let journal = flags.open()?;
    let Some(run) = journal.run(id)? else {
        return Err(Exit::Failed(anyhow!("there is no run {id}; `hotline runs` lists those that go on")));
    };
    if run.standing.ended.is_some() {
        return Err(Exit::Failed(anyhow!(
            "run {id} has ended already: {}",
            record::Look::WHOLE.standing(&run.standing)
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
