//! Time and chance for scripts: `now`, `random`, `sleep`, `after`, `every`, `cron`, `cancel`.

use std::rc::Rc;
use std::time::Duration;

use rhai::{Dynamic, Engine, FnPtr, NativeCallContext};
use serde_json::Value;

use super::door::{self, Answer, Call, Kind, Place, ScriptResult, Thrown};
use super::live::Services;
use super::object::{detach, until};
use super::run::Stage;
use super::timer::{Spec, TIMERS, Timer};
use super::value;
use crate::language::duration::parse_duration;
use crate::store::Origin;

/// Registers the functions.
pub(crate) fn register(engine: &mut Engine, services: &Rc<Services>) {
    let own = Rc::clone(services);
    engine.register_fn("now", move |context: NativeCallContext| {
        door::pass(Call::new(Kind::Pure, "now").at(Place::of(&context)), |_| Ok(Answer::Value(own.clock.now().into())))
    });
    engine.register_fn("random", |context: NativeCallContext| {
        door::pass(Call::new(Kind::Pure, "random").at(Place::of(&context)), |_| {
            Ok(Answer::Value(rand::random::<f64>().into()))
        })
    });
    engine.register_fn("random", |context: NativeCallContext, low: i64, high: i64| {
        if low > high {
            return Err(door::error(format!("random(low, high) needs low up to high; found {low} and {high}")));
        }
        door::pass(Call::new(Kind::Pure, "random").with(format!("{low} {high}")).at(Place::of(&context)), |_| {
            Ok(Answer::Value(rand::random_range(low..=high).into()))
        })
    });
    register_sleep(engine, services);
    register_timers(engine, services);
}

fn register_sleep(engine: &mut Engine, services: &Rc<Services>) {
    // Rhai's own sleeps would block the thread: all their signatures are taken over, with seconds as Rhai counts them.
    let own = Rc::clone(services);
    engine.register_fn("sleep", move |context: NativeCallContext, text: &str| {
        sleep(&own, duration("sleep", text)?, Place::of(&context))
    });
    let own = Rc::clone(services);
    engine.register_fn("sleep", move |context: NativeCallContext, seconds: i64| {
        sleep(&own, Duration::from_secs(u64::try_from(seconds).unwrap_or(0)), Place::of(&context))
    });
    let own = Rc::clone(services);
    engine.register_fn("sleep", move |context: NativeCallContext, seconds: f64| {
        sleep(&own, Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX), Place::of(&context))
    });
}

fn sleep(services: &Services, duration: Duration, place: Place) -> ScriptResult {
    door::pass(Call::new(Kind::Wait, "sleep").with(format!("{duration:?}")).at(place), |run| {
        let remaining = until(services, run, "sleep", duration);
        // A run that has asked somebody has handled its event, whatever it waits for later.
        let stage = if run.stage.get() == Stage::Asked { Stage::Asked } else { Stage::Slept };
        detach(run, stage, "sleep", async {
            services.clock.sleep(remaining).await;
            if let Some(live) = &run.live {
                live.released(run.generation.name()).await;
            }
            ((), None)
        })?;
        Ok(Answer::Value(Dynamic::UNIT))
    })
}

fn register_timers(engine: &mut Engine, services: &Rc<Services>) {
    let after = |text: &str| duration("after", text).map(Spec::After);
    let every = |text: &str| {
        let period = duration("every", text)?;
        if period.is_zero() { Err(door::error("every needs a period above zero")) } else { Ok(Spec::Every(period)) }
    };
    let cron = |text: &str| Spec::cron(text).map_err(|error| door::error(format!("cron: {error}")));
    register_timer(engine, services, "after", after);
    register_timer(engine, services, "every", every);
    register_timer(engine, services, "cron", cron);
    engine.register_fn("cancel", |context: NativeCallContext, id: i64| {
        door::pass(Call::new(Kind::Keep, "cancel").with(id.to_string()).at(Place::of(&context)), |run| {
            let live =
                run.live.as_ref().ok_or_else(|| door::misplaced("there is no session whose timer this could be"))?;
            let known = u64::try_from(id).is_ok_and(|id| live.schedule.cancel(run.generation.name(), id));
            live.journal.note_data();
            Ok(Answer::Value(known.into()))
        })
    });
}

fn register_timer(
    engine: &mut Engine,
    services: &Rc<Services>,
    name: &'static str,
    spec: impl Fn(&str) -> Result<Spec, Thrown> + Copy + 'static,
) {
    let own = Rc::clone(services);
    engine.register_fn(name, move |context: NativeCallContext, when: &str, function: Dynamic| {
        add(&own, name, spec(when)?, &function, &Dynamic::UNIT, Place::of(&context))
    });
    let own = Rc::clone(services);
    engine.register_fn(name, move |context: NativeCallContext, when: &str, function: Dynamic, arguments: Dynamic| {
        add(&own, name, spec(when)?, &function, &arguments, Place::of(&context))
    });
}

fn add(
    services: &Services,
    name: &'static str,
    spec: Spec,
    function: &Dynamic,
    arguments: &Dynamic,
    place: Place<'_>,
) -> ScriptResult {
    let function = function_name(name, function)?;
    let arguments = value::to_value(arguments).map_err(|error| door::error(format!("{name}: {error}")))?;
    let arguments = if arguments == Value::Array(Vec::new()) { Value::Null } else { arguments };
    let timer = Timer { function, arguments, spec };
    let declares = super::run::current().is_some_and(|run| run.is_top_level());
    if declares && name == "after" {
        return Err(door::error(
            "after cannot be used at a script's top level, which declares only every and cron; call it in on_start()",
        ));
    }
    // A declaration causes nothing by itself, so the door lets it through at the top level.
    let kind = if declares { Kind::Declare } else { Kind::Keep };
    let detail = timer.to_json();
    door::pass(Call::new(kind, name).with(detail).at(place), |run| {
        let Some(live) = &run.live else {
            run.declared.borrow_mut().push(timer);
            return Ok(Answer::Value(Dynamic::UNIT));
        };
        timer.check(&run.generation).map_err(|fault| door::error(format!("{name}: {}", fault.message)))?;
        let now = live.schedule.now(&services.clock);
        if live.schedule.is_full() && live.schedule.find(run.generation.name(), &timer).is_none() {
            return Err(door::named(
                "LIMIT",
                format!("{name}: this session has {TIMERS} timers already, which is the limit"),
            ));
        }
        let id = live.schedule.add(run.generation.name(), timer, now, Origin::Made);
        live.journal.note_data();
        Ok(Answer::Value(id.and_then(|id| i64::try_from(id).ok()).map_or(Dynamic::UNIT, Dynamic::from_int)))
    })
}

fn function_name(timer: &str, function: &Dynamic) -> Result<String, Thrown> {
    if let Ok(name) = function.as_immutable_string_ref() {
        return Ok(name.to_string());
    }
    match function.read_lock::<FnPtr>() {
        Some(pointer) if !pointer.is_anonymous() && !pointer.is_curried() => Ok(pointer.fn_name().to_owned()),
        Some(_) => Err(door::error(format!(
            "{timer} needs a function's name, such as \"remind\": a timer outlives this run and its code, so it cannot hold a closure"
        ))),
        None => Err(door::error(format!("{timer} needs a function's name, a string; found {}", value::noun(function)))),
    }
}

fn duration(function: &str, text: &str) -> Result<Duration, Thrown> {
    parse_duration(text).map_err(|error| door::error(format!("{function}: {error}")))
}
