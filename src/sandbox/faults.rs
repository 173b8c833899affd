//! Troubles on demand: which frame or command they strike. Seeded, so that the same traffic meets the same trouble.
//!
//! Carrying a trouble out is the hub's affair.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::protocol::{Failure, Family};

/// The number of a fault that was asked for.
pub type FaultId = u64;

/// Trouble with what the sandbox sends.
#[derive(Clone, Debug, PartialEq)]
pub struct InjectedFault {
    /// Whose connections it strikes, by mid or name; `None` strikes everyone's.
    pub account: Option<String>,
    /// Which frames.
    pub on: Traffic,
    /// What becomes of them.
    pub trouble: Trouble,
    /// Which of them.
    pub when: When,
}

/// Which frames a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traffic {
    /// Answers to commands and logins.
    Replies,
    /// Events.
    Events,
    /// Both.
    All,
}

/// What becomes of a frame.
#[derive(Clone, Debug, PartialEq)]
pub enum Trouble {
    /// The connection ends in its place, without a word, after what was sent before. An event comes at the next login.
    Drop,
    /// It comes later, by a time drawn from this range; frames drawn to the same moment keep their order.
    Delay(RangeInclusive<Duration>),
    /// It comes twice.
    Repeat,
    /// It comes after the next frame of its connection, or after 200 ms where there is none.
    Reorder,
    /// It never comes.
    Swallow,
    /// A frame that makes no sense comes before it.
    Malformed,
}

/// Which of the frames, or commands, that a fault could strike it does strike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum When {
    /// The next ones, this many.
    Next(u32),
    /// Each with this probability, drawn from the seed.
    Chance {
        /// From 0 to 1.
        probability: f64,
        /// What the draws follow from.
        seed: u64,
    },
}

/// Commands, or logins, that are refused whatever they say.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// Whose, by mid or name; `None` refuses everyone's.
    pub account: Option<String>,
    /// Of which family; [`Family::Login`] are the logins, and `None` all commands but those.
    pub family: Option<Family>,
    /// Which of them.
    pub when: When,
    /// What they are answered.
    pub failure: Failure,
}

/// Requests to LINE's API that go wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiFault {
    /// Of which operation, by LINE's name such as `pushMessage`; `None` strikes all.
    pub operation: Option<String>,
    /// What becomes of them.
    pub trouble: ApiTrouble,
    /// Which of them.
    pub when: When,
}

/// What becomes of a request to LINE's API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiTrouble {
    /// It is answered with this status, and nothing is done.
    Refuse(u16),
    /// It is never answered, and nothing is done.
    Swallow,
    /// It is carried out and never answered.
    Lose,
}

/// Webhooks that go wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct WebhookFault {
    /// Of which event, by LINE's type such as `message`; `None` strikes all.
    pub event: Option<String>,
    /// What becomes of them.
    pub trouble: WebhookTrouble,
    /// Which of them.
    pub when: When,
}

/// What becomes of a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookTrouble {
    /// It is signed with another secret. Whoever refuses it gets it again, signed well.
    Missign,
    /// It comes again although it was taken.
    Repeat,
    /// It never comes.
    Swallow,
    /// It comes after the next one.
    Reorder,
}

/// What a frame that is struck meets.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Blow {
    Drop,
    Delay(Duration),
    Repeat,
    Reorder,
    Swallow,
    Malformed(String),
}

/// The faults that are on.
#[derive(Debug, Default)]
pub(super) struct Faults {
    last: FaultId,
    frames: Vec<Armed<InjectedFault>>,
    commands: Vec<Armed<Refusal>>,
    requests: Vec<Armed<ApiFault>>,
    webhooks: Vec<Armed<WebhookFault>>,
}

#[derive(Debug)]
struct Armed<T> {
    id: FaultId,
    what: T,
    left: u32,
    draws: Draws,
}

