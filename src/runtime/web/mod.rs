//! The web as scripts reach it: the hosts that the configuration allows, or stubs in scenario tests.
//!
//! Files that travel for a gateway are not here: they are the session's own business.

mod answer;
mod refusal;
mod request;
pub mod stub;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use reqwest::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, LOCATION, SET_COOKIE};
use reqwest::{Client, Method, Response, redirect};
use rhai::Dynamic;
use tokio::sync::OnceCell;

pub(crate) use self::answer::answer;
pub(crate) use self::refusal::WebRefusal;
use self::refusal::in_full;
pub(crate) use self::request::{Veiled, WebContents, WebRequest, parse};
use self::stub::{Reaction, Seen, Stubs};
use crate::clock::Clock;
pub use crate::language::web::{AllowedHost, NoHost};
use crate::runtime::limits::Limits;
use crate::session::media_config;

/// How often a server may send a request on to another place.
const REDIRECTS: usize = 10;

/// The headers that the client itself sets: by another host name a script could reach past the list.
pub(crate) const OWN_HEADERS: &[&str] = &["connection", "content-length", "host", "transfer-encoding"];

/// What of the web scripts may reach.
#[derive(Clone, Debug)]
pub enum WebAccess {
    /// These hosts.
    Hosts(Vec<AllowedHost>),
    /// What answers are stubs, at these hosts or at every one.
    Scripted(Stubs, Option<Vec<AllowedHost>>),
}

/// The web as one worker's scripts reach it.
pub(crate) struct Web {
    /// None is every host.
    allowed: Option<Rc<[AllowedHost]>>,
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
            WebAccess::Hosts(allowed) => (Some(allowed), None),
            WebAccess::Scripted(stubs, allowed) => (allowed.as_ref(), Some(stubs.clone())),
        };
        let allowed = allowed.map(|allowed| allowed.as_slice().into());
        let (patience, longest) = (limits.reply, limits.string);
        Self { allowed, stubs, clock, patience, longest, client: OnceCell::new() }
    }

    /// The web of engines that only know the names of the functions.
    pub(crate) fn none(limits: &Limits) -> Self {
        Self::new(&WebAccess::Hosts(Vec::new()), limits, Clock::system())
    }

    /// Whether a request may be made.
    ///
    /// # Errors
    /// When its host is not among those that are allowed.
    pub(crate) fn admit(&self, request: &WebRequest) -> Result<(), WebRefusal> {
        let url = &request.contents.url;
        if self.allowed.as_ref().is_none_or(|allowed| allowed.iter().any(|allowed| allowed.admits(url))) {
            return Ok(());
        }
        let host = request.host();
        let message = format!("{host} is not among the hosts that the configuration allows: add it to [http] allow");
        Err(WebRefusal::new("NOT_ALLOWED", message))
    }

    async fn client(&self) -> Result<&Client, WebRefusal> {
        self.client.get_or_try_init(|| self.build()).await
    }

    async fn build(&self) -> Result<Client, WebRefusal> {
        let tls = media_config(None).await.map_err(|error| WebRefusal::failed(error.to_string()))?;
        let builder = Client::builder().tls_backend_preconfigured((*tls).clone()).no_proxy();
        // Where it may go is decided here.
        let builder = builder.redirect(redirect::Policy::none());
        // What servers call so is packed in two ways, and the client knows one: it is unpacked here.
        let builder = builder.no_deflate();
        let builder = builder.user_agent(concat!("hotline/", env!("CARGO_PKG_VERSION")));
        builder.build().map_err(|error| WebRefusal::failed(in_full(&error)))
    }

    /// Sends a request and reads the whole answer.
    pub(crate) async fn fetch(&self, request: &WebRequest) -> Result<Dynamic, WebRefusal> {
        let patience = request.patience.unwrap_or(self.patience);
        tokio::select! {
            answer = self.follow(request) => answer,
            () = self.clock.sleep(patience) => {
                let may_be_done = if request.only_looks() { "" } else { "; it may have been done all the same" };
                let message = format!("{} had no answer within {patience:?}{may_be_done}", request.host());
                Err(WebRefusal::new("TIMEOUT", message))
            }
        }
    }

    /// Asks wherever the answers send a request on to, as long as that is allowed: the script gets an answer that would lead
    /// elsewhere, and can see where.
    async fn follow(&self, request: &WebRequest) -> Result<Dynamic, WebRefusal> {
        let mut asked = Cow::Borrowed(request);
        for hop in 0..=REDIRECTS {
            let reply = self.ask(&asked).await.map_err(|refusal| match hop {
                0 => refusal,
                // The first place was reached, whatever became of the last.
                _ => request.doubtful(refusal.message),
            })?;
            let next = reply.location().and_then(|location| asked.sent_on(reply.status(), &location));
            match next.filter(|next| self.admit(next).is_ok()) {
                Some(next) => asked = Cow::Owned(next),
                None => return self.read(request, reply).await,
            }
        }
        Err(request.doubtful(format!("{}: it is sent on more than {REDIRECTS} times", request.host())))
    }

    /// Sends a request to one place.
    async fn ask(&self, request: &WebRequest) -> Result<Reply, WebRefusal> {
        if let Some(stubs) = &self.stubs {
            return self.ask_stub(stubs, request).await;
        }
        let sent = request.on(self.client().await?).send().await;
        sent.map(Reply::Page).map_err(|error| request.lost(&error))
    }

    /// Has a stub answer.
    async fn ask_stub(&self, stubs: &Stubs, request: &WebRequest) -> Result<Reply, WebRefusal> {
        let (method, url) = (request.method.as_str(), request.contents.url.as_str());
        // A test sees what everybody sees, and what it prints has no secret.
        let WebContents { headers, body, .. } = request.shown();
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        let (method_, url_, body) = (method.to_owned(), request.shown_url(), body.clone());
        let delay = stubs.ask(Seen { method: method_, url: url_, headers, body });
        if !delay.is_zero() {
            self.clock.sleep(delay).await;
        }
        match stubs.reaction(method, url) {
            Some(Reaction::Answer { status, headers, body }) => {
                let body = if request.method == Method::HEAD { String::new() } else { body };
                Ok(Reply::Stub { status, headers, body })
            }
            Some(Reaction::Refuse) => {
                Err(WebRefusal::failed(format!("{}: cannot connect: the test refuses it", request.host())))
            }
            None => Err(WebRefusal::failed(format!(
                "no answer for {method} {}; web.answers(url, …) gives one",
                request.shown_url()
            ))),
        }
    }

    /// Reads an answer to its end.
    async fn read(&self, request: &WebRequest, reply: Reply) -> Result<Dynamic, WebRefusal> {
        let status = i64::from(reply.status());
        let (headers, body) = match reply {
            Reply::Stub { headers, body, .. } => (headers, body),
            Reply::Page(mut response) => {
                let mut body = Vec::new();
                // They come unpacked, and count as such.
                while let Some(chunk) = response.chunk().await.map_err(|error| request.lost(&error))? {
                    if body.len() + chunk.len() > self.longest {
                        return Err(self.too_long(request));
                    }
                    body.extend_from_slice(&chunk);
                }
                let mut headers = headers(&response);
                let packed = headers.get(CONTENT_ENCODING.as_str()).filter(|_| !body.is_empty());
                if packed.is_some_and(|packed| packed.eq_ignore_ascii_case("deflate")) {
                    body = answer::inflated(&body, self.longest).ok_or_else(|| {
                        request.doubtful(format!("{}: the answer cannot be unpacked", request.host()))
                    })?;
                    // As with what the client unpacks.
                    headers.retain(|name, _| *name != CONTENT_ENCODING.as_str() && *name != CONTENT_LENGTH.as_str());
                }
                let kind = headers.get(CONTENT_TYPE.as_str()).map(String::as_str);
                let body = answer::text(&body, kind, request.charset).map_err(|reason| {
                    let message = format!("the answer of {}, of status {status}: {reason}", request.host());
                    WebRefusal::new("UNKNOWN_CHARSET", format!("{message}; http takes one as charset"))
                })?;
                (headers, body)
            }
        };
        // A text of another charset grows, as does what is no text when its bytes are replaced.
        if body.len() > self.longest {
            return Err(self.too_long(request));
        }
        Ok(answer(status, headers, body))
    }

    fn too_long(&self, request: &WebRequest) -> WebRefusal {
        let message = format!("the answer of {} is longer than {} bytes", request.host(), self.longest);
        WebRefusal::new("TOO_LARGE", message)
    }
}

