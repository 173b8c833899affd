//! Order in a chat while handlers wait for the web: they let the chat go on, and come back to it one after the other.

use std::time::Duration;

use hotline::clock::Clock;
use serde_json::json;

use super::site::Site;
use super::support::{Answer, Bot, Setup};

/// `fetch("/path")` gives what the web answers.
fn with_fetch(site: &Site, script: &str) -> String {
    format!("{script}\nfn fetch(path) {{ http_get(`{}${{path}}`).body }}", site.url(""))
}

async fn start(site: &Site, script: &str) -> Bot {
    let bot = Setup::new().allow(site).script("bot", with_fetch(site, script)).start().await;
    assert_eq!(bot.host().faults(), []);
    bot
}

/// A message that begins with a slash is fetched; "hold" keeps the chat with a command; others are answered at once.
const FETCHER: &str = r#"
fn on_message(msg) {
    if msg.text == "hold" { get_settings(); }
    if msg.text.starts_with("/") { msg.reply(`${msg.text} ${fetch(msg.text)}`); }
    else { msg.reply(`said ${msg.text}`); }
}"#;

fn holding(request: &serde_json::Value) -> Answer {
    if request["command"] == "GetSettings" { Answer::Hold } else { Answer::Content(json!({})) }
}

#[tokio::test]
async fn a_slow_answer_of_the_web_stops_nobody_in_the_chat() {
    let site = Site::open().await;
    let bot = start(&site, FETCHER).await;
    bot.says_in("c1", "u1", "/slow");
    site.is_asked("/slow", 1).await;
    for (person, text) in [("u1", "one"), ("u2", "two")] {
        bot.says_in("c1", person, text);
        assert_eq!(bot.text_to("c1").await, format!("said {text}"));
    }
    site.answers("/slow", "done");
    assert_eq!(bot.text_to("c1").await, "/slow done");
    bot.stop().await;
}

#[tokio::test]
async fn runs_of_a_chat_wait_for_the_web_together_and_go_on_as_they_are_answered() {
    let site = Site::open().await;
    let bot = start(&site, FETCHER).await;
    for path in ["/a", "/b", "/c"] {
        bot.says("u1", path);
        site.is_asked(path, 1).await;
    }
    for path in ["/c", "/a", "/b"] {
        site.answers(path, "done");
        assert_eq!(bot.text_to("u1").await, format!("{path} done"));
    }
    bot.stop().await;
}

#[tokio::test]
async fn a_run_that_is_answered_enters_its_lane_before_the_events_that_wait() {
    let site = Site::open().await;
    let bot = Setup::new().allow(&site).script("bot", with_fetch(&site, FETCHER)).answers(holding).start().await;
    for path in ["/a", "/b"] {
        bot.says("u1", path);
        site.is_asked(path, 1).await;
    }
    bot.says("u1", "hold");
    bot.says("u1", "next");
    bot.holds(1).await;
    // Each is back when a run of another chat that was answered later is.
    for (path, probe) in [("/b", "/1"), ("/a", "/2")] {
        bot.says("u2", probe);
        site.is_asked(probe, 1).await;
        site.answers(path, "done");
        site.answers(probe, "done");
        assert_eq!(bot.text_to("u2").await, format!("{probe} done"));
    }
    assert_eq!(bot.texts_to("u1"), Vec::<String>::new(), "the chat is held by a command");
    bot.release();
    for expected in ["said hold", "/b done", "/a done", "said next"] {
        assert_eq!(bot.text_to("u1").await, expected);
    }
    bot.stop().await;
}

#[tokio::test]
async fn the_other_scripts_of_an_event_wait_for_the_web_and_true_keeps_it_from_them() {
    let site = Site::open().await;
    let first = with_fetch(&site, "fn on_message(msg) { msg.text.starts_with(\"/\") && fetch(msg.text) == \"mine\" }");
    let second = "fn on_message(msg) { msg.reply(msg.text); }";
    let bot = Setup::new().allow(&site).script("a", first).script("b", second).start().await;
    bot.says("u1", "/mine");
    bot.says("u1", "/not");
    site.is_asked("/mine", 1).await;
    site.is_asked("/not", 1).await;
    // What comes later goes through all scripts first.
    bot.says("u1", "later");
    assert_eq!(bot.text_to("u1").await, "later");
    site.answers("/mine", "mine");
    site.answers("/not", "not mine");
    assert_eq!(bot.text_to("u1").await, "/not");
    bot.stop().await;
}

