//! Reads the sources and checks which way their imports run: downwards, from floor to floor and from file to file.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use hotline::protocol::{COMMANDS, EVENTS};

const FLOORS: &[(&str, u8)] = &[
    ("protocol", 0),
    ("access", 0),
    ("clock", 0),
    ("visible", 0),
    ("session", 1),
    ("sandbox", 1),
    ("store", 1),
    ("language", 1),
    ("runtime", 2),
    ("host", 3),
    ("testing", 4),
    ("console", 4),
    ("cli", 5),
];

/// The files and folders inside a folder, lowest floor first; those of one floor do not know each other. `mod` is the folder's own file.
const ROOMS: &[(&str, &[&[&str]])] = &[
    (
        "session",
        &[
            &["backlog", "folders", "loopback", "numbers", "orders", "outbound", "secret", "signal"],
            &["calls", "dedup", "published"],
            &["webhooks"],
            &["rate_limit"],
            &["config", "status"],
            &["redact", "shared", "transport"],
            &["handle", "line", "machine"],
            &["media", "socket"],
        ],
    ),
    ("session/line", &[&["api"], &["common"], &["connection"]]),
    ("session/machine", &[&["mod"], &["login", "sending"]]),
    ("session/media", &[&["error"], &["transfer"], &["mod"]]),
    ("session/transport", &[&["tls", "words"], &["connect"]]),
    (
        "sandbox",
        &[
            &["error", "faults", "pace", "tally", "tap", "world"],
            &["line", "persist", "play"],
            &["disk", "hub"],
            &["config"],
            &["shared"],
            &["official", "reception"],
            &["control"],
            &["handshake", "http"],
            &["api", "server"],
        ],
    ),
    (
        "language",
        &[
            &["chain", "dialect", "disk", "duration", "fault", "headers", "numeral", "plain_text", "spelling", "types"],
            &["errors", "functions", "web", "zone"],
            &["calendar", "cron", "diagnostic", "settings", "source", "testing"],
            &["kind", "moment", "parse"],
            &["bot_command", "bundle", "race", "suggest"],
            &["definitions", "explain", "hook", "names"],
            &["check", "trace"],
        ],
    ),
    ("language/moment", &[&["meant"], &["words"], &["letters"], &["mod"]]),
    (
        "language/check",
        &[
            &["finding", "flow", "known", "literal", "parsed", "presence", "scope", "sessions"],
            &["project"],
            &["walk"],
            &["record"],
            &[
                "address",
                "command",
                "configured",
                "elsewhere",
                "expression",
                "maybe",
                "module",
                "named",
                "network",
                "object",
                "operator",
                "test",
                "trap",
                "unused",
            ],
            &["call"],
            &["mod"],
        ],
    ),
    ("language/suggest", &[&["in_tests", "operator"], &["mod"]]),
    (
        "runtime",
        &[
            &["chance", "fiber", "ids", "limits", "view"],
            &["engine"],
            &["timers", "web"],
            &["generation", "journal"],
            &["context"],
            &["run"],
            &["builtins"],
            &["dry_start", "worker"],
            &["reload"],
        ],
    ),
    ("runtime/fiber", &[&["memory", "prefetch"], &["stack"], &["mod"]]),
    (
        "runtime/engine",
        &[
            &["secret", "thrown", "unused"],
            &["values"],
            &["stages"],
            &["coverage"],
            &["cut"],
            &["body", "caught", "objects"],
        ],
    ),
    ("runtime/timers", &[&["hours"], &["timer"], &["schedule"]]),
    ("runtime/view", &[&["rows"], &["event"], &["log"], &["stream"], &["mod"]]),
    ("runtime/web", &[&["answer", "refusal", "stub"], &["request"], &["mod"]]),
    ("runtime/journal", &[&["history", "states"], &["mod"]]),
    (
        "runtime/context",
        &[
            &["directory", "drain", "followed", "holding", "lane", "past_runs", "taken_tokens"],
            &["asks", "services"],
            &["mod"],
        ],
    ),
    (
        "runtime/run",
        &[
            &["answer", "meter", "suspension", "tokens"],
            &["call"],
            &["pending"],
            &["mod"],
            &["driven", "wait"],
            &["at_work"],
            &["loading", "long_wait", "web_wait"],
            &["host_call"],
        ],
    ),
    (
        "runtime/builtins",
        &[
            &["encoding"],
            &["settings"],
            &["choices", "http_options", "runs", "sessions", "store", "text", "time"],
            &["ask_options", "calendar", "data", "http", "outgoing"],
            &["delivery"],
            &["bot_commands", "commands"],
            &["asking", "events", "messages", "quota"],
            &["mod"],
        ],
    ),
    (
        "runtime/worker",
        &[
            &["earlier", "internal_event", "listing", "prompt", "routing"],
            &["orders", "state"],
            &["commands", "look"],
            &["invocation"],
            &["ending", "rebuild", "swap"],
            &["dispatch"],
            &["recovery"],
            &["sessions"],
            &["serve"],
            &["handle"],
        ],
    ),
    ("runtime/reload", &[&["library", "settle"], &["outlook"], &["watch"]]),
    (
        "host",
        &[
            &["config", "descriptors", "door"],
            &["control", "keeper", "kill", "missing", "reconfigure", "start_error", "trouble", "webhook"],
            &["maintenance", "owner", "prepared"],
            &["view"],
            &["status"],
            &["prompt", "run"],
            &["sessions"],
        ],
    ),
    ("host/config", &[&["error"], &["read"], &["session", "settings"], &["owner"], &["mod"]]),
    (
        "testing",
        &[
            &["allowance", "error", "lines", "log", "mentions", "stillness", "unmet"],
            &["bot", "report"],
            &["world"],
            &["context"],
            &["expectations", "faults", "snapshot", "web"],
            &["line"],
            &["functions"],
            &["suite"],
            &["find"],
            &["runner"],
        ],
    ),
];

