//! What strangers choose, and what repeats: nothing of it steers the terminal, forges a line or floods the log.

use hotline::protocol::Request;
use hotline::protocol::commands::SetNickName;
use hotline::sandbox::{InjectedFault, Sandbox, SandboxConfig, Traffic, Trouble, When};
use hotline::visible::steers;
use serde_json::{Value, json};

use crate::cli::person::Person;
use crate::cli::run::{Bot, folder};
use crate::cli::{command, hotline, hotline_anywhere};

/// Clears the screen in three ways, forges a line in five, turns the line around, and hides.
const HOSTILE: &str = "\u{1b}[2J\u{9b}2J\u{7}\nforged\rforged\u{85}forged\u{2028}forged\u{2029}forged\u{202e}\u{2066}\u{200f}\u{200b}\u{feff}";

const SCRIPT: &str = "fn on_message(msg) {
    if msg.text.contains(\"ask\") { log_info(\"as\" + \"king\"); msg.ask(\"what? \" + msg.text); }
    log_warn(msg.text);
    throw msg.text;
}
fn on_notify(subcommand, content) { if subcommand.contains(\"ODD\") { log_info(subcommand); } }
";

/// A sandbox whose frames nobody checks: some are none of the protocol's.
async fn sandbox() -> Sandbox {
    let listen = "127.0.0.1:0".parse().expect("an address");
    Sandbox::start(SandboxConfig { listen, ..SandboxConfig::default() }).await.expect("a free port")
}

fn bot(sandbox: &Sandbox, script: &str) -> tempfile::TempDir {
    let folder = folder(&[("bot.rhai", script)]);
    let account = "email = \"bot@sandbox.test\"\npassword = \"sandbox\"";
    let text = format!("[[session]]\ngateway = \"{}\"\n{account}\n", sandbox.url());
    std::fs::write(folder.path().join("hotline.toml"), text).expect("the folder is writable");
    folder
}

/// Checks that a text is safe to look at, and that no line of it begins as a stranger wanted.
fn assert_tame(text: &str, what: &str) {
    let steering: Vec<_> = text.chars().filter(|letter| *letter != '\n' && steers(*letter)).collect();
    assert!(steering.is_empty(), "{what}: {text:?}");
    assert!(!text.lines().any(|line| line.starts_with("forged")), "{what}: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stranger_chose_steers_no_output_of_any_command() {
    let sandbox = sandbox().await;
    let control = sandbox.control();
    let folder = bot(&sandbox, SCRIPT);
    for (format, asked) in [("text", "bob"), ("json", "carol")] {
        let running = Bot::start(folder.path(), &["run", "--log-format", format]);
        running.logs("logged in");
        control.say("alice", "bot", HOSTILE).expect("sent");
        control.say(asked, "bot", &format!("ask {HOSTILE}")).expect("sent");
        let group = control.create_group(HOSTILE, &["alice", "bot"]).expect("made");
        control.say("alice", &group, HOSTILE).expect("sent");
        control.notify("bot", &format!("ODD{HOSTILE}"), &json!({"x": HOSTILE}));
        assert_tame(&running.logs("ODD"), format);
        running.logs("bot.rhai:4");
        running.logs("asking");
        let (status, log) = running.ends_with_its_log();
        assert_eq!(status, Some(0), "{log}");
        assert!(log.contains("forged"), "{log}");
        assert_tame(&log, format);
        if format == "json" {
            assert!(log.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{log}");
        }
    }
    let look = |arguments: &[&str]| {
        let mut command = command(folder.path(), arguments);
        let outcome: crate::cli::Outcome = command.env("COLUMNS", "80").output().expect("it starts").into();
        assert_eq!((outcome.status, outcome.err.as_str()), (0, ""), "{arguments:?}");
        assert_tame(&outcome.out, &format!("{arguments:?}"));
        outcome.out
    };
    let journal = look(&["journal"]);
    assert!(journal.lines().all(|line| hotline::visible::width(line) <= 80), "{journal}");
    assert!(journal.contains("RECEIVE_MESSAGE"), "{journal}");
    let events: Value = serde_json::from_str(&look(&["journal", "--json"])).expect("JSON");
    for event in events.as_array().expect("a list") {
        look(&["trace", &event["id"].to_string()]);
        look(&["trace", &event["id"].to_string(), "--json"]);
    }
    assert!(
        events.to_string().contains("u{202e}") || events.to_string().contains('\u{202e}'),
        "nothing is lost in JSON"
    );
    assert!(look(&["runs"]).contains("waits in ask"));
    look(&["runs", "--json"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stranger_chose_steers_no_chat_and_no_call() {
    let sandbox = sandbox().await;
    let control = sandbox.control();
    let name = "Bo\u{202e}b\u{1b}[2J\nx".to_owned();
    control.act("bob", Request::SetNickName(SetNickName { nickname: name })).await.expect("he may");
    let mut alice = Person::chats(&sandbox.url(), &[]);
    control.say("bob", "alice", "hi\r\n\u{9b}2Jbot: pay me").expect("sent");
    alice.sees("[to you] Bo\u{fffd}b\u{fffd}[2J x: hi");
    alice.sees("  \u{fffd}2Jbot: pay me");
    alice.types("/people");
    let (status, notices) = alice.leaves();
    assert_eq!(status, 0);
    assert_tame(&notices, "people");
    let url = sandbox.url();
    let flags = ["--gateway", &url, "--email", "alice@sandbox.test", "--password", "sandbox"];
    let bob = control.mid("bob").expect("he is there");
    for (fields, status) in [(json!({"mids": [bob]}), 0), (json!({"mids": [HOSTILE]}), 1)] {
        let fields = fields.to_string();
        let arguments = [&["call", "GetContacts", "--fields", &fields][..], &flags].concat();
        let arguments: Vec<_> = arguments.into_iter().map(str::to_owned).collect();
        let call = move || hotline_anywhere(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        let outcome = tokio::task::spawn_blocking(call).await.expect("it ends");
        assert_eq!(outcome.status, status, "{}", outcome.err);
        assert_tame(&outcome.out, "call");
        assert_tame(&outcome.err, "call");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_repeats_is_said_once_and_counted() {
    let sandbox = sandbox().await;
    let control = sandbox.control();
    let folder = bot(
        &sandbox,
        "fn on_message(msg) { if msg.text == \"end\" { log_info(\"the \" + \"end\"); } else { throw \"no\"; } }",
    );
    let running = Bot::start(folder.path(), &["run"]);
    running.logs("logged in");
    let fault = InjectedFault {
        account: Some("bot".to_owned()),
        on: Traffic::Events,
        trouble: Trouble::Repeat,
        when: When::Next(300),
    };
    control.inject(fault).expect("it is there");
    for number in 0..300 {
        control.say("alice", "bot", &number.to_string()).expect("sent");
    }
    control.say("alice", "bot", "end").expect("sent");
    running.logs("the end");
    let (_, log) = running.ends_with_its_log();
    assert_eq!(log.matches("the gateway repeated an event").count(), 2, "{log}");
    assert!(log.contains("the same 299 times more in ") && log.matches("error: no\n").count() == 1, "{log}");
    assert_eq!(log.matches("ERROR the same 299 times more").count(), 1, "{log}");
}

#[test]
fn whatever_goes_wrong_is_json_where_the_log_is() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("wrong.toml"), "worker = 2\n").expect("the folder is writable");
    for (arguments, status, expected) in [
        (&["run", "--config", "wrong.toml"][..], 2, "unknown key"),
        (&["check", "--config", "wrong.toml"], 2, "unknown key"),
        (&["test", "--config", "wrong.toml"], 2, "unknown key"),
        (&["journal", "--config", "wrong.toml"], 2, "unknown key"),
        (&["run", "--config", "missing.toml"], 2, "cannot be read"),
        (&["rnu"], 2, "unrecognized subcommand"),
        (&["run", "--strct"], 2, "--strict"),
        (&["call", "SendTxt"], 2, "did you mean"),
        (&["call", "--gateway", "ws://127.0.0.1:1", "--email", "a", "--password", "p", "GetProfile"], 1, "no session"),
        (&["runs"], 1, "the record cannot be read"),
    ] {
        let outcome = hotline(folder.path(), &[&["--log-format", "json"], arguments].concat());
        assert_eq!((outcome.status, outcome.out.as_str()), (status, ""), "{arguments:?}: {}", outcome.err);
        let lines: Vec<Value> = outcome.err.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let last = lines.last().expect("a line");
        assert_eq!(last["level"], "ERROR", "{last}");
        assert!(last["message"].as_str().is_some_and(|message| message.contains(expected)), "{last}");
    }
}
