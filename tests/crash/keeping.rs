//! What scripts keep, looked at, changed and copied by other commands, beside a bot that runs and without one.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};

use hotline::store::{JournalReader, RunRecord};

use crate::crash::PATIENCE;
use crate::crash::person::Person;
use crate::crash::scene::Scene;

fn answer(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes| String::from_utf8(bytes).expect("it is text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// What the binary prints in the scene's folder; it succeeds.
fn out(scene: &Scene, arguments: &[&str]) -> String {
    let (status, out, err) = answer(scene.folder.command(arguments).output().expect("the binary starts"));
    assert_eq!(status, Some(0), "{arguments:?}: {err}");
    out
}

/// What it complains of; it fails with this status.
fn refused(scene: &Scene, status: i32, arguments: &[&str]) -> String {
    let (found, out, err) = answer(scene.folder.command(arguments).output().expect("the binary starts"));
    assert_eq!(found, Some(status), "{arguments:?}: {out}");
    err
}

fn with_input(mut command: Command, input: &str) -> Output {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends")
}

const COUNTS: &str = r#"
fn on_message(msg) {
    let word = msg.text ?? "";
    if word == "order" {
        let item = msg.ask("What?");
        msg.reply(`${item.text} after ${store.get("n")}`);
        return;
    }
    let n = store.update("n", |old| (old ?? 0) + 1);
    shared_store("all").set(`${n}`, word);
    msg.sender.state.n = n;
    msg.reply(`${n} ${store.get("greeting")}`);
}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_made_under_load_has_everything_and_goes_on_elsewhere() {
    let mut scene = Scene::new("", COUNTS).await;
    scene.folder.configure(|keys| keys.replace("journal = \"strict\"", "journal = \"relaxed\""));
    scene.start();
    scene.alice.says("order").await;
    assert_eq!(scene.hears().await, "What?");
    let mut bob = Person::new(&scene.control, "bob", "bot");
    let mut answered = 0;
    for _ in 0..50 {
        bob.says("tea").await;
        bob.hears_within(PATIENCE).await.expect("an answer");
        answered += 1;
    }
    let elsewhere = scene.folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).expect("the folder is ours");
    let copy = elsewhere.join("hotline.db");
    let mut backup = scene
        .folder
        .command(&["backup", "elsewhere/hotline.db"])
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let mut meanwhile = 0;
    let status = loop {
        bob.says("tea").await;
        bob.hears_within(PATIENCE).await.expect("an answer");
        meanwhile += 1;
        if let Some(status) = backup.try_wait().expect("it is ours") {
            break status;
        }
    };
    assert!(status.success());
    assert_eq!(copy.metadata().expect("a copy").permissions().mode() & 0o777, 0o600);
    assert!(refused(&scene, 1, &["backup", "elsewhere/hotline.db"]).contains("hotline.db is there already"));
    assert!(refused(&scene, 1, &["backup", "nowhere/copy"]).contains("the copy nowhere/copy cannot be made"));
    scene.kill().await;

    let journal = JournalReader::open(&elsewhere).expect("it is a database");
    journal.check().expect("it is whole");
    let n: usize =
        journal.entry("bot", "n", 0).expect("it reads").and_then(|n| n.json?.parse().ok()).expect("a number");
    assert!((answered..=answered + meanwhile).contains(&n), "{answered} were answered before, and {n} are there");
    assert_eq!(journal.entries("shared/all", 0).expect("it reads").len(), n, "it is one moment's");
    drop(journal);
    scene.process = Some(scene.folder.start_with(&["--data", "elsewhere"]));
    scene.alice.says("cake").await;
    assert_eq!(scene.hears().await, format!("cake after {n}"));
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_scripts_keep_is_changed_beside_the_bot_and_without_it() {
    let mut scene = Scene::new("", COUNTS).await;
    assert!(refused(&scene, 1, &["store", "list"]).contains("there is no hotline.db in it"));
    for runs in [true, false] {
        scene.start();
        scene.alice.says("tea").await;
        scene.hears().await;
        if !runs {
            scene.process.take().expect("it runs").end();
        }
        out(&scene, &["store", "set", "bot", "greeting", "\"hello\""]);
        out(&scene, &["store", "set", "bot", "n", "41"]);
        assert_eq!(out(&scene, &["store", "get", "bot", "greeting"]), "\"hello\"\n");
        if !runs {
            scene.start();
        }
        scene.alice.says("tea").await;
        assert_eq!(scene.hears().await, "42 hello", "runs: {runs}");
        out(&scene, &["store", "delete", "bot", "greeting"]);
        scene.alice.says("tea").await;
        assert_eq!(scene.hears().await, "43 ", "runs: {runs}");
        scene.process.take().expect("it runs").end();
    }
    scene.start();
    scene.alice.is_heard().await;
    let (deep, long) = (format!("{}{}", "[".repeat(120), "]".repeat(120)), "k".repeat(20_000));
    for (status, arguments, complaint) in [
        (
            2,
            &["set", "bot", "k", "tea"][..],
            "the value is no JSON (expected ident): found tea; a text stands in quotes: '\"tea\"'",
        ),
        (2, &["set", "bot", "k", "\"x"], "the value is no JSON (EOF while parsing a string): found \"x\n"),
        (
            1,
            &["set", "bot", "k", "9223372036854775808"],
            "no script could read the value: found 9223372036854775808, expected",
        ),
        (1, &["set", "bot", "k", &deep], "no script could read the value: it is nested more than 100 deep"),
        (1, &["set", "bot", &long, "1"], "kkk…\" has 20000 bytes, at most 16384 are allowed"),
        (2, &["set", "bot", "k", "1", "--ttl", "-1s"], "\"-1s\" is no duration"),
        (1, &["set", "bto", "k", "1"], "there is no script bto, and no store; did you mean bot?"),
        (1, &["set", "shared/", "k", "1"], "there is no script shared/, and no store"),
        (2, &["set", "bot", "k", "1", "--ttl", "soon"], "soon"),
        (1, &["get", "bot", "m"], "bot has no key m"),
        (1, &["get", "shared/al", "1"], "nothing is kept in shared/al; did you mean shared/all?"),
        (1, &["delete", "bot", "greeting"], "bot has no key greeting"),
        (1, &["import", "nothing"], "nothing cannot be read"),
    ] {
        let err = refused(&scene, status, &[&["store"], arguments].concat());
        assert!(err.contains(complaint), "{arguments:?}: {err}");
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_exported_can_be_imported_elsewhere() {
    let mut scene = Scene::new("", COUNTS).await;
    scene.start();
    scene.alice.says("tea").await;
    scene.hears().await;
    out(&scene, &["store", "set", "shared/late", "k", "{\"b\": [1.5, null], \"a\": \"x\"}", "--ttl", "1h"]);
    let list = out(&scene, &["store", "list"]);
    assert_eq!(
        list.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>(),
        ["store keys bytes", "bot 1 2", "shared/all 1 6", "shared/late 1 25"]
    );
    let exported = out(&scene, &["store", "export"]);
    let lines: Vec<_> = exported.lines().collect();
    assert_eq!(
        lines[..2],
        [r#"{"store":"bot","key":"n","value":1}"#, r#"{"store":"shared/all","key":"1","value":"tea"}"#]
    );
    assert!(
        lines[2].starts_with(r#"{"store":"shared/late","key":"k","value":{"a":"x","b":[1.5,null]},"expires":1"#),
        "{}",
        lines[2]
    );
    assert_eq!(out(&scene, &["store", "export", "bot"]), format!("{}\n", lines[0]));

    let mut elsewhere = Scene::new("", COUNTS).await;
    let large = "x".repeat(1_000_000);
    let many: String =
        (0..5).map(|n| format!("{{\"store\":\"bot\",\"key\":\"{n}\",\"value\":\"{large}\"}}\n")).collect();
    let import = |scene: &Scene, text: &str| answer(with_input(scene.folder.command(&["store", "import", "-"]), text));
    elsewhere.start();
    elsewhere.alice.is_heard().await;
    assert_eq!(import(&elsewhere, &format!("{exported}{many}")).0, Some(0));
    elsewhere.alice.says("cake").await;
    assert_eq!(elsewhere.hears().await, "2 ");
    assert_eq!(out(&elsewhere, &["store", "get", "bot", "4"]).len(), 1_000_003);
    let first = lines[0];
    let form = "expected {\"store\": …, \"key\": …, \"value\": …}";
    for (line, complaint) in [
        (
            r#"{"store":"bot","kee":1}"#.to_owned(),
            format!("-:2:20: unknown field `kee`, expected one of `store`, `key`, `value`, `expires`; {form}"),
        ),
        ("[]".to_owned(), format!("-:2: found []; {form}")),
        (r#"{"store":"bot","key":"k","value":}"#.to_owned(), format!("-:2:34: expected value; {form}")),
        (
            format!(r#"{{"store":"bot","key":"k","value":[0{}]}}"#, ",0".repeat(100_000)),
            "-:2: no script could read the value: it has more than 100000 elements in its arrays (limits.array)"
                .to_owned(),
        ),
    ] {
        let (status, _, err) = import(&elsewhere, &format!("{first}\n{line}\n"));
        assert!(err.contains(&complaint), "{err}");
        assert_eq!(status, Some(1));
    }
    assert_eq!(out(&elsewhere, &["store", "get", "bot", "n"]), "2\n", "nothing of it is kept");
    let over = r#"{"store":"bot","key":"gone","value":1,"expires":5}"#;
    let (status, _, told) = import(&elsewhere, &format!("\u{feff}{first}\n{over}\n"));
    assert_eq!((status, told.trim()), (Some(0), "hotline: 1 value is kept; 1 value is over already"));
    out(&elsewhere, &["store", "set", "bot", "n", "-5"]);
    assert_eq!(out(&elsewhere, &["store", "get", "bot", "n"]), "-5\n");
    elsewhere.end().await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn updates_and_what_is_kept_of_people_are_as_they_were_after_a_kill() {
    let script = r#"
fn on_message(msg) {
    let mine = msg.sender.state;
    mine.turns = (mine.turns ?? 0) + 1;
    let seen = [];
    let n = store.update("n", |old| { seen.push(old); (old ?? 0) + 1 });
    let all = shared_store("all").update("all", |old| { let all = old ?? []; all.push(n); all });
    let answer = msg.ask(`${n}?`);
    msg.reply(`${answer.text} ${seen} ${all} ${mine.turns} ${store.get("n")} ${shared_store("all").get("all")}`);
}
"#;
    let mut scene = Scene::new("", script).await;
    scene.start();
    scene.alice.says("go").await;
    assert_eq!(scene.hears().await, "1?");
    let mut bob = Person::new(&scene.control, "bob", "bot");
    bob.says("go").await;
    assert_eq!(bob.hears_within(PATIENCE).await.expect("a question"), "2?");
    let asks = |run: &RunRecord, text: &str| {
        run.standing.waiting.as_ref().is_some_and(|waiting| waiting.call == "ask")
            && run.entries.iter().any(|entry| entry.detail.contains(text))
    };
    for _ in 0..2 {
        scene.has_run(|run| asks(run, "1?")).await;
        scene.has_run(|run| asks(run, "2?")).await;
        scene.kill().await;
        scene.start();
    }
    scene.alice.says("tea").await;
    assert_eq!(scene.hears().await, "tea [()] [1] 1 2 [1, 2]");
    bob.says("cake").await;
    assert_eq!(bob.hears_within(PATIENCE).await.expect("an answer"), "cake [1] [1, 2] 1 2 [1, 2]");
    scene.end().await;
}
