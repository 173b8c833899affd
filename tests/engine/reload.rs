//! Saving scripts while they run: the newest version that is in order is live, and no event knows of the change.

use std::cell::Cell;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::support::{Answer, Bot, Setup, is_text_to};

/// A bot that says of what version it is, at both ends of a wait.
fn version(number: usize) -> String {
    format!(
        "const VERSION = {number};\n\
         fn on_message(msg) {{\n    \
             msg.reply(`${{msg.text}} begins ${{global::VERSION}}`);\n    \
             msg.reply(`${{msg.text}} ends ${{now_version()}}`);\n\
         }}\n\
         fn now_version() {{ {number} }}\n"
    )
}

/// Has people write, 200 messages a second, until `done`; gives how many they wrote.
async fn chatter(bot: &Bot, done: &Cell<bool>) -> usize {
    let mut tick = tokio::time::interval(Duration::from_millis(5));
    let mut written = 0;
    while !done.get() {
        tick.tick().await;
        bot.says(&format!("u{}", written % 40), &written.to_string());
        written += 1;
    }
    written
}

/// What the log says of a version that does not count yet.
const HELD: &str = "may be half of a save";

/// Saves version after version in all the ways that editors have, each as soon as the one before is live.
async fn save_fifty_times(bot: &Bot) {
    let file = bot.file("bot");
    for number in 1..=50 {
        let text = version(number);
        match number % 4 {
            0 => {
                let beside = bot.scripts().join(".bot.rhai.swp");
                std::fs::write(&beside, &text).expect("the folder is ours");
                std::fs::rename(&beside, &file).expect("the folder is ours");
            }
            1 => std::fs::write(&file, &text).expect("the folder is ours"),
            2 => {
                let half = text.len() / 2;
                let held = bot.log().iter().filter(|line| line.contains(HELD)).count();
                std::fs::write(&file, &text[..half]).expect("the folder is ours");
                // Between the two writes of a slow editor the first half is looked at.
                bot.logged_beyond(HELD, held).await;
                std::fs::write(&file, &text).expect("the folder is ours");
            }
            _ => {
                // Each breaks at a line of its own, so that each is told.
                let broken = format!("{text}{}fn broken( {{\n", "\n".repeat(number));
                std::fs::write(&file, &broken).expect("the folder is ours");
                let place = format!("bot.rhai:{}:12: ", 7 + number);
                bot.logged(&[&place, "the version before it"]).await;
                std::fs::write(&file, &text).expect("the folder is ours");
            }
        }
        let live = format!(" begins {number}");
        bot.count("the new version", 1, |frame| frame["content"].as_str().is_some_and(|text| text.ends_with(&live)))
            .await;
    }
}

#[tokio::test]
async fn fifty_saves_under_traffic_lose_double_and_split_nothing() {
    let bot = Bot::start(version(0)).await;
    let done = Cell::new(false);
    let saving = async {
        save_fifty_times(&bot).await;
        done.set(true);
    };
    let (written, ()) = tokio::join!(chatter(&bot, &done), saving);
    bot.count("every message's end", written, |frame| {
        frame["content"].as_str().is_some_and(|text| text.contains(" ends "))
    })
    .await;

    let mut handled: HashMap<usize, (usize, usize)> = HashMap::new();
    let mut newest = 0;
    for frame in bot.frames() {
        let text = frame["content"].as_str().expect("a text");
        let [message, end, version] = text.split(' ').collect::<Vec<_>>()[..] else { panic!("{text}") };
        let (message, version) = (message.parse().expect("a number"), version.parse().expect("a number"));
        if end == "begins" {
            assert!(version >= newest, "message {message} began with {version} after {newest} was live");
            newest = version;
            let before = handled.insert(message, (version, 0));
            assert_eq!(before, None, "message {message} was handled twice");
        } else {
            let (began, ends) = handled.get_mut(&message).expect("it began before it ends");
            assert_eq!((*began, *ends), (version, 0), "message {message}");
            *ends += 1;
        }
    }
    assert_eq!(handled.len(), written);
    assert_eq!(newest, 50);
    bot.stop().await;
}

/// Waits until the bot answers a message as expected.
async fn until_says(bot: &Bot, expected: &str) {
    loop {
        bot.says("probe", "?");
        if bot.text_to("probe").await == expected {
            return;
        }
    }
}

