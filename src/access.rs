//! Who may connect, by what a browser says of the page that asks: pure, for every socket and HTTP route that listens.
//!
//! Programs say nothing of the kind and are let in; what an account's password protects is not decided here.

use std::net::IpAddr;
use std::str::FromStr;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use url::{Host, Url};

/// Who is let in beyond programs, and by which names the listener may be called.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// The names, besides loopback and the address that is listened on.
    pub hosts: Vec<HostName>,
    /// The origins of the web pages that may connect.
    pub origins: Vec<WebOrigin>,
}

impl Access {
    /// Lets a program in, and a page of a listed origin.
    ///
    /// Invariant: what the request calls the listener plays no part, since a page chooses that itself.
    ///
    /// # Errors
    /// For a page of any other origin.
    pub fn check_origin(&self, headers: &HeaderMap) -> Result<(), Stranger> {
        let Some(given) = only(headers, &header::ORIGIN).map_err(|Several| Stranger::SeveralOrigins)? else {
            return Ok(());
        };
        let text = text(given);
        match text.parse::<WebOrigin>() {
            Ok(origin) if self.origins.contains(&origin) => Ok(()),
            Ok(WebOrigin(origin)) => Err(Stranger::Origin(origin)),
            Err(_) => Err(Stranger::NoOrigin(text)),
        }
    }

    /// Checks by which name the listener at the addresses `here` is called: a page whose own name was made to lead to this
    /// machine (DNS rebinding) calls it by that name.
    ///
    /// # Errors
    /// For another name, and for a request with none or several.
    pub fn check_host(&self, uri: &Uri, headers: &HeaderMap, here: &[IpAddr]) -> Result<(), Stranger> {
        let given = only(headers, &header::HOST).map_err(|Several| Stranger::SeveralHosts)?;
        let given = text(given.ok_or(Stranger::NoHost)?);
        // A request as a proxy gets it names its host twice.
        for name in [Some(given.as_str()), uri.authority().map(|authority| authority.as_str())].into_iter().flatten() {
            let host = authority(name).ok_or_else(|| Stranger::BadHost(name.to_owned()))?;
            if !(host.is_loopback() || here.iter().any(|here| host.is(*here)) || self.hosts.contains(&host)) {
                return Err(Stranger::Host(name.to_owned()));
            }
        }
        Ok(())
    }
}

/// More than one where there may be one.
struct Several;

fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a HeaderValue>, Several> {
    let mut given = headers.get_all(name).iter();
    match (given.next(), given.next()) {
        (only, None) => Ok(only),
        _ => Err(Several),
    }
}

fn text(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

/// The host of a host and, perhaps, a port.
fn authority(text: &str) -> Option<HostName> {
    let (host, port) = match text.rfind(':').filter(|at| !text[*at..].contains(']')) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, ""),
    };
    let is_port = port.is_empty() || (port.bytes().all(|digit| digit.is_ascii_digit()) && port.parse::<u16>().is_ok());
    host.parse().ok().filter(|_| is_port)
}

/// The name or address of a machine, without a port. Names are compared without regard to case and to a dot at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName(Host);

impl HostName {
    fn is_loopback(&self) -> bool {
        match &self.0 {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.to_canonical().is_loopback(),
        }
    }

    fn is(&self, address: IpAddr) -> bool {
        let own = match &self.0 {
            Host::Domain(_) => return false,
            Host::Ipv4(own) => IpAddr::V4(*own),
            Host::Ipv6(own) => IpAddr::V6(*own),
        };
        own.to_canonical() == address.to_canonical()
    }
}

impl FromStr for HostName {
    type Err = NoHostName;

    fn from_str(text: &str) -> Result<Self, NoHostName> {
        let name = text.strip_suffix('.').unwrap_or(text);
        match Host::parse(name) {
            Ok(host) if !name.contains('%') => Ok(Self(host)),
            _ => Err(NoHostName),
        }
    }
}

/// A text is no host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name or address of a machine without a port, such as bot.example.com")]
pub struct NoHostName;

/// Where a web page comes from: scheme, host and port, as a browser sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebOrigin(String);

impl FromStr for WebOrigin {
    type Err = NotAnOrigin;

    fn from_str(text: &str) -> Result<Self, NotAnOrigin> {
        let url = Url::parse(text).map_err(|_| NotAnOrigin)?;
        let is_bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        let is_anonymous = url.username().is_empty() && url.password().is_none();
        let host = url.host_str().filter(|host| !host.is_empty() && is_bare && is_anonymous).ok_or(NotAnOrigin)?;
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        Ok(Self(format!("{}://{}{port}", url.scheme(), host.to_ascii_lowercase())))
    }
}

/// A text is no origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the origin of a web page, such as http://localhost:5173")]
pub struct NotAnOrigin;

