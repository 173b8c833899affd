//! What an account still has to be told: the events that came while nobody was logged in to it.
//!
//! Who is connected is not known here. The hub says when an account is left, and a login says that someone is back.

use std::borrow::Cow;
use std::sync::Arc;

use super::messages::chat_key;
use super::state::{NewsItem, ON_ITS_WAY, What};
use super::{Audience, CommandReply, Delivery, EventContent, Mid, World, done};
use crate::clock::Timestamp;

impl World {
    /// Numbers the events of a deed and keeps them for those they go to; a closed account is told nothing.
    ///
    /// What only tells an account's other connections of its own deed is not kept: whoever logs in later did it.
    pub(super) fn keep_news(&mut self, now: Timestamp, deliveries: &mut Vec<Delivery>) {
        for delivery in deliveries.iter_mut() {
            delivery.to.retain(|mid| self.accounts.contains_key(mid));
            self.last_event += 1;
            delivery.number = self.last_event;
            if delivery.audience == Audience::OtherDevices {
                continue;
            }
            let what = match &delivery.content {
                EventContent::Message(message) => {
                    let key = chat_key(&message.from, &message.to);
                    let chat = self.chats.get_key_value(&key).map_or(key, |(known, _)| Arc::clone(known));
                    What::Message { chat, id: message.id.parse().unwrap_or_default() }
                }
                EventContent::Fields(content) => {
                    What::Event { subcommand: delivery.subcommand.clone(), content: content.clone() }
                }
            };
            for mid in &delivery.to {
                // An official account has no logins that would ask for it.
                if let Some(account) = self.accounts.get_mut(mid).filter(|account| !account.official) {
                    account.news.push(NewsItem { number: delivery.number, at: now, what: what.clone() });
                }
            }
        }
        deliveries.retain(|delivery| !delivery.to.is_empty());
    }

    /// Someone logs in to an account: gives what it missed, which stays kept until the hub says how much of it arrived.
    pub(super) fn arrive(&mut self, now: Timestamp, mid: &Mid) -> Vec<Delivery> {
        let Some(account) = self.accounts.get_mut(mid) else { return Vec::new() };
        if std::mem::replace(&mut account.news.present, true) {
            return Vec::new();
        }
        for item in &mut account.news.kept {
            item.at = now;
        }
        let kept = account.news.kept.clone();
        kept.into_iter().filter_map(|item| self.retell(mid, item)).collect()
    }

    /// The last connection of an account is gone; events up to `told` have reached it.
    pub(super) fn depart(&mut self, mid: &str, told: u64) -> CommandReply {
        if let Some(account) = self.accounts.get_mut(mid) {
            account.news.present = false;
            account.news.kept.retain(|item| item.number > told);
        }
        done()
    }

    /// Everyone is gone, and nobody knows what reached them: what came shortly before `last` is told again.
    pub(crate) fn depart_all(&mut self, last: Timestamp) {
        for account in self.accounts.values_mut().filter(|account| account.news.present) {
            account.news.present = false;
            account.news.kept.retain(|item| item.at >= last - ON_ITS_WAY);
        }
    }

    /// The number of the latest event of anyone.
    pub(crate) fn last_event(&self) -> u64 {
        self.last_event
    }

    /// Whether someone is logged in to an account, as far as the world was told.
    pub(crate) fn is_present(&self, mid: &str) -> bool {
        self.accounts.get(mid).is_some_and(|account| account.news.present)
    }