/// So many files may import each other in a circle.
const CIRCLE: usize = 3;

/// A module, as the names of its path: `["session", "media"]`.
type Module = Vec<String>;

/// The modules of the crate, each with the modules that it imports.
struct Imports(BTreeMap<Module, BTreeSet<Module>>);

impl Imports {
    /// Those of the sources, with what only tests have.
    fn with_tests() -> Self {
        Self::of(&code(bare))
    }

    /// Those of the sources as users run them.
    fn read() -> Self {
        Self::of(&code_as_run(bare))
    }

    fn of(code: &BTreeMap<Module, String>) -> Self {
        let modules: BTreeSet<_> = code.keys().cloned().collect();
        Self(code.iter().map(|(module, code)| (module.clone(), imports(&modules, module, code))).collect())
    }

    /// Every circle of imports: modules each of which leads to each other. The largest comes first.
    fn circles(&self) -> Vec<Vec<&Module>> {
        let reached: BTreeMap<_, _> = self.0.keys().map(|module| (module, self.reached_from(module))).collect();
        let circle = |module| {
            let is_mutual = |other: &&Module| reached[other].contains(module);
            reached[module].iter().copied().filter(is_mutual).collect::<Vec<_>>()
        };
        let circles: BTreeSet<_> = self.0.keys().map(circle).filter(|circle| circle.len() > 1).collect();
        let mut circles: Vec<_> = circles.into_iter().collect();
        circles.sort_by_key(|circle| Reverse(circle.len()));
        circles
    }

    fn reached_from(&self, module: &Module) -> BTreeSet<&Module> {
        let mut reached = BTreeSet::new();
        let mut open: Vec<_> = self.0[module].iter().collect();
        while let Some(next) = open.pop() {
            if reached.insert(next) {
                open.extend(&self.0[next]);
            }
        }
        reached
    }
}

/// The code of every module, as `strip` leaves it of its source.
fn code(strip: fn(&str) -> String) -> BTreeMap<Module, String> {
    let mut paths = Vec::new();
    sources(Path::new("src"), &mut paths);
    paths.retain(|path| !path.ends_with("main.rs"));
    let code = |path: &PathBuf| strip(&fs::read_to_string(path).expect("a source is readable"));
    paths.iter().map(|path| (module_of(path), code(path))).collect()
}

