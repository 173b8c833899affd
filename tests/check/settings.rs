//! What `check` says of settings and secrets where it knows the configuration.

use hotline::language::check::SessionNetworks;
use hotline::language::settings::{ScriptSettings, SecretText, Section, SettingValue};

use crate::check::{check_for, shown};

/// What is found in a script called `shop`, for which the configuration has a limit, a list and a secret.
fn found(text: &str) -> Vec<String> {
    let list = SettingValue::List(vec![SettingValue::Integer(1)]);
    let secret = SettingValue::Secret(SecretText::new("hush"));
    let values = [("limit", SettingValue::Integer(3)), ("days", list), ("key", secret)];
    let general: Section = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let own = [("other".to_owned(), [("mine".to_owned(), SettingValue::Bool(true))].into())].into();
    found_with(Some(ScriptSettings { general, own }), text)
}

fn found_with(settings: Option<ScriptSettings>, text: &str) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("shop.rhai"), text).expect("the folder is writable");
    let sessions = SessionNetworks::default().with_settings(settings);
    check_for(sessions, &[folder.path()]).findings.iter().map(shown).collect()
}

fn hook(code: &str) -> String {
    format!("fn on_message(msg) {{ {code} }}")
}

#[test]
fn a_setting_that_the_configuration_lacks_is_found() {
    for (code, expected) in [
        ("msg.reply(`${settings.limits}`);", " error unknown-setting: the configuration has no setting `limits`"),
        ("msg.reply(`${settings[\"limits\"]}`);", " error unknown-setting: the configuration has no setting `limits`"),
        ("if settings.colour == 1 { }", " warning unknown-setting: the configuration has no setting `colour`"),
        ("if settings.mine { }", " warning unknown-setting: the configuration has no setting `mine`"),
        ("settings.limit = 4;", " error constant: `settings.limit` cannot be set: the configuration sets it"),
        ("settings = 4;", " error constant: `settings` itself cannot be replaced"),
        (
            "let settings = 4; print(settings);",
            " error shadows-host: `settings` is the host's own name and would be hidden",
        ),
        ("if settings.limit == \"3\" { }", " warning comparison: an integer and a string are never equal"),
    ] {
        assert!(found(&hook(code)).iter().any(|found| found.ends_with(expected)), "{code}: {:?}", found(&hook(code)));
    }
    for code in [
        "msg.reply(`${settings.limit + settings.days[0]} ${settings.get(\"none\", 3)} ${\"none\" in settings}`);",
        "for name in settings.keys() { msg.reply(`${settings[name]}`); }",
    ] {
        assert_eq!(found(&hook(code)), [""; 0], "{code}");
    }
    // Where nothing is known of a configuration, any setting may be there.
    assert_eq!(found_with(None, &hook("if settings.mine == 1 { msg.reply(\"yes\"); }")), [""; 0]);
}

#[test]
fn what_a_secret_is_not_for_is_found() {
    for (code, expected) in [
        ("msg.reply(`my key is ${settings.key}`);", "secret: a secret cannot be put into a text"),
        ("msg.reply(\"my key is \" + settings.key);", "wrong-type: `+` does not work with a string and a secret"),
        ("if settings.key == msg.text { msg.reply(\"yes\"); }", "secret: a secret cannot be compared"),
        ("switch settings.key { \"x\" => msg.reply(\"yes\"), _ => () }", "secret: a secret cannot be compared"),
        ("msg.reply(settings.key.len);", "unknown-property: a secret has no property `len`"),
        ("state.key = settings.key;", "not-data: a secret cannot be kept in the state, which holds plain data"),
        ("store.set(\"key\", settings.key);", "not-data: a secret cannot be kept in the store, which holds plain data"),
    ] {
        let found = found(&hook(code));
        assert!(found.len() == 1 && found[0].contains(" error ") && found[0].ends_with(expected), "{code}: {found:?}");
    }
    let taken = "let answer = http_get(secret(\"https://a.test/\", settings.key), #{ headers: #{ A: settings.key } });
        http(#{ url: settings.key, method: \"POST\", bearer: settings.key, json: [settings.key] });
        http_post(settings.key, settings.key);
        print(settings.key);
        msg.reply(answer.body + hmac_sha256(settings.key, \"tea\"));";
    assert_eq!(found(&hook(taken)), [""; 0]);
}
