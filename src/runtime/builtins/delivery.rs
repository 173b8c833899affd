//! Messages on networks where an answer is free for a while: with which token, or else under which key, each is sent.
//!
//! What is chosen is recorded before it is sent, so that a run that is rebuilt sends the same: a token works once, and a key counts
//! once.

use hmac::{Hmac, Mac};
use rhai::{Array, Dynamic, Map};
use serde_json::{Value, json};
use sha2::Sha256;

use super::choices::Choices;
use super::outgoing::{self, Once, SPENT_TOKEN, SentCommand, push_json};
use super::sessions;
use crate::clock::Timestamp;
use crate::protocol::commands::{SendAudio, SendImage, SendLocation, SendText, SendVideo};
use crate::protocol::line::{self, ApiOperation, MESSAGES, text_messages, text_pieces};
use crate::protocol::{Call, Command, Network};
use crate::runtime::context::services::Services;
use crate::runtime::engine::objects::{SessionRef, field};
use crate::runtime::engine::thrown::{self, ScriptError, ScriptResult};
use crate::runtime::engine::values;
use crate::runtime::run::answer::Answer;
use crate::runtime::run::call::{HostCall, Impact};
use crate::runtime::run::tokens::LiveToken;
use crate::runtime::run::wait::{CallSite, wait};
use crate::runtime::run::{self, Run, host_call};

/// The most bytes of a preview.
const PREVIEW: i64 = 1_000_000;

/// How a command goes out on the network of its session.
pub(super) enum CommandWay {
    /// As it stands.
    AsItIs,
    /// Under a key by which the network takes it once.
    Keyed,
    /// As messages to a chat.
    Messages { to: String, messages: Vec<Value> },
    /// As a message with the url of a file.
    File(FileMessage),
}

/// A picture, video or sound on its way to a chat.
pub(super) struct FileMessage {
    to: String,
    /// What the script calls.
    command: &'static str,
    /// LINE's type of message.
    kind: &'static str,
    path: String,
    /// How long it plays, in milliseconds.
    duration: Option<i64>,
}

/// The network that a call is for: that of the session it names, or of the run's own.
pub(super) fn network_of(services: &Services, session: Option<&SessionRef>) -> Option<&'static Network> {
    match session {
        Some(session) => services.directory.get(session.name()).map(|member| member.handle.network()),
        None => run::current()?.session.as_ref().map(|session| session.handle.network()),
    }
}

/// How a known command goes out.
pub(super) fn way(
    services: &Services,
    session: Option<&SessionRef>,
    row: &'static Command,
    fields: &str,
) -> CommandWay {
    // Where the network does not have it, its own turn comes to say so.
    let network = network_of(services, session).filter(|network| network.reply_token.is_some());
    if network.and_then(|network| network.command(row.name)).is_none() {
        return CommandWay::AsItIs;
    }
    let value: Value = serde_json::from_str(fields).unwrap_or_default();
    let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
    if row.name == SendText::COMMAND.name {
        return CommandWay::Messages { to: text("to"), messages: text_messages(&text("content")) };
    }
    if row.name == SendLocation::COMMAND.name {
        let message = json!({
            "type": "location", "title": value["title"], "address": value["address"],
            "latitude": value["latitude"], "longitude": value["longitude"],
        });
        return CommandWay::Messages { to: text("to"), messages: vec![message] };
    }
    let file = [(SendImage::COMMAND, "image"), (SendVideo::COMMAND, "video"), (SendAudio::COMMAND, "audio")];
    if let Some((_, kind)) = file.into_iter().find(|(of, _)| of.name == row.name) {
        let (to, path, duration) = (text("to"), text("path"), value["duration"].as_i64());
        return CommandWay::File(FileMessage { to, command: row.name, kind, path, duration });
    }
    let takes_key = ApiOperation::named(row.name).is_some_and(ApiOperation::takes_retry_key);
    if takes_key && value.get("retryKey").is_none() { CommandWay::Keyed } else { CommandWay::AsItIs }
}

