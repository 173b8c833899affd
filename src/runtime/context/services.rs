//! What the functions that scripts call stand on.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::directory::Directory;
use crate::clock::Clock;
use crate::language::settings::Setup;
use crate::language::zone::Zone;
use crate::runtime::chance::Chance;
use crate::runtime::limits::Limits;
use crate::runtime::view::stream::Announcer;
use crate::runtime::web::Web;

/// What the functions of one worker's scripts stand on.
pub(crate) struct Services {
    pub(crate) clock: Clock,
    /// What the configuration gives to scripts, as it is now: a run keeps what it began with, but for the secrets.
    pub(crate) setup: RefCell<Arc<Setup>>,
    pub(crate) limits: Rc<Limits>,
    pub(crate) directory: Directory,
    /// The web as far as scripts may reach it.
    pub(crate) web: Web,
    /// What scripts draw from.
    pub(crate) chance: Chance,
    /// Where it is told what happens.
    pub(crate) events: Announcer,
    /// Whether effects are only logged.
    pub(crate) dry_run: bool,
    /// Whether an effect whose outcome was lost with its process is sent again.
    pub(crate) resend_in_doubt: bool,
    /// What the keys follow from under which a network takes the same request once.
    pub(crate) secret: Vec<u8>,
}

impl Services {
    /// Where the bot reads and writes times now.
    pub(crate) fn zone(&self) -> Zone {
        self.setup.borrow().zone.clone()
    }
}
