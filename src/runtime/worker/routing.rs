//! What an event is about: the hook that it reaches, the chat that it belongs to, what the hook is called with.

use rhai::{Dynamic, ImmutableString};

use crate::protocol::line::original;
use crate::protocol::{ChatRule, Damage, Damages, Event, EventSpec, Hook};
use crate::runtime::engine::objects::{self, ScriptMessage};
use crate::runtime::engine::values;

/// With what the functions of commands begin, in what is recorded and shown of runs. No function of a script has such a name.
pub(super) const COMMAND_MARK: char = '/';

/// Whether a run of this function is that of a command.
pub(super) fn is_command(function: &str) -> bool {
    function.starts_with(COMMAND_MARK)
}

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
        if is_command(function) {
            return self.message.clone().map(|message| vec![Dynamic::from(message)]);
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

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;
    use proptest::sample::select;
    use serde_json::{Value, json};

    use super::*;
    use crate::protocol::LINE;
    use crate::protocol::line::{ReplyToken, read_callback};

    /// What may stand in an event of LINE's, where it may and where not.
    const NAMES: &[&str] = &[
        "type",
        "mode",
        "timestamp",
        "webhookEventId",
        "replyToken",
        "source",
        "message",
        "userId",
        "groupId",
        "roomId",
        "id",
        "text",
        "mention",
        "joined",
        "left",
        "members",
        "follow",
        "isUnblocked",
        "unsend",
        "messageId",
        "postback",
        "data",
        "params",
        "beacon",
        "link",
        "membership",
        "module",
        "delivery",
        "event",
        "user",
        "group",
        "U1",
        "standby",
        "image",
        "location",
        "sticker",
        "",
    ];

    fn anything() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            select(NAMES).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..4).prop_map(Value::from),
                btree_map(select(NAMES).prop_map(str::to_owned), inner, 0..6)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    fn some_event() -> impl Strategy<Value = Value> {
        let kinds: Vec<_> = LINE.events.iter().map(|row| row.subcommand).collect();
        (select(kinds), btree_map(select(NAMES).prop_map(str::to_owned), anything(), 0..12)).prop_map(
            |(kind, fields)| {
                let mut event = Value::Object(fields.into_iter().collect());
                event["type"] = kind.into();
                event
            },
        )
    }

    proptest! {
        #[test]
        fn whatever_stands_in_an_event_of_lines_it_is_read(events in vec(prop_oneof![some_event(), anything()], 0..4)) {
            let body = json!({ "destination": "Ubot", "events": events }).to_string();
            let callback = read_callback(body.as_bytes()).expect("a webhook");
            for event in callback.events {
                let content = event.content.as_str();
                prop_assert!(serde_json::from_str::<Value>(content).is_ok(), "{content}");
                let routed = Routed::read(&event, "Ubot");
                let arguments = routed.arguments(&event, Hook::Notify.name()).expect("it takes all");
                prop_assert_eq!(arguments.len(), 2);
                if let Some(hook) = routed.hook {
                    prop_assert!(routed.arguments(&event, hook.name()).is_some(), "{}", content);
                }
                let _ = (event.id(), ReplyToken::of(&event.content));
            }
        }
    }
}
