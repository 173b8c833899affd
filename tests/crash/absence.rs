//! Scripts, folders and links come and go under traffic, and so does the process: people hold conversations of several turns, and
//! whatever came back has lost nothing.
//!
//! `HOTLINE_MOVES` says how often something is moved, `HOTLINE_SEED` what and when; both are printed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use hotline::sandbox::NewAccount;
use hotline::store::RunOutcome;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rusqlite::Connection;

use crate::crash::PATIENCE;
use crate::crash::bot::{Folder, Process};
use crate::crash::campaign::{MODULE, Promise, SCRIPT, everything_was_counted_once, pace, setting, talk};
use crate::crash::person::Person;
use crate::sandbox::sandbox;
use crate::site::Site;

/// How often something is moved where nothing else is said.
const MOVES: u64 = 60;
/// The longest time between two moves. Some are shorter than a save settles, some longer than it is held.
const PAUSE: Duration = Duration::from_millis(400);
/// How often the process ends at a move.
const ENDED: f64 = 0.15;
/// How many people talk to each script.
const PEOPLE: usize = 2;
/// The scripts: a file, a link, and a file in a folder that is a link.
const SCRIPTS: [&str; 3] = ["plain", "linked", "deep"];

/// The bot's folder, and what in it is not as it should be.
struct Yard {
    folder: Folder,
    versions: u64,
    /// The scripts that something has been done to, and how it is undone.
    moved: Vec<(BTreeSet<&'static str>, Undo)>,
}

type Undo = Box<dyn FnOnce(&Path) + Send>;

impl Yard {
    fn new(url: &str, site: &Site) -> Self {
        let session =
            format!("[[session]]\ngateway = \"{url}\"\nemail = \"bot@sandbox.test\"\npassword = \"sandbox\"\n");
        let roots = "scripts = [\"scripts\", \"more\"]\n";
        let http = "[http]\nallow = [\"127.0.0.1\"]\n";
        let folder = Folder::new(&format!("{roots}journal = \"strict\"\npacing = \"off\"\n{http}{session}"));
        let root = folder.path();
        for place in ["scripts/lib", "elsewhere", "empty", "releases/1/lib", "releases/2/lib"] {
            fs::create_dir_all(root.join(place)).expect("the folder is ours");
        }
        for place in ["scripts", "releases/1", "releases/2"] {
            fs::write(root.join(place).join("lib/talk.rhai"), MODULE.replace("WEB", &site.url("")))
                .expect("the folder is ours");
        }
        symlink("releases/1", root.join("more")).expect("the folder is ours");
        symlink("../elsewhere/linked.rhai", root.join("scripts/linked.rhai")).expect("the folder is ours");
        for file in ["scripts/plain.rhai", "elsewhere/linked.rhai", "releases/1/deep.rhai", "releases/2/deep.rhai"] {
            fs::write(root.join(file), script(file, 0)).expect("the folder is ours");
        }
        Self { folder, versions: 0, moved: Vec::new() }
    }

    /// Moves something that is where it should be, or puts something back.
    fn move_something(&mut self, rng: &mut StdRng) {
        let is_put_back = !self.moved.is_empty() && rng.random_bool(0.6);
        if is_put_back {
            let (_, undo) = self.moved.swap_remove(rng.random_range(0..self.moved.len()));
            undo(self.folder.path());
            return;
        }
        self.versions += 1;
        let (scripts, disturb) = *DISTURBANCES.choose(rng).expect("there are some");
        let scripts = BTreeSet::from_iter(scripts.iter().copied());
        if self.moved.iter().all(|(others, _)| others.is_disjoint(&scripts))
            && let Some(undo) = disturb(self.folder.path(), self.versions)
        {
            self.moved.push((scripts, undo));
        }
    }

    fn put_all_back(&mut self) {
        self.moved.drain(..).for_each(|(_, undo)| undo(self.folder.path()));
    }

