//! Answers that a script does not wait for where it asked: their calls mean what they would if it did.

use std::time::Duration;

use hotline::host::KillOutcome;
use hotline::runtime::Happening;
use hotline::store::RunOutcome;
use serde_json::{Value, json};

use crate::support::{Answer, Bot, Setup, is_text_to, logged_lines, soon};

/// Refuses what says "no", and takes everything else.
fn refuses_no(request: &Value) -> Answer {
    if request["content"] == "no" { Answer::Refuse(7, "NOT_ALLOWED: not here") } else { Answer::Content(json!({})) }
}

/// What `on_error` and the log get of a refusal of `reply` in the middle of a hook, with the texts that the bot sent.
async fn refused(reply: &str, after: &str) -> (String, String, Vec<String>) {
    let script = format!(
        "fn on_message(msg) {{\n    if msg.text == \"go\" {{\n        {reply}\n        {after}\n    }}\n}}\n\
         fn on_error(e) {{ send_text(\"errors\", `${{e.line}}:${{e.column}} ${{e.name}} ${{e.command}} ${{e.calls}} ${{e.hook}}\n${{e.card}}`); }}"
    );
    let bot = Setup::new().script("bot", &script).script("z", "fn on_message(msg) { send_text(\"z\", \"mine\"); }");
    let bot = bot.answers(refuses_no).start().await;
    bot.says("u1", "go");
    let told = bot.text_to("errors").await;
    assert_eq!(bot.text_to("z").await, "mine", "the next script's turn comes");
    let place = bot.file("bot").display().to_string();
    let logged = logged_lines(&place).into_iter().find(|line| line.contains("NOT_ALLOWED")).unwrap_or_default();
    let texts = bot.texts_to("u1");
    bot.stop().await;
    let logged = logged.split_once("ERROR").map_or_else(String::new, |(_, rest)| rest.replace(&place, "bot.rhai"));
    (told.replace(&place, "bot.rhai"), logged, texts)
}

#[tokio::test]
async fn a_refusal_ends_the_run_as_if_it_had_been_thrown_where_the_call_stands() {
    let wanted = refused("let _x = msg.reply(\"no\");", "").await;
    // On the stack and without one.
    for reply in ["do { let _x = msg.reply(\"no\"); } while false;", "if true { let _x = msg.reply(\"no\").len(); }"] {
        let column = 9 + reply.find("reply").expect("it has one");
        let found = refused(reply, "").await.0.replacen(&format!("3:{column}"), "3:22", 1);
        assert_eq!(found.lines().next(), wanted.0.lines().next(), "{reply}");
    }
    // As far to the right as the call that is waited for.
    for after in ["", "msg.reply(\"yes\");", "let n = 1 / 0;", "throw \"later\";", "state.n = 1;", "print(\"never\");"]
    {
        let reply = "                 msg.reply(\"no\");".trim_start();
        let found = refused(&format!("{}{reply}", " ".repeat(9)), after).await;
        assert_eq!(found.0.lines().next(), wanted.0.lines().next(), "{after}");
        assert_eq!(found.2, ["no"], "{after}: nothing comes after it");
        assert!(!found.1.contains("never") && !found.1.contains("later"), "{after}: {}", found.1);
    }
}

#[tokio::test]
async fn only_what_nothing_in_the_body_uses_is_not_waited_for() {
    let lines = [
        ("msg.reply(\"0\");", true),
        ("if msg.text == \"go\" { send_text(msg.chat, \"1\"); }", true),
        ("for n in 2..3 { msg.reply(`${n}`); }", true),
        ("let _x = msg.reply(\"3\");", false),
        ("helper(msg);", true),
        ("[5].map(|n| msg.reply(`${n}`));", false),
        ("try { msg.reply(\"6\"); } catch { }", false),
        ("msg.reply(\"7\")", true),
    ];
    let body: String = lines.iter().map(|(line, _)| format!("    {line}\n")).collect();
    let bot = Bot::start(format!("fn helper(msg) {{ msg.reply(\"4\"); }}\nfn on_message(msg) {{\n{body}}}")).await;
    bot.says("u1", "go");
    bot.count("the replies", lines.len(), |frame| is_text_to(frame, "u1")).await;
    assert_eq!(bot.texts_to("u1"), ["0", "1", "2", "3", "4", "5", "6", "7"]);
    let went_on: Vec<_> = bot.log().into_iter().filter(|line| line.contains("goes on at")).collect();
    for (number, (line, goes_on)) in lines.iter().enumerate() {
        // The helper's own call stands in the first line.
        let place = format!("bot.rhai:{}", if line.starts_with("helper") { 1 } else { number + 3 });
        assert_eq!(went_on.iter().any(|line| line.trim_end().contains(&place)), *goes_on, "{line}: {went_on:?}");
    }
    bot.stop().await;
}

