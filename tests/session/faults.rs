//! A session and a gateway with every fault, by seed: nothing lost that arrived, nothing doubled, no login too many.
//!
//! `FAULT_SEED=7 cargo test --test session faults` runs one seed.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use hotline::clock::Clock;
use hotline::session::{CallError, Ended, SessionConfig, Signal};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use tokio::task::spawn_local;

use crate::gateway::{Client, Gateway, soon};
use crate::watch::{Session, config, on_a_worker};

const MESSAGES: u32 = 60;
const CALLS: u32 = 60;
/// Real time that no seed comes near unless something hangs.
const PATIENCE: Duration = Duration::from_secs(120);
/// After so many connections the gateway behaves.
const FAULTY: usize = 12;

/// What one connection suffers from.
#[derive(Clone, Copy, Debug)]
enum Fault {
    None,
    /// The gateway is just starting: it takes the connection and drops it.
    Restart,
    /// Nobody answers the handshake.
    NoHandshake,
    /// The login is never answered.
    NoLogin,
    /// The PIN takes long.
    LatePin,
    /// The connection is cut after some frames.
    Drop,
    /// The connection is closed after some frames.
    Close,
    /// The gateway hears and says nothing any more after some frames.
    HalfOpen,
    /// Replies come late, or never, or twice, or in another order.
    Replies,
    /// Events come twice or in another order.
    Events,
}

const FAULTS: [Fault; 9] = [
    Fault::Restart,
    Fault::NoHandshake,
    Fault::NoLogin,
    Fault::LatePin,
    Fault::Drop,
    Fault::Close,
    Fault::HalfOpen,
    Fault::Replies,
    Fault::Events,
];

/// What the gateway knows across connections.
struct Record {
    clock: Clock,
    logins: RefCell<Vec<Duration>>,
    /// How often each text was sent, as the gateway carried it out.
    executed: RefCell<BTreeMap<String, u32>>,
    next_message: Cell<u32>,
    is_done: Cell<bool>,
}

