//! Bundles: a script's source with the sources of every module that it imports, pinned together.
//!
//! A bundle is plain data. It is read once, then compiled by every worker, so all of them run the same text. What a
//! script may import is decided here: modules inside its own folder, and the standard library.

use std::collections::BTreeMap;
use std::path::{Component, Path};
use std::sync::Arc;

use include_dir::{Dir, include_dir};
use rhai::{ASTNode, Engine, Expr, Position, Stmt};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::disk::{Disk, Sight};
use super::fault::Fault;
use super::parse::compile;
use super::settings::{Section, Setup};
use super::source::Source;
use super::zone::{self, Zone};

/// The standard library, embedded in the binary.
static STDLIB: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/stdlib");

/// How deep imports may lead: each file is read in the middle of the one that imports it.
pub(crate) const IMPORTS: usize = 100;

/// How to mend imports that lead back.
pub(crate) const APART: &str = "move what both need into a third module";

/// A script with everything that it imports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// The script's name: its file name without `.rhai`.
    pub name: Arc<str>,
    /// The script itself.
    pub script: Source,
    /// Every module that it imports, by its file's name.
    pub modules: BTreeMap<String, Source>,
    /// The import paths as written, by the importing file: path to the module's file name.
    pub imports: BTreeMap<String, BTreeMap<String, String>>,
    /// What the configuration sets for it.
    #[serde(default, skip_serializing_if = "Section::is_empty")]
    pub settings: Section,
    /// Where it reads and writes times; none where nothing is known of a configuration.
    #[serde(default, deserialize_with = "zone::read_again")]
    pub zone: Option<Zone>,
    /// A hash over all of it but the secrets.
    pub hash: [u8; 32],
}

impl Bundle {
    /// Reads a script and all that it imports, and compiles each for the sake of finding its imports.
    ///
    /// # Errors
    /// For the first file that cannot be read, does not compile, or imports what it may not.
    pub(crate) fn read(engine: &Engine, disk: &Disk, script: &Path, root: &Path) -> Result<Self, Fault> {
        let text = disk.text(script).read().map_err(|reason| Fault::of_file(script.display().to_string(), reason))?;
        Self::of_text(engine, disk, script, root, &text)
    }

    /// As [`read`](Self::read), with another text than stands in the script's file.
    ///
    /// # Errors
    /// As `read`.
    pub(crate) fn of_text(engine: &Engine, disk: &Disk, script: &Path, root: &Path, text: &str) -> Result<Self, Fault> {
        let file = script.display().to_string();
        let source = Source { file: file.clone(), path: Some(script.to_owned()), text: text.into() };
        let mut bundle = Self {
            name: script_name(script).into(),
            script: source.clone(),
            modules: BTreeMap::new(),
            imports: BTreeMap::new(),
            settings: Section::new(),
            zone: None,
            hash: [0; 32],
        };
        bundle.follow(engine, disk, &source, root, &mut vec![file])?;
        bundle.hash = bundle.digest();
        Ok(bundle)
    }

    /// The same script with what a configuration gives to it.
    pub fn set_up(mut self, setup: &Setup) -> Self {
        self.settings = setup.settings.of(&self.name);
        self.zone = Some(setup.zone.clone());
        self.hash = self.digest();
        self
    }

    /// Whether it has what a configuration gives to it, its secrets included.
    pub(crate) fn is_set_up(&self, setup: &Setup) -> bool {
        self.zone.as_ref() == Some(&setup.zone) && self.settings == setup.settings.of(&self.name)
    }

    /// Every file on disk that this script is made of.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        std::iter::once(&self.script).chain(self.modules.values()).filter_map(|source| source.path.as_deref())
    }

    /// Whether the script has no text, as a full disk or an editor leaves it.
    pub(crate) fn is_blank(&self) -> bool {
        self.script.text.trim().is_empty()
    }

    /// The source of a file of this bundle.
    pub fn source(&self, file: &str) -> Option<&Source> {
        if self.script.file == file { Some(&self.script) } else { self.modules.get(file) }
    }

    /// What is wrong with a function that is named in a text, where that stands first.
    pub(crate) fn fault_of_name(&self, function: &str, message: String) -> Fault {
        let quoted = [format!("\"{function}\""), format!("`{function}`")];
        let sources = std::iter::once(&self.script).chain(self.modules.values());
        match sources.filter_map(|source| Some((source, place_of(&source.text, &quoted)?))).next() {
            Some((source, place)) => source.fault(place, message),
            None => Fault::of_file(&self.script.file, message),
        }
    }

    fn follow(
        &mut self,
        engine: &Engine,
        disk: &Disk,
        source: &Source,
        root: &Path,
        chain: &mut Vec<String>,
    ) -> Result<(), Fault> {
        for (path, position) in imports_of(engine, source)? {
            let module = find(disk, source, &path, root).map_err(|reason| source.fault(position, reason))?;
            if chain.len() > IMPORTS {
                let message = format!("the imports lead more than {IMPORTS} files deep");
                return Err(source.fault(position, message));
            }
            if let Some(start) = chain.iter().position(|file| *file == module.file) {
                let cycle = [&chain[start..], std::slice::from_ref(&module.file)].concat().join(" → ");
                let fault = source.fault(position, format!("these files import each other: {cycle}"));
                return Err(Fault { help: Some(APART.to_owned()), ..fault });
            }
            self.imports.entry(source.file.clone()).or_default().insert(path, module.file.clone());
            if !self.modules.contains_key(&module.file) {
                chain.push(module.file.clone());
                self.follow(engine, disk, &module, root, chain)?;
                chain.pop();
                self.modules.insert(module.file.clone(), module);
            }
        }
        Ok(())
    }

    fn digest(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        for source in std::iter::once(&self.script).chain(self.modules.values()) {
            hasher.update(source.file.as_bytes());
            hasher.update([0]);
            hasher.update((source.text.len() as u64).to_le_bytes());
            hasher.update(source.text.as_bytes());
        }
        if let Some(zone) = &self.zone {
            hasher.update(zone.name());
        }
        if !self.settings.is_empty() {
            hasher.update(serde_json::to_vec(&self.settings).expect("settings are plain data"));
        }
        hasher.finalize().into()
    }
}

