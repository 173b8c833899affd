//! Values between scripts and JSON text. Only plain data crosses: no functions and no host objects.

use std::cell::Cell;
use std::fmt;

use data_encoding::HEXLOWER;
use rhai::{Array, Dynamic, Engine, EvalAltResult, Identifier, Map};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::secret::{ONLY, Reading, ScriptSecret};
use crate::language::kind::script_type;
use crate::protocol::{Damage, Damages, MAX_DEPTH, mend};
use crate::runtime::limits::Limits;

/// Why a script's value cannot become JSON.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum NotData {
    /// It, or something in it, is no plain data.
    #[error("{0} is no plain data: only (), true and false, numbers, strings, arrays and maps are")]
    Kind(String),
    /// It, or something in it, is a secret.
    #[error("found a secret, and {ONLY}")]
    Secret,
    /// It contains itself, or comes close to it.
    #[error("the value is nested more than {MAX_DEPTH} deep")]
    Depth,
    /// A number that JSON cannot express.
    #[error("{0} cannot be written as JSON")]
    Number(f64),
}

/// The value that JSON text stands for, damaged or not; text that is no JSON stays text.
///
/// Whole numbers beyond 64 signed bits become floats.
pub(crate) fn from_content(text: &str) -> Dynamic {
    from_content_noting(text, &mut Damages::default())
}

/// The value as [`from_content`] gives it; what was wrong with the text is noted.
pub(crate) fn from_content_noting(text: &str, damages: &mut Damages) -> Dynamic {
    if text.is_empty() {
        return Dynamic::UNIT;
    }
    let mended = |_| {
        let mended = mend(text)?;
        damages.extend(mended.damages);
        read(&mended.text, damages).ok()
    };
    let mut found = Damages::default();
    match read(text, &mut found) {
        Ok(value) => {
            damages.extend(found);
            value
        }
        Err(error) => Some(error).and_then(mended).unwrap_or_else(|| text.into()),
    }
}

/// The value that JSON text stands for, as far as its form is that of JSON: damaged characters and numbers cost no more than
/// themselves.
///
/// # Errors
/// When the text is no JSON, with where and why.
pub(crate) fn from_json(text: &str) -> serde_json::Result<Dynamic> {
    if text.is_empty() {
        return Ok(Dynamic::UNIT);
    }
    read(text, &mut Damages::default()).or_else(|error| {
        let in_form = |damages: Damages| !damages.contains(Damage::NoValue) && !damages.contains(Damage::Surplus);
        match mend(text).filter(|mended| in_form(mended.damages)) {
            Some(mended) => read(&mended.text, &mut Damages::default()),
            None => Err(error),
        }
    })
}

/// Why a script could not read JSON text as it is written.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum NotReadable {
    /// It is no JSON.
    #[error("it is no JSON: {0}")]
    NoJson(String),
    /// What lies deeper reads as `()`.
    #[error("it is nested more than {MAX_DEPTH} deep")]
    Depth,
    /// A whole number that would become another one.
    #[error("found {0}, expected a whole number of 64 bits (from {min} to {max}), or one such as 1e20", min = i64::MIN, max = i64::MAX)]
    Number(String),
    /// A run that reads it ends.
    #[error("it has more than {0}")]
    Size(String),
}

/// Whether scripts under these limits read JSON text as it is written.
///
/// # Errors
/// When they do not, with the reason.
pub(crate) fn check_readable(text: &str, limits: &Limits) -> Result<(), NotReadable> {
    let mut damages = Damages::default();
    let value = read(text, &mut damages).map_err(|error| NotReadable::NoJson(error.to_string()))?;
    if damages.contains(Damage::Depth) {
        return Err(NotReadable::Depth);
    }
    if let Some(number) = too_large_number(text) {
        return Err(NotReadable::Number(number.to_owned()));
    }
    let mut engine = Engine::new_raw();
    bound(&mut engine, limits);
    engine.ensure_data_size_within_limits(&value).map_err(|error| {
        let what = if let EvalAltResult::ErrorDataTooLarge(what, _) = *error { what } else { String::new() };
        NotReadable::Size(match what {
            what if what.contains("string") => format!("{} bytes of texts (limits.string)", limits.string),
            what if what.contains("map") => format!("{} entries in its maps (limits.array)", limits.array),
            _ => format!("{} elements in its arrays (limits.array)", limits.array),
        })
    })
}

