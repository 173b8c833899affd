//! The structures inside contents: profiles, contacts, chats, settings. A script sees them as plain maps.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// An account's own profile.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Profile {
    /// The account's mid.
    pub mid: String,
    /// Its user id, empty while none is set.
    pub userid: String,
    /// Its display name.
    pub display_name: String,
    /// Its status message.
    pub status_message: String,
    /// The absolute url of its picture.
    pub picture_path: String,
    /// The absolute url of a small version of the picture.
    pub thumbnail_url: String,
    /// Its phone number.
    pub phone: String,
    /// Its email address.
    pub email: String,
    /// Its region, such as `JP`.
    pub region_code: String,
}

/// What an account knows of a person.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Contact {
    /// The person's mid.
    pub mid: String,
    /// The name that they gave themselves.
    pub display_name: String,
    /// Their status message.
    pub status_message: String,
    /// The absolute url of their picture.
    pub picture_path: String,
    /// The absolute url of a small version of the picture.
    pub thumbnail_url: String,
    /// `FRIEND`, `FRIEND_BLOCKED`, `RECOMMEND` or `UNSPECIFIED`.
    pub status: String,
    /// How they were found: `MID`, `PHONE` or `USERID`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `BOTH` where each is the other's contact, else `ONEWAY`.
    pub relation: String,
    /// The name that this account gave them, empty where none.
    pub display_name_overridden: String,
    /// When they became a favourite in milliseconds, 0 where they are none.
    pub favorite_time: i64,
    /// Bits: 1 where notifications are off.
    pub settings: i64,
}

/// What an account knows of a group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Chat {
    /// The group's mid.
    pub chat_mid: String,
    /// Its name.
    pub chat_name: String,
    /// The absolute url of its picture.
    pub picture_path: String,
    /// When it was created, in milliseconds.
    pub created_time: i64,
    /// Whether this account has its notifications off.
    pub notification_disabled: bool,
    /// Who is in it.
    pub group_extra: GroupExtra,
}

/// Who is in a group, and how to join it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GroupExtra {
    /// The mid of who created it.
    pub creator: String,
    /// The url to join it by.
    pub invitation_url: String,
    /// The members, each with when they joined in milliseconds.
    pub member_mids: BTreeMap<String, i64>,
    /// The invited, each with when they were invited in milliseconds.
    pub invitee_mids: BTreeMap<String, i64>,
    /// Whether it can be joined by its url.
    #[serde(rename = "JoinByTicket")]
    pub join_by_ticket: bool,
}

/// An account's settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Settings {
    /// Whether notifications are on.
    pub notification_enable: bool,
    /// Whether group invitations are notified.
    pub notification_group_invitation: bool,
    /// Whether the account is found by its user id.
    pub privacy_search_by_userid: bool,
    /// Whether the account is found by its phone number.
    pub privacy_search_by_phone_number: bool,
    /// Whether further logins are allowed.
    pub privacy_allow_secondary_device_login: bool,
    /// Whether people who are no contacts can write.
    pub privacy_receive_messages_from_not_friend: bool,
    /// Whether messages are encrypted end to end.
    #[serde(rename = "e2eeEnable")]
    pub e2ee_enable: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            notification_enable: true,
            notification_group_invitation: true,
            privacy_search_by_userid: true,
            privacy_search_by_phone_number: true,
            privacy_allow_secondary_device_login: true,
            privacy_receive_messages_from_not_friend: true,
            e2ee_enable: false,
        }
    }
}
