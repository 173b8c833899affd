//! What scripts remember: `state` for a session, `store` for good.

use std::time::Duration;

use hotline::clock::Clock;

use super::support::{Bot, Setup};

/// Runs the expressions of `cases` one after the other in hooks of one script, and compares what each gives.
async fn assert_gives(cases: &[(&str, &str)]) {
    let arms: String =
        cases.iter().enumerate().map(|(n, (code, _))| format!("        {n} => {{ {code} }},\n")).collect();
    let bot = Bot::start(format!(
        "fn on_message(msg) {{\n    let result = switch parse_int(msg.text) {{\n{arms}        _ => ()\n    }};\n    msg.reply(to_json(result));\n}}\n\
         fn on_error(error) {{ send_text(\"u1\", error.message); }}\n"
    ))
    .await;
    assert_eq!(bot.host().faults(), []);
    for (n, (code, expected)) in cases.iter().enumerate() {
        bot.says("u1", &n.to_string());
        assert_eq!(bot.text_to("u1").await, *expected, "{code}");
    }
    bot.stop().await;
}

#[tokio::test]
async fn state_is_read_and_written_at_any_depth() {
    assert_gives(&[
        ("state.x", "null"),
        ("state.x = 1; state.x", "1"),
        ("state.x += 2; state.x", "3"),
        ("state[\"x\"]", "3"),
        ("state[\"an odd name\"] = true; state[\"an odd name\"]", "true"),
        ("state.a = #{}; state.a.b = #{c: 1}; state.a.b.c = 3; state.a", r#"{"b":{"c":3}}"#),
        ("state.l = []; state.l.push(1); state.l.push(#{n: 1}); state.l[1].n += 4; state.l", r#"[1,{"n":5}]"#),
        ("state.l[0]", "1"),
        ("let copy = state.l; copy.push(9); state.l.len()", "2"),
        ("[state.contains(\"l\"), state.contains(\"nothing\")]", "[true,false]"),
        ("state.keys()", r#"["a","an odd name","l","x"]"#),
        ("state.remove(\"a\"); state.a", "null"),
        ("state.x = (); state.contains(\"x\")", "true"),
        ("state.clear(); state.keys()", "[]"),
        ("state.to_map()", "{}"),
        ("[1, 2].for_each(|n| state[`n${n}`] = this); state.to_map()", r#"{"n0":1,"n1":2}"#),
        ("state.f = |x| x", "state.f cannot be set: a function is no plain data: only (), true and false, numbers, strings, arrays and maps are"),
        ("state.keys().len()", "2"),
    ])
    .await;
}

#[tokio::test]
async fn state_is_seen_in_functions_and_modules_and_belongs_to_script_and_session() {
    let count = "fn on_message(msg) { bump(); msg.reply(`${session().name} ${state.n}`); }\n\
                 fn bump() { import \"lib/counter\" as counter; counter::bump(); }";
    let bot = Setup::new()
        .session("one")
        .session("two")
        .workers(2)
        .script("a", count)
        .script("b", count)
        .script("lib/counter", "fn bump() { state.n = (if state.n == () { 0 } else { state.n }) + 1; }")
        .start()
        .await;
    for (session, name, expected) in [(0, "one", 1), (0, "one", 2), (1, "two", 1), (0, "one", 3), (1, "two", 2)] {
        let gateway = bot.gateway(session);
        gateway.says("u1", "hi");
        for _script in ["a", "b"] {
            assert_eq!(gateway.text_to("u1").await, format!("{name} {expected}"));
        }
    }
    bot.stop().await;
}

#[tokio::test]
async fn the_store_keeps_values_of_every_plain_kind() {
    assert_gives(&[
        ("store.get(\"x\")", "null"),
        ("store.set(\"x\", #{a: [1, 2.5, \"t\", true, ()]}); store.get(\"x\")", r#"{"a":[1,2.5,"t",true,null]}"#),
        ("store.set(\"text\", \"17\"); [store.get(\"text\"), type_of(store.get(\"text\"))]", r#"["17","string"]"#),
        ("store.incr(\"n\")", "1"),
        ("store.incr(\"n\", 5)", "6"),
        ("store.incr(\"n\", -7)", "-1"),
        ("store.get(\"n\")", "-1"),
        ("store.keys()", r#"["n","text","x"]"#),
        ("store.keys(\"te\")", r#"["text"]"#),
        ("store.delete(\"text\")", "true"),
        ("store.delete(\"text\")", "false"),
        ("store.keys()", r#"["n","x"]"#),
        ("store.set(\"f\", |x| x)", "store.set(\"f\", …): a function is no plain data: only (), true and false, numbers, strings, arrays and maps are"),
        ("store.set(\"t\", 1, #{ttl: 5})", "store.set needs ttl, a duration such as \"1h\"; found the integer 5"),
        ("store.set(\"t\", 1, #{tll: \"5s\"})", "store.set has no option tll; it has ttl"),
    ])
    .await;
}

#[tokio::test]
async fn incr_of_what_is_no_number_is_an_error() {
    let bot = Bot::start(
        "fn on_message(msg) { store.set(\"x\", \"text\"); try { store.incr(\"x\"); } catch (e) { msg.reply(`${e}`); } msg.reply(store.get(\"x\")); }",
    )
    .await;
    bot.says("u1", "go");
    let error = bot.text_to("u1").await;
    assert!(error.starts_with("store.incr: "), "{error}");
    assert_eq!(bot.text_to("u1").await, "text");
    bot.stop().await;
}

#[tokio::test]
async fn a_stored_value_goes_when_its_time_is_over() {
    let clock = Clock::manual(1_000_000);
    let bot = Setup::new()
        .clock(&clock)
        .script(
            "bot",
            r#"fn on_message(msg) {
                if msg.text == "set" { store.set("short", 1, #{ttl: "1m"}); store.set("long", 2, #{ttl: "1h"}); store.set("kept", 3); }
                msg.reply(`${store.keys()}${store.get("short")}`);
            }"#,
        )
        .start()
        .await;
    bot.says("u1", "set");
    assert_eq!(bot.text_to("u1").await, r#"["kept", "long", "short"]1"#);
    clock.advance(Duration::from_secs(59));
    bot.says("u1", "look");
    assert_eq!(bot.text_to("u1").await, r#"["kept", "long", "short"]1"#);
    clock.advance(Duration::from_secs(1));
    bot.says("u1", "look");
    assert_eq!(bot.text_to("u1").await, r#"["kept", "long"]"#);
    clock.advance(Duration::from_secs(3600));
    bot.says("u1", "look");
    assert_eq!(bot.text_to("u1").await, r#"["kept"]"#);
    bot.stop().await;
}

#[tokio::test]
async fn the_store_is_shared_by_a_scripts_sessions_and_not_by_scripts() {
    let script = |name: &str| {
        format!(
            "fn on_message(msg) {{ if msg.text == \"set {name}\" {{ store.set(\"x\", msg.text); }} msg.reply(`{name} ${{store.get(\"x\")}}`); }}"
        )
    };
    let bot = Setup::new()
        .session("one")
        .session("two")
        .workers(2)
        .script("a", script("a"))
        .script("b", script("b"))
        .start()
        .await;
    bot.gateway(0).says("u1", "set a");
    assert_eq!(bot.gateway(0).text_to("u1").await, "a set a");
    assert_eq!(bot.gateway(0).text_to("u1").await, "b ");
    // The other worker sees it at once.
    bot.gateway(1).says("u1", "?");
    assert_eq!(bot.gateway(1).text_to("u1").await, "a set a");
    assert_eq!(bot.gateway(1).text_to("u1").await, "b ");
    bot.stop().await;
}

#[tokio::test]
async fn the_store_outlives_reloads_and_restarts() {
    let script = |n: usize| format!("fn on_message(msg) {{ msg.reply(`{n} ${{store.incr(\"count\")}}`); }}");
    let bot = Bot::start(script(1)).await;
    bot.says("u1", "hi");
    assert_eq!(bot.text_to("u1").await, "1 1");
    bot.save("bot", script(2));
    bot.logged(&["bot.rhai is live"]).await;
    bot.says("u1", "hi");
    assert_eq!(bot.text_to("u1").await, "2 2");
    let bot = bot.restart().await;
    bot.says("u1", "hi");
    assert_eq!(bot.text_to("u1").await, "2 3");
    bot.stop().await;
}

#[tokio::test]
async fn incr_counts_right_when_two_workers_count_at_the_same_time() {
    let bot = Setup::new()
        .session("one")
        .session("two")
        .workers(2)
        .script("bot", "fn on_message(msg) { let n = 0; for i in 0..50 { n = store.incr(\"n\"); } msg.reply(`${n}`); }")
        .start()
        .await;
    for _ in 0..10 {
        bot.gateway(0).says("u1", "go");
        bot.gateway(1).says("u1", "go");
    }
    let mut highest = 0;
    for _ in 0..10 {
        for session in 0..2 {
            let n: i64 = bot.gateway(session).text_to("u1").await.parse().expect("a number");
            highest = highest.max(n);
        }
    }
    assert_eq!(highest, 1000);
    bot.stop().await;
}

#[tokio::test]
async fn a_pin_is_not_recorded() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let script = r#"fn on_pin(pin) { log_info(`the pin is ${pin}`); send_text("admin", `type ${pin}`); }
fn on_message(msg) { msg.reply("yes"); }"#;
    let bot = Setup::new().with_pin("918273").data(folder.path()).script("bot", script).start().await;
    bot.says("u1", "go");
    assert_eq!(bot.text_to("u1").await, "yes");
    bot.stop().await;
    let journal = hotline::store::JournalReader::open(folder.path()).expect("there is a journal");
    let record = serde_json::to_string(&journal.events(u32::MAX).expect("it can be read")).expect("JSON");
    assert!(record.contains("@pin") && record.contains("on_pin"), "{record}");
    assert!(!record.contains("918273"), "{record}");
}
