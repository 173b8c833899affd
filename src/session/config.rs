//! What a session is told at its start. How a configuration file spells it is not known here.

use std::fmt;
use std::path::PathBuf;
use std::ptr;
use std::str::FromStr;
use std::time::Duration;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use url::Url;

use super::loopback::{is_loopback, is_loopback_host};
use super::outbound::Outbound;
use super::rate_limit::{Pacing, Restraint};
use super::secret::Secret;
use super::webhooks::Webhooks;
use crate::protocol::{Call, GATEWAY, LINE, Network, commands, fields_of};

/// How often heartbeats go out.
pub(super) const BEAT: Duration = Duration::from_secs(60);
/// How long a gateway may be silent before it is asked for a sign of life.
pub(super) const SILENCE: Duration = Duration::from_secs(75);

/// How an account signs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// By email address and password; the first time the gateway asks for a PIN.
    Email {
        /// The account's email address.
        email: String,
        /// Its password.
        password: Secret,
    },
    /// By phone number and token.
    Token {
        /// The account's phone number.
        phone: String,
        /// Its token.
        auth_token: Secret,
    },
    /// As a channel of LINE's Messaging API.
    Channel {
        /// What the account is known by here, whatever token it uses: it follows from the secret and does not tell it.
        account: String,
        /// The channel's secret, which signs its webhooks.
        secret: Secret,
        /// What authorises its requests.
        token: ChannelToken,
    },
}

/// What authorises the requests of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelToken {
    /// A token that was issued by hand.
    Given(Secret),
    /// Tokens that are issued for a quarter of an hour each, to the channel of this id.
    Issued {
        /// The channel's id.
        channel_id: String,
    },
}

impl Credentials {
    /// A channel of LINE's Messaging API.
    pub fn channel(secret: Secret, token: ChannelToken) -> Self {
        let digest = Sha256::digest(secret.expose().as_bytes());
        let account = format!("channel {}", HEXLOWER.encode(&digest[..6]));
        Self::Channel { account, secret, token }
    }

    /// The network that it signs in on.
    pub fn network(&self) -> &'static Network {
        match self {
            Self::Email { .. } | Self::Token { .. } => &GATEWAY,
            Self::Channel { .. } => &LINE,
        }
    }

    /// The account's name towards the gateway: its email address or phone number.
    pub fn account(&self) -> &str {
        match self {
            Self::Email { email, .. } => email,
            Self::Token { phone, .. } => phone,
            Self::Channel { account, .. } => account,
        }
    }

    /// The command and the fields that sign this account in.
    pub(super) fn request(&self, certificate: Option<&str>, proxy: Option<&Proxy>) -> (&'static str, String) {
        let proxy_server = proxy.map(|proxy| proxy.server.clone());
        let proxy_port = proxy.map(|proxy| i64::from(proxy.port));
        let proxy_username = proxy.and_then(|proxy| proxy.username.clone());
        let proxy_password = proxy.and_then(|proxy| proxy.password.as_ref()).map(|secret| secret.expose().to_owned());
        let proxy_type = proxy.map(|proxy| proxy.kind.name().to_owned());
        match self {
            Self::Email { email, password } => {
                let login = commands::Login {
                    email: email.clone(),
                    password: password.expose().to_owned(),
                    cert: certificate.unwrap_or_default().to_owned(),
                    proxy_server,
                    proxy_port,
                    proxy_username,
                    proxy_password,
                    proxy_type,
                };
                (commands::Login::COMMAND.name, fields_of(&login))
            }
            Self::Token { phone, auth_token } => {
                let login = commands::LoginWithToken {
                    phone: phone.clone(),
                    auth_token: auth_token.expose().to_owned(),
                    proxy_server,
                    proxy_port,
                    proxy_username,
                    proxy_password,
                    proxy_type,
                };
                (commands::LoginWithToken::COMMAND.name, fields_of(&login))
            }
            // Each request of a channel is authorised by itself.
            Self::Channel { .. } => (commands::Login::COMMAND.name, "{}".to_owned()),
        }
    }
}

/// What a proxy speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyKind {
    /// SOCKS version 5.
    Socks5,
    /// HTTP, by its CONNECT method.
    Http,
}

impl ProxyKind {
    /// The name on the wire and in the configuration: `socks5` or `http`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Socks5 => "socks5",
            Self::Http => "http",
        }
    }
}

