//! The scripts on disk and what became of them: which are live, on which generation, and what is wrong with the others.
//!
//! Reading and checking happens here, on the thread of whoever owns the library; when to look again is decided in `watch`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rhai::Engine;

use super::Limits;
use super::bundle::{Bundle, read_error, read_text, script_name, scripts_in};
use super::check::{Checker, Finding};
use super::engine;
use super::fault::Fault;
use super::handle::Update;
use crate::protocol::Hook;
use crate::store::StoreError;

/// Scripts and the folders that they come from.
pub struct Library {
    roots: Vec<PathBuf>,
    reader: Engine,
    checker: Checker,
    scripts: BTreeMap<PathBuf, Script>,
    root_faults: BTreeMap<PathBuf, Fault>,
    generations: u64,
}

/// What is known of one script.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// The script's name.
    pub name: String,
    /// What is live; nothing while no version of it has loaded.
    pub live: Option<Arc<Bundle>>,
    /// The number of the live generation.
    pub generation: u64,
    /// The hooks that the live generation defines.
    pub hooks: Vec<Hook>,
    /// How many timers its top level declares.
    pub timers: usize,
    /// What is wrong with the newest version, which is then not the live one.
    pub fault: Option<Fault>,
    /// What was found at the last look and does not count yet.
    suspect: Option<Suspect>,
}

impl Script {
    /// Whether the host ever calls the live generation.
    pub fn is_called(&self) -> bool {
        !self.hooks.is_empty() || self.timers > 0
    }

