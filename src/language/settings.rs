//! What the configuration gives to scripts: settings, of which some are secrets, and the time zone. How they are written in a file
//! is not known here.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::spelling::did_you_mean;
use super::zone::Zone;

/// What a person sees in the place of a secret.
pub const VEIL: &str = "•••";

/// The settings of one script by their names.
pub type Section = BTreeMap<String, SettingValue>;

/// What the configuration gives to scripts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Setup {
    /// The settings.
    pub settings: ScriptSettings,
    /// Where times are read and written.
    pub zone: Zone,
}

/// The settings of all scripts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScriptSettings {
    /// Those that every script has.
    pub general: Section,
    /// Those that one script has alone, by its name.
    pub own: BTreeMap<String, Section>,
}

impl ScriptSettings {
    /// The settings of a script: its own over the general ones.
    pub fn of(&self, script: &str) -> Section {
        let mut section = self.general.clone();
        section.extend(self.own.get(script).cloned().unwrap_or_default());
        section
    }

    /// The value of a script's setting.
    pub(crate) fn get(&self, script: &str, name: &str) -> Option<&SettingValue> {
        self.own.get(script).and_then(|section| section.get(name)).or_else(|| self.general.get(name))
    }

    /// What is wrong with sections of scripts that are not there.
    pub(crate) fn strays(&self, scripts: &[&str]) -> Vec<String> {
        let strays = self.own.keys().filter(|name| !scripts.contains(&name.as_str()));
        strays
            .map(|name| {
                let meant = did_you_mean(name, scripts.iter().copied());
                format!("[settings.{name}] is for a script {name}, and there is none{meant}")
            })
            .collect()
    }
}

/// The value of a setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum SettingValue {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number. Invariant: it is finite.
    Float(f64),
    /// A text, or a date as one.
    Text(String),
    /// A list.
    List(Vec<SettingValue>),
    /// A table.
    Table(Section),
    /// What came from the environment.
    Secret(#[serde(skip)] SecretText),
}

// Numbers are finite, and so each value is equal to itself.
impl Eq for SettingValue {}

impl SettingValue {
    /// Whether it is a secret, or holds one.
    pub(crate) fn has_secret(&self) -> bool {
        match self {
            Self::Secret(_) => true,
            Self::List(items) => items.iter().any(Self::has_secret),
            Self::Table(entries) => entries.values().any(Self::has_secret),
            Self::Bool(_) | Self::Integer(_) | Self::Float(_) | Self::Text(_) => false,
        }
    }

    /// The value at the same place in another version.
    pub(crate) fn entry(&self, name: &str) -> Option<&Self> {
        if let Self::Table(entries) = self { entries.get(name) } else { None }
    }

    /// As [`entry`](Self::entry), in a list.
    pub(crate) fn item(&self, index: usize) -> Option<&Self> {
        if let Self::List(items) = self { items.get(index) } else { None }
    }
}

/// The text of a secret. It is never written down: what is read back has none.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretText(Option<Arc<str>>);

impl SecretText {
    /// A secret of this text.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(Some(text.into()))
    }

    /// Its text, where that is known.
    pub(crate) fn text(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(VEIL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> ScriptSettings {
        let secret = || SettingValue::Secret(SecretText::new("hush"));
        let general = [("limit", SettingValue::Integer(3)), ("key", secret())];
        let own = [
            ("limit", SettingValue::Float(0.1)),
            ("keys", SettingValue::List(vec![secret(), SettingValue::Bool(true)])),
        ];
        let section = |entries: Vec<(&str, SettingValue)>| {
            entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Section>()
        };
        ScriptSettings { general: section(general.into()), own: [("shop".to_owned(), section(own.into()))].into() }
    }

    #[test]
    fn a_scripts_own_settings_count_more_than_the_general_ones() {
        let settings = settings();
        assert_eq!(settings.of("other"), settings.general);
        let of_shop = settings.of("shop");
        assert_eq!(of_shop.keys().collect::<Vec<_>>(), ["key", "keys", "limit"]);
        assert_eq!(of_shop["limit"], SettingValue::Float(0.1));
        assert!(of_shop.iter().all(|(name, value)| settings.get("shop", name) == Some(value)));
    }

    #[test]
    fn what_is_written_down_of_settings_has_no_secret() {
        let of_shop = settings().of("shop");
        assert!(!format!("{of_shop:?}").contains("hush"), "{of_shop:?}");
        let text = serde_json::to_string(&of_shop).expect("it can be written");
        assert!(!text.contains("hush"), "{text}");
        let read: Section = serde_json::from_str(&text).expect("it can be read");
        assert_eq!(read["limit"], of_shop["limit"]);
        assert_eq!(read["key"], SettingValue::Secret(SecretText::default()));
        assert!(read["keys"].has_secret() && !read["limit"].has_secret());
    }

    #[test]
    fn a_section_for_no_script_is_named_with_the_one_that_may_be_meant() {
        let strays = settings().strays(&["other", "shops"]);
        assert_eq!(strays, ["[settings.shop] is for a script shop, and there is none; did you mean \"shops\"?"]);
        assert!(settings().strays(&["shop"]).is_empty());
    }
}