/// Sends a command under a key of its own.
///
/// # Errors
/// As the command itself.
pub(super) fn send_keyed(
    services: &Services,
    session: Option<SessionRef>,
    row: &'static Command,
    fields: String,
    place: CallSite<'_>,
) -> ScriptResult {
    let run = run::current().ok_or_else(|| thrown::misplaced("messages are only sent inside a running script"))?;
    let number = run.tokens.next_number();
    let Choice::Key { key, since } = choose(services, &run, None, number, &(row, fields.clone()), place)? else {
        return Err(thrown::error("the record does not say how this was sent"));
    };
    outgoing::send(services, session, SentCommand::Known(row), fields, Once::Key { key, since }, place.in_part())
}

/// Sends a text, as `msg.reply` does.
///
/// # Errors
/// As the command itself.
pub(super) fn send_text(services: &Services, to: &str, content: &str, place: CallSite<'_>) -> ScriptResult {
    if has_tokens() {
        return deliver(services, None, to, text_messages(content), place);
    }
    // What needs to be escaped is rare and small.
    let mut fields = String::with_capacity(to.len() + content.len() + 32);
    fields.push_str(r#"{"to":"#);
    push_json(&mut fields, to);
    fields.push_str(r#","content":"#);
    push_json(&mut fields, content);
    fields.push('}');
    outgoing::send(services, None, SentCommand::Known(SendText::COMMAND), fields, Once::Nothing, place)
}

/// Sends a text of any length: as several messages where it is too long for one.
///
/// # Errors
/// As the command itself.
pub(super) fn send_long_text(
    services: &Services,
    to: &str,
    text: &str,
    place: CallSite<'_>,
) -> Result<(), ScriptError> {
    if has_tokens() {
        // Those are cut as they go out, and sent together.
        return send_text(services, to, text, place).map(drop);
    }
    text_pieces(text).into_iter().try_for_each(|piece| send_text(services, to, piece, place.in_part()).map(drop))
}

/// Sends several messages, as `msg.reply([…])` does: texts, and maps that are messages of LINE where the network has those.
///
/// # Errors
/// When one is no message of the network, and as the command itself.
pub(super) fn reply(services: &Services, to: &str, messages: Array, place: CallSite<'_>) -> ScriptResult {
    let has_tokens = has_tokens();
    if messages.is_empty() {
        return Err(thrown::error("msg.reply([…]) needs at least one message; found an empty array"));
    }
    if let Some(other) = messages.iter().find(|message| !(message.is_string() || has_tokens && message.is_map())) {
        let also = if has_tokens { " or maps that are messages of LINE" } else { ": this network has texts alone" };
        return Err(thrown::error(format!("msg.reply([…]) needs strings{also}; found {}", values::noun(other))));
    }
    if !has_tokens {
        let mut receipt = Dynamic::UNIT;
        for message in messages {
            receipt = send_text(services, to, &message.into_immutable_string().unwrap_or_default(), place.in_part())?;
        }
        return Ok(receipt);
    }
    let mut all = Vec::new();
    for message in messages {
        match message.as_immutable_string_ref() {
            Ok(text) => all.extend(text_messages(&text)),
            Err(_) => all.push(values::to_value(&message).map_err(|error| thrown::error(error.to_string()))?),
        }
    }
    deliver(services, None, to, all, place)
}

/// Sends a question with choices: as buttons where the network has them, else as a numbered list.
///
/// # Errors
/// As the command itself.
pub(super) fn offer(services: &Services, to: &str, text: &str, choices: &Choices, place: CallSite<'_>) -> ScriptResult {
    if !has_tokens() {
        return send_text(services, to, &choices.listed(text), place);
    }
    let mut messages = text_messages(text);
    if let Some(last) = messages.last_mut() {
        last["quickReply"] = choices.quick_reply();
    }
    deliver(services, None, to, messages, place)
}

/// Whether the network of the current run's session has tokens to answer with.
fn has_tokens() -> bool {
    run::current()
        .and_then(|run| Some(run.session.as_ref()?.handle.network().reply_token.is_some()))
        .unwrap_or_default()
}

/// Sends messages to a chat: as an answer where a token of the run allows that, else on the bot's own account.
///
/// # Errors
/// With the network's refusal, or the reason why there is no answer.
pub(super) fn deliver(
    services: &Services,
    session: Option<SessionRef>,
    to: &str,
    messages: Vec<Value>,
    place: CallSite<'_>,
) -> ScriptResult {
    let mut receipt = Dynamic::UNIT;
    for part in messages.chunks(MESSAGES) {
        receipt = deliver_part(services, session.as_ref(), to, part, place)?;
    }
    Ok(receipt)
}

/// Sends a file as a message with its url.
///
/// # Errors
/// When the file may not be opened; and as the command itself.
pub(super) fn deliver_file(
    services: &Services,
    session: Option<SessionRef>,
    file: &FileMessage,
    place: CallSite<'_>,
) -> ScriptResult {
    let FileMessage { to, command, kind, path, duration } = file;
    let (url, size) = publish(services, session.as_ref(), command, path, "", place)?;
    let mut message = json!({ "type": kind, "originalContentUrl": url });
    match *kind {
        "audio" => message["duration"] = duration.unwrap_or_default().into(),
        // A small picture is its own preview; all else has one beside it, such as `clip.mp4.jpg`.
        "image" if size <= PREVIEW => message["previewImageUrl"] = url.into(),
        _ => {
            let preview = format!("{path}.jpg");
            let what = "its preview is a picture beside it: ";
            message["previewImageUrl"] = publish(services, session.as_ref(), command, &preview, what, place)?.0.into();
        }
    }
    deliver(services, session, to, vec![message], place)
}

/// The url of a file and its size; a run that is rebuilt has the same one. An error says first `what` it is.
fn publish(
    services: &Services,
    session: Option<&SessionRef>,
    command: &'static str,
    path: &str,
    what: &str,
    place: CallSite<'_>,
) -> Result<(String, i64), ScriptError> {
    let call = HostCall::new(Impact::Pure, "publish").with(path);
    let published = host_call::pass(call, place.in_part(), |run| {
        let other = session.map(|session| sessions::member(session, services)).transpose()?;
        let member = other.map_or_else(|| outgoing::own_member(run), Ok)?;
        let published = wait("publish", member.media.publish(path, run.now()))?;
        let (url, size) = published
            .map_err(|error| thrown::failure(error.code(), error.name(), &format!("{what}{error}"), command))?;
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        Ok(Answer::Value(Map::from_iter([("url".into(), url.into()), ("size".into(), size.into())]).into()))
    })?;
    let url = field(&published, "url").and_then(|url| url.into_string().ok());
    let size = field(&published, "size").and_then(|size| size.as_int().ok());
    url.zip(size).ok_or_else(|| thrown::error("the record does not say where this file was to be had"))
}

/// With what a message is sent.
enum Choice {
    /// A token; since when it is known to have lived unused.
    Token {
        token: String,
        since: Option<Timestamp>,
    },
    Key {
        key: String,
        since: Timestamp,
    },
}

fn deliver_part(
    services: &Services,
    session: Option<&SessionRef>,
    to: &str,
    messages: &[Value],
    place: CallSite<'_>,
) -> ScriptResult {
    let run = run::current().ok_or_else(|| thrown::misplaced("messages are only sent inside a running script"))?;
    let push = line::push(to, messages);
    let number = run.tokens.next_number();
    let own = run.session.as_ref().is_some_and(|own| session.is_none_or(|session| *session.name() == *own.name));
    loop {
        let sent = match choose(services, &run, own.then_some(to), number, &push, place)? {
            Choice::Token { token, since } => {
                spend(&run, &token);
                send(services, session, line::reply(&token, messages), Once::Token { since }, place)
            }
            Choice::Key { key, since } => {
                let sent = send(services, session, push, Once::Key { key, since }, place);
                return sent.map(|sent| receipt(&sent, to));
            }
        };
        match sent {
            // It had been used or was too old: the next one, or none.
            Err(error) if is_spent(&error) => {}
            sent => return sent.map(|sent| receipt(&sent, to)),
        }
    }
}

/// Chooses the newest token that lives for a chat, or a key; a run that is rebuilt chooses as it did.
fn choose(
    services: &Services,
    run: &Run,
    chat: Option<&str>,
    number: u32,
    (operation, request): &(&'static Command, String),
    place: CallSite<'_>,
) -> Result<Choice, ScriptError> {
    let call = HostCall::new(Impact::Pure, "answer by").with(chat.unwrap_or_default());
    let chosen = host_call::pass(call, place.in_part(), |_| {
        let token = chat
            .zip(run.session.as_ref())
            .and_then(|(chat, session)| run.tokens.newest(chat, &session.taken_tokens, run.now()));
        let (name, value, since) = match token {
            Some(LiveToken { token, since }) => {
                // At once: another run may be about to choose while this choice is recorded.
                spend(run, &token);
                ("token", token, since)
            }
            None => ("key", key(services, run, number, operation.name, request), Some(run.now())),
        };
        let since = since.map_or(Dynamic::UNIT, Dynamic::from);
        Ok(Answer::Value(Map::from_iter([(name.into(), value.into()), ("since".into(), since)]).into()))
    })?;
    let text = |name: &str| field(&chosen, name).and_then(|text| text.into_string().ok());
    let since = field(&chosen, "since").and_then(|since| since.as_int().ok());
    match (text("token"), text("key")) {
        (Some(token), _) => Ok(Choice::Token { token, since }),
        (None, Some(key)) => Ok(Choice::Key { key, since: since.unwrap_or_default() }),
        (None, None) => Err(thrown::error("the record does not say how this was sent")),
    }
}

/// Takes a token away from this run and all others.
fn spend(run: &Run, token: &str) {
    run.tokens.spend(token);
    if let Some(session) = &run.session {
        session.taken_tokens.take(token, run.now());
    }
}

fn send(
    services: &Services,
    session: Option<&SessionRef>,
    (row, fields): (&'static Command, String),
    once: Once,
    place: CallSite<'_>,
) -> ScriptResult {
    outgoing::send(services, session.cloned(), SentCommand::Known(row), fields, once, place.in_part())
}

/// What scripts get for a message on every network: its id, and where it went.
fn receipt(sent: &Dynamic, to: &str) -> Dynamic {
    let messages = field(sent, "sentMessages").and_then(|sent| sent.into_typed_array::<Map>().ok()).unwrap_or_default();
    let mut receipt = Map::new();
    receipt.insert("id".into(), messages.first().and_then(|first| first.get("id").cloned()).unwrap_or_default());
    receipt.insert("to".into(), to.into());
    receipt.insert("messages".into(), messages.into_iter().map(Dynamic::from).collect::<rhai::Array>().into());
    receipt.into()
}

fn is_spent(error: &ScriptError) -> bool {
    match &**error {
        rhai::EvalAltResult::ErrorRuntime(value, _) => {
            field(value, "name").is_some_and(|name| name.into_string().is_ok_and(|name| name == SPENT_TOKEN))
        }
        _ => false,
    }
}

/// The key of a request: the same for the same request of the same call, however often its run is begun anew, and no other's.
fn key(services: &Services, run: &Run, number: u32, operation: &str, request: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(&services.secret).expect("a secret of any length is taken");
    let number = number.to_string();
    let session = run.session.as_ref().map(|session| &*session.name).unwrap_or_default();
    let origin = match &*run.tokens.origin() {
        // Nothing tells this run from one that comes after a crash: such a one sends anew.
        "" => format!("{} {}", run.event(), run.now()),
        origin => origin.to_owned(),
    };
    for part in [session, &origin, run.generation.name(), &run.function, &number, operation, request] {
        mac.update(&part.len().to_le_bytes());
        mac.update(part.as_bytes());
    }
    let mut bytes: [u8; 16] = mac.finalize().into_bytes()[..16].try_into().expect("a digest has 32 bytes");
    // As the fourth version of a UUID.
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = data_encoding::HEXLOWER.encode(&bytes);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}
