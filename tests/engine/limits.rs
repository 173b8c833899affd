//! What runs away: it is killed within its limit, with an error that names the line, while others are served.

use std::time::Duration;

use tokio::sync::Mutex;

use super::support::{Bot, Setup, is_text_to, logged_lines};

/// A script whose `on_message` runs `runaway`, which begins in line 3, for "go", and answers anything else at once.
fn script(runaway: &str) -> String {
    format!(
        "fn on_message(msg) {{\n    if msg.text != \"go\" {{ msg.reply(msg.text); return; }}\n{runaway}\n}}\n\
         fn on_error(error) {{ send_text(\"errors\", `${{error.line}}: ${{error.message}}`); }}\n"
    )
}

async fn start(runaway: &str) -> Bot {
    let limits = |limits: &mut hotline::runtime::Limits| limits.cpu = Duration::from_millis(600);
    Setup::new().limits(limits).script("bot", script(runaway)).start().await
}

/// Runs `runaway`, serves somebody else meanwhile, and expects the end to be told with this line and message.
async fn assert_killed(runaway: &str, expected: &str) {
    // Runaways of other tests would take the processor from this one, and what is measured here is its worker alone.
    static ALONE: Mutex<()> = Mutex::const_new(());
    let _alone = ALONE.lock().await;
    let bot = start(runaway).await;
    bot.says("u1", "go");
    // One worker runs both: whoever writes meanwhile has their answer.
    let mut served = 0;
    while bot.texts_to("errors").is_empty() {
        bot.says("u2", "hello");
        assert_eq!(bot.text_to("u2").await, "hello", "{runaway}");
        served += 1;
    }
    // One that kept the worker to itself for all of its time would let a single answer through, at its end.
    assert!(served > 2 || !expected.ends_with(CPU), "{runaway}: {served} served meanwhile");
    let error = bot.text_to("errors").await;
    assert!(error.contains(expected), "{runaway}: {error}");
    // The chat of the killed run is free again.
    bot.says("u1", "still there");
    assert_eq!(bot.text_to("u1").await, "still there");
    bot.stop().await;
}

const CPU: &str = "the run used more than 600ms of processor time (limits.cpu)";

#[tokio::test]
async fn an_endless_loop_is_killed() {
    assert_killed("loop {}", &format!("3: {CPU}")).await;
}

#[tokio::test]
async fn an_endless_loop_cannot_go_on_in_a_catch() {
    assert_killed("try { loop {} }\ncatch (e) { loop {} }", CPU).await;
}

#[tokio::test]
async fn an_endless_loop_in_a_callback_cannot_be_caught() {
    let runaway = "loop {\n    try { [1].map(|x| { loop {} }); } catch (e) { msg.reply(\"caught\"); loop {} }\n}";
    assert_killed(runaway, &format!("4: {CPU}")).await;
}

#[tokio::test]
async fn a_killed_run_sends_nothing_any_more() {
    let bot =
        start("try { [1].map(|x| { loop {} }); } catch (e) { msg.reply(\"caught\"); }\nmsg.reply(\"after\");").await;
    bot.says("u1", "go");
    bot.text_to("errors").await;
    bot.says("u1", "next");
    assert_eq!(bot.text_to("u1").await, "next");
    bot.stop().await;
}

#[tokio::test]
async fn a_loop_of_many_callbacks_is_killed_though_each_counts_for_itself() {
    assert_killed(
        "for i in 0..1000000 { [1].map(|x| { let k = 0; while k < 1000 { k += 1; } k }); }",
        &format!("3: {CPU}"),
    )
    .await;
}

#[tokio::test]
async fn unbounded_recursion_is_killed() {
    let script = script("down(0);") + "fn down(n) { 1 + down(n + 1) }\n";
    let bot = Bot::start(script).await;
    bot.says("u1", "go");
    let error = bot.text_to("errors").await;
    assert_eq!(error, "3: functions call each other too deeply (limits.call_depth)");
    bot.stop().await;
}

#[tokio::test]
async fn recursion_through_callbacks_is_killed() {
    let bot = Bot::start(script("down(0);") + "fn down(n) { [n].map(|x| down(x + 1)) }\n").await;
    bot.says("u1", "go");
    let error = bot.text_to("errors").await;
    assert!(error.contains("too deeply") || error.contains("more stack"), "{error}");
    bot.says("u2", "hello");
    assert_eq!(bot.text_to("u2").await, "hello");
    bot.stop().await;
}

