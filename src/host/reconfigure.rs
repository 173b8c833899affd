//! Changes of the configuration file while the system runs: noticing them, and deciding what they ask for.
//!
//! How sessions come and go is the business of `sessions`.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use tokio::sync::watch;

use super::config::{Config, Session};
use crate::language::disk::Disk;
use crate::runtime::DrainMode;
use crate::runtime::reload::outlook::{End, Outlook, Wake};

/// What a new version of the configuration asks for.
#[derive(Debug, Default, PartialEq)]
pub(super) struct ConfigPlan {
    /// The names of sessions that are to go.
    pub(super) removed: Vec<String>,
    /// Sessions that are to come.
    pub(super) added: Vec<Session>,
    /// Sessions that are to connect anew, and what becomes of the runs that wait in them.
    pub(super) changed: Vec<(Session, DrainMode)>,
    /// Sessions of which only the scripts, or the way of their files, are other ones: they go on.
    pub(super) altered: Vec<Session>,
    /// The keys that have changed and count only from the next start on.
    pub(super) fixed: Vec<&'static str>,
}

/// Compares two versions of the configuration.
pub(super) fn plan(old: &Config, new: &Config) -> ConfigPlan {
    let before = |name: &str| old.sessions.iter().find(|session| session.name == name);
    let mut plan = ConfigPlan { fixed: fixed(old, new), ..ConfigPlan::default() };
    let is_gone = |session: &&Session| new.sessions.iter().all(|other| other.name != session.name);
    plan.removed = old.sessions.iter().filter(is_gone).map(|session| session.name.clone()).collect();
    for session in &new.sessions {
        match before(&session.name) {
            None => plan.added.push(session.clone()),
            Some(known) if known == session => {}
            Some(known) if is_alteration(known, session) => plan.altered.push(session.clone()),
            Some(known) => plan.changed.push((session.clone(), mode(known, session))),
        }
    }
    plan
}

/// Whether only that is other which needs no new login.
fn is_alteration(old: &Session, new: &Session) -> bool {
    *old == Session { scripts: old.scripts.clone(), media: old.media, ..new.clone() }
}

/// A conversation goes on over a new password or another proxy, and not with another account.
fn mode(old: &Session, new: &Session) -> DrainMode {
    let is_same_account = old.gateway == new.gateway && old.login.account() == new.login.account();
    if is_same_account { DrainMode::Keep } else { DrainMode::End }
}

fn fixed(old: &Config, new: &Config) -> Vec<&'static str> {
    let keys = [
        ("scripts", old.scripts != new.scripts),
        ("data", old.data != new.data),
        ("workers", old.workers != new.workers),
        ("journal", old.journal != new.journal),
        ("retention", old.retention != new.retention),
        ("in_doubt", old.in_doubt != new.in_doubt),
        ("pacing", old.pacing != new.pacing),
        ("reload", old.reload != new.reload),
        ("files", old.files != new.files),
        ("limits", old.limits != new.limits),
        ("http.allow", old.http_allow != new.http_allow),
        ("console.listen", old.console != new.console),
        ("webhook", old.webhook != new.webhook),
        ("owner", old.owner != new.owner),
    ];
    keys.into_iter().filter(|(_, has_changed)| *has_changed).map(|(key, _)| key).collect()
}

/// The thread that follows the configuration file.
pub(super) struct Following {
    end: End,
    thread: thread::JoinHandle<()>,
    versions: watch::Receiver<Option<Arc<Config>>>,
}

impl Following {
    /// Follows a file from now on. Its first version is what it holds now.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(file: PathBuf) -> std::io::Result<Self> {
        let (outlook, end) = Outlook::new(|_| false);
        let (sender, versions) = watch::channel(None);
        let follower = Follower { file, last: None, fault: None, sender };
        let body = move || follower.run(outlook);
        let thread = thread::Builder::new().name("configuration".to_owned()).spawn(body)?;
        Ok(Self { end, thread, versions })
    }

    /// Waits for the next version; of several that came meanwhile, the newest counts.
    pub(super) async fn next(&mut self) -> Arc<Config> {
        loop {
            if self.versions.changed().await.is_err() {
                // The thread is gone, and with it all news.
                return std::future::pending().await;
            }
            if let Some(config) = self.versions.borrow_and_update().clone() {
                return config;
            }
        }
    }

    pub(super) fn stop(self) {
        self.end.now();
        if self.thread.join().is_err() {
            tracing::error!("the thread that follows the configuration panicked");
        }
    }
}

struct Follower {
    file: PathBuf,
    /// The text of the version that was handed on last.
    last: Option<String>,
    /// What was said to be wrong with a version after it.
    fault: Option<String>,
    sender: watch::Sender<Option<Arc<Config>>>,
}

