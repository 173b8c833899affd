//! Facts of Rhai that the engine is built on, each as a script author would notice its change.

use super::support::{Bot, Setup};

async fn answer(script: &str) -> String {
    let bot = Bot::start(script).await;
    assert_eq!(bot.host().faults(), []);
    bot.says("u1", "go");
    let answer = bot.text_to("u1").await;
    bot.stop().await;
    answer
}

#[tokio::test]
async fn a_function_sees_no_outer_variable() {
    let bot = Bot::start("let outer = 1;\nfn on_message(msg) { msg.reply(`${outer}`); }").await;
    let fault = bot.host().faults()[0].to_string();
    assert!(fault.contains("bot.rhai:2:35: a function does not see the variable `outer` of the top level"), "{fault}");
    bot.stop().await;
}

#[tokio::test]
async fn a_named_function_pointer_and_a_closure_work_in_callbacks() {
    // A function whose name stands as a value must come before.
    let script = r#"
        fn double(x) { x * 2 }
        fn on_message(msg) {
            let add = 10;
            let named = Fn("double");
            msg.reply(`${[1, 2].map(named)} ${[1, 2].map(double)} ${[1, 2].map(|x| x + add)} ${named.call(4)} ${curried().call(1)}`);
        }
        fn curried() { Fn("sum").curry(40) }
        fn sum(a, b) { a + b }
    "#;
    assert_eq!(answer(script).await, "[2, 4] [2, 4] [11, 12] 8 41");
}

#[tokio::test]
async fn return_and_the_last_expression_are_a_hooks_outcome() {
    for (body, handled) in [
        ("true", true),
        ("return true;", true),
        ("if msg.text == \"go\" { return true; } false", true),
        ("for x in 0..3 { if x == 1 { return true; } }", true),
        ("[1].for_each(|x| { return true; });", false),
        ("exit(true); false", true),
        ("true;", true),
        ("1", false),
        ("", false),
        ("return;", false),
        ("throw true;", false),
    ] {
        let bot = Setup::new()
            .script("a", format!("fn on_message(msg) {{ {body} }}"))
            .script("b", "fn on_message(msg) { msg.reply(\"passed on\"); }\nfn on_notify(s, c) { if s == \"END\" { send_text(\"u1\", \"end\"); } }")
            .start()
            .await;
        assert_eq!(bot.host().faults(), [], "{body}");
        bot.says("u1", "go");
        bot.says("u1", "go");
        bot.push("END", &serde_json::json!({}));
        let expected = if handled { "end" } else { "passed on" };
        assert_eq!(bot.text_to("u1").await, expected, "{body}");
        bot.stop().await;
    }
}

#[tokio::test]
async fn a_hook_runs_as_a_call_of_it_would() {
    // A hook's body is run by itself: shadowing, constants, closures over parameters, recursion and late imports must not notice.
    let script = r#"
        const LIMIT = 3;
        fn on_message(msg) {
            const LOCAL = 5;
            let msg2 = msg;
            let msg = msg.text;
            let count = 0;
            let add = |n| count += n;
            add.call(2);
            let greet = |name| `${name}${msg}`;
            let inner = if true { let count = 9; count } else { 0 };
            let parts = [count, inner, greet.call("x"), LOCAL, global::LIMIT, depth(0)];
            if on_twice(parts) { return; }
            msg2.reply(to_json(parts));
        }
        fn on_twice(parts) { parts.push(1); false }
        fn depth(n) { if n >= global::LIMIT { n } else { depth(n + 1) } }
    "#;
    assert_eq!(answer(script).await, r#"[2,9,"xgo",5,3,3]"#);
}

#[tokio::test]
async fn calls_of_a_hook_from_the_script_itself_work() {
    let script = "fn on_message(msg) { if msg.text == \"go\" { on_notify(\"own\", msg); } }\nfn on_notify(name, x) { if name == \"own\" { x.reply(\"called\"); } }";
    assert_eq!(answer(script).await, "called");
}

#[tokio::test]
async fn runs_do_not_see_each_others_variables() {
    let bot = Bot::start("fn on_message(msg) { let seen = []; seen.push(msg.text); msg.ask(\"?\"); seen.push(msg.text); msg.reply(`${seen}`); }").await;
    for n in 0..10 {
        bot.says(&format!("u{n}"), &n.to_string());
    }
    for n in 0..10 {
        let person = format!("u{n}");
        assert_eq!(bot.text_to(&person).await, "?");
        bot.says(&person, "x");
        assert_eq!(bot.text_to(&person).await, format!(r#"["{n}", "{n}"]"#));
    }
    bot.stop().await;
}

#[tokio::test]
async fn an_error_leaves_nothing_behind_for_the_next_run() {
    let bot = Bot::start(
        r#"
        fn on_message(msg) {
            import "std/words" as words;
            if msg.text == "fail" { let x = [1]; x.map(|y| { throw "no" }); }
            msg.reply(`${words::is_yes("yes")} ${[1].map(|y| y + 1)}`);
        }"#,
    )
    .await;
    for _ in 0..5 {
        bot.says("u1", "fail");
        bot.says("u1", "go");
        assert_eq!(bot.text_to("u1").await, "true [2]");
    }
    bot.stop().await;
}

#[tokio::test]
async fn a_shared_variable_that_is_borrowed_while_its_run_is_parked_is_an_error_and_no_crash() {
    let script = r#"
        fn on_message(msg) {
            let list = [3, 1, 2];
            let touch = || list.push(4);
            try { list.sort(|a, b| { msg.sender.name; touch.call(); a - b }); msg.reply("sorted"); }
            catch (e) { msg.reply("refused"); }
        }"#;
    let answer = answer(script).await;
    assert!(answer == "sorted" || answer == "refused", "{answer}");
}

#[tokio::test]
async fn numbers_maps_and_truth_are_as_the_book_says() {
    let script = r#"
        fn on_message(msg) {
            let map = #{ b: 1, a: 2 };
            let results = [7 / 2, map.nothing, map.keys(), 1 == 1.0, "ü".len(), type_of(parse_json("9007199254740993"))];
            let one = 1;
            try { if one { results.push("truth"); } } catch (e) { results.push("no truthiness"); }
            try { let x = 9223372036854775807; x += 1; } catch (e) { results.push("overflow"); }
            msg.reply(to_json(results));
        }"#;
    assert_eq!(answer(script).await, r#"[3,null,["a","b"],true,1,"i64","no truthiness","overflow"]"#);
}
