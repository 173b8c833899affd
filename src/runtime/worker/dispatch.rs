//! From events to calls: which hooks of which scripts are called, in which lane.
//!
//! How a call is made, and what its outcome means, is in `invocation`; what an earlier process had done of an event, in `earlier`.

use std::borrow::Cow;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use rhai::Dynamic;
use tokio::task::spawn_local;

use super::commands::CommandCall;
use super::earlier::{Beginning, Earlier};
use super::internal_event::{InternalCall, InternalEvent};
use super::invocation::{HookOutcome, Invoker, fail, leave};
use super::listing::{About, CountedEvent, Ending, LastPlace, Rest};
use super::rebuild::{rebuilt, wake};
use super::routing::{Routed, is_command};
use super::state::Worker;
use crate::clock::Timestamp;
use crate::protocol::{Event, EventSpec, Hook};
use crate::runtime::context::SessionContext;
use crate::runtime::context::asks::Reply;
use crate::runtime::context::lane::{Hold, LaneEntry, LaneKey};
use crate::runtime::generation::Generation;
use crate::runtime::journal::Arrival;
use crate::runtime::timers::schedule::Beat;
use crate::runtime::timers::timer::{Scheduled, Spec};
use crate::store::{InternalKind, RunOutcome, RunRow, message_number};

/// Takes an event of a session: queues it in its lane at once, so that the order of arrival counts.
pub(crate) fn accept(worker: &Rc<Worker>, session: &Rc<SessionContext>, event: Event) {
    let message = message_id(session, &event);
    let message = message.as_deref();
    if message.is_some_and(|id| is_past_message(session, id)) || is_past_event(session, &event) {
        tracing::info!(
            target: "hotline::session",
            session = &*session.name,
            subcommand = &*event.subcommand,
            "an event that was taken before came again; it is not handled twice"
        );
        return;
    }
    let arrival = session.journal.arrived(&session.name, &event, message);
    if session.drain.mode().is_some() {
        return leave(session, arrival);
    }
    if let Some(kept) = &mut *session.kept.borrow_mut() {
        kept.push_back((event, arrival));
        session.pending.set(session.pending.get() + 1);
        return;
    }
    EventDelivery::new(worker, session, event, arrival).dispatch();
}

/// Dispatches the events that arrived before the session was ready.
pub(crate) fn release_kept(worker: &Rc<Worker>, session: &Rc<SessionContext>) {
    let kept = session.kept.take();
    for (event, arrival) in kept.into_iter().flatten() {
        session.pending.set(session.pending.get() - 1);
        EventDelivery::new(worker, session, event, arrival).dispatch();
    }
}

/// The id by which an event is told from others, where it is to be remembered.
fn message_id<'a>(session: &SessionContext, event: &'a Event) -> Option<Cow<'a, str>> {
    session.journal.is_on().then(|| event.id()).flatten()
}

/// Whether a message was taken longer ago than its session remembers. Ids are numbers that ascend, as a rule: then nothing is
/// looked up for a new one.
fn is_past_message(session: &SessionContext, id: &str) -> bool {
    let (number, highest) = (message_number(id), session.highest_message.get());
    if number.is_some_and(|number| highest.is_none_or(|highest| number > highest)) {
        session.highest_message.set(number);
        return false;
    }
    session.past_messages.borrow().contains(id) || session.journal.has_message(&session.name, id)
}

fn is_past_event(session: &SessionContext, event: &Event) -> bool {
    let mut past = session.past_events.borrow_mut();
    if past.is_none() {
        return false;
    }
    let now = session.clock.elapsed();
    past.take_if(|past| past.is_over(now));
    past.as_mut().is_some_and(|past| past.is_repeated(event, now))
}

/// An event on its way to the scripts.
pub(super) struct EventDelivery {
    worker: Rc<Worker>,
    session: Rc<SessionContext>,
    event: Event,
    arrival: Arrival,
    /// When it arrived in this process, where it did.
    at: Option<Timestamp>,
    earlier: Earlier,
}

