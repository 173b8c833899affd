//! What comes to the listener: signatures, bodies that are none, repetitions, events of every kind.

use hotline::protocol::Request;
use hotline::protocol::commands::CreateGroup;
use hotline::protocol::line::sign;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::line::scene::Scene;

const SCRIPT: &str = r#"
fn on_notify(subcommand, content) {
    if subcommand == "novelty" || subcommand == "standby" { log_info(`saw ${subcommand} ${content.webhookEventId}`); }
}
fn on_message(msg) { msg.reply(`${msg.text} in ${if msg.is_group { "a group" } else { "private" }}`); }
fn on_join(event) { if event.me { send_text(event.group_id, "Hello everyone!"); } else { send_text(event.group_id, `Hi, ${event.person.name}`); } }
fn on_leave(event) { if event.me { log_info(`left ${event.group_id}`); } }
fn on_contact_added(event) { log_info(`added by ${event.mid}, again: ${event.unblocked}`); }
fn on_contact_removed(event) { log_info(`removed by ${event.mid}`); }
fn on_postback(event) { send_text(event.chat, `pressed ${event.data} ${event.params}`); }
fn on_unsend(event) { log_info(`took back ${event.msg_id}`); }
fn on_error(error) { log_error(error.card); }
"#;

#[tokio::test]
async fn a_webhook_that_is_none_is_turned_away_in_words() {
    let scene = Scene::new(SCRIPT).await;
    let good = scene.webhook(&json!([]));
    let other = json!({ "destination": "U0", "events": [{ "type": "message" }] }).to_string();
    for (path, secret, body, status, words) in [
        ("/webhook/main", "sandbox", good.as_str(), 200, ""),
        ("/webhook/main", "wrong", &good, 401, "the signature is not that of this body under the channel secret"),
        ("/webhook/other", "sandbox", &good, 404, "no session of this name takes webhooks here"),
        ("/webhook/main", "sandbox", "{", 400, "the body is no JSON"),
        ("/webhook/main", "sandbox", "[]", 400, "the body is no webhook of LINE"),
        ("/webhook/main", "sandbox", r#"{"destination":"U0","events":{}}"#, 400, "the body is no webhook of LINE"),
        ("/webhook/main", "sandbox", &other, 400, "this webhook is for U0, and the account of this session is U"),
    ] {
        let (found, text) = scene.posts(path, secret, body).await;
        assert_eq!(found.as_u16(), status, "{body}: {text}");
        assert!(text.starts_with(words), "{body}: {text}");
    }
    let url = format!("{}/webhook/main", scene.listen);
    let unsigned = scene.http.post(&url).body(good).send().await.expect("it listens");
    assert_eq!(unsigned.status(), StatusCode::UNAUTHORIZED);
    let read = scene.http.get(&url).send().await.expect("it listens");
    assert_eq!(read.status(), StatusCode::METHOD_NOT_ALLOWED);
    let large = "x".repeat(5 * 1024 * 1024);
    // The connection may be closed before the whole of it is written.
    if let Ok(response) = scene.http.post(&url).header("x-line-signature", "x").body(large).send().await {
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }
    for _ in 0..5 {
        assert_eq!(scene.posts("/webhook/main", "wrong", "{}").await.0, StatusCode::UNAUTHORIZED);
    }
    let log = scene.folder.log();
    assert_eq!(log.matches("WARN a webhook is turned away: the signature").count(), 1, "{log}");
    scene.end().await;
}

/// A posted webhook as its bytes, with these headers beside its signature.
fn posted(body: &str, headers: &str) -> String {
    let signature = sign(b"sandbox", body.as_bytes());
    format!("POST /webhook/main HTTP/1.1\r\nHost: x\r\nX-Line-Signature: {signature}\r\n{headers}\r\n")
}

#[tokio::test]
async fn nobody_who_does_not_know_the_secret_keeps_the_listener_busy() {
    let scene = Scene::new(SCRIPT).await;
    let body = scene.webhook(&json!([]));
    let chunked = "Transfer-Encoding: chunked\r\n";
    let whole = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let (one, more) = body.split_at(1);
    let endless = "x".repeat(5 * 1024 * 1024);
    let unsigned = "POST /webhook/main HTTP/1.1\r\nHost: x\r\n";
    let close = "Connection: close\r\n";
    for (request, status) in [
        // Nothing is read of a body that nobody signed, or that is for nobody.
        (format!("{unsigned}Content-Length: 1000000\r\n\r\n"), "401"),
        (format!("{unsigned}{chunked}\r\n"), "401"),
        ("POST /webhook/other HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n".to_owned(), "404"),
        ("POST /webhook/%ff HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n".to_owned(), "400"),
        ("POST /webhook/main/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n".to_owned(), "404"),
        ("HEAD /webhook/main HTTP/1.1\r\n\r\n".to_owned(), "405"),
        ("OPTIONS /webhook/main HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n".to_owned(), "405"),
        ("GET /webhook/%ff HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), "400"),
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), "404"),
        // A body comes in pieces, or all at once, and in full.
        (posted(&body, &format!("{close}Content-Length: {}\r\n", body.len())) + &*body, "200"),
        (posted(&body, &format!("{close}{chunked}")) + &*whole, "200"),
        (
            posted(&body, &format!("{close}{chunked}"))
                + &*format!("1\r\n{one}\r\n{:x}\r\n{more}\r\n0\r\n\r\n", more.len()),
            "200",
        ),
        (posted(&body, chunked) + "zz\r\n", "400"),
        (posted(&body, "Content-Length: 1, 2\r\n") + &*body, "400"),
        (posted(&body, &format!("{close}Content-Length: {}\r\n", body.len() - 1)) + &*body, "401"),
        (posted(&body, &format!("Content-Length: {}\r\n", endless.len())) + &*endless, "413"),
        (posted(&body, chunked) + &*format!("{:x}\r\n{endless}\r\n", endless.len()), "413"),
        // What is missing of it does not come.
        (posted(&body, chunked) + "5\r\n{", "408"),
    ] {
        let said = scene.asks(&request).await;
        let request = &request[..request.len().min(400)];
        assert_eq!(said.split(' ').nth(1), Some(status), "{request}: {said}");
    }
    scene.end().await;
}

