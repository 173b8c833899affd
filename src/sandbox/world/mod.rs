//! The world, pure: accounts, contacts, groups, messages, and what every command of the gateway does to them.
//!
//! A deed and the time go in; an answer and what others are told come out. There is no socket, file or clock here, and
//! nothing random: the same deeds in the same order give the same world, which is what makes a log of them enough.

mod account;
mod contacts;
mod demo;
mod files;
mod groups;
mod ids;
mod logins;
mod messages;
#[cfg(test)]
mod model;
mod news;
mod official;
mod operator;
mod profile;
mod state;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::account::Account;
use self::state::Group;
use crate::clock::Timestamp;
use crate::protocol::{Failure, FailureCode, Message, MidKind, Request, Safety, mid_kind};

pub use self::account::GatewayProxy;
pub use self::demo::{DEMO_ACCOUNTS, DEMO_DOMAIN, DEMO_PASSWORD, OFFICIAL_ACCOUNT};
pub(crate) use self::files::{Errand, FileNeed, StoredFile, TICKET_HEADER, Ticket, file_name};
pub(crate) use self::ids::{Ids, Mid, hex};
pub(crate) use self::logins::{ConnectionState, Knock, SignIn};
pub use self::messages::{ContentType, Draft};
pub(crate) use self::official::{PersonCard, Relation};
pub use self::operator::{NewAccount, Operation};

/// The longest text message, in characters.
const MAX_TEXT: usize = 10_000;
/// The longest name of a place or of a contact that is sent, in characters.
const MAX_PLACE: usize = 1_000;
/// The longest display name, in characters.
const MAX_DISPLAY_NAME: usize = 20;
/// The longest status message, in characters.
const MAX_STATUS_MESSAGE: usize = 500;
/// The longest name of a group, in characters.
const MAX_GROUP_NAME: usize = 100;
/// The most members and invitees of a group.
const MAX_GROUP: usize = 500;
/// The most groups of an account.
const MAX_CHATS: usize = 1_000;

/// The answer to a command: a success's content, or the refusal.
pub(crate) type CommandReply = Result<Value, Failure>;

/// Everything that is the case.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct World {
    ids: Ids,
    last_message: u64,
    /// The number of the latest event.
    #[serde(default)]
    last_event: u64,
    accounts: BTreeMap<Mid, Account>,
    groups: BTreeMap<Mid, Group>,
    chats: BTreeMap<Arc<str>, messages::Posts>,
    /// What does not outlive the process: urls handed out, PINs shown.
    #[serde(skip)]
    passing: files::Passing,
}

/// What changes the world.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Deed {
    /// A signed-in account sends a command.
    Command {
        by: Mid,
        request: Written,
        /// The file that the command's path named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file: Option<StoredFile>,
    },
    /// A file arrives at a url that was handed out for it.
    Uploaded { ticket: Ticket, file: StoredFile },
    /// A login succeeds.
    SignedIn(SignIn),
    /// The last connection of an account is gone.
    Left {
        mid: Mid,
        /// The number of the last event that reached it.
        told: u64,
    },
    /// Something happens that no command causes.
    Operated(Operation),
}

impl Deed {
    /// Whether it can leave the world other than it was.
    pub(crate) fn changes_the_world(&self) -> bool {
        match self {
            Self::Command { request, .. } => request.0.command().safety != Safety::Read,
            Self::Uploaded { .. } | Self::SignedIn(_) | Self::Left { .. } | Self::Operated(_) => true,
        }
    }
}

/// A request that can be written down: as the frame that it came in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Written(pub(crate) Request);

/// Which of an account's connections are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// All of them.
    EveryDevice,
    /// All but the one that the command came from.
    OtherDevices,
}

/// An event on its way to some accounts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Delivery {
    pub(crate) to: Vec<Mid>,
    pub(crate) audience: Audience,
    pub(crate) subcommand: Cow<'static, str>,
    pub(crate) content: EventContent,
    /// Its number; those of later events are greater.
    pub(crate) number: u64,
    /// Whose deed it tells of.
    pub(crate) by: Mid,
}

