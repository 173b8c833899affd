//! The side of a session that callers hold. What a call does on the wire is decided in `machine`.

use std::borrow::Cow;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::calls::{CallError, CallOrder, CallStep};
use super::config::SessionConfig;
use super::orders::Orders;
use super::rate_limit::Pacing;
use super::shared::{SessionShared, Slot};
use super::signal::{Flow, Signal};
use super::status::{Holdup, Phase, Status};
use crate::protocol::{Call, Command, Content, Damages, Failure, FailureCode, Network, fields_of};

/// Who runs a session, on the thread that it runs on.
pub trait Owner {
    /// Takes a signal, and says whether more may come.
    fn signal(&mut self, signal: Signal) -> Flow;

    /// Takes the result of a call that the owner itself has sent, by [`Handle::post`]. It comes also while
    /// signals are held back.
    fn answer(&mut self, key: u64, result: Result<Content, CallError>);

    /// Takes somebody who waits to hear that everything signalled so far is kept. An owner that keeps nothing says so at once.
    fn keep(&mut self, kept: oneshot::Sender<()>) {
        // Whoever waited may have given up.
        let _ = kept.send(());
    }
}

/// An owner that posts no calls.
impl<F: FnMut(Signal) -> Flow> Owner for F {
    fn signal(&mut self, signal: Signal) -> Flow {
        self(signal)
    }

    fn answer(&mut self, _: u64, _: Result<Content, CallError>) {}
}

/// A handle on a session: cheap to clone, usable from any thread.
#[derive(Clone, Debug)]
pub struct Handle(Arc<Callers>);

/// What all handles on a session have in common.
#[derive(Debug)]
struct Callers {
    name: String,
    network: &'static Network,
    orders: Arc<Orders<QueuedCall>>,
    shared: Arc<SessionShared>,
}

impl Drop for Callers {
    fn drop(&mut self) {
        self.orders.leave();
        self.shared.wake_for_call();
    }
}

/// The session's own end, for [`run`](super::run).
#[derive(Debug)]
pub struct Inbox {
    pub(super) orders: Arc<Orders<QueuedCall>>,
    pub(super) shared: Arc<SessionShared>,
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.orders.close();
    }
}

/// A call on its way to the session's task.
#[derive(Debug)]
pub(super) struct QueuedCall {
    pub(super) order: CallOrder<ReplyTo>,
    /// The slot that a granted call uses.
    pub(super) slot: Option<Slot>,
}

/// Where the result of a call goes.
#[derive(Debug)]
pub(super) enum ReplyTo {
    /// To one who waits for the gateway's answer.
    Content(oneshot::Sender<Result<Content, CallError>>),
    /// To one who waits for a slot.
    Slot(oneshot::Sender<Result<Slot, CallError>>),
    /// To the session's owner, who knows the call by this.
    Owner(u64),
}

impl ReplyTo {
    /// Gives a slot.
    pub(super) fn grant(self, shared: &Arc<SessionShared>) {
        if let Self::Slot(sender) = self {
            // The caller may have given up meanwhile: then the slot is dropped here.
            let _ = sender.send(Ok(Slot::new(shared)));
        }
    }

    /// Gives the result. The caller may have given up meanwhile; then nobody wants it.
    pub(super) fn complete(self, result: Result<Content, CallError>, owner: &mut impl Owner) {
        match (self, result) {
            (Self::Owner(key), result) => owner.answer(key, result),
            (Self::Content(sender), result) => drop(sender.send(result)),
            (Self::Slot(sender), Err(error)) => drop(sender.send(Err(error))),
            (Self::Slot(_), Ok(_)) => {}
        }
    }
}

/// The right to send one call, and to do it now: others may wait for it.
#[derive(Debug)]
pub struct Permit {
    command: Cow<'static, str>,
    row: Option<&'static Command>,
    slot: Slot,
}

/// Makes the two ends of a session.
///
/// As many calls can be on their way as may be outstanding; then callers wait for their turn to enter.
pub fn channel(config: &SessionConfig) -> (Handle, Inbox) {
    let orders = Arc::new(Orders::new(config.max_outstanding.max(1)));
    let shared = Arc::new(SessionShared::new(config.pacing != Pacing::Off));
    let network = config.login.network();
    let callers =
        Callers { name: config.name.clone(), network, orders: Arc::clone(&orders), shared: Arc::clone(&shared) };
    (Handle(Arc::new(callers)), Inbox { orders, shared })
}

