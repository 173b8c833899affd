//! `hotline check`, `new` and `definitions`, as a person calls them.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn hotline(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hotline"));
    command.args(arguments).current_dir(folder).env_remove("RUST_LOG").stdin(Stdio::null());
    command.output().expect("the binary starts")
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

#[test]
fn a_new_bot_is_in_order_and_has_everything() {
    is_in_order(&["new", "demo"], &["talk to it with: hotline chat"]);
}

#[test]
fn a_new_bot_on_line_is_in_order_and_needs_the_sandbox_alone() {
    let config = is_in_order(&["new", "demo", "--network", "line"], &["hotline sandbox plays LINE"]);
    for line in ["network = \"line\"", "api = \"http://127.0.0.1:16090\"", "listen = \"127.0.0.1:8766\""] {
        assert!(config.contains(line), "{config}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let refused = hotline(folder.path(), &["new", "demo", "--network", "irc"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(err(&refused).contains("there are gateway and line"), "{}", err(&refused));
}

/// Makes a bot, of whom so much is said, and gives its configuration.
fn is_in_order(arguments: &[&str], said: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let made = hotline(folder.path(), arguments);
    assert!(made.status.success(), "{}", err(&made));
    assert!(said.iter().all(|said| out(&made).contains(said)), "{}", out(&made));
    let demo = folder.path().join("demo");
    for file in [
        "hotline.toml",
        "scripts/bot.rhai",
        "scripts/bot_test.rhai",
        "definitions/hotline.d.rhai",
        "definitions/std/words.d.rhai",
        ".vscode/tasks.json",
        ".gitignore",
        "README.md",
    ] {
        assert!(demo.join(file).is_file(), "{file}");
    }
    let readme = fs::read_to_string(demo.join("README.md")).expect("a README");
    assert!(readme.starts_with("# demo\n"), "{readme}");
    let tasks = fs::read_to_string(demo.join(".vscode/tasks.json")).expect("the tasks");
    serde_json::from_str::<serde_json::Value>(&tasks).expect("they are JSON");
    let checked = hotline(&demo, &["check", "--deny-warnings"]);
    assert_eq!((checked.status.code(), out(&checked).as_str()), (Some(0), ""), "{}", err(&checked));
    let test = hotline(&demo, &["check", "scripts/bot_test.rhai"]);
    assert_eq!(test.status.code(), Some(0), "{}", out(&test));
    let tested = hotline(&demo, &["test"]);
    assert_eq!(tested.status.code(), Some(0), "{}", out(&tested));
    fs::read_to_string(demo.join("hotline.toml")).expect("the configuration")
}

#[test]
fn a_new_bot_is_not_written_over_anything() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("mine.txt"), "mine").expect("a file");
    for target in [".", "mine.txt"] {
        let refused = hotline(folder.path(), &["new", target]);
        assert_eq!(refused.status.code(), Some(1), "{target}");
        assert!(err(&refused).starts_with("hotline: "), "{}", err(&refused));
    }
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
}

#[test]
fn the_problem_matcher_reads_what_check_prints() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(hotline(folder.path(), &["new", "."]).status.success());
    fs::write(folder.path().join("scripts/bot.rhai"), "fn on_message(msg) {\n    msg.replay(\"x\");\n}\n")
        .expect("a file");
    let tasks = fs::read_to_string(folder.path().join(".vscode/tasks.json")).expect("the tasks");
    let tasks: serde_json::Value = serde_json::from_str(&tasks).expect("JSON");
    assert!(tasks["tasks"][1]["problemMatcher"]["pattern"].is_array(), "the test task has a matcher too");
    let pattern = tasks["tasks"][0]["problemMatcher"]["pattern"]["regexp"].as_str().expect("a pattern");
    let checked = hotline(folder.path(), &["check", "--format", "short"]);
    assert_eq!(checked.status.code(), Some(1));
    let line = out(&checked);
    let found = regex::Regex::new(pattern).expect("a pattern").captures(line.trim()).expect("the pattern fits");
    let found: Vec<_> = found.iter().skip(1).map(|group| group.expect("a group").as_str()).collect();
    assert_eq!(found[..4], ["scripts/bot.rhai", "2", "9", "error"], "{line}");
}

