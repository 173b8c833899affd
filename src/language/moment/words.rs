//! The words for days, parts of a day, units and numbers, in English, Chinese and Japanese.

use jiff::civil::Weekday;

use super::meant::Half;

pub(super) const WEEKDAYS: [(Weekday, &[&str], &str, &str); 7] = [
    (Weekday::Monday, &["monday", "mon"], "一", "月"),
    (Weekday::Tuesday, &["tuesday", "tues", "tue"], "二", "火"),
    (Weekday::Wednesday, &["wednesday", "wed"], "三", "水"),
    (Weekday::Thursday, &["thursday", "thurs", "thur", "thu"], "四", "木"),
    (Weekday::Friday, &["friday", "fri"], "五", "金"),
    (Weekday::Saturday, &["saturday", "sat"], "六", "土"),
    (Weekday::Sunday, &["sunday", "sun"], "日天", "日"),
];

pub(super) const MONTHS: [&[&str]; 12] = [
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
pub(super) const DAYS: [(&str, i64, Option<Half>); 34] = [
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

pub(super) const HALVES: [(&str, Half); 21] = [
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
pub(super) const UNITS: [(&str, &str); 44] = [
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
pub(super) const NUMBERS: [(&str, i64); 13] = [
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

/// Half of a unit, where that is a whole number of a smaller one.
pub(super) fn half_of(unit: &str) -> Option<(&'static str, i64)> {
    [("minutes", ("seconds", 30)), ("hours", ("minutes", 30)), ("days", ("hours", 12)), ("years", ("months", 6))]
        .into_iter()
        .find_map(|(of, half)| (of == unit).then_some(half))
}
