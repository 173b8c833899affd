//! Reads what a text says of a point in time.

use std::ops::Range;

use super::meant::{Day, Half, Parts, SaidClock, Week, dated};
use super::words::{DAYS, HALVES, MONTHS, NUMBERS, UNITS, WEEKDAYS, half_of};
use crate::language::numeral;
use crate::language::plain_text::plain_text;

/// A text as it is meant, letter by letter, with the place of each in the text.
pub(super) struct Letters {
    pub(super) plain: Vec<char>,
    /// One more than there are letters: the last is the end of the text.
    pub(super) places: Vec<usize>,
}

impl Letters {
    pub(super) fn of(text: &str) -> Self {
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

    pub(super) fn at(&self, place: usize) -> Option<char> {
        self.plain.get(place).copied()
    }

    pub(super) fn is_blank(&self, range: Range<usize>) -> bool {
        self.plain[range].iter().all(|letter| letter.is_whitespace() || ".!。,、".contains(*letter))
    }

    /// Whether no word or number goes on here.
    pub(super) fn begins_a_word(&self, place: usize) -> bool {
        let is_word = |letter: char| letter.is_ascii_alphanumeric() || is_latin(letter);
        let Some(letter) = self.at(place).filter(|letter| !letter.is_whitespace()) else { return false };
        place == 0 || !(is_word(letter) && self.at(place - 1).is_some_and(is_word))
    }

    pub(super) fn skip_space(&self, mut place: usize) -> usize {
        while self.at(place).is_some_and(char::is_whitespace) {
            place += 1;
        }
        place
    }

    /// Skips what may stand between the parts of a point in time.
    pub(super) fn skip_between(&self, place: usize) -> usize {
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
    pub(super) fn expression(&self, start: usize) -> Option<(Parts, usize)> {
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
    fn clock(&self, place: usize, takes_hour: bool) -> Option<(SaidClock, Option<Half>, bool, usize)> {
        for (name, hour) in [("noon", 12), ("midday", 12), ("midnight", 24), ("正午", 12), ("零时", 24)] {
            if let Some(end) = self.word(place, name) {
                return Some((SaidClock { hour, minute: 0, second: 0 }, None, false, end));
            }
        }
        let (hour, end) = self.number(place)?;
        let is_digits = self.at(place).is_some_and(|letter| letter.is_ascii_digit());
        let mut clock = SaidClock { hour, minute: 0, second: 0 };
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
