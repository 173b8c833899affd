//! What was said of a point in time, and which one that is.

use jiff::civil::{Date, Time, Weekday};
use jiff::{ToSpan, Zoned};

use crate::clock::Timestamp;
use crate::language::calendar;
use crate::language::zone::Zone;

/// From where times are counted, and how.
pub(crate) struct Reckoning<'a> {
    /// The time that it is.
    pub(crate) now: Timestamp,
    pub(crate) zone: &'a Zone,
    /// The time of a day that comes without one.
    pub(crate) time: Time,
}

/// A part of a day, by which hours up to twelve are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    Morning,
    /// From noon on.
    Noon,
    Evening,
}

/// A week, as seen from this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Week {
    /// Whichever comes.
    Any,
    /// This many after this one.
    After(i64),
}

/// Which day is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Day {
    Off(i64),
    Weekday(Weekday, Week),
    Date { year: Option<i16>, month: i8, day: i8 },
}

/// A time of day as it was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SaidClock {
    pub(super) hour: i64,
    pub(super) minute: i64,
    pub(super) second: i64,
}

/// What was said of a point in time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) day: Option<Day>,
    pub(super) half: Option<Half>,
    pub(super) clock: Option<SaidClock>,
    pub(super) delay: Vec<(&'static str, i64)>,
    /// A word is among it that means something else as often: "sat", "一点". It counts beside another part, or alone.
    pub(super) is_doubtful: bool,
}

impl Parts {
    /// Whether nothing else can have been meant.
    pub(super) fn is_plain(&self) -> bool {
        !self.is_doubtful || (self.day.is_some() && self.clock.is_some())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.day.is_none() && self.clock.is_none() && self.delay.is_empty()
    }

    pub(super) fn resolve(&self, reckoning: &Reckoning<'_>) -> Option<Timestamp> {
        let now = reckoning.zone.at(reckoning.now)?;
        let clock = match self.clock {
            Some(clock) => Some(clock.time(self.half)?),
            None => None,
        };
        if !self.delay.is_empty() {
            let units = self.delay.iter().map(|(unit, count)| ((*unit).to_owned(), *count));
            let later = calendar::add(reckoning.now, units, reckoning.zone).ok()?;
            return match clock {
                Some((days, time)) => on(reckoning.zone.at(later)?.date(), days, time, reckoning.zone),
                None => Some(later),
            };
        }
        let (days, time) = clock.unwrap_or((0, reckoning.time));
        match self.day {
            None => Self::next(&now, days, time, reckoning),
            Some(day) => day.resolve(&now, clock.is_some(), |date| on(date, days, time, reckoning.zone), reckoning.now),
        }
    }

    /// The next time that clocks show this.
    pub(super) fn next(now: &Zoned, days: i64, time: Time, reckoning: &Reckoning<'_>) -> Option<Timestamp> {
        let today = on(now.date(), days, time, reckoning.zone)?;
        if today > reckoning.now { Some(today) } else { on(now.date().tomorrow().ok()?, days, time, reckoning.zone) }
    }
}

impl SaidClock {
    /// The time of day, and how many days later that is.
    pub(super) fn time(self, half: Option<Half>) -> Option<(i64, Time)> {
        let Self { hour, minute, second } = self;
        let hour = match half {
            Some(Half::Morning) if hour == 12 => 0,
            Some(Half::Noon) if hour < 12 => hour + 12,
            Some(Half::Evening) if hour <= 12 => hour + 12,
            _ => hour,
        };
        let (days, hour) = if hour == 24 { (1, 0) } else { (0, hour) };
        if days == 1 && (minute, second) != (0, 0) {
            return None;
        }
        let part = |number: i64| i8::try_from(number).ok();
        Time::new(part(hour)?, part(minute)?, part(second)?, 0).ok().map(|time| (days, time))
    }
}

impl Day {
    pub(super) fn resolve(
        self,
        now: &Zoned,
        has_time: bool,
        at: impl Fn(Date) -> Option<Timestamp>,
        since: Timestamp,
    ) -> Option<Timestamp> {
        let today = now.date();
        match self {
            Self::Off(days) => at(today.checked_add(days.days()).ok()?),
            Self::Weekday(weekday, Week::After(weeks)) => {
                let into =
                    i64::from(weekday.to_monday_zero_offset()) - i64::from(today.weekday().to_monday_zero_offset());
                at(today.checked_add((into + 7 * weeks).days()).ok()?)
            }
            Self::Weekday(weekday, Week::Any) => {
                let days = i64::from(weekday.since(today.weekday()));
                let date = today.checked_add(days.days()).ok()?;
                let first = at(date)?;
                // Without a time of day, today is over as a day to come.
                let is_ahead = if has_time { first > since } else { days > 0 };
                if is_ahead { Some(first) } else { at(date.checked_add(7.days()).ok()?) }
            }
            Self::Date { year: Some(year), month, day } => at(Date::new(year, month, day).ok()?),
            Self::Date { year: None, month, day } => {
                // The 29th of February comes every eight years at the latest.
                let years = (0..=8).filter_map(|later| Date::new(today.year().checked_add(later)?, month, day).ok());
                at(years.into_iter().find(|date| *date >= today)?)
            }
        }
    }
}

/// The time of a day at which clocks show this.
pub(super) fn on(date: Date, days: i64, time: Time, zone: &Zone) -> Option<Timestamp> {
    let date = date.checked_add(days.days()).ok()?;
    Some(date.to_datetime(time).to_zoned(zone.rules().clone()).ok()?.timestamp().as_millisecond())
}

pub(super) fn dated(year: Option<i64>, month: i64, day: i64) -> Option<Day> {
    let year = match year {
        Some(year) => Some(i16::try_from(year).ok()?),
        None => None,
    };
    Some(Day::Date { year, month: i8::try_from(month).ok()?, day: i8::try_from(day).ok()? })
}