impl Delivery {
    fn new(to: Vec<Mid>, audience: Audience, subcommand: &'static str, content: impl Into<EventContent>) -> Self {
        Self { to, audience, subcommand: subcommand.into(), content: content.into(), number: 0, by: Mid::default() }
    }
}

/// What belongs to an event.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum EventContent {
    Message(Arc<Message>),
    Fields(Value),
}

impl From<Value> for EventContent {
    fn from(fields: Value) -> Self {
        Self::Fields(fields)
    }
}

/// What came of a deed. A refused one has changed nothing and told nobody.
#[derive(Debug)]
pub(crate) struct DeedOutcome {
    pub(crate) reply: CommandReply,
    pub(crate) deliveries: Vec<Delivery>,
}

/// When and where a deed happens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) now: Timestamp,
    /// The base of the urls under which files are served.
    pub(crate) media: &'a str,
    /// The connection that it comes from.
    pub(crate) device: Option<u64>,
}

/// A deed while it is carried out.
struct Act<'a> {
    by: &'a Mid,
    now: Timestamp,
    media: &'a str,
    device: Option<u64>,
    file: Option<&'a StoredFile>,
    deliveries: Vec<Delivery>,
}

impl Act<'_> {
    fn deliver(&mut self, delivery: Delivery) {
        if !delivery.to.is_empty() {
            self.deliveries.push(Delivery { by: self.by.clone(), ..delivery });
        }
    }

    fn tell(&mut self, to: Vec<Mid>, subcommand: &'static str, content: impl Into<EventContent>) {
        self.deliver(Delivery::new(to, Audience::EveryDevice, subcommand, content));
    }

    fn tell_own_devices(&mut self, subcommand: &'static str, content: Value) {
        let to = vec![self.by.clone()];
        self.deliver(Delivery::new(to, Audience::OtherDevices, subcommand, content));
    }
}

impl World {
    /// A world with nobody in it.
    pub(crate) fn new(seed: u64) -> Self {
        Self { ids: Ids::new(seed), passing: files::Passing::new(seed), ..Self::default() }
    }

    /// Draws what does not outlive the process from the seed again, after the world was read from a file.
    pub(crate) fn wake(&mut self) {
        self.passing = files::Passing::new(self.ids.seed());
    }

    /// Carries a deed out.
    pub(crate) fn apply(&mut self, scene: &Scene<'_>, deed: &Deed) -> DeedOutcome {
        let Scene { now, media, device } = *scene;
        let nobody = Mid::default();
        let operator = |operation| World::operator_of(operation).map_or(nobody.clone(), Mid::from);
        let (by, file) = match deed {
            Deed::Command { by, file, .. } => (by.clone(), file.as_ref()),
            Deed::Uploaded { ticket, file } => (ticket.by.clone(), Some(file)),
            Deed::SignedIn(sign_in) => (sign_in.mid.clone(), None),
            Deed::Left { mid, .. } => (mid.clone(), None),
            Deed::Operated(operation) => (operator(operation), None),
        };
        let mut act = Act { by: &by, now, media, device, file, deliveries: Vec::new() };
        let reply = match deed {
            Deed::Command { request, .. } => self.dispatch(&mut act, &request.0),
            Deed::Uploaded { ticket, .. } => self.send_uploaded(&mut act, ticket),
            Deed::SignedIn(sign_in) => match self.sign_in(sign_in) {
                Ok(content) => return DeedOutcome { reply: Ok(content), deliveries: self.arrive(now, &by) },
                refused => refused,
            },
            Deed::Left { mid, told } => self.depart(mid, *told),
            Deed::Operated(operation) => self.operate(&mut act, operation),
        };
        let mut deliveries = act.deliveries;
        self.keep_news(now, &mut deliveries);
        DeedOutcome { reply, deliveries }
    }