/// Why a request is not let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stranger {
    /// A web page of an origin that is not listed.
    #[error("a web page of {0} may not connect; programs may, and the pages that `allow_origins` lists")]
    Origin(String),
    /// A web page that tells no origin of its own, such as a file.
    #[error("a web page of the origin \"{0}\" may not connect; programs may, and the pages that `allow_origins` lists")]
    NoOrigin(String),
    /// Several origins.
    #[error("a request has one header Origin at most; found several")]
    SeveralOrigins,
    /// A name that is not this listener's.
    #[error("this is not {0}; other names than localhost and the address that is listened on stand in `allow_hosts`")]
    Host(String),
    /// A header that holds no host.
    #[error("the header Host holds a host and perhaps a port; found \"{0}\"")]
    BadHost(String),
    /// No host at all.
    #[error("a request has a header Host; found none")]
    NoHost,
    /// Several hosts.
    #[error("a request has one header Host; found several")]
    SeveralHosts,
}

impl Stranger {
    /// The status that says so.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Origin(_) | Self::NoOrigin(_) | Self::SeveralOrigins | Self::Host(_) => StatusCode::FORBIDDEN,
            Self::BadHost(_) | Self::NoHost | Self::SeveralHosts => StatusCode::BAD_REQUEST,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, values: &[&str]) -> HeaderMap {
        let value = |value: &&str| (name.clone(), HeaderValue::from_str(value).expect("a value"));
        values.iter().map(value).collect()
    }

    fn access() -> Access {
        let origins = ["http://localhost:5173", "https://Example.com/", "app://bot"];
        let hosts = ["bot.lan", "192.0.2.7", "[2001:db8::1]"];
        Access {
            hosts: hosts.map(|host| host.parse().expect("a host")).into(),
            origins: origins.map(|origin| origin.parse().expect("an origin")).into(),
        }
    }

    #[test]
    fn a_program_and_a_listed_page_are_let_in_and_no_other_page() {
        let check = |values: &[&str]| access().check_origin(&headers(header::ORIGIN, values));
        for origin in [
            &[][..],
            &["http://localhost:5173"],
            &["HTTP://LOCALHOST:5173"],
            &["https://example.com"],
            &["https://example.com:443"],
            &["app://bot"],
        ] {
            assert_eq!(check(origin), Ok(()), "{origin:?}");
        }
        for origin in [
            &["null"][..],
            &[""],
            &["*"],
            &["file://"],
            &["http://localhost"],
            &["http://localhost:5174"],
            &["https://localhost:5173"],
            &["http://localhost.:5173"],
            &["http://127.0.0.1:16089"],
            &["http://example.com"],
            &["https://example.com.evil.test"],
            &["https://evil.test/https://example.com"],
            &["https://example.com@evil.test"],
            &["https://me@example.com"],
            &["https://example.com https://evil.test"],
            &["https://example.com", "https://example.com"],
            &["app://bot.evil"],
        ] {
            assert_eq!(check(origin).expect_err("a stranger").status(), StatusCode::FORBIDDEN, "{origin:?}");
        }
    }

    #[test]
    fn a_listener_is_called_by_loopback_its_address_and_the_listed_names() {
        let here = ["10.0.0.5".parse().expect("an address")];
        let check = |uri: &str, values: &[&str]| {
            let uri = uri.parse().expect("a uri");
            access().check_host(&uri, &headers(header::HOST, values), &here).map_err(|stranger| stranger.status())
        };
        for host in [
            "localhost",
            "LocalHost:80",
            "localhost.:16089",
            "localhost:",
            "127.0.0.1:1",
            "127.9.9.9",
            "[::1]:65535",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:127.0.0.1]",
            "10.0.0.5:9",
            "[::ffff:10.0.0.5]",
            "bot.lan",
            "BOT.lan.:8080",
            "192.0.2.7",
            "[2001:DB8::1]:1",
        ] {
            assert_eq!(check("/", &[host]), Ok(()), "{host}");
        }
        for host in [
            "evil.test",
            "localhost.evil.test",
            "127.0.0.1.evil.test",
            "evil.localhost",
            "10.0.0.6",
            "0.0.0.0",
            "[::]",
            "bot.lan.evil.test",
            "lan",
        ] {
            assert_eq!(check("/", &[host]), Err(StatusCode::FORBIDDEN), "{host}");
        }
        for hosts in [
            &[][..],
            &[""],
            &["localhost", "localhost"],
            &["localhost:port"],
            &["localhost:65536"],
            &["localhost:+1"],
            &["me@localhost"],
            &["::1"],
            &["[::1"],
            &["[::1%25lo]"],
            &["local%68ost"],
            &["localhost, evil.test"],
            &["localhost/"],
            &["local host"],
            &["localhost.."],
        ] {
            let refused = check("/", hosts).expect_err("no host");
            assert!(matches!(refused, StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN), "{hosts:?}");
        }
        assert_eq!(check("http://evil.test/", &["localhost"]), Err(StatusCode::FORBIDDEN));
        assert_eq!(check("http://localhost/", &["localhost"]), Ok(()));
    }

    #[test]
    fn what_is_listed_is_a_whole_host_or_origin() {
        for text in ["", "*", "localhost", "http://", "http://a/b", "http://a?b", "null", "http://*.a b"] {
            assert_eq!(text.parse::<WebOrigin>(), Err(NotAnOrigin), "{text}");
        }
        for text in ["", "a b", "a:80", "http://a", "::1", "a/b"] {
            assert_eq!(text.parse::<HostName>(), Err(NoHostName), "{text}");
        }
    }
}
