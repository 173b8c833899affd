//! Watching the scripts: when to look at them again, and for how long a save that may be half of one is held.

use std::time::Instant;

use super::library::{Changes, Library, Look};
use super::outlook::{HOLD, Outlook, Wake};

/// Looks at the library whenever something of it may have changed and hands on what was found, with the time of the save.
///
/// It ends with the outlook.
pub(crate) fn watch(library: &mut Library, mut outlook: Outlook, mut apply: impl FnMut(&Library, Changes, Instant)) {
    // When to look again at what did not count at first, and when that was saved.
    let mut held: Option<(Instant, Instant)> = None;
    loop {
        outlook.follow(library.seen());
        let (look, saved) = match (outlook.wait(held.map(|(until, _)| until)), held) {
            (Wake::Over, _) => return,
            (Wake::Changed(at), _) => (Look::First, at),
            (Wake::Doubtful, _) => (Look::First, Instant::now()),
            (Wake::Due, Some((_, at))) => (Look::Settled, at),
            (Wake::Due, None) => continue,
        };
        let changes = library.look(look);
        if changes.unsettled {
            held = Some((Instant::now() + HOLD, saved));
        } else if look == Look::Settled {
            held = None;
        }
        apply(library, changes, saved);
    }
}
