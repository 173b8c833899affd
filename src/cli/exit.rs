//! How a command ends: the exit status and the one message. Logging while it runs is not here.

use std::process::ExitCode;

use super::output;

/// The status for wrong usage.
pub(super) const USAGE: u8 = 2;

/// Why a command did not succeed.
#[derive(Debug)]
pub(super) enum Exit {
    /// What was asked failed: status 1.
    Failed(anyhow::Error),
    /// It was asked in the wrong way: status 2.
    Usage(anyhow::Error),
}

impl Exit {
    pub(super) fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self::Usage(error.into())
    }
}

impl<E: Into<anyhow::Error>> From<E> for Exit {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Says on standard error what went wrong, and gives the exit status.
pub(super) fn status(outcome: Result<(), Exit>) -> ExitCode {
    let (error, status) = match outcome {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Exit::Failed(error)) => (error, 1),
        Err(Exit::Usage(error)) => (error, USAGE),
    };
    output::complaint(format_args!("{error:#}"));
    ExitCode::from(status)
}
