//! One operation as an http request: the token that authorises it, what its answer means, and what may be tried again.

use std::fmt;
use std::sync::{Mutex as StdMutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Client, Method as HttpMethod, RequestBuilder, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::Mutex;
use url::Url;

use crate::clock::Clock;
use crate::protocol::line::{AnswerKind, ApiOperation, HttpRequest, Method, RETRY_KEY_HEADER, Server, request};
use crate::protocol::{Content, Failure, FailureCode, Safety};
use crate::session::calls::CallError;
use crate::session::config::{ChannelToken, ConnectVia, Credentials, ProxyKind, SessionConfig};
use crate::session::loopback::is_loopback;
use crate::session::outbound::Outbound;
use crate::session::secret::Secret;
use crate::session::transport::{TlsError, in_full, media_config};

/// Who asks.
const USER_AGENT: &str = concat!("hotline/", env!("CARGO_PKG_VERSION"));
/// One attempt takes no longer.
const ATTEMPT: Duration = Duration::from_secs(10);
/// What failed is tried again after this, then after twice as long, and so on up to the second.
const AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(8));
/// A token is renewed this long before it ends.
const EARLY: Duration = Duration::from_secs(60);
/// Where a token is issued.
const TOKEN_PATH: &str = "/oauth2/v3/token";
/// How LINE words that a month's messages are used up.
const USED_UP: &str = "monthly limit";
/// How LINE words that a reply token cannot be used, or not any more.
const NO_TOKEN: &str = "Invalid reply token";

/// Why nothing can be asked of LINE.
#[derive(Debug, thiserror::Error)]
pub(in crate::session) enum ApiError {
    #[error("{0}")]
    Setup(String),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("{0}")]
    Unreachable(String),
}

/// What asks LINE's servers on behalf of one channel.
pub(in crate::session) struct LineApi {
    client: Client,
    /// Where both servers are, where that is elsewhere.
    base: Option<Url>,
    token: Token,
    /// How long one call may take with all its attempts.
    patience: Duration,
    /// What went wrong last on the way there.
    trouble: StdMutex<String>,
    /// What deadlines and pauses are counted by.
    clock: Clock,
    outbound: Outbound,
}

/// Its token is a secret.
impl fmt::Debug for LineApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineApi").field("base", &self.base.as_ref().map(Url::as_str)).finish_non_exhaustive()
    }
}

enum Token {
    Given(Secret),
    Issued { channel_id: String, secret: Secret, current: Mutex<Option<IssuedToken>> },
}

/// A token that LINE has issued for a while.
struct IssuedToken {
    token: Secret,
    /// As the clock's elapsed time.
    until: Duration,
}

/// The headers that have the id of a request: of the one that was taken before under the same key, and its own.
const REQUEST_ID: [&str; 2] = ["x-line-accepted-request-id", "x-line-request-id"];

/// What LINE answered.
struct Answered {
    status: StatusCode,
    body: String,
    request_id: Option<String>,
}

/// What came of one attempt.
enum Attempt {
    Answered(Answered),
    /// It was not sent.
    Unsent(String),
    /// It may have been sent.
    Lost(String),
}

