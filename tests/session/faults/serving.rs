//! The gateway of the fault matrix: every connection has a fault of its own, and what it did is on record.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use hotline::clock::Clock;
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde_json::{Value, json};

use super::{ITEMS, Setup};
use crate::gateway::{Client, Gateway};

/// After so many connections the gateway behaves.
pub(super) const FAULTY: usize = 14;
/// A gateway that repeats after a reconnect repeats so many items, and of those that are no messages only what it sent so
/// shortly before a connection ended.
const REPEATED: u32 = 20;
const RECENT: Duration = Duration::from_secs(5);

/// What one connection suffers from.
#[derive(Clone, Copy, Debug)]
enum InjectedFault {
    None,
    /// The gateway is just starting: it takes the connection and drops it.
    Restart,
    /// The gateway is away for a while, and nobody listens where it was.
    Closed,
    /// Nobody answers the handshake.
    NoHandshake,
    /// The login is never answered.
    NoLogin,
    /// The PIN takes long, perhaps longer than anybody waits for it.
    LatePin,
    /// The connection is cut after some frames.
    Drop,
    /// The connection is closed after some frames.
    Close,
    /// The gateway hears and says nothing any more after some frames.
    HalfOpen,
    /// Replies come late, or never, or twice, or in another order, or are complaints.
    Replies,
    /// Events come twice or in another order.
    Events,
}

const FAULTS: [InjectedFault; 10] = [
    InjectedFault::Restart,
    InjectedFault::Closed,
    InjectedFault::NoHandshake,
    InjectedFault::NoLogin,
    InjectedFault::LatePin,
    InjectedFault::Drop,
    InjectedFault::Close,
    InjectedFault::HalfOpen,
    InjectedFault::Replies,
    InjectedFault::Events,
];

/// What the gateway knows across connections.
pub(super) struct Record {
    pub(super) setup: Setup,
    pub(super) clock: Clock,
    pub(super) logins: RefCell<Vec<Duration>>,
    /// How often each text was sent, as the gateway carried it out.
    pub(super) executed: RefCell<BTreeMap<String, u32>>,
    /// For each reply by its number, the items that went over its connection before it: who has it has them.
    pub(super) proofs: RefCell<Vec<Vec<u32>>>,
    /// How many items there are.
    made: Cell<u32>,
    /// The items of which the gateway does not know whether they arrived.
    unsure: RefCell<BTreeSet<u32>>,
    pub(super) is_done: Cell<bool>,
}

impl Record {
    pub(super) fn new(setup: Setup, clock: Clock) -> Rc<Self> {
        Rc::new(Self {
            setup,
            clock,
            logins: RefCell::default(),
            executed: RefCell::default(),
            proofs: RefCell::default(),
            made: Cell::default(),
            unsure: RefCell::default(),
            is_done: Cell::new(false),
        })
    }

    /// Notes that these items have gone before a reply; gives its number.
    fn prove(&self, items: &[u32]) -> usize {
        let mut proofs = self.proofs.borrow_mut();
        proofs.push(items.to_vec());
        proofs.len() - 1
    }

    fn next_item(&self) -> u32 {
        self.made.get()
    }
}

/// The event of an item: a message, or another one. Each is about a group of its own, so that none undoes another.
fn event(item: u32) -> Value {
    let (subcommand, content) = if is_message(item) {
        ("RECEIVE_MESSAGE", json!({"id": item.to_string(), "from": "u1", "to": "u9", "text": "x"}))
    } else {
        ("NOTIFIED_LEAVE_CHAT", json!({"group_id": format!("c{item}"), "id": item.to_string()}))
    };
    json!({"command": "OnNotify", "subcommand": subcommand, "content": content.to_string()})
}

const fn is_message(item: u32) -> bool {
    !item.is_multiple_of(4)
}

