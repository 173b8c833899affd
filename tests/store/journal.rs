//! What the journal keeps of events, runs and timers, for whom, and for how long.

use std::fs;
use std::path::Path;

use hotline::protocol::Content;
use hotline::store::{
    Batch, BundleHash, CallAnswer, CallKind, CallOutcome, CallRecord, Durability, EventId, EventRow, JournalReader,
    LinedUp, Lineup, MessageRow, Recovered, RunChange, RunId, RunOutcome, RunRow, Standing, Store, StoreError, Tenant,
    TimerId, TimerOrigin, TimerRow, Waiting,
};
use rusqlite::Connection;
use serde_json::json;
use tempfile::tempdir;

use crate::store::NOW;

const DAY: i64 = 24 * 3_600 * 1_000;

fn open(folder: &Path) -> Store {
    let store = Store::open(folder, Durability::Strict).expect("it opens");
    store.write_with_batches();
    store
}

fn tenant(account: &str) -> Tenant {
    Tenant { gateway: "ws://a".to_owned(), account: account.to_owned(), scripts: None, now: NOW }
}

fn message(id: i64, at: i64) -> EventRow {
    let content = json!({
        "id": format!("m{id}"), "from": "u1", "to": "u2", "text": "hello", "timestamp": at,
        "contentType": "NONE", "contentMetadata": {},
    });
    let (session, subcommand) = ("main".into(), "RECEIVE_MESSAGE".into());
    EventRow {
        id: EventId::new(id),
        session,
        subcommand,
        content: Content::new(content.to_string()),
        at,
        done: true,
        answered: None,
    }
}

fn taken(id: &str, at: i64) -> MessageRow {
    MessageRow { session: "main".into(), id: id.into(), at }
}

/// A run of an event that waits, or that ended at a time.
fn run(id: i64, event: i64, ended: Option<i64>) -> RunChange {
    let (id, event) = (RunId::new(id), EventId::new(event));
    let row = RunRow {
        id,
        event,
        session: "main".into(),
        script: "bot".into(),
        function: "on_message".into(),
        generation: 1,
        bundle: BundleHash([7; 32]),
        started: NOW,
        rebuild: true,
        format: 2,
    };
    let waiting = Waiting { call: "ask".into(), place: "".into(), since: NOW, deadline: None };
    let waiting = ended.is_none().then_some(waiting);
    let outcome = if ended.is_some() { RunOutcome::Handled } else { RunOutcome::Open };
    let standing = Standing { waiting, ended, outcome, fault: None };
    RunChange { id, event, begun: Some(Box::new(row)), standing, entries: Vec::new(), answers: Vec::new() }
}

fn timer(id: i64) -> TimerRow {
    let (id, session, script) = (TimerId::new(id), "main".to_owned(), "bot".to_owned());
    TimerRow { id, session, script, timer: "{}".to_owned(), due: NOW + DAY, origin: TimerOrigin::Made }
}

fn record(store: &Store, mut batch: Batch) {
    let brought = batch.events.iter().map(|event| taken(&format!("m{}", event.id), event.at));
    batch.messages.extend(brought.collect::<Vec<_>>());
    store.record(batch, None);
    store.flush().expect("it is on disk");
}

fn ids(folder: &Path) -> Vec<i64> {
    let events = JournalReader::open(folder).expect("it opens").events(u32::MAX).expect("it can be read");
    events.into_iter().map(|handling| handling.event.id.number()).collect()
}

