//! The one table of gateway commands.
//!
//! A row declares a command once: its wire name, its script function, how safely it can be repeated, how it is paced,
//! what a success holds, its fields in the documented order, and an example. Request structs, the sandbox's dispatch, the script
//! functions, the reference and the editor definitions all come from it. What a command *does* is not here.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::example::{Example, Proof, shows};
use super::request::RequestError;

/// How a command may be repeated when its reply went missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Safety {
    /// Changes nothing: it can always be sent again.
    Read,
    /// Sets a value: sending it twice leaves the same state as sending it once.
    Idempotent,
    /// Causes something each time: it must not be sent again by itself.
    Effect,
}

/// What a command counts as when a session paces what it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// The logins, which have a policy of their own.
    Login,
    /// Looks something up.
    Read,
    /// Looks for people or groups that are not known yet.
    Search,
    /// Adds or changes contacts.
    Contact,
    /// Changes groups and their membership.
    Group,
    /// Sends a text, a location or a contact.
    Text,
    /// Sends or fetches a file.
    Media,
    /// Changes this account's own profile and settings.
    Profile,
}

impl Family {
    /// Every family, in the order of the reference.
    pub const ALL: [Self; 8] =
        [Self::Login, Self::Read, Self::Search, Self::Contact, Self::Group, Self::Text, Self::Media, Self::Profile];

    /// The name that the configuration uses, such as `text`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Read => "read",
            Self::Search => "search",
            Self::Contact => "contact",
            Self::Group => "group",
            Self::Text => "text",
            Self::Media => "media",
            Self::Profile => "profile",
        }
    }
}

/// Where the knowledge of a row comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provenance {
    /// The vendor's documentation names it.
    Documented,
    /// Only the vendor's own client programs use it.
    Proven,
}

/// The JSON type of a request field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// A string.
    Str,
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Int,
    /// A number with a fraction, written with one.
    Float,
    /// An array of strings.
    List,
    /// An object.
    Map,
    /// An array of objects.
    Maps,
}

impl FieldKind {
    /// What a person would call this type.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Str => "a string",
            Self::Bool => "true or false",
            Self::Int => "an integer",
            Self::Float => "a number",
            Self::List => "an array of strings",
            Self::Map => "a map",
            Self::Maps => "an array of maps",
        }
    }

    /// Whether a JSON value has this type.
    pub fn accepts(self, value: &Value) -> bool {
        match self {
            Self::Str => value.is_string(),
            Self::Bool => value.is_boolean(),
            Self::Int => value.is_i64(),
            Self::Float => value.is_number(),
            Self::List => value.as_array().is_some_and(|items| items.iter().all(Value::is_string)),
            Self::Map => value.is_object(),
            Self::Maps => value.as_array().is_some_and(|items| items.iter().all(Value::is_object)),
        }
    }
}

/// Whether a request must carry a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Always sent, and part of the positional form of the script function.
    Required,
    /// Sent only when it is given.
    Optional,
    /// Exactly one of the row's fields that are marked so is sent.
    Either,
}

/// One field of a request.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The name on the wire, to the letter.
    pub name: &'static str,
    /// The JSON type.
    pub kind: FieldKind,
    /// Whether it must be there.
    pub presence: Presence,
    /// What it means, in a sentence.
    pub doc: &'static str,
}

/// One row of the command table.
#[derive(Debug)]
pub struct Command {
    /// The name on the wire.
    pub name: &'static str,
    /// The script function.
    pub function: &'static str,
    /// The namespace that the function is in, which is its network's name; common functions are in none.
    pub namespace: Option<&'static str>,
    /// How safely it can be sent again.
    pub safety: Safety,
    /// How it is paced.
    pub family: Family,
    /// Where the row comes from.
    pub origin: Provenance,
    /// The shape of a success's content.
    pub result: &'static str,
    /// Whether that authorises whoever has it, so that it is not taken down.
    pub is_secret: bool,
    /// What it does, in a sentence or two.
    pub doc: &'static str,
    /// The fields in the documented order.
    pub fields: &'static [Field],
    /// A script that sends it; none of what scripts cannot send.
    pub example: Option<Example>,
}