#[tokio::test]
async fn a_session_of_any_name_takes_webhooks() {
    let mut scene = Scene::with("channel_token = \"sandbox\"\nname = \"Café / 1%? ..\"", SCRIPT).await;
    scene.says("hi");
    assert_eq!(scene.hears().await, "hi in private");
    assert!(scene.official.webhook().expect("it is set").ends_with("/webhook/Caf%C3%A9%20%2F%201%25%3F%20.."));
    scene.end().await;
}

#[tokio::test]
async fn what_comes_again_is_handled_once_in_another_process_too() {
    let mut scene = Scene::new(SCRIPT).await;
    let event = message("01HSAME", "one");
    let body = scene.webhook(&json!([event, event]));
    assert_eq!(scene.posts("/webhook/main", "sandbox", &body).await.0, StatusCode::OK);
    assert_eq!(scene.posts("/webhook/main", "sandbox", &body).await.0, StatusCode::OK);
    scene.folder.is_seen_through(100).await;
    scene.kill();
    scene.start();
    scene.folder.logs_times("logged in", 2).await;
    assert_eq!(scene.posts("/webhook/main", "sandbox", &body).await.0, StatusCode::OK);
    let next = scene.webhook(&json!([message("01HNEXT", "two")]));
    assert_eq!(scene.posts("/webhook/main", "sandbox", &next).await.0, StatusCode::OK);
    scene.folder.is_seen_through(100).await;
    let events = scene.folder.journal().events(100).expect("the journal can be read");
    let count = |id: &str| events.iter().filter(|handling| handling.event.content.as_str().contains(id)).count();
    assert_eq!((count("01HSAME"), count("01HNEXT")), (1, 1));
    scene.end().await;
}

/// A message whose token is none of the sandbox's.
fn message(id: &str, text: &str) -> Value {
    json!({
        "type": "message", "mode": "active", "timestamp": 1, "webhookEventId": id, "replyToken": "unknown",
        "deliveryContext": { "isRedelivery": false }, "source": { "type": "user", "userId": "U00000000000000000000000000000000" },
        "message": { "type": "text", "id": id, "text": text },
    })
}

#[tokio::test]
async fn events_reach_their_hooks() {
    let mut scene = Scene::new(SCRIPT).await;
    scene.folder.logs("added by U").await;
    scene.says("hi");
    assert_eq!(scene.hears().await, "hi in private");
    scene.official.press("alice", None, "order=tea", Some(json!({ "date": "2026-01-01" }))).expect("she is known");
    assert_eq!(scene.hears().await, r#"pressed order=tea {"date":"2026-01-01"}"#);
    let shop = scene.control.mid("shop").expect("it is known");
    let group = CreateGroup { name: "tea".to_owned(), mids: vec![shop] };
    let group = scene.control.act("alice", Request::CreateGroup(group)).await.expect("she can");
    let group = group["chatMid"].as_str().expect("a mid").to_owned();
    assert_eq!(scene.hears().await, "Hello everyone!");
    scene.control.say("alice", &group, "ho").expect("she is in it");
    assert_eq!(scene.hears().await, "ho in a group");
    scene.official.unfollow("alice").expect("both are known");
    scene.folder.logs("removed by U").await;
    scene.official.follow("alice").expect("both are known");
    scene.folder.logs("again: true").await;
    let strange = json!([{ "type": "novelty", "mode": "active", "webhookEventId": "01HNEW" }]);
    assert_eq!(scene.posts("/webhook/main", "sandbox", &scene.webhook(&strange)).await.0, StatusCode::OK);
    scene.folder.logs("saw novelty 01HNEW").await;
    let mut theirs = message("01HTHEIRS", "not for us");
    theirs["mode"] = "standby".into();
    assert_eq!(scene.posts("/webhook/main", "sandbox", &scene.webhook(&json!([theirs]))).await.0, StatusCode::OK);
    scene.folder.logs("saw standby 01HTHEIRS").await;
    scene.end().await;
}

#[tokio::test]
async fn somebody_without_an_id_is_answered_and_cannot_be_asked() {
    let script = r#"fn on_message(msg) {
        log_info(`from ${msg.sender.mid} ${msg.sender.name}`);
        try { msg.ask("Who are you?"); } catch (error) { log_info(error.message); }
    }"#;
    let scene = Scene::new(script).await;
    let mut event = message("01HNOBODY", "hi");
    event["source"] = json!({ "type": "group", "groupId": "C00000000000000000000000000000000" });
    assert_eq!(scene.posts("/webhook/main", "sandbox", &scene.webhook(&json!([event]))).await.0, StatusCode::OK);
    scene.folder.logs("nobody can be asked: the network does not say who wrote this message").await;
    scene.end().await;
}

#[tokio::test]
async fn a_bot_that_is_down_is_told_later() {
    let mut scene = Scene::new(SCRIPT).await;
    scene.folder.logs("added by U").await;
    scene.kill();
    scene.says("are you there?");
    scene.start();
    assert_eq!(scene.hears().await, "are you there? in private");
    scene.end().await;
}
