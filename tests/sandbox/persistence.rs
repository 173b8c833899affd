//! The data file: what it brings back, after a stop, a kill, a torn write, and what it refuses.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use hotline::protocol::{Request, commands};
use hotline::sandbox::{Sandbox, SandboxConfig, SandboxStartError};
use serde_json::{Value, json};

use crate::sandbox::client::{Client, sandbox_with};
use crate::sandbox::media;

/// Where the process that is to be killed finds its data file.
const CHILD_DATA: &str = "HOTLINE_TEST_SANDBOX_DATA";

async fn kept_in(path: &Path) -> Sandbox {
    sandbox_with(|config| config.data = Some(path.to_owned())).await
}

async fn start_error(path: &Path) -> String {
    let config = SandboxConfig { listen: "127.0.0.1:0".parse().expect("an address"), ..SandboxConfig::default() };
    match Sandbox::start(SandboxConfig { data: Some(path.to_owned()), ..config }).await {
        Ok(_) => panic!("it should not start"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn a_restart_brings_everything_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("sub/x.db");
    let sandbox = kept_in(&path).await;
    let mut alice = Client::login(&sandbox, "alice").await;
    let mut bob = Client::login(&sandbox, "bob").await;
    let cert = bob.try_login("bob@sandbox.test", "sandbox", "").await.expect("right")["cert"].clone();
    let chat = alice.ok("CreateGroup", json!({"name": "tea", "mids": [bob.mid]})).await;
    bob.ok("AcceptGroupInvitation", json!({"group_id": chat["chatMid"]})).await;
    alice.ok("SetNickName", json!({"nickname": "Alice"})).await;
    bob.ok("BlockContact", json!({"mid": alice.mid, "block": true})).await;
    media::place(&sandbox, "a.bin", b"bits");
    let sent = alice.ok("SendFile", json!({"to": chat["chatMid"], "path": "a.bin"})).await;
    assert_eq!(alice.refused("SendText", json!({"to": "nobody", "content": "x"})).await, "INVALID_MID");
    let group = alice.ok("SearchGroupById", json!({"id": chat["chatMid"]})).await;
    sandbox.stop().await;

    let sandbox = kept_in(&path).await;
    let mut alice = Client::login(&sandbox, "alice").await;
    let mut again = alice.ok("SearchGroupById", json!({"id": chat["chatMid"]})).await;
    // The port of the pictures is another one.
    again["picturePath"] = group["picturePath"].clone();
    assert_eq!(again, group);
    assert_eq!(alice.ok("GetProfile", json!({})).await["displayName"], "Alice");
    let mut bob = Client::connect(&sandbox).await;
    let cert = cert.as_str().expect("text");
    assert_eq!(bob.try_login("bob@sandbox.test", "sandbox", cert).await.expect("honoured")["cert"], cert);
    bob.ok("DownloadFile", json!({"msg_id": sent["id"], "path": "b.bin"})).await;
    assert_eq!(media::read(&sandbox, "b.bin"), b"bits");
    assert_eq!(bob.ok("GetContacts", json!({"mids": [alice.mid]})).await[0]["status"], "FRIEND_BLOCKED");
    // Ids go on where they were.
    let next = alice.ok("SendText", json!({"to": chat["chatMid"], "content": "x"})).await;
    assert!(next["id"].as_str() > sent["id"].as_str());
}

#[tokio::test]
async fn a_file_that_was_cut_anywhere_opens_with_what_was_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.db");
    let sandbox = kept_in(&path).await;
    let before = std::fs::metadata(&path).expect("it is there").len();
    let control = sandbox.control();
    let bot = control.mid("bot").expect("it is there");
    for number in 0..5 {
        let text = commands::SendText { to: bot.clone(), content: format!("text {number}"), msg_id: None };
        control.act("alice", Request::SendText(text)).await.expect("sent");
    }
    sandbox.stop().await;
    let whole = std::fs::read(&path).expect("it is there");
    let ends: Vec<_> = (0..whole.len()).filter(|index| whole[*index] == b'\n').skip(2).collect();
    assert_eq!(ends.len(), 5);
    for length in (usize::try_from(before).expect("small")..=whole.len()).step_by(7).chain([whole.len()]) {
        std::fs::write(&path, &whole[..length]).expect("writable");
        let sandbox = kept_in(&path).await;
        // A line that only lacks its end was never answered; it counts all the same.
        let kept = ends.iter().filter(|end| **end < length).count();
        let found = sandbox.control().chat("alice", "bot").len();
        let lacks_only_its_end = ends.contains(&length);
        assert!(found == kept + usize::from(lacks_only_its_end), "{found} of {kept} at {length}");
        sandbox.stop().await;
    }
}

#[tokio::test]
async fn a_file_that_is_no_world_is_named_with_the_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.db");
    std::fs::write(&path, "shopping list\n").expect("writable");
    let error = start_error(&path).await;
    assert!(error.contains("x.db cannot be understood at line 1"), "{error}");
    std::fs::remove_file(&path).expect("removable");
    let sandbox = kept_in(&path).await;
    sandbox.control().say("alice", "bot", "first text").expect("sent");
    sandbox.control().say("alice", "bot", "second text").expect("sent");
    sandbox.stop().await;
    let text = std::fs::read_to_string(&path).expect("text");
    std::fs::write(&path, text.replacen("first text", "first\"text", 1)).expect("writable");
    let error = start_error(&path).await;
    assert!(error.contains("at line 3"), "{error}");
}

