//! Scenario tests: Rhai files beside the scripts, in which people talk to the bot and expect answers.
//!
//! | file | what lives there |
//! |---|---|
//! | `find` | which tests there are |
//! | `runner` | the threads that run them |
//! | `suite` | a test file, compiled on one thread |
//! | `world` | the networks, the people, the bot and the clock of one test |
//! | `bot` | the bot while it runs, and its sessions |
//! | `error` | why something in a world does not work |
//! | `stillness` | when nothing in a world can go on by itself |
//! | `allowance` | the stack and the time of a test |
//! | `context` | what every function of a test stands on |
//! | `functions`, `expectations` | what tests can call; what they can expect |
//! | `faults`, `web` | the troubles among them; the web that answers |
//! | `line` | what there is on LINE alone |
//! | `mentions` | texts in which people are mentioned |
//! | `unmet`, `snapshot`, `log` | expectations that were not met, kept conversations, what the bot logged |
//! | `report`, `lines` | results as text, JSON and JUnit; the lines of scripts that were run |
//!
//! A file `*_test.rhai` holds tests: every function `test_…()` is one, and where there is none, the file as a whole. Its
//! top level runs before each test. Each test has a world of its own, in which the bot runs all scripts of the file's
//! folder on the sessions of a configuration, and a clock that stands still until the test advances it. How results reach a person is the command line's
//! business.

mod allowance;
mod bot;
mod context;
mod error;
mod expectations;
mod faults;
mod find;
mod functions;
mod line;
mod lines;
mod log;
mod mentions;
mod report;
mod runner;
mod snapshot;
mod stillness;
mod suite;
mod unmet;
mod web;
mod world;

use std::path::PathBuf;
use std::time::Duration;

pub(crate) use find::is_of_tests;
pub use find::{FindError, TestPlan};
pub use lines::{LineReport, LinesOfFile};
pub use report::{Failed, TestReport, TestResult, Verdict};
pub use runner::{RunError, run};
pub use unmet::Difference;

use crate::language::Setup;
use crate::protocol::Network;
use crate::runtime::{AllowedHost, Limits};
use crate::sandbox::Tap;

/// How long a test may go on without coming to rest, and how long by itself, in real time.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What becomes of snapshots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Snapshots {
    /// A conversation that differs from its file fails.
    #[default]
    Compare,
    /// The file is written.
    Write,
}

/// A session that the bot of each test has.
#[derive(Clone, Debug)]
pub struct TestSession {
    /// Its name.
    pub name: String,
    /// The network that it is on.
    pub network: &'static Network,
    /// The scripts that it runs; none means all.
    pub scripts: Option<Vec<String>>,
}

/// What to run, and how.
#[derive(Clone, Debug)]
pub struct TestOptions {
    /// Test files, and folders of them.
    pub paths: Vec<PathBuf>,
    /// Only tests whose file and name, as `file::name`, hold this text.
    pub filter: Option<String>,
    /// The sessions of the bot; where there are none, it has one on the gateway, called `main`.
    pub sessions: Vec<TestSession>,
    /// How many tests run at a time; `None` is one for each core.
    pub threads: Option<usize>,
    /// What becomes of snapshots.
    pub snapshots: Snapshots,
    /// The bounds of scripts.
    pub limits: Limits,
    /// What the configuration gives to scripts; the machine's own zone has no say.
    pub setup: Setup,
    /// The hosts that scripts may ask; `None` is all.
    pub hosts: Option<Vec<AllowedHost>>,
    /// What scripts draw by lot in each test follows from this.
    pub seed: u64,
    /// Whether the lines of scripts that are run are counted.
    pub coverage: bool,
    /// How long a test may go on without coming to rest, and how long by itself, in real time.
    pub patience: Duration,
    /// Who hears every frame between the bots and their gateways.
    pub tap: Option<Tap>,
}
