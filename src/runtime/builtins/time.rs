//! Time and chance for scripts: `now`, `random`, `sleep`, `after`, `every`, `cron`, `cancel`.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rhai::{Dynamic, Engine, FnPtr, NativeCallContext};
use serde_json::Value;

use crate::language::duration::parse_duration;
use crate::runtime::context::services::Services;
use crate::runtime::engine::thrown::{self, ScriptError, ScriptResult};
use crate::runtime::engine::values;
use crate::runtime::run;
use crate::runtime::run::answer::Answer;
use crate::runtime::run::at_work;
use crate::runtime::run::call::{HostCall, Impact};
use crate::runtime::run::host_call;
use crate::runtime::run::long_wait::{detach, until};
use crate::runtime::run::suspension::EventVerdict;
use crate::runtime::run::wait::CallSite;
use crate::runtime::timers::schedule::TIMERS;
use crate::runtime::timers::timer::{Spec, Timer};
use crate::store::{TimerId, TimerOrigin};

/// Registers the functions.
pub(crate) fn register(engine: &mut Engine, services: &Rc<Services>) {
    let own = Rc::clone(services);
    engine.register_fn("now", move |context: NativeCallContext| {
        host_call::pass(HostCall::new(Impact::Pure, "now"), CallSite::of(&context), |_| {
            Ok(Answer::Value(own.clock.now().into()))
        })
    });
    let own = Rc::clone(services);
    engine.register_fn("random", move |context: NativeCallContext| {
        host_call::pass(HostCall::new(Impact::Pure, "random"), CallSite::of(&context), |_| {
            Ok(Answer::Value(own.chance.number().into()))
        })
    });
    let own = Rc::clone(services);
    engine.register_fn("random", move |context: NativeCallContext, low: i64, high: i64| {
        if low > high {
            return Err(thrown::error(format!("random(low, high) needs low up to high; found {low} and {high}")));
        }
        host_call::pass(
            HostCall::new(Impact::Pure, "random").with(format!("{low} {high}")),
            CallSite::of(&context),
            |_| Ok(Answer::Value(own.chance.within(low, high).into())),
        )
    });
    register_sleep(engine, services);
    register_timers(engine, services);
}

fn register_sleep(engine: &mut Engine, services: &Rc<Services>) {
    // Rhai's own sleeps would block the thread: all their signatures are taken over, with seconds as Rhai counts them.
    let own = Rc::clone(services);
    engine.register_fn("sleep", move |context: NativeCallContext, text: &str| {
        sleep(&own, duration("sleep", text)?, CallSite::of(&context))
    });
    let own = Rc::clone(services);
    engine.register_fn("sleep", move |context: NativeCallContext, seconds: i64| {
        sleep(&own, Duration::from_secs(u64::try_from(seconds).unwrap_or(0)), CallSite::of(&context))
    });
    let own = Rc::clone(services);
    engine.register_fn("sleep", move |context: NativeCallContext, seconds: f64| {
        sleep(&own, Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX), CallSite::of(&context))
    });
}

fn sleep(services: &Services, duration: Duration, place: CallSite) -> ScriptResult {
    let call = HostCall::new(Impact::Wait, "sleep").with(format!("{duration:?}")).letting_go(EventVerdict::PassedOn);
    host_call::pass_waiting(call, place, |run| {
        let session = run.session.clone().ok_or_else(|| thrown::misplaced("there is no session to wait in"))?;
        let (remaining, clock) = (until(services, run, "sleep", duration), services.clock.clone());
        let script = Arc::clone(&run.generation.bundle.name);
        let shown = at_work::show(run);
        let awake = detach(run, EventVerdict::PassedOn, async move {
            clock.sleep(remaining).await;
            drop(shown);
            session.released(&script).await;
            ((), None)
        });
        Ok(async move {
            awake.await;
            Ok(Answer::Value(Dynamic::UNIT))
        })
    })
}

