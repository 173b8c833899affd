//! From events to runs: which hooks of which scripts are called, in which lane, and what their outcome means.
//!
//! What an earlier process left behind goes the same way, by `rebuild`.

use std::borrow::Cow;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use rhai::Dynamic;
use tokio::task::spawn_local;

use super::caught;
use super::door::ScriptResult;
use super::fiber::Panic;
use super::generation::Generation;
use super::journal::Arrival;
use super::lane::{Entry, Hold, LaneKey};
use super::leaving::Parting;
use super::live::{Live, Reply};
use super::own::{Own, OwnKind, hook_event, outlives_its_process};
use super::rebuild::{Past, give_up, rebuilt, take_up_all_unloaded, take_up_unloaded};
use super::record::End;
use super::run::{self, Run, Stage, Start};
use super::subject::Subject;
use super::timer::{Beat, Scheduled, Spec};
use super::worker::Worker;
use crate::language::diagnostic::plain_card;
use crate::language::fault::Fault;
use crate::language::trace;
use crate::protocol::{Event, EventSpec, Hook};
use crate::store::{RunOutcome, RunRecord, message_number};

/// What came of a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It returned `true`, or asked somebody something: no further script gets the event.
    Handled,
    /// It returned something else, failed, or sleeps.
    PassedOn,
    /// It was not called, since its script went missing before its turn came.
    Held,
    /// Its session is left: the event is the next process's business.
    Left,
}

/// What all calls for one event share.
pub(super) struct Call<'a> {
    pub(super) live: &'a Rc<Live>,
    pub(super) hold: &'a Hold,
    pub(super) event: u64,
    /// What the call is about, for messages: the event's subcommand, or what takes its place.
    pub(super) about: Rc<str>,
    /// Whether a run of it is rebuilt when its process ends before it does.
    pub(super) rebuild: bool,
    pub(super) past: &'a Past,
}

/// Takes an event of a session: queues it in its lane at once, so that the order of arrival counts.
pub(crate) fn accept(worker: &Rc<Worker>, live: &Rc<Live>, event: Event) {
    let message = message_id(live, &event);
    if message.as_deref().is_some_and(|id| is_past_message(live, id)) || is_past_event(live, &event) {
        tracing::info!(
            target: "hotline::session",
            session = &*live.name,
            subcommand = event.subcommand,
            "an event that was taken before came again; it is not handled twice"
        );
        return;
    }
    if let Some(id) = message {
        live.journal.note_message(&live.name, id, live.clock.now());
    }
    let arrival = live.journal.arrived(&live.name, &event, live.clock.now());
    if live.leaving.parting().is_some() {
        return leave(live, arrival);
    }
    if let Some(kept) = &mut *live.kept.borrow_mut() {
        kept.push_back((event, arrival));
        live.pending.set(live.pending.get() + 1);
        return;
    }
    dispatch(worker, live, event, arrival, Past::default());
}

/// Dispatches the events that arrived before the session was ready.
pub(crate) fn release_kept(worker: &Rc<Worker>, live: &Rc<Live>) {
    let kept = live.kept.take();
    for (event, arrival) in kept.into_iter().flatten() {
        live.pending.set(live.pending.get() - 1);
        dispatch(worker, live, event, arrival, Past::default());
    }
}

/// Leaves an event to the next process, unless there is none to come.
fn leave(live: &Live, arrival: Arrival) {
    if live.leaving.parting() == Some(Parting::End) {
        arrival.finish();
    }
}

/// The id of the message that an event brings, where it is to be remembered.
fn message_id(live: &Live, event: &Event) -> Option<String> {
    let id = live.journal.is_on().then(|| EventSpec::message_id(&event.subcommand, event.content.as_str())).flatten();
    id.map(Cow::into_owned)
}

/// Whether a message was taken longer ago than its session remembers. Ids are numbers that ascend, as a rule: then nothing is
/// looked up for a new one.
fn is_past_message(live: &Live, id: &str) -> bool {
    let (number, highest) = (message_number(id), live.highest_message.get());
    if number.is_some_and(|number| highest.is_none_or(|highest| number > highest)) {
        live.highest_message.set(number);
        return false;
    }
    live.past_messages.borrow().contains(id) || live.journal.has_message(&live.name, id)
}

