//! Times as people reckon them: parts of a date, steps of days and months, the next time of day, dates as text. All of it follows
//! the clocks of a zone, over their changes too. The zones themselves are in `zone`.

use jiff::civil::{Date, Time, Weekday};
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::{SignedDuration, Span, Zoned};

use super::spelling::did_you_mean;
use super::zone::Zone;
use crate::clock::Timestamp;

/// What a time can be moved by.
pub(crate) const UNITS: [&str; 7] = ["years", "months", "weeks", "days", "hours", "minutes", "seconds"];

/// Why something is no time, or gives none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CalendarError {
    /// A time, or what it was moved to, is beyond the calendar.
    #[error("the calendar goes from the year -9999 to 9999; found {0}")]
    Beyond(String),
    /// A time is moved by something that is no unit.
    #[error("there is no unit \"{0}\"; it has {list}{suggestion}", list = UNITS.join(", "), suggestion = did_you_mean(.0, UNITS))]
    Unit(String),
    /// What should be a time of day is none.
    #[error("\"{0}\" is no time of day, expected one such as \"9:00\" or \"21:30:15\"")]
    TimeOfDay(String),
    /// What should be a moment to come is none.
    #[error(
        "\"{0}\" is no time that is to come, expected one such as \"2026-03-29 01:30\", \"Monday 9:00\" or \"9:00\""
    )]
    Moment(String),
    /// A moment is over.
    #[error("\"{text}\" is over, it is {now}: time only goes on")]
    Over {
        /// The moment.
        text: String,
        /// What clocks show now.
        now: String,
    },
    /// A format cannot be written, or does not say which day is meant.
    #[error("\"{format}\" is no format of a date, expected one such as \"%Y-%m-%d %H:%M\": {reason}")]
    Format {
        /// The format.
        format: String,
        /// What is wrong about it.
        reason: String,
    },
    /// A text does not follow its format.
    #[error("\"{text}\" is no date that is written \"{format}\": {reason}")]
    Text {
        /// The text.
        text: String,
        /// How it should be written.
        format: String,
        /// What is wrong about it.
        reason: String,
    },
}

