//! Who is who, and how an event reads. Asking the gateway is not here.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::protocol::{Chat, Contact, Damages, Event, EventSpec, Hook, Message, is_group, read_value, structure};
use crate::visible;

/// Someone or something that can be written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Recipient {
    pub(super) mid: String,
    pub(super) name: String,
}

/// The people and groups that are known so far.
#[derive(Debug, Default)]
pub(super) struct Book {
    pub(super) me: String,
    pub(super) people: BTreeMap<String, String>,
    /// The people whom one calls by a name of one's own.
    pub(super) own_names: BTreeSet<String>,
    /// What else people were found by, such as a phone number, and their mids.
    pub(super) aliases: BTreeMap<String, String>,
    pub(super) groups: BTreeMap<String, String>,
    /// The groups into which one is invited, the latest last.
    pub(super) invitations: Vec<String>,
}

impl Book {
    /// The name of a mid, or the mid itself, on one line.
    pub(super) fn name(&self, mid: &str) -> String {
        visible::line(self.people.get(mid).or_else(|| self.groups.get(mid)).map_or(mid, String::as_str))
    }

    pub(super) fn knows(&self, mid: &str) -> bool {
        self.people.contains_key(mid) || self.groups.contains_key(mid)
    }

    pub(super) fn target(&self, mid: &str) -> Recipient {
        Recipient { mid: mid.to_owned(), name: self.name(mid) }
    }

    /// The person or group of a name or mid; names are compared without regard to case.
    pub(super) fn find(&self, name: &str) -> Option<Recipient> {
        if crate::protocol::mid_kind(name).is_some() {
            return Some(self.target(name));
        }
        let wanted = name.to_lowercase();
        let mut known = self.people.iter().chain(&self.groups);
        let named = known.find(|(_, known)| known.to_lowercase() == wanted).map(|(mid, _)| mid);
        named.or_else(|| self.aliases.get(&wanted)).map(|mid| self.target(mid))
    }

