//! What an event is about: the hook that it reaches, the chat that it belongs to, what the hook is called with.

use rhai::{Dynamic, ImmutableString};

use crate::protocol::line::original;
use crate::protocol::{ChatRule, Damage, Damages, Event, EventSpec, Hook};
use crate::runtime::engine::objects::{self, ScriptMessage};
use crate::runtime::engine::values;

/// An event, read for the account that it arrived at.
pub(super) struct Routed {
    /// The hook that it reaches besides `on_notify`.
    pub(super) hook: Option<Hook>,
    pub(super) message: Option<ScriptMessage>,
    pub(super) object: Option<objects::ScriptEvent>,
    /// The chat that it belongs to.
    pub(super) chat: Option<ImmutableString>,
    /// What was wrong with its content.
    pub(super) damages: Damages,
}

impl Routed {
    /// Reads an event for the account `me`.
    pub(super) fn read(event: &Event, me: &str) -> Self {
        let spec = EventSpec::named(&event.subcommand);
        let hook = spec.and_then(|spec| spec.hook);
        let mut damages = Damages::default();
        if matches!(hook, Some(Hook::Message | Hook::OwnMessage)) {
            let message = ScriptMessage::read(event.content.clone(), me, &mut damages);
            let chat = message.as_ref().map(|message| message.chat().clone());
            let own =
                spec.is_some_and(|spec| spec.me) || message.as_ref().is_some_and(|message| message.sender() == me);
            // A message that is no object has no sender and no chat: it reaches on_notify only.
            if message.is_none() {
                damages.insert(Damage::NoObject);
            }
            let hook = message.as_ref().map(|_| if own { Hook::OwnMessage } else { Hook::Message });
            return Self { hook, message, object: None, chat, damages };
        }
        if spec.is_none() {
            let _ = values::from_content_noting(event.content.as_str(), &mut damages);
        }
        let object = spec.map(|spec| objects::ScriptEvent::read(spec, &event.content, me, &mut damages));
        let chat = spec.map(|spec| spec.chat).zip(object.as_ref()).and_then(|(rule, object)| match rule {
            ChatRule::Field(field) => object.text(field).map(Into::into),
            ChatRule::None | ChatRule::Message => None,
        });
        Self { hook, message: None, object, chat, damages }
    }

    /// What a function of this name is called with for the event; `None` where it is no hook for it.
    pub(super) fn arguments(&self, event: &Event, function: &str) -> Option<Vec<Dynamic>> {
        if function == Hook::Notify.name() {
            let subcommand = &*event.subcommand;
            let subcommand = if subcommand.is_empty() { Dynamic::UNIT } else { subcommand.into() };
            let content = event.content.as_str();
            return Some(vec![subcommand, values::from_content(original(content).unwrap_or(content))]);
        }
        let hook = self.hook.filter(|hook| hook.name() == function)?;
        Some(vec![match (&self.message, &self.object) {
            (Some(message), _) => Dynamic::from(message.clone()),
            (None, Some(object)) if hook == Hook::Invite => Dynamic::from(object.clone().into_invite()),
            (None, Some(object)) => Dynamic::from(object.clone()),
            (None, None) => return None,
        }])
    }
}
