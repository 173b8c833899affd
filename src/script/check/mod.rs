//! What can be known about scripts without running them: the check of `hotline check`.
//!
//! | module | what lives there |
//! |---|---|
//! | `source`, `parsed` | the files: where names stand, functions, imports |
//! | `known`, `kind` | what the engine's registry has; what is known of a value |
//! | `walk`, `expression`, `call`, `object` | the walk over one file: statements, expressions, calls, properties and methods |
//! | `flow`, `literal`, `scope` | code that is never reached; arguments that are written out; visible names |
//! | `finding` | what is found |
//!
//! How findings are shown is the command line's business.

mod call;
mod expression;
mod finding;
mod flow;
mod kind;
mod known;
mod literal;
mod object;
mod parsed;
mod scope;
mod source;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use rhai::Engine;

pub use self::finding::Finding;
pub(crate) use self::source::{Header, headers};

use self::known::Known;
use self::parsed::{Files, Parsed};
use self::walk::{Facts, Role, Walk};
use super::Limits;
use super::bundle::{Bundle, Source, read_error, scripts_in};
use super::diagnostic::Severity;
use super::engine;
use super::fault::Fault;
use super::http::Web;
use super::live::{Directory, Services};
use super::worker::try_load;
use crate::clock::Clock;
use crate::store::{Store, StoreError};

/// How often a file is walked at most until nothing new is learnt about what its functions are called with.
const WALKS: usize = 6;

/// How deep imports may lead.
const IMPORTS: usize = 100;

/// Checks scripts.
pub struct Checker {
    reader: Engine,
    engine: Rc<Engine>,
    limits: Rc<Limits>,
    known: Known,
}

/// What a check found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The findings in the order of their places.
    pub findings: Vec<Finding>,
    /// How many files were read.
    pub files: usize,
}

impl Report {
    /// How many findings have this weight.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }
}

impl Checker {
    /// A checker that knows every function that scripts can call.
    ///
    /// # Errors
    /// When the store that the engine is built with cannot be made.
    pub fn new(limits: Limits) -> Result<Self, StoreError> {
        let limits = Rc::new(limits);
        // Nothing is called: the engine only has to know the names of the functions.
        let web = Web::new(&[], &limits, Clock::system());
        let services = Rc::new(Services {
            clock: Clock::system(),
            store: Store::in_memory()?,
            limits: Rc::clone(&limits),
            directory: Directory::default(),
            web,
            dry_run: true,
            resend_in_doubt: false,
        });
        let engine = Rc::new(engine::build(&services));
        Ok(Self { reader: engine::for_reading(), known: Known::of(&engine), engine, limits })
    }

    /// Checks scripts, and the scripts and modules of folders.
    pub fn check(&self, roots: &[PathBuf]) -> Report {
        let mut findings = Vec::new();
        let mut files = Files::new();
        for root in roots {
            match self.collect(root) {
                Ok(found) => {
                    for (path, role) in found {
                        let folder = if root.is_dir() { root.clone() } else { parent(root) };
                        self.check_file(&path, &folder, role, &mut files, &mut findings);
                    }
                }
                Err(fault) => findings.push(Finding { severity: Severity::Error, rule: "unreadable", fault }),
            }
        }
        findings.sort_by(|a, b| place(a).cmp(&place(b)));
        findings.dedup();
        Report { findings, files: files.len() }
    }

    /// The files of a root: a folder's scripts, then the modules of its subfolders.
    fn collect(&self, root: &Path) -> Result<Vec<(PathBuf, Role)>, Fault> {
        let unreadable = |error: std::io::Error| Fault::of_file(root.display().to_string(), read_error(&error));
        if !root.is_dir() {
            return Ok(vec![(root.to_owned(), Role::Script)]);
        }
        let mut found: Vec<_> =
            scripts_in(root).map_err(unreadable)?.into_iter().map(|script| (script, Role::Script)).collect();
        let mut folders = subfolders(root);
        while let Some(folder) = folders.pop() {
            let modules = scripts_in(&folder).map_err(unreadable)?;
            found.extend(modules.into_iter().map(|module| (module, Role::Module)));
            folders.extend(subfolders(&folder));
        }
        Ok(found)
    }

