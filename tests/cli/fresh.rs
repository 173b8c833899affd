//! Generated files are as the tables have them. A stale one is written anew, and the test fails to say so.

use std::fs;
use std::path::Path;

use hotline::cli::docs::{between_marks, command_table, hook_table, reference};

use crate::cli::hotline_anywhere;

fn freshen(name: &str, fresh: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if fs::read_to_string(&path).unwrap_or_default() != fresh {
        fs::write(&path, fresh).expect("the repository is writable");
        panic!("{name} was stale and has been written anew: look at the difference and commit it");
    }
}

#[test]
fn the_reference_is_fresh() {
    freshen("docs/reference.md", &reference());
}

#[test]
fn the_lists_in_the_readme_are_fresh() {
    let mut page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).expect("a README");
    for (name, list) in [("commands", command_table()), ("hooks", hook_table())] {
        page = between_marks(&page, name, &list).unwrap_or_else(|| panic!("README.md lacks the marks of {name}"));
    }
    freshen("README.md", &page);
}

#[test]
fn docs_prints_the_reference() {
    let outcome = hotline_anywhere(&["docs"]);
    assert_eq!((outcome.status, outcome.out), (0, reference()));
}
