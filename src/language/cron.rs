//! When a cron pattern is due next, in a zone whose clocks are changed twice a year. What is called then is not known here.
//!
//! A pattern that follows the clock, such as `*/15 * * * *` or `0 9-17 * * *`, is due at every time of day that matches: twice
//! where the clock is put back, and not at times that it skips. One that names its times, such as `30 2 * * *`, is due once
//! a day: the first time where the clock is put back, and right after the gap where it skips that time.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use croner::Cron;

use super::zone::Zone;
use crate::clock::Timestamp;

/// No offset from UTC lasts shorter than this, in milliseconds.
const STEP: Timestamp = 7 * 24 * 3_600 * 1_000;

/// How many changes of the clock are looked past for a time that matches: a leap day comes within eight years.
const CHANGES: usize = 64;

/// Checks a pattern.
///
/// # Errors
/// With what is wrong about it.
pub(crate) fn check(pattern: &str) -> Result<(), String> {
    let wrong = |reason: String| {
        let example = "such as \"0 9 * * 1-5\" (minute, hour, day, month, weekday)";
        format!("\"{pattern}\" is no cron pattern {example}: {reason}")
    };
    let fields = pattern.split_whitespace().count();
    // More fields would be seconds and years, and mean something else than they seem to.
    if fields > 5 {
        return Err(wrong(format!("it has {fields} fields, expected 5")));
    }
    Cron::from_str(pattern).map(drop).map_err(|error| wrong(error.to_string()))
}

/// The next time after `now`, by the clocks of a zone; `None` when there is none any more.
pub(crate) fn next(pattern: &str, now: Timestamp, zone: &Zone) -> Option<Timestamp> {
    let cron = Cron::from_str(pattern).ok()?;
    let mut from = now;
    let mut wall = now + zone.offset(now)?;
    let mut is_inclusive = false;
    for _ in 0..CHANGES {
        let here = zone.offset(from)?;
        let matching = find(&cron, wall, is_inclusive)?;
        let Some(change) = first_change(from, matching - here, zone)? else { return Some(matching - here) };
        let (before, after) = (change + here, change + zone.offset(change)?);
        if !follows_the_clock(pattern) && (before..after).contains(&matching) {
            return Some(change);
        }
        // What the clock shows once more has been due already, unless the pattern follows it.
        wall = if follows_the_clock(pattern) { after } else { before.max(after) };
        (from, is_inclusive) = (change, true);
    }
    None
}

/// The next time of day that matches, on a clock that is never changed.
fn find(cron: &Cron, wall: Timestamp, is_inclusive: bool) -> Option<Timestamp> {
    let time: DateTime<Utc> = DateTime::from_timestamp_millis(wall)?;
    Some(cron.find_next_occurrence(&time, is_inclusive).ok()?.timestamp_millis())
}

/// The first moment after `from`, and not after `until`, at which the offset is another one.
fn first_change(from: Timestamp, until: Timestamp, zone: &Zone) -> Option<Option<Timestamp>> {
    let here = zone.offset(from)?;
    let mut same = from;
    while same < until {
        let mut other = same.saturating_add(STEP).min(until);
        if zone.offset(other)? == here {
            same = other;
            continue;
        }
        while other - same > 1 {
            let middle = same + (other - same) / 2;
            if zone.offset(middle)? == here { same = middle } else { other = middle }
        }
        return Some(Some(other));
    }
    Some(None)
}

