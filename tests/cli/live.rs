//! Single sessions: `call`, `chat` and `sandbox` against a real sandbox, over real connections.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use hotline::protocol::Request;
use hotline::protocol::commands::{
    AcceptGroupInvitation, CreateGroup, GetJoinedGroupIds, SetMyUserid, SetNickName, UpdateGroupName,
};
use hotline::sandbox::{Control, Draft, Sandbox};
use serde_json::{Value, json};

use crate::cli::person::Person;
use crate::cli::run::{Bot, answering, folder};
use crate::cli::{Outcome, PATIENCE, command, hotline_anywhere};
use crate::sandbox::sandbox;

/// Runs the binary to its end without holding up the sandbox.
async fn call(sandbox: &Sandbox, who: &str, arguments: &[&str]) -> Outcome {
    let email = format!("{who}@sandbox.test");
    let url = sandbox.url();
    let session = ["call", "--gateway", &url, "--email", &email, "--password", "sandbox"];
    let arguments: Vec<_> = session.iter().chain(arguments).map(|&text| text.to_owned()).collect();
    let run = move || hotline_anywhere(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    tokio::task::spawn_blocking(run).await.expect("the call ends")
}

/// Waits, without a pause of a guessed length, until the sandbox has what is looked for.
pub(crate) async fn until<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let found = async {
        loop {
            match look().await {
                Some(found) => return found,
                None => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, found).await.expect("it never came")
}

/// The texts of a chat.
fn texts(control: &Control, who: &str, with: &str) -> Vec<String> {
    control.chat(who, with).into_iter().filter_map(|message| message.text).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_prints_its_content_as_json() {
    let sandbox = sandbox().await;
    let profile = call(&sandbox, "alice", &["GetProfile"]).await;
    let content: Value = serde_json::from_str(&profile.out).expect("JSON");
    assert_eq!((profile.status, &content["displayName"]), (0, &json!("alice")), "{}", profile.err);
    let bot = sandbox.control().mid("bot").expect("there is a bot");
    let sent = call(&sandbox, "alice", &["send_text", &format!("to={bot}"), "content=hello there"]).await;
    assert_eq!(sent.status, 0, "{}", sent.err);
    assert_eq!(texts(&sandbox.control(), "bot", "alice"), ["hello there"]);
    let contacts = call(&sandbox, "alice", &["GetContacts", "--fields", &json!({"mids": [bot]}).to_string()]).await;
    let content: Value = serde_json::from_str(&contacts.out).expect("JSON");
    assert_eq!(content[0]["displayName"], "bot");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_call_has_status_1_and_says_why() {
    let sandbox = sandbox().await;
    let outcome = call(&sandbox, "alice", &["GetContacts", "mids=u1"]).await;
    assert_eq!((outcome.status, outcome.out.as_str()), (1, ""));
    assert!(
        outcome.err.starts_with("hotline: GetContacts: INVALID_MID: ") && outcome.err.contains("(code 9)"),
        "{}",
        outcome.err
    );
    let nobody = call(&sandbox, "nobody", &["GetProfile"]).await;
    assert_eq!((nobody.status, nobody.out.as_str()), (1, ""));
    assert!(nobody.err.contains("refuses nobody@sandbox.test: AUTHENTICATION_FAILED"), "{}", nobody.err);
}

#[test]
fn a_gateway_that_is_none_is_named() {
    let flags = ["--gateway", "ws://127.0.0.1:1", "--email", "a@b", "--password", "p", "GetProfile"];
    let outcome = hotline_anywhere(&[&["call"][..], &flags].concat());
    assert_eq!(outcome.status, 1);
    assert!(outcome.err.starts_with("hotline: no session with ws://127.0.0.1:1/: "), "{}", outcome.err);
    let outcome = hotline_anywhere(&["chat", "--gateway", "ws://127.0.0.1:1"]);
    assert_eq!(outcome.status, 1);
    assert!(outcome.err.contains("`hotline run` or `hotline sandbox` starts a gateway"), "{}", outcome.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_types_reaches_the_bot_and_its_answers_are_printed() {
    let sandbox = sandbox().await;
    let control = sandbox.control();
    let mut alice = Person::chats(&sandbox.url(), &[]);
    alice.types("ping");
    alice.types("/order");
    alice.types("//help");
    until(async || (texts(&control, "bot", "alice") == ["ping", "/order", "/help"]).then_some(())).await;
    control.say("bot", "alice", "pong").expect("they know each other");
    alice.sees("bot: pong");
    control.say("bob", "alice", "hello\nalice").expect("anyone may write");
    alice.sees("[to you] bob: hello");
    alice.sees("  alice");
    alice.types("/to bob");
    alice.types("hello bob");
    until(async || (texts(&control, "bob", "alice") == ["hello\nalice", "hello bob"]).then_some(())).await;
    assert_eq!(alice.leaves(), (0, String::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_makes_a_group_and_accepts_an_invitation() {
    let sandbox = sandbox().await;
    let control = sandbox.control();
    let mut alice = Person::chats(&sandbox.url(), &["--as", "alice"]);
    alice.types("/group Team");
    alice.types("hello team");
    let joined = Request::GetJoinedGroupIds(GetJoinedGroupIds {});
    let group = until(async || {
        let groups = control.act("alice", joined.clone()).await.expect("alice may ask");
        groups[0].as_str().map(str::to_owned)
    })
    .await;
    until(async || texts(&control, "alice", &group).contains(&"hello team".to_owned()).then_some(())).await;
    let accept = AcceptGroupInvitation { group_id: group };
    control.act("bot", Request::AcceptGroupInvitation(accept)).await.expect("the bot is invited");
    alice.sees("* bot joins Team");

    let mids = control.mid("alice").into_iter().collect();
    let create = CreateGroup { name: "Tea Club".into(), mids };
    let made = control.act("bob", Request::CreateGroup(create)).await.expect("bob may make a group");
    alice.sees("* bob invites you into Tea Club: /accept or /reject");
    alice.types("/accept");
    alice.types("one green tea");
    let club = made["chatMid"].as_str().expect("a mid").to_owned();
    until(async || texts(&control, "bob", &club).contains(&"one green tea".to_owned()).then_some(())).await;
    assert_eq!(alice.leaves().0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_removes_somebody_takes_a_message_back_and_reacts() {
    let sandbox = sandbox().await;
    let control = sandbox.control();
    let group = control.create_group("Team", &["alice", "bob", "bot"]).expect("they are there");
    let mut watcher = control.watch("bot").expect("there is a bot");
    let mut alice = Person::chats(&sandbox.url(), &[]);
    let mut bob = Person::chats(&sandbox.url(), &["--as", "bob"]);
    alice.types("first");
    alice.types("second");
    alice.types("third");
    alice.types("/unsend");
    alice.types("/unsend 1");
    until(async || (texts(&control, "bot", "alice") == ["second"]).then_some(())).await;
    control.say("bot", "alice", "pong").expect("they know each other");
    alice.sees("bot: pong");
    alice.types("/react");
    bob.types("/to Team");
    bob.types("hello");
    // She is in the other chat still.
    alice.sees("[Team] bob: hello");
    alice.types("/to Team");
    alice.types("hello bob");
    bob.sees("alice: hello bob");
    alice.types("/react");
    bob.sees("* alice reacts to a message");
    alice.types("/kick bob");
    bob.sees("* alice removes bob from Team");
    assert!(!control.membership(&group).members.contains(&control.mid("bob").expect("he is there")));
    alice.types("/kick bob");
    let (status, error) = alice.leaves();
    assert_eq!(status, 1);
    assert!(error.contains("is no other member of"), "{error}");
    let mut seen = Vec::new();
    while let Some(event) = watcher.try_next() {
        seen.push(event.subcommand.to_string());
    }
    let count = |subcommand: &str| seen.iter().filter(|seen| *seen == subcommand).count();
    let told = ["NOTIFIED_DESTROY_MESSAGE", "NOTIFIED_SEND_REACTION", "NOTIFIED_DELETE_OTHER_FROM_CHAT"].map(count);
    assert_eq!(told, [2, 2, 1], "{seen:?}");
    bob.leaves();
}

#[tokio::test(flavor = "multi_thread")]
async fn people_whom_nobody_here_knows_are_found_at_the_gateway() {
    let sandbox = sandbox().await;
    let control = sandbox.control();
    control.act("carol", Request::SetNickName(SetNickName { nickname: "Carolin".into() })).await.expect("possible");
    control.act("dave", Request::SetMyUserid(SetMyUserid { user_id: "dave.d".into() })).await.expect("possible");
    let mut alice = Person::chats(&sandbox.url(), &[]);
    for (name, whom) in [("bob", "bob"), ("Carol", "carol"), ("dave.d", "dave"), ("+819000000003", "bob")] {
        alice.types(&format!("/to {name}"));
        alice.types(&format!("hello {name}"));
        until(async || texts(&control, whom, "alice").contains(&format!("hello {name}")).then_some(())).await;
    }
    alice.types("/group Team bob carol");
    alice.types("hello all");
    let joined = Request::GetJoinedGroupIds(GetJoinedGroupIds {});
    let group = until(async || {
        let groups = control.act("alice", joined.clone()).await.expect("alice may ask");
        groups[0].as_str().map(str::to_owned)
    })
    .await;
    until(async || texts(&control, "alice", &group).contains(&"hello all".to_owned()).then_some(())).await;
    for name in ["bob", "carol", "bot"] {
        let accept = AcceptGroupInvitation { group_id: group.clone() };
        control.act(name, Request::AcceptGroupInvitation(accept)).await.expect("invited");
    }
    for name in ["bob", "Carolin", "bot"] {
        alice.sees(&format!("* {name} joins Team"));
    }
    let rename = UpdateGroupName { group_id: group, name: "Crew".into() };
    control.act("bob", Request::UpdateGroupName(rename)).await.expect("a member may");
    alice.sees("* bob renames Team to Crew");
    control.act("bot", Request::SetNickName(SetNickName { nickname: "Botty".into() })).await.expect("possible");
    alice.sees("* bot is called Botty now");
    control.say("bot", "alice", "hi").expect("she is there");
    alice.sees("[to you] Botty: hi");
    alice.types("/me");
    let (status, notices) = alice.leaves();
    assert_eq!((status, notices), (0, format!("alice  {}\n", control.mid("alice").expect("she is there"))));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_knows_nobody_talks_to_the_bot_and_the_bot_to_alice() {
    let sandbox = sandbox().await;
    let control = sandbox.control();
    for (who, whom) in [("dave", "bot"), ("bot", "alice")] {
        let mut person = Person::chats(&sandbox.url(), &["--as", who]);
        person.types("hello");
        until(async || (texts(&control, whom, who) == ["hello"]).then_some(())).await;
        assert_eq!(person.leaves().0, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_finds_the_official_account_and_sees_its_buttons() {
    let sandbox = sandbox().await;
    let control = sandbox.control();
    let mut alice = Person::chats(&sandbox.url(), &[]);
    alice.types("/to shop");
    alice.types("hi");
    until(async || (texts(&control, "shop", "alice") == ["hi"]).then_some(())).await;
    let question = Draft::text("Which size?").with("BUTTONS", r#"["S","L"]"#);
    control.post("shop", "alice", question).expect("she can be written to");
    alice.sees("shop: Which size? [S] [L]");
    assert_eq!(alice.leaves().0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_chat_names_the_accounts_that_there_are() {
    let sandbox = sandbox().await;
    let error = Person::chats(&sandbox.url(), &["--as", "erin"]).leaves().1;
    assert!(error.contains("the demo accounts of a sandbox are bot, alice, bob, carol, dave"), "{error}");
    assert!(error.contains("refuses erin@sandbox.test") && !error.contains("starts a gateway"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_the_gateway_does_not_find_is_uploaded() {
    let sandbox = sandbox().await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("cat.jpg");
    std::fs::write(&path, b"a cat").expect("the folder is writable");
    let bot = sandbox.control().mid("bot").expect("there is a bot");
    let path = format!("path={}", path.display());
    let sent = call(&sandbox, "alice", &["SendImage", &format!("to={bot}"), &path]).await;
    assert_eq!(sent.status, 0, "{}", sent.err);
    assert!(sent.err.contains("so it is uploaded from here"), "{}", sent.err);
    assert_eq!(sandbox.control().chat("bot", "alice").len(), 1);
    let missing = call(&sandbox, "alice", &["SendImage", &format!("to={bot}"), "path=no.jpg"]).await;
    let files = sandbox.files().expect("a folder").display().to_string();
    assert!(missing.err.contains(&format!("folder {files}, where paths belong")), "{}", missing.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_that_cannot_do_what_is_asked_fails_on_a_pipe() {
    let sandbox = sandbox().await;
    let mut alice = Person::chats(&sandbox.url(), &[]);
    alice.types("/to bott");
    let (status, error) = alice.leaves();
    assert_eq!((status, error.as_str()), (1, "hotline: nobody here is named \"bott\"; did you mean \"bot\"?\n"));
}

#[cfg(unix)]
#[test]
fn the_sandbox_says_what_to_type_and_ends_cleanly() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut sandbox = command(folder.path(), &["sandbox", "--listen", "127.0.0.1:0"]);
    let mut child = sandbox.stdout(Stdio::piped()).spawn().expect("the binary starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    let first = lines.next().expect("a greeting");
    let url = first.strip_prefix("The sandbox listens on ").and_then(|rest| rest.strip_suffix('.')).expect("its url");
    assert!(lines.any(|line| line.starts_with("Its files are in /")));
    assert!(lines.any(|line| line == format!("A person:  hotline chat --as alice --gateway {url}")));
    // Another sandbox may have LINE's usual port: nobody asked for it.
    let base = lines.find_map(|line| line.strip_prefix("Base url:  http://127.0.0.1:").map(str::to_owned));
    let port = base.as_deref().and_then(|rest| rest.split(' ').next()).expect("LINE's base url");
    assert!(std::net::TcpStream::connect(format!("127.0.0.1:{port}")).is_ok());
    assert!(lines.any(|line| line.starts_with("Channel:   secret \"sandbox\"")));
    assert!(lines.any(|line| line.contains("curl -X PUT") && line.contains(port)));
    let pid = child.id().to_string();
    let killed = std::process::Command::new("kill").args(["-TERM", &pid]).status().expect("there is kill");
    assert!(killed.success());
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_taken_is_named() {
    let sandbox = sandbox().await;
    let address = sandbox.addr().to_string();
    let outcome = tokio::task::spawn_blocking(move || hotline_anywhere(&["sandbox", "--listen", &address])).await;
    let outcome = outcome.expect("it ends");
    assert_eq!(outcome.status, 1);
    assert!(outcome.err.contains("cannot listen on 127.0.0.1:") && outcome.err.contains("--listen"), "{}", outcome.err);
    assert_eq!(outcome.err.matches("in use").count(), 1, "{}", outcome.err);
    let line = sandbox.addr().to_string();
    let arguments = move || hotline_anywhere(&["sandbox", "--listen", "127.0.0.1:0", "--line-listen", &line]);
    let outcome = tokio::task::spawn_blocking(arguments).await.expect("it ends");
    assert_eq!(outcome.status, 1);
    assert!(
        outcome.err.contains("cannot listen on 127.0.0.1:") && outcome.err.contains("--line-listen"),
        "{}",
        outcome.err
    );
    let wrong = tokio::task::spawn_blocking(move || hotline_anywhere(&["sandbox", "--listen", "example.com"])).await;
    let wrong = wrong.expect("it ends");
    assert_eq!(wrong.status, 2);
    assert!(wrong.err.contains("such as 127.0.0.1:16089, or a port alone"), "{}", wrong.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_finds_the_bot_by_its_configuration_and_needs_none_of_its_secrets() {
    let sandbox = sandbox().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("hotline.toml");
    let configuration = |account: &str| {
        let (url, password) = (sandbox.url(), "${HOTLINE_TEST_UNSET}");
        format!("[[session]]\ngateway = \"{url}\"\nemail = \"{account}\"\npassword = \"{password}\"\n")
    };
    std::fs::write(&file, configuration("bot@sandbox.test")).expect("the folder is writable");
    let path = folder.path().to_owned();
    let chat = move || crate::cli::hotline(&path, &["chat", "--wait", "10ms"]);
    let outcome = tokio::task::spawn_blocking(chat.clone()).await.expect("it ends");
    assert_eq!((outcome.status, outcome.err.as_str()), (0, ""));

    // The account of the bot is the one that is written to, whoever else is a contact.
    for bot in ["bot", "carol"] {
        std::fs::write(&file, configuration(&format!("{bot}@sandbox.test"))).expect("the folder is writable");
        let mut alice = Person::chats_in(folder.path(), &[]);
        alice.types(&format!("hello {bot}"));
        assert_eq!(alice.leaves(), (0, String::new()));
        assert_eq!(texts(&sandbox.control(), bot, "alice"), [format!("hello {bot}")]);
    }

    std::fs::write(&file, configuration("nobody@sandbox.test")).expect("the folder is writable");
    let mut alice = Person::chats_in(folder.path(), &[]);
    alice.types("hello?");
    let (status, error) = alice.leaves();
    assert_eq!(status, 1);
    assert!(error.contains("nobody was found to write to, so nothing is sent: /to NAME"), "{error}");

    std::fs::write(&file, configuration("bot@example.com")).expect("the folder is writable");
    let outcome = tokio::task::spawn_blocking(chat).await.expect("it ends");
    assert_eq!(outcome.status, 2);
    assert!(outcome.err.contains("bot@example.com, which is no account of a sandbox"), "{}", outcome.err);

    let on_line = "[[session]]\nnetwork = \"line\"\nchannel_secret = \"s\"\nchannel_token = \"t\"\n";
    std::fs::write(&file, on_line).expect("the folder is writable");
    let path = folder.path().to_owned();
    let chat = move || crate::cli::hotline(&path, &["chat", "--wait", "10ms"]);
    let outcome = tokio::task::spawn_blocking(chat).await.expect("it ends");
    assert_eq!(outcome.status, 2);
    assert!(outcome.err.contains("on LINE itself, where people write to it"), "{}", outcome.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_beside_a_running_bot_uses_its_certificate_and_asks_for_no_pin() {
    let sandbox = sandbox().await;
    let control = sandbox.control();
    let folder = folder(&[("reply.rhai", &answering("pong"))]);
    let configuration = format!(
        "[[session]]\ngateway = \"{}\"\nemail = \"dave@sandbox.test\"\npassword = \"sandbox\"\n",
        sandbox.url()
    );
    std::fs::write(folder.path().join("hotline.toml"), configuration).expect("the folder is writable");
    let bot = Bot::start(folder.path(), &["run"]);
    bot.logs("type this PIN on the phone of dave@sandbox.test");
    let pin = control.pins("dave").pop().expect("a PIN");
    control.type_pin("dave", &pin);
    bot.logs("logged in");
    let call = |path: std::path::PathBuf| async {
        let call = move || crate::cli::hotline(&path, &["call", "GetProfile"]);
        tokio::task::spawn_blocking(call).await.expect("it ends")
    };
    let beside = call(folder.path().to_owned()).await;
    assert_eq!(beside.status, 0, "{}", beside.err);
    assert!(beside.out.contains("\"dave\""), "{}", beside.out);
    assert_eq!(beside.err.matches("its certificates are used").count(), 1, "{}", beside.err);
    assert!(!beside.err.contains("PIN"), "{}", beside.err);
    assert_eq!(bot.ends(), Some(0));

    for file in std::fs::read_dir(folder.path().join("data")).expect("a folder") {
        std::fs::write(file.expect("a file").path(), "scratched").expect("the folder is writable");
    }
    let blind = call(folder.path().to_owned()).await;
    assert_eq!((blind.status, blind.out.as_str()), (1, ""));
    assert!(blind.err.contains("the certificates of earlier logins cannot be read"), "{}", blind.err);
    assert_eq!(control.pins("dave"), Vec::<String>::new());
}
