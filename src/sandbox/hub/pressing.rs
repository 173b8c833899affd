//! Buttons under the messages of the official account, as people press them.

use serde_json::json;

use super::Hub;
use crate::protocol::commands::SendText;
use crate::protocol::{Failure, FailureCode, Request};
use crate::sandbox::line::{LineEvent, Press, labels, press};
use crate::sandbox::world::{Deed, Draft, Mid, Operation};

impl Hub {
    /// Someone presses a button of the account's messages in a chat: the latest that has this label.
    ///
    /// # Errors
    /// When there is none, or it is one that the bot is not told of.
    pub(crate) fn press(&mut self, by: &Mid, chat: &Mid, label: &str, picked: Option<&str>) -> Result<(), Failure> {
        let refused = |what: String| Failure::new(FailureCode::NotFound, what);
        let official = self.world.official().cloned();
        let official = official.ok_or_else(|| refused("the world has no official account".to_owned()))?;
        let Some(action) = self.line.button(chat, label).cloned() else {
            let latest = self.line.sent_to(chat).next().map(|message| labels(message).join("\", \""));
            let found = latest.filter(|labels| !labels.is_empty());
            let found = found.map_or("none".to_owned(), |labels| format!("\"{labels}\""));
            return Err(refused(format!("there is no button \"{label}\"; the latest message has {found}")));
        };
        let to = if chat == by { official } else { chat.clone() };
        let says = |text: String| {
            Deed::Operated(Operation::Post { from: by.to_string(), to: to.to_string(), body: Draft::text(text) })
        };
        match press(&action, picked) {
            Some(Press::Says(text)) => {
                let outcome = self.enact(None, &says(text));
                self.deliver(&outcome.deliveries, None);
                outcome.reply.map(drop)
            }
            Some(Press::Posts { postback, shown }) => {
                if let Some(text) = shown {
                    let outcome = self.enact(None, &says(text));
                    self.show(&outcome.deliveries, None);
                    outcome.reply?;
                }
                self.line.announce(LineEvent::new("postback", chat, Some(by), json!({ "postback": postback })));
                Ok(())
            }
            None => Err(refused(format!("the button \"{label}\" does nothing that a bot is told of: {action}"))),
        }
    }

    /// What comes of a text that is the label of a button under the account's latest message in its chat: a client of the gateway has no
    /// other way to press one.
    pub(super) fn pressed(&self, by: &Mid, request: &Request) -> Option<(Mid, Press)> {
        let Request::SendText(SendText { to, content, .. }) = request else { return None };
        let official = self.world.official()?;
        let chat = if to.as_str() == &**official { by.clone() } else { Mid::from(to.as_str()) };
        let latest = self.line.sent_to(&chat).next()?;
        let action = crate::sandbox::line::actions(latest).into_iter().find(|action| action["label"] == **content)?;
        press(action, None).map(|press| (chat, press))
    }
}