/// Whether a pattern means every time that the clock shows, and not certain times of a day.
fn follows_the_clock(pattern: &str) -> bool {
    let fields: Vec<_> = pattern.split_whitespace().collect();
    let of_day = match fields.as_slice() {
        [name] => return name.eq_ignore_ascii_case("@hourly"),
        [minute, hour, _, _, _] => [minute, hour],
        [_, minute, hour, ..] => [minute, hour],
        _ => return false,
    };
    of_day.iter().any(|field| field.contains(['*', '/', '-']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        DateTime::parse_from_rfc3339(text).expect("a time").timestamp_millis()
    }

    /// Summer time lasts from the eighth of March to the first of November in 2026.
    fn new_york() -> Zone {
        "America/New_York".parse().expect("a zone")
    }

    /// The times at which a pattern is due after a time, as clocks in New York show them.
    fn due(pattern: &str, after: &str, count: usize) -> Vec<String> {
        let mut now = at(after);
        let mut times = Vec::new();
        for _ in 0..count {
            now = next(pattern, now, &new_york()).expect("a time");
            times.push(new_york().at(now).expect("a time").strftime("%m-%d %H:%M %Z").to_string());
        }
        times
    }

    #[test]
    fn what_follows_the_clock_is_due_in_both_hours_of_autumn() {
        let times = due("*/15 * * * *", "2026-11-01T01:29:56-04:00", 9);
        let expected = [
            "11-01 01:30 EDT",
            "11-01 01:45 EDT",
            "11-01 01:00 EST",
            "11-01 01:15 EST",
            "11-01 01:30 EST",
            "11-01 01:45 EST",
            "11-01 02:00 EST",
            "11-01 02:15 EST",
            "11-01 02:30 EST",
        ];
        assert_eq!(times, expected);
        assert_eq!(due("*/15 * * * *", "2026-11-01T01:44:56-04:00", 1), ["11-01 01:45 EDT"]);
        assert_eq!(
            due("0 * * * *", "2026-11-01T00:30:00-04:00", 3),
            ["11-01 01:00 EDT", "11-01 01:00 EST", "11-01 02:00 EST"]
        );
        assert_eq!(due("@hourly", "2026-11-01T01:30:00-04:00", 1), ["11-01 01:00 EST"]);
    }

    #[test]
    fn what_names_its_time_is_due_once_in_autumn() {
        assert_eq!(due("30 1 * * *", "2026-11-01T00:00:00-04:00", 2), ["11-01 01:30 EDT", "11-02 01:30 EST"]);
        assert_eq!(due("0 2 * * *", "2026-11-01T00:00:00-04:00", 2), ["11-01 02:00 EST", "11-02 02:00 EST"]);
        assert_eq!(due("15 30 1 * * *", "2026-11-01T00:00:00-04:00", 2), ["11-01 01:30 EDT", "11-02 01:30 EST"]);
        assert_eq!(due("@daily", "2026-10-31T12:00:00-04:00", 2), ["11-01 00:00 EDT", "11-02 00:00 EST"]);
    }

    #[test]
    fn what_falls_into_the_gap_of_spring_is_due_after_it_or_not_at_all() {
        assert_eq!(due("30 2 * * *", "2026-03-07T12:00:00-05:00", 2), ["03-08 03:00 EDT", "03-09 02:30 EDT"]);
        assert_eq!(due("0 3 * * *", "2026-03-08T00:00:00-05:00", 2), ["03-08 03:00 EDT", "03-09 03:00 EDT"]);
        assert_eq!(
            due("*/30 * * * *", "2026-03-08T01:15:00-05:00", 3),
            ["03-08 01:30 EST", "03-08 03:00 EDT", "03-08 03:30 EDT"]
        );
    }

    #[test]
    fn a_time_far_away_is_found_beyond_the_changes() {
        assert_eq!(due("0 9 1 12 *", "2026-01-01T00:00:00-05:00", 1), ["12-01 09:00 EST"]);
        assert_eq!(due("0 9 29 2 *", "2026-01-01T00:00:00-05:00", 1), ["02-29 09:00 EST"]);
        assert_eq!(next("0 0 30 2 *", 0, &new_york()), None);
    }

    #[test]
    fn what_names_its_time_is_due_once_a_day_over_a_year_of_any_zone() {
        for zone in ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Havana", "Asia/Tokyo", "UTC"]
        {
            let zone: Zone = zone.parse().expect("a zone");
            for pattern in ["0 0 * * *", "30 1 * * *", "15 2 * * *", "30 2 * * *", "0 9 * * *"] {
                let (mut now, mut days) = (at("2026-01-01T12:00:00Z"), Vec::new());
                while now < at("2027-01-01T12:00:00Z") {
                    now = next(pattern, now, &zone).expect("a time");
                    days.push(zone.at(now).expect("a time").date());
                }
                assert!(
                    days.windows(2).all(|days| days[0].tomorrow().is_ok_and(|day| day == days[1])),
                    "{zone:?} {pattern}"
                );
            }
        }
    }
}
