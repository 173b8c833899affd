//! The way to a running bot for other commands: a socket in its data folder, which its owner alone can use.
//!
//! One request and one reply, each a line of JSON. What is done with a request is decided by whoever takes it.

use std::io;
use std::path::Path;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::store::{RunId, StoreEntry};

/// How long a bot may take to answer. Wall time, as people's terminals have it.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a running bot is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ControlRequest {
    /// End what a script was at that is missing.
    Forget {
        /// Its name.
        script: String,
    },
    /// Write everything that has happened so far to disk.
    Flush,
    /// Keep values of the stores, or take them away, in this order.
    Keep {
        /// The values.
        entries: Vec<StoreEntry>,
    },
    /// End a run; the answer is a [`KillOutcome`](super::KillOutcome).
    Kill {
        /// Its id.
        run: RunId,
    },
    /// Tell how it is; the answer is a [`HostStatus`](super::HostStatus).
    Status,
}

/// What a running bot answers: what came of the request, or why nothing did.
pub type ControlReply<T = ()> = Result<T, String>;

/// An answer as it is sent.
pub(super) type ControlAnswer = ControlReply<serde_json::Value>;

#[cfg(unix)]
pub(super) use listening::ControlSocket;

/// Asks the bot that runs on a data folder; `None` where none listens.
///
/// # Errors
/// When it cannot be asked, or does not answer.
#[cfg(unix)]
pub fn ask<T: DeserializeOwned>(data: &Path, request: &ControlRequest) -> io::Result<Option<ControlReply<T>>> {
    use std::io::{BufRead, BufReader, ErrorKind, Write};
    use std::os::unix::net::UnixStream;

    let place = listening::SocketPath::of(data)?;
    let mut stream = match UnixStream::connect(&place.path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => return Ok(None),
        stream => stream?,
    };
    stream.set_read_timeout(Some(PATIENCE))?;
    writeln!(stream, "{}", serde_json::to_string(request)?)?;
    let mut reply = String::new();
    BufReader::new(stream).read_line(&mut reply)?;
    Ok(Some(serde_json::from_str(&reply)?))
}

/// There is no such socket on this system.
///
/// # Errors
/// Never.
#[cfg(not(unix))]
pub fn ask<T: DeserializeOwned>(_: &Path, _: &ControlRequest) -> io::Result<Option<ControlReply<T>>> {
    Ok(None)
}

#[cfg(unix)]
mod listening {
    use std::fs::{self, File, Permissions};
    use std::io;
    use std::os::fd::AsRawFd;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::path::{Path, PathBuf};

    use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
    use tokio::net::{UnixListener, UnixStream};
    use tokio::task::AbortHandle;
    use tokio::time::timeout;

    use super::{ControlAnswer, ControlRequest, PATIENCE};
    use crate::store::socket_file;

    /// The longest path that a socket may have everywhere, in bytes.
    const LONGEST: usize = 100;

    /// The longest request, in bytes: several of the largest values of a store.
    const REQUEST: u64 = 16 << 20;

    /// Where a data folder's socket is, by a path that is short enough.
    pub(super) struct SocketPath {
        pub(super) path: PathBuf,
        /// Kept open for as long as the path names it.
        _folder: Option<File>,
    }

    impl SocketPath {
        pub(super) fn of(data: &Path) -> io::Result<Self> {
            let path = socket_file(data);
            if path.as_os_str().as_bytes().len() <= LONGEST {
                return Ok(Self { path, _folder: None });
            }
            let folder = File::open(data)?;
            let path = socket_file(Path::new(&format!("/proc/self/fd/{}", folder.as_raw_fd())));
            Ok(Self { path, _folder: Some(folder) })
        }
    }

    /// A socket that is listened on until this is dropped.
    pub(crate) struct ControlSocket {
        socket: PathBuf,
        task: AbortHandle,
    }

    impl ControlSocket {
        /// Listens in a data folder, which this process has for itself; `take` is given what it is asked for.
        ///
        /// # Errors
        /// When the folder takes no socket.
        pub(crate) fn listen<F: Future<Output = ControlAnswer> + Send + 'static>(
            data: &Path,
            take: impl Fn(ControlRequest) -> F + Clone + Send + 'static,
        ) -> io::Result<Self> {
            let (place, socket) = (SocketPath::of(data)?, socket_file(data));
            match fs::remove_file(&socket) {
                // A process that was killed leaves it behind.
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let listener = UnixListener::bind(&place.path)?;
            fs::set_permissions(&socket, Permissions::from_mode(0o600))?;
            let owner = fs::metadata(&socket)?.uid();
            let serve = async move {
                while let Ok((stream, _)) = listener.accept().await {
                    // Somebody else may have come before the permissions were set.
                    if stream.peer_cred().is_ok_and(|peer| peer.uid() == owner || peer.uid() == 0) {
                        tokio::spawn(timeout(PATIENCE, answer(stream, take.clone())));
                    }
                }
            };
            Ok(Self { socket, task: tokio::spawn(serve).abort_handle() })
        }
    }

    impl Drop for ControlSocket {
        fn drop(&mut self) {
            self.task.abort();
            // Whoever finds it without a listener knows what that means.
            let _ = fs::remove_file(&self.socket);
        }
    }

    async fn answer<F: Future<Output = ControlAnswer>>(
        mut stream: UnixStream,
        take: impl Fn(ControlRequest) -> F,
    ) -> io::Result<()> {
        let (reader, mut writer) = stream.split();
        let mut line = String::new();
        BufReader::new(reader.take(REQUEST)).read_line(&mut line).await?;
        let reply = match serde_json::from_str(&line) {
            Ok(request) => take(request).await,
            Err(error) => Err(format!("the running bot does not understand what it is asked for: {error}")),
        };
        let reply = serde_json::to_string(&reply)?;
        writer.write_all(format!("{reply}\n").as_bytes()).await
    }
}
