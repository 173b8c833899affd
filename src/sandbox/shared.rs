//! What the tasks of a sandbox and its handles share: the hub under its lock, the files, and the tasks on the side.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::config::SandboxLimits;
use super::disk::FileStore;
use super::hub::{ConnectionId, Hub, PinEntry};
use super::tally::{Tallies, Unanswered};
use super::tap::{Heard, Tap, Way};
use super::world::{FileNeed, Mid, StoredFile};
use crate::access::Access;
use crate::clock::Clock;
use crate::protocol::{Failure, Request};

/// What the tasks of a sandbox share.
pub(super) struct SandboxShared {
    pub(super) hub: Mutex<Hub>,
    pub(super) disk: Arc<FileStore>,
    pub(super) access: Access,
    pub(super) listen: IpAddr,
    pub(super) media_port: u16,
    pub(super) clock: Clock,
    pub(super) limits: SandboxLimits,
    pub(super) webhook_patience: Duration,
    /// Its number within this process, for the tap.
    pub(super) number: u64,
    pub(super) tap: Option<Tap>,
    pub(super) pin_entry: PinEntry,
    pub(super) runtime: Handle,
    pub(super) stopping: watch::Sender<bool>,
    /// What was begun on the side, such as a PIN that is to be typed; it ends with the sandbox.
    pub(super) tasks: Mutex<JoinSet<()>>,
    pub(super) carried: Tallies,
    pub(super) unanswered: Unanswered,
}

impl SandboxShared {
    /// Works on the hub. The lock is held for this call only, never across an await.
    pub(super) fn with<T>(self: &Arc<Self>, work: impl FnOnce(&mut Hub) -> T) -> T {
        let (done, alarms) = {
            let mut hub = lock(&self.hub);
            (work(&mut hub), hub.take_alarms())
        };
        alarms.into_iter().for_each(|due| self.set_alarm(due));
        done
    }

    fn set_alarm(self: &Arc<Self>, due: Duration) {
        let shared = Arc::clone(self);
        self.spawn(async move {
            shared.clock.sleep_until(due).await;
            let elapsed = shared.clock.elapsed();
            shared.with(|hub| hub.release(elapsed));
        });
    }

    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = lock(&self.tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn_on(task, &self.runtime);
    }

    pub(super) fn tapped(&self, connection: ConnectionId, way: Way, text: &str) {
        if let Some(tap) = &self.tap {
            tap.hear(Heard { sandbox: self.number, connection, way, text });
        }
    }

    /// Brings the file that a command names into the store, or puts a stored one where it wants it.
    pub(super) async fn stage(self: &Arc<Self>, by: &Mid, request: &Request) -> Result<Option<StoredFile>, Failure> {
        let disk = Arc::clone(&self.disk);
        match FileNeed::of(request) {
            FileNeed::Nothing => Ok(None),
            FileNeed::Taken(path) => {
                self.with(|hub| hub.world.allows_file(by, request))?;
                disk.take_in(path.to_owned(), self.limits.file_bytes).await.map(Some)
            }
            FileNeed::Saved { msg_id, path } => {
                let file = self.with(|hub| hub.world.file_of(by, msg_id).cloned())?;
                disk.save(file, path.to_owned()).await.map(|()| None)
            }
        }
    }

    /// The base of the urls for a client that reaches the sandbox at `host`, where that is another than usual.
    pub(super) fn media_at(&self, host: IpAddr) -> Option<Arc<str>> {
        self.listen.is_unspecified().then(|| media_url(host, self.media_port).into())
    }
}

/// The base of the urls under which files are served.
pub(super) fn media_url(host: IpAddr, port: u16) -> String {
    format!("http://{}", SocketAddr::new(host, port))
}

/// Waits until the sandbox is told to stop.
pub(super) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // An error means that the sandbox is gone altogether.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// A panic elsewhere does not make the world unusable: every deed leaves it whole.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
