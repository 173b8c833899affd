//! The ids of events, runs and timers, each a type of its own. What gives them out is not here.

use std::fmt;
use std::marker::PhantomData;
use std::num::ParseIntError;
use std::str::FromStr;

use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::{Deserialize, Serialize};

/// The id of an event.
pub type EventId = Id<Events>;
/// The id of a run.
pub type RunId = Id<Runs>;
/// The id of a timer.
pub type TimerId = Id<Timers>;

/// The id of one of `K`; a plain number wherever it is kept or shown.
///
/// All kinds share one count, so that ids ascend in the order in which they were given out, whatever they are of.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Id<K>(i64, PhantomData<K>);

/// What an [`EventId`] is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Events;

/// What a [`RunId`] is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Runs;

/// What a [`TimerId`] is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timers;

impl<K> Id<K> {
    /// None is lower.
    pub const MIN: Self = Self::new(i64::MIN);
    /// None is higher.
    pub const MAX: Self = Self::new(i64::MAX);

    /// The id of this number.
    pub const fn new(number: i64) -> Self {
        Self(number, PhantomData)
    }

    /// Its number.
    pub const fn number(self) -> i64 {
        self.0
    }
}

impl<K> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<K> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<K> FromStr for Id<K> {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self::new)
    }
}

impl<K> ToSql for Id<K> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.into())
    }
}

impl<K> FromSql for Id<K> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        i64::column_result(value).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_kept_and_shown_as_its_number() {
        for number in [0, 1, 300, i64::MAX] {
            let id = RunId::new(number);
            assert_eq!(serde_json::to_string(&id).expect("a number"), number.to_string());
            let bytes = postcard::to_allocvec(&id).expect("a number");
            assert_eq!(bytes, postcard::to_allocvec(&number).expect("a number"));
            assert_eq!(postcard::from_bytes::<RunId>(&bytes).expect("it is read"), id);
            assert_eq!(id.to_string().parse(), Ok(id));
        }
    }
}
