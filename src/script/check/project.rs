//! All files of one check: the scripts and modules that were named, and what they import.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use rhai::{Engine, Position};

use super::parsed::{Files, Parsed};
use super::walk::Role;
use crate::script::bundle::{APART, Bundle, Source, find, script_name};
use crate::script::disk::Disk;
use crate::script::fault::Fault;

/// How deep imports may lead.
const IMPORTS: usize = 100;

/// The files that a file has to do with.
#[derive(Debug, Default)]
pub(crate) struct Around {
    /// The scripts that run its code: those that import it, directly or not, and itself if it is one.
    pub(crate) scripts: Vec<String>,
    /// The modules that it imports, directly or not.
    pub(crate) modules: Vec<String>,
}

/// The files of a check.
#[derive(Default)]
pub(crate) struct Project {
    disk: Disk,
    /// Every file that was read.
    pub(crate) files: Files,
    /// What could not be read.
    pub(crate) unreadable: Vec<Fault>,
    /// The scripts that `run` would load, each with the folder that its imports may lead into.
    pub(crate) scripts: Vec<(PathBuf, PathBuf)>,
    /// The scripts of each folder that was named.
    folders: Vec<Vec<String>>,
    /// What the files that were named are; others were imported.
    named: BTreeMap<String, Role>,
}

impl Project {
    /// Reads a script, or a folder's scripts and the modules of its subfolders, with all that they import.
    pub(crate) fn add(&mut self, engine: &Engine, root: &Path) {
        if !root.is_dir() {
            let is_test = root.to_string_lossy().ends_with("_test.rhai");
            self.read(engine, root, &parent(root), if is_test { Role::Test } else { Role::Script });
            return;
        }
        let mut folders = vec![(root.to_owned(), Role::Script)];
        let mut seen = BTreeSet::new();
        while let Some((folder, role)) = folders.pop() {
            // A symbolic link can lead back to a folder around it.
            if fs::canonicalize(&folder).is_ok_and(|real| !seen.insert(real)) {
                continue;
            }
            match self.disk.scripts_in(&folder).read() {
                Ok(scripts) => {
                    let scripts: Vec<_> =
                        scripts.iter().filter(|path| !path.to_string_lossy().ends_with(".d.rhai")).collect();
                    for path in &scripts {
                        self.read(engine, path, root, role);
                    }
                    if role == Role::Script {
                        for test in tests_in(&folder) {
                            self.read(engine, &test, root, Role::Test);
                        }
                        self.folders.push(scripts.iter().map(|path| path.display().to_string()).collect());
                    }
                }
                Err(reason) => self.unreadable.push(Fault::of_file(folder.display().to_string(), reason)),
            }
            folders.extend(subfolders(&folder).into_iter().map(|folder| (folder, Role::Module)));
        }
    }

    /// The files of a bundle.
    pub(crate) fn of_bundle(engine: &Engine, bundle: &Bundle) -> Self {
        let mut project = Self::default();
        for source in std::iter::once(&bundle.script).chain(bundle.modules.values()) {
            let mut parsed = Parsed::of(engine, source.clone());
            if let Ok(parsed) = &mut parsed {
                let name = source.file.clone();
                let pinned = |path: &str| {
                    let target = bundle.imports.get(&name).and_then(|paths| paths.get(path));
                    let module = target.and_then(|target| bundle.source(target));
                    module.cloned().ok_or_else(|| format!("there is no module \"{path}\""))
                };
                parsed.resolve(pinned);
            }
            project.files.insert(source.file.clone(), parsed);
        }
        project.named.insert(bundle.script.file.clone(), Role::Script);
        project
    }

    /// What each file is to its check. The standard library's own modules are not checked again.
    pub(crate) fn roles(&self) -> Vec<(String, Role)> {
        let is_test = |name: &String| self.named.get(name) == Some(&Role::Test);
        let of = |tests: bool| {
            let roots = self.named.keys().filter(|name| is_test(name) == tests);
            let reached: BTreeSet<String> = roots.flat_map(|name| self.reachable(name)).collect();
            reached
        };
        let (of_scripts, of_tests) = (of(false), of(true));
        let imported: BTreeSet<&String> = self.files.values().flatten().flat_map(Parsed::targets).collect();
        let role = |(name, file): (&String, &Result<Parsed, Fault>)| {
            let file = match file {
                Ok(file) if file.source.path.is_none() => return None,
                Ok(file) => file,
                Err(_) => return Some((name.clone(), Role::Module)),
            };
            let role = match self.named.get(name) {
                Some(Role::Test) => Role::Test,
                None if of_tests.contains(name) && !of_scripts.contains(name) => Role::TestModule,
                // A module that lies in a subfolder may be meant for tests alone.
                Some(Role::Module) if of_tests.contains(name) && !self.is_for_scripts(name) => Role::TestModule,
                // A file without hooks must be meant for others, and one with hooks for the host, wherever they lie.
                Some(_) if !file.is_called() => Role::Module,
                Some(Role::Script) if imported.contains(name) => Role::Shared,
                Some(Role::Module) if imported.contains(name) => Role::Module,
                Some(_) => Role::Script,
                None => Role::Module,
            };
            Some((name.clone(), role))
        };
        self.files.iter().filter_map(role).collect()
    }

    /// A file and everything that it imports, directly or not.
    pub(crate) fn reachable(&self, file: &str) -> Vec<String> {
        let mut found = vec![file.to_owned()];
        let mut next = 0;
        while let Some(name) = found.get(next).cloned() {
            next += 1;
            let Some(Ok(parsed)) = self.files.get(&name) else { continue };
            for target in parsed.targets() {
                if !found.contains(target) {
                    found.push(target.clone());
                }
            }
        }
        found
    }

