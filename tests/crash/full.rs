//! A disk that fills and empties under a running bot, and one that is full at the start: nothing that was handled is
//! forgotten, nothing is used up with an error, and what a person is told is the truth.
//!
//! The campaign fills the disk at random moments and ends the process at others. `HOTLINE_FILLS` says how often a process
//! ends, `HOTLINE_SEED` when; both are printed.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rusqlite::Connection;

use crate::crash::PATIENCE;
use crate::crash::bot::Folder;
use crate::crash::campaign::setting;
use crate::crash::disk::Disk;
use crate::crash::person::Person;
use crate::crash::scene::Scene;
use crate::sandbox::sandbox;

/// How often the process ends where nothing else is said.
const FILLS: u64 = 8;
/// The size of the disk in MiB.
const SIZE: u32 = 24;
/// How many people talk to the bot.
const PEOPLE: usize = 4;
/// How long a person waits for an answer before they say something else.
const ANSWER: Duration = Duration::from_millis(400);
/// How far the counts of a relaxed journal may fall back with each process: what is counted within its last moment.
const MOMENT: u64 = 60;

/// Each message is counted in the store and in the state, and answered with both.
const SCRIPT: &str = r#"
every("100ms", "tick");

fn on_message(msg) {
    let handled = store.incr("handled");
    state.handled = (state.handled ?? 0) + 1;
    try { msg.reply(`${msg.text} ${handled} ${state.handled}`); } catch (error) { note(error); }
}

fn tick() { store.incr("ticks"); state.ticks = (state.ticks ?? 0) + 1; }

fn note(error) { if error.name == "IN_DOUBT" { store.incr("in doubt"); } else { throw error; } }
"#;

