//! What the common commands are on LINE: several operations, or one under another name.
//!
//! Their results have the shapes that scripts know from every network.

use std::cell::RefCell;
use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::api::LineApi;
use crate::protocol::commands::{
    GetAllContactIds, GetContacts, GetProfile, LeaveGroup, SearchGroupById, SendLocation, SendText,
};
use crate::protocol::line::{ApiOperation, MESSAGES, text_messages};
use crate::protocol::{
    Call, Chat, Command, Contact, Content, Event, Failure, FailureCode, GroupExtra, LINE, Profile, is_group,
};
use crate::session::calls::CallError;

/// How many people it is remembered of in which group they were seen.
const SEEN: usize = 50_000;

/// In which group or room somebody was seen last: LINE tells no stranger's name elsewhere.
#[derive(Default)]
pub(super) struct Sightings(RefCell<HashMap<String, String>>);

impl Sightings {
    /// Notes whom an event names.
    pub(super) fn note(&self, event: &Event) {
        let content = event.content.value();
        let text = |name: &str| content[name].as_str().filter(|text| !text.is_empty());
        let person = text("mid").or_else(|| text("from"));
        let group = ["group_id", "chat", "to"].into_iter().find_map(text).filter(|chat| is_group(chat));
        if let (Some(person), Some(group)) = (person, group) {
            let mut seen = self.0.borrow_mut();
            if seen.len() >= SEEN {
                seen.clear();
            }
            seen.insert(person.to_owned(), group.to_owned());
        }
    }

    fn group_of(&self, person: &str) -> Option<String> {
        self.0.borrow().get(person).cloned()
    }
}

/// Carries a command out, by its name on the wire: one of LINE's operations, or a common one.
///
/// # Errors
/// As the operations; and where LINE has nothing of the kind.
pub(super) async fn carry_out(
    api: &LineApi,
    seen: &Sightings,
    command: &str,
    fields: &Map<String, Value>,
) -> Result<Content, CallError> {
    if let Some(operation) = ApiOperation::named(command) {
        return api.call(operation, fields).await;
    }
    match command {
        _ if command == GetProfile::COMMAND.name => profile(api).await,
        _ if command == GetContacts::COMMAND.name => {
            let GetContacts { mids } = read(command, fields)?;
            contacts(api, seen, &mids).await
        }
        _ if command == GetAllContactIds::COMMAND.name => {
            all_ids(api, named("getFollowers"), Map::new(), "userIds").await.map(|ids| content(&json!(ids)))
        }
        _ if command == SearchGroupById::COMMAND.name => {
            let SearchGroupById { id, mids } = read(command, fields)?;
            match (id, mids) {
                (Some(id), _) => group(api, &id).await.map(|chat| content(&json!(chat))),
                (None, mids) => {
                    let mut chats = Vec::new();
                    for mid in mids.iter().flatten() {
                        chats.push(group(api, mid).await?);
                    }
                    Ok(content(&json!(chats)))
                }
            }
        }
        _ if command == LeaveGroup::COMMAND.name => {
            let LeaveGroup { group_id } = read(command, fields)?;
            let (operation, field) = of_group(&group_id, "leaveGroup", "leaveRoom");
            api.call(operation, &object(json!({ field: group_id }))).await
        }
        _ if command == SendText::COMMAND.name => {
            let SendText { to, content, .. } = read(command, fields)?;
            push(api, &to, text_messages(&content)).await
        }
        _ if command == SendLocation::COMMAND.name => {
            let SendLocation { to, title, address, latitude, longitude, .. } = read(command, fields)?;
            let message = json!({
                "type": "location", "title": title, "address": address, "latitude": latitude, "longitude": longitude,
            });
            push(api, &to, vec![message]).await
        }
        _ => Err(lacking(command)),
    }
}

/// The refusal of a command that there is not on LINE.
fn lacking(command: &str) -> CallError {
    let why = Command::named(command).and_then(|row| LINE.lack(row.function)).map(|lack| format!("; {}", lack.instead));
    let content = format!("UNSUPPORTED: there is no {command} on LINE{}", why.unwrap_or_default());
    CallError::Refused(Failure { code: UNSUPPORTED, content })
}

/// The code of what a network does not have.
const UNSUPPORTED: i64 = 501;

/// Sends messages on nobody's behalf but the caller's own: outside a run there is no token to spend, and no record to send by.
async fn push(api: &LineApi, to: &str, messages: Vec<Value>) -> Result<Content, CallError> {
    let mut last = Content::default();
    for messages in messages.chunks(MESSAGES) {
        let fields = json!({ "to": to, "messages": messages, "retryKey": random_key() });
        last = api.call(named("pushMessage"), &object(fields)).await?;
    }
    Ok(last)
}

/// A UUID that no request has had.
fn random_key() -> String {
    let key = format!("{:032x}", rand::random::<u128>());
    [&key[..8], &key[8..12], &key[12..16], &key[16..20], &key[20..]].join("-")
}

async fn profile(api: &LineApi) -> Result<Content, CallError> {
    let info = api.call(named("getBotInfo"), &Map::new()).await?.value();
    let text = |name: &str| info[name].as_str().unwrap_or_default().to_owned();
    let profile = Profile {
        mid: text("userId"),
        userid: text("basicId"),
        display_name: text("displayName"),
        picture_path: text("pictureUrl"),
        ..Profile::default()
    };
    Ok(content(&json!(profile)))
}

