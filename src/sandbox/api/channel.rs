//! The channel's tokens, as LINE's other API issues them. It has errors of its own shape.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::json;
use crate::clock::Timestamp;
use crate::sandbox::line::{LINE_CHANNEL, STATELESS_LIFE};
use crate::sandbox::shared::SandboxShared;

/// How long the older kind of token lives, in milliseconds.
const SHORT_LIVED: Timestamp = 30 * 24 * 60 * 60 * 1_000;

/// Whether a path is one of these.
pub(super) fn is_about_tokens(path: &str) -> bool {
    path.starts_with("/oauth2/") || path.starts_with("/v2/oauth/")
}

/// Answers a request for a token, or about one.
pub(super) fn respond(shared: &Arc<SandboxShared>, method: &Method, uri: &Uri, body: &[u8]) -> Response {
    let pairs = |text: &[u8]| url::form_urlencoded::parse(text).into_owned().collect::<BTreeMap<_, _>>();
    let (form, query) = (pairs(body), pairs(uri.query().unwrap_or_default().as_bytes()));
    let answered = match (method.as_str(), uri.path()) {
        ("POST", "/oauth2/v3/token") => issue(shared, &form, STATELESS_LIFE),
        ("POST", "/v2/oauth/accessToken") => issue(shared, &form, SHORT_LIVED),
        ("POST", "/v2/oauth/verify") => verify(shared, form.get("access_token")),
        ("GET", "/oauth2/v2.1/verify") => verify(shared, query.get("access_token")),
        ("POST", "/v2/oauth/revoke" | "/oauth2/v2.1/revoke") => revoke(shared, form.get("access_token")),
        ("POST", "/oauth2/v2.1/token") | ("GET", "/oauth2/v2.1/tokens/kid") => Err(no_assertions()),
        _ => Err((StatusCode::NOT_FOUND, "not_found", "there is no such path".to_owned())),
    };
    match answered {
        Ok(answer) => json(&answer).into_response(),
        Err((status, error, description)) => {
            (status, json(&json!({ "error": error, "error_description": description }))).into_response()
        }
    }
}

/// A refusal: its status, its name, and why.
type Denied = (StatusCode, &'static str, String);

fn issue(shared: &Arc<SandboxShared>, form: &BTreeMap<String, String>, life: Timestamp) -> Result<Value, Denied> {
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    if field("grant_type") != "client_credentials" {
        return Err(denied("unsupported_grant_type", "\"grant_type\" takes \"client_credentials\""));
    }
    if !field("client_assertion").is_empty() {
        return Err(no_assertions());
    }
    if (field("client_id"), field("client_secret")) != (LINE_CHANNEL, LINE_CHANNEL) {
        let message = format!("\"client_id\" and \"client_secret\" are \"{LINE_CHANNEL}\" here");
        return Err(denied("invalid_client", message));
    }
    let now = shared.clock.now();
    let token = shared.with(|hub| {
        let token = hub.line.draws.token();
        hub.line.channel_tokens.issue(token.clone(), now.saturating_add(life), now);
        token
    });
    Ok(json!({ "token_type": "Bearer", "access_token": token, "expires_in": life / 1_000 }))
}

fn verify(shared: &Arc<SandboxShared>, token: Option<&String>) -> Result<Value, Denied> {
    let now = shared.clock.now();
    let token = token.map(String::as_str).unwrap_or_default();
    let end = match token {
        LINE_CHANNEL => Some(now.saturating_add(SHORT_LIVED)),
        token => shared.with(|hub| hub.line.channel_tokens.end_of(token, now)),
    };
    let end = end.ok_or_else(|| denied("invalid_request", "the access token is invalid or has expired"))?;
    Ok(json!({ "client_id": LINE_CHANNEL, "expires_in": (end - now) / 1_000, "scope": "profile chat_message.write" }))
}

fn revoke(shared: &Arc<SandboxShared>, token: Option<&String>) -> Result<Value, Denied> {
    let token = token.ok_or_else(|| denied("invalid_request", "\"access_token\" is missing"))?;
    shared.with(|hub| hub.line.channel_tokens.revoke(token));
    Ok(json!({}))
}

fn no_assertions() -> Denied {
    let message = "the sandbox knows no keys that could have signed an assertion; ask with client_id and client_secret";
    denied("invalid_client", message)
}

fn denied(error: &'static str, description: impl Into<String>) -> Denied {
    (StatusCode::BAD_REQUEST, error, description.into())
}
