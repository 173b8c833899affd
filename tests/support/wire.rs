//! Checks frames of both directions against PROTOCOL: exact names, exact JSON types, nothing more and nothing less.
//!
//! The shapes are written by hand from the protocol's text, and on purpose not derived from the tables of the crate:
//! a mistake there must show here. Meaning (whether a mid exists, which code fits) is not checked. A [`Checker`] follows
//! whole conversations: every reply answers one request, and every request is answered once.
//!
//! A shape is a text: `s` string, `s|null`, `b` bool, `i` integer, `n` number, `u` a person's mid, `c` a group's mid,
//! `m` any mid, `id` digits, `ms` and `sec` a time in milliseconds and in seconds, `'A|B'` one of these texts,
//! `{name:shape …}` an object with these fields (`name?` may be missing), `{*:shape}` an object with any keys, `{u*:shape}`
//! one with people's mids as keys, `[shape]` an array, `json` JSON text inside a string, and a capitalised name one of the
//! structures below.

#![allow(dead_code, reason = "each test target uses the part that it needs")]

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use hotline::sandbox::{Heard, Tap, Way};
use serde_json::{Map, Value};

const PROXY: &str = "proxy_server?:s proxy_port?:i proxy_username?:s proxy_password?:s proxy_type?:s";
const SENT: &str = "{id:id to:m timestamp:ms}";
const UPLOAD: &str = "{url:s heads:{*:s} params:s path:s}";

/// The structures.
const STRUCTURES: &[(&str, &str)] = &[
    (
        "Profile",
        "{mid:u userid:s displayName:s statusMessage:s picturePath:s thumbnailUrl:s phone:s email:s regionCode:s}",
    ),
    (
        "Contact",
        "{mid:u displayName:s statusMessage:s picturePath:s thumbnailUrl:s \
         status:'FRIEND|FRIEND_BLOCKED|RECOMMEND|UNSPECIFIED' type:'MID|PHONE|USERID' relation:'ONEWAY|BOTH' \
         displayNameOverridden:s favoriteTime:i settings:i}",
    ),
    ("Chat", "{chatMid:c chatName:s picturePath:s createdTime:ms notificationDisabled:b groupExtra:GroupExtra}"),
    ("GroupExtra", "{creator:u invitationUrl:s memberMids:{u*:i} inviteeMids:{u*:i} JoinByTicket:b}"),
    (
        "Settings",
        "{notificationEnable:b notificationGroupInvitation:b privacySearchByUserid:b privacySearchByPhoneNumber:b \
         privacyAllowSecondaryDeviceLogin:b privacyReceiveMessagesFromNotFriend:b e2eeEnable:b}",
    ),
    ("Message", "{id:id from:u to:m text:s|null timestamp:ms contentType:s contentMetadata:{*:s}}"),
    ("InGroup", "{group_id:c mid:u}"),
    ("Person", "{mid:u}"),
];