fn is_past_event(live: &Live, event: &Event) -> bool {
    let (mut past, now) = (live.past_events.borrow_mut(), live.clock.elapsed());
    past.take_if(|past| past.is_over(now));
    past.as_mut().is_some_and(|past| past.is_repeated(event, now))
}

pub(super) fn dispatch(worker: &Rc<Worker>, live: &Rc<Live>, event: Event, arrival: Arrival, past: Past) {
    let subject = Subject::read(event, &live.me.borrow());
    live.handle.note_damages(
        EventSpec::named(&subject.event.subcommand).map_or("an event", |spec| spec.subcommand),
        subject.damages,
    );
    if subject.hook == Some(Hook::ProfileUpdate)
        && let Some(mid) = subject.object.as_ref().and_then(|object| object.text("mid"))
    {
        live.forget_name(&mid);
    }
    match &subject.chat {
        Some(chat) => {
            let entry = live.lane(LaneKey::Chat(chat.clone())).enter_tail();
            worker.handle(live, in_chat(Rc::clone(worker), Rc::clone(live), subject, arrival, past, entry));
        }
        None => worker.handle(live, without_chat(Rc::clone(worker), Rc::clone(live), subject, arrival, past)),
    }
}

async fn in_chat(worker: Rc<Worker>, live: Rc<Live>, subject: Subject, arrival: Arrival, past: Past, entry: Entry) {
    let hold = Hold::new(entry.await);
    live.journal.ready().await;
    if live.leaving.parting().is_some() {
        return leave(&live, arrival);
    }
    // Decided now that the lane takes the message, not on its arrival; and once, also where it is taken up again.
    let ask = match (&subject.message, subject.hook) {
        (Some(message), Some(hook)) if !past.has_called(hook.name()) => live.claim(message.chat(), message.sender()),
        _ => None,
    };
    let about = subject.event.subcommand.as_str().into();
    let call = Call { live: &live, hold: &hold, event: arrival.id(), about, rebuild: true, past: &past };
    for generation in worker.scripts_of(&live) {
        let hook = subject.hook.filter(|_| ask.is_none());
        match offer(&worker, &call, &generation, &subject, hook).await {
            Outcome::Handled => break,
            Outcome::PassedOn | Outcome::Held => {}
            Outcome::Left => return leave(&live, arrival),
        }
    }
    if !past.is_empty() {
        // Boxed: few events have a past, and each that comes has room for this.
        if Box::pin(take_up_all_unloaded(&worker, &call, &subject)).await == Outcome::Left {
            return leave(&live, arrival);
        }
        give_up(&worker, &live, &subject.event, past);
    }
    match (ask, subject.message) {
        (Some(ask), Some(message)) => ask.answer(Reply { message, entry: hold.lane().enter_head(), arrival }),
        _ => arrival.finish(),
    }
    drop(hold);
}

/// Events without a chat go through each script's own lane, one script after the other.
async fn without_chat(worker: Rc<Worker>, live: Rc<Live>, subject: Subject, arrival: Arrival, past: Past) {
    live.journal.ready().await;
    for generation in worker.scripts_of(&live) {
        let hold = Hold::new(live.lane(LaneKey::Script(generation.name().to_owned())).enter_tail().await);
        let about = subject.event.subcommand.as_str().into();
        let call = Call { live: &live, hold: &hold, event: arrival.id(), about, rebuild: true, past: &past };
        match offer(&worker, &call, &generation, &subject, subject.hook).await {
            Outcome::Handled => break,
            Outcome::PassedOn | Outcome::Held => {}
            Outcome::Left => return leave(&live, arrival),
        }
    }
    while let Some(script) = past.unloaded(&worker, &live) {
        let hold = Hold::new(live.lane(LaneKey::Script(script.to_string())).enter_tail().await);
        let about = subject.event.subcommand.as_str().into();
        let call = Call { live: &live, hold: &hold, event: arrival.id(), about, rebuild: true, past: &past };
        if take_up_unloaded(&worker, &call, &script, |function| subject.arguments(function)).await == Outcome::Left {
            return leave(&live, arrival);
        }
    }
    give_up(&worker, &live, &subject.event, past);
    arrival.finish();
}

