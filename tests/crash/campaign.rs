//! Many kills at random moments, under traffic: people hold conversations of several turns, and every one is held to its
//! end; others have the bot look something up on the web, several things at once, and so does a timer. In a strict journal
//! it is as if nothing had happened; in a relaxed one the last moment can be lost or repeated.
//!
//! Some processes are asked to end instead, and the scripts are edited meanwhile: conversations go on with the sources that
//! they began with. `HOTLINE_KILLS` says how often a process ends, `HOTLINE_SEED` when; both are printed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use hotline::protocol::Message;
use hotline::sandbox::{Control, InjectedFault, NewAccount, Traffic, Trouble, When};
use hotline::store::{CallOutcome, Handling};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::crash::PATIENCE;
use crate::crash::bot::Folder;
use crate::crash::person::Person;
use crate::sandbox::sandbox;
use crate::site::Site;

/// How often the process is killed where nothing else is said.
const KILLS: u64 = 50;
/// A process lives no longer than this before it is killed: from its start on, or from when it has logged in.
const LIFE: Duration = Duration::from_millis(1_200);
/// How many processes are left alone until they have logged in, so that a slow machine has traffic too.
const LOGGED_IN: f64 = 0.7;
/// How many processes of a relaxed campaign are asked to end, by SIGTERM.
const ASKED: f64 = 0.2;
/// How often the scripts are edited while a process runs; every third version does not compile.
const EDITED: f64 = 0.4;
/// So many of the latest events are looked at after each kill, more than one process takes.
const LATEST: u32 = 2_000;
/// How many people talk to each bot.
const PEOPLE: usize = 4;
/// The bots, each a session on a worker of its own.
const BOTS: [&str; 2] = ["bot", "twin"];
/// How many questions a conversation has.
const TURNS: usize = 4;
/// How many things a person has looked up at once.
const LOOKS: usize = 3;
/// After this long without a question a person thinks that their answer was lost: it was, where nobody was connected.
const LOST: Duration = Duration::from_millis(1_500);

pub(crate) const SCRIPT: &str = r#"
import "lib/talk" as talk;

every("80ms", "beat");

fn on_message(msg) {
    let words = msg.text.split(" ");
    if words[0] == "look" { talk::look_up(msg, words[1]); return; }
    if words[0] != "begin" { return; }
    // A beginning that was said again, since nobody seemed to hear the first one.
    if store.incr(`begun ${words[1]}`) > 1 { return; }
    talk::hold(msg, words[1]);
    after("100ms", "postscript", [msg.sender.mid, words[1]]);
}

// It never overlaps itself, in whatever process.
fn beat() {
    if state.beats == true { store.incr("overlaps"); }
    state.beats = true;
    talk::page(random(0, 150));
    sleep("10ms");
    state.beats = false;
}

fn postscript(to, key) {
    talk::page(random(0, 60));
    store.incr("postscripts");
    talk::surely(|attempt| send_text(to, `${key} ps ${attempt}`));
}

fn on_error(error) { store.incr("errors"); log_error(error); }
"#;

