//! The sessions of a worker: how one comes, what its signals cause, and how it is left.
//!
//! How its events become runs is in `dispatch`; how what an earlier process left behind goes on is in `recovery`.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use rhai::{Dynamic, Map};
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::{Instant, timeout, timeout_at};

use super::commands::warn_of_same_commands;
use super::dispatch;
use super::invocation::call_hook;
use super::listing::EVENTS;
use super::orders::Assignment;
use super::recovery;
use super::state::{Attached, Worker};
use super::swap::declare_timers;
use crate::protocol::{Content, Failure, Hook};
use crate::runtime::context::SessionContext;
use crate::runtime::context::drain::DrainMode;
use crate::runtime::engine::values;
use crate::runtime::run::{Run, is_last_word};
use crate::runtime::view::event::Happening;
use crate::session::{self, CallError, Dedup, Ended, Flow, Owner, Secret, Signal};
use crate::store::{RunOutcome, StoreError, Tenant, TimerRow, message_number};

/// How long an `on_stop` may take when the grace is over already, and a gateway to close.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How often a session that waits for the disk is tried.
const RETRY: Duration = Duration::from_millis(500);

impl Worker {
    /// Takes up a session: at once, or when the disk takes writes.
    pub(super) fn attach(self: &Rc<Self>, assignment: Box<Assignment>) {
        let (name, handle) = (assignment.config.name.clone(), assignment.handle.clone());
        let Err((mut assignment, error)) = self.try_attach(assignment) else { return };
        tracing::warn!(session = name, "it begins when what it left behind can be read: {error}");
        let worker = Rc::clone(self);
        let coming = spawn_local(async move {
            loop {
                // Wall time: the disk does not wait for the clock of tests.
                tokio::time::sleep(RETRY).await;
                match worker.try_attach(assignment) {
                    Ok(()) => return,
                    Err((again, _)) => assignment = again,
                }
            }
        });
        self.coming.borrow_mut().insert(name, (handle, coming.abort_handle()));
    }

    /// Takes up no session any more that waits for the disk.
    pub(super) fn give_up(&self, name: &str) {
        if let Some((handle, coming)) = self.coming.borrow_mut().remove(name)
            && !self.sessions.borrow().contains_key(name)
        {
            coming.abort();
            self.services.directory.remove(&handle);
        }
    }

    /// Takes up a session; gives it back where the disk is what keeps it from that.
    fn try_attach(self: &Rc<Self>, assignment: Box<Assignment>) -> Result<(), (Box<Assignment>, StoreError)> {
        let (handle, media, scripts) =
            (assignment.handle.clone(), Arc::clone(&assignment.media), assignment.scripts.clone());
        let session = SessionContext::new(handle, media, scripts, &self.services, &self.journal, &self.holding);
        let config = &assignment.config;
        if let Err(error) = self.restore(&session, config.residence(), config.login.account()) {
            if error.is_of_disk() {
                return Err((assignment, error));
            }
            // On an empty state it would write over the one that is there.
            self.services.directory.remove(&session.handle);
            let reason = format!("what it left behind cannot be read: {error}");
            let (told, end) = (self.ended.clone(), (session.name.to_string(), Ended::Unusable(reason)));
            spawn_local(async move { told.send(end).await });
            return Ok(());
        }
        let Assignment { config, inbox, seed, .. } = *assignment;
        let loaded: BTreeSet<_> = self.scripts_of(&session).map(|generation| generation.name().to_owned()).collect();
        for gone in session.schedule.scripts() {
            if !loaded.contains(&gone) && !self.is_unloaded(&session, &gone) && !session.is_held(&gone) {
                tracing::info!(session = &*session.name, script = gone, "its script is gone, and so are its timers");
                session.schedule.forget(&gone);
            }
        }
        for generation in self.scripts_of(&session) {
            declare_timers(&session, &generation);
            warn_of_same_commands(self, &session, &generation);
        }
        self.journal.note_data();
        let (gateway, account) = (config.gateway.clone(), config.login.account().to_owned());
        let owner = SessionOwner { worker: Rc::clone(self), session: Rc::clone(&session), gateway, account };
        let connection = session::run(config, self.services.clock.clone(), seed, inbox, owner);
        let (ending, ended) = oneshot::channel();
        let name = session.name.to_string();
        let (told, told_name) = (self.ended.clone(), name.clone());
        let task = spawn_local(async move {
            let _ = told.send((told_name, connection.await)).await;
            let _ = ending.send(());
        });
        let timers = spawn_local(keep_time(Rc::clone(self), Rc::clone(&session)));
        let tasks = vec![task.abort_handle(), timers.abort_handle()];
        self.sessions.borrow_mut().insert(name, Attached { session, tasks, ended: Some(ended) });
        Ok(())
    }

