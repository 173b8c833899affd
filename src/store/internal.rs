//! The one table of what happens that is no event of the gateway, as the journal names it. What is called for it is not known here.

use std::borrow::Cow;

use crate::protocol::Hook;

/// What is recorded as an event and is none of the gateway's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InternalKind {
    /// A timer was due.
    Timer,
    /// A hook was to be called that belongs to no event of the gateway.
    Hook(Hook),
}

/// Those that go on in the next process: the others are made anew by it, or mean nothing to it.
pub(super) const LASTING: [InternalKind; 3] =
    [InternalKind::Timer, InternalKind::Hook(Hook::Error), InternalKind::Hook(Hook::Reload)];

/// What their names begin with.
pub(super) const MARK: char = '@';

const TIMER: &str = "@timer";

impl InternalKind {
    /// The kind that has this name in the journal.
    pub fn named(subcommand: &str) -> Option<Self> {
        match subcommand {
            TIMER => Some(Self::Timer),
            other => Hook::named(&format!("on_{}", other.strip_prefix(MARK)?)).map(Self::Hook),
        }
    }

    /// Its name in the journal.
    pub fn subcommand(self) -> Cow<'static, str> {
        match self {
            Self::Timer => TIMER.into(),
            Self::Hook(hook) => format!("{MARK}{}", hook.name().trim_start_matches("on_")).into(),
        }
    }

    /// Whether it goes on in the next process.
    pub fn outlives_its_process(self) -> bool {
        LASTING.contains(&self)
    }
}

/// Whether an event that has this name in the journal is none of the gateway's, also one that only another version knows.
pub fn is_internal(subcommand: &str) -> bool {
    subcommand.starts_with(MARK)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::HOOKS;

    #[test]
    fn each_is_known_by_its_name_and_no_event_of_the_gateway_is() {
        let hooks = HOOKS.iter().map(|spec| InternalKind::Hook(spec.hook));
        for kind in hooks.chain([InternalKind::Timer]) {
            let name = kind.subcommand();
            assert!(is_internal(&name), "{name}");
            assert_eq!(InternalKind::named(&name), Some(kind), "{name}");
        }
        assert_eq!(LASTING.map(InternalKind::subcommand), ["@timer", "@error", "@reload"]);
        assert!(!is_internal("RECEIVE_MESSAGE"));
        assert_eq!(["RECEIVE_MESSAGE", "error", "@later"].map(InternalKind::named), [None; 3]);
    }
}