/// Serves connections, each with its fault, then calm ones, and refuses the login after that, or in their middle.
pub(super) async fn serve(mut gateway: Gateway, record: Rc<Record>, mut rng: StdRng) {
    let mut faults: Vec<_> = FAULTS.into_iter().chain([InjectedFault::Replies; FAULTY - FAULTS.len()]).collect();
    faults.shuffle(&mut rng);
    for (number, fault) in faults.into_iter().enumerate() {
        if record.setup.refuses_after == Some(number) {
            return refuse(&gateway).await;
        }
        if matches!(fault, InjectedFault::Closed) {
            let address = gateway.address();
            drop(gateway);
            record.clock.sleep(Duration::from_secs(20)).await;
            gateway = Gateway::listen_on(address).await;
            continue;
        }
        let stream = gateway.accept_tcp().await;
        match fault {
            InjectedFault::Restart => continue,
            InjectedFault::NoHandshake => {
                // The client gives up: then its side is closed.
                let mut rest = Vec::new();
                let mut stream = stream;
                let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest).await;
            }
            _ => {
                if let Some(client) = Client::try_on(stream).await {
                    Connection::serve(client, &record, fault, &mut rng).await;
                }
            }
        }
    }
    while !record.is_done.get() {
        if let Some(client) = Client::try_on(gateway.accept_tcp().await).await {
            Connection::serve(client, &record, InjectedFault::None, &mut rng).await;
        }
    }
    refuse(&gateway).await;
}

/// Refuses the next login, after which none may come.
async fn refuse(gateway: &Gateway) {
    // One that has waited for its turn may have given up meanwhile.
    let mut client = loop {
        let Some(mut client) = Client::try_on(gateway.accept_tcp().await).await else { continue };
        if client.next().await.is_some() {
            break client;
        }
    };
    client.send_text(r#"{"command":"OnLogin","code":1,"content":"AUTHENTICATION_FAILED: no more"}"#).await;
    client.gone().await;
    let another = tokio::time::timeout(Duration::from_millis(50), gateway.accept_tcp()).await;
    assert!(another.is_err(), "a refused login is not tried again");
}

struct Connection<'a> {
    client: Client,
    record: &'a Record,
    fault: InjectedFault,
    rng: &'a mut StdRng,
    /// Replies that are held back.
    held: VecDeque<Value>,
    /// The items that were sent.
    sent: Vec<u32>,
    /// When each was sent last.
    sent_at: BTreeMap<u32, Duration>,
    /// Since when nothing is sent any more, though the connection is there.
    silent_since: Option<Duration>,
}

impl<'a> Connection<'a> {
    async fn serve(client: Client, record: &'a Record, fault: InjectedFault, rng: &'a mut StdRng) {
        let mut connection = Self {
            client,
            record,
            fault,
            rng,
            held: VecDeque::new(),
            sent: Vec::new(),
            sent_at: BTreeMap::new(),
            silent_since: None,
        };
        // The client may go at any point: what is to be checked is checked across connections.
        let _ = connection.run().await;
        let end = connection.silent_since.unwrap_or_else(|| record.clock.elapsed());
        let mut unsure = record.unsure.borrow_mut();
        for (item, at) in connection.sent_at {
            if at + RECENT >= end {
                unsure.insert(item)
            } else {
                unsure.remove(&item)
            };
        }
    }

    async fn run(&mut self) -> Option<()> {
        self.log_in().await?;
        if self.record.setup.repeats {
            self.repeat().await?;
        }
        let mut left = match self.fault {
            InjectedFault::Drop | InjectedFault::Close | InjectedFault::HalfOpen => self.rng.random_range(1..40),
            _ => 150,
        };
        loop {
            let clock = self.record.clock.clone();
            tokio::select! {
                frame = self.client.next() => self.request(&frame?).await?,
                () = clock.sleep(Duration::from_secs(1)) => self.events().await?,
            }
            left -= 1;
            match self.fault {
                InjectedFault::None if self.record.is_done.get() => return Some(()),
                InjectedFault::HalfOpen if left <= 0 => {
                    self.silent_since = Some(self.record.clock.elapsed());
                    loop {
                        self.client.next().await?;
                    }
                }
                InjectedFault::None => {}
                _ if left <= 0 => return Some(()),
                _ => {}
            }
        }
    }

