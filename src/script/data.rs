//! `state` and `store`: what a script remembers, as names that every function sees.

use std::cell::RefCell;
use std::rc::Rc;

use rhai::{Array, Dynamic, Engine, FuncRegistration, ImmutableString, Map, NativeCallContext};

use super::caught;
use super::door::{self, Answer, Call, Kind, Place, ScriptResult, Thrown};
use super::run::Run;
use super::value;
use crate::clock::Timestamp;
use crate::language::duration::parse_duration;
use crate::store::StoreError;

/// Stands for the script's map for this session; the map itself stays with the host.
#[derive(Clone)]
pub(crate) struct State;

/// Stands for the script's persistent store.
#[derive(Clone)]
pub(crate) struct Store;

/// Registers both names and what they can do.
pub(crate) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<State>("State").register_type_with_name::<Store>("Store");
    // A closure takes along what it names of its surroundings, and finds only what stands in a scope or is resolved here.
    #[expect(deprecated, reason = "marked so only for being volatile; the crate's version is pinned by the lock file")]
    engine.on_var(|name, index, mut context| {
        Ok(match name {
            // An index is that of a local variable.
            _ if index > 0 => {
                caught::look(name, &mut context);
                None
            }
            "state" => Some(Dynamic::from(State)),
            "store" => Some(Dynamic::from(Store)),
            _ => None,
        })
    });
    register_state(engine);
    register_store(engine);
}

