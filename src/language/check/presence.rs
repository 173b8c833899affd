//! What is known to be there at a place of the code: values that a test has shown not to be `()`.
//!
//! Which tests show that, and what is done with values that may be `()`, is in `maybe`.

use std::collections::BTreeSet;

/// The values that are known to be there, by their keys.
///
/// A key names a value as the code reaches it: `#3;.text` is the property `text` of the variable that was declared as the third.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ProvenPresence {
    /// Values that are there, and with them all that they were reached through.
    there: BTreeSet<String>,
    /// Values that a function has judged: whatever is reached through them, or made of them, counts as being there.
    judged: BTreeSet<String>,
    /// Whether the place is never reached: everything holds there.
    unreachable: bool,
}

/// What a condition tells of a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Learnt {
    /// It is there.
    There(String),
    /// A function has judged it, or something that is reached through it.
    Judged(String),
}

/// What a condition tells, where it is true and where it is false.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tested {
    pub(crate) yes: BTreeSet<Learnt>,
    pub(crate) no: BTreeSet<Learnt>,
}

impl Tested {
    /// What the opposite condition tells.
    pub(crate) fn opposite(self) -> Self {
        Self { yes: self.no, no: self.yes }
    }

    /// What two conditions tell that must both be true.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.yes.extend(other.yes);
        self.no.retain(|learnt| other.no.contains(learnt));
        self
    }
}

impl ProvenPresence {
    /// Takes in what a condition has told.
    pub(crate) fn learn(&mut self, learnt: &BTreeSet<Learnt>) {
        for learnt in learnt {
            match learnt {
                Learnt::There(key) => self.there.insert(key.clone()),
                Learnt::Judged(key) => self.judged.insert(key.clone()),
            };
        }
    }

    /// Notes that a value is there.
    pub(crate) fn add(&mut self, key: String) {
        self.there.insert(key);
    }

    /// Notes that a value has been judged.
    pub(crate) fn judge(&mut self, key: String) {
        self.judged.insert(key);
    }

    /// Notes that nothing after this place is reached.
    pub(crate) fn end(&mut self) {
        self.unreachable = true;
    }

    /// Whether the place is never reached.
    pub(crate) fn is_unreachable(&self) -> bool {
        self.unreachable
    }

    /// Whether a value is known to be there.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.unreachable
            || self.there.range(key.to_owned()..).next().is_some_and(|there| there.starts_with(key))
            || self.judged.iter().any(|judged| key.contains(judged))
    }

    /// Whether nothing is known here.
    pub(crate) fn is_empty(&self) -> bool {
        !self.unreachable && self.there.is_empty() && self.judged.is_empty()
    }

    /// What holds where two ways meet.
    pub(crate) fn join(&mut self, other: Self) {
        if self.unreachable {
            *self = other;
        } else if !other.unreachable {
            self.there.retain(|key| other.has(key));
            self.judged.retain(|key| other.judged.contains(key));
        }
    }

    /// Forgets all that is reached through a variable, since it holds something else now.
    pub(crate) fn forget(&mut self, variable: usize) {
        let named = root(variable);
        self.retain(|key| !key.contains(&named));
    }

    /// Forgets the variables that are declared from this one on: they are gone.
    pub(crate) fn forget_from(&mut self, first: usize) {
        self.retain(|key| variables_in(key).all(|variable| variable < first));
    }

    fn retain(&mut self, stays: impl Fn(&str) -> bool) {
        self.there.retain(|key| stays(key));
        self.judged.retain(|key| stays(key));
    }
}

/// The key of a variable.
pub(crate) fn root(variable: usize) -> String {
    format!("#{variable};")
}

/// The variables that a key names.
pub(crate) fn variables_in(key: &str) -> impl Iterator<Item = usize> {
    key.split('#').skip(1).filter_map(|part| part.split_once(';')?.0.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(there: &[&str], judged: &[&str]) -> ProvenPresence {
        let mut presence = ProvenPresence::default();
        presence.learn(&there.iter().map(|key| Learnt::There((*key).to_owned())).collect());
        presence.learn(&judged.iter().map(|key| Learnt::Judged((*key).to_owned())).collect());
        presence
    }

    #[test]
    fn what_is_reached_through_a_value_shows_that_this_is_there() {
        let presence = with(&["#1;.text"], &["#2;"]);
        for (key, there) in [
            ("#1;", true),
            ("#1;.text", true),
            ("#1;.name", false),
            ("#11;", false),
            ("#2;.text", true),
            ("#3;", false),
        ] {
            assert_eq!(presence.has(key), there, "{key}");
        }
    }

    #[test]
    fn where_ways_meet_only_what_holds_on_both_holds() {
        let mut presence = with(&["#1;", "#2;"], &[]);
        presence.join(with(&["#1;"], &["#3;"]));
        assert_eq!(presence, with(&["#1;"], &[]));
        let mut ended = with(&[], &[]);
        ended.end();
        presence.join(ended.clone());
        assert_eq!(presence, with(&["#1;"], &[]));
        ended.join(presence);
        assert_eq!(ended, with(&["#1;"], &[]));
    }

    #[test]
    fn what_a_variable_held_before_is_forgotten() {
        let mut presence = with(&["#1;.text", "#12;", "store.get(#1;)"], &["#3;"]);
        presence.forget(1);
        assert_eq!(presence, with(&["#12;"], &["#3;"]));
        presence.forget_from(4);
        assert_eq!(presence, with(&[], &["#3;"]));
    }
}
