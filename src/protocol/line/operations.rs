//! The one table of the Messaging API's operations.
//!
//! A row declares an operation once: its name, its script function, method, server and path, what its body and its answer are, how safely
//! it can be repeated, how it is paced, and its fields. The functions of the namespace `line`, the requests, the reference, the
//! editor definitions and the sandbox's dispatch come from it.

use crate::protocol::commands::{Command, Family, Field, FieldKind, Presence, Provenance, Safety};
use crate::protocol::example::{Proof, shows};

/// How an operation is requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// `GET`
    Get,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `DELETE`
    Delete,
}

impl Method {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// Which of LINE's two servers has an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Server {
    /// `https://api.line.me`
    Api,
    /// `https://api-data.line.me`, which carries files.
    Blob,
}

impl Server {
    /// Its base url.
    pub const fn url(self) -> &'static str {
        match self {
            Self::Api => "https://api.line.me",
            Self::Blob => "https://api-data.line.me",
        }
    }
}

/// What a request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// No body.
    Nothing,
    /// A JSON object of the fields that are not in the url or a header.
    Json,
    /// The bytes of the file that the field `path` names.
    File,
}

/// What a success answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerKind {
    /// JSON, or nothing.
    Json,
    /// Nothing but the request's own id, in a header: it tells later on how far the request is. Scripts get it as `requestId`.
    RequestId,
    /// Bytes, which go to the file that the field `path` names.
    File,
}

/// One row of the table.
#[derive(Debug)]
pub struct ApiOperation {
    /// What it has in common with the commands of other networks; its name is LINE's `operationId`.
    pub command: Command,
    /// How it is requested.
    pub method: Method,
    /// Who has it.
    pub server: Server,
    /// The path below the server's url, with fields in braces.
    pub path: &'static str,
    /// What it carries.
    pub body: BodyKind,
    /// What it answers.
    pub answer: AnswerKind,
}

impl ApiOperation {
    /// The row of an operation's name.
    pub fn named(name: &str) -> Option<&'static Self> {
        OPERATIONS.iter().find(|row| row.command.name == name)
    }

    /// The row of an operation of this name that carries a file.
    pub fn with_file(name: &str) -> Option<&'static Self> {
        // The names of other networks' commands begin with a large letter, and most that are asked for are theirs.
        let named = name.starts_with(|first: char| first.is_ascii_lowercase()).then(|| Self::named(name)).flatten();
        named.filter(|row| row.body == BodyKind::File || row.answer == AnswerKind::File)
    }

    /// The row that a request is for, with the values of the fields in its path, as they stand there.
    pub fn at<'a>(method: &str, path: &'a str) -> Option<(&'static Self, Vec<(&'static str, &'a str)>)> {
        let matching = |row: &'static Self| Some((row, row.values_in(path)?));
        let rows = OPERATIONS.iter().filter(|row| row.method.name() == method).filter_map(matching);
        // `/richmenu/list` is not the rich menu of the id `list`.
        rows.min_by_key(|(_, values)| values.len())
    }

    /// Whether a field stands in the path.
    pub fn is_in_path(&self, field: &str) -> bool {
        self.path.split('/').any(|part| placeholder(part) == Some(field))
    }

    /// Whether it takes a key under which the same request counts once.
    pub fn takes_retry_key(&self) -> bool {
        self.has_field(RETRY_KEY)
    }

    /// Whether its row has a field.
    pub fn has_field(&self, name: &str) -> bool {
        self.command.fields.iter().any(|field| field.name == name)
    }

    /// Whether a field names a file of this machine, which is not on the wire.
    pub fn names_file(&self, field: &str) -> bool {
        field == "path" && (self.body == BodyKind::File || self.answer == AnswerKind::File)
    }

    fn values_in<'a>(&self, path: &'a str) -> Option<Vec<(&'static str, &'a str)>> {
        let (mut wanted, mut found) = (self.path.split('/'), path.split('/'));
        let mut values = Vec::new();
        loop {
            match (wanted.next(), found.next()) {
                (None, None) => return Some(values),
                (Some(wanted), Some(found)) => match placeholder(wanted) {
                    Some(field) if !found.is_empty() => values.push((field, found)),
                    None if wanted == found => {}
                    _ => return None,
                },
                _ => return None,
            }
        }
    }
}

