//! Single findings, and what must not be found.

use std::fs;

use hotline::language::check::{Checker, SessionNetworks};
use hotline::protocol::GATEWAY;

use crate::check::{check, findings};

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
    none("fn on_message(msg) { let seen = []; [1, 2].for_each(|| seen.push(this)); msg.reply(seen.to_string()); }");
    none("fn on_message(msg) { let tool = #{ greet: |name| `Hi ${name}` }; msg.reply(tool.greet(msg.sender.name)); }");
    none("fn on_message(msg) { for word in (msg.text ?? \"\").split(\" \") { if word == \"stop\" { break; } } }");
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
        "bot_command(\"order\", \"order\", #{ args: \"item count:int=1\", aliases: [\"o\"], cooldown: \"10s\" });\nfn order(msg, args) { msg.reply(args.item); }",
    );
    none("bot_command(\"time\", \"time\");\nfn time(msg) { msg.reply(\"noon\"); }");
    for (who, is_right) in [
        ("[]", true),
        ("[\"u1\"]", true),
        ("settings.admins", true),
        ("5", false),
        ("()", false),
        ("[\"u1\", 5]", false),
    ] {
        let script =
            format!("bot_command(\"ban\", \"ban\", #{{ who: {who} }});\nfn ban(msg) {{ msg.reply(\"banned\"); }}");
        let found = findings(&script);
        let wrong = "error wrong-type: bot_command needs who, the mids of those who may use it";
        assert_eq!(found.iter().any(|found| found.contains(wrong)), !is_right, "{who}: {found:?}");
    }
    none(
        "fn on_message(msg) { switch msg.text { \"a\" => msg.reply(\"A\"), \"b\" if msg.is_group => msg.reply(\"B\"), _ => () } }",
    );
}

#[test]
fn a_command_of_two_scripts_is_found_where_a_session_runs_both() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = "bot_command(\"Order\", \"f\");\nfn f(msg) { msg.reply(\"yes\"); }";
    for name in ["a.rhai", "b.rhai"] {
        fs::write(folder.path().join(name), script).expect("the folder is ours");
    }
    let sessions = |scripts: &[&[&str]]| -> SessionNetworks {
        let names = scripts.iter().map(|scripts| scripts.iter().map(|&name| name.to_owned()).collect());
        names.map(|names| (Some(names), &GATEWAY)).collect()
    };
    let found = |sessions: &SessionNetworks| {
        let report = Checker::new().check(&[folder.path().to_owned()], sessions, |_| None);
        report.findings.into_iter().map(|finding| (finding.rule, finding.fault.message)).collect::<Vec<_>>()
    };
    let message =
        format!("{} declares the command /order as well, and comes first", folder.path().join("a.rhai").display());
    assert_eq!(found(&SessionNetworks::default()), [("same-command", message.clone())]);
    assert_eq!(found(&sessions(&[&["a", "b"]])), [("same-command", message)]);
    assert_eq!(found(&sessions(&[&["a"], &["b"]])), []);
    let alias = "bot_command(\"Buy\", \"f\", #{ aliases: [\"b\", \"ORDER\"] });\nfn f(msg) { msg.reply(\"yes\"); }";
    fs::write(folder.path().join("b.rhai"), alias).expect("the folder is ours");
    let message =
        format!("{} declares the command /order as well, and comes first", folder.path().join("a.rhai").display());
    assert_eq!(found(&SessionNetworks::default()), [("same-command", message)]);
}

#[test]
fn the_value_of_a_try_or_a_catch_goes_nowhere() {
    let lost = |block: &str| format!("the value at the end of a `{block}` block goes nowhere");
    for (lines, block) in [
        ("try { parse_int(text) } catch { other }", "catch"),
        ("try { parse_int(text) } catch (e) { `${e.name} ${other}` }", "catch"),
        ("try { parse_int(text) } catch (e) { to_json([e, other]) }", "catch"),
        ("try { parse_int(text) } catch { if other { 1 } else { return 0; } }", "catch"),
        ("try { parse_int(text) } catch { text + other }", "catch"),
        ("try { let n = parse_int(text); n } catch { return other; }", "try"),
        ("try { parse_int(text) } catch { [other] } log_info(1);", "catch"),
    ] {
        let found = findings(&format!(
            "fn on_message(msg) {{ log_info(read(msg.id, true)); }}\nfn read(text, other) {{ {lines} }}"
        ));
        assert!(
            matches!(found.as_slice(), [one] if one.ends_with(&format!("warning no-effect: {}", lost(block)))),
            "{lines}\n{found:#?}"
        );
    }
    for lines in [
        "try { return parse_int(text); } catch { return other; }",
        "let n = other; try { n = parse_int(text); } catch {} n",
        "try { log_info(text); } catch { log_warn(other); }",
        "try { parse_int(text) } catch (e) { after(\"1s\", \"later\"); log_info(`${e}${other}`) }",
        "try { later(); } catch { later() } text + other",
        "try { parse_int(text); true } catch { return other; }\n",
    ] {
        let found = findings(&format!(
            "fn on_message(msg) {{ later(); log_info(read(msg.id, true)); }}\nfn later() {{}}\nfn read(text, other) {{ {lines} }}"
        ));
        let expected = usize::from(lines.ends_with('\n'));
        assert_eq!(found.len(), expected, "{lines}\n{found:#?}");
    }
}

