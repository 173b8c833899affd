//! Points in time as people say them: "in 10 minutes", "tomorrow 9:00", "Friday 18:30", "明天9点", "来週の金曜日 18時半". How they are reckoned is in
//! `calendar`; dates in a format of their own are read there too.

use std::ops::Range;

use jiff::civil::{Date, Time, Weekday};
use jiff::{ToSpan, Zoned};

use super::calendar;
use super::numeral;
use super::plain_text::plain_text;
use super::zone::Zone;
use crate::clock::Timestamp;

/// A point in time in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SaidMoment {
    /// When.
    pub(crate) at: Timestamp,
    /// Where the text says so, in bytes.
    pub(crate) range: Range<usize>,
}

impl SaidMoment {
    /// What a text says besides; nothing where that is no letter and no digit.
    pub(crate) fn rest(&self, text: &str) -> String {
        let rest = format!("{} {}", text[..self.range.start].trim_end(), text[self.range.end..].trim_start());
        if rest.contains(char::is_alphanumeric) { rest.trim().to_owned() } else { String::new() }
    }
}

/// From where times are counted, and how.
pub(crate) struct Reckoning<'a> {
    /// The time that it is.
    pub(crate) now: Timestamp,
    pub(crate) zone: &'a Zone,
    /// The time of a day that comes without one.
    pub(crate) time: Time,
}

/// Finds the first point in time that a text names.
pub(crate) fn find(text: &str, reckoning: &Reckoning<'_>) -> Option<SaidMoment> {
    let letters = Letters::of(text);
    let mut start = 0;
    while start < letters.plain.len() {
        if letters.begins_a_word(start)
            && let Some((parts, end)) = letters.expression(start)
        {
            let covers_all = letters.is_blank(0..start) && letters.is_blank(end..letters.plain.len());
            if (covers_all || parts.is_plain())
                && let Some(at) = parts.resolve(reckoning)
            {
                return Some(SaidMoment { at, range: letters.places[start]..letters.places[end] });
            }
        }
        start += 1;
    }
    None
}

/// Reads the point in time that a text begins with.
pub(crate) fn leading(text: &str, reckoning: &Reckoning<'_>) -> Option<SaidMoment> {
    let letters = Letters::of(text);
    let start = letters.skip_space(0);
    let (parts, end) = letters.expression(start)?;
    let at = parts.resolve(reckoning)?;
    Some(SaidMoment { at, range: letters.places[start]..letters.places[end] })
}

const WEEKDAYS: [(Weekday, &[&str], &str, &str); 7] = [
    (Weekday::Monday, &["monday", "mon"], "一", "月"),
    (Weekday::Tuesday, &["tuesday", "tues", "tue"], "二", "火"),
    (Weekday::Wednesday, &["wednesday", "wed"], "三", "水"),
    (Weekday::Thursday, &["thursday", "thurs", "thur", "thu"], "四", "木"),
    (Weekday::Friday, &["friday", "fri"], "五", "金"),
    (Weekday::Saturday, &["saturday", "sat"], "六", "土"),
    (Weekday::Sunday, &["sunday", "sun"], "日天", "日"),
];

const MONTHS: [&[&str]; 12] = [
    &["january", "jan"],
    &["february", "feb"],
    &["march", "mar"],
    &["april", "apr"],
    &["may"],
    &["june", "jun"],
    &["july", "jul"],
    &["august", "aug"],
    &["september", "sept", "sep"],
    &["october", "oct"],
    &["november", "nov"],
    &["december", "dec"],
];

/// Days by their names, the longer ones first, each with how far it is off and which half of it is meant.
const DAYS: [(&str, i64, Option<Half>); 34] = [
    ("the day after tomorrow", 2, None),
    ("day after tomorrow", 2, None),
    ("tomorrow", 1, None),
    ("today", 0, None),
    ("tonight", 0, Some(Half::Evening)),
    ("this morning", 0, Some(Half::Morning)),
    ("this afternoon", 0, Some(Half::Noon)),
    ("this evening", 0, Some(Half::Evening)),
    ("next week", 7, None),
    ("大后天", 3, None),
    ("大後天", 3, None),
    ("明後日", 2, None),
    ("明明後日", 3, None),
    ("しあさって", 3, None),
    ("あさって", 2, None),
    ("后天", 2, None),
    ("後天", 2, None),
    ("明天", 1, None),
    ("明日", 1, None),
    ("明早", 1, Some(Half::Morning)),
    ("明晚", 1, Some(Half::Evening)),
    ("明晩", 1, Some(Half::Evening)),
    ("明儿", 1, None),
    ("あした", 1, None),
    ("あす", 1, None),
    ("今天", 0, None),
    ("今日", 0, None),
    ("きょう", 0, None),
    ("今早", 0, Some(Half::Morning)),
    ("今朝", 0, Some(Half::Morning)),
    ("今晚", 0, Some(Half::Evening)),
    ("今晩", 0, Some(Half::Evening)),
    ("今夜", 0, Some(Half::Evening)),
    ("今儿", 0, None),
];

