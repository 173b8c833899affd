//! What happens in a running system, as whoever watches it is told. How it reads in the log is in `log`.
//!
//! A secret is never shown by it: the PIN that is to be typed is for the one who hands it on to the owner, and is in no text and no JSON.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::rows::{FaultView, WaitView};
use crate::clock::Timestamp;
use crate::session::Secret;
use crate::store::{EventId, RunId, RunOutcome};

/// Something that happened, with its time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ViewEvent {
    /// When, as a time of day.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub happening: Happening,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Happening {
    /// A script has its first version that loads.
    ScriptLoaded(NewGeneration),
    /// A script has another version.
    ScriptSwapped(NewGeneration),
    /// A version of a script, or what is named as one, does not load.
    ScriptRefused {
        /// What is wrong with it.
        fault: FaultView,
        /// Whether the version before it stays live.
        is_survived: bool,
    },
    /// With a file or folder nothing is wrong any more, and what was live of it goes on.
    ScriptMended {
        /// The file.
        file: String,
    },
    /// A script's file is missing, so that it is held.
    ScriptMissing {
        /// Its name.
        script: String,
        /// Where its file was, or would be.
        file: String,
    },
    /// A script goes on that was missing.
    ScriptBack {
        /// Its name.
        script: String,
        /// Its file.
        file: String,
    },
    /// What a missing script was at ends.
    ScriptForgotten {
        /// Its name.
        script: String,
    },
    /// A session is live.
    LoggedIn {
        /// Its name.
        session: String,
        /// The account's mid.
        mid: String,
        /// The account's display name, where the gateway said it.
        name: Option<String>,
    },
    /// The gateway showed a PIN that is to be typed on the phone.
    PinWanted {
        /// The session's name.
        session: String,
        /// The account on whose phone.
        account: String,
        /// The PIN.
        #[serde(skip)]
        pin: Secret,
    },
    /// A session has lost its connection, or its attempt at one; it tries again.
    Lost {
        /// Its name.
        session: String,
        /// Why.
        reason: String,
        /// Whether it was live until now.
        was_live: bool,
        /// When it tries again, in milliseconds from now.
        #[serde(serialize_with = "millis")]
        retry: Duration,
    },
    /// The gateway complains that a session does too much.
    Slowed {
        /// The session's name.
        session: String,
        /// The complaint.
        complaint: String,
        /// For how many milliseconds nothing is sent; 0 where pacing is off.
        #[serde(serialize_with = "millis")]
        pause: Duration,
    },
    /// The gateway refused a login; it is not tried again.
    LoginRefused {
        /// The session's name.
        session: String,
        /// The failure's code.
        code: i64,
        /// What the gateway says.
        reason: String,
    },
    /// There is no gateway for a session, or none that can be trusted; it is not tried again.
    Unusable {
        /// The session's name.
        session: String,
        /// Why.
        reason: String,
    },
    /// A session takes up what an earlier process left behind.
    TakenUp {
        /// Its name.
        session: String,
        /// How many events.
        events: usize,
        /// How many runs.
        runs: usize,
    },
    /// A timer is due and waits until its script can be called.
    TimerWaits {
        /// The session's name.
        session: String,
        /// The script's name.
        script: String,
        /// What it waits for, such as `is back`.
        until: &'static str,
    },
    /// A run has begun, or goes on that an earlier process began.
    RunBegan {
        /// Which.
        #[serde(flatten)]
        run: RunName,
    },
    /// A run waits.
    RunWaits {
        /// Which.
        #[serde(flatten)]
        run: RunName,
        /// For what.
        waits: WaitView,
    },
    /// A run has ended, however it did.
    RunEnded {
        /// Which.
        #[serde(flatten)]
        run: RunName,
        /// How.
        outcome: RunOutcome,
    },
    /// A run has failed.
    RunFailed {
        /// The script's name.
        script: String,
        /// The session's name.
        session: String,
        /// The function that was called.
        function: String,
        /// What it was about: the event's subcommand, or what takes its place.
        event: String,
        /// The generation that ran.
        generation: i64,
        /// What went wrong.
        fault: FaultView,
    },
    /// Somebody has killed a run.
    RunKilled {
        /// Its id.
        run: RunId,
    },
}

/// A version of a script that is live now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NewGeneration {
    /// The script's name.
    pub script: String,
    /// Its file.
    pub file: String,
    /// The generation's number.
    pub generation: i64,
    /// What the host calls of it, in words.
    pub hooks: String,
    /// Whether the host ever calls it.
    pub is_called: bool,
    /// Whether it has no text: its timers wait.
    pub is_blank: bool,
    /// So many milliseconds after its file was saved.
    #[serde(serialize_with = "millis")]
    pub took: Duration,
}

/// What tells a run from others, and what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunName {
    /// Its id.
    pub run: RunId,
    /// The id of the event that it handles.
    pub event: EventId,
    /// Its session's name.
    pub session: String,
    /// Its script's name.
    pub script: String,
    /// The function that it calls.
    pub function: String,
}

fn millis<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_flat_in_json() {
        let run = RunName {
            run: RunId::new(2),
            event: EventId::new(1),
            session: "main".into(),
            script: "bot".into(),
            function: "on_message".into(),
        };
        let ended = Happening::RunEnded { run, outcome: RunOutcome::PassedOn };
        let lost = Happening::Lost {
            session: "main".into(),
            reason: "it closed".into(),
            was_live: true,
            retry: Duration::from_micros(1_500_400),
        };
        let json = |happening| serde_json::json!(ViewEvent { at: 7, happening });
        assert_eq!(
            [json(ended), json(lost)],
            [
                serde_json::json!({
                    "at": 7, "kind": "run_ended", "run": 2, "event": 1, "session": "main", "script": "bot",
                    "function": "on_message", "outcome": "passed on",
                }),
                serde_json::json!({
                    "at": 7, "kind": "lost", "session": "main", "reason": "it closed", "was_live": true, "retry": 1500,
                }),
            ]
        );
    }
}