#[tokio::test]
async fn calls_may_nest_as_deep_as_the_limit_says() {
    // Each level costs as much stack as a level of a script's own making can.
    let deep = "fn down(n) { if n == 0 { 0 } else { 1 + (1 * (0 + (1 * (0 + (1 * (0 + (1 * down(n - 1)))))))) } }";
    let bot = Setup::new()
        .script("bot", format!("{deep}\nfn on_message(msg) {{ msg.reply(`${{down(60)}}`); }}"))
        .start()
        .await;
    bot.says("u1", "go");
    assert_eq!(bot.text_to("u1").await, "60");
    bot.stop().await;
}

#[tokio::test]
async fn a_string_that_doubles_is_killed() {
    assert_killed(
        "let s = \"x\";\nloop { s += s; }",
        "4: length of string grows too large (limits.string, limits.array)",
    )
    .await;
}

#[tokio::test]
async fn an_array_that_grows_is_killed() {
    assert_killed("let a = [];\nloop { a.push(1); }", "4: ").await;
}

#[tokio::test]
async fn many_large_strings_are_killed_by_their_sum() {
    let runaway = "let s = \"x\";\nwhile s.len() < 300000 { s += s; }\nlet a = [];\nloop { a.push(s + a.len()); }";
    let bot = Setup::new().limits(|limits| limits.string = 1 << 30).script("bot", script(runaway)).start().await;
    bot.says("u1", "go");
    assert_eq!(bot.text_to("errors").await, "6: the run holds more than 64 MiB of memory (limits.memory)");
    bot.stop().await;
}

/// Runs something that must not bring the process down, whatever else comes of it, and serves the next.
async fn assert_survives(body: &str) {
    let bot = Bot::start(script(&format!("{body}\nmsg.reply(\"done\");"))).await;
    bot.says("u1", "go");
    bot.next(&format!("an end of {body}"), |frame| is_text_to(frame, "u1") || is_text_to(frame, "errors")).await;
    bot.says("u1", "still there");
    assert_eq!(bot.text_to("u1").await, "still there");
    bot.stop().await;
}

#[tokio::test]
async fn deeply_nested_values_do_not_overflow_the_stack() {
    // Each of these is copied, compared, printed or dropped natively, by recursion.
    let closures = "let f = || 1; for i in 0..150000 { let g = f; f = || g; }";
    let arrays = "let f = [()]; for i in 0..3000 { f.push([f.pop()]); }";
    let copied = "let f = []; for i in 0..100000 { f = [f]; }";
    for (build, act) in [
        (closures, ""),
        (closures, "throw f;"),
        (closures, "throw [f];"),
        (closures, "let s = f.to_string();"),
        (arrays, ""),
        (arrays, "let g = [f]; let same = f == g;"),
        (arrays, "throw f;"),
        (copied, ""),
    ] {
        assert_survives(&format!("{build} {act}")).await;
    }
}

#[tokio::test]
async fn a_value_that_contains_itself_does_no_harm() {
    assert_survives("let a = [1]; let f = || a; a.push(a); a.push(f); let s = a.to_string();").await;
    assert_survives("let a = #{}; let f = || a; a.f = f; let s = a.to_string();").await;
}

#[tokio::test]
async fn an_expression_that_is_nested_too_deeply_is_refused_at_load() {
    for expression in [
        vec!["x"; 100_000].join(" + "),
        format!("x{}", "?.a".repeat(100_000)),
        format!("{}x", "!".repeat(100_000)),
        format!("{}x{}", "(".repeat(100_000), ")".repeat(100_000)),
    ] {
        let bot = Bot::start(format!("fn on_message(msg) {{\n    let x = 1;\n    {expression};\n}}")).await;
        let fault = bot.host().faults()[0].to_string();
        assert!(fault.contains(":3:") && fault.contains("nested too deeply"), "{fault}");
        bot.stop().await;
    }
}

#[tokio::test]
async fn one_native_call_cannot_take_more_than_its_limits() {
    for (body, expected) in [
        ("let s = \"x\";\ns.pad(1000000000, \"yy\");", "4: length of string"),
        ("let a = [];\na.pad(1000000000, 1);", "4: size of array"),
        ("let a = [];\nlet b = blob(1000000000);", "4: size of array"),
        ("let s = \"a\";\ns.pad(500000, 'a');\ns.replace(\"a\", s);", "5: length of string"),
        ("let s = \"a\";\ns.pad(500000, 'a');\ns.replace_all(\"a\", s);", "5: length of string"),
        ("let s = \"$0\";\ns.pad(500000, \"$0\");\ns.replace_all(\".+\", s);", "5: length of string"),
    ] {
        let bot = Bot::start(script(body)).await;
        bot.says("u1", "go");
        let error = bot.text_to("errors").await;
        assert!(error.starts_with(expected), "{body}: {error}");
        bot.stop().await;
    }
}

