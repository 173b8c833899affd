//! Runs that are rebuilt from their record, and those that must not be. Every process here ends by SIGKILL.

use std::path::Path;

use hotline::sandbox::{InjectedFault, Traffic, Trouble, When};
use hotline::store::{JournalReader, RunOutcome, Standing};
use rusqlite::Connection;
use serde_json::json;

use crate::crash::scene::Scene;

/// Says nothing to anybody but for a sign of life, and takes what went wrong down.
const REST: &str = r#"
fn on_error(error) { store.set("fault", error.message); }
fn answer(msg) {
    if msg.text == "ping" { msg.reply("pong"); }
    if msg.text == "fault?" { msg.reply(`${store.get("fault")}`); }
}
"#;

fn with_rest(script: &str) -> String {
    format!("{script}{REST}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_goes_on_with_the_sources_that_it_began_with() {
    let script = |version: &str| {
        format!(
            r#"
import "lib/steps" as steps;
fn on_message(msg) {{
    if msg.text != "order" {{ return; }}
    state.count = 10;
    let result = steps::take(msg);
    msg.reply(`{version} script: ${{result}}, ${{state.count}}`);
}}
"#
        )
    };
    let module = |version: &str| {
        format!(
            r#"
fn take(msg) {{
    let seen = [];
    let started = now();
    let drawn = [1, 2, 3].map(|low| random(low, 1000000000));
    try {{ leave_group("c0123456789abcdef0123456789abcdef"); }} catch (error) {{ seen.push(error.name); }}
    for turn in 0..3 {{
        let answer = msg.ask(`{version} ${{turn}} ${{started}} ${{drawn}}`);
        state.count += 1;
        seen.push(answer.text);
    }}
    `{version} ${{started}} ${{drawn}} ${{seen}}`
}}
"#
        )
    };
    let mut scene = Scene::new("", &script("old")).await;
    scene.folder.save("lib/steps.rhai", &module("old"));
    scene.start();
    scene.alice.says("order").await;
    let first = scene.hears().await;
    let drawn = first.strip_prefix("old 0 ").expect("the first question").to_owned();
    scene.alice.says("a").await;
    assert_eq!(scene.hears().await, format!("old 1 {drawn}"));
    scene.kill_in("ask").await;

    scene.folder.save("bot.rhai", &script("new"));
    scene.folder.save("lib/steps.rhai", &module("new"));
    scene.start();
    scene.alice.says("b").await;
    assert_eq!(scene.hears().await, format!("old 2 {drawn}"));
    scene.kill_in("ask").await;
    scene.start();
    scene.alice.says("c").await;
    let seen = r#"["NOT_FOUND", "a", "b", "c"]"#;
    assert_eq!(scene.hears().await, format!("old script: old {drawn} {seen}, 13"));

    scene.alice.says("order").await;
    assert!(scene.hears().await.starts_with("new 0 "));
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuilt_run_sees_every_value_as_it_saw_it_the_first_time() {
    let script = r#"
fn on_message(msg) {
    if msg.text != "look" { return; }
    state.char = 'a';
    state.nested = #{ list: ['b', 0.1, 1e300, -0.0, 9007199254740993], unit: () };
    state.nested.list.push('c');
    let captured = 'd';
    let shares = || captured;
    state.kept = [captured];
    store.set("char", 'e');
    let seen = [state.char, state.nested, state.kept, store.get("char"), state.to_map(), random(), shares];
    let seen = `${seen} ${seen.map(|value| type_of(value))} ${state.char.type_of()} ${state.nested.list.map(|v| type_of(v))}`;
    let answer = msg.ask(seen);
    let again = [state.char, state.nested, state.kept, store.get("char"), state.to_map()];
    let again = `${again} ${state.char.type_of()} ${state.nested.list.map(|v| type_of(v))}`;
    msg.reply(`${seen} | ${again}`);
}
"#;
    let mut scene = Scene::new("", script).await;
    scene.start();
    scene.alice.says("look").await;
    let seen = scene.hears().await;
    assert!(seen.contains("anon$"), "{seen}");
    for _ in 0..2 {
        scene.kill_in("ask").await;
        scene.start();
        scene.alice.is_heard().await;
        scene.is_in("ask").await;
    }
    scene.alice.says("and now?").await;
    let (before, after) = {
        let heard = scene.hears().await;
        let (before, after) = heard.split_once(" | ").expect("both");
        (before.to_owned(), after.to_owned())
    };
    assert_eq!(before, seen);
    assert!(after.contains(r#"["string", "f64", "f64", "f64", "i64", "string"]"#), "{after}");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_state_is_recorded_once_however_often_it_is_read_and_changed() {
    let script = r#"
fn on_message(msg) {
    if msg.text != "fill" { return; }
    let text = "";
    text.pad(113, "x");
    let list = [];
    list.pad(1000, text);
    state.list = list;
    store.set("list", list);
    let sum = 0;
    for i in 0..50 { sum += state.list.len + store.get("list").len; }
    for i in 0..20 { state.list.push(i); }
    let answer = msg.ask(`${sum}`);
    msg.reply(`${answer.text} ${sum} ${state.list.len} ${state.list[1019]} ${store.get("list").len}`);
}
"#;
    let mut scene = Scene::new("[limits]\ncpu = \"1m\"", script).await;
    scene.start();
    scene.alice.says("fill").await;
    assert_eq!(scene.hears().await, "100000");
    scene.kill_in("ask").await;
    scene.folder.check();
    let run = scene.run_of("on_message");
    let record = serde_json::to_string(&run.entries).expect("JSON").len();
    assert!(record < 300_000, "the record has {record} bytes");
    scene.start();
    scene.alice.says("more").await;
    assert_eq!(scene.hears().await, "more 100000 1020 19 1000");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_never_came_to_a_call_is_rebuilt_under_its_limits() {
    let script = r#"
fn on_message(msg) {
    if msg.text != "loop" { answer(msg); return; }
    loop {}
}
"#;
    let mut scene = Scene::new("[limits]\ncpu = \"1h\"", &with_rest(script)).await;
    scene.start();
    scene.alice.says("loop").await;
    scene.goes_on("on_message").await;
    scene.kill().await;
    scene.folder.configure(|text| text.replace("\"1h\"", "\"100ms\""));
    scene.start();
    scene.is_over().await;
    let fault = scene.run_of("on_message").standing.fault.expect("it failed");
    assert!(fault.contains("limits.cpu"), "{fault}");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_turn_had_not_come_is_made_by_the_rebuilt_run() {
    let script = r#"fn on_message(msg) { msg.reply("one"); msg.reply("two"); }"#;
    let mut scene = Scene::new("pacing = { text = \"1/h\" }", script).await;
    scene.start();
    scene.alice.says("go").await;
    assert_eq!(scene.hears().await, "one");
    scene.kill_in("SendText: paced").await;
    scene.start();
    // A process begins with nothing that it has sent too fast.
    assert_eq!(scene.hears().await, "two");
    scene.is_over().await;
    assert_eq!(scene.run_of("on_message").standing.fault, None);
    scene.end().await;
}

const ASKING: &str = r#"
fn on_message(msg) {
    if msg.text != "order" { answer(msg); return; }
    store.incr("orders");
    let item = msg.ask("What?");
    if item == () { return; }
    let count = msg.ask("How many?");
    msg.reply(`order ${store.get("orders")}: ${count.text} × ${item.text}`);
}
"#;

/// Begins a conversation, kills the bot in its middle, tampers with the record, and says what became of it.
async fn after_tampering(sql: &str) -> (Standing, String) {
    let mut scene = Scene::new("", &with_rest(ASKING)).await;
    scene.start();
    scene.alice.says("order").await;
    assert_eq!(scene.hears().await, "What?");
    scene.alice.says("tea").await;
    assert_eq!(scene.hears().await, "How many?");
    scene.kill_in("ask").await;
    scene.tamper(sql);
    scene.start();
    // Had anything been sent, or did the run still wait, this would not be the next answer.
    scene.alice.says("ping").await;
    assert_eq!(scene.hears().await, "pong");
    scene.alice.says("fault?").await;
    let heard = scene.hears().await;
    let run = scene.run_of("on_message").standing;
    scene.end().await;
    (run, heard)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_record_is_of_another_script_ends_with_a_clear_error() {
    let sql = "UPDATE entry SET entry = replace(entry, 'What?', 'Which?') WHERE number = 1";
    let (run, heard) = after_tampering(sql).await;
    assert_eq!(run.outcome, RunOutcome::Failed);
    assert!(heard.contains("this run cannot be rebuilt: its record has SendText"), "{heard}");
    assert!(run.fault.expect("it failed").contains(&heard));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_ends_before_its_record_does_ends_with_a_clear_error() {
    // The first answer becomes none, at which the script ends.
    let sql = r#"UPDATE entry SET entry = '{"kind":"wait","name":"ask","detail":"What?","at":0,"outcome":{"value":"null"}}'
                 WHERE number = 2"#;
    let (run, heard) = after_tampering(sql).await;
    assert_eq!(run.outcome, RunOutcome::Failed);
    assert!(heard.contains("this run cannot be rebuilt: its record goes on with SendText"), "{heard}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_cannot_be_read_ends_its_run_with_a_clear_error() {
    let (run, heard) = after_tampering("UPDATE entry SET entry = 'scratched' WHERE number = 2").await;
    assert_eq!(run.outcome, RunOutcome::Failed);
    assert!(heard.contains("cannot be read"), "{heard}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_another_format_is_not_rebuilt() {
    let (run, heard) = after_tampering("UPDATE run SET format = 99 WHERE ended IS NULL").await;
    assert_eq!(run.outcome, RunOutcome::Failed);
    assert!(heard.contains("its record has format 99"), "{heard}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_that_are_not_kept_any_more_end_their_run_with_a_clear_error() {
    let sql = "UPDATE run SET bundle = zeroblob(32) WHERE ended IS NULL";
    let (run, heard) = after_tampering(sql).await;
    assert_eq!(run.outcome, RunOutcome::Failed);
    assert!(heard.contains("the sources that it began with are not kept any more"), "{heard}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_killed_while_the_bot_was_down_is_not_rebuilt() {
    let mut scene = Scene::new("", &with_rest(ASKING)).await;
    scene.start();
    scene.alice.says("order").await;
    assert_eq!(scene.hears().await, "What?");
    scene.kill_in("ask").await;
    let run = scene.run_of("on_message");
    JournalReader::kill(&scene.folder.path().join("data"), run.run.id).expect("the database can be written");
    scene.start();
    scene.alice.says("ping").await;
    assert_eq!(scene.hears().await, "pong");
    assert_eq!(scene.run_of("on_message").standing.outcome, RunOutcome::Killed);
    let wishes = Connection::open(scene.folder.path().join("data/hotline.db")).expect("the database");
    while wishes.query_row("SELECT count(*) FROM kill", [], |row| row.get::<_, i64>(0)).expect("a number") > 0 {
        tokio::task::yield_now().await;
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_runs_of_a_script_that_is_missing_are_rebuilt_when_it_is_back() {
    let mut scene = Scene::new("", &with_rest(ASKING)).await;
    scene.start();
    scene.alice.says("order").await;
    assert_eq!(scene.hears().await, "What?");
    scene.kill_in("ask").await;
    scene.folder.remove("bot.rhai");
    scene.folder.save("other.rhai", "fn on_message(msg) { msg.reply(`other ${msg.text}`); }");
    scene.start();
    scene.alice.says("tea").await;
    assert_eq!(scene.hears().await, "other tea");
    scene.is_in("ask").await;
    scene.kill().await;
    scene.start();
    scene.alice.says("tea").await;
    assert_eq!(scene.hears().await, "other tea");
    scene.folder.save("bot.rhai", &with_rest(ASKING));
    scene.folder.logs("bot.rhai is back").await;
    scene.alice.says("tea").await;
    assert_eq!(scene.hears().await, "How many?");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_goes_on_while_its_script_does_not_load() {
    let mut scene = Scene::new("", &with_rest(ASKING)).await;
    scene.start();
    scene.alice.says("order").await;
    assert_eq!(scene.hears().await, "What?");
    scene.kill_in("ask").await;
    scene.folder.save("bot.rhai", "fn on_message(msg) {");
    scene.start();
    scene.alice.says("tea").await;
    assert_eq!(scene.hears().await, "How many?");
    scene.kill_in("ask").await;
    scene.start();
    scene.alice.says("2").await;
    assert_eq!(scene.hears().await, "order 1: 2 × tea");
    scene.folder.save("bot.rhai", &with_rest(ASKING));
    scene.folder.logs("bot.rhai is live").await;
    scene.alice.says("ping").await;
    assert_eq!(scene.hears().await, "pong");
    scene.end().await;
}

const REMINDING: &str = r#"
every("1h", "hourly");
fn hourly() {}
fn on_message(msg) {
    if msg.text != "remind" { answer(msg); return; }
    after("1h", "remind", [msg.sender.mid]);
    msg.reply("I will");
}
fn remind(to) { send_text(to, "remember"); }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_timer_that_is_due_while_its_script_does_not_load_waits_for_it() {
    let mut scene = Scene::new("", &with_rest(REMINDING)).await;
    scene.start();
    scene.alice.says("remind").await;
    assert_eq!(scene.hears().await, "I will");
    scene.kill().await;
    scene.tamper("UPDATE timer SET due = 1000");
    scene.folder.save("bot.rhai", "fn on_message(msg) {");
    for _ in 0..2 {
        scene.start();
        scene.alice.is_heard().await;
        scene.folder.logs("a timer is due and waits until the script loads").await;
        scene.kill().await;
        assert_eq!(timers(scene.folder.path()).len(), 2);
    }
    scene.start();
    scene.alice.is_heard().await;
    scene.folder.save("bot.rhai", &with_rest(REMINDING));
    assert_eq!(scene.hears().await, "remember");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_does_not_go_on_under_another_account() {
    let mut scene = Scene::new("", &with_rest(ASKING)).await;
    scene.start();
    scene.alice.says("order").await;
    assert_eq!(scene.hears().await, "What?");
    scene.kill_in("ask").await;
    scene.folder.configure(|text| text.replace("bot@sandbox.test", "carol@sandbox.test"));
    scene.start();
    scene.folder.logs("it was another account's").await;
    scene.is_over().await;
    assert_eq!(scene.run_of("on_message").standing.outcome, RunOutcome::EndedWithSession);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_timers_of_a_script_that_is_missing_stay_until_it_is_forgotten() {
    let mut scene = Scene::new("", &with_rest(REMINDING)).await;
    scene.folder.save("other.rhai", "every(\"1h\", \"hourly\"); fn hourly() {}");
    scene.start();
    scene.alice.says("remind").await;
    assert_eq!(scene.hears().await, "I will");
    scene.folder.remove("other.rhai");
    scene.folder.logs("other is held").await;
    scene.alice.says("ping").await;
    assert_eq!(scene.hears().await, "pong");
    scene.has_ended("on_message").await;
    scene.kill().await;
    assert_eq!(timers(scene.folder.path()).len(), 3);
    assert_eq!(scene.folder.command(&["forget", "other"]).status().expect("it ends").code(), Some(0));
    assert_eq!(timers(scene.folder.path()).len(), 2);
    scene.folder.remove("bot.rhai");
    scene.folder.save("third.rhai", "fn on_message(msg) { msg.reply(msg.text); }");
    scene.start();
    scene.alice.says("hello").await;
    assert_eq!(scene.hears().await, "hello");
    assert_eq!(timers(scene.folder.path()).len(), 2);
    assert_eq!(scene.folder.command(&["forget", "bot"]).status().expect("it ends").code(), Some(0));
    scene.alice.says("hello").await;
    assert_eq!(scene.hears().await, "hello");
    scene.kill().await;
    assert_eq!(timers(scene.folder.path()), []);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_of_on_error_or_on_reload_goes_on_after_a_restart() {
    let script = |number: usize| {
        format!(
            r#"
const NUMBER = {number};
fn on_start() {{ store.incr("starts"); }}
fn on_error(error) {{ sleep("1h"); send_text(store.get("alice"), `error: ${{error.message}} ${{global::NUMBER}}`); }}
fn on_reload(previous) {{ sleep("1h"); send_text(store.get("alice"), `reload: ${{previous.script}} ${{global::NUMBER}}`); }}
fn on_message(msg) {{
    store.set("alice", msg.sender.mid);
    if msg.text == "fail" {{ throw "ouch"; }}
    msg.reply(`${{store.get("starts")}}`);
}}
"#
        )
    };
    let mut scene = Scene::new("", &script(1)).await;
    scene.start();
    scene.alice.says("fail").await;
    scene.is_in("sleep").await;
    scene.folder.save("bot.rhai", &script(2));
    scene.has_run(|run| &*run.run.function == "on_reload").await;
    scene.alice.says("hello").await;
    assert_eq!(scene.hears().await, "1");
    scene.has_ended("on_message").await;
    scene.kill().await;
    let waits = "UPDATE run SET waiting = json_set(waiting, '$.deadline', 1000) WHERE ended IS NULL";
    scene.tamper(waits);
    scene.start();
    let mut heard = [scene.hears().await, scene.hears().await];
    heard.sort();
    assert_eq!(heard, ["error: ouch 1", "reload: bot 2"]);
    scene.alice.says("hello").await;
    assert_eq!(scene.hears().await, "2", "on_start is called anew");
    scene.is_over().await;
    let events = scene.folder.journal().events(u32::MAX).expect("the journal can be read");
    for expected in ["@start", "@error", "@reload"] {
        let of_it = events.iter().find(|handling| handling.event.subcommand == expected).expect(expected);
        assert!(of_it.event.done && of_it.runs.len() == 1, "{of_it:?}");
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sleep_lasts_no_longer_for_being_interrupted() {
    let script = r#"
fn on_message(msg) {
    if msg.text != "sleep" { answer(msg); return; }
    msg.reply("good night");
    sleep("1h");
    msg.reply("good morning");
}
"#;
    let mut scene = Scene::new("", &with_rest(script)).await;
    scene.start();
    scene.alice.says("sleep").await;
    assert_eq!(scene.hears().await, "good night");
    scene.alice.says("ping").await;
    assert_eq!(scene.hears().await, "pong");
    scene.kill_in("sleep").await;
    let deadline = |scene: &Scene| {
        let runs = scene.folder.journal().open_runs().expect("the journal can be read");
        runs.first().and_then(|run| run.standing.waiting.clone()?.deadline).expect("it sleeps")
    };
    let before = deadline(&scene);
    scene.start();
    scene.alice.says("ping").await;
    assert_eq!(scene.hears().await, "pong");
    scene.kill_in("sleep").await;
    assert_eq!(deadline(&scene), before);
    scene.tamper(&format!("UPDATE run SET waiting = replace(waiting, '{before}', '1000') WHERE ended IS NULL"));
    scene.start();
    assert_eq!(scene.hears().await, "good morning");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn timers_keep_their_due_time() {
    let script = r#"
every("1h", "hourly");
cron("0 0 1 1 *", "yearly");
fn hourly() {}
fn yearly() {}
fn often() {}
fn on_message(msg) {
    if msg.text != "remind" { answer(msg); return; }
    after("1h", "remind", [msg.sender.mid, "tea"]);
    every("2h", "often");
    cron("0 0 2 2 *", "often");
    msg.reply("I will");
}
fn remind(to, what) { send_text(to, `remember ${what}`); }
"#;
    let mut scene = Scene::new("", &with_rest(script)).await;
    scene.start();
    scene.alice.says("remind").await;
    assert_eq!(scene.hears().await, "I will");
    scene.kill().await;
    let before = timers(scene.folder.path());
    assert_eq!(before.len(), 5, "{before:?}");
    scene.start();
    scene.alice.says("ping").await;
    assert_eq!(scene.hears().await, "pong");
    scene.kill().await;
    assert_eq!(timers(scene.folder.path()), before);
    scene.tamper("UPDATE timer SET due = 1000 WHERE timer LIKE '%\"remind\"%'");
    scene.start();
    assert_eq!(scene.hears().await, "remember tea");
    scene.alice.says("ping").await;
    assert_eq!(scene.hears().await, "pong");
    scene.kill().await;
    assert_eq!(timers(scene.folder.path()).len(), 4, "what was due once is gone");
    scene.start();
    scene.alice.says("ping").await;
    assert_eq!(scene.hears().await, "pong", "and it is not due again");
    scene.end().await;
}

/// The timers on disk: id, what is called and when, due time.
fn timers(folder: &Path) -> Vec<(i64, String, i64)> {
    let connection = Connection::open(folder.join("data").join("hotline.db")).expect("the database");
    let mut statement = connection.prepare("SELECT id, timer, due FROM timer ORDER BY id").expect("a query");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).expect("rows");
    rows.collect::<Result<_, _>>().expect("rows")
}

const DOUBTFUL: &str = r#"
fn on_message(msg) {
    if msg.text != "go" { answer(msg); return; }
    try {
        msg.reply("did it arrive?");
        msg.reply("it did");
    } catch (error) {
        msg.reply(`${error.name} ${error.code} ${error.command}`);
    }
}
"#;

/// Has the answer to the bot's first text lost, and kills it then.
async fn in_doubt(keys: &str) -> Scene {
    let mut scene = Scene::new(keys, &with_rest(DOUBTFUL)).await;
    scene.start();
    scene.alice.says("ping").await;
    assert_eq!(scene.hears().await, "pong");
    let lost = InjectedFault {
        account: Some("bot".to_owned()),
        on: Traffic::Replies,
        trouble: Trouble::Swallow,
        when: When::Next(1),
    };
    scene.control.inject(lost).expect("a fault");
    scene.alice.says("go").await;
    assert_eq!(scene.hears().await, "did it arrive?");
    scene.kill().await;
    scene.start();
    scene
}

#[tokio::test(flavor = "multi_thread")]
async fn an_effect_in_doubt_throws() {
    let mut scene = in_doubt("").await;
    assert_eq!(scene.hears().await, "IN_DOUBT -1 SendText");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_effect_in_doubt_is_sent_again_where_the_configuration_says_so() {
    let mut scene = in_doubt("in_doubt = \"resend\"").await;
    assert_eq!(scene.hears().await, "did it arrive?");
    assert_eq!(scene.hears().await, "it did");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_handled_once_also_when_it_comes_again_after_a_restart() {
    let script = r#"fn on_message(msg) { msg.reply(`${store.incr("messages")} ${msg.text}`); }"#;
    let mut scene = Scene::new("", script).await;
    scene.start();
    scene.alice.says("first").await;
    assert_eq!(scene.hears().await, "1 first");
    scene.kill().await;
    scene.start();
    let first = scene.control.chat("alice", "bot").remove(0);
    scene.alice.is_heard().await;
    let content = json!({
        "id": first.id, "from": first.from, "to": first.to, "text": first.text, "timestamp": first.timestamp,
        "contentType": "NONE", "contentMetadata": {},
    });
    scene.control.notify("bot", "RECEIVE_MESSAGE", &content);
    scene.alice.says("second").await;
    assert_eq!(scene.hears().await, "2 second");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_leaves_everything_as_it_was() {
    let mut scene = Scene::new("", &with_rest(ASKING)).await;
    scene.start();
    scene.alice.says("order").await;
    assert_eq!(scene.hears().await, "What?");
    scene.kill_in("ask").await;
    scene.process = Some(scene.folder.start_with(&["--dry-run"]));
    scene.alice.says("tea").await;
    scene.alice.says("order").await;
    scene.folder.logs("dry run: not sent").await;
    scene.process.take().expect("it runs").end();
    scene.alice.is_alone().await;
    scene.start();
    scene.alice.says("coffee").await;
    assert_eq!(scene.hears().await, "How many?");
    scene.alice.says("2").await;
    assert_eq!(scene.hears().await, "order 1: 2 × coffee");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_ask_the_same_person_the_one_that_asked_last_is_answered_after_a_restart_too() {
    let script = r#"
fn on_message(msg) {
    if msg.text == "early" { sleep("1s"); let answer = msg.ask("early asks"); msg.reply(`early got ${answer.text}`); }
    if msg.text == "late" { let answer = msg.ask("late asks"); msg.reply(`late got ${answer.text}`); }
}
"#;
    let mut scene = Scene::new("", script).await;
    scene.start();
    scene.alice.says("early").await;
    scene.is_in("sleep").await;
    scene.alice.says("late").await;
    assert_eq!(scene.hears().await, "late asks");
    assert_eq!(scene.hears().await, "early asks");
    scene
        .has_run(|run| run.entries.len() > 1 && run.standing.waiting.as_ref().is_some_and(|on| on.call == "ask"))
        .await;
    scene.kill().await;
    scene.start();
    for (said, heard) in [("one", "early got one"), ("two", "late got two")] {
        scene.alice.says(said).await;
        assert_eq!(scene.hears().await, heard);
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuilt_run_has_the_constants_that_its_top_level_drew() {
    let script = r#"
import "lib/drawn" as drawn;
const CODE = random(1, 1000000000);
fn on_message(msg) {
    if msg.text != "draw" { return answer(msg); }
    let early = global::CODE;
    msg.ask(`${global::CODE} ${drawn::CODE}`);
    msg.reply(`${early} ${drawn::CODE} ${global::CODE}`);
}
"#;
    let mut scene = Scene::new("", &with_rest(script)).await;
    scene.folder.save("lib/drawn.rhai", "export const CODE = `${now()} ${random(1, 1000000000)}`;");
    scene.start();
    scene.alice.says("draw").await;
    let first = scene.hears().await;
    for _ in 0..2 {
        scene.kill_in("ask").await;
        scene.start();
        scene.alice.is_heard().await;
    }
    scene.alice.says("go on").await;
    let code = first.split(' ').next().expect("a number");
    assert_eq!(scene.hears().await, format!("{first} {code}"));
    scene.alice.says("draw").await;
    assert_ne!(scene.hears().await, first, "the next one has those of its own process");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_logged_before_its_process_ended_is_not_logged_again() {
    let script = r#"
fn on_message(msg) {
    if msg.text != "order" { return answer(msg); }
    log_info("before any call");
    msg.reply("wait");
    log_info("before the wait");
    msg.ask("What?");
    log_info("after the wait");
}
"#;
    let mut scene = Scene::new("", &with_rest(script)).await;
    scene.start();
    scene.alice.says("order").await;
    scene.hears().await;
    scene.kill_in("ask").await;
    scene.start();
    scene.alice.is_heard().await;
    scene.alice.says("tea").await;
    scene.folder.logs("after the wait").await;
    let log = scene.folder.log();
    for line in ["before any call", "before the wait", "after the wait"] {
        assert_eq!(log.matches(line).count(), 1, "{line}:\n{log}");
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timer_that_asks_and_asks_again_goes_on_in_the_chat_of_the_answer() {
    let script = r#"
fn on_message(msg) {
    if msg.text == "go" { after("0s", "survey", [msg.chat]); } else { msg.reply(`said ${msg.text}`); }
}
fn survey(mid) {
    let first = ask(mid, "one?");
    let second = ask(mid, `two, after ${first.text}?`, #{ check: |answer| answer.text == "b", retry: "b, please" });
    for part in 1..3 { second.reply(`${first.text} ${second.text} ${part}`); }
}
"#;
    let mut scene = Scene::new("", script).await;
    scene.start();
    scene.alice.says("go").await;
    assert_eq!(scene.hears().await, "one?");
    let first = scene.is_in_since("ask", 0).await;
    scene.kill().await;
    scene.start();
    scene.alice.says("a").await;
    assert_eq!(scene.hears().await, "two, after a?");
    let second = scene.is_in_since("ask", first).await;
    scene.alice.says("x").await;
    assert_eq!(scene.hears().await, "b, please");
    // Not the wait before: what was said since then might be lost.
    scene.is_in_since("ask", second).await;
    scene.kill().await;
    scene.start();
    scene.alice.says("b").await;
    scene.alice.says("bye").await;
    for expected in ["a b 1", "a b 2", "said bye"] {
        assert_eq!(scene.hears().await, expected);
    }
    scene.end().await;
}
