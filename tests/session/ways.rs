//! The ways to a gateway: TLS, proxies, and what is said when a way leads nowhere.

use hotline::session::{CallError, ConnectVia, Ended, Phase, SessionConfig, Signal};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::spawn_local;

use crate::certificate::certificate;
use crate::gateway::{Gateway, soon};
use crate::proxy::Proxy;
use crate::watch::{Session, config, on_a_worker};

fn encrypted(gateway: &Gateway) -> SessionConfig {
    config(&format!("wss://localhost:{}/chat", gateway.port()))
}

#[test]
fn a_gateway_with_a_trusted_certificate_is_reached_by_wss() {
    on_a_worker(async {
        let (gateway, certificate) = (Gateway::listen().await, certificate());
        let mut session = Session::start(SessionConfig { root: Some(certificate.file.clone()), ..encrypted(&gateway) });
        let _client = certificate.accept_login(&gateway, "u9").await;
        session.logged_in().await;
    });
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused() {
    on_a_worker(async {
        let (gateway, theirs, another) = (Gateway::listen().await, certificate(), certificate());
        let mut session = Session::start(SessionConfig { root: Some(another.file.clone()), ..encrypted(&gateway) });
        let stream = gateway.accept_tcp().await;
        assert!(soon("a refusal", theirs.acceptor.accept(stream)).await.is_err());
        let reason = unusable(&mut session).await;
        assert!(reason.contains("cannot be trusted: invalid peer certificate: "), "{reason}");
        assert_eq!(session.handle.status().logins, 0);
        assert_eq!(session.ended().await, Ended::Unusable(reason));
    });
}

#[test]
fn a_root_file_that_is_none_is_named() {
    on_a_worker(async {
        let gateway = Gateway::listen().await;
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("root.pem");
        std::fs::write(&file, "no certificate").expect("it is written");
        let mut session = Session::start(SessionConfig { root: Some(file.clone()), ..encrypted(&gateway) });
        let reason = unusable(&mut session).await;
        assert_eq!(
            reason,
            format!("cannot read the certificates in {}: found no certificate, expected PEM", file.display())
        );
    });
}

#[test]
fn an_http_proxy_is_asked_for_a_tunnel() {
    on_a_worker(async {
        let gateway = Gateway::listen().await;
        let proxy = Proxy::http("200 Connection established").await;
        let via: ConnectVia = format!("http://me:pass%3A@127.0.0.1:{}", proxy.port).parse().expect("a proxy");
        let mut session = Session::start(SessionConfig { connect_via: Some(via), ..config(&gateway.url()) });
        let client = gateway.accept_login("u9").await;
        session.logged_in().await;
        session.handle.stop();
        client.cut();
        let head = soon("the proxy", proxy.asked).await.expect("it does not panic");
        let target = format!("127.0.0.1:{}", gateway.port());
        assert_eq!(
            head,
            format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nProxy-Authorization: Basic bWU6cGFzczo=\r\n\r\n")
        );
    });
}

#[test]
fn a_socks5_proxy_is_given_name_and_password_and_resolves_the_host() {
    on_a_worker(async {
        let (gateway, certificate) = (Gateway::listen().await, certificate());
        let proxy = Proxy::socks5().await;
        let via: ConnectVia = format!("socks5://me:pass@127.0.0.1:{}", proxy.port).parse().expect("a proxy");
        let config =
            SessionConfig { connect_via: Some(via), root: Some(certificate.file.clone()), ..encrypted(&gateway) };
        let mut session = Session::start(config);
        let client = certificate.accept_login(&gateway, "u9").await;
        session.logged_in().await;
        session.handle.stop();
        client.cut();
        let asked = soon("the proxy", proxy.asked).await.expect("it does not panic");
        assert_eq!(asked, format!("me:pass localhost:{}", gateway.port()));
    });
}

#[test]
fn a_proxy_that_refuses_is_quoted() {
    on_a_worker(async {
        let proxy = Proxy::http("403 Forbidden").await;
        let via: ConnectVia = format!("http://127.0.0.1:{}", proxy.port).parse().expect("a proxy");
        let mut session =
            Session::start(SessionConfig { connect_via: Some(via), ..config("ws://gateway.example.com:16089") });
        let expected = format!(
            "the proxy 127.0.0.1:{} refuses the connection to gateway.example.com:16089: \
             found \"HTTP/1.1 403 Forbidden\", expected an answer 200",
            proxy.port
        );
        assert_eq!(session.disconnected().await, expected);
    });
}

#[test]
fn an_address_where_no_gateway_ever_was_ends_the_session() {
    on_a_worker(async {
        for (answer, expected) in [
            ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "HTTP error: 404"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "HTTP error: 200"),
            ("220 mail.example.com ESMTP\r\n\r\n", "WebSocket protocol error: "),
        ] {
            let gateway = Gateway::listen().await;
            let mut session = Session::start(config(&gateway.url()));
            let waiting = spawn_local({
                let handle = session.handle.clone();
                async move { handle.call("GetProfile", "{}".into()).await }
            });
            answer_http(&gateway, answer).await;
            let reason = unusable(&mut session).await;
            assert!(reason.contains(&format!("answers, but not as a gateway: {expected}")), "{reason}");
            let error = CallError::Unusable(reason.clone());
            assert_eq!(waiting.await.expect("it ends"), Err(error));
            assert_eq!(session.handle.status().phase, Phase::Unusable(reason.clone()));
            assert_eq!(session.ended().await, Ended::Unusable(reason));
        }
    });
}