impl LineApi {
    /// What asks on behalf of a session's channel.
    pub(in crate::session) async fn new(config: &SessionConfig, clock: Clock) -> Result<Self, ApiError> {
        let _under_way = config.outbound.begin();
        let Credentials::Channel { secret, token, .. } = &config.login else {
            return Err(ApiError::Setup("a session on LINE signs in with a channel".to_owned()));
        };
        let tls = media_config(config.root.clone()).await?;
        // LINE sends nobody elsewhere, and a message that followed such a hint would be none any more.
        let mut builder = Client::builder()
            .tls_backend_preconfigured((*tls).clone())
            .no_proxy()
            // A file that is packed is meant so.
            .no_gzip()
            .no_deflate()
            .no_brotli()
            .user_agent(USER_AGENT)
            .redirect(reqwest::redirect::Policy::none());
        if let Some(via) = &config.connect_via {
            builder = builder.proxy(proxy(via)?);
        }
        let client = builder.build().map_err(|error| ApiError::Setup(in_full(&error)))?;
        let base = Url::parse(&config.gateway).map_err(|error| ApiError::Setup(error.to_string()))?;
        let token = match token {
            ChannelToken::Given(token) => Token::Given(token.clone()),
            ChannelToken::Issued { channel_id } => {
                Token::Issued { channel_id: channel_id.clone(), secret: secret.clone(), current: Mutex::default() }
            }
        };
        let is_theirs = Url::parse(Server::Api.url()).is_ok_and(|theirs| theirs == base);
        Ok(Self {
            client,
            base: (!is_theirs).then_some(base),
            token,
            patience: config.reply,
            trouble: StdMutex::default(),
            clock,
            outbound: config.outbound.clone(),
        })
    }

    /// Carries an operation out.
    ///
    /// What may be sent twice is tried again for as long as a call may take.
    ///
    /// # Errors
    /// With LINE's refusal; that the call was not sent, or may have been.
    pub(in crate::session) async fn call(
        &self,
        operation: &'static ApiOperation,
        fields: &Map<String, Value>,
    ) -> Result<Content, CallError> {
        self.call_within(self.patience, operation, fields).await
    }

    /// Carries an operation out that is asked for on the way to a connection: whoever makes that tries again.
    ///
    /// # Errors
    /// With LINE's refusal; and where it cannot be reached.
    pub(super) async fn ask(&self, operation: &'static ApiOperation) -> Result<Result<Content, Failure>, ApiError> {
        match self.call_within(Duration::ZERO, operation, &Map::new()).await {
            Ok(content) => Ok(Ok(content)),
            // A server that fails says nothing about the account.
            Err(CallError::Refused(failure)) if !(500..600).contains(&failure.code) => Ok(Err(failure)),
            Err(CallError::Disconnected { .. }) => {
                let place = self.base.as_ref().map_or(Server::Api.url(), Url::as_str);
                let help = if is_loopback(place) { "; `hotline sandbox` plays LINE on this machine" } else { "" };
                Err(ApiError::Unreachable(format!("LINE cannot be reached at {place}: {}{help}", self.trouble())))
            }
            Err(error) => Err(ApiError::Unreachable(error.to_string())),
        }
    }

