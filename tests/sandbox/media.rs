//! Files: through paths of the sandbox's own folder and over HTTP.

use std::os::unix::fs::symlink;

use hotline::sandbox::Sandbox;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::sandbox::client::{Client, sandbox, sandbox_with};

/// Puts a file where the `path` of commands finds it.
pub(crate) fn place(sandbox: &Sandbox, path: &str, bytes: &[u8]) {
    std::fs::write(sandbox.files().expect("a folder").join(path), bytes).expect("it is writable");
}

/// Reads a file that a command wrote.
pub(crate) fn read(sandbox: &Sandbox, path: &str) -> Vec<u8> {
    std::fs::read(sandbox.files().expect("a folder").join(path)).expect("it was written")
}

/// Gets a picture.
pub(crate) async fn fetch(url: &str) -> Vec<u8> {
    let answer = http_client().get(url).send().await.expect("the sandbox answers");
    assert_eq!(answer.status(), 200);
    answer.bytes().await.expect("a body").to_vec()
}

/// The url of alice's picture.
pub(crate) async fn picture(sandbox: &Sandbox) -> String {
    let profile = Client::login(sandbox, "alice").await.ok("GetProfile", json!({})).await;
    text(&profile, "picturePath")
}

/// Where a url leads.
pub(crate) fn address(url: &str) -> std::net::SocketAddr {
    reqwest::Url::parse(url).expect("a url").socket_addrs(|| None).expect("an address")[0]
}

/// Uploads as the protocol says and gives the status and the text of the answer.
pub(crate) async fn upload(param: &Value, bytes: &[u8]) -> (u16, String) {
    let file = Part::bytes(bytes.to_vec()).file_name("whatever.bin");
    let form = Form::new().text("params", text(param, "params")).part("files", file);
    send(request(param).multipart(form)).await
}

/// Downloads as the protocol says.
pub(crate) async fn download(param: &Value) -> (u16, Vec<u8>) {
    let answer = request(param).send().await.expect("the sandbox answers");
    (answer.status().as_u16(), answer.bytes().await.expect("a body").to_vec())
}

/// A POST to the url with the heads.
fn request(param: &Value) -> reqwest::RequestBuilder {
    let heads = param["heads"].as_object().expect("heads");
    let start = http_client().post(text(param, "url"));
    heads.iter().fold(start, |request, (name, value)| request.header(name, value.as_str().expect("text")))
}

