//! Texts, places and contacts, and what the control interface sees and does.

use std::sync::{Arc, Mutex};

use hotline::sandbox::{ContentType, Draft, Heard, Operation, Tap, Way};
use serde_json::{Value, json};

use crate::sandbox::client::{Client, sandbox, sandbox_with};
use crate::wire;

#[tokio::test]
async fn a_text_arrives_as_it_was_sent() {
    let sandbox = sandbox().await;
    let mut alice = Client::login(&sandbox, "alice").await;
    let mut bot = Client::login(&sandbox, "bot").await;
    for content in ["ping", "\u{1f980} \"quoted\"\n\\ \u{0}", &"x".repeat(10_000)] {
        let sent = alice.ok("SendText", json!({"to": bot.mid, "content": content})).await;
        assert_eq!(sent["to"], json!(bot.mid));
        let expected = json!({
            "id": sent["id"], "from": alice.mid, "to": bot.mid, "text": content, "timestamp": sent["timestamp"],
            "contentType": "NONE", "contentMetadata": {},
        });
        assert_eq!(bot.event("RECEIVE_MESSAGE").await, expected);
    }
    let too_long = json!({"to": bot.mid, "content": "x".repeat(10_001)});
    assert_eq!(alice.refused("SendText", too_long).await, "INVALID_LENGTH");
}

#[tokio::test]
async fn places_and_contacts_carry_what_they_are_in_their_metadata() {
    let sandbox = sandbox().await;
    let mut alice = Client::login(&sandbox, "alice").await;
    let mut bot = Client::login(&sandbox, "bot").await;
    let place = json!({"to": bot.mid, "title": "Tower", "address": "Tokyo", "latitude": 35.658_580_400_000_005, "longitude": 139.0});
    alice.ok("SendLocation", place).await;
    let message = bot.event("RECEIVE_MESSAGE").await;
    assert_eq!((&message["contentType"], &message["text"]), (&json!("LOCATION"), &Value::Null));
    assert_eq!(message["contentMetadata"]["latitude"], "35.658580400000005");
    let card = "BEGIN:VCARD\nFN:Bob\nEND:VCARD";
    let contact = |what: &str, is_mid: bool| json!({"to": bot.mid, "displayName": "Bob", "contactMidOrVcard": what, "contactIsMid": is_mid});
    let (by_mid, by_card) = (contact(&alice.mid.clone(), true), contact(card, false));
    assert_eq!(alice.refused("SendContact", contact("no card", false)).await, "MALFORMED");
    alice.ok("SendContact", by_mid).await;
    let message = bot.event("RECEIVE_MESSAGE").await;
    assert_eq!(message["contentMetadata"], json!({"mid": alice.mid, "displayName": "Bob"}));
    alice.ok("SendContact", by_card).await;
    let message = bot.event("RECEIVE_MESSAGE").await;
    assert_eq!((&message["contentType"], &message["text"]), (&json!("NONE"), &json!("Bob")));
    assert_eq!(message["contentMetadata"], json!({"ORGCONTP": "CONTACT", "vCard": card}));
}

#[tokio::test]
async fn the_control_interface_speaks_reads_and_drops_connections() {
    let sandbox = sandbox().await;
    let control = sandbox.control();
    let mut bot = Client::login(&sandbox, "bot").await;
    control.say("alice", "bot", "ping").expect("alice may write");
    assert_eq!(bot.event("RECEIVE_MESSAGE").await["text"], "ping");
    let alice = control.mid("alice").expect("she is there");
    bot.ok("SendText", json!({"to": alice, "content": "pong"})).await;
    let texts: Vec<_> = control.chat("alice", "bot").into_iter().filter_map(|message| message.text).collect();
    assert_eq!(texts, ["ping", "pong"]);
    assert_eq!(control.drop_connections("bot"), 1);
    assert_eq!(bot.text().await, None);
    assert_eq!(control.connections("bot"), 0);
}

#[tokio::test]
async fn a_watcher_sees_what_an_account_is_sent_and_counts_as_no_connection() {
    let sandbox = sandbox().await;
    let control = sandbox.control();
    let mut watcher = control.watch("alice").expect("she is there");
    let mut bot = Client::login(&sandbox, "bot").await;
    let alice = control.mid("alice").expect("she is there");
    bot.ok("SendText", json!({"to": alice, "content": "pong"})).await;
    let event = watcher.next().await.expect("the sandbox lives");
    assert_eq!((&*event.subcommand, event.content.value()["text"].clone()), ("RECEIVE_MESSAGE", json!("pong")));
    assert_eq!(watcher.try_next(), None);
    assert_eq!(control.connections("alice"), 0);
    sandbox.stop().await;
    assert_eq!(watcher.next().await, None);
}