impl EventDelivery {
    /// The delivery of an event that is new.
    fn new(worker: &Rc<Worker>, session: &Rc<SessionContext>, event: Event, arrival: Arrival) -> Self {
        let at = Some(session.clock.now());
        Self { at, ..Self::again(worker, session, event, arrival, Earlier::default()) }
    }

    /// The delivery of an event that an earlier process did not see through.
    pub(super) fn again(
        worker: &Rc<Worker>,
        session: &Rc<SessionContext>,
        event: Event,
        arrival: Arrival,
        earlier: Earlier,
    ) -> Self {
        Self { worker: Rc::clone(worker), session: Rc::clone(session), event, arrival, at: None, earlier }
    }

    /// Queues the event in its lane, and calls the hooks that it reaches.
    pub(super) fn dispatch(self) {
        let (worker, session) = (Rc::clone(&self.worker), Rc::clone(&self.session));
        let routed = Routed::read(&self.event, &session.me.borrow());
        session.handle.note_damages(
            EventSpec::named(&self.event.subcommand).map_or("an event", |spec| spec.subcommand),
            routed.damages,
        );
        if routed.hook == Some(Hook::ProfileUpdate)
            && let Some(mid) = routed.object.as_ref().and_then(|object| object.text("mid"))
        {
            session.forget_name(&mid);
        }
        let counted = CountedEvent::new(&session);
        match &routed.chat {
            Some(chat) => {
                let entry = session.lane(LaneKey::Chat(chat.clone())).enter_tail();
                worker.handle(self.in_chat(routed, entry, counted));
            }
            None => worker.handle(self.without_chat(routed, counted)),
        }
    }

    async fn in_chat(self, routed: Routed, entry: LaneEntry, counted: CountedEvent) {
        let hold = Hold::new(entry.await);
        let session = &self.session;
        session.journal.ready().await;
        if session.drain.mode().is_some() {
            return self.leave();
        }
        // Decided now that the lane takes the message, not on its arrival; and once, also where it is taken up again.
        let command = self.command(&routed);
        let declared = command.as_ref().filter(|command| command.is_declared);
        let ask = match (&routed.message, routed.hook) {
            (Some(message), Some(hook)) if declared.is_none() && !self.earlier.has_called(hook.name()) => {
                let is_held = |script: &str| session.is_held(script);
                let of_person = session.asks.claim(message.chat(), message.sender(), is_held);
                // This account is not anyone.
                let is_anyone = of_person.is_none() && hook == Hook::Message;
                let of_anyone = || session.asks.claim_of_anyone(message.chat(), is_held);
                of_person.or_else(|| is_anyone.then(of_anyone).flatten())
            }
            _ => None,
        };
        // Who gives a command has done with the question; it goes on once the command lets go of the chat.
        if let Some(message) = routed.message.as_ref().filter(|_| declared.is_some() && self.earlier.is_empty())
            && let Some(ask) = session.asks.claim(message.chat(), message.sender(), |script| session.is_held(script))
        {
            ask.interrupt();
        }
        let call = self.call(&hold, self.about());
        let last = Cell::new(None);
        let mut is_handled = ask.is_some() || declared.is_some();
        let hook = routed.hook.filter(|_| !is_handled);
        for generation in self.worker.scripts_of(session) {
            let is_its = declared.is_some_and(|command| *command.script == *generation.name());
            let is_last = match &command {
                Some(_) => is_its,
                None => ask.is_none() && self.worker.is_last_of(session, &generation),
            };
            let last = (is_last && self.earlier.is_empty()).then_some(&last);
            let own = declared.filter(|_| is_its);
            match self.offer(&call, &generation, &routed, hook, own, last).await {
                HookOutcome::Handled | HookOutcome::Ending => {
                    is_handled = true;
                    break;
                }
                HookOutcome::PassedOn | HookOutcome::Held => {}
                HookOutcome::Left => return self.leave(),
            }
        }
        // What nobody has declared is answered where nobody has handled it.
        let unknown = command.as_ref().filter(|_| !is_handled);
        if let Some(command) = unknown
            && let Some(generation) = self.worker.scripts_of(session).find(|script| *command.script == *script.name())
        {
            let arguments = routed.arguments(&self.event, &command.function).unwrap_or_default();
            let last = self.earlier.is_empty().then_some(&last);
            // Boxed, since few messages come here, and each has room for this.
            let answer = Box::pin(self.start(&call, &generation, Arc::clone(&command.function), arguments, last));
            if answer.await == HookOutcome::Left {
                return self.leave();
            }
        }
        if let Some(last) = last.take() {
            let about = call.about;
            let arrival = self.arrival;
            let key = last.listed.key();
            return self.worker.listing.keep(key, Rest::Ending(Ending { last, about, hold, arrival, counted }));
        }
        // Boxed: few events have a past, and each that comes has room for this.
        if !self.earlier.is_empty() && Box::pin(self.take_up_unloaded_of_all(&call, &routed)).await == HookOutcome::Left
        {
            return self.leave();
        }
        match (ask, &routed.message) {
            (Some(ask), Some(message)) => {
                let (message, entry) = (message.clone(), hold.lane().enter_head());
                ask.answer(Reply { message, entry, arrival: self.give_up() });
            }
            _ => self.give_up().finish(),
        }
        drop((hold, counted));
    }

