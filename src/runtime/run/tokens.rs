//! What a run answers with on a network where answers are free for a while: the tokens that its event and its answers brought.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::protocol::line::ReplyToken;
use crate::protocol::{Content, Event, Network};

/// LINE gives a token about a minute, part of which is used up when it arrives.
const LIFE: Timestamp = 50_000;

/// The tokens of a run.
#[derive(Default)]
pub(crate) struct ReplyTokens {
    /// What the run is told from others by, on another try as well: the event that it handles.
    origin: RefCell<Arc<str>>,
    /// The chat that its event was in, where an answer was free.
    chat: RefCell<Option<String>>,
    unspent: RefCell<Vec<ReplyToken>>,
    /// How many messages it has sent.
    sent: Cell<u32>,
}

impl ReplyTokens {
    /// Begins with what the run's event brings, which arrived at a time; where that is not known any more, its own time counts.
    pub(crate) fn begin(&self, network: &Network, event: &Event, arrived: Option<Timestamp>) {
        if network.reply_token.is_some() {
            let origin = event.id().map_or_else(|| event.content.as_str().into(), |id| Arc::from(&*id));
            self.origin.replace(origin);
            self.bring(network, &event.content, arrived);
        }
    }

    /// Adds what an event brings.
    pub(crate) fn bring(&self, network: &Network, content: &Content, arrived: Option<Timestamp>) {
        if let Some(token) = network.reply_token.and_then(|read| read(content)) {
            let since = arrived.unwrap_or(token.since);
            self.chat.replace(Some(token.chat.clone()));
            self.unspent.borrow_mut().push(ReplyToken { since, ..token });
        }
    }

    /// The chat that the latest event was in that brought a token.
    pub(crate) fn chat(&self) -> Option<String> {
        self.chat.borrow().clone()
    }

    /// The newest token for a chat that lives.
    pub(crate) fn newest(&self, chat: &str, now: Timestamp) -> Option<ReplyToken> {
        let unspent = self.unspent.borrow();
        unspent.iter().rev().find(|token| token.chat == chat && now < token.since.saturating_add(LIFE)).cloned()
    }

    /// Takes a token away.
    pub(crate) fn spend(&self, token: &str) {
        self.unspent.borrow_mut().retain(|other| other.token != token);
    }

    /// What the run is told from others by.
    pub(crate) fn origin(&self) -> Arc<str> {
        Arc::clone(&self.origin.borrow())
    }

    /// The number of the next message.
    pub(crate) fn next_number(&self) -> u32 {
        let number = self.sent.get();
        self.sent.set(number + 1);
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{GATEWAY, LINE};

    fn event(token: &str, at: Timestamp) -> Event {
        let event = format!(
            r#"{{"delivery":"01H","event":{{"timestamp":{at},"replyToken":"{token}","source":{{"userId":"U1"}}}}}}"#
        );
        Event::new("message", Content::new(event))
    }

    #[test]
    fn the_newest_token_that_lives_is_spent_first() {
        let tokens = ReplyTokens::default();
        tokens.begin(&LINE, &event("a", 0), Some(1_000));
        tokens.bring(&LINE, &event("b", 2_000).content, None);
        let newest = |now| tokens.newest("U1", now).map(|token| token.token);
        assert_eq!(newest(3_000).as_deref(), Some("b"));
        assert_eq!(tokens.newest("U2", 3_000), None);
        tokens.spend("b");
        assert_eq!(newest(3_000).as_deref(), Some("a"));
        assert_eq!(newest(1_000 + LIFE), None);
        assert_eq!(&*tokens.origin(), "01H");
    }

    #[test]
    fn where_there_are_none_nothing_is_kept() {
        let tokens = ReplyTokens::default();
        tokens.begin(&GATEWAY, &event("a", 0), None);
        assert_eq!((tokens.newest("U1", 1), &*tokens.origin()), (None, ""));
    }
}