    fn check_file(&self, path: &Path, root: &Path, role: Role, files: &mut Files, findings: &mut Vec<Finding>) {
        let file = path.display().to_string();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                let fault = Fault::of_file(&file, read_error(&error));
                findings.push(Finding { severity: Severity::Error, rule: "unreadable", fault });
                return;
            }
        };
        let source = Source { file: file.clone(), path: Some(path.to_owned()), text: text.into() };
        let before: BTreeSet<String> = files.keys().cloned().collect();
        self.load(source, root, files, 0);
        let is_library = files.get(&file).is_some_and(|file| file.as_ref().is_ok_and(Parsed::is_library));
        let role = if is_library { Role::Module } else { role };
        let mut faulty = false;
        let reached = reachable(&file, files);
        for name in &reached {
            // Modules are checked once, and the standard library's own not at all.
            let fresh = *name == file || !before.contains(name);
            let own = files
                .get(name)
                .is_some_and(|file| file.as_ref().is_ok_and(|file| file.source.path.is_some()) || file.is_err());
            if !own || !fresh {
                continue;
            }
            let role = if *name == file { role } else { Role::Module };
            let found = self.findings_of(name, role, files);
            faulty |= found.iter().any(|finding| finding.severity == Severity::Error);
            findings.extend(found);
        }
        for fault in cycles(&file, files) {
            faulty = true;
            findings.push(Finding { severity: Severity::Error, rule: "import-cycle", fault });
        }
        if !faulty && role == Role::Script {
            findings.extend(self.try_start(path, root, findings));
        }
    }

    /// Reads a file and all that it imports.
    fn load(&self, source: Source, root: &Path, files: &mut Files, depth: usize) {
        if depth > IMPORTS || files.contains_key(&source.file) {
            return;
        }
        let name = source.file.clone();
        let mut parsed = Parsed::of(&self.reader, source);
        let modules = parsed.as_mut().map(|parsed| parsed.resolve(root)).unwrap_or_default();
        files.insert(name, parsed);
        for module in modules {
            self.load(module, root, files, depth + 1);
        }
    }

    fn findings_of(&self, name: &str, role: Role, files: &Files) -> Vec<Finding> {
        let file = match files.get(name) {
            Some(Ok(file)) => file,
            Some(Err(fault)) => {
                return vec![Finding { severity: Severity::Error, rule: "syntax", fault: fault.clone() }];
            }
            None => return Vec::new(),
        };
        let mut facts = Facts::default();
        let mut findings = Vec::new();
        for walk in 0..WALKS {
            let mut round = Walk::new(&self.known, files, file, role, &facts);
            round.run();
            let mut learnt = std::mem::take(&mut round.facts);
            learnt.mixed.extend(&facts.mixed);
            findings = std::mem::take(&mut round.findings);
            let settled = learnt == facts;
            facts = learnt;
            if settled && walk > 0 {
                break;
            }
        }
        findings
    }

    /// Loads a script as `run` would: what is left to find is a top level that fails.
    fn try_start(&self, path: &Path, root: &Path, found: &[Finding]) -> Option<Finding> {
        let loaded = Bundle::read(&self.reader, path, root).map(Arc::new).and_then(|bundle| {
            try_load(&self.engine, &self.limits, &bundle).map_err(|fault| fault.with_source(&bundle)).map(|_| ())
        });
        let fault = loaded.err()?;
        let known = found.iter().any(|finding| finding.severity == Severity::Error && finding.fault.file == fault.file);
        (!known).then_some(Finding { severity: Severity::Error, rule: "load", fault })
    }
}

fn place(finding: &Finding) -> (&str, Option<usize>, Option<usize>, &str) {
    (&finding.fault.file, finding.fault.line, finding.fault.column, &finding.fault.message)
}

fn parent(path: &Path) -> PathBuf {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// The folders inside a folder, but for hidden ones and the editor definitions.
fn subfolders(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir() && !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')))
        .collect();
    found.sort();
    found
}

/// A file and everything that it imports, directly or not.
fn reachable(file: &str, files: &Files) -> Vec<String> {
    let mut found = vec![file.to_owned()];
    let mut next = 0;
    while let Some(name) = found.get(next).cloned() {
        next += 1;
        let Some(Ok(parsed)) = files.get(&name) else { continue };
        for target in parsed.imports.iter().filter_map(|import| import.target.as_ref().ok()) {
            if !found.contains(target) {
                found.push(target.clone());
            }
        }
    }
    found
}

/// The imports that lead back to a file that is being imported.
fn cycles(file: &str, files: &Files) -> Vec<Fault> {
    let mut faults = BTreeMap::new();
    follow(&mut vec![file.to_owned()], files, &mut BTreeSet::new(), &mut faults);
    faults.into_values().collect()
}

fn follow(
    chain: &mut Vec<String>,
    files: &Files,
    done: &mut BTreeSet<String>,
    faults: &mut BTreeMap<(String, String), Fault>,
) {
    let Some(name) = chain.last().cloned() else { return };
    let Some(Ok(parsed)) = files.get(&name) else { return };
    for import in &parsed.imports {
        let Ok(target) = &import.target else { continue };
        if let Some(start) = chain.iter().position(|link| link == target) {
            let cycle = [&chain[start..], std::slice::from_ref(target)].concat().join(" → ");
            let message = format!("these files import each other: {cycle}");
            let mut fault = Fault::in_source(&parsed.source, import.position, message);
            fault.help = Some("move what both need into a third module".to_owned());
            faults.insert((name.clone(), target.clone()), fault);
        } else if !done.contains(target) {
            chain.push(target.clone());
            follow(chain, files, done, faults);
            chain.pop();
        }
    }
    done.insert(name);
}

/// Every function of the host in the engine's registry: the type that it is a method of, its name, and how many
/// arguments it takes.
#[cfg(test)]
pub(crate) fn registered() -> Vec<(Option<&'static str>, String, usize)> {
    use kind::Kind;

    let checker = Checker::new(Limits::default()).expect("a checker");
    let hosts = [Kind::Message, Kind::Person, Kind::Invite, Kind::Event(None), Kind::Session, Kind::State, Kind::Store];
    let entry = |function: rhai::FuncInfo<'_>| {
        let data = function.metadata;
        let of = hosts.iter().find(|kind| kind.type_id().as_ref() == data.param_types.first())?.host_type();
        Some((of, data.name.to_string(), data.num_params - 1))
    };
    let free = |function: rhai::FuncInfo<'_>| {
        let data = function.metadata;
        let host = hosts.iter().any(|kind| kind.type_id().as_ref() == data.param_types.first());
        (!host).then(|| (None, data.name.to_string(), data.num_params))
    };
    let mut all = checker.engine.collect_fn_metadata(None, entry, false);
    all.extend(checker.engine.collect_fn_metadata(None, free, false));
    all
}
