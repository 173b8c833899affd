//! `state` and `store`: what a script remembers, as names that every function sees.

use std::cell::RefCell;
use std::rc::Rc;

use rhai::{Array, Dynamic, Engine, FuncRegistration, ImmutableString, Map, NativeCallContext};

use crate::clock::Timestamp;
use crate::language::duration::parse_duration;
use crate::runtime::engine::caught;
use crate::runtime::engine::thrown::{self, ScriptError, ScriptResult};
use crate::runtime::engine::values;
use crate::runtime::run::Run;
use crate::runtime::run::answer::Answer;
use crate::runtime::run::call::{HostCall, Impact};
use crate::runtime::run::host_call;
use crate::runtime::run::wait::CallSite;
use crate::store::StoreError;

/// Stands for the script's map for this session; the map itself stays with the host.
#[derive(Clone)]
pub(crate) struct StateObject;

/// Stands for the script's persistent store.
#[derive(Clone)]
pub(crate) struct StoreObject;

/// Registers both names and what they can do.
pub(crate) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<StateObject>("State").register_type_with_name::<StoreObject>("Store");
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
            _ => None,
        })
    });
    register_state(engine);
    register_store(engine);
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

/// Registers a method that changes what its receiver stands for and never the receiver, which is a constant.
fn pure_method<A: 'static, const N: usize, const X: bool, R, const F: bool, M>(
    engine: &mut Engine,
    name: &str,
    method: M,
) where
    R: rhai::Variant + Clone,
    M: rhai::RhaiNativeFunc<A, N, X, R, F> + 'static,
{
    FuncRegistration::new(name).with_purity(true).register_into_engine(engine, method);
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

fn at_top_level(name: &str) -> ScriptError {
    thrown::misplaced(format!(
        "{name} cannot be used at a script's top level: it belongs to a session; use it in a hook"
    ))
}

fn register_store(engine: &mut Engine) {
    engine.register_fn("get", |context: NativeCallContext, _: &mut StoreObject, key: &str| {
        read(&format!("get {key}"), CallSite::of(&context), |store, script, now| {
            let text = store.get(script, key, now)?;
            Ok(text.map_or(Dynamic::UNIT, |text| values::from_content(&text)))
        })
    });
    engine.register_fn("keys", |context: NativeCallContext, _: &mut StoreObject| keys("", CallSite::of(&context)));
    engine.register_fn("keys", |context: NativeCallContext, _: &mut StoreObject, prefix: &str| {
        keys(prefix, CallSite::of(&context))
    });

    pure_method(
        engine,
        "set",
        |context: NativeCallContext, _: &mut StoreObject, key: &str, value: Dynamic| -> ScriptResult {
            set(key, &value, None, CallSite::of(&context))
        },
    );
    pure_method(
        engine,
        "set",
        |context: NativeCallContext, _: &mut StoreObject, key: &str, value: Dynamic, options: Map| -> ScriptResult {
            let ttl = ttl_of(&options)?;
            set(key, &value, ttl, CallSite::of(&context))
        },
    );
    pure_method(engine, "incr", |context: NativeCallContext, _: &mut StoreObject, key: &str| -> ScriptResult {
        incr(key, 1, CallSite::of(&context))
    });
    pure_method(
        engine,
        "incr",
        |context: NativeCallContext, _: &mut StoreObject, key: &str, by: i64| -> ScriptResult {
            incr(key, by, CallSite::of(&context))
        },
    );
    pure_method(engine, "delete", |context: NativeCallContext, _: &mut StoreObject, key: &str| -> ScriptResult {
        write("store.delete", key, CallSite::of(&context), |store, script, now| {
            Ok(store.delete(script, key, now)?.into())
        })
    });
}

fn keys(prefix: &str, place: CallSite<'_>) -> ScriptResult {
    read(&format!("keys {prefix}"), place, |store, script, now| {
        let keys = store.keys(script, prefix, now)?;
        Ok(keys.into_iter().map(Dynamic::from).collect::<Array>().into())
    })
}

fn set(key: &str, value: &Dynamic, ttl: Option<i64>, place: CallSite<'_>) -> ScriptResult {
    let text = values::to_json(value).map_err(|error| thrown::error(format!("store.set(\"{key}\", …): {error}")))?;
    let call = HostCall::new(Impact::Keep, "store.set").writing(key, &text);
    access(call, place, |store, script, now| {
        store.set(script, key, &text, ttl.map(|ttl| now.saturating_add(ttl)), now)?;
        Ok(Dynamic::UNIT)
    })
}

fn incr(key: &str, by: i64, place: CallSite<'_>) -> ScriptResult {
    write("store.incr", &format!("{key} by {by}"), place, |store, script, now| {
        Ok(store.incr(script, key, by, now)?.into())
    })
}

fn ttl_of(options: &Map) -> Result<Option<i64>, ScriptError> {
    if let Some(unknown) = options.keys().find(|name| *name != "ttl") {
        return Err(thrown::error(format!("store.set has no option {unknown}; it has ttl")));
    }
    let Some(ttl) = options.get("ttl") else { return Ok(None) };
    let text = ttl.as_immutable_string_ref().map_err(|_| {
        thrown::error(format!("store.set needs ttl, a duration such as \"1h\"; found {}", values::noun(ttl)))
    })?;
    let ttl = parse_duration(&text).map_err(|error| thrown::error(format!("store.set: ttl: {error}")))?;
    Ok(Some(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX)))
}

fn read(
    detail: &str,
    place: CallSite<'_>,
    act: impl FnOnce(&crate::store::Store, &str, Timestamp) -> Result<Dynamic, StoreError>,
) -> ScriptResult {
    access(HostCall::new(Impact::Pure, "store").with(detail), place, act)
}

fn write(
    name: &'static str,
    detail: &str,
    place: CallSite<'_>,
    act: impl FnOnce(&crate::store::Store, &str, Timestamp) -> Result<Dynamic, StoreError>,
) -> ScriptResult {
    access(HostCall::new(Impact::Keep, name).with(detail), place, act)
}

fn access(
    call: HostCall<'_>,
    place: CallSite<'_>,
    act: impl FnOnce(&crate::store::Store, &str, Timestamp) -> Result<Dynamic, StoreError>,
) -> ScriptResult {
    let name = call.name().to_owned();
    host_call::pass(call, place, |run: &Rc<Run>| {
        let session = run.session.as_ref().ok_or_else(|| at_top_level("store"))?;
        let value = act(session.journal.store(), run.generation.name(), session.clock.now());
        session.journal.note_data();
        value.map(Answer::Value).map_err(|error| thrown::named("STORE_FAILED", format!("{name}: {error}")))
    })
}