const HALVES: [(&str, Half); 21] = [
    ("in the morning", Half::Morning),
    ("in the afternoon", Half::Noon),
    ("in the evening", Half::Evening),
    ("morning", Half::Morning),
    ("afternoon", Half::Noon),
    ("evening", Half::Evening),
    ("凌晨", Half::Morning),
    ("清晨", Half::Morning),
    ("早上", Half::Morning),
    ("早晨", Half::Morning),
    ("上午", Half::Morning),
    ("午前", Half::Morning),
    ("朝", Half::Morning),
    ("中午", Half::Noon),
    ("下午", Half::Noon),
    ("午後", Half::Noon),
    ("傍晚", Half::Evening),
    ("晚上", Half::Evening),
    ("夕方", Half::Evening),
    ("夜", Half::Evening),
    ("晚", Half::Evening),
];

/// Units of a delay, the longer names first.
const UNITS: [(&str, &str); 44] = [
    ("seconds", "seconds"),
    ("second", "seconds"),
    ("secs", "seconds"),
    ("sec", "seconds"),
    ("minutes", "minutes"),
    ("minute", "minutes"),
    ("mins", "minutes"),
    ("min", "minutes"),
    ("hours", "hours"),
    ("hour", "hours"),
    ("hrs", "hours"),
    ("hr", "hours"),
    ("days", "days"),
    ("day", "days"),
    ("weeks", "weeks"),
    ("week", "weeks"),
    ("months", "months"),
    ("month", "months"),
    ("years", "years"),
    ("year", "years"),
    ("s", "seconds"),
    ("m", "minutes"),
    ("h", "hours"),
    ("d", "days"),
    ("w", "weeks"),
    ("秒钟", "seconds"),
    ("秒鐘", "seconds"),
    ("秒", "seconds"),
    ("分钟", "minutes"),
    ("分鐘", "minutes"),
    ("分", "minutes"),
    ("小时", "hours"),
    ("小時", "hours"),
    ("钟头", "hours"),
    ("時間", "hours"),
    ("天", "days"),
    ("日", "days"),
    ("星期", "weeks"),
    ("週間", "weeks"),
    ("周", "weeks"),
    ("週", "weeks"),
    ("月", "months"),
    ("年", "years"),
    ("礼拜", "weeks"),
];

/// Words for numbers, as people use them of delays.
const NUMBERS: [(&str, i64); 13] = [
    ("an", 1),
    ("a", 1),
    ("one", 1),
    ("two", 2),
    ("three", 3),
    ("four", 4),
    ("five", 5),
    ("six", 6),
    ("seven", 7),
    ("eight", 8),
    ("nine", 9),
    ("ten", 10),
    ("twenty", 20),
];

/// A part of a day, by which hours up to twelve are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Half {
    Morning,
    /// From noon on.
    Noon,
    Evening,
}

/// A week, as seen from this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Week {
    /// Whichever comes.
    Any,
    /// This many after this one.
    After(i64),
}

/// Which day is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Day {
    Off(i64),
    Weekday(Weekday, Week),
    Date { year: Option<i16>, month: i8, day: i8 },
}

/// A time of day as it was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Clock {
    hour: i64,
    minute: i64,
    second: i64,
}

/// What was said of a point in time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Parts {
    day: Option<Day>,
    half: Option<Half>,
    clock: Option<Clock>,
    delay: Vec<(&'static str, i64)>,
    /// A word is among it that means something else as often: "sat", "一点". It counts beside another part, or alone.
    is_doubtful: bool,
}

impl Parts {
    /// Whether nothing else can have been meant.
    fn is_plain(&self) -> bool {
        !self.is_doubtful || (self.day.is_some() && self.clock.is_some())
    }

    fn is_empty(&self) -> bool {
        self.day.is_none() && self.clock.is_none() && self.delay.is_empty()
    }

