//! Checks frames of both directions against PROTOCOL: exact names, exact JSON types, nothing more and nothing less.
//!
//! The shapes are written by hand from the protocol's text, and on purpose not derived from the tables of the crate:
//! a mistake there must show here. Meaning (whether a mid exists, which code fits) is not checked.
//!
//! A shape is a text: `s` string, `s|null`, `b` bool, `i` integer, `n` number, `u` a person's mid, `c` a group's mid,
//! `m` any mid, `{name:shape …}` an object with these fields (`name?` may be missing), `{*:shape}` an object with any
//! keys, `{mid:shape…}` literally named so, `[shape]` an array, `json` JSON text inside a string, and a capitalised name
//! one of the structures below.

#![allow(dead_code, reason = "each test target uses the part that it needs")]

use std::io::Write;

use hotline::sandbox::{Tap, Way};
use serde_json::{Map, Value};

const PROXY: &str = "proxy_server?:s proxy_port?:i proxy_username?:s proxy_password?:s proxy_type?:s";
const SENT: &str = "{id:s to:m timestamp:i}";
const UPLOAD: &str = "{url:s heads:{*:s} params:s path:s}";

/// The structures.
const STRUCTURES: &[(&str, &str)] = &[
    (
        "Profile",
        "{mid:u userid:s displayName:s statusMessage:s picturePath:s thumbnailUrl:s phone:s email:s regionCode:s}",
    ),
    (
        "Contact",
        "{mid:u displayName:s statusMessage:s picturePath:s thumbnailUrl:s status:s type:s relation:s \
         displayNameOverridden:s favoriteTime:i settings:i}",
    ),
    ("Chat", "{chatMid:c chatName:s picturePath:s createdTime:i notificationDisabled:b groupExtra:GroupExtra}"),
    ("GroupExtra", "{creator:u invitationUrl:s memberMids:{*:i} inviteeMids:{*:i} JoinByTicket:b}"),
    (
        "Settings",
        "{notificationEnable:b notificationGroupInvitation:b privacySearchByUserid:b privacySearchByPhoneNumber:b \
         privacyAllowSecondaryDeviceLogin:b privacyReceiveMessagesFromNotFriend:b e2eeEnable:b}",
    ),
    ("Message", "{id:s from:u to:m text:s|null timestamp:i contentType:s contentMetadata:{*:s}}"),
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
    ("SearchContactByPhones", "phones:[s]", "{*:Contact}"),
    ("SearchContactByUrl", "url:s", "Contact"),
    ("SearchAndAddContactsByMid", "mid:s", "{*:Contact}"),
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
    ("NOTIFIED_INVITE_INTO_CHAT", "{group_id:c mid:u created_time:i}"),
    ("NOTIFIED_CANCEL_CHAT_INVITATION", "{group_id:c mid?:u}"),
    ("ACCEPT_CHAT_INVITATION", "{group_id:c mid?:u}"),
    ("NOTIFIED_LEAVE_CHAT", "{group_id:c mid?:u}"),
    ("NOTIFIED_UPDATE_PROFILE", "{mid:u type:s params:json}"),
    ("NOTIFIED_ACCEPT_CHAT_INVITATION", "InGroup"),
    ("NOTIFIED_JOIN_CHAT", "InGroup"),
    ("DELETE_SELF_FROM_CHAT", "{group_id:c mid?:u}"),
    ("NOTIFIED_DELETE_SELF_FROM_CHAT", "InGroup"),
    ("NOTIFIED_DELETE_OTHER_FROM_CHAT", "{group_id:c mid:u target:u}"),
    ("NOTIFIED_UPDATE_CHAT", "{group_id:c mid:u type:s}"),
    ("ADD_CONTACT", "Person"),
    ("NOTIFIED_ADD_CONTACT", "Person"),
    ("BLOCK_CONTACT", "Person"),
    ("UNBLOCK_CONTACT", "Person"),
    ("NOTIFIED_READ_MESSAGE", "{chat:m mid:u msg_id:s}"),
    ("NOTIFIED_DESTROY_MESSAGE", "{chat:m msg_id:s}"),
    ("NOTIFIED_SEND_REACTION", "{chat:m mid:u msg_id:s}"),
    ("NOTIFIED_UNREGISTER_USER", "Person"),
    ("UPDATE_PROFILE", "{mid?:u}"),
    ("UPDATE_SETTINGS", "{mid?:u}"),
];

/// Hears every frame of a sandbox and ends the test process at the first one that is not the protocol's: a panic on a
/// connection's task would only end that connection, and what a test prints may be kept from the screen.
pub(crate) fn tap() -> Tap {
    Tap::new(|way, text| {
        let checked = match way {
            Way::In => check_sent(text),
            Way::Out => check_received(text),
        };
        if let Err(wrong) = checked {
            let _ = writeln!(std::io::stderr(), "a frame that the protocol does not know: {wrong}");
            std::process::abort();
        }
    })
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
            check(&inner()?, shape, "content")
        }
        "OnLogin" => {
            check(&whole, "{command:s code:i content:s}", "")?;
            if code == Some(0) { check(&inner()?, "{mid:u cert:s displayName:s}", "content") } else { Ok(()) }
        }
        "OnPinCode" => {
            check(&whole, "{command:s code:i content:json}", "")?;
            check(&inner()?, "{pin:s}", "content")
        }
        _ => {
            check(&whole, "{command:s task_id?:i code:i content:s}", "")?;
            // An unknown command is answered too, with a failure.
            if code != Some(0) {
                return Ok(());
            }
            if whole.get("task_id").is_none() {
                return Err("a success without a task_id".to_owned());
            }
            let row = COMMANDS.iter().find(|row| row.0 == command);
            let (_, _, shape) = row.ok_or_else(|| format!("no command is named {command}"))?;
            check(&inner()?, shape, "content")
        }
    }
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
        "json" => value.as_str().is_some_and(|text| serde_json::from_str::<Value>(text).is_ok()),
        "Chat or [Chat]" => return check(value, if value.is_array() { "[Chat]" } else { "Chat" }, at),
        _ if shape.starts_with('[') => return check_array(value, &shape[1..shape.len() - 1], at),
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
}
