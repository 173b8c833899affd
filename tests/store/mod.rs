//! What the store keeps, for whom, and across what.

mod journal;
mod model;

use std::process::Command;

use hotline::store::{Durability, Store, StoreError};
use tempfile::tempdir;

const NOW: i64 = 1_700_000_000_000;

#[test]
fn what_was_set_is_there_after_reopening() {
    let folder = tempdir().expect("a folder");
    let data = folder.path().join("deep/data");
    {
        let store = Store::open(&data, Durability::Relaxed).expect("it opens");
        store.set("order", "name", r#""Ann""#, None, NOW).expect("it is set");
        store.set("order", "short", "1", Some(NOW + 10), NOW).expect("it is set");
        store.set("order", "gone", "1", None, NOW).expect("it is set");
        assert!(store.delete("order", "gone", NOW).expect("it is deleted"));
        store.save_certificate("ws://a", "bot", "c1").expect("it is saved");
        store.save_certificate("ws://a", "bot", "c2").expect("it is saved");
    }
    let store = Store::open(&data, Durability::Strict).expect("it opens again");
    assert_eq!(store.get("order", "name", NOW).expect("it is read").as_deref(), Some(r#""Ann""#));
    assert_eq!(store.keys("order", "", NOW).expect("they are read"), ["name", "short"]);
    assert_eq!(store.keys("order", "", NOW + 10).expect("they are read"), ["name"]);
    assert_eq!(store.get("other", "name", NOW).expect("it is read"), None, "each script has its own");
    assert_eq!(store.certificate("ws://a", "bot").expect("it is read").as_deref(), Some("c2"));
    assert_eq!(store.certificate("ws://b", "bot").expect("it is read"), None);
}

#[test]
fn a_folder_belongs_to_one_store_at_a_time() {
    let folder = tempdir().expect("a folder");
    let first = Store::open(folder.path(), Durability::Relaxed).expect("it opens");
    let error = Store::open(folder.path(), Durability::Relaxed).expect_err("it is in use");
    assert!(matches!(error, StoreError::InUse(_)));
    assert!(error.to_string().contains(&folder.path().display().to_string()), "{error}");
    drop(first.clone());
    assert!(Store::open(folder.path(), Durability::Relaxed).is_err(), "one clone is left");
    drop(first);
    Store::open(folder.path(), Durability::Relaxed).expect("it is free");
}

#[test]
fn another_process_is_refused_and_a_killed_one_leaves_the_folder_free() {
    const FOLDER: &str = "STORE_TEST_FOLDER";
    if let Some(folder) = std::env::var_os(FOLDER) {
        let store = Store::open(folder.as_ref(), Durability::Relaxed).expect("the child opens it");
        store.set("s", "k", "1", None, NOW).expect("the child sets");
        store.flush().expect("the child flushes");
        std::fs::write(std::path::Path::new(&folder).join("ready"), "").expect("the child reports");
        loop {
            std::thread::park();
        }
    }
    let folder = tempdir().expect("a folder");
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "store::another_process_is_refused_and_a_killed_one_leaves_the_folder_free"])
        .env(FOLDER, folder.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("the child starts");
    while !folder.path().join("ready").exists() {
        assert!(child.try_wait().expect("the child is there").is_none(), "the child ended early");
        std::thread::yield_now();
    }
    assert!(matches!(Store::open(folder.path(), Durability::Relaxed), Err(StoreError::InUse(_))));
    child.kill().expect("the child is killed");
    child.wait().expect("the child ends");
    let store = Store::open(folder.path(), Durability::Relaxed).expect("the lock went with the child");
    assert_eq!(store.get("s", "k", NOW).expect("it is read").as_deref(), Some("1"));
}

#[test]
fn eight_threads_count_without_losing_one() {
    let folder = tempdir().expect("a folder");
    {
        let store = Store::open(folder.path(), Durability::Relaxed).expect("it opens");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        store.incr("s", "n", 1, NOW).expect("it counts");
                    }
                });
            }
        });
        assert_eq!(store.incr("s", "n", 0, NOW).expect("it counts"), 8_000);
    }
    let store = Store::open(folder.path(), Durability::Relaxed).expect("it opens again");
    assert_eq!(store.incr("s", "n", -8_000, NOW).expect("it counts"), 0);
}

#[test]
fn a_set_is_seen_by_every_other_thread_at_once() {
    let store = Store::in_memory().expect("it opens");
    let (asks, questions) = std::sync::mpsc::channel::<i64>();
    let (answers, answered) = std::sync::mpsc::channel();
    let reader = {
        let store = store.clone();
        std::thread::spawn(move || {
            for number in questions {
                let found = store.get("s", "k", NOW).expect("it is read");
                answers.send(found.as_deref() == Some(number.to_string().as_str())).expect("it is heard");
            }
        })
    };
    for number in 0..1_000 {
        store.set("s", "k", &number.to_string(), None, NOW).expect("it is set");
        asks.send(number).expect("it is heard");
        assert!(answered.recv().expect("an answer"));
    }
    drop(asks);
    reader.join().expect("the reader ends");
}

#[test]
fn many_scripts_are_used_by_many_threads_while_others_flush() {
    let folder = tempdir().expect("a folder");
    let store = Store::open(folder.path(), Durability::Strict).expect("it opens");
    std::thread::scope(|scope| {
        for thread in 0..6 {
            let store = &store;
            scope.spawn(move || {
                for index in 0..50 {
                    store.set(&format!("script{index}"), &format!("t{thread}"), "true", None, NOW).expect("it is set");
                    if index % 10 == thread {
                        store.flush().expect("it is written");
                    }
                }
            });
        }
    });
    for index in 0..50 {
        assert_eq!(store.keys(&format!("script{index}"), "t", NOW).expect("they are read").len(), 6);
    }
}

#[test]
fn what_is_no_whole_number_is_not_counted_up() {
    let store = Store::in_memory().expect("it opens");
    store.set("s", "k", r#""x""#, None, NOW).expect("it is set");
    let error = store.incr("s", "k", 1, NOW).expect_err("it is no number");
    assert_eq!(error.to_string(), r#"the value of "k" is no whole number, so it cannot be counted up"#);
    store.set("s", "k", &i64::MAX.to_string(), None, NOW).expect("it is set");
    assert!(matches!(store.incr("s", "k", 1, NOW), Err(StoreError::OutOfRange { .. })));
}

#[test]
fn a_file_that_is_no_database_is_named() {
    let folder = tempdir().expect("a folder");
    std::fs::write(folder.path().join("hotline.db"), "this is a letter, not a database, and long enough".repeat(50))
        .expect("it is written");
    let error = Store::open(folder.path(), Durability::Relaxed).expect_err("it is a letter");
    assert!(error.to_string().contains("hotline.db is damaged: file is not a database"), "{error}");
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_what_is_kept() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempdir().expect("a folder");
    let data = folder.path().join("data");
    let store = Store::open(&data, Durability::Relaxed).expect("it opens");
    store.save_certificate("ws://a", "bot", "c").expect("it is saved");
    let mode = |path: &std::path::Path| path.metadata().expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    for entry in std::fs::read_dir(&data).expect("it is readable") {
        let path = entry.expect("an entry").path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}
