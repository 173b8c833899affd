//! The record as people read it: `runs`, `journal` and `trace`, beside a bot that runs and after it was killed.

use serde_json::Value;

use crate::scene::Scene;

const SCRIPT: &str = r#"fn on_message(msg) {
    if msg.text != "order" { return true; }
    let count = store.incr("orders");
    try { leave_group("nowhere"); } catch (error) { log_info(error.name); }
    let item = msg.ask("What would you like?");
    msg.reply(`One ${item.text}.`);
}
"#;

/// Calls the binary in the bot's folder; gives its exit status, standard output and standard error.
fn hotline(scene: &Scene, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = scene.folder.command(arguments).output().expect("the binary starts");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn listed(scene: &Scene, arguments: &[&str]) -> String {
    let (status, out, err) = hotline(scene, arguments);
    assert_eq!(status, Some(0), "{arguments:?}: {err}");
    out
}

fn json(scene: &Scene, arguments: &[&str]) -> Value {
    serde_json::from_str(&listed(scene, &[arguments, &["--json"]].concat())).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_can_be_followed_and_ended_from_outside() {
    let mut scene = Scene::new("", SCRIPT).await;
    scene.start();
    scene.alice.says("order").await;
    assert_eq!(scene.hears().await, "What would you like?");
    scene.is_in("ask").await;

    let runs = listed(&scene, &["runs"]);
    assert!(runs.contains("scripts/bot.rhai:5") && runs.contains("waits in ask, until "), "{runs}");
    let run = &json(&scene, &["runs"])[0];
    let event = run["event"].to_string();
    assert_eq!((&run["script"], &run["waiting"]["call"]), (&"bot".into(), &"ask".into()));

    let journal = listed(&scene, &["journal"]);
    assert!(journal.contains("RECEIVE_MESSAGE") && journal.contains("bot.on_message: waits in ask"), "{journal}");

    let trace = listed(&scene, &["trace", &event]);
    for expected in [
        "RECEIVE_MESSAGE",
        "bot.on_message  generation 1",
        "store.incr orders by 1 → 1",
        "threw {",
        "scripts/bot.rhai:5  let item = msg.ask(\"What would you like?\");",
        "it waits in ask, until ",
    ] {
        assert!(trace.contains(expected), "{expected} is missing:\n{trace}");
    }

    scene.kill().await;
    assert_eq!(listed(&scene, &["trace", &event]), trace, "the bot need not run");
    scene.start();
    scene.alice.says("tea").await;
    assert_eq!(scene.hears().await, "One tea.");
    scene.is_over().await;
    scene.process.take().expect("it runs").end();
    let trace = listed(&scene, &["trace", &event]);
    assert!(trace.contains("→ a message: tea") && trace.contains("it ends: handled"), "{trace}");
    let answer = &json(&scene, &["journal", "--last", "1"])[0];
    assert_eq!(answer["answered"], run["id"]);
    let trace = listed(&scene, &["trace", &answer["id"].to_string()]);
    assert!(trace.contains("it was taken as the answer that run "), "{trace}");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_waits_is_killed_beside_the_running_bot() {
    let mut scene = Scene::new("", SCRIPT).await;
    scene.start();
    scene.alice.says("order").await;
    assert_eq!(scene.hears().await, "What would you like?");
    scene.is_in("ask").await;
    let id = json(&scene, &["runs"])[0]["id"].to_string();
    assert_eq!(hotline(&scene, &["runs", "kill", &id]).0, Some(0));
    scene.folder.logs("killed").await;
    scene.alice.says("order").await;
    assert_eq!(scene.hears().await, "What would you like?", "it is no answer any more");
    assert_eq!(scene.run_of("on_message").standing.outcome, "killed");
    let (status, _, err) = hotline(&scene, &["runs", "kill", &id]);
    assert_eq!(status, Some(1));
    assert!(err.contains("has ended already: killed"), "{err}");
    assert_eq!(hotline(&scene, &["runs", "kill", "999999"]).0, Some(1));
    assert_eq!(hotline(&scene, &["trace", "999999"]).0, Some(1));
    assert_eq!(hotline(&scene, &["trace", "x"]).0, Some(2));
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_waits_for_the_web_is_killed_beside_the_running_bot() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/", silent.local_addr().expect("it listens"));
    let script = format!(
        r#"fn on_message(msg) {{
    if msg.text == "fetch" {{ try {{ http_get("{url}"); }} catch {{}} msg.reply("fetched"); }}
    msg.reply(msg.text);
}}"#
    );
    let mut scene = Scene::new("[http]\nallow = [\"127.0.0.1\"]", &script).await;
    scene.start();
    scene.alice.says("fetch").await;
    scene.is_in("http_get").await;
    let id = json(&scene, &["runs"])[0]["id"].to_string();
    assert_eq!(hotline(&scene, &["runs", "kill", &id]).0, Some(0));
    scene.is_over().await;
    assert_eq!(scene.run_of("on_message").standing.outcome, "killed");
    scene.alice.says("next").await;
    assert_eq!(scene.hears().await, "next", "the chat is free again");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_a_session_that_is_not_configured_any_more_is_killed() {
    let mut scene = Scene::new("", SCRIPT).await;
    scene.start();
    scene.alice.says("order").await;
    assert_eq!(scene.hears().await, "What would you like?");
    scene.kill_in("ask").await;
    scene.folder.configure(|text| text.replace("[[session]]", "[[session]]\nname = \"other\""));
    scene.start();
    scene.alice.is_heard().await;
    let id = json(&scene, &["runs"])[0]["id"].to_string();
    assert_eq!(hotline(&scene, &["runs", "kill", &id]).0, Some(0));
    scene.is_over().await;
    assert_eq!(scene.run_of("on_message").standing.outcome, "killed");
    scene.end().await;
}

#[test]
fn without_a_record_its_place_is_asked_for() {
    let folder = crate::bot::Folder::new("");
    let output = folder.command(&["runs"]).output().expect("the binary starts");
    assert_eq!(output.status.code(), Some(1));
    let err = String::from_utf8(output.stderr).expect("text");
    assert!(err.contains("--data FOLDER"), "{err}");
}
