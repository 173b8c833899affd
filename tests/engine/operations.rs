//! Every operation of LINE as a function: its fields go where LINE expects them, in order or as a map.

use std::fs;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use hotline::host::Host;
use hotline::host::RunOptions;
use hotline::host::config::{Config, Session};
use hotline::protocol::line::{ApiOperation, BodyKind, OPERATIONS, request};
use hotline::protocol::{Field, FieldKind, Presence};
use hotline::session::{ChannelToken, Credentials, MediaMode, Secret};
use serde_json::{Map, Value, json};
use tokio::sync::Notify;

use crate::support::{Setup, soon};

/// The headers that LINE reads, with the fields that are some at the end, and those that say how a body comes.
const HEADERS: [&str; 8] = [
    "authorization",
    "content-encoding",
    "content-length",
    "content-type",
    "transfer-encoding",
    "user-agent",
    "x-line-delivery-tag",
    "x-line-retry-key",
];
/// What a file holds that is uploaded: no text.
const FILE: &[u8] = b"\x89PNG\r\n\x1a\n\0\xff";

/// Where LINE has accepted to prepare a file.
const BEING_PREPARED: &str = "/v2/bot/message/7/content";
/// Where LINE sends whoever asks elsewhere.
const MOVED: &str = "/v2/bot/profile/moved";