/// The field that a part of a path stands for.
fn placeholder(part: &'static str) -> Option<&'static str> {
    part.strip_prefix('{')?.strip_suffix('}')
}

/// The field whose value is the header `X-Line-Retry-Key`.
pub(super) const RETRY_KEY: &str = "retryKey";
/// The field whose value is the header `X-Line-Delivery-Tag`.
pub(super) const DELIVERY_TAG: &str = "deliveryTag";

/// The namespace of the script functions.
const NAMESPACE: &str = "line";

macro_rules! example {
    (none) => {
        None
    };
    ($code:literal) => {
        Some(shows($code, Proof::Loads))
    };
}

macro_rules! operations {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident $function:ident $method:ident $server:ident $path:literal $body:ident $answer:ident $safety:ident $family:ident => $result:literal {
            $( $presence:ident $kind:ident $field:literal $field_doc:literal; )*
        } as $example:tt
    )+) => {
        /// Every operation of the Messaging API, in the order of its description.
        pub static OPERATIONS: &[ApiOperation] = &[$( ApiOperation {
            command: Command {
                name: stringify!($name),
                function: stringify!($function),
                namespace: Some(NAMESPACE),
                safety: Safety::$safety,
                family: Family::$family,
                origin: Provenance::Documented,
                result: $result,
                is_secret: false,
                doc: concat!($($doc),+).trim_ascii(),
                fields: &[$( Field {
                    name: $field,
                    kind: field_kind!($kind),
                    presence: field_presence!($presence),
                    doc: $field_doc,
                } ),*],
                example: example!($example),
            },
            method: Method::$method,
            server: Server::$server,
            path: $path,
            body: BodyKind::$body,
            answer: AnswerKind::$answer,
        } ),+];
    };
}

