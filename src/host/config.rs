//! The configuration file, whole and pure: text in, a checked [`Config`] or one clear error out.
//!
//! Opening the file, and deciding what to do without one, is the command line's business.

mod error;
mod owner;
mod read;
mod session;
mod settings;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use url::Url;

use crate::access::Access;
use crate::language::settings::{ScriptSettings, Setup};
use crate::language::zone::Zone;
use crate::protocol::Family;
use crate::runtime::{AllowedHost, JournalMode, Limits};
use crate::session::{Pacing, Rate};

pub use error::{ConfigError, ConfigPosition};
pub use owner::BotOwner;
use read::{ConfigText, ConfigValue, Table};
pub use session::{Session, parse_gateway};

/// Where the console listens when nothing else is said.
pub const DEFAULT_CONSOLE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8765);

/// Where webhooks are taken when nothing else is said.
pub const DEFAULT_WEBHOOK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8766);

/// How long the journal keeps what is over when nothing else is said.
pub const DEFAULT_RETENTION: Duration = Duration::from_secs(7 * 24 * 3_600);

/// The keys at the top of the file; `session` is `[[session]]`.
const KEYS: &[&str] = &[
    "scripts",
    "data",
    "workers",
    "journal",
    "in_doubt",
    "retention",
    "timezone",
    "settings",
    "pacing",
    "reload",
    "files",
    "limits",
    "http",
    "console",
    "webhook",
    "allow_hosts",
    "allow_origins",
    "owner",
    "session",
];
const LIMITS: &[&str] = &["cpu", "reply", "ask", "call_depth", "string", "array", "memory", "calls", "grace"];

/// What a configuration file says, its paths resolved.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file that it stands in, where there is one.
    pub file: Option<PathBuf>,
    /// The scripts, and folders of scripts, to run.
    pub scripts: Vec<PathBuf>,
    /// The folder where everything durable lives.
    pub data: PathBuf,
    /// How many worker threads; `None` is one for each core.
    pub workers: Option<usize>,
    /// How much is recorded, and how safely.
    pub journal: JournalMode,
    /// What becomes of an effect that was sent but not answered before a crash.
    pub in_doubt: InDoubt,
    /// How long the journal keeps what is over.
    pub retention: Duration,
    /// Where times are read and written; `None` is where the system is.
    pub timezone: Option<Zone>,
    /// What scripts read as `settings`.
    pub settings: ScriptSettings,
    /// How fast sessions send.
    pub pacing: Pacing,
    /// How a saved script takes over.
    pub reload: Reload,
    /// The folders whose files may be sent, and where received ones go.
    pub files: Vec<PathBuf>,
    /// The bounds of scripts.
    pub limits: Limits,
    /// The hosts that scripts may reach over http.
    pub http_allow: Vec<AllowedHost>,
    /// Where the console listens; `None` is nowhere.
    pub console: Option<SocketAddr>,
    /// Where the webhooks of sessions on LINE are taken.
    pub webhook: Webhook,
    /// Who may connect to what listens in this process.
    pub access: Access,
    /// Who is told of troubles.
    pub owner: Option<BotOwner>,
    /// The sessions.
    pub sessions: Vec<Session>,
    /// The keys of the file that have no effect yet, each to be named in a warning.
    pub without_effect: Vec<String>,
}

/// Where webhooks are taken, and under which url the world finds that.
#[derive(Clone, Debug, PartialEq)]
pub struct Webhook {
    /// The address of the one listener for all sessions.
    pub listen: SocketAddr,
    /// The url of a proxy before it, such as `https://bot.example.com`, where there is one.
    pub public_url: Option<Url>,
}

impl Webhook {
    /// The url below which the paths of sessions stand, for a listener at this address.
    pub fn url(&self, address: SocketAddr) -> Url {
        let local = || Url::parse(&format!("http://{address}/")).expect("an address makes a url");
        self.public_url.clone().map_or_else(local, |mut url| {
            if !url.path().ends_with('/') {
                url.set_path(&format!("{}/", url.path()));
            }
            url
        })
    }
}

impl Default for Webhook {
    fn default() -> Self {
        Self { listen: DEFAULT_WEBHOOK, public_url: None }
    }
}

/// What becomes of an effect that was sent but not answered before a crash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InDoubt {
    /// The rebuilt run gets a failure `IN_DOUBT`.
    #[default]
    Throw,
    /// It is sent again.
    Resend,
}

/// How a saved script takes over from the one that runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reload {
    /// All at once, between two events.
    #[default]
    Swap,
}

