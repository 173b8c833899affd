//! Time zones by their names, and the system's own. What is reckoned in them is in `calendar`.

use std::str::FromStr;

use jiff::Zoned;
use jiff::tz::{self, TimeZone};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::spelling::closest;
use crate::clock::Timestamp;

/// What people say in place of a zone's name.
const SAID: [(&str, &str); 8] = [
    ("Beijing", "Asia/Shanghai"),
    ("BST", "Europe/London"),
    ("CEST", "Europe/Berlin"),
    ("EDT", "America/New_York"),
    ("ICT", "Asia/Bangkok"),
    ("JST", "Asia/Tokyo"),
    ("PDT", "America/Los_Angeles"),
    ("PST", "America/Los_Angeles"),
];

/// A time zone; clones share it. The default one is UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// What was expected where a zone's name stands, with the one that may have been meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a time zone such as \"Asia/Tokyo\"{0}")]
pub struct UnknownZone(String);

impl Zone {
    /// The zone that the system is set to; `None` where it is set to none that is known.
    pub fn of_system() -> Option<Self> {
        TimeZone::try_system().ok().filter(|zone| !zone.is_unknown()).map(Self)
    }

    /// Its name, such as `Asia/Tokyo`; `local` where the system gives its rules without a name.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("local")
    }

    /// What clocks and calendars show in it; `None` for a time beyond the calendar.
    pub fn at(&self, time: Timestamp) -> Option<Zoned> {
        Some(jiff::Timestamp::from_millisecond(time).ok()?.to_zoned(self.0.clone()))
    }

    /// How far it is ahead of UTC at a time, in milliseconds; `None` for a time beyond the calendar.
    pub(super) fn offset(&self, time: Timestamp) -> Option<Timestamp> {
        let time = jiff::Timestamp::from_millisecond(time).ok()?;
        Some(Timestamp::from(self.0.to_offset(time).seconds()) * 1_000)
    }

    /// What it is to the calendar.
    pub(super) fn rules(&self) -> &TimeZone {
        &self.0
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Reads what was written of a zone; none where no zone has that name any more, or it had none.
pub(super) fn read_again<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Zone>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.and_then(|name| name.parse().ok()))
}

impl FromStr for Zone {
    type Err = UnknownZone;

    fn from_str(name: &str) -> Result<Self, UnknownZone> {
        tz::db().get(name).map(Self).map_err(|_| {
            let meant = meant(name).map(|meant| format!("; did you mean \"{meant}\"?"));
            UnknownZone(meant.unwrap_or_default())
        })
    }
}

/// The zone that somebody may have meant: by its name, or by its place alone.
fn meant(name: &str) -> Option<String> {
    let place = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    let known: Vec<String> = tz::db().available().map(|known| known.to_string()).collect();
    let said = SAID.iter().find(|(said, _)| said.eq_ignore_ascii_case(&place(name)));
    said.map(|(_, zone)| (*zone).to_owned()).or_else(|| {
        let of_place = || {
            let places: Vec<_> = known.iter().filter(|known| known.contains('/')).map(|known| place(known)).collect();
            let near = closest(&place(name), places.iter().map(String::as_str))?;
            known.iter().find(|known| known.contains('/') && place(known) == near).cloned()
        };
        closest(name, known.iter().map(String::as_str)).map(str::to_owned).or_else(of_place)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_known_by_its_name() {
        let zone: Zone = "Asia/Tokyo".parse().expect("a zone");
        assert_eq!((zone.name(), zone.offset(0)), ("Asia/Tokyo", Some(9 * 3_600_000)));
        assert_eq!((Zone::default().name(), Zone::default().offset(0)), ("UTC", Some(0)));
        assert_eq!(Zone::default().offset(i64::MAX), None);
    }

    #[test]
    fn what_is_no_zone_names_the_one_that_may_have_been_meant() {
        for (found, meant) in [
            ("Asia/Tokio", Some("Asia/Tokyo")),
            ("Tokyo", Some("Asia/Tokyo")),
            ("Asia/Beijing", Some("Asia/Shanghai")),
            ("jst", Some("Asia/Tokyo")),
            ("newyork", Some("America/New_York")),
            ("Middle-earth/Shire", None),
            ("", None),
        ] {
            let expected = meant.map(|meant| format!("; did you mean \"{meant}\"?")).unwrap_or_default();
            let error = found.parse::<Zone>().expect_err(found).to_string();
            assert_eq!(error, format!("a time zone such as \"Asia/Tokyo\"{expected}"), "{found}");
        }
    }
}
