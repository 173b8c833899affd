//! How the sessions of a running system come, change and go. What a new version of the configuration asks for is decided in
//! `reconfigure`.

use std::sync::Arc;

use tokio::time::timeout;

use super::config::{Config, Session};
use super::descriptors;
use super::prepared::{Prepared, prepare};
use super::reconfigure::{ConfigPlan, Following, plan};
use super::run::Host;
use super::start_error::StartError;
use super::webhook::takes_webhooks;
use crate::runtime::DrainMode;
use crate::session::{Credentials, Ended, Restraint};

impl Host {
    /// Gives a session to the worker that has the fewest.
    pub(super) async fn attach(&mut self, prepared: Prepared) {
        let settings = &prepared.settings;
        if let Credentials::Channel { secret, .. } = &settings.login {
            self.webhooks.expect(&settings.name, secret.clone());
        }
        let load = |worker: &usize| self.assigned.values().filter(|assigned| *assigned == worker).count();
        let worker = (0..self.workers.len()).min_by_key(load).unwrap_or(0);
        self.assigned.insert(prepared.settings.name.clone(), worker);
        self.workers[worker].attach(prepared.assign(&self.directory)).await;
    }

    /// Follows the file of a configuration: whoever waits in [`over`](Self::over) takes up what changes in it.
    ///
    /// `config` is what the file says, whatever else the system was started with.
    ///
    /// # Errors
    /// When the system gives no further thread.
    pub fn follow(&mut self, config: Config) -> Result<(), StartError> {
        let Some(file) = config.file.clone() else { return Ok(()) };
        let following = Following::start(file).map_err(StartError::Thread)?;
        self.following = Some((config, following));
        Ok(())
    }

    /// Takes up a new version of the configuration.
    async fn take_up(&mut self, new: &Config) {
        let Some((old, _)) = &mut self.following else { return };
        let ConfigPlan { removed, added, changed, altered, fixed } = plan(old, new);
        let before = std::mem::replace(old, new.clone());
        self.scripts.set_sessions(&new.sessions);
        self.has_changed |= !(removed.is_empty() && added.is_empty() && changed.is_empty());
        for key in fixed {
            tracing::warn!("the configuration: \"{key}\" has changed, which counts from the next start on");
        }
        if before.setup() != new.setup() {
            tracing::info!(
                "the configuration: its settings or its time zone have changed, and scripts have them from now on"
            );
            self.scripts.check_settings(&new.settings);
            self.watching.library.set_up(Arc::new(new.setup()));
        }
        for name in removed {
            tracing::info!(session = name, "it is not configured any more and closes");
            self.detach(&name, DrainMode::End).await;
        }
        for session in altered {
            let Some(prepared) = self.prepared(&session, &before).await else { continue };
            tracing::info!(
                session = session.name,
                "its scripts, or the way of its files, have changed and count from now on"
            );
            if let Some(worker) = self.assigned.get(&session.name) {
                self.workers[*worker].alter(session.name, prepared.media, prepared.scripts).await;
            }
        }
        for (session, mode) in changed {
            let Some(mut prepared) = self.prepared(&session, &before).await else { continue };
            tracing::info!(session = session.name, "its configuration has changed: it connects anew");
            let before = self.directory.get(&session.name).map(|member| member.handle);
            self.detach(&session.name, mode).await;
            self.look_for_missing(&session).await;
            if mode == DrainMode::Keep {
                // The gateway complained about the account, and saving a file does not make up for that.
                prepared.settings.restraint =
                    before.map_or_else(Restraint::default, |handle| handle.status().restraint);
            }
            self.attach(prepared).await;
        }
        if !added.is_empty() {
            descriptors::check(self.assigned.len() + added.len());
        }
        for session in added {
            let Some(prepared) = self.prepared(&session, &before).await else { continue };
            tracing::info!(session = session.name, "it is new in the configuration");
            self.look_for_missing(&session).await;
            self.attach(prepared).await;
        }
    }

    /// A session of a new version; what cannot run takes the place of nothing that does, and is tried again with the next one.
    async fn prepared(&mut self, session: &Session, before: &Config) -> Option<Prepared> {
        let is_ready = match takes_webhooks(session) {
            true => self.listen_for_webhooks().await,
            false => Ok(()),
        };
        let prepared = match is_ready {
            Ok(()) => prepare(session, &self.config, &self.store, &self.webhooks).await,
            Err(error) => Err(error),
        };
        match prepared {
            Ok(prepared) => {
                self.scripts.check(session);
                Some(prepared)
            }
            Err(error) => {
                tracing::error!("{error}; it is left as it was until the configuration is saved with another change");
                if let Some((taken_up, _)) = &mut self.following {
                    taken_up.sessions.retain(|other| other.name != session.name);
                    taken_up.sessions.extend(before.sessions.iter().find(|old| old.name == session.name).cloned());
                }
                None
            }
        }
    }

    /// Has scripts held that a session keeps something of, and that are not there.
    async fn look_for_missing(&self, session: &Session) {
        match self.missing.look_for(session, &self.scripts.names()) {
            Ok(missed) => self.miss(missed).await,
            Err(error) => tracing::warn!(session = session.name, "whether it misses scripts cannot be read: {error}"),
        }
    }

    /// Ends a session, and forgets how it may have ended by itself.
    async fn detach(&mut self, name: &str, mode: DrainMode) {
        let Some(worker) = self.assigned.remove(name) else { return };
        self.webhooks.forget(name);
        let handle = self.directory.get(name).map(|member| member.handle);
        // A worker that is gone has no sessions either.
        let mut gone = self.workers[worker].detach(name.to_owned(), mode).await;
        let grace = self.config.limits.grace;
        if timeout(grace, &mut gone).await.is_err() {
            tracing::warn!(session = name, "its scripts have not stopped within {grace:?}: its connection closes now");
            if let Some(handle) = handle {
                handle.stop();
            }
            if timeout(grace, gone).await.is_err() {
                tracing::error!(session = name, "its scripts still have not stopped, and are no longer waited for");
            }
        }
        while let Ok((name, end)) = self.ended.try_recv() {
            self.note_end(name, end);
        }
        self.ends.remove(name);
    }

    /// Remembers a session that is over by itself; one that was taken away is not.
    fn note_end(&mut self, name: String, end: Ended) {
        if end != Ended::Stopped && self.assigned.contains_key(&name) {
            if self.stays_up() {
                tracing::warn!(
                    session = name,
                    "it is over; once its configuration is mended and saved, it is tried again"
                );
            }
            self.ends.insert(name, end);
        }
    }

    /// Whether there is something to wait for also when every session is over.
    fn stays_up(&self) -> bool {
        self.following.is_some() && (self.has_changed || self.assigned.is_empty())
    }

    /// Waits until every session is over by itself, and takes up changes of the configuration meanwhile; gives the ways
    /// in which they ended.
    ///
    /// Once a change was taken up, that never comes: what the next one mends goes on.
    pub async fn over(&mut self) -> Vec<(String, Ended)> {
        while self.stays_up() || self.ends.len() < self.assigned.len() {
            let news = async {
                match &mut self.following {
                    Some((_, following)) => following.next().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                end = self.ended.recv() => match end {
                    Some((name, end)) => self.note_end(name, end),
                    None => break,
                },
                config = news => self.take_up(&config).await,
            }
        }
        std::mem::take(&mut self.ends).into_iter().collect()
    }
}
