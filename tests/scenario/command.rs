//! `hotline test` as a person calls it.

use std::io::{BufRead, BufReader, Lines};
use std::process::{ChildStdout, Command, Stdio};

use crate::scenario::{ECHO, Folder};
use crate::wire;

struct Outcome {
    status: i32,
    out: String,
    err: String,
}

fn command(folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hotline"));
    command.arg("test").args(arguments).current_dir(folder.0.path()).env_remove("RUST_LOG").stdin(Stdio::null());
    wire::written_by(&mut command);
    command
}

fn hotline(folder: &Folder, arguments: &[&str]) -> Outcome {
    let output = command(folder, arguments).output().expect("the binary starts");
    wire::check_frames();
    Outcome {
        status: output.status.code().expect("it ended by itself"),
        out: String::from_utf8(output.stdout).expect("text"),
        err: String::from_utf8(output.stderr).expect("text"),
    }
}

const TEST: &str = r#"
fn test_ping() { let alice = person("alice"); alice.says("ping"); alice.expects("pong"); }
fn test_wrong() { let alice = person("alice"); alice.says("ping"); alice.expects("<pang>"); }
"#;

fn folder() -> Folder {
    Folder::with(&[("echo.rhai", ECHO), ("echo_test.rhai", TEST)])
}

#[test]
fn the_examples_pass_their_tests() {
    let scripts = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let folder = Folder::with(&[]);
    let outcome = hotline(&folder, &[scripts.to_str().expect("a path of text")]);
    assert_eq!(outcome.status, 0, "{}", outcome.out);
}

#[test]
fn a_failure_is_shown_with_its_place_and_the_status_is_one() {
    let outcome = hotline(&folder(), &["."]);
    assert_eq!(outcome.status, 1);
    for expected in [
        "ok    ./echo_test.rhai::test_ping",
        "FAIL  ./echo_test.rhai::test_wrong",
        "error: test_wrong: alice got another message than expected\n --> ./echo_test.rhai:3:74\n",
        "expected  <pang>",
        "came      pong",
        "1 passed, 1 failed, in ",
    ] {
        assert!(outcome.out.contains(expected), "{expected:?} is not in:\n{}", outcome.out);
    }
    assert_eq!(outcome.err, "hotline: 1 of 2 tests failed\n");
}

#[test]
fn a_filter_chooses_by_file_and_name() {
    let outcome = hotline(&folder(), &[".", "--filter", "echo_test.rhai::test_pi"]);
    assert_eq!((outcome.status, outcome.err.as_str()), (0, ""));
    assert!(outcome.out.contains("1 passed, 0 failed"), "{}", outcome.out);
    let outcome = hotline(&folder(), &[".", "--filter", "nothing"]);
    assert_eq!((outcome.status, outcome.err.as_str()), (1, "hotline: no test of . is named like \"nothing\"\n"));
}

#[test]
fn json_and_junit_hold_every_result() {
    let folder = folder();
    let outcome = hotline(&folder, &[".", "--json", "--junit", "results.xml"]);
    assert_eq!(outcome.status, 1);
    let json: serde_json::Value = serde_json::from_str(&outcome.out).expect("JSON alone");
    assert_eq!((&json["passed"], &json["failed"]), (&1.into(), &1.into()));
    let failure = &json["tests"][1]["failure"];
    assert_eq!((&failure["expected"], &failure["came"]), (&"<pang>".into(), &"pong".into()));
    assert_eq!((&failure["line"], &failure["column"]), (&3.into(), &74.into()));
    let xml = std::fs::read_to_string(folder.path("results.xml")).expect("it is written");
    assert!(xml.contains("<testsuites tests=\"2\" failures=\"1\""), "{xml}");
    assert!(xml.contains("name=\"test_wrong\" file=\"./echo_test.rhai\" line=\"3\""), "{xml}");
    assert!(xml.contains("expected  &lt;pang&gt;"), "{xml}");
}

#[test]
fn a_snapshot_is_written_compared_and_updated() {
    let test = r#"fn test_it() { let a = person("alice"); a.says("ping"); a.expects("pong"); snapshot("talk"); }"#;
    let folder = Folder::with(&[("echo.rhai", ECHO), ("echo_test.rhai", test)]);
    let outcome = hotline(&folder, &["."]);
    assert_eq!(outcome.status, 1);
    let words = outcome.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("there is no ./echo_test.talk.txt yet; hotline test --update writes it"), "{words}");
    assert_eq!(hotline(&folder, &[".", "--update"]).status, 0);
    let kept = std::fs::read_to_string(folder.path("echo_test.talk.txt")).expect("it is written");
    assert_eq!(kept, "alice: ping\n@alice bot: pong\n");
    assert_eq!(hotline(&folder, &["."]).status, 0);
    folder.write("echo_test.talk.txt", "alice: ping\n@alice bot: pang\n");
    let outcome = hotline(&folder, &["."]);
    assert_eq!(outcome.status, 1);
    assert!(outcome.out.contains("- expected  @alice bot: pang\n  + came      @alice bot: pong"), "{}", outcome.out);
}

#[test]
fn what_is_no_test_is_wrong_usage() {
    let folder = folder();
    let outcome = hotline(&folder, &["echo.rhai"]);
    let expected = "hotline: echo.rhai is no test: a test's file is named like \"order_test.rhai\"\n";
    assert_eq!((outcome.status, outcome.err.as_str()), (2, expected));
    let outcome = hotline(&folder, &["missing"]);
    assert_eq!((outcome.status, outcome.err.as_str()), (2, "hotline: there is no file or folder missing\n"));
    let outcome = hotline(&Folder::with(&[("echo.rhai", ECHO)]), &["."]);
    assert_eq!((outcome.status, outcome.err.as_str()), (1, "hotline: there is no *_test.rhai in .\n"));
}

