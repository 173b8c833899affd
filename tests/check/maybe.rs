//! Values that may be `()`: where that is said, and after which tests it is not.

use crate::check::findings;

/// A script whose `on_message(msg)` has these lines.
fn script(lines: &str) -> String {
    format!("fn on_message(msg) {{\n{lines}\n}}\nfn judge(value) {{ value != () }}\n")
}

#[track_caller]
fn none(lines: &str) {
    let found = findings(&script(&format!("{lines}\nif judge(1) {{ return; }}")));
    assert!(found.is_empty(), "{lines}\n{found:#?}");
}

/// Asserts that this is found, each in a line of its own.
#[track_caller]
fn found(lines: &str, expected: &[&str]) {
    let found = findings(&script(&format!("{lines}\nif judge(1) {{ return; }}")));
    let found: Vec<_> =
        found.iter().filter_map(|line| line.split_once(" may-be-nothing: ").map(|(_, said)| said)).collect();
    assert_eq!(found, expected, "{lines}");
}

#[test]
fn a_value_that_may_be_missing_is_used_as_if_it_never_were() {
    for (lines, expected) in [
        ("msg.reply(msg.text.to_upper());", "`msg.text` may be (), which has no `to_upper`"),
        ("log_info(msg.text.len);", "`msg.text` may be (), which has no `len`"),
        ("msg.reply(msg.text);", "`msg.text` may be (), which `reply` does not take"),
        ("log_info(parse_int(msg.text));", "`msg.text` may be (), which `parse_int` does not take"),
        ("send_text(msg.chat, msg.text);", "`msg.text` may be (), and `send_text` needs a `content`"),
        ("send_text(#{ to: msg.chat, content: msg.text });", "`msg.text` may be (), and `send_text` needs a `content`"),
        ("let t = msg.text; log_info(t.len);", "`t` may be (), which has no `len`"),
        ("log_info(msg.ask(\"?\").sender);", "`msg.ask(…)` may be (), which has no `sender`"),
        ("let a = msg.ask(\"?\"); a.reply(\"x\");", "`a` may be (), which has no `reply`"),
        ("let f = msg.chat.captures(\"u\"); log_info(f[0]);", "`f` may be (), which has no entries"),
        ("log_info(captures(msg.chat, \"u\")[0]);", "`captures(…)` may be (), which has no entries"),
        ("log_info(store.get(\"a\").b);", "`store.get(…)` may be (), which has no `b`"),
        ("store.set(\"n\", store.get(\"n\") + 1);", "`store.get(…)` may be (), and `+` does not work with ()"),
        ("log_info(2.0 * store.get(msg.chat));", "`store.get(…)` may be (), and `*` does not work with ()"),
        ("let n = store.get(\"n\"); n += 1;", "`n` may be (), and `+` does not work with ()"),
        ("let n = 0; n += store.get(\"n\");", "`store.get(…)` may be (), and `+` does not work with ()"),
        ("for x in store.get(\"l\") { log_info(x); }", "`store.get(…)` may be (), and `for` cannot go through ()"),
        ("log_info([1].find(|x| x > 1) + 1);", "`….find(…)` may be (), and `+` does not work with ()"),
        ("tell(store.get(\"a\"));\n}\nfn tell(a) {\nlog_info(a.b);", "`a` may be (), which has no `b`"),
        ("log_info(store.update(\"n\", |old| old + 1));", "`old` may be (), and `+` does not work with ()"),
        ("let a = ask(msg.chat, \"?\"); log_info(a.text);", "`a` may be (), which has no `text`"),
        // A test that does not cover the place.
        ("let a = store.get(\"a\"); if a == () { log_info(1); } log_info(a.b);", "`a` may be (), which has no `b`"),
        ("let a = store.get(\"a\"); if a != () { log_info(a.b); } log_info(a.c);", "`a` may be (), which has no `c`"),
        ("let a = store.get(\"a\"); if a == () || msg.is_group { log_info(a.b); }", "`a` may be (), which has no `b`"),
        (
            "let a = store.get(\"a\"); if msg.is_group { if a == () { return; } } log_info(a.b);",
            "`a` may be (), which has no `b`",
        ),
        (
            "let a = store.get(\"a\"); if a == () { return; } a = store.get(\"b\"); log_info(a.b);",
            "`a` may be (), which has no `b`",
        ),
        ("if msg.text != \"x\" { log_info(msg.text.len); }", "`msg.text` may be (), which has no `len`"),
        (
            "let t = msg.text; { let t = 1; if t == () { return; } } log_info(t.len);",
            "`t` may be (), which has no `len`",
        ),
    ] {
        found(lines, &[expected]);
    }
}

