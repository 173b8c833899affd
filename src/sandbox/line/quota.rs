//! What was sent, by day and by month, and how much may be. Days and months are those of Japan, as with LINE.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, FixedOffset};

use crate::clock::Timestamp;

/// How something was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SentBy {
    /// By a reply token; it costs nothing.
    Reply,
    /// To a person or a chat.
    Push,
    /// To several people.
    Multicast,
    /// To those whom a filter finds.
    Narrowcast,
    /// To all who have added the account.
    Broadcast,
    /// To a phone number; it is paid for apart.
    Phone,
}

/// What was sent.
#[derive(Debug, Default)]
pub(crate) struct Consumption {
    /// By day, as `yyyyMMdd`, and by way.
    days: BTreeMap<(String, SentBy), u64>,
    /// The names under which pushes and multicasts are counted, by month.
    units: BTreeSet<(String, String)>,
    /// Further messages that count as sent this month.
    extra: BTreeMap<String, u64>,
}

impl Consumption {
    pub(crate) fn add(&mut self, by: SentBy, recipients: u64, now: Timestamp) {
        *self.days.entry((day(now), by)).or_default() += recipients;
    }

    pub(crate) fn count_unit(&mut self, unit: &str, now: Timestamp) {
        self.units.insert((month(now), unit.to_owned()));
    }

    /// How many were sent in a way on a day.
    pub(crate) fn on(&self, day: &str, by: SentBy) -> u64 {
        self.days.get(&(day.to_owned(), by)).copied().unwrap_or_default()
    }

    /// How many were sent in a way since the start.
    pub(crate) fn ever(&self, by: SentBy) -> u64 {
        self.days.iter().filter(|((_, way), _)| *way == by).map(|(_, count)| count).sum()
    }

    /// How many of this month's messages are used.
    pub(crate) fn used(&self, now: Timestamp) -> u64 {
        let month = month(now);
        let costs = |by: SentBy| !matches!(by, SentBy::Reply | SentBy::Phone);
        let counts = self.days.iter().filter(|((day, by), _)| costs(*by) && day.starts_with(&month));
        counts.map(|(_, count)| count).sum::<u64>() + self.extra.get(&month).copied().unwrap_or_default()
    }

    /// Counts so many more as sent this month.
    pub(crate) fn use_up(&mut self, count: u64, now: Timestamp) {
        *self.extra.entry(month(now)).or_default() += count;
    }

    /// The names under which messages were counted this month.
    pub(crate) fn units(&self, now: Timestamp) -> Vec<&str> {
        let month = month(now);
        self.units.iter().filter(|(other, _)| *other == month).map(|(_, unit)| unit.as_str()).collect()
    }
}

/// The day of a time, as `yyyyMMdd`.
pub(crate) fn day(now: Timestamp) -> String {
    in_japan(now, "%Y%m%d")
}

fn month(now: Timestamp) -> String {
    in_japan(now, "%Y%m")
}

/// A time as the API writes it.
pub(crate) fn date_time(now: Timestamp) -> String {
    DateTime::from_timestamp_millis(now).unwrap_or_default().format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

fn in_japan(now: Timestamp, format: &str) -> String {
    let zone = FixedOffset::east_opt(9 * 60 * 60).expect("nine hours are an offset");
    DateTime::from_timestamp_millis(now).unwrap_or_default().with_timezone(&zone).format(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_ends_with_that_of_japan_and_replies_cost_nothing() {
        // 2026-01-31 at 14:59 and 15:00 UTC.
        let (january, february) = (1_769_871_540_000, 1_769_871_600_000);
        let mut sent = Consumption::default();
        sent.add(SentBy::Push, 3, january);
        sent.add(SentBy::Reply, 5, january);
        sent.add(SentBy::Broadcast, 7, february);
        assert_eq!((sent.used(january), sent.used(february)), (3, 7));
        assert_eq!((day(january), day(february)), ("20260131".to_owned(), "20260201".to_owned()));
        assert_eq!((sent.on("20260131", SentBy::Reply), sent.ever(SentBy::Push)), (5, 3));
        assert_eq!(date_time(january), "2026-01-31T14:59:00.000Z");
    }
}
