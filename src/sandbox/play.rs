//! What people do at a phone for which the gateway has no command: remove somebody, take a message back, react to one.
//!
//! A person who is logged in to the sandbox does it by a command of the sandbox's own, which no other gateway knows: `hotline chat` is such
//! a person. A bot that used it would work nowhere else.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::world::Operation;
use crate::protocol::{Failure, FailureCode};

/// The name of the command.
pub const PLAY_COMMAND: &str = "SandboxPlay";

/// What somebody does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "deed", rename_all = "snake_case")]
pub enum PlayedDeed {
    /// Removes another member of a group.
    Kick {
        /// The group's mid.
        group: String,
        /// Whom.
        target: String,
    },
    /// Takes a message of their own back.
    Unsend {
        /// The message's id.
        msg_id: String,
    },
    /// Reacts to a message.
    React {
        /// The message's id.
        msg_id: String,
    },
}

impl PlayedDeed {
    /// Reads the request of a person.
    pub(super) fn read(frame: &str) -> Result<Self, Failure> {
        // The fields beside those of the deed are those that every request has.
        let read = serde_json::from_str(frame).and_then(|frame: Value| serde_json::from_value(frame));
        read.map_err(|error| Failure::new(FailureCode::Malformed, format!("{PLAY_COMMAND}: {error}")))
    }

    /// What the world makes of it.
    pub(super) fn of(self, by: String) -> Operation {
        match self {
            Self::Kick { group, target } => Operation::Kick { group, by, target },
            Self::Unsend { msg_id } => Operation::Unsend { by, msg_id },
            Self::React { msg_id } => Operation::React { by, msg_id },
        }
    }
}