    fn trouble(&self) -> MutexGuard<'_, String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn call_within(
        &self,
        patience: Duration,
        operation: &'static ApiOperation,
        fields: &Map<String, Value>,
    ) -> Result<Content, CallError> {
        let malformed = |error: &dyn std::fmt::Display| CallError::Refused(Failure::new(FailureCode::Malformed, error));
        let wire = request(operation, fields).map_err(|error| malformed(&error))?;
        let is_keyed = wire.headers.iter().any(|(name, _)| *name == RETRY_KEY_HEADER);
        let is_repeatable = operation.command.safety != Safety::Effect || is_keyed;
        let until = self.clock.elapsed().saturating_add(patience);
        let (mut pause, mut is_renewed) = (AGAIN.0, false);
        loop {
            let failed = match self.attempt(&wire).await? {
                Attempt::Answered(Answered { status: StatusCode::UNAUTHORIZED, .. })
                    if self.can_renew() && !is_renewed =>
                {
                    is_renewed = true;
                    self.renew().await?;
                    continue;
                }
                Attempt::Answered(Answered { status, body, .. }) if status.is_server_error() && is_repeatable => {
                    CallError::Refused(refusal(status, &body))
                }
                // Whether it happened all the same, it does not say.
                Attempt::Answered(Answered { status, .. }) if status.is_server_error() => {
                    return Err(CallError::Disconnected { sent: true });
                }
                Attempt::Answered(answered) => return answer(operation, answered, is_keyed),
                Attempt::Unsent(reason) => {
                    tracing::debug!("{} was not sent: {reason}", operation.command.name);
                    *self.trouble() = reason;
                    CallError::Disconnected { sent: false }
                }
                Attempt::Lost(reason) => {
                    tracing::debug!("whether {} arrived is not known: {reason}", operation.command.name);
                    *self.trouble() = reason;
                    let lost = CallError::Disconnected { sent: true };
                    if !is_repeatable {
                        return Err(lost);
                    }
                    lost
                }
            };
            if self.clock.elapsed() + pause >= until {
                return Err(failed);
            }
            self.clock.sleep(pause).await;
            pause = (pause * 2).min(AGAIN.1);
        }
    }

    /// What deadlines and pauses are counted by.
    pub(in crate::session) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Counts by this clock from now on.
    pub(in crate::session) fn set_clock(&mut self, clock: Clock) {
        self.clock = clock;
    }

    /// A request for the bytes that an operation answers with, ready to be sent.
    pub(in crate::session) async fn prepared(
        &self,
        operation: &'static ApiOperation,
        fields: &Map<String, Value>,
    ) -> Result<RequestBuilder, CallError> {
        let malformed = |error: &dyn std::fmt::Display| CallError::Refused(Failure::new(FailureCode::Malformed, error));
        let wire = request(operation, fields).map_err(|error| malformed(&error))?;
        let token = self.token().await?;
        Ok(self.written(&wire).bearer_auth(token.expose()))
    }

    async fn attempt(&self, wire: &HttpRequest) -> Result<Attempt, CallError> {
        let token = self.token().await?;
        let mut request = self.written(wire).bearer_auth(token.expose());
        if wire.body.is_none() && wire.method != Method::Get {
            // Some servers refuse what could have a body and does not say that it has none.
            request = request.header(CONTENT_LENGTH, 0);
        }
        Ok(self.sent(request).await)
    }

    /// Sends a request and reads its answer, within the time of one attempt.
    async fn sent(&self, request: RequestBuilder) -> Attempt {
        let _under_way = self.outbound.begin();
        tokio::select! {
            attempt = answered(request) => attempt,
            () = self.clock.sleep(ATTEMPT) => Attempt::Lost(format!("no answer within {} s", ATTEMPT.as_secs())),
        }
    }

    fn written(&self, wire: &HttpRequest) -> RequestBuilder {
        let method = match wire.method {
            Method::Get => HttpMethod::GET,
            Method::Post => HttpMethod::POST,
            Method::Put => HttpMethod::PUT,
            Method::Delete => HttpMethod::DELETE,
        };
        let mut request = self.client.request(method, self.at(wire.server, &wire.target));
        for (name, value) in &wire.headers {
            request = request.header(*name, value);
        }
        match &wire.body {
            Some(body) => request.header(CONTENT_TYPE, "application/json").body(body.clone()),
            None => request,
        }
    }

    fn at(&self, server: Server, target: &str) -> String {
        let base = self.base.as_ref().map_or(server.url(), Url::as_str);
        format!("{}{target}", base.trim_end_matches('/'))
    }

    fn can_renew(&self) -> bool {
        matches!(self.token, Token::Issued { .. })
    }

    /// The token that is valid now.
    async fn token(&self) -> Result<Secret, CallError> {
        match &self.token {
            Token::Given(token) => Ok(token.clone()),
            Token::Issued { current, .. } => {
                let known = current
                    .lock()
                    .await
                    .as_ref()
                    .filter(|issued| self.clock.elapsed() < issued.until)
                    .map(|issued| issued.token.clone());
                match known {
                    Some(token) => Ok(token),
                    None => self.renew().await,
                }
            }
        }
    }

    /// Has a token issued that is valid for a quarter of an hour.
    async fn renew(&self) -> Result<Secret, CallError> {
        #[derive(Deserialize)]
        struct Issued {
            access_token: String,
            expires_in: u64,
        }
        let Token::Issued { channel_id, secret, current } = &self.token else {
            return Err(CallError::Disconnected { sent: false });
        };
        let mut current = current.lock().await;
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_id", channel_id)
            .append_pair("client_secret", secret.expose())
            .finish();
        let request = self.client.post(self.at(Server::Api, TOKEN_PATH));
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form);
        match self.sent(request).await {
            Attempt::Answered(Answered { status, body, .. }) if status.is_success() => {
                let issued: Issued = serde_json::from_str(&body).map_err(|error| {
                    let message = format!("LINE issued no token that can be read: {error}");
                    CallError::Refused(Failure::new(FailureCode::Malformed, message))
                })?;
                let token = Secret::new(issued.access_token);
                let until = self.clock.elapsed() + Duration::from_secs(issued.expires_in).saturating_sub(EARLY);
                *current = Some(IssuedToken { token: token.clone(), until });
                Ok(token)
            }
            Attempt::Answered(Answered { status, body, .. })
                if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS =>
            {
                let message = format!("LINE issues no token for channel {channel_id}: {}", words(&body));
                Err(CallError::Refused(Failure::new(FailureCode::AuthenticationFailed, message)))
            }
            Attempt::Answered(Answered { status, .. }) => {
                *self.trouble() = format!("no token is issued, the answer has status {status}");
                Err(CallError::Disconnected { sent: false })
            }
            Attempt::Unsent(reason) | Attempt::Lost(reason) => {
                *self.trouble() = reason;
                Err(CallError::Disconnected { sent: false })
            }
        }
    }
}

