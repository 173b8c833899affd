//! The side of a session that callers hold. What a call does on the wire is decided in `machine`.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::sync::{mpsc, oneshot};

use super::calls::{Order, Step};
use super::config::SessionConfig;
use super::pacing::Pacing;
use super::turn::{Permit, Turns};
use crate::protocol::{Call, Command, Content, Damages, EncodeError, Failure, FailureCode, fields_of};

/// Why a call has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The gateway refused it.
    #[error("{0}")]
    Refused(Failure),
    /// No reply came in time.
    #[error("{command} {} within {}", if *sent { "had no reply" } else { "could not be sent" }, seconds(*waited))]
    Timeout {
        /// The command.
        command: String,
        /// How long it waited.
        waited: Duration,
        /// Whether it was sent: an effect may have happened then.
        sent: bool,
    },
    /// The connection was lost before a reply came.
    #[error("{}", if *sent { "the connection was lost before the reply: it may have happened or not" } else { "not connected" })]
    Disconnected {
        /// Whether it was sent: an effect is in doubt then.
        sent: bool,
    },
    /// Too many calls wait already.
    #[error("too many calls wait in this session, at most {limit} can")]
    QueueFull {
        /// How many can wait.
        limit: usize,
    },
    /// It cannot be sent as it stands.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The session was stopped.
    #[error("the session is stopped")]
    Stopped,
    /// The session has ended because its login was refused.
    #[error("the login was refused: {0}")]
    LoginRefused(Failure),
    /// The session has ended because there is no gateway at its address.
    #[error("{0}")]
    Unusable(String),
}

impl CallError {
    /// The number that scripts see: the gateway's own for a refusal, else -1.
    pub fn code(&self) -> i64 {
        match self {
            Self::Refused(failure) | Self::LoginRefused(failure) => failure.code,
            _ => FailureCode::Malformed.number(),
        }
    }

    /// The name that scripts see, such as `NOT_FOUND` or `TIMEOUT`.
    pub fn name(&self) -> &str {
        match self {
            Self::Refused(failure) => failure.name(),
            Self::Timeout { .. } => "TIMEOUT",
            Self::Disconnected { sent: true } => "IN_DOUBT",
            Self::Disconnected { sent: false } => "DISCONNECTED",
            Self::QueueFull { .. } => "QUEUE_FULL",
            Self::Encode(_) => "MALFORMED",
            Self::Stopped => "STOPPED",
            Self::Unusable(_) => "NO_GATEWAY",
            Self::LoginRefused(_) => "LOGIN_REFUSED",
        }
    }
}

fn seconds(duration: Duration) -> String {
    format!("{} s", (duration.as_secs_f64() * 1000.0).round() / 1000.0)
}

/// How far a session is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// A connection is being made.
    #[default]
    Connecting,
    /// The login is sent.
    LoggingIn,
    /// The gateway showed a PIN that is to be typed on the phone.
    AwaitingPin,
    /// Commands go out and events come in.
    Live,
    /// There is no connection; one is tried again.
    Lost {
        /// How many attempts have failed since the session was last well.
        attempts: u32,
    },
    /// The login was refused; nothing is tried again.
    Refused(Failure),
    /// There is no gateway at its address and never was; nothing is tried again.
    Unusable(String),
    /// The session was stopped.
    Stopped,
}

/// What holds a session back, for the session that takes its place. Times are the clock's elapsed time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restraint {
    /// Until when nothing is sent, because the gateway complained.
    pub pause_until: Duration,
    /// How many complaints there were, each of which made the pause longer.
    pub complaints: u32,
    /// How many attempts at a connection have failed since the session was last well.
    pub attempts: u32,
    /// When the next attempt may begin.
    pub retry: Duration,
}

/// What can be seen of a session from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// How far it is.
    pub phase: Phase,
    /// The account's mid, once known.
    pub mid: Option<String>,
    /// The account's display name, once known.
    pub display_name: Option<String>,
    /// Calls that are sent and not answered.
    pub outstanding: usize,
    /// Calls that wait for the connection.
    pub queued: usize,
    /// Calls that wait for their turn, so that the session does not send too fast.
    pub paced: usize,
    /// Logins sent since the session began.
    pub logins: u64,
    /// Events handed on.
    pub events: u64,
    /// Events that were repetitions.
    pub repeated: u64,
    /// Frames that meant nothing: noise, binary frames, replies to nothing.
    pub ignored: u64,
    /// Frames that were handed to this connection to be sent.
    pub sent: u64,
    /// Text and binary frames that came over this connection.
    pub received: u64,
    /// Frames, contents and answers that were damaged, and read all the same.
    pub damaged: u64,
    /// The kinds of damage that there were.
    pub damages: Damages,
    /// What holds it back.
    pub restraint: Restraint,
}

/// A handle on a session: cheap to clone, usable from any thread.
#[derive(Clone, Debug)]
pub struct Handle {
    name: Arc<str>,
    orders: mpsc::Sender<Request>,
    shared: Arc<Shared>,
}

