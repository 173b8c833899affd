//! Dates for scripts: `date`, `start_of_day`, `date_add`, `next_time`, `format_date`, `parse_date`.
//!
//! How they are reckoned is in the language's `calendar`. Each depends on a zone, and so is recorded as what was observed.

use std::rc::Rc;

use rhai::{Dynamic, Engine, Map, NativeCallContext};

use crate::clock::Timestamp;
use crate::language::calendar::{self, CalendarError};
use crate::language::plain_text::plain_text;
use crate::language::zone::Zone;
use crate::runtime::context::services::Services;
use crate::runtime::engine::thrown::{self, ScriptError, ScriptResult};
use crate::runtime::engine::values;
use crate::runtime::run::answer::Answer;
use crate::runtime::run::call::{HostCall, Impact};
use crate::runtime::run::host_call;
use crate::runtime::run::wait::CallSite;

/// Registers the functions, each with the bot's zone and with another one.
pub(super) fn register(engine: &mut Engine, services: &Rc<Services>) {
    register_parts(engine, services);
    register_steps(engine, services);
    register_texts(engine, services);
}

fn register_parts(engine: &mut Engine, services: &Rc<Services>) {
    let own = Rc::clone(services);
    engine.register_fn("date", move |context: NativeCallContext| {
        let reckon = |zone: &Zone| parts(own.clock.now(), zone);
        observe(&context, "date", "", &Place::Own(&own), reckon)
    });
    let own = Rc::clone(services);
    engine.register_fn("date", move |context: NativeCallContext, time: i64| {
        observe(&context, "date", &time.to_string(), &Place::Own(&own), |zone| parts(time, zone))
    });
    engine.register_fn("date", |context: NativeCallContext, time: i64, zone: &str| {
        observe(&context, "date", &time.to_string(), &Place::Named(zone), |zone| parts(time, zone))
    });
    let own = Rc::clone(services);
    engine.register_fn("start_of_day", move |context: NativeCallContext| {
        let reckon = |zone: &Zone| start(own.clock.now(), zone);
        observe(&context, "start_of_day", "", &Place::Own(&own), reckon)
    });
    let own = Rc::clone(services);
    engine.register_fn("start_of_day", move |context: NativeCallContext, time: i64| {
        observe(&context, "start_of_day", &time.to_string(), &Place::Own(&own), |zone| start(time, zone))
    });
    engine.register_fn("start_of_day", |context: NativeCallContext, time: i64, zone: &str| {
        observe(&context, "start_of_day", &time.to_string(), &Place::Named(zone), |zone| start(time, zone))
    });
}

fn register_steps(engine: &mut Engine, services: &Rc<Services>) {
    let own = Rc::clone(services);
    engine.register_fn("date_add", move |context: NativeCallContext, time: i64, step: Map| {
        add(&context, time, &step, &Place::Own(&own))
    });
    engine.register_fn("date_add", |context: NativeCallContext, time: i64, step: Map, zone: &str| {
        add(&context, time, &step, &Place::Named(zone))
    });
    let own = Rc::clone(services);
    engine.register_fn("next_time", move |context: NativeCallContext, text: &str| {
        let reckon = |zone: &Zone| next(text, own.clock.now(), zone);
        observe(&context, "next_time", text, &Place::Own(&own), reckon)
    });
    let own = Rc::clone(services);
    engine.register_fn("next_time", move |context: NativeCallContext, text: &str, after: i64| {
        let detail = format!("{text} {after}");
        observe(&context, "next_time", &detail, &Place::Own(&own), |zone| next(text, after, zone))
    });
    engine.register_fn("next_time", |context: NativeCallContext, text: &str, after: i64, zone: &str| {
        let detail = format!("{text} {after}");
        observe(&context, "next_time", &detail, &Place::Named(zone), |zone| next(text, after, zone))
    });
}

fn register_texts(engine: &mut Engine, services: &Rc<Services>) {
    let own = Rc::clone(services);
    engine.register_fn("format_date", move |context: NativeCallContext, time: i64, format: &str| {
        let detail = format!("{time} {format}");
        observe(&context, "format_date", &detail, &Place::Own(&own), |zone| written(time, format, zone))
    });
    engine.register_fn("format_date", |context: NativeCallContext, time: i64, format: &str, zone: &str| {
        let detail = format!("{time} {format}");
        observe(&context, "format_date", &detail, &Place::Named(zone), |zone| written(time, format, zone))
    });
    let own = Rc::clone(services);
    engine.register_fn("parse_date", move |context: NativeCallContext, text: &str, format: &str| {
        let detail = format!("{text} {format}");
        observe(&context, "parse_date", &detail, &Place::Own(&own), |zone| read(text, format, zone))
    });
    engine.register_fn("parse_date", |context: NativeCallContext, text: &str, format: &str, zone: &str| {
        let detail = format!("{text} {format}");
        observe(&context, "parse_date", &detail, &Place::Named(zone), |zone| read(text, format, zone))
    });
}

/// The zone of a call.
enum Place<'a> {
    /// That which the run began with, or the present one.
    Own(&'a Services),
    Named(&'a str),
}

/// Reckons something in a zone, and has it recorded.
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
    host_call::pass(HostCall::new(Impact::Pure, name).with(detail), CallSite::of(context), |run| {
        let value = match place {
            Place::Own(services) => match &run.generation.bundle.zone {
                Some(zone) => reckon(zone),
                None => reckon(&services.zone()),
            },
            Place::Named(found) => match found.parse() {
                Ok(zone) => reckon(&zone),
                Err(expected) => return Err(thrown::error(format!("{name}: found \"{found}\", expected {expected}"))),
            },
        };
        value.map(Answer::Value).map_err(|error| thrown::error(format!("{name}: {error}")))
    })
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
