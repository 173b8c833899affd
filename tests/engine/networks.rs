//! What is another network's: a network's own operations are there by their names, and a session of another one refuses them.

use crate::support::{Answer, Bot};
use serde_json::{Value, json};

/// What each of these calls throws on a session of the gateway, as JSON; nothing of them may be sent.
async fn thrown(calls: &[&str]) -> Vec<Value> {
    let caught = |call: &&str| format!("    try {{ {call}; }} catch (e) {{ msg.reply(to_json(e)); }}\n");
    let body: String = calls.iter().map(caught).collect();
    let bot = Bot::start(format!("fn on_message(msg) {{\n{body}}}\n")).await;
    bot.answers(|request| match request["command"].as_str() {
        Some("SendText") => Answer::Content(json!({})),
        _ => panic!("it was sent: {request}"),
    });
    bot.says("u1", "go");
    let mut found = Vec::new();
    for _ in calls {
        found.push(serde_json::from_str(&bot.text_to("u1").await).expect("JSON"));
    }
    bot.stop().await;
    found
}

#[tokio::test]
async fn an_operation_of_another_network_is_refused_with_the_networks_of_both() {
    let calls = [
        r#"line::push_message("u1", [#{ type: "text", text: "hi" }])"#,
        r#"line::push_message(#{ to: "u1", messages: [] })"#,
        r#"command("pushMessage", #{ to: "u1" })"#,
        r#"session("main").command("pushMessage", #{})"#,
    ];
    let message = r#"line::push_message is LINE's Messaging API's; session "main" is on the gateway"#;
    let expected = json!({ "code": -1, "name": "UNSUPPORTED", "message": message, "command": "pushMessage" });
    assert_eq!(thrown(&calls).await, vec![expected; calls.len()]);
}

#[tokio::test]
async fn the_arguments_of_an_operation_are_checked_as_those_of_commands() {
    let (calls, expected): (Vec<_>, Vec<_>) = [
        (r#"line::push_message("u1")"#, "line::push_message(to, messages) takes 2 arguments, found 1"),
        ("line::get_bot_info(1)", "line::get_bot_info() takes no argument, found 1"),
        (r#"line::push_message("u1", "hi")"#, "line::push_message needs messages, an array of maps; found a string"),
        (
            r#"line::push_message("u1", [#{}, "hi"])"#,
            "line::push_message needs messages, an array of maps; found an array with a string in it",
        ),
        (r#"line::mark_messages_as_read("u1")"#, "line::mark_messages_as_read needs chat, a map; found a string"),
        (r#"line::multicast(["u1", 2], [])"#, "an array with the integer 2 in it"),
        (r#"line::leave_group(#{ group: "c1" })"#, "line::leave_group has no field group; did you mean groupId?"),
        (r#"line::push_message(#{ to: "u1" })"#, "line::push_message needs messages, an array of maps; found nothing"),
    ]
    .into_iter()
    .unzip();
    for (thrown, expected) in thrown(&calls).await.into_iter().zip(expected) {
        let message = thrown["message"].as_str().expect("a message");
        assert!(message.contains(expected) && thrown["name"] == "BAD_ARGUMENT", "{expected}: {thrown}");
    }
}

#[tokio::test]
async fn an_operation_that_fails_tells_where_it_stands() {
    let bot = Bot::start(
        r#"
        fn on_message(msg) {
            const GROUP = "c1";
            line::leave_group(GROUP);
        }

        fn on_error(error) {
            send_text("u1", `${error.line} ${error.message}`);
        }"#,
    )
    .await;
    bot.says("u1", "go");
    assert_eq!(
        bot.text_to("u1").await,
        r#"4 leaveGroup: line::leave_group is LINE's Messaging API's; session "main" is on the gateway"#
    );
    bot.stop().await;
}
