//! Makes legal JSON of damaged JSON, so that one bad field costs that field.
//!
//! Nothing here is on the way of what arrives whole: serde reads that, and only what serde refuses comes here. What is no
//! JSON at all, a text that is cut off among it, is not mended.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde_json::Value;

use super::damage::{Damage, Damages};

/// How deeply arrays and objects may be nested; what lies deeper reads as null.
pub const MAX_DEPTH: usize = 100;

/// Damaged JSON, mended.
#[derive(Debug)]
pub struct Mended {
    /// Legal JSON.
    pub text: String,
    /// What was wrong.
    pub damages: Damages,
    /// What was wrong first, but for repeated keys, and the outermost key that it stands under.
    pub first: Option<(String, Damage)>,
}

/// Mends JSON text. `None` means that it is none, however it is read.
///
/// A text that is no object stands for itself: neither a word nor what follows a value makes JSON of it.
pub fn mend(text: &str) -> Option<Mended> {
    let mut reader = Reader { text, at: 0, damages: Damages::default(), latest: None, first: None };
    if text.starts_with('\u{feff}') {
        reader.damages.insert(Damage::Surplus);
        reader.at = '\u{feff}'.len_utf8();
    }
    let node = reader.value(0)?;
    if reader.peek().is_some() {
        reader.damages.insert(Damage::Surplus);
    }
    if reader.damages.contains(Damage::Surplus) && !matches!(node, Node::Object(_)) {
        return None;
    }
    let mut mended = String::with_capacity(text.len());
    node.write(&mut mended);
    Some(Mended { text: mended, damages: reader.damages, first: reader.first })
}

/// The value that a text stands for, mended where that is needed, with what was wrong. `None` means that it is no JSON.
pub fn read_value(text: &str, damages: &mut Damages) -> Option<Value> {
    serde_json::from_str(text).ok().or_else(|| {
        let mended = mend(text)?;
        damages.extend(mended.damages);
        serde_json::from_str(&mended.text).ok()
    })
}

/// A value whose scalars are legal JSON text.
enum Node<'a> {
    Scalar(Cow<'a, str>),
    Array(Vec<Node<'a>>),
    Object(BTreeMap<String, Node<'a>>),
}

impl Node<'_> {
    const NULL: Self = Self::Scalar(Cow::Borrowed("null"));

    fn write(&self, out: &mut String) {
        match self {
            Self::Scalar(text) => out.push_str(text),
            Self::Array(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
            Self::Object(fields) => {
                out.push('{');
                for (index, (key, field)) in fields.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    out.push_str(&Value::from(key.as_str()).to_string());
                    out.push(':');
                    field.write(out);
                }
                out.push('}');
            }
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    damages: Damages,
    latest: Option<Damage>,
    first: Option<(String, Damage)>,
}

impl<'a> Reader<'a> {
    fn note(&mut self, damage: Damage) {
        self.damages.insert(damage);
        self.latest = Some(damage);
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
        self.text.as_bytes().get(self.at).copied()
    }

    /// Passes over a byte where it comes next.
    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// Reads a value that lies in so many others.
    fn value(&mut self, depth: usize) -> Option<Node<'a>> {
        match self.peek()? {
            b'{' | b'[' if depth >= MAX_DEPTH => {
                self.note(Damage::Depth);
                self.pass_over()?;
                Some(Node::NULL)
            }
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => self.string().map(Node::Scalar),
            _ => self.word(depth),
        }
    }

    fn object(&mut self, depth: usize) -> Option<Node<'a>> {
        self.at += 1;
        let mut fields = BTreeMap::new();
        if self.take(b'}') {
            return Some(Node::Object(fields));
        }
        loop {
            if self.peek()? != b'"' {
                return None;
            }
            let key = self.string()?;
            let key: String = serde_json::from_str(&key).ok()?;
            if !self.take(b':') {
                return None;
            }
            let field = match self.peek()? {
                b',' | b'}' => {
                    self.note(Damage::NoValue);
                    Node::NULL
                }
                letter if letter.is_ascii_alphabetic() => self.word(depth + 1).unwrap_or_else(|| {
                    self.note(Damage::NoValue);
                    Node::NULL
                }),
                _ => self.value(depth + 1)?,
            };
            if depth == 0 && self.first.is_none() {
                self.first = self.latest.map(|damage| (key.clone(), damage));
            }
            match fields.entry(key) {
                Entry::Vacant(entry) => {
                    entry.insert(field);
                }
                Entry::Occupied(mut entry) => {
                    self.damages.insert(Damage::RepeatedKey);
                    entry.insert(field);
                }
            }
            if self.take(b'}') {
                return Some(Node::Object(fields));
            }
            if !self.take(b',') {
                return None;
            }
        }
    }

    fn array(&mut self, depth: usize) -> Option<Node<'a>> {
        self.at += 1;
        let mut items = Vec::new();
        if self.take(b']') {
            return Some(Node::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.take(b']') {
                return Some(Node::Array(items));
            }
            if !self.take(b',') {
                return None;
            }
        }
    }

    /// A number, `true`, `false`, `null`, or one of the words that other languages write for a number that is none.
    fn word(&mut self, depth: usize) -> Option<Node<'a>> {
        let rest = &self.text[self.at..];
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '+' | '-' | '.' | '_');
        let word = &rest[..rest.find(|letter| !is_part(letter)).unwrap_or(rest.len())];
        self.at += word.len();
        if serde_json::from_str::<Value>(word).is_ok() {
            return Some(Node::Scalar(Cow::Borrowed(word)));
        }
        if depth == 0 {
            return None;
        }
        self.note(wrong_number(word)?);
        Some(Node::NULL)
    }

    /// A string as legal JSON text, its quotes included.
    fn string(&mut self) -> Option<Cow<'a, str>> {
        let start = self.at;
        let mut mended = String::new();
        // What stands before this is in `mended`.
        let mut copied = start;
        self.at += 1;
        loop {
            let rest = &self.text.as_bytes()[self.at..];
            self.at += rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))?;
            let here = self.at;
            let (damage, instead) = match self.text.as_bytes()[here] {
                b'"' => break,
                b'\\' => match self.escape() {
                    Some(damage) => (damage, Cow::Borrowed("\\ufffd")),
                    None => continue,
                },
                control => {
                    self.at += 1;
                    (Damage::Control, Cow::Owned(format!("\\u{control:04x}")))
                }
            };
            self.note(damage);
            mended.push_str(&self.text[copied..here]);
            mended.push_str(&instead);
            copied = self.at;
        }
        self.at += 1;
        let whole = &self.text[copied..self.at];
        Some(if copied == start { Cow::Borrowed(whole) } else { Cow::Owned(mended + whole) })
    }

    /// Passes over an escape, or over as much of it as is damaged, and gives what is wrong with it.
    fn escape(&mut self) -> Option<Damage> {
        let rest = &self.text.as_bytes()[self.at..];
        let Some(unit) = unit(rest) else {
            let is_whole = matches!(rest.get(1), Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't'));
            self.at += if is_whole { 2 } else { 1 };
            return (!is_whole).then_some(Damage::Escape);
        };
        self.at += 6;
        match unit {
            0xd800..0xdc00 if rest.get(6..).and_then(self::unit).is_some_and(|low| (0xdc00..0xe000).contains(&low)) => {
                self.at += 6;
                None
            }
            0xd800..0xe000 => Some(Damage::HalfCharacter),
            _ => None,
        }
    }

    /// Passes over an array or object, however deep it is, without looking at what it holds.
    fn pass_over(&mut self) -> Option<()> {
        let mut open = 0_usize;
        loop {
            match self.peek()? {
                b'{' | b'[' => open += 1,
                b'}' | b']' => open -= 1,
                b'"' => {
                    self.string()?;
                    continue;
                }
                _ => {}
            }
            self.at += 1;
            if open == 0 {
                return Some(());
            }
        }
    }
}

