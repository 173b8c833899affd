//! The official account, and what it may see of people and groups. What it does by LINE's API is not here.

use super::account::{Account, picture_url};
use super::ids::{Ids, Mid};
use super::messages::{Posts, chat_key};
use super::operator::{NewAccount, create_account};
use super::state::Group;
use super::{OFFICIAL_ACCOUNT, World};
use crate::clock::Timestamp;

/// What an official account is told of a person or a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PersonCard {
    pub(crate) name: String,
    /// The url of their picture.
    pub(crate) picture: String,
    pub(crate) status_message: String,
}

/// How a person stands to the official account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    /// They have added it.
    Follower,
    /// They have not added it, wrote to it of late, and take messages from others than their contacts.
    Guest,
    /// They have blocked it.
    Blocked,
    /// Nothing of these.
    Stranger,
}

impl World {
    /// Adds the official account to a world that has none, unless someone has its name already.
    ///
    /// Its ids are drawn apart, so that all others are those of a world without it.
    pub(crate) fn found_official(&mut self) {
        if self.official().is_some() {
            return;
        }
        let apart = Ids::new(self.ids.seed().rotate_left(32) ^ 0x0ff1_c1a1);
        let ids = std::mem::replace(&mut self.ids, apart);
        let (name, phone) = OFFICIAL_ACCOUNT;
        let founded = create_account(self, &NewAccount { phone: phone.to_owned(), ..NewAccount::named(name) });
        self.ids = ids;
        if let Some(account) = founded.ok().and_then(|mid| self.accounts.get_mut(&mid)) {
            account.official = true;
        }
    }

    /// The mid of the official account.
    pub(crate) fn official(&self) -> Option<&Mid> {
        self.accounts.values().find(|account| account.official).map(|account| &account.mid)
    }

    /// Who has added an account and not blocked it, in the order of their mids.
    pub(crate) fn followers(&self, official: &str) -> Vec<Mid> {
        let follows = |account: &&Account| {
            account.contacts.contains_key(official) && !account.blocked.contains(official) && !account.official
        };
        self.accounts.values().filter(follows).map(|account| account.mid.clone()).collect()
    }

    /// How a person stands to an official account, where a message since `recent` makes a guest; `None` where there is nobody.
    pub(crate) fn relation(&self, official: &str, person: &str, recent: Timestamp) -> Option<Relation> {
        let account = self.accounts.get(person).filter(|account| !account.official)?;
        let wrote = || {
            let posts = self.chats.get(&chat_key(official, person));
            let theirs = |posts: &Posts| posts.iter().rev().any(|post| *post.from == *person && post.at >= recent);
            account.settings.privacy_receive_messages_from_not_friend && posts.is_some_and(theirs)
        };
        Some(match account {
            _ if account.blocked.contains(official) => Relation::Blocked,
            _ if account.contacts.contains_key(official) => Relation::Follower,
            _ if wrote() => Relation::Guest,
            _ => Relation::Stranger,
        })
    }

    /// Whether `person` has `other` among their contacts.
    pub(crate) fn has_contact(&self, person: &str, other: &str) -> bool {
        self.accounts.get(person).is_some_and(|account| account.contacts.contains_key(other))
    }

    /// What is shown of a person; `media` is where pictures are served.
    pub(crate) fn card(&self, person: &str, media: &str) -> Option<PersonCard> {
        self.accounts.get(person).map(|account| PersonCard {
            name: account.display_name.clone(),
            picture: picture_url(media, account.picture.as_deref()),
            status_message: account.status_message.clone(),
        })
    }

    /// A group or room that an account is a member of: its name and picture, and its members.
    pub(crate) fn membership(&self, member: &str, group: &str, media: &str) -> Option<(PersonCard, Vec<Mid>)> {
        let group: &Group = self.groups.get(group).filter(|group| group.members.contains_key(member))?;
        let card = PersonCard {
            name: group.name.clone(),
            picture: picture_url(media, group.picture.as_deref()),
            status_message: String::new(),
        };
        Some((card, group.members.keys().cloned().collect()))
    }

    /// The account of a phone number's SHA-256, as notifications by phone number name it.
    pub(crate) fn mid_of_phone_hash(&self, hash: &str) -> Option<&Mid> {
        let of = |account: &Account| super::hex(&<sha2::Sha256 as sha2::Digest>::digest(account.phone.as_bytes()));
        let matches = |account: &&Account| !account.phone.is_empty() && of(account).eq_ignore_ascii_case(hash);
        self.accounts.values().find(matches).map(|account| &account.mid)
    }
}