fn register_timers(engine: &mut Engine, services: &Rc<Services>) {
    let after = |text: &str| duration("after", text).map(Spec::After);
    let every = |text: &str| {
        let period = duration("every", text)?;
        if period.is_zero() { Err(thrown::error("every needs a period above zero")) } else { Ok(Spec::Every(period)) }
    };
    let cron = |text: &str| Spec::cron(text).map_err(|error| thrown::error(format!("cron: {error}")));
    register_timer(engine, services, "after", after);
    register_timer(engine, services, "every", every);
    register_timer(engine, services, "cron", cron);
    engine.register_fn("cancel", |context: NativeCallContext, id: i64| {
        host_call::pass(HostCall::new(Impact::Keep, "cancel").with(id.to_string()), CallSite::of(&context), |run| {
            let session = run
                .session
                .as_ref()
                .ok_or_else(|| thrown::misplaced("there is no session whose timer this could be"))?;
            let known = session.schedule.cancel(run.generation.name(), TimerId::new(id));
            session.journal.note_data();
            Ok(Answer::Value(known.into()))
        })
    });
}

fn register_timer(
    engine: &mut Engine,
    services: &Rc<Services>,
    name: &'static str,
    spec: impl Fn(&str) -> Result<Spec, ScriptError> + Copy + 'static,
) {
    let own = Rc::clone(services);
    engine.register_fn(name, move |context: NativeCallContext, when: &str, function: Dynamic| {
        add(&own, name, spec(when)?, &function, &Dynamic::UNIT, CallSite::of(&context))
    });
    let own = Rc::clone(services);
    engine.register_fn(name, move |context: NativeCallContext, when: &str, function: Dynamic, arguments: Dynamic| {
        add(&own, name, spec(when)?, &function, &arguments, CallSite::of(&context))
    });
}

fn add(
    services: &Services,
    name: &'static str,
    spec: Spec,
    function: &Dynamic,
    arguments: &Dynamic,
    place: CallSite<'_>,
) -> ScriptResult {
    let function = function_name(name, function)?;
    let arguments = values::to_value(arguments).map_err(|error| thrown::error(format!("{name}: {error}")))?;
    let arguments = if arguments == Value::Array(Vec::new()) { Value::Null } else { arguments };
    let timer = Timer { function, arguments, spec };
    let declares = run::current().is_some_and(|run| run.is_top_level());
    if declares && name == "after" {
        return Err(thrown::error(
            "after cannot be used at a script's top level, which declares only every and cron; call it in on_start()",
        ));
    }
    // A declaration causes nothing by itself, so that the top level may make it.
    let impact = if declares { Impact::Declare } else { Impact::Keep };
    let detail = timer.to_json();
    host_call::pass(HostCall::new(impact, name).with(detail), place, |run| {
        let Some(session) = &run.session else {
            run.declared.borrow_mut().timers.push(timer);
            return Ok(Answer::Value(Dynamic::UNIT));
        };
        let generation = &run.generation;
        timer
            .check(&generation.bundle, |name, count| generation.has_function(name, count))
            .map_err(|fault| thrown::error(format!("{name}: {}", fault.message)))?;
        let now = session.schedule.now(&services.clock);
        if session.schedule.is_full() && session.schedule.find(run.generation.name(), &timer).is_none() {
            return Err(thrown::named(
                "LIMIT",
                format!("{name}: this session has {TIMERS} timers already, which is the limit"),
            ));
        }
        let id = session.schedule.add(run.generation.name(), timer, now, TimerOrigin::Made);
        session.journal.note_data();
        Ok(Answer::Value(id.map_or(Dynamic::UNIT, |id| id.number().into())))
    })
}

pub(super) fn function_name(timer: &str, function: &Dynamic) -> Result<String, ScriptError> {
    if let Ok(name) = function.as_immutable_string_ref() {
        return Ok(name.to_string());
    }
    match function.read_lock::<FnPtr>() {
        Some(pointer) if !pointer.is_anonymous() && !pointer.is_curried() => Ok(pointer.fn_name().to_owned()),
        Some(_) => Err(thrown::error(format!(
            "{timer} needs a function's name, such as \"remind\": a timer outlives this run and its code, so it cannot hold a closure"
        ))),
        None => {
            Err(thrown::error(format!("{timer} needs a function's name, a string; found {}", values::noun(function))))
        }
    }
}

fn duration(function: &str, text: &str) -> Result<Duration, ScriptError> {
    parse_duration(text).map_err(|error| thrown::error(format!("{function}: {error}")))
}