    /// Events without a chat go through each script's own lane, one script after the other.
    async fn without_chat(self, routed: Routed, counted: CountedEvent) {
        let session = &self.session;
        session.journal.ready().await;
        for generation in self.worker.scripts_of(session) {
            let hold = self.lane_of(generation.name()).await;
            let call = self.call(&hold, self.about());
            match self.offer(&call, &generation, &routed, routed.hook, None, None).await {
                HookOutcome::Handled | HookOutcome::Ending => break,
                HookOutcome::PassedOn | HookOutcome::Held => {}
                HookOutcome::Left => return self.leave(),
            }
        }
        while let Some(script) = self.earlier.open_script(|script| self.worker.is_unloaded(session, script)) {
            let hold = self.lane_of(&script).await;
            let call = self.call(&hold, self.about());
            let arguments = |function: &str| routed.arguments(&self.event, function);
            if self.take_up_unloaded(&call, &script, arguments).await == HookOutcome::Left {
                return self.leave();
            }
        }
        self.give_up().finish();
        drop(counted);
    }

    /// What its calls are about.
    fn about(&self) -> About {
        match EventSpec::named(&self.event.subcommand) {
            Some(spec) => spec.subcommand.into(),
            None => self.event.subcommand.clone(),
        }
    }

    async fn lane_of(&self, script: &str) -> Hold {
        Hold::new(self.session.lane(LaneKey::Script(script.to_owned())).enter_tail().await)
    }

    fn call<'a>(&'a self, hold: &'a Hold, about: About) -> Invoker<'a> {
        let (worker, session, event) = (&self.worker, &self.session, self.arrival.id());
        Invoker { worker, session, hold, event, about, rebuild: true }
    }

    /// The command that the event is: the one that its earlier process took it for, or as the scripts are now.
    fn command(&self, routed: &Routed) -> Option<CommandCall> {
        let message = routed.message.as_ref().filter(|_| routed.hook == Some(Hook::Message))?;
        if let Some(RunRow { script, function, .. }) = self.earlier.find(is_command) {
            let is_declared = !self.earlier.has_called(Hook::Message.name());
            return Some(CommandCall { script, function, is_declared });
        }
        CommandCall::of(&self.worker, &self.session, message)
    }