// name, script function, method, server, path, body, answer, safety, family => result { presence type "field" "documentation"; } as example
operations! {
    /// Gives the url that LINE delivers events to, and whether it does.
    getWebhookEndpoint get_webhook_endpoint Get Api "/v2/bot/channel/webhook/endpoint" Nothing Json Read Read => "{endpoint, active}" {} as none
    /// Sets the url that LINE delivers events to. It can take a minute until it counts.
    setWebhookEndpoint set_webhook_endpoint Put Api "/v2/bot/channel/webhook/endpoint" Json Json Idempotent Profile => "{}" {
        required str "endpoint" "the url, with https, at most 500 characters";
    } as r#"line::set_webhook_endpoint("https://bot.example/webhook/shop");"#
    /// Has LINE deliver a webhook without events, and tells what came of it.
    testWebhookEndpoint test_webhook_endpoint Post Api "/v2/bot/channel/webhook/test" Json Json Read Read => "{success, timestamp, statusCode, reason, detail}" {
        optional str "endpoint" "the url to try; without it the one that is set";
    } as "let test = line::test_webhook_endpoint();
            if !test.success { log_warn(`webhooks do not arrive: ${test.reason}`); }"
    /// Saves the picture, video, sound or file of a message that somebody sent.
    getMessageContent get_message_content Get Blob "/v2/bot/message/{messageId}/content" Nothing File Idempotent Media => "{path}" {
        required str "messageId" "the message's id";
        required str "path" "the file to write it to";
    } as r#"if msg.content_type == "IMAGE" { line::get_message_content(msg.id, `inbox/${msg.id}.jpg`); }"#
    /// Saves a small picture of a picture or video that somebody sent.
    getMessageContentPreview get_message_content_preview Get Blob "/v2/bot/message/{messageId}/content/preview" Nothing File Idempotent Media => "{path}" {
        required str "messageId" "the message's id";
        required str "path" "the file to write it to";
    } as none
    /// Tells whether a video or sound that somebody sent can be fetched yet: `processing`, `succeeded` or `failed`.
    getMessageContentTranscodingByMessageId get_message_content_transcoding_by_message_id Get Blob "/v2/bot/message/{messageId}/content/transcoding" Nothing Json Read Read => "{status}" {
        required str "messageId" "the message's id";
    } as none
    /// Answers an event with its reply token, which costs nothing. A token works once, and only for about a minute; `msg.reply` sees to that by itself.
    replyMessage reply_message Post Api "/v2/bot/message/reply" Json Json Effect Text => "{sentMessages: [{id, quoteToken}]}" {
        required str "replyToken" "the event's reply token";
        required maps "messages" "the messages as LINE describes them, 1 to 5";
        optional bool "notificationDisabled" "whether phones stay silent; not unless it is said";
    } as r#"let sticker = #{ type: "sticker", packageId: "446", stickerId: "1988" };
            line::reply_message(msg.raw.replyToken, [#{ type: "text", text: "Thank you!" }, sticker]);"#
    /// Sends messages to a person, group or room at any time. Each recipient counts towards the month's limit.
    pushMessage push_message Post Api "/v2/bot/message/push" Json Json Effect Text => "{sentMessages: [{id, quoteToken}]}" {
        required str "to" "the id of the person, group or room";
        required maps "messages" "the messages as LINE describes them, 1 to 5";
        optional bool "notificationDisabled" "whether phones stay silent; not unless it is said";
        optional list "customAggregationUnits" "names under which it is counted, at most one; for companies that LINE lets use them";
        optional str "retryKey" "a UUID under which the same request counts once for a day, however often it is sent";
    } as r#"let sticker = #{ type: "sticker", packageId: "446", stickerId: "1988" };
            line::push_message(msg.chat, [#{ type: "text", text: "Tea is ready." }, sticker]);"#
    /// Sends the same messages to several people at once, but not to groups or rooms. Each person counts towards the month's limit.
    multicast multicast Post Api "/v2/bot/message/multicast" Json Json Effect Text => "{}" {
        required list "to" "the people's ids, 1 to 500";
        required maps "messages" "the messages as LINE describes them, 1 to 5";
        optional bool "notificationDisabled" "whether phones stay silent; not unless it is said";
        optional list "customAggregationUnits" "names under which it is counted, at most one; for companies that LINE lets use them";
        optional str "retryKey" "a UUID under which the same request counts once for a day, however often it is sent";
    } as r#"let fans = store.get("fans");
            if fans != () { line::multicast(fans, [#{ type: "text", text: "Tea at five." }]); }"#
    /// Sends messages to those among the followers whom a filter describes. LINE sends them later on: `get_narrowcast_progress` tells how far it is.
    narrowcast narrowcast Post Api "/v2/bot/message/narrowcast" Json RequestId Effect Text => "{requestId}" {
        required maps "messages" "the messages as LINE describes them, 1 to 5";
        optional map "recipient" "to whom: audiences, joined by `and`, `or` and `not`";
        optional map "filter" "`#{demographic: …}`: gender, age, area, system, for how long a friend";
        optional map "limit" "`#{max: 100, upToRemainingQuota: true}`: to how many at most";
        optional bool "notificationDisabled" "whether phones stay silent; not unless it is said";
        optional str "retryKey" "a UUID under which the same request counts once for a day, however often it is sent";
    } as r#"let sent = line::narrowcast(#{
                messages: [#{ type: "text", text: "New: green tea." }],
                limit: #{ max: 100, upToRemainingQuota: true },
            });
            log_info(line::get_narrowcast_progress(sent.requestId).phase);"#
    /// Tells how far a narrowcast is: `waiting`, `sending`, `succeeded` or `failed`.
    getNarrowcastProgress get_narrowcast_progress Get Api "/v2/bot/message/progress/narrowcast" Nothing Json Read Read => "{phase, successCount, failureCount, targetCount, failedDescription, errorCode, acceptedTime, completedTime}" {
        required str "requestId" "the id that `narrowcast` gave";
    } as none
    /// Sends messages to all who follow this account. Each counts towards the month's limit.
    broadcast broadcast Post Api "/v2/bot/message/broadcast" Json Json Effect Text => "{}" {
        required maps "messages" "the messages as LINE describes them, 1 to 5";
        optional bool "notificationDisabled" "whether phones stay silent; not unless it is said";
        optional str "retryKey" "a UUID under which the same request counts once for a day, however often it is sent";
    } as r#"line::broadcast([#{ type: "text", text: "The tea house is closed today." }]);"#
    /// Gives how many messages can be sent this month: `type` is `limited`, with `value`, or `none` where there is no limit.
    getMessageQuota get_message_quota Get Api "/v2/bot/message/quota" Nothing Json Read Read => "{type, value}" {} as r#"let quota = line::get_message_quota();
            if quota.type == "limited" {
                let left = quota.value - line::get_message_quota_consumption().totalUsage;
                msg.reply(`${left} messages are left this month.`);
            }"#
    /// Gives how many messages of this month's limit are used, approximately.
    getMessageQuotaConsumption get_message_quota_consumption Get Api "/v2/bot/message/quota/consumption" Nothing Json Read Read => "{totalUsage}" {} as none
    /// Gives how many replies were sent on a day. `status` is `ready` where that is known.
    getNumberOfSentReplyMessages get_number_of_sent_reply_messages Get Api "/v2/bot/message/delivery/reply" Nothing Json Read Read => "{status, success}" {
        required str "date" "the day in Japan, such as `20260131`";
    } as none
    /// Gives how many pushes were sent on a day. `status` is `ready` where that is known.
    getNumberOfSentPushMessages get_number_of_sent_push_messages Get Api "/v2/bot/message/delivery/push" Nothing Json Read Read => "{status, success}" {
        required str "date" "the day in Japan, such as `20260131`";
    } as none
    /// Gives how many messages were sent by multicast on a day. `status` is `ready` where that is known.
    getNumberOfSentMulticastMessages get_number_of_sent_multicast_messages Get Api "/v2/bot/message/delivery/multicast" Nothing Json Read Read => "{status, success}" {
        required str "date" "the day in Japan, such as `20260131`";
    } as none
    /// Gives how many messages were sent by broadcast on a day. `status` is `ready` where that is known.
    getNumberOfSentBroadcastMessages get_number_of_sent_broadcast_messages Get Api "/v2/bot/message/delivery/broadcast" Nothing Json Read Read => "{status, success}" {
        required str "date" "the day in Japan, such as `20260131`";
    } as none
    /// Checks messages as `reply_message` would, and sends none. What is wrong is thrown.
    validateReply validate_reply Post Api "/v2/bot/message/validate/reply" Json Json Read Read => "{}" {
        required maps "messages" "the messages as LINE describes them, 1 to 5";
    } as none
    /// Checks messages as `push_message` would, and sends none. What is wrong is thrown.
    validatePush validate_push Post Api "/v2/bot/message/validate/push" Json Json Read Read => "{}" {
        required maps "messages" "the messages as LINE describes them, 1 to 5";
    } as none
    /// Checks messages as `multicast` would, and sends none. What is wrong is thrown.
    validateMulticast validate_multicast Post Api "/v2/bot/message/validate/multicast" Json Json Read Read => "{}" {
        required maps "messages" "the messages as LINE describes them, 1 to 5";
    } as none
    /// Checks messages as `narrowcast` would, and sends none. What is wrong is thrown.
    validateNarrowcast validate_narrowcast Post Api "/v2/bot/message/validate/narrowcast" Json Json Read Read => "{}" {
        required maps "messages" "the messages as LINE describes them, 1 to 5";
    } as none
    /// Checks messages as `broadcast` would, and sends none. What is wrong is thrown.
    validateBroadcast validate_broadcast Post Api "/v2/bot/message/validate/broadcast" Json Json Read Read => "{}" {
        required maps "messages" "the messages as LINE describes them, 1 to 5";
    } as none
    /// Gives how many names messages were counted under this month.
    getAggregationUnitUsage get_aggregation_unit_usage Get Api "/v2/bot/message/aggregation/info" Nothing Json Read Read => "{numOfCustomAggregationUnits}" {} as none
    /// Lists the names that messages were counted under this month. `next` is there while there are more.
    getAggregationUnitNameList get_aggregation_unit_name_list Get Api "/v2/bot/message/aggregation/list" Nothing Json Read Read => "{customAggregationUnits: [name], next}" {
        optional str "limit" "how many at most, as a string";
        optional str "start" "where to go on: `next` of the answer before";
    } as none
    /// Gives the profile of a person who follows this account, or has written to it.
    getProfile get_profile Get Api "/v2/bot/profile/{userId}" Nothing Json Read Read => "{displayName, userId, pictureUrl, statusMessage, language}" {
        required str "userId" "the person's id";
    } as r#"let profile = line::get_profile(msg.sender.mid);
            log_info(`${profile.displayName} speaks ${profile.language ?? "an unknown language"}`);"#
    /// Lists those who follow this account, for verified and premium accounts. `next` is there while there are more.
    getFollowers get_followers Get Api "/v2/bot/followers/ids" Nothing Json Read Read => "{userIds: [id], next}" {
        optional str "start" "where to go on: `next` of the answer before";
        optional int "limit" "how many at most, up to 1,000; 300 unless it is said";
    } as "let page = line::get_followers();
            let count = page.userIds.len;
            while page.next != () {
                page = line::get_followers(#{ start: page.next });
                count += page.userIds.len;
            }
            msg.reply(`${count} people follow me.`);"
    /// Gives this account's own profile and settings.
    getBotInfo get_bot_info Get Api "/v2/bot/info" Nothing Json Read Read => "{userId, basicId, premiumId, displayName, pictureUrl, chatMode, markAsReadMode}" {} as "msg.reply(`Find me as ${line::get_bot_info().basicId}.`);"
    /// Gives the profile of a member of a group, follower or not.
    getGroupMemberProfile get_group_member_profile Get Api "/v2/bot/group/{groupId}/member/{userId}" Nothing Json Read Read => "{displayName, userId, pictureUrl}" {
        required str "groupId" "the group's id";
        required str "userId" "the person's id";
    } as "if msg.is_group {
                let member = line::get_group_member_profile(msg.chat, msg.sender.mid);
                log_info(`the picture of ${member.displayName} is ${member.pictureUrl}`);
            }"
    /// Gives the profile of a member of a room, follower or not.
    getRoomMemberProfile get_room_member_profile Get Api "/v2/bot/room/{roomId}/member/{userId}" Nothing Json Read Read => "{displayName, userId, pictureUrl}" {
        required str "roomId" "the room's id";
        required str "userId" "the person's id";
    } as none
    /// Lists the members of a group, for verified and premium accounts. `next` is there while there are more.
    getGroupMembersIds get_group_members_ids Get Api "/v2/bot/group/{groupId}/members/ids" Nothing Json Read Read => "{memberIds: [id], next}" {
        required str "groupId" "the group's id";
        optional str "start" "where to go on: `next` of the answer before";
    } as none
    /// Lists the members of a room, for verified and premium accounts. `next` is there while there are more.
    getRoomMembersIds get_room_members_ids Get Api "/v2/bot/room/{roomId}/members/ids" Nothing Json Read Read => "{memberIds: [id], next}" {
        required str "roomId" "the room's id";
        optional str "start" "where to go on: `next` of the answer before";
    } as none
    /// Leaves a group.
    leaveGroup leave_group Post Api "/v2/bot/group/{groupId}/leave" Nothing Json Effect Group => "{}" {
        required str "groupId" "the group's id";
    } as none
    /// Leaves a room.
    leaveRoom leave_room Post Api "/v2/bot/room/{roomId}/leave" Nothing Json Effect Group => "{}" {
        required str "roomId" "the room's id";
    } as none
    /// Gives the name and the picture of a group.
    getGroupSummary get_group_summary Get Api "/v2/bot/group/{groupId}/summary" Nothing Json Read Read => "{groupId, groupName, pictureUrl}" {
        required str "groupId" "the group's id";
    } as r#"if msg.is_group { msg.reply(`Hello, "${line::get_group_summary(msg.chat).groupName}"!`); }"#
    /// Gives how many people are in a group, this account not counted.
    getGroupMemberCount get_group_member_count Get Api "/v2/bot/group/{groupId}/members/count" Nothing Json Read Read => "{count}" {
        required str "groupId" "the group's id";
    } as none
    /// Gives how many people are in a room, this account not counted.
    getRoomMemberCount get_room_member_count Get Api "/v2/bot/room/{roomId}/members/count" Nothing Json Read Read => "{count}" {
        required str "roomId" "the room's id";
    } as none
    /// Creates a rich menu, the buttons below a chat. It is shown once it has a picture (`set_rich_menu_image`) and is linked to people, or to all.
    createRichMenu create_rich_menu Post Api "/v2/bot/richmenu" Json Json Effect Profile => "{richMenuId}" {
        optional map "size" "`#{width: 2500, height: 1686}`: in pixels, 800 to 2,500 wide";
        optional bool "selected" "whether it is open at first";
        optional str "name" "what it is called among menus, at most 300 characters; nobody sees it";
        optional str "chatBarText" "what the bar says that opens it, at most 14 characters";
        optional maps "areas" "its buttons, at most 20: `#{bounds: #{x, y, width, height}, action: …}`";
    } as r#"let menu = line::create_rich_menu(#{
                size: #{ width: 800, height: 270 },
                selected: true,
                name: "tea menu",
                chatBarText: "Order",
                areas: [#{
                    bounds: #{ x: 0, y: 0, width: 800, height: 270 },
                    action: #{ type: "postback", data: "order=tea", label: "A tea" },
                }],
            }).richMenuId;
            line::set_rich_menu_image(menu, "pictures/menu.png");
            line::set_default_rich_menu(menu);"#
    /// Checks a rich menu as `create_rich_menu` would, and creates none. What is wrong is thrown.
    validateRichMenuObject validate_rich_menu_object Post Api "/v2/bot/richmenu/validate" Json Json Read Read => "{}" {
        optional map "size" "`#{width: 2500, height: 1686}`: in pixels, 800 to 2,500 wide";
        optional bool "selected" "whether it is open at first";
        optional str "name" "what it is called among menus, at most 300 characters; nobody sees it";
        optional str "chatBarText" "what the bar says that opens it, at most 14 characters";
        optional maps "areas" "its buttons, at most 20: `#{bounds: #{x, y, width, height}, action: …}`";
    } as none
    /// Saves the picture of a rich menu.
    getRichMenuImage get_rich_menu_image Get Blob "/v2/bot/richmenu/{richMenuId}/content" Nothing File Idempotent Media => "{path}" {
        required str "richMenuId" "the rich menu";
        required str "path" "the file to write it to";
    } as none
    /// Gives a rich menu its picture, which cannot be changed afterwards.
    setRichMenuImage set_rich_menu_image Post Blob "/v2/bot/richmenu/{richMenuId}/content" File Json Idempotent Media => "{}" {
        required str "richMenuId" "the rich menu";
        required str "path" "the picture: a JPEG or PNG of at most 1 MB, as large as the menu says";
    } as none
    /// Gives what a rich menu consists of.
    getRichMenu get_rich_menu Get Api "/v2/bot/richmenu/{richMenuId}" Nothing Json Read Read => "{richMenuId, size, selected, name, chatBarText, areas}" {
        required str "richMenuId" "the rich menu";
    } as none
    /// Deletes a rich menu.
    deleteRichMenu delete_rich_menu Delete Api "/v2/bot/richmenu/{richMenuId}" Nothing Json Idempotent Profile => "{}" {
        required str "richMenuId" "the rich menu";
    } as none
    /// Lists the rich menus that were created by this API.
    getRichMenuList get_rich_menu_list Get Api "/v2/bot/richmenu/list" Nothing Json Read Read => "{richmenus: [{richMenuId, size, selected, name, chatBarText, areas}]}" {} as none
    /// Shows a rich menu to all who have none of their own.
    setDefaultRichMenu set_default_rich_menu Post Api "/v2/bot/user/all/richmenu/{richMenuId}" Nothing Json Idempotent Profile => "{}" {
        required str "richMenuId" "the rich menu";
    } as none
    /// Gives the rich menu of all who have none of their own.
    getDefaultRichMenuId get_default_rich_menu_id Get Api "/v2/bot/user/all/richmenu" Nothing Json Read Read => "{richMenuId}" {} as none
    /// Shows no rich menu any more to those who have none of their own.
    cancelDefaultRichMenu cancel_default_rich_menu Delete Api "/v2/bot/user/all/richmenu" Nothing Json Idempotent Profile => "{}" {} as none
    /// Gives a rich menu a name of one's own choice, by which buttons switch to it.
    createRichMenuAlias create_rich_menu_alias Post Api "/v2/bot/richmenu/alias" Json Json Effect Profile => "{}" {
        required str "richMenuAliasId" "the name, at most 32 characters";
        required str "richMenuId" "the rich menu";
    } as none
    /// Gives the rich menu that has a name.
    getRichMenuAlias get_rich_menu_alias Get Api "/v2/bot/richmenu/alias/{richMenuAliasId}" Nothing Json Read Read => "{richMenuAliasId, richMenuId}" {
        required str "richMenuAliasId" "the name";
    } as none
    /// Gives the name of one rich menu to another.
    updateRichMenuAlias update_rich_menu_alias Post Api "/v2/bot/richmenu/alias/{richMenuAliasId}" Json Json Idempotent Profile => "{}" {
        required str "richMenuAliasId" "the name";
        required str "richMenuId" "the rich menu that it is to mean";
    } as none
    /// Takes a name away from its rich menu.
    deleteRichMenuAlias delete_rich_menu_alias Delete Api "/v2/bot/richmenu/alias/{richMenuAliasId}" Nothing Json Idempotent Profile => "{}" {
        required str "richMenuAliasId" "the name";
    } as none
    /// Lists the names of rich menus.
    getRichMenuAliasList get_rich_menu_alias_list Get Api "/v2/bot/richmenu/alias/list" Nothing Json Read Read => "{aliases: [{richMenuAliasId, richMenuId}]}" {} as none
    /// Gives the rich menu that a person was given.
    getRichMenuIdOfUser get_rich_menu_id_of_user Get Api "/v2/bot/user/{userId}/richmenu" Nothing Json Read Read => "{richMenuId}" {
        required str "userId" "the person's id";
    } as none
    /// Takes the rich menu away that a person was given.
    unlinkRichMenuIdFromUser unlink_rich_menu_id_from_user Delete Api "/v2/bot/user/{userId}/richmenu" Nothing Json Idempotent Profile => "{}" {
        required str "userId" "the person's id";
    } as none
    /// Shows a rich menu to one person, in place of that of all.
    linkRichMenuIdToUser link_rich_menu_id_to_user Post Api "/v2/bot/user/{userId}/richmenu/{richMenuId}" Nothing Json Idempotent Profile => "{}" {
        required str "userId" "the person's id";
        required str "richMenuId" "the rich menu";
    } as r#"let menu = store.get("menu of guests");
            if menu != () { line::link_rich_menu_id_to_user(msg.sender.mid, menu); }"#
    /// Shows a rich menu to several people, a little later.
    linkRichMenuIdToUsers link_rich_menu_id_to_users Post Api "/v2/bot/richmenu/bulk/link" Json Json Idempotent Profile => "{}" {
        required str "richMenuId" "the rich menu";
        required list "userIds" "the people's ids, 1 to 500";
    } as none
    /// Takes the rich menus away that several people were given, a little later.
    unlinkRichMenuIdFromUsers unlink_rich_menu_id_from_users Post Api "/v2/bot/richmenu/bulk/unlink" Json Json Idempotent Profile => "{}" {
        required list "userIds" "the people's ids, 1 to 500";
    } as none
    /// Changes the rich menus of all who have a certain one, or of everybody, a little later: `get_rich_menu_batch_progress` tells how far it is.
    richMenuBatch rich_menu_batch Post Api "/v2/bot/richmenu/batch" Json RequestId Effect Profile => "{requestId}" {
        required maps "operations" "`#{type: \"link\", from: menu, to: menu}`, `#{type: \"unlink\", from: menu}` or `#{type: \"unlinkAll\"}`, at most 1,000";
        optional str "resumeRequestKey" "a key of one's own, by which a batch that failed goes on where it was, at most 100 characters";
    } as none
    /// Checks what `rich_menu_batch` is to do, and does nothing. What is wrong is thrown.
    validateRichMenuBatchRequest validate_rich_menu_batch_request Post Api "/v2/bot/richmenu/validate/batch" Json Json Read Read => "{}" {
        required maps "operations" "as of `rich_menu_batch`";
        optional str "resumeRequestKey" "as of `rich_menu_batch`";
    } as none
    /// Tells how far a batch is: `ongoing`, `succeeded` or `failed`.
    getRichMenuBatchProgress get_rich_menu_batch_progress Get Api "/v2/bot/richmenu/progress/batch" Nothing Json Read Read => "{phase, acceptedTime, completedTime}" {
        required str "requestId" "the id that `rich_menu_batch` gave";
    } as none
    /// Gives a token with which a person can link their account with one of a service; it works once, within ten minutes.
    issueLinkToken issue_link_token Post Api "/v2/bot/user/{userId}/linkToken" Nothing Json Idempotent Contact => "{linkToken}" {
        required str "userId" "the person's id";
    } as "let token = line::issue_link_token(msg.sender.mid).linkToken;
            msg.reply(`Log in here: https://shop.example/login?linkToken=${token}`);"
    /// Marks what a person has written so far as read, for partners of LINE.
    markMessagesAsRead mark_messages_as_read Post Api "/v2/bot/message/markAsRead" Json Json Idempotent Contact => "{}" {
        required map "chat" "`#{userId: id}`: the person";
    } as none
    /// Sends messages to somebody whose phone number is known, follower or not, for partners of LINE.
    pushMessagesByPhone push_messages_by_phone Post Api "/bot/pnp/push" Json Json Effect Text => "{}" {
        required str "to" "the SHA-256 of the phone number (in the form `+819012345678`), in hexadecimal";
        required maps "messages" "the messages as LINE describes them, 1 to 5";
        optional bool "notificationDisabled" "whether phones stay silent; not unless it is said";
        optional str "deliveryTag" "what `on_delivery` tells when it has arrived, 16 to 100 characters";
    } as none
    /// Gives how many messages were sent by phone number on a day. `status` is `ready` where that is known.
    getPNPMessageStatistics get_pnp_message_statistics Get Api "/v2/bot/message/delivery/pnp" Nothing Json Read Read => "{status, success}" {
        required str "date" "the day in Japan, such as `20260131`";
    } as none
    /// Gives the memberships of this account that a person has, and since when.
    getMembershipSubscription get_membership_subscription Get Api "/v2/bot/membership/subscription/{userId}" Nothing Json Read Read => "{subscriptions: [{membership, user}]}" {
        required str "userId" "the person's id";
    } as none
    /// Lists the memberships that this account offers.
    getMembershipList get_membership_list Get Api "/v2/bot/membership/list" Nothing Json Read Read => "{memberships: [{membershipId, title, description, benefits, price, currency, memberCount, memberLimit, isInAppPurchase, isPublished}]}" {} as none
    /// Lists the people who have a membership. `next` is there while there are more.
    getJoinedMembershipUsers get_joined_membership_users Get Api "/v2/bot/membership/{membershipId}/users/ids" Nothing Json Read Read => "{userIds: [id], next}" {
        required int "membershipId" "the membership";
        optional str "start" "where to go on: `next` of the answer before";
        optional int "limit" "how many at most, up to 1,000; 300 unless it is said";
    } as none
    /// Lists this account's coupons. `next` is there while there are more.
    listCoupon list_coupon Get Api "/v2/bot/coupon" Nothing Json Read Read => "{items: [{couponId, title}], next}" {
        optional list "status" "those in one of these states: `DRAFT`, `RUNNING`, `CLOSED`";
        optional str "start" "where to go on: `next` of the answer before";
        optional int "limit" "how many at most, up to 100; 20 unless it is said";
    } as none
    /// Creates a coupon, which a message of the type `coupon` then sends.
    createCoupon create_coupon Post Api "/v2/bot/coupon" Json Json Effect Profile => "{couponId}" {
        required str "title" "what it is called, at most 60 characters";
        required map "acquisitionCondition" "`#{type: \"normal\"}`, or a lottery: `#{type: \"lottery\", lotteryProbability: 50, maxAcquireCount: 100}`";
        required int "startTimestamp" "from when on it can be used, in seconds";
        required int "endTimestamp" "until when, in seconds";
        required str "timezone" "where these times are shown, such as `ASIA_TOKYO`";
        required str "visibility" "`PUBLIC`, or `UNLISTED`: only who gets it knows of it";
        required int "maxUseCountPerTicket" "1: it can be used once; -1: as often as one likes";
        optional map "reward" "what it is worth: `#{type: \"free\"}`, `\"gift\"`, `\"others\"`, or `\"discount\"` and `\"cashBack\"` with `priceInfo`";
        optional str "description" "what it is for, at most 1,000 characters";
        optional str "usageCondition" "its conditions, at most 100 characters";
        optional str "couponCode" "a code to show in the shop";
        optional str "imageUrl" "its picture, with https";
        optional str "barcodeImageUrl" "a picture of its barcode, with https";
    } as none
    /// Gives all that is known of a coupon.
    getCouponDetail get_coupon_detail Get Api "/v2/bot/coupon/{couponId}" Nothing Json Read Read => "{couponId, title, status, acquisitionCondition, startTimestamp, endTimestamp, timezone, visibility, …}" {
        required str "couponId" "the coupon";
    } as none
    /// Ends a coupon: nobody gets it any more.
    closeCoupon close_coupon Put Api "/v2/bot/coupon/{couponId}/close" Nothing Json Idempotent Profile => "{}" {
        required str "couponId" "the coupon";
    } as none
    /// Shows a person that an answer is on its way, until the next message or for so many seconds.
    showLoadingAnimation show_loading_animation Post Api "/v2/bot/chat/loading/start" Json Json Idempotent Contact => "{}" {
        required str "chatId" "the person's id; there is none in groups and rooms";
        optional int "loadingSeconds" "for how long at most: 5 to 60, a multiple of 5; 20 unless it is said";
    } as r#"if !msg.is_group { line::show_loading_animation(#{ chatId: msg.chat, loadingSeconds: 30 }); }
            let news = http_get("https://news.example/today").body;
            msg.reply(news);"#
    /// Marks a message, and those before it, as read, where the account is set to do that by hand.
    markMessagesAsReadByToken mark_messages_as_read_by_token Post Api "/v2/bot/chat/markAsRead" Json Json Idempotent Contact => "{}" {
        required str "markAsReadToken" "the message's token: `markAsReadToken` of its own object";
    } as "line::mark_messages_as_read_by_token(msg.raw.message.markAsReadToken);"
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_row_is_found_by_its_path() {
        for row in OPERATIONS {
            let path = row.path.replace(['{', '}'], "");
            let (found, values) = ApiOperation::at(row.method.name(), &path).expect("it has that path");
            assert_eq!(found.command.name, row.command.name);
            assert!(values.iter().all(|(field, value)| field == value), "{values:?}");
            for (field, _) in values {
                let required = row.command.fields.iter().find(|other| other.name == field);
                assert_eq!(required.map(|field| field.presence), Some(Presence::Required), "{field} of {path}");
            }
        }
        let names: BTreeSet<_> = OPERATIONS.iter().map(|row| row.command.function).collect();
        assert_eq!(names.len(), OPERATIONS.len());
    }

    #[test]
    fn a_function_is_its_operation_in_snake_case() {
        for ApiOperation { command, .. } in OPERATIONS {
            let plain: String = command.function.split('_').collect();
            assert_eq!(plain, command.name.to_ascii_lowercase());
            assert!(command.doc.ends_with('.') && command.fields.iter().all(|field| !field.doc.is_empty()));
            assert!(!command.result.contains('`'), "{} is shown as code as a whole", command.result);
        }
    }

    #[test]
    fn a_row_that_carries_a_file_names_it() {
        for row in OPERATIONS {
            let names_file = row.command.fields.iter().any(|field| field.name == "path");
            let carries_file = row.body == BodyKind::File || row.answer == AnswerKind::File;
            assert_eq!(names_file, carries_file, "{}", row.command.name);
        }
    }
}
