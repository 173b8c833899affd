//! From events to runs: which hooks of which scripts are called, in which lane, and what their outcome means.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use rhai::Dynamic;
use tokio::task::spawn_local;

use super::door::ScriptResult;
use super::fault::Fault;
use super::fiber::Panic;
use super::generation::Generation;
use super::lane::{Entry, Lane};
use super::live::{LaneKey, Live};
use super::object::{self, Message};
use super::run::{self, Run, Stage, Start};
use super::timer::Scheduled;
use super::value;
use super::worker::Worker;
use crate::protocol::{Event, EventSpec, Hook};

/// What came of a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// It returned `true`, or asked somebody something: no further script gets the event.
    Handled,
    /// It returned something else, failed, or sleeps.
    PassedOn,
}

/// One call of a function of a script.
struct Call<'a> {
    live: &'a Rc<Live>,
    lane: &'a Lane,
    event: u64,
    /// What the call is about, for messages: the event's subcommand, or what takes its place.
    about: Rc<str>,
}

/// Takes an event of a session: queues it in its lane at once, so that the order of arrival counts.
pub(crate) fn accept(worker: &Rc<Worker>, live: &Rc<Live>, event: Event) {
    if let Some(kept) = &mut *live.kept.borrow_mut() {
        kept.push_back(event);
        return;
    }
    let spec = EventSpec::named(&event.subcommand);
    let is_message =
        spec.and_then(|spec| spec.hook).is_some_and(|hook| matches!(hook, Hook::Message | Hook::OwnMessage));
    if is_message && let Some(message) = Message::read(event.content.clone(), &live.me.borrow()) {
        let lane = live.lane(LaneKey::Chat(message.chat().to_owned()));
        let entry = lane.enter_tail();
        worker.handle(live, handle_message(Rc::clone(worker), Rc::clone(live), event, message, lane, entry));
        return;
    }
    // A message that is no object has no sender and no chat: it reaches on_notify only.
    let spec = spec.filter(|_| !is_message);
    let object = spec.map(|spec| object::Event::new(spec, &event.content, &live.me.borrow()));
    if let (Some(Hook::ProfileUpdate), Some(object)) = (spec.and_then(|spec| spec.hook), &object)
        && let Some(mid) = object.text("mid")
    {
        live.forget_name(&mid);
    }
    let chat = spec.and_then(|spec| spec.chat).zip(object.as_ref()).and_then(|(field, object)| object.text(field));
    match chat {
        Some(chat) => {
            let lane = live.lane(LaneKey::Chat(chat));
            let entry = lane.enter_tail();
            worker.handle(live, handle_in_chat(Rc::clone(worker), Rc::clone(live), event, object, lane, entry));
        }
        None => worker.handle(live, handle_without_chat(Rc::clone(worker), Rc::clone(live), event, object)),
    }
}

async fn handle_message(worker: Rc<Worker>, live: Rc<Live>, event: Event, message: Message, lane: Lane, entry: Entry) {
    let guard = entry.await;
    let own = event.subcommand == "SEND_MESSAGE" || message.sender() == live.me.borrow().as_str();
    // Decided now that the lane takes the message, not on its arrival.
    let ask = if own { None } else { live.claim(message.chat(), message.sender()) };
    let hook = if own { Hook::OwnMessage } else { Hook::Message };
    let call = Call { live: &live, lane: &lane, event: run::next_id(), about: event.subcommand.as_str().into() };
    for generation in worker.scripts_of(&live) {
        if notify(&worker, &call, &generation, &event).await == Outcome::Handled || ask.is_some() {
            continue;
        }
        if invoke(&worker, &call, &generation, hook, || vec![Dynamic::from(message.clone())]).await == Outcome::Handled
        {
            break;
        }
    }
    if let Some(ask) = ask {
        ask.answer(message, lane.enter_head());
    }
    drop(guard);
}

