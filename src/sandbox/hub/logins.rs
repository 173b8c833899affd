//! Logins of connections: credentials, PINs that someone has to type, and the answer.
//!
//! Which credentials are right is the world's affair.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Connection, ConnectionId, Hub, Outgoing, Traffic};
use crate::protocol::{Failure, FailureCode, Family, Request, encode_login, encode_pin};
use crate::sandbox::world::{CommandReply, ConnectionState, Deed, Knock, Mid, SignIn};

/// Who types the PIN that a login shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinEntry {
    /// The sandbox itself, as if someone held the phone, after this time.
    After(Duration),
    /// [`Control::type_pin`](crate::sandbox::Control::type_pin), within three minutes.
    ByHand,
}

/// A login that waits for its PIN.
pub(super) struct PendingPin {
    pin: String,
    sign_in: SignIn,
}

impl Hub {
    /// Carries out a login.
    ///
    /// Gives how the login goes on: with a PIN that someone has to type, or not at all.
    pub(crate) fn login(&mut self, id: ConnectionId, request: &Request) -> Option<String> {
        let account = match request {
            Request::Login(login) => self.world.mid_of_email(&login.email).cloned(),
            Request::LoginWithToken(login) => self.world.mid_of_phone(&login.phone).cloned(),
            _ => None,
        };
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.knocking.clone_from(&account);
        }
        let presence = self.presence(account.as_deref(), id);
        let waits = self.connections.get(&id).is_some_and(|connection| connection.pin.is_some());
        let knock = match (self.faults.refusal(account.as_deref(), Family::Login), request) {
            (Some(failure), _) => Err(failure),
            (None, _) if waits => Err(Failure::new(FailureCode::InvalidPinCode, "a login waits for its PIN")),
            (None, Request::Login(login)) => self.world.check_login(login, presence),
            (None, Request::LoginWithToken(login)) => self.world.check_token_login(login, presence),
            (None, other) => Err(Failure::new(FailureCode::Malformed, format!("{} is no login", other.command().name))),
        };
        match knock {
            Ok(Knock::Open(sign_in)) => self.sign_in(id, sign_in),
            Ok(Knock::Pin(sign_in)) => {
                let pin = self.world.draw_pin();
                self.queue(id, Traffic::Replies, Outgoing::plain(encode_pin(&pin)));
                if let Some(connection) = self.connections.get_mut(&id) {
                    connection.pin = Some(PendingPin { pin: pin.clone(), sign_in });
                }
                return Some(pin);
            }
            Err(failure) => self.finish_login(id, &Err(failure)),
        }
        None
    }

    /// Types a PIN on the phone of an account: the login on `id` that showed it goes on, one that showed another fails.
    pub(crate) fn type_pin(&mut self, id: ConnectionId, typed: &str) {
        let pending = self.connections.get_mut(&id).and_then(|connection| connection.pin.take());
        match pending {
            Some(pending) if pending.pin == typed => self.sign_in(id, pending.sign_in),
            Some(_) => {
                let failure = Failure::new(FailureCode::InvalidPinCode, "another PIN was typed on the phone");
                self.finish_login(id, &Err(failure));
            }
            None => {}
        }
    }

    /// Gives a login up that still waits for `pin`.
    pub(crate) fn expire_pin(&mut self, id: ConnectionId, pin: &str) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if connection.pin.take_if(|pending| pending.pin == pin).is_some() {
            let failure = Failure::new(FailureCode::InvalidPinCode, "the PIN was not typed in time");
            self.finish_login(id, &Err(failure));
        }
    }

    /// The connections of an account that wait for a PIN, with the PIN each shows.
    pub(crate) fn pins_of(&self, mid: &str) -> Vec<(ConnectionId, String)> {
        let pending = |connection: &Connection| {
            connection.pin.as_ref().filter(|pending| *pending.sign_in.mid == *mid).map(|pending| pending.pin.clone())
        };
        self.connections.iter().filter_map(|(id, connection)| Some((*id, pending(connection)?))).collect()
    }

    fn sign_in(&mut self, id: ConnectionId, sign_in: SignIn) {
        let mid = sign_in.mid.clone();
        // While a login waited for its PIN, another one may have come and further ones may have been forbidden.
        if let Err(failure) = self.world.check_presence(&mid, self.presence(Some(&mid), id)) {
            return self.finish_login(id, &Err(failure));
        }
        let was_present = self.world.is_present(&mid);
        let outcome = self.enact(Some(id), &Deed::SignedIn(sign_in));
        if outcome.reply.is_ok() {
            self.settle(id, mid, was_present);
        }
        self.finish_login(id, &outcome.reply);
        for missed in &outcome.deliveries {
            self.send(id, missed);
        }
    }

    /// Makes a connection one of an account's.
    fn settle(&mut self, id: ConnectionId, mid: Mid, was_present: bool) {
        // Of what came before, a first connection is told what was missed, and a further one nothing.
        let known = if was_present { self.world.last_event() } else { 0 };
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if connection.account.as_ref() == Some(&mid) {
            return;
        }
        let told = connection.promised;
        connection.promised = known;
        connection.told.store(known, Ordering::Relaxed);
        self.unbind(id, told);
        self.bind(id, mid);
    }

    pub(super) fn finish_login(&mut self, id: ConnectionId, reply: &CommandReply) {
        self.counts.answered += 1;
        self.queue(id, Traffic::Replies, Outgoing::plain(encode_login(reply)));
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.knocking = None;
        }
    }

    /// Whether an account is connected, other than by `id` itself.
    fn presence(&self, mid: Option<&str>, id: ConnectionId) -> ConnectionState {
        let devices = mid.and_then(|mid| self.devices.get(mid));
        if devices.is_some_and(|ids| ids.iter().any(|other| *other != id && self.is_client(*other))) {
            ConnectionState::Connected
        } else {
            ConnectionState::Away
        }
    }
}