/// Each command: its fields, and the content of its success.
const COMMANDS: &[(&str, &str, &str)] = &[
    ("GetProfile", "", "Profile"),
    ("GetJoinedGroupIds", "", "[c]"),
    ("GetAllContactIds", "", "[u]"),
    ("GetContacts", "mids:[s]", "[Contact]"),
    ("EnableContactNotification", "mid:s enable:b", "{}"),
    ("UpdateContactName", "mid:s name:s", "{}"),
    ("MarkContact", "mid:s mark:b", "{}"),
    ("BlockContact", "mid:s block:b", "{}"),
    ("SetNickName", "nickname:s", "{nickname:s}"),
    ("SetSignature", "signature:s", "{signature:s}"),
    ("UpdateProfilePicture", "path:s", "{}"),
    ("CheckUseridValid", "user_id:s", "{valid:b}"),
    ("SetMyUserid", "user_id:s", "{user_id:s}"),
    ("GetQrCode", "", "{url:s}"),
    ("SetBirthday", "year:s day:s", "{}"),
    ("EnableSearchByUserId", "enable:b", "{}"),
    ("EnableSecondaryLogin", "enable:b", "{}"),
    ("GetSettings", "", "Settings"),
    ("SearchContactByUserid", "user_id:s", "Contact"),
    ("SearchContactByPhones", "phones:[s]", "{u*:Contact}"),
    ("SearchContactByUrl", "url:s", "Contact"),
    ("SearchAndAddContactsByMid", "mid:s", "{u*:Contact}"),
    ("SearchGroupByUrl", "url:s", "Chat"),
    ("SearchGroupById", "id?:s mids?:[s]", "Chat or [Chat]"),
    ("CreateGroup", "name:s mids:[s]", "Chat"),
    ("UpdateGroupPicture", "groupId:s path:s", "{}"),
    ("InviteIntoGroup", "group_id:s mids:[s]", "{}"),
    ("AcceptGroupInvitation", "group_id:s", "{}"),
    ("GetGroupQrcode", "group_id:s", "{url:s}"),
    ("RejectGroupInvitation", "group_id:s", "{}"),
    ("LeaveGroup", "group_id:s", "{}"),
    ("JoinGroupByUrl", "group_id:s url:s", "{}"),
    ("UpdateGroupName", "group_id:s name:s", "{}"),
    ("EnableJoinByUrl", "group_id:s enable:b", "{}"),
    ("EnableGroupNotification", "group_id:s enable:b", "{}"),
    // Of the sandbox alone, for `hotline chat`.
    ("SandboxPlay", "deed:'kick|unsend|react' group?:c target?:u msg_id?:id", "{}"),
    ("SendText", "to:s content:s msg_id?:s", SENT),
    ("SendLocation", "to:s title:s address:s latitude:n longitude:n", SENT),
    ("SendContact", "to:s displayName:s contactMidOrVcard:s contactIsMid:b", SENT),
    ("SendImage", "to:s path:s", SENT),
    ("SendVideo", "to:s path:s duration:i", SENT),
    ("SendAudio", "to:s path:s duration:i", SENT),
    ("SendFile", "to:s path:s", SENT),
    ("DownloadFile", "msg_id:s path:s", "{path:s}"),
    ("GetSendImageParam", "to:s path:s msg_id:s", UPLOAD),
    ("GetSendFileParam", "to:s path:s msg_id:s", UPLOAD),
    ("GetSendVideoParam", "to:s path:s duration:i msg_id:s", UPLOAD),
    ("GetSendAudioParam", "to:s path:s duration:i msg_id:s", UPLOAD),
    ("GetDownloadFileParam", "msg_id:s path:s", "{url:s heads:{*:s} path:s}"),
];

/// Each event and its content.
const EVENTS: &[(&str, &str)] = &[
    ("RECEIVE_MESSAGE", "Message"),
    ("SEND_MESSAGE", "Message"),
    ("NOTIFIED_INVITE_INTO_CHAT", "{group_id:c mid:u created_time:sec}"),
    ("NOTIFIED_CANCEL_CHAT_INVITATION", "{group_id:c mid?:u}"),
    ("ACCEPT_CHAT_INVITATION", "{group_id:c mid?:u}"),
    ("NOTIFIED_LEAVE_CHAT", "{group_id:c}"),
    ("NOTIFIED_UPDATE_PROFILE", "{mid:u type:'2|8|16' params:json}"),
    ("NOTIFIED_ACCEPT_CHAT_INVITATION", "InGroup"),
    ("NOTIFIED_JOIN_CHAT", "InGroup"),
    ("DELETE_SELF_FROM_CHAT", "{group_id:c mid?:u}"),
    ("NOTIFIED_DELETE_SELF_FROM_CHAT", "InGroup"),
    ("NOTIFIED_DELETE_OTHER_FROM_CHAT", "{group_id:c mid:u target:u}"),
    ("NOTIFIED_UPDATE_CHAT", "{group_id:c mid:u type:'1|2|4'}"),
    ("ADD_CONTACT", "Person"),
    ("NOTIFIED_ADD_CONTACT", "Person"),
    ("BLOCK_CONTACT", "Person"),
    ("UNBLOCK_CONTACT", "Person"),
    ("NOTIFIED_READ_MESSAGE", "{chat:m mid:u msg_id:id}"),
    ("NOTIFIED_DESTROY_MESSAGE", "{chat:m msg_id:id}"),
    ("NOTIFIED_SEND_REACTION", "{chat:m mid:u msg_id:id}"),
    ("NOTIFIED_UNREGISTER_USER", "Person"),
    ("UPDATE_PROFILE", "{mid?:u}"),
    ("UPDATE_SETTINGS", "{mid?:u}"),
];