#[test]
fn nothing_is_lost_or_doubled_and_no_login_comes_too_early() {
    let chosen = std::env::var("FAULT_SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = chosen.map_or(0..10, |seed: u64| seed..seed + 1);
    std::thread::scope(|scope| {
        for seed in seeds {
            scope.spawn(move || {
                on_a_worker(async {
                    let run = tokio::time::timeout(PATIENCE, run_with(seed)).await;
                    assert!(run.is_ok(), "FAULT_SEED={seed} has not ended within {PATIENCE:?}");
                });
            });
        }
    });
}

async fn run_with(seed: u64) {
    let gateway = Gateway::listen().await;
    let clock = Clock::manual(1_700_000_000_000);
    let record = Rc::new(Record {
        clock: clock.clone(),
        logins: RefCell::default(),
        executed: RefCell::default(),
        next_message: Cell::new(0),
        is_done: Cell::new(false),
    });
    let mut session =
        Session::start_on(SessionConfig { certificate: Some("paper".into()), ..config(&gateway.url()) }, clock.clone());
    let serving = spawn_local(serve(gateway, Rc::clone(&record), StdRng::seed_from_u64(seed)));
    let ticking = spawn_local(async move {
        // Whatever is ready has its turn before time goes on, a second at most: this thread does everything, so the
        // clock cannot outrun it however busy the machine is.
        loop {
            tokio::time::sleep(Duration::from_millis(1)).await;
            for _ in 0..16 {
                tokio::task::yield_now().await;
            }
            if let Some(deadline) = clock.next_deadline() {
                clock.advance(deadline.saturating_sub(clock.elapsed()).min(Duration::from_secs(1)));
            }
        }
    });
    let calls: Vec<_> = (0..CALLS)
        .map(|number| {
            let (handle, clock) = (session.handle.clone(), record.clock.clone());
            spawn_local(async move {
                clock.sleep(Duration::from_secs(u64::from(number) * 4)).await;
                let fields = json!({"to": "u1", "content": format!("text {number}")}).to_string();
                let effect = handle.call("SendText", fields).await;
                let read = handle.call("GetContacts", json!({"mids": [number.to_string()]}).to_string()).await;
                (number, effect, read)
            })
        })
        .collect();

    for call in calls {
        let (number, effect, read) = soon("a call to end", call).await.expect("it does not panic");
        let executed = record.executed.borrow().get(&format!("text {number}")).copied().unwrap_or(0);
        assert!(executed <= 1, "seed {seed}: text {number} was sent {executed} times");
        match effect {
            Ok(content) => assert_eq!((executed, content.value()["number"].as_u64()), (1, Some(number.into()))),
            Err(CallError::Disconnected { sent: true } | CallError::Timeout { sent: true, .. }) => {}
            Err(CallError::Timeout { sent: false, .. }) => assert_eq!(executed, 0, "seed {seed}: text {number}"),
            Err(other) => panic!("seed {seed}: text {number}: {other}"),
        }
        match read {
            Ok(content) => assert_eq!(content.value()["mids"][0], number.to_string(), "seed {seed}"),
            Err(CallError::Timeout { .. }) => {}
            Err(other) => panic!("seed {seed}: read {number}: {other}"),
        }
    }
    let mut seen = Vec::new();
    while seen.len() < MESSAGES as usize {
        if let Signal::Event(event) = session.signal().await {
            seen.push(event.content.value()["id"].as_str().expect("an id").parse::<u32>().expect("a number"));
        }
    }
    record.is_done.set(true);
    let ended = loop {
        match session.signal().await {
            Signal::Event(event) => panic!("seed {seed}: doubled: {event:?}"),
            Signal::Refused(_) => break session.ended().await,
            _ => {}
        }
    };
    assert!(matches!(ended, Ended::Refused(_)));
    ticking.abort();
    soon("the gateway", serving).await.expect("the gateway does not panic");
    seen.sort_unstable();
    assert_eq!(seen, (0..MESSAGES).collect::<Vec<_>>(), "seed {seed}");
    let logins = record.logins.borrow();
    for pair in logins.windows(2) {
        assert!(pair[1] >= pair[0] + Duration::from_secs(1), "seed {seed}: logins at {pair:?}");
    }
}

/// Serves connections, each with its fault, then a calm one, and refuses the login after that.
async fn serve(gateway: Gateway, record: Rc<Record>, mut rng: StdRng) {
    let mut faults: Vec<_> = FAULTS.into_iter().chain([Fault::Replies; FAULTY - FAULTS.len()]).collect();
    faults.shuffle(&mut rng);
    for fault in faults {
        let stream = gateway.accept_tcp().await;
        match fault {
            Fault::Restart => continue,
            Fault::NoHandshake => {
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
            Connection::serve(client, &record, Fault::None, &mut rng).await;
        }
    }
    let mut client = gateway.accept().await;
    client.receive().await;
    client.send_text(r#"{"command":"OnLogin","code":1,"content":"AUTHENTICATION_FAILED: no more"}"#).await;
    client.gone().await;
    let another = tokio::time::timeout(Duration::from_millis(50), gateway.accept_tcp()).await;
    assert!(another.is_err(), "a refused login is not tried again");
}

struct Connection<'a> {
    client: Client,
    record: &'a Record,
    fault: Fault,
    rng: &'a mut StdRng,
    /// Replies that are held back.
    held: VecDeque<Value>,
}

impl<'a> Connection<'a> {
    async fn serve(client: Client, record: &'a Record, fault: Fault, rng: &'a mut StdRng) {
        let mut connection = Self { client, record, fault, rng, held: VecDeque::new() };
        // The client may go at any point: what is to be checked is checked across connections.
        let _ = connection.run().await;
    }

    async fn run(&mut self) -> Option<()> {
        self.log_in().await?;
        let first = self.record.next_message.get().saturating_sub(20);
        for id in first..self.record.next_message.get() {
            self.message(id).await?;
        }
        let mut left = match self.fault {
            Fault::Drop | Fault::Close | Fault::HalfOpen => self.rng.random_range(1..40),
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
                Fault::None if self.record.is_done.get() => return Some(()),
                Fault::HalfOpen if left <= 0 => loop {
                    self.client.next().await?;
                },
                Fault::None => {}
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
            Fault::NoLogin => loop {
                self.client.next().await?;
            },
            Fault::LatePin => {
                let clock = self.record.clock.clone();
                clock.sleep(Duration::from_secs(100)).await;
                self.send(json!({"command": "OnPinCode", "code": 0, "content": "{\"pin\": \"1234\"}"})).await?;
                clock.sleep(Duration::from_secs(100)).await;
            }
            _ => {}
        }
        let content = if self.rng.random() { json!({"mid": "u9"}) } else { json!({}) };
        self.send(json!({"command": "OnLogin", "code": 0, "content": content.to_string()})).await
    }

    async fn request(&mut self, frame: &Value) -> Option<()> {
        let content = match frame["command"].as_str()? {
            "HeartBeat" => return Some(()),
            "SendText" => {
                let text = frame["content"].as_str()?.to_owned();
                let number: u32 = text.strip_prefix("text ")?.parse().ok()?;
                *self.record.executed.borrow_mut().entry(text).or_default() += 1;
                json!({"number": number})
            }
            "GetContacts" => json!({"mids": frame["mids"]}),
            _ => json!({"mid": "u9"}),
        };
        let reply = json!({
            "command": frame["command"], "task_id": frame["task_id"], "code": 0, "content": content.to_string()
        });
        if !matches!(self.fault, Fault::Replies) {
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

    /// Sends the next messages, and some of the replies that were held back.
    async fn events(&mut self) -> Option<()> {
        self.held.make_contiguous().shuffle(self.rng);
        for _ in 0..self.rng.random_range(0..3) {
            if let Some(reply) = self.held.pop_front() {
                self.send(reply).await?;
            }
        }
        let next = self.record.next_message.get();
        let mut ids: Vec<_> = (next..MESSAGES.min(next + self.rng.random_range(0..3))).collect();
        self.record.next_message.set(next + u32::try_from(ids.len()).ok()?);
        if matches!(self.fault, Fault::Events) {
            ids.extend(ids.clone());
            ids.shuffle(self.rng);
        }
        for id in ids {
            self.message(id).await?;
        }
        Some(())
    }

    async fn message(&mut self, id: u32) -> Option<()> {
        let content = json!({"id": id.to_string(), "from": "u1", "to": "u9", "text": "x"}).to_string();
        self.send(json!({"command": "OnNotify", "subcommand": "RECEIVE_MESSAGE", "content": content})).await
    }

    async fn send(&mut self, frame: Value) -> Option<()> {
        self.client.try_send(&frame).await.then_some(())
    }
}
