//! `[[session]]`: an account, its gateway and the ways there. Connecting is not here.

use std::path::PathBuf;

use url::Url;

use super::error::ConfigError;
use super::read::{ConfigValue, Table};
use crate::protocol::line::Server;
use crate::protocol::{GATEWAY, LINE, NETWORKS, Network};
use crate::runtime::Limits;
use crate::session::{
    ChannelToken, ConnectVia, Credentials, MediaMode, Pacing, Proxy, ProxyKind, Secret, SessionConfig,
};

const KEYS: &[&str] = &[
    "name",
    "network",
    "gateway",
    "email",
    "password",
    "phone",
    "auth_token",
    "proxy",
    "channel_secret",
    "channel_token",
    "channel_id",
    "api",
    "connect_via",
    "root",
    "media",
    "scripts",
];

/// The keys that only a session of one network has.
const OF_GATEWAY: &[&str] = &["gateway", "email", "password", "phone", "auth_token", "proxy", "media"];
const OF_LINE: &[&str] = &["channel_secret", "channel_token", "channel_id", "api"];

/// One account at one gateway.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// Its name, unique in a configuration.
    pub name: String,
    /// The gateway's `ws://` or `wss://` url; of a session on LINE, the base url of LINE's servers.
    pub gateway: Url,
    /// Who logs in.
    pub login: Credentials,
    /// The gateway's way to the network.
    pub proxy: Option<Proxy>,
    /// The engine's own way to the gateway.
    pub connect_via: Option<ConnectVia>,
    /// A file of root certificates to trust instead of the system's.
    pub root: Option<PathBuf>,
    /// How files travel.
    pub media: MediaMode,
    /// The names of the scripts that it runs; `None` is all.
    pub scripts: Option<Vec<String>>,
}

impl Session {
    /// The network that it is on.
    pub fn network(&self) -> &'static Network {
        self.login.network()
    }

    /// What the session itself is told: this account, and the certificate of an earlier login.
    pub fn settings(&self, limits: &Limits, pacing: &Pacing, certificate: Option<String>) -> SessionConfig {
        SessionConfig {
            pacing: match pacing {
                Pacing::Gentle if !self.network().is_gentle => Pacing::Eager,
                pacing => pacing.clone(),
            },
            proxy: self.proxy.clone(),
            connect_via: self.connect_via.clone(),
            root: self.root.clone(),
            reply: limits.reply,
            certificate,
            ..SessionConfig::new(self.name.clone(), self.gateway.as_str(), self.login.clone())
        }
    }
}

/// Reads the url of a gateway; `None` means that it is none.
pub fn parse_gateway(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    (matches!(url.scheme(), "ws" | "wss") && url.has_host() && url.fragment().is_none()).then_some(url)
}

pub(super) fn read_all(item: &ConfigValue<'_>) -> Result<Vec<Session>, ConfigError> {
    let expected = "[[session]], once for each session";
    let tables = item.list(expected, |item| item.table("[[session]]", expected, KEYS))?;
    let mut sessions: Vec<Session> = Vec::with_capacity(tables.len());
    for table in tables {
        let session = read(&table)?;
        if sessions.iter().any(|other| other.name == session.name) {
            return Err(ConfigError::Conflict {
                place: table.get("name").map_or_else(|| table.place(), |name| name.place()),
                message: format!("found two sessions named \"{}\", expected a name of its own for each", session.name),
            });
        }
        sessions.push(session);
    }
    Ok(sessions)
}