#[test]
fn one_missing_test_is_one_finding() {
    found(
        "if msg.text.starts_with(\"/a\") { return; } if msg.text.starts_with(\"/b\") { msg.reply(msg.text); }",
        &["`msg.text` may be (), which has no `starts_with`"],
    );
    found("msg.reply(msg.ask(\"?\").text);", &["`msg.ask(…)` may be (), which has no `text`"]);
    let misspelt = findings(&script("log_info(msg.text.to_uper()); judge(1);"));
    assert_eq!(misspelt, ["2:19 error unknown-method: a string has no method `to_uper`"]);
}

#[test]
fn what_a_test_has_shown_is_believed() {
    for lines in [
        "if msg.text == () { return; } msg.reply(msg.text.to_upper());",
        "if msg.text == () { throw \"no text\"; } msg.reply(msg.text);",
        "if () == msg.text { return; } msg.reply(msg.text);",
        "if !(msg.text != ()) { return; } msg.reply(msg.text);",
        "if msg.text != () { msg.reply(msg.text); }",
        "if msg.text != () && msg.text.len > 3 { msg.reply(msg.text); }",
        "if msg.text == () || msg.text.len > 3 { return; } msg.reply(msg.text);",
        "if msg.text == \"ping\" { msg.reply(msg.text); }",
        "if msg.text in [\"a\", \"b\"] { msg.reply(msg.text); }",
        "if type_of(msg.text) == \"string\" { msg.reply(msg.text); }",
        "if type_of(msg.text) != \"string\" { return; } msg.reply(msg.text);",
        "if msg.text.type_of() == \"()\" { return; } msg.reply(msg.text);",
        "if (msg.text ?? \"\").starts_with(\"/\") { msg.reply(msg.text); }",
        "if (msg.text ?? \"\") == \"\" { return; } msg.reply(msg.text);",
        "if msg.text?.len > 2 { msg.reply(msg.text); }",
        "let has_text = msg.text != (); if !has_text { return; } msg.reply(msg.text);",
        "if judge(msg.text) { msg.reply(msg.text); }",
        "if !judge(msg) { return; } msg.reply(msg.text);",
        "let text = msg.text ?? { return; }; msg.reply(text + msg.text.to_upper());",
        "switch msg.text { () => return, _ => () } msg.reply(msg.text);",
        "switch msg.text { () => (), \"a\" => msg.reply(msg.text), _ => msg.reply(msg.text.to_upper()) }",
        "let t = if msg.text == () { \"nothing\" } else { msg.text.to_upper() }; msg.reply(t);",
        "let a = msg.ask(\"?\"); if a == () || a.text == () { return; } msg.reply(a.text.to_upper());",
        "let a = msg.ask(\"?\"); if a?.text == () { return; } msg.reply(a.text.to_upper());",
        "let a = msg.ask(\"?\"); if a?.text?.len == 3 { msg.reply(a.text); }",
        "let a = msg.ask(\"?\"); if a != () { [1].for_each(|| { log_info(a.sender); log_info(this); }); }",
        "let f = msg.chat.captures(\"u\"); if f != () && f[0] == \"u\" { msg.reply(f[0]); }",
    ] {
        none(lines);
    }
}

#[test]
fn each_variable_is_judged_by_itself() {
    let asked = |question: &str| {
        format!("if msg.is_group {{ let a = msg.ask(\"{question}\"); msg.reply(a.id + a.chat); return; }}")
    };
    found(&format!("{} {}", asked("1"), asked("2")), &["`a` may be (), which has no `id`"; 2]);
    found(
        "for n in 0..2 { let a = msg.ask(\"?\"); log_info(a.id); } let a = msg.ask(\"?\"); log_info(a.id);",
        &["`a` may be (), which has no `id`", "`a` may be (), which has no `id`"],
    );
}

#[test]
fn a_message_of_the_content_type_of_texts_has_a_text() {
    for lines in [
        "if msg.content_type != \"NONE\" { return; } msg.reply(msg.text.to_upper());",
        "if msg.content_type == \"NONE\" && msg.text.len > 3 { msg.reply(msg.text); }",
        "switch msg.content_type { \"NONE\" => msg.reply(msg.text.to_upper()), _ => () }",
        "let a = msg.ask(\"?\"); if a == () || a.content_type != \"NONE\" { return; } msg.reply(a.text);",
    ] {
        none(lines);
    }
    for lines in [
        "if msg.content_type == \"NONE\" { return; } msg.reply(msg.text);",
        "if msg.content_type == \"FILE\" { msg.reply(msg.text); }",
        "switch msg.content_type { \"NONE\" => (), _ => msg.reply(msg.text) }",
    ] {
        found(lines, &["`msg.text` may be (), which `reply` does not take"]);
    }
}

