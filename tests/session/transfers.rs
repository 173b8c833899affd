//! Files over HTTP: what goes up, what comes down, and what does neither.

use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hotline::protocol::Content;
use hotline::session::{Media, MediaError, MediaMode, Proxy as AccountProxy, ProxyKind, SessionConfig};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinHandle, spawn_local};

use crate::files::{Answer, FileServer, content};
use crate::gateway::{Client, Gateway, soon};
use crate::proxy::Proxy;
use crate::watch::{Session, config, on_a_worker};

const NOW: i64 = 1_700_000_000_000;

/// A live session whose files are in a folder.
struct Setting {
    session: Session,
    client: Client,
    config: SessionConfig,
    folder: tempfile::TempDir,
}

async fn setting() -> Setting {
    let gateway = Gateway::listen().await;
    let config = config(&gateway.url());
    let mut session = Session::start(config.clone());
    let client = gateway.accept_login("u9").await;
    session.logged_in().await;
    Setting { session, client, config, folder: tempfile::tempdir().expect("a folder") }
}

impl Setting {
    fn path(&self) -> &Path {
        self.folder.path()
    }

    async fn media(&self, mode: MediaMode) -> Media {
        Media::new(mode, &self.config, &[self.path().to_owned()]).await.expect("the folder is there")
    }

    /// Sends a command with a file, answers its parameters with `parameters`, and gives its result.
    async fn call(
        &mut self,
        media: Media,
        command: &'static str,
        fields: Value,
        parameters: &Value,
    ) -> (Value, Result<Content, MediaError>) {
        let handle = self.session.handle.clone();
        let call = spawn_local(async move { media.call(&handle, command, fields.to_string(), NOW).await });
        let asked = self.client.receive().await;
        self.client.reply(&asked, 0, &parameters.to_string()).await;
        (asked, soon("the result", call).await.expect("it does not panic"))
    }
}

#[test]
fn a_picture_goes_up_with_its_parameters() {
    on_a_worker(async {
        let mut setting = setting().await;
        std::fs::write(setting.path().join("cat.png"), b"a cat").expect("it is written");
        let server = FileServer::start(Answer::Status("201 Created")).await;
        let heads = json!({"X-Token": "secret", "Content-Type": "image/png"});
        let parameters = json!({"url": server.url, "heads": heads, "params": "{\"a\":1}", "path": "cat.png"});
        let media = setting.media(MediaMode::Upload).await;
        let fields = json!({"to": "u1", "path": "cat.png"});
        let (asked, result) = setting.call(media, "SendImage", fields, &parameters).await;
        let msg_id = asked["msg_id"].as_str().expect("an id of our own");
        let expected =
            json!({"command": "GetSendImageParam", "task_id": 1, "to": "u1", "path": "cat.png", "msg_id": msg_id});
        assert_eq!(asked, expected);
        assert_eq!(result.expect("it is sent").value(), json!({"id": msg_id, "to": "u1", "timestamp": NOW}));
        let served = soon("the server", server.served).await.expect("it does not panic");
        assert_eq!(served.request, "POST /media?token=t HTTP/1.1");
        assert_eq!(served.headers["x-token"], "secret");
        assert!(served.headers["content-type"].starts_with("multipart/form-data; boundary="));
        assert_eq!(
            served.parts,
            [
                r#"Content-Disposition: form-data; name="params"|{"a":1}"#,
                r#"Content-Disposition: form-data; name="files"; filename="cat.png""#
            ]
        );
        assert_eq!((served.size, served.hash), (5, Sha256::digest(b"a cat").to_vec()));
    });
}

