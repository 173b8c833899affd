//! Frames on their way out: to whom an event goes, what faults do to a frame, and outboxes that are full.
//!
//! Sockets are not written here.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::{CloseReason, ConnectionId, Hub, Outgoing, Traffic};
use crate::protocol::{MAX_FRAME, encode_event};
use crate::sandbox::faults::Blow;
use crate::sandbox::world::{Audience, Delivery};

/// How long a frame that is to come after the next one waits for that.
const REORDER_PATIENCE: Duration = Duration::from_millis(200);

/// How many frames can be late at a time; what is late beyond that comes at once.
const MAX_LATE: usize = 100_000;

/// A frame that comes later.
pub(super) struct Late {
    id: ConnectionId,
    frame: Outgoing,
    until: Until,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    Due,
    /// Or due, whichever is earlier.
    NextFrame,
}

impl Hub {
    /// Sends events to whom they concern; `from` is the connection that caused them.
    pub(crate) fn deliver(&mut self, deliveries: &[Delivery], from: Option<ConnectionId>) {
        self.line.notice(&self.world, deliveries);
        self.show(deliveries, from);
    }

    /// As [`deliver`](Self::deliver), but for the bot of the official account, which is told something else.
    pub(super) fn show(&mut self, deliveries: &[Delivery], from: Option<ConnectionId>) {
        for delivery in deliveries {
            let mut frame: Option<Utf8Bytes> = None;
            for mid in &delivery.to {
                let devices = self.devices.get(mid).map_or(0, Vec::len);
                // Backwards, since a full outbox ends its connection, which moves those behind it forward.
                for index in (0..devices).rev() {
                    let Some(id) = self.devices.get(mid).and_then(|ids| ids.get(index)).copied() else { break };
                    if delivery.audience == Audience::OtherDevices && Some(id) == from {
                        continue;
                    }
                    let text = frame.get_or_insert_with(|| encoded(delivery)).clone();
                    self.counts.events += 1;
                    self.queue(
                        id,
                        Traffic::Events,
                        Outgoing { text: Some(text), number: delivery.number, is_trouble: false },
                    );
                }
            }
        }
    }

    /// Sends an event to one connection.
    pub(super) fn send(&mut self, id: ConnectionId, delivery: &Delivery) {
        self.counts.events += 1;
        self.queue(
            id,
            Traffic::Events,
            Outgoing { text: Some(encoded(delivery)), number: delivery.number, is_trouble: false },
        );
    }

    /// Sends an event of any name to every connection of an account.
    pub(crate) fn notify(&mut self, mid: &str, frame: &str) {
        for id in self.devices.get(mid).cloned().unwrap_or_default() {
            self.counts.events += 1;
            self.queue(id, Traffic::Events, Outgoing::plain(frame));
        }
    }

    /// When the late frames have to be looked at that have become late since this was last asked.
    pub(crate) fn take_alarms(&mut self) -> Vec<Duration> {
        std::mem::take(&mut self.alarms)
    }

    /// Sends the late frames that are due by now, the earliest first.
    pub(crate) fn release(&mut self, elapsed: Duration) {
        while let Some(entry) = self.late.first_entry()
            && entry.key().0 <= elapsed
        {
            let Late { id, frame, .. } = entry.remove();
            self.push(id, frame);
        }
    }

    /// Sends a frame, unless a fault has other plans for it.
    pub(super) fn queue(&mut self, id: ConnectionId, traffic: Traffic, frame: Outgoing) {
        if let Some(size) = frame.text.as_ref().map(|text| text.len()).filter(|size| *size > MAX_FRAME) {
            // A reply of this size was replaced by a refusal; an event can only come from the control interface.
            return tracing::warn!(size, "the sandbox does not send a frame that is too large");
        }
        if (!self.faults.strikes_frames() && self.late.is_empty()) || !self.is_client(id) {
            return self.push(id, frame);
        }
        let account = self.connections.get(&id).and_then(|connection| match traffic {
            // What answers a login goes to the account that logs in, also where it does not come to that.
            Traffic::Replies => connection.knocking.clone().or_else(|| connection.account.clone()),
            Traffic::Events | Traffic::All => connection.account.clone(),
        });
        match self.faults.strike(account.as_deref(), traffic) {
            None => {
                self.push(id, frame);
                self.release_reordered(id);
            }
            Some(Blow::Drop) => self.end(id, CloseReason::Dropped),
            Some(Blow::Swallow) => self.push(id, Outgoing { text: None, ..frame }),
            Some(Blow::Repeat) => {
                self.push(id, frame.clone());
                self.push(id, Outgoing { is_trouble: true, ..frame });
            }
            Some(Blow::Malformed(nonsense)) => {
                self.push(id, Outgoing { is_trouble: true, ..Outgoing::plain(nonsense) });
                self.push(id, frame);
            }
            Some(Blow::Delay(delay)) => self.postpone(id, frame, delay, Until::Due),
            Some(Blow::Reorder) => self.postpone(id, frame, REORDER_PATIENCE, Until::NextFrame),
        }
    }

    fn postpone(&mut self, id: ConnectionId, frame: Outgoing, delay: Duration, until: Until) {
        if self.late.len() >= MAX_LATE {
            return self.push(id, frame);
        }
        self.last_late += 1;
        let due = self.clock.elapsed() + delay;
        self.late.insert((due, self.last_late), Late { id, frame, until });
        self.alarms.push(due);
    }

    fn release_reordered(&mut self, id: ConnectionId) {
        let waits = |(_, late): &(&(Duration, u64), &Late)| late.id == id && late.until == Until::NextFrame;
        let keys: Vec<_> = self.late.iter().filter(waits).map(|(key, _)| *key).collect();
        for key in keys {
            if let Some(late) = self.late.remove(&key) {
                self.push(id, late.frame);
            }
        }
    }

    /// Puts a frame into an outbox. A connection whose outbox is full does not read: it is ended, and only it.
    fn push(&mut self, id: ConnectionId, frame: Outgoing) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let size = frame.text.as_ref().map_or(0, |text| text.len());
        let number = frame.number;
        let waiting = connection.waiting.fetch_add(size, Ordering::Relaxed) + size;
        // A single frame may be larger than the limit: it must be possible to send it.
        let fits = waiting <= self.outbox.bytes.max(size);
        if !fits || connection.outbox.try_send(frame).is_err() {
            self.counts.overflowed += 1;
            self.end(id, CloseReason::Overflow);
        } else {
            connection.promised = connection.promised.max(number);
        }
    }
}

fn encoded(delivery: &Delivery) -> Utf8Bytes {
    let text = encode_event(&delivery.subcommand, &delivery.content);
    text.expect("an event holds only texts, numbers and maps with text keys").into()
}