#[test]
fn what_is_added_to_an_array_is_one() {
    let text = "an array and a string make one string, and no array any more";
    let on_message = |lines: &str| format!("fn on_message(msg) {{ {lines} }}");
    for lines in [
        "state.names = (state.names ?? []) + msg.sender.name;",
        "let names = [1]; names = names + `${msg.id}`; log_info(names);",
        "state.names = (store.get(\"names\") ?? []) + \"x\";",
    ] {
        let found = findings(&on_message(lines));
        assert!(
            matches!(found.as_slice(), [one] if one.ends_with(&format!("warning array-as-text: {text}"))),
            "{lines}\n{found:#?}"
        );
    }
    let found = findings(&on_message("state.n = (state.n ?? []) + 1;"));
    assert!(
        matches!(found.as_slice(), [one] if one.ends_with("error wrong-type: `+` does not work with an array and an integer")),
        "{found:#?}"
    );
    for lines in [
        "state.names = (state.names ?? []) + [msg.sender.name];",
        "state.names = (state.names ?? []) + state.more;",
        "state.text = (state.text ?? \"\") + msg.sender.name;",
        "let names = [1]; names += msg.sender.name; log_info(\"all: \" + names);",
    ] {
        none(&on_message(lines));
    }
}

#[test]
fn the_arguments_of_a_command_are_known_by_their_declaration() {
    let script = |args: &str, lines: &str| {
        format!("bot_command(\"do\", \"run\", #{{ args: \"{args}\" }});\nfn run(msg, args) {{\n{lines}\n}}")
    };
    let args = "n:int who:person? note:text?";
    for (lines, expected) in [
        (
            "msg.reply(`${args.nn}`);",
            "3:19 warning unknown-property: the command has no argument `nn`: it is always ()",
        ),
        (
            "msg.reply(args.note.to_upper());",
            "3:21 warning may-be-nothing: `args.note` may be (), which has no `to_upper`",
        ),
        ("msg.reply(args.note);", "3:11 warning may-be-nothing: `args.note` may be (), which `reply` does not take"),
        ("msg.reply(args.who.name);", "3:20 warning may-be-nothing: `args.who` may be (), which has no `name`"),
        (
            "if args.n == \"3\" { msg.reply(\"x\"); }",
            "3:11 warning comparison: an integer and a string are never equal",
        ),
        ("msg.reply(args.n.to_upper());", "3:18 error unknown-method: an integer has no method `to_upper`"),
        ("msg.reply(msg.txt);", "3:15 error unknown-property: a message has no property `txt`"),
    ] {
        assert_eq!(findings(&script(args, lines)), [expected], "{lines}");
    }
    for lines in [
        "if args.note != () { msg.reply(args.note.to_upper()); } log_info(args.n + 1);",
        "if args.who != () { msg.reply(args.who.name); }",
        "args.more = 1; log_info(args.more); log_info(args.len());",
        "args = #{ }; log_info(args.other);",
    ] {
        none(&script(args, lines));
    }
    // Who calls it otherwise may give it what they like.
    none(&format!(
        "{}\nfn on_join(event) {{ run(event, #{{ any: 1 }}); }}",
        script("n:int", "log_info(args.any); log_info(msg);")
    ));
    none(&format!("bot_command(\"other\", \"run\");\n{}", script("n:int", "log_info(args.text); log_info(msg);")));
}

#[test]
fn those_who_may_use_a_command_are_mids() {
    let script =
        |who: &str| format!("bot_command(\"ban\", \"ban\", #{{ who: {who} }});\nfn ban(msg) {{ log_info(msg); }}");
    for (who, column, found) in [("[\"u1\", \"alice\"]", 42, "alice"), ("\"ursula\"", 35, "ursula"), ("[\"\"]", 36, "")]
    {
        let message = format!("`who` of `bot_command` are mids of people; found \"{found}\"");
        one(&script(who), &format!("1:{column} warning no-mid: {message}"));
    }
    none(&script("[\"u1\", \"U0123456789abcdef\", \"u1…\"]"));
}

#[test]
fn content_types_and_mentions_are_known() {
    let on_message = |lines: &str| format!("fn on_message(msg) {{\n{lines}\n}}");
    for (lines, expected) in [
        ("if msg.content_type == \"TEXT\" { return; }", "2:24 warning comparison: there is no content type \"TEXT\""),
        ("if \"image\" != msg.content_type { return; }", "2:4 warning comparison: there is no content type \"image\""),
        ("for m in msg.mentions { log_info(m.name); }", "2:36 warning unknown-property: a mention has no `name`"),
        ("log_info(msg.mentions[0].user);", "2:26 warning unknown-property: a mention has no `user`"),
    ] {
        assert_eq!(findings(&on_message(lines)), [expected], "{lines}");
    }
    none(&on_message("if msg.content_type == \"STICKER\" || msg.text == \"TEXT\" { return; }"));
    none(&on_message(
        "for m in msg.mentions { log_info(`${m.text} ${m.mid} ${m.start}`); } log_info(msg.mentions.len);",
    ));
}

