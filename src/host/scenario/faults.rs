//! Troubles that a test asks the gateway for. What they do to frames and commands is the sandbox's business.

use std::time::Duration;

use rhai::{Engine, EvalAltResult, Position};

use super::functions::{Gateway, world};
use super::unmet::Thrown;
use super::world::BOT;
use crate::host::suggest::did_you_mean;
use crate::protocol::{Failure, FailureCode, Family};
use crate::sandbox::{Fault, Refusal, Traffic, Trouble, When};
use crate::script::duration::parse_duration;

/// Registers the methods of `gateway` that ask for trouble. Each strikes the bot alone, once or as often as it says.
pub(super) fn register(engine: &mut Engine) {
    engine.register_fn("refuses", |_: &mut Gateway, what: &str, failure: &str| refuse(what, failure, 1));
    engine
        .register_fn("refuses", |_: &mut Gateway, what: &str, failure: &str, times: i64| refuse(what, failure, times));
    engine.register_fn("delays", |_: &mut Gateway, what: &str, by: &str| strike(what, delay(by)?, 1));
    engine.register_fn("delays", |_: &mut Gateway, what: &str, by: &str, times: i64| strike(what, delay(by)?, times));
    for (name, trouble) in [
        ("repeats", Trouble::Repeat),
        ("reorders", Trouble::Reorder),
        ("swallows", Trouble::Swallow),
        ("garbles", Trouble::Malformed),
        ("drops_at", Trouble::Drop),
    ] {
        let again = trouble.clone();
        engine.register_fn(name, move |_: &mut Gateway, what: &str| strike(what, trouble.clone(), 1));
        engine.register_fn(name, move |_: &mut Gateway, what: &str, times: i64| strike(what, again.clone(), times));
    }
    engine.register_fn("recovers", |_: &mut Gateway| -> Result<(), Thrown> {
        world()?.control.clear_faults();
        Ok(())
    });
}

fn error(message: String) -> Thrown {
    EvalAltResult::ErrorRuntime(message.into(), Position::NONE).into()
}

fn times(count: i64) -> Result<When, Thrown> {
    match u32::try_from(count) {
        Ok(count @ 1..) => Ok(When::Next(count)),
        _ => Err(error(format!("a fault strikes at least once; found {count}"))),
    }
}

fn delay(by: &str) -> Result<Trouble, Thrown> {
    let by: Duration = parse_duration(by).map_err(|reason| error(format!("gateway.delays: {reason}")))?;
    Ok(Trouble::Delay(by..=by))
}

fn strike(what: &str, trouble: Trouble, count: i64) -> Result<(), Thrown> {
    let on = match what {
        "replies" => Traffic::Replies,
        "events" => Traffic::Events,
        "all" => Traffic::All,
        other => return Err(error(format!("\"{other}\" are no frames; expected \"replies\", \"events\" or \"all\""))),
    };
    let fault = Fault { account: Some(BOT.to_owned()), on, trouble, when: times(count)? };
    world()?.control.inject(fault).map(|_| ()).map_err(|failure| error(failure.to_string()))
}

fn refuse(what: &str, failure: &str, count: i64) -> Result<(), Thrown> {
    let family = match Family::ALL.into_iter().find(|family| family.name() == what) {
        None if what == "all" => None,
        Some(family) => Some(family),
        None => {
            let hint = did_you_mean(what, Family::ALL.into_iter().map(Family::name));
            let known = Family::ALL.into_iter().map(Family::name).collect::<Vec<_>>().join(", ");
            return Err(error(format!("\"{what}\" is no family of commands; there are {known} and all{hint}")));
        }
    };
    let Some(code) = FailureCode::ALL.iter().copied().find(|code| code.name() == failure) else {
        let hint = did_you_mean(failure, FailureCode::ALL.iter().map(|code| code.name()));
        return Err(error(format!("\"{failure}\" is no failure of the gateway, such as ABUSE_BLOCK{hint}")));
    };
    let failure = Failure::new(code, "the test wants it so");
    let refusal = Refusal { account: Some(BOT.to_owned()), family, when: times(count)?, failure };
    world()?.control.refuse(refusal).map(|_| ()).map_err(|failure| error(failure.to_string()))
}
