//! Scripts whose files are missing while the process is killed, asked to end, and started without them.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Output;

use hotline::store::RunOutcome;
use rusqlite::Connection;

use crate::crash::scene::Scene;

const ORDER: &str = r#"
fn on_start() { store.incr("starts"); }
fn on_stop() { store.incr("stops"); }
fn on_message(msg) {
    if msg.text != "order" { return; }
    state.orders = (if state.orders == () { 0 } else { state.orders }) + 1;
    after("1h", "remind");
    let item = msg.ask("What?");
    let count = msg.ask("How many?");
    msg.reply(`${count.text} × ${item.text}, order ${state.orders}`);
}
fn remind() {}
"#;

/// Answers whatever no other script takes.
const OTHER: &str = r#"
fn on_message(msg) {
    msg.reply(`other ${msg.text}`);
}
"#;

/// A scene in which alice has been asked what she would like.
async fn ordering(keys: &str) -> Scene {
    let mut scene = Scene::new(keys, ORDER).await;
    scene.folder.save("other.rhai", OTHER);
    scene.start();
    exchange(&mut scene, "order", "What?").await;
    scene
}

async fn exchange(scene: &mut Scene, text: &str, expected: &str) {
    scene.alice.says(text).await;
    assert_eq!(scene.hears().await, expected, "{}", scene.folder.log());
}

/// Deletes the script, and waits until that counts.
async fn delete(scene: &Scene) {
    let before = scene.folder.log().matches("bot is held").count();
    scene.folder.remove("bot.rhai");
    scene.folder.logs_times("bot is held", before + 1).await;
}

async fn bring_back(scene: &Scene) {
    let before = scene.folder.log().matches("bot.rhai is back").count();
    scene.folder.save("bot.rhai", ORDER);
    scene.folder.logs_times("bot.rhai is back", before + 1).await;
}

fn hotline(scene: &Scene, arguments: &[&str]) -> Output {
    scene.folder.command(arguments).output().expect("the binary starts")
}

/// Its standard output; it succeeds.
fn out(scene: &Scene, arguments: &[&str]) -> String {
    let output = hotline(scene, arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it is text")
}

/// Its standard error; it fails.
fn refused(scene: &Scene, arguments: &[&str]) -> String {
    let output = hotline(scene, arguments);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).expect("it is text")
}

/// How often the script has started and stopped.
fn life(scene: &Scene) -> (Option<String>, Option<String>) {
    let database = Connection::open(scene.folder.path().join("data/hotline.db")).expect("the database");
    let value = |key: &str| {
        let sql = "SELECT json FROM script_store WHERE script = 'bot' AND key = ?1";
        database.query_row(sql, [key], |row| row.get(0)).ok()
    };
    (value("starts"), value("stops"))
}

