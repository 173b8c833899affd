//! What a run answers with on a network where answers are free for a while: the tokens that its event and its answers brought.

use std::cell::RefCell;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::protocol::line::ReplyToken;
use crate::protocol::{Content, Event, Network};
use crate::store::InternalKind;

/// LINE gives a token about a minute, part of which is used up when it arrives.
const LIFE: Timestamp = 50_000;

/// The tokens of a run; on a network without any, it keeps nothing.
#[derive(Default)]
pub(crate) struct ReplyTokens(RefCell<Option<Box<Kept>>>);

/// What a run keeps of them.
#[derive(Default)]
struct Kept {
    /// What the run is told from others by, on another try as well: the event that it handles.
    origin: Arc<str>,
    /// The chat of the latest event that brought a token.
    chat: Option<String>,
    unspent: Vec<ReplyToken>,
    /// How many messages the run has sent.
    sent: u32,
}

impl ReplyTokens {
    /// Begins with what the run's event brings, which arrived at a time; where that is not known any more, its own time counts.
    pub(crate) fn begin(&self, network: &Network, event: &Event, arrived: Option<Timestamp>) {
        if network.reply_token.is_some() {
            let origin = match event.id() {
                Some(id) => Arc::from(&*id),
                // The call of a hook is as any other of it; a timer's has its number and when it was due.
                None if matches!(InternalKind::named(&event.subcommand), Some(InternalKind::Hook(_))) => Arc::default(),
                None => event.content.as_str().into(),
            };
            self.0.replace(Some(Box::new(Kept { origin, ..Kept::default() })));
            self.bring(network, &event.content, arrived);
        }
    }

    /// Adds what an event brings.
    pub(crate) fn bring(&self, network: &Network, content: &Content, arrived: Option<Timestamp>) {
        let Some(token) = network.reply_token.and_then(|read| read(content)) else { return };
        if let Some(kept) = &mut *self.0.borrow_mut() {
            let since = arrived.unwrap_or(token.since);
            kept.chat = Some(token.chat.clone());
            kept.unspent.push(ReplyToken { since, ..token });
        }
    }

    /// The chat of the latest event that brought a token.
    pub(crate) fn chat(&self) -> Option<String> {
        self.0.borrow().as_ref().and_then(|kept| kept.chat.clone())
    }

    /// The newest token for a chat that lives.
    pub(crate) fn newest(&self, chat: &str, now: Timestamp) -> Option<ReplyToken> {
        let kept = self.0.borrow();
        let mut newest = kept.as_ref()?.unspent.iter().rev();
        newest.find(|token| token.chat == chat && now < token.since.saturating_add(LIFE)).cloned()
    }

    /// Takes a token away.
    pub(crate) fn spend(&self, token: &str) {
        if let Some(kept) = &mut *self.0.borrow_mut() {
            kept.unspent.retain(|other| other.token != token);
        }
    }

    /// What the run is told from others by; empty where nothing does that, or its own session's network has no tokens.
    pub(crate) fn origin(&self) -> Arc<str> {
        self.0.borrow().as_ref().map(|kept| Arc::clone(&kept.origin)).unwrap_or_default()
    }

    /// The number of the next message.
    pub(crate) fn next_number(&self) -> u32 {
        let mut kept = self.0.borrow_mut();
        let kept = kept.get_or_insert_with(Box::default);
        kept.sent += 1;
        kept.sent
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
