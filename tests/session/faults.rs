//! A session and a gateway with every fault, by seed: nothing lost that arrived, nothing doubled, no login too many.
//!
//! `FAULT_SEED=7 cargo test --test library session::faults` runs one seed.

mod serving;

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use hotline::clock::Clock;
use hotline::protocol::{Content, Event, Family};
use hotline::session::{CallError, Ended, Handle, Pacing, SessionConfig, Signal};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use tokio::task::{JoinHandle, spawn_local};

use crate::gateway::{Gateway, soon};
use crate::watch::{Session, config, on_a_worker};
use serving::{FAULTY, Record, serve};

/// How many events the gateway has for the session.
const ITEMS: u32 = 60;
const CALLS: u32 = 60;
/// Real time that no seed comes near unless something hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is different from seed to seed beside the order of the faults.
#[derive(Clone, Copy, Debug)]
struct Setup {
    /// Whether the gateway repeats the latest events after a reconnect. Where it does not, what was on its way when a
    /// connection ended may be lost.
    repeats: bool,
    is_paced: bool,
    /// Whether the owner pauses now and then.
    pauses: bool,
    /// After how many faults the login is refused, where that is not the end.
    refuses_after: Option<usize>,
}

impl Setup {
    fn of(seed: u64, rng: &mut StdRng) -> Self {
        Self {
            repeats: seed.is_multiple_of(2),
            is_paced: rng.random_ratio(1, 3),
            pauses: rng.random_ratio(1, 3),
            refuses_after: rng.random_ratio(1, 4).then(|| rng.random_range(1..FAULTY)),
        }
    }
}

/// Says which seed failed, however it did.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("FAULT_SEED={} failed", self.0);
        }
    }
}

#[test]
fn nothing_is_lost_or_doubled_and_no_login_comes_too_early() {
    let chosen = std::env::var("FAULT_SEED").ok().and_then(|seed| seed.parse().ok());
    // Those that are always the same, and one that nobody has seen yet.
    let fresh = u64::from(rand::random::<u32>());
    let seeds = chosen.map_or_else(|| (0..12).chain([fresh]).collect(), |seed| vec![seed]);
    eprintln!("seeds: {seeds:?}");
    std::thread::scope(|scope| {
        for seed in seeds {
            scope.spawn(move || {
                let _named = Named(seed);
                on_a_worker(async {
                    let run = tokio::time::timeout(PATIENCE, run_with(seed)).await;
                    assert!(run.is_ok(), "it has not ended within {PATIENCE:?}");
                });
            });
        }
    });
}

async fn run_with(seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let setup = Setup::of(seed, &mut rng);
    eprintln!("seed {seed}: {setup:?}");
    let gateway = Gateway::listen().await;
    let clock = Clock::manual(1_700_000_000_000);
    let record = Record::new(setup, clock.clone());
    let rates = [(Family::Text, "20/min"), (Family::Read, "40/min")];
    let rates = rates.map(|(family, rate)| (family, rate.parse().expect("a rate"))).into();
    let pacing = if setup.is_paced { Pacing::Custom(rates) } else { Pacing::Off };
    let certificate = Some("paper".into());
    let session = SessionConfig { certificate, pacing, ..config(&gateway.url()) };
    let session = Session::start_on(session, clock.clone());
    let serving = spawn_local(serve(gateway, record.clone(), rng));
    let ticking = tick(clock.clone());
    let pausing = setup.pauses.then(|| pause(&session));
    let calls: Vec<_> = (0..CALLS).map(|number| call(number, session.handle.clone(), clock.clone())).collect();

    let mut owner =
        Owner { session, clock, setup, seen: Vec::new(), retries: Vec::new(), attempts: 0, live_since: None };
    let mut calls = std::pin::pin!(join_all(calls));
    let results = loop {
        tokio::select! {
            results = &mut calls => break results,
            more = owner.hear() => if !more {
                break calls.await;
            },
        }
    };
    let mut proven = BTreeSet::new();
    for result in results {
        let result = result.expect("it does not panic");
        proven.extend(check_call(&record, result));
    }
    if let Some(pausing) = pausing {
        pausing.abort();
        owner.session.is_pausing.set(false);
        owner.session.handle.resume_reading();
    }
    while setup.repeats && setup.refuses_after.is_none() && owner.seen.len() < ITEMS as usize {
        assert!(owner.hear().await, "it ended too early");
    }
    record.is_done.set(true);
    while owner.hear().await {}
    let Owner { session, mut seen, retries, .. } = owner;
    assert!(matches!(session.ended().await, Ended::Refused(_)));
    ticking.abort();
    soon("the gateway", serving).await.expect("the gateway does not panic");

    seen.sort_unstable();
    assert!(seen.is_sorted_by(|one, next| one < next), "doubled: {seen:?}");
    let lost: Vec<_> = proven.iter().filter(|item| seen.binary_search(item).is_err()).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    check_logins(setup, &record.logins.borrow(), &retries);
}

/// The results of an effect and of a read.
type Results = (u32, Result<Content, CallError>, Result<Content, CallError>);

fn call(number: u32, handle: Handle, clock: Clock) -> JoinHandle<Results> {
    spawn_local(async move {
        clock.sleep(Duration::from_secs(u64::from(number) * 4)).await;
        let fields = json!({"to": "u1", "content": format!("text {number}")}).to_string();
        let effect = if number.is_multiple_of(2) {
            handle.call("SendText", fields).await
        } else {
            match handle.reserve("SendText").await {
                Ok(turn) => handle.send(turn, fields).await,
                Err(error) => Err(error),
            }
        };
        let read = handle.call("GetContacts", json!({"mids": [number.to_string()]}).to_string()).await;
        (number, effect, read)
    })
}

