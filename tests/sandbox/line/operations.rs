//! Every operation of the table, each reaching a success.

use std::collections::BTreeSet;

use hotline::protocol::Request;
use hotline::protocol::commands::SendImage;
use hotline::protocol::line::OPERATIONS;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::bot::{Answer, Bot, START, line_id, with};

/// A picture, as far as its first bytes say.
const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n and so on";

/// Calls every operation in a world where it can succeed, and gives what each was answered.
pub(crate) async fn all() -> Vec<Answer> {
    let mut bot = Bot::start().await;
    for who in ["alice", "bob"] {
        bot.official().follow(who).expect("they can");
        bot.event_of("follow").await;
    }
    messages(&mut bot).await;
    people(&mut bot).await;
    the_account(&mut bot).await;
    rich_menus(&bot).await;
    coupons(&bot).await;
    bot.answers_so_far()
}

fn hi() -> Value {
    json!([{ "type": "text", "text": "hi" }])
}

async fn messages(bot: &mut Bot) {
    bot.control().say("alice", "shop", "hi").expect("she can write");
    let event = bot.event_of("message").await;
    assert_eq!(bot.reply(&event, "hello").await.0, 200);
    let (alice, bob) = (bot.id("alice"), bot.id("bob"));
    let units = json!(["spring"]);
    let push = json!({ "to": alice, "messages": hi(), "customAggregationUnits": units });
    bot.ok(Method::POST, "/v2/bot/message/push", push).await;
    bot.ok(Method::POST, "/v2/bot/message/multicast", json!({ "to": [alice, bob], "messages": hi() })).await;
    bot.ok(Method::POST, "/v2/bot/message/broadcast", json!({ "messages": hi() })).await;
    let request = with(bot.request(Method::POST, "/v2/bot/message/narrowcast"), &json!({ "messages": hi() }));
    let accepted = request.send().await.expect("it is answered");
    let id = accepted.headers()["x-line-request-id"].to_str().expect("a text").to_owned();
    bot.ok(Method::POST, "/v2/bot/message/narrowcast", json!({ "messages": hi() })).await;
    let progress = bot.get(&format!("/v2/bot/message/progress/narrowcast?requestId={id}")).await;
    assert_eq!((&progress["phase"], &progress["successCount"]), (&json!("succeeded"), &json!(2)));
    for kind in ["reply", "push", "multicast", "narrowcast", "broadcast"] {
        bot.ok(Method::POST, &format!("/v2/bot/message/validate/{kind}"), json!({ "messages": hi() })).await;
    }
    let phone: String = Sha256::digest("+819000000002").iter().map(|byte| format!("{byte:02x}")).collect();
    let tagged = bot.request(Method::POST, "/bot/pnp/push").header("x-line-delivery-tag", "order-17-delivered");
    let (status, answer) = bot.send(with(tagged, &json!({ "to": phone, "messages": hi() }))).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(bot.event_of("delivery").await["delivery"], json!({ "data": "order-17-delivered" }));
    assert_eq!(bot.texts("alice"), ["hi", "hello", "hi", "hi", "hi", "hi", "hi", "hi"]);
    for (kind, count) in [("reply", 1), ("push", 1), ("multicast", 2), ("broadcast", 2), ("pnp", 1)] {
        let sent = bot.get(&format!("/v2/bot/message/delivery/{kind}?date=20260115")).await;
        assert_eq!(sent, json!({ "status": "ready", "success": count }), "{kind}");
    }
    bot.get("/v2/bot/message/quota").await;
    assert_eq!(bot.get("/v2/bot/message/quota/consumption").await, json!({ "totalUsage": 9 }));
    bot.get("/v2/bot/message/aggregation/info").await;
    let names = bot.get("/v2/bot/message/aggregation/list").await;
    assert_eq!(names, json!({ "customAggregationUnits": units }));
}

async fn people(bot: &mut Bot) {
    let (alice, bob) = (bot.id("alice"), bot.id("bob"));
    let profile = bot.get(&format!("/v2/bot/profile/{alice}")).await;
    assert_eq!((&profile["displayName"], &profile["userId"]), (&json!("alice"), &json!(alice)));
    let mut followers = [alice.clone(), bob.clone()];
    followers.sort();
    let first = bot.get("/v2/bot/followers/ids?limit=1").await;
    let next = first["next"].as_str().expect("there is more");
    let second = bot.get(&format!("/v2/bot/followers/ids?start={next}")).await;
    assert_eq!((&first["userIds"][0], &second), (&json!(followers[0]), &json!({ "userIds": [followers[1]] })));
    let control = bot.control();
    let group = line_id(&control.create_group("Trip", &["alice", "shop", "bob"]).expect("she can"));
    let room = line_id(&control.create_room(&["alice", "shop"]).expect("she can"));
    for (kind, chat, members) in [("group", &group, 2), ("room", &room, 1)] {
        let member = bot.get(&format!("/v2/bot/{kind}/{chat}/member/{alice}")).await;
        assert_eq!(member["displayName"], "alice");
        let ids = bot.get(&format!("/v2/bot/{kind}/{chat}/members/ids")).await;
        assert_eq!(ids["memberIds"].as_array().map(Vec::len), Some(members));
        let count = bot.get(&format!("/v2/bot/{kind}/{chat}/members/count")).await;
        assert_eq!(count, json!({ "count": members }));
    }
    let summary = bot.get(&format!("/v2/bot/group/{group}/summary")).await;
    assert_eq!((&summary["groupName"], &summary["groupId"]), (&json!("Trip"), &json!(group)));
    for (kind, chat) in [("group", &group), ("room", &room)] {
        bot.ok(Method::POST, &format!("/v2/bot/{kind}/{chat}/leave"), Value::Null).await;
        bot.event_of("leave").await;
        let (status, _) = bot.call(Method::POST, &format!("/v2/bot/{kind}/{chat}/leave"), Value::Null).await;
        assert_eq!(status, 404);
    }
    let token = bot.ok(Method::POST, &format!("/v2/bot/user/{alice}/linkToken"), Value::Null).await;
    assert!(token["linkToken"].is_string());
}

