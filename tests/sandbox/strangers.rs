//! Web pages and half requests: who is let in, by which name, and how long a request may take to come.

use std::net::SocketAddr;
use std::time::Duration;

use hotline::clock::Clock;
use hotline::sandbox::Sandbox;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::sandbox::client::{Client, sandbox, sandbox_with};
use crate::sandbox::media::{address, fetch, picture};

const HANDSHAKE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";

/// Sends a request with these lines of a head and gives the status and the rest of the answer.
async fn ask(to: SocketAddr, request: &str, head: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(to).await.expect("it listens");
    let close = if head.contains("Upgrade") { "" } else { "Connection: close\r\n" };
    let lines = if head.is_empty() { String::new() } else { format!("{head}\r\n") };
    let request = format!("{request} HTTP/1.1\r\n{lines}{close}\r\n");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = vec![0; 4096];
    let length = stream.read(&mut answer).await.expect("it answers");
    let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, answer)
}

/// A sandbox that one page may use, and that is called `bot.lan` too.
async fn open_to_a_page() -> Sandbox {
    sandbox_with(|config| {
        config.access.origins = vec!["http://localhost:5173".parse().expect("an origin")];
        config.access.hosts = vec!["bot.lan".parse().expect("a host")];
    })
    .await
}

#[tokio::test]
async fn a_web_page_gets_no_socket_unless_its_origin_is_listed() {
    let sandbox = open_to_a_page().await;
    let open = async |lines: &str| ask(sandbox.addr(), "GET /", &format!("Host: a\r\n{lines}{HANDSHAKE}")).await;
    assert_eq!(open("").await.0, 101);
    assert_eq!(open("Origin: http://localhost:5173\r\n").await.0, 101);
    let own = format!("http://{}", sandbox.addr());
    for origin in ["https://evil.test", "null", "", "http://localhost", "http://localhost:5173.evil.test", &own] {
        let (status, answer) = open(&format!("Origin: {origin}\r\n")).await;
        assert_eq!(status, 403, "{origin}: {answer}");
        assert!(answer.contains("may not connect; programs may"), "{answer}");
    }
    let twice = "Origin: http://localhost:5173\r\norigin: http://localhost:5173\r\n";
    assert_eq!(open(twice).await.0, 403);
    let (status, _) = ask(sandbox.addr(), "GET /", "Host: a\r\nOrigin: https://evil.test").await;
    assert_eq!(status, 403);
}

#[tokio::test]
async fn a_web_page_gets_nothing_over_http_unless_its_origin_is_listed() {
    let sandbox = open_to_a_page().await;
    let media = address(&picture(&sandbox).await);
    for request in ["GET /pictures/default", "POST /upload/x", "POST /download/x", "OPTIONS /upload/x", "GET /nothing"]
    {
        for origin in ["https://evil.test", "null", "http://127.0.0.1"] {
            let (status, answer) = ask(media, request, &format!("Host: localhost\r\nOrigin: {origin}")).await;
            assert_eq!(status, 403, "{request} {origin}: {answer}");
            assert!(answer.contains("may not connect"), "{answer}");
        }
    }
    let head = "Host: localhost\r\nOrigin: http://localhost:5173";
    let (status, answer) = ask(media, "GET /pictures/default", head).await;
    assert_eq!(status, 200);
    assert!(answer.to_lowercase().contains("access-control-allow-origin: http://localhost:5173\r\n"), "{answer}");
    let preflight = format!("{head}\r\nAccess-Control-Request-Method: POST");
    let (status, answer) = ask(media, "OPTIONS /upload/x", &preflight).await;
    assert!(status == 200 && answer.to_lowercase().contains("access-control-allow-methods: get,post"), "{answer}");
}

#[tokio::test]
async fn a_name_that_was_made_to_lead_here_is_refused_over_http() {
    let sandbox = open_to_a_page().await;
    let media = address(&picture(&sandbox).await);
    for (head, expected) in [
        ("Host: localhost", 200),
        ("Host: LOCALHOST.:1", 200),
        ("Host: 127.0.0.1:9", 200),
        ("Host: [::1]:9", 200),
        ("Host: bot.lan", 200),
        ("Host: evil.test", 403),
        ("Host: localhost.evil.test", 403),
        ("Host: localhost:port", 400),
        ("Host: ", 400),
        ("", 400),
        ("Host: localhost\r\nHost: evil.test", 400),
    ] {
        assert_eq!(ask(media, "GET /pictures/default", head).await.0, expected, "{head}");
    }
    let (status, _) = ask(media, "GET http://evil.test/pictures/default", "Host: localhost").await;
    assert_eq!(status, 403);
}

/// Turns the clock until a connection that sent a part of a request is ended, and gives what it was told.
async fn ended(clock: &Clock, to: SocketAddr, half: &str) -> String {
    let mut stream = TcpStream::connect(to).await.expect("it listens");
    stream.write_all(half.as_bytes()).await.expect("it reads");
    let mut told = String::new();
    let mut reading = std::pin::pin!(stream.read_to_string(&mut told));
    for _ in 0..10_000 {
        tokio::select! {
            read = &mut reading => {
                read.expect("it ends");
                return told;
            }
            () = tokio::task::yield_now() => clock.advance(Duration::from_millis(100)),
        }
    }
    panic!("{half} is still waited for");
}

#[tokio::test]
async fn half_a_request_ends_and_costs_nobody_else_anything() {
    let clock = Clock::manual(0);
    let sandbox = sandbox_with(|config| config.clock = clock.clone()).await;
    let mut alice = Client::login(&sandbox, "alice").await;
    let bot = sandbox.control().mid("bot").expect("it is there");
    let picture = picture(&sandbox).await;
    for half in ["", "GET / HT", "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"] {
        assert_eq!(ended(&clock, sandbox.addr(), half).await, "", "{half}");
        assert_eq!(ended(&clock, address(&picture), half).await, "", "{half}");
        alice.ok("GetProfile", json!({})).await;
        fetch(&picture).await;
    }
    let param = alice.ok("GetSendFileParam", json!({"to": bot, "path": "a", "msg_id": "7"})).await;
    let (name, value) = param["heads"].as_object().and_then(|heads| heads.iter().next()).expect("a head");
    let path = param["url"].as_str().and_then(|url| url.split_once("/upload")).expect("a url").1;
    let body = "--x\r\nContent-Disposition: form-data; name=\"par";
    let head = format!("Content-Type: multipart/form-data; boundary=x\r\n{name}: {}", value.as_str().expect("text"));
    let half = format!("POST /upload{path} HTTP/1.1\r\nHost: localhost\r\n{head}\r\nContent-Length: 900\r\n\r\n{body}");
    let told = ended(&clock, address(&picture), &half).await;
    assert!(told.starts_with("HTTP/1.1 408 ") && told.contains("stood still"), "{told}");
    sandbox.stop().await;
}

#[tokio::test]
async fn a_program_reaches_a_sandbox_by_whatever_name_it_knows_it_by() {
    let sandbox = sandbox().await;
    for host in ["sandbox.internal:16089", "localhost", "10.1.2.3"] {
        let (status, _) = ask(sandbox.addr(), "GET /", &format!("Host: {host}\r\n{HANDSHAKE}")).await;
        assert_eq!(status, 101, "{host}");
    }
}