    async fn log_in(&mut self) -> Option<()> {
        let login = self.client.next().await?;
        assert_eq!(login["command"], "Login");
        self.record.logins.borrow_mut().push(self.record.clock.elapsed());
        match self.fault {
            InjectedFault::NoLogin => loop {
                self.client.next().await?;
            },
            InjectedFault::LatePin => {
                let clock = self.record.clock.clone();
                let late = if self.rng.random() { 100 } else { 130 };
                clock.sleep(Duration::from_secs(late)).await;
                self.send(json!({"command": "OnPinCode", "code": 0, "content": "{\"pin\": \"1234\"}"})).await?;
                clock.sleep(Duration::from_secs(100)).await;
            }
            _ => {}
        }
        let content = if self.rng.random() { json!({"mid": "u9"}) } else { json!({}) };
        self.send(json!({"command": "OnLogin", "code": 0, "content": content.to_string()})).await
    }

    /// Sends again what may have been lost with the connection before.
    async fn repeat(&mut self) -> Option<()> {
        let next = self.record.next_item();
        for item in next.saturating_sub(REPEATED)..next {
            if is_message(item) || self.record.unsure.borrow().contains(&item) {
                self.item(item).await?;
            }
        }
        Some(())
    }

    async fn request(&mut self, frame: &Value) -> Option<()> {
        let command = frame["command"].as_str()?;
        if command == "HeartBeat" {
            return Some(());
        }
        let reply = |code: i64, content: String| json!({"command": command, "task_id": frame["task_id"], "code": code, "content": content});
        let is_faulty = matches!(self.fault, InjectedFault::Replies);
        if is_faulty && self.record.setup.is_paced && command != "GetProfile" && self.rng.random_ratio(1, 20) {
            return self.send(reply(4, "EXCESSIVE_ACCESS: slow down".to_owned())).await;
        }
        let proof = self.record.prove(&self.sent);
        let content = match command {
            "SendText" => {
                let text = frame["content"].as_str()?.to_owned();
                let number: u32 = text.strip_prefix("text ")?.parse().ok()?;
                *self.record.executed.borrow_mut().entry(text).or_default() += 1;
                json!({"number": number, "proof": proof})
            }
            "GetContacts" => json!({"mids": frame["mids"], "proof": proof}),
            _ => json!({"mid": "u9"}),
        };
        let reply = reply(0, content.to_string());
        if !is_faulty {
            return self.send(reply).await;
        }
        match self.rng.random_range(0..5) {
            0 => Some(()),
            1 => {
                self.send(reply.clone()).await?;
                self.send(reply).await
            }
            2 => self.send(reply).await,
            _ => {
                self.held.push_back(reply);
                Some(())
            }
        }
    }

    /// Sends the next items, and some of the replies that were held back.
    async fn events(&mut self) -> Option<()> {
        self.held.make_contiguous().shuffle(self.rng);
        for _ in 0..self.rng.random_range(0..3) {
            if let Some(reply) = self.held.pop_front() {
                self.send(reply).await?;
            }
        }
        let next = self.record.next_item();
        let mut items: Vec<_> = (next..ITEMS.min(next + self.rng.random_range(0..3))).collect();
        self.record.made.set(items.last().map_or(next, |last| last + 1));
        if matches!(self.fault, InjectedFault::Events) {
            // Only a message that comes twice over one connection is the same one.
            items.extend(items.clone().into_iter().filter(|item| is_message(*item)));
            items.shuffle(self.rng);
        }
        for item in items {
            self.item(item).await?;
        }
        Some(())
    }

    async fn item(&mut self, item: u32) -> Option<()> {
        self.sent_at.insert(item, self.record.clock.elapsed());
        self.send(event(item)).await?;
        self.sent.push(item);
        Some(())
    }

    async fn send(&mut self, frame: Value) -> Option<()> {
        self.client.try_send(&frame).await.then_some(())
    }
}
