//! The examples of the tables: each runs in a world of its own, in which what its row states comes of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use hotline::language::check::{Checker, SessionNetworks};
use hotline::language::diagnostic::CardStyle;
use hotline::language::functions::{FUNCTIONS, HostFunction, HostProperty, PROPERTIES};
use hotline::language::testing as tests;
use hotline::protocol::{COMMANDS, Command, Example, Family, GATEWAY, HOOKS, LINE, NETWORKS, Proof};
use hotline::runtime::{DryStart, Limits};
use hotline::sandbox::{Heard, Tap, Way};
use hotline::testing::{self, Snapshots, TestOptions};

use crate::scenario::{Folder, cards_of};
use crate::wire;

/// An example, as files: a script, and the test that proves it, where one can.
struct Row {
    name: String,
    proof: Proof,
    files: Vec<(&'static str, String)>,
}

impl Row {
    fn of(name: String, example: &Example) -> Self {
        let (code, proof) = (example.code(), example.proof);
        let files = match proof {
            Proof::Answer { said, answer } => {
                let test = format!("alice.says({said:?});\nalice.expects({answer:?});\nalice.expects_nothing();");
                vec![("example.rhai", script(&code)), ("example_test.rhai", test_of(&test))]
            }
            Proof::Scenario(test) => {
                let text = serde_json::to_string(&script(&code)).expect("text is JSON");
                let before = if test.contains("SCRIPT") { format!("const SCRIPT = {text};\n") } else { String::new() };
                vec![("example.rhai", script(&code)), ("example_test.rhai", format!("{before}{}", test_of(test)))]
            }
            Proof::Passes | Proof::Fails(_) => {
                vec![("shop.rhai", tests::SHOP.to_owned()), ("shop_test.rhai", test_of(&code))]
            }
            // Only a login with a PIN brings it about, and no scenario has one.
            Proof::Pin(_) | Proof::Sent | Proof::Loads => vec![("example.rhai", script(&code))],
        };
        Self { name, proof, files }
    }

    fn folder(&self) -> Folder {
        let files: Vec<_> = self.files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        Folder::with(&files)
    }
}

/// The script that the lines are, or are the body of a hook of.
fn script(code: &str) -> String {
    match code.lines().any(|line| line.starts_with("fn ")) {
        true => format!("{code}\n"),
        false => format!("fn on_message(msg) {{\n{code}\n}}\n"),
    }
}

fn test_of(lines: &str) -> String {
    let alice = if lines.contains("alice") { "let alice = person(\"alice\");\n" } else { "" };
    format!("fn test_example() {{\n{alice}{lines}\n}}\n")
}

fn rows(functions: &'static [HostFunction], properties: &'static [HostProperty]) -> Vec<Row> {
    let method = |of: Option<&str>, name: &str| of.map_or(name.to_owned(), |of| format!("{of}.{name}"));
    let functions =
        functions.iter().map(|row| Row::of(method(row.of.map(|of| of.text()), &row.signature()), &row.example));
    functions.chain(properties.iter().map(|row| Row::of(method(Some(row.of.text()), row.name), &row.example))).collect()
}

fn hooks() -> Vec<Row> {
    HOOKS.iter().map(|row| Row::of(row.signature(), &row.example)).collect()
}

fn commands() -> Vec<Row> {
    let sent = |command: &'static Command| {
        let Some(example) = &command.example else {
            assert!(command.is_login(), "{} has no example", command.name);
            return None;
        };
        let mut row = Row::of(command.name.to_owned(), example);
        row.files.push(("example_test.rhai", scene(command, &example.code())));
        if command.family == Family::Contact && command.name != "SearchAndAddContactsByMid" {
            row.files.push(("contacts.rhai", CONTACTS.to_owned()));
        }
        Some(row)
    };
    COMMANDS.iter().filter_map(sent).collect()
}

/// The operations that only one network has. What they are for does not happen in a gateway, so that they are loaded and checked alone.
fn operations() -> Vec<Row> {
    let own = NETWORKS.iter().flat_map(|network| network.own_commands());
    own.filter_map(|row| Some(Row::of(row.signature(), row.example.as_ref()?))).collect()
}

/// A script that makes those contacts who have the bot as one.
const CONTACTS: &str = "fn on_contact_added(event) { search_and_add_contacts_by_mid(event.mid); }\n";