#[tokio::test]
async fn a_pattern_that_is_looked_for_again_and_again_is_work_of_the_run() {
    let body = "let s = \"A\";\ns.pad(1000000, 'A');\ns.find_all(\".*[^A-Z]|[A-Z]\");";
    let bot = Setup::new().limits(|limits| limits.cpu = Duration::from_millis(100)).script("bot", script(body));
    let bot = bot.start().await;
    bot.says("u1", "go");
    let error = bot.text_to("errors").await;
    assert!(error.contains("of processor time (limits.cpu)"), "{error}");
    bot.stop().await;
}

#[tokio::test]
async fn a_thrown_value_is_shown_within_reason() {
    let bot = Bot::start(script("let s = \"ab\";\nwhile s.len() < 500000 { s += s; }\nthrow s;")).await;
    bot.says("u1", "go");
    assert_eq!(bot.text_to("errors").await, format!("5: {}…", "ab".repeat(1000)));
    bot.stop().await;
}

#[tokio::test]
async fn a_run_may_make_so_many_host_calls() {
    let limits = |limits: &mut hotline::runtime::Limits| limits.calls = 50;
    let runaway = "loop {\n    try { send_text(\"u9\", \"x\"); } catch (e) {}\n}";
    let bot = Setup::new().limits(limits).script("bot", script(runaway)).start().await;
    bot.says("u1", "go");
    assert_eq!(bot.text_to("errors").await, "4: the run made more than 50 host calls (limits.calls)");
    assert_eq!(bot.texts_to("u9").len(), 50);
    bot.stop().await;
}

#[tokio::test]
async fn a_conversation_may_make_so_many_host_calls_for_each_answer() {
    let limits = |limits: &mut hotline::runtime::Limits| limits.calls = 5;
    let talk = "for turn in 0..20 { let answer = msg.ask(`${turn}`); log_info(`${now()}`); }\nloop { now(); }";
    let bot = Setup::new().limits(limits).script("bot", script(talk)).start().await;
    bot.says("u1", "go");
    for turn in 0..10 {
        assert_eq!(bot.text_to("u1").await, turn.to_string());
        bot.says("u1", "on");
    }
    assert_eq!(bot.text_to("u1").await, "10");
    let bot = bot.restart().await;
    for turn in 11..20 {
        bot.says("u1", "on");
        assert_eq!(bot.text_to("u1").await, turn.to_string());
    }
    bot.says("u1", "on");
    assert_eq!(bot.text_to("errors").await, "4: the run made more than 5 host calls (limits.calls)");
    bot.stop().await;
}

#[tokio::test]
async fn a_conversation_with_a_long_record_is_told_of_in_the_log() {
    let talk = "loop { msg.ask(\"?\"); for n in 0..2600 { now(); } }";
    let limits = |limits: &mut hotline::runtime::Limits| limits.cpu = Duration::from_secs(60);
    let bot = Setup::new().limits(limits).script("bot", script(talk)).start().await;
    bot.says("u1", "go");
    for _ in 0..5 {
        assert_eq!(bot.text_to("u1").await, "?");
        bot.says("u1", "on");
    }
    bot.logged(&["a run of on_message in ", "bot.rhai has recorded 10409 calls", "`msg.sender.state`"]).await;
    let told = bot.log().into_iter().filter(|line| line.contains("all of which it makes again")).count();
    assert_eq!(told, 1);
    bot.stop().await;
}

#[tokio::test]
async fn a_run_may_log_so_many_lines() {
    let limits = |limits: &mut hotline::runtime::Limits| limits.calls = 50;
    let bot = Setup::new()
        .limits(limits)
        .script("bot", script("loop { print(\"flood of \" + \"this test\"); }"))
        .start()
        .await;
    bot.says("u1", "go");
    assert_eq!(bot.text_to("errors").await, "3: the run made more than 50 host calls (limits.calls)");
    assert_eq!(logged_lines("flood of this test").len(), 50);
    bot.stop().await;
}
