//! All files of one check: the scripts and modules that were named, and what they import.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use rhai::{Engine, Position};

use super::parsed::{Parsed, ParsedFiles};
use super::sessions::SessionNetworks;
use crate::language::bundle::{APART, Bundle, IMPORTS, find, script_name};
use crate::language::disk::Disk;
use crate::language::fault::Fault;
use crate::language::kind::Kind;
use crate::language::source::Source;
use crate::language::web::AllowedHost;
use crate::protocol::{Hook, Network};

/// What a file is to its check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A script: the host calls its hooks, and nobody else its functions.
    Script,
    /// A script that other files import: they call its functions.
    Shared,
    /// A module: others call its functions.
    Module,
    /// A scenario test: `hotline test` calls its functions.
    Test,
    /// A module that only tests import.
    TestModule,
}

impl Role {
    /// Whether the host calls hooks of the file.
    pub(crate) fn has_hooks(self) -> bool {
        matches!(self, Self::Script | Self::Shared)
    }

    /// Whether other files call its functions.
    pub(crate) fn is_open(self) -> bool {
        matches!(self, Self::Shared | Self::Module | Self::TestModule)
    }

    /// Whether it sees what tests see.
    pub(crate) fn is_test(self) -> bool {
        matches!(self, Self::Test | Self::TestModule)
    }
}

/// The files that a file has to do with.
#[derive(Debug, Default)]
pub(crate) struct Around<'a> {
    /// The scripts that run its code: those that import it, directly or not, and itself if it is one.
    pub(crate) scripts: Vec<&'a str>,
    /// The modules that it imports, directly or not.
    pub(crate) modules: Vec<&'a str>,
    /// The networks of the sessions that run its code; none where that is not known.
    pub(crate) networks: Vec<&'static Network>,
    /// The networks of all sessions; none where they are not known.
    pub(crate) all_networks: Vec<&'static Network>,
    /// The settings that those scripts have, with what each is; none where that is not known.
    pub(crate) settings: Option<BTreeMap<String, Kind>>,
    /// The names of all sessions; none where they are not known.
    pub(crate) sessions: &'a [String],
    /// The hosts that scripts may ask; `None` where that is not known.
    pub(crate) hosts: Option<&'a [AllowedHost]>,
    /// Whether a script that runs its code has a hook that none of its own sessions' networks has called.
    pub(crate) is_partly_silent: bool,
}

/// The files of a check.
#[derive(Default)]
pub(crate) struct Project {
    disk: Disk,
    /// Every file that was read.
    pub(crate) files: ParsedFiles,
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
            self.reachable(roots.map(String::as_str)).into_iter().collect::<BTreeSet<_>>()
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
                None if of_tests.contains(&**name) && !of_scripts.contains(&**name) => Role::TestModule,
                // A module that lies in a subfolder may be meant for tests alone.
                Some(Role::Module) if of_tests.contains(&**name) && !self.is_for_scripts(name) => Role::TestModule,
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

