//! What a worker keeps for one session: its lanes, who is being asked, the scripts' states.
//!
//! How events become runs is in `worker::dispatch`; how the session talks to its gateway is the session floor's business.

pub(crate) mod asks;
pub(crate) mod directory;
pub(crate) mod drain;
pub(crate) mod followed;
pub(crate) mod holding;
pub(crate) mod lane;
pub(crate) mod past_runs;
pub(crate) mod services;
pub(crate) mod taken_tokens;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use rhai::ImmutableString;

use self::asks::Asks;
use self::drain::Drain;
use self::followed::Followed;
use self::holding::Holding;
use self::lane::{Guard, Lane, LaneKey, Lanes};
use self::past_runs::PastRuns;
use self::services::Services;
use self::taken_tokens::TakenTokens;
use crate::clock::{Clock, Timestamp};
use crate::protocol::Event;
use crate::runtime::engine::values;
use crate::runtime::journal::states::{SharedMap, States};
use crate::runtime::journal::{Arrival, Journal};
use crate::runtime::timers::schedule::Schedule;
use crate::runtime::view::stream::Announcer;
use crate::session::{Dedup, Handle, Media};
use crate::store::{Recovered, RunId, StoreError};

/// How many display names a session remembers.
const NAMES: usize = 20_000;

/// One session on its worker.
pub(crate) struct SessionContext {
    pub(crate) name: Arc<str>,
    pub(crate) handle: Handle,
    pub(crate) media: RefCell<Arc<Media>>,
    /// This account's mid, empty until the first login.
    pub(crate) me: RefCell<ImmutableString>,
    /// Which scripts it runs; none means all.
    pub(crate) scripts: RefCell<Option<Vec<String>>>,
    /// Events that arrived before the session was ready, while it is not.
    pub(crate) kept: RefCell<Option<VecDeque<(Event, Arrival)>>>,
    /// Whether it has logged in once.
    pub(crate) started: Cell<bool>,
    /// The scripts whose `on_start` has been called, and whose `on_stop` is still to come.
    pub(crate) begun: RefCell<BTreeSet<String>>,
    /// What its runs are recorded in.
    pub(crate) journal: Rc<Journal>,
    /// Where it is told what happens.
    pub(crate) events: Announcer,
    /// The one clock.
    pub(crate) clock: Clock,
    /// Whether an effect whose outcome was lost with its process is sent again.
    pub(crate) resend_in_doubt: bool,
    /// What an earlier process left behind, until the session is ready.
    pub(crate) recovered: RefCell<Option<Recovered>>,
    /// The runs of earlier processes that nobody has taken up yet.
    pub(crate) past_runs: PastRuns,
    /// The runs that somebody may wait for.
    pub(crate) followed: Followed,
    /// The latest time that is known of the process before.
    pub(crate) last: Cell<Option<Timestamp>>,
    /// What an earlier process saw shortly before it ended, until that cannot come again any more.
    pub(crate) past_events: RefCell<Option<Dedup>>,
    /// The ids of the messages that earlier processes took.
    pub(crate) past_messages: RefCell<HashSet<String>>,
    /// The highest number that the id of a message was.
    pub(crate) highest_message: Cell<Option<i64>>,
    /// The reply tokens that its runs have taken.
    pub(crate) taken_tokens: TakenTokens,
    /// The timers of its scripts.
    pub(crate) schedule: Rc<Schedule>,
    /// The scripts that its worker holds.
    pub(crate) holding: Rc<Holding>,
    /// How far it is left, if it is.
    pub(crate) drain: Rc<Drain>,
    /// How many events wait or are being handled.
    pub(crate) pending: Cell<usize>,
    lanes: RefCell<Lanes>,
    /// Who is asked.
    pub(crate) asks: Rc<Asks>,
    /// Its scripts' maps.
    pub(crate) states: Rc<States>,
    names: RefCell<HashMap<String, ImmutableString>>,
}

