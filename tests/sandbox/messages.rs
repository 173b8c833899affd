//! Texts, places and contacts, and what the control interface sees and does.

use serde_json::{Value, json};

use crate::client::{Client, sandbox};

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
    let place = json!({"to": bot.mid, "title": "Tower", "address": "Tokyo", "latitude": 35.5, "longitude": 139.0});
    alice.ok("SendLocation", place).await;
    let message = bot.event("RECEIVE_MESSAGE").await;
    assert_eq!((&message["contentType"], &message["text"]), (&json!("LOCATION"), &Value::Null));
    assert_eq!(message["contentMetadata"]["latitude"], "35.5");
    let card = "BEGIN:VCARD\nFN:Bob\nEND:VCARD";
    let contact = |what: &str, is_mid: bool| json!({"to": bot.mid, "displayName": "Bob", "contactMidOrVcard": what, "contactIsMid": is_mid});
    let (by_mid, by_card) = (contact(&alice.mid.clone(), true), contact(card, false));
    assert_eq!(alice.refused("SendContact", contact("no card", false)).await, "MALFORMED");
    alice.ok("SendContact", by_mid).await;
    let message = bot.event("RECEIVE_MESSAGE").await;
    assert_eq!(message["contentMetadata"], json!({"mid": alice.mid, "displayName": "Bob"}));
    alice.ok("SendContact", by_card).await;
    let message = bot.event("RECEIVE_MESSAGE").await;
    assert_eq!(message["contentType"], "NONE");
    assert_eq!(message["contentMetadata"], json!({"ORGCONTP": "CONTACT", "vCard": card, "displayName": "Bob"}));
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