#[test]
fn an_answer_that_a_check_has_taken_is_a_text() {
    for lines in [
        "let a = msg.ask(\"?\", #{ check: |a| judge(a.text) }); if a != () { log_info(parse_int(a.text)); }",
        "let a = ask(msg.chat, \"?\", #{ check: \"judge\" }); if a == () { return; } msg.reply(a.text);",
        "let a = (); loop { a = msg.ask(\"?\", #{ check: \"judge\" }); if a != () { msg.reply(a.text); break; } }",
    ] {
        none(lines);
    }
    found("let a = msg.ask(\"?\", #{ check: \"judge\" }); msg.reply(a.text);", &["`a` may be (), which has no `text`"]);
    found(
        "let a = msg.ask(\"?\", #{ attempts: 2 }); if a != () { msg.reply(a.text); }",
        &["`a.text` may be (), which `reply` does not take"],
    );
}

#[test]
fn what_is_stored_meanwhile_is_there() {
    for lines in [
        "let n = store.get(\"n\"); if n == () { n = 0; } store.set(\"n\", n + 1);",
        "if store.get(\"n\") == () { store.set(\"n\", 0); } log_info(store.get(\"n\") + 1);",
        "if store.get(`n/${msg.chat}`) == () { store.set(`n/${msg.chat}`, 0); } log_info(store.get(`n/${msg.chat}`) + 1);",
        "store.set(msg.chat, 1); log_info(store.get(msg.chat) + 1);",
        "log_info(store.update(\"n\", |old| if old == () { 1 } else { old + 1 }) + 1);",
        "let s = shared_store(\"s\"); s.update(\"n\", |old| (old ?? 0) + 1); log_info(s.get(\"n\") + 1);",
        "let n = store.get(\"n\") ?? 0; n += 1; log_info(n);",
        "let m = store.get(\"m\") ?? #{}; log_info(m.a);",
        "let m = store.get(\"m\"); m = m ?? #{}; log_info(m.a);",
        "for key in store.keys() { log_info(store.get(key).name); }",
        "for id in [1, 2] { let it = store.get(`guest/${id}`); log_info(it.name); }",
        "store.keys().for_each(|index| log_info(store.get(`${this}`).name + index));",
        "if store.get(\"n\") > 3 { log_info(store.get(\"n\") + 1); }",
        "log_info(`so far: ${store.get(\"n\")}, ${msg.text}`);",
        "log_info(store.get(\"n\")); log_info(to_json(store.get(\"n\"))); log_info(\"now \" + store.get(\"n\"));",
    ] {
        none(lines);
    }
    let begun =
        "fn on_start() { store.set(\"limit\", 3); }\nfn on_message(msg) { log_info(store.get(\"limit\") + 1); }";
    assert!(findings(begun).is_empty());
}

#[test]
fn a_loop_that_goes_on_until_there_is_something_is_believed() {
    for lines in [
        "let a = msg.ask(\"?\"); while a == () { a = msg.ask(\"?\"); } log_info(a.text);",
        "let a = (); loop { a = msg.ask(\"?\"); if a != () { break; } } log_info(a.text);",
        "let a = msg.ask(\"?\"); loop { if a == () { return; } if a.text == \"x\" { break; } a = msg.ask(\"?\"); } log_info(a.text);",
        "let a = msg.ask(\"?\"); do { a = msg.ask(\"?\"); } while a == (); log_info(a.text);",
        "let a = msg.ask(\"?\"); do { a = msg.ask(\"?\"); } until a != (); log_info(a.text);",
        "for n in 0..3 { let a = msg.ask(`${n}?`); if a == () { continue; } log_info(a.text); }",
        "let a = msg.ask(\"?\"); try { if a == () { throw \"no\"; } } catch { return; } log_info(a.text);",
    ] {
        none(lines);
    }
    found(
        "let a = msg.ask(\"?\"); while a == () { a = msg.ask(\"?\"); break; } log_info(a.text);",
        &["`a` may be (), which has no `text`"],
    );
    found(
        "let a = msg.ask(\"?\"); for n in 0..3 { if a == () { break; } log_info(n); } log_info(a.text);",
        &["`a` may be (), which has no `text`"],
    );
}

#[test]
fn what_only_damage_takes_away_is_no_news() {
    for lines in [
        "log_info(msg.id.len + msg.sender.name.len + msg.timestamp);",
        "send_text(session().mid, msg.sender.name.to_upper());",
        "log_info(msg.metadata.FILE_NAME.len);",
    ] {
        none(lines);
    }
    assert!(findings("fn on_join(event) { send_text(event.group_id, event.person.name.to_upper()); }").is_empty());
    assert!(findings("fn on_invite(invite) { log_info(invite.inviter.name.len); }").is_empty());
}
