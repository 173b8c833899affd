//! What a script can say of a request to the web, and how it is written: for whoever sends one and for `check`. Nothing is sent
//! here.

use std::str::FromStr;
use std::time::Duration;

use encoding_rs::Encoding;
use url::{Host, Url};

use super::duration::parse_duration;
use super::spelling::did_you_mean;

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
    /// Whether a url leads there.
    pub(crate) fn admits(&self, url: &Url) -> bool {
        url.host().is_some_and(|host| host.to_owned() == self.host)
            && self.port.is_none_or(|port| url.port_or_known_default() == Some(port))
    }
}

/// The options of `http`.
pub(crate) const OPTIONS: [&str; 10] =
    ["method", "url", "query", "headers", "json", "form", "body", "bearer", "timeout", "charset"];

/// The options of `http` that are its body, of which there is one.
pub(crate) const BODIES: [&str; 3] = ["json", "form", "body"];

/// The longest that a script can wait for an answer.
const LONGEST: Duration = Duration::from_mins(10);

/// The methods of HTTP and of calendars and folders on the web (WebDAV).
const METHODS: [&str; 17] = [
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "QUERY",
    "SEARCH",
    "REPORT",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
];

/// Charsets by the names that people use, for proposals.
const CHARSETS: [&str; 12] = [
    "utf-8",
    "gbk",
    "gb18030",
    "big5",
    "shift_jis",
    "euc-jp",
    "iso-2022-jp",
    "euc-kr",
    "iso-8859-1",
    "windows-1251",
    "windows-1252",
    "utf-16le",
];

/// The method of a name in letters of any size.
///
/// # Errors
/// When there is none; the text says which are.
pub(crate) fn method(name: &str) -> Result<&'static str, String> {
    let found = METHODS.into_iter().find(|method| method.eq_ignore_ascii_case(name));
    found.ok_or_else(|| {
        let meant = did_you_mean(name, METHODS);
        format!("found the method \"{name}\", expected one such as GET, POST, PUT, PATCH or DELETE{meant}")
    })
}

/// Whether a request of this method has no body and changes nothing.
pub(crate) fn only_looks(method: &str) -> bool {
    matches!(method, "GET" | "HEAD")
}

/// What is wrong with a body for a method that has none.
pub(crate) fn no_body_for(method: &str) -> String {
    format!("{method} sends no body: give it as query, or name a method such as POST")
}

/// How long an answer may take.
///
/// # Errors
/// When it is no duration, or none that can be waited for.
pub(crate) fn timeout(text: &str) -> Result<Duration, String> {
    let timeout = parse_duration(text).map_err(|error| error.to_string())?;
    if timeout.is_zero() || timeout > LONGEST {
        return Err(format!("found \"{text}\", expected from 1ms to 10m"));
    }
    Ok(timeout)
}

/// The charset of a name.
///
/// # Errors
/// When there is none.
pub(crate) fn charset(name: &str) -> Result<&'static Encoding, String> {
    Encoding::for_label(name.as_bytes()).ok_or_else(|| {
        let meant = did_you_mean(name, CHARSETS);
        format!("found the charset \"{name}\", expected one such as \"gbk\", \"shift_jis\" or \"iso-8859-1\"{meant}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_said_of_a_request_is_named_with_what_can() {
        let wrong = |text: Result<&'static str, String>| text.expect_err("it is wrong");
        assert_eq!(method("patch"), Ok("PATCH"));
        assert!(wrong(method("DELTE")).ends_with("PATCH or DELETE; did you mean \"DELETE\"?"));
        assert_eq!(timeout("5s"), Ok(Duration::from_secs(5)));
        assert_eq!(timeout("11m"), Err("found \"11m\", expected from 1ms to 10m".to_owned()));
        assert_eq!(timeout("0s"), Err("found \"0s\", expected from 1ms to 10m".to_owned()));
        assert!(timeout("soon").is_err_and(|error| error.contains("no duration")));
        assert!(CHARSETS.into_iter().all(|name| charset(name).is_ok()));
        assert!(charset("shiftjiss").is_err_and(|error| error.ends_with("did you mean \"shift_jis\"?")));
    }
}