impl Config {
    /// What holds without a configuration file, its paths relative to `folder`.
    pub fn without_file(folder: &Path) -> Self {
        Self {
            file: None,
            scripts: vec![folder.join("scripts")],
            data: folder.join("data"),
            workers: None,
            journal: JournalMode::default(),
            in_doubt: InDoubt::default(),
            retention: DEFAULT_RETENTION,
            timezone: None,
            settings: ScriptSettings::default(),
            pacing: Pacing::default(),
            reload: Reload::default(),
            files: Vec::new(),
            limits: Limits::default(),
            http_allow: Vec::new(),
            console: Some(DEFAULT_CONSOLE),
            webhook: Webhook::default(),
            access: Access::default(),
            owner: None,
            sessions: Vec::new(),
            without_effect: Vec::new(),
        }
    }

    /// Reads a configuration that stands in the file `path`; `env` gives the values of `${NAME}`.
    ///
    /// Every path of the configuration is relative to that file's folder.
    ///
    /// # Errors
    /// For the first thing that is wrong: what was found, what was expected, and where.
    pub fn parse(text: &str, path: &Path, env: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let source = ConfigText { text, path, env: &env };
        let document = source.document()?;
        let table = Table::new(&source, "the configuration", 0, document.get_ref(), KEYS)?;
        let mut config = Self::without_file(path.parent().unwrap_or(Path::new("")));
        config.file = Some(path.to_owned());
        config.read_top(&table)?;
        if let Some(limits) = table.get("limits") {
            config.limits = read_limits(&limits.table("[limits]", "a table [limits]", LIMITS)?)?;
        }
        if let Some(http) = table.get("http") {
            let http = http.table("[http]", "a table [http]", &["allow"])?;
            if let Some(allow) = http.get("allow") {
                config.http_allow = allow.list(HOSTS, read_host)?;
            }
        }
        if let Some(settings) = table.get("settings") {
            config.settings = settings::read_all(&settings)?;
        }
        if let Some(console) = table.get("console") {
            let console = console.table("[console]", "a table [console]", &["listen"])?;
            config.console = console.read("listen", read_listen)?.unwrap_or(config.console);
        }
        if let Some(webhook) = table.get("webhook") {
            let webhook = webhook.table("[webhook]", "a table [webhook]", &["listen", "public_url"])?;
            config.webhook.listen = webhook.read("listen", read_address)?.unwrap_or(config.webhook.listen);
            config.webhook.public_url = webhook.read("public_url", read_public_url)?;
        }
        if let Some(sessions) = table.get("session") {
            config.sessions = session::read_all(&sessions)?;
        }
        if let Some(owner) = table.get("owner") {
            config.owner = Some(owner::read(&owner, &config.sessions)?);
        }
        config.without_effect = without_effect(&table, &config);
        Ok(config)
    }

    /// Where times are read and written: in the zone that it names, else in the system's, else in UTC.
    pub fn zone(&self) -> Zone {
        self.timezone.clone().or_else(Zone::of_system).unwrap_or_default()
    }

    /// What it gives to scripts.
    pub fn setup(&self) -> Setup {
        Setup { settings: self.settings.clone(), zone: self.zone() }
    }

    fn read_top(&mut self, table: &Table<'_>) -> Result<(), ConfigError> {
        let path = |item: &ConfigValue<'_>| Ok(table.source.resolve(&item.name("a path")?));
        if let Some(scripts) = table.get("scripts") {
            self.scripts = scripts.list("an array of paths", path)?;
        }
        if let Some(data) = table.get("data") {
            self.data = path(&data)?;
        }
        if let Some(files) = table.get("files") {
            self.files = files.list("an array of folders", path)?;
        }
        if let Some(workers) = table.get("workers") {
            self.workers = Some(usize::try_from(workers.count()?).map_err(|_| workers.wrong("a smaller number"))?);
        }
        if let Some(journal) = table.get("journal") {
            let choices =
                [("off", JournalMode::Off), ("relaxed", JournalMode::Relaxed), ("strict", JournalMode::Strict)];
            self.journal = journal.choice(&choices)?;
        }
        if let Some(in_doubt) = table.get("in_doubt") {
            self.in_doubt = in_doubt.choice(&[("throw", InDoubt::Throw), ("resend", InDoubt::Resend)])?;
        }
        if let Some(retention) = table.read("retention", ConfigValue::duration)? {
            self.retention = retention;
        }
        self.timezone = table.read("timezone", read_parsed)?;
        if let Some(hosts) = table.get("allow_hosts") {
            self.access.hosts = hosts.list("an array of hosts such as [\"bot.example.com\"]", read_parsed)?;
        }
        if let Some(origins) = table.get("allow_origins") {
            self.access.origins =
                origins.list("an array of origins such as [\"http://localhost:5173\"]", read_parsed)?;
        }
        if let Some(pacing) = table.get("pacing") {
            self.pacing = read_pacing(&pacing)?;
        }
        if let Some(reload) = table.get("reload") {
            self.reload = reload.choice(&[("swap", Reload::Swap)])?;
        }
        Ok(())
    }
}