#[test]
fn what_a_session_left_behind_is_not_another_accounts() {
    let folder = tempdir().expect("a folder");
    let batch = || Batch {
        at: NOW,
        events: vec![message(1, NOW)],
        runs: vec![run(2, 1, None)],
        timers: vec![timer(3)],
        ..Batch::default()
    };
    {
        let store = open(folder.path());
        store.recover("main", tenant("a@b")).expect("it is read");
        record(&store, batch());
    }
    {
        let recovered = open(folder.path()).recover("main", tenant("a@b")).expect("it is read");
        let Recovered { waiting, timers, messages, has_moved, .. } = recovered;
        assert_eq!((waiting.len(), timers.len(), messages.len(), has_moved), (1, 1, 1, false));
    }
    for (account, expected) in [("c@d", true), ("c@d", false), ("a@b", true)] {
        let recovered = open(folder.path()).recover("main", tenant(account)).expect("it is read");
        let Recovered { waiting, timers, messages, has_moved, .. } = recovered;
        assert_eq!((waiting.len(), timers.len(), messages.len(), has_moved), (0, 0, 0, expected), "{account}");
    }
    let reader = JournalReader::open(folder.path()).expect("it opens");
    let ended = reader.run(RunId::new(2)).expect("it can be read").expect("it is there").standing;
    assert_eq!(ended.outcome, RunOutcome::EndedWithSession);
}

#[test]
fn a_message_is_remembered_by_its_id_alone_and_not_as_another_accounts() {
    let folder = tempdir().expect("a folder");
    {
        let store = open(folder.path());
        store.recover("main", tenant("a@b")).expect("it is read");
        record(
            &store,
            Batch { at: NOW, messages: ["7", "m8", "12", "9"].map(|id| taken(id, NOW)).into(), ..Batch::default() },
        );
        store.prune(NOW + DAY, NOW + DAY).expect("it is pruned");
        let has = |session: &str, id: &str| store.has_message(session, id).expect("it is read");
        assert!(has("main", "7") && has("main", "m8"));
        assert!(!has("main", "8") && !has("other", "7"));
    }
    for (account, highest) in [("a@b", Some(12)), ("c@d", None)] {
        let store = open(folder.path());
        assert_eq!(store.recover("main", tenant(account)).expect("it is read").highest_message, highest);
        assert_eq!(store.has_message("main", "7").expect("it is read"), highest.is_some());
    }
}

#[test]
fn an_id_of_a_message_is_what_is_written_and_not_what_it_counts() {
    let folder = tempdir().expect("a folder");
    let ids = ["7", "007", "+8", "-9", "-0", "0", "9223372036854775807", "9223372036854775808", "m", ""];
    let store = open(folder.path());
    for id in ids {
        assert!(!store.has_message("main", id).expect("it is read"), "{id}");
        record(&store, Batch { at: NOW, messages: vec![taken(id, NOW)], ..Batch::default() });
        assert!(store.has_message("main", id).expect("it is read"), "{id}");
    }
    assert!(!store.has_message("main", "8").expect("it is read"));
}

#[tokio::test]
async fn the_messages_of_a_process_that_was_killed_are_remembered() {
    let (folder, copy) = (tempdir().expect("a folder"), tempdir().expect("a folder"));
    let store = open(folder.path());
    let number =
        |id: i64| EventRow { content: Content::new(json!({"id": id.to_string()}).to_string()), ..message(id, NOW) };
    record(&store, Batch { at: NOW, events: vec![message(1, NOW)], ..Batch::default() });
    for events in [vec![number(9), number(4)], vec![message(5, NOW), number(6)]] {
        let (done, written) = tokio::sync::oneshot::channel();
        store.record(Batch { at: NOW, events, ..Batch::default() }, Some(done));
        written.await.expect("it is on disk");
    }
    // What a kill leaves: nobody has had time to do anything.
    for file in fs::read_dir(folder.path()).expect("it is there") {
        let file = file.expect("it can be read");
        fs::copy(file.path(), copy.path().join(file.file_name())).expect("it can be written");
    }
    for _ in 0..2 {
        let store = open(copy.path());
        let recovered = store.recover("main", tenant("a")).expect("it is read");
        assert_eq!((recovered.messages.len(), recovered.highest_message), (5, Some(9)));
        // Pruned with all that tells of them, they stay.
        store.prune(NOW + DAY, NOW + DAY).expect("it is pruned");
        for id in ["m1", "9", "4", "m5", "6"] {
            assert!(store.has_message("main", id).expect("it is read"), "{id}");
        }
    }
}

