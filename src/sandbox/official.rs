//! The handle for the official account: what its bot has sent, events that no command causes, and troubles on demand.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::faults::{ApiFault, FaultId, WebhookFault};
use super::line::{BotMessage, LineEvent, SentBy, line_id};
use super::shared::SandboxShared;
use super::world::{Deed, Mid, Written};
use crate::protocol::commands::{BlockContact, SearchAndAddContactsByMid};
use crate::protocol::{Failure, FailureCode, Request};

/// Looks at the official account of a sandbox and makes things happen to it; clones share it.
#[derive(Clone)]
pub struct Official(Arc<SandboxShared>);

impl Official {
    pub(super) fn new(shared: Arc<SandboxShared>) -> Self {
        Self(shared)
    }

    /// Where the account's webhooks go.
    pub fn webhook(&self) -> Option<String> {
        self.0.with(|hub| hub.line.webhook.clone())
    }

    /// The id of somebody, as LINE's API writes it.
    pub fn id_of(&self, who: &str) -> Option<String> {
        self.0.with(|hub| hub.world.find(who).map(|mid| line_id(mid)))
    }

    /// What the bot has sent, the oldest first.
    pub fn sent(&self) -> Vec<BotMessage> {
        self.0.with(|hub| hub.line.sent().cloned().collect())
    }

    /// How many people the bot's messages of a kind went to since the start.
    pub fn count(&self, by: SentBy) -> u64 {
        self.0.with(|hub| hub.line.consumption.ever(by))
    }

    /// How many webhooks are on their way, and how many wait to be sent again.
    pub fn webhooks_waiting(&self) -> (usize, usize) {
        self.0.with(|hub| hub.line.webhooks.waiting())
    }

    /// How many requests a fault keeps without an answer.
    pub fn unanswered(&self) -> usize {
        self.0.unanswered.count()
    }

    /// Whether someone is shown that an answer is on its way.
    pub fn is_loading(&self, who: &str) -> bool {
        let now = self.0.clock.now();
        self.0.with(|hub| {
            let until = hub.world.find(who).and_then(|mid| hub.line.loading.get(mid));
            until.is_some_and(|until| now < *until)
        })
    }

    /// Whether someone has added the account and not blocked it.
    pub fn is_follower(&self, who: &str) -> bool {
        let Ok((person, official)) = self.both(who) else { return false };
        self.0.with(|hub| hub.world.followers(&official).contains(&person))
    }

    /// Someone adds the account, or unblocks it where they had blocked it.
    ///
    /// # Errors
    /// When there is nobody of this name, or no official account.
    pub fn follow(&self, who: &str) -> Result<(), Failure> {
        let (by, official) = self.both(who)?;
        let add = Request::SearchAndAddContactsByMid(SearchAndAddContactsByMid { mid: official.to_string() });
        let unblock = Request::BlockContact(BlockContact { mid: official.to_string(), block: false });
        [unblock, add].into_iter().try_for_each(|request| self.act(&by, request))
    }

    /// Someone blocks the account.
    ///
    /// # Errors
    /// As with [`follow`](Self::follow).
    pub fn unfollow(&self, who: &str) -> Result<(), Failure> {
        let (by, official) = self.both(who)?;
        self.act(&by, Request::BlockContact(BlockContact { mid: official.to_string(), block: true }))
    }

    /// Someone presses the latest button of this label, in the chat with the account or in a group. `picked` is the date or time that they
    /// choose, where it asks for one.
    ///
    /// # Errors
    /// When there is nobody of this name or no such button, or it is one that a bot is not told of.
    pub fn choose(&self, who: &str, chat: Option<&str>, label: &str, picked: Option<&str>) -> Result<(), Failure> {
        let (by, _) = self.both(who)?;
        let chat = chat.map_or_else(|| by.clone(), Mid::from);
        self.0.with(|hub| hub.press(&by, &chat, label, picked))
    }