    /// Every command of the table; one that is missing does not compile.
    fn dispatch(&mut self, act: &mut Act<'_>, request: &Request) -> CommandReply {
        self.me(act)?;
        match request {
            Request::Login(_) | Request::LoginWithToken(_) => Err(malformed("a login is a matter of the connection")),
            Request::GetProfile(_) => self.get_profile(act),
            Request::GetJoinedGroupIds(_) => self.get_joined_group_ids(act),
            Request::GetAllContactIds(_) => self.get_all_contact_ids(act),
            Request::GetContacts(request) => self.get_contacts(act, &request.mids),
            Request::EnableContactNotification(request) => self.enable_contact_notification(act, request),
            Request::UpdateContactName(request) => self.update_contact_name(act, request),
            Request::MarkContact(request) => self.mark_contact(act, request),
            Request::BlockContact(request) => self.block_contact(act, request),
            Request::SetNickName(request) => self.set_nick_name(act, request),
            Request::SetSignature(request) => self.set_signature(act, request),
            Request::UpdateProfilePicture(_) => self.update_profile_picture(act),
            Request::CheckUseridValid(request) => self.check_userid_valid(&request.user_id),
            Request::SetMyUserid(request) => self.set_my_userid(act, request),
            Request::GetQrCode(_) => self.get_qr_code(act),
            Request::SetBirthday(request) => self.set_birthday(act, request),
            Request::EnableSearchByUserId(request) => self.enable_search_by_user_id(act, request.enable),
            Request::EnableSecondaryLogin(request) => self.enable_secondary_login(act, request.enable),
            Request::GetSettings(_) => self.get_settings(act),
            Request::SearchContactByUserid(request) => self.search_contact_by_userid(act, &request.user_id),
            Request::SearchContactByPhones(request) => self.search_contact_by_phones(act, &request.phones),
            Request::SearchContactByUrl(request) => self.search_contact_by_url(act, &request.url),
            Request::SearchAndAddContactsByMid(request) => self.search_and_add_contacts_by_mid(act, &request.mid),
            Request::SearchGroupByUrl(request) => self.search_group_by_url(act, &request.url),
            Request::SearchGroupById(request) => self.search_group_by_id(act, request),
            Request::CreateGroup(request) => self.create_group(act, request),
            Request::UpdateGroupPicture(request) => self.update_group_picture(act, &request.group_id),
            Request::InviteIntoGroup(request) => self.invite_into_group(act, request),
            Request::AcceptGroupInvitation(request) => self.accept_group_invitation(act, &request.group_id),
            Request::GetGroupQrcode(request) => self.get_group_qrcode(act, &request.group_id),
            Request::RejectGroupInvitation(request) => self.reject_group_invitation(act, &request.group_id),
            Request::LeaveGroup(request) => self.leave_group(act, &request.group_id),
            Request::JoinGroupByUrl(request) => self.join_group_by_url(act, request),
            Request::UpdateGroupName(request) => self.update_group_name(act, request),
            Request::EnableJoinByUrl(request) => self.enable_join_by_url(act, request),
            Request::EnableGroupNotification(request) => self.enable_group_notification(act, request),
            Request::SendText(request) => self.send_text(act, request),
            Request::SendLocation(request) => self.send_location(act, request),
            Request::SendContact(request) => self.send_contact(act, request),
            Request::SendImage(request) => self.send_image(act, request),
            Request::SendVideo(request) => self.send_video(act, request),
            Request::SendAudio(request) => self.send_audio(act, request),
            Request::SendFile(request) => self.send_file(act, request),
            Request::DownloadFile(request) => self.download_file(act, request),
            Request::GetSendImageParam(request) => self.get_send_image_param(act, request),
            Request::GetSendFileParam(request) => self.get_send_file_param(act, request),
            Request::GetSendVideoParam(request) => self.get_send_video_param(act, request),
            Request::GetSendAudioParam(request) => self.get_send_audio_param(act, request),
            Request::GetDownloadFileParam(request) => self.get_download_file_param(act, request),
        }
    }

