//! What an earlier process left behind: its events are dispatched again, and its runs go on where their records end.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use rhai::Dynamic;
use tokio::task::spawn_local;

use super::dispatch::{Call, ENDED_WITH_SESSION, Outcome, call_own, dispatch, end, fail, go_on, start};
use super::generation::Generation;
use super::lane::{Lane, LaneKey};
use super::leaving::Parting;
use super::live::Live;
use super::own::Own;
use super::record::{FORMAT, Record};
use super::run::{Run, Start};
use super::subject::Subject;
use super::worker::Worker;
use crate::language::fault::Fault;
use crate::protocol::{Content, Event};
use crate::store::{Handling, Recovered, RunRecord, RunRow};

/// The runs that an event had in an earlier process.
#[derive(Default)]
pub(super) struct Past(RefCell<Vec<RunRecord>>);

impl Past {
    pub(super) fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// Takes the run that called a function of a script.
    pub(super) fn take(&self, script: &str, function: &str) -> Option<RunRecord> {
        let found = self.0.borrow().iter().position(|run| is_of(run, script, function))?;
        Some(self.0.borrow_mut().swap_remove(found))
    }

    /// A run of a script that goes on.
    fn open_of(&self, script: &str) -> Option<RunRow> {
        let runs = self.0.borrow();
        let open = runs.iter().find(|run| run.standing.ended.is_none() && &*run.run.script == script);
        open.map(|run| run.run.clone())
    }

    /// A script that has a run which goes on, and that does not load at present.
    pub(super) fn unloaded(&self, worker: &Worker, live: &Live) -> Option<Arc<str>> {
        let runs = self.0.borrow();
        let open = runs.iter().filter(|run| run.standing.ended.is_none());
        open.map(|run| &run.run.script).find(|script| worker.is_unloaded(live, script)).cloned()
    }

    /// Whether a function of any script had a run.
    pub(super) fn has_called(&self, function: &str) -> bool {
        self.0.borrow().iter().any(|run| &*run.run.function == function)
    }

    /// Whether a function of a script had a run.
    pub(super) fn has(&self, script: &str, function: &str) -> bool {
        self.0.borrow().iter().any(|run| is_of(run, script, function))
    }
}

fn is_of(RunRecord { run, .. }: &RunRecord, script: &str, function: &str) -> bool {
    (&*run.script, &*run.function) == (script, function)
}

/// Takes up what an earlier process left behind: events that not every script has had, and runs that wait.
pub(crate) fn recover(worker: &Rc<Worker>, live: &Rc<Live>, recovered: Recovered) {
    let Recovered { events, waiting, .. } = recovered;
    let event_of =
        |row: crate::store::EventRow| Event { subcommand: row.subcommand, content: Content::new(row.content) };
    let mut parked: Vec<_> = waiting
        .into_iter()
        .flat_map(|Handling { event, runs }| {
            let event = event_of(event);
            let open = runs.into_iter().filter(|run| run.standing.ended.is_none());
            open.map(move |run| (event.clone(), run)).collect::<Vec<_>>()
        })
        .collect();
    // Of several who ask the same person, the one that asked last is to be the latest again.
    parked.sort_by_key(|(_, run)| run.standing.waiting.as_ref().map_or(run.run.started, |waiting| waiting.since));
    for (event, run) in parked {
        wake(worker, live, &event, run);
    }
    for Handling { event, runs } in events {
        let (arrival, past) = (live.journal.arrived_before(event.id), Past(RefCell::new(runs)));
        let event = event_of(event);
        match Own::of_event(&event) {
            Some(own) => {
                drop(spawn_local(call_own(Rc::clone(worker), Rc::clone(live), event, own, arrival, past, None)));
            }
            None => dispatch(worker, live, event, arrival, past),
        }
    }
}

/// Rebuilds a run that waits, whose event has been handled; where its script is held, once it is not.
fn wake(worker: &Rc<Worker>, live: &Rc<Live>, event: &Event, past: RunRecord) {
    let (lane, arguments) = match Own::of_event(event) {
        Some(own) => (own.lane(live), Some(own.arguments())),
        None => {
            let subject = Subject::read(event.clone(), &live.me.borrow());
            let key = subject.chat.clone().map_or_else(|| LaneKey::Script(past.run.script.to_string()), LaneKey::Chat);
            (live.lane(key), subject.arguments(&past.run.function))
        }
    };
    let about: Rc<str> = event.subcommand.as_str().into();
    let entry = lane.enter_tail();
    let (worker, live) = (Rc::clone(worker), Rc::clone(live));
    spawn_local(async move {
        let mut guard = entry.await;
        if live.is_held(&past.run.script) {
            drop(guard);
            guard = tokio::select! {
                guard = live.enter(&lane, &past.run.script) => guard,
                () = live.holding.until(|| worker.is_killed(past.run.id)) => lane.enter_tail().await,
            };
        }
        match live.leaving.parting() {
            Some(Parting::Keep) => return,
            Some(Parting::End) => {
                let now = worker.services.clock.now();
                return live.journal.close(&past.run, past.standing, now, ENDED_WITH_SESSION, None);
            }
            None => {}
        }
        let Some(run) = rebuilt(&worker, &live, &lane, past) else { return };
        run.guard.replace(Some(guard));
        run.has_let_go.set(true);
        run.enter();
        run.note();
        match run.generation.start(Rc::clone(&run), arguments.unwrap_or_default()) {
            Ok(driven) => go_on(&worker, driven, &about),
            Err(error) => {
                let fault = Fault::of_file(&run.generation.bundle.script.file, error);
                fail(&worker, &run, &about, fault);
            }
        }
    });
}

