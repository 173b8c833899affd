//! `[settings]` and `[settings.SCRIPT]`: what scripts read. What each setting means is theirs to know.

use super::error::ConfigError;
use super::read::ConfigValue;
use crate::language::settings::{ScriptSettings, Section};

/// Reads all settings. A table among them is for the script of its name.
pub(super) fn read_all(item: &ConfigValue<'_>) -> Result<ScriptSettings, ConfigError> {
    let mut settings = ScriptSettings::default();
    for entry in entries(item, "a table [settings]")? {
        if entry.is_table() {
            settings.own.insert(entry.key.clone(), read_section(&entry)?);
        } else {
            settings.general.insert(entry.key.clone(), entry.setting()?);
        }
    }
    Ok(settings)
}

fn read_section(item: &ConfigValue<'_>) -> Result<Section, ConfigError> {
    entries(item, "a table")?.map(|entry| Ok((entry.key.clone(), entry.setting()?))).collect()
}

fn entries<'a>(item: &ConfigValue<'a>, expected: &str) -> Result<impl Iterator<Item = ConfigValue<'a>>, ConfigError> {
    item.entries().ok_or_else(|| item.wrong(expected))
}