    /// The names of the live generation's hooks, for people.
    pub fn hook_names(&self) -> String {
        match self.hooks.as_slice() {
            [] if self.timers > 0 => "timers".to_owned(),
            [] => "no hooks, so that nothing ever calls it".to_owned(),
            hooks => hooks.iter().map(|hook| hook.name()).collect::<Vec<_>>().join(", "),
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

/// What a look at the disk found.
#[derive(Debug, Default)]
pub struct Changes {
    /// What the workers are to take over.
    pub update: Update,
    /// Faults that are new.
    pub faults: Vec<Fault>,
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
}

impl Library {
    /// A library of the scripts at `roots`, which are files or folders. Nothing is read yet.
    ///
    /// # Errors
    /// When the store that scripts are tried against cannot be made.
    pub fn new(roots: Vec<PathBuf>, limits: Limits) -> Result<Self, StoreError> {
        Ok(Self {
            roots,
            reader: engine::for_reading(),
            checker: Checker::new(limits)?,
            scripts: BTreeMap::new(),
            root_faults: BTreeMap::new(),
            generations: 0,
        })
    }

    /// The scripts in the order of their paths.
    pub fn scripts(&self) -> impl Iterator<Item = &Script> {
        self.scripts.values()
    }

    /// Everything that is wrong now.
    pub fn faults(&self) -> impl Iterator<Item = &Fault> {
        self.root_faults.values().chain(self.scripts.values().filter_map(|script| script.fault.as_ref()))
    }

    /// Checks a script as `hotline check` does. Whatever comes of it, the script works as it did.
    pub fn check(&self, bundle: &Bundle) -> Vec<Finding> {
        let check = std::panic::AssertUnwindSafe(|| self.checker.check_bundle(bundle));
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

    /// The folders whose changes concern this library.
    pub fn folders(&self) -> Vec<PathBuf> {
        let parent = |path: &Path| {
            path.parent()
                .filter(|parent| !parent.as_os_str().is_empty())
                .map_or_else(|| PathBuf::from("."), Path::to_owned)
        };
        let mut folders: Vec<_> =
            self.roots.iter().map(|root| if is_script(root) { parent(root) } else { root.clone() }).collect();
        // A symbolic link is changed where it leads to.
        let real = |path: &Path| fs::canonicalize(path).ok().map(|path| parent(&path));
        let bundles = self.scripts.values().filter_map(|script| script.live.as_ref());
        folders.extend(bundles.flat_map(|bundle| bundle.paths().filter_map(real)));
        folders.sort();
        folders.dedup();
        folders
    }

    /// Looks at the disk: reads and tries what has changed since the last look.
    pub fn look(&mut self, look: Look) -> Changes {
        let mut changes = Changes::default();
        let found = self.find(&mut changes);
        let gone: Vec<_> = self.scripts.keys().filter(|path| !found.contains_key(*path)).cloned().collect();
        let mut are_missing = false;
        for path in gone {
            let script = self.scripts.get_mut(&path).expect("its key was just read");
            // Some editors delete a file before they write it anew.
            if script.live.is_some() && !script.counts(Suspect::Gone, look, &mut changes) {
                are_missing = true;
                continue;
            }
            let script = self.scripts.remove(&path).expect("its key was just read");
            // Also where no version of it has loaded: something may wait for one.
            changes.update.removed.push(script.name);
        }
        for (path, root) in &found {
            // It may be a missing one under another name: then one goes when the other comes.
            if are_missing && !self.scripts.contains_key(path) {
                continue;
            }
            self.look_at(path, root, look, &mut changes);
        }
        changes
    }

    fn find(&mut self, changes: &mut Changes) -> BTreeMap<PathBuf, PathBuf> {
        let mut found = BTreeMap::new();
        let mut faults = BTreeMap::new();
        for root in &self.roots {
            if !is_script(root) {
                match scripts_in(root) {
                    Ok(scripts) => found.extend(scripts.into_iter().map(|script| (script, root.clone()))),
                    Err(error) => {
                        faults.insert(root.clone(), Fault::of_file(root.display().to_string(), read_error(&error)));
                    }
                }
            } else {
                let folder = root.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
                found.insert(root.clone(), folder.to_owned());
            }
        }
        changes.faults.extend(
            faults
                .iter()
                .filter(|(root, fault)| self.root_faults.get(*root) != Some(fault))
                .map(|(_, fault)| fault.clone()),
        );
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
        if script.fault.is_none() && script.suspect.is_none() && script.live.as_deref().is_some_and(unchanged) {
            return;
        }
        let read = match other {
            Some(other) => {
                let message =
                    format!("{} is called {name} as well; their states would mix: rename one", other.display());
                Err(Fault::of_file(path.display().to_string(), message))
            }
            None => Bundle::read(&self.reader, path, root).map(Arc::new),
        };
        let tried = read.and_then(|bundle| {
            let fresh = script.live.as_ref().is_none_or(|live| live.hash != bundle.hash);
            let (hooks, timers) = match fresh {
                true => self.checker.try_load(&bundle)?,
                false => (script.hooks.clone(), script.timers),
            };
            Ok((bundle, fresh, (hooks, timers)))
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
            return;
        }
        script.suspect = None;
        match tried {
            Ok((bundle, fresh, (hooks, timers))) => {
                script.fault = None;
                // An editor has made the file, and its text is to come: that is what starts then.
                let has_begun = script.live.is_some() || !bundle.script.text.trim().is_empty();
                if fresh && has_begun {
                    self.generations += 1;
                    script.generation = self.generations;
                    (script.hooks, script.timers) = (hooks, timers);
                    script.live = Some(Arc::clone(&bundle));
                    changes.update.loaded.push((bundle, script.generation));
                }
            }
            Err(fault) => {
                if script.fault.as_ref() != Some(&fault) {
                    changes.faults.push(fault.clone());
                }
                script.fault = Some(fault);
            }
        }
    }
}

/// Whether a root is a script of its own, and no folder of scripts; it need not be there at present.
fn is_script(root: &Path) -> bool {
    !root.is_dir() && (root.is_file() || root.extension().is_some_and(|extension| extension == "rhai"))
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
///
/// A file that appears and would now be found first is seen when the script itself is read again.
fn unchanged(bundle: &Bundle) -> bool {
    let sources = std::iter::once(&bundle.script).chain(bundle.modules.values());
    sources
        .filter_map(|source| Some((source.path.as_ref()?, &source.text)))
        .all(|(path, text)| read_text(path).is_ok_and(|found| found == **text))
}