    /// Starts a process; sometimes with another folder of scripts.
    fn start(&self, rng: &mut StdRng) -> Process {
        // A start without a folder that was named is refused.
        let is_missing = |place: &str| matches!(self.folder.path().join(place).try_exists(), Ok(false));
        if is_missing("scripts") {
            fs::create_dir(self.folder.path().join("scripts")).expect("the folder is ours");
        }
        let named: &[&str] = match rng.random_bool(0.2) {
            true => &["empty"],
            false if is_missing("more") => &["scripts"],
            false => &[],
        };
        self.folder.start_with(named)
    }

    /// The timers that the scripts declare, by their ids.
    fn declared(&self) -> BTreeMap<i64, String> {
        let database = self.database();
        let sql = "SELECT id, script FROM timer WHERE declared = 1";
        let mut statement = database.prepare(sql).expect("the table is there");
        let timers = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("it can be read");
        timers.collect::<Result<_, _>>().expect("it can be read")
    }

    /// How many timers of a script wait that a conversation made.
    fn reminders(&self, script: &str) -> u32 {
        let sql = "SELECT count(*) FROM timer WHERE script = ?1 AND timer ->> 'function' = 'remind'";
        self.database().query_row(sql, [script], |row| row.get(0)).expect("it can be read")
    }

    /// How often a script has stopped.
    fn stops(&self, script: &str) -> usize {
        let sql = "SELECT json FROM script_store WHERE script = ?1 AND key = 'stops'";
        let stops: Result<String, _> = self.database().query_row(sql, [script], |row| row.get(0));
        stops.map_or(0, |stops| stops.parse().expect("a number"))
    }

    fn database(&self) -> Connection {
        Connection::open(self.folder.path().join("data/hotline.db")).expect("the database")
    }
}

/// What can be done to which scripts. It gives how to undo it, unless that is not needed.
type Disturbance = (&'static [&'static str], fn(&Path, u64) -> Option<Undo>);

const DISTURBANCES: &[Disturbance] = &[
    (&["plain"], |root, version| delete(root.join("scripts/plain.rhai"), version)),
    (&["linked"], |root, version| delete(root.join("elsewhere/linked.rhai"), version)),
    (&["deep"], |root, version| delete(root.join("more/deep.rhai"), version)),
    (&["plain"], |root, _| put_away(root.join("scripts/plain.rhai"))),
    (&["linked"], |root, _| put_away(root.join("scripts/linked.rhai"))),
    (&["linked"], |root, _| put_away(root.join("elsewhere"))),
    (&["deep"], |root, _| put_away(root.join("more"))),
    (&["deep"], |root, _| put_away(root.join("releases"))),
    (&["plain", "linked"], |root, _| put_away(root.join("scripts"))),
    (&["plain", "linked"], |root, _| put_away(root.join("scripts/lib"))),
    (&["plain"], |root, _| replace(root.join("scripts/plain.rhai"), |at| fs::create_dir(at).expect("it is ours"))),
    (&["linked"], |root, _| replace(root.join("scripts/linked.rhai"), make_pipe)),
    (&["deep"], |root, _| replace(root.join("more/deep.rhai"), |at| symlink("deep.rhai", at).expect("it is ours"))),
    (&["linked"], |root, _| {
        replace(root.join("scripts/linked.rhai"), |at| symlink("nowhere", at).expect("it is ours"))
    }),
    (&["deep"], |root, _| replace(root.join("more"), |at| symlink("more", at).expect("it is ours"))),
    (&["plain"], |root, _| lock(root.join("scripts/plain.rhai"))),
    (&["plain", "linked"], |root, _| lock(root.join("scripts"))),
    // Another place takes it over.
    (&["plain", "deep"], |root, _| carry(root.join("scripts/plain.rhai"), root.join("more/plain.rhai"))),
    (&["deep", "plain"], |root, _| carry(root.join("more/deep.rhai"), root.join("scripts/deep.rhai"))),
    (&["deep"], |root, version| flip(root, version)),
    (&["plain"], |root, version| edit(root.join("scripts/plain.rhai"), version)),
    (&["linked"], |root, version| edit(root.join("elsewhere/linked.rhai"), version)),
    (&["deep"], |root, version| break_it(root.join("more/deep.rhai"), version)),
    (&["plain"], |root, version| empty(root.join("scripts/plain.rhai"), version)),
    (&["linked"], |root, version| empty(root.join("elsewhere/linked.rhai"), version)),
    (&["deep"], |root, version| empty(root.join("more/deep.rhai"), version)),
];