#[tokio::test]
async fn a_script_that_fails_after_the_web_has_not_handled_its_event() {
    let site = Site::open().await;
    let first = with_fetch(
        &site,
        "fn on_message(msg) { if fetch(\"/a\") == \"bad\" { throw \"ouch\"; } }\n\
         fn on_error(error) { send_text(\"errors\", `${error.hook}: ${error.message}`); }",
    );
    let second = "fn on_message(msg) { msg.reply(msg.text); }";
    let bot = Setup::new().allow(&site).script("a", first).script("b", second).start().await;
    bot.says("u1", "one");
    site.is_asked("/a", 1).await;
    site.answers("/a", "bad");
    assert_eq!(bot.text_to("u1").await, "one");
    assert!(bot.text_to("errors").await.starts_with("on_message: ouch"));
    bot.says("u1", "two");
    site.is_asked("/a", 2).await;
    site.answers("/a", "good");
    assert_eq!(bot.text_to("u1").await, "two");
    bot.stop().await;
}

#[tokio::test]
async fn a_request_that_fails_is_caught_back_in_the_lane() {
    let bot = Setup::new()
        .allow_host("127.0.0.1:1")
        .script(
            "bot",
            r#"fn on_message(msg) {
                if msg.text == "go" { try { http_get("http://127.0.0.1:1/"); } catch (error) { msg.reply(error.name); } }
                if msg.text == "elsewhere" { try { http_get("http://127.0.0.1:2/"); } catch (error) { msg.reply(error.name); } }
                msg.reply(msg.text);
            }"#,
        )
        .answers(|_| Answer::Content(json!({})))
        .start()
        .await;
    for (text, failure) in [("go", "HTTP_FAILED"), ("elsewhere", "NOT_ALLOWED")] {
        bot.says("u1", text);
        assert_eq!([bot.text_to("u1").await, bot.text_to("u1").await], [failure, text]);
    }
    bot.stop().await;
}

#[tokio::test]
async fn on_notify_keeps_its_lane_while_it_waits_for_the_web() {
    let site = Site::open().await;
    let script = "fn on_notify(subcommand, content) { if content.text == \"one\" { fetch(\"/seen\"); } }\n\
                  fn on_message(msg) { msg.reply(msg.text); }";
    let bot = start(&site, script).await;
    bot.says("u1", "one");
    bot.says("u1", "two");
    site.is_asked("/seen", 1).await;
    bot.says("u2", "elsewhere");
    assert_eq!(bot.text_to("u2").await, "elsewhere");
    assert_eq!(bot.texts_to("u1"), Vec::<String>::new());
    site.answers("/seen", "");
    assert_eq!([bot.text_to("u1").await, bot.text_to("u1").await], ["one", "two"]);
    bot.stop().await;
}

#[tokio::test]
async fn who_has_an_answer_keeps_the_lane_while_it_waits_for_the_web() {
    let site = Site::open().await;
    let script = r#"
        fn on_message(msg) {
            if msg.text != "/order" { msg.reply(`said ${msg.text}`); return; }
            let item = msg.ask("What?").text;
            let count = if fetch(`/${item}`) == "in stock" { msg.ask("How many?").text } else { "no" };
            sleep("0s");
            msg.reply(`${count} ${item} ${fetch("/price")}`);
        }"#;
    let bot = start(&site, script).await;
    bot.says("u1", "/order");
    assert_eq!(bot.text_to("u1").await, "What?");
    // The person does not wait for the second question.
    bot.says("u1", "tea");
    bot.says("u1", "2");
    site.is_asked("/tea", 1).await;
    site.answers("/tea", "in stock");
    assert_eq!(bot.text_to("u1").await, "How many?");
    site.is_asked("/price", 1).await;
    bot.says("u1", "hello");
    assert_eq!(bot.text_to("u1").await, "said hello", "it has slept since");
    site.answers("/price", "for 3");
    assert_eq!(bot.text_to("u1").await, "2 tea for 3");
    bot.stop().await;
}

#[tokio::test]
async fn what_is_said_while_a_run_is_in_the_web_is_no_answer_to_what_it_asks_later() {
    let site = Site::open().await;
    let script = r#"
        fn on_message(msg) {
            if msg.text != "/order" { msg.reply(`said ${msg.text}`); return; }
            let menu = fetch("/menu");
            msg.reply(`${menu}: ${msg.ask("Which?").text}`);
        }"#;
    let bot = start(&site, script).await;
    bot.says("u1", "/order");
    site.is_asked("/menu", 1).await;
    bot.says("u1", "early");
    assert_eq!(bot.text_to("u1").await, "said early");
    site.answers("/menu", "tea, cake");
    assert_eq!(bot.text_to("u1").await, "Which?");
    bot.says("u1", "cake");
    assert_eq!(bot.text_to("u1").await, "tea, cake: cake");
    bot.stop().await;
}

