//! Which events are repetitions: messages by their id, other events by their content around the loss of a connection.
//! Timestamps play no part.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use super::numbers::OwnNumbers;
use crate::protocol::{Event, EventSpec, Repetition};

/// How many message ids are remembered.
const MESSAGES: usize = 50_000;
/// How many other events are remembered from before a loss.
const OTHERS: usize = 10_000;
/// How long before a loss and after readiness equal events count as one: what a gateway repeats, it repeats soon.
const AROUND: Duration = Duration::from_secs(10);

/// What has been seen in a session.
///
/// By default nothing, and no connection is ready.
#[derive(Default)]
pub struct Dedup {
    hasher: RandomState,
    messages: Window<MESSAGES>,
    /// What may come again, since it was seen shortly before the connection was lost.
    before: VecDeque<Past>,
    /// Until when it may; `None` while no connection is ready.
    until: Option<Duration>,
    /// What was seen since.
    current: VecDeque<Past>,
}

/// An event that was seen.
#[derive(Clone, Copy)]
struct Past {
    at: Duration,
    hash: u64,
    about: Option<About>,
}

/// What an event is about: of one topic, what happens to the same subject undoes what happened to it before.
#[derive(Clone, Copy)]
struct About {
    topic: &'static str,
    /// The values of the fields that name the subject; one that is missing could be any.
    subject: [Option<u64>; 2],
}

impl Dedup {
    /// What another process saw shortly before it ended.
    pub fn by_others<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut seen = Self::default();
        for event in events {
            seen.is_repeated(event, Duration::ZERO);
        }
        seen.lost(Duration::ZERO);
        seen
    }

    /// Notes an event; true means that it was seen before.
    pub fn is_repeated(&mut self, event: &Event, now: Duration) -> bool {
        let content = event.content.as_str();
        let row = EventSpec::named(&event.subcommand);
        let about = match row.map_or(Repetition::Same, |row| row.repetition) {
            Repetition::Never => return false,
            Repetition::Id | Repetition::Delivery => match event.id() {
                Some(id) => return !self.messages.insert(&id, &self.hasher),
                None => None,
            },
            Repetition::Same => None,
            Repetition::Until { topic, subject } => Some(self.about(topic, subject, event)),
        };
        let event = Past { at: now, hash: self.hasher.hash_one((&event.subcommand, content)), about };
        if self.until.is_some_and(|until| now >= until) {
            self.before.clear();
        }
        let is_repeated = self.before.iter().any(|past| past.hash == event.hash);
        if !is_repeated {
            self.before.retain(|past| !past.is_undone_by(&event));
            self.current.retain(|past| !past.is_undone_by(&event));
        }
        // What came before a connection was ready waits for that, however long it takes.
        let is_old = |past: &Past| self.until.is_some() && past.at + AROUND < now;
        while self.current.front().is_some_and(|past| is_old(past) || self.current.len() >= OTHERS) {
            self.current.pop_front();
        }
        self.current.push_back(event);
        is_repeated
    }

    /// A connection was lost: what was seen shortly before may come again.
    pub fn lost(&mut self, at: Duration) {
        let until = self.until.take();
        // A connection that is lost again at once has had no time to repeat anything.
        if until.is_some_and(|until| at >= until) {
            self.before.clear();
        }
        let recent = |past: &Past| until.is_none() || past.at + AROUND >= at;
        self.before.extend(self.current.drain(..).filter(recent));
        while self.before.len() > OTHERS {
            self.before.pop_front();
        }
    }

    /// A connection is ready: what comes soon may be a repetition.
    pub fn ready(&mut self, now: Duration) {
        self.until = Some(now + AROUND);
    }

    /// Whether nothing is compared any more.
    pub fn is_over(&self, now: Duration) -> bool {
        self.until.is_some_and(|until| now >= until)
    }

    fn about(&self, topic: &'static str, fields: &[&str], event: &Event) -> About {
        let content = event.content.value();
        let value = |field: &&str| content.get(field)?.as_str().map(|text| self.hasher.hash_one(text));
        About { topic, subject: std::array::from_fn(|index| fields.get(index).and_then(value)) }
    }
}

impl Past {
    /// Whether another event of the same topic and subject says something else.
    fn is_undone_by(&self, later: &Self) -> bool {
        let (Some(one), Some(other)) = (self.about, later.about) else { return false };
        let may_be_same = |(one, other): (Option<u64>, Option<u64>)| one.is_none() || other.is_none() || one == other;
        self.hash != later.hash
            && one.topic == other.topic
            && std::iter::zip(one.subject, other.subject).all(may_be_same)
    }
}

