//! Who is asked, and how their answer comes to the run that asked.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::drain::{Drain, DrainMode};
use super::lane::LaneEntry;
use crate::clock::Timestamp;
use crate::runtime::engine::objects::ScriptMessage;
use crate::runtime::journal::Arrival;
use crate::store::RunId;

/// A chat and a person in it, or nobody in particular.
type Asked = (String, Option<String>);

/// Who is asked in a session, with the questions to each, the latest last.
#[derive(Default)]
pub(crate) struct Asks {
    waiting: RefCell<HashMap<Rc<Asked>, Vec<Rc<Ask>>>>,
    /// What a run asks, by its id.
    by_run: RefCell<HashMap<RunId, Rc<Ask>>>,
}

impl Asks {
    /// Begins to wait for a person's next message in a chat, or for anyone's, on behalf of a run that has asked at a time.
    pub(crate) fn ask(
        self: &Rc<Self>,
        AskedAs { chat, person, gives_way }: AskedAs<'_>,
        run: RunId,
        script: &Arc<str>,
        since: Timestamp,
        drain: &Rc<Drain>,
    ) -> Asking {
        let (sender, answer) = oneshot::channel();
        let (script, answered) = (Arc::clone(script), RefCell::new(Some(sender)));
        let key = Rc::new((chat.to_owned(), person.map(str::to_owned)));
        let whom = Rc::clone(&key);
        let ask = Rc::new(Ask { whom, script, since, gives_way, claimed: Cell::new(false), answer: answered });
        self.by_run.borrow_mut().insert(run, Rc::clone(&ask));
        let mut asks = self.waiting.borrow_mut();
        let waiting = asks.entry(Rc::clone(&key)).or_default();
        // One that is rebuilt comes later than others who have asked since.
        waiting.insert(waiting.partition_point(|other| other.since <= since), Rc::clone(&ask));
        drop(asks);
        Asking { asks: Rc::clone(self), drain: Rc::clone(drain), run, key, ask, answer }
    }

    /// The question that a message answers: the latest one to its person in its chat, which is then no longer asked. Where a script
    /// is held, nobody asks for it.
    pub(crate) fn claim(&self, chat: &str, person: &str, is_held: impl Fn(&str) -> bool) -> Option<Rc<Ask>> {
        self.claim_of(chat, Some(person), is_held)
    }

    /// As [`claim`](Self::claim), the latest question to anyone in a chat.
    pub(crate) fn claim_of_anyone(&self, chat: &str, is_held: impl Fn(&str) -> bool) -> Option<Rc<Ask>> {
        self.claim_of(chat, None, is_held)
    }

    fn claim_of(&self, chat: &str, person: Option<&str>, is_held: impl Fn(&str) -> bool) -> Option<Rc<Ask>> {
        let mut asks = self.waiting.borrow_mut();
        if asks.is_empty() {
            return None;
        }
        let key = (chat.to_owned(), person.map(str::to_owned));
        let waiting = asks.get_mut(&key)?;
        let latest = waiting.iter().rposition(|ask| !is_held(&ask.script))?;
        let ask = waiting.remove(latest);
        if waiting.is_empty() {
            asks.remove(&key);
        }
        ask.claimed.set(true);
        Some(ask)
    }

    /// Whether a run waits at a question at which it ends when a newer version of its script comes, and nobody has answered yet.
    pub(crate) fn gives_way(&self, run: RunId) -> bool {
        self.by_run.borrow().get(&run).is_some_and(|ask| ask.gives_way && !ask.claimed.get())
    }

    /// The chat and the person in it that a run asks; no person where anyone may answer.
    pub(crate) fn asked_by(&self, run: RunId) -> Option<(String, Option<String>)> {
        self.by_run.borrow().get(&run).map(|ask| (*ask.whom).clone())
    }
}

/// Whom a question is put to, and how.
pub(crate) struct AskedAs<'a> {
    pub(crate) chat: &'a str,
    /// Whose answer counts; nobody in particular where anyone's does.
    pub(crate) person: Option<&'a str>,
    /// Whether the run ends at it when a newer version of its script comes.
    pub(crate) gives_way: bool,
}

/// An answer on its way to the run that asked.
pub(crate) struct Reply {
    pub(crate) message: ScriptMessage,
    /// A place at the head of the chat's lane, so that nothing comes between.
    pub(crate) entry: LaneEntry,
    /// The answer's event, which has been handled when the run has taken it down.
    pub(crate) arrival: Arrival,
}

/// A question that a run has asked somebody.
pub(crate) struct Ask {
    whom: Rc<Asked>,
    script: Arc<str>,
    since: Timestamp,
    gives_way: bool,
    claimed: Cell<bool>,
    answer: RefCell<Option<oneshot::Sender<Reply>>>,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoReply {
    /// The time is over.
    TooLate,
    /// Its person has given a command instead.
    Interrupted,
}

impl Ask {
    /// Ends the question without an answer.
    pub(crate) fn interrupt(&self) {
        self.answer.take();
    }

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
    asks: Rc<Asks>,
    drain: Rc<Drain>,
    run: RunId,
    key: Rc<Asked>,
    ask: Rc<Ask>,
    answer: oneshot::Receiver<Reply>,
}

impl Asking {
    /// Waits for the answer, until `timeout` is over and no message is on its way. Then nothing is asked any more.
    pub(crate) async fn wait(mut self, timeout: impl Future<Output = ()>) -> Result<Reply, NoReply> {
        tokio::select! {
            biased;
            answer = &mut self.answer => return answer.map_err(|_| NoReply::Interrupted),
            () = timeout => {}
        }
        // A message that has been taken as the answer is the answer, however late its other hooks are done.
        match self.ask.claimed.get() {
            true => (&mut self.answer).await.map_err(|_| NoReply::Interrupted),
            false => Err(NoReply::TooLate),
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if let Ok(Reply { arrival, .. }) = self.answer.try_recv()
            && self.drain.mode() != Some(DrainMode::Keep)
        {
            arrival.finish();
        }
        self.asks.by_run.borrow_mut().remove(&self.run);
        let mut asks = self.asks.waiting.borrow_mut();
        if let Some(waiting) = asks.get_mut(&self.key) {
            waiting.retain(|ask| !Rc::ptr_eq(ask, &self.ask));
            if waiting.is_empty() {
                asks.remove(&self.key);
            }
        }
    }
}