fn read(table: &Table<'_>) -> Result<Session, ConfigError> {
    let network = table.read("network", read_network)?.unwrap_or(&GATEWAY);
    let is_line = std::ptr::eq(network, &LINE);
    let (strange, theirs) = if is_line { (OF_GATEWAY, &GATEWAY) } else { (OF_LINE, &LINE) };
    if let Some(item) = strange.iter().find_map(|key| table.get(key)) {
        let key = strange.iter().find(|key| table.get(key).is_some()).expect("one was found");
        return Err(ConfigError::Conflict {
            place: item.place(),
            message: format!(
                "\"{key}\" belongs to a session with network = \"{}\"; this one is on \"{}\"",
                theirs.name, network.name
            ),
        });
    }
    let (gateway, login) =
        if is_line { (read_api(table)?, read_channel(table)?) } else { (read_gateway(table)?, read_login(table)?) };
    let name = table.read("name", |item| {
        let name = item.name("a name")?;
        // A url leaves such a part out, and this session's webhooks would go elsewhere.
        let is_lost = is_line && matches!(name.as_str(), "." | "..");
        if is_lost { Err(item.wrong("a name that can be part of a url")) } else { Ok(name) }
    })?;
    Ok(Session {
        name: name.unwrap_or_else(|| "main".to_owned()),
        gateway,
        login,
        proxy: table.read("proxy", read_proxy)?,
        connect_via: table.read("connect_via", read_connect_via)?,
        root: table.read("root", |item| Ok(table.source.resolve(&item.name("a path")?)))?,
        media: table.read("media", read_media)?.unwrap_or_default(),
        scripts: table.read("scripts", |item| item.list("an array of script names", read_script))?,
    })
}

fn read_network(item: &ConfigValue<'_>) -> Result<&'static Network, ConfigError> {
    let choices: Vec<_> = NETWORKS.iter().map(|network| (network.name, *network)).collect();
    item.choice(&choices)
}

fn read_gateway(table: &Table<'_>) -> Result<Url, ConfigError> {
    let expected = "a url such as \"ws://127.0.0.1:16089\" or \"wss://…\"";
    let item = table.require("gateway", expected)?;
    parse_gateway(&item.text(expected)?).ok_or_else(|| item.wrong(expected))
}

/// Where LINE's servers are, where that is elsewhere.
fn read_api(table: &Table<'_>) -> Result<Url, ConfigError> {
    let api = table.read("api", |item| {
        let expected = "a base url such as \"http://127.0.0.1:16090\" or \"https://…\"";
        let url = Url::parse(&item.text(expected)?).ok();
        let is_base = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none();
        url.filter(is_base).ok_or_else(|| item.wrong(expected))
    })?;
    Ok(api.unwrap_or_else(|| Url::parse(Server::Api.url()).expect("a fixed url")))
}

fn read_channel(table: &Table<'_>) -> Result<Credentials, ConfigError> {
    // What came with a line's end or a blank beside it would be refused by LINE, or by http, without a word on why.
    let secret = |item: &ConfigValue<'_>, expected: &str| {
        let text = item.name(expected)?;
        let is_bare = text.trim() == text && !text.chars().any(char::is_control);
        if is_bare { Ok(Secret::new(text)) } else { Err(item.wrong(&format!("{expected}, without blanks around it"))) }
    };
    let expected = "the channel's secret, best as \"${NAME}\"";
    let channel_secret = secret(&table.require("channel_secret", expected)?, expected)?;
    let token = match (table.get("channel_token"), table.get("channel_id")) {
        (Some(token), None) => ChannelToken::Given(secret(&token, "a channel access token, best as \"${NAME}\"")?),
        (None, Some(id)) => ChannelToken::Issued { channel_id: id.name("the channel's id, as a string")? },
        (Some(_), Some(id)) => {
            return Err(ConfigError::Conflict {
                place: id.place(),
                message: "found both \"channel_token\" and \"channel_id\", expected one: a token that you issued, or the id of \
                          the channel, for which tokens are then issued"
                    .to_owned(),
            });
        }
        (None, None) => {
            return Err(table.missing(
                "channel_token",
                "a channel access token, best as \"${NAME}\"; or \"channel_id\", and tokens are issued by themselves",
            ));
        }
    };
    Ok(Credentials::channel(channel_secret, token))
}

