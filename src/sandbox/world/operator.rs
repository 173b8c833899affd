//! What happens in the world without a command of the gateway: new accounts, removals, receipts, reactions.
//!
//! Tests, the console and scenario scripts cause these through the control interface; no connection can.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::account::{Account, Friend};
use super::ids::Mid;
use super::messages::{Draft, chat_key};
use super::{Act, CommandReply, World, check_length, done, malformed};
use crate::protocol::{Failure, FailureCode, MidKind, Settings};

/// An account to create.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewAccount {
    /// What it is called; its email address is `name@sandbox.test`.
    pub name: String,
    /// Its display name.
    pub display_name: String,
    /// Its password.
    pub password: String,
    /// Its phone number with `+` and the country code, or empty.
    pub phone: String,
    /// The token for a login by phone number; an empty one allows none.
    pub auth_token: String,
    /// Whether its first login needs a PIN.
    pub needs_pin: bool,
    /// The mids of its contacts.
    pub contacts: Vec<String>,
}

impl NewAccount {
    /// An account with the demo password, no phone number, no PIN and no contacts.
    pub fn named(name: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            display_name: name.clone(),
            name,
            password: super::DEMO_PASSWORD.to_owned(),
            phone: String::new(),
            auth_token: super::DEMO_PASSWORD.to_owned(),
            needs_pin: false,
            contacts: Vec::new(),
        }
    }
}

/// Something that happens without a command. Mids name people and groups.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Operation {
    /// A new person; the answer is `{mid}`.
    CreateAccount(NewAccount),
    /// A new group whose members are in it at once; the answer is `{mid}`. Nobody is told.
    CreateGroup {
        /// Its name.
        name: String,
        /// Its members, the creator first.
        members: Vec<String>,
    },
    /// A new room, the older kind of group, which has no name; the answer is `{mid}`. Nobody is told.
    CreateRoom {
        /// Its members, the creator first.
        members: Vec<String>,
    },
    /// A message of any kind.
    Post {
        /// Its author.
        from: String,
        /// The person or group it goes to.
        to: String,
        /// What it holds.
        body: Draft,
    },
    /// A member removes another one.
    Kick {
        /// The group.
        group: String,
        /// Who removes.
        by: String,
        /// Who is removed.
        target: String,
    },
    /// A member withdraws an invitation.
    CancelInvitation {
        /// The group.
        group: String,
        /// Who withdraws it.
        by: String,
        /// Whose invitation it is.
        target: String,
    },
    /// Someone reads up to a message.
    Read {
        /// Who reads.
        by: String,
        /// The last message read.
        msg_id: String,
    },
    /// An author takes a message back; it is gone from the chat.
    Unsend {
        /// Its author.
        by: String,
        /// The message.
        msg_id: String,
    },
    /// Someone reacts to a message.
    React {
        /// Who reacts.
        by: String,
        /// The message.
        msg_id: String,
    },
    /// An account changes settings for which the gateway has no command.
    ChangeSettings {
        /// The account.
        account: String,
        /// All its settings.
        settings: Settings,
    },
    /// The certificates of an account's earlier logins are honoured no more.
    RevokeCertificates {
        /// The account.
        account: String,
    },
    /// An account is closed.
    Unregister {
        /// The account.
        account: String,
    },
}

impl World {
    pub(super) fn operate(&mut self, act: &mut Act<'_>, operation: &Operation) -> CommandReply {
        match operation {
            Operation::CreateAccount(account) => Ok(json!({"mid": &*create_account(self, account)?})),
            Operation::CreateGroup { name, members } => {
                check_length("name", name, 1, super::MAX_GROUP_NAME)?;
                self.found_with(act, MidKind::Group, name, members)
            }
            Operation::CreateRoom { members } => self.found_with(act, MidKind::Room, "", members),
            Operation::Post { to, body, .. } => {
                let to = self.destination(act, to)?;
                Ok(self.post(act, &to, body.clone()))
            }
            Operation::Kick { group, target, .. } => self.kick(act, group, target),
            Operation::CancelInvitation { group, target, .. } => self.cancel_invitation(act, group, target),
            Operation::Read { msg_id, .. } => self.react(act, msg_id, "NOTIFIED_READ_MESSAGE"),
            Operation::React { msg_id, .. } => self.react(act, msg_id, "NOTIFIED_SEND_REACTION"),
            Operation::Unsend { msg_id, .. } => self.unsend(act, msg_id),
            Operation::ChangeSettings { settings, .. } => {
                self.me_mut(act)?.settings = settings.clone();
                act.tell(vec![act.by.clone()], "UPDATE_SETTINGS", json!({"mid": &**act.by}));
                done()
            }
            Operation::RevokeCertificates { .. } => {
                for certificate in &mut self.me_mut(act)?.certificates {
                    certificate.revoked = true;
                }
                done()
            }
            Operation::Unregister { .. } => self.unregister(act),
        }
    }

    fn found_with(&mut self, act: &mut Act<'_>, kind: MidKind, name: &str, members: &[String]) -> CommandReply {
        if members.is_empty() || members.len() > super::MAX_GROUP {
            let message = format!("\"members\" takes 1 to {} people; found {}", super::MAX_GROUP, members.len());
            return Err(Failure::new(FailureCode::InvalidLength, message));
        }
        for mid in members {
            self.person("members", mid)?;
        }
        self.check_chats(act.by)?;
        let mid = self.found(act, kind, name);
        let now = act.now;
        self.group_mut("group", &mid)?.members.extend(members.iter().map(|mid| (Mid::from(mid.as_str()), now)));
        Ok(json!({"mid": &*mid}))
    }