/// Each content type: what is in its metadata, with the shapes of the values.
const METADATA: &[(&str, &str)] = &[
    ("NONE", "{}"),
    ("NONE", "{MENTION:json}"),
    ("NONE", "{ORGCONTP:'CONTACT' vCard:s}"),
    ("IMAGE", "{}"),
    ("VIDEO", "{DURATION:id}"),
    ("AUDIO", "{DURATION:id}"),
    ("FILE", "{FILE_NAME:s FILE_SIZE:id}"),
    ("CONTACT", "{mid:u displayName:s}"),
    ("LOCATION", "{title:s address:s latitude:degrees longitude:degrees}"),
    ("STICKER", "{STKID:s STKPKGID:s STKVER:s}"),
    ("CHATEVENT", "{event_type:s name:s}"),
    ("CALL", "{*:s}"),
    ("GIFT", "{*:s}"),
    ("LINK", "{*:s}"),
    ("POSTNOTIFICATION", "{*:s}"),
    ("MUSIC", "{*:s}"),
    ("FLEX", "{*:s}"),
];

/// What the messages of an official account have in their metadata besides, whatever their type.
const OFFICIAL_METADATA: &[(&str, &str)] = &[
    ("BUTTONS", "json"),
    ("QUICK_REPLY", "json"),
    ("QUOTED_MESSAGE_ID", "id"),
    ("MSG_SENDER_NAME", "s"),
    ("MSG_SENDER_ICON", "s"),
    ("DOWNLOAD_URL", "s"),
    ("PREVIEW_URL", "s"),
    ("TRACKING_ID", "s"),
];

/// Each failure: its code and its name.
const FAILURES: &[(i64, &str)] = &[
    (-1, "MALFORMED"),
    (1, "AUTHENTICATION_FAILED"),
    (4, "EXCESSIVE_ACCESS"),
    (5, "NOT_FOUND"),
    (6, "INVALID_LENGTH"),
    (8, "NOT_AUTHORIZED_DEVICE"),
    (9, "INVALID_MID"),
    (10, "NOT_A_MEMBER"),
    (17, "NOT_AUTHENTICATED"),
    (35, "ABUSE_BLOCK"),
    (36, "NOT_FRIEND"),
    (38, "BLOCK_FRIEND"),
    (45, "INVALID_PIN_CODE"),
    (47, "EXCEED_FILE_MAX_SIZE"),
    (64, "MESSAGE_NOT_FOUND"),
    (73, "PREVENTED_JOIN_BY_TICKET"),
    (106, "DUPLICATED"),
    (108, "NOT_AN_INVITEE"),
    (116, "OVER_MAX_CHATS_PER_USER"),
];

/// Follows the conversations of connections.
#[derive(Default)]
pub(crate) struct Checker(HashMap<(u64, u64), Conversation>);

#[derive(Default)]
struct Conversation {
    /// The requests by number; `None` once they are answered.
    requests: HashMap<i64, Option<String>>,
    logins: usize,
}

impl Checker {
    /// Checks the next frame of a connection.
    ///
    /// # Errors
    /// With what is wrong and where.
    pub(crate) fn hear(&mut self, heard: &Heard<'_>) -> Result<(), String> {
        let conversation = self.0.entry((heard.sandbox, heard.connection)).or_default();
        let text = heard.text;
        match heard.way {
            Way::In => check_sent(text).and_then(|()| conversation.asked(&object(text)?)),
            Way::Out => check_received(text).and_then(|()| conversation.answered(&object(text)?)),
        }
        .map_err(|wrong| if wrong.contains(text) { wrong } else { format!("{wrong} in {text}") })
    }
}

impl Conversation {
    fn asked(&mut self, frame: &Map<String, Value>) -> Result<(), String> {
        let command = string(frame, "command")?;
        if matches!(command, "Login" | "LoginWithToken") {
            self.logins += 1;
        } else if let Some(number) = frame.get("task_id").and_then(Value::as_i64)
            && self.requests.insert(number, Some(command.to_owned())).is_some()
        {
            return Err(format!("task_id {number} is used again"));
        }
        Ok(())
    }

    fn answered(&mut self, frame: &Map<String, Value>) -> Result<(), String> {
        match (string(frame, "command")?, frame.get("task_id").and_then(Value::as_i64)) {
            ("OnNotify", _) => Ok(()),
            ("OnPinCode", _) if self.logins > 0 => Ok(()),
            ("OnLogin", _) if self.logins > 0 => {
                self.logins -= 1;
                Ok(())
            }
            ("OnPinCode" | "OnLogin", _) => Err("no login waits for this".to_owned()),
            (command, Some(number)) => match self.requests.get_mut(&number).map(Option::take) {
                Some(Some(asked)) if asked == command => Ok(()),
                Some(Some(asked)) => Err(format!("{number} asked for {asked}")),
                Some(None) => Err(format!("{number} is answered twice")),
                None => Err(format!("nobody asked {number}")),
            },
            (_, None) => Err("a reply without a task_id".to_owned()),
        }
    }
}

