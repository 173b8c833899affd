//! Real proxy servers as child processes, each on a free port until its test ends.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::gateway::soon;

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

/// An http proxy, with a name and a password where they are given.
pub(crate) async fn tinyproxy(credentials: Option<(&str, &str)>) -> Server {
    let auth = credentials.map(|(name, password)| format!("BasicAuth {name} {password}\n")).unwrap_or_default();
    let configuration = |port: u16| format!("Port {port}\nListen 127.0.0.1\nTimeout 60\nAllow 127.0.0.1\n{auth}");
    start("tinyproxy", "tinyproxy-bin", &["-d", "-c"], configuration).await
}

/// A socks5 proxy that asks for no password.
pub(crate) async fn danted() -> Server {
    let configuration = |port: u16| {
        format!(
            "logoutput: stderr\n\
             internal: 127.0.0.1 port = {port}\n\
             external: lo\n\
             clientmethod: none\n\
             socksmethod: none\n\
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
    let log = std::fs::File::create(folder.path().join("log")).expect("a file");
    let child = Command::new(found(program, package))
        .args(arguments)
        .arg(&file)
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

fn found(program: &str, package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Servers are installed where only root's PATH looks.
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let mut places = folders.map(|folder| folder.join(program));
    places
        .find(|place: &PathBuf| Path::is_file(place))
        .unwrap_or_else(|| panic!("{program} is not installed: {package}"))
}
