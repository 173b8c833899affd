//! Invocations: one call of a function for an event, from its slot to its end, and what its outcome means.
//!
//! Which functions are called for which event is decided in `dispatch`.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use rhai::Dynamic;
use tokio::sync::SemaphorePermit;
use tokio::task::spawn_local;

use super::commands;
use super::internal_event::hook_event;
use super::listing::{About, LastCourse, LastPlace, LastRun, Listed};
use super::state::Worker;
use crate::language::fault::Fault;
use crate::language::trace;
use crate::protocol::Hook;
use crate::runtime::context::SessionContext;
use crate::runtime::context::drain::DrainMode;
use crate::runtime::context::lane::{Hold, LaneKey};
use crate::runtime::engine::caught;
use crate::runtime::engine::thrown::ScriptResult;
use crate::runtime::fiber::Panic;
use crate::runtime::generation::Generation;
use crate::runtime::journal::Arrival;
use crate::runtime::run::driven::Driven;
use crate::runtime::run::suspension::EventVerdict;
use crate::runtime::run::{self, Run, Start, is_last_word};
use crate::runtime::view::event::Happening;
use crate::runtime::view::rows::FaultView;
use crate::store::{EventId, InternalKind, RunOutcome};

/// What came of a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HookOutcome {
    /// It returned `true`, or asked somebody something: no further script gets the event.
    Handled,
    /// It returned something else, failed, or sleeps.
    PassedOn,
    /// It was not called, since its script went missing before its turn came.
    Held,
    /// Its session is left: the event is the next process's business.
    Left,
    /// It is the last of its event, and waits for nothing but a result.
    Ending,
}

impl HookOutcome {
    /// What a run that ended or waits means, by whether it handled its event.
    pub(super) fn handled(is_handled: bool) -> Self {
        if is_handled { Self::Handled } else { Self::PassedOn }
    }
}

/// What all calls for one event share.
pub(super) struct Invoker<'a> {
    pub(super) worker: &'a Rc<Worker>,
    pub(super) session: &'a Rc<SessionContext>,
    pub(super) hold: &'a Hold,
    pub(super) event: EventId,
    pub(super) about: About,
    /// Whether a run of it is rebuilt when its process ends before it does.
    pub(super) rebuild: bool,
}

/// The right to begin a run.
pub(super) type RunSlot<'a> = Option<SemaphorePermit<'a>>;

