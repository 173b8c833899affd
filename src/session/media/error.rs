//! Why a command with a file fails.

use crate::session::calls::CallError;
use crate::session::folders::FolderError;
use crate::session::transport::TlsError;

/// Why a command with a file fails.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// The gateway does not give the parameters, or not do what was asked.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The fields of the command do not suit it.
    #[error("the fields of {command} are not as expected: {reason}")]
    Fields {
        /// The command.
        command: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// There is no way to upload for this command.
    #[error(
        "there is no way to upload a file for {command}: the gateway reads it from its own disk. Under media = \"gateway\" of a \
         [[session]] the path goes there as it is; the sandbox that `hotline run` starts by itself takes none"
    )]
    Unsupported {
        /// The command.
        command: &'static str,
    },
    /// Nothing serves files by urls.
    #[error(
        "files go out on LINE by urls of this bot, and nothing serves any: `hotline run` does, with \"files\" and [webhook] public_url"
    )]
    Unpublished,
    /// The file may not be opened, or cannot be.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The gateway's parameters cannot be used.
    #[error("the answer to {command} cannot be used: {reason}")]
    Parameters {
        /// The command.
        command: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The server refuses the transfer.
    #[error("the media server answered with HTTP status {0}, expected a success")]
    Status(u16),
    /// The transfer broke off.
    #[error("the transfer broke off: {reason}")]
    Transfer {
        /// What happened.
        reason: String,
        /// Whether a message may have been sent all the same.
        sent: bool,
    },
    /// Nobody can be trusted.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The HTTP client cannot be made as configured.
    #[error("the media client cannot be set up: {0}")]
    Setup(String),
}

impl MediaError {
    /// The number that scripts see: the gateway's own for a refusal, else -1.
    pub fn code(&self) -> i64 {
        match self {
            Self::Call(error) => error.code(),
            _ => -1,
        }
    }

    /// The name that scripts see, such as `TRANSFER_FAILED`.
    pub fn name(&self) -> &str {
        match self {
            Self::Call(error) => error.name(),
            Self::Fields { .. } => "MALFORMED",
            Self::Unsupported { .. } | Self::Unpublished => "UNSUPPORTED",
            Self::Folder(_) => "FILE",
            Self::Transfer { sent: true, .. } => "IN_DOUBT",
            Self::Parameters { .. } | Self::Status(_) | Self::Transfer { .. } | Self::Tls(_) | Self::Setup(_) => {
                "TRANSFER_FAILED"
            }
        }
    }
}
