//! The calls of a session on their way out, and what comes back. How long each may wait is kept in `calls`, how fast they go in
//! `rate_limit`.

use std::time::Duration;

use super::{Completion, Machine, Output, State};
use crate::protocol::{Content, Failure, encode_fields};
use crate::session::calls::CallError;
use crate::session::calls::{CallOrder, CallStep, Pending};
use crate::session::signal::Signal;

impl<T: Completion> Machine<T> {
    /// A caller wants a command sent.
    pub(in crate::session) fn call(&mut self, order: CallOrder<T>, now: Duration) {
        match &self.state {
            State::Refused(failure) => {
                let error = CallError::LoginRefused(failure.clone());
                self.complete(order.reply, Err(error));
            }
            State::Unusable(reason) => {
                let error = CallError::Unusable(reason.clone());
                self.complete(order.reply, Err(error));
            }
            State::Stopped => self.complete(order.reply, Err(CallError::Stopped)),
            _ if order.step == CallStep::Granted => self.send_granted(order, now),
            _ => match self.queues.enter(order, now) {
                Ok(Some(order)) => self.admit(order, now),
                Ok(None) => {}
                Err((reply, error)) => self.complete(reply, Err(error)),
            },
        }
    }

    /// So many callers have a slot and have not sent yet.
    pub(in crate::session) fn slots_given(&mut self, slots: usize, now: Duration) {
        if self.calls.set_slots(slots) {
            self.send_waiting(now);
        }
    }

    /// How many calls may be sent without asking for a slot first.
    pub(in crate::session) fn room(&self) -> usize {
        let is_open = self.is_live() && self.queues.are_none() && self.calls.queued() == 0;
        if is_open { self.calls.room() } else { 0 }
    }

    /// How many calls wait for their turn, and how many for the connection.
    pub(in crate::session) fn waiting(&self) -> (usize, usize) {
        (self.queues.waiting(), self.calls.queued())
    }

    /// A call has left its queue: from now on its time runs.
    pub(super) fn admit(&mut self, order: CallOrder<T>, now: Duration) {
        match self.calls.push(order, now, self.config.reply) {
            Ok(()) => self.send_waiting(now),
            Err((reply, error)) => self.complete(reply, Err(error)),
        }
    }

    /// Sends a call that has its slot. Where the connection was lost since, it waits for the next one.
    fn send_granted(&mut self, order: CallOrder<T>, now: Duration) {
        self.calls.used_slot();
        if self.is_live() {
            let call = self.calls.begin(order, now, self.config.reply);
            return self.send_call(call);
        }
        self.admit(order, now);
    }

    pub(super) fn answer(&mut self, order: CallOrder<T>, outcome: Result<Content, Failure>, now: Duration) {
        if let Err(failure) = &outcome {
            self.hear(failure, now);
        }
        self.complete(order.reply, outcome.map_err(CallError::Refused));
    }

    /// Hears a refusal that may be a complaint.
    pub(super) fn hear(&mut self, failure: &Failure, now: Duration) {
        if let Some(pause) = self.queues.complained(failure, now) {
            self.signal(Signal::Slowed { failure: failure.clone(), pause });
        }
    }

    pub(super) fn take_all(&mut self) -> Vec<T> {
        let mut replies = self.calls.take_all();
        replies.extend(self.queues.take_all());
        replies
    }

    /// Sends what waits for the connection. What an earlier connection left to be sent again may meet a pause.
    pub(super) fn send_waiting(&mut self, now: Duration) {
        self.resume_at = None;
        if !self.is_live() {
            return;
        }
        let pause_until = self.queues.pause_until();
        if now < pause_until {
            self.resume_at = (self.calls.queued() > 0).then_some(pause_until);
            return;
        }
        while let Some(call) = self.calls.next_to_send() {
            if call.order.step == CallStep::Slot {
                self.calls.gave_slot();
                self.outputs.push_back(Output::Grant(call.order.reply));
            } else {
                self.send_call(call);
            }
        }
    }

    fn send_call(&mut self, call: Pending<T>) {
        match encode_fields(&call.order.command, Some(call.task_id), &call.order.fields) {
            Ok(frame) => {
                self.send(frame);
                self.calls.sent(call);
            }
            Err(error) => self.complete(call.order.reply, Err(CallError::Encode(error))),
        }
    }
}