/// Hears every frame of a sandbox and ends the test process at the first one that is not the protocol's: a panic on a
/// connection's task would only end that connection, and what a test prints may be kept from the screen.
pub(crate) fn tap() -> Tap {
    let checker = Mutex::new(Checker::default());
    Tap::new(move |heard| {
        let checked = checker.lock().unwrap_or_else(PoisonError::into_inner).hear(&heard);
        if let Err(wrong) = checked {
            let _ = writeln!(std::io::stderr(), "a frame that the protocol does not know: {wrong}");
            std::process::abort();
        }
    })
}

/// Has a command of the binary write down every frame of the sandboxes that it starts, for [`check_frames`].
pub(crate) fn written_by(command: &mut Command) -> &mut Command {
    command.env("HOTLINE_TEST_FRAMES", frames())
}

/// Checks the frames that the processes of this test have written so far.
pub(crate) fn check_frames() {
    let Ok(files) = std::fs::read_dir(frames()) else { return };
    for file in files {
        let text = std::fs::read_to_string(file.expect("the folder is readable").path()).expect("frames are text");
        let mut checker = Checker::default();
        // What follows the last line is still being written.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        for line in whole.lines() {
            let (sandbox, connection, way, text): (u64, u64, String, String) =
                serde_json::from_str(line).expect("a line holds a frame");
            let way = if way == "in" { Way::In } else { Way::Out };
            let heard = Heard { sandbox, connection, way, text: &text };
            checker.hear(&heard).unwrap_or_else(|wrong| panic!("a frame that the protocol does not know: {wrong}"));
        }
    }
}

/// The folder of this test process; it goes with the build.
fn frames() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("frames-{}", std::process::id()))
}

/// Checks a frame that a client sends.
///
/// # Errors
/// With what is wrong and where.
pub(crate) fn check_sent(text: &str) -> Result<(), String> {
    let frame = object(text)?;
    let command = string(&frame, "command")?;
    let shape = match command {
        "HeartBeat" => "{command:s}".to_owned(),
        "Login" => format!("{{command:s task_id?:i email:s password:s cert:s {PROXY}}}"),
        "LoginWithToken" => format!("{{command:s task_id?:i phone:s auth_token:s {PROXY}}}"),
        _ => {
            let row = COMMANDS.iter().find(|row| row.0 == command);
            let (_, fields, _) = row.ok_or_else(|| format!("no command is named {command}: {text}"))?;
            format!("{{command:s task_id:i {fields}}}")
        }
    };
    check(&Value::Object(frame), &shape, "").map_err(|wrong| format!("{wrong} in {text}"))
}

/// Checks a frame that a gateway sends.
///
/// # Errors
/// With what is wrong and where.
pub(crate) fn check_received(text: &str) -> Result<(), String> {
    received(text).map_err(|wrong| format!("{wrong} in {text}"))
}

fn received(text: &str) -> Result<(), String> {
    let frame = object(text)?;
    let command = string(&frame, "command")?.to_owned();
    let code = frame.get("code").and_then(Value::as_i64);
    let content = string(&frame, "content")?.to_owned();
    let inner = || serde_json::from_str(&content).map_err(|_| "content is no JSON text".to_owned());
    let whole = Value::Object(frame);
    match command.as_str() {
        "OnNotify" => {
            check(&whole, "{command:s subcommand:s content:json}", "")?;
            let subcommand = whole["subcommand"].as_str().unwrap_or_default();
            let row = EVENTS.iter().find(|row| row.0 == subcommand);
            let (_, shape) = row.ok_or_else(|| format!("no event is named {subcommand}"))?;
            let content = inner()?;
            check(&content, shape, "content")?;
            match (*shape, subcommand) {
                ("Message", _) => check_message(&content),
                (_, "NOTIFIED_UPDATE_PROFILE") => check_profile(&content),
                _ => Ok(()),
            }
        }
        "OnLogin" => {
            check(&whole, "{command:s code:i content:s}", "")?;
            if code == Some(0) {
                check(&inner()?, "{mid:u cert:s displayName:s}", "content")
            } else {
                check_failure(code, &content)
            }
        }
        "OnPinCode" => {
            check(&whole, "{command:s code:i content:json}", "")?;
            check(&inner()?, "{pin:s}", "content")
        }
        _ => {
            check(&whole, "{command:s task_id:i code:i content:s}", "")?;
            // An unknown command is answered too, with a failure.
            if code != Some(0) {
                return check_failure(code, &content);
            }
            let row = COMMANDS.iter().find(|row| row.0 == command);
            let (_, _, shape) = row.ok_or_else(|| format!("no command is named {command}"))?;
            check(&inner()?, shape, "content")
        }
    }
}