fn says(text: &str) -> String {
    format!("fn on_message(msg) {{ msg.reply(\"{text}\"); }}")
}

#[tokio::test]
async fn a_broken_save_keeps_the_old_code_and_says_where_it_broke() {
    let bot = Bot::start(says("old")).await;
    for (broken, expected) in [
        ("fn on_message(msg) {\n    let x = ;\n}", "bot.rhai:2:13: "),
        ("fn on_mesage(msg) { }", "bot.rhai:1:4: there is no hook `on_mesage`"),
        ("import \"nowhere\" as n;", "bot.rhai:1:8: there is no module \"nowhere\""),
        ("let x = 1;\nthrow \"no\";", "bot.rhai:2:1: no"),
        ("send_text(\"u1\", \"x\");", "bot.rhai:1:1: SendText cannot be used at a script's top level"),
    ] {
        bot.save("bot", broken);
        bot.logged(&[expected, "the version before it"]).await;
        bot.says("u1", "hi");
        assert_eq!(bot.text_to("u1").await, "old", "{broken}");
    }
    bot.save("bot", says("new"));
    until_says(&bot, "new").await;
    bot.stop().await;
}

#[tokio::test]
async fn a_script_that_is_broken_at_the_start_is_live_once_it_is_mended() {
    let bot = Setup::new().script("bot", "fn on_message(msg) { oh no }").script("z", says("z")).start().await;
    assert!(bot.host().faults()[0].to_string().contains("bot.rhai:1:25: "), "{}", bot.host().faults()[0]);
    bot.says("u1", "hi");
    assert_eq!(bot.text_to("u1").await, "z");
    bot.save("bot", "fn on_message(msg) { msg.reply(\"mended\"); true }");
    until_says(&bot, "mended").await;
    bot.stop().await;
}

#[tokio::test]
async fn a_save_that_empties_a_file_for_a_moment_does_not_count() {
    let bot =
        Bot::start("fn on_message(msg) { msg.reply(\"old\"); } fn on_stop() { send_text(\"stopped\", \"x\"); }").await;
    bot.save("bot", "");
    bot.logged(&[HELD]).await;
    bot.save("bot", says("new"));
    until_says(&bot, "new").await;
    bot.logged(&["bot.rhai is live"]).await;
    assert!(bot.log().iter().filter(|line| line.contains("is live")).count() == 1, "{:#?}", bot.log());
    bot.stop().await;
}

#[tokio::test]
async fn a_file_that_stays_empty_is_a_script_without_hooks() {
    let bot = Bot::start(says("old")).await;
    bot.save("bot", "");
    bot.logged(&["bot.rhai is live", "no hooks"]).await;
    bot.save("bot", says("new"));
    bot.logged(&["bot.rhai is live", "on_message"]).await;
    until_says(&bot, "new").await;
    bot.stop().await;
}

#[tokio::test]
async fn saving_a_module_reloads_every_script_that_depends_on_it() {
    let bot = Setup::new()
        .script("a", "import \"lib/one\" as one;\nfn on_message(msg) { msg.reply(\"a \" + one::text()); }")
        .script("b", "fn on_message(msg) { import \"lib/two\" as two; msg.reply(\"b \" + two::TEXT); }")
        .script("lib/one", "import \"lib/two\" as two;\nfn text() { import \"lib/two\" as two; two::TEXT }")
        .script("lib/two", "export const TEXT = \"old\";")
        .start()
        .await;
    bot.says("u1", "hi");
    assert_eq!((bot.text_to("u1").await, bot.text_to("u1").await), ("a old".to_owned(), "b old".to_owned()));
    bot.save("lib/two", "export const TEXT = \"new\";");
    bot.logged(&["a.rhai is live"]).await;
    bot.logged(&["b.rhai is live"]).await;
    bot.says("u1", "hi");
    assert_eq!((bot.text_to("u1").await, bot.text_to("u1").await), ("a new".to_owned(), "b new".to_owned()));
    bot.save("lib/two", "export const TEXT = ;");
    bot.logged(&["lib/two.rhai:1:21: ", "the version before it"]).await;
    bot.says("u1", "hi");
    assert_eq!((bot.text_to("u1").await, bot.text_to("u1").await), ("a new".to_owned(), "b new".to_owned()));
    bot.stop().await;
}

/// What is saved within this time is saved at once: it is half of what has to be quiet before anything is read.
const AT_ONCE: Duration = Duration::from_millis(20);