/// The gateway's way to the network, which media transfers of this account use too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// What it speaks.
    pub kind: ProxyKind,
    /// Its host.
    pub server: String,
    /// Its port.
    pub port: u16,
    /// A user name; the protocol knows one for http only.
    pub username: Option<String>,
    /// A password, for http only.
    pub password: Option<Secret>,
}

/// The engine's own way to the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectVia {
    /// What the proxy speaks.
    pub kind: ProxyKind,
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The user name, where the proxy wants one.
    pub username: Option<String>,
    /// The password that belongs to it.
    pub password: Option<Secret>,
}

/// Why a text names no proxy. The text itself is not repeated: it may hold a password.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ProxyError {
    /// It is no url.
    #[error("a proxy is given as socks5://host:port or http://host:port; found no url: {0}")]
    NoUrl(String),
    /// It names another protocol.
    #[error("a proxy is given as socks5://host:port or http://host:port; found the scheme \"{0}\"")]
    Scheme(String),
    /// It has no host.
    #[error("a proxy is given as socks5://host:port or http://host:port; found no host")]
    NoHost,
}

impl FromStr for ConnectVia {
    type Err = ProxyError;

    fn from_str(text: &str) -> Result<Self, ProxyError> {
        let url = Url::parse(text).map_err(|error| ProxyError::NoUrl(error.to_string()))?;
        let (kind, usual_port) = match url.scheme() {
            "socks5" | "socks5h" => (ProxyKind::Socks5, 1080),
            "http" => (ProxyKind::Http, 80),
            other => return Err(ProxyError::Scheme(other.to_owned())),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(ProxyError::NoHost)?;
        let decoded = |text: &str| percent_decoded(text);
        Ok(Self {
            kind,
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(usual_port),
            username: (!url.username().is_empty()).then(|| decoded(url.username())),
            password: url.password().map(|password| Secret::new(decoded(password))),
        })
    }
}

/// Undoes the `%40` of user names and passwords in urls.
fn percent_decoded(text: &str) -> String {
    // A form's decoder would also turn a plus sign into a space, so it is shielded.
    let shielded = format!("x={}", text.replace('+', "%2B").replace('&', "%26"));
    url::form_urlencoded::parse(shielded.as_bytes()).next().map_or_else(String::new, |(_, value)| value.into_owned())
}

/// Everything that a session is told.
#[derive(Clone)]
pub struct SessionConfig {
    /// The session's name in the configuration.
    pub name: String,
    /// The gateway's url, `ws://` or `wss://`.
    pub gateway: String,
    /// How the account signs in.
    pub login: Credentials,
    /// The gateway's way to the network.
    pub proxy: Option<Proxy>,
    /// The engine's own way to the gateway.
    pub connect_via: Option<ConnectVia>,
    /// The certificate of an earlier login.
    pub certificate: Option<String>,
    /// Where its webhooks are handed over, on a network that has any.
    pub webhooks: Option<Webhooks>,
    /// Its requests that are under way, on a network that is asked by any.
    pub outbound: Outbound,
    /// How long a command waits for its reply.
    pub reply: Duration,
    /// Heartbeats go out this often, from the handshake on.
    pub beat: Duration,
    /// After this long without a frame the gateway is asked for a sign of life. A gateway that answers heartbeats never is.
    pub silence: Duration,
    /// How many commands may be unanswered at a time; as many again may wait to be sent.
    pub max_outstanding: usize,
    /// How fast commands go out.
    pub pacing: Pacing,
    /// A PEM file with the certificates to trust for `wss://`, instead of the system's.
    pub root: Option<PathBuf>,
    /// What held the session back whose place this one takes.
    pub restraint: Restraint,
}

/// Only what tells sessions apart is shown; a certificate is a secret.
impl fmt::Debug for SessionConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("SessionConfig");
        shown.field("name", &self.name).field("gateway", &self.gateway).field("login", &self.login);
        shown.finish_non_exhaustive()
    }
}

impl SessionConfig {
    /// Where its account lives, to be compared with where it lived before: the gateway's url, and one name for all gateways
    /// of this machine, since the embedded one may listen on another port at each start.
    pub fn residence(&self) -> &str {
        if self.is_here() { "this machine" } else { &self.gateway }
    }

