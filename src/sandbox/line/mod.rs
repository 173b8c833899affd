//! The official account as LINE sees it, pure: what its bot is told, what it has sent, what counts once or for a while.
//!
//! | file | what lives there |
//! |---|---|
//! | `config` | how it is set up |
//! | `ids` | ids as LINE's API writes them, and what is drawn |
//! | `refusal` | LINE's shape of an error |
//! | `tokens` | reply tokens, retry keys, tokens of the channel |
//! | `quota` | what was sent, and how much may be |
//! | `messages`, `draft` | message objects: what is wrong with them, what people see of them |
//! | `events`, `webhooks` | from what happens in the world to webhooks, and those on their way |
//! | `buttons` | the buttons of messages, and what pressing them does |
//! | `menus` | rich menus |
//!
//! The world is not changed here: what the operations of the API do to it stands in `api`.

mod buttons;
mod config;
mod draft;
mod events;
mod ids;
mod menus;
mod messages;
mod quota;
mod refusal;
mod tokens;
mod webhooks;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::world::{Delivery, Mid, World};
use crate::clock::{Clock, Timestamp};
use crate::protocol::line::sign;

pub(super) use self::buttons::{Press, actions, labels, press};
pub use self::config::{DEFAULT_LINE_LISTEN, LINE_CHANNEL, OfficialConfig};
pub(super) use self::draft::{can_be_quoted, draft};
pub(super) use self::events::LineEvent;
pub(super) use self::ids::{LineDraws, line_id, mid_of};
pub(super) use self::menus::{MenuImage, RichMenus};
pub(super) use self::messages::{check_messages, check_rich_menu};
pub use self::quota::SentBy;
pub(super) use self::quota::{Consumption, date_time, day};
pub(super) use self::refusal::{Flaws, Refused};
pub(super) use self::tokens::{ChannelTokens, ReplyGrants, RetryKeys, STATELESS_LIFE, is_uuid};
pub(super) use self::webhooks::{LineWebhook, NextWebhook, WebhookQueue};

/// How many messages of the bot are remembered; the oldest go first.
const REMEMBERED: usize = 10_000;

/// A message that the bot has sent.
#[derive(Clone, Debug, PartialEq)]
pub struct BotMessage {
    /// How it was sent.
    pub by: SentBy,
    /// The mid of the person or group that it went to.
    pub to: String,
    /// Its id; empty where it reached nobody.
    pub id: String,
    /// LINE's object of it.
    pub message: Value,
}

/// The official account's side of LINE.
pub(super) struct LineAccount {
    pub(super) config: OfficialConfig,
    pub(super) draws: LineDraws,
    /// Where webhooks go.
    pub(super) webhook: Option<String>,
    pub(super) webhooks: WebhookQueue,
    /// Rings when there may be a webhook to send.
    pub(super) bell: Arc<Notify>,
    pub(super) reply_tokens: ReplyGrants,
    pub(super) retry_keys: RetryKeys,
    pub(super) channel_tokens: ChannelTokens,
    pub(super) consumption: Consumption,
    pub(super) menus: RichMenus,
    /// The coupons, as the API shows them.
    pub(super) coupons: BTreeMap<String, Value>,
    /// The narrowcasts, as the API tells of their progress, by their requests' ids.
    pub(super) narrowcasts: BTreeMap<String, Value>,
    /// Until when a loading animation is shown to someone.
    pub(super) loading: BTreeMap<Mid, Timestamp>,
    sent: VecDeque<BotMessage>,
    /// The latest webhooks that were sent, for those who want one again.
    told: VecDeque<LineWebhook>,
    clock: Clock,
}

impl LineAccount {
    pub(super) fn new(config: OfficialConfig, seed: u64, clock: Clock) -> Self {
        Self {
            draws: LineDraws::new(seed, clock.now()),
            webhook: config.webhook.clone(),
            config,
            webhooks: WebhookQueue::default(),
            bell: Arc::default(),
            reply_tokens: ReplyGrants::default(),
            retry_keys: RetryKeys::default(),
            channel_tokens: ChannelTokens::default(),
            consumption: Consumption::default(),
            menus: RichMenus::default(),
            coupons: BTreeMap::new(),
            narrowcasts: BTreeMap::new(),
            loading: BTreeMap::new(),
            sent: VecDeque::new(),
            told: VecDeque::new(),
            clock,
        }
    }

    /// Tells the bot of what concerns its account.
    pub(super) fn notice(&mut self, world: &World, deliveries: &[Delivery]) {
        let Some(official) = world.official() else { return };
        for event in deliveries.iter().filter_map(|delivery| events::event_of(world, official, delivery)) {
            if self.webhook.is_some() {
                self.announce(event);
            } else {
                tracing::warn!(
                    event = event.kind,
                    "the official account has no webhook, so no bot is told of this: a bot sets one when it starts"
                );
            }
        }
    }

    /// Sends an event to the bot, where it has a webhook, and gives its id.
    pub(super) fn announce(&mut self, event: LineEvent) -> String {
        let now = self.clock.now();
        let id = self.draws.ulid(now);
        let mut written = json!({
            "type": event.kind,
            "mode": "active",
            "timestamp": now,
            "webhookEventId": id,
        });
        if let Some(source) = event.source() {
            written["source"] = source;
        }
        if event.can_be_answered()
            && let Some(chat) = &event.chat
        {
            let token = self.draws.token();
            self.reply_tokens.grant(token.clone(), chat.clone());
            written["replyToken"] = token.into();
        }
        if let (Some(written), Value::Object(fields)) = (written.as_object_mut(), event.fields) {
            written.extend(fields);
        }
        if event.kind == "message" {
            self.complete_message(&mut written["message"], event.chat.as_deref().unwrap_or_default());
        }
        if self.webhook.is_some() {
            self.webhooks.push(LineWebhook { event: written, attempts: 0 });
            self.bell.notify_one();
        }
        id
    }