/// Checks what came of a call, and gives the items that have arrived before its answers.
fn check_call(record: &Record, (number, effect, read): Results) -> Vec<u32> {
    let executed = record.executed.borrow().get(&format!("text {number}")).copied().unwrap_or(0);
    assert!(executed <= 1, "text {number} was sent {executed} times");
    let mut proven = Vec::new();
    let mut arrived = |content: &Content| {
        let proof = content.value()["proof"].as_u64().expect("a number");
        proven.extend(&record.proofs.borrow()[usize::try_from(proof).expect("small")]);
    };
    let may_be_refused = record.setup.refuses_after.is_some();
    match effect {
        Ok(content) => {
            assert_eq!((executed, content.value()["number"].as_u64()), (1, Some(number.into())));
            arrived(&content);
        }
        Err(CallError::Disconnected { sent: true } | CallError::Timeout { sent: true, .. }) => {}
        Err(CallError::Timeout { sent: false, .. }) => assert_eq!(executed, 0, "text {number}"),
        Err(CallError::Refused(failure)) if record.setup.is_paced => assert_eq!((failure.code, executed), (4, 0)),
        // It may have been on its way when the session ended.
        Err(CallError::LoginRefused(_)) if may_be_refused => {}
        Err(other) => panic!("text {number}: {other}"),
    }
    match read {
        Ok(content) => {
            assert_eq!(content.value()["mids"][0], number.to_string());
            arrived(&content);
        }
        Err(CallError::Timeout { .. }) => {}
        Err(CallError::Refused(failure)) if record.setup.is_paced => assert_eq!(failure.code, 4),
        Err(CallError::LoginRefused(_)) if may_be_refused => {}
        Err(other) => panic!("read {number}: {other}"),
    }
    proven
}

/// An attempt at a connection that has failed: when that was told, and how long until the next.
type Retry = (Duration, Duration);

/// Checks that no login came earlier than the policy has it, nor more often than attempts were announced.
fn check_logins(setup: Setup, logins: &[Duration], retries: &[Retry]) {
    assert!(logins.len() <= retries.len() + 1, "{} logins, {} retries", logins.len(), retries.len());
    for pair in logins.windows(2) {
        assert!(pair[1] >= pair[0] + Duration::from_secs(1), "logins at {pair:?}");
    }
    if setup.pauses {
        // What an owner who pauses hears is as old as the pause.
        return;
    }
    for login in &logins[1..] {
        let (told, retry) = retries.iter().rfind(|(told, _)| told < login).expect("it was lost before");
        assert!(*login >= *told + *retry, "a login at {login:?}, lost at {told:?}, to be tried again in {retry:?}");
    }
}

/// Who hears the session, and what was heard.
struct Owner {
    session: Session,
    clock: Clock,
    setup: Setup,
    seen: Vec<u32>,
    retries: Vec<Retry>,
    attempts: u32,
    live_since: Option<Duration>,
}

impl Owner {
    /// Hears the next signal; false means that there is none any more.
    async fn hear(&mut self) -> bool {
        let Some(signal) = self.session.next_signal().await else { return false };
        let now = self.clock.elapsed();
        match signal {
            Signal::Event(event) => self.seen.push(item_of(&event)),
            Signal::LoggedIn { .. } => self.live_since = Some(now),
            Signal::Disconnected { retry, .. } => {
                let was_well = self.live_since.take().is_some_and(|since| now >= since + Duration::from_secs(60));
                self.attempts = if was_well { 1 } else { self.attempts + 1 };
                let ceiling = Duration::from_secs(1 << self.attempts.min(5)).min(Duration::from_secs(30));
                assert!(retry >= Duration::from_secs(1), "{retry:?}");
                let is_known = !self.setup.pauses;
                assert!(!is_known || retry <= ceiling, "{retry:?} after {} failures", self.attempts);
                self.retries.push((now, retry));
            }
            _ => {}
        }
        true
    }
}

fn item_of(event: &Event) -> u32 {
    event.content.value()["id"].as_str().expect("an id").parse().expect("a number")
}

/// Lets time go on. Whatever is ready has its turn before, and it goes on a second at most: this thread does everything, so
/// the clock cannot outrun it however busy the machine is.
fn tick(clock: Clock) -> JoinHandle<()> {
    spawn_local(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(1)).await;
            for _ in 0..16 {
                tokio::task::yield_now().await;
            }
            if let Some(deadline) = clock.next_deadline() {
                clock.advance(deadline.saturating_sub(clock.elapsed()).min(Duration::from_secs(1)));
            }
        }
    })
}

/// An owner that takes nothing for a while, again and again.
fn pause(session: &Session) -> JoinHandle<()> {
    let (handle, clock) = (session.handle.clone(), session.clock.clone());
    let is_pausing = std::rc::Rc::clone(&session.is_pausing);
    spawn_local(async move {
        loop {
            is_pausing.set(true);
            clock.sleep(Duration::from_secs(40)).await;
            is_pausing.set(false);
            handle.resume_reading();
            clock.sleep(Duration::from_secs(20)).await;
        }
    })
}
