//! The webhooks on their way: one at a time in order, those that failed again later. Nothing is sent here.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde_json::Value;

/// How many webhooks can wait; the oldest are given up first.
const MAX_WAITING: usize = 10_000;

/// An event that is told by webhook.
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
    /// One is being sent.
    under_way: bool,
}

/// What is to be sent next.
#[derive(Debug, PartialEq)]
pub(crate) enum NextWebhook {
    Send(LineWebhook),
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

    /// Takes the next one, which is under way from then on. What is due again comes before what is new.
    pub(crate) fn take(&mut self, elapsed: Duration) -> NextWebhook {
        let due = self.late.first_entry().filter(|entry| entry.key().0 <= elapsed).map(|entry| entry.remove());
        if let Some(webhook) = due.or_else(|| self.fresh.pop_front()) {
            self.under_way = true;
            return NextWebhook::Send(webhook);
        }
        self.late.keys().next().map_or(NextWebhook::Nothing, |(due, _)| NextWebhook::At(*due))
    }

    /// The one under way has come to its end.
    pub(crate) fn settle(&mut self) {
        self.under_way = false;
    }

    /// How many are on their way at this moment, and how many wait to be sent again.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        (self.fresh.len() + usize::from(self.under_way), self.late.len())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn webhook(id: &str) -> LineWebhook {
        LineWebhook { event: json!({ "webhookEventId": id }), attempts: 0 }
    }

    #[test]
    fn what_failed_comes_again_when_it_is_due() {
        let mut webhooks = WebhookQueue::default();
        ["a", "b"].into_iter().for_each(|id| webhooks.push(webhook(id)));
        let NextWebhook::Send(first) = webhooks.take(Duration::ZERO) else { panic!("one waits") };
        assert_eq!((first.id(), webhooks.waiting()), ("a", (2, 0)));
        webhooks.push_late(Duration::from_secs(5), first.clone());
        webhooks.settle();
        assert_eq!(webhooks.take(Duration::from_secs(1)), NextWebhook::Send(webhook("b")));
        webhooks.settle();
        assert_eq!(webhooks.take(Duration::from_secs(1)), NextWebhook::At(Duration::from_secs(5)));
        assert_eq!(webhooks.take(Duration::from_secs(5)), NextWebhook::Send(first));
        webhooks.settle();
        assert_eq!((webhooks.take(Duration::from_secs(9)), webhooks.waiting()), (NextWebhook::Nothing, (0, 0)));
    }
}
