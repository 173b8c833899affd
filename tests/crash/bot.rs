//! A bot in a folder of its own, and the process that runs it.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hotline::store::{Durability, JournalReader, Store};
use tempfile::TempDir;

use crate::crash::PATIENCE;

/// A bot's folder: its configuration, its scripts, its data, its log.
pub(crate) struct Folder(TempDir);

impl Folder {
    /// A folder with this configuration.
    pub(crate) fn new(configuration: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("hotline.toml"), configuration).expect("the folder is ours");
        Self(folder)
    }

    /// Saves a script, or a module, as many editors do: written beside it and renamed.
    pub(crate) fn save(&self, name: &str, text: &str) {
        let path = self.path().join("scripts").join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is ours");
        let draft = path.with_extension("draft");
        fs::write(&draft, text).expect("the folder is ours");
        fs::rename(draft, path).expect("the folder is ours");
    }

    /// Changes its configuration.
    pub(crate) fn configure(&self, change: impl FnOnce(String) -> String) {
        let file = self.path().join("hotline.toml");
        let text = fs::read_to_string(&file).expect("the folder is ours");
        fs::write(file, change(text)).expect("the folder is ours");
    }

    /// Removes a script.
    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.path().join("scripts").join(name)).expect("it is there");
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// What all its processes logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path().join("log")).unwrap_or_default()
    }

    /// Waits until one of its processes logs this.
    pub(crate) async fn logs(&self, expected: &str) {
        self.logs_times(expected, 1).await;
    }

    /// Waits until its processes have logged this so many times.
    pub(crate) async fn logs_times(&self, expected: &str, times: usize) {
        let logged = async {
            while self.log().matches(expected).count() < times {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let outcome = tokio::time::timeout(PATIENCE, logged).await;
        outcome.unwrap_or_else(|_| panic!("\"{expected}\" is not logged, but:\n{}", self.log()));
    }

    /// Starts a process that runs it.
    pub(crate) fn start(&self) -> Process {
        self.start_with(&[])
    }

    /// Starts a process that runs it, with these flags.
    pub(crate) fn start_with(&self, flags: &[&str]) -> Process {
        self.start_given(flags, &[])
    }

    /// As [`start_with`](Self::start_with), with these variables in its environment.
    pub(crate) fn start_given(&self, flags: &[&str], variables: &[(&str, &str)]) -> Process {
        let log = File::options().create(true).append(true).open(self.path().join("log")).expect("the folder is ours");
        let mut command = self.command(&["run"]);
        command.args(flags).envs(variables.iter().copied()).stdout(Stdio::null()).stderr(log);
        let child = command.spawn().expect("the binary starts");
        Process(child)
    }

    /// The binary in this folder, without the log settings of whoever runs the tests.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hotline"));
        command.args(arguments).current_dir(self.path()).env_remove("RUST_LOG").stdin(Stdio::null());
        command
    }

    /// Waits until the process has handled what it was told, as one that is asked to end leaves the rest to the next.
    pub(crate) async fn is_seen_through(&self, latest: u32) {
        let events = || self.journal().events(latest).expect("the journal can be read");
        let seen_through = async {
            while events().iter().any(|handling| !handling.event.done) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, seen_through).await.expect("every event is seen through");
    }

    /// Its journal, as it is on disk.
    pub(crate) fn journal(&self) -> JournalReader {
        JournalReader::open(&self.path().join("data")).expect("there is a journal")
    }

    /// What is durable in it, while no process has it, as a copy: the lock of a store that was closed a moment ago may be alive still in a
    /// process that another test is just starting.
    pub(crate) fn store(&self) -> (TempDir, Store) {
        let copy = tempfile::tempdir().expect("a temporary folder");
        for entry in fs::read_dir(self.path().join("data")).expect("there is data") {
            let entry = entry.expect("the entry is readable");
            if entry.file_type().expect("it is there").is_file() {
                fs::copy(entry.path(), copy.path().join(entry.file_name())).expect("the folder is ours");
            }
        }
        let store = Store::open(copy.path(), Durability::Strict).expect("the copy is nobody else's");
        (copy, store)
    }

    /// Checks the database from end to end, while no process has it.
    pub(crate) fn check(&self) {
        let (_copy, store) = self.store();
        store.check().expect("the database is whole");
    }

    /// Has what the last process left in the log settle in the tables.
    pub(crate) fn settle(&self) {
        Store::open(&self.path().join("data"), Durability::Strict).expect("the data folder is free");
    }
}

/// A process that runs a bot; dropped, it is killed.
pub(crate) struct Process(Child);

impl Process {
    /// Kills it as the system does when memory runs out.
    pub(crate) fn kill(mut self) {
        self.0.kill().expect("it runs");
        let status = self.0.wait().expect("it ends");
        assert_eq!(status.code(), None, "it ended by itself before it was killed: {status}");
    }

    /// Kills it, where it has not ended by itself already; gives its status then.
    pub(crate) fn kill_anyhow(mut self) -> Option<i32> {
        self.0.kill().expect("it was started");
        self.0.wait().expect("it ends").code()
    }

    /// Asks it to end, as a person does.
    pub(crate) fn is_asked_to_end(&self) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("there is kill").success());
    }

    /// Waits until it has ended by itself.
    pub(crate) fn has_ended(mut self) {
        assert_eq!(self.0.wait().expect("it ends").code(), Some(0));
    }

    /// Asks it to end, at whatever moment; gives its status where it was far enough to end by itself.
    pub(crate) fn terminate(mut self) -> Option<i32> {
        self.is_asked_to_end();
        self.0.wait().expect("it ends").code()
    }

    /// Asks it to end, and waits for that.
    pub(crate) fn end(self) {
        self.is_asked_to_end();
        self.has_ended();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already unless a test failed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