#[test]
fn the_latest_messages_are_kept_however_old_and_of_the_others_those_of_the_retention() {
    let folder = tempdir().expect("a folder");
    let store = open(folder.path());
    let of = |from: i64, count: i64, at| Batch {
        at,
        messages: (from..from + count).map(|id| taken(&id.to_string(), at)).collect(),
        ..Batch::default()
    };
    for (number, at) in (0..).zip([NOW, NOW + 1, NOW + DAY, NOW + 2 * DAY]) {
        record(&store, of(number * 100_000, 100_000, at));
    }
    let has = |number: i64| store.has_message("main", &(number * 100_000 + 1).to_string()).expect("it is read");
    store.prune(NOW + 1, NOW + 3 * DAY).expect("it is pruned");
    assert_eq!([0, 1, 2, 3].map(has), [false, true, true, true], "it is the time that counts");
    store.prune(NOW + 3 * DAY, NOW + 3 * DAY).expect("it is pruned");
    assert_eq!([0, 1, 2, 3].map(has), [false, false, true, true], "and the latest stay");
}

#[test]
fn an_event_stays_for_as_long_as_its_runs_and_its_message_is_remembered_longer() {
    let folder = tempdir().expect("a folder");
    let store = open(folder.path());
    record(&store, Batch { at: NOW, events: vec![message(1, NOW)], runs: vec![run(2, 1, None)], ..Batch::default() });
    record(&store, Batch { at: NOW + 1, events: vec![message(3, NOW + 1)], ..Batch::default() });
    // The conversation settles in the tables, and goes on for days.
    record(&store, Batch { at: NOW + DAY, events: vec![message(4, NOW + DAY)], ..Batch::default() });
    let end = RunChange { begun: None, ..run(2, 1, Some(NOW + 3 * DAY)) };
    record(
        &store,
        Batch { at: NOW + 3 * DAY, events: vec![message(5, NOW + 3 * DAY)], runs: vec![end], ..Batch::default() },
    );
    store.prune(NOW + 2 * DAY, NOW + 3 * DAY).expect("it is pruned");
    assert_eq!(ids(folder.path()), [5, 1]);
    store.prune(NOW + 4 * DAY, NOW + 4 * DAY).expect("it is pruned");
    drop(store);
    let store = open(folder.path());
    store.prune(NOW + 4 * DAY, NOW + 4 * DAY).expect("it is pruned");
    assert!(ids(folder.path()).is_empty());
    let messages = store.recover("main", tenant("a@b")).expect("it is read").messages;
    let mut messages: Vec<_> = messages.into_iter().collect();
    messages.sort();
    assert_eq!(messages, ["m1", "m3", "m4", "m5"]);
}

#[test]
fn what_comes_of_a_call_is_added_to_it_in_the_log_and_in_the_tables() {
    let folder = tempdir().expect("a folder");
    let call = CallRecord {
        kind: CallKind::Effect,
        name: "SendText".into(),
        detail: "hi".into(),
        place: "bot.rhai:3".into(),
        at: NOW,
        took: 0,
        outcome: CallOutcome::Pending,
    };
    let begun = RunChange { entries: vec![(0, call.clone()), (1, call.clone())], ..run(2, 1, None) };
    let answered = |number, at| {
        let answer = CallAnswer { number, outcome: CallOutcome::Content("{}".to_owned()), took: 7 };
        let change = RunChange { begun: None, answers: vec![answer], ..run(2, 1, None) };
        Batch { at, runs: vec![change], ..Batch::default() }
    };
    let store = open(folder.path());
    record(&store, Batch { at: NOW, events: vec![message(1, NOW)], runs: vec![begun], ..Batch::default() });
    record(&store, answered(0, NOW + 1));
    drop(store);
    // What is open settles when the folder is opened.
    record(&open(folder.path()), answered(1, NOW + 2));
    let runs = JournalReader::open(folder.path()).expect("it opens").open_runs().expect("it can be read");
    let done = CallRecord { took: 7, outcome: CallOutcome::Content("{}".to_owned()), ..call };
    assert_eq!(runs[0].entries, [done.clone(), done]);
}

