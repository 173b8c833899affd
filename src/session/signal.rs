//! What a session tells its owner. Answers to calls are not among the signals: they go to the callers.

use std::fmt;
use std::time::Duration;

use crate::protocol::{Event, Failure};

/// Something that the owner of a session learns, in the order in which it happened.
#[derive(Clone, PartialEq)]
pub enum Signal {
    /// A PIN to be typed on the phone.
    Pin(String),
    /// A frame of the login phase that means nothing to Hotline, for the user to see.
    LoginNotice(String),
    /// The certificate of this login, to be kept for the next one. It is a secret. An empty one takes the place of one that the
    /// gateway does not recognize any more.
    Certificate(String),
    /// The session is live.
    LoggedIn {
        /// The account's mid.
        mid: String,
        /// The account's display name, where the gateway said it.
        display_name: Option<String>,
    },
    /// Something happened to the account.
    Event(Event),
    /// The connection, or an attempt at one, is lost; the session tries again by itself.
    Disconnected {
        /// Why, in words.
        reason: String,
        /// Whether the session was live until now, and not merely trying to be.
        was_live: bool,
        /// When the next attempt begins, counted from now.
        retry: Duration,
    },
    /// The gateway complains that the account does too much, and the session sends nothing for a while.
    Slowed {
        /// The complaint.
        failure: Failure,
        /// For how long; zero where pacing is off, so that nothing is held back.
        pause: Duration,
    },
    /// The login is refused and not tried again; the session ends.
    Refused(Failure),
    /// No gateway is where one should be, or none that can be trusted, and none ever was; the session ends.
    Unusable(String),
}

/// A certificate is not shown.
impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pin(pin) => write!(f, "Pin({pin:?})"),
            Self::LoginNotice(frame) => write!(f, "LoginNotice({frame:?})"),
            Self::Certificate(_) => f.write_str("Certificate(***)"),
            Self::LoggedIn { mid, display_name } => write!(f, "LoggedIn({mid:?}, {display_name:?})"),
            Self::Event(event) => write!(f, "{event:?}"),
            Self::Disconnected { reason, was_live, retry } => {
                write!(f, "Disconnected({reason:?}, was_live: {was_live}, retry: {retry:?})")
            }
            Self::Slowed { failure, pause } => write!(f, "Slowed({failure:?}, {pause:?})"),
            Self::Refused(failure) => write!(f, "Refused({failure:?})"),
            Self::Unusable(reason) => write!(f, "Unusable({reason:?})"),
        }
    }
}

/// What the owner answers to a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    Continue,
    /// Deliver nothing more until [`Handle::resume_reading`](super::Handle::resume_reading).
    ///
    /// Replies still reach their callers meanwhile: signals are held back, and only when very many are does the
    /// session stop reading its socket.
    Pause,
}

/// Why a session is over.
#[derive(Clone, Debug, PartialEq)]
pub enum Ended {
    /// Its handle was told to stop, or nobody holds one any more.
    Stopped,
    /// The gateway refused the login.
    Refused(Failure),
    /// Whoever answers at the gateway's address is none, or cannot be trusted: why, in words.
    Unusable(String),
}
