//! The store, a script's own and those that scripts share: what is kept for good. How it is kept is the store's floor.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

use rhai::{Array, Dynamic, Engine, FnPtr, FuncRegistration, ImmutableString, Map, NativeCallContext};

use crate::clock::Timestamp;
use crate::language::duration::parse_duration;
use crate::runtime::engine::thrown::{self, ScriptError, ScriptResult};
use crate::runtime::engine::values;
use crate::runtime::run::answer::Answer;
use crate::runtime::run::call::{HostCall, Impact};
use crate::runtime::run::host_call;
use crate::runtime::run::wait::CallSite;
use crate::runtime::run::{self, Run};
use crate::store::{Store, StoreError, shared_store};

/// The longest name of a store that scripts share, in bytes.
const LONGEST_NAME: usize = 100;

/// Stands for the script's persistent store.
#[derive(Clone)]
pub(crate) struct StoreObject;

/// Stands for a persistent store that scripts share, by its name.
#[derive(Clone)]
pub(crate) struct SharedStore(ImmutableString);

/// What stands for a store. The script's own has no data, so that to name it costs nothing.
trait Keeps: Clone + 'static {
    fn values(&self) -> Values<'_>;
}

impl Keeps for StoreObject {
    fn values(&self) -> Values<'_> {
        Values(None)
    }
}

impl Keeps for SharedStore {
    fn values(&self) -> Values<'_> {
        Values(Some(&self.0))
    }
}

/// The values of a store: the script's own, or one that scripts share, by its name.
#[derive(Clone, Copy)]
struct Values<'a>(Option<&'a ImmutableString>);

impl Values<'_> {
    /// What a call is named that is this method of the store's.
    fn call(&self, own: &'static str) -> Cow<'static, str> {
        match self.0 {
            None => own.into(),
            Some(name) => format!("shared_store(\"{name}\"){}", own.trim_start_matches("store")).into(),
        }
    }

    /// Makes a call that looks at the store's values, or changes them.
    fn access(
        &self,
        call: HostCall<'_>,
        place: CallSite<'_>,
        act: impl FnOnce(&Rc<Run>, &Store, &str, Timestamp) -> Result<Dynamic, StoreError>,
    ) -> ScriptResult {
        let name = call.name().to_owned();
        host_call::pass(call, place, |run: &Rc<Run>| {
            let session = run.session.as_ref().ok_or_else(|| at_top_level("store"))?;
            let whose = self.0.map_or_else(|| run.generation.name().into(), |name| shared_store(name).into());
            let whose: Cow<'_, str> = whose;
            let value = act(run, session.journal.store(), &whose, session.clock.now());
            session.journal.note_data();
            value.map(Answer::Value).map_err(|error| thrown::named("STORE_FAILED", format!("{name}: {error}")))
        })
    }

    fn read(
        &self,
        detail: &str,
        place: CallSite<'_>,
        act: impl FnOnce(&Store, &str, Timestamp) -> Result<Dynamic, StoreError>,
    ) -> ScriptResult {
        let call = HostCall::new(Impact::Pure, self.call("store")).with(detail);
        self.access(call, place, |_, store, whose, now| act(store, whose, now))
    }

    fn write(
        &self,
        name: &'static str,
        detail: &str,
        place: CallSite<'_>,
        act: impl FnOnce(&Store, &str, Timestamp) -> Result<Dynamic, StoreError>,
    ) -> ScriptResult {
        let call = HostCall::new(Impact::Keep, self.call(name)).with(detail);
        self.access(call, place, |_, store, whose, now| act(store, whose, now))
    }

    fn keys(&self, prefix: &str, place: CallSite<'_>) -> ScriptResult {
        self.read(&format!("keys {prefix}"), place, |store, whose, now| {
            let keys = store.keys(whose, prefix, now)?;
            Ok(keys.into_iter().map(Dynamic::from).collect::<Array>().into())
        })
    }

    fn set(&self, key: &str, value: &Dynamic, options: &Map, place: CallSite<'_>) -> ScriptResult {
        let name = self.call("store.set");
        let ttl = ttl_of(&name, options)?;
        let text = values::to_json(value).map_err(|error| thrown::error(format!("{name}(\"{key}\", …): {error}")))?;
        let call = HostCall::new(Impact::Keep, name).writing(key, &text);
        self.access(call, place, |_, store, whose, now| {
            store.set(whose, key, &text, ttl.map(|ttl| now.saturating_add(ttl)), now)?;
            Ok(Dynamic::UNIT)
        })
    }

    fn incr(&self, key: &str, by: i64, place: CallSite<'_>) -> ScriptResult {
        self.write("store.incr", &format!("{key} by {by}"), place, |store, whose, now| {
            Ok(store.incr(whose, key, by, now)?.into())
        })
    }

    /// Gives a key the value that a closure makes of the old one. What is recorded is the old value: a run that is rebuilt calls the
    /// closure with that again, and keeps nothing.
    fn update(&self, context: &NativeCallContext<'_>, key: &str, change: &FnPtr, options: &Map) -> ScriptResult {
        let name = self.call("store.update");
        let ttl = ttl_of(&name, options)?;
        let changed = RefCell::new(None);
        let call = HostCall::new(Impact::Keep, name.clone()).with(key);
        let old = self.access(call, CallSite::of(context), |run, store, whose, now| {
            let mut found = Dynamic::UNIT;
            store.update(whose, key, ttl.map(|ttl| now.saturating_add(ttl)), now, |old| {
                found = old.map_or(Dynamic::UNIT, values::from_content);
                let result = run.undivided(|| changed_by(context, &name, key, change, found.clone()));
                let json = result.as_ref().ok().and_then(|(_, json)| json.clone());
                changed.replace(Some(result));
                json
            })?;
            Ok(found)
        })?;
        let changed = match changed.take() {
            Some(changed) => changed,
            None => match run::current() {
                Some(run) => run.undivided(|| changed_by(context, &name, key, change, old)),
                None => return Ok(Dynamic::UNIT),
            },
        };
        changed.map(|(value, _)| value)
    }
}