#[test]
fn two_hundred_mebibytes_go_up_and_down_in_flat_memory() {
    const SIZE: u64 = 200 * 1024 * 1024;
    const ALONE: &str = "HOTLINE_TEST_ALONE";
    // In a process of its own: what is measured would be other tests' memory too.
    if std::env::var_os(ALONE).is_none() {
        let name = "session::transfers::two_hundred_mebibytes_go_up_and_down_in_flat_memory";
        let mut alone = Command::new(std::env::current_exe().expect("this test"));
        let output = alone.args(["--exact", name]).env(ALONE, "1").output().expect("it starts");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    on_a_worker(async {
        let mut setting = setting().await;
        let mut file = std::fs::File::create(setting.path().join("film.mp4")).expect("a file");
        let mut hash = Sha256::new();
        for at in (0..SIZE).step_by(1024 * 1024) {
            let chunk = content(at, 1024 * 1024);
            hash.update(&chunk);
            file.write_all(&chunk).expect("it is written");
        }
        let hash = hash.finalize().to_vec();
        let before = peak_memory();

        let server = FileServer::start(Answer::Status("200 OK")).await;
        let parameters = json!({"url": server.url, "heads": {}, "params": "", "path": "film.mp4"});
        let media = setting.media(MediaMode::Upload).await;
        let fields = json!({"to": "u1", "path": "film.mp4", "duration": 1000});
        let (asked, result) = setting.call(media, "SendVideo", fields, &parameters).await;
        assert_eq!((&asked["command"], &asked["duration"]), (&json!("GetSendVideoParam"), &json!(1000)));
        result.expect("it is sent");
        let served = soon("the server", server.served).await.expect("it does not panic");
        assert_eq!((served.parts.len(), served.size), (1, SIZE));
        assert_eq!(served.hash, hash);

        let server = FileServer::start(Answer::Content(SIZE)).await;
        let parameters = json!({"url": server.url, "heads": {}, "path": "copy.mp4"});
        let media = setting.media(MediaMode::Upload).await;
        let fields = json!({"msg_id": "m1", "path": "copy.mp4"});
        let (asked, result) = setting.call(media, "DownloadFile", fields, &parameters).await;
        assert_eq!(asked["command"], "GetDownloadFileParam");
        let path = result.expect("it is fetched").value()["path"].as_str().expect("a path").to_owned();
        assert_eq!(soon("the server", server.served).await.expect("it does not panic").hash, hash);
        assert_eq!(file_hash(Path::new(&path)), hash);

        let grown = peak_memory().saturating_sub(before);
        assert!(grown < 64 * 1024, "the memory grew by {grown} KiB");
    });
}

#[test]
fn transfers_go_through_the_accounts_proxy() {
    on_a_worker(async {
        let mut setting = setting().await;
        let proxy = Proxy::socks5().await;
        setting.config.proxy = Some(AccountProxy {
            kind: ProxyKind::Socks5,
            server: "127.0.0.1".into(),
            port: proxy.port,
            username: Some("me".into()),
            password: Some("pass".to_owned().into()),
        });
        let server = FileServer::start(Answer::Content(10)).await;
        let media = setting.media(MediaMode::Upload).await;
        let parameters = json!({"url": server.url, "heads": {"X-Token": "t"}, "path": "x"});
        let fields = json!({"msg_id": "m1", "path": "x"});
        let (_, result) = setting.call(media, "DownloadFile", fields, &parameters).await;
        result.expect("it is fetched");
        assert_eq!(std::fs::read(setting.path().join("x")).expect("it is there"), content(0, 10));
        let served = soon("the server", server.served).await.expect("it does not panic");
        assert_eq!((served.request.as_str(), &*served.headers["x-token"]), ("POST /media?token=t HTTP/1.1", "t"));
        // Servers may insist on it.
        assert_eq!(served.headers["content-length"], "0");
        let asked = soon("the proxy", proxy.asked).await.expect("it does not panic");
        assert!(asked.starts_with("me:pass 127.0.0.1:"), "{asked}");
    });
}

#[test]
fn a_refused_or_torn_transfer_is_an_error_and_leaves_no_file() {
    on_a_worker(async {
        let mut setting = setting().await;
        std::fs::write(setting.path().join("cat.png"), b"a cat").expect("it is written");
        let server = FileServer::start(Answer::Status("413 Payload Too Large")).await;
        let parameters = json!({"url": server.url, "heads": {}, "params": "", "path": "cat.png"});
        let media = setting.media(MediaMode::Upload).await;
        let fields = json!({"to": "u1", "path": "cat.png"});
        let (_, result) = setting.call(media, "SendFile", fields, &parameters).await;
        let error = result.expect_err("it is refused");
        assert_eq!(error.to_string(), "the media server answered with HTTP status 413, expected a success");
        assert_eq!(error.name(), "TRANSFER_FAILED");

        let server = FileServer::start(Answer::Torn).await;
        let parameters = json!({"url": server.url, "heads": {}, "path": "dog.png"});
        let media = setting.media(MediaMode::Upload).await;
        let fields = json!({"msg_id": "m1", "path": "dog.png"});
        let (_, result) = setting.call(media, "DownloadFile", fields, &parameters).await;
        let error = result.expect_err("it is torn").to_string();
        assert!(error.starts_with("the transfer broke off: "), "{error}");
        assert!(!error.contains("token"), "{error}");
        assert_eq!(std::fs::read_dir(setting.path()).expect("a folder").count(), 1, "the cat alone");
    });
}

#[test]
fn a_file_outside_the_folders_is_refused_before_the_gateway_is_asked() {
    on_a_worker(async {
        let setting = setting().await;
        let media = setting.media(MediaMode::Upload).await;
        let handle = setting.session.handle.clone();
        for (command, fields) in [
            ("SendImage", json!({"to": "u1", "path": "/etc/hostname"})),
            ("DownloadFile", json!({"msg_id": "m1", "path": "../copy"})),
        ] {
            let error = media.call(&handle, command, fields.to_string(), NOW).await.expect_err("it is outside");
            assert!(error.to_string().contains("is in none of the folders"), "{error}");
            assert_eq!(error.name(), "FILE");
        }
        let error = media.call(&handle, "UpdateProfilePicture", "{}".into(), NOW).await.expect_err("no way to upload");
        assert_eq!(error.name(), "UNSUPPORTED");
    });
}

#[test]
fn paths_go_to_a_gateway_on_this_machine_as_they_are() {
    on_a_worker(async {
        let mut setting = setting().await;
        let media = setting.media(MediaMode::Auto).await;
        let fields = json!({"to": "u1", "path": "/on/the/gateway.png"});
        let (asked, result) = setting.call(media, "SendImage", fields, &json!({"id": "1"})).await;
        let expected = json!({"command": "SendImage", "task_id": 1, "to": "u1", "path": "/on/the/gateway.png"});
        assert_eq!(asked, expected);
        assert_eq!(result.expect("it is sent").value(), json!({"id": "1"}));
    });
}

/// A server that takes of an upload what the test lets it take, and nothing ahead of that.
struct SlowServer {
    listener: TcpListener,
    url: String,
}

impl SlowServer {
    fn start() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        // What the system takes ahead has to be less than what a step takes.
        socket.set_recv_buffer_size(64 * 1024).expect("a smaller buffer");
        socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
        let listener = socket.listen(1).expect("it listens");
        let url = format!("http://{}/", listener.local_addr().expect("it listens"));
        Self { listener, url }
    }
}

