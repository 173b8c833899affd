//! Who waits for whom: what a wait holds up and what it does not, and the turns of the standard library.

use crate::scenario::{Folder, cards_of};

/// Runs a test against a script; it may not fail.
fn passes(script: &str, test: &str) {
    let test = format!("fn test_it() {{\n{test}\n}}\n");
    let report = Folder::with(&[("bot.rhai", script), ("bot_test.rhai", &test)]).run();
    assert_eq!(report.failed(), 0, "{}", cards_of(&report));
}

#[test]
fn one_of_a_group_waits_for_the_web_and_the_others_are_answered_at_once() {
    let script = r#"
        fn on_message(msg) {
            if msg.text == "weather" { msg.reply(http_get("https://api.example.com/weather").body); return; }
            msg.reply(`${msg.sender.name}: ${msg.text}`);
        }
    "#;
    let test = r#"
        let people = ["alice", "bob", "carol"].map(|name| person(name));
        let tea = group("tea", people + [bot]);
        web.answers("https://api.example.com/weather", "sunny");
        web.delays("https://api.example.com/weather", "20s");
        people[0].says_in(tea, "weather");
        for who in [people[1], people[2], people[0]] {
            who.says_in(tea, "hello");
            tea.expects(`${who.name}: hello`);
        }
        clock.advance("19s");
        tea.expects_nothing();
        clock.advance("1s");
        tea.expects("sunny");
    "#;
    passes(script, test);
}

#[test]
fn the_timers_of_three_people_wait_beside_each_other() {
    let script = r#"
        fn on_message(msg) { after("1s", "remind", [msg.chat]); }
        fn remind(mid) {
            send_text(mid, "It begins.");
            sleep("20s");
            send_text(mid, "It is over.");
        }
    "#;
    let test = r#"
        let people = ["alice", "bob", "carol"].map(|name| person(name));
        for who in people { who.says("go"); }
        settle();
        clock.advance("1s");
        for who in people { who.expects("It begins."); }
        clock.advance("19s");
        for who in people { who.expects_nothing(); }
        clock.advance("1s");
        for who in people { who.expects("It is over."); }
    "#;
    passes(script, test);
}

/// A bot that thinks for ten seconds, with a line of its own before and one after that.
fn thinker(before: &str, after: &str) -> String {
    format!(
        r#"import "std/turns" as turns;
        fn on_message(msg) {{
            {before}
            sleep("10s");
            {after}
            if msg.text == "fail" {{ throw "no idea"; }}
            msg.reply(`Thought about ${{msg.text}}.`);
            true
        }}"#
    )
}

#[test]
fn who_comes_second_gets_a_busy_notice_and_a_turn_ends_with_its_handler() {
    let busy = r#"if !turns::take(msg.chat) { msg.reply("One at a time, please."); return true; }"#;
    let test = r#"
        let alice = person("alice");
        alice.says("one");
        settle();
        alice.says("two");
        alice.expects("One at a time, please.");
        bot.kill();
        bot.start();
        alice.says("three");
        alice.expects("One at a time, please.");
        let bob = person("bob");
        bob.says("beside");
        settle();
        clock.advance("10s");
        alice.expects("Thought about one.");
        bob.expects("Thought about beside.");
        alice.says("fail");
        settle();
        clock.advance("10s");
        bot.expects_error("no idea");
        alice.says("four");
        settle();
        bot.stop();
        bot.start();
        clock.advance("10s");
        alice.expects("Thought about four.");
    "#;
    passes(&thinker(busy, ""), test);
}

#[test]
fn who_comes_later_waits_for_the_turn_in_order_through_a_kill() {
    let test = r#"
        let alice = person("alice");
        let bob = person("bob");
        for (text, index) in ["one", "two", "three", "fail", "four"] {
            (if index % 2 == 0 { alice } else { bob }).says(text);
            settle();
        }
        clock.advance("10s");
        alice.expects("Thought about one.");
        clock.advance("5s");
        bot.kill();
        bot.start();
        settle();
        clock.advance("5s");
        bob.expects("Thought about two.");
        clock.advance("10s");
        alice.expects("Thought about three.");
        clock.advance("10s");
        bot.expects_error("no idea");
        clock.advance("9s");
        alice.expects_nothing();
        clock.advance("1s");
        alice.expects("Thought about four.");
    "#;
    passes(&thinker(r#"turns::wait("thinking");"#, ""), test);
}

#[test]
fn the_latest_wins_and_those_before_it_say_nothing_through_a_kill() {
    let test = r#"
        let alice = person("alice");
        alice.says("one");
        settle();
        clock.advance("5s");
        alice.says("two");
        settle();
        bot.kill();
        bot.start();
        settle();
        clock.advance("5s");
        alice.expects_nothing();
        clock.advance("5s");
        alice.expects("Thought about two.");
    "#;
    passes(&thinker("turns::begin(msg.chat);", "if !turns::is_latest(msg.chat) { return true; }"), test);
}