impl<'a> Invoker<'a> {
    /// Waits until a function of a script may be called.
    ///
    /// # Errors
    /// With what comes of the call where it is not made.
    pub(super) async fn slot(&self, script: &str, function: &str) -> Result<RunSlot<'a>, HookOutcome> {
        let Self { worker, session, .. } = self;
        // Events wait for a slot as events, which are small, and not as started runs.
        let slot = worker.slots.acquire().await.ok();
        if session.journal.is_held() {
            session.journal.released().await;
        }
        let is_last = is_last_word(function);
        if session.drain.mode().is_some() && !is_last {
            return Err(HookOutcome::Left);
        }
        // It may have gone while the event waited.
        if !is_last && !worker.is_there(session, script) {
            return Err(HookOutcome::PassedOn);
        }
        if !is_last && session.is_held(script) {
            return Err(HookOutcome::Held);
        }
        Ok(slot)
    }

    /// A run of a function that begins now.
    pub(super) fn begin(&self, generation: &Rc<Generation>, function: Arc<str>) -> Rc<Run> {
        Run::new(
            self.session,
            Start {
                event: self.event,
                function,
                generation: Rc::clone(generation),
                lane: self.hold.lane().clone(),
                limits: Rc::clone(&self.worker.services.limits),
                rebuild: self.rebuild,
            },
        )
    }

    /// Begins a run, and [follows](Self::follow) it.
    pub(super) async fn drive(
        &self,
        slot: RunSlot<'a>,
        run: Rc<Run>,
        arguments: Vec<Dynamic>,
        last: LastPlace<'_>,
    ) -> HookOutcome {
        let listed = self.worker.listing.add(&run);
        run.enter();
        run.note();
        match commands::start(self.worker, self.session, &run, arguments) {
            Ok(driven) => {
                run.suspension.borrow_lane(self.hold.lend());
                self.follow(slot, driven, listed, last).await
            }
            Err(error) => {
                let fault = Fault::of_file(&run.generation.bundle.script.file, error);
                fail(self.worker, &run, &self.about, fault);
                HookOutcome::PassedOn
            }
        }
    }

    /// Follows a run until it ends, or until it waits for something long and goes on by itself. Where it is the last of its event and
    /// waits for a result without a stack, it is put into its `last` place.
    pub(super) async fn follow(
        &self,
        mut slot: RunSlot<'a>,
        driven: Driven,
        listed: Listed,
        last: LastPlace<'_>,
    ) -> HookOutcome {
        let Self { worker, session, hold, about, .. } = self;
        let run = Rc::clone(driven.run());
        let mut driven = Some(driven);
        let ended = poll_fn(|context| {
            let driven = driven.as_mut().expect("it is taken out only when this future is done");
            match Pin::new(&mut *driven).poll(context) {
                Poll::Ready(result) => Poll::Ready(Came::Back(result)),
                Poll::Pending if run.suspension.is_alone() => Poll::Ready(Came::Away),
                Poll::Pending if last.is_some() && driven.is_paused_for_result() => Poll::Ready(Came::Paused),
                Poll::Pending if is_off(&run) => Poll::Ready(Came::Off),
                Poll::Pending => {
                    // Whoever holds the lane that it comes back to may wait for a slot.
                    slot.take_if(|_| !run.suspension.has_lane());
                    Poll::Pending
                }
            }
        })
        .await;
        // Whatever is waited for from here on is no result of this run.
        run::forget_awaited();
        let ended = match ended {
            Came::Back(result) => {
                // Its stack is free for others, whatever it still waits for.
                drop(driven.take());
                if let Some(last) = last.filter(|_| run.waits_for_result()) {
                    last.set(Some(LastRun { listed, course: LastCourse::Ended(result) }));
                    return HookOutcome::Ending;
                }
                match self.settled(&run).await {
                    true => Came::Back(run.came_of(result)),
                    false => Came::Off,
                }
            }
            other => other,
        };
        match ended {
            Came::Paused => {
                let driven = driven.take().expect("it was there a moment ago");
                let course = LastCourse::Paused(driven);
                last.expect("it pauses only where there is a place").set(Some(LastRun { listed, course }));
                HookOutcome::Ending
            }
            Came::Back(result) => {
                let lane = run.suspension.take_lane();
                let outcome = finish(worker, &run, about, result);
                hold.take_back(lane).await;
                outcome
            }
            Came::Off => {
                drop(driven.take());
                run.suspension.end();
                if session.drain.mode() == Some(DrainMode::End) {
                    run.end(RunOutcome::EndedWithSession, None);
                }
                HookOutcome::Left
            }
            Came::Away => {
                let driven = driven.take().expect("it was there a moment ago");
                if !hold.lane().is_kept() {
                    hold.take_back(run.suspension.take_lane()).await;
                }
                go_on(worker, driven, about);
                HookOutcome::handled(run.suspension.verdict() == EventVerdict::Handled)
            }
        }
    }

    /// Waits for the answer that a run has gone on without; whether the run may end with it.
    async fn settled(&self, run: &Run) -> bool {
        poll_fn(|context| match run.poll_pending(context) {
            Poll::Ready(()) => Poll::Ready(true),
            // It was killed.
            Poll::Pending if run.history.has_ended() => Poll::Ready(true),
            Poll::Pending if is_off(run) => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        })
        .await
    }
}

/// What came of a run while its event was waiting for it.
enum Came {
    /// It ended.
    Back(Result<ScriptResult, Panic>),
    /// It goes on by itself.
    Away,
    /// Its session is left, and it waited for something.
    Off,
    /// It is the last of its event, and waits for a result without a stack.
    Paused,
}

/// Whether a run is cut off where it waits, since its session is left.
pub(super) fn is_off(run: &Run) -> bool {
    run.session.as_ref().is_some_and(|session| session.drain.is_cut_off()) && !is_last_word(&run.function)
}

/// Lets a run go on by itself.
pub(super) fn go_on(worker: &Rc<Worker>, driven: Driven, about: &About) {
    let run = Rc::clone(driven.run());
    let (owner, about) = (Rc::clone(worker), about.clone());
    Rc::clone(worker).keep(&run, async move {
        let run = Rc::clone(driven.run());
        let result = driven.await;
        poll_fn(|context| run.poll_pending(context)).await;
        let result = run.came_of(result);
        finish(&owner, &run, &about, result);
    });
}

