//! The calls of a session: those that wait to be sent, those that are sent, and when each is due.
//!
//! Which of them may go out now is not decided here: `machine` asks for the next one when it can send it.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};
use std::time::Duration;

use super::numbers::OwnNumbers;
use crate::protocol::{Command, EncodeError, Failure, FailureCode, Safety};

/// Why a call has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The gateway refused it.
    #[error("{0}")]
    Refused(Failure),
    /// No reply came in time.
    #[error("{command} {} within {}", if *sent { "had no reply" } else { "could not be sent" }, seconds(*waited))]
    Timeout {
        /// The command.
        command: String,
        /// How long it waited.
        waited: Duration,
        /// Whether it was sent: an effect may have happened then.
        sent: bool,
    },
    /// The connection was lost before a reply came.
    #[error("{}", if *sent { "the connection was lost before the reply: it may have happened or not" } else { "not connected" })]
    Disconnected {
        /// Whether it was sent: an effect is in doubt then.
        sent: bool,
    },
    /// Too many calls wait already.
    #[error("too many calls wait in this session, at most {limit} can")]
    QueueFull {
        /// How many can wait.
        limit: usize,
    },
    /// It cannot be sent as it stands.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The session was stopped.
    #[error("the session is stopped")]
    Stopped,
    /// The session has ended because its login was refused.
    #[error("the login was refused: {0}")]
    LoginRefused(Failure),
    /// The session has ended because there is no gateway at its address.
    #[error("{0}")]
    Unusable(String),
}

impl CallError {
    /// The number that scripts see: the gateway's own for a refusal, else -1.
    pub fn code(&self) -> i64 {
        match self {
            Self::Refused(failure) | Self::LoginRefused(failure) => failure.code,
            _ => FailureCode::Malformed.number(),
        }
    }

    /// The name that scripts see, such as `NOT_FOUND` or `TIMEOUT`.
    pub fn name(&self) -> &str {
        match self {
            Self::Refused(failure) => failure.name(),
            Self::Timeout { .. } => "TIMEOUT",
            Self::Disconnected { sent: true } => "IN_DOUBT",
            Self::Disconnected { sent: false } => "DISCONNECTED",
            Self::QueueFull { .. } => "QUEUE_FULL",
            Self::Encode(_) => "MALFORMED",
            Self::Stopped => "STOPPED",
            Self::Unusable(_) => "NO_GATEWAY",
            Self::LoginRefused(_) => "LOGIN_REFUSED",
        }
    }
}

fn seconds(duration: Duration) -> String {
    format!("{} s", (duration.as_secs_f64() * 1000.0).round() / 1000.0)
}

/// What is told when a call is over.
pub(super) trait Completion {
    /// Whether nobody waits for the result any more, so that the call need not be sent.
    fn is_abandoned(&self) -> bool;
}

/// How much of a call is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallStep {
    /// It is sent as soon as it may be.
    Whole,
    /// Its caller wants a slot for it, and sends it then.
    Slot,
    /// It has its slot.
    Granted,
}

/// A call as its caller gives it.
#[derive(Debug)]
pub(super) struct CallOrder<T> {
    /// How much of it is asked for.
    pub(super) step: CallStep,
    /// The command's name on the wire.
    pub(super) command: Cow<'static, str>,
    /// Its row, where it is a known one.
    pub(super) row: Option<&'static Command>,
    /// The text of a JSON object.
    pub(super) fields: String,
    /// Where the result goes.
    pub(super) reply: T,
}

impl<T> CallOrder<T> {
    /// How it may be repeated; nothing is known of an unknown command, so it counts as an effect.
    fn safety(&self) -> Safety {
        self.row.map_or(Safety::Effect, |row| row.safety)
    }
}

