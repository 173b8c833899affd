//! Texts and the times that they mean.

use jiff::civil::Time;
use proptest::prelude::*;

use super::*;
use crate::language::calendar;
use crate::language::zone::Zone;

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
    for (text, rest) in [("remind me at 9:00 of tea", "remind me of tea"), ("Friday 18:30!", ""), ("9:00 🍵", "")] {
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
