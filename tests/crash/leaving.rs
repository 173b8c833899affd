//! A bot that is asked to end, or whose session is configured anew, in the middle of something: nothing is lost by that,
//! and nothing done twice.

use std::time::Duration;

use hotline::sandbox::{InjectedFault, Traffic, Trouble, When};
use hotline::store::RunOutcome;

use crate::crash::person::Person;
use crate::crash::scene::Scene;

const SCRIPT: &str = r#"
fn on_message(msg) {
    if msg.text == "order" {
        let item = msg.ask("What?");
        msg.reply(`One ${item.text}.`);
        return;
    }
    if msg.text == "remind" { after("300ms", "remind", msg.chat); }
    log_info(`looking for ${msg.text}`);
    get_profile();
    msg.reply(`done ${msg.text}`);
}

fn remind(chat) { send_text(chat, "ding"); }

fn on_stop() { log_info("goodbye"); }
fn on_error(error) { log_error(`it failed: ${error}`); }
"#;

/// A bot whose replies from the gateway take their time from now on.
async fn slow(scene: &Scene, trouble: Trouble, when: When) {
    let fault = InjectedFault { account: Some("bot".into()), on: Traffic::Replies, trouble, when };
    scene.control.inject(fault).expect("there is a bot");
}

fn late(millis: u64) -> Trouble {
    let delay = Duration::from_millis(millis);
    Trouble::Delay(delay..=delay)
}

/// Asks the bot to end while it looks for "one".
async fn ends_while_busy(scene: &mut Scene) {
    scene.alice.says("one").await;
    scene.folder.logs("looking for one").await;
    scene.process.as_ref().expect("it runs").is_asked_to_end();
    scene.folder.logs("stopping: ").await;
}

async fn has_ended(scene: &mut Scene) {
    let process = scene.process.take().expect("it runs");
    tokio::task::spawn_blocking(|| process.has_ended()).await.expect("with status 0");
    assert!(scene.folder.log().contains("goodbye"), "on_stop runs:\n{}", scene.folder.log());
}

