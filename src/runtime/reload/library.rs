//! The scripts on disk and what became of them: which are live, on which generation, and what is wrong with the others.
//!
//! Reading and checking happens here, on the thread of whoever owns the library; when to look again is decided in `outlook`
//! and `settle`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rhai::Engine;

use crate::language::bundle::{Bundle, script_name};
use crate::language::check::{Checker, Finding, SessionNetworks};
use crate::language::dialect;
use crate::language::disk::{Disk, Sight, Stamp, Stamps, parent, read_text};
use crate::language::fault::Fault;
use crate::language::settings::Setup;
use crate::language::spelling::did_you_mean;
use crate::runtime::dry_start::{Called, DryStart};
use crate::runtime::limits::Limits;
use crate::runtime::worker::orders::Update;

/// Scripts and the folders that they come from.
pub struct Library {
    roots: Vec<Root>,
    reader: Engine,
    checker: Checker,
    dry_start: DryStart,
    setup: Arc<Setup>,
    scripts: BTreeMap<PathBuf, Script>,
    /// The names of scripts that were missing from the start.
    missed: BTreeSet<String>,
    root_faults: BTreeMap<PathBuf, Fault>,
    generations: i64,
    /// How the folders were at the last look, and what else was looked for there.
    seen: Stamps,
}

/// A script or a folder of scripts, as it was named.
struct Root {
    path: PathBuf,
    /// What it was when it could be seen; it stays that.
    kind: Option<Kind>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Script,
    Folder,
}

impl Root {
    /// What it is, or by its name should be while nobody can tell.
    fn kind(&self) -> Kind {
        let named = || if self.path.extension().is_some_and(|is| is == "rhai") { Kind::Script } else { Kind::Folder };
        self.kind.unwrap_or_else(named)
    }

    fn recognize(&mut self) {
        let kind = |found: fs::Metadata| if found.is_dir() { Kind::Folder } else { Kind::Script };
        self.kind = self.kind.or_else(|| fs::metadata(&self.path).ok().map(kind));
    }

    /// The folder that imports may lead into.
    fn folder(&self) -> &Path {
        match self.kind() {
            Kind::Folder => &self.path,
            Kind::Script => parent(&self.path),
        }
    }
}

/// What a look saw of the scripts.
#[derive(Default)]
struct Found {
    /// Those that are there, whether they can be read or not, each with the folder that its imports may lead into.
    scripts: BTreeMap<PathBuf, PathBuf>,
    /// Those that were there, and in whose place nothing is. Of one in a folder that cannot be read nobody knows, so that it
    /// is none of these.
    missing: Vec<PathBuf>,
}

/// What is known of one script.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// The script's name.
    pub name: String,
    /// What is live; nothing while no version of it has loaded.
    pub live: Option<Arc<Bundle>>,
    /// The number of the live generation.
    pub generation: i64,
    /// What the host calls in the live generation.
    pub called: Called,
    /// What is wrong with the newest version, which is then not the live one.
    pub fault: Option<Fault>,
    /// Whether its file is missing, so that it is held.
    pub is_missing: bool,
    /// Whether something may wait for it: it was there at the start, or has been live.
    is_awaited: bool,
    /// The folder that its imports may lead into.
    root: PathBuf,
    /// What was found at the last look and does not count yet.
    suspect: Option<Suspect>,
    /// How all that it was read from was then, and what its imports looked for in vain.
    seen: Stamps,
}

impl Script {
    /// Whether the host ever calls the live generation.
    pub fn is_called(&self) -> bool {
        self.called.is_any()
    }

    /// The names of the live generation's hooks and commands, for people.
    pub fn hook_names(&self) -> String {
        match self.called.names().as_slice() {
            [] if self.called.timers > 0 => "timers".to_owned(),
            [] => "no hooks, so that nothing ever calls it".to_owned(),
            names => names.join(", "),
        }
    }
}