impl Faults {
    pub(super) fn inject(&mut self, fault: InjectedFault) -> FaultId {
        self.last += 1;
        self.frames.push(Armed::new(self.last, fault.when, fault));
        self.last
    }

    pub(super) fn refuse(&mut self, refusal: Refusal) -> FaultId {
        self.last += 1;
        self.commands.push(Armed::new(self.last, refusal.when, refusal));
        self.last
    }

    pub(super) fn trouble_requests(&mut self, fault: ApiFault) -> FaultId {
        self.last += 1;
        self.requests.push(Armed::new(self.last, fault.when, fault));
        self.last
    }

    pub(super) fn trouble_webhooks(&mut self, fault: WebhookFault) -> FaultId {
        self.last += 1;
        self.webhooks.push(Armed::new(self.last, fault.when, fault));
        self.last
    }

    /// How many faults there are for requests to LINE's API and for webhooks.
    pub(super) fn line_troubles(&self) -> usize {
        self.requests.len() + self.webhooks.len()
    }

    pub(super) fn clear(&mut self, id: Option<FaultId>) {
        self.frames.retain(|armed| id.is_some_and(|id| armed.id != id));
        self.commands.retain(|armed| id.is_some_and(|id| armed.id != id));
        self.requests.retain(|armed| id.is_some_and(|id| armed.id != id));
        self.webhooks.retain(|armed| id.is_some_and(|id| armed.id != id));
    }

    pub(super) fn strikes_frames(&self) -> bool {
        !self.frames.is_empty()
    }

    /// What a frame meets. The fault that was asked for first has it.
    pub(super) fn strike(&mut self, account: Option<&str>, traffic: Traffic) -> Option<Blow> {
        let index = self.frames.iter_mut().position(|armed| {
            let InjectedFault { account: whose, on, when, .. } = &armed.what;
            let concerned = matches_account(whose.as_deref(), account) && (*on == Traffic::All || *on == traffic);
            let when = *when;
            concerned && armed.fires(when)
        })?;
        let armed = self.frames.get_mut(index)?;
        let blow = match &armed.what.trouble {
            Trouble::Drop => Blow::Drop,
            Trouble::Delay(range) => Blow::Delay(armed.draws.between(range)),
            Trouble::Repeat => Blow::Repeat,
            Trouble::Reorder => Blow::Reorder,
            Trouble::Swallow => Blow::Swallow,
            Trouble::Malformed => Blow::Malformed(armed.draws.nonsense()),
        };
        if armed.is_spent() {
            self.frames.remove(index);
        }
        Some(blow)
    }

    /// What a command is refused with, where it is.
    pub(super) fn refusal(&mut self, account: Option<&str>, family: Family) -> Option<Failure> {
        let concerned = |refusal: &Refusal| {
            let concerned = refusal.family.map_or(family != Family::Login, |which| which == family);
            concerned && matches_account(refusal.account.as_deref(), account)
        };
        first(&mut self.commands, |refusal| refusal.when, concerned).map(|refusal| refusal.failure)
    }

    /// What a request to LINE's API meets.
    pub(super) fn request_trouble(&mut self, operation: &str) -> Option<ApiTrouble> {
        let concerned = |fault: &ApiFault| fault.operation.as_ref().is_none_or(|wanted| wanted == operation);
        first(&mut self.requests, |fault| fault.when, concerned).map(|fault| fault.trouble)
    }

    /// What a webhook meets.
    pub(super) fn webhook_trouble(&mut self, event: &str) -> Option<WebhookTrouble> {
        let concerned = |fault: &WebhookFault| fault.event.as_ref().is_none_or(|wanted| wanted == event);
        first(&mut self.webhooks, |fault| fault.when, concerned).map(|fault| fault.trouble)
    }
}