/// The unit of UTF-16 that an escape such as `\ud83d` stands for.
fn unit(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | u16::try_from(char::from(*digit).to_digit(16)?).ok()?))
}

/// What is wrong with a word that should be a number; `None` where it is no attempt at one.
fn wrong_number(word: &str) -> Option<Damage> {
    let name = word.trim_start_matches(['+', '-']).to_ascii_lowercase();
    if matches!(name.as_str(), "nan" | "inf" | "infinity" | "undefined") {
        return Some(Damage::NoNumber);
    }
    let is_number = word.bytes().any(|byte| byte.is_ascii_digit())
        && word.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E'));
    // One that is well-formed is refused only for its size.
    let is_too_large = word.parse().is_ok_and(f64::is_infinite);
    is_number.then_some(if is_too_large { Damage::Range } else { Damage::NoNumber })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mended(text: &str) -> (String, Vec<Damage>) {
        let mended = mend(text).unwrap_or_else(|| panic!("{text} can be mended"));
        serde_json::from_str::<Value>(&mended.text).unwrap_or_else(|error| panic!("{error} in {}", mended.text));
        (mended.text, mended.damages.iter().collect())
    }

    #[test]
    fn the_damaged_part_is_lost_and_the_rest_lives() {
        use Damage::*;
        for (text, expected, damage) in [
            (r#"{"a":"\ud83d","b":1}"#, r#"{"a":"\ufffd","b":1}"#, HalfCharacter),
            (r#"{"a":"x\ude00y"}"#, r#"{"a":"x\ufffdy"}"#, HalfCharacter),
            (r#"{"a":"\ude00\ud83d"}"#, r#"{"a":"\ufffd\ufffd"}"#, HalfCharacter),
            (r#"{"a":"\ud83d\ud83d\ude00"}"#, r#"{"a":"\ufffd\ud83d\ude00"}"#, HalfCharacter),
            (r#"{"a":"\uD83Dn"}"#, r#"{"a":"\ufffdn"}"#, HalfCharacter),
            (r#"{"a\ud83d":1}"#, "{\"a\u{fffd}\":1}", HalfCharacter),
            (r#"["\ud83d"]"#, r#"["\ufffd"]"#, HalfCharacter),
            (r#""\ud83d""#, r#""\ufffd""#, HalfCharacter),
            (r#"{"a":"it\'s"}"#, r#"{"a":"it\ufffd's"}"#, Escape),
            (r#"{"a":"\u12"}"#, r#"{"a":"\ufffdu12"}"#, Escape),
            (r#"{"a":"\u+123"}"#, r#"{"a":"\ufffdu+123"}"#, Escape),
            ("{\"a\":\"x\ny\0\"}", r#"{"a":"x\u000ay\u0000"}"#, Control),
            (r#"{"a":1,"b":2,"a":3}"#, r#"{"a":3,"b":2}"#, RepeatedKey),
            (r#"{"a":1,"\u0061":[3]}"#, r#"{"a":[3]}"#, RepeatedKey),
            (r#"{"a":NaN,"b":1}"#, r#"{"a":null,"b":1}"#, NoNumber),
            (r#"[-Infinity]"#, "[null]", NoNumber),
            (r#"{"a":01,"b":1}"#, r#"{"a":null,"b":1}"#, NoNumber),
            (r#"{"a":[1e400,-1e400]}"#, r#"{"a":[null,null]}"#, Range),
            (r#"{"a": ,"b":1}"#, r#"{"a":null,"b":1}"#, NoValue),
            (r#"{"a":}"#, r#"{"a":null}"#, NoValue),
            (r#"{"a":None,"b":1}"#, r#"{"a":null,"b":1}"#, NoValue),
            ("{\"a\":1}\0\0", r#"{"a":1}"#, Surplus),
            ("\u{feff}{\"a\":1} {", r#"{"a":1}"#, Surplus),
        ] {
            assert_eq!(mended(text), (expected.to_owned(), vec![damage]), "{text}");
        }
        let several = mended(r#"{"a":"\ud83d","b":NaN,"b":{"c":1e999}}"#);
        assert_eq!(several.0, r#"{"a":"\ufffd","b":{"c":null}}"#);
        assert_eq!(several.1, [HalfCharacter, RepeatedKey, NoNumber, Range]);
        let mended = mend(r#"{"x":1,"x":{"a":"ok"},"y":{"a":["\ud800"]},"z":NaN}"#).expect("an object");
        assert_eq!(mended.first, Some(("y".to_owned(), HalfCharacter)));
    }

    #[test]
    fn what_is_too_deep_is_lost_and_stops_no_stack() {
        for deep in [100, 101, 128, 200_000] {
            let text = format!(r#"{{"a":{}"]"{},"b":1}}"#, "[".repeat(deep - 1), "]".repeat(deep - 1));
            let (text, damages) = mended(&text);
            let read: Value = serde_json::from_str(&text).expect("the test reads it");
            assert_eq!(read["b"], 1);
            assert_eq!(damages, if deep > 100 { vec![Damage::Depth] } else { vec![] }, "{deep}");
        }
    }

    #[test]
    fn what_is_whole_stays_as_it_is() {
        for text in [
            r#"{"a":"\ud83d\ude00 \u00fc \" \\ \/ \b\f\n\r\t","b":[1,-2.5e-3,true,false,null,{}],"c":{}}"#,
            "[]",
            "18446744073709551615",
            "123456789012345678901234567890",
            r#"["ü😀"]"#,
        ] {
            assert_eq!(mended(text), (text.to_owned(), vec![]));
        }
    }

    #[test]
    fn what_is_no_json_is_left_alone() {
        for text in [
            "",
            " ",
            "{",
            "}",
            "[",
            "hello",
            "NaN",
            "1e400",
            "[ok]",
            "{a:1}",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":1,}",
            "{\"a\":x y}",
            "[1,]",
            "[1 2]",
            "[1] done",
            "\"a",
            "\"a\\",
            "{\"a\":\"b}",
            "1 2",
            "{\"a\":[[}",
            "\u{feff}[1]",
        ] {
            assert!(mend(text).is_none(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_mended_is_legal_and_needs_no_more(text in r#"[{}\[\]",:\\ud8c0-9a-fNe.+ \x00\x1f-]{0,60}"#) {
            if let Some(first) = mend(&text) {
                proptest::prop_assert!(serde_json::from_str::<Value>(&first.text).is_ok(), "{}", first.text);
                let second = mend(&first.text).expect("it is JSON");
                proptest::prop_assert!(second.damages.is_empty());
            }
        }

        #[test]
        fn what_serde_reads_is_read_as_it_does(text in r#"[{}\[\]",:\\ud8c0-9a-fe. -]{0,40}"#) {
            if let Ok(value) = serde_json::from_str::<Value>(&text) {
                let mended = mend(&text).expect("serde reads it");
                proptest::prop_assert_eq!(serde_json::from_str::<Value>(&mended.text).expect("legal"), value);
            }
        }
    }
}
