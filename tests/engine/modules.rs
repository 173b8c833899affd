//! Constants, imports, the standard library, and what a script's top level may do.

use super::support::{Bot, Setup};

/// Starts one script beside other files and gives its only answer to a message.
async fn answer(files: &[(&str, &str)]) -> String {
    let setup = files.iter().fold(Setup::new(), |setup, (path, text)| setup.script(path, text));
    let bot = setup.start().await;
    assert_eq!(bot.host().faults(), []);
    bot.says("u1", "go");
    let answer = bot.text_to("u1").await;
    bot.stop().await;
    answer
}

/// Starts one script beside other files and gives its fault, without the path of the folder.
async fn fault(files: &[(&str, &str)]) -> String {
    let setup = files.iter().fold(Setup::new(), |setup, (path, text)| setup.script(path, text));
    let bot = setup.start().await;
    let faults = bot.host().faults();
    assert_eq!(faults.len(), 1, "{faults:?}");
    let fault = faults[0].to_string().replace(&format!("{}/", bot.scripts().display()), "");
    bot.stop().await;
    fault
}

#[tokio::test]
async fn constants_of_the_top_level_are_seen_in_hooks_functions_and_closures() {
    let script = r#"
        const GREETING = "hello";
        const MENU = #{ tea: 2, cake: [1, 2] };
        fn on_message(msg) { msg.reply(`${global::GREETING} ${price("tea")} ${[1].map(|x| x + global::MENU.cake[1])}`); }
        fn price(item) { global::MENU[item] }
    "#;
    assert_eq!(answer(&[("bot", script)]).await, "hello 2 [3]");
}

#[tokio::test]
async fn imports_work_at_the_top_level_in_functions_and_in_modules() {
    let files = [
        (
            "bot",
            r#"
            import "lib/a" as a;
            fn on_message(msg) {
                import "lib/deep/c" as c;
                msg.reply(`${a::text()} ${a::CONST} ${c::text()} ${[1].map(|x| a::add(x, 1))}`);
            }"#,
        ),
        (
            "lib/a",
            "import \"b\" as b;\nexport const CONST = 5;\nfn text() { import \"b\" as b; \"a\" + b::text() }\nfn add(x, y) { x + y }",
        ),
        ("lib/b", "fn text() { \"b\" }"),
        ("lib/deep/c", "fn text() { import \"lib/b\" as b; \"c\" + b::text() }"),
    ];
    assert_eq!(answer(&files).await, "ab 5 cb [2]");
}

#[tokio::test]
async fn a_modules_functions_see_its_own_constants_and_may_send_and_wait() {
    let files = [
        ("bot", "import \"lib\" as lib;\nfn on_message(msg) { lib::greet(msg); }"),
        (
            "lib",
            "const WORD = \"hello\";\nfn greet(msg) { msg.reply(word() + \" \" + msg.sender.name); }\nfn word() { global::WORD }",
        ),
    ];
    assert_eq!(answer(&files).await, "hello Name of u1");
}

#[tokio::test]
async fn the_standard_library_is_there_and_a_folder_overrides_it() {
    let script = "import \"std/words\" as words;\nfn on_message(msg) { msg.reply(`${words::is_yes(\"yes\")}`); }";
    assert_eq!(answer(&[("bot", script)]).await, "true");
    assert_eq!(answer(&[("bot", script), ("std/words", "fn is_yes(text) { \"mine\" }")]).await, "mine");
    let fault = fault(&[("bot", "import \"std/nothing\" as n;")]).await;
    assert!(
        fault.starts_with("bot.rhai:1:8: the standard library has no module \"std/nothing\"; it has std/"),
        "{fault}"
    );
}

#[tokio::test]
async fn an_import_cannot_leave_the_scripts_folder() {
    for path in ["../secret", "lib/../../secret", "/etc/passwd", "", "..", "std/../../x"] {
        let fault = fault(&[("bot", &format!("\nimport \"{path}\" as x;"))]).await;
        assert!(fault.starts_with(&format!("bot.rhai:2:8: \"{path}\" leads out of the script's folder")), "{fault}");
    }
    // Not from a function or a module either.
    let fault =
        fault(&[("bot", "import \"lib/a\" as lib;"), ("lib/a", "fn f() {\n    import \"../x\" as x;\n}")]).await;
    assert!(fault.starts_with("lib/a.rhai:2:12: \"../x\" leads out"), "{fault}");
}

