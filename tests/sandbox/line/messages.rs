//! Messages between people and the official account: by reply, by push, to many.

use std::time::Duration;

use hotline::protocol::Request;
use hotline::protocol::commands::CreateGroup;
use hotline::sandbox::{Draft, SentBy};
use reqwest::Method;
use serde_json::{Value, json};

use super::bot::{Bot, line_id, read, with};
use crate::sandbox::client::Client;

#[tokio::test]
async fn a_person_writes_and_the_bot_replies_once_with_the_token_that_came_along() {
    let mut bot = Bot::start().await;
    bot.control().say("alice", "shop", "hi").expect("she can write");
    let event = bot.event_of("message").await;
    let alice = bot.id("alice");
    assert_eq!(event["source"], json!({ "type": "user", "userId": alice }));
    assert_eq!((&event["message"]["type"], &event["message"]["text"]), (&json!("text"), &json!("hi")));
    assert_eq!(event["deliveryContext"], json!({ "isRedelivery": false }));
    assert_eq!(event["webhookEventId"].as_str().map(str::len), Some(26));
    let (status, answer) = bot.reply(&event, "hello").await;
    assert_eq!((status, answer["sentMessages"].as_array().map(Vec::len)), (200, Some(1)));
    assert_eq!(bot.texts("alice"), ["hi", "hello"]);
    let (status, answer) = bot.reply(&event, "again").await;
    assert_eq!((status, answer), (400, json!({ "message": "Invalid reply token" })));
    assert_eq!((bot.official().count(SentBy::Reply), bot.official().count(SentBy::Push)), (1, 0));
}

#[tokio::test]
async fn a_reply_token_lives_for_a_minute_and_anew_when_its_event_comes_again() {
    let mut bot = Bot::start().await;
    bot.control().say("alice", "shop", "hi").expect("she can write");
    let event = bot.event_of("message").await;
    bot.clock.advance(Duration::from_secs(61));
    assert_eq!(bot.reply(&event, "too late").await.0, 400);
    assert!(bot.official().redeliver(event["webhookEventId"].as_str().expect("an id")));
    let again = bot.event_of("message").await;
    assert_eq!(again["deliveryContext"], json!({ "isRedelivery": true }));
    let same = |name: &str| assert_eq!(again[name], event[name], "{name}");
    ["webhookEventId", "replyToken", "message"].into_iter().for_each(same);
    assert_eq!(bot.reply(&again, "in time").await.0, 200);
    assert_eq!(bot.texts("alice"), ["hi", "in time"]);
}

#[tokio::test]
async fn a_push_reaches_those_who_know_the_account() {
    let mut bot = Bot::start().await;
    let (alice, dave) = (bot.id("alice"), bot.id("dave"));
    assert_eq!(bot.push(&alice, "hi").await, (400, json!({ "message": "Failed to send messages" })));
    bot.official().follow("alice").expect("she can");
    assert_eq!(bot.event_of("follow").await["follow"], json!({ "isUnblocked": false }));
    assert_eq!(bot.push(&alice, "welcome").await.0, 200);
    assert_eq!(bot.texts("alice"), ["welcome"]);
    bot.control().say("dave", "shop", "hi").expect("he can write");
    assert_eq!(bot.push(&dave, "I do not know you").await.0, 200);
    bot.official().unfollow("alice").expect("she can");
    bot.event_of("message").await;
    assert_eq!(bot.event_of("unfollow").await["source"]["userId"], json!(alice));
    assert_eq!(bot.push(&alice, "come back").await.0, 200);
    assert_eq!(bot.texts("alice"), ["welcome"]);
    bot.official().follow("alice").expect("she can");
    assert_eq!(bot.event_of("follow").await["follow"], json!({ "isUnblocked": true }));
    assert_eq!(bot.official().count(SentBy::Push), 2);
    let malformed = bot.push("alice", "hi").await;
    let message = "The property, 'to', in the request body is invalid (line: -, column: -)";
    assert_eq!(malformed, (400, json!({ "message": message })));
}