/// What a calendar and a clock show at a time, each by its name. Weekdays go from 1, Monday, to 7, Sunday.
///
/// # Errors
/// When the calendar does not reach there.
pub(crate) fn parts(time: Timestamp, zone: &Zone) -> Result<[(&'static str, i64); 7], CalendarError> {
    let at = shown(time, zone)?;
    Ok([
        ("year", at.year().into()),
        ("month", at.month().into()),
        ("day", at.day().into()),
        ("hour", at.hour().into()),
        ("minute", at.minute().into()),
        ("second", at.second().into()),
        ("weekday", at.weekday().to_monday_one_offset().into()),
    ])
}

/// When the day of a time begins, which is not at midnight everywhere.
///
/// # Errors
/// When the calendar does not reach there.
pub(crate) fn start_of_day(time: Timestamp, zone: &Zone) -> Result<Timestamp, CalendarError> {
    let start = shown(time, zone)?.start_of_day().map_err(|_| beyond(time))?;
    Ok(start.timestamp().as_millisecond())
}

/// Moves a time by some of each unit: first by years and months, then by weeks and days, then by the rest.
///
/// A day later the clock shows the same, and a month later it is the same day, or the last one of a shorter month. An hour is an hour.
///
/// # Errors
/// When a unit is not known, or the calendar does not reach there.
pub(crate) fn add(
    time: Timestamp,
    units: impl IntoIterator<Item = (String, i64)>,
    zone: &Zone,
) -> Result<Timestamp, CalendarError> {
    let (mut months, mut days, mut seconds) = (0_i64, 0_i64, 0_i64);
    for (unit, count) in units {
        let (sum, factor) = match unit.as_str() {
            "years" => (&mut months, 12),
            "months" => (&mut months, 1),
            "weeks" => (&mut days, 7),
            "days" => (&mut days, 1),
            "hours" => (&mut seconds, 3_600),
            "minutes" => (&mut seconds, 60),
            "seconds" => (&mut seconds, 1),
            _ => return Err(CalendarError::Unit(unit)),
        };
        let longer = count.checked_mul(factor).and_then(|count| sum.checked_add(count));
        *sum = longer.ok_or_else(|| CalendarError::Beyond(format!("a step of {count} {unit}")))?;
    }
    let past_the_end = |_| CalendarError::Beyond(format!("a step past its end from {time} ms since 1970"));
    let mut at = shown(time, zone)?;
    if (months, days) != (0, 0) {
        // What the clock shows is moved before it is looked for in the zone: what is skipped on the way there does not count.
        let months = Span::new().try_months(months).map_err(past_the_end)?;
        let days = Span::new().try_days(days).map_err(past_the_end)?;
        let moved = at.datetime().checked_add(months).and_then(|moved| moved.checked_add(days));
        at = moved.and_then(|moved| moved.to_zoned(zone.rules().clone())).map_err(past_the_end)?;
    }
    let moved = at.checked_add(SignedDuration::from_secs(seconds)).map_err(past_the_end)?;
    Ok(moved.timestamp().as_millisecond())
}

/// The first time after another at which clocks show a time of day, such as `9:00`. Where clocks skip that, it is as much later.
///
/// # Errors
/// When the text is no time of day, or the calendar does not reach there.
pub(crate) fn next_time(text: &str, after: Timestamp, zone: &Zone) -> Result<Timestamp, CalendarError> {
    let time = time_of_day(text)?;
    let mut day = shown(after, zone)?.date();
    loop {
        let at = day.to_datetime(time).to_zoned(zone.rules().clone()).map_err(|_| beyond(after))?;
        let at = at.timestamp().as_millisecond();
        if at > after {
            return Ok(at);
        }
        day = day.tomorrow().map_err(|_| beyond(after))?;
    }
}

/// The moment that is written as a date with a time of day, or without one; or the first one from now on at which clocks show a time of day,
/// with a weekday before it or alone. Where clocks skip it, it is as much later; where it comes twice, it is the one that is to come.
///
/// # Errors
/// When it is over, the text is no moment, or the calendar does not reach there.
pub(crate) fn moment(text: &str, now: Timestamp, zone: &Zone) -> Result<Timestamp, CalendarError> {
    let wrong = || CalendarError::Moment(text.to_owned());
    let (day, time) = match text.trim().rsplit_once([' ', 'T']) {
        Some((day, time)) => (day.trim(), time_of_day(time).map_err(|_| wrong())?),
        None if text.contains('-') => (text.trim(), Time::midnight()),
        // The moment itself counts too.
        None => return next_time(text, now - 1, zone).map_err(|_| wrong()),
    };
    let mut date = match day.parse::<Date>() {
        Ok(date) => return on_day(date, time, now, zone)?.ok_or_else(|| over(text, now, zone)),
        Err(_) => shown(now, zone)?.date(),
    };
    let weekday = weekday(day).ok_or_else(wrong)?;
    loop {
        if date.weekday() == weekday
            && let Some(at) = on_day(date, time, now, zone)?
        {
            return Ok(at);
        }
        date = date.tomorrow().map_err(|_| beyond(now))?;
    }
}

/// When clocks show a time on a day, from now on.
fn on_day(date: Date, time: Time, now: Timestamp, zone: &Zone) -> Result<Option<Timestamp>, CalendarError> {
    let at = zone.rules().to_ambiguous_zoned(date.to_datetime(time));
    let twice = [at.clone().compatible(), at.later()];
    let twice = twice.map(|at| at.map(|at| at.timestamp().as_millisecond()).map_err(|_| beyond(now)));
    let [first, second] = twice;
    Ok([first?, second?].into_iter().find(|at| *at >= now))
}

fn over(text: &str, now: Timestamp, zone: &Zone) -> CalendarError {
    let now = format(now, "%A, %Y-%m-%d %H:%M", zone).unwrap_or_default();
    CalendarError::Over { text: text.to_owned(), now }
}

/// A day of the week by its name, or by the first three letters of it.
fn weekday(name: &str) -> Option<Weekday> {
    let days = Weekday::Monday.cycle_forward().take(7);
    let names = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let name = name.to_lowercase();
    days.zip(names).find(|(_, full)| name == *full || name == full[..3]).map(|(day, _)| day)
}

/// Reads a time of day, such as `9:00` or `21:30:15`.
///
/// # Errors
/// When the text is none.
pub(crate) fn time_of_day(text: &str) -> Result<Time, CalendarError> {
    let wrong = || CalendarError::TimeOfDay(text.to_owned());
    let is_written_so = |part: &str| (1..=2).contains(&part.len()) && part.bytes().all(|digit| digit.is_ascii_digit());
    let parts: Vec<&str> = text.trim().split(':').collect();
    let numbers: Option<Vec<i8>> = parts.iter().map(|part| part.parse().ok().filter(|_| is_written_so(part))).collect();
    match (numbers.as_deref(), parts.get(1).map(|minute| minute.len())) {
        (Some([hour, minute]), Some(2)) => Time::new(*hour, *minute, 0, 0).map_err(|_| wrong()),
        (Some([hour, minute, second]), Some(2)) => Time::new(*hour, *minute, *second, 0).map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}

/// A time as text, in a format of `strftime`.
///
/// # Errors
/// When the format is none, or the calendar does not reach there.
pub(crate) fn format(time: Timestamp, format: &str, zone: &Zone) -> Result<String, CalendarError> {
    let at = shown(time, zone)?;
    strtime::format(format, &at).map_err(|error| not_a_format(format, &error))
}

/// Checks a format for writing dates.
///
/// # Errors
/// When the format is none.
pub(crate) fn check_format(format: &str) -> Result<(), CalendarError> {
    self::format(0, format, &Zone::default()).map(drop)
}

/// Reads a time that is written in a format of `strptime`. Without a time of day it is midnight, and an offset or a zone in the text counts more
/// than the one that is given.
///
/// # Errors
/// When the text is not written so, or the format does not say which day is meant.
pub(crate) fn parse(text: &str, format: &str, zone: &Zone) -> Result<Timestamp, CalendarError> {
    check_format(format)?;
    let wrong = |error: jiff::Error| CalendarError::Text {
        text: text.to_owned(),
        format: format.to_owned(),
        reason: reason(&error),
    };
    let read = BrokenDownTime::parse(format, text.trim()).map_err(wrong)?;
    let is_elsewhere = read.offset().is_some() || read.iana_time_zone().is_some() || read.timestamp().is_some();
    let at = if is_elsewhere {
        read.to_timestamp().or_else(|_| read.to_zoned().map(|at| at.timestamp()))
    } else {
        read.to_datetime().and_then(|at| at.to_zoned(zone.rules().clone())).map(|at| at.timestamp())
    };
    Ok(at.map_err(wrong)?.as_millisecond())
}

fn shown(time: Timestamp, zone: &Zone) -> Result<Zoned, CalendarError> {
    zone.at(time).ok_or_else(|| beyond(time))
}

fn beyond(time: Timestamp) -> CalendarError {
    CalendarError::Beyond(format!("{time} ms since 1970"))
}

fn not_a_format(format: &str, error: &jiff::Error) -> CalendarError {
    CalendarError::Format { format: format.to_owned(), reason: reason(error) }
}

/// What was wrong, without what was being done.
fn reason(error: &jiff::Error) -> String {
    let text = error.to_string();
    let doing = ["strftime formatting failed: ", "strptime parsing failed: "];
    doing.iter().find_map(|doing| text.strip_prefix(doing)).unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A time in a zone as RFC 3339 writes it there.
    fn at(text: &str) -> Timestamp {
        text.parse::<jiff::Timestamp>().expect("a time").as_millisecond()
    }

    fn zone(name: &str) -> Zone {
        name.parse().expect("a zone")
    }

    fn berlin(time: Timestamp) -> String {
        format(time, "%Y-%m-%d %H:%M %Z", &zone("Europe/Berlin")).expect("a text")
    }

    fn moved(time: &str, count: i64, unit: &str) -> String {
        berlin(add(at(time), [(unit.to_owned(), count)], &zone("Europe/Berlin")).expect("a time"))
    }

    #[test]
    fn the_parts_of_a_date_are_those_of_its_zone() {
        let parts = |name: &str| parts(at("2026-01-04T23:05:06Z"), &zone(name)).expect("parts").map(|(_, part)| part);
        assert_eq!(parts("UTC"), [2026, 1, 4, 23, 5, 6, 7]);
        assert_eq!(parts("Asia/Tokyo"), [2026, 1, 5, 8, 5, 6, 1]);
    }

    #[test]
    fn a_day_later_the_clock_shows_the_same_and_an_hour_is_an_hour() {
        assert_eq!(moved("2026-03-28T08:00:00Z", 1, "days"), "2026-03-29 09:00 CEST");
        assert_eq!(moved("2026-03-28T08:00:00Z", 24, "hours"), "2026-03-29 10:00 CEST");
        assert_eq!(moved("2026-10-24T07:00:00Z", 1, "days"), "2026-10-25 09:00 CET");
        assert_eq!(moved("2026-01-31T08:00:00Z", 1, "months"), "2026-02-28 09:00 CET");
        assert_eq!(moved("2026-01-31T08:00:00Z", -2, "weeks"), "2026-01-17 09:00 CET");
        let units = [("days".to_owned(), -1), ("hours".to_owned(), 1), ("months".to_owned(), 2)];
        // Two months later clocks skip half past two, and a day before that they do not.
        let moved = add(at("2026-01-29T01:30:00Z"), units, &zone("Europe/Berlin")).map(berlin);
        assert_eq!(moved.as_deref(), Ok("2026-03-28 03:30 CET"));
        let moved = add(at("2026-10-25T01:30:00Z"), [("seconds".to_owned(), 1)], &zone("Europe/Berlin"));
        assert_eq!(moved, Ok(at("2026-10-25T01:30:01Z")), "it stays in the second of two equal hours");
    }

    #[test]
    fn a_day_begins_where_its_clocks_say() {
        let start = |time: &str, name: &str| start_of_day(at(time), &zone(name)).expect("a time");
        assert_eq!(start("2026-03-29T12:00:00Z", "Europe/Berlin"), at("2026-03-28T23:00:00Z"));
        // Clocks go from midnight to one.
        assert_eq!(start("2026-03-29T12:00:00Z", "Asia/Beirut"), at("2026-03-28T22:00:00Z"));
    }

    #[test]
    fn the_next_time_of_day_comes_today_or_tomorrow() {
        let next =
            |text: &str, after: &str| berlin(next_time(text, at(after), &zone("Europe/Berlin")).expect("a time"));
        assert_eq!(next("9:00", "2026-01-05T07:59:59Z"), "2026-01-05 09:00 CET");
        assert_eq!(next("09:00", "2026-01-05T08:00:00Z"), "2026-01-06 09:00 CET");
        assert_eq!(next("9:00", "2026-03-28T09:00:00Z"), "2026-03-29 09:00 CEST");
        assert_eq!(next("2:30", "2026-03-28T09:00:00Z"), "2026-03-29 03:30 CEST");
        assert_eq!(next("2:30", "2026-10-24T09:00:00Z"), "2026-10-25 02:30 CEST");
        assert_eq!(next("2:30", "2026-10-25T00:45:00Z"), "2026-10-26 02:30 CET");
    }

    #[test]
    fn a_moment_to_come_is_a_date_a_weekday_or_a_time_of_day() {
        let here = zone("Europe/Berlin");
        let now = at("2026-10-23T10:00:00Z");
        let moment = |text: &str, now| moment(text, now, &here).map(berlin).map_err(|error| error.to_string());
        for (text, expected) in [
            ("2026-10-25 02:30", "2026-10-25 02:30 CEST"),
            ("2026-10-25T02:30", "2026-10-25 02:30 CEST"),
            ("2027-03-28 2:30:05", "2027-03-28 03:30 CEST"),
            ("2026-10-24", "2026-10-24 00:00 CEST"),
            ("Monday 9:00", "2026-10-26 09:00 CET"),
            ("fri 12:00", "2026-10-23 12:00 CEST"),
            ("friday 11:59", "2026-10-30 11:59 CET"),
            ("12:00", "2026-10-23 12:00 CEST"),
            ("11:59", "2026-10-24 11:59 CEST"),
        ] {
            assert_eq!(moment(text, now).as_deref(), Ok(expected), "{text}");
        }
        // Half past two comes once more.
        assert_eq!(moment("2026-10-25 02:30", at("2026-10-25T00:45:00Z")).as_deref(), Ok("2026-10-25 02:30 CET"));
        let refused = ["2026-10-23 11:59", "2026-02-30 9:00", "someday 9:00", "Monday", "Monday 9", "soon", ""];
        let refused = refused.map(|text| moment(text, now).expect_err(text)).join("\n");
        insta::assert_snapshot!(refused, @r#"
        "2026-10-23 11:59" is over, it is Friday, 2026-10-23 12:00: time only goes on
        "2026-02-30 9:00" is no time that is to come, expected one such as "2026-03-29 01:30", "Monday 9:00" or "9:00"
        "someday 9:00" is no time that is to come, expected one such as "2026-03-29 01:30", "Monday 9:00" or "9:00"
        "Monday" is no time that is to come, expected one such as "2026-03-29 01:30", "Monday 9:00" or "9:00"
        "Monday 9" is no time that is to come, expected one such as "2026-03-29 01:30", "Monday 9:00" or "9:00"
        "soon" is no time that is to come, expected one such as "2026-03-29 01:30", "Monday 9:00" or "9:00"
        "" is no time that is to come, expected one such as "2026-03-29 01:30", "Monday 9:00" or "9:00"
        "#);
    }

    #[test]
    fn what_is_no_time_of_day_is_refused() {
        for text in ["", "9", "9:0", "24:00", "9:60", "-1:00", "+9:00", "9:00:00:00", "nine", "9.00"] {
            assert_eq!(time_of_day(text), Err(CalendarError::TimeOfDay(text.to_owned())));
        }
    }

    #[test]
    fn a_date_is_read_as_it_is_written() {
        let tokyo = zone("Asia/Tokyo");
        let read = |text: &str, format: &str| parse(text, format, &tokyo).map_err(|error| error.to_string());
        assert_eq!(read("2026-01-15 09:00", "%Y-%m-%d %H:%M"), Ok(at("2026-01-15T00:00:00Z")));
        assert_eq!(read("15.1.2026", "%d.%m.%Y"), Ok(at("2026-01-14T15:00:00Z")));
        assert_eq!(read("2026年1月15日", "%Y年%m月%d日"), Ok(at("2026-01-14T15:00:00Z")));
        assert_eq!(read("2026-01-15 09:00 +0000", "%Y-%m-%d %H:%M %z"), Ok(at("2026-01-15T09:00:00Z")));
        assert_eq!(read("2026-01-15 09:00 Europe/Berlin", "%Y-%m-%d %H:%M %Q"), Ok(at("2026-01-15T08:00:00Z")));
        let formatted = format(at("2026-01-15T00:00:00Z"), "%A, %d %B %Y, %I:%M %p", &tokyo);
        assert_eq!(formatted.as_deref(), Ok("Thursday, 15 January 2026, 09:00 AM"));
    }

    #[test]
    fn what_cannot_be_reckoned_says_what_was_found_and_expected() {
        let utc = Zone::default();
        let read = |text: &str, format: &str| parse(text, format, &utc).expect_err(text).to_string();
        let texts = [
            read("2026-02-30", "%Y-%m-%d"),
            read("soon", "%Y-%m-%d"),
            read("09:00", "%H:%M"),
            read("2026-01-15 9", "%Y-%m-%d"),
            read("2026", "%Y-%!"),
            format(0, "%", &utc).expect_err("no format").to_string(),
            parts(i64::MAX, &utc).expect_err("too late").to_string(),
            add(0, [("day".to_owned(), 1)], &utc).expect_err("no unit").to_string(),
            add(0, [("years".to_owned(), 9_000)], &utc).expect_err("too far").to_string(),
            add(0, [("days".to_owned(), i64::MAX)], &utc).expect_err("too far").to_string(),
            add(0, [("weeks".to_owned(), i64::MAX)], &utc).expect_err("too far").to_string(),
            next_time("noon", 0, &utc).expect_err("no time").to_string(),
        ];
        insta::assert_snapshot!(texts.join("\n"), @r#"
        "2026-02-30" is no date that is written "%Y-%m-%d": date required to parse datetime: invalid date: parameter 'day' for `2026-02` is invalid, must be in range `1..=28`
        "soon" is no date that is written "%Y-%m-%d": %Y failed: failed to parse year: invalid number, no digits found
        "09:00" is no date that is written "%H:%M": date required to parse datetime: year required to parse date
        "2026-01-15 9" is no date that is written "%Y-%m-%d": strptime expects to consume the entire input, but ` 9` remains unparsed
        "%Y-%!" is no format of a date, expected one such as "%Y-%m-%d %H:%M": found unrecognized specifier directive `!`
        "%" is no format of a date, expected one such as "%Y-%m-%d %H:%M": invalid format string, expected byte after `%`, but found end of format string
        the calendar goes from the year -9999 to 9999; found 9223372036854775807 ms since 1970
        there is no unit "day"; it has years, months, weeks, days, hours, minutes, seconds; did you mean "days"?
        the calendar goes from the year -9999 to 9999; found a step past its end from 0 ms since 1970
        the calendar goes from the year -9999 to 9999; found a step past its end from 0 ms since 1970
        the calendar goes from the year -9999 to 9999; found a step of 9223372036854775807 weeks
        "noon" is no time of day, expected one such as "9:00" or "21:30:15"
        "#);
    }
}