/// A run as its record leaves it, on the sources that it began with; `None` when it cannot or must not go on.
pub(super) fn rebuilt(worker: &Rc<Worker>, live: &Rc<Live>, lane: &Lane, past: RunRecord) -> Option<Rc<Run>> {
    let RunRecord { run: row, standing, entries } = past;
    let current = worker.scripts_of(live).find(|generation| generation.name() == &*row.script);
    let is_there = current.is_some() || worker.is_unloaded(live, &row.script);
    let is_killed = worker.is_killed(row.id);
    let pinned = match &current {
        _ if is_killed || !is_there => Err(None),
        _ if row.format != FORMAT => Err(Some(Fault::of_file(
            current.as_ref().map_or(&*row.script, |current| &current.bundle.script.file),
            format!(
                "a run of {} that waited cannot go on: its record has format {}, this version of hotline reads {FORMAT}",
                row.function, row.format
            ),
        ))),
        // The script as it is now need not even load.
        _ => worker.pinned(&row.script, row.bundle, row.generation.cast_unsigned()).map_err(Some),
    };
    let start = |generation: Rc<Generation>, record: Record| {
        Run::new(Start {
            event: row.event.cast_unsigned(),
            function: Arc::clone(&row.function),
            generation,
            live: Some(Rc::clone(live)),
            lane: lane.clone(),
            limits: Rc::clone(&worker.services.limits),
            started: row.started,
            rebuild: true,
            past: Some((row.id.cast_unsigned(), record)),
        })
    };
    match (pinned, current) {
        (Ok(generation), _) => Some(start(generation, Record::replaying(entries, standing.waiting))),
        (Err(fault), Some(current)) => {
            let run = start(Rc::clone(&current), Record::replaying(Vec::new(), None));
            match fault {
                Some(fault) => fail(worker, &run, &(&*row.function).into(), fault),
                None => {
                    tracing::info!(run = row.id, "killed");
                    end(&run, "killed", None);
                }
            }
            None
        }
        // Without any version of its script there is nothing that the run could be shown with; its row is closed all the same.
        (Err(fault), None) => {
            let (session, script) = (&*live.name, &*row.script);
            let outcome = match &fault {
                Some(_) => "failed",
                None if is_killed => "killed",
                None => GONE,
            };
            match &fault {
                Some(fault) => tracing::error!(target: "hotline::script", session, script, "{fault}"),
                None => {
                    tracing::warn!(target: "hotline::script", session, script, run = row.id, "a run that waited has ended: {outcome}")
                }
            }
            let (now, fault) = (worker.services.clock.now(), fault.map(|fault| fault.to_string()));
            live.journal.close(&row, standing, now, outcome, fault);
            None
        }
    }
}

/// How a run is recorded to end whose script is not there any more.
const GONE: &str = "its script is gone";

/// Goes on with the runs of an event that one script began and that does not load at present, on the sources that they began
/// with.
pub(super) async fn take_up_unloaded(
    worker: &Rc<Worker>,
    call: &Call<'_>,
    script: &str,
    arguments: impl Fn(&str) -> Option<Vec<Dynamic>>,
) -> Outcome {
    while let Some(RunRow { function, bundle, generation, .. }) = call.past.open_of(script) {
        match worker.pinned(script, bundle, generation.cast_unsigned()) {
            Ok(pinned) => {
                let arguments = arguments(&function).unwrap_or_default();
                let outcome = start(worker, call, &pinned, function, arguments).await;
                if matches!(outcome, Outcome::Left | Outcome::Held) {
                    return outcome;
                }
            }
            Err(_) => {
                // What is wrong with it is found again, and is told with the end of the run.
                let past = call.past.take(script, &function);
                past.map(|past| rebuilt(worker, call.live, call.hold.lane(), past));
            }
        }
    }
    Outcome::PassedOn
}

/// As [`take_up_unloaded`], for every such script, in the lane of the event itself.
pub(super) async fn take_up_all_unloaded(worker: &Rc<Worker>, call: &Call<'_>, subject: &Subject) -> Outcome {
    while let Some(script) = call.past.unloaded(worker, call.live) {
        if take_up_unloaded(worker, call, &script, |function| subject.arguments(function)).await == Outcome::Left {
            return Outcome::Left;
        }
    }
    Outcome::PassedOn
}

/// Ends the runs of an event that no script takes up any more; those of scripts that are held go on once these are not.
pub(super) fn give_up(worker: &Rc<Worker>, live: &Rc<Live>, event: &Event, past: Past) {
    for past in past.0.take().into_iter().filter(|past| past.standing.ended.is_none()) {
        if live.is_held(&past.run.script) {
            wake(worker, live, event, past);
        } else {
            live.journal.close(&past.run, past.standing, worker.services.clock.now(), GONE, None);
        }
    }
}