/// What a request is answered.
async fn answered(request: RequestBuilder) -> Attempt {
    let lost = |error: &reqwest::Error| match error.is_connect() || error.is_builder() {
        true => Attempt::Unsent(in_full(error)),
        false => Attempt::Lost(in_full(error)),
    };
    match request.send().await {
        Ok(response) => {
            let status = response.status();
            let header = |name: &&str| Some(response.headers().get(*name)?.to_str().ok()?.to_owned());
            let request_id = REQUEST_ID.iter().find_map(header);
            match response.text().await {
                Ok(body) => Attempt::Answered(Answered { status, body, request_id }),
                Err(error) => lost(&error),
            }
        }
        Err(error) => lost(&error),
    }
}

/// What an answer means to whoever called.
fn answer(operation: &ApiOperation, answered: Answered, is_keyed: bool) -> Result<Content, CallError> {
    let Answered { status, body, request_id } = answered;
    // A key that was used already: what it belongs to has been sent.
    let is_done = status.is_success() || (is_keyed && status == StatusCode::CONFLICT);
    if !is_done {
        return Err(CallError::Refused(refusal(status, &body)));
    }
    Ok(match operation.answer {
        AnswerKind::RequestId => Content::new(json!({ "requestId": request_id }).to_string()),
        _ if body.trim().is_empty() => Content::new("{}"),
        _ => Content::new(body),
    })
}

/// LINE's refusal, under the name that scripts know it by on every network where there is one.
fn refusal(status: StatusCode, body: &str) -> Failure {
    let message = words(body);
    let named = |name: &str| Failure { code: i64::from(status.as_u16()), content: format!("{name}: {message}") };
    match status {
        StatusCode::BAD_REQUEST if message.contains(NO_TOKEN) => named("INVALID_REPLY_TOKEN"),
        StatusCode::BAD_REQUEST => Failure::new(FailureCode::Malformed, message),
        StatusCode::UNAUTHORIZED => Failure::new(FailureCode::NotAuthenticated, message),
        StatusCode::FORBIDDEN => named("FORBIDDEN"),
        StatusCode::NOT_FOUND => Failure::new(FailureCode::NotFound, message),
        StatusCode::GONE => named("GONE"),
        StatusCode::PAYLOAD_TOO_LARGE => Failure::new(FailureCode::ExceedFileMaxSize, message),
        StatusCode::TOO_MANY_REQUESTS if message.contains(USED_UP) => named("QUOTA_EXCEEDED"),
        StatusCode::TOO_MANY_REQUESTS => Failure::new(FailureCode::ExcessiveAccess, message),
        status if status.is_server_error() => named("UNAVAILABLE"),
        _ => named("FAILED"),
    }
}