    /// Every name, for a suggestion.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.people.values().chain(self.groups.values()).map(String::as_str)
    }

    pub(super) fn learn_people(&mut self, content: &Value) {
        let contacts = content.as_array().into_iter().flatten().map(structure::<Contact>);
        for contact in contacts.filter(|contact| !contact.mid.is_empty()) {
            let own = contact.display_name_overridden;
            if own.is_empty() {
                self.own_names.remove(&contact.mid);
            } else {
                self.own_names.insert(contact.mid.clone());
            }
            self.people.insert(contact.mid, visible::line(if own.is_empty() { &contact.display_name } else { &own }));
        }
    }

    /// Learns groups, and which of them one is only invited into.
    pub(super) fn learn_groups(&mut self, content: &Value) -> Vec<Chat> {
        let chats: Vec<Chat> = match content {
            Value::Array(chats) => chats.iter().map(structure).collect(),
            _ => vec![structure(content)],
        };
        let chats: Vec<_> = chats.into_iter().filter(|chat| !chat.chat_mid.is_empty()).collect();
        for chat in &chats {
            self.groups.insert(chat.chat_mid.clone(), visible::line(&chat.chat_name));
        }
        chats
    }

    /// The mids that an event mentions and whose names are not known.
    pub(super) fn strangers(&self, event: &Event) -> Vec<String> {
        let content = event.content.value();
        let fields = ["from", "to", "mid", "target", "group_id"];
        let mids = fields.iter().filter_map(|field| content[field].as_str());
        mids.filter(|mid| *mid != self.me && !self.knows(mid)).map(str::to_owned).collect()
    }

    /// Keeps the invitations up to date.
    pub(super) fn note(&mut self, event: &Event) {
        let content = event.content.value();
        let Some(group) = content["group_id"].as_str() else { return };
        let Some(row) = EventSpec::named(&event.subcommand) else { return };
        match row.hook {
            Some(Hook::Invite) => {
                self.invitations.retain(|known| known != group);
                self.invitations.push(group.to_owned());
            }
            Some(Hook::InviteCancelled) => self.invitations.retain(|known| known != group),
            Some(Hook::Join) if row.me => self.invitations.retain(|known| known != group),
            _ => {}
        }
    }

    /// Takes new names from an event, and gives the group whose name has to be asked for.
    pub(super) fn learn_names(&mut self, event: &Event) -> Option<String> {
        let content = event.content.value();
        match EventSpec::named(&event.subcommand)?.hook? {
            Hook::ProfileUpdate => {
                let (mid, name) = (content["mid"].as_str()?, new_name(&content)?);
                if !self.own_names.contains(mid) {
                    self.people.insert(mid.to_owned(), name);
                }
                None
            }
            Hook::GroupUpdate if content["type"] == "1" => content["group_id"].as_str().map(str::to_owned),
            Hook::Message | Hook::OwnMessage => {
                let message = Message::read(event.content.as_str())?;
                let name = group_name(&message)?;
                self.groups.insert(message.to, name);
                None
            }
            _ => None,
        }
    }

    /// The line that a person reads of an event, seen from the chat that they are in; `None` where there is nothing to say.
    pub(super) fn describe(&self, event: &Event, current: Option<&str>) -> Option<String> {
        let content = event.content.value();
        let name = |field: &str| self.name(content[field].as_str().unwrap_or("someone"));
        let group = || name("group_id");
        let row = EventSpec::named(&event.subcommand)?;
        Some(match row.hook? {
            Hook::Message | Hook::OwnMessage => self.message(event, current)?,
            Hook::Invite => format!("* {} invites you into {}: /accept or /reject", name("mid"), group()),
            Hook::InviteCancelled => format!("* the invitation into {} is withdrawn", group()),
            // This account's own doing is told where it is done.
            Hook::Join | Hook::Leave if row.me => return None,
            Hook::Join => format!("* {} joins {}", name("mid"), group()),
            Hook::Leave if row.me_unnamed && content["mid"].as_str().is_none_or(|mid| mid == self.me) => {
                format!("* you leave {}", group())
            }
            Hook::Leave => format!("* {} leaves {}", name("mid"), group()),
            Hook::Kick => {
                format!("* {} removes {} from {}", name("mid"), name("target"), group())
            }
            // The name is not in the event: it is told once it was asked for.
            Hook::GroupUpdate if content["type"] == "1" => return None,
            Hook::GroupUpdate => {
                let what = match content["type"].as_str() {
                    Some("2") => "the picture of ",
                    Some("4") => "the link into ",
                    _ => "",
                };
                format!("* {} changes {what}{}", name("mid"), group())
            }
            Hook::ProfileUpdate => {
                let mid = content["mid"].as_str().filter(|mid| !self.own_names.contains(*mid))?;
                format!("* {} is called {} now", self.name(mid), new_name(&content)?)
            }
            Hook::ContactAdded => format!("* {} adds you as a contact", name("mid")),
            Hook::Unsend => "* a message is taken back".to_owned(),
            Hook::Reaction => format!("* {} reacts to a message", name("mid")),
            _ => return None,
        })
    }

    /// The line about a group that was called `old` before it was asked for its name.
    pub(super) fn renamed(&self, event: &Event, old: &str, group: &str) -> Option<String> {
        let who = event.content.value();
        let (who, new) = (self.name(who["mid"].as_str().unwrap_or("someone")), self.name(group));
        (old != new).then(|| format!("* {who} renames {old} to {new}"))
    }

    fn message(&self, event: &Event, current: Option<&str>) -> Option<String> {
        let message = Message::read(event.content.as_str())?;
        let chat = message.chat(&self.me);
        let sender = self.name(&message.from);
        if let Some(new) = group_name(&message) {
            let old = self.name(chat);
            // Whoever asked for it meanwhile has told it already.
            return (old != new).then(|| format!("* {sender} renames {old} to {new}"));
        }
        let text = visible::text(&shown(&message)).replace('\n', "\n  ");
        Some(match (Some(chat) == current, message.from == self.me) {
            (true, false) => format!("{sender}: {text}"),
            (_, true) => format!("[to {}] {sender}: {text}", self.name(chat)),
            (false, false) if is_group(chat) => format!("[{}] {sender}: {text}", self.name(chat)),
            (false, false) => format!("[to you] {sender}: {text}"),
        })
    }
}

/// What a person sees of a message, with the buttons under it: typing what stands on one presses it.
fn shown(message: &Message) -> String {
    let labels =
        message.content_metadata.get("BUTTONS").and_then(|text| serde_json::from_str::<Vec<String>>(text).ok());
    let labels = labels.unwrap_or_default().iter().map(|label| format!(" [{label}]")).collect::<String>();
    format!("{}{labels}", content(message))
}

