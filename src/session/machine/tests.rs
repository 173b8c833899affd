//! The machine under random inputs and a random clock, checked against what must always hold.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::protocol::{Command, Family, Safety, find_text};
use crate::session::calls::{CallOrder, CallStep};
use crate::session::{Credentials, Pacing, Secret};

const COMMANDS: [&str; 4] = ["GetProfile", "BlockContact", "SendText", "SomethingNew"];

pub(super) fn config() -> SessionConfig {
    let login = Credentials::Email { email: "a".into(), password: Secret::new("b") };
    SessionConfig { pacing: Pacing::Off, max_outstanding: 8, ..SessionConfig::new("main", "ws://localhost", login) }
}

/// Rates so low that random calls meet them.
fn paced() -> Pacing {
    let rates =
        [(Family::Read, "60/min"), (Family::Contact, "30/min"), (Family::Text, "12/min"), (Family::Group, "6/min")];
    Pacing::Custom(rates.map(|(family, rate)| (family, rate.parse().expect("a rate"))).into())
}

fn order(step: CallStep, command: &'static str, number: u32) -> CallOrder<u32> {
    let fields = json!({"number": number}).to_string();
    CallOrder { step, command: Cow::Borrowed(command), row: Command::named(command), fields, reply: number }
}

#[derive(Clone, Debug)]
enum Action {
    Call(usize),
    /// Asks for a slot for a call.
    Reserve(usize),
    /// Sends a call that has its slot.
    UseSlot,
    /// Gives such a call up.
    DropSlot,
    Connected,
    Failed,
    /// Whoever answers is no gateway.
    Useless,
    LoggedIn {
        has_mid: bool,
    },
    LoginRefused,
    Pin,
    /// Answers one of the requests of this connection, whichever.
    Reply(usize, bool),
    /// Answers a request of an earlier connection on this one.
    LateReply(usize),
    /// Sends something on an earlier connection.
    OldFrame,
    Message(u32),
    Noise,
    /// The owner takes no more, or takes more again.
    Reading(bool),
    Pass(u64),
    Stop,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        20 => (0..COMMANDS.len()).prop_map(Action::Call),
        10 => (0..COMMANDS.len()).prop_map(Action::Reserve),
        8 => Just(Action::UseSlot),
        2 => Just(Action::DropSlot),
        20 => Just(Action::Connected),
        4 => Just(Action::Failed),
        1 => Just(Action::Useless),
        20 => any::<bool>().prop_map(|has_mid| Action::LoggedIn { has_mid }),
        1 => Just(Action::LoginRefused),
        3 => Just(Action::Pin),
        20 => (any::<usize>(), prop::bool::weighted(0.8)).prop_map(|(which, is_good)| Action::Reply(which, is_good)),
        5 => any::<usize>().prop_map(Action::LateReply),
        5 => Just(Action::OldFrame),
        15 => (0..40u32).prop_map(Action::Message),
        5 => Just(Action::Noise),
        4 => prop::bool::weighted(0.7).prop_map(Action::Reading),
        25 => prop_oneof![0..50u64, 500..5_000u64, 20_000..70_000u64].prop_map(Action::Pass),
        1 => Just(Action::Stop),
    ]
}

/// A request that the machine sent, and what it stands for.
#[derive(Clone, Debug)]
struct Sent {
    connection: Connection,
    task_id: i64,
    command: String,
    call: Option<u32>,
}