impl Follower {
    fn run(mut self, mut outlook: Outlook) {
        // What was saved since the start is seen by the first look. A version that cannot be used may be half of a save.
        let mut is_settled = true;
        loop {
            let disk = Disk::default();
            let looked = self.look(&disk);
            outlook.follow(disk.seen());
            match looked {
                Err(fault) if is_settled => self.complain(fault),
                Err(_) => outlook.hold(Instant::now()),
                Ok(()) => outlook.release(),
            }
            is_settled = match outlook.wait() {
                Wake::Over => return,
                woken => matches!(woken, Wake::Held(_)),
            };
        }
    }

    /// Reads the file, and hands a version on that is new and can be used.
    fn look(&mut self, disk: &Disk) -> Result<(), String> {
        let text = disk.text(&self.file).read().map_err(|reason| format!("{}: {reason}", self.file.display()))?;
        if self.last.as_ref() == Some(&text) {
            self.is_in_order();
            return Ok(());
        }
        let config = Config::parse(&text, &self.file, |name| std::env::var(name).ok());
        let config = config.map_err(|error| error.to_string())?;
        if config.sessions.is_empty() {
            return Err(format!("{}: found no [[session]], expected one at least", self.file.display()));
        }
        self.is_in_order();
        self.last = Some(text);
        self.sender.send_replace(Some(Arc::new(config)));
        Ok(())
    }

    fn is_in_order(&mut self) {
        if self.fault.take().is_some() {
            tracing::info!("{} is in order again", self.file.display());
        }
    }

    fn complain(&mut self, fault: String) {
        if self.fault.as_ref() != Some(&fault) {
            tracing::error!("{fault}; what was configured before goes on");
            self.fault = Some(fault);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn config(top: &str, sessions: &[(&str, &str)]) -> Config {
        let mut text = format!("{top}\n");
        for (name, lines) in sessions {
            text += &format!("[[session]]\nname = \"{name}\"\n{lines}\n");
        }
        Config::parse(&text, Path::new("hotline.toml"), |_| None).unwrap_or_else(|error| panic!("{error}"))
    }

    fn account(email: &str, password: &str) -> String {
        format!("gateway = \"ws://127.0.0.1:1\"\nemail = \"{email}\"\npassword = \"{password}\"")
    }

    #[test]
    fn sessions_come_go_and_change() {
        let (a, b, two) = (account("a@b", "one"), account("b@b", "one"), account("a@b", "two"));
        let scripts = format!("{a}\nscripts = [\"one\"]\nmedia = \"upload\"");
        let old = config("", &["same", "gone", "password", "account", "scripts"].map(|name| (name, a.as_str())));
        let new = [("same", &a), ("new", &b), ("password", &two), ("account", &b), ("scripts", &scripts)];
        let new = config("", &new.map(|(name, lines)| (name, lines.as_str())));
        let plan = plan(&old, &new);
        assert_eq!(plan.removed, ["gone"]);
        assert_eq!(plan.added.iter().map(|session| session.name.as_str()).collect::<Vec<_>>(), ["new"]);
        let changed: Vec<_> = plan.changed.iter().map(|(session, mode)| (session.name.as_str(), *mode)).collect();
        assert_eq!(changed, [("password", DrainMode::Keep), ("account", DrainMode::End)]);
        assert_eq!(plan.altered.iter().map(|session| session.name.as_str()).collect::<Vec<_>>(), ["scripts"]);
        assert!(plan.fixed.is_empty());
    }

    #[test]
    fn a_version_that_says_the_same_asks_for_nothing() {
        let a = account("a@b", "one");
        let (old, new) = (config("", &[("main", &a)]), config("# a remark\nworkers = 2\n", &[("main", &a)]));
        assert_eq!(plan(&old, &old), ConfigPlan::default());
        assert_eq!(plan(&old, &new), ConfigPlan { fixed: vec!["workers"], ..ConfigPlan::default() });
    }

    #[test]
    fn what_counts_only_at_the_start_is_named() {
        let a = account("a@b", "one");
        let old = config("", &[("main", &a)]);
        let new = config(
            "scripts = [\"s\"]\ndata = \"d\"\nworkers = 7\njournal = \"strict\"\nretention = \"2d\"\nin_doubt = \"resend\"\npacing = \"off\"\n\
             files = [\"f\"]\n[limits]\ncpu = \"2s\"\n[http]\nallow = [\"a.b\"]\n[console]\nlisten = \"off\"\n",
            &[("main", &a)],
        );
        let every = [
            "scripts",
            "data",
            "workers",
            "journal",
            "retention",
            "in_doubt",
            "pacing",
            "files",
            "limits",
            "http.allow",
            "console.listen",
        ];
        assert_eq!(plan(&old, &new), ConfigPlan { fixed: every.into(), ..ConfigPlan::default() });
    }
}