/// The code of every module, without what only tests have.
fn code_as_run(strip: fn(&str) -> String) -> BTreeMap<Module, String> {
    let mut code = code(strip);
    let of_tests: Vec<_> = code.iter().flat_map(|(module, code)| test_modules(module, code)).collect();
    code.retain(|module, _| !of_tests.iter().any(|tests| module.starts_with(tests)));
    code.values_mut().for_each(|code| *code = without_tests(code));
    code
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

fn module_of(path: &Path) -> Module {
    let path = path.strip_prefix("src").expect("it lies in src").with_extension("");
    let mut names: Module = path.iter().map(|name| name.to_string_lossy().into_owned()).collect();
    if names.last().is_some_and(|name| name == "mod" || name == "lib") {
        names.pop();
    }
    names
}

/// A source without its comments, texts and characters.
fn bare(source: &str) -> String {
    stripped(source, |_| " ".to_owned())
}

/// A source without its comments and characters. Its texts stay, but for what would be taken for braces or attributes of the code.
fn with_texts(source: &str) -> String {
    stripped(source, |text| text.replace(['{', '}', '#'], " "))
}

/// A source without its comments and characters, and with something else in place of its texts.
fn stripped(source: &str, in_place_of: fn(&str) -> String) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(letter) = rest.chars().next() {
        let skipped = match letter {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment(rest),
            'r' if !code.ends_with(is_of_name) => raw_text(rest),
            '"' => text(rest),
            '\'' => character(rest),
            _ => 0,
        };
        if skipped > 0 {
            let is_text = matches!(letter, 'r' | '"');
            code.push_str(&if is_text { in_place_of(&rest[..skipped]) } else { " ".to_owned() });
            rest = &rest[skipped..];
        } else {
            code.push(letter);
            rest = &rest[letter.len_utf8()..];
        }
    }
    code
}

fn is_of_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// How long the comment is with which a text begins. Comments may lie in each other.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        let step = match &rest.as_bytes()[at..] {
            [b'/', b'*', ..] => {
                depth += 1;
                2
            }
            [b'*', b'/', ..] => {
                depth -= 1;
                2
            }
            _ => 1,
        };
        at += step;
        if depth == 0 {
            break;
        }
    }
    at
}

/// How long `r"…"` or `r#"…"#` is at the beginning of a text; 0 where there is none.
fn raw_text(rest: &str) -> usize {
    let fences = rest[1..].chars().take_while(|letter| *letter == '#').count();
    if !rest[1 + fences..].starts_with('"') {
        return 0;
    }
    let begin = 1 + fences + 1;
    let end = format!("\"{}", "#".repeat(fences));
    rest[begin..].find(&end).map_or(rest.len(), |at| begin + at + end.len())
}

fn text(rest: &str) -> usize {
    let mut letters = rest.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => drop(letters.next()),
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// How long `'x'` or `'\n'` is at the beginning of a text; 0 for a lifetime.
fn character(rest: &str) -> usize {
    let mut letters = rest.char_indices().skip(1);
    match letters.next() {
        Some((_, '\\')) => {
            letters.next();
            letters.find(|(_, letter)| *letter == '\'').map_or(0, |(at, _)| at + 1)
        }
        Some(_) => letters.next().filter(|(_, letter)| *letter == '\'').map_or(0, |(at, _)| at + 1),
        None => 0,
    }
}

const OF_TESTS: &str = "#[cfg(test)]";

/// The files that only tests have: `#[cfg(test)] mod name;`.
fn test_modules(module: &Module, code: &str) -> Vec<Module> {
    let names = code.split(OF_TESTS).skip(1).filter_map(|item| {
        let (name, _) = item.trim_start().strip_prefix("mod ")?.split_once(';')?;
        name.chars().all(is_of_name).then(|| [module.as_slice(), &[name.to_owned()]].concat())
    });
    names.collect()
}

/// Code without the items that only tests have.
fn without_tests(code: &str) -> String {
    let mut items = code.split(OF_TESTS);
    let mut kept = items.next().unwrap_or_default().to_owned();
    for item in items {
        let end = match item.find(['{', ';']) {
            Some(at) if item[at..].starts_with('{') => at + in_braces(&item[at..]).len() + 2,
            Some(at) => at + 1,
            None => item.len(),
        };
        kept.push_str(&item[end..]);
    }
    kept
}

/// What lies between the brace with which a text begins and the one that closes it.
fn in_braces(text: &str) -> &str {
    let mut depth = 0_i32;
    for (at, letter) in text.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &text[1..at];
        }
    }
    panic!("a brace is not closed");
}

