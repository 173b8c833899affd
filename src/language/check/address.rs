//! Where something is sent: a name or a text in the place of a mid. Whether a mid exists is the gateway's to know.

use rhai::Expr;

use super::known;
use super::walk::Walk;
use crate::language::chain::{ChainLink, links_of};
use crate::language::kind::Kind;

/// The fields that hold a mid.
const MIDS: &[&str] = &["to", "mid", "group_id"];

impl Walk<'_> {
    /// Warns where a mid is wanted and a name or a text is given, by the names of parameters and what is given for them.
    pub(crate) fn addressed(&mut self, called: &str, given: &[(&str, &Expr)]) {
        let content = given.iter().find(|(name, _)| matches!(*name, "content" | "text")).map(|(_, value)| *value);
        for (name, value) in given.iter().filter(|(name, _)| MIDS.contains(name)) {
            let place = value.start_position();
            if let Some(found) = self.no_mid(value) {
                let message = format!("`{name}` of `{called}` is a mid; found {found}");
                let help = "a person's mid is `msg.sender.mid`, the chat's `msg.chat`, a group's `event.group_id`";
                self.warn("no-mid", place, message, Some(help.to_owned()));
            } else if let (Expr::StringConstant(text, _), Some(content)) = (value, content)
                && self.is_mid(content)
            {
                let message = format!("`{called}` sends a mid to \"{text}\"");
                let help = "the other way round: where it goes comes first, then the text".to_owned();
                self.warn("no-mid", place, message, Some(help));
            }
        }
    }

    /// What is given in a mid's place and is certainly none.
    fn no_mid(&mut self, value: &Expr) -> Option<String> {
        match value {
            Expr::StringConstant(text, _) => {
                let is_sentence =
                    text.is_empty() || text.chars().any(|letter| letter.is_whitespace() || !letter.is_ascii());
                is_sentence.then(|| format!("\"{text}\""))
            }
            Expr::Dot(..) => {
                let (of, name) = self.last_property(value)?;
                match (of, name) {
                    (Kind::Person, "name") => Some("a name".to_owned()),
                    (Kind::Message, "text") => Some("the text of a message".to_owned()),
                    (Kind::Message, "id") => Some("the id of a message".to_owned()),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn is_mid(&mut self, value: &Expr) -> bool {
        matches!(
            self.last_property(value),
            Some(
                (Kind::Message, "chat" | "to")
                    | (Kind::Person | Kind::Session, "mid")
                    | (Kind::Event(_) | Kind::Invite, "group_id" | "mid" | "chat")
            )
        )
    }

    /// The property that a chain of properties ends with, and what it is one of.
    fn last_property<'e>(&mut self, chain: &'e Expr) -> Option<(Kind, &'e str)> {
        let (Expr::Variable(variable, ..), links) = links_of(chain) else { return None };
        let mut of = self.scope.variable(&variable.1)?.kind.present();
        let (last, before) = links.split_last()?;
        for link in before {
            let ChainLink::Property(name, _) = link else { return None };
            of = match (of, *name) {
                (Kind::Invite, "inviter") => Kind::Person,
                (of, name) => known::property(of, name)?.present(),
            };
        }
        let ChainLink::Property(name, _) = last else { return None };
        Some((of, *name))
    }
}
