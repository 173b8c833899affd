//! Other scripts for sessions that stay live: generations are swapped, and a session gets and loses scripts.
//!
//! What is compiled and when is decided by the host.

use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

use rhai::{Dynamic, Map};
use tokio::task::spawn_local;

use super::{ENDED_WITH_SCRIPT, Worker};
use crate::protocol::Hook;
use crate::script::dispatch;
use crate::script::fault::Fault;
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
        self.swap(&update.removed, loaded);
        Ok(())
    }

    fn swap(self: &Rc<Self>, removed: &[String], loaded: Vec<Rc<Generation>>) {
        // From here on nothing fails, and nothing else runs on this thread until every script is swapped.
        let lives: Vec<_> = self.sessions.borrow().values().map(|attached| Rc::clone(&attached.live)).collect();
        for name in removed {
            self.unloaded.borrow_mut().remove(name);
            for live in lives.iter().filter(|live| live.runs(name)) {
                live.schedule.forget(name);
            }
            let key =
                self.scripts.borrow().iter().find(|(_, script)| script.name() == name).map(|(key, _)| key.clone());
            let Some(gone) = key.and_then(|key| self.scripts.borrow_mut().remove(&key)) else { continue };
            for live in lives.iter().filter(|live| live.begun.borrow_mut().remove(name)) {
                self.hook_later(live, &gone, Hook::Stop, Vec::new());
            }
            self.end_parked(|run| run.generation.name() == name, Some(ENDED_WITH_SCRIPT));
        }
        for generation in loaded {
            self.unloaded.borrow_mut().remove(generation.name());
            self.journal.pin(&generation);
            let key = generation.bundle.script.file.clone();
            let previous = self.scripts.borrow_mut().insert(key, Rc::clone(&generation));
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
        self.journal.note_data();
    }

    /// Gives a session other scripts, and its files another way.
    pub(super) fn alter(self: &Rc<Self>, name: &str, media: Arc<Media>, scripts: Option<Vec<String>>) {
        let Some(live) = self.live(name) else { return };
        self.services.directory.insert(live.handle.clone(), Arc::clone(&media));
        *live.media.borrow_mut() = media;
        let before: HashSet<_> = self.scripts_of(&live).map(|script| script.name().to_owned()).collect();
        live.scripts.replace(scripts);
        let all: Vec<_> = self.scripts.borrow().values().cloned().collect();
        for generation in all {
            let script = generation.name();
            match (before.contains(script), live.runs(script)) {
                (true, false) => {
                    live.schedule.forget(script);
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
        if live.started.get() && live.begun.borrow_mut().insert(generation.name().to_owned()) {
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