#[test]
fn a_gateway_that_is_away_for_a_moment_is_tried_again() {
    on_a_worker(async {
        let gateway = Gateway::listen().await;
        let mut session = Session::start(config(&gateway.url()));
        answer_http(&gateway, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n").await;
        let reason = session.disconnected().await;
        assert!(reason.contains("answers, but not as a gateway: HTTP error: 503"), "{reason}");
        session.wait_out_the_backoff();
        let client = gateway.accept_login("u9").await;
        session.logged_in().await;
        client.cut();
        session.disconnected().await;
        // One that was a gateway will be one again, whatever stands in its place meanwhile.
        session.wait_out_the_backoff();
        answer_http(&gateway, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await;
        let reason = session.disconnected().await;
        assert!(reason.contains("HTTP error: 404"), "{reason}");
        drop(gateway);
        session.wait_out_the_backoff();
        let reason = session.disconnected().await;
        assert!(reason.starts_with("cannot connect to 127.0.0.1:"), "{reason}");
    });
}

/// Takes the next connection and answers its request in this way.
async fn answer_http(gateway: &Gateway, answer: &str) {
    let mut stream = gateway.accept_tcp().await;
    // Whoever closes with something unread resets the connection, and the answer with it.
    let mut request = [0; 4096];
    let _ = stream.read(&mut request).await.expect("a request");
    stream.write_all(answer.as_bytes()).await.expect("an answer");
}

#[test]
fn a_gateway_that_never_finishes_the_handshake_is_given_up() {
    on_a_worker(async {
        let gateway = Gateway::listen().await;
        let mut session = Session::start(config(&gateway.url()));
        let _silent = gateway.accept_tcp().await;
        session.clock.advance(std::time::Duration::from_secs(30));
        assert_eq!(session.disconnected().await, "no connection within 30 s");
    });
}

#[test]
fn a_url_that_is_none_is_said_to_be_so() {
    on_a_worker(async {
        let mut session = Session::start(config("http://127.0.0.1:1"));
        let reason = unusable(&mut session).await;
        assert_eq!(reason, "the gateway is given as ws://host:port or wss://host:port; found the scheme \"http\"");
    });
}

/// The next signal, which has to be that there is no gateway.
async fn unusable(session: &mut Session) -> String {
    match session.signal().await {
        Signal::Unusable(reason) => reason,
        other => panic!("not unusable but {other:?}"),
    }
}