/// The session's own end of the channel, for [`run`](super::run).
#[derive(Debug)]
pub struct Inbox {
    pub(super) orders: mpsc::Receiver<Request>,
    pub(super) shared: Arc<Shared>,
}

/// What goes through the channel.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) order: Order<Reply>,
    /// The turn that a granted call uses.
    pub(super) turn: Option<Permit>,
}

/// Where the result of a call goes.
#[derive(Debug)]
pub(super) enum Reply {
    /// To one who waits for the gateway's answer.
    Content(oneshot::Sender<Result<Content, CallError>>),
    /// To one who waits for its turn.
    Turn(oneshot::Sender<Result<Permit, CallError>>),
}

impl Reply {
    /// Says that the turn has come.
    pub(super) fn grant(self, shared: &Arc<Shared>) {
        if let Self::Turn(sender) = self {
            // The caller may have given up meanwhile: then the permit is dropped here.
            let _ = sender.send(Ok(Permit::new(shared)));
        }
    }

    /// Gives the result. The caller may have given up meanwhile; then nobody wants it.
    pub(super) fn complete(self, result: Result<Content, CallError>) {
        match (self, result) {
            (Self::Content(sender), result) => drop(sender.send(result)),
            (Self::Turn(sender), Err(error)) => drop(sender.send(Err(error))),
            (Self::Turn(_), Ok(_)) => {}
        }
    }
}

/// A call whose turn has come, and which is to be sent now: others may wait for it.
#[derive(Debug)]
pub struct Turn {
    command: Cow<'static, str>,
    row: Option<&'static Command>,
    permit: Permit,
}

/// Why the turn of a call has not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holdup {
    /// There is no connection, or no login on it yet.
    Connection,
    /// The session would send too fast.
    Pacing,
    /// As many calls are unanswered as may be.
    Unanswered,
}

impl Holdup {
    /// A few words for people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Connection => "no connection",
            Self::Pacing => "paced",
            Self::Unanswered => "too many are unanswered",
        }
    }
}

/// What the handles and the socket task share beside the channel.
#[derive(Debug, Default)]
pub(super) struct Shared {
    status: Mutex<Status>,
    stop: AtomicBool,
    resume: AtomicBool,
    hold: AtomicBool,
    pub(super) turns: Turns,
    is_paced: bool,
    pub(super) waker: AtomicWaker,
}

impl Shared {
    pub(super) fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts something that arrived damaged, and warns of each kind of damage once.
    pub(super) fn note_damages(&self, session: &str, what: &str, damages: Damages) {
        if damages.is_empty() {
            return;
        }
        let mut status = self.status();
        let new = damages.without(status.damages);
        status.damages.extend(damages);
        status.damaged += 1;
        drop(status);
        for damage in new.iter() {
            tracing::warn!(
                session,
                "the gateway sent {} in {what}: {}, and the rest is read; what follows of this kind is only counted",
                damage.found(),
                damage.becomes()
            );
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    pub(super) fn is_held(&self) -> bool {
        self.hold.load(Ordering::Acquire)
    }

    /// Whether reading was resumed since this was asked last.
    pub(super) fn take_resume(&self) -> bool {
        self.resume.swap(false, Ordering::AcqRel)
    }
}

/// Makes the two ends of a session.
///
/// The channel holds as many calls as may be outstanding; when it is full, callers wait for their turn to enter.
pub fn channel(config: &SessionConfig) -> (Handle, Inbox) {
    let (sender, orders) = mpsc::channel(config.max_outstanding.max(1));
    let shared = Arc::new(Shared { is_paced: config.pacing != Pacing::Off, ..Shared::default() });
    let handle = Handle { name: config.name.as_str().into(), orders: sender, shared: Arc::clone(&shared) };
    (handle, Inbox { orders, shared })
}

impl Handle {
    /// The session's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether both are handles on the same session.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Sends a command, known or not, whose fields are the text of a JSON object, and waits for its result.
    ///
    /// Dropping the future withdraws the call: it is not sent any more if it was not yet.
    ///
    /// # Errors
    /// See [`CallError`]. A login is refused at once: the session signs in by itself.
    pub async fn call(&self, command: &str, fields: String) -> Result<Content, CallError> {
        let (name, row) = named(command)?;
        self.order(Step::Whole, name, row, fields, None).await
    }

    /// The turn of a command, where it may be sent at once.
    ///
    /// Under pacing the answer is always `None`: whether the gate is open is only known where the calls are sent.
    ///
    /// # Errors
    /// A login is refused: the session signs in by itself.
    pub fn turn_now(&self, command: &str) -> Result<Option<Turn>, CallError> {
        let (command, row) = named(command)?;
        Ok(Permit::take(&self.shared).map(|permit| Turn { command, row, permit }))
    }

    /// Waits until a command may be sent: the session is live, and does not send too fast.
    ///
    /// What is to be noted before a command is sent can be noted between this and [`send`](Self::send). Dropping the future, or
    /// what it gives, withdraws the call.
    ///
    /// # Errors
    /// As [`call`](Self::call); nothing has been sent then.
    pub async fn turn(&self, command: &str) -> Result<Turn, CallError> {
        if let Some(turn) = self.turn_now(command)? {
            return Ok(turn);
        }
        let (command, row) = named(command)?;
        let (sender, granted) = oneshot::channel();
        let (step, reply) = (Step::Turn, Reply::Turn(sender));
        let order = Order { step, command: command.clone(), row, fields: String::new(), reply };
        self.orders.send(Request { order, turn: None }).await.map_err(|_| self.ended())?;
        let permit = granted.await.unwrap_or_else(|_| Err(self.ended()))?;
        Ok(Turn { command, row, permit })
    }

    /// What a call that must wait for its turn waits for, as far as can be seen from outside.
    pub fn holdup(&self) -> Option<Holdup> {
        let status = self.shared.status();
        match status.phase {
            Phase::Live if status.queued > 0 => Some(Holdup::Unanswered),
            Phase::Live => self.shared.is_paced.then_some(Holdup::Pacing),
            _ => Some(Holdup::Connection),
        }
    }

    /// Sends a command whose turn has come, and waits for its result.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn send(&self, turn: Turn, fields: String) -> Result<Content, CallError> {
        let Turn { command, row, permit } = turn;
        self.order(Step::Granted, command, row, fields, Some(permit)).await
    }

    /// Sends a typed request and waits for its result.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn request<C: Call>(&self, call: &C) -> Result<Content, CallError> {
        let (name, row) = named(C::COMMAND.name)?;
        self.order(Step::Whole, name, row, fields_of(call), None).await
    }

