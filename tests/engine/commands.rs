//! Every command as a script sends it, compared with frames that were written by hand from the protocol's description.

use std::collections::BTreeSet;

use hotline::protocol::COMMANDS;
use serde_json::{Value, json};

use super::support::{Answer, Bot, Setup};

/// A call by position, the same by map, and the frame without its `task_id`.
const FRAMES: &[(&str, &str, &str)] = &[
    ("get_profile()", "#{}", r#"{"command":"GetProfile"}"#),
    ("get_joined_group_ids()", "#{}", r#"{"command":"GetJoinedGroupIds"}"#),
    ("get_all_contact_ids()", "#{}", r#"{"command":"GetAllContactIds"}"#),
    (r#"get_contacts(["u1", "u2"])"#, r#"#{mids: ["u1", "u2"]}"#, r#"{"command":"GetContacts","mids":["u1","u2"]}"#),
    (
        r#"enable_contact_notification("u1", false)"#,
        r#"#{mid: "u1", enable: false}"#,
        r#"{"command":"EnableContactNotification","mid":"u1","enable":false}"#,
    ),
    (
        r#"update_contact_name("u1", "Ann")"#,
        r#"#{mid: "u1", name: "Ann"}"#,
        r#"{"command":"UpdateContactName","mid":"u1","name":"Ann"}"#,
    ),
    (
        r#"mark_contact("u1", true)"#,
        r#"#{mid: "u1", mark: true}"#,
        r#"{"command":"MarkContact","mid":"u1","mark":true}"#,
    ),
    (
        r#"block_contact("u1", true)"#,
        r#"#{mid: "u1", block: true}"#,
        r#"{"command":"BlockContact","mid":"u1","block":true}"#,
    ),
    (r#"set_nick_name("Botty")"#, r#"#{nickname: "Botty"}"#, r#"{"command":"SetNickName","nickname":"Botty"}"#),
    (r#"set_signature("Hi")"#, r#"#{signature: "Hi"}"#, r#"{"command":"SetSignature","signature":"Hi"}"#),
    (
        r#"update_profile_picture("/a/me.png")"#,
        r#"#{path: "/a/me.png"}"#,
        r#"{"command":"UpdateProfilePicture","path":"/a/me.png"}"#,
    ),
    (r#"check_userid_valid("botty")"#, r#"#{user_id: "botty"}"#, r#"{"command":"CheckUseridValid","user_id":"botty"}"#),
    (r#"set_my_userid("botty")"#, r#"#{user_id: "botty"}"#, r#"{"command":"SetMyUserid","user_id":"botty"}"#),
    ("get_qr_code()", "#{}", r#"{"command":"GetQrCode"}"#),
    (
        r#"set_birthday("1980", "0811")"#,
        r#"#{year: "1980", day: "0811"}"#,
        r#"{"command":"SetBirthday","year":"1980","day":"0811"}"#,
    ),
    ("enable_search_by_user_id(true)", "#{enable: true}", r#"{"command":"EnableSearchByUserId","enable":true}"#),
    ("enable_secondary_login(false)", "#{enable: false}", r#"{"command":"EnableSecondaryLogin","enable":false}"#),
    ("get_settings()", "#{}", r#"{"command":"GetSettings"}"#),
    (
        r#"search_contact_by_userid("ann")"#,
        r#"#{user_id: "ann"}"#,
        r#"{"command":"SearchContactByUserid","user_id":"ann"}"#,
    ),
    (
        r#"search_contact_by_phones(["+819012345678"])"#,
        r#"#{phones: ["+819012345678"]}"#,
        r#"{"command":"SearchContactByPhones","phones":["+819012345678"]}"#,
    ),
    (
        r#"search_contact_by_url("https://x.test/a")"#,
        r#"#{url: "https://x.test/a"}"#,
        r#"{"command":"SearchContactByUrl","url":"https://x.test/a"}"#,
    ),
    (
        r#"search_and_add_contacts_by_mid("u1")"#,
        r#"#{mid: "u1"}"#,
        r#"{"command":"SearchAndAddContactsByMid","mid":"u1"}"#,
    ),
    (
        r#"search_group_by_url("https://x.test/g")"#,
        r#"#{url: "https://x.test/g"}"#,
        r#"{"command":"SearchGroupByUrl","url":"https://x.test/g"}"#,
    ),
    (r#"search_group_by_id("c1")"#, r#"#{id: "c1"}"#, r#"{"command":"SearchGroupById","id":"c1"}"#),
    (
        r#"search_group_by_id(["c1", "c2"])"#,
        r#"#{mids: ["c1", "c2"]}"#,
        r#"{"command":"SearchGroupById","mids":["c1","c2"]}"#,
    ),
    (
        r#"create_group("Tea", ["u1"])"#,
        r#"#{name: "Tea", mids: ["u1"]}"#,
        r#"{"command":"CreateGroup","name":"Tea","mids":["u1"]}"#,
    ),
    (
        r#"update_group_picture("c1", "/a/g.png")"#,
        r#"#{groupId: "c1", path: "/a/g.png"}"#,
        r#"{"command":"UpdateGroupPicture","groupId":"c1","path":"/a/g.png"}"#,
    ),
    (
        r#"invite_into_group("c1", ["u1", "u2"])"#,
        r#"#{group_id: "c1", mids: ["u1", "u2"]}"#,
        r#"{"command":"InviteIntoGroup","group_id":"c1","mids":["u1","u2"]}"#,
    ),
    (
        r#"accept_group_invitation("c1")"#,
        r#"#{group_id: "c1"}"#,
        r#"{"command":"AcceptGroupInvitation","group_id":"c1"}"#,
    ),
    (r#"get_group_qrcode("c1")"#, r#"#{group_id: "c1"}"#, r#"{"command":"GetGroupQrcode","group_id":"c1"}"#),
    (
        r#"reject_group_invitation("c1")"#,
        r#"#{group_id: "c1"}"#,
        r#"{"command":"RejectGroupInvitation","group_id":"c1"}"#,
    ),
    (r#"leave_group("c1")"#, r#"#{group_id: "c1"}"#, r#"{"command":"LeaveGroup","group_id":"c1"}"#),
    (
        r#"join_group_by_url("c1", "https://x.test/g")"#,
        r#"#{group_id: "c1", url: "https://x.test/g"}"#,
        r#"{"command":"JoinGroupByUrl","group_id":"c1","url":"https://x.test/g"}"#,
    ),
    (
        r#"update_group_name("c1", "Tea")"#,
        r#"#{group_id: "c1", name: "Tea"}"#,
        r#"{"command":"UpdateGroupName","group_id":"c1","name":"Tea"}"#,
    ),
    (
        r#"enable_join_by_url("c1", true)"#,
        r#"#{group_id: "c1", enable: true}"#,
        r#"{"command":"EnableJoinByUrl","group_id":"c1","enable":true}"#,
    ),
    (
        r#"enable_group_notification("c1", false)"#,
        r#"#{group_id: "c1", enable: false}"#,
        r#"{"command":"EnableGroupNotification","group_id":"c1","enable":false}"#,
    ),
    (
        r#"send_text("u1", "a \"quoted\" word\nand ü 漢")"#,
        r#"#{to: "u1", content: "a \"quoted\" word\nand ü 漢"}"#,
        r#"{"command":"SendText","to":"u1","content":"a \"quoted\" word\nand ü 漢"}"#,
    ),
    (
        r#"send_location("u1", "Home", "1 Main Street", 35.5, 139)"#,
        r#"#{to: "u1", title: "Home", address: "1 Main Street", latitude: 35.5, longitude: 139}"#,
        r#"{"command":"SendLocation","to":"u1","title":"Home","address":"1 Main Street","latitude":35.5,"longitude":139.0}"#,
    ),
    (
        r#"send_contact("u1", "Ann", "u2", true)"#,
        r#"#{to: "u1", displayName: "Ann", contactMidOrVcard: "u2", contactIsMid: true}"#,
        r#"{"command":"SendContact","to":"u1","displayName":"Ann","contactMidOrVcard":"u2","contactIsMid":true}"#,
    ),
    (
        r#"send_image("u1", "/a/i.png")"#,
        r#"#{to: "u1", path: "/a/i.png"}"#,
        r#"{"command":"SendImage","to":"u1","path":"/a/i.png"}"#,
    ),
    (
        r#"send_video("u1", "/a/v.mp4", 1500)"#,
        r#"#{to: "u1", path: "/a/v.mp4", duration: 1500}"#,
        r#"{"command":"SendVideo","to":"u1","path":"/a/v.mp4","duration":1500}"#,
    ),
    (
        r#"send_audio("u1", "/a/s.m4a", 900)"#,
        r#"#{to: "u1", path: "/a/s.m4a", duration: 900}"#,
        r#"{"command":"SendAudio","to":"u1","path":"/a/s.m4a","duration":900}"#,
    ),
    (
        r#"send_file("u1", "/a/f.pdf")"#,
        r#"#{to: "u1", path: "/a/f.pdf"}"#,
        r#"{"command":"SendFile","to":"u1","path":"/a/f.pdf"}"#,
    ),
    (
        r#"download_file("m1", "/a/f.pdf")"#,
        r#"#{msg_id: "m1", path: "/a/f.pdf"}"#,
        r#"{"command":"DownloadFile","msg_id":"m1","path":"/a/f.pdf"}"#,
    ),
    (
        r#"get_send_image_param("u1", "i.png", "x1")"#,
        r#"#{to: "u1", path: "i.png", msg_id: "x1"}"#,
        r#"{"command":"GetSendImageParam","to":"u1","path":"i.png","msg_id":"x1"}"#,
    ),
    (
        r#"get_send_file_param("u1", "f.pdf", "x1")"#,
        r#"#{to: "u1", path: "f.pdf", msg_id: "x1"}"#,
        r#"{"command":"GetSendFileParam","to":"u1","path":"f.pdf","msg_id":"x1"}"#,
    ),
    (
        r#"get_send_video_param("u1", "v.mp4", 1500, "x1")"#,
        r#"#{to: "u1", path: "v.mp4", duration: 1500, msg_id: "x1"}"#,
        r#"{"command":"GetSendVideoParam","to":"u1","path":"v.mp4","duration":1500,"msg_id":"x1"}"#,
    ),
    (
        r#"get_send_audio_param("u1", "s.m4a", 900, "x1")"#,
        r#"#{to: "u1", path: "s.m4a", duration: 900, msg_id: "x1"}"#,
        r#"{"command":"GetSendAudioParam","to":"u1","path":"s.m4a","duration":900,"msg_id":"x1"}"#,
    ),
    (
        r#"get_download_file_param("m1", "f.pdf")"#,
        r#"#{msg_id: "m1", path: "f.pdf"}"#,
        r#"{"command":"GetDownloadFileParam","msg_id":"m1","path":"f.pdf"}"#,
    ),
];

/// Runs each call in a script and gives the frames that came of them, each without its `task_id`.
async fn sent(calls: &[String]) -> Vec<Value> {
    let body: String = calls.iter().map(|call| format!("    {call};\n")).collect();
    let bot = Bot::start(format!("fn on_message(msg) {{\n{body}}}\n")).await;
    bot.says("u1", "go");
    let mut frames = Vec::new();
    let mut task_ids = BTreeSet::new();
    for _ in calls {
        let mut frame = bot.next_frame().await;
        let task_id = frame.as_object_mut().expect("an object").remove("task_id");
        assert!(task_ids.insert(task_id.and_then(|id| id.as_i64()).expect("an integer")), "{frame}");
        frames.push(frame);
    }
    let unknown = bot.unknown_frames();
    assert!(unknown.iter().all(|wrong| wrong.starts_with("no command is named NewThing")), "{unknown:?}");
    bot.stop().await;
    frames
}

async fn assert_sent(form: impl Fn(&str, &str, &str) -> String) {
    let calls: Vec<_> = FRAMES
        .iter()
        .map(|(position, map, frame)| {
            let frame: Value = serde_json::from_str(frame).expect("the literal is JSON");
            form(position, map, frame["command"].as_str().expect("a command"))
        })
        .collect();
    let frames = sent(&calls).await;
    for ((call, frame), (_, _, expected)) in calls.iter().zip(frames).zip(FRAMES) {
        let expected: Value = serde_json::from_str(expected).expect("the literal is JSON");
        assert_eq!(frame, expected, "{call}");
    }
}

fn function(call: &str) -> &str {
    call.split('(').next().expect("a call has a name")
}

#[test]
fn every_command_but_the_logins_has_a_literal_frame() {
    let literal: BTreeSet<_> = FRAMES.iter().map(|(call, _, _)| function(call)).collect();
    let table: BTreeSet<_> = COMMANDS.iter().filter(|row| !row.is_login()).map(|row| row.function).collect();
    assert_eq!(literal, table);
}

#[tokio::test]
async fn a_call_by_position_sends_the_documented_frame() {
    assert_sent(|position, _, _| position.to_owned()).await;
}

#[tokio::test]
async fn a_call_by_map_sends_the_documented_frame() {
    assert_sent(|position, map, _| format!("{}({map})", function(position))).await;
}

#[tokio::test]
async fn a_method_of_a_session_sends_the_documented_frame() {
    assert_sent(|position, _, _| format!("session(\"main\").{position}")).await;
}

#[tokio::test]
async fn a_method_of_a_session_with_a_map_sends_the_documented_frame() {
    assert_sent(|position, map, _| format!("session(\"main\").{}({map})", function(position))).await;
}

#[tokio::test]
async fn a_command_by_its_wire_name_sends_its_map_as_it_is() {
    // No table stands between the map and the wire here, so an integer stays one.
    assert_sent(|_, map, name| format!("command(\"{name}\", {})", map.replace("139}", "139.0}"))).await;
}

#[tokio::test]
async fn an_optional_field_is_sent_when_it_is_given() {
    let frames = sent(&[r#"send_text(#{to: "u1", content: "x", msg_id: "own1"})"#.to_owned()]).await;
    assert_eq!(frames, [json!({"command": "SendText", "to": "u1", "content": "x", "msg_id": "own1"})]);
}

#[tokio::test]
async fn an_unknown_command_is_sent_as_the_script_wrote_it() {
    let calls = [
        r#"command("NewThing", #{a: [1, 2.5, ()], b: #{c: true}})"#.to_owned(),
        r#"command("NewThing")"#.to_owned(),
        r#"session("main").command("NewThing", #{a: 1})"#.to_owned(),
        r#"session().command("NewThing")"#.to_owned(),
    ];
    let expected = [
        json!({"command": "NewThing", "a": [1, 2.5, null], "b": {"c": true}}),
        json!({"command": "NewThing"}),
        json!({"command": "NewThing", "a": 1}),
        json!({"command": "NewThing"}),
    ];
    assert_eq!(sent(&calls).await, expected);
}

/// Runs calls that must fail, and compares what they threw with a part of it that is expected.
async fn assert_refused(calls: &[(&str, &str)]) {
    let body: String =
        calls.iter().map(|(call, _)| format!("    try {{ {call}; }} catch (e) {{ msg.reply(`${{e}}`); }}\n")).collect();
    let bot = Bot::start(format!("fn on_message(msg) {{\n{body}}}\n")).await;
    bot.says("u1", "go");
    for (call, expected) in calls {
        let frame = bot.next_frame().await;
        let thrown = frame["content"].as_str().unwrap_or_else(|| panic!("{call} was sent: {frame}"));
        assert!(thrown.contains(expected), "{call}: {thrown}");
    }
    bot.stop().await;
}

#[tokio::test]
async fn a_wrong_argument_says_the_function_the_field_what_was_expected_and_what_was_found() {
    assert_refused(&[
        ("send_text(\"u1\")", "send_text(to, content) takes 2 arguments, found 1"),
        ("send_text()", "send_text(to, content) takes 2 arguments, found 0"),
        ("send_text(\"u1\", \"a\", \"b\")", "send_text(to, content) takes 2 arguments, found 3"),
        ("get_profile(1)", "get_profile() takes no argument, found 1"),
        ("leave_group()", "leave_group(group_id) takes 1 argument, found 0"),
        ("send_text(\"u1\", 5)", "send_text needs content, a string; found the integer 5"),
        ("send_text((), \"x\")", "send_text needs to, a string; found ()"),
        ("send_text(msg, \"x\")", "send_text needs to, a string; found a Message"),
        ("mark_contact(\"u1\", 1)", "mark_contact needs mark, true or false; found the integer 1"),
        ("send_video(\"u1\", \"v\", 1.5)", "send_video needs duration, an integer; found the number 1.5"),
        ("send_location(\"u1\", \"t\", \"a\", \"35\", 1.0)", "send_location needs latitude, a number; found a string"),
        ("get_contacts(\"u1\")", "get_contacts needs mids, an array of strings; found a string"),
        (
            "get_contacts([\"u1\", 2])",
            "get_contacts needs mids, an array of strings; found an array with the integer 2",
        ),
        ("search_group_by_id(1)", "search_group_by_id needs id, a string; found the integer 1"),
        ("send_text(#{to: \"u1\"})", "send_text needs content, a string; found nothing"),
        ("send_text(#{to: \"u1\", content: true})", "send_text needs content, a string; found true"),
        ("send_text(#{to: \"u1\", contents: \"x\"})", "send_text has no field contents; did you mean content?"),
        ("leave_group(#{x: 1})", "leave_group has no field x; it has group_id"),
        ("get_profile(#{x: 1})", "get_profile has no field x; it has none"),
        ("search_group_by_id(#{})", "search_group_by_id needs exactly one of id and mids"),
        ("search_group_by_id(#{id: \"c1\", mids: []})", "search_group_by_id needs exactly one of id and mids"),
        ("session(\"main\").send_text(\"u1\")", "send_text(to, content) takes 2 arguments, found 1"),
        ("session(\"other\")", "there is no session \"other\"; there are main"),
        ("command(\"X\", #{f: |x| x})", "a function is no plain data"),
        ("command(\"Login\", #{})", "Login cannot be sent by a script"),
        ("command(\"X\", #{task_id: 1})", "task_id"),
    ])
    .await;
}

#[tokio::test]
async fn a_result_is_a_plain_value_of_whatever_shape() {
    let bot = Setup::new()
        .script(
            "bot",
            r#"
            fn on_message(msg) {
                let got = get_settings();
                msg.reply(`${type_of(got)} ${to_json(got)}`);
            }"#,
        )
        .start()
        .await;
    for (content, expected) in [
        (r#"{"mid": "u1", "n": 5, "f": 1.5}"#, r#"map {"f":1.5,"mid":"u1","n":5}"#),
        (r#"["a", null, true]"#, r#"array ["a",null,true]"#),
        ("no json", r#"string "no json""#),
        ("17", "i64 17"),
        ("", "() null"),
        ("20000000000000000000", "f64 2e+19"),
    ] {
        bot.answers(move |_| Answer::Raw(content));
        bot.says("u1", "go");
        assert_eq!(bot.text_to("u1").await, expected);
    }
    bot.stop().await;
}

#[tokio::test]
async fn a_refusal_is_thrown_with_its_code_name_message_and_command() {
    let bot = Bot::start(
        r#"
        fn on_message(msg) {
            try { leave_group("c1"); } catch (e) { msg.reply(to_json(e)); }
        }"#,
    )
    .await;
    bot.answers(|request| match request["command"].as_str() {
        Some("LeaveGroup") => Answer::Refuse(10, "NOT_A_MEMBER: this account is not in the group"),
        _ => Answer::Content(json!({})),
    });
    bot.says("u1", "go");
    let thrown: Value = serde_json::from_str(&bot.text_to("u1").await).expect("JSON");
    let message = "NOT_A_MEMBER: this account is not in the group";
    assert_eq!(thrown, json!({"code": 10, "name": "NOT_A_MEMBER", "message": message, "command": "LeaveGroup"}));
    bot.stop().await;
}

#[tokio::test]
async fn a_command_acts_on_the_session_whose_event_is_handled_and_a_handle_on_its_own() {
    let bot = Setup::new()
        .session("one")
        .session("two")
        .workers(2)
        .script(
            "bot",
            r#"
            fn on_message(msg) {
                send_text("here", session().name);
                session("two").send_text("there", "from " + session().name);
                send_text("all", sessions().map(|s| s.name).reduce(|all, name| if all == () { name } else { all + "," + name }));
            }"#,
        )
        .start()
        .await;
    bot.gateway(0).says("u1", "go");
    assert_eq!(bot.gateway(0).text_to("here").await, "one");
    assert_eq!(bot.gateway(0).text_to("all").await, "one,two");
    assert_eq!(bot.gateway(1).text_to("there").await, "from one");
    bot.stop().await;
}
