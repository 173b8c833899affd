//! Wrong usage and wrong configurations: status 2 and one clear message.

use std::fs;

use crate::cli::{command, hotline, hotline_anywhere};

/// A folder with a configuration of this text.
fn with_configuration(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("hotline.toml"), text).expect("the folder is writable");
    folder
}

#[test]
fn wrong_usage_has_status_2_and_says_what_was_meant() {
    for (arguments, expected) in [
        (&["cal"][..], "call"),
        (&["run", "--strct"], "--strict"),
        (&["run", "--console", "here"], "expected an address such as 127.0.0.1:8765, or off"),
        (&["run", "--email", "a@b"], "--password"),
        (&["run", "--gateway", "ws://127.0.0.1:1"], "--gateway needs an account"),
        (&["run", "--email", "a@b", "--password", "p"], "needs its --gateway"),
        (&["run", "--config", "missing.toml"], "the configuration missing.toml cannot be read"),
        (&["call", "SendTxt"], "did you mean \"SendText\"?"),
        (&["call", "SendText", "to=u1"], "SendText needs \"content\", a string; found nothing"),
        (&["sandbox", "--allow-hosts", "bot.lan:80"], "a machine without a port"),
        (&["sandbox", "--allow-origins", "localhost"], "the origin of a web page"),
        (&["sandbox", "--line-listen", "nowhere"], "such as 127.0.0.1:16090, a port alone, or off"),
        (&["sandbox", "--webhook", "localhost:8080"], "a url such as http://localhost:8080/callback"),
        (&["completions", "zzz"], "bash"),
        (&["--log-format", "xml"], "text, json"),
    ] {
        let outcome = hotline_anywhere(arguments);
        assert_eq!(outcome.status, 2, "{arguments:?}: {}", outcome.err);
        assert!(outcome.err.contains(expected), "{arguments:?}: {}", outcome.err);
        assert_eq!(outcome.out, "", "{arguments:?}");
    }
}

#[test]
fn a_wrong_configuration_is_one_line_with_its_place() {
    for (text, expected) in [
        (
            "worker = 2\n",
            "hotline: hotline.toml:1:1: unknown key \"worker\" in the configuration; did you mean \"workers\"?\n",
        ),
        (
            "[[session]]\ngateway = \"ws://127.0.0.1:1\"\nemail = \"a@b\"\npassword = \"${HOTLINE_TEST_UNSET}\"\n",
            "hotline: hotline.toml:4:12: \"password\" needs the environment variable HOTLINE_TEST_UNSET, which is not set\n",
        ),
    ] {
        let folder = with_configuration(text);
        for arguments in [&[][..], &["run"], &["call", "GetProfile"]] {
            let outcome = hotline(folder.path(), arguments);
            assert_eq!((outcome.status, outcome.err.as_str()), (2, expected), "{arguments:?}");
        }
    }
}

#[test]
fn every_command_and_flag_of_the_documentation_is_understood() {
    for arguments in [
        &["run", "scripts", "one.rhai", "--strict", "--dry-run", "--data", "d", "--console", "off", "--help"][..],
        &["run", "--gateway", "ws://h", "--email", "a", "--password", "b", "--help"],
        &["run", "--gateway", "ws://h", "--phone", "+1", "--auth-token", "t", "--log-format", "json", "--help"],
        &["run", "--config", "hotline.toml", "--console", "127.0.0.1:0", "--help"],
        &["sandbox", "--listen", "127.0.0.1:0", "--data", "world", "--help"],
        &["sandbox", "--line-listen", "off", "--webhook", "http://localhost:8080/callback", "--help"],
        &["sandbox", "--allow-origins", "http://a:1,http://b", "--allow-hosts", "bot.lan", "--help"],
        &["chat", "--as", "bob", "--gateway", "ws://h", "--help"],
        &["call", "SendText", "to=u", "--fields", "{}", "--help"],
        &["check", "scripts", "--json", "--config", "hotline.toml", "--help"],
        &[
            "test",
            "scripts",
            "--json",
            "--config",
            "hotline.toml",
            "--filter",
            "order",
            "--junit",
            "report.xml",
            "--watch",
            "--coverage",
            "--lcov",
            "lines.info",
            "--seed",
            "7",
            "--help",
        ],
        &["repl", "--config", "hotline.toml", "--help"],
        &["status", "--json", "--data", "d", "--help"],
        &["runs", "--json", "--help"],
        &["runs", "kill", "7", "--help"],
        &["trace", "7", "--json", "--help"],
        &["journal", "--json", "--help"],
        &["new", "demo", "--help"],
        &["definitions", "--help"],
        &["docs", "--help"],
        &["completions", "bash", "--help"],
    ] {
        let outcome = hotline_anywhere(arguments);
        assert_eq!(outcome.status, 0, "{arguments:?}: {}", outcome.err);
        assert!(outcome.out.contains("Usage: hotline"), "{arguments:?}");
    }
}