    /// Offers the event to one script: first to `on_notify`, whose `true` keeps it from the script's command and its other hooks.
    async fn offer(
        &self,
        call: &Invoker<'_>,
        generation: &Rc<Generation>,
        routed: &Routed,
        hook: Option<Hook>,
        command: Option<&CommandCall>,
        last: LastPlace<'_>,
    ) -> HookOutcome {
        let arguments = |hook: Hook| routed.arguments(&self.event, hook.name()).unwrap_or_default();
        match (self.invoke(call, generation, Hook::Notify, || arguments(Hook::Notify), None).await, hook) {
            (HookOutcome::Handled, _) => HookOutcome::PassedOn,
            (outcome @ (HookOutcome::Left | HookOutcome::Held | HookOutcome::Ending), _) => outcome,
            (HookOutcome::PassedOn, _) if let Some(command) = command => {
                let arguments = routed.arguments(&self.event, &command.function).unwrap_or_default();
                match self.start(call, generation, Arc::clone(&command.function), arguments, last).await {
                    HookOutcome::PassedOn => HookOutcome::Handled,
                    outcome => outcome,
                }
            }
            (HookOutcome::PassedOn, Some(hook)) => self.invoke(call, generation, hook, || arguments(hook), last).await,
            (HookOutcome::PassedOn, None) => HookOutcome::PassedOn,
        }
    }

    async fn invoke(
        &self,
        call: &Invoker<'_>,
        generation: &Rc<Generation>,
        hook: Hook,
        arguments: impl FnOnce() -> Vec<Dynamic>,
        last: LastPlace<'_>,
    ) -> HookOutcome {
        if !generation.hooks.contains(&hook) && !self.earlier.has(generation.name(), hook.name()) {
            return HookOutcome::PassedOn;
        }
        self.start(call, generation, self.worker.hook_name(hook), arguments(), last).await
    }

    /// Calls a function of a script, or takes up the call that an earlier process made of it.
    async fn start(
        &self,
        call: &Invoker<'_>,
        generation: &Rc<Generation>,
        function: Arc<str>,
        arguments: Vec<Dynamic>,
        last: LastPlace<'_>,
    ) -> HookOutcome {
        let slot = match call.slot(generation.name(), &function).await {
            Ok(slot) => slot,
            Err(outcome) => return outcome,
        };
        let run = match self.earlier.take(generation.name(), &function) {
            Beginning::Over(has_handled) => return HookOutcome::handled(has_handled),
            Beginning::Again(record) => match rebuilt(&self.worker, &self.session, call.hold.lane(), *record) {
                Some(run) => run,
                None => return HookOutcome::PassedOn,
            },
            Beginning::Anew => call.begin(generation, function),
        };
        run.tokens.begin(self.session.handle.network(), &self.event, self.at);
        call.drive(slot, run, arguments, last).await
    }

    /// Goes on with the runs of the event that one script began and that does not load at present, on the sources that they began
    /// with.
    async fn take_up_unloaded(
        &self,
        call: &Invoker<'_>,
        script: &str,
        arguments: impl Fn(&str) -> Option<Vec<Dynamic>>,
    ) -> HookOutcome {
        while let Some(RunRow { function, bundle, generation, .. }) = self.earlier.open_of(script) {
            match self.worker.pinned(script, bundle, generation) {
                Ok(pinned) => {
                    let arguments = arguments(&function).unwrap_or_default();
                    let outcome = self.start(call, &pinned, function, arguments, None).await;
                    if matches!(outcome, HookOutcome::Left | HookOutcome::Held) {
                        return outcome;
                    }
                }
                Err(_) => {
                    // What is wrong with it is found again, and is told with the end of the run.
                    if let Beginning::Again(record) = self.earlier.take(script, &function) {
                        rebuilt(&self.worker, &self.session, call.hold.lane(), *record);
                    }
                }
            }
        }
        HookOutcome::PassedOn
    }

    /// As [`take_up_unloaded`](Self::take_up_unloaded), for every such script, in the lane of the event itself.
    async fn take_up_unloaded_of_all(&self, call: &Invoker<'_>, routed: &Routed) -> HookOutcome {
        while let Some(script) = self.earlier.open_script(|script| self.worker.is_unloaded(&self.session, script)) {
            let arguments = |function: &str| routed.arguments(&self.event, function);
            if self.take_up_unloaded(call, &script, arguments).await == HookOutcome::Left {
                return HookOutcome::Left;
            }
        }
        HookOutcome::PassedOn
    }