#[test]
fn a_wish_to_kill_stays_until_the_end_is_on_disk() {
    let folder = tempdir().expect("a folder");
    let store = open(folder.path());
    record(&store, Batch { at: NOW, events: vec![message(1, NOW)], runs: vec![run(2, 1, None)], ..Batch::default() });
    JournalReader::kill(folder.path(), RunId::new(2)).expect("it is written");
    JournalReader::kill(folder.path(), RunId::new(99)).expect("it is written");
    for _ in 0..2 {
        let kills: Vec<_> = store.kills().expect("it is read").into_iter().map(|run| run.id).collect();
        assert_eq!(kills, [RunId::new(2)]);
    }
    let end = RunChange { begun: None, ..run(2, 1, Some(NOW + 1)) };
    record(&store, Batch { at: NOW + 1, runs: vec![end], ..Batch::default() });
    assert!(store.kills().expect("it is read").is_empty());
}

#[test]
fn the_end_of_a_killed_run_takes_the_wish_with_it() {
    let folder = tempdir().expect("a folder");
    let store = open(folder.path());
    record(&store, Batch { at: NOW, events: vec![message(1, NOW)], runs: vec![run(2, 1, None)], ..Batch::default() });
    store.kill(RunId::new(2)).expect("it is written");
    let wishes = || {
        let database = rusqlite::Connection::open(folder.path().join("hotline.db")).expect("it opens");
        database.query_row("SELECT count(*) FROM kill", [], |row| row.get::<_, i64>(0)).expect("a number")
    };
    assert_eq!(wishes(), 1);
    let mut end = RunChange { begun: None, ..run(2, 1, Some(NOW + 1)) };
    end.standing.outcome = RunOutcome::Killed;
    record(&store, Batch { at: NOW + 1, runs: vec![end], ..Batch::default() });
    assert_eq!(wishes(), 0);
}

#[test]
fn what_waits_for_a_session_that_is_gone_ends_with_the_retention() {
    let folder = tempdir().expect("a folder");
    let batch = Batch { at: NOW, events: vec![message(1, NOW)], runs: vec![run(2, 1, None)], ..Batch::default() };
    record(&open(folder.path()), batch);
    let store = open(folder.path());
    let open_runs = || JournalReader::open(folder.path()).expect("it opens").open_runs().expect("it can be read").len();
    store.abandon(vec!["other".to_owned()], NOW - DAY, NOW).expect("it is written");
    store.abandon(vec!["main".to_owned()], NOW + DAY, NOW).expect("it is written");
    assert_eq!(open_runs(), 1);
    store.abandon(vec!["other".to_owned()], NOW + DAY, NOW).expect("it is written");
    assert_eq!(open_runs(), 0);
}

#[test]
fn which_scripts_there_were_is_known_for_every_time() {
    let folder = tempdir().expect("a folder");
    let store = open(folder.path());
    let lineup = |name: &str| Lineup { scripts: vec![LinedUp { name: name.to_owned(), ..LinedUp::default() }] };
    store.line_up(lineup("a"), NOW).expect("it is written");
    store.line_up(lineup("a"), NOW + 5).expect("it is written");
    store.line_up(lineup("b"), NOW + 10).expect("it is written");
    let at = |at| JournalReader::open(folder.path()).expect("it opens").lineup(at).expect("it can be read");
    let expected = [None, Some(lineup("a")), Some(lineup("a")), Some(lineup("b"))];
    assert_eq!([at(NOW - 1), at(NOW), at(NOW + 9), at(NOW + 10)], expected);
    store.prune(NOW + 8, NOW + 20).expect("it is pruned");
    assert_eq!(at(NOW + 9), Some(lineup("a")), "it is that of events which are kept");
}

