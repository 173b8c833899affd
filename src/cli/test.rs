//! `hotline test`: the scenario tests of scripts. How they run is decided in `testing`.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use super::exit::Exit;
use super::{account, frames, output};
use crate::host::config::Session;
use crate::language::diagnostic::CardStyle;
use crate::language::disk::{Stamp, Stamps};
use crate::runtime::reload::outlook::{Outlook, Wake};
use crate::testing::{self, FindError, RunError, Snapshots, TestOptions, TestReport, TestResult, TestSession};
use crate::visible;

/// The arguments of `test`.
#[derive(Debug, clap::Args)]
#[command(after_help = "A file *_test.rhai beside the scripts holds tests: functions test_…() without parameters.")]
pub(super) struct TestArgs {
    /// Scenario tests, and folders of them [default: the folders of hotline.toml, or scripts/]
    #[arg(value_name = "FILE or FOLDER")]
    files: Vec<PathBuf>,

    /// The configuration whose scripts, sessions, settings, time zone and limits count [default: hotline.toml where it exists]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Only the tests whose file::name holds this text
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,

    /// Write the snapshots instead of comparing them
    #[arg(long)]
    update: bool,

    /// Run again whenever a script, a test or a snapshot is saved
    #[arg(long)]
    watch: bool,

    /// Also write the results as JUnit's XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,

    /// What scripts draw by lot follows from this number, in every test [default: another one each time]
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,

    /// Show which lines of the scripts were run, and which were not
    #[arg(long)]
    coverage: bool,

