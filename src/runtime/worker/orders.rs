//! What workers are given to run, and what they are asked for.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::prompt;
use crate::clock::Clock;
use crate::language::bundle::Bundle;
use crate::language::fault::Fault;
use crate::language::settings::Setup;
use crate::runtime::chance::Chance;
use crate::runtime::context::directory::Directory;
use crate::runtime::context::drain::DrainMode;
use crate::runtime::engine::coverage::Coverage;
use crate::runtime::journal::JournalMode;
use crate::runtime::limits::Limits;
use crate::runtime::view::rows::WorkerView;
use crate::runtime::view::stream::Announcer;
use crate::runtime::web::WebAccess;
use crate::session::{Ended, Handle, Inbox, Media, SessionConfig};
use crate::store::{RunId, Store};

/// What every worker of a process shares.
#[derive(Clone)]
pub struct WorkerContext {
    /// The one clock.
    pub clock: Clock,
    /// What the configuration gives to scripts.
    pub setup: Arc<Setup>,
    /// What outlives the process.
    pub store: Store,
    /// The limits of scripts.
    pub limits: Limits,
    /// Every session of the process.
    pub directory: Directory,
    /// What of the web scripts may reach.
    pub web: WebAccess,
    /// What scripts draw from.
    pub chance: Chance,
    /// Where it is told what happens.
    pub events: Announcer,
    /// Where the lines of scripts that are run are counted, in tests.
    pub coverage: Option<Coverage>,
    /// Whether effects are only logged and not sent.
    pub dry_run: bool,
    /// How much is recorded, and how safely.
    pub journal: JournalMode,
    /// Whether an effect whose outcome was lost with its process is sent again.
    pub resend_in_doubt: bool,
    /// Where it is told that a session is over, by its name. When it is full, the session's task waits: it has nothing else to do.
    pub ended: mpsc::Sender<(String, Ended)>,
}

/// A session to be run by a worker.
pub struct Assignment {
    /// How it connects and logs in.
    pub config: SessionConfig,
    /// The session's side of its channel.
    pub inbox: Inbox,
    /// Its handle.
    pub handle: Handle,
    /// What carries the commands that name files.
    pub media: Arc<Media>,
    /// The scripts that it runs; none means all.
    pub scripts: Option<Vec<String>>,
    /// Seeds its backoff.
    pub seed: u64,
}

/// A new version of some scripts, to be taken over at once.
#[derive(Clone, Debug, Default)]
pub struct Update {
    /// Scripts that are new or changed, each with its generation's number.
    pub loaded: Vec<(Arc<Bundle>, i64)>,
    /// The names of scripts whose files are missing: they are held.
    pub missing: Vec<String>,
    /// The names of scripts whose files are back and give no new version: what was live goes on.
    pub returned: Vec<String>,
    /// The names of scripts that are gone for good.
    pub removed: Vec<String>,
    /// What the configuration gives to scripts from now on, where that is something else.
    pub setup: Option<Arc<Setup>>,
}

impl Update {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        let Self { loaded, missing, returned, removed, setup } = self;
        setup.is_none() && loaded.is_empty() && [missing, returned, removed].into_iter().all(Vec::is_empty)
    }
}

/// What a worker is asked for.
pub(super) enum Order {
    Attach(Box<Assignment>),
    Detach(String, DrainMode, oneshot::Sender<()>),
    Alter(String, Arc<Media>, Option<Vec<String>>),
    Update(Update, oneshot::Sender<Result<(), Fault>>),
    Unloaded(Vec<String>),
    Hold(Vec<String>),
    Kill(RunId, oneshot::Sender<bool>),
    Look(oneshot::Sender<WorkerView>),
    Flush(oneshot::Sender<()>),
    Stop(Duration),
    Prompt(prompt::PromptRequest),
}
