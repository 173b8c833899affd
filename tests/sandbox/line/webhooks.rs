//! Webhooks: what each says, and how they come where something goes wrong.

use std::time::Duration;

use hotline::protocol::commands::{InviteIntoGroup, LeaveGroup};
use hotline::protocol::{LINE, Request};
use hotline::sandbox::{ApiFault, ApiTrouble, ContentType, Draft, Operation, WebhookFault, WebhookTrouble, When};
use reqwest::Method;
use serde_json::{Value, json};

use super::bot::{Bot, line_id, with};

fn fault(trouble: WebhookTrouble, times: u32) -> WebhookFault {
    WebhookFault { event: None, trouble, when: When::Next(times) }
}

fn says(bot: &Bot, text: &str) {
    bot.control().say("alice", "shop", text).expect("she can write");
}

/// The texts of the next messages, each with whether it comes again.
async fn next(bot: &mut Bot, count: usize) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    for _ in 0..count {
        let event = bot.event_of("message").await;
        let text = event["message"]["text"].as_str().expect("a text").to_owned();
        found.push((text, event["deliveryContext"]["isRedelivery"] == json!(true)));
    }
    found
}

fn told(text: &str, again: bool) -> (String, bool) {
    (text.to_owned(), again)
}

/// Moves the clock to when the next webhook is sent again, once one waits for that.
async fn until_redelivery(bot: &Bot, after: Duration) {
    while bot.official().webhooks_waiting() != (0, 1) {
        tokio::task::yield_now().await;
    }
    bot.clock.advance(after);
}