fn http_client() -> reqwest::Client {
    // A second provider would be refused, and there is only this one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

async fn send(request: reqwest::RequestBuilder) -> (u16, String) {
    let answer = request.send().await.expect("the sandbox answers");
    (answer.status().as_u16(), answer.text().await.expect("a text"))
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().expect("a text").to_owned()
}

#[tokio::test]
async fn what_was_uploaded_comes_back_the_same_by_both_ways() {
    let sandbox = sandbox().await;
    let mut alice = Client::login(&sandbox, "alice").await;
    let mut bot = Client::login(&sandbox, "bot").await;
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let param = alice.ok("GetSendFileParam", json!({"to": bot.mid, "path": "dir/a.bin", "msg_id": "7"})).await;
    assert_eq!(upload(&param, &bytes).await.0, 200);
    let message = bot.event("RECEIVE_MESSAGE").await;
    assert_eq!(message["contentMetadata"], json!({"FILE_NAME": "a.bin", "FILE_SIZE": "3000000"}));
    // The client that uploaded sees no event: it knows.
    alice.expect_silence().await;
    bot.ok("DownloadFile", json!({"msg_id": message["id"], "path": "copy.bin"})).await;
    assert!(read(&sandbox, "copy.bin") == bytes, "the copy differs");
    let param = bot.ok("GetDownloadFileParam", json!({"msg_id": message["id"], "path": "x"})).await;
    assert!(download(&param).await == (200, bytes), "the download differs");
}

#[tokio::test]
async fn a_url_serves_once_with_its_heads_and_its_params_only() {
    let sandbox = sandbox().await;
    let mut alice = Client::login(&sandbox, "alice").await;
    let bot = sandbox.control().mid("bot").expect("it is there");
    let ask = json!({"to": bot, "path": "a.jpg", "msg_id": "7"});
    let param = alice.ok("GetSendImageParam", ask.clone()).await;
    let mut bare = param.clone();
    bare["heads"] = json!({});
    assert_eq!(upload(&bare, b"x").await.0, 403);
    assert_eq!(upload(&param, b"x").await.0, 200);
    assert_eq!(upload(&param, b"x").await.0, 410);
    let mut forged = alice.ok("GetSendImageParam", ask.clone()).await;
    forged["params"] = json!("something else");
    assert_eq!(upload(&forged, b"x").await.0, 400);
    let param = alice.ok("GetSendImageParam", ask).await;
    // Until the file begins nothing is spent.
    let no_params = request(&param).multipart(Form::new().part("files", Part::bytes(vec![1]).file_name("a")));
    let missing = "the part \"params\" is missing: it comes before the part \"files\"";
    assert_eq!(send(no_params).await, (400, missing.to_owned()));
    assert_eq!(upload(&param, b"x").await.0, 200);
    let param = alice.ok("GetSendImageParam", json!({"to": bot, "path": "a.jpg", "msg_id": "7"})).await;
    let no_file = request(&param).multipart(Form::new().text("params", text(&param, "params")));
    assert_eq!(send(no_file).await, (400, "the part \"files\" is missing".to_owned()));
    assert_eq!(sandbox.control().chat("alice", "bot").len(), 2);
}

#[tokio::test]
async fn a_url_expires_and_counts_for_nothing_once_its_account_may_no_longer_write() {
    let clock = hotline::clock::Clock::manual(1_700_000_000_000);
    let sandbox = sandbox_with(|config| config.clock = clock.clone()).await;
    let mut alice = Client::login(&sandbox, "alice").await;
    let group = sandbox.control().create_group("tea", &["alice", "bob"]).expect("both are there");
    let ask = json!({"to": group, "path": "a.jpg", "msg_id": "7"});
    let param = alice.ok("GetSendImageParam", ask.clone()).await;
    clock.advance(std::time::Duration::from_secs(601));
    assert_eq!(upload(&param, b"x").await.0, 410);
    let param = alice.ok("GetSendImageParam", ask).await;
    alice.ok("LeaveGroup", json!({"group_id": group})).await;
    let (status, text) = upload(&param, b"x").await;
    assert_eq!((status, text.starts_with("NOT_A_MEMBER")), (403, true), "{text}");
}

#[tokio::test]
async fn a_file_beyond_the_limit_is_refused_by_both_ways() {
    let sandbox = sandbox_with(|config| config.limits.file_bytes = 100_000).await;
    let mut alice = Client::login(&sandbox, "alice").await;
    let bot = sandbox.control().mid("bot").expect("it is there");
    place(&sandbox, "large.bin", &[0; 100_001]);
    let by_path = json!({"to": bot, "path": "large.bin"});
    assert_eq!(alice.refused("SendFile", by_path).await, "EXCEED_FILE_MAX_SIZE");
    let param = alice.ok("GetSendFileParam", json!({"to": bot, "path": "large.bin", "msg_id": "7"})).await;
    let (status, text) = upload(&param, &[0; 100_001]).await;
    assert_eq!((status, text.as_str()), (413, "EXCEED_FILE_MAX_SIZE: a file has at most 100000 bytes"));
    assert_eq!(sandbox.control().chat("alice", "bot"), []);
}

#[tokio::test]
async fn paths_reach_the_sandboxs_folder_and_nothing_else() {
    let elsewhere = tempfile::tempdir().expect("a folder");
    std::fs::write(elsewhere.path().join("secret"), "s").expect("writable");
    let sandbox = sandbox().await;
    let root = sandbox.files().expect("a folder");
    symlink(elsewhere.path(), root.join("link")).expect("a link");
    symlink(elsewhere.path().join("secret"), root.join("file-link")).expect("a link");
    place(&sandbox, "a.bin", b"bits");
    let mut alice = Client::login(&sandbox, "alice").await;
    let bot = sandbox.control().mid("bot").expect("it is there");
    let sent = alice.ok("SendFile", json!({"to": bot, "path": root.join("a.bin")})).await;
    let outside = elsewhere.path().join("secret");
    let outside = outside.to_str().expect("text");
    for path in ["link/secret", "file-link", outside, "../secret", "a.bin/x", "nul\u{0}l"] {
        assert_eq!(alice.refused("SendFile", json!({"to": bot, "path": path})).await, "NOT_FOUND", "{path}");
    }
    for path in ["link/new", outside, "../new", ".sandbox/new", ".", "", "a.bin/x", "nul\u{0}l"] {
        let save = json!({"msg_id": sent["id"], "path": path});
        assert_eq!(alice.refused("DownloadFile", save).await, "NOT_FOUND", "{path}");
    }
    // A link at the target itself is replaced, not followed.
    alice.ok("DownloadFile", json!({"msg_id": sent["id"], "path": "file-link"})).await;
    assert_eq!(std::fs::read(elsewhere.path().join("secret")).expect("still there"), b"s");
    assert_eq!(std::fs::read_dir(elsewhere.path()).expect("a folder").count(), 1);
    assert_eq!(read(&sandbox, "file-link"), b"bits");
}

#[tokio::test]
async fn a_temporary_folder_goes_with_its_sandbox() {
    let sandbox = sandbox().await;
    let root = sandbox.files().expect("a folder");
    assert!(root.is_dir());
    sandbox.stop().await;
    assert!(!root.exists());
}

#[tokio::test]
async fn a_request_that_does_not_end_does_not_hold_up_the_end() {
    let sandbox = sandbox().await;
    let picture = picture(&sandbox).await;
    let mut half = tokio::net::TcpStream::connect(address(&picture)).await.expect("it listens");
    half.write_all(b"POST /upload/x HTTP/1.1\r\nHo").await.expect("it takes some");
    // Connections are taken in their order: this one's answer shows that the other one is taken.
    fetch(&picture).await;
    let patience = std::time::Duration::from_secs(20);
    tokio::time::timeout(patience, sandbox.stop()).await.expect("it ends");
}

#[tokio::test]
async fn everyone_has_a_picture() {
    let sandbox = sandbox().await;
    assert!(fetch(&picture(&sandbox).await).await.starts_with(b"\x89PNG"));
}