/// LINE's words about what is wrong, with its details.
fn words(body: &str) -> String {
    let value: Value = serde_json::from_str(body).unwrap_or_default();
    let text = |value: &Value, name: &str| value[name].as_str().map(str::to_owned);
    let message = ["message", "error_description", "error"].into_iter().find_map(|name| text(&value, name));
    let Some(message) = message else { return body.chars().take(200).collect() };
    let detail = |detail: &Value| Some(format!("{}: {}", text(detail, "property")?, text(detail, "message")?));
    let details: Vec<_> = value["details"].as_array().into_iter().flatten().filter_map(detail).collect();
    if details.is_empty() { message } else { format!("{message} ({})", details.join("; ")) }
}

fn proxy(via: &ConnectVia) -> Result<reqwest::Proxy, ApiError> {
    let host = if via.host.contains(':') { format!("[{}]", via.host) } else { via.host.clone() };
    let scheme = match via.kind {
        // The name is resolved by the proxy: it may be known only there.
        ProxyKind::Socks5 => "socks5h",
        ProxyKind::Http => "http",
    };
    let proxy = reqwest::Proxy::all(format!("{scheme}://{host}:{}", via.port));
    let proxy = proxy.map_err(|error| ApiError::Setup(in_full(&error)))?;
    Ok(match &via.username {
        Some(username) => proxy.basic_auth(username, via.password.as_ref().map_or("", Secret::expose)),
        None => proxy,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_have_the_names_that_scripts_know() {
        let name =
            |status: u16, body: &str| refusal(StatusCode::from_u16(status).expect("a status"), body).name().to_owned();
        assert_eq!(name(404, r#"{"message":"Not found"}"#), "NOT_FOUND");
        assert_eq!(name(400, r#"{"message":"Invalid reply token"}"#), "INVALID_REPLY_TOKEN");
        assert_eq!(name(400, r#"{"message":"The request body has 1 error(s)"}"#), "MALFORMED");
        assert_eq!(name(429, r#"{"message":"You have reached your monthly limit."}"#), "QUOTA_EXCEEDED");
        assert_eq!(
            name(429, r#"{"message":"The API rate limit has been exceeded. Try again later."}"#),
            "EXCESSIVE_ACCESS"
        );
        assert_eq!(name(418, "<html>"), "FAILED");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let body =
            r#"{"message":"1 error(s)","details":[{"message":"May not be empty","property":"messages[0].text"}]}"#;
        assert_eq!(words(body), "1 error(s) (messages[0].text: May not be empty)");
        assert_eq!(words("<html>"), "<html>");
    }

    #[test]
    fn a_key_that_was_used_already_counts_as_sent() {
        let of = |name: &str, status, body: &str, is_keyed| {
            let row = ApiOperation::named(name).expect("it is in the table");
            answer(row, Answered { status, body: body.to_owned(), request_id: Some("r1".to_owned()) }, is_keyed)
        };
        assert!(of("pushMessage", StatusCode::CONFLICT, "{}", true).is_ok());
        assert!(of("pushMessage", StatusCode::CONFLICT, "{}", false).is_err());
        assert_eq!(of("pushMessage", StatusCode::OK, "", false), Ok(Content::new("{}")));
        assert_eq!(of("narrowcast", StatusCode::ACCEPTED, "{}", false), Ok(Content::new(r#"{"requestId":"r1"}"#)));
    }
}