    fn kick(&mut self, act: &mut Act<'_>, group_id: &str, target: &str) -> CommandReply {
        let group = self.own_group(act, group_id)?;
        if !group.members.contains_key(target) || target == &**act.by {
            return Err(Failure::new(FailureCode::NotAMember, format!("{target} is no other member of {group_id}")));
        }
        let members = group.members.keys().cloned().collect();
        let content = json!({"group_id": group_id, "mid": &**act.by, "target": target});
        act.tell(members, "NOTIFIED_DELETE_OTHER_FROM_CHAT", content);
        self.remove_member(act, group_id, target);
        done()
    }

    fn cancel_invitation(&mut self, act: &mut Act<'_>, group_id: &str, target: &str) -> CommandReply {
        self.own_group(act, group_id)?;
        if self.group_mut("group", group_id)?.invitees.remove(target).is_none() {
            return Err(Failure::new(FailureCode::NotAnInvitee, format!("{target} is not invited into {group_id}")));
        }
        let content = json!({"group_id": group_id, "mid": &**act.by});
        act.tell(vec![target.into()], "NOTIFIED_CANCEL_CHAT_INVITATION", content);
        done()
    }

    /// Tells a message's author, in a group every other member, what someone did with it.
    fn react(&mut self, act: &mut Act<'_>, msg_id: &str, subcommand: &'static str) -> CommandReply {
        let post = self.visible_post(act.by, msg_id)?;
        let (told, chat) = match self.groups.get(&post.to) {
            Some(group) => (group.others(act.by), post.to.clone()),
            None if post.from == *act.by => (vec![post.to.clone()], post.from.clone()),
            None => (vec![post.from.clone()], act.by.clone()),
        };
        act.tell(told, subcommand, json!({"chat": &*chat, "mid": &**act.by, "msg_id": msg_id}));
        done()
    }

    fn unsend(&mut self, act: &mut Act<'_>, msg_id: &str) -> CommandReply {
        let post = self.visible_post(act.by, msg_id)?;
        if post.from != *act.by {
            return Err(malformed(format!("{msg_id} is a message of someone else")));
        }
        let (id, to, withheld) = (post.id, post.to.clone(), post.withheld);
        let (told, chat) = match self.groups.get(&to) {
            Some(group) => (group.others(act.by), to.clone()),
            None if withheld => (Vec::new(), act.by.clone()),
            None => (vec![to.clone()], act.by.clone()),
        };
        act.tell(told, "NOTIFIED_DESTROY_MESSAGE", json!({"chat": &*chat, "msg_id": msg_id}));
        if let Some(chat) = self.chats.get_mut(&chat_key(act.by, &to)) {
            chat.retain(|post| post.id != id);
        }
        done()
    }

    fn unregister(&mut self, act: &mut Act<'_>) -> CommandReply {
        let by = act.by.clone();
        let groups: Vec<_> = self.groups.values().filter(|group| group.members.contains_key(&by)).collect();
        for mid in groups.into_iter().map(|group| group.mid.clone()).collect::<Vec<_>>() {
            self.leave_group(act, &mid)?;
        }
        for group in self.groups.values_mut() {
            group.invitees.remove(&by);
        }
        self.accounts.remove(&by);
        let mut told = Vec::new();
        for account in self.accounts.values_mut() {
            if account.contacts.remove(&by).is_some() {
                told.push(account.mid.clone());
            }
        }
        act.tell(told, "NOTIFIED_UNREGISTER_USER", json!({"mid": &*by}));
        done()
    }

    /// The mid of whom an operation is done by, where it is anybody in particular.
    pub(super) fn operator_of(operation: &Operation) -> Option<&str> {
        match operation {
            Operation::CreateAccount(_) => None,
            Operation::CreateGroup { members, .. } | Operation::CreateRoom { members } => {
                members.first().map(String::as_str)
            }
            Operation::Post { from, .. } => Some(from),
            Operation::Kick { by, .. }
            | Operation::CancelInvitation { by, .. }
            | Operation::Read { by, .. }
            | Operation::Unsend { by, .. }
            | Operation::React { by, .. } => Some(by),
            Operation::ChangeSettings { account, .. }
            | Operation::RevokeCertificates { account }
            | Operation::Unregister { account } => Some(account),
        }
    }
}

/// Adds an account and gives its mid.
pub(super) fn create_account(world: &mut World, new: &NewAccount) -> Result<Mid, Failure> {
    let email = format!("{}@{}", new.name, super::DEMO_DOMAIN);
    if new.name.is_empty() || new.name.contains(['@', ' ']) {
        return Err(malformed(format!("\"name\" takes a word; found \"{}\"", new.name)));
    }
    check_length("display_name", &new.display_name, 1, super::MAX_DISPLAY_NAME)?;
    if world.mid_of_email(&email).is_some() || world.mid_of_phone(&new.phone).is_some() {
        return Err(Failure::new(
            FailureCode::Duplicated,
            format!("there is an account {email} or {} already", new.phone),
        ));
    }
    for mid in &new.contacts {
        world.person("contacts", mid)?;
    }
    let account = Account {
        mid: world.ids.mid(MidKind::User),
        display_name: new.display_name.clone(),
        email,
        password: new.password.clone(),
        phone: new.phone.clone(),
        auth_token: new.auth_token.clone(),
        region: "JP".to_owned(),
        needs_pin: new.needs_pin,
        ticket: world.ids.token(),
        contacts: new.contacts.iter().map(|mid| (mid.as_str().into(), Friend::default())).collect(),
        ..Account::default()
    };
    let mid = account.mid.clone();
    world.accounts.insert(mid.clone(), account);
    Ok(mid)
}