/// A version that may be half of a save.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Suspect {
    Faulty(Box<Fault>),
    /// The script or a module of it has lost its text; the hash is that of all sources.
    Emptied([u8; 32]),
    Gone,
}

/// Why a script cannot be forgotten.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unforgettable {
    /// Its file is there.
    #[error("{0} is there, in {file}: only a script without a file is forgotten", file = .1.display())]
    There(String, PathBuf),
    /// Its file may be there, where nobody can look.
    #[error("whether {0} is there cannot be told: {1}")]
    Unseen(String, Box<Fault>),
    /// Nothing is missing of this name, but of these.
    #[error("nothing is kept of a script {0}{suggestion}", suggestion = meant(.0, .1))]
    Unknown(String, BTreeSet<String>),
}

/// The missing script that was meant, or all that could be.
fn meant(name: &str, missing: &BTreeSet<String>) -> String {
    let others: Vec<_> = missing.iter().map(String::as_str).collect();
    match did_you_mean(name, others.iter().copied()) {
        meant if !meant.is_empty() => meant,
        _ if others.is_empty() => "; none is missing".to_owned(),
        _ => format!("; missing: {}", others.join(", ")),
    }
}

/// What a look at the disk found.
#[derive(Debug, Default)]
pub struct Changes {
    /// What the workers are to take over.
    pub update: Update,
    /// The names of scripts that there was nothing of before.
    pub new: Vec<String>,
    /// The names of scripts that are not missing any more.
    pub back: Vec<String>,
    /// Faults that are new.
    pub faults: Vec<Fault>,
    /// Files and folders with which nothing is wrong any more, and of which what was live goes on.
    pub mended: Vec<String>,
    /// Whether something looks like a save in progress, so that another look is needed soon.
    pub unsettled: bool,
}

/// Whether what looks like half of a save counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// The look at the start: whatever is there is meant.
    Start,
    /// The first look after a change: such a version may be followed by the rest.
    First,
    /// The look after the grace: what still stands as it stood then is meant.
    Settled,
}

impl Script {
    /// Notes that its file is there; whether it was missing.
    fn comes_back(&mut self, changes: &mut Changes) -> bool {
        let was_missing = std::mem::take(&mut self.is_missing);
        if was_missing {
            changes.back.push(self.name.clone());
        }
        was_missing
    }

    /// Whether a suspect version counts; one that does not is remembered.
    fn counts(&mut self, suspect: Suspect, look: Look, changes: &mut Changes) -> bool {
        let is_meant = match look {
            Look::Start => true,
            Look::First => false,
            Look::Settled => self.suspect.as_ref() == Some(&suspect),
        };
        if !is_meant {
            changes.unsettled |= self.suspect.as_ref() != Some(&suspect);
            self.suspect = Some(suspect);
        }
        is_meant
    }

    /// Whether what is live is what another look at the disk would read.
    fn is_current(&mut self, setup: &Setup) -> bool {
        let is_settled = self.fault.is_none() && self.suspect.is_none() && !self.is_missing;
        let Some(live) = self.live.as_deref().filter(|live| is_settled && live.is_set_up(setup)) else {
            return false;
        };
        let now: Stamps = self.seen.keys().map(|path| (path.clone(), Stamp::of(path))).collect();
        let has_come = |(path, stamp): (&PathBuf, &Stamp)| stamp.is_missing() && !now[path].is_missing();
        if self.seen.iter().any(has_come) || !is_unchanged(live) {
            return false;
        }
        self.seen = now;
        true
    }
}

impl Library {
    /// A library of the scripts at `roots`, which are files or folders, with what a configuration gives to them. Nothing is read
    /// yet.
    pub fn new(roots: Vec<PathBuf>, limits: Limits, setup: Arc<Setup>) -> Self {
        Self {
            roots: roots.into_iter().map(|path| Root { path, kind: None }).collect(),
            reader: dialect::for_reading(),
            checker: Checker::new(),
            dry_start: DryStart::new(limits),
            setup,
            scripts: BTreeMap::new(),
            missed: BTreeSet::new(),
            root_faults: BTreeMap::new(),
            generations: 0,
            seen: Stamps::new(),
        }
    }