#[tokio::test]
async fn no_more_than_sixty_four_runs_of_a_lane_are_in_the_web_and_the_others_come_after_them() {
    let site = Site::open().await;
    let bot = start(&site, FETCHER).await;
    for _ in 0..100 {
        bot.says("u1", "/a");
    }
    bot.says("u1", "last");
    site.is_asked("/a", 64).await;
    bot.says("u2", "/b");
    site.is_asked("/b", 1).await;
    site.answers("/b", "done");
    assert_eq!(bot.text_to("u2").await, "/b done", "other chats have their own measure");
    assert_eq!(site.bodies("/a").len(), 64);
    for answered in 0..100 {
        site.is_asked("/a", (64 + answered).min(100)).await;
        site.answers("/a", &answered.to_string());
    }
    let mut rest = Vec::new();
    while rest.len() < 101 {
        rest.push(bot.text_to("u1").await);
    }
    assert!((0..100).all(|number| rest.contains(&format!("/a {number}"))), "{rest:?}");
    let last = rest.iter().position(|text| text == "said last").expect("it is answered");
    assert!(last >= 36, "it waits for the last of those before it to be in the web: {rest:?}");
    bot.stop().await;
}

#[tokio::test]
async fn events_without_a_chat_overtake_in_the_lane_of_their_script() {
    let site = Site::open().await;
    let script =
        "fn on_profile_update(event) { if event.mid == \"u1\" { fetch(\"/a\"); } send_text(\"log\", event.mid); }";
    let bot = start(&site, script).await;
    bot.push("NOTIFIED_UPDATE_PROFILE", &json!({"mid": "u1"}));
    site.is_asked("/a", 1).await;
    bot.push("NOTIFIED_UPDATE_PROFILE", &json!({"mid": "u2"}));
    assert_eq!(bot.text_to("log").await, "u2");
    site.answers("/a", "");
    assert_eq!(bot.text_to("log").await, "u1");
    bot.stop().await;
}

#[tokio::test]
async fn a_run_that_was_in_the_web_while_its_script_was_saved_finishes_on_its_generation() {
    let site = Site::open().await;
    let bot = start(&site, &FETCHER.replace("said", "first")).await;
    bot.says("u1", "/a");
    site.is_asked("/a", 1).await;
    bot.save("bot", with_fetch(&site, "fn on_message(msg) { msg.reply(`second ${msg.text}`); }"));
    bot.logged(&["bot.rhai is live"]).await;
    bot.says("u1", "x");
    assert_eq!(bot.text_to("u1").await, "second x");
    site.answers("/a", "done");
    assert_eq!(bot.text_to("u1").await, "/a done");
    bot.stop().await;
}

#[tokio::test]
async fn timers_wait_beside_each_other() {
    let (site, clock) = (Site::open().await, Clock::manual(0));
    let script = r#"
        fn on_message(msg) { after("1s", "remind", [msg.chat]); after("1s", "later", [msg.chat]); msg.reply("yes"); }
        fn remind(chat) { send_text(chat, fetch(`/${chat}`)); }
        fn later(chat) { send_text(chat, "sleeps"); sleep("20s"); send_text(chat, "slept"); }"#;
    let bot = Setup::new().allow(&site).clock(&clock).script("bot", with_fetch(&site, script)).start().await;
    let people = ["u1", "u2", "u3"];
    for person in people {
        bot.says(person, "go");
        assert_eq!(bot.text_to(person).await, "yes");
    }
    clock.advance(Duration::from_secs(1));
    for person in people {
        site.is_asked(&format!("/{person}"), 1).await;
        assert_eq!(bot.text_to(person).await, "sleeps");
    }
    // All of them are in their sleep when what comes later is answered.
    bot.says("u4", "go");
    assert_eq!(bot.text_to("u4").await, "yes");
    clock.advance(Duration::from_secs(20));
    for person in people {
        assert_eq!(bot.text_to(person).await, "slept");
        site.answers(&format!("/{person}"), "fetched");
        assert_eq!(bot.text_to(person).await, "fetched");
    }
    bot.stop().await;
}

#[tokio::test]
async fn a_timer_never_overlaps_itself_whatever_it_waits_for() {
    let (site, clock) = (Site::open().await, Clock::manual(0));
    let script = r#"
        every("10s", "tick");
        fn tick() { fetch("/a"); send_text("tick", "fetched"); sleep("25s"); send_text("tick", "ends"); }
        fn on_message(msg) { msg.reply("seen"); }"#;
    let bot = Setup::new().allow(&site).clock(&clock).script("bot", with_fetch(&site, script)).start().await;
    let pass = async |seconds| {
        clock.advance(Duration::from_secs(seconds));
        bot.says("u1", "look");
        assert_eq!(bot.text_to("u1").await, "seen");
    };
    pass(10).await;
    for round in 1..=3 {
        site.is_asked("/a", round).await;
        for _ in 0..2 {
            pass(10).await;
        }
        site.answers("/a", "");
        assert_eq!(bot.text_to("tick").await, "fetched");
        // The first look may overtake what the answer to it wakes; the second one does not.
        for seconds in [0, 0, 10, 10] {
            pass(seconds).await;
        }
        assert_eq!(site.bodies("/a").len(), round, "it waits, or sleeps");
        pass(5).await;
        assert_eq!(bot.text_to("tick").await, "ends");
    }
    bot.stop().await;
}