    /// Also write the lines that were run as LCOV
    #[arg(long, value_name = "FILE")]
    lcov: Option<PathBuf>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl TestArgs {
    pub(super) fn run(self) -> Result<(), Exit> {
        let (scripts, limits) = account::scripts(self.config.as_deref(), &self.files)?;
        let setup = account::test_setup(self.config.as_deref(), &self.files)?;
        let files = if self.files.is_empty() { folders(&scripts) } else { scripts };
        let snapshots = if self.update { Snapshots::Write } else { Snapshots::Compare };
        let filter = self.filter.clone();
        let sessions = account::sessions(self.config.as_deref(), &self.files)?.into_iter().map(session).collect();
        let hosts = account::test_hosts(self.config.as_deref(), &self.files)?;
        let tap = frames::tap();
        let coverage = self.coverage || self.lcov.is_some();
        let any = TestOptions::default();
        let options = TestOptions {
            paths: files,
            filter,
            sessions,
            snapshots,
            limits,
            setup,
            hosts,
            seed: self.seed.unwrap_or(any.seed),
            coverage,
            tap,
            ..any
        };
        if self.watch { self.watch(&options) } else { self.run_once(&options, &mut Stamps::new()) }
    }

    /// Runs the tests once; `seen` is then what they were read from.
    fn run_once(&self, options: &TestOptions, seen: &mut Stamps) -> Result<(), Exit> {
        let paint = Paint::for_output();
        let (plan, report) = testing::run(options, |result| self.show(result, &paint)).map_err(exit)?;
        seen.extend(plan.seen().clone());
        if plan.is_empty() {
            return Err(Exit::Failed(no_tests(options)));
        }
        self.conclude(&report, &paint)?;
        match report.failed() {
            0 => Ok(()),
            failed => Err(Exit::Failed(anyhow!("{failed} of {} tests failed", report.results.len()))),
        }
    }

    /// One line for each result, as it comes.
    fn show(&self, result: &TestResult, paint: &Paint) {
        if self.json {
            return;
        }
        let word = if result.failed().is_none() { paint.green("ok  ") } else { paint.red("FAIL") };
        let separator = if result.name.is_empty() { "" } else { "::" };
        let took = result.took.as_millis();
        // A reader that went away is noticed at the end.
        let name = visible::line(&format!("{}{separator}{}", result.file.display(), result.name));
        let _ = output::painted(&format!("{word}  {name}  {took} ms\n"));
    }

    fn conclude(&self, report: &TestReport, paint: &Paint) -> anyhow::Result<()> {
        if let Some(path) = &self.junit {
            std::fs::write(path, report.to_junit()).with_context(|| format!("{} cannot be written", path.display()))?;
        }
        if let (Some(path), Some(lines)) = (&self.lcov, &report.lines) {
            std::fs::write(path, lines.to_lcov()).with_context(|| format!("{} cannot be written", path.display()))?;
        }
        if self.json {
            output::painted(&format!("{}\n", visible::json(&report.to_json().to_string())))?;
            return Ok(());
        }
        for result in &report.results {
            if let Some(failed) = result.failed() {
                let look = CardStyle { colour: paint.wanted, ..CardStyle::PLAIN };
                output::painted(&format!("\n{}", failed.card(&result.name, look)))?;
            }
        }
        if let (true, Some(lines)) = (self.coverage, &report.lines) {
            output::painted(&visible::text(&format!("\n{}", lines.table())))?;
        }
        output::line(&format!("\n{}", report.summary()))?;
        Ok(())
    }

    /// Runs the tests again and again; what fails is shown and does not end it.
    fn watch(&self, options: &TestOptions) -> Result<(), Exit> {
        // What the tests themselves write is no reason to run them again.
        let is_news = if self.update { |name: &str| name.ends_with(".rhai") } else { testing::is_of_tests };
        // Ctrl-C ends it.
        let (mut outlook, _never) = Outlook::new(is_news);
        loop {
            // Where the tests cannot be found, what was named is waited for.
            let mut seen = Stamps::from_iter(options.paths.iter().map(|path| (path.clone(), Stamp::of(path))));
            match self.run_once(options, &mut seen) {
                Err(Exit::Usage(error)) => return Err(Exit::Usage(error)),
                Err(Exit::Failed(error)) => output::line(&format!("{error:#}"))?,
                Ok(()) => {}
            }
            if self.update {
                seen.retain(|path, _| path.extension().is_none_or(|extension| extension != "txt"));
            }
            outlook.follow(seen);
            output::line("waiting for a change; Ctrl-C ends")?;
            // What may have changed and shows in nothing but its text is found by the next change.
            while outlook.wait() == Wake::Doubtful {}
        }
    }
}

fn session(session: Session) -> TestSession {
    TestSession { network: session.network(), name: session.name, scripts: session.scripts }
}

fn folders(paths: &[PathBuf]) -> Vec<PathBuf> {
    let folder = |path: &PathBuf| match path.parent() {
        _ if path.is_dir() => path.clone(),
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => Path::new(".").to_owned(),
    };
    let mut folders: Vec<_> = paths.iter().map(folder).collect();
    folders.sort();
    folders.dedup();
    folders
}

fn exit(error: RunError) -> Exit {
    match error {
        RunError::Find(error @ (FindError::Missing(_) | FindError::NoTest(_))) => Exit::usage(error),
        other => Exit::from(other),
    }
}

fn no_tests(options: &TestOptions) -> anyhow::Error {
    let paths: Vec<_> = options.paths.iter().map(|path| path.display().to_string()).collect();
    match &options.filter {
        Some(filter) => anyhow!("no test of {} is named like \"{filter}\"", paths.join(", ")),
        None => anyhow!("there is no *_test.rhai in {}", paths.join(", ")),
    }
}

/// Colours, where standard output is a terminal that wants them.
struct Paint {
    wanted: bool,
}

impl Paint {
    fn for_output() -> Self {
        Self { wanted: output::is_coloured(&std::io::stdout()) }
    }

    fn green(&self, text: &str) -> String {
        self.with("32", text)
    }

    fn red(&self, text: &str) -> String {
        self.with("31", text)
    }

    fn with(&self, style: &str, text: &str) -> String {
        if self.wanted { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
    }
}
