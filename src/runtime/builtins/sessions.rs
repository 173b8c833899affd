//! Handles on sessions: `session`, `sessions`.

use std::rc::Rc;

use rhai::{Dynamic, Engine, ImmutableString, NativeCallContext};

use crate::runtime::context::directory::Member;
use crate::runtime::context::services::Services;
use crate::runtime::engine::objects::SessionRef;
use crate::runtime::engine::thrown::{self, ScriptError};
use crate::runtime::run::answer::Answer;
use crate::runtime::run::call::{HostCall, Impact};
use crate::runtime::run::host_call;
use crate::runtime::run::wait::CallSite;

/// Registers the type and what gives and uses it.
pub(crate) fn register(engine: &mut Engine, services: &Rc<Services>) {
    engine.register_type_with_name::<SessionRef>("Session");
    let own = Rc::clone(services);
    engine.register_fn("session", move |context: NativeCallContext, name: ImmutableString| {
        host_call::pass(HostCall::new(Impact::Pure, "session").with(name.as_str()), CallSite::of(&context), |_| {
            match own.directory.get(&name) {
                Some(_) => Ok(Answer::Session(name.to_string())),
                None => Err(no_session(&name, &own)),
            }
        })
    });
    engine.register_fn("session", |context: NativeCallContext| {
        host_call::pass(HostCall::new(Impact::Pure, "session"), CallSite::of(&context), |run| {
            let session =
                run.session.as_ref().ok_or_else(|| thrown::misplaced("no session's event is being handled"))?;
            Ok(Answer::Session(session.name.to_string()))
        })
    });
    let own = Rc::clone(services);
    engine.register_fn("sessions", move |context: NativeCallContext| {
        host_call::pass(HostCall::new(Impact::Pure, "sessions"), CallSite::of(&context), |_| {
            Ok(Answer::Sessions(own.directory.names()))
        })
    });
    engine.register_get("name", |session: &mut SessionRef| session.name().clone());
    let own = Rc::clone(services);
    engine.register_get("network", move |context: NativeCallContext, session: &mut SessionRef| {
        let session = session.clone();
        host_call::pass(
            HostCall::new(Impact::Pure, "session.network").with(session.name().to_string()),
            CallSite::of(&context),
            |_| Ok(Answer::Value(member(&session, &own)?.handle.network().name.into())),
        )
    });
    let own = Rc::clone(services);
    engine.register_get("mid", move |context: NativeCallContext, session: &mut SessionRef| {
        let session = session.clone();
        host_call::pass(
            HostCall::new(Impact::Pure, "session.mid").with(session.name().to_string()),
            CallSite::of(&context),
            |_| {
                let mid = member(&session, &own)?.handle.status().mid;
                Ok(Answer::Value(mid.map_or(Dynamic::UNIT, Dynamic::from)))
            },
        )
    });
}

/// What sends the commands of the session that a handle stands for.
///
/// # Errors
/// When there is no session of that name any more.
pub(crate) fn member(session: &SessionRef, services: &Services) -> Result<Member, ScriptError> {
    services.directory.get(session.name()).ok_or_else(|| no_session(session.name(), services))
}

fn no_session(name: &str, services: &Services) -> ScriptError {
    let names = services.directory.names();
    let known = if names.is_empty() { "there are none".to_owned() } else { format!("there are {}", names.join(", ")) };
    thrown::error(format!("there is no session \"{name}\"; {known}"))
}
