//! Accounts and what each knows of the others. Which commands change them is not here.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::ids::Mid;
use super::state::News;
use crate::clock::Timestamp;
use crate::protocol::{Contact, Profile, Settings};

/// One person of the world.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) mid: Mid,
    pub(crate) display_name: String,
    pub(crate) email: String,
    pub(crate) password: String,
    pub(crate) phone: String,
    pub(crate) auth_token: String,
    pub(crate) region: String,
    /// Whether an email login without a certificate is confirmed by a PIN.
    pub(crate) needs_pin: bool,
    /// The certificates that were given out, the oldest first.
    pub(crate) certificates: Vec<Certificate>,
    /// The user id, empty while none is set.
    pub(crate) user_id: String,
    pub(crate) status_message: String,
    /// The stored file of the picture.
    pub(crate) picture: Option<String>,
    pub(crate) birthday: Option<Birthday>,
    pub(crate) settings: Settings,
    pub(crate) contacts: BTreeMap<Mid, Friend>,
    pub(crate) blocked: BTreeSet<Mid>,
    /// The groups whose notifications are off.
    pub(crate) muted_groups: BTreeSet<Mid>,
    /// What the url of its QR code ends with.
    pub(crate) ticket: String,
    /// The proxy of the latest login that named one.
    pub(crate) proxy: Option<GatewayProxy>,
    /// Whether it is an official account, which is reached by LINE's own API alone.
    #[serde(default)]
    pub(crate) official: bool,
    /// What it is still to be told.
    #[serde(default)]
    pub(crate) news: News,
}

/// A certificate of an earlier login.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Certificate {
    pub(crate) value: String,
    pub(crate) revoked: bool,
}

/// What an account says of one of its contacts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Friend {
    /// The name of its own choice, empty where none.
    pub(crate) name: String,
    /// Since when the contact is a favourite, 0 where it is none.
    pub(crate) favourite_since: Timestamp,
    pub(crate) muted: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Birthday {
    pub(crate) year: String,
    pub(crate) day: String,
}

/// The proxy that a login asks the gateway to use.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayProxy {
    /// The host.
    pub server: String,
    /// The port.
    pub port: u16,
    /// `socks5` or `http`.
    pub kind: String,
    /// The user name, empty where none.
    pub username: String,
    /// The password, empty where none; it is in no debugging output.
    #[serde(default)]
    pub password: String,
}

impl std::fmt::Debug for GatewayProxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { server, port, kind, username, .. } = self;
        write!(f, "GatewayProxy({kind} {username}@{server}:{port})")
    }
}

/// How a person was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FoundBy {
    Mid,
    Phone,
    UserId,
}

impl FoundBy {
    const fn name(self) -> &'static str {
        match self {
            Self::Mid => "MID",
            Self::Phone => "PHONE",
            Self::UserId => "USERID",
        }
    }
}

impl Account {
    /// The part of the email address that people call the account by.
    pub(crate) fn name(&self) -> &str {
        self.email.split('@').next().unwrap_or_default()
    }

    /// Its own profile; `media` is where pictures are served.
    pub(crate) fn profile(&self, media: &str) -> Profile {
        let picture = picture_url(media, self.picture.as_deref());
        Profile {
            mid: self.mid.to_string(),
            userid: self.user_id.clone(),
            display_name: self.display_name.clone(),
            status_message: self.status_message.clone(),
            thumbnail_url: picture.clone(),
            picture_path: picture,
            phone: self.phone.clone(),
            email: self.email.clone(),
            region_code: self.region.clone(),
        }
    }

    /// What it sees of `person`.
    pub(crate) fn view(&self, person: &Self, found_by: FoundBy, media: &str) -> Contact {
        let friend = self.contacts.get(&person.mid);
        let known_there = person.contacts.contains_key(&self.mid);
        let status = match (self.blocked.contains(&person.mid), friend.is_some(), known_there) {
            (true, _, _) => "FRIEND_BLOCKED",
            (false, true, _) => "FRIEND",
            (false, false, true) => "RECOMMEND",
            (false, false, false) => "UNSPECIFIED",
        };
        let picture = picture_url(media, person.picture.as_deref());
        Contact {
            mid: person.mid.to_string(),
            display_name: person.display_name.clone(),
            status_message: person.status_message.clone(),
            thumbnail_url: picture.clone(),
            picture_path: picture,
            status: status.to_owned(),
            kind: found_by.name().to_owned(),
            relation: if friend.is_some() && known_there { "BOTH" } else { "ONEWAY" }.to_owned(),
            display_name_overridden: friend.map(|friend| friend.name.clone()).unwrap_or_default(),
            favorite_time: friend.map_or(0, |friend| friend.favourite_since),
            settings: i64::from(friend.is_some_and(|friend| friend.muted)),
        }
    }
}

/// The absolute url of a picture; one without a file of its own shows the default picture.
pub(crate) fn picture_url(media: &str, picture: Option<&str>) -> String {
    format!("{media}/pictures/{}", picture.unwrap_or("default"))
}