/// What every script does besides holding conversations.
const BESIDES: &str = r#"
every("1h", "hourly");
fn hourly() {}
fn remind(key) {}
fn on_stop() { store.incr("stops"); }
"#;

/// A version of the script that belongs into a file.
fn script(file: impl AsRef<Path>, version: u64) -> String {
    let name = file.as_ref().file_stem().expect("it has a name").to_string_lossy().into_owned();
    let (of_all, hold) = ("words[0] != \"begin\"", "talk::hold(");
    let own = format!("{of_all} || !words[1].starts_with(\"{name}\")");
    let remind = format!("after(\"1h\", \"remind\", [words[1]]);\n    {hold}");
    format!("// version {version}\n{BESIDES}{}", SCRIPT.replace(of_all, &own).replace(hold, &remind))
}

fn beside(place: &Path) -> PathBuf {
    let name = place.file_name().expect("it has a name").to_string_lossy();
    place.with_file_name(format!("{name}.away"))
}

/// Puts something where it belongs, whatever was put there meanwhile.
fn put(away: &Path, place: &Path) {
    if place.is_dir() && !place.is_symlink() {
        fs::remove_dir(place).expect("it is empty");
    } else if place.is_symlink() || place.exists() {
        fs::remove_file(place).expect("it is ours");
    }
    fs::rename(away, place).expect("it is there");
}

fn put_away(place: PathBuf) -> Option<Undo> {
    fs::rename(&place, beside(&place)).expect("it is there");
    Some(Box::new(move |_| put(&beside(&place), &place)))
}

fn delete(file: PathBuf, version: u64) -> Option<Undo> {
    fs::remove_file(&file).expect("it is there");
    Some(Box::new(move |_| fs::write(&file, script(&file, version % 2)).expect("the folder is ours")))
}

fn replace(place: PathBuf, by: fn(&Path)) -> Option<Undo> {
    let undo = put_away(place.clone());
    by(&place);
    undo
}

fn make_pipe(place: &Path) {
    assert!(Command::new("mkfifo").arg(place).status().expect("there is mkfifo").success());
}

/// Takes all rights away, which hides nothing from the system's owner.
fn lock(place: PathBuf) -> Option<Undo> {
    let before = place.metadata().expect("it is there").permissions();
    fs::set_permissions(&place, fs::Permissions::from_mode(0o0)).expect("it is ours");
    Some(Box::new(move |_| fs::set_permissions(&place, before).expect("it is ours")))
}

fn carry(from: PathBuf, to: PathBuf) -> Option<Undo> {
    fs::rename(&from, &to).expect("it is there");
    Some(Box::new(move |_| fs::rename(to, from).expect("it is there")))
}

/// Has the link lead to the other release, at once or with a moment in which it leads nowhere.
fn flip(root: &Path, version: u64) -> Option<Undo> {
    let (link, draft) = (root.join("more"), root.join("more.draft"));
    let is_first = fs::read_link(&link).expect("it is a link").ends_with("1");
    symlink(if is_first { "releases/2" } else { "releases/1" }, &draft).expect("the folder is ours");
    if version.is_multiple_of(2) {
        fs::rename(draft, link).expect("the folder is ours");
        return None;
    }
    fs::remove_file(&link).expect("it is ours");
    Some(Box::new(move |_| fs::rename(draft, link).expect("the folder is ours")))
}

fn edit(file: PathBuf, version: u64) -> Option<Undo> {
    fs::write(&file, script(&file, version)).expect("the folder is ours");
    None
}

fn break_it(file: PathBuf, version: u64) -> Option<Undo> {
    fs::write(&file, script(&file, version) + "fn broken(").expect("the folder is ours");
    Some(Box::new(move |_| fs::write(&file, script(&file, version)).expect("the folder is ours")))
}

