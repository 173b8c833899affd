//! Which tests there are: the files, their functions, and the scripts that they are about. Nothing runs here.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::TestOptions;
use super::report::Failed;
use super::suite::{self, Suite};
use super::world::Setting;
use crate::language::disk::{Disk, Stamps, read_error};
use crate::language::{Fault, trace};
use crate::runtime::{Coverage, Library, Look};

/// How the name of a test file ends.
const ENDING: &str = "_test.rhai";

/// How the name of a test function begins.
const BEGINNING: &str = "test_";

/// Why there is nothing to run.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// A path that was named is not there.
    #[error("there is no file or folder {}", .0.display())]
    Missing(PathBuf),
    /// A file that was named is no test.
    #[error("{} is no test: a test's file is named like \"order{ENDING}\"", .0.display())]
    NoTest(PathBuf),
    /// A folder cannot be read.
    #[error("{}: {reason}", path.display())]
    Unreadable {
        /// The folder.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// The tests that are to be run.
#[derive(Clone, Debug, Default)]
pub struct TestPlan {
    pub(super) files: Vec<TestFile>,
    seen: Stamps,
}

/// A test file.
#[derive(Clone, Debug)]
pub(super) struct TestFile {
    pub(super) path: PathBuf,
    /// Its tests, or why they cannot run.
    pub(super) tests: Result<Vec<Test>, Box<Failed>>,
    pub(super) setting: Arc<Setting>,
}

/// A test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Test {
    /// Its name: the function's, or the file's where the file is one test.
    pub(super) name: String,
    pub(super) function: Option<String>,
    pub(super) line: usize,
}

impl TestPlan {
    /// How many tests there are, files that cannot run among them.
    pub fn len(&self) -> usize {
        self.files.iter().map(|file| file.tests.as_ref().map_or(1, Vec::len)).sum()
    }

    /// Whether there is no test.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All that these tests were found in and read from, and how it was then.
    pub(crate) fn seen(&self) -> &Stamps {
        &self.seen
    }

    /// Counts the lines of the scripts that these tests are about, and of their modules; those of the standard library are not theirs.
    pub(super) fn coverage(&self) -> Coverage {
        let scripts = self.files.iter().flat_map(|file| &file.setting.scripts);
        let sources = scripts.flat_map(|bundle| std::iter::once(&bundle.script).chain(bundle.modules.values()));
        Coverage::of(sources.filter(|source| source.path.is_some()))
    }

    /// Finds the tests.
    ///
    /// It compiles on the caller's thread, which needs a large stack.
    pub(super) fn find(options: &TestOptions) -> Result<Self, FindError> {
        let mut settings: BTreeMap<PathBuf, (Arc<Setting>, Option<Fault>)> = BTreeMap::new();
        let engine = suite::engine(&options.limits);
        let (mut plan, mut unread) = (Self::default(), Vec::new());
        let disk = Disk::default();
        for path in files(&disk, &options.paths)? {
            let folder = folder_of(&path);
            let (setting, fault) = settings.entry(folder.clone()).or_insert_with(|| setting(&disk, folder, options));
            let matches = |name: &str| {
                let full = format!("{}::{name}", path.display());
                options.filter.as_ref().is_none_or(|filter| full.contains(filter.as_str()))
            };
            let found = tests(&engine, &disk, &path);
            let found = found.map(|tests| tests.into_iter().filter(|test| matches(&test.name)).collect::<Vec<_>>());
            let (is_read, is_meant) = match &found {
                Ok(tests) => (true, !tests.is_empty()),
                Err(_) => (false, matches("")),
            };
            let tests = match fault {
                Some(fault) => Err(Failed::of_script(fault.clone()).into()),
                None => found,
            };
            let file = TestFile { path, tests, setting: Arc::clone(setting) };
            if is_meant {
                plan.files.push(file);
            } else if !is_read {
                unread.push(file);
            }
        }
        // The test that is meant may stand in a file of which nobody knows what stands in it.
        if plan.files.is_empty() {
            plan.files = unread;
        }
        plan.seen = disk.seen();
        Ok(plan)
    }
}

/// Whether a file of this name, beside tests, has to do with them: a script, a test, a snapshot.
pub(crate) fn is_of_tests(name: &str) -> bool {
    let is_snapshot = name.ends_with(".txt") && name.contains("_test.");
    !name.starts_with('.') && (name.ends_with(".rhai") || is_snapshot)
}

fn folder_of(file: &Path) -> PathBuf {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

/// The test files at these paths, each once.
fn files(disk: &Disk, paths: &[PathBuf]) -> Result<Vec<PathBuf>, FindError> {
    let mut found = Vec::new();
    for path in paths {
        let is_test = |path: &Path| {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            name.ends_with(ENDING) && !name.starts_with('.')
        };
        if path.is_dir() {
            let failed =
                |error: &std::io::Error| FindError::Unreadable { path: path.clone(), reason: read_error(error) };
            let mut inside = Vec::new();
            disk.note(path, is_of_tests);
            for entry in fs::read_dir(path).map_err(|error| failed(&error))? {
                inside.push(entry.map_err(|error| failed(&error))?.path());
            }
            inside.retain(|path| is_test(path) && path.is_file());
            inside.sort();
            found.extend(inside);
        } else if !path.exists() {
            return Err(FindError::Missing(path.clone()));
        } else if is_test(path) {
            found.push(path.clone());
        } else {
            return Err(FindError::NoTest(path.clone()));
        }
    }
    let mut once = Vec::new();
    found.retain(|path| {
        !once.contains(path) && {
            once.push(path.clone());
            true
        }
    });
    Ok(found)
}

/// Loads the scripts of a folder.
fn setting(disk: &Disk, folder: PathBuf, options: &TestOptions) -> (Arc<Setting>, Option<Fault>) {
    let setup = Arc::new(options.setup.clone());
    let mut library = Library::new(vec![folder.clone()], options.limits, Arc::clone(&setup));
    library.look(Look::Start);
    disk.add(library.seen());
    disk.note(&folder, is_of_tests);
    let fault = library.faults().next().cloned();
    let scripts = library.scripts().filter_map(|script| script.live.clone()).collect();
    let setting = Setting {
        folder,
        scripts,
        limits: options.limits,
        setup,
        patience: options.patience,
        sessions: options.sessions.clone(),
        hosts: options.hosts.clone(),
        seed: options.seed,
        snapshots: options.snapshots,
        coverage: None,
        tap: options.tap.clone(),
    };
    (Arc::new(setting), fault)
}

/// The tests of a file.
fn tests(engine: &rhai::Engine, disk: &Disk, path: &Path) -> Result<Vec<Test>, Box<Failed>> {
    let file = path.display().to_string();
    let suite = Suite::load(engine, disk, path).map_err(Failed::of_load)?;
    let functions = suite.functions();
    let named = functions.iter().filter(|(name, ..)| name.starts_with(BEGINNING));
    let mut tests = Vec::new();
    for (name, parameters, position) in named {
        if *parameters > 0 {
            let message = format!("{name} has parameters, but a test is called without any");
            let fault = trace::with_test_source(Fault::at(file, *position, message), &suite.bundle);
            return Err(Failed::of_load(fault).into());
        }
        tests.push(Test { name: name.clone(), function: Some(name.clone()), line: position.line().unwrap_or(1) });
    }
    if tests.is_empty() && suite.has_statements() {
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        tests.push(Test { name, function: None, line: 1 });
    }
    if tests.is_empty() {
        let message = "there is no test in this file: a test is a function such as fn test_ping() { … }";
        return Err(Failed::of_load(Fault::of_file(file, message)).into());
    }
    Ok(tests)
}