    /// Someone presses a button that carries `data`, in the chat with the account or in a group; gives the event's id.
    ///
    /// # Errors
    /// When there is nobody of this name.
    pub fn press(&self, who: &str, chat: Option<&str>, data: &str, params: Option<Value>) -> Result<String, Failure> {
        let mut postback = json!({ "data": data });
        if let Some(params) = params {
            postback["params"] = params;
        }
        self.tell("postback", who, chat, json!({ "postback": postback }))
    }

    /// Tells the bot of anything else that `who` causes, by LINE's type of the event and the fields that belong to it, such as
    /// `beacon` and `{"beacon": {"hwid": …, "type": "enter"}}`; gives the event's id.
    ///
    /// # Errors
    /// When there is nobody of this name.
    pub fn tell(&self, kind: &str, who: &str, chat: Option<&str>, fields: Value) -> Result<String, Failure> {
        let (by, _) = self.both(who)?;
        let chat = chat.map_or_else(|| by.clone(), Mid::from);
        Ok(self.0.with(|hub| hub.line.announce(LineEvent::new(kind, &chat, Some(&by), fields))))
    }

    /// Tells the bot of something that happens to the account itself, such as `botSuspended`; gives the event's id.
    pub fn tell_of_account(&self, kind: &str, fields: Value) -> String {
        let event = LineEvent { kind: kind.to_owned(), chat: None, by: None, fields };
        self.0.with(|hub| hub.line.announce(event))
    }

    /// Delivers an event again, as LINE may do at any time; whether there was one of this id.
    pub fn redeliver(&self, event_id: &str) -> bool {
        self.0.with(|hub| hub.line.tell_again(event_id))
    }

    /// Makes trouble with requests to the API.
    pub fn trouble_requests(&self, fault: ApiFault) -> FaultId {
        self.0.with(|hub| hub.faults.trouble_requests(fault))
    }

    /// Makes trouble with webhooks.
    pub fn trouble_webhooks(&self, fault: WebhookFault) -> FaultId {
        self.0.with(|hub| hub.faults.trouble_webhooks(fault))
    }

    /// How many troubles of these two kinds are still to strike.
    pub fn troubles_left(&self) -> usize {
        self.0.with(|hub| hub.faults.line_troubles())
    }

    /// Ends every reply token that is out.
    pub fn expire_reply_tokens(&self) {
        self.0.with(|hub| hub.line.reply_tokens.expire());
    }

    /// Ends every token that was issued for the channel.
    pub fn expire_channel_tokens(&self) {
        self.0.with(|hub| hub.line.channel_tokens.expire());
    }

    /// How long reply tokens live from now on.
    pub fn set_reply_token_life(&self, life: Duration) {
        self.0.with(|hub| hub.line.config.reply_token_life = life);
    }

    /// How many events go together in a webhook from now on, at most, where several wait.
    pub fn set_events_per_webhook(&self, most: usize) {
        self.0.with(|hub| hub.line.config.events_per_webhook = most);
    }

    /// How many messages may be sent in a month from now on; `None` sets no limit.
    pub fn set_quota(&self, quota: Option<u64>) {
        self.0.with(|hub| hub.line.config.monthly_quota = quota);
    }

    /// Uses so many of the month's messages up.
    pub fn use_quota(&self, count: u64) {
        let now = self.0.clock.now();
        self.0.with(|hub| hub.line.consumption.use_up(count, now));
    }

    fn both(&self, who: &str) -> Result<(Mid, Mid), Failure> {
        let missing = |what: String| Failure::new(FailureCode::NotFound, what);
        self.0.with(|hub| {
            let by = hub.world.find(who).cloned().ok_or_else(|| missing(format!("there is nobody called {who}")))?;
            let official = hub.world.official().cloned();
            Ok((by, official.ok_or_else(|| missing("the world has no official account".to_owned()))?))
        })
    }

    fn act(&self, by: &Mid, request: Request) -> Result<(), Failure> {
        let deed = Deed::Command { by: by.clone(), request: Written(request), file: None };
        self.0.with(|hub| {
            let outcome = hub.enact(None, &deed);
            hub.deliver(&outcome.deliveries, None);
            outcome.reply.map(drop)
        })
    }
}
