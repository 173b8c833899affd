//! Wire values read leniently: a field of another type than expected costs that field and never the frame.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Value, json};

use super::damage::{Damage, Damages};
use super::mend::read_value;

/// A string; a number or boolean is taken as its text, anything else as absent.
#[derive(Debug, Default)]
pub(super) struct Text {
    pub(super) text: Option<String>,
    pub(super) damages: Damages,
}

/// An integer; a numeric string is taken as its number, anything else as zero.
#[derive(Debug, Default)]
pub(super) struct Millis {
    pub(super) millis: i64,
    pub(super) damages: Damages,
}

/// A map of strings; other values in it are taken as their JSON text, null as absent. JSON text stands for the map in it.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    pub(super) entries: BTreeMap<String, String>,
    pub(super) damages: Damages,
}

/// The whole number that a float stands for, where it stands for exactly one.
pub fn whole(float: f64) -> Option<i64> {
    const EXACT: f64 = (1_u64 << f64::MANTISSA_DIGITS) as f64;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and within the range")]
    (float.fract() == 0.0 && float.abs() <= EXACT).then_some(float as i64)
}

/// The whole number that a text stands for, to the last digit.
pub fn integer(text: &str) -> Option<i64> {
    text.parse().ok().or_else(|| {
        let text = text.trim();
        text.parse().ok().or_else(|| text.parse().ok().and_then(whole))
    })
}

/// Reads a structure out of a value; what does not fit it is left at its default, at any depth.
pub fn structure<T: DeserializeOwned + Default>(value: &Value) -> T {
    let fits = |value: &Value| serde_json::from_value::<T>(value.clone()).is_ok();
    fitting(value, &fits).and_then(|value| serde_json::from_value(value).ok()).unwrap_or_default()
}

/// As much of a value as fits, field by field where the whole does not.
fn fitting(value: &Value, fits: &dyn Fn(&Value) -> bool) -> Option<Value> {
    match value {
        whole if fits(whole) => Some(whole.clone()),
        Value::Object(fields) => {
            let field = |(name, field): (&String, &Value)| {
                let fits_there = |part: &Value| fits(&json!({ name: part }));
                Some((name.clone(), fitting(field, &fits_there)?))
            };
            Some(Value::Object(fields.iter().filter_map(field).collect()))
        }
        _ => None,
    }
}

fn wrong_type() -> Damages {
    Damages::from_iter([Damage::WrongType])
}

impl Text {
    fn of(text: impl Into<String>) -> Self {
        Self { text: Some(text.into()), damages: Damages::default() }
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }
    fn visit_str<E>(self, value: &str) -> Result<Text, E> {
        Ok(Text::of(value))
    }
    fn visit_string<E>(self, value: String) -> Result<Text, E> {
        Ok(Text::of(value))
    }
    fn visit_bool<E>(self, value: bool) -> Result<Text, E> {
        Ok(Text::of(value.to_string()))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Text, E> {
        Ok(Text::of(value.to_string()))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Text, E> {
        Ok(Text::of(value.to_string()))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Text, E> {
        Ok(Text::of(value.to_string()))
    }
    fn visit_unit<E>(self) -> Result<Text, E> {
        Ok(Text::default())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Text, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Text { text: None, damages: wrong_type() })
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Text, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text { text: None, damages: wrong_type() })
    }
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Text { text, damages } = Text::deserialize(deserializer)?;
        let Some(text) = text else { return Ok(Self { millis: 0, damages }) };
        Ok(integer(&text).map_or_else(|| Self { millis: 0, damages: wrong_type() }, |millis| Self { millis, damages }))
    }
}

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MetadataVisitor)
    }
}

struct MetadataVisitor;

impl MetadataVisitor {
    fn wrong<E>() -> Result<Metadata, E> {
        Ok(Metadata { entries: BTreeMap::new(), damages: wrong_type() })
    }
}

impl<'de> Visitor<'de> for MetadataVisitor {
    type Value = Metadata;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Metadata, A::Error> {
        let mut metadata = Metadata::default();
        while let Some((name, value)) = fields.next_entry::<String, Value>()? {
            let before = match value {
                Value::String(text) => metadata.entries.insert(name, text),
                Value::Null => metadata.entries.remove(&name),
                other => metadata.entries.insert(name, other.to_string()),
            };
            if before.is_some() {
                metadata.damages.insert(Damage::RepeatedKey);
            }
        }
        Ok(metadata)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Metadata, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Self::wrong()
    }
    fn visit_str<E>(self, text: &str) -> Result<Metadata, E> {
        let mut damages = Damages::default();
        let inner = read_value(text, &mut damages).filter(Value::is_object);
        let Some(Ok(mut metadata)) = inner.map(serde_json::from_value::<Metadata>) else { return Self::wrong() };
        metadata.damages.extend(damages);
        Ok(metadata)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Metadata, E> {
        Self::wrong()
    }
    fn visit_i64<E>(self, _: i64) -> Result<Metadata, E> {
        Self::wrong()
    }
    fn visit_u64<E>(self, _: u64) -> Result<Metadata, E> {
        Self::wrong()
    }
    fn visit_f64<E>(self, _: f64) -> Result<Metadata, E> {
        Self::wrong()
    }
    fn visit_unit<E>(self) -> Result<Metadata, E> {
        Ok(Metadata::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Chat;

    #[test]
    fn a_field_that_does_not_fit_costs_itself() {
        let chat: Chat = structure(&json!({
            "chatMid": "c1", "chatName": ["x"], "createdTime": 5,
            "groupExtra": {"creator": "u1", "JoinByTicket": "yes", "memberMids": {"u1": 7, "u2": null}},
        }));
        assert_eq!((chat.chat_mid.as_str(), chat.chat_name.as_str(), chat.created_time), ("c1", "", 5));
        assert_eq!((chat.group_extra.creator.as_str(), chat.group_extra.join_by_ticket), ("u1", false));
        assert_eq!(chat.group_extra.member_mids, BTreeMap::from([("u1".to_owned(), 7)]));
        assert_eq!(structure::<Chat>(&json!("no chat")), Chat::default());
    }

    #[test]
    fn a_whole_number_is_one_to_the_last_digit() {
        for (text, expected) in [
            ("9223372036854775807", Some(i64::MAX)),
            (" 7 ", Some(7)),
            ("7.0", Some(7)),
            ("1.7e12", Some(1_700_000_000_000)),
            ("7.5", None),
            ("9223372036854775808", None),
            ("1e400", None),
            ("NaN", None),
            ("", None),
            ("seven", None),
        ] {
            assert_eq!(integer(text), expected, "{text}");
        }
    }
}