struct World {
    machine: Machine<u32>,
    now: Duration,
    /// The latest connection that was asked for, whether it is still to come, and whether it is open.
    connection: Connection,
    is_asked: bool,
    is_open: bool,
    is_live: bool,
    is_paced: bool,
    is_reading: bool,
    has_login: bool,
    logins: usize,
    is_over: bool,
    last_connect: Option<Duration>,
    calls: BTreeMap<u32, (usize, Duration)>,
    /// The calls that have a slot and have not used it.
    granted: Vec<u32>,
    /// What the machine was waiting for, on which connection, and since when.
    state: (Connection, &'static str, Duration),
    done: BTreeSet<u32>,
    sent: Vec<Sent>,
    sendings: HashMap<u32, Vec<Connection>>,
    task_ids: BTreeSet<i64>,
    arrived: Vec<u32>,
    signalled: Vec<u32>,
}

impl World {
    fn new(seed: u64, is_paced: bool) -> Self {
        let config = if is_paced { SessionConfig { pacing: paced(), ..config() } } else { config() };
        let mut world = Self {
            machine: Machine::new(config, seed, Duration::ZERO),
            now: Duration::ZERO,
            connection: 0,
            is_asked: false,
            is_open: false,
            is_live: false,
            is_paced,
            is_reading: true,
            has_login: false,
            logins: 0,
            is_over: false,
            last_connect: None,
            calls: BTreeMap::new(),
            granted: Vec::new(),
            state: (0, "", Duration::ZERO),
            done: BTreeSet::new(),
            sent: Vec::new(),
            sendings: HashMap::new(),
            task_ids: BTreeSet::new(),
            arrived: Vec::new(),
            signalled: Vec::new(),
        };
        world.settle();
        world
    }