    /// Takes up the state and the timers that an earlier process left behind; its events and runs wait for the login.
    ///
    /// # Errors
    /// When the store cannot give them.
    fn restore(&self, session: &Rc<SessionContext>, gateway: &str, account: &str) -> Result<(), StoreError> {
        if !self.journal.is_on() {
            return Ok(());
        }
        let tenant = Tenant {
            gateway: gateway.to_owned(),
            account: account.to_owned(),
            scripts: session.scripts.borrow().clone(),
            now: self.services.clock.now(),
        };
        let mut recovered = self.journal.store().recover(&session.name, tenant)?;
        self.journal.follow(&session.handle, &session.states, &session.schedule);
        if recovered.has_moved {
            tracing::warn!(
                session = &*session.name,
                account,
                gateway = session::without_credentials(gateway),
                "it was another account's, whose conversations and timers have ended"
            );
        }
        session.last.set(recovered.last);
        let now = session.schedule.now(&self.services.clock);
        for unread in session.schedule.restore(std::mem::take(&mut recovered.timers), now, recovered.last) {
            let TimerRow { id, script, timer, .. } = unread;
            tracing::warn!(
                session = &*session.name,
                script,
                id = id.number(),
                "a timer cannot be read, so it is not called: {timer}"
            );
        }
        for (script, state) in recovered.states.drain() {
            if let Some(map) = values::from_content(&state).try_cast::<Map>() {
                *session.states.of(&script).borrow_mut() = map;
            }
        }
        let highest = recovered.messages.iter().filter_map(|id| message_number(id)).max();
        session.highest_message.set(highest.max(recovered.highest_message));
        session.past_messages.replace(std::mem::take(&mut recovered.messages));
        if !recovered.latest.is_empty() {
            session.past_events.replace(Some(Dedup::by_others(&recovered.latest)));
        }
        let handlings = recovered.events.iter().chain(&recovered.waiting);
        let open: Vec<_> = handlings
            .flat_map(|handling| &handling.runs)
            .filter(|run| run.standing.ended.is_none())
            .map(|run| run.run.id)
            .collect();
        let runs = open.len();
        let killed = if runs > 0 { self.journal.store().kills()? } else { Vec::new() };
        session.past_runs.set(open, killed.iter().map(|run| run.id).collect());
        let events = recovered.events.len();
        if events + runs > 0 {
            self.tell(Happening::TakenUp { session: session.name.to_string(), events, runs });
        }
        *session.recovered.borrow_mut() = Some(recovered);
        Ok(())
    }

