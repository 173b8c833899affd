//! A bot on LINE in a folder, the sandbox's official account, and the people who talk to it.

use std::sync::Arc;
use std::time::Duration;

use hotline::protocol::Message;
use hotline::protocol::line::{SIGNATURE_HEADER, sign};
use hotline::sandbox::{BotMessage, Control, Official, OfficialConfig, Sandbox, SandboxConfig, Watcher};
use reqwest::{Client, StatusCode};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::crash::bot::{Folder, Process};
use crate::line::relay::Relay;
use crate::port::port;

/// Real time that no test comes near unless something hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A bot that runs, and alice.
pub(crate) struct Scene {
    pub(crate) folder: Folder,
    pub(crate) control: Control,
    pub(crate) official: Official,
    pub(crate) process: Option<Process>,
    /// Where the bot takes webhooks, without a path.
    pub(crate) listen: String,
    pub(crate) http: Client,
    pub(crate) sandbox: Sandbox,
    alice: Watcher,
}

impl Scene {
    /// Starts a bot with this script, whom alice has added; it has handled that.
    pub(crate) async fn new(script: &str) -> Self {
        Self::with("channel_token = \"sandbox\"", script).await
    }

    /// The same with other credentials beside the channel's secret.
    pub(crate) async fn with(credentials: &str, script: &str) -> Self {
        Self::between(credentials, script, async |api| api).await
    }

    /// A bot with this script, and what remembers all that it asks.
    pub(crate) async fn behind_relay(script: &str) -> (Relay, Self) {
        let mut between = None;
        let listen = async |api| {
            let (relay, url) = Relay::listen(api).await;
            between = Some(relay);
            url
        };
        let scene = Self::between("channel_token = \"sandbox\"", script, listen).await;
        (between.expect("it was asked for"), scene)
    }

    /// The same with something between the bot and the sandbox: what gives its url is given that of the sandbox.
    async fn between(credentials: &str, script: &str, way: impl AsyncFnOnce(String) -> String) -> Self {
        let port = port();
        let official = OfficialConfig {
            listen: Some("127.0.0.1:0".parse().expect("an address")),
            redelivery: vec![Duration::from_millis(200); 100],
            ..OfficialConfig::default()
        };
        let listen = "127.0.0.1:0".parse().expect("an address");
        let sandbox = Sandbox::start(SandboxConfig { listen, official, ..SandboxConfig::default() }).await;
        let sandbox = sandbox.expect("free ports");
        let control = sandbox.control();
        let official = control.official();
        let api = way(sandbox.line_url().expect("it is served")).await;
        let folder = Folder::new(&format!(
            "journal = \"strict\"\nfiles = [\".\"]\n[webhook]\nlisten = \"127.0.0.1:{port}\"\n[[session]]\nnetwork = \"line\"\n\
             channel_secret = \"sandbox\"\n{credentials}\napi = \"{api}\"\n"
        ));
        folder.save("bot.rhai", script);
        let alice = control.watch("alice").expect("she is known");
        let listen = format!("http://127.0.0.1:{port}");
        let process = Some(folder.start());
        let mut scene = Self { folder, control, official, process, listen, http: client(), alice, sandbox };
        scene.until("the webhook is set", |scene| scene.official.webhook().is_some()).await;
        scene.official.follow("alice").expect("both are known");
        scene
    }

    pub(crate) fn says(&self, text: &str) {
        self.control.say("alice", "shop", text).expect("both are known");
    }

    /// The next message that alice gets.
    pub(crate) async fn gets(&mut self) -> Message {
        let next = async {
            loop {
                let event = self.alice.next().await.expect("the sandbox runs");
                if event.subcommand == "RECEIVE_MESSAGE" {
                    return Message::read(event.content.as_str()).expect("a message");
                }
            }
        };
        match tokio::time::timeout(PATIENCE, next).await {
            Ok(message) => message,
            Err(_) => panic!("alice hears nothing:\n{}", self.folder.log()),
        }
    }

    /// The next text that alice gets.
    pub(crate) async fn hears(&mut self) -> String {
        self.gets().await.text.unwrap_or_default()
    }

    /// Waits until something is the case.
    pub(crate) async fn until(&mut self, what: &str, is: impl Fn(&Self) -> bool) {
        let reached = async {
            while !is(self) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let reached = tokio::time::timeout(PATIENCE, reached).await;
        reached.unwrap_or_else(|_| panic!("{what} never:\n{}", self.folder.log()));
    }

    /// The last message that the bot has sent.
    pub(crate) fn last(&self) -> BotMessage {
        self.official.sent().pop().expect("it has sent something")
    }

    /// Posts a webhook that is signed with a secret; gives the answer.
    pub(crate) async fn posts(&self, path: &str, secret: &str, body: &str) -> (StatusCode, String) {
        let signature = sign(secret.as_bytes(), body.as_bytes());
        let request = self.http.post(format!("{}{path}", self.listen)).header(SIGNATURE_HEADER, signature);
        let response = request.body(body.to_owned()).send().await.expect("it listens");
        (response.status(), response.text().await.expect("a text"))
    }

    /// Sends the bot's listener these bytes; gives what it says until it closes the connection.
    pub(crate) async fn asks(&self, bytes: &str) -> String {
        let address = self.listen.trim_start_matches("http://");
        let (mut reader, mut writer) = TcpStream::connect(address).await.expect("it listens").into_split();
        let write = async {
            // The connection may be closed before the whole of it is written.
            let _ = writer.write_all(bytes.as_bytes()).await;
            std::future::pending::<()>().await
        };
        let mut said = Vec::new();
        tokio::select! {
            _ = reader.read_to_end(&mut said) => {}
            () = write => {}
            () = tokio::time::sleep(PATIENCE) => panic!("the connection stays open after {}", String::from_utf8_lossy(&said)),
        }
        String::from_utf8_lossy(&said).into_owned()
    }

    /// A webhook for the bot's account with these events.
    pub(crate) fn webhook(&self, events: &Value) -> String {
        let destination = self.control.mid("shop").expect("it is known").replacen('u', "U", 1);
        serde_json::json!({ "destination": destination, "events": events }).to_string()
    }

    pub(crate) fn kill(&mut self) {
        self.process.take().expect("it runs").kill();
    }

    pub(crate) fn start(&mut self) {
        self.process = Some(self.folder.start());
    }

    pub(crate) async fn end(mut self) {
        if let Some(process) = self.process.take() {
            process.end();
        }
        let log = self.folder.log();
        assert!(!log.contains("=sandbox") && !log.contains("Bearer"), "the log tells a secret:\n{log}");
        self.sandbox.stop().await;
    }
}

/// A client of plain http.
pub(super) fn client() -> Client {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the usual versions")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    Client::builder().tls_backend_preconfigured(tls).no_proxy().build().expect("a client")
}