/// The last so many ids.
///
/// As a rule an id is a number above all before it, and cannot be a repetition. Hashes of 64 bits under a random key stand for the
/// others; two that collide within a window are not to be expected.
#[derive(Default)]
struct Window<const LIMIT: usize> {
    /// Invariant: it ascends, and a number among the others was at most the highest when it came.
    ascending: VecDeque<u64>,
    highest: Option<u64>,
    /// How many that ascended are forgotten.
    forgotten: u64,
    others: HashSet<u64, OwnNumbers>,
    /// The hashes of the others in their order, each with how many had ascended before it.
    order: VecDeque<(u64, u64)>,
}

impl<const LIMIT: usize> Window<LIMIT> {
    /// Adds an id; false means that it was there.
    fn insert(&mut self, id: &str, hasher: &RandomState) -> bool {
        match number(id) {
            Some(number) if self.highest.is_none_or(|highest| number > highest) => {
                self.highest = Some(number);
                self.ascending.push_back(number);
            }
            Some(number) if self.ascending.binary_search(&number).is_ok() => return false,
            _ => {
                let hash = hasher.hash_one(id);
                if !self.others.insert(hash) {
                    return false;
                }
                self.order.push_back((hash, self.forgotten + self.ascending.len() as u64));
            }
        }
        if self.ascending.len() + self.order.len() > LIMIT {
            self.forget();
        }
        true
    }

    /// Forgets the oldest.
    fn forget(&mut self) {
        match self.order.front() {
            Some((hash, before)) if *before <= self.forgotten => {
                self.others.remove(hash);
                self.order.pop_front();
            }
            _ => {
                self.ascending.pop_front();
                self.forgotten += 1;
            }
        }
    }
}