    fn resolve(&self, reckoning: &Reckoning<'_>) -> Option<Timestamp> {
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
    fn next(now: &Zoned, days: i64, time: Time, reckoning: &Reckoning<'_>) -> Option<Timestamp> {
        let today = on(now.date(), days, time, reckoning.zone)?;
        if today > reckoning.now { Some(today) } else { on(now.date().tomorrow().ok()?, days, time, reckoning.zone) }
    }
}

impl Clock {
    /// The time of day, and how many days later that is.
    fn time(self, half: Option<Half>) -> Option<(i64, Time)> {
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
    fn resolve(
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
fn on(date: Date, days: i64, time: Time, zone: &Zone) -> Option<Timestamp> {
    let date = date.checked_add(days.days()).ok()?;
    Some(date.to_datetime(time).to_zoned(zone.rules().clone()).ok()?.timestamp().as_millisecond())
}

/// A text as it is meant, letter by letter, with the place of each in the text.
struct Letters {
    plain: Vec<char>,
    /// One more than there are letters: the last is the end of the text.
    places: Vec<usize>,
}

impl Letters {
    fn of(text: &str) -> Self {
        let (mut plain, mut places) = (Vec::new(), Vec::new());
        for (place, letter) in text.char_indices() {
            for letter in plain_text(letter.encode_utf8(&mut [0; 4])).chars().flat_map(char::to_lowercase) {
                plain.push(letter);
                places.push(place);
            }
        }
        places.push(text.len());
        Self { plain, places }
    }

    fn at(&self, place: usize) -> Option<char> {
        self.plain.get(place).copied()
    }

    fn is_blank(&self, range: Range<usize>) -> bool {
        self.plain[range].iter().all(|letter| letter.is_whitespace() || ".!。,、".contains(*letter))
    }

    /// Whether no word or number goes on here.
    fn begins_a_word(&self, place: usize) -> bool {
        let is_word = |letter: char| letter.is_ascii_alphanumeric() || is_latin(letter);
        let Some(letter) = self.at(place).filter(|letter| !letter.is_whitespace()) else { return false };
        place == 0 || !(is_word(letter) && self.at(place - 1).is_some_and(is_word))
    }

    fn skip_space(&self, mut place: usize) -> usize {
        while self.at(place).is_some_and(char::is_whitespace) {
            place += 1;
        }
        place
    }

    /// Skips what may stand between the parts of a point in time.
    fn skip_between(&self, place: usize) -> usize {
        let mut place = self.skip_space(place);
        loop {
            let before = place;
            for word in ["at", "on", "the", "@", ",", "、", "の", "的", "に", "t"] {
                if let Some(end) = self.word(place, word).filter(|_| word != "t" || place > 0) {
                    place = self.skip_space(end);
                }
            }
            // As in 2026-12-24T18:00.
            if self.at(place) == Some('t') && self.at(place + 1).is_some_and(|next| next.is_ascii_digit()) {
                place += 1;
            }
            if place == before {
                return place;
            }
        }
    }

    /// The end of a word that stands at a place; one of Latin letters ends where no more of them follow.
    fn word(&self, place: usize, word: &str) -> Option<usize> {
        let mut end = place;
        for letter in word.chars() {
            if letter == ' ' && self.at(end).is_some_and(char::is_whitespace) {
                end = self.skip_space(end);
            } else if self.at(end) == Some(letter) {
                end += 1;
            } else {
                return None;
            }
        }
        let is_latin_word = word.ends_with(is_latin);
        (!is_latin_word || !self.at(end).is_some_and(is_latin)).then_some(end)
    }

    fn word_of<T: Copy>(&self, place: usize, words: &[(&str, T)]) -> Option<(T, usize)> {
        words.iter().find_map(|(word, meaning)| Some((*meaning, self.word(place, word)?)))
    }

    fn number(&self, place: usize) -> Option<(i64, usize)> {
        let (number, length) = numeral::leading(self.plain.get(place..)?)?;
        Some((number, place + length))
    }

    /// A number in digits with as many as this.
    fn digits(&self, place: usize, count: Range<usize>) -> Option<(i64, usize)> {
        self.at(place).filter(char::is_ascii_digit)?;
        let (number, end) = self.number(place)?;
        count.contains(&(end - place)).then_some((number, end))
    }

    /// Reads all parts of a point in time that begins at a place; gives where it ends.
    fn expression(&self, start: usize) -> Option<(Parts, usize)> {
        let mut parts = Parts::default();
        let mut end = start;
        let mut place = self.skip_between(start);
        while let Some(next) = self.part(place, &mut parts) {
            end = next;
            place = self.skip_between(next);
        }
        (!parts.is_empty()).then_some((parts, end))
    }

    /// Reads one more part.
    fn part(&self, place: usize, parts: &mut Parts) -> Option<usize> {
        if parts.is_empty()
            && let Some((delay, end)) = self.delay(place)
        {
            parts.delay = delay;
            return Some(end);
        }
        let takes_time = parts.delay.iter().all(|(unit, _)| !matches!(*unit, "hours" | "minutes" | "seconds"));
        if parts.day.is_none() && parts.delay.is_empty() {
            if let Some((day, half, end)) = self.day_by_name(place) {
                (parts.day, parts.half) = (Some(day), half.or(parts.half));
                return Some(end);
            }
            if let Some((day, is_doubtful, end)) = self.weekday(place) {
                parts.day = Some(day);
                parts.is_doubtful |= is_doubtful;
                return Some(end);
            }
            if let Some((day, end)) = self.date(place) {
                parts.day = Some(day);
                return Some(end);
            }
        }
        if parts.half.is_none()
            && takes_time
            && let Some((half, end)) = self.word_of(place, &HALVES)
        {
            // By itself it is no time at all.
            let has_more = parts.day.is_some() || parts.clock.is_some() || !parts.delay.is_empty();
            if has_more || self.clock(self.skip_between(end), true).is_some() {
                parts.half = Some(half);
                return Some(end);
            }
        }
        if parts.clock.is_none() && takes_time {
            let is_after_at = place >= 2
                && self.plain[..place]
                    .iter()
                    .rev()
                    .skip_while(|letter| letter.is_whitespace())
                    .take(2)
                    .eq(['t', 'a'].iter());
            let (clock, half, is_doubtful, end) = self.clock(place, is_after_at || parts.half.is_some())?;
            parts.clock = Some(clock);
            parts.half = half.or(parts.half);
            parts.is_doubtful |= is_doubtful && parts.half.is_none();
            return Some(end);
        }
        None
    }

    fn day_by_name(&self, place: usize) -> Option<(Day, Option<Half>, usize)> {
        let (name, off, half) = DAYS.iter().find(|(name, ..)| self.word(place, name).is_some())?;
        let end = self.word(place, name)?;
        // What is said of a weekday of that week is a part of its own.
        let is_week = *name == "next week" && self.weekday(self.skip_between(end)).is_some();
        (!is_week).then_some((Day::Off(*off), *half, end))
    }

    /// A weekday, and whether its name means something else as often.
    fn weekday(&self, place: usize) -> Option<(Day, bool, usize)> {
        let weeks = [
            ("next week on", Week::After(1)),
            ("next week", Week::After(1)),
            ("next", Week::After(1)),
            ("this", Week::Any),
            ("再来週", Week::After(2)),
            ("来週", Week::After(1)),
            ("今週", Week::After(0)),
            ("次", Week::Any),
            ("下下个", Week::After(2)),
            ("下下", Week::After(2)),
            ("下个", Week::After(1)),
            ("下個", Week::After(1)),
            ("下", Week::After(1)),
            ("这个", Week::After(0)),
            ("這個", Week::After(0)),
            ("这", Week::After(0)),
            ("這", Week::After(0)),
            ("本", Week::After(0)),
        ];
        let (week, at) =
            self.word_of(place, &weeks).map_or((Week::Any, place), |(week, end)| (week, self.skip_between(end)));
        for (weekday, english, chinese, japanese) in WEEKDAYS {
            let named = english.iter().enumerate().find_map(|(index, name)| Some((index, self.word(at, name)?)));
            if let Some((index, end)) = named {
                let end = if index > 0 && self.at(end) == Some('.') { end + 1 } else { end };
                return Some((Day::Weekday(weekday, week), index > 0 && week == Week::Any, end));
            }
            let of_week = ["星期", "礼拜", "禮拜", "周", "週"].into_iter().find_map(|word| self.word(at, word));
            if let Some(end) = of_week
                && self.at(end).is_some_and(|letter| chinese.contains(letter))
                // Two weeks are none of their days: 二周.
                && !(week == Week::Any && at > 0 && self.number(at - 1).is_some())
            {
                return Some((Day::Weekday(weekday, week), false, end + 1));
            }
            if let Some(end) =
                self.word(at, &format!("{japanese}曜日")).or_else(|| self.word(at, &format!("{japanese}曜")))
            {
                return Some((Day::Weekday(weekday, week), false, end));
            }
        }
        None
    }

    fn date(&self, place: usize) -> Option<(Day, usize)> {
        self.numeric_date(place).or_else(|| self.written_date(place)).or_else(|| self.eastern_date(place))
    }

    /// A date such as 2026-12-24.
    fn numeric_date(&self, place: usize) -> Option<(Day, usize)> {
        let (year, end) = self.digits(place, 4..5)?;
        let sign = self.at(end).filter(|sign| matches!(sign, '-' | '/' | '.'))?;
        let (month, end) = self.digits(end + 1, 1..3)?;
        let (day, end) = self.at(end).filter(|letter| *letter == sign).and_then(|_| self.digits(end + 1, 1..3))?;
        Some((dated(Some(year), month, day)?, end))
    }

    /// A date such as December 24, 24 December 2026 or the 24th of December.
    fn written_date(&self, place: usize) -> Option<(Day, usize)> {
        let month_at = |place: usize| {
            MONTHS
                .iter()
                .zip(1..)
                .find_map(|(names, month)| names.iter().find_map(|name| Some((month, self.word(place, name)?))))
        };
        let day_at = |place: usize| {
            let (day, end) = self.digits(place, 1..3)?;
            let ordinal = ["st", "nd", "rd", "th"].into_iter().find_map(|ending| self.word(end, ending));
            Some((day, ordinal.unwrap_or(end)))
        };
        let skip = |end: usize, signs: &str| {
            let end = if self.at(end).is_some_and(|letter| signs.contains(letter)) { end + 1 } else { end };
            self.skip_space(end)
        };
        let (month, day, end) = match month_at(place) {
            Some((month, end)) => {
                let (day, end) = day_at(skip(end, "."))?;
                (month, day, end)
            }
            None => {
                let (day, end) = day_at(place)?;
                let end = skip(end, ".");
                let end = self.word(end, "of").map_or(end, |end| self.skip_space(end));
                let (month, end) = month_at(end)?;
                (month, day, end)
            }
        };
        // What could be a time of day as well is none of the year.
        let year = self.digits(skip(end, ","), 4..5).filter(|(_, after)| self.at(*after) != Some(':'));
        let end = year.map_or(end, |(_, end)| end);
        Some((dated(year.map(|(year, _)| year), month, day)?, end))
    }

    /// A date such as 12月24日 or 2026年12月24日.
    fn eastern_date(&self, place: usize) -> Option<(Day, usize)> {
        let (first, end) = self.number(place)?;
        let (year, place) = match self.word(end, "年") {
            Some(end) => (Some(first), self.skip_space(end)),
            None => (None, place),
        };
        let (month, end) = self.number(place)?;
        let (day, end) = self.number(self.skip_space(self.word(end, "月")?))?;
        let end = ["日", "号", "號"].into_iter().find_map(|word| self.word(end, word))?;
        Some((dated(year, month, day)?, end))
    }

    /// A time of day, the half of the day that it says, and whether it means something else as often. An hour by itself is one where
    /// something before it says so.
    fn clock(&self, place: usize, takes_hour: bool) -> Option<(Clock, Option<Half>, bool, usize)> {
        for (name, hour) in [("noon", 12), ("midday", 12), ("midnight", 24), ("正午", 12), ("零时", 24)] {
            if let Some(end) = self.word(place, name) {
                return Some((Clock { hour, minute: 0, second: 0 }, None, false, end));
            }
        }
        let (hour, end) = self.number(place)?;
        let is_digits = self.at(place).is_some_and(|letter| letter.is_ascii_digit());
        let mut clock = Clock { hour, minute: 0, second: 0 };
        if is_digits && end - place <= 2 && self.at(end) == Some(':') {
            let (minute, end) = self.digits(end + 1, 2..3)?;
            clock.minute = minute;
            let second = self.at(end).filter(|sign| *sign == ':').and_then(|_| self.digits(end + 1, 2..3));
            clock.second = second.map_or(0, |(second, _)| second);
            let end = second.map_or(end, |(_, end)| end);
            let (half, end) = self.half_after(end);
            return Some((clock, half, false, end));
        }
        for name in ["点钟", "點鐘", "点", "點", "时", "時"] {
            let Some(end) = self.word(place.max(end), name) else { continue };
            // 3時間 is how long something lasts.
            if self.at(end) == Some('間') || self.at(end) == Some('间') {
                return None;
            }
            let (minute, after) = self.minute(end);
            clock.minute = minute;
            let is_doubtful = !is_digits && after == end && name.len() == "点".len() && hour == 1;
            return Some((clock, None, is_doubtful, after));
        }
        if !is_digits || end - place > 2 {
            return None;
        }
        if let (Some(half), end) = self.half_after(end) {
            return Some((clock, Some(half), false, end));
        }
        if let Some(end) =
            self.word(self.skip_space(end), "o'clock").or_else(|| self.word(self.skip_space(end), "o’clock"))
        {
            return Some((clock, None, false, end));
        }
        let is_alone = !self.at(end).is_some_and(|letter| {
            letter.is_alphanumeric()
                || ".,-/:%".contains(letter) && self.at(end + 1).is_some_and(|next| next.is_ascii_digit())
        });
        (takes_hour && is_alone).then_some((clock, None, false, end))
    }

    /// The minute after an hour: 半, 15分, 一刻.
    fn minute(&self, place: usize) -> (i64, usize) {
        for (name, minute) in [("半", 30), ("一刻", 15), ("三刻", 45), ("整", 0)] {
            if let Some(end) = self.word(place, name) {
                return (minute, end);
            }
        }
        let Some((minute, end)) = self.number(place) else { return (0, place) };
        let named = self.word(end, "分");
        // 9点15 is written so, and 9点三 is not.
        match named.or_else(|| (end - place == 2 && self.digits(place, 2..3).is_some()).then_some(end)) {
            Some(end) => (minute, end),
            None => (0, place),
        }
    }

    fn half_after(&self, place: usize) -> (Option<Half>, usize) {
        let at = self.skip_space(place);
        let halves = [("am", Half::Morning), ("a.m.", Half::Morning), ("pm", Half::Noon), ("p.m.", Half::Noon)];
        self.word_of(at, &halves).map_or((None, place), |(half, end)| (Some(half), end))
    }

    /// How long from now: `in 2 hours and 5 minutes`, `10 minutes later`, `三天后`, `1時間後`.
    fn delay(&self, place: usize) -> Option<(Vec<(&'static str, i64)>, usize)> {
        let (said_before, mut at) =
            match ["in", "after", "过", "過"].into_iter().find_map(|word| self.word(place, word)) {
                Some(end) => (true, self.skip_space(end)),
                None => (false, place),
            };
        let mut delay = Vec::new();
        let mut end = at;
        while let Some((step, after)) = self.step(at) {
            delay.extend(step);
            end = after;
            at = self.skip_space(end);
            at = self.word(at, "and").or_else(|| self.word(at, ",")).map_or(at, |end| self.skip_space(end));
        }
        if delay.is_empty() {
            return None;
        }
        let after = self.skip_space(end);
        let words = ["from now", "later", "之后", "之後", "以后", "以後", "后", "後"];
        match words.into_iter().find_map(|word| self.word(after, word)) {
            Some(end) => Some((delay, self.word(end, "に").unwrap_or(end))),
            None => said_before.then_some((delay, end)),
        }
    }

    /// So many of a unit.
    fn step(&self, place: usize) -> Option<(Vec<(&'static str, i64)>, usize)> {
        let half = ["half an", "half a", "半个", "半個", "半"].into_iter().find_map(|word| self.word(place, word));
        if let Some(end) = half {
            let (unit, end) = self.word_of(self.skip_space(end), &UNITS)?;
            return Some((vec![half_of(unit)?], end));
        }
        let (count, end) = self.number(place).or_else(|| self.word_of(place, &NUMBERS))?;
        let has_fraction = self.at(end) == Some('.') && self.at(end + 1) == Some('5');
        let end = if has_fraction { end + 2 } else { end };
        let end = self.skip_space(end);
        let counted = ["个半", "個半"].into_iter().find_map(|word| self.word(end, word));
        let end =
            ["个", "個", "ヶ", "か", "カ", "ヵ", "ケ"].into_iter().find_map(|word| self.word(end, word)).unwrap_or(end);
        let (unit, end) = self.word_of(counted.unwrap_or(end), &UNITS)?;
        let (is_half, end) = match self.word(end, "半") {
            Some(after) => (true, after),
            None => (has_fraction || counted.is_some(), end),
        };
        let mut step = vec![(unit, count)];
        if is_half {
            step.push(half_of(unit)?);
        }
        Some((step, end))
    }
}

fn is_latin(letter: char) -> bool {
    letter.is_alphabetic() && u32::from(letter) < 0x250
}

/// Half of a unit, where that is a whole number of a smaller one.
fn half_of(unit: &str) -> Option<(&'static str, i64)> {
    [("minutes", ("seconds", 30)), ("hours", ("minutes", 30)), ("days", ("hours", 12)), ("years", ("months", 6))]
        .into_iter()
        .find_map(|(of, half)| (of == unit).then_some(half))
}

fn dated(year: Option<i64>, month: i64, day: i64) -> Option<Day> {
    let year = match year {
        Some(year) => Some(i16::try_from(year).ok()?),
        None => None,
    };
    Some(Day::Date { year, month: i8::try_from(month).ok()?, day: i8::try_from(day).ok()? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Wednesday, 2026-03-25, 10:00 in the zone.
    fn now(zone: &Zone) -> Timestamp {
        calendar::parse("2026-03-25 10:00", "%Y-%m-%d %H:%M", zone).expect("a time")
    }

    fn said(text: &str, zone: &str) -> Option<(String, String)> {
        let zone: Zone = zone.parse().expect("a zone");
        let reckoning = Reckoning { now: now(&zone), zone: &zone, time: Time::midnight() };
        let SaidMoment { at, range } = find(text, &reckoning)?;
        let rest = format!("{}|{}", &text[..range.start], &text[range.end..]);
        Some((calendar::format(at, "%a %Y-%m-%d %H:%M", &zone).expect("a text"), rest))
    }

    #[track_caller]
    fn means(text: &str, expected: &str) {
        for zone in ["UTC", "Asia/Tokyo", "America/Los_Angeles", "Asia/Kolkata", "Pacific/Auckland"] {
            assert_eq!(said(text, zone), Some((expected.to_owned(), "|".to_owned())), "{text} in {zone}");
        }
    }

    #[test]
    fn english_is_read() {
        for (text, expected) in [
            ("in 10 minutes", "Wed 2026-03-25 10:10"),
            ("in an hour", "Wed 2026-03-25 11:00"),
            ("in half an hour", "Wed 2026-03-25 10:30"),
            ("in 1.5 hours", "Wed 2026-03-25 11:30"),
            ("in 2 hours and 5 minutes", "Wed 2026-03-25 12:05"),
            ("in 1h30m", "Wed 2026-03-25 11:30"),
            ("10 minutes later", "Wed 2026-03-25 10:10"),
            ("two weeks from now", "Wed 2026-04-08 10:00"),
            ("in 3 days at 9:00", "Sat 2026-03-28 09:00"),
            ("in a month", "Sat 2026-04-25 10:00"),
            ("tomorrow 9:00", "Thu 2026-03-26 09:00"),
            ("Tomorrow at 9", "Thu 2026-03-26 09:00"),
            ("at 9pm tomorrow", "Thu 2026-03-26 21:00"),
            ("tomorrow", "Thu 2026-03-26 00:00"),
            ("the day after tomorrow, 7:15 am", "Fri 2026-03-27 07:15"),
            ("today 18:30", "Wed 2026-03-25 18:30"),
            ("tonight at 8", "Wed 2026-03-25 20:00"),
            ("tomorrow morning at 8", "Thu 2026-03-26 08:00"),
            ("at 8 in the evening", "Wed 2026-03-25 20:00"),
            ("18:30", "Wed 2026-03-25 18:30"),
            ("9:00", "Thu 2026-03-26 09:00"),
            ("9am", "Thu 2026-03-26 09:00"),
            ("12 pm", "Wed 2026-03-25 12:00"),
            ("12am", "Thu 2026-03-26 00:00"),
            ("noon", "Wed 2026-03-25 12:00"),
            ("midnight", "Thu 2026-03-26 00:00"),
            ("Friday 18:30", "Fri 2026-03-27 18:30"),
            ("fri 18:30", "Fri 2026-03-27 18:30"),
            ("Wednesday 18:30", "Wed 2026-03-25 18:30"),
            ("Wednesday 9:00", "Wed 2026-04-01 09:00"),
            ("on Wednesday", "Wed 2026-04-01 00:00"),
            ("next Monday", "Mon 2026-03-30 00:00"),
            ("next Friday at 5pm", "Fri 2026-04-03 17:00"),
            ("this Friday", "Fri 2026-03-27 00:00"),
            ("next week", "Wed 2026-04-01 00:00"),
            ("2026-12-24 18:00", "Thu 2026-12-24 18:00"),
            ("2026-12-24T18:00", "Thu 2026-12-24 18:00"),
            ("2026/1/5", "Mon 2026-01-05 00:00"),
            ("December 24 at 18:00", "Thu 2026-12-24 18:00"),
            ("24 Dec 2027", "Fri 2027-12-24 00:00"),
            ("the 1st of March", "Mon 2027-03-01 00:00"),
            ("Mar 25", "Wed 2026-03-25 00:00"),
            ("Feb 29", "Tue 2028-02-29 00:00"),
        ] {
            means(text, expected);
        }
    }

    #[test]
    fn chinese_is_read() {
        for (text, expected) in [
            ("10分钟后", "Wed 2026-03-25 10:10"),
            ("三天后", "Sat 2026-03-28 10:00"),
            ("两个小时后", "Wed 2026-03-25 12:00"),
            ("半小时后", "Wed 2026-03-25 10:30"),
            ("一个半小时后", "Wed 2026-03-25 11:30"),
            ("过10分钟", "Wed 2026-03-25 10:10"),
            ("两周后", "Wed 2026-04-08 10:00"),
            ("明天9点", "Thu 2026-03-26 09:00"),
            ("明天上午九点半", "Thu 2026-03-26 09:30"),
            ("明天", "Thu 2026-03-26 00:00"),
            ("后天下午3点15分", "Fri 2026-03-27 15:15"),
            ("今晚8点", "Wed 2026-03-25 20:00"),
            ("下午3:30", "Wed 2026-03-25 15:30"),
            ("下周五 18:30", "Fri 2026-04-03 18:30"),
            ("下星期五18點30分", "Fri 2026-04-03 18:30"),
            ("周五晚上七点", "Fri 2026-03-27 19:00"),
            ("星期日", "Sun 2026-03-29 00:00"),
            ("12月24日18点", "Thu 2026-12-24 18:00"),
            ("2026年12月24号", "Thu 2026-12-24 00:00"),
            ("二十三点", "Wed 2026-03-25 23:00"),
            ("九点一刻", "Thu 2026-03-26 09:15"),
            ("晚上12点", "Thu 2026-03-26 00:00"),
        ] {
            means(text, expected);
        }
    }

    #[test]
    fn japanese_is_read() {
        for (text, expected) in [
            ("10分後", "Wed 2026-03-25 10:10"),
            ("1時間後に", "Wed 2026-03-25 11:00"),
            ("1時間半後", "Wed 2026-03-25 11:30"),
            ("3日後", "Sat 2026-03-28 10:00"),
            ("2週間後", "Wed 2026-04-08 10:00"),
            ("１か月後", "Sat 2026-04-25 10:00"),
            ("明日9時", "Thu 2026-03-26 09:00"),
            ("明日の朝９時", "Thu 2026-03-26 09:00"),
            ("あした午後3時半", "Thu 2026-03-26 15:30"),
            ("明後日 7:00", "Fri 2026-03-27 07:00"),
            ("来週の金曜日 18時半", "Fri 2026-04-03 18:30"),
            ("金曜日の18:30", "Fri 2026-03-27 18:30"),
            ("今夜9時", "Wed 2026-03-25 21:00"),
            ("12月24日 18時", "Thu 2026-12-24 18:00"),
            ("正午", "Wed 2026-03-25 12:00"),
        ] {
            means(text, expected);
        }
    }

    #[test]
    fn what_is_said_besides_is_left_over() {
        for (text, expected, rest) in [
            ("remind me tomorrow at 9 to call mum", "Thu 2026-03-26 09:00", "remind me | to call mum"),
            ("in 10 minutes tea", "Wed 2026-03-25 10:10", "| tea"),
            ("call mum on Friday 18:30!", "Fri 2026-03-27 18:30", "call mum |!"),
            ("明天9点提醒我喝茶", "Thu 2026-03-26 09:00", "|提醒我喝茶"),
            ("10分後にお茶", "Wed 2026-03-25 10:10", "|お茶"),
            ("buy 3 apples at 17:00", "Wed 2026-03-25 17:00", "buy 3 apples |"),
            ("I have one thing for tomorrow", "Thu 2026-03-26 00:00", "I have one thing for |"),
        ] {
            assert_eq!(said(text, "Asia/Tokyo"), Some((expected.to_owned(), rest.to_owned())), "{text}");
        }
    }

    #[test]
    fn what_is_said_before_and_after_is_one_text() {
        let reckoning = Reckoning { now: 0, zone: &Zone::default(), time: Time::midnight() };
        for (text, rest) in [("remind me at 9:00 of tea", "remind me of tea"), ("Friday 18:30!", ""), ("9:00 🍵", "")]
        {
            assert_eq!(find(text, &reckoning).map(|moment| moment.rest(text)).as_deref(), Some(rest), "{text}");
        }
    }

    #[test]
    fn what_is_no_point_in_time_is_none() {
        for text in [
            "",
            "hello",
            "25:00",
            "9:60",
            "2026-02-30",
            "13月1日",
            "10",
            "10 minutes",
            "I sat down",
            "the sun shines",
            "有一点事",
            "3時間",
            "in",
            "tomorrows",
            "Fridayish",
            "version 2.5",
            "may I come?",
            "in the morning",
            "a day",
            "morning",
            "1:2:3",
            "二周",
        ] {
            assert_eq!(said(text, "UTC"), None, "{text}");
        }
    }

    #[test]
    fn a_time_that_clocks_skip_or_show_twice_is_one_all_the_same() {
        let zone: Zone = "Europe/Berlin".parse().expect("a zone");
        let at = |text: &str, now: &str| {
            let now = calendar::parse(now, "%Y-%m-%d %H:%M", &zone).expect("a time");
            let reckoning = Reckoning { now, zone: &zone, time: Time::midnight() };
            let moment = find(text, &reckoning).expect(text);
            calendar::format(moment.at, "%Y-%m-%d %H:%M %Z", &zone).expect("a text")
        };
        assert_eq!(at("tomorrow 2:30", "2026-03-28 10:00"), "2026-03-29 03:30 CEST");
        assert_eq!(at("tomorrow 2:30", "2026-10-24 10:00"), "2026-10-25 02:30 CEST");
        assert_eq!(at("tomorrow 9:00", "2026-03-28 10:00"), "2026-03-29 09:00 CEST");
        assert_eq!(at("in 24 hours", "2026-03-28 10:00"), "2026-03-29 11:00 CEST");
        assert_eq!(at("in 1 day", "2026-03-28 10:00"), "2026-03-29 10:00 CEST");
    }

    proptest! {
        #[test]
        fn whatever_stands_there_has_an_answer(text in "(?s).{0,30}", day in 0_i64..20_000) {
            let zone: Zone = "America/New_York".parse().expect("a zone");
            let reckoning = Reckoning { now: day * 86_400_000, zone: &zone, time: Time::midnight() };
            if let Some(SaidMoment { range, .. }) = find(&text, &reckoning) {
                prop_assert!(text.get(range).is_some());
            }
        }

        #[test]
        fn words_of_dates_in_any_order_have_an_answer(
            words in proptest::collection::vec(proptest::sample::select(vec![
                "in", "10", "分", "後", "tomorrow", "next", "Friday", "at", "9", ":30", "pm", "下", "周", "五", "半", "天", "年", "月", "三", "0", "-", "2026", "の",
            ]), 0..8),
        ) {
            let text = words.join("");
            let zone = Zone::default();
            let reckoning = Reckoning { now: 1_774_432_800_000, zone: &zone, time: Time::midnight() };
            let _ = find(&text, &reckoning);
            let spaced = words.join(" ");
            if let Some(SaidMoment { range, .. }) = find(&spaced, &reckoning) {
                prop_assert!(!spaced[range].is_empty());
            }
        }

        #[test]
        fn a_time_of_day_is_the_next_one(hour in 0_i64..24, minute in 0_i64..60, now in 0_i64..4_000_000_000_000) {
            let zone: Zone = "Europe/London".parse().expect("a zone");
            let text = format!("{hour}:{minute:02}");
            let reckoning = Reckoning { now, zone: &zone, time: Time::midnight() };
            let found = find(&text, &reckoning).map(|moment| moment.at);
            prop_assert_eq!(found, calendar::next_time(&text, now, &zone).ok());
        }
    }
}
