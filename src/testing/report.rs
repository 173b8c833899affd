//! What came of tests, and how it reads: for people, as JSON, as JUnit. Where it is written is decided above.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::lines::LineReport;
use super::unmet::Difference;
use crate::language::Fault;
use crate::language::diagnostic::{CardStyle, Severity, card, paint};

/// How many lines of the conversation and of the log a failure shows.
const LINES: usize = 12;

/// What came of all tests.
#[derive(Clone, Debug, Default)]
pub struct TestReport {
    /// The results, in the order of the files and of the tests in them.
    pub results: Vec<TestResult>,
    /// How long all of them took.
    pub took: Duration,
    /// The lines of scripts that were run, where they were counted.
    pub lines: Option<LineReport>,
}

/// What came of one test.
#[derive(Clone, Debug)]
pub struct TestResult {
    /// The file.
    pub file: PathBuf,
    /// The test's name; empty where the file as a whole could not run.
    pub name: String,
    /// The line where the test stands, counted from 1.
    pub line: usize,
    /// How long it took.
    pub took: Duration,
    /// How it ended.
    pub verdict: Verdict,
}

/// How a test ended.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Everything was as expected.
    Passed,
    /// Something was not.
    Failed(Box<Failed>),
}

/// Why a test failed.
#[derive(Clone, Debug, Default)]
pub struct Failed {
    /// What was wrong, and where.
    pub fault: Fault,
    /// What was expected and what came, where the test compared something.
    pub difference: Option<Difference>,
    /// The cards of the bot's runs that failed, and that the test did not expect to.
    pub runs: Vec<String>,
    /// What the test printed until then.
    pub printed: Vec<String>,
    /// The conversation until then.
    pub conversation: Vec<String>,
    /// What the bot logged until then.
    pub log: Vec<String>,
    /// What followed from this seed was drawn until then, where anything was drawn.
    pub seed: Option<u64>,
}

impl TestResult {
    /// The result of a file whose tests cannot run.
    pub(super) fn of_file(file: &Path, failed: Box<Failed>) -> Self {
        let line = failed.fault.line.unwrap_or(1);
        let verdict = Verdict::Failed(failed);
        Self { file: file.to_owned(), name: String::new(), line, took: Duration::ZERO, verdict }
    }

    /// Why it failed, if it did.
    pub fn failed(&self) -> Option<&Failed> {
        match &self.verdict {
            Verdict::Passed => None,
            Verdict::Failed(failed) => Some(failed),
        }
    }

    /// The result as JSON.
    pub fn to_json(&self) -> Value {
        let mut result = json!({
            "file": self.file.display().to_string(),
            "test": self.name,
            "line": self.line,
            "ok": self.failed().is_none(),
            "ms": milliseconds(self.took),
        });
        if let Some(failed) = self.failed() {
            let fault = &failed.fault;
            result["failure"] = json!({
                "file": fault.file,
                "line": fault.line,
                "column": fault.column,
                "message": fault.message,
                "help": fault.help,
                "runs": failed.runs,
                "expected": failed.difference.as_ref().map(|difference| &difference.expected),
                "came": failed.difference.as_ref().and_then(|difference| difference.came.as_ref()),
                "printed": failed.printed,
                "conversation": failed.conversation,
                "log": failed.log,
                "seed": failed.seed,
            });
        }
        result
    }
}

impl Failed {
    /// A test file that cannot run, or a test that failed without comparing anything.
    pub(super) fn of_load(fault: Fault) -> Self {
        Self { fault, ..Self::default() }
    }

    /// A test file whose scripts do not load.
    pub(super) fn of_script(fault: Fault) -> Self {
        let message = format!("{} (the tests of this folder do not run without the script)", fault.message);
        Self::of_load(Fault { message, ..fault })
    }

    /// The same failure with what happened before it.
    pub(super) fn within(self, runs: Vec<String>, conversation: Vec<String>, log: Vec<String>) -> Self {
        Self { runs, conversation, log, ..self }
    }

