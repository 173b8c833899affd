//! Sessions and transfers through real proxy servers: tinyproxy, and dante's danted.

mod servers;

use std::path::Path;

use hotline::session::{ConnectVia, Media, MediaMode, Proxy, ProxyKind, SessionConfig};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::task::spawn_local;

use crate::certificate::certificate;
use crate::files::{Answer, FileServer, content};
use crate::gateway::{Client, Gateway, soon};
use crate::system;
use crate::watch::{Session, config, on_a_worker};
use servers::{Access, HIDDEN, danted, tinyproxy};

fn is_there() -> bool {
    system::is_there("danted, tinyproxy and libnss_wrapper")
}

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
fn a_session_goes_through_either_with_a_password_to_a_host_that_only_the_proxy_knows() {
    if !is_there() {
        return;
    }
    on_a_worker(async {
        let gateway = Gateway::listen().await;
        let (http, socks) = (tinyproxy(Access::Bot).await, danted(Access::Bot).await);
        let hidden = format!("ws://{HIDDEN}:{}", gateway.port());
        for (scheme, proxy) in [("http", &http), ("socks5", &socks)] {
            for url in [&gateway.url(), &hidden] {
                let connect_via = via(format!("{scheme}://bot:pass@127.0.0.1:{}", proxy.port));
                converse(SessionConfig { connect_via, ..config(url) }, &gateway).await;
            }
        }
        let mut session = Session::start(config(&hidden));
        let reason = session.disconnected().await;
        assert!(reason.contains(&format!("cannot connect to {HIDDEN}:")), "{reason}");
    });
}

#[test]
fn a_wrong_password_is_said_to_be_so_by_either() {
    if !is_there() {
        return;
    }
    on_a_worker(async {
        let gateway = Gateway::listen().await;
        let (http, socks) = (tinyproxy(Access::Bot).await, danted(Access::Bot).await);
        for (scheme, proxy, expected) in [("http", &http, "40"), ("socks5", &socks, "auth")] {
            let connect_via = via(format!("{scheme}://bot:word@127.0.0.1:{}", proxy.port));
            let mut session = Session::start(SessionConfig { connect_via, ..config(&gateway.url()) });
            let reason = session.disconnected().await;
            let said = reason.to_lowercase();
            assert!(said.contains("refuses the connection") && said.contains(expected), "{reason}");
            assert!(!reason.contains("word@"), "{reason}");
        }
    });
}

#[test]
fn an_encrypted_session_goes_through_either() {
    if !is_there() {
        return;
    }
    on_a_worker(async {
        let (gateway, certificate) = (Gateway::listen().await, certificate());
        let (http, socks) = (tinyproxy(Access::Anyone).await, danted(Access::Anyone).await);
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

/// A session of an account with a proxy, and what carries its files.
async fn with_proxy(proxy: Proxy, gateway: &Gateway, folder: &Path) -> (Session, Client, Media) {
    let config = SessionConfig { proxy: Some(proxy), ..config(&gateway.url()) };
    let mut session = Session::start(config.clone());
    let client = gateway.accept_login("u9").await;
    session.logged_in().await;
    let media = Media::new(MediaMode::Upload, &config, &[folder.to_owned()]).await.expect("it is set up");
    (session, client, media)
}

/// Has a command carry its file from or to this server, which only the proxy finds.
async fn carry(
    (session, client, media): (&Session, &mut Client, Media),
    command: &'static str,
    fields: Value,
    files: &FileServer,
) {
    let handle = session.handle.clone();
    let call = spawn_local(async move { media.call(&handle, command, fields.to_string(), 0).await });
    let asked = client.receive().await;
    let url = files.url.replace("127.0.0.1", HIDDEN);
    let parameters = json!({"url": url, "heads": {}, "params": "", "path": "file"});
    client.reply(&asked, 0, &parameters.to_string()).await;
    soon("the file", call).await.expect("it does not panic").expect("it is carried");
}

#[test]
fn files_go_up_and_come_down_through_either() {
    if !is_there() {
        return;
    }
    const SIZE: usize = 1_000_000;
    on_a_worker(async {
        let gateway = Gateway::listen().await;
        let (http, socks) = (tinyproxy(Access::Bot).await, danted(Access::Anyone).await);
        let server = "127.0.0.1".to_owned();
        let (username, password) = (Some("bot".to_owned()), Some("pass".to_owned().into()));
        for proxy in [
            Proxy { kind: ProxyKind::Http, server: server.clone(), port: http.port, username, password },
            Proxy { kind: ProxyKind::Socks5, server, port: socks.port, username: None, password: None },
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            let (session, mut client, media) = with_proxy(proxy.clone(), &gateway, folder.path()).await;
            let files = FileServer::start(Answer::Content(SIZE as u64)).await;
            let fields = json!({"msg_id": "m1", "path": "down"});
            carry((&session, &mut client, media), "DownloadFile", fields, &files).await;
            let fetched = std::fs::read(folder.path().join("down")).expect("it is there");
            assert!(fetched == content(0, SIZE), "other bytes arrived");

            let (session, mut client, media) = with_proxy(proxy, &gateway, folder.path()).await;
            let files = FileServer::start(Answer::Status("200 OK")).await;
            let fields = json!({"to": "u1", "path": "down"});
            carry((&session, &mut client, media), "SendFile", fields, &files).await;
            let served = soon("the server", files.served).await.expect("it does not panic");
            assert_eq!((served.size, served.hash), (SIZE as u64, Sha256::digest(&fetched).to_vec()));
        }
    });
}
