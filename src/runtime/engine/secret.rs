//! Secrets as scripts have them: opaque values, whose texts reach the web and nothing else.

use std::fmt;
use std::rc::Rc;

use rhai::{Array, Dynamic, Map};

use crate::language::settings::VEIL;

/// What takes a secret, for an error message.
pub(crate) const ONLY: &str = "only the web functions, hmac_sha256 and secret(…), which joins, take one";

/// A secret of the configuration, or what such ones were joined to.
#[derive(Clone)]
pub(crate) struct ScriptSecret(Rc<Text>);

struct Text {
    revealed: String,
    /// With the veil over what came from the configuration.
    veiled: String,
}

impl ScriptSecret {
    /// A secret of this text.
    pub(crate) fn new(text: &str) -> Self {
        Self(Rc::new(Text { revealed: text.to_owned(), veiled: VEIL.to_owned() }))
    }

    /// What secrets and other texts are together; none where one of the values is neither.
    pub(crate) fn join<'a>(parts: impl Iterator<Item = &'a Dynamic> + Clone) -> Result<Self, &'a Dynamic> {
        let is_text = |part: &Dynamic| part.is_string() || part.is_char() || part.is_int() || part.is_float();
        let joined = |secrets: Reading| {
            let read = |part: &'a Dynamic| {
                let plain = || is_text(part).then(|| part.to_string());
                secrets.of(part).or_else(plain).ok_or(part)
            };
            parts.clone().map(read).collect::<Result<String, _>>()
        };
        Ok(Self(Rc::new(Text { revealed: joined(Reading::Revealed)?, veiled: joined(Reading::Veiled)? })))
    }

    /// Its text, for whoever sends it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0.revealed
    }
}

/// Whether a value is a secret, or holds one.
pub(crate) fn holds_secret(value: &Dynamic) -> bool {
    if let Some(items) = value.read_lock::<Array>() {
        return items.iter().any(holds_secret);
    }
    match value.read_lock::<Map>() {
        Some(entries) => entries.values().any(holds_secret),
        None => value.is::<ScriptSecret>(),
    }
}

impl fmt::Debug for ScriptSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(VEIL)
    }
}

/// What is done with the secrets in a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// They have no place there.
    Plain,
    /// Their texts are taken.
    Revealed,
    /// They are taken with the veil over what is secret of them.
    Veiled,
}

impl Reading {
    /// What stands for a value that is a secret; none where it is none, or has no place there.
    pub(crate) fn of(self, value: &Dynamic) -> Option<String> {
        let secret = value.read_lock::<ScriptSecret>()?;
        match self {
            Self::Plain => None,
            Self::Revealed => Some(secret.0.revealed.clone()),
            Self::Veiled => Some(secret.0.veiled.clone()),
        }
    }
}
