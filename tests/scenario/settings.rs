//! Settings of the configuration in scripts: what they give, what cannot be done with a secret, and how tests set them.

use hotline::language::Setup;
use hotline::language::settings::{ScriptSettings, SecretText, Section, SettingValue};
use hotline::testing::{self, TestOptions};

use super::{Folder, cards_of};

/// What a configuration might set.
fn setup() -> Setup {
    let secret = SettingValue::Secret(SecretText::new("hush"));
    let text = |text: &str| SettingValue::Text(text.to_owned());
    let prices = Section::from([("tea".to_owned(), SettingValue::Float(2.5))]);
    let general = [("limit", SettingValue::Integer(3)), ("opens", text("2026-03-29")), ("key", secret)];
    let own = [("limit", SettingValue::Integer(7)), ("prices", SettingValue::Table(prices))];
    let section = |entries: Vec<(&str, SettingValue)>| {
        entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Section>()
    };
    let own = [("shop".to_owned(), section(own.into()))].into();
    let settings = ScriptSettings { general: section(general.into()), own };
    Setup { settings, ..Setup::default() }
}

fn passes(files: &[(&str, &str)]) {
    let folder = Folder::with(files);
    let options = TestOptions { setup: setup(), ..folder.options() };
    let report = testing::run(&options, |_| ()).expect("the tests can be run").1;
    assert!(!report.results.is_empty());
    assert_eq!(report.failed(), 0, "{}", cards_of(&report));
}

/// A script that does what a message says, and answers with what comes of it.
fn doing(lines: &[(&str, &str)]) -> String {
    let arms: Vec<_> = lines.iter().map(|(text, code)| format!("\"{text}\" => {{ {code} }}")).collect();
    format!(
        "fn act(text) {{ switch text {{ {}, _ => () }} }}\nfn on_message(msg) {{\n    try {{ msg.reply(`${{act(msg.text)}}`); }}\n    \
         catch (error) {{ msg.reply(`${{error.name}}: ${{error.message}}`); }}\n}}",
        arms.join(", ")
    )
}

