//! What the functions that scripts call stand on.

use std::rc::Rc;

use super::directory::Directory;
use crate::clock::Clock;
use crate::language::zone::Zone;
use crate::runtime::chance::Chance;
use crate::runtime::limits::Limits;
use crate::runtime::view::stream::Announcer;
use crate::runtime::web::Web;

/// What the functions of one worker's scripts stand on.
pub(crate) struct Services {
    pub(crate) clock: Clock,
    /// Where times are read and written.
    pub(crate) zone: Zone,
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
