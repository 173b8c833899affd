//! A request as a script makes it: what of it is sent, what of it the record keeps, and where it goes when the answer names
//! another place. Who may be asked is not known here.

use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::json;
use url::Url;

use super::refusal::{WebRefusal, in_full};
use crate::language::settings::VEIL;
use crate::language::web;
use crate::runtime::engine::values;

/// What stands for a host that a secret is a part of.
const HIDDEN_HOST: &str = "a host with a secret part";

/// What a request holds.
#[derive(Clone)]
pub(crate) struct WebContents {
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// A request as it is shown: with a veil over its secrets.
#[derive(Clone)]
pub(crate) struct Veiled {
    pub(crate) contents: WebContents,
    /// Whether its url says where it goes; otherwise that is a secret as well.
    pub(crate) is_located: bool,
}

/// What is to be sent.
#[derive(Clone)]
pub(crate) struct WebRequest {
    /// The function of the script.
    pub(crate) function: &'static str,
    pub(crate) method: Method,
    pub(crate) contents: WebContents,
    /// What is shown of it, where secrets are a part of it.
    pub(crate) veiled: Option<Box<Veiled>>,
    /// How long the answer may take; nothing is as long as that of a command.
    pub(crate) patience: Option<Duration>,
    /// What the answer's text is in, whatever it says of itself.
    pub(crate) charset: Option<&'static encoding_rs::Encoding>,
}

impl WebRequest {
    /// A request without secrets.
    pub(crate) fn new(function: &'static str, method: Method, contents: WebContents) -> Self {
        Self { function, method, contents, veiled: None, patience: None, charset: None }
    }

    pub(super) fn on(&self, client: &Client) -> RequestBuilder {
        let WebContents { url, headers, body } = &self.contents;
        let request = client.request(self.method.clone(), url.clone());
        let request = request.header(ACCEPT_ENCODING, "gzip, deflate, br").headers(headers.clone());
        match self.method {
            _ if !body.is_empty() => request.body(body.clone()),
            // Written out: there are servers that insist on it.
            Method::POST | Method::PUT | Method::PATCH => request.header(CONTENT_LENGTH, 0),
            _ => request,
        }
    }

    /// What of it everybody may see.
    pub(super) fn shown(&self) -> &WebContents {
        self.veiled.as_ref().map_or(&self.contents, |veiled| &veiled.contents)
    }

    /// Its url as everybody may see it.
    pub(super) fn shown_url(&self) -> String {
        if self.is_hidden() { VEIL.to_owned() } else { unveiled(self.shown().url.as_str()) }
    }

    /// The host that is asked, as everybody may see it.
    pub(crate) fn host(&self) -> &str {
        if self.is_hidden() { HIDDEN_HOST } else { self.shown().url.host_str().unwrap_or_default() }
    }

    /// Whether it is a secret where it goes.
    fn is_hidden(&self) -> bool {
        self.veiled.as_ref().is_some_and(|veiled| !veiled.is_located)
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
        let own = &self.contents.url;
        let url = own.join(location).ok().filter(|url| url.username().is_empty() && url.password().is_none())?;
        let is_downgrade = own.scheme() == "https" && url.scheme() == "http";
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
        if loses_body {
            next.method = Method::GET;
        }
        let keeps_headers = url.origin() == own.origin();
        let veiled = next.veiled.as_deref_mut();
        // Where it goes now, the answer says, and no secret does.
        let veiled = veiled.map(|Veiled { contents, is_located }| {
            *is_located = true;
            contents
        });
        for contents in veiled.into_iter().chain([&mut next.contents]) {
            if !keeps_headers {
                let kind = contents.headers.remove(CONTENT_TYPE);
                contents.headers = kind.map(|kind| (CONTENT_TYPE, kind)).into_iter().collect();
            }
            if loses_body {
                contents.body.clear();
                contents.headers.remove(CONTENT_TYPE);
            }
            contents.url = url.clone();
        }
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
    /// tells query and body apart from others is enough to know the request again. What the configuration has as secrets is in
    /// neither, so that another secret makes no other request.
    pub(crate) fn detail(&self) -> String {
        let WebContents { url, headers, body } = self.shown();
        let names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        let query: Vec<_> = url.query_pairs().map(|(name, _)| name.into_owned()).collect();
        let mut bare = url.clone();
        bare.set_query(None);
        bare.set_fragment(None);
        let place = if self.is_hidden() { VEIL.to_owned() } else { unveiled(bare.as_str()) };
        let mut detail = json!({"url": place, "headers": names});
        // The names of the short functions say it.
        if self.function == "http" {
            detail["method"] = json!(self.method.as_str());
        }
        if !query.is_empty() || !body.is_empty() {
            detail["query"] = json!(query);
            let hidden = format!("{}\n{body}", url.query().unwrap_or_default());
            detail["hidden"] = json!(values::digest(&hidden));
        }
        detail.to_string()
    }
}

/// What a url reads like in which the veil over a secret was encoded.
fn unveiled(url: &str) -> String {
    url.replace("%E2%80%A2", "•")
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
        let url = parse(url).expect("a url");
        WebRequest::new("http", method, WebContents { url, headers, body: "a,b".into() })
    }

    #[test]
    fn the_record_has_no_values_of_headers_query_or_body() {
        let request = request(Method::POST, "https://a.example/b?token=hush&n=1#part");
        let detail = request.detail();
        assert!(detail.contains(r#""authorization""#) && detail.contains(r#""query":["token","n"]"#), "{detail}");
        assert!(detail.contains(r#""url":"https://a.example/b""#) && !detail.contains("hush"), "{detail}");
        let contents = WebContents { body: "a,c".into(), ..request.contents.clone() };
        let other = WebRequest { contents, ..request.clone() };
        assert_ne!(other.detail(), detail, "another body is another request");
        let other = WebRequest { method: Method::PUT, ..request };
        assert_ne!(other.detail(), detail, "another method is another request");
    }

    #[test]
    fn a_request_is_sent_on_as_browsers_do_it() {
        let sent = |method: Method, status, to: &str| {
            let next = request(method, "https://a.example/b").sent_on(status, to)?;
            Some(format!("{} {} {}", next.method, next.contents.url, next.contents.body))
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
            next.contents.headers.keys().map(|name| name.as_str().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(307, "/c"), ["authorization", "content-type"]);
        for to in ["https://b.example/", "https://a.example:8443/", "https://sub.a.example/"] {
            assert_eq!(names(307, to), ["content-type"], "{to}");
        }
        assert_eq!(names(303, "/c"), ["authorization"]);
        assert_eq!(names(303, "https://b.example/"), [""; 0]);
    }
}
