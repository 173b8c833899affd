//! Commands that scripts declare: whose a message is, what the person is told, and what a reload or a restart does to them.

use std::time::Duration;

use hotline::clock::Clock;
use serde_json::json;

use super::support::{Answer, Bot, Setup};

const BOB: &str = "u0123456789abcdef0123456789abcdef";

/// A bot with one command, which says what it was called with, and that says `?` to every other message.
const ORDER: &str = r#"
    bot_command("order", "place_order", #{ args: "item count:int=1", help: "Orders something" });
    fn place_order(msg, args) { msg.reply(`${args.count} ${args.item}`); }
    fn on_message(msg) { msg.reply("?"); true }
"#;

#[tokio::test]
async fn a_command_reaches_its_function_and_no_on_message() {
    let bot = Setup::new()
        .script("a", "fn on_message(msg) { send_text(\"log\", `a ${msg.text}`); }")
        .script("b", ORDER)
        .script("c", "fn on_message(msg) { send_text(\"log\", `c ${msg.text}`); }")
        .start()
        .await;
    bot.says("u1", "／ORDER tea　２");
    assert_eq!(bot.text_to("u1").await, "2 tea");
    bot.says("u1", "hello");
    assert_eq!(bot.text_to("u1").await, "?");
    assert_eq!(bot.texts_to("log"), ["a hello"]);
    bot.stop().await;
}

#[tokio::test]
async fn what_is_wrong_is_answered_with_the_usage_and_fails_nothing() {
    let bot = Bot::start(ORDER).await;
    bot.says("u1", "/order");
    assert_eq!(bot.text_to("u1").await, "item is missing.\nUsage: /order item [count]");
    bot.says("u1", "/order tea x");
    assert_eq!(bot.text_to("u1").await, "count should be a whole number, not \"x\".\nUsage: /order item [count]");
    assert_eq!(bot.log().iter().filter(|line| line.contains("ERROR")).count(), 0);
    bot.stop().await;
}

#[tokio::test]
async fn help_lists_the_commands_of_all_scripts_that_the_person_may_use() {
    let bot = Setup::new()
        .script("a", ORDER)
        .script("b", r#"bot_command("ban", "ban", #{ who: ["u9"] }); fn ban(msg) { msg.reply("banned"); }"#)
        .start()
        .await;
    bot.says("u1", "/help");
    assert_eq!(bot.text_to("u1").await, "/order item [count] - Orders something");
    bot.says("u9", "/help");
    assert_eq!(bot.text_to("u9").await, "/order item [count] - Orders something\n/ban");
    bot.says("u1", "/ban");
    assert_eq!(bot.text_to("u1").await, "You may not use /ban.");
    bot.says("u9", "/ban");
    assert_eq!(bot.text_to("u9").await, "banned");
    bot.stop().await;
}

#[tokio::test]
async fn a_command_for_an_empty_list_is_for_nobody() {
    let bot = Bot::start(r#"bot_command("ban", "ban", #{ who: [] }); fn ban(msg) { msg.reply("banned"); }"#).await;
    bot.says("u1", "/ban");
    assert_eq!(bot.text_to("u1").await, "You may not use /ban.");
    bot.says("u1", "/help");
    assert_eq!(bot.text_to("u1").await, "There is nothing that you may do here.");
    bot.stop().await;
}

#[tokio::test]
async fn a_long_help_comes_in_several_messages() {
    let declared = |number: usize| format!("bot_command(\"c{number}\", \"f\", #{{ help: \"{}\" }});\n", "h".repeat(90));
    let script = (0..160).map(declared).collect::<String>() + "fn f(msg) {}";
    let bot = Bot::start(script).await;
    bot.says("u1", "/help");
    let mut lines = 0;
    while lines < 160 {
        let part = bot.text_to("u1").await;
        assert!(part.chars().count() <= 5_000 && part.lines().all(|line| line.ends_with('h')), "{part}");
        lines += part.lines().count();
    }
    assert_eq!((lines, bot.texts_to("u1").len()), (160, 4));
    bot.stop().await;
}

#[tokio::test]
async fn a_script_can_have_a_help_of_its_own() {
    let bot = Bot::start(r#"bot_command("help", "help"); fn help(msg) { msg.reply("Ask Bob."); }"#).await;
    bot.says("u1", "/help me");
    assert_eq!(bot.text_to("u1").await, "Ask Bob.");
    bot.stop().await;
}

#[tokio::test]
async fn an_unknown_command_is_answered_where_no_script_has_handled_it() {
    let bot = Setup::new()
        .script("a", r#"bot_command("order", "order"); fn order(msg) { msg.reply("ordered"); }"#)
        .script("b", r#"fn on_message(msg) { if msg.text == "/mine" { msg.reply("mine"); return true; } }"#)
        .start()
        .await;
    bot.says("u1", "/odrer tea");
    assert_eq!(bot.text_to("u1").await, "I do not know /odrer. Did you mean /order?");
    bot.says("u1", "/weather");
    assert_eq!(bot.text_to("u1").await, "I do not know /weather. /help says what I can do.");
    bot.says("u1", "/mine");
    assert_eq!(bot.text_to("u1").await, "mine");
    bot.says("u1", "/order");
    assert_eq!(bot.text_to("u1").await, "ordered");
    assert_eq!(bot.texts_to("u1").len(), 4);
    bot.stop().await;
}

#[tokio::test]
async fn without_a_declared_command_a_slash_is_a_text_as_any_other() {
    let bot = Bot::start(r#"fn on_message(msg) { msg.reply(msg.text); }"#).await;
    bot.says("u1", "/help");
    assert_eq!(bot.text_to("u1").await, "/help");
    bot.says("u1", "/odrer");
    assert_eq!(bot.text_to("u1").await, "/odrer");
    assert_eq!(bot.texts_to("u1").len(), 2);
    bot.stop().await;
}

#[tokio::test]
async fn in_a_group_a_command_is_taken_that_is_meant_for_this_bot() {
    let bot = Bot::start(ORDER).await;
    bot.answers(|frame| match frame["command"].as_str() {
        Some("GetProfile") => Answer::Content(json!({ "mid": "u0", "displayName": "Tea Bot" })),
        _ => Answer::Content(json!({ "id": "1" })),
    });
    let group = |text: &str| bot.says_in("c1", "u1", text);
    group("/weather");
    group("/order@CoffeeBot milk");
    group("/order tea");
    assert_eq!(bot.text_to("c1").await, "?");
    assert_eq!(bot.text_to("c1").await, "1 tea");
    group("/order@teabot cake 2");
    assert_eq!(bot.text_to("c1").await, "2 cake");
    let mentioned = |text: &str, mid: &str, start: usize, end: usize| {
        let mention = json!({ "MENTIONEES": [{ "S": start.to_string(), "E": end.to_string(), "M": mid }] });
        let content = json!({
            "id": format!("{}", 9_000 + text.len()), "from": "u1", "to": "c1", "text": text,
            "contentMetadata": { "MENTION": mention.to_string() },
        });
        bot.push("RECEIVE_MESSAGE", &content);
    };
    mentioned("@Bob /order tea", BOB, 0, 4);
    assert_eq!(bot.text_to("c1").await, "?", "it is Bob's");
    mentioned("/order @Bob", BOB, 7, 11);
    assert_eq!(bot.text_to("c1").await, "1 @Bob");
    assert_eq!(bot.texts_to("c1").len(), 5);
    bot.stop().await;
}

#[tokio::test]
async fn a_person_waits_between_two_uses_and_is_told_once_also_over_a_restart() {
    let clock = Clock::manual(1_704_069_000_000);
    let script = r#"
        bot_command("roll", "roll", #{ cooldown: "1h" });
        fn roll(msg) { msg.reply("six"); }
        fn on_message(msg) { msg.reply("?"); }
    "#;
    let bot = Setup::new().clock(&clock).script("bot", script).start().await;
    bot.says("u1", "/roll");
    assert_eq!(bot.text_to("u1").await, "six");
    bot.says("u2", "/roll");
    assert_eq!(bot.text_to("u2").await, "six");
    let bot = bot.restart().await;
    bot.says("u1", "/roll");
    assert_eq!(bot.text_to("u1").await, "Please wait 60 min before you use /roll again.");
    bot.says("u1", "/roll");
    bot.says("u1", "hi");
    assert_eq!(bot.text_to("u1").await, "?");
    clock.advance(Duration::from_secs(3_600));
    bot.says("u1", "/roll");
    assert_eq!(bot.text_to("u1").await, "six");
    bot.stop().await;
}

#[tokio::test]
async fn what_is_typed_wrongly_begins_no_cooldown_and_is_no_way_around_one() {
    let clock = Clock::manual(1_704_069_000_000);
    let script = r#"
        bot_command("roll", "roll", #{ args: "sides:int", cooldown: "1h" });
        fn roll(msg, args) { msg.reply(`of ${args.sides}`); }
        fn on_message(msg) { msg.reply("?"); }
    "#;
    let bot = Setup::new().clock(&clock).script("bot", script).start().await;
    let usage = "sides should be a whole number, not \"x\".\nUsage: /roll sides";
    for (text, answer) in [
        ("/roll x", usage),
        ("/roll x", usage),
        ("/roll 6", "of 6"),
        ("/roll x", "Please wait 60 min before you use /roll again."),
    ] {
        bot.says("u1", text);
        assert_eq!(bot.text_to("u1").await, answer, "{text}");
    }
    for text in ["/roll x", "/roll", "/roll 6", "hi"] {
        bot.says("u1", text);
    }
    assert_eq!(bot.text_to("u1").await, "?");
    clock.advance(Duration::from_secs(3_600));
    bot.says("u1", "/roll x");
    assert_eq!(bot.text_to("u1").await, usage);
    bot.stop().await;
}

#[tokio::test]
async fn a_command_that_asks_goes_on_after_a_restart_with_the_arguments_that_it_had() {
    let script = |kind: &str| {
        format!(
            r#"bot_command("order", "place_order", #{{ args: "item:{kind}" }});
               fn place_order(msg, args) {{
                   let size = msg.ask(`${{args.item}}: how large?`);
                   msg.reply(`${{size.text}} ${{args.item}} for ${{msg.sender.mid}}`);
               }}"#
        )
    };
    let bot = Bot::start(script("text")).await;
    bot.says("u1", "/order green tea");
    assert_eq!(bot.text_to("u1").await, "green tea: how large?");
    let bot = bot.restart_after(|setup| {
        // What is declared now is not what the run began with.
        std::fs::write(setup.scripts().join("bot.rhai"), script("int")).expect("the folder is ours");
    });
    let bot = bot.await;
    bot.says("u1", "large");
    assert_eq!(bot.text_to("u1").await, "large green tea for u1");
    bot.stop().await;
}

#[tokio::test]
async fn a_script_that_only_has_commands_is_live_with_these() {
    let bot = Bot::start("fn on_message(msg) {}").await;
    bot.save("bot", "bot_command(\"order\", \"order\");\nfn order(msg) { msg.reply(\"one\"); }");
    bot.logged(&["bot.rhai is live", "after it was saved: /order"]).await;
    bot.stop().await;
}

#[tokio::test]
async fn a_save_that_takes_the_function_away_is_refused() {
    let bot = Bot::start(ORDER).await;
    bot.save("bot", ORDER.replace("fn place_order", "fn place_odrer"));
    bot.logged(&["the command /order names the function \"place_order\", which this script does not define"]).await;
    bot.says("u1", "/order tea");
    assert_eq!(bot.text_to("u1").await, "1 tea");
    bot.stop().await;
}

#[tokio::test]
async fn a_declaration_elsewhere_or_one_that_cannot_be_meant_does_not_load() {
    for (script, expected) in [
        (r#"bot_command("order", "f", #{ args: "a:wrod" }); fn f(msg, args) {}"#, "did you mean \"word\"?"),
        (r#"bot_command("order", "f", #{ hlep: "x" }); fn f(msg) {}"#, "did you mean \"help\"?"),
        (r#"bot_command("/order", "f"); fn f(msg) {}"#, "cannot be a command's name"),
        (r#"bot_command("order", "f", #{ args: "a" }); fn f(msg) {}"#, "but it is `f(msg)`"),
        (r#"bot_command("order", |msg| 1);"#, "cannot hold a closure"),
        (r#"bot_command("o", "f"); bot_command("O", "f"); fn f(msg) {}"#, "declares /o twice"),
        (r#"bot_command("o", "f", #{ cooldown: 5 }); fn f(msg) {}"#, "a duration such as"),
        (
            r#"bot_command("o", "f", #{ who: 5 }); fn f(msg) {}"#,
            "who needs the mids of those who may use it; found the integer 5",
        ),
        (
            r#"bot_command("o", "f", #{ who: () }); fn f(msg) {}"#,
            "who needs the mids of those who may use it; found ()",
        ),
        (r#"bot_command("o", "f", #{ who: ["u1", 5] }); fn f(msg) {}"#, "found an array with the integer 5 in it"),
    ] {
        let bot = Bot::start(script).await;
        let faults: Vec<_> = bot.host().faults().iter().map(ToString::to_string).collect();
        assert!(faults.len() == 1 && faults[0].contains(expected), "{script}\n{faults:?}");
        bot.stop().await;
    }
    let bot = Bot::start(
        r#"fn on_message(msg) { try { bot_command("x", "f"); } catch (e) { msg.reply(e.name); } } fn f(msg) {}"#,
    )
    .await;
    bot.says("u1", "hi");
    assert_eq!(bot.text_to("u1").await, "WRONG_PLACE");
    bot.stop().await;
}

#[tokio::test]
async fn of_two_scripts_with_a_command_the_first_has_it_and_the_log_says_so() {
    let script = |answer: &str| format!(r#"bot_command("order", "f"); fn f(msg) {{ msg.reply("{answer}"); }}"#);
    let bot = Setup::new().script("first", script("first")).script("second", script("second")).start().await;
    super::support::logged(&["the command /order is declared by first as well, which gets it"]).await;
    bot.says("u1", "/order");
    assert_eq!(bot.text_to("u1").await, "first");
    bot.stop().await;
}
