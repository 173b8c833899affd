//! What happens that is no event of the gateway, as events of the journal: timers that are due, hooks that the session's life
//! calls. How they become runs is in `dispatch`.

use rhai::Dynamic;

use crate::protocol::{Content, Event, Hook};
use crate::runtime::context::SessionContext;
use crate::runtime::context::lane::{Lane, LaneKey};
use crate::runtime::engine::values;
use crate::runtime::timers::timer::{Scheduled, Timer};
use crate::store::InternalKind;

/// What happens that is no event of the gateway: a timer is due, a hook is to be called.
pub(crate) struct InternalEvent {
    /// The script that it concerns.
    pub(crate) script: String,
    /// What is to be called.
    pub(crate) what: InternalCall,
}

/// What is to be called.
pub(crate) enum InternalCall {
    /// A timer's function.
    Timer(Timer),
    /// A hook, with its arguments.
    Hook(Hook, Vec<Dynamic>),
}

impl InternalEvent {
    /// Reads what [`hook_event`] or a timer made.
    pub(crate) fn of_event(event: &Event) -> Option<Self> {
        let hook = match InternalKind::named(&event.subcommand)? {
            InternalKind::Timer => {
                let (script, timer) = Scheduled::of_event(event)?;
                return Some(Self { script, what: InternalCall::Timer(timer) });
            }
            InternalKind::Hook(hook) => hook,
        };
        let content = event.content.value();
        let script = content.get("script")?.as_str()?.to_owned();
        let arguments = content.get("arguments").and_then(|arguments| arguments.as_array().cloned());
        let convert = |value: &serde_json::Value| values::from_content(&value.to_string());
        let arguments = arguments.unwrap_or_default().iter().map(convert).collect();
        Some(Self { script, what: InternalCall::Hook(hook, arguments) })
    }

    /// The lane that it happens in: each timer has its own.
    pub(crate) fn lane(&self, session: &SessionContext) -> Lane {
        match &self.what {
            InternalCall::Timer(timer) => match timer.call_of(&self.script) {
                Some(call) => session.lane(LaneKey::Timer(call)),
                None => Lane::of_its_own(),
            },
            InternalCall::Hook(..) => session.lane(LaneKey::Script(self.script.clone())),
        }
    }

    /// What the function is called with.
    pub(crate) fn arguments(&self) -> Vec<Dynamic> {
        match &self.what {
            InternalCall::Timer(timer) => timer.values(),
            InternalCall::Hook(_, arguments) => arguments.clone(),
        }
    }
}

/// The event that a call of a hook is where the gateway sent none.
pub(crate) fn hook_event(script: &str, hook: Hook, arguments: &[Dynamic]) -> Event {
    let plain = |value: &Dynamic| values::to_value(value).unwrap_or_default();
    let content = match hook {
        // Whoever reads the journal later is not to see the PIN of a login.
        Hook::Pin => serde_json::json!({"script": script}),
        _ => serde_json::json!({"script": script, "arguments": arguments.iter().map(plain).collect::<Vec<_>>()}),
    };
    Event { subcommand: InternalKind::Hook(hook).subcommand(), content: Content::new(content.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_is_read_back_with_its_arguments_but_for_a_pin() {
        let event = hook_event("bot", Hook::Error, &["ouch".into()]);
        assert_eq!(event.subcommand, "@error");
        let internal = InternalEvent::of_event(&event).expect("it is ours");
        assert!(matches!(internal.what, InternalCall::Hook(Hook::Error, _)));
        assert_eq!((internal.script.as_str(), internal.arguments()[0].to_string()), ("bot", "ouch".to_owned()));
        let event = hook_event("bot", Hook::Pin, &["123456".into()]);
        assert!(!event.content.as_str().contains("123456"), "{}", event.content.as_str());
    }

    #[test]
    fn an_event_of_the_gateway_is_none_of_ours() {
        let event = Event { subcommand: "RECEIVE_MESSAGE".into(), content: Content::new("{}".to_owned()) };
        assert!(InternalEvent::of_event(&event).is_none());
    }
}
