//! `hotline check`: everything that can be known about scripts without running them. What that is, `language::check` knows.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::anyhow;

use super::exit::Exit;
use super::{account, forget, output};
use crate::language::check::{Checker, Finding};
use crate::language::diagnostic::{COLUMNS, CardStyle, Severity};
use crate::language::{Bundle, Fault, script_name};
use crate::runtime::{DryStart, lost_timer};
use crate::store::{Held, JournalReader, Kept};
use crate::visible;

/// The stack of the thread that compiles, in bytes: expressions may be nested deeply.
const STACK: usize = 64 << 20;

/// The arguments of `check`.
#[derive(Debug, clap::Args)]
pub(super) struct CheckArgs {
    /// Scripts, and folders of scripts and tests [default: those of hotline.toml, or scripts/]
    #[arg(value_name = "SCRIPT or FOLDER")]
    scripts: Vec<PathBuf>,

    /// The configuration whose scripts, settings and limits count [default: hotline.toml where it exists]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Print JSON
    #[arg(long, conflicts_with = "format")]
    json: bool,

    /// How findings look
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,

    /// Fail on warnings too
    #[arg(long)]
    deny_warnings: bool,
}

/// How findings look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Cards with the line of source
    #[default]
    Card,
    /// One line each, for editors and hooks: file:line:column: error: message
    Short,
}

impl CheckArgs {
    pub(super) fn run(self) -> Result<(), Exit> {
        let (scripts, limits) = account::scripts(self.config.as_deref(), &self.scripts)?;
        let held = self.held(&scripts)?;
        if let Some(missing) = scripts.iter().find(|path| !path.exists()) {
            if !held.is_empty() {
                self.show(&held)?;
            }
            return Err(Exit::usage(anyhow!(
                "there is no script or folder {}; `hotline new FOLDER` makes a bot to start from, and `hotline check SCRIPT or FOLDER` names others",
                missing.display()
            )));
        }
        let settings = account::settings(self.config.as_deref(), &self.scripts)?;
        let setup = account::test_setup(self.config.as_deref(), &self.scripts)?;
        let sessions = account::session_networks(self.config.as_deref(), &self.scripts)?.with_settings(settings);
        let names = scripts.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
        let timers = self.timers()?;
        let (mut report, lost) = on_large_stack(move || {
            let dry_start = DryStart::new(limits);
            let lost = RefCell::new(Vec::new());
            let report = Checker::new().check(&scripts, &sessions, |bundle| {
                let its = timers.iter().filter(|(script, _)| *script == *bundle.name);
                lost.borrow_mut().extend(its.filter_map(|(_, timer)| lost_timer(bundle, timer)));
                dry_start.fault(&Arc::new(Bundle::clone(bundle).set_up(&setup)))
            });
            (report, lost.into_inner())
        })?;
        report.findings.extend(held);
        for fault in lost {
            let finding = Finding { severity: Severity::Warning, rule: "lost-timer", fault };
            if !report.findings.contains(&finding) {
                report.findings.push(finding);
            }
        }
        report.findings.extend(self.strays()?);
        self.show(&report.findings)?;
        if report.files == 0 {
            return Err(Exit::Failed(anyhow!(
                "there is no script *.rhai in {names}; `hotline new FOLDER` makes a bot to start from"
            )));
        }
        let (errors, warnings) = (report.count(Severity::Error), report.count(Severity::Warning));
        let summary = summary(errors, warnings, report.files);
        if errors > 0 || (self.deny_warnings && warnings > 0) {
            return Err(Exit::Failed(anyhow!(summary)));
        }
        if !self.json {
            output::note(format_args!("{summary}"));
        }
        Ok(())
    }