    /// What can be seen of the session now.
    pub fn status(&self) -> Status {
        self.shared.status().clone()
    }

    /// Counts content of this session that was found damaged when it was read, and warns of each kind of damage once.
    pub fn note_damages(&self, what: &str, damages: Damages) {
        self.shared.note_damages(&self.name, what, damages);
    }

    /// Ends the session: what is pending fails with [`CallError::Stopped`].
    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::Release);
        self.shared.waker.wake();
    }

    /// Goes on delivering signals after the owner answered [`Flow::Pause`](super::Flow::Pause).
    pub fn resume_reading(&self) {
        self.shared.resume.store(true, Ordering::Release);
        self.shared.waker.wake();
    }

    /// Holds all signals back, or delivers them again.
    ///
    /// Meanwhile replies reach their callers. When more waits than can be kept, the session says goodbye to its gateway; it makes
    /// no new connection before it is no longer held.
    pub fn hold(&self, is_held: bool) {
        if self.shared.hold.swap(is_held, Ordering::AcqRel) != is_held {
            self.shared.waker.wake();
        }
    }

    async fn order(
        &self,
        step: Step,
        command: Cow<'static, str>,
        row: Option<&'static Command>,
        fields: String,
        turn: Option<Permit>,
    ) -> Result<Content, CallError> {
        let (sender, result) = oneshot::channel();
        let order = Order { step, command, row, fields, reply: Reply::Content(sender) };
        self.orders.send(Request { order, turn }).await.map_err(|_| self.ended())?;
        result.await.unwrap_or_else(|_| Err(self.ended()))
    }

    /// Why the session takes no calls any more.
    fn ended(&self) -> CallError {
        match &self.shared.status().phase {
            Phase::Refused(failure) => CallError::LoginRefused(failure.clone()),
            Phase::Unusable(reason) => CallError::Unusable(reason.clone()),
            _ => CallError::Stopped,
        }
    }
}

/// A command that callers may send, with its row where it is a known one.
fn named(command: &str) -> Result<(Cow<'static, str>, Option<&'static Command>), CallError> {
    match Command::named(command) {
        Some(row) if row.is_login() => {
            let failure = Failure::new(FailureCode::Malformed, "the session logs in by itself");
            Err(CallError::Refused(failure))
        }
        Some(row) => Ok((Cow::Borrowed(row.name), Some(row))),
        None => Ok((Cow::Owned(command.to_owned()), None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_can_be_held_by_any_thread() {
        fn is_shareable<T: Send + Sync + Clone>() {}
        is_shareable::<Handle>();
    }

    #[test]
    fn an_error_says_what_happened_and_has_a_name_for_scripts() {
        let timeout =
            CallError::Timeout { command: "SendText".into(), waited: Duration::from_millis(1500), sent: true };
        assert_eq!((timeout.name(), timeout.to_string().as_str()), ("TIMEOUT", "SendText had no reply within 1.5 s"));
        let doubt = CallError::Disconnected { sent: true };
        assert_eq!((doubt.name(), doubt.code()), ("IN_DOUBT", -1));
        let refused = CallError::Refused(Failure::new(FailureCode::NotFound, "nobody"));
        assert_eq!((refused.name(), refused.code()), ("NOT_FOUND", 5));
    }
}
