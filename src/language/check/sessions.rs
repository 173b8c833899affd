//! Which networks the sessions of scripts are on, which settings scripts have, and which hosts they may ask. Where a configuration says
//! so is the caller's to know.

use std::collections::BTreeMap;
use std::path::Path;

use crate::language::bundle::script_name;
use crate::language::kind::Kind;
use crate::language::settings::ScriptSettings;
use crate::language::web::AllowedHost;
use crate::protocol::{NETWORKS, Network};

/// The sessions of a configuration, as far as a check needs them, with its settings; without any, nothing is known of networks.
#[derive(Clone, Debug, Default)]
pub struct SessionNetworks {
    sessions: Vec<SessionScripts>,
    /// None where nothing is known of them.
    settings: Option<ScriptSettings>,
    /// The names of the sessions; none where they are not known.
    names: Vec<String>,
    /// The hosts that scripts may ask; `None` where that is not known.
    hosts: Option<Vec<AllowedHost>>,
}

/// The scripts that a session runs, where it does not run all, and its network.
type SessionScripts = (Option<Vec<String>>, &'static Network);

impl FromIterator<SessionScripts> for SessionNetworks {
    fn from_iter<T: IntoIterator<Item = SessionScripts>>(sessions: T) -> Self {
        Self { sessions: sessions.into_iter().collect(), ..Self::default() }
    }
}

impl SessionNetworks {
    /// With the settings that scripts have.
    pub fn with_settings(self, settings: Option<ScriptSettings>) -> Self {
        Self { settings, ..self }
    }

    /// With the names of all sessions.
    pub fn with_names(self, names: impl IntoIterator<Item = String>) -> Self {
        Self { names: names.into_iter().collect(), ..self }
    }

    /// With the hosts that scripts may ask.
    pub fn with_hosts(self, hosts: Option<Vec<AllowedHost>>) -> Self {
        Self { hosts, ..self }
    }

    /// The names of all sessions; none where they are not known.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The hosts that scripts may ask; `None` where that is not known.
    pub(super) fn hosts(&self) -> Option<&[AllowedHost]> {
        self.hosts.as_deref()
    }

    /// The names of the settings that one of these files reads, with what each is.
    pub(super) fn settings(&self, files: &[&str]) -> Option<BTreeMap<String, Kind>> {
        let settings = self.settings.as_ref()?;
        let mut known: BTreeMap<String, Kind> = BTreeMap::new();
        for (name, value) in files.iter().flat_map(|file| settings.of(&script_name(Path::new(file)))) {
            let kind = Kind::of_setting(&value);
            known.entry(name).and_modify(|other| *other = other.or(kind)).or_insert(kind);
        }
        Some(known)
    }

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
        self.sessions.is_empty() || self.sessions.iter().any(|(scripts, _)| runs(scripts))
    }

    /// The networks of all sessions.
    pub(super) fn all(&self) -> Vec<&'static Network> {
        self.those(|_| true)
    }

    fn those(&self, is_such: impl Fn(&SessionScripts) -> bool) -> Vec<&'static Network> {
        let has = |network: &&&'static Network| {
            self.sessions.iter().any(|session| std::ptr::eq(session.1, **network) && is_such(session))
        };
        NETWORKS.iter().filter(has).copied().collect()
    }
}
