//! What must not be shown in what a gateway says, and in what people write as its address.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;
use url::Url;

use super::config::{ChannelToken, Credentials, SessionConfig};
use crate::protocol::{Damages, read_value};

/// What stands where a secret was.
const REDACTED: &str = "***";
/// The fields whose values are secrets, whoever sends them.
const SECRET: [&str; 6] = ["cert", "certificate", "password", "auth_token", "authtoken", "proxy_password"];

/// A field of that kind in a text that is no JSON.
static FIELD: LazyLock<Regex> = LazyLock::new(|| {
    let names = SECRET.join("|");
    Regex::new(&format!(r#"(?i)\b({names})\b(\\?["']?\s*[:=]\s*\\?["']?)[^\s"',;&\\}}]+"#)).expect("a fixed pattern")
});

/// The words near which a text speaks of secrets.
static TOPIC: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(pass(word|phrase|wd)?|pwd|token|secret|credentials?|cert(ificate)?)\b")
        .expect("a fixed pattern")
});

/// How many words may lie between a secret that could be an ordinary word and what tells that it is none.
const NEAR: usize = 4;

/// How many characters a secret has at least that is hidden wherever it stands, and one of a single kind of letters.
const LONG: usize = 6;
const LONG_WORD: usize = 16;

/// The secrets of one session.
///
/// It has no `Debug`: it would show them.
pub(super) struct Secrets(Vec<Known>);

/// A secret that is known.
struct Known {
    text: String,
    /// Whether it could stand in an ordinary text too: a person chose it.
    could_be_a_word: bool,
}

impl Secrets {
    /// What a session knows at its start.
    pub(super) fn of(config: &SessionConfig) -> Self {
        let mut secrets = Self(Vec::new());
        match &config.login {
            Credentials::Email { password, .. } => secrets.add_chosen(password.expose()),
            Credentials::Token { auth_token, .. } => secrets.add(auth_token.expose()),
            Credentials::Channel { secret, token, .. } => {
                secrets.add_chosen(secret.expose());
                if let ChannelToken::Given(token) = token {
                    secrets.add_chosen(token.expose());
                }
            }
        }
        if let Some(password) = config.proxy.as_ref().and_then(|proxy| proxy.password.as_ref()) {
            secrets.add_chosen(password.expose());
        }
        secrets.add(config.certificate.as_deref().unwrap_or_default());
        secrets
    }

    /// One more, which a gateway has issued.
    pub(super) fn add(&mut self, secret: &str) {
        self.insert(Known { text: secret.to_owned(), could_be_a_word: false });
    }

    fn add_chosen(&mut self, secret: &str) {
        self.insert(Known { text: secret.to_owned(), could_be_a_word: could_be_a_word(secret) });
    }

    fn insert(&mut self, secret: Known) {
        if !secret.text.is_empty() && !self.holds(&secret.text) {
            self.0.push(secret);
            // What holds another secret is hidden before that one is.
            self.0.sort_by_key(|known| std::cmp::Reverse(known.text.len()));
        }
    }

    fn holds(&self, text: &str) -> bool {
        self.0.iter().any(|known| known.text == text)
    }

