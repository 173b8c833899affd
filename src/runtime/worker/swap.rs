//! Other scripts for sessions that stay live: generations are swapped, and a session gets and loses scripts.
//!
//! Which versions there are, and when they are handed to workers, is decided above, in `reload` and by the host.

use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

use rhai::{Dynamic, Map};
use tokio::task::spawn_local;

use super::commands::warn_of_same_commands;
use super::invocation::call_hook;
use super::orders::Update;
use super::state::Worker;
use crate::language::fault::Fault;
use crate::protocol::Hook;
use crate::runtime::context::SessionContext;
use crate::runtime::generation::Generation;
use crate::runtime::run::Run;
use crate::session::Media;
use crate::store::RunOutcome;

/// How many runs the log names that go on with an old version.
const SHOWN: usize = 5;

impl Worker {
    /// Takes over other versions of scripts. While they load, events are handled by those before them.
    pub(super) async fn update(self: &Rc<Self>, update: Update) -> Result<(), Fault> {
        // A top level may want the secrets.
        if let Some(setup) = &update.setup {
            self.services.setup.replace(Arc::clone(setup));
        }
        let mut loaded = Vec::with_capacity(update.loaded.len());
        for (bundle, number) in &update.loaded {
            loaded.push(self.loader.load_beside(bundle, *number).await?);
        }
        self.swap(&update, loaded);
        Ok(())
    }

    fn swap(self: &Rc<Self>, update: &Update, loaded: Vec<Rc<Generation>>) {
        // From here on nothing fails, and nothing else runs on this thread until every script is swapped.
        let sessions: Vec<_> = self.sessions.borrow().values().map(|attached| Rc::clone(&attached.session)).collect();
        if let Some(setup) = &update.setup {
            let follow = |session: &Rc<SessionContext>| {
                session.schedule.set_zone(setup.zone.clone(), session.schedule.now(&session.clock));
            };
            sessions.iter().for_each(follow);
        }
        for name in &update.removed {
            self.forget(name, &sessions);
        }
        for name in &update.missing {
            self.unloaded.borrow_mut().remove(name);
            self.holding.hold(name);
        }
        for generation in loaded {
            match generation.bundle.is_blank() {
                true => self.unloaded.borrow_mut().insert(generation.name().to_owned()),
                false => self.unloaded.borrow_mut().remove(generation.name()),
            };
            self.holding.release(generation.name());
            self.journal.pin(generation.pin(), generation.name(), || generation.pinned());
            let previous = self.take_out(generation.name());
            self.put_in(&generation);
            if !generation.bundle.is_blank() {
                self.supersede(&generation, previous.as_deref());
            }
            for session in sessions.iter().filter(|session| session.runs(generation.name())) {
                declare_timers(session, &generation);
                warn_of_same_commands(self, session, &generation);
                match &previous {
                    Some(previous) if session.begun.borrow().contains(generation.name()) => {
                        self.hook_later(session, &generation, Hook::Reload, vec![describe(previous)]);
                    }
                    // The login that it waits for starts it.
                    Some(_) => {}
                    None => self.begin(session, &generation),
                }
                // A timer may have waited for this.
                session.schedule.wake();
            }
        }
        for name in &update.returned {
            self.take_back(name, &sessions);
        }
        self.journal.note_data();
    }

    /// Has what runs on the generations before one give way to it, where it waits at a question that says so. Says what goes on.
    fn supersede(&self, newest: &Rc<Generation>, previous: Option<&Generation>) {
        let name = newest.name();
        let is_old = |run: &Run| run.generation.name() == name && !Rc::ptr_eq(&run.generation, newest);
        previous.into_iter().for_each(Generation::supersede);
        let parked = self.parked.borrow();
        parked.values().filter(|(run, _)| is_old(run)).for_each(|(run, _)| run.generation.supersede());
        drop(parked);
        let asks_so = |run: &Run| run.session.as_ref().is_some_and(|session| session.asks.gives_way(run.id()));
        self.end_parked(|run| is_old(run) && asks_so(run), Some(RunOutcome::GaveWay));
        let parked = self.parked.borrow();
        let mut old: Vec<_> = parked.values().map(|(run, _)| run).filter(|run| is_old(run)).collect();
        old.sort_by_key(|run| run.id());
        if old.is_empty() {
            return;
        }
        let shown: Vec<_> = old.iter().take(SHOWN).map(|run| where_it_waits(run)).collect();
        let rest = if old.len() > SHOWN { ", …" } else { "" };
        tracing::info!(
            target: "hotline::script",
            script = name, runs = old.len(),
            "what waits goes on with the version that it began with: {}{rest}", shown.join(", ")
        );
    }

