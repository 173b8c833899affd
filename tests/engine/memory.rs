//! What scripts keep for several who change it at the same time: updates, stores that scripts share.

use std::time::Duration;

use hotline::clock::Clock;
use serde_json::json;

use super::support::{Bot, Setup};

#[tokio::test]
async fn an_update_counts_right_when_two_workers_update_at_the_same_time() {
    let script = r#"fn on_message(msg) {
        let n = 0;
        for i in 0..50 { n = store.update("n", |old| { let sum = 0; for k in 0..200 { sum += 1; } (old ?? 0) + sum / 200 }); store.incr("n"); }
        msg.reply(`${n}`);
    }"#;
    let bot = Setup::new().session("one").session("two").workers(2).script("bot", script).start().await;
    for _ in 0..5 {
        bot.gateway(0).says("u1", "go");
        bot.gateway(1).says("u1", "go");
    }
    for _ in 0..5 {
        bot.gateway(0).text_to("u1").await;
        bot.gateway(1).text_to("u1").await;
    }
    bot.save("bot", "fn on_message(msg) { msg.reply(`${store.get(\"n\")}`); }");
    bot.logged(&["bot.rhai is live"]).await;
    bot.says("u1", "?");
    assert_eq!(bot.text_to("u1").await, "1000");
    bot.stop().await;
}

#[tokio::test]
async fn an_update_that_fails_leaves_the_value_and_says_why() {
    let bot = Bot::start(
        r#"fn on_message(msg) {
        store.set("n", 7);
        try {
            switch msg.text {
                "throw" => store.update("n", |old| { throw "no"; }),
                "send" => store.update("n", |old| { msg.reply("hi"); 8 }),
                "look" => store.update("n", |old| now()),
                "nothing" => store.update("n", |old| { old += 1; }),
                "closure" => store.update("n", |old| |x| x),
                "arguments" => store.update("n", || 8),
                "value" => store.update("n", 8),
                "ttl" => store.update("n", |old| 8, #{ ttl: 3 }),
                "option" => store.update("n", |old| 8, #{ ttll: "3s" }),
            }
        } catch (e) { msg.reply(`${e}`); }
        msg.reply(`${store.get("n")}`);
    }"#,
    )
    .await;
    for (text, expected) in [
        ("throw", "no"),
        (
            "send",
            "SendText cannot be used in the closure of an update, for which everybody waits: call it before, and use what it gave",
        ),
        (
            "look",
            "now cannot be used in the closure of an update, for which everybody waits: call it before, and use what it gave",
        ),
        (
            "nothing",
            "store.update(\"n\", …): the closure gave (), which is no value to keep; its last line gives the new value, or the old one to leave it",
        ),
        (
            "closure",
            "store.update(\"n\", …): a function is no plain data: only (), true and false, numbers, strings, arrays and maps are",
        ),
        ("ttl", "store.update needs ttl, a duration such as \"1h\"; found the integer 3"),
        ("option", "store.update has no option ttll; it has ttl"),
    ] {
        bot.says("u1", text);
        assert_eq!(bot.text_to("u1").await, expected, "{text}");
        assert_eq!(bot.text_to("u1").await, "7", "{text}");
    }
    for (text, part) in [
        ("arguments", "the closure is called with 1 argument"),
        ("value", "no function `update` takes (Store, string, integer)"),
    ] {
        bot.says("u1", text);
        let said = bot.text_to("u1").await;
        assert!(said.contains(part), "{text}: {said}");
        assert_eq!(bot.text_to("u1").await, "7", "{text}");
    }
    bot.stop().await;
}

#[tokio::test]
async fn an_update_keeps_the_end_that_a_value_has_unless_it_gives_another() {
    let clock = Clock::manual(1_000_000);
    let script = r#"fn on_message(msg) {
        switch msg.text {
            "hour" => store.update("n", |old| 1, #{ ttl: "1h" }),
            "more" => store.update("n", |old| (old ?? 0) + 1),
            "leave" => store.update("none", |old| old),
        }
        msg.reply(`${store.get("n")} ${store.keys()}`);
    }"#;
    let bot = Setup::new().clock(&clock).script("bot", script).start().await;
    for (text, minutes, expected) in [
        ("hour", 0, "1 [\"n\"]"),
        ("more", 59, "2 [\"n\"]"),
        ("leave", 1, " []"),
        ("more", 0, "1 [\"n\"]"),
        ("?", 100, "1 [\"n\"]"),
    ] {
        clock.advance(Duration::from_secs(60 * minutes));
        bot.says("u1", text);
        assert_eq!(bot.text_to("u1").await, expected, "{text}");
    }
    bot.stop().await;
}

#[tokio::test]
async fn a_closure_that_computes_without_end_holds_nobody_up_for_long() {
    let bot = Bot::start(
        r#"fn on_message(msg) {
        if msg.text == "spin" { store.update("n", |old| { loop {} }); }
        store.update("n", |old| (old ?? 0) + 1);
        msg.reply(`${store.get("n")}`);
    }"#,
    )
    .await;
    bot.says("u1", "spin");
    bot.logged(&["the closure of an update made more than 1000000 operations, for which everybody waits"]).await;
    bot.says("u1", "count");
    assert_eq!(bot.text_to("u1").await, "1");
    bot.stop().await;
}

