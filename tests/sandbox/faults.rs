//! Troubles on demand, and the limits that end a connection.

use std::time::Duration;

use hotline::clock::Clock;
use hotline::protocol::{Failure, FailureCode, Family};
use hotline::sandbox::{InjectedFault, Refusal, Sandbox, Traffic, Trouble, When};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::sandbox::client::{Client, sandbox, sandbox_with};

async fn bot_and_fault(clock: Clock, on: Traffic, trouble: Trouble, when: When) -> (Sandbox, Client) {
    let sandbox = sandbox_with(|config| config.clock = clock).await;
    let bot = Client::login(&sandbox, "bot").await;
    let fault = InjectedFault { account: Some("bot".to_owned()), on, trouble, when };
    sandbox.control().inject(fault).expect("the bot is there");
    (sandbox, bot)
}

fn say(sandbox: &Sandbox, texts: &[&str]) {
    for text in texts {
        sandbox.control().say("alice", "bot", text).expect("sent");
    }
}

async fn hear(bot: &mut Client, count: usize) -> Vec<Value> {
    let mut texts = Vec::new();
    for _ in 0..count {
        texts.push(bot.event("RECEIVE_MESSAGE").await["text"].clone());
    }
    texts
}

#[tokio::test]
async fn events_are_swallowed_repeated_and_reordered() {
    let system = Clock::system();
    let (sandbox, mut bot) = bot_and_fault(system.clone(), Traffic::Events, Trouble::Swallow, When::Next(1)).await;
    say(&sandbox, &["a", "b"]);
    assert_eq!(hear(&mut bot, 1).await, ["b"]);
    let (sandbox, mut bot) = bot_and_fault(system.clone(), Traffic::Events, Trouble::Repeat, When::Next(1)).await;
    say(&sandbox, &["a", "b"]);
    assert_eq!(hear(&mut bot, 3).await, ["a", "a", "b"]);
    let (sandbox, mut bot) = bot_and_fault(system, Traffic::Events, Trouble::Reorder, When::Next(1)).await;
    say(&sandbox, &["a", "b", "c"]);
    assert_eq!(hear(&mut bot, 3).await, ["b", "a", "c"]);
}

#[tokio::test]
async fn a_reordered_frame_without_a_next_one_comes_all_the_same() {
    let clock = Clock::manual(1_700_000_000_000);
    let (sandbox, mut bot) = bot_and_fault(clock.clone(), Traffic::Events, Trouble::Reorder, When::Next(1)).await;
    say(&sandbox, &["a"]);
    wait_for_sleeper(&clock).await;
    clock.advance(Duration::from_millis(200));
    assert_eq!(hear(&mut bot, 1).await, ["a"]);
}

#[tokio::test]
async fn delayed_frames_come_when_the_clock_says_so_and_keep_their_order() {
    let clock = Clock::manual(1_700_000_000_000);
    let second = Duration::from_secs(1);
    let trouble = Trouble::Delay(second..=second);
    let (sandbox, mut bot) = bot_and_fault(clock.clone(), Traffic::Events, trouble, When::Next(3)).await;
    say(&sandbox, &["a", "b", "c", "d"]);
    assert_eq!(hear(&mut bot, 1).await, ["d"]);
    wait_for_sleeper(&clock).await;
    clock.advance(second);
    assert_eq!(hear(&mut bot, 3).await, ["a", "b", "c"]);
}