async fn handle_in_chat(
    worker: Rc<Worker>,
    live: Rc<Live>,
    event: Event,
    object: Option<object::Event>,
    lane: Lane,
    entry: Entry,
) {
    let _guard = entry.await;
    let call = Call { live: &live, lane: &lane, event: run::next_id(), about: event.subcommand.as_str().into() };
    for generation in worker.scripts_of(&live) {
        if offer(&worker, &call, &generation, &event, object.as_ref()).await == Outcome::Handled {
            break;
        }
    }
}

/// Events without a chat go through each script's own lane, one script after the other.
async fn handle_without_chat(worker: Rc<Worker>, live: Rc<Live>, event: Event, object: Option<object::Event>) {
    let id = run::next_id();
    for generation in worker.scripts_of(&live) {
        let lane = live.lane(LaneKey::Script(generation.name().to_owned()));
        let _guard = lane.enter_tail().await;
        let call = Call { live: &live, lane: &lane, event: id, about: event.subcommand.as_str().into() };
        if offer(&worker, &call, &generation, &event, object.as_ref()).await == Outcome::Handled {
            break;
        }
    }
}

/// Offers an event that is no message to one script.
async fn offer(
    worker: &Rc<Worker>,
    call: &Call<'_>,
    generation: &Rc<Generation>,
    event: &Event,
    object: Option<&object::Event>,
) -> Outcome {
    if notify(worker, call, generation, event).await == Outcome::Handled {
        return Outcome::PassedOn;
    }
    let hook = EventSpec::named(&event.subcommand).and_then(|spec| spec.hook);
    let Some((hook, object)) = hook.zip(object) else { return Outcome::PassedOn };
    let argument = || match hook {
        Hook::Invite => Dynamic::from(object.clone().into_invite()),
        _ => Dynamic::from(object.clone()),
    };
    invoke(worker, call, generation, hook, || vec![argument()]).await
}

/// Calls `on_notify`; handled means that the script's other hooks do not get the event.
async fn notify(worker: &Rc<Worker>, call: &Call<'_>, generation: &Rc<Generation>, event: &Event) -> Outcome {
    let arguments = || vec![event.subcommand.as_str().into(), value::from_content(event.content.as_str())];
    invoke(worker, call, generation, Hook::Notify, arguments).await
}

/// Calls a hook that belongs to no event of the gateway, in the script's own lane.
pub(crate) async fn call_hook(
    worker: &Rc<Worker>,
    live: &Rc<Live>,
    generation: &Rc<Generation>,
    hook: Hook,
    arguments: Vec<Dynamic>,
) {
    if !generation.hooks.contains(&hook) {
        return;
    }
    let lane = live.lane(LaneKey::Script(generation.name().to_owned()));
    let _guard = lane.enter_tail().await;
    let call = Call { live, lane: &lane, event: run::next_id(), about: hook.name().into() };
    invoke(worker, &call, generation, hook, || arguments).await;
}

/// Calls the function of a timer that is due, on the script's newest generation.
pub(crate) async fn call_timer(worker: Rc<Worker>, live: Rc<Live>, due: Scheduled) {
    let Some(generation) = worker.scripts_of(&live).find(|generation| generation.name() == due.script) else { return };
    if let Err(fault) = due.timer.check(&generation) {
        tracing::error!(session = &*live.name, script = due.script, "{fault}");
        return;
    }
    let lane = live.lane(LaneKey::Script(due.script.clone()));
    let _guard = lane.enter_tail().await;
    let call = Call { live: &live, lane: &lane, event: run::next_id(), about: "a timer".into() };
    start(&worker, &call, &generation, due.timer.function.as_str().into(), due.timer.values()).await;
}

async fn invoke(
    worker: &Rc<Worker>,
    call: &Call<'_>,
    generation: &Rc<Generation>,
    hook: Hook,
    arguments: impl FnOnce() -> Vec<Dynamic>,
) -> Outcome {
    if !generation.hooks.contains(&hook) {
        return Outcome::PassedOn;
    }
    start(worker, call, generation, worker.hook_name(hook), arguments()).await
}

