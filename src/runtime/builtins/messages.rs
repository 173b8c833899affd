//! Messages and who wrote them, as scripts use them: `msg.reply`, a person's name. How people are asked is in `asking`.

use std::ptr;
use std::rc::Rc;

use rhai::{Array, Dynamic, Engine, ImmutableString, Map, NativeCallContext};

use super::choices::chosen;
use super::data::PersonState;
use super::{delivery, outgoing};
use crate::protocol::commands::GetContacts;
use crate::protocol::line::original;
use crate::protocol::{GATEWAY, Mention, is_group};
use crate::runtime::context::services::Services;
use crate::runtime::engine::objects::{Person, ScriptMessage, field};
use crate::runtime::engine::thrown::{self, ScriptResult};
use crate::runtime::engine::values;
use crate::runtime::run::answer::Answer;
use crate::runtime::run::call::{HostCall, Impact};
use crate::runtime::run::host_call;
use crate::runtime::run::wait::CallSite;

/// Registers both types and what they can do.
pub(crate) fn register(engine: &mut Engine, services: &Rc<Services>) {
    engine.register_type_with_name::<ScriptMessage>("Message");
    engine.register_get("id", |msg: &mut ScriptMessage| given(&msg.wire().id));
    engine.register_get("chat", |msg: &mut ScriptMessage| given(msg.chat()));
    engine.register_get("text", |msg: &mut ScriptMessage| msg.text().map_or(Dynamic::UNIT, Dynamic::from));
    engine.register_get("to", |msg: &mut ScriptMessage| given(&msg.wire().to));
    engine.register_get("timestamp", |msg: &mut ScriptMessage| match msg.wire().timestamp {
        0 => Dynamic::UNIT,
        timestamp => timestamp.into(),
    });
    engine.register_get("content_type", |msg: &mut ScriptMessage| msg.wire().content_type.clone());
    engine.register_get("metadata", |msg: &mut ScriptMessage| {
        let metadata = msg.wire().content_metadata.iter();
        metadata.map(|(name, text)| (name.into(), text.into())).collect::<Map>()
    });
    engine.register_get("mentions", |msg: &mut ScriptMessage| mentions(msg));
    engine.register_get("is_group", |msg: &mut ScriptMessage| is_group(msg.chat()));
    engine.register_get("raw", |msg: &mut ScriptMessage| {
        let content = msg.content().as_str();
        values::from_content(original(content).unwrap_or(content))
    });
    engine.register_get("choice", |msg: &mut ScriptMessage| chosen(msg.content()));
    engine.register_get("chat_state", |msg: &mut ScriptMessage| PersonState::of(msg.chat(), "msg.chat_state"));
    engine.register_get("sender", |msg: &mut ScriptMessage| Person::new(msg.sender()));

    let own = Rc::clone(services);
    engine.register_fn("reply", move |context: NativeCallContext, msg: &mut ScriptMessage, text: ImmutableString| {
        delivery::send_text(&own, msg.chat(), &text, CallSite::of(&context))
    });
    let own = Rc::clone(services);
    engine.register_fn("reply", move |context: NativeCallContext, msg: &mut ScriptMessage, messages: Array| {
        delivery::reply(&own, msg.chat(), messages, CallSite::of(&context))
    });
    let own = Rc::clone(services);
    engine.register_fn("reply", move |context: NativeCallContext, msg: &mut ScriptMessage, message: Map| {
        delivery::reply(&own, msg.chat(), vec![message.into()], CallSite::of(&context))
    });
    engine.register_fn("reply", |_: &mut ScriptMessage, other: Dynamic| -> ScriptResult {
        Err(thrown::error(format!(
            "msg.reply(text) needs a string; found {}. An array sends several, and on LINE a map is a message as LINE has it",
            values::noun(&other)
        )))
    });
    engine.register_type_with_name::<Person>("Person");
    engine.register_get("mid", |person: &mut Person| given(person.mid()));
    engine.register_get("name", |context: NativeCallContext, person: &mut Person| {
        if person.mid().is_empty() { Ok(Dynamic::UNIT) } else { name_of(person.mid(), CallSite::of(&context)) }
    });
    engine.register_get("state", |person: &mut Person| PersonState::of(person.mid(), "a person's state"));
    engine.register_fn("==", |a: &mut Person, b: Person| a.mid() == b.mid());
}

/// Who is mentioned, with the places in letters, as a script counts them.
fn mentions(msg: &ScriptMessage) -> Array {
    let text = msg.text().unwrap_or_default();
    let letters = |bytes: usize| i64::try_from(text[..bytes].chars().count()).unwrap_or(i64::MAX);
    let mention = |Mention { mid, range, .. }: Mention| {
        Dynamic::from(Map::from_iter([
            ("mid".into(), mid.map_or(Dynamic::UNIT, Dynamic::from)),
            ("start".into(), letters(range.start).into()),
            ("end".into(), letters(range.end).into()),
            ("text".into(), text[range].into()),
        ]))
    };
    msg.mentions().into_iter().map(mention).collect()
}

/// A text that a message always has, unless it was lost on its way.
fn given(text: &str) -> Dynamic {
    if text.is_empty() { Dynamic::UNIT } else { text.into() }
}

/// Looks a person's name up, once per session; their mid where the gateway does not know them.
fn name_of(mid: &ImmutableString, place: CallSite<'_>) -> ScriptResult {
    host_call::pass(HostCall::new(Impact::Wait, "name").with(mid.as_str()), place, |run| {
        let session = run.session.as_ref().ok_or_else(|| thrown::misplaced("no session's event is being handled"))?;
        if let Some(name) = session.known_name(mid) {
            return Ok(Answer::Value(name.into()));
        }
        let request = GetContacts { mids: vec![mid.to_string()] };
        let contacts = outgoing::ask_gateway(session, &request)?;
        // Whom LINE does not name has no name; elsewhere a mid stands for it.
        if contacts.read_lock::<Array>().is_some_and(|all| all.is_empty())
            && !ptr::eq(session.handle.network(), &GATEWAY)
        {
            return Ok(Answer::Value(Dynamic::UNIT));
        }
        let contact = contacts.read_lock::<rhai::Array>().and_then(|all| all.first().cloned()).unwrap_or(contacts);
        let shown = |name: &str| {
            let name = field(&contact, name)?.into_immutable_string().ok()?;
            (!name.is_empty()).then_some(name)
        };
        let name = shown("displayNameOverridden").or_else(|| shown("displayName")).unwrap_or_else(|| mid.clone());
        session.remember_name(mid, name.clone());
        Ok(Answer::Value(name.into()))
    })
}