#[test]
fn a_script_reads_its_own_settings_over_the_general_ones_everywhere() {
    let shop = r#"
const LIMIT = settings.limit;
import "lib/inside" as inside;
fn on_message(msg) {
    let shown = |text| `${text} ${settings.limit}`;
    msg.reply(`${shown.call("in")} ${global::LIMIT} ${inside::limit()} ${settings.prices.tea} ${settings["opens"]}`);
    msg.reply(`${"limit" in settings} ${"limits" in settings} ${settings.keys()} ${settings.get("limits", [1])}`);
}
"#;
    let other = "fn on_message(msg) { if msg.text == \"other\" { msg.reply(`${settings.limit}`); } }";
    let folder = Folder::with(&[("shop.rhai", shop)]);
    std::fs::create_dir(folder.path("lib")).expect("the folder is writable");
    folder.write("lib/inside.rhai", "fn limit() { settings.limit }");
    folder.write("other.rhai", other);
    folder.write(
        "shop_test.rhai",
        r#"
fn test_shop() {
    let alice = person("alice");
    bot.runs(["shop"]);
    alice.says("hi");
    alice.expects("in 7 7 7 2.5 2026-03-29");
    alice.expects(`true false ["key", "limit", "opens", "prices"] [1]`);
    bot.settings(#{ limit: 9 });
    alice.says("hi");
    alice.expects("in 9 9 9 2.5 2026-03-29");
}
fn test_other() {
    let alice = person("alice");
    bot.runs(["other"]);
    alice.says("other");
    alice.expects("3");
}
"#,
    );
    let options = TestOptions { setup: setup(), ..folder.options() };
    let report = testing::run(&options, |_| ()).expect("the tests can be run").1;
    assert_eq!((report.results.len(), report.failed()), (2, 0), "{}", cards_of(&report));
}

#[test]
fn what_is_not_set_or_cannot_be_set_is_said_with_what_may_be_meant() {
    let script = doing(&[
        ("near", "settings.limits"),
        ("far", "settings[\"colour\"]"),
        ("set", "let own = settings; own.limit = 1"),
        ("deep", "let own = settings; own.prices.tea = 1"),
    ]);
    let test = r#"
fn test_errors() {
    let alice = person("alice");
    alice.says("near");
    alice.expects(`UNKNOWN_SETTING: there is no setting limits; did you mean "limit"?`);
    alice.says("far");
    alice.expects("UNKNOWN_SETTING: there is no setting colour; there are key, limit, opens, prices");
    alice.says("set");
    alice.expects("CONSTANT: settings.limit cannot be set here: the configuration sets it; keep it in state");
    alice.says("deep");
    alice.expects("CONSTANT: settings.prices cannot be set here: the configuration sets it; keep it in state");
}
"#;
    passes(&[("shop.rhai", &script), ("shop_test.rhai", test)]);
}

#[test]
fn nothing_but_the_web_takes_a_secret() {
    const ONLY: &str = "only the web functions, hmac_sha256 and secret(…), which joins, take one";
    let refused = [
        ("plus", "\"a\" + settings.key", "a secret cannot be put into a text: "),
        ("before", "settings.key + \"a\"", "a secret cannot be put into a text: "),
        ("more", "let text = \"\"; text += settings.key; text", "a secret cannot be put into a text: "),
        ("equal", "settings.key == \"hush\"", "a secret cannot be compared: "),
        ("same", "settings.key == settings.key", "a secret cannot be compared: "),
        ("in", "settings.key in [\"hush\"]", "a secret cannot be compared: "),
        ("json", "to_json(#{ key: settings.key })", "to_json: found a secret, and "),
        ("state", "state.key = [settings.key]", "state.key cannot be set: found a secret, and "),
        ("store", "store.set(\"key\", settings.key)", "store.set(\"key\", …): found a secret, and "),
        ("timer", "after(\"1s\", \"act\", [settings.key])", "after: found a secret, and "),
        (
            "method",
            "http(#{ url: \"http://a.test\", method: settings.key })",
            "method needs a string; found a secret, and ",
        ),
        ("url", "http_get(secret(settings.key, \"/x\"))", "the url is none: relative URL without a base"),
        (
            "scheme",
            "http_get(secret(\"ftp://\", settings.key))",
            "the url, of which a secret is a part, is none of http or https",
        ),
        (
            "user",
            "http_get(secret(\"http://me:\", settings.key, \"@a.test/\"))",
            "the url holds a user name or password: send it as a header Authorization instead",
        ),
        ("port", "http_get(secret(\"http://\", settings.key, \":99999/\"))", "the url is none: invalid port number"),
    ];
    let lines: Vec<_> = refused.iter().map(|(name, code, _)| (*name, *code)).collect();
    let mut test = "fn test_refused() {\n    let alice = person(\"alice\");\n".to_owned();
    for (name, _, expected) in refused {
        let whole = if !expected.ends_with(' ') { expected.to_owned() } else { format!("{expected}{ONLY}") };
        test += &format!("    alice.says(\"{name}\");\n    alice.expects(`BAD_ARGUMENT: {whole}`);\n");
    }
    test += "}\n";
    passes(&[("shop.rhai", &doing(&lines)), ("shop_test.rhai", &test)]);
}

#[test]
fn a_secret_between_backticks_ends_the_run_there() {
    // A text is put together without an error: the run ends, whatever it goes on with.
    for (code, line) in [
        ("\n        msg.reply(`my key is ${settings.key}`);", 3),
        ("\n\n        let key = `${settings.key}`;\n        msg.reply(\"went on\");", 4),
        ("\n        let key = inside(1);\n        msg.reply(\"went on\");", 9),
        ("\n        let key = [1].map(Fn(\"inside\"));\n", 9),
        ("\n        let key = `${settings.key}`;", 3),
    ] {
        let code = format!("{code}{}", "\n".repeat(4 - code.matches('\n').count()));
        let script = format!(
            "fn on_message(msg) {{\n    try {{{code}    }} catch (error) {{ msg.reply(\"caught\"); }}\n}}\nfn inside(n) {{\n    \
             return settings.key.to_string();\n}}\nfn on_error(error) {{ log_error(`at ${{error.line}}`); }}"
        );
        let test = format!(
            "fn test_interpolated() {{\n    let alice = person(\"alice\");\n    alice.says(\"hi\");\n    \
             bot.expects_error(\"a secret cannot be put into a text\");\n    alice.expects_nothing();\n    \
             assert(bot.logged(\"at {line}\"));\n}}"
        );
        passes(&[("shop.rhai", &script), ("shop_test.rhai", &test)]);
    }
}

#[test]
fn an_error_that_holds_a_secret_shows_a_veil() {
    let script = "fn on_message(msg) { if msg.text == \"map\" { throw #{ s: settings.key }; } throw [settings.key]; }";
    let test = r#"
fn test_thrown() {
    let alice = person("alice");
    alice.says("map");
    bot.expects_error(`#{"s": •••}`);
    alice.says("list");
    bot.expects_error("[•••]");
}
"#;
    passes(&[("shop.rhai", script), ("shop_test.rhai", test)]);
}

#[test]
fn a_host_with_a_secret_part_is_not_shown() {
    let script = doing(&[
        ("whole", r#"http_get(secret("http://", settings.key, "/x"))"#),
        ("part", r#"http_get(secret("http://api.", settings.key, ".test/x"))"#),
    ]);
    let test = r#"
fn test_hosts() {
    let alice = person("alice");
    web.refuses("http://*");
    for text in ["whole", "part"] {
        alice.says(text);
        alice.expects("HTTP_FAILED: a host with a secret part: cannot connect: the test refuses it");
        web.expects("•••");
    }
}
"#;
    passes(&[("shop.rhai", &script), ("shop_test.rhai", test)]);
}

#[test]
fn a_test_gives_secrets_within_other_values() {
    let script = r#"fn on_message(msg) { msg.reply(`${hmac_sha256(settings.keys.tea[0], "x") == hmac_sha256("hush", "x")} ${settings.keys.n}`); }"#;
    let test = r#"
fn test_nested() {
    let alice = person("alice");
    bot.secrets(#{ keys: #{ tea: ["hush"], n: 2 } });
    alice.says("hi");
    alice.expects("true 2");
    try { bot.secrets(#{ keys: [1] }); throw "taken"; }
    catch (error) { assert(`${error}`.contains("keys: a secret is a text, or a text in an array or a map")); }
}
"#;
    passes(&[("shop.rhai", script), ("shop_test.rhai", test)]);
}

#[test]
fn a_test_sees_a_veil_where_a_request_has_a_secret() {
    let script = r#"
fn on_message(msg) {
    let own = settings.get("hook", settings.key);
    if msg.text == "hook" { http_post(own, #{ text: secret("k ", settings.key) }); }
    else { http_get(secret("https://a.test/bot", settings.key, "/me?k=", settings.key), #{ headers: #{ A: settings.key } }); }
    msg.reply(hmac_sha256(settings.key, "tea", "base64"));
}
"#;
    let test = r#"
fn test_veil() {
    let alice = person("alice");
    bot.secrets(#{ hook: "https://hooks.test/abc" });
    web.answers("https://*", "");
    alice.says("me");
    alice.expects("H57OmCn1UM5hoHCGoHsVSunNJkj7RovJYG0+BmI2YOY=");
    let asked = web.expects("https://a.test/bot•••/me?k=•••");
    assert_eq(asked.headers.a, "•••");
    alice.says("hook");
    assert_eq(web.expects("•••").body, `{"text":"k •••"}`);
}
"#;
    passes(&[("shop.rhai", script), ("shop_test.rhai", test)]);
}