#[tokio::test]
async fn imports_that_are_missing_computed_or_in_a_circle_are_refused_with_their_place() {
    let missing = fault(&[("bot", "fn on_message(msg) {\n    import \"lib/x\" as x;\n}")]).await;
    assert!(missing.starts_with("bot.rhai:2:12: there is no module \"lib/x\": looked for "), "{missing}");
    let computed = fault(&[("bot", "let name = \"x\";\nimport name as x;")]).await;
    assert!(computed.starts_with("bot.rhai:2:8: an import names its module by a literal path"), "{computed}");
    let circle =
        fault(&[("bot", "import \"lib/a\" as a;"), ("lib/a", "import \"b\" as b;"), ("lib/b", "\nimport \"a\" as a;")])
            .await;
    assert!(
        circle.starts_with("lib/b.rhai:2:8: these files import each other: lib/a.rhai → lib/b.rhai → lib/a.rhai"),
        "{circle}"
    );
    let names: Vec<_> = (0..120).map(|n| format!("lib/m{n}")).collect();
    let texts: Vec<_> = (1..=120).map(|n| format!("import \"m{}\" as m;", n % 120)).collect();
    let mut files = vec![("bot", "import \"lib/m0\" as m;")];
    files.extend(names.iter().zip(&texts).map(|(name, text)| (name.as_str(), text.as_str())));
    let deep = fault(&files).await;
    assert!(deep.starts_with("lib/m99.rhai:1:8: the imports lead more than 100 files deep"), "{deep}");
}

#[tokio::test]
async fn a_modules_fault_names_the_module() {
    let syntax = fault(&[("bot", "import \"lib/a\" as lib;"), ("lib/a", "fn f() {\n  let = 5;\n}")]).await;
    assert!(syntax.starts_with("lib/a.rhai:2:7: "), "{syntax}");
    let thrown = fault(&[("bot", "import \"lib/a\" as lib;"), ("lib/a", "\n\nthrow \"no\";")]).await;
    assert!(thrown.starts_with("lib/a.rhai:3:1: no"), "{thrown}");
}

#[tokio::test]
async fn an_error_in_a_module_names_its_file_its_line_and_the_way_there() {
    let bot = Setup::new()
        .script("lib/a", "fn run(x) {\n    helper(x)\n}\nfn helper(x) {\n    x.nothing()\n}")
        .script(
            "bot",
            "import \"lib/a\" as a;\nfn on_message(msg) {\n    a::run(5);\n}\nfn on_error(error) {\n    send_text(\"e\", `${error.file}:${error.line}:${error.column}: ${error.message}`);\n    send_text(\"e\", `${error.calls}`); send_text(\"e\", `${error.script} ${error.session} ${error.hook} ${error.event} ${error.generation}`);\n}",
        )
        .start()
        .await;
    bot.says("u1", "go");
    let at = bot.file("lib/a").display().to_string();
    let error = bot.text_to("e").await;
    assert!(error.starts_with(&format!("{at}:5:7: ")) && error.contains("nothing"), "{error}");
    let calls = bot.text_to("e").await;
    assert!(calls.contains("helper (") && calls.contains("run (") && calls.contains("on_message ("), "{calls}");
    assert_eq!(bot.text_to("e").await, "bot main on_message RECEIVE_MESSAGE 1");
    bot.stop().await;
}

