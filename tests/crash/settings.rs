//! Settings and secrets over a kill: a run goes on with the settings and the zone that it began with, and with the secrets of the
//! day; and nothing that Hotline writes down has a secret in it.

use std::fs;
use std::path::Path;

use crate::crash::scene::Scene;
use crate::site::Site;

const OLD: &str = "hush-of-yesterday";
const NEW: &str = "hush-of-today";

/// The secret goes out in a url, a query, a header, as a token, in a form and in a JSON body, and is shown where a script can
/// show it.
fn script(site: &Site) -> String {
    format!(
        r#"
const TOKEN = settings.key;
fn on_message(msg) {{
    print(settings.key);
    log_info([settings.key, settings.keys]);
    let form = http(#{{ url: "{url}/form", method: "POST", query: #{{ key: settings.key }}, form: #{{ key: settings.keys[0] }} }});
    let json = http_post("{url}/json", #{{ keys: settings.keys, item: msg.text }}, #{{ headers: #{{ "X-Key": settings.key }} }});
    try {{ msg.reply("my key is " + settings.key); }} catch (error) {{ log_info(error.message); }}
    let look = http(#{{ url: secret("{url}/bot", settings.key, "/look"), bearer: global::TOKEN }});
    let signature = hmac_sha256(settings.key, msg.text);
    msg.reply(`${{form.status}} ${{json.status}} ${{look.body}} ${{signature.len}}`);
    throw settings.key;
}}
"#,
        url = site.url("")
    )
}

/// A test that shows what it sees.
const FAILING: &str = r#"
fn test_tea() {
    let alice = person("alice");
    web.answers("SITE/*", "");
    alice.says("tea");
    assert_eq(web.expects("SITE/json").body, "");
}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_nowhere_but_in_the_request_and_a_new_one_breaks_no_waiting_run() {
    let site = Site::open().await;
    for (path, head) in [("/form?key=hush-of-yesterday", "201 Created"), ("/json", "202 Accepted")] {
        site.serves(path, head, b"");
    }
    let keys = "[http]\nallow = [\"127.0.0.1\"]\n[settings]\nkey = \"${HUSH}\"\nkeys = [\"${HUSH}\", \"plain\"]";
    let mut scene = Scene::new(keys, &script(&site)).await;
    let start = |scene: &mut Scene, secret: &str| {
        let variables = [("HUSH", secret), ("RUST_LOG", "trace")];
        scene.process = Some(scene.folder.start_given(&[], &variables));
    };
    start(&mut scene, OLD);
    scene.alice.says("tea").await;
    site.is_asked("/bothush-of-yesterday/look", 1).await;
    let sent = site.latest("/form?key=hush-of-yesterday");
    assert!(sent.ends_with("\nkey=hush-of-yesterday"), "{sent}");
    let sent = site.latest("/json");
    assert!(sent.contains("\nx-key: hush-of-yesterday\n"), "{sent}");
    assert!(sent.ends_with("\n{\"item\":\"tea\",\"keys\":[\"hush-of-yesterday\",\"plain\"]}"), "{sent}");
    scene.kill_in("http").await;

    start(&mut scene, NEW);
    site.is_asked("/bothush-of-today/look", 1).await;
    assert!(site.latest("/bothush-of-today/look").contains("\nauthorization: Bearer hush-of-today\n"));
    site.answers("/bothush-of-today/look", "seen");
    assert_eq!(scene.hears().await, "201 202 seen 64");
    scene.is_over().await;
    assert_eq!(site.bodies("/json").len(), 1, "what was answered is not sent again");

    let events = said(&scene, &["journal", "--json"]);
    let records: serde_json::Value = serde_json::from_str(&events).expect("it is JSON");
    let event = records[0]["id"].to_string();
    let shown = [said(&scene, &["trace", &event]), said(&scene, &["trace", &event, "--json"]), events.clone()].concat();
    assert!(shown.contains("/bot•••/look"), "{shown}");
    assert!(scene.folder.log().contains("•••"), "what is printed of a secret is a veil");
    scene.process.take().expect("it runs").end();

    scene.folder.save("bot_test.rhai", &FAILING.replace("SITE", &site.url("")));
    let tested = said(&scene, &["test"]);
    assert!(tested.contains(r#"came      "{\"item\":\"tea\",\"keys\":[\"•••\",\"plain\"]}""#), "{tested}");
    is_without_secrets(scene.folder.path(), &[shown, tested].concat());
    scene.end().await;
}

/// Everything in the folder, and what was shown of it.
fn is_without_secrets(folder: &Path, shown: &str) {
    let mut folders = vec![folder.to_owned()];
    let mut files = vec![("what is shown".to_owned(), shown.as_bytes().to_vec())];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the folder is ours") {
            let path = entry.expect("the entry is readable").path();
            match path.is_dir() {
                true => folders.push(path),
                false => files.push((path.display().to_string(), fs::read(&path).expect("the file is ours"))),
            }
        }
    }
    assert!(files.iter().any(|(name, _)| name.ends_with("hotline.db")), "the database is searched");
    for secret in [OLD, NEW] {
        let holds = |bytes: &[u8]| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        let found: Vec<_> = files.iter().filter(|(_, bytes)| holds(bytes)).map(|(name, _)| name).collect();
        assert!(found.is_empty(), "{secret} stands in {found:?}");
    }
}

/// What the binary prints.
fn said(scene: &Scene, arguments: &[&str]) -> String {
    let output = scene.folder.command(arguments).env("HUSH", NEW).output().expect("the binary starts");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_keeps_the_settings_and_the_zone_that_it_began_with_over_a_save_and_a_kill() {
    let script = r#"
fn shown() { `${settings.limit} ${date(0).hour}` }
fn on_message(msg) {
    if msg.text == "now" { msg.reply(shown()); return; }
    let before = shown();
    msg.ask("When?");
    msg.reply(`${before}, ${shown()}`);
}
"#;
    let keys = "timezone = \"Asia/Tokyo\"\n[settings]\nlimit = 3";
    let mut scene = Scene::new(keys, script).await;
    scene.start();
    scene.alice.says("order").await;
    assert_eq!(scene.hears().await, "When?");
    scene.folder.configure(|text| text.replace("Asia/Tokyo", "Asia/Bangkok").replace("limit = 3", "limit = 4"));
    scene.folder.logs("generation=2").await;
    scene.kill_in("ask").await;
    scene.start();
    scene.alice.says("later").await;
    assert_eq!(scene.hears().await, "3 9, 3 9");
    scene.alice.says("now").await;
    assert_eq!(scene.hears().await, "4 7");
    scene.is_over().await;
    scene.end().await;
}
