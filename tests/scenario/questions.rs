//! Questions from any hook and timer, to a person and to anyone, through kills, on both networks.

use hotline::protocol::{GATEWAY, LINE, Network};
use hotline::testing::{self, TestOptions, TestSession};

use crate::scenario::{Folder, cards_of};

/// Runs a file of tests against a script on a network; none may fail.
fn passes_on(network: &'static Network, script: &str, tests: &str) {
    let folder = Folder::with(&[("bot.rhai", script), ("bot_test.rhai", tests)]);
    let sessions = vec![TestSession { name: "main".to_owned(), network, scripts: None }];
    let (_, report) =
        testing::run(&TestOptions { sessions, ..folder.options() }, |_| ()).expect("the tests can be run");
    assert_eq!(report.failed(), 0, "{}", cards_of(&report));
}

/// As [`passes_on`], on both networks.
fn passes_all(script: &str, tests: &str) {
    passes_on(&GATEWAY, script, tests);
    passes_on(&LINE, script, tests);
}

/// As [`passes_all`], with one test.
fn passes(script: &str, test: &str) {
    passes_all(script, &format!("fn test_it() {{\n{test}\n}}\n"));
}

#[test]
fn a_timer_asks_a_person_twice_and_is_killed_in_between() {
    let script = r#"
        fn on_message(msg) {
            if msg.text == "remind me" { after("1h", "remind", [msg.chat]); } else { msg.reply(`said ${msg.text}`); }
        }
        fn remind(mid) {
            let done = ask(mid, "Have you watered the plants?");
            let when = ask(mid, `${done.text}? Since when?`, #{ timeout: "10m" });
            send_text(mid, `${done.text}, ${when?.text}`);
        }
    "#;
    let test = r#"
        let alice = person("alice");
        alice.says("remind me");
        clock.advance("1h");
        alice.expects("Have you watered the plants?");
        bot.kill();
        bot.start();
        alice.says("no");
        alice.expects("no? Since when?");
        bot.kill();
        bot.start();
        alice.says("ever");
        alice.expects("no, ever");
        alice.says("bye");
        alice.expects("said bye");
        alice.says("remind me");
        clock.advance("1h");
        alice.expects("Have you watered the plants?");
        alice.says("yes");
        alice.expects("yes? Since when?");
        clock.advance("10m");
        alice.expects("yes, ");
        alice.expects_nothing();
    "#;
    passes(script, test);
}

#[test]
fn anyone_in_a_group_answers_or_one_person_alone() {
    let script = r#"
        fn on_message(msg) {
            if msg.text == "quiz" { quiz(msg.chat); } else { msg.reply(`said ${msg.text}`); }
        }
        fn quiz(chat) {
            let first = ask(chat, "What is 6 times 7?");
            first.reply(`${first.sender.name}: ${first.text}`);
            let sure = ask(chat, "Sure?", #{ from: first.sender.mid, timeout: "1m" });
            send_text(chat, if sure == () { "Too late." } else { `${sure.sender.name} is sure: ${sure.text}` });
        }
    "#;
    let test = r#"
        let alice = person("alice");
        let bob = person("bob");
        let tea = group("tea", [alice, bob, bot]);
        alice.says_in(tea, "quiz");
        tea.expects("What is 6 times 7?");
        bob.says("privately");
        bob.expects("said privately");
        bot.kill();
        bot.start();
        bob.says_in(tea, "42");
        tea.expects("bob: 42");
        tea.expects("Sure?");
        alice.says_in(tea, "me too");
        tea.expects("said me too");
        bot.kill();
        bot.start();
        bob.says_in(tea, "yes");
        tea.expects("bob is sure: yes");
        bob.says_in(tea, "yes");
        tea.expects("said yes");
        tea.expects_nothing();
    "#;
    passes(script, test);
}

#[test]
fn a_question_to_a_person_beats_one_to_anyone_and_of_a_kind_the_latest_wins() {
    let script = r#"
        fn on_message(msg) {
            if msg.text == "here" { state.group = msg.chat; return; }
            let options = if msg.text.ends_with("me") { #{ from: msg.sender.mid } } else { #{} };
            let answer = ask(state.group, `${msg.text}?`, options);
            answer.reply(`${msg.text}: ${answer.text}`);
        }
    "#;
    let test = r#"
        let alice = person("alice");
        let bob = person("bob");
        let tea = group("tea", [alice, bob, bot]);
        alice.says_in(tea, "here");
        for question in ["only me", "again me", "anyone", "again anyone"] {
            alice.says(question);
            tea.expects(`${question}?`);
        }
        bot.kill();
        bot.start();
        let words = [
            [alice, "1", "again me"], [bob, "2", "again anyone"], [alice, "3", "only me"], [alice, "4", "anyone"],
        ];
        for word in words {
            word[0].says_in(tea, word[1]);
            tea.expects(`${word[2]}: ${word[1]}`);
        }
    "#;
    passes(script, test);
}

#[test]
fn who_was_asked_by_a_timer_is_answered_before_what_they_say_next() {
    let script = r#"
        fn on_message(msg) {
            if msg.text == "go" { after("1s", "survey", [msg.chat]); } else { msg.reply(`said ${msg.text}`); }
        }
        fn survey(mid) {
            ask(mid, "How was it?");
            let answer = ask(mid, "And else?");
            for part in 1..4 { answer.reply(`${answer.text} ${part}`); }
        }
    "#;
    let test = r#"
        let alice = person("alice");
        alice.says("go");
        clock.advance("1s");
        alice.expects("How was it?");
        alice.says("good");
        alice.expects("And else?");
        bot.kill();
        bot.start();
        alice.says("fine");
        alice.says("one");
        for text in ["fine 1", "fine 2", "fine 3", "said one"] { alice.expects(text); }
    "#;
    passes(script, test);
}

const FORM: &str = r#"
    fn on_message(msg) {
        if msg.text != "/order" { msg.reply(`said ${msg.text}`); return; }
        let form = #{ cancel: ["cancel", "取消"], timeout: "5m", attempts: 3, ended: |why| `Ended by ${why}.` };
        let drink = msg.ask("Tea or cake?", form + #{ choices: ["Tea", "Cake"], retry: "One of these, please." });
        if drink == () { return; }
        let asked = 0;
        let count = msg.ask("How many?", form + #{ check: |answer| {
            asked += 1;
            if answer.text == "a few" { return "A number, please."; }
            if answer.text == "many" { return ""; }
            answer.text.is_match(`^\d+$`)
        } });
        if count == () { return; }
        let name = msg.ask("For whom?", #{ check: "is_short", retry: "Shorter." });
        msg.reply(`${count.text} ${drink.choice} for ${name.text}, asked ${asked} times`);
    }
    fn is_short(answer) { answer.text.len <= 5 }
"#;

#[test]
fn an_answer_is_asked_for_again_until_it_can_be_taken_through_kills() {
    let test = r#"
        fn restart() { bot.kill(); bot.start(); }
        fn test_it() {
            let alice = person("alice");
            let shown = |text| alice.expects_match("^" + text);
            alice.says("/order");
            shown.call("Tea or cake[?]");
            alice.says("milk");
            shown.call("One of these, please[.]");
            restart();
            alice.says("cake");
            alice.expects("How many?");
            alice.says("a few");
            alice.expects("A number, please.");
            restart();
            alice.says("many");
            alice.expects_nothing();
            alice.says("2");
            alice.expects("For whom?");
            restart();
            alice.says("the king");
            alice.expects("Shorter.");
            alice.says("Bob");
            alice.expects("2 Cake for Bob, asked 3 times");
        }
    "#;
    passes_all(FORM, test);
}

#[test]
fn a_question_ends_by_a_word_by_its_time_and_by_too_many_attempts() {
    let test = r#"
        let alice = person("alice");
        let begins = || { alice.says("/order"); alice.expects_match("^Tea or cake"); };
        begins.call();
        alice.says(" ＣＡＮＣＥＬ。");
        alice.expects("Ended by cancel.");
        begins.call();
        clock.advance("4m");
        alice.says("milk");
        alice.expects_match("^One of these");
        clock.advance("4m");
        alice.expects_nothing();
        bot.kill();
        bot.start();
        clock.advance("1m");
        alice.expects("Ended by timeout.");
        begins.call();
        for text in ["one", "two"] { alice.says(text); alice.expects_match("^One of these"); }
        alice.says("three");
        alice.expects("Ended by attempts.");
        alice.says("four");
        alice.expects("said four");
    "#;
    passes(FORM, test);
}

#[test]
fn a_command_ends_the_question_to_its_writer_and_leaves_one_to_anyone() {
    let script = r#"
        bot_command("order", "order");
        bot_command("quiz", "quiz");
        bot_command("time", "time");
        fn order(msg) {
            let form = #{ cancel: "stop", ended: "Never mind." };
            let item = msg.ask("What?", if msg.text.ends_with("why") { form + #{ ended: |why| `Ended by ${why}.` } } else { form });
            if item != () { msg.reply(`One ${item.text}.`); }
        }
        fn quiz(msg) {
            let first = ask(msg.chat, "Anyone?");
            first.reply(`${first.text} it is.`);
        }
        fn time(msg) { msg.reply("High time."); }
        fn on_message(msg) { msg.reply(`said ${msg.text}`); }
    "#;
    let test = r#"
        let alice = person("alice");
        alice.says("/order");
        alice.expects("What?");
        bot.kill();
        bot.start();
        alice.says("/time");
        alice.expects("High time.");
        alice.expects_nothing();
        alice.says("tea");
        alice.expects("said tea");
        alice.says("/order why");
        alice.expects("What?");
        alice.says("/order");
        alice.expects("What?");
        alice.expects("Ended by command.");
        alice.says("cake");
        alice.expects("One cake.");
        let tea = group("tea", [alice, person("bob"), bot]);
        alice.says_in(tea, "/quiz");
        tea.expects("Anyone?");
        alice.says_in(tea, "/time");
        tea.expects("High time.");
        alice.says_in(tea, "42");
        tea.expects("42 it is.");
    "#;
    passes(script, test);
}

#[test]
fn a_choice_is_picked_as_people_type_it() {
    let script = r#"
        fn on_message(msg) {
            let drink = msg.ask("What?", #{ choices: ["tea", "coffee"], retry: "Tea or coffee?" });
            msg.reply(`One ${drink.choice}.`);
        }
    "#;
    let test = r#"
        let alice = person("alice");
        for typed in ["２", "ｃｏｆｆｅｅ", "٢", "Coffee!", "2."] {
            alice.says("hi");
            alice.expects_match("^What[?]");
            alice.says("milk");
            alice.expects_match("^Tea or coffee[?]");
            alice.says(typed);
            alice.expects("One coffee.");
        }
    "#;
    passes(script, test);
}

#[test]
fn nothing_that_is_typed_makes_an_answer_too_long_to_be_sent() {
    let command = |number: usize| {
        let help = "h".repeat(100);
        format!("bot_command(\"c{number}\", \"c\", #{{ args: \"n:int\", help: \"{help}\" }});\n")
    };
    let script = (1..=160).map(command).collect::<String>() + "fn c(msg, args) { msg.reply(`${args.n}`); }";
    let test = r#"
        let alice = person("alice");
        let long = "";
        long.pad(9_980, "x");
        alice.says("/c1 " + long);
        alice.expects_match(`^n should be a whole number, not "x{40}…"\.\nUsage: /c1 n$`);
        alice.says("/c1 5 " + long);
        alice.expects_match(`^"x{40}…" is more than it takes\.`);
        alice.says("/help");
        let lines = 0;
        while lines < 160 { lines += alice.receives().text.split("\n").len(); }
        alice.expects_nothing();
        assert_eq(lines, 160);
    "#;
    passes(&script, test);
}
