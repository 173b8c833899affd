//! What an account is told that was away: everything that came meanwhile, once, right after its login.

use hotline::sandbox::{InjectedFault, Traffic, Trouble, When};
use serde_json::json;

use crate::sandbox::client::{Client, sandbox, sandbox_with};
use crate::sandbox::persistence::Child;

async fn texts(client: &mut Client, count: usize) -> Vec<String> {
    let mut texts = Vec::new();
    for _ in 0..count {
        texts.push(client.event("RECEIVE_MESSAGE").await["text"].as_str().expect("a text").to_owned());
    }
    texts
}

#[tokio::test]
async fn who_was_away_learns_of_everything_in_order_and_once() {
    let sandbox = sandbox().await;
    let mut alice = Client::login(&sandbox, "alice").await;
    let bot = sandbox.control().mid("bot").expect("it is there");
    alice.ok("SendText", json!({"to": bot, "content": "hello"})).await;
    let chat = alice.ok("CreateGroup", json!({"name": "tea", "mids": [bot]})).await;
    alice.ok("SendText", json!({"to": bot, "content": "come in"})).await;
    let mut bot = Client::login(&sandbox, "bot").await;
    assert_eq!(texts(&mut bot, 1).await, ["hello"]);
    assert_eq!(bot.event("NOTIFIED_INVITE_INTO_CHAT").await["group_id"], chat["chatMid"]);
    assert_eq!(texts(&mut bot, 1).await, ["come in"]);
    let mut second = Client::login(&sandbox, "bot").await;
    second.expect_silence().await;
    drop(second);
    bot.expect_silence().await;
    bot.leave(&sandbox, "bot").await;
    // Nobody is told of what they did themselves.
    alice.expect_silence().await;
    let mut bot = Client::login(&sandbox, "bot").await;
    bot.expect_silence().await;
}

#[tokio::test]
async fn what_was_sent_before_a_drop_arrives_before_it_and_what_came_after_at_the_next_login() {
    let sandbox = sandbox().await;
    let control = sandbox.control();
    let mut bot = Client::login(&sandbox, "bot").await;
    for number in 0..100 {
        control.say("alice", "bot", &number.to_string()).expect("sent");
    }
    assert_eq!(control.drop_connections("bot"), 1);
    control.say("alice", "bot", "later").expect("sent");
    let heard = texts(&mut bot, 100).await;
    assert_eq!(heard.last().map(String::as_str), Some("99"));
    assert_eq!(bot.text().await, None);
    let mut bot = Client::login(&sandbox, "bot").await;
    assert_eq!(texts(&mut bot, 1).await, ["later"]);
    bot.expect_silence().await;
}

#[tokio::test]
async fn an_event_that_a_fault_drops_the_connection_for_comes_at_the_next_login_and_a_swallowed_one_never() {
    let sandbox = sandbox().await;
    let control = sandbox.control();
    let mut bot = Client::login(&sandbox, "bot").await;
    let fault =
        |trouble| InjectedFault { account: Some("bot".to_owned()), on: Traffic::Events, trouble, when: When::Next(1) };
    control.say("alice", "bot", "before").expect("sent");
    control.inject(fault(Trouble::Swallow)).expect("it is there");
    control.say("alice", "bot", "swallowed").expect("sent");
    control.inject(fault(Trouble::Drop)).expect("it is there");
    control.say("alice", "bot", "dropped").expect("sent");
    assert_eq!(texts(&mut bot, 1).await, ["before"]);
    assert_eq!(bot.text().await, None);
    let mut bot = Client::login(&sandbox, "bot").await;
    assert_eq!(texts(&mut bot, 1).await, ["dropped"]);
    bot.expect_silence().await;
}

#[tokio::test]
async fn a_stop_keeps_what_those_who_are_away_missed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.db");
    let kept = || sandbox_with(|config| config.data = Some(path.clone()));
    let sandbox = kept().await;
    let mut bob = Client::login(&sandbox, "bob").await;
    bob.ok("GetProfile", json!({})).await;
    sandbox.control().say("alice", "bot", "hello").expect("sent");
    sandbox.stop().await;
    let sandbox = kept().await;
    let mut bot = Client::login(&sandbox, "bot").await;
    assert_eq!(texts(&mut bot, 1).await, ["hello"]);
    Client::login(&sandbox, "bob").await.expect_silence().await;
}

#[tokio::test]
async fn after_a_kill_the_one_who_comes_back_last_misses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.db");
    let mut ids = Vec::new();
    let child = Child::start(&path).await;
    let mut alice = child.login("alice").await;
    let mut bob = child.login("bob").await;
    for number in 0..20 {
        let content = json!({"to": bob.mid, "content": format!("before {number}")});
        ids.push(alice.ok("SendText", content).await["id"].clone());
    }
    // bob has read half of it when the end comes.
    let read: Vec<_> = texts(&mut bob, 10).await;
    assert_eq!(read.last().map(String::as_str), Some("before 9"));
    child.kill();

    let child = Child::start(&path).await;
    let mut alice = child.login("alice").await;
    for number in 0..20 {
        let content = json!({"to": bob.mid, "content": format!("after {number}")});
        ids.push(alice.ok("SendText", content).await["id"].clone());
    }
    child.kill();

    let child = Child::start(&path).await;
    let mut alice = child.login("alice").await;
    ids.push(alice.ok("SendText", json!({"to": bob.mid, "content": "last"})).await["id"].clone());
    let mut bob = child.login("bob").await;
    let mut told = Vec::new();
    while told.last() != ids.last() {
        told.push(bob.event("RECEIVE_MESSAGE").await["id"].clone());
    }
    // Of what he had read, the last seconds come again.
    assert!(ids.ends_with(&told) && told.len() >= 31, "{told:?} of {ids:?}");
    alice.expect_silence().await;
    // What a further connection of his gets is what comes from now on.
    child.login("bob").await.expect_silence().await;
}