    /// Adds the tokens of a message: by one it can be quoted, by the other be marked as read.
    fn complete_message(&self, message: &mut Value, chat: &str) {
        let id = message["id"].as_str().unwrap_or_default().to_owned();
        if matches!(message["type"].as_str(), Some("text" | "image" | "video" | "sticker")) {
            message["quoteToken"] = quote_token(&id).into();
        }
        message["markAsReadToken"] = read_token(chat, &id).into();
    }

    /// Notes what the bot has sent.
    pub(super) fn remember(&mut self, message: BotMessage) {
        if self.sent.len() == REMEMBERED {
            self.sent.pop_front();
        }
        self.sent.push_back(message);
    }

    /// What the bot has sent, the oldest first.
    pub(super) fn sent(&self) -> impl Iterator<Item = &BotMessage> {
        self.sent.iter()
    }

    /// The messages that the bot has sent to a chat, the latest first.
    pub(super) fn sent_to(&self, chat: &str) -> impl Iterator<Item = &Value> {
        self.sent.iter().rev().filter(move |sent| sent.to == chat).map(|sent| &sent.message)
    }

    /// The action of the latest button in a chat that is meant by its label, its text or its data.
    pub(super) fn button(&self, chat: &str, name: &str) -> Option<&Value> {
        let is_meant = |action: &&Value| ["label", "text", "data"].iter().any(|field| action[*field] == name);
        self.sent_to(chat).flat_map(actions).find(is_meant)
    }

    /// What is left of the month's messages; `None` where there is no limit.
    pub(super) fn quota_left(&self) -> Option<u64> {
        self.config.monthly_quota.map(|quota| quota.saturating_sub(self.consumption.used(self.clock.now())))
    }

    /// What is to be sent next; its reply tokens live from now on.
    pub(super) fn next_webhook(&mut self) -> NextWebhook {
        let next = self.webhooks.take(self.clock.elapsed(), self.config.events_per_webhook);
        if let NextWebhook::Send(webhooks) = &next {
            for webhook in webhooks {
                self.wake_token(webhook);
                if self.told.len() == REMEMBERED {
                    self.told.pop_front();
                }
                self.told.push_back(webhook.clone());
            }
        }
        next
    }

    /// Sends a webhook again that was sent already; whether there was one of this id.
    pub(super) fn tell_again(&mut self, id: &str) -> bool {
        let webhook = self.told.iter().rev().find(|webhook| webhook.id() == id).cloned();
        webhook.map(|webhook| self.redeliver(webhook, Duration::ZERO)).is_some()
    }

    fn wake_token(&mut self, webhook: &LineWebhook) {
        let life = Timestamp::try_from(self.config.reply_token_life.as_millis()).unwrap_or(Timestamp::MAX);
        if let Some(token) = webhook.reply_token() {
            self.reply_tokens.wake(token, self.clock.now().saturating_add(life));
        }
    }

    /// A webhook was not taken: it is sent again, if it has not been too often.
    pub(super) fn retry_webhook(&mut self, webhook: LineWebhook) {
        let wait = usize::try_from(webhook.attempts).ok().and_then(|attempts| self.config.redelivery.get(attempts));
        if let Some(wait) = wait.copied() {
            self.redeliver(webhook, wait);
        }
    }

    /// Sends a webhook again after a while.
    pub(super) fn redeliver(&mut self, webhook: LineWebhook, wait: Duration) {
        let again = LineWebhook { attempts: webhook.attempts + 1, ..webhook };
        self.webhooks.push_late(self.clock.elapsed() + wait, again);
        self.bell.notify_one();
    }
}

/// The token by which a message can be quoted. Anyone who knows its id could make it: the sandbox guards no real account.
pub(super) fn quote_token(id: &str) -> String {
    sealed("q", id)
}

/// The message that a quote token stands for.
pub(super) fn quoted_by(token: &str) -> Option<String> {
    unsealed("q", token)
}

/// The token by which the messages of a chat up to one can be marked as read.
pub(super) fn read_token(chat: &str, id: &str) -> String {
    sealed("r", &format!("{chat}/{id}"))
}

/// The chat and the message that a token for marking as read stands for.
pub(super) fn read_by(token: &str) -> Option<(String, String)> {
    let content = unsealed("r", token)?;
    content.split_once('/').map(|(chat, id)| (chat.to_owned(), id.to_owned()))
}

fn sealed(purpose: &str, content: &str) -> String {
    let text = format!("{purpose}/{content}");
    let seal = sign(LINE_CHANNEL.as_bytes(), text.as_bytes());
    BASE64URL_NOPAD.encode(format!("{}/{text}", seal.get(..8).unwrap_or_default()).as_bytes())
}

fn unsealed(purpose: &str, token: &str) -> Option<String> {
    let text = String::from_utf8(BASE64URL_NOPAD.decode(token.as_bytes()).ok()?).ok()?;
    let content = text.get(8..)?.strip_prefix('/')?.strip_prefix(purpose)?.strip_prefix('/')?;
    (sealed(purpose, content) == token).then(|| content.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_a_message_says_which_and_nothing_else_does() {
        assert_eq!(quoted_by(&quote_token("17")).as_deref(), Some("17"));
        assert_eq!(read_by(&read_token("u1", "17")), Some(("u1".to_owned(), "17".to_owned())));
        for wrong in ["", "17", &read_token("u1", "17"), &quote_token("17")[1..]] {
            assert_eq!(quoted_by(wrong), None, "{wrong}");
        }
    }
}
