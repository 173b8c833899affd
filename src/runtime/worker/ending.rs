//! How events go on, and runs that wait for something short, when they have it or are to end.

use std::rc::Rc;
use std::task::{Context, Waker};

use tokio::task::spawn_local;

use super::invocation::{HookOutcome, Invoker, finish, is_off, leave};
use super::listing::{Ending, LastCourse, LastRun, PausedEvent, Rest};
use super::state::Worker;
use crate::protocol::Content;
use crate::runtime::context::drain::DrainMode;
use crate::runtime::run::{self, Run};
use crate::session::CallError;
use crate::store::{RunId, RunOutcome};

impl Worker {
    /// Gives a run the result of a call that it has posted. Nobody wants it where the run has ended meanwhile.
    pub(super) fn answer(self: &Rc<Self>, key: u64, result: Result<Content, CallError>) {
        if let Some(run) = self.listing.run(key) {
            run.take_result(result);
            self.look_at(&run);
        }
    }

    /// Looks at a run anew that waits for something short: it may have it, or is to end.
    pub(super) fn look_at(self: &Rc<Self>, run: &Rc<Run>) {
        let Some(key) = run.listing.get() else { return run.rouse() };
        match self.listing.take_rest(key) {
            Rest::Elsewhere => run.rouse(),
            Rest::Paused(handling) => self.go_on_with(handling),
            Rest::Ending(ending) => self.end_event(key, run, ending),
        }
    }

    /// Takes the next step of an event's handling at once, and most of what there is to do is done with it; to be called from a
    /// task, and not from code on a fiber.
    pub(super) fn handle(self: &Rc<Self>, handling: impl Future<Output = ()> + 'static) {
        self.go_on_with(Box::pin(handling));
    }

    fn go_on_with(self: &Rc<Self>, mut handling: PausedEvent) {
        // Others have waited for a whole slice: this one queues behind them.
        if self.is_late.get() {
            drop(spawn_local(handling));
            return;
        }
        run::forget_steps();
        if handling.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            match run::forget_awaited() {
                // Nothing else can wake it, so it needs no task.
                Some(key) => self.listing.keep(key, Rest::Paused(handling)),
                // Whatever it waits for is told of its own task by that one's first step.
                None => drop(spawn_local(handling)),
            }
        }
        if run::has_yielded() {
            self.is_late.set(true);
            let worker = Rc::clone(self);
            spawn_local(async move { worker.is_late.set(false) });
        }
    }

    /// Goes on with a run that is the last of its event, where its last answer has come or is waited for no longer.
    fn end_event(self: &Rc<Self>, key: u64, run: &Rc<Run>, ending: Ending) {
        let Ending { last: LastRun { listed, course }, about, hold, arrival, counted } = ending;
        let result = match course {
            LastCourse::Ended(result) => result,
            LastCourse::Paused(driven) => {
                let (worker, run) = (Rc::clone(self), Rc::clone(run));
                return self.handle(async move {
                    let Some(session) = &run.session else { return };
                    let event = arrival.id();
                    let call = Invoker { worker: &worker, session, hold: &hold, event, about, rebuild: run.rebuild };
                    match call.follow(None, driven, listed, None).await {
                        HookOutcome::Left => leave(session, arrival),
                        _ => arrival.finish(),
                    }
                    drop(counted);
                });
            }
        };
        let is_over = run.poll_pending(&mut Context::from_waker(Waker::noop())).is_ready() || run.history.has_ended();
        let Some(session) = run.session.as_ref().filter(|_| is_over || is_off(run)) else {
            let last = LastRun { listed, course: LastCourse::Ended(result) };
            return self.listing.keep(key, Rest::Ending(Ending { last, about, hold, arrival, counted }));
        };
        let lane = run.suspension.take_lane();
        if is_over {
            finish(self, run, &about, run.came_of(result));
            arrival.finish();
        } else {
            run.suspension.set_active(None);
            if session.drain.mode() == Some(DrainMode::End) {
                run.end(RunOutcome::EndedWithSession, None);
            }
            leave(session, arrival);
        }
        drop((listed, counted, lane, hold));
    }

    /// Ends a run, whatever it does, or has it not rebuilt; whether there is such a run.
    pub(super) fn kill(self: &Rc<Self>, id: RunId) -> bool {
        if self.parked.borrow().contains_key(&id) {
            self.tell_killed(id);
            self.end_parked(|run| run.id() == id, Some(RunOutcome::Killed));
            return true;
        }
        if let Some(run) = self.listing.named(id) {
            // One that is about to end has been killed before.
            if !run.history.has_ended() {
                self.tell_killed(id);
                run.end(RunOutcome::Killed, None);
                run.condemn("killed");
                self.look_at(&run);
            }
            return true;
        }
        let is_past = self.sessions.borrow().values().any(|attached| attached.session.past_runs.kill(id));
        // It may be one that is not rebuilt as long as its script is held.
        self.holding.wake();
        is_past
    }
}
