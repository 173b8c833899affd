//! `settings`: what the configuration sets for a script, as a name that every function sees; and `secret`, which joins what is not to
//! be read.

use std::any::TypeId;
use std::rc::Rc;

use rhai::{Array, Dynamic, Engine, FuncRegistration, ImmutableString, Map, NativeCallContext};

use super::encoding;
use crate::language::functions::JOINED;
use crate::language::settings::{SettingValue, VEIL};
use crate::language::spelling::did_you_mean;
use crate::runtime::context::services::Services;
use crate::runtime::engine::secret::{ONLY, ScriptSecret};
use crate::runtime::engine::thrown::{self, ScriptError, ScriptResult};
use crate::runtime::engine::values;
use crate::runtime::run::answer::Answer;
use crate::runtime::run::call::{HostCall, Impact};
use crate::runtime::run::host_call;
use crate::runtime::run::wait::CallSite;
use crate::runtime::run::{self, Run};

/// Stands for the script's settings.
#[derive(Clone)]
pub(crate) struct SettingsObject;

/// Registers what the settings can do, and what can be done with a secret.
pub(crate) fn register(engine: &mut Engine, services: &Rc<Services>) {
    engine.register_type_with_name::<SettingsObject>("Settings").register_type_with_name::<ScriptSecret>("Secret");
    register_settings(engine, services);
    register_secrets(engine);
    register_refusals(engine);
}

fn register_settings(engine: &mut Engine, services: &Rc<Services>) {
    let own = Rc::clone(services);
    engine.register_indexer_get(move |context: NativeCallContext, _: &mut SettingsObject, name: ImmutableString| {
        let run = running()?;
        read(&own, &run, &name, CallSite::of(&context))?.ok_or_else(|| unknown(&run, &name))
    });
    FuncRegistration::new_index_setter().with_purity(true).register_into_engine(
        engine,
        |_: &mut SettingsObject, name: ImmutableString, new: Dynamic| -> Result<(), ScriptError> {
            // After a method of a value, such as `some` of an array, Rhai writes the value back.
            let run = running()?;
            if run.generation.bundle.settings.get(name.as_str()).is_some_and(|setting| is_same(setting, &new)) {
                return Ok(());
            }
            let message = format!("settings.{name} cannot be set here: the configuration sets it; keep it in state");
            Err(thrown::named("CONSTANT", message))
        },
    );
    let own = Rc::clone(services);
    engine.register_fn(
        "get",
        move |context: NativeCallContext, _: &mut SettingsObject, name: ImmutableString, default: Dynamic| {
            Ok::<_, ScriptError>(read(&own, &running()?, &name, CallSite::of(&context))?.unwrap_or(default))
        },
    );
    engine.register_fn("contains", |_: &mut SettingsObject, name: ImmutableString| -> Result<bool, ScriptError> {
        Ok(running()?.generation.bundle.settings.contains_key(name.as_str()))
    });
    engine.register_fn("keys", |_: &mut SettingsObject| -> ScriptResult {
        let run = running()?;
        Ok(run.generation.bundle.settings.keys().map(|name| name.as_str().into()).collect::<Array>().into())
    });
}

fn running() -> Result<Rc<Run>, ScriptError> {
    run::current().ok_or_else(|| thrown::misplaced("settings only work inside a running script"))
}

/// The value of a setting; none where there is none of its name.
///
/// What is plain belongs to the generation. A secret is asked for anew each time, and the record withholds it.
fn read(services: &Services, run: &Rc<Run>, name: &str, place: CallSite<'_>) -> Result<Option<Dynamic>, ScriptError> {
    let Some(setting) = run.generation.bundle.settings.get(name) else { return Ok(None) };
    if !setting.has_secret() {
        return Ok(value(setting, None));
    }
    let call = HostCall::new(Impact::Pure, "settings").with(name).secret(true);
    let read = host_call::pass(call, place, |run| {
        let setup = services.setup.borrow();
        let now = setup.settings.get(run.generation.name(), name);
        value(setting, now).map(Answer::Value).ok_or_else(|| {
            let message =
                format!("settings.{name} held a secret when this run began, and the configuration has none there now");
            thrown::named("UNKNOWN_SETTING", message)
        })
    });
    read.map(Some)
}

/// The value of a setting, its secrets as they are `now`; none where one of them is not known any more.
fn value(setting: &SettingValue, now: Option<&SettingValue>) -> Option<Dynamic> {
    Some(match setting {
        SettingValue::Bool(value) => (*value).into(),
        SettingValue::Integer(number) => (*number).into(),
        SettingValue::Float(number) => (*number).into(),
        SettingValue::Text(text) => text.as_str().into(),
        SettingValue::List(items) => {
            let item = |(index, item)| value(item, now.and_then(|now| now.item(index)));
            items.iter().enumerate().map(item).collect::<Option<Array>>()?.into()
        }
        SettingValue::Table(entries) => {
            let entry = |(name, entry): (&String, _)| {
                Some((name.as_str().into(), value(entry, now.and_then(|now| now.entry(name)))?))
            };
            entries.iter().map(entry).collect::<Option<Map>>()?.into()
        }
        SettingValue::Secret(own) => {
            let newest = if let Some(SettingValue::Secret(text)) = now { text.text() } else { None };
            Dynamic::from(ScriptSecret::new(newest.or_else(|| own.text())?))
        }
    })
}

