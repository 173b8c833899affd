//! What a worker keeps for one session: its lanes, who is being asked, the scripts' states.
//!
//! How events become runs is in `dispatch`; how the session talks to its gateway is the session floor's business.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::rc::Rc;
use std::sync::{Arc, PoisonError, RwLock};

use rhai::{ImmutableString, Map};
use tokio::sync::oneshot;

use super::Limits;
use super::generation::Generation;
use super::holding::Holding;
use super::http::Web;
use super::journal::{Arrival, Journal};
use super::lane::{Entry, Guard, Lane, LaneKey, Lanes};
use super::leaving::{Leaving, Parting};
use super::object::Message;
use super::timer::Schedule;
use crate::clock::{Clock, Timestamp};
use crate::protocol::Event;
use crate::session::{Dedup, Handle, Media, MediaError, Ready};
use crate::store::Recovered;

/// How many display names a session remembers.
const NAMES: usize = 20_000;

/// What the host functions of one worker stand on.
pub(crate) struct Services {
    pub(crate) clock: Clock,
    pub(crate) limits: Rc<Limits>,
    pub(crate) directory: Directory,
    /// The web as far as scripts may reach it.
    pub(crate) web: Web,
    /// Whether effects are only logged.
    pub(crate) dry_run: bool,
    /// Whether an effect whose outcome was lost with its process is sent again.
    pub(crate) resend_in_doubt: bool,
}

/// Every session of the process by its name; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Directory(Arc<RwLock<BTreeMap<String, Member>>>);

impl Directory {
    /// Adds a session, or replaces one of the same name.
    pub fn insert(&self, handle: Handle, media: Arc<Media>) {
        let name = handle.name().to_owned();
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(name, Member { handle, media });
    }

    /// Takes a session out, where no other one of its name has taken its place.
    pub fn remove(&self, handle: &Handle) {
        let mut members = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if members.get(handle.name()).is_some_and(|member| member.handle.is_same(handle)) {
            members.remove(handle.name());
        }
    }

    /// The session of a name.
    pub fn get(&self, name: &str) -> Option<Member> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// The names of all sessions, in order.
    pub fn names(&self) -> Vec<String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }
}

/// A session as others reach it.
#[derive(Clone, Debug)]
pub struct Member {
    /// What sends its commands.
    pub handle: Handle,
    /// What carries those that name files.
    pub media: Arc<Media>,
}

impl Member {
    /// A command that may be sent at once; the fields come back where it may not.
    ///
    /// # Errors
    /// As [`Handle::try_reserve`].
    pub(crate) fn ready_now(&self, command: &str, fields: String) -> Result<Result<Ready, String>, MediaError> {
        if Media::concerns(command) {
            return Ok(Err(fields));
        }
        Ok(match self.handle.try_reserve(command)? {
            Some(permit) => Ok(Ready::call(permit, fields)),
            None => Err(fields),
        })
    }

    /// Waits until a command can be sent, and does what comes before that.
    ///
    /// # Errors
    /// As [`Handle::turn`] and [`Media::ready`].
    pub(crate) async fn ready(&self, command: &str, fields: String, now: Timestamp) -> Result<Ready, MediaError> {
        // Boxed, since what an upload needs is large, and would lie on the stack of everybody who sends.
        Box::pin(self.media.ready(&self.handle, command, fields, now)).await
    }
}

/// Who is asked: by chat and person, the latest ask last.
type Asks = HashMap<(String, String), Vec<Rc<Ask>>>;

