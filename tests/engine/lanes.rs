//! Order and waiting: what happens in one chat happens in order, different chats interleave, and people are asked.

use std::time::Duration;

use hotline::clock::Clock;
use serde_json::json;

use super::support::{Answer, Bot, Setup, is_text_to};

const ORDER: &str = r#"
fn on_message(msg) {
    if msg.text == "/order" {
        let item = msg.ask("What?");
        if item == () { msg.reply("Another time."); return; }
        let count = msg.ask("How many?", #{ timeout: "5m" });
        if count == () { msg.reply("No count."); return; }
        msg.reply(`${count.text} ${item.text} for ${msg.sender.name}`);
        return;
    }
    msg.reply(`said ${msg.text}`);
}
fn on_notify(subcommand, content) { send_text("notified", `${content.text}`); }
"#;

#[tokio::test]
async fn four_hundred_chats_wait_for_their_replies_together_on_one_worker() {
    let bot = Setup::new()
        .script("bot", "fn on_message(msg) { let receipt = msg.reply(\"a\"); msg.reply(`${receipt.to} b`); }")
        .answers(|_| Answer::Hold)
        .start()
        .await;
    for person in 0..400 {
        bot.says(&format!("u{person}"), "hi");
    }
    // Every handler is in the middle of its first command at the same time.
    bot.holds(400).await;
    bot.release();
    for person in 0..400 {
        let person = format!("u{person}");
        assert_eq!(bot.text_to(&person).await, "a");
        assert_eq!(bot.text_to(&person).await, format!("{person} b"));
    }
    bot.stop().await;
}

#[tokio::test]
async fn two_people_order_at_the_same_time_and_neither_sees_the_others_words() {
    let bot = Bot::start(ORDER).await;
    for (person, text, expected) in [
        ("u1", "/order", "What?"),
        ("u2", "/order", "What?"),
        ("u2", "cake", "How many?"),
        ("u1", "tea", "How many?"),
        ("u1", "2", "2 tea for Name of u1"),
        ("u2", "7", "7 cake for Name of u2"),
    ] {
        bot.says(person, text);
        assert_eq!(bot.text_to(person).await, expected);
    }
    bot.stop().await;
}

#[tokio::test]
async fn two_people_in_one_group_have_conversations_of_their_own() {
    let bot = Bot::start(ORDER).await;
    for (person, text, expected) in [
        ("u1", "/order", "What?"),
        ("u2", "/order", "What?"),
        ("u3", "hello", "said hello"),
        ("u2", "cake", "How many?"),
        ("u1", "tea", "How many?"),
        ("u2", "7", "7 cake for Name of u2"),
        ("u1", "2", "2 tea for Name of u1"),
    ] {
        bot.says_in("c1", person, text);
        assert_eq!(bot.text_to("c1").await, expected);
    }
    bot.stop().await;
}

#[tokio::test]
async fn an_answer_counts_only_from_the_person_and_the_chat_that_were_asked() {
    let bot = Bot::start(ORDER).await;
    bot.says_in("c1", "u1", "/order");
    assert_eq!(bot.text_to("c1").await, "What?");
    bot.says("u1", "privately");
    assert_eq!(bot.text_to("u1").await, "said privately");
    bot.says_in("c2", "u1", "elsewhere");
    assert_eq!(bot.text_to("c2").await, "said elsewhere");
    bot.says_in("c1", "u2", "someone else");
    assert_eq!(bot.text_to("c1").await, "said someone else");
    bot.says_in("c1", "u1", "tea");
    assert_eq!(bot.text_to("c1").await, "How many?");
    bot.stop().await;
}

#[tokio::test]
async fn the_latest_ask_has_the_answer_and_an_earlier_one_the_next() {
    let clock = Clock::manual(0);
    let asking = |name: &str, first: &str| {
        format!(
            "fn on_message(msg) {{ if msg.text != \"go\" {{ return; }} {first} msg.reply(\"{name} got \" + msg.ask(\"{name}?\").text); }}"
        )
    };
    let bot = Setup::new()
        .clock(&clock)
        .script("a", asking("a", "sleep(\"1s\");"))
        .script("b", asking("b", ""))
        .start()
        .await;
    bot.says("u1", "go");
    assert_eq!(bot.text_to("u1").await, "b?");
    clock.advance(Duration::from_secs(1));
    assert_eq!(bot.text_to("u1").await, "a?");
    bot.says("u1", "1");
    assert_eq!(bot.text_to("u1").await, "a got 1");
    bot.says("u1", "2");
    assert_eq!(bot.text_to("u1").await, "b got 2");
    bot.stop().await;
}

#[tokio::test]
async fn the_answer_of_an_ask_reaches_on_notify_and_no_on_message() {
    let bot = Setup::new()
        .script("a", ORDER)
        .script("b", "fn on_message(msg) { send_text(\"b\", msg.text); }\nfn on_notify(s, c) { send_text(\"b notified\", c.text); }")
        .start()
        .await;
    bot.says("u1", "/order");
    assert_eq!(bot.text_to("u1").await, "What?");
    bot.says("u1", "tea");
    assert_eq!(bot.text_to("u1").await, "How many?");
    bot.says("u2", "end");
    assert_eq!(bot.text_to("b").await, "end");
    // The first script had handled "/order", so the second got nothing of it.
    for (script, texts) in [("notified", vec!["/order", "tea", "end"]), ("b notified", vec!["tea", "end"])] {
        assert_eq!(bot.texts_to(script), texts);
    }
    assert_eq!(bot.texts_to("b"), ["end"]);
    bot.stop().await;
}

#[tokio::test]
async fn an_ask_gives_nothing_after_its_timeout() {
    let clock = Clock::manual(1_700_000_000_000);
    let bot = Setup::new()
        .clock(&clock)
        .limits(|limits| limits.ask = Duration::from_secs(60))
        .script("bot", ORDER)
        .start()
        .await;
    bot.says("u1", "/order");
    assert_eq!(bot.text_to("u1").await, "What?");
    bot.says("u2", "/order");
    assert_eq!(bot.text_to("u2").await, "What?");
    bot.says("u2", "tea");
    assert_eq!(bot.text_to("u2").await, "How many?");
    sleeping(&bot, "u3").await;
    clock.advance(Duration::from_secs(59));
    bot.says("u3", "hello");
    assert_eq!(bot.text_to("u3").await, "said hello");
    clock.advance(Duration::from_secs(1));
    assert_eq!(bot.text_to("u1").await, "Another time.");
    // Its own timeout is longer.
    bot.says("u2", "3");
    assert_eq!(bot.text_to("u2").await, "3 tea for Name of u2");
    bot.says("u1", "tea");
    assert_eq!(bot.text_to("u1").await, "said tea");
    bot.stop().await;
}

/// Waits until what was received before is handled as far as it goes: a run that asks is then asking.
async fn sleeping(bot: &Bot, person: &str) {
    bot.says(person, "x");
    bot.text_to(person).await;
}

#[tokio::test]
async fn an_ask_without_an_answer_does_not_hold_its_chat() {
    let bot = Bot::start(ORDER).await;
    bot.says_in("c1", "u1", "/order");
    assert_eq!(bot.text_to("c1").await, "What?");
    for n in 0..20 {
        bot.says_in("c1", "u2", &format!("{n}"));
        assert_eq!(bot.text_to("c1").await, format!("said {n}"));
    }
    bot.stop().await;
}

#[tokio::test]
async fn messages_of_one_chat_are_handled_in_order_one_at_a_time() {
    let bot = Bot::start("fn on_message(msg) { msg.reply(`${msg.text} a`); msg.reply(`${msg.text} b`); }").await;
    for n in 0..100 {
        bot.says("u1", &n.to_string());
        bot.says("u2", &n.to_string());
    }
    for person in ["u1", "u2"] {
        for n in 0..100 {
            assert_eq!(bot.text_to(person).await, format!("{n} a"));
            assert_eq!(bot.text_to(person).await, format!("{n} b"));
        }
    }
    bot.stop().await;
}

#[tokio::test]
async fn a_lane_is_held_while_its_handler_waits_for_a_command_and_others_go_on() {
    let bot = Setup::new()
        .script("bot", "fn on_message(msg) { if msg.text == \"1\" { get_settings(); } msg.reply(msg.text); }")
        .answers(|request| if request["command"] == "GetSettings" { Answer::Hold } else { Answer::Content(json!({})) })
        .start()
        .await;
    bot.says("u1", "1");
    bot.holds(1).await;
    bot.says("u1", "2");
    bot.says("u2", "2");
    assert_eq!(bot.text_to("u2").await, "2");
    assert!(bot.texts_to("u1").is_empty());
    bot.release();
    assert_eq!(bot.text_to("u1").await, "1");
    assert_eq!(bot.text_to("u1").await, "2");
    bot.stop().await;
}

#[tokio::test]
async fn events_of_a_group_share_the_lane_of_its_messages() {
    let bot = Setup::new()
        .script(
            "bot",
            "fn on_join(event) { get_settings(); send_text(event.group_id, \"joined\"); }\n\
             fn on_message(msg) { msg.reply(msg.text); }",
        )
        .answers(|request| if request["command"] == "GetSettings" { Answer::Hold } else { Answer::Content(json!({})) })
        .start()
        .await;
    bot.push("NOTIFIED_JOIN_CHAT", &json!({"group_id": "c1", "mid": "u1"}));
    bot.says_in("c1", "u1", "hello");
    bot.holds(1).await;
    bot.says("u2", "elsewhere");
    assert_eq!(bot.text_to("u2").await, "elsewhere");
    assert!(bot.texts_to("c1").is_empty());
    bot.release();
    assert_eq!(bot.text_to("c1").await, "joined");
    assert_eq!(bot.text_to("c1").await, "hello");
    bot.stop().await;
}

#[tokio::test]
async fn a_run_that_wakes_enters_its_lane_before_the_events_that_wait() {
    let clock = Clock::manual(0);
    let bot = Setup::new()
        .clock(&clock)
        .script(
            "bot",
            r#"
            fn on_message(msg) {
                if msg.text == "sleep" { sleep("5s"); msg.reply("awake"); return; }
                if msg.text == "slow" { get_settings(); }
                msg.reply(msg.text);
            }"#,
        )
        .answers(|request| if request["command"] == "GetSettings" { Answer::Hold } else { Answer::Content(json!({})) })
        .start()
        .await;
    bot.says("u1", "sleep");
    bot.says("u1", "slow");
    bot.says("u1", "next");
    // The sleeper has let go of the lane, "slow" holds it, "next" waits.
    bot.holds(1).await;
    clock.advance(Duration::from_secs(5));
    bot.says("u2", "passes");
    assert_eq!(bot.text_to("u2").await, "passes");
    bot.release();
    for expected in ["slow", "awake", "next"] {
        assert_eq!(bot.text_to("u1").await, expected);
    }
    bot.stop().await;
}

#[tokio::test]
async fn the_answer_comes_before_what_was_said_after_it() {
    let bot = Bot::start(ORDER).await;
    bot.says("u1", "/order");
    assert_eq!(bot.text_to("u1").await, "What?");
    bot.says("u1", "tea");
    bot.says("u1", "2");
    bot.says("u1", "hello");
    for expected in ["How many?", "2 tea for Name of u1", "said hello"] {
        assert_eq!(bot.text_to("u1").await, expected);
    }
    bot.stop().await;
}

#[tokio::test]
async fn an_ask_has_handled_its_event_and_a_sleep_passes_it_on() {
    let bot = Setup::new()
        .script("a", "fn on_message(msg) { if msg.text == \"ask\" { msg.ask(\"?\"); } if msg.text == \"sleep\" { sleep(\"10m\"); } }")
        .script("b", "fn on_message(msg) { send_text(\"b\", msg.text); }")
        .start()
        .await;
    bot.says("u1", "ask");
    assert_eq!(bot.text_to("u1").await, "?");
    bot.says("u2", "sleep");
    assert_eq!(bot.text_to("b").await, "sleep");
    bot.says("u3", "end");
    assert_eq!(bot.text_to("b").await, "end");
    assert_eq!(bot.texts_to("b"), ["sleep", "end"]);
    bot.stop().await;
}

#[tokio::test]
async fn waiting_works_from_functions_modules_getters_and_callbacks() {
    let bot = Setup::new()
        .script(
            "lib/names",
            "fn of(msg) { msg.sender.name }\nfn double(msg, text) { msg.ask(text).text + msg.ask(text).text }",
        )
        .script(
            "bot",
            r#"
            import "lib/names" as names;
            fn on_message(msg) {
                let asked = ["a", "b"].map(|question| msg.ask(question).text + names::of(msg));
                msg.reply(`${asked} ${names::double(msg, "c")}`);
            }"#,
        )
        .start()
        .await;
    bot.says("u1", "go");
    for (question, answer) in [("a", "1"), ("b", "2"), ("c", "3"), ("c", "4")] {
        assert_eq!(bot.text_to("u1").await, question);
        bot.says("u1", answer);
    }
    assert_eq!(bot.text_to("u1").await, r#"["1Name of u1", "2Name of u1"] 34"#);
    bot.stop().await;
}

#[tokio::test]
async fn a_failed_ask_or_option_says_what_is_wrong() {
    let bot = Bot::start(
        r#"
        fn on_message(msg) {
            try { msg.ask("?", #{ timout: "5m" }); } catch (e) { send_text("e", `${e}`); }
            try { msg.ask("?", #{ timeout: 5 }); } catch (e) { send_text("e", `${e}`); }
            try { msg.ask("?", #{ timeout: "soon" }); } catch (e) { send_text("e", `${e}`); }
            try { msg.ask("?", #{ whom: "u2" }); } catch (e) { send_text("e", `${e}`); }
            try { msg.ask("?", #{ from: "u2" }); } catch (e) { send_text("e", `${e}`); }
            try { ask("u1", "?", #{ from: "u2" }); } catch (e) { send_text("e", `${e}`); }
            try { ask("c1", "?", #{ from: 2 }); } catch (e) { send_text("e", `${e}`); }
            try { ask("", "?"); } catch (e) { send_text("e", `${e}`); }
            try { msg.reply(5); } catch (e) { send_text("e", `${e}`); }
        }"#,
    )
    .await;
    bot.says("u1", "go");
    for expected in [
        "ask has no option timout; did you mean timeout?",
        "ask needs timeout, a duration such as \"10m\"; found the integer 5",
        "ask: timeout: \"soon\" is no duration",
        "ask has no option whom; it has timeout, choices, ",
        "msg.ask asks who wrote the message; to ask another, write ask(msg.chat, text, #{ from: mid })",
        "ask: from says who of a group may answer; \"u1\" is no group",
        "ask needs from, the mid of a person; found the integer 2",
        "ask needs the mid of a person or a group; found \"\"",
        "msg.reply(text) needs a string; found the integer 5",
    ] {
        let error = bot.text_to("e").await;
        assert!(error.starts_with(expected), "{error}");
    }
    assert!(!bot.frames().iter().any(|frame| is_text_to(frame, "u1")));
    bot.stop().await;
}

#[tokio::test]
async fn a_command_without_a_reply_fails_after_its_time() {
    let clock = Clock::manual(0);
    let bot = Setup::new()
        .clock(&clock)
        .script(
            "bot",
            "fn on_message(msg) { try { leave_group(\"c1\"); } catch (e) { msg.reply(`${e.name}: ${e.message}`); } }",
        )
        .answers(|request| if request["command"] == "LeaveGroup" { Answer::Hold } else { Answer::Content(json!({})) })
        .start()
        .await;
    bot.says("u1", "go");
    bot.holds(1).await;
    clock.advance(Duration::from_secs(30));
    assert_eq!(bot.text_to("u1").await, "TIMEOUT: LeaveGroup had no reply within 30 s");
    bot.stop().await;
}

#[tokio::test]
async fn this_account_can_be_asked_where_it_writes_from_another_device() {
    let bot = Bot::start(
        r#"fn on_own_message(msg) {
            if msg.text == "own" { let answer = msg.ask("own?"); send_text("u9", `${answer.text} to ${msg.chat}`); }
            else { send_text("u9", `not asked: ${msg.text}`); }
        }"#,
    )
    .await;
    let writes = |text: &str| {
        let content = json!({"id": text, "from": "ume", "to": "u1", "text": text, "contentType": "NONE"});
        bot.push("SEND_MESSAGE", &content);
    };
    writes("own");
    assert_eq!(bot.text_to("u1").await, "own?");
    writes("mine");
    assert_eq!(bot.text_to("u9").await, "mine to u1");
    writes("more");
    assert_eq!(bot.text_to("u9").await, "not asked: more");
    bot.stop().await;
}