    /// Calls the function of a timer, or a hook that an earlier process did not come to, on the script's newest generation.
    pub(super) async fn call_internal(self, internal: InternalEvent, mut beat: Option<Beat>) {
        let session = &self.session;
        session.journal.ready().await;
        let lane = internal.lane(session);
        loop {
            let hold = Hold::new(session.enter(&lane, &internal.script).await);
            drop(beat.take());
            if session.drain.mode().is_some() {
                return self.leave();
            }
            let about = match &internal.what {
                InternalCall::Timer(_) => "a timer",
                InternalCall::Hook(hook, _) => hook.name(),
            };
            match self.call_function(&self.call(&hold, about.into()), &internal).await {
                HookOutcome::Left => return self.leave(),
                HookOutcome::Handled | HookOutcome::PassedOn | HookOutcome::Ending => break,
                HookOutcome::Held => {}
            }
        }
        self.give_up().finish();
    }

    /// Calls the function of a timer or a hook, in the lane that it has entered.
    async fn call_function(&self, call: &Invoker<'_>, internal: &InternalEvent) -> HookOutcome {
        let (worker, session) = (&self.worker, &self.session);
        let generation = worker.scripts_of(session).find(|generation| generation.name() == internal.script);
        match (&internal.what, generation) {
            (InternalCall::Timer(timer), _)
                if worker.is_unloaded(session, &internal.script) && self.earlier.is_empty() =>
            {
                if matches!(timer.spec, Spec::After(_)) {
                    session.schedule.put_back(&internal.script, timer.clone(), session.schedule.now(&session.clock));
                }
                HookOutcome::PassedOn
            }
            (InternalCall::Timer(timer), Some(generation)) => {
                let checked = timer.check(&generation.bundle, |name, count| generation.has_function(name, count));
                let function: Arc<str> = timer.function.as_str().into();
                match checked.err().filter(|_| self.earlier.is_empty()) {
                    Some(fault) => {
                        fail(worker, &call.begin(&generation, function), &call.about, fault);
                        HookOutcome::PassedOn
                    }
                    None => self.start(call, &generation, function, timer.values(), None).await,
                }
            }
            (&InternalCall::Hook(hook, ref arguments), Some(generation))
                if InternalKind::Hook(hook).outlives_its_process() =>
            {
                self.invoke(call, &generation, hook, || arguments.clone(), None).await
            }
            (_, None) if worker.is_unloaded(session, &internal.script) => {
                self.take_up_unloaded(call, &internal.script, |_| Some(internal.arguments())).await
            }
            _ => HookOutcome::PassedOn,
        }
    }

    /// Leaves the event to the next process, unless there is none to come.
    fn leave(self) {
        leave(&self.session, self.arrival);
    }

    /// Ends the runs of the event that no script takes up any more; those of scripts that are held go on once these are not. Every
    /// script has had the event.
    fn give_up(self) -> Arrival {
        for record in self.earlier.into_open() {
            if self.session.is_held(&record.run.script) {
                wake(&self.worker, &self.session, &self.event, record);
            } else {
                let now = self.worker.services.clock.now();
                self.session.past_runs.take(record.run.id);
                self.session.followed.wake();
                self.session.journal.close(&record.run, record.standing, now, RunOutcome::ScriptGone, None);
            }
        }
        self.arrival
    }
}

/// Takes a timer that is due down and calls its function.
pub(crate) fn timer_due(worker: &Rc<Worker>, session: &Rc<SessionContext>, due: &Scheduled) {
    let event = due.event();
    let arrival = session.journal.arrived(&session.name, &event, None);
    let internal = InternalEvent { script: due.script.clone(), what: InternalCall::Timer(due.timer.clone()) };
    let beat = session.schedule.beat(due);
    spawn_local(EventDelivery::new(worker, session, event, arrival).call_internal(internal, Some(beat)));
}
