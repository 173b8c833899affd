//! The web as a test makes it up: `web`. How a request of the bot is answered by it is the script host's business.

use std::collections::BTreeMap;

use rhai::{Dynamic, Engine, Map};

use super::context::{TestOutcome, error, wait, world};
use super::unmet;
use crate::language::duration::parse_duration;
use crate::runtime::guest;
use crate::runtime::web::stub::{Pattern, Reaction, Seen};

/// Stands for the web of the world.
#[derive(Clone)]
pub(super) struct TestWeb;

/// Registers the methods of `web`.
pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<TestWeb>("Web");
    engine.register_fn("answers", |_: &mut TestWeb, url: &str, answer: Dynamic| react(url, reaction(&answer)?, None));
    engine.register_fn("answers", |_: &mut TestWeb, url: &str, answer: Dynamic, times: i64| {
        react(url, reaction(&answer)?, Some(times))
    });
    engine.register_fn("refuses", |_: &mut TestWeb, url: &str| react(url, Reaction::Refuse, None));
    engine.register_fn("refuses", |_: &mut TestWeb, url: &str, times: i64| react(url, Reaction::Refuse, Some(times)));
    engine.register_fn("delays", |_: &mut TestWeb, url: &str, by: &str| -> TestOutcome<()> {
        let by = parse_duration(by).map_err(|reason| error(format!("web.delays: {reason}")))?;
        world()?.web.delay(Pattern::new(url), by);
        Ok(())
    });
    engine.register_fn("expects", |_: &mut TestWeb, url: &str| -> TestOutcome<Map> {
        let world = world()?;
        wait(world.settle())?;
        let came = world.web.take(&Pattern::new(url));
        came.map(|seen| to_map(&seen)).ok_or_else(|| {
            let others = shown(&world.web.unseen());
            unmet::text("the web got no such request".to_owned(), url, others.unwrap_or_else(|| "none".to_owned()))
        })
    });
    engine.register_fn("expects_nothing", |_: &mut TestWeb| -> TestOutcome<()> {
        let world = world()?;
        wait(world.settle())?;
        match shown(&world.web.unseen()) {
            None => Ok(()),
            Some(came) => Err(unmet::text("the web got a request".to_owned(), "no request", came)),
        }
    });
}

fn react(url: &str, reaction: Reaction, times: Option<i64>) -> TestOutcome<()> {
    let times = match times.map(u32::try_from) {
        None => None,
        Some(Ok(times @ 1..)) => Some(times),
        Some(_) => return Err(error("a rule of the web counts at least once")),
    };
    world()?.web.react(Pattern::new(url), reaction, times);
    Ok(())
}

/// An answer as a test writes it: a text, or a map of status, headers and body; a body that is no text becomes JSON.
fn reaction(answer: &Dynamic) -> TestOutcome<Reaction> {
    let plain = |body| Reaction::Answer { status: 200, headers: BTreeMap::new(), body };
    let Some(map) = answer.read_lock::<Map>() else {
        return Ok(plain(text(answer)?));
    };
    const KEYS: [&str; 3] = ["status", "headers", "body"];
    // A map with other entries is itself the body.
    if map.is_empty() || map.keys().any(|name| !KEYS.contains(&name.as_str())) {
        return Ok(plain(text(answer)?));
    }
    let status = match map.get("status") {
        None => 200,
        Some(status) => status
            .as_int()
            .ok()
            .and_then(|status| u16::try_from(status).ok())
            .filter(|status| (100..600).contains(status))
            .ok_or_else(|| error("the status of an answer is a number such as 404"))?,
    };
    let mut headers = BTreeMap::new();
    if let Some(given) = map.get("headers") {
        let given = given.read_lock::<Map>().ok_or_else(|| error("the headers of an answer are a map of texts"))?;
        // They arrive in small letters, as from a real server.
        headers.extend(given.iter().map(|(name, value)| (name.to_lowercase(), value.to_string())));
    }
    let body = map.get("body").map_or(Ok(String::new()), text)?;
    Ok(Reaction::Answer { status, headers, body })
}

/// A body: a text as it is, anything else as JSON.
fn text(value: &Dynamic) -> TestOutcome<String> {
    match value.as_immutable_string_ref() {
        Ok(text) => Ok(text.to_string()),
        Err(_) => guest::to_value(value).map(|value| value.to_string()).map_err(|reason| error(reason.to_string())),
    }
}

fn to_map(seen: &Seen) -> Map {
    let headers: Map = seen.headers.iter().map(|(name, text)| (name.as_str().into(), text.as_str().into())).collect();
    Map::from_iter([
        ("method".into(), seen.method.as_str().into()),
        ("url".into(), seen.url.as_str().into()),
        ("headers".into(), headers.into()),
        ("body".into(), seen.body.as_str().into()),
    ])
}

fn shown(seen: &[Seen]) -> Option<String> {
    let lines: Vec<_> = seen.iter().map(|seen| format!("{} {}", seen.method, seen.url)).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}
