//! Troubles that a test asks the gateway for. What they do to frames and commands is the sandbox's business.

use std::time::Duration;

use rhai::{Dynamic, Engine, Map};

use super::context::{Gateway, error, world};
use super::unmet::TestError;
use crate::language::duration::parse_duration;
use crate::language::spelling::did_you_mean;
use crate::protocol::{Failure, FailureCode, Family};
use crate::sandbox::{InjectedFault, Refusal, Traffic, Trouble, When};

/// Whom a trouble strikes, and when.
struct Aim {
    account: String,
    when: When,
}

/// Registers the methods of `gateway` that ask for trouble. Each strikes the bot's first session there alone and once, or as its last argument says:
/// a number of times, or a map with `times`, or `chance` and `seed`, and the `account`.
pub(super) fn register(engine: &mut Engine) {
    engine.register_fn("refuses", |_: &mut Gateway, what: &str, failure: &str| refuse(what, failure, times(1)?));
    engine.register_fn("refuses", |_: &mut Gateway, what: &str, failure: &str, count: i64| {
        refuse(what, failure, times(count)?)
    });
    engine.register_fn("refuses", |_: &mut Gateway, what: &str, failure: &str, options: Map| {
        refuse(what, failure, aim(&options)?)
    });
    engine.register_fn("delays", |_: &mut Gateway, what: &str, by: &str| strike(what, delay(by)?, times(1)?));
    engine.register_fn("delays", |_: &mut Gateway, what: &str, by: &str, count: i64| {
        strike(what, delay(by)?, times(count)?)
    });
    engine.register_fn("delays", |_: &mut Gateway, what: &str, by: &str, options: Map| {
        strike(what, delay(by)?, aim(&options)?)
    });
    for (name, trouble) in [
        ("repeats", Trouble::Repeat),
        ("reorders", Trouble::Reorder),
        ("swallows", Trouble::Swallow),
        ("garbles", Trouble::Malformed),
        ("drops_at", Trouble::Drop),
    ] {
        let [once, counted, aimed] = [trouble.clone(), trouble.clone(), trouble];
        engine.register_fn(name, move |_: &mut Gateway, what: &str| strike(what, once.clone(), times(1)?));
        engine.register_fn(name, move |_: &mut Gateway, what: &str, count: i64| {
            strike(what, counted.clone(), times(count)?)
        });
        engine.register_fn(name, move |_: &mut Gateway, what: &str, options: Map| {
            strike(what, aimed.clone(), aim(&options)?)
        });
    }
    engine.register_fn("recovers", |_: &mut Gateway| -> Result<(), TestError> {
        world()?.control.clear_faults();
        Ok(())
    });
}

fn times(count: i64) -> Result<Aim, TestError> {
    let account = world()?.first_on_gateway().ok_or_else(|| error("no session of the bot is on the gateway"))?;
    Ok(Aim { account, when: next(count)? })
}

/// The next so many.
pub(super) fn next(count: i64) -> Result<When, TestError> {
    match u32::try_from(count) {
        Ok(count @ 1..) => Ok(When::Next(count)),
        _ => Err(error(format!("a fault strikes at least once; found {count}"))),
    }
}

/// Reads `#{times: 3}` or `#{chance: 0.5, seed: 7}`, both also with an `account`.
fn aim(options: &Map) -> Result<Aim, TestError> {
    const KEYS: [&str; 4] = ["times", "chance", "seed", "account"];
    if let Some(key) = options.keys().find(|key| !KEYS.contains(&key.as_str())) {
        let hint = did_you_mean(key, KEYS);
        return Err(error(format!("a fault has no option \"{key}\"; there are {}{hint}", KEYS.join(", "))));
    }
    let integer = |key: &str| {
        let read = |value: &Dynamic| {
            value.as_int().map_err(|found| error(format!("\"{key}\" takes an integer; found {found}")))
        };
        options.get(key).map(read).transpose()
    };
    let chance = options.get("chance").map(|value| {
        let number = value.as_float().or_else(|_| value.as_int().map(|number| if number == 0 { 0.0 } else { 1.0 }));
        let number = number.ok().filter(|number| (0.0..=1.0).contains(number));
        number.ok_or_else(|| error(format!("\"chance\" takes a number from 0 to 1; found {value}")))
    });
    let mut aim = times(integer("times")?.unwrap_or(1))?;
    if let Some(probability) = chance.transpose()? {
        let seed = integer("seed")?.ok_or_else(|| error("\"chance\" needs a \"seed\" beside it"))?;
        aim.when = When::Chance { probability, seed: seed.cast_unsigned() };
    }
    if let Some(account) = options.get("account") {
        aim.account = account.to_string();
    }
    Ok(aim)
}

fn delay(by: &str) -> Result<Trouble, TestError> {
    let by: Duration = parse_duration(by).map_err(|reason| error(format!("gateway.delays: {reason}")))?;
    Ok(Trouble::Delay(by..=by))
}

fn strike(what: &str, trouble: Trouble, aim: Aim) -> Result<(), TestError> {
    let on = match what {
        "replies" => Traffic::Replies,
        "events" => Traffic::Events,
        "all" => Traffic::All,
        other => return Err(error(format!("\"{other}\" are no frames; expected \"replies\", \"events\" or \"all\""))),
    };
    let fault = InjectedFault { account: Some(aim.account), on, trouble, when: aim.when };
    world()?.control.inject(fault).map(|_| ()).map_err(|failure| error(failure.to_string()))
}

fn refuse(what: &str, failure: &str, aim: Aim) -> Result<(), TestError> {
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
    let refusal = Refusal { account: Some(aim.account), family, when: aim.when, failure };
    world()?.control.refuse(refusal).map(|_| ()).map_err(|failure| error(failure.to_string()))
}