#[tokio::test]
async fn a_refusal_inside_a_try_or_of_a_helper_is_caught_there() {
    let bot = Bot::start(
        "fn say(msg, text) { msg.reply(text); }\n\
         fn on_message(msg) {\n\
             try { msg.reply(\"no\"); msg.reply(\"not sent\"); } catch (e) { msg.reply(`1 ${e.name}`); }\n\
             try { say(msg, \"no\"); msg.reply(\"not sent\"); } catch (e) { msg.reply(`2 ${e.name}`); }\n\
             try { [\"no\"].map(|text| msg.reply(text)); } catch (e) { msg.reply(`3 ${e.name}`); }\n\
         }",
    )
    .await;
    bot.answers(refuses_no);
    bot.says("u1", "go");
    let mut texts = Vec::new();
    while texts.last().is_none_or(|text| text != "3 NOT_ALLOWED") {
        texts.push(bot.text_to("u1").await);
    }
    assert_eq!(texts, ["no", "1 NOT_ALLOWED", "no", "2 NOT_ALLOWED", "no", "3 NOT_ALLOWED"]);
    bot.stop().await;
}

#[tokio::test]
async fn a_reply_before_a_try_ends_the_run_although_the_next_one_stands_in_it() {
    let bot = Bot::start(
        "fn on_message(msg) {\n    msg.reply(\"no\");\n    try { msg.reply(\"yes\"); } catch (e) { msg.reply(\"caught\"); }\n}\n\
         fn on_error(e) { send_text(\"errors\", `${e.line} ${e.name}`); }",
    )
    .await;
    bot.answers(refuses_no);
    bot.says("u1", "go");
    assert_eq!(bot.text_to("errors").await, "2 NOT_ALLOWED");
    assert_eq!(bot.texts_to("u1"), ["no"]);
    bot.stop().await;
}

#[tokio::test]
async fn replies_keep_their_order_and_wait_for_each_other() {
    let bot = Bot::start("fn on_message(msg) { for n in 0..3 { msg.reply(`${n}`); } msg.reply(\"end\"); }").await;
    bot.answers(|_| Answer::Hold);
    bot.says("u1", "go");
    bot.holds(1).await;
    bot.says("u2", "go");
    bot.holds(2).await;
    assert_eq!(bot.texts_to("u1"), ["0"], "the next one waits for the answer, and another chat does not");
    bot.release();
    bot.count("the replies", 4, |frame| is_text_to(frame, "u1")).await;
    assert_eq!(bot.texts_to("u1"), ["0", "1", "2", "end"]);
    bot.stop().await;
}

#[tokio::test]
async fn the_next_event_of_a_chat_waits_for_the_answer() {
    let bot = Bot::start(
        "fn on_message(msg) { if msg.text == \"a\" { msg.reply(\"first\"); } else { msg.reply(msg.text); } }",
    );
    let bot = bot.await;
    bot.answers(|_| Answer::Hold);
    bot.says("u1", "a");
    bot.says("u1", "b");
    bot.says("u2", "c");
    bot.holds(2).await;
    assert_eq!((bot.texts_to("u1"), bot.texts_to("u2")), (vec!["first".to_owned()], vec!["c".to_owned()]));
    bot.release();
    bot.count("the replies", 2, |frame| is_text_to(frame, "u1")).await;
    assert_eq!(bot.texts_to("u1"), ["first", "b"]);
    bot.stop().await;
}

#[tokio::test]
async fn an_answer_that_is_true_is_what_a_hook_gives_that_ends_with_it() {
    let script = "fn on_message(msg) { if msg.text == \"go\" { msg.reply(\"first\") } }";
    for (answer, mine) in [("true", false), ("{}", true)] {
        let bot = Setup::new().script("bot", script).script("z", "fn on_message(msg) { send_text(\"z\", msg.text); }");
        let bot = bot.start().await;
        bot.answers(
            move |request| if request["content"] == "first" { Answer::Raw(answer) } else { Answer::Content(json!({})) },
        );
        bot.says("u1", "go");
        bot.says("u1", "end");
        let expected: &[&str] = if mine { &["go", "end"] } else { &["end"] };
        for text in expected {
            assert_eq!(bot.text_to("z").await, *text, "{answer}");
        }
        bot.stop().await;
    }
}