/// An answer whose body is still to be read.
enum Reply {
    Page(Response),
    Stub { status: u16, headers: BTreeMap<String, String>, body: String },
}

impl Reply {
    fn status(&self) -> u16 {
        match self {
            Self::Page(response) => response.status().as_u16(),
            Self::Stub { status, .. } => *status,
        }
    }

    /// Where it says that something else is.
    fn location(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Page(response) => {
                response.headers().get(LOCATION).map(|place| String::from_utf8_lossy(place.as_bytes()))
            }
            Self::Stub { headers, .. } => headers.get(LOCATION.as_str()).map(Into::into),
        }
    }
}

/// The headers of an answer as scripts see them. What a script sees is recorded, and a cookie is a secret.
fn headers(response: &Response) -> BTreeMap<String, String> {
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in response.headers().iter().filter(|(name, _)| *name != SET_COOKIE) {
        let value = String::from_utf8_lossy(value.as_bytes());
        let entry = headers.entry(name.as_str().to_owned()).or_default();
        if !entry.is_empty() {
            entry.push_str(", ");
        }
        entry.push_str(&value);
    }
    headers
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;

    fn web(allowed: &[&str]) -> Web {
        let allowed: Vec<_> = allowed.iter().map(|host| host.parse().expect("a host")).collect();
        Web::new(&WebAccess::Hosts(allowed), &Limits::default(), Clock::manual(0))
    }

    fn request(url: &str) -> Result<WebRequest, WebRefusal> {
        let contents = WebContents { url: parse(url)?, headers: HeaderMap::new(), body: String::new() };
        Ok(WebRequest::new("http_get", Method::GET, contents))
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
            assert!(request(url).and_then(|request| web.admit(&request)).is_ok(), "{url}");
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
            let refusal = request(url).and_then(|request| web.admit(&request)).expect_err(url);
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
