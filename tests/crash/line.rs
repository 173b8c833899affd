//! Many kills under the webhooks of LINE's Messaging API: what was answered with 200 is not lost, and nothing is sent twice.
//!
//! People hold conversations of several turns, which are answered by reply tokens, and timers push what comes later under keys. LINE
//! delivers again what was not taken. `HOTLINE_KILLS` and `HOTLINE_SEED` are as in the campaign beside this one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use hotline::protocol::Message;
use hotline::sandbox::{Control, NewAccount, OfficialConfig, Sandbox, SandboxConfig, SentBy, Watcher};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::crash::PATIENCE;
use crate::crash::bot::Folder;
use crate::crash::campaign::{Promise, setting};
use crate::port::port;

/// How often the process is killed where nothing else is said.
const KILLS: u64 = 20;
/// A process lives no longer than this before it is killed.
const LIFE: Duration = Duration::from_millis(1_500);
/// How many people talk to the bot.
const PEOPLE: usize = 6;
/// How many questions a conversation has.
const TURNS: usize = 3;

const SCRIPT: &str = r#"
fn on_message(msg) {
    let words = msg.text.split(" ");
    if words[0] != "begin" { return; }
    let key = words[1];
    for turn in 0..3 {
        let attempt = 0;
        let answer = ();
        while answer == () {
            attempt += 1;
            let token = random(0, 1000000000);
            try { answer = msg.ask(`${key} ${turn} ${attempt} ${token}`, #{ timeout: "1h" }); } catch (error) { note(error); }
        }
        if turn == 1 { sleep("30ms"); }
    }
    after("60ms", "postscript", [msg.chat, key]);
    surely(|attempt| msg.reply([`${key} end ${attempt}`]));
}

fn postscript(chat, key) {
    surely(|attempt| send_text(chat, `${key} ps ${attempt}`));
}

// Does something that may have been done already, until it is certain that it was.
fn surely(act) {
    let attempt = 0;
    loop {
        attempt += 1;
        try { act.call(attempt); return; } catch (error) { note(error); }
    }
}

fn note(error) {
    if error.name == "IN_DOUBT" { store.incr("in doubt"); } else { throw error; }
}

fn on_error(error) { store.incr("errors"); log_error(error); }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_line_was_told_is_taken_is_lost_or_answered_twice() {
    hold_campaign(Promise::Strict, setting("HOTLINE_KILLS", KILLS)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_push_is_swallowed_after_a_crash_of_a_relaxed_journal() {
    hold_campaign(Promise::Relaxed, setting("HOTLINE_KILLS", KILLS) / 2).await;
}

/// A sandbox with an official account whose webhooks go to this port, and come again soon where they are not taken.
async fn official_sandbox(port: u16) -> Sandbox {
    let official = OfficialConfig {
        listen: Some("127.0.0.1:0".parse().expect("an address")),
        webhook: Some(format!("http://127.0.0.1:{port}/webhook/main")),
        redelivery: vec![Duration::from_millis(150); 10_000],
        monthly_quota: None,
        ..OfficialConfig::default()
    };
    let listen = "127.0.0.1:0".parse().expect("an address");
    Sandbox::start(SandboxConfig { listen, official, ..SandboxConfig::default() }).await.expect("free ports")
}

fn configuration(promise: Promise, api: &str, port: u16) -> String {
    let journal = format!("{promise:?}").to_lowercase();
    format!(
        "journal = \"{journal}\"\n[webhook]\nlisten = \"127.0.0.1:{port}\"\n[[session]]\nnetwork = \"line\"\n\
         channel_secret = \"sandbox\"\nchannel_token = \"sandbox\"\napi = \"{api}\"\n"
    )
}

async fn hold_campaign(promise: Promise, kills: u64) {
    let seed = setting("HOTLINE_SEED", rand::random::<u32>().into());
    eprintln!("LINE, {promise:?}: {kills} kills, seed {seed} (HOTLINE_KILLS, HOTLINE_SEED)");
    let mut rng = StdRng::seed_from_u64(seed);
    let port = port();
    let sandbox = official_sandbox(port).await;
    let control = sandbox.control();
    let official = control.official();
    let api = sandbox.line_url().expect("it is served");
    let folder = Folder::new(&configuration(promise, &api, port));
    folder.save("talk.rhai", SCRIPT);

    let closing = Arc::new(AtomicBool::new(false));
    let held = Arc::new(AtomicUsize::new(0));
    let talks: Vec<_> = (0..PEOPLE)
        .map(|number| {
            let name = format!("p{number}");
            control.create_account(NewAccount::named(&name)).expect("a new name");
            official.follow(&name).expect("both are known");
            let watcher = control.watch(&name).expect("the person is known");
            let person = Person { name, control: control.clone(), watcher, heard: BTreeMap::new() };
            tokio::spawn(person.talk(promise, Arc::clone(&closing), Arc::clone(&held)))
        })
        .collect();
    for kill in 0..kills {
        let process = folder.start();
        tokio::time::sleep(LIFE.mul_f64(rng.random::<f64>())).await;
        process.kill();
        folder.check();
        assert!(talks.iter().all(|talk| !talk.is_finished()), "somebody gave up after kill {kill}:\n{}", folder.log());
    }
    closing.store(true, Ordering::Relaxed);
    let process = folder.start();
    let mut twice = 0;
    for talk in talks {
        let outcome = tokio::time::timeout(PATIENCE, talk).await;
        let stuck = |_| {
            let runs = folder.journal().open_runs().expect("the journal can be read");
            panic!("not every conversation comes to its end: {runs:#?}\n{}", folder.log())
        };
        let heard = outcome.unwrap_or_else(stuck).expect("nobody hears what they should not");
        twice += heard.values().filter(|times| **times > 1).count();
    }
    folder.is_seen_through(2_000).await;
    process.end();
    folder.check();

    let (_copy, store) = folder.store();
    let count = |key: &str| {
        let kept = store.get("talk", key, 0).expect("the store can be read");
        kept.map_or(0, |text| text.parse::<u64>().expect("a count"))
    };
    let (replies, pushes) = (official.count(SentBy::Reply), official.count(SentBy::Push));
    let conversations = held.load(Ordering::Relaxed);
    eprintln!(
        "LINE, {promise:?}: {kills} kills, seed {seed}: {conversations} conversations, {replies} replies, {pushes} pushes, \
         {} in doubt, {twice} texts twice",
        count("in doubt")
    );
    assert_eq!(count("errors"), 0, "{}", folder.log());
    assert!(conversations >= PEOPLE, "everybody held a conversation");
    if promise == Promise::Strict {
        assert_eq!(twice, 0, "nothing is sent twice");
    }
    sandbox.stop().await;
}

/// Someone who talks to the official account.
struct Person {
    name: String,
    control: Control,
    watcher: Watcher,
    /// What they heard, and how often.
    heard: BTreeMap<String, usize>,
}

impl Person {
    fn says(&self, text: &str) {
        self.control.say(&self.name, "shop", text).expect("both are known");
    }

    /// The next text that arrives.
    async fn hears(&mut self) -> String {
        loop {
            let event = self.watcher.next().await.expect("the sandbox runs");
            let text = Message::read(event.content.as_str()).and_then(|message| message.text);
            if event.subcommand == "RECEIVE_MESSAGE"
                && let Some(text) = text
            {
                *self.heard.entry(text.clone()).or_default() += 1;
                return text;
            }
        }
    }

    /// Holds one conversation after the other until it is time to close; gives what was heard.
    async fn talk(
        mut self,
        promise: Promise,
        closing: Arc<AtomicBool>,
        held: Arc<AtomicUsize>,
    ) -> BTreeMap<String, usize> {
        let mut number = 0;
        while !closing.load(Ordering::Relaxed) {
            self.converse(promise, &format!("{}.{number}", self.name)).await;
            held.fetch_add(1, Ordering::Relaxed);
            number += 1;
        }
        self.heard
    }

    /// Holds a conversation to its end and its postscript.
    async fn converse(&mut self, promise: Promise, key: &str) {
        self.says(&format!("begin {key}"));
        let (mut answered, mut ends) = (BTreeSet::new(), BTreeSet::new());
        while ends.len() < 2 {
            let text = self.hears().await;
            let heard: Vec<_> = text.split(' ').collect();
            match heard.as_slice() {
                // What a relaxed journal has lost is begun again.
                [of, ..] if *of != key && promise == Promise::Relaxed => {}
                // What was in doubt has been said before, in other words.
                [of, "end" | "ps", attempt] if *of != key && *attempt != "1" => {}
                [of, end @ ("end" | "ps"), _] if *of == key => drop(ends.insert(end.to_string())),
                [of, turn, _, _] if *of == key => {
                    let turn: usize = turn.parse().expect("a turn");
                    assert!(turn < TURNS && (turn == 0 || answered.contains(&(turn - 1))), "{text}");
                    answered.insert(turn);
                    self.says(&format!("{key} {turn}"));
                }
                _ => panic!("{key}: {text} is not to be heard here"),
            }
        }
    }
}