    /// Gives the scripts what another version of the configuration has for them, from the next look on.
    pub(crate) fn set_up(&mut self, setup: Arc<Setup>) {
        self.setup = setup;
    }

    /// What the configuration gives to the scripts.
    pub(crate) fn setup(&self) -> &Arc<Setup> {
        &self.setup
    }

    /// The scripts in the order of their paths.
    pub fn scripts(&self) -> impl Iterator<Item = &Script> {
        self.scripts.values()
    }

    /// The scripts with their files, as [`scripts`](Self::scripts).
    pub fn files(&self) -> impl Iterator<Item = (&Path, &Script)> {
        self.scripts.iter().map(|(file, script)| (file.as_path(), script))
    }

    /// All that was looked at, and how it was then. What two scripts saw differently is to be looked at again.
    pub(crate) fn seen(&self) -> Stamps {
        let mut all = self.seen.clone();
        for (path, stamp) in self.scripts.values().flat_map(|script| &script.seen) {
            all.entry(path.clone()).and_modify(|known| *known = known.or(*stamp)).or_insert(*stamp);
        }
        all
    }

    /// Whether a version goes on that was live before this fault.
    pub fn is_survived(&self, fault: &Fault) -> bool {
        let is_its = |(path, script): (&PathBuf, &Script)| {
            let of_folder = self.root_faults.get(parent(path)).filter(|_| !Stamp::of(parent(path)).is_missing());
            script.live.is_some() && (script.fault.as_ref() == Some(fault) || of_folder == Some(fault))
        };
        self.scripts.iter().any(is_its)
    }

    /// Everything that is wrong now.
    pub fn faults(&self) -> impl Iterator<Item = &Fault> {
        self.root_faults.values().chain(self.scripts.values().filter_map(|script| script.fault.as_ref()))
    }

    /// Checks a script as `hotline check` does, for these sessions. Whatever comes of it, the script works as it did.
    pub fn check(&self, bundle: &Bundle, sessions: &SessionNetworks) -> Vec<Finding> {
        let check = std::panic::AssertUnwindSafe(|| self.checker.check_bundle(bundle, sessions));
        let mut findings = std::panic::catch_unwind(check).unwrap_or_else(|_| {
            tracing::error!("the check of {} panicked: this is a bug of Hotline", bundle.script.file);
            Vec::new()
        });
        // What this script does not use of its own, another one that imports it may.
        let file = &bundle.script.file;
        let mut others = self.scripts.values().filter_map(|script| script.live.as_ref());
        if others.any(|other| other.modules.contains_key(file)) {
            findings.retain(|finding| finding.rule != "unused" || finding.fault.file != *file);
        }
        findings
    }

    /// Looks at the disk: reads and tries what has changed since the last look.
    pub fn look(&mut self, look: Look) -> Changes {
        let mut changes = Changes::default();
        let found = self.find(&mut changes);
        let mut are_missing = false;
        for path in &found.missing {
            let script = self.scripts.get_mut(path).expect("its key was just read");
            if script.is_missing {
                continue;
            }
            if !script.is_awaited {
                self.scripts.remove(path);
                continue;
            }
            // Some editors delete a file before they write it anew.
            if script.live.is_some() && !script.counts(Suspect::Gone, look, &mut changes) {
                are_missing = true;
                continue;
            }
            script.is_missing = true;
            (script.suspect, script.fault) = (None, None);
            changes.update.missing.push(script.name.clone());
        }
        for (path, root) in &found.scripts {
            // It may be a missing one under another name: then one goes when the other comes.
            if are_missing && !self.scripts.contains_key(path) {
                continue;
            }
            if !self.take_over(path, &found.missing) && !self.scripts.contains_key(path) {
                changes.new.push(script_name(path));
            }
            self.look_at(path, root, look, &mut changes);
        }
        changes
    }