#[tokio::test]
async fn a_folder_is_no_data_file_and_nothing_is_left_beside_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("inner");
    std::fs::create_dir(&path).expect("the folder is writable");
    let error = start_error(&path).await;
    assert!(error.contains("inner: is a directory"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).expect("readable").count(), 1);
}

#[cfg(unix)]
#[tokio::test]
async fn only_their_owner_can_read_the_world_and_its_files() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.db");
    let sandbox = kept_in(&path).await;
    let mut alice = Client::login(&sandbox, "alice").await;
    let bot = alice.ok("GetAllContactIds", json!({})).await[0].clone();
    media::place(&sandbox, "a.bin", b"bits");
    alice.ok("SendFile", json!({"to": bot, "path": "a.bin"})).await;
    let stored = std::fs::read_dir(sandbox.files().expect("a folder").join(".sandbox")).expect("readable");
    let files: Vec<_> = stored.map(|entry| entry.expect("readable").path()).chain([path]).collect();
    assert_eq!(files.len(), 2);
    for file in files {
        let mode = std::fs::metadata(&file).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn a_file_in_use_and_a_port_in_use_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.db");
    let sandbox = kept_in(&path).await;
    let error = start_error(&path).await;
    assert!(error.contains("x.db is in use by another sandbox"), "{error}");
    let config = SandboxConfig { listen: sandbox.addr(), ..SandboxConfig::default() };
    let error = Sandbox::start(config).await.err().expect("the port is taken");
    assert!(matches!(error, SandboxStartError::Listen { .. }));
    let text = error.to_string();
    assert!(text.contains(&sandbox.addr().to_string()) && text.contains("--listen"), "{text}");
    sandbox.stop().await;
    kept_in(&path).await;
}

/// A sandbox in a process of its own, which can be killed.
pub(crate) struct Child {
    process: std::process::Child,
    url: String,
}

impl Child {
    /// Starts it on a data file.
    pub(crate) async fn start(data: &Path) -> Self {
        let mut process = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "sandbox::persistence::child_process_that_is_killed", "--nocapture"])
            .env(CHILD_DATA, data)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let lines = BufReader::new(process.stderr.take().expect("piped")).lines().map_while(Result::ok);
        let url = tokio::task::spawn_blocking(move || {
            let mut lines = lines;
            lines.find_map(|line| line.strip_prefix("listens ").map(str::to_owned)).expect("it says where")
        });
        Self { process, url: url.await.expect("no panic") }
    }

    /// Logs in as one of the demo accounts.
    pub(crate) async fn login(&self, name: &str) -> Client {
        Client::login_at(&self.url, name).await
    }

    /// Ends it with kill -9.
    pub(crate) fn kill(mut self) {
        self.process.kill().expect("it is killed");
        self.process.wait().expect("it ended");
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The process that tests kill. It is no test of its own: without the variable it does nothing.
#[tokio::test]
async fn child_process_that_is_killed() {
    let Some(path) = std::env::var_os(CHILD_DATA) else { return };
    let sandbox = kept_in(Path::new(&path)).await;
    eprintln!("listens {}", sandbox.url());
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_kill_loses_nothing_that_was_answered() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.db");
    let mut answered: Vec<String> = Vec::new();
    for round in 0..3 {
        let child = Child::start(&path).await;
        let mut alice = child.login("alice").await;
        let bot = alice.ok("GetAllContactIds", json!({})).await[0].clone();
        for number in 0..50 {
            let text = json!({"to": bot, "content": format!("{round} {number}")});
            answered.push(alice.ok("SendText", text).await["id"].to_string());
        }
        // One is under way when the end comes.
        alice.send(&json!({"command": "SendText", "task_id": 999, "to": bot, "content": "last"})).await;
        child.kill();
    }
    let sandbox = kept_in(&path).await;
    let found: Vec<_> =
        sandbox.control().chat("alice", "bot").into_iter().map(|m| Value::from(m.id).to_string()).collect();
    assert!(answered.iter().all(|id| found.contains(id)), "{} answered, {} found", answered.len(), found.len());
    assert!(found.len() <= answered.len() + 3);
}