/// Offers an event to one script: first to `on_notify`, whose `true` keeps it from the script's other hooks.
async fn offer(
    worker: &Rc<Worker>,
    call: &Call<'_>,
    generation: &Rc<Generation>,
    subject: &Subject,
    hook: Option<Hook>,
) -> Outcome {
    let arguments = |hook: Hook| subject.arguments(hook.name()).unwrap_or_default();
    match (invoke(worker, call, generation, Hook::Notify, || arguments(Hook::Notify)).await, hook) {
        (Outcome::Handled, _) => Outcome::PassedOn,
        (outcome @ (Outcome::Left | Outcome::Held), _) => outcome,
        (Outcome::PassedOn, Some(hook)) => invoke(worker, call, generation, hook, || arguments(hook)).await,
        (Outcome::PassedOn, None) => Outcome::PassedOn,
    }
}

/// Calls a hook that belongs to no event of the gateway, in the script's own lane. It is taken down before this returns.
pub(crate) fn call_hook(
    worker: &Rc<Worker>,
    live: &Rc<Live>,
    generation: &Rc<Generation>,
    hook: Hook,
    arguments: Vec<Dynamic>,
) -> impl Future<Output = ()> + 'static {
    let arrival = generation.hooks.contains(&hook).then(|| {
        let event = hook_event(generation.name(), hook, &arguments);
        live.journal.arrived(&live.name, &event, live.clock.now())
    });
    let (worker, live, generation) = (Rc::clone(worker), Rc::clone(live), Rc::clone(generation));
    async move {
        let Some(arrival) = arrival else { return };
        live.journal.ready().await;
        let lane = live.lane(LaneKey::Script(generation.name().to_owned()));
        let (past, rebuild) = (Past::default(), outlives_its_process(hook));
        loop {
            let hold = Hold::new(live.enter(&lane, generation.name()).await);
            let about = hook.name().into();
            let call = Call { live: &live, hold: &hold, event: arrival.id(), about, rebuild, past: &past };
            match invoke(&worker, &call, &generation, hook, || arguments.clone()).await {
                Outcome::Left => return leave(&live, arrival),
                Outcome::Handled | Outcome::PassedOn => return arrival.finish(),
                Outcome::Held => {}
            }
        }
    }
}

/// Takes a timer that is due down and calls its function.
pub(crate) fn timer_due(worker: &Rc<Worker>, live: &Rc<Live>, due: &Scheduled) {
    let event = due.event();
    let arrival = live.journal.arrived(&live.name, &event, live.clock.now());
    let own = Own { script: due.script.clone(), what: OwnKind::Timer(due.timer.clone()) };
    let beat = live.schedule.beat(due);
    spawn_local(call_own(Rc::clone(worker), Rc::clone(live), event, own, arrival, Past::default(), Some(beat)));
}

/// Calls the function of a timer, or a hook that an earlier process did not come to, on the script's newest generation.
pub(super) async fn call_own(
    worker: Rc<Worker>,
    live: Rc<Live>,
    event: Event,
    own: Own,
    arrival: Arrival,
    past: Past,
    beat: Option<Beat>,
) {
    live.journal.ready().await;
    let lane = own.lane(&live);
    let mut beat = beat;
    loop {
        let hold = Hold::new(live.enter(&lane, &own.script).await);
        drop(beat.take());
        if live.leaving.parting().is_some() {
            return leave(&live, arrival);
        }
        let about = match &own.what {
            OwnKind::Timer(_) => "a timer".into(),
            OwnKind::Hook(hook, _) => hook.name().into(),
        };
        let call = Call { live: &live, hold: &hold, event: arrival.id(), about, rebuild: true, past: &past };
        match call_function(&worker, &call, &own).await {
            Outcome::Left => return leave(&live, arrival),
            Outcome::Handled | Outcome::PassedOn => break,
            Outcome::Held => {}
        }
    }
    give_up(&worker, &live, &event, past);
    arrival.finish();
}