impl Command {
    /// The row of a wire name.
    pub fn named(name: &str) -> Option<&'static Self> {
        COMMANDS.iter().find(|command| command.name == name)
    }

    /// The fields of the positional form: those that are required, or the single choice of an either-or.
    pub fn positional(&self) -> impl Iterator<Item = &'static Field> {
        let mut chosen = false;
        self.fields.iter().filter(move |field| match field.presence {
            Presence::Required => true,
            Presence::Optional => false,
            Presence::Either => !std::mem::replace(&mut chosen, true),
        })
    }

    /// Whether a map that is the only argument, with these names in it, is the map form, and not the one required field itself.
    pub fn is_map_form(&self, has: impl Fn(&str) -> bool) -> bool {
        let mut fields = self.positional();
        match (fields.next(), fields.next()) {
            (Some(field), None) if field.kind == FieldKind::Map => has(field.name),
            _ => true,
        }
    }

    /// The fields of which exactly one is sent.
    pub fn choices(&self) -> impl Iterator<Item = &'static Field> {
        self.fields.iter().filter(|field| field.presence == Presence::Either)
    }

    /// Whether this is one of the two logins, which scripts cannot send.
    pub fn is_login(&self) -> bool {
        self.family == Family::Login
    }

    /// The script function with its namespace, such as `send_text` or `line::push_message`.
    pub fn call_name(&self) -> Cow<'static, str> {
        self.namespace.map_or(self.function.into(), |namespace| format!("{namespace}::{}", self.function).into())
    }

    /// The signature of the positional form, such as `send_text(to, content)`.
    pub fn signature(&self) -> String {
        let names: Vec<_> = self.positional().map(|field| field.name).collect();
        format!("{}({})", self.call_name(), names.join(", "))
    }
}

/// A typed request: the struct of one row.
pub trait Call: Serialize {
    /// The row that it belongs to.
    const COMMAND: &'static Command;
}

macro_rules! field_type {
    (required str) => { String };
    (required bool) => { bool };
    (required int) => { i64 };
    (required float) => { f64 };
    (required list) => { Vec<String> };
    (optional $kind:ident) => { Option<field_type!(required $kind)> };
    (either $kind:ident) => { Option<field_type!(required $kind)> };
}

macro_rules! field_kind {
    (str) => {
        FieldKind::Str
    };
    (bool) => {
        FieldKind::Bool
    };
    (int) => {
        FieldKind::Int
    };
    (float) => {
        FieldKind::Float
    };
    (list) => {
        FieldKind::List
    };
    (map) => {
        FieldKind::Map
    };
    (maps) => {
        FieldKind::Maps
    };
}

macro_rules! field_presence {
    (required) => {
        Presence::Required
    };
    (optional) => {
        Presence::Optional
    };
    (either) => {
        Presence::Either
    };
}

macro_rules! example {
    (none) => {
        None
    };
    ($code:literal) => {
        Some(shows($code, Proof::Sent))
    };
}

macro_rules! is_secret {
    () => {
        false
    };
    (secret) => {
        true
    };
}

