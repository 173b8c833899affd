//! What can be known about scripts without running them: the check of `hotline check`.
//!
//! | module | what lives there |
//! |---|---|
//! | `parsed`, `project` | the files: functions and imports; all of them together |
//! | `known` | the functions and properties that there are |
//! | `walk`, `expression`, `object` | the walk over one file: statements, expressions, properties and methods |
//! | `call`, `command`, `network`, `module`, `named`, `operator` | calls: of functions, of commands, of a network's own operations, of modules, by a name, by an operator |
//! | `trap`, `flow`, `unused` | traps of the language; code that is never reached; what nobody uses |
//! | `configured` | sessions and hosts of the configuration |
//! | `record` | maps whose entries are known |
//! | `maybe`, `presence` | values that may be `()`, and where it is known that they are not |
//! | `literal`, `address`, `scope` | arguments that are written out; where something is sent; visible names |
//! | `sessions`, `elsewhere` | which networks a script's sessions are on; what is not to be had there |
//! | `test` | what scenario tests call |
//! | `finding` | what is found |
//!
//! How findings are shown is the command line's business.

mod address;
mod call;
mod command;
mod configured;
mod elsewhere;
mod expression;
mod finding;
mod flow;
mod known;
mod literal;
mod maybe;
mod module;
mod named;
mod network;
mod object;
mod operator;
mod parsed;
mod presence;
mod project;
mod record;
mod scope;
mod sessions;
mod test;
mod trap;
mod unused;
mod walk;

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use rhai::Engine;

pub use self::finding::Finding;
pub use self::sessions::SessionNetworks;

use self::known::Known;
use self::parsed::ParsedFiles;
use self::project::{Around, Project, Role};
use self::walk::{Facts, Walk};
use super::bundle::Bundle;
use super::diagnostic::Severity;
use super::dialect;
use super::disk::Disk;
use super::fault::Fault;
use super::settings::ScriptSettings;

/// How often a file is walked at most until nothing new is learnt about what its functions are called with.
const WALKS: usize = 6;

/// Checks scripts.
pub struct Checker {
    reader: Engine,
    known: Known,
    /// What tests know, but for the table of their own.
    of_tests: Known,
}

/// What a check found.
#[derive(Clone, Debug, Default)]
pub struct CheckReport {
    /// The findings in the order of their places.
    pub findings: Vec<Finding>,
    /// How many files were read.
    pub files: usize,
}

impl CheckReport {
    /// How many findings have this weight.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }
}

impl Default for Checker {
    fn default() -> Self {
        Self { reader: dialect::for_reading(), known: Known::of_scripts(), of_tests: Known::of_tests() }
    }
}

impl Checker {
    /// A checker that knows every function that scripts can call.
    pub fn new() -> Self {
        Self::default()
    }

    /// Checks scripts, and the scripts and modules of folders, for the sessions that run them. With `start` a script is loaded in which nothing is wrong
    /// otherwise, as it would be to run it: what is left to find is a top level that fails.
    pub fn check(
        &self,
        roots: &[PathBuf],
        sessions: &SessionNetworks,
        start: impl Fn(&Arc<Bundle>) -> Option<Fault>,
    ) -> CheckReport {
        let mut project = Project::default();
        for root in roots {
            project.add(&self.reader, root);
        }
        let mut findings: Vec<_> = project.unreadable.iter().cloned().map(|fault| error("unreadable", fault)).collect();
        findings.extend(project.cycles().into_iter().map(|fault| error("import-cycle", fault)));
        findings.extend(self.walk(&project, sessions));
        let faulty: BTreeSet<String> = findings
            .iter()
            .filter(|found| found.severity == Severity::Error)
            .map(|found| found.fault.file.clone())
            .collect();
        for (path, root) in &project.scripts {
            if !project.reachable([&*path.display().to_string()]).iter().any(|file| faulty.contains(*file)) {
                let bundle = Bundle::read(&self.reader, &Disk::default(), path, root).map(Arc::new);
                let fault = bundle.map_or_else(Some, |bundle| start(&bundle));
                findings.extend(fault.map(|fault| error("load", fault)));
            }
        }
        let warning = |rule, fault| Finding { severity: Severity::Warning, rule, fault };
        findings.extend(project.uncalled().into_iter().map(|fault| warning("never-called", fault)));
        findings.extend(project.same_commands(sessions).into_iter().map(|fault| warning("same-command", fault)));
        findings.extend(project.namesakes().into_iter().map(|fault| error("same-name", fault)));
        findings.sort_by(|a, b| place(a).cmp(&place(b)));
        findings.dedup();
        CheckReport { findings, files: project.files.len() }
    }

    /// Checks a script that has been read, with its modules, for the sessions that run it; nothing is read from the disk.
    pub fn check_bundle(&self, bundle: &Bundle, sessions: &SessionNetworks) -> Vec<Finding> {
        let project = Project::of_bundle(&self.reader, bundle);
        // Those that it was set up with are its own already.
        let settings = ScriptSettings { general: bundle.settings.clone(), ..ScriptSettings::default() };
        let sessions = sessions.clone().with_settings(bundle.zone.is_some().then_some(settings));
        let mut findings = self.walk(&project, &sessions);
        findings.sort_by(|a, b| place(a).cmp(&place(b)));
        findings
    }

    /// Walks over every file of a project.
    fn walk(&self, project: &Project, sessions: &SessionNetworks) -> Vec<Finding> {
        let roles = project.roles();
        let mut surroundings = project.surroundings(&roles, sessions);
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
        files: &ParsedFiles,
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
}

fn error(rule: &'static str, fault: Fault) -> Finding {
    Finding { severity: Severity::Error, rule, fault }
}

fn place(finding: &Finding) -> (&str, Option<usize>, Option<usize>, &str) {
    (&finding.fault.file, finding.fault.line, finding.fault.column, &finding.fault.message)
}
