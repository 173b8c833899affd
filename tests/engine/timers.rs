//! Timers on a clock that the tests move: when they are due, what they call, and what a reload does to them.

use std::time::Duration;

use hotline::clock::Clock;
use serde_json::json;

use super::support::{Answer, Bot, Setup};

/// Half past midnight, UTC, on the first of January 2024, a Monday.
const START: i64 = 1_704_069_000_000;

/// Moves the clock, then waits until the bot has answered a message that came after.
async fn advance(bot: &Bot, clock: &Clock, by: Duration) {
    clock.advance(by);
    settled(bot).await;
}

/// Waits until what was due has begun: timers of a script begin in order, and `probe` is the last.
async fn settled(bot: &Bot) {
    bot.says("probe", "probe");
    bot.text_to("probe").await;
}

async fn start(clock: &Clock, script: &str) -> Bot {
    let probe = "\nfn on_message(msg) { handle(msg); if msg.text == \"probe\" { after(\"0s\", \"probed\", [msg.chat]); } }\nfn probed(chat) { send_text(chat, \"probed\"); }";
    let bot = Setup::new().clock(clock).script("bot", format!("{script}{probe}")).start().await;
    assert_eq!(bot.host().faults(), []);
    bot
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn after_calls_once_with_its_arguments() {
    let clock = Clock::manual(START);
    let bot = start(
        &clock,
        r#"
        fn handle(msg) {
            if msg.text == "go" {
                after("5m", "remind", [msg.chat, #{ text: msg.text, n: [1, ()] }]);
                after("6m", "one", "single");
                after("7m", Fn("none"));
                msg.reply(`${now()}`);
            }
        }
        fn remind(chat, what) { send_text(chat, `${what.text} ${what.n} ${now()}`); }
        fn one(text) { send_text("u1", text); }
        fn none() { send_text("u1", "none"); }
        "#,
    )
    .await;
    bot.says("u1", "go");
    assert_eq!(bot.text_to("u1").await, START.to_string());
    advance(&bot, &clock, 5 * MINUTE - SECOND).await;
    assert_eq!(bot.texts_to("u1").len(), 1);
    advance(&bot, &clock, SECOND).await;
    assert_eq!(bot.text_to("u1").await, format!("go [1, ()] {}", START + 300_000));
    advance(&bot, &clock, MINUTE).await;
    assert_eq!(bot.text_to("u1").await, "single");
    advance(&bot, &clock, MINUTE).await;
    assert_eq!(bot.text_to("u1").await, "none");
    advance(&bot, &clock, 60 * MINUTE).await;
    assert_eq!(bot.texts_to("u1").len(), 4);
    bot.stop().await;
}

#[tokio::test]
async fn every_calls_again_and_again_until_it_is_cancelled() {
    let clock = Clock::manual(START);
    let bot = start(
        &clock,
        r#"
        fn handle(msg) {
            if msg.text == "go" { state.timer = every("10s", "tick"); msg.reply("yes"); }
            if msg.text == "stop" { msg.reply(`${cancel(state.timer)} ${cancel(state.timer)} ${cancel(999999)}`); }
        }
        fn tick() { send_text("tick", `${(now() - 1704069000000) / 1000}`); }
        "#,
    )
    .await;
    bot.says("u1", "go");
    assert_eq!(bot.text_to("u1").await, "yes");
    for seconds in [10, 20, 30] {
        clock.advance(10 * SECOND);
        assert_eq!(bot.text_to("tick").await, seconds.to_string());
    }
    bot.says("u1", "stop");
    assert_eq!(bot.text_to("u1").await, "true false false");
    advance(&bot, &clock, 60 * SECOND).await;
    assert_eq!(bot.texts_to("tick").len(), 3);
    bot.stop().await;
}

#[tokio::test]
async fn a_repeating_timer_that_was_late_calls_once_and_keeps_its_beat() {
    let clock = Clock::manual(START);
    let bot =
        start(&clock, "every(\"10s\", \"tick\");\nfn handle(msg) {}\nfn tick() { send_text(\"tick\", \"tick\"); }")
            .await;
    settled(&bot).await;
    clock.advance(95 * SECOND);
    assert_eq!(bot.text_to("tick").await, "tick");
    advance(&bot, &clock, 4 * SECOND).await;
    assert_eq!(bot.texts_to("tick").len(), 1);
    clock.advance(SECOND);
    assert_eq!(bot.text_to("tick").await, "tick");
    bot.stop().await;
}

#[tokio::test]
async fn cron_calls_at_the_times_of_its_pattern() {
    let clock = Clock::manual(START);
    let bot = start(
        &clock,
        "cron(\"*/15 * * * *\", \"quarter\");\nfn handle(msg) {}\nfn quarter() { send_text(\"cron\", `${now() / 60000 % 60}`); }",
    )
    .await;
    settled(&bot).await;
    for minute in ["45", "0", "15", "30"] {
        advance(&bot, &clock, 14 * MINUTE + 59 * SECOND).await;
        clock.advance(SECOND);
        assert_eq!(bot.text_to("cron").await, minute);
    }
    assert_eq!(bot.texts_to("cron").len(), 4);
    bot.stop().await;
}

#[tokio::test]
async fn a_declared_timer_keeps_its_due_time_over_a_reload_and_goes_with_its_declaration() {
    let clock = Clock::manual(START);
    let script = |n: usize, declared: &str| {
        format!(
            "{declared}\nfn tick() {{ send_text(\"tick\", \"tick {n}\"); }}\nfn tock() {{ send_text(\"tick\", \"tock {n}\"); }}\n\
             fn on_message(msg) {{ if msg.text == \"make\" {{ after(\"100s\", \"made\"); }} msg.reply(\"{n}\"); }}\nfn made() {{ send_text(\"tick\", \"made {n}\"); }}"
        )
    };
    let bot = Setup::new().clock(&clock).script("bot", script(1, "every(\"60s\", \"tick\");")).start().await;
    bot.says("u1", "make");
    assert_eq!(bot.text_to("u1").await, "1");
    clock.advance(50 * SECOND);
    bot.save("bot", script(2, "every(\"60s\", \"tick\"); every(\"30s\", \"tock\");"));
    bot.logged(&["bot.rhai is live"]).await;
    clock.advance(10 * SECOND);
    assert_eq!(bot.text_to("tick").await, "tick 2");
    clock.advance(20 * SECOND);
    assert_eq!(bot.text_to("tick").await, "tock 2");
    bot.save("bot", script(3, ""));
    bot.logged(&["bot.rhai is live", "generation=3"]).await;
    // What a handler made stays.
    clock.advance(20 * SECOND);
    assert_eq!(bot.text_to("tick").await, "made 3");
    clock.advance(600 * SECOND);
    bot.says("u1", "hi");
    assert_eq!(bot.text_to("u1").await, "3");
    assert_eq!(bot.texts_to("tick"), ["tick 2", "tock 2", "made 3"]);
    bot.stop().await;
}

#[tokio::test]
async fn a_timer_that_cannot_work_is_refused() {
    let bot = Bot::start(
        r#"
        fn f(a) { }
        fn on_message(msg) {
            let captured = 1;
            for make in [
                || after("1m", || 1), || after("1m", |x| captured), || after("1m", "nothing"), || after("1m", "f"),
                || after("soon", "f", 1), || every("0s", "f", 1), || cron("every monday", "f", 1), || after("1m", 5),
                || after("1m", "f", |x| x), || after("1m", "f", [msg]),
            ] {
                try { make.call(); send_text("e", "made"); } catch (e) { send_text("e", e); }
            }
        }"#,
    )
    .await;
    bot.says("u1", "go");
    for expected in [
        "after needs a function's name, such as \"remind\": a timer outlives this run and its code, so it cannot hold a closure",
        "after needs a function's name, such as \"remind\"",
        "after: a timer names the function \"nothing\", which this script does not define",
        "after: a timer calls `f` with no arguments, but it is `f(a)`",
        "after: \"soon\" is no duration",
        "every needs a period above zero",
        "cron: \"every monday\" is no cron pattern",
        "after needs a function's name, a string; found the integer 5",
        "after: a function is no plain data",
        "after: a Message is no plain data",
    ] {
        let error = bot.text_to("e").await;
        assert!(error.starts_with(expected), "{error} and not {expected}");
    }
    bot.stop().await;
    for (declared, expected) in [
        ("every(\"1m\", \"nothing\");", "a timer names the function \"nothing\""),
        ("every(\"1m\", || 1);", "every needs a function's name"),
        ("cron(\"x\", \"f\");", "cron: \"x\" is no cron pattern"),
    ] {
        let bot = Bot::start(declared).await;
        let fault = bot.host().faults()[0].to_string();
        assert!(fault.contains(expected), "{fault}");
        bot.stop().await;
    }
}

#[tokio::test]
async fn sleep_lets_other_events_of_its_chat_go_on_and_then_goes_on_itself() {
    let clock = Clock::manual(START);
    let bot = Setup::new()
        .clock(&clock)
        .script(
            "bot",
            "fn on_message(msg) { if msg.text == \"go\" { let t = now(); sleep(\"2s\"); sleep(1); sleep(0.5); msg.reply(`slept ${now() - t}`); return; } msg.reply(msg.text); }",
        )
        .start()
        .await;
    bot.says("u1", "go");
    bot.says("u1", "other");
    assert_eq!(bot.text_to("u1").await, "other");
    // When the run comes to its next sleep is its own affair, so the clock goes on until it is through.
    let ticking = async {
        loop {
            clock.advance(Duration::from_millis(500));
            bot.says("u2", "other");
            assert_eq!(bot.text_to("u2").await, "other");
        }
    };
    let slept = tokio::select! {
        slept = bot.text_to("u1") => slept,
        () = ticking => unreachable!("it goes on"),
    };
    let slept: i64 = slept.strip_prefix("slept ").and_then(|slept| slept.parse().ok()).expect("a number");
    assert!((3500..10_000).contains(&slept), "{slept}");
    bot.stop().await;
}

#[tokio::test]
async fn a_timer_that_is_due_when_the_bot_is_back_is_called_at_once() {
    let clock = Clock::manual(START);
    let script = "fn on_message(msg) { after(\"10s\", \"due\"); msg.reply(\"yes\"); }\nfn due() { send_text(\"due\", \"due\"); }";
    let bot = Setup::new().clock(&clock).script("bot", script).start().await;
    bot.says("u1", "go");
    assert_eq!(bot.text_to("u1").await, "yes");
    let bot = bot.restart_after(|_| clock.advance(20 * SECOND)).await;
    // The clock stands still, so nothing but the login itself can have it called.
    assert_eq!(bot.text_to("due").await, "due");
    bot.stop().await;
}

#[tokio::test]
async fn beats_that_come_while_an_earlier_one_waits_for_its_lane_are_left_out() {
    let clock = Clock::manual(START);
    let bot = start(
        &clock,
        r#"every("10s", "tick");
        fn handle(msg) { if msg.text == "look" { msg.reply("seen"); } }
        fn tick() { send_text("tick", "begins"); get_settings(); send_text("tick", "ends"); }"#,
    )
    .await;
    settled(&bot).await;
    bot.answers(|request| if request["command"] == "GetSettings" { Answer::Hold } else { Answer::Content(json!({})) });
    clock.advance(10 * SECOND);
    assert_eq!(bot.text_to("tick").await, "begins");
    bot.holds(1).await;
    for _ in 0..2 {
        clock.advance(10 * SECOND);
        // What is due has been looked at when a message that came after it is answered.
        bot.says("u1", "look");
        assert_eq!(bot.text_to("u1").await, "seen");
    }
    bot.answers(|_| Answer::Content(json!({})));
    bot.release();
    assert_eq!(bot.text_to("tick").await, "ends");
    settled(&bot).await;
    assert_eq!(bot.texts_to("tick"), ["begins", "ends", "begins", "ends"]);
    bot.stop().await;
}
