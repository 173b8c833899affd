//! LINE's Messaging API over HTTP: both its servers at one base url, the tokens that it takes, and the webhooks that go out.
//!
//! | file | what lives there |
//! |---|---|
//! | `call` | one request, checked against its row |
//! | `desk` | who answers: the official account, on the hub; which operation is whose |
//! | `sending` | messages: replies, pushes, what goes to many |
//! | `people` | profiles, groups, followers |
//! | `account` | the account itself: webhook, quota, counts, what is marked and shown |
//! | `menus` | rich menus |
//! | `coupons` | coupons and memberships |
//! | `files` | content of messages and pictures of menus |
//! | `channel` | the channel's tokens |
//! | `sender` | webhooks on their way out |
//!
//! What a message object may hold, what counts once and what a webhook says stands in `line`.

mod account;
mod call;
mod channel;
mod coupons;
mod desk;
mod files;
mod menus;
mod people;
mod sender;
mod sending;

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;

use self::call::{ApiAnswer, ApiCall, ApiResult};
use self::desk::Desk;
use super::faults::ApiTrouble;
use super::line::{LINE_CHANNEL, Refused};
use super::shared::{SandboxShared, stopped};
use super::{http, reception};

pub(super) use self::sender::send_webhooks;

/// The header with the id of a request.
const REQUEST_ID: &str = "x-line-request-id";

/// The largest body that is read, in bytes.
const MAX_BODY: usize = 10 * 1024 * 1024;

/// Serves until the sandbox stops.
pub(super) async fn listen(shared: Arc<SandboxShared>, listener: TcpListener) {
    let routes = Router::new().fallback(answer).with_state(Arc::clone(&shared));
    let connections =
        reception::accept(&shared, listener, |shared, stream| http::serve(shared, stream, routes.clone())).await;
    reception::last_words(connections).await;
}

/// Answers a request; its id is in a header, as with LINE.
async fn answer(State(shared): State<Arc<SandboxShared>>, request: Request<Body>) -> Response {
    let request_id = shared.with(|hub| hub.line.draws.uuid());
    let (head, body) = request.into_parts();
    let answered = match to_bytes(body, MAX_BODY).await {
        Err(_) => Err(Refused::new(StatusCode::PAYLOAD_TOO_LARGE, "Request entity too large")),
        Ok(bytes) if channel::is_about_tokens(head.uri.path()) => {
            let mut response = channel::respond(&shared, &head.method, &head.uri, &bytes);
            insert(response.headers_mut(), REQUEST_ID, &request_id);
            return response;
        }
        Ok(bytes) => match admitted(&shared, &head.headers) {
            Ok(()) => match ApiCall::read(request_id.clone(), &head.method, &head.uri, &head.headers, bytes) {
                Ok(call) => carry_out(&shared, &call).await,
                Err(refused) => Err(refused),
            },
            Err(refused) => Err(refused),
        },
    };
    let mut response = match answered {
        Ok(ApiAnswer::Json(status, answer)) => (status, json(&answer)).into_response(),
        Ok(ApiAnswer::File(file)) => files::stream(&shared, &file, None).await,
        Ok(ApiAnswer::Image(image)) => files::stream(&shared, &image.file, Some(&image.kind)).await,
        Err(refused) => {
            let mut response = (refused.status, json(&refused.body())).into_response();
            if let Some((accepted, _)) = &refused.accepted {
                insert(response.headers_mut(), "x-line-accepted-request-id", accepted);
            }
            response
        }
    };
    insert(response.headers_mut(), REQUEST_ID, &request_id);
    response
}

/// Checks the channel's token.
fn admitted(shared: &Arc<SandboxShared>, headers: &HeaderMap) -> Result<(), Refused> {
    let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = header.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default().trim();
    let now = shared.clock.now();
    let is_valid = token == LINE_CHANNEL || shared.with(|hub| hub.line.channel_tokens.end_of(token, now).is_some());
    if is_valid {
        return Ok(());
    }
    let message = "Authentication failed. Confirm that the access token in the authorization header is valid.";
    Err(Refused::new(StatusCode::UNAUTHORIZED, message))
}

/// Carries a request out, unless a fault has other plans for it.
async fn carry_out(shared: &Arc<SandboxShared>, call: &ApiCall) -> ApiResult {
    let trouble = shared.with(|hub| hub.faults.request_trouble(call.operation.command.name));
    match trouble {
        None => operate(shared, call).await,
        Some(ApiTrouble::Refuse(status)) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let message = match status {
                StatusCode::TOO_MANY_REQUESTS => "The API rate limit has been exceeded. Try again later.",
                _ => status.canonical_reason().unwrap_or("the sandbox was told to answer so"),
            };
            Err(Refused::new(status, message))
        }
        Some(trouble) => {
            if trouble == ApiTrouble::Lose {
                // Whatever comes of it, nobody is told.
                let _ = operate(shared, call).await;
            }
            let _unanswered = shared.unanswered.begin();
            let mut stopping = shared.stopping.subscribe();
            stopped(&mut stopping).await;
            Err(Refused::new(StatusCode::SERVICE_UNAVAILABLE, "the sandbox stops"))
        }
    }
}

async fn operate(shared: &Arc<SandboxShared>, call: &ApiCall) -> ApiResult {
    match call.operation.command.name {
        "setRichMenuImage" => files::set_rich_menu_image(shared, call).await,
        "testWebhookEndpoint" => sender::test_webhook(shared, call).await,
        _ => shared.with(|hub| Desk::open(hub, call)?.operate()),
    }
}

fn json(value: &serde_json::Value) -> impl IntoResponse + use<> {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string())
}

fn insert(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
