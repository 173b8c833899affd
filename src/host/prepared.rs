//! Sessions of the configuration, made ready for a worker; which scripts there are for them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::config::{Config, Session};
use super::start_error::StartError;
use crate::language::spelling::did_you_mean;
use crate::runtime::{Assignment, Directory, Script};
use crate::session::{self, Media, SessionConfig};
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
pub(super) async fn prepare(session: &Session, config: &Config, store: &Store) -> Result<Prepared, StartError> {
    let certificate = store.certificate(session.gateway.as_str(), session.login.account())?;
    let settings = session.settings(&config.limits, &config.pacing, certificate);
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

/// The names of all scripts, as they are now.
#[derive(Clone, Debug, Default)]
pub(super) struct ScriptNames(Arc<Mutex<BTreeSet<String>>>);

impl ScriptNames {
    /// Notes them anew.
    pub(super) fn set<'a>(&self, scripts: impl Iterator<Item = &'a Script>) {
        let names = scripts.map(|script| script.name.clone()).collect();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = names;
    }

    /// All of them.
    pub(super) fn all(&self) -> BTreeSet<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Names what a session is to run and is not there. It may come yet: that is no fault.
    pub(super) fn check(&self, session: &Session) {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for wanted in session.scripts.iter().flatten().filter(|wanted| !names.contains(*wanted)) {
            let suggestion = did_you_mean(wanted, names.iter().map(String::as_str));
            tracing::warn!(session = session.name, "no script is named \"{wanted}\" as in its \"scripts\"{suggestion}");
        }
    }
}
