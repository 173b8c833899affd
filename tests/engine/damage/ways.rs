//! The ways in which one field of a content is damaged, and what is to be seen of that field then.

use serde_json::Value;

/// What a script sees of the field.
#[derive(Debug, PartialEq)]
pub(super) enum Own {
    /// This.
    Is(Value),
    /// Something.
    Any,
    /// Nothing under its name; perhaps something under a damaged one.
    Gone,
}

/// One way to damage a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Way {
    LoneHigh,
    LoneLow,
    Reversed,
    Escape,
    Control,
    Key,
    Repeated,
    NoValue,
    Missing,
    Surplus,
    /// A word that is no value of JSON.
    Word(&'static str),
    /// A value that may be of another type.
    Value(&'static str),
    Number,
    Fraction,
    Huge,
    HugeText,
    Endless,
    Deep(usize),
}

pub(super) const WAYS: &[Way] = &[
    Way::LoneHigh,
    Way::LoneLow,
    Way::Reversed,
    Way::Escape,
    Way::Control,
    Way::Key,
    Way::Repeated,
    Way::NoValue,
    Way::Missing,
    Way::Surplus,
    Way::Word("NaN"),
    Way::Word("Infinity"),
    Way::Word("-Infinity"),
    Way::Word("1e400"),
    Way::Word("-1e400"),
    Way::Word("01"),
    Way::Word("undefined"),
    Way::Value("null"),
    Way::Value("{}"),
    Way::Value("[]"),
    Way::Value(r#"[1,{"a":null}]"#),
    Way::Value("true"),
    Way::Value("-1"),
    Way::Value("\"\""),
    Way::Number,
    Way::Fraction,
    Way::Huge,
    Way::HugeText,
    Way::Endless,
    Way::Deep(50),
    Way::Deep(200),
    Way::Deep(5_000),
];

impl Way {
    /// Whether the field has to have a name.
    pub(super) fn concerns_name(self) -> bool {
        matches!(self, Self::Key | Self::Repeated | Self::NoValue | Self::Missing)
    }

    /// Whether an id that is damaged so may be that of another message.
    pub(super) fn loses_identity(self) -> bool {
        matches!(self, Self::Value("true" | "-1"))
    }

    /// The damaged text of the value, and what is seen of it. `number` tells inputs apart.
    pub(super) fn value(self, value: &Value, number: usize) -> (String, Own) {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let quoted = Value::from(text.as_str()).to_string();
        let inner = &quoted[1..quoted.len() - 1];
        let lost = char::REPLACEMENT_CHARACTER;
        let is = |value: String| Own::Is(value.into());
        match self {
            Self::LoneHigh => (format!(r#""{inner}\ud83d""#), is(format!("{text}{lost}"))),
            Self::LoneLow => (format!(r#""\ude00{inner}""#), is(format!("{lost}{text}"))),
            Self::Reversed => (format!(r#""\ude00\ud83d{inner}""#), is(format!("{lost}{lost}{text}"))),
            Self::Escape => (format!(r#""{inner}\x""#), is(format!("{text}{lost}x"))),
            Self::Control => (format!("\"{inner}\u{1}\n\""), is(format!("{text}\u{1}\n"))),
            Self::Key | Self::Missing => (value.to_string(), Own::Gone),
            Self::Repeated | Self::Surplus => (value.to_string(), Own::Is(value.clone())),
            Self::NoValue => (String::new(), Own::Is(Value::Null)),
            Self::Word(word) => (word.to_owned(), Own::Is(Value::Null)),
            Self::Value(value) => (value.to_owned(), Own::Is(serde_json::from_str(value).expect("the table has JSON"))),
            Self::Number => (number.to_string(), Own::Is(number.into())),
            Self::Fraction => (format!("{number}.5"), Own::Any),
            Self::Huge => (format!("9{number:020}"), Own::Any),
            Self::HugeText => (format!("\"9{number:030}\""), is(format!("9{number:030}"))),
            Self::Endless => (format!("1{number:0400}"), Own::Is(Value::Null)),
            Self::Deep(depth) => (format!("{}{number}{}", "[".repeat(depth), "]".repeat(depth)), Own::Any),
        }
    }
}

/// Where a field is: names, and indices as texts.
pub(super) type Path = Vec<String>;

/// Every field of a value, at any depth, and every item of its arrays.
pub(super) fn paths(value: &Value) -> Vec<Path> {
    let inner = |name: String, value: &Value| {
        let below = paths(value).into_iter().map(|path| [vec![name.clone()], path].concat());
        std::iter::once(vec![name.clone()]).chain(below).collect::<Vec<_>>()
    };
    match value {
        Value::Object(fields) => fields.iter().flat_map(|(name, field)| inner(name.clone(), field)).collect(),
        Value::Array(items) => {
            items.iter().enumerate().flat_map(|(index, item)| inner(index.to_string(), item)).collect()
        }
        _ => Vec::new(),
    }
}

/// The JSON text of a value in which one field is damaged.
pub(super) fn write(value: &Value, path: &[String], way: Way, number: usize) -> String {
    let Some((step, rest)) = path.split_first() else { return value.to_string() };
    let part = |name: &str, part: &Value| match rest {
        _ if name != step => part.to_string(),
        [] => way.value(part, number).0,
        rest => write(part, rest, way, number),
    };
    match value {
        Value::Object(fields) => {
            let field = |(name, field): (&String, &Value)| {
                let value = part(name, field);
                match way {
                    _ if name != step || !rest.is_empty() => Some(format!("\"{name}\":{value}")),
                    Way::Missing => None,
                    Way::Key => Some(format!(r#""{name}\ud83d":{value}"#)),
                    Way::Repeated => Some(format!(r#""{name}":{{"x":[1]}},"{name}":{value}"#)),
                    _ => Some(format!("\"{name}\":{value}")),
                }
            };
            format!("{{{}}}", fields.iter().filter_map(field).collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => {
            let item = |(index, item): (usize, &Value)| part(&index.to_string(), item);
            format!("[{}]", items.iter().enumerate().map(item).collect::<Vec<_>>().join(","))
        }
        _ => unreachable!("only these have fields"),
    }
}

/// Takes a field out of a value, and gives it.
pub(super) fn take(value: &mut Value, path: &[String]) -> Option<Value> {
    let (step, rest) = path.split_first()?;
    match value {
        Value::Object(fields) if rest.is_empty() => {
            fields.remove(&format!("{step}{}", char::REPLACEMENT_CHARACTER));
            fields.remove(step)
        }
        Value::Object(fields) => take(fields.get_mut(step)?, rest),
        Value::Array(items) => {
            let item = items.get_mut(step.parse::<usize>().ok()?)?;
            if rest.is_empty() { Some(std::mem::take(item)) } else { take(item, rest) }
        }
        _ => None,
    }
}