#[test]
fn the_language_itself_is_left_alone() {
    // The check also runs a top level that it finds nothing wrong with: these lines really work.
    let lines = [
        "let a = [3, 1, 2]; a.sort(|x, y| if x < y { -1 } else { 1 }); print(a[0] + a[-1]);",
        "let a = [1, 2, 3].map(|x| x * 2).filter(|x| x > 2).reduce(|sum, x| (sum ?? 0) + x); print(a);",
        "let a = [1, 2, 3]; let b = a.map(\"double\"); print(b);\nfn double(x) { x * 2 }",
        "let s = \"a,b\".split(\",\"); s.push(\"c\"); print(s.len()); print(s.len);",
        "let m = #{ a: 1, \"b c\": 2 }; for key in m.keys() { print(m[key]); } m.remove(\"a\"); m.d = 4;",
        "let t = 0; for (item, index) in [1, 2] { t += item * index; } print(t);",
        "for i in 0..3 { print(i); } for i in range(0, 10, 3) { print(i); } for c in \"abc\" { print(c); }",
        "let x = 5; let kind = switch x { 0 => \"none\", 5 if x > 1 => \"five\", 1..=4 => \"few\", _ => \"many\" }; print(kind);",
        "let s = \" x \"; s.trim(); s += '!'; s += 1; print(s + 2 + () + true);",
        "let n = parse_int(\"12\") + \"3\".parse_int(); let f = n.to_float() / 2; print(f.round().to_int());",
        "let x = if 1 > 0 { \"a\" } else { \"b\" }; print(x.to_upper() + x[0] + x.sub_string(0, 1));",
        "let c = 0; let add = |n| c += n; add.call(2); print(c);",
        "let f = Fn(\"twice\"); print(f.call(2)); print(call(f, 3)); print(f.name);\nfn twice(x) { x * 2 }",
        "let f = |a, b| a + b; let g = f.curry(1); print(g.call(2));",
        "try { throw #{ code: 1 }; } catch (e) { print(e.code); }",
        "let t = \"abc\" - \"b\"; t -= 'a'; print(t + ('x' + 'y') + 1); let list = []; list += 1; list += [2]; print(list);",
        "let x = 0x1f & 0b11 | 1 << 3; print(x ** 2); print(-x); print(!true);",
        "let b = blob(4, 1); b[0] = 255; print(b.len());",
        "let a = [1, [2, 3]]; print(a[1][0]); a[1][0] += 1; print(a[1]);",
        "let m = #{ f: |x| x + 1, inner: #{ list: [1] } }; print(m.f(1)); m.inner.list.push(2); print(m?.none?.deep);",
        "let text = `one ${ [1, 2].map(|x| `<${x}>`) } two`; print(text);",
        "print(type_of(1) == \"i64\"); print(1 in [1]); print(\"k\" in #{ k: 1 }); print(!(2 in [1]));",
        "let v = (); v = v ?? 3; print(v + 1);",
        "let x = 10; { let x = x + 1; print(x); } print(x);",
        "let i = 0; do { i += 1; } while i < 3; let j = loop { if i > 5 { break i; } i += 1; }; print(j);",
        "print([1, 2] + [3]); print(#{ a: 1 } + #{ b: 2 }); print(\"a\" < \"b\"); print(1 == 1.0); print('a' == \"a\");",
        "print(pick([1]));\nfn pick(list) { list[0] }\nfn _unused() { pick(\"text\") }",
        "print(is_even(4));\nfn is_even(n) { if n == 0 { true } else { is_odd(n - 1) } }\nfn is_odd(n) { if n == 0 { false } else { is_even(n - 1) } }",
        "print(5.double());\nfn double() { this * 2 }",
        "const LIST = [1, 2]; print(global::LIST.len() + count());\nfn count() { global::LIST.len() }",
        "let now = now(); print(now > 0); print(random(1, 6) <= 6 && random() < 1.0);",
        "print(parse_json(\"{}\")); print(to_json([1, ()])); print(\"a1\".captures(`\\d`)[0]);",
        "let list = [1, 2, 3]; print(list.extract(0..2)); print(list.index_of(2)); print(list.contains(3)); print(list.all(|x| x > 0));",
        "let out = []; for x in 1..3 { out.push(x); } print(out.is_empty()); print(out.find(|x| x == 2)); out.insert(0, 9); out.truncate(1);",
        "import \"std/words\" as words; print(words::number(\"3 of them\")); print(words::join([1, \"a\"], \", \"));",
        "let timestamp = 1; let x = timestamp.max(2).min(5).abs().to_string(); print(x.pad_text());\nfn pad_text() { this + \"!\" }",
    ];
    let faulty: Vec<_> = lines
        .iter()
        .map(|line| (line, findings(&format!("fn on_start() {{}}\n{line}"))))
        .filter(|(_, found)| !found.is_empty())
        .collect();
    assert!(faulty.is_empty(), "{faulty:#?}");
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
    assert_eq!(report.files, 3);
    let files: Vec<_> = report.findings.iter().map(|found| found.fault.file.rsplit('/').next()).collect();
    assert_eq!(files, [Some("a_test.rhai"), Some("b.rhai")], "{report:?}");
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

#[test]
fn a_link_that_leads_back_is_followed_once() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a.rhai"), "fn on_start() {}").expect("a file");
    #[cfg(unix)]
    std::os::unix::fs::symlink(folder.path(), folder.path().join("again")).expect("a link");
    assert_eq!(check(&[folder.path()]).files, 1);
}