    /// Has a file take over the script of its name that is missing at another place; whether there is one.
    fn take_over(&mut self, path: &Path, missing: &[PathBuf]) -> bool {
        let name = script_name(path);
        if self.missed.remove(&name) {
            let script = Script { name, is_missing: true, is_awaited: true, ..Script::default() };
            self.scripts.insert(path.to_owned(), script);
            return true;
        }
        let at = missing
            .iter()
            .find(|at| self.scripts.get(*at).is_some_and(|script| script.is_missing && script.name == name));
        let missed = at.and_then(|at| self.scripts.remove(at));
        missed.map(|missed| self.scripts.insert(path.to_owned(), missed)).is_some()
    }

    /// Takes it that scripts of these names are missing, but for those that are there.
    pub fn miss(&mut self, names: Vec<String>) {
        self.missed.extend(names.into_iter().filter(|name| self.scripts.values().all(|script| script.name != *name)));
    }

    /// Holds a missing script no longer: there is none of its name.
    ///
    /// # Errors
    /// When it is not missing, or nobody can tell.
    pub fn forget(&mut self, name: &str) -> Result<Changes, Unforgettable> {
        let found = self.scripts.iter().find(|(_, script)| script.name == name);
        match found.map(|(path, script)| (path.clone(), script.is_missing)) {
            Some((path, true)) => drop(self.scripts.remove(&path)),
            Some((path, false)) => return Err(Unforgettable::There(name.to_owned(), path)),
            None if self.missed.contains(name) => {
                let unseen = self.root_faults.iter().find(|(root, _)| !Stamp::of(root).is_missing());
                if let Some((_, fault)) = unseen {
                    return Err(Unforgettable::Unseen(name.to_owned(), Box::new(fault.clone())));
                }
                self.missed.remove(name);
            }
            None => {
                let missing = self.scripts.values().filter(|script| script.is_missing).map(|script| &script.name);
                return Err(Unforgettable::Unknown(name.to_owned(), missing.chain(&self.missed).cloned().collect()));
            }
        }
        let update = Update { removed: vec![name.to_owned()], ..Update::default() };
        Ok(Changes { update, ..Changes::default() })
    }

    fn find(&mut self, changes: &mut Changes) -> Found {
        let mut found = Found::default();
        let mut faults = BTreeMap::new();
        let disk = Disk::default();
        for root in &mut self.roots {
            root.recognize();
            let path = &root.path;
            let sight = match root.kind() {
                Kind::Folder => disk.scripts_in(path),
                Kind::Script if disk.is_missing(path) => Sight::Missing,
                Kind::Script => Sight::Present(vec![path.clone()]),
            };
            let reason = match sight {
                Sight::Present(scripts) => {
                    found.scripts.extend(scripts.into_iter().map(|script| (script, root.folder().to_owned())));
                    continue;
                }
                Sight::Missing if root.kind() == Kind::Folder => "there is no such folder".to_owned(),
                Sight::Missing => "there is no such file".to_owned(),
                Sight::Unreadable(reason) => reason,
            };
            faults.insert(path.clone(), Fault::of_file(path.display().to_string(), reason));
        }
        let unlisted: Vec<_> = self.scripts.iter().filter(|(path, _)| !found.scripts.contains_key(*path)).collect();
        for (path, script) in unlisted {
            if disk.is_missing(path) {
                found.missing.push(path.clone());
            } else if !faults.contains_key(&script.root) {
                // Another thing has taken its place.
                found.scripts.insert(path.clone(), script.root.clone());
            }
        }
        self.seen = disk.seen();
        let is_new = |(root, fault): &(&PathBuf, &Fault)| self.root_faults.get(*root) != Some(*fault);
        changes.faults.extend(faults.iter().filter(is_new).map(|(_, fault)| fault.clone()));
        let mended = self.root_faults.keys().filter(|root| !faults.contains_key(*root));
        changes.mended.extend(mended.map(|root| root.display().to_string()));
        self.root_faults = faults;
        found
    }