/// A call that has not had its result.
#[derive(Debug)]
pub(super) struct Pending<T> {
    pub(super) task_id: i64,
    pub(super) order: CallOrder<T>,
    /// When it began to wait, and when that ends.
    began: Duration,
    deadline: Duration,
    /// Whether it was sent, on this connection or an earlier one.
    sent: bool,
}

/// Every call that has not had its result.
///
/// Invariant: a call is in exactly one of `waiting` and `sent`, and leaves them only by being returned to the caller.
pub(super) struct Calls<T> {
    limit: usize,
    next_task_id: i64,
    waiting: VecDeque<Pending<T>>,
    sent: HashMap<i64, Pending<T>, OwnNumbers>,
    /// Slots that were given and not yet used: each has its place among those that are sent.
    slots: usize,
    /// May name calls that are over: those are passed over, and swept out when they are the most.
    due: BinaryHeap<Reverse<(Duration, i64)>>,
    /// How long the latest answer took.
    latency: Option<Duration>,
}

impl<T: Completion> Calls<T> {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            next_task_id: 1,
            waiting: VecDeque::new(),
            sent: HashMap::default(),
            slots: 0,
            due: BinaryHeap::new(),
            latency: None,
        }
    }

    /// A number that no request has had, on this connection or an earlier one.
    pub(super) fn take_task_id(&mut self) -> i64 {
        let task_id = self.next_task_id;
        self.next_task_id += 1;
        task_id
    }

    /// Puts a call at the end of those that wait.
    ///
    /// # Errors
    /// Gives its completion back when as many wait as may.
    pub(super) fn push(&mut self, order: CallOrder<T>, now: Duration, reply: Duration) -> Result<(), (T, CallError)> {
        if self.waiting.len() >= self.limit {
            self.waiting.retain(|call| !call.order.reply.is_abandoned());
        }
        if self.waiting.len() >= self.limit {
            return Err((order.reply, CallError::QueueFull { limit: self.limit }));
        }
        let call = self.begin(order, now, reply);
        self.waiting.push_back(call);
        Ok(())
    }

    /// Gives a call its number and its deadline. Its caller puts it among those that wait, or sends it.
    pub(super) fn begin(&mut self, order: CallOrder<T>, now: Duration, reply: Duration) -> Pending<T> {
        let task_id = self.take_task_id();
        let deadline = now.saturating_add(reply);
        self.due.push(Reverse((deadline, task_id)));
        Pending { task_id, order, began: now, deadline, sent: false }
    }

    /// How many more may be sent.
    pub(super) fn room(&self) -> usize {
        self.limit.saturating_sub(self.sent.len() + self.slots)
    }

    /// Notes how many slots are given and not yet used; true means that there are fewer than before.
    pub(super) fn set_slots(&mut self, slots: usize) -> bool {
        std::mem::replace(&mut self.slots, slots) > slots
    }

    /// Notes that a slot is given.
    pub(super) fn gave_slot(&mut self) {
        self.slots += 1;
        self.sweep_when_worthwhile();
    }

    /// Notes that a slot is used.
    pub(super) fn used_slot(&mut self) {
        self.slots = self.slots.saturating_sub(1);
    }

    /// The next call to send, if one more may be outstanding.
    pub(super) fn next_to_send(&mut self) -> Option<Pending<T>> {
        while self.room() > 0 {
            let call = self.waiting.pop_front()?;
            if !call.order.reply.is_abandoned() {
                return Some(call);
            }
        }
        None
    }

    /// Notes that a call is on its way.
    pub(super) fn sent(&mut self, mut call: Pending<T>) {
        call.sent = true;
        if call.order.safety() == Safety::Effect {
            // It will not be sent again, so its fields, which may be large, are not kept.
            call.order.fields = String::new();
        }
        self.sent.insert(call.task_id, call);
    }

    /// Takes the call that a reply belongs to.
    pub(super) fn answered(&mut self, task_id: i64, now: Duration) -> Option<CallOrder<T>> {
        let call = self.sent.remove(&task_id)?;
        self.latency = Some(now.saturating_sub(call.began));
        self.sweep_when_worthwhile();
        Some(call.order)
    }

    /// The number of the one call of a command that is under way; `None` where there are several, or none.
    pub(super) fn only_one(&self, command: &str) -> Option<i64> {
        let mut calls = self.sent.values().filter(|call| call.order.command == command);
        calls.next().filter(|_| calls.next().is_none()).map(|call| call.task_id)
    }

    /// The connection is gone: what can be repeated waits to be sent again. Gives the rest in the order of sending: whether
    /// that happened is not known.
    pub(super) fn connection_lost(&mut self) -> Vec<T> {
        let (mut in_doubt, mut again): (Vec<_>, Vec<_>) =
            self.sent.drain().map(|(_, call)| call).partition(|call| call.order.safety() == Safety::Effect);
        in_doubt.sort_by_key(|call| call.task_id);
        again.sort_by_key(|call| Reverse(call.task_id));
        for mut call in again {
            // A new number: an answer to the old one could only be a late one.
            call.task_id = self.take_task_id();
            self.due.push(Reverse((call.deadline, call.task_id)));
            self.waiting.push_front(call);
        }
        in_doubt.into_iter().map(|call| call.order.reply).collect()
    }

    /// Takes a call whose time has run out.
    pub(super) fn expired(&mut self, now: Duration) -> Option<(T, CallError)> {
        while let Some(Reverse((deadline, task_id))) = self.due.peek().copied() {
            if deadline > now {
                return None;
            }
            self.due.pop();
            let call = self.sent.remove(&task_id).or_else(|| {
                let at = self.waiting.iter().position(|call| call.task_id == task_id)?;
                self.waiting.remove(at)
            });
            if let Some(call) = call {
                let waited = call.deadline.saturating_sub(call.began);
                let command = call.order.command.into_owned();
                return Some((call.order.reply, CallError::Timeout { command, waited, sent: call.sent }));
            }
        }
        None
    }

    /// Takes every call, those that were sent first.
    pub(super) fn take_all(&mut self) -> Vec<T> {
        let mut calls: Vec<_> = self.sent.drain().map(|(_, call)| call).collect();
        calls.sort_by_key(|call| call.task_id);
        calls.extend(self.waiting.drain(..));
        self.due.clear();
        calls.into_iter().map(|call| call.order.reply).collect()
    }

    /// When [`expired`](Self::expired) should be asked again; there may be nothing then.
    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.due.peek().map(|Reverse((deadline, _))| *deadline)
    }

    pub(super) fn outstanding(&self) -> usize {
        self.sent.len()
    }

    pub(super) fn latency(&self) -> Option<Duration> {
        self.latency
    }

    pub(super) fn queued(&self) -> usize {
        self.waiting.len()
    }

    fn sweep_when_worthwhile(&mut self) {
        if self.due.len() <= 2 * (self.sent.len() + self.waiting.len()) + 1024 {
            return;
        }
        let waiting: HashSet<_, OwnNumbers> = self.waiting.iter().map(|call| call.task_id).collect();
        let sent = &self.sent;
        self.due.retain(|Reverse((_, task_id))| sent.contains_key(task_id) || waiting.contains(task_id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_happened_and_has_a_name_for_scripts() {
        let timeout =
            CallError::Timeout { command: "SendText".into(), waited: Duration::from_millis(1500), sent: true };
        assert_eq!((timeout.name(), timeout.to_string().as_str()), ("TIMEOUT", "SendText had no reply within 1.5 s"));
        let doubt = CallError::Disconnected { sent: true };
        assert_eq!((doubt.name(), doubt.code()), ("IN_DOUBT", -1));
        let refused = CallError::Refused(Failure::new(FailureCode::NotFound, "nobody"));
        assert_eq!((refused.name(), refused.code()), ("NOT_FOUND", 5));
    }
}
