//! Scripts whose files are missing: they wait, and go on where they were when they are back.

use std::time::Duration;

use hotline::clock::Clock;
use serde_json::json;

use super::support::{Answer, Bot, Setup, logged};

const SECOND: Duration = Duration::from_secs(1);

/// Says what becomes of it, and asks whoever says "go".
const ASKING: &str = r#"
fn on_start() { send_text("life", "start"); }
fn on_stop() { send_text("life", `stop ${state.count}`); }
fn on_reload(previous) { send_text("life", "reload"); }
fn on_message(msg) {
    if msg.text != "go" { return; }
    state.count = 1;
    let answer = msg.ask("?", #{ timeout: "1m" });
    msg.reply(if answer == () { "nothing" } else { "got " + answer.text });
    true
}
"#;

/// Gets what nobody before it handles.
const LAST: &str = "fn on_message(msg) { msg.reply(\"z \" + msg.text); }";

/// A bot with both, on a clock that tests move.
async fn asking(clock: &Clock) -> Bot {
    let bot = Setup::new().clock(clock).script("bot", ASKING).script("z", LAST).start().await;
    assert_eq!(bot.text_to("life").await, "start");
    bot
}

async fn exchange(bot: &Bot, person: &str, text: &str, expected: &str) {
    bot.says(person, text);
    assert_eq!(bot.text_to(person).await, expected);
}

/// Waits until a script that was missing goes on.
async fn is_back(bot: &Bot, script: &str) {
    bot.logged(&[&format!("{script}.rhai is back")]).await;
}

#[tokio::test]
async fn a_conversation_waits_for_its_script_and_goes_on_when_it_is_back() {
    let bot = asking(&Clock::system()).await;
    exchange(&bot, "u1", "go", "?").await;
    bot.delete("bot").await;
    exchange(&bot, "u1", "tea", "z tea").await;
    exchange(&bot, "u2", "go", "z go").await;
    bot.save("bot", ASKING);
    is_back(&bot, "bot").await;
    exchange(&bot, "u1", "cake", "got cake").await;
    exchange(&bot, "u2", "go", "?").await;
    let frames = bot.stop_and_see().await;
    let life = frames.iter().filter(|frame| frame["to"] == "life").map(|frame| &frame["content"]);
    assert_eq!(life.collect::<Vec<_>>(), ["start", "stop 1"], "it neither stopped nor started meanwhile");
}

#[tokio::test]
async fn a_folder_that_is_moved_away_and_back_costs_nothing() {
    let bot = asking(&Clock::system()).await;
    exchange(&bot, "u1", "go", "?").await;
    let (scripts, away) = (bot.scripts(), bot.scripts().with_file_name("away"));
    std::fs::rename(&scripts, &away).expect("the folder is ours");
    bot.logged(&["z.rhai is missing"]).await;
    bot.logged(&["scripts does not load: nothing of it is live"]).await;
    std::fs::rename(&away, &scripts).expect("the folder is ours");
    is_back(&bot, "z").await;
    exchange(&bot, "u1", "tea", "got tea").await;
    exchange(&bot, "u1", "more", "z more").await;
    bot.stop().await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_that_leads_nowhere_is_a_missing_script() {
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    let (target, away) = (elsewhere.path().join("real.rhai"), elsewhere.path().join("away.rhai"));
    std::fs::write(&target, ASKING).expect("the folder is ours");
    let setup = Setup::new().script("z", LAST);
    std::os::unix::fs::symlink(&target, setup.scripts().join("bot.rhai")).expect("the folder is ours");
    let bot = setup.start().await;
    exchange(&bot, "u1", "go", "?").await;
    std::fs::rename(&target, &away).expect("the folder is ours");
    bot.logged(&["bot.rhai is missing"]).await;
    std::fs::rename(&away, &target).expect("the folder is ours");
    is_back(&bot, "bot").await;
    exchange(&bot, "u1", "tea", "got tea").await;
    bot.stop().await;
}

#[tokio::test]
async fn an_ask_whose_time_is_up_meanwhile_is_answered_on_return() {
    let clock = Clock::manual(0);
    let bot = asking(&clock).await;
    exchange(&bot, "u1", "go", "?").await;
    exchange(&bot, "u2", "go", "?").await;
    bot.delete("bot").await;
    clock.advance(30 * SECOND);
    exchange(&bot, "u1", "early", "z early").await;
    clock.advance(31 * SECOND);
    exchange(&bot, "u1", "late", "z late").await;
    bot.save("bot", ASKING);
    assert_eq!((bot.text_to("u1").await, bot.text_to("u2").await), ("nothing".to_owned(), "nothing".to_owned()));
    bot.stop().await;
}

#[tokio::test]
async fn of_several_who_ask_the_latest_that_is_there_has_the_answer() {
    let ask = |name: &str| {
        format!(
            "fn on_message(msg) {{ if msg.text == \"{name}\" {{ msg.reply(\"{name} got \" + msg.ask(\"{name}?\").text); }} }}"
        )
    };
    let bot = Setup::new().script("a", ask("a")).script("b", ask("b")).start().await;
    exchange(&bot, "u1", "a", "a?").await;
    // It is asked for while the other one waits for an answer.
    bot.says_in("c1", "u1", "b");
    assert_eq!(bot.text_to("c1").await, "b?");
    bot.says_in("c1", "u1", "a");
    assert_eq!(bot.text_to("c1").await, "b got a");
    bot.says_in("c1", "u1", "a");
    assert_eq!(bot.text_to("c1").await, "a?");
    bot.delete("a").await;
    bot.says_in("c1", "u1", "b");
    assert_eq!(bot.text_to("c1").await, "b?");
    bot.save("a", ask("a"));
    is_back(&bot, "a").await;
    for expected in ["b got 1", "a got 2"] {
        bot.says_in("c1", "u1", &expected[6..]);
        assert_eq!(bot.text_to("c1").await, expected);
    }
    bot.stop().await;
}

#[tokio::test]
async fn sleeps_and_delays_are_due_on_return_and_beats_are_left_out() {
    let script = r#"
        every("10s", "declared");
        fn declared() { send_text("beats", `declared ${now() / 1000}`); }
        fn made() { send_text("beats", `made ${now() / 1000}`); }
        fn once(text) { send_text("once", `${text} ${now() / 1000}`); }
        fn on_message(msg) {
            after("15s", "once", ["after"]);
            after("1h", "once", ["later"]);
            every("20s", "made");
            msg.reply("yes");
            sleep("25s");
            send_text("once", `slept ${now() / 1000}`);
        }"#;
    let clock = Clock::manual(0);
    let bot = Setup::new().clock(&clock).script("bot", script).script("z", LAST).start().await;
    exchange(&bot, "u1", "go", "yes").await;
    assert_eq!(bot.text_to("u1").await, "z go");
    clock.advance(10 * SECOND);
    assert_eq!(bot.text_to("beats").await, "declared 10");
    bot.delete("bot").await;
    for _ in 0..5 {
        clock.advance(5 * SECOND);
        exchange(&bot, "u2", "?", "z ?").await;
    }
    assert_eq!((bot.texts_to("beats").len(), bot.texts_to("once").len()), (1, 0));
    bot.save("bot", script);
    let mut due = [bot.text_to("once").await, bot.text_to("once").await];
    due.sort();
    assert_eq!(due, ["after 35", "slept 35"]);
    clock.advance(5 * SECOND);
    let mut beats = [bot.text_to("beats").await, bot.text_to("beats").await];
    beats.sort();
    assert_eq!(beats, ["declared 40", "made 40"]);
    bot.stop().await;
}

#[tokio::test]
async fn a_timer_that_waits_for_its_turn_waits_for_its_script_too() {
    // Together as many runs as a worker has going at once; each session may wait for a thousand replies.
    const SESSIONS: [&str; 16] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"];
    const RUNS: usize = 512;
    let script = r#"
        fn on_message(msg) {
            if msg.text == "go" {
                after("10s", "late");
                msg.reply("yes");
            }
        }
        fn late() { send_text("late", "here"); }"#;
    let busy =
        r#"fn on_message(msg) { if msg.text == "busy" { get_settings(); } else { msg.reply("z " + msg.text); } }"#;
    let answer = |request: &serde_json::Value| match request["command"] == "GetSettings" {
        true => Answer::Hold,
        false => Answer::Content(json!({"id": "s", "to": "u", "timestamp": 1})),
    };
    let clock = Clock::manual(0);
    let setup = Setup::new().clock(&clock).script("bot", script).script("z", busy).answers(answer);
    let bot = SESSIONS.into_iter().fold(setup, Setup::session).start().await;
    exchange(&bot, "u1", "go", "yes").await;
    assert_eq!(bot.text_to("u1").await, "z go");
    for session in 0..SESSIONS.len() {
        (0..RUNS).for_each(|number| drop(bot.gateway(session).says(&format!("busy{number}"), "busy")));
        bot.gateway(session).holds(RUNS).await;
    }
    clock.advance(10 * SECOND);
    bot.delete("bot").await;
    (0..SESSIONS.len()).for_each(|session| bot.gateway(session).release());
    exchange(&bot, "u1", "hello", "z hello").await;
    bot.save("bot", script);
    assert_eq!(bot.text_to("late").await, "here");
    bot.stop().await;
}

#[tokio::test]
async fn a_file_that_has_lost_its_text_takes_nothing_away() {
    let script = r#"
        every("10s", "beat");
        fn beat() { send_text("beats", `${now() / 1000}`); }
        fn once() { send_text("once", `${now() / 1000}`); }
        fn on_message(msg) {
            if msg.text == "go" {
                after("15s", "once");
                after("1h", "once");
                msg.reply("got " + msg.ask("?", #{ timeout: "1m" }).text);
                true
            }
        }"#;
    let clock = Clock::manual(0);
    let bot = Setup::new().clock(&clock).script("bot", script).script("z", LAST).start().await;
    exchange(&bot, "u1", "go", "?").await;
    bot.save("bot", "\n");
    bot.logged(&["bot.rhai is live", "its timers wait until it has text again"]).await;
    clock.advance(12 * SECOND);
    exchange(&bot, "u2", "go", "z go").await;
    exchange(&bot, "u1", "tea", "got tea").await;
    clock.advance(12 * SECOND);
    exchange(&bot, "u2", "go", "z go").await;
    assert_eq!((bot.texts_to("beats").len(), bot.texts_to("once").len()), (0, 0));
    bot.save("bot", script);
    assert_eq!(bot.text_to("once").await, "24");
    clock.advance(6 * SECOND);
    assert_eq!(bot.text_to("beats").await, "30");
    clock.advance(3_600 * SECOND);
    assert_eq!(bot.text_to("once").await, "3630");
    bot.stop().await;
}

#[tokio::test]
async fn a_run_ends_the_call_that_it_is_in_and_then_waits_away_from_its_lane() {
    let script = r#"
        fn on_message(msg) {
            if msg.text != "go" { return; }
            try { get_settings(); } catch (error) { msg.reply("caught"); }
            msg.reply("done");
        }"#;
    let answer = |request: &serde_json::Value| {
        if request["command"] == "GetSettings" {
            Answer::Hold
        } else {
            Answer::Content(json!({"id": "s", "to": "u", "timestamp": 1}))
        }
    };
    let bot = Setup::new().script("bot", script).script("z", LAST).answers(answer).start().await;
    bot.says("u1", "go");
    bot.holds(1).await;
    bot.delete("bot").await;
    bot.release();
    assert_eq!(bot.text_to("u1").await, "z go", "the next script gets the event");
    exchange(&bot, "u1", "hello", "z hello").await;
    bot.save("bot", script);
    assert_eq!(bot.text_to("u1").await, "done");
    bot.stop().await;
}

#[tokio::test]
async fn a_script_that_comes_back_changed_is_a_new_generation() {
    let bot = asking(&Clock::system()).await;
    exchange(&bot, "u1", "go", "?").await;
    bot.delete("bot").await;
    bot.save("bot", ASKING.replace("got ", "new "));
    assert_eq!(bot.text_to("life").await, "reload");
    exchange(&bot, "u1", "tea", "got tea").await;
    exchange(&bot, "u1", "go", "?").await;
    exchange(&bot, "u1", "tea", "new tea").await;
    bot.stop().await;
}

#[tokio::test]
async fn a_script_that_comes_back_faulty_goes_on_with_the_version_before() {
    let bot = asking(&Clock::system()).await;
    exchange(&bot, "u1", "go", "?").await;
    bot.delete("bot").await;
    bot.save("bot", "fn on_message(msg) {");
    bot.logged(&["bot.rhai:1:", "the version before it"]).await;
    is_back(&bot, "bot").await;
    exchange(&bot, "u1", "tea", "got tea").await;
    exchange(&bot, "u1", "go", "?").await;
    bot.stop().await;
}

#[tokio::test]
async fn a_file_of_the_same_name_elsewhere_takes_a_missing_script_over() {
    let setup = Setup::new().script("bot", ASKING);
    // Of two scripts of one name the one whose path comes first is live.
    let second = setup.scripts().with_file_name("second");
    std::fs::create_dir(&second).expect("the folder is ours");
    std::fs::write(second.join("bot.rhai"), ASKING.replace("got ", "second ")).expect("the folder is ours");
    let bot = setup.also(second).start().await;
    assert_eq!(bot.text_to("life").await, "start");
    assert!(bot.host().faults()[0].to_string().contains("is called bot as well"));
    exchange(&bot, "u1", "go", "?").await;
    std::fs::remove_file(bot.file("bot")).expect("it is there");
    assert_eq!(bot.text_to("life").await, "reload");
    exchange(&bot, "u1", "tea", "got tea").await;
    exchange(&bot, "u1", "go", "?").await;
    exchange(&bot, "u1", "tea", "second tea").await;
    bot.save("bot", ASKING);
    bot.logged(&["is called bot as well", "bot.rhai", "nothing of it"]).await;
    exchange(&bot, "u1", "go", "?").await;
    exchange(&bot, "u1", "tea", "second tea").await;
    bot.stop().await;
}

#[tokio::test]
async fn a_renamed_script_is_a_missing_one_and_a_new_one() {
    let bot = Setup::new().script("renamed_from", ASKING).start().await;
    assert_eq!(bot.text_to("life").await, "start");
    exchange(&bot, "u1", "go", "?").await;
    std::fs::rename(bot.file("renamed_from"), bot.file("renamed_to")).expect("the folder is ours");
    assert_eq!(bot.text_to("life").await, "start");
    logged(&["renamed_to is new", "`hotline forget renamed_from`"]).await;
    exchange(&bot, "u1", "go", "?").await;
    assert_eq!(bot.forget("renamed_from").await, Ok(()));
    assert_eq!(bot.text_to("life").await, "stop 1");
    exchange(&bot, "u1", "tea", "got tea").await;
    bot.stop().await;
}

#[tokio::test]
async fn what_a_forgotten_script_was_at_ends_and_nothing_of_it_is_left() {
    let script = format!("{ASKING}\nevery(\"10s\", \"tick\");\nfn tick() {{ send_text(\"life\", \"tick\"); }}");
    let clock = Clock::manual(0);
    let bot = Setup::new().clock(&clock).script("bot", &script).script("z", LAST).start().await;
    assert_eq!(bot.text_to("life").await, "start");
    exchange(&bot, "u1", "go", "?").await;
    let refused = bot.forget("bot").await.expect_err("it is there");
    assert!(refused.starts_with("bot is there, in "), "{refused}");
    bot.delete("bot").await;
    assert_eq!(bot.forget("bott").await, Err("nothing is kept of a script bott; did you mean \"bot\"?".to_owned()));
    assert_eq!(bot.forget("order").await, Err("nothing is kept of a script order; missing: bot".to_owned()));
    assert_eq!(bot.forget("bot").await, Ok(()));
    assert_eq!(bot.text_to("life").await, "stop 1");
    clock.advance(20 * SECOND);
    exchange(&bot, "u1", "tea", "z tea").await;
    assert!(bot.forget("bot").await.is_err());
    // A script of its name begins anew.
    bot.save("bot", &script);
    assert_eq!(bot.text_to("life").await, "start");
    exchange(&bot, "u1", "tea", "z tea").await;
    let frames = bot.stop_and_see().await;
    let life = frames.iter().filter(|frame| frame["to"] == "life").map(|frame| &frame["content"]);
    assert_eq!(life.collect::<Vec<_>>(), ["start", "stop 1", "start", "stop "]);
}

#[tokio::test]
async fn a_script_that_is_missing_for_as_long_as_the_retention_is_forgotten() {
    let clock = Clock::manual(0);
    let setup = Setup::new().clock(&clock).retention(3_600 * SECOND);
    let bot = setup.script("bot", ASKING).script("z", LAST).start().await;
    assert_eq!(bot.text_to("life").await, "start");
    exchange(&bot, "u1", "go", "?").await;
    bot.delete("bot").await;
    clock.advance(3_600 * SECOND);
    assert_eq!(bot.text_to("life").await, "stop 1");
    bot.stop().await;
}

#[tokio::test]
async fn what_waits_for_a_script_outlives_a_start_without_it() {
    let clock = Clock::manual(0);
    let script = ASKING.replace("state.count = 1;", "state.count = 1; after(\"10s\", \"once\");")
        + "fn once() { send_text(\"life\", `once ${state.count}`); }";
    let bot = Setup::new().clock(&clock).script("bot", &script).script("z", LAST).start().await;
    assert_eq!(bot.text_to("life").await, "start");
    exchange(&bot, "u1", "go", "?").await;
    let bot =
        bot.restart_after(|setup| std::fs::remove_file(setup.scripts().join("bot.rhai")).expect("it is there")).await;
    logged(&["bot.rhai is missing: bot is held"]).await;
    clock.advance(20 * SECOND);
    exchange(&bot, "u1", "tea", "z tea").await;
    let bot = bot.restart().await;
    exchange(&bot, "u1", "more", "z more").await;
    bot.save("bot", &script);
    assert_eq!((bot.text_to("life").await, bot.text_to("life").await), ("stop 1".to_owned(), "start".to_owned()));
    assert_eq!(bot.text_to("life").await, "once 1");
    exchange(&bot, "u1", "cake", "got cake").await;
    bot.stop().await;
}