/// The modules that a file imports.
///
/// An import counts to the deepest module file that its path names. What a module only hands on of its own children does not
/// count, and neither do the lines that declare them.
fn imports(modules: &BTreeSet<Module>, here: &Module, code: &str) -> BTreeSet<Module> {
    let mut found = BTreeSet::new();
    let (uses, rest) = uses(code);
    for (is_public, tree) in uses {
        for path in leaves(tree.trim(), &[]) {
            found.extend(resolved(modules, here, &path).filter(|target| !(is_public && target.starts_with(here))));
        }
    }
    for path in paths(&rest) {
        found.extend(resolved(modules, here, &path));
    }
    found.remove(here);
    found
}

/// The `use` declarations of a file, each with whether it has a visibility, and the code without them.
fn uses(code: &str) -> (Vec<(bool, &str)>, String) {
    let mut found = Vec::new();
    let mut rest = String::new();
    let mut from = 0;
    for (at, word) in code.match_indices("use ") {
        if at < from || code[..at].ends_with(is_of_name) {
            continue;
        }
        let before = code[..at].rsplit([';', '{', '}', ']']).next().unwrap_or_default();
        let end = at + code[at..].find(';').expect("a declaration ends");
        found.push((before.trim_start().starts_with("pub"), &code[at + word.len()..end]));
        rest.push_str(&code[from..at]);
        from = end;
    }
    rest.push_str(&code[from..]);
    (found, rest)
}

