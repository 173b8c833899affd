//! Reading TOML with places: every key and value knows where it stands. What the keys mean is not here.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, ConfigPosition};
use crate::language::duration::parse_duration;
use crate::language::settings::{SecretText, SettingValue};
use crate::language::spelling::did_you_mean;
use crate::session::without_credentials;

/// The text of a configuration, where it comes from, and the environment that its `${NAME}`s refer to.
pub(super) struct ConfigText<'a> {
    pub(super) text: &'a str,
    pub(super) path: &'a Path,
    pub(super) env: &'a dyn Fn(&str) -> Option<String>,
}

impl ConfigText<'_> {
    pub(super) fn place(&self, offset: usize) -> ConfigPosition {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        ConfigPosition {
            path: self.path.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }

    /// A path of the configuration: relative to the file's folder.
    pub(super) fn resolve(&self, path: &str) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(path)
    }

    pub(super) fn document(&self) -> Result<Spanned<DeTable<'_>>, ConfigError> {
        DeTable::parse(self.text).map_err(|error| ConfigError::Syntax {
            place: self.place(error.span().map_or(0, |span| span.start)),
            message: error.message().to_owned(),
        })
    }
}

/// A table whose keys are all known.
pub(super) struct Table<'a> {
    pub(super) source: &'a ConfigText<'a>,
    name: String,
    at: usize,
    entries: &'a DeTable<'a>,
}