fn check_failure(code: Option<i64>, content: &str) -> Result<(), String> {
    let known = FAILURES.iter().find(|known| Some(known.0) == code);
    let (_, name) = known.ok_or_else(|| format!("there is no failure {code:?}"))?;
    let told = content.strip_prefix(name).and_then(|rest| rest.strip_prefix(": "));
    if told.is_none_or(str::is_empty) {
        return Err(format!("a failure reads \"{name}: what was wrong\", found {content}"));
    }
    Ok(())
}

fn check_message(content: &Value) -> Result<(), String> {
    let (kind, metadata) = (&content["contentType"], &content["contentMetadata"]);
    let shapes: Vec<_> = METADATA.iter().filter(|row| row.0 == kind).map(|row| row.1).collect();
    if shapes.is_empty() {
        return Err(format!("there is no contentType {kind}"));
    }
    if kind != "NONE" && !content["text"].is_null() {
        return Err(format!("a message of the type {kind} has no text"));
    }
    let mut metadata = metadata.clone();
    for (name, shape) in OFFICIAL_METADATA {
        let field = metadata.as_object_mut().and_then(|fields| fields.remove(*name));
        field.map_or(Ok(()), |field| check(&field, shape, &format!("contentMetadata.{name}")))?;
    }
    let wrong: Vec<_> = shapes.iter().filter_map(|shape| check(&metadata, shape, "contentMetadata").err()).collect();
    if wrong.len() == shapes.len() { Err(wrong.join(", or ")) } else { Ok(()) }
}

fn check_profile(content: &Value) -> Result<(), String> {
    let params: Value = serde_json::from_str(content["params"].as_str().unwrap_or_default()).unwrap_or_default();
    let shape = match content["type"].as_str() {
        Some("2") => "{DISPLAY_NAME:s}",
        Some("8") => "{PICTURE_STATUS:s}",
        _ => "{STATUS_MESSAGE:s}",
    };
    check(&params, shape, "content.params")
}

fn object(text: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(frame)) => Ok(frame),
        _ => Err(format!("no JSON object: {text}")),
    }
}

fn string<'a>(frame: &'a Map<String, Value>, name: &str) -> Result<&'a str, String> {
    frame.get(name).and_then(Value::as_str).ok_or_else(|| format!("{name} is no string"))
}

fn check(value: &Value, shape: &str, at: &str) -> Result<(), String> {
    let holds = match shape {
        "s" => value.is_string(),
        "s|null" => value.is_string() || value.is_null(),
        "b" => value.is_boolean(),
        "i" => value.is_i64(),
        "n" => value.is_number(),
        "u" => is_mid(value, "u"),
        "c" => is_mid(value, "c"),
        "m" => is_mid(value, "ucr"),
        "id" => value.as_str().is_some_and(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())),
        "ms" => value.as_i64().is_some_and(|time| (1_000_000_000_000..100_000_000_000_000).contains(&time)),
        "sec" => value.as_i64().is_some_and(|time| (1_000_000_000..100_000_000_000).contains(&time)),
        "degrees" => value.as_str().is_some_and(|text| text.parse().is_ok_and(|d: f64| d.abs() <= 180.0)),
        _ if shape.starts_with('\'') => {
            value.as_str().is_some_and(|text| shape.trim_matches('\'').split('|').any(|known| known == text))
        }
        "json" => value.as_str().is_some_and(|text| serde_json::from_str::<Value>(text).is_ok()),
        "Chat or [Chat]" => return check(value, if value.is_array() { "[Chat]" } else { "Chat" }, at),
        _ if shape.starts_with('[') => return check_array(value, &shape[1..shape.len() - 1], at),
        _ if shape.starts_with("{u*:") => {
            let keys = value.as_object().into_iter().flat_map(Map::keys);
            if let Some(key) = keys.into_iter().find(|key| !is_mid(&Value::from(key.as_str()), "u")) {
                return Err(format!("{at} has the key {key}, which is no person's mid"));
            }
            return check_map(value, &shape[4..shape.len() - 1], at);
        }
        _ if shape.starts_with("{*:") => return check_map(value, &shape[3..shape.len() - 1], at),
        _ if shape.starts_with('{') => return check_object(value, &shape[1..shape.len() - 1], at),
        _ => {
            let structure = STRUCTURES.iter().find(|row| row.0 == shape).unwrap_or_else(|| panic!("no shape {shape}"));
            return check(value, structure.1, at);
        }
    };
    if holds { Ok(()) } else { Err(format!("{at} should be {shape}, found {value}")) }
}

