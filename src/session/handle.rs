//! The side of a session that callers hold. What a call does on the wire is decided in `machine`.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::sync::{mpsc, oneshot};

use super::calls::Order;
use super::config::SessionConfig;
use crate::protocol::{Call, Command, Content, EncodeError, Failure, FailureCode, fields_of};

/// Why a call has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The gateway refused it.
    #[error("{0}")]
    Refused(Failure),
    /// No reply came in time.
    #[error("{command} had no reply within {}", seconds(*waited))]
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
}

/// A handle on a session: cheap to clone, usable from any thread.
#[derive(Clone, Debug)]
pub struct Handle {
    name: Arc<str>,
    orders: mpsc::Sender<Order<Reply>>,
    shared: Arc<Shared>,
}

/// The session's own end of the channel, for [`run`](super::run).
#[derive(Debug)]
pub struct Inbox {
    pub(super) orders: mpsc::Receiver<Order<Reply>>,
    pub(super) shared: Arc<Shared>,
}

/// Where the result of a call goes.
pub(super) type Reply = oneshot::Sender<Result<Content, CallError>>;

/// What the handles and the socket task share beside the channel.
#[derive(Debug, Default)]
pub(super) struct Shared {
    status: Mutex<Status>,
    stop: AtomicBool,
    resume: AtomicBool,
    pub(super) waker: AtomicWaker,
}

impl Shared {
    pub(super) fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
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
    let shared = Arc::new(Shared::default());
    let handle = Handle { name: config.name.as_str().into(), orders: sender, shared: Arc::clone(&shared) };
    (handle, Inbox { orders, shared })
}

impl Handle {
    /// The session's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sends a command, known or not, whose fields are the text of a JSON object, and waits for its result.
    ///
    /// Dropping the future withdraws the call: it is not sent any more if it was not yet.
    ///
    /// # Errors
    /// See [`CallError`]. A login is refused at once: the session signs in by itself.
    pub async fn call(&self, command: &str, fields: String) -> Result<Content, CallError> {
        let row = Command::named(command);
        let name = row.map_or_else(|| Cow::Owned(command.to_owned()), |row| Cow::Borrowed(row.name));
        self.order(name, row, fields).await
    }

    /// Sends a typed request and waits for its result.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn request<C: Call>(&self, call: &C) -> Result<Content, CallError> {
        self.order(Cow::Borrowed(C::COMMAND.name), Some(C::COMMAND), fields_of(call)).await
    }

    /// What can be seen of the session now.
    pub fn status(&self) -> Status {
        self.shared.status().clone()
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

    async fn order(
        &self,
        command: Cow<'static, str>,
        row: Option<&'static Command>,
        fields: String,
    ) -> Result<Content, CallError> {
        if row.is_some_and(Command::is_login) {
            let failure = Failure::new(FailureCode::Malformed, "the session logs in by itself");
            return Err(CallError::Refused(failure));
        }
        let (reply, result) = oneshot::channel();
        let order = Order { command, row, fields, reply };
        self.orders.send(order).await.map_err(|_| self.ended())?;
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