/// `hotline test . --watch`, and the lines that it prints.
struct Watching {
    child: std::process::Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Watching {
    fn start(folder: &Folder) -> Self {
        let mut child = command(folder, &[".", "--watch"]).stdout(Stdio::piped()).spawn().expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        Self { child, lines }
    }

    /// What it prints until it waits for the next change.
    fn run(&mut self) -> String {
        let mut seen = String::new();
        while !seen.contains("waiting for a change") {
            seen += &self.lines.next().expect("it goes on").expect("text");
        }
        seen
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.child.kill().expect("it ends");
        self.child.wait().expect("it ended");
    }
}

#[test]
fn watching_runs_the_tests_again_after_a_save() {
    let folder = folder();
    let mut watching = Watching::start(&folder);
    assert!(watching.run().contains("1 passed, 1 failed"));
    folder.write("echo_test.rhai", &TEST.replace("<pang>", "pong"));
    assert!(watching.run().contains("2 passed, 0 failed"));
    folder.write("echo_test.talk.txt", "alice: ping\n");
    assert!(watching.run().contains("2 passed, 0 failed"));
}

#[cfg(unix)]
#[test]
fn watching_runs_the_tests_again_when_a_link_in_the_middle_of_a_chain_flips() {
    use std::os::unix::fs::symlink;

    let folder = Folder::with(&[("echo_test.rhai", TEST)]);
    for (release, answer) in [("1", "pong"), ("2", "<pang>")] {
        let folder = folder.0.path().join("releases").join(release);
        std::fs::create_dir_all(&folder).expect("the folder is ours");
        std::fs::write(folder.join("echo.rhai"), ECHO.replace("pong", answer)).expect("the folder is ours");
    }
    let at = |path: &str| folder.0.path().join(path);
    symlink("releases/1", at("current")).expect("a link");
    symlink("current/echo.rhai", at("echo.rhai")).expect("a link");
    let mut watching = Watching::start(&folder);
    assert!(watching.run().contains("ok    ./echo_test.rhai::test_ping"));
    symlink("releases/2", at("next")).expect("a link");
    std::fs::rename(at("next"), at("current")).expect("the folder is ours");
    assert!(watching.run().contains("FAIL  ./echo_test.rhai::test_ping"));
}

/// A script that counts the days.
const DAILY: &str = r#"
cron("30 2 * * *", "count");
fn count() { state.days = (state.days ?? 0) + 1; }
fn on_message(msg) { msg.reply(`${state.days ?? 0} days`); }
"#;

fn days(configuration: &[(&str, &str)], zone: &str, test: &str) -> Outcome {
    let test = format!("let alice = person(\"alice\"); {test}");
    let files = [configuration, &[("daily.rhai", DAILY), ("daily_test.rhai", &test)]].concat();
    let folder = Folder::with(&files);
    let output = command(&folder, &["."]).env("TZ", zone).output().expect("the binary starts");
    wire::check_frames();
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Outcome {
        status: output.status.code().expect("it ended by itself"),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

#[test]
fn the_configuration_counts_for_what_lies_beside_its_scripts() {
    let script = "fn on_message(msg) { msg.reply(`${settings.limit}`); }";
    let test = r#"let alice = person("alice"); alice.says("hi"); alice.expects("3");"#;
    let folder = Folder::with(&[("hotline.toml", "scripts = [\"bots/limit.rhai\"]\n[settings]\nlimit = 3\n")]);
    for place in ["bots", "bots/of_mine", "elsewhere", "."] {
        std::fs::create_dir_all(folder.path(place)).expect("the folder is writable");
        folder.write(&format!("{place}/limit.rhai"), script);
        folder.write(&format!("{place}/limit_test.rhai"), test);
        let expected = i32::from(!place.starts_with("bots"));
        for named in [place, &format!("{place}/limit_test.rhai")] {
            let outcome = hotline(&folder, &[named]);
            assert_eq!(outcome.status, expected, "{named}: {}", outcome.out);
        }
    }
}

#[test]
fn the_machines_zone_changes_no_result() {
    let at_half_past_two = r#"clock.advance("17h29m"); alice.says("hi"); alice.expects("0 days"); clock.advance("1m"); alice.says("hi"); alice.expects("1 days");"#;
    for zone in ["UTC", "Asia/Tokyo", "America/New_York"] {
        let outcome = days(&[], zone, at_half_past_two);
        assert_eq!(outcome.status, 0, "{zone}: {}{}", outcome.out, outcome.err);
    }
}

#[test]
fn a_daily_timer_fires_once_a_day_over_both_changes_of_the_clock() {
    let a_year = r#"clock.advance("365d"); alice.says("hi"); alice.expects("365 days");"#;
    for zone in ["Europe/Berlin", "America/New_York", "Asia/Tokyo"] {
        let configuration = format!("timezone = \"{zone}\"\n");
        let outcome = days(&[("hotline.toml", &configuration)], "UTC", a_year);
        assert_eq!(outcome.status, 0, "{zone}: {}{}", outcome.out, outcome.err);
    }
    let in_tokyo = r#"clock.advance("8h29m"); alice.says("hi"); alice.expects("0 days"); clock.advance("1m"); alice.says("hi"); alice.expects("1 days");"#;
    let outcome = days(&[("hotline.toml", "timezone = \"Asia/Tokyo\"\n")], "America/New_York", in_tokyo);
    assert_eq!(outcome.status, 0, "{}{}", outcome.out, outcome.err);
}