/// A request as it came: method, path and query, headers, body.
#[derive(Clone, Debug, PartialEq)]
struct Came {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// What LINE is here: it takes everything, and gives nothing.
#[derive(Clone, Default)]
struct Line {
    came: Arc<Mutex<Vec<Came>>>,
    over: Arc<Notify>,
}

impl Line {
    /// Serves; gives the base url.
    async fn listen(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let routes = Router::new().fallback(take).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        format!("http://{address}")
    }
}

async fn take(State(line): State<Line>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let own = |name: &str| Some((name.to_owned(), headers.get(name)?.to_str().ok()?.to_owned()));
    let target = uri.to_string();
    if target == "/v2/bot/profile/END" {
        line.over.notify_one();
    }
    line.came.lock().expect("nobody panics").push(Came {
        method: method.to_string(),
        headers: HEADERS.iter().filter_map(|name| own(name)).collect(),
        body: body.to_vec(),
        target: target.clone(),
    });
    if target == BEING_PREPARED {
        return StatusCode::ACCEPTED.into_response();
    }
    if target == MOVED {
        return (StatusCode::FOUND, [(header::LOCATION, "/v2/bot/info")]).into_response();
    }
    let answer = json!({ "userId": "U1", "displayName": "shop", "endpoint": "https://bot.test", "active": true });
    ([(header::CONTENT_TYPE, "application/json")], answer.to_string()).into_response()
}

/// Whether the session does this by itself: it looks after where its webhooks go, and how much can be sent.
fn is_own(came: &Came) -> bool {
    match came.target.as_str() {
        "/v2/bot/channel/webhook/endpoint" => {
            came.body.is_empty() || String::from_utf8_lossy(&came.body).contains("/webhook/shop")
        }
        target => target.starts_with("/v2/bot/message/quota"),
    }
}

/// What came of a script's calls.
async fn came(calls: &[String]) -> Vec<Came> {
    let line = Line::default();
    let api = line.listen().await;
    let body: String = calls.iter().map(|call| format!("    {call};\n")).collect();
    let script =
        format!("fn on_start() {{\n    line::get_profile(\"BEGIN\");\n{body}    line::get_profile(\"END\");\n}}\n");
    let setup = Setup::new().script("bot", script);
    let files = setup.scripts();
    fs::write(files.join("menu.png"), FILE).expect("the folder is ours");
    let RunOptions { config, .. } = setup.options(&[]);
    let session = Session {
        name: "shop".to_owned(),
        gateway: api.parse().expect("a url"),
        login: Credentials::channel(Secret::new("secret"), ChannelToken::Given(Secret::new("token"))),
        proxy: None,
        connect_via: None,
        root: None,
        media: MediaMode::default(),
        scripts: None,
    };
    let mut config = Config { sessions: vec![session], files: vec![files], ..config };
    config.webhook.listen = "127.0.0.1:0".parse().expect("an address");
    let options = RunOptions { config, ..setup.options(&[]) };
    let host = Host::start(options).await.expect("the engine starts");
    soon("the last call", line.over.notified()).await;
    soon("the engine to stop", host.stop()).await.expect("the disk takes writes");
    let all = line.came.lock().expect("nobody panics");
    let at = |id: &str| all.iter().position(|came| came.target == format!("/v2/bot/profile/{id}")).expect("it came");
    all[at("BEGIN") + 1..at("END")].to_vec()
}

fn value(row: &ApiOperation, field: &Field) -> Value {
    match (field.name, field.kind) {
        ("path", _) if row.body == BodyKind::File => json!("menu.png"),
        ("path", _) => json!("fetched"),
        ("retryKey" | "deliveryTag", _) => json!("a-key"),
        (_, FieldKind::Str) => json!("x y/ä"),
        (_, FieldKind::Bool) => json!(true),
        (_, FieldKind::Int) => json!(5),
        (_, FieldKind::Float) => json!(1.5),
        (_, FieldKind::List) => json!(["a", "b"]),
        (_, FieldKind::Map) => json!({ "type": "normal" }),
        (_, FieldKind::Maps) => json!([{ "type": "text", "text": "hi" }]),
    }
}

/// A value as a script has it.
fn written(value: &Value) -> String {
    match value {
        Value::Object(entries) => {
            let entries: Vec<_> = entries.iter().map(|(name, value)| format!("{name}: {}", written(value))).collect();
            format!("#{{ {} }}", entries.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(written).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// The request that an operation is with these fields.
fn expected(row: &'static ApiOperation, fields: &Map<String, Value>) -> Came {
    let request = request(row, fields).expect("the fields are those of the row");
    let kind = match row.body {
        BodyKind::Nothing => None,
        BodyKind::Json => Some("application/json"),
        BodyKind::File => Some("image/png"),
    };
    let body = if row.body == BodyKind::File { FILE.to_vec() } else { request.body.unwrap_or_default().into_bytes() };
    let length = (request.method != hotline::protocol::line::Method::Get).then(|| body.len().to_string());
    let general = [
        ("authorization", Some("Bearer token".to_owned())),
        ("content-length", length),
        ("content-type", kind.map(str::to_owned)),
        ("user-agent", Some(concat!("hotline/", env!("CARGO_PKG_VERSION")).to_owned())),
    ];
    let general = general.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let own = request.headers.into_iter().map(|(name, value)| (name.to_lowercase(), value));
    let mut headers: Vec<_> = general.chain(own).collect();
    headers.sort();
    Came { method: request.method.name().to_owned(), target: request.target, headers, body }
}

/// Checks that each operation came as it is with the fields that it has, in order; `seen` is what of a request is compared.
async fn assert_came(
    fields: impl Fn(&ApiOperation) -> Map<String, Value>,
    call: impl Fn(&ApiOperation) -> String,
    seen: impl Fn(&'static ApiOperation, Came) -> Came,
) {
    let mut came = came(&OPERATIONS.iter().map(call).collect::<Vec<_>>()).await.into_iter();
    for row in OPERATIONS {
        let expected = seen(row, expected(row, &fields(row)));
        let mut next = came.next();
        while next.as_ref().is_some_and(|came| is_own(came) && *came != expected) {
            next = came.next();
        }
        assert_eq!(next.map(|came| seen(row, came)), Some(expected), "{}", row.command.name);
    }
    assert!(came.all(|came| is_own(&came)), "nothing else came");
}

#[tokio::test]
async fn the_map_form_takes_every_field_of_an_operation() {
    let fields = |row: &ApiOperation| -> Map<String, Value> {
        row.command.fields.iter().map(|field| (field.name.to_owned(), value(row, field))).collect()
    };
    let call = |row: &ApiOperation| format!("{}({})", row.command.call_name(), written(&fields(row).into()));
    assert_came(fields, call, |_, came| came).await;
}

#[tokio::test]
async fn the_positional_form_takes_the_required_fields_in_their_order() {
    let required = |row: &ApiOperation| row.command.fields.iter().filter(|field| field.presence == Presence::Required);
    let fields = |row: &ApiOperation| required(row).map(|field| (field.name.to_owned(), value(row, field))).collect();
    let call = |row: &ApiOperation| {
        let values: Vec<_> = required(row).map(|field| written(&value(row, field))).collect();
        format!("{}({})", row.command.call_name(), values.join(", "))
    };
    // A retry key is added where the author gives none.
    let seen = |row: &ApiOperation, mut came: Came| {
        if row.takes_retry_key() {
            came.headers.retain(|(name, _)| name != "x-line-retry-key");
        }
        came
    };
    assert_came(fields, call, seen).await;
}

#[tokio::test]
async fn what_is_no_file_yet_is_not_saved_and_no_redirection_is_followed() {
    let calls = [r#"line::get_message_content("7", "fetched")"#, r#"line::get_profile("moved")"#];
    let caught = |call: &str| format!("try {{ {call}; }} catch {{ line::get_profile(\"refused\"); }}");
    let came = came(&calls.map(caught)).await;
    let targets: Vec<_> = came.iter().filter(|came| !is_own(came)).map(|came| came.target.as_str()).collect();
    assert_eq!(targets, [BEING_PREPARED, "/v2/bot/profile/refused", MOVED, "/v2/bot/profile/refused"]);
}