#[test]
fn completions_are_printed_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let outcome = hotline_anywhere(&["completions", shell]);
        assert_eq!(outcome.status, 0, "{}", outcome.err);
        assert!(outcome.out.contains("definitions") && outcome.out.contains("log-format"), "{shell}");
    }
}

#[test]
fn a_standard_error_that_nobody_reads_changes_no_exit_status() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("fine.rhai"), "fn on_start() {}").expect("the folder is writable");
    fs::write(folder.path().join("wrong.rhai"), "fn on_strt() {}").expect("the folder is writable");
    for (arguments, expected) in [
        (&["check", "fine.rhai"][..], 0),
        (&["check", "wrong.rhai"], 1),
        (&["run", "--config", "missing.toml"], 2),
        (&["call", "SendTxt"], 2),
        (&["--nonsense"], 2),
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let status = command(folder.path(), arguments).stderr(writer).status().expect("the binary starts");
        assert_eq!(status.code(), Some(expected), "{arguments:?}");
    }
}

#[test]
fn an_empty_folder_is_told_how_to_begin_and_a_check_of_nothing_fails() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("bare")).expect("the folder is writable");
    for (arguments, status) in [(&[][..], 2), (&["run"], 2), (&["check"], 2), (&["check", "bare"], 1)] {
        let outcome = hotline(folder.path(), arguments);
        assert_eq!((outcome.status, outcome.out.as_str()), (status, ""), "{arguments:?}: {}", outcome.err);
        assert!(outcome.err.contains("`hotline new FOLDER` makes a bot to start from"), "{}", outcome.err);
    }
    let outcome = hotline(folder.path(), &["check", "bare", "--json"]);
    assert_eq!((outcome.status, outcome.out.as_str()), (1, "[]\n"));
}

#[test]
fn check_and_test_take_the_configuration_that_is_named() {
    let folder = with_configuration("scripts = [\"a\"]\n");
    for (name, script) in [("a", "fn on_start() {}"), ("b", "fn on_strt() {}")] {
        let scripts = folder.path().join(name);
        fs::create_dir(&scripts).expect("the folder is writable");
        fs::write(scripts.join("bot.rhai"), script).expect("the folder is writable");
        fs::write(scripts.join("bot_test.rhai"), format!("fn test_{name}() {{}}")).expect("the folder is writable");
    }
    fs::write(folder.path().join("other.toml"), "scripts = [\"b\"]\n").expect("the folder is writable");
    assert_eq!(hotline(folder.path(), &["check"]).status, 0);
    let outcome = hotline(folder.path(), &["check", "--config", "other.toml"]);
    assert!(outcome.status == 1 && outcome.out.contains("b/bot.rhai"), "{}", outcome.out);
    let outcome = hotline(folder.path(), &["test", "--config", "other.toml"]);
    assert!(outcome.out.contains("b/bot_test.rhai") && !outcome.out.contains("a/bot_test.rhai"), "{}", outcome.out);
}