/// The fault that strikes: the first that was asked for of those concerned. One that is spent is gone.
fn first<T: Clone>(faults: &mut Vec<Armed<T>>, when: fn(&T) -> When, concerned: impl Fn(&T) -> bool) -> Option<T> {
    let index = faults.iter_mut().position(|armed| {
        let when = when(&armed.what);
        concerned(&armed.what) && armed.fires(when)
    })?;
    let what = faults.get(index)?.what.clone();
    if faults.get(index).is_some_and(Armed::is_spent) {
        faults.remove(index);
    }
    Some(what)
}

impl<T> Armed<T> {
    fn new(id: FaultId, when: When, what: T) -> Self {
        match when {
            When::Next(left) => Self { id, what, left, draws: Draws(id) },
            When::Chance { seed, .. } => Self { id, what, left: u32::MAX, draws: Draws(seed) },
        }
    }

    fn fires(&mut self, when: When) -> bool {
        match when {
            When::Next(_) if self.left > 0 => {
                self.left -= 1;
                true
            }
            When::Next(_) => false,
            When::Chance { probability, .. } => self.draws.unit() < probability,
        }
    }

    fn is_spent(&self) -> bool {
        self.left == 0
    }
}

fn matches_account(whose: Option<&str>, account: Option<&str>) -> bool {
    whose.is_none_or(|whose| account == Some(whose))
}

/// A sequence of numbers that follows from its seed (SplitMix64).
#[derive(Debug)]
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to 1.
    fn unit(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
        let unit = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        unit
    }

    fn between(&mut self, range: &RangeInclusive<Duration>) -> Duration {
        let span = range.end().saturating_sub(*range.start());
        *range.start() + span.mul_f64(self.unit())
    }

    /// A frame that no client can make sense of, or that is none of its business.
    fn nonsense(&mut self) -> String {
        let frames = [
            String::new(),
            "no json at all".to_owned(),
            "[]".to_owned(),
            r#"{"command":"OnNotify","subcommand":"RECEIVE_MESSAGE","content":"{"#.to_owned(),
            r#"{"command":5,"task_id":{},"code":"x"}"#.to_owned(),
            r#"{"command":"OnNotify"}"#.to_owned(),
            r#"{"command":"OnNotify","subcommand":"NEVER_HEARD_OF","content":"no json"}"#.to_owned(),
            r#"{"command":"SendText","task_id":9007199254740991,"code":0,"content":"{}"}"#.to_owned(),
            r#"{"command":"SendText","code":0,"content":"{}"}"#.to_owned(),
            format!(r#"{{"command":{}1{}}}"#, "[".repeat(2_000), "]".repeat(2_000)),
            "x".repeat(200_000),
        ];
        let count = frames.len() as u64;
        let index = usize::try_from(self.next() % count).unwrap_or_default();
        frames.into_iter().nth(index).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(when: When) -> InjectedFault {
        InjectedFault { account: Some("u1".to_owned()), on: Traffic::Events, trouble: Trouble::Swallow, when }
    }

    #[test]
    fn a_fault_strikes_the_next_frames_it_is_meant_for_and_is_spent() {
        let mut faults = Faults::default();
        faults.inject(fault(When::Next(2)));
        assert_eq!(faults.strike(Some("u2"), Traffic::Events), None);
        assert_eq!(faults.strike(Some("u1"), Traffic::Replies), None);
        let struck: Vec<_> = (0..4).map(|_| faults.strike(Some("u1"), Traffic::Events)).collect();
        assert_eq!(struck, [Some(Blow::Swallow), Some(Blow::Swallow), None, None]);
        assert!(!faults.strikes_frames());
    }

    #[test]
    fn the_same_seed_strikes_the_same_frames() {
        let strikes = || {
            let mut faults = Faults::default();
            faults.inject(fault(When::Chance { probability: 0.3, seed: 9 }));
            (0..200).map(|_| faults.strike(Some("u1"), Traffic::Events).is_some()).collect::<Vec<_>>()
        };
        let struck = strikes();
        assert_eq!(struck, strikes());
        let count = struck.iter().filter(|struck| **struck).count();
        assert!((30..90).contains(&count), "{count} of 200");
    }
}