fn check_array(value: &Value, shape: &str, at: &str) -> Result<(), String> {
    let items = value.as_array().ok_or_else(|| format!("{at} should be an array, found {value}"))?;
    items.iter().enumerate().try_for_each(|(index, item)| check(item, shape, &format!("{at}[{index}]")))
}

fn check_map(value: &Value, shape: &str, at: &str) -> Result<(), String> {
    let fields = value.as_object().ok_or_else(|| format!("{at} should be an object, found {value}"))?;
    fields.iter().try_for_each(|(name, field)| check(field, shape, &format!("{at}.{name}")))
}

fn check_object(value: &Value, shape: &str, at: &str) -> Result<(), String> {
    let fields = value.as_object().ok_or_else(|| format!("{at} should be an object, found {value}"))?;
    let mut known = Vec::new();
    for (name, shape) in split_fields(shape) {
        let optional = name.ends_with('?');
        let name = name.trim_end_matches('?');
        known.push(name);
        match fields.get(name) {
            Some(field) => check(field, shape, &format!("{at}.{name}"))?,
            None if optional => {}
            None => return Err(format!("{at}.{name} is missing")),
        }
    }
    match fields.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(format!("{at}.{name} is nothing the protocol knows")),
        None => Ok(()),
    }
}

/// Splits `name:shape name:shape` at the spaces outside of braces.
fn split_fields(shape: &str) -> Vec<(&str, &str)> {
    let (mut depth, mut start, mut fields) = (0, 0, Vec::new());
    for (index, letter) in shape.char_indices().chain([(shape.len(), ' ')]) {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ' ' if depth == 0 => {
                fields.extend(shape[start..index].trim().split_once(':'));
                start = index;
            }
            _ => {}
        }
    }
    fields
}