macro_rules! commands {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident $function:ident $safety:ident $family:ident $origin:ident => $($secret:ident)? $result:literal {
            $( $presence:ident $kind:ident $field:ident $wire:literal $field_doc:literal; )*
        } as $example:tt
    )+) => {
        /// Every command of the gateway, in the documented order.
        pub static COMMANDS: &[Command] = &[$( Command {
            name: stringify!($name),
            function: stringify!($function),
            namespace: None,
            safety: Safety::$safety,
            family: Family::$family,
            origin: Provenance::$origin,
            result: $result,
            is_secret: is_secret!($($secret)?),
            doc: concat!($($doc),+).trim_ascii(),
            fields: &[$( Field {
                name: $wire,
                kind: field_kind!($kind),
                presence: field_presence!($presence),
                doc: $field_doc,
            } ),*],
            example: example!($example),
        } ),+];

        enum Row { $($name),+ }

        $(
            $(#[doc = $doc])+
            #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
            pub struct $name {
                $(
                    #[doc = $field_doc]
                    #[serde(rename = $wire)]
                    #[serde(default, skip_serializing_if = "Skip::skip")]
                    pub $field: field_type!($presence $kind),
                )*
            }

            impl Call for $name {
                const COMMAND: &'static Command = &COMMANDS[Row::$name as usize];
            }
        )+

        /// A decoded request of any command.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Request {
            $( #[doc = concat!("A `", stringify!($name), "` request.")] $name($name), )+
        }

        impl Request {
            /// The row of this request.
            pub fn command(&self) -> &'static Command {
                match self { $( Self::$name(_) => $name::COMMAND, )+ }
            }

            /// The fields, as the text of a JSON object.
            pub fn fields(&self) -> String {
                match self { $( Self::$name(call) => super::frame::fields_of(call), )+ }
            }

            /// Reads the fields of `command` from a frame whose fields have been checked against the row.
            pub(super) fn from_fields(command: &'static Command, frame: Value) -> Result<Self, RequestError> {
                let unreadable = |error: serde_json::Error| RequestError::Unreadable(error.to_string());
                $(
                    if std::ptr::eq(command, $name::COMMAND) {
                        return serde_json::from_value(frame).map(Self::$name).map_err(unreadable);
                    }
                )+
                Err(RequestError::UnknownCommand(command.name.to_owned()))
            }
        }
    };
}

/// Which field values stay out of a frame: only absent optional ones.
trait Skip {
    fn skip(&self) -> bool {
        false
    }
}
impl Skip for String {}
impl Skip for bool {}
impl Skip for i64 {}
impl Skip for f64 {}
impl Skip for Vec<String> {}
impl<T> Skip for Option<T> {
    fn skip(&self) -> bool {
        self.is_none()
    }
}

