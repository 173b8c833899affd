//! Clients that break a rule: each is told which one, and only its own connection ends.

use std::net::SocketAddr;

use hotline::sandbox::Sandbox;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use crate::sandbox::client::{Client, sandbox, sandbox_with};

/// Sends raw bytes after a handshake by hand and gives the code and reason of the closing frame that comes back.
async fn closed_after(sandbox: &Sandbox, frame: &[u8]) -> (u16, String) {
    let mut alice = Client::login(sandbox, "alice").await;
    let mut stream = TcpStream::connect(sandbox.addr()).await.expect("it listens");
    let handshake = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(handshake.as_bytes()).await.expect("it reads");
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.expect("it answers"));
    }
    stream.write_all(frame).await.expect("it reads");
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.expect("it ends");
    alice.ok("GetProfile", json!({})).await;
    assert_eq!(rest[0], 0x88, "a closing frame and nothing else: {rest:?}");
    assert_eq!(usize::from(rest[1]) + 2, rest.len());
    (u16::from_be_bytes([rest[2], rest[3]]), String::from_utf8(rest[4..].to_vec()).expect("text"))
}

/// A frame as a client masks it, with a mask of zeros.
fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).expect("a short one");
    [&[opcode, 0x80 | length, 0, 0, 0, 0], payload].concat()
}

#[tokio::test]
async fn a_text_frame_that_is_no_utf8_ends_its_connection_with_1007() {
    let (code, reason) = closed_after(&sandbox().await, &masked(0x81, b"{\xff}")).await;
    assert_eq!((code, reason.as_str()), (1007, "a text frame holds UTF-8; found other bytes"));
}

#[tokio::test]
async fn frames_that_are_no_websocket_end_their_connection_with_1002_and_the_reason() {
    let sandbox = sandbox().await;
    for (frame, word) in [
        (b"\x81\x02{}".to_vec(), "mask"),
        (masked(0x83, b"{}"), "opcode"),
        (masked(0x80, b"{}"), "ontinu"),
        (masked(0xc1, b"{}"), "Reserved"),
    ] {
        let (code, reason) = closed_after(&sandbox, &frame).await;
        assert!(code == 1002 && reason.contains(word), "{frame:?}: {code} {reason}");
    }
}

#[tokio::test]
async fn what_was_asked_before_the_rule_was_broken_is_still_answered() {
    let sandbox = sandbox().await;
    let mut alice = Client::connect(&sandbox).await;
    alice.send(&json!({"command": "GetProfile", "task_id": 1})).await;
    alice.send_raw(Message::text("x".repeat(10 * 1024 * 1024 + 1))).await;
    assert_eq!(alice.frame().await["code"], 17);
    assert_eq!(alice.goodbye().await.map(|frame| u16::from(frame.code)), Some(1009));
}

#[tokio::test]
async fn a_plain_http_request_is_told_what_listens_there() {
    let sandbox = sandbox().await;
    let address: SocketAddr = sandbox.addr();
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("text");
    assert!(answer.starts_with("HTTP/1.1 426 Upgrade Required\r\n"), "{answer}");
    assert!(answer.to_lowercase().contains("\r\nupgrade: websocket\r\n") && answer.contains("ws://"), "{answer}");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_ended_and_nobody_else() {
    let sandbox = sandbox_with(|config| {
        config.limits.outbox_frames = 50;
        config.limits.outbox_bytes = 4 * 1024 * 1024;
    })
    .await;
    let mut deaf = Client::login(&sandbox, "bot").await;
    let mut bot = Client::login(&sandbox, "bot").await;
    let mut alice = Client::login(&sandbox, "alice").await;
    let control = sandbox.control();
    let text = "x".repeat(10_000);
    let mut said = 0;
    while control.connections("bot") == 2 {
        alice.ok("SendText", json!({"to": bot.mid, "content": text})).await;
        bot.event("RECEIVE_MESSAGE").await;
        said += 1;
        assert!(said < 100_000, "the system's own buffers are full long before");
    }
    assert_eq!(control.counts().overflowed, 1);
    alice.ok("GetProfile", json!({})).await;
    bot.ok("GetProfile", json!({})).await;
    // Once it reads, it learns why.
    let goodbye = deaf.goodbye().await.expect("it is told");
    assert_eq!(u16::from(goodbye.code), 1008);
    assert!(goodbye.reason.contains("reads too slowly"), "{}", goodbye.reason);
}