/// A scene whose data are on a disk of their own.
async fn scene_on(disk: &Disk, keys: &str, script: &str) -> Scene {
    let scene = Scene::new(keys, script).await;
    symlink(disk.path(), scene.folder.path().join("data")).expect("the folder is ours");
    scene
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_full_at_the_start_is_called_full_by_every_command() {
    let Some(disk) = Disk::of(1) else { return };
    let mut scene = scene_on(&disk, "", SCRIPT).await;
    let says = |scene: &Scene, arguments: &[&str]| {
        let output = scene.folder.command(arguments).output().expect("the binary starts");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    disk.fill();
    let (status, said) = says(&scene, &["run"]);
    assert_eq!(status, Some(1));
    assert!(said.contains("the disk is full: ") && said.contains("make room on it"), "{said}");
    assert!(!said.contains("no database"), "{said}");
    let (status, said) = says(&scene, &["journal"]);
    assert!(status == Some(1) && said.contains("is empty: no bot has started on it yet"), "{said}");
    disk.clear();
    scene.start();
    scene.alice.says("hello").await;
    assert_eq!(scene.hears().await, "hello 1 1");
    scene.is_over().await;
    scene.kill().await;
    // With it there would be room enough for a start.
    fs::remove_file(disk.path().join("hotline.db-shm")).expect("the process had it");
    disk.fill();
    let (status, said) = says(&scene, &["run"]);
    assert!(status == Some(1) && said.contains("the disk is full: "), "{said}");
    // What was recorded can be read all the same, also what its process had no time to bring home.
    for command in [&["journal"][..], &["runs"]] {
        let (status, said) = says(&scene, command);
        assert_eq!(status, Some(0), "{command:?}: {said}");
    }
    let journal = scene.folder.command(&["journal"]).output().expect("the binary starts");
    assert!(String::from_utf8_lossy(&journal.stdout).contains("hello"));
    for arguments in [&["new", "data/bot"][..], &["sandbox", "--listen", "127.0.0.1:0", "--data", "data/world"]] {
        let (status, said) = says(&scene, arguments);
        assert_eq!(status, Some(1), "{arguments:?}: {said}");
        assert!(said.contains("the disk is full") || said.contains("No space left on device"), "{said}");
        assert!(said.contains("data/"), "it says where: {said}");
    }
    disk.clear();
    scene.start();
    scene.alice.says("again").await;
    assert_eq!(scene.hears().await, "again 2 2");
    scene.end().await;
}

/// Says many things while the disk is full; each is answered when it is not, in order, and no run has failed.
async fn what_is_said_to_a_full_disk_is_answered_later(journal: &str) {
    let Some(disk) = Disk::of(16) else { return };
    let mut scene = scene_on(&disk, "", SCRIPT).await;
    scene.folder.configure(|text| text.replace("\"strict\"", &format!("\"{journal}\"")));
    scene.start();
    scene.alice.says("first").await;
    assert_eq!(scene.hears().await, "first 1 1");
    disk.fill();
    let mut last = 1;
    // Room within the database may last for some.
    while !scene.folder.log().contains("the record cannot be written") {
        scene.alice.says("on").await;
        last = answers(&mut scene.alice, last, Duration::from_millis(100)).await.1;
    }
    last = answers(&mut scene.alice, last, Duration::from_millis(500)).await.1;
    let said = 200;
    for number in 0..said {
        scene.alice.says(&format!("m{number}")).await;
    }
    let meanwhile = answers(&mut scene.alice, last, Duration::from_millis(500)).await;
    assert_eq!(meanwhile, (None, last), "nothing is handled that could not be recorded");
    disk.clear();
    scene.folder.logs("the record can be written again").await;
    let (answered, _) = answers(&mut scene.alice, last, Duration::from_secs(3)).await;
    assert_eq!(answered, Some(format!("m{}", said - 1)), "{}", scene.folder.log());
    let failed = scene.folder.journal().events(u32::MAX).expect("the journal can be read");
    let failed = failed.iter().flat_map(|handling| &handling.runs).find(|run| run.standing.fault.is_some());
    assert!(failed.is_none(), "{failed:?}");
    scene.end().await;
}

/// Hears answers for as long as they come, each with the next count; gives what was answered last, and its count.
async fn answers(person: &mut Person, mut last: u64, patience: Duration) -> (Option<String>, u64) {
    let mut answered = None;
    while let Some(text) = person.hears_within(patience).await {
        let words: Vec<_> = text.split(' ').collect();
        let [of, handled, state] = words[..] else { panic!("{text} is not to be heard") };
        assert_eq!(handled, state, "{text}");
        assert_eq!(handled.parse(), Ok(last + 1), "each is handled once, and its answer sent once: {text}");
        last += 1;
        answered = Some(of.to_owned());
    }
    (answered, last)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_while_the_disk_is_full_is_answered_later() {
    what_is_said_to_a_full_disk_is_answered_later("relaxed").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_while_the_disk_is_full_is_answered_later_by_a_strict_bot_too() {
    what_is_said_to_a_full_disk_is_answered_later("strict").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_is_new_while_the_disk_is_full_begins_when_it_is_not() {
    let Some(disk) = Disk::of(8) else { return };
    let mut scene = scene_on(&disk, "", SCRIPT).await;
    scene.start();
    scene.alice.says("first").await;
    assert_eq!(scene.hears().await, "first 1 1");
    disk.fill();
    scene.folder.configure(|text| {
        let (_, session) = text.split_once("[[session]]").expect("it has one");
        let second = session.replace("bot@", "carol@");
        format!("{text}\n[[session]]\nname = \"second\"\n{second}")
    });
    scene.folder.logs("it begins when what it left behind can be read: the ").await;
    disk.clear();
    scene.folder.logs("logged in session=\"second\"").await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_moved_away_is_missed_and_taken_up_when_it_is_back() {
    let mut scene = Scene::new("", SCRIPT).await;
    scene.start();
    scene.alice.says("first").await;
    assert_eq!(scene.hears().await, "first 1 1");
    let (data, aside) = (scene.folder.path().join("data"), scene.folder.path().join("aside"));
    fs::rename(&data, &aside).expect("the folder is ours");
    scene.folder.logs("hotline.db was deleted or moved away under the running bot").await;
    scene.alice.says("second").await;
    assert_eq!(scene.alice.hears_within(Duration::from_millis(500)).await, None);
    fs::rename(&aside, &data).expect("the folder is ours");
    assert_eq!(scene.hears().await, "second 2 2");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_replaced_is_refused_and_the_end_says_what_is_lost() {
    let mut scene = Scene::new("", SCRIPT).await;
    scene.start();
    scene.alice.says("first").await;
    assert_eq!(scene.hears().await, "first 1 1");
    let database = scene.folder.path().join("data").join("hotline.db");
    fs::remove_file(&database).expect("it is there");
    fs::write(&database, "").expect("the folder is ours");
    scene.folder.logs("hotline.db was replaced under the running bot").await;
    scene.alice.says("second").await;
    assert_eq!(scene.alice.hears_within(Duration::from_millis(500)).await, None);
    let process = scene.process.take().expect("it runs");
    assert_eq!(tokio::task::block_in_place(|| process.terminate()), Some(1), "{}", scene.folder.log());
    scene.sandbox_stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_done_twice_however_often_the_disk_fills() {
    hold_campaign("strict", setting("HOTLINE_FILLS", FILLS)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relaxed_bot_loses_no_more_than_a_moment_however_often_the_disk_fills() {
    hold_campaign("relaxed", setting("HOTLINE_FILLS", FILLS)).await;
}

/// What a person heard: the text that was answered, and the two counts.
type Heard = (String, u64, u64);

async fn hold_campaign(journal: &str, fills: u64) {
    let Some(disk) = Disk::of(SIZE) else { return };
    let seed = setting("HOTLINE_SEED", rand::random::<u32>().into());
    eprintln!("{journal}: {fills} ends, seed {seed} (HOTLINE_FILLS, HOTLINE_SEED)");
    let mut rng = StdRng::seed_from_u64(seed);
    let sandbox = sandbox().await;
    let control = sandbox.control();
    let folder = Folder::new(&format!(
        "journal = \"{journal}\"\npacing = \"off\"\n[[session]]\ngateway = \"{}\"\nemail = \"bot@sandbox.test\"\n\
         password = \"sandbox\"\n",
        sandbox.url()
    ));
    symlink(disk.path(), folder.path().join("data")).expect("the folder is ours");
    folder.save("bot.rhai", SCRIPT);

    let closing = Arc::new(AtomicBool::new(false));
    let talks: Vec<_> = (0..PEOPLE)
        .map(|number| {
            let name = format!("p{number}");
            control.create_account(hotline::sandbox::NewAccount::named(&name)).expect("a new name");
            let person = Person::new(&control, &name, "bot");
            tokio::spawn(talk(person, control.clone(), Arc::clone(&closing)))
        })
        .collect();

    let nap = |rng: &mut StdRng, most: u64| Duration::from_millis(rng.random_range(0..most));
    let (mut refused, mut killed_full) = (0, 0);
    for end in 0..fills {
        let process = folder.start();
        // A start on a full disk may find room within the database, or be refused.
        tokio::time::sleep(Duration::from_millis(300) + nap(&mut rng, 400)).await;
        for _ in 0..rng.random_range(1..3) {
            disk.fill_but(rng.random_range(0..64) * 4096);
            tokio::time::sleep(nap(&mut rng, 700)).await;
            disk.fill();
            tokio::time::sleep(nap(&mut rng, 700)).await;
            if rng.random_bool(0.6) {
                disk.clear();
                tokio::time::sleep(nap(&mut rng, 600)).await;
            }
        }
        killed_full += u64::from(disk.is_filled());
        let status = if rng.random_bool(0.75) {
            process.kill_anyhow()
        } else {
            if rng.random_bool(0.5) {
                disk.clear();
            }
            tokio::task::block_in_place(|| process.terminate())
        };
        refused += u64::from(status == Some(1));
        assert!(!folder.log().contains("no database"), "{}", folder.log());
        if rng.random_bool(0.7) {
            disk.clear();
            folder.check();
        }
        assert!(talks.iter().all(|talk| !talk.is_finished()), "somebody gave up after {end}:\n{}", folder.log());
    }
    disk.clear();
    let process = folder.start();
    closing.store(true, Ordering::Relaxed);
    let mut heard = Vec::new();
    for talk in talks {
        let outcome = tokio::time::timeout(PATIENCE, talk).await;
        let outcome = outcome.unwrap_or_else(|_| panic!("somebody is not answered:\n{}", folder.log()));
        heard.push(outcome.expect("they hear counts"));
    }
    folder.is_seen_through(u32::MAX).await;
    process.end();
    folder.check();

    let events = folder.journal().events(u32::MAX).expect("the journal can be read");
    for handling in &events {
        assert!(handling.event.done, "event {} was not seen through", handling.event.id);
        let failed = handling.runs.iter().find(|run| run.standing.fault.is_some());
        assert!(failed.is_none(), "an event was used up with an error: {failed:?}");
    }
    let (allowed, held) = if journal == "strict" { (0, 0) } else { (MOMENT, fills * MOMENT) };
    let (mut back, mut twice, mut answers) = (0, 0, 0);
    for of_one in &heard {
        answers += of_one.len();
        let mut times: BTreeMap<&str, u64> = BTreeMap::new();
        for (text, ..) in of_one {
            *times.entry(text).or_default() += 1;
        }
        twice += times.values().map(|count| count - 1).sum::<u64>();
        for pair in of_one.windows(2) {
            let ((_, handled, state), (text, next_handled, next_state)) = (&pair[0], &pair[1]);
            let fallen = (handled + 1).saturating_sub(*next_handled).max((state + 1).saturating_sub(*next_state));
            assert!(fallen <= allowed, "the counts fall back by {fallen} at {text}:\n{}", folder.log());
            back = back.max(fallen);
        }
    }
    assert!(twice <= held, "{twice} answers were sent twice");
    let database = Connection::open(folder.path().join("data").join("hotline.db")).expect("the database");
    let count = "SELECT CAST(json AS INTEGER) FROM script_store WHERE key = 'handled'";
    let counted: u32 = database.query_row(count, [], |row| row.get(0)).expect("it is counted");
    let handled = events.iter().filter(|handling| handling.event.subcommand == "RECEIVE_MESSAGE").count() as u64;
    assert_eq!(u64::from(counted), handled, "each message that is recorded was handled once");
    eprintln!(
        "{journal}: {fills} ends, seed {seed}: {killed_full} on a full disk, {refused} with status 1, {handled} messages, \
         {answers} answers, {twice} twice, counts back by {back} at most"
    );
    sandbox.stop().await;
}

/// Says one thing after the other, until it is time to close and the last is answered; gives what was heard.
async fn talk(mut person: Person, control: hotline::sandbox::Control, closing: Arc<AtomicBool>) -> Vec<Heard> {
    let mut heard = Vec::new();
    for number in 0.. {
        let is_last = closing.load(Ordering::Relaxed);
        let text = format!("{}.{number}", person.name);
        if is_last {
            person.says(&text).await;
        } else if control.connections("bot") > 0 {
            control.say(&person.name, "bot", &text).expect("both are known");
        }
        while let Some(answer) = person.hears_within(if is_last { 4 * ANSWER } else { ANSWER }).await {
            let words: Vec<_> = answer.split(' ').collect();
            let [of, handled, state] = words[..] else { panic!("{answer} is not to be heard") };
            heard.push((of.to_owned(), handled.parse().expect("a count"), state.parse().expect("a count")));
            if of == text {
                break;
            }
        }
        if is_last && heard.last().is_some_and(|(of, ..)| *of == text) {
            return heard;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    heard
}
