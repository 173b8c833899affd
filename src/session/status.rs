//! What can be seen of a session from outside. What changes it is decided in `machine`.

use std::time::Duration;

use super::rate_limit::Restraint;
use crate::protocol::{Damages, Failure};

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
    /// How long the latest answer took, once there was one.
    pub latency: Option<Duration>,
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

/// Why a call is not sent yet.
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