#[tokio::test]
async fn an_invitation_is_accepted_at_once_and_the_group_can_be_written_to() {
    let mut bot = Bot::start().await;
    let control = bot.control();
    let shop = control.mid("shop").expect("it is there");
    let request = Request::CreateGroup(CreateGroup { name: "Trip".to_owned(), mids: vec![shop.clone()] });
    let group = control.act("alice", request).await.expect("she can");
    assert!(group["groupExtra"]["memberMids"].get(&shop).is_some(), "{group}");
    let mid = group["chatMid"].as_str().expect("a mid");
    let join = bot.event_of("join").await;
    assert_eq!(join["source"], json!({ "type": "group", "groupId": line_id(mid) }));
    assert_eq!(bot.reply(&join, "thanks").await.0, 200);
    assert_eq!(bot.push(&line_id(mid), "where to?").await.0, 200);
    let chat = control.chat("alice", mid);
    assert_eq!(chat.iter().filter_map(|message| message.text.as_deref()).collect::<Vec<_>>(), ["thanks", "where to?"]);
    control.say("alice", mid, "Kyoto").expect("she can write");
    let event = bot.event_of("message").await;
    assert_eq!(event["source"], json!({ "type": "group", "groupId": line_id(mid), "userId": bot.id("alice") }));
}

#[tokio::test]
async fn the_same_retry_key_counts_once() {
    let bot = Bot::start().await;
    bot.official().follow("alice").expect("she can");
    let body = json!({ "to": bot.id("alice"), "messages": [{ "type": "text", "text": "once" }] });
    let push = async |key: &str| {
        let request = bot.request(Method::POST, "/v2/bot/message/push").header("x-line-retry-key", key);
        let response = with(request, &body).send().await.expect("it is answered");
        let header = |name: &str| response.headers().get(name).map(|value| value.to_str().expect("a text").to_owned());
        let ids = (header("x-line-request-id"), header("x-line-accepted-request-id"));
        (ids, read(response).await)
    };
    let key = "123e4567-e89b-12d3-a456-426614174000";
    let ((first, _), (status, sent)) = push(key).await;
    assert_eq!(status, 200);
    let ((second, accepted), (status, answer)) = push(key).await;
    assert_eq!((status, &answer["sentMessages"]), (409, &sent["sentMessages"]));
    assert!(accepted == first && second != first);
    assert_eq!(push("no uuid").await.1.0, 400);
    bot.clock.advance(Duration::from_secs(24 * 60 * 60));
    assert_eq!(push(key).await.1.0, 200);
    assert_eq!(bot.texts("alice"), ["once", "once"]);
}

#[tokio::test]
async fn what_is_wrong_with_messages_is_said_and_nothing_is_sent() {
    let bot = Bot::start().await;
    bot.official().follow("alice").expect("she can");
    let push = |messages: Value| json!({ "to": bot.id("alice"), "messages": messages });
    let six = json!(vec![json!({ "type": "text", "text": "x" }); 6]);
    for (messages, property) in [
        (json!([]), "messages"),
        (six, "messages"),
        (json!([{ "type": "text", "text": "x".repeat(5_001) }]), "messages[0].text"),
        (json!([{ "type": "text", "text": "x" }, { "type": "text" }]), "messages[1].text"),
    ] {
        let (status, answer) = bot.call(Method::POST, "/v2/bot/message/push", push(messages)).await;
        assert_eq!((status, &answer["details"][0]["property"]), (400, &json!(property)), "{answer}");
    }
    assert_eq!(bot.texts("alice"), [""; 0]);
}

#[tokio::test]
async fn the_months_messages_come_to_an_end_and_replies_go_on() {
    let mut bot = Bot::start_with(|config| config.official.monthly_quota = Some(2)).await;
    for who in ["alice", "bob"] {
        bot.official().follow(who).expect("they can");
        bot.event_of("follow").await;
    }
    let text = json!([{ "type": "text", "text": "news" }]);
    bot.ok(Method::POST, "/v2/bot/message/broadcast", json!({ "messages": text })).await;
    assert_eq!(bot.get("/v2/bot/message/quota").await, json!({ "type": "limited", "value": 2 }));
    assert_eq!(bot.get("/v2/bot/message/quota/consumption").await, json!({ "totalUsage": 2 }));
    let limit = json!({ "message": "You have reached your monthly limit." });
    assert_eq!(bot.push(&bot.id("alice"), "more").await, (429, limit));
    bot.control().say("alice", "shop", "hi").expect("she can write");
    let event = bot.event_of("message").await;
    assert_eq!(bot.reply(&event, "hello").await.0, 200);
    let count = bot.get("/v2/bot/message/delivery/broadcast?date=20260115").await;
    assert_eq!(count, json!({ "status": "ready", "success": 2 }));
    // The next month begins.
    bot.clock.advance(Duration::from_secs(20 * 24 * 60 * 60));
    assert_eq!(bot.push(&bot.id("alice"), "more").await.0, 200);
    assert_eq!(bot.texts("alice"), ["news", "hi", "hello", "more"]);
}

