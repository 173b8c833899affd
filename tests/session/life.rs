//! The life of a session: login, calls, events, loss and return.

use std::time::Duration;

use hotline::protocol::commands::SendText;
use hotline::protocol::{Content, Failure, MAX_FRAME};
use hotline::session::{CallError, Credentials, Ended, Holdup, Phase, Secret, SessionConfig, Signal};
use serde_json::json;
use tokio::task::spawn_local;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};

use crate::gateway::{Gateway, soon};
use crate::watch::{Session, config, on_a_worker};

#[test]
fn the_login_is_sent_at_once_and_its_certificate_comes_back_at_the_next() {
    on_a_worker(async {
        let gateway = Gateway::listen().await;
        let mut session = Session::start(config(&gateway.url()));
        let mut client = gateway.accept().await;
        let login = client.receive().await;
        let expected = json!({"command": "Login", "email": "bot@sandbox.test", "password": "sandbox", "cert": ""});
        assert_eq!(login, expected);
        client.send_text(r#"{"command":"OnPinCode","code":0,"content":"{\"pin\": \"1234\"}"}"#).await;
        assert_eq!(session.signal().await, Signal::Pin("1234".into()));
        assert_eq!(session.handle.status().phase, Phase::AwaitingPin);
        client.log_in(&json!({"mid": "u9", "cert": "paper", "displayName": "Bot"})).await;
        assert_eq!(session.signal().await, Signal::Certificate("paper".into()));
        let logged_in = Signal::LoggedIn { mid: "u9".into(), display_name: Some("Bot".into()) };
        assert_eq!(session.signal().await, logged_in);
        client.cut();
        assert!(matches!(session.signal().await, Signal::Disconnected { was_live: true, .. }));
        session.wait_out_the_backoff();
        let mut client = gateway.accept().await;
        assert_eq!(client.receive().await["cert"], "paper");
        client.cut();
        let Signal::Disconnected { reason, was_live: false, retry } = session.signal().await else {
            panic!("it was not live");
        };
        assert_eq!(reason, "the gateway went away");
        assert!(retry >= Duration::from_secs(1) && retry <= Duration::from_secs(30));
    });
}

#[test]
fn a_token_login_carries_the_phone_number_and_the_token() {
    on_a_worker(async {
        let gateway = Gateway::listen().await;
        let mut config = config(&gateway.url());
        config.login = Credentials::Token { phone: "+8190".into(), auth_token: Secret::new("t") };
        let _session = Session::start(config);
        let login = gateway.accept().await.receive().await;
        assert_eq!(login, json!({"command": "LoginWithToken", "phone": "+8190", "auth_token": "t"}));
    });
}

#[test]
fn calls_are_matched_by_number_in_whatever_order_the_replies_come() {
    on_a_worker(async {
        let gateway = Gateway::listen().await;
        let mut session = Session::start(config(&gateway.url()));
        let mut client = gateway.accept_login("u9").await;
        session.logged_in().await;
        let call = |to: &str| {
            let (handle, to) = (session.handle.clone(), to.to_owned());
            spawn_local(async move { handle.request(&SendText { to, content: "hi".into(), msg_id: None }).await })
        };
        let (first, second, third) = (call("u1"), call("u2"), call("u3"));
        let requests = [client.receive().await, client.receive().await, client.receive().await];
        assert_eq!(requests[0], json!({"command": "SendText", "task_id": 1, "to": "u1", "content": "hi"}));
        client.reply(&requests[2], 0, "three").await;
        client.reply(&requests[0], 10, "NOT_A_MEMBER: not there").await;
        client.reply(&requests[1], 0, "two").await;
        client.reply(&requests[1], 0, "two again").await;
        assert_eq!(third.await.expect("it ends"), Ok(Content::new("three")));
        assert_eq!(second.await.expect("it ends"), Ok(Content::new("two")));
        let refused = first.await.expect("it ends").expect_err("it is refused");
        assert_eq!((refused.code(), refused.name()), (10, "NOT_A_MEMBER"));
        assert_eq!(refused, CallError::Refused(Failure { code: 10, content: "NOT_A_MEMBER: not there".into() }));
        client.message("m", "after").await;
        session.event().await;
        assert_eq!(session.handle.status().ignored, 1, "the repeated reply");
    });
}

#[test]
fn a_call_before_the_login_waits_for_it() {
    on_a_worker(async {
        let gateway = Gateway::listen().await;
        let session = Session::start(config(&gateway.url()));
        let call = spawn_local({
            let handle = session.handle.clone();
            async move { handle.call("GetProfile", "{}".into()).await }
        });
        let mut client = gateway.accept_login("u9").await;
        let request = client.receive().await;
        client.reply(&request, 0, "{}").await;
        assert_eq!(call.await.expect("it ends"), Ok(Content::new("{}")));
    });
}

#[test]
fn a_login_without_a_mid_asks_the_profile_and_keeps_the_events_until_then() {
    on_a_worker(async {
        let gateway = Gateway::listen().await;
        let mut session = Session::start(config(&gateway.url()));
        let mut client = gateway.accept().await;
        client.receive().await;
        client.log_in(&json!({})).await;
        client.message("m1", "early").await;
        let profile = client.receive().await;
        assert_eq!(profile["command"], "GetProfile");
        client.reply(&profile, 0, r#"{"mid": "u7", "displayName": "Bot"}"#).await;
        let logged_in = Signal::LoggedIn { mid: "u7".into(), display_name: Some("Bot".into()) };
        assert_eq!(session.signal().await, logged_in);
        assert!(session.event().await.content.as_str().contains("early"));
    });
}

#[test]
fn a_refused_login_ends_the_session_and_is_not_tried_again() {
    on_a_worker(async {
        let gateway = Gateway::listen().await;
        let mut session = Session::start(config(&gateway.url()));
        let handle = session.handle.clone();
        let waiting = spawn_local({
            let handle = handle.clone();
            async move { handle.call("GetProfile", "{}".into()).await }
        });
        let mut client = gateway.accept().await;
        client.receive().await;
        client.send_text(r#"{"command":"OnLogin","code":1,"content":"wrong password"}"#).await;
        let failure = Failure { code: 1, content: "wrong password".into() };
        assert_eq!(session.signal().await, Signal::Refused(failure.clone()));
        assert_eq!(waiting.await.expect("it ends"), Err(CallError::LoginRefused(failure.clone())));
        client.gone().await;
        session.wait_out_the_backoff();
        assert_eq!(session.ended().await, Ended::Refused(failure.clone()));
        assert_eq!(handle.call("GetProfile", "{}".into()).await, Err(CallError::LoginRefused(failure.clone())));
        assert_eq!(handle.status().phase, Phase::Refused(failure));
        assert_eq!(handle.status().logins, 1);
    });
}

#[test]
fn reads_are_sent_again_after_a_reconnect_and_effects_are_in_doubt() {
    on_a_worker(async {
        let gateway = Gateway::listen().await;
        let mut session = Session::start(config(&gateway.url()));
        let mut client = gateway.accept_login("u9").await;
        session.logged_in().await;
        let call = |command: &'static str, fields: &'static str| {
            let handle = session.handle.clone();
            spawn_local(async move { handle.call(command, fields.to_owned()).await })
        };
        let read = call("GetContacts", r#"{"mids":["u1"]}"#);
        let effect = call("SendText", r#"{"to":"u1","content":"hi"}"#);
        let unknown = call("SomethingNew", "{}");
        let old = client.receive().await;
        client.receive().await;
        client.receive_unknown().await;
        client.cut();
        session.disconnected().await;
        for doubtful in [effect, unknown] {
            let error = doubtful.await.expect("it ends").expect_err("it is in doubt");
            assert_eq!((error.name(), &error), ("IN_DOUBT", &CallError::Disconnected { sent: true }));
        }
        session.clock.advance(Duration::from_secs(2));
        let mut client = gateway.accept_login("u9").await;
        let again = client.receive().await;
        assert_eq!(again["mids"], json!(["u1"]));
        assert_ne!(again["task_id"], old["task_id"]);
        client.reply(&old, 0, "late").await;
        client.reply(&again, 0, "fresh").await;
        assert_eq!(read.await.expect("it ends"), Ok(Content::new("fresh")));
    });
}

#[test]
fn a_call_without_a_reply_fails_after_its_time() {
    on_a_worker(async {
        let gateway = Gateway::listen().await;
        let mut session = Session::start(config(&gateway.url()));
        let mut client = gateway.accept_login("u9").await;
        session.logged_in().await;
        let call = spawn_local({
            let handle = session.handle.clone();
            async move { handle.call("GetProfile", "{}".into()).await }
        });
        client.receive().await;
        session.clock.advance(Duration::from_secs(30));
        let error = call.await.expect("it ends").expect_err("it is late");
        assert_eq!(error.to_string(), "GetProfile had no reply within 30 s");
        assert_eq!(error.name(), "TIMEOUT");
    });
}

#[test]
fn messages_are_handed_on_once_however_often_they_come() {
    on_a_worker(async {
        let gateway = Gateway::listen().await;
        let mut session = Session::start(config(&gateway.url()));
        let mut client = gateway.accept_login("u9").await;
        session.logged_in().await;
        let leave = json!({"group_id": "c1"});
        client.message("m1", "one").await;
        client.message("m1", "one").await;
        client.event("NOTIFIED_LEAVE_CHAT", &leave).await;
        client.event("NOTIFIED_LEAVE_CHAT", &leave).await;
        for expected in ["RECEIVE_MESSAGE", "NOTIFIED_LEAVE_CHAT", "NOTIFIED_LEAVE_CHAT"] {
            assert_eq!(session.event().await.subcommand, expected);
        }
        client.close().await;
        session.disconnected().await;
        session.wait_out_the_backoff();
        let mut client = gateway.accept_login("u9").await;
        session.logged_in().await;
        client.message("m1", "one").await;
        client.event("NOTIFIED_LEAVE_CHAT", &leave).await;
        client.message("m2", "two").await;
        assert!(session.event().await.content.as_str().contains("two"));
        assert_eq!(session.handle.status().repeated, 3);
    });
}

#[test]
fn noise_of_every_kind_is_survived() {
    on_a_worker(async {
        let gateway = Gateway::listen().await;
        let mut session = Session::start(config(&gateway.url()));
        let mut client = gateway.accept_login("u9").await;
        session.logged_in().await;
        let deep = "[".repeat(100_000);
        for noise in ["", " ", "[]", "null", "{}", "{\"command\":5}", "\u{0}", &deep, &"x".repeat(200_000)] {
            client.send_text(noise).await;
        }
        client.send_text(r#"{"command":"SendText","task_id":99999,"code":0,"content":""}"#).await;
        client.send_text(r#"{"command":"OnLogin","code":1,"content":"late"}"#).await;
        client.send_text(r#"{"command":"OnNotify","subcommand":"SOMETHING_NEW","content":[1]}"#).await;
        client.send(Message::binary(vec![0, 159, 146, 150])).await;
        client.send(Message::Ping("are you there".into())).await;
        client.message("m1", "after the noise").await;
        assert_eq!(session.event().await.subcommand, "SOMETHING_NEW");
        assert!(session.event().await.content.as_str().contains("after the noise"));
        assert_eq!(client.receive_message().await, Message::Pong("are you there".into()));
        assert_eq!(session.handle.status().ignored, 12);
    });
}

#[test]
fn a_goodbye_is_passed_on_and_a_frame_that_is_too_large_costs_the_connection() {
    on_a_worker(async {
        let gateway = Gateway::listen().await;
        let mut session = Session::start(config(&gateway.url()));
        let mut client = gateway.accept_login("u9").await;
        session.logged_in().await;
        let goodbye = CloseFrame { code: CloseCode::Away, reason: "maintenance".into() };
        client.send(Message::Close(Some(goodbye))).await;
        assert_eq!(session.disconnected().await, "the gateway closed the connection: maintenance");
        session.wait_out_the_backoff();
        let mut client = gateway.accept_login("u9").await;
        session.logged_in().await;
        // The client may be gone before it has taken all of it.
        let _ = client.try_send(&json!("x".repeat(MAX_FRAME))).await;
        let expected = format!("the gateway sent a frame of {} bytes, at most {MAX_FRAME} are allowed", MAX_FRAME + 2);
        assert_eq!(session.disconnected().await, expected);
    });
}

#[test]
fn a_frame_in_pieces_is_put_together() {
    on_a_worker(async {
        let gateway = Gateway::listen().await;
        let mut session = Session::start(config(&gateway.url()));
        let mut client = gateway.accept_login("u9").await;
        session.logged_in().await;
        let (head, tail) = (r#"{"command":"OnNotify","subcommand":"#, r#""PIECES","content":"\u00fc ü"}"#);
        let (middle, end) = tail.as_bytes().split_at(tail.len() - 3);
        client.send(Message::Frame(Frame::message(head, OpCode::Data(Data::Text), false))).await;
        client.send(Message::Ping("between".into())).await;
        client.send(Message::Frame(Frame::message(middle.to_vec(), OpCode::Data(Data::Continue), false))).await;
        client.send(Message::Frame(Frame::message(end.to_vec(), OpCode::Data(Data::Continue), true))).await;
        assert_eq!(session.event().await.subcommand, "PIECES");
    });
}

#[test]
fn a_heartbeat_goes_out_every_minute_from_the_handshake_on() {
    on_a_worker(async {
        let gateway = Gateway::listen().await;
        let mut session = Session::start(config(&gateway.url()));
        let mut client = gateway.accept().await;
        client.receive().await;
        let beat = json!({"command": "HeartBeat"});
        session.clock.advance(Duration::from_secs(60));
        assert_eq!(client.receive_any().await, beat);
        client.log_in(&json!({"mid": "u9"})).await;
        session.logged_in().await;
        for minute in ["m1", "m2", "m3"] {
            session.clock.advance(Duration::from_secs(60));
            assert_eq!(client.receive_any().await, beat);
            client.message(minute, "a sign of life keeps the question away").await;
            session.event().await;
        }
    });
}

#[test]
fn a_silent_connection_is_asked_and_only_then_given_up() {
    on_a_worker(async {
        let gateway = Gateway::listen().await;
        let mut session = Session::start(config(&gateway.url()));
        let mut client = gateway.accept_login("u9").await;
        session.logged_in().await;
        session.clock.advance(Duration::from_secs(75));
        let question = client.receive().await;
        assert_eq!(question["command"], "GetProfile");
        client.reply(&question, 0, "{}").await;
        client.message("m1", "sign").await;
        session.event().await;
        session.clock.advance(Duration::from_secs(75));
        assert_eq!(client.receive().await["command"], "GetProfile");
        session.clock.advance(Duration::from_secs(20));
        assert_eq!(session.disconnected().await, "the gateway gave no sign of life");
        assert_eq!(session.handle.status().ignored, 0);
        session.wait_out_the_backoff();
        gateway.accept_login("u9").await;
        session.logged_in().await;
    });
}

#[test]
fn stopping_sends_what_is_queued_and_says_goodbye() {
    on_a_worker(async {
        let gateway = Gateway::listen().await;
        let mut session = Session::start(config(&gateway.url()));
        let mut client = gateway.accept_login("u9").await;
        session.logged_in().await;
        let handle = session.handle.clone();
        let call = spawn_local({
            let handle = handle.clone();
            async move { handle.call("GetQrCode", "{}".into()).await }
        });
        assert_eq!(client.receive().await["command"], "GetQrCode");
        handle.stop();
        assert_eq!(call.await.expect("it ends"), Err(CallError::Stopped));
        assert!(matches!(client.receive_message().await, Message::Close(_)));
        client.gone().await;
        assert_eq!(session.ended().await, Ended::Stopped);
        assert_eq!(handle.call("GetProfile", "{}".into()).await, Err(CallError::Stopped));
    });
}

#[test]
fn a_session_that_nobody_holds_ends() {
    on_a_worker(async {
        let gateway = Gateway::listen().await;
        let mut session = Session::start(config(&gateway.url()));
        let mut client = gateway.accept_login("u9").await;
        session.logged_in().await;
        let (ended, ()) = tokio::join!(session.abandoned(), client.gone());
        assert_eq!(ended, Ended::Stopped);
    });
}

#[test]
fn a_turn_comes_when_the_session_is_live_and_the_call_goes_out_then() {
    on_a_worker(async {
        let gateway = Gateway::listen().await;
        let mut session = Session::start(config(&gateway.url()));
        let mut client = gateway.accept().await;
        client.receive().await;
        let handle = session.handle.clone();
        assert!(handle.try_reserve("SendText").expect("no login").is_none());
        assert_eq!(handle.holdup(), Some(Holdup::Connection));
        let turn = spawn_local({
            let handle = handle.clone();
            async move { handle.reserve("SendText").await }
        });
        soon("it to wait", async {
            while handle.status().queued < 1 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        client.log_in(&json!({"mid": "u9"})).await;
        session.logged_in().await;
        let turn = soon("the turn", turn).await.expect("it ends").expect("it comes");
        assert_eq!(handle.status().outstanding, 0, "nothing is sent yet");
        let call = spawn_local({
            let handle = handle.clone();
            async move { handle.send(turn, json!({"to": "u1", "content": "x"}).to_string()).await }
        });
        let request = client.receive().await;
        assert_eq!(request["command"], "SendText");
        client.reply(&request, 0, "{}").await;
        assert_eq!(call.await.expect("it ends"), Ok(Content::new("{}")));
        assert!(handle.try_reserve("SendText").expect("no login").is_some(), "nothing holds the next one up");
        assert!(handle.try_reserve("Login").is_err());
    });
}

#[test]
fn no_more_turns_are_given_than_calls_may_be_unanswered_and_unused_ones_come_back() {
    on_a_worker(async {
        let gateway = Gateway::listen().await;
        let mut session = Session::start(SessionConfig { max_outstanding: 2, ..config(&gateway.url()) });
        let _client = gateway.accept_login("u9").await;
        session.logged_in().await;
        let handle = session.handle.clone();
        let first = soon("a turn", handle.reserve("SendText")).await.expect("it comes");
        let second = soon("a turn", handle.reserve("SendText")).await.expect("it comes");
        let third = spawn_local({
            let handle = handle.clone();
            async move { handle.reserve("SendText").await }
        });
        soon("it to wait", async {
            while handle.status().queued < 1 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert_eq!(handle.holdup(), Some(Holdup::Unanswered));
        drop(first);
        soon("the third turn", third).await.expect("it ends").expect("it comes");
        drop(second);
    });
}

#[test]
fn a_withdrawn_call_is_not_sent() {
    on_a_worker(async {
        let gateway = Gateway::listen().await;
        let session = Session::start(config(&gateway.url()));
        let mut client = gateway.accept().await;
        client.receive().await;
        let withdrawn = spawn_local({
            let handle = session.handle.clone();
            async move { handle.call("GetQrCode", "{}".into()).await }
        });
        let kept = spawn_local({
            let handle = session.handle.clone();
            async move { handle.call("GetProfile", "{}".into()).await }
        });
        soon("both to wait", async {
            while session.handle.status().queued < 2 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        withdrawn.abort();
        assert!(withdrawn.await.is_err());
        client.log_in(&json!({"mid": "u9"})).await;
        assert_eq!(client.receive().await["command"], "GetProfile");
        drop(kept);
    });
}

#[test]
fn a_pause_holds_signals_back_while_replies_still_come() {
    on_a_worker(async {
        let gateway = Gateway::listen().await;
        let mut session = Session::start(config(&gateway.url()));
        let mut client = gateway.accept_login("u9").await;
        session.logged_in().await;
        session.is_pausing.set(true);
        for id in ["m1", "m2", "m3"] {
            client.message(id, "x").await;
        }
        session.event().await;
        session.is_pausing.set(false);
        let call = spawn_local({
            let handle = session.handle.clone();
            async move { handle.call("GetProfile", "{}".into()).await }
        });
        let request = client.receive().await;
        client.reply(&request, 0, "{}").await;
        assert_eq!(call.await.expect("it ends"), Ok(Content::new("{}")));
        assert_eq!(session.signal_now(), None);
        session.handle.resume_reading();
        for id in ["m2", "m3"] {
            assert!(session.event().await.content.as_str().contains(id));
        }
    });
}

#[test]
fn a_session_that_is_held_has_its_replies_and_leaves_when_too_much_waits() {
    on_a_worker(async {
        let gateway = Gateway::listen().await;
        let mut session = Session::start(config(&gateway.url()));
        let mut client = gateway.accept_login("u9").await;
        session.logged_in().await;
        session.handle.hold(true);
        client.message("m1", "x").await;
        let call = spawn_local({
            let handle = session.handle.clone();
            async move { handle.call("GetProfile", "{}".into()).await }
        });
        let request = client.receive().await;
        client.reply(&request, 0, "{}").await;
        assert_eq!(call.await.expect("it ends"), Ok(Content::new("{}")));
        assert_eq!(session.signal_now(), None);
        let large = "x".repeat(8 * 1024 * 1024);
        for id in ["m2", "m3", "m4", "m5"] {
            client.message(id, &large).await;
        }
        assert!(matches!(client.receive_message().await, Message::Close(_)), "it says goodbye");
        session.wait_out_the_backoff();
        assert!(matches!(session.handle.status().phase, Phase::Lost { .. }));
        assert_eq!(session.signal_now(), None, "everything is held, also that the connection was left");
        session.handle.hold(false);
        for id in ["m1", "m2", "m3", "m4", "m5"] {
            assert!(session.event().await.content.as_str().contains(id));
        }
        assert_eq!(session.disconnected().await, "more events waited to be recorded than could be kept");
        let _client = gateway.accept_login("u9").await;
        session.logged_in().await;
    });
}

#[test]
fn a_login_is_answered_also_while_so_much_is_held_back_that_nothing_is_read() {
    on_a_worker(async {
        let gateway = Gateway::listen().await;
        let mut session = Session::start(config(&gateway.url()));
        let mut client = gateway.accept_login("u9").await;
        session.logged_in().await;
        session.is_pausing.set(true);
        let large = "x".repeat(8 * 1024 * 1024);
        for id in ["m1", "m2", "m3", "m4", "m5"] {
            client.message(id, &large).await;
        }
        // With the fifth, 32 MiB are held.
        let read = async {
            while session.handle.status().received < 6 {
                tokio::task::yield_now().await;
            }
        };
        soon("five messages", read).await;
        client.cut();
        let lost = async {
            while !matches!(session.handle.status().phase, Phase::Lost { .. }) {
                session.clock.advance(Duration::from_secs(60));
                tokio::task::yield_now().await;
            }
        };
        soon("the loss", lost).await;
        session.wait_out_the_backoff();
        let mut client = gateway.accept_login("u9").await;
        let _call = spawn_local({
            let handle = session.handle.clone();
            async move { handle.call("GetProfile", "{}".into()).await }
        });
        assert_eq!(client.receive().await["command"], "GetProfile");
    });
}

#[test]
fn a_login_by_a_script_is_refused() {
    on_a_worker(async {
        let gateway = Gateway::listen().await;
        let session = Session::start(config(&gateway.url()));
        let refused = session.handle.call("Login", "{}".into()).await;
        assert_eq!(
            refused.expect_err("it is refused").to_string(),
            "MALFORMED: the session logs in by itself (code -1)"
        );
    });
}