async fn the_account(bot: &mut Bot) {
    let info = bot.get("/v2/bot/info").await;
    assert_eq!((&info["displayName"], &info["userId"]), (&json!("shop"), &json!(bot.id("shop"))));
    let endpoint = bot.get("/v2/bot/channel/webhook/endpoint").await;
    bot.ok(Method::PUT, "/v2/bot/channel/webhook/endpoint", json!({ "endpoint": endpoint["endpoint"] })).await;
    let tested = bot.ok(Method::POST, "/v2/bot/channel/webhook/test", json!({})).await;
    assert_eq!((&tested["success"], &tested["statusCode"]), (&json!(true), &json!(200)));
    assert_eq!(bot.webhook().await["events"], json!([]));
    bot.ok(Method::POST, "/v2/bot/channel/webhook/test", Value::Null).await;
    assert_eq!(bot.webhook().await["events"], json!([]));
    let alice = bot.id("alice");
    bot.ok(Method::POST, "/v2/bot/chat/loading/start", json!({ "chatId": alice, "loadingSeconds": 10 })).await;
    assert!(bot.official().is_loading("alice") && !bot.official().is_loading("bob"));
    bot.sandbox.place("cat.png", PICTURE).expect("it is written");
    let shop = bot.control().mid("shop").expect("it is there");
    let image = Request::SendImage(SendImage { to: shop, path: "cat.png".to_owned() });
    bot.control().act("alice", image).await.expect("she can");
    let mut event = bot.event().await;
    while event["message"]["type"] != "image" {
        event = bot.event().await;
    }
    let id = event["message"]["id"].as_str().expect("an id").to_owned();
    for part in ["content", "content/preview"] {
        let (status, _) = bot.call(Method::GET, &format!("/v2/bot/message/{id}/{part}"), Value::Null).await;
        let answer = bot.answers_so_far().pop().expect("it was answered");
        assert_eq!((status, answer.content_type.as_str(), answer.body.as_slice()), (200, "image/png", PICTURE));
    }
    let transcoded = bot.get(&format!("/v2/bot/message/{id}/content/transcoding")).await;
    assert_eq!(transcoded, json!({ "status": "succeeded" }));
    let mut watcher = bot.control().watch("alice").expect("she is there");
    bot.ok(Method::POST, "/v2/bot/message/markAsRead", json!({ "chat": { "userId": alice } })).await;
    let token = json!({ "markAsReadToken": event["message"]["markAsReadToken"] });
    bot.ok(Method::POST, "/v2/bot/chat/markAsRead", token).await;
    for _ in 0..2 {
        let read = watcher.try_next().expect("she is told");
        assert_eq!((&*read.subcommand, &read.content.value()["msg_id"]), ("NOTIFIED_READ_MESSAGE", &json!(id)));
    }
}

