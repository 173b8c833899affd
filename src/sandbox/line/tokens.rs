//! What counts once, or for a while: reply tokens, retry keys, tokens of the channel.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use crate::clock::Timestamp;
use crate::sandbox::world::Mid;

/// How many reply tokens are remembered; the oldest go first.
const REPLY_TOKENS: usize = 20_000;

/// How long a retry key counts, in milliseconds.
const KEY_LIFE: Timestamp = 24 * 60 * 60 * 1_000;

/// How long a token lives that is issued for a while, in milliseconds.
pub(crate) const STATELESS_LIFE: Timestamp = 15 * 60 * 1_000;

/// The reply tokens that are out.
#[derive(Debug, Default)]
pub(crate) struct ReplyGrants {
    tokens: BTreeMap<String, ReplyGrant>,
    order: VecDeque<String>,
}

#[derive(Debug)]
struct ReplyGrant {
    chat: Mid,
    /// When it ends; `None` until its event was delivered.
    until: Option<Timestamp>,
}

impl ReplyGrants {
    /// A token for answers to a chat.
    pub(crate) fn grant(&mut self, token: String, chat: Mid) {
        if self.order.len() == REPLY_TOKENS
            && let Some(oldest) = self.order.pop_front()
        {
            self.tokens.remove(&oldest);
        }
        self.tokens.insert(token.clone(), ReplyGrant { chat, until: None });
        self.order.push_back(token);
    }

    /// Its event is delivered, for the first time or again: it lives from now on.
    pub(crate) fn wake(&mut self, token: &str, until: Timestamp) {
        if let Some(grant) = self.tokens.get_mut(token) {
            grant.until = Some(until);
        }
    }

    /// The chat that a token answers to, while it can be used.
    pub(crate) fn chat(&self, token: &str, now: Timestamp) -> Option<&Mid> {
        let grant = self.tokens.get(token)?;
        grant.until.is_none_or(|until| now <= until).then_some(&grant.chat)
    }

    /// Takes a token that was used.
    pub(crate) fn spend(&mut self, token: &str) {
        self.tokens.remove(token);
    }

    /// Ends every token.
    pub(crate) fn expire(&mut self) {
        self.tokens.clear();
        self.order.clear();
    }
}

/// What was accepted under a retry key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AcceptedRequest {
    pub(crate) request_id: String,
    pub(crate) answer: Value,
    until: Timestamp,
}

/// The retry keys of requests that were accepted.
#[derive(Debug, Default)]
pub(crate) struct RetryKeys(BTreeMap<String, AcceptedRequest>);

impl RetryKeys {
    /// What was accepted under a key already.
    pub(crate) fn accepted(&self, key: &str, now: Timestamp) -> Option<&AcceptedRequest> {
        self.0.get(&key.to_ascii_lowercase()).filter(|accepted| now < accepted.until)
    }

    /// Notes what was accepted.
    pub(crate) fn note(&mut self, key: &str, request_id: &str, answer: &Value, now: Timestamp) {
        self.0.retain(|_, accepted| now < accepted.until);
        let accepted =
            AcceptedRequest { request_id: request_id.to_owned(), answer: answer.clone(), until: now + KEY_LIFE };
        self.0.insert(key.to_ascii_lowercase(), accepted);
    }
}

/// Whether a text is a UUID, which a retry key has to be.
pub(crate) fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

/// The tokens that were issued for the channel.
#[derive(Debug, Default)]
pub(crate) struct ChannelTokens(BTreeMap<String, Timestamp>);

impl ChannelTokens {
    pub(crate) fn issue(&mut self, token: String, until: Timestamp, now: Timestamp) {
        self.0.retain(|_, until| now < *until);
        self.0.insert(token, until);
    }

    /// When a token ends that is valid.
    pub(crate) fn end_of(&self, token: &str, now: Timestamp) -> Option<Timestamp> {
        self.0.get(token).copied().filter(|until| now < *until)
    }

    pub(crate) fn revoke(&mut self, token: &str) {
        self.0.remove(token);
    }

    /// Ends every token.
    pub(crate) fn expire(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_token_lives_from_its_delivery_and_works_once() {
        let mut tokens = ReplyGrants::default();
        tokens.grant("t".to_owned(), "u1".into());
        assert_eq!(tokens.chat("t", 1_000_000).map(|chat| &**chat), Some("u1"));
        tokens.wake("t", 60);
        assert_eq!((tokens.chat("t", 60).is_some(), tokens.chat("t", 61)), (true, None));
        tokens.wake("t", 200);
        assert!(tokens.chat("t", 100).is_some());
        tokens.spend("t");
        tokens.wake("t", 300);
        assert_eq!(tokens.chat("t", 100), None);
    }

    #[test]
    fn a_retry_key_counts_for_a_day_whatever_its_case() {
        let mut keys = RetryKeys::default();
        keys.note("AB", "r", &Value::Null, 0);
        assert_eq!(keys.accepted("ab", KEY_LIFE - 1).map(|accepted| accepted.request_id.as_str()), Some("r"));
        assert_eq!(keys.accepted("ab", KEY_LIFE), None);
    }

    #[test]
    fn a_uuid_has_five_parts() {
        assert!(is_uuid("123e4567-e89b-12d3-a456-426614174000"));
        for wrong in ["", "123e4567e89b12d3a456426614174000", "123e4567-e89b-12d3-a456-42661417400g"] {
            assert!(!is_uuid(wrong), "{wrong}");
        }
    }
}