#[tokio::test]
async fn a_button_is_pressed_by_what_stands_on_it() {
    let mut bot = Bot::start().await;
    bot.control().say("alice", "shop", "order").expect("she can write");
    let event = bot.event_of("message").await;
    let postback =
        |label: &str, shown: Value| json!({ "type": "postback", "label": label, "data": label, "displayText": shown });
    let actions = [postback("S", Value::Null), postback("L", json!("A large one"))];
    let template = json!({ "type": "confirm", "text": "Which size?", "actions": actions });
    let chip = json!({ "type": "action", "action": { "type": "message", "label": "Help", "text": "Help me" } });
    let question = json!([
        { "type": "template", "altText": "Which size?", "template": template, "quickReply": { "items": [chip] } },
    ]);
    let reply = json!({ "replyToken": event["replyToken"], "messages": question });
    bot.ok(Method::POST, "/v2/bot/message/reply", reply).await;
    let seen = bot.control().chat("alice", "shop").pop().expect("a message");
    assert_eq!((seen.content_type.as_str(), seen.content_metadata["ALT_TEXT"].as_str()), ("FLEX", "Which size?"));
    assert_eq!(seen.content_metadata["BUTTONS"], r#"["Help","S","L"]"#);
    bot.official().choose("alice", None, "L", None).expect("there is one");
    assert_eq!(bot.event_of("postback").await["postback"], json!({ "data": "L" }));
    let missing = bot.official().choose("alice", None, "XL", None).expect_err("there is none");
    assert!(missing.content.ends_with(r#"the latest message has "Help", "S", "L""#), "{}", missing.content);
    // A client of the gateway presses one by its words.
    let mut alice = Client::login(&bot.sandbox, "alice").await;
    let shop = bot.control().mid("shop").expect("it is there");
    alice.ok("SendText", json!({ "to": shop, "content": "S" })).await;
    assert_eq!(bot.event_of("postback").await["postback"], json!({ "data": "S" }));
    alice.ok("SendText", json!({ "to": shop, "content": "Help" })).await;
    assert_eq!(bot.event_of("message").await["message"]["text"], "Help me");
    assert_eq!(bot.texts("alice"), ["order", "A large one", "S", "Help me"]);
}

#[tokio::test]
async fn people_see_every_kind_of_message_as_one_of_theirs() {
    let bot = Bot::start().await;
    bot.official().follow("alice").expect("she can");
    let mut alice = Client::login(&bot.sandbox, "alice").await;
    let (picture, small) = ("https://example.com/a.jpg", "https://example.com/b.jpg");
    let action = json!({ "type": "uri", "label": "Open", "uri": "https://example.com" });
    let area = json!({ "x": 0, "y": 0, "width": 10, "height": 10 });
    let imagemap = json!([{ "type": "uri", "linkUri": "https://example.com", "area": area }]);
    let box_of_text = json!({ "type": "box", "layout": "vertical", "contents": [{ "type": "text", "text": "hi" }] });
    let substitution =
        json!({ "you": { "type": "mention", "mentionee": { "type": "user", "userId": bot.id("alice") } } });
    let sender = json!({ "name": "Cony" });
    for (message, kind, text) in [
        (json!({ "type": "text", "text": "hi", "sender": sender }), "NONE", Some("hi")),
        (json!({ "type": "textV2", "text": "hi {you}", "substitution": substitution }), "NONE", Some("hi @you")),
        (json!({ "type": "sticker", "packageId": "446", "stickerId": "1988" }), "STICKER", None),
        (json!({ "type": "image", "originalContentUrl": picture, "previewImageUrl": small }), "IMAGE", None),
        (
            json!({ "type": "video", "originalContentUrl": picture, "previewImageUrl": small, "trackingId": "t" }),
            "VIDEO",
            None,
        ),
        (json!({ "type": "audio", "originalContentUrl": picture, "duration": 5_000 }), "AUDIO", None),
        (
            json!({ "type": "location", "title": "A", "address": "B", "latitude": 1.5, "longitude": 2.5 }),
            "LOCATION",
            None,
        ),
        (
            json!({
                "type": "imagemap", "altText": "map", "baseUrl": picture, "baseSize": { "width": 1040, "height": 1040 },
                "actions": imagemap,
            }),
            "FLEX",
            None,
        ),
        (
            json!({ "type": "template", "altText": "t", "template": { "type": "buttons", "text": "t", "actions": [action] } }),
            "FLEX",
            None,
        ),
        (
            json!({ "type": "flex", "altText": "f", "contents": { "type": "bubble", "body": box_of_text } }),
            "FLEX",
            None,
        ),
        (json!({ "type": "coupon", "couponId": "01K" }), "GIFT", None),
    ] {
        let push = json!({ "to": bot.id("alice"), "messages": [message] });
        let sent = bot.ok(Method::POST, "/v2/bot/message/push", push).await;
        // The client holds each frame to the protocol.
        let seen = alice.event("RECEIVE_MESSAGE").await;
        assert_eq!((&seen["contentType"], &seen["text"]), (&json!(kind), &json!(text)), "{message}");
        assert_eq!(seen["id"], sent["sentMessages"][0]["id"]);
        let can_be_quoted = sent["sentMessages"][0].get("quoteToken").is_some();
        assert_eq!(can_be_quoted, !["AUDIO", "LOCATION"].contains(&kind), "{message}");
    }
}

#[tokio::test]
async fn a_message_can_quote_another_by_its_token() {
    let mut bot = Bot::start().await;
    bot.control().say("alice", "shop", "when do you open?").expect("she can write");
    let event = bot.event_of("message").await;
    let message = json!({ "type": "text", "text": "at nine", "quoteToken": event["message"]["quoteToken"] });
    let reply = json!({ "replyToken": event["replyToken"], "messages": [message] });
    let sent = bot.ok(Method::POST, "/v2/bot/message/reply", reply).await;
    let seen = bot.control().chat("alice", "shop").pop().expect("a message");
    assert_eq!(json!(seen.content_metadata["QUOTED_MESSAGE_ID"]), event["message"]["id"]);
    let thanks = Draft::text("thanks").with("QUOTED_MESSAGE_ID", seen.id);
    bot.control().post("alice", "shop", thanks).expect("she can write");
    let event = bot.event_of("message").await;
    assert_eq!(event["message"]["quotedMessageId"], sent["sentMessages"][0]["id"]);
    let wrong = json!({ "type": "text", "text": "hi", "quoteToken": "no token" });
    let reply = json!({ "replyToken": event["replyToken"], "messages": [wrong] });
    let (status, answer) = bot.call(Method::POST, "/v2/bot/message/reply", reply).await;
    let message = "The property, 'messages[0].quoteToken', in the request body is invalid (line: -, column: -)";
    assert_eq!((status, answer), (400, json!({ "message": message })));
}

#[tokio::test]
async fn a_restart_keeps_what_was_said_and_ends_the_tokens() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = || Some(folder.path().join("world"));
    let mut bot = Bot::start_with(|config| config.data = data()).await;
    bot.control().say("alice", "shop", "hi").expect("she can write");
    let event = bot.event_of("message").await;
    assert_eq!(bot.push(&bot.id("alice"), "hello").await.0, 200);
    drop(bot);
    let mut bot = Bot::start_with(|config| config.data = data()).await;
    assert_eq!(bot.texts("alice"), ["hi", "hello"]);
    bot.control().say("alice", "shop", "anyone there?").expect("she can write");
    let next = bot.event_of("message").await;
    assert_ne!(next["webhookEventId"], event["webhookEventId"]);
    assert_eq!((bot.reply(&event, "late").await.0, bot.reply(&next, "yes").await.0), (400, 200));
}
