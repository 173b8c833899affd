//! The latest messages of a person's chats, so that one can be taken back or reacted to.

use std::collections::VecDeque;

use crate::protocol::{Event, EventSpec, Hook, Message};

/// How many messages are remembered over all chats; the oldest give way.
const KEPT: usize = 500;

/// A message that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SeenMessage {
    pub(super) chat: String,
    pub(super) id: String,
    /// Whether it is one's own.
    pub(super) is_own: bool,
}

/// The latest messages, the latest last.
#[derive(Debug, Default)]
pub(super) struct SaidMessages(VecDeque<SeenMessage>);

impl SaidMessages {
    /// Notes the message of an event, and forgets one that is taken back.
    pub(super) fn hear(&mut self, event: &Event, me: &str) {
        match EventSpec::named(&event.subcommand).and_then(|row| row.hook) {
            Some(Hook::Message | Hook::OwnMessage) => {
                let Some(message) = Message::read(event.content.as_str()) else { return };
                let (chat, is_own) = (message.chat(me).to_owned(), message.from == me);
                self.note(SeenMessage { chat, id: message.id, is_own });
            }
            Some(Hook::Unsend) => self.forget(event.content.value()["msg_id"].as_str().unwrap_or_default()),
            _ => {}
        }
    }

    pub(super) fn note(&mut self, message: SeenMessage) {
        // One's own is told by the answer and by the event.
        if self.0.iter().any(|known| known.id == message.id) {
            return;
        }
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(message);
    }

    /// Forgets a message that was taken back.
    pub(super) fn forget(&mut self, id: &str) {
        self.0.retain(|known| known.id != id);
    }

    /// The id of the latest message of a chat, or the one so many before it, that is one's own or another's.
    pub(super) fn latest(&self, chat: &str, is_own: bool, before: usize) -> Option<String> {
        let fits = |known: &&SeenMessage| known.chat == chat && known.is_own == is_own;
        self.0.iter().rev().filter(fits).nth(before).map(|known| known.id.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_message_of_a_chat_is_found_until_it_is_taken_back() {
        let mut said = SaidMessages::default();
        for (chat, id, is_own) in
            [("a", "1", true), ("a", "2", false), ("b", "3", true), ("a", "4", true), ("a", "4", true)]
        {
            said.note(SeenMessage { chat: chat.to_owned(), id: id.to_owned(), is_own });
        }
        let latest = |said: &SaidMessages, chat, is_own, before| said.latest(chat, is_own, before);
        assert_eq!(latest(&said, "a", true, 0).as_deref(), Some("4"));
        assert_eq!(latest(&said, "a", true, 1).as_deref(), Some("1"));
        assert_eq!(latest(&said, "a", false, 0).as_deref(), Some("2"));
        assert_eq!(latest(&said, "b", false, 0), None);
        said.forget("4");
        assert_eq!(latest(&said, "a", true, 0).as_deref(), Some("1"));
    }
}