#[tokio::test]
async fn commands_waits_and_stored_data_at_the_top_level_are_load_errors() {
    for (code, expected) in [
        ("send_text(\"u1\", \"x\");", "SendText cannot be used at a script's top level"),
        ("let p = get_profile();", "GetProfile cannot be used at a script's top level"),
        ("command(\"X\");", "X cannot be used at a script's top level"),
        ("sleep(\"1s\");", "sleep cannot be used at a script's top level"),
        ("sleep(1);", "sleep cannot be used at a script's top level"),
        ("after(\"1m\", \"f\");", "after cannot be used at a script's top level"),
        ("cancel(1);", "cancel cannot be used at a script's top level"),
        ("store.set(\"x\", 1);", "store.set cannot be used at a script's top level"),
        ("let x = store.get(\"x\");", "store cannot be used at a script's top level"),
        ("let x = state.x;", "state cannot be used at a script's top level"),
        ("let x = session();", "no session's event is being handled"),
        ("loop {}", "the run used more than 1s of processor time (limits.cpu)"),
        ("fn f() { f() } f();", "functions call each other too deeply"),
    ] {
        let fault = fault(&[("bot", &format!("\n{code}\nfn on_message(msg) {{ }}"))]).await;
        assert!(fault.starts_with("bot.rhai:2:") && fault.contains(expected), "{code}: {fault}");
        let in_module = self::fault(&[("bot", "import \"lib/a\" as lib;"), ("lib/a", code)]).await;
        assert!(in_module.contains(expected), "{code}: {in_module}");
    }
}

#[tokio::test]
async fn what_the_language_leaves_out_is_refused() {
    for code in ["eval(\"1\")", "let x = unknown_name;", "let t = timestamp();"] {
        let bot = Bot::start(format!(
            "fn on_message(msg) {{ try {{ {code}; msg.reply(\"ran\"); }} catch (e) {{ msg.reply(\"failed\"); }} }}"
        ))
        .await;
        if bot.host().faults().is_empty() {
            bot.says("u1", "go");
            assert_eq!(bot.text_to("u1").await, "failed", "{code}");
        }
        bot.stop().await;
    }
}

#[tokio::test]
async fn two_scripts_of_one_name_are_refused() {
    let elsewhere = Setup::new().script("bot", "fn on_message(msg) { msg.reply(\"second\"); }");
    let bot = Setup::new()
        .script("bot", "fn on_message(msg) { msg.reply(\"first\"); }")
        .also(elsewhere.scripts())
        .start()
        .await;
    let faults: Vec<_> = bot.host().faults().iter().map(ToString::to_string).collect();
    assert!(faults.len() == 1 && faults[0].contains("is called bot as well"), "{faults:?}");
    bot.stop().await;
}

#[tokio::test]
async fn text_json_and_regular_expressions() {
    let script = r##"
        fn on_message(msg) {
            let results = [
                parse_json("{\"a\": [1, 2.5, null]}"), to_json(#{b: 1, a: ()}),
                "a1b22".find_all(`\d+`), "a1".captures(`(\w)(\d)(x)?`), "x".captures(`y`), "a1".is_match(`^\w\d$`),
                "a1b2".replace_all(`\d`, "#"), "ab".replace_all(`(a)(b)|x*`, "$2$$1é${1}"),
            ];
            for word in ["the hat", ""] {
                word.replace("t", "T"); word.replace("h", '4'); word.replace(' ', "  "); word.replace('e', 'E');
                results.push(word);
            }
            for bad in [|| parse_json("{"), || "x".is_match("("), || to_json(|x| x)] {
                try { bad.call(); } catch (e) { results.push(e.message.sub_string(0, 20)); }
            }
            msg.reply(to_json(results));
        }"##;
    let expected = r##"[{"a":[1,2.5,null]},"{\"a\":null,\"b\":1}",["1","22"],["a1","a","1",null],null,true,"a#b#","b$1éa","T4E  4aT","","parse_json: the text","the regular expressi","to_json: a function "]"##;
    assert_eq!(answer(&[("bot", script)]).await, expected);
}

#[tokio::test]
async fn an_import_in_a_function_works_however_often_it_is_called() {
    let bot = Setup::new()
        .script("lib/word", "fn word() { \"hello\" }")
        .script("bot", "fn on_message(msg) { import \"lib/word\" as word; msg.reply(word::word()); }")
        .start()
        .await;
    for _ in 0..600 {
        bot.says("u1", "hi");
        assert_eq!(bot.text_to("u1").await, "hello");
    }
    bot.stop().await;
}
