//! The bytes that the API gives and takes: what people sent, and the pictures of rich menus.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::io::AsyncReadExt;

use super::call::{ApiAnswer, ApiCall, ApiResult};
use super::desk::Desk;
use super::json;
use crate::sandbox::http;
use crate::sandbox::line::{MenuImage, Refused};
use crate::sandbox::shared::SandboxShared;
use crate::sandbox::world::StoredFile;

/// The largest picture of a rich menu, in bytes.
const MAX_PICTURE: usize = 1024 * 1024;

/// What files of some kinds begin with.
const SIGNATURES: &[(&[u8], usize, &str)] = &[
    (b"\xff\xd8\xff", 0, "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", 0, "image/png"),
    (b"GIF8", 0, "image/gif"),
    (b"ftypM4A", 4, "audio/x-m4a"),
    (b"ftyp", 4, "video/mp4"),
    (b"ID3", 0, "audio/mpeg"),
    (b"%PDF", 0, "application/pdf"),
];

impl Desk<'_> {
    pub(super) fn message_content(&self) -> ApiResult {
        self.file().map(ApiAnswer::File)
    }

    pub(super) fn message_transcoding(&self) -> ApiResult {
        self.file()?;
        ApiAnswer::of(json!({ "status": "succeeded" }))
    }

    pub(super) fn rich_menu_image(&self) -> ApiResult {
        self.hub.line.menus.image(self.call.field("richMenuId")).cloned().map(ApiAnswer::Image)
    }

    /// The file of a message that the account received.
    fn file(&self) -> Result<StoredFile, Refused> {
        let file = self.hub.world.file_of(&self.me, self.call.field("messageId"));
        file.cloned().map_err(|_| Refused::not_found())
    }
}

/// Takes the picture of a rich menu.
pub(super) async fn set_rich_menu_image(shared: &Arc<SandboxShared>, call: &ApiCall) -> ApiResult {
    let id = call.field("richMenuId");
    shared.with(|hub| hub.line.menus.takes_image(id))?;
    let kind = call.content_type.split(';').next().unwrap_or_default().trim();
    if !matches!(kind, "image/jpeg" | "image/png") {
        return Err(Refused::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "The content type must be image/jpeg or image/png",
        ));
    }
    if call.bytes.is_empty() || call.bytes.len() > MAX_PICTURE {
        return Err(Refused::bad_request(format!("The image must have 1 to {MAX_PICTURE} bytes")));
    }
    let failed = |failure: crate::protocol::Failure| Refused::new(StatusCode::INTERNAL_SERVER_ERROR, failure.content);
    let mut arriving = shared.disk.receive("richmenu".to_owned(), shared.limits.file_bytes).await.map_err(failed)?;
    arriving.write(&call.bytes).await.map_err(failed)?;
    let file = arriving.finish(&shared.disk).await.map_err(failed)?;
    shared.with(|hub| hub.line.menus.set_image(id, MenuImage { file, kind: kind.to_owned() }))?;
    ApiAnswer::done()
}

/// Streams a stored file; its kind is read from its first bytes where it is not known.
pub(super) async fn stream(shared: &Arc<SandboxShared>, file: &StoredFile, kind: Option<&str>) -> Response {
    let kind = match kind {
        Some(kind) => kind.to_owned(),
        None => kind_of(shared, file).await.to_owned(),
    };
    let streamed = http::file(shared, &file.key, file.size, &kind).await;
    streamed.unwrap_or_else(|| (StatusCode::NOT_FOUND, json(&Refused::not_found().body())).into_response())
}

async fn kind_of(shared: &Arc<SandboxShared>, file: &StoredFile) -> &'static str {
    const UNKNOWN: &str = "application/octet-stream";
    let mut head = Vec::new();
    let Ok(opened) = shared.disk.open(&file.key).await else { return UNKNOWN };
    if opened.take(16).read_to_end(&mut head).await.is_err() {
        return UNKNOWN;
    }
    let begins = |signature: &[u8], at: usize| head.get(at..).is_some_and(|head| head.starts_with(signature));
    SIGNATURES.iter().find(|(signature, at, _)| begins(signature, *at)).map_or(UNKNOWN, |(_, _, kind)| kind)
}
