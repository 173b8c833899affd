//! Other scripts for sessions that stay live: generations are swapped, and a session gets and loses scripts.
//!
//! What is compiled and when is decided by the host.

use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

use rhai::{Dynamic, Map};
use tokio::task::spawn_local;

use super::{ENDED_WITH_SCRIPT, Worker};
use crate::language::fault::Fault;
use crate::protocol::Hook;
use crate::script::dispatch;
use crate::script::generation::Generation;
use crate::script::handle::Update;
use crate::script::live::Live;
use crate::script::run::Run;
use crate::session::Media;

impl Worker {
    /// Takes over other versions of scripts. While they load, events are handled by those before them.
    pub(super) async fn update(self: &Rc<Self>, update: Update) -> Result<(), Fault> {
        let mut loaded = Vec::with_capacity(update.loaded.len());
        for (bundle, number) in &update.loaded {
            loaded.push(Generation::load_beside(&self.engine, &self.services.limits, bundle, *number).await?);
        }
        self.swap(&update, loaded);
        Ok(())
    }

    fn swap(self: &Rc<Self>, update: &Update, loaded: Vec<Rc<Generation>>) {
        // From here on nothing fails, and nothing else runs on this thread until every script is swapped.
        let lives: Vec<_> = self.sessions.borrow().values().map(|attached| Rc::clone(&attached.live)).collect();
        for name in &update.removed {
            self.forget(name, &lives);
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
            self.journal.pin(&generation);
            let previous = self.take_out(generation.name());
            let key = generation.bundle.script.file.clone();
            self.scripts.borrow_mut().insert(key, Rc::clone(&generation));
            for live in lives.iter().filter(|live| live.runs(generation.name())) {
                live.declare_timers(&generation);
                match &previous {
                    Some(previous) if live.begun.borrow().contains(generation.name()) => {
                        self.hook_later(live, &generation, Hook::Reload, vec![describe(previous)]);
                    }
                    // The login that it waits for starts it.
                    Some(_) => {}
                    None => self.begin(live, &generation),
                }
                // A timer may have waited for this.
                live.schedule.wake();
            }
        }
        for name in &update.returned {
            self.take_back(name, &lives);
        }
        self.journal.note_data();
    }

    /// Lets a script go on that was held, on the generation that it had.
    fn take_back(self: &Rc<Self>, script: &str, lives: &[Rc<Live>]) {
        self.holding.release(script);
        let generation = self.generation(script);
        if generation.as_ref().is_none_or(|generation| generation.bundle.is_blank()) {
            self.unloaded.borrow_mut().insert(script.to_owned());
        }
        for live in lives.iter().filter(|live| live.runs(script)) {
            generation.iter().for_each(|generation| self.begin(live, generation));
            live.schedule.wake();
        }
    }

    /// Ends what a script was at, for good.
    fn forget(self: &Rc<Self>, script: &str, lives: &[Rc<Live>]) {
        self.unloaded.borrow_mut().remove(script);
        let gone = self.take_out(script);
        for live in lives.iter().filter(|live| live.runs(script)) {
            live.schedule.forget(script);
            let last_words = gone.as_ref().filter(|_| live.begun.borrow_mut().remove(script));
            let last_words = last_words.map(|gone| dispatch::call_hook(self, live, gone, Hook::Stop, Vec::new()));
            let (worker, live, script) = (Rc::clone(self), Rc::clone(live), script.to_owned());
            spawn_local(async move {
                if let Some(last_words) = last_words {
                    last_words.await;
                }
                // By then there may be a new script of its name.
                if !worker.is_there(&live, &script) {
                    live.forget_state(&script);
                }
            });
        }
        self.end_parked(|run| run.generation.name() == script, Some(ENDED_WITH_SCRIPT));
        self.holding.release(script);
    }

    /// Takes the newest generation of a script out, wherever its file was.
    fn take_out(&self, script: &str) -> Option<Rc<Generation>> {
        let mut scripts = self.scripts.borrow_mut();
        let key = scripts.iter().find(|(_, generation)| generation.name() == script).map(|(key, _)| key.clone())?;
        scripts.remove(&key)
    }

    /// Gives a session other scripts, and its files another way.
    pub(super) fn alter(self: &Rc<Self>, name: &str, media: Arc<Media>, scripts: Option<Vec<String>>) {
        let Some(live) = self.live(name) else { return };
        self.services.directory.insert(live.handle.clone(), Arc::clone(&media));
        *live.media.borrow_mut() = media;
        let all: Vec<_> = self.scripts.borrow().values().cloned().collect();
        let of_session = all.iter().map(|script| script.name()).filter(|script| live.runs(script));
        let before: HashSet<_> = of_session.map(str::to_owned).collect();
        live.scripts.replace(scripts);
        // What waits for a script that is held may wait in vain now.
        self.holding.wake();
        live.schedule
            .scripts()
            .iter()
            .filter(|script| !live.runs(script))
            .for_each(|script| live.schedule.forget(script));
        for generation in all {
            let script = generation.name();
            match (before.contains(script), live.runs(script)) {
                (true, false) => {
                    let is_its = |run: &Run| run.live.as_ref().is_some_and(|of| Rc::ptr_eq(of, &live));
                    self.end_parked(|run| run.generation.name() == script && is_its(run), Some(ENDED_WITH_SCRIPT));
                    if live.begun.borrow_mut().remove(script) {
                        self.hook_later(&live, &generation, Hook::Stop, Vec::new());
                    }
                }
                (false, true) => {
                    live.declare_timers(&generation);
                    self.begin(&live, &generation);
                }
                _ => {}
            }
        }
        self.journal.note_data();
    }

    /// Starts a script that has come to a session. Before the first login nothing has started, and whatever runs then starts
    /// with it.
    fn begin(self: &Rc<Self>, live: &Rc<Live>, generation: &Rc<Generation>) {
        let is_held = live.is_held(generation.name());
        if live.started.get() && !is_held && live.begun.borrow_mut().insert(generation.name().to_owned()) {
            self.hook_later(live, generation, Hook::Start, Vec::new());
        }
    }

    pub(super) fn hook_later(
        self: &Rc<Self>,
        live: &Rc<Live>,
        generation: &Rc<Generation>,
        hook: Hook,
        arguments: Vec<Dynamic>,
    ) {
        spawn_local(dispatch::call_hook(self, live, generation, hook, arguments));
    }
}

fn describe(generation: &Generation) -> Dynamic {
    let mut map = Map::new();
    map.insert("generation".into(), i64::try_from(generation.number).unwrap_or(i64::MAX).into());
    map.insert("script".into(), generation.name().into());
    map.into()
}
