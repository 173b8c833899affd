//! What `hotline check` finds, and how its cards look.

mod corpus;
mod findings;
mod maybe;
mod networks;
mod running;
mod settings;
mod tools;

use std::path::{Path, PathBuf};

use hotline::language::check::{CheckReport, Checker, Finding, SessionNetworks};
use hotline::runtime::{DryStart, Limits};

/// Checks scripts and folders as `hotline check` does.
fn check(roots: &[&Path]) -> CheckReport {
    check_for(SessionNetworks::default(), roots)
}

/// The same, with the networks that the sessions of scripts are on.
fn check_for(sessions: SessionNetworks, roots: &[&Path]) -> CheckReport {
    let roots: Vec<PathBuf> = roots.iter().map(|root| (*root).to_owned()).collect();
    let checking = move || {
        let dry_start = DryStart::new(Limits::default());
        Checker::new().check(&roots, &sessions, |bundle| dry_start.fault(bundle))
    };
    let thread = std::thread::Builder::new().stack_size(64 << 20).spawn(checking).expect("a thread");
    thread.join().expect("the check does not panic")
}

/// Checks one script of this text; gives what is found as `line:column severity rule: message; help`.
fn findings(text: &str) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("script.rhai");
    std::fs::write(&script, text).expect("the folder is writable");
    check(&[&script]).findings.iter().map(shown).collect()
}

fn shown(finding: &Finding) -> String {
    let fault = &finding.fault;
    let place = format!("{}:{}", fault.line.unwrap_or(0), fault.column.unwrap_or(0));
    format!("{place} {} {}: {}", finding.severity.word(), finding.rule, fault.message)
}
