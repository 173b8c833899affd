//! Logins, profiles, contacts.

use std::time::Duration;

use hotline::clock::Clock;
use hotline::sandbox::{Operation, PinEntry};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::sandbox::client::{Client, sandbox, sandbox_with};

#[tokio::test]
async fn a_command_before_the_login_is_refused_and_the_connection_may_log_in_afterwards() {
    let sandbox = sandbox().await;
    let mut client = Client::connect(&sandbox).await;
    assert_eq!(client.refused("GetProfile", json!({})).await, "NOT_AUTHENTICATED");
    let wrong = client.try_login("bot@sandbox.test", "guess", "").await.expect_err("a wrong password");
    assert_eq!(wrong, (1, "AUTHENTICATION_FAILED: the email address or the password is wrong".to_owned()));
    assert!(client.try_login("nobody@sandbox.test", "sandbox", "").await.is_err());
    let content = client.try_login("bot@sandbox.test", "sandbox", "").await.expect("the right one");
    assert_eq!(content["displayName"], "bot");
    assert_eq!(client.ok("GetProfile", json!({})).await["mid"], content["mid"]);
}

#[tokio::test]
async fn dave_needs_a_pin_until_he_has_a_certificate() {
    let clock = Clock::manual(1_700_000_000_000);
    let sandbox = sandbox_with(|config| config.clock = clock.clone()).await;
    let mut dave = Client::connect(&sandbox).await;
    dave.send(&json!({"command": "Login", "email": "dave@sandbox.test", "password": "sandbox", "cert": ""})).await;
    let shown = dave.frame().await;
    assert_eq!((shown["command"].as_str(), shown["code"].as_i64()), (Some("OnPinCode"), Some(0)));
    assert_eq!(dave.refused("GetProfile", json!({})).await, "NOT_AUTHENTICATED");
    clock.advance(Duration::from_secs(2));
    let answer = dave.frame_named("OnLogin").await;
    assert_eq!(answer["code"], 0);
    let content: serde_json::Value = serde_json::from_str(answer["content"].as_str().expect("text")).expect("JSON");
    let cert = content["cert"].as_str().expect("a certificate");
    let mut again = Client::connect(&sandbox).await;
    let content = again.try_login("dave@sandbox.test", "sandbox", cert).await.expect("the certificate is honoured");
    assert_eq!(content["cert"], cert);
}

#[tokio::test]
async fn a_wrong_pin_refuses_the_login_that_showed_another() {
    let sandbox = sandbox_with(|config| config.pin_entry = PinEntry::ByHand).await;
    let control = sandbox.control();
    let mut dave = Client::connect(&sandbox).await;
    let login = json!({"command": "Login", "email": "dave@sandbox.test", "password": "sandbox", "cert": ""});
    dave.send(&login).await;
    dave.frame_named("OnPinCode").await;
    control.type_pin("dave", "no pin");
    assert_eq!(dave.frame().await["code"], 45);
    dave.send(&login).await;
    dave.frame_named("OnPinCode").await;
    let pins = control.pins("dave");
    control.type_pin("dave", &pins[0]);
    assert_eq!(dave.frame().await["code"], 0);
}

#[tokio::test]
async fn a_certificate_is_honoured_however_many_logins_come_without_one_and_never_after_it_was_revoked() {
    let sandbox = sandbox().await;
    let control = sandbox.control();
    let mid = control.mid("alice").expect("she is there");
    let mut client = Client::connect(&sandbox).await;
    let mut revoked = Vec::new();
    for _ in 0..25 {
        let first = client.try_login("alice@sandbox.test", "sandbox", "").await.expect("right")["cert"].clone();
        for _ in 0..3 {
            let again = client.try_login("alice@sandbox.test", "sandbox", "").await.expect("right");
            assert_eq!(again["cert"], first);
        }
        let cert = first.as_str().expect("text").to_owned();
        client.try_login("alice@sandbox.test", "sandbox", &cert).await.expect("honoured");
        control.operate(Operation::RevokeCertificates { account: mid.clone() }).expect("possible");
        revoked.push(cert);
    }
    for cert in revoked {
        let refusal = client.try_login("alice@sandbox.test", "sandbox", &cert).await.expect_err("it was revoked");
        assert_eq!(refusal.0, 8, "{}", refusal.1);
    }
}