#[tokio::test]
async fn what_no_command_causes_the_control_interface_does() {
    let sandbox = sandbox().await;
    let control = sandbox.control();
    let mut bot = Client::login(&sandbox, "bot").await;
    let mid = |name: &str| control.mid(name).expect("they are there");
    let (alice, bob) = (mid("alice"), mid("bob"));
    let group = control.create_group("tea", &["alice", "bot", "bob"]).expect("all are there");
    let sent = bot.ok("SendText", json!({"to": group, "content": "hi"})).await["id"].as_str().expect("text").to_owned();
    control.operate(Operation::Read { by: alice.clone(), msg_id: sent.clone() }).expect("she is a member");
    let content = json!({"chat": group, "mid": alice, "msg_id": sent});
    assert_eq!(bot.event("NOTIFIED_READ_MESSAGE").await, content);
    control.operate(Operation::React { by: alice.clone(), msg_id: sent.clone() }).expect("she is a member");
    assert_eq!(bot.event("NOTIFIED_SEND_REACTION").await, content);
    let said = control.say("alice", &group, "oops").expect("she is a member");
    bot.event("RECEIVE_MESSAGE").await;
    control.operate(Operation::Unsend { by: alice.clone(), msg_id: said.id.clone() }).expect("it is hers");
    assert_eq!(bot.event("NOTIFIED_DESTROY_MESSAGE").await, json!({"chat": group, "msg_id": said.id}));
    control.operate(Operation::Unsend { by: alice.clone(), msg_id: sent }).expect_err("it is not hers");
    let kick = Operation::Kick { group: group.clone(), by: alice.clone(), target: bob.clone() };
    control.operate(kick).expect("both are members");
    let content = json!({"group_id": group, "mid": alice, "target": bob});
    assert_eq!(bot.event("NOTIFIED_DELETE_OTHER_FROM_CHAT").await, content);
    control
        .post(
            "alice",
            "bot",
            Draft::new(ContentType::Sticker).with("STKID", "7").with("STKPKGID", "1").with("STKVER", "1"),
        )
        .expect("she may");
    let message = bot.event("RECEIVE_MESSAGE").await;
    assert_eq!(
        (&message["contentType"], &message["contentMetadata"]),
        (&json!("STICKER"), &json!({"STKID": "7", "STKPKGID": "1", "STKVER": "1"}))
    );
    control.operate(Operation::Unregister { account: alice.clone() }).expect("she is there");
    assert_eq!(bot.event("NOTIFIED_DELETE_SELF_FROM_CHAT").await, json!({"group_id": group, "mid": alice}));
    assert_eq!(bot.refused("SendText", json!({"to": alice, "content": "x"})).await, "NOT_FOUND");
}

#[tokio::test]
async fn a_revoked_certificate_is_refused_and_an_unknown_one_counts_as_none() {
    let sandbox = sandbox().await;
    let mut bot = Client::connect(&sandbox).await;
    let cert = bot.try_login("bot@sandbox.test", "sandbox", "").await.expect("right")["cert"].clone();
    let cert = cert.as_str().expect("text").to_owned();
    let account = sandbox.control().mid("bot").expect("it is there");
    sandbox.control().operate(Operation::RevokeCertificates { account }).expect("it is there");
    let refused = bot.try_login("bot@sandbox.test", "sandbox", &cert).await;
    assert_eq!(refused.map_err(|(code, _)| code), Err(8));
    let content = bot.try_login("bot@sandbox.test", "sandbox", "of another world").await.expect("as without one");
    assert_ne!(content["cert"], json!("of another world"));
}

#[tokio::test]
async fn a_tap_hears_every_frame_both_ways() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let tap = Tap::new({
        let heard = Arc::clone(&heard);
        let mut checker = wire::Checker::default();
        let checker = Mutex::new(move |frame: Heard<'_>| checker.hear(&frame));
        move |frame| {
            let mut check = checker.lock().expect("no panic");
            check(frame).expect("it is a frame of the protocol");
            heard.lock().expect("no panic").push(frame.way);
        }
    });
    let sandbox = sandbox_with(|config| config.tap = Some(tap)).await;
    let mut bot = Client::login(&sandbox, "bot").await;
    bot.ok("GetProfile", json!({})).await;
    sandbox.control().say("alice", "bot", "ping").expect("sent");
    bot.event("RECEIVE_MESSAGE").await;
    assert_eq!(*heard.lock().expect("no panic"), [Way::In, Way::Out, Way::In, Way::Out, Way::Out]);
}
