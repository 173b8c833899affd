//! The web as scripts reach it: the hosts that the configuration allows, or stubs in scenario tests.
//!
//! Files that travel for a gateway are not here: they are the session's own business.

pub mod stub;

use std::collections::BTreeMap;
use std::error::Error as _;
use std::rc::Rc;
use std::str::FromStr;
use std::time::Duration;

use reqwest::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, SET_COOKIE};
use reqwest::{Client, Method, RequestBuilder, Response, redirect};
use rhai::{Dynamic, Map};
use serde_json::json;
use tokio::sync::OnceCell;
use url::{Host, Url};

use self::stub::{Reaction, Seen, Stubs};
use crate::clock::Clock;
use crate::runtime::engine::thrown::{self, ScriptError};
use crate::runtime::engine::values;
use crate::runtime::limits::Limits;
use crate::session::media_config;

/// How often a server may send a request on to another place.
const REDIRECTS: usize = 5;

/// The headers that the client itself sets: by another host name a script could reach past the list.
pub(crate) const OWN_HEADERS: &[&str] = &["connection", "content-length", "host", "transfer-encoding"];

/// A place that scripts may reach: a host, and where one is given that port of it alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHost {
    host: Host<String>,
    port: Option<u16>,
}

/// A text is no `host` or `host:port`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("found no host, expected one such as \"api.example.com\" or \"api.example.com:8443\"")]
pub struct NoHost;

impl FromStr for AllowedHost {
    type Err = NoHost;

    fn from_str(text: &str) -> Result<Self, NoHost> {
        let (host, port) = match text.rsplit_once(':') {
            // What is left of the last colon of an IPv6 address without its brackets has more of them.
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                (host, Some(port.parse().map_err(|_| NoHost)?))
            }
            Some(_) if !text.starts_with('[') => return Self::from_str(&format!("[{text}]")),
            _ => (text, None),
        };
        Ok(Self { host: Host::parse(host).map_err(|_| NoHost)?, port })
    }
}

impl AllowedHost {
    fn admits(&self, url: &Url) -> bool {
        url.host().is_some_and(|host| host.to_owned() == self.host)
            && self.port.is_none_or(|port| url.port_or_known_default() == Some(port))
    }
}

/// What of the web scripts may reach.
#[derive(Clone, Debug)]
pub enum WebAccess {
    /// These hosts.
    Hosts(Vec<AllowedHost>),
    /// Every url, but what answers are stubs.
    Scripted(Stubs),
}

/// The web as one worker's scripts reach it.
pub(crate) struct Web {
    allowed: Rc<[AllowedHost]>,
    stubs: Option<Stubs>,
    clock: Clock,
    /// A server has this long to answer in full.
    patience: Duration,
    /// The longest body, in bytes.
    longest: usize,
    /// Made at the first call: most bots never leave their gateway.
    client: OnceCell<Client>,
}

impl Web {
    pub(crate) fn new(access: &WebAccess, limits: &Limits, clock: Clock) -> Self {
        let (allowed, stubs) = match access {
            WebAccess::Hosts(allowed) => (allowed.as_slice(), None),
            WebAccess::Scripted(stubs) => (&[][..], Some(stubs.clone())),
        };
        let (patience, longest) = (limits.reply, limits.string);
        Self { allowed: allowed.into(), stubs, clock, patience, longest, client: OnceCell::new() }
    }

    /// The web of engines that only know the names of the functions.
    pub(crate) fn none(limits: &Limits) -> Self {
        Self::new(&WebAccess::Hosts(Vec::new()), limits, Clock::system())
    }

    /// Whether a url may be asked.
    ///
    /// # Errors
    /// When its host is not among those that are allowed.
    pub(crate) fn admit(&self, url: &Url) -> Result<(), WebRefusal> {
        if self.stubs.is_some() || self.allowed.iter().any(|allowed| allowed.admits(url)) {
            return Ok(());
        }
        let host = url.host_str().unwrap_or_default();
        let message = format!("{host} is not among the hosts that the configuration allows: add it to [http] allow");
        Err(WebRefusal::new("NOT_ALLOWED", message))
    }

    async fn client(&self) -> Result<&Client, WebRefusal> {
        self.client.get_or_try_init(|| self.build()).await
    }

