//! Single findings, and what must not be found.

use std::fs;

use crate::{check, findings};

fn none(text: &str) {
    let found = findings(text);
    assert!(found.is_empty(), "{text}\n{found:#?}");
}

#[track_caller]
fn one(text: &str, expected: &str) {
    assert_eq!(findings(text), [expected], "{text}");
}

#[test]
fn what_is_in_order_is_left_alone() {
    none("fn on_message(msg) { let f = |x| x + 1; state.n = f.call(2); msg.reply(`${state.n}`); }");
    none("fn on_message(msg) { let seen = []; [1, 2].for_each(|x| seen.push(x)); msg.reply(seen.to_string()); }");
    none("fn on_message(msg) { let tool = #{ greet: |name| `Hi ${name}` }; msg.reply(tool.greet(msg.sender.name)); }");
    none("fn on_message(msg) { for word in msg.text.split(\" \") { if word == \"stop\" { break; } } }");
    none(
        "fn on_join(event) { greet(event.group_id); }\nfn on_message(msg) { greet(msg.chat); }\nfn greet(chat) { send_text(chat, \"Hi\"); }",
    );
    none("fn on_message(msg) { try { msg.reply(\"x\"); } catch (error) { log_warn(error.message); } }");
    none("fn on_notify(subcommand, content) { if subcommand == \"X\" { log_info(content.anything.at.all); } }");
    none("fn on_message(msg) { let now = now(); msg.reply(now.to_string()); }");
    none("fn on_message(msg) { let session = session(\"main\"); session.send_text(msg.chat, session.name); }");
    none(
        "fn on_message(msg) { let answer = msg.ask(\"?\"); if answer != () && answer.text == \"x\" { msg.reply(answer.sender.name); } }",
    );
    none("every(\"1h\", \"tick\");\nfn tick() { for s in sessions() { s.send_text(\"u1\", \"x\"); } }");
    none(
        "fn on_message(msg) { let text = msg.text ?? \"\"; if text.len() > 3 && text.contains(\"a\") { msg.reply(text); } }",
    );
    none("fn on_error(error) { log_error(`${error.message} in ${error.hook}`); }");
    none(
        "fn on_start() { after(\"1m\", \"remind\", [\"u1\", 2]); }\nfn remind(who, count) { send_text(who, `${count}`); }",
    );
    none(
        "fn on_message(msg) { search_group_by_id(msg.chat); search_group_by_id([msg.chat]); send_location(msg.chat, \"a\", \"b\", 1, 2.5); }",
    );
    none("fn on_message(msg) { let total = 0; for i in 0..3 { total += i; } msg.reply(`${total}`); }");
    none("fn on_message(msg) { let list = [1]; list.push(2); list.sort(); msg.reply(`${list}`); }");
    none("fn on_message(msg) { if \"a\" in #{a: 1} || msg.id in [\"1\"] { return true; } }");
    none(
        "fn on_message(msg) { let shout = Fn(\"shout\"); msg.reply(shout.call(msg.text)); }\nfn shout(text) { text.to_upper() }",
    );
    none("fn on_message(msg) { loop { sleep(\"1s\"); if random() < 0.5 { break; } } msg.reply(\"done\"); }");
    none(
        "fn on_message(msg) { switch msg.text { \"a\" => msg.reply(\"A\"), \"b\" if msg.is_group => msg.reply(\"B\"), _ => () } }",
    );
}

#[test]
fn a_function_serves_several_hooks() {
    one(
        "fn on_join(event) { tell(event); }\nfn on_leave(event) { tell(event); }\nfn tell(event) { send_text(event.group, \"x\"); }",
        "3:34 error unknown-property: an event of several hooks has no `group`",
    );
}

#[test]
fn what_a_function_is_called_with_is_followed_into_it() {
    one(
        "fn on_message(msg) { first(msg); }\nfn first(m) { second(m); }\nfn second(x) { x.replly(\"hi\"); }",
        "3:18 error unknown-method: a message has no method `replly`",
    );
}

#[test]
fn a_module_in_a_subfolder_is_checked_though_nobody_imports_it() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("lib")).expect("a folder");
    fs::write(folder.path().join("a.rhai"), "fn on_start() {}").expect("a file");
    fs::write(folder.path().join("lib/b.rhai"), "fn greet() { send_txt(); }").expect("a file");
    fs::write(folder.path().join("a_test.rhai"), "person(1)").expect("a file");
    let report = check(&[folder.path()]);
    assert_eq!(report.files, 2);
    assert_eq!(report.findings.len(), 1, "{report:?}");
    assert!(report.findings[0].fault.file.ends_with("lib/b.rhai"));
}

#[test]
fn the_one_line_form_is_what_editors_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("a.rhai");
    fs::write(&script, "fn on_message(msg) {\n    msg.replay(\"x\");\n}\n").expect("a file");
    let line = check(&[&script]).findings[0].line();
    let expected = "a.rhai:2:9: error: a message has no method `replay`; did you mean `reply(text)`?";
    assert!(line.ends_with(expected), "{line}");
}
