//! Dates for scripts: `date`, `start_of_day`, `date_add`, `next_time`, `format_date`, `parse_date`, `find_date`.
//!
//! How they are reckoned is in the language's `calendar`. Each depends on a zone, and so is recorded as what was observed.

use std::rc::Rc;

use jiff::civil::Time;
use rhai::{Dynamic, Engine, Map, NativeCallContext};

use crate::clock::Timestamp;
use crate::language::calendar::{self, CalendarError};
use crate::language::functions::FIND_OPTIONS;
use crate::language::moment::{self, Reckoning};
use crate::language::plain_text::plain_text;
use crate::language::spelling::did_you_mean;
use crate::language::zone::Zone;
use crate::runtime::context::services::Services;
use crate::runtime::engine::thrown::{self, ScriptError, ScriptResult};
use crate::runtime::engine::values;
use crate::runtime::run::answer::Answer;
use crate::runtime::run::call::{HostCall, Impact};
use crate::runtime::run::wait::CallSite;
use crate::runtime::run::{self, host_call};

/// What tells the time that it is, and the zone in which that is read.
pub(crate) type Timepiece = Rc<dyn Fn() -> Result<(Timestamp, Zone), ScriptError>>;

/// The time, and the zone that the current run began with, or the present one.
pub(super) fn of_script(services: &Services) -> (Timestamp, Zone) {
    let begun_with = run::current().and_then(|run| run.generation.bundle.zone.clone());
    (services.clock.now(), begun_with.unwrap_or_else(|| services.zone()))
}

/// Registers the functions, each with the zone of its surroundings and with another one.
pub(crate) fn register(engine: &mut Engine, around: &Timepiece) {
    register_parts(engine, around);
    register_steps(engine, around);
    register_texts(engine, around);
    register_find(engine, around);
}

fn register_parts(engine: &mut Engine, around: &Timepiece) {
    let own = Rc::clone(around);
    engine.register_fn("date", move |context: NativeCallContext| {
        let (now, zone) = own()?;
        observe(&context, "date", "", &Place::Own(zone), |zone| parts(now, zone))
    });
    let own = Rc::clone(around);
    engine.register_fn("date", move |context: NativeCallContext, time: i64| {
        observe(&context, "date", &time.to_string(), &Place::Own(own()?.1), |zone| parts(time, zone))
    });
    engine.register_fn("date", |context: NativeCallContext, time: i64, zone: &str| {
        observe(&context, "date", &time.to_string(), &Place::Named(zone), |zone| parts(time, zone))
    });
    let own = Rc::clone(around);
    engine.register_fn("start_of_day", move |context: NativeCallContext| {
        let (now, zone) = own()?;
        observe(&context, "start_of_day", "", &Place::Own(zone), |zone| start(now, zone))
    });
    let own = Rc::clone(around);
    engine.register_fn("start_of_day", move |context: NativeCallContext, time: i64| {
        observe(&context, "start_of_day", &time.to_string(), &Place::Own(own()?.1), |zone| start(time, zone))
    });
    engine.register_fn("start_of_day", |context: NativeCallContext, time: i64, zone: &str| {
        observe(&context, "start_of_day", &time.to_string(), &Place::Named(zone), |zone| start(time, zone))
    });
}

fn register_steps(engine: &mut Engine, around: &Timepiece) {
    let own = Rc::clone(around);
    engine.register_fn("date_add", move |context: NativeCallContext, time: i64, step: Map| {
        add(&context, time, &step, &Place::Own(own()?.1))
    });
    engine.register_fn("date_add", |context: NativeCallContext, time: i64, step: Map, zone: &str| {
        add(&context, time, &step, &Place::Named(zone))
    });
    let own = Rc::clone(around);
    engine.register_fn("next_time", move |context: NativeCallContext, text: &str| {
        let (now, zone) = own()?;
        observe(&context, "next_time", text, &Place::Own(zone), |zone| next(text, now, zone))
    });
    let own = Rc::clone(around);
    engine.register_fn("next_time", move |context: NativeCallContext, text: &str, after: i64| {
        let detail = format!("{text} {after}");
        observe(&context, "next_time", &detail, &Place::Own(own()?.1), |zone| next(text, after, zone))
    });
    engine.register_fn("next_time", |context: NativeCallContext, text: &str, after: i64, zone: &str| {
        let detail = format!("{text} {after}");
        observe(&context, "next_time", &detail, &Place::Named(zone), |zone| next(text, after, zone))
    });
}

fn register_texts(engine: &mut Engine, around: &Timepiece) {
    let own = Rc::clone(around);
    engine.register_fn("format_date", move |context: NativeCallContext, time: i64, format: &str| {
        let detail = format!("{time} {format}");
        observe(&context, "format_date", &detail, &Place::Own(own()?.1), |zone| written(time, format, zone))
    });
    engine.register_fn("format_date", |context: NativeCallContext, time: i64, format: &str, zone: &str| {
        let detail = format!("{time} {format}");
        observe(&context, "format_date", &detail, &Place::Named(zone), |zone| written(time, format, zone))
    });
    let own = Rc::clone(around);
    engine.register_fn("parse_date", move |context: NativeCallContext, text: &str, format: &str| {
        let detail = format!("{text} {format}");
        observe(&context, "parse_date", &detail, &Place::Own(own()?.1), |zone| read(text, format, zone))
    });
    engine.register_fn("parse_date", |context: NativeCallContext, text: &str, format: &str, zone: &str| {
        let detail = format!("{text} {format}");
        observe(&context, "parse_date", &detail, &Place::Named(zone), |zone| read(text, format, zone))
    });
}