impl<'a> Table<'a> {
    /// Takes a table after checking that it has only `known` keys.
    pub(super) fn new(
        source: &'a ConfigText<'a>,
        name: &str,
        at: usize,
        entries: &'a DeTable<'a>,
        known: &[&str],
    ) -> Result<Self, ConfigError> {
        let strangers = entries.keys().filter(|key| !known.contains(&key.get_ref().as_ref()));
        // The first in the file, so that a person mends it from top to bottom.
        match strangers.min_by_key(|key| key.span().start) {
            Some(key) => Err(ConfigError::UnknownKey {
                place: source.place(key.span().start),
                key: key.get_ref().to_string(),
                table: name.to_owned(),
                suggestion: did_you_mean(key.get_ref(), known.iter().copied()),
            }),
            None => Ok(Self { source, name: name.to_owned(), at, entries }),
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<ConfigValue<'a>> {
        let (name, value) = self.entries.get_key_value(key)?;
        Some(ConfigValue { source: self.source, key: name.get_ref().to_string(), value })
    }

    /// The value of a key, read by `read`, where the key is there.
    pub(super) fn read<T>(
        &self,
        key: &str,
        read: impl FnOnce(&ConfigValue<'a>) -> Result<T, ConfigError>,
    ) -> Result<Option<T>, ConfigError> {
        self.get(key).map(|item| read(&item)).transpose()
    }

    pub(super) fn require(&self, key: &'static str, expected: &str) -> Result<ConfigValue<'a>, ConfigError> {
        self.get(key).ok_or_else(|| self.missing(key, expected))
    }

    pub(super) fn missing(&self, key: &'static str, expected: &str) -> ConfigError {
        ConfigError::Missing { place: self.place(), key, table: self.name.clone(), expected: expected.to_owned() }
    }

    pub(super) fn place(&self) -> ConfigPosition {
        self.source.place(self.at)
    }
}

/// One value with its key.
#[derive(Clone)]
pub(super) struct ConfigValue<'a> {
    source: &'a ConfigText<'a>,
    pub(super) key: String,
    value: &'a Spanned<DeValue<'a>>,
}

impl<'a> ConfigValue<'a> {
    pub(super) fn place(&self) -> ConfigPosition {
        self.source.place(self.value.span().start)
    }

    pub(super) fn wrong(&self, expected: &str) -> ConfigError {
        let found = match self.value.get_ref() {
            // A string is quoted as it was written, before `${NAME}` is filled in, and a secret never.
            DeValue::String(_) if self.is_secret() => "another string".to_owned(),
            DeValue::String(text) if self.key == "gateway" => format!("\"{}\"", without_credentials(text)),
            DeValue::String(text) => format!("\"{text}\""),
            DeValue::Integer(number) => format!("the integer {number}"),
            DeValue::Float(number) => format!("the number {number}"),
            DeValue::Boolean(value) => value.to_string(),
            DeValue::Datetime(_) => "a date".to_owned(),
            DeValue::Array(_) => "an array".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        };
        ConfigError::Wrong { place: self.place(), key: self.key.clone(), found, expected: expected.to_owned() }
    }

    /// What the message must not repeat: passwords, tokens, and urls that may hold some.
    fn is_secret(&self) -> bool {
        matches!(self.key.as_str(), "password" | "auth_token" | "channel_secret" | "channel_token" | "connect_via")
    }

    pub(super) fn is_table(&self) -> bool {
        self.value.get_ref().is_table()
    }

    /// A string, its `${NAME}`s filled in.
    pub(super) fn text(&self, expected: &str) -> Result<String, ConfigError> {
        let raw = self.value.get_ref().as_str().ok_or_else(|| self.wrong(expected))?;
        self.fill_in(raw)
    }

    /// `$${` stands for a literal `${`.
    fn fill_in(&self, raw: &str) -> Result<String, ConfigError> {
        let mut filled = String::with_capacity(raw.len());
        let mut rest = raw;
        while let Some(at) = rest.find("${") {
            let (before, from) = rest.split_at(at);
            if let Some(literal) = before.strip_suffix('$') {
                filled.push_str(literal);
                filled.push_str("${");
                rest = &from[2..];
                continue;
            }
            filled.push_str(before);
            let name = from[2..].split_once('}').map(|(name, _)| name).filter(|name| is_variable(name));
            let name = name.ok_or_else(|| ConfigError::Conflict {
                place: self.place(),
                message: format!(
                    "\"{}\" holds \"${{\" without a name and \"}}\" after it (\"$${{\" stands for the characters themselves)",
                    self.key
                ),
            })?;
            let value = (self.source.env)(name).ok_or_else(|| ConfigError::UnsetVariable {
                place: self.place(),
                key: self.key.clone(),
                name: name.to_owned(),
            })?;
            filled.push_str(&value);
            rest = &from[name.len() + 3..];
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// A string that is not empty.
    pub(super) fn name(&self, expected: &str) -> Result<String, ConfigError> {
        self.text(expected).and_then(|text| if text.trim().is_empty() { Err(self.wrong(expected)) } else { Ok(text) })
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Result<T, ConfigError> {
        let names: Vec<_> = choices.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        let expected = match names.as_slice() {
            [only] => only.clone(),
            [most @ .., last] => format!("{} or {last}", most.join(", ")),
            [] => String::new(),
        };
        let text = self.text(&expected)?;
        let found = choices.iter().find(|(name, _)| *name == text);
        found.map(|(_, choice)| *choice).ok_or_else(|| self.wrong(&expected))
    }

    pub(super) fn duration(&self) -> Result<Duration, ConfigError> {
        let expected = "a duration such as \"2s\", \"10m\" or \"1h30m\"";
        let duration = parse_duration(&self.text(expected)?).map_err(|_| self.wrong(expected))?;
        if duration.is_zero() { Err(self.wrong("a duration above zero")) } else { Ok(duration) }
    }

    /// A number of bytes: an integer, or text such as `"64 MiB"`.
    pub(super) fn size(&self) -> Result<usize, ConfigError> {
        let expected = "a size above zero such as \"64 KiB\", \"1 MiB\" or a number of bytes";
        let bytes = match self.value.get_ref() {
            DeValue::Integer(_) => self.integer(),
            _ => parse_size(&self.text(expected)?),
        };
        bytes.filter(|bytes| *bytes > 0).and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| self.wrong(expected))
    }

    /// A whole number from 1.
    pub(super) fn count(&self) -> Result<u64, ConfigError> {
        self.integer().filter(|count| *count > 0).ok_or_else(|| self.wrong("a whole number above zero"))
    }

    pub(super) fn port(&self) -> Result<u16, ConfigError> {
        let port = self.integer().and_then(|number| u16::try_from(number).ok()).filter(|port| *port > 0);
        port.ok_or_else(|| self.wrong("a port from 1 to 65535"))
    }

    /// A value that a script reads.
    pub(super) fn setting(&self) -> Result<SettingValue, ConfigError> {
        Ok(match self.value.get_ref() {
            DeValue::Boolean(value) => SettingValue::Bool(*value),
            DeValue::Datetime(date) => SettingValue::Text(date.to_string()),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map(SettingValue::Integer)
                .map_err(|_| self.wrong("a whole number of 64 bits"))?,
            DeValue::Float(number) => {
                let number = number.as_str().parse().ok().filter(|number: &f64| number.is_finite());
                SettingValue::Float(number.ok_or_else(|| self.wrong("a number that is finite"))?)
            }
            DeValue::String(raw) => {
                let text = self.fill_in(raw)?;
                if refers(raw) { SettingValue::Secret(SecretText::new(text)) } else { SettingValue::Text(text) }
            }
            DeValue::Array(_) | DeValue::Table(_) => match (self.items(), self.entries()) {
                (Some(items), _) => SettingValue::List(items.map(|item| item.setting()).collect::<Result<_, _>>()?),
                (_, entries) => {
                    let entry = |entry: ConfigValue<'_>| Ok((entry.key.clone(), entry.setting()?));
                    SettingValue::Table(entries.into_iter().flatten().map(entry).collect::<Result<_, _>>()?)
                }
            },
        })
    }

    fn integer(&self) -> Option<u64> {
        let integer = self.value.get_ref().as_integer()?;
        u64::from_str_radix(integer.as_str(), integer.radix()).ok()
    }

    pub(super) fn list<T>(
        &self,
        expected: &str,
        read: impl Fn(&ConfigValue<'a>) -> Result<T, ConfigError>,
    ) -> Result<Vec<T>, ConfigError> {
        let items = self.value.get_ref().as_array().ok_or_else(|| self.wrong(expected))?;
        let item = |value| ConfigValue { source: self.source, key: self.key.clone(), value };
        items.iter().map(|value| read(&item(value))).collect()
    }

    /// Its items.
    pub(super) fn items(&self) -> Option<impl Iterator<Item = ConfigValue<'a>>> {
        let items = self.value.get_ref().as_array()?;
        Some(items.iter().map(|value| ConfigValue { source: self.source, key: self.key.clone(), value }))
    }

    /// The entries of a table with names of one's own.
    pub(super) fn entries(&self) -> Option<impl Iterator<Item = ConfigValue<'a>>> {
        let entries = self.value.get_ref().as_table()?;
        let entry = |(name, value): (&Spanned<_>, &'a _)| {
            let key: &Cow<'_, str> = name.get_ref();
            ConfigValue { source: self.source, key: key.to_string(), value }
        };
        Some(entries.iter().map(entry))
    }

    pub(super) fn table(&self, name: &str, expected: &str, known: &[&str]) -> Result<Table<'a>, ConfigError> {
        let entries = self.value.get_ref().as_table().ok_or_else(|| self.wrong(expected))?;
        Table::new(self.source, name, self.value.span().start, entries, known)
    }
}

/// Whether a text holds the value of a variable.
fn refers(raw: &str) -> bool {
    raw.replace("$${", "").contains("${")
}

fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|letter: char| letter.is_ascii_digit())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let (digits, unit) = text.split_at(text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len()));
    let factor = match unit.trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_number_with_a_unit() {
        for (text, bytes) in [
            ("1 MiB", Some(1 << 20)),
            ("64KiB", Some(65_536)),
            ("2 GB", Some(2_000_000_000)),
            ("12", Some(12)),
            ("1 mib", None),
            ("MiB", None),
            ("-1 MiB", None),
            ("99999999999999999999 B", None),
        ] {
            assert_eq!(parse_size(text), bytes, "{text}");
        }
    }
}