#[tokio::test]
async fn a_webhook_that_is_not_taken_comes_again_later_and_at_last_no_more() {
    let mut bot = Bot::start_with(|config| config.official.redelivery = vec![Duration::from_secs(1); 2]).await;
    bot.answers(500);
    says(&bot, "one");
    assert_eq!(next(&mut bot, 1).await, [told("one", false)]);
    until_redelivery(&bot, Duration::from_secs(1)).await;
    assert_eq!(next(&mut bot, 1).await, [told("one", true)]);
    until_redelivery(&bot, Duration::from_secs(1)).await;
    assert_eq!(next(&mut bot, 1).await, [told("one", true)]);
    bot.answers(200);
    says(&bot, "two");
    assert_eq!(next(&mut bot, 1).await, [told("two", false)]);
    while bot.official().webhooks_waiting() != (0, 0) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_webhook_can_come_twice_or_never_or_after_the_next_one() {
    let mut bot = Bot::start().await;
    bot.official().trouble_webhooks(fault(WebhookTrouble::Repeat, 1));
    says(&bot, "twice");
    assert_eq!(next(&mut bot, 2).await, [told("twice", false), told("twice", true)]);
    bot.official().trouble_webhooks(fault(WebhookTrouble::Swallow, 1));
    bot.official().trouble_webhooks(fault(WebhookTrouble::Reorder, 1));
    ["never", "later", "sooner"].iter().for_each(|text| says(&bot, text));
    assert_eq!(next(&mut bot, 1).await, [told("sooner", false)]);
    until_redelivery(&bot, Duration::from_millis(200)).await;
    assert_eq!(next(&mut bot, 1).await, [told("later", false)]);
}

#[tokio::test]
async fn a_webhook_that_is_signed_wrongly_and_refused_comes_again_signed_well() {
    let mut bot = Bot::start().await;
    bot.official().trouble_webhooks(fault(WebhookTrouble::Missign, 1));
    says(&bot, "hi");
    // The bot of the tests refuses it before it is noted.
    until_redelivery(&bot, Duration::from_secs(1)).await;
    assert_eq!(next(&mut bot, 1).await, [told("hi", true)]);
}

#[tokio::test]
async fn several_events_can_come_in_one_webhook() {
    let mut bot = Bot::start().await;
    bot.official().set_events_per_webhook(2);
    ["one", "two", "three"].iter().for_each(|text| says(&bot, text));
    let texts = |webhook: &Value| {
        let events = webhook["events"].as_array().expect("events").clone();
        events.iter().map(|event| event["message"]["text"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(texts(&bot.webhook().await), ["one", "two"]);
    assert_eq!(texts(&bot.webhook().await), ["three"]);
}

#[tokio::test]
async fn a_request_can_be_refused_or_lost_before_or_after_it_was_carried_out() {
    let bot = Bot::start().await;
    bot.official().follow("alice").expect("she can");
    let alice = bot.id("alice");
    let trouble = |trouble| {
        let operation = Some("pushMessage".to_owned());
        bot.official().trouble_requests(ApiFault { operation, trouble, when: When::Next(1) });
    };
    for status in [429, 500] {
        trouble(ApiTrouble::Refuse(status));
        assert_eq!(bot.get("/v2/bot/info").await["displayName"], "shop");
        assert_eq!(bot.push(&alice, "refused").await.0, status);
    }
    for (lost, text) in [(ApiTrouble::Swallow, "swallowed"), (ApiTrouble::Lose, "lost")] {
        trouble(lost);
        let body = json!({ "to": alice, "messages": [{ "type": "text", "text": text }] });
        let pending = tokio::spawn(with(bot.request(Method::POST, "/v2/bot/message/push"), &body).send());
        while bot.official().troubles_left() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(!pending.is_finished());
        pending.abort();
    }
    assert_eq!(bot.push(&alice, "taken").await.0, 200);
    assert_eq!(bot.texts("alice"), ["lost", "taken"]);
}

#[tokio::test]
async fn tokens_can_end_early() {
    let mut bot = Bot::start().await;
    says(&bot, "hi");
    let event = bot.event_of("message").await;
    bot.official().expire_reply_tokens();
    assert_eq!(bot.reply(&event, "hello").await.0, 400);
    let form = "grant_type=client_credentials&client_id=sandbox&client_secret=sandbox";
    let request = bot.request(Method::POST, "/oauth2/v3/token").body(form);
    let answer = request.header("content-type", "application/x-www-form-urlencoded").send().await.expect("an answer");
    let (status, issued) = super::bot::read(answer).await;
    assert_eq!((status, &issued["expires_in"], &issued["token_type"]), (200, &json!(900), &json!("Bearer")));
    let token = issued["access_token"].as_str().expect("a token");
    let info = || async {
        let url = format!("{}/v2/bot/info", bot.sandbox.line_url().expect("it is served"));
        bot.client.get(url).bearer_auth(token).send().await.expect("an answer").status().as_u16()
    };
    assert_eq!(info().await, 200);
    bot.official().expire_channel_tokens();
    assert_eq!(info().await, 401);
}

/// Makes everything happen that a webhook tells of, and gives what was told.
pub(crate) async fn every_event(bot: &mut Bot) -> Vec<Value> {
    let (control, official) = (bot.control(), bot.official());
    let mut events = Vec::new();
    official.follow("alice").expect("she can");
    let shop = control.mid("shop").expect("it is there");
    let mention = json!({ "MENTIONEES": [{ "S": "0", "E": "5", "M": shop }, { "S": "6", "E": "10", "A": "1" }] });
    let place =
        Draft::new(ContentType::Location).with("title", "Bar").with("latitude", "35.6").with("longitude", "139.7");
    let drafts = [
        Draft::text("@shop @All hi").with("MENTION", mention.to_string()),
        Draft::new(ContentType::Image),
        Draft::new(ContentType::Video).with("DURATION", "1500"),
        Draft::new(ContentType::Audio).with("DURATION", "700"),
        Draft::new(ContentType::File).with("FILE_NAME", "a.txt").with("FILE_SIZE", "3"),
        place.with("address", "1-1 Tokyo"),
        Draft::new(ContentType::Sticker).with("STKID", "52002734").with("STKPKGID", "11537"),
    ];
    for draft in drafts {
        control.post("alice", "shop", draft).expect("she can write");
    }
    let first = control.chat("alice", "shop")[0].id.clone();
    let quoting = Draft::text("see above").with("QUOTED_MESSAGE_ID", first.clone());
    control.post("alice", "shop", quoting).expect("she can write");
    let alice = control.mid("alice").expect("she is there");
    control.operate(Operation::Unsend { by: alice, msg_id: first }).expect("she can");
    let group = control.create_group("Trip", &["alice"]).expect("she can");
    let mids = vec![shop.clone(), control.mid("bob").expect("he is there")];
    let invite = Request::InviteIntoGroup(InviteIntoGroup { group_id: group.clone(), mids });
    control.act("alice", invite).await.expect("she can");
    let accept = hotline::protocol::commands::AcceptGroupInvitation { group_id: group.clone() };
    control.act("bob", Request::AcceptGroupInvitation(accept)).await.expect("he can");
    control.say("bob", &group, "hello").expect("he can write");
    let said = control.chat("bob", &group).pop().expect("a message").id;
    let bob = control.mid("bob").expect("he is there");
    control.operate(Operation::Unsend { by: bob.clone(), msg_id: said }).expect("he can");
    official.press("alice", Some(&group), "choice=1", None).expect("she can");
    official.press("alice", None, "day", Some(json!({ "date": "2026-01-15" }))).expect("she can");
    control.act("bob", Request::LeaveGroup(LeaveGroup { group_id: group.clone() })).await.expect("he can");
    let by = control.mid("alice").expect("she is there");
    control.operate(Operation::Kick { group, by, target: shop }).expect("she can");
    let tell = |kind: &str, fields: Value| official.tell(kind, "alice", None, fields).expect("she is there");
    tell("videoPlayComplete", json!({ "videoPlayComplete": { "trackingId": "film" } }));
    tell("beacon", json!({ "beacon": { "hwid": "d41d8cd98f", "type": "enter" } }));
    tell("accountLink", json!({ "link": { "result": "ok", "nonce": "n" } }));
    for kind in ["joined", "renewed", "left"] {
        tell("membership", json!({ "membership": { "type": kind, "membershipId": 17 } }));
    }
    tell("activated", json!({ "chatControl": { "expireAt": 1_768_446_000_000_i64 } }));
    tell("deactivated", json!({}));
    official.tell_of_account(
        "module",
        json!({ "module": { "type": "attached", "botId": "U1", "scopes": ["message:send"] } }),
    );
    official
        .tell_of_account("module", json!({ "module": { "type": "detached", "botId": "U1", "reason": "bot_deleted" } }));
    official.tell_of_account("botSuspended", json!({}));
    official.tell_of_account("botResumed", json!({}));
    official.tell_of_account("delivery", json!({ "delivery": { "data": "order-17" } }));
    official.unfollow("alice").expect("she can");
    loop {
        let event = bot.event().await;
        let is_last = event["type"] == "unfollow";
        events.push(event);
        if is_last {
            return events;
        }
    }
}

#[tokio::test]
async fn every_event_of_the_table_can_happen_and_says_where_and_by_whom() {
    let mut bot = Bot::start().await;
    let events = every_event(&mut bot).await;
    let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().expect("a type")).collect();
    let missing: Vec<_> = LINE.events.iter().map(|row| row.subcommand).filter(|kind| !kinds.contains(kind)).collect();
    assert_eq!(missing, [""; 0]);
    let told: Vec<_> = events
        .iter()
        .filter(|event| event["type"] == "message")
        .map(|event| event["message"]["type"].clone())
        .collect();
    assert_eq!(told, ["text", "image", "video", "audio", "file", "location", "sticker", "text", "text"]);
    let first = &events[1]["message"];
    assert_eq!(
        first["mention"]["mentionees"],
        json!([
            { "index": 0, "length": 5, "type": "user", "userId": bot.id("shop"), "isSelf": true },
            { "index": 6, "length": 4, "type": "all" },
        ])
    );
    let unsent: Vec<_> = events.iter().filter(|event| event["type"] == "unsend").collect();
    assert_eq!(unsent[0]["unsend"]["messageId"], first["id"]);
    assert_eq!(
        (&unsent[1]["source"]["type"], &unsent[1]["source"]["userId"]),
        (&json!("group"), &json!(bot.id("bob")))
    );
    let with_token = |event: &&Value| event.get("replyToken").is_some();
    let without: Vec<_> = events.iter().filter(|event| !with_token(event)).map(|event| event["type"].clone()).collect();
    assert_eq!(
        without,
        [
            "unsend",
            "unsend",
            "memberLeft",
            "leave",
            "activated",
            "deactivated",
            "module",
            "module",
            "botSuspended",
            "botResumed",
            "delivery",
            "unfollow",
        ]
    );
    let joined = events.iter().find(|event| event["type"] == "memberJoined").expect("bob joined");
    let bob = line_id(&bot.control().mid("bob").expect("he is there"));
    assert_eq!(joined["joined"]["members"], json!([{ "type": "user", "userId": bob }]));
}
