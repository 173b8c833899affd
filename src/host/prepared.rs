//! Sessions of the configuration, made ready for a worker; which scripts there are for them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::config::{Config, Session};
use super::start_error::StartError;
use super::webhook::takes_webhooks;
use crate::language::check::SessionNetworks;
use crate::language::settings::ScriptSettings;
use crate::language::spelling::did_you_mean;
use crate::runtime::{Assignment, Directory, Script};
use crate::session::{self, Media, SessionConfig, Webhooks};
use crate::store::Store;

/// A session with everything that can be wrong with it behind it.
pub(super) struct Prepared {
    pub(super) settings: SessionConfig,
    pub(super) media: Arc<Media>,
    pub(super) scripts: Option<Vec<String>>,
}

/// Sets up what a session needs, without starting anything.
///
/// # Errors
/// When its certificate cannot be read, or its files cannot be carried.
pub(super) async fn prepare(
    session: &Session,
    config: &Config,
    store: &Store,
    webhooks: &Webhooks,
) -> Result<Prepared, StartError> {
    let certificate = store.certificate(session.gateway.as_str(), session.login.account())?;
    let mut settings = session.settings(&config.limits, &config.pacing, certificate);
    if takes_webhooks(session) {
        settings.webhooks = Some(webhooks.clone());
    }
    let media = Media::new(session.media, &settings, &config.files)
        .await
        .map_err(|error| StartError::Media(session.name.clone(), error))?;
    Ok(Prepared { settings, media: Arc::new(media), scripts: session.scripts.clone() })
}

impl Prepared {
    /// Enters the session in the directory and makes it ready for a worker.
    pub(super) fn assign(self, directory: &Directory) -> Assignment {
        let Self { settings: config, media, scripts } = self;
        let (handle, inbox) = session::channel(&config);
        directory.insert(handle.clone(), Arc::clone(&media));
        Assignment { config, inbox, handle, media, scripts, seed: rand::random() }
    }
}

/// All scripts with their files, and which sessions run them, as they are now; clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct CurrentScripts(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    scripts: Vec<(PathBuf, Script)>,
    sessions: SessionNetworks,
}

impl CurrentScripts {
    /// Notes them anew; gives them as they were before.
    pub(super) fn set<'a>(&self, scripts: impl Iterator<Item = (&'a Path, &'a Script)>) -> Vec<(PathBuf, Script)> {
        let scripts = scripts.map(|(file, script)| (file.to_owned(), script.clone())).collect();
        std::mem::replace(&mut self.lock().scripts, scripts)
    }

    /// Notes anew which sessions there are.
    pub(super) fn set_sessions(&self, sessions: &[Session]) {
        let networks: SessionNetworks =
            sessions.iter().map(|session| (session.scripts.clone(), session.network())).collect();
        self.lock().sessions = networks.with_names(sessions.iter().map(|session| session.name.clone()));
    }

    /// Which networks the sessions of scripts are on.
    pub(super) fn sessions(&self) -> SessionNetworks {
        self.lock().sessions.clone()
    }

    /// All of them, in the order in which they get events.
    pub(super) fn all(&self) -> Vec<(PathBuf, Script)> {
        self.lock().scripts.clone()
    }

    /// Their names.
    pub(super) fn names(&self) -> BTreeSet<String> {
        self.lock().scripts.iter().map(|(_, script)| script.name.clone()).collect()
    }

    /// Names the sections of settings that are for scripts which are not there. These may come yet: that is no fault.
    pub(super) fn check_settings(&self, settings: &ScriptSettings) {
        let names = self.names();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        for stray in settings.strays(&names) {
            tracing::warn!("the configuration: {stray}");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Names what a session is to run and is not there. It may come yet: that is no fault.
    pub(super) fn check(&self, session: &Session) {
        let names = self.names();
        for wanted in session.scripts.iter().flatten().filter(|wanted| !names.contains(*wanted)) {
            let suggestion = did_you_mean(wanted, names.iter().map(String::as_str));
            tracing::warn!(session = session.name, "no script is named \"{wanted}\" as in its \"scripts\"{suggestion}");
        }
    }
}
