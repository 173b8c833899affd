//! What must not be shown in what a gateway says, and in what people write as its address.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;
use url::Url;

use super::config::{Login, SessionConfig};
use crate::protocol::{Damages, read_value};

/// What stands where a secret was.
const MASK: &str = "***";
/// The fields whose values are secrets, whoever sends them.
const SECRET: [&str; 6] = ["cert", "certificate", "password", "auth_token", "authtoken", "proxy_password"];

/// A field of that kind in a text that is no JSON.
static FIELD: LazyLock<Regex> = LazyLock::new(|| {
    let names = SECRET.join("|");
    Regex::new(&format!(r#"(?i)\b({names})\b(\\?["']?\s*[:=]\s*\\?["']?)[^\s"',;&\\}}]+"#)).expect("a fixed pattern")
});

/// The secrets of one session.
///
/// It has no `Debug`: it would show them.
pub(super) struct Secrets(Vec<String>);

impl Secrets {
    /// What a session knows at its start.
    pub(super) fn of(config: &SessionConfig) -> Self {
        let own = match &config.login {
            Login::Email { password, .. } => password,
            Login::Token { auth_token, .. } => auth_token,
        };
        let proxy = config.proxy.as_ref().and_then(|proxy| proxy.password.as_ref());
        let mut secrets = Self(Vec::new());
        secrets.add(own.expose());
        secrets.add(proxy.map_or("", |password| password.expose()));
        secrets.add(config.certificate.as_deref().unwrap_or_default());
        secrets
    }

    /// One more.
    pub(super) fn add(&mut self, secret: &str) {
        if !secret.is_empty() && !self.0.iter().any(|known| known == secret) {
            self.0.push(secret.to_owned());
            // What holds another secret is hidden before that one is.
            self.0.sort_by_key(|known| std::cmp::Reverse(known.len()));
        }
    }

    /// The text without secrets: these, and the values of the fields that hold some.
    pub(super) fn hidden(&self, text: &str) -> String {
        match read_value(text, &mut Damages::default()) {
            Some(mut value @ (Value::Object(_) | Value::Array(_))) => {
                self.hide(&mut value);
                value.to_string()
            }
            _ => FIELD.replace_all(&self.hidden_own(text), "${1}${2}***").into_owned(),
        }
    }

    fn hide(&self, value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for (name, field) in fields {
                    match field {
                        Value::Null => {}
                        _ if SECRET.contains(&name.to_ascii_lowercase().as_str()) => *field = MASK.into(),
                        _ => self.hide(field),
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.hide(item)),
            // It may be JSON text again.
            Value::String(text) => *text = self.hidden(text),
            Value::Number(number) => {
                if self.0.contains(&number.to_string()) {
                    *value = MASK.into();
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn hidden_own(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), MASK))
    }
}

/// A url as it may be shown: without the name and the password that stand before its host, and without its query, which may
/// hold a token.
pub fn without_credentials(url: &str) -> String {
    let (url, query) = url.split_once('?').map_or((url, false), |(url, _)| (url, true));
    let shown = without_user(url);
    if query { format!("{shown}?{MASK}") } else { shown }
}

fn without_user(url: &str) -> String {
    let shown = match Url::parse(url) {
        Ok(parsed) if parsed.username().is_empty() && parsed.password().is_none() => return url.to_owned(),
        _ => url,
    };
    let start = shown.find("//").map_or(0, |at| at + 2);
    let end = shown[start..].find(['/', '?', '#']).map_or(shown.len(), |at| start + at);
    match shown[start..end].rfind('@') {
        Some(at) => format!("{}{MASK}{}", &shown[..start], &shown[start + at..]),
        None => shown.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Secret;

    fn secrets() -> Secrets {
        let login = Login::Email { email: "a@b".into(), password: Secret::new("hunter2") };
        let certificate = Some("paper".to_owned());
        Secrets::of(&SessionConfig { certificate, ..SessionConfig::new("main", "ws://a", login) })
    }

    #[test]
    fn secrets_are_hidden_wherever_they_stand() {
        for (text, expected) in [
            (r#"{"a":"your hunter2 is weak"}"#, r#"{"a":"your *** is weak"}"#),
            (
                r#"{"content":"{\"cert\":\"new\",\"mid\":\"u1\"}"}"#,
                r#"{"content":"{\"cert\":\"***\",\"mid\":\"u1\"}"}"#,
            ),
            (r#"{"x":[{"Auth_Token":7,"certificate":null}]}"#, r#"{"x":[{"Auth_Token":"***","certificate":null}]}"#),
            ("paper and hunter2", "*** and ***"),
            ("cert=abc&x=1 password: 'p' {\"auth_token\": \"t", "cert=***&x=1 password: '***' {\"auth_token\": \"***"),
            ("nothing to hide", "nothing to hide"),
        ] {
            assert_eq!(secrets().hidden(text), expected);
        }
    }

    #[test]
    fn a_secret_that_comes_later_is_hidden_too() {
        let mut secrets = secrets();
        secrets.add("paper2");
        assert_eq!(secrets.hidden("paper2 paper"), "*** ***");
    }

    #[test]
    fn a_url_is_shown_without_name_password_and_query() {
        for (url, expected) in [
            ("ws://host:1/x", "ws://host:1/x"),
            ("wss://me:p@ss@host:1/x@y", "wss://***@host:1/x@y"),
            ("ws://me@[::1]", "ws://***@[::1]"),
            ("http//me:secret@host", "http//***@host"),
            ("no url", "no url"),
            ("wss://host/ws?key=secret", "wss://host/ws?***"),
            ("wss://me:p@host/?key=s@x", "wss://***@host/?***"),
        ] {
            assert_eq!(without_credentials(url), expected);
        }
    }
}