/// Calls the function of a timer or a hook, in the lane that it has entered.
async fn call_function(worker: &Rc<Worker>, call: &Call<'_>, own: &Own) -> Outcome {
    let (live, past) = (call.live, call.past);
    let generation = worker.scripts_of(live).find(|generation| generation.name() == own.script);
    match (&own.what, generation) {
        (OwnKind::Timer(timer), _) if worker.is_unloaded(live, &own.script) && past.is_empty() => {
            if matches!(timer.spec, Spec::After(_)) {
                live.schedule.put_back(&own.script, timer.clone(), live.schedule.now(&live.clock));
            }
            Outcome::PassedOn
        }
        (OwnKind::Timer(timer), Some(generation)) => {
            let fault = timer.check(&generation).err().filter(|_| past.is_empty());
            let function: Arc<str> = timer.function.as_str().into();
            match fault {
                Some(fault) => {
                    let run = new_run(worker, call, &generation, function);
                    fail(worker, &run, &call.about, fault);
                    Outcome::PassedOn
                }
                None => start(worker, call, &generation, function, timer.values()).await,
            }
        }
        (OwnKind::Hook(hook, arguments), Some(generation)) if outlives_its_process(*hook) => {
            invoke(worker, call, &generation, *hook, || arguments.clone()).await
        }
        (_, None) if worker.is_unloaded(live, &own.script) => {
            take_up_unloaded(worker, call, &own.script, |_| Some(own.arguments())).await
        }
        _ => Outcome::PassedOn,
    }
}

async fn invoke(
    worker: &Rc<Worker>,
    call: &Call<'_>,
    generation: &Rc<Generation>,
    hook: Hook,
    arguments: impl FnOnce() -> Vec<Dynamic>,
) -> Outcome {
    if !generation.hooks.contains(&hook) && !call.past.has(generation.name(), hook.name()) {
        return Outcome::PassedOn;
    }
    start(worker, call, generation, worker.hook_name(hook), arguments()).await
}

