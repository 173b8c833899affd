//! What a bot sends, judged by others: LINE's description of its API, with npm's Prism, and the models of LINE's own SDK.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hotline::protocol::line::{AnswerKind, ApiOperation, BodyKind, OPERATIONS};
use serde_json::{Map, Value, json};

use crate::crash::bot::Folder;
use crate::description::{self, Operation, Page, object};
use crate::line::relay::{Passed, Relay};
use crate::line::scene::Scene;
use crate::packages;
use crate::port::port;

/// How long a program that must start is waited for; reached only when a test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// Prism, which answers as LINE describes its API, and finds fault with requests.
struct Prism {
    process: Child,
    url: String,
}

impl Prism {
    async fn start(description: &Path) -> Self {
        let port = port();
        let mut command = Command::new("node");
        command.current_dir(packages::node().await).args(["node_modules/.bin/prism", "mock", "--errors"]);
        command.args(["--host", "127.0.0.1", "--port", &port.to_string()]).arg(description);
        let mut process = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let lines = BufReader::new(process.stdout.take().expect("it is piped")).lines();
        let prism = Self { process, url: format!("http://127.0.0.1:{port}") };
        let (told, listens) = tokio::sync::oneshot::channel();
        // Its log is read to the end, so that it never waits for a reader.
        std::thread::spawn(move || {
            let mut told = Some(told);
            for line in lines.map_while(Result::ok) {
                if line.contains("Prism is listening") {
                    told.take().map(|told| told.send(()));
                }
            }
        });
        tokio::time::timeout(PATIENCE, listens).await.expect("it starts in time").expect("it starts");
        prism
    }
}

