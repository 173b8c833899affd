//! The life of scripts and sessions: start, login, PIN, loss, stop; errors; dry runs; noise on the wire.

use hotline::protocol::{Hook, Proof};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use super::support::{Answer, Bot, Setup, logged};

const LIFE: &str = r#"
fn on_start() { send_text("life", "start"); }
fn on_login() { send_text("life", "login"); }
fn on_disconnect(reason) { state.reason = reason; }
fn on_stop() { send_text("life", `stop ${state.reason != ()}`); }
fn on_message(msg) { msg.reply(`${state.reason}`); }
"#;

#[tokio::test]
async fn a_script_starts_with_the_first_login_and_stops_with_the_engine() {
    let bot = Bot::start(LIFE).await;
    for expected in ["start", "login"] {
        assert_eq!(bot.text_to("life").await, expected);
    }
    bot.cut();
    bot.logged_in_times(2).await;
    assert_eq!(bot.text_to("life").await, "login");
    bot.says("u1", "hi");
    assert_ne!(bot.text_to("u1").await, "");
    let frames = bot.stop_and_see().await;
    let life: Vec<_> = frames.iter().filter(|frame| frame["to"] == "life").map(|frame| &frame["content"]).collect();
    assert_eq!(life, ["start", "login", "login", "stop true"]);
}

#[tokio::test]
async fn a_pin_reaches_the_scripts() {
    let setup = Setup::new().with_pin("4711");
    let bot = setup
        .script("bot", "fn on_pin(pin) { state.pin = pin; }\nfn on_message(msg) { msg.reply(state.pin); }")
        .start()
        .await;
    bot.says("u1", "hi");
    assert_eq!(bot.text_to("u1").await, "4711");
    bot.stop().await;
}

#[tokio::test]
async fn the_example_of_on_pin_is_called_at_a_login_with_a_pin() {
    let example = &Hook::Pin.spec().example;
    let Proof::Pin(said) = example.proof else { panic!("its row states what a login brings about") };
    let bot = Setup::new().with_pin("4711").script("example", example.code()).start().await;
    logged(&["script=\"example\"", said]).await;
    bot.stop().await;
}

#[tokio::test]
async fn events_that_arrive_before_the_scripts_have_started_are_kept() {
    let bot = Setup::new()
        .script("bot", "fn on_start() { get_settings(); state.ready = true; }\nfn on_message(msg) { msg.reply(`${state.ready} ${msg.text}`); }")
        .answers(|request| if request["command"] == "GetSettings" { Answer::Hold } else { Answer::Content(json!({})) })
        .start()
        .await;
    bot.holds(1).await;
    for n in 0..10 {
        bot.says("u1", &n.to_string());
    }
    bot.release();
    for n in 0..10 {
        assert_eq!(bot.text_to("u1").await, format!("true {n}"));
    }
    bot.stop().await;
}

#[tokio::test]
async fn a_failing_hook_is_told_to_on_error_and_a_failing_on_error_ends_there() {
    let bot = Bot::start(
        "fn on_message(msg) {\n    if msg.text == \"fail\" { msg.nothing(); }\n    msg.reply(\"well\");\n}\n\
         fn on_error(error) { send_text(\"e\", `${error.hook} ${error.line}`); error.nothing(); }",
    )
    .await;
    bot.says("u1", "fail");
    assert_eq!(bot.text_to("e").await, "on_message 2");
    bot.logged(&["bot.rhai:5:", "function=\"on_error\""]).await;
    bot.says("u1", "hi");
    assert_eq!(bot.text_to("u1").await, "well");
    assert_eq!(bot.texts_to("e").len(), 1);
    bot.stop().await;
}

#[tokio::test]
async fn a_refused_command_that_nobody_catches_is_told_with_its_code_and_name() {
    let bot = Bot::start(
        "fn on_message(msg) {\n    leave_group(\"c1\");\n}\n\
         fn on_error(error) { send_text(\"e\", `${error.code} ${error.name} ${error.command} ${error.line} ${error.message}`); }",
    )
    .await;
    bot.answers(|request| match request["command"].as_str() {
        Some("LeaveGroup") => Answer::Refuse(10, "NOT_A_MEMBER: not in it"),
        _ => Answer::Content(json!({})),
    });
    bot.says("u1", "go");
    assert!(bot.text_to("e").await.starts_with("10 NOT_A_MEMBER LeaveGroup 2 "));
    bot.stop().await;
}

#[tokio::test]
async fn a_dry_run_sends_nothing_that_has_an_effect() {
    let bot = Setup::new()
        .dry_run()
        .script(
            "bot",
            "fn on_message(msg) { msg.reply(\"no\"); leave_group(\"c1\"); set_nick_name(\"x\"); command(\"New\"); get_contacts([msg.text]); }",
        )
        .start()
        .await;
    for n in ["1", "2"] {
        bot.says("u1", n);
        bot.next("the read", |frame| frame["mids"] == json!([n])).await;
    }
    assert!(bot.frames().iter().all(|frame| frame["command"] == "GetContacts"), "{:?}", bot.frames());
    bot.stop().await;
}