/// What alice hears until the bot has answered "ping", which it does last.
async fn hears_all(scene: &mut Scene) -> Vec<String> {
    scene.alice.says("ping").await;
    let mut heard = Vec::new();
    while heard.last().is_none_or(|text| text != "done ping") {
        heard.push(scene.hears().await);
    }
    heard.pop();
    let log = scene.folder.log();
    assert!(!log.contains("it failed") && !log.contains("panicked"), "{log}");
    heard
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_while_a_bot_ends_is_answered_by_the_next_one() {
    let mut scene = Scene::new("", SCRIPT).await;
    scene.start();
    scene.alice.is_heard().await;
    slow(&scene, late(1_000), When::Next(1)).await;
    ends_while_busy(&mut scene).await;
    // In the same chat, where the first one is being handled, and in another one.
    scene.alice.says("two").await;
    let mut bob = Person::new(&scene.control, "bob", "bot");
    bob.says("three").await;
    has_ended(&mut scene).await;
    scene.control.clear_faults();
    scene.start();
    assert_eq!(hears_all(&mut scene).await, ["done one", "done two"]);
    assert_eq!(bob.hears_within(crate::crash::PATIENCE).await.as_deref(), Some("done three"));
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_wakes_up_while_a_bot_ends_goes_on_in_the_next_one() {
    let mut scene = Scene::new("", SCRIPT).await;
    scene.start();
    let mut bob = Person::new(&scene.control, "bob", "bot");
    bob.says("order").await;
    assert_eq!(bob.hears_within(crate::crash::PATIENCE).await.as_deref(), Some("What?"));
    scene.is_in("ask").await;
    slow(&scene, late(1_000), When::Next(1)).await;
    ends_while_busy(&mut scene).await;
    bob.says("tea").await;
    has_ended(&mut scene).await;
    scene.control.clear_faults();
    scene.start();
    assert_eq!(bob.hears_within(crate::crash::PATIENCE).await.as_deref(), Some("One tea."));
    assert_eq!(hears_all(&mut scene).await, ["done one"]);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timer_that_is_due_while_a_bot_ends_is_called_by_the_next_one() {
    let mut scene = Scene::new("", SCRIPT).await;
    scene.start();
    scene.alice.says("remind").await;
    assert_eq!(scene.hears().await, "done remind");
    slow(&scene, late(1_500), When::Next(1)).await;
    ends_while_busy(&mut scene).await;
    has_ended(&mut scene).await;
    scene.control.clear_faults();
    scene.start();
    let mut heard = hears_all(&mut scene).await;
    if heard.len() < 2 {
        heard.push(scene.hears().await);
    }
    // It may have been due before the bot was asked.
    heard.sort();
    assert_eq!(heard, ["ding", "done one"]);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_reply_does_not_come_before_a_bot_ends_waits_for_it_in_the_next_one() {
    let mut scene = Scene::new("", SCRIPT).await;
    scene.start();
    scene.alice.is_heard().await;
    slow(&scene, Trouble::Swallow, When::Next(1)).await;
    ends_while_busy(&mut scene).await;
    has_ended(&mut scene).await;
    assert_eq!(scene.run_of("on_message").standing.ended, None);
    scene.control.clear_faults();
    scene.start();
    assert_eq!(hears_all(&mut scene).await, ["done one"]);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_configured_anew_loses_nothing() {
    let mut scene = Scene::new("", SCRIPT).await;
    scene.start();
    let mut bob = Person::new(&scene.control, "bob", "bot");
    bob.says("order").await;
    assert_eq!(bob.hears_within(crate::crash::PATIENCE).await.as_deref(), Some("What?"));
    slow(&scene, late(500), When::Next(1)).await;
    scene.alice.says("one").await;
    scene.folder.logs("looking for one").await;
    scene.alice.says("two").await;
    scene.folder.configure(|text| format!("{text}connect_via = \"http://127.0.0.1:1\"\n"));
    scene.folder.logs("its configuration has changed").await;
    scene.folder.logs("trying again").await;
    scene.folder.configure(|text| text.replace("connect_via = \"http://127.0.0.1:1\"\n", ""));
    bob.says("tea").await;
    assert_eq!(bob.hears_within(crate::crash::PATIENCE).await.as_deref(), Some("One tea."));
    assert_eq!(hears_all(&mut scene).await, ["done one", "done two"]);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_waits_for_its_turn_does_not_hold_a_bot_up_and_is_made_by_the_next_one() {
    let script = r#"fn on_message(msg) { msg.reply("one"); msg.reply("two"); } fn on_stop() { log_info("goodbye"); }"#;
    let mut scene = Scene::new("pacing = { text = \"1/h\" }", script).await;
    scene.start();
    scene.alice.says("go").await;
    assert_eq!(scene.hears().await, "one");
    scene.is_in("SendText: paced").await;
    scene.process.as_ref().expect("it runs").is_asked_to_end();
    has_ended(&mut scene).await;
    let log = scene.folder.log();
    assert!(!log.contains("did not finish"), "{log}");
    scene.start();
    assert_eq!(scene.hears().await, "two");
    scene.is_over().await;
    assert_eq!(scene.run_of("on_message").standing.fault, None);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_words_of_a_bot_may_take_a_moment() {
    let script = r#"
fn on_start() { sleep("1h"); }
fn on_message(msg) { msg.reply(`done ${msg.text}`); }
fn on_stop() { sleep("200ms"); log_info("goodbye"); }
"#;
    let mut scene = Scene::new("", script).await;
    scene.start();
    scene.alice.is_heard().await;
    scene.is_in("sleep").await;
    scene.process.as_ref().expect("it runs").is_asked_to_end();
    has_ended(&mut scene).await;
    scene.is_over().await;
    assert_eq!(scene.run_of("on_start").standing.outcome, RunOutcome::EndedWithProcess);
    scene.end().await;
}