    /// The mid of whom a text names: a mid, an email address, or the name of a demo account.
    pub(crate) fn find(&self, who: &str) -> Option<&Mid> {
        let named = |account: &&Account| account.email == who || account.name() == who;
        match self.accounts.get_key_value(who) {
            Some((mid, _)) => Some(mid),
            None => self.accounts.values().find(named).map(|account| &account.mid),
        }
    }

    /// The accounts: their names and mids.
    pub(crate) fn people(&self) -> impl Iterator<Item = (&str, &Mid)> {
        self.accounts.values().map(|account| (account.name(), &account.mid))
    }

    /// The name of a group or a room, who is in it, and who is invited into it.
    pub(crate) fn people_of(&self, group: &str) -> (String, Vec<String>, Vec<String>) {
        let mids = |people: &BTreeMap<Mid, Timestamp>| people.keys().map(ToString::to_string).collect();
        let found = self.groups.get(group);
        found.map(|group| (group.name.clone(), mids(&group.members), mids(&group.invitees))).unwrap_or_default()
    }

    /// The proxy of an account's latest login that named one.
    pub(crate) fn proxy_of(&self, mid: &str) -> Option<&GatewayProxy> {
        self.accounts.get(mid)?.proxy.as_ref()
    }

    fn me(&self, act: &Act<'_>) -> Result<&Account, Failure> {
        self.accounts.get(act.by).ok_or_else(closed_account)
    }

    fn me_mut(&mut self, act: &Act<'_>) -> Result<&mut Account, Failure> {
        self.accounts.get_mut(act.by).ok_or_else(closed_account)
    }

    fn person(&self, field: &str, mid: &str) -> Result<&Account, Failure> {
        person_mid(field, mid)?;
        let missing =
            || Failure::new(FailureCode::NotFound, format!("\"{field}\" takes someone's mid; nobody has {mid}"));
        self.accounts.get(mid).ok_or_else(missing)
    }
}

fn person_mid(field: &str, mid: &str) -> Result<(), Failure> {
    if mid_kind(mid) == Some(MidKind::User) {
        return Ok(());
    }
    let message = format!("\"{field}\" takes a person's mid, u and 32 hex digits; found {}", quoted(mid));
    Err(Failure::new(FailureCode::InvalidMid, message))
}

fn check_length(field: &str, text: &str, least: usize, most: usize) -> Result<(), Failure> {
    let found = text.chars().count();
    if (least..=most).contains(&found) {
        return Ok(());
    }
    let message = format!("\"{field}\" takes {least} to {most} characters; found {found}");
    Err(Failure::new(FailureCode::InvalidLength, message))
}

/// A text between quotes for an error message, of a long one only its start.
fn quoted(text: &str) -> String {
    const MOST: usize = 100;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("\"{}…\"", &text[..end]),
        None => format!("\"{text}\""),
    }
}

/// The refusal of an account's own mid where another person's is wanted.
fn own_mid(field: &str) -> Failure {
    Failure::new(FailureCode::InvalidMid, format!("\"{field}\" takes another person's mid; found this account's own"))
}

fn malformed(message: impl std::fmt::Display) -> Failure {
    Failure::new(FailureCode::Malformed, message)
}

fn closed_account() -> Failure {
    Failure::new(FailureCode::NotAuthenticated, "the account of this connection is closed")
}

fn done() -> CommandReply {
    Ok(json!({}))
}

impl Serialize for Written {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let frame = crate::protocol::encode_fields(self.0.command().name, Some(0), &self.0.fields());
        serializer.serialize_str(&frame.map_err(serde::ser::Error::custom)?)
    }
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let frame = String::deserialize(deserializer)?;
        match crate::protocol::receive(&frame) {
            Some(crate::protocol::Received::Request(_, request)) => Ok(Self(request)),
            other => Err(serde::de::Error::custom(format!("expected a request, found {other:?}"))),
        }
    }
}