fn read_media(item: &ConfigValue<'_>) -> Result<MediaMode, ConfigError> {
    item.choice(&[("gateway", MediaMode::Gateway), ("upload", MediaMode::Upload), ("auto", MediaMode::Auto)])
}

/// A script's name, with or without its ending.
fn read_script(item: &ConfigValue<'_>) -> Result<String, ConfigError> {
    let name = item.name("a script's name")?;
    Ok(name.strip_suffix(".rhai").unwrap_or(&name).to_owned())
}

fn read_login(table: &Table<'_>) -> Result<Credentials, ConfigError> {
    let secret = |key: &'static str, expected: &str| {
        let item = table.require(key, expected)?;
        item.name(expected).map(Secret::new)
    };
    let conflict = |message: &str| ConfigError::Conflict { place: table.place(), message: message.to_owned() };
    let (email, phone) = (table.get("email"), table.get("phone"));
    let stray = |key: &str, owner: &str| match table.get(key) {
        Some(item) => Err(ConfigError::Conflict {
            place: item.place(),
            message: format!("\"{key}\" belongs to \"{owner}\", which this session does not have"),
        }),
        None => Ok(()),
    };
    match (email, phone) {
        (Some(_), Some(_)) => Err(conflict(
            "found both \"email\" and \"phone\", expected one: \"email\" with \"password\", or \"phone\" with \"auth_token\"",
        )),
        (None, None) => Err(conflict(
            "[[session]] has neither \"email\" nor \"phone\", expected \"email\" with \"password\", or \"phone\" with \"auth_token\"",
        )),
        (Some(email), None) => {
            stray("auth_token", "phone")?;
            let email = email.name("an email address")?;
            Ok(Credentials::Email {
                email,
                password: secret("password", "the account's password, best as \"${NAME}\"")?,
            })
        }
        (None, Some(phone)) => {
            stray("password", "email")?;
            let phone = phone.name("a phone number as text")?;
            Ok(Credentials::Token {
                phone,
                auth_token: secret("auth_token", "the account's token, best as \"${NAME}\"")?,
            })
        }
    }
}

fn read_proxy(item: &ConfigValue<'_>) -> Result<Proxy, ConfigError> {
    let expected = "a table such as { type = \"socks5\", server = \"127.0.0.1\", port = 1080 }";
    let table = item.table("proxy", expected, &["type", "server", "port", "username", "password"])?;
    let kinds = "\"socks5\" or \"http\"";
    let kind = table.require("type", kinds)?.choice(&[("socks5", ProxyKind::Socks5), ("http", ProxyKind::Http)])?;
    let server = table.require("server", "a host")?.name("a host")?;
    let port = table.require("port", "a port from 1 to 65535")?.port()?;
    let (username, password) = match (kind, table.get("username"), table.get("password")) {
        (_, None, None) => (None, None),
        (ProxyKind::Socks5, username, password) => {
            return Err(ConfigError::Conflict {
                place: username.or(password).map_or_else(|| item.place(), |given| given.place()),
                message: "the gateway takes no user name or password for a socks5 proxy, only for an http one"
                    .to_owned(),
            });
        }
        (ProxyKind::Http, Some(username), Some(password)) => {
            (Some(username.name("a user name")?), Some(Secret::new(password.text("a password")?)))
        }
        (ProxyKind::Http, None, Some(_)) => return Err(table.missing("username", "a user name beside the password")),
        (ProxyKind::Http, Some(_), None) => return Err(table.missing("password", "a password beside the user name")),
    };
    Ok(Proxy { kind, server, port, username, password })
}

fn read_connect_via(item: &ConfigValue<'_>) -> Result<ConnectVia, ConfigError> {
    let expected = "a url such as \"socks5://127.0.0.1:1080\" or \"http://user:password@host:8080\"";
    // The parser's own message would say less than what is expected here.
    item.text(expected)?.parse().map_err(|_| item.wrong(expected))
}