#[test]
fn whatever_a_file_holds_the_check_has_an_answer() {
    let mut texts = Vec::new();
    for folder in ["tests/check/corpus", "scripts"] {
        for entry in fs::read_dir(folder).expect("the folder") {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                texts.push(fs::read_to_string(path).expect("a text"));
            }
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut number = 0;
    for text in &texts {
        let letters: Vec<char> = text.chars().collect();
        for cut in (0..letters.len()).step_by(29) {
            // As it is while somebody types: the end missing, a letter missing, lines of another system.
            let end: String = letters[..cut].iter().collect();
            let hole: String = letters[..cut].iter().chain(&letters[(cut + 1).min(letters.len())..]).collect();
            for variant in [end, hole.replace('\n', "\r\n")] {
                number += 1;
                fs::write(folder.path().join(format!("script_{number}.rhai")), variant).expect("a file");
            }
        }
    }
    let report = check(&[folder.path()]);
    assert!(report.files >= number && !report.findings.is_empty());
    let without: Vec<_> = report
        .findings
        .iter()
        .filter(|finding| finding.fault.line.is_some() && finding.fault.excerpt.is_none())
        .collect();
    assert!(without.is_empty(), "{without:?}");
}

#[test]
fn a_function_that_is_named_anywhere_is_no_misspelt_hook() {
    none(
        "const TABLE = #{ \"/a\": \"on_alpha\" };\nfn on_message(msg) { Fn(global::TABLE[msg.text]).call(msg); }\nfn on_alpha(msg) { msg.reply(\"A\"); }",
    );
    none("fn on_message(msg) { for f in [Fn(\"on_alpha\")] { f.call(msg); } }\nfn on_alpha(msg) { msg.reply(\"A\"); }");
    none(
        "const NAMES = [\"on_alpha\", \"on_beta\"];\nfn on_start() { for n in global::NAMES { Fn(n).call(); } }\nfn on_alpha() {}\nfn on_beta() {}",
    );
    none("every(\"1h\", \"on_tick\");\nfn on_tick() { log_info(\"tick\"); }");
    one(
        "fn on_message(msg) { if false { on_debug(msg); } }\nfn on_debug(msg) { log_info(msg.text); }",
        "1:25 warning constant-condition: this condition is always false",
    );
    // The name of a hook with a slip of the pen stays one, if it could be the hook.
    one(
        "fn on_start() { after(\"1m\", \"on_mesage\", [1]); }\nfn on_mesage(msg) { log_info(msg); }",
        "2:4 error unknown-hook: there is no hook `on_mesage`",
    );
}

#[test]
fn what_is_wrong_with_hooks_is_always_said_in_the_order_of_the_file() {
    let text = "fn on_zeta() {}\nfn on_alpha() {}\nfn on_beta() {}";
    let expected: Vec<_> = [(1, "zeta"), (2, "alpha"), (3, "beta")]
        .iter()
        .map(|(line, name)| format!("{line}:4 error unknown-hook: there is no hook `on_{name}`, and nothing calls it"))
        .collect();
    assert_eq!(findings(text), expected);
}

/// Checks a script and one module, `lib/m.rhai`; gives what is found in either.
fn with_module(script: &str, module: &str) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("lib")).expect("a folder");
    fs::write(folder.path().join("a.rhai"), script).expect("a file");
    fs::write(folder.path().join("lib/m.rhai"), module).expect("a file");
    let shown = |finding: &hotline::language::check::Finding| {
        let file = finding.fault.file.rsplit('/').next().unwrap_or_default().to_owned();
        let place = format!("{file}:{}:{}", finding.fault.line.unwrap_or(0), finding.fault.column.unwrap_or(0));
        format!("{place} {}", finding.fault.message.replace(&*folder.path().to_string_lossy(), ""))
    };
    check(&[folder.path()]).findings.iter().map(shown).collect()
}

#[test]
fn a_timer_of_a_module_calls_a_function_of_the_script() {
    let script = "import \"lib/m\" as m;\nfn on_start() { m::begin(); }\n";
    let begin = "fn begin() { after(\"1m\", \"tick\", [1]); }\n";
    let tick = "fn tick(n) { log_info(n); }\n";
    let none: [&str; 0] = [];
    assert_eq!(with_module(&[script, tick].concat(), begin), none);
    assert_eq!(
        with_module(script, &[begin, tick].concat()),
        ["m.rhai:1:26 a timer calls a function of the script, not of this module"]
    );
    assert_eq!(with_module(script, begin), ["m.rhai:1:26 the script /a.rhai defines no function `tick`"]);
    assert_eq!(
        with_module(&[script, "fn tick() {}\n"].concat(), begin),
        ["m.rhai:1:26 `tick` is called with 1 argument, but in /a.rhai it is `tick()`"]
    );
    let on_tick = "fn on_tick() { log_info(1); }\n";
    assert_eq!(with_module(&[script, on_tick].concat(), "fn begin() { every(\"1h\", \"on_tick\"); }"), none);
}

#[test]
fn what_only_looks_like_a_mistake_is_left_alone() {
    none("fn on_start() { state.n = 0; }\nfn on_message(msg) { state.n += 1; msg.reply(`${state.n}`); }");
    none("fn on_start() { for k in [\"n\"] { state[k] = 0; } }\nfn on_message(msg) { state.n += 1; }");
    none("fn on_start() { begin(state); }\nfn begin(s) { s.n = 0; }\nfn on_message(msg) { state.n += 1; }");
    none("fn on_message(msg) { msg.reply((msg.text ?? \"\").replace_all(`(?<a>x)`, \"${a}!${1}\")); }");
    none("fn on_message(msg) { let t = msg.text ?? \"\"; t.trim(); msg.reply(t); }");
    none("fn on_error(error) { error.note = \"x\"; log_error(error.note); }");
    none("fn on_message(msg) { msg.shout(); }\nfn shout() { this.reply(\"HI\"); }");
    none("fn on_message(msg) { command(\"ComeWhatMay\", #{ text: 1 }); }");
    none("fn on_message(msg) { let m = #{ to: msg.chat }; m.content = \"x\"; send_text(m); }");
    none(
        "fn on_message(msg) { after(\"1m\", \"later\", [msg.chat, #{ n: 1 }]); }\nfn later(chat, more) { log_info(more); log_info(chat); }",
    );
    none("fn on_message(msg) { let words = [\"a\"]; words.for_each(|i| { log_info(i); log_info(this); }); }");
    none("fn on_message(msg) { msg.reply(\"it costs $5 and {this}\"); log_info(1.5.log()); }");
    none("fn on_message(msg) { let t = now() / 1000; let h = t % 24; msg.reply(\"-\" + h); }");
}