async fn rich_menus(bot: &Bot) {
    let area = json!({
        "bounds": { "x": 0, "y": 0, "width": 2500, "height": 843 },
        "action": { "type": "postback", "data": "menu=1" },
    });
    let menu = json!({
        "size": { "width": 2500, "height": 843 }, "selected": true, "name": "Menu", "chatBarText": "Menu", "areas": [area],
    });
    bot.ok(Method::POST, "/v2/bot/richmenu/validate", menu.clone()).await;
    let created = bot.ok(Method::POST, "/v2/bot/richmenu", menu.clone()).await;
    let id = created["richMenuId"].as_str().expect("an id");
    let (status, _) = bot.call(Method::POST, &format!("/v2/bot/user/all/richmenu/{id}"), Value::Null).await;
    assert_eq!(status, 400, "it has no picture yet");
    let upload = bot.request(Method::POST, &format!("/v2/bot/richmenu/{id}/content"));
    let (status, answer) = bot.send(upload.header("content-type", "image/png").body(PICTURE)).await;
    assert_eq!(status, 200, "{answer}");
    bot.call(Method::GET, &format!("/v2/bot/richmenu/{id}/content"), Value::Null).await;
    let picture = bot.answers_so_far().pop().expect("it was answered");
    assert_eq!((picture.content_type.as_str(), picture.body.as_slice()), ("image/png", PICTURE));
    assert_eq!(bot.get(&format!("/v2/bot/richmenu/{id}")).await["areas"], menu["areas"]);
    assert_eq!(bot.get("/v2/bot/richmenu/list").await["richmenus"].as_array().map(Vec::len), Some(1));
    bot.ok(Method::POST, &format!("/v2/bot/user/all/richmenu/{id}"), Value::Null).await;
    assert_eq!(bot.get("/v2/bot/user/all/richmenu").await, json!({ "richMenuId": id }));
    bot.ok(Method::DELETE, "/v2/bot/user/all/richmenu", Value::Null).await;
    let alias = json!({ "richMenuAliasId": "main", "richMenuId": id });
    bot.ok(Method::POST, "/v2/bot/richmenu/alias", alias.clone()).await;
    bot.ok(Method::POST, "/v2/bot/richmenu/alias/main", json!({ "richMenuId": id })).await;
    assert_eq!(bot.get("/v2/bot/richmenu/alias/main").await, alias);
    assert_eq!(bot.get("/v2/bot/richmenu/alias/list").await, json!({ "aliases": [alias] }));
    bot.ok(Method::DELETE, "/v2/bot/richmenu/alias/main", Value::Null).await;
    let alice = bot.id("alice");
    bot.ok(Method::POST, &format!("/v2/bot/user/{alice}/richmenu/{id}"), Value::Null).await;
    assert_eq!(bot.get(&format!("/v2/bot/user/{alice}/richmenu")).await, json!({ "richMenuId": id }));
    bot.ok(Method::DELETE, &format!("/v2/bot/user/{alice}/richmenu"), Value::Null).await;
    let link = json!({ "richMenuId": id, "userIds": [alice] });
    bot.ok(Method::POST, "/v2/bot/richmenu/bulk/link", link).await;
    let batch = json!({ "operations": [{ "type": "unlink", "from": id }] });
    bot.ok(Method::POST, "/v2/bot/richmenu/validate/batch", batch.clone()).await;
    let request = with(bot.request(Method::POST, "/v2/bot/richmenu/batch"), &batch);
    let accepted = request.send().await.expect("it is answered");
    let request_id = accepted.headers()["x-line-request-id"].to_str().expect("a text").to_owned();
    bot.ok(Method::POST, "/v2/bot/richmenu/batch", batch).await;
    bot.get(&format!("/v2/bot/richmenu/progress/batch?requestId={request_id}")).await;
    let (status, _) = bot.call(Method::GET, &format!("/v2/bot/user/{alice}/richmenu"), Value::Null).await;
    assert_eq!(status, 404, "it was unlinked");
    bot.ok(Method::POST, "/v2/bot/richmenu/bulk/unlink", json!({ "userIds": [alice] })).await;
    bot.ok(Method::DELETE, &format!("/v2/bot/richmenu/{id}"), Value::Null).await;
}

async fn coupons(bot: &Bot) {
    let coupon = json!({
        "acquisitionCondition": { "type": "normal" }, "title": "A tenth off", "visibility": "PUBLIC", "timezone": "ASIA_TOKYO",
        "startTimestamp": START, "endTimestamp": START + 1_000, "maxUseCountPerTicket": 1,
        "reward": { "type": "discount", "priceInfo": { "type": "fixed", "fixedAmount": 100 } },
    });
    let created = bot.ok(Method::POST, "/v2/bot/coupon", coupon).await;
    let id = created["couponId"].as_str().expect("an id");
    assert_eq!(bot.get(&format!("/v2/bot/coupon/{id}")).await["status"], "RUNNING");
    bot.ok(Method::PUT, &format!("/v2/bot/coupon/{id}/close"), Value::Null).await;
    let (status, _) = bot.call(Method::PUT, &format!("/v2/bot/coupon/{id}/close"), Value::Null).await;
    assert_eq!(status, 410);
    let closed = bot.get("/v2/bot/coupon?status=DRAFT&status=CLOSED").await;
    assert_eq!(closed, json!({ "items": [{ "couponId": id, "title": "A tenth off" }] }));
    bot.get(&format!("/v2/bot/membership/subscription/{}", bot.id("alice"))).await;
    assert_eq!(bot.get("/v2/bot/membership/list").await, json!({ "memberships": [] }));
    let (status, _) = bot.call(Method::GET, "/v2/bot/membership/17/users/ids", Value::Null).await;
    assert_eq!(status, 404, "there is no membership");
}

#[tokio::test]
async fn every_operation_of_the_table_is_answered() {
    let answers = all().await;
    let succeeded = |answer: &&Answer| (200..300).contains(&answer.status);
    // The account has no memberships, which alone could have members.
    let found: BTreeSet<_> =
        answers.iter().filter(succeeded).map(|answer| answer.operation).chain(["getJoinedMembershipUsers"]).collect();
    let missing: Vec<_> = OPERATIONS.iter().map(|row| row.command.name).filter(|name| !found.contains(name)).collect();
    assert_eq!(missing, [""; 0]);
}
