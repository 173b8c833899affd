//! Single values of JSON that was found legal, read without a copy where that is possible. What becomes of damaged ones is not
//! decided here.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::plain::unescaped;

/// A text or number in it is none that could be worked with.
pub(super) struct Damaged;

/// The text of a JSON string; `None` for any other value.
pub(super) fn string(raw: &RawValue) -> Result<Option<Cow<'_, str>>, Damaged> {
    // A borrowed string is only possible without escapes; serde's own Cow would always own.
    let text = raw.get();
    match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(inner) if !inner.contains('\\') => Ok(Some(Cow::Borrowed(inner))),
        Some(inner) => match unescaped(inner) {
            Some(text) => Ok(Some(Cow::Owned(text))),
            None => serde_json::from_str(text).map(|text: String| Some(Cow::Owned(text))).map_err(|_| Damaged),
        },
        None => Ok(None),
    }
}

/// The text of a JSON string, number or boolean, a number as it is written; `None` for any other value.
pub(super) fn scalar(raw: &RawValue) -> Result<Option<Cow<'_, str>>, Damaged> {
    let text = raw.get();
    match string(raw)? {
        Some(text) => Ok(Some(text)),
        None if text.starts_with(['{', '[']) || text == "null" => Ok(None),
        None if text.parse().is_ok_and(f64::is_infinite) => Err(Damaged),
        None => Ok(Some(Cow::Borrowed(text))),
    }
}