    /// The failure for people: the card of what was wrong, what was expected, and what happened before.
    pub fn card(&self, test: &str, look: CardStyle) -> String {
        let name = if test.is_empty() { String::new() } else { format!("{test}: ") };
        let fault = Fault { message: format!("{name}{}", self.fault.message), ..self.fault.clone() };
        let mut text = card(&fault, Severity::Error, look);
        for line in self.difference.iter().flat_map(Difference::lines) {
            let _ = writeln!(text, "{line}");
        }
        for run in &self.runs {
            let _ = writeln!(text, "    the run that failed:");
            let run = if look.colour { paint(run) } else { run.clone() };
            for line in run.lines() {
                let _ = writeln!(text, "{}", format!("      {line}").trim_end());
            }
        }
        section(&mut text, "printed until then", &self.printed);
        section(&mut text, "said until then", &self.conversation);
        section(&mut text, "logged until then", &self.log);
        if let Some(seed) = self.seed {
            let _ = writeln!(text, "    the bot has drawn by lot: `hotline test --seed {seed}` draws the same");
        }
        text
    }
}

fn section(card: &mut String, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(card, "    {title}:");
    let left_out = lines.len().saturating_sub(LINES);
    if left_out > 0 {
        let _ = writeln!(card, "      … {left_out} more before");
    }
    for line in &lines[left_out..] {
        let _ = writeln!(card, "      {}", line.replace('\n', "\n        "));
    }
}

impl TestReport {
    /// How many tests failed.
    pub fn failed(&self) -> usize {
        self.results.iter().filter(|result| result.failed().is_some()).count()
    }

    /// One line with the counts and the time.
    pub fn summary(&self) -> String {
        let failed = self.failed();
        let passed = self.results.len() - failed;
        let seconds = self.took.as_secs_f64();
        format!("{passed} passed, {failed} failed, in {seconds:.2} s")
    }

    /// The report as JSON.
    pub fn to_json(&self) -> Value {
        let mut report = json!({
            "passed": self.results.len() - self.failed(),
            "failed": self.failed(),
            "ms": milliseconds(self.took),
            "tests": self.results.iter().map(TestResult::to_json).collect::<Vec<_>>(),
        });
        if let Some(lines) = &self.lines {
            report["coverage"] = lines.to_json();
        }
        report
    }

    /// The report in the XML of JUnit, one suite for each file.
    pub fn to_junit(&self) -> String {
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        let (tests, failures, took) = (self.results.len(), self.failed(), self.took.as_secs_f64());
        let _ = writeln!(xml, "<testsuites tests=\"{tests}\" failures=\"{failures}\" time=\"{took:.3}\">");
        for of_file in self.results.chunk_by(|one, other| one.file == other.file) {
            junit_suite(&mut xml, of_file);
        }
        xml.push_str("</testsuites>\n");
        xml
    }
}

fn junit_suite(xml: &mut String, results: &[TestResult]) {
    let Some(file) = results.first().map(|first| first.file.display().to_string()) else { return };
    let failures = results.iter().filter(|result| result.failed().is_some()).count();
    let took: Duration = results.iter().map(|result| result.took).sum();
    let (file, tests) = (escape(&file), results.len());
    let seconds = took.as_secs_f64();
    let _ =
        writeln!(xml, "  <testsuite name=\"{file}\" tests=\"{tests}\" failures=\"{failures}\" time=\"{seconds:.3}\">");
    for result in results {
        let name = if result.name.is_empty() { "(the file)" } else { &result.name };
        let (name, line, seconds) = (escape(name), result.line, result.took.as_secs_f64());
        let _ = write!(
            xml,
            "    <testcase classname=\"{file}\" name=\"{name}\" file=\"{file}\" line=\"{line}\" time=\"{seconds:.3}\""
        );
        match result.failed() {
            None => xml.push_str("/>\n"),
            Some(failed) => {
                let (message, card) =
                    (escape(&failed.fault.message), escape(&failed.card(&result.name, CardStyle::PLAIN)));
                let _ = writeln!(xml, ">\n      <failure message=\"{message}\">{card}</failure>\n    </testcase>");
            }
        }
    }
    xml.push_str("  </testsuite>\n");
}

/// Text as XML holds it; what XML cannot hold at all becomes a question mark.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            '\t' => escaped.push('\t'),
            letter if crate::visible::steers(letter) => escaped.push('?'),
            letter => escaped.push(letter),
        }
    }
    escaped
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e5).round() / 1e2
}