/// Whether a value is what a setting holds; all secrets count as the same.
fn is_same(setting: &SettingValue, value: &Dynamic) -> bool {
    match setting {
        SettingValue::Bool(own) => value.as_bool() == Ok(*own),
        SettingValue::Integer(own) => value.as_int() == Ok(*own),
        SettingValue::Float(own) => value.as_float() == Ok(*own),
        SettingValue::Text(own) => value.as_immutable_string_ref().is_ok_and(|text| *text == own.as_str()),
        SettingValue::List(own) => value.as_array_ref().is_ok_and(|items| {
            items.len() == own.len() && own.iter().zip(items.iter()).all(|(own, item)| is_same(own, item))
        }),
        SettingValue::Table(own) => value.as_map_ref().is_ok_and(|entries| {
            entries.len() == own.len()
                && own.iter().all(|(name, own)| entries.get(name.as_str()).is_some_and(|entry| is_same(own, entry)))
        }),
        SettingValue::Secret(_) => value.is::<ScriptSecret>(),
    }
}

/// The error of a name that no setting has.
fn unknown(run: &Run, name: &str) -> ScriptError {
    let settings = &run.generation.bundle.settings;
    let script = run.generation.name();
    let meant = match did_you_mean(name, settings.keys().map(String::as_str)) {
        meant if !meant.is_empty() => meant,
        _ if settings.is_empty() => {
            format!("; the configuration sets none: write it under [settings], or under [settings.{script}]")
        }
        _ => format!("; there are {}", settings.keys().map(String::as_str).collect::<Vec<_>>().join(", ")),
    };
    thrown::named("UNKNOWN_SETTING", format!("there is no setting {name}{meant}"))
}

fn register_secrets(engine: &mut Engine) {
    for count in JOINED {
        let any = vec![TypeId::of::<Dynamic>(); count];
        engine.register_raw_fn("secret", any, |_, parts| {
            ScriptSecret::join(parts.iter().map(|part| &**part)).map_err(|other| {
                thrown::error(format!("secret joins texts, numbers and secrets; found {}", values::noun(other)))
            })
        });
    }
    engine.register_fn("hmac_sha256", |context: NativeCallContext, key: ScriptSecret, text: &str| {
        sign(&context, &key, text, "hex")
    });
    engine.register_fn("hmac_sha256", |context: NativeCallContext, key: ScriptSecret, text: &str, form: &str| {
        sign(&context, &key, text, form)
    });
}

/// Signs a text. The signature is recorded: a run that goes on elsewhere has the same, whatever became of the key.
fn sign(context: &NativeCallContext<'_>, key: &ScriptSecret, text: &str, form: &str) -> ScriptResult {
    let detail = format!("{form} {}", values::digest(text));
    let call = HostCall::new(Impact::Pure, "hmac_sha256").with(detail);
    host_call::pass(call, CallSite::of(context), |_| {
        Ok(Answer::Value(encoding::hmac_sha256(key.reveal(), text, form)?.into()))
    })
}

/// Registers what else could be done with a secret, and must not be: Rhai would make a text of it, or compare it.
fn register_refusals(engine: &mut Engine) {
    for name in ["print", "debug", "to_debug"] {
        engine.register_fn(name, |_: &mut ScriptSecret| VEIL);
    }
    // What is put into a text between backticks comes this way, and Rhai takes no error for an answer there.
    engine.register_fn("to_string", |context: NativeCallContext, _: &mut ScriptSecret| {
        if let Some(run) = run::current() {
            let reason = format!("a secret cannot be put into a text: {ONLY}");
            run.condemn_at(context.call_source(), context.call_position(), reason);
        }
        VEIL
    });
    for name in ["+", "+=", "append"] {
        engine.register_fn(name, |_: &mut ImmutableString, _: ScriptSecret| joined());
    }
    engine.register_fn("+", |_: ScriptSecret, _: ImmutableString| joined());
    engine.register_fn("+", |_: ScriptSecret, _: ScriptSecret| joined());
    for name in ["==", "!=", "<", "<=", ">", ">="] {
        engine.register_fn(name, |_: ScriptSecret, _: ScriptSecret| compared());
        engine.register_fn(name, |_: ScriptSecret, _: ImmutableString| compared());
        engine.register_fn(name, |_: ImmutableString, _: ScriptSecret| compared());
    }
}

fn joined() -> ScriptResult {
    Err(thrown::error(format!("a secret cannot be put into a text: {ONLY}")))
}

fn compared() -> Result<bool, ScriptError> {
    Err(thrown::error(format!("a secret cannot be compared: {ONLY}")))
}
