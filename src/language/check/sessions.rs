//! Which networks the sessions of scripts are on. Where a configuration says so is the caller's to know.

use std::path::Path;

use crate::language::bundle::script_name;
use crate::protocol::{NETWORKS, Network};

/// The sessions of a configuration, as far as a check needs them; without any, nothing is known of networks.
#[derive(Clone, Debug, Default)]
pub struct SessionNetworks(Vec<SessionScripts>);

/// The scripts that a session runs, where it does not run all, and its network.
type SessionScripts = (Option<Vec<String>>, &'static Network);

impl FromIterator<SessionScripts> for SessionNetworks {
    fn from_iter<T: IntoIterator<Item = SessionScripts>>(sessions: T) -> Self {
        Self(sessions.into_iter().collect())
    }
}

impl SessionNetworks {
    /// The networks of those sessions that run one of these files.
    pub(super) fn of(&self, files: &[&str]) -> Vec<&'static Network> {
        let names: Vec<_> = files.iter().map(|file| script_name(Path::new(file))).collect();
        let runs = |scripts: &Option<Vec<String>>| {
            scripts.as_ref().map_or(!names.is_empty(), |scripts| names.iter().any(|name| scripts.contains(name)))
        };
        self.those(|(scripts, _)| runs(scripts))
    }

    /// Whether a session may run both of two files.
    pub(super) fn run_both(&self, files: [&str; 2]) -> bool {
        let names = files.map(|file| script_name(Path::new(file)));
        let runs = |scripts: &Option<Vec<String>>| {
            scripts.as_ref().is_none_or(|scripts| names.iter().all(|name| scripts.contains(name)))
        };
        self.0.is_empty() || self.0.iter().any(|(scripts, _)| runs(scripts))
    }

    /// The networks of all sessions.
    pub(super) fn all(&self) -> Vec<&'static Network> {
        self.those(|_| true)
    }

    fn those(&self, is_such: impl Fn(&SessionScripts) -> bool) -> Vec<&'static Network> {
        let has = |network: &&&'static Network| {
            self.0.iter().any(|session| std::ptr::eq(session.1, **network) && is_such(session))
        };
        NETWORKS.iter().filter(has).copied().collect()
    }
}
