//! Sessions and transfers through real proxy servers: tinyproxy, and dante's danted.

#[path = "../support/certificate.rs"]
mod certificate;
#[path = "../support/files.rs"]
#[expect(dead_code, reason = "the session's own tests use all of it")]
mod files;
#[path = "../support/gateway.rs"]
#[expect(dead_code, reason = "the session's own tests use all of it")]
mod gateway;
mod servers;
#[path = "../support/watch.rs"]
#[expect(dead_code, reason = "the session's own tests use all of it")]
mod watch;
#[path = "../support/wire.rs"]
mod wire;

use hotline::session::{ConnectVia, Media, MediaMode, Proxy, ProxyKind, SessionConfig};
use serde_json::json;
use tokio::task::spawn_local;

use certificate::certificate;
use files::{Answer, FileServer, content};
use gateway::{Gateway, soon};
use servers::{danted, tinyproxy};
use watch::{Session, config, on_a_worker};

fn via(text: String) -> Option<ConnectVia> {
    Some(text.parse().expect("a proxy"))
}

/// A session that logs in and is asked for its profile, which goes both ways through the proxy.
async fn converse(config: SessionConfig, gateway: &Gateway) {
    let mut session = Session::start(config);
    let mut client = gateway.accept_login("u9").await;
    session.logged_in().await;
    let handle = session.handle.clone();
    let call = spawn_local(async move { handle.call("GetProfile", "{}".into()).await });
    let request = client.receive().await;
    client.reply(&request, 0, "{}").await;
    soon("the profile", call).await.expect("it does not panic").expect("it is answered");
    client.cut();
    session.disconnected().await;
}

#[test]
fn a_session_goes_through_tinyproxy_with_a_password() {
    on_a_worker(async {
        let gateway = Gateway::listen().await;
        let proxy = tinyproxy(Some(("bot", "pass"))).await;
        let connect_via = via(format!("http://bot:pass@127.0.0.1:{}", proxy.port));
        converse(SessionConfig { connect_via, ..config(&gateway.url()) }, &gateway).await;
    });
}

#[test]
fn a_wrong_password_for_tinyproxy_is_said_to_be_so() {
    on_a_worker(async {
        let gateway = Gateway::listen().await;
        let proxy = tinyproxy(Some(("bot", "pass"))).await;
        let connect_via = via(format!("http://bot:word@127.0.0.1:{}", proxy.port));
        let mut session = Session::start(SessionConfig { connect_via, ..config(&gateway.url()) });
        let reason = session.disconnected().await;
        assert!(reason.contains("refuses the connection") && reason.contains("40"), "{reason}");
        assert!(!reason.contains("word@"), "{reason}");
    });
}

#[test]
fn a_session_goes_through_dante() {
    on_a_worker(async {
        let gateway = Gateway::listen().await;
        let proxy = danted().await;
        let connect_via = via(format!("socks5://127.0.0.1:{}", proxy.port));
        converse(SessionConfig { connect_via, ..config(&gateway.url()) }, &gateway).await;
    });
}

#[test]
fn an_encrypted_session_goes_through_either() {
    on_a_worker(async {
        let (gateway, certificate) = (Gateway::listen().await, certificate());
        let (http, socks) = (tinyproxy(None).await, danted().await);
        for url in [format!("http://127.0.0.1:{}", http.port), format!("socks5://127.0.0.1:{}", socks.port)] {
            let mut session = Session::start(SessionConfig {
                connect_via: via(url),
                root: Some(certificate.file.clone()),
                ..config(&format!("wss://localhost:{}", gateway.port()))
            });
            let _client = certificate.accept_login(&gateway, "u9").await;
            session.logged_in().await;
        }
    });
}

#[test]
fn a_file_comes_down_through_either() {
    on_a_worker(async {
        let gateway = Gateway::listen().await;
        let (http, socks) = (tinyproxy(Some(("bot", "pass"))).await, danted().await);
        let folder = tempfile::tempdir().expect("a folder");
        let server = "127.0.0.1".to_owned();
        let (username, password) = (Some("bot".to_owned()), Some("pass".to_owned().into()));
        for proxy in [
            Proxy { kind: ProxyKind::Http, server: server.clone(), port: http.port, username, password },
            Proxy { kind: ProxyKind::Socks5, server, port: socks.port, username: None, password: None },
        ] {
            let config = SessionConfig { proxy: Some(proxy), ..config(&gateway.url()) };
            let mut session = Session::start(config.clone());
            let mut client = gateway.accept_login("u9").await;
            session.logged_in().await;
            let media =
                Media::new(MediaMode::Upload, &config, &[folder.path().to_owned()]).await.expect("it is set up");
            let handle = session.handle.clone();
            let fields = json!({"msg_id": "m1", "path": "file"}).to_string();
            let call = spawn_local(async move { media.call(&handle, "DownloadFile", fields, 0).await });
            let asked = client.receive().await;
            let files = FileServer::start(Answer::Content(1_000_000)).await;
            let parameters = json!({"url": files.url, "heads": {}, "path": "file"});
            client.reply(&asked, 0, &parameters.to_string()).await;
            soon("the file", call).await.expect("it does not panic").expect("it is fetched");
            let fetched = std::fs::read(folder.path().join("file")).expect("it is there");
            assert!(fetched == content(0, 1_000_000), "other bytes arrived");
        }
    });
}
