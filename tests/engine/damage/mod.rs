//! One field of an event or an answer is damaged on its way, in every way: the run sees all the others.
//!
//! `DAMAGE_INPUTS` sets how many inputs are tried, `DAMAGE_SEED` where the choice of those beyond the systematic ones begins.

mod ways;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use hotline::protocol::{COMMANDS, Command, EVENTS, EventFieldKind, EventSpec, FieldKind, Hook, Presence};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Map, Value, json};

use super::support::{Answer, Bot, Setup, logged_lines};
use ways::{Own, Path, WAYS, Way, paths, take, write};

/// So many inputs go through one bot.
const CHUNK: usize = 500;
/// How many inputs a test tries where nobody says otherwise; each field is damaged in each way by about 4,000.
const INPUTS: usize = 1_500;

/// How a content travels.
#[derive(Clone, Copy, Debug)]
enum Packing {
    /// As JSON text in a string.
    Text,
    /// The same, where half characters are escapes of the frame and not of the content.
    Loose,
    /// As it is.
    Plain,
}

const PACKINGS: &[Packing] = &[Packing::Text, Packing::Loose, Packing::Plain];

/// Something about the frame itself that is damaged besides.
const BESIDE: &[&str] =
    &["", "", "", r#""new":NaN,"#, r#""new":"\ud83d","#, r#""content":7,"#, r#""new":1e999,"new":2,"#];

#[derive(Clone, Debug)]
struct Input {
    row: usize,
    path: Path,
    way: Way,
    packing: Packing,
    beside: &'static str,
}

/// The inputs to try: every field of every content in every way first, then as chance has it.
fn inputs(contents: &[Value]) -> Vec<Input> {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    let (count, seed) = (number("DAMAGE_INPUTS").unwrap_or(INPUTS), number("DAMAGE_SEED").unwrap_or(1));
    let mut rng = StdRng::seed_from_u64(u64::try_from(seed).expect("a number"));
    let mut all = Vec::new();
    for (row, content) in contents.iter().enumerate() {
        for path in paths(content).into_iter().filter(|path| path[0] != "n") {
            all.extend(WAYS.iter().map(|way| (row, path.clone(), *way)));
        }
    }
    all.retain(|(row, path, way)| match way {
        Way::Surplus => contents[*row].is_object(),
        way if way.concerns_name() => path.last().is_some_and(|name| name.parse::<usize>().is_err()),
        way => path != &["id"] || !way.loses_identity(),
    });
    let is_systematic = count >= all.len();
    (0..count)
        .map(|at| {
            let chosen = if is_systematic && at < all.len() { at } else { rng.random_range(0..all.len()) };
            let (row, path, way) = all[chosen].clone();
            let packing = *PACKINGS.choose(&mut rng).expect("there are some");
            Input { row, path, way, packing, beside: BESIDE.choose(&mut rng).expect("there are some") }
        })
        .collect()
}

/// A frame that holds a damaged content; `head` is what stands before it.
fn frame(head: &str, content: &Value, input: &Input, number: usize) -> String {
    let text = write(content, &input.path, input.way, number);
    let surplus = if input.way == Way::Surplus { "\0 }" } else { "" };
    let quoted = || Value::from(format!("{text}{surplus}")).to_string();
    let (content, after) = match input.packing {
        Packing::Text => (quoted(), ""),
        Packing::Loose => (quoted().replace(r"\\ud83d", r"\ud83d").replace(r"\\ude00", r"\ude00"), ""),
        Packing::Plain => (text.clone(), surplus),
    };
    format!("{{{}{head},\"content\":{content}}}{after}", input.beside)
}

/// Whether what was read differs from what was sent in the damaged field alone.
fn check(sent: &Value, seen: &Value, input: &Input, number: usize) -> Result<(), String> {
    let (mut sent, mut seen) = (sent.clone(), seen.clone());
    let original = take(&mut sent, &input.path).expect("the path is one of the content's");
    let own = take(&mut seen, &input.path);
    if sent != seen {
        return Err(format!("sent {sent}, and seen was {seen}"));
    }
    let fits = match (input.way.value(&original, number).1, &own) {
        (Own::Is(expected), Some(own)) => expected == *own,
        (Own::Any, Some(_)) | (Own::Gone, None) => true,
        _ => false,
    };
    if fits { Ok(()) } else { Err(format!("{original} became {own:?}")) }
}

fn sample(spec: &EventSpec, number: usize) -> Value {
    let field = |name: &str, kind| match (name, kind) {
        ("id", _) => json!(format!("m{number}")),
        ("group_id" | "chat", _) => json!("c1"),
        ("to", _) => json!("ume"),
        ("target", _) => json!("u2"),
        ("contentType", _) => json!("NONE"),
        ("params", _) => json!("{\"DISPLAY_NAME\":\"Ann\"}"),
        (_, EventFieldKind::Int) => json!(1_700_000_000_000_i64),
        (_, EventFieldKind::StrMap) => json!({"MENTION": "{\"MENTIONEES\":[]}", "A": "b"}),
        _ => json!("u1"),
    };
    let mut content: Map<_, _> =
        spec.fields.iter().map(|row| (row.name.to_owned(), field(row.name, row.kind))).collect();
    content.insert("n".to_owned(), number.into());
    content.into()
}

/// A script that tells what it sees of every event: its number, its properties, its content.
fn watcher() -> String {
    let mut fields: Vec<_> = EVENTS.iter().flat_map(|spec| spec.fields).map(|field| field.name).collect();
    fields.sort_unstable();
    fields.dedup();
    let fields: String = fields.iter().map(|name| format!("{name:?}: x[{name:?}], ")).collect();
    let mut script = format!(
        "fn tell(n, p, raw) {{ send_text(\"seen\", to_json([n, p]) + \"\\n\" + to_json(raw)); }}\n\
         fn event(x) {{ tell(x.raw.n, #{{{fields} me: x.me, person: x.person?.mid, by: x.by?.mid}}, x.raw); }}\n\
         fn message(x) {{ tell(x.raw.n, #{{id: x.id, chat: x.chat, text: x.text, to: x.to, timestamp: x.timestamp, \
         content_type: x.content_type, metadata: x.metadata, sender: x.sender.mid, is_group: x.is_group}}, x.raw); }}\n\
         fn on_error(error) {{ send_text(\"seen\", error.message); }}\n"
    );
    let mut hooks: Vec<_> = EVENTS.iter().filter_map(|spec| spec.hook).collect();
    hooks.sort_unstable();
    hooks.dedup();
    for hook in hooks {
        let called = if matches!(hook, Hook::Message | Hook::OwnMessage) { "message" } else { "event" };
        script.push_str(&format!("fn {}(x) {{ {called}(x); }}\n", hook.name()));
    }
    let hookless: Vec<_> = EVENTS.iter().filter(|spec| spec.hook.is_none()).map(|spec| spec.subcommand).collect();
    script.push_str(&format!(
        "fn on_notify(subcommand, content) {{ if subcommand in {hookless:?} {{ tell(content.n, #{{}}, content); }} }}\n"
    ));
    script
}

/// The properties that a damaged field may change.
fn touched(field: &str) -> &[&str] {
    match field {
        "from" => &["sender", "chat", "is_group"],
        "to" => &["to", "chat", "is_group"],
        "contentType" => &["content_type"],
        "contentMetadata" => &["metadata"],
        "mid" => &["mid", "me", "person", "by"],
        "target" => &["target", "me", "person", "by"],
        _ => &[],
    }
}

/// What was seen: number, properties, content.
async fn seen(bot: &Bot) -> (usize, Value, Value) {
    let text = bot.text_to("seen").await;
    let (head, raw) = text.split_once('\n').unwrap_or_else(|| panic!("the script failed: {text}"));
    let [number, properties] = serde_json::from_str(head).expect("the script writes JSON");
    let number = Value::as_u64(&number).and_then(|number| usize::try_from(number).ok()).expect("a number");
    (number, properties, serde_json::from_str(raw).expect("the script writes JSON"))
}

#[tokio::test]
async fn a_damaged_field_of_an_event_costs_that_field() {
    let contents: Vec<_> = EVENTS.iter().map(|spec| sample(spec, 0)).collect();
    let inputs = inputs(&contents);
    for (chunk, inputs) in inputs.chunks(CHUNK).enumerate() {
        let bot = Bot::start(watcher()).await;
        let mut whole = HashMap::new();
        for (row, spec) in EVENTS.iter().enumerate() {
            bot.push(spec.subcommand, &sample(spec, row));
            let (number, properties, raw) = seen(&bot).await;
            assert_eq!((number, raw), (row, sample(spec, row)), "{}", spec.subcommand);
            whole.insert(row, properties);
        }
        let first = 1_000 + chunk * CHUNK;
        for (number, input) in (first..).zip(inputs) {
            let spec = &EVENTS[input.row];
            let head = format!(r#""command":"OnNotify","subcommand":"{}""#, spec.subcommand);
            bot.push_text(frame(&head, &sample(spec, number), input, number));
        }
        for _ in inputs {
            let (number, mut properties, raw) = seen(&bot).await;
            let input = &inputs[number - first];
            let spec = &EVENTS[input.row];
            let place = format!("{} as {number} in {input:?}", spec.subcommand);
            let sent = sample(spec, number);
            check(&sent, &raw, input, number).unwrap_or_else(|wrong| panic!("{place}: {wrong}"));
            let mut expected = whole[&input.row].clone();
            if expected.get("id").is_some_and(Value::is_string) {
                expected["id"] = sent["id"].clone();
            }
            for name in touched(&input.path[0]).iter().copied().chain([input.path[0].as_str()]) {
                take(&mut properties, &[name.to_owned()]);
                take(&mut expected, &[name.to_owned()]);
            }
            assert_eq!(properties, expected, "{place}");
        }
        bot.stop().await;
    }
}

/// What a command could be answered with, from the shape that its row shows.
fn answer(row: &Command) -> Value {
    let contact = json!({
        "mid": "u1", "displayName": "Ann", "statusMessage": "hi", "picturePath": "", "status": "FRIEND", "type": "MID",
        "relation": "BOTH", "displayNameOverridden": "", "favoriteTime": 5, "settings": 0,
    });
    let chat = json!({
        "chatMid": "c1", "chatName": "tea", "createdTime": 5, "notificationDisabled": false,
        "groupExtra": {"creator": "u1", "invitationUrl": "x", "memberMids": {"u1": 1}, "inviteeMids": {}, "JoinByTicket": true},
    });
    match row.result {
        "Profile" => json!({"mid": "ume", "userid": "bot", "displayName": "Bot", "phone": "+81", "email": "b@c"}),
        "Settings" => json!({"notificationEnable": true, "privacySearchByUserid": false, "e2eeEnable": false}),
        "Contact" => contact,
        "[Contact]" => json!([contact, contact]),
        "{mid: Contact}" => json!({"u1": contact}),
        "Chat" => chat,
        "Chat for id, [Chat] for mids" => json!([chat]),
        "[user mid]" => json!(["u1", "u2"]),
        "[chat mid]" => json!(["c1", "c2"]),
        "{}" => json!({"new": "x", "more": [1]}),
        "{id, to, timestamp}" => json!({"id": "7", "to": "u1", "timestamp": 1_700_000_000_000_i64}),
        fields => {
            let names = fields.trim_matches(['{', '}']).split(", ");
            names
                .map(|name| (name.to_owned(), if name == "heads" { json!({"X-A": "b"}) } else { json!("x") }))
                .collect()
        }
    }
}

/// Fields that suit a command, and nothing more.
fn fields(row: &Command) -> Value {
    let value = |kind| match kind {
        FieldKind::Str => json!("u1"),
        FieldKind::Int => json!(1),
        FieldKind::Bool => json!(true),
        FieldKind::Float => json!(1.5),
        FieldKind::List => json!(["u1"]),
        FieldKind::Map => json!({}),
        FieldKind::Maps => json!([{}]),
    };
    let mut fields: Map<_, _> = row
        .fields
        .iter()
        .filter(|field| field.presence == Presence::Required)
        .map(|field| (field.name.to_owned(), value(field.kind)))
        .collect();
    fields.extend(row.choices().take(1).map(|field| (field.name.to_owned(), value(field.kind))));
    fields.into()
}

#[tokio::test]
async fn a_damaged_field_of_an_answer_costs_that_field() {
    const CALLER: &str = r#"
        fn on_message(msg) {
            let asked = parse_json(msg.text);
            send_text("seen", to_json(command(asked.command, asked.fields)));
        }
        fn on_error(error) { send_text("seen", error.message); }
    "#;
    let rows: Vec<_> = COMMANDS.iter().filter(|row| !row.is_login()).collect();
    let contents: Vec<_> = rows.iter().map(|row| answer(row)).collect();
    let inputs = inputs(&contents);
    for inputs in inputs.chunks(CHUNK) {
        let bot = Bot::start(CALLER).await;
        let frames: VecDeque<_> = (0..)
            .zip(inputs)
            .map(|(number, input)| {
                let head = format!(r#""command":"{}","task_id":"TASK","code":0"#, rows[input.row].name);
                frame(&head, &contents[input.row], input, number)
            })
            .collect();
        let frames = Arc::new(Mutex::new(frames));
        bot.answers(move |request| {
            if request["command"] == "SendText" && request["to"] == "seen" {
                return Answer::Content(json!({}));
            }
            Answer::Frame(frames.lock().expect("nobody panics").pop_front().expect("one for each"))
        });
        for input in inputs {
            let row = rows[input.row];
            bot.says("u1", &json!({"command": row.name, "fields": fields(row)}).to_string());
        }
        for (number, input) in inputs.iter().enumerate() {
            let text = bot.text_to("seen").await;
            let place = format!("{} as {number} in {input:?}", rows[input.row].name);
            let seen = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{place}: {text}"));
            check(&contents[input.row], &seen, input, number).unwrap_or_else(|wrong| panic!("{place}: {wrong}"));
        }
        bot.stop().await;
    }
}

#[tokio::test]
async fn each_kind_of_damage_is_said_once_and_counted() {
    const SCRIPT: &str = r#"
        fn on_message(msg) { msg.reply(msg.text); }
        fn on_read(event) { send_text("u1", to_json([event.chat, event.mid, event.msg_id])); }
    "#;
    let bot = Setup::new().script("bot", SCRIPT).session("damaged").start().await;
    let push = |subcommand: &str, content: &str| {
        let content = Value::from(content);
        bot.push_text(format!(r#"{{"command":"OnNotify","subcommand":"{subcommand}","content":{content}}}"#));
    };
    for number in 0..3 {
        push("RECEIVE_MESSAGE", &format!(r#"{{"id":"d{number}","from":"u1","to":"ume","text":"a\ud83d"}}"#));
        assert_eq!(bot.text_to("u1").await, "a\u{fffd}");
        push("NOTIFIED_READ_MESSAGE", r#"{"chat":"u1","mid":"u1","mid":{},"msg_id":NaN}"#);
        assert_eq!(bot.text_to("u1").await, r#"["u1",null,null]"#);
    }
    for (what, place) in [
        ("half a surrogate pair, such as \\ud800 alone", "RECEIVE_MESSAGE: it reads as U+FFFD"),
        ("a field of the wrong type", "NOTIFIED_READ_MESSAGE: it reads as ()"),
        ("a key that stands twice", "NOTIFIED_READ_MESSAGE: the last value counts"),
        ("a number that JSON does not have, such as NaN", "NOTIFIED_READ_MESSAGE: it reads as ()"),
    ] {
        let lines = logged_lines(&format!("the gateway sent {what} in {place}, and the rest is read"));
        assert_eq!(lines.iter().filter(|line| line.contains("session=\"damaged\"")).count(), 1, "{what}");
    }
    let status = bot.host().directory().get("damaged").expect("it is there").handle.status();
    assert_eq!((status.damaged, status.damages.iter().count()), (6, 4));
    bot.stop().await;
}
