//! The one-thread runtime of the commands that hold a single session. The engine's own runtimes are the host's.

use std::future::Future;
use std::io;

/// Runs a future to its end on this thread, where it may spawn local tasks.
pub(super) fn run<T>(work: impl Future<Output = T>) -> io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    Ok(local.block_on(&runtime, work))
}

/// Listens from now on for Ctrl-C and SIGTERM; the future is done when one comes.
pub(super) fn asked_to_end() -> io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        })
    }
    #[cfg(not(unix))]
    Ok(async {
        // Where Ctrl-C cannot be listened for, the process ends by it without our help.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    })
}
