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

/// Waits until what was due has begun: timers begin in order, and `probe` is the last.
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
                try { make.call(); send_text("e", "made"); } catch (e) { send_text("e", `${e}`); }
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
    for expected in ["ends", "begins", "ends"] {
        assert_eq!(bot.text_to("tick").await, expected);
    }
    settled(&bot).await;
    assert_eq!(bot.texts_to("tick").len(), 4);
    bot.stop().await;
}

const HOUR: Duration = Duration::from_secs(3600);

/// Sets the time of day, then waits until the bot has answered a message that came after.
async fn set(bot: &Bot, clock: &Clock, by: i64) {
    clock.set(clock.now() + by);
    settled(bot).await;
}

const DELAYS: &str = r#"
    fn handle(msg) {
        if msg.text == "after" { after("10m", "due"); every("10m", "due"); msg.reply("made"); }
        if msg.text == "sleep" { msg.reply("sleeps"); sleep("10m"); msg.reply("slept"); }
        if msg.text == "ask" { let answer = msg.ask("well?", #{ timeout: "10m" }); msg.reply(`got ${answer}`); }
    }
    fn due() { send_text("due", "due"); }
"#;

/// Has something begin that lasts ten minutes, in every way in which a script can.
async fn begin(bot: &Bot) {
    for (person, text, answer) in [("u1", "after", "made"), ("u2", "sleep", "sleeps"), ("u3", "ask", "well?")] {
        bot.says(person, text);
        assert_eq!(bot.text_to(person).await, answer);
    }
    // The gateway's replies have come then.
    settled(bot).await;
}

/// Checks that everything that was begun is over after this time, and not before.
async fn is_over_after(bot: &Bot, clock: &Clock, left: Duration) {
    advance(bot, clock, left - SECOND).await;
    let texts = |to: &str| bot.texts_to(to).len();
    assert_eq!((texts("due"), texts("u2"), texts("u3")), (0, 1, 1));
    clock.advance(SECOND);
    assert_eq!((bot.text_to("due").await, bot.text_to("due").await), ("due".to_owned(), "due".to_owned()));
    assert_eq!(bot.text_to("u2").await, "slept");
    assert_eq!(bot.text_to("u3").await, "got ");
}

#[tokio::test]
async fn a_clock_that_is_set_changes_no_delay() {
    for by in [5, -5] {
        let clock = Clock::manual(START);
        let bot = start(&clock, DELAYS).await;
        begin(&bot).await;
        advance(&bot, &clock, MINUTE).await;
        set(&bot, &clock, by * 3_600_000).await;
        is_over_after(&bot, &clock, 9 * MINUTE).await;
        bot.stop().await;
    }
}

#[tokio::test]
async fn a_delay_goes_on_over_a_restart_after_the_clock_was_set() {
    for by in [5, -5] {
        let clock = Clock::manual(START);
        let bot = start(&clock, DELAYS).await;
        begin(&bot).await;
        set(&bot, &clock, by * 3_600_000).await;
        let bot = bot.restart_after(|_| clock.advance(4 * MINUTE)).await;
        settled(&bot).await;
        is_over_after(&bot, &clock, 6 * MINUTE).await;
        bot.stop().await;
    }
}

#[tokio::test]
async fn a_clock_that_is_not_set_yet_at_the_start_ends_no_delay_and_holds_none_up() {
    let clock = Clock::manual(START);
    let bot = start(&clock, DELAYS).await;
    begin(&bot).await;
    advance(&bot, &clock, 4 * MINUTE).await;
    let bot = bot.restart_after(|_| clock.set(20_000)).await;
    settled(&bot).await;
    advance(&bot, &clock, MINUTE).await;
    set(&bot, &clock, START).await;
    is_over_after(&bot, &clock, 5 * MINUTE).await;
    bot.stop().await;
}

#[tokio::test]
async fn a_pattern_follows_the_time_of_day_and_no_minute_counts_twice() {
    let clock = Clock::manual(START);
    let script = "cron(\"*/15 * * * *\", \"quarter\");\nfn handle(msg) {}\nfn quarter() { send_text(\"cron\", `${now() / 60000 % 60}`); }";
    let bot = start(&clock, script).await;
    settled(&bot).await;
    advance(&bot, &clock, 15 * MINUTE).await;
    assert_eq!(bot.text_to("cron").await, "45");
    set(&bot, &clock, -10 * 60_000).await;
    advance(&bot, &clock, 20 * MINUTE).await;
    assert_eq!(bot.texts_to("cron"), ["45"], "it is five to one again, and has not been one yet");
    advance(&bot, &clock, 5 * MINUTE).await;
    assert_eq!(bot.text_to("cron").await, "0");
    // What is skipped is called once, however often it would have been due.
    set(&bot, &clock, 40 * 60_000).await;
    assert_eq!(bot.text_to("cron").await, "40");
    advance(&bot, &clock, 4 * MINUTE).await;
    assert_eq!(bot.texts_to("cron").len(), 3);
    advance(&bot, &clock, MINUTE).await;
    assert_eq!(bot.text_to("cron").await, "45");
    bot.stop().await;
}

#[tokio::test]
async fn the_same_timer_is_there_once_wherever_and_however_often_it_is_made() {
    let clock = Clock::manual(START);
    let bot = start(
        &clock,
        r#"
        every("60s", "tick");
        fn on_start() { state.ids = [every("1m", "tick"), every("1m", "tick", "x"), cron("0 9 * * *", "tick")]; }
        fn handle(msg) {
            if msg.text == "same" {
                msg.reply(`${state.ids == [every("60s", "tick"), every("1m", "tick", ["x"]), cron("0 9 * * *", "tick")]}`);
            }
            if msg.text == "stop" { msg.reply(`${state.ids.map(|id| cancel(id))}`); }
        }
        fn tick() { send_text("tick", "tick"); }
        fn tick(what) { send_text("tick", what); }
        "#,
    )
    .await;
    settled(&bot).await;
    advance(&bot, &clock, 30 * SECOND).await;
    let bot = bot.restart().await.restart().await;
    bot.says("u1", "same");
    assert_eq!(bot.text_to("u1").await, "true");
    advance(&bot, &clock, 29 * SECOND).await;
    assert!(bot.texts_to("tick").is_empty());
    advance(&bot, &clock, SECOND).await;
    let mut ticks = bot.texts_to("tick");
    ticks.sort();
    assert_eq!(ticks, ["tick", "x"]);
    bot.says("u1", "stop");
    assert_eq!(bot.text_to("u1").await, "[true, true, true]");
    advance(&bot, &clock, HOUR).await;
    assert_eq!(bot.texts_to("tick").len(), 2);
    bot.stop().await;
}

#[tokio::test]
async fn a_timer_whose_function_a_save_takes_away_is_kept_and_its_failure_is_told() {
    let clock = Clock::manual(START);
    let script = |rest: &str| {
        format!(
            "fn on_start() {{ every(\"20s\", \"tick\"); send_text(\"up\", \"up\"); }}\nfn on_error(error) {{ send_text(\"error\", `${{error.hook}}: ${{error.message}}`); }}\n{rest}"
        )
    };
    let bot =
        Setup::new().clock(&clock).script("bot", script("fn tick() { send_text(\"tick\", \"1\"); }")).start().await;
    bot.text_to("up").await;
    clock.advance(20 * SECOND);
    assert_eq!(bot.text_to("tick").await, "1");
    bot.save("bot", script("fn tock() {}"));
    let said = bot.logged(&["WARN", "names the function \"tick\", which this script does not define"]).await;
    assert!(said.contains("kept, and fails when it is due"), "{said}");
    clock.advance(20 * SECOND);
    let error = bot.text_to("error").await;
    assert!(error.starts_with("tick: ") && error.contains("does not define"), "{error}");
    bot.save("bot", script("fn tick() { send_text(\"tick\", \"3\"); }"));
    bot.logged(&["bot.rhai is live", "generation=3"]).await;
    clock.advance(20 * SECOND);
    assert_eq!(bot.text_to("tick").await, "3");
    assert_eq!(bot.texts_to("error").len(), 1);
    bot.stop().await;
}