/// One session on its worker.
pub(crate) struct Live {
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
    /// The one clock.
    pub(crate) clock: Clock,
    /// Whether an effect whose outcome was lost with its process is sent again.
    pub(crate) resend_in_doubt: bool,
    /// What an earlier process left behind, until the session is ready.
    pub(crate) recovered: RefCell<Option<Recovered>>,
    /// The latest time that is known of the process before.
    pub(crate) last: Cell<Option<Timestamp>>,
    /// What an earlier process saw shortly before it ended, until that cannot come again any more.
    pub(crate) past_events: RefCell<Option<Dedup>>,
    /// The ids of the messages that earlier processes took.
    pub(crate) past_messages: RefCell<HashSet<String>>,
    /// The highest number that the id of a message was.
    pub(crate) highest_message: Cell<Option<i64>>,
    /// The timers of its scripts.
    pub(crate) schedule: Schedule,
    /// The scripts that its worker holds.
    pub(crate) holding: Rc<Holding>,
    /// How far it is left, if it is.
    pub(crate) leaving: Rc<Leaving>,
    /// How many events wait or are being handled.
    pub(crate) pending: Cell<usize>,
    lanes: RefCell<Lanes>,
    asks: RefCell<Asks>,
    states: RefCell<HashMap<String, Rc<RefCell<Map>>>>,
    changed_states: RefCell<BTreeSet<String>>,
    names: RefCell<HashMap<String, ImmutableString>>,
}

impl Live {
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
            clock: services.clock.clone(),
            resend_in_doubt: services.resend_in_doubt,
            recovered: RefCell::default(),
            last: Cell::default(),
            past_events: RefCell::default(),
            past_messages: RefCell::default(),
            highest_message: Cell::default(),
            name: handle.name().into(),
            handle,
            media: RefCell::new(media),
            me: RefCell::default(),
            scripts: RefCell::new(scripts),
            kept: RefCell::new(Some(VecDeque::new())),
            started: Cell::new(false),
            begun: RefCell::default(),
            schedule: Schedule::default(),
            leaving: Rc::default(),
            pending: Cell::new(0),
            lanes: RefCell::default(),
            asks: RefCell::default(),
            states: RefCell::default(),
            changed_states: RefCell::default(),
            names: RefCell::default(),
        })
    }

    /// Whether a script runs for this session.
    pub(crate) fn runs(&self, script: &str) -> bool {
        self.scripts.borrow().as_ref().is_none_or(|scripts| scripts.iter().any(|name| name == script))
    }

    /// Brings a script's timers in line with its newest generation, and says which of them call what it does not have. One
    /// without any text says nothing of timers: they wait.
    pub(crate) fn declare_timers(&self, generation: &Generation) {
        if generation.bundle.is_blank() {
            return;
        }
        let (session, script) = (&*self.name, generation.name());
        self.schedule.declare(script, generation.declared(), self.schedule.now(&self.clock));
        for (fault, timers) in self.schedule.astray(generation) {
            tracing::warn!(
                target: "hotline::script",
                session, script, timers, "{fault}; what calls it is kept, and fails when it is due"
            );
        }
    }

    /// Whether a script that it runs is held.
    pub(crate) fn is_held(&self, script: &str) -> bool {
        self.holding.has(script) && self.runs(script)
    }

    /// Waits until a script is held no longer, or the session is left.
    pub(crate) async fn released(&self, script: &str) {
        self.holding.until(|| !self.is_held(script) || self.leaving.parting().is_some()).await;
    }

    /// Enters a lane on behalf of a script, once it is not held; or once the session is left.
    pub(crate) async fn enter(&self, lane: &Lane, script: &str) -> Guard {
        loop {
            self.released(script).await;
            let guard = lane.enter_tail().await;
            if !self.is_held(script) || self.leaving.parting().is_some() {
                return guard;
            }
        }
    }

    /// The lane of a key.
    pub(crate) fn lane(&self, key: LaneKey) -> Lane {
        self.lanes.borrow_mut().get(key)
    }

    /// A script's map for this session.
    pub(crate) fn state(&self, script: &str) -> Rc<RefCell<Map>> {
        if let Some(state) = self.states.borrow().get(script) {
            return Rc::clone(state);
        }
        Rc::clone(self.states.borrow_mut().entry(script.to_owned()).or_default())
    }

    /// Empties a script's map.
    pub(crate) fn forget_state(&self, script: &str) {
        let state = self.state(script);
        if !state.borrow().is_empty() {
            state.borrow_mut().clear();
            self.state_changed(script);
        }
    }

    /// Says that a script's map has changed.
    pub(crate) fn state_changed(&self, script: &str) {
        if self.journal.is_on() {
            self.changed_states.borrow_mut().insert(script.to_owned());
            self.journal.note_data();
        }
    }

    /// The scripts whose maps have changed since this was asked last.
    pub(crate) fn take_changed_states(&self) -> BTreeSet<String> {
        self.changed_states.take()
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

    /// Begins to wait for a person's next message in a chat, on behalf of a run that has asked at a time.
    pub(crate) fn ask(self: &Rc<Self>, chat: &str, person: &str, script: &Arc<str>, since: Timestamp) -> Asking {
        let (sender, answer) = oneshot::channel();
        let (script, answered) = (Arc::clone(script), RefCell::new(Some(sender)));
        let ask = Rc::new(Ask { script, since, claimed: Cell::new(false), answer: answered });
        let key = (chat.to_owned(), person.to_owned());
        let mut asks = self.asks.borrow_mut();
        let waiting = asks.entry(key.clone()).or_default();
        // One that is rebuilt comes later than others who have asked since.
        waiting.insert(waiting.partition_point(|other| other.since <= since), Rc::clone(&ask));
        drop(asks);
        Asking { live: Rc::clone(self), key, ask, answer }
    }

    /// The ask that a message answers: the latest one for its person and chat, which is then no longer asked. Where a script is
    /// held, nobody asks for it.
    pub(crate) fn claim(&self, chat: &str, person: &str) -> Option<Rc<Ask>> {
        let mut asks = self.asks.borrow_mut();
        if asks.is_empty() {
            return None;
        }
        let key = (chat.to_owned(), person.to_owned());
        let waiting = asks.get_mut(&key)?;
        let latest = waiting.iter().rposition(|ask| !self.is_held(&ask.script))?;
        let ask = waiting.remove(latest);
        if waiting.is_empty() {
            asks.remove(&key);
        }
        ask.claimed.set(true);
        Some(ask)
    }
}