fn empty(file: PathBuf, version: u64) -> Option<Undo> {
    fs::write(&file, "").expect("the folder is ours");
    Some(Box::new(move |_| fs::write(&file, script(&file, version % 2)).expect("the folder is ours")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_comes_back_has_lost_nothing() {
    let (moves, seed) = (setting("HOTLINE_MOVES", MOVES), setting("HOTLINE_SEED", rand::random::<u32>().into()));
    eprintln!("{moves} moves, seed {seed} (HOTLINE_MOVES, HOTLINE_SEED)");
    let mut rng = StdRng::seed_from_u64(seed);
    let sandbox = sandbox().await;
    let control = sandbox.control();
    let site = Site::at_pace(pace).await;
    let mut yard = Yard::new(&sandbox.url(), &site);
    let mut process = yard.folder.start();
    yard.folder.logs("logged in").await;
    while yard.declared().len() < 2 * SCRIPTS.len() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let declared = yard.declared();

    let closing = Arc::new(AtomicBool::new(false));
    let held = SCRIPTS.map(|_| Arc::new(AtomicUsize::new(0)));
    let mut talks = Vec::new();
    for (script, held) in SCRIPTS.iter().zip(&held) {
        for number in 0..PEOPLE {
            let name = format!("{script}{number}");
            control.create_account(NewAccount::named(&name)).expect("a new name");
            let person = Person::new(&control, &name, "bot");
            talks.push(tokio::spawn(talk(person, Promise::Strict, Arc::clone(&closing), Arc::clone(held))));
        }
    }

    let mut asked = 0;
    for number in 0..moves {
        tokio::time::sleep(PAUSE.mul_f64(rng.random::<f64>())).await;
        yard.move_something(&mut rng);
        if rng.random_bool(ENDED) {
            if rng.random_bool(0.5) {
                asked += 1;
                tokio::task::block_in_place(|| process.terminate());
            } else {
                process.kill();
            }
            // Some of what is done happens while nobody looks.
            yard.move_something(&mut rng);
            process = yard.start(&mut rng);
        }
        let has_given_up = talks.iter().any(tokio::task::JoinHandle::is_finished);
        assert!(!has_given_up, "somebody gave up after move {number}:\n{}", yard.folder.log());
    }
    yard.put_all_back();
    asked += 1;
    tokio::task::block_in_place(|| process.terminate());
    closing.store(true, Ordering::Relaxed);
    process = yard.folder.start();
    for talk in talks {
        let outcome = tokio::time::timeout(PATIENCE, talk).await;
        let stuck = |_| {
            let runs = yard.folder.journal().open_runs().expect("the journal can be read");
            panic!("not every conversation comes to its end: {runs:#?}\n{}", yard.folder.log())
        };
        outcome.unwrap_or_else(stuck).expect("nobody hears what they should not");
    }
    process.end();
    yard.folder.check();

    let events = yard.folder.journal().events(u32::MAX).expect("the journal can be read");
    for run in events.iter().flat_map(|handling| &handling.runs) {
        let is_fine = matches!(
            run.standing.outcome,
            RunOutcome::Handled | RunOutcome::PassedOn | RunOutcome::EndedWithProcess | RunOutcome::EndedWithSession
        );
        let goes_on = run.standing.ended.is_none() && &*run.run.function == "beat";
        assert!(is_fine || goes_on, "{}: {:?}\n{}", run.run.function, run.standing, yard.folder.log());
    }
    assert_eq!(yard.declared(), declared, "the timers that were declared first:\n{}", yard.folder.log());
    for (script, held) in SCRIPTS.iter().zip(held) {
        let held = held.load(Ordering::Relaxed);
        eprintln!("{moves} moves, seed {seed}: {script} held {held} conversations");
        assert!(held >= PEOPLE, "everybody held a conversation");
        everything_was_counted_once(&yard.folder, script, held, &events);
        assert_eq!(yard.reminders(script) as usize, held, "the timers that {script} made");
        let stops = yard.stops(script);
        assert!(stops <= asked + 1, "{script} stopped {stops} times, the process {} times", asked + 1);
    }
    sandbox.stop().await;
}
