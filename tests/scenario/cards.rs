//! How failures read.

use insta::assert_snapshot;

use crate::scenario::{ECHO, Folder, fails};

#[test]
fn another_answer_is_shown_beside_the_expected_one() {
    assert_snapshot!(fails("let alice = person(\"alice\");\nalice.says(\"ping\");\nalice.expects(\"pang\");"));
}

#[test]
fn no_answer_is_said_with_what_was_said_until_then() {
    assert_snapshot!(fails("let alice = person(\"alice\");\nalice.says(\"hm\");\nalice.expects(\"pong\");"));
}

#[test]
fn an_answer_that_nobody_expected_is_shown() {
    assert_snapshot!(fails("let alice = person(\"alice\");\nalice.says(\"ping\");\nalice.expects_nothing();"));
}

#[test]
fn a_lost_connection_says_when_it_is_tried_again() {
    let card = fails("let bob = person(\"bob\");\ngateway.drop();\nbob.says(\"ping\");\nbob.expects(\"pong\");");
    let (before, log) = card.split_once("    logged until then:\n").expect("the loss is logged");
    assert_snapshot!(before);
    assert!(log.trim_start().starts_with("warn "), "{log}");
}

#[test]
fn values_that_differ_are_compared_line_by_line() {
    assert_snapshot!(fails("assert_eq(#{a: 1, b: [1, 2]}, #{a: 1, b: [1, 3]});"));
}

#[test]
fn a_mistake_in_a_test_names_its_place() {
    // What is wrong is said in the words of every script's faults.
    assert_snapshot!(fails("let alice = person(\"alice\");\nalice.say(\"ping\");"));
}

#[test]
fn a_function_that_scripts_alone_have_is_not_proposed_to_a_test() {
    for (line, message, help) in [
        ("send_text(\"u\", \"x\");", "no function `send_text` takes (string, string)", "that is the bot's: "),
        ("sleep(\"5s\");", "no function `sleep` takes (string)", "time stands still in a test: "),
        ("sleep(5);", "time stands still in a test: ", "`clock.advance("),
        ("is_match(1, \"x\");", "no function `is_match` takes (integer, string)", "it is `is_match("),
    ] {
        let card = fails(line);
        assert!(card.contains(message) && card.contains(help), "{card}");
    }
}

#[test]
fn a_failure_in_a_function_that_the_test_calls_names_the_innermost_place() {
    let test = "fn test_it() { greet(person(\"alice\")); }\nfn greet(whom) {\n    whom.expects(\"x\");\n}\n";
    assert_snapshot!(Folder::with(&[("echo.rhai", ECHO), ("echo_test.rhai", test)]).card());
}

#[test]
fn a_test_file_that_does_not_compile_has_a_card_of_its_own() {
    let folder = Folder::with(&[
        ("echo.rhai", ECHO),
        ("bad_test.rhai", "fn test_it() {\n    let x = ;\n}\n"),
        ("good_test.rhai", "fn test_it() { }"),
    ]);
    let report = folder.run();
    assert_eq!((report.results.len(), report.failed()), (2, 1));
    let card = folder.card();
    assert!(card.contains("--> bad_test.rhai:2:13\n"), "{card}");
}

#[test]
fn a_script_that_does_not_load_fails_the_files_of_its_folder() {
    let folder = Folder::with(&[("echo.rhai", "fn on_mesage(msg) { }"), ("echo_test.rhai", "fn test_it() { }")]);
    let card = folder.card();
    for expected in ["echo.rhai:1:", "on_mesage", "did you mean", "the tests of this folder do not run"] {
        assert!(card.contains(expected), "{card}");
    }
}

#[test]
fn a_test_with_parameters_and_a_file_without_tests_are_refused() {
    let one = Folder::with(&[("a_test.rhai", "fn test_it(x) { }")]).card();
    let none = Folder::with(&[("a_test.rhai", "fn helper() { }")]).card();
    assert_snapshot!(format!("{one}{none}"));
}

#[test]
fn a_run_of_the_bot_that_fails_shows_its_card() {
    let script = "fn on_message(msg) {\n    let word = \"話\"; msg.replly(word);\n}\n";
    let test = "fn test_it() {\n    person(\"alice\").says(\"go\");\n}\n";
    assert_snapshot!(Folder::with(&[("bad.rhai", script), ("bad_test.rhai", test)]).card());
}

#[test]
fn a_test_that_never_ends_is_ended() {
    let folder = Folder::with(&[("a_test.rhai", "fn test_it() { loop { } }")]);
    let mut options = folder.options();
    options.patience = std::time::Duration::from_millis(200);
    let (_, report) = hotline::testing::run(&options, |_| ()).expect("it runs");
    let card =
        report.results[0].failed().expect("it fails").card("test_it", hotline::language::diagnostic::CardStyle::PLAIN);
    assert!(card.contains("a_test.rhai:1\n") && card.contains("the test goes on and on"), "{card}");
}

#[test]
fn a_bot_that_never_rests_is_given_up() {
    let script = "fn on_message(msg) { loop { get_profile(); } }";
    let test = "fn test_it() {\n    person(\"alice\").says(\"go\");\n    person(\"alice\").expects(\"x\");\n}\n";
    let folder = Folder::with(&[("busy.rhai", script), ("busy_test.rhai", test)]);
    let mut options = folder.options();
    options.patience = std::time::Duration::from_millis(300);
    let (_, report) = hotline::testing::run(&options, |_| ()).expect("it runs");
    let card =
        report.results[0].failed().expect("it fails").card("test_it", hotline::language::diagnostic::CardStyle::PLAIN);
    assert!(card.contains("busy_test.rhai:3:21") && card.contains("still busy"), "{card}");
}

#[test]
fn a_clock_may_be_advanced_for_longer_than_a_test_may_be_busy() {
    let script = "every(\"1m\", \"tick\");\nfn tick() { store.incr(\"ticks\"); }\nfn on_message(msg) { msg.reply(`${store.get(\"ticks\")}`); }";
    let test = "fn test_it() {\n    clock.advance(\"5d\");\n    for round in 0..20_000 { }\n    let alice = person(\"alice\");\n    alice.says(\"how often?\");\n    alice.expects(\"7200\");\n}\n";
    let folder = Folder::with(&[("a.rhai", script), ("a_test.rhai", test)]);
    let mut options = folder.options();
    options.patience = std::time::Duration::from_millis(500);
    let (_, report) = hotline::testing::run(&options, |_| ()).expect("it runs");
    assert_eq!(report.failed(), 0, "{}", crate::scenario::cards_of(&report));
}