/// The ways to wait for a reply: before the next call, without a stack, and on one; in the hook, and in functions that it calls.
const WAYS: [&str; 6] = [
    "REPLY;",
    "let sent = REPLY; sent.len();",
    "do { let sent = REPLY; sent.len(); } while false;",
    "say(msg); }\nfn say(msg) { REPLY;",
    "let sent = say(msg); sent.len(); }\nfn say(msg) { say_it(msg) }\nfn say_it(msg) { let sent = REPLY; sent",
    "do { say(msg); } while false; }\nfn say(msg) { REPLY;",
];

/// A hook that replies in one of these ways, and the line of the reply.
fn replying(way: &str, reply: &str) -> (String, usize) {
    let script = format!("fn on_message(msg) {{ {way} }}\n").replace("REPLY", reply);
    let line = script.lines().position(|line| line.contains(reply)).expect("it replies") + 1;
    (script, line)
}

/// What `on_error` gets of a reply whose answer does not come, for one reason or another.
async fn without_answer(script: &str, limit: Duration, act: impl AsyncFnOnce(&Bot)) -> String {
    let script = format!("{script}fn on_error(e) {{ send_text(\"errors\", `${{e.line}} ${{e.name}}`); }}");
    let bot = Setup::new().script("bot", &script).limits(|limits| limits.reply = limit).start().await;
    bot.answers(|request| if request["content"] == "hm" { Answer::Hold } else { Answer::Content(json!({})) });
    bot.says("u1", "go");
    bot.holds(1).await;
    act(&bot).await;
    let told = bot.text_to("errors").await;
    bot.stop().await;
    told
}

#[tokio::test]
async fn a_refusal_in_a_function_that_the_hook_calls_is_told_with_all_calls_that_led_to_it() {
    let functions =
        "}\nfn say(msg) { let n = 1; say_it(msg, n); }\nfn say_it(msg, n) { if n == 1 { REPLY; } } fn unused() {";
    let mut told = Vec::new();
    // On the stack, and without one.
    for call in ["do { say(msg); } while false;", "     say(msg);"] {
        let (script, line) = replying(&format!("{call} {functions}"), "msg.reply(\"no\")");
        let script =
            format!("{script}fn on_error(e) {{ send_text(\"errors\", `${{e.line}} ${{e.calls}}\n${{e.card}}`); }}");
        let bot = Setup::new().script("bot", &script).answers(refuses_no).start().await;
        bot.says("u1", "go");
        let error = bot.text_to("errors").await.replace(&bot.file("bot").display().to_string(), "bot.rhai");
        assert!(error.starts_with(&format!("{line} [\"say_it ")), "{error}");
        told.push(error);
        bot.stop().await;
    }
    assert_eq!(told[0], told[1]);
}

#[tokio::test]
async fn functions_that_wait_get_and_give_what_others_do() {
    let functions = "const FOUR = 4;\n\
                     fn same(a) { sleep(\"1ms\"); a }\n\
                     fn more(a) { a += 1; sleep(\"1ms\"); a }\n\
                     fn four() { sleep(\"1ms\"); global::FOUR }\n\
                     fn both(a, b) { sleep(\"1ms\"); `${a} ${b}` }\n\
                     fn leaves() { sleep(\"1ms\"); exit(true); }\n\
                     fn string.kind(a) { sleep(\"1ms\"); \"a method\" }\n\
                     fn kind(a) { sleep(\"1ms\"); \"a function\" }\n";
    let cases = [
        (
            "let a = same(global::FOUR); let b = same(77); let c = same(\"text\"); msg.reply(`${a} ${b} ${c}`);",
            "4 77 text",
        ),
        ("let a = more(global::FOUR); let b = four(); b += 2; msg.reply(`${a} ${b}`);", "5 6"),
        ("let p = \"p\"; same({ let y = 7; y }); msg.reply(p);", "p"),
        ("let p = 1; let a = both(p, { p += 1; p }); msg.reply(a);", "2 2"),
        ("let a = kind(\"x\"); msg.reply(a);", "a function"),
        ("msg.reply(\"before\"); if msg.text == \"go\" { leaves(); } msg.reply(\"behind\");", "before"),
        ("let a = 1 + same(2); let b = [same(3), 4]; b.push(same(5)); msg.reply(`${a} ${b}`);", "3 [3, 4, 5]"),
    ];
    for (body, expected) in cases {
        let bot = Bot::start(format!("{functions}fn on_message(msg) {{ {body} }}")).await;
        bot.says("u1", "go");
        assert_eq!(bot.text_to("u1").await, expected, "{body}");
        bot.says("u1", "end");
        bot.text_to("u1").await;
        assert_ne!(bot.texts_to("u1")[1], "behind", "{body}");
        bot.stop().await;
    }
}

