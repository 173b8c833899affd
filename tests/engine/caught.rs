//! What `catch` gives a script: one shape, whatever failed.

use crate::support::Setup;

/// What a script catches of a piece of code: the name, the message, the command, and how it is printed.
async fn caught(code: &str) -> String {
    let script = format!(
        "fn fails(n) {{ 1 / n }}\nfn on_message(msg) {{\n try {{ {code}; }} catch (e) {{\n  let keys = e.keys();\n  \
         msg.reply(`${{e.name}} ${{e.code}} ${{e.command}}|${{e.message}}|${{e}}|${{keys}} ${{type_of(e)}}`);\n }}\n}}"
    );
    let bot = Setup::new().script("bot", &script).start().await;
    bot.says("u1", "hi");
    let text = bot.text_to("u1").await;
    bot.stop().await;
    text
}

#[tokio::test]
async fn whatever_fails_is_caught_in_one_shape() {
    for (code, name, message) in [
        ("nothing()", "FUNCTION_NOT_FOUND", "no function `nothing()`"),
        ("1 / 0", "DIVISION_BY_ZERO", "division by zero: 1 / 0"),
        ("fails(0)", "DIVISION_BY_ZERO", "division by zero: 1 / 0"),
        ("[0].map(|n| fails(n))", "DIVISION_BY_ZERO", "division by zero: 1 / 0"),
        ("let list = [1]; list[5]", "OUT_OF_BOUNDS", "there is no item 5: the array has 1 item"),
        ("[3, \"x\"].sort()", "WRONG_TYPE", "elements of different types cannot be sorted"),
        ("let x = (); x.name", "PROPERTY_NOT_FOUND", "() has no property `name`"),
        ("if msg.id { print(1); }", "WRONG_TYPE", "expected true or false, found a string"),
        ("parse_int(\"x\")", "NOT_A_NUMBER", "\"x\" is no whole number"),
        ("parse_json(\"{\")", "NOT_JSON", "parse_json: the text is no JSON"),
        ("\"a\".is_match(\"(\")", "BAD_PATTERN", "the regular expression does not compile"),
        ("sleep(\"soon\")", "BAD_ARGUMENT", "sleep: "),
        ("session(\"nobody\")", "BAD_ARGUMENT", "there is no session \"nobody\""),
        ("after(\"1m\", \"nobody\")", "BAD_ARGUMENT", "after: "),
        (
            "url_decode(\"é%2\")",
            "BAD_ARGUMENT",
            "url_decode: found \"%2\" at character 2, expected % and two digits such as %20",
        ),
        ("url_decode(\"%ff\")", "BAD_ARGUMENT", "url_decode: what comes of it is no text in UTF-8"),
        (
            "base64_decode(\"aGk!\")",
            "BAD_ARGUMENT",
            "base64_decode: the text is no base64: found \"!\" at character 4, expected letters, digits, + and /",
        ),
        ("base64_decode(\"aGkaG\")", "BAD_ARGUMENT", "base64_decode: the text is no base64: it breaks off"),
        ("base64_decode(\"//8=\")", "BAD_ARGUMENT", "base64_decode: what comes of it is no text in UTF-8"),
        (
            "sha256(\"a\", \"bas64\")",
            "BAD_ARGUMENT",
            "sha256: found the form \"bas64\", expected \"hex\" or \"base64\"; did you mean \"base64\"?",
        ),
        ("hmac_sha256(\"k\", \"a\", \"b64\")", "BAD_ARGUMENT", "hmac_sha256: found the form \"b64\""),
        ("state.x = |a| a", "BAD_ARGUMENT", "state.x cannot be set"),
        ("send_text(1, 2)", "BAD_ARGUMENT", "send_text needs to"),
        ("msg.reply(5)", "BAD_ARGUMENT", "msg.reply(text) needs a string"),
    ] {
        let found = caught(code).await;
        let parts: Vec<_> = found.split('|').collect();
        let [head, text, printed, shape] = parts.as_slice() else { panic!("{code}: {found}") };
        assert_eq!(*head, format!("{name} -1 "), "{code}: {found}");
        assert!(text.starts_with(message) && printed == text, "{code}: {found}");
        assert_eq!(*shape, "[\"code\", \"command\", \"message\", \"name\"] map", "{code}: {found}");
    }
    let web = caught("http_get(\"http://example.com\")").await;
    assert!(web.starts_with("NOT_ALLOWED -1 http_get|"), "{web}");
}

#[tokio::test]
async fn what_a_script_throws_arrives_as_it_was_thrown() {
    let text = "fn on_message(msg) {\n try { throw \"no\"; } catch (e) { msg.reply(e); }\n \
                try { throw #{ shop: 1 }; } catch (e) { msg.reply(`${e}`); }\n \
                try { try { 1 / 0; } catch (e) { throw e; } } catch (again) { msg.reply(again.name); }\n \
                try { try { 1 / 0; } catch { throw; } } catch (again) { msg.reply(again.name); }\n \
                try { 1 / 0; } catch (e) { let f = || e.name; msg.reply(f.call()); }\n}";
    let bot = Setup::new().script("bot", text).start().await;
    bot.says("u1", "hi");
    for expected in ["no", "#{\"shop\": 1}", "DIVISION_BY_ZERO", "DIVISION_BY_ZERO", "DIVISION_BY_ZERO"] {
        assert_eq!(bot.text_to("u1").await, expected);
    }
    bot.stop().await;
}

#[tokio::test]
async fn an_error_that_nobody_catches_has_the_same_name_in_on_error() {
    let text = "fn on_message(msg) { [1][5]; }\nfn on_error(error) { send_text(\"e\", `${error.name} ${error.code} ${error.message}`); }";
    let bot = Setup::new().script("bot", text).start().await;
    bot.says("u1", "hi");
    assert_eq!(bot.text_to("e").await, "OUT_OF_BOUNDS -1 there is no item 5: the array has 1 item");
    bot.stop().await;
}