#[test]
fn whoever_only_reads_changes_nothing() {
    let folder = tempdir().expect("a folder");
    record(&open(folder.path()), Batch { at: NOW, events: vec![message(1, NOW)], ..Batch::default() });
    let file = folder.path().join("hotline.db");
    let before = fs::read(&file).expect("it is there");
    assert_eq!(ids(folder.path()), [1]);
    assert!(fs::read(&file).expect("it is there") == before);
    let version = |to: i64| {
        let connection = Connection::open(&file).expect("it opens");
        connection.pragma_update(None, "user_version", to).expect("it is written");
    };
    let known: i64 = {
        let connection = Connection::open(&file).expect("it opens");
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).expect("a number")
    };
    version(known - 1);
    for error in [JournalReader::open(folder.path()).map(drop), JournalReader::kill(folder.path(), RunId::new(1))] {
        let error = error.expect_err("it is older");
        assert!(matches!(&error, StoreError::Older { found, .. } if *found == known - 1), "{error}");
        assert!(error.to_string().contains(&file.display().to_string()), "{error}");
    }
    version(known + 1);
    assert!(matches!(JournalReader::open(folder.path()), Err(StoreError::Newer { .. })));
}

/// A folder whose database is large enough to be damaged in its middle, and what its pages are.
fn filled() -> (tempfile::TempDir, Vec<u8>) {
    let folder = tempdir().expect("a folder");
    {
        let store = open(folder.path());
        for id in 0..200 {
            let events = (0..20).map(|n| message(1 + id * 20 + n, NOW)).collect();
            store.record(Batch { at: NOW, events, ..Batch::default() }, None);
        }
        store.flush().expect("it is on disk");
    }
    let bytes = fs::read(folder.path().join("hotline.db")).expect("it is there");
    assert!(bytes.len() > 40 * 4096, "it has {} bytes", bytes.len());
    (folder, bytes)
}

/// Opens and checks a store, as every start does.
fn start(folder: &Path) -> Result<(), StoreError> {
    Store::open(folder, Durability::Relaxed)?.check()
}

#[test]
fn damage_is_named_with_the_file_and_what_to_do() {
    let (folder, whole) = filled();
    let file = folder.path().join("hotline.db");
    start(folder.path()).expect("it is whole");
    let middle = whole.len() / 2 / 4096 * 4096;
    let scratched = |from: usize, to: usize| {
        let mut bytes = whole.clone();
        bytes[from..to].fill(0xA5);
        bytes
    };
    for (what, bytes) in [
        ("its beginning", scratched(0, 100)),
        ("its first page", scratched(100, 4096)),
        ("every page but the first", scratched(4096, whole.len())),
        ("pages in its middle", scratched(middle, middle + 3 * 4096)),
        ("its end is missing", whole[..middle].to_vec()),
        ("a part of a page", whole[..middle + 100].to_vec()),
    ] {
        for beside in ["hotline.db-wal", "hotline.db-shm"] {
            let _ = fs::remove_file(folder.path().join(beside));
        }
        fs::write(&file, bytes).expect("the folder is ours");
        let error = start(folder.path()).expect_err(what).to_string();
        for expected in [&*file.display().to_string(), "is damaged", "restore a copy, or move it away", "certificates"]
        {
            assert!(error.contains(expected), "{what}: {error}");
        }
    }
}

#[test]
fn a_process_was_last_seen_at_the_time_of_its_last_batch_though_the_clock_was_set_back_before() {
    let folder = tempdir().expect("a folder");
    let store = open(folder.path());
    for (id, at) in [(1, NOW + DAY), (2, NOW)] {
        record(&store, Batch { at, events: vec![EventRow { done: false, ..message(id, at) }], ..Batch::default() });
    }
    drop(store);
    let recovered = open(folder.path()).recover("main", tenant("a")).expect("it can be read");
    assert_eq!(recovered.last, Some(NOW));
}
