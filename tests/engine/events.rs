//! Events and the hooks that they reach. The contents are written by hand from the protocol's description.

use std::collections::BTreeSet;
use std::time::Duration;

use hotline::clock::Clock;
use hotline::protocol::EVENTS;
use hotline::session::Phase;
use hotline::store::{Batch, Durability, MessageId, MessageRow, Store};
use serde_json::{Value, json};

use super::support::{Bot, Setup};

/// An event with its content, the hook that it reaches, what is read from the hook's argument, and what that gives.
const EVENTS_AND_HOOKS: &[(&str, &str, &str, &str, &str)] = &[
    (
        "RECEIVE_MESSAGE",
        r#"{"id":"m1","from":"u1","to":"ume","text":"hi","timestamp":1700000000000,"contentType":"NONE","contentMetadata":{"A":"b"}}"#,
        "on_message",
        "[x.id, x.chat, x.text, x.to, x.timestamp, x.content_type, x.metadata, x.sender.mid, x.is_group, x.raw.id]",
        r#"["m1","u1","hi","ume",1700000000000,"NONE",{"A":"b"},"u1",false,"m1"]"#,
    ),
    (
        "RECEIVE_MESSAGE",
        r#"{"id":"m2","from":"u1","to":"c1","text":null,"timestamp":"1700000000001","contentType":"STICKER","contentMetadata":{"STKID":"5"}}"#,
        "on_message",
        "[x.id, x.chat, x.text, x.timestamp, x.content_type, x.metadata.STKID, x.sender.mid, x.is_group]",
        r#"["m2","c1",null,1700000000001,"STICKER","5","u1",true]"#,
    ),
    (
        "RECEIVE_MESSAGE",
        r#"{"id":"m3","from":"ume","to":"u1","text":"mine","timestamp":1,"contentType":"NONE","contentMetadata":{}}"#,
        "on_own_message",
        "[x.id, x.chat, x.sender.mid]",
        r#"["m3","u1","ume"]"#,
    ),
    (
        "SEND_MESSAGE",
        r#"{"id":"m4","from":"ume","to":"u1","text":"mine","timestamp":1,"contentType":"NONE","contentMetadata":{}}"#,
        "on_own_message",
        "[x.id, x.chat, x.text]",
        r#"["m4","u1","mine"]"#,
    ),
    (
        "NOTIFIED_INVITE_INTO_CHAT",
        r#"{"group_id":"c1","mid":"u1","created_time":1700000000}"#,
        "on_invite",
        "[x.group_id, x.mid, x.created_time, x.inviter.mid, x.inviter.name, x.raw.mid, x.subcommand, x.me, x.person?.mid, x.by?.mid]",
        r#"["c1","u1",1700000000,"u1","Name of u1","u1","NOTIFIED_INVITE_INTO_CHAT",false,"u1","u1"]"#,
    ),
    (
        "NOTIFIED_CANCEL_CHAT_INVITATION",
        r#"{"group_id":"c1","mid":"u1"}"#,
        "on_invite_cancelled",
        "[x.group_id, x.mid, x.me, x.person?.mid, x.by?.mid]",
        r#"["c1","u1",false,"u1","u1"]"#,
    ),
    (
        "NOTIFIED_CANCEL_CHAT_INVITATION",
        r#"{"group_id":"c1","mid":"ume"}"#,
        "on_invite_cancelled",
        "[x.group_id, x.mid, x.me, x.person?.mid, x.by?.mid]",
        r#"["c1","ume",true,"ume","ume"]"#,
    ),
    (
        "NOTIFIED_CANCEL_CHAT_INVITATION",
        r#"{"group_id":"c1"}"#,
        "on_invite_cancelled",
        "[x.group_id, x.mid, x.me, x.person?.mid, x.by?.mid]",
        r#"["c1",null,false,null,null]"#,
    ),
    (
        "ACCEPT_CHAT_INVITATION",
        r#"{"group_id":"c1"}"#,
        "on_join",
        "[x.group_id, x.mid, x.me, x.person?.mid, x.by?.mid]",
        r#"["c1",null,true,"ume","ume"]"#,
    ),
    (
        "ACCEPT_CHAT_INVITATION",
        r#"{"group_id":"c1","mid":"ume"}"#,
        "on_join",
        "[x.group_id, x.mid, x.me, x.person?.mid, x.by?.mid]",
        r#"["c1","ume",true,"ume","ume"]"#,
    ),
    (
        "NOTIFIED_ACCEPT_CHAT_INVITATION",
        r#"{"group_id":"c1","mid":"u1"}"#,
        "on_join",
        "[x.group_id, x.mid, x.me, x.person?.mid, x.by?.mid]",
        r#"["c1","u1",false,"u1","u1"]"#,
    ),
    (
        "NOTIFIED_JOIN_CHAT",
        r#"{"group_id":"c1","mid":"u1"}"#,
        "on_join",
        "[x.group_id, x.mid, x.me, x.person?.mid, x.by?.mid]",
        r#"["c1","u1",false,"u1","u1"]"#,
    ),
    (
        "NOTIFIED_JOIN_CHAT",
        r#"{"group_id":"c1","mid":"ume"}"#,
        "on_join",
        "[x.group_id, x.mid, x.me, x.person?.mid, x.by?.mid]",
        r#"["c1","ume",true,"ume","ume"]"#,
    ),
    (
        "NOTIFIED_LEAVE_CHAT",
        r#"{"group_id":"c1"}"#,
        "on_leave",
        "[x.group_id, x.mid, x.me, x.person?.mid, x.by?.mid]",
        r#"["c1",null,true,"ume","ume"]"#,
    ),
    (
        "NOTIFIED_LEAVE_CHAT",
        r#"{"group_id":"c1","mid":"ume"}"#,
        "on_leave",
        "[x.group_id, x.mid, x.me, x.person?.mid, x.by?.mid]",
        r#"["c1","ume",true,"ume","ume"]"#,
    ),
    (
        "NOTIFIED_LEAVE_CHAT",
        r#"{"group_id":"c1","mid":"u1"}"#,
        "on_leave",
        "[x.group_id, x.mid, x.me, x.person?.mid, x.by?.mid]",
        r#"["c1","u1",false,"u1","u1"]"#,
    ),
    (
        "DELETE_SELF_FROM_CHAT",
        r#"{"group_id":"c1"}"#,
        "on_leave",
        "[x.group_id, x.mid, x.me, x.person?.mid, x.by?.mid]",
        r#"["c1",null,true,"ume","ume"]"#,
    ),
    (
        "DELETE_SELF_FROM_CHAT",
        r#"{"group_id":"c1","mid":"ume"}"#,
        "on_leave",
        "[x.group_id, x.mid, x.me, x.person?.mid, x.by?.mid]",
        r#"["c1","ume",true,"ume","ume"]"#,
    ),
    (
        "NOTIFIED_DELETE_SELF_FROM_CHAT",
        r#"{"group_id":"c1","mid":"u1"}"#,
        "on_leave",
        "[x.group_id, x.mid, x.me, x.person?.mid, x.by?.mid]",
        r#"["c1","u1",false,"u1","u1"]"#,
    ),
    (
        "NOTIFIED_DELETE_SELF_FROM_CHAT",
        r#"{"group_id":"c1","mid":"ume"}"#,
        "on_leave",
        "[x.group_id, x.mid, x.me, x.person?.mid, x.by?.mid]",
        r#"["c1","ume",true,"ume","ume"]"#,
    ),
    (
        "NOTIFIED_DELETE_OTHER_FROM_CHAT",
        r#"{"group_id":"c1","mid":"u1","target":"ume"}"#,
        "on_kick",
        "[x.group_id, x.mid, x.target, x.me, x.person?.mid, x.by?.mid, x.person.name, x.by.name]",
        r#"["c1","u1","ume",true,"ume","u1","Name of ume","Name of u1"]"#,
    ),
    (
        "NOTIFIED_DELETE_OTHER_FROM_CHAT",
        r#"{"group_id":"c1","mid":"ume","target":"u2"}"#,
        "on_kick",
        "[x.group_id, x.mid, x.target, x.me, x.person?.mid, x.by?.mid, x.person.name, x.by.name]",
        r#"["c1","ume","u2",false,"u2","ume","Name of u2","Name of ume"]"#,
    ),
    (
        "NOTIFIED_DELETE_OTHER_FROM_CHAT",
        r#"{"group_id":"c1","mid":"u1","target":"u2"}"#,
        "on_kick",
        "[x.group_id, x.mid, x.target, x.me, x.person?.mid, x.by?.mid, x.person.name, x.by.name]",
        r#"["c1","u1","u2",false,"u2","u1","Name of u2","Name of u1"]"#,
    ),
    (
        "NOTIFIED_DELETE_OTHER_FROM_CHAT",
        r#"{"group_id":"c1","mid":{},"target":"ume"}"#,
        "on_kick",
        "[x.group_id, x.mid, x.target, x.me, x.person?.mid, x.by?.mid]",
        r#"["c1",null,"ume",true,"ume",null]"#,
    ),
    (
        "NOTIFIED_LEAVE_CHAT",
        r#"{"group_id":"c1","mid":["u1"]}"#,
        "on_leave",
        "[x.group_id, x.mid, x.me, x.person?.mid, x.by?.mid]",
        r#"["c1",null,false,null,null]"#,
    ),
    (
        "NOTIFIED_UPDATE_CHAT",
        r#"{"group_id":"c1","mid":"u1","type":"4"}"#,
        "on_group_update",
        "[x.group_id, x.mid, x[\"type\"], x.me, x.person?.mid, x.by?.mid]",
        r#"["c1","u1","4",false,"u1","u1"]"#,
    ),
    (
        "NOTIFIED_UPDATE_CHAT",
        r#"{"group_id":"c1","mid":"ume","type":1}"#,
        "on_group_update",
        "[x.group_id, x.mid, x[\"type\"], x.me, x.person?.mid, x.by?.mid]",
        r#"["c1","ume","1",true,"ume","ume"]"#,
    ),
    (
        "NOTIFIED_UPDATE_PROFILE",
        r#"{"mid":"u1","type":"2","params":"{\"DISPLAY_NAME\":\"Ann\"}"}"#,
        "on_profile_update",
        "[x.mid, x[\"type\"], parse_json(x.params).DISPLAY_NAME, x.me, x.person?.mid, x.by?.mid]",
        r#"["u1","2","Ann",false,"u1","u1"]"#,
    ),
    (
        "NOTIFIED_UPDATE_PROFILE",
        r#"{"mid":"ume","type":"2","params":{"DISPLAY_NAME":"Ann"}}"#,
        "on_profile_update",
        "[x.mid, x[\"type\"], parse_json(x.params).DISPLAY_NAME, x.me, x.person?.mid, x.by?.mid]",
        r#"["ume","2","Ann",true,"ume","ume"]"#,
    ),
    (
        "NOTIFIED_ADD_CONTACT",
        r#"{"mid":"u1"}"#,
        "on_contact_added",
        "[x.mid, x.subcommand, x.me, x.person?.mid, x.by?.mid]",
        r#"["u1","NOTIFIED_ADD_CONTACT",false,"u1","u1"]"#,
    ),
    (
        "NOTIFIED_READ_MESSAGE",
        r#"{"chat":"c1","mid":"u1","msg_id":"m9"}"#,
        "on_read",
        "[x.chat, x.mid, x.msg_id, x.me, x.person?.mid, x.by?.mid]",
        r#"["c1","u1","m9",false,"u1","u1"]"#,
    ),
    (
        "NOTIFIED_READ_MESSAGE",
        r#"{"chat":"c1","mid":"ume","msg_id":9}"#,
        "on_read",
        "[x.chat, x.mid, x.msg_id, x.me, x.person?.mid, x.by?.mid]",
        r#"["c1","ume","9",true,"ume","ume"]"#,
    ),
    (
        "NOTIFIED_DESTROY_MESSAGE",
        r#"{"chat":"c1","msg_id":"m9"}"#,
        "on_unsend",
        "[x.chat, x.mid, x.msg_id, x.me, x.person?.mid, x.by?.mid]",
        r#"["c1",null,"m9",false,null,null]"#,
    ),
    (
        "NOTIFIED_SEND_REACTION",
        r#"{"chat":"c1","mid":"u1","msg_id":"m9","reaction":{"x":1}}"#,
        "on_reaction",
        "[x.chat, x.mid, x.msg_id, x.me, x.person?.mid, x.by?.mid, x.reaction.x]",
        r#"["c1","u1","m9",false,"u1","u1",1]"#,
    ),
    (
        "NOTIFIED_SEND_REACTION",
        r#"{"chat":"c1","mid":"ume","msg_id":"m9"}"#,
        "on_reaction",
        "[x.chat, x.mid, x.msg_id, x.me, x.person?.mid, x.by?.mid]",
        r#"["c1","ume","m9",true,"ume","ume"]"#,
    ),
    ("ADD_CONTACT", r#"{"mid":"u1"}"#, "", "", ""),
    ("BLOCK_CONTACT", r#"{"mid":"u1"}"#, "", "", ""),
    ("UNBLOCK_CONTACT", r#"{"mid":"u1"}"#, "", "", ""),
    ("NOTIFIED_UNREGISTER_USER", r#"{"mid":"u1"}"#, "", "", ""),
    ("UPDATE_PROFILE", r#"{"mid":"ume"}"#, "", "", ""),
    ("UPDATE_SETTINGS", r#"{}"#, "", "", ""),
];

const HOOKS: &[&str] = &[
    "on_message",
    "on_own_message",
    "on_invite",
    "on_invite_cancelled",
    "on_join",
    "on_leave",
    "on_kick",
    "on_group_update",
    "on_profile_update",
    "on_contact_added",
    "on_read",
    "on_unsend",
    "on_reaction",
];

#[test]
fn every_event_of_the_table_has_a_literal_content() {
    let literal: BTreeSet<_> = EVENTS_AND_HOOKS.iter().map(|(subcommand, ..)| *subcommand).collect();
    let table: BTreeSet<_> = EVENTS.iter().map(|row| row.subcommand).collect();
    assert_eq!(literal, table);
}

#[tokio::test]
async fn every_event_reaches_its_hook_with_its_fields() {
    for (subcommand, content, hook, read, expected) in
        EVENTS_AND_HOOKS.iter().filter(|(_, _, hook, ..)| !hook.is_empty())
    {
        let others: String = HOOKS
            .iter()
            .filter(|other| *other != hook)
            .map(|other| format!("fn {other}(x) {{ send_text(\"seen\", \"{other}\"); }}\n"))
            .collect();
        let script = format!(
            "fn on_notify(subcommand, content) {{ send_text(\"notified\", subcommand + \" \" + to_json(content)); }}\n\
             fn {hook}(x) {{ send_text(\"seen\", to_json({read})); }}\n\
             fn on_error(error) {{ send_text(\"seen\", error.message); }}\n{others}"
        );
        let bot = Bot::start(script).await;
        let content: Value = serde_json::from_str(content).expect("the literal is JSON");
        bot.push(subcommand, &content);
        let notified = bot.text_to("notified").await;
        let (name, notified) = notified.split_once(' ').expect("a name and a content");
        assert_eq!((name, serde_json::from_str::<Value>(notified).expect("JSON")), (*subcommand, content));
        assert_eq!(bot.text_to("seen").await, *expected, "{subcommand}");
        bot.stop().await;
    }
}

#[tokio::test]
async fn an_event_without_a_hook_of_its_own_reaches_on_notify_alone() {
    let hooks: String =
        HOOKS.iter().map(|hook| format!("fn {hook}(x) {{ send_text(\"seen\", \"{hook}\"); }}\n")).collect();
    let bot =
        Bot::start(format!("fn on_notify(subcommand, content) {{ send_text(\"notified\", subcommand); }}\n{hooks}"))
            .await;
    for (subcommand, content, ..) in EVENTS_AND_HOOKS.iter().filter(|(_, _, hook, ..)| hook.is_empty()) {
        bot.push(subcommand, &serde_json::from_str(content).expect("the literal is JSON"));
        assert_eq!(bot.text_to("notified").await, *subcommand);
    }
    // The lanes of two scripts are not ordered, but one script's are: had a hook run, its text would be here by now.
    bot.says("u1", "the last");
    assert_eq!(bot.text_to("notified").await, "RECEIVE_MESSAGE");
    assert_eq!(bot.text_to("seen").await, "on_message");
    assert_eq!(bot.texts_to("seen").len(), 1);
    bot.stop().await;
}

#[tokio::test]
async fn unknown_events_and_contents_that_are_no_json_reach_on_notify() {
    let bot = Bot::start(
        r#"
        fn on_notify(subcommand, content) { send_text("notified", `${subcommand} ${type_of(content)} ${to_json(content)}`); }
        fn on_message(msg) { send_text("notified", "on_message"); }
        fn on_join(event) { send_text("joined", `${event.group_id} ${event.raw}`); }
        "#,
    )
    .await;
    for (frame, expected) in [
        (
            json!({"command": "OnNotify", "subcommand": "NEW_THING", "content": "{\"a\":[1]}"}),
            r#"NEW_THING map {"a":[1]}"#,
        ),
        (json!({"command": "OnNotify", "subcommand": "NEW_THING", "content": {"a": 1}}), r#"NEW_THING map {"a":1}"#),
        (json!({"command": "OnNotify", "subcommand": "NEW_THING", "content": "what?"}), r#"NEW_THING string "what?""#),
        (json!({"command": "OnNotify", "subcommand": "NEW_THING"}), "NEW_THING () null"),
        (
            json!({"command": "OnNotify", "subcommand": "RECEIVE_MESSAGE", "content": "what?"}),
            r#"RECEIVE_MESSAGE string "what?""#,
        ),
        (
            json!({"command": "OnNotify", "subcommand": "RECEIVE_MESSAGE", "content": "[1]"}),
            "RECEIVE_MESSAGE array [1]",
        ),
        (
            json!({"command": "OnNotify", "subcommand": "NOTIFIED_JOIN_CHAT", "content": "{"}),
            r#"NOTIFIED_JOIN_CHAT string "{""#,
        ),
    ] {
        bot.push_text(frame.to_string());
        assert_eq!(bot.text_to("notified").await, expected);
    }
    // The last one has a hook, which sees what there is.
    assert_eq!(bot.text_to("joined").await, " {");
    bot.says("u1", "still there");
    assert!(bot.text_to("notified").await.starts_with("RECEIVE_MESSAGE map"));
    assert_eq!(bot.text_to("notified").await, "on_message");
    bot.stop().await;
}

#[tokio::test]
async fn true_from_on_notify_keeps_this_scripts_other_hooks() {
    let bot = Setup::new()
        .script("a", "fn on_notify(s, c) { send_text(\"seen\", \"a notified\"); true }\nfn on_message(m) { send_text(\"seen\", \"a message\"); }")
        .script("b", "fn on_notify(s, c) { send_text(\"seen\", \"b notified\"); 1 }\nfn on_message(m) { send_text(\"seen\", \"b message\"); }")
        .start()
        .await;
    bot.says("u1", "hi");
    for expected in ["a notified", "b notified", "b message"] {
        assert_eq!(bot.text_to("seen").await, expected);
    }
    bot.stop().await;
}

#[tokio::test]
async fn scripts_get_a_message_in_the_order_of_their_paths_until_one_returns_true() {
    let script = |name: &str, outcome: &str| {
        format!(
            "fn on_message(msg) {{ send_text(\"seen\", \"{name} \" + msg.text); if msg.text == \"stop {name}\" {{ {outcome} }} else {{ () }} }}"
        )
    };
    let bot = Setup::new()
        .script("b", script("b", "true"))
        .script("c", script("c", "\"true\""))
        .script("a", script("a", "throw \"fails\""))
        .script("d", script("d", "true"))
        .start()
        .await;
    for (text, scripts) in [("stop a", "abcd"), ("stop b", "ab"), ("stop c", "abcd"), ("go", "abcd")] {
        bot.says("u1", text);
        for script in scripts.chars() {
            assert_eq!(bot.text_to("seen").await, format!("{script} {text}"));
        }
    }
    bot.stop().await;
}

#[tokio::test]
async fn an_invitation_is_accepted_or_rejected_by_its_methods() {
    let bot =
        Bot::start("fn on_invite(invite) { if invite.mid == \"u1\" { invite.accept(); } else { invite.reject(); } }")
            .await;
    for (mid, command) in [("u1", "AcceptGroupInvitation"), ("u2", "RejectGroupInvitation")] {
        bot.push("NOTIFIED_INVITE_INTO_CHAT", &json!({"group_id": "c7", "mid": mid, "created_time": 1}));
        let frame = bot.next_frame().await;
        assert_eq!((&frame["command"], &frame["group_id"]), (&json!(command), &json!("c7")));
    }
    bot.stop().await;
}

#[tokio::test]
async fn a_name_is_looked_up_once_until_it_changes() {
    let bot = Bot::start("fn on_message(msg) { msg.reply(msg.sender.name + msg.sender.name); }").await;
    let lookups = |bot: &Bot| bot.frames().iter().filter(|frame| frame["command"] == "GetContacts").count();
    for _ in 0..2 {
        bot.says("u1", "hi");
        assert_eq!(bot.text_to("u1").await, "Name of u1Name of u1");
    }
    assert_eq!(lookups(&bot), 1);
    bot.push("NOTIFIED_UPDATE_PROFILE", &json!({"mid": "u1", "type": "2", "params": "{}"}));
    bot.says("u1", "hi");
    bot.text_to("u1").await;
    assert_eq!(lookups(&bot), 2);
    bot.stop().await;
}

async fn assert_load_fault(script: &str, expected: &str) {
    let bot =
        Setup::new().script("bot", script).script("other", "fn on_message(msg) { msg.reply(\"yes\"); }").start().await;
    let faults: Vec<_> = bot.host().faults().iter().map(ToString::to_string).collect();
    let expected = format!("{}{expected}", bot.file("bot").display());
    assert_eq!(faults, [expected]);
    // The other script runs all the same.
    bot.says("u1", "there?");
    assert_eq!(bot.text_to("u1").await, "yes");
    bot.stop().await;
}

#[tokio::test]
async fn a_misspelt_hook_is_refused_with_a_suggestion() {
    assert_load_fault("fn on_mesage(msg) { }", ":1:4: there is no hook `on_mesage`; did you mean `on_message(msg)`?")
        .await;
    assert_load_fault(
        "\nfn on_Message(msg) { }",
        ":2:4: there is no hook `on_Message`; did you mean `on_message(msg)`?",
    )
    .await;
    assert_load_fault("fn on_stat() { }", ":1:4: there is no hook `on_stat`; did you mean `on_start()`?").await;
}

#[tokio::test]
async fn a_hook_that_nobody_knows_is_refused_unless_the_script_uses_it() {
    let script = "fn on_weekdays() { }";
    let bot = Bot::start(script).await;
    let fault = bot.host().faults()[0].to_string();
    assert!(
        fault.contains(":1:4: there is no hook `on_weekdays`, and nothing calls it; the hooks are on_start,"),
        "{fault}"
    );
    bot.stop().await;
    for used in [
        "on_weekdays();",
        "after(\"1m\", \"on_weekdays\");",
        "let f = Fn(\"on_weekdays\"); f.call();",
        "[1].for_each(on_weekdays)",
    ] {
        let bot = Bot::start(format!("{script}\nfn on_message(msg) {{ {used} }}")).await;
        assert_eq!(bot.host().faults(), [], "{used}");
        bot.stop().await;
    }
}

#[tokio::test]
async fn a_hook_with_the_wrong_number_of_parameters_is_refused() {
    assert_load_fault("fn on_message() { }", ":1:4: `on_message` has no parameter, but the hook is `on_message(msg)`; what the parameters are called is free")
        .await;
    assert_load_fault(
        "fn on_start(x) { }",
        ":1:4: `on_start` has 1 parameter, but the hook is `on_start()`; what the parameters are called is free",
    )
    .await;
    assert_load_fault(
        "fn on_notify(a, b, c) { }",
        ":1:4: `on_notify` has 3 parameters, but the hook is `on_notify(subcommand, content)`; what the parameters are called is free",
    )
    .await;
}

#[tokio::test]
async fn an_event_has_every_events_fields_and_refuses_other_names() {
    let bot = Bot::start(
        r#"
        fn on_read(event) { send_text("seen", to_json([event.chat, event.target, event.person])); event.chatt }
        fn on_error(error) { send_text("seen", error.message); }
        "#,
    )
    .await;
    bot.push("NOTIFIED_READ_MESSAGE", &json!({"chat": "c1"}));
    assert_eq!(bot.text_to("seen").await, r#"["c1",null,null]"#);
    let error = bot.text_to("seen").await;
    assert_eq!(
        error,
        "an event NOTIFIED_READ_MESSAGE has no chatt; it has chat, mid, msg_id, me, person, by, subcommand, raw"
    );
    bot.stop().await;
}

#[tokio::test]
async fn a_message_is_handled_once_however_many_have_come_since() {
    let folder = tempfile::tempdir().expect("a folder");
    {
        let row = |number: i64| MessageRow { session: "main".into(), id: MessageId::Number(number), at: number };
        let store = Store::open(folder.path(), Durability::Relaxed).expect("it opens");
        store.record(Batch { messages: (1..=100_000).map(row).collect(), ..Batch::default() }, None);
    }
    let script = "fn on_message(msg) { msg.reply(msg.id); }";
    let bot = Setup::new().data(folder.path()).script("bot", script).start().await;
    for id in ["1", "100000", "0", "1", "100001", "99999", "100001", "end"] {
        bot.push("RECEIVE_MESSAGE", &json!({"id": id, "from": "u1", "to": "ume", "text": "hi"}));
    }
    while bot.text_to("u1").await != "end" {}
    assert_eq!(bot.texts_to("u1"), ["0", "100001", "end"]);
    bot.stop().await;
}

const TELLS: &str = r#"
    fn on_kick(event) { send_text("told", `kick ${event.target}`); }
    fn on_join(event) { send_text("told", `join ${event.mid}`); }
    fn on_group_update(event) { send_text("told", "update"); }
    fn on_message(msg) { send_text("told", msg.text); }
"#;

/// Has a kick and an update of a group come, before and after something; gives what the script told of them afterwards.
async fn told_after<F: Future<Output = Bot>>(bot: Bot, happens: impl FnOnce(Bot) -> F) -> Vec<String> {
    let kick = json!({"group_id": "c1", "mid": "u1", "target": "u2"});
    let update = json!({"group_id": "c1", "mid": "u1", "type": "1"});
    bot.push("NOTIFIED_DELETE_OTHER_FROM_CHAT", &kick);
    bot.push("NOTIFIED_UPDATE_CHAT", &update);
    for expected in ["kick u2", "update"] {
        assert_eq!(bot.text_to("told").await, expected);
    }
    let before = bot.texts_to("told").len();
    let bot = happens(bot).await;
    bot.push("NOTIFIED_DELETE_OTHER_FROM_CHAT", &kick);
    bot.push("NOTIFIED_UPDATE_CHAT", &update);
    bot.push("NOTIFIED_JOIN_CHAT", &json!({"group_id": "c1", "mid": "u2"}));
    bot.push("NOTIFIED_DELETE_OTHER_FROM_CHAT", &kick);
    bot.says_in("c1", "u1", "end");
    while bot.text_to("told").await != "end" {}
    let told = bot.texts_to("told").split_off(before);
    bot.stop().await;
    told
}

#[tokio::test]
async fn what_a_gateway_repeats_after_a_reconnect_or_a_restart_is_told_from_what_happens_again() {
    let clock = Clock::manual(1_704_069_000_000);
    let start = async || Setup::new().clock(&clock).script("bot", TELLS).start().await;
    let reconnect = async |bot: Bot| {
        let handle = bot.host().directory().get("main").expect("it is there").handle;
        bot.cut();
        while !matches!(handle.status().phase, Phase::Lost { .. }) {
            tokio::task::yield_now().await;
        }
        clock.advance(Duration::from_secs(2));
        bot.logged_in_times(2).await;
        bot
    };
    let restart = async |bot: Bot| bot.restart().await;
    for told in [told_after(start().await, reconnect).await, told_after(start().await, restart).await] {
        assert_eq!(told, ["update", "join u2", "kick u2", "end"]);
    }
}
