//! `state` and `store` as names that every function sees, and what a script remembers in the first; the store's is in `store`.

use std::cell::RefCell;
use std::rc::Rc;

use rhai::{Array, Dynamic, Engine, FuncRegistration, ImmutableString, Map, NativeCallContext};

use super::store::{StoreObject, at_top_level, pure_method};
use crate::runtime::engine::caught;
use crate::runtime::engine::thrown::{self, ScriptError, ScriptResult};
use crate::runtime::engine::values;
use crate::runtime::run::answer::Answer;
use crate::runtime::run::call::{HostCall, Impact};
use crate::runtime::run::host_call;
use crate::runtime::run::wait::CallSite;

/// Stands for the script's map for this session; the map itself stays with the host.
#[derive(Clone)]
pub(crate) struct StateObject;

/// Registers both names and what they can do.
pub(crate) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<StateObject>("State");
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
            "store" => Some(Dynamic::from(StoreObject::own())),
            _ => None,
        })
    });
    register_state(engine);
}

fn register_state(engine: &mut Engine) {
    engine.register_indexer_get(|context: NativeCallContext, _: &mut StateObject, name: ImmutableString| {
        with_state(
            Use::Read,
            CallSite::of(&context),
            |call| call.with(name.as_str()),
            |state| Ok(state.borrow().get(name.as_str()).cloned().unwrap_or_default()),
        )
    });
    FuncRegistration::new_index_setter().with_purity(true).register_into_engine(
        engine,
        |context: NativeCallContext,
         _: &mut StateObject,
         name: ImmutableString,
         mut value: Dynamic|
         -> Result<(), ScriptError> {
            // What cannot be kept over a restart is refused now, where the script's author sees it.
            let json = values::to_json(&value)
                .map_err(|error| thrown::error(format!("state.{name} cannot be set: {error}")))?;
            values::make_plain(&mut value);
            with_state(
                Use::Change,
                CallSite::of(&context),
                |call| call.writing(&name, &json),
                |state| {
                    state.borrow_mut().insert(name.as_str().into(), value);
                    Ok(Dynamic::UNIT)
                },
            )
            .map(|_| ())
        },
    );
    engine.register_fn("contains", |context: NativeCallContext, _: &mut StateObject, name: ImmutableString| {
        with_state(
            Use::Read,
            CallSite::of(&context),
            |call| call.with(format!("contains {name}")),
            |state| Ok(state.borrow().contains_key(name.as_str()).into()),
        )
    });
    engine.register_fn("keys", |context: NativeCallContext, _: &mut StateObject| {
        with_state(
            Use::Read,
            CallSite::of(&context),
            |call| call.with("keys"),
            |state| Ok(state.borrow().keys().map(|name| name.as_str().into()).collect::<Array>().into()),
        )
    });
    pure_method(
        engine,
        "remove",
        |context: NativeCallContext, _: &mut StateObject, name: ImmutableString| -> ScriptResult {
            with_state(
                Use::Change,
                CallSite::of(&context),
                |call| call.with(format!("remove {name}")),
                |state| Ok(state.borrow_mut().remove(name.as_str()).unwrap_or_default()),
            )
        },
    );
    pure_method(engine, "clear", |context: NativeCallContext, _: &mut StateObject| -> ScriptResult {
        with_state(
            Use::Change,
            CallSite::of(&context),
            |call| call.with("clear"),
            |state| {
                state.borrow_mut().clear();
                Ok(Dynamic::UNIT)
            },
        )
    });
    engine.register_fn("to_map", |context: NativeCallContext, _: &mut StateObject| {
        with_state(
            Use::Read,
            CallSite::of(&context),
            |call| call.with("to_map"),
            |state| Ok(state.borrow().clone().into()),
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
    use_: Use,
    place: CallSite<'a>,
    detail: impl FnOnce(HostCall<'a>) -> HostCall<'a>,
    act: impl FnOnce(&Rc<RefCell<Map>>) -> ScriptResult,
) -> ScriptResult {
    let impact = if use_ == Use::Change { Impact::State } else { Impact::Pure };
    host_call::pass(detail(HostCall::new(impact, "state")), place, |run| {
        let session = run.session.as_ref().ok_or_else(|| at_top_level("state"))?;
        let value = act(&session.states.of(run.generation.name()))?;
        if use_ == Use::Change {
            session.state_changed(run.generation.name());
        }
        Ok(Answer::Value(value))
    })
}
