//! The configuration file, key by key. Every case is a file and what becomes of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;
use std::num::NonZeroU32;

use crate::language::settings::{SecretText, SettingValue};
use crate::session::MediaMode;

const THIRTY: NonZeroU32 = NonZeroU32::new(30).expect("not zero");
const FIVE: NonZeroU32 = NonZeroU32::new(5).expect("not zero");
use crate::session::{ChannelToken, ConnectVia, Credentials, ProxyKind, Secret};

fn parse(text: &str) -> Result<Config, ConfigError> {
    let env = |name: &str| match name {
        "HOTLINE_PASSWORD" => Some("open sesame".to_owned()),
        "TOKEN" => Some("t0ken".to_owned()),
        _ => None,
    };
    Config::parse(text, Path::new("bots/hotline.toml"), env)
}

fn good(text: &str) -> Config {
    parse(text).unwrap_or_else(|error| panic!("{error}"))
}

fn error(text: &str) -> String {
    parse(text).expect_err(text).to_string()
}

/// A session with these lines besides its gateway.
fn session(lines: &str) -> String {
    format!("[[session]]\ngateway = \"ws://127.0.0.1:1\"\n{lines}\n")
}

fn login(lines: &str) -> String {
    session(&format!("email = \"a@b\"\npassword = \"p\"\n{lines}"))
}

