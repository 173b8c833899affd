//! The structures inside contents: profiles, contacts, chats, settings. A script sees them as plain maps.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A structure as the reference has it.
#[derive(Clone, Copy, Debug)]
pub struct Structure {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub doc: &'static str,
    /// Its fields, in order.
    pub fields: &'static [StructureField],
}

/// A field of a structure.
#[derive(Clone, Copy, Debug)]
pub struct StructureField {
    /// Its name on the wire, and in scripts.
    pub name: &'static str,
    /// What it holds, such as `string` or the name of a structure.
    pub kind: &'static str,
    /// What it means.
    pub doc: &'static str,
}

impl Structure {
    /// The structure of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        STRUCTURES.iter().find(|structure| structure.name == name)
    }
}

/// What a field of a structure can hold.
trait Held {
    /// Its name in the reference.
    const KIND: &'static str;
}

impl Held for String {
    const KIND: &'static str = "string";
}

impl Held for i64 {
    const KIND: &'static str = "integer";
}

impl Held for bool {
    const KIND: &'static str = "bool";
}

impl Held for BTreeMap<String, i64> {
    const KIND: &'static str = "map";
}

impl Held for GroupExtra {
    const KIND: &'static str = "GroupExtra";
}

/// Declares the structures, and the table of them.
macro_rules! structures {
    ($(
        #[doc = $about:literal]
        $(#[$attribute:meta])*
        $name:ident { $(#[doc = $doc:literal] $field:ident: $kind:ty = $wire:literal,)* }
    )*) => {
        $(
            #[doc = $about]
            #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
            #[serde(default)]
            $(#[$attribute])*
            pub struct $name {
                $(#[doc = $doc] #[serde(rename = $wire)] pub $field: $kind,)*
            }
        )*

        /// The structures that commands give.
        pub static STRUCTURES: &[Structure] = &[$(
            Structure {
                name: stringify!($name),
                doc: $about.trim_ascii(),
                fields: &[$(
                    StructureField { name: $wire, kind: <$kind as Held>::KIND, doc: $doc.trim_ascii() },
                )*],
            },
        )*];
    };
}

structures! {
    /// An account's own profile.
    #[derive(Default)]
    Profile {
        /// The account's mid.
        mid: String = "mid",
        /// Its user id, empty while none is set.
        userid: String = "userid",
        /// Its display name.
        display_name: String = "displayName",
        /// Its status message.
        status_message: String = "statusMessage",
        /// The absolute url of its picture.
        picture_path: String = "picturePath",
        /// The absolute url of a small version of the picture.
        thumbnail_url: String = "thumbnailUrl",
        /// Its phone number.
        phone: String = "phone",
        /// Its email address.
        email: String = "email",
        /// Its region, such as `JP`.
        region_code: String = "regionCode",
    }

    /// What an account knows of a person.
    #[derive(Default)]
    Contact {
        /// The person's mid.
        mid: String = "mid",
        /// The name that they gave themselves.
        display_name: String = "displayName",
        /// Their status message.
        status_message: String = "statusMessage",
        /// The absolute url of their picture.
        picture_path: String = "picturePath",
        /// The absolute url of a small version of the picture.
        thumbnail_url: String = "thumbnailUrl",
        /// `FRIEND`, `FRIEND_BLOCKED`, `RECOMMEND` or `UNSPECIFIED`.
        status: String = "status",
        /// How they were found: `MID`, `PHONE` or `USERID`.
        kind: String = "type",
        /// `BOTH` where each is the other's contact, else `ONEWAY`.
        relation: String = "relation",
        /// The name that this account gave them, empty where none.
        display_name_overridden: String = "displayNameOverridden",
        /// When they became a favourite in milliseconds, 0 where they are none.
        favorite_time: i64 = "favoriteTime",
        /// Bits: 1 where notifications are off.
        settings: i64 = "settings",
    }

    /// What an account knows of a group.
    #[derive(Default)]
    Chat {
        /// The group's mid.
        chat_mid: String = "chatMid",
        /// Its name.
        chat_name: String = "chatName",
        /// The absolute url of its picture.
        picture_path: String = "picturePath",
        /// When it was created, in milliseconds.
        created_time: i64 = "createdTime",
        /// Whether this account has its notifications off.
        notification_disabled: bool = "notificationDisabled",
        /// Who is in it.
        group_extra: GroupExtra = "groupExtra",
    }

    /// Who is in a group, and how to join it.
    #[derive(Default)]
    GroupExtra {
        /// The mid of who created it.
        creator: String = "creator",
        /// The url to join it by.
        invitation_url: String = "invitationUrl",
        /// The members, each with when they joined in milliseconds.
        member_mids: BTreeMap<String, i64> = "memberMids",
        /// The invited, each with when they were invited in milliseconds.
        invitee_mids: BTreeMap<String, i64> = "inviteeMids",
        /// Whether it can be joined by its url.
        join_by_ticket: bool = "JoinByTicket",
    }

    /// An account's settings.
    Settings {
        /// Whether notifications are on.
        notification_enable: bool = "notificationEnable",
        /// Whether group invitations are notified.
        notification_group_invitation: bool = "notificationGroupInvitation",
        /// Whether the account is found by its user id.
        privacy_search_by_userid: bool = "privacySearchByUserid",
        /// Whether the account is found by its phone number.
        privacy_search_by_phone_number: bool = "privacySearchByPhoneNumber",
        /// Whether further logins are allowed.
        privacy_allow_secondary_device_login: bool = "privacyAllowSecondaryDeviceLogin",
        /// Whether people who are no contacts can write.
        privacy_receive_messages_from_not_friend: bool = "privacyReceiveMessagesFromNotFriend",
        /// Whether messages are encrypted end to end.
        e2ee_enable: bool = "e2eeEnable",
    }
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
