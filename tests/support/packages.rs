//! Packages of PyPI and npm that judge what is sent, installed once into a folder that stays for the next time.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

use crate::system;

/// What is installed with pip, and with npm.
const PYTHON: &[&str] = &["line-bot-sdk==3.27.0", "schemathesis==4.32.5"];
const NODE: &[&str] = &["@line/bot-sdk@11.2.0", "@stoplight/prism-cli@5.14.2"];

/// Whether they can be installed here; says so where they cannot.
pub(crate) fn are_there() -> bool {
    system::is_there("python3-venv and npm")
}

/// A Python that has the packages.
pub(crate) async fn python() -> PathBuf {
    static INSTALLED: OnceCell<PathBuf> = OnceCell::const_new();
    let install = async || {
        let folder = folder(PYTHON);
        let python = folder.join("bin/python");
        if !folder.join("installed").exists() {
            let mut environment = Command::new("python3");
            environment.args(["-m", "venv", "--clear"]).arg(&folder);
            run(environment, Vec::new()).await;
            let mut packages = Command::new(&python);
            packages.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(PYTHON);
            run(packages, Vec::new()).await;
            std::fs::write(folder.join("installed"), "").expect("it can be written");
        }
        python
    };
    INSTALLED.get_or_init(install).await.clone()
}

/// The folder in which Node finds the packages.
pub(crate) async fn node() -> PathBuf {
    static INSTALLED: OnceCell<PathBuf> = OnceCell::const_new();
    let install = async || {
        let folder = folder(NODE);
        std::fs::create_dir_all(&folder).expect("it can be made");
        if !folder.join("installed").exists() {
            let mut packages = Command::new("npm");
            packages
                .args(["install", "--silent", "--no-audit", "--no-fund", "--no-save", "--prefix"])
                .arg(&folder)
                .args(NODE);
            run(packages, Vec::new()).await;
            std::fs::write(folder.join("installed"), "").expect("it can be written");
        }
        folder
    };
    INSTALLED.get_or_init(install).await.clone()
}

/// Runs a program to its end and gives what it says.
pub(crate) async fn run(mut command: Command, input: Vec<u8>) -> String {
    let name = format!("{command:?}");
    let ended = tokio::task::spawn_blocking(move || {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut stdin = child.stdin.take().expect("it is piped");
        // One that fails early reads nothing.
        let writing = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().expect("it ends");
        writing.join().expect("it does not panic");
        output
    });
    let output = ended.await.expect("it does not panic");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (said(&output.stdout), said(&output.stderr));
    assert!(output.status.success(), "{name}: {stdout}\n{stderr}");
    stdout
}

/// The folder that packages are installed into.
fn folder(packages: &[&str]) -> PathBuf {
    let versions: String =
        Sha256::digest(packages.join(" ")).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("line-{versions}"))
}