#[tokio::test]
async fn a_login_that_waits_for_its_pin_is_refused_where_further_ones_are_forbidden_meanwhile() {
    let sandbox = sandbox_with(|config| config.pin_entry = PinEntry::ByHand).await;
    let control = sandbox.control();
    let login = json!({"command": "Login", "email": "dave@sandbox.test", "password": "sandbox", "cert": ""});
    let (mut first, mut second) = (Client::connect(&sandbox).await, Client::connect(&sandbox).await);
    first.send(&login).await;
    first.frame_named("OnPinCode").await;
    control.type_pin("dave", &control.pins("dave")[0]);
    assert_eq!(first.frame_named("OnLogin").await["code"], 0);
    second.send(&login).await;
    second.frame_named("OnPinCode").await;
    first.ok("EnableSecondaryLogin", json!({"enable": false})).await;
    control.type_pin("dave", &control.pins("dave")[0]);
    assert_eq!(second.frame_named("OnLogin").await["code"], 8);
    assert_eq!(control.connections("dave"), 1);
}

#[tokio::test]
async fn a_proxy_is_checked_and_remembered_and_empty_fields_are_none() {
    let sandbox = sandbox().await;
    let mut client = Client::connect(&sandbox).await;
    let mut login = async |proxy: Value| {
        let mut frame = json!({"command": "Login", "email": "bot@sandbox.test", "password": "sandbox", "cert": ""});
        frame.as_object_mut().expect("an object").extend(proxy.as_object().cloned().expect("an object"));
        client.send(&frame).await;
        let answer = client.frame_named("OnLogin").await;
        (answer["code"].as_i64().expect("a code"), answer["content"].as_str().expect("text").to_owned())
    };
    for kind in ["", "socks5", "http", "ftp"] {
        let empty = json!({"proxy_server": "", "proxy_port": 0, "proxy_type": kind, "proxy_password": "x"});
        assert_eq!(login(empty).await.0, 0, "{kind}");
    }
    assert_eq!(sandbox.control().proxy("bot"), None);
    for (fields, expected) in [
        (json!({"proxy_server": "h", "proxy_type": "http"}), "\"proxy_port\" takes 1 to 65535; found nothing"),
        (json!({"proxy_server": "h", "proxy_port": 65_536, "proxy_type": "http"}), "found 65536"),
        (json!({"proxy_server": "h", "proxy_port": 1}), "\"proxy_type\" takes \"socks5\" or \"http\"; found nothing"),
        (json!({"proxy_server": "", "proxy_port": 1, "proxy_type": "http"}), "\"proxy_server\" takes a host"),
    ] {
        let (code, content) = login(fields).await;
        assert!(code == -1 && content.contains(expected) && !content.contains("secret"), "{content}");
    }
    // Some clients always send all fields, an old password among them.
    let proxy = json!({"proxy_server": "h", "proxy_port": 1, "proxy_type": "socks5", "proxy_password": "secret"});
    assert_eq!(login(proxy).await.0, 0);
    let proxy = sandbox.control().proxy("bot").expect("it is remembered");
    assert_eq!((proxy.kind.as_str(), proxy.password.as_str()), ("socks5", ""));
    let proxy = json!({
        "proxy_server": "h", "proxy_port": 8080, "proxy_type": "http", "proxy_username": "u", "proxy_password": "secret",
    });
    assert_eq!(login(proxy).await.0, 0);
    let proxy = sandbox.control().proxy("bot").expect("it is remembered");
    assert_eq!((proxy.username.as_str(), proxy.password.as_str(), proxy.port), ("u", "secret", 8080));
    assert!(!format!("{proxy:?}").contains("secret"));
}

#[tokio::test]
async fn two_logins_of_one_account_both_stay_and_see_what_the_other_sends() {
    let sandbox = sandbox().await;
    let mut phone = Client::login(&sandbox, "alice").await;
    let mut desk = Client::login(&sandbox, "alice").await;
    let mut bot = Client::login(&sandbox, "bot").await;
    phone.ok("SendText", json!({"to": bot.mid, "content": "hello"})).await;
    let received = bot.event("RECEIVE_MESSAGE").await;
    assert_eq!(desk.event("SEND_MESSAGE").await, received);
    phone.expect_silence().await;
    bot.ok("SendText", json!({"to": phone.mid, "content": "hi"})).await;
    assert_eq!(phone.event("RECEIVE_MESSAGE").await, desk.event("RECEIVE_MESSAGE").await);
}

