//! What `check` says where it knows which networks a script's sessions are on.

use std::fs;
use std::path::Path;

use hotline::language::check::SessionNetworks;
use hotline::language::diagnostic::{CardStyle, Severity};
use hotline::protocol::{GATEWAY, LINE, Network};

use crate::check::{check_for, corpus, shown};

/// One session on each of these networks, which runs all scripts.
fn on(networks: &[&'static Network]) -> SessionNetworks {
    networks.iter().map(|network| (None, *network)).collect()
}

/// What is found in files for these sessions.
#[track_caller]
fn found(sessions: &SessionNetworks, files: &[(&str, &str)]) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().expect("it lies in a folder")).expect("the folder is writable");
        fs::write(file, text).expect("the folder is writable");
    }
    check_for(sessions.clone(), &[folder.path()]).findings.iter().map(shown).collect()
}

fn found_in(networks: &[&'static Network], text: &str) -> Vec<String> {
    found(&on(networks), &[("script.rhai", text)])
}

const TEN_LINES: &str = r#"fn on_invite(invite) {
    invite.accept();
    send_text(invite.group_id, `Hello, I am ${get_profile().displayName}.`);
}

fn on_message(msg) {
    if msg.text == "ping" { msg.reply("pong"); }
}
"#;

const NOTE: &str = "1:4 note silent-hook: `on_invite` is never called on LINE's Messaging API";

#[test]
fn a_hook_that_is_never_called_is_a_note_and_its_body_is_left_alone() {
    assert_eq!(found_in(&[&LINE], TEN_LINES), [NOTE]);
    for networks in [&[][..], &[&GATEWAY], &[&GATEWAY, &LINE]] {
        assert!(found_in(networks, TEN_LINES).is_empty());
    }
    let postback = "fn on_postback(event) { line::push_message(event.chat, []); }";
    let note = "1:4 note silent-hook: `on_postback` is never called on the gateway";
    assert_eq!(found_in(&[&GATEWAY], postback), [note]);
    assert!(found_in(&[&LINE], postback).is_empty());
}

#[test]
fn what_is_called_from_such_a_hook_alone_is_left_alone_too() {
    let helpers = r#"fn on_invite(invite) { consider(invite.group_id); after("1h", "join", [invite.group_id]); }
fn consider(group) { if random() < 0.5 { [1].for_each(|| join(group)); } }
fn join(group) { accept_group_invitation(group); }
"#;
    assert_eq!(found_in(&[&LINE], helpers), [NOTE]);
    let also = format!("{helpers}fn on_join(event) {{ join(event.group_id); }}\n");
    let lacking =
        "3:18 error other-network: `accept_group_invitation` is not to be had on LINE's Messaging API".to_owned();
    assert_eq!(found_in(&[&LINE], &also), [NOTE.to_owned(), lacking.clone()]);
    let at_the_top = format!("{helpers}every(\"1h\", \"join\", [\"c1\"]);\n");
    assert_eq!(found_in(&[&LINE], &at_the_top), [NOTE.to_owned(), lacking]);
}

#[test]
fn a_module_may_be_called_from_such_a_hook() {
    let script = "import \"lib/groups\" as groups;\nfn on_invite(invite) { groups::join(invite.group_id); }";
    let module = ("lib/groups.rhai", "fn join(group) { accept_group_invitation(group); }");
    let note = NOTE.replacen("1:", "2:", 1);
    assert_eq!(found(&on(&[&LINE]), &[("script.rhai", script), module]), [note]);
    let script = script.replace("on_invite(invite)", "on_join(invite)");
    let lacking = "1:18 error other-network: `accept_group_invitation` is not to be had on LINE's Messaging API";
    assert_eq!(found(&on(&[&LINE]), &[("script.rhai", &script), module]), [lacking]);
}

#[test]
fn a_function_that_no_session_has_is_an_error_and_one_that_some_lack_a_warning() {
    let create = "fn on_message(msg) { create_group(\"tea\", [msg.sender.mid]); command(\"GetSettings\"); }";
    let place = |severity: &str| {
        [("1:22", "create_group"), ("1:69", "get_settings")].map(|(place, function)| {
            format!("{place} {severity} other-network: `{function}` is not to be had on LINE's Messaging API")
        })
    };
    assert_eq!(found_in(&[&LINE], create), place("error"));
    assert_eq!(found_in(&[&LINE, &GATEWAY], create), place("warning"));
    assert!(found_in(&[&GATEWAY], create).is_empty());
    let push = "fn on_message(msg) { line::push_message(msg.chat, []); command(\"getBotInfo\"); }";
    let line = |severity: &str, on: &str| {
        [("1:28", "push_message"), ("1:64", "get_bot_info")].map(|(place, function)| {
            format!("{place} {severity} other-network: `line::{function}` is LINE's Messaging API's, and {on} on it")
        })
    };
    assert_eq!(found_in(&[&GATEWAY], push), line("error", "no session of this script is"));
    assert_eq!(found_in(&[&LINE, &GATEWAY], push), line("warning", "not every session of this script is"));
    assert!(found_in(&[&LINE], push).is_empty());
}