fn is_mid(value: &Value, kinds: &str) -> bool {
    value.as_str().is_some_and(|mid| {
        let digits = mid.get(1..).unwrap_or_default();
        mid.starts_with(|letter| kinds.contains(letter))
            && digits.len() == 32
            && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MID: &str = "u0123456789abcdef0123456789abcdef";

    #[test]
    fn a_frame_of_the_protocol_passes() {
        let sent = [
            r#"{"command":"HeartBeat"}"#,
            r#"{"command":"Login","email":"a","password":"b","cert":""}"#,
            r#"{"command":"SendText","task_id":0,"to":"u1","content":"x"}"#,
        ];
        let received = [
            r#"{"command":"GetProfile","task_id":3,"code":17,"content":"NOT_AUTHENTICATED: log in first"}"#.to_owned(),
            r#"{"command":"OnLogin","code":1,"content":"AUTHENTICATION_FAILED: no"}"#.to_owned(),
            format!(
                r#"{{"command":"OnNotify","subcommand":"NOTIFIED_ADD_CONTACT","content":"{{\"mid\":\"{MID}\"}}"}}"#
            ),
        ];
        assert_eq!(sent.map(check_sent), [const { Ok(()) }; 3]);
        assert_eq!(received.map(|frame| check_received(&frame)), [const { Ok(()) }; 3]);
    }

    #[test]
    fn a_frame_that_differs_anywhere_is_found_out() {
        for frame in [
            r#"{"command":"HeartBeat","task_id":1}"#,
            r#"{"command":"SendText","task_id":"0","to":"u1","content":"x"}"#,
            r#"{"command":"SendText","task_id":0,"to":"u1","text":"x"}"#,
            r#"{"command":"SendText","task_id":0,"to":"u1","content":"x","extra":1}"#,
            r#"{"command":"Dance","task_id":0}"#,
        ] {
            assert!(check_sent(frame).is_err(), "{frame}");
        }
        for frame in [
            r#"{"command":"GetQrCode","code":5,"content":"NOT_FOUND: x"}"#,
            r#"{"command":"GetQrCode","task_id":1,"code":5,"content":"gone"}"#,
            r#"{"command":"GetQrCode","task_id":1,"code":7,"content":"NOT_FOUND: x"}"#,
            r#"{"command":"GetQrCode","task_id":1,"code":0,"content":{"url":"x"}}"#,
            r#"{"command":"GetQrCode","task_id":1,"code":0,"content":"no json"}"#,
            r#"{"command":"GetQrCode","task_id":1,"code":"0","content":"{\"url\":\"x\"}"}"#,
            r#"{"command":"GetQrCode","task_id":1,"code":0,"content":"{\"url\":7}"}"#,
            r#"{"command":"OnNotify","subcommand":"NOTIFIED_ADD_CONTACT","content":"{\"mid\":\"u1\"}"}"#,
            r#"{"command":"OnNotify","subcommand":"NEW","content":"{}"}"#,
        ] {
            assert!(check_received(frame).is_err(), "{frame}");
        }
    }

    #[test]
    fn a_message_has_the_metadata_of_its_type_and_an_invitation_its_time_in_seconds() {
        let event = |subcommand: &str, content: Value| {
            let content = content.to_string();
            check_received(
                &serde_json::json!({"command": "OnNotify", "subcommand": subcommand, "content": content}).to_string(),
            )
        };
        let message = |kind: &str, text: Value, metadata: Value| {
            let content = serde_json::json!({
                "id": "5", "from": MID, "to": MID, "text": text, "timestamp": 1_700_000_000_000_i64, "contentType": kind,
                "contentMetadata": metadata,
            });
            event("RECEIVE_MESSAGE", content)
        };
        let json = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
        assert_eq!(message("NONE", json("\"x\""), json("{}")), Ok(()));
        assert_eq!(message("VIDEO", Value::Null, json(r#"{"DURATION":"5"}"#)), Ok(()));
        assert_eq!(message("NONE", json("\"x\""), json(r#"{"BUTTONS":"[\"Yes\"]"}"#)), Ok(()));
        for (kind, text, metadata) in [
            ("VIDEO", "null", "{}"),
            ("VIDEO", "\"x\"", r#"{"DURATION":"5"}"#),
            ("FILE", "null", r#"{"FILE_NAME":"a","FILE_SIZE":"large"}"#),
            ("NONE", "null", r#"{"ORGCONTP":"PERSON","vCard":"x"}"#),
            ("NONE", "\"x\"", r#"{"BUTTONS":"Yes"}"#),
            ("PICTURE", "null", "{}"),
        ] {
            assert!(message(kind, json(text), json(metadata)).is_err(), "{kind} {metadata}");
        }
        let invitation = |time: i64| {
            let group = MID.replace('u', "c");
            event("NOTIFIED_INVITE_INTO_CHAT", serde_json::json!({"group_id": group, "mid": MID, "created_time": time}))
        };
        assert_eq!(invitation(1_700_000_000), Ok(()));
        assert!(invitation(1_700_000_000_000).is_err());
    }

    #[test]
    fn every_request_is_answered_once_and_nothing_else_is() {
        let run = |frames: &[(Way, &str)]| {
            let mut checker = Checker::default();
            let mut last = Ok(());
            for (way, text) in frames {
                assert_eq!(last, Ok(()), "before {text}");
                last = checker.hear(&Heard { sandbox: 0, connection: 1, way: *way, text });
            }
            last
        };
        let asked = (Way::In, r#"{"command":"GetQrCode","task_id":1}"#);
        let answer = (Way::Out, r#"{"command":"GetQrCode","task_id":1,"code":0,"content":"{\"url\":\"x\"}"}"#);
        let other = (Way::Out, r#"{"command":"LeaveGroup","task_id":1,"code":0,"content":"{}"}"#);
        let login = (Way::Out, r#"{"command":"OnLogin","code":1,"content":"AUTHENTICATION_FAILED: no"}"#);
        assert_eq!(run(&[asked, answer]), Ok(()));
        for wrong in [&[answer][..], &[asked, answer, answer], &[asked, asked], &[asked, other], &[login]] {
            assert!(run(wrong).is_err(), "{wrong:?}");
        }
    }
}