#[test]
fn check_prints_json_and_has_a_status() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("a.rhai");
    fs::write(&script, "fn on_message(msg) {\n    let x = 1;\n}\n").expect("a file");
    let warned = hotline(folder.path(), &["check", "a.rhai", "--json"]);
    assert_eq!((warned.status.code(), err(&warned).as_str()), (Some(0), ""));
    let findings: serde_json::Value = serde_json::from_str(&out(&warned)).expect("JSON");
    let finding = &findings[0];
    assert_eq!((finding["severity"].as_str(), finding["rule"].as_str()), (Some("warning"), Some("unused")));
    assert_eq!(
        (finding["line"].as_u64(), finding["column"].as_u64(), finding["length"].as_u64()),
        (Some(2), Some(9), Some(1))
    );
    let denied = hotline(folder.path(), &["check", "a.rhai", "--deny-warnings"]);
    assert_eq!(denied.status.code(), Some(1));
    assert!(err(&denied).contains("0 errors and 1 warning in 1 file"), "{}", err(&denied));
    let missing = hotline(folder.path(), &["check", "b.rhai"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(err(&missing).contains("there is no script or folder b.rhai"), "{}", err(&missing));
}

#[test]
fn check_and_test_read_what_the_configuration_names() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("bots")).expect("a folder");
    fs::write(folder.path().join("bots/a.rhai"), "fn on_message(msg) { msg.replly(\"x\"); }\n").expect("a file");
    fs::write(folder.path().join("bots/a_test.rhai"), "fn test_it() { assert(true); }\n").expect("a file");
    let config = "scripts = [\"bots\"]\n\n[[session]]\nname = \"main\"\ngateway = \"ws://127.0.0.1:1\"\nemail = \"a@b\"\npassword = \"${NOT_SET_HERE}\"\n";
    fs::write(folder.path().join("hotline.toml"), config).expect("a file");
    let checked = hotline(folder.path(), &["check", "--format", "short"]);
    assert!(out(&checked).starts_with("bots/a.rhai:1:26: error: "), "{} {}", out(&checked), err(&checked));
    let tested = hotline(folder.path(), &["test"]);
    assert!(out(&tested).contains("ok    bots/a_test.rhai::test_it"), "{} {}", out(&tested), err(&tested));
}

#[test]
fn a_finding_of_a_whole_file_has_a_place_for_editors() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a.rhai"), [0xff, 0xfe]).expect("a file");
    let checked = hotline(folder.path(), &["check", "a.rhai", "--format", "short"]);
    assert!(out(&checked).starts_with("a.rhai:1:1: error: "), "{}", out(&checked));
}

#[test]
fn shells_complete_the_commands_of_call() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = out(&hotline(folder.path(), &["completions", "bash"]));
    assert!(script.contains("SendText") && script.contains("GetProfile"), "the commands are not in it");
}

#[test]
fn the_editor_definitions_go_where_they_are_wanted() {
    let folder = tempfile::tempdir().expect("a folder");
    let written = hotline(folder.path(), &["definitions", "types"]);
    assert!(written.status.success(), "{}", err(&written));
    let host = fs::read_to_string(folder.path().join("types/hotline.d.rhai")).expect("the file");
    assert!(host.contains("fn send_text(to: String, content: String) -> ?;"), "{host}");
    assert!(host.contains("fn get text(message: Message) -> ?;"), "{host}");
    let read = |name: &str| fs::read_to_string(folder.path().join("types").join(name)).expect("the file");
    assert!(read("testing.d.rhai").contains("fn says(person: Person, text: String) -> String;"));
    assert!(read("hooks.d.rhai").contains("/// - `event.group_id`: "), "{}", read("hooks.d.rhai"));
    assert!(!read("__builtin__.d.rhai").contains("fn eval("));
    fs::write(folder.path().join("file"), "").expect("a file");
    let refused = hotline(folder.path(), &["definitions", "file"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(err(&refused).starts_with("hotline: the folder file cannot be made"), "{}", err(&refused));
}

#[test]
fn the_configuration_says_which_networks_a_script_s_sessions_are_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = "[[session]]\nnetwork = \"line\"\nchannel_secret = \"s\"\nchannel_token = \"t\"\n";
    fs::write(folder.path().join("hotline.toml"), config).expect("the configuration");
    fs::create_dir(folder.path().join("scripts")).expect("a folder");
    let script =
        "fn on_invite(invite) {\n    invite.accept();\n}\n\nfn on_message(msg) {\n    msg.reply(\"pong\");\n}\n";
    fs::write(folder.path().join("scripts/bot.rhai"), script).expect("a script");
    let checked = hotline(folder.path(), &["check", "--format", "short", "--deny-warnings"]);
    let note = "scripts/bot.rhai:1:4: note: `on_invite` is never called on LINE's Messaging API; it is there for the gateway\n";
    assert_eq!((checked.status.code(), out(&checked).as_str()), (Some(0), note), "{}", err(&checked));
    let script = "fn on_message(msg) {\n    get_settings();\n}\n";
    fs::write(folder.path().join("scripts/bot.rhai"), script).expect("a script");
    // What lies elsewhere is none of this configuration's scripts.
    fs::write(folder.path().join("other.rhai"), script).expect("a script");
    for (arguments, code) in [
        (&["check"][..], 1),
        (&["check", "scripts/bot.rhai"], 1),
        (&["check", "other.rhai"], 0),
        (&["check", "other.rhai", "--config", "hotline.toml"], 1),
    ] {
        let checked = hotline(folder.path(), arguments);
        assert_eq!(checked.status.code(), Some(code), "{arguments:?} {}", out(&checked));
    }
}