pub(crate) const MODULE: &str = r#"
// Asks and asks until every turn is answered. Each text is another one, so that a text that comes twice was sent twice.
fn hold(msg, key) {
    let tokens = [];
    for turn in 0..4 {
        state.letter = 'x';
        state.number = random(0, 1000) / 8.0;
        if turn == 0 { page(random(0, 150)); }
        let token = `${random(0, 1000000000)}-${state.letter}-${type_of(state.letter)}-${state.number}`;
        let asked_at = now();
        try { leave_group("c0123456789abcdef0123456789abcdef"); } catch (error) { note(error); }
        let attempt = 0;
        let answered = false;
        while !answered {
            attempt += 1;
            let answer = ();
            try {
                answer = msg.ask(`${key} ${turn} ${attempt} ${token}`, #{ timeout: "1h" });
            } catch (error) {
                note(error);
            }
            answered = answer != () && answer.text.starts_with(`${key} ${turn} `);
        }
        if now() < asked_at { throw "time goes backwards"; }
        if turn == 1 { page(random(0, 60)); }
        tokens.push(token);
        store.incr(`turns ${key}`);
        state[key] = turn + 1;
        if turn % 2 == 0 { sleep("30ms"); }
    }
    let kept = state[key];
    state.remove(key);
    surely(|attempt| msg.reply(`${key} end ${kept} ${tokens} ${attempt}`));
}

// Looks something up beside others in the same chat, and says so on the web.
fn look_up(msg, key) {
    store.incr(`look ${key}`);
    page(random(0, 300));
    surely(|attempt| http_post("WEB/said", `${key} ${attempt}`));
    store.incr(`look ${key}`);
    surely(|attempt| msg.reply(`looked ${key}.${attempt}`));
}

fn page(millis) { http_get(`WEB/${millis}`).body }

// Does something that may have been done already, until it is certain that it was.
fn surely(act) {
    let attempt = 0;
    loop {
        attempt += 1;
        try {
            act.call(attempt);
            return;
        } catch (error) {
            note(error);
        }
    }
}

fn note(error) {
    if error.name == "IN_DOUBT" { store.incr("in doubt"); }
    else if error.name != "NOT_FOUND" && error.name != "NOT_A_MEMBER" { throw error; }
}
"#;

/// A number from the environment.
pub(crate) fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// How safely the bot records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Promise {
    Strict,
    Relaxed,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conversations_reach_their_end_however_often_the_process_is_killed() {
    hold_campaign(Promise::Strict, setting("HOTLINE_KILLS", KILLS)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conversations_reach_their_end_in_a_relaxed_journal_too() {
    hold_campaign(Promise::Relaxed, setting("HOTLINE_KILLS", KILLS) / 2).await;
}

/// Saves another version of the scripts; a broken one says nothing of what went before.
fn edit(folder: &Folder, site: &Site, version: u64, promise: Promise, is_running: bool) {
    let remark = format!("// version {version}\n\n");
    save(folder, site, &remark, "");
    // What does not compile at the start serves no new conversation, which a strict campaign counts on.
    if version.is_multiple_of(3) && (is_running || promise == Promise::Relaxed) {
        save(folder, site, &remark, "fn broken(");
    }
}

fn save(folder: &Folder, site: &Site, remark: &str, rest: &str) {
    folder.save("lib/talk.rhai", &format!("{remark}{}", MODULE.replace("WEB", &site.url(""))));
    folder.save("talk.rhai", &format!("{remark}{SCRIPT}{rest}"));
}

/// The site answers after as many milliseconds as the path says.
pub(crate) fn pace(path: &str) -> Option<Duration> {
    Some(Duration::from_millis(path[1..].parse().unwrap_or(20)))
}

async fn hold_campaign(promise: Promise, kills: u64) {
    let seed = setting("HOTLINE_SEED", rand::random::<u32>().into());
    eprintln!("{promise:?}: {kills} kills, seed {seed} (HOTLINE_KILLS, HOTLINE_SEED)");
    let mut rng = StdRng::seed_from_u64(seed);

    let sandbox = sandbox().await;
    let control = sandbox.control();
    control.create_account(NewAccount::named("twin")).expect("a new name");
    let when = When::Chance { probability: 0.1, seed };
    let repeating = InjectedFault { account: None, on: Traffic::Events, trouble: Trouble::Repeat, when };
    control.inject(repeating).expect("a fault");
    let site = Site::at_pace(pace).await;
    let folder = Folder::new(&configuration(promise, &sandbox.url()));
    save(&folder, &site, "", "");

    let closing = Arc::new(AtomicBool::new(false));
    let held = Arc::new(AtomicUsize::new(0));
    let talks: Vec<_> = (0..BOTS.len() * PEOPLE)
        .map(|number| {
            let name = format!("p{number}");
            control.create_account(NewAccount::named(&name)).expect("a new name");
            let person = Person::new(&control, &name, BOTS[number % BOTS.len()]);
            tokio::spawn(talk(person, promise, Arc::clone(&closing), Arc::clone(&held)))
        })
        .collect();

    let onlookers: Vec<_> = BOTS
        .into_iter()
        .map(|bot| {
            let name = format!("onlooker{bot}");
            control.create_account(NewAccount::named(&name)).expect("a new name");
            let onlooker = Person::new(&control, &name, bot);
            tokio::spawn(look(onlooker, Arc::clone(&closing)))
        })
        .collect();

    let mut taken = BTreeSet::new();
    let mut arrived = BTreeMap::new();
    for kill in 0..kills {
        let process = folder.start();
        if rng.random_bool(LOGGED_IN) {
            while control.connections(BOTS[0]) == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        tokio::time::sleep(LIFE.mul_f64(0.7 * rng.random::<f64>())).await;
        if rng.random_bool(EDITED) {
            // One that has not connected yet may not have read its scripts.
            let is_running = control.connections(BOTS[0]) > 0;
            edit(&folder, &site, 2 * kill, promise, is_running);
        }
        tokio::time::sleep(LIFE.mul_f64(0.3 * rng.random::<f64>())).await;
        if rng.random_bool(ASKED) {
            tokio::task::block_in_place(|| process.terminate());
        } else {
            process.kill();
        }
        // What did not compile while the process ran would not compile at the next start.
        if kill % 2 == 0 || promise == Promise::Strict {
            edit(&folder, &site, 2 * kill + 1, promise, false);
        }
        folder.check();
        gather_what_arrived(&control, &mut arrived);
        // Older ones are looked for at the end.
        let events = folder.journal().events(LATEST).expect("the journal can be read");
        let latest: BTreeSet<_> = events.into_iter().map(|handling| handling.event.id).collect();
        if let Some(oldest) = latest.first() {
            let gone = taken.range(oldest..).find(|before| !latest.contains(before));
            assert_eq!(gone, None, "kill {kill}: an event is gone");
        }
        taken.extend(latest);
        assert!(talks.iter().all(|talk| !talk.is_finished()), "somebody gave up after kill {kill}:\n{}", folder.log());
    }
    closing.store(true, Ordering::Relaxed);
    save(&folder, &site, "", "");
    // The last process is to come to an end with everything, which a timer that goes on never does.
    folder.save("talk.rhai", &SCRIPT.replace("every(", "// every("));
    let process = folder.start();
    for talk in talks {
        let outcome = tokio::time::timeout(PATIENCE, talk).await;
        let stuck = |_| {
            let runs = folder.journal().open_runs().expect("the journal can be read");
            panic!("not every conversation comes to its end: {runs:#?}\n{}", folder.log())
        };
        outcome.unwrap_or_else(stuck).expect("nobody hears what they should not");
    }
    for onlooker in onlookers {
        onlooker.await.expect("nobody hears what they should not");
    }
    // Onlookers leave when they hear nothing for a while, which a slow machine is enough for.
    folder.is_seen_through(LATEST).await;
    process.end();
    folder.check();
    gather_what_arrived(&control, &mut arrived);

    let journal = folder.journal();
    let events = journal.events(u32::MAX).expect("the journal can be read");
    let there: BTreeSet<_> = events.iter().map(|handling| handling.event.id).collect();
    assert!(taken.is_subset(&there), "an event is gone");
    every_event_was_handled_once(promise, &events);
    let (twice, in_doubt) = every_effect_was_sent_once(arrived, &events);
    let conversations = held.load(Ordering::Relaxed);
    eprintln!(
        "{promise:?}: {kills} kills, seed {seed}: {conversations} conversations, {} events, {in_doubt} effects in doubt, {} twice",
        events.len(),
        twice.len()
    );
    match promise {
        Promise::Strict => {
            assert!(journal.open_runs().expect("the journal can be read").is_empty(), "a run still waits");
            assert!(twice.is_empty(), "these were sent twice: {twice:?}");
            everything_was_counted_once(&folder, "talk", conversations, &events);
            let said = site.bodies("/said");
            assert_eq!(said.iter().collect::<BTreeSet<_>>().len(), said.len(), "nothing is posted twice: {said:?}");
        }
        // Each kill can repeat what each conversation did in the last moment, which is one text.
        Promise::Relaxed => {
            let most = usize::try_from(kills).expect("a small number") * BOTS.len() * PEOPLE;
            assert!(twice.values().sum::<usize>() <= most, "these were sent twice: {twice:?}");
        }
    }
    assert!(conversations >= BOTS.len() * PEOPLE, "everybody held a conversation");
    sandbox.stop().await;
}

fn configuration(promise: Promise, url: &str) -> String {
    let sessions = BOTS.map(|bot| {
        format!(
            "[[session]]\nname = \"{bot}\"\ngateway = \"{url}\"\nemail = \"{bot}@sandbox.test\"\npassword = \"sandbox\"\n"
        )
    });
    let journal = format!("{promise:?}").to_lowercase();
    let http = "[http]\nallow = [\"127.0.0.1\"]\n";
    format!("journal = \"{journal}\"\npacing = \"off\"\nworkers = {}\n{http}{}", BOTS.len(), sessions.concat())
}

/// Holds one conversation after the other until it is time to close.
pub(crate) async fn talk(mut person: Person, promise: Promise, closing: Arc<AtomicBool>, held: Arc<AtomicUsize>) {
    let mut number = 0;
    while !closing.load(Ordering::Relaxed) {
        converse(&mut person, promise, number).await;
        held.fetch_add(1, Ordering::Relaxed);
        number += 1;
    }
}

/// Has several things looked up at once, again and again, until it is time to close.
async fn look(mut person: Person, closing: Arc<AtomicBool>) {
    let mut number = 0;
    while !closing.load(Ordering::Relaxed) {
        for _ in 0..LOOKS {
            person.says(&format!("look {}.{number}", person.name)).await;
            number += 1;
        }
        // What was said while nobody was connected is lost.
        for _ in 0..LOOKS {
            let Some(text) = person.hears_within(LOST).await else { break };
            assert!(text.starts_with("looked onlooker"), "{text}");
        }
    }
}

/// Holds a conversation to its end, saying again what nobody seems to have heard.
async fn converse(person: &mut Person, promise: Promise, number: usize) {
    let is_strict = promise == Promise::Strict;
    let mut key = format!("{}.{number}", person.name);
    let mut tokens: [Option<String>; TURNS] = Default::default();
    let mut words = format!("begin {key}");
    let mut said = 0;
    let mut unheard = 0;
    let mut is_to_be_said = true;
    let mut has_ended = false;
    loop {
        // A relaxed journal can have counted a beginning whose conversation it lost.
        if !is_strict && unheard > 2 {
            key = format!("{}.{number}.{said}", person.name);
            words = format!("begin {key}");
            (unheard, has_ended) = (0, false);
        }
        if is_to_be_said && !(has_ended && is_strict) {
            said += 1;
            person.says(&format!("{words} {said}")).await;
        }
        let Some(text) = person.hears_within(LOST).await else {
            is_to_be_said = true;
            unheard += 1;
            continue;
        };
        (is_to_be_said, unheard) = (false, 0);
        let heard: Vec<_> = text.split(' ').collect();
        match heard.as_slice() {
            // What was over can be asked again where the last moment was lost.
            [of, turn, _, _] if *of != key && !is_strict && turn.parse::<usize>().is_ok() => {
                person.says(&format!("{of} {turn} again")).await;
            }
            [of, ..] if *of != key => {}
            [_, "end", kept, tokens_kept @ .., _] => {
                let expected: Vec<_> = tokens.iter().flatten().map(|token| format!("{token:?}")).collect();
                let found = tokens_kept.join(" ");
                assert_eq!(*kept, "4", "{text}");
                assert!(!is_strict || found == format!("[{}]", expected.join(", ")), "{text}");
                has_ended = true;
            }
            [_, "ps", _] if has_ended || !is_strict => return,
            [_, turn, _, token] => {
                let turn: usize = turn.parse().expect("a turn");
                let known = tokens[turn].get_or_insert_with(|| (*token).to_owned());
                assert!(!is_strict || known == token, "{key}: what was drawn for turn {turn} is drawn once");
                let next = format!("{key} {turn}");
                is_to_be_said = next != words || !is_strict;
                words = next;
            }
            _ => panic!("{key}: {text} is not to be heard here"),
        }
    }
}

/// Every message that the journal took was handled by one run, or taken as an answer by one.
fn every_event_was_handled_once(promise: Promise, events: &[Handling]) {
    let mut answers: BTreeMap<String, usize> = BTreeMap::new();
    for run in events.iter().flat_map(|handling| &handling.runs) {
        assert!(run.standing.fault.is_none(), "{}: {:?}", run.run.function, run.standing.fault);
        for entry in &run.entries {
            if let CallOutcome::Message(content) = &entry.outcome {
                *answers.entry(Message::read(content).expect("a message").id).or_default() += 1;
            }
        }
    }
    let mut ids = BTreeSet::new();
    for Handling { event, runs } in events {
        assert!(event.done, "event {} was not seen through: {}", event.id, event.content);
        if event.subcommand == "RECEIVE_MESSAGE" {
            let message = Message::read(event.content.as_str()).expect("a message");
            let answered = answers.get(&message.id).copied().unwrap_or_default();
            // While no script loads, what is no answer is handled by none.
            let least = usize::from(promise == Promise::Strict);
            let often = runs.len() + answered;
            assert!((least..=1).contains(&often), "{} was handled {often} times: {runs:?} {event:?}", event.id);
            assert_eq!(event.answered.is_some(), answered == 1, "{}", event.content);
            assert!(ids.insert((event.session.clone(), message.id)), "{} was taken twice", event.content);
        }
    }
}

/// What the bots have sent, each text by its message's id: a chat forgets its oldest messages in a long campaign.
fn gather_what_arrived(control: &Control, arrived: &mut BTreeMap<String, String>) {
    for person in control.people() {
        for bot in BOTS {
            let bot = control.mid(bot).expect("the bot is known");
            let sent = control.chat(&person.name, &bot).into_iter().filter(|message| message.from == bot);
            arrived.extend(sent.map(|message| (message.id, message.text.unwrap_or_default())));
        }
    }
}

/// Every text that is known to be sent reached the world; gives those that did more than once, and how many are in doubt.
fn every_effect_was_sent_once(sent: BTreeMap<String, String>, events: &[Handling]) -> (BTreeMap<String, usize>, usize) {
    let mut arrived: BTreeMap<String, usize> = BTreeMap::new();
    for text in sent.into_values() {
        *arrived.entry(text).or_default() += 1;
    }
    let twice =
        arrived.iter().filter(|(_, count)| **count > 1).map(|(text, count)| (text.clone(), count - 1)).collect();
    let mut in_doubt = 0;
    for run in events.iter().flat_map(|handling| &handling.runs) {
        for entry in &run.entries {
            let was_in_doubt = matches!(&entry.outcome, CallOutcome::Thrown(text) if text.contains("IN_DOUBT"));
            in_doubt += usize::from(was_in_doubt);
            if entry.name == "SendText" && !was_in_doubt {
                let fields: serde_json::Value = serde_json::from_str(&entry.detail).expect("fields");
                let text = fields["content"].as_str().expect("a text");
                assert!(arrived.remove(text).is_some(), "\"{text}\" is recorded as sent");
            }
        }
    }
    (twice, in_doubt)
}

/// A script's own counts, which change together with its record, or not at all.
pub(crate) fn everything_was_counted_once(folder: &Folder, script: &str, conversations: usize, events: &[Handling]) {
    let (_copy, store) = folder.store();
    let value = |key: &str| store.get(script, key, 0).expect("the database can be read").map(|text| text.to_string());
    assert_eq!(value("errors"), None, "no run fails:\n{}", folder.log());
    assert_eq!(value("overlaps"), None, "a timer overlaps itself");
    assert_eq!(value("postscripts"), Some(conversations.to_string()));
    let turns = store.keys(script, "turns ", 0).expect("the database can be read");
    assert_eq!(turns.len(), conversations);
    for key in turns {
        assert_eq!(value(&key), Some(TURNS.to_string()), "{key}");
    }
    let texts = events.iter().filter(|handling| handling.event.subcommand == "RECEIVE_MESSAGE");
    let texts = texts.filter_map(|handling| Message::read(handling.event.content.as_str())?.text);
    for key in texts.filter_map(|text| text.strip_prefix("look ").map(str::to_owned)) {
        assert_eq!(value(&format!("look {key}")), Some("2".to_owned()), "{key}");
    }
}