    /// Makes an event of what was kept; `None` for a message that is gone from its chat.
    fn retell(&self, mid: &Mid, item: NewsItem) -> Option<Delivery> {
        let (subcommand, content, by) = match item.what {
            What::Message { chat, id } => {
                let posts = self.chats.get(&chat)?;
                let post = posts.get(posts.binary_search_by_key(&id, |post| post.id).ok()?)?;
                (Cow::Borrowed("RECEIVE_MESSAGE"), EventContent::Message(Arc::new(post.wire())), post.from.clone())
            }
            // Whose deed it was is in it where that concerns anyone.
            What::Event { subcommand, content } => (subcommand, EventContent::Fields(content), Mid::default()),
        };
        Some(Delivery {
            to: vec![mid.clone()],
            audience: Audience::EveryDevice,
            subcommand,
            content,
            number: item.number,
            by,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::state::KEPT;
    use super::super::{Deed, Draft, Operation, Scene};
    use super::*;

    fn world() -> (World, Mid, Mid) {
        let world = World::demo(1);
        let mid = |name| world.find(name).expect("a demo account").clone();
        let (alice, bot) = (mid("alice"), mid("bot"));
        (world, alice, bot)
    }

    fn say(world: &mut World, now: Timestamp, from: &Mid, to: &Mid, text: &str) -> u64 {
        let post = Operation::Post { from: from.to_string(), to: to.to_string(), body: Draft::text(text) };
        let outcome = world.apply(&Scene { now, media: "", device: None }, &Deed::Operated(post));
        outcome.deliveries.iter().map(|delivery| delivery.number).max().expect("somebody is told")
    }

    fn texts(deliveries: &[Delivery]) -> Vec<String> {
        let text = |delivery: &Delivery| match &delivery.content {
            EventContent::Message(message) => message.text.clone(),
            EventContent::Fields(_) => None,
        };
        deliveries.iter().filter_map(text).collect()
    }

    #[test]
    fn who_is_away_is_told_later_once_and_in_order() {
        let (mut world, alice, bot) = world();
        say(&mut world, 0, &alice, &bot, "a");
        say(&mut world, 60_000, &alice, &bot, "b");
        assert_eq!(texts(&world.arrive(70_000, &bot)), ["a", "b"]);
        assert_eq!(world.arrive(70_000, &bot), []);
        let told = say(&mut world, 80_000, &alice, &bot, "c");
        say(&mut world, 80_000, &alice, &bot, "d");
        world.depart(&bot, told).expect("possible");
        assert_eq!(texts(&world.arrive(90_000, &bot)), ["d"]);
        // Nobody hears of their own messages.
        assert_eq!(world.arrive(90_000, &alice), []);
    }

    #[test]
    fn an_account_that_nobody_logs_in_to_keeps_the_latest_only() {
        let (mut world, alice, bot) = world();
        for number in 0..=KEPT {
            say(&mut world, 0, &alice, &bot, &number.to_string());
        }
        let told = texts(&world.arrive(1, &bot));
        assert_eq!((told.len(), told[0].as_str()), (KEPT, "1"));
    }

    #[test]
    fn after_a_kill_the_last_seconds_are_told_again() {
        let (mut world, alice, bot) = world();
        world.arrive(0, &bot);
        for (at, text) in [(1_000, "old"), (15_000, "a"), (20_000, "b")] {
            say(&mut world, at, &alice, &bot, text);
        }
        let mut read: World = serde_json::from_value(serde_json::json!(world)).expect("it can be read");
        read.depart_all(20_000);
        assert_eq!(texts(&read.arrive(30_000, &bot)), ["a", "b"]);
    }

    #[test]
    fn a_message_that_was_taken_back_meanwhile_is_not_told() {
        let (mut world, alice, bot) = world();
        say(&mut world, 0, &alice, &bot, "a");
        let msg_id = world.history(&alice, &bot)[0].id.clone();
        let unsend = Deed::Operated(Operation::Unsend { by: alice.to_string(), msg_id });
        world.apply(&Scene { now: 0, media: "", device: None }, &unsend);
        let told = world.arrive(1, &bot);
        assert_eq!(told.iter().map(|delivery| &*delivery.subcommand).collect::<Vec<_>>(), ["NOTIFIED_DESTROY_MESSAGE"]);
    }
}
