//! Runs of an earlier process go on where their records end.

use std::rc::Rc;
use std::sync::Arc;

use tokio::task::spawn_local;

use super::commands;
use super::internal_event::InternalEvent;
use super::invocation::{fail, go_on};
use super::listing::About;
use super::routing::Routed;
use super::state::Worker;
use crate::language::fault::Fault;
use crate::protocol::Event;
use crate::runtime::context::SessionContext;
use crate::runtime::context::drain::DrainMode;
use crate::runtime::context::lane::{Lane, LaneKey};
use crate::runtime::generation::Generation;
use crate::runtime::journal::history::{FORMAT, History};
use crate::runtime::run::{Run, Start};
use crate::store::{RunOutcome, RunRecord};

/// Rebuilds a run that waits, whose event has been handled; where its script is held, once it is not.
pub(super) fn wake(worker: &Rc<Worker>, session: &Rc<SessionContext>, event: &Event, past: RunRecord) {
    let (lane, arguments) = match InternalEvent::of_event(event) {
        Some(internal) => (internal.lane(session), Some(internal.arguments())),
        None => {
            let routed = Routed::read(event, &session.me.borrow());
            let key = routed.chat.clone().map_or_else(|| LaneKey::Script(past.run.script.to_string()), LaneKey::Chat);
            (session.lane(key), routed.arguments(event, &past.run.function))
        }
    };
    let about: About = event.subcommand.clone();
    let event = event.clone();
    let entry = lane.enter_tail();
    let (worker, session) = (Rc::clone(worker), Rc::clone(session));
    spawn_local(async move {
        let mut guard = entry.await;
        if session.is_held(&past.run.script) {
            drop(guard);
            guard = tokio::select! {
                guard = session.enter(&lane, &past.run.script) => guard,
                () = session.holding.until(|| session.past_runs.is_killed(past.run.id)) => lane.enter_tail().await,
            };
        }
        match session.drain.mode() {
            Some(DrainMode::Keep) => return,
            Some(DrainMode::End) => {
                let now = worker.services.clock.now();
                return session.journal.close(&past.run, past.standing, now, RunOutcome::EndedWithSession, None);
            }
            None => {}
        }
        let Some(run) = rebuilt(&worker, &session, &lane, past) else { return };
        run.tokens.begin(session.handle.network(), &event, None);
        run.suspension.go_alone(Some(guard));
        run.enter();
        run.note();
        match commands::start(&worker, &session, &run, arguments.unwrap_or_default()) {
            Ok(driven) => go_on(&worker, driven, &about),
            Err(error) => {
                let fault = Fault::of_file(&run.generation.bundle.script.file, error);
                fail(&worker, &run, &about, fault);
            }
        }
    });
}

/// A run as its record leaves it, on the sources that it began with; `None` when it cannot or must not go on.
pub(super) fn rebuilt(
    worker: &Rc<Worker>,
    session: &Rc<SessionContext>,
    lane: &Lane,
    past: RunRecord,
) -> Option<Rc<Run>> {
    let RunRecord { run: row, standing, entries } = past;
    let current = worker.scripts_of(session).find(|generation| generation.name() == &*row.script);
    let is_there = current.is_some() || worker.is_unloaded(session, &row.script);
    let is_killed = session.past_runs.take(row.id);
    // Whoever waits for it looks again once it goes on, or has ended.
    session.followed.wake();
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
        _ => worker.pinned(&row.script, row.bundle, row.generation).map_err(Some),
    };
    let (id, event) = (row.id, row.event);
    let start = |generation: Rc<Generation>, history: History| {
        let start = Start {
            event,
            function: Arc::clone(&row.function),
            generation,
            lane: lane.clone(),
            limits: Rc::clone(&worker.services.limits),
            rebuild: true,
        };
        Run::again(session, start, history)
    };
    match (pinned, current) {
        (Ok(generation), _) => Some(start(generation, History::replaying(id, event, entries, standing.waiting))),
        (Err(fault), Some(current)) => {
            let run = start(Rc::clone(&current), History::replaying(id, event, Vec::new(), None));
            match fault {
                Some(fault) => fail(worker, &run, &row.function.to_string().into(), fault),
                None => {
                    worker.tell_killed(row.id);
                    run.end(RunOutcome::Killed, None);
                }
            }
            None
        }
        // Without any version of its script there is nothing that the run could be shown with; its row is closed all the same.
        (Err(fault), None) => {
            let (name, script) = (&*session.name, &*row.script);
            let outcome = match &fault {
                Some(_) => RunOutcome::Failed,
                None if is_killed => RunOutcome::Killed,
                None => RunOutcome::ScriptGone,
            };
            match &fault {
                Some(fault) => tracing::error!(target: "hotline::script", session = name, script, "{fault}"),
                None => {
                    tracing::warn!(target: "hotline::script", session = name, script, run = row.id.number(), "a run that waited has ended: {outcome}")
                }
            }
            let (now, fault) = (worker.services.clock.now(), fault.map(|fault| fault.to_string()));
            session.journal.close(&row, standing, now, outcome, fault);
            None
        }
    }
}