#[tokio::test]
async fn many_files_that_are_saved_at_once_are_live_at_once() {
    let script = |n: usize| format!("import \"lib\" as lib;\nfn on_message(msg) {{ msg.reply(\"{n} \" + lib::V); }}");
    let bot =
        Setup::new().script("a", script(0)).script("b", script(0)).script("lib", "export const V = 0;\n").start().await;
    for n in 1..=5 {
        // As a checkout does it.
        let began = Instant::now();
        bot.save("a", script(n));
        bot.save("lib", format!("export const V = {n};"));
        bot.save("b", script(n));
        // What a busy machine saves with pauses is not saved at once.
        let is_at_once = began.elapsed() < AT_ONCE;
        loop {
            bot.says("u1", "?");
            let answers = [bot.text_to("u1").await, bot.text_to("u1").await];
            let [old, new] = [n - 1, n].map(|n| format!("{n} {n}"));
            if answers == [new.clone(), new.clone()] {
                break;
            }
            assert!(!is_at_once || answers == [old.clone(), old], "{answers:?}");
        }
    }
    bot.stop().await;
}

#[tokio::test]
async fn a_run_in_flight_finishes_on_its_generation_with_its_modules_as_they_were() {
    let script = |n: usize| {
        format!(
            "import \"lib\" as lib;\nconst V = {n};\nfn v() {{ {n} }}\n\
             fn on_message(msg) {{\n    if msg.text == \"go\" {{ msg.ask(\"?\"); import \"late\" as late; msg.reply(`${{v()}} ${{global::V}} ${{lib::v()}} ${{late::v()}}`); return; }}\n    msg.reply(`live ${{v()}}`);\n}}"
        )
    };
    let module = |n: usize| format!("fn v() {{ {n} }}");
    let bot = Setup::new().script("bot", script(1)).script("lib", module(1)).script("late", module(1)).start().await;
    bot.says("u1", "go");
    assert_eq!(bot.text_to("u1").await, "?");
    bot.save("lib", module(2));
    bot.save("late", module(2));
    bot.save("bot", script(2));
    until_says(&bot, "live 2").await;
    bot.says("u1", "now");
    assert_eq!(bot.text_to("u1").await, "1 1 1 1");
    bot.says("u2", "go");
    assert_eq!(bot.text_to("u2").await, "?");
    bot.says("u2", "now");
    assert_eq!(bot.text_to("u2").await, "2 2 2 2");
    bot.stop().await;
}

#[tokio::test]
async fn a_closure_that_was_made_before_a_reload_runs_its_own_code() {
    let script = |n: usize| {
        format!(
            "fn on_message(msg) {{\n    let f = |x| x + {n};\n    let named = Fn(\"plus\");\n    if msg.text == \"go\" {{ msg.ask(\"?\"); }}\n    msg.reply(`${{f.call(0)}} ${{named.call(0)}} ${{[0].map(|x| plus(x))}}`);\n}}\nfn plus(x) {{ x + {n} }}"
        )
    };
    let bot = Bot::start(script(1)).await;
    bot.says("u1", "go");
    assert_eq!(bot.text_to("u1").await, "?");
    bot.save("bot", script(2));
    until_says(&bot, "2 2 [2]").await;
    bot.says("u1", "now");
    assert_eq!(bot.text_to("u1").await, "1 1 [1]");
    bot.stop().await;
}

