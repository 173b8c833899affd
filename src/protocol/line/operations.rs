//! The one table of the Messaging API's operations.
//!
//! A row declares an operation once: its name, its script function, method, server and path, what its body and its answer are, how safely
//! it can be repeated, how it is paced, and its fields. The functions of the namespace `line`, the requests, the reference, the
//! editor definitions and the sandbox's dispatch come from it.

use crate::protocol::commands::{Command, Family, Field, FieldKind, Presence, Provenance, Safety};

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
    /// Bytes, which go to the file that the field `path` names.
    File,
}

/// One row of the table.
#[derive(Debug)]
pub struct Operation {
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

impl Operation {
    /// The row of an operation's name.
    pub fn named(name: &str) -> Option<&'static Self> {
        OPERATIONS.iter().find(|row| row.command.name == name)
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
        self.command.fields.iter().any(|field| field.name == RETRY_KEY)
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

macro_rules! kind {
    (str) => {
        FieldKind::Str
    };
    (bool) => {
        FieldKind::Bool
    };
    (int) => {
        FieldKind::Int
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

macro_rules! presence {
    (required) => {
        Presence::Required
    };
    (optional) => {
        Presence::Optional
    };
}

macro_rules! operations {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident $function:ident $method:ident $server:ident $path:literal $body:ident $answer:ident $safety:ident $family:ident => $result:literal {
            $( $presence:ident $kind:ident $field:literal $field_doc:literal; )*
        }
    )+) => {
        /// Every operation of the Messaging API, in the order of its description.
        pub static OPERATIONS: &[Operation] = &[$( Operation {
            command: Command {
                name: stringify!($name),
                function: stringify!($function),
                safety: Safety::$safety,
                family: Family::$family,
                origin: Provenance::Documented,
                result: $result,
                doc: concat!($($doc),+).trim_ascii(),
                fields: &[$( Field {
                    name: $field,
                    kind: kind!($kind),
                    presence: presence!($presence),
                    doc: $field_doc,
                } ),*],
                example: None,
            },
            method: Method::$method,
            server: Server::$server,
            path: $path,
            body: BodyKind::$body,
            answer: AnswerKind::$answer,
        } ),+];
    };
}

// name, script function, method, server, path, body, answer, safety, family => result { presence type "field" "documentation"; }
operations! {
    /// TODO.
    getWebhookEndpoint get_webhook_endpoint Get Api "/v2/bot/channel/webhook/endpoint" Nothing Json Read Read => "{}" {
    }
    /// TODO.
    setWebhookEndpoint set_webhook_endpoint Put Api "/v2/bot/channel/webhook/endpoint" Json Json Idempotent Profile => "{}" {
        required str "endpoint" "TODO";
    }
    /// TODO.
    testWebhookEndpoint test_webhook_endpoint Post Api "/v2/bot/channel/webhook/test" Json Json Read Read => "{}" {
        optional str "endpoint" "TODO";
    }
    /// TODO.
    getMessageContent get_message_content Get Blob "/v2/bot/message/{messageId}/content" Nothing File Read Media => "{}" {
        required str "messageId" "TODO";
        required str "path" "TODO";
    }
    /// TODO.
    getMessageContentPreview get_message_content_preview Get Blob "/v2/bot/message/{messageId}/content/preview" Nothing File Read Media => "{}" {
        required str "messageId" "TODO";
        required str "path" "TODO";
    }
    /// TODO.
    getMessageContentTranscodingByMessageId get_message_content_transcoding_by_message_id Get Blob "/v2/bot/message/{messageId}/content/transcoding" Nothing Json Read Media => "{}" {
        required str "messageId" "TODO";
    }
    /// TODO.
    replyMessage reply_message Post Api "/v2/bot/message/reply" Json Json Effect Text => "{}" {
        required str "replyToken" "TODO";
        required maps "messages" "TODO";
        optional bool "notificationDisabled" "TODO";
    }
    /// TODO.
    pushMessage push_message Post Api "/v2/bot/message/push" Json Json Effect Text => "{}" {
        optional str "retryKey" "TODO";
        required str "to" "TODO";
        required maps "messages" "TODO";
        optional bool "notificationDisabled" "TODO";
        optional list "customAggregationUnits" "TODO";
    }
    /// TODO.
    multicast multicast Post Api "/v2/bot/message/multicast" Json Json Effect Text => "{}" {
        optional str "retryKey" "TODO";
        required list "to" "TODO";
        required maps "messages" "TODO";
        optional bool "notificationDisabled" "TODO";
        optional list "customAggregationUnits" "TODO";
    }
    /// TODO.
    narrowcast narrowcast Post Api "/v2/bot/message/narrowcast" Json Json Effect Text => "{}" {
        optional str "retryKey" "TODO";
        required maps "messages" "TODO";
        optional map "recipient" "TODO";
        optional map "filter" "TODO";
        optional map "limit" "TODO";
        optional bool "notificationDisabled" "TODO";
    }
    /// TODO.
    getNarrowcastProgress get_narrowcast_progress Get Api "/v2/bot/message/progress/narrowcast" Nothing Json Read Read => "{}" {
        required str "requestId" "TODO";
    }
    /// TODO.
    broadcast broadcast Post Api "/v2/bot/message/broadcast" Json Json Effect Text => "{}" {
        optional str "retryKey" "TODO";
        required maps "messages" "TODO";
        optional bool "notificationDisabled" "TODO";
    }
    /// TODO.
    getMessageQuota get_message_quota Get Api "/v2/bot/message/quota" Nothing Json Read Read => "{}" {
    }
    /// TODO.
    getMessageQuotaConsumption get_message_quota_consumption Get Api "/v2/bot/message/quota/consumption" Nothing Json Read Read => "{}" {
    }
    /// TODO.
    getNumberOfSentReplyMessages get_number_of_sent_reply_messages Get Api "/v2/bot/message/delivery/reply" Nothing Json Read Read => "{}" {
        required str "date" "TODO";
    }
    /// TODO.
    getNumberOfSentPushMessages get_number_of_sent_push_messages Get Api "/v2/bot/message/delivery/push" Nothing Json Read Read => "{}" {
        required str "date" "TODO";
    }
    /// TODO.
    getNumberOfSentMulticastMessages get_number_of_sent_multicast_messages Get Api "/v2/bot/message/delivery/multicast" Nothing Json Read Read => "{}" {
        required str "date" "TODO";
    }
    /// TODO.
    getNumberOfSentBroadcastMessages get_number_of_sent_broadcast_messages Get Api "/v2/bot/message/delivery/broadcast" Nothing Json Read Read => "{}" {
        required str "date" "TODO";
    }
    /// TODO.
    validateReply validate_reply Post Api "/v2/bot/message/validate/reply" Json Json Read Read => "{}" {
        required maps "messages" "TODO";
    }
    /// TODO.
    validatePush validate_push Post Api "/v2/bot/message/validate/push" Json Json Read Read => "{}" {
        required maps "messages" "TODO";
    }
    /// TODO.
    validateMulticast validate_multicast Post Api "/v2/bot/message/validate/multicast" Json Json Read Read => "{}" {
        required maps "messages" "TODO";
    }
    /// TODO.
    validateNarrowcast validate_narrowcast Post Api "/v2/bot/message/validate/narrowcast" Json Json Read Read => "{}" {
        required maps "messages" "TODO";
    }
    /// TODO.
    validateBroadcast validate_broadcast Post Api "/v2/bot/message/validate/broadcast" Json Json Read Read => "{}" {
        required maps "messages" "TODO";
    }
    /// TODO.
    getAggregationUnitUsage get_aggregation_unit_usage Get Api "/v2/bot/message/aggregation/info" Nothing Json Read Read => "{}" {
    }
    /// TODO.
    getAggregationUnitNameList get_aggregation_unit_name_list Get Api "/v2/bot/message/aggregation/list" Nothing Json Read Read => "{}" {
        optional str "limit" "TODO";
        optional str "start" "TODO";
    }
    /// TODO.
    getProfile get_profile Get Api "/v2/bot/profile/{userId}" Nothing Json Read Read => "{}" {
        required str "userId" "TODO";
    }
    /// TODO.
    getFollowers get_followers Get Api "/v2/bot/followers/ids" Nothing Json Read Read => "{}" {
        optional str "start" "TODO";
        optional int "limit" "TODO";
    }
    /// TODO.
    getBotInfo get_bot_info Get Api "/v2/bot/info" Nothing Json Read Read => "{}" {
    }
    /// TODO.
    getGroupMemberProfile get_group_member_profile Get Api "/v2/bot/group/{groupId}/member/{userId}" Nothing Json Read Read => "{}" {
        required str "groupId" "TODO";
        required str "userId" "TODO";
    }
    /// TODO.
    getRoomMemberProfile get_room_member_profile Get Api "/v2/bot/room/{roomId}/member/{userId}" Nothing Json Read Read => "{}" {
        required str "roomId" "TODO";
        required str "userId" "TODO";
    }
    /// TODO.
    getGroupMembersIds get_group_members_ids Get Api "/v2/bot/group/{groupId}/members/ids" Nothing Json Read Read => "{}" {
        required str "groupId" "TODO";
        optional str "start" "TODO";
    }
    /// TODO.
    getRoomMembersIds get_room_members_ids Get Api "/v2/bot/room/{roomId}/members/ids" Nothing Json Read Read => "{}" {
        required str "roomId" "TODO";
        optional str "start" "TODO";
    }
    /// TODO.
    leaveGroup leave_group Post Api "/v2/bot/group/{groupId}/leave" Nothing Json Idempotent Group => "{}" {
        required str "groupId" "TODO";
    }
    /// TODO.
    leaveRoom leave_room Post Api "/v2/bot/room/{roomId}/leave" Nothing Json Idempotent Group => "{}" {
        required str "roomId" "TODO";
    }
    /// TODO.
    getGroupSummary get_group_summary Get Api "/v2/bot/group/{groupId}/summary" Nothing Json Read Read => "{}" {
        required str "groupId" "TODO";
    }
    /// TODO.
    getGroupMemberCount get_group_member_count Get Api "/v2/bot/group/{groupId}/members/count" Nothing Json Read Read => "{}" {
        required str "groupId" "TODO";
    }
    /// TODO.
    getRoomMemberCount get_room_member_count Get Api "/v2/bot/room/{roomId}/members/count" Nothing Json Read Read => "{}" {
        required str "roomId" "TODO";
    }
    /// TODO.
    createRichMenu create_rich_menu Post Api "/v2/bot/richmenu" Json Json Effect Profile => "{}" {
        optional map "size" "TODO";
        optional bool "selected" "TODO";
        optional str "name" "TODO";
        optional str "chatBarText" "TODO";
        optional maps "areas" "TODO";
    }
    /// TODO.
    validateRichMenuObject validate_rich_menu_object Post Api "/v2/bot/richmenu/validate" Json Json Read Read => "{}" {
        optional map "size" "TODO";
        optional bool "selected" "TODO";
        optional str "name" "TODO";
        optional str "chatBarText" "TODO";
        optional maps "areas" "TODO";
    }
    /// TODO.
    getRichMenuImage get_rich_menu_image Get Blob "/v2/bot/richmenu/{richMenuId}/content" Nothing File Read Media => "{}" {
        required str "richMenuId" "TODO";
        required str "path" "TODO";
    }
    /// TODO.
    setRichMenuImage set_rich_menu_image Post Blob "/v2/bot/richmenu/{richMenuId}/content" File Json Idempotent Media => "{}" {
        required str "richMenuId" "TODO";
        required str "path" "TODO";
    }
    /// TODO.
    getRichMenu get_rich_menu Get Api "/v2/bot/richmenu/{richMenuId}" Nothing Json Read Read => "{}" {
        required str "richMenuId" "TODO";
    }
    /// TODO.
    deleteRichMenu delete_rich_menu Delete Api "/v2/bot/richmenu/{richMenuId}" Nothing Json Idempotent Profile => "{}" {
        required str "richMenuId" "TODO";
    }
    /// TODO.
    getRichMenuList get_rich_menu_list Get Api "/v2/bot/richmenu/list" Nothing Json Read Read => "{}" {
    }
    /// TODO.
    setDefaultRichMenu set_default_rich_menu Post Api "/v2/bot/user/all/richmenu/{richMenuId}" Nothing Json Idempotent Profile => "{}" {
        required str "richMenuId" "TODO";
    }
    /// TODO.
    getDefaultRichMenuId get_default_rich_menu_id Get Api "/v2/bot/user/all/richmenu" Nothing Json Read Read => "{}" {
    }
    /// TODO.
    cancelDefaultRichMenu cancel_default_rich_menu Delete Api "/v2/bot/user/all/richmenu" Nothing Json Idempotent Profile => "{}" {
    }
    /// TODO.
    createRichMenuAlias create_rich_menu_alias Post Api "/v2/bot/richmenu/alias" Json Json Effect Profile => "{}" {
        required str "richMenuAliasId" "TODO";
        required str "richMenuId" "TODO";
    }
    /// TODO.
    getRichMenuAlias get_rich_menu_alias Get Api "/v2/bot/richmenu/alias/{richMenuAliasId}" Nothing Json Read Read => "{}" {
        required str "richMenuAliasId" "TODO";
    }
    /// TODO.
    updateRichMenuAlias update_rich_menu_alias Post Api "/v2/bot/richmenu/alias/{richMenuAliasId}" Json Json Idempotent Profile => "{}" {
        required str "richMenuAliasId" "TODO";
        required str "richMenuId" "TODO";
    }
    /// TODO.
    deleteRichMenuAlias delete_rich_menu_alias Delete Api "/v2/bot/richmenu/alias/{richMenuAliasId}" Nothing Json Idempotent Profile => "{}" {
        required str "richMenuAliasId" "TODO";
    }
    /// TODO.
    getRichMenuAliasList get_rich_menu_alias_list Get Api "/v2/bot/richmenu/alias/list" Nothing Json Read Read => "{}" {
    }
    /// TODO.
    getRichMenuIdOfUser get_rich_menu_id_of_user Get Api "/v2/bot/user/{userId}/richmenu" Nothing Json Read Read => "{}" {
        required str "userId" "TODO";
    }
    /// TODO.
    unlinkRichMenuIdFromUser unlink_rich_menu_id_from_user Delete Api "/v2/bot/user/{userId}/richmenu" Nothing Json Idempotent Profile => "{}" {
        required str "userId" "TODO";
    }
    /// TODO.
    linkRichMenuIdToUser link_rich_menu_id_to_user Post Api "/v2/bot/user/{userId}/richmenu/{richMenuId}" Nothing Json Idempotent Profile => "{}" {
        required str "userId" "TODO";
        required str "richMenuId" "TODO";
    }
    /// TODO.
    linkRichMenuIdToUsers link_rich_menu_id_to_users Post Api "/v2/bot/richmenu/bulk/link" Json Json Idempotent Profile => "{}" {
        required str "richMenuId" "TODO";
        required list "userIds" "TODO";
    }
    /// TODO.
    unlinkRichMenuIdFromUsers unlink_rich_menu_id_from_users Post Api "/v2/bot/richmenu/bulk/unlink" Json Json Idempotent Profile => "{}" {
        required list "userIds" "TODO";
    }
    /// TODO.
    richMenuBatch rich_menu_batch Post Api "/v2/bot/richmenu/batch" Json Json Idempotent Contact => "{}" {
        required maps "operations" "TODO";
        optional str "resumeRequestKey" "TODO";
    }
    /// TODO.
    validateRichMenuBatchRequest validate_rich_menu_batch_request Post Api "/v2/bot/richmenu/validate/batch" Json Json Read Read => "{}" {
        required maps "operations" "TODO";
        optional str "resumeRequestKey" "TODO";
    }
    /// TODO.
    getRichMenuBatchProgress get_rich_menu_batch_progress Get Api "/v2/bot/richmenu/progress/batch" Nothing Json Read Read => "{}" {
        required str "requestId" "TODO";
    }
    /// TODO.
    issueLinkToken issue_link_token Post Api "/v2/bot/user/{userId}/linkToken" Nothing Json Effect Contact => "{}" {
        required str "userId" "TODO";
    }
    /// TODO.
    markMessagesAsRead mark_messages_as_read Post Api "/v2/bot/message/markAsRead" Json Json Idempotent Contact => "{}" {
        required map "chat" "TODO";
    }
    /// TODO.
    pushMessagesByPhone push_messages_by_phone Post Api "/bot/pnp/push" Json Json Effect Text => "{}" {
        optional str "deliveryTag" "TODO";
        required str "to" "TODO";
        required maps "messages" "TODO";
        optional bool "notificationDisabled" "TODO";
    }
    /// TODO.
    getPNPMessageStatistics get_pnp_message_statistics Get Api "/v2/bot/message/delivery/pnp" Nothing Json Read Read => "{}" {
        required str "date" "TODO";
    }
    /// TODO.
    getMembershipSubscription get_membership_subscription Get Api "/v2/bot/membership/subscription/{userId}" Nothing Json Read Read => "{}" {
        required str "userId" "TODO";
    }
    /// TODO.
    getMembershipList get_membership_list Get Api "/v2/bot/membership/list" Nothing Json Read Read => "{}" {
    }
    /// TODO.
    getJoinedMembershipUsers get_joined_membership_users Get Api "/v2/bot/membership/{membershipId}/users/ids" Nothing Json Read Read => "{}" {
        optional str "start" "TODO";
        optional int "limit" "TODO";
        required int "membershipId" "TODO";
    }
    /// TODO.
    listCoupon list_coupon Get Api "/v2/bot/coupon" Nothing Json Read Read => "{}" {
        optional list "status" "TODO";
        optional str "start" "TODO";
        optional int "limit" "TODO";
    }
    /// TODO.
    createCoupon create_coupon Post Api "/v2/bot/coupon" Json Json Effect Profile => "{}" {
        required map "acquisitionCondition" "TODO";
        required int "endTimestamp" "TODO";
        required int "maxUseCountPerTicket" "TODO";
        required int "startTimestamp" "TODO";
        required str "title" "TODO";
        required str "visibility" "TODO";
        required str "timezone" "TODO";
        optional str "barcodeImageUrl" "TODO";
        optional str "couponCode" "TODO";
        optional str "description" "TODO";
        optional str "imageUrl" "TODO";
        optional str "usageCondition" "TODO";
        optional map "reward" "TODO";
    }
    /// TODO.
    getCouponDetail get_coupon_detail Get Api "/v2/bot/coupon/{couponId}" Nothing Json Read Read => "{}" {
        required str "couponId" "TODO";
    }
    /// TODO.
    closeCoupon close_coupon Put Api "/v2/bot/coupon/{couponId}/close" Nothing Json Idempotent Profile => "{}" {
        required str "couponId" "TODO";
    }
    /// TODO.
    showLoadingAnimation show_loading_animation Post Api "/v2/bot/chat/loading/start" Json Json Idempotent Contact => "{}" {
        required str "chatId" "TODO";
        optional int "loadingSeconds" "TODO";
    }
    /// TODO.
    markMessagesAsReadByToken mark_messages_as_read_by_token Post Api "/v2/bot/chat/markAsRead" Json Json Idempotent Contact => "{}" {
        required str "markAsReadToken" "TODO";
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_row_is_found_by_its_path() {
        for row in OPERATIONS {
            let path = row.path.replace(['{', '}'], "");
            let (found, values) = Operation::at(row.method.name(), &path).expect("it has that path");
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
    fn a_row_that_carries_a_file_names_it() {
        for row in OPERATIONS {
            let names_file = row.command.fields.iter().any(|field| field.name == "path");
            let carries_file = row.body == BodyKind::File || row.answer == AnswerKind::File;
            assert_eq!(names_file, carries_file, "{}", row.command.name);
        }
    }
}