/// Runs a function until it ends, or until it waits for something long and goes on by itself.
async fn start(
    worker: &Rc<Worker>,
    call: &Call<'_>,
    generation: &Rc<Generation>,
    function: Rc<str>,
    arguments: Vec<Dynamic>,
) -> Outcome {
    // Events wait their turn as events, which are small, and not as started runs.
    let _turn = worker.turns.acquire().await;
    let run = Run::new(Start {
        event: call.event,
        function,
        generation: Rc::clone(generation),
        live: Some(Rc::clone(call.live)),
        lane: call.lane.clone(),
        limits: Rc::clone(&worker.services.limits),
    });
    let mut driven = match generation.start(Rc::clone(&run), arguments) {
        Ok(driven) => Some(driven),
        Err(error) => {
            tracing::error!(session = &*call.live.name, script = generation.name(), "{error}");
            return Outcome::PassedOn;
        }
    };
    let ended = poll_fn(|context| {
        let driven = driven.as_mut().expect("it is taken out only when this future is done");
        match Pin::new(driven).poll(context) {
            Poll::Ready(result) => Poll::Ready(Some(result)),
            Poll::Pending if run.stage.get() != Stage::Attached => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await;
    match ended {
        Some(result) => finish(worker, &run, &call.about, result),
        None => {
            let driven = driven.take().expect("it was there a moment ago");
            let (worker, about) = (Rc::clone(worker), Rc::clone(&call.about));
            worker.clone().keep(&run, async move {
                let run = Rc::clone(driven.run());
                let result = driven.await;
                finish(&worker, &run, &about, result);
            });
            if run.stage.get() == Stage::Asked { Outcome::Handled } else { Outcome::PassedOn }
        }
    }
}

fn finish(worker: &Rc<Worker>, run: &Rc<Run>, about: &Rc<str>, result: Result<ScriptResult, Panic>) -> Outcome {
    run.guard.take();
    let file = &run.generation.bundle.script.file;
    let fault = match result {
        Ok(Ok(value)) => {
            let handled = run.stage.get() == Stage::Asked || value.as_bool() == Ok(true);
            return if handled { Outcome::Handled } else { Outcome::PassedOn };
        }
        Ok(Err(error)) => Fault::of_run(file, &error),
        Err(_) => Fault::of_file(file, "the engine panicked in the middle of this run: this is a bug of Hotline"),
    };
    report(worker, run, about, fault);
    if run.stage.get() == Stage::Asked { Outcome::Handled } else { Outcome::PassedOn }
}

/// Tells whoever runs the bot, and the script's `on_error`, that a run failed.
fn report(worker: &Rc<Worker>, run: &Rc<Run>, about: &Rc<str>, fault: Fault) {
    let Some(live) = run.live.clone() else { return };
    let generation = Rc::clone(&run.generation);
    let fault = fault.with_source(&generation.bundle).while_handling(about, generation.number);
    tracing::error!(
        target: "hotline::script",
        script = generation.name(), session = &*live.name, function = &*run.function, event = &**about,
        generation = generation.number, card = format!("{fault:#}"), "{fault}"
    );
    if &*run.function == Hook::Error.name() || !generation.hooks.contains(&Hook::Error) {
        return;
    }
    let mut error = fault.to_map();
    error.insert("script".into(), generation.name().into());
    error.insert("session".into(), live.name.as_ref().into());
    error.insert("hook".into(), run.function.as_ref().into());
    error.insert("event".into(), about.as_ref().into());
    error.insert("generation".into(), i64::try_from(generation.number).unwrap_or(i64::MAX).into());
    let worker = Rc::clone(worker);
    spawn_local(async move { call_hook(&worker, &live, &generation, Hook::Error, vec![error.into()]).await });
}
