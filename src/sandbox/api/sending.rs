//! Messages of the official account: replies, pushes, and what goes to many.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::call::{ApiAnswer, ApiResult};
use super::desk::{Desk, person};
use crate::protocol::MidKind;
use crate::sandbox::line::{
    BotMessage, LineEvent, Refused, SentBy, can_be_quoted, check_messages, date_time, draft, mid_of, quote_token,
    quoted_by,
};
use crate::sandbox::world::{Deed, Mid, Operation, Relation};

/// The most recipients of a multicast.
const MAX_RECIPIENTS: usize = 500;

impl Desk<'_> {
    pub(super) fn reply_message(&mut self) -> ApiResult {
        let messages = self.messages()?;
        let token = self.call.text("replyToken");
        let chat = self.hub.line.reply_tokens.chat(token, self.now).cloned();
        let chat = chat.ok_or_else(|| Refused::bad_request("Invalid reply token"))?;
        self.hub.line.reply_tokens.spend(token);
        let sent = self.send(SentBy::Reply, &chat, &messages)?;
        ApiAnswer::of(json!({ "sentMessages": sent }))
    }

    pub(super) fn push_message(&mut self) -> ApiResult {
        self.once(|desk| {
            let messages = desk.messages()?;
            let units = desk.units()?;
            let to = desk.destination(desk.call.text("to"))?;
            desk.spend_quota(SentBy::Push, desk.reached(&to))?;
            desk.count_units(&units);
            Ok(json!({ "sentMessages": desk.send(SentBy::Push, &to, &messages)? }))
        })?
        .answered(StatusCode::OK)
    }

    pub(super) fn multicast(&mut self) -> ApiResult {
        self.once(|desk| {
            let messages = desk.messages()?;
            let units = desk.units()?;
            let ids = desk.call.texts("to", 1, MAX_RECIPIENTS)?;
            let people: Option<Vec<_>> = ids.into_iter().map(person).collect();
            let mut people = people.ok_or_else(|| Refused::property("to"))?;
            // Whom it cannot reach is passed over without a word, as with LINE.
            people.retain(|person| matches!(desk.relation(person), Some(Relation::Follower | Relation::Guest)));
            people.sort();
            people.dedup();
            desk.count_units(&units);
            desk.send_to_all(SentBy::Multicast, &people, &messages)
        })?
        .answered(StatusCode::OK)
    }

    pub(super) fn broadcast(&mut self) -> ApiResult {
        self.once(|desk| {
            let messages = desk.messages()?;
            let followers = desk.hub.world.followers(&desk.me);
            desk.send_to_all(SentBy::Broadcast, &followers, &messages)
        })?
        .answered(StatusCode::OK)
    }

    /// Sends to all who have added the account: the sandbox knows nobody's age, and no audiences.
    pub(super) fn narrowcast(&mut self) -> ApiResult {
        self.once(|desk| {
            let messages = desk.messages()?;
            let mut followers = desk.hub.world.followers(&desk.me);
            let most = desk.call.body("limit")["max"].as_u64().and_then(|most| usize::try_from(most).ok());
            followers.truncate(most.unwrap_or(usize::MAX));
            desk.send_to_all(SentBy::Narrowcast, &followers, &messages)?;
            let (count, at) = (followers.len(), date_time(desk.now));
            let progress = json!({
                "phase": "succeeded", "targetCount": count, "successCount": count, "failureCount": 0,
                "acceptedTime": at, "completedTime": at,
            });
            desk.hub.line.narrowcasts.insert(desk.call.request_id.clone(), progress);
            Ok(json!({}))
        })?
        .answered(StatusCode::ACCEPTED)
    }

    pub(super) fn narrowcast_progress(&self) -> ApiResult {
        let progress = self.hub.line.narrowcasts.get(self.call.field("requestId"));
        progress.cloned().map_or_else(|| Err(Refused::not_found()), ApiAnswer::of)
    }

    /// Sends to a phone number, and tells of the delivery where it was tagged.
    pub(super) fn push_messages_by_phone(&mut self) -> ApiResult {
        let messages = self.messages()?;
        let to = self.hub.world.mid_of_phone_hash(self.call.text("to")).cloned();
        let to = to.filter(|person| self.relation(person).is_some_and(|relation| relation != Relation::Blocked));
        let nobody = || Refused::new(StatusCode::UNPROCESSABLE_ENTITY, "Failed to send messages");
        let to = to.ok_or_else(nobody)?;
        self.send(SentBy::Phone, &to, &messages)?;
        self.hub.line.consumption.add(SentBy::Phone, 1, self.now);
        if let Some(tag) = &self.call.delivery_tag {
            let fields = json!({ "delivery": { "data": tag } });
            self.hub.line.announce(LineEvent { kind: "delivery".to_owned(), chat: None, by: None, fields });
        }
        ApiAnswer::done()
    }

    pub(super) fn validate(&self) -> ApiResult {
        self.messages()?;
        ApiAnswer::done()
    }

    /// The messages of the request, checked.
    fn messages(&self) -> Result<Vec<Value>, Refused> {
        let body = self.call.object();
        let messages = check_messages(&body)?;
        for (place, message) in messages.iter().enumerate() {
            let token = message["quoteToken"].as_str();
            if token.is_some_and(|token| quoted_by(token).is_none()) {
                return Err(Refused::property(&format!("messages[{place}].quoteToken")));
            }
        }
        Ok(messages.to_vec())
    }

    /// The names under which the request is counted.
    fn units(&self) -> Result<Vec<String>, Refused> {
        let units = self.call.texts("customAggregationUnits", 0, 1)?;
        let is_name = |unit: &&str| {
            (1..=30).contains(&unit.len()) && unit.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        if !units.iter().all(is_name) {
            return Err(Refused::property("customAggregationUnits"));
        }
        Ok(units.into_iter().map(str::to_owned).collect())
    }

    fn count_units(&mut self, units: &[String]) {
        units.iter().for_each(|unit| self.hub.line.consumption.count_unit(unit, self.now));
    }

    /// Carries a request out, unless one was accepted under its retry key.
    fn once(&mut self, work: impl FnOnce(&mut Self) -> Result<Value, Refused>) -> Result<Done, Refused> {
        let key = self.call.retry_key.as_deref();
        if let Some(accepted) = key.and_then(|key| self.hub.line.retry_keys.accepted(key, self.now)) {
            return Err(Refused {
                accepted: Some((accepted.request_id.clone(), accepted.answer.clone())),
                ..Refused::new(StatusCode::CONFLICT, "The retry key is already accepted")
            });
        }
        let answer = work(self)?;
        if let Some(key) = key {
            self.hub.line.retry_keys.note(key, &self.call.request_id, &answer, self.now);
        }
        Ok(Done(answer))
    }

    /// Where a push may go: to someone who has added the account or wrote to it of late, or to a chat that it is in. What goes to
    /// someone who has blocked it is taken and reaches nobody: LINE does not tell the blocked that they are.
    fn destination(&self, to: &str) -> Result<Mid, Refused> {
        let (kind, mid) = mid_of(to).ok_or_else(|| Refused::property("to"))?;
        let is_reached = match kind {
            MidKind::User => self.relation(&mid).is_some_and(|relation| relation != Relation::Stranger),
            MidKind::Group | MidKind::Room => self.hub.world.membership(&self.me, &mid, "").is_some(),
        };
        if is_reached { Ok(mid) } else { Err(unreached()) }
    }

    /// How many people a message to a chat reaches.
    fn reached(&self, chat: &Mid) -> usize {
        match self.hub.world.membership(&self.me, chat, "") {
            Some((_, members)) => members.len().saturating_sub(1),
            None => usize::from(self.relation(chat) != Some(Relation::Blocked)),
        }
    }

    fn spend_quota(&mut self, by: SentBy, recipients: usize) -> Result<(), Refused> {
        let recipients = u64::try_from(recipients).unwrap_or(u64::MAX);
        if self.hub.line.quota_left().is_some_and(|left| recipients > left) {
            return Err(Refused::new(StatusCode::TOO_MANY_REQUESTS, "You have reached your monthly limit."));
        }
        self.hub.line.consumption.add(by, recipients, self.now);
        Ok(())
    }

    fn send_to_all(&mut self, by: SentBy, people: &[Mid], messages: &[Value]) -> Result<Value, Refused> {
        self.spend_quota(by, people.len())?;
        for person in people {
            self.send(by, person, messages)?;
        }
        Ok(json!({}))
    }

    /// Sends messages to a chat, and gives what the API tells of them.
    fn send(&mut self, by: SentBy, to: &Mid, messages: &[Value]) -> Result<Vec<Value>, Refused> {
        if by == SentBy::Reply {
            let recipients = u64::try_from(self.reached(to)).unwrap_or(u64::MAX);
            self.hub.line.consumption.add(by, recipients, self.now);
        }
        self.hub.line.loading.remove(to);
        let mut sent = Vec::new();
        for message in messages {
            let quoted = message["quoteToken"].as_str().and_then(quoted_by);
            let body = draft(message, quoted.as_deref());
            let post = Operation::Post { from: self.me.to_string(), to: to.to_string(), body };
            let posted = self.enact(&Deed::Operated(post)).map_err(|_| unreached())?;
            let id = posted["id"].as_str().unwrap_or_default();
            let mut told = json!({ "id": id });
            if can_be_quoted(message) {
                told["quoteToken"] = quote_token(id).into();
            }
            sent.push(told);
            let message = BotMessage { by, to: to.to_string(), id: id.to_owned(), message: message.clone() };
            self.hub.line.remember(message);
        }
        Ok(sent)
    }
}

/// What a request that counts once came to.
struct Done(Value);

impl Done {
    fn answered(self, status: StatusCode) -> ApiResult {
        Ok(ApiAnswer::Json(status, self.0))
    }
}

fn unreached() -> Refused {
    Refused::bad_request("Failed to send messages")
}