#[test]
fn a_handle_may_be_for_any_session() {
    let text = "fn on_message(msg) { session(\"shop\").command(\"getBotInfo\"); session(\"home\").get_settings(); }";
    assert!(found_in(&[&LINE, &GATEWAY], text).is_empty());
    assert_eq!(found_in(&[&LINE], text).len(), 1);
    assert_eq!(found_in(&[&GATEWAY], text).len(), 1);
}

#[test]
fn a_script_s_sessions_are_those_that_run_it() {
    let text = "fn on_message(msg) { get_settings(); }";
    let sessions: SessionNetworks =
        [(Some(vec!["home".to_owned()]), &GATEWAY), (Some(vec!["shop".to_owned()]), &LINE)].into_iter().collect();
    let files = [("home.rhai", text), ("shop.rhai", text), ("other.rhai", text)];
    let lacking = "1:22 error other-network: `get_settings` is not to be had on LINE's Messaging API";
    assert_eq!(found(&sessions, &files), [lacking]);
}

#[test]
fn the_scripts_that_come_with_hotline_bring_no_error_on_any_network() {
    for networks in [&[&GATEWAY][..], &[&LINE], &[&GATEWAY, &LINE]] {
        let report = check_for(on(networks), &[Path::new("scripts"), Path::new("stdlib")]);
        let cards: Vec<_> =
            report.findings.iter().filter(|found| found.severity != Severity::Note).map(shown).collect();
        assert!(report.files >= 5 && cards.is_empty(), "{cards:#?}");
    }
}

#[test]
fn the_cards_say_what_there_is_instead() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("script.rhai");
    let text = format!("{TEN_LINES}\nfn on_start() {{ create_group(\"tea\", []); line::broadcast([]); }}\n");
    fs::write(&script, text).expect("the folder is writable");
    let cards = |networks: &[&'static Network]| {
        let report = check_for(on(networks), &[&script]);
        let cards: Vec<_> = report.findings.iter().map(|finding| finding.card(CardStyle::PLAIN)).collect();
        cards.join("\n").replace(&script.display().to_string(), "script.rhai")
    };
    let all = [cards(&[&LINE]), cards(&[&GATEWAY]), cards(&[&GATEWAY, &LINE])].join("\n---\n\n");
    corpus::settings().bind(|| insta::assert_snapshot!("networks", all));
}

#[test]
fn sessions_and_hosts_are_those_of_the_configuration() {
    let hosts = ["api.example.com", "localhost:8080"].map(|host| host.parse().expect("a host"));
    let configured =
        on(&[&GATEWAY]).with_names(["shop".to_owned(), "main".to_owned()]).with_hosts(Some(hosts.to_vec()));
    let with = |lines: &str| {
        format!("const API = \"https://api.exmple.com/v1\";\nfn on_start() {{ log_info(global::API); {lines} }}")
    };
    for (lines, expected) in [
        ("session(\"shpo\");", "error unknown-session: the configuration has no session \"shpo\""),
        ("session(\"elsewhere\");", "warning unknown-session: the configuration has no session \"elsewhere\""),
        (
            "http_get(\"http://localhost:8081/x\");",
            "warning host-not-allowed: localhost:8081 is not among the hosts that the configuration allows",
        ),
        (
            "http_post(`${global::API}/orders`, 1);",
            "warning host-not-allowed: api.exmple.com is not among the hosts that the configuration allows",
        ),
        (
            "http(#{ url: `https://api.exmple.com/${now()}` });",
            "warning host-not-allowed: api.exmple.com is not among the hosts that the configuration allows",
        ),
    ] {
        let found = found(&configured, &[("script.rhai", &with(lines))]);
        assert!(matches!(found.as_slice(), [only] if only.ends_with(expected)), "{lines}\n{found:#?}");
    }
    let in_order = "session(\"shop\"); http_get(\"https://api.example.com/x\"); http_get(`https://${now()}.example.com`); \
                    http(#{ url: `http://localhost:8080${global::API}` });";
    assert!(found(&configured, &[("script.rhai", &with(in_order))]).is_empty());
    let anything = "session(\"shpo\"); http_get(global::API);";
    assert!(found(&SessionNetworks::default(), &[("script.rhai", &with(anything))]).is_empty());
}
