//! Which events are repetitions: messages by their id, other events by their content. Timestamps play no part.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::protocol::{Event, Message};

/// How many message ids are remembered.
const MESSAGES: usize = 50_000;
/// How many other events are remembered from before a reconnect.
const OTHERS: usize = 10_000;
/// How long before and after a reconnect equal events count as one: what a gateway repeats, it repeats soon.
const AROUND_RECONNECT: Duration = Duration::from_secs(600);

/// What has been seen in a session.
///
/// Hashes of 64 bits under a random key stand for the ids; two that collide within a window are not to be expected.
pub(super) struct Seen {
    hasher: RandomState,
    messages: Window,
    before: HashSet<u64>,
    before_ends: Duration,
    current: VecDeque<(Duration, u64)>,
}

impl Seen {
    pub(super) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            messages: Window::default(),
            before: HashSet::new(),
            before_ends: Duration::ZERO,
            current: VecDeque::new(),
        }
    }

    /// Notes an event; true means that it was seen before.
    pub(super) fn is_repeated(&mut self, event: &Event, now: Duration) -> bool {
        if matches!(event.subcommand.as_str(), "RECEIVE_MESSAGE" | "SEND_MESSAGE")
            && let Some(id) = Message::id_of(event.content.as_str())
        {
            return !self.messages.insert(self.hasher.hash_one(id));
        }
        let hash = self.hasher.hash_one((&event.subcommand, event.content.as_str()));
        if self.current.len() >= OTHERS {
            self.current.pop_front();
        }
        self.current.push_back((now, hash));
        if now >= self.before_ends && !self.before.is_empty() {
            self.before = HashSet::new();
        }
        self.before.contains(&hash)
    }

    /// A new connection begins: what was seen until now may come again.
    pub(super) fn reconnected(&mut self, now: Duration) {
        if now >= self.before_ends || self.before.len() > 4 * OTHERS {
            self.before.clear();
        }
        self.before_ends = now + AROUND_RECONNECT;
        let recent = |at: &Duration| now.saturating_sub(*at) <= AROUND_RECONNECT;
        self.before.extend(self.current.drain(..).filter(|(at, _)| recent(at)).map(|(_, hash)| hash));
    }
}

/// The last so many hashes.
#[derive(Default)]
struct Window {
    members: HashSet<u64>,
    order: VecDeque<u64>,
}

impl Window {
    /// Adds a hash; false means that it was there.
    fn insert(&mut self, hash: u64) -> bool {
        if !self.members.insert(hash) {
            return false;
        }
        if self.order.len() >= MESSAGES
            && let Some(oldest) = self.order.pop_front()
        {
            self.members.remove(&oldest);
        }
        self.order.push_back(hash);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Content;

    const MINUTE: Duration = Duration::from_secs(60);

    fn event(subcommand: &str, content: &str) -> Event {
        Event { subcommand: subcommand.into(), content: Content::new(content) }
    }

    #[test]
    fn a_message_id_counts_once_however_it_is_written() {
        let mut seen = Seen::new();
        assert!(!seen.is_repeated(&event("RECEIVE_MESSAGE", r#"{"id":"7","text":"a"}"#), MINUTE));
        assert!(seen.is_repeated(&event("RECEIVE_MESSAGE", r#"{"id":7,"text":"a","timestamp":9}"#), MINUTE));
        assert!(!seen.is_repeated(&event("RECEIVE_MESSAGE", r#"{"id":"8","text":"a"}"#), MINUTE));
    }

    #[test]
    fn the_window_of_ids_is_bounded() {
        let mut seen = Seen::new();
        for id in 0..=MESSAGES {
            assert!(!seen.is_repeated(&event("RECEIVE_MESSAGE", &format!(r#"{{"id":"{id}"}}"#)), MINUTE));
        }
        assert!(!seen.is_repeated(&event("RECEIVE_MESSAGE", r#"{"id":"0"}"#), MINUTE));
        assert!(seen.is_repeated(&event("RECEIVE_MESSAGE", &format!(r#"{{"id":"{MESSAGES}"}}"#)), MINUTE));
    }

    #[test]
    fn other_events_are_compared_only_with_those_before_a_reconnect() {
        let mut seen = Seen::new();
        let leave = event("NOTIFIED_LEAVE_CHAT", r#"{"group_id":"c1"}"#);
        assert!(!seen.is_repeated(&leave, MINUTE));
        assert!(!seen.is_repeated(&leave, MINUTE), "the same thing can happen twice");
        seen.reconnected(2 * MINUTE);
        assert!(seen.is_repeated(&leave, 2 * MINUTE));
        assert!(!seen.is_repeated(&leave, 20 * MINUTE), "long after a reconnect it has happened again");
        seen.reconnected(40 * MINUTE);
        assert!(!seen.is_repeated(&leave, 40 * MINUTE), "it was seen too long before");
    }

    #[test]
    fn messages_without_an_id_are_compared_like_other_events() {
        let mut seen = Seen::new();
        let odd = event("RECEIVE_MESSAGE", "no json");
        assert!(!seen.is_repeated(&odd, MINUTE));
        assert!(!seen.is_repeated(&odd, MINUTE));
    }
}
