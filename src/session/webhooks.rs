//! Where webhooks are handed over: from the listener of the process to the sessions that they are for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};
use url::Url;

use super::published::Publisher;
use super::secret::Secret;
use crate::protocol::Event;

/// So many webhooks may wait for a session to take them; those who bring more wait.
const WAITING: usize = 1_024;

/// The events of one webhook on their way to a session.
#[derive(Debug)]
pub struct WebhookDelivery {
    /// In their order.
    pub events: Vec<Event>,
    /// Told once they are kept as safely as the journal keeps events.
    pub kept: oneshot::Sender<()>,
}

/// Where a session takes its webhooks.
#[derive(Clone, Debug)]
pub struct Door {
    /// The account's own id, which its webhooks name as their destination.
    pub account: String,
    /// Takes them, while the session is connected.
    pub deliveries: mpsc::Sender<WebhookDelivery>,
}

/// The sessions of a process that take webhooks, and what hands out the urls of their files. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Webhooks(Arc<Mutex<Expecting>>);

#[derive(Debug, Default)]
struct Expecting {
    sessions: HashMap<String, Expected>,
    publisher: Option<Publisher>,
}

/// A session that takes webhooks.
#[derive(Debug)]
struct Expected {
    secret: Secret,
    door: Option<Door>,
}

impl Webhooks {
    /// Expects webhooks for a session, which are signed with a secret. Until the session is connected nobody takes them.
    pub fn expect(&self, session: &str, secret: Secret) {
        let sessions = &mut self.lock().sessions;
        let door = sessions.remove(session).and_then(|expected| expected.door);
        sessions.insert(session.to_owned(), Expected { secret, door });
    }

    /// Expects none any more.
    pub fn forget(&self, session: &str) {
        self.lock().sessions.remove(session);
    }

    /// Hands out urls of files from now on.
    pub fn set_publisher(&self, publisher: Publisher) {
        self.lock().publisher = Some(publisher);
    }

    /// What hands out urls of files, where something serves them.
    pub fn publisher(&self) -> Option<Publisher> {
        self.lock().publisher.clone()
    }

    /// Where the webhooks of a session are taken, as the world finds that.
    pub(super) fn url(&self, session: &str) -> Option<Url> {
        let mut url = self.lock().publisher.as_ref()?.base().clone();
        url.path_segments_mut().ok()?.pop_if_empty().extend(["webhook", session]);
        Some(url)
    }

    /// The secret of a session whose webhooks are expected, and where it takes them, while it does.
    pub fn find(&self, session: &str) -> Option<(Secret, Option<Door>)> {
        self.lock().sessions.get(session).map(|expected| (expected.secret.clone(), expected.door.clone()))
    }

    /// Opens the door of a session whose account has this id.
    pub(super) fn open(&self, session: &str, account: &str) -> mpsc::Receiver<WebhookDelivery> {
        let (deliveries, taken) = mpsc::channel(WAITING);
        if let Some(expected) = self.lock().sessions.get_mut(session) {
            expected.door = Some(Door { account: account.to_owned(), deliveries });
        }
        taken
    }

    fn lock(&self) -> MutexGuard<'_, Expecting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
