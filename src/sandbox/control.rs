//! The handle for tests, the console and scenario scripts: look into the world, act as anyone in it.
//!
//! People are named by their mid, their email address, or the name before the `@`. No bot can do what stands here by a command; people can do some of it (`play`).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::Value;

use super::faults::{FaultId, InjectedFault, Refusal};
use super::hub::{CloseReason, Counts, Entrance, Hub, Outgoing};
use super::official::Official;
use super::shared::SandboxShared;
use super::tally::Carried;
use super::world::{Deed, DeedOutcome, Draft, FileNeed, GatewayProxy, Mid, NewAccount, Operation, Written};
use crate::protocol::{Event, Failure, FailureCode, Incoming, Message, Request, decode};

/// Looks into a sandbox and changes it; clones share it.
#[derive(Clone)]
pub struct Control(Arc<SandboxShared>);

/// An account of the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountStatus {
    /// What it is called.
    pub name: String,
    /// Its mid.
    pub mid: String,
    /// How many connections are logged in to it.
    pub connections: usize,
}

/// A group as it is now: its name, who is in it, and who is invited into it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    /// Its name.
    pub name: String,
    /// The mids of its members.
    pub members: Vec<String>,
    /// The mids of those who are invited.
    pub invited: Vec<String>,
}

/// A message that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Its id.
    pub id: String,
    /// When, in milliseconds.
    pub timestamp: i64,
}

/// Sees the events of an account; it counts as no connection, and faults do not strike it.
///
/// One that is not read for long is ended as a client would be.
pub struct Watcher {
    shared: Arc<SandboxShared>,
    entrance: Entrance,
}

impl Watcher {
    /// The next event, `None` when the sandbox has ended or this was not read for too long.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            let frame = self.entrance.outbox.recv().await?;
            if let Some(event) = self.taken(&frame) {
                return Some(event);
            }
        }
    }

    /// The next event that has arrived already.
    pub fn try_next(&mut self) -> Option<Event> {
        loop {
            let frame = self.entrance.outbox.try_recv().ok()?;
            if let Some(event) = self.taken(&frame) {
                return Some(event);
            }
        }
    }

    fn taken(&self, frame: &Outgoing) -> Option<Event> {
        let text = frame.text.as_ref()?;
        self.entrance.waiting.fetch_sub(text.len(), Ordering::Relaxed);
        match decode(text.as_str()) {
            Ok(Incoming::Event(event)) => Some(event),
            _ => None,
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.shared.with(|hub| hub.leave(self.entrance.id));
    }
}

impl Control {
    pub(super) fn new(shared: Arc<SandboxShared>) -> Self {
        Self(shared)
    }

    /// The handle for the official account.
    pub fn official(&self) -> Official {
        Official::new(Arc::clone(&self.0))
    }

    /// Everyone in the world.
    pub fn people(&self) -> Vec<AccountStatus> {
        self.0.with(|hub| {
            let person = |(name, mid): (&str, &Mid)| AccountStatus {
                name: name.to_owned(),
                mid: mid.to_string(),
                connections: hub.connected(Some(mid)),
            };
            hub.world.people().map(person).collect()
        })
    }

    /// The mid of a person.
    pub fn mid(&self, who: &str) -> Option<String> {
        self.0.with(|hub| hub.world.find(who).map(ToString::to_string))
    }

    /// How many connections are logged in to an account.
    pub fn connections(&self, who: &str) -> usize {
        self.0.with(|hub| hub.world.find(who).map_or(0, |mid| hub.connected(Some(mid))))
    }

    /// What was counted since the start.
    pub fn counts(&self) -> Counts {
        self.0.with(|hub| hub.counts)
    }

    /// What the connections that are open have carried.
    pub fn carried(&self) -> Carried {
        self.0.carried.sum()
    }

    /// The proxy that an account's latest login asked for.
    pub fn proxy(&self, who: &str) -> Option<GatewayProxy> {
        self.0.with(|hub| hub.world.find(who).and_then(|mid| hub.world.proxy_of(mid).cloned()))
    }

    /// Adds an account and gives its mid.
    ///
    /// # Errors
    /// When its name or its phone number is taken, or a contact is unknown.
    pub fn create_account(&self, account: NewAccount) -> Result<String, Failure> {
        self.operate(Operation::CreateAccount(account)).map(|content| text(&content, "mid"))
    }

    /// Adds a group whose members are in it at once, the creator first, and gives its mid.
    ///
    /// # Errors
    /// When a member is unknown, or there is none at all.
    pub fn create_group(&self, name: &str, members: &[&str]) -> Result<String, Failure> {
        let members = members.iter().map(|who| self.known(who)).collect::<Result<_, _>>()?;
        self.operate(Operation::CreateGroup { name: name.to_owned(), members }).map(|content| text(&content, "mid"))
    }

    /// Adds a room whose members are in it at once, the creator first, and gives its mid.
    ///
    /// # Errors
    /// As with [`create_group`](Self::create_group).
    pub fn create_room(&self, members: &[&str]) -> Result<String, Failure> {
        let members = members.iter().map(|who| self.known(who)).collect::<Result<_, _>>()?;
        self.operate(Operation::CreateRoom { members }).map(|content| text(&content, "mid"))
    }

    /// Who is in a group or a room; nobody where there is none.
    pub fn membership(&self, group: &str) -> Membership {
        let (name, members, invited) = self.0.with(|hub| hub.world.people_of(group));
        Membership { name, members, invited }
    }

    /// Sends a text as `from` to a person or a group.
    ///
    /// # Errors
    /// Whatever a client would be answered.
    pub fn say(&self, from: &str, to: &str, content: &str) -> Result<Sent, Failure> {
        self.post(from, to, Draft::text(content))
    }