/// A message's text, or its kind and what tells most about it.
fn content(message: &Message) -> String {
    let metadata = |name: &str| message.content_metadata.get(name).map(String::as_str).filter(|text| !text.is_empty());
    let (kind, told) = match (message.content_type.as_str(), &message.text) {
        ("NONE", text) if metadata("vCard").is_some() => ("CONTACT", text.clone()),
        ("NONE", Some(text)) => return text.clone(),
        // An encrypted one, which the gateway could not read.
        ("NONE", None) => ("a text that cannot be read", None),
        ("LOCATION", _) => {
            let place = metadata("latitude").zip(metadata("longitude")).map(|(n, e)| format!("{n}, {e}"));
            let parts = [metadata("title"), metadata("address"), place.as_deref()];
            ("LOCATION", Some(parts.into_iter().flatten().collect::<Vec<_>>().join(", ")))
        }
        (kind, text) => {
            let told = ["FILE_NAME", "displayName", "ALT_TEXT", "DOWNLOAD_URL"].into_iter().find_map(metadata);
            let told = told.or(text.as_deref());
            (kind, told.map(str::to_owned))
        }
    };
    match told.filter(|told| !told.is_empty()) {
        Some(told) => format!("[{kind}] {told}"),
        None => format!("[{kind}]"),
    }
}

/// The name in the message that a renamed group gets.
fn group_name(message: &Message) -> Option<String> {
    let is_rename = message.content_metadata.get("event_type").is_some_and(|kind| kind == "update_group_name");
    (message.content_type == "CHATEVENT" && is_rename)
        .then(|| message.content_metadata.get("name").map(|name| visible::line(name)))?
}