    fn act(&mut self, action: Action) {
        let (connection, now) = (self.connection, self.now);
        match action {
            Action::Call(which) => self.call(which, CallStep::Whole),
            Action::Reserve(which) => self.call(which, CallStep::Slot),
            Action::UseSlot => {
                if let Some(number) = self.granted.pop() {
                    let call = self.calls.get_mut(&number).expect("it was made");
                    call.1 = now;
                    let order = order(CallStep::Granted, COMMANDS[call.0], number);
                    self.machine.call(order, now);
                }
            }
            Action::DropSlot => {
                self.done.extend(self.granted.pop());
                self.machine.slots_given(self.granted.len(), self.now);
            }
            Action::Reading(true) if !self.is_reading => {
                self.is_reading = true;
                self.machine.reading_resumed(now);
            }
            Action::Reading(false) if self.is_reading => {
                self.is_reading = false;
                self.machine.reading_stopped();
            }
            Action::Reading(_) => {}
            Action::Connected => {
                self.is_open |= std::mem::take(&mut self.is_asked);
                self.machine.connected(connection, now);
            }
            Action::Useless => self.machine.unusable(connection, "it is something else", now),
            Action::Failed => self.machine.disconnected(connection, "it broke", now),
            Action::LoggedIn { has_mid } => {
                let content = if has_mid { r#"{"mid":"u9"}"# } else { "{}" };
                self.frame(&json!({"command": "OnLogin", "code": 0, "content": content}));
            }
            Action::LoginRefused => self.frame(&json!({"command": "OnLogin", "code": 1, "content": "no"})),
            Action::Pin => self.frame(&json!({"command": "OnPinCode", "content": {"pin": 12}})),
            Action::Reply(which, is_good) => self.reply(which, is_good, |sent, world| sent == world),
            Action::LateReply(which) => self.reply(which, true, |sent, world| sent != world),
            Action::OldFrame => {
                let frame = json!({"command": "OnNotify", "subcommand": "OLD", "content": "{}"}).to_string();
                self.machine.frame(connection.wrapping_sub(1), &frame, now);
                self.machine.disconnected(connection.wrapping_sub(1), "long ago", now);
                self.machine.connected(connection.wrapping_sub(1), now);
            }
            Action::Message(id) => {
                if self.is_open && self.is_reading && self.has_login && !self.arrived.contains(&id) {
                    self.arrived.push(id);
                }
                let content = json!({"id": id.to_string()}).to_string();
                self.frame(&json!({"command": "OnNotify", "subcommand": "RECEIVE_MESSAGE", "content": content}));
            }
            Action::Noise => {
                if self.is_open && self.is_reading {
                    self.machine.frame(connection, "noise", now);
                    self.machine.noise(connection, now);
                }
            }
            Action::Pass(millis) => {
                self.now += Duration::from_millis(millis);
                self.machine.tick(self.now);
            }
            Action::Stop => self.machine.stop(),
        }
        self.settle();
    }

    fn call(&mut self, which: usize, step: CallStep) {
        let number = u32::try_from(self.calls.len()).expect("few");
        self.calls.insert(number, (which, self.now));
        self.machine.call(order(step, COMMANDS[which], number), self.now);
    }

    fn frame(&mut self, frame: &Value) {
        if self.is_open && self.is_reading {
            self.machine.frame(self.connection, &frame.to_string(), self.now);
        }
    }

    fn reply(&mut self, which: usize, is_good: bool, is_right: impl Fn(Connection, Connection) -> bool) {
        let requests: Vec<_> = self.sent.iter().filter(|sent| is_right(sent.connection, self.connection)).collect();
        if requests.is_empty() {
            return;
        }
        let sent = requests[which % requests.len()].clone();
        let content = match sent.call {
            Some(call) => format!("{call} on {}", sent.connection),
            None => r#"{"mid":"u9"}"#.to_owned(),
        };
        let code = if is_good { 0 } else { 4 };
        self.frame(&json!({"command": sent.command, "task_id": sent.task_id, "code": code, "content": content}));
    }

    /// Takes the outputs and checks each.
    fn settle(&mut self) {
        while let Some(output) = self.machine.output() {
            match output {
                Output::Connect(connection) => self.asked_to_connect(connection),
                Output::Send(connection, frame) => self.asked_to_send(connection, &frame),
                Output::Close | Output::Leave => (self.is_asked, self.is_open, self.is_live) = (false, false, false),
                Output::Grant(call) => {
                    assert!(self.is_live && !self.done.contains(&call), "a slot comes when it can be used");
                    self.granted.push(call);
                }
                Output::Complete(call, result) => self.completed(call, result),
                Output::Signal(signal) => self.told(signal),
            }
        }
        if self.is_live {
            assert_eq!(self.signalled, self.arrived, "what arrived is handed on, once and in order");
        }
    }

    /// Lets the machine see the time and checks what it leaves behind.
    fn check_time(&mut self) {
        self.machine.tick(self.now);
        self.settle();
        for (call, (_, began)) in &self.calls {
            // One that waits in its queue has not begun to count.
            let is_due = !self.is_paced && self.now >= *began + Duration::from_secs(30);
            let is_over = self.done.contains(call) || self.granted.contains(call);
            assert!(!is_due || is_over, "call {call} waits longer than it may");
        }
        self.check_bounds();
        self.check_deadline();
        if let Some(wake) = self.machine.next_wake() {
            assert!(wake > self.now, "a wish for {wake:?} at {:?} would spin", self.now);
        }
    }

    fn check_bounds(&self) {
        let machine = &self.machine;
        let limit = machine.config.max_outstanding;
        assert!(machine.calls.outstanding() + self.granted.len() <= limit, "no more than may be are unanswered");
        assert!(machine.calls.queued() <= 2 * limit, "those of a lost connection wait before as many others");
        assert!(machine.queues.waiting() <= limit, "the queues are bounded too");
        assert!(self.is_paced || machine.queues.waiting() == 0);
        assert!(machine.room() + machine.calls.outstanding() + self.granted.len() <= limit);
    }

    /// A machine that waits, waits for a moment that comes.
    fn check_deadline(&mut self) {
        assert!(self.machine.next_wake().is_some() || self.machine.is_ending(), "something will happen, or it is over");
        let (name, deadline, most, longest) = match &self.machine.state {
            State::Connecting { deadline } => ("connecting", *deadline, CONNECT, CONNECT),
            // The world knows one PIN, which can come at the last moment.
            State::LoggingIn { deadline, .. } => ("logging in", *deadline, PIN, 2 * PIN),
            State::Identifying { due, .. } => ("identifying", *due, Duration::from_secs(600), Duration::MAX),
            State::Live { probe: Some(probe), .. } => {
                assert!(self.is_reading, "who does not read cannot hear an answer");
                ("asking", probe.deadline, PROBE, PROBE)
            }
            State::Lost { retry } => ("lost", *retry, BACKOFF_MAX, BACKOFF_MAX),
            State::Live { probe: None, .. } | State::Refused(_) | State::Unusable(_) | State::Stopped => {
                self.state.1 = "";
                return;
            }
        };
        assert!(deadline > self.now && deadline <= self.now.saturating_add(most), "{name} until {deadline:?}");
        if (self.state.0, self.state.1) != (self.connection, name) {
            self.state = (self.connection, name, self.now);
        }
        assert!(self.now.saturating_sub(self.state.2) <= longest, "{name} for too long");
    }

    fn asked_to_connect(&mut self, connection: Connection) {
        assert!(!self.is_over, "a session that is over stays so");
        assert!(connection > self.connection, "each attempt has a new number");
        if let Some(last) = self.last_connect.replace(self.now) {
            assert!(self.now >= last + BACKOFF_MIN, "attempts are apart");
        }
        (self.connection, self.is_asked, self.has_login) = (connection, true, false);
    }

    fn asked_to_send(&mut self, connection: Connection, frame: &str) {
        assert!(!self.is_over && self.is_open && connection == self.connection, "only on the open connection");
        let frame: Value = serde_json::from_str(frame).expect("JSON");
        let command = frame["command"].as_str().expect("a command").to_owned();
        if command == "Login" {
            assert!(!self.has_login, "one login for each connection");
            self.has_login = true;
            self.logins += 1;
            return;
        }
        assert!(self.has_login, "the login comes first");
        if command == "HeartBeat" {
            assert_eq!(frame, json!({"command": "HeartBeat"}));
            return;
        }
        let task_id = frame["task_id"].as_i64().expect("a number");
        assert!(task_id >= 1 && self.task_ids.insert(task_id), "numbers are never used again");
        let call = frame["number"].as_u64().map(|number| u32::try_from(number).expect("few"));
        if let Some(call) = call {
            assert!(self.is_live, "calls go out only when live");
            assert!(!self.done.contains(&call), "a finished call is not sent");
            let sendings = self.sendings.entry(call).or_default();
            assert!(!sendings.contains(&connection), "a call is sent once on a connection");
            sendings.push(connection);
            let safety = Command::named(COMMANDS[self.calls[&call].0]).map_or(Safety::Effect, |row| row.safety);
            assert!(safety != Safety::Effect || sendings.len() == 1, "an effect is sent once");
        }
        self.sent.push(Sent { connection, task_id, command, call });
    }

    fn completed(&mut self, call: u32, result: Result<Content, CallError>) {
        assert!(self.done.insert(call), "call {call} is completed once");
        let was_sent = self.sendings.get(&call);
        match result {
            Ok(content) => {
                assert_eq!(content.as_str(), format!("{call} on {}", self.connection), "its own and no late answer");
            }
            Err(CallError::Refused(_) | CallError::Disconnected { sent: true }) => assert!(was_sent.is_some()),
            Err(CallError::Timeout { sent, .. }) => assert_eq!(sent, was_sent.is_some()),
            Err(CallError::Disconnected { sent: false } | CallError::Encode(_)) => panic!("nothing fails so here"),
            Err(
                CallError::QueueFull { .. } | CallError::Stopped | CallError::LoginRefused(_) | CallError::Unusable(_),
            ) => {}
        }
    }

    fn told(&mut self, signal: Signal) {
        assert!(!self.is_over, "nothing is told after the end");
        match signal {
            Signal::Event(event) => {
                assert_ne!(event.subcommand, "OLD", "nothing of an old connection is told");
                assert!(self.is_live, "events are told when live");
                let id = find_text(&event.content.value(), &["id"]).expect("an id");
                self.signalled.push(id.parse().expect("a number"));
            }
            Signal::LoggedIn { .. } => {
                assert!(self.is_open && !self.is_live);
                self.is_live = true;
            }
            Signal::Unusable(_) => {
                assert_eq!(self.logins, 0, "where a gateway was, it is tried again");
                self.is_over = true;
            }
            Signal::Refused(_) => self.is_over = true,
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_invariants_hold_under_any_inputs(
        seed in any::<u64>(),
        is_paced in any::<bool>(),
        actions in vec(action(), 1..250),
    ) {
        let mut world = World::new(seed, is_paced);
        for action in actions {
            world.act(action);
            world.check_time();
        }
        world.act(Action::Stop);
        let ended = world.done.len() + world.granted.len();
        prop_assert_eq!(ended, world.calls.len(), "every call has ended");
        prop_assert!(world.machine.is_over());
    }
}