#[tokio::test]
async fn a_second_login_can_be_forbidden() {
    let sandbox = sandbox().await;
    let mut first = Client::login(&sandbox, "alice").await;
    first.ok("EnableSecondaryLogin", json!({"enable": false})).await;
    let mut second = Client::connect(&sandbox).await;
    let (code, _) = second.try_login("alice@sandbox.test", "sandbox", "").await.expect_err("no further login");
    assert_eq!(code, 8);
    first.ok("EnableSecondaryLogin", json!({"enable": true})).await;
    second.try_login("alice@sandbox.test", "sandbox", "").await.expect("allowed again");
}

#[tokio::test]
async fn the_demo_people_have_the_bot_as_their_one_contact() {
    let sandbox = sandbox().await;
    let bot = sandbox.control().mid("bot").expect("the bot is there");
    for name in ["alice", "bob", "carol"] {
        let mut client = Client::login(&sandbox, name).await;
        assert_eq!(client.ok("GetAllContactIds", json!({})).await, json!([bot]));
        let contacts = client.ok("GetContacts", json!({"mids": [bot]})).await;
        assert_eq!((&contacts[0]["displayName"], &contacts[0]["status"]), (&json!("bot"), &json!("FRIEND")));
        assert_eq!(client.ok("GetProfile", json!({})).await["userid"], "");
    }
}