/// An answer on its way to the run that asked.
pub(crate) struct Reply {
    pub(crate) message: Message,
    /// A place at the head of the asking run's lane, so that nothing comes between.
    pub(crate) entry: Entry,
    /// The answer's event, which has been handled when the run has taken it down.
    pub(crate) arrival: Arrival,
}

/// A question that a run has asked somebody.
pub(crate) struct Ask {
    script: Arc<str>,
    since: Timestamp,
    claimed: Cell<bool>,
    answer: RefCell<Option<oneshot::Sender<Reply>>>,
}

impl Ask {
    /// Gives the answer.
    pub(crate) fn answer(&self, reply: Reply) {
        if let Some(sender) = self.answer.take()
            && let Err(Reply { arrival, .. }) = sender.send(reply)
        {
            // The run has ended meanwhile, and nobody else gets what was said to it.
            arrival.finish();
        }
    }
}

/// The asking run's end of a question; dropped, nothing is asked any more.
pub(crate) struct Asking {
    live: Rc<Live>,
    key: (String, String),
    ask: Rc<Ask>,
    answer: oneshot::Receiver<Reply>,
}

impl Asking {
    /// Waits for the answer; `None` when `timeout` is over and no message is on its way. Then nothing is asked any more.
    pub(crate) async fn wait(mut self, timeout: impl Future<Output = ()>) -> Option<Reply> {
        tokio::select! {
            biased;
            answer = &mut self.answer => return answer.ok(),
            () = timeout => {}
        }
        // A message that has been taken as the answer is the answer, however late its other hooks are done.
        if self.ask.claimed.get() { (&mut self.answer).await.ok() } else { None }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if let Ok(Reply { arrival, .. }) = self.answer.try_recv()
            && self.live.leaving.parting() != Some(Parting::Keep)
        {
            arrival.finish();
        }
        let mut asks = self.live.asks.borrow_mut();
        if let Some(waiting) = asks.get_mut(&self.key) {
            waiting.retain(|ask| !Rc::ptr_eq(ask, &self.ask));
            if waiting.is_empty() {
                asks.remove(&self.key);
            }
        }
    }
}
