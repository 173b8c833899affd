//! The corpus: faulty scripts, each with the cards that it must bring.

use std::fs;
use std::path::Path;

use hotline::language::diagnostic::CardStyle;

use crate::check::check;

const CORPUS: &str = "tests/check/corpus";

/// One file for each script, beside the corpus.
pub(super) fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("cards");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}

#[test]
fn every_faulty_script_of_the_corpus_brings_its_cards() {
    let mut scripts: Vec<_> =
        fs::read_dir(CORPUS).expect("the corpus").map(|entry| entry.expect("a file").path()).collect();
    scripts.retain(|path| path.is_file());
    scripts.sort();
    assert!(scripts.len() >= 30, "the corpus shrinks: {}", scripts.len());
    settings().bind(|| {
        for script in scripts {
            let report = check(&[&script]);
            assert!(!report.findings.is_empty(), "{} is not found faulty", script.display());
            let cards: Vec<_> = report.findings.iter().map(|finding| finding.card(CardStyle::PLAIN)).collect();
            let name = script.file_stem().expect("a name").to_string_lossy().into_owned();
            insta::assert_snapshot!(name, cards.join("\n"));
        }
    });
}

#[test]
fn the_scripts_that_come_with_hotline_are_in_order() {
    let report = check(&[Path::new("scripts"), Path::new("stdlib")]);
    assert!(report.files >= 5 && report.findings.is_empty(), "{report:?}");
}

#[test]
fn a_card_in_colour_says_the_same() {
    let report = check(&[&Path::new(CORPUS).join("wide_characters.rhai")]);
    let coloured = report.findings[0].card(CardStyle { colour: true, ..CardStyle::PLAIN });
    settings().bind(|| insta::assert_snapshot!("in_colour", coloured.replace('\x1b', "ESC")));
}