    /// Sends a message of any kind as `from` to a person or a group.
    ///
    /// # Errors
    /// As with [`say`](Self::say).
    pub fn post(&self, from: &str, to: &str, body: Draft) -> Result<Sent, Failure> {
        let from = self.known(from)?;
        let to = self.mid(to).unwrap_or_else(|| to.to_owned());
        let content = self.operate(Operation::Post { from, to, body })?;
        let timestamp = content.get("timestamp").and_then(Value::as_i64).unwrap_or_default();
        Ok(Sent { id: text(&content, "id"), timestamp })
    }

    /// Sends any command as anyone and gives what a client would be answered.
    ///
    /// # Errors
    /// The refusal that a client would be answered.
    pub async fn act(&self, who: &str, request: Request) -> Result<Value, Failure> {
        let by = Mid::from(self.known(who)?);
        let file = match FileNeed::of(&request) {
            FileNeed::Nothing => None,
            _ => self.0.stage(&by, &request).await?,
        };
        self.enact(&Deed::Command { by, request: Written(request), file })
    }

    /// Makes something happen for which there is no command. Mids name the people and groups.
    ///
    /// # Errors
    /// When it cannot happen as things stand.
    pub fn operate(&self, operation: Operation) -> Result<Value, Failure> {
        self.enact(&Deed::Operated(operation))
    }

    /// The messages between a person and another one, or in a group, as that person sees them, oldest first.
    pub fn chat(&self, who: &str, with: &str) -> Vec<Message> {
        self.0.with(|hub| {
            let Some(who) = hub.world.find(who).cloned() else { return Vec::new() };
            let with = hub.world.find(with).map_or_else(|| with.to_owned(), ToString::to_string);
            hub.world.history(&who, &with)
        })
    }

    /// Watches the events of an account, as one more device of it would see them from now on.
    ///
    /// # Errors
    /// When there is no such account.
    pub fn watch(&self, who: &str) -> Result<Watcher, Failure> {
        let mid = Mid::from(self.known(who)?);
        let entrance = self.0.with(|hub| hub.watch(mid));
        Ok(Watcher { shared: Arc::clone(&self.0), entrance })
    }

    /// Sends an event of any name and content to every connection of an account.
    pub fn notify(&self, who: &str, subcommand: &str, content: &Value) {
        let Ok(frame) = crate::protocol::encode_event(subcommand, content) else { return };
        self.on_account(who, |hub, mid| hub.notify(mid, &frame));
    }

    /// The PINs that logins of an account show and wait for.
    pub fn pins(&self, who: &str) -> Vec<String> {
        self.on_account(who, |hub, mid| hub.pins_of(mid).into_iter().map(|(_, pin)| pin).collect()).unwrap_or_default()
    }

    /// Types a PIN on the phone of an account; a login that shows another one fails.
    pub fn type_pin(&self, who: &str, pin: &str) {
        self.on_account(who, |hub, mid| {
            for (id, _) in hub.pins_of(mid) {
                hub.type_pin(id, pin);
            }
        });
    }

    /// Ends the connections of an account without a word, as a broken network would; gives how many.
    pub fn drop_connections(&self, who: &str) -> usize {
        self.on_account(who, |hub, mid| hub.end_all(Some(mid), CloseReason::Dropped)).unwrap_or_default()
    }

    /// Ends every connection without a word; gives how many.
    pub fn drop_all_connections(&self) -> usize {
        self.0.with(|hub| hub.end_all(None, CloseReason::Dropped))
    }

    /// Makes trouble with what the sandbox sends.
    ///
    /// # Errors
    /// When it names an account that is not there.
    pub fn inject(&self, mut fault: InjectedFault) -> Result<FaultId, Failure> {
        fault.account = self.whose(fault.account.as_deref())?;
        Ok(self.0.with(|hub| hub.faults.inject(fault)))
    }

    /// Refuses commands or logins, whatever they say.
    ///
    /// # Errors
    /// When it names an account that is not there.
    pub fn refuse(&self, mut refusal: Refusal) -> Result<FaultId, Failure> {
        refusal.account = self.whose(refusal.account.as_deref())?;
        Ok(self.0.with(|hub| hub.faults.refuse(refusal)))
    }

    /// Takes a fault back. Frames that are late already stay so.
    pub fn clear_fault(&self, id: FaultId) {
        self.0.with(|hub| hub.faults.clear(Some(id)));
    }

    /// Takes all faults back. Frames that are late already stay so.
    pub fn clear_faults(&self) {
        self.0.with(|hub| hub.faults.clear(None));
    }

    fn whose(&self, who: Option<&str>) -> Result<Option<String>, Failure> {
        who.map(|who| self.known(who)).transpose()
    }

    fn on_account<T>(&self, who: &str, work: impl FnOnce(&mut Hub, &str) -> T) -> Option<T> {
        self.0.with(|hub| {
            let mid = hub.world.find(who)?.clone();
            Some(work(hub, &mid))
        })
    }

    fn enact(&self, deed: &Deed) -> Result<Value, Failure> {
        self.0.with(|hub| {
            let DeedOutcome { reply, deliveries } = hub.enact(None, deed);
            hub.deliver(&deliveries, None);
            reply
        })
    }

    fn known(&self, who: &str) -> Result<String, Failure> {
        self.mid(who).ok_or_else(|| Failure::new(FailureCode::NotFound, format!("there is nobody called {who}")))
    }
}

fn text(content: &Value, field: &str) -> String {
    content.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}
