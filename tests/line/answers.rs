//! How messages go out: by reply tokens while they live, else by pushes under keys; what costs, what fails, what is sent once.

use std::time::Duration;

use hotline::sandbox::{ApiFault, ApiTrouble, SentBy, When};
use serde_json::json;

use crate::line::scene::Scene;

const SCRIPT: &str = r#"
fn on_message(msg) {
    if msg.text == "two" { msg.reply(["one", "two"]); msg.reply("three"); return; }
    if msg.text == "order" {
        let drink = msg.ask("What would you like?", #{ choices: ["Tea", "Coffee"] });
        msg.reply(`One ${drink.choice}.`);
        return;
    }
    if msg.text == "slow" { sleep("300ms"); msg.reply("late"); return; }
    if msg.text == "sticker" { msg.reply(#{ type: "sticker", packageId: "446", stickerId: "1988" }); return; }
    if msg.text == "quota" { let left = quota(); msg.reply(`${left.left} of ${left.limit}`); return; }
    if msg.text == "push" {
        try { line::push_message(msg.chat, [#{ type: "text", text: "pushed" }]); } catch (error) { msg.reply(`${error.name}: ${error.message}`); }
        return;
    }
    if msg.text == "who" { let me = get_profile(); msg.reply(`I am ${me.displayName}, you are ${msg.sender.name}`); return; }
    if msg.text == "work" { sleep("2500ms"); msg.reply("done"); return; }
    if msg.text == "file" { try { send_file(msg.chat, "x"); } catch (error) { msg.reply(`${error.name}: ${error.message}`); } return; }
    msg.reply(`heard ${msg.text}`);
}
fn on_error(error) { log_error(error.card); }
"#;

fn trouble(operation: &str, trouble: ApiTrouble, times: u32) -> ApiFault {
    ApiFault { operation: Some(operation.to_owned()), trouble, when: When::Next(times) }
}

#[tokio::test]
async fn answers_cost_nothing_while_a_token_lives() {
    let mut scene = Scene::new(SCRIPT).await;
    scene.says("two");
    assert_eq!([scene.hears().await, scene.hears().await, scene.hears().await], ["one", "two", "three"]);
    // The token of the message was spent on the first two.
    assert_eq!((scene.official.count(SentBy::Reply), scene.official.count(SentBy::Push)), (1, 1));
    scene.says("order");
    assert_eq!(scene.hears().await, "What would you like?");
    let buttons = &scene.last().message["quickReply"]["items"];
    assert_eq!(buttons[1]["action"], json!({ "type": "message", "label": "Coffee", "text": "Coffee" }));
    scene.says("coffee");
    assert_eq!(scene.hears().await, "One Coffee.");
    assert_eq!((scene.official.count(SentBy::Reply), scene.official.count(SentBy::Push)), (3, 1));
    scene.says("sticker");
    assert_eq!(scene.gets().await.content_type, "STICKER");
    scene.says("who");
    assert_eq!(scene.hears().await, "I am shop, you are alice");
    scene.says("file");
    let text = scene.hears().await;
    assert!(text.starts_with("UNSUPPORTED: send_file is not to be had on LINE's Messaging API"), "{text}");
    scene.end().await;
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_pushed() {
    let mut scene = Scene::new(SCRIPT).await;
    scene.official.set_reply_token_life(Duration::from_millis(100));
    scene.says("slow");
    assert_eq!(scene.hears().await, "late");
    assert_eq!((scene.official.count(SentBy::Reply), scene.official.count(SentBy::Push)), (0, 1));
    scene.end().await;
}

#[tokio::test]
async fn what_is_pushed_again_and_again_arrives_each_time() {
    let script = r#"
        fn on_start() { if store.get("alice") != () { send_text(store.get("alice"), "back"); } }
        fn on_contact_added(event) { store.set("alice", event.mid); every("300ms", "tick"); after("1s", "once"); after("1s", "once"); }
        fn tick() { send_text(store.get("alice"), "tick"); }
        fn once() { for time in 0..2 { send_text(store.get("alice"), "once"); } }
    "#;
    let mut scene = Scene::new(script).await;
    let mut heard = Vec::new();
    while heard.iter().filter(|text| *text == "once").count() < 4 {
        heard.push(scene.hears().await);
    }
    assert!(heard.iter().filter(|text| *text == "tick").count() >= 2, "{heard:?}");
    for starts in 1..3 {
        scene.kill();
        scene.start();
        while scene.hears().await != "back" {}
        scene.folder.logs_times("logged in", starts + 1).await;
    }
    scene.end().await;
}

#[tokio::test]
async fn a_person_is_shown_that_the_bot_is_at_work() {
    let mut scene = Scene::new(SCRIPT).await;
    scene.says("work");
    scene.until("it is shown", |scene| scene.official.is_loading("alice")).await;
    assert_eq!(scene.hears().await, "done");
    scene.end().await;
}

#[tokio::test]
async fn too_many_requests_slow_the_session() {
    let mut scene = Scene::new(SCRIPT).await;
    scene.official.trouble_requests(trouble("pushMessage", ApiTrouble::Refuse(429), 1));
    scene.says("push");
    let begun = std::time::Instant::now();
    let text = scene.hears().await;
    assert!(text.starts_with("EXCESSIVE_ACCESS: "), "{text}");
    assert!(begun.elapsed() >= Duration::from_secs(5), "the answer waits too");
    scene.folder.logs("nothing is sent for").await;
    scene.end().await;
}

#[tokio::test]
async fn when_the_month_s_messages_are_used_up_answers_go_on() {
    let mut scene = Scene::new(SCRIPT).await;
    scene.official.set_quota(Some(10));
    scene.official.use_quota(10);
    scene.says("quota");
    assert_eq!(scene.hears().await, "0 of 10");
    scene.says("push");
    let text = scene.hears().await;
    assert!(text.starts_with("QUOTA_EXCEEDED: "), "{text}");
    scene.says("still");
    assert_eq!(scene.hears().await, "heard still");
    scene.end().await;
}

#[tokio::test]
async fn a_push_that_fails_for_a_moment_is_sent_once() {
    let mut scene = Scene::new(SCRIPT).await;
    scene.official.trouble_requests(trouble("pushMessage", ApiTrouble::Refuse(500), 2));
    scene.says("push");
    assert_eq!(scene.hears().await, "pushed");
    // What was sent and never answered is sent again under the same key, and LINE takes it once.
    scene.official.trouble_requests(trouble("pushMessage", ApiTrouble::Lose, 1));
    scene.says("push");
    assert_eq!(scene.hears().await, "pushed");
    scene.folder.is_seen_through(100).await;
    scene.says("next");
    assert_eq!(scene.hears().await, "heard next");
    assert_eq!(scene.official.count(SentBy::Push), 2);
    scene.end().await;
}

#[tokio::test]
async fn a_reply_that_was_lost_is_not_sent_twice() {
    let mut scene = Scene::new(SCRIPT).await;
    scene.official.trouble_requests(trouble("replyMessage", ApiTrouble::Refuse(500), 1));
    scene.says("one");
    assert_eq!(scene.hears().await, "heard one");
    scene.official.trouble_requests(trouble("replyMessage", ApiTrouble::Lose, 1));
    scene.says("two!");
    assert_eq!(scene.hears().await, "heard two!");
    scene.folder.is_seen_through(100).await;
    scene.says("three");
    assert_eq!(scene.hears().await, "heard three");
    assert_eq!((scene.official.count(SentBy::Reply), scene.official.count(SentBy::Push)), (3, 0));
    scene.end().await;
}

#[tokio::test]
async fn a_reply_in_doubt_after_a_kill_is_known_to_have_been_sent() {
    let mut scene = Scene::new(SCRIPT).await;
    scene.official.trouble_requests(trouble("replyMessage", ApiTrouble::Lose, 1));
    scene.says("one");
    assert_eq!(scene.hears().await, "heard one");
    scene.kill();
    scene.start();
    scene.folder.is_seen_through(100).await;
    scene.says("two!");
    assert_eq!(scene.hears().await, "heard two!");
    assert_eq!((scene.official.count(SentBy::Reply), scene.official.count(SentBy::Push)), (2, 0));
    assert!(!scene.folder.log().contains("IN_DOUBT"), "{}", scene.folder.log());
    scene.end().await;
}

#[tokio::test]
async fn what_another_script_has_answered_is_not_taken_for_an_answer_of_ones_own() {
    let mut scene = Scene::new("fn on_message(msg) { msg.reply(`first ${msg.text}`); }").await;
    scene.folder.save("later.rhai", r#"fn on_message(msg) { sleep("1s"); msg.reply(`then ${msg.text}`); }"#);
    scene.folder.logs("scripts/later.rhai is live").await;
    scene.says("one");
    assert_eq!(scene.hears().await, "first one");
    // Whichever way the second answer goes out, it gets lost on it.
    for operation in ["replyMessage", "pushMessage"] {
        scene.official.trouble_requests(trouble(operation, ApiTrouble::Swallow, 1));
    }
    scene.until("it is under way", |scene| scene.official.troubles_left() == 1).await;
    scene.kill();
    scene.control.clear_faults();
    scene.start();
    assert_eq!(scene.hears().await, "then one");
    assert_eq!((scene.official.count(SentBy::Reply), scene.official.count(SentBy::Push)), (1, 1));
    scene.end().await;
}

#[tokio::test]
async fn tokens_of_a_quarter_of_an_hour_are_issued_and_renewed() {
    let mut scene = Scene::with("channel_id = \"sandbox\"", SCRIPT).await;
    scene.says("one");
    assert_eq!(scene.hears().await, "heard one");
    scene.official.expire_channel_tokens();
    scene.says("two!");
    assert_eq!(scene.hears().await, "heard two!");
    scene.end().await;
}
