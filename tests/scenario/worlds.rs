//! What people, the bot, the clock and the gateway of a world do.

use std::time::{Duration, Instant};

use hotline::testing::{self, TestOptions};

use crate::scenario::{ECHO, Folder, cards_of, fails, passes};

#[test]
fn people_talk_to_the_bot_and_get_its_answers_in_order() {
    passes(
        r#"let alice = person("alice");
           alice.says("ping");
           alice.says("say two");
           alice.expects("pong");
           alice.expects("two");
           alice.expects_nothing();
           assert_eq(alice.name, "alice");
           let numbers = person("zoe");
           numbers.says("say order 12");
           assert_eq(numbers.expects_match(`order (\d+)`), ["order 12", "12"]);"#,
    );
}

#[test]
fn a_name_behind_an_at_in_a_group_is_a_mention_on_both_networks() {
    let script = r#"
        bot_command("who", "who", #{ args: "who:person why:text?" });
        fn who(msg, args) { msg.reply(`${args.who.name} ${args.who.mid} ${args.why ?? ""}`); }
        fn on_message(msg) { msg.reply(`${msg.mentions.map(|mention| mention.text)}`); }
    "#;
    let test = r#"
        fn in_a_group(bot) {
            let alice = person("alice").to(bot);
            let bob = person("bob").to(bot);
            let zoe = person("zoe").to(bot);
            let tea = group("tea", [alice, bob, bot]);
            alice.says_in(tea, "/who @bob late");
            tea.expects(`bob ${bob.mid} late`);
            alice.says_in(tea, `@${bot.name} /who @bob`);
            tea.expects(`bob ${bob.mid} `);
            alice.says_in(tea, "@bob /who @bob");
            tea.expects(`["@bob", "@bob"]`);
            alice.says_in(tea, "@zoe is not here, nor is @bobby; a@bob");
            tea.expects("[]");
        }
        fn test_gateway() { in_a_group(bot); }
        fn test_line() { in_a_group(session("shop", "line")); }
    "#;
    let report = Folder::with(&[("bot.rhai", script), ("bot_test.rhai", test)]).run();
    assert_eq!((report.results.len(), report.failed()), (2, 0), "{}", cards_of(&report));
}

#[test]
fn what_was_said_before_a_save_is_handled_before_it() {
    let script = r#"fn on_message(msg) { msg.reply(`${settings.get("limit", 3)}`); }"#;
    let test = r#"
        fn says_five() {
            for n in 0..5 { person("alice").says(`${n}`); }
        }
        fn expects_five(text) {
            for n in 0..5 { person("alice").expects(text); }
        }
        fn test_saves() {
            says_five();
            bot.settings(#{ limit: 9 });
            expects_five("3");
            says_five();
            bot.reload("bot", `fn on_message(msg) { msg.reply("new"); }`);
            expects_five("9");
            says_five();
            bot.remove("bot");
            expects_five("new");
        }
    "#;
    let report = Folder::with(&[("bot.rhai", script), ("bot_test.rhai", test)]).run();
    assert_eq!(report.failed(), 0, "{}", cards_of(&report));
}

#[test]
fn what_a_test_prints_is_shown_where_it_fails() {
    let card = fails(
        r#"let alice = person("alice");
           print(alice.name);
           debug("two");
           alice.says("ping");
           alice.expects("no");"#,
    );
    assert!(card.contains("    printed until then:\n      alice\n      \"two\"\n    said until then:"), "{card}");
}

#[test]
fn a_filter_does_not_hide_why_the_test_that_is_meant_cannot_run() {
    let (broken, right) = ("fn broken(", "fn test_luck() { person(\"alice\").says(\"ping\"); }");
    let filtered = |script: &str, test: &str, filter: &str| {
        let files = [("echo.rhai", script), ("luck_test.rhai", test), ("more_test.rhai", "fn test_more() {}")];
        let folder = Folder::with(&files);
        let options = TestOptions { filter: Some(filter.to_owned()), ..folder.options() };
        testing::run(&options, |_| ()).expect("the tests can be run").1
    };
    let report = filtered(broken, right, "test_luck");
    assert_eq!((report.results.len(), report.failed()), (1, 1), "the script's fault");
    let fault = report.results[0].failed().map(|failed| failed.fault.message.as_str()).unwrap_or_default();
    assert!(fault.contains("the tests of this folder do not run without the script"), "{fault}");
    let report = filtered(ECHO, broken, "test_luck");
    assert_eq!((report.results.len(), report.failed()), (1, 1), "the test file's fault");
    let report = filtered(ECHO, broken, "test_more");
    assert_eq!((report.results.len(), report.failed()), (1, 0), "another file is meant");
    let report = filtered(broken, right, "nothing");
    assert_eq!(report.results.len(), 0, "there is no such test");
}

#[test]
fn the_clock_stands_still_until_it_is_advanced() {
    passes(
        r#"let alice = person("alice");
           let before = clock.now();
           alice.says("wait");
           alice.expects_nothing();
           clock.advance("1999ms");
           alice.expects_nothing();
           clock.advance("1ms");
           alice.expects("waited");
           assert_eq(clock.now() - before, 2000);"#,
    );
}

#[test]
fn a_year_without_news_passes_in_a_moment_and_the_session_stays() {
    passes(
        r#"let alice = person("alice");
           clock.advance("365d");
           assert(bot.is_live);
           alice.says("ping");
           alice.expects("pong");"#,
    );
}

#[test]
fn timers_run_at_their_time() {
    let script = r#"
        every("10m", "tick");
        fn tick() { state.ticks = (if state.contains("ticks") { state.ticks } else { 0 }) + 1; }
        fn on_message(msg) { msg.reply(`${state.ticks}`); }
    "#;
    let test = r#"
        fn test_ticks() {
            clock.advance("1h");
            let alice = person("alice");
            alice.says("how many?");
            alice.expects("6");
        }
    "#;
    let report = Folder::with(&[("tick.rhai", script), ("tick_test.rhai", test)]).run();
    assert_eq!(report.failed(), 0, "{}", cards_of(&report));
}

#[test]
fn a_lost_connection_comes_back_with_the_clock() {
    passes(
        r#"let alice = person("alice");
           gateway.drop();
           assert(!bot.is_live);
           alice.says("ping");
           alice.expects_nothing();
           clock.advance("10s");
           assert(bot.is_live);
           alice.expects("pong");
           alice.says("say there");
           alice.expects("there");"#,
    );
}

#[test]
fn a_bot_that_is_down_answers_what_it_missed_once_it_is_started() {
    passes(
        r#"let alice = person("alice");
           bot.kill();
           assert(!bot.is_live);
           alice.says("ping");
           alice.expects_nothing();
           bot.start();
           alice.expects("pong");
           alice.says("say again");
           alice.expects("again");
           bot.stop();
           assert(!bot.is_live);"#,
    );
}

#[test]
fn a_script_is_replaced_removed_and_added_while_the_bot_runs() {
    passes(
        r#"let alice = person("alice");
           bot.reload("echo", `fn on_message(msg) { msg.reply("new " + msg.text); }`);
           alice.says("ping");
           alice.expects("new ping");
           let fault = ();
           try { bot.reload("echo", "fn on_message(msg) { "); } catch (error) { fault = error.message; }
           assert(fault.contains("echo.rhai:1:"), fault);
           alice.says("still");
           alice.expects("new still");
           bot.remove("echo");
           alice.says("gone");
           alice.expects_nothing();
           bot.reload("other", `fn on_message(msg) { msg.reply("other"); }`);
           alice.says("?");
           alice.expects("other");"#,
    );
}

#[test]
fn the_clock_can_be_set_to_what_is_to_come_in_the_bots_zone() {
    let script = r#"
        cron("0 9 * * *", "morning");
        fn morning() { log_info(`morning ${format_date(now(), "%m-%d %H:%M")}`); }
    "#;
    let test = r#"
        fn test_the_clock() {
            clock.set("Sunday 9:00");
            assert(bot.logged("morning 01-11 09:00"));
            clock.set("2026-03-29 01:30");
            assert_eq(clock.now(), 1_774_744_200_000);
            clock.set("2026-03-29 03:00");
            assert_eq(clock.now(), 1_774_744_200_000 + 1_800_000);
            let before = clock.now();
            clock.set("3:00");
            assert_eq(clock.now(), before);
            let fault = "";
            try { clock.set("2026-03-28 9:00"); } catch (error) { fault = error.message; }
            assert(fault.contains("\"2026-03-28 9:00\" is over, it is Sunday, 2026-03-29 03:00"), fault);
            try { clock.set("soon"); } catch (error) { fault = error.message; }
            assert(fault.contains("clock.set: \"soon\" is no time"), fault);
        }
    "#;
    let folder = Folder::with(&[("bot.rhai", script), ("bot_test.rhai", test)]);
    let zone = "Europe/Berlin".parse().expect("a zone");
    let report = testing::run(
        &TestOptions { setup: hotline::language::Setup { zone, ..Default::default() }, ..folder.options() },
        |_| (),
    )
    .expect("the tests can be run")
    .1;
    assert_eq!((report.results.len(), report.failed()), (1, 0), "{}", cards_of(&report));
}

/// A script that draws by lot.
const DICE: &str = r#"fn on_message(msg) { msg.reply(`${random(1, 1_000_000)} ${random()}`); }"#;

#[test]
fn what_a_bot_draws_follows_from_the_seed_and_a_failure_says_which() {
    let test = r#"
        fn test_a_roll() {
            person("alice").says("roll");
            let first = person("alice").receives().text;
            bot.kill();
            bot.start();
            person("alice").says("roll");
            let second = person("alice").receives().text;
            assert(first != second);
            fail(`${first} ${second}`);
        }
    "#;
    let folder = Folder::with(&[("dice.rhai", DICE), ("dice_test.rhai", test)]);
    let card = |seed| {
        let report = testing::run(&TestOptions { seed, ..folder.options() }, |_| ()).expect("the tests can be run").1;
        cards_of(&report)
    };
    let (first, again, other) = (card(7), card(7), card(8));
    assert_eq!(first, again);
    assert_ne!(first.lines().next(), other.lines().next());
    assert!(first.contains("the bot has drawn by lot: `hotline test --seed 7` draws the same\n"), "{first}");
    let plain = crate::scenario::fails(r#"fail("nothing was drawn");"#);
    assert!(!plain.contains("seed"), "{plain}");
}

#[test]
fn only_the_hosts_of_the_configuration_can_be_asked_also_where_the_test_has_an_answer() {
    let script = r#"
        fn on_message(msg) {
            try { msg.reply(http_get(msg.text).body); } catch (error) { msg.reply(`${error.name}: ${error.message}`); }
        }
    "#;
    let test = r#"
        fn test_the_web() {
            web.answers("https://api.example.com/*", "from the api");
            web.answers("https://other.example.com/", "from elsewhere");
            let alice = person("alice");
            alice.says("https://api.example.com/x");
            alice.expects("from the api");
            alice.says("https://other.example.com/");
            alice.expects("NOT_ALLOWED: other.example.com is not among the hosts that the configuration allows: add it to [http] allow");
        }
    "#;
    let folder = Folder::with(&[("bot.rhai", script), ("bot_test.rhai", test)]);
    let hosts = Some(vec!["api.example.com".parse().expect("a host")]);
    let options = TestOptions { hosts, ..folder.options() };
    let report = testing::run(&options, |_| ()).expect("the tests can be run").1;
    assert_eq!(report.failed(), 0, "{}", cards_of(&report));
    let report = folder.run();
    assert!(cards_of(&report).contains("from elsewhere"), "{}", cards_of(&report));
}

#[test]
fn groups_have_members_invitations_and_messages_of_their_own() {
    passes(
        r#"let alice = person("alice");
           let bob = person("bob");
           let team = group("team", [alice, bot]);
           alice.says_in(team, "ping");
           team.expects("pong");
           alice.expects_in(team, "pong");
           alice.expects_nothing();
           alice.invites(bob, team);
           assert_eq(team.invited(), ["bob"]);
           bob.joins(team);
           assert_eq(team.members(), ["alice", "bob", "bot"]);
           alice.kicks(bob, team);
           assert(!team.has(bob));
           alice.invites(bob, team);
           bob.joins(team);
           alice.leaves(team);
           assert_eq(team.members(), ["bob", "bot"]);
           assert(team.has(bot) && !team.has(alice));
           bob.says_in(team, "ping");
           team.expects("pong");
           bob.invites(alice, team);
           alice.joins(team);
           alice.does("UpdateGroupName", #{ group_id: team.mid, name: "crew" });"#,
    );
}

#[test]
fn a_run_that_fails_fails_the_test_unless_it_is_expected() {
    passes(
        r#"let alice = person("alice");
           alice.says("break");
           bot.expects_error("broken on purpose");"#,
    );
    let card = crate::scenario::fails(r#"person("alice").says("break");"#);
    assert!(card.contains("a run of the bot failed") && card.contains("broken on purpose"), "{card}");
}

#[test]
fn a_file_without_test_functions_is_one_test_and_modules_are_imported() {
    let test = r#"
        import "lib/people" as people;
        const ANSWER = "pong";
        people::greet("alice");
        person("alice").expects(ANSWER);
    "#;
    let folder = Folder::with(&[("echo.rhai", ECHO), ("echo_test.rhai", test)]);
    std::fs::create_dir(folder.path("lib")).expect("a folder");
    folder.write("lib/people.rhai", r#"fn greet(name) { person(name).says("ping"); }"#);
    let report = folder.run();
    assert_eq!((report.results.len(), report.failed()), (1, 0), "{}", cards_of(&report));
    assert_eq!(report.results[0].name, "echo_test");
}

#[test]
fn answers_of_people_are_read_as_they_are_meant() {
    let test = r#"
        import "std/words" as words;
        import "std/commands" as commands;
        fn test_yes() {
            for text in ["yes", "Yes!", " sure, thanks", "OK", "ｙｅｓ", "ＯＫ", "はい", "はい、お願いします", "そうです", "是", "是的", "好", "好的！", "可以", "對", "没问题", "沒問題", "네", "좋아요", "ใช่", "ได้ครับ", "ตกลง", "ya", "boleh", "no problem", "👍", "👍🏽"] {
                assert(words::is_yes(text), `yes: ${text}`);
                assert(!words::is_no(text), `not no: ${text}`);
            }
        }
        fn test_no() {
            for text in ["no", "No, thanks", "please don't", "please don’t", "ok, cancel", "not yes", "yes, no, wait", "don't", "ＮＯ", "いいえ", "いや", "やめます", "不", "不是", "不要", "好吧，不要", "取消", "아니요", "ไม่", "ไม่ใช่", "tidak", "jangan", "👎", "sure, but do not send it"] {
                assert(words::is_no(text), `no: ${text}`);
                assert(!words::is_yes(text), `not yes: ${text}`);
            }
        }
        fn test_neither() {
            for text in ["", "perhaps", "yesterday", "okra", "行李", "tea", "nothing", "I know", (), "2"] {
                assert(!words::is_yes(text), `not yes: ${text}`);
            }
        }
        fn test_numbers() {
            let known = [["２", 2], ["٣", 3], ["१२", 12], ["3 of them", 3], ["no 7", 7], ["-5", -5], ["−５", -5], ["1,000 teas", 1000], ["١٬٠٠٠", 1000], ["3-4", 3], ["x-3", 3], ["2.5", 2], ["๙", 9], ["none", ()], ["", ()], ["99999999999999999999", ()]];
            for pair in known {
                assert_eq(words::number(pair[0]), pair[1]);
            }
            let decimals = [["2.5 kg", 2.5], ["２,5", 2.5], ["1,000", 1000.0], ["1,000.5", 1000.5], ["-5", -5.0], ["٢٫٥", 2.5], ["3-4", 3.0], ["none", ()], [(), ()]];
            for pair in decimals {
                assert_eq(words::decimal(pair[0]), pair[1]);
            }
            assert_eq(parse_int("٣٤"), 34);
            assert_eq(parse_float("２．５"), 2.5);
        }
        fn test_commands() {
            for text in ["/set-age 5", "／set-age 5", "/set-age　5", "/SET-AGE 5", "/set-age@bot 5", "@bot /set-age 5", "@my shop /set-age! 5", "／ｓｅｔ－ａｇｅ 5", " /set-age, 5 "] {
                let command = commands::parse(text);
                assert(command != (), text);
                assert_eq(command.name, "set-age");
                assert_eq(command.rest, "5");
            }
            for text in ["/help", "/help!", "/help！", "/help@bot", "@bot /help", "/Help."] {
                assert(commands::matches(text, "help"), text);
            }
            assert(commands::matches("/ayuda-técnica", "ayuda-técnica"));
            assert(commands::matches("/助け て", "助け"));
            for text in ["", "/", "//", "help", "/usr/bin", "say /help", ()] {
                assert_eq(commands::parse(text), ());
            }
        }
    "#;
    let report = Folder::with(&[("echo.rhai", ECHO), ("echo_test.rhai", test)]).run();
    assert_eq!((report.results.len(), report.failed()), (5, 0), "{}", cards_of(&report));
}

#[test]
fn texts_are_filled_and_chance_takes_nothing_away() {
    let bot = r#"
        import "std/words" as words;
        fn on_message(msg) {
            let items = [1, 2, 3, 4, 5];
            let shuffled = words::shuffle(items);
            shuffled.sort();
            msg.reply(`${items} ${shuffled} ${words::choice(items) in items} ${words::choice([]) == ()} ${words::shuffle([])}`);
        }
    "#;
    let test = r#"
        import "std/words" as words;
        fn test_chance() {
            person("alice").says("hi");
            person("alice").expects("[1, 2, 3, 4, 5] [1, 2, 3, 4, 5] true true []");
        }
        fn test_fill() {
            assert_eq(words::fill("{ name } has {count}% of {{x}} {", #{ name: "Zoë", count: 2 }), "Zoë has 2% of {x} {");
            let message = try_to_fill();
            assert_eq(message, "fill: the text names {nmae}; the values are city, name");
        }
        fn try_to_fill() {
            try { words::fill("Hello {nmae}", #{ name: "Zoe", city: "Rome" }) } catch (e) { return e.message; }
        }
    "#;
    let report = Folder::with(&[("echo.rhai", bot), ("echo_test.rhai", test)]).run();
    assert_eq!((report.results.len(), report.failed()), (2, 0), "{}", cards_of(&report));
}

#[test]
fn dates_are_read_in_scripts_and_in_tests_alike() {
    let bot = r#"
        import "std/dates" as dates;
        bot_command("remind", "remind", #{ args: "at:date what:text" });
        fn remind(msg, args) { msg.reply(`${format_date(args.at, "%a %H:%M")} ${args.what}`); }
        fn on_message(msg) { msg.reply(`${dates::parse(msg.text)}`); }
    "#;
    let test = r#"
        import "std/dates" as dates;
        fn test_dates() {
            let alice = person("alice");
            alice.says("tomorrow 9:00");
            let tomorrow = next_time("9:00", date_add(start_of_day(), #{ days: 1 }));
            alice.expects(`${tomorrow}`);
            assert_eq(dates::parse("tomorrow 9:00!"), tomorrow);
            assert_eq(dates::parse("see you tomorrow 9:00"), ());
            assert_eq(dates::find("tea tomorrow", #{ time: "9:00" }), #{ at: tomorrow, rest: "tea" });
            assert_eq(dates::find(()), ());
            assert_eq(dates::parse(""), ());
            alice.says("/remind tomorrow at 9 to drink tea");
            alice.expects(`${format_date(tomorrow, "%a")} 09:00 to drink tea`);
            alice.says("/remind soon tea");
            alice.expects("at should be a time such as \"tomorrow 9:00\", not \"soon\".\nUsage: /remind at what");
        }
    "#;
    let report = Folder::with(&[("echo.rhai", bot), ("echo_test.rhai", test)]).run();
    assert_eq!((report.results.len(), report.failed()), (1, 0), "{}", cards_of(&report));
}

#[test]
fn constants_and_imports_of_the_top_level_reach_the_test_functions() {
    let test = r#"
        import "std/words" as words;
        const WORD = "ping";
        fn test_it() {
            assert(words::is_yes("yes"));
            assert_eq(words::join(["tea", 2, "milk"], ", "), "tea, 2, milk");
            assert_eq(words::join([], ", "), "");
            person("alice").says(global::WORD);
            person("alice").expects("pong");
        }
    "#;
    let report = Folder::with(&[("echo.rhai", ECHO), ("echo_test.rhai", test)]).run();
    assert_eq!(report.failed(), 0, "{}", cards_of(&report));
}

#[test]
fn only_some_scripts_of_the_folder_run_where_a_test_says_so() {
    let loud = r#"fn on_message(msg) { msg.reply("LOUD"); }"#;
    let test = r#"
        fn test_all() {
            let alice = person("alice");
            alice.says("ping");
            alice.expects("pong");
            alice.expects("LOUD");
        }
        fn test_one() {
            bot.runs(["loud"]);
            let alice = person("alice");
            alice.says("ping");
            alice.expects("LOUD");
            alice.expects_nothing();
        }
    "#;
    let report = Folder::with(&[("echo.rhai", ECHO), ("loud.rhai", loud), ("both_test.rhai", test)]).run();
    assert_eq!((report.results.len(), report.failed()), (2, 0), "{}", cards_of(&report));
}

#[test]
fn a_hundred_small_tests_take_a_moment() {
    let tests: String = (0..100)
        .map(|n| format!("fn test_{n}() {{ let p = person(\"alice\"); p.says(\"say {n}\"); p.expects(\"{n}\"); }}\n"))
        .collect();
    let folder = Folder::with(&[("echo.rhai", ECHO), ("echo_test.rhai", &tests)]);
    let began = Instant::now();
    let report = folder.run();
    assert_eq!((report.results.len(), report.failed()), (100, 0), "{}", cards_of(&report));
    // Far above what it takes, so that a busy machine does not matter; a second or two is the aim.
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}

#[test]
fn a_conversation_goes_on_after_the_bot_was_killed() {
    passes(
        r#"let alice = person("alice");
           alice.says("ask");
           alice.expects("who?");
           bot.kill();
           bot.start();
           alice.says("Alice");
           alice.expects("so you are Alice");"#,
    );
}

#[test]
fn the_gateway_refuses_delays_and_repeats_as_it_is_told() {
    passes(
        r#"let alice = person("alice");
           gateway.refuses("text", "ABUSE_BLOCK");
           alice.says("ping");
           alice.expects_nothing();
           bot.expects_error("the test wants it so");
           alice.says("say once");
           alice.expects("once");

           gateway.delays("events", "3s");
           alice.says("ping");
           alice.expects_nothing();
           clock.advance("3s");
           alice.expects("pong");

           gateway.repeats("events");
           alice.says("say twice");
           alice.expects("twice");
           alice.expects_nothing();

           gateway.drops_at("events");
           alice.says("lost");
           assert(!bot.is_live);
           gateway.refuses("login", "EXCESSIVE_ACCESS");
           clock.advance("10s");
           assert(!bot.is_live);"#,
    );
}

#[test]
fn a_trouble_can_be_left_to_a_seeded_chance_and_strike_somebody_else() {
    passes(
        r#"let alice = person("alice");
           gateway.swallows("events", #{ chance: 0.5, seed: 7 });
           let answered = [];
           for number in 0..12 {
               alice.says(`say ${number}`);
               clock.advance("1s");
           }
           gateway.recovers();
           alice.says("say end");
           for number in 0..13 {
               let text = alice.receives().text;
               if text == "end" { break; }
               answered.push(text);
           }
           assert(answered.len() > 2 && answered.len() < 10, `${answered}`);
           gateway.refuses("text", "ABUSE_BLOCK", #{ times: 2, account: "alice" });
           alice.says("ping");
           alice.expects("pong");"#,
    );
}

#[test]
fn a_trouble_that_there_is_not_is_named() {
    let card = crate::scenario::fails(r#"gateway.swallows("events", #{ chanc: 0.5 });"#);
    assert!(card.contains("no option \"chanc\"") && card.contains("did you mean \"chance\"?"), "{card}");
    let card = crate::scenario::fails(r#"gateway.swallows("events", #{ chance: 2.0, seed: 1 });"#);
    assert!(card.contains("\"chance\" takes a number from 0 to 1; found 2.0"), "{card}");
    let card = crate::scenario::fails(r#"gateway.refuses("txt", "ABUSE_BLOCK");"#);
    assert!(card.contains("\"txt\" is no family of commands") && card.contains("did you mean \"text\"?"), "{card}");
    let card = crate::scenario::fails(r#"gateway.refuses("text", "ABUSE_BLOK");"#);
    assert!(card.contains("did you mean \"ABUSE_BLOCK\"?"), "{card}");
    let card = crate::scenario::fails(r#"gateway.swallows("everything");"#);
    assert!(card.contains("expected \"replies\", \"events\" or"), "{card}");
}

/// A bot that asks the web for the weather, and gives up after a refusal.
const WEATHER: &str = r#"
fn on_message(msg) {
    try {
        let answer = http_get("https://weather.test/now?in=" + msg.text, #{ headers: #{ "X-Key": "k" } });
        msg.reply(`${answer.status} ${parse_json(answer.body).sky}`);
    } catch (error) {
        msg.reply(`no weather: ${error.message}`);
    }
}
fn on_join(event) {
    http_post("https://log.test/joined", #{ group: "x" });
}
"#;

#[track_caller]
fn weather_passes(body: &str) {
    let test = format!("fn test_it() {{\n{body}\n}}\n");
    let report = Folder::with(&[("weather.rhai", WEATHER), ("weather_test.rhai", &test)]).run();
    assert_eq!(report.failed(), 0, "{}", cards_of(&report));
}

#[test]
fn the_web_answers_as_the_test_says() {
    weather_passes(
        r#"let alice = person("alice");
           web.answers("https://weather.test/*", #{ sky: "blue" });
           web.answers("GET https://weather.test/now?in=oslo", #{ status: 203, body: #{ sky: "grey" } }, 1);
           alice.says("oslo");
           alice.expects("203 grey");
           alice.says("oslo");
           alice.expects("200 blue");
           let request = web.expects("https://weather.test/now?in=oslo");
           assert_eq(request.method, "GET");
           assert_eq(request.headers["x-key"], "k");
           web.expects("https://weather.test/*");
           web.expects_nothing();
           web.refuses("https://weather.test/*", 1);
           alice.says("rome");
           alice.expects_match("cannot connect");"#,
    );
}

#[test]
fn a_request_without_an_answer_says_how_to_give_one() {
    weather_passes(
        r#"let alice = person("alice");
           alice.says("oslo");
           alice.expects_match("no answer for GET https://weather.test/now.in=oslo; web.answers.url, …. gives one");
"#,
    );
}

#[test]
fn an_answer_that_comes_late_meets_the_clock_and_the_limits() {
    weather_passes(
        r#"let alice = person("alice");
           web.answers("https://weather.test/*", #{ sky: "blue" });
           web.delays("https://weather.test/now?in=far", "20s");
           web.delays("https://weather.test/now?in=away", "40s");
           alice.says("far");
           alice.expects_nothing();
           clock.advance("20s");
           alice.expects("200 blue");
           alice.says("away");
           clock.advance("30s");
           alice.expects_match("no answer within 30s");"#,
    );
}

#[test]
fn a_chat_goes_on_while_a_handler_waits_for_the_web() {
    weather_passes(
        r#"let alice = person("alice");
           web.answers("https://weather.test/*", #{ sky: "blue" });
           web.delays("https://weather.test/now?in=far", "20s");
           web.delays("https://weather.test/now?in=farther", "25s");
           alice.says("farther");
           alice.says("far");
           alice.says("near");
           alice.expects("200 blue");
           alice.expects_nothing();
           clock.advance("20s");
           alice.expects("200 blue");
           alice.expects_nothing();
           clock.advance("5s");
           alice.expects("200 blue");"#,
    );
}

#[test]
fn every_method_reaches_the_web_of_a_test_which_sends_it_on_as_the_real_one_does() {
    let script = r#"
        fn on_message(msg) {
            let answer = http(#{ url: "https://a.test/x", method: msg.text, headers: #{ "X-Key": "k" } });
            msg.reply(`${answer.status} ${answer.body}`);
        }"#;
    let test = r#"
        fn test_it() {
            let alice = person("alice");
            web.answers("DELETE https://a.test/x", #{ status: 204 });
            web.answers("HEAD https://a.test/x", "unseen");
            web.answers("POST https://a.test/x", #{ status: 303, headers: #{ Location: "https://b.test/" } });
            web.answers("GET https://b.test/", "there");
            alice.says("delete");
            alice.expects("204 ");
            alice.says("HEAD");
            alice.expects("200 ");
            alice.says("POST");
            alice.expects("200 there");
            assert_eq(web.expects("POST https://a.test/x").headers["x-key"], "k");
            assert_eq(web.expects("GET https://b.test/").headers, #{});
        }"#;
    let report = Folder::with(&[("a.rhai", script), ("a_test.rhai", test)]).run();
    assert_eq!(report.failed(), 0, "{}", cards_of(&report));
}

#[test]
fn the_web_outlives_the_bot_and_a_rebuilt_run_does_not_ask_it_again() {
    let script = r#"
        fn on_message(msg) {
            let answer = http_get("https://a.test/");
            sleep("1m");
            msg.reply(answer.body);
        }"#;
    let test = r#"
        fn test_it() {
            let alice = person("alice");
            web.answers("https://a.test/", "first", 1);
            web.answers("https://a.test/never", "x");
            alice.says("go");
            bot.kill();
            bot.start();
            clock.advance("1m");
            alice.expects("first");
            web.expects("https://a.test/");
            web.expects_nothing();
        }"#;
    let report = Folder::with(&[("a.rhai", script), ("a_test.rhai", test)]).run();
    assert_eq!(report.failed(), 0, "{}", cards_of(&report));
}

#[test]
fn a_message_that_is_under_way_reaches_the_bot_before_it_is_killed_or_stopped() {
    passes(
        r#"let alice = person("alice");
           alice.says("ping"); bot.kill(); bot.start();
           alice.expects("pong");
           alice.says("ping"); bot.stop(); bot.start();
           alice.expects("pong");"#,
    );
}

#[test]
fn files_travel_both_ways() {
    let script = r#"
        fn on_message(msg) {
            if msg.content_type == "FILE" {
                download_file(msg.id, "copy.txt");
                send_file(msg.chat, "copy.txt");
            }
            if msg.text == "report" { send_file(msg.chat, "report.csv"); }
        }"#;
    let test = r#"
        fn test_it() {
            let alice = person("alice");
            gateway.holds("report.csv", "a,b");
            alice.says("report");
            alice.expects_file("report.csv", "a,b");
            alice.sends_file("notes.txt", "remember the milk");
            alice.expects_file("copy.txt", "remember the milk");
            alice.expects_nothing();
        }"#;
    let report = Folder::with(&[("a.rhai", script), ("a_test.rhai", test)]).run();
    assert_eq!(report.failed(), 0, "{}", cards_of(&report));
}

#[test]
fn a_test_writes_into_the_gateways_folder_alone() {
    let elsewhere = tempfile::tempdir().expect("a folder");
    let outside = elsewhere.path().join("kept.txt");
    std::fs::write(&outside, "kept").expect("the folder is writable");
    for path in [outside.to_str().expect("text"), "../new.txt", ".sandbox/new"] {
        for deed in ["gateway.holds(PATH, \"x\")", "person(\"alice\").sends_file(PATH, \"x\")"] {
            let card = fails(&format!("{};", deed.replace("PATH", &format!("{path:?}"))));
            assert!(card.contains("outside the sandbox's folder"), "{card}");
        }
    }
    assert_eq!(std::fs::read_to_string(&outside).expect("still there"), "kept");
    passes(r#"gateway.holds("deep/down.txt", "x");"#);
}

#[test]
fn on_error_gets_the_card_the_help_and_the_line() {
    let script = r#"
        fn on_message(msg) {
            msg.replly("hi");
        }
        fn on_error(error) {
            log_warn(error.help);
            log_warn(error.source);
            log_warn(error.card);
        }"#;
    let test = r#"
        fn test_it() {
            person("alice").says("go");
            bot.expects_error("replly");
            assert(bot.logged("warn a: did you mean `reply(text)`?"));
            assert(bot.logged("warn a:             msg.replly(\"hi\");"));
            assert(bot.logged("\n  = help: did you mean `reply(text)`?"));
        }"#;
    let report = Folder::with(&[("a.rhai", script), ("a_test.rhai", test)]).run();
    assert_eq!(report.failed(), 0, "{}", cards_of(&report));
}

/// A bot that waits in the middle of reckoning with dates.
const DATES: &str = r#"
fn on_message(msg) {
    let day = date();
    let next = next_time("9:00");
    let later = date_add(now(), #{ days: 1 });
    msg.ask("Ready?");
    msg.reply(`${day.hour} ${day.weekday} ${day.zone}, ${format_date(next, "%A %H:%M")}, ${format_date(later, "%d %H:%M %Z")}`);
    msg.reply(format_date(now(), "%A %H:%M"));
}
"#;

#[test]
fn dates_that_a_run_has_seen_stay_the_same_when_it_is_rebuilt() {
    let test = r#"
        let alice = person("alice");
        alice.says("hi");
        alice.expects("Ready?");
        bot.kill();
        clock.advance("1d");
        bot.start();
        alice.says("yes");
        alice.expects("10 1 Europe/Berlin, Tuesday 09:00, 06 10:00 CET");
        alice.expects("Tuesday 10:00");
    "#;
    let folder = Folder::with(&[("dates.rhai", DATES), ("dates_test.rhai", test)]);
    let zone = "Europe/Berlin".parse().expect("a zone");
    let setup = hotline::language::Setup { zone, ..Default::default() };
    let options = TestOptions { setup, ..folder.options() };
    let (_, report) = testing::run(&options, |_| ()).expect("the tests can be run");
    assert_eq!(report.failed(), 0, "{}", cards_of(&report));
}

#[test]
fn what_is_no_date_is_an_error_that_says_what_was_found() {
    let script = r#"
        fn on_message(msg) {
            let calls = [
                || date(0, msg.text),
                || next_time(msg.text),
                || date_add(0, #{ days: msg.text }),
                || date_add(0, #{ day: 1 }),
                || format_date(0, "%" + "!"),
                || parse_date(msg.text, "%Y-%m-%d"),
                || parse_date("２０２６-01-15", "%Y-%m-%d"),
            ];
            for it in calls {
                try { log_info(`${it.call()}`); } catch (error) { log_info(error.message); }
            }
        }
    "#;
    let test = r#"
        let alice = person("alice");
        alice.says("Tokyo");
        settle();
        assert(bot.logged("date: found \"Tokyo\", expected a time zone such as \"Asia/Tokyo\"; did you mean \"Asia/Tokyo\"?"));
        assert(bot.logged("next_time: \"Tokyo\" is no time of day, expected one such as \"9:00\""));
        assert(bot.logged("date_add needs whole numbers, such as #{days: 1}; found a string of days"));
        assert(bot.logged("date_add: there is no unit \"day\""));
        assert(bot.logged("format_date: \"%!\" is no format of a date"));
        assert(bot.logged("parse_date: \"Tokyo\" is no date that is written \"%Y-%m-%d\""));
        assert(bot.logged("1768435200000"));
    "#;
    let report = Folder::with(&[("dates.rhai", script), ("dates_test.rhai", test)]).run();
    assert_eq!(report.failed(), 0, "{}", cards_of(&report));
}
