//! Stubs: what answers a script's requests where there is no web, as in scenario tests.
//!
//! All else is the same as for the real web: how a request is made and recorded, in `builtins::http`, and above where it is sent on to
//! and its time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Answers in the web's place, and the requests that came; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Stubs(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    /// The latest comes last, and wins.
    rules: Vec<Rule>,
    delays: Vec<(Pattern, Duration)>,
    /// Requests that nobody has asked for yet.
    unseen: Vec<Seen>,
}

/// Which requests are meant: a url in full or with a `*` at its end, `POST ` and the like before it where only that
/// method is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    method: Option<String>,
    url: String,
}

#[derive(Clone, Debug)]
struct Rule {
    pattern: Pattern,
    reaction: Reaction,
    /// How often it still counts; nothing is always.
    left: Option<u32>,
}

/// What comes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// An answer in full.
    Answer {
        /// The status, such as 200.
        status: u16,
        /// The headers.
        headers: BTreeMap<String, String>,
        /// The body.
        body: String,
    },
    /// No connection.
    Refuse,
}

/// A request that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// `GET`, `POST` and the like.
    pub method: String,
    /// The url in full.
    pub url: String,
    /// The headers.
    pub headers: BTreeMap<String, String>,
    /// The body; empty where there is none.
    pub body: String,
}

impl Pattern {
    /// Reads a pattern as a test writes it.
    pub fn new(text: &str) -> Self {
        match text.split_once(' ') {
            Some((method, url)) if method.chars().all(|letter| letter.is_ascii_uppercase()) => {
                Self { method: Some(method.to_owned()), url: url.trim().to_owned() }
            }
            _ => Self { method: None, url: text.to_owned() },
        }
    }

    /// Whether a request is meant.
    pub fn admits(&self, method: &str, url: &str) -> bool {
        let fits = match self.url.strip_suffix('*') {
            Some(start) => url.starts_with(start),
            // A url without a path is sent with one.
            None => url == self.url || url.strip_suffix('/') == Some(&self.url),
        };
        fits && self.method.as_deref().is_none_or(|wanted| wanted == method)
    }
}

impl Stubs {
    /// Has requests answered so, `times` times or always.
    pub fn react(&self, pattern: Pattern, reaction: Reaction, times: Option<u32>) {
        self.kept().rules.push(Rule { pattern, reaction, left: times });
    }

    /// Has the answers to requests come late.
    pub fn delay(&self, pattern: Pattern, by: Duration) {
        self.kept().delays.push((pattern, by));
    }

    /// Takes the first request that nobody has asked for yet, of those that a pattern means.
    pub fn take(&self, pattern: &Pattern) -> Option<Seen> {
        let mut kept = self.kept();
        let at = kept.unseen.iter().position(|seen| pattern.admits(&seen.method, &seen.url))?;
        Some(kept.unseen.remove(at))
    }

    /// The requests that nobody has asked for yet.
    pub fn unseen(&self) -> Vec<Seen> {
        self.kept().unseen.clone()
    }

    /// Notes a request; gives how long its answer takes.
    pub(crate) fn ask(&self, seen: Seen) -> Duration {
        let mut kept = self.kept();
        let delay = kept.delays.iter().rev().find(|(pattern, _)| pattern.admits(&seen.method, &seen.url));
        let by = delay.map_or(Duration::ZERO, |(_, by)| *by);
        kept.unseen.push(seen);
        by
    }

    /// What comes of a request: what the latest rule for it says.
    pub(crate) fn reaction(&self, method: &str, url: &str) -> Option<Reaction> {
        let mut kept = self.kept();
        let at = kept.rules.iter().rposition(|rule| rule.left != Some(0) && rule.pattern.admits(method, url))?;
        let rule = &mut kept.rules[at];
        rule.left = rule.left.map(|left| left - 1);
        Some(rule.reaction.clone())
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_rule_wins_until_it_is_used_up() {
        let stubs = Stubs::default();
        let answer = |body: &str| Reaction::Answer { status: 200, headers: BTreeMap::new(), body: body.to_owned() };
        stubs.react(Pattern::new("https://a.test/*"), answer("any"), None);
        stubs.react(Pattern::new("POST https://a.test/x"), answer("once"), Some(1));
        let of = |method: &str, url: &str| stubs.reaction(method, url);
        assert_eq!(of("GET", "https://a.test/x"), Some(answer("any")));
        assert_eq!(of("POST", "https://a.test/x"), Some(answer("once")));
        assert_eq!(of("POST", "https://a.test/x"), Some(answer("any")));
        assert_eq!(of("GET", "https://b.test/"), None);
        stubs.react(Pattern::new("https://b.test"), Reaction::Refuse, None);
        assert_eq!(of("GET", "https://b.test/"), Some(Reaction::Refuse));
    }
}
