//! Worlds with several sessions, on the gateway and on LINE.

use hotline::protocol::{GATEWAY, LINE, Network};
use hotline::testing::{self, TestOptions, TestSession};

use crate::scenario::{ECHO, Folder, cards_of};

fn session(name: &str, network: &'static Network, scripts: Option<&[&str]>) -> TestSession {
    let scripts = scripts.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
    TestSession { name: name.to_owned(), network, scripts }
}

/// Runs tests against scripts in a bot with these sessions; none may fail.
fn passes(sessions: Vec<TestSession>, scripts: &[(&str, &str)], tests: &str) {
    let folder = Folder::with(&[scripts, &[("it_test.rhai", tests)]].concat());
    let options = TestOptions { sessions, ..folder.options() };
    let (_, report) = testing::run(&options, |_| ()).expect("the tests can be run");
    assert_eq!(report.failed(), 0, "{}", cards_of(&report));
}

/// The one failure of a test in a world without a configuration.
fn failure(script: &str, test: &str) -> String {
    Folder::with(&[("bot.rhai", script), ("bot_test.rhai", &format!("fn test_it() {{\n{test}\n}}\n"))]).card()
}

fn one_line(card: &str) -> String {
    card.split_whitespace().collect::<Vec<_>>().join(" ")
}

