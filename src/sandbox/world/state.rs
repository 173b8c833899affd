//! What is known of a group, and what an account still has to be told. What changes them is in `groups` and `news`.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ids::Mid;
use crate::clock::Timestamp;

/// How many events are kept for an account; the oldest go first.
pub(super) const KEPT: usize = 1_000;

/// How long an event is kept for an account that is connected, in milliseconds: what a kill finds on its way is this recent.
pub(super) const ON_ITS_WAY: Timestamp = 10_000;

/// One group of the world. It ends when its last member leaves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) mid: Mid,
    pub(crate) name: String,
    pub(crate) picture: Option<String>,
    pub(crate) created: Timestamp,
    pub(crate) creator: Mid,
    /// Each member with when they joined.
    pub(crate) members: BTreeMap<Mid, Timestamp>,
    /// Each invitee with when they were invited.
    pub(crate) invitees: BTreeMap<Mid, Timestamp>,
    /// What its url ends with.
    pub(crate) ticket: String,
    pub(crate) join_by_url: bool,
}

/// What one account is still to be told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct News {
    /// Whether someone is logged in, as far as the world was told.
    pub(super) present: bool,
    /// Invariant: ascending by number.
    pub(super) kept: VecDeque<NewsItem>,
}

/// An event that is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct NewsItem {
    pub(super) number: u64,
    pub(super) at: Timestamp,
    pub(super) what: What,
}

/// A message is kept by its place in its chat, which holds it anyway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum What {
    Message { chat: Arc<str>, id: u64 },
    Event { subcommand: Cow<'static, str>, content: Value },
}

impl News {
    /// Keeps an event, instead of the oldest where there are many.
    pub(super) fn push(&mut self, item: NewsItem) {
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        let now = item.at;
        self.kept.push_back(item);
        while self.present && self.kept.front().is_some_and(|oldest| oldest.at < now - ON_ITS_WAY) {
            self.kept.pop_front();
        }
    }
}