/// Begins to upload a file of so many bytes.
async fn begin_upload(
    setting: &mut Setting,
    server: &SlowServer,
    size: u64,
) -> (JoinHandle<Result<Content, MediaError>>, TcpStream) {
    let file = std::fs::File::create(setting.path().join("film.mp4")).expect("a file");
    file.set_len(size).expect("room for it");
    let media = setting.media(MediaMode::Upload).await.timed_by(setting.session.clock.clone());
    let handle = setting.session.handle.clone();
    let fields = json!({"to": "u1", "path": "film.mp4"}).to_string();
    let call = spawn_local(async move { media.call(&handle, "SendFile", fields, NOW).await });
    let asked = setting.client.receive().await;
    let parameters = json!({"url": server.url, "heads": {}, "params": "", "path": "film.mp4"});
    setting.client.reply(&asked, 0, &parameters.to_string()).await;
    (call, soon("the upload", server.listener.accept()).await.expect("a client").0)
}

#[test]
fn an_upload_may_take_long_as_long_as_bytes_flow() {
    const STEP: usize = 12 * 1024 * 1024;
    const STEPS: usize = 4;
    on_a_worker(async {
        let mut setting = setting().await;
        let server = SlowServer::start();
        let (call, mut stream) = begin_upload(&mut setting, &server, (STEP * STEPS) as u64).await;
        let mut taken = vec![0; STEP];
        for _ in 0..STEPS {
            soon("a step", stream.read_exact(&mut taken)).await.expect("bytes");
            setting.session.clock.advance(Duration::from_secs(50));
        }
        // Its head and the form around the file are all that is left.
        let rest = soon("the rest", stream.read(&mut taken)).await.expect("bytes");
        assert!(rest > 0 && !call.is_finished());
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.expect("an answer");
        soon("the result", call).await.expect("it does not panic").expect("it is sent");
    });
}

#[test]
fn a_server_that_takes_nothing_for_a_minute_has_gone() {
    on_a_worker(async {
        let mut setting = setting().await;
        let server = SlowServer::start();
        let (mut call, _stream) = begin_upload(&mut setting, &server, 64 * 1024 * 1024).await;
        // Until the system's buffers are full bytes flow, whoever takes them; then they do not.
        let error = loop {
            setting.session.clock.advance(Duration::from_secs(30));
            tokio::select! {
                result = &mut call => break result.expect("it does not panic").expect_err("nobody takes it"),
                () = tokio::task::yield_now() => {}
            }
        };
        assert_eq!(
            (error.name(), error.to_string().as_str()),
            ("IN_DOUBT", "the transfer broke off: the server is silent")
        );
    });
}

fn file_hash(path: &Path) -> Vec<u8> {
    let mut file = std::fs::File::open(path).expect("it is there");
    let mut hash = Sha256::new();
    let mut chunk = vec![0; 1024 * 1024];
    loop {
        match file.read(&mut chunk).expect("it is readable") {
            0 => return hash.finalize().to_vec(),
            count => hash.update(&chunk[..count]),
        }
    }
}

/// The most memory that this process has had, in KiB; 0 where the system does not tell.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_ascii_whitespace().next()?.parse().ok()).unwrap_or(0)
}