#[test]
fn a_timer_that_ends_or_stays_one_is_left_alone() {
    let tell = "\nfn tell(chat, text) { send_text(chat, `${text}`); }";
    for lines in [
        "every(\"1d\", \"tell\", [msg.chat, \"tea\"]);",
        "every(\"1d\", \"tell\", [msg.chat, msg.sender.name]);",
        "let id = every(\"1d\", \"tell\", [msg.chat, now()]); after(\"1h\", \"tell\", [msg.chat, msg.id]); cancel(id);",
        "state.id = every(\"1d\", \"tell\", [msg.chat, msg.id]);",
        "after(\"1m\", \"tell\", [msg.chat, \"x\"]); sleep(5); sleep(90); sleep(600); sleep(3600); sleep(0.5);",
    ] {
        none(&format!("fn on_message(msg) {{ {lines} }}{tell}"));
    }
    for body in [
        "after(\"1m\", \"tick\", [n + 1]);",
        "if n < 3 { after(\"1m\", \"tick\", [n + 1]); after(\"2m\", \"tick\", [n + 2]); }",
        "if n > 3 { return; } for i in 0..2 { after(\"1m\", \"tick\", [n + i]); }",
        "try { http_get(\"https://a.test\"); } catch { after(\"1m\", \"tick\", [n]); }",
    ] {
        none(&format!(
            "every(\"1h\", \"beat\");\nfn beat() {{ after(\"1m\", \"tick\", [1]); }}\nfn tick(n) {{ log_info(n); {body} }}"
        ));
    }
    none("every(\"1h\", \"tick\");\nfn tick() { if random() < 0.1 { after(\"1m\", \"tick\"); } }");
}

#[test]
fn a_mid_or_what_may_be_one_is_left_alone() {
    for lines in [
        "send_text(msg.chat, msg.sender.mid); send_text(msg.sender.mid, msg.sender.name); send_text(\"u1\", msg.sender.name);",
        "send_text(msg.to, msg.chat); send_text(state.owner, msg.chat); send_text(`${msg.chat}`, msg.id);",
        "let owner = store.get(\"owner\") ?? msg.chat; send_text(owner, \"hello\"); ask(msg.chat, msg.sender.mid);",
    ] {
        none(&format!("fn on_message(msg) {{ {lines} }}"));
    }
}

