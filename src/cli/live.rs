//! One live session in this process, for the commands that need a single one. Many sessions are the host's business.

use std::path::PathBuf;

use anyhow::{Context, anyhow, bail};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::output;
use crate::clock::Clock;
use crate::session::{self, Ended, Flow, Handle, SessionConfig, Signal, without_credentials};
use crate::store::{Durability, JournalReader, Store, StoreError};

/// How many signals may wait for the command; when they are full, the session stops delivering until some are taken.
const SIGNALS: usize = 256;

/// Why there is no login where the certificates cannot be read.
const NO_CERTIFICATE: &str = "the certificates of earlier logins cannot be read, and without them the gateway may ask \
                              for a PIN: nothing is sent";

/// A session and what it tells.
pub(super) struct LiveSession {
    handle: Handle,
    signals: mpsc::Receiver<Signal>,
    task: JoinHandle<Ended>,
    keeper: CertificateStore,
    gateway: String,
    /// The gateway as it may be shown.
    shown: String,
    account: String,
}

/// A gateway that was reached has refused a login.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct RefusedLogin(String);

/// Who a session has logged in as.
pub(super) struct Me {
    pub(super) mid: String,
    pub(super) name: Option<String>,
}

impl LiveSession {
    /// Starts a session on the current `LocalSet`.
    ///
    /// # Errors
    /// When its certificate cannot be read: without it, the login would ask for a PIN that nobody expects.
    pub(super) fn start(mut config: SessionConfig, keeper: CertificateStore) -> anyhow::Result<Self> {
        let (gateway, account) = (config.gateway.clone(), config.login.account().to_owned());
        config.certificate = keeper.certificate(&gateway, &account)?;
        let (handle, inbox) = session::channel(&config);
        let (sender, signals) = mpsc::channel(SIGNALS);
        let sink = move |signal| {
            // A full channel was announced by `Pause`, and a closed one has nobody left to read it.
            let _ = sender.try_send(signal);
            if sender.capacity() == 0 { Flow::Pause } else { Flow::Continue }
        };
        let task = tokio::task::spawn_local(session::run(config, Clock::system(), rand::random(), inbox, sink));
        let shown = without_credentials(&gateway);
        Ok(Self { handle, signals, task, keeper, gateway, shown, account })
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// The next signal; `None` when the session is over.
    ///
    /// Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Option<Signal> {
        let signal = self.signals.recv().await?;
        if self.signals.is_empty() {
            self.handle.resume_reading();
        }
        if let Signal::Certificate(certificate) = &signal {
            self.keeper.keep(&self.gateway, &self.account, certificate);
        }
        Some(signal)
    }

    /// Waits until it has logged in. A gateway that cannot be reached is a failure, and is not tried again.
    pub(super) async fn logged_in(&mut self) -> anyhow::Result<Me> {
        loop {
            match self.next().await {
                Some(Signal::LoggedIn { mid, display_name }) => return Ok(Me { mid, name: display_name }),
                Some(Signal::Pin(pin)) => {
                    output::note(format_args!("type this PIN on the phone of {}: {pin}", self.account));
                }
                Some(Signal::LoginNotice(frame)) => output::note(format_args!("the gateway says: {frame}")),
                Some(Signal::Refused(failure)) => {
                    let Self { shown, account, .. } = self;
                    let refused = format!("the gateway at {shown} refuses {account}: {}", failure.content);
                    return Err(RefusedLogin(refused).into());
                }
                Some(Signal::Disconnected { reason, .. } | Signal::Unusable(reason)) => {
                    return Err(anyhow!("{reason}")).with_context(|| format!("no session with {}", self.shown));
                }
                Some(Signal::Certificate(_) | Signal::Event(_) | Signal::Slowed { .. }) => {}
                None => bail!("the session with {} ended before it had logged in", self.shown),
            }
        }
    }

    /// Says goodbye to the gateway.
    pub(super) async fn stop(self) {
        self.handle.stop();
        // The task ends by itself now; had it panicked, the message is out already.
        let _ = self.task.await;
        self.keeper.flush();
    }
}

/// Keeps certificates in the data folder, so that the next login needs no PIN.
pub(super) enum CertificateStore {
    /// In a data folder, which is made when there is something to keep.
    Folder {
        /// The folder.
        path: PathBuf,
        /// Its store, once it is open.
        store: Option<Store>,
    },
    /// In a data folder that a running bot has: they are read from it, and a new one is not kept.
    Beside(JournalReader),
    /// Nowhere: the account is that of a person who types it each time.
    Nowhere,
}

impl CertificateStore {
    /// Keeps them in a data folder, or reads them from it where a running bot has it.
    ///
    /// # Errors
    /// When there is a data folder and it cannot be read.
    pub(super) fn folder(path: PathBuf) -> anyhow::Result<Self> {
        if !path.is_dir() {
            return Ok(Self::Folder { path, store: None });
        }
        match Store::open(&path, Durability::Relaxed) {
            Ok(store) => Ok(Self::Folder { path, store: Some(store) }),
            Err(StoreError::InUse(_)) => {
                let reader = JournalReader::open(&path).context(NO_CERTIFICATE)?;
                tracing::warn!(
                    "a running bot has the data folder {}: its certificates are used, and a new one is not kept",
                    path.display()
                );
                Ok(Self::Beside(reader))
            }
            Err(error) => Err(error).context(NO_CERTIFICATE),
        }
    }

    fn certificate(&self, gateway: &str, account: &str) -> anyhow::Result<Option<String>> {
        let certificate = match self {
            Self::Folder { store: Some(store), .. } => store.certificate(gateway, account),
            Self::Beside(reader) => reader.certificate(gateway, account),
            Self::Folder { store: None, .. } | Self::Nowhere => return Ok(None),
        };
        certificate.context(NO_CERTIFICATE)
    }

    fn keep(&mut self, gateway: &str, account: &str, certificate: &str) {
        let Self::Folder { path, store } = self else { return };
        if store.is_none() {
            *store = Store::open(path, Durability::Relaxed)
                .map_err(|error| tracing::warn!("the certificate of {account} cannot be kept: {error}"))
                .ok();
        }
        let Some(store) = store else { return };
        if let Err(error) = store.save_certificate(gateway, account, certificate) {
            tracing::warn!("the certificate of {account} cannot be kept: {error}");
        }
    }

    fn flush(&self) {
        let Self::Folder { store: Some(store), .. } = self else { return };
        if let Err(error) = store.flush() {
            tracing::warn!("the certificate cannot be kept: {error}");
        }
    }
}