fn register_state(engine: &mut Engine) {
    engine.register_indexer_get(|context: NativeCallContext, _: &mut State, name: ImmutableString| {
        with_state(
            Use::Read,
            Place::of(&context),
            |call| call.with(name.as_str()),
            |state| Ok(state.borrow().get(name.as_str()).cloned().unwrap_or_default()),
        )
    });
    FuncRegistration::new_index_setter().with_purity(true).register_into_engine(
        engine,
        |context: NativeCallContext, _: &mut State, name: ImmutableString, mut value: Dynamic| -> Result<(), Thrown> {
            // What cannot be kept over a restart is refused now, where the script's author sees it.
            let json =
                value::to_json(&value).map_err(|error| door::error(format!("state.{name} cannot be set: {error}")))?;
            value::make_plain(&mut value);
            with_state(
                Use::Change,
                Place::of(&context),
                |call| call.writing(&name, &json),
                |state| {
                    state.borrow_mut().insert(name.as_str().into(), value);
                    Ok(Dynamic::UNIT)
                },
            )
            .map(|_| ())
        },
    );
    engine.register_fn("contains", |context: NativeCallContext, _: &mut State, name: ImmutableString| {
        with_state(
            Use::Read,
            Place::of(&context),
            |call| call.with(format!("contains {name}")),
            |state| Ok(state.borrow().contains_key(name.as_str()).into()),
        )
    });
    engine.register_fn("keys", |context: NativeCallContext, _: &mut State| {
        with_state(
            Use::Read,
            Place::of(&context),
            |call| call.with("keys"),
            |state| Ok(state.borrow().keys().map(|name| name.as_str().into()).collect::<Array>().into()),
        )
    });
    pure_method(engine, "remove", |context: NativeCallContext, _: &mut State, name: ImmutableString| -> ScriptResult {
        with_state(
            Use::Change,
            Place::of(&context),
            |call| call.with(format!("remove {name}")),
            |state| Ok(state.borrow_mut().remove(name.as_str()).unwrap_or_default()),
        )
    });
    pure_method(engine, "clear", |context: NativeCallContext, _: &mut State| -> ScriptResult {
        with_state(
            Use::Change,
            Place::of(&context),
            |call| call.with("clear"),
            |state| {
                state.borrow_mut().clear();
                Ok(Dynamic::UNIT)
            },
        )
    });
    engine.register_fn("to_map", |context: NativeCallContext, _: &mut State| {
        with_state(
            Use::Read,
            Place::of(&context),
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
    place: Place<'a>,
    detail: impl FnOnce(Call<'a>) -> Call<'a>,
    act: impl FnOnce(&Rc<RefCell<Map>>) -> ScriptResult,
) -> ScriptResult {
    let call = detail(Call::new(Kind::Pure, "state")).at(place);
    let call = if use_ == Use::Change { call.changing_state() } else { call };
    door::pass(call, |run| {
        let live = run.live.as_ref().ok_or_else(|| at_top_level("state"))?;
        let value = act(&live.state(run.generation.name()))?;
        if use_ == Use::Change {
            live.state_changed(run.generation.name());
        }
        Ok(Answer::Value(value))
    })
}

fn at_top_level(name: &str) -> Thrown {
    door::misplaced(format!("{name} cannot be used at a script's top level: it belongs to a session; use it in a hook"))
}

fn register_store(engine: &mut Engine) {
    engine.register_fn("get", |context: NativeCallContext, _: &mut Store, key: &str| {
        read(&format!("get {key}"), Place::of(&context), |store, script, now| {
            let text = store.get(script, key, now)?;
            Ok(text.map_or(Dynamic::UNIT, |text| value::from_content(&text)))
        })
    });
    engine.register_fn("keys", |context: NativeCallContext, _: &mut Store| keys("", Place::of(&context)));
    engine.register_fn("keys", |context: NativeCallContext, _: &mut Store, prefix: &str| {
        keys(prefix, Place::of(&context))
    });

    pure_method(
        engine,
        "set",
        |context: NativeCallContext, _: &mut Store, key: &str, value: Dynamic| -> ScriptResult {
            set(key, &value, None, Place::of(&context))
        },
    );
    pure_method(
        engine,
        "set",
        |context: NativeCallContext, _: &mut Store, key: &str, value: Dynamic, options: Map| -> ScriptResult {
            let ttl = ttl_of(&options)?;
            set(key, &value, ttl, Place::of(&context))
        },
    );
    pure_method(engine, "incr", |context: NativeCallContext, _: &mut Store, key: &str| -> ScriptResult {
        incr(key, 1, Place::of(&context))
    });
    pure_method(engine, "incr", |context: NativeCallContext, _: &mut Store, key: &str, by: i64| -> ScriptResult {
        incr(key, by, Place::of(&context))
    });
    pure_method(engine, "delete", |context: NativeCallContext, _: &mut Store, key: &str| -> ScriptResult {
        write("store.delete", key, Place::of(&context), |store, script, now| Ok(store.delete(script, key, now)?.into()))
    });
}

fn keys(prefix: &str, place: Place<'_>) -> ScriptResult {
    read(&format!("keys {prefix}"), place, |store, script, now| {
        let keys = store.keys(script, prefix, now)?;
        Ok(keys.into_iter().map(Dynamic::from).collect::<Array>().into())
    })
}

fn set(key: &str, value: &Dynamic, ttl: Option<i64>, place: Place<'_>) -> ScriptResult {
    let text = value::to_json(value).map_err(|error| door::error(format!("store.set(\"{key}\", …): {error}")))?;
    let call = Call::new(Kind::Keep, "store.set").writing(key, &text).at(place);
    access(call, |store, script, now| {
        store.set(script, key, &text, ttl.map(|ttl| now.saturating_add(ttl)), now)?;
        Ok(Dynamic::UNIT)
    })
}

fn incr(key: &str, by: i64, place: Place<'_>) -> ScriptResult {
    write("store.incr", &format!("{key} by {by}"), place, |store, script, now| {
        Ok(store.incr(script, key, by, now)?.into())
    })
}

fn ttl_of(options: &Map) -> Result<Option<i64>, Thrown> {
    if let Some(unknown) = options.keys().find(|name| *name != "ttl") {
        return Err(door::error(format!("store.set has no option {unknown}; it has ttl")));
    }
    let Some(ttl) = options.get("ttl") else { return Ok(None) };
    let text = ttl.as_immutable_string_ref().map_err(|_| {
        door::error(format!("store.set needs ttl, a duration such as \"1h\"; found {}", value::noun(ttl)))
    })?;
    let ttl = parse_duration(&text).map_err(|error| door::error(format!("store.set: ttl: {error}")))?;
    Ok(Some(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX)))
}

fn read(
    detail: &str,
    place: Place<'_>,
    act: impl FnOnce(&crate::store::Store, &str, Timestamp) -> Result<Dynamic, StoreError>,
) -> ScriptResult {
    access(Call::new(Kind::Pure, "store").with(detail).at(place), act)
}

fn write(
    name: &'static str,
    detail: &str,
    place: Place<'_>,
    act: impl FnOnce(&crate::store::Store, &str, Timestamp) -> Result<Dynamic, StoreError>,
) -> ScriptResult {
    access(Call::new(Kind::Keep, name).with(detail).at(place), act)
}

fn access(
    call: Call<'_>,
    act: impl FnOnce(&crate::store::Store, &str, Timestamp) -> Result<Dynamic, StoreError>,
) -> ScriptResult {
    let name = call.name().to_owned();
    door::pass(call, |run: &Rc<Run>| {
        let live = run.live.as_ref().ok_or_else(|| at_top_level("store"))?;
        let value = act(live.journal.store(), run.generation.name(), live.clock.now());
        live.journal.note_data();
        value.map(Answer::Value).map_err(|error| door::named("STORE_FAILED", format!("{name}: {error}")))
    })
}