#[test]
fn entries_that_are_there_or_were_put_in_are_left_alone() {
    none(
        r#"fn on_message(msg) {
    let me = get_profile();
    me.extra = 1;
    log_info(me.extra);
    log_info(me.displayName.to_upper() + me["nmae"]);
    for contact in get_contacts([msg.sender.mid]) { msg.reply(contact.displayName); }
    let names = get_contacts([msg.sender.mid]).map(|c| c.displayName).filter(|n| n != "");
    msg.reply(`${names.len}`);
    let group = create_group("tea", []);
    for mid in group.groupExtra.memberMids.keys() { send_text(mid, "x"); }
    for key in me.keys() { log_info(me[key]); }
    let d = date();
    msg.reply(`${d.year}-${d.month}-${d.day} ${d.hour}:${d.minute}:${d.second} ${d.weekday} ${d.zone}`);
    let answer = http(#{ url: "https://api.example.com" });
    if answer.status >= 400 || answer.headers["x"] == "y" { return; }
    msg.reply(answer.json().name);
    let sent = send_text(msg.chat, "x");
    store.set("sent", sent);
    log_info(sent.id);
    let who = get_contacts([msg.sender.mid]).find(|c| c.relation == "BOTH");
    if who != () { log_info(who.displayName); }
    if get_settings().e2eeEnable { log_info("x"); }
    let m = if msg.is_group { get_profile() } else { #{ a: 1 } };
    log_info(m.a);
    me = #{ a: 2 };
    log_info(me.a);
    show(get_profile()); show(#{ b: 1 });
    only(get_profile());
}
fn show(x) { log_info(x.b); }
fn only(p) { log_info(p.displayName); }"#,
    );
}

#[test]
fn what_a_module_exports_can_be_read() {
    let module = "export const LIMIT = 3;\nlet list = [1];\nexport list as items;\nfn f() { 1 }\n";
    let script = "import \"lib/m\" as m;\nfn on_start() { log_info(m::LIMIT + m::items.len + m::f()); log_info([m::LIMIT].map(|x, i| x + i)); }\n";
    let none: [&str; 0] = [];
    assert_eq!(with_module(script, module), none);
}

#[test]
fn what_a_closure_sets_outside_of_it_is_kept() {
    // The check also runs the top level: none of these is lost, so that there is nothing to warn of.
    for line in [
        "let n = 0; [1, 2].for_each(|| n += this);",
        "let n = 0; [1, 2].map(|x| { n += x; x });",
        "let n = 0; let add = |x| n += x; add.call(1); add.call(2);",
        "let n = 0; let tool = #{ add: |x| n += x }; tool.add(3);",
        "let n = 0; for x in 1..=2 { let add = || n += x; add.call(); }",
        "let n = 0; let add = |x| { let inner = |y| n += y; inner.call(x); }; add.call(3);",
        "let n = 0; [1, 2].filter(|x| { n = n + x; true }).reduce(|sum, x| (sum ?? 0) + x);",
    ] {
        none(&format!("fn on_start() {{}}\n{line}\nif n != 3 {{ throw `lost: ${{n}}`; }}"));
    }
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_script() {
    none("\u{feff}fn on_start() { log_info(\"hi\"); }");
}

#[test]
fn a_script_that_nobody_calls_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a.rhai"), "fn helper() { send_text(\"u\", \"x\"); }").expect("a file");
    let report = check(&[folder.path()]);
    assert_eq!(report.findings.iter().map(|found| found.rule).collect::<Vec<_>>(), ["never-called"], "{report:?}");
    // Imported by another one, it is a module.
    fs::write(folder.path().join("b.rhai"), "import \"a\" as a;\nfn on_start() { a::helper(); }").expect("a file");
    assert!(check(&[folder.path()]).findings.is_empty());
}

/// Checks a test beside a script; gives what is found in it.
fn in_test(text: &str) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a.rhai"), "fn on_start() {}").expect("a file");
    fs::write(folder.path().join("a_test.rhai"), text).expect("a file");
    let shown = |finding: &hotline::language::check::Finding| {
        let fault = &finding.fault;
        let help = fault.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
        format!("{}:{} {}{help}", fault.line.unwrap_or(0), fault.column.unwrap_or(0), fault.message)
    };
    check(&[folder.path()]).findings.iter().map(shown).collect()
}

#[test]
fn a_test_that_is_in_order_is_left_alone() {
    let none: [&str; 0] = [];
    for text in [
        "fn test_it() { let alice = person(\"alice\"); alice.says(\"hi\"); alice.expects(\"Hi\"); greet(alice); }\nfn greet(who) { who.says(\"x\"); who.expects_match(`x (\\d+)`)[1]; }",
        "let bob = person(\"bob\");\nbob.says(\"x\");\nassert_eq(bob.receives().text, \"y\");\nclock.advance(\"1m\");",
        "fn test_it() { let g = group(\"g\", [person(\"a\"), bot]); assert(g.has(bot)); g.expects_nothing(); bot.kill(); bot.start(); assert(bot.is_live); }",
        "fn test_it() { web.answers(\"https://a.test/*\", #{ a: 1 }); let r = web.expects(\"https://a.test/x\"); assert_eq(r.method, \"GET\"); gateway.refuses(\"text\", \"ABUSE_BLOCK\", 2); }",
        "const WHO = \"alice\";\nfn test_it() { for name in [global::WHO] { person(name).says(\"x\"); } settle(); }",
    ] {
        assert_eq!(in_test(text), none, "{text}");
    }
}

#[test]
fn a_test_is_checked_by_what_tests_can_call() {
    for (text, expected) in [
        ("fn test_it() { person(\"a\").say(\"x\"); }", "1:28 a person has no method `say`; did you mean `says(text)`?"),
        ("fn test_it() { person(1); }", "1:16 `person` does not take (an integer); it is `person(name: string)`"),
        (
            "fn test_it() { clock.advance(); }",
            "1:22 `advance` of the clock is called with no arguments; it is `advance(by: string)`",
        ),
        ("fn test_it() { clok.advance(\"1m\"); }", "1:16 no variable `clok`; did you mean `clock`?"),
        (
            "fn test_it() { send_text(\"a\", \"b\"); }",
            "1:16 a test has no function `send_text`; that is the bot's: a test acts through people, `bot`, `clock`, `gateway` and `web`",
        ),
        (
            "fn test_it() { sleep(5); }",
            "1:16 a test has no function `sleep`; time stands still in a test: `clock.advance(\"5s\")` lets it pass",
        ),
        (
            "fn test_it() { sleep(\"5s\"); }",
            "1:16 a test has no function `sleep`; time stands still in a test: `clock.advance(\"5s\")` lets it pass",
        ),
        (
            "fn test_it() { assert_equal(1, 1); }",
            "1:16 no function `assert_equal`; did you mean `assert_eq(found, expected)` or `assert_eq(found, expected, message)`?",
        ),
        ("fn test_it() { bot.is_alive; }", "1:20 the bot has no property `is_alive`; did you mean `is_live`?"),
        ("fn test_it() {}\nfn tset_more() {}", "2:4 nothing calls the function `tset_more()`"),
        ("fn test_it() { bot.kil(); }", "1:20 the bot has no method `kil`; did you mean `kill()`?"),
    ] {
        assert_eq!(in_test(text), [expected], "{text}");
    }
}

#[test]
fn what_another_script_uses_of_one_is_not_called_unused_when_it_is_loaded() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a.rhai"), "fn on_start() {}\nfn greet() { log_info(\"hi\"); }").expect("a file");
    fs::write(folder.path().join("b.rhai"), "import \"a\" as a;\nfn on_start() { a::greet(); }").expect("a file");
    let root = folder.path().to_owned();
    let loading = move || {
        let mut library =
            hotline::runtime::Library::new(vec![root], hotline::runtime::Limits::default(), std::sync::Arc::default());
        library.look(hotline::runtime::Look::Start);
        let live: Vec<_> = library.scripts().filter_map(|script| script.live.clone()).collect();
        live.iter()
            .map(|bundle| (bundle.name.clone(), library.check(bundle, &SessionNetworks::default()).len()))
            .collect::<Vec<_>>()
    };
    let thread = std::thread::Builder::new().stack_size(64 << 20).spawn(loading).expect("a thread");
    let found = thread.join().expect("it does not panic");
    assert_eq!(found, [("a".into(), 0), ("b".into(), 0)]);
}

#[test]
fn a_text_that_may_be_missing_has_the_properties_of_a_text() {
    let wrong = "error unknown-property: a string has no property";
    one("fn on_message(msg) { log_info(msg.text.length); }", &format!("1:40 {wrong} `length`"));
    one("fn on_message(msg) { let t = msg.text; log_info(t.foo); }", &format!("1:51 {wrong} `foo`"));
    none("fn on_message(msg) { log_info(msg.text?.len); let t = msg.text; t = #{ foo: 1 }; log_info(t.foo); }");
}

#[test]
fn the_options_of_a_request_are_known() {
    let wrong = "error wrong-arguments: http_get has no option `hedaers`";
    one("fn on_start() { http_get(\"https://a.test\", #{ hedaers: #{} }); }", &format!("1:47 {wrong}"));
    one(
        "fn on_start() { http_post(\"https://a.test\", #{ any: 1 }, #{ header: #{} }); }",
        "1:61 error wrong-arguments: http_post has no option `header`",
    );
    none("fn on_start() { http_get(\"https://a.test\", #{ headers: #{ Accept: \"x\" } }); }");
    for (options, expected) in [
        ("#{ ulr: u, url: u }", "1:20 error wrong-arguments: http has no option `ulr`"),
        ("#{ method: \"GET\" }", "1:17 error wrong-arguments: http needs the option `url`"),
        (
            "#{ url: u, method: \"PSOT\" }",
            "1:36 error bad-literal: http: method: found the method \"PSOT\", expected one such as GET, POST, PUT, PATCH or \
             DELETE; did you mean \"POST\"?",
        ),
        (
            "#{ url: u, timeout: 5 }",
            "1:37 error wrong-type: http needs timeout, a duration such as \"10m\"; found a number",
        ),
        (
            "#{ url: u, timeout: \"1h\" }",
            "1:37 error bad-literal: http: timeout: found \"1h\", expected from 1ms to 10m",
        ),
        (
            "#{ url: u, charset: \"gkb\" }",
            "1:37 error bad-literal: http: charset: found the charset \"gkb\", expected one such as \"gbk\", \"shift_jis\" or \
             \"iso-8859-1\"; did you mean \"gbk\"?",
        ),
        (
            "#{ url: u, method: \"put\", json: 1, form: #{} }",
            "1:52 error wrong-arguments: http has one body: found `json` and `form`",
        ),
        (
            "#{ url: u, body: \"x\" }",
            "1:28 error wrong-arguments: http: GET sends no body: give it as query, or name a method such as POST",
        ),
    ] {
        one(&format!("fn at(u) {{ http({options}); }}"), expected);
    }
    none("fn at(u, m) { http(#{ url: u, method: m, json: 1, timeout: \"5s\", charset: \"GBK\" }).json().a }");
    none("fn at(u) { http_get(u).json().a + json(http_get(u)).b }");
}

#[test]
fn a_timer_that_the_top_level_cannot_have_is_one_finding() {
    let message = "`after` cannot be used at a script's top level, which runs when the script is loaded";
    one("after(\"2s\", \"tick\");\nfn tick() {}", &format!("1:1 error top-level: {message}"));
}

#[test]
fn a_line_break_of_quotes_is_found_in_backticks() {
    let message = r"warning no-line-break: in backticks `\n` stands for itself and breaks no line";
    one(r"fn on_message(msg) { msg.reply(`a\nb`); }", &format!("1:32 {message}"));
    one(r"fn on_message(msg) { msg.ask(`${msg.id}\n?`); }", &format!("1:30 {message}"));
    one(r"fn on_message(msg) { send_text(msg.chat, `${msg.id}\n`); }", &format!("1:42 {message}"));
    for (lines, column) in [
        (r"let out = ''; for item in [1] { out += `${item}\n`; } log_info(out);", 40),
        (r"let out = `a\n` + msg.id; log_info(out);", 11),
        (r"let out = []; out.push(`${msg.id}\nb`); log_info(out);", 24),
        (r"log_info(msg.id.split(`\n`));", 23),
    ] {
        let lines = lines.replace("''", "\"\"");
        one(&format!("fn on_message(msg) {{\n{lines}\n}}"), &format!("2:{column} {message}"));
    }
    for lines in [
        r"log_info(is_match(msg.id, `^${msg.chat}\n`));",
        r"log_info(is_match(msg.id, `${msg.chat}\n+\d`));",
        r#"log_info(parse_json(`{"a": "${msg.id}\n"}`));"#,
        r"log_info(msg.id.replace_all(`\n`, `,`));",
    ] {
        none(&format!("fn on_message(msg) {{\n{lines}\n}}"));
    }
    none(
        r#"fn on_message(msg) { msg.reply("a\nb"); if msg.chat.is_match(`a\nb`) { msg.reply(`a
b`); } }"#,
    );
}

#[test]
fn what_a_value_has_by_another_name_is_proposed() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("a.rhai");
    for (call, expected) in [
        ("msg.text.to_int()", "a string has no method `to_int`; did you mean `parse_int`?"),
        (
            "[1].join(\", \")",
            "an array has no method `join`; `import \"std/words\" as words;` has it: words::join(list, \", \")",
        ),
    ] {
        fs::write(&script, format!("fn on_message(msg) {{ let n = {call}; log_info(n); }}")).expect("a file");
        let line = check(&[&script]).findings[0].line();
        assert!(line.ends_with(expected), "{line}");
    }
}

#[test]
fn a_date_that_never_comes_is_found() {
    let cron = |pattern: &str| format!("cron(\"{pattern}\", \"tick\");\nfn tick() {{}}");
    one(&cron("0 9 31 2 *"), "1:6 warning never-due: \"0 9 31 2 *\" is never due: there is no such date");
    none(&cron("0 9 29 2 *"));
}

#[test]
fn the_entries_of_a_caught_error_are_known() {
    let caught =
        |field: &str| format!("fn on_message(msg) {{ try {{ msg.reply(\"x\"); }} catch (e) {{ print(e.{field}); }} }}");
    for field in ["code", "name", "message", "command"] {
        none(&caught(field));
    }
    one(&caught("mesage"), "1:66 warning unknown-property: a caught error has no `mesage`: it is always ()");
    one(&caught("error"), "1:66 warning unknown-property: a caught error has no `error`: it is always ()");
    none("fn on_message(msg) { try { throw #{ shop: 1 }; } catch (e) { print(e.shop); } }");
}

#[test]
fn a_long_file_is_checked_as_a_short_one() {
    let calls: String = (0..3_000).map(|n| format!("fn f{n}(a) {{ let b = a; f{}(b) }}\n", n + 1)).collect();
    none(&format!("fn on_message(msg) {{ f0(msg.text); }}\n{calls}fn f3000(a) {{ a }}"));
    let timers: String = (0..3_000).map(|n| format!("every(\"1h\", \"f{n}\");\nfn f{n}() {{}}\n")).collect();
    none(&timers);
    let unknown: String = (0..3_000).map(|n| format!("unknown_{n}();\n")).collect();
    assert_eq!(findings(&format!("fn on_message(msg) {{\n{unknown}}}")).len(), 3_000);
}

#[test]
fn dates_that_are_written_out_are_read() {
    let found = |call: &str| findings(&format!("fn on_message(msg) {{ msg.reply(`${{{call}}}`); }}")).join("\n");
    for call in [
        "date(now(), \"Asia/Tokyo\").hour",
        "next_time(\"9:00\", now(), \"UTC\")",
        "next_time(\"９：００\")",
        "date_add(now(), #{ days: 1, hours: -2 })",
        "format_date(now(), \"%A, %d.%m.\")",
        "parse_date(msg.text ?? \"\", \"%Y-%m-%d\", \"Europe/Berlin\")",
    ] {
        assert_eq!(found(call), "");
    }
    for (call, expected) in [
        (
            "date(now(), \"Tokyo\")",
            "date: found \"Tokyo\", expected a time zone such as \"Asia/Tokyo\"; did you mean \"Asia/Tokyo\"?",
        ),
        ("next_time(\"9\")", "next_time: \"9\" is no time of day, expected one such as \"9:00\" or \"21:30:15\""),
        ("date_add(now(), #{ day: 1 })", "date_add has no option `day`"),
        ("format_date(now(), \"%!\")", "format_date: \"%!\" is no format of a date, expected one such as"),
        ("parse_date(\"9:00\", \"%H:%M\", \"Mars\")", "parse_date: found \"Mars\", expected a time zone"),
    ] {
        assert!(found(call).contains(expected), "{call}: {}", found(call));
    }
}

#[test]
fn the_options_of_a_question_are_read() {
    let form = |options: &str| {
        format!("fn on_message(msg) {{ msg.ask(\"?\", #{{ {options} }}); }}\nfn fits(answer) {{ answer.text.len > 3 }}")
    };
    none(&form("check: \"fits\", attempts: 3, cancel: [\"stop\"], retry: \"Longer.\", ended: |why| why"));
    none(&form("check: Fn(\"fits\"), ended: \"Bye.\", cancel: \"stop\""));
    none("fn on_message(msg) { msg.ask(\"?\", #{ choices: [\"tea\", \"coffee\"] }); }");
    none(
        "const MENU = [\"tea\"];\nfn on_message(msg) { msg.ask(\"?\", #{ choices: global::MENU + [`no ${msg.id}`] }); }",
    );
    none(
        "fn on_start() { let first = ask(\"c1\", \"Who?\", #{ from: \"u1\" }); if first != () { first.reply(\"you\"); } }",
    );
    for (options, expected) in [
        ("check: fits", "error load: no variable `fits`"),
        ("choices: []", "error wrong-arguments: msg.ask takes 1 to 13 choices; found 0"),
        (
            "choices: [\"1\", \"2\", \"3\", \"4\", \"5\", \"6\", \"7\", \"8\", \"9\", \"10\", \"11\", \"12\", \"13\", \"14\"]",
            "error wrong-arguments: msg.ask takes 1 to 13 choices; found 14",
        ),
        ("choices: [\"tea\", 2]", "error wrong-type: msg.ask needs choices, an array of strings such as"),
        ("choices: [\" \"]", "error wrong-type: msg.ask needs choices, an array of strings such as"),
        ("choices: \"tea\"", "error wrong-type: msg.ask needs choices, an array of strings such as"),
        ("choices: #{ tea: 1 }", "error wrong-type: msg.ask needs choices, an array of strings such as"),
        ("check: \"fit\", ended: fits()", "error unknown-function: this file defines no function `fit`"),
        ("check: \"fits\", attempts: 0", "error wrong-type: msg.ask needs attempts, a number from 1 on"),
        ("chek: Fn(\"fits\")", "error wrong-arguments: msg.ask has no option `chek`"),
        ("cancel: 3, ended: Fn(\"fits\")", "error wrong-type: msg.ask needs cancel, words such as"),
    ] {
        let found = findings(&form(options));
        assert!(found.iter().any(|found| found.contains(expected)), "{found:?}");
    }
}

#[test]
fn a_loop_that_asks_for_ever_is_noted_unless_it_gives_way() {
    let around = |body: &str| format!("fn on_start() {{ loop {{ {body} }} }}");
    let note =
        "note old-version: a run stays on the version of its script that it began with as long as this loop asks";
    one(&around("let a = ask(\"c1\", \"?\"); if a == () { return; } a.reply(\"Noted.\");"), &format!("1:32 {note}"));
    none(&around("let a = ask(\"c1\", \"?\", #{ newest: true }); if a == () { return; } a.reply(\"Noted.\");"));
    none(&around("let a = ask(\"c1\", \"?\"); if a != () { break; }"));
    none(
        "fn on_message(msg) { msg.reply(named(msg)); }\nfn named(msg) { loop { let a = msg.ask(\"?\"); if a != () { return a.text; } } }",
    );
}

#[test]
fn the_closure_of_an_update_makes_no_host_call() {
    let update = |closure: &str| format!("fn on_message(msg) {{\n    store.update(\"n\", {closure});\n}}");
    let found = |name: &str, column: usize| {
        format!(
            "2:{column} error in-update: `{name}` cannot be used in the closure of `update`, for which everybody waits"
        )
    };
    for (closure, name, column) in [
        ("|old| now()", "now", 29),
        ("|old| { send_text(msg.chat, \"x\"); 1 }", "send_text", 31),
        ("|old| [1].map(|x| state.n)", "state", 41),
        ("|old| store.get(\"m\")", "store", 29),
    ] {
        one(&update(closure), &found(name, column));
    }
    none(&update("|old| { let list = old ?? []; list.push(msg.text ?? \"\"); list.remove(0); list }"));
    none("fn on_message(msg) { let at = now(); shared_store(\"s\").update(\"n\", |old| at); }");
}
