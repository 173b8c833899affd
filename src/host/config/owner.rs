//! `owner`: the person who is told of troubles. How they are told is not here.

use super::error::ConfigError;
use super::read::ConfigValue;
use super::session::Session;
use crate::language::spelling::did_you_mean;
use crate::protocol::{LINE, MidKind, mid_kind};

const EXPECTED: &str = "the mid of a person, or a table such as { mid = \"u…\", session = \"main\" }";
const MID: &str = "the mid of a person, which is u, on LINE U, and 32 hexadecimal digits";

/// The person who is told of troubles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BotOwner {
    /// Their mid.
    pub mid: String,
    /// The session that tells them; `None` is any that is up.
    pub session: Option<String>,
}

impl BotOwner {
    /// Whether they are known by this mid on LINE, and not at a gateway.
    pub fn is_on_line(&self) -> bool {
        self.mid.starts_with('U')
    }
}

pub(super) fn read(item: &ConfigValue<'_>, sessions: &[Session]) -> Result<BotOwner, ConfigError> {
    if !item.is_table() {
        let owner = BotOwner { mid: read_mid(item)?, session: None };
        return fitting(owner, item, sessions);
    }
    let table = item.table("owner", EXPECTED, &["mid", "session"])?;
    let mid = table.require("mid", MID)?;
    let owner = BotOwner { mid: read_mid(&mid)?, session: None };
    let Some(session) = table.get("session") else { return fitting(owner, item, sessions) };
    let name = session.name("the name of a session")?;
    let Some(known) = sessions.iter().find(|session| session.name == name) else {
        let names: Vec<_> = sessions.iter().map(|session| session.name.as_str()).collect();
        let suggestion = did_you_mean(&name, names.iter().copied());
        return Err(session.wrong(&format!("one of the sessions {}{suggestion}", names.join(", "))));
    };
    let owner = BotOwner { session: Some(name), ..owner };
    fitting(owner, &mid, std::slice::from_ref(known))
}

fn read_mid(item: &ConfigValue<'_>) -> Result<String, ConfigError> {
    let mid = item.name(EXPECTED)?;
    let is_person = mid_kind(&mid) == Some(MidKind::User)
        || mid.strip_prefix('U').is_some_and(|digits| mid_kind(&format!("u{digits}")) == Some(MidKind::User));
    if is_person { Ok(mid) } else { Err(item.wrong(MID)) }
}

/// An owner whom one of these sessions can tell something; without any, the sandbox tries it out.
fn fitting(owner: BotOwner, item: &ConfigValue<'_>, sessions: &[Session]) -> Result<BotOwner, ConfigError> {
    let is_there = |session: &Session| std::ptr::eq(session.network(), &LINE) == owner.is_on_line();
    if sessions.is_empty() || sessions.iter().any(is_there) {
        return Ok(owner);
    }
    let (letter, network) = if owner.is_on_line() { ('u', "the gateway") } else { ('U', "LINE") };
    Err(item.wrong(&format!("a mid on the network of a session, which is {network}: there it begins with {letter}")))
}