    /// Lets a script go on that was held, on the generation that it had.
    fn take_back(self: &Rc<Self>, script: &str, sessions: &[Rc<SessionContext>]) {
        self.holding.release(script);
        let generation = self.generation(script);
        if generation.as_ref().is_none_or(|generation| generation.bundle.is_blank()) {
            self.unloaded.borrow_mut().insert(script.to_owned());
        }
        for session in sessions.iter().filter(|session| session.runs(script)) {
            generation.iter().for_each(|generation| self.begin(session, generation));
            session.schedule.wake();
        }
    }

    /// Ends what a script was at, for good.
    fn forget(self: &Rc<Self>, script: &str, sessions: &[Rc<SessionContext>]) {
        self.unloaded.borrow_mut().remove(script);
        let gone = self.take_out(script);
        for session in sessions.iter().filter(|session| session.runs(script)) {
            session.schedule.forget(script);
            let last_words = gone.as_ref().filter(|_| session.begun.borrow_mut().remove(script));
            let last_words = last_words.map(|gone| call_hook(self, session, gone, Hook::Stop, Vec::new()));
            let (worker, session, script) = (Rc::clone(self), Rc::clone(session), script.to_owned());
            spawn_local(async move {
                if let Some(last_words) = last_words {
                    last_words.await;
                }
                // By then there may be a new script of its name.
                if !worker.is_there(&session, &script) {
                    session.forget_state(&script);
                }
            });
        }
        self.end_parked(|run| run.generation.name() == script, Some(RunOutcome::EndedWithScript));
        self.holding.release(script);
    }

    /// Gives a session other scripts, and its files another way.
    pub(super) fn alter(self: &Rc<Self>, name: &str, media: Arc<Media>, scripts: Option<Vec<String>>) {
        let Some(session) = self.session(name) else { return };
        self.services.directory.insert(session.handle.clone(), Arc::clone(&media));
        *session.media.borrow_mut() = media;
        let all = self.lineup();
        let of_session = all.iter().map(|script| script.name()).filter(|script| session.runs(script));
        let before: HashSet<_> = of_session.map(str::to_owned).collect();
        session.scripts.replace(scripts);
        // What waits for a script that is held may wait in vain now.
        self.holding.wake();
        session
            .schedule
            .scripts()
            .iter()
            .filter(|script| !session.runs(script))
            .for_each(|script| session.schedule.forget(script));
        for generation in all.iter() {
            let script = generation.name();
            match (before.contains(script), session.runs(script)) {
                (true, false) => {
                    let is_its = |run: &Run| run.session.as_ref().is_some_and(|of| Rc::ptr_eq(of, &session));
                    self.end_parked(
                        |run| run.generation.name() == script && is_its(run),
                        Some(RunOutcome::EndedWithScript),
                    );
                    if session.begun.borrow_mut().remove(script) {
                        self.hook_later(&session, generation, Hook::Stop, Vec::new());
                    }
                }
                (false, true) => {
                    declare_timers(&session, generation);
                    warn_of_same_commands(self, &session, generation);
                    self.begin(&session, generation);
                }
                _ => {}
            }
        }
        self.journal.note_data();
    }

    /// Starts a script that has come to a session. Before the first login nothing has started, and whatever runs then starts
    /// with it.
    fn begin(self: &Rc<Self>, session: &Rc<SessionContext>, generation: &Rc<Generation>) {
        let is_held = session.is_held(generation.name());
        if session.started.get() && !is_held && session.begun.borrow_mut().insert(generation.name().to_owned()) {
            self.hook_later(session, generation, Hook::Start, Vec::new());
        }
    }

    pub(super) fn hook_later(
        self: &Rc<Self>,
        session: &Rc<SessionContext>,
        generation: &Rc<Generation>,
        hook: Hook,
        arguments: Vec<Dynamic>,
    ) {
        spawn_local(call_hook(self, session, generation, hook, arguments));
    }
}

/// Brings a script's timers in line with its newest generation, and says which of them call what it does not have. One
/// without any text says nothing of timers: they wait.
pub(super) fn declare_timers(session: &SessionContext, generation: &Generation) {
    let bundle = &generation.bundle;
    if bundle.is_blank() {
        return;
    }
    let (name, script) = (&*session.name, generation.name());
    session.schedule.declare(script, generation.declared(), session.schedule.now(&session.clock));
    for (fault, timers) in session.schedule.astray(bundle, |name, count| generation.has_function(name, count)) {
        tracing::warn!(
            target: "hotline::script",
            session = name, script, timers, "{fault}; what calls it is kept, and fails when it is due"
        );
    }
}

/// A run, and where it waits, as people read it.
fn where_it_waits(run: &Run) -> String {
    let waits = run.waits().map(|waits| match waits.place.is_empty() {
        true => format!(" in {}", waits.call),
        false => format!(" in {} at {}", waits.call, waits.place),
    });
    format!("run {} of {}{}", run.id(), run.function, waits.unwrap_or_default())
}

fn describe(generation: &Generation) -> Dynamic {
    let mut map = Map::new();
    map.insert("generation".into(), generation.number.into());
    map.insert("script".into(), generation.name().into());
    map.into()
}