#[tokio::test]
async fn a_rebuilt_run_updates_with_what_it_found_the_first_time_and_keeps_nothing_twice() {
    let bot = Bot::start(
        r#"fn on_message(msg) {
        if msg.text == "more" { msg.reply(`${store.update("n", |old| old + 100)}`); return; }
        let seen = [];
        let first = store.update("n", |old| { seen.push(old); (old ?? 0) + 1 });
        try { store.update("n", |old| { seen.push(old); throw "no"; }); } catch (e) { seen.push(e); }
        let second = store.update("n", |old| { seen.push(old); old + 1 });
        msg.ask("And?");
        msg.reply(`${first} ${second} ${seen} ${store.get("n")}`);
    }"#,
    )
    .await;
    bot.says("u1", "go");
    assert_eq!(bot.text_to("u1").await, "And?");
    bot.says("u2", "more");
    assert_eq!(bot.text_to("u2").await, "102");
    let bot = bot.restart().await;
    bot.says("u1", "go on");
    assert_eq!(bot.text_to("u1").await, r#"1 2 [(), 1, "no", 1] 102"#);
    bot.stop().await;
}

#[tokio::test]
async fn a_shared_store_is_that_of_every_script_that_names_it() {
    let script = |name: &str| {
        format!(
            r#"const VOTES = shared_store("votes");
            fn on_message(msg) {{
                if msg.text != "{name}" {{ return; }}
                let all = global::VOTES.update("all", |old| {{ let old = old ?? []; old.push("{name}"); old }});
                global::VOTES.set("last", "{name}", #{{ ttl: "1h" }});
                msg.reply(`${{all}} ${{VOTES().incr("n")}} ${{VOTES().keys()}} ${{store.keys()}} ${{shared_store("other").get("all")}}`);
                true
            }}
            fn VOTES() {{ shared_store("votes") }}"#
        )
    };
    let bot = Setup::new()
        .session("one")
        .session("two")
        .workers(2)
        .script("a", script("a"))
        .script("b", script("b"))
        .start()
        .await;
    bot.gateway(0).says("u1", "a");
    assert_eq!(bot.gateway(0).text_to("u1").await, r#"["a"] 1 ["all", "last", "n"] [] "#);
    bot.gateway(1).says("u1", "b");
    assert_eq!(bot.gateway(1).text_to("u1").await, r#"["a", "b"] 2 ["all", "last", "n"] [] "#);
    let bot = bot.restart().await;
    bot.gateway(0).says("u1", "b");
    assert_eq!(bot.gateway(0).text_to("u1").await, r#"["a", "b", "b"] 3 ["all", "last", "n"] [] "#);
    bot.stop().await;
}

#[tokio::test]
async fn a_shared_store_has_a_name_and_says_which_it_is() {
    let bot = Bot::start(
        r#"fn on_message(msg) {
        try {
            switch msg.text {
                "empty" => shared_store(""),
                "long" => { let x = "x"; x.pad(101, "x"); shared_store(x) },
                "odd" => shared_store("a\nb"),
                "incr" => { let s = shared_store("s"); s.set("k", "text"); s.incr("k") },
            }
        } catch (e) { msg.reply(`${e}`); }
    }"#,
    )
    .await;
    for (text, expected) in [
        ("empty", "shared_store needs a name of 1 to 100 bytes, such as \"orders\"; found an empty one"),
        ("long", "shared_store needs a name of 1 to 100 bytes, such as \"orders\"; found a longer one"),
        ("odd", "shared_store needs a name of 1 to 100 bytes, such as \"orders\"; found one with a control character"),
        ("incr", "shared_store(\"s\").incr: the value of \"k\" is no whole number, so it cannot be counted up"),
    ] {
        bot.says("u1", text);
        assert_eq!(bot.text_to("u1").await, expected, "{text}");
    }
    bot.stop().await;
}

/// Counts what it is told by and in whom, and what it has of them all.
const COUNTS: &str = r#"fn on_message(msg) {
    let mine = msg.sender.state;
    if msg.text == "clear" { mine.clear(); }
    else if msg.text == "ask" { mine.answer = msg.ask("Well?").text; }
    else if msg.text == "closure" { try { mine.f = |x| x; } catch (e) { msg.reply(`${e}`); return; } }
    else { mine.n = (mine.n ?? 0) + 1; mine.last = []; mine.last.push(msg.text); msg.chat_state.n = (msg.chat_state.n ?? 0) + 1; }
    msg.reply(`${to_json(mine.to_map())} ${to_json(state_of(msg.chat).to_map())} ${state.keys()}`);
}
fn on_leave(event) { event.person.state.left = true; send_text(event.person.mid, to_json(event.person.state.to_map())); }"#;

#[tokio::test]
async fn each_person_and_each_chat_has_a_state_of_its_own_over_reloads_and_restarts() {
    let mut bot = Bot::start(COUNTS).await;
    for (n, expected) in [1, 2, 3].iter().zip([
        r#"{"last":["hi"],"n":1} {"n":1} []"#,
        r#"{"last":["hi"],"n":2} {"n":2} []"#,
        r#"{"last":["hi"],"n":3} {"n":3} []"#,
    ]) {
        bot.gateway(0).says_in("c1", "u1", "hi");
        assert_eq!(bot.text_to("c1").await, expected);
        bot.says("u2", "hi");
        assert_eq!(
            bot.text_to("u2").await,
            format!(r#"{{"last":["hi"],"n":{}}} {{"last":["hi"],"n":{}}} []"#, 2 * n, 2 * n)
        );
        match n {
            1 => {
                bot.save("bot", format!("{COUNTS} "));
                bot.logged(&["bot.rhai is live"]).await;
            }
            _ => bot = bot.restart().await,
        }
    }
    bot.push("NOTIFIED_LEAVE_CHAT", &json!({"group_id": "c1", "mid": "u2"}));
    assert_eq!(bot.text_to("u2").await, r#"{"last":["hi"],"left":true,"n":6}"#);
    bot.says("u2", "closure");
    let refused = "state_of(\"u2\").f cannot be set: a function is no plain data: only (), true and false, numbers, strings, arrays and maps are";
    assert_eq!(bot.text_to("u2").await, refused);
    bot.stop().await;
}

#[tokio::test]
async fn a_persons_state_is_a_record_of_its_own_and_an_empty_one_is_none() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bot = Setup::new().data(folder.path()).script("bot", COUNTS).start().await;
    let kept = || {
        let database = rusqlite::Connection::open(folder.path().join("hotline.db")).expect("a database");
        let mut rows = database.prepare("SELECT script, state FROM state ORDER BY script").expect("a table");
        let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
        rows.collect::<Result<Vec<(String, String)>, _>>().expect("texts")
    };
    for person in ["u1", "u2"] {
        bot.says(person, "hi");
        bot.text_to(person).await;
    }
    let bot = bot.restart().await;
    let of = |person: &str| (format!("bot/{person}"), r#"{"last":["hi"],"n":2}"#.to_owned());
    assert_eq!(kept(), [of("u1"), of("u2")]);
    bot.says("u1", "clear");
    assert_eq!(bot.text_to("u1").await, "{} {} []");
    let bot = bot.restart().await;
    assert_eq!(kept(), [of("u2")]);
    bot.delete("bot").await;
    bot.logged(&["bot.rhai is missing"]).await;
    bot.forget("bot").await.expect("it is forgotten");
    bot.stop().await;
    assert_eq!(kept(), []);
}

#[tokio::test]
async fn a_conversation_that_is_rebuilt_finds_a_persons_state_as_it_was_and_keeps_what_others_changed() {
    let bot = Bot::start(COUNTS).await;
    bot.says("u1", "hi");
    bot.text_to("u1").await;
    bot.gateway(0).says_in("c1", "u1", "ask");
    assert_eq!(bot.text_to("c1").await, "Well?");
    bot.says("u1", "hi");
    assert_eq!(bot.text_to("u1").await, r#"{"last":["hi"],"n":4} {"last":["hi"],"n":4} []"#);
    let bot = bot.restart().await;
    bot.gateway(0).says_in("c1", "u1", "yes");
    assert_eq!(bot.text_to("c1").await, r#"{"answer":"yes","last":["hi"],"n":4} {} []"#);
    bot.stop().await;
}

#[tokio::test]
async fn nobody_has_no_state() {
    let bot = Bot::start(
        r#"fn on_message(msg) {
        try { let s = state_of(""); s.n = 1; } catch (e) { msg.reply(`${e}`); }
        try { let s = state_of(msg.sender); s.n = 1; } catch (e) { msg.reply(`${e}`); }
    }"#,
    )
    .await;
    bot.says("u1", "hi");
    assert_eq!(bot.text_to("u1").await, "state_of needs the mid of a person or a chat; found an empty one");
    assert_eq!(bot.text_to("u1").await, "no function `state_of` takes (Person)");
    bot.stop().await;
}
