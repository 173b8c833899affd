//! How long `hotline check` takes over 200 scripts, the examples that come with Hotline again and again, and over long ones,
//! where ten times the functions should take ten times as long.
//!
//! `cargo bench --bench check`. Starting the process is not measured here.

mod timing;

use std::fs;
use std::path::{Path, PathBuf};

use hotline::language::check::{CheckReport, Checker, SessionNetworks};
use hotline::runtime::{DryStart, Limits};

/// How many scripts are checked.
const SCRIPTS: usize = 200;

/// How many functions the long scripts have.
const FUNCTIONS: [usize; 2] = [500, 5_000];

fn main() {
    check();
    long();
}

/// Checks scripts as `hotline check` does.
fn checked(checker: &Checker, dry_start: &DryStart, roots: &[PathBuf]) -> CheckReport {
    checker.check(roots, &SessionNetworks::default(), |bundle| dry_start.fault(bundle))
}

fn long() {
    let (checker, dry_start) = (Checker::new(), DryStart::new(Limits::default()));
    for count in FUNCTIONS {
        let folder = tempfile::tempdir().expect("a folder");
        let functions = (1..=count).map(|n| format!("fn f{}(a) {{\n    f{n}(a + 1)\n}}\n", n - 1)).collect::<String>();
        let text = format!("fn on_message(msg) {{ f0(1); }}\n{functions}fn f{count}(a) {{ a }}\n");
        fs::write(folder.path().join("long.rhai"), text).expect("the folder is writable");
        let roots = [folder.path().to_owned()];
        let report = checked(&checker, &dry_start, &roots);
        assert!(report.findings.is_empty(), "{report:?}");
        timing::time(&format!("check {count} functions"), || checked(&checker, &dry_start, &roots));
    }
}

fn check() {
    let folder = tempfile::tempdir().expect("a folder");
    let examples: Vec<PathBuf> = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts"))
        .expect("the examples")
        .filter_map(|entry| Some(entry.ok()?.path()))
        // Tests and their snapshots lie beside the scripts.
        .filter(|path| path.to_string_lossy().ends_with(".rhai") && !path.to_string_lossy().ends_with("_test.rhai"))
        .collect();
    for (number, example) in examples.iter().cycle().take(SCRIPTS).enumerate() {
        fs::copy(example, folder.path().join(format!("script_{number}.rhai"))).expect("the folder is writable");
    }
    let roots = [folder.path().to_owned()];
    let (checker, dry_start) = (Checker::new(), DryStart::new(Limits::default()));
    let report = checked(&checker, &dry_start, &roots);
    assert!(report.files >= SCRIPTS && report.findings.is_empty(), "{report:?}");
    timing::time("check 200 scripts", || checked(&checker, &dry_start, &roots));
    timing::time("build a checker", || (Checker::new(), DryStart::new(Limits::default())));
}
