//! Scripts that are held: nobody knows whether their files come back, so what they were at waits.
//!
//! Which are held, and for how long, is decided by the host; how their events pass them by, in `worker`.

use std::cell::RefCell;
use std::collections::BTreeSet;

use tokio::sync::Notify;

/// The scripts that one worker holds.
#[derive(Debug, Default)]
pub(crate) struct Holding {
    scripts: RefCell<BTreeSet<String>>,
    changed: Notify,
}

impl Holding {
    /// Holds a script from now on.
    pub(crate) fn hold(&self, script: &str) {
        self.scripts.borrow_mut().insert(script.to_owned());
    }

    /// Holds a script no longer; whether it was held.
    pub(crate) fn release(&self, script: &str) -> bool {
        let was_held = self.scripts.borrow_mut().remove(script);
        self.wake();
        was_held
    }

    /// Whether a script is held.
    pub(crate) fn has(&self, script: &str) -> bool {
        self.scripts.borrow().contains(script)
    }

    /// Has all who wait look again at what they wait for.
    pub(crate) fn wake(&self) {
        self.changed.notify_waiters();
    }

    /// Waits until something is so, which is looked at whenever a script is released or somebody [wakes](Self::wake) those who wait.
    pub(crate) async fn until(&self, is_so: impl Fn() -> bool) {
        loop {
            // It hears of what changes from here on, also before it is awaited.
            let changed = self.changed.notified();
            if is_so() {
                return;
            }
            changed.await;
        }
    }
}