impl Drop for Prism {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A value that a schema describes, with everything that is optional.
fn sample(page: &Page, schema: &Value) -> Value {
    let schema = page.resolved(schema);
    if let Some(first) = schema["enum"].as_array().and_then(|all| all.first()) {
        return first.clone();
    }
    let least = |name: &str| schema[name].as_u64().unwrap_or(1).max(1);
    match schema["type"].as_str() {
        Some("string") => match (schema["format"].as_str(), schema["pattern"].as_str()) {
            (Some("uuid"), _) => json!("123e4567-e89b-12d3-a456-426614174000"),
            (Some("uri"), _) => json!("https://bot.example/x"),
            (Some("^[0-9]{8}$"), _) | (_, Some("^[0-9]{8}$")) => json!("20260115"),
            (_, Some(_)) => json!("a_1"),
            // A header has letters of ASCII alone; elsewhere, what has to be escaped in a url.
            _ if least("minLength") > 1 => json!("a tag with many letters"),
            _ => json!("x y/ä"),
        },
        Some("boolean") => json!(true),
        Some("integer") => json!(least("minimum")),
        Some("number") => json!(1.5),
        Some("array") => (0..least("minItems")).map(|_| sample(page, &schema["items"])).collect(),
        _ => {
            let mut fields: Map<_, _> = object(&schema["properties"])
                .iter()
                .map(|(name, schema)| (name.clone(), sample(page, schema)))
                .collect();
            // What it is stands in one of its fields.
            let kinds = object(&schema["discriminator"]["mapping"]).keys().next();
            if let (Some(field), Some(kind)) = (schema["discriminator"]["propertyName"].as_str(), kinds) {
                fields.insert(field.to_owned(), json!(kind));
            }
            Value::Object(fields)
        }
    }
}

/// A value as a script has it.
fn written(value: &Value) -> String {
    match value {
        Value::Object(entries) => {
            let entry = |(name, value): (&String, &Value)| format!("{}: {}", json!(name), written(value));
            format!("#{{ {} }}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(written).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// Whether an operation carries bytes, of which Prism makes texts.
fn is_binary(row: &ApiOperation) -> bool {
    row.body == BodyKind::File || row.answer == AnswerKind::File
}

#[tokio::test]
async fn every_request_is_as_line_describes_it() {
    let Some(description) = description::folder().filter(|_| packages::are_there()) else { return };
    let description = description.join("messaging-api.yml");
    let page = Page::read(&description);
    let prism = Prism::start(&description).await;
    let (relay, api) = Relay::listen(prism.url.clone()).await;
    let operations = page.operations();
    let mut calls = String::new();
    for row in OPERATIONS.iter().filter(|row| !is_binary(row)) {
        let fields = page.fields(&operations[row.command.name]);
        for is_full in [true, false] {
            let given = fields.iter().filter(|(_, (_, required))| is_full || *required);
            let given: Map<_, _> =
                given.map(|(name, (schema, _))| ((*name).to_owned(), sample(&page, schema))).collect();
            let call = if given.is_empty() { String::new() } else { written(&Value::Object(given)) };
            calls.push_str(&format!(
                "    try {{ {}({call}); }} catch (e) {{ log_info(`refused: ${{e}}`); }}\n",
                row.command.call_name()
            ));
        }
    }
    let folder = Folder::new(&format!(
        "[webhook]\nlisten = \"127.0.0.1:0\"\n[[session]]\nnetwork = \"line\"\nchannel_secret = \"secret\"\n\
         channel_token = \"token\"\napi = \"{api}\"\n"
    ));
    folder.save("bot.rhai", &format!("fn on_start() {{\n{calls}    log_info(\"all is asked\");\n}}\n"));
    let process = folder.start();
    folder.logs("all is asked").await;
    process.end();
    let passed = relay.passed();
    for Passed { method, target, body, status, violations } in &passed {
        let body = String::from_utf8_lossy(body);
        assert!(status.is_success() && violations.is_none(), "{method} {target} {body}: {status} {violations:?}");
    }
    for row in OPERATIONS.iter().filter(|row| !is_binary(row)) {
        let is_of = |passed: &&Passed| {
            let path = passed.target.split('?').next().unwrap_or_default();
            ApiOperation::at(&passed.method, path).is_some_and(|(of, _)| of.command.name == row.command.name)
        };
        let Operation { method, path, .. } = &operations[row.command.name];
        let count = passed.iter().filter(is_of).count();
        assert!(count >= 2, "{count} times {} {path}:\n{}", method.name(), folder.log());
    }
}

#[tokio::test]
async fn a_token_is_asked_for_as_line_describes_it() {
    let Some(description) = description::folder().filter(|_| packages::are_there()) else { return };
    let prism = Prism::start(&description.join("channel-access-token.yml")).await;
    let (relay, api) = Relay::listen(prism.url.clone()).await;
    let folder = Folder::new(&format!(
        "[webhook]\nlisten = \"127.0.0.1:0\"\n[[session]]\nnetwork = \"line\"\nchannel_secret = \"sécret & more\"\n\
         channel_id = \"1234567890\"\napi = \"{api}\"\n"
    ));
    folder.save("bot.rhai", "");
    let process = folder.start();
    let asked = relay.first().await;
    process.end();
    assert_eq!((asked.method.as_str(), asked.target.as_str()), ("POST", "/oauth2/v3/token"));
    assert!(asked.status.is_success() && asked.violations.is_none(), "{:?}", asked);
}

/// Everything that a bot writes into a message by itself.
const OWN: &str = r#"
    msg.reply("äöü 😀\n\"quoted\"");
    msg.reply(["one", "two", #{ type: "sticker", packageId: "446", stickerId: "1988" }]);
    let long = "";
    for i in 0..4_000 { long += "word "; }
    msg.reply(long);
    send_image(msg.chat, "a picture.png");
    send_video(msg.chat, "film.mp4", 5_000);
    send_audio(msg.chat, "meow.m4a", 1_200);
    send_location(msg.chat, "Tea house", "1 Tea Street", 35.5, 139);
    let size = msg.ask("Which size?", #{ choices: ["Small", "Large \"L\""] });
    send_text(msg.chat, size.text);
"#;

#[tokio::test]
async fn every_message_is_known_in_full_to_the_models_of_the_sdk() {
    if !packages::are_there() {
        return;
    }
    let examples: Vec<_> = OPERATIONS.iter().filter_map(|row| Some((row, row.command.example.as_ref()?))).collect();
    let mut script = format!("fn own(msg) {{{OWN}}}\n");
    let mut calls = String::new();
    for (row, example) in examples {
        let name = row.command.function;
        script.push_str(&format!("fn of_{name}(msg) {{\n{}\n}}\n", example.code()));
        calls.push_str(&format!("    try {{ of_{name}(msg); }} catch (e) {{ log_info(`{name}: ${{e}}`); }}\n"));
    }
    script.push_str(&format!(
        "fn on_message(msg) {{\n    store.set(\"fans\", [msg.sender.mid]);\n    own(msg);\n{calls}    \
         log_info(\"all is sent\");\n}}\nfn on_error(error) {{ log_error(error.card); }}\n"
    ));
    let (relay, mut scene) = Scene::behind_relay(&script).await;
    for file in ["a picture.png", "film.mp4", "film.mp4.jpg", "meow.m4a"] {
        std::fs::write(scene.folder.path().join(file), "bytes").expect("the folder is ours");
    }
    scene.says("all");
    while scene.hears().await != "Which size?" {}
    scene.says("large \"l\"");
    scene.folder.logs("all is sent").await;
    let bodies: Vec<_> = relay.passed().iter().map(Passed::json).collect();
    let messages: Vec<_> = bodies.iter().filter_map(|body| body["messages"].as_array()).flatten().collect();
    let menus: Vec<_> = bodies.iter().filter(|body| body["areas"].is_array()).collect();
    let kinds: BTreeSet<_> = messages.iter().filter_map(|message| message["type"].as_str()).collect();
    assert_eq!(
        kinds,
        BTreeSet::from(["audio", "image", "location", "sticker", "text", "video"]),
        "{}",
        scene.folder.log()
    );
    assert!(messages.iter().any(|message| message["quickReply"]["items"].is_array()) && menus.len() == 1);
    let all = [("Message", messages), ("RichMenuRequest", menus)].into_iter();
    let lines = all.flat_map(|(model, found)| found.into_iter().map(move |one| format!("{}\n", json!([model, one]))));
    let lines: String = lines.collect();
    let mut command = Command::new(packages::python().await);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/line/models.py"));
    let count = lines.lines().count();
    assert_eq!(packages::run(command, lines.into_bytes()).await.trim(), count.to_string());
    scene.end().await;
}