fn kept(scene: &Scene) -> usize {
    let journal = scene.folder.journal();
    journal.kept().expect("the journal can be read").into_iter().filter(|kept| kept.script == "bot").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_outlives_a_kill_while_its_script_is_missing() {
    let mut scene = ordering("").await;
    exchange(&mut scene, "tea", "How many?").await;
    scene.is_in("ask").await;
    delete(&scene).await;
    exchange(&mut scene, "2", "other 2").await;
    scene.kill().await;
    scene.start();
    exchange(&mut scene, "3", "other 3").await;
    scene.kill().await;
    scene.folder.save("bot.rhai", ORDER);
    scene.start();
    exchange(&mut scene, "4", "4 × tea, order 1").await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_outlives_a_kill_while_its_script_is_missing_in_a_relaxed_journal_too() {
    let mut scene = Scene::new("", ORDER).await;
    scene.folder.configure(|text| text.replace("strict", "relaxed"));
    scene.folder.save("other.rhai", OTHER);
    scene.start();
    exchange(&mut scene, "order", "What?").await;
    exchange(&mut scene, "tea", "How many?").await;
    scene.has_handled("tea").await;
    delete(&scene).await;
    // What was handled in the last moment may be handled again.
    exchange(&mut scene, "2", "other 2").await;
    scene.has_handled("2").await;
    scene.kill().await;
    scene.start();
    exchange(&mut scene, "3", "other 3").await;
    scene.has_handled("3").await;
    scene.kill().await;
    scene.folder.save("bot.rhai", ORDER);
    scene.start();
    exchange(&mut scene, "4", "4 × tea, order 1").await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_is_missing_is_not_stopped_with_its_process() {
    let mut scene = ordering("").await;
    delete(&scene).await;
    scene.process.take().expect("it runs").end();
    assert_eq!(life(&scene), (Some("1".to_owned()), None));
    scene.start();
    exchange(&mut scene, "tea", "other tea").await;
    bring_back(&scene).await;
    exchange(&mut scene, "tea", "How many?").await;
    scene.process.take().expect("it runs").end();
    assert_eq!(life(&scene), (Some("2".to_owned()), Some("1".to_owned())));
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_waits_for_its_script_in_the_middle_of_its_work_outlives_a_kill() {
    let script = r#"
fn on_message(msg) {
    if msg.text != "go" { return; }
    msg.reply("begun");
    sleep("10s");
    for number in 0..3 { msg.reply(`${number}`); }
}"#;
    let mut scene = Scene::new("", script).await;
    scene.folder.save("other.rhai", "fn on_message(msg) { if msg.text != \"go\" { msg.reply(`other ${msg.text}`); } }");
    scene.start();
    exchange(&mut scene, "go", "begun").await;
    scene.is_in("sleep").await;
    delete(&scene).await;
    scene.kill().await;
    scene.tamper("UPDATE run SET waiting = json_set(waiting, '$.deadline', 1000) WHERE ended IS NULL");
    scene.start();
    exchange(&mut scene, "hello", "other hello").await;
    scene.folder.save("bot.rhai", script);
    for number in ["0", "1", "2"] {
        assert_eq!(scene.hears().await, number);
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_is_shown_and_can_be_forgotten_while_the_bot_runs() {
    let mut scene = ordering("").await;
    scene.is_in("ask").await;
    assert!(refused(&scene, &["forget", "bot"]).contains("bot is there, in "), "it is not missing");
    delete(&scene).await;
    assert!(out(&scene, &["runs"]).contains("held: waits in ask"));
    assert!(out(&scene, &["runs", "--json"]).contains("\"held\": true"));
    let check = hotline(&scene, &["check", "--format", "short"]);
    let check = String::from_utf8(check.stdout).expect("it is text");
    assert!(
        check.contains("bot.rhai:1:1: warning: it is missing") && check.contains("`hotline forget bot`"),
        "{check}"
    );
    let socket = scene.folder.path().join("data/hotline.sock");
    assert_eq!(socket.metadata().expect("it listens").permissions().mode() & 0o777, 0o600);

    assert!(refused(&scene, &["forget", "bott"]).contains("did you mean \"bot\"?"));
    assert_eq!(out(&scene, &["forget", "scripts/bot.rhai", "--json"]), "{\"forgotten\":\"bot\"}\n");
    scene.has_ended("on_message").await;
    assert_eq!(scene.run_of("on_message").standing.outcome, RunOutcome::EndedWithScript);
    scene.has_ended("on_stop").await;
    exchange(&mut scene, "tea", "other tea").await;
    scene.process.take().expect("it runs").end();
    assert_eq!((kept(&scene), life(&scene).1), (0, Some("1".to_owned())));
    assert!(!socket.exists());
    scene.start();
    exchange(&mut scene, "tea", "other tea").await;
    scene.folder.save("bot.rhai", ORDER);
    scene.folder.logs("bot.rhai is live").await;
    exchange(&mut scene, "tea", "other tea").await;
    exchange(&mut scene, "order", "What?").await;
    scene.alice.says("tea").await;
    assert_eq!(scene.hears().await, "How many?");
    exchange(&mut scene, "1", "1 × tea, order 1").await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_names_a_timer_of_the_bot_whose_function_is_not_there_any_more() {
    let scene = ordering("").await;
    scene.is_in("ask").await;
    let short = ["check", "--format", "short"];
    assert!(!out(&scene, &short).contains("a timer"));
    // Whoever checks before saving has it in another file, and the bot goes on as it is.
    for (now, expected) in [
        ("fn reminded() {}", "a timer names the function \"remind\", which this script does not define"),
        ("fn remind(whom) {}", "a timer calls `remind` with no arguments, but it is `remind(whom)`"),
    ] {
        scene
            .folder
            .save("bot.rhai", &ORDER.replace("fn remind() {}", now).replace("    after(\"1h\", \"remind\");\n", ""));
        let found = out(&scene, &short);
        assert!(found.contains(&format!("warning: {expected}")), "{found}");
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_script_can_be_forgotten_while_no_bot_runs() {
    let mut scene = ordering("").await;
    scene.is_in("ask").await;
    scene.kill().await;
    assert!(refused(&scene, &["forget", "bot"]).contains("bot is there, in "));
    scene.folder.remove("bot.rhai");
    assert!(refused(&scene, &["forget", "order"]).contains("nothing is kept of a script order; missing: bot"));
    // Where nobody can look, it may be there.
    let (scripts, away) = (scene.folder.path().join("scripts"), scene.folder.path().join("away"));
    fs::rename(&scripts, &away).expect("the folder is ours");
    symlink("scripts", &scripts).expect("the folder is ours");
    assert!(refused(&scene, &["forget", "bot"]).contains("whether bot is there cannot be told: scripts: "));
    fs::remove_file(&scripts).expect("the folder is ours");
    let check = scene.folder.command(&["check", "--format", "short"]).output().expect("the binary starts");
    assert!(String::from_utf8_lossy(&check.stdout).contains("bot.rhai:1:1: warning: it is missing"), "{check:?}");
    assert_eq!(check.status.code(), Some(2));
    fs::rename(&away, &scripts).expect("the folder is ours");
    out(&scene, &["forget", "bot"]);
    assert_eq!(kept(&scene), 0);
    assert_eq!(scene.run_of("on_message").standing.outcome, RunOutcome::EndedWithScript);
    scene.folder.save("bot.rhai", ORDER);
    scene.start();
    exchange(&mut scene, "tea", "other tea").await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_is_forgotten_after_the_retention_in_which_a_process_ran() {
    let mut scene = ordering("retention = \"1h\"").await;
    scene.is_in("ask").await;
    delete(&scene).await;
    scene.kill().await;
    // However long ago that is.
    scene.tamper("UPDATE held SET since = 1000");
    scene.start();
    exchange(&mut scene, "tea", "other tea").await;
    scene.is_in("ask").await;
    scene.kill().await;
    scene.tamper("UPDATE held SET ran = 3600000");
    scene.start();
    scene.folder.logs("bot is forgotten").await;
    scene.is_over().await;
    assert_eq!(kept(&scene), 0);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_no_longer_runs_a_missing_script_ends_what_it_was_at() {
    let mut scene = ordering("").await;
    scene.is_in("ask").await;
    delete(&scene).await;
    scene.folder.configure(|text| text + "scripts = [\"other\"]\n");
    scene.has_ended("on_message").await;
    assert_eq!(scene.run_of("on_message").standing.outcome, RunOutcome::EndedWithScript);
    scene.kill().await;
    scene.start();
    exchange(&mut scene, "tea", "other tea").await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_a_missing_script_can_be_killed() {
    let mut scene = ordering("").await;
    scene.is_in("ask").await;
    scene.kill().await;
    scene.folder.remove("bot.rhai");
    scene.start();
    let run = scene.run_of("on_message").run.id.to_string();
    out(&scene, &["runs", "kill", &run]);
    scene.has_ended("on_message").await;
    assert_eq!(scene.run_of("on_message").standing.outcome, RunOutcome::Killed);
    bring_back(&scene).await;
    exchange(&mut scene, "tea", "other tea").await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_waits_for_its_script_where_nothing_is_recorded() {
    let mut scene = Scene::new("", ORDER).await;
    scene.folder.configure(|text| text.replace("strict", "off"));
    scene.folder.save("other.rhai", OTHER);
    scene.start();
    exchange(&mut scene, "order", "What?").await;
    delete(&scene).await;
    exchange(&mut scene, "tea", "other tea").await;
    bring_back(&scene).await;
    exchange(&mut scene, "tea", "How many?").await;
    delete(&scene).await;
    out(&scene, &["forget", "bot"]);
    exchange(&mut scene, "2", "other 2").await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_reached_by_a_long_path_can_be_asked() {
    let deep = "a_folder_with_a_long_name_".repeat(4) + "/data";
    let mut scene = ordering(&format!("data = \"{deep}\"")).await;
    scene.folder.logs("logged in").await;
    delete(&scene).await;
    out(&scene, &["forget", "bot"]);
    exchange(&mut scene, "tea", "other tea").await;
    scene.process.take().expect("it runs").end();
}