/// The number that an id is; `None` where the number could be written otherwise, which would be another id.
fn number(id: &str) -> Option<u64> {
    id.starts_with(|first: char| matches!(first, '1'..='9')).then(|| id.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;
    use crate::protocol::Content;

    const SECOND: Duration = Duration::from_secs(1);

    fn event(subcommand: &str, content: &str) -> Event {
        Event { subcommand: subcommand.to_owned().into(), content: Content::new(content) }
    }

    fn of(subcommand: &str, group: &str, field: &str, person: &str) -> Event {
        event(subcommand, &format!(r#"{{"group_id":"{group}","mid":"u0","{field}":"{person}"}}"#))
    }

    fn kick(person: &str) -> Event {
        of("NOTIFIED_DELETE_OTHER_FROM_CHAT", "c1", "target", person)
    }

    /// One that is ready from the start.
    fn ready() -> Dedup {
        let mut seen = Dedup::default();
        seen.ready(Duration::ZERO);
        seen
    }

    #[test]
    fn a_message_id_counts_once_however_it_is_written() {
        let mut seen = ready();
        assert!(!seen.is_repeated(&event("RECEIVE_MESSAGE", r#"{"id":"7","text":"a"}"#), SECOND));
        assert!(seen.is_repeated(&event("RECEIVE_MESSAGE", r#"{"id":7,"text":"a","timestamp":9}"#), SECOND));
        assert!(!seen.is_repeated(&event("RECEIVE_MESSAGE", r#"{"id":"8","text":"a"}"#), SECOND));
    }

    #[test]
    fn the_window_of_ids_is_bounded() {
        let mut seen = ready();
        for id in 0..=MESSAGES {
            assert!(!seen.is_repeated(&event("RECEIVE_MESSAGE", &format!(r#"{{"id":"{id}"}}"#)), SECOND));
        }
        assert!(!seen.is_repeated(&event("RECEIVE_MESSAGE", r#"{"id":"0"}"#), SECOND));
        assert!(seen.is_repeated(&event("RECEIVE_MESSAGE", &format!(r#"{{"id":"{MESSAGES}"}}"#)), SECOND));
    }

    #[test]
    fn the_window_remembers_what_a_set_and_a_queue_would() {
        for seed in 0..300 {
            let mut rng = StdRng::seed_from_u64(seed);
            let (mut window, hasher) = (Window::<8>::default(), RandomState::new());
            let (mut members, mut queue) = (HashSet::new(), VecDeque::new());
            let mut top = 0_u64;
            for _ in 0..200 {
                let id = match rng.random_range(0..8) {
                    0..4 => {
                        top += rng.random_range(1..3);
                        top.to_string()
                    }
                    4..6 => top.saturating_sub(rng.random_range(0..12)).to_string(),
                    6 => format!("0{}", rng.random_range(0..4)),
                    _ => ["", "a", "+1", "-1", "1.0", "18446744073709551616"][rng.random_range(0..6)].to_owned(),
                };
                let is_new = members.insert(id.clone());
                if is_new {
                    queue.push_back(id.clone());
                    if queue.len() > 8 {
                        members.remove(&queue.pop_front().expect("there are nine"));
                    }
                }
                assert_eq!(window.insert(&id, &hasher), is_new, "{id:?} of seed {seed}");
            }
        }
    }

    #[test]
    fn what_was_seen_shortly_before_a_loss_may_come_again_shortly_after_readiness() {
        for odd in [kick("u1"), event("RECEIVE_MESSAGE", "no json"), event("NEW", r#"{"a":1}"#)] {
            for (seen_at, lost_at, ready_at, again_at, expected) in
                [(1, 11, 100, 109, true), (1, 12, 100, 101, false), (1, 2, 3, 13, false), (1, 2, 600, 599, true)]
            {
                let mut seen = ready();
                assert!(!seen.is_repeated(&odd, seen_at * SECOND));
                seen.lost(lost_at * SECOND);
                // Attempts that fail change nothing.
                seen.lost((lost_at + 1) * SECOND);
                if again_at >= ready_at {
                    seen.ready(ready_at * SECOND);
                }
                assert_eq!(seen.is_repeated(&odd, again_at * SECOND), expected, "{seen_at} {lost_at} {again_at}");
            }
        }
        let mut seen = ready();
        assert!(!seen.is_repeated(&kick("u1"), SECOND));
        assert!(!seen.is_repeated(&kick("u1"), SECOND), "without a loss the same thing happens twice");
    }

    #[test]
    fn what_undid_an_event_makes_it_happen_anew() {
        let join = |person: &str| of("NOTIFIED_JOIN_CHAT", "c1", "mid", person);
        let leave = |person: &str| of("NOTIFIED_DELETE_SELF_FROM_CHAT", "c1", "mid", person);
        let mine = event("NOTIFIED_LEAVE_CHAT", r#"{"group_id":"c1"}"#);
        let accept = event("ACCEPT_CHAT_INVITATION", r#"{"group_id":"c1","mid":"u9"}"#);
        let profile = |name: &str| {
            let content = format!(r#"{{"mid":"u1","type":"2","params":"{{\"DISPLAY_NAME\":\"{name}\"}}"}}"#);
            event("NOTIFIED_UPDATE_PROFILE", &content)
        };
        let contact = |subcommand: &str| event(subcommand, r#"{"mid":"u1"}"#);
        for (done, undone, is_undone) in [
            (kick("u1"), join("u1"), true),
            (kick("u1"), join("u2"), false),
            (kick("u1"), of("NOTIFIED_JOIN_CHAT", "c2", "mid", "u1"), false),
            (leave("u1"), join("u1"), true),
            (join("u1"), kick("u1"), true),
            (mine, accept, true),
            (profile("A"), profile("B"), true),
            (contact("BLOCK_CONTACT"), contact("UNBLOCK_CONTACT"), true),
            (contact("NOTIFIED_ADD_CONTACT"), contact("BLOCK_CONTACT"), false),
        ] {
            for undone_before in [true, false] {
                let mut seen = ready();
                seen.is_repeated(&done, SECOND);
                if undone_before {
                    assert!(!seen.is_repeated(&undone, SECOND));
                }
                seen.lost(2 * SECOND);
                seen.ready(3 * SECOND);
                if !undone_before {
                    assert!(!seen.is_repeated(&undone, 3 * SECOND));
                }
                assert_eq!(seen.is_repeated(&done, 4 * SECOND), !is_undone, "{done:?} after {undone:?}");
            }
        }
    }

    #[test]
    fn what_names_nothing_that_tells_it_apart_is_never_a_repetition() {
        for (subcommand, content) in [
            ("NOTIFIED_UPDATE_CHAT", r#"{"group_id":"c1","mid":"u1","type":"1"}"#),
            ("NOTIFIED_SEND_REACTION", r#"{"chat":"c1","mid":"u1","msg_id":"7"}"#),
            ("UPDATE_PROFILE", "{}"),
            ("UPDATE_SETTINGS", "{}"),
        ] {
            let mut seen = ready();
            seen.is_repeated(&event(subcommand, content), SECOND);
            seen.lost(SECOND);
            seen.ready(SECOND);
            assert!(!seen.is_repeated(&event(subcommand, content), SECOND), "{subcommand}");
        }
    }

    #[test]
    fn what_came_before_the_first_readiness_waits_for_it() {
        let mut seen = Dedup::default();
        assert!(!seen.is_repeated(&kick("u1"), SECOND));
        seen.lost(300 * SECOND);
        seen.ready(310 * SECOND);
        assert!(seen.is_repeated(&kick("u1"), 311 * SECOND));
    }
}