/// What is known of people; who is not known is left out.
async fn contacts(api: &LineApi, seen: &Sightings, mids: &[String]) -> Result<Content, CallError> {
    let mut contacts = Vec::new();
    for mid in mids {
        let found = match known(api.call(named("getProfile"), &object(json!({ "userId": mid }))).await)? {
            Some(profile) => Some((profile, "FRIEND")),
            None => member(api, seen, mid).await?.map(|profile| (profile, "UNSPECIFIED")),
        };
        if let Some((profile, status)) = found {
            let profile = profile.value();
            let text = |name: &str| profile[name].as_str().unwrap_or_default().to_owned();
            contacts.push(Contact {
                mid: mid.clone(),
                display_name: text("displayName"),
                status_message: text("statusMessage"),
                picture_path: text("pictureUrl"),
                status: status.to_owned(),
                ..Contact::default()
            });
        }
    }
    Ok(content(&json!(contacts)))
}

/// The profile of somebody as a member of the group where they were seen last.
async fn member(api: &LineApi, seen: &Sightings, mid: &str) -> Result<Option<Content>, CallError> {
    let Some(group) = seen.group_of(mid) else { return Ok(None) };
    let (operation, field) = of_group(&group, "getGroupMemberProfile", "getRoomMemberProfile");
    known(api.call(operation, &object(json!({ field: group, "userId": mid }))).await)
}

/// A group as its members see it. Only accounts that LINE has verified are told who is in it.
async fn group(api: &LineApi, mid: &str) -> Result<Chat, CallError> {
    let (members, field) = of_group(mid, "getGroupMembersIds", "getRoomMembersIds");
    let mut chat = Chat { chat_mid: mid.to_owned(), ..Chat::default() };
    if field == "groupId" {
        let summary = api.call(named("getGroupSummary"), &object(json!({ "groupId": mid }))).await?.value();
        chat.chat_name = summary["groupName"].as_str().unwrap_or_default().to_owned();
        chat.picture_path = summary["pictureUrl"].as_str().unwrap_or_default().to_owned();
    }
    let ids = match all_ids(api, members, object(json!({ field: mid })), "memberIds").await {
        Err(CallError::Refused(failure)) if failure.name() == "FORBIDDEN" => Vec::new(),
        ids => ids?,
    };
    let member_mids = ids.into_iter().map(|id| (id, 0)).collect();
    chat.group_extra = GroupExtra { member_mids, ..GroupExtra::default() };
    Ok(chat)
}

/// The ids of all pages of a list.
async fn all_ids(
    api: &LineApi,
    operation: &'static ApiOperation,
    mut fields: Map<String, Value>,
    list: &str,
) -> Result<Vec<String>, CallError> {
    let mut ids = Vec::new();
    loop {
        let page = api.call(operation, &fields).await?.value();
        ids.extend(page[list].as_array().into_iter().flatten().filter_map(|id| Some(id.as_str()?.to_owned())));
        match page["next"].as_str() {
            Some(next) if !next.is_empty() => fields.insert("start".to_owned(), next.into()),
            _ => return Ok(ids),
        };
    }
}

/// What is not there is nothing, not an error.
fn known(result: Result<Content, CallError>) -> Result<Option<Content>, CallError> {
    match result {
        Err(CallError::Refused(failure)) if failure.name() == FailureCode::NotFound.name() => Ok(None),
        result => result.map(Some),
    }
}

/// The operation for a group or a room, and the field that names it.
fn of_group(mid: &str, group: &str, room: &str) -> (&'static ApiOperation, &'static str) {
    if mid.starts_with('R') { (named(room), "roomId") } else { (named(group), "groupId") }
}

fn named(operation: &str) -> &'static ApiOperation {
    ApiOperation::named(operation).expect("it stands in the table")
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn content(value: &Value) -> Content {
    Content::new(value.to_string())
}

fn read<T: for<'de> Deserialize<'de>>(command: &str, fields: &Map<String, Value>) -> Result<T, CallError> {
    serde_json::from_value(Value::Object(fields.clone())).map_err(|error| {
        CallError::Refused(Failure::new(FailureCode::Malformed, format!("the fields of {command}: {error}")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_common_function_is_carried_out_or_named_as_lacking() {
        let carried = [
            GetProfile::COMMAND,
            GetContacts::COMMAND,
            GetAllContactIds::COMMAND,
            SearchGroupById::COMMAND,
            LeaveGroup::COMMAND,
            SendText::COMMAND,
            SendLocation::COMMAND,
        ];
        let by_files = ["send_image", "send_video", "send_audio", "download_file"];
        for row in LINE.common_commands() {
            let is_carried = carried.iter().any(|other| other.name == row.name) || by_files.contains(&row.function);
            assert!(is_carried, "{}", row.name);
        }
    }

    #[test]
    fn it_is_remembered_where_somebody_was_seen() {
        let seen = Sightings::default();
        seen.note(&Event::new("message", Content::new(r#"{"from":"U1","to":"C1"}"#)));
        seen.note(&Event::new("memberJoined", Content::new(r#"{"group_id":"R2","mid":"U2"}"#)));
        seen.note(&Event::new("message", Content::new(r#"{"from":"U3","to":"Ubot"}"#)));
        assert_eq!(seen.group_of("U1").as_deref(), Some("C1"));
        assert_eq!(seen.group_of("U2").as_deref(), Some("R2"));
        assert_eq!(seen.group_of("U3"), None);
    }
}
