//! How long `hotline check` takes over 200 scripts: the examples that come with Hotline, again and again.
//!
//! `cargo bench --bench check`. Starting the process is not measured here.

use std::fs;
use std::path::{Path, PathBuf};

use criterion::{Criterion, criterion_group, criterion_main};
use hotline::script::Limits;
use hotline::script::check::Checker;

/// How many scripts are checked.
const SCRIPTS: usize = 200;

fn check(criterion: &mut Criterion) {
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
    let checker = Checker::new(Limits::default()).expect("a checker");
    let report = checker.check(&roots);
    assert!(report.files >= SCRIPTS && report.findings.is_empty(), "{report:?}");
    criterion.bench_function("check 200 scripts", |bencher| bencher.iter(|| checker.check(&roots)));
    criterion.bench_function("build a checker", |bencher| {
        bencher.iter(|| Checker::new(Limits::default()).map(drop));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = check
}
criterion_main!(benches);
