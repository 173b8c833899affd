//! Which lines of scripts the tests ran.

use super::*;

/// A script with a module and the standard library, in which much is missed.
const BOT: &str = r#"import "lib/prices" as prices;
import "std/words" as words;

const LIMIT = 3;

fn on_message(msg) {
    if msg.text == "order" {
        let answer = msg.ask("how many?");
        let count = words::number(answer.text);
        if count == () {
            msg.reply("a number, please");
            return;
        } else if count > global::LIMIT {
            msg.reply("too many");
        } else {
            switch count {
                1 => msg.reply("one"),
                2 =>
                    msg.reply("two"),
                _ => {
                    let each = [1, 2, 3].map(|number| {
                        number * prices::price()
                    });
                    msg.reply(`${each}`);
                }
            }
        }
        never(|| {
            msg.reply("never");
        });
    }
    try {
        if msg.text == "break" { throw "broken"; }
    } catch (reason) {
        log_info(`${reason}`);
        throw `again: ${reason}`;
    }
}

fn never(what) {
    ()
}
"#;

const PRICES: &str = "fn price() {\n    10\n}\n\nfn tax() {\n    return 2;\n}\n";

const TESTS: &str = r#"
fn test_an_order() {
    let alice = person("alice");
    alice.says("order");
    alice.expects("how many?");
    bot.kill();
    bot.start();
    alice.says("3");
    alice.expects("[10, 20, 30]");
}
"#;

fn folder(tests: &str) -> Folder {
    let folder = Folder::with(&[("bot.rhai", BOT), ("bot_test.rhai", tests)]);
    fs::create_dir(folder.path("lib")).expect("a folder");
    folder.write("lib/prices.rhai", PRICES);
    folder
}

fn run(folder: &Folder) -> TestReport {
    let options = TestOptions { coverage: true, ..folder.options() };
    testing::run(&options, |_| ()).expect("the tests can be run").1
}

fn missed(report: &TestReport) -> Vec<(String, Vec<usize>)> {
    let lines = report.lines.as_ref().expect("they are counted");
    let name = |file: &str| file.rsplit_once('/').map_or(file, |(_, name)| name).to_owned();
    let of_file = |it: &testing::LinesOfFile| {
        (name(&it.file), it.lines.iter().filter(|(_, count)| **count == 0).map(|(line, _)| *line).collect())
    };
    lines.files.iter().map(of_file).collect()
}

#[test]
fn the_lines_that_tests_missed_are_known_also_in_modules_and_over_a_restart() {
    let report = run(&folder(TESTS));
    assert_eq!(report.failed(), 0, "{}", cards_of(&report));
    let expected = [("bot.rhai", vec![11, 12, 14, 17, 19, 29, 35, 36]), ("prices.rhai", vec![6])];
    assert_eq!(missed(&report), expected.map(|(file, lines)| (file.to_owned(), lines)));
    let lines = report.lines.expect("they are counted");
    assert!(lines.table().contains("11-14, 17-19, 29, 35-36\n"), "{}", lines.table());
    let lcov = lines.to_lcov();
    assert!(lcov.contains("/lib/prices.rhai\nDA:2,3\nDA:6,0\nLF:2\nLH:1\nend_of_record\n"), "{lcov}");
}

#[test]
fn a_failure_reads_the_same_whether_lines_are_counted_or_not() {
    let tests = r#"
        fn test_a_failure() { person("alice").says("break"); }
        fn test_a_text_of_its_own() {
            bot.reload("bot", "fn on_message(msg) {\n    msg.reply(\"hello\");\n}\n");
            person("alice").says("hello");
            person("alice").expects("hello");
        }
        fn test_calls_without_end() { person("alice").says("deep"); }
    "#;
    let folder = folder(tests);
    folder.write(
        "deep.rhai",
        "fn on_message(msg) {\n    if msg.text == \"deep\" { deep(0) }\n}\nfn deep(n) {\n    1 + deep(n)\n}\n",
    );
    let (counted, plain) = (run(&folder), folder.run());
    assert_eq!(counted.failed(), 2);
    assert_eq!(cards_of(&counted), cards_of(&plain));
    // Another text than that of the file has lines of its own.
    assert_eq!(
        missed(&counted)[0],
        ("bot.rhai".to_owned(), vec![8, 9, 10, 11, 12, 14, 16, 17, 19, 21, 22, 24, 28, 29, 41])
    );
}