// wire name, script function, safety, family, origin => [secret] result { presence type rust_name "wire name" "documentation"; } as example
commands! {
    /// Signs an account in with its email address and password.
    Login login Effect Login Documented => "{mid, cert, displayName}" {
        required str email "email" "the account's email address";
        required str password "password" "the account's password";
        required str cert "cert" "the certificate of an earlier login, empty the first time";
        optional str proxy_server "proxy_server" "the host of the gateway's proxy to the network";
        optional int proxy_port "proxy_port" "the port of that proxy";
        optional str proxy_username "proxy_username" "the user name for an http proxy";
        optional str proxy_password "proxy_password" "the password for an http proxy";
        optional str proxy_type "proxy_type" "`socks5` or `http`";
    } as none
    /// Signs an account in with its phone number and a token.
    LoginWithToken login_with_token Effect Login Documented => "{mid, cert, displayName}" {
        required str phone "phone" "the account's phone number";
        required str auth_token "auth_token" "the account's token";
        optional str proxy_server "proxy_server" "the host of the gateway's proxy to the network";
        optional int proxy_port "proxy_port" "the port of that proxy";
        optional str proxy_username "proxy_username" "the user name for an http proxy";
        optional str proxy_password "proxy_password" "the password for an http proxy";
        optional str proxy_type "proxy_type" "`socks5` or `http`";
    } as none
    /// Gives this account's own profile.
    GetProfile get_profile Read Read Documented => "Profile" {} as "let me = get_profile();
          msg.reply(`I am ${me.displayName}. ${me.statusMessage}`);"
    /// Lists the groups that this account is a member of.
    GetJoinedGroupIds get_joined_group_ids Read Read Documented => "[chat mid]" {} as r#"for group in get_joined_group_ids() { send_text(group, "Tea at five."); }"#
    /// Lists this account's contacts.
    GetAllContactIds get_all_contact_ids Read Read Documented => "[user mid]" {} as "msg.reply(`I know ${get_all_contact_ids().len} people.`);"
    /// Gives what is known of some people.
    GetContacts get_contacts Read Read Documented => "[Contact]" {
        required list mids "mids" "the people's mids";
    } as "let contacts = get_contacts([msg.sender.mid]);
          msg.reply(`Hello, ${contacts[0].displayName}!`);"
    /// Turns the notifications of one contact on or off.
    EnableContactNotification enable_contact_notification Idempotent Contact Documented => "{}" {
        required str mid "mid" "the contact's mid";
        required bool enable "enable" "whether notifications are on";
    } as "enable_contact_notification(msg.sender.mid, false);"
    /// Gives a contact a name of one's own choice.
    UpdateContactName update_contact_name Idempotent Contact Documented => "{}" {
        required str mid "mid" "the contact's mid";
        required str name "name" "the name to show for them";
    } as r#"update_contact_name(msg.sender.mid, "Alice (tea)");"#
    /// Marks a contact as a favourite, or takes the mark away.
    MarkContact mark_contact Idempotent Contact Documented => "{}" {
        required str mid "mid" "the contact's mid";
        required bool mark "mark" "whether they are a favourite";
    } as "mark_contact(msg.sender.mid, true);"
    /// Blocks a person, or lets them through again.
    BlockContact block_contact Idempotent Contact Documented => "{}" {
        required str mid "mid" "the person's mid";
        required bool block "block" "whether they are blocked";
    } as "block_contact(msg.sender.mid, true);"
    /// Sets this account's display name.
    SetNickName set_nick_name Idempotent Profile Documented => "{nickname}" {
        required str nickname "nickname" "the new display name, at most 20 characters";
    } as r#"set_nick_name("Tea bot");"#
    /// Sets this account's status message.
    SetSignature set_signature Idempotent Profile Documented => "{signature}" {
        required str signature "signature" "the new status message, at most 500 characters";
    } as r#"set_signature("Say /help.");"#
    /// Sets this account's picture from a file on the gateway's disk.
    UpdateProfilePicture update_profile_picture Idempotent Profile Documented => "{}" {
        required str path "path" "the picture's path on the gateway's disk";
    } as r#"update_profile_picture("pictures/teapot.jpg");"#
    /// Tells whether a user id is free and well formed.
    CheckUseridValid check_userid_valid Read Search Documented => "{valid}" {
        required str user_id "user_id" "the user id to check";
    } as r#"let answer = check_userid_valid("tea-bot");
            if !answer.valid { log_warn("tea-bot is taken"); }"#
    /// Sets this account's user id, which can be done once.
    SetMyUserid set_my_userid Idempotent Profile Documented => "{user_id}" {
        required str user_id "user_id" "4 to 20 of a-z 0-9 . - _";
    } as r#"set_my_userid("tea-bot");"#
    /// Gives the url behind this account's QR code.
    GetQrCode get_qr_code Read Read Documented => "{url}" {} as "msg.reply(`Add me as a friend: ${get_qr_code().url}`);"
    /// Sets this account's birthday.
    SetBirthday set_birthday Idempotent Profile Documented => "{}" {
        required str year "year" "the year, such as `1980`";
        required str day "day" "month and day, such as `0811`";
    } as r#"set_birthday("1990", "0811");"#
    /// Lets others find this account by its user id, or not.
    EnableSearchByUserId enable_search_by_user_id Idempotent Profile Documented => "{}" {
        required bool enable "enable" "whether it can be found";
    } as "enable_search_by_user_id(false);"
    /// Allows further logins of this account, or not.
    EnableSecondaryLogin enable_secondary_login Idempotent Profile Documented => "{}" {
        required bool enable "enable" "whether further logins are allowed";
    } as "enable_secondary_login(false);"
    /// Gives this account's settings.
    GetSettings get_settings Read Read Documented => "Settings" {} as r#"let own = get_settings();
            if !own.notificationEnable { log_warn("notifications are off"); }"#
    /// Looks a person up by user id.
    SearchContactByUserid search_contact_by_userid Read Search Documented => "Contact" {
        required str user_id "user_id" "the person's user id";
    } as r#"let found = search_contact_by_userid("tea-house");
            msg.reply(`That is ${found.displayName}.`);"#
    /// Looks people up by phone number.
    SearchContactByPhones search_contact_by_phones Read Search Documented => "{mid: Contact}" {
        required list phones "phones" "phone numbers with `+` and the country code first";
    } as r#"for (person, index) in search_contact_by_phones(["+819000000003"]).values() {
                msg.reply(`${index + 1}. ${person.displayName}`);
            }"#
    /// Looks a person up by the url of their QR code.
    SearchContactByUrl search_contact_by_url Read Search Documented => "Contact" {
        required str url "url" "the url that their `GetQrCode` gave";
    } as r#"let person = search_contact_by_url(msg.text ?? "");
            msg.reply(`That is ${person.displayName}.`);"#
    /// Adds a person to this account's contacts.
    SearchAndAddContactsByMid search_and_add_contacts_by_mid Idempotent Contact Documented => "{mid: Contact}" {
        required str mid "mid" "the person's mid";
    } as "search_and_add_contacts_by_mid(msg.sender.mid);"
    /// Looks a group up by its join url.
    SearchGroupByUrl search_group_by_url Read Search Documented => "Chat" {
        required str url "url" "the url that `GetGroupQrcode` gave";
    } as r#"let group = search_group_by_url(msg.text ?? "");
            msg.reply(`That is "${group.chatName}".`);"#
    /// Gives what is known of one group (`id`), or of several (`mids`, newer gateways).
    SearchGroupById search_group_by_id Read Read Documented => "Chat for id, [Chat] for mids" {
        either str id "id" "the group's mid";
        either list mids "mids" "the groups' mids";
    } as r#"let group = search_group_by_id(msg.chat);
            msg.reply(`${group.groupExtra.memberMids.len()} people are in "${group.chatName}".`);"#
    /// Creates a group and invites people into it.
    CreateGroup create_group Effect Group Documented => "Chat" {
        required str name "name" "the group's name";
        required list mids "mids" "the people to invite";
    } as r#"let group = create_group("Tea at five", [msg.sender.mid]);
            send_text(group.chatMid, "Who brings the cake?");"#
    /// Sets a group's picture from a file on the gateway's disk.
    UpdateGroupPicture update_group_picture Idempotent Group Documented => "{}" {
        required str group_id "groupId" "the group's mid";
        required str path "path" "the picture's path on the gateway's disk";
    } as r#"update_group_picture(msg.chat, "pictures/teapot.jpg");"#
    /// Invites people into a group.
    InviteIntoGroup invite_into_group Effect Group Documented => "{}" {
        required str group_id "group_id" "the group's mid";
        required list mids "mids" "the people to invite";
    } as r#"let people = search_contact_by_phones(["+819000000003"]);
            invite_into_group(msg.chat, people.keys());"#
    /// Accepts an invitation into a group.
    AcceptGroupInvitation accept_group_invitation Effect Group Documented => "{}" {
        required str group_id "group_id" "the group's mid";
    } as "fn on_invite(invite) {
              accept_group_invitation(invite.group_id);
          }"
    /// Gives the url behind a group's QR code.
    GetGroupQrcode get_group_qrcode Read Read Documented => "{url}" {
        required str group_id "group_id" "the group's mid";
    } as "msg.reply(`Bring your friends: ${get_group_qrcode(msg.chat).url}`);"
    /// Declines an invitation into a group.
    RejectGroupInvitation reject_group_invitation Effect Group Documented => "{}" {
        required str group_id "group_id" "the group's mid";
    } as "fn on_invite(invite) {
              reject_group_invitation(invite.group_id);
          }"
    /// Leaves a group.
    LeaveGroup leave_group Effect Group Documented => "{}" {
        required str group_id "group_id" "the group's mid";
    } as r#"msg.reply("Goodbye.");
            leave_group(msg.chat);"#
    /// Joins a group by its url, while its members allow that.
    JoinGroupByUrl join_group_by_url Effect Group Documented => "{}" {
        required str group_id "group_id" "the group's mid";
        required str url "url" "the url that `GetGroupQrcode` gave";
    } as "if msg.text == () { return; }
          let group = search_group_by_url(msg.text);
          join_group_by_url(group.chatMid, msg.text);"
    /// Renames a group.
    UpdateGroupName update_group_name Idempotent Group Documented => "{}" {
        required str group_id "group_id" "the group's mid";
        required str name "name" "the new name";
    } as r#"update_group_name(msg.chat, "Tea at six");"#
    /// Allows joining a group by its url, or not.
    EnableJoinByUrl enable_join_by_url Idempotent Group Documented => "{}" {
        required str group_id "group_id" "the group's mid";
        required bool enable "enable" "whether joining by url is allowed";
    } as "enable_join_by_url(msg.chat, true);"
    /// Turns a group's notifications on or off.
    EnableGroupNotification enable_group_notification Idempotent Group Documented => "{}" {
        required str group_id "group_id" "the group's mid";
        required bool enable "enable" "whether notifications are on";
    } as "enable_group_notification(msg.chat, false);"
    /// Sends a text message.
    SendText send_text Effect Text Documented => "{id, to, timestamp}" {
        required str to "to" "the person's or the group's mid";
        required str content "content" "the text, at most 10,000 characters";
        optional str msg_id "msg_id" "an id of the client's own, as one of the vendor's clients adds";
    } as r#"send_text(msg.chat, "Tea is ready.");"#
    /// Sends a place on the map.
    SendLocation send_location Effect Text Documented => "{id, to, timestamp}" {
        required str to "to" "the person's or the group's mid";
        required str title "title" "what the place is called";
        required str address "address" "the place's address";
        required float latitude "latitude" "degrees north";
        required float longitude "longitude" "degrees east";
    } as r#"send_location(msg.chat, "Tea house", "1-1 Marunouchi, Tokyo", 35.6812, 139.7671);"#
    /// Sends a contact, by mid or as a vCard.
    SendContact send_contact Effect Text Documented => "{id, to, timestamp}" {
        required str to "to" "the person's or the group's mid";
        required str display_name "displayName" "the name to show";
        required str contact_mid_or_vcard "contactMidOrVcard" "a mid, or the text of a vCard";
        required bool contact_is_mid "contactIsMid" "which of the two it is";
    } as "send_contact(msg.chat, msg.sender.name, msg.sender.mid, true);"
    /// Sends a picture from the gateway's disk.
    SendImage send_image Effect Media Documented => "{id, to, timestamp}" {
        required str to "to" "the person's or the group's mid";
        required str path "path" "the file's path on the gateway's disk";
    } as r#"send_image(msg.chat, "pictures/teapot.jpg");"#
    /// Sends a video from the gateway's disk.
    SendVideo send_video Effect Media Documented => "{id, to, timestamp}" {
        required str to "to" "the person's or the group's mid";
        required str path "path" "the file's path on the gateway's disk";
        required int duration "duration" "how long it plays, in milliseconds";
    } as r#"send_video(msg.chat, "videos/kettle.mp4", 12_000);"#
    /// Sends a voice message or other sound from the gateway's disk.
    SendAudio send_audio Effect Media Documented => "{id, to, timestamp}" {
        required str to "to" "the person's or the group's mid";
        required str path "path" "the file's path on the gateway's disk";
        required int duration "duration" "how long it plays, in milliseconds";
    } as r#"send_audio(msg.chat, "sounds/whistle.m4a", 3_000);"#
    /// Sends a file from the gateway's disk.
    SendFile send_file Effect Media Documented => "{id, to, timestamp}" {
        required str to "to" "the person's or the group's mid";
        required str path "path" "the file's path on the gateway's disk";
    } as r#"send_file(msg.chat, "menu.pdf");"#
    /// Saves a message's file on the gateway's disk.
    DownloadFile download_file Idempotent Media Documented => "{path}" {
        required str msg_id "msg_id" "the message's id";
        required str path "path" "where to save it on the gateway's disk";
    } as r#"if msg.content_type == "FILE" { download_file(msg.id, `inbox/${msg.metadata.FILE_NAME}`); }"#
    /// Prepares the upload of a picture over HTTP.
    GetSendImageParam get_send_image_param Read Media Proven => secret "{url, heads, params, path}" {
        required str to "to" "the person's or the group's mid";
        required str path "path" "the file's path on the client's disk";
        required str msg_id "msg_id" "an id of the client's own for the message";
    } as r#"let upload = get_send_image_param(msg.chat, "teapot.jpg", `${now()}`);
            log_info(`the picture goes to ${upload.url}`);"#
    /// Prepares the upload of a file over HTTP.
    GetSendFileParam get_send_file_param Read Media Proven => secret "{url, heads, params, path}" {
        required str to "to" "the person's or the group's mid";
        required str path "path" "the file's path on the client's disk";
        required str msg_id "msg_id" "an id of the client's own for the message";
    } as r#"let upload = get_send_file_param(msg.chat, "menu.pdf", `${now()}`);
            log_info(`the file goes to ${upload.url}`);"#
    /// Prepares the upload of a video over HTTP.
    GetSendVideoParam get_send_video_param Read Media Proven => secret "{url, heads, params, path}" {
        required str to "to" "the person's or the group's mid";
        required str path "path" "the file's path on the client's disk";
        required int duration "duration" "how long it plays, in milliseconds";
        required str msg_id "msg_id" "an id of the client's own for the message";
    } as r#"let upload = get_send_video_param(msg.chat, "kettle.mp4", 12_000, `${now()}`);
            log_info(`the video goes to ${upload.url}`);"#
    /// Prepares the upload of a sound over HTTP.
    GetSendAudioParam get_send_audio_param Read Media Proven => secret "{url, heads, params, path}" {
        required str to "to" "the person's or the group's mid";
        required str path "path" "the file's path on the client's disk";
        required int duration "duration" "how long it plays, in milliseconds";
        required str msg_id "msg_id" "an id of the client's own for the message";
    } as r#"let upload = get_send_audio_param(msg.chat, "whistle.m4a", 3_000, `${now()}`);
            log_info(`the sound goes to ${upload.url}`);"#
    /// Prepares the download of a message's file over HTTP.
    GetDownloadFileParam get_download_file_param Read Media Proven => secret "{url, heads, path}" {
        required str msg_id "msg_id" "the message's id";
        required str path "path" "the file's path on the client's disk";
    } as r#"if msg.content_type == "FILE" {
                let file = get_download_file_param(msg.id, msg.metadata.FILE_NAME);
                log_info(`it is to be had at ${file.url}`);
            }"#
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_and_functions_are_unique_and_documented() {
        let names: BTreeSet<_> = COMMANDS.iter().map(|command| command.name).collect();
        let functions: BTreeSet<_> = COMMANDS.iter().map(|command| command.function).collect();
        assert_eq!((names.len(), functions.len()), (COMMANDS.len(), COMMANDS.len()));
        for command in COMMANDS {
            assert!(!command.doc.is_empty() && command.fields.iter().all(|field| !field.doc.is_empty()));
            assert!(!command.result.contains('`'), "{} is shown as code as a whole", command.result);
        }
    }

    #[test]
    fn a_function_is_its_command_in_snake_case() {
        for command in COMMANDS {
            let mut snake = String::new();
            for letter in command.name.chars() {
                if letter.is_ascii_uppercase() && !snake.is_empty() {
                    snake.push('_');
                }
                snake.push(letter.to_ascii_lowercase());
            }
            assert_eq!(command.function, snake);
        }
    }

    #[test]
    fn the_positional_form_of_an_either_or_takes_one_value() {
        let search = SearchGroupById::COMMAND;
        assert_eq!(search.signature(), "search_group_by_id(id)");
        assert_eq!(search.choices().count(), 2);
    }
}