/// Names the keys that are understood and do nothing yet. Values that ask for nothing are not named.
fn without_effect(table: &Table<'_>, config: &Config) -> Vec<String> {
    let mut keys = Vec::new();
    let mut name = |wanted: bool, key: &str| {
        if wanted {
            keys.push(key.to_owned());
        }
    };
    name(table.get("console").is_some() && config.console.is_some(), "console.listen");
    keys
}

fn read_limits(table: &Table<'_>) -> Result<Limits, ConfigError> {
    let default = Limits::default();
    let count = |item: &ConfigValue<'_>| {
        let count = item.count()?;
        usize::try_from(count).map_err(|_| item.wrong("a smaller number"))
    };
    Ok(Limits {
        cpu: table.read("cpu", ConfigValue::duration)?.unwrap_or(default.cpu),
        reply: table.read("reply", ConfigValue::duration)?.unwrap_or(default.reply),
        ask: table.read("ask", ConfigValue::duration)?.unwrap_or(default.ask),
        call_depth: table.read("call_depth", count)?.unwrap_or(default.call_depth),
        string: table.read("string", ConfigValue::size)?.unwrap_or(default.string),
        array: table.read("array", count)?.unwrap_or(default.array),
        memory: table.read("memory", ConfigValue::size)?.unwrap_or(default.memory),
        calls: table.read("calls", ConfigValue::count)?.unwrap_or(default.calls),
        grace: table.read("grace", ConfigValue::duration)?.unwrap_or(default.grace),
    })
}

const PACING: &str = "\"off\", \"gentle\" or a table such as { text = \"30/min\", group = \"5/min\" }";

fn read_pacing(item: &ConfigValue<'_>) -> Result<Pacing, ConfigError> {
    if !item.is_table() {
        let word = item.text(PACING)?;
        return match word.as_str() {
            "off" => Ok(Pacing::Off),
            "gentle" => Ok(Pacing::Gentle),
            _ => Err(item.wrong(PACING)),
        };
    }
    // The logins have a policy of their own, which no rate may loosen.
    let families = Family::ALL.into_iter().filter(|family| *family != Family::Login);
    let names: Vec<_> = families.clone().map(Family::name).collect();
    let table = item.table("pacing", PACING, &names)?;
    let mut rates = BTreeMap::new();
    for family in families {
        if let Some(rate) = table.read(family.name(), read_rate)? {
            rates.insert(family, rate);
        }
    }
    Ok(Pacing::Custom(rates))
}

fn read_rate(item: &ConfigValue<'_>) -> Result<Rate, ConfigError> {
    let expected = "a rate such as \"2/s\", \"30/min\" or \"100/h\"";
    item.text(expected)?.parse().map_err(|_| item.wrong(expected))
}

const HOSTS: &str = "an array of host names such as [\"api.example.com\"]";

fn read_host(item: &ConfigValue<'_>) -> Result<AllowedHost, ConfigError> {
    let wrong = |_| item.wrong("a host name alone, such as \"api.example.com\" or \"api.example.com:8443\"");
    item.name(HOSTS)?.parse().map_err(wrong)
}

/// A text of which its own type knows what it has to be.
fn read_parsed<T: FromStr<Err: Display>>(item: &ConfigValue<'_>) -> Result<T, ConfigError> {
    item.text("a string")?.parse().map_err(|expected: T::Err| item.wrong(&expected.to_string()))
}

fn read_address(item: &ConfigValue<'_>) -> Result<SocketAddr, ConfigError> {
    let expected = "an address such as \"127.0.0.1:8766\"";
    item.text(expected)?.parse().map_err(|_| item.wrong(expected))
}

fn read_public_url(item: &ConfigValue<'_>) -> Result<Url, ConfigError> {
    let expected = "the url under which the world finds the webhooks, such as \"https://bot.example.com\"";
    let url = Url::parse(&item.text(expected)?).ok();
    let is_base = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none();
    url.filter(is_base).ok_or_else(|| item.wrong(expected))
}

fn read_listen(item: &ConfigValue<'_>) -> Result<Option<SocketAddr>, ConfigError> {
    let expected = "an address such as \"127.0.0.1:8765\", or \"off\"";
    match item.text(expected)?.as_str() {
        "off" => Ok(None),
        address => address.parse().map(Some).map_err(|_| item.wrong(expected)),
    }
}