    fn look_at(&mut self, path: &Path, root: &Path, look: Look, changes: &mut Changes) {
        let name = script_name(path);
        let other = self
            .scripts
            .iter()
            .find(|(at, script)| script.name == name && at.as_path() != path)
            .map(|(at, _)| at.clone());
        let script = self.scripts.entry(path.to_owned()).or_default();
        script.name.clone_from(&name);
        root.clone_into(&mut script.root);
        script.is_awaited |= look == Look::Start;
        if script.is_current(&self.setup) {
            return;
        }
        let disk = Disk::default();
        let read = match other {
            Some(other) => {
                let message =
                    format!("{} is called {name} as well; their states would mix: rename one", other.display());
                Err(Fault::of_file(path.display().to_string(), message))
            }
            None => Bundle::read(&self.reader, &disk, path, root).map(|bundle| Arc::new(bundle.set_up(&self.setup))),
        };
        script.seen = disk.seen();
        let tried = read.and_then(|bundle| {
            // Another secret gives no other hash: what the top level made of the one before goes with its generation.
            let is_same = |live: &Arc<Bundle>| live.hash == bundle.hash && live.is_set_up(&self.setup);
            let fresh = !script.live.as_ref().is_some_and(is_same);
            let called = if fresh { self.dry_start.load(&bundle)? } else { script.called.clone() };
            Ok((bundle, fresh, called))
        });
        let suspect = match &tried {
            // It has been said, and the running version stays as it is.
            Err(fault) if script.fault.as_ref() == Some(fault) => None,
            Err(fault) => Some(Suspect::Faulty(Box::new(fault.clone()))),
            Ok((bundle, true, _)) if has_lost_text(script.live.as_deref(), bundle) => {
                Some(Suspect::Emptied(bundle.hash))
            }
            Ok(_) => None,
        };
        if suspect.is_some_and(|suspect| !script.counts(suspect, look, changes)) {
            tracing::debug!(target: "hotline::reload", "{} may be half of a save; it is read again soon", path.display());
            return;
        }
        script.suspect = None;
        match tried {
            Ok((bundle, fresh, called)) => {
                let was_faulty = script.fault.take().is_some();
                // An editor has made the file, and its text is to come: that is what starts then.
                let has_begun = script.live.is_some() || !bundle.is_blank();
                if fresh && !has_begun {
                    return;
                }
                let was_missing = script.comes_back(changes);
                if fresh {
                    script.is_awaited = true;
                    self.generations += 1;
                    script.generation = self.generations;
                    script.called = called;
                    script.live = Some(Arc::clone(&bundle));
                    changes.update.loaded.push((bundle, script.generation));
                } else if was_missing {
                    changes.update.returned.push(name);
                } else if was_faulty {
                    changes.mended.push(bundle.script.file.clone());
                }
            }
            Err(fault) => {
                if script.comes_back(changes) {
                    changes.update.returned.push(name);
                }
                if script.fault.as_ref() != Some(&fault) {
                    changes.faults.push(fault.clone());
                }
                script.fault = Some(fault);
            }
        }
    }
}

/// Whether a new version lacks all text of a file that had some, or that is new.
fn has_lost_text(live: Option<&Bundle>, bundle: &Bundle) -> bool {
    let had_none = |file: &str| {
        let sources = live.into_iter().flat_map(|live| std::iter::once(&live.script).chain(live.modules.values()));
        sources.filter(|source| source.file == file).any(|source| source.text.trim().is_empty())
    };
    let mut sources = std::iter::once(&bundle.script).chain(bundle.modules.values());
    sources.any(|source| source.text.trim().is_empty() && !had_none(&source.file))
}

/// Whether every file of a bundle still has the text that was read.
fn is_unchanged(bundle: &Bundle) -> bool {
    let sources = std::iter::once(&bundle.script).chain(bundle.modules.values());
    sources
        .filter_map(|source| Some((source.path.as_ref()?, &source.text)))
        .all(|(path, text)| read_text(path).is_ok_and(|found| found == **text))
}