    /// Files and everything that they import, directly or not, as deep as imports may lead.
    pub(crate) fn reachable<'a>(&'a self, files: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
        let mut found: Vec<_> = files.into_iter().collect();
        let mut seen: HashSet<_> = found.iter().copied().collect();
        let mut looked_at = 0;
        for _ in 0..=IMPORTS {
            let level = looked_at..found.len();
            looked_at = level.end;
            for index in level {
                let Some(Ok(parsed)) = self.files.get(found[index]) else { continue };
                found.extend(parsed.targets().map(String::as_str).filter(|target| seen.insert(target)));
            }
        }
        found
    }

    /// Which scripts and modules each file has to do with, and which networks.
    pub(crate) fn surroundings<'a>(
        &'a self,
        roles: &'a [(String, Role)],
        sessions: &'a SessionNetworks,
    ) -> BTreeMap<&'a str, Around<'a>> {
        let mut around: BTreeMap<&str, Around<'_>> = BTreeMap::new();
        for (name, role) in roles {
            let reached = self.reachable([&**name]);
            if role.has_hooks() {
                for file in &reached {
                    around.entry(file).or_default().scripts.push(name);
                }
            }
            around.entry(name).or_default().modules = reached[1..].to_vec();
        }
        let is_partly_silent = |script: &&str| {
            let parsed = self.files.get(*script).and_then(|file| file.as_ref().ok());
            let networks = sessions.of(&[script]);
            parsed.is_some_and(|parsed| parsed.hooks().any(|(hook, _)| is_silent(hook, &networks)))
        };
        for around in around.values_mut() {
            around.networks = sessions.of(&around.scripts);
            around.all_networks = sessions.all();
            around.sessions = sessions.names();
            around.hosts = sessions.hosts();
            around.settings = sessions.settings(&around.scripts).filter(|_| !around.scripts.is_empty());
            around.is_partly_silent = around.scripts.iter().any(is_partly_silent);
        }
        around
    }

    /// The names of map entries that any file makes.
    pub(crate) fn entries(&self) -> HashSet<&str> {
        self.files.values().flatten().flat_map(|file| &file.entries).map(String::as_str).collect()
    }

    /// The imports that lead back to a file that is being imported.
    pub(crate) fn cycles(&self) -> Vec<Fault> {
        let mut faults = BTreeMap::new();
        let mut done = BTreeSet::new();
        for name in self.files.keys() {
            self.follow(name, &mut done, &mut faults);
        }
        faults.into_values().collect()
    }

    /// Follows the imports of a file to the end, and notes those that lead back.
    fn follow<'a>(
        &'a self,
        name: &'a str,
        done: &mut BTreeSet<&'a str>,
        faults: &mut BTreeMap<(&'a str, &'a str), Fault>,
    ) {
        // How imports lead from file to file is a list, not a stack of calls: they may lead as deep as they like.
        let mut chain: Vec<(&str, usize)> = vec![(name, 0)];
        let mut places = HashMap::from([(name, 0)]);
        while let Some((name, next)) = chain.last_mut() {
            let parsed = self.files.get(*name).and_then(|file| file.as_ref().ok()).filter(|_| !done.contains(name));
            let Some((parsed, import)) = parsed.and_then(|parsed| Some((parsed, parsed.imports.get(*next)?))) else {
                done.insert(name);
                places.remove(name);
                chain.pop();
                continue;
            };
            *next += 1;
            let (name, Ok(target)) = (*name, &import.target) else { continue };
            match places.get(target.as_str()) {
                Some(start) => {
                    let files: Vec<_> = chain[*start..].iter().map(|(name, _)| *name).chain([&**target]).collect();
                    let message = format!("these files import each other: {}", files.join(" → "));
                    let help = Some(APART.to_owned());
                    let fault = Fault { help, ..parsed.source.fault(import.position, message) };
                    faults.insert((name, target), fault);
                }
                None => {
                    places.insert(target, chain.len());
                    chain.push((target, 0));
                }
            }
        }
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

    /// Commands that an earlier script of a session declares as well.
    pub(crate) fn same_commands(&self, sessions: &SessionNetworks) -> Vec<Fault> {
        let mut first: BTreeMap<String, &Parsed> = BTreeMap::new();
        let mut faults = Vec::new();
        let files: BTreeSet<String> = self.scripts.iter().map(|(path, _)| path.display().to_string()).collect();
        for script in files.iter().filter_map(|file| self.files.get(file)?.as_ref().ok()) {
            for (name, position) in script.commands() {
                let other = first.entry(name.clone()).or_insert(script);
                let (file, earlier) = (&script.source.file, &other.source.file);
                if file != earlier && sessions.run_both([file, earlier]) {
                    let message = format!("{earlier} declares the command /{name} as well, and comes first");
                    let help = Some("rename one of them".to_owned());
                    faults.push(Fault { help, ..script.source.fault(position, message) });
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
                Fault { help: Some(help.to_owned()), ..script.source.fault(first, message) }
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
        // Deeper ones are refused where the script is loaded.
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
}

/// Whether none of these networks has a hook called; nothing is known where there are none.
pub(crate) fn is_silent(hook: Hook, networks: &[&Network]) -> bool {
    !networks.is_empty() && !networks.iter().any(|network| network.calls(hook))
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