    /// Whether the gateway of a session is on this machine, as far as can be told: the way there must not leave it either.
    pub(super) fn is_here(&self) -> bool {
        let via = self.connect_via.as_ref().map(|via| via.host.as_str());
        is_loopback(&self.gateway) && via.is_none_or(is_loopback_host)
    }

    /// Whether a login of this session can be read by whoever stands between.
    pub(super) fn exposes_login(&self) -> bool {
        let url = self.gateway.trim_start().to_ascii_lowercase();
        (url.starts_with("ws:") || url.starts_with("http:")) && !self.is_here()
    }

    /// A session with the default limits, gentle pacing, no proxy and no certificate.
    pub fn new(name: impl Into<String>, gateway: impl Into<String>, login: Credentials) -> Self {
        // Where each call has a connection of its own, silence says nothing.
        let silence = if ptr::eq(login.network(), &GATEWAY) { SILENCE } else { Duration::MAX };
        Self {
            name: name.into(),
            gateway: gateway.into(),
            login,
            proxy: None,
            connect_via: None,
            certificate: None,
            webhooks: None,
            outbound: Outbound::default(),
            reply: Duration::from_secs(30),
            beat: BEAT,
            silence,
            max_outstanding: 1_000,
            pacing: Pacing::default(),
            root: None,
            restraint: Restraint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Signal;

    #[test]
    fn secrets_are_not_shown() {
        let login = Credentials::Email { email: "a@b".into(), password: Secret::new("hunter2") };
        assert_eq!(format!("{login:?}"), r#"Email { email: "a@b", password: *** }"#);
        let config = SessionConfig { certificate: Some("paper".into()), ..SessionConfig::new("main", "ws://a", login) };
        assert!(!format!("{config:?}").contains("paper"));
        assert_eq!(format!("{:?}", Signal::Certificate("paper".into())), "Certificate(***)");
    }

    #[test]
    fn a_login_carries_proxy_fields_only_where_there_is_a_proxy() {
        let login = Credentials::Email { email: "a@b".into(), password: Secret::new("p") };
        let (command, fields) = login.request(None, None);
        assert_eq!((command, fields.as_str()), ("Login", r#"{"email":"a@b","password":"p","cert":""}"#));
        let proxy = Proxy {
            kind: ProxyKind::Http,
            server: "h".into(),
            port: 8080,
            username: Some("u".into()),
            password: Some(Secret::new("s")),
        };
        let (_, fields) = login.request(Some("c"), Some(&proxy));
        assert!(fields.contains(r#""cert":"c","proxy_server":"h","proxy_port":8080,"proxy_username":"u","proxy_password":"s","proxy_type":"http""#));
    }

    #[test]
    fn a_proxy_is_read_from_its_url() {
        let via: ConnectVia = "socks5://me:p%40ss+1@127.0.0.1:1080".parse().expect("a proxy");
        assert_eq!((via.kind, via.host.as_str(), via.port), (ProxyKind::Socks5, "127.0.0.1", 1080));
        assert_eq!(via.username.as_deref(), Some("me"));
        assert_eq!(via.password.expect("a password").expose(), "p@ss+1");
        assert_eq!("ftp://x".parse::<ConnectVia>(), Err(ProxyError::Scheme("ftp".into())));
    }

    #[test]
    fn a_login_is_exposed_over_plain_ws_to_elsewhere() {
        assert!(config("ws://gateway.example.com", None).exposes_login());
        assert!(config("WS://10.0.0.1:16089", None).exposes_login());
        assert!(!config("wss://gateway.example.com", None).exposes_login());
        assert!(!config("ws://127.0.0.1:16089", None).exposes_login());
    }

    #[test]
    fn the_way_through_a_proxy_counts_too() {
        let gateway = "ws://127.0.0.1:16089";
        for here in ["socks5://127.0.0.1:1080", "http://localhost:8080", "http://[::1]:8080"] {
            assert!(config(gateway, Some(here)).is_here(), "{here}");
            assert!(!config("ws://10.0.0.1", Some(here)).is_here(), "{here}");
        }
        let there = config(gateway, Some("socks5://proxy.example.com:1080"));
        assert!(!there.is_here() && there.exposes_login());
    }

    fn config(gateway: &str, via: Option<&str>) -> SessionConfig {
        let login = Credentials::Email { email: "a".into(), password: Secret::new("b") };
        let connect_via = via.map(|via| via.parse().expect("a proxy"));
        SessionConfig { connect_via, ..SessionConfig::new("main", gateway, login) }
    }
}
