//! Real proxy servers as child processes, each on a free port until its test ends.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::gateway::soon;

/// A host that the proxy servers know, and nobody else on this machine does.
pub(crate) const HIDDEN: &str = "only.the.proxy.test";

/// Whom danted knows: `bot` with the password `pass`.
const SHADOW: &str = "bot:$6$saltsalt$KN.twvCyfwE67paW76hS2/bacYkY9PxIhxqYG9vL5bZmIwWBGDJ6mu4HlCosKUBfQwVXKXxXVXPcqdwd1Ip0X/:\
                      19000:0:99999:7:::\n";

/// Whom a proxy server lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Anyone,
    /// `bot` with the password `pass`.
    Bot,
}

/// A running proxy server, killed when it is dropped.
pub(crate) struct Server {
    pub(crate) port: u16,
    child: Child,
    folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An http proxy.
pub(crate) async fn tinyproxy(access: Access) -> Server {
    let auth = if access == Access::Bot { "BasicAuth bot pass\n" } else { "" };
    let configuration = |port: u16| format!("Port {port}\nListen 127.0.0.1\nTimeout 60\nAllow 127.0.0.1\n{auth}");
    start("tinyproxy", "tinyproxy-bin", &["-d", "-c"], configuration).await
}

/// A socks5 proxy.
pub(crate) async fn danted(access: Access) -> Server {
    let method = if access == Access::Bot { "username" } else { "none" };
    let configuration = |port: u16| {
        format!(
            "logoutput: stderr\n\
             internal: 127.0.0.1 port = {port}\n\
             external: lo\n\
             clientmethod: none\n\
             socksmethod: {method}\n\
             client pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}\n\
             socks pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 protocol: tcp }}\n"
        )
    };
    start("danted", "dante-server", &["-f"], configuration).await
}

async fn start(program: &str, package: &str, arguments: &[&str], configuration: impl Fn(u16) -> String) -> Server {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("configuration");
    std::fs::write(&file, configuration(port)).expect("it is written");
    let names = folder.path().join("names");
    let log = std::fs::File::create(folder.path().join("log")).expect("a file");
    let child = Command::new(found(program, package))
        .args(arguments)
        .arg(&file)
        .envs(system_of_its_own(&names))
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a file"))
        .stderr(log)
        .spawn()
        .unwrap_or_else(|error| panic!("{program} does not start: {error}"));
    let mut server = Server { port, child, folder };
    soon(program, server.is_ready()).await;
    server
}

impl Server {
    async fn is_ready(&mut self) {
        while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
            if let Some(status) = self.child.try_wait().expect("the child is known") {
                let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                panic!("it ended with {status}: {log}");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// What makes a program see accounts and hosts that are in no file of the system.
fn system_of_its_own(folder: &Path) -> Vec<(&'static str, PathBuf)> {
    std::fs::create_dir(folder).expect("a folder");
    let files = [
        ("NSS_WRAPPER_PASSWD", "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\nbot:x:1234:1234::/:/bin/sh\n"),
        ("NSS_WRAPPER_GROUP", "root:x:0:\nnogroup:x:65534:\nbot:x:1234:\n"),
        ("NSS_WRAPPER_SHADOW", SHADOW),
        ("NSS_WRAPPER_HOSTS", &format!("127.0.0.1 {HIDDEN}\n")),
    ];
    let mut variables = vec![("LD_PRELOAD", wrapper())];
    for (variable, text) in files {
        let file = folder.join(variable);
        std::fs::write(&file, text).expect("it is written");
        variables.push((variable, file));
    }
    variables
}

/// The library that does it.
fn wrapper() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").expect("a folder").flatten().map(|entry| entry.path());
    let mut places = folders.chain(["/usr/lib".into()]).map(|folder| folder.join("libnss_wrapper.so"));
    places.find(|place| place.is_file()).expect("libnss_wrapper.so is not installed: libnss-wrapper")
}

fn found(program: &str, package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Servers are installed where only root's PATH looks.
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let mut places = folders.map(|folder| folder.join(program));
    places
        .find(|place: &PathBuf| Path::is_file(place))
        .unwrap_or_else(|| panic!("{program} is not installed: {package}"))
}
