//! Reads the sources and checks that every module imports only from lower floors.

use std::fs;
use std::path::{Path, PathBuf};

const FLOORS: &[(&str, u8)] = &[
    ("protocol", 0),
    ("access", 0),
    ("clock", 0),
    ("visible", 0),
    ("session", 1),
    ("sandbox", 1),
    ("store", 1),
    ("script", 2),
    ("host", 3),
    ("testing", 4),
    ("console", 4),
    ("cli", 5),
];

fn floor(module: &str) -> u8 {
    let row = FLOORS.iter().find(|(name, _)| *name == module);
    row.unwrap_or_else(|| panic!("src/{module} has no floor: add it to the table in src/lib.rs and to this test")).1
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder is readable") {
        let path = entry.expect("the entry is readable").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn module_of(path: &Path) -> String {
    let first = path.strip_prefix("src").expect("it lies in src").components().next().expect("it has a name");
    let name = first.as_os_str().to_string_lossy();
    name.strip_suffix(".rs").unwrap_or(&name).to_owned()
}

/// The modules that a line of code names by `crate::`, also within braces.
fn imports(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (index, _) in code.match_indices("crate::") {
        let rest = &code[index + "crate::".len()..];
        let word =
            |text: &str| text.trim_start().split(|c: char| !c.is_alphanumeric() && c != '_').next().map(str::to_owned);
        match rest.strip_prefix('{') {
            Some(list) => {
                let mut depth = 0_i32;
                let mut start = true;
                for (at, letter) in list.char_indices() {
                    match letter {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => start = true,
                        letter if start && !letter.is_whitespace() => {
                            names.extend(word(&list[at..]));
                            start = false;
                        }
                        _ => {}
                    }
                }
            }
            None => names.extend(word(rest)),
        }
    }
    names
}

#[test]
fn a_module_imports_only_from_lower_floors() {
    let mut paths = Vec::new();
    sources(Path::new("src"), &mut paths);
    let mut wrong = Vec::new();
    for path in paths {
        let module = module_of(&path);
        if matches!(module.as_str(), "lib" | "main") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a source is readable");
        let code: Vec<_> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        for import in imports(&code.join("\n")) {
            if import != module && floor(&import) >= floor(&module) {
                wrong.push(format!("{}: {module} imports {import}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "these imports do not go downwards:\n{}", wrong.join("\n"));
}

#[test]
fn only_the_store_uses_sqlite_and_only_the_fibers_are_unsafe() {
    let mut paths = Vec::new();
    sources(Path::new("src"), &mut paths);
    for path in paths {
        let text = fs::read_to_string(&path).expect("a source is readable");
        let name = path.to_string_lossy().replace('\\', "/");
        assert!(!text.contains("rusqlite::") || name.starts_with("src/store"), "{name} uses rusqlite");
        assert!(!text.contains("unsafe {") || name.starts_with("src/script/fiber"), "{name} has unsafe code");
    }
}
