//! LINE's own SDKs as judges: bots that are written with them work here as they would with LINE, and their models know every webhook.
//! LINE's description of its API is a judge too, where `HOTLINE_LINE_DESCRIPTION` names the folder that it lies in.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use data_encoding::BASE64;
use hotline::protocol::Request;
use hotline::protocol::commands::{CreateGroup, SendImage};
use hotline::sandbox::{LINE_CHANNEL, Sandbox};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::bot::Bot;
use super::{operations, webhooks};
use crate::packages::{python, run};
use crate::sandbox::client::sandbox_with;
use crate::{description, packages};

/// How long an answer that must come is waited for; reached only when a test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where the scripts lie.
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sandbox/line/sdk");

/// Node's folder of packages, with the script in it.
async fn node() -> PathBuf {
    let folder = packages::node().await;
    std::fs::copy(Path::new(SCRIPTS).join("echo.mjs"), folder.join("echo.mjs")).expect("it can be copied");
    folder
}

/// A bot in a process of its own.
struct SdkBot(Child);

impl SdkBot {
    /// Starts it, and waits until it has set its webhook.
    async fn start(mut command: Command, sandbox: &Sandbox) -> Self {
        let url = sandbox.line_url().expect("it is served");
        command.env("LINE_API", url).env("LINE_TOKEN", LINE_CHANNEL).env("LINE_SECRET", LINE_CHANNEL);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let stdout = child.stdout.take().expect("it is piped");
        let bot = Self(child);
        let first = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            BufReader::new(stdout).read_line(&mut line).expect("it can be read");
            line
        });
        let first = tokio::time::timeout(PATIENCE, first).await.expect("it starts in time").expect("no panic");
        assert_eq!(first, "ready\n");
        bot
    }
}

impl Drop for SdkBot {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn sandbox() -> Sandbox {
    sandbox_with(|config| config.official.listen = Some("127.0.0.1:0".parse().expect("an address"))).await
}

/// A text, a picture, a button, someone who adds the account and an invitation: each is answered as the bot was told to.
async fn converse(sandbox: &Sandbox) {
    let (control, official) = (sandbox.control(), sandbox.control().official());
    let mut watcher = control.watch("alice").expect("she is there");
    let mut answered = async |expected: &str| {
        loop {
            let event = tokio::time::timeout(PATIENCE, watcher.next()).await.expect("an answer").expect("it lives");
            if let Some(message) = event.content.message().filter(|_| &*event.subcommand == "RECEIVE_MESSAGE") {
                return assert_eq!(message.text.as_deref(), Some(expected));
            }
        }
    };
    official.follow("alice").expect("she can");
    answered("Welcome, alice").await;
    control.say("alice", "shop", "äöü 😀").expect("she can write");
    answered("äöü 😀").await;
    let picture = [b"\xff\xd8\xff", &[7; 100_000][..]].concat();
    sandbox.place("cat.jpg", &picture).expect("it is written");
    let shop = control.mid("shop").expect("it is there");
    let image = SendImage { to: shop.clone(), path: "cat.jpg".to_owned() };
    control.act("alice", Request::SendImage(image)).await.expect("she can");
    answered(&Sha256::digest(&picture).iter().map(|byte| format!("{byte:02x}")).collect::<String>()).await;
    official.press("alice", None, "size=L", None).expect("she can");
    answered("chose size=L").await;
    let group = CreateGroup { name: "Trip".to_owned(), mids: vec![shop] };
    control.act("alice", Request::CreateGroup(group)).await.expect("she can");
    answered("Hello, Trip").await;
}

#[tokio::test]
async fn a_bot_with_the_sdk_for_python_works_unchanged() {
    if !packages::are_there() {
        return;
    }
    let sandbox = sandbox().await;
    let mut command = Command::new(python().await);
    command.arg(Path::new(SCRIPTS).join("echo.py"));
    let _bot = SdkBot::start(command, &sandbox).await;
    converse(&sandbox).await;
}

#[tokio::test]
async fn a_bot_with_the_sdk_for_node_works_unchanged() {
    if !packages::are_there() {
        return;
    }
    let sandbox = sandbox().await;
    let mut command = Command::new("node");
    command.current_dir(node().await).arg("echo.mjs");
    let _bot = SdkBot::start(command, &sandbox).await;
    converse(&sandbox).await;
}

#[tokio::test]
async fn the_models_of_the_sdk_know_every_webhook_in_full() {
    if !packages::are_there() {
        return;
    }
    let mut bot = Bot::start().await;
    let events = webhooks::every_event(&mut bot).await;
    let lines: String = bot.read.iter().map(|webhook| format!("{} {}\n", webhook.signature, webhook.body)).collect();
    let mut command = Command::new(python().await);
    command.arg(Path::new(SCRIPTS).join("webhooks.py"));
    assert_eq!(run(command, lines.into_bytes()).await.trim(), events.len().to_string());
}

#[tokio::test]
async fn every_success_is_as_lines_description_says() {
    let Some(description) = description::folder().filter(|_| packages::are_there()) else { return };
    let answers = operations::all().await;
    let line = |answer: &super::bot::Answer| {
        let body = BASE64.encode(&answer.body);
        let (operation, status, kind) = (answer.operation, answer.status, &answer.content_type);
        json!({ "operation": operation, "status": status, "content_type": kind, "body": body }).to_string() + "\n"
    };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("answers");
    std::fs::write(&file, answers.iter().map(line).collect::<String>()).expect("it can be written");
    let mut command = Command::new(python().await);
    command.arg(Path::new(SCRIPTS).join("answers.py")).arg(description.join("messaging-api.yml")).arg(file);
    assert_eq!(run(command, Vec::new()).await.trim(), answers.len().to_string());
}

#[tokio::test]
async fn whatever_is_asked_is_answered_as_lines_description_says() {
    let Some(description) = description::folder().filter(|_| packages::are_there()) else { return };
    let sandbox = sandbox().await;
    let (control, url) = (sandbox.control(), sandbox.line_url().expect("it is served"));
    control.official().follow("alice").expect("she can");
    let group = control.create_group("Trip", &["alice", "shop"]).expect("she can");
    let room = control.create_room(&["alice", "shop"]).expect("she can");
    let id = super::bot::line_id;
    let folder = tempfile::tempdir().expect("a folder");
    // With these, what is asked of people and groups has someone to be asked of.
    let known = format!(
        "[parameters]\n\"path.userId\" = \"{}\"\n\"path.groupId\" = \"{}\"\n\"path.roomId\" = \"{}\"\n",
        id(&control.mid("alice").expect("she is there")),
        id(&group),
        id(&room)
    );
    std::fs::write(folder.path().join("schemathesis.toml"), known).expect("it can be written");
    let schemathesis = python().await.with_file_name("st");
    for (file, examples) in [("messaging-api.yml", "10"), ("channel-access-token.yml", "10")] {
        let mut command = Command::new(&schemathesis);
        command.current_dir(folder.path()).args(["--no-color", "run"]).arg(description.join(file)).args([
            "--url",
            &url,
            "--header",
            "Authorization: Bearer sandbox",
            "--checks",
            "not_a_server_error,response_schema_conformance,content_type_conformance",
            "--suppress-health-check",
            "all",
            "--seed",
            "1",
            "--max-examples",
            examples,
        ]);
        let said = run(command, Vec::new()).await;
        assert!(said.contains("passed"), "{said}");
    }
}