#[tokio::test]
async fn adding_a_contact_tells_them_and_a_new_name_reaches_those_who_have_one() {
    let sandbox = sandbox().await;
    let mut bot = Client::login(&sandbox, "bot").await;
    let mut alice = Client::login(&sandbox, "alice").await;
    let added = bot.ok("SearchAndAddContactsByMid", json!({"mid": alice.mid})).await;
    assert_eq!(added[&alice.mid]["relation"], "BOTH");
    assert_eq!(alice.event("NOTIFIED_ADD_CONTACT").await, json!({"mid": bot.mid}));
    alice.ok("SetNickName", json!({"nickname": "Alice L."})).await;
    let event = bot.event("NOTIFIED_UPDATE_PROFILE").await;
    assert_eq!(event, json!({"mid": alice.mid, "type": "2", "params": r#"{"DISPLAY_NAME":"Alice L."}"#}));
}

#[tokio::test]
async fn a_blocked_person_reaches_nobody_and_is_not_told() {
    let sandbox = sandbox().await;
    let mut bot = Client::login(&sandbox, "bot").await;
    let mut alice = Client::login(&sandbox, "alice").await;
    alice.ok("BlockContact", json!({"mid": bot.mid, "block": true})).await;
    bot.ok("SendText", json!({"to": alice.mid, "content": "are you there?"})).await;
    alice.expect_silence().await;
    assert_eq!(alice.refused("SendText", json!({"to": bot.mid, "content": "no"})).await, "BLOCK_FRIEND");
    assert_eq!(sandbox.control().chat("alice", "bot"), []);
    assert_eq!(sandbox.control().chat("bot", "alice").len(), 1);
}

#[tokio::test]
async fn noise_is_ignored_and_counted_and_the_connection_lives_on() {
    let sandbox = sandbox().await;
    let mut client = Client::login(&sandbox, "bot").await;
    let deep = format!("{}1{}", "[".repeat(50_000), "]".repeat(50_000));
    for noise in ["", "no json", "[]", "{}", r#"{"command": 7}"#, &deep, &"x".repeat(200_000)] {
        client.send_raw(Message::text(noise)).await;
    }
    client.send_raw(Message::binary(vec![0, 159, 146, 150])).await;
    client.send(&json!({"command": "HeartBeat"})).await;
    client.expect_silence().await;
    let counts = sandbox.control().counts();
    assert_eq!((counts.ignored, counts.heartbeats), (8, 1));
}

#[tokio::test]
async fn a_malformed_request_gets_one_reply_that_names_the_field() {
    let sandbox = sandbox().await;
    let mut client = Client::login(&sandbox, "bot").await;
    let (code, text) = client.call("SendText", json!({"to": 5, "content": "x"})).await.expect_err("to is no string");
    assert_eq!((code, text.as_str()), (-1, r#"MALFORMED: SendText needs "to", a string; found the number 5"#));
    let (code, text) = client.call("Dance", json!({})).await.expect_err("no such command");
    assert_eq!((code, text.as_str()), (-1, r#"MALFORMED: no command is named "Dance""#));
    client.expect_silence().await;
}

#[tokio::test]
async fn a_request_that_names_no_command_is_answered_by_its_number() {
    let sandbox = sandbox().await;
    let mut client = Client::login(&sandbox, "bot").await;
    let asked = [
        (r#"{"task_id": 70}"#, "needs \"command\", a string; found nothing"),
        (r#"{"task_id": "71", "command": null}"#, "found null"),
        (r#"{"task_id": 72, "command": 5}"#, "found the number 5"),
        (r#"{"task_id": 73, "command": "SendText", "to": "u1", "content": "\ud800"}"#, "needs \"content\", a string"),
    ];
    for (number, (frame, expected)) in (70..).zip(asked) {
        client.send_raw(Message::text(frame)).await;
        let answer = client.frame().await;
        assert_eq!((&answer["task_id"], &answer["code"]), (&json!(number), &json!(-1)), "{answer}");
        assert!(answer["content"].as_str().expect("text").contains(expected), "{answer}");
    }
    client.send_raw(Message::text(r#"{"task_id": "74", "command": "GetQrCode"}"#)).await;
    let answer = client.frame().await;
    assert_eq!((&answer["task_id"], &answer["code"]), (&json!(74), &json!(0)));
    assert_eq!(sandbox.control().counts().ignored, 0);
}

#[tokio::test]
async fn a_refusal_names_the_field_and_what_it_takes_and_what_it_found() {
    let sandbox = sandbox().await;
    let mut client = Client::login(&sandbox, "bot").await;
    let me = client.mid.clone();
    let group = sandbox.control().create_group("tea", &["bot", "alice"]).expect("both are there");
    let long = "\"".repeat(100_000);
    for (command, fields, expected) in [
        (
            "SendText",
            json!({"to": "bob", "content": "x"}),
            "INVALID_MID: \"to\" takes a person's mid, u and 32 hex digits, or a group's, c and 32 hex digits; found \"bob\"",
        ),
        (
            "SendText",
            json!({"to": me, "content": "x"}),
            "INVALID_MID: \"to\" takes another person's mid; found this account's own",
        ),
        (
            "BlockContact",
            json!({"mid": me, "block": true}),
            "INVALID_MID: \"mid\" takes another person's mid; found this account's own",
        ),
        (
            "CreateGroup",
            json!({"name": "x", "mids": [me]}),
            "INVALID_MID: \"mids\" takes another person's mid; found this account's own",
        ),
        (
            "InviteIntoGroup",
            json!({"group_id": group, "mids": []}),
            "INVALID_LENGTH: \"mids\" takes at least one mid; found none",
        ),
        (
            "SearchContactByUserid",
            json!({"user_id": "none"}),
            "NOT_FOUND: \"user_id\" takes the user id of someone who can be found by it; found \"none\"",
        ),
        (
            "SearchContactByUrl",
            json!({"url": "x"}),
            "NOT_FOUND: \"url\" takes the url that a person's GetQrCode gave; found \"x\"",
        ),
        (
            "SearchGroupByUrl",
            json!({"url": "x"}),
            "NOT_FOUND: \"url\" takes the url that a group's GetGroupQrcode gave; found \"x\"",
        ),
        (
            "SetMyUserid",
            json!({"user_id": "AB cd"}),
            "MALFORMED: \"user_id\" takes a-z 0-9 . - _ only; found \"AB cd\"",
        ),
        ("SetMyUserid", json!({"user_id": "abc"}), "INVALID_LENGTH: \"user_id\" takes 4 to 20 characters; found 3"),
    ] {
        let (_, text) = client.call(command, fields).await.expect_err("it is refused");
        assert_eq!(text, expected);
    }
    // Of something long only the start is repeated.
    let (code, text) = client.call("GetContacts", json!({"mids": [long]})).await.expect_err("no mid");
    assert!(code == 9 && text.len() < 250, "{text}");
    let twice = client.ok("GetContacts", json!({"mids": [me, me, me]})).await;
    assert_eq!(twice.as_array().map(Vec::len), Some(1));
    let twice = client.ok("SearchGroupById", json!({"mids": [group, group]})).await;
    assert_eq!(twice.as_array().map(Vec::len), Some(1));
}
