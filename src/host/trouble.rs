//! Troubles: what the person behind a bot should know of, in a line each, and the latest of them. Who is told is decided in `owner`.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::runtime::Happening;
use crate::session::Secret;
use crate::visible;

/// How many troubles are remembered; the oldest give way.
const KEPT: usize = 20;

/// The longest text of one, in characters.
const LONGEST: usize = 300;

/// Something that went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BotTrouble {
    /// What it has in common with others that are the same to a person.
    key: String,
    /// What happened, on one line, without secrets.
    pub(super) text: String,
    /// The PIN that somebody is to type.
    pub(super) pin: Option<Secret>,
}

impl BotTrouble {
    /// What a person should know of something that happened, if anything.
    pub(super) fn of(happening: &Happening) -> Option<Self> {
        let mut pin_wanted = None;
        let text = match happening {
            Happening::RunFailed { script, session, function, fault, .. } => {
                let place = fault.line.map(|line| format!(":{line}")).unwrap_or_default();
                let key = format!("{script} {function} {}{place}", fault.file);
                let text = format!("{function} of {script} failed in session {session}: {}", first_line(&fault.text));
                return Some(Self::new(key, &text, None));
            }
            Happening::ScriptRefused { fault, is_survived } => {
                let live = if *is_survived { "the version before it stays live" } else { "nothing of it is live" };
                let line = fault.line.map(|line| format!("line {line}: ")).unwrap_or_default();
                format!("{} does not load, and {live}: {line}{}", fault.file, fault.message)
            }
            Happening::ScriptMissing { script, file } => {
                format!("{file} is missing, and {script} is held until it is back")
            }
            Happening::PinWanted { session, account, pin } => {
                pin_wanted = Some(pin.clone());
                format!("session {session}: a PIN is to be typed on the phone of {account}")
            }
            Happening::LoginRefused { session, reason, .. } => {
                format!("session {session}: the login was refused, and is not tried again: {reason}")
            }
            Happening::Unusable { session, reason } => format!("session {session}: {reason}; it is not tried again"),
            Happening::Slowed { session, complaint, pause } => {
                let seconds = pause.as_secs();
                format!("session {session}: the network complains, and nothing is sent for {seconds} s: {complaint}")
            }
            _ => return None,
        };
        Some(Self::new(text.clone(), &text, pin_wanted))
    }

    fn new(key: String, text: &str, pin: Option<Secret>) -> Self {
        let text = visible::line(text);
        let text = match text.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        };
        Self { key, text, pin }
    }

    /// Whether to a person it is the same.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// A trouble as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecentTrouble {
    /// When it came last.
    pub at: Timestamp,
    /// What it was, on one line.
    pub text: String,
    /// How often it came since it was first remembered.
    pub count: u64,
}

/// The latest troubles; clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct RecentTroubles(Arc<Mutex<VecDeque<(BotTrouble, RecentTrouble)>>>);

impl RecentTroubles {
    /// Remembers one.
    pub(super) fn note(&self, trouble: &BotTrouble, at: Timestamp) {
        let mut kept = self.kept();
        let known = kept.iter().position(|(known, _)| known.is_like(trouble));
        let count = known.and_then(|index| kept.remove(index)).map_or(0, |(_, known)| known.count);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        let recent = RecentTrouble { at, text: trouble.text.clone(), count: count + 1 };
        kept.push_back((BotTrouble { pin: None, ..trouble.clone() }, recent));
    }

    /// All that are remembered, the latest last.
    pub(super) fn all(&self) -> Vec<RecentTrouble> {
        self.kept().iter().map(|(_, recent)| recent.clone()).collect()
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<(BotTrouble, RecentTrouble)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slowed(session: &str) -> BotTrouble {
        let happening = Happening::Unusable { session: session.to_owned(), reason: "no gateway\u{1b}[2J".to_owned() };
        BotTrouble::of(&happening).expect("it is one")
    }

    #[test]
    fn the_latest_are_remembered_and_the_same_is_counted() {
        let recent = RecentTroubles::default();
        for at in 0..25 {
            recent.note(&slowed(&at.to_string()), at);
        }
        recent.note(&slowed("7"), 30);
        let all = recent.all();
        assert_eq!((all.len(), all[0].at, all[KEPT - 1].at, all[KEPT - 1].count), (KEPT, 5, 30, 2));
        assert_eq!(all[KEPT - 1].text, "session 7: no gateway\u{fffd}[2J; it is not tried again");
    }

    #[test]
    fn a_pin_is_not_in_what_is_remembered() {
        let happening =
            Happening::PinWanted { session: "main".to_owned(), account: "bot".to_owned(), pin: Secret::new("123456") };
        let trouble = BotTrouble::of(&happening).expect("it is one");
        assert_eq!(trouble.pin.as_ref().map(Secret::expose), Some("123456"));
        let recent = RecentTroubles::default();
        recent.note(&trouble, 0);
        assert!(!format!("{recent:?}").contains("123456"));
        assert!(!serde_json::to_string(&happening).expect("JSON").contains("123456"));
    }
}