/// Has an engine end what makes, or is given, a value beyond the limits.
pub(crate) fn bound(engine: &mut Engine, limits: &Limits) {
    engine.set_max_string_size(limits.string);
    engine.set_max_array_size(limits.array);
    engine.set_max_map_size(limits.array);
}

/// The first whole number in legal JSON that has no place in 64 signed bits.
fn too_large_number(json: &str) -> Option<&str> {
    let mut is_in_text = false;
    let mut is_escaped = false;
    // What stands between texts has no letters but those of numbers and of three words.
    let between = json.split(|letter: char| {
        let was_in_text = is_in_text;
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = is_in_text,
            '"' => is_in_text = !is_in_text,
            _ => {}
        }
        was_in_text || !matches!(letter, '-' | '+' | '.' | 'e' | 'E' | '0'..='9')
    });
    let mut whole = between.filter(|word| word.ends_with(|letter: char| letter.is_ascii_digit()));
    whole.find(|word| !word.contains(['.', 'e', 'E']) && word.parse::<i64>().is_err())
}

/// Reads legal JSON. A repeated key, whose last value counts, and what is nested too deeply, which becomes `()`, are noted.
fn read(text: &str, damages: &mut Damages) -> serde_json::Result<Dynamic> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let found = Cell::new(Damages::default());
    let value = Reader { depth: 0, found: &found }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    damages.extend(found.get());
    Ok(value)
}

#[derive(Clone, Copy)]
struct Reader<'a> {
    depth: usize,
    found: &'a Cell<Damages>,
}

impl<'a> Reader<'a> {
    fn note(self, damage: Damage) {
        let mut found = self.found.get();
        found.insert(damage);
        self.found.set(found);
    }