const ORDER: &str = r#"
    fn on_message(msg) {
        if msg.text != "/order" { return; }
        let item = msg.ask("What would you like?", #{ timeout: "5m", choices: ["Tea", "Cake"] });
        if item == () { msg.reply("Another time, then."); return; }
        let sure = msg.ask(`One ${item.choice}, ${msg.sender.name}?`, #{ choices: ["Yes", "No"] });
        msg.reply(if sure?.choice == "Yes" { `Order ${store.incr("orders")}: one ${item.choice}.` } else { "No order, then." });
    }
"#;

#[test]
fn one_script_serves_a_session_of_each_network_in_one_process() {
    let test = r#"
        fn test_both() {
            let shop = session("shop");
            assert_eq(bot.name, "bot");
            assert_eq(shop.name, "shop");
            for (account, index) in [bot, shop] {
                let alice = person("alice").to(account);
                alice.says("/order");
                alice.expects_match("^What would you like");
                alice.presses("Cake");
                alice.expects_match("^One Cake, alice");
                alice.presses("Yes");
                alice.expects(`Order ${index + 1}: one Cake.`);
                alice.expects_nothing();
            }
            assert_eq(shop.replies, 3);
            assert_eq(shop.pushes, 0);
        }
    "#;
    let sessions = vec![session("main", &GATEWAY, None), session("shop", &LINE, None)];
    passes(sessions, &[("order.rhai", ORDER)], test);
}

#[test]
fn the_bot_in_ten_lines_serves_both_networks() {
    let readme = include_str!("../../README.md");
    let (_, bot) = readme.split_once("## A bot in ten lines\n\n```rhai\n").expect("the readme has it");
    let (bot, _) = bot.split_once("```").expect("it ends");
    let test = r#"
        fn test_both() {
            for account in [bot, session("shop", "line")] {
                let alice = person("alice").to(account);
                alice.says("ping");
                alice.expects("pong");
                alice.says("/order");
                alice.expects("What would you like?");
                alice.says("tea");
                alice.expects("One tea for alice.");
            }
            assert_eq(session("shop").pushes, 0);
        }
    "#;
    passes(Vec::new(), &[("bot.rhai", bot)], test);
}

#[test]
fn each_session_of_a_configuration_runs_its_own_scripts() {
    let said = |text: &str| format!("fn on_message(msg) {{ msg.reply(\"{text}\"); }}");
    let test = r#"
        fn test_each() {
            for account in ["sales", "support", "shop"] {
                let alice = person("alice").to(session(account));
                alice.says("hi");
                alice.expects(account);
                alice.expects_nothing();
                assert(session(account).is_live);
            }
            assert_eq(bot.mid, session("sales").mid);
            assert_ne(bot.mid, session("support").mid);
        }
        fn assert_ne(one, other) { assert(one != other); }

        fn test_the_choice_of_scripts_is_a_sessions() {
            session("support").runs(["sales"]);
            let alice = person("alice");
            alice.says("hi");
            alice.expects("sales");
            alice.to(session("support")).says("hi");
            alice.to(session("support")).expects("sales");
        }
    "#;
    let sessions = vec![
        session("sales", &GATEWAY, Some(&["sales"])),
        session("support", &GATEWAY, Some(&["support"])),
        session("shop", &LINE, Some(&["shop"])),
        session("another", &LINE, None),
    ];
    let [sales, support, shop] = ["sales", "support", "shop"].map(said);
    passes(sessions, &[("sales.rhai", &sales), ("support.rhai", &support), ("shop.rhai", &shop)], test);
}

#[test]
fn a_connection_that_is_lost_is_that_of_every_session_on_the_gateway_alone() {
    let test = r#"
        fn test_drop() {
            let second = session("second", "gateway");
            let shop = session("shop", "line");
            gateway.drop();
            assert(!bot.is_live && !second.is_live && shop.is_live);
            person("alice").to(shop).says("ping");
            person("alice").to(shop).expects("pong");
            person("alice").to(second).says("ping");
            clock.advance("10s");
            assert(bot.is_live && second.is_live);
            person("alice").to(second).expects("pong");
        }
    "#;
    passes(Vec::new(), &[("echo.rhai", ECHO)], test);
}

#[test]
fn an_order_costs_nothing_as_long_as_the_person_answers_and_one_message_where_they_do_not() {
    let test = r#"
        fn test_late() {
            let shop = session("shop", "line");
            let alice = person("alice").to(shop);
            alice.says("/order");
            alice.receives();
            clock.advance("50s");
            alice.presses("Tea");
            alice.receives();
            clock.advance("50s");
            alice.presses("Yes");
            alice.expects("Order 1: one Tea.");
            assert_eq(shop.pushes, 0);
            alice.says("/order");
            alice.receives();
            clock.advance("5m");
            alice.expects("Another time, then.");
            assert_eq(shop.pushes, 1);
        }
    "#;
    passes(
        Vec::new(),
        &[("order.rhai", &ORDER.replace("\"Yes\", \"No\"] }", "\"Yes\", \"No\"], timeout: \"5m\" }"))],
        test,
    );
}

#[test]
fn what_a_message_costs_on_line_is_as_the_guide_says() {
    let script = r#"
        fn on_message(msg) {
            switch msg.text {
                "once" => msg.reply("1"),
                "twice" => { msg.reply("1"); msg.reply("2"); }
                "together" => msg.reply(["1", "2", "3", "4", "5"]),
                "slowly" => { sleep("49s"); msg.reply("1"); }
                "too slowly" => { sleep("50s"); msg.reply("1"); }
                "later" => after("1s", "remind", [msg.chat]),
            }
            if msg.text.starts_with("tell ") { send_text(msg.text.sub_string(5), "hi"); }
        }
        fn remind(chat) { send_text(chat, "now"); }
    "#;
    let test = r#"
        fn test_costs() {
            let shop = session("shop", "line");
            let alice = person("alice").to(shop);
            let tell = `tell ${person("bob").to(shop).mid}`;
            let prices = [["once", 0], ["twice", 1], ["together", 0], ["slowly", 0], ["too slowly", 1], ["later", 1], [tell, 1]];
            for price in prices {
                let before = shop.pushes;
                alice.says(price[0]);
                clock.advance("1m");
                assert_eq(shop.pushes - before, price[1], price[0]);
            }
            let tea = group("tea", [alice, person("bob"), shop]);
            alice.says_in(tea, "twice");
            settle();
            assert_eq(shop.pushes, 6, "one to a group counts for each of its people");
        }
    "#;
    passes(Vec::new(), &[("bot.rhai", script)], test);
}

#[test]
fn a_conversation_on_line_outlives_a_crash_and_what_came_meanwhile_is_delivered_again() {
    let test = r#"
        fn test_crash() {
            let shop = session("shop", "line");
            let alice = person("alice").to(shop);
            alice.says("/order");
            alice.receives();
            bot.kill();
            assert(!shop.is_live);
            alice.presses("Tea");
            alice.expects_nothing();
            bot.start();
            clock.advance("1m");
            alice.expects_match("^One Tea");
            alice.expects_nothing();
        }
    "#;
    passes(Vec::new(), &[("order.rhai", ORDER)], test);
}

#[test]
fn groups_files_and_events_of_the_account_reach_a_bot_on_line() {
    let script = r#"
        fn on_message(msg) {
            if msg.text == "ping" { msg.reply("pong"); }
            if msg.text == "/picture" { send_image(msg.chat, "cat.png"); }
            if msg.content_type == "FILE" { download_file(msg.id, "inbox.txt"); msg.reply("got it"); }
        }
        fn on_join(event) { send_text(event.group_id, "Hello everyone!"); }
        fn on_notify(subcommand, content) { if subcommand == "botSuspended" { log_info("suspended"); } }
    "#;
    let test = r#"
        fn test_groups() {
            let shop = session("shop", "line");
            let alice = person("alice").to(shop);
            let tea = alice.creates_group("tea", [shop]);
            tea.expects("Hello everyone!");
            alice.says_in(tea, "ping");
            tea.expects("pong");
            assert(tea.has(shop));
        }

        fn test_files() {
            let shop = session("shop", "line");
            let alice = person("alice").to(shop);
            gateway.holds("cat.png", "meow");
            alice.says("/picture");
            let picture = alice.expects_kind("IMAGE");
            assert(picture.metadata.DOWNLOAD_URL.ends_with("/cat.png"));
            alice.sends_file("order.txt", "2 teas");
            alice.expects("got it");
        }

        fn test_account() {
            let shop = session("shop", "line");
            shop.notices("botSuspended", #{});
            assert(shop.logged("suspended"));
        }
    "#;
    passes(Vec::new(), &[("bot.rhai", script)], test);
}

#[test]
fn people_kick_take_back_and_react_in_chats_and_in_groups() {
    let script = r#"
        fn on_kick(event) { log_info(`kicked: ${event.person.name}`); }
        fn on_leave(event) { log_info(`left: ${event.person.name}`); }
        fn on_unsend(event) { log_info(`taken back: ${event.msg_id}`); }
        fn on_reaction(event) { log_info(`reaction in ${event.chat}`); }
        fn on_message(msg) { msg.reply("pong"); }
    "#;
    let test = r#"
        fn test_on_the_gateway() {
            let alice = person("alice");
            let bob = person("bob");
            let tea = group("tea", [bob, alice, bot]);
            let id = alice.says("ping");
            alice.reacts_to(alice.receives().id);
            assert(bot.logged(`reaction in ${alice.mid}`));
            alice.unsends(id);
            assert(bot.logged(`taken back: ${id}`));
            let id = alice.says_in(tea, "ping");
            alice.reacts_to(tea.receives().id);
            assert(bot.logged(`reaction in ${tea.mid}`));
            alice.unsends(id);
            assert(bot.logged(`taken back: ${id}`));
            alice.kicks(bob, tea);
            assert(bot.logged("kicked: bob"));
            alice.kicks(bot, tea);
            assert_eq(tea.members(), ["alice"]);
        }
        fn test_on_line() {
            let shop = session("shop", "line");
            let alice = person("alice").to(shop);
            let bob = person("bob").to(shop);
            let tea = group("tea", [bob, alice, shop]);
            let id = alice.says("ping");
            alice.unsends(id);
            assert(bot.logged(`taken back: ${id}`));
            let id = alice.says_in(tea, "ping");
            alice.unsends(id);
            assert(bot.logged(`taken back: ${id}`));
            // LINE tells of no reactions, and of somebody who was removed as of somebody who has left.
            alice.reacts_to(tea.receives().id);
            assert(!bot.logged("reaction"));
            alice.kicks(bob, tea);
            assert(bot.logged("left: bob"));
            alice.kicks(shop, tea);
            assert_eq(tea.members(), ["alice"]);
        }
    "#;
    passes(vec![session("main", &GATEWAY, None), session("shop", &LINE, None)], &[("bot.rhai", script)], test);
}

#[test]
fn what_cannot_be_pressed_says_what_can() {
    let script = r#"fn on_message(msg) {
        let answer = msg.ask("Tea or cake?", #{ choices: ["Tea", "Cake"] });
        msg.reply(#{ type: "template", altText: "More", template: #{ type: "buttons", text: "More?", actions: [
            #{ type: "uri", label: "Menu", uri: "https://example.com/menu" },
            #{ type: "datetimepicker", label: "When", data: "when", mode: "date" },
        ] } });
    }"#;
    let shop = "let alice = person(\"alice\").to(session(\"shop\", \"line\"));\nalice.says(\"hi\");\n";
    let more = format!("{shop}alice.presses(\"Tea\");\n");
    let gateway = "let alice = person(\"alice\");\nalice.says(\"hi\");\n";
    for (before, press, reason) in [
        (shop, "presses(\"Coffee\")", "there is no button \"Coffee\"; the latest message has \"Tea\", \"Cake\""),
        (&more, "presses(\"Menu\")", "the button \"Menu\" does nothing that a bot is told of"),
        (gateway, "presses(\"Coffee\")", "there is no choice \"Coffee\"; the latest message has \"Tea\", \"Cake\""),
        (
            "let alice = person(\"alice\");\n",
            "presses(\"Tea\")",
            "there is no choice \"Tea\"; the latest message has none",
        ),
    ] {
        let card = one_line(&failure(script, &format!("{before}alice.{press};")));
        assert!(card.contains(reason), "{card}");
    }
}

#[test]
fn a_session_or_a_trouble_that_there_is_not_is_named() {
    for (test, reason) in [
        ("session(\"shop\");", "there is no session \"shop\"; there are main"),
        ("session(\"shop\", \"irc\");", "there is no network \"irc\"; there are \"gateway\" and \"line\""),
        ("session(\"main\", \"line\");", "session \"main\" is on the gateway"),
        ("session(\"a\", \"line\"); session(\"b\", \"line\");", "session \"b\" cannot be on LINE too"),
        ("bot.pushes;", "session \"main\" is on the gateway, and this is of LINE's Messaging API alone"),
        ("session(\"a\", \"line\").line.refuses(\"push_mesage\", 429);", "did you mean \"push_message\"?"),
        ("session(\"a\", \"line\").line.refuses(\"push_message\", 42);", "a status such as 429 or 500"),
        ("session(\"a\", \"line\").line.repeats(\"mesage\");", "did you mean \"message\"?"),
        ("session(\"a\", \"line\").line.repeats(\"message\", 0);", "a fault strikes at least once; found 0"),
    ] {
        let card = one_line(&failure(ECHO, test));
        assert!(card.contains(reason), "{test}: {card}");
    }
}
