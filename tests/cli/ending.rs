//! How `run` ends: asked to, or because it cannot do what it was asked.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hotline::sandbox::{DEFAULT_LISTEN, InjectedFault, Sandbox, Traffic, Trouble, When};

use crate::cli::live::until;
use crate::cli::person::Person;
use crate::cli::run::{Bot, answering, folder};
use crate::cli::{PATIENCE, command, hotline, within};
use crate::sandbox::sandbox;

const ACCOUNT: &[&str] = &["--email", "bot@sandbox.test", "--password", "sandbox"];

/// A server that answers every request with "not found".
fn website() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut stream = stream;
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        }
    });
    address
}

/// Starts the bot of a sandbox without holding the sandbox up, and waits until it has logged in.
async fn bot(folder: &Path, sandbox: &Sandbox) -> Bot {
    let (folder, url) = (folder.to_owned(), sandbox.url());
    let start = move || {
        let bot = Bot::start(&folder, &[&["run", "--gateway", &url][..], ACCOUNT].concat());
        bot.logs("logged in");
        bot
    };
    tokio::task::spawn_blocking(start).await.expect("it logs in")
}

/// Has a run going that waits for a reply, which comes after `delay`.
async fn busy(sandbox: &Sandbox, bot: Bot, delay: Duration) -> Bot {
    let control = sandbox.control();
    let trouble = Trouble::Delay(delay..=delay);
    let fault = InjectedFault { account: Some("bot".into()), on: Traffic::Replies, trouble, when: When::Next(1) };
    control.inject(fault).expect("there is a bot");
    control.say("alice", "bot", "who are you?").expect("they know each other");
    let waits = move || {
        bot.logs("looking");
        bot
    };
    tokio::task::spawn_blocking(waits).await.expect("the run begins")
}