    /// The text without secrets: these, and the values of the fields that hold some.
    ///
    /// One that could be an ordinary word, such as "sandbox", is hidden where it can really stand: as a whole value, behind a
    /// sign of it, or near a word that speaks of secrets.
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
                        _ if SECRET.contains(&name.to_ascii_lowercase().as_str()) => *field = REDACTED.into(),
                        // What a frame is called is no secret.
                        Value::String(_) if matches!(name.as_str(), "command" | "subcommand") => {}
                        _ => self.hide(field),
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.hide(item)),
            Value::String(text) if self.holds(text) => *text = REDACTED.to_owned(),
            // It may be JSON text again.
            Value::String(text) => *text = self.hidden(text),
            Value::Number(number) => {
                let number = number.to_string();
                if number.len() >= LONG && self.holds(&number) {
                    *value = REDACTED.into();
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn hidden_own(&self, text: &str) -> String {
        let hide = |text: String, secret: &Known| match secret.could_be_a_word {
            true => hidden_word(&text, &secret.text),
            false => text.replace(&secret.text, REDACTED),
        };
        self.0.iter().fold(text.to_owned(), hide)
    }
}

/// Whether a secret could be an ordinary word, or is too short to be known from other text.
fn could_be_a_word(secret: &str) -> bool {
    let length = secret.chars().count();
    let rest = || secret.chars().skip(1);
    let is_word = secret.chars().all(char::is_alphabetic)
        && (rest().all(char::is_lowercase) || secret.chars().all(char::is_uppercase) || !secret.is_ascii());
    length < LONG || (is_word && length < LONG_WORD)
}

/// The text without a secret that could be a word.
fn hidden_word(text: &str, secret: &str) -> String {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    let mut hidden = String::with_capacity(text.len());
    let mut copied = 0;
    for (at, found) in text.match_indices(secret) {
        let (before, after) = (&text[..at], &text[at + found.len()..]);
        let is_part_of_a_word = (before.ends_with(is_part) && secret.starts_with(is_part))
            || (after.starts_with(is_part) && secret.ends_with(is_part));
        if !is_part_of_a_word && (is_value(before, after) || is_near_topic(before, after, secret)) {
            hidden.push_str(&text[copied..at]);
            hidden.push_str(REDACTED);
            copied = at + found.len();
        }
    }
    hidden.push_str(&text[copied..]);
    hidden
}

/// Whether what stands between two texts is a value: behind an equals sign, or the end of a user's name in a url.
fn is_value(before: &str, after: &str) -> bool {
    before.ends_with('=') || (before.ends_with(':') && after.starts_with('@'))
}

/// Whether a text speaks of secrets a few words before or after a place.
fn is_near_topic(before: &str, after: &str, secret: &str) -> bool {
    // An article or a number is found in every sentence.
    let near = if secret.chars().count() < 4 { 2 } else { NEAR };
    let last: Vec<_> = before.split_whitespace().rev().take(near).collect();
    let next = after.split_whitespace().take(near).filter(|_| near == NEAR);
    last.into_iter().chain(next).any(|word| TOPIC.is_match(word))
}

/// A url as it may be shown: without the name and the password that stand before its host, and without its query, which may
/// hold a token.
pub fn without_credentials(url: &str) -> String {
    let (url, query) = url.split_once('?').map_or((url, false), |(url, _)| (url, true));
    let shown = without_user(url);
    if query { format!("{shown}?{REDACTED}") } else { shown }
}

fn without_user(url: &str) -> String {
    let shown = match Url::parse(url) {
        Ok(parsed) if parsed.username().is_empty() && parsed.password().is_none() => return url.to_owned(),
        _ => url,
    };
    let start = shown.find("//").map_or(0, |at| at + 2);
    let end = shown[start..].find(['/', '?', '#']).map_or(shown.len(), |at| start + at);
    match shown[start..end].rfind('@') {
        Some(at) => format!("{}{REDACTED}{}", &shown[..start], &shown[start + at..]),
        None => shown.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Secret;

    fn secrets() -> Secrets {
        let login = Credentials::Email { email: "a@b".into(), password: Secret::new("hunter2") };
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
    fn an_ordinary_word_that_is_a_secret_is_hidden_only_where_it_can_stand() {
        for (password, text, expected) in [
            ("sandbox", "the sandbox stops", "the sandbox stops"),
            ("sandbox", "no sandboxes here", "no sandboxes here"),
            ("sandbox", "wrong password: sandbox", "wrong password: ***"),
            ("sandbox", "the password \"sandbox\" is wrong", "the password \"***\" is wrong"),
            ("sandbox", "sandbox is no valid password", "*** is no valid password"),
            ("sandbox", "ws://me:sandbox@host", "ws://me:***@host"),
            ("sandbox", "pw=sandbox&x=1", "pw=***&x=1"),
            ("sandbox", r#"{"pw":"sandbox","text":"a sandbox"}"#, r#"{"pw":"***","text":"a sandbox"}"#),
            ("test", r#"{"command":"test","content":"a test"}"#, r#"{"command":"test","content":"a test"}"#),
            ("a", "a login came and a frame too", "a login came and a frame too"),
            ("a", "password a", "password ***"),
            ("1", r#"{"code":1,"content":"attempt 1 of 3"}"#, r#"{"code":1,"content":"attempt 1 of 3"}"#),
            ("7777777", r#"{"code":7777777}"#, r#"{"code":"***"}"#),
            ("hunter2", "xhunter2x", "x***x"),
            ("aVeryKey", "aVeryKey here", "*** here"),
            ("correcthorsebattery", "correcthorsebattery", "***"),
        ] {
            let login = Credentials::Email { email: "a@b".into(), password: Secret::new(password) };
            let secrets = Secrets::of(&SessionConfig::new("main", "ws://a", login));
            assert_eq!(secrets.hidden(text), expected);
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