    async fn build(&self) -> Result<Client, WebRefusal> {
        let failed = |reason: String| WebRefusal::new("HTTP_FAILED", reason);
        let tls = media_config(None).await.map_err(|error| failed(error.to_string()))?;
        let allowed: Vec<_> = self.allowed.to_vec();
        let policy = redirect::Policy::custom(move |attempt| {
            let next = attempt.url();
            let is_downgrade = next.scheme() == "http"
                && attempt.previous().last().is_some_and(|previous| previous.scheme() == "https");
            let is_allowed = matches!(next.scheme(), "http" | "https") && allowed.iter().any(|host| host.admits(next));
            match attempt.previous().len() {
                // The script gets the answer that would lead elsewhere, and can see where.
                _ if is_downgrade || !is_allowed => attempt.stop(),
                hops if hops > REDIRECTS => attempt.error("it is sent on again and again"),
                _ => attempt.follow(),
            }
        });
        let builder = Client::builder().tls_backend_preconfigured((*tls).clone()).no_proxy().redirect(policy);
        let builder = builder.user_agent(concat!("hotline/", env!("CARGO_PKG_VERSION")));
        builder.build().map_err(|error| failed(in_full(&error)))
    }

    /// Sends a request and reads the whole answer.
    pub(crate) async fn fetch(&self, request: &WebRequest) -> Result<Dynamic, WebRefusal> {
        let exchange = async {
            if let Some(stubs) = &self.stubs {
                return self.ask(stubs, request).await;
            }
            let response = request.on(self.client().await?).send().await;
            let response = response.map_err(|error| request.broken(&error))?;
            self.read(request, response).await
        };
        tokio::select! {
            answer = exchange => answer,
            () = self.clock.sleep(self.patience) => {
                let message = format!("{} had no answer within {:?}", request.host(), self.patience);
                Err(WebRefusal::new("TIMEOUT", message))
            }
        }
    }

    /// Has a stub answer.
    async fn ask(&self, stubs: &Stubs, request: &WebRequest) -> Result<Dynamic, WebRefusal> {
        let (method, url) = (request.method.as_str(), request.url.as_str());
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = request.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        let (method_, url_, body) = (method.to_owned(), url.to_owned(), request.body.clone());
        let delay = stubs.ask(Seen { method: method_, url: url_, headers, body });
        if !delay.is_zero() {
            self.clock.sleep(delay).await;
        }
        match stubs.reaction(method, url) {
            Some(Reaction::Answer { body, .. }) if body.len() > self.longest => Err(self.too_long(request)),
            Some(Reaction::Answer { status, headers, body }) => Ok(answer(i64::from(status), headers, body)),
            Some(Reaction::Refuse) => {
                Err(WebRefusal::new("HTTP_FAILED", format!("{}: cannot connect: the test refuses it", request.host())))
            }
            None => {
                let message = format!("no answer for {method} {url}; web.answers(url, …) gives one");
                Err(WebRefusal::new("HTTP_FAILED", message))
            }
        }
    }

    fn too_long(&self, request: &WebRequest) -> WebRefusal {
        let message = format!("the answer of {} is longer than {} bytes", request.host(), self.longest);
        WebRefusal::new("TOO_LARGE", message)
    }

    async fn read(&self, request: &WebRequest, mut response: Response) -> Result<Dynamic, WebRefusal> {
        let mut headers: BTreeMap<String, String> = BTreeMap::new();
        // What a script sees is recorded, and a cookie is a secret.
        for (name, value) in response.headers().iter().filter(|(name, _)| *name != SET_COOKIE) {
            let value = String::from_utf8_lossy(value.as_bytes());
            let entry = headers.entry(name.as_str().to_owned()).or_default();
            if !entry.is_empty() {
                entry.push_str(", ");
            }
            entry.push_str(&value);
        }
        let too_long = || self.too_long(request);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| request.broken(&error))? {
            if body.len() + chunk.len() > self.longest {
                return Err(too_long());
            }
            body.extend_from_slice(&chunk);
        }
        let body =
            String::from_utf8(body).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        // What is no text grows when its bytes are replaced.
        if body.len() > self.longest {
            return Err(too_long());
        }
        Ok(answer(i64::from(response.status().as_u16()), headers, body))
    }
}

/// The url that a script names.
pub(crate) fn parse(url: &str) -> Result<Url, WebRefusal> {
    let parsed = Url::parse(url).map_err(|error| WebRefusal::malformed(format!("the url is none: {error}")))?;
    if !matches!(parsed.scheme(), "http" | "https") {
        let scheme = parsed.scheme();
        return Err(WebRefusal::malformed(format!("found a url of the scheme {scheme}, expected http or https")));
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        let message = "the url holds a user name or password: send it as a header Authorization instead";
        return Err(WebRefusal::malformed(message));
    }
    Ok(parsed)
}

/// The answer as scripts get it.
pub(crate) fn answer(status: i64, headers: BTreeMap<String, String>, body: String) -> Dynamic {
    let headers: Map = headers.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    let mut map = Map::new();
    map.insert("status".into(), status.into());
    map.insert("headers".into(), headers.into());
    map.insert("body".into(), body.into());
    map.into()
}

