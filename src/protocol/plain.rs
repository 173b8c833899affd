//! JSON as it usually arrives, read in one pass: an object of texts, whole numbers and nulls, without characters by their numbers.
//!
//! What is written otherwise is no error here. It is left to serde, which alone knows what is legal.

use std::borrow::Cow;
use std::ops::Range;

/// A whole number of so many digits fits into 64 bits.
const DIGITS: usize = 18;

/// Reads the fields of an object, one after the other.
///
/// Its methods give `None` where the object is not plain. Nothing is to be made then of what was read of it.
pub(super) struct PlainObject<'a> {
    text: &'a str,
    at: usize,
    is_first: bool,
    /// Which fields were read, by the bits that the reader of the object gave them.
    read: u8,
}

/// Where a value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Plain {
    Null,
    /// The digits of a whole number that has no sign.
    Whole(Range<usize>),
    /// A string, without its quotes.
    Text {
        inner: Range<usize>,
        has_escapes: bool,
    },
    /// An object without fields.
    Empty,
}

impl<'a> PlainObject<'a> {
    pub(super) fn open(text: &'a str) -> Option<Self> {
        let mut object = Self { text, at: 0, is_first: true, read: 0 };
        object.take(b'{')?;
        Some(object)
    }

    /// The next key; nothing is left to be read after the last.
    #[inline]
    pub(super) fn key(&mut self) -> Option<Option<&'a [u8]>> {
        let is_first = std::mem::replace(&mut self.is_first, false);
        match self.peek()? {
            b'}' => {
                self.at += 1;
                return self.peek().is_none().then_some(None);
            }
            b',' if !is_first => self.at += 1,
            _ if !is_first => return None,
            _ => {}
        }
        self.take(b'"')?;
        let (bytes, start) = (self.text.as_bytes(), self.at);
        self.at = stop(bytes, start);
        let key = &bytes[start..self.at];
        (*bytes.get(self.at)? == b'"').then(|| self.at += 1)?;
        self.take(b':')?;
        Some(Some(key))
    }

    /// Notes that a field is read. Of one that stands twice serde makes an error.
    #[inline]
    pub(super) fn once(&mut self, bit: u8) -> Option<()> {
        let is_new = self.read & (1 << bit) == 0;
        self.read |= 1 << bit;
        is_new.then_some(())
    }

    /// The text of a string; inner `None` for null.
    pub(super) fn text(&mut self) -> Option<Option<Cow<'a, str>>> {
        if self.peek()? == b'n' {
            return self.null().map(|()| None);
        }
        self.take(b'"')?;
        let start = self.at;
        let stop = stop(self.text.as_bytes(), start);
        if self.text.as_bytes().get(stop)? == &b'"' {
            self.at = stop + 1;
            return Some(Some(Cow::Borrowed(&self.text[start..stop])));
        }
        let (text, end) = unescape(self.text, start, stop)?;
        self.at = end + 1;
        Some(Some(Cow::Owned(text)))
    }

    /// A whole number; inner `None` for null.
    pub(super) fn number(&mut self) -> Option<Option<i64>> {
        match self.value()? {
            Plain::Null => Some(None),
            Plain::Whole(digits) => {
                let digits = &self.text.as_bytes()[digits];
                Some(Some(digits.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0'))))
            }
            Plain::Text { .. } | Plain::Empty => None,
        }
    }

    /// Any value, of which nothing is copied.
    #[inline]
    pub(super) fn value(&mut self) -> Option<Plain> {
        match self.peek()? {
            b'"' => {
                self.at += 1;
                let (inner, has_escapes) = self.rest_of_string()?;
                Some(Plain::Text { inner, has_escapes })
            }
            b'n' => self.null().map(|()| Plain::Null),
            b'{' => {
                self.at += 1;
                self.take(b'}').map(|()| Plain::Empty)
            }
            _ => self.whole().map(Plain::Whole),
        }
    }

    /// The first byte that is no space.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.as_bytes().get(self.at)?;
            if byte > b' ' || !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    #[inline]
    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn null(&mut self) -> Option<()> {
        self.text.as_bytes()[self.at..].starts_with(b"null").then(|| self.at += 4)
    }

    /// What stands up to the closing quote, and whether there are escapes in it.
    #[inline]
    fn rest_of_string(&mut self) -> Option<(Range<usize>, bool)> {
        let (bytes, start) = (self.text.as_bytes(), self.at);
        let mut at = stop(bytes, start);
        let is_plain = bytes.get(at)? == &b'"';
        while bytes.get(at)? != &b'"' {
            escaped(*bytes.get(at + 1).filter(|_| bytes[at] == b'\\')?)?;
            at = stop(bytes, at + 2);
        }
        self.at = at + 1;
        Some((start..at, !is_plain))
    }

    fn whole(&mut self) -> Option<Range<usize>> {
        let digits = &self.text.as_bytes()[self.at..];
        let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let is_plain = match digits.first()? {
            b'0' => length == 1,
            _ => (1..=DIGITS).contains(&length),
        };
        // A fraction or an exponent would follow at once.
        let is_over = matches!(digits.get(length), Some(b',' | b'}' | b' ' | b'\t' | b'\n' | b'\r'));
        let start = self.at;
        self.at += length;
        (is_plain && is_over).then_some(start..self.at)
    }
}

/// The text within the quotes of a legal JSON string. `None` where it has characters by their numbers, which can be damaged.
pub(super) fn unescaped(inner: &str) -> Option<String> {
    let stop = stop(inner.as_bytes(), 0);
    let (text, end) = unescape(inner, 0, stop)?;
    (end == inner.len()).then_some(text)
}

/// The text that begins at `start` and has its first escape at `stop`, and where it ends: at its closing quote, or with `text`.
///
/// Contents are full of quotes. Serde's own reader would grow its buffer piece by piece, and copy it in the end.
fn unescape(text: &str, start: usize, stop: usize) -> Option<(String, usize)> {
    let bytes = text.as_bytes();
    let mut out = vec![0; bytes.len() - start];
    out[..stop - start].copy_from_slice(&bytes[start..stop]);
    let (mut at, mut length) = (stop, stop - start);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => break,
            b'\\' => {
                out[length] = escaped(*bytes.get(at + 1)?)?;
                at += 2;
                length += 1;
            }
            0..0x20 => return None,
            byte => {
                out[length] = *byte;
                at += 1;
                length += 1;
            }
        }
        // Copied before it is looked at: what follows the next special byte is written over.
        while let Some(word) = word(bytes, at) {
            out[length..length + WORD].copy_from_slice(word);
            let ordinary = ordinary(word);
            at += ordinary;
            length += ordinary;
            if ordinary < WORD {
                break;
            }
        }
    }
    out.truncate(length);
    // There was room for all that follows it: a short text in a long frame gives that back.
    if out.capacity() > 2 * length {
        out.shrink_to_fit();
    }
    Some((String::from_utf8(out).expect("only what is ASCII is taken out of it, or put in"), at))
}

