//! A transfer that is ready to begin, and how it goes. What is transferred, by which parameters, is decided in `media`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use reqwest::multipart::{Form, Part};
use reqwest::{Body, RequestBuilder, Response, StatusCode};
use serde_json::json;
use tokio_util::io::ReaderStream;

use super::error::MediaError;
use crate::clock::Clock;
use crate::protocol::Content;
use crate::session::folders::{DownloadTarget, UploadSource};
use crate::session::handle::{Handle, Permit};
use crate::session::outbound::Underway;
use crate::session::transport::in_full;

/// A server that is silent for this long has gone.
pub(super) const SILENCE: Duration = Duration::from_secs(60);
/// So many bytes of a file are in memory at a time.
const CHUNK: usize = 64 * 1024;
/// As long as this after the last byte of an upload was handed on: the system still sends what it holds back, and tells
/// nobody how far it is.
const LAST_SILENCE: Duration = Duration::from_secs(300);

/// A command that can be sent now.
#[derive(Debug)]
pub struct Ready(Transfer);

#[derive(Debug)]
enum Transfer {
    /// The gateway is asked, for whom a path is a text like any other.
    Call(Permit, String),
    Upload {
        // Boxed, since what a call of the gateway needs is small.
        request: Box<RequestBuilder>,
        flow: UploadProgress,
        content: Content,
        under_way: Option<Underway>,
    },
    Download {
        request: Box<RequestBuilder>,
        target: Box<DownloadTarget>,
        under_way: Option<Underway>,
    },
}

impl Ready {
    /// A command that names no file of this machine.
    pub(crate) fn call(permit: Permit, fields: String) -> Self {
        Self(Transfer::Call(permit, fields))
    }

    /// An upload whose body goes as `flow` says; `content` is what comes of it.
    pub(super) fn upload(
        request: RequestBuilder,
        flow: UploadProgress,
        content: Content,
        under_way: Option<Underway>,
    ) -> Self {
        Self(Transfer::Upload { request: Box::new(request), flow, content, under_way })
    }

    /// A download into a file.
    pub(super) fn download(request: RequestBuilder, target: DownloadTarget, under_way: Option<Underway>) -> Self {
        Self(Transfer::Download { request: Box::new(request), target: Box::new(target), under_way })
    }

    /// Sends it on behalf of the session's owner, as [`Handle::post`] does.
    ///
    /// # Errors
    /// With itself, where it is no call for the gateway, or cannot be sent that way.
    pub(crate) fn post(self, handle: &Handle, key: u64) -> Result<(), Self> {
        match self.0 {
            Transfer::Call(permit, fields) => {
                handle.post(permit, fields, key).map_err(|(permit, fields)| Self::call(permit, fields))
            }
            transfer => Err(Self(transfer)),
        }
    }

    /// Sends it, and waits for its result.
    ///
    /// # Errors
    /// See [`MediaError`].
    pub async fn send(self, handle: &Handle) -> Result<Content, MediaError> {
        match self.0 {
            Transfer::Call(permit, fields) => Ok(handle.send(permit, fields).await?),
            // Boxed: it is large, and those who wait for an answer have room for it too.
            transfer => Box::pin(transfer.carry()).await,
        }
    }
}

impl Transfer {
    /// Transfers a file over HTTP.
    async fn carry(self) -> Result<Content, MediaError> {
        match self {
            Self::Call(..) => unreachable!("the gateway is asked, and no server"),
            Self::Upload { request, flow, content, under_way: _until_answered } => {
                let response = tokio::select! {
                    // A server that was reached may have taken the file, whatever happened to its answer.
                    response = request.send() => {
                        response.map_err(|error| broken(&error, !error.is_connect() && !error.is_builder()))?
                    }
                    () = flow.dries_up() => {
                        return Err(MediaError::Transfer { reason: "the server is silent".to_owned(), sent: true });
                    }
                };
                check(&response)?;
                Ok(content)
            }
            Self::Download { request, mut target, under_way: _until_saved } => {
                let response = request.send().await.map_err(|error| broken(&error, false))?;
                // Other successes have no file: LINE accepts what it is still preparing.
                if response.status() != StatusCode::OK {
                    return Err(MediaError::Status(response.status().as_u16()));
                }
                let mut body = response.bytes_stream();
                while let Some(chunk) = body.next().await {
                    target.write(&chunk.map_err(|error| broken(&error, false))?).await?;
                }
                let path = target.finish().await?;
                Ok(Content::new(json!({"path": path.to_string_lossy()}).to_string()))
            }
        }
    }
}

/// How the body of an upload goes: a server that takes bytes is alive, however long the whole takes.
#[derive(Clone, Debug)]
pub(super) struct UploadProgress {
    clock: Clock,
    /// Until when, in the clock's elapsed milliseconds, the silence is no silence yet.
    until: Arc<AtomicU64>,
}

impl UploadProgress {
    pub(super) fn new(clock: Clock) -> Self {
        let flow = Self { clock, until: Arc::default() };
        flow.moved(SILENCE);
        flow
    }

    /// Notes that something was taken, after which so long a silence is allowed.
    fn moved(&self, silence: Duration) {
        let until = self.clock.elapsed().saturating_add(silence).as_millis();
        self.until.store(u64::try_from(until).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Waits until nothing has been taken for too long.
    async fn dries_up(&self) {
        loop {
            let until = Duration::from_millis(self.until.load(Ordering::Relaxed));
            if until <= self.clock.elapsed() {
                return;
            }
            self.clock.sleep_until(until).await;
        }
    }
}

/// The form of an upload.
pub(super) fn form(source: UploadSource, params: String, flow: UploadProgress) -> Form {
    let taken = flow.clone();
    let chunks = ReaderStream::with_capacity(source.file, CHUNK).inspect(move |_| taken.moved(SILENCE));
    // A stream is asked for more only when what it gave before is on its way.
    let end = stream::poll_fn(move |_| {
        flow.moved(LAST_SILENCE);
        Poll::Ready(None)
    });
    let stream = chunks.chain(end);
    let file = Part::stream_with_length(Body::wrap_stream(stream), source.size).file_name(source.name);
    let form = if params.is_empty() { Form::new() } else { Form::new().text("params", params) };
    form.part("files", file)
}

fn check(response: &Response) -> Result<(), MediaError> {
    if response.status().is_success() { Ok(()) } else { Err(MediaError::Status(response.status().as_u16())) }
}

fn broken(error: &reqwest::Error, sent: bool) -> MediaError {
    MediaError::Transfer { reason: in_full(error), sent }
}