    /// Which scripts and modules each file has to do with.
    pub(crate) fn surroundings(&self, roles: &[(String, Role)]) -> BTreeMap<String, Around> {
        let mut around: BTreeMap<String, Around> = BTreeMap::new();
        for (name, role) in roles {
            let mut modules = self.reachable(name);
            modules.retain(|module| module != name);
            if role.has_hooks() {
                for module in &modules {
                    around.entry(module.clone()).or_default().scripts.push(name.clone());
                }
                around.entry(name.clone()).or_default().scripts.push(name.clone());
            }
            around.entry(name.clone()).or_default().modules = modules;
        }
        around
    }

    /// The imports that lead back to a file that is being imported.
    pub(crate) fn cycles(&self) -> Vec<Fault> {
        let mut faults = BTreeMap::new();
        let mut done = BTreeSet::new();
        for name in self.files.keys() {
            if !done.contains(name) {
                self.follow(&mut vec![name.clone()], &mut done, &mut faults);
            }
        }
        faults.into_values().collect()
    }

    /// Scripts of one name: their states would mix.
    pub(crate) fn namesakes(&self) -> Vec<Fault> {
        let mut first: BTreeMap<String, &Path> = BTreeMap::new();
        let mut faults = Vec::new();
        for (path, _) in &self.scripts {
            let name = script_name(path);
            match first.get(&name) {
                Some(other) => {
                    let message = format!("{} is called {name} as well; their states would mix", other.display());
                    let help = Some("rename one of them".to_owned());
                    faults.push(Fault { help, ..Fault::of_file(path.display().to_string(), message) });
                }
                None => {
                    first.insert(name, path);
                }
            }
        }
        faults
    }

    /// Whether another file than tests and what they import imports a module.
    fn is_for_scripts(&self, module: &String) -> bool {
        self.files.iter().any(|(name, file)| {
            let is_test = self.named.get(name) == Some(&Role::Test);
            !is_test && file.as_ref().is_ok_and(|file| file.targets().any(|target| target == module))
        })
    }

    /// Scripts that nobody ever calls.
    pub(crate) fn uncalled(&self) -> Vec<Fault> {
        let imported: BTreeSet<&String> = self.files.values().flatten().flat_map(Parsed::targets).collect();
        let mut faults = Vec::new();
        for folder in &self.folders {
            let scripts: Vec<_> = folder.iter().filter_map(|name| self.files.get(name)?.as_ref().ok()).collect();
            // A folder of nothing but modules is a library for other folders.
            if scripts.len() > 1 && !scripts.iter().any(|script| script.is_called()) {
                continue;
            }
            let forgotten =
                scripts.iter().filter(|script| !script.is_called() && !imported.contains(&script.source.file));
            faults.extend(forgotten.map(|script| {
                let message =
                    "nothing of this script is ever called: it has no hook and no timer, and nothing imports it";
                let help = "a hook is a function such as `fn on_message(msg) { … }`; modules lie in a subfolder";
                // An empty file has no line to show.
                let first = if script.source.text.is_empty() { Position::NONE } else { Position::new(1, 1) };
                Fault { help: Some(help.to_owned()), ..Fault::in_source(&script.source, first, message) }
            }));
        }
        faults
    }

    fn read(&mut self, engine: &Engine, path: &Path, root: &Path, role: Role) {
        let file = path.display().to_string();
        match self.disk.text(path).read() {
            Ok(text) => {
                let source = Source { file: file.clone(), path: Some(path.to_owned()), text: text.into() };
                self.load(engine, source, root, 0);
                let again = self.named.insert(file, role).is_some();
                if role == Role::Script && !again {
                    self.scripts.push((path.to_owned(), root.to_owned()));
                }
            }
            Err(reason) => self.unreadable.push(Fault::of_file(file, reason)),
        }
    }

    /// Reads a file and all that it imports.
    fn load(&mut self, engine: &Engine, source: Source, root: &Path, depth: usize) {
        if depth > IMPORTS || self.files.contains_key(&source.file) {
            return;
        }
        let importer = source.clone();
        let mut parsed = Parsed::of(engine, source);
        let modules = match &mut parsed {
            Ok(parsed) => parsed.resolve(|path| find(&self.disk, &importer, path, root)),
            Err(_) => Vec::new(),
        };
        self.files.insert(importer.file, parsed);
        for module in modules {
            self.load(engine, module, root, depth + 1);
        }
    }

    fn follow(
        &self,
        chain: &mut Vec<String>,
        done: &mut BTreeSet<String>,
        faults: &mut BTreeMap<(String, String), Fault>,
    ) {
        let Some(name) = chain.last().cloned() else { return };
        let Some(Ok(parsed)) = self.files.get(&name) else { return };
        for import in &parsed.imports {
            let Ok(target) = &import.target else { continue };
            if let Some(start) = chain.iter().position(|link| link == target) {
                let cycle = [&chain[start..], std::slice::from_ref(target)].concat().join(" → ");
                let message = format!("these files import each other: {cycle}");
                let help = Some(APART.to_owned());
                let fault = Fault { help, ..Fault::in_source(&parsed.source, import.position, message) };
                faults.insert((name.clone(), target.clone()), fault);
            } else if !done.contains(target) {
                chain.push(target.clone());
                self.follow(chain, done, faults);
                chain.pop();
            }
        }
        done.insert(name);
    }
}

fn parent(path: &Path) -> PathBuf {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// The tests of a folder.
fn tests_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let is_test = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name.ends_with("_test.rhai") && !name.starts_with('.') && path.is_file()
    };
    let mut found: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_test).collect();
    found.sort();
    found
}

/// The folders inside a folder, but for hidden ones.
fn subfolders(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir() && !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')))
        .collect();
    found.sort();
    found
}
