//! What can be known about scripts without running them: the check of `hotline check`.
//!
//! | module | what lives there |
//! |---|---|
//! | `parsed`, `project` | the files: functions and imports; all of them together |
//! | `known` | what the engine's registry has |
//! | `walk`, `expression`, `object` | the walk over one file: statements, expressions, properties and methods |
//! | `call`, `command`, `module`, `named`, `operator` | calls: of functions, of the gateway's commands, of modules, by a name, by an operator |
//! | `trap`, `flow`, `unused` | traps of the language; code that is never reached; what nobody uses |
//! | `literal`, `scope` | arguments that are written out; visible names |
//! | `test` | what scenario tests call |
//! | `finding` | what is found |
//!
//! How findings are shown is the command line's business.

mod call;
mod command;
mod expression;
mod finding;
mod flow;
mod known;
mod literal;
mod module;
mod named;
mod object;
mod operator;
mod parsed;
mod project;
mod scope;
mod test;
mod trap;
mod unused;
mod walk;

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use rhai::Engine;

pub use self::finding::Finding;

use self::known::Known;
use self::parsed::Files;
use self::project::{Around, Project};
use self::walk::{Facts, Role, Walk};
use super::Limits;
use super::bundle::Bundle;
use super::diagnostic::Severity;
use super::disk::Disk;
use super::fault::Fault;
use super::http::Web;
use super::live::{Directory, Services};
use super::trace;
use super::worker::try_load;
use super::{dialect, engine};
use crate::clock::Clock;
use crate::protocol::Hook;
use crate::store::{Store, StoreError};

/// How often a file is walked at most until nothing new is learnt about what its functions are called with.
const WALKS: usize = 6;

/// Checks scripts.
pub struct Checker {
    reader: Engine,
    engine: Rc<Engine>,
    limits: Rc<Limits>,
    known: Known,
    /// What tests know, but for the table of their own surface.
    of_tests: Known,
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
        // A script's top level reaches none of these: the engine only has to know the names of the functions.
        let web = Web::none(&limits);
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
        let of_tests = Known::of(&engine::guest(&limits));
        Ok(Self { reader: dialect::for_reading(), known: Known::of(&engine), of_tests, engine, limits })
    }

    /// Checks scripts, and the scripts and modules of folders.
    pub fn check(&self, roots: &[PathBuf]) -> Report {
        let mut project = Project::default();
        for root in roots {
            project.add(&self.reader, root);
        }
        let mut findings: Vec<_> = project.unreadable.iter().cloned().map(|fault| error("unreadable", fault)).collect();
        findings.extend(project.cycles().into_iter().map(|fault| error("import-cycle", fault)));
        findings.extend(self.walk(&project));
        let faulty: BTreeSet<String> = findings
            .iter()
            .filter(|found| found.severity == Severity::Error)
            .map(|found| found.fault.file.clone())
            .collect();
        for (path, root) in &project.scripts {
            if !project.reachable([&*path.display().to_string()]).iter().any(|file| faulty.contains(*file)) {
                findings.extend(self.try_start(path, root).map(|fault| error("load", fault)));
            }
        }
        let warning = |fault| Finding { severity: Severity::Warning, rule: "never-called", fault };
        findings.extend(project.uncalled().into_iter().map(warning));
        findings.extend(project.namesakes().into_iter().map(|fault| error("same-name", fault)));
        findings.sort_by(|a, b| place(a).cmp(&place(b)));
        findings.dedup();
        Report { findings, files: project.files.len() }
    }

    /// Tries to load a script; gives its hooks, and how many timers it declares.
    pub(crate) fn try_load(&self, bundle: &Arc<Bundle>) -> Result<(Vec<Hook>, usize), Fault> {
        try_load(&self.engine, &self.limits, bundle).map_err(|fault| trace::with_source(fault, bundle))
    }

    /// Checks a script that has been read, with its modules; nothing is read from the disk.
    pub fn check_bundle(&self, bundle: &Bundle) -> Vec<Finding> {
        let project = Project::of_bundle(&self.reader, bundle);
        let mut findings = self.walk(&project);
        findings.sort_by(|a, b| place(a).cmp(&place(b)));
        findings
    }

    /// Walks over every file of a project.
    fn walk(&self, project: &Project) -> Vec<Finding> {
        let roles = project.roles();
        let mut surroundings = project.surroundings(&roles);
        let entries = project.entries();
        let mut findings = Vec::new();
        for (name, role) in &roles {
            let around = surroundings.remove(&**name).unwrap_or_default();
            findings.extend(self.findings_of(name, *role, &project.files, &around, &entries));
        }
        findings
    }

    fn findings_of(
        &self,
        name: &str,
        role: Role,
        files: &Files,
        around: &Around<'_>,
        entries: &HashSet<&str>,
    ) -> Vec<Finding> {
        let file = match files.get(name) {
            Some(Ok(file)) => file,
            Some(Err(fault)) => return vec![error("syntax", fault.clone())],
            None => return Vec::new(),
        };
        let mut facts = Facts::default();
        let mut findings = Vec::new();
        let known = if role.is_test() { &self.of_tests } else { &self.known };
        for walk in 0..WALKS {
            let mut round = Walk::new(known, files, file, role, around, entries, &facts);
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
    fn try_start(&self, path: &Path, root: &Path) -> Option<Fault> {
        let bundle = match Bundle::read(&self.reader, &Disk::default(), path, root) {
            Ok(bundle) => Arc::new(bundle),
            Err(fault) => return Some(fault),
        };
        // What the script logs meanwhile is no finding.
        let silence = tracing::subscriber::NoSubscriber::default();
        tracing::subscriber::with_default(silence, || self.try_load(&bundle)).err()
    }
}

fn error(rule: &'static str, fault: Fault) -> Finding {
    Finding { severity: Severity::Error, rule, fault }
}

fn place(finding: &Finding) -> (&str, Option<usize>, Option<usize>, &str) {
    (&finding.fault.file, finding.fault.line, finding.fault.column, &finding.fault.message)
}

/// Every function of the host in the engine's registry: the type that it is a method of, its name, and how many
/// arguments it takes.
#[cfg(test)]
pub(crate) fn registered() -> Vec<(Option<&'static str>, String, usize)> {
    use super::kind::Kind;

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