const LOOKS: &str = "fn on_message(msg) {
    log_info(\"looking\");
    let me = get_profile();
    log_info(`found ${me.displayName}`);
}
fn on_stop() { log_info(\"goodbye\"); }
";

#[tokio::test(flavor = "multi_thread")]
async fn asked_to_end_it_finishes_its_runs_says_goodbye_and_has_status_0() {
    for signal in ["-TERM", "-INT", "-HUP"] {
        let (sandbox, folder) = (sandbox().await, folder(&[("looks.rhai", LOOKS)]));
        let bot = bot(folder.path(), &sandbox).await;
        let bot = busy(&sandbox, bot, Duration::from_millis(700)).await;
        let ends = move || {
            bot.is_asked(signal);
            bot.logs("stopping");
            bot.logs("found bot");
            bot.logs("goodbye");
            bot.logs("stopped");
            bot.ended()
        };
        assert_eq!(tokio::task::spawn_blocking(ends).await.expect("it ends"), Some(0));
        assert_eq!(sandbox.control().connections("bot"), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_twice_it_ends_at_once() {
    let (sandbox, folder) = (sandbox().await, folder(&[("looks.rhai", LOOKS)]));
    let bot = bot(folder.path(), &sandbox).await;
    let bot = busy(&sandbox, bot, PATIENCE).await;
    let ends = move || {
        bot.is_asked("-INT");
        bot.logs("stopping");
        bot.is_asked("-INT");
        bot.logs("hotline: ended at once, as asked");
        bot.ended()
    };
    assert_eq!(tokio::task::spawn_blocking(ends).await.expect("it ends"), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_that_closes_is_nobody_who_asks_again() {
    let (sandbox, folder) = (sandbox().await, folder(&[("looks.rhai", LOOKS)]));
    let bot = bot(folder.path(), &sandbox).await;
    let bot = busy(&sandbox, bot, Duration::from_millis(700)).await;
    let ends = move || {
        bot.is_asked("-TERM");
        bot.logs("stopping");
        bot.is_asked("-HUP");
        bot.logs("found bot");
        bot.logs("stopped");
        bot.ended()
    };
    assert_eq!(tokio::task::spawn_blocking(ends).await.expect("it ends"), Some(0));
}

#[test]
fn a_bot_that_is_to_outlive_its_terminal_does() {
    let folder = folder(&[("auto_reply.rhai", &answering("pong"))]);
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' HUP; exec \"$0\" run", env!("CARGO_BIN_EXE_hotline")]);
    let bot = Bot::of(within(shell, folder.path()));
    let mut alice = Person::chats(&bot.url(), &[]);
    bot.is_asked("-HUP");
    alice.types("ping");
    alice.sees("bot: pong");
    alice.leaves();
    bot.has_not_logged("stopping");
    assert_eq!(bot.ends(), Some(0));
}

#[test]
fn a_sandbox_whose_terminal_closes_ends_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut sandbox = command(folder.path(), &["sandbox", "--listen", "0", "--data", "world"]);
    let mut child = sandbox.stdout(Stdio::piped()).spawn().expect("the binary starts");
    let mut greeting = BufReader::new(child.stdout.take().expect("a pipe"));
    greeting.read_line(&mut String::new()).expect("it greets");
    let asked = Command::new("kill").args(["-HUP", &child.id().to_string()]).status();
    assert!(asked.expect("there is kill").success());
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    assert!(folder.path().join("world").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_says_how_long_a_stop_lets_runs_finish() {
    let (sandbox, folder) = (sandbox().await, folder(&[("looks.rhai", LOOKS)]));
    let configuration = format!(
        "limits.grace = \"120ms\"\n[[session]]\ngateway = \"{}\"\nemail = \"bot@sandbox.test\"\npassword = \"sandbox\"\n",
        sandbox.url()
    );
    fs::write(folder.path().join("hotline.toml"), configuration).expect("the folder is writable");
    let path = folder.path().to_owned();
    let start = move || {
        let bot = Bot::start(&path, &["run"]);
        bot.logs("logged in");
        bot
    };
    let bot = tokio::task::spawn_blocking(start).await.expect("it logs in");
    let bot = busy(&sandbox, bot, PATIENCE).await;
    let ends = move || {
        bot.is_asked("-HUP");
        bot.logs("did not finish within 120ms");
        bot.ended()
    };
    assert_eq!(tokio::task::spawn_blocking(ends).await.expect("it ends"), Some(0));
}

#[test]
fn a_gateway_that_is_no_websocket_is_named_and_ends_it() {
    let folder = folder(&[("auto_reply.rhai", &answering("pong"))]);
    let address = website();
    let gateway = format!("ws://{address}");
    let outcome = hotline(folder.path(), &["run", "--gateway", &gateway, "--email", "a@b", "--password", "hush"]);
    let expected = format!("hotline: session main: {address} answers, but not as a gateway: HTTP error: 404 Not Found");
    assert_eq!(outcome.status, 1);
    assert_eq!(outcome.err.lines().last(), Some(expected.as_str()), "{}", outcome.err);
    assert!(!outcome.err.contains("hush"), "{}", outcome.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_sessions_go_on_without_one_that_has_no_gateway() {
    let (sandbox, folder) = (sandbox().await, folder(&[("looks.rhai", LOOKS)]));
    let account = "email = \"bot@sandbox.test\"\npassword = \"sandbox\"";
    let configuration = format!(
        "[[session]]\nname = \"good\"\ngateway = \"{}\"\n{account}\n\
         [[session]]\nname = \"bad\"\ngateway = \"ws://{}\"\n{account}\n",
        sandbox.url(),
        website()
    );
    fs::write(folder.path().join("hotline.toml"), configuration).expect("the folder is writable");
    let path = folder.path().to_owned();
    let start = move || {
        let bot = Bot::start(&path, &["run"]);
        let line = bot.logs("answers, but not as a gateway");
        assert!(line.contains("session=\"bad\""), "{line}");
        bot
    };
    let bot = tokio::task::spawn_blocking(start).await.expect("one session is named");
    let control = sandbox.control();
    until(async || (control.connections("bot") == 1).then_some(())).await;
    let bot = busy(&sandbox, bot, Duration::from_millis(1)).await;
    assert_eq!(tokio::task::spawn_blocking(move || bot.ends()).await.expect("it ends"), Some(0));
}

#[test]
fn a_script_that_is_no_text_is_named_and_with_strict_nothing_runs() {
    let folder = folder(&[("good.rhai", &answering("pong")), ("bad.rhai", "")]);
    fs::write(folder.path().join("scripts/bad.rhai"), [0xff, 0xfe, 0x00]).expect("the folder is writable");
    let bot = Bot::start(folder.path(), &[]);
    bot.logs("it is no text in UTF-8");
    bot.logs("good is live: on_message");
    assert_eq!(bot.ends(), Some(0));
    let strict = hotline(folder.path(), &["run", "--strict"]);
    assert_eq!(strict.status, 1);
    assert!(strict.err.contains("bad.rhai") && strict.err.contains("it is no text in UTF-8"), "{}", strict.err);
    assert!(strict.err.trim_end().ends_with("with --strict nothing runs until this is mended"), "{}", strict.err);
}

#[test]
fn a_strict_start_shows_the_card_of_each_fault() {
    let folder = folder(&[("bad.rhai", "fn on_message(msg) {\n    let x = ;\n}\n")]);
    let strict = hotline(folder.path(), &["run", "--strict"]);
    assert_eq!(strict.status, 1);
    assert!(strict.err.contains("bad.rhai:2:13") && strict.err.contains("let x = ;"), "{}", strict.err);
}

#[test]
fn a_data_folder_that_cannot_be_one_is_named() {
    let folder = folder(&[("auto_reply.rhai", &answering("pong"))]);
    fs::write(folder.path().join("taken"), "a file").expect("the folder is writable");
    let outcome = hotline(folder.path(), &["run", "--data", "taken"]);
    assert_eq!(outcome.status, 1);
    let last = outcome.err.lines().last().expect("a message");
    assert!(last.starts_with("hotline: cannot use the data folder taken: "), "{}", outcome.err);
}

#[test]
fn a_port_in_use_sends_the_embedded_sandbox_to_another_and_it_says_so() {
    // Bots of other tests may have the port for a while; somebody else's sandbox, which keeps it, serves as well.
    let deadline = Instant::now() + PATIENCE;
    let mut taken = TcpListener::bind(DEFAULT_LISTEN);
    while taken.is_err() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
        taken = TcpListener::bind(DEFAULT_LISTEN);
    }
    let folder = folder(&[("auto_reply.rhai", &answering("pong"))]);
    let bot = Bot::start(folder.path(), &[]);
    bot.logs(&format!("{DEFAULT_LISTEN} is taken: the embedded sandbox listens on 127.0.0.1:"));
    assert_eq!(bot.ends(), Some(0));
}

const ORDER: &str = "fn on_message(msg) {
    if msg.text == \"ping\" { msg.reply(\"pong\"); }
    if msg.text != \"order\" { return; }
    let item = msg.ask(\"What would you like?\");
    msg.reply(`One ${item.text}.`);
}
";

#[test]
fn an_order_that_a_kill_interrupts_is_finished_also_with_the_embedded_sandbox() {
    let folder = folder(&[("order.rhai", ORDER)]);
    let bot = Bot::start(folder.path(), &[]);
    let mut alice = Person::chats(&bot.url(), &[]);
    alice.types("order");
    alice.sees("bot: What would you like?");
    let deadline = Instant::now() + PATIENCE;
    while !hotline(folder.path(), &["runs"]).out.contains("waits in ask") {
        assert!(Instant::now() < deadline, "the run is never on disk");
    }
    bot.is_asked("-KILL");
    assert_eq!(bot.ended(), None);
    alice.leaves();

    // The sandbox's world begins anew, and what alice writes now is no repetition of what she wrote in the last one.
    let bot = Bot::start(folder.path(), &[]);
    let mut alice = Person::chats(&bot.url(), &[]);
    alice.types("tea");
    alice.sees("bot: One tea.");
    alice.types("ping");
    alice.sees("bot: pong");
    alice.leaves();
    assert_eq!(bot.ends(), Some(0));
}