/// Waits until the sandbox sleeps on the clock, so that moving it wakes it.
async fn wait_for_sleeper(clock: &Clock) {
    while clock.next_deadline().is_none_or(|deadline| deadline > Duration::from_secs(1)) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn replies_are_swallowed_and_a_connection_dropped_in_place_of_one() {
    let system = Clock::system();
    let (_sandbox, mut bot) = bot_and_fault(system.clone(), Traffic::Replies, Trouble::Swallow, When::Next(1)).await;
    bot.send(&json!({"command": "GetProfile", "task_id": 900})).await;
    bot.send(&json!({"command": "GetProfile", "task_id": 901})).await;
    assert_eq!(bot.frame().await["task_id"], 901);
    let (sandbox, mut bot) = bot_and_fault(system, Traffic::Replies, Trouble::Drop, When::Next(1)).await;
    bot.send(&json!({"command": "GetProfile", "task_id": 900})).await;
    assert_eq!(bot.text().await, None);
    Client::login(&sandbox, "bot").await;
}

#[tokio::test]
async fn replies_are_repeated_delayed_and_reordered() {
    let ask = async |bot: &mut Client, numbers: std::ops::Range<i64>| {
        for number in numbers {
            bot.send(&json!({"command": "GetProfile", "task_id": number})).await;
        }
    };
    let answered = async |bot: &mut Client, count: usize| {
        let mut numbers = Vec::new();
        for _ in 0..count {
            numbers.push(bot.frame().await["task_id"].as_i64().expect("a number"));
        }
        numbers
    };
    let clock = Clock::manual(1_700_000_000_000);
    let trouble = |trouble, count| bot_and_fault(clock.clone(), Traffic::Replies, trouble, When::Next(count));
    let (_sandbox, mut bot) = trouble(Trouble::Repeat, 1).await;
    ask(&mut bot, 900..902).await;
    assert_eq!(answered(&mut bot, 3).await, [900, 900, 901]);
    let (_sandbox, mut bot) = trouble(Trouble::Reorder, 1).await;
    ask(&mut bot, 900..903).await;
    assert_eq!(answered(&mut bot, 3).await, [901, 900, 902]);
    let second = Duration::from_secs(1);
    let (_sandbox, mut bot) = trouble(Trouble::Delay(second..=second), 2).await;
    ask(&mut bot, 900..903).await;
    assert_eq!(answered(&mut bot, 1).await, [902]);
    wait_for_sleeper(&clock).await;
    clock.advance(second);
    assert_eq!(answered(&mut bot, 2).await, [900, 901]);
}

#[tokio::test]
async fn a_fault_of_an_account_strikes_what_answers_its_logins() {
    let sandbox = sandbox_with(|config| config.pin_entry = hotline::sandbox::PinEntry::ByHand).await;
    let control = sandbox.control();
    let swallow = |account: &str| InjectedFault {
        account: Some(account.to_owned()),
        on: Traffic::Replies,
        trouble: Trouble::Swallow,
        when: When::Next(1),
    };
    control.inject(swallow("dave")).expect("he is there");
    let mut dave = Client::connect(&sandbox).await;
    dave.send(&json!({"command": "Login", "email": "dave@sandbox.test", "password": "sandbox", "cert": ""})).await;
    // The answer to something else comes, so the PIN was swallowed.
    assert_eq!(dave.refused("GetProfile", json!({})).await, "NOT_AUTHENTICATED");
    control.type_pin("dave", &control.pins("dave")[0]);
    assert_eq!(dave.frame_named("OnLogin").await["code"], 0);
    control.inject(swallow("alice")).expect("she is there");
    let mut alice = Client::connect(&sandbox).await;
    alice.send(&json!({"command": "Login", "email": "alice@sandbox.test", "password": "wrong", "cert": ""})).await;
    assert_eq!(alice.refused("GetProfile", json!({})).await, "NOT_AUTHENTICATED");
    alice.try_login("alice@sandbox.test", "sandbox", "").await.expect("the fault is spent");
}

#[tokio::test]
async fn what_came_before_a_drop_is_sent_before_it_every_time() {
    for _ in 0..20 {
        let (sandbox, mut bot) = bot_and_fault(Clock::system(), Traffic::Replies, Trouble::Drop, When::Next(1)).await;
        say(&sandbox, &["a", "b", "c"]);
        bot.send(&json!({"command": "GetProfile", "task_id": 900})).await;
        assert_eq!(hear(&mut bot, 3).await, ["a", "b", "c"]);
        assert_eq!(bot.text().await, None);
    }
}

#[tokio::test]
async fn nonsense_comes_before_the_frames_and_the_same_seed_brings_the_same() {
    let mut heard = Vec::new();
    for _ in 0..2 {
        let when = When::Chance { probability: 0.5, seed: 7 };
        let (sandbox, mut bot) = bot_and_fault(Clock::system(), Traffic::Events, Trouble::Malformed, when).await;
        for number in 0..40 {
            say(&sandbox, &[&number.to_string()]);
        }
        let mut frames = Vec::new();
        while !frames.last().is_some_and(|frame: &String| frame.contains(r#"\"text\":\"39\""#)) {
            let text = bot.text().await.expect("the connection lives");
            frames.push(text);
        }
        heard.push(frames.iter().map(|frame| !frame.contains("contentMetadata")).collect::<Vec<_>>());
    }
    assert_eq!(heard[0], heard[1]);
    assert!((5..35).contains(&heard[0].iter().filter(|nonsense| **nonsense).count()), "{:?}", heard[0]);
}

#[tokio::test]
async fn logins_and_families_of_commands_are_refused_as_asked() {
    let sandbox = sandbox().await;
    let control = sandbox.control();
    let refusal = |family, code: FailureCode| Refusal {
        account: Some("bot".to_owned()),
        family,
        when: When::Next(2),
        failure: Failure::new(code, "as a test asked for"),
    };
    control.refuse(refusal(Some(Family::Login), FailureCode::AuthenticationFailed)).expect("it is there");
    let mut bot = Client::connect(&sandbox).await;
    for _ in 0..2 {
        assert_eq!(bot.try_login("bot@sandbox.test", "sandbox", "").await.map_err(|(code, _)| code), Err(1));
    }
    bot.try_login("bot@sandbox.test", "sandbox", "").await.expect("the fault is spent");
    let alice = control.mid("alice").expect("she is there");
    let text = json!({"to": alice, "content": "x"});
    control.refuse(refusal(Some(Family::Text), FailureCode::AbuseBlock)).expect("it is there");
    bot.ok("GetProfile", json!({})).await;
    assert_eq!(bot.refused("SendText", text.clone()).await, "ABUSE_BLOCK");
    assert_eq!(bot.refused("SendText", text.clone()).await, "ABUSE_BLOCK");
    bot.ok("SendText", text.clone()).await;
    let fault = control.refuse(refusal(None, FailureCode::ExcessiveAccess)).expect("it is there");
    assert_eq!(bot.refused("GetProfile", json!({})).await, "EXCESSIVE_ACCESS");
    control.clear_fault(fault);
    bot.ok("GetProfile", json!({})).await;
    assert_eq!(control.chat("alice", "bot").len(), 1);
}

#[tokio::test]
async fn a_frame_too_many_in_a_second_is_refused_and_the_connection_stays() {
    let clock = Clock::manual(1_700_000_000_000);
    let sandbox = sandbox_with(|config| {
        config.clock = clock.clone();
        config.limits.frames_per_second = 10;
    })
    .await;
    let mut bot = Client::login(&sandbox, "bot").await;
    for _ in 0..9 {
        bot.ok("GetProfile", json!({})).await;
    }
    assert_eq!(bot.refused("GetProfile", json!({})).await, "EXCESSIVE_ACCESS");
    // Not twice the limit within a second, however it is spread.
    clock.advance(Duration::from_millis(900));
    assert_eq!(bot.refused("GetProfile", json!({})).await, "EXCESSIVE_ACCESS");
    clock.advance(Duration::from_millis(200));
    for _ in 0..10 {
        bot.ok("GetProfile", json!({})).await;
    }
    assert_eq!(bot.refused("GetProfile", json!({})).await, "EXCESSIVE_ACCESS");
}

#[tokio::test]
async fn a_frame_beyond_ten_mebibytes_costs_its_own_connection_and_says_why() {
    let sandbox = sandbox().await;
    let mut alice = Client::login(&sandbox, "alice").await;
    let mut bot = Client::login(&sandbox, "bot").await;
    let frame = |size: usize| {
        let start = format!(r#"{{"command":"SendText","task_id":70,"to":"{}","content":""#, "u".repeat(33));
        format!("{start}{}\"}}", "x".repeat(size - start.len() - 2))
    };
    bot.send_raw(Message::text(frame(10 * 1024 * 1024))).await;
    assert_eq!(bot.frame().await["code"], 9);
    bot.send_raw(Message::text(frame(10 * 1024 * 1024 + 1))).await;
    let goodbye = bot.goodbye().await.expect("it says goodbye");
    assert_eq!((goodbye.code.into(), goodbye.reason.as_str()), (1009_u16, "a frame has at most 10485760 bytes"));
    alice.ok("GetProfile", json!({})).await;
}

#[tokio::test]
async fn a_connection_too_many_is_told_so() {
    let sandbox = sandbox_with(|config| config.limits.connections = 1).await;
    let mut first = Client::login(&sandbox, "alice").await;
    let error = tokio_tungstenite::connect_async(sandbox.url()).await.expect_err("there is no room");
    assert!(error.to_string().contains("503"), "{error}");
    first.ok("GetProfile", json!({})).await;
}