#[test]
fn the_owner_is_a_person_whom_a_session_can_reach() {
    let mid = format!("u{}", "0123456789abcdef".repeat(2));
    let at = |owner: &str| format!("owner = {owner}\n{}", login("name = \"main\""));
    let owner = |text: &str| good(&at(text)).owner;
    assert_eq!(owner(&format!("\"{mid}\"")), Some(BotOwner { mid: mid.clone(), session: None }));
    let named = owner(&format!("{{ mid = \"{mid}\", session = \"main\" }}"));
    assert_eq!(named, Some(BotOwner { mid: mid.clone(), session: Some("main".to_owned()) }));
    let on_line = mid.replacen('u', "U", 1);
    let refused = [
        "\"alice\"".to_owned(),
        "7".to_owned(),
        "{ session = \"main\" }".to_owned(),
        format!("{{ mid = \"{mid}\", session = \"mian\" }}"),
        format!("{{ mid = \"{mid}\", sesion = \"main\" }}"),
        format!("\"{on_line}\""),
    ];
    let refused = refused.map(|text| error(&at(&text))).join("\n");
    insta::assert_snapshot!(refused, @r#"
    bots/hotline.toml:1:9: "owner" is "alice", expected the mid of a person, which is u, on LINE U, and 32 hexadecimal digits
    bots/hotline.toml:1:9: "owner" is the integer 7, expected the mid of a person, or a table such as { mid = "u…", session = "main" }
    bots/hotline.toml:1:9: owner lacks "mid", expected the mid of a person, which is u, on LINE U, and 32 hexadecimal digits
    bots/hotline.toml:1:64: "session" is "mian", expected one of the sessions main; did you mean "main"?
    bots/hotline.toml:1:54: unknown key "sesion" in owner; did you mean "session"?
    bots/hotline.toml:1:9: "owner" is "U0123456789abcdef0123456789abcdef", expected a mid on the network of a session, which is the gateway: there it begins with u
    "#);
}

#[test]
fn the_documented_file_is_read_whole() {
    let config = good(
        r#"
scripts = ["scripts"]
data = "data"                       # hotline.db lives here
workers = 2                         # default: the cores
journal = "relaxed"                 # off, relaxed, strict
retention = "30d"
timezone = "Asia/Tokyo"
pacing = "gentle"
reload = "swap"

[limits]                            # the defaults
cpu = "1s"
reply = "30s"
ask = "10m"
call_depth = 64
string = "1 MiB"
array = 100_000
memory = "64 MiB"
calls = 10_000
grace = "5s"

[http]
allow = ["api.example.com"]

[console]
listen = "127.0.0.1:8765"

[[session]]
name = "main"
gateway = "ws://127.0.0.1:16089"
email = "bot@sandbox.test"
password = "${HOTLINE_PASSWORD}"
proxy = { type = "socks5", server = "127.0.0.1", port = 1080 }
connect_via = "socks5://127.0.0.1:1080"
media = "auto"
scripts = ["auto_reply"]
"#,
    );
    assert_eq!(config.scripts, [PathBuf::from("bots/scripts")]);
    assert_eq!(config.data, PathBuf::from("bots/data"));
    assert_eq!((config.workers, config.journal, config.reload), (Some(2), JournalMode::Relaxed, Reload::Swap));
    assert_eq!((config.pacing, config.limits), (Pacing::Gentle, Limits::default()));
    assert_eq!(
        (config.http_allow.as_slice(), config.console),
        (&["api.example.com".parse().expect("a host")][..], Some(DEFAULT_CONSOLE))
    );
    let [main] = config.sessions.as_slice() else { panic!("one session") };
    assert_eq!((main.name.as_str(), main.gateway.as_str()), ("main", "ws://127.0.0.1:16089/"));
    let password = Secret::new("open sesame");
    assert_eq!(main.login, Credentials::Email { email: "bot@sandbox.test".into(), password });
    let via =
        ConnectVia { kind: ProxyKind::Socks5, host: "127.0.0.1".into(), port: 1080, username: None, password: None };
    assert_eq!(main.connect_via, Some(via));
    assert_eq!(main.proxy.as_ref().map(|proxy| (proxy.kind, proxy.port)), Some((ProxyKind::Socks5, 1080)));
    assert_eq!((main.media, main.scripts.as_deref()), (MediaMode::Auto, Some(&["auto_reply".to_owned()][..])));
    assert_eq!(config.retention, Duration::from_secs(30 * 86_400));
    assert_eq!(config.timezone, "Asia/Tokyo".parse().ok());
    assert_eq!(config.without_effect, ["console.listen"]);
}

#[test]
fn an_empty_file_gives_the_defaults() {
    let config = good("");
    assert_eq!((config.scripts, config.data), (vec!["bots/scripts".into()], "bots/data".into()));
    assert_eq!((config.workers, config.journal, config.pacing), (None, JournalMode::Relaxed, Pacing::Gentle));
    assert_eq!((config.limits, config.console), (Limits::default(), Some(DEFAULT_CONSOLE)));
    assert!(config.sessions.is_empty() && config.without_effect.is_empty());
}

#[test]
fn limits_pacing_and_off_take_other_values() {
    let config = good(
        "journal = 'off'\npacing = { text = '30/min', group = '5/h' }\ndata = '/var/bots'\n\
         [limits]\ncpu = '250ms'\nask = '1h30m'\nmemory = 1000\ncalls = 5\ngrace = '1m'\n[console]\nlisten = 'off'",
    );
    assert_eq!(config.data, PathBuf::from("/var/bots"));
    assert_eq!((config.journal, config.console), (JournalMode::Off, None));
    assert_eq!((config.limits.cpu, config.limits.ask), (Duration::from_millis(250), Duration::from_secs(90 * 60)));
    assert_eq!((config.limits.memory, config.limits.calls, config.limits.array), (1000, 5, 100_000));
    assert_eq!(config.limits.grace, Duration::from_secs(60));
    let Pacing::Custom(rates) = config.pacing else { panic!("a table") };
    assert_eq!(rates[&Family::Text], Rate { count: THIRTY, per: Duration::from_secs(60) });
    assert_eq!(rates[&Family::Group], Rate { count: FIVE, per: Duration::from_secs(60 * 60) });
    assert_eq!(rates.len(), 2);
    assert!(config.without_effect.is_empty(), "off asks for nothing");
    assert_eq!(good("pacing = 'off'").pacing, Pacing::Off);
}

#[test]
fn an_unknown_key_is_named_with_its_place_and_the_closest_known_one() {
    for (text, expected) in [
        (
            "\nworker = 2",
            "bots/hotline.toml:2:1: unknown key \"worker\" in the configuration; did you mean \"workers\"?",
        ),
        ("zebra = 1", "bots/hotline.toml:1:1: unknown key \"zebra\" in the configuration"),
        ("[limits]\n  cpus = '1s'", "bots/hotline.toml:2:3: unknown key \"cpus\" in [limits]; did you mean \"cpu\"?"),
        ("[limit]\n", "bots/hotline.toml:1:2: unknown key \"limit\" in the configuration; did you mean \"limits\"?"),
        (
            "pacing = { texts = '1/s' }",
            "bots/hotline.toml:1:12: unknown key \"texts\" in pacing; did you mean \"text\"?",
        ),
    ] {
        assert_eq!(error(text), expected);
    }
    assert!(error(&login("é = 1\n")).contains("hotline.toml:"), "a bare key beyond ASCII is no TOML");
    assert!(
        error(&login("pasword = 'x'")).ends_with("unknown key \"pasword\" in [[session]]; did you mean \"password\"?")
    );
    assert!(error(&login("proxy = { kind = 'http' }")).contains("unknown key \"kind\" in proxy"));
}

#[test]
fn a_wrong_value_says_what_was_found_what_was_expected_and_where() {
    for (text, expected) in [
        ("workers = '2'", "1:11: \"workers\" is \"2\", expected a whole number above zero"),
        ("workers = 0", "\"workers\" is the integer 0, expected a whole number above zero"),
        ("workers = -1", "\"workers\" is the integer -1, expected a whole number above zero"),
        ("scripts = 'scripts'", "\"scripts\" is \"scripts\", expected an array of paths"),
        ("scripts = ['a', 5]", "1:17: \"scripts\" is the integer 5, expected a path"),
        ("data = ''", "\"data\" is \"\", expected a path"),
        ("journal = 'sometimes'", "\"journal\" is \"sometimes\", expected \"off\", \"relaxed\" or \"strict\""),
        (
            "timezone = 'Asia/Tokio'",
            "1:12: \"timezone\" is \"Asia/Tokio\", expected a time zone such as \"Asia/Tokyo\"; did you mean \"Asia/Tokyo\"?",
        ),
        ("timezone = 9", "\"timezone\" is the integer 9, expected a string"),
        ("reload = true", "\"reload\" is true, expected \"swap\""),
        ("pacing = 'fast'", "expected \"off\", \"gentle\" or a table such as"),
        ("pacing = { text = '30' }", "\"text\" is \"30\", expected a rate such as"),
        ("pacing = { text = '0/min' }", "\"text\" is \"0/min\", expected a rate such as"),
        ("limits = 5", "\"limits\" is the integer 5, expected a table [limits]"),
        ("[limits]\ncpu = 1", "2:7: \"cpu\" is the integer 1, expected a duration such as"),
        ("[limits]\ncpu = '0s'", "\"cpu\" is \"0s\", expected a duration above zero"),
        ("[limits]\nstring = '1 mile'", "\"string\" is \"1 mile\", expected a size above zero such as"),
        ("[limits]\narray = 1.5", "\"array\" is the number 1.5, expected a whole number above zero"),
        ("[http]\nallow = ['https://a.b/']", "expected a host name alone"),
        ("allow_hosts = 'a'", "expected an array of hosts"),
        ("allow_hosts = ['a:80']", "\"allow_hosts\" is \"a:80\", expected the name or address of a machine"),
        ("allow_origins = ['localhost']", "expected the origin of a web page, such as http"),
        (
            "[console]\nlisten = 'here'",
            "\"listen\" is \"here\", expected an address such as \"127.0.0.1:8765\", or \"off\"",
        ),
        ("[session]\nname = 'a'", "\"session\" is a table, expected [[session]]"),
        (
            "[[session]]\nnetwork = 'line'\nchannel_secret = 's'\nchannel_token = 't'\nname = '..'",
            "5:8: \"name\" is \"..\", expected a name that can be part of a url",
        ),
        ("data = 'x", "hotline.toml:1:"),
        ("a = 1\na = 2", "hotline.toml:2:1: duplicate key"),
    ] {
        let error = error(text);
        assert!(error.starts_with("bots/hotline.toml:") && error.contains(expected), "{error}");
    }
}

#[test]
fn an_unset_variable_is_named() {
    let unset = session("email = \"a@b\"\npassword = \"${NOT_SET}\"");
    assert_eq!(
        error(&unset),
        "bots/hotline.toml:4:12: \"password\" needs the environment variable NOT_SET, which is not set"
    );
    assert!(error("data = '${'").contains("without a name and \"}\""));
    assert!(error("data = '${a-b}'").contains("without a name and \"}\""));
    assert_eq!(good("data = '$${TOKEN}-${TOKEN}-$'").data, PathBuf::from("bots/${TOKEN}-t0ken-$"));
}

#[test]
fn a_session_logs_in_by_email_or_by_phone() {
    let token = good(&session("phone = '+8190'\nauth_token = '${TOKEN}'"));
    let auth_token = Secret::new("t0ken");
    assert_eq!(token.sessions[0].login, Credentials::Token { phone: "+8190".into(), auth_token });
    assert_eq!(token.sessions[0].name, "main");
    for (lines, expected) in [
        ("", "has neither \"email\" nor \"phone\""),
        ("email = 'a@b'\nphone = '+1'", "found both \"email\" and \"phone\""),
        ("email = 'a@b'", "[[session]] lacks \"password\", expected the account's password"),
        ("phone = '+1'", "[[session]] lacks \"auth_token\", expected the account's token"),
        ("email = 'a@b'\npassword = 'p'\nauth_token = 't'", "\"auth_token\" belongs to \"phone\""),
        ("email = 'a@b'\npassword = ''", "\"password\" is another string, expected the account's password"),
        ("phone = 81\nauth_token = 't'", "\"phone\" is the integer 81, expected a phone number as text"),
    ] {
        let error = error(&session(lines));
        assert!(error.contains(expected), "{error}");
    }
    let two = format!("{}{}", login("name = 'a'"), login("name = 'a'"));
    assert!(error(&two).contains("10:8: found two sessions named \"a\""), "{}", error(&two));
}

#[test]
fn a_gateway_is_a_websocket_url() {
    for gateway in ["http://a.b", "127.0.0.1:16089", "ws://", "ws://a b"] {
        let text = format!("[[session]]\ngateway = '{gateway}'\nemail = 'a'\npassword = 'b'");
        assert!(error(&text).contains("expected a url such as \"ws://127.0.0.1:16089\""), "{gateway}");
    }
    assert!(
        error("[[session]]\nemail = 'a'").contains("1:1: [[session]] lacks \"gateway\""),
        "{}",
        error("[[session]]\nemail = 'a'")
    );
}

#[test]
fn only_an_http_proxy_has_a_password() {
    let proxy = |fields: &str| login(&format!("proxy = {{ {fields} }}"));
    let plain = good(&proxy("type = 'http', server = 'p', port = 8080"));
    assert_eq!(plain.sessions[0].proxy.as_ref().map(|proxy| proxy.username.is_none()), Some(true));
    let full = good(&proxy("type = 'http', server = 'p', port = 8080, username = 'u', password = '${TOKEN}'"));
    let credentials = full.sessions[0].proxy.clone().map(|proxy| (proxy.username, proxy.password));
    assert_eq!(credentials, Some((Some("u".into()), Some(Secret::new("t0ken")))));
    for (fields, expected) in [
        (
            "type = 'socks5', server = 'p', port = 1, password = 'x'",
            "takes no user name or password for a socks5 proxy",
        ),
        ("type = 'http', server = 'p', port = 1, password = 'x'", "proxy lacks \"username\""),
        ("type = 'http', server = 'p', port = 1, username = 'x'", "proxy lacks \"password\""),
        ("type = 'socks4', server = 'p', port = 1", "\"type\" is \"socks4\", expected \"socks5\" or \"http\""),
        ("type = 'http', server = 'p', port = 70000", "expected a port from 1 to 65535"),
        ("type = 'http', port = 1", "proxy lacks \"server\""),
    ] {
        let error = error(&proxy(fields));
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn the_way_to_the_gateway_is_a_proxy_url() {
    let via = good(&login("connect_via = 'http://u:p%40ss@h:3128'")).sessions[0].connect_via.clone().expect("a proxy");
    assert_eq!((via.kind, via.host.as_str(), via.port), (ProxyKind::Http, "h", 3128));
    assert_eq!((via.username, via.password), (Some("u".into()), Some(Secret::new("p@ss"))));
    let error = error(&login("connect_via = 'ftp://u:secret@h'"));
    assert!(error.contains("expected a url such as \"socks5://") && !error.contains("secret"), "{error}");
}

#[test]
fn a_secret_is_never_printed() {
    let config = good(&login("proxy = { type = 'http', server = 'p', port = 1, username = 'u', password = 'hush' }"));
    let printed = format!("{config:?}");
    assert!(printed.contains("***") && !printed.contains("hush"), "{printed}");
}

#[test]
fn a_session_on_line_has_a_channel() {
    let config = good(
        "[webhook]\nlisten = '0.0.0.0:80'\npublic_url = 'https://bot.example.com/line'\n\
         [[session]]\nname = 'shop'\nnetwork = 'line'\nchannel_secret = '${HOTLINE_PASSWORD}'\nchannel_token = 'token'\n\
         [[session]]\nname = 'test'\nnetwork = 'line'\nchannel_secret = 's'\nchannel_id = '16'\napi = 'http://127.0.0.1:16090'\n",
    );
    let [shop, test] = config.sessions.as_slice() else { panic!("two sessions") };
    assert_eq!((shop.network().name, shop.gateway.as_str()), ("line", "https://api.line.me/"));
    let secret = Secret::new("open sesame");
    assert_eq!(shop.login, Credentials::channel(secret, ChannelToken::Given(Secret::new("token"))));
    assert!(!shop.login.account().contains("sesame"), "{}", shop.login.account());
    assert_eq!(test.gateway.as_str(), "http://127.0.0.1:16090/");
    let issued = ChannelToken::Issued { channel_id: "16".into() };
    assert_eq!(test.login, Credentials::channel(Secret::new("s"), issued));
    let url = config.webhook.url(DEFAULT_WEBHOOK);
    assert_eq!((config.webhook.listen.port(), url.as_str()), (80, "https://bot.example.com/line/"));
    assert_eq!(good("").webhook.url(DEFAULT_WEBHOOK).as_str(), "http://127.0.0.1:8766/");
    // What paces the gateway's accounts by itself would slow this one for nothing.
    let paced =
        |text: &str| good(&format!("{text}[[session]]\nnetwork = 'line'\nchannel_secret = 's'\nchannel_token = 't'"));
    let pacing = |config: &Config| config.sessions[0].settings(&config.limits, &config.pacing, None).pacing;
    assert_eq!(pacing(&paced("")), Pacing::Eager);
    assert_eq!(pacing(&paced("pacing = 'off'\n")), Pacing::Off);
    assert!(matches!(pacing(&paced("pacing = { text = '5/s' }\n")), Pacing::Custom(rates) if rates.len() == 1));
}

#[test]
fn the_keys_of_one_network_are_not_those_of_another() {
    let line = |keys: &str| error(&format!("[[session]]\nnetwork = 'line'\n{keys}"));
    for (found, expected) in [
        (
            line("gateway = 'ws://127.0.0.1:1'"),
            "\"gateway\" belongs to a session with network = \"gateway\"; this one is on \"line\"",
        ),
        (
            error(&login("channel_secret = 's'")),
            "\"channel_secret\" belongs to a session with network = \"line\"; this one is on \"gateway\"",
        ),
        (line("channel_token = 't'"), "channel_secret"),
        (line("channel_secret = 's'"), "or \"channel_id\", and tokens are issued by themselves"),
        (
            line("channel_secret = 's'\nchannel_token = \"t\\r\""),
            "\"channel_token\" is another string, expected a channel access token, best as \"${NAME}\", without blanks around it",
        ),
        (
            line("channel_secret = 's'\nchannel_token = 't'\nchannel_id = '1'"),
            "found both \"channel_token\" and \"channel_id\", expected one",
        ),
        (
            line("channel_secret = 's'\nchannel_token = 't'\napi = 'ws://x'"),
            "expected a base url such as \"http://127.0.0.1:16090\"",
        ),
        (error("[[session]]\nnetwork = 'lime'"), "\"gateway\" or \"line\""),
        (error("[webhook]\nlisten = 'everywhere'"), "expected an address such as \"127.0.0.1:8766\""),
        (
            error("[webhook]\npublic_url = 'bot.example.com'"),
            "expected the url under which the world finds the webhooks",
        ),
        (error("[webhook]\nlistens = '127.0.0.1:1'"), "did you mean \"listen\"?"),
    ] {
        assert!(found.contains(expected), "{found}\n{expected}");
    }
}

#[test]
fn settings_are_any_values_and_what_comes_from_the_environment_is_a_secret() {
    let text = "[settings]\nlimit = -3\nhex = 0x1F\nratio = 0.5\nopen = true\nday = 2026-03-29T09:00:00\nkey = \"${API_KEY}\"\n\
                header = \"Bearer ${API_KEY}\"\nprice = \"$${5}\"\n[settings.shop]\nlimit = 7\ncities = [\"Osaka\", [\"${API_KEY}\"]]\n\
                [settings.shop.prices]\ntea = 3\n";
    let env = |name: &str| (name == "API_KEY").then(|| "hush".to_owned());
    let config = Config::parse(text, Path::new("hotline.toml"), env).expect("it is in order");
    let secret = |text: &str| SettingValue::Secret(SecretText::new(text));
    let general = config.settings.of("other");
    for (name, expected) in [
        ("limit", SettingValue::Integer(-3)),
        ("hex", SettingValue::Integer(31)),
        ("ratio", SettingValue::Float(0.5)),
        ("open", SettingValue::Bool(true)),
        ("day", SettingValue::Text("2026-03-29T09:00:00".to_owned())),
        ("key", secret("hush")),
        ("header", secret("Bearer hush")),
        ("price", SettingValue::Text("${5}".to_owned())),
    ] {
        assert_eq!(general[name], expected, "{name}");
    }
    assert_eq!(general.len(), 8);
    let own = config.settings.of("shop");
    assert_eq!((&own["limit"], &own["ratio"]), (&SettingValue::Integer(7), &SettingValue::Float(0.5)));
    let cities = [SettingValue::Text("Osaka".to_owned()), SettingValue::List(vec![secret("hush")])];
    assert_eq!(own["cities"], SettingValue::List(cities.into()));
    assert_eq!(own["prices"], SettingValue::Table([("tea".to_owned(), SettingValue::Integer(3))].into()));
    assert!(!format!("{config:?}").contains("hush"));
}

#[test]
fn a_setting_that_cannot_be_read_is_named_with_its_place() {
    for (text, expected) in [
        ("settings = 3", "1:12: \"settings\" is the integer 3, expected a table [settings]"),
        ("[settings]\nkey = \"${NONE}\"", "2:7: \"key\" needs the environment variable NONE, which is not set"),
        ("[settings]\nkeys = [\"${\"]", "2:9: \"keys\" holds \"${\" without a name"),
        ("[settings]\nratio = nan", "2:9: \"ratio\" is the number nan, expected a number that is finite"),
        (
            "[settings]\nlimit = 99999999999999999999",
            "2:9: \"limit\" is the integer 99999999999999999999, expected a whole number of 64 bits",
        ),
    ] {
        let error = Config::parse(text, Path::new("hotline.toml"), |_| None).expect_err(text).to_string();
        assert!(error.contains(expected), "{error}");
    }
}