impl Handle {
    /// The session's name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The network that it is on.
    pub fn network(&self) -> &'static Network {
        self.0.network
    }

    /// Whether both are handles on the same session.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Sends a command, known or not, whose fields are the text of a JSON object, and waits for its result.
    ///
    /// Dropping the future withdraws the call: it is not sent any more if it was not yet.
    ///
    /// # Errors
    /// See [`CallError`]. A login is refused at once: the session signs in by itself.
    pub async fn call(&self, command: &str, fields: String) -> Result<Content, CallError> {
        let (name, row) = self.named(command)?;
        self.order(CallStep::Whole, name, row, fields, None).await
    }

    /// Gives the permit to send a command, where it may be sent at once.
    ///
    /// Under pacing the answer is always `None`: whether a call may go at once is only known where the calls are sent.
    ///
    /// # Errors
    /// A login is refused: the session signs in by itself.
    pub fn try_reserve(&self, command: &str) -> Result<Option<Permit>, CallError> {
        Ok(self.permit(self.named(command)?))
    }

    /// As [`try_reserve`](Self::try_reserve), for a known command.
    ///
    /// # Errors
    /// A login is refused: the session signs in by itself.
    pub fn try_reserve_known(&self, row: &'static Command) -> Result<Option<Permit>, CallError> {
        Ok(self.permit(known(row)?))
    }

    fn permit(&self, (command, row): NamedCommand) -> Option<Permit> {
        Slot::take(&self.0.shared).map(|slot| Permit { command, row, slot })
    }

    /// Waits until a command may be sent: the session is live, and does not send too fast.
    ///
    /// What is to be noted before a command is sent can be noted between this and [`send`](Self::send). Dropping the future, or
    /// what it gives, withdraws the call.
    ///
    /// # Errors
    /// As [`call`](Self::call); nothing has been sent then.
    pub async fn reserve(&self, command: &str) -> Result<Permit, CallError> {
        if let Some(permit) = self.try_reserve(command)? {
            return Ok(permit);
        }
        let (command, row) = self.named(command)?;
        let (sender, granted) = oneshot::channel();
        let (step, reply) = (CallStep::Slot, ReplyTo::Slot(sender));
        let order = CallOrder { step, command: command.clone(), row, fields: String::new(), reply };
        self.enter(QueuedCall { order, slot: None }).await?;
        let slot = granted.await.unwrap_or_else(|_| Err(self.ended()))?;
        Ok(Permit { command, row, slot })
    }

    /// What a call without a permit waits for, as far as can be seen from outside.
    pub fn holdup(&self) -> Option<Holdup> {
        let status = self.0.shared.status();
        match status.phase {
            Phase::Live if status.queued > 0 => Some(Holdup::Unanswered),
            Phase::Live => self.0.shared.is_paced.then_some(Holdup::Pacing),
            _ => Some(Holdup::Connection),
        }
    }

    /// Sends a command that has its permit, and waits for its result.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn send(&self, permit: Permit, fields: String) -> Result<Content, CallError> {
        let Permit { command, row, slot } = permit;
        self.order(CallStep::Granted, command, row, fields, Some(slot)).await
    }

    /// Sends a command that has its permit, on behalf of the session's [`Owner`], who gets its result under this key. Everything comes
    /// back where too much is on its way to the session, or it has ended.
    ///
    /// # Errors
    /// With what was given.
    pub fn post(&self, permit: Permit, fields: String, key: u64) -> Result<(), (Permit, String)> {
        let Permit { command, row, slot } = permit;
        let order = CallOrder { step: CallStep::Granted, command, row, fields, reply: ReplyTo::Owner(key) };
        self.0.orders.try_enter(QueuedCall { order, slot: Some(slot) }).map_err(|refused| {
            let QueuedCall { order: CallOrder { command, row, fields, .. }, slot } = refused;
            let slot = slot.expect("it was given with the call");
            (Permit { command, row, slot }, fields)
        })?;
        self.0.shared.wake_for_call();
        Ok(())
    }

    /// Sends a typed request and waits for its result.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn request<C: Call>(&self, call: &C) -> Result<Content, CallError> {
        let (name, row) = known(C::COMMAND)?;
        self.order(CallStep::Whole, name, row, fields_of(call), None).await
    }

    /// What can be seen of the session now.
    pub fn status(&self) -> Status {
        self.0.shared.status().clone()
    }

    /// Counts content of this session that was found damaged when it was read, and warns of each kind of damage once.
    pub fn note_damages(&self, what: &str, damages: Damages) {
        self.0.shared.note_damages(&self.0.name, what, damages);
    }

    /// Ends the session: what is pending fails with [`CallError::Stopped`].
    pub fn stop(&self) {
        self.0.shared.stop();
    }

    /// Goes on delivering signals after the owner answered [`Flow::Pause`](super::Flow::Pause).
    pub fn resume_reading(&self) {
        self.0.shared.resume();
    }

    /// Holds all signals back, or delivers them again.
    ///
    /// Meanwhile replies reach their callers. When more waits than can be kept, the session says goodbye to its gateway; it makes
    /// no new connection before it is no longer held.
    pub fn hold(&self, is_held: bool) {
        self.0.shared.hold(is_held);
    }

    /// A command that callers may send, with its row where it is a known one.
    fn named(&self, command: &str) -> Result<NamedCommand, CallError> {
        self.network().command(command).map_or_else(|| Ok((Cow::Owned(command.to_owned()), None)), known)
    }

    async fn order(
        &self,
        step: CallStep,
        command: Cow<'static, str>,
        row: Option<&'static Command>,
        fields: String,
        slot: Option<Slot>,
    ) -> Result<Content, CallError> {
        let (sender, result) = oneshot::channel();
        let order = CallOrder { step, command, row, fields, reply: ReplyTo::Content(sender) };
        self.enter(QueuedCall { order, slot }).await?;
        result.await.unwrap_or_else(|_| Err(self.ended()))
    }

    /// Hands a call to the task when there is a place for it.
    async fn enter(&self, call: QueuedCall) -> Result<(), CallError> {
        self.0.orders.enter(call).await.map_err(|_| self.ended())?;
        self.0.shared.wake_for_call();
        Ok(())
    }

    /// Why the session takes no calls any more.
    fn ended(&self) -> CallError {
        match &self.0.shared.status().phase {
            Phase::Refused(failure) => CallError::LoginRefused(failure.clone()),
            Phase::Unusable(reason) => CallError::Unusable(reason.clone()),
            _ => CallError::Stopped,
        }
    }
}

