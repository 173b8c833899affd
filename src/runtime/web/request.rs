//! A request as a script makes it: what of it is sent, what of it the record keeps, and where it goes when the answer names
//! another place. Who may be asked is not known here.

use std::time::Duration;

use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::json;
use url::Url;

use super::refusal::{WebRefusal, in_full};
use crate::language::web;
use crate::runtime::engine::values;

/// What is to be sent.
#[derive(Clone)]
pub(crate) struct WebRequest {
    /// The function of the script.
    pub(crate) function: &'static str,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    /// How long the answer may take; nothing is as long as that of a command.
    pub(crate) patience: Option<Duration>,
    /// What the answer's text is in, whatever it says of itself.
    pub(crate) charset: Option<&'static encoding_rs::Encoding>,
}

impl WebRequest {
    /// A request without headers and body.
    pub(crate) fn new(function: &'static str, method: Method, url: Url) -> Self {
        let (headers, body) = (HeaderMap::new(), String::new());
        Self { function, method, url, headers, body, patience: None, charset: None }
    }

    pub(super) fn on(&self, client: &Client) -> RequestBuilder {
        let request = client.request(self.method.clone(), self.url.clone()).headers(self.headers.clone());
        match self.method {
            _ if !self.body.is_empty() => request.body(self.body.clone()),
            // Written out: there are servers that insist on it.
            Method::POST | Method::PUT | Method::PATCH => request.header(CONTENT_LENGTH, 0),
            _ => request,
        }
    }

    /// The host that is asked.
    pub(crate) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Whether it only looks at something.
    pub(crate) fn only_looks(&self) -> bool {
        web::only_looks(self.method.as_str())
    }

    /// Where an answer of this status sends it on to.
    ///
    /// The script's headers go to the place that it named alone, and to another only those that tell what the body is. From
    /// https it never goes to http.
    pub(super) fn sent_on(&self, status: u16, location: &str) -> Option<Self> {
        let url = self.url.join(location).ok().filter(|url| url.username().is_empty() && url.password().is_none())?;
        let is_downgrade = self.url.scheme() == "https" && url.scheme() == "http";
        if is_downgrade || !matches!(url.scheme(), "http" | "https") {
            return None;
        }
        let loses_body = match status {
            303 => !self.only_looks(),
            301 | 302 => self.method == Method::POST,
            307 | 308 => false,
            _ => return None,
        };
        let mut next = self.clone();
        if url.origin() != self.url.origin() {
            next.headers = HeaderMap::new();
            next.headers.extend(self.headers.get(CONTENT_TYPE).map(|kind| (CONTENT_TYPE, kind.clone())));
        }
        if loses_body {
            next.method = Method::GET;
            next.body.clear();
            next.headers.remove(CONTENT_TYPE);
        }
        next.url = url;
        Some(next)
    }

    /// What comes of a failure; a server that was reached may have done what was asked, whatever happened to its answer.
    pub(super) fn lost(&self, error: &reqwest::Error) -> WebRefusal {
        let reason = format!("{}: {}", self.host(), in_full(error));
        if error.is_connect() || error.is_builder() { WebRefusal::failed(reason) } else { self.doubtful(reason) }
    }

    /// What comes of a failure after a server was reached.
    pub(super) fn doubtful(&self, reason: String) -> WebRefusal {
        if self.only_looks() {
            return WebRefusal::failed(reason);
        }
        WebRefusal::new("IN_DOUBT", format!("{reason}; it may have been done all the same"))
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
        // The names of the short functions say it.
        if self.function == "http" {
            detail["method"] = json!(self.method.as_str());
        }
        if !query.is_empty() || !self.body.is_empty() {
            detail["query"] = json!(query);
            let hidden = format!("{}\n{}", self.url.query().unwrap_or_default(), self.body);
            detail["hidden"] = json!(values::digest(&hidden));
        }
        detail.to_string()
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

#[cfg(test)]
mod tests {
    use reqwest::header::{AUTHORIZATION, HeaderValue};

    use super::*;

    fn request(method: Method, url: &str) -> WebRequest {
        let secret = [(AUTHORIZATION, HeaderValue::from_static("hush"))];
        let kind = [(CONTENT_TYPE, HeaderValue::from_static("text/csv"))];
        let headers = secret.into_iter().chain(kind).collect();
        WebRequest { headers, body: "a,b".into(), ..WebRequest::new("http", method, parse(url).expect("a url")) }
    }

    #[test]
    fn the_record_has_no_values_of_headers_query_or_body() {
        let request = request(Method::POST, "https://a.example/b?token=hush&n=1#part");
        let detail = request.detail();
        assert!(detail.contains(r#""authorization""#) && detail.contains(r#""query":["token","n"]"#), "{detail}");
        assert!(detail.contains(r#""url":"https://a.example/b""#) && !detail.contains("hush"), "{detail}");
        let other = WebRequest { body: "a,c".into(), ..request.clone() };
        assert_ne!(other.detail(), detail, "another body is another request");
        let other = WebRequest { method: Method::PUT, ..request };
        assert_ne!(other.detail(), detail, "another method is another request");
    }

    #[test]
    fn a_request_is_sent_on_as_browsers_do_it() {
        let sent = |method: Method, status, to: &str| {
            let next = request(method, "https://a.example/b").sent_on(status, to)?;
            Some(format!("{} {} {}", next.method, next.url, next.body))
        };
        for (method, status, to, expected) in [
            (Method::POST, 301, "/c", Some("GET https://a.example/c ")),
            (Method::POST, 302, "c?d", Some("GET https://a.example/c?d ")),
            (Method::PUT, 302, "/c", Some("PUT https://a.example/c a,b")),
            (Method::PUT, 303, "/c", Some("GET https://a.example/c ")),
            (Method::POST, 307, "//b.example/", Some("POST https://b.example/ a,b")),
            (Method::DELETE, 308, "/c", Some("DELETE https://a.example/c a,b")),
            (Method::POST, 304, "/c", None),
            (Method::POST, 201, "/c", None),
            (Method::POST, 302, "http://a.example/c", None),
            (Method::POST, 302, "https://u:p@a.example/c", None),
            (Method::POST, 302, "file:///etc/passwd", None),
        ] {
            assert_eq!(sent(method.clone(), status, to).as_deref(), expected, "{method} {status} {to}");
        }
    }

    #[test]
    fn the_headers_of_a_script_go_to_the_place_that_it_named_alone() {
        let names = |status, to: &str| {
            let next = request(Method::POST, "https://a.example/b").sent_on(status, to).expect("it is sent on");
            next.headers.keys().map(|name| name.as_str().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(307, "/c"), ["authorization", "content-type"]);
        for to in ["https://b.example/", "https://a.example:8443/", "https://sub.a.example/"] {
            assert_eq!(names(307, to), ["content-type"], "{to}");
        }
        assert_eq!(names(303, "/c"), ["authorization"]);
        assert_eq!(names(303, "https://b.example/"), [""; 0]);
    }
}