#[tokio::test]
async fn state_carries_over_and_on_reload_sees_what_was_before() {
    let script = |n: usize| {
        format!(
            "fn on_reload(previous) {{ state.reloads = (if state.reloads == () {{ 0 }} else {{ state.reloads }}) + 1; send_text(\"reloaded\", `${{previous.script}} ${{previous.generation}} state ${{state.count}}`); }}\n\
             fn on_message(msg) {{ state.count = (if state.count == () {{ 0 }} else {{ state.count }}) + 1; msg.reply(`{n} ${{state.count}} ${{state.reloads}}`); }}"
        )
    };
    let bot = Bot::start(script(1)).await;
    bot.says("u1", "hi");
    assert_eq!(bot.text_to("u1").await, "1 1 ");
    bot.save("bot", script(2));
    assert_eq!(bot.text_to("reloaded").await, "bot 1 state 1");
    bot.says("u1", "hi");
    assert_eq!(bot.text_to("u1").await, "2 2 1");
    bot.stop().await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_script_behind_a_symbolic_link_is_reloaded() {
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    let target = elsewhere.path().join("real.rhai");
    std::fs::write(&target, says("old")).expect("the folder is ours");
    let setup = Setup::new();
    std::os::unix::fs::symlink(&target, setup.scripts().join("bot.rhai")).expect("the folder is ours");
    let bot = setup.start().await;
    until_says(&bot, "old").await;
    std::fs::write(&target, says("new")).expect("the folder is ours");
    until_says(&bot, "new").await;
    bot.stop().await;
}

#[tokio::test]
async fn a_file_that_is_no_script_changes_nothing() {
    let bot = Bot::start(says("bot")).await;
    for name in ["notes.txt", ".hidden.rhai", "bot.rhai~", "bot_test.rhai"] {
        std::fs::write(bot.scripts().join(name), says("no")).expect("the folder is ours");
    }
    bot.save("marker", "// Says nothing.");
    bot.logged(&["marker.rhai is live"]).await;
    bot.says("u1", "hi");
    assert_eq!(bot.text_to("u1").await, "bot");
    bot.says("u1", "hi");
    assert_eq!(bot.text_to("u1").await, "bot");
    assert_eq!(bot.texts_to("u1").len(), 2);
    bot.stop().await;
}

#[tokio::test]
async fn a_reload_while_every_handler_waits_keeps_them_all() {
    let bot = Setup::new().script("bot", version(1)).answers(|_| Answer::Hold).start().await;
    for n in 0..100 {
        bot.says(&format!("u{n}"), &n.to_string());
    }
    bot.holds(100).await;
    bot.save("bot", version(2));
    bot.logged(&["bot.rhai is live"]).await;
    bot.release();
    for n in 0..100 {
        let person = format!("u{n}");
        bot.count("both texts", 2, |frame| is_text_to(frame, &person)).await;
        assert_eq!(bot.texts_to(&person), [format!("{n} begins 1"), format!("{n} ends 1")]);
    }
    bot.stop().await;
}

#[tokio::test]
async fn a_script_that_is_renamed_is_two_scripts_at_no_time() {
    let script = |name: &str| format!("fn on_message(msg) {{ msg.reply(\"{name}\"); }}");
    let bot = Setup::new().script("first", script("answer")).start().await;
    let done = Cell::new(false);
    let renaming = async {
        std::fs::rename(bot.file("first"), bot.file("second")).expect("the folder is ours");
        bot.logged(&["second.rhai is live"]).await;
        done.set(true);
    };
    let (written, ()) = tokio::join!(chatter(&bot, &done), renaming);
    let frames = bot.stop_and_see().await;
    let texts = frames.iter().filter(|frame| frame["content"] == "answer").count();
    assert!(texts <= written, "{texts} answers to {written} messages");
}

#[tokio::test]
async fn a_module_that_has_lost_its_text_is_half_a_save() {
    let bot = Setup::new()
        .script("lib/word", "fn word() { \"old\" }")
        .script("bot", "import \"lib/word\" as word;\nfn on_message(msg) { msg.reply(word::word()); }")
        .start()
        .await;
    bot.save("lib/word", "");
    // Until the settled look, which comes 250 ms after the first, the version before it is live.
    bot.says("u1", "hi");
    assert_eq!(bot.text_to("u1").await, "old");
    bot.save("lib/word", "fn word() { \"new\" }");
    bot.logged(&["bot.rhai is live"]).await;
    bot.says("u1", "hi");
    assert_eq!(bot.text_to("u1").await, "new");
    assert_eq!(bot.log().iter().filter(|line| line.contains("is live")).count(), 1);
    bot.stop().await;
}

#[tokio::test]
async fn a_file_that_is_made_first_and_filled_later_starts_then() {
    let bot = Bot::start("fn on_message(msg) { msg.reply(\"here\"); }").await;
    bot.save("new", "");
    bot.says("u1", "hi");
    assert_eq!(bot.text_to("u1").await, "here");
    bot.save("new", "fn on_start() { send_text(\"life\", \"start\"); }\nfn on_reload(previous) { throw 1; }");
    assert_eq!(bot.text_to("life").await, "start");
    bot.stop().await;
}

#[tokio::test]
async fn a_folder_that_is_replaced_by_another_is_watched_on() {
    let bot = Bot::start("fn on_message(msg) { msg.reply(\"old\"); }").await;
    let scripts = bot.scripts();
    let beside = scripts.with_file_name("other");
    std::fs::create_dir(&beside).expect("the folder is ours");
    std::fs::write(beside.join("bot.rhai"), "fn on_message(msg) { msg.reply(\"second\"); }")
        .expect("the folder is ours");
    std::fs::rename(&scripts, scripts.with_file_name("old")).expect("the folder is ours");
    std::fs::rename(&beside, &scripts).expect("the folder is ours");
    for version in ["second", "third"] {
        if version == "third" {
            bot.save("bot", "fn on_message(msg) { msg.reply(\"third\"); }");
        }
        loop {
            bot.says("u1", "hi");
            if bot.text_to("u1").await == version {
                break;
            }
        }
    }
    bot.stop().await;
}

#[tokio::test]
async fn a_top_level_that_computes_for_long_holds_up_nobody() {
    let setup = Setup::new().script("bot", says("here")).limits(|limits| limits.cpu = Duration::from_secs(60));
    let bot = setup.start().await;
    let place = bot.scripts().display().to_string();
    let count = |part: &str| bot.log().iter().filter(|line| line.contains(part)).count();
    bot.save(
        "long",
        format!(
            "log_info(\"{place}: it begins\");\nlet n = 0;\nwhile n < 2_000_000 {{ n += 1; }}\n\
             log_info(\"{place}: it ends\");\nfn on_pin(pin) {{}}"
        ),
    );
    // The first time is the dry start, which has a thread of its own.
    while count("it begins") < 2 {
        until_says(&bot, "here").await;
    }
    until_says(&bot, "here").await;
    assert_eq!(count("it ends"), 1, "whoever wrote was answered only when the top level had ended");
    bot.logged(&["long.rhai is live"]).await;
    bot.stop().await;
}

#[tokio::test]
async fn a_question_that_prefers_the_newest_version_ends_when_one_comes() {
    let script = |version: usize| {
        format!(
            r#"
            fn on_start() {{ poll(); }}
            fn on_reload(old) {{ poll(); }}
            fn poll() {{
                loop {{
                    let answer = ask("c1", "{version}: anyone?", #{{ newest: true }});
                    if answer == () {{ return; }}
                    answer.reply(`{version} got ${{answer.text}}`);
                }}
            }}
            fn on_message(msg) {{
                if msg.text == "form" {{
                    let name = msg.ask("{version}: your name?", #{{ newest: true }});
                    return msg.reply(`{version} got ${{name.text}}`);
                }}
                if msg.text == "old" {{ return msg.reply(`{version} got ${{msg.ask("{version}: old?").text}}`); }}
                if msg.text == "slow" {{
                    let first = msg.ask("{version}: slow?");
                    let second = msg.ask("{version}: slower?", #{{ newest: true }});
                    return msg.reply("never");
                }}
                msg.reply(`{version} said ${{msg.text}}`);
            }}"#
        )
    };
    let bot = Bot::start(script(1)).await;
    assert_eq!(bot.text_to("c1").await, "1: anyone?");
    bot.says_in("c1", "u9", "me");
    assert_eq!(bot.text_to("c1").await, "1 got me");
    assert_eq!(bot.text_to("c1").await, "1: anyone?");
    for (person, text, question) in
        [("u1", "form", "1: your name?"), ("u2", "old", "1: old?"), ("u3", "slow", "1: slow?")]
    {
        bot.says(person, text);
        assert_eq!(bot.text_to(person).await, question);
    }
    bot.save("bot", script(2));
    // What answers it now is nobody's answer, and the new loop is the only one.
    assert_eq!(bot.text_to("c1").await, "2: anyone?");
    let line = bot.logged(&["what waits goes on with the version that it began with"]).await;
    assert!(line.contains("runs=2") && line.contains("of on_message in ask at "), "{line}");
    for (person, text, expected) in
        [("u1", "Ally", "2 said Ally"), ("u2", "yes", "1 got yes"), ("u3", "yes", "2 said next")]
    {
        bot.says(person, text);
        if person == "u3" {
            // It comes to a question that gives way, and ends there without putting it.
            bot.says(person, "next");
        }
        assert_eq!(bot.text_to(person).await, expected);
    }
    bot.says_in("c1", "u9", "you");
    assert_eq!(bot.text_to("c1").await, "2 got you");
    assert_eq!(bot.host().faults(), []);
    bot.stop().await;
}