fn register_find(engine: &mut Engine, around: &Timepiece) {
    let own = Rc::clone(around);
    engine.register_fn("find_date", move |context: NativeCallContext, text: &str| {
        find(&context, own()?, text, &Map::new())
    });
    let own = Rc::clone(around);
    engine.register_fn("find_date", move |context: NativeCallContext, text: &str, options: Map| {
        find(&context, own()?, text, &options)
    });
}

/// Finds a point in time as people say it.
fn find(context: &NativeCallContext<'_>, (now, zone): (Timestamp, Zone), text: &str, options: &Map) -> ScriptResult {
    let wrong = |message: String| thrown::error(format!("find_date: {message}"));
    if let Some(unknown) = options.keys().find(|name| !FIND_OPTIONS.contains(&name.as_str())) {
        let meant = did_you_mean(unknown, FIND_OPTIONS);
        return Err(wrong(format!("there is no option {unknown}; it has {}{meant}", FIND_OPTIONS.join(", "))));
    }
    let said = |option: &str, expected: &str| match options.get(option) {
        None => Ok(None),
        Some(value) => match value.as_immutable_string_ref() {
            Ok(text) => Ok(Some(text.to_string())),
            Err(_) => Err(wrong(format!("{option} needs {expected}; found {}", values::noun(value)))),
        },
    };
    let named = said("zone", "a time zone such as \"Asia/Tokyo\"")?;
    let time = said("time", "a time of day such as \"9:00\"")?
        .map_or(Ok(Time::midnight()), |text| calendar::time_of_day(&plain_text(&text)))
        .map_err(|error| wrong(error.to_string()))?;
    let after = match options.get("after") {
        None => None,
        Some(value) => Some(value.as_int().map_err(|_| {
            wrong(format!("after needs a time in milliseconds since 1970; found {}", values::noun(value)))
        })?),
    };
    let place = named.as_deref().map_or(Place::Own(zone), Place::Named);
    let detail = [after.map(|after| after.to_string()), options.get("time").map(ToString::to_string)];
    let detail = detail.into_iter().flatten().fold(text.to_owned(), |detail, option| format!("{detail} {option}"));
    observe(context, "find_date", &detail, &place, |zone| {
        let now = after.unwrap_or(now);
        let Some(found) = moment::find(text, &Reckoning { now, zone, time }) else { return Ok(Dynamic::UNIT) };
        let parts = [("at".into(), found.at.into()), ("rest".into(), found.rest(text).into())];
        Ok(Map::from_iter(parts).into())
    })
}

/// The zone of a call.
enum Place<'a> {
    Own(Zone),
    Named(&'a str),
}

/// Reckons something in a zone, and has it recorded where a script asks; a scenario test has no record.
fn observe(
    context: &NativeCallContext<'_>,
    name: &'static str,
    detail: &str,
    place: &Place<'_>,
    reckon: impl FnOnce(&Zone) -> Result<Dynamic, CalendarError>,
) -> ScriptResult {
    let detail = match place {
        Place::Own(_) => detail.to_owned(),
        Place::Named(zone) => format!("{detail} {zone}"),
    };
    let reckon = || {
        let value = match place {
            Place::Own(zone) => reckon(zone),
            Place::Named(found) => match found.parse() {
                Ok(zone) => reckon(&zone),
                Err(expected) => return Err(thrown::error(format!("{name}: found \"{found}\", expected {expected}"))),
            },
        };
        value.map_err(|error| thrown::error(format!("{name}: {error}")))
    };
    if run::current().is_none() {
        return reckon();
    }
    let call = HostCall::new(Impact::Pure, name).with(detail);
    host_call::pass(call, CallSite::of(context), |_| reckon().map(Answer::Value))
}

fn parts(time: Timestamp, zone: &Zone) -> Result<Dynamic, CalendarError> {
    let parts = calendar::parts(time, zone)?;
    let mut map: Map = parts.into_iter().map(|(name, part)| (name.into(), part.into())).collect();
    map.insert("zone".into(), zone.name().into());
    Ok(map.into())
}

fn start(time: Timestamp, zone: &Zone) -> Result<Dynamic, CalendarError> {
    calendar::start_of_day(time, zone).map(Into::into)
}

fn next(text: &str, after: Timestamp, zone: &Zone) -> Result<Dynamic, CalendarError> {
    calendar::next_time(&plain_text(text), after, zone).map(Into::into)
}

fn written(time: Timestamp, format: &str, zone: &Zone) -> Result<Dynamic, CalendarError> {
    calendar::format(time, format, zone).map(Into::into)
}

fn read(text: &str, format: &str, zone: &Zone) -> Result<Dynamic, CalendarError> {
    calendar::parse(&plain_text(text), &plain_text(format), zone).map(Into::into)
}

fn add(context: &NativeCallContext<'_>, time: i64, step: &Map, place: &Place<'_>) -> ScriptResult {
    let count = |(unit, count): (&rhai::Identifier, &Dynamic)| {
        let number = count.as_int().map_err(|_| {
            thrown::error(format!(
                "date_add needs whole numbers, such as #{{days: 1}}; found {} of {unit}",
                values::noun(count)
            ))
        })?;
        Ok((unit.to_string(), number))
    };
    let units = step.iter().map(count).collect::<Result<Vec<_>, ScriptError>>()?;
    let detail: Vec<_> = units.iter().map(|(unit, count)| format!("{count} {unit}")).collect();
    let detail = format!("{time} {}", detail.join(" "));
    observe(context, "date_add", &detail, place, |zone| calendar::add(time, units, zone).map(Into::into))
}
