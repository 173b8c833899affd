//! The webhooks on their way: one at a time in order, those that failed again later. Nothing is sent here.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde_json::{Value, json};

/// How many webhooks can wait; the oldest are given up first.
const MAX_WAITING: usize = 10_000;

/// An event on its way to a webhook.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LineWebhook {
    /// LINE's object of the event, without `deliveryContext`.
    pub(crate) event: Value,
    /// How often it was sent.
    pub(crate) attempts: u32,
}

impl LineWebhook {
    pub(crate) fn id(&self) -> &str {
        self.event["webhookEventId"].as_str().unwrap_or_default()
    }

    /// LINE's type of the event.
    pub(crate) fn kind(&self) -> &str {
        self.event["type"].as_str().unwrap_or_default()
    }

    /// The event as the bot is told of it this time.
    pub(crate) fn told(&self) -> Value {
        let mut event = self.event.clone();
        event["deliveryContext"] = json!({ "isRedelivery": self.attempts > 0 });
        event
    }

    pub(crate) fn reply_token(&self) -> Option<&str> {
        self.event["replyToken"].as_str()
    }
}

/// The webhooks that wait.
#[derive(Debug, Default)]
pub(crate) struct WebhookQueue {
    fresh: VecDeque<LineWebhook>,
    /// Those that failed, by when they are sent again and in which order they failed.
    late: BTreeMap<(Duration, u64), LineWebhook>,
    last_late: u64,
    /// How many are being sent.
    under_way: usize,
}

/// What is to be sent next.
#[derive(Debug, PartialEq)]
pub(crate) enum NextWebhook {
    /// These together.
    Send(Vec<LineWebhook>),
    /// Nothing before this time, or before something new.
    At(Duration),
    Nothing,
}

impl WebhookQueue {
    pub(crate) fn push(&mut self, webhook: LineWebhook) {
        if self.fresh.len() == MAX_WAITING {
            self.fresh.pop_front();
        }
        self.fresh.push_back(webhook);
    }

    /// Sends one again at `due`.
    pub(crate) fn push_late(&mut self, due: Duration, webhook: LineWebhook) {
        if self.late.len() == MAX_WAITING {
            self.late.pop_first();
        }
        self.last_late += 1;
        self.late.insert((due, self.last_late), webhook);
    }

    /// Takes the next ones, at most so many, which are under way from then on. What is due again comes before what is new.
    pub(crate) fn take(&mut self, elapsed: Duration, most: usize) -> NextWebhook {
        let mut taken = Vec::new();
        while taken.len() < most.max(1)
            && let Some(entry) = self.late.first_entry().filter(|entry| entry.key().0 <= elapsed)
        {
            taken.push(entry.remove());
        }
        if taken.is_empty() {
            taken.extend(self.fresh.drain(..self.fresh.len().min(most.max(1))));
        }
        if !taken.is_empty() {
            self.under_way = taken.len();
            return NextWebhook::Send(taken);
        }
        self.late.keys().next().map_or(NextWebhook::Nothing, |(due, _)| NextWebhook::At(*due))
    }

    /// Those under way have come to their end.
    pub(crate) fn settle(&mut self) {
        self.under_way = 0;
    }

    /// How many are on their way at this moment, and how many wait to be sent again.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        (self.fresh.len() + self.under_way, self.late.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook(id: &str) -> LineWebhook {
        LineWebhook { event: json!({ "webhookEventId": id }), attempts: 0 }
    }

    #[test]
    fn what_failed_comes_again_when_it_is_due() {
        let mut webhooks = WebhookQueue::default();
        ["a", "b"].into_iter().for_each(|id| webhooks.push(webhook(id)));
        assert_eq!(webhooks.take(Duration::ZERO, 1), NextWebhook::Send(vec![webhook("a")]));
        assert_eq!(webhooks.waiting(), (2, 0));
        webhooks.push_late(Duration::from_secs(5), webhook("a"));
        webhooks.settle();
        assert_eq!(webhooks.take(Duration::from_secs(1), 1), NextWebhook::Send(vec![webhook("b")]));
        webhooks.settle();
        assert_eq!(webhooks.take(Duration::from_secs(1), 1), NextWebhook::At(Duration::from_secs(5)));
        assert_eq!(webhooks.take(Duration::from_secs(5), 1), NextWebhook::Send(vec![webhook("a")]));
        webhooks.settle();
        assert_eq!((webhooks.take(Duration::from_secs(9), 1), webhooks.waiting()), (NextWebhook::Nothing, (0, 0)));
    }

    #[test]
    fn several_go_together_and_none_is_left_out() {
        let mut webhooks = WebhookQueue::default();
        ["a", "b", "c"].into_iter().for_each(|id| webhooks.push(webhook(id)));
        assert_eq!(webhooks.take(Duration::ZERO, 2), NextWebhook::Send(vec![webhook("a"), webhook("b")]));
        assert_eq!(webhooks.take(Duration::ZERO, 2), NextWebhook::Send(vec![webhook("c")]));
    }
}