/// Registers the type, what it can do, and the stores that scripts share.
pub(crate) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<StoreObject>("Store").register_type_with_name::<SharedStore>("Store");
    engine.register_fn("shared_store", |name: ImmutableString| -> Result<SharedStore, ScriptError> {
        let complaint = match &*name {
            "" => "found an empty one",
            long if long.len() > LONGEST_NAME => "found a longer one",
            odd if odd.chars().any(char::is_control) => "found one with a control character",
            _ => return Ok(SharedStore(name)),
        };
        Err(thrown::error(format!(
            "shared_store needs a name of 1 to {LONGEST_NAME} bytes, such as \"orders\"; {complaint}"
        )))
    });
    register_store::<StoreObject>(engine);
    register_store::<SharedStore>(engine);
}

fn register_store<S: Keeps>(engine: &mut Engine) {
    engine.register_fn("get", |context: NativeCallContext, store: &mut S, key: &str| {
        store.values().read(&format!("get {key}"), CallSite::of(&context), |kept, whose, now| {
            let text = kept.get(whose, key, now)?;
            Ok(text.map_or(Dynamic::UNIT, |text| values::from_content(&text)))
        })
    });
    engine.register_fn("keys", |context: NativeCallContext, store: &mut S| {
        store.values().keys("", CallSite::of(&context))
    });
    engine.register_fn("keys", |context: NativeCallContext, store: &mut S, prefix: &str| {
        store.values().keys(prefix, CallSite::of(&context))
    });
    pure_method(
        engine,
        "set",
        |context: NativeCallContext, store: &mut S, key: &str, value: Dynamic| -> ScriptResult {
            store.values().set(key, &value, &Map::new(), CallSite::of(&context))
        },
    );
    pure_method(
        engine,
        "set",
        |context: NativeCallContext, store: &mut S, key: &str, value: Dynamic, options: Map| -> ScriptResult {
            store.values().set(key, &value, &options, CallSite::of(&context))
        },
    );
    pure_method(engine, "incr", |context: NativeCallContext, store: &mut S, key: &str| -> ScriptResult {
        store.values().incr(key, 1, CallSite::of(&context))
    });
    pure_method(engine, "incr", |context: NativeCallContext, store: &mut S, key: &str, by: i64| -> ScriptResult {
        store.values().incr(key, by, CallSite::of(&context))
    });
    pure_method(engine, "delete", |context: NativeCallContext, store: &mut S, key: &str| -> ScriptResult {
        store.values().write("store.delete", key, CallSite::of(&context), |kept, whose, now| {
            Ok(kept.delete(whose, key, now)?.into())
        })
    });
    pure_method(
        engine,
        "update",
        |context: NativeCallContext, store: &mut S, key: &str, change: FnPtr| -> ScriptResult {
            store.values().update(&context, key, &change, &Map::new())
        },
    );
    pure_method(
        engine,
        "update",
        |context: NativeCallContext, store: &mut S, key: &str, change: FnPtr, options: Map| -> ScriptResult {
            store.values().update(&context, key, &change, &options)
        },
    );
}

/// The value that a closure makes of the old one, and how it is written; `None` where nothing is to be kept.
fn changed_by(
    context: &NativeCallContext<'_>,
    name: &str,
    key: &str,
    change: &FnPtr,
    old: Dynamic,
) -> Result<(Dynamic, Option<String>), ScriptError> {
    let was_there = !old.is_unit();
    let mut value: Dynamic = change.call_within_context(context, (old,))?;
    values::make_plain(&mut value);
    match value.is_unit() {
        true if was_there => Err(thrown::error(format!(
            "{name}(\"{key}\", …): the closure gave (), which is no value to keep; its last line gives the new value, or the old \
             one to leave it"
        ))),
        true => Ok((value, None)),
        false => {
            let json =
                values::to_json(&value).map_err(|error| thrown::error(format!("{name}(\"{key}\", …): {error}")))?;
            Ok((value, Some(json)))
        }
    }
}

/// Registers a method that changes what its receiver stands for and never the receiver, which is a constant.
pub(super) fn pure_method<A: 'static, const N: usize, const X: bool, R, const F: bool, M>(
    engine: &mut Engine,
    name: &str,
    method: M,
) where
    R: rhai::Variant + Clone,
    M: rhai::RhaiNativeFunc<A, N, X, R, F> + 'static,
{
    FuncRegistration::new(name).with_purity(true).register_into_engine(engine, method);
}

pub(super) fn at_top_level(name: &str) -> ScriptError {
    thrown::misplaced(format!(
        "{name} cannot be used at a script's top level: it belongs to a session; use it in a hook"
    ))
}

fn ttl_of(call: &str, options: &Map) -> Result<Option<i64>, ScriptError> {
    if let Some(unknown) = options.keys().find(|name| *name != "ttl") {
        return Err(thrown::error(format!("{call} has no option {unknown}; it has ttl")));
    }
    let Some(ttl) = options.get("ttl") else { return Ok(None) };
    let text = ttl.as_immutable_string_ref().map_err(|_| {
        thrown::error(format!("{call} needs ttl, a duration such as \"1h\"; found {}", values::noun(ttl)))
    })?;
    let ttl = parse_duration(&text).map_err(|error| thrown::error(format!("{call}: ttl: {error}")))?;
    Ok(Some(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX)))
}
