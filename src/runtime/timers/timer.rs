//! Timers: data that names a function of a script and when to call it. What a call does is up to the script.

use std::time::Duration;

use rhai::Dynamic;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::hours::Hours;
use crate::clock::Timestamp;
use crate::language::bundle::Bundle;
use crate::language::cron;
use crate::language::fault::Fault;
use crate::language::functions::{arguments as counted, ticked};
use crate::language::headers::{Header, headers};
use crate::language::zone::Zone;
use crate::protocol::{Content, Event};
use crate::store::{InternalKind, TimerId, TimerOrigin};

/// When a timer is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Spec {
    /// Once, after a delay.
    After(Duration),
    /// Again and again, at this distance.
    Every(Duration),
    /// At the times that a cron pattern matches, by the clocks of the bot's zone.
    Cron(String),
}

/// A call to come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Timer {
    /// The name of the function, bound when the timer is due: a newer generation's function is called.
    pub(crate) function: String,
    /// What it is called with.
    pub(crate) arguments: Value,
    /// When.
    pub(crate) spec: Spec,
}

/// A timer that waits for its time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scheduled {
    /// Its id, for `cancel`.
    pub(crate) id: TimerId,
    /// The script that it belongs to.
    pub(crate) script: String,
    /// What is called, and when.
    pub(crate) timer: Timer,
    /// When it is due next.
    pub(crate) due: Timestamp,
    /// Who asked for it.
    pub(crate) origin: TimerOrigin,
}

impl Spec {
    /// The next time after `now`; `None` when there is none any more.
    pub(crate) fn next(&self, now: Timestamp, zone: &Zone) -> Option<Timestamp> {
        match self {
            Self::Cron(pattern) => cron::next(pattern, now, zone),
            delay => Some(now.saturating_add(delay.length()?)),
        }
    }

    /// The whole length of its delay, in milliseconds; `None` where it follows the time of day.
    pub(super) fn length(&self) -> Option<Timestamp> {
        match self {
            Self::After(delay) | Self::Every(delay) => Some(delay.as_millis().try_into().unwrap_or(Timestamp::MAX)),
            Self::Cron(_) => None,
        }
    }

    /// Checks a cron pattern.
    ///
    /// # Errors
    /// With what is wrong about it.
    pub(crate) fn cron(pattern: &str) -> Result<Self, String> {
        cron::check(pattern)?;
        Ok(Self::Cron(pattern.to_owned()))
    }
}

impl Timer {
    /// The timer as JSON text.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a timer holds only plain data")
    }

    /// Whether it is the same timer as another.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.call_of("").is_some_and(|call| Some(call) == other.call_of(""))
    }

    /// What tells a timer that calls again and again from every other one of a session: script, function, arguments and spec. Of
    /// a period the length counts, so that "60s" and "1m" are the same, and of a pattern the text.
    pub(crate) fn call_of(&self, script: &str) -> Option<String> {
        let spec = match &self.spec {
            Spec::After(_) => return None,
            Spec::Every(period) => format!("{period:?}"),
            Spec::Cron(pattern) => pattern.split_whitespace().collect::<Vec<_>>().join(" "),
        };
        Some(serde_json::json!([script, self.function, spec, self.list()]).to_string())
    }

    /// The arguments one by one: a single one need not stand in an array.
    pub(super) fn list(&self) -> &[Value] {
        match &self.arguments {
            Value::Null => &[],
            Value::Array(items) => items,
            other => std::slice::from_ref(other),
        }
    }

    /// The arguments as a script's values: the items of an array, or the one value.
    pub(crate) fn values(&self) -> Vec<Dynamic> {
        self.list().iter().map(|value| crate::runtime::engine::values::from_content(&value.to_string())).collect()
    }

    /// Checks that a script has the function that the timer names, one with as many parameters as there are arguments.
    ///
    /// # Errors
    /// With the functions of that name that it has.
    pub(crate) fn check(&self, bundle: &Bundle, has: impl Fn(&str, usize) -> bool) -> Result<(), Fault> {
        let (name, count) = (&self.function, self.list().len());
        if has(name, count) {
            return Ok(());
        }
        let text = &bundle.script.text;
        let known: Vec<_> = headers(text).iter().filter(|header| header.name == *name).map(Header::signature).collect();
        let (message, help) = match known.as_slice() {
            [] => (format!("a timer names the function \"{name}\", which this script does not define"), None),
            known => (
                format!("a timer calls `{name}` with {}, but it is {}", counted(count), ticked(known)),
                Some("a timer's arguments are its third argument: an array of them, or a single one".to_owned()),
            ),
        };
        let fault = bundle.fault_of_name(name, message);
        Err(Fault { help, ..fault })
    }
}

/// What keeps a script from being called by a timer that the record has for it; nothing where it can be.
///
/// `timer` is the text of [`TimerRow::timer`](crate::store::TimerRow::timer).
pub fn lost_timer(bundle: &Bundle, timer: &str) -> Option<Fault> {
    let timer: Timer = serde_json::from_str(timer).ok()?;
    let headers = headers(&bundle.script.text);
    let has = |name: &str, count| headers.iter().any(|own| own.name == name && own.parameters.len() == count);
    timer.check(bundle, has).err()
}

impl Scheduled {
    /// Whether it stays when it is due, since its script is held.
    pub(super) fn waits(&self, is_held: impl Fn(&str) -> bool) -> bool {
        matches!(self.timer.spec, Spec::After(_)) && is_held(&self.script)
    }

    /// When it is due again after `now`.
    pub(super) fn next(&self, now: Timestamp, hours: &Hours, zone: &Zone) -> Option<Timestamp> {
        match &self.timer.spec {
            Spec::After(_) => None,
            Spec::Every(period) => {
                let period = Timestamp::try_from(period.as_millis()).unwrap_or(Timestamp::MAX).max(1);
                let beats = now.saturating_sub(self.due) / period + 1;
                Some(self.due.saturating_add(period.saturating_mul(beats)))
            }
            Spec::Cron(pattern) => hours.next(pattern, self.id, now, zone),
        }
    }

    /// The event that it is when it is due.
    pub(crate) fn event(&self) -> Event {
        let content =
            serde_json::json!({"script": self.script, "timer": self.timer, "id": self.id.number(), "due": self.due});
        Event { subcommand: InternalKind::Timer.subcommand(), content: Content::new(content.to_string()) }
    }

    /// The script and the timer of such an event.
    pub(crate) fn of_event(event: &Event) -> Option<(String, Timer)> {
        let mut content = event.content.value();
        let script = content.get("script")?.as_str()?.to_owned();
        let timer = serde_json::from_value(content.get_mut("timer")?.take()).ok()?;
        Some((script, timer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cron_pattern_names_times_or_is_refused() {
        let spec = Spec::cron("*/5 * * * *").expect("a pattern");
        assert_eq!(spec.next(1_700_000_000_000, &Zone::default()), Some(1_700_000_100_000));
        assert!(Spec::cron("every monday").is_err());
        let error = Spec::cron("0 0 9 * * *").expect_err("six fields");
        assert!(error.ends_with("it has 6 fields, expected 5"), "{error}");
    }
}
