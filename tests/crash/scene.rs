//! A bot, someone who talks to it, and what lies between them.

use std::cell::Cell;
use std::time::Duration;

use hotline::clock::Timestamp;
use hotline::protocol::Message;
use hotline::sandbox::{Control, Sandbox};
use hotline::store::{EventRow, RunRecord};
use rusqlite::Connection;

use crate::crash::PATIENCE;
use crate::crash::bot::{Folder, Process};
use crate::crash::person::Person;
use crate::sandbox::sandbox;

/// A bot in a folder, alice, and the sandbox between them.
pub(crate) struct Scene {
    pub(crate) folder: Folder,
    pub(crate) alice: Person,
    pub(crate) control: Control,
    pub(crate) process: Option<Process>,
    sandbox: Sandbox,
}

impl Scene {
    /// Starts a bot with this script and these keys in its configuration.
    pub(crate) async fn new(keys: &str, script: &str) -> Self {
        let sandbox = sandbox().await;
        let control = sandbox.control();
        let session = format!(
            "[[session]]\ngateway = \"{}\"\nemail = \"bot@sandbox.test\"\npassword = \"sandbox\"\n",
            sandbox.url()
        );
        let pacing = if keys.contains("pacing") { "" } else { "pacing = \"off\"\n" };
        let folder = Folder::new(&format!("journal = \"strict\"\n{pacing}{keys}\n{session}"));
        folder.save("bot.rhai", script);
        let alice = Person::new(&control, "alice", "bot");
        Self { folder, alice, control, process: None, sandbox }
    }

    /// The next text that alice gets.
    pub(crate) async fn hears(&mut self) -> String {
        match self.alice.hears_within(PATIENCE).await {
            Some(text) => text,
            None => panic!("alice hears nothing:\n{}", self.folder.log()),
        }
    }

    pub(crate) fn start(&mut self) {
        self.process = Some(self.folder.start());
    }

    /// Kills the bot as soon as the record has it that a run waits in this call.
    pub(crate) async fn kill_in(&mut self, call: &str) {
        self.is_in(call).await;
        self.kill().await;
    }

    /// Waits until the record has it that no run goes on.
    pub(crate) async fn is_over(&self) {
        let over = async {
            while !self.folder.journal().open_runs().expect("the journal can be read").is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, over).await.unwrap_or_else(|_| panic!("a run goes on:\n{}", self.folder.log()));
    }

    /// Waits until the record has it that a run waits in this call.
    pub(crate) async fn is_in(&self, call: &str) {
        self.has_run(|run| run.standing.waiting.as_ref().is_some_and(|waiting| waiting.call == call)).await;
    }

    /// Waits until the record has it that a run waits in this call, and came there after `before`; gives when.
    pub(crate) async fn is_in_since(&self, call: &str, before: Timestamp) -> Timestamp {
        let since = Cell::new(before);
        self.has_run(|run| {
            let waiting = run.standing.waiting.as_ref().filter(|waiting| waiting.call == call);
            since.set(waiting.map_or(before, |waiting| waiting.since));
            since.get() > before
        })
        .await;
        since.get()
    }

    /// Waits until the record has it that a run of this function goes on.
    pub(crate) async fn goes_on(&self, function: &str) {
        self.has_run(|run| &*run.run.function == function).await;
    }

    /// Waits until the record has it that no run of this function goes on.
    pub(crate) async fn has_ended(&self, function: &str) {
        let is_there = |run: RunRecord| &*run.run.function == function;
        let ended = async {
            while self.folder.journal().open_runs().expect("the journal can be read").into_iter().any(is_there) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, ended).await.unwrap_or_else(|_| panic!("it goes on:\n{}", self.folder.log()));
    }

    /// Waits until the record has it that such a run goes on.
    pub(crate) async fn has_run(&self, is_it: impl Fn(&RunRecord) -> bool) {
        let goes_on = async {
            while !self.folder.journal().open_runs().expect("the journal can be read").iter().any(&is_it) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let outcome = tokio::time::timeout(PATIENCE, goes_on).await;
        outcome.unwrap_or_else(|_| panic!("no such run goes on:\n{}", self.folder.log()));
    }

    /// Waits until the record has it that what was said is handled.
    pub(crate) async fn has_handled(&self, text: &str) {
        let is_it = |event: &EventRow| {
            event.done
                && Message::read(event.content.as_str()).is_some_and(|message| message.text.as_deref() == Some(text))
        };
        let handled = async {
            let events = || self.folder.journal().events(u32::MAX).expect("the journal can be read");
            while !events().iter().any(|handling| is_it(&handling.event)) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let outcome = tokio::time::timeout(PATIENCE, handled).await;
        outcome.unwrap_or_else(|_| panic!("\"{text}\" is not handled:\n{}", self.folder.log()));
    }

    pub(crate) async fn kill(&mut self) {
        self.process.take().expect("it runs").kill();
        self.alice.is_alone().await;
    }

    /// Changes the database behind the bot's back, while it is down.
    pub(crate) fn tamper(&self, sql: &str) {
        self.folder.settle();
        let database = self.folder.path().join("data").join("hotline.db");
        let changed = Connection::open(database).expect("the database").execute(sql, []).expect("it is understood");
        assert!(changed > 0, "{sql} changes something");
    }

    /// The first run of a function, as it is on disk.
    pub(crate) fn run_of(&self, function: &str) -> RunRecord {
        let events = self.folder.journal().events(u32::MAX).expect("the journal can be read");
        let runs = events.into_iter().flat_map(|handling| handling.runs);
        runs.filter(|run| *run.run.function == *function).min_by_key(|run| run.run.id).expect("it ran")
    }

    pub(crate) async fn end(self) {
        if let Some(process) = self.process {
            process.end();
        }
        self.folder.check();
        self.sandbox.stop().await;
    }

    /// Ends what is left when the database is not what it was.
    pub(crate) async fn sandbox_stops(self) {
        self.sandbox.stop().await;
    }
}
