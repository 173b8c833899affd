//! What a run answers with on a network where answers are free for a while: the tokens that its event and its answers brought.

use std::cell::RefCell;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::protocol::line::ReplyToken;
use crate::protocol::{Content, Event, Network};
use crate::runtime::context::taken_tokens::TakenTokens;
use crate::store::InternalKind;

/// LINE gives a token about a minute, part of which is used up when it arrives.
const LIFE: u64 = 50_000;

/// The tokens of a run; on a network without any, it keeps nothing.
#[derive(Default)]
pub(crate) struct ReplyTokens(RefCell<Option<Box<Kept>>>);

/// A token, and when its event reached this process, if it did.
struct BroughtToken {
    token: ReplyToken,
    arrived: Option<Timestamp>,
}

/// A token that a run can answer with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LiveToken {
    pub(crate) token: String,
    /// Since when it lives; `None` where a run of an earlier process may have used it.
    pub(crate) since: Option<Timestamp>,
}

/// What a run keeps of them.
#[derive(Default)]
struct Kept {
    /// What the run is told from others by, on another try as well: the event that it handles.
    origin: Arc<str>,
    /// The chat of the latest event that brought a token.
    chat: Option<String>,
    unspent: Vec<BroughtToken>,
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
            kept.chat = Some(token.chat.clone());
            kept.unspent.push(BroughtToken { token, arrived });
        }
    }

    /// The chat of the latest event that brought a token.
    pub(crate) fn chat(&self) -> Option<String> {
        self.0.borrow().as_ref().and_then(|kept| kept.chat.clone())
    }

    /// The newest token for a chat that lives, and that no other run of the session has taken.
    pub(crate) fn newest(&self, chat: &str, taken: &TakenTokens, now: Timestamp) -> Option<LiveToken> {
        let kept = self.0.borrow();
        // LINE's clock may be wrong: what it dates far ahead of now does not live long for that.
        let lives = |brought: &BroughtToken| now.abs_diff(brought.arrived.unwrap_or(brought.token.since)) < LIFE;
        let is_free = |token: &ReplyToken| token.chat == chat && !taken.has(&token.token);
        let newest = kept.as_ref()?.unspent.iter().rev().find(|brought| is_free(&brought.token) && lives(brought))?;
        Some(LiveToken { token: newest.token.token.clone(), since: newest.arrived })
    }

    /// Takes a token away.
    pub(crate) fn spend(&self, token: &str) {
        if let Some(kept) = &mut *self.0.borrow_mut() {
            kept.unspent.retain(|other| other.token.token != token);
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
        let taken = TakenTokens::default();
        let newest = |now| tokens.newest("U1", &taken, now);
        let live = |token: &str, since| Some(LiveToken { token: token.to_owned(), since });
        assert_eq!(newest(3_000), live("b", None));
        assert_eq!(tokens.newest("U2", &taken, 3_000), None);
        tokens.spend("b");
        assert_eq!(newest(3_000), live("a", Some(1_000)));
        assert_eq!(newest(51_000), None);
        taken.take("a", 3_000);
        assert_eq!(newest(3_000), None);
        assert_eq!(&*tokens.origin(), "01H");
    }

    #[test]
    fn a_clock_that_is_wrong_makes_no_token_live_longer() {
        let tokens = ReplyTokens::default();
        tokens.begin(&LINE, &event("ahead", 3_600_000), None);
        assert_eq!(tokens.newest("U1", &TakenTokens::default(), 1_000), None);
        tokens.bring(&LINE, &event("behind", -3_600_000).content, Some(0));
        assert!(tokens.newest("U1", &TakenTokens::default(), 1_000).is_some());
    }

    #[test]
    fn where_there_are_none_nothing_is_kept() {
        let tokens = ReplyTokens::default();
        tokens.begin(&GATEWAY, &event("a", 0), None);
        assert_eq!((tokens.newest("U1", &TakenTokens::default(), 1), &*tokens.origin()), (None, ""));
    }
}