/// Where the first of some words stands in a text.
fn place_of(text: &str, words: &[String]) -> Option<Position> {
    text.lines().enumerate().find_map(|(index, line)| {
        let at = words.iter().find_map(|word| line.find(word))?;
        let column = line[..at].chars().count() + 1;
        Some(Position::new(u16::try_from(index + 1).ok()?, u16::try_from(column).ok()?))
    })
}

/// The name of a script: its file name without `.rhai`.
pub fn script_name(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The import paths of a file, with their places.
fn imports_of(engine: &Engine, source: &Source) -> Result<Vec<(String, Position)>, Fault> {
    let ast = compile(engine, source)?;
    let mut found = Vec::new();
    let mut fault = None;
    ast.walk(&mut |nodes: &[ASTNode<'_>]| {
        if let Some(ASTNode::Stmt(Stmt::Import(import, _))) = nodes.last() {
            match &import.0 {
                Expr::StringConstant(path, position) => found.push((path.to_string(), *position)),
                other => {
                    let message =
                        "an import names its module by a literal path, such as import \"lib/greetings\" as greetings";
                    fault.get_or_insert_with(|| source.fault(other.position(), message));
                }
            }
        }
        true
    });
    fault.map_or(Ok(found), Err)
}

/// Finds the module that `path` means when `importer` writes it.
///
/// A path of names alone cannot climb out of `root`; where a link in there leads is the business of whoever made the link.
pub(crate) fn find(disk: &Disk, importer: &Source, path: &str, root: &Path) -> Result<Source, String> {
    let relative = Path::new(path.strip_suffix(".rhai").unwrap_or(path));
    let inside = relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if path.is_empty() || !inside {
        return Err(format!(
            "\"{path}\" leads out of the script's folder; modules are imported from inside it, or from std/"
        ));
    }
    let mut name = relative.as_os_str().to_owned();
    name.push(".rhai");
    let own_folder = importer.path.as_deref().and_then(Path::parent);
    // A module's own folder comes first, so that a folder of modules can be moved as a whole.
    let mut tried = Vec::new();
    for folder in own_folder.into_iter().chain([root]) {
        let candidate = folder.join(&name);
        if tried.contains(&candidate) {
            continue;
        }
        match disk.text(&candidate) {
            Sight::Present(text) => {
                return Ok(Source { file: candidate.display().to_string(), path: Some(candidate), text: text.into() });
            }
            Sight::Missing => tried.push(candidate),
            Sight::Unreadable(reason) => return Err(format!("\"{path}\" ({}): {reason}", candidate.display())),
        }
    }
    if let Ok(module) = relative.strip_prefix("std") {
        let mut embedded = module.as_os_str().to_owned();
        embedded.push(".rhai");
        let file = STDLIB.get_file(Path::new(&embedded)).and_then(include_dir::File::contents_utf8);
        return match file {
            Some(text) => Ok(Source { file: path.to_owned(), path: None, text: text.into() }),
            None => {
                Err(format!("the standard library has no module \"{path}\"; it has {}", stdlib_modules().join(", ")))
            }
        };
    }
    let tried: Vec<_> = tried.iter().map(|path| path.display().to_string()).collect();
    Err(format!("there is no module \"{path}\": looked for {}", tried.join(" and ")))
}

/// The import paths of the standard library's modules.
pub fn stdlib_modules() -> Vec<String> {
    let modules = STDLIB.files().map(|file| format!("std/{}", script_name(file.path())));
    let mut modules: Vec<_> = modules.collect();
    modules.sort();
    modules
}

/// The standard library's modules: their import paths and texts, in order.
pub(crate) fn stdlib_sources() -> Vec<(String, &'static str)> {
    let text = |file: &'static include_dir::File<'static>| {
        Some((format!("std/{}", script_name(file.path())), file.contents_utf8()?))
    };
    let mut sources: Vec<_> = STDLIB.files().filter_map(text).collect();
    sources.sort();
    sources
}
