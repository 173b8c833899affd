//! Every session of the process, as others reach it.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::clock::Timestamp;
use crate::session::{Handle, Media, MediaError, Ready};

/// Every session of the process by its name; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Directory(Arc<RwLock<BTreeMap<String, Member>>>);

impl Directory {
    /// Adds a session, or replaces one of the same name.
    pub fn insert(&self, handle: Handle, media: Arc<Media>) {
        let name = handle.name().to_owned();
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(name, Member { handle, media });
    }

    /// Takes a session out, where no other one of its name has taken its place.
    pub fn remove(&self, handle: &Handle) {
        let mut members = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if members.get(handle.name()).is_some_and(|member| member.handle.is_same(handle)) {
            members.remove(handle.name());
        }
    }

    /// The session of a name.
    pub fn get(&self, name: &str) -> Option<Member> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// The names of all sessions, in order.
    pub fn names(&self) -> Vec<String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }
}

/// A session as others reach it.
#[derive(Clone, Debug)]
pub struct Member {
    /// What sends its commands.
    pub handle: Handle,
    /// What carries those that name files.
    pub media: Arc<Media>,
}

impl Member {
    /// Waits until a command can be sent, and does what comes before that.
    ///
    /// # Errors
    /// As [`Handle::turn`] and [`Media::ready`].
    pub(crate) async fn ready(&self, command: &str, fields: String, now: Timestamp) -> Result<Ready, MediaError> {
        // Boxed, since what an upload needs is large, and would lie on the stack of everybody who sends.
        Box::pin(self.media.ready(&self.handle, command, fields, now)).await
    }
}
