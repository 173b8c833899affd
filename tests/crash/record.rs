//! The record as people read it: `runs`, `journal` and `trace`, beside a bot that runs and after it was killed.

use hotline::store::RunOutcome;
use serde_json::Value;

use crate::crash::scene::Scene;

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
async fn whoever_asked_is_known_to_have_handled_its_event_also_when_it_was_killed() {
    let mut scene = Scene::new("", SCRIPT).await;
    scene.folder.save("later.rhai", "fn on_message(msg) { if msg.text == \"ping\" { msg.reply(\"pong\"); } }");
    scene.start();
    scene.alice.says("order").await;
    assert_eq!(scene.hears().await, "What would you like?");
    scene.is_in("ask").await;
    let run = json(&scene, &["runs"])[0].clone();
    listed(&scene, &["runs", "kill", &run["id"].to_string()]);
    scene.is_over().await;
    let trace = listed(&scene, &["trace", &run["event"].to_string()]);
    assert!(trace.contains("it comes after bot, which handled it") && trace.contains("killed"), "{trace}");
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
    assert_eq!(scene.run_of("on_message").standing.outcome, RunOutcome::Killed);
    let (status, _, err) = hotline(&scene, &["runs", "kill", &id]);
    assert_eq!(status, Some(1));
    assert!(err.contains("has ended already: killed"), "{err}");
    assert_eq!(hotline(&scene, &["runs", "kill", "999999"]).0, Some(1));
    assert_eq!(hotline(&scene, &["trace", "999999"]).0, Some(1));
    assert_eq!(hotline(&scene, &["trace", "x"]).0, Some(2));
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_a_bot_that_listens_on_no_socket_is_not_taken_up_by_the_next() {
    let mut scene = Scene::new("", SCRIPT).await;
    scene.start();
    scene.alice.says("order").await;
    assert_eq!(scene.hears().await, "What would you like?");
    scene.is_in("ask").await;
    std::fs::remove_file(scene.folder.path().join("data/hotline.sock")).expect("it listens");
    let id = json(&scene, &["runs"])[0]["id"].to_string();
    let (status, _, err) = hotline(&scene, &["runs", "kill", &id]);
    assert_eq!(status, Some(0));
    assert!(err.contains("is not taken up by the next bot; the one that runs listens on no socket"), "{err}");
    scene.kill().await;
    scene.start();
    scene.is_over().await;
    assert_eq!(scene.run_of("on_message").standing.outcome, RunOutcome::Killed);
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
    assert_eq!(scene.run_of("on_message").standing.outcome, RunOutcome::Killed);
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
    assert_eq!(scene.run_of("on_message").standing.outcome, RunOutcome::Killed);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_says_why_a_script_did_not_run_and_where_each_call_stands() {
    let script = r#"fn on_message(msg) {
    state.count = 1;
    let time = now();
    let drawn = random(1, 6);
    store.set("seen", state.count);
    let name = msg.sender.name;
    let me = session().name;
    after("1ms", "ring");
    msg.reply(`${name} ${me}`);
    true
}
fn ring() { throw "ring"; }
"#;
    let mut scene = Scene::new("", script).await;
    scene.folder.save("later.rhai", "fn on_message(msg) {}");
    scene.folder.save("hookless.rhai", "fn on_join(event) {}");
    scene.folder.save("elsewhere.rhai", "fn on_message(msg) {}");
    scene.folder.save("faulty.rhai", "fn on_message(msg) {");
    scene.folder.configure(|text| text + "scripts = [\"bot\", \"later\", \"hookless\", \"faulty\"]\n");
    scene.start();
    scene.alice.says("hello").await;
    assert_eq!(scene.hears().await, "alice main");
    scene.folder.logs("ring").await;
    scene.has_ended("on_message").await;
    let events = json(&scene, &["journal"]);
    let of = |subcommand: &str| {
        let events = events.as_array().expect("a list");
        let event = events.iter().find(|event| event["subcommand"] == subcommand).expect(subcommand);
        event["id"].to_string()
    };
    let message = of("RECEIVE_MESSAGE");
    let trace = listed(&scene, &["trace", &message]);
    for expected in [
        "bot.rhai:2  state.count = 1;",
        "bot.rhai:3  let time = now();",
        "bot.rhai:4  let drawn",
        "bot.rhai:5  store.set(",
        "bot.rhai:6  let name",
        "bot.rhai:7  let me",
        "bot.rhai:8  after(",
        "handled by bot: the scripts after it did not get it",
        "later: it comes after bot, which handled it",
        "hookless: it has no hook for this",
        "elsewhere: it does not run for this session",
        "faulty: it did not load: ",
    ] {
        assert!(trace.contains(expected), "{expected} is missing:\n{trace}");
    }
    let generation = trace.split_once("generation 1 (").expect("a generation").1;
    assert!(generation[..8].bytes().all(|digit| digit.is_ascii_hexdigit()), "{trace}");
    assert_eq!(json(&scene, &["trace", &message])["absent"][0]["script"], "elsewhere");
    let trace = listed(&scene, &["trace", &of("@timer")]);
    assert!(trace.contains("bot.ring") && trace.contains("it ends: failed"), "{trace}");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timer_whose_function_is_missing_is_recorded() {
    let mut scene =
        Scene::new("", "fn on_message(msg) { after(\"1h\", \"ring\"); msg.reply(\"yes\"); }\nfn ring() {}").await;
    scene.start();
    scene.alice.says("hello").await;
    assert_eq!(scene.hears().await, "yes");
    scene.has_ended("on_message").await;
    scene.kill().await;
    scene.tamper("UPDATE timer SET due = 1000");
    scene.folder.save("bot.rhai", "fn on_message(msg) {}");
    scene.start();
    scene.folder.logs("event=\"a timer\"").await;
    scene.process.take().expect("it runs").end();
    let run = scene.run_of("ring").standing;
    assert_eq!(run.outcome, RunOutcome::Failed);
    assert!(run.fault.expect("it failed").contains("which this script does not define"));
    scene.end().await;
}

#[test]
fn without_a_record_its_place_is_asked_for() {
    let folder = crate::crash::bot::Folder::new("");
    let output = folder.command(&["runs"]).output().expect("the binary starts");
    assert_eq!(output.status.code(), Some(1));
    let err = String::from_utf8(output.stderr).expect("text");
    assert!(err.contains("--data FOLDER"), "{err}");
}