/// The byte that an escape stands for, by the byte after its backslash.
fn escaped(byte: u8) -> Option<u8> {
    Some(match byte {
        b'"' | b'\\' | b'/' => byte,
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        _ => return None,
    })
}

/// So many bytes are looked at in one step.
const WORD: usize = size_of::<u64>();

fn word(bytes: &[u8], at: usize) -> Option<&[u8; WORD]> {
    bytes.get(at..)?.first_chunk()
}

/// Where the next byte stands that is special in a string, or the end.
#[inline]
fn stop(bytes: &[u8], mut at: usize) -> usize {
    while let Some(word) = word(bytes, at) {
        let ordinary = ordinary(word);
        at += ordinary;
        if ordinary < WORD {
            return at;
        }
    }
    while bytes.get(at).is_some_and(|byte| !is_special(*byte)) {
        at += 1;
    }
    at
}

/// What ends a string, begins an escape, or has to be one.
fn is_special(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | 0..0x20)
}

/// How many bytes stand before the first special one.
#[inline]
fn ordinary(word: &[u8; WORD]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; WORD]);
    const HIGH: u64 = ONES << 7;
    let word = u64::from_le_bytes(*word);
    // The high bit of each byte that is less than `bound`, which is right for ASCII, and up to the first of them.
    let below = |word: u64, bound: u8| word.wrapping_sub(ONES * u64::from(bound));
    // With this bit turned, a quote stands next to the control characters, and both spaces above it.
    let special = below(word ^ (ONES * 2), 0x21) | below(word ^ (ONES * u64::from(b'\\')), 1);
    (special & !word & HIGH).trailing_zeros() as usize / 8
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    /// Values that are no usual texts, and some that are none at all.
    const ODD: &[&str] = &[
        "null",
        "{}",
        "{ }",
        "0",
        "7",
        "-7",
        "-0",
        "01",
        "1.0",
        "1e3",
        "true",
        "[]",
        "NaN",
        "nul",
        "",
        "\"",
        "\"\\\"",
        "999999999999999999",
        "9223372036854775807",
        "123456789012345678901",
        "{\"a\":1}",
        "\"7\"",
        "\" 7 \"",
        "\"1.5\"",
        "\"{}\"",
        "\"\\u00fc\"",
        "\"\\ud83e\"",
        "\"\\/\\b\\f\\n\\r\\t\"",
        "\"\\x\"",
        "\"a\tb\"",
        "\"OnNotify\"",
        "\"OnLogin\"",
    ];

    /// Objects with fields of these names, many of them plain, some damaged.
    pub(in crate::protocol) fn objects(keys: &'static [&'static str]) -> impl Strategy<Value = String> {
        let text = "[ -~ü🦀\n]{0,20}".prop_map(|text: String| serde_json::to_string(&text).expect("a text"));
        let value = prop_oneof![3 => text, 2 => select(ODD).prop_map(str::to_owned)];
        let space = || prop_oneof![6 => Just(""), 1 => select(&[" ", "\n", "\t \r", "\u{a0}", "x"][..])];
        let key = prop_oneof![9 => select(keys), 1 => select(&["new", "", "n\\\"w", "\\u0069d"][..])];
        let field = (space(), key, space(), space(), value, space());
        let field = field.prop_map(|(a, key, b, c, value, d)| format!("{a}\"{key}\"{b}:{c}{value}{d}"));
        let comma = prop_oneof![19 => Just(","), 1 => select(&["", ",,", ";"][..])];
        let ends =
            prop_oneof![9 => Just(("{", "}")), 1 => select(&[("{", "},"), ("{", ",}"), ("[", "]"), ("{", "")][..])];
        let fields = prop::collection::vec(field, 0..6);
        (space(), ends, fields, comma, space()).prop_map(|(before, (open, close), fields, comma, after)| {
            format!("{before}{open}{}{close}{after}", fields.join(comma))
        })
    }

    #[test]
    fn a_short_text_keeps_no_room_for_what_follows_it() {
        let text = format!(r#"{{"a":"x\ny","b":"{}"}}"#, "z".repeat(1000));
        let mut object = PlainObject::open(&text).expect("an object");
        assert_eq!(object.key(), Some(Some(&b"a"[..])));
        let Some(Some(Cow::Owned(short))) = object.text() else { panic!("a text with an escape") };
        assert_eq!(short, "x\ny");
        assert!(short.capacity() <= 2 * short.len(), "{}", short.capacity());
    }

    #[test]
    fn the_first_special_byte_is_found_wherever_it_stands() {
        for byte in 0..=u8::MAX {
            for at in 0..20 {
                for filler in [b'a', b' ', b'!', b'#', b'[', b']', 0x7f, 0x80, 0xff] {
                    let mut bytes = [filler; 20];
                    bytes[at] = byte;
                    assert_eq!(stop(&bytes, 0), if is_special(byte) { at } else { 20 }, "{byte} at {at} in {filler}");
                }
            }
        }
    }
}
