//! The official account itself: its webhook, what it may send and has sent, what it marks and shows.

use serde_json::{Value, json};
use url::Url;

use super::call::{ApiAnswer, ApiResult};
use super::desk::{Desk, listed, person};
use crate::sandbox::line::{Flaws, Refused, SentBy, day, line_id, read_by};
use crate::sandbox::world::{Deed, Operation, Relation};

/// The longest url of a webhook, in characters.
const MAX_WEBHOOK: usize = 500;
/// How many names of counted messages are listed at a time, unless the request says otherwise, and at most.
const UNITS: usize = 100;

impl Desk<'_> {
    pub(super) fn bot_info(&self) -> ApiResult {
        let card = self.hub.world.card(&self.me, &self.hub.media).ok_or_else(Refused::not_found)?;
        ApiAnswer::of(json!({
            "userId": line_id(&self.me),
            "basicId": format!("@{}", card.name),
            "displayName": card.name,
            "pictureUrl": card.picture,
            "chatMode": "bot",
            "markAsReadMode": "manual",
        }))
    }

    pub(super) fn webhook_endpoint(&self) -> ApiResult {
        let webhook = self.hub.line.webhook.as_ref().ok_or_else(Refused::not_found)?;
        ApiAnswer::of(json!({ "endpoint": webhook, "active": true }))
    }

    /// Sets where webhooks go. LINE takes https alone; a bot on this machine has none.
    pub(super) fn set_webhook_endpoint(&mut self) -> ApiResult {
        let endpoint = self.call.text("endpoint");
        check_webhook(endpoint)?;
        self.hub.line.webhook = Some(endpoint.to_owned());
        self.hub.line.bell.notify_one();
        ApiAnswer::done()
    }

    pub(super) fn quota(&self) -> ApiResult {
        ApiAnswer::of(match self.hub.line.config.monthly_quota {
            Some(quota) => json!({ "type": "limited", "value": quota }),
            None => json!({ "type": "none" }),
        })
    }

    pub(super) fn quota_consumption(&self) -> ApiResult {
        ApiAnswer::of(json!({ "totalUsage": self.hub.line.consumption.used(self.now) }))
    }

    /// How many messages were sent on a day. LINE knows it a day later, the sandbox at once.
    pub(super) fn number_of_sent(&self) -> ApiResult {
        let by = match self.call.operation.command.name {
            "getNumberOfSentReplyMessages" => SentBy::Reply,
            "getNumberOfSentPushMessages" => SentBy::Push,
            "getNumberOfSentMulticastMessages" => SentBy::Multicast,
            "getNumberOfSentBroadcastMessages" => SentBy::Broadcast,
            _ => SentBy::Phone,
        };
        let date = self.call.field("date");
        if date.len() != 8 || !date.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Refused::bad_request("The value for the 'date' parameter is invalid: yyyyMMdd is expected"));
        }
        if date > day(self.now).as_str() {
            return ApiAnswer::of(json!({ "status": "unready" }));
        }
        ApiAnswer::of(json!({ "status": "ready", "success": self.hub.line.consumption.on(date, by) }))
    }

    pub(super) fn aggregation_unit_usage(&self) -> ApiResult {
        let count = self.hub.line.consumption.units(self.now).len();
        ApiAnswer::of(json!({ "numOfCustomAggregationUnits": count }))
    }

    pub(super) fn aggregation_unit_names(&self) -> ApiResult {
        let limit = self.call.number("limit", UNITS, UNITS)?;
        let (page, next) = self.page(&self.hub.line.consumption.units(self.now), limit)?;
        listed("customAggregationUnits", page, next)
    }

    /// Shows that an answer is on its way; only in chats with one person, as with LINE.
    pub(super) fn show_loading_animation(&mut self) -> ApiResult {
        let chat = person(self.call.text("chatId")).ok_or_else(|| Refused::property("chatId"))?;
        let seconds = match self.call.body("loadingSeconds") {
            Value::Null => 20,
            seconds => seconds.as_i64().unwrap_or_default(),
        };
        if !(5..=60).contains(&seconds) || seconds % 5 != 0 {
            let mut flaws = Flaws::default();
            flaws.add("loadingSeconds", "Must be a multiple of 5 between 5 and 60");
            flaws.done()?;
        }
        // Who has blocked the account, or does not know it, sees nothing of it, and the request is taken all the same.
        if matches!(self.relation(&chat), Some(Relation::Follower | Relation::Guest)) {
            self.hub.line.loading.insert(chat, self.now + seconds * 1_000);
        }
        ApiAnswer::accepted()
    }

    pub(super) fn mark_as_read(&mut self) -> ApiResult {
        let id = self.call.body("chat")["userId"].as_str().unwrap_or_default();
        let chat = person(id).ok_or_else(|| Refused::property("chat.userId"))?;
        let history = self.hub.world.history(&self.me, &chat);
        if let Some(last) = history.iter().rfind(|message| *message.from == *chat) {
            self.read(&last.id.clone());
        }
        ApiAnswer::done()
    }

    pub(super) fn mark_as_read_by_token(&mut self) -> ApiResult {
        let read = read_by(self.call.text("markAsReadToken"));
        let (_, id) = read.ok_or_else(|| Refused::bad_request("Invalid markAsReadToken"))?;
        self.read(&id);
        ApiAnswer::done()
    }

    fn read(&mut self, msg_id: &str) {
        let read = Operation::Read { by: self.me.to_string(), msg_id: msg_id.to_owned() };
        // A message that was taken back meanwhile is read by nobody.
        let _ = self.enact(&Deed::Operated(read));
    }
}

/// Checks the url of a webhook.
pub(super) fn check_webhook(endpoint: &str) -> Result<Url, Refused> {
    let url = Url::parse(endpoint).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let url = url.filter(|_| endpoint.chars().count() <= MAX_WEBHOOK);
    url.ok_or_else(|| Refused::bad_request("Invalid webhook endpoint URL"))
}