/// The paths that a `use` tree names: two for `a::{b, c::d}`.
fn leaves(tree: &str, above: &[String]) -> Vec<Vec<String>> {
    let Some(brace) = tree.find('{') else {
        let path = tree.split(" as ").next().unwrap_or_default();
        return vec![[above, &names(path)].concat()];
    };
    let above = [above, &names(&tree[..brace])].concat();
    let mut depth = 0_i32;
    let parts = in_braces(&tree[brace..]).split(|letter| {
        depth += i32::from(letter == '{') - i32::from(letter == '}');
        letter == ',' && depth == 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty()).flat_map(|part| leaves(part, &above)).collect()
}

fn names(path: &str) -> Vec<String> {
    path.split("::").map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// The paths that code names, such as `super::text(`.
fn paths(code: &str) -> Vec<Vec<String>> {
    // `pub(in crate::session)` names a module and imports nothing.
    let mut parts = code.split("pub(in ");
    let first = parts.next().unwrap_or_default().to_owned();
    let code = parts.fold(first, |code, part| code + part.split_once(')').map_or("", |(_, rest)| rest));
    let words = code.split(|letter: char| !is_of_name(letter) && letter != ':');
    words.filter(|word| word.contains("::") && !word.starts_with(':')).map(names).collect()
}

/// The deepest module that a path names; none where it leads out of the crate.
fn resolved(modules: &BTreeSet<Module>, here: &Module, path: &[String]) -> Option<Module> {
    let mut target = here.clone();
    let mut names = path.iter().peekable();
    match names.peek()?.as_str() {
        "crate" => target.clear(),
        "super" | "self" => {}
        child => {
            let child = [here.as_slice(), &[child.to_owned()]].concat();
            if !modules.contains(&child) {
                return None;
            }
        }
    }
    while let Some(name) = names.next_if(|name| matches!(name.as_str(), "crate" | "super" | "self")) {
        if name == "super" {
            target.pop();
        }
    }
    for name in names {
        target.push(name.clone());
        if !modules.contains(&target) {
            target.pop();
            break;
        }
    }
    modules.contains(&target).then_some(target)
}

/// The types of a file that others can see, by their names.
fn visible_types(code: &str) -> Vec<&str> {
    let items = code.match_indices("pub").filter(|(at, _)| !code[..*at].ends_with(is_of_name));
    let names = items.filter_map(|(at, word)| {
        let rest = &code[at + word.len()..];
        let rest = if rest.starts_with('(') { rest.split_once(')')?.1 } else { rest };
        let (kind, rest) = rest.strip_prefix(' ')?.split_once(' ')?;
        let name = rest.split(|letter| !is_of_name(letter)).next().filter(|name| !name.is_empty());
        name.filter(|_| ["struct", "enum", "union", "trait", "type"].contains(&kind))
    });
    names.collect()
}

fn floor(module: &str) -> u8 {
    let row = FLOORS.iter().find(|(name, _)| *name == module);
    row.unwrap_or_else(|| panic!("src/{module} has no floor: add it to the table in src/lib.rs and to this test")).1
}

#[test]
fn a_module_imports_only_from_lower_floors() {
    let mut wrong = Vec::new();
    for (module, imports) in &Imports::with_tests().0 {
        let Some(part) = module.first() else { continue };
        for other in imports.iter().filter_map(|import| import.first()) {
            if other != part && floor(other) >= floor(part) {
                wrong.push(format!("{}: {part} imports {other}", module.join("::")));
            }
        }
    }
    assert!(wrong.is_empty(), "these imports do not go downwards:\n{}", wrong.join("\n"));
}

/// What is directly in a folder, as far as a module lies there.
fn room(folder: &[&str], module: &Module) -> Option<String> {
    let inside = module.len() >= folder.len() && module.iter().zip(folder).all(|(name, other)| name == other);
    inside.then(|| module.get(folder.len()).map_or_else(|| "mod".to_owned(), Clone::clone))
}

#[test]
fn a_file_imports_only_from_lower_floors_of_its_folder() {
    let imports = Imports::read().0;
    let mut wrong = Vec::new();
    for (folder, floors) in ROOMS {
        let names: Vec<_> = folder.split('/').collect();
        // A folder's own file that only hands on what lies in it needs no floor.
        let has_own_floor = floors.concat().contains(&"mod");
        let room = |module: &Module| room(&names, module).filter(|room| has_own_floor || room != "mod");
        let floor = |room: &str| {
            let floor = floors.iter().position(|rooms| rooms.contains(&room));
            floor.unwrap_or_else(|| panic!("src/{folder}/{room} has no floor: add it to this test"))
        };
        for (module, imports) in imports.iter().filter(|(module, _)| !module.is_empty()) {
            let Some(from) = room(module) else { continue };
            let inside = imports.iter().filter_map(room).filter(|to| *to != from);
            let upwards = inside.filter(|to| floor(to) >= floor(&from));
            wrong.extend(upwards.map(|to| format!("{}: {from} imports {to}", module.join("::"))));
        }
    }
    assert!(wrong.is_empty(), "these imports do not go downwards:\n{}", wrong.join("\n"));
}

#[test]
fn every_folder_of_the_great_houses_has_floors() {
    let houses = ["language", "runtime", "session", "host"];
    let modules = code_as_run(bare);
    let of_houses = |module: &&Module| module.first().is_some_and(|house| houses.contains(&house.as_str()));
    let folders: BTreeSet<_> = modules
        .keys()
        .filter(of_houses)
        .flat_map(|module| (1..module.len()).map(|length| module[..length].join("/")))
        .collect();
    let missing: Vec<_> = folders.iter().filter(|folder| !ROOMS.iter().any(|(name, _)| name == folder)).collect();
    assert!(missing.is_empty(), "these folders have no floors in this test: {missing:?}");
}

#[test]
fn few_files_import_each_other_in_a_circle() {
    let imports = Imports::read();
    let mut wrong = Vec::new();
    for circle in imports.circles().into_iter().filter(|circle| circle.len() > CIRCLE) {
        let names: Vec<_> = circle.iter().map(|module| module.join("::")).collect();
        wrong.push(format!("{} files, at most {CIRCLE} may: {}", circle.len(), names.join(", ")));
    }
    assert!(wrong.is_empty(), "these files import each other in a circle:\n{}", wrong.join("\n"));
}

#[test]
fn a_type_that_others_see_has_a_name_of_its_own() {
    let code = code_as_run(bare);
    let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (module, code) in &code {
        for name in visible_types(code) {
            places.entry(name).or_default().push(module.join("::"));
        }
    }
    for command in COMMANDS {
        places.entry(command.name).or_default().push("the table of commands".to_owned());
    }
    places.retain(|_, places| places.len() > 1);
    assert!(places.is_empty(), "these names are of several types; a name says which: {places:#?}");
}

/// Where the names of the vendor's events and commands may stand as texts: in the tables and what reads and writes the wire, in the gateway's
/// side of it, whose arms say what each does, and in the examples of the tables of functions, which are scripts.
const NAMES_THE_WIRE: &[&[&str]] = &[&["protocol"], &["sandbox"], &["language", "functions"], &["language", "testing"]];

#[test]
fn events_and_commands_are_named_by_their_tables() {
    let names: Vec<_> = EVENTS.iter().map(|row| row.subcommand).chain(COMMANDS.iter().map(|row| row.name)).collect();
    let mut code = code_as_run(with_texts);
    code.extend(scripts().into_iter().map(|path| {
        let text = fs::read_to_string(&path).expect("the script is readable");
        (vec![path.display().to_string()], text)
    }));
    let begins = |module: &Module, place: &[&str]| module.get(..place.len()).is_some_and(|begin| begin == place);
    let names_the_wire = |module: &Module| NAMES_THE_WIRE.iter().any(|place| begins(module, place));
    let others = code.iter().filter(|(module, _)| !names_the_wire(module));
    let wrong: Vec<_> = others
        .flat_map(|(module, code)| {
            let is_quoted = |name: &&&str| {
                // In a text, the quotes of JSON or of a script have backslashes.
                [format!("\"{name}\""), format!("\\\"{name}\\\"")].iter().any(|quoted| code.contains(quoted))
            };
            names.iter().filter(is_quoted).map(|name| format!("{}: \"{name}\"", module.join("::")))
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "these names are texts where a row of a table would say what is meant:\n{}",
        wrong.join("\n")
    );
}

/// The scripts that come with Hotline: its standard library, and those that it writes.
fn scripts() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from("src"), PathBuf::from("stdlib")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the folder is readable") {
            let path = entry.expect("the entry is readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rhai") {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn texts_are_told_from_what_is_said_about_them() {
    let code = with_texts(
        r##"
        match name { "ONE" => '"', r#"{"TWO"}"# => 'x', _ => "{" } // "THREE"
        #[cfg(test)] mod tests { const NAME: &str = "FOUR}"; }
        const LAST: &str = "FIVE";
        "##,
    );
    let code = without_tests(&code);
    let found = ["ONE", "TWO", "THREE", "FOUR", "FIVE"].map(|name| code.contains(&format!("\"{name}\"")));
    assert_eq!(found, [true, true, false, false, true]);
}

#[test]
fn types_are_found_by_their_visibility() {
    let code = bare(
        r#"
        pub struct A<T>(T);
        /// pub struct No;
        pub(crate) enum B { No }
            pub(in crate::a) type C = u8;
        pub(super) trait D {}
        struct No; const TEXT: &str = "pub struct No;"; pub use super::No; pub fn no() {} pub const NO: u8 = 1;
        pub struct $name;
        "#,
    );
    assert_eq!(visible_types(&code), ["A", "B", "C", "D"]);
}

#[test]
fn imports_are_read_from_paths_and_not_from_texts_or_tests() {
    let code = bare(
        r##"
        pub use self::inner::Thing;
        use super::{b::Other, c::{self, d::Deep as Name}};
        /* use super::e::No; */ // use super::e::No;
        const TEXT: &str = "use super::e::No;"; const RAW: &str = r#"super::e::No"#; const QUOTE: char = '"';
        fn f<'a>(x: &'a str) { crate::f::g(x); inner::h() }
        pub(in crate::e) fn g() {}
        #[cfg(test)] use super::e::No;
        #[cfg(test)] mod tests { use super::super::e::No; }
        "##,
    );
    let module = |path: &str| names(path);
    let modules = ["a", "a::inner", "b", "c", "c::d", "e", "f"].map(module).into();
    let found = imports(&modules, &module("a"), &without_tests(&code));
    assert_eq!(found, ["a::inner", "b", "c", "c::d", "f"].map(module).into());
    let handed_on = bare("pub(crate) use self::inner::Thing; mod inner;");
    assert_eq!(imports(&modules, &module("a"), &handed_on), BTreeSet::new());
}

#[test]
fn the_language_waits_for_nothing() {
    let mut paths = Vec::new();
    sources(Path::new("src/language"), &mut paths);
    for path in paths {
        let text = fs::read_to_string(&path).expect("a source is readable");
        assert!(!text.contains("tokio::"), "{} uses tokio", path.display());
    }
}

#[test]
fn only_the_store_uses_sqlite_and_only_the_fibers_are_unsafe() {
    let mut paths = Vec::new();
    sources(Path::new("src"), &mut paths);
    for path in paths {
        let text = fs::read_to_string(&path).expect("a source is readable");
        let name = path.to_string_lossy().replace('\\', "/");
        assert!(!text.contains("rusqlite::") || name.starts_with("src/store"), "{name} uses rusqlite");
        assert!(!text.contains("unsafe {") || name.starts_with("src/runtime/fiber"), "{name} has unsafe code");
    }
}