/// Why a request has no answer.
#[derive(Debug)]
pub(crate) struct WebRefusal {
    name: &'static str,
    message: String,
}

impl WebRefusal {
    fn new(name: &'static str, message: impl Into<String>) -> Self {
        Self { name, message: message.into() }
    }

    /// What was asked cannot be sent.
    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        Self::new("BAD_ARGUMENT", message)
    }

    /// The error that the script gets from a function.
    pub(crate) fn thrown(&self, function: &str) -> ScriptError {
        thrown::failure(-1, self.name, &self.message, function)
    }
}

/// What is to be sent.
pub(crate) struct WebRequest {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl WebRequest {
    fn on(&self, client: &Client) -> RequestBuilder {
        let request = client.request(self.method.clone(), self.url.clone()).headers(self.headers.clone());
        match self.method {
            // Written out: there are servers that insist on it.
            Method::POST if self.body.is_empty() => request.header(CONTENT_LENGTH, 0),
            Method::POST => request.body(self.body.clone()),
            _ => request,
        }
    }

    /// The host that is asked.
    pub(crate) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    fn broken(&self, error: &reqwest::Error) -> WebRefusal {
        let reason = format!("{}: {}", self.host(), in_full(error));
        // A server that was reached may have done what was asked, whatever happened to its answer.
        let was_reached = !error.is_connect() && !error.is_builder();
        match self.method {
            Method::POST if was_reached => {
                WebRefusal::new("IN_DOUBT", format!("{reason}; it may have been done all the same"))
            }
            _ => WebRefusal::new("HTTP_FAILED", reason),
        }
    }

    /// What the record keeps. The values of headers and of the query are secrets as often as not, and so is a body: what
    /// tells query and body apart from others is enough to know the request again.
    pub(crate) fn detail(&self) -> String {
        let names: Vec<_> = self.headers.keys().map(HeaderName::as_str).collect();
        let query: Vec<_> = self.url.query_pairs().map(|(name, _)| name.into_owned()).collect();
        let mut url = self.url.clone();
        url.set_query(None);
        url.set_fragment(None);
        let mut detail = json!({"url": url.as_str(), "headers": names});
        if !query.is_empty() || !self.body.is_empty() {
            detail["query"] = json!(query);
            let hidden = format!("{}\n{}", self.url.query().unwrap_or_default(), self.body);
            detail["hidden"] = json!(values::digest(&hidden));
        }
        detail.to_string()
    }
}

/// An error with its causes, without the url: its query may hold a secret.
fn in_full(error: &reqwest::Error) -> String {
    let mut text = match error {
        error if error.is_connect() => "cannot connect",
        error if error.is_redirect() => "the way does not end",
        _ => "the connection failed",
    }
    .to_owned();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn web(allowed: &[&str]) -> Web {
        let allowed: Vec<_> = allowed.iter().map(|host| host.parse().expect("a host")).collect();
        Web::new(&WebAccess::Hosts(allowed), &Limits::default(), Clock::manual(0))
    }

    #[test]
    fn only_the_hosts_on_the_list_are_admitted() {
        let web = web(&["api.example.com", "localhost:8080", "::1", "[::2]:80", "bücher.example"]);
        for url in [
            "https://api.example.com/a?b=c",
            "http://API.example.com:8443",
            "http://localhost:8080/x",
            "http://[::1]:99/",
            "http://[::2]/",
            "https://xn--bcher-kva.example/",
        ] {
            assert!(parse(url).and_then(|url| web.admit(&url)).is_ok(), "{url}");
        }
        for (url, expected) in [
            ("https://example.com/", "NOT_ALLOWED"),
            ("https://api.example.com.evil.org/", "NOT_ALLOWED"),
            ("https://evil.org/?api.example.com", "NOT_ALLOWED"),
            ("https://sub.api.example.com/", "NOT_ALLOWED"),
            ("http://localhost/", "NOT_ALLOWED"),
            ("https://[::2]/", "NOT_ALLOWED"),
            ("https://api.example.com@evil.org/", "BAD_ARGUMENT"),
            ("https://u:p@api.example.com/", "BAD_ARGUMENT"),
            ("ftp://api.example.com/", "BAD_ARGUMENT"),
            ("file:///etc/passwd", "BAD_ARGUMENT"),
            ("api.example.com", "BAD_ARGUMENT"),
        ] {
            let refusal = parse(url).and_then(|url| web.admit(&url)).expect_err(url);
            assert_eq!(refusal.name, expected, "{url}");
        }
    }

    #[test]
    fn what_is_no_host_is_no_place() {
        for text in ["", "a b", "host:port", "host:99999", "[::1", "a/b"] {
            assert_eq!(text.parse::<AllowedHost>(), Err(NoHost), "{text}");
        }
    }
}