/// A command's name on the wire, and its row where it is a known one.
type NamedCommand = (Cow<'static, str>, Option<&'static Command>);

/// A known command that callers may send.
fn known(row: &'static Command) -> Result<NamedCommand, CallError> {
    if row.is_login() {
        let failure = Failure::new(FailureCode::Malformed, "the session logs in by itself");
        return Err(CallError::Refused(failure));
    }
    Ok((Cow::Borrowed(row.name), Some(row)))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Wake, Waker};

    use super::*;
    use crate::session::{Credentials, Secret};

    /// Counts how often it is woken.
    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A session whose task can have so many calls on their way, and gives slots without being asked.
    fn session(calls: usize) -> (Handle, Inbox) {
        let login = Credentials::Email { email: "a@example.test".into(), password: Secret::new("p") };
        let mut config = SessionConfig::new("main", "ws://127.0.0.1:1", login);
        config.max_outstanding = calls;
        let (handle, inbox) = channel(&config);
        inbox.shared.slots.set_room(100);
        (handle, inbox)
    }

    fn post(handle: &Handle, key: u64) -> Result<(), String> {
        let permit = handle.try_reserve("SendText").expect("no login").expect("there is room");
        handle.post(permit, key.to_string(), key).map_err(|(_, fields)| fields)
    }

    /// Takes so many calls as the task does; also whether more can come.
    fn take(inbox: &Inbox, most: usize) -> (Vec<String>, bool) {
        let mut calls = Vec::new();
        let is_open = inbox.orders.take(&mut calls, most);
        (calls.into_iter().map(|call| call.order.fields).collect(), is_open)
    }

    #[test]
    fn a_handle_can_be_held_by_any_thread() {
        fn is_shareable<T: Send + Sync + Clone>() {}
        is_shareable::<Handle>();
    }

    #[test]
    fn a_call_wakes_the_task_but_for_one_that_is_made_within_it() {
        let (handle, inbox) = session(10);
        let woken = Arc::new(Woken::default());
        let register = || {
            inbox.shared.waker.register(&Waker::from(Arc::clone(&woken)));
            woken.0.load(Ordering::Relaxed)
        };
        assert_eq!(register(), 0);
        post(&handle, 1).expect("there is a place");
        assert_eq!(register(), 1);
        let at_work = inbox.shared.at_work();
        post(&handle, 2).expect("there is a place");
        assert_eq!(register(), 1);
        assert!(inbox.orders.is_news(), "the task sees it by itself");
        std::thread::scope(|scope| scope.spawn(|| post(&handle, 3)).join().expect("it ends"))
            .expect("there is a place");
        assert_eq!(register(), 2, "another thread is not in the task");
        drop(at_work);
        post(&handle, 4).expect("there is a place");
        assert_eq!(register(), 3);
        assert_eq!(take(&inbox, 10).0, ["1", "2", "3", "4"]);
    }

    #[test]
    fn a_call_that_cannot_enter_comes_back() {
        let (handle, inbox) = session(2);
        assert_eq!([post(&handle, 1), post(&handle, 2), post(&handle, 3)], [Ok(()), Ok(()), Err("3".into())]);
        assert_eq!(take(&inbox, 1), (vec!["1".into()], true));
        assert_eq!([post(&handle, 4), post(&handle, 5)], [Ok(()), Err("5".into())]);
        let shared = Arc::clone(&inbox.shared);
        drop(inbox);
        assert_eq!(post(&handle, 6), Err("6".into()));
        assert_eq!(shared.slots.given(), 0, "the slots of what was on its way are free again");
    }

    #[test]
    fn a_session_whose_handles_are_gone_has_no_more_calls_once_it_took_the_last() {
        let (handle, inbox) = session(5);
        let other = handle.clone();
        drop(handle);
        post(&other, 1).expect("there is a place");
        post(&other, 2).expect("there is a place");
        drop(other);
        assert_eq!(take(&inbox, 1), (vec!["1".into()], true));
        assert_eq!(take(&inbox, 1), (vec!["2".into()], false));
    }
}
