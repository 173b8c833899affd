//! Both prompts, and what is typed into the wrong one.

use std::io::Write;
use std::process::Stdio;

use crate::cli::live::until;
use crate::cli::person::Person;
use crate::cli::{Outcome, command};
use crate::sandbox::sandbox;

/// What the prompt against a session of its own answers to these lines.
fn repl(lines: &str) -> Outcome {
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = command(folder.path(), &["repl"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    child.stdin.take().expect("a pipe").write_all(lines.as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends").into()
}

#[test]
fn the_prompt_of_scripts_answers_what_other_prompts_call_help_and_quit() {
    for help in [":help", "/help", "help", "?", ":?", "/?"] {
        let outcome = repl(&format!("{help}\n1 + 2\n"));
        assert!(
            outcome.out.contains(":functions TEXT lists") && outcome.out.ends_with("3\n"),
            "{help}: {}",
            outcome.out
        );
        assert_eq!(outcome.status, 0, "{help}: {}", outcome.err);
    }
    for quit in [":quit", "/quit", "quit", "exit", ":q"] {
        assert_eq!(repl(&format!("{quit}\n1 + 2\n")).out, "", "{quit}");
    }
    let outcome = repl("let help = 7\nhelp\n");
    assert!(outcome.out.ends_with("7\n"), "a variable is its value: {}", outcome.out);
}

#[test]
fn the_prompt_explains_a_function_and_a_hook_and_shows_them_in_use() {
    let incr = "Store.incr(key)\n    Adds 1 to a number, at once for everyone, and gives the sum.\n\n    let visits = ";
    let reply = "Message.reply(text)\n    Sends a text to the chat of the message.\n\n    msg.reply(`Hello";
    for (line, shown) in [
        (":help incr", incr),
        (":help msg.reply(text)", reply),
        (":help send_text", "send_text(to, content)\n    Sends a text message.\n\n    send_text(msg.chat, "),
        (
            ":help on_invite",
            "on_invite(invite)\n    A hook: an invitation into a group.\n\n    fn on_invite(invite) {\n",
        ),
        ("fn twice(n) { 2 * n }\n:help twice", "twice(n)\n"),
        ("import \"std/words\" as words;\n:help is_no", "words::is_no(text)\n    Tells whether a text means no"),
        (
            ":help line::get_bot_info",
            "line::get_bot_info()\n    Gives this account's own profile and settings.\n\n    msg.reply(",
        ),
        (":functions narrowcast", "line::narrowcast(messages)\n    Sends messages to those"),
        (":help repli", "nothing is called repli; did you mean reply?\n"),
    ] {
        let outcome = repl(&format!("{line}\n"));
        assert!(outcome.status == 0 && outcome.out.starts_with(shown), "{line}: {}", outcome.out);
        let is_of_command = outcome.out.contains("Session.send_text");
        assert!(!is_of_command, "{line} explains a command once: {}", outcome.out);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chat_answers_what_other_prompts_call_help_and_sends_what_is_for_the_bot() {
    let sandbox = sandbox().await;
    let control = sandbox.control();
    for help in ["/help", ":help", ":?", "/?"] {
        let mut alice = Person::chats(&sandbox.url(), &[]);
        alice.types(help);
        alice.types(":quit");
        let (status, notices) = alice.leaves();
        assert!(status == 0 && notices.contains("/people"), "{help}: {notices}");
    }
    let mut alice = Person::chats(&sandbox.url(), &[]);
    for line in ["help", "?", ":)"] {
        alice.types(line);
    }
    let texts = || control.chat("bot", "alice").into_iter().filter_map(|message| message.text).collect::<Vec<_>>();
    until(async || (texts() == ["help", "?", ":)"]).then_some(())).await;
    assert_eq!(alice.leaves().0, 0);
}
