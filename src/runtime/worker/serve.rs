//! A worker's loop: it sets up what the worker has, and does what it is asked for, one thing after the other.

use std::cell::RefCell;
use std::rc::Rc;

use tokio::runtime;
use tokio::sync::mpsc;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::timeout;

use super::listing::Listing;
use super::orders::{Order, WorkerContext};
use super::prompt;
use super::state::{Attached, Worker};
use crate::runtime::builtins;
use crate::runtime::context::drain::DrainMode;
use crate::runtime::context::services::Services;
use crate::runtime::engine::coverage;
use crate::runtime::journal::{Journal, JournalMode};
use crate::runtime::run::loading::Loader;
use crate::runtime::timers::hours::Hours;
use crate::runtime::web::Web;
use crate::store::TimerId;

/// Runs a worker on this thread until it is told to stop.
pub(super) fn serve(shared: WorkerContext, orders: mpsc::Receiver<Order>) {
    let runtime = match runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!("a worker cannot start: {error}");
            return;
        }
    };
    let local = LocalSet::new();
    local.block_on(&runtime, work(shared, orders));
}

/// Does what a worker is asked for, until it is told to stop.
pub(super) async fn work(shared: WorkerContext, mut orders: mpsc::Receiver<Order>) {
    let WorkerContext {
        clock,
        setup,
        store,
        limits,
        directory,
        web,
        chance,
        events,
        coverage,
        dry_run,
        journal,
        resend_in_doubt,
        ended,
    } = shared;
    // Without a record nothing is known of what an earlier process has sent, and what this one sends is new.
    let secret = match journal {
        JournalMode::Off => rand::random::<[u8; 32]>().to_vec(),
        JournalMode::Relaxed | JournalMode::Strict => store.secret().unwrap_or_else(|error| {
            tracing::warn!("the secret of the data folder cannot be read, and another takes its place: {error}");
            rand::random::<[u8; 32]>().to_vec()
        }),
    };
    let journal = Journal::new(journal, store, clock.clone());
    let mut writing = spawn_local(Rc::clone(&journal).write());
    let disk_watch = spawn_local(Rc::clone(&journal).follow_disk());
    let web = Web::new(&web, &limits, clock.clone());
    let limits = Rc::new(limits);
    let setup = RefCell::new(setup);
    let services =
        Rc::new(Services { clock, setup, limits, directory, web, chance, events, dry_run, resend_in_doubt, secret });
    let mut engine = builtins::build(&services);
    if coverage.is_some() {
        coverage::register(&mut engine);
    }
    let loader = Loader::new(&Rc::new(engine), &services.limits, coverage);
    let worker = Worker::new(services, loader, journal, ended);
    let _listing = Cleared(Rc::clone(&worker.listing));
    let clock_watch = spawn_local(watch_clock(Rc::clone(&worker)));
    loop {
        let order = tokio::select! {
            order = orders.recv() => order,
            // What a bot does without a record could be done twice, or be lost.
            _ = &mut writing => {
                tracing::error!("the journal is not written any more; this worker and its sessions end");
                return;
            }
        };
        let Some(order) = order else { break };
        match order {
            Order::Attach(assignment) => worker.attach(assignment),
            Order::Detach(name, mode, done) => {
                worker.give_up(&name);
                let worker = Rc::clone(&worker);
                spawn_local(async move {
                    Rc::clone(&worker).leave(&[name], mode, worker.services.limits.grace).await;
                    worker.journal.flush().await;
                    let _ = done.send(());
                });
            }
            Order::Alter(name, media, scripts) => worker.alter(&name, media, scripts),
            Order::Update(update, done) => {
                // A task of its own, so that it gets its turn as all others do.
                let updating = Rc::clone(&worker);
                let updated = spawn_local(async move { updating.update(update).await });
                // Further orders are about what this one leaves behind. One that panicked drops its answer.
                if let Ok(result) = updated.await {
                    let _ = done.send(result);
                }
            }
            Order::Unloaded(scripts) => worker.unloaded.borrow_mut().extend(scripts),
            Order::Hold(scripts) => {
                // One may have come since it was missed.
                scripts.iter().filter(|script| !worker.knows(script)).for_each(|script| worker.holding.hold(script));
            }
            // Whoever asked may have gone.
            Order::Kill(run, done) => drop(done.send(worker.kill(run))),
            Order::Look(done) => drop(done.send(worker.look())),
            Order::Flush(done) => {
                let journal = Rc::clone(&worker.journal);
                spawn_local(async move {
                    journal.flush().await;
                    let _ = done.send(());
                });
            }
            Order::Prompt(request) => prompt::serve(
                &worker.prompts,
                &worker.loader,
                &worker.services.setup.borrow(),
                |session| worker.session(session),
                request,
            ),
            Order::Stop(grace) => {
                let names: Vec<_> = worker.sessions.borrow().keys().cloned().collect();
                Rc::clone(&worker).leave(&names, DrainMode::Keep, grace).await;
                if timeout(grace, worker.journal.flush()).await.is_err() {
                    tracing::error!("the disk takes no writes: what happened last is not recorded");
                }
                break;
            }
        }
    }
    writing.abort();
    disk_watch.abort();
    clock_watch.abort();
}

/// What a worker has listed, which goes with the worker, however that ends.
struct Cleared(Rc<Listing>);

impl Drop for Cleared {
    fn drop(&mut self) {
        self.0.clear();
    }
}

/// Looks after what waits when the time of day is set: on the disk, a delay ends at a time of day.
async fn watch_clock(worker: Rc<Worker>) {
    let clock = &worker.services.clock;
    let (mut looks, mut hours) = (clock.looks(), Hours::default());
    loop {
        let step = hours.follow(clock.began(), clock.now(), TimerId::default());
        if let Some(step) = step {
            tracing::info!("the time of day was set by {step} ms; delays stay as long as they are, patterns follow it");
            for (run, _) in worker.parked.borrow().values() {
                run.history.move_deadline(step);
                run.note();
            }
        }
        for Attached { session, .. } in worker.sessions.borrow().values().filter(|_| step.is_some()) {
            session.schedule.now(clock);
            session.journal.note_data();
            session.schedule.wake();
        }
        looks.next().await;
    }
}
