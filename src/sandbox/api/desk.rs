//! Who answers the operations: the official account on the hub, at one moment. What each does is in the files beside.

use axum::http::StatusCode;

use super::call::{ApiAnswer, ApiCall, ApiResult};
use crate::clock::Timestamp;
use crate::protocol::MidKind;
use crate::sandbox::hub::Hub;
use crate::sandbox::line::{Refused, mid_of};
use crate::sandbox::world::{CommandReply, Deed, Mid, Relation};

/// How long someone who wrote to the account can be written to without having added it, in milliseconds.
const GUEST_LIFE: Timestamp = 7 * 24 * 60 * 60 * 1_000;

/// The official account while it carries out a request.
pub(super) struct Desk<'a> {
    pub(super) hub: &'a mut Hub,
    pub(super) call: &'a ApiCall,
    pub(super) me: Mid,
    pub(super) now: Timestamp,
}

impl<'a> Desk<'a> {
    pub(super) fn open(hub: &'a mut Hub, call: &'a ApiCall) -> Result<Self, Refused> {
        let missing = || Refused::new(StatusCode::FORBIDDEN, "the sandbox's world has no official account");
        let me = hub.world.official().cloned().ok_or_else(missing)?;
        let now = hub.now();
        Ok(Self { hub, call, me, now })
    }

    /// Every operation of the table that needs no file and no other server.
    pub(super) fn operate(&mut self) -> ApiResult {
        match self.call.operation.command.name {
            "replyMessage" => self.reply_message(),
            "pushMessage" => self.push_message(),
            "multicast" => self.multicast(),
            "narrowcast" => self.narrowcast(),
            "broadcast" => self.broadcast(),
            "pushMessagesByPhone" => self.push_messages_by_phone(),
            "getNarrowcastProgress" => self.narrowcast_progress(),
            "validateReply" | "validatePush" | "validateMulticast" | "validateNarrowcast" | "validateBroadcast" => {
                self.validate()
            }
            "getProfile" => self.profile(),
            "getFollowers" => self.followers(),
            "getGroupMemberProfile" | "getRoomMemberProfile" => self.member_profile(),
            "getGroupMembersIds" | "getRoomMembersIds" => self.member_ids(),
            "getGroupMemberCount" | "getRoomMemberCount" => self.member_count(),
            "getGroupSummary" => self.group_summary(),
            "leaveGroup" | "leaveRoom" => self.leave(),
            "issueLinkToken" => self.issue_link_token(),
            "getBotInfo" => self.bot_info(),
            "getWebhookEndpoint" => self.webhook_endpoint(),
            "setWebhookEndpoint" => self.set_webhook_endpoint(),
            "getMessageQuota" => self.quota(),
            "getMessageQuotaConsumption" => self.quota_consumption(),
            "getNumberOfSentReplyMessages"
            | "getNumberOfSentPushMessages"
            | "getNumberOfSentMulticastMessages"
            | "getNumberOfSentBroadcastMessages"
            | "getPNPMessageStatistics" => self.number_of_sent(),
            "getAggregationUnitUsage" => self.aggregation_unit_usage(),
            "getAggregationUnitNameList" => self.aggregation_unit_names(),
            "showLoadingAnimation" => self.show_loading_animation(),
            "markMessagesAsRead" => self.mark_as_read(),
            "markMessagesAsReadByToken" => self.mark_as_read_by_token(),
            "getMessageContent" | "getMessageContentPreview" => self.message_content(),
            "getMessageContentTranscodingByMessageId" => self.message_transcoding(),
            "getRichMenuImage" => self.rich_menu_image(),
            "getMembershipSubscription" => self.membership_subscription(),
            "getMembershipList" => self.membership_list(),
            "getJoinedMembershipUsers" => self.membership_users(),
            "listCoupon" => self.list_coupons(),
            "createCoupon" => self.create_coupon(),
            "getCouponDetail" => self.coupon(),
            "closeCoupon" => self.close_coupon(),
            _ => self.operate_menus(),
        }
    }

    /// Carries out a deed of the account and tells everyone whom it concerns.
    pub(super) fn enact(&mut self, deed: &Deed) -> CommandReply {
        let outcome = self.hub.enact(None, deed);
        self.hub.deliver(&outcome.deliveries, None);
        outcome.reply
    }

    /// The mid of the person that a field of the path names.
    pub(super) fn person_in_path(&self) -> Result<Mid, Refused> {
        let invalid = || Refused::bad_request("The value for the 'userId' parameter is invalid");
        person(self.call.field("userId")).ok_or_else(invalid)
    }

    /// How someone stands to the account; `None` where there is nobody.
    pub(super) fn relation(&self, person: &str) -> Option<Relation> {
        self.hub.world.relation(&self.me, person, self.now - GUEST_LIFE)
    }

    /// A part of a list, and where the next one starts; the field `start` says where this one does.
    pub(super) fn page<T: Clone>(&self, all: &[T], size: usize) -> Result<(Vec<T>, Option<String>), Refused> {
        let start = match self.call.field("start") {
            "" => 0,
            text => text
                .parse()
                .ok()
                .filter(|start| *start <= all.len())
                .ok_or_else(|| Refused::bad_request("The value for the 'start' parameter is invalid"))?,
        };
        let page: Vec<_> = all.iter().skip(start).take(size).cloned().collect();
        let next = start + page.len();
        Ok((page, (next < all.len()).then(|| next.to_string())))
    }
}

/// An answer that lists something, with where the next part starts.
pub(super) fn listed(name: &str, items: impl Into<serde_json::Value>, next: Option<String>) -> ApiResult {
    let mut answer = serde_json::json!({ name: items.into() });
    if let Some(next) = next {
        answer["next"] = next.into();
    }
    ApiAnswer::of(answer)
}

/// The mid of a person's id.
pub(super) fn person(id: &str) -> Option<Mid> {
    mid_of(id).and_then(|(kind, mid)| (kind == MidKind::User).then_some(mid))
}
