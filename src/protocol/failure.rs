//! Failures: the code and the text that a gateway answers instead of a result.

use serde::{Deserialize, Serialize};

macro_rules! failures {
    ($( $variant:ident $code:literal $name:literal; )+) => {
        /// Why a gateway refuses a command.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum FailureCode {
            $( #[doc = concat!("`", $name, "`")] $variant = $code, )+
        }

        impl FailureCode {
            /// Every known code, ascending.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name, such as `NOT_FOUND`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The number on the wire.
            pub const fn number(self) -> i64 {
                self as i64
            }

            /// The known code of a number.
            pub fn of(number: i64) -> Option<Self> {
                Self::ALL.iter().copied().find(|code| code.number() == number)
            }
        }
    };
}

failures! {
    Malformed -1 "MALFORMED";
    AuthenticationFailed 1 "AUTHENTICATION_FAILED";
    ExcessiveAccess 4 "EXCESSIVE_ACCESS";
    NotFound 5 "NOT_FOUND";
    InvalidLength 6 "INVALID_LENGTH";
    NotAuthorizedDevice 8 "NOT_AUTHORIZED_DEVICE";
    InvalidMid 9 "INVALID_MID";
    NotAMember 10 "NOT_A_MEMBER";
    NotAuthenticated 17 "NOT_AUTHENTICATED";
    AbuseBlock 35 "ABUSE_BLOCK";
    NotFriend 36 "NOT_FRIEND";
    BlockFriend 38 "BLOCK_FRIEND";
    InvalidPinCode 45 "INVALID_PIN_CODE";
    ExceedFileMaxSize 47 "EXCEED_FILE_MAX_SIZE";
    MessageNotFound 64 "MESSAGE_NOT_FOUND";
    PreventedJoinByTicket 73 "PREVENTED_JOIN_BY_TICKET";
    Duplicated 106 "DUPLICATED";
    NotAnInvitee 108 "NOT_AN_INVITEE";
    OverMaxChatsPerUser 116 "OVER_MAX_CHATS_PER_USER";
}

/// A gateway's refusal: its code, and what it says about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{content} (code {code})")]
pub struct Failure {
    /// The number on the wire; not every gateway keeps to the known ones.
    pub code: i64,
    /// The text for the user, by our own gateway as `NAME: what was wrong`.
    pub content: String,
}

impl Failure {
    /// A failure of a known code, worded as `NAME: message`.
    pub fn new(code: FailureCode, message: impl std::fmt::Display) -> Self {
        Self { code: code.number(), content: format!("{}: {message}", code.name()) }
    }

    /// The name of the failure: that of its code, else the one its text starts with, else `FAILED`.
    pub fn name(&self) -> &str {
        let worded = self.content.split(':').next().unwrap_or_default();
        let is_name = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
        match FailureCode::of(self.code) {
            Some(code) => code.name(),
            None if is_name(worded) => worded,
            None => "FAILED",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_comes_from_the_code_or_the_text() {
        assert_eq!(Failure::new(FailureCode::NotFound, "no such group").content, "NOT_FOUND: no such group");
        assert_eq!(Failure { code: 5, content: "gone".into() }.name(), "NOT_FOUND");
        assert_eq!(Failure { code: 999, content: "NEW_KIND: gone".into() }.name(), "NEW_KIND");
        assert_eq!(Failure { code: 999, content: "gone".into() }.name(), "FAILED");
    }
}