    /// Takes a session's signal.
    fn signal(self: &Rc<Self>, session: &Rc<SessionContext>, signal: Signal, gateway: &str, account: &str) -> Flow {
        let name = &*session.name;
        self.prompts.tell(name, &signal);
        match signal {
            Signal::Event(event) => {
                dispatch::accept(self, session, event);
                let is_full = session.pending.get() >= EVENTS || self.journal.is_behind();
                return if is_full { Flow::Pause } else { Flow::Continue };
            }
            Signal::LoggedIn { mid, display_name } => {
                self.tell(Happening::LoggedIn { session: name.to_owned(), mid: mid.clone(), name: display_name });
                *session.me.borrow_mut() = mid.into();
                if let Some(past) = session.past_events.borrow_mut().as_mut().filter(|_| !session.started.get()) {
                    past.ready(session.clock.elapsed());
                }
                spawn_local(Rc::clone(self).logged_in(Rc::clone(session)));
            }
            Signal::Certificate(certificate) => {
                if certificate.is_empty() {
                    tracing::warn!(
                        session = name,
                        "its certificate does not count any more: the next start asks for a PIN"
                    );
                }
                if let Err(error) = self.journal.store().save_certificate(gateway, account, &certificate) {
                    tracing::warn!(
                        session = name,
                        "the certificate could not be kept, so the next login needs a PIN again: {error}"
                    );
                }
            }
            Signal::Pin(pin) => {
                tracing::warn!(session = name, pin, "type this PIN on the phone of {account}");
                let (session_name, account) = (name.to_owned(), account.to_owned());
                self.tell(Happening::PinWanted { session: session_name, account, pin: Secret::new(pin.as_str()) });
                self.hook_everywhere(session, Hook::Pin, vec![pin.into()]);
            }
            Signal::LoginNotice(frame) => tracing::info!(session = name, "the gateway says while logging in: {frame}"),
            Signal::Disconnected { reason, was_live, retry } => {
                self.tell(Happening::Lost { session: name.to_owned(), reason: reason.clone(), was_live, retry });
                if was_live {
                    self.hook_everywhere(session, Hook::Disconnect, vec![reason.into()]);
                }
            }
            Signal::Slowed { failure, pause } => {
                self.tell(Happening::Slowed { session: name.to_owned(), complaint: failure.content, pause });
            }
            Signal::Unusable(reason) => self.tell(Happening::Unusable { session: name.to_owned(), reason }),
            Signal::Refused(Failure { code, content }) => {
                self.tell(Happening::LoginRefused { session: name.to_owned(), code, reason: content });
            }
        }
        Flow::Continue
    }

    fn tell(&self, happening: Happening) {
        self.services.events.tell(happening);
    }

    fn hook_everywhere(self: &Rc<Self>, session: &Rc<SessionContext>, hook: Hook, arguments: Vec<Dynamic>) {
        for generation in self.scripts_of(session) {
            self.hook_later(session, &generation, hook, arguments.clone());
        }
    }

    /// Runs what belongs to a login; at the first one, events wait until every script has started.
    async fn logged_in(self: Rc<Self>, session: Rc<SessionContext>) {
        if session.drain.mode().is_some() {
            return;
        }
        let first = !session.started.replace(true);
        session.schedule.wake();
        if let Some(recovered) = session.recovered.take() {
            recovery::recover(&self, &session, recovered);
        }
        let scripts: Vec<_> = self.scripts_of(&session).map(|script| script.name().to_owned()).collect();
        for script in scripts {
            // While one script starts, the next one may be saved anew, or go.
            let newest = || self.scripts_of(&session).find(|generation| generation.name() == script);
            if let Some(generation) = newest()
                && session.begun.borrow_mut().insert(script.clone())
            {
                call_hook(&self, &session, &generation, Hook::Start, Vec::new()).await;
            }
            if let Some(generation) = newest() {
                call_hook(&self, &session, &generation, Hook::Login, Vec::new()).await;
            }
        }
        if first {
            dispatch::release_kept(&self, &session);
        }
    }