/// The name in the event that tells of a person's changed profile.
fn new_name(content: &Value) -> Option<String> {
    let params = match &content["params"] {
        Value::String(text) => read_value(text, &mut Damages::default())?,
        params => params.clone(),
    };
    (content["type"] == "2").then(|| params["DISPLAY_NAME"].as_str().map(visible::line))?
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::protocol::Content;

    fn mid(letter: char, number: u8) -> String {
        format!("{letter}{number:032x}")
    }

    fn book() -> Book {
        let mut book = Book { me: mid('u', 1), ..Book::default() };
        book.learn_people(&json!([
            {"mid": mid('u', 1), "displayName": "alice"},
            {"mid": mid('u', 2), "displayName": "bot"},
            {"mid": mid('u', 3), "displayName": "Robert", "displayNameOverridden": "bob"},
        ]));
        book.learn_groups(&json!([{"chatMid": mid('c', 9), "chatName": "Team"}]));
        book
    }

    fn event(subcommand: &str, content: &Value) -> Event {
        Event { subcommand: subcommand.to_owned().into(), content: Content::new(content.to_string()) }
    }

    fn read(subcommand: &str, content: &Value) -> Option<String> {
        book().describe(&event(subcommand, content), Some(&mid('u', 2)))
    }

    #[test]
    fn a_message_tells_where_it_comes_from_unless_one_is_there() {
        let message = |from, to: String, text: Option<&str>, kind: &str| {
            let content = json!({"id": "1", "from": mid('u', from), "to": to, "text": text, "contentType": kind});
            read("RECEIVE_MESSAGE", &content).expect("a line")
        };
        assert_eq!(message(2, mid('u', 1), Some("pong"), "NONE"), "bot: pong");
        assert_eq!(message(3, mid('u', 1), Some("hi"), "NONE"), "[to you] bob: hi");
        assert_eq!(message(3, mid('c', 9), Some("hi\nall"), "NONE"), "[Team] bob: hi\n  all");
        assert_eq!(message(2, mid('u', 1), None, "STICKER"), "bot: [STICKER]");
        assert_eq!(message(1, mid('u', 2), Some("ping"), "NONE"), "[to bot] alice: ping");
        assert_eq!(message(2, mid('u', 1), Some("\u{1b}[2J"), "NONE"), "bot: \u{fffd}[2J");
    }

    #[test]
    fn what_is_no_text_is_shown_by_what_tells_most_about_it() {
        let message = |kind: &str, text: Option<&str>, metadata: &Value| {
            let content = json!({
                "id": "1", "from": mid('u', 3), "to": mid('c', 9), "text": text, "timestamp": 1, "contentType": kind,
                "contentMetadata": metadata,
            });
            read("RECEIVE_MESSAGE", &content).expect("a line")
        };
        let place = json!({"title": "Tower", "address": "", "latitude": "35.5", "longitude": "139.5"});
        assert_eq!(message("LOCATION", None, &place), "[Team] bob: [LOCATION] Tower, 35.5, 139.5");
        assert_eq!(message("CONTACT", None, &json!({"displayName": "Zoe"})), "[Team] bob: [CONTACT] Zoe");
        let card = json!({"vCard": "BEGIN:VCARD", "ORGCONTP": "CONTACT"});
        assert_eq!(message("NONE", Some("Zoe"), &card), "[Team] bob: [CONTACT] Zoe");
        assert_eq!(message("NONE", None, &json!({})), "[Team] bob: [a text that cannot be read]");
        assert_eq!(message("FILE", None, &json!({"FILE_NAME": "a.txt"})), "[Team] bob: [FILE] a.txt");
        let order = json!({"ALT_TEXT": "Which size?", "BUTTONS": r#"["S","L"]"#});
        assert_eq!(message("FLEX", None, &order), "[Team] bob: [FLEX] Which size? [S] [L]");
        assert_eq!(message("NONE", Some("Sure?"), &json!({"BUTTONS": r#"["Yes"]"#})), "[Team] bob: Sure? [Yes]");
        let renamed = json!({"event_type": "update_group_name", "name": "Crew"});
        assert_eq!(message("CHATEVENT", None, &renamed), "* bob renames Team to Crew");
    }

    #[test]
    fn new_names_are_taken_from_events_unless_one_has_a_name_of_ones_own() {
        let mut book = book();
        let renamed = |number, name: &str| {
            let params = json!({"DISPLAY_NAME": name}).to_string();
            event("NOTIFIED_UPDATE_PROFILE", &json!({"mid": mid('u', number), "type": "2", "params": params}))
        };
        assert_eq!(book.describe(&renamed(2, "Botty"), None).as_deref(), Some("* bot is called Botty now"));
        assert_eq!(book.describe(&renamed(3, "Rob"), None), None);
        book.learn_names(&renamed(2, "Botty"));
        book.learn_names(&renamed(3, "Rob"));
        assert_eq!([2, 3].map(|number| book.name(&mid('u', number))), ["Botty", "bob"]);
        let metadata = json!({"event_type": "update_group_name", "name": "Crew"});
        let content = json!({
            "id": "1", "from": mid('u', 3), "to": mid('c', 9), "contentType": "CHATEVENT", "contentMetadata": metadata,
        });
        book.learn_names(&event("RECEIVE_MESSAGE", &content));
        assert_eq!(book.name(&mid('c', 9)), "Crew");
        let update = event("NOTIFIED_UPDATE_CHAT", &json!({"group_id": mid('c', 9), "mid": mid('u', 3), "type": "1"}));
        assert_eq!((book.describe(&update, None), book.learn_names(&update)), (None, Some(mid('c', 9))));
    }

    #[test]
    fn an_invitation_is_remembered_until_it_is_settled() {
        let mut book = book();
        let invite = event("NOTIFIED_INVITE_INTO_CHAT", &json!({"group_id": mid('c', 9), "mid": mid('u', 3)}));
        assert_eq!(book.describe(&invite, None).as_deref(), Some("* bob invites you into Team: /accept or /reject"));
        book.note(&invite);
        assert_eq!(book.invitations, [mid('c', 9)]);
        book.note(&event("NOTIFIED_CANCEL_CHAT_INVITATION", &json!({"group_id": mid('c', 9)})));
        assert!(book.invitations.is_empty());
    }

    #[test]
    fn people_and_groups_are_found_by_name_and_strangers_are_noticed() {
        let book = book();
        assert_eq!(book.find("TEAM").map(|target| target.mid), Some(mid('c', 9)));
        assert_eq!(book.find("bob").map(|target| target.mid), Some(mid('u', 3)));
        assert_eq!(book.find("Robert"), None);
        assert_eq!(book.find(&mid('u', 7)).map(|target| target.name), Some(mid('u', 7)));
        let join = event("NOTIFIED_JOIN_CHAT", &json!({"group_id": mid('c', 9), "mid": mid('u', 7)}));
        assert_eq!(book.strangers(&join), [mid('u', 7)]);
        assert_eq!(read("SOMETHING_NEW", &json!({})), None);
    }
}
