//! What an earlier process left behind: its events are delivered again, and its runs go on.

use std::rc::Rc;

use tokio::task::spawn_local;

use super::dispatch::EventDelivery;
use super::earlier::Earlier;
use super::internal_event::InternalEvent;
use super::rebuild::wake;
use super::state::Worker;
use crate::protocol::Event;
use crate::runtime::context::SessionContext;
use crate::store::{EventRow, Handling, Recovered};

/// Takes up what an earlier process left behind: events that not every script has had, and runs that wait.
pub(crate) fn recover(worker: &Rc<Worker>, session: &Rc<SessionContext>, recovered: Recovered) {
    let Recovered { events, waiting, .. } = recovered;
    let event_of = |row: EventRow| Event { subcommand: row.subcommand, content: row.content };
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
        wake(worker, session, &event, run);
    }
    for Handling { event, runs } in events {
        let arrival = session.journal.arrived_before(event.id);
        let event = event_of(event);
        let internal = InternalEvent::of_event(&event);
        let delivery = EventDelivery::again(worker, session, event, arrival, Earlier::new(runs));
        match internal {
            Some(internal) => drop(spawn_local(delivery.call_internal(internal, None))),
            None => delivery.dispatch(),
        }
    }
}