    /// What reads the values in this one; none where they lie too deep.
    fn inner(self) -> Option<Reader<'a>> {
        (self.depth < MAX_DEPTH).then_some(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Dynamic;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Dynamic, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Dynamic;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }
    fn visit_unit<E>(self) -> Result<Dynamic, E> {
        Ok(Dynamic::UNIT)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Dynamic, E> {
        Ok(value.into())
    }
    fn visit_i64<E>(self, value: i64) -> Result<Dynamic, E> {
        Ok(value.into())
    }
    #[expect(clippy::cast_precision_loss, reason = "so large a number is a float in scripts")]
    fn visit_u64<E>(self, value: u64) -> Result<Dynamic, E> {
        Ok(i64::try_from(value).map_or_else(|_| (value as f64).into(), Dynamic::from))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Dynamic, E> {
        Ok(value.into())
    }
    fn visit_str<E>(self, value: &str) -> Result<Dynamic, E> {
        Ok(value.into())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Dynamic, A::Error> {
        let Some(inner) = self.inner() else {
            self.note(Damage::Depth);
            while values.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(Dynamic::UNIT);
        };
        let mut items = Array::new();
        while let Some(item) = values.next_element_seed(inner)? {
            items.push(item);
        }
        Ok(items.into())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Dynamic, A::Error> {
        let Some(inner) = self.inner() else {
            self.note(Damage::Depth);
            while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(Dynamic::UNIT);
        };
        let mut map = Map::new();
        while let Some(name) = fields.next_key_seed(Name)? {
            if map.insert(name, fields.next_value_seed(inner)?).is_some() {
                self.note(Damage::RepeatedKey);
            }
        }
        Ok(map.into())
    }
}

/// Reads a key without a detour over the heap.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Identifier;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Identifier, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Identifier;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }
    fn visit_str<E>(self, name: &str) -> Result<Identifier, E> {
        Ok(name.into())
    }
}

/// The JSON text of a value.
///
/// # Errors
/// When something in it is no plain data.
pub(crate) fn to_json(value: &Dynamic) -> Result<String, NotData> {
    Ok(to_value(value)?.to_string())
}

/// Makes a value what comes back of it after it was kept as JSON: characters become strings, and what closures share is
/// copied.
///
/// A run that is rebuilt gets what it kept from its record, and must not be able to tell.
pub(crate) fn make_plain(value: &mut Dynamic) {
    if value.is_shared() {
        *value = value.flatten_clone();
    }
    if let Ok(character) = value.as_char() {
        *value = character.to_string().into();
    } else if let Some(mut items) = value.write_lock::<Array>() {
        items.iter_mut().for_each(make_plain);
    } else if let Some(mut entries) = value.write_lock::<Map>() {
        entries.values_mut().for_each(make_plain);
    }
}

/// The JSON text of a map that holds only plain data.
pub(crate) fn map_to_json(map: &Map) -> String {
    let plain = |(name, value): (&rhai::Identifier, &Dynamic)| Some((name.to_string(), to_value(value).ok()?));
    Value::Object(map.iter().filter_map(plain).collect()).to_string()
}

/// The JSON value of a value.
///
/// # Errors
/// When something in it is no plain data.
pub(crate) fn to_value(value: &Dynamic) -> Result<Value, NotData> {
    convert(value, 0, Reading::Plain)
}

/// As [`to_json`], with the secrets in it read so.
///
/// # Errors
/// As `to_json`.
pub(crate) fn to_json_reading(value: &Dynamic, secrets: Reading) -> Result<String, NotData> {
    Ok(convert(value, 0, secrets)?.to_string())
}

fn convert(value: &Dynamic, depth: usize, secrets: Reading) -> Result<Value, NotData> {
    if depth > MAX_DEPTH {
        return Err(NotData::Depth);
    }
    if value.is_unit() {
        return Ok(Value::Null);
    }
    if let Ok(value) = value.as_bool() {
        return Ok(value.into());
    }
    if let Ok(value) = value.as_int() {
        return Ok(value.into());
    }
    if let Ok(value) = value.as_float() {
        return serde_json::Number::from_f64(value).map(Value::Number).ok_or(NotData::Number(value));
    }
    if let Ok(value) = value.as_immutable_string_ref() {
        return Ok(value.as_str().into());
    }
    if let Ok(value) = value.as_char() {
        return Ok(value.to_string().into());
    }
    if let Some(items) = value.read_lock::<Array>() {
        return items.iter().map(|item| convert(item, depth + 1, secrets)).collect();
    }
    if let Some(entries) = value.read_lock::<Map>() {
        let convert =
            |(name, value): (&rhai::Identifier, &Dynamic)| Ok((name.to_string(), convert(value, depth + 1, secrets)?));
        return entries.iter().map(convert).collect::<Result<serde_json::Map<_, _>, _>>().map(Value::Object);
    }
    match secrets.of(value) {
        Some(text) => Ok(text.into()),
        None if value.is::<ScriptSecret>() => Err(NotData::Secret),
        None => Err(NotData::Kind(noun(value))),
    }
}

/// What a person would call a value, for an error message.
pub(crate) fn noun(value: &Dynamic) -> String {
    match value.type_name() {
        "()" => "()".to_owned(),
        "bool" => value.to_string(),
        "i64" => format!("the integer {value}"),
        "f64" => format!("the number {value}"),
        "string" | "char" => "a string".to_owned(),
        "array" => "an array".to_owned(),
        "map" => "a map".to_owned(),
        "Fn" => "a function".to_owned(),
        _ if value.is::<ScriptSecret>() => format!("a secret, and {ONLY}"),
        other => format!("a {}", script_type(other)),
    }
}

/// What tells a text apart from every other.
pub(crate) fn digest(text: &str) -> String {
    format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(text)[..16]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_data_survives_the_way_there_and_back() {
        let text = r#"{"a":[1,2.5,null,true,"x"],"b":{"c":"ü"}}"#;
        let value = from_json(text).expect("it is JSON");
        assert_eq!(to_json(&value).expect("it is data"), text);
        assert_eq!(from_content("no json").to_string(), "no json");
        assert!(from_content("").is_unit());
    }

    #[test]
    fn a_plain_value_is_what_comes_back_of_it() {
        let mut map = Map::new();
        map.insert("c".into(), 'ü'.into());
        map.insert("shared".into(), Dynamic::from('x').into_shared());
        map.insert("float".into(), 0.1.into());
        let mut value: Dynamic = vec!['a'.into(), Dynamic::from(map).into_shared(), 1.into(), Dynamic::UNIT].into();
        make_plain(&mut value);
        let kept = from_json(&to_json(&value).expect("it is data")).expect("it is JSON");
        assert_eq!(format!("{value:?}"), format!("{kept:?}"));
    }

    #[test]
    fn text_that_scripts_do_not_read_as_it_is_written_is_known() {
        let limits = Limits { string: 10, array: 3, ..Limits::default() };
        let depth = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let whole = "expected a whole number of 64 bits (from -9223372036854775808 to 9223372036854775807), or one such as 1e20";
        for (text, reason) in [
            ("[1, 2, 3, 4]".to_owned(), "it has more than 3 elements in its arrays (limits.array)".to_owned()),
            ("[1, [2, 3]]".to_owned(), "it has more than 3 elements in its arrays (limits.array)".to_owned()),
            (
                r#"{"a": 1, "b": 2, "c": 3, "d": 4}"#.to_owned(),
                "it has more than 3 entries in its maps (limits.array)".to_owned(),
            ),
            (r#"["seven 7", "four"]"#.to_owned(), "it has more than 10 bytes of texts (limits.string)".to_owned()),
            ("9223372036854775808".to_owned(), format!("found 9223372036854775808, {whole}")),
            (r#"["\"", -9223372036854775809]"#.to_owned(), format!("found -9223372036854775809, {whole}")),
            ("[1".to_owned(), "it is no JSON: EOF while parsing a list at line 1 column 2".to_owned()),
        ] {
            assert_eq!(check_readable(&text, &limits).map_err(|error| error.to_string()), Err(reason), "{text}");
        }
        for text in [
            "[1, 2, 3]",
            "9223372036854775807",
            "[-9223372036854775808, -0, 0.5]",
            "1e20",
            "12345678901234567890.5",
            r#""\"99999""#,
            r#"{"1234567890123456789012": true}"#,
            "null",
        ] {
            let roomy = Limits { string: 100, ..limits };
            assert_eq!(check_readable(text, &roomy), Ok(()), "{text}");
        }
        let roomy = Limits::default();
        assert_eq!(check_readable(&depth(MAX_DEPTH), &roomy), Ok(()));
        assert_eq!(check_readable(&depth(MAX_DEPTH + 1), &roomy), Err(NotReadable::Depth));
    }

    #[test]
    fn what_is_no_data_is_named() {
        let function: Dynamic = rhai::FnPtr::new("f").expect("a name").into();
        assert_eq!(to_json(&function), Err(NotData::Kind("a function".into())));
        let mut deep = Dynamic::UNIT;
        for _ in 0..200 {
            deep = vec![deep].into();
        }
        assert_eq!(to_json(&deep), Err(NotData::Depth));
        assert!(matches!(to_json(&f64::NAN.into()), Err(NotData::Number(_))));
    }
}