#[tokio::test]
async fn functions_that_wait_call_each_other_as_deeply_as_others_and_limits_end_them_at_the_same_place() {
    let functions = "fn deep(msg, n) {\n    if n == 0 { let sent = msg.reply(\"deep\"); return sent.len(); }\n    deep(msg, n - 1)\n}\n\
                     fn on_error(e) { send_text(\"errors\", `${e.line}:${e.message} ${e.calls}`); }";
    let mut told = Vec::new();
    for call in ["do { deep(msg, parse_int(msg.text)); } while false;", "     deep(msg, parse_int(msg.text));"] {
        let script = format!("fn on_message(msg) {{\n{call}\n}}\n{functions}");
        let bot = Setup::new().script("bot", &script).limits(|limits| limits.call_depth = 10).start().await;
        bot.says("u1", "9");
        assert_eq!(bot.text_to("u1").await, "deep", "{call}");
        bot.says("u1", "10");
        told.push(bot.text_to("errors").await.replace(&bot.file("bot").display().to_string(), "bot.rhai"));
        bot.stop().await;
    }
    assert_eq!(told[0], told[1]);
}

#[tokio::test]
async fn a_lost_connection_and_a_silent_gateway_end_the_run_where_the_call_stands() {
    for way in WAYS {
        let (script, line) = replying(way, "msg.reply(\"hm\")");
        let silent = without_answer(&script, Duration::from_secs(1), async |_| {});
        assert_eq!(silent.await, format!("{line} TIMEOUT"), "{way}");
        let lost = without_answer(&script, Duration::from_secs(60), async |bot| {
            bot.cut();
            bot.logged_in_times(2).await;
        });
        assert_eq!(lost.await, format!("{line} IN_DOUBT"), "{way}");
    }
}

/// Kills a run that waits for the answer of its reply, whatever the script does with that.
async fn killed_while_it_waits(script: &str) {
    let bot = Bot::start(script).await;
    let mut stream = bot.host().events();
    bot.answers(|request| if request["content"] == "a!" { Answer::Hold } else { Answer::Content(json!({})) });
    bot.says("u1", "a");
    bot.says("u1", "b");
    bot.holds(1).await;
    let both_there = async {
        loop {
            let view = bot.host().view().await;
            if view.sessions[0].queues.events == 2 {
                return view;
            }
        }
    };
    let view = soon("the second message", both_there).await;
    assert_eq!(view.counters.running, 1, "it is in the middle of something");
    let waiting = &view.runs[0];
    assert_eq!(waiting.waits.as_ref().map(|waits| waits.call.as_str()), Some("SendText"));
    assert_eq!(bot.kill(waiting.id).await, Ok(KillOutcome::Ends));
    bot.count("the next reply of the chat", 2, |frame| is_text_to(frame, "u1")).await;
    bot.release();
    bot.says("u1", "c");
    bot.count("one more", 3, |frame| is_text_to(frame, "u1")).await;
    assert_eq!(bot.texts_to("u1"), ["a!", "b!", "c!"]);
    let mut outcomes = Vec::new();
    while outcomes.len() < 3 {
        let event = soon("the ends", stream.next()).await.expect("the engine runs").expect("nothing is missed");
        if let Happening::RunEnded { outcome, .. } = event.happening {
            outcomes.push(outcome);
        }
    }
    assert_eq!(outcomes, [RunOutcome::Killed, RunOutcome::PassedOn, RunOutcome::PassedOn]);
    bot.stop().await;
}

#[tokio::test]
async fn a_run_that_is_killed_before_its_answer_comes_frees_its_chat_and_the_late_answer_is_nobodys() {
    for way in WAYS {
        killed_while_it_waits(&replying(way, "msg.reply(`${msg.text}!`)").0).await;
    }
}

#[tokio::test]
async fn a_process_that_stops_before_an_answer_comes_leaves_the_run_to_the_next() {
    for way in WAYS {
        let (script, _) = replying(way, "msg.reply(\"first\")");
        let bot = Bot::start(script + "fn on_error(e) { send_text(\"errors\", e.name); }").await;
        bot.answers(|request| if request["content"] == "first" { Answer::Hold } else { Answer::Content(json!({})) });
        bot.says("u1", "go");
        bot.holds(1).await;
        let bot = bot.restart().await;
        assert_eq!(bot.text_to("errors").await, "IN_DOUBT", "{way}: it was sent, and nobody knows what came of it");
        bot.stop().await;
    }
}