/// A test in which the hook of a command's example is called, and what the command may need is there.
fn scene(command: &Command, code: &str) -> String {
    let deed = match command.name {
        "SearchContactByUrl" => r#"alice.says_in(tea, alice.does("GetQrCode", #{}).url);"#,
        "SearchGroupByUrl" | "JoinGroupByUrl" => {
            r#"alice.says_in(tea, alice.does("GetGroupQrcode", #{ group_id: club.mid }).url);"#
        }
        _ if code.contains("on_invite") => r#"assert(tea.has(bot)); alice.creates_group("cake", [bot]);"#,
        _ if code.contains("\"FILE\"") => r#"alice.sends_file_in(tea, "order.txt", "2 teas");"#,
        _ => r#"alice.says_in(tea, "hi");"#,
    };
    test_of(&format!(
        r#"let paths = ["pictures/teapot.jpg", "videos/kettle.mp4", "sounds/whistle.m4a", "menu.pdf"];
for path in paths {{ gateway.holds(path); }}
bot.notices("NOTIFIED_ADD_CONTACT", #{{ mid: alice.mid }});
alice.does("SetMyUserid", #{{ user_id: "tea-house" }});
let tea = group("tea", [alice, bot]);
let club = alice.creates_group("club", [person("bob")]);
alice.does("EnableJoinByUrl", #{{ group_id: club.mid, enable: true }});
{deed}
settle();"#
    ))
}

/// Runs them at once and fails with the rows of which something else came than they state.
fn run(rows: &[Row]) {
    let rows = rows.iter().filter(|row| row.files.len() > 1);
    let folders: BTreeMap<PathBuf, (&Row, Folder)> =
        rows.map(|row| (row, row.folder())).map(|(row, folder)| (folder.path(""), (row, folder))).collect();
    let options = TestOptions {
        paths: folders.keys().cloned().collect(),
        snapshots: Snapshots::Write,
        tap: Some(wire::tap()),
        ..TestOptions::default()
    };
    let (_, report) = testing::run(&options, |_| ()).expect("the tests can be run");
    assert_eq!(report.results.len(), folders.len());
    let mut wrong = Vec::new();
    for result in &report.results {
        let (row, _) = &folders[&of_file(&result.file)];
        let card = result.failed().map(|failed| failed.card(&result.name, CardStyle::PLAIN));
        match (row.proof, card) {
            (Proof::Fails(message), Some(card)) if card.contains(message) => {}
            (Proof::Fails(message), None) => wrong.push(format!("{} does not fail with \"{message}\"", row.name)),
            (_, Some(card)) => wrong.push(format!("the example of {}:\n{card}", row.name)),
            (_, None) => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The folder that a file lies in, as [`Folder::path`] writes it.
fn of_file(file: &Path) -> PathBuf {
    file.parent().expect("it lies in a folder").join("")
}

#[test]
fn the_example_of_every_function_does_what_its_row_states() {
    run(&rows(FUNCTIONS, PROPERTIES));
}

#[test]
fn the_example_of_every_hook_does_what_its_row_states() {
    run(&hooks());
}

#[test]
fn the_example_of_every_function_of_tests_is_a_test_that_does_what_its_row_states() {
    run(&rows(tests::FUNCTIONS, tests::PROPERTIES));
}

#[test]
fn the_example_of_every_command_sends_it_and_is_not_refused() {
    for row in commands() {
        let folder = row.folder();
        let sent = Arc::new(Mutex::new(String::new()));
        let hears = Arc::clone(&sent);
        let hear = move |heard: Heard<'_>| {
            if heard.way == Way::In {
                hears.lock().expect("nobody panics").push_str(heard.text);
            }
        };
        let options = TestOptions { tap: Some(Tap::new(hear)), ..folder.options() };
        let (_, report) = testing::run(&options, |_| ()).expect("the test can be run");
        assert_eq!(report.failed(), 0, "the example of {}:\n{}", row.name, cards_of(&report));
        let frame = format!("\"command\":\"{}\"", row.name);
        assert!(sent.lock().expect("nobody panics").contains(&frame), "the example of {} does not send it", row.name);
    }
}

#[test]
fn an_example_is_about_its_row() {
    let functions = FUNCTIONS.iter().chain(tests::FUNCTIONS).map(|row| (format!("{}(", row.name), &row.example));
    let properties = PROPERTIES.iter().chain(tests::PROPERTIES).map(|row| (format!(".{}", row.name), &row.example));
    let hooks = HOOKS.iter().map(|row| (format!("fn {}", row.signature()), &row.example));
    let operations = NETWORKS
        .iter()
        .flat_map(|network| network.own_commands())
        .filter_map(|row| Some((format!("{}(", row.call_name()), row.example.as_ref()?)));
    for (called, example) in functions.chain(properties).chain(hooks).chain(operations) {
        assert!(example.code().contains(&called), "the example of {called} lacks it: {}", example.code());
    }
}

#[test]
fn an_example_loads_and_nothing_is_found_in_it() {
    let of_functions = [rows(FUNCTIONS, PROPERTIES), rows(tests::FUNCTIONS, tests::PROPERTIES)].into_iter().flatten();
    let unknown = || std::iter::repeat_with(SessionNetworks::default);
    let on_line = || std::iter::repeat_with(|| [(None, &LINE)].into_iter().collect::<SessionNetworks>());
    let of_line = HOOKS.iter().filter(|row| !GATEWAY.calls(row.hook)).map(|row| Row::of(row.signature(), &row.example));
    let rows = of_functions.chain(hooks()).chain(commands()).chain(operations()).zip(unknown());
    let rows: Vec<_> = rows.chain(operations().into_iter().chain(of_line).zip(on_line())).collect();
    let checking = move || {
        let (checker, dry_start) = (Checker::new(), DryStart::new(Limits::default()));
        let found = |(row, sessions): (Row, SessionNetworks)| {
            let report = checker.check(&[row.folder().path("")], &sessions, |bundle| dry_start.fault(bundle));
            let cards: Vec<_> = report.findings.iter().map(|finding| finding.card(CardStyle::PLAIN)).collect();
            (!cards.is_empty()).then(|| format!("the example of {}:\n{}", row.name, cards.join("\n")))
        };
        rows.into_iter().filter_map(found).collect::<Vec<_>>()
    };
    // Compiling is deep.
    let thread = std::thread::Builder::new().stack_size(64 << 20).spawn(checking).expect("a thread");
    let found = thread.join().expect("the check does not panic");
    assert!(found.is_empty(), "{}", found.join("\n"));
}