    /// The sections of settings that are for scripts which are not there.
    fn strays(&self) -> Result<Vec<Finding>, Exit> {
        let Some(config) = account::file(self.config.as_deref())? else { return Ok(Vec::new()) };
        // What cannot be read is a finding of its own.
        let Ok(files) = forget::files(&config.scripts) else { return Ok(Vec::new()) };
        let names: Vec<_> = files.iter().map(|file| script_name(file)).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let file = config.file.unwrap_or_default().display().to_string();
        let finding = |stray| {
            let fault = Fault::of_file(file.clone(), stray);
            Finding { severity: Severity::Warning, rule: "unknown-script", fault }
        };
        Ok(config.settings.strays(&names).into_iter().map(finding).collect())
    }

    /// The timers that wait in the bot of this folder, by script.
    fn timers(&self) -> Result<Vec<(String, String)>, Exit> {
        let Ok(journal) = JournalReader::open(&self.data()?) else { return Ok(Vec::new()) };
        Ok(journal.timers()?)
    }

    /// Where the bot of this folder keeps its data.
    fn data(&self) -> Result<PathBuf, Exit> {
        Ok(account::file(self.config.as_deref())?.map_or_else(|| PathBuf::from("data"), |config| config.data))
    }

    /// The scripts that the bot of this folder holds, or will miss at its next start, as far as they belong to what is checked.
    fn held(&self, roots: &[PathBuf]) -> Result<Vec<Finding>, Exit> {
        let Ok(journal) = JournalReader::open(&self.data()?) else { return Ok(Vec::new()) };
        // What cannot be read is a finding of its own.
        let Ok(files) = forget::files(roots) else { return Ok(Vec::new()) };
        let there: BTreeSet<_> = files.iter().map(|file| script_name(file)).collect();
        let mut missing = journal.held()?;
        for Kept { script, .. } in journal.kept()? {
            if missing.iter().all(|held| held.script != script) {
                missing.push(Held { script, file: String::new(), since: 0, ran: 0 });
            }
        }
        let is_asked_for = |held: &Held| {
            let lay_there = |root: &PathBuf| !held.file.is_empty() && Path::new(&held.file).starts_with(root);
            !there.contains(&held.script) && (self.scripts.is_empty() || roots.iter().any(lay_there))
        };
        Ok(missing.into_iter().filter(is_asked_for).map(missing_script).collect())
    }

    fn show(&self, findings: &[Finding]) -> std::io::Result<()> {
        if self.json {
            return output::json(&findings);
        }
        let findings = findings.iter();
        match self.format {
            Format::Short => {
                output::write(&findings.map(|finding| visible::line(&finding.line()) + "\n").collect::<String>())
            }
            Format::Card => {
                let look = CardStyle { columns: COLUMNS, colour: output::is_coloured(&std::io::stdout()) };
                output::painted(&findings.map(|finding| finding.card(look) + "\n").collect::<String>())
            }
        }
    }
}

fn missing_script(held: Held) -> Finding {
    let Held { script, file, .. } = held;
    let file = if file.is_empty() { format!("{script}.rhai") } else { file };
    let message = "it is missing, and the script is held: its conversations and timers wait until it is back";
    let help = Some(format!("`hotline forget {script}` ends what it was at"));
    let fault = Fault { help, ..Fault::of_file(file, message) };
    Finding { severity: Severity::Warning, rule: "missing-script", fault }
}

fn summary(errors: usize, warnings: usize, files: usize) -> String {
    let count = |count: usize, noun: &str| match count {
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    };
    if errors + warnings == 0 {
        return format!("{}, nothing to mend", count(files, "file"));
    }
    format!("{} and {} in {}", count(errors, "error"), count(warnings, "warning"), count(files, "file"))
}

/// Runs something on a thread whose stack is large enough to compile any script.
pub(super) fn on_large_stack<T: Send + 'static>(task: impl FnOnce() -> T + Send + 'static) -> anyhow::Result<T> {
    let thread = std::thread::Builder::new().name("check".to_owned()).stack_size(STACK).spawn(task)?;
    thread.join().map_err(|_| anyhow!("the check panicked: this is a bug of Hotline"))
}