/// Runs a function until it ends, or until it waits for something long and goes on by itself.
pub(super) async fn start(
    worker: &Rc<Worker>,
    call: &Call<'_>,
    generation: &Rc<Generation>,
    function: Arc<str>,
    arguments: Vec<Dynamic>,
) -> Outcome {
    // Events wait their turn as events, which are small, and not as started runs.
    let mut turn = worker.turns.acquire().await.ok();
    if call.live.journal.is_held() {
        call.live.journal.released().await;
    }
    let leaving = &call.live.leaving;
    let is_last = run::is_last_word(&function);
    if leaving.parting().is_some() && !is_last {
        return Outcome::Left;
    }
    // It may have gone while the event waited.
    if !is_last && !worker.is_there(call.live, generation.name()) {
        return Outcome::PassedOn;
    }
    if !is_last && call.live.is_held(generation.name()) {
        return Outcome::Held;
    }
    let run = match call.past.take(generation.name(), &function) {
        Some(RunRecord { standing, .. }) if standing.ended.is_some() => {
            return if standing.outcome == RunOutcome::Handled { Outcome::Handled } else { Outcome::PassedOn };
        }
        Some(past) => match rebuilt(worker, call.live, call.hold.lane(), past) {
            Some(run) => run,
            None => return Outcome::PassedOn,
        },
        None => new_run(worker, call, generation, function),
    };
    let _listed = worker.list(&run);
    run.enter();
    run.note();
    let mut driven = match run.generation.start(Rc::clone(&run), arguments) {
        Ok(driven) => Some(driven),
        Err(error) => {
            let fault = Fault::of_file(&run.generation.bundle.script.file, error);
            fail(worker, &run, &call.about, fault);
            return Outcome::PassedOn;
        }
    };
    run.guard.replace(call.hold.lend());
    let ended = poll_fn(|context| {
        let driven = driven.as_mut().expect("it is taken out only when this future is done");
        match Pin::new(driven).poll(context) {
            Poll::Ready(result) => Poll::Ready(Came::Back(result)),
            Poll::Pending if run.has_let_go.get() => Poll::Ready(Came::Away),
            Poll::Pending if leaving.is_cut_off() && !is_last => Poll::Ready(Came::Off),
            Poll::Pending => {
                // Whoever holds the lane that it comes back to may wait for a turn.
                turn.take_if(|_| run.guard.borrow().is_none());
                Poll::Pending
            }
        }
    })
    .await;
    match ended {
        Came::Back(result) => {
            let guard = run.guard.take();
            let outcome = finish(worker, &run, &call.about, result);
            call.hold.take_back(guard).await;
            outcome
        }
        Came::Off => {
            drop(driven.take());
            run.guard.take();
            run.active.take();
            if leaving.parting() == Some(Parting::End) {
                end(&run, ENDED_WITH_SESSION, None);
            }
            Outcome::Left
        }
        Came::Away => {
            let driven = driven.take().expect("it was there a moment ago");
            if !call.hold.lane().is_kept() {
                call.hold.take_back(run.guard.take()).await;
            }
            go_on(worker, driven, &call.about);
            if run.stage.get() == Stage::Asked { Outcome::Handled } else { Outcome::PassedOn }
        }
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
}

fn new_run(worker: &Worker, call: &Call<'_>, generation: &Rc<Generation>, function: Arc<str>) -> Rc<Run> {
    Run::new(Start {
        event: call.event,
        function,
        generation: Rc::clone(generation),
        live: Some(Rc::clone(call.live)),
        lane: call.hold.lane().clone(),
        limits: Rc::clone(&worker.services.limits),
        started: worker.services.clock.now(),
        rebuild: call.rebuild,
        past: None,
    })
}

/// Lets a run go on by itself.
pub(super) fn go_on(worker: &Rc<Worker>, driven: run::Driven, about: &Rc<str>) {
    let run = Rc::clone(driven.run());
    let (owner, about) = (Rc::clone(worker), Rc::clone(about));
    Rc::clone(worker).keep(&run, async move {
        let run = Rc::clone(driven.run());
        let result = driven.await;
        finish(&owner, &run, &about, result);
    });
}

/// How a run is recorded whose event reached no further script.
const HANDLED: &str = "handled";
/// How a run is recorded whose session is not there any more.
pub(crate) const ENDED_WITH_SESSION: &str = "ended with its session";
/// How a run is recorded that the next process makes anew, or has no use for.
pub(crate) const ENDED_WITH_PROCESS: &str = "ended with its process";

fn finish(worker: &Rc<Worker>, run: &Rc<Run>, about: &Rc<str>, result: Result<ScriptResult, Panic>) -> Outcome {
    run.guard.take();
    run.active.take();
    let file = &run.generation.bundle.script.file;
    let handled = |value: bool| if value { Outcome::Handled } else { Outcome::PassedOn };
    let asked = run.stage.get() == Stage::Asked;
    // It was killed: whoever did that knows why.
    if run.record.end().is_some() {
        return handled(asked);
    }
    // A condemned run has its own reason.
    if let Some(reason) = run.record.left_over().filter(|_| run.condemned().is_none()) {
        fail(worker, run, about, Fault::of_file(file, reason));
        return handled(asked);
    }
    let fault = match result {
        Ok(Ok(value)) => {
            let outcome = handled(asked || value.as_bool() == Ok(true));
            end(run, if outcome == Outcome::Handled { HANDLED } else { "passed on" }, None);
            return outcome;
        }
        Ok(Err(error)) => trace::of_run(file, &error),
        Err(_) => Fault::of_file(file, "the engine panicked in the middle of this run: this is a bug of Hotline"),
    };
    fail(worker, run, about, fault);
    handled(asked)
}

/// Takes down how a run ended.
pub(crate) fn end(run: &Rc<Run>, outcome: &'static str, fault: Option<String>) {
    run.record.set_end(End { at: run.now(), outcome, fault });
    run.settle_answers();
    run.note();
}

/// Ends a run that failed: tells whoever runs the bot, and the script's `on_error`.
pub(super) fn fail(worker: &Rc<Worker>, run: &Rc<Run>, about: &Rc<str>, fault: Fault) {
    end(run, "failed", Some(fault.to_string()));
    let Some(live) = run.live.clone() else { return };
    report(worker, &live, Rc::clone(&run.generation), &run.function, about, fault);
}

fn report(
    worker: &Rc<Worker>,
    live: &Rc<Live>,
    generation: Rc<Generation>,
    function: &str,
    about: &Rc<str>,
    fault: Fault,
) {
    let fault = trace::with_source(fault, &generation.bundle).while_handling(about, generation.number);
    tracing::error!(
        target: "hotline::script",
        script = generation.name(), session = &*live.name, function, event = &**about,
        generation = generation.number, card = plain_card(&fault), "{fault}"
    );
    if function == Hook::Error.name() || !generation.hooks.contains(&Hook::Error) {
        return;
    }
    let mut error = caught::of_fault(&fault);
    error.insert("script".into(), generation.name().into());
    error.insert("session".into(), live.name.as_ref().into());
    error.insert("hook".into(), function.into());
    error.insert("event".into(), about.as_ref().into());
    error.insert("generation".into(), i64::try_from(generation.number).unwrap_or(i64::MAX).into());
    spawn_local(call_hook(worker, live, &generation, Hook::Error, vec![error.into()]));
}
