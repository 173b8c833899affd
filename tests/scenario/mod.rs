//! Scenario tests, tested: small folders of scripts and tests are run as `hotline test` runs them.

mod bots;
mod cards;
mod command;
mod coverage;
mod examples;
mod networks;
mod prompt;
mod questions;
#[path = "../support/sandbox.rs"]
mod sandbox;
mod settings;
mod turns;
mod worlds;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use hotline::language::diagnostic::CardStyle;
use hotline::testing::{self, TestOptions, TestReport};
use tempfile::TempDir;

use crate::wire;

/// A folder of scripts and tests.
struct Folder(TempDir);

impl Folder {
    /// A folder with these files.
    fn with(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().expect("a folder"));
        for (name, text) in files {
            folder.write(name, text);
        }
        folder
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("the folder is writable");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn options(&self) -> TestOptions {
        TestOptions {
            paths: vec![self.0.path().to_owned()],
            patience: Duration::from_secs(20),
            tap: Some(wire::tap()),
            ..TestOptions::default()
        }
    }

    fn run(&self) -> TestReport {
        testing::run(&self.options(), |_| ()).expect("the tests can be run").1
    }

    /// The card of the one test that fails, without the folder's own name.
    fn card(&self) -> String {
        let report = self.run();
        let failed: Vec<_> = report.results.iter().filter(|result| result.failed().is_some()).collect();
        assert_eq!(failed.len(), 1, "{}", cards_of(&report));
        let card = failed[0].failed().expect("it failed").card(&failed[0].name, CardStyle::PLAIN);
        card.replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn cards_of(report: &TestReport) -> String {
    report
        .results
        .iter()
        .map(|result| match result.failed() {
            Some(failed) => failed.card(&result.name, CardStyle::PLAIN),
            None => format!("{} passed\n", result.name),
        })
        .collect()
}

/// The bot that answers "ping", echoes "say …", and waits on "wait".
const ECHO: &str = r#"
fn on_message(msg) {
    if msg.text == () { return; }
    if msg.text == "ping" { msg.reply("pong"); }
    if msg.text.starts_with("say ") { msg.reply(msg.text.sub_string(4)); }
    if msg.text == "wait" { sleep("2s"); msg.reply("waited"); }
    if msg.text == "ask" {
        let answer = msg.ask("who?", #{ timeout: "1m" });
        msg.reply(if answer == () { "nobody" } else { `so you are ${answer.text}` });
    }
    if msg.text == "break" { throw "broken on purpose"; }
}
fn on_disconnect(reason) { store.incr("lost"); }
fn on_stop() { store.set("stopped", true); }
"#;

/// Runs one test function against [`ECHO`] and expects it to pass.
fn passes(body: &str) {
    let folder = Folder::with(&[("echo.rhai", ECHO), ("echo_test.rhai", &format!("fn test_it() {{\n{body}\n}}\n"))]);
    let report = folder.run();
    assert_eq!((report.results.len(), report.failed()), (1, 0), "{}", cards_of(&report));
}

/// Runs one test function against [`ECHO`] and gives the card of its failure.
fn fails(body: &str) -> String {
    Folder::with(&[("echo.rhai", ECHO), ("echo_test.rhai", &format!("fn test_it() {{\n{body}\n}}\n"))]).card()
}