    /// Leaves sessions: runs may finish or park, then each script's `on_stop` runs, then the connections close.
    pub(super) async fn leave(self: Rc<Self>, names: &[String], mode: DrainMode, grace: Duration) {
        let mut attached = names.iter().filter_map(|name| self.sessions.borrow_mut().remove(name)).collect::<Vec<_>>();
        let sessions: Vec<_> = attached.iter().map(|attached| Rc::clone(&attached.session)).collect();
        for session in &sessions {
            session.drain.begin(mode);
        }
        // What waits for a script that is held is left too.
        self.holding.wake();
        // The grace is wall time of the process, not of its scripts.
        let until = Instant::now() + grace;
        let settled = join_all(sessions.iter().map(|session| session.drain.settled()));
        if timeout_at(until, settled).await.is_err() {
            tracing::warn!("some runs did not finish within {grace:?} and are cut off; what is recorded goes on later");
        }
        let of_these =
            |run: &Run| run.session.as_ref().is_some_and(|of| sessions.iter().any(|session| Rc::ptr_eq(of, session)));
        sessions.iter().for_each(|session| session.drain.cut_off());
        self.listing.those(of_these).iter().for_each(|run| self.look_at(run));
        match mode {
            DrainMode::End => self.end_parked(of_these, Some(RunOutcome::EndedWithSession)),
            DrainMode::Keep => {
                self.end_parked(|run| of_these(run) && !run.rebuild, Some(RunOutcome::EndedWithProcess));
                self.end_parked(of_these, None);
            }
        }
        let stopping = join_all(sessions.iter().map(|session| self.stop_scripts(session)));
        if timeout_at(until.max(Instant::now() + LAST_WORDS), stopping).await.is_err() {
            tracing::warn!("an on_stop did not finish in time and is cut off");
        }
        self.end_parked(|run| of_these(run) && is_last_word(&run.function), Some(RunOutcome::EndedWithSession));
        for session in &sessions {
            self.services.directory.remove(&session.handle);
            session.handle.stop();
        }
        let closing = join_all(attached.iter_mut().filter_map(|attached| attached.ended.take()));
        // Each session gives its gateway a second to say goodbye, all at the same time.
        let _ = timeout(LAST_WORDS * 2, closing).await;
        attached.iter().flat_map(|attached| &attached.tasks).for_each(AbortHandle::abort);
    }

    async fn stop_scripts(self: &Rc<Self>, session: &Rc<SessionContext>) {
        // What it did could not be recorded, and the disk may be full for long.
        if self.journal.is_held() {
            tracing::warn!(session = &*session.name, "no on_stop is called, since it could not be recorded");
            return;
        }
        for generation in self.scripts_of(session) {
            if session.begun.borrow_mut().remove(generation.name()) {
                call_hook(self, session, &generation, Hook::Stop, Vec::new()).await;
            }
        }
        // Some may be in the middle of a wait.
        session.drain.settled().await;
    }
}

/// A worker as the owner of one of its sessions.
struct SessionOwner {
    worker: Rc<Worker>,
    session: Rc<SessionContext>,
    gateway: String,
    account: String,
}

impl Owner for SessionOwner {
    fn signal(&mut self, signal: Signal) -> Flow {
        self.worker.signal(&self.session, signal, &self.gateway, &self.account)
    }

    fn answer(&mut self, key: u64, result: Result<Content, CallError>) {
        self.worker.answer(key, result);
    }

    fn keep(&mut self, kept: oneshot::Sender<()>) {
        self.worker.journal.tell_kept(kept);
    }
}

/// Calls the timers of a session when they are due.
async fn keep_time(worker: Rc<Worker>, session: Rc<SessionContext>) {
    let clock = worker.services.clock.clone();
    loop {
        // What comes due from here on is the next process's business.
        if session.drain.mode().is_some() {
            return;
        }
        let now = session.schedule.now(&clock);
        let is_held = |script: &str| worker.is_unloaded(&session, script) || session.is_held(script);
        // What is due stays due while it cannot be recorded that it was called.
        let is_keeping_time = session.started.get() && !session.journal.is_held();
        if is_keeping_time {
            for script in session.schedule.begin_to_hold(now, is_held) {
                let until = match worker.scripts_of(&session).any(|generation| generation.name() == script) {
                    _ if session.is_held(&script) => "is back",
                    true => "has text again",
                    false => "loads",
                };
                worker.tell(Happening::TimerWaits { session: session.name.to_string(), script, until });
            }
            while let Some(due) = session.schedule.take_due(now, is_held) {
                dispatch::timer_due(&worker, &session, &due);
            }
        }
        let wait = match session.schedule.next_due(is_held) {
            Some(due) if is_keeping_time => Duration::from_millis(u64::try_from(due - now).unwrap_or(0)),
            _ => Duration::MAX,
        };
        tokio::select! {
            () = clock.sleep(wait) => {}
            () = session.schedule.changed() => {}
        }
    }
}