/// Ends a run by what came of its function.
pub(super) fn finish(
    worker: &Rc<Worker>,
    run: &Rc<Run>,
    about: &About,
    result: Result<ScriptResult, Panic>,
) -> HookOutcome {
    run.suspension.end();
    let script = &run.generation.bundle.script.file;
    let asked = run.suspension.verdict() == EventVerdict::Handled;
    // It was killed: whoever did that knows why.
    if run.history.has_ended() {
        return HookOutcome::handled(asked);
    }
    // A condemned run has its own reason.
    if let Some(reason) = run.history.left_over().filter(|_| run.condemned().is_none()) {
        fail(worker, run, about, Fault::of_file(script, reason));
        return HookOutcome::handled(asked);
    }
    let fault = match (run.take_sentence(), result) {
        (Some(place), Ok(Err(error))) => {
            let Fault { file, line, column, .. } = place;
            Fault { file, line, column, ..trace::of_run(script, &error) }
        }
        (Some(fault), Ok(Ok(_))) => fault,
        (None, Ok(Ok(value))) => {
            let outcome = HookOutcome::handled(asked || value.as_bool() == Ok(true));
            let recorded = if outcome == HookOutcome::Handled { RunOutcome::Handled } else { RunOutcome::PassedOn };
            run.end(recorded, None);
            return outcome;
        }
        (None, Ok(Err(error))) => trace::of_run(script, &error),
        (_, Err(_)) => {
            Fault::of_file(script, "the engine panicked in the middle of this run: this is a bug of Hotline")
        }
    };
    fail(worker, run, about, fault);
    HookOutcome::handled(asked)
}

/// Ends a run that failed: tells whoever runs the bot, and the script's `on_error`.
pub(super) fn fail(worker: &Rc<Worker>, run: &Rc<Run>, about: &About, fault: Fault) {
    run.end(RunOutcome::Failed, Some(fault.to_string()));
    let Some(session) = run.session.clone() else { return };
    report(worker, &session, Rc::clone(&run.generation), &run.function, about, fault);
}

fn report(
    worker: &Rc<Worker>,
    session: &Rc<SessionContext>,
    generation: Rc<Generation>,
    function: &str,
    about: &About,
    fault: Fault,
) {
    let fault = trace::with_source(fault, &generation.bundle).while_handling(about, generation.number);
    let events = &worker.services.events;
    if events.is_read() || tracing::enabled!(target: "hotline::script", tracing::Level::ERROR) {
        events.tell(Happening::RunFailed {
            script: generation.name().to_owned(),
            session: session.name.to_string(),
            function: function.to_owned(),
            event: about.to_string(),
            generation: generation.number,
            fault: FaultView::from(&fault),
        });
    }
    if function == Hook::Error.name() || !generation.hooks.contains(&Hook::Error) {
        return;
    }
    let mut error = caught::of_fault(&fault);
    error.insert("script".into(), generation.name().into());
    error.insert("session".into(), session.name.as_ref().into());
    error.insert("hook".into(), function.into());
    error.insert("event".into(), about.as_ref().into());
    error.insert("generation".into(), generation.number.into());
    spawn_local(call_hook(worker, session, &generation, Hook::Error, vec![error.into()]));
}

/// Calls a hook that belongs to no event of the gateway, in the script's own lane. It is taken down before this returns.
pub(crate) fn call_hook(
    worker: &Rc<Worker>,
    session: &Rc<SessionContext>,
    generation: &Rc<Generation>,
    hook: Hook,
    arguments: Vec<Dynamic>,
) -> impl Future<Output = ()> + 'static {
    let arrival = generation.hooks.contains(&hook).then(|| {
        let event = hook_event(generation.name(), hook, &arguments);
        session.journal.arrived(&session.name, &event, None)
    });
    let (worker, session, generation) = (Rc::clone(worker), Rc::clone(session), Rc::clone(generation));
    async move {
        let Some(arrival) = arrival else { return };
        session.journal.ready().await;
        let lane = session.lane(LaneKey::Script(generation.name().to_owned()));
        let (rebuild, function) = (InternalKind::Hook(hook).outlives_its_process(), worker.hook_name(hook));
        loop {
            let hold = Hold::new(session.enter(&lane, generation.name()).await);
            let about = hook.name().into();
            let event = arrival.id();
            let call = Invoker { worker: &worker, session: &session, hold: &hold, event, about, rebuild };
            let outcome = match call.slot(generation.name(), &function).await {
                Ok(slot) => {
                    call.drive(slot, call.begin(&generation, Arc::clone(&function)), arguments.clone(), None).await
                }
                Err(outcome) => outcome,
            };
            match outcome {
                HookOutcome::Left => return leave(&session, arrival),
                HookOutcome::Handled | HookOutcome::PassedOn | HookOutcome::Ending => return arrival.finish(),
                HookOutcome::Held => {}
            }
        }
    }
}

/// Leaves an event to the next process, unless there is none to come.
pub(super) fn leave(session: &SessionContext, arrival: Arrival) {
    if session.drain.mode() == Some(DrainMode::End) {
        arrival.finish();
    }
}
