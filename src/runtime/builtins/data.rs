//! `state`, `store` and `settings` as names that every function sees, and what a script remembers in the first; the others' are in
//! `store` and `settings`.

use std::borrow::Cow;

use rhai::{Array, Dynamic, Engine, FuncRegistration, ImmutableString, NativeCallContext};

use super::settings::SettingsObject;
use super::store::{StoreObject, at_top_level, pure_method};
use crate::runtime::engine::caught;
use crate::runtime::engine::thrown::{self, ScriptError, ScriptResult};
use crate::runtime::engine::values;
use crate::runtime::journal::states::SharedMap;
use crate::runtime::run::answer::Answer;
use crate::runtime::run::call::{HostCall, Impact};
use crate::runtime::run::host_call;
use crate::runtime::run::wait::CallSite;

/// Stands for the script's map for this session; the map itself stays with the host.
#[derive(Clone)]
pub(crate) struct StateObject;

/// Stands for the map that the script keeps for a person or a chat, by their mid.
#[derive(Clone)]
pub(crate) struct PersonState(ImmutableString);

impl PersonState {
    /// That of a mid; `what` names nobody where the mid was lost on its way.
    ///
    /// # Errors
    /// When there is no mid.
    pub(super) fn of(mid: &ImmutableString, what: &str) -> Result<Self, ScriptError> {
        match mid.is_empty() {
            false => Ok(Self(mid.clone())),
            true => Err(thrown::error(format!("{what} needs the mid of a person or a chat; found an empty one"))),
        }
    }
}

/// What stands for a map. The script's own has no data, so that to name it costs nothing.
trait Remembers: Clone + 'static {
    /// The mid of the person or the chat that it is kept for.
    fn whose(&self) -> Option<&ImmutableString>;
}

impl Remembers for StateObject {
    fn whose(&self) -> Option<&ImmutableString> {
        None
    }
}

impl Remembers for PersonState {
    fn whose(&self) -> Option<&ImmutableString> {
        Some(&self.0)
    }
}

/// What a map is called, in errors and in the record.
fn name_of(whose: Option<&ImmutableString>) -> Cow<'static, str> {
    match whose {
        None => "state".into(),
        Some(mid) => format!("state_of(\"{mid}\")").into(),
    }
}

/// Registers the names and what they can do.
pub(crate) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<StateObject>("State").register_type_with_name::<PersonState>("State");
    // A closure takes along what it names of its surroundings, and finds only what stands in a scope or is resolved here.
    #[expect(deprecated, reason = "marked so only for being volatile; the crate's version is pinned by the lock file")]
    engine.on_var(|name, index, mut context| {
        Ok(match name {
            // An index is that of a local variable.
            _ if index > 0 => {
                caught::look(name, &mut context);
                None
            }
            "state" => Some(Dynamic::from(StateObject)),
            "store" => Some(Dynamic::from(StoreObject)),
            "settings" => Some(Dynamic::from(SettingsObject)),
            _ => None,
        })
    });
    engine.register_fn("state_of", |id: ImmutableString| PersonState::of(&id, "state_of"));
    register_state::<StateObject>(engine);
    register_state::<PersonState>(engine);
}

fn register_state<S: Remembers>(engine: &mut Engine) {
    engine.register_indexer_get(|context: NativeCallContext, state: &mut S, name: ImmutableString| {
        with_state(
            state.whose(),
            Use::Read,
            CallSite::of(&context),
            |call| call.with(name.as_str()),
            |map| Ok(map.borrow().get(name.as_str()).cloned().unwrap_or_default()),
        )
    });
    FuncRegistration::new_index_setter().with_purity(true).register_into_engine(
        engine,
        |context: NativeCallContext,
         state: &mut S,
         name: ImmutableString,
         mut value: Dynamic|
         -> Result<(), ScriptError> {
            // What cannot be kept over a restart is refused now, where the script's author sees it.
            let json = values::to_json(&value)
                .map_err(|error| thrown::error(format!("{}.{name} cannot be set: {error}", name_of(state.whose()))))?;
            values::make_plain(&mut value);
            with_state(
                state.whose(),
                Use::Change,
                CallSite::of(&context),
                |call| call.writing(&name, &json),
                |map| {
                    map.borrow_mut().insert(name.as_str().into(), value);
                    Ok(Dynamic::UNIT)
                },
            )
            .map(|_| ())
        },
    );
    engine.register_fn("contains", |context: NativeCallContext, state: &mut S, name: ImmutableString| {
        with_state(
            state.whose(),
            Use::Read,
            CallSite::of(&context),
            |call| call.with(format!("contains {name}")),
            |map| Ok(map.borrow().contains_key(name.as_str()).into()),
        )
    });
    engine.register_fn("keys", |context: NativeCallContext, state: &mut S| {
        with_state(
            state.whose(),
            Use::Read,
            CallSite::of(&context),
            |call| call.with("keys"),
            |map| Ok(map.borrow().keys().map(|name| name.as_str().into()).collect::<Array>().into()),
        )
    });
    pure_method(engine, "remove", |context: NativeCallContext, state: &mut S, name: ImmutableString| -> ScriptResult {
        with_state(
            state.whose(),
            Use::Change,
            CallSite::of(&context),
            |call| call.with(format!("remove {name}")),
            |map| Ok(map.borrow_mut().remove(name.as_str()).unwrap_or_default()),
        )
    });
    pure_method(engine, "clear", |context: NativeCallContext, state: &mut S| -> ScriptResult {
        with_state(
            state.whose(),
            Use::Change,
            CallSite::of(&context),
            |call| call.with("clear"),
            |map| {
                map.borrow_mut().clear();
                Ok(Dynamic::UNIT)
            },
        )
    });
    engine.register_fn("to_map", |context: NativeCallContext, state: &mut S| {
        with_state(
            state.whose(),
            Use::Read,
            CallSite::of(&context),
            |call| call.with("to_map"),
            |map| Ok(map.borrow().clone().into()),
        )
    });
}

/// What a call does with the state.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Read,
    Change,
}

fn with_state<'a>(
    whose: Option<&ImmutableString>,
    use_: Use,
    place: CallSite<'a>,
    detail: impl FnOnce(HostCall<'a>) -> HostCall<'a>,
    act: impl FnOnce(&SharedMap) -> ScriptResult,
) -> ScriptResult {
    let impact = if use_ == Use::Change { Impact::State } else { Impact::Pure };
    host_call::pass(detail(HostCall::new(impact, name_of(whose))), place, |run| {
        let session = run.session.as_ref().ok_or_else(|| at_top_level("state"))?;
        let script = run.generation.name();
        let value = match whose {
            None => act(&session.states.of(script))?,
            Some(mid) => act(&session
                .state_of(script, mid)
                .map_err(|error| thrown::named("STORE_FAILED", format!("{}: {error}", name_of(whose))))?)?,
        };
        match whose {
            _ if use_ == Use::Read => {}
            None => session.state_changed(script),
            Some(mid) => session.state_of_changed(script, mid),
        }
        Ok(Answer::Value(value))
    })
}