#[tokio::test]
async fn a_session_runs_only_the_scripts_that_it_names() {
    let script = |name: &str| {
        format!(
            "fn on_message(msg) {{ msg.reply(\"{name}\"); }}\nfn on_start() {{ send_text(\"started\", \"{name}\"); }}"
        )
    };
    let bot = Setup::new()
        .session_with("one", &["a"])
        .session("two")
        .script("a", script("a"))
        .script("b", script("b"))
        .start()
        .await;
    for (session, scripts) in [(0, vec!["a"]), (1, vec!["a", "b"])] {
        let gateway = bot.gateway(session);
        for _ in 0..2 {
            gateway.says("u1", "hi");
            for script in &scripts {
                assert_eq!(gateway.text_to("u1").await, *script);
            }
        }
        assert_eq!(gateway.texts_to("started"), scripts);
    }
    bot.stop().await;
}

#[tokio::test]
async fn noise_on_the_wire_disturbs_no_handler() {
    let bot = Bot::start("fn on_message(msg) { let answer = msg.ask(msg.text); msg.reply(answer.text); }").await;
    bot.says("u1", "waiting");
    assert_eq!(bot.text_to("u1").await, "waiting");
    let deep = format!(
        r#"{{"command":"OnNotify","subcommand":"RECEIVE_MESSAGE","content":{}1{}}}"#,
        "[".repeat(50_000),
        "]".repeat(50_000)
    );
    let deep_text =
        json!({"command": "OnNotify", "subcommand": "RECEIVE_MESSAGE", "content": "[".repeat(50_000)}).to_string();
    let noise = [
        "",
        " ",
        "null",
        "1",
        "\"x\"",
        "[]",
        "[{}]",
        "{",
        "{}",
        r#"{"command":null}"#,
        r#"{"command":1}"#,
        r#"{"command":"OnNotify"}"#,
        r#"{"command":"OnNotify","subcommand":7,"content":"{}"}"#,
        r#"{"command":"SendText","task_id":999999,"code":0,"content":"{}"}"#,
        r#"{"command":"SendText","task_id":{},"code":[],"content":0}"#,
        r#"{"command":"SendText","code":0}"#,
        r#"{"command":"OnLogin","code":1,"content":"no"}"#,
        r#"{"command":"OnNotify","subcommand":"RECEIVE_MESSAGE","content":"{\"id\":{},\"from\":[],\"to\":null,\"text\":{},\"timestamp\":{},\"contentMetadata\":7}"}"#,
        r#"{"command":"OnNotify","subcommand":"RECEIVE_MESSAGE","content":null}"#,
        r#"{"command":"OnNotify","subcommand":"NOTIFIED_JOIN_CHAT","content":"{\"group_id\":[1],\"mid\":{}}"}"#,
        r#"{"command":"OnNotify","subcommand":"","content":"\u0000"}"#,
        &deep,
        &deep_text,
        &"x".repeat(200_000),
        &format!("[{}", "\u{feff}".repeat(70_000)),
    ];
    for text in noise {
        bot.push_text(text);
    }
    bot.push_frame(Message::binary(vec![0xff; 200_000]));
    bot.push_frame(Message::Ping(vec![1, 2, 3].into()));
    bot.push_frame(Message::Pong(Vec::new().into()));
    bot.says("u1", "still here");
    assert_eq!(bot.text_to("u1").await, "still here");
    bot.says("u2", "new");
    assert_eq!(bot.text_to("u2").await, "new");
    assert_eq!(bot.logins(), 1, "the connection lives on");
    bot.stop().await;
}

#[tokio::test]
async fn a_stop_lets_the_runs_in_flight_finish() {
    let bot = Setup::new()
        .script("bot", "fn on_message(msg) { get_settings(); msg.reply(\"finished\"); }\nfn on_stop() { send_text(\"u9\", \"stopped\"); }")
        .answers(|request| if request["command"] == "GetSettings" { Answer::Hold } else { Answer::Content(json!({})) })
        .start()
        .await;
    bot.says("u1", "go");
    bot.holds(1).await;
    let frames = bot.stop_while(|gateway| gateway.release()).await;
    let texts: Vec<_> =
        frames.iter().filter(|frame| frame["command"] == "SendText").map(|frame| &frame["content"]).collect();
    assert_eq!(texts, ["finished", "stopped"]);
}

#[tokio::test]
async fn what_is_saved_before_the_first_login_starts_with_it_and_nothing_else_is_called() {
    let life = |version: &str| {
        format!(
            "fn on_start() {{ send_text(\"life\", \"start {version}\"); }}\n\
             fn on_reload(previous) {{ send_text(\"life\", \"reload {version}\"); }}\n\
             fn on_stop() {{ send_text(\"life\", \"stop {version}\"); }}"
        )
    };
    let bot = Setup::new()
        .script("a", "fn on_start() { get_settings(); }")
        .script("b", life("old"))
        .script("leaves_early", life("leaves"))
        .answers(|request| if request["command"] == "GetSettings" { Answer::Hold } else { Answer::Content(json!({})) })
        .start()
        .await;
    // While the first one starts, the second is saved anew and the third goes.
    bot.holds(1).await;
    bot.save("b", life("new"));
    bot.logged(&["b.rhai is live"]).await;
    bot.delete("leaves_early").await;
    bot.release();
    assert_eq!(bot.text_to("life").await, "start new");
    let frames = bot.stop_and_see().await;
    let life: Vec<_> = frames.iter().filter(|frame| frame["to"] == "life").map(|frame| &frame["content"]).collect();
    assert_eq!(life, ["start new", "stop new"]);
}