impl SessionContext {
    pub(crate) fn new(
        handle: Handle,
        media: Arc<Media>,
        scripts: Option<Vec<String>>,
        services: &Services,
        journal: &Rc<Journal>,
        holding: &Rc<Holding>,
    ) -> Rc<Self> {
        Rc::new(Self {
            holding: Rc::clone(holding),
            journal: Rc::clone(journal),
            events: services.events.clone(),
            clock: services.clock.clone(),
            resend_in_doubt: services.resend_in_doubt,
            recovered: RefCell::default(),
            past_runs: PastRuns::default(),
            followed: Followed::default(),
            last: Cell::default(),
            past_events: RefCell::default(),
            past_messages: RefCell::default(),
            highest_message: Cell::default(),
            taken_tokens: TakenTokens::default(),
            name: handle.name().into(),
            handle,
            media: RefCell::new(media),
            me: RefCell::default(),
            scripts: RefCell::new(scripts),
            kept: RefCell::new(Some(VecDeque::new())),
            started: Cell::new(false),
            begun: RefCell::default(),
            schedule: Rc::new(Schedule::new(services.zone())),
            drain: Rc::default(),
            pending: Cell::new(0),
            lanes: RefCell::default(),
            asks: Rc::default(),
            states: Rc::default(),
            names: RefCell::default(),
        })
    }

    /// Whether a script runs for this session.
    pub(crate) fn runs(&self, script: &str) -> bool {
        self.scripts.borrow().as_ref().is_none_or(|scripts| scripts.iter().any(|name| name == script))
    }

    /// Whether a script that it runs is held.
    pub(crate) fn is_held(&self, script: &str) -> bool {
        self.holding.has(script) && self.runs(script)
    }

    /// Waits until a script is held no longer, or the session is left.
    pub(crate) async fn released(&self, script: &str) {
        self.holding.until(|| !self.is_held(script) || self.drain.mode().is_some()).await;
    }

    /// Whether a run that is followed, or that an earlier process left open, has not ended.
    pub(crate) fn goes_on(&self, run: RunId) -> bool {
        self.followed.has(run) || self.past_runs.has(run)
    }

    /// Enters a lane on behalf of a script, once it is not held; or once the session is left.
    pub(crate) async fn enter(&self, lane: &Lane, script: &str) -> Guard {
        loop {
            self.released(script).await;
            let guard = lane.enter_tail().await;
            if !self.is_held(script) || self.drain.mode().is_some() {
                return guard;
            }
        }
    }

    /// The lane of a key.
    pub(crate) fn lane(&self, key: LaneKey) -> Lane {
        self.lanes.borrow_mut().get(key)
    }

    /// Says that a script's map has changed.
    pub(crate) fn state_changed(&self, script: &str) {
        if self.journal.is_on() {
            self.states.note(script);
            self.journal.note_data();
        }
    }

    /// The map that a script keeps for a person or a chat.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn state_of(&self, script: &str, id: &str) -> Result<SharedMap, StoreError> {
        self.states.of_person(script, id, |name| {
            if !self.journal.is_on() {
                return Ok(None);
            }
            let text = self.journal.store().state(&self.name, name)?;
            Ok(text.and_then(|text| values::from_content(&text).try_cast()))
        })
    }

    /// Says that what a script keeps for a person or a chat has changed.
    pub(crate) fn state_of_changed(&self, script: &str, id: &str) {
        if self.journal.is_on() {
            self.states.note_person(script, id);
            self.journal.note_data();
        }
    }

    /// Empties a script's map, and what it keeps for people and chats.
    pub(crate) fn forget_state(&self, script: &str) {
        self.states.forget_people(script);
        self.journal.note_data();
        let state = self.states.of(script);
        if !state.borrow().is_empty() {
            state.borrow_mut().clear();
            self.state_changed(script);
        }
    }

    /// The display name of a person, once it has been looked up.
    pub(crate) fn known_name(&self, mid: &str) -> Option<ImmutableString> {
        self.names.borrow().get(mid).cloned()
    }

    /// Remembers a person's display name.
    pub(crate) fn remember_name(&self, mid: &str, name: ImmutableString) {
        let mut names = self.names.borrow_mut();
        if names.len() >= NAMES {
            names.clear();
        }
        names.insert(mid.to_owned(), name);
    }

    /// Forgets a person's display name, which has changed.
    pub(crate) fn forget_name(&self, mid: &str) {
        self.names.borrow_mut().remove(mid);
    }
}
