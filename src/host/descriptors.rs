//! File descriptors: how many this process may have, and whether they are enough for its sessions.

/// What is open whatever runs: the program, the database, the log, the workers, the console, the files that are read.
const BASE: u64 = 64;

/// What a session has open: its connection, and a file or request on its way or the other end in the embedded sandbox.
const PER_SESSION: u64 = 2;

/// Has the system give this process as many as it may ask for.
#[cfg(unix)]
pub(crate) fn raise() {
    use rustix::process::{Resource, getrlimit, setrlimit};

    let limit = getrlimit(Resource::Nofile);
    // Where it is not given, the process goes on with what it has, which is said once it is too little.
    let _ = setrlimit(Resource::Nofile, rustix::process::Rlimit { current: limit.maximum, ..limit });
}

/// Has the system give this process as many as it may ask for.
#[cfg(not(unix))]
pub(crate) fn raise() {}

/// Says so where there are too few for so many sessions.
pub(super) fn check(sessions: usize) {
    if let Some(shortage) = shortage(limit(), sessions) {
        tracing::warn!("{shortage}");
    }
}

#[cfg(unix)]
fn limit() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

#[cfg(not(unix))]
fn limit() -> Option<u64> {
    None
}

fn shortage(limit: Option<u64>, sessions: usize) -> Option<String> {
    let needed = u64::try_from(sessions).unwrap_or(u64::MAX).saturating_mul(PER_SESSION).saturating_add(BASE);
    let limit = limit.filter(|limit| *limit < needed)?;
    Some(format!(
        "the system lets this process have {limit} files and connections open, and its sessions ({sessions}) need about \
         {needed}: some will not connect, and files will not be read; raise the limit (ulimit -n, or LimitNOFILE= in a service)"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_enough_is_not_spoken_of() {
        assert_eq!(shortage(None, usize::MAX), None);
        assert_eq!(shortage(Some(1_024), 480), None);
        let said = shortage(Some(1_024), 481).expect("it is too little");
        assert!(said.contains("have 1024 files") && said.contains("its sessions (481) need about 1026: "), "{said}");
    }
}
